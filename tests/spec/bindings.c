// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/bindings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct binding *find(const struct bindings *bindings, struct name name)
{
    for (size_t i = 0; i < bindings->count; i++) {
        struct binding *item = &bindings->items[i];

        if (item->name.length == name.length &&
            (name.length == 0 || memcmp(item->name.bytes, name.bytes, name.length) == 0))
            return item;
    }
    return NULL;
}

void bindings_bind(struct bindings *bindings, struct name name, struct handle handle)
{
    struct binding *item = find(bindings, name);

    if (item == NULL) {
        bindings->items =
            reallocarray(bindings->items, bindings->count + 1, sizeof bindings->items[0]);
        if (bindings->items == NULL) {
            perror("pinfold-spec");
            abort(); // a tool without memory has nothing to say
        }
        item = &bindings->items[bindings->count++];
        item->name = name;
    }
    item->handle = handle;
}

struct handle bindings_find(const struct bindings *bindings, struct name name)
{
    const struct binding *item = find(bindings, name);

    return item == NULL ? (struct handle){.standing = STANDING_ABSENT} : item->handle;
}

void bindings_finish(struct bindings *bindings)
{
    free(bindings->items);
    *bindings = (struct bindings){.items = NULL};
}
