// SPDX-License-Identifier: Apache-2.0
// From a decoded module to code: frames, prologues, constant expressions, limits.
#include "tests/unit/wasm/compile_fixture.h"

#include "sandbox/wasm/limits.h"

#define SLOTS_FOR_OPERANDS (LIMIT_FRAME_SLOTS - 16 - 2) // and locals: a header and a callee's stay

// A body with `count` locals of one type, in one group.
static void build_with_locals(uint32_t count, const uint8_t *code, size_t length)
{
    struct bytes body = {0};

    put(&body, 1);
    put_u32(&body, count);
    put(&body, I64);
    put_all(&body, code, length);
    put(&body, END);
    build_begin();
    build_function_raw(build_type(":"), body.data, body.length);
    bytes_free(&body);
}

// A body of something repeated between two other things.
static void put_repeated(struct bytes *code, uint32_t times, const uint8_t *bytes, size_t length)
{
    for (uint32_t i = 0; i < times; i++)
        put_all(code, bytes, length);
}

/* What is made. */

static void module_of_nothing_compiles(void **state)
{
    (void)state;
    compile_accept();
    assert_int_equal(module.body_count, 0);
}

static void each_body_has_its_code_in_their_order(void **state)
{
    (void)state;
    build_import_function("m", "f", ":");
    build_function(":i", "", CODE(I32_CONST, 1));
    build_function("i:", "i", CODE(LOCAL_GET, 1, LOCAL_SET, 0));
    build_function(":", "", NO_CODE);
    compile_accept();
    assert_code(0, "const.u32 1 -> $3; return.integer.s $3");
    assert_code(1, "zero $1 1; move.64 $1 -> $0; return.0");
    assert_code(2, "return.0");
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal((uintptr_t)module.codes[i].entry % 8, 0);
        assert_false(module.codes[i].linked);
        if (i > 0)
            assert_true(module.codes[i].entry >=
                        module.codes[i - 1].entry + module.codes[i - 1].size);
    }
}

static void prologue_is_there_only_if_it_does_something(void **state)
{
    (void)state;
    accept_function(":", "iiii", NO_CODE);
    assert_int_equal(module.codes[0].prologue, 0);
    assert_int_equal(module.codes[0].size, 16);
    accept_function(":", "iiii", CODE(LOCAL_GET, 3, DROP));
    assert_int_equal(module.codes[0].prologue, 16);
    assert_int_equal(module.codes[0].size, 32);
    assert_code(0, "zero $3 1; return.0");
}

static void constant_expressions_have_code_of_their_own(void **state)
{
    static const uint8_t element[] = {1, 5, FUNCREF, 2, REF_NULL, FUNCREF, END, REF_FUNC, 0, END};

    (void)state;
    build_function(":", "", NO_CODE);
    build_memory(1, 1);
    build_global(F64, false, CODE(F64_CONST, BITS64(0x3ff8000000000000)));
    build_global(I32, false, CODE(I32_CONST, 40, I32_CONST, 2, I32_ADD));
    build_section(9, element, sizeof element);
    build_data(SEGMENT_ACTIVE, 7, CODE('a'));
    compile_accept();
    assert_string_equal(cells_text(module.globals[0].initial.code),
                        "const.64 4609434218613702656 -> $3; return.f64.s $3");
    assert_string_equal(cells_text(module.globals[1].initial.code),
                        "const.u32 40 -> $3; i32.add.si.n $3 2; return.integer.r");
    assert_int_equal(module.globals[1].initial.code->header, 1);
    assert_string_equal(cells_text(module.elements[0].expressions[0].code),
                        "const.u32 0 -> $3; return.integer.s $3");
    assert_string_equal(cells_text(module.elements[0].expressions[1].code),
                        "ref.func 0 -> $3; return.integer.s $3");
    assert_string_equal(cells_text(module.datas[0].offset.code),
                        "const.u32 7 -> $3; return.integer.s $3");
}

static void functions_that_hold_references_are_known(void **state)
{
    (void)state;
    build_function(":", "i", NO_CODE);
    build_function("r:", "", NO_CODE);
    build_function(":", "e", NO_CODE);
    build_function(":", "", CODE(REF_NULL, FUNCREF, DROP));
    build_function(":", "", CODE(BLOCK, FUNCREF, UNREACHABLE, END, DROP));
    compile_accept();
    assert_false(module.codes[0].holds_references);
    assert_true(module.codes[1].holds_references);
    assert_true(module.codes[2].holds_references);
    assert_true(module.codes[3].holds_references);
    assert_true(module.codes[4].holds_references);
}

static void failed_module_leaves_an_error_of_the_first_bad_body(void **state)
{
    (void)state;
    build_function(":", "", NO_CODE);
    build_function(":i", "", NO_CODE);
    build_function(":", "", CODE(DROP));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    assert_int_equal(error.offset, build_code_offset(1));
}

static void each_body_begins_with_unset_locals(void **state)
{
    struct bytes locals = {0};

    (void)state;
    put_all(&locals, CODE(1, 0xe8, 0x07, I32)); // 1000
    for (uint32_t i = 0; i < 1000; i++) {
        put_all(&locals, CODE(I32_CONST, 1, LOCAL_SET));
        put_u32(&locals, i);
    }
    put(&locals, END);
    for (int i = 0; i < 50; i++)
        build_function_raw(build_type(":"), locals.data, locals.length);
    build_function(":i", "ii", CODE(LOCAL_GET, 1));
    compile_accept();
    assert_int_equal(module.codes[49].prologue, 0);
    assert_code(50, "zero $1 1; return.integer.s $1");
    bytes_free(&locals);
}

/* Declarations of locals. */

static void locals_that_no_number_can_count_are_malformed(void **state)
{
    static const uint8_t by_group[] = {2, U32(0xffffffff), I32, 1, I32, END};
    static const uint8_t by_parameter[] = {1, U32(0xffffffff), I32, END};

    (void)state;
    build_function_raw(build_type(":"), by_group, sizeof by_group);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TOO_MANY_LOCALS);
    assert_int_equal(error.offset, build_code_offset(0) + 7); // of the second group
    build_begin();
    build_function_raw(build_type("i:"), by_parameter, sizeof by_parameter);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TOO_MANY_LOCALS);
}

static void locals_that_no_frame_can_hold_are_a_limit(void **state)
{
    (void)state;
    build_with_locals(0xffffffff, NO_CODE);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_LIMIT_FRAME);
    build_with_locals(LIMIT_FRAME_SLOTS + 1, NO_CODE);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_LIMIT_FRAME);
}

static void frame_has_room_for_so_many_locals(void **state)
{
    (void)state;
    build_with_locals(SLOTS_FOR_OPERANDS, NO_CODE);
    compile_accept();
    assert_int_equal(module.codes[0].header, SLOTS_FOR_OPERANDS);
    build_with_locals(SLOTS_FOR_OPERANDS + 1, NO_CODE);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_LIMIT_FRAME);
}

static void locals_and_operands_share_the_frame(void **state)
{
    (void)state;
    build_with_locals(SLOTS_FOR_OPERANDS - 1, CODE(I32_CONST, 0, DROP));
    compile_accept();
    build_with_locals(SLOTS_FOR_OPERANDS - 1, CODE(I32_CONST, 0, I32_CONST, 0, DROP, DROP));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_LIMIT_FRAME);
    assert_int_equal(module_bytes[error.offset], I32_CONST);
}

static void operands_beyond_the_frame_are_a_limit(void **state)
{
    (void)state;
    for (uint32_t beyond = 0; beyond < 2; beyond++) {
        struct bytes code = {0};

        put_repeated(&code, SLOTS_FOR_OPERANDS + beyond, CODE(I32_CONST, 0));
        put_repeated(&code, SLOTS_FOR_OPERANDS + beyond, CODE(DROP));
        build_begin();
        build_function(":", "", code.data, code.length);
        assert_int_equal(compile(), beyond == 0);
        if (beyond != 0) {
            assert_int_equal(error.code, ERROR_LIMIT_FRAME);
            assert_int_equal(error.offset, build_code_offset(0) + 2 * SLOTS_FOR_OPERANDS);
        }
        bytes_free(&code);
    }
}

static void operands_beyond_the_frame_are_a_limit_in_dead_code_too(void **state)
{
    struct bytes code = {0};

    (void)state;
    put(&code, UNREACHABLE);
    put_repeated(&code, SLOTS_FOR_OPERANDS + 1, CODE(I32_CONST, 0));
    accept_function(":", "", CODE(UNREACHABLE));
    build_begin();
    build_function(":", "", code.data, code.length);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_LIMIT_FRAME);
    bytes_free(&code);
}

static void malformed_locals_have_their_place(void **state)
{
    static const uint8_t bad_type[] = {2, 1, I32, 1, 0x00, END};
    static const uint8_t cut[] = {3, 1, I32, 1, I32, END};

    (void)state;
    build_function_raw(build_type(":"), bad_type, sizeof bad_type);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_MALFORMED_VALUE_TYPE);
    assert_int_equal(module_bytes[error.offset], 0x00);
    build_begin();
    build_function_raw(build_type(":"), cut, sizeof cut);
    assert_false(compile());
    assert_int_equal(error_kind(error.code), ERROR_KIND_MALFORMED);
}

/* Nesting. */

static void blocks_nest_to_a_depth(void **state)
{
    (void)state;
    for (uint32_t beyond = 0; beyond < 2; beyond++) {
        struct bytes code = {0};

        put_repeated(&code, LIMIT_BLOCK_DEPTH + beyond, CODE(BLOCK, EMPTY));
        put_repeated(&code, LIMIT_BLOCK_DEPTH + beyond, CODE(END));
        build_begin();
        build_function(":", "", code.data, code.length);
        assert_int_equal(compile(), beyond == 0);
        if (beyond != 0) {
            assert_int_equal(error.code, ERROR_LIMIT_NESTING);
            assert_int_equal(error.offset, build_code_offset(0) + 2 * LIMIT_BLOCK_DEPTH);
        }
        bytes_free(&code);
    }
}

/* Cells. */

static void code_within_its_limit_is_the_same_whatever_the_limit(void **state)
{
    static const char expected[] =
        "zero $1 1; i32.add.ss.n $0 $1; i32.mul.ri.n 3; return.integer.r";
    bool accepted = false;

    (void)state;
    for (uint64_t limit = 0; limit <= 2048; limit += 8) {
        options.code_bytes_max = limit;
        build_begin();
        build_function("i:i", "i",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 3, I32_MUL));
        if (!compile()) {
            assert_false(accepted); // a higher limit never refuses what a lower one took
            assert_int_equal(error.code, ERROR_LIMIT_CODE);
            continue;
        }
        accepted = true;
        assert_code(0, expected);
        assert_in_range(limit, 64, 2048);
    }
    assert_true(accepted);
}

static void code_of_all_bodies_counts_towards_the_limit(void **state)
{
    (void)state;
    options.code_bytes_max = 64 * 1024;
    for (int count = 100; count <= 10000; count += 9900) {
        build_begin();
        for (int i = 0; i < count; i++)
            build_function(":", "", NO_CODE);
        assert_int_equal(compile(), count == 100);
    }
    assert_int_equal(error.code, ERROR_LIMIT_CODE);
}

static void code_of_one_instruction_is_limited_too(void **state)
{
    struct bytes code = {0};
    char signature[1002] = ":";

    (void)state;
    memset(signature + 1, 'i', 1000);
    // Each branch moves a thousand values.
    put_repeated(&code, 1000, CODE(I32_CONST, 0));
    put_repeated(&code, 100, CODE(I32_CONST, 0, BR_IF, 0));
    build_function(signature, "", code.data, code.length);
    options.code_bytes_max = 1024 * 1024;
    assert_false(compile());
    assert_int_equal(error.code, ERROR_LIMIT_CODE);
    options.code_bytes_max = 16 * 1024 * 1024;
    compile_accept();
    bytes_free(&code);
}

// Every number of cells before an instruction that emits many: none may be written beyond the room
// there is, which ends at the end of accessible memory.
static void room_for_cells_is_asked_for_in_time(void **state)
{
    (void)state;
    options.code_bytes_max = 64 * 1024;
    for (uint32_t cells = 3900; cells < 4100; cells++) {
        struct bytes code = {0};

        put_repeated(&code, cells, CODE(I32_CONST, 0, LOCAL_SET, 1));
        put_repeated(&code, 40, CODE(LOCAL_GET, 0));
        put_all(&code, CODE(I64_CONST, S64(0x123456789abc), LOCAL_SET, 0));
        put_repeated(&code, 40, CODE(DROP));
        build_begin();
        build_function("Ii:", "", code.data, code.length);
        if (!compile())
            assert_int_equal(error.code, ERROR_LIMIT_CODE);
        bytes_free(&code);
    }
}

/* Features that are missing reach no compiler. */

static void instructions_of_later_features_are_unsupported(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_UNSUPPORTED_FEATURE, 1, CODE(NOP, 0xfb, 0x00));
    refuse_function(":", "", ERROR_UNSUPPORTED_FEATURE, 1, CODE(NOP, 0xfb, 0x1c));
    assert_int_equal(error_kind(error.code), ERROR_KIND_UNSUPPORTED);
}

static const struct CMUnitTest tests[] = {
    TEST(module_of_nothing_compiles),
    TEST(each_body_has_its_code_in_their_order),
    TEST(prologue_is_there_only_if_it_does_something),
    TEST(constant_expressions_have_code_of_their_own),
    TEST(functions_that_hold_references_are_known),
    TEST(failed_module_leaves_an_error_of_the_first_bad_body),
    TEST(each_body_begins_with_unset_locals),
    TEST(locals_that_no_number_can_count_are_malformed),
    TEST(locals_that_no_frame_can_hold_are_a_limit),
    TEST(frame_has_room_for_so_many_locals),
    TEST(locals_and_operands_share_the_frame),
    TEST(operands_beyond_the_frame_are_a_limit),
    TEST(operands_beyond_the_frame_are_a_limit_in_dead_code_too),
    TEST(malformed_locals_have_their_place),
    TEST(blocks_nest_to_a_depth),
    TEST(code_within_its_limit_is_the_same_whatever_the_limit),
    TEST(code_of_all_bodies_counts_towards_the_limit),
    TEST(code_of_one_instruction_is_limited_too),
    TEST(room_for_cells_is_asked_for_in_time),
    TEST(instructions_of_later_features_are_unsupported),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
