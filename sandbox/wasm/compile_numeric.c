// SPDX-License-Identifier: Apache-2.0
//
// The instructions that the tables describe in full: arithmetic, comparisons, conversions, loads
// and stores. What is left to decide here is the form: where each operand is.
#include "sandbox/base/checked.h"
#include "sandbox/wasm/translate.h"

// Can the constant stand in the cell? i64 immediates are sign-extended from 32 bits.
static bool fits_immediate(const struct operand *operand)
{
    return operand->type != VALTYPE_I64 || (int64_t)operand->value == (int32_t)operand->value;
}

static enum form_place place_of(const struct compiler *c, const struct operand *operand)
{
    if (operand->place == OPERAND_CONSTANT && fits_immediate(operand))
        return IMMEDIATE;
    return operand_in_accumulator(c, operand) ? IN_ACCUMULATOR : IN_SLOT;
}

// The two operands with their places. At most one is in the accumulator and one immediate.
struct pair {
    struct operand *left, *right;
    enum form_place left_place, right_place;
};

static void exchange(struct pair *pair)
{
    struct pair old = *pair;

    *pair = (struct pair){old.right, old.left, old.right_place, old.left_place};
}

static struct pair find_pair(struct compiler *c)
{
    struct pair pair = {.left = c->top - 2, .right = c->top - 1};

    // Constants that must go to slots first: that changes no accumulator.
    if (pair.right->place == OPERAND_CONSTANT && !fits_immediate(pair.right))
        materialise(c, pair.right);
    if (pair.left->place == OPERAND_CONSTANT &&
        (pair.right->place == OPERAND_CONSTANT || !fits_immediate(pair.left)))
        materialise(c, pair.left);
    pair.left_place = place_of(c, pair.left);
    pair.right_place = place_of(c, pair.right);
    // The same local twice: one of them through the slot.
    if (pair.left_place == IN_ACCUMULATOR && pair.right_place == IN_ACCUMULATOR)
        pair.right_place = IN_SLOT;
    return pair;
}

static void put_immediate(struct cell *cell, const struct operand *operand)
{
    if (operand->type == VALTYPE_F64)
        cell->wide[0] = operand->value;
    else
        cell->imm = (uint32_t)operand->value;
}

static enum binary_form form_of(const struct pair *pair)
{
    static const uint8_t forms[3][3] = {
        [IN_SLOT] = {FORM_SS, FORM_SR, FORM_SI},
        [IN_ACCUMULATOR] = {FORM_RS, FORM_RS, FORM_RI},
        [IMMEDIATE] = {FORM_IS, FORM_IR, FORM_IS},
    };
    return (enum binary_form)forms[pair->left_place][pair->right_place];
}

static struct cell *emit_pair(struct compiler *c, uint32_t base, const struct pair *pair)
{
    // Slots are asked for before anything is emitted: all constants were dealt with.
    uint32_t left = pair->left_place == IN_SLOT ? operand_slot(c, pair->left) : 0;
    uint32_t right = pair->right_place == IN_SLOT ? operand_slot(c, pair->right) : 0;

    if (pair->left_place == IN_ACCUMULATOR)
        consume_accumulator(c, pair->left);
    if (pair->right_place == IN_ACCUMULATOR)
        consume_accumulator(c, pair->right);
    enum binary_form form = form_of(pair);
    struct cell *cell = emit(c, base + 2u * form);
    cell->a = (uint16_t)(form == FORM_IS ? right : left);
    if (form == FORM_SS || form == FORM_RS)
        cell->b = (uint16_t)right;
    if (pair->left_place == IMMEDIATE)
        put_immediate(cell, pair->left);
    else if (pair->right_place == IMMEDIATE)
        put_immediate(cell, pair->right);
    return cell;
}

// Operands in the order that the few forms of commutative operations want: constant right,
// accumulator left.
static bool must_exchange(const struct pair *pair)
{
    return pair->left_place == IMMEDIATE || pair->right_place == IN_ACCUMULATOR;
}

static struct cell *emit_commutative(struct compiler *c, uint32_t base)
{
    struct pair pair = find_pair(c);

    if (must_exchange(&pair))
        exchange(&pair);
    return emit_pair(c, base, &pair);
}

// x - k is x + -k, which has the shorter list of forms and more fused sequences.
static bool negate_subtrahend(struct operand *right)
{
    uint64_t negated = 0 - right->value;

    if (right->place != OPERAND_CONSTANT)
        return false;
    if (right->type == VALTYPE_I32) {
        right->value = (uint32_t)negated;
        return true;
    }
    if (right->type != VALTYPE_I64 || (int64_t)negated != (int32_t)negated)
        return false;
    right->value = negated;
    return true;
}

static struct cell *emit_ordered(struct compiler *c, uint32_t base)
{
    if ((base == OPERATION_I32_SUB_SS || base == OPERATION_I64_SUB_SS) &&
        negate_subtrahend(c->top - 1))
        return emit_commutative(c, base == OPERATION_I32_SUB_SS ? OPERATION_I32_ADD_SS
                                                                : OPERATION_I64_ADD_SS);
    struct pair pair = find_pair(c);
    return emit_pair(c, base, &pair);
}

static struct cell *emit_compare(struct compiler *c, uint32_t base)
{
    struct pair pair = find_pair(c);

    if (must_exchange(&pair)) {
        exchange(&pair);
        base = compare_operation[operation_info[base].compare].mirror;
    }
    return emit_pair(c, base, &pair);
}

// eqz is the comparison with 0.
static struct cell *emit_eqz(struct compiler *c, uint32_t base)
{
    struct cell *cell = emit_with(c, c->top - 1, base + 2u * FORM_SI, base + 2u * FORM_RI);

    cell->imm = 0;
    return cell;
}

static struct cell *emit_numeric(struct compiler *c, const struct numeric_operation *operation)
{
    switch (operation->family) {
    case FAMILY_COMMUTATIVE:
        return emit_commutative(c, operation->base);
    case FAMILY_ORDERED:
        return emit_ordered(c, operation->base);
    case FAMILY_COMPARE:
        return emit_compare(c, operation->base);
    case FAMILY_UNARY:
        return emit_with(c, c->top - 1, operation->base, operation->base + 2u);
    default:
        return emit_eqz(c, c->instruction.opcode == OPCODE_I32_EQZ ? OPERATION_I32_EQ_SS
                                                                   : OPERATION_I64_EQ_SS);
    }
}

static bool compile_arithmetic(struct compiler *c, const struct numeric_operation *operation)
{
    const struct opcode_info *info = &opcode_info[c->instruction.opcode];

    if (!check_signature(c, info))
        return !compile_failed(c);
    valtype result = letter_type(c, info->signature[info->parameter_count + 1]);
    struct operand *destination = c->top - info->parameter_count;
    // Of a comparison, eqz is the opposite one.
    bool done = c->instruction.opcode == OPCODE_I32_EQZ && invert_compare(c);
    if (!done) {
        struct cell *cell = emit_numeric(c, operation);
        if (operation_info[cell->handler].family == FAMILY_COMPARE)
            c->before_compare = c->trackers[ACCUMULATOR_INTEGER];
        result_to(c, cell, result, height_of(c, destination));
    }
    destination->type = result;
    destination->place = OPERAND_TEMPORARY;
    c->top = destination + 1;
    return true;
}

// --- integers of 128 bits: two or four halves to two ---

struct wide_operation {
    uint16_t operation;
    uint16_t operand_count;
};

static struct wide_operation wide_operation(uint16_t opcode)
{
    switch (opcode) {
    case OPCODE_I64_ADD128:
        return (struct wide_operation){OPERATION_I64_ADD128, 4};
    case OPCODE_I64_SUB128:
        return (struct wide_operation){OPERATION_I64_SUB128, 4};
    case OPCODE_I64_MUL_WIDE_S:
        return (struct wide_operation){OPERATION_I64_MUL_WIDE_S, 2};
    default:
        return (struct wide_operation){OPERATION_I64_MUL_WIDE_U, 2};
    }
}

static void emit_wide(struct compiler *c, struct wide_operation wide)
{
    struct operand *operands = c->top - wide.operand_count;
    uint32_t home = home_slot(c, height_of(c, operands));
    uint16_t slots[4] = {0};

    for (uint32_t i = 0; i < wide.operand_count; i++)
        slots[i] = (uint16_t)operand_slot(c, &operands[i]);
    struct cell *cell = emit(c, wide.operation);
    cell->a = slots[0];
    cell->b = slots[1];
    cell->c = slots[2];
    cell->d = slots[3];
    cell->wide[0] = home;
    slot_written(c, home);
    slot_written(c, home + 1);
    c->trackers[ACCUMULATOR_INTEGER] = (struct tracker){home + 1, NULL};
}

bool compile_wide(struct compiler *c)
{
    static const valtype halves[] = {VALTYPE_I64, VALTYPE_I64, VALTYPE_I64, VALTYPE_I64};
    struct wide_operation wide = wide_operation(c->instruction.opcode);

    if (!check_top(c, halves, wide.operand_count))
        return false;
    if (!c->dead)
        emit_wide(c, wide);
    pop_all(c, halves, wide.operand_count);
    return push_all(c, halves, 2) && !compile_failed(c);
}

// --- loads and stores ---

// Kinds of memory arguments are in the order of their natural alignments, those with lanes again.
static uint32_t natural_alignment(const struct opcode_info *info)
{
    enum immediate lanes = IMMEDIATE_MEMARG0_LANE16;

    return (uint32_t)info->immediate -
           (info->immediate >= lanes ? (uint32_t)lanes : (uint32_t)IMMEDIATE_MEMARG0);
}

bool check_access(struct compiler *c, const struct opcode_info *info)
{
    const struct instruction *instruction = &c->instruction;

    if (instruction->index >= c->module->memory_count)
        return compile_fail(c, ERROR_UNKNOWN_MEMORY, "%u", instruction->index);
    if (instruction->alignment > natural_alignment(info))
        return compile_fail(c, ERROR_ALIGNMENT_TOO_LARGE, "2^%u", instruction->alignment);
    if (instruction->bits > UINT32_MAX && !c->module->memories[instruction->index].limits.address64)
        return compile_fail(c, ERROR_OFFSET_OUT_OF_RANGE, "%llu",
                            (unsigned long long)instruction->bits);
    return true;
}

// Where the address is; a constant one goes into the offset, unless their sum leaves the 32 bits
// of a guarded access, or the 64 bits of a checked one.
enum form_place find_address(struct compiler *c, struct operand *address, struct access *access)
{
    access->checked = c->instruction.index != 0 || !c->memory0_guarded;
    access->offset = c->instruction.bits;
    if (address->place == OPERAND_CONSTANT) {
        uint64_t sum;
        if (checked_add_u64(access->offset, address->value, &sum) &&
            (access->checked || sum <= UINT32_MAX)) {
            access->offset = sum;
            return IMMEDIATE;
        }
        materialise(c, address);
    }
    return operand_in_accumulator(c, address) ? IN_ACCUMULATOR : IN_SLOT;
}

void put_access(const struct compiler *c, struct cell *cell, const struct access *access)
{
    if (access->checked) {
        cell->imm = c->instruction.index;
        cell->wide[0] = access->offset;
    } else {
        cell->imm = (uint32_t)access->offset;
    }
}

static bool compile_load(struct compiler *c, uint32_t base)
{
    static const uint8_t forms[] = {
        [IN_SLOT] = LOAD_S, [IN_ACCUMULATOR] = LOAD_R, [IMMEDIATE] = LOAD_N};
    const struct opcode_info *info = &opcode_info[c->instruction.opcode];
    struct access access;

    if (!check_access(c, info) || !check_signature(c, info))
        return !compile_failed(c);
    struct operand *address = c->top - 1;
    valtype result = letter_type(c, info->signature[2]);
    enum form_place place = find_address(c, address, &access);
    uint32_t slot = place == IN_SLOT ? operand_slot(c, address) : 0;
    if (place == IN_ACCUMULATOR)
        consume_accumulator(c, address);
    struct cell *cell =
        emit(c, base + 2u * (forms[place] + (access.checked ? (uint32_t)LOAD_FORMS : 0)));
    cell->a = (uint16_t)slot;
    put_access(c, cell, &access);
    result_to(c, cell, result, height_of(c, address));
    address->type = result;
    address->place = OPERAND_TEMPORARY;
    return true;
}

// A constant that a store can hold in 16 bits: what is stored of it is all that counts.
static bool fits_store(const struct operand *value, uint32_t *field)
{
    if (value->place != OPERAND_CONSTANT)
        return false;
    if (value->type == VALTYPE_F32 || value->type == VALTYPE_F64) {
        *field = 0; // stored as the integer 0
        return value->value == 0;
    }
    int64_t number = value->type == VALTYPE_I32 ? (int32_t)value->value : (int64_t)value->value;
    *field = (uint16_t)number;
    return number == (int16_t)number;
}

static enum store_form store_form(enum form_place address, enum form_place value)
{
    static const uint8_t forms[3][3] = {
        [IN_SLOT] = {STORE_SS, STORE_SR, STORE_SI},
        [IN_ACCUMULATOR] = {STORE_RS, STORE_RR, STORE_RI},
        [IMMEDIATE] = {STORE_NS, STORE_NR, STORE_NI},
    };
    return (enum store_form)forms[address][value];
}

static void emit_store(struct compiler *c, uint32_t base)
{
    struct operand *address = c->top - 2, *value = c->top - 1;
    struct access access;
    uint32_t value_field = 0;
    enum form_place value_place = IN_SLOT;

    if (fits_store(value, &value_field)) {
        value_place = IMMEDIATE;
        if (value->type == VALTYPE_F32)
            base = OPERATION_I32_STORE_SS;
        else if (value->type == VALTYPE_F64)
            base = OPERATION_I64_STORE_SS;
    } else {
        value_field = operand_slot(c, value);
        if (operand_in_accumulator(c, value))
            value_place = IN_ACCUMULATOR;
    }
    enum form_place address_place = find_address(c, address, &access);
    uint32_t address_slot = address_place == IMMEDIATE ? 0 : operand_slot(c, address);
    // An integer and its address cannot both be in r0, unless they are the same local.
    if (address_place == IN_ACCUMULATOR && value_place == IN_ACCUMULATOR &&
        accumulator_class(value->type) == ACCUMULATOR_INTEGER)
        address_place = IN_SLOT;
    if (address_place == IN_ACCUMULATOR)
        consume_accumulator(c, address);
    if (value_place == IN_ACCUMULATOR)
        consume_accumulator(c, value);
    struct cell *cell = emit(c, base + store_form(address_place, value_place) +
                                    (access.checked ? (uint32_t)STORE_FORMS : 0));
    cell->a = (uint16_t)address_slot;
    cell->b = (uint16_t)value_field;
    put_access(c, cell, &access);
}

static bool compile_store(struct compiler *c, uint32_t base)
{
    const struct opcode_info *info = &opcode_info[c->instruction.opcode];

    if (!check_access(c, info) || !check_signature(c, info))
        return !compile_failed(c);
    emit_store(c, base);
    c->top -= 2;
    return true;
}

bool compile_numeric(struct compiler *c)
{
    const struct numeric_operation *operation = &numeric_operation[c->instruction.opcode];

    if (operation->family == FAMILY_LOAD)
        return compile_load(c, operation->base);
    if (operation->family == FAMILY_STORE)
        return compile_store(c, operation->base);
    if (operation->family >= FAMILY_VECTOR)
        return compile_vector(c);
    return compile_arithmetic(c, operation);
}
