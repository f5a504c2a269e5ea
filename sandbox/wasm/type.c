// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/type.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/wasm/limits.h"

enum {
    TABLE_SIZE_MIN = 64 // buckets of the first hash table, a power of two
};

// Address space for the store's value types; a sum over all modules, each of which pays at least a
// byte for each.
#define WORDS_RESERVE_MAX ((size_t)2 << 30)

// A recursion group in the hash table. The hash is kept so that most differing groups are told
// apart, and all are moved to a larger table, without looking at their content.
struct bucket {
    uint32_t hash;
    uint32_t first_plus_one; // canonical number of the group's first type, plus 1; 0: empty
};

static struct bucket *buckets_of(const struct type_store *store)
{
    return (struct bucket *)(void *)store->table.base;
}

static struct deftype *deftypes_of(const struct type_store *store)
{
    return (struct deftype *)(void *)store->types.base;
}

static size_t words_reserve(uint32_t types_max)
{
    size_t most = (size_t)types_max * (LIMIT_PARAMETERS + LIMIT_RESULTS) * sizeof(valtype);

    return most < WORDS_RESERVE_MAX ? most : WORDS_RESERVE_MAX;
}

// Room for a table that is at most half full, and for a copy of its predecessor while it grows.
static size_t table_reserve(uint32_t types_max)
{
    size_t size = TABLE_SIZE_MIN;

    while (size < 2 * (size_t)types_max)
        size *= 2;
    return (size + size / 2) * sizeof(struct bucket);
}

bool type_store_init(struct type_store *store, uint32_t types_max, struct error *error)
{
    // So that canonical numbers are neither group members' nor too large for a valtype.
    assert(types_max < TYPE_GROUP_MEMBER);
    *store = (struct type_store){.count_max = types_max, .key = hash_key_of_process()};
    if (arena_init(&store->types, (size_t)types_max * sizeof(struct deftype), error) &&
        arena_init(&store->words, words_reserve(types_max), error) &&
        arena_init(&store->table, table_reserve(types_max), error))
        return true;
    type_store_finish(store);
    return false;
}

void type_store_finish(struct type_store *store)
{
    arena_finish(&store->types);
    arena_finish(&store->words);
    arena_finish(&store->table);
    *store = (struct type_store){.count = 0};
}

static uint64_t mix(const struct type_store *store, uint64_t state, uint32_t first, uint32_t second)
{
    return hash_word(&store->key, state, (uint64_t)first << 32 | second);
}

static uint64_t hash_type(const struct type_store *store, uint64_t state,
                          const struct deftype *type)
{
    uint32_t count = type->parameter_count + type->result_count;
    uint32_t i = 0;

    state = mix(store, state, (uint32_t)type->composite << 1 | type->final, type->supertype);
    state = mix(store, state, type->parameter_count, type->result_count);
    for (; i + 1 < count; i += 2)
        state = mix(store, state, type->types[i], type->types[i + 1]);
    if (i < count)
        state = mix(store, state, type->types[i], 0);
    return state;
}

static uint32_t hash_group(const struct type_store *store, const struct deftype *group,
                           uint32_t count)
{
    uint64_t state = mix(store, store->key.start, count, 0);

    for (uint32_t i = 0; i < count; i++)
        state = hash_type(store, state, &group[i]);
    return (uint32_t)(state ^ state >> 32);
}

// A stored group's reference, written as that of a group about to be entered: relative if it is to
// a member of the group itself (specification: "Rolling and Unrolling", roll_x).
static uint32_t roll_number(uint32_t number, uint32_t first, uint32_t count)
{
    return number != TYPE_NONE && number - first < count ? TYPE_GROUP_MEMBER + (number - first)
                                                         : number;
}

static valtype roll_valtype(valtype type, uint32_t first, uint32_t count)
{
    uint32_t heaptype = valtype_heaptype(type);

    if (!valtype_is_reference(type) || heaptype < HEAPTYPE_CONCRETE)
        return type;
    heaptype = HEAPTYPE_CONCRETE + roll_number(heaptype - HEAPTYPE_CONCRETE, first, count);
    return valtype_with_heaptype(type, heaptype);
}

// The inverse: where a new group is going to stand is known now (unroll_x).
static uint32_t unroll_number(uint32_t number, uint32_t first)
{
    return number != TYPE_NONE && number >= TYPE_GROUP_MEMBER ? number - TYPE_GROUP_MEMBER + first
                                                              : number;
}

static valtype unroll_valtype(valtype type, uint32_t first)
{
    uint32_t heaptype = valtype_heaptype(type);

    if (!valtype_is_reference(type) || heaptype < HEAPTYPE_CONCRETE)
        return type;
    heaptype = HEAPTYPE_CONCRETE + unroll_number(heaptype - HEAPTYPE_CONCRETE, first);
    return valtype_with_heaptype(type, heaptype);
}

static bool equal_type(const struct deftype *stored, const struct deftype *entering)
{
    uint32_t first = stored->group_first;
    uint32_t group_count = stored->group_count;
    uint32_t count = stored->parameter_count + stored->result_count;

    if (stored->composite != entering->composite || stored->final != entering->final ||
        stored->parameter_count != entering->parameter_count ||
        stored->result_count != entering->result_count ||
        roll_number(stored->supertype, first, group_count) != entering->supertype)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (roll_valtype(stored->types[i], first, group_count) != entering->types[i])
            return false;
    return true;
}

static bool equal_group(const struct deftype *stored, const struct deftype *group, uint32_t count)
{
    if (stored->group_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!equal_type(&stored[i], &group[i]))
            return false;
    return true;
}

// The bucket of an equal group, or the empty one where it belongs.
static struct bucket *find_group(const struct type_store *store, uint32_t hash,
                                 const struct deftype *group, uint32_t count)
{
    struct bucket *buckets = buckets_of(store);
    uint32_t mask = store->table_size - 1;
    uint32_t i = hash & mask;

    while (buckets[i].first_plus_one != 0 &&
           !(buckets[i].hash == hash &&
             equal_group(type_at(store, buckets[i].first_plus_one - 1), group, count)))
        i = (i + 1) & mask;
    return &buckets[i];
}

static void place_group(struct type_store *store, struct bucket bucket)
{
    struct bucket *buckets = buckets_of(store);
    uint32_t mask = store->table_size - 1;
    uint32_t i = bucket.hash & mask;

    while (buckets[i].first_plus_one != 0)
        i = (i + 1) & mask;
    buckets[i] = bucket;
}

// Makes sure that one more group leaves the table half empty.
static bool make_table_room(struct type_store *store)
{
    uint32_t old_size = store->table_size;
    uint32_t size = old_size == 0 ? TABLE_SIZE_MIN : old_size * 2;
    struct bucket *buckets = buckets_of(store);
    struct bucket *old;

    if ((store->group_count + 1) * 2 <= old_size)
        return true;
    if (!arena_commit(&store->table, ((size_t)size + old_size) * sizeof *buckets))
        return false;
    old = buckets + size;
    memcpy(old, buckets, old_size * sizeof *buckets);
    memset(buckets, 0, size * sizeof *buckets);
    store->table_size = size;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].first_plus_one != 0)
            place_group(store, old[i]);
    return true;
}

static bool copy_type(struct type_store *store, const struct deftype *type, uint32_t first,
                      struct deftype *copy)
{
    uint32_t count = type->parameter_count + type->result_count;
    valtype *types = arena_array(&store->words, count, sizeof *types);

    if (types == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        types[i] = unroll_valtype(type->types[i], first);
    *copy = *type;
    copy->supertype = unroll_number(type->supertype, first);
    copy->types = types;
    return true;
}

// Where chains of supertypes are long, each type also knows one that is further up: above a type
// whose jump and the jump from there are equally far, both of them, and else one step. So any
// ancestor is a logarithmic number of steps away (skew-binary numbers; Myers, "An applicative
// random-access stack").
static void place_in_chain(struct type_store *store, uint32_t number)
{
    struct deftype *types = deftypes_of(store), *type = &types[number];

    type->depth = 0;
    type->jump = number;
    if (type->supertype == TYPE_NONE)
        return;
    const struct deftype *above = &types[type->supertype];
    const struct deftype *further = &types[above->jump];
    bool equally_far = above->depth - further->depth == further->depth - types[further->jump].depth;

    type->depth = above->depth + 1;
    type->jump = equally_far ? further->jump : type->supertype;
}

// Appends a group that is new. On failure the store is as before.
static bool append_group(struct type_store *store, const struct deftype *group, uint32_t count)
{
    uint32_t first = store->count;
    size_t mark = arena_mark(&store->words);
    struct deftype *copies = deftypes_of(store) + first;

    if (!arena_commit(&store->types, ((size_t)first + count) * sizeof *copies))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!copy_type(store, &group[i], first, &copies[i])) {
            arena_release(&store->words, mark);
            return false;
        }
        copies[i].group_first = first;
        copies[i].group_count = count;
        place_in_chain(store, first + i);
    }
    store->count += count;
    store->group_count++;
    return true;
}

uint32_t type_store_enter(struct type_store *store, const struct deftype *group, uint32_t count,
                          struct error *error)
{
    uint32_t hash;
    struct bucket *bucket;

    assert(count != 0);
    if (!make_table_room(store)) {
        error_set(error, ERROR_LIMIT_MEMORY, 0, "types");
        return TYPE_NONE;
    }
    hash = hash_group(store, group, count);
    bucket = find_group(store, hash, group, count);
    if (bucket->first_plus_one == 0) {
        uint32_t first = store->count;

        if (count > store->count_max - first) {
            error_set(error, ERROR_LIMIT_COUNT, 0, "types: at most %u", store->count_max);
            return TYPE_NONE;
        }
        if (!append_group(store, group, count)) {
            error_set(error, ERROR_LIMIT_MEMORY, 0, "types");
            return TYPE_NONE;
        }
        *bucket = (struct bucket){.hash = hash, .first_plus_one = first + 1};
    }
    return bucket->first_plus_one - 1;
}

// A set of abstract heap types.
#define SET(heaptype_) (1u << HEAPTYPE_##heaptype_)

// The proper supertypes of each abstract heap type (specification: Heaptype_sub, closed under
// transitivity).
static const uint16_t abstract_supertypes[HEAPTYPE_CONCRETE] = {
    [HEAPTYPE_EQ] = SET(ANY),
    [HEAPTYPE_I31] = SET(EQ) | SET(ANY),
    [HEAPTYPE_STRUCT] = SET(EQ) | SET(ANY),
    [HEAPTYPE_ARRAY] = SET(EQ) | SET(ANY),
    [HEAPTYPE_NONE] = SET(I31) | SET(STRUCT) | SET(ARRAY) | SET(EQ) | SET(ANY),
    [HEAPTYPE_NOFUNC] = SET(FUNC),
    [HEAPTYPE_NOEXTERN] = SET(EXTERN),
    [HEAPTYPE_NOEXN] = SET(EXN),
};

// The least abstract heap type above a defined type, by its composite type.
static const uint8_t abstract_of_composite[] = {
    [COMPOSITE_FUNCTION] = HEAPTYPE_FUNC,
    [COMPOSITE_STRUCT] = HEAPTYPE_STRUCT,
    [COMPOSITE_ARRAY] = HEAPTYPE_ARRAY,
};

static uint32_t abstract_above(const struct type_store *store, uint32_t heaptype)
{
    assert(heaptype - HEAPTYPE_CONCRETE < store->count);
    return abstract_of_composite[type_at(store, heaptype - HEAPTYPE_CONCRETE)->composite];
}

static bool heaptype_matches(const struct type_store *store, uint32_t sub, uint32_t super)
{
    bool sub_is_concrete = sub >= HEAPTYPE_CONCRETE;
    bool super_is_concrete = super >= HEAPTYPE_CONCRETE;

    if (sub == super || sub == HEAPTYPE_BOTTOM)
        return true;
    if (sub_is_concrete && super_is_concrete)
        return type_matches(store, sub - HEAPTYPE_CONCRETE, super - HEAPTYPE_CONCRETE);
    if (super_is_concrete) {
        // Of the abstract ones only the bottom of its hierarchy is below a defined type.
        uint32_t bottom =
            abstract_above(store, super) == HEAPTYPE_FUNC ? HEAPTYPE_NOFUNC : HEAPTYPE_NONE;
        return sub == bottom;
    }
    if (sub_is_concrete) {
        sub = abstract_above(store, sub);
        if (sub == super)
            return true;
    }
    return abstract_supertypes[sub] >> super & 1;
}

bool valtype_matches_slow(const struct type_store *store, valtype sub, valtype super)
{
    if (sub == super || sub == VALTYPE_BOTTOM)
        return true;
    if (!valtype_is_reference(sub) || !valtype_is_reference(super))
        return false;
    if (valtype_kind(sub) == VALKIND_REF_NULL && valtype_kind(super) == VALKIND_REF)
        return false;
    return heaptype_matches(store, valtype_heaptype(sub), valtype_heaptype(super));
}

bool type_matches(const struct type_store *store, uint32_t sub, uint32_t super)
{
    uint32_t depth = type_at(store, super)->depth;

    while (sub != super) {
        const struct deftype *type = type_at(store, sub);
        if (type->depth <= depth)
            return false;
        sub = type_at(store, type->jump)->depth >= depth ? type->jump : type->supertype;
    }
    return true;
}

// Resulttype_sub, of as many types of each.
static bool types_match(const struct type_store *store, const valtype *sub, const valtype *super,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!valtype_matches(store, sub[i], super[i]))
            return false;
    return true;
}

// Fieldtype_sub: what can be written must be the same in both.
static bool field_matches(const struct type_store *store, valtype sub, valtype super)
{
    if ((sub | super) & FIELD_MUTABLE)
        return sub == super;
    return valtype_matches(store, sub, super);
}

static bool fields_match(const struct type_store *store, const struct deftype *sub,
                         const struct deftype *super)
{
    if (sub->parameter_count < super->parameter_count)
        return false;
    for (uint32_t i = 0; i < super->parameter_count; i++)
        if (!field_matches(store, sub->types[i], super->types[i]))
            return false;
    return true;
}

bool type_extends(const struct type_store *store, uint32_t sub, uint32_t super)
{
    const struct deftype *below = type_at(store, sub), *above = type_at(store, super);

    if (below->composite != above->composite)
        return false;
    if (below->composite != COMPOSITE_FUNCTION)
        return fields_match(store, below, above);
    return below->parameter_count == above->parameter_count &&
           below->result_count == above->result_count &&
           types_match(store, deftype_parameters(above), deftype_parameters(below),
                       below->parameter_count) &&
           types_match(store, deftype_results(below), deftype_results(above), below->result_count);
}

// Names of heap types, and the short form of a nullable reference to each.
static const struct {
    const char *name;
    const char *nullable;
} heaptype_names[HEAPTYPE_CONCRETE] = {
    [HEAPTYPE_FUNC] = {"func", "funcref"},
    [HEAPTYPE_EXTERN] = {"extern", "externref"},
    [HEAPTYPE_ANY] = {"any", "anyref"},
    [HEAPTYPE_EQ] = {"eq", "eqref"},
    [HEAPTYPE_I31] = {"i31", "i31ref"},
    [HEAPTYPE_STRUCT] = {"struct", "structref"},
    [HEAPTYPE_ARRAY] = {"array", "arrayref"},
    [HEAPTYPE_EXN] = {"exn", "exnref"},
    [HEAPTYPE_NONE] = {"none", "nullref"},
    [HEAPTYPE_NOFUNC] = {"nofunc", "nullfuncref"},
    [HEAPTYPE_NOEXTERN] = {"noextern", "nullexternref"},
    [HEAPTYPE_NOEXN] = {"noexn", "nullexnref"},
    [HEAPTYPE_BOTTOM] = {"bot", "(ref null bot)"},
};

static const char *const kind_names[] = {
    [VALKIND_BOTTOM] = "bot", [VALKIND_I32] = "i32",   [VALKIND_I64] = "i64", [VALKIND_F32] = "f32",
    [VALKIND_F64] = "f64",    [VALKIND_V128] = "v128", [VALKIND_I8] = "i8",   [VALKIND_I16] = "i16",
};

void valtype_print(valtype type, char *buffer, size_t size)
{
    uint32_t heaptype = valtype_heaptype(type);
    bool nullable = valtype_kind(type) == VALKIND_REF_NULL;

    if (!valtype_is_reference(type))
        snprintf(buffer, size, "%s", kind_names[valtype_kind(type)]);
    else if (heaptype >= HEAPTYPE_CONCRETE)
        snprintf(buffer, size, "(ref %s%u)", nullable ? "null " : "", heaptype - HEAPTYPE_CONCRETE);
    else if (nullable)
        snprintf(buffer, size, "%s", heaptype_names[heaptype].nullable);
    else
        snprintf(buffer, size, "(ref %s)", heaptype_names[heaptype].name);
}
