// SPDX-License-Identifier: Apache-2.0
/*
 * Types: value types as one machine word each, and the engine's store of defined types.
 *
 * A value type is a 32-bit word that is compared with ==. References carry their heap type; a
 * concrete heap type is a *canonical* type number, given out by the store when a recursion group is
 * closed, equal for equal groups in all modules of the engine (specification: "Defined Types",
 * rolling). So no later phase needs to know which module a type came from.
 *
 * What is not here: the index space of a module (module.h) and the binary format (decode.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/arena.h"
#include "sandbox/base/error.h"
#include "sandbox/base/hash.h"

enum valkind {
    VALKIND_BOTTOM, /* the type below all others, met in unreachable code only */
    VALKIND_I32,
    VALKIND_I64,
    VALKIND_F32,
    VALKIND_F64,
    VALKIND_V128,
    VALKIND_I8, /* packed types are those of fields only */
    VALKIND_I16,
    VALKIND_REF,      /* (ref ht) */
    VALKIND_REF_NULL, /* (ref null ht) */
};

/* Abstract heap types; the concrete ones follow: HEAPTYPE_CONCRETE + canonical type number. */
enum heaptype {
    HEAPTYPE_FUNC,
    HEAPTYPE_EXTERN,
    HEAPTYPE_ANY,
    HEAPTYPE_EQ,
    HEAPTYPE_I31,
    HEAPTYPE_STRUCT,
    HEAPTYPE_ARRAY,
    HEAPTYPE_EXN,
    HEAPTYPE_NONE,
    HEAPTYPE_NOFUNC,
    HEAPTYPE_NOEXTERN,
    HEAPTYPE_NOEXN,
    HEAPTYPE_BOTTOM, /* below all others: of references in unreachable code only */
    HEAPTYPE_CONCRETE = 16,
};

/* A value type: valkind in the low four bits, for references the heap type above them. */
typedef uint32_t valtype;

#define VALTYPE_REF_NULL(heaptype_) ((valtype)VALKIND_REF_NULL | ((valtype)(heaptype_) << 4))
#define VALTYPE_REF(heaptype_)      ((valtype)VALKIND_REF | ((valtype)(heaptype_) << 4))

#define VALTYPE_BOTTOM    ((valtype)VALKIND_BOTTOM)
#define VALTYPE_I32       ((valtype)VALKIND_I32)
#define VALTYPE_I64       ((valtype)VALKIND_I64)
#define VALTYPE_F32       ((valtype)VALKIND_F32)
#define VALTYPE_F64       ((valtype)VALKIND_F64)
#define VALTYPE_V128      ((valtype)VALKIND_V128)
#define VALTYPE_FUNCREF   VALTYPE_REF_NULL(HEAPTYPE_FUNC)
#define VALTYPE_EXTERNREF VALTYPE_REF_NULL(HEAPTYPE_EXTERN)
#define VALTYPE_I8        ((valtype)VALKIND_I8)
#define VALTYPE_I16       ((valtype)VALKIND_I16)

/* In the types of fields: the field is mutable. No heap type reaches this bit. */
#define FIELD_MUTABLE ((valtype)1 << 31)

static inline enum valkind valtype_kind(valtype type)
{
    return (enum valkind)(type & 15);
}

static inline uint32_t valtype_heaptype(valtype type)
{
    return (type & ~FIELD_MUTABLE) >> 4;
}

static inline bool valtype_is_reference(valtype type)
{
    return valtype_kind(type) >= VALKIND_REF;
}

/* Slots of a frame (value.h) that a value of the type takes. */
static inline uint32_t valtype_slots(valtype type)
{
    return type == VALTYPE_V128 ? 2 : 1;
}

static inline uint32_t valtypes_slots(const valtype *types, uint32_t count)
{
    uint32_t slots = count;

    for (uint32_t i = 0; i < count; i++)
        slots += types[i] == VALTYPE_V128;
    return slots;
}

/* The type with another heap type; what else the word says stays. */
static inline valtype valtype_with_heaptype(valtype type, uint32_t heaptype)
{
    return (type & (15 | FIELD_MUTABLE)) | heaptype << 4;
}

/* Has the type a default value? (specification: "Defaultable") */
static inline bool valtype_is_defaultable(valtype type)
{
    return valtype_kind(type) != VALKIND_REF;
}

enum composite {
    COMPOSITE_FUNCTION,
    COMPOSITE_STRUCT,
    COMPOSITE_ARRAY,
};

#define TYPE_NONE UINT32_MAX

/*
 * One defined type. `types` holds the parameters, then the results (functions), or the storage
 * types of the fields, with FIELD_MUTABLE. Immutable, owned by the store, lives as long as the
 * engine.
 */
struct deftype {
    enum composite composite;
    bool final;
    uint32_t supertype;       /* canonical number or TYPE_NONE */
    uint32_t group_first;     /* canonical number of the recursion group's first type */
    uint32_t group_count;     /* types in that group */
    uint32_t depth;           /* supertypes above it */
    uint32_t jump;            /* one of them further up, or itself if there is none: see type.c */
    uint32_t parameter_count; /* functions; of others the number of fields, one of arrays */
    uint32_t result_count;    /* functions; of others 0 */
    const valtype *types;
};

/* The store: canonical number -> deftype, and a hash table of recursion groups. */
struct type_store {
    struct arena types; /* array of struct deftype, grown in place */
    struct arena words; /* their valtypes */
    struct arena table; /* open addressing: a group's hash and its first type's number */
    uint32_t count;
    uint32_t count_max;
    uint32_t table_size; /* a power of two, or 0 before the first type */
    uint32_t group_count;
    struct hash_key key; /* a module must not be able to aim at one bucket */
};

/* Reserves the store's address ranges; at most types_max defined types. */
bool type_store_init(struct type_store *store, uint32_t types_max, struct error *error) MUST_CHECK;
void type_store_finish(struct type_store *store);

/*
 * The canonical number of the recursion group of `count` types (1 or more) at `group`, entering it
 * if it is new; copies what it keeps, which has group_first, group_count, depth and jump
 * filled in.
 * Inside the group, references to its own members are written as canonical numbers
 * TYPE_GROUP_MEMBER + position, and supertypes come before their subtypes. Returns TYPE_NONE with a
 * limit error (its offset is the caller's to set) when the store is full.
 */
#define TYPE_GROUP_MEMBER 0x06000000u
uint32_t type_store_enter(struct type_store *store, const struct deftype *group, uint32_t count,
                          struct error *error);

static inline const struct deftype *type_at(const struct type_store *store, uint32_t number)
{
    return (const struct deftype *)(const void *)store->types.base + number;
}

static inline const valtype *deftype_parameters(const struct deftype *type)
{
    return type->types;
}

static inline const valtype *deftype_results(const struct deftype *type)
{
    return type->types + type->parameter_count;
}

/* Slots that a function's arguments, and its results, take. */
static inline uint32_t deftype_parameter_slots(const struct deftype *type)
{
    return valtypes_slots(deftype_parameters(type), type->parameter_count);
}

static inline uint32_t deftype_result_slots(const struct deftype *type)
{
    return valtypes_slots(deftype_results(type), type->result_count);
}

/* Subtyping (specification: "Matching"). Not recursive: supertype chains are walked, in a number of
 * steps that grows as the logarithm of their length. */
bool valtype_matches_slow(const struct type_store *store, valtype sub, valtype super);
bool type_matches(const struct type_store *store, uint32_t sub, uint32_t super);

/*
 * May `sub` name `super` as its supertype, as far as what they are made of goes? (specification:
 * Comptype_sub) Both are in the store.
 */
bool type_extends(const struct type_store *store, uint32_t sub, uint32_t super);

static inline bool valtype_matches(const struct type_store *store, valtype sub, valtype super)
{
    return sub == super || sub == VALTYPE_BOTTOM || valtype_matches_slow(store, sub, super);
}

/* Writes the type as the text format has it ("i32", "(ref null 5)"); always terminated. */
void valtype_print(valtype type, char *buffer, size_t size);
