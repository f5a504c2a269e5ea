// SPDX-License-Identifier: Apache-2.0
//
// A guest that was made without any header: plugins/wordcount, in Rust.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pinfold.h>

enum { FILE_SIZE_MAX = 1024 * 1024, ROUNDS = 10000 };

struct notes {
    unsigned count;
    bool nested; // whether the next one calls the plugin again
    uint32_t words;
};

static void app_log(pnf_context *context, int32_t level, const char *text, size_t length)
{
    struct notes *notes = pnf_context_user(context);

    assert_int_equal(level, 2);
    assert_int_equal(length, strlen("counting words"));
    assert_memory_equal(text, "counting words", length);
    notes->count++;
    if (!notes->nested)
        return;
    notes->nested = false;
    assert_int_equal(pnf_call(pnf_context_plugin(context), "count(text: str) -> u32", "a b c",
                              (size_t)5, &notes->words),
                     PNF_OK);
}

static size_t read_file(const char *path, void *bytes)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    assert_non_null(file);
    size = fread(bytes, 1, FILE_SIZE_MAX, file);
    fclose(file);
    return size;
}

// From memory: the sources may be where a group may write, and then no policy's.
static pnf_plugin *load(pnf_host **host, struct notes *notes)
{
    static char module[FILE_SIZE_MAX];
    static char policy[FILE_SIZE_MAX];
    pnf_options options = {.libexec = PINFOLD_BUILD};
    pnf_plugin *plugin = NULL;
    size_t module_size = read_file(PINFOLD_WORDCOUNT_WASM, module);
    size_t policy_size = read_file(PINFOLD_WORDCOUNT_YAML, policy);

    *notes = (struct notes){.count = 0};
    assert_int_equal(pnf_host_open(&options, host), PNF_OK);
    pnf_host_function(*host, "app.log(@ctx, level: i32, text: str)", PNF_NATIVE(app_log), notes);
    if (pnf_load_bytes(*host, "wordcount", module, module_size, policy, policy_size, &plugin) !=
        PNF_OK)
        fail_msg("%s", pnf_error_text());
    return plugin;
}

static void assert_summary(pnf_plugin *plugin, const char *text, const char *summary)
{
    pnf_bytes result;

    if (pnf_call(plugin, "summary(text: str) -> str", text, strlen(text), &result) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    if (result.length != strlen(summary) || memcmp(result.data, summary, result.length) != 0)
        fail_msg("'%.*s', not '%s'", (int)result.length, (const char *)result.data, summary);
}

static void words_are_counted(void **state)
{
    struct notes notes;
    pnf_host *host;
    pnf_plugin *plugin = load(&host, &notes);
    uint32_t words = 0;

    (void)state;
    assert_int_equal(
        pnf_call(plugin, "count(text: str) -> u32", " one  two\nthree ", (size_t)16, &words),
        PNF_OK);
    assert_int_equal(words, 3);
    assert_int_equal(notes.count, 0);
    assert_summary(plugin, "", "0 words");
    assert_summary(plugin, "gr\xc3\xbc\xc3\x9f", "1 word, the longest is gr\xc3\xbc\xc3\x9f");
    assert_summary(plugin, "a tale of two cities", "5 words, the longest is cities");
    assert_int_equal(notes.count, 3);
    pnf_host_close(host);
}

// 4 MiB is all that the policy gives.
static void memory_is_given_back(void **state)
{
    static char text[10001];
    struct notes notes;
    pnf_host *host;
    pnf_plugin *plugin = load(&host, &notes);
    uint32_t words = 0;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(pnf_call(plugin, "count(text: str) -> u32", text, sizeof text - 1, &words),
                         PNF_OK);
        assert_int_equal(words, 1);
        if (i % 10 == 0)
            assert_summary(plugin, "a bc", "2 words, the longest is bc");
    }
    pnf_host_close(host);
}

static void a_call_inside_a_call_leaves_its_memory_alone(void **state)
{
    struct notes notes;
    pnf_host *host;
    pnf_plugin *plugin = load(&host, &notes);

    (void)state;
    notes.nested = true;
    assert_summary(plugin, "the outer text", "3 words, the longest is outer");
    assert_int_equal(notes.words, 3);
    assert_false(notes.nested);
    pnf_host_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_counted),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(a_call_inside_a_call_leaves_its_memory_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
