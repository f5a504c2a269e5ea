// SPDX-License-Identifier: Apache-2.0
//
// Workers that follow the protocol for a while, and then write random bytes over all the memory
// that they share with the host, until they are killed: in each state that the host can be in. What
// the host makes of it is a clean end of that plugin, in time, and nothing else: another plugin
// that runs all the while notices nothing, and nothing is left behind. PINFOLD_HOSTILE_MS says for
// how long each state is attacked.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"
#include "tests/e2e/hostile.h"

enum {
    DEADLINE_MS = 200,
    STATE_MS = 300, // unless PINFOLD_HOSTILE_MS says otherwise
    LATE_MAX = 2,   // and one in LATE_SHARE
    LATE_SHARE = 100,
    LATE_MS = 2000, // never
    MAPPINGS_MORE = 64,
    PATIENCE_MS = 2000
};

#define GOOD_POLICY "pinfold: 1\nhost_functions:\n  - app.again\n  - app.fail\n"

static const char *const place_names[HOSTILE_PLACES] = {
    "created", "confined", "loading", "part",   "linking", "link part", "starting", "start import",
    "ready",   "running",  "output",  "asking", "import",  "nested",    "returned",
};

static const struct {
    const char *name;
    enum hostile_act act;
} acts[] = {
    {"quiet noise", HOSTILE_QUIET}, {"noise", HOSTILE_NOISE},  {"control", HOSTILE_CONTROL},
    {"wander", HOSTILE_WANDER},     {"requests", HOSTILE_ASK},
};

static pnf_host *host;
static const char *policy;
static uint64_t seed = 88172645463325252u;

static struct {
    unsigned attacks;
    unsigned ends[PNF_STATUS_COUNT];
    uint32_t late;
    uint64_t longest_us; // beyond what the machine was late by
} record;

// --- the host's side -----------------------------------------------------------------------------

static void app_pause(void)
{
    usleep(300);
}

static void app_note(const char *text, size_t length)
{
    (void)text;
    (void)length;
}

static void app_fail(void)
{
}

static void open_host(void)
{
    host = fixture_open_hostile(app_pause, app_note);
    policy = fixture_hostile_policy(host);
    pnf_host_function(host, "app.fail()", PNF_NATIVE(app_fail), NULL);
}

// --- the plugin beside it ------------------------------------------------------------------------

static struct {
    pthread_t thread;
    pnf_plugin *plugin;
    atomic_bool stop;
    atomic_uint calls;
    atomic_uint failures;
} neighbour;

static void *run_neighbour(void *unused)
{
    pnf_bytes result;

    (void)unused;
    while (!atomic_load(&neighbour.stop)) {
        if (pnf_call(neighbour.plugin, "reverse(b: bytes) -> bytes", "abc", (size_t)3, &result) !=
                PNF_OK ||
            result.length != 3 || memcmp(result.data, "cba", 3) != 0)
            atomic_fetch_add(&neighbour.failures, 1);
        atomic_fetch_add(&neighbour.calls, 1);
        usleep(200);
    }
    return NULL;
}

static void begin_neighbour(void)
{
    size_t size;
    const uint8_t *module = fixture_read(PINFOLD_TROUBLE, &size);

    if (pnf_load_bytes(host, "good", module, size, GOOD_POLICY, strlen(GOOD_POLICY),
                       &neighbour.plugin) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    atomic_store(&neighbour.stop, false);
    assert_int_equal(pthread_create(&neighbour.thread, NULL, run_neighbour, NULL), 0);
}

static void end_neighbour(void)
{
    atomic_store(&neighbour.stop, true);
    pthread_join(neighbour.thread, NULL);
    assert_int_equal(atomic_load(&neighbour.failures), 0);
    assert_true(atomic_load(&neighbour.calls) > 0);
    pnf_unload(neighbour.plugin);
}

// --- one attack ----------------------------------------------------------------------------------

struct attack {
    struct hostile_order order;
    const char *act;
};

static _Noreturn void fail_attack(const struct attack *attack, const char *what, pnf_status status)
{
    fail_msg("%s, seed %llu, while %s: %s: %s: %s", attack->act,
             (unsigned long long)attack->order.seed, place_names[attack->order.place], what,
             pnf_status_words(status), pnf_error_text());
    abort();
}

// Random bytes are never a message. But one that was sent before they came may still be under way,
// and be half of each.
static bool may_end(const struct attack *attack, pnf_status status)
{
    enum hostile_place place = (enum hostile_place)attack->order.place;

    if (attack->order.act != HOSTILE_NOISE && attack->order.act != HOSTILE_QUIET)
        return status != PNF_BUSY && status != PNF_USAGE && status != PNF_CANCELLED;
    if (place == HOSTILE_CONFINED && status == PNF_SYSTEM) // of another version
        return true;
    if ((place == HOSTILE_LINKING || place == HOSTILE_PART) && status == PNF_UNLINKABLE)
        return true;
    return status == PNF_VIOLATION || status == PNF_TIMEOUT;
}

static void expect_in_time(const struct attack *attack, uint64_t begin_us, pnf_status status)
{
    uint64_t took_us = fixture_now_us() - begin_us;
    uint64_t late_us = fixture_watch_late_us();

    took_us -= took_us > late_us ? late_us : took_us;
    if (took_us > record.longest_us)
        record.longest_us = took_us;
    record.late += took_us > (DEADLINE_MS + PINFOLD_SLACK_MS) * UINT64_C(1000);
    // A busy machine is late now and then, a bound that does not hold again and again.
    if (took_us > LATE_MS * UINT64_C(1000) || record.late > LATE_MAX + record.attacks / LATE_SHARE)
        fail_attack(attack, "late", status);
}

// Calls until the plugin has ended. One that plays by the rules by chance may not end.
static void call_until_it_ends(const struct attack *attack, pnf_plugin *plugin)
{
    for (int i = 0; i < 4; i++) {
        uint64_t begin_us = fixture_now_us();
        int32_t result = 0;
        pnf_status status = pnf_call(plugin, "run() -> i32", &result);
        bool answered = i == 0 && attack->order.place == HOSTILE_RETURNED && status == PNF_OK;

        expect_in_time(attack, begin_us, status);
        if (!answered && !may_end(attack, status))
            fail_attack(attack, "the call", status);
        record.ends[status] += i == 0;
    }
}

static void attack_once(struct attack *attack)
{
    uint64_t begin_us = fixture_now_us();
    pnf_plugin *plugin;
    pnf_status status;

    fixture_watch_late_us();
    status = pnf_load_bytes(host, "bad", &attack->order, sizeof attack->order, policy,
                            strlen(policy), &plugin);
    expect_in_time(attack, begin_us, status);
    record.attacks++;
    if (status == PNF_OK) {
        if (attack->order.place < HOSTILE_READY && attack->order.act == HOSTILE_NOISE)
            fail_attack(attack, "loaded", status);
        call_until_it_ends(attack, plugin);
    } else {
        if (attack->order.place > HOSTILE_READY || !may_end(attack, status))
            fail_attack(attack, "the load", status);
        record.ends[status]++;
    }
    begin_us = fixture_now_us();
    pnf_unload(plugin);
    expect_in_time(attack, begin_us, status);
}

static uint64_t attacked_for_us(void)
{
    const char *ms = getenv("PINFOLD_HOSTILE_MS");

    return (ms ? strtoull(ms, NULL, 10) : STATE_MS) * 1000;
}

static uint64_t next_seed(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void attack_in(enum hostile_place place)
{
    bool parts = place == HOSTILE_PART || place == HOSTILE_LINK_PART;
    size_t first = place < HOSTILE_STARTING; // the time for loading is long: nothing to wait for
    size_t count = sizeof acts / sizeof acts[0] - first;
    struct attack attack = {.order = {.magic = HOSTILE_MAGIC,
                                      .place = place,
                                      .imports = parts ? HOSTILE_IMPORTS_MAX : HOSTILE_IMPORTS}};
    uint64_t end_us = fixture_now_us() + attacked_for_us();
    int descriptors = fixture_descriptors();

    for (size_t i = 0; fixture_now_us() < end_us || i < count; i++) {
        attack.order.act = acts[first + i % count].act;
        attack.act = acts[first + i % count].name;
        attack.order.seed = next_seed();
        attack_once(&attack);
        if (fixture_descriptors() != descriptors)
            fail_attack(&attack, "a descriptor is left", PNF_OK);
    }
    assert_int_equal(fixture_channels(), 1); // the neighbour's
    assert_int_equal(atomic_load(&neighbour.failures), 0);
}

// --- tests ---------------------------------------------------------------------------------------

#define ATTACK(NAME_, PLACE_)                                                                      \
    static void the_host_survives_random_bytes_##NAME_(void **state)                               \
    {                                                                                              \
        (void)state;                                                                               \
        attack_in(HOSTILE_##PLACE_);                                                               \
    }
ATTACK(before_the_worker_is_confined, CREATED)
ATTACK(while_it_sends_the_policy, CONFINED)
ATTACK(while_it_waits_for_the_report, LOADING)
ATTACK(while_it_takes_a_part_of_the_report, PART)
ATTACK(while_it_links, LINKING)
ATTACK(while_it_hands_over_a_part, LINK_PART)
ATTACK(while_the_plugin_starts, STARTING)
ATTACK(in_a_call_of_the_start_function, START_IMPORT)
ATTACK(while_it_is_idle, READY)
ATTACK(while_the_plugin_runs, RUNNING)
ATTACK(while_it_takes_output, OUTPUT)
ATTACK(while_it_looks_for_a_file, ASKING)
ATTACK(in_a_host_function, IMPORT)
ATTACK(in_a_nested_call, NESTED)
ATTACK(after_a_call, RETURNED)

static struct {
    int descriptors;
    int mappings;
} before;

static void warm_up(void)
{
    struct attack attack = {.order = {.magic = HOSTILE_MAGIC, .place = HOSTILE_RUNNING},
                            .act = "warm up"};

    open_host();
    attack.order.imports = HOSTILE_IMPORTS;
    attack_once(&attack);
    pnf_host_close(host);
}

static int begin(void **state)
{
    if (fixture_make_folder(state) != 0)
        return -1;
    fixture_adopt();
    fixture_watch_begin();
    warm_up();
    before.descriptors = fixture_descriptors();
    before.mappings = fixture_mappings();
    open_host();
    begin_neighbour();
    return 0;
}

static int end(void **state)
{
    (void)state;
    return fixture_remove_folder(state);
}

static void nothing_is_left(void **state)
{
    (void)state;
    end_neighbour();
    pnf_host_close(host);
    fixture_watch_end();
    print_message("# %u attacks, %u late; the longest call took %llu us; %u of the neighbour\n",
                  record.attacks, record.late, (unsigned long long)record.longest_us,
                  atomic_load(&neighbour.calls));
    for (int status = 0; status < PNF_STATUS_COUNT; status++)
        if (record.ends[status] > 0)
            print_message("# %6u %s\n", record.ends[status], pnf_status_words((pnf_status)status));
    assert_false(fixture_has_children(PATIENCE_MS));
    assert_int_equal(fixture_descriptors(), before.descriptors);
    assert_int_equal(fixture_channels(), 0);
    assert_in_range(fixture_mappings(), 1, before.mappings + MAPPINGS_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_survives_random_bytes_before_the_worker_is_confined),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_sends_the_policy),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_waits_for_the_report),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_takes_a_part_of_the_report),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_links),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_hands_over_a_part),
        cmocka_unit_test(the_host_survives_random_bytes_while_the_plugin_starts),
        cmocka_unit_test(the_host_survives_random_bytes_in_a_call_of_the_start_function),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_is_idle),
        cmocka_unit_test(the_host_survives_random_bytes_while_the_plugin_runs),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_takes_output),
        cmocka_unit_test(the_host_survives_random_bytes_while_it_looks_for_a_file),
        cmocka_unit_test(the_host_survives_random_bytes_in_a_host_function),
        cmocka_unit_test(the_host_survives_random_bytes_in_a_nested_call),
        cmocka_unit_test(the_host_survives_random_bytes_after_a_call),
        cmocka_unit_test(nothing_is_left),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, begin, end);
}
