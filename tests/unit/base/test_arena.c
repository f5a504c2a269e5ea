// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { MIB = 1024 * 1024 };

static struct arena arena_of(size_t reserve_bytes)
{
    struct error error = {.code = ERROR_NONE};
    struct arena arena;

    assert_true(arena_init(&arena, reserve_bytes, &error));
    return arena;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

// Whether the kernel lists the page as readable.
static bool accessible(const uint8_t *address)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    assert_non_null(maps);
    while (!found && fgets(line, sizeof line, maps)) {
        unsigned long from;
        unsigned long to;
        char access;

        if (sscanf(line, "%lx-%lx %c", &from, &to, &access) == 3)
            found = (uintptr_t)address >= from && (uintptr_t)address < to && access == 'r';
    }
    fclose(maps);
    return found;
}

static void init_reserves_without_committing(void **state)
{
    struct arena arena = arena_of(100 * (size_t)MIB);

    (void)state;
    assert_non_null(arena.base);
    assert_int_equal(arena.committed, 0);
    assert_int_equal(arena.reserved, 100 * MIB);
    assert_false(accessible(arena.base));
    arena_finish(&arena);
}

static void init_rounds_a_size_up_to_the_granule(void **state)
{
    struct arena arena = arena_of(1);

    (void)state;
    assert_int_equal(arena.reserved, ARENA_GRANULE);
    arena_finish(&arena);
    arena = arena_of(0);
    assert_int_equal(arena.reserved, ARENA_GRANULE);
    arena_finish(&arena);
}

static void expect_refusal(size_t reserve_bytes, enum error_code code)
{
    struct error error = {.code = ERROR_NONE};
    struct arena arena;

    assert_false(arena_init(&arena, reserve_bytes, &error));
    assert_int_equal(error.code, code);
    assert_null(arena.base);
    arena_finish(&arena);
}

static void init_refuses_a_size_that_no_address_space_has(void **state)
{
    (void)state;
    expect_refusal(SIZE_MAX, ERROR_LIMIT_MEMORY);
    expect_refusal(SIZE_MAX - ARENA_GRANULE, ERROR_LIMIT_MEMORY);
    expect_refusal(SIZE_MAX / 2, ERROR_SYSTEM_RESERVE);
}

static void alloc_hands_out_zeroed_memory_side_by_side(void **state)
{
    struct arena arena = arena_of(MIB);
    uint8_t *first = arena_alloc(&arena, 24, 8);
    uint8_t *second = arena_alloc(&arena, 8, 8);

    (void)state;
    assert_non_null(first);
    assert_ptr_equal(second, first + 24);
    assert_true(all_zero(first, 32));
    arena_finish(&arena);
}

static void alloc_honours_every_alignment_up_to_the_maximum(void **state)
{
    struct arena arena = arena_of(MIB);

    (void)state;
    for (size_t alignment = 1; alignment <= ARENA_ALIGNMENT_MAX; alignment *= 2) {
        uint8_t *memory;

        assert_non_null(arena_alloc(&arena, 1, 1));
        memory = arena_alloc(&arena, 3, alignment);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % alignment, 0);
    }
    arena_finish(&arena);
}

static void alloc_fills_the_reservation_to_the_last_byte_and_no_further(void **state)
{
    struct arena arena = arena_of(4 * (size_t)MIB);
    uint8_t *last;

    (void)state;
    assert_non_null(arena_alloc(&arena, 4 * MIB - 1, 1));
    last = arena_alloc(&arena, 1, 1);
    assert_ptr_equal(last, arena.base + 4 * MIB - 1);
    *last = 1;
    assert_null(arena_alloc(&arena, 1, 1));
    assert_non_null(arena_alloc(&arena, 0, 1));
    assert_int_equal(arena.used, 4 * MIB);
    arena_finish(&arena);
}

static void alloc_refuses_sizes_that_would_wrap(void **state)
{
    struct arena arena = arena_of(MIB);

    (void)state;
    assert_non_null(arena_alloc(&arena, 17, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX - 17, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX - 31, 16));
    assert_int_equal(arena.used, 17);
    arena_finish(&arena);
}

static void alloc_fails_and_leaves_the_arena_intact_when_the_kernel_refuses(void **state)
{
    struct arena arena = arena_of(4 * (size_t)MIB);
    uint8_t *kept = arena_alloc(&arena, 16, 1);

    (void)state;
    *kept = 42;
    // A hole in the range: mprotect fails with ENOMEM there.
    assert_int_equal(munmap(arena.base + 2 * MIB, ARENA_GRANULE), 0);
    assert_null(arena_alloc(&arena, 3 * MIB, 1));
    assert_int_equal(arena.used, 16);
    assert_int_equal(*kept, 42);
    assert_non_null(arena_alloc(&arena, 16, 1));
    arena_finish(&arena);
}

static void alloc_falls_back_to_what_is_needed_when_a_whole_step_is_refused(void **state)
{
    struct arena arena = arena_of(4 * (size_t)MIB);
    uint8_t *memory;

    (void)state;
    assert_non_null(arena_alloc(&arena, MIB, 1));
    assert_int_equal(munmap(arena.base + MIB + MIB / 2, ARENA_GRANULE), 0);
    memory = arena_alloc(&arena, 100, 1);
    assert_non_null(memory);
    memory[99] = 1;
    assert_int_equal(arena.committed, MIB + ARENA_GRANULE);
    arena_finish(&arena);
}

static void addresses_never_move_while_the_arena_grows(void **state)
{
    struct arena arena = arena_of(32 * (size_t)MIB);
    uint8_t *base = arena.base;
    size_t count = 0;

    (void)state;
    for (uint32_t *number; (number = arena_alloc(&arena, 1000, 8)) != NULL; count++)
        *number = (uint32_t)count;
    assert_int_equal(count, 32 * MIB / 1000);
    assert_ptr_equal(arena.base, base);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(*(uint32_t *)(void *)(base + i * 1000), i);
    arena_finish(&arena);
}

static void array_refuses_a_product_that_overflows(void **state)
{
    struct arena arena = arena_of(MIB);

    (void)state;
    assert_null(arena_array(&arena, SIZE_MAX / 8 + 1, 8));
    assert_null(arena_array(&arena, (size_t)1 << 32, (size_t)1 << 32));
    assert_int_equal(arena.used, 0);
    arena_finish(&arena);
}

static void array_aligns_by_the_size_of_its_elements(void **state)
{
    struct arena arena = arena_of(MIB);
    static const size_t sizes[] = {1, 2, 4, 8, 12, 16, 24, 48, 64};
    static const size_t alignments[] = {1, 2, 4, 8, 4, 16, 8, 16, 16};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t before;

        assert_non_null(arena_alloc(&arena, 1, 1));
        before = arena.used;
        assert_int_equal((uintptr_t)arena_array(&arena, 3, sizes[i]) % alignments[i], 0);
        assert_true(arena.used - before < 3 * sizes[i] + 16);
    }
    assert_non_null(arena_array(&arena, 0, 8));
    assert_non_null(arena_array(&arena, 8, 0));
    arena_finish(&arena);
}

static void commit_grows_one_array_in_place(void **state)
{
    struct arena arena = arena_of(8 * (size_t)MIB);

    (void)state;
    assert_true(arena_commit(&arena, 10));
    arena.base[9] = 1;
    assert_true(arena_commit(&arena, 5 * MIB));
    arena.base[5 * MIB - 1] = 2;
    assert_int_equal(arena.base[9], 1);
    assert_int_equal(arena.used, 5 * MIB);
    assert_true(arena_commit(&arena, 1));
    assert_int_equal(arena.used, 5 * MIB);
    assert_true(arena_commit(&arena, 8 * MIB));
    assert_false(arena_commit(&arena, 8 * MIB + 1));
    assert_false(arena_commit(&arena, SIZE_MAX));
    assert_int_equal(arena.used, 8 * MIB);
    arena_finish(&arena);
}

static void release_clears_exactly_what_came_after_the_mark(void **state)
{
    struct arena arena = arena_of(MIB);
    uint8_t *kept = arena_alloc(&arena, 100, 1);
    size_t mark = arena_mark(&arena);
    uint8_t *dropped = arena_alloc(&arena, 1000, 1);

    (void)state;
    memset(kept, 1, 100);
    memset(dropped, 2, 1000);
    arena_release(&arena, mark);
    assert_int_equal(arena.used, 100);
    assert_int_equal(kept[99], 1);
    assert_ptr_equal(arena_alloc(&arena, 1000, 1), dropped);
    assert_true(all_zero(dropped, 1000));
    arena_finish(&arena);
}

static void release_of_a_large_part_returns_pages_and_clears_the_rest(void **state)
{
    struct arena arena = arena_of(16 * (size_t)MIB);
    uint8_t *memory;
    unsigned char resident[1] = {1};

    (void)state;
    memory = arena_alloc(&arena, 12 * MIB, 1);
    assert_non_null(memory);
    memset(memory, 3, 12 * MIB);
    arena_release(&arena, 1234567);
    assert_int_equal(mincore(arena.base + 8 * MIB, 1, resident), 0);
    assert_int_equal(resident[0] & 1, 0);
    assert_true(arena.committed >= 12 * MIB);
    assert_int_equal(memory[1234566], 3);
    assert_true(all_zero(memory + 1234567, 12 * MIB - 1234567));
    assert_non_null(arena_alloc(&arena, 14 * MIB, 1));
    arena_finish(&arena);
}

static void shrink_takes_back_all_but_what_is_handed_out_or_to_be_kept(void **state)
{
    struct arena arena = arena_of(16 * (size_t)MIB);
    uint8_t *memory = arena_alloc(&arena, 12 * MIB, 1);

    (void)state;
    assert_non_null(memory);
    memset(memory, 3, 12 * MIB);
    arena_release(&arena, 2 * MIB + 1);
    arena_shrink(&arena, 3 * MIB);
    assert_int_equal(arena.committed, 3 * MIB);
    assert_false(accessible(memory + 3 * MIB));
    arena_shrink(&arena, 0);
    assert_int_equal(arena.committed, 2 * MIB + ARENA_GRANULE);
    arena_shrink(&arena, SIZE_MAX);
    assert_int_equal(arena.committed, 2 * MIB + ARENA_GRANULE);
    assert_int_equal(memory[2 * MIB], 3);
    memory = arena_alloc(&arena, 12 * MIB, 1);
    assert_non_null(memory);
    assert_true(all_zero(memory, 12 * MIB));
    arena_finish(&arena);
}

static void release_to_the_present_mark_changes_nothing(void **state)
{
    struct arena arena = arena_of(MIB);
    uint8_t *memory = arena_alloc(&arena, 8, 1);

    (void)state;
    *memory = 5;
    arena_release(&arena, arena_mark(&arena));
    assert_int_equal(*memory, 5);
    assert_int_equal(arena.used, 8);
    arena_finish(&arena);
}

static void finish_takes_null_and_zero_and_finished_arenas(void **state)
{
    struct arena arena = {.base = NULL};

    (void)state;
    arena_finish(NULL);
    arena_finish(&arena);
    arena = arena_of(MIB);
    arena_finish(&arena);
    assert_null(arena.base);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_reserves_without_committing),
        cmocka_unit_test(init_rounds_a_size_up_to_the_granule),
        cmocka_unit_test(init_refuses_a_size_that_no_address_space_has),
        cmocka_unit_test(alloc_hands_out_zeroed_memory_side_by_side),
        cmocka_unit_test(alloc_honours_every_alignment_up_to_the_maximum),
        cmocka_unit_test(alloc_fills_the_reservation_to_the_last_byte_and_no_further),
        cmocka_unit_test(alloc_refuses_sizes_that_would_wrap),
        cmocka_unit_test(alloc_fails_and_leaves_the_arena_intact_when_the_kernel_refuses),
        cmocka_unit_test(alloc_falls_back_to_what_is_needed_when_a_whole_step_is_refused),
        cmocka_unit_test(addresses_never_move_while_the_arena_grows),
        cmocka_unit_test(array_refuses_a_product_that_overflows),
        cmocka_unit_test(array_aligns_by_the_size_of_its_elements),
        cmocka_unit_test(commit_grows_one_array_in_place),
        cmocka_unit_test(release_clears_exactly_what_came_after_the_mark),
        cmocka_unit_test(release_of_a_large_part_returns_pages_and_clears_the_rest),
        cmocka_unit_test(shrink_takes_back_all_but_what_is_handed_out_or_to_be_kept),
        cmocka_unit_test(release_to_the_present_mark_changes_nothing),
        cmocka_unit_test(finish_takes_null_and_zero_and_finished_arenas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
