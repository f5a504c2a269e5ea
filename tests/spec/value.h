// SPDX-License-Identifier: Apache-2.0
/*
 * Values of scripts: reading them, giving them as arguments and comparing them with results. Kinds
 * that belong to features which the engine lacks are recognised and say which feature they need.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/type.h"
#include "sandbox/wasm/value.h"

enum value_form {
    VALUE_BITS,           /* a number of `type`, by its bit pattern */
    VALUE_NAN_CANONICAL,  /* f32, f64 */
    VALUE_NAN_ARITHMETIC, /* f32, f64 */
    VALUE_VECTOR,         /* a v128, by its `lanes` */
    VALUE_NULL,           /* any null reference */
    VALUE_HOST,           /* the host's reference number `bits` */
    VALUE_NON_NULL,       /* any reference of `type` but null */
    VALUE_EITHER,         /* one of `alternatives` */
    VALUE_LATER,          /* cannot be had without `feature` */
};

struct value {
    enum value_form form;
    valtype type; /* VALTYPE_BOTTOM where it says nothing */
    uint64_t bits;
    enum feature feature;
    const json_t *alternatives; /* borrowed */
    const json_t *lanes;        /* borrowed: see lanes.h */
};

/* Reads {"type": …, "value": …}; false when it is not a value of the format. */
bool value_parse(const json_t *json, struct value *value);

/* Reads a scalar of value->type, which for floats may be a kind of NaN. */
bool value_parse_number(const char *text, struct value *value);

/* Stores the value as an argument of type `parameter`; false when it is none of that type. */
bool value_to_slot(const struct value *value, valtype parameter, union slot *slots);

/* Is the result in the slots, of the type that its function declares, what is expected? */
bool value_matches(const struct value *value, const struct type_store *types, valtype type,
                   const union slot *slots);

/* The two of them for people. Always terminated. */
void value_print(const struct value *value, char *buffer, size_t size);
void value_print_slot(valtype type, const union slot *slots, char *buffer, size_t size);
