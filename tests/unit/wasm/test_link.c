// SPDX-License-Identifier: Apache-2.0
// Linking: which handlers cells get. Fused sequences are compared with the best that trying
// everything finds.
#include "tests/unit/wasm/compile_fixture.h"

#include <stdio.h>

#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/link.h"

#define HANDLER_ADDRESS(name_) name_,
#define HANDLER_NAME(name_)    #name_,

// By operation number, then by sequence.
static handler *const handlers[] = {HANDLER_LIST(HANDLER_ADDRESS)};
static const char *const handler_names[] = {HANDLER_LIST(HANDLER_NAME)};

#undef HANDLER_ADDRESS
#undef HANDLER_NAME

enum { CELLS_MAX = 2000, NOTHING = UINT16_MAX };

// The sequences, as the names of their handlers say: operations joined by two underscores.
struct sequence {
    uint16_t operations[4];
    uint32_t count;
};
static struct sequence sequences[SEQUENCE_COUNT];

// A body's cells before linking.
static struct {
    uint32_t count;
    uint16_t operations[CELLS_MAX];
    const struct cell *cells[CELLS_MAX];
} before;

static void handler_name_of(char *name, size_t size, const uint16_t *operations, uint32_t count)
{
    size_t length = (size_t)snprintf(name, size, "run_");

    for (uint32_t i = 0; i < count; i++)
        length += (size_t)snprintf(name + length, size - length, "%s%s", i > 0 ? "__" : "",
                                   operation_info[operations[i]].name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '.')
            *c = '_';
}

// The operation that a part of a handler's name stands for.
static uint16_t operation_named(const char *name, size_t length)
{
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        const char *candidate = handler_names[i] + strlen("run_");

        if (strlen(candidate) == length && memcmp(candidate, name, length) == 0)
            return (uint16_t)i;
    }
    fail_msg("no operation of the name %s", name);
    return NOTHING;
}

static int read_sequences(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SEQUENCE_COUNT; i++) {
        const char *name = handler_names[OPERATION_COUNT + i] + strlen("run_");

        for (const char *end; name != NULL; name = end == NULL ? NULL : end + 2) {
            end = strstr(name, "__");
            assert_in_range(sequences[i].count, 0, 3);
            sequences[i].operations[sequences[i].count++] =
                operation_named(name, end == NULL ? strlen(name) : (size_t)(end - name));
        }
    }
    return 0;
}

static uint32_t number_of(uint64_t word)
{
    for (uint32_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
        if ((uint64_t)(uintptr_t)handlers[i] == word)
            return i;
    fail_msg("no handler");
    return 0;
}

// How many cells a handler runs.
static uint32_t cells_of(uint32_t handler_number)
{
    return handler_number < OPERATION_COUNT ? 1 : sequences[handler_number - OPERATION_COUNT].count;
}

// Compiles, remembers the cells of a body, and links it.
static void link_body(uint32_t body)
{
    compile_accept();
    before.count = cell_count(body);
    assert_in_range(before.count, 1, CELLS_MAX - 1);
    for (uint32_t i = 0; i < before.count; i++) {
        before.cells[i] = cell_at(body, i);
        before.operations[i] = (uint16_t)before.cells[i]->handler;
    }
    link_module(&module);
    assert_true(link_code(&module, &module.codes[body]));
    assert_true(module.codes[body].linked);
}

static void link_function(const char *signature, const char *locals, const uint8_t *code,
                          size_t length)
{
    build_begin();
    build_memory(1, NO_MAXIMUM);
    build_function(signature, locals, code, length);
    link_body(0);
}

static const char *handler_at(uint32_t cell)
{
    return handler_names[number_of(before.cells[cell]->handler)];
}

/* Tables. */

static void handlers_are_in_the_order_of_the_numbers(void **state)
{
    char name[160];

    (void)state;
    assert_int_equal(sizeof handlers / sizeof handlers[0], OPERATION_COUNT + SEQUENCE_COUNT);
    for (uint16_t i = 0; i < OPERATION_COUNT; i++) {
        handler_name_of(name, sizeof name, &i, 1);
        assert_string_equal(handler_names[i], name);
    }
}

static void trie_accepts_the_sequences_by_their_names(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SEQUENCE_COUNT; i++) {
        uint32_t at, trie_state = 0;

        for (uint32_t j = 0; j < sequences[i].count; j++) {
            at = (uint32_t)sequence_base[trie_state] + sequences[i].operations[j];
            assert_int_equal(sequence_check[at], trie_state);
            trie_state = sequence_child[at];
        }
        assert_int_equal(sequence_accepted[trie_state], i + 1);
    }
}

/* Choice. */

static bool fits(const struct sequence *sequence, uint32_t cell)
{
    return cell + sequence->count <= before.count &&
           memcmp(sequence->operations, before.operations + cell,
                  sequence->count * sizeof sequence->operations[0]) == 0;
}

// The fewest dispatches from each cell to the end, by trying every sequence everywhere.
static void fewest_dispatches(uint32_t *fewest)
{
    fewest[before.count] = 0;
    for (uint32_t cell = before.count; cell-- > 0;) {
        fewest[cell] = 1 + fewest[cell + 1];
        for (uint32_t i = 0; i < SEQUENCE_COUNT; i++)
            if (fits(&sequences[i], cell) && 1 + fewest[cell + sequences[i].count] < fewest[cell])
                fewest[cell] = 1 + fewest[cell + sequences[i].count];
    }
}

// Each handler fits the cells it stands at, and from every cell on the fewest dispatches are left.
static void assert_best_choice(void)
{
    static uint32_t fewest[CELLS_MAX];

    fewest_dispatches(fewest);
    for (uint32_t cell = 0; cell < before.count; cell++) {
        uint32_t number = number_of(before.cells[cell]->handler);

        if (number < OPERATION_COUNT)
            assert_int_equal(number, before.operations[cell]);
        else
            assert_true(fits(&sequences[number - OPERATION_COUNT], cell));
        assert_int_equal(1 + fewest[cell + cells_of(number)], fewest[cell]);
    }
}

static void single_cells_get_their_own_handlers(void **state)
{
    (void)state;
    link_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 3, I32_DIV_U));
    assert_string_equal(handler_at(0), "run_i32_div_u_si_n");
    assert_string_equal(handler_at(1), "run_return_integer_r");
}

static void two_cells_are_fused(void **state)
{
    (void)state;
    link_function("ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    assert_string_equal(handler_at(0), "run_i32_add_ss_n__return_integer_r");
    link_function("ii:i", "",
                  CODE(LOCAL_GET, 0, I32_CONST, 4, I32_ADD, I32_LOAD, 2, 8, LOCAL_SET, 1, LOCAL_GET,
                       1, I32_CLZ));
    assert_string_equal(handler_at(0), "run_i32_add_si_n__i32_load_r");
}

static void inner_cells_keep_handlers_of_their_own(void **state)
{
    (void)state;
    link_function("ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    assert_string_equal(handler_at(1), "run_return_integer_r");
}

static void operands_stay_as_they_are(void **state)
{
    (void)state;
    link_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 4, I32_ADD, I32_LOAD, 2, 8));
    assert_int_equal(before.cells[0]->a, 0);
    assert_int_equal(before.cells[0]->imm, 4);
    assert_int_equal(before.cells[1]->imm, 8);
}

static void choice_is_the_best_for_moves_in_a_row(void **state)
{
    (void)state;
    // Sequences of two to four moves, and one ending in a branch, overlap in every way.
    for (uint32_t moves = 1; moves < 40; moves++) {
        struct bytes code = {0};

        put_all(&code, CODE(LOOP, EMPTY));
        for (uint32_t i = 0; i < moves; i++)
            put_all(&code, CODE(LOCAL_GET, 0, LOCAL_SET, 1));
        put_all(&code, CODE(BR, 0, END));
        link_function("II:", "", code.data, code.length);
        assert_int_equal(before.count, moves + 1);
        assert_best_choice();
        bytes_free(&code);
    }
}

// A pseudo-random number below `bound`.
static uint32_t random_below(uint32_t bound)
{
    static uint64_t seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % bound;
}

static void put_random_piece(struct bytes *code)
{
    static const uint8_t operators[] = {I32_ADD, I32_ADD, I32_ADD, I32_MUL,   I32_AND,
                                        I32_XOR, I32_OR,  I32_SHL, I32_SHR_U, I32_ROTL};
    uint8_t x = (uint8_t)random_below(4), y = (uint8_t)random_below(4);

    switch (random_below(7)) {
    case 0:
        put_all(code, CODE(I32_CONST, 5, LOCAL_SET, x));
        break;
    case 1:
        put_all(code, CODE(LOCAL_GET, y, LOCAL_SET, x));
        break;
    case 2:
        put_all(code, CODE(LOCAL_GET, y, I32_LOAD, 2, 0, LOCAL_SET, x));
        break;
    case 3:
        put_all(code, CODE(LOCAL_GET, x, LOCAL_GET, y, I32_STORE, 2, 0));
        break;
    case 4:
        put_all(code, CODE(LOCAL_GET, x, I32_CONST, 1, I32_ADD, LOCAL_TEE, x, LOCAL_GET, y,
                           I32_LT_U, BR_IF, 0));
        break;
    default:
        put_all(code, CODE(LOCAL_GET, x, LOCAL_GET, y));
        put(code, operators[random_below(sizeof operators)]);
        put_all(code, CODE(I32_CONST, 3));
        put(code, operators[random_below(sizeof operators)]);
        put_all(code, CODE(LOCAL_SET, x));
    }
}

static void choice_is_the_best_for_random_code(void **state)
{
    uint32_t fused = 0;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct bytes code = {0};

        put_all(&code, CODE(LOOP, EMPTY));
        for (uint32_t i = random_below(30); i > 0; i--)
            put_random_piece(&code);
        put(&code, END);
        link_function("iiii:", "", code.data, code.length);
        assert_best_choice();
        for (uint32_t i = 0; i < before.count; i++)
            fused += cells_of(number_of(before.cells[i]->handler)) > 1;
        bytes_free(&code);
    }
    assert_in_range(fused, 500, 100000);
}

// Cells that no compiler would put next to each other, out of parts of sequences.
static uint32_t put_random_cells(uint8_t *at, uint32_t count)
{
    uint32_t offset = 0;

    for (before.count = 0; before.count < count;) {
        const struct sequence *sequence = &sequences[random_below(SEQUENCE_COUNT)];
        uint32_t length = 1 + random_below(sequence->count);

        for (uint32_t i = 0; i < length; i++) {
            struct cell *cell = (struct cell *)(void *)(at + offset);
            const struct operation_info *info = &operation_info[sequence->operations[i]];

            if ((info->flags & OPERATION_IS_TERMINATOR) != 0)
                break;
            cell->handler = sequence->operations[i];
            before.cells[before.count] = cell;
            before.operations[before.count++] = sequence->operations[i];
            offset += info->length;
        }
    }
    return offset;
}

static void choice_is_the_best_for_any_cells(void **state)
{
    static uint64_t cells[3 * 100];
    struct code code = {.entry = (uint8_t *)cells};

    (void)state;
    for (int round = 0; round < 3000; round++) {
        code.size = put_random_cells(code.entry, 1 + random_below(80));
        assert_in_range(code.size, 16, sizeof cells);
        assert_true(link_code(&module, &code));
        assert_best_choice();
    }
}

/* Jumps. */

static void jump_to_a_return_returns(void **state)
{
    (void)state;
    link_function("i:", "",
                  CODE(BLOCK, EMPTY, LOCAL_GET, 0, IF, EMPTY, I32_CONST, 1, LOCAL_SET, 0, BR, 1,
                       END, I32_CONST, 2, LOCAL_SET, 0, END));
    // The branch out of the inner block has become a return.
    assert_int_equal(before.operations[2], OPERATION_BR);
    assert_string_equal(handler_at(2), "run_return_0");
    assert_int_equal(before.cells[2]->d, 1);
}

static void jump_to_a_return_of_a_value_takes_it_from_the_same_slot(void **state)
{
    (void)state;
    link_function(
        "ii:i", "",
        CODE(LOCAL_GET, 0, IF, I32, LOCAL_GET, 1, I32_CLZ, ELSE, LOCAL_GET, 1, I32_CTZ, END));
    assert_int_equal(before.operations[2], OPERATION_BR);
    assert_string_equal(handler_at(2), "run_return_integer_s");
    assert_int_equal(before.cells[2]->a, 4);
    assert_int_equal(before.cells[2]->d, 2);
}

static void jump_to_anything_else_stays(void **state)
{
    (void)state;
    link_function("i:", "",
                  CODE(BLOCK, EMPTY, LOCAL_GET, 0, IF, EMPTY, I32_CONST, 1, LOCAL_SET, 0, BR, 1,
                       END, I32_CONST, 2, LOCAL_SET, 0, END, LOCAL_GET, 0, I32_CLZ, LOCAL_SET, 0));
    assert_int_equal(before.operations[2], OPERATION_BR);
    assert_int_equal(number_of(before.cells[2]->handler), OPERATION_BR);
    link_function("i:", "", CODE(LOOP, EMPTY, BR, 0, END));
    assert_int_equal(number_of(before.cells[0]->handler), OPERATION_BR);
}

/* Calls and entries. */

static void direct_call_knows_its_callee(void **state)
{
    (void)state;
    build_begin();
    build_import_function("m", "f", ":");
    build_function("ii:", "ii", NO_CODE);
    build_function(":i", "i", CODE(LOCAL_GET, 0));
    build_function("i:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL, 1, CALL, 2, DROP));
    link_body(2);
    assert_int_equal(before.operations[2], OPERATION_CALL);
    assert_int_equal(before.cells[2]->b, 4);
    assert_int_equal(before.cells[2]->wide[0], (uint64_t)(uintptr_t)module.codes[0].entry);
    assert_int_equal(before.cells[3]->b, 1);
    assert_int_equal(before.cells[3]->wide[0], (uint64_t)(uintptr_t)module.codes[1].entry);
}

static void direct_tail_call_knows_its_callee(void **state)
{
    (void)state;
    build_begin();
    build_import_function("m", "f", ":");
    build_function("ii:", "ii", NO_CODE);
    build_function("i:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 0, RETURN_CALL, 1));
    link_body(1);
    assert_int_equal(before.operations[2], OPERATION_RETURN_CALL);
    assert_int_equal(before.cells[2]->b, 4);
    assert_int_equal(before.cells[2]->wide[0], (uint64_t)(uintptr_t)module.codes[0].entry);
}

static void first_cell_links_its_function_on_the_first_call(void **state)
{
    (void)state;
    build_function("i:i", "i", CODE(LOCAL_GET, 1));
    build_function("i:i", "", CODE(LOCAL_GET, 0, I32_CLZ));
    compile_accept();
    link_module(&module);
    for (uint32_t i = 0; i < 2; i++) {
        const struct cell *first = (const struct cell *)(const void *)module.codes[i].entry;

        assert_int_equal(first->handler, (uint64_t)(uintptr_t)run_link);
        assert_false(module.codes[i].linked);
    }
    assert_int_equal(module.codes[0].first_operation, OPERATION_ZERO);
    assert_int_equal(module.codes[1].first_operation, OPERATION_I32_CLZ_S_N);
    // Linking one leaves the other.
    assert_true(link_code(&module, &module.codes[1]));
    assert_string_equal(handler_names[number_of(
                            ((const struct cell *)(const void *)module.codes[1].entry)->handler)],
                        "run_i32_clz_s_n");
    assert_int_equal(((const struct cell *)(const void *)module.codes[0].entry)->handler,
                     (uint64_t)(uintptr_t)run_link);
}

static void constant_expression_can_be_linked(void **state)
{
    const struct cell *first;

    (void)state;
    build_global(I32, false, CODE(I32_CONST, 40, I32_CONST, 2, I32_ADD));
    compile_accept();
    link_module(&module);
    assert_true(link_code(&module, module.globals[0].initial.code));
    first = (const struct cell *)(const void *)module.globals[0].initial.code->entry;
    assert_in_range(number_of(first->handler), 0, OPERATION_COUNT + SEQUENCE_COUNT - 1);
    assert_true(module.globals[0].initial.code->linked);
}

static void label_table_is_no_cell(void **state)
{
    (void)state;
    link_function("i:", "",
                  CODE(BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE, 4, 0, 1, 0, 1, 0, END,
                       I32_CONST, 1, LOCAL_SET, 0, END));
    assert_int_equal(before.count, 3);
    for (uint32_t i = 0; i <= 4; i++) {
        const int32_t *entry = (const int32_t *)(const void *)before.cells[0]->wide + i;

        assert_ptr_equal((const uint8_t *)entry + *entry, before.cells[i % 2 == 0 ? 1 : 2]);
    }
    assert_best_choice();
}

static const struct CMUnitTest tests[] = {
    TEST(handlers_are_in_the_order_of_the_numbers),
    TEST(trie_accepts_the_sequences_by_their_names),
    TEST(single_cells_get_their_own_handlers),
    TEST(two_cells_are_fused),
    TEST(inner_cells_keep_handlers_of_their_own),
    TEST(operands_stay_as_they_are),
    TEST(choice_is_the_best_for_moves_in_a_row),
    TEST(choice_is_the_best_for_random_code),
    TEST(choice_is_the_best_for_any_cells),
    TEST(jump_to_a_return_returns),
    TEST(jump_to_a_return_of_a_value_takes_it_from_the_same_slot),
    TEST(jump_to_anything_else_stays),
    TEST(direct_call_knows_its_callee),
    TEST(direct_tail_call_knows_its_callee),
    TEST(first_cell_links_its_function_on_the_first_call),
    TEST(constant_expression_can_be_linked),
    TEST(label_table_is_no_cell),
};

int main(void)
{
    return cmocka_run_group_tests(tests, read_sequences, NULL);
}
