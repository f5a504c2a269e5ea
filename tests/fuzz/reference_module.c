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
#define TYPES_MAX  30000u

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

/* Objects. */

struct limits {
    uint64_t minimum, maximum;
    bool is_64;
};

static uint8_t *map(uint64_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED)
        abort();
    return bytes;
}

static struct reference_memory *new_memory(struct reference_store *store, struct limits limits)
{
    struct reference_memory *memory = reference_allocate(store, 1, sizeof *memory);
    uint64_t limit = store->memory_maximum / PAGE_BYTES;

    memory->is_64 = limits.is_64;
    memory->maximum = (limits.maximum < limit ? limits.maximum : limit) * PAGE_BYTES;
    if (limits.minimum > limit)
        return NULL;
    memory->size = limits.minimum * PAGE_BYTES;
    if (memory->size > memory->maximum || store->memory_used + memory->size > store->memory_maximum)
        return NULL;
    store->memory_used += memory->size;
    memory->bytes = map(memory->maximum + 1);
    memory->nans = map(memory->maximum + 1);
    memory->next = store->memories;
    store->memories = memory;
    return memory;
}

static struct reference_table *new_table(struct reference_store *store, struct limits limits)
{
    struct reference_table *table = reference_allocate(store, 1, sizeof *table);

    if (limits.minimum > TABLE_MAX ||
        limits.minimum * sizeof *table->elements > store->memory_maximum - store->memory_used)
        return NULL;
    store->memory_used += limits.minimum * sizeof *table->elements;
    table->is_64 = limits.is_64;
    table->maximum = limits.maximum < TABLE_MAX ? (uint32_t)limits.maximum : TABLE_MAX;
    table->size = table->capacity = (uint32_t)limits.minimum;
    table->elements = reference_allocate(store, limits.minimum, sizeof *table->elements);
    return table;
}

static struct reference_global *new_global(struct reference_store *store, reference_valtype type,
                                           struct reference_value value)
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
                       : export->kind == KIND_MEMORY ? (void *)instance->memories[export->index]
                       : export->kind == KIND_GLOBAL ? (void *)instance->globals[export->index]
                                                     : (void *)instance->tags[export->index];

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

static struct limits read_limits(struct reading *r)
{
    uint8_t flags = *r->at++;
    struct limits limits = {.is_64 = flags & 4};

    limits.minimum = reference_unsigned(&r->at);
    limits.maximum = flags & 1 ? reference_unsigned(&r->at) : UINT64_MAX;
    if (flags & ~5)
        r->failed = true;
    return limits;
}

static const reference_valtype *read_types(struct reading *r, uint32_t *count)
{
    *count = number(r);
    reference_valtype *types = reference_allocate(r->store, *count, sizeof *types);
    for (uint32_t i = 0; i < *count; i++)
        types[i] = reference_read_type(r->instance, &r->at);
    return types;
}

static bool types_equal(const struct reference_type *left, const struct reference_type *right)
{
    return left->parameter_count == right->parameter_count &&
           left->result_count == right->result_count &&
           memcmp(left->parameters, right->parameters,
                  left->parameter_count * sizeof *left->parameters) == 0 &&
           memcmp(left->results, right->results, left->result_count * sizeof *left->results) == 0;
}

// Gives equal types equal numbers.
static void enter_type(struct reference_store *store, struct reference_type *type)
{
    const struct reference_type *known = store->types;

    while (known != NULL && !types_equal(known, type))
        known = known->next;
    type->number = known != NULL ? known->number : store->type_count++;
    type->next = store->types;
    store->types = type;
}

static void read_type(struct reading *r, uint32_t i)
{
    struct reference_type *type = &r->instance->types[i];

    if (*r->at++ != 0x60)
        r->failed = true;
    type->parameters = read_types(r, &type->parameter_count);
    type->results = read_types(r, &type->result_count);
    enter_type(r->store, type);
    if (r->store->type_count > TYPES_MAX)
        r->failed = true;
}

// What an import is, apart from its kind.
struct wanted {
    struct reference_type type;
    struct limits limits;
    reference_valtype value_type;
};

static void *make_up(struct reading *r, enum reference_kind kind, const struct wanted *wanted)
{
    struct reference_function *function;

    switch (kind) {
    case KIND_FUNCTION:
        function = reference_allocate(r->store, 1, sizeof *function);
        *function =
            (struct reference_function){.index = r->store->host_count++, .type = wanted->type};
        return function;
    case KIND_TABLE:
        return new_table(r->store, wanted->limits);
    case KIND_MEMORY:
        return new_memory(r->store, wanted->limits);
    case KIND_GLOBAL:
        return new_global(
            r->store, wanted->value_type,
            (struct reference_value){reference_made_global((uint8_t)wanted->value_type), 0});
    case KIND_TAG:
        break;
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
        instance->memories[instance->memory_count++] = object;
    else if (kind == KIND_GLOBAL)
        instance->globals[instance->global_count++] = object;
    else
        instance->tags[instance->tag_count++] = object;
}

static void read_import(struct reading *r, uint32_t i)
{
    struct reference_name module = read_name(r), name = read_name(r);
    enum reference_kind kind = (enum reference_kind) * r->at++;
    const struct reference_registered *entry = find(r->store, module, name);
    struct wanted wanted = {.value_type = 0};

    (void)i;
    r->at += kind == KIND_TAG; // the attribute
    if (kind == KIND_FUNCTION || kind == KIND_TAG)
        wanted.type = r->instance->types[number(r)];
    if (kind == KIND_GLOBAL || kind == KIND_TABLE)
        wanted.value_type = reference_read_type(r->instance, &r->at);
    if (kind == KIND_TABLE || kind == KIND_MEMORY)
        wanted.limits = read_limits(r);
    r->at += kind == KIND_GLOBAL; // mutable or not
    if (entry != NULL) {
        bind(r, kind, entry->object);
        return;
    }
    void *object = make_up(r, kind, &wanted);
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

static void read_memory(struct reading *r, uint32_t i)
{
    struct limits limits = read_limits(r);

    (void)i;
    if (!limits.is_64 && limits.maximum > PAGES_MAX)
        limits.maximum = PAGES_MAX;
    bind(r, KIND_MEMORY, new_memory(r->store, limits));
}

static void read_tag(struct reading *r, uint32_t i)
{
    struct reference_tag *tag = reference_allocate(r->store, 1, sizeof *tag);

    (void)i;
    r->at++; // the attribute
    tag->type = r->instance->types[number(r)];
    bind(r, KIND_TAG, tag);
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
static struct reference_value read_value(struct reading *r)
{
    struct reference_value value = {0, 0};
    const uint8_t *expression = read_expression(r);

    if (!r->failed && reference_evaluate(r->instance, expression, &value) != REFERENCE_OK)
        r->failed = true;
    return value;
}

// 0x40 0x00 begins a table with an initialiser.
static void read_table(struct reading *r, uint32_t i)
{
    bool has_initial = *r->at == 0x40;

    (void)i;
    r->at += has_initial ? 2 : 0;
    reference_read_type(r->instance, &r->at);
    struct reference_table *table = new_table(r->store, read_limits(r));
    uint64_t initial = has_initial ? read_value(r).low : 0;
    for (uint32_t k = 0; table != NULL && k < table->size; k++)
        table->elements[k] = initial;
    bind(r, KIND_TABLE, table);
}

static void read_global(struct reading *r, uint32_t i)
{
    reference_valtype type = reference_read_type(r->instance, &r->at);

    (void)i;
    r->at++;
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
    if ((flags & 3) && (flags & 4))
        reference_read_type(r->instance, &r->at);
    else if (flags & 3)
        r->at++; // their kind
    element->count = number(r);
    element->values = reference_allocate(r->store, element->count, sizeof *element->values);
    for (uint32_t k = 0; k < element->count && !r->failed; k++)
        element->values[k] =
            flags & 4 ? read_value(r).low : (uintptr_t)r->instance->functions[number(r)];
}

static void read_data(struct reading *r, uint32_t i)
{
    struct reference_data *data = &r->instance->datas[i];
    uint32_t flags = number(r);

    if (flags == 2)
        data->memory = number(r);
    if (flags != 1)
        data->offset = read_expression(r);
    data->size = number(r);
    data->bytes = r->at;
    r->at += data->size;
}

// The blocks of a body that are open.
struct nesting {
    struct reference_match *matches;
    struct open {
        uint32_t block;  // where it began
        uint32_t latest; // the block, its else or its latest catch
    } * open;
    uint32_t depth;
};

static void match_instruction(struct nesting *n, uint8_t opcode, uint32_t here, uint32_t behind)
{
    struct open *open = n->depth > 0 ? &n->open[n->depth - 1] : NULL;

    if ((opcode >= 0x02 && opcode <= 0x04) || opcode == 0x06 || opcode == 0x1f) {
        n->open[n->depth++] = (struct open){here, here};
    } else if (opcode == 0x05 && open != NULL) {
        n->matches[open->block].otherwise = here + 1;
    } else if ((opcode == 0x07 || opcode == 0x18 || opcode == 0x19) && open != NULL) {
        n->matches[open->latest].otherwise = here;
        open->latest = here;
    }
    if ((opcode == 0x0b || opcode == 0x18) && open != NULL) {
        n->matches[open->block].end = behind;
        n->depth--;
    }
}

// Finds the ends of all blocks of a body.
static bool match_blocks(struct reference_store *store, struct reference_function *function)
{
    size_t size = (size_t)(function->end - function->code);
    struct nesting n = {.open = calloc(size + 1, sizeof *n.open)};
    bool fine = true;
    const uint8_t *at = function->code;

    if (n.open == NULL)
        abort();
    n.matches = function->matches = reference_allocate(store, size, sizeof *function->matches);
    while (fine && at < function->end) {
        uint8_t opcode = *at;
        uint32_t here = (uint32_t)(at - function->code);

        fine = reference_skip(&at);
        match_instruction(&n, opcode, here, (uint32_t)(at - function->code));
    }
    free(n.open);
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
        reference_read_type(instance, &r->at);
    }
    function->code = r->at;
    if (!match_blocks(r->store, function))
        r->failed = true;
    r->at = function->end;
}

typedef void read_item(struct reading *r, uint32_t index);

static void read_section(struct reading *r, uint8_t id)
{
    static read_item *const readers[] = {
        NULL,        read_type, read_import,  read_function, read_table, read_memory, read_global,
        read_export, NULL,      read_element, read_code,     read_data,  NULL,        read_tag};
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
    instance->memories = reference_allocate(r->store, size, sizeof *instance->memories);
    instance->globals = reference_allocate(r->store, size, sizeof *instance->globals);
    instance->tags = reference_allocate(r->store, size, sizeof *instance->tags);
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
    struct reference_value at;

    for (uint32_t i = 0; i < instance->element_count; i++) {
        struct reference_element *element = &instance->elements[i];

        if (element->offset != NULL) {
            if (reference_evaluate(instance, element->offset, &at) != REFERENCE_OK)
                return REFERENCE_OTHER;
            code = reference_table_init(instance, element->table, i, at.low, 0, element->count);
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
        code = reference_memory_init(instance, data->memory, i, at.low, 0, data->size);
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
