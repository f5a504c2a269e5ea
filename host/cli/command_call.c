// SPDX-License-Identifier: Apache-2.0
//
// Text to values, and back. pnf_call_export is variadic; libffi makes the call, since only the
// signature tells how many arguments there are.
#include <errno.h>
#include <ffi.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/signature.h"

enum {
    VALUES_MAX = 2 + 2 * PLAN_PARAMETERS_MAX, // the export, pairs, a place for the result
    SIGNATURE_SIZE = SIGNATURE_TEXT_SIZE
};

union value {
    int64_t integer;
    double number;
    const char *text;
    size_t length;
    void *place;
};

struct call {
    const struct cli_options *options;
    struct signature signature;
    char text[SIGNATURE_SIZE];
    ffi_type *types[VALUES_MAX];
    union value values[VALUES_MAX];
    void *pointers[VALUES_MAX];
    unsigned count;
    union {
        uint8_t bytes[8];
        uint64_t bits;
        float f32;
        double f64;
        pnf_bytes block;
        const char *cstr;
    } result;
};

// --- the signature -------------------------------------------------------------------------------

static const pnf_item *find_export(const pnf_module *module, const char *name)
{
    const pnf_item *item;

    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++)
        if (item->part == PNF_PART_EXPORT && strcmp(item->kind, "function") == 0 &&
            item->name.length == strlen(name) &&
            memcmp(item->name.data, name, item->name.length) == 0)
            return item;
    return NULL;
}

// "(i32, f64) -> i64" as "name(p0: i32, p1: f64) -> i64". False if there is no room.
static bool name_parameters(const char *name, const char *type, char text[SIGNATURE_SIZE])
{
    size_t at = (size_t)snprintf(text, SIGNATURE_SIZE, "%s(", name);
    unsigned count = 0;

    for (type++; *type != '\0' && at < SIGNATURE_SIZE - 16; type++) {
        bool begins = count == 0 ? *type != ')' : *type == ',';

        if (begins && *type == ',')
            at += (size_t)snprintf(text + at, SIGNATURE_SIZE - at, ", p%u:", count++);
        else if (begins && count == 0)
            at += (size_t)snprintf(text + at, SIGNATURE_SIZE - at, "p%u: %c", count++, *type);
        else
            text[at++] = *type;
        if (*type == ')') {
            at += (size_t)snprintf(text + at, SIGNATURE_SIZE - at, "%s", type + 1);
            return at < SIGNATURE_SIZE;
        }
    }
    return false;
}

// What was asked for: a signature, or a name, whose parameters the module tells.
static int find_signature(struct call *call, pnf_plugin *plugin)
{
    const char *asked = call->options->arguments[1];
    struct error error = {.code = ERROR_NONE};
    const pnf_item *item;
    const char *text = asked;

    if (!strchr(asked, '(')) {
        item = find_export(pnf_plugin_module(plugin), asked);
        if (!item)
            return cli_fail_as(call->options, PNF_UNLINKABLE,
                               "%s exports no function '%s'; pinfold inspect lists them",
                               call->options->arguments[0], asked);
        if (!name_parameters(asked, item->type, call->text))
            return cli_fail_as(call->options, PNF_USAGE, "'%s' has too many parameters: %s", asked,
                               item->type);
        text = call->text;
    }
    if (!signature_parse(text, strlen(text), &call->signature, &error))
        return cli_fail_as(call->options, PNF_USAGE, "cannot call %s: %s", text, error.message);
    signature_print(&call->signature, call->text, sizeof call->text);
    return 0;
}

// --- arguments -----------------------------------------------------------------------------------

static void push(struct call *call, ffi_type *type, union value value)
{
    call->types[call->count] = type;
    call->values[call->count] = value;
    call->pointers[call->count] = &call->values[call->count];
    call->count++;
}

// Decimal, 0x..., or negative. False if it is none or does not fit the kind.
static bool parse_integer(enum plan_kind kind, const char *text, int64_t *value)
{
    bool is_signed = kind == PLAN_I8 || kind == PLAN_I16 || kind == PLAN_I32 || kind == PLAN_I64;
    unsigned bits = 8 * (unsigned)plan_kind_size(kind);
    bool negative = text[0] == '-';
    const char *digits = negative ? text + 1 : text;
    char *end;
    uint64_t magnitude;

    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    magnitude = strtoull(digits, &end, digits[0] == '0' && digits[1] == 'x' ? 16 : 10);
    if (*end != '\0' || errno != 0)
        return false;
    // Core types have no sign: what fits 32 or 64 bits either way is taken.
    if (negative ? magnitude > UINT64_C(1) << (bits - 1)
                 : bits < 64 && magnitude >> (is_signed && bits < 32 ? bits - 1 : bits) != 0)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return is_signed || !negative || magnitude == 0;
}

// Rounded once, to the kind's own precision. What is beyond its range is refused, but infinities
// that are written as such are not.
static bool parse_number(enum plan_kind kind, const char *text, double *value)
{
    char *end;

    errno = 0;
    *value = kind == PLAN_F32 ? (double)strtof(text, &end) : strtod(text, &end);
    return end != text && *end == '\0' && !(errno == ERANGE && isinf(*value));
}

static bool push_scalar(struct call *call, enum plan_kind kind, const char *text)
{
    union value value = {.integer = 0};

    if (kind == PLAN_BOOL) {
        value.integer = strcmp(text, "true") == 0;
        push(call, &ffi_type_sint32, value);
        return value.integer || strcmp(text, "false") == 0;
    }
    if (kind == PLAN_F32 || kind == PLAN_F64) {
        if (!parse_number(kind, text, &value.number))
            return false;
        push(call, &ffi_type_double, value);
        return true;
    }
    if (!parse_integer(kind, text, &value.integer))
        return false;
    push(call, plan_kind_size(kind) == 8 ? &ffi_type_sint64 : &ffi_type_sint32, value);
    return true;
}

static bool push_argument(struct call *call, const struct plan_parameter *parameter,
                          const char *text)
{
    if (!plan_kind_is_block(parameter->kind))
        return push_scalar(call, parameter->kind, text);
    push(call, &ffi_type_pointer, (union value){.text = text});
    if (parameter->kind != PLAN_CSTR)
        push(call, &ffi_type_uint64, (union value){.length = strlen(text)});
    return true;
}

static int push_arguments(struct call *call)
{
    const struct cli_options *options = call->options;
    const struct plan *plan = &call->signature.plan;
    size_t given = options->argument_count - 2;

    if (given != plan->parameter_count)
        return cli_fail_as(options, PNF_USAGE, "%s takes %u arguments, not %zu", call->text,
                           plan->parameter_count, given);
    for (size_t i = 0; i < given; i++) {
        const struct plan_parameter *parameter = &plan->parameters[i];
        const char *text = options->arguments[i + 2];

        if (parameter->direction != PLAN_IN)
            return cli_fail_as(options, PNF_USAGE,
                               "parameter %s is out or inout, which the command line cannot "
                               "take; a host application can",
                               call->signature.parameters[i]);
        if (!push_argument(call, parameter, text))
            return cli_fail_as(options, PNF_USAGE, "'%s' is no %s, which parameter %s of %s is",
                               text, plan_kind_name(parameter->kind), call->signature.parameters[i],
                               call->text);
    }
    if (plan->result != PLAN_NONE)
        push(call, &ffi_type_pointer, (union value){.place = &call->result});
    return 0;
}

// --- the result ----------------------------------------------------------------------------------

static bool is_unsigned(enum plan_kind kind)
{
    return kind == PLAN_U8 || kind == PLAN_U16 || kind == PLAN_U32 || kind == PLAN_U64;
}

static json_t *json_of_number(double number)
{
    char text[32];

    if (isfinite(number))
        return json_real(number);
    snprintf(text, sizeof text, "%g", number); // JSON has neither
    return json_string(text);
}

static json_t *json_of_bytes(pnf_bytes bytes)
{
    json_t *array = json_array();

    for (size_t i = 0; i < bytes.length; i++)
        json_array_append_new(array, json_integer(bytes.data[i]));
    return array;
}

// A u64 as text: most readers of JSON do not keep it exact.
static json_t *json_of_integer(enum plan_kind kind, uint64_t word)
{
    char text[32];

    if (kind != PLAN_U64)
        return json_integer((json_int_t)word);
    snprintf(text, sizeof text, "%" PRIu64, word);
    return json_string(text);
}

static json_t *json_of_result(const struct call *call, uint64_t word)
{
    enum plan_kind kind = call->signature.plan.result;

    if (kind == PLAN_BOOL)
        return json_boolean(word != 0);
    if (kind == PLAN_F32)
        return json_of_number((double)call->result.f32);
    if (kind == PLAN_F64)
        return json_of_number(call->result.f64);
    if (kind == PLAN_CSTR)
        return cli_json_text(call->result.cstr);
    if (kind == PLAN_STR) // which is UTF-8, but may hold NUL
        return json_stringn((const char *)call->result.block.data, call->result.block.length);
    if (kind == PLAN_BYTES)
        return json_of_bytes(call->result.block);
    return json_of_integer(kind, word);
}

static void print_text(const struct call *call, uint64_t word)
{
    enum plan_kind kind = call->signature.plan.result;

    if (kind == PLAN_BOOL)
        printf("%s", word ? "true" : "false");
    else if (kind == PLAN_F32)
        printf("%.9g", (double)call->result.f32);
    else if (kind == PLAN_F64)
        printf("%.17g", call->result.f64);
    else if (kind == PLAN_CSTR)
        cli_show(call->result.cstr, strlen(call->result.cstr));
    else if (plan_kind_is_block(kind))
        cli_show(call->result.block.data, call->result.block.length);
    else if (is_unsigned(kind))
        printf("%" PRIu64, word);
    else
        printf("%" PRId64, (int64_t)word);
    putchar('\n');
}

static void print_result(const struct call *call)
{
    enum plan_kind kind = call->signature.plan.result;
    uint64_t word = 0;
    json_t *object;

    if (kind != PLAN_NONE && !plan_kind_is_block(kind) &&
        !plan_word_load(kind, call->result.bytes, &word))
        word = 0; // the bridge wrote a bool: it is one
    if (!call->options->json) {
        if (kind != PLAN_NONE)
            print_text(call, word);
        return;
    }
    object = json_pack("{s:[]}", "results");
    if (kind != PLAN_NONE)
        json_array_append_new(json_object_get(object, "results"), json_of_result(call, word));
    cli_print_json(object, JSON_COMPACT);
}

// --- the call ------------------------------------------------------------------------------------

static int invoke(struct call *call, pnf_export *prepared)
{
    ffi_cif cif;
    ffi_arg status = 0;

    call->values[0].place = prepared;
    if (ffi_prep_cif_var(&cif, FFI_DEFAULT_ABI, 1, call->count, &ffi_type_sint32, call->types) !=
        FFI_OK)
        return cli_fail_as(call->options, PNF_USAGE, "cannot call %s", call->text);
    ffi_call(&cif, FFI_FN(pnf_call_export), &status, call->pointers);
    if ((pnf_status)status != PNF_OK)
        return cli_fail(call->options, NULL);
    print_result(call);
    return 0;
}

static int call_export(const struct cli_options *options, pnf_plugin *plugin)
{
    struct call call = {.options = options};
    pnf_export *prepared;
    int status = find_signature(&call, plugin);

    push(&call, &ffi_type_pointer, (union value){.place = NULL});
    if (status == 0)
        status = push_arguments(&call);
    if (status != 0)
        return status;
    return pnf_prepare(plugin, call.text, &prepared) == PNF_OK ? invoke(&call, prepared)
                                                               : cli_fail(options, NULL);
}

static int load_and_call(pnf_host *host, const struct cli_options *options)
{
    pnf_source source = {
        .module_path = options->arguments[0],
        .policy_path = options->policy,
        .settings = options->settings,
        .setting_count = options->setting_count,
    };
    pnf_plugin *plugin;

    if (pnf_load_from(host, &source, &plugin) != PNF_OK)
        return cli_fail(options, NULL);
    // Standard output is for results.
    return cli_finish_output(options, plugin, stderr, call_export(options, plugin));
}

int cli_call(const struct cli_options *options)
{
    int status;
    pnf_host *host = cli_open_host(options, &status);

    if (!host)
        return status;
    status = load_and_call(host, options);
    pnf_host_close(host);
    return status;
}
