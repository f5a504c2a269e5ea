// SPDX-License-Identifier: Apache-2.0
#include "wasi/descriptor.h"

#include <assert.h>

#include "sandbox/file_request.h"
#include "wasi/rights.h"

static void init_stdio(struct descriptor_table *table)
{
    for (uint32_t i = 0; i < DESCRIPTOR_STDIO_COUNT; i++)
        table->entries[i] = (struct descriptor){
            .kind = i == 0 ? DESCRIPTOR_INPUT : DESCRIPTOR_OUTPUT,
            .type = FILE_TYPE_UNKNOWN, // a pipe at best, and no terminal
            .stream = i,
            .handle = FILE_NO_HANDLE,
            .file = -1,
            .rights = i == 0 ? RIGHTS_INPUT : RIGHTS_OUTPUT,
        };
}

static void init_directory(struct descriptor_table *table, const struct policy *policy,
                           uint32_t index)
{
    bool writable = policy->dirs[index].access == POLICY_WASI_DIRS_ACCESS_WRITE;
    uint64_t granted = writable ? UINT64_MAX : ~RIGHTS_CHANGING;

    table->entries[DESCRIPTOR_STDIO_COUNT + index] = (struct descriptor){
        .kind = DESCRIPTOR_DIRECTORY,
        .type = FILE_TYPE_DIRECTORY,
        .preopened = true,
        .handle = index,
        .file = -1,
        .rights = RIGHTS_DIRECTORY & granted,
        .inheriting = (RIGHTS_DIRECTORY | RIGHTS_FILE) & granted,
    };
}

void descriptor_table_init(struct descriptor_table *table, const struct policy *policy)
{
    uint64_t opened_max = policy->limits.open_files;

    if (opened_max > DESCRIPTOR_OPENED_MAX)
        opened_max = DESCRIPTOR_OPENED_MAX;
    *table = (struct descriptor_table){.opened_max = (uint32_t)opened_max};
    init_stdio(table);
    for (uint32_t i = 0; i < policy->dir_count; i++)
        init_directory(table, policy, i);
}

struct descriptor *descriptor_at(struct descriptor_table *table, uint32_t number)
{
    if (number >= DESCRIPTOR_TABLE_SIZE || table->entries[number].kind == DESCRIPTOR_FREE)
        return NULL;
    return &table->entries[number];
}

static bool is_opened(const struct descriptor *descriptor)
{
    return descriptor->kind == DESCRIPTOR_FILE ||
           (descriptor->kind == DESCRIPTOR_DIRECTORY && !descriptor->preopened);
}

bool descriptor_has_room(const struct descriptor_table *table)
{
    return table->opened < table->opened_max;
}

// There is a free number: the others cannot be more than they were at first.
uint32_t descriptor_add(struct descriptor_table *table, const struct descriptor *descriptor)
{
    uint32_t number = 0;

    assert(descriptor_has_room(table) && is_opened(descriptor));
    while (table->entries[number].kind != DESCRIPTOR_FREE)
        number++;
    table->entries[number] = *descriptor;
    table->opened++;
    return number;
}

void descriptor_remove(struct descriptor_table *table, uint32_t number)
{
    assert(descriptor_at(table, number) != NULL);
    if (is_opened(&table->entries[number]))
        table->opened--;
    table->entries[number] = (struct descriptor){.kind = DESCRIPTOR_FREE};
}

void descriptor_move(struct descriptor_table *table, uint32_t from, uint32_t to)
{
    assert(descriptor_at(table, from) != NULL && descriptor_at(table, to) == NULL);
    table->entries[to] = table->entries[from];
    table->entries[from] = (struct descriptor){.kind = DESCRIPTOR_FREE};
}
