// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sandbox/base/hash.h"

static const struct hash_key sample_key = {0x0123456789abcdefu, 0x9e3779b97f4a7c15u};

static uint64_t hash_of(const struct hash_key *key, const char *text, size_t length)
{
    return hash_bytes(key, key->start, text, length);
}

static void equal_bytes_hash_alike_wherever_they_stand(void **state)
{
    static const char twice[] = "abcdefghijk.abcdefghijk";

    (void)state;
    assert_true(hash_of(&sample_key, twice, 11) == hash_of(&sample_key, twice + 12, 11));
}

static void length_counts_where_bytes_are_zero(void **state)
{
    static const char zeroes[17] = {0};

    (void)state;
    for (size_t length = 1; length <= 16; length++)
        assert_true(hash_of(&sample_key, zeroes, length) !=
                    hash_of(&sample_key, zeroes, length - 1));
}

static void hash_depends_on_the_key(void **state)
{
    struct hash_key other = sample_key;

    (void)state;
    other.start++;
    assert_true(hash_of(&sample_key, "name", 4) != hash_of(&other, "name", 4));
    other = sample_key;
    other.factor += 2;
    assert_true(hash_of(&sample_key, "name", 4) != hash_of(&other, "name", 4));
}

static void key_of_the_process_stays_the_same_and_is_odd(void **state)
{
    struct hash_key first = hash_key_of_process(), second = hash_key_of_process();

    (void)state;
    assert_true(first.start == second.start);
    assert_true(first.factor == second.factor);
    assert_int_equal(first.factor & 1, 1);
}

// 4096 names into 4096 buckets: the fullest of a good hash has about 8.
static void names_that_differ_little_spread_over_buckets(void **state)
{
    static unsigned buckets[4096];
    struct hash_key key = hash_key_of_process();

    (void)state;
    for (unsigned i = 0; i < 4096; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "f%u", i);
        unsigned *bucket = &buckets[hash_of(&key, name, (size_t)length) % 4096];
        assert_true(++*bucket < 24);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bytes_hash_alike_wherever_they_stand),
        cmocka_unit_test(length_counts_where_bytes_are_zero),
        cmocka_unit_test(hash_depends_on_the_key),
        cmocka_unit_test(key_of_the_process_stays_the_same_and_is_odd),
        cmocka_unit_test(names_that_differ_little_spread_over_buckets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
