// SPDX-License-Identifier: Apache-2.0
//
// libyaml's events build the policy, one at a time, on a stack of open lists and mappings. Each
// event is first held against what a policy may consist of (admit), then against what the table of
// keys has at that place.
#include "host/policy_yaml.h"

#include <assert.h>
#include <string.h>
#include <yaml.h>

#include "host/policy_dir.h"
#include "host/policy_link.h"
#include "host/policy_source.h"
#include "host/policy_value.h"

static_assert(POLICY_KEY_COUNT <= 64, "the keys seen are kept in one word");

struct frame {
    enum policy_key key;       // whose value this is; for a list's item that of the list
    bool is_list;              // else a mapping
    bool has_pending;          // a mapping: the key has been read, its value comes next
    enum policy_key pending;   // that key; unused for variables
    struct policy_string name; // or that variable
    uint64_t seen;             // bit per key
    yaml_mark_t start;
};

struct builder {
    struct policy *policy;
    struct policy_error *error;
    const char *folder; // where relative paths begin; NULL: the working directory
    struct policy_cursor cursor;
    const yaml_event_t *event;       // the present one
    struct policy_function function; // the item that is being read
    struct policy_dir dir;           // or this one
    struct policy_link link;         // or this one
    uint32_t events;
    uint32_t documents;
    uint32_t depth;
    struct frame frames[POLICY_DEPTH_MAX];
};

/* Errors. */

static bool fail_mark(struct builder *b, yaml_mark_t mark, const char *path, const char *problem)
{
    return policy_error_set(b->error, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, "%s%s%s",
                            path, path[0] ? ": " : "", problem);
}

// At the present event, about a key.
static bool fail(struct builder *b, enum policy_key key, const char *problem)
{
    return fail_mark(b, b->event->start_mark, policy_key_info(key)->path, problem);
}

// Gives an error that knows no place this one.
static bool fail_at(struct builder *b, yaml_mark_t mark)
{
    b->error->line = (uint32_t)mark.line + 1;
    b->error->column = (uint32_t)mark.column + 1;
    return false;
}

// The same with that of the present event.
static bool fail_here(struct builder *b)
{
    return fail_at(b, b->event->start_mark);
}

// Turns an error of policy_add_* into one of the present event. Some of them name the key already.
static bool fail_as(struct builder *b, enum policy_key key, const struct error *error)
{
    static const char own[] = "policy: ";
    const char *wording = error_wording(error->code);
    const char *detail = error->message + strlen(wording);

    if (detail[0] != ':')
        return fail(b, key, error->message);
    detail += 2;
    if (strncmp(detail, own, sizeof own - 1) != 0)
        return fail(b, key, detail);
    return fail_mark(b, b->event->start_mark, "", detail + sizeof own - 1);
}

/* What there may be in any place. */

// Anchors and tags show in the event, but for the tag "!", which only the text still has.
static bool admit_node(struct builder *b)
{
    const yaml_event_t *event = b->event;
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    char first = policy_cursor_at(&b->cursor, event->start_mark.index);

    if (event->type == YAML_ALIAS_EVENT || first == '*')
        return fail(b, POLICY_KEY_ROOT, "aliases are not allowed");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor || first == '&')
        return fail(b, POLICY_KEY_ROOT, "anchors are not allowed");
    if (tag || first == '!')
        return fail(b, POLICY_KEY_ROOT, "tags are not allowed");
    return true;
}

static bool admit_document(struct builder *b)
{
    const yaml_event_t *event = b->event;

    if (++b->documents > 1)
        return fail(b, POLICY_KEY_ROOT, "a second document is not allowed");
    if (event->data.document_start.version_directive ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end)
        return fail(b, POLICY_KEY_ROOT, "directives are not allowed");
    return true;
}

static const char *value_of_scalar(const yaml_event_t *event)
{
    return (const char *)event->data.scalar.value;
}

static bool is_plain(const yaml_event_t *event)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Keys. */

// Another key that was probably meant; POLICY_KEY_COUNT if none is near.
static enum policy_key guess_key(enum policy_key parent, const char *name, size_t length)
{
    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;

        if (policy_key_parent(key) == parent &&
            policy_value_is_near(name, length, policy_key_name(key)))
            return key;
    }
    // The right name in the wrong place.
    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        const char *own = policy_key_name((enum policy_key)i);

        if (strlen(own) == length && memcmp(own, name, length) == 0)
            return (enum policy_key)i;
    }
    return POLICY_KEY_COUNT;
}

static bool fail_unknown(struct builder *b, const struct frame *frame)
{
    const char *name = value_of_scalar(b->event);
    size_t length = b->event->data.scalar.length;
    enum policy_key meant = guess_key(frame->key, name, length);
    const char *parent = policy_key_info(frame->key)->path;
    char quote[POLICY_QUOTE_SIZE];

    policy_error_set(b->error, 0, 0, "%s%sunknown key %s%s%s%s", parent, parent[0] ? ": " : "",
                     policy_quote(quote, name, length),
                     meant < POLICY_KEY_COUNT ? "; did you mean '" : "",
                     meant < POLICY_KEY_COUNT ? policy_key_info(meant)->path : "",
                     meant < POLICY_KEY_COUNT ? "'?" : "");
    return fail_here(b);
}

static bool read_key(struct builder *b, struct frame *frame)
{
    const char *name = value_of_scalar(b->event);
    size_t length = b->event->data.scalar.length;
    enum policy_key key;

    if (!is_plain(b->event))
        return fail(b, frame->key, "keys are written without quotes");
    if (length == 2 && memcmp(name, "<<", 2) == 0)
        return fail(b, frame->key, "merge keys are not allowed");
    key = policy_key_find(frame->key, name, length);
    if (key == POLICY_KEY_COUNT)
        return fail_unknown(b, frame);
    if (frame->seen & UINT64_C(1) << key)
        return fail(b, key, "given twice");
    frame->seen |= UINT64_C(1) << key;
    frame->pending = key;
    frame->has_pending = true;
    if (policy_key_info(frame->key)->type == POLICY_TYPE_SECTION)
        b->policy->lines[key] = (uint32_t)b->event->start_mark.line + 1;
    return true;
}

/* Texts. */

// Whether the present scalar is a text: quoted or plain, but not one of the ways to write null.
static bool admit_text(struct builder *b, enum policy_key key)
{
    const char *text = value_of_scalar(b->event);

    if (!is_plain(b->event))
        return true;
    if (b->event->data.scalar.length == 0)
        return fail(b, key, "a text is missing (the empty one is written \"\")");
    if (strcmp(text, "~") == 0 || strcmp(text, "null") == 0)
        return fail(b, key, "null is not allowed (as a text it is written in quotes)");
    return true;
}

// Adds the present scalar to the pool.
static bool read_text(struct builder *b, enum policy_key key, struct policy_string *string)
{
    struct error error = {.code = ERROR_NONE};

    return admit_text(b, key) && (policy_add_text(b->policy, value_of_scalar(b->event),
                                                  b->event->data.scalar.length, string, &error) ||
                                  fail_as(b, key, &error));
}

static bool read_argument(struct builder *b)
{
    const char *text = value_of_scalar(b->event);
    struct policy_string string; // in the pool again: it is only for the check of its form
    uint32_t used = b->policy->pool_used;
    struct error error = {.code = ERROR_NONE};

    if (!read_text(b, POLICY_KEY_WASI_ARGS, &string))
        return false;
    memset(b->policy->pool + used, 0, b->policy->pool_used - used);
    b->policy->pool_used = used;
    return policy_add_argument(b->policy, text, b->event->data.scalar.length, &error) ||
           fail_as(b, POLICY_KEY_WASI_ARGS, &error);
}

static bool read_variable_name(struct builder *b, struct frame *frame)
{
    const char *name = value_of_scalar(b->event);
    size_t length = b->event->data.scalar.length;
    char problem[POLICY_QUOTE_SIZE + 64];
    char quote[POLICY_QUOTE_SIZE];

    if (!is_plain(b->event))
        return fail(b, frame->key, "names of variables are written without quotes");
    if (length == 2 && memcmp(name, "<<", 2) == 0)
        return fail(b, frame->key, "merge keys are not allowed");
    if (!policy_is_variable_name(name, length)) {
        snprintf(problem, sizeof problem, "%s is no name of a variable",
                 policy_quote(quote, name, length));
        return fail(b, frame->key, problem);
    }
    if (policy_find_variable(b->policy, name, length) != POLICY_NOT_FOUND) {
        snprintf(problem, sizeof problem, "%s is given twice", policy_quote(quote, name, length));
        return fail(b, frame->key, problem);
    }
    frame->has_pending = true;
    return read_text(b, frame->key, &frame->name);
}

static bool read_variable(struct builder *b, const struct frame *frame)
{
    struct policy_string value;
    struct error error = {.code = ERROR_NONE};

    if (!read_text(b, frame->key, &value))
        return false;
    return policy_add_variable(b->policy, frame->name, value,
                               (uint32_t)b->event->start_mark.line + 1, &error) ||
           fail_as(b, frame->key, &error);
}

static bool read_plugin_name(struct builder *b)
{
    if (!policy_is_plugin_name(value_of_scalar(b->event), b->event->data.scalar.length))
        return fail(b, POLICY_KEY_PLUGIN_NAME, policy_value_forms(POLICY_TYPE_NAME));
    return read_text(b, POLICY_KEY_PLUGIN_NAME, &b->policy->name);
}

static bool read_sha256(struct builder *b)
{
    b->policy->pinned = 1;
    return policy_value_parse_sha256(POLICY_KEY_PLUGIN_SHA256, value_of_scalar(b->event),
                                     b->event->data.scalar.length, b->policy->sha256, b->error) ||
           fail_here(b);
}

/* Host functions. */

static bool begin_function(struct builder *b)
{
    b->function = (struct policy_function){
        .line = (uint32_t)b->event->start_mark.line + 1,
        .calls_per_second = policy_key_info(POLICY_KEY_HOST_FUNCTIONS_CALLS)->default_value,
        .bytes_per_second = policy_key_info(POLICY_KEY_HOST_FUNCTIONS_BYTES)->default_value,
    };
    if (b->policy->function_count >= POLICY_FUNCTIONS_MAX)
        return fail(b, POLICY_KEY_HOST_FUNCTIONS, "too many");
    return true;
}

static bool read_function_name(struct builder *b)
{
    const char *name = value_of_scalar(b->event);
    size_t length = b->event->data.scalar.length;
    char problem[POLICY_QUOTE_SIZE + 128];
    char quote[POLICY_QUOTE_SIZE];
    const char *why = NULL;

    if (memchr(name, '*', length))
        why = "there are no wildcards: each function is named";
    else if (!policy_is_function_name(name, length))
        why = policy_value_forms(POLICY_TYPE_FUNCTION);
    else if (policy_find_function(b->policy, name, length) != POLICY_NOT_FOUND)
        why = "given twice";
    if (why) {
        snprintf(problem, sizeof problem, "%s: %s", policy_quote(quote, name, length), why);
        return fail(b, POLICY_KEY_HOST_FUNCTIONS, problem);
    }
    return read_text(b, POLICY_KEY_HOST_FUNCTIONS_NAME, &b->function.name);
}

static bool end_function(struct builder *b)
{
    struct error error = {.code = ERROR_NONE};

    return policy_add_function(b->policy, &b->function, &error) ||
           fail_as(b, POLICY_KEY_HOST_FUNCTIONS, &error);
}

/* Directories. */

static bool begin_dir(struct builder *b)
{
    policy_dir_begin(&b->dir);
    b->dir.line = (uint32_t)b->event->start_mark.line + 1;
    b->dir.column = (uint32_t)b->event->start_mark.column + 1;
    return true;
}

static bool read_dir_host(struct builder *b)
{
    return admit_text(b, POLICY_KEY_WASI_DIRS_HOST) &&
           (policy_dir_set_host(b->policy, &b->dir, b->folder, value_of_scalar(b->event),
                                b->event->data.scalar.length, b->error) ||
            fail_here(b));
}

static bool read_dir_guest(struct builder *b)
{
    return admit_text(b, POLICY_KEY_WASI_DIRS_GUEST) &&
           (policy_dir_set_guest(b->policy, &b->dir, value_of_scalar(b->event),
                                 b->event->data.scalar.length, b->error) ||
            fail_here(b));
}

// What is wrong is wrong with the whole item.
static bool end_dir(struct builder *b, const struct frame *frame)
{
    return policy_dir_add(b->policy, &b->dir, b->error) || fail_at(b, frame->start);
}

/* Libraries. */

static bool begin_link(struct builder *b)
{
    b->link = (struct policy_link){.line = (uint32_t)b->event->start_mark.line + 1};
    return true;
}

static bool read_link_name(struct builder *b)
{
    return admit_text(b, POLICY_KEY_LINK_NAME) &&
           (policy_link_set_name(b->policy, &b->link, value_of_scalar(b->event),
                                 b->event->data.scalar.length, b->error) ||
            fail_here(b));
}

static bool read_link_file(struct builder *b)
{
    return admit_text(b, POLICY_KEY_LINK_FILE) &&
           (policy_link_set_file(b->policy, &b->link, b->folder, value_of_scalar(b->event),
                                 b->event->data.scalar.length, b->error) ||
            fail_here(b));
}

static bool read_link_sha256(struct builder *b)
{
    b->link.pinned = 1;
    return policy_value_parse_sha256(POLICY_KEY_LINK_SHA256, value_of_scalar(b->event),
                                     b->event->data.scalar.length, b->link.sha256, b->error) ||
           fail_here(b);
}

static bool end_link(struct builder *b, const struct frame *frame)
{
    return policy_link_add(b->policy, &b->link, b->error) || fail_at(b, frame->start);
}

/* Values. */

static bool read_number(struct builder *b, enum policy_key key, void *holder)
{
    const yaml_event_t *event = b->event;
    uint64_t value;

    if (!is_plain(event))
        return fail(b, key, "text in quotes, where a value without quotes is expected");
    if (!policy_value_parse(key, value_of_scalar(event), event->data.scalar.length, &value,
                            b->error))
        return fail_here(b);
    policy_key_write(key, holder, value);
    return true;
}

static bool fail_type(struct builder *b, enum policy_key key)
{
    char problem[160];

    snprintf(problem, sizeof problem, "must be %s", policy_value_forms(policy_key_info(key)->type));
    return fail(b, key, problem);
}

// What has the fields of a mapping's keys.
static void *holder_of(struct builder *b, const struct frame *frame)
{
    enum policy_type type = policy_key_info(frame->key)->type;

    if (type == POLICY_TYPE_FUNCTIONS)
        return &b->function;
    return type == POLICY_TYPE_DIRS ? (void *)&b->dir : (void *)b->policy;
}

// A scalar as the value of a key.
static bool read_value(struct builder *b, const struct frame *frame)
{
    enum policy_key key = frame->pending;

    if (policy_key_is_number(key))
        return read_number(b, key, holder_of(b, frame));
    if (key == POLICY_KEY_PLUGIN_NAME)
        return read_plugin_name(b);
    if (key == POLICY_KEY_PLUGIN_SHA256)
        return read_sha256(b);
    if (key == POLICY_KEY_HOST_FUNCTIONS_NAME)
        return read_function_name(b);
    if (key == POLICY_KEY_WASI_DIRS_HOST)
        return read_dir_host(b);
    if (key == POLICY_KEY_WASI_DIRS_GUEST)
        return read_dir_guest(b);
    if (key == POLICY_KEY_LINK_NAME)
        return read_link_name(b);
    if (key == POLICY_KEY_LINK_FILE)
        return read_link_file(b);
    if (key == POLICY_KEY_LINK_SHA256)
        return read_link_sha256(b);
    return fail_type(b, key);
}

// A scalar as the item of a list.
static bool read_item(struct builder *b, const struct frame *frame)
{
    if (frame->key == POLICY_KEY_WASI_ARGS)
        return read_argument(b);
    if (frame->key == POLICY_KEY_HOST_FUNCTIONS)
        return begin_function(b) && read_function_name(b) && end_function(b);
    return fail_type(b, frame->key);
}

static bool on_scalar(struct builder *b)
{
    struct frame *frame = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
    bool of_variables;

    if (frame == NULL)
        return fail_type(b, POLICY_KEY_ROOT);
    if (memchr(value_of_scalar(b->event), '\0', b->event->data.scalar.length))
        return fail(b, frame->key, "a NUL is not allowed");
    if (frame->is_list)
        return read_item(b, frame);
    of_variables = policy_key_info(frame->key)->type == POLICY_TYPE_VARIABLES;
    if (!frame->has_pending)
        return of_variables ? read_variable_name(b, frame) : read_key(b, frame);
    frame->has_pending = false;
    return of_variables ? read_variable(b, frame) : read_value(b, frame);
}

/* Lists and mappings. */

static bool push(struct builder *b, enum policy_key key, bool is_list)
{
    if (b->depth >= POLICY_DEPTH_MAX)
        return fail(b, POLICY_KEY_ROOT, "nested too deep");
    b->frames[b->depth++] =
        (struct frame){.key = key, .is_list = is_list, .start = b->event->start_mark};
    return true;
}

// A list or mapping as the item of a list.
static bool open_item(struct builder *b, const struct frame *frame, bool is_list)
{
    bool began = false;

    if (is_list || frame->key == POLICY_KEY_WASI_ARGS)
        return fail_type(b, frame->key);
    if (frame->key == POLICY_KEY_HOST_FUNCTIONS)
        began = begin_function(b);
    else if (frame->key == POLICY_KEY_WASI_DIRS)
        began = begin_dir(b);
    else if (frame->key == POLICY_KEY_LINK)
        began = begin_link(b);
    return began && push(b, frame->key, false);
}

static bool on_open(struct builder *b, bool is_list)
{
    struct frame *frame = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
    enum policy_key key = POLICY_KEY_ROOT;
    enum policy_type type;

    if (frame && frame->is_list)
        return open_item(b, frame, is_list);
    if (frame && !frame->has_pending)
        return fail(b, frame->key, "a list or mapping cannot be a key");
    if (frame && policy_key_info(frame->key)->type == POLICY_TYPE_VARIABLES)
        return fail(b, frame->key, "the value of a variable must be a text");
    if (frame) {
        key = frame->pending;
        frame->has_pending = false;
    }
    type = policy_key_info(key)->type;
    if (is_list ? type == POLICY_TYPE_TEXTS || type == POLICY_TYPE_DIRS ||
                      type == POLICY_TYPE_LINKS || type == POLICY_TYPE_FUNCTIONS
                : type == POLICY_TYPE_SECTION || type == POLICY_TYPE_VARIABLES)
        return push(b, key, is_list);
    return fail_type(b, key);
}

// Whether a mapping has every key that it must have.
static bool check_required(struct builder *b, const struct frame *frame)
{
    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        const struct policy_key_info *info = policy_key_info((enum policy_key)i);

        if (info->absence == POLICY_ABSENCE_REQUIRED && !(frame->seen & UINT64_C(1) << i) &&
            policy_key_parent((enum policy_key)i) == frame->key)
            return fail_mark(b, frame->start, info->path,
                             i == POLICY_KEY_PINFOLD ? "missing: a policy has the line 'pinfold: 1'"
                                                     : "missing");
    }
    return true;
}

static bool on_close(struct builder *b)
{
    const struct frame *frame = &b->frames[--b->depth];
    enum policy_type type;

    if (frame->is_list)
        return true;
    if (!check_required(b, frame))
        return false;
    type = policy_key_info(frame->key)->type;
    if (type == POLICY_TYPE_FUNCTIONS)
        return end_function(b);
    if (type == POLICY_TYPE_LINKS)
        return end_link(b, frame);
    return type != POLICY_TYPE_DIRS || end_dir(b, frame);
}

static bool on_event(struct builder *b)
{
    if (++b->events > POLICY_EVENTS_MAX)
        return fail(b, POLICY_KEY_ROOT, "too many values");
    switch (b->event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return admit_document(b);
    case YAML_SCALAR_EVENT:
        return admit_node(b) && on_scalar(b);
    case YAML_SEQUENCE_START_EVENT:
        return admit_node(b) && on_open(b, true);
    case YAML_MAPPING_START_EVENT:
        return admit_node(b) && on_open(b, false);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(b);
    case YAML_ALIAS_EVENT:
        return admit_node(b);
    case YAML_STREAM_END_EVENT:
        return b->documents > 0 ||
               fail(b, POLICY_KEY_ROOT, "empty: at least 'pinfold: 1' is needed");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return fail(b, POLICY_KEY_ROOT, "unknown event");
}

/* The parser. */

static bool fail_syntax(struct builder *b, const yaml_parser_t *parser)
{
    char problem[160];

    snprintf(problem, sizeof problem, "not YAML: %s%s%s",
             parser->problem ? parser->problem : "out of memory", parser->context ? ", " : "",
             parser->context ? parser->context : "");
    return fail_mark(b, parser->problem_mark, "", problem);
}

static bool build(struct builder *b, yaml_parser_t *parser)
{
    yaml_event_t event;
    bool built = true;
    bool ended = false;

    while (built && !ended) {
        if (!yaml_parser_parse(parser, &event))
            return fail_syntax(b, parser);
        b->event = &event;
        ended = event.type == YAML_STREAM_END_EVENT;
        built = on_event(b);
        yaml_event_delete(&event);
    }
    return built;
}

static bool parse(const char *folder, const char *bytes, size_t size, struct policy *policy,
                  struct policy_error *error)
{
    struct builder builder = {.policy = policy,
                              .error = error,
                              .folder = folder,
                              .cursor = {.text = bytes, .size = size}};
    struct error bad = {.code = ERROR_NONE};
    yaml_parser_t parser;
    bool built;

    if (!policy_source_check(bytes, size, error))
        return false;
    if (!yaml_parser_initialize(&parser))
        return policy_error_set(error, 0, 0, "out of memory");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    built = build(&builder, &parser);
    yaml_parser_delete(&parser);
    if (!built)
        return false;
    // What the worker would say to it.
    return policy_check(policy, &bad) || policy_error_set(error, 0, 0, "%s", bad.message);
}

bool policy_from_text_in(const char *folder, const char *bytes, size_t size, struct policy *policy,
                         struct policy_error *error)
{
    bool parsed;

    policy_init(policy);
    parsed = parse(folder, bytes, size, policy, error);
    if (!parsed)
        policy_init(policy);
    return parsed;
}

bool policy_from_text(const char *bytes, size_t size, struct policy *policy,
                      struct policy_error *error)
{
    return policy_from_text_in(NULL, bytes, size, policy, error);
}
