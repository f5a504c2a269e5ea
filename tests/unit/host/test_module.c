// SPDX-License-Identifier: Apache-2.0
#include "host/module.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { REWRITTEN_BYTES = 256 * 1024 };

// Of "abc", from FIPS 180-4.
static const uint8_t abc_sha256[POLICY_SHA256_SIZE] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool open_module(const char *path, struct module *module, struct error_text *error)
{
    if (module_create(module, error) && module_add_file(module, path, error) &&
        module_seal(module, error))
        return true;
    module_close(module);
    return false;
}

static bool copy_module(const void *bytes, size_t size, struct module *module,
                        struct error_text *error)
{
    return module_create(module, error) && module_add_bytes(module, bytes, size, error) &&
           module_seal(module, error);
}

static void module_copies_a_file_and_hashes_what_it_copied(void **state)
{
    char path[] = "/tmp/pinfold-module-XXXXXX";
    struct module module;
    struct error_text error;
    char bytes[8];

    (void)state;
    close(mkstemp(path));
    write_file(path, "abc");
    error_text_init(&error);
    assert_true(open_module(path, &module, &error));
    assert_int_equal(module.size, 3);
    assert_memory_equal(module.sha256, abc_sha256, sizeof abc_sha256);
    write_file(path, "xyz"); // what happens to the file later does not matter
    assert_int_equal(pread(module.fd, bytes, sizeof bytes, 0), 3);
    assert_memory_equal(bytes, "abc", 3);
    unlink(path);
    module_close(&module);
    module_close(&module);
}

static void module_seals_what_it_hands_out(void **state)
{
    struct module module;
    struct error_text error;

    (void)state;
    error_text_init(&error);
    assert_true(copy_module("abc", 3, &module, &error));
    assert_int_equal(write(module.fd, "x", 1), -1);
    assert_int_equal(ftruncate(module.fd, 0), -1);
    assert_int_equal(fcntl(module.fd, F_ADD_SEALS, 0), -1);
    assert_true(fcntl(module.fd, F_GETFD) & FD_CLOEXEC);
    assert_ptr_equal(mmap(NULL, 3, PROT_READ | PROT_WRITE, MAP_SHARED, module.fd, 0), MAP_FAILED);
    module_close(&module);
}

static void module_refuses_what_is_no_regular_file(void **state)
{
    static const char *const paths[] = {"/nonexistent/greet.wasm", "/tmp", "/dev/null"};
    struct module module;
    struct error_text error;

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        error_text_init(&error);
        assert_false(open_module(paths[i], &module, &error));
        assert_int_equal(error.status, PNF_SYSTEM);
        assert_non_null(strstr(error.text, paths[i]));
        assert_int_equal(module.fd, -1);
    }
}

static void module_does_not_wait_for_the_writer_of_a_pipe(void **state)
{
    char path[64];
    struct module module;
    struct error_text error;

    (void)state;
    snprintf(path, sizeof path, "/tmp/pinfold-fifo-%d", getpid());
    assert_int_equal(mkfifo(path, 0600), 0);
    error_text_init(&error);
    assert_false(open_module(path, &module, &error));
    assert_int_equal(error.status, PNF_SYSTEM);
    unlink(path);
}

static void modules_lie_behind_each_other_with_a_hash_each(void **state)
{
    static const char path[] = "/nonexistent/library.wasm";
    struct policy_link link = {.line = 3, .pinned = 1};
    struct module module;
    struct error_text error;
    char bytes[8];

    (void)state;
    error_text_init(&error);
    assert_true(module_create(&module, &error));
    assert_true(module_add_bytes(&module, "xyz!", 4, &error));
    assert_int_equal(module.offset, 0);
    assert_true(module_add_bytes(&module, "", 0, &error));
    assert_true(module_add_bytes(&module, "abc", 3, &error));
    assert_int_equal(module.offset, 4);
    assert_int_equal(module.size, 7);
    memcpy(link.sha256, abc_sha256, sizeof abc_sha256);
    assert_true(module_check_link_pin(&module, &link, &error));
    link.sha256[0] ^= 1;
    assert_false(module_check_link_pin(&module, &link, &error));
    assert_int_equal(error.status, PNF_DENIED);
    assert_string_equal(error.capability, "link[].sha256");
    assert_non_null(strstr(error.text, "link[].sha256 (line 3)"));
    error_text_init(&error);
    assert_false(module_add_file(&module, path, &error));
    assert_int_equal(module.size, 7);
    assert_int_equal(pread(module.fd, bytes, sizeof bytes, 0), 7);
    assert_memory_equal(bytes, "xyz!abc", 7);
    module_close(&module);
}

static void module_with_another_hash_than_the_pin_is_denied_with_the_line(void **state)
{
    static struct policy policy;
    struct module module;
    struct error_text error;

    (void)state;
    policy_init(&policy);
    error_text_init(&error);
    assert_true(copy_module("abc", 3, &module, &error));
    assert_true(module_check_pin(&module, &policy, &error));
    policy.pinned = 1;
    memcpy(policy.sha256, abc_sha256, sizeof abc_sha256);
    assert_true(module_check_pin(&module, &policy, &error));
    policy.sha256[31] ^= 1;
    assert_false(module_check_pin(&module, &policy, &error));
    assert_int_equal(error.status, PNF_DENIED);
    assert_string_equal(error.hint,
                        "sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_non_null(strstr(error.text, error.hint));
    module_close(&module);
}

static void module_that_others_write_is_held_against_the_pin_as_copied(void **state)
{
    static struct policy policy;
    char path[] = "/tmp/pinfold-module-XXXXXX";
    struct module module;
    struct error_text error;
    char bytes[8];

    (void)state;
    error_text_init(&error);
    policy_init(&policy);
    policy.pinned = 1;
    memcpy(policy.sha256, abc_sha256, sizeof abc_sha256);
    close(mkstemp(path));
    write_file(path, "abc");
    assert_int_equal(chmod(path, 0666), 0);
    assert_true(open_module(path, &module, &error));
    assert_int_equal(truncate(path, 1), 0);
    assert_true(module_check_pin(&module, &policy, &error));
    assert_int_equal(pread(module.fd, bytes, sizeof bytes, 0), 3);
    assert_memory_equal(bytes, "abc", 3);
    module_close(&module);
    assert_true(open_module(path, &module, &error));
    assert_false(module_check_pin(&module, &policy, &error));
    unlink(path);
    module_close(&module);
}

// Writes one of two texts over the other, again and again, without and with another length.
static void rewrite_for_ever(const char *path)
{
    static char text[REWRITTEN_BYTES];
    int file = open(path, O_WRONLY);

    for (unsigned round = 0; file >= 0; round++) {
        memset(text, 'a' + (int)(round % 2), sizeof text);
        if (pwrite(file, text, sizeof text, 0) < 0 ||
            (round % 3 == 0 && ftruncate(file, (off_t)sizeof text / 2)))
            break;
    }
    _exit(1);
}

static void assert_hash_of_copy(const struct module *module)
{
    uint8_t sha256[POLICY_SHA256_SIZE];
    void *bytes;

    assert_int_equal(lseek(module->fd, 0, SEEK_END), module->size);
    if (module->size == 0)
        return;
    bytes = mmap(NULL, module->size, PROT_READ, MAP_SHARED, module->fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    crypto_hash_sha256(sha256, bytes, module->size);
    assert_memory_equal(sha256, module->sha256, sizeof sha256);
    munmap(bytes, module->size);
}

static void module_has_the_hash_of_its_copy_while_the_file_changes(void **state)
{
    char path[] = "/tmp/pinfold-module-XXXXXX";
    struct error_text error;
    struct module module;
    pid_t child;

    (void)state;
    error_text_init(&error);
    close(mkstemp(path));
    assert_int_equal(truncate(path, REWRITTEN_BYTES), 0);
    child = fork();
    if (child == 0)
        rewrite_for_ever(path);
    for (unsigned round = 0; round < 200; round++) {
        assert_true(open_module(path, &module, &error));
        assert_hash_of_copy(&module);
        module_close(&module);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(module_copies_a_file_and_hashes_what_it_copied),
        cmocka_unit_test(module_seals_what_it_hands_out),
        cmocka_unit_test(module_refuses_what_is_no_regular_file),
        cmocka_unit_test(module_does_not_wait_for_the_writer_of_a_pipe),
        cmocka_unit_test(module_that_others_write_is_held_against_the_pin_as_copied),
        cmocka_unit_test(module_has_the_hash_of_its_copy_while_the_file_changes),
        cmocka_unit_test(modules_lie_behind_each_other_with_a_hash_each),
        cmocka_unit_test(module_with_another_hash_than_the_pin_is_denied_with_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
