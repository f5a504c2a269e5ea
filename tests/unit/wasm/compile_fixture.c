// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/compile_fixture.h"

#include <inttypes.h>
#include <stdio.h>

enum { TYPES_MAX = 2000, TEXT_BYTES = 64 * 1024 };

struct type_store store;
struct module module;
struct error error;
struct compile_options options;
uint32_t features;
uint8_t *module_bytes;

static char text[TEXT_BYTES];
static size_t text_length;

int open_compiler(void **state)
{
    (void)state;
    error_clear(&error);
    options = (struct compile_options){.code_bytes_max = 1024 * 1024};
    features = 0;
    build_begin();
    return type_store_init(&store, TYPES_MAX, &error) ? 0 : -1;
}

static void forget_module(void)
{
    module_finish(&module);
    free(module_bytes);
    module_bytes = NULL;
}

int close_compiler(void **state)
{
    (void)state;
    forget_module();
    type_store_finish(&store);
    build_begin();
    return 0;
}

bool compile(void)
{
    size_t size;

    forget_module();
    error_clear(&error);
    module_bytes = build_end(&size);
    return module_decode(&module, &store, features, module_bytes, size, &error) &&
           module_compile(&module, &store, &options, &error);
}

void compile_accept(void)
{
    if (!compile())
        fail_msg("%s at %" PRIu64, error.message, error.offset);
    assert_int_equal(error.code, ERROR_NONE);
}

void compile_refuse(enum error_code code, uint64_t offset)
{
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.code, code);
    assert_int_equal(error.offset, offset);
}

void accept_function(const char *signature, const char *locals, const uint8_t *code, size_t length)
{
    build_begin();
    build_function(signature, locals, code, length);
    compile_accept();
}

void refuse_function(const char *signature, const char *locals, enum error_code code, size_t at,
                     const uint8_t *bytes, size_t length)
{
    build_begin();
    build_function(signature, locals, bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.code, code);
    assert_int_equal(error.offset, build_code_offset(0) + at);
}

// --- cells as text ---

static void write_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void write_text(const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(text + text_length, sizeof text - text_length, format, arguments);
    va_end(arguments);
    assert_in_range(written, 0, sizeof text - text_length - 1);
    text_length += (size_t)written;
}

static uint32_t length_of(const struct cell *cell)
{
    return operation_length(cell, (uint32_t)cell->handler);
}

static const struct cell *next_cell(const struct cell *cell)
{
    return (const struct cell *)(const void *)((const uint8_t *)cell + length_of(cell));
}

static bool is_inside(const struct code *code, const struct cell *cell)
{
    return (const uint8_t *)cell < code->entry + code->size;
}

const struct cell *cell_at(uint32_t body, uint32_t number)
{
    const struct code *code = &module.codes[body];
    const struct cell *cell = (const struct cell *)(const void *)code->entry;

    for (; number > 0; number--)
        cell = next_cell(cell);
    assert_true(is_inside(code, cell));
    return cell;
}

uint32_t cell_count(uint32_t body)
{
    const struct code *code = &module.codes[body];
    uint32_t count = 0;

    for (const struct cell *cell = (const struct cell *)(const void *)code->entry;
         is_inside(code, cell); cell = next_cell(cell))
        count++;
    return count;
}

// A branch must go to where a cell begins.
static void write_target(const struct code *code, const int32_t *displacement)
{
    const uint8_t *target = (const uint8_t *)displacement + *displacement;
    const struct cell *cell = (const struct cell *)(const void *)code->entry;
    unsigned number = 0;

    for (; is_inside(code, cell); cell = next_cell(cell), number++) {
        if ((const uint8_t *)cell == target) {
            write_text(" @%u", number);
            return;
        }
    }
    fail_msg("a branch goes to no cell: %s", text);
}

static void write_table(const struct code *code, const struct cell *cell)
{
    const int32_t *entries = (const int32_t *)(const void *)cell->wide;

    for (uint32_t i = 0; i <= cell->imm; i++)
        write_target(code, entries + i);
}

// The fields of a cell by letters: a b c d = slots, > = the next one is the result's, g = number,
// s = signed number, w = 64-bit number, h = signed 16-bit number in b, f and F = floats in the
// immediate and the wide field, @ = branch target, T = label table.
static void write_fields(const struct code *code, const struct cell *cell, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const uint16_t fields[] = {cell->a, cell->b, cell->c, cell->d};
        double wide;
        float narrow;

        switch (*letters) {
        case '>':
            write_text(" ->");
            break;
        case 'g':
            write_text(" %" PRIu32, cell->imm);
            break;
        case 's':
            write_text(" %" PRId32, cell->displacement);
            break;
        case 'w':
            write_text(" %" PRIu64, cell->wide[0]);
            break;
        case 'h':
            write_text(" %d", (int16_t)cell->b);
            break;
        case 'f':
            memcpy(&narrow, &cell->imm, sizeof narrow);
            write_text(" %gf", (double)narrow);
            break;
        case 'F':
            memcpy(&wide, cell->wide, sizeof wide);
            write_text(" %gF", wide);
            break;
        case '@':
            write_target(code, &cell->displacement);
            break;
        case 'T':
            write_table(code, cell);
            break;
        default:
            write_text(" $%u", (unsigned)fields[*letters - 'a']);
        }
    }
}

// The operations that are in no family, by the beginning of their names: the first that fits.
static const struct {
    const char *name;
    const char *letters;
} layouts[] = {
    {"move.", "a>b"},
    {"set.", ">b"},
    {"const.u32", "g>b"},
    {"const.s32", "s>b"},
    {"const.64", "w>b"},
    {"global.get.", "g>b"},
    {"global.set.64.s", "ag"},
    {"global.set.stack.i32.s", "agw"},
    {"global.set.stack.i64.s", "agw"},
    {"global.set.stack.", "gw"},
    {"global.set.f32.s", "ag"},
    {"global.set.v128.s", "ag"},
    {"v128.const", ">b"},
    {"global.set.", "g"},
    {"br_table.s", "aT"},
    {"br_table.r", "T"},
    {"br", "@"},
    {"unreachable", ""},
    {"throw_ref", "a"},
    {"throw", "ga"},
    {"fuel", "g"},
    {"call_indirect.s", "bgwa"},
    {"call_indirect.r", "gwa"},
    {"call_ref.s", "ba"},
    {"call_ref.r", "a"},
    {"call", "ga"},
    {"return_call_indirect.s", "baw"},
    {"return_call_indirect.r", "aw"},
    {"return_call_ref.s", "ba"},
    {"return_call_ref.r", "a"},
    {"return_call", "wa"},
    {"return.0", ""},
    {"memory.size", "g>b"},
    {"table.size", "g>b"},
    {"ref.func", "g>a"},
    {"ref.as_non_null.s", "a"},
    {"ref.as_non_null.r", ""},
    {"memory.copy", "agw"},
    {"memory.init", "agw"},
    {"table.copy", "agw"},
    {"table.init", "agw"},
    {"data.drop", "g"},
    {"elem.drop", "g"},
    {"memory.", "ag"},
    {"table.", "ag"},
};

static bool ends_with(const char *name, const char *end)
{
    return strlen(name) >= strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static const char *layout_of(const char *name)
{
    if (strncmp(name, "select.", 7) == 0)
        return ends_with(name, ".s") || ends_with(name, ".s.n") ? "abc>d" : "ab>d";
    if (strncmp(name, "return.", 7) == 0 && ends_with(name, ".s"))
        return "a";
    if (strncmp(name, "return.", 7) == 0)
        return "";
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (strncmp(name, layouts[i].name, strlen(layouts[i].name)) == 0)
            return layouts[i].letters;
    fail_msg("no layout for %s", name);
    return "";
}

// The letters of one operand of an arithmetic operation; `field` is the next slot field.
static void add_operand(char *letters, char form, const char *type, char *field)
{
    size_t length = strlen(letters);

    if (form == 's')
        letters[length++] = (*field)++;
    else if (form == 'i')
        letters[length++] = type[0] == 'i' ? 's' : type[1] == '3' ? 'f' : 'F';
    letters[length] = '\0';
}

// Loads and stores: address, offset, the value of a store; checked ones have memidx and offset.
static void access_layout(char *letters, const char *form, bool is_store, bool checked)
{
    strcpy(letters, form[0] == 's' ? "a" : "");
    strcat(letters, checked ? "gw" : "g");
    if (!is_store)
        strcat(letters, ">b");
    else if (form[1] == 's')
        strcat(letters, "b");
    else if (form[1] == 'i')
        strcat(letters, "h");
}

// Vectors: an operand in a slot has the field of its place among the operands; lanes are not shown.
static void vector_layout(char *letters, const struct operation_info *info)
{
    bool unstored = info->destination == 0 && info->family != FAMILY_STORE_LANE;
    char base[64];

    snprintf(base, sizeof base, "%s", info->name);
    if (unstored && ends_with(base, ".n"))
        base[strlen(base) - 2] = '\0';
    const char *form = strrchr(base, '.') + 1;
    for (char field = 'a'; *form != '\0'; form++, field++) {
        if (*form == 's')
            *letters++ = field;
        else if (*form == 'i')
            *letters++ = 'h';
    }
    *letters++ = '>';
    *letters++ = (char)(info->destination != 0 ? 'a' + info->destination - 1 : 'a');
    *letters = '\0';
}

static void family_layout(char *letters, const struct operation_info *info)
{
    const char *name = info->name;
    bool checked = strncmp(name, "checked.", 8) == 0;
    char base[40], field = 'a', form[3] = "";

    snprintf(base, sizeof base, "%s", checked ? name + 8 : name);
    if (ends_with(base, ".n") && info->destination == 0 && info->family != FAMILY_STORE &&
        info->family != FAMILY_BRANCH)
        base[strlen(base) - 2] = '\0';
    snprintf(form, sizeof form, "%s", strrchr(base, '.') + 1);
    if (info->family == FAMILY_LOAD || info->family == FAMILY_STORE) {
        access_layout(letters, form, info->family == FAMILY_STORE, checked);
        return;
    }
    const char *type = strncmp(base, "br", 2) == 0 ? strchr(base, '.') + 1 : base;
    letters[0] = '\0';
    add_operand(letters, form[0], type, &field);
    if (form[0] == 'r') // the right operand's field is always b
        field = 'b';
    if (form[1] != '\0')
        add_operand(letters, form[1], type, strcmp(form, "is") == 0 ? &(char){'a'} : &field);
    if (info->family == FAMILY_BRANCH) {
        if (form[1] == 'i' && type[0] == 'i')
            letters[strlen(letters) - 1] = 'h';
        strcat(letters, "@");
    } else {
        strcat(letters, strchr(form, 'i') != NULL || form[1] == '\0' ? ">b" : ">c");
    }
}

static void write_cell(const struct code *code, const struct cell *cell)
{
    const struct operation_info *info = &operation_info[cell->handler];
    char letters[16];

    write_text("%s%s", text_length == 0 ? "" : "; ", info->name);
    if (strncmp(info->name, "zero", 4) == 0) { // first slot, number
        write_text(" $%u %u", (unsigned)cell->a, (unsigned)cell->b);
        return;
    }
    if (info->family == FAMILY_OTHER)
        snprintf(letters, sizeof letters, "%s", layout_of(info->name));
    else if (info->family >= FAMILY_VECTOR)
        vector_layout(letters, info);
    else
        family_layout(letters, info);
    // What ends in .n writes no slot.
    char *result = strchr(letters, '>');
    if (result != NULL && info->destination == 0 && strcmp(info->name, "ref.func") != 0)
        *result = '\0';
    if (info->destination != 0) {
        assert_non_null(result);
        assert_int_equal(result[1] - 'a' + 1, info->destination);
    }
    write_fields(code, cell, letters);
}

const char *cells_text(const struct code *code)
{
    text_length = 0;
    text[0] = '\0';
    for (const struct cell *cell = (const struct cell *)(const void *)code->entry;
         is_inside(code, cell); cell = next_cell(cell)) {
        assert_in_range(cell->handler, 0, OPERATION_COUNT - 1);
        write_cell(code, cell);
    }
    return text;
}

const char *code_text(uint32_t body)
{
    assert_in_range(body, 0, module.body_count - 1);
    return cells_text(&module.codes[body]);
}

void assert_code(uint32_t body, const char *expected)
{
    assert_string_equal(code_text(body), expected);
}

void assert_translation(const char *signature, const char *locals, const char *expected,
                        const uint8_t *code, size_t length)
{
    accept_function(signature, locals, code, length);
    assert_code(0, expected);
}
