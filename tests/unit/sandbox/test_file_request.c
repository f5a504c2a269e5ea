// SPDX-License-Identifier: Apache-2.0
#include "sandbox/file_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    uint32_t paths;
    uint32_t flags;
} operations[FILE_OPERATION_COUNT] = {
#define FILE_OPERATION(NAME_, PATHS_, FLAGS_) {PATHS_, FLAGS_},
#include "sandbox/file_request.def"
#undef FILE_OPERATION
};

static const uint8_t bytes[2 * FILE_PATH_MAX + 1] = "onetwo";

// With all that the operation may have: paths "one" and "two".
static struct file_request request_of(int operation)
{
    struct file_request request = {
        .operation = (enum file_operation)operation,
        .handle = UINT32_MAX,
        .other_handle = 7,
        .flags = operations[operation].flags,
        .values = {UINT64_MAX, 1},
    };

    if (operations[operation].paths >= 1) {
        request.path = bytes;
        request.path_length = 3;
    }
    if (operations[operation].paths == 2) {
        request.other_path = bytes + 3;
        request.other_path_length = 3;
    }
    return request;
}

static struct message message_of(int operation)
{
    const struct file_request request = request_of(operation);
    struct message message;

    file_request_put(&request, &message);
    return message;
}

static bool take(const struct message *message)
{
    struct file_request request;

    return file_request_take(message, bytes, message_bytes(message), &request);
}

static void each_request_arrives_as_it_was_sent(void **state)
{
    (void)state;
    for (int operation = 0; operation < FILE_OPERATION_COUNT; operation++) {
        const struct file_request sent = request_of(operation);
        const struct message_session running = {.state = MESSAGE_STATE_RUNNING};
        struct message message = message_of(operation);
        struct file_request got;

        assert_int_equal(message_check(&running, MESSAGE_TO_HOST, &message),
                         MESSAGE_VIOLATION_NONE);
        assert_int_equal(message_bytes(&message), sent.path_length + sent.other_path_length);
        assert_true(file_request_take(&message, bytes, message_bytes(&message), &got));
        assert_int_equal(got.operation, sent.operation);
        assert_int_equal(got.handle, sent.handle);
        assert_int_equal(got.other_handle, sent.other_handle);
        assert_int_equal(got.flags, sent.flags);
        assert_memory_equal(got.values, sent.values, sizeof got.values);
        assert_int_equal(got.path_length, sent.path_length);
        assert_int_equal(got.other_path_length, sent.other_path_length);
        assert_true(sent.path_length == 0 || got.path == sent.path);
        assert_ptr_equal(got.other_path, sent.other_path);
    }
}

static void the_table_is_what_the_functions_say(void **state)
{
    (void)state;
    for (int operation = 0; operation < FILE_OPERATION_COUNT; operation++) {
        assert_int_equal(file_operation_paths((enum file_operation)operation),
                         operations[operation].paths);
    }
}

static void operations_out_of_range_are_refused(void **state)
{
    static const uint64_t numbers[] = {FILE_OPERATION_COUNT, FILE_OPERATION_COUNT + 1, UINT32_MAX,
                                       UINT64_C(1) << 32,    UINT64_C(1) << 63,        UINT64_MAX};
    struct message message = message_of(FILE_LIST);

    (void)state;
    assert_true(take(&message));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        message.words[1] = numbers[i];
        assert_false(take(&message));
    }
}

static void flags_that_are_not_of_the_operation_are_refused(void **state)
{
    (void)state;
    for (int operation = 0; operation < FILE_OPERATION_COUNT; operation++)
        for (unsigned bit = 0; bit < 64; bit++) {
            struct message message = message_of(operation);

            message.words[4] = UINT64_C(1) << bit;
            assert_int_equal(take(&message),
                             bit < 32 && (operations[operation].flags >> bit & 1) != 0);
        }
}

static void words_that_are_too_large_are_refused(void **state)
{
    (void)state;
    for (int operation = 0; operation < FILE_OPERATION_COUNT; operation++)
        for (size_t word = 2; word <= 3; word++) {
            struct message message = message_of(operation);

            message.words[word] = UINT32_MAX;
            assert_true(take(&message));
            message.words[word] = UINT64_C(1) << 32;
            assert_false(take(&message));
            message.words[word] = UINT64_MAX;
            assert_false(take(&message));
        }
}

static void lengths_that_do_not_fit_the_bytes_are_refused(void **state)
{
    (void)state;
    for (int operation = 0; operation < FILE_OPERATION_COUNT; operation++) {
        struct message message = message_of(operation);

        message.words[7] = message.words[0] + 1;
        assert_false(take(&message));
        message.words[7] = UINT64_MAX;
        assert_false(take(&message));
        message.words[7] = message.words[0] | UINT64_C(1) << 32;
        assert_false(take(&message));
    }
}

static void paths_that_the_operation_does_not_have_are_refused(void **state)
{
    (void)state;
    for (int operation = 0; operation < FILE_OPERATION_COUNT; operation++) {
        struct message message = message_of(operation);

        message.words[0] = 1;
        message.words[7] = 1;
        assert_int_equal(take(&message), operations[operation].paths >= 1);
        message.words[7] = 0;
        assert_int_equal(take(&message), operations[operation].paths == 2);
    }
}

static void paths_are_as_long_as_they_may_be_and_no_longer(void **state)
{
    struct message message = message_of(FILE_RENAME);

    (void)state;
    message.words[0] = 2 * FILE_PATH_MAX;
    message.words[7] = FILE_PATH_MAX;
    assert_true(take(&message));
    message.words[7] = FILE_PATH_MAX - 1;
    assert_false(take(&message));
    message.words[7] = FILE_PATH_MAX + 1;
    assert_false(take(&message));
    message.words[0] = 2 * FILE_PATH_MAX + 1;
    message.words[7] = FILE_PATH_MAX;
    assert_false(take(&message));
    message = message_of(FILE_OPEN);
    message.words[0] = message.words[7] = FILE_PATH_MAX + 1;
    assert_false(take(&message));
}

static void another_number_of_words_is_refused(void **state)
{
    struct message message = message_of(FILE_LIST);

    (void)state;
    for (message.count = 0; message.count <= MESSAGE_WORDS_MAX; message.count++)
        assert_int_equal(take(&message), message.count == 8);
}

// --- answers -------------------------------------------------------------------------------------

static const struct file_answer full = {
    .error = FILE_NOT_A_FILE,
    .handle = UINT32_MAX,
    .has_descriptor = true,
    .status = {1, UINT64_MAX, FILE_TYPE_SYMBOLIC_LINK, 2, 3, 4, 5, 6},
};

static void an_answer_arrives_as_it_was_sent(void **state)
{
    const struct message_session asking = {.state = MESSAGE_STATE_ASKING};
    struct file_answer got;
    struct message message;

    (void)state;
    file_answer_put(&full, &message);
    assert_int_equal(message_check(&asking, MESSAGE_TO_WORKER, &message), MESSAGE_VIOLATION_NONE);
    assert_true(file_answer_take(&message, &got));
    assert_int_equal(got.error, full.error);
    assert_int_equal(got.handle, full.handle);
    assert_int_equal(got.has_descriptor, full.has_descriptor);
    assert_memory_equal(&got.status, &full.status, sizeof got.status);
}

static void answers_that_are_none_are_refused(void **state)
{
    static const struct {
        size_t word;
        uint64_t least; // of those that are too large
    } bounds[] = {
        {1, FILE_NOT_A_FILE + 1}, {2, UINT64_C(1) << 32}, {3, 2}, {6, FILE_TYPE_SYMBOLIC_LINK + 1}};
    struct file_answer got;
    struct message message;

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        file_answer_put(&full, &message);
        message.words[bounds[i].word] = bounds[i].least - 1;
        assert_true(file_answer_take(&message, &got));
        message.words[bounds[i].word] = bounds[i].least;
        assert_false(file_answer_take(&message, &got));
        message.words[bounds[i].word] = UINT64_MAX;
        assert_false(file_answer_take(&message, &got));
    }
    file_answer_put(&full, &message);
    message.count = MESSAGE_WORDS_MAX - 1;
    assert_false(file_answer_take(&message, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_arrives_as_it_was_sent),
        cmocka_unit_test(the_table_is_what_the_functions_say),
        cmocka_unit_test(operations_out_of_range_are_refused),
        cmocka_unit_test(flags_that_are_not_of_the_operation_are_refused),
        cmocka_unit_test(words_that_are_too_large_are_refused),
        cmocka_unit_test(lengths_that_do_not_fit_the_bytes_are_refused),
        cmocka_unit_test(paths_that_the_operation_does_not_have_are_refused),
        cmocka_unit_test(paths_are_as_long_as_they_may_be_and_no_longer),
        cmocka_unit_test(another_number_of_words_is_refused),
        cmocka_unit_test(an_answer_arrives_as_it_was_sent),
        cmocka_unit_test(answers_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
