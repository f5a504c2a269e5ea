// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's modules: reading, linking and instantiating them.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/fuzz/reference.h"

#define PAGE_BYTES 65536ull
#define PAGES_MAX  65536ull
#define TABLE_MAX  10000000u // the engine's limit

struct reference_allocation {
    struct reference_allocation *next;
    uint64_t padding; // what follows is aligned to 16 bytes
};

struct reference_registered {
    struct reference_name module;
    struct reference_name name;
    enum reference_kind kind;
    void *object;
    struct reference_registered *next;
};

void *reference_allocate(struct reference_store *store, size_t count, size_t size)
{
    struct reference_allocation *allocation = calloc(1, sizeof *allocation + count * size);

    if (allocation == NULL)
        abort();
    allocation->next = store->allocations;
    store->allocations = allocation;
    return allocation + 1;
}

void reference_finish(struct reference_store *store)
{
    for (struct reference_memory *memory = store->memories; memory != NULL; memory = memory->next) {
        munmap(memory->bytes, memory->maximum + 1);
        munmap(memory->nans, memory->maximum + 1);
    }
    while (store->allocations != NULL) {
        struct reference_allocation *next = store->allocations->next;

        free(store->allocations);
        store->allocations = next;
    }
    *store = (struct reference_store){.host = NULL};
}

/* The binary format. */

uint64_t reference_unsigned(const uint8_t **at)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;

    do {
        byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

int64_t reference_signed(const uint8_t **at)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;

    do {
        byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && byte & 0x40)
        value |= UINT64_MAX << shift;
    return (int64_t)value;
}

static bool skip_prefixed(const uint8_t **at)
{
    static const uint8_t immediates[] = {0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1};
    uint64_t opcode = reference_unsigned(at);

    if (opcode >= sizeof immediates)
        return false;
    for (uint32_t i = 0; i < immediates[opcode]; i++)
        reference_unsigned(at);
    return true;
}

static void skip_memarg(const uint8_t **at)
{
    if (reference_unsigned(at) & 0x40)
        reference_unsigned(at);
    reference_unsigned(at);
}

bool reference_skip(const uint8_t **at)
{
    uint8_t opcode = *(*at)++;

    if (opcode == 0xfc)
        return skip_prefixed(at);
    if ((opcode >= 0x02 && opcode <= 0x04) || opcode == 0x41 || opcode == 0x42 || opcode == 0xd0) {
        reference_signed(at);
    } else if (opcode == 0x0e || opcode == 0x1c) {
        for (uint64_t count = reference_unsigned(at) + (opcode == 0x0e); count > 0; count--)
            reference_unsigned(at);
    } else if (opcode == 0x11) {
        reference_unsigned(at);
        reference_unsigned(at);
    } else if (opcode >= 0x28 && opcode <= 0x3e) {
        skip_memarg(at);
    } else if (opcode == 0x43 || opcode == 0x44) {
        *at += opcode == 0x43 ? 4 : 8;
    } else if (opcode == 0x0c || opcode == 0x0d || opcode == 0x10 || opcode == 0xd2 ||
               (opcode >= 0x20 && opcode <= 0x26) || opcode == 0x3f || opcode == 0x40) {
        reference_unsigned(at);
    }
    return opcode <= 0xc4 || (opcode >= 0xd0 && opcode <= 0xd2);
}

/* Objects. */

static uint8_t *map(uint64_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED)
        abort();
    return bytes;
}

static struct reference_memory *new_memory(struct reference_store *store, uint64_t minimum,
                                           uint64_t maximum)
{
    struct reference_memory *memory = reference_allocate(store, 1, sizeof *memory);
    uint64_t limit = store->memory_maximum / PAGE_BYTES;

    memory->maximum = (maximum < limit ? maximum : limit) * PAGE_BYTES;
    memory->size = minimum * PAGE_BYTES;
    if (memory->size > memory->maximum || store->memory_used + memory->size > store->memory_maximum)
        return NULL;
    store->memory_used += memory->size;
    memory->bytes = map(memory->maximum + 1);
    memory->nans = map(memory->maximum + 1);
    memory->next = store->memories;
    store->memories = memory;
    return memory;
}

static struct reference_table *new_table(struct reference_store *store, uint64_t minimum,
                                         uint64_t maximum)
{
    struct reference_table *table = reference_allocate(store, 1, sizeof *table);

    if (minimum > TABLE_MAX ||
        minimum * sizeof *table->elements > store->memory_maximum - store->memory_used)
        return NULL;
    store->memory_used += minimum * sizeof *table->elements;
    table->maximum = maximum < TABLE_MAX ? (uint32_t)maximum : TABLE_MAX;
    table->size = table->capacity = (uint32_t)minimum;
    table->elements = reference_allocate(store, minimum, sizeof *table->elements);
    return table;
}

static struct reference_global *new_global(struct reference_store *store, uint8_t type,
                                           uint64_t value)
{
    struct reference_global *global = reference_allocate(store, 1, sizeof *global);

    *global = (struct reference_global){value, type};
    return global;
}

static bool names_equal(struct reference_name left, struct reference_name right)
{
    return left.length == right.length &&
           (left.length == 0 || memcmp(left.bytes, right.bytes, left.length) == 0);
}

static struct reference_registered *find(const struct reference_store *store,
                                         struct reference_name module, struct reference_name name)
{
    struct reference_registered *entry = store->registered;

    while (entry != NULL && !(names_equal(entry->module, module) && names_equal(entry->name, name)))
        entry = entry->next;
    return entry;
}

static void add(struct reference_store *store, struct reference_registered entry)
{
    struct reference_registered *added = reference_allocate(store, 1, sizeof *added);

    *added = entry;
    added->next = store->registered;
    store->registered = added;
}

void reference_register(struct reference_instance *instance, struct reference_name module)
{
    for (uint32_t i = 0; i < instance->export_count; i++) {
        const struct reference_export *export = &instance->exports[i];
        void *object = export->kind == KIND_FUNCTION ? (void *)instance->functions[export->index]
                       : export->kind == KIND_TABLE  ? (void *)instance->tables[export->index]
                       : export->kind == KIND_MEMORY ? (void *)instance->memory
                                                     : (void *)instance->globals[export->index];

        add(instance->store,
            (struct reference_registered){module, export->name, export->kind, object, NULL});
    }
}

/* Sections. Each function reads one item and keeps it as number `i` of its kind. */

struct reading {
    struct reference_store *store;
    struct reference_instance *instance;
    const uint8_t *at;
    uint32_t table_index;
    uint32_t global_index;
    bool failed;
};

static uint32_t number(struct reading *r)
{
    return (uint32_t)reference_unsigned(&r->at);
}

static struct reference_name read_name(struct reading *r)
{
    uint32_t length = number(r);
    struct reference_name name = {r->at, length};

    r->at += length;
    return name;
}

static void read_limits(struct reading *r, uint64_t *minimum, uint64_t *maximum)
{
    uint8_t flags = *r->at++;

    *minimum = reference_unsigned(&r->at);
    *maximum = flags & 1 ? reference_unsigned(&r->at) : UINT64_MAX;
    if (flags > 1)
        r->failed = true;
}

static void read_type(struct reading *r, uint32_t i)
{
    struct reference_type *type = &r->instance->types[i];

    if (*r->at++ != 0x60)
        r->failed = true;
    type->parameter_count = number(r);
    type->parameters = r->at;
    r->at += type->parameter_count;
    type->result_count = number(r);
    type->results = r->at;
    r->at += type->result_count;
}

static void *make_up(struct reading *r, enum reference_kind kind, struct reference_type type,
                     uint64_t minimum, uint64_t maximum, uint8_t value_type)
{
    struct reference_function *function;

    switch (kind) {
    case KIND_FUNCTION:
        function = reference_allocate(r->store, 1, sizeof *function);
        *function = (struct reference_function){.index = r->store->host_count++, .type = type};
        return function;
    case KIND_TABLE:
        return new_table(r->store, minimum, maximum);
    case KIND_MEMORY:
        return new_memory(r->store, minimum, maximum);
    case KIND_GLOBAL:
        return new_global(r->store, value_type, reference_made_global(value_type));
    }
    return NULL;
}

static void bind(struct reading *r, enum reference_kind kind, void *object)
{
    struct reference_instance *instance = r->instance;

    if (object == NULL)
        r->failed = true;
    else if (kind == KIND_FUNCTION)
        instance->functions[instance->function_count++] = object;
    else if (kind == KIND_TABLE)
        instance->tables[instance->table_count++] = object;
    else if (kind == KIND_MEMORY)
        instance->memory = object;
    else
        instance->globals[instance->global_count++] = object;
}

static void read_import(struct reading *r, uint32_t i)
{
    struct reference_name module = read_name(r), name = read_name(r);
    enum reference_kind kind = (enum reference_kind) * r->at++;
    const struct reference_registered *entry = find(r->store, module, name);
    struct reference_type type = {NULL, NULL, 0, 0};
    uint64_t minimum = 0, maximum = 0;
    uint8_t value_type = 0;

    (void)i;
    if (kind == KIND_FUNCTION) {
        type = r->instance->types[number(r)];
    } else if (kind == KIND_GLOBAL) {
        value_type = *r->at;
        r->at += 2;
    } else {
        r->at += kind == KIND_TABLE;
        read_limits(r, &minimum, &maximum);
    }
    if (entry != NULL) {
        bind(r, kind, entry->object);
        return;
    }
    void *object = make_up(r, kind, type, minimum, maximum, value_type);
    bind(r, kind, object);
    add(r->store, (struct reference_registered){module, name, kind, object, NULL});
}

static void read_function(struct reading *r, uint32_t i)
{
    struct reference_instance *instance = r->instance;
    struct reference_function *function = reference_allocate(r->store, 1, sizeof *function);

    (void)i;
    *function = (struct reference_function){
        .instance = instance,
        .index = instance->function_count,
        .type = instance->types[number(r)],
    };
    instance->defined_functions++;
    bind(r, KIND_FUNCTION, function);
}

static void read_table(struct reading *r, uint32_t i)
{
    uint64_t minimum, maximum;

    (void)i;
    if (*r->at++ == 0x40) // a table with an initialiser
        r->failed = true;
    read_limits(r, &minimum, &maximum);
    bind(r, KIND_TABLE, new_table(r->store, minimum, maximum));
}

static void read_memory(struct reading *r, uint32_t i)
{
    uint64_t minimum, maximum;

    read_limits(r, &minimum, &maximum);
    if (i > 0 || r->instance->memory != NULL)
        r->failed = true;
    bind(r, KIND_MEMORY, new_memory(r->store, minimum, maximum < PAGES_MAX ? maximum : PAGES_MAX));
}

static const uint8_t *read_expression(struct reading *r)
{
    const uint8_t *expression = r->at;

    while (*r->at != 0x0b)
        if (!reference_skip(&r->at)) {
            r->failed = true;
            break;
        }
    r->at++;
    return expression;
}

// Evaluated at once: only imports, functions and earlier globals can be in it.
static uint64_t read_value(struct reading *r)
{
    uint64_t value = 0;
    const uint8_t *expression = read_expression(r);

    if (!r->failed && reference_evaluate(r->instance, expression, &value) != REFERENCE_OK)
        r->failed = true;
    return value;
}

static void read_global(struct reading *r, uint32_t i)
{
    uint8_t type = *r->at;

    (void)i;
    r->at += 2;
    bind(r, KIND_GLOBAL, new_global(r->store, type, read_value(r)));
}

static void read_export(struct reading *r, uint32_t i)
{
    struct reference_export *export = &r->instance->exports[i];

    export->name = read_name(r);
    export->kind = (enum reference_kind) * r->at++;
    export->index = number(r);
}

// Flags: 1 passive or declarative, 2 with a table index or declarative, 4 expressions.
static void read_element(struct reading *r, uint32_t i)
{
    struct reference_element *element = &r->instance->elements[i];
    uint32_t flags = number(r);

    element->declarative = (flags & 3) == 3;
    if (!(flags & 1)) {
        element->table = flags & 2 ? number(r) : 0;
        element->offset = read_expression(r);
    }
    if (flags & 3)
        r->at++; // the kind or type of the elements
    element->count = number(r);
    element->values = reference_allocate(r->store, element->count, sizeof *element->values);
    for (uint32_t k = 0; k < element->count && !r->failed; k++)
        element->values[k] =
            flags & 4 ? read_value(r) : (uintptr_t)r->instance->functions[number(r)];
}

static void read_data(struct reading *r, uint32_t i)
{
    struct reference_data *data = &r->instance->datas[i];
    uint32_t flags = number(r);

    if (flags == 2)
        number(r);
    if (flags != 1)
        data->offset = read_expression(r);
    data->size = number(r);
    data->bytes = r->at;
    r->at += data->size;
}

// Finds the ends of all blocks of a body.
static bool match_blocks(struct reference_store *store, struct reference_function *function)
{
    size_t size = (size_t)(function->end - function->code);
    uint32_t *open = calloc(size + 1, sizeof *open);
    uint32_t depth = 0;
    bool fine = true;
    const uint8_t *at = function->code;

    if (open == NULL)
        abort();
    function->matches = reference_allocate(store, size, sizeof *function->matches);
    while (fine && at < function->end) {
        uint8_t opcode = *at;
        uint32_t here = (uint32_t)(at - function->code);

        if (opcode >= 0x02 && opcode <= 0x04)
            open[depth++] = here;
        else if (opcode == 0x05)
            function->matches[open[depth - 1]].otherwise = here + 1;
        else if (opcode == 0x0b && depth > 0)
            function->matches[open[--depth]].end = here + 1;
        fine = reference_skip(&at);
    }
    free(open);
    return fine;
}

static void read_code(struct reading *r, uint32_t i)
{
    struct reference_instance *instance = r->instance;
    uint32_t first = instance->function_count - instance->defined_functions;
    struct reference_function *function = instance->functions[first + i];
    uint32_t size = number(r);

    function->end = r->at + size;
    function->local_count = function->type.parameter_count;
    for (uint32_t groups = number(r); groups > 0; groups--) {
        function->local_count += number(r);
        r->at++;
    }
    function->code = r->at;
    if (!match_blocks(r->store, function))
        r->failed = true;
    r->at = function->end;
}

typedef void read_item(struct reading *r, uint32_t index);

static void read_section(struct reading *r, uint8_t id)
{
    static read_item *const readers[] = {NULL,       read_type,    read_import, read_function,
                                         read_table, read_memory,  read_global, read_export,
                                         NULL,       read_element, read_code,   read_data};
    struct reference_instance *instance = r->instance;

    if (id == 8) {
        instance->has_start = true;
        instance->start = number(r);
    }
    if (id >= sizeof readers / sizeof readers[0] || readers[id] == NULL)
        return;
    uint32_t count = number(r);
    if (id == 1)
        instance->types = reference_allocate(r->store, count, sizeof *instance->types);
    if (id == 7)
        instance->exports = reference_allocate(r->store, count, sizeof *instance->exports);
    if (id == 9)
        instance->elements = reference_allocate(r->store, count, sizeof *instance->elements);
    if (id == 11)
        instance->datas = reference_allocate(r->store, count, sizeof *instance->datas);
    instance->export_count = id == 7 ? count : instance->export_count;
    instance->element_count = id == 9 ? count : instance->element_count;
    instance->data_count = id == 11 ? count : instance->data_count;
    for (uint32_t i = 0; i < count && !r->failed; i++)
        readers[id](r, i);
}

// Index spaces of which the final size is known only at the end: no section has more items than
// bytes.
static void allocate_spaces(struct reading *r, size_t size)
{
    struct reference_instance *instance = r->instance;

    instance->functions = reference_allocate(r->store, size, sizeof *instance->functions);
    instance->tables = reference_allocate(r->store, size, sizeof *instance->tables);
    instance->globals = reference_allocate(r->store, size, sizeof *instance->globals);
}

static enum reference_outcome trap(struct reference_store *store, enum trap_code code)
{
    store->trap = code;
    store->trap_function = UINT32_MAX;
    return REFERENCE_TRAP;
}

static enum reference_outcome run_segments(struct reference_instance *instance)
{
    struct reference_store *store = instance->store;
    enum trap_code code = TRAP_NONE;
    uint64_t at;

    for (uint32_t i = 0; i < instance->element_count; i++) {
        struct reference_element *element = &instance->elements[i];

        if (element->offset != NULL) {
            if (reference_evaluate(instance, element->offset, &at) != REFERENCE_OK)
                return REFERENCE_OTHER;
            code = reference_table_init(instance, element->table, i, at, 0, element->count);
        }
        if (code != TRAP_NONE)
            return trap(store, code);
        element->dropped = element->offset != NULL || element->declarative;
    }
    for (uint32_t i = 0; i < instance->data_count; i++) {
        struct reference_data *data = &instance->datas[i];

        if (data->offset == NULL)
            continue;
        if (reference_evaluate(instance, data->offset, &at) != REFERENCE_OK)
            return REFERENCE_OTHER;
        code = reference_memory_init(instance, i, at, 0, data->size);
        if (code != TRAP_NONE)
            return trap(store, code);
        data->dropped = true;
    }
    return REFERENCE_OK;
}

enum reference_outcome reference_instantiate(struct reference_store *store, const uint8_t *bytes,
                                             size_t size, struct reference_instance **made)
{
    struct reference_instance *instance = reference_allocate(store, 1, sizeof *instance);
    struct reading r = {.store = store, .instance = instance, .at = bytes + 8};
    uint64_t nothing = 0;

    *made = NULL;
    instance->store = store;
    instance->module = bytes;
    instance->number = store->instance_count++;
    allocate_spaces(&r, size);
    while (r.at < bytes + size && !r.failed) {
        uint8_t id = *r.at++;
        uint32_t length = number(&r);
        const uint8_t *end = r.at + length;

        read_section(&r, id);
        r.at = end;
    }
    if (r.failed)
        return REFERENCE_OTHER;
    enum reference_outcome outcome = run_segments(instance);
    if (outcome == REFERENCE_OK && instance->has_start)
        outcome = reference_call(store, instance->functions[instance->start], &nothing);
    if (outcome == REFERENCE_OK)
        *made = instance;
    return outcome;
}
