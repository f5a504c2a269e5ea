// SPDX-License-Identifier: Apache-2.0
#include "wasi/wasi_errno.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sandbox/file_request.h"

static void no_error_is_success(void **state)
{
    (void)state;
    assert_int_equal(wasi_errno_of(0), WASI_SUCCESS);
}

static void the_systems_errors_have_wasis_numbers(void **state)
{
    (void)state;
    assert_int_equal(wasi_errno_of(E2BIG), 1);
    assert_int_equal(wasi_errno_of(EACCES), 2);
    assert_int_equal(wasi_errno_of(EAGAIN), 6);
    assert_int_equal(wasi_errno_of(EEXIST), 20);
    assert_int_equal(wasi_errno_of(EISDIR), 31);
    assert_int_equal(wasi_errno_of(ELOOP), 32);
    assert_int_equal(wasi_errno_of(ENOENT), 44);
    assert_int_equal(wasi_errno_of(ENOTDIR), 54);
    assert_int_equal(wasi_errno_of(ENOTEMPTY), 55);
    assert_int_equal(wasi_errno_of(ENOTSUP), 58);
    assert_int_equal(wasi_errno_of(EPERM), 63);
    assert_int_equal(wasi_errno_of(EROFS), 69);
    assert_int_equal(wasi_errno_of(EXDEV), 75);
}

static void what_the_broker_refuses_is_not_a_capability(void **state)
{
    (void)state;
    assert_int_equal(wasi_errno_of(FILE_OUTSIDE), WASI_NOTCAPABLE);
    assert_int_equal(wasi_errno_of(FILE_NOT_GRANTED), WASI_NOTCAPABLE);
    assert_int_equal(wasi_errno_of(FILE_NOT_A_FILE), WASI_NXIO);
}

static void every_other_number_is_an_input_output_error(void **state)
{
    (void)state;
    assert_int_equal(wasi_errno_of(ENOMSG), WASI_IO);
    assert_int_equal(wasi_errno_of(4000), WASI_IO);
    assert_int_equal(wasi_errno_of(FILE_NOT_A_FILE + 1), WASI_IO);
    assert_int_equal(wasi_errno_of(UINT32_MAX), WASI_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_error_is_success),
        cmocka_unit_test(the_systems_errors_have_wasis_numbers),
        cmocka_unit_test(what_the_broker_refuses_is_not_a_capability),
        cmocka_unit_test(every_other_number_is_an_input_output_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
