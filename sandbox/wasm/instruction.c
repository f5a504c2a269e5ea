// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/instruction.h"

#include <assert.h>

bool feature_refuse(struct reader *reader, uint64_t offset, enum feature feature, const char *what)
{
    bool is_off = FEATURES_PROPOSED & FEATURE_BIT(feature);
    enum error_code code = is_off ? ERROR_FEATURE_OFF : ERROR_UNSUPPORTED_FEATURE;

    if (!reader->failed && reader->error->code == ERROR_NONE) {
        error_set(reader->error, code, offset, "%s (%s)", feature_name(feature), what);
        reader->error->detail = (uint8_t)feature;
    }
    return reader_fail_at(reader, offset, code);
}

// A type written as one byte, which is a negative number of seven bits, so that it cannot be taken
// for a type index (binary format: "Types"). The text is for refusals.
struct type_code {
    valtype type; // VALTYPE_BOTTOM for bytes that are no type
    uint8_t feature;
    const char *text;
};

#define REFERENCE(heaptype_, feature_, text_)                                                      \
    {                                                                                              \
        VALTYPE_REF_NULL(HEAPTYPE_##heaptype_), FEATURE_##feature_, text_                          \
    }

enum {
    CODE_FIRST = 0x40,    // the lowest of the negative ones
    CODE_EMPTY = 0x40,    // a block type without a result
    CODE_REF_NULL = 0x63, // (ref null ht)
    CODE_REF = 0x64,      // (ref ht)
    CODE_I16 = 0x77,      // packed types
    CODE_I8 = 0x78,
    MEMOP_ALIGNMENT = 0x3F, // in the flags of a memory argument: logarithm of the alignment
    MEMOP_INDEX = 0x40,     // a memory index follows
    MEMOP_END = 0x80,       // flags are below this
    PREFIX_FIRST = 0xFB,    // bytes that are followed by the opcode's number
    PREFIX_LAST = 0xFE
};

// Grammar Bnumtype, Bvectype, Babsheaptype. An abstract heap type by itself is short for a nullable
// reference to it.
static const struct type_code type_codes[0x80 - CODE_FIRST] = {
    [0x69 - CODE_FIRST] = REFERENCE(EXN, EXCEPTION, "exnref"),
    [0x6A - CODE_FIRST] = REFERENCE(ARRAY, TYPED_REFERENCE, "arrayref"),
    [0x6B - CODE_FIRST] = REFERENCE(STRUCT, TYPED_REFERENCE, "structref"),
    [0x6C - CODE_FIRST] = REFERENCE(I31, TYPED_REFERENCE, "i31ref"),
    [0x6D - CODE_FIRST] = REFERENCE(EQ, TYPED_REFERENCE, "eqref"),
    [0x6E - CODE_FIRST] = REFERENCE(ANY, TYPED_REFERENCE, "anyref"),
    [0x6F - CODE_FIRST] = REFERENCE(EXTERN, CORE, "externref"),
    [0x70 - CODE_FIRST] = REFERENCE(FUNC, CORE, "funcref"),
    [0x71 - CODE_FIRST] = REFERENCE(NONE, TYPED_REFERENCE, "nullref"),
    [0x72 - CODE_FIRST] = REFERENCE(NOEXTERN, TYPED_REFERENCE, "nullexternref"),
    [0x73 - CODE_FIRST] = REFERENCE(NOFUNC, TYPED_REFERENCE, "nullfuncref"),
    [0x74 - CODE_FIRST] = REFERENCE(NOEXN, EXCEPTION, "nullexnref"),
    [0x7B - CODE_FIRST] = {VALTYPE_V128, FEATURE_VECTOR, "v128"},
    [0x7C - CODE_FIRST] = {VALTYPE_F64, FEATURE_CORE, "f64"},
    [0x7D - CODE_FIRST] = {VALTYPE_F32, FEATURE_CORE, "f32"},
    [0x7E - CODE_FIRST] = {VALTYPE_I64, FEATURE_CORE, "i64"},
    [0x7F - CODE_FIRST] = {VALTYPE_I32, FEATURE_CORE, "i32"},
};

#undef REFERENCE

// Whether the next byte is by itself a negative number.
static bool at_type_code(const struct reader *reader)
{
    return !reader_done(reader) && *reader->cursor >= CODE_FIRST && *reader->cursor < 0x80;
}

// A non-negative s33, for a type index. That a negative number takes more than one byte is an
// error: only the one-byte codes mean something.
static uint32_t read_signed_typeidx(struct reader *reader)
{
    uint64_t offset = reader_offset(reader);
    int64_t number = reader_s33(reader);

    if (number < 0)
        reader_fail_at(reader, offset, ERROR_INTEGER_REPRESENTATION_TOO_LONG);
    return (uint32_t)number;
}

static void use_feature(const struct type_names *names, enum feature feature)
{
    if (names->used != NULL)
        *names->used |= FEATURE_BIT(feature);
}

// The type of a code, unless its feature is missing.
static valtype code_type(struct reader *reader, const struct type_names *names, uint64_t offset,
                         const struct type_code *code)
{
    use_feature(names, (enum feature)code->feature);
    if (FEATURES_PRESENT & FEATURE_BIT(code->feature))
        return code->type;
    feature_refuse(reader, offset, (enum feature)code->feature, code->text);
    return VALTYPE_BOTTOM;
}

// A heap type's nullable reference type (grammar Bheaptype). VALTYPE_BOTTOM after an error.
static valtype read_heaptype(struct reader *reader, const struct type_names *names)
{
    uint64_t offset = reader_offset(reader);
    const struct type_code *code;

    if (!at_type_code(reader)) {
        uint32_t typeidx = read_signed_typeidx(reader);

        if (!reader->failed && typeidx < names->count)
            return VALTYPE_REF_NULL(HEAPTYPE_CONCRETE + names->types[typeidx]);
        reader_fail_at(reader, offset, ERROR_UNKNOWN_TYPE);
        return VALTYPE_BOTTOM;
    }
    code = &type_codes[reader_u8(reader) - CODE_FIRST];
    if (!valtype_is_reference(code->type)) {
        reader_fail_at(reader, offset, ERROR_MALFORMED_HEAP_TYPE);
        return VALTYPE_BOTTOM;
    }
    return code_type(reader, names, offset, code);
}

// A value type; `malformed` is the error for a code that stands for none, or not for a reference.
static valtype read_type(struct reader *reader, const struct type_names *names, bool only_reference,
                         enum error_code malformed)
{
    uint64_t offset = reader_offset(reader);
    int32_t number = reader_s7(reader);
    uint8_t byte = (uint8_t)(number & 0x7F);
    const struct type_code *code;

    if (reader->failed)
        return VALTYPE_BOTTOM;
    if (byte == CODE_REF || byte == CODE_REF_NULL) {
        valtype nullable = read_heaptype(reader, names);

        use_feature(names, FEATURE_TYPED_REFERENCE);
        return byte == CODE_REF && !reader->failed ? VALTYPE_REF(valtype_heaptype(nullable))
                                                   : nullable;
    }
    code = &type_codes[byte >= CODE_FIRST ? byte - CODE_FIRST : 0];
    if (code->type == VALTYPE_BOTTOM || (only_reference && !valtype_is_reference(code->type))) {
        reader_fail_at(reader, offset, malformed);
        return VALTYPE_BOTTOM;
    }
    return code_type(reader, names, offset, code);
}

valtype valtype_read(struct reader *reader, const struct type_names *names)
{
    return read_type(reader, names, false, ERROR_MALFORMED_VALUE_TYPE);
}

valtype reftype_read(struct reader *reader, const struct type_names *names)
{
    return read_type(reader, names, true, ERROR_MALFORMED_REFERENCE_TYPE);
}

valtype storagetype_read(struct reader *reader, const struct type_names *names)
{
    uint8_t byte = reader_done(reader) ? 0 : *reader->cursor;

    if (byte != CODE_I8 && byte != CODE_I16)
        return read_type(reader, names, false, ERROR_MALFORMED_STORAGE_TYPE);
    reader_u8(reader);
    return byte == CODE_I8 ? VALTYPE_I8 : VALTYPE_I16;
}

// Grammar Bblocktype: a type index is a non-negative s33, everything else a one-byte code.
static void read_block_type(struct reader *reader, const struct type_names *names,
                            struct instruction *instruction)
{
    if (!at_type_code(reader)) {
        instruction->block = BLOCK_TYPE;
        instruction->index = read_signed_typeidx(reader);
    } else if (*reader->cursor == CODE_EMPTY) {
        reader_u8(reader);
        instruction->block = BLOCK_EMPTY;
    } else {
        instruction->block = BLOCK_RESULT;
        instruction->type = valtype_read(reader, names);
    }
}

// Grammar Bmemarg.
static void read_memarg(struct reader *reader, struct instruction *instruction)
{
    uint64_t offset = reader_offset(reader);
    uint32_t flags = reader_u32(reader);

    if (flags >= MEMOP_END) {
        reader_fail_at(reader, offset, ERROR_MALFORMED_MEMOP_FLAGS);
        return;
    }
    instruction->alignment = flags & MEMOP_ALIGNMENT;
    if (flags & MEMOP_INDEX)
        instruction->index = reader_u32(reader);
    instruction->bits = reader_u64(reader);
}

static void read_zero(struct reader *reader)
{
    uint64_t offset = reader_offset(reader);

    if (reader_u8(reader) != 0)
        reader_fail_at(reader, offset, ERROR_ZERO_BYTE_EXPECTED);
}

// The labels of br_table are only skipped, and checked to be numbers; whoever needs them reads them
// again, rather than that every table is copied.
static void read_label_table(struct reader *reader, struct instruction *instruction)
{
    instruction->count = reader_count(reader, 1);
    instruction->table = reader->cursor;
    for (uint32_t i = 0; i < instruction->count && !reader->failed; i++)
        reader_u32(reader);
    reader_u32(reader); // the default label
}

void catch_read(struct reader *reader, struct catch_clause *clause)
{
    uint64_t offset = reader_offset(reader);
    uint8_t kind = reader_u8(reader);

    *clause = (struct catch_clause){.kind = kind};
    if (kind > CATCH_ANY_REFERENCE)
        reader_fail_at(reader, offset, ERROR_MALFORMED_CATCH_CLAUSE);
    if (kind == CATCH_TAG || kind == CATCH_TAG_REFERENCE)
        clause->tagidx = reader_u32(reader);
    clause->label = reader_u32(reader);
}

static void read_catches(struct reader *reader, struct instruction *instruction)
{
    struct catch_clause clause;

    instruction->count = reader_count(reader, 2);
    instruction->table = reader->cursor;
    for (uint32_t i = 0; i < instruction->count && !reader->failed; i++)
        catch_read(reader, &clause);
}

static void read_select_types(struct reader *reader, const struct type_names *names,
                              struct instruction *instruction)
{
    instruction->count = reader_count(reader, 1);
    for (uint32_t i = 0; i < instruction->count && !reader->failed; i++) {
        valtype type = valtype_read(reader, names);

        if (i == 0)
            instruction->type = type;
    }
}

// The kinds that only vector instructions have. That a lane is one is validation.
static void read_vector_immediate(struct reader *reader, struct instruction *instruction)
{
    switch (opcode_info[instruction->opcode].immediate) {
    case IMMEDIATE_MEMARG0_LANE16:
    case IMMEDIATE_MEMARG1_LANE8:
    case IMMEDIATE_MEMARG2_LANE4:
    case IMMEDIATE_MEMARG3_LANE2:
        read_memarg(reader, instruction);
        instruction->lane = reader_u8(reader);
        break;
    case IMMEDIATE_LANE16:
    case IMMEDIATE_LANE8:
    case IMMEDIATE_LANE4:
    case IMMEDIATE_LANE2:
        instruction->lane = reader_u8(reader);
        break;
    case IMMEDIATE_V128:
    case IMMEDIATE_SHUFFLE:
        instruction->vector = reader_bytes(reader, VECTOR_BYTES);
        break;
    default:
        assert(false); // an immediate of opcodes that are refused
    }
}

// One case for each kind of immediate that an opcode of the features that are present has.
static void read_immediate(struct reader *reader, const struct type_names *names,
                           struct instruction *instruction)
{
    switch (opcode_info[instruction->opcode].immediate) {
    case IMMEDIATE_NONE:
        break;
    case IMMEDIATE_BLOCK_TYPE:
        read_block_type(reader, names, instruction);
        break;
    case IMMEDIATE_TRY_TABLE:
        read_block_type(reader, names, instruction);
        read_catches(reader, instruction);
        break;
    case IMMEDIATE_LABEL:
    case IMMEDIATE_FUNCTION:
    case IMMEDIATE_LOCAL:
    case IMMEDIATE_GLOBAL:
    case IMMEDIATE_TABLE:
    case IMMEDIATE_ELEMENT:
    case IMMEDIATE_MEMORY:
    case IMMEDIATE_DATA:
    case IMMEDIATE_TYPE:
    case IMMEDIATE_TAG:
        instruction->index = reader_u32(reader);
        break;
    case IMMEDIATE_CALL_INDIRECT:
    case IMMEDIATE_TABLE_TABLE:
    case IMMEDIATE_ELEMENT_TABLE:
    case IMMEDIATE_MEMORY_MEMORY:
    case IMMEDIATE_DATA_MEMORY:
        instruction->index = reader_u32(reader);
        instruction->index2 = reader_u32(reader);
        break;
    case IMMEDIATE_LABEL_TABLE:
        read_label_table(reader, instruction);
        break;
    case IMMEDIATE_SELECT_TYPES:
        read_select_types(reader, names, instruction);
        break;
    case IMMEDIATE_HEAP_TYPE:
        instruction->type = read_heaptype(reader, names);
        break;
    case IMMEDIATE_I32:
        instruction->bits = (uint32_t)reader_s32(reader);
        break;
    case IMMEDIATE_I64:
        instruction->bits = (uint64_t)reader_s64(reader);
        break;
    case IMMEDIATE_F32:
        instruction->bits = reader_f32_bits(reader);
        break;
    case IMMEDIATE_F64:
        instruction->bits = reader_f64_bits(reader);
        break;
    case IMMEDIATE_MEMARG0:
    case IMMEDIATE_MEMARG1:
    case IMMEDIATE_MEMARG2:
    case IMMEDIATE_MEMARG3:
    case IMMEDIATE_MEMARG4:
        read_memarg(reader, instruction);
        break;
    case IMMEDIATE_ZERO:
        read_zero(reader);
        break;
    default:
        read_vector_immediate(reader, instruction);
    }
}

// The opcode, of one byte or of a prefix and a number; OPCODE_INVALID after an error.
static uint16_t read_opcode(struct reader *reader)
{
    uint64_t offset = reader_offset(reader);
    uint8_t byte = reader_u8(reader);
    bool is_prefix = byte >= PREFIX_FIRST && byte <= PREFIX_LAST;
    uint32_t code = is_prefix ? reader_u32(reader) : byte;
    uint16_t opcode = is_prefix ? opcode_of_prefixed(byte, code) : opcode_of_byte[byte];

    if (reader->failed)
        return OPCODE_INVALID;
    if (opcode == OPCODE_INVALID) {
        if (is_prefix)
            error_set(reader->error, ERROR_ILLEGAL_OPCODE, offset, "%02x %02x", byte, code);
        else
            error_set(reader->error, ERROR_ILLEGAL_OPCODE, offset, "%02x", byte);
        reader_fail_at(reader, offset, ERROR_ILLEGAL_OPCODE);
    }
    return opcode;
}

// Everything that the short forms below leave.
static __attribute__((noinline)) bool
read_any(struct reader *reader, const struct type_names *names, struct instruction *instruction)
{
    const struct opcode_info *info;

    instruction->opcode = read_opcode(reader);
    if (instruction->opcode == OPCODE_INVALID)
        return false;
    info = &opcode_info[instruction->opcode];
    if (!((FEATURES_PRESENT | names->features) & FEATURE_BIT(info->feature)))
        return feature_refuse(reader, instruction->offset, (enum feature)info->feature,
                              info->mnemonic);
    use_feature(names, (enum feature)info->feature);
    read_immediate(reader, names, instruction);
    return !reader->failed;
}

// Most instructions of real modules have at most one immediate of one byte, or a memarg of two. Of
// these forms everything is looked up: which one comes next nothing can predict, so that branches
// on it would cost more than all the rest.
struct short_form {
    uint8_t length;   // in bytes with the opcode; 0: none
    uint8_t index;    // bits of the first immediate that are an index
    uint8_t constant; // it is a signed number instead
    uint16_t more;    // bits of the two bytes behind the opcode that, if set, mean another form
};

static const struct short_form short_forms[IMMEDIATE_COUNT] = {
    [IMMEDIATE_NONE] = {.length = 1},
    [IMMEDIATE_LABEL] = {.length = 2, .index = 0x7F, .more = 0x80},
    [IMMEDIATE_FUNCTION] = {.length = 2, .index = 0x7F, .more = 0x80},
    [IMMEDIATE_LOCAL] = {.length = 2, .index = 0x7F, .more = 0x80},
    [IMMEDIATE_GLOBAL] = {.length = 2, .index = 0x7F, .more = 0x80},
    [IMMEDIATE_I32] = {.length = 2, .constant = true, .more = 0x80},
    [IMMEDIATE_MEMARG0] = {.length = 3, .more = 0x80 << 8 | 0x80 | MEMOP_INDEX},
    [IMMEDIATE_MEMARG1] = {.length = 3, .more = 0x80 << 8 | 0x80 | MEMOP_INDEX},
    [IMMEDIATE_MEMARG2] = {.length = 3, .more = 0x80 << 8 | 0x80 | MEMOP_INDEX},
    [IMMEDIATE_MEMARG3] = {.length = 3, .more = 0x80 << 8 | 0x80 | MEMOP_INDEX},
};

#define SHORT_BYTES 3 // that must be left to look for a short form

// Reads a short form of that opcode, whose byte comes next; false if what comes is none.
static inline bool read_short(struct reader *reader, uint16_t opcode,
                              struct instruction *instruction)
{
    const struct short_form *form = &short_forms[opcode_info[opcode].immediate];
    uint8_t first = reader->cursor[1], second = reader->cursor[2];

    if (form->length == 0 || (form->more & (first | second << 8)) != 0)
        return false;
    instruction->opcode = opcode;
    instruction->index = first & form->index;
    instruction->alignment = first;
    instruction->bits = form->constant ? (uint32_t)((int32_t)(first ^ 0x40) - 0x40) : second;
    reader->cursor += form->length;
    return true;
}

bool instruction_read(struct reader *reader, const struct type_names *names,
                      struct instruction *instruction)
{
    *instruction = (struct instruction){.offset = reader_offset(reader)};
    if (reader_remaining(reader) >= SHORT_BYTES) {
        uint16_t opcode = opcode_of_byte[*reader->cursor];
        if (opcode != OPCODE_INVALID && opcode_info[opcode].feature == FEATURE_CORE &&
            read_short(reader, opcode, instruction))
            return true;
    }
    return read_any(reader, names, instruction);
}
