// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasi/wasi_fixture.h"

#include <sys/mman.h>
#include <unistd.h>

struct wasi wasi;
struct policy policy;
struct instance *guest;
struct error refusal;
char output[64];
size_t output_length;
size_t output_room;
uint32_t output_stream;
bool host_is_gone;
struct asked asked[REQUESTS_MAX];
size_t asked_count;
bool interrupts;

struct played {
    struct file_answer answer;
    const void *bytes;
    size_t length;
    int file;
};

static struct played played[REQUESTS_MAX];
static size_t played_count;
static size_t played_next;
static uint32_t next_handle;

// --- the host ------------------------------------------------------------------------------------

static bool take_output(void *context, uint32_t descriptor, const struct wasi_span *spans,
                        size_t count, size_t *taken)
{
    assert_ptr_equal(context, output);
    assert_true(descriptor == 1 || descriptor == 2);
    output_stream = descriptor;
    *taken = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = spans[i].length;

        if (length > output_room - output_length)
            length = output_room - output_length;
        memcpy(output + output_length, spans[i].bytes, length);
        output_length += length;
        *taken += length;
    }
    return !host_is_gone;
}

static void record(const struct file_request *request)
{
    struct asked *entry;

    assert_true(asked_count < REQUESTS_MAX);
    assert_true(request->path_length <= FILE_PATH_MAX);
    assert_true(request->other_path_length <= FILE_PATH_MAX);
    entry = &asked[asked_count++];
    *entry = (struct asked){.request = *request};
    if (request->path_length > 0)
        memcpy(entry->path, request->path, request->path_length);
    if (request->other_path_length > 0)
        memcpy(entry->other_path, request->other_path, request->other_path_length);
}

static bool answer_request(void *context, const struct file_request *request,
                           struct file_answer *answer, uint8_t *bytes, size_t *length,
                           int *descriptor)
{
    struct played nothing = {.answer.handle = FILE_NO_HANDLE, .file = -1};
    const struct played *next = played_next < played_count ? &played[played_next++] : &nothing;

    assert_ptr_equal(context, output);
    record(request);
    if (interrupts)
        engine_store(engine)->interrupted = 1;
    assert_true(next->length <= *length);
    *answer = next->answer;
    if (next->length > 0)
        memcpy(bytes, next->bytes, next->length);
    *length = next->length;
    *descriptor = next->file;
    return !host_is_gone;
}

static struct played *play(void)
{
    assert_true(played_count < REQUESTS_MAX);
    played[played_count] = (struct played){.answer.handle = FILE_NO_HANDLE, .file = -1};
    return &played[played_count++];
}

void play_error(uint32_t number)
{
    play()->answer.error = number;
}

void play_bytes(const void *bytes, size_t length)
{
    struct played *next = play();

    next->bytes = bytes;
    next->length = length;
}

void play_status(struct file_status status)
{
    play()->answer.status = status;
}

void play_directory(uint32_t handle)
{
    struct played *next = play();

    next->answer.handle = handle;
    next->answer.status.type = FILE_TYPE_DIRECTORY;
}

void play_file(int file, uint32_t handle)
{
    struct played *next = play();

    next->answer.handle = handle;
    next->answer.has_descriptor = true;
    next->answer.status.type = FILE_TYPE_REGULAR;
    next->file = file;
}

const struct asked *last_asked(enum file_operation operation)
{
    assert_true(asked_count > 0);
    assert_int_equal(asked[asked_count - 1].request.operation, operation);
    return &asked[asked_count - 1];
}

// --- the guest -----------------------------------------------------------------------------------

static void add_directory(const char *name, uint64_t access)
{
    struct policy_dir *dir = &policy.dirs[policy.dir_count++];

    assert_true(policy_add_text(&policy, name, strlen(name), &dir->guest, &refusal));
    dir->access = access;
}

static int set_up(void **state, bool with_directories)
{
    int result = run_set_up(state);

    build_begin();
    build_memory(1, 1);
    guest = instantiate_built();
    policy_init(&policy);
    policy.limits.open_files = 8;
    error_clear(&refusal);
    if (with_directories) {
        add_directory("/data", POLICY_WASI_DIRS_ACCESS_WRITE);
        add_directory("lib", POLICY_WASI_DIRS_ACCESS_READ);
    }
    wasi_init(&wasi, &policy, engine_store(engine), take_output, answer_request, output);
    output_length = 0;
    output_room = sizeof output;
    host_is_gone = interrupts = false;
    asked_count = played_count = played_next = 0;
    next_handle = 100;
    return result;
}

int wasi_set_up(void **state)
{
    return set_up(state, false);
}

int wasi_set_up_with_directories(void **state)
{
    return set_up(state, true);
}

int wasi_tear_down(void **state)
{
    for (uint32_t i = 0; i < DESCRIPTOR_TABLE_SIZE; i++) {
        struct descriptor *descriptor = descriptor_at(&wasi.descriptors, i);

        if (descriptor != NULL && descriptor->file >= 0)
            close(descriptor->file);
    }
    return run_tear_down(state);
}

int make_file(const char *bytes)
{
    int file = memfd_create("file", MFD_CLOEXEC);
    size_t length = strlen(bytes);

    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, length), length);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    return file;
}

uint32_t open_file(const char *bytes, uint64_t rights, uint32_t flags)
{
    play_file(make_file(bytes), next_handle++);
    assert_int_equal(
        WASI_CALL("path_open", WRITABLE, 0, PATH, put_path("file"), 0, rights, 0, flags, RESULT),
        WASI_SUCCESS);
    return word_at(RESULT);
}

uint32_t open_directory(uint64_t rights, uint64_t inheriting)
{
    play_directory(next_handle++);
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 0, PATH, put_path("directory"), 2, rights,
                               inheriting, 0, RESULT),
                     WASI_SUCCESS);
    return word_at(RESULT);
}

uint8_t *memory(uint32_t address)
{
    return guest->memory_base + address;
}

uint32_t word_at(uint32_t address)
{
    uint32_t word;

    memcpy(&word, memory(address), sizeof word);
    return word;
}

uint64_t long_at(uint32_t address)
{
    uint64_t value;

    memcpy(&value, memory(address), sizeof value);
    return value;
}

void put_word(uint32_t address, uint32_t word)
{
    memcpy(memory(address), &word, sizeof word);
}

void put_long(uint32_t address, uint64_t value)
{
    memcpy(memory(address), &value, sizeof value);
}

void put_iovec(uint32_t index, uint32_t address, uint32_t length)
{
    put_word(IOVECS + 8 * index, address);
    put_word(IOVECS + 8 * index + 4, length);
}

uint32_t put_path(const char *path)
{
    return put_path_at(PATH, path);
}

uint32_t put_path_at(uint32_t address, const char *path)
{
    memcpy(memory(address), path, strlen(path));
    return (uint32_t)strlen(path);
}

enum outcome run(const char *name, const uint64_t *arguments, size_t count)
{
    struct external external;

    assert_true(wasi_define(&wasi, engine, engine_name(name), &refusal));
    assert_true(
        store_find(engine_store(engine), engine_name(WASI_MODULE), engine_name(name), &external));
    for (size_t i = 0; i < count; i++)
        slots[i].u64 = arguments[i];
    return engine_invoke(engine, external.function, slots, &trap);
}

uint32_t call(const char *name, const uint64_t *arguments, size_t count)
{
    assert_int_equal(run(name, arguments, count), OUTCOME_OK);
    return slots[0].u32;
}
