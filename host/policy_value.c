// SPDX-License-Identifier: Apache-2.0
#include "host/policy_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/base/checked.h"

enum {
    UNITS_MAX = 4,
    WORD_MAX = 32 // beyond it nothing is near anything
};

struct unit {
    const char *suffix; // NULL: no more units
    uint64_t factor;
};

struct form {
    const char *name;
    const char *forms;
    struct unit units[UNITS_MAX + 1]; // the smallest first; none for what is no number
};

static const struct form forms[POLICY_TYPE_COUNT] = {
    [POLICY_TYPE_SECTION] = {"section", "a mapping of keys", {{NULL, 0}}},
    [POLICY_TYPE_NUMBER] = {"number", "a whole number, as 50000", {{"", 1}}},
    [POLICY_TYPE_BYTES] = {"size",
                           "a whole number of bytes, or with KiB, MiB or GiB, as 32MiB",
                           {{"", 1}, {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}},
    [POLICY_TYPE_DURATION] = {"duration",
                              "a whole number with ms, s, min or h, as 200ms",
                              {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}}},
    [POLICY_TYPE_SECONDS] = {"seconds",
                             "a whole number with s, min or h, as 10s",
                             {{"s", 1}, {"min", 60}, {"h", 3600}}},
    [POLICY_TYPE_CALL_RATE] = {"rate", "a whole number per second, as 1000/s", {{"/s", 1}}},
    [POLICY_TYPE_BYTE_RATE] =
        {"byte rate",
         "a size per second, as 4MiB/s",
         {{"/s", 1}, {"KiB/s", 1024}, {"MiB/s", 1 << 20}, {"GiB/s", 1 << 30}}},
    [POLICY_TYPE_WORD] = {"word", "one of its words", {{NULL, 0}}},
    [POLICY_TYPE_NAME] = {"name",
                          "letters, digits, '.', '_' and '-', at most 64, a letter or digit first",
                          {{NULL, 0}}},
    [POLICY_TYPE_SHA256] = {"SHA-256", "64 hexadecimal digits", {{NULL, 0}}},
    [POLICY_TYPE_TEXT] = {"text", "a text", {{NULL, 0}}},
    [POLICY_TYPE_FUNCTION] = {"function",
                              "module.name of letters, digits, '_', '-' and '$', at most 128",
                              {{NULL, 0}}},
    [POLICY_TYPE_LIBRARY] = {"library",
                             "letters, digits, '.', '_' and '-', at most 64",
                             {{NULL, 0}}},
    [POLICY_TYPE_TEXTS] = {"list of texts", "a list, as [--lang, en]", {{NULL, 0}}},
    [POLICY_TYPE_VARIABLES] = {"variables", "a mapping, as { LANG: en_GB.UTF-8 }", {{NULL, 0}}},
    [POLICY_TYPE_DIRS] = {"list",
                          "a list of mappings, as - { host: ./dict, guest: /dict }",
                          {{NULL, 0}}},
    [POLICY_TYPE_LINKS] = {"list",
                           "a list of mappings, as - { name: env, file: ./env.wasm }",
                           {{NULL, 0}}},
    [POLICY_TYPE_FUNCTIONS] = {"list", "a list of names or mappings", {{NULL, 0}}},
};

const char *policy_value_type_name(enum policy_type type)
{
    return forms[type].name;
}

const char *policy_value_forms(enum policy_type type)
{
    return forms[type].forms;
}

/* Nearness. */

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// Optimal string alignment: three rows of the table are kept.
unsigned policy_value_distance(const char *left, size_t left_length, const char *right,
                               size_t right_length)
{
    unsigned rows[3][WORD_MAX + 1] = {{0}};

    if (left_length > WORD_MAX || right_length > WORD_MAX)
        return 2 * WORD_MAX;
    for (unsigned j = 0; j <= right_length; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= left_length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        const unsigned *two_above = rows[(i + 1) % 3]; // (i - 2) mod 3

        row[0] = i;
        for (unsigned j = 1; j <= right_length; j++) {
            unsigned change = left[i - 1] == right[j - 1] ? 0 : 1;

            row[j] = least_of(above[j - 1] + change, least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                row[j] = least_of(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[left_length % 3][right_length];
}

bool policy_value_is_near(const char *text, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    unsigned allowed = word_length < 6 ? 1 : word_length < 12 ? 2 : 3;

    return length > 1 && policy_value_distance(text, length, word, word_length) <= allowed;
}

/* Numbers. */

enum digits {
    DIGITS_NONE, // or not in the documented form
    DIGITS_NUMBER,
    DIGITS_TOO_LARGE
};

// The decimal number at the start of a text; `used` is its length. No sign, no leading zero.
static enum digits parse_digits(const char *text, size_t length, uint64_t *value, size_t *used)
{
    bool fits = true;
    size_t at = 0;

    *value = 0;
    for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
        fits = fits && !__builtin_mul_overflow(*value, UINT64_C(10), value) &&
               checked_add_u64(*value, (uint64_t)(text[at] - '0'), value);
    }
    *used = at;
    if (at == 0 || (text[0] == '0' && at > 1))
        return DIGITS_NONE;
    return fits ? DIGITS_NUMBER : DIGITS_TOO_LARGE;
}

static const struct unit *find_unit(enum policy_type type, const char *suffix, size_t length)
{
    for (const struct unit *unit = forms[type].units; unit->suffix; unit++) {
        if (strlen(unit->suffix) == length && memcmp(unit->suffix, suffix, length) == 0)
            return unit;
    }
    return NULL;
}

bool policy_value_fail(struct policy_error *error, enum policy_key key, const char *text,
                       size_t length, const char *problem)
{
    char quote[POLICY_QUOTE_SIZE];

    return policy_error_set(error, 0, 0, "%s: %s %s", policy_key_info(key)->path,
                            policy_quote(quote, text, length), problem);
}

bool policy_value_fail_as(struct policy_error *error, enum policy_key key,
                          const struct error *below)
{
    return policy_error_set(error, 0, 0, "%s: %s", policy_key_info(key)->path, below->message);
}

bool policy_value_path(enum policy_key key, const char *what, const char *folder, const char *path,
                       size_t length, char *joined, size_t size, struct policy_error *error)
{
    bool is_relative = length > 0 && path[0] != '/' && folder;
    char problem[128];
    int used;

    if (length == 0) {
        snprintf(problem, sizeof problem, "is empty: it must be the path of %s", what);
        return policy_value_fail(error, key, path, length, problem);
    }
    if (memchr(path, '\0', length))
        return policy_value_fail(error, key, path, length, "has a NUL in it");
    if (path[0] == '~') {
        snprintf(problem, sizeof problem,
                 "begins with '~', which is not expanded: write the path out, or ./~ for %s of "
                 "that name",
                 what);
        return policy_value_fail(error, key, path, length, problem);
    }
    used = snprintf(joined, size, "%s%s%.*s", is_relative ? folder : "", is_relative ? "/" : "",
                    (int)length, path);
    return (used >= 0 && (size_t)used < size) ||
           policy_value_fail(error, key, path, length, "is too long");
}

static bool fail_form(enum policy_key key, const char *text, size_t length,
                      struct policy_error *error)
{
    const struct policy_key_info *info = policy_key_info(key);
    char quote[POLICY_QUOTE_SIZE];

    return policy_error_set(error, 0, 0, "%s: %s is not of the form: %s", info->path,
                            policy_quote(quote, text, length), policy_value_forms(info->type));
}

static bool fail_range(enum policy_key key, const char *text, size_t length,
                       struct policy_error *error)
{
    const struct policy_key_info *info = policy_key_info(key);
    char quote[POLICY_QUOTE_SIZE];
    char least[POLICY_VALUE_SIZE];
    char most[POLICY_VALUE_SIZE];

    if (info->least == info->most)
        return policy_error_set(error, 0, 0, "%s: %s is out of range: it must be %s", info->path,
                                policy_quote(quote, text, length),
                                policy_value_format(key, info->least, least));
    return policy_error_set(error, 0, 0, "%s: %s is out of range: from %s to %s", info->path,
                            policy_quote(quote, text, length),
                            policy_value_format(key, info->least, least),
                            policy_value_format(key, info->most, most));
}

// What a policy cannot say, POLICY_NONE and POLICY_AUTOMATIC, is out of the range least to most.
static bool parse_number(enum policy_key key, const char *text, size_t length, uint64_t *value,
                         struct policy_error *error)
{
    const struct policy_key_info *info = policy_key_info(key);
    size_t used;
    enum digits digits = parse_digits(text, length, value, &used);
    const struct unit *unit = find_unit(info->type, text + used, length - used);

    if (digits == DIGITS_NONE || unit == NULL)
        return fail_form(key, text, length, error);
    if (digits == DIGITS_TOO_LARGE || __builtin_mul_overflow(*value, unit->factor, value) ||
        *value < info->least || *value > info->most)
        return fail_range(key, text, length, error);
    return true;
}

/* Words. */

// "none, coarse, real": those that may be written now.
static void list_choices(enum policy_key key, char *list, size_t size)
{
    size_t used = 0;

    list[0] = '\0';
    for (uint64_t i = 0; i < POLICY_CHOICE_COUNT; i++) {
        const struct policy_choice_info *choice = policy_choice_info(i);
        int length;

        if (choice == NULL || choice->key != key || !policy_key_supports(key, i))
            continue;
        length = snprintf(list + used, size - used, "%s%s", used ? ", " : "", choice->word);
        if (length < 0 || (size_t)length >= size - used)
            return;
        used += (size_t)length;
    }
}

static bool fail_word(enum policy_key key, const char *text, size_t length,
                      struct policy_error *error)
{
    char quote[POLICY_QUOTE_SIZE];
    char list[128];
    const char *near = NULL;

    for (uint64_t i = 0; i < POLICY_CHOICE_COUNT && !near; i++) {
        const struct policy_choice_info *choice = policy_choice_info(i);

        if (choice && choice->key == key && policy_value_is_near(text, length, choice->word))
            near = choice->word;
    }
    list_choices(key, list, sizeof list);
    return policy_error_set(error, 0, 0, "%s: %s is none of its words: %s%s%s%s",
                            policy_key_info(key)->path, policy_quote(quote, text, length), list,
                            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool parse_word(enum policy_key key, const char *text, size_t length, uint64_t *value,
                       struct policy_error *error)
{
    for (uint64_t i = 0; i < POLICY_CHOICE_COUNT; i++) {
        const struct policy_choice_info *choice = policy_choice_info(i);

        if (choice && choice->key == key && strlen(choice->word) == length &&
            memcmp(choice->word, text, length) == 0) {
            *value = i;
            return true;
        }
    }
    return fail_word(key, text, length, error);
}

bool policy_value_parse(enum policy_key key, const char *text, size_t length, uint64_t *value,
                        struct policy_error *error)
{
    char quote[POLICY_QUOTE_SIZE];
    bool parsed = policy_key_info(key)->type == POLICY_TYPE_WORD
                      ? parse_word(key, text, length, value, error)
                      : parse_number(key, text, length, value, error);

    if (!parsed)
        return false;
    if (!policy_key_supports(key, *value))
        return policy_error_set(error, 0, 0, "%s: %s is not supported yet",
                                policy_key_info(key)->path, policy_quote(quote, text, length));
    return true;
}

static int hexadecimal_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool policy_value_parse_sha256(enum policy_key key, const char *text, size_t length, uint8_t *bytes,
                               struct policy_error *error)
{
    bool correct = length == 64;

    for (size_t i = 0; correct && i < length; i += 2) {
        int high = hexadecimal_digit(text[i]);
        int low = hexadecimal_digit(text[i + 1]);

        correct = high >= 0 && low >= 0;
        if (correct)
            bytes[i / 2] = (uint8_t)(high * 16 + low);
    }
    return correct || fail_form(key, text, length, error);
}

const char *policy_value_format(enum policy_key key, uint64_t value, char *text)
{
    const struct policy_key_info *info = policy_key_info(key);
    const struct policy_choice_info *choice = policy_choice_info(value);
    const struct unit *best = NULL;

    if (info->type == POLICY_TYPE_WORD)
        snprintf(text, POLICY_VALUE_SIZE, "%s", choice ? choice->word : "?");
    else if (value == POLICY_NONE && info->absence == POLICY_ABSENCE_NONE)
        snprintf(text, POLICY_VALUE_SIZE, "none");
    else if (value == POLICY_AUTOMATIC && info->absence == POLICY_ABSENCE_AUTOMATIC)
        snprintf(text, POLICY_VALUE_SIZE, "automatic");
    else {
        for (const struct unit *unit = forms[info->type].units; unit->suffix; unit++) {
            if (best == NULL || (value != 0 && value % unit->factor == 0))
                best = unit;
        }
        snprintf(text, POLICY_VALUE_SIZE, "%" PRIu64 "%s", best ? value / best->factor : value,
                 best ? best->suffix : "");
    }
    return text;
}
