// SPDX-License-Identifier: Apache-2.0
//
// What can be said against a link before anything of it has run.
#include <stdio.h>

#include "sandbox/wasm/dynamic_internal.h"

// A signature in a message, cut off where it is long.
struct printed_type {
    char text[48];
};

static size_t print_types(char *buffer, size_t size, const valtype *types, uint32_t count)
{
    size_t used = (size_t)snprintf(buffer, size, "(");

    for (uint32_t i = 0; i < count && used < size; i++) {
        char type[24];

        valtype_print(types[i], type, sizeof type);
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i == 0 ? "" : " ", type);
    }
    if (used < size)
        used += (size_t)snprintf(buffer + used, size - used, ")");
    return used < size ? used : size - 1;
}

static struct printed_type printed_type(const struct dynamic *dynamic, uint32_t number)
{
    const struct deftype *type = type_at(&dynamic->store->types, number);
    struct printed_type printed = {""};
    size_t used = print_types(printed.text, sizeof printed.text, deftype_parameters(type),
                              type->parameter_count);

    print_types(printed.text + used, sizeof printed.text - used, deftype_results(type),
                type->result_count);
    return printed;
}

static bool undefined(const struct dynamic *dynamic, uint32_t owner, const struct import *import,
                      const char *kind, struct error *error)
{
    return error_set(error, ERROR_DYNAMIC_LINKING, import->offset,
                     "%s needs the %s %s: link what exports it, or the main module with "
                     "-Wl,--export=NAME",
                     dynamic_module_name(dynamic, owner).text, kind,
                     name_printed(import->name).text);
}

static bool wrong_global(const struct dynamic *dynamic, uint32_t owner, const struct import *import,
                         struct error *error)
{
    return error_set(error, ERROR_INCOMPATIBLE_IMPORT_TYPE, import->offset,
                     "%s imports %s.%s, which dynamic linking has as %s i32 (memory64 is not "
                     "linked dynamically)",
                     dynamic_module_name(dynamic, owner).text, name_printed(import->module).text,
                     name_printed(import->name).text,
                     name_is(import->name, "__memory_base") || name_is(import->name, "__table_base")
                         ? "an immutable"
                         : "a mutable");
}

static bool check_global(const struct dynamic *dynamic, uint32_t owner, const struct import *import,
                         bool is_mutable, struct error *error)
{
    struct globaltype type = dynamic->modules[owner].module->globals[import->index].type;

    return (type.type == VALTYPE_I32 && type.is_mutable == is_mutable) ||
           wrong_global(dynamic, owner, import, error);
}

static bool check_symbol(const struct dynamic *dynamic, uint32_t owner, const struct import *import,
                         const struct symbol *symbol, struct error *error)
{
    const struct module *user = dynamic->modules[owner].module;
    const struct module *definer = dynamic->modules[symbol->owner].module;
    bool is_function = import->kind == EXTERNAL_FUNCTION;
    uint32_t wanted =
        is_function ? user->functions[import->index].type : user->tags[import->index].type;
    uint32_t given =
        is_function ? definer->functions[symbol->index].type : definer->tags[symbol->index].type;

    if (is_function ? type_matches(&dynamic->store->types, given, wanted) : given == wanted)
        return true;
    return error_set(error, ERROR_INCOMPATIBLE_IMPORT_TYPE, import->offset,
                     "%s is %s in %s, but %s in %s", name_printed(import->name).text,
                     printed_type(dynamic, wanted).text, dynamic_module_name(dynamic, owner).text,
                     printed_type(dynamic, given).text,
                     dynamic_module_name(dynamic, symbol->owner).text);
}

static bool check_data(const struct dynamic *dynamic, uint32_t owner, const struct import *import,
                       const struct symbol *symbol, struct error *error)
{
    bool made = dynamic->parts[0].is_relocatable &&
                (name_is(import->name, "__heap_base") || name_is(import->name, "__heap_end"));

    if (!check_global(dynamic, owner, import, true, error))
        return false;
    if (symbol != NULL && (symbol->flags & DYLINK_TLS))
        return error_set(error, ERROR_DYNAMIC_LINKING, import->offset,
                         "%s needs %s, which is thread-local: that is not supported",
                         dynamic_module_name(dynamic, owner).text, name_printed(import->name).text);
    if (symbol == NULL && !made && !dynamic_is_weak(dynamic, owner, import->name))
        return undefined(dynamic, owner, import, "data", error);
    return true;
}

static bool check_pointer(const struct dynamic *dynamic, uint32_t owner,
                          const struct import *import, const struct symbol *symbol,
                          struct error *error)
{
    struct external external;

    if (!check_global(dynamic, owner, import, true, error))
        return false;
    if (symbol != NULL || dynamic_is_weak(dynamic, owner, import->name))
        return true;
    return (store_find(dynamic->store, engine_name("env"), import->name, &external) &&
            external.kind == EXTERNAL_FUNCTION) ||
           undefined(dynamic, owner, import, "function", error);
}

static bool refuse_threads(const struct dynamic *dynamic, uint32_t owner, uint64_t offset,
                           struct error *error)
{
    return error_set(error, ERROR_DYNAMIC_LINKING, offset,
                     "%s has thread-local data: that is not supported, compile it without -pthread",
                     dynamic_module_name(dynamic, owner).text);
}

static bool check_registry(const struct dynamic *dynamic, uint32_t owner,
                           const struct import *import, struct error *error)
{
    struct external external;

    if (import->kind == EXTERNAL_GLOBAL && name_is(import->module, "env") &&
        name_is(import->name, "__tls_base"))
        return refuse_threads(dynamic, owner, import->offset, error);
    if (store_find(dynamic->store, import->module, import->name, &external))
        return instantiation_accepts(&dynamic->parts[owner].work, import, &external) ||
               error_set(error, ERROR_INCOMPATIBLE_IMPORT_TYPE, import->offset, "%s.%s, in %s",
                         name_printed(import->module).text, name_printed(import->name).text,
                         dynamic_module_name(dynamic, owner).text);
    if (import->kind == EXTERNAL_FUNCTION && name_is(import->module, "env"))
        return undefined(dynamic, owner, import, "function", error);
    return error_set(error, ERROR_UNKNOWN_IMPORT, import->offset, "%s.%s, in %s",
                     name_printed(import->module).text, name_printed(import->name).text,
                     dynamic_module_name(dynamic, owner).text);
}

static bool check_import(const struct dynamic *dynamic, uint32_t owner, const struct import *import,
                         struct error *error)
{
    const struct symbol *symbol;

    switch (dynamic_classify(dynamic, owner, import, &symbol)) {
    case PROVISION_REGISTRY:
        return check_registry(dynamic, owner, import, error);
    case PROVISION_STACK_POINTER:
        return check_global(dynamic, owner, import, true, error);
    case PROVISION_MEMORY_BASE:
    case PROVISION_TABLE_BASE:
        return check_global(dynamic, owner, import, false, error);
    case PROVISION_GOT_MEMORY:
        return check_data(dynamic, owner, import, symbol, error);
    case PROVISION_GOT_FUNCTION:
        return check_pointer(dynamic, owner, import, symbol, error);
    case PROVISION_SYMBOL:
        return check_symbol(dynamic, owner, import, symbol, error);
    case PROVISION_MEMORY:
    case PROVISION_TABLE:
    case PROVISION_WEAK:
    case PROVISION_EXCEPTION_TAG:
        break;
    }
    return true;
}

// What the linker will call takes and gives nothing.
static bool check_entries(const struct dynamic *dynamic, uint32_t owner, struct error *error)
{
    static const char *const entries[] = {"__wasm_apply_data_relocs", "__wasm_call_ctors",
                                          "_initialize"};
    const struct module *module = dynamic->modules[owner].module;
    uint32_t index;

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const struct deftype *type;

        if (!dynamic_exported(module, entries[i], EXTERNAL_FUNCTION, &index))
            continue;
        type = type_at(&dynamic->store->types, module->functions[index].type);
        if (type->parameter_count != 0 || type->result_count != 0)
            return error_set(error, ERROR_DYNAMIC_LINKING, 0, "%s of %s takes or gives something",
                             entries[i], dynamic_module_name(dynamic, owner).text);
    }
    return true;
}

// With -pie the linker leaves memory and table in the module unless it is told otherwise; nobody
// would see what is in them.
static bool check_sharing(const struct dynamic *dynamic, uint32_t owner, struct error *error)
{
    const struct module *module = dynamic->modules[owner].module;
    bool own_memory = module->memory_count != 0 && module->imported_memory_count == 0;
    bool own_table = module->table_count != 0 && module->imported_table_count == 0;

    return (!own_memory && !own_table) ||
           error_set(error, ERROR_DYNAMIC_LINKING, 0,
                     "%s has a %s of its own: link it with --import-memory --import-table",
                     dynamic_module_name(dynamic, owner).text, own_memory ? "memory" : "table");
}

static bool check_module(const struct dynamic *dynamic, uint32_t owner, struct error *error)
{
    const struct module *module = dynamic->modules[owner].module;
    uint32_t index;

    if (!dynamic->parts[owner].has_section)
        return true;
    if (dynamic_exported(module, "__wasm_apply_tls_relocs", EXTERNAL_FUNCTION, &index))
        return refuse_threads(dynamic, owner, 0, error);
    return (!dynamic->parts[owner].is_relocatable || check_sharing(dynamic, owner, error)) &&
           check_entries(dynamic, owner, error);
}

bool dynamic_check(const struct dynamic *dynamic, struct error *error)
{
    for (uint32_t owner = 0; owner < dynamic->count; owner++) {
        const struct module *module = dynamic->modules[owner].module;

        if (!check_module(dynamic, owner, error))
            return false;
        for (uint32_t i = 0; i < module->import_count; i++)
            if (!check_import(dynamic, owner, &module->imports[i], error))
                return false;
    }
    return true;
}
