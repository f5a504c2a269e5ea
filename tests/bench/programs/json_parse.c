// SPDX-License-Identifier: Apache-2.0
// Parses a generated JSON text into a tree of nodes, n times over.
#include "program.h"

#include <stddef.h>

#define RECORD_COUNT   128u
#define TEXT_BYTES_MAX 32768u
#define NODE_COUNT_MAX 4096u

enum kind { KIND_NULL, KIND_FALSE, KIND_TRUE, KIND_NUMBER, KIND_STRING, KIND_ARRAY, KIND_OBJECT };

struct node {
    enum kind kind;
    uint32_t key; // hash of the member's name, in an object
    union {
        double number;
        uint32_t hash; // of a string
        struct node *first;
    } value;
    struct node *next; // in the same array or object
};

struct parser {
    const char *at;
    uint32_t node_count;
};

static char text[TEXT_BYTES_MAX];
static uint32_t text_length;
static struct node nodes[NODE_COUNT_MAX];

static void put_text(const char *string)
{
    while (*string)
        text[text_length++] = *string++;
}

static void put_number(uint32_t value)
{
    char digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0)
        text[text_length++] = digits[--count];
}

static void put_record(uint32_t number, uint32_t *state)
{
    static const char *const COLOURS[] = {"red", "light \\\"blue\\\"", "green\\n", "\\u00e9cru"};
    put_text("  {\"id\": ");
    put_number(number);
    put_text(", \"colour\": \"");
    put_text(COLOURS[random_next(state) % 4]);
    put_text("\", \"weight\": -");
    put_number(random_next(state) % 1000);
    put_text(".");
    put_number(random_next(state) % 10000);
    put_text(random_next(state) % 4 ? "" : "e2");
    put_text(", \"in stock\": ");
    put_text(random_next(state) % 3 ? "true" : "false");
    put_text(",\n   \"sizes\": [");
    for (uint32_t i = random_next(state) % 6; i > 0; i--) {
        put_number(random_next(state) >> 12);
        put_text(i > 1 ? ", " : "");
    }
    put_text("], \"maker\": {\"name\": \"Example & Sons, Ltd.\", \"since\": null}}");
}

static void generate_text(void)
{
    uint32_t state = 31337;
    text_length = 0;
    put_text("[\n");
    for (uint32_t i = 0; i < RECORD_COUNT; i++) {
        put_record(i, &state);
        put_text(i + 1 < RECORD_COUNT ? ",\n" : "\n]\n");
    }
    text[text_length] = '\0';
}

static void skip_space(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\t' || *parser->at == '\r')
        parser->at++;
}

// The next character that is not white space; it is not consumed.
static char peek(struct parser *parser)
{
    skip_space(parser);
    return *parser->at;
}

static uint32_t parse_hex(struct parser *parser)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < 4; i++) {
        char c = *parser->at++;
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 32) - 'a' + 10);
        value = value << 4 | digit;
    }
    return value;
}

static uint32_t parse_escape(struct parser *parser)
{
    char c = *parser->at++;
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        return parse_hex(parser);
    default:
        return (uint8_t)c;
    }
}

// Returns the hash of the string, escapes resolved (FNV-1a over the characters).
static uint32_t parse_string(struct parser *parser)
{
    uint32_t hash = 2166136261u;
    parser->at++;
    while (*parser->at != '"') {
        uint32_t c = (uint8_t)*parser->at++;
        if (c == '\\')
            c = parse_escape(parser);
        hash = (hash ^ c) * 16777619u;
    }
    parser->at++;
    return hash;
}

static double parse_digits(struct parser *parser, double value, uint32_t *count)
{
    *count = 0;
    while (*parser->at >= '0' && *parser->at <= '9') {
        value = value * 10.0 + (double)(*parser->at++ - '0');
        ++*count;
    }
    return value;
}

static double parse_number(struct parser *parser)
{
    uint32_t count;
    uint32_t fraction_digits = 0;
    double exponent = 0.0;
    double sign = 1.0;
    if (*parser->at == '-') {
        sign = -1.0;
        parser->at++;
    }
    double value = parse_digits(parser, 0.0, &count);
    if (*parser->at == '.') {
        parser->at++;
        value = parse_digits(parser, value, &fraction_digits);
    }
    if (*parser->at == 'e') {
        parser->at++;
        exponent = parse_digits(parser, 0.0, &count);
    }
    for (; fraction_digits > 0; fraction_digits--)
        value /= 10.0;
    for (; exponent > 0.0; exponent -= 1.0)
        value *= 10.0;
    return sign * value;
}

static struct node *parse_value(struct parser *parser);

// Parses the values up to the closing bracket or brace and returns the first of their list.
static struct node *parse_members(struct parser *parser, char close, int named)
{
    struct node *first = NULL;
    struct node **link = &first;
    parser->at++;
    while (peek(parser) != close) {
        uint32_t key = 0;
        if (named) {
            key = parse_string(parser);
            skip_space(parser);
            parser->at++; // the colon
        }
        struct node *member = parse_value(parser);
        member->key = key;
        *link = member;
        link = &member->next;
        if (peek(parser) == ',')
            parser->at++;
    }
    parser->at++;
    return first;
}

static struct node *parse_value(struct parser *parser)
{
    struct node *node = &nodes[parser->node_count++];
    node->next = NULL;
    switch (peek(parser)) {
    case '{':
        node->kind = KIND_OBJECT;
        node->value.first = parse_members(parser, '}', 1);
        break;
    case '[':
        node->kind = KIND_ARRAY;
        node->value.first = parse_members(parser, ']', 0);
        break;
    case '"':
        node->kind = KIND_STRING;
        node->value.hash = parse_string(parser);
        break;
    case 't':
        node->kind = KIND_TRUE;
        parser->at += 4;
        break;
    case 'f':
        node->kind = KIND_FALSE;
        parser->at += 5;
        break;
    case 'n':
        node->kind = KIND_NULL;
        parser->at += 4;
        break;
    default:
        node->kind = KIND_NUMBER;
        node->value.number = parse_number(parser);
        break;
    }
    return node;
}

static uint64_t node_checksum(const struct node *node)
{
    uint64_t checksum = checksum_add(node->key, (uint64_t)node->kind);
    if (node->kind == KIND_NUMBER)
        return checksum_add(checksum, double_bits(node->value.number));
    if (node->kind == KIND_STRING)
        return checksum_add(checksum, node->value.hash);
    if (node->kind == KIND_ARRAY || node->kind == KIND_OBJECT) {
        for (const struct node *member = node->value.first; member; member = member->next)
            checksum = checksum_add(checksum, node_checksum(member));
    }
    return checksum;
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    generate_text();
    for (uint32_t round = 0; round < n; round++) {
        struct parser parser = {text, 0};
        checksum = checksum_add(checksum, node_checksum(parse_value(&parser)));
        checksum = checksum_add(checksum, parser.node_count);
    }
    return checksum;
}
