// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// A reader with bytes and error of its own, so that a test need not name them.
struct fixture {
    struct reader reader;
    struct error error;
    uint8_t bytes[64];
};

static struct reader *reading(struct fixture *fixture, const char *bytes, size_t length)
{
    *fixture = (struct fixture){.error = {.code = ERROR_NONE}};
    memcpy(fixture->bytes, bytes, length);
    reader_init(&fixture->reader, fixture->bytes, length, 0, &fixture->error);
    return &fixture->reader;
}

// A reader of a string literal's bytes, which may hold NUL.
#define READING(fixture_, literal_) reading(fixture_, literal_, sizeof(literal_) - 1)

static void expect_failure(const struct fixture *fixture, enum error_code code, uint64_t offset)
{
    assert_true(fixture->reader.failed);
    assert_true(reader_done(&fixture->reader));
    assert_int_equal(fixture->error.code, code);
    assert_int_equal(fixture->error.offset, offset);
}

static void u8_reads_bytes_in_order_up_to_the_end(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "\x01\xFF");

    (void)state;
    assert_int_equal(reader_u8(reader), 0x01);
    assert_int_equal(reader_remaining(reader), 1);
    assert_int_equal(reader_u8(reader), 0xFF);
    assert_true(reader_done(reader));
    assert_false(reader->failed);
    assert_int_equal(reader_u8(reader), 0);
    expect_failure(&fixture, ERROR_UNEXPECTED_END, 2);
}

static void a_reader_of_nothing_is_done(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct reader reader;

    (void)state;
    reader_init(&reader, NULL, 0, 5, &error);
    assert_true(reader_done(&reader));
    assert_int_equal(reader_offset(&reader), 5);
    assert_non_null(reader_bytes(&reader, 0));
    assert_int_equal(reader_u32(&reader), 0);
    assert_int_equal(error.code, ERROR_UNEXPECTED_END);
}

static void after_a_failure_every_read_yields_zero_and_the_error_stays(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E");
    struct reader sub;

    (void)state;
    assert_int_equal(reader_u8(reader), 5);
    assert_false(reader_fail(reader, ERROR_ILLEGAL_OPCODE, "%02x", 0xFFu));
    assert_int_equal(reader_u8(reader), 0);
    assert_int_equal(reader_u32(reader), 0);
    assert_int_equal(reader_u64(reader), 0);
    assert_int_equal(reader_s32(reader), 0);
    assert_int_equal(reader_s33(reader), 0);
    assert_int_equal(reader_s64(reader), 0);
    assert_int_equal(reader_s7(reader), 0);
    assert_int_equal(reader_f32_bits(reader), 0);
    assert_int_equal(reader_f64_bits(reader), 0);
    assert_int_equal(reader_name(reader).length, 0);
    assert_int_equal(reader_count(reader, 1), 0);
    assert_null(reader_bytes(reader, 0));
    assert_false(reader_sub(reader, 0, &sub));
    assert_true(sub.failed);
    expect_failure(&fixture, ERROR_ILLEGAL_OPCODE, 1);
    assert_string_equal(fixture.error.message, "illegal opcode: ff");
}

static void bytes_are_borrowed_and_bounded(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "abc");

    (void)state;
    assert_ptr_equal(reader_bytes(reader, 2), fixture.bytes);
    assert_ptr_equal(reader_bytes(reader, 0), fixture.bytes + 2);
    assert_null(reader_bytes(reader, 2));
    expect_failure(&fixture, ERROR_UNEXPECTED_END, 3);
    reader = READING(&fixture, "abc");
    assert_null(reader_bytes(reader, SIZE_MAX));
    expect_failure(&fixture, ERROR_UNEXPECTED_END, 3);
}

static void unsigned_leb_numbers_are_read_in_every_length(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_int_equal(reader_u32(READING(&fixture, "\x00")), 0);
    assert_int_equal(reader_u32(READING(&fixture, "\x7F")), 127);
    assert_int_equal(reader_u32(READING(&fixture, "\x80\x01")), 128);
    assert_int_equal(reader_u32(READING(&fixture, "\xE5\x8E\x26")), 624485);
    assert_int_equal(reader_u32(READING(&fixture, "\xFF\xFF\xFF\xFF\x0F")), UINT32_MAX);
    assert_int_equal(reader_u32(READING(&fixture, "\x82\x80\x80\x80\x00")), 2);
    assert_int_equal(reader_u64(READING(&fixture, "\x7F")), 127);
    assert_true(reader_u64(READING(&fixture, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01")) ==
                UINT64_MAX);
    assert_true(reader_u64(READING(&fixture, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")) ==
                UINT64_C(1) << 63);
    assert_int_equal(reader_remaining(&fixture.reader), 0);
    assert_false(fixture.reader.failed);
}

static void signed_leb_numbers_are_sign_extended_in_every_length(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(reader_s32(READING(&fixture, "\x3F")) == 63);
    assert_true(reader_s32(READING(&fixture, "\x40")) == -64);
    assert_true(reader_s32(READING(&fixture, "\x7F")) == -1);
    assert_true(reader_s32(READING(&fixture, "\xC0\xBB\x78")) == -123456);
    assert_true(reader_s32(READING(&fixture, "\xFF\xFF\xFF\xFF\x07")) == INT32_MAX);
    assert_true(reader_s32(READING(&fixture, "\x80\x80\x80\x80\x78")) == INT32_MIN);
    assert_true(reader_s32(READING(&fixture, "\xFF\xFF\xFF\xFF\x7F")) == -1);
    assert_true(reader_s33(READING(&fixture, "\x40")) == -64);
    assert_true(reader_s33(READING(&fixture, "\xFF\xFF\xFF\xFF\x0F")) == UINT32_MAX);
    assert_true(reader_s33(READING(&fixture, "\x80\x80\x80\x80\x70")) == -(INT64_C(1) << 32));
    assert_true(reader_s64(READING(&fixture, "\x7F")) == -1);
    assert_true(reader_s64(READING(&fixture, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00")) ==
                INT64_MAX);
    assert_true(reader_s64(READING(&fixture, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7F")) ==
                INT64_MIN);
    assert_true(reader_s7(READING(&fixture, "\x60")) == -32);
    assert_true(reader_s7(READING(&fixture, "\x3F")) == 63);
    assert_false(fixture.reader.failed);
}

// The number of the read, so that one table serves every width.
enum leb { U32, U64, S32, S33, S64, S7 };

static bool reads_zero(struct reader *reader, enum leb leb)
{
    switch (leb) {
    case U32:
        return reader_u32(reader) == 0;
    case U64:
        return reader_u64(reader) == 0;
    case S32:
        return reader_s32(reader) == 0;
    case S33:
        return reader_s33(reader) == 0;
    case S64:
        return reader_s64(reader) == 0;
    case S7:
        return reader_s7(reader) == 0;
    }
    return false;
}

struct leb_case {
    enum leb leb;
    const char *bytes;
};

static void expect_each(const struct leb_case *cases, size_t count, enum error_code code)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture fixture;
        struct reader *reader = reading(&fixture, cases[i].bytes, strlen(cases[i].bytes));

        assert_true(reads_zero(reader, cases[i].leb));
        expect_failure(&fixture, code, 0);
    }
}

static void leb_numbers_with_wrong_unused_bits_are_too_large(void **state)
{
    static const struct leb_case cases[] = {
        {U32, "\xFF\xFF\xFF\xFF\x10"},
        {U32, "\x80\x80\x80\x80\x40"},
        {U32, "\x80\x80\x80\x80\xF0\x80"}, // before the length of the representation
        {U64, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"},
        {U64, "\x82\x80\x80\x80\x80\x80\x80\x80\x80\x70"},
        {S32, "\x80\x80\x80\x80\x70"},
        {S32, "\xFF\xFF\xFF\xFF\x0F"},
        {S32, "\x80\x80\x80\x80\x1F"},
        {S32, "\xFF\xFF\xFF\xFF\x4F"},
        {S33, "\x80\x80\x80\x80\x60"},
        {S33, "\xFF\xFF\xFF\xFF\x1F"},
        {S64, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7E"},
        {S64, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"},
        {S64, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x41"},
    };

    (void)state;
    expect_each(cases, sizeof cases / sizeof cases[0], ERROR_INTEGER_TOO_LARGE);
}

static void leb_numbers_of_too_many_bytes_are_too_long(void **state)
{
    static const struct leb_case cases[] = {
        {U32, "\x82\x80\x80\x80\x80\x01"},
        {U32, "\x82\x80\x80\x80\x80"}, // even where the sixth byte is missing
        {U64, "\x82\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
        {S32, "\xFF\xFF\xFF\xFF\xFF\x7F"},
        {S33, "\xFF\xFF\xFF\xFF\xFF\x7F"},
        {S64, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"},
        {S7, "\xE0\x7F"},
    };

    (void)state;
    expect_each(cases, sizeof cases / sizeof cases[0], ERROR_INTEGER_REPRESENTATION_TOO_LONG);
}

static void a_leb_number_cut_off_is_an_unexpected_end(void **state)
{
    struct fixture fixture;

    (void)state;
    for (enum leb leb = U32; leb <= S64; leb++) {
        assert_true(reads_zero(READING(&fixture, "\x80\xFF"), leb));
        expect_failure(&fixture, ERROR_UNEXPECTED_END, 2);
        assert_true(reads_zero(READING(&fixture, ""), leb));
        expect_failure(&fixture, ERROR_UNEXPECTED_END, 0);
    }
}

static void float_patterns_are_little_endian_and_bounded(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_int_equal(reader_f32_bits(READING(&fixture, "\x01\x02\x03\xFF")), 0xFF030201);
    assert_true(reader_f64_bits(READING(&fixture, "\x01\x02\x03\x04\x05\x06\x07\xF8")) ==
                UINT64_C(0xF807060504030201));
    assert_int_equal(reader_f32_bits(READING(&fixture, "\x01\x02\x03")), 0);
    expect_failure(&fixture, ERROR_UNEXPECTED_END, 3);
    assert_int_equal(reader_f64_bits(READING(&fixture, "\x01\x02\x03\x04\x05\x06\x07")), 0);
    expect_failure(&fixture, ERROR_UNEXPECTED_END, 7);
}

static void a_name_is_counted_and_may_hold_nul(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "\x04"
                                              "a\0\xC3\xA4"
                                              "x\x00");
    struct name name = reader_name(reader);

    (void)state;
    assert_int_equal(name.length, 4);
    assert_ptr_equal(name.bytes, fixture.bytes + 1);
    assert_int_equal(reader_u8(reader), 'x');
    assert_int_equal(reader_name(reader).length, 0);
    assert_false(reader->failed);
    assert_true(reader_done(reader));
}

static void a_name_longer_than_the_rest_is_out_of_bounds(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_null(reader_name(READING(&fixture, "\x03"
                                              "ab"))
                    .bytes);
    expect_failure(&fixture, ERROR_LENGTH_OUT_OF_BOUNDS, 1);
    assert_null(reader_name(READING(&fixture, "\xFF\xFF\xFF\xFF\x0F"
                                              "ab"))
                    .bytes);
    expect_failure(&fixture, ERROR_LENGTH_OUT_OF_BOUNDS, 5);
}

static void a_name_that_is_not_utf8_is_malformed(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_null(reader_name(READING(&fixture, "\x01\x80")).bytes);
    expect_failure(&fixture, ERROR_MALFORMED_UTF8, 1);
    // The character must end within the name, whatever comes after it.
    assert_null(reader_name(READING(&fixture, "\x02\xE2\x82\xAC")).bytes);
    expect_failure(&fixture, ERROR_MALFORMED_UTF8, 1);
}

static void a_count_is_checked_against_the_bytes_left(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_int_equal(reader_count(READING(&fixture, "\x03"
                                                    "abcdef"),
                                  2),
                     3);
    assert_int_equal(reader_remaining(&fixture.reader), 6);
    assert_int_equal(reader_count(READING(&fixture, "\x04"
                                                    "abcdefg"),
                                  2),
                     0);
    expect_failure(&fixture, ERROR_LENGTH_OUT_OF_BOUNDS, 0);
    // The product of these two does not fit 32 bits, nor 64.
    assert_int_equal(reader_count(READING(&fixture, "\xFF\xFF\xFF\xFF\x0Fzz"), SIZE_MAX / 2), 0);
    expect_failure(&fixture, ERROR_LENGTH_OUT_OF_BOUNDS, 0);
    assert_int_equal(reader_count(READING(&fixture, "\x00"), 100), 0);
    assert_false(fixture.reader.failed);
}

static void a_count_with_nothing_after_it_is_an_unexpected_end(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_int_equal(reader_count(READING(&fixture, "\x01"), 1), 0);
    expect_failure(&fixture, ERROR_UNEXPECTED_END, 1);
}

static void a_sub_reader_keeps_module_offsets_and_its_parent_skips_it(void **state)
{
    struct error error = {.code = ERROR_NONE};
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
    struct reader reader;
    struct reader section;
    struct reader body;

    (void)state;
    reader_init(&reader, bytes, sizeof bytes, 1000, &error);
    assert_int_equal(reader_u8(&reader), 1);
    assert_true(reader_sub(&reader, 4, &section));
    assert_int_equal(reader_offset(&reader), 1005);
    assert_int_equal(reader_u8(&section), 2);
    assert_true(reader_sub(&section, 2, &body));
    assert_int_equal(reader_offset(&body), 1002);
    assert_int_equal(reader_u8(&body), 3);
    assert_int_equal(reader_u8(&body), 4);
    assert_true(reader_done(&body));
    assert_int_equal(reader_u8(&section), 5);
    assert_int_equal(reader_u8(&reader), 6);
    assert_int_equal(error.code, ERROR_NONE);
}

static void a_sub_reader_ends_where_its_section_does(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "\x80\x01\x02");
    struct reader sub;

    (void)state;
    assert_true(reader_sub(reader, 1, &sub));
    assert_int_equal(reader_u32(&sub), 0);
    assert_true(sub.failed);
    assert_false(reader->failed);
    assert_int_equal(fixture.error.code, ERROR_UNEXPECTED_END_OF_SECTION);
    assert_int_equal(fixture.error.offset, 1);
}

static void a_sub_reader_longer_than_the_rest_is_out_of_bounds(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "\x01\x02\x03");
    struct reader sub;

    (void)state;
    reader_u8(reader);
    assert_false(reader_sub(reader, 3, &sub));
    assert_true(sub.failed);
    assert_true(reader_done(&sub));
    assert_int_equal(reader_u8(&sub), 0);
    expect_failure(&fixture, ERROR_LENGTH_OUT_OF_BOUNDS, 1);
}

static void fail_at_records_the_place_it_is_given(void **state)
{
    struct fixture fixture;
    struct reader *reader = READING(&fixture, "abc");

    (void)state;
    assert_false(reader_fail_at(reader, 77, ERROR_MALFORMED_MUTABILITY));
    expect_failure(&fixture, ERROR_MALFORMED_MUTABILITY, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u8_reads_bytes_in_order_up_to_the_end),
        cmocka_unit_test(a_reader_of_nothing_is_done),
        cmocka_unit_test(after_a_failure_every_read_yields_zero_and_the_error_stays),
        cmocka_unit_test(bytes_are_borrowed_and_bounded),
        cmocka_unit_test(unsigned_leb_numbers_are_read_in_every_length),
        cmocka_unit_test(signed_leb_numbers_are_sign_extended_in_every_length),
        cmocka_unit_test(leb_numbers_with_wrong_unused_bits_are_too_large),
        cmocka_unit_test(leb_numbers_of_too_many_bytes_are_too_long),
        cmocka_unit_test(a_leb_number_cut_off_is_an_unexpected_end),
        cmocka_unit_test(float_patterns_are_little_endian_and_bounded),
        cmocka_unit_test(a_name_is_counted_and_may_hold_nul),
        cmocka_unit_test(a_name_longer_than_the_rest_is_out_of_bounds),
        cmocka_unit_test(a_name_that_is_not_utf8_is_malformed),
        cmocka_unit_test(a_count_is_checked_against_the_bytes_left),
        cmocka_unit_test(a_count_with_nothing_after_it_is_an_unexpected_end),
        cmocka_unit_test(a_sub_reader_keeps_module_offsets_and_its_parent_skips_it),
        cmocka_unit_test(a_sub_reader_ends_where_its_section_does),
        cmocka_unit_test(a_sub_reader_longer_than_the_rest_is_out_of_bounds),
        cmocka_unit_test(fail_at_records_the_place_it_is_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
