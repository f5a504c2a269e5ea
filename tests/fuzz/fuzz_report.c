// SPDX-License-Identifier: Apache-2.0
//
// What the other process puts into an arena: a report, a link message, a table of libraries or a
// frame, by the first byte. What passes is read to its last byte, and a report is written again: it
// must be the same.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/base/utf8.h"
#include "sandbox/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef NDEBUG
#error "fuzz targets need assertions"
#endif

static void read_report(const uint8_t *bytes, size_t size)
{
    struct error error = {.code = ERROR_NONE};
    struct report_writer writer = {.size = size};
    struct report_reader reader;
    struct report_item item;
    uint64_t items = 0;

    if (!report_open(&reader, bytes, size, &error))
        return;
    writer.bytes = malloc(size);
    if (!writer.bytes)
        return;
    report_put_head(&writer, &reader.head);
    for (; report_next(&reader, &item); items++) {
        assert(utf8_valid(item.module.bytes, item.module.length));
        assert(utf8_valid(item.name.bytes, item.name.length));
        assert(item.owner <= REPORT_LIBRARIES_MAX);
        assert(item.part == REPORT_IMPORT ||
               (item.owner == 0 && (item.flags & REPORT_LINKED) == 0));
        report_put_item(&writer, &item);
    }
    for (size_t i = 0; i < REPORT_PART_COUNT; i++)
        items -= reader.head.counts[i];
    assert(items == 0);
    assert(writer.length == size && memcmp(writer.bytes, bytes, size) == 0);
    free(writer.bytes);
}

static void read_link(const uint8_t *bytes, size_t size)
{
    struct error error = {.code = ERROR_NONE};
    enum report_service service;
    struct plan plan;
    size_t at = 0;

    while (report_take_link(bytes, size, &at, &service, &plan, &error)) {
        struct plan_wire wire;

        assert(at <= size && service < REPORT_SERVICE_COUNT);
        if (service == REPORT_HOST)
            plan_wire(&plan, &wire);
    }
    assert(error.code != ERROR_NONE);
}

static void read_libraries(const uint8_t *bytes, size_t size)
{
    const uint64_t mapped = 1 << 20;
    struct error error = {.code = ERROR_NONE};
    struct report_library libraries[REPORT_LIBRARIES_MAX];
    uint32_t count;

    if (!report_take_libraries(bytes, size, mapped, libraries, &count, &error))
        return;
    assert(count == size / REPORT_LIBRARY_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        assert(policy_is_library_name(libraries[i].name, strlen(libraries[i].name)));
        assert(libraries[i].offset <= mapped && libraries[i].size <= mapped - libraries[i].offset);
    }
}

static void read_frame(const uint8_t *bytes, size_t size, bool named)
{
    struct error error = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX];
    struct report_frame frame;
    struct plan_wire wire;
    struct plan plan;
    size_t used;

    if (!report_take_frame(bytes, size, named, &frame, &plan, words, &error))
        return;
    assert(frame.words_at + 8 * frame.word_count <= size);
    if (!named)
        return;
    assert(utf8_valid(bytes + frame.name_at, frame.name_length));
    plan_wire(&plan, &wire);
    if (frame.word_count == wire.call.word_count && frame.blocks_size > 0 &&
        plan_check_call(&wire, words, bytes + frame.blocks_at, frame.blocks_size, &used, &error))
        assert(used <= frame.blocks_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size == 0)
        return 0;
    copy = malloc(size - 1); // apart, so that a sanitizer sees reads in front and behind
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    switch (data[0] & 7) {
    case 0:
        read_report(copy, size - 1);
        break;
    case 1:
        read_link(copy, size - 1);
        break;
    case 4:
        read_libraries(copy, size - 1);
        break;
    default:
        read_frame(copy, size - 1, (data[0] & 1) != 0);
        break;
    }
    free(copy);
    return 0;
}
