// SPDX-License-Identifier: Apache-2.0
//
// Counts lines, words and characters of a document that the editor in examples/editor has open.
#include <pinfold_plugin.h>

PNF_IMPORT("buffer", "lines") pnf_text buffer_lines(uint32_t first, uint32_t count);
PNF_IMPORT("editor", "print") void editor_print(const char *text, size_t length);

enum { ANSWER_SIZE = 128 }; // enough for three numbers and their words

struct counts {
    uint32_t words;
    uint32_t characters;
};

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void count_text(const char *text, size_t length, struct counts *counts)
{
    bool inside = false;

    for (size_t i = 0; i < length; i++) {
        bool blank = is_blank(text[i]);

        counts->words += !blank && !inside;
        counts->characters += ((unsigned char)text[i] & 0xC0) != 0x80; // not inside one of UTF-8
        inside = !blank;
    }
}

static size_t put(char *to, const char *text)
{
    size_t used = 0;

    for (; text[used]; used++)
        to[used] = text[used];
    return used;
}

static size_t put_count(char *to, uint32_t number, const char *one, const char *many)
{
    char digits[10];
    size_t count = 0;
    size_t used = 0;

    for (uint32_t rest = number; rest > 0 || count == 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (count > 0)
        to[used++] = digits[--count];
    return used + put(to + used, number == 1 ? one : many);
}

// run(first: u32, last: u32, arguments: str) -> str
PNF_EXPORT("run") pnf_text run(uint32_t first, uint32_t last, char *arguments, size_t length)
{
    struct counts counts = {0, 0};
    char answer[ANSWER_SIZE];
    size_t used;

    (void)length; // it takes no arguments
    pnf_free(arguments);
    // One by one, so that a document may be larger than this plugin's memory.
    for (uint32_t line = first; line <= last; line++) {
        pnf_text text = buffer_lines(line, 1);

        count_text(pnf_text_data(text), pnf_text_length(text), &counts);
        pnf_free(pnf_text_data(text));
    }
    used = put_count(answer, last + 1 - first, " line, ", " lines, ");
    used += put_count(answer + used, counts.words, " word, ", " words, ");
    used += put_count(answer + used, counts.characters, " character", " characters");
    editor_print(answer, used);
    return pnf_text_of(NULL, 0);
}
