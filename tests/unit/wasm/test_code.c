// SPDX-License-Identifier: Apache-2.0
// What is kept beside the cells: origins in the module, and where live references are at calls.
#include "tests/unit/wasm/compile_fixture.h"

#include "sandbox/wasm/code.h"

/* Origins. */

// Where in the body the cell comes from, as the number of a byte of its instructions.
static uint64_t origin_of(uint32_t body, uint32_t number)
{
    const uint8_t *pc = (const uint8_t *)cell_at(body, number);

    return code_origin(&module, &module.codes[body], pc) - build_code_offset(body);
}

static void cell_comes_from_the_instruction_that_emitted_it(void **state)
{
    (void)state;
    accept_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, I32_CLZ));
    assert_int_equal(cell_count(0), 3);
    assert_int_equal(origin_of(0, 0), 4);
    assert_int_equal(origin_of(0, 1), 5);
    assert_int_equal(origin_of(0, 2), 6); // end
}

static void prologue_does_not_shift_origins(void **state)
{
    (void)state;
    accept_function("i:i", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CLZ));
    assert_int_equal(module.codes[0].prologue, 16);
    assert_int_equal(cell_count(0), 4);
    assert_int_equal(origin_of(0, 1), 4);
    assert_int_equal(origin_of(0, 2), 5);
    assert_int_equal(origin_of(0, 3), 6);
}

static void moves_come_from_the_instruction_that_needed_them(void **state)
{
    (void)state;
    accept_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 5, LOCAL_SET, 0));
    assert_int_equal(cell_count(0), 3);
    assert_int_equal(origin_of(0, 0), 4);
    assert_int_equal(origin_of(0, 1), 4);
    assert_int_equal(origin_of(0, 2), 6);
}

static void fused_branch_comes_from_its_comparison(void **state)
{
    (void)state;
    accept_function("ii:", "",
                    CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, BR_IF, 0, END));
    assert_int_equal(origin_of(0, 0), 6);
    assert_int_equal(origin_of(0, 1), 10);
}

static void distant_instructions_and_many_cells_keep_their_origins(void **state)
{
    struct bytes code = {0};
    enum { NOPS = 20000, STORES = 300 };

    (void)state;
    for (int i = 0; i < NOPS; i++)
        put(&code, NOP);
    for (int i = 0; i < STORES; i++)
        put_all(&code, CODE(I32_CONST, 1, LOCAL_SET, 0));
    put_all(&code, CODE(LOCAL_GET, 0, I32_CLZ, DROP));
    accept_function("i:", "", code.data, code.length);
    assert_int_equal(cell_count(0), STORES + 2);
    for (uint32_t i = 0; i < STORES; i++)
        assert_int_equal(origin_of(0, i), NOPS + 4 * i + 2);
    assert_int_equal(origin_of(0, STORES), NOPS + 4 * STORES + 2);
    bytes_free(&code);
}

static void cells_behind_a_label_table_keep_their_origins(void **state)
{
    (void)state;
    accept_function(
        "i:", "",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE, 2, 0, 1, 0, END, I32_CONST, 1, LOCAL_SET, 0));
    // The table, the stub that returns, the constant, the return.
    assert_int_equal(cell_count(0), 4);
    assert_int_equal(origin_of(0, 0), 4);
    assert_int_equal(origin_of(0, 1), 4);
    assert_int_equal(origin_of(0, 2), 12);
    assert_int_equal(origin_of(0, 3), 14);
}

static void each_function_has_origins_of_its_own(void **state)
{
    (void)state;
    build_function("i:i", "", CODE(LOCAL_GET, 0, I32_CLZ));
    build_function(":", "", NO_CODE);
    build_function("i:i", "i", CODE(NOP, LOCAL_GET, 1, I32_CTZ));
    compile_accept();
    assert_int_equal(origin_of(0, 0), 2);
    assert_int_equal(origin_of(0, 1), 3);
    assert_int_equal(origin_of(1, 0), 0);
    assert_int_equal(origin_of(2, 1), 3);
    assert_int_equal(origin_of(2, 2), 4);
}

/* Which code. */

static void code_of_a_cell_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        build_function("i:i", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CLZ));
    compile_accept();
    for (uint32_t i = 0; i < 100; i++) {
        const struct code *code = &module.codes[i];

        assert_ptr_equal(code_at(&module, code->entry), code);
        assert_ptr_equal(code_at(&module, code->entry + code->size - 1), code);
        assert_ptr_not_equal(code_at(&module, code->entry + code->size), code);
        assert_ptr_not_equal(code_at(&module, code->entry - 1), code);
    }
}

static void what_is_in_no_function_is_not_found(void **state)
{
    static const uint8_t elsewhere[16];

    (void)state;
    build_global(I32, false, CODE(I32_CONST, 1));
    build_function(":", "", NO_CODE);
    build_function(":", "", NO_CODE);
    compile_accept();
    assert_null(code_at(&module, elsewhere));
    assert_null(code_at(&module, module.codes[0].entry - 1));
    assert_null(code_at(&module, module.codes[1].entry + module.codes[1].size));
    assert_null(code_at(&module, NULL));
    assert_null(code_at(&module, module.globals[0].initial.code->entry));
    build_begin();
    compile_accept();
    assert_null(code_at(&module, elsewhere));
}

static void function_and_instance_of_a_cell_are_found(void **state)
{
    static struct module other; // without bodies
    struct instance without_bodies = {.module = &other};
    struct instance instance = {.module = &module, .next = &without_bodies};
    struct instance first = {.module = &other, .next = &instance};
    struct store running = {.instances = &first};
    const struct instance *found;
    uint32_t funcidx;
    uint64_t offset;

    (void)state;
    build_import_function("m", "f", ":");
    build_import_function("m", "g", ":");
    build_function(":", "", NO_CODE);
    build_function("i:i", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CLZ));
    compile_accept();
    assert_true(code_find(&running, (const uint8_t *)cell_at(1, 2), &found, &funcidx, &offset));
    assert_ptr_equal(found, &instance);
    assert_int_equal(funcidx, 3);
    assert_int_equal(offset, build_code_offset(1) + 5);
    assert_false(code_find(&running, (const uint8_t *)&running, &found, &funcidx, &offset));
}

/* Reference maps. Function 0 is [] -> [], 1 is [funcref] -> [funcref]; 2 is what is tested. */

enum { NOTHING, ECHO, TESTED_BODY = 2 };

#define REFERENCE I32_CONST, 0, TABLE_GET, 0 // a funcref, in its home

static void build_holder(const char *signature, const char *locals, const uint8_t *code,
                         size_t length)
{
    build_begin();
    build_function(":", "", NO_CODE);
    build_function("r:r", "", CODE(LOCAL_GET, 0));
    build_table(FUNCREF, 1, NO_MAXIMUM);
    build_function(signature, locals, code, length);
    compile_accept();
}

static bool is_call(const struct cell *cell)
{
    return strncmp(operation_info[cell->handler].name, "call", 4) == 0;
}

// The map at the call of that number, counted from 0, or NULL.
static const struct reference_map *map_at_call(uint32_t call)
{
    const struct code *code = &module.codes[TESTED_BODY];
    uint32_t number = 0;

    for (; !is_call(cell_at(TESTED_BODY, number)) || call-- > 0; number++)
        continue;
    return code_references(&module, code, (const uint8_t *)cell_at(TESTED_BODY, number) + 24);
}

// Fails unless the operands at exactly these heights are live references at the call.
static void assert_live(uint32_t call, const char *expected)
{
    const struct reference_map *map = map_at_call(call);
    char heights[64] = "";
    const uint8_t *bits;

    if (map != NULL) {
        assert_int_equal(map->first_slot, module.codes[TESTED_BODY].header + 2);
        assert_in_range(map->slot_count, 1, sizeof heights);
        bits = module.reference_bits.base + map->bits;
        for (uint32_t i = 0; i < map->slot_count; i++)
            heights[i] = (bits[i / 8] >> i % 8 & 1) != 0 ? 'r' : '.';
        while (heights[0] != '\0' && heights[strlen(heights) - 1] == '.')
            heights[strlen(heights) - 1] = '\0';
    }
    assert_string_equal(heights, expected);
}

static void function_without_references_has_no_maps(void **state)
{
    (void)state;
    build_holder("ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, CALL, NOTHING));
    assert_int_equal(module.codes[TESTED_BODY].reference_count, 0);
    assert_false(module.codes[TESTED_BODY].holds_references);
    assert_null(map_at_call(0));
}

static void operand_below_a_call_is_live(void **state)
{
    (void)state;
    build_holder(":", "", CODE(REFERENCE, CALL, NOTHING, DROP));
    assert_live(0, "r");
    build_holder("i:", "i", CODE(LOCAL_GET, 0, I32_CLZ, REFERENCE, CALL, NOTHING, DROP, DROP));
    assert_live(0, ".r");
    build_holder(
        "ii:", "",
        CODE(REFERENCE, LOCAL_GET, 0, I32_CLZ, REFERENCE, CALL, NOTHING, DROP, DROP, DROP));
    assert_live(0, "r.r");
}

// The map has a bit for each slot, of which a vector has two.
static void operand_above_a_vector_is_live_in_its_slot(void **state)
{
    (void)state;
    build_holder(
        "v:", "v",
        CODE(REFERENCE, LOCAL_GET, 0, V(V128_NOT), REFERENCE, CALL, NOTHING, DROP, DROP, DROP));
    assert_live(0, "r..r");
}

static void argument_is_the_callees(void **state)
{
    (void)state;
    build_holder(":", "", CODE(REFERENCE, CALL, ECHO, DROP));
    assert_live(0, "");
    build_holder(":", "", CODE(REFERENCE, REFERENCE, CALL, ECHO, DROP, DROP));
    assert_live(0, "r");
}

static void result_is_live_at_the_next_call(void **state)
{
    (void)state;
    build_holder(":", "", CODE(REFERENCE, CALL, ECHO, CALL, NOTHING, DROP));
    assert_live(0, "");
    assert_live(1, "r");
}

static void popped_operand_is_not_live(void **state)
{
    (void)state;
    build_holder(":", "", CODE(REFERENCE, DROP, CALL, NOTHING));
    assert_live(0, "");
    build_holder(":", "", CODE(REFERENCE, REFERENCE, DROP, CALL, NOTHING, DROP));
    assert_live(0, "r");
    build_holder(":", "", CODE(REFERENCE, REF_IS_NULL, CALL, NOTHING, DROP));
    assert_live(0, "");
}

static void height_with_another_type_now_is_not_live(void **state)
{
    (void)state;
    build_holder(
        "i:", "",
        CODE(REFERENCE, REFERENCE, DROP, LOCAL_GET, 0, I32_CLZ, CALL, NOTHING, DROP, DROP));
    assert_live(0, "r");
    build_holder(
        "i:", "",
        CODE(REFERENCE, DROP, LOCAL_GET, 0, I32_CLZ, REFERENCE, CALL, NOTHING, DROP, DROP));
    assert_live(0, ".r");
    // The second height was a reference, is a number now, and one above it is a reference.
    build_holder(
        "i:", "",
        CODE(REFERENCE, REFERENCE, REF_IS_NULL, REFERENCE, CALL, NOTHING, DROP, DROP, DROP));
    assert_live(0, "r.r");
}

static void locals_are_not_in_maps(void **state)
{
    (void)state;
    build_holder("r:", "r", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, NOTHING, DROP, DROP));
    assert_live(0, "");
    build_holder("r:", "", CODE(REFERENCE, LOCAL_TEE, 0, CALL, NOTHING, DROP));
    assert_live(0, "");
}

static void local_that_was_moved_to_its_home_is_live_there(void **state)
{
    (void)state;
    build_holder("r:", "", CODE(LOCAL_GET, 0, BLOCK, EMPTY, CALL, NOTHING, END, DROP));
    assert_live(0, "r");
    build_holder("r:", "",
                 CODE(LOCAL_GET, 0, REF_NULL, FUNCREF, LOCAL_SET, 0, CALL, NOTHING, DROP));
    assert_live(0, "r");
}

static void null_that_was_not_stored_is_not_live(void **state)
{
    (void)state;
    build_holder(":", "", CODE(REF_NULL, FUNCREF, CALL, NOTHING, DROP));
    assert_live(0, "");
}

static void result_of_a_block_is_live(void **state)
{
    (void)state;
    build_holder("i:", "",
                 CODE(LOCAL_GET, 0, IF, FUNCREF, REFERENCE, ELSE, REF_NULL, FUNCREF, END, CALL,
                      NOTHING, DROP));
    assert_live(0, "r");
    build_holder("rri:", "",
                 CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, FUNCREF, CALL,
                      NOTHING, DROP));
    assert_live(0, "r");
}

static void calls_of_every_kind_have_maps(void **state)
{
    (void)state;
    build_begin();
    build_import_function("m", "f", ":");
    build_function(":", "", NO_CODE);
    build_table(FUNCREF, 1, NO_MAXIMUM);
    build_function(":", "", NO_CODE);
    build_function(":", "r",
                   CODE(REFERENCE, CALL, 0, REFERENCE, I32_CONST, 0, CALL_INDIRECT, 0, 0, CALL, 1,
                        DROP, DROP));
    compile_accept();
    assert_live(0, "r");
    assert_live(1, "rr");
    assert_live(2, "rr");
    assert_int_equal(module.codes[TESTED_BODY].reference_count, 3);
}

static void maps_hold_more_than_eight_operands(void **state)
{
    struct bytes code = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        put_all(&code, CODE(REFERENCE));
    put_all(&code, CODE(CALL, NOTHING));
    for (int i = 0; i < 20; i++)
        put(&code, DROP);
    build_holder(":", "", code.data, code.length);
    assert_live(0, "rrrrrrrrrrrrrrrrrrrr");
    bytes_free(&code);
}

static void references_that_come_and_go_take_no_room(void **state)
{
    struct bytes code = {0};

    (void)state;
    for (int i = 0; i < 200000; i++)
        put_all(&code, CODE(REF_NULL, FUNCREF, DROP));
    put_all(&code, CODE(REFERENCE, CALL, NOTHING, DROP));
    build_holder(":", "", code.data, code.length);
    assert_live(0, "r");
    bytes_free(&code);
}

static void each_function_has_maps_of_its_own(void **state)
{
    (void)state;
    build_function(":", "", NO_CODE);
    build_table(FUNCREF, 1, NO_MAXIMUM);
    build_function(":", "", CODE(REFERENCE, REFERENCE, CALL, NOTHING, CALL, NOTHING, DROP, DROP));
    build_function(":", "r", CODE(REFERENCE, CALL, NOTHING, DROP, CALL, NOTHING));
    compile_accept();
    assert_int_equal(module.codes[1].reference_count, 2);
    assert_live(0, "r");
    assert_live(1, "");
}

static void other_places_have_no_map(void **state)
{
    const struct code *code;

    (void)state;
    build_holder(":", "", CODE(REFERENCE, CALL, NOTHING, DROP));
    code = &module.codes[TESTED_BODY];
    for (uint32_t i = 0; i < cell_count(TESTED_BODY); i++)
        if (i == 0 || !is_call(cell_at(TESTED_BODY, i - 1)))
            assert_null(code_references(&module, code, (const uint8_t *)cell_at(TESTED_BODY, i)));
}

static void dead_calls_have_no_maps(void **state)
{
    (void)state;
    build_holder(":", "", CODE(UNREACHABLE, REFERENCE, CALL, NOTHING, DROP));
    assert_int_equal(module.codes[TESTED_BODY].reference_count, 0);
}

/* Regions and clauses. */

// Tag 0 is caught by the inner block, tag 1 by the outer one, which begins behind the first call;
// tag 2 by none of them.
static struct tag tags[3];
static struct tag *tag_pointers[] = {&tags[0], &tags[1], &tags[2]};
static const struct instance thrower = {.module = &module, .tags = tag_pointers};

static void build_nested(void)
{
    build_begin();
    for (uint32_t i = 0; i < 3; i++)
        build_tag(":");
    build_function(":", "", NO_CODE);
    build_function(":", "i",
                   CODE(CALL, 0, BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 0, 1, 0, CALL, 0, TRY_TABLE,
                        EMPTY, 1, 0, 0, 1, CALL, 0, END, CALL, 0, END, END, CALL, 0, LOCAL_GET, 0,
                        DROP));
    compile_accept();
}

// What catches the tag that is thrown by the call with this number: its own, or 9 for nothing.
static uint32_t caught(uint32_t call, uint32_t tagidx)
{
    const struct code *code = &module.codes[1];
    const uint8_t *first = code->entry + code->prologue;
    uint64_t steps = 0;
    const struct exception_clause *clause =
        code_catch(&thrower, code, first + (size_t)(call + 1) * 24, &tags[tagidx], &steps);

    if (!clause)
        return 9;
    assert_ptr_equal(code_landing(code, clause), first + (size_t)4 * 24);
    return clause->tagidx;
}

static void region_begins_and_ends_at_its_cells(void **state)
{
    (void)state;
    build_nested();
    assert_int_equal(module.codes[1].prologue, 16);
    assert_int_equal(caught(0, 1), 9);
    assert_int_equal(caught(1, 1), 1);
    assert_int_equal(caught(3, 1), 1);
    assert_int_equal(caught(4, 1), 9);
}

static void inner_region_is_asked_before_the_outer_one(void **state)
{
    (void)state;
    build_nested();
    assert_int_equal(caught(2, 0), 0);
    assert_int_equal(caught(2, 1), 1);
    assert_int_equal(caught(2, 2), 9);
    assert_int_equal(caught(1, 0), 9);
    assert_int_equal(caught(3, 0), 9);
}

static const struct CMUnitTest tests[] = {
    TEST(cell_comes_from_the_instruction_that_emitted_it),
    TEST(prologue_does_not_shift_origins),
    TEST(moves_come_from_the_instruction_that_needed_them),
    TEST(fused_branch_comes_from_its_comparison),
    TEST(distant_instructions_and_many_cells_keep_their_origins),
    TEST(cells_behind_a_label_table_keep_their_origins),
    TEST(each_function_has_origins_of_its_own),
    TEST(code_of_a_cell_is_found),
    TEST(what_is_in_no_function_is_not_found),
    TEST(function_and_instance_of_a_cell_are_found),
    TEST(function_without_references_has_no_maps),
    TEST(operand_below_a_call_is_live),
    TEST(operand_above_a_vector_is_live_in_its_slot),
    TEST(argument_is_the_callees),
    TEST(result_is_live_at_the_next_call),
    TEST(popped_operand_is_not_live),
    TEST(height_with_another_type_now_is_not_live),
    TEST(locals_are_not_in_maps),
    TEST(local_that_was_moved_to_its_home_is_live_there),
    TEST(null_that_was_not_stored_is_not_live),
    TEST(result_of_a_block_is_live),
    TEST(calls_of_every_kind_have_maps),
    TEST(maps_hold_more_than_eight_operands),
    TEST(references_that_come_and_go_take_no_room),
    TEST(each_function_has_maps_of_its_own),
    TEST(other_places_have_no_map),
    TEST(dead_calls_have_no_maps),
    TEST(region_begins_and_ends_at_its_cells),
    TEST(inner_region_is_asked_before_the_outer_one),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
