// SPDX-License-Identifier: Apache-2.0
#include "host/signature.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Two names and a dot, "(@ctx", ", name: inout bytes" for each parameter, and ") -> bytes".
static_assert(2 * SIGNATURE_NAME_MAX + 1 + 5 + PLAN_PARAMETERS_MAX * (SIGNATURE_NAME_MAX + 15) +
                      10 + 1 <=
                  SIGNATURE_TEXT_SIZE,
              "every signature fits");

enum { FOUND_SIZE = 80 };

enum token_kind { TOKEN_END, TOKEN_IDENTIFIER, TOKEN_ARROW, TOKEN_OTHER };

struct token {
    enum token_kind kind;
    const char *text; // borrowed from the signature, not closed by NUL
    size_t length;    // of TOKEN_OTHER: 1
};

struct parser {
    const char *start;
    const char *cursor; // behind `token`
    const char *end;
    struct token token; // the next one to be taken
    struct error *error;
};

// --- tokens --------------------------------------------------------------------------------------

// Not isalpha and isdigit, which ask the locale.
static bool starts_identifier(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           character == '_';
}

static bool continues_identifier(char character)
{
    return starts_identifier(character) || (character >= '0' && character <= '9');
}

static void advance(struct parser *parser)
{
    struct token *token = &parser->token;

    while (parser->cursor < parser->end && *parser->cursor == ' ')
        parser->cursor++;
    *token = (struct token){TOKEN_END, parser->cursor, 0};
    if (parser->cursor == parser->end)
        return;
    if (starts_identifier(*parser->cursor)) {
        token->kind = TOKEN_IDENTIFIER;
        while (parser->cursor < parser->end && continues_identifier(*parser->cursor))
            parser->cursor++;
    } else if (parser->end - parser->cursor >= 2 && memcmp(parser->cursor, "->", 2) == 0) {
        token->kind = TOKEN_ARROW;
        parser->cursor += 2;
    } else {
        token->kind = TOKEN_OTHER;
        parser->cursor++;
    }
    token->length = (size_t)(parser->cursor - token->text);
}

static bool token_is(const struct token *token, const char *text)
{
    return token->length == strlen(text) && memcmp(token->text, text, token->length) == 0;
}

static unsigned column_of(const struct parser *parser, const struct token *token)
{
    return (unsigned)(token->text - parser->start) + 1;
}

// What a message calls the token; never anything that a terminal would act upon.
static const char *token_found(const struct token *token, char found[FOUND_SIZE])
{
    unsigned char byte;

    if (token->kind == TOKEN_END)
        return "the end";
    byte = (unsigned char)token->text[0];
    if (byte < ' ' || byte > '~')
        snprintf(found, FOUND_SIZE, "byte 0x%02X", byte);
    else
        snprintf(found, FOUND_SIZE, "'%.*s'", token->length > 32 ? 32 : (int)token->length,
                 token->text);
    return found;
}

static bool expected(struct parser *parser, const char *what)
{
    char found[FOUND_SIZE];
    unsigned column = column_of(parser, &parser->token);

    return error_set(parser->error, ERROR_USAGE_ARGUMENT, column,
                     "signature, column %u: expected %s, found %s", column, what,
                     token_found(&parser->token, found));
}

// Something else that is wrong with a token, in a sentence that can name it.
__attribute__((format(printf, 4, 5))) static bool refuse(struct parser *parser,
                                                         enum error_code code,
                                                         const struct token *token,
                                                         const char *format, ...)
{
    unsigned column = column_of(parser, token);
    char what[FOUND_SIZE + 64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(parser->error, code, column, "signature, column %u: %s", column, what);
}

static bool accept(struct parser *parser, const char *text)
{
    if (!token_is(&parser->token, text))
        return false;
    advance(parser);
    return true;
}

// --- grammar -------------------------------------------------------------------------------------

static bool parse_identifier(struct parser *parser, char name[SIGNATURE_NAME_MAX + 1],
                             const char *what)
{
    struct token token = parser->token;

    if (token.kind != TOKEN_IDENTIFIER)
        return expected(parser, what);
    if (token.length > SIGNATURE_NAME_MAX)
        return refuse(parser, ERROR_USAGE_ARGUMENT, &token,
                      "expected a name of at most %d characters, found one of %zu",
                      SIGNATURE_NAME_MAX, token.length);
    memcpy(name, token.text, token.length);
    name[token.length] = '\0';
    advance(parser);
    return true;
}

static enum plan_kind kind_of(const struct token *token)
{
    for (unsigned kind = PLAN_NONE + 1; kind < PLAN_KIND_COUNT; kind++) {
        if (token_is(token, plan_kind_name(kind)))
            return kind;
    }
    return PLAN_NONE;
}

static bool parse_type(struct parser *parser, uint8_t *kind)
{
    struct token token = parser->token;

    if (token_is(&token, "handle"))
        return refuse(parser, ERROR_UNSUPPORTED_FEATURE, &token, "handle<T>");
    if (token_is(&token, "struct"))
        return refuse(parser, ERROR_UNSUPPORTED_FEATURE, &token, "struct");
    *kind = (uint8_t)kind_of(&token);
    if (*kind == PLAN_NONE)
        return expected(parser, "a type");
    advance(parser);
    if (token_is(&parser->token, "["))
        return refuse(parser, ERROR_UNSUPPORTED_FEATURE, &parser->token, "T[]");
    return true;
}

static bool parse_module_and_name(struct parser *parser, struct signature *signature)
{
    if (token_is(&parser->token, "struct"))
        return refuse(parser, ERROR_UNSUPPORTED_FEATURE, &parser->token, "struct");
    if (!parse_identifier(parser, signature->name, "a name"))
        return false;
    if (accept(parser, ".")) {
        memcpy(signature->module, signature->name, sizeof signature->module);
        if (!parse_identifier(parser, signature->name, "the function's name"))
            return false;
    }
    if (!accept(parser, "("))
        return expected(parser, signature->module[0] ? "'('" : "'.' or '('");
    return true;
}

static bool parse_context(struct parser *parser, struct signature *signature)
{
    struct token at = parser->token;

    advance(parser);
    if (!token_is(&parser->token, "ctx") || parser->token.text != at.text + 1)
        return expected(parser, "'ctx' right behind '@'");
    if (signature->plan.context || signature->plan.parameter_count > 0)
        return refuse(parser, ERROR_USAGE_ARGUMENT, &at,
                      "expected a parameter, found '@ctx', which can only be the first one");
    if (signature->module[0] == '\0')
        return refuse(parser, ERROR_USAGE_ARGUMENT, &at,
                      "expected a parameter, found '@ctx', which is for the host's functions");
    signature->plan.context = 1;
    advance(parser);
    return true;
}

static uint8_t parse_direction(struct parser *parser)
{
    if (accept(parser, "out"))
        return PLAN_OUT;
    return accept(parser, "inout") ? PLAN_INOUT : PLAN_IN;
}

static bool is_taken(const struct signature *signature, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(signature->parameters[i], signature->parameters[count]) == 0)
            return true;
    }
    return false;
}

static bool parse_parameter(struct parser *parser, struct signature *signature)
{
    unsigned at = signature->plan.parameter_count;
    struct plan_parameter *parameter = &signature->plan.parameters[at];
    struct token name = parser->token;
    struct token type;

    if (token_is(&name, "@"))
        return parse_context(parser, signature);
    if (at == PLAN_PARAMETERS_MAX)
        return refuse(parser, ERROR_LIMIT_PARAMETERS, &name, "expected at most %d parameters",
                      PLAN_PARAMETERS_MAX);
    if (!parse_identifier(parser, signature->parameters[at], "a parameter's name"))
        return false;
    if (is_taken(signature, at))
        return refuse(parser, ERROR_USAGE_ARGUMENT, &name, "expected a new name, found '%s' again",
                      signature->parameters[at]);
    if (!accept(parser, ":"))
        return expected(parser, "':' and a type");
    parameter->direction = parse_direction(parser);
    type = parser->token;
    if (!parse_type(parser, &parameter->kind))
        return false;
    if (parameter->direction != PLAN_IN &&
        (parameter->kind == PLAN_STR || parameter->kind == PLAN_CSTR))
        return refuse(parser, ERROR_USAGE_ARGUMENT, &type,
                      "expected a scalar or bytes after out or inout, found '%s'",
                      plan_kind_name(parameter->kind));
    signature->plan.parameter_count++;
    return true;
}

static bool parse_parameters(struct parser *parser, struct signature *signature)
{
    if (accept(parser, ")"))
        return true;
    do {
        if (!parse_parameter(parser, signature))
            return false;
    } while (accept(parser, ","));
    if (!accept(parser, ")"))
        return expected(parser, "',' or ')'");
    return true;
}

static bool parse_result(struct parser *parser, struct signature *signature)
{
    if (parser->token.kind == TOKEN_END)
        return true;
    if (!accept(parser, "->"))
        return expected(parser, "'->' or the end");
    if (!parse_type(parser, &signature->plan.result))
        return false;
    if (token_is(&parser->token, "!"))
        return refuse(parser, ERROR_UNSUPPORTED_FEATURE, &parser->token, "a result that may fail");
    if (parser->token.kind != TOKEN_END)
        return expected(parser, "the end");
    return true;
}

bool signature_parse(const char *text, size_t length, struct signature *signature,
                     struct error *error)
{
    struct parser parser = {.start = text, .cursor = text, .end = text + length, .error = error};

    *signature = (struct signature){.module = ""};
    advance(&parser);
    return parse_module_and_name(&parser, signature) && parse_parameters(&parser, signature) &&
           parse_result(&parser, signature);
}

// --- printing ------------------------------------------------------------------------------------

struct printer {
    char *text;
    size_t size;
    size_t length; // of the whole, which may be more than fits
};

__attribute__((format(printf, 2, 3))) static void print(struct printer *printer, const char *format,
                                                        ...)
{
    bool full = printer->length >= printer->size;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(full ? NULL : printer->text + printer->length,
                       full ? 0 : printer->size - printer->length, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    printer->length += (size_t)length;
}

size_t signature_print(const struct signature *signature, char *text, size_t size)
{
    static const char *const directions[PLAN_DIRECTION_COUNT] = {"", "out ", "inout "};
    const struct plan *plan = &signature->plan;
    struct printer printer = {text, size, 0};

    print(&printer, "%s%s%s(%s", signature->module, signature->module[0] ? "." : "",
          signature->name, plan->context ? "@ctx" : "");
    for (unsigned i = 0; i < plan->parameter_count; i++)
        print(&printer, "%s%s: %s%s", i > 0 || plan->context ? ", " : "", signature->parameters[i],
              directions[plan->parameters[i].direction], plan_kind_name(plan->parameters[i].kind));
    print(&printer, ")");
    if (plan->result != PLAN_NONE)
        print(&printer, " -> %s", plan_kind_name(plan->result));
    return printer.length;
}
