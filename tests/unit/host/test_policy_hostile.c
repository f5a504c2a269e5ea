// SPDX-License-Identifier: Apache-2.0
//
// Hostile policies, kind by kind. Each is refused, from memory and from a file alike, at its place
// and within 50 ms of processor time, and what is left is the policy that grants nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/policy_file.h"
#include "host/policy_source.h"
#include "host/policy_yaml.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITISED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITISED 1
#endif
#ifndef SANITISED
#define SANITISED 0
#endif

#define SOON_MS 50.0

enum { TEXT_MAX = 256 };

#define START "pinfold: 1\n"

static struct policy policy;
static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pinfold-hostile-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/p.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove(path);
    return rmdir(folder);
}

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct refusal {
    const char *text;
    uint32_t line; // 0: about no place in the text
    uint32_t column;
    const char *part;
};

static void assert_refusal(const struct policy_error *error, const struct refusal *refusal,
                           double spent)
{
    static struct policy fresh;

    if (strstr(error->message, refusal->part) == NULL)
        fail_msg("'%s' is not in '%s'", refusal->part, error->message);
    if (strstr(error->message, "policy: ")) // the key is named once, and not whose it is
        fail_msg("%s", error->message);
    if (error->line != refusal->line || error->column != refusal->column)
        fail_msg("%u:%u, not %u:%u: %s in\n%.500s", error->line, error->column, refusal->line,
                 refusal->column, error->message, refusal->text);
    if (!SANITISED && spent > SOON_MS)
        fail_msg("%.1f ms for\n%.500s", spent, refusal->text);
    policy_init(&fresh);
    assert_memory_equal(&policy, &fresh, sizeof policy);
}

static void write_file(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

// The text of the refusal, or other bytes, by each of the ways into the library.
static void assert_refused_bytes(const struct refusal *refusal, const char *bytes, size_t size)
{
    struct policy_error error = {.line = 0};
    double before = milliseconds();

    if (policy_from_text(bytes, size, &policy, &error))
        fail_msg("accepted:\n%.500s", refusal->text);
    assert_refusal(&error, refusal, milliseconds() - before);
    write_file(bytes, size);
    policy_error_clear(&error);
    before = milliseconds();
    if (policy_from_file(path, &policy, &error))
        fail_msg("accepted from a file:\n%.500s", refusal->text);
    assert_refusal(&error, refusal, milliseconds() - before);
}

static void assert_refused(const char *text, uint32_t line, uint32_t column, const char *part)
{
    struct refusal refusal = {text, line, column, part};

    assert_refused_bytes(&refusal, text, strlen(text));
}

static void assert_all_refused(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused_bytes(&refusals[i], refusals[i].text, strlen(refusals[i].text));
}

#define ALL_REFUSED(refusals_)                                                                     \
    assert_all_refused(refusals_, sizeof(refusals_) / sizeof((refusals_)[0]))

/* Size and shape. */

// A beginning, and a piece again and again, in which "#" is its number.
struct flood {
    const char *beginning;
    const char *piece;
    size_t count;
    uint32_t line;
    uint32_t column;
    const char *part;
};

static void assert_flood_refused(const struct flood *flood)
{
    size_t room = strlen(flood->beginning) + flood->count * (strlen(flood->piece) + 10) + 1;
    struct refusal refusal = {NULL, flood->line, flood->column, flood->part};
    char *text = malloc(room);
    size_t used;

    assert_non_null(text);
    used = (size_t)snprintf(text, room, "%s", flood->beginning);
    for (size_t i = 0; i < flood->count; i++) {
        for (const char *at = flood->piece; *at; at++) {
            if (*at == '#')
                used += (size_t)snprintf(text + used, room - used, "%zu", i);
            else
                text[used++] = *at;
        }
    }
    text[used] = '\0';
    refusal.text = text;
    assert_refused_bytes(&refusal, text, used);
    free(text);
}

static void floods_are_refused(void **state)
{
    static const struct flood floods[] = {
        // As they come: too long, before YAML sees a byte of them.
        {"", "[", 200 * 1024, 0, 0, "more than 65536 bytes"},
        {"", "{", 200 * 1024, 0, 0, "more than 65536 bytes"},
        {START "wasi:\n  args:\n", "  - &a# x\n", 20000, 0, 0, "more than 65536 bytes"},
        {START "wasi: { args: [", "x", 8 << 20, 0, 0, "more than 65536 bytes"},
        {START "wasi:\n  env:\n", "    V#: 1\n", 200000, 0, 0, "more than 65536 bytes"},
        {START, "k#: 1\n", 200000, 0, 0, "more than 65536 bytes"},
        // As much of each as a policy may have bytes.
        {"", "[", POLICY_SOURCE_BYTES_MAX, 1, 1, "must be a mapping"},
        {"", "{", POLICY_SOURCE_BYTES_MAX, 1, 2, "cannot be a key"},
        {START "wasi: { args: ", "[", 60000, 2, 16, "must be a list"},
        {START "wasi: ", "{", 60000, 2, 8, "cannot be a key"},
        {START "wasi:\n  args:\n", "  - &a# x\n", 4500, 4, 5, "anchors"},
        {START "wasi:\n  args:\n  - x\n", "  - *a\n", 9000, 5, 5, "aliases"},
        {START "wasi: { args: [", "x", 60000, 2, 16, "more than 4096 bytes"},
        {START "wasi:\n  env:\n", "    V#: 1\n", 5000, 260, 11, "wasi.env: too many"},
        {START "wasi:\n  args:\n", "  - a\n", 9000, 260, 5, "wasi.args: too many"},
        {START "host_functions:\n", "- a.b#\n", 6000, 515, 3, "host_functions: too many"},
        {START, "k#: 1\n", 6500, 2, 1, "unknown key 'k0'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++)
        assert_flood_refused(&floods[i]);
}

static void unclosed_and_deep_ones_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        // A text that breaks off does so at the beginning of the line behind it.
        {"{", 2, 1, "not YAML"},
        {"{pinfold: 1", 2, 1, "not YAML"},
        {START "limits: {", 3, 1, "not YAML"},
        {START "limits: { memory: 1MiB,\n", 3, 1, "not YAML"},
        {START "wasi: { args: [a, b\n", 3, 1, "not YAML"},
        {START "host_functions: [{ name: a.b\n", 3, 1, "not YAML"},
        {START "wasi: { args: [\"a\n", 3, 1, "not YAML"},
        {START "wasi: { args: [[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]] }\n", 2, 16, "must be"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void alias_bombs_and_cycles_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {START "wasi:\n  args: &a [x, x]\nhost_functions: [*a, *a]\n", 3, 9, "anchors"},
        {START "wasi: { args: &a [&b [*a], *b] }\n", 2, 15, "anchors"},
        {START "wasi: &w { args: *w }\n", 2, 7, "anchors"},
        {START "host_functions: &h\n- *h\n", 2, 17, "anchors"},
        {START "wasi: { args: [*a] }\n", 2, 16, "aliases"},
        {"&p pinfold: 1\n*p : 2\n", 1, 1, "anchors"},
        {"*p : 1\n", 1, 1, "aliases"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

/* What YAML has and a policy has not. */

static void duplicate_and_unknown_keys_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {START "limits: { fuel: 1 }\nlimits: { fuel: 2 }\n", 3, 1, "limits: given twice"},
        {START "limits: { fuel: 1, fuel: 1 }\n", 2, 20, "limits.fuel: given twice"},
        {START "wasi:\n  clock: none\n  clock: real\n", 4, 3, "wasi.clock: given twice"},
        {START "wasi:\n  env: { A: a, A: b }\n", 3, 16, "'A' is given twice"},
        {START "host_functions: [a.b, a.b]\n", 2, 23, "given twice"},
        {START "fs: ro\n", 2, 1, "unknown key 'fs'"},
        {START "limits: { time: 1s, tiem: 2s }\n", 2, 21, "did you mean 'limits.time'?"},
        {START "Limits: { time: 1s }\n", 2, 1, "unknown key 'Limits'"},
        {START "limits : { Time: 1s }\n", 2, 12, "unknown key 'Time'"},
        {START "require: [namespaces, landlock]\n", 2, 1, "unknown key 'require'"},
        {START "~: 1\n", 2, 1, "unknown key '~'"},
        {START "? \n: 1\n", 2, 2, "unknown key ''"},
        {START "<<: { wasi: {} }\n", 2, 1, "merge keys"},
        {START "<<: [{ wasi: {} }]\n", 2, 1, "merge keys"},
        {START "limits: { <<: { fuel: 1 } }\n", 2, 11, "merge keys"},
        {START "host_functions: [{ <<: {}, name: a.b }]\n", 2, 20, "merge keys"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void tags_directives_and_further_documents_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"!!map { pinfold: 1 }\n", 1, 1, "tags"},
        {"pinfold: !!int \"1\"\n", 1, 10, "tags"},
        {"!!str pinfold: 1\n", 1, 1, "tags"},
        {START "limits: { fuel: !!float 5 }\n", 2, 17, "tags"},
        {START "wasi: { args: [!!python/object/apply:os.system x] }\n", 2, 16, "tags"},
        {START "wasi: { args: [!!binary eA==] }\n", 2, 16, "tags"},
        {START "wasi: { args: !!set {} }\n", 2, 15, "tags"},
        {"%YAML 1.2\n---\npinfold: 1\n", 1, 1, "directives"},
        {"%TAG !e! tag:e,2000:\n---\npinfold: 1\n", 1, 1, "directives"},
        {START "---\nhost_functions: [a.b]\n", 2, 1, "second document"},
        {START "...\n---\n", 3, 1, "second document"},
        {"---\n" START "---\n", 3, 1, "second document"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

struct bytes {
    const char *bytes;
    size_t size;
    uint32_t line;
    uint32_t column;
    const char *part;
};

#define BYTES(text_, line_, column_, part_)                                                        \
    {                                                                                              \
        text_, sizeof text_ - 1, line_, column_, part_                                             \
    }

static void foreign_bytes_are_refused(void **state)
{
    static const struct bytes rows[] = {
        BYTES("\0", 1, 1, "NUL"),
        BYTES(START "\0", 2, 1, "NUL"),
        BYTES(START "host_functions: [app.log\0]\n", 2, 25, "NUL"),
        BYTES(START "host_functions: [\"app.log\\0\"]\n", 2, 18, "NUL"),
        BYTES(START "wasi: { env: { A: \"b\\0c\" } }\n", 2, 19, "NUL"),
        BYTES(START "# \x80\n", 2, 3, "not UTF-8"),
        BYTES(START "# \xc0\x80\n", 2, 3, "not UTF-8"),
        BYTES(START "# \xed\xa0\x80\n", 2, 3, "not UTF-8"),
        BYTES(START "# \xf4\x90\x80\x80\n", 2, 3, "not UTF-8"),
        BYTES(START "# \xe2\x82", 2, 3, "not UTF-8"),
        BYTES("\xef\xbb\xbf" START, 1, 1, "byte order mark"),
        BYTES(START "wasi: { args: [\xef\xbb\xbf] }\n", 2, 16, "byte order mark"),
        BYTES("\xff\xfep\0i\0n\0", 1, 1, "UTF-16"),
        BYTES("\xfe\xff\0p\0i\0n", 1, 1, "UTF-16"),
        BYTES("p\0i\0n\0", 1, 2, "NUL"),
        BYTES("\0p\0i\0n", 1, 1, "NUL"),
        BYTES("\xff\xfe\0\0p\0\0\0", 1, 1, "UTF-16"),
        BYTES("\tpinfold: 1\n", 1, 1, "tab"),
        BYTES(START "limits:\n\tfuel: 1\n", 3, 1, "tab"),
        BYTES(START "limits:\n  fuel:\t1\n", 3, 8, "tab"),
        BYTES(START "wasi: { args: [\"a\tb\"] }\n", 2, 18, "tab"),
        BYTES("pinfold: 1\rwasi: { clock: real }\n", 1, 11, "control"),
        BYTES(START "# \x1b[2J\n", 2, 3, "control"),
        BYTES(START "# \xe2\x80\xaex\n", 2, 3, "direction"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct refusal refusal = {rows[i].bytes, rows[i].line, rows[i].column, rows[i].part};

        assert_refused_bytes(&refusal, rows[i].bytes, rows[i].size);
    }
}

/* Values. */

// As the value of a key of `limits`: at its place, whatever the key.
static void assert_limit_refused(enum policy_key key, const char *value, const char *part)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof text, START "limits:\n  %s: %s\n", policy_key_name(key), value);
    assert_refused(text, 3, (uint32_t)strlen(policy_key_name(key)) + 5, part);
}

static void no_limit_takes_another_form_than_the_documented_one(void **state)
{
    static const char *const forms[] = {
        "NO",    "no",    "yes",  "true", "on",  "~",    "null",   "0777", "0o17",
        "1_000", "0x10",  "1e9",  "-1",   "+1",  "-0",   "00",     "1.0",  "5 5",
        ".5",    "1,000", ".inf", ".nan", "inf", "1:30", "32 MiB", "32MB", "32mib",
        "1e3s",  "1s1s",  "0b1",  "none", "max", "-1s",  "-1MiB",  "1k",   "5\xd9\xa1",
    };
    static const char *const quoted[] = {"\"5\"",  "'5'",      "\" 5\"",
                                         "\"5s\"", "|\n    5", ">-\n    5s"};
    static const char *const unlimited[] = {"unlimited", "infinite", "automatic", "infinity"};

    (void)state;
    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;

        if (policy_key_parent(key) != POLICY_KEY_LIMITS)
            continue;
        for (size_t at = 0; at < sizeof forms / sizeof forms[0]; at++)
            assert_limit_refused(key, forms[at], "not of the form");
        for (size_t at = 0; at < sizeof unlimited / sizeof unlimited[0]; at++)
            assert_limit_refused(key, unlimited[at], "not of the form");
        for (size_t at = 0; at < sizeof quoted / sizeof quoted[0]; at++)
            assert_limit_refused(key, quoted[at], "quotes");
    }
}

// With every unit that there is: those that a key does not have are of no form of its own.
static void no_limit_wraps(void **state)
{
    static const char *const numbers[] = {
        "0",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "36893488147419103232",
        "17179869185",        // GiB: 2^64 and one GiB more
        "17592186044417",     // MiB
        "18014398509481985",  // KiB
        "5124095576030432",   // h: beyond 2^64 ms
        "307445734561825861", // min
        "18446744073709552",  // s
        "99999999999999999999999999999999999999999999999999",
    };
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "ms", "s", "min", "h"};
    char value[TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;

        if (policy_key_parent(key) != POLICY_KEY_LIMITS)
            continue;
        for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
            for (size_t unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
                struct policy_error error = {.line = 0};

                snprintf(value, sizeof value, START "limits:\n  %s: %s%s\n", policy_key_name(key),
                         numbers[at], units[unit]);
                if (policy_from_text(value, strlen(value), &policy, &error)) {
                    // Not every one is too large for every key: then it is what is written.
                    assert_true(policy_key_allows(key, policy_key_read(key, &policy)));
                    assert_int_not_equal(at, 0);
                    assert_true(policy_key_read(key, &policy) >= strtoull(numbers[at], NULL, 10));
                } else {
                    assert_int_equal(error.line, 3);
                    assert_int_equal(error.column, strlen(policy_key_name(key)) + 5);
                }
            }
        }
    }
    assert_limit_refused(POLICY_KEY_LIMITS_MEMORY, "17179869185GiB", "out of range");
    assert_limit_refused(POLICY_KEY_LIMITS_TIME, "5124095576030432h", "out of range");
    assert_limit_refused(POLICY_KEY_LIMITS_FUEL, "18446744073709551616", "out of range");
    assert_limit_refused(POLICY_KEY_LIMITS_FUEL, "18446744073709551615", "out of range");
    assert_limit_refused(POLICY_KEY_LIMITS_ENGINE, "18446744073709551614", "out of range");
}

static void the_version_is_1_and_nothing_that_looks_like_it(void **state)
{
    static const char *const versions[] = {"0",   "2",     "-1",  "01",  "1.0",
                                           "0x1", "\"1\"", "yes", "1e0", "18446744073709551617",
                                           "1 1", "[1]",   "{}",  ""};
    char text[TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        snprintf(text, sizeof text, "pinfold: %s\n", versions[i]);
        // What is missing altogether is missed behind the colon.
        assert_refused(text, 1, versions[i][0] ? 10 : 9, "pinfold: ");
    }
    assert_refused("host_functions: [a.b]\n", 1, 1, "pinfold: missing");
}

/* Paths. */

#define DIR_START START "wasi:\n  dirs:\n    - "

static void no_dangerous_directory_is_granted(void **state)
{
    static const struct refusal refusals[] = {
        {DIR_START "{ host: ./dict, guest: /dict, access: read }\n", 4, 15, "No such file"},
        {DIR_START "{ host: ~, guest: /home }\n", 4, 15, "null"},
        {DIR_START "{ host: \"~\", guest: /home }\n", 4, 15, "not expanded"},
        {DIR_START "{ host: ~/x, guest: /home }\n", 4, 15, "not expanded"},
        {DIR_START "{ host: ~root, guest: /home }\n", 4, 15, "not expanded"},
        {DIR_START "{ host: a/../../b, guest: /b }\n", 4, 15, "No such file"},
        {DIR_START "{ host: /, guest: / }\n", 4, 15, "whole system"},
        {DIR_START "{ host: //, guest: / }\n", 4, 15, "whole system"},
        {DIR_START "{ host: /., guest: / }\n", 4, 15, "whole system"},
        {DIR_START "{ host: /usr/.., guest: / }\n", 4, 15, "whole system"},
        {DIR_START "{ host: /../../.., guest: / }\n", 4, 15, "whole system"},
        {DIR_START "{ host: /proc, guest: /proc }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /proc/1, guest: /r }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /proc/self, guest: /r }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /proc/self/root, guest: /r }\n", 4, 15, "whole system"},
        {DIR_START "{ host: /usr/../proc/self/fd, guest: /r }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /dev, guest: /dev, access: write }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /dev/., guest: /dev }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /dev/null, guest: /null }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /sys, guest: /sys }\n", 4, 15, "/proc, /sys or /dev"},
        {DIR_START "{ host: /etc/passwd, guest: /p }\n", 4, 15, "not a directory"},
        {DIR_START "{ host: /etc/passwd/, guest: /p }\n", 4, 15, "Not a directory"},
        {DIR_START "{ host: /tmp, guest: ../x }\n", 4, 28, "no name for the plugin"},
        {DIR_START "{ host: /tmp, guest: /a/../b }\n", 4, 28, "no name for the plugin"},
        {DIR_START "{ host: /tmp, guest: \"\" }\n", 4, 28, "no name for the plugin"},
        {DIR_START "{ host: \"\", guest: /x }\n", 4, 15, "is empty"},
        {DIR_START "{ host: \"/tmp\\0x\", guest: /x }\n", 4, 15, "NUL"},
        {DIR_START "{ host: /tmp, guest: \"/x\\0\" }\n", 4, 28, "NUL"},
        {DIR_START "{ host: /tmp }\n", 4, 7, "guest: missing"},
        {DIR_START "{}\n", 4, 7, "host: missing"},
        {DIR_START "/\n", 4, 7, "wasi.dirs: must be a list"},
        {DIR_START "~\n", 4, 7, "wasi.dirs: must be a list"},
        {DIR_START "[/tmp, /x]\n", 4, 7, "wasi.dirs: must be a list"},
        {START "wasi: { dirs: / }\n", 2, 15, "wasi.dirs: must be a list"},
        {START "wasi: { dirs: { host: / } }\n", 2, 15, "wasi.dirs: must be a list"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void overlapping_directories_have_one_access(void **state)
{
    static const struct refusal refusals[] = {
        {DIR_START
         "{ host: /usr, guest: /a }\n    - { host: /usr/bin, guest: /b, access: write }\n",
         5, 7, "'/usr/bin' overlaps '/usr', whose access is read"},
        {DIR_START
         "{ host: /usr/bin, guest: /a }\n    - { host: /usr, guest: /b, access: write }\n",
         5, 7, "'/usr' overlaps '/usr/bin', whose access is read"},
        {DIR_START "{ host: /usr, guest: /a, access: write }\n"
                   "    - { host: /etc/../usr/., guest: /b }\n",
         5, 7, "'/usr' overlaps '/usr', whose access is write"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

/* Names of host functions. */

static void names_of_host_functions_are_exact(void **state)
{
    static const struct refusal refusals[] = {
        {START "host_functions: [\"*\"]\n", 2, 18, "no wildcards"},
        {START "host_functions: [\"*.*\"]\n", 2, 18, "no wildcards"},
        {START "host_functions: [app.*]\n", 2, 18, "no wildcards"},
        {START "host_functions: [app.lo?]\n", 2, 18, "module.name"},
        {START "host_functions: [\"app.[a-z]\"]\n", 2, 18, "module.name"},
        {START "host_functions: [app]\n", 2, 18, "module.name"},
        {START "host_functions: [app.]\n", 2, 18, "module.name"},
        {START "host_functions: [.log]\n", 2, 18, "module.name"},
        {START "host_functions: [\"\"]\n", 2, 18, "module.name"},
        {START "host_functions: [app.log, app.log.*]\n", 2, 27, "no wildcards"},
        {START "host_functions: [\xd0\xb0pp.log]\n", 2, 18, "module.name"},     // Cyrillic a
        {START "host_functions: [app.l\xce\xbfg]\n", 2, 18, "module.name"},     // Greek o
        {START "host_functions: [app\xef\xbc\x8elog]\n", 2, 18, "module.name"}, // full-width dot
        {START "host_functions: [app.lo\xcc\x81g]\n", 2, 18, "module.name"},    // combining
        {START "host_functions: [app.\xe2\x80\x8blog]\n", 2, 22, "invisible"},
        {START "host_functions: [\"app.\\u200blog\"]\n", 2, 18, "module.name"},
        {START "host_functions: [\"app.log\\0\"]\n", 2, 18, "NUL"},
        {START "host_functions: [\"app.log\\n\"]\n", 2, 18, "module.name"},
        {START "host_functions: [\"app.log \"]\n", 2, 18, "module.name"},
        {START "host_functions: [app/log]\n", 2, 18, "module.name"},
        {START "host_functions: all\n", 2, 17, "must be a list"},
        {START "host_functions: true\n", 2, 17, "must be a list"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

// What a module imports is looked up by the bytes of its name.
static void a_grant_is_for_one_name_only(void **state)
{
    static const char text[] = START "host_functions: [app.log]\n";
    static const struct bytes others[] = {
        BYTES("app.Log", 0, 0, ""),        BYTES("APP.LOG", 0, 0, ""),
        BYTES("app.log\0", 0, 0, ""),      BYTES("app.log\0x", 0, 0, ""),
        BYTES("app\0log", 0, 0, ""),       BYTES("app.lo", 0, 0, ""),
        BYTES("app.logs", 0, 0, ""),       BYTES("app.log.x", 0, 0, ""),
        BYTES("app.l\xce\xbfg", 0, 0, ""), BYTES("app..log", 0, 0, ""),
        BYTES(".log", 0, 0, ""),           BYTES("", 0, 0, ""),
    };
    struct policy_error error = {.line = 0};

    (void)state;
    assert_true(policy_from_text(text, sizeof text - 1, &policy, &error));
    assert_int_equal(policy_find_function(&policy, "app.log", 7), 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(policy_find_function(&policy, others[i].bytes, others[i].size),
                         POLICY_NOT_FOUND);
}

static void nothing_is_granted_by_default(void **state)
{
    struct policy_error error = {.line = 0};

    (void)state;
    setenv("PINFOLD_CANARY", "1", 1);
    assert_true(policy_from_text(START, sizeof START - 1, &policy, &error));
    assert_int_equal(policy.function_count, 0);
    assert_int_equal(policy.argument_count, 0);
    assert_int_equal(policy.variable_count, 0);
    assert_int_equal(policy.dir_count, 0);
    assert_int_equal(policy.wasi_stdin, POLICY_WASI_STDIN_NONE);
    assert_int_equal(policy.wasi_stdout, POLICY_WASI_STDOUT_NONE);
    assert_int_equal(policy.wasi_clock, POLICY_WASI_CLOCK_NONE);
    assert_int_equal(policy.wasi_random, POLICY_WASI_RANDOM_NONE);
    assert_int_equal(policy_find_variable(&policy, "PINFOLD_CANARY", 14), POLICY_NOT_FOUND);
    assert_int_not_equal(policy.limits.time_ms, POLICY_NONE);
    assert_true(policy.limits.memory_bytes <= UINT64_C(1) << 30);
}

/* What this version does not have. */

static void what_asks_for_a_missing_feature_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {START "require: [namespaces]\n", 2, 1, "unknown key"},
        {START "limits: { memories: 101 }\n", 2, 21, "from 1 to 100"},
        {START "limits: { open_files: 1024 }\n", 2, 23, "from 1 to 64"},
        {START "wasi: { clock: virtual }\n", 2, 16, "not supported yet"},
        {START "wasi: { random: seeded }\n", 2, 17, "not supported yet"},
        {START "wasi: { network: all }\n", 2, 9, "unknown key"},
        {START "host_functions: [{ name: a.b, calls: 1/s }]\n", 2, 38, "not supported yet"},
        {START "host_functions: [{ name: a.b, bytes: 1MiB/s }]\n", 2, 38, "not supported yet"},
        {START "host_functions: [{ name: a.b, calls: 0/s }]\n", 2, 38, "out of range"},
        {START "host_functions: [{ name: a.b, calls: -1/s }]\n", 2, 38, "not of the form"},
        {START "host_functions: [{ name: a.b, calls: unlimited }]\n", 2, 38, "not of the form"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_are_refused),
        cmocka_unit_test(unclosed_and_deep_ones_are_refused),
        cmocka_unit_test(alias_bombs_and_cycles_are_refused),
        cmocka_unit_test(duplicate_and_unknown_keys_are_refused),
        cmocka_unit_test(tags_directives_and_further_documents_are_refused),
        cmocka_unit_test(foreign_bytes_are_refused),
        cmocka_unit_test(no_limit_takes_another_form_than_the_documented_one),
        cmocka_unit_test(no_limit_wraps),
        cmocka_unit_test(the_version_is_1_and_nothing_that_looks_like_it),
        cmocka_unit_test(no_dangerous_directory_is_granted),
        cmocka_unit_test(overlapping_directories_have_one_access),
        cmocka_unit_test(names_of_host_functions_are_exact),
        cmocka_unit_test(a_grant_is_for_one_name_only),
        cmocka_unit_test(nothing_is_granted_by_default),
        cmocka_unit_test(what_asks_for_a_missing_feature_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
