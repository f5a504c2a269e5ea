// SPDX-License-Identifier: Apache-2.0
//
// Wraps the paragraphs of a Markdown document that the editor in examples/editor has open.
#include <pinfold_plugin.h>

PNF_IMPORT("buffer", "lines") pnf_text buffer_lines(uint32_t first, uint32_t count);
PNF_IMPORT("buffer", "replace")
void buffer_replace(uint32_t first, uint32_t count, const char *text, size_t length);

enum { WIDTH_DEFAULT = 72, WIDTH_MIN = 20, WIDTH_MAX = 1000 };

// A paragraph as it grows: wrapped already, one byte of room for each that was put in.
struct paragraph {
    char *text;
    size_t length;
    size_t room;
    size_t column; // characters in its last line
    size_t width;
    uint32_t first; // line of the document
    uint32_t lines; // of the document that are in it
};

// --- what Markdown means -------------------------------------------------------------------------

static bool starts_with(const char *text, size_t length, const char *what)
{
    size_t i = 0;

    while (what[i] && i < length && text[i] == what[i])
        i++;
    return !what[i];
}

static bool is_one_of(char byte, const char *set)
{
    while (*set && *set != byte)
        set++;
    return *set;
}

static size_t skip(const char *text, size_t length, const char *set)
{
    size_t i = 0;

    while (i < length && is_one_of(text[i], set))
        i++;
    return i;
}

static bool is_fence(const char *text, size_t length)
{
    size_t blanks = skip(text, length, " ");

    return blanks < 4 && (starts_with(text + blanks, length - blanks, "```") ||
                          starts_with(text + blanks, length - blanks, "~~~"));
}

// Whether a line or a word at its begin makes it something else than a paragraph.
static bool begins_block(const char *text, size_t length)
{
    size_t digits = skip(text, length, "0123456789");
    size_t marker = digits > 0 ? digits + 1 : 1; // "-" or "12."

    if (length == 0 || is_one_of(text[0], " \t#|><=") || skip(text, length, "-*_ ") == length)
        return true;
    if (digits > 0 ? digits == length || !is_one_of(text[digits], ".)")
                   : !is_one_of(text[0], "-*+"))
        return false;
    return marker == length || is_one_of(text[marker], " \t");
}

// "[name]: address"
static bool is_definition(const char *text, size_t length)
{
    for (size_t i = 0; length > 0 && text[0] == '[' && i + 1 < length; i++) {
        if (text[i] == ']')
            return text[i + 1] == ':';
    }
    return false;
}

static bool breaks_line(const char *text, size_t length)
{
    return length > 1 && (text[length - 1] == '\\' || starts_with(text + length - 2, 2, "  "));
}

// --- wrapping ------------------------------------------------------------------------------------

static size_t count_characters(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80; // not inside one of UTF-8
    return count;
}

static void reserve(struct paragraph *paragraph, size_t more)
{
    if (more <= paragraph->room - paragraph->length)
        return;
    paragraph->room = 2 * (paragraph->length + more);
    paragraph->text = pnf_realloc(paragraph->text, paragraph->room);
    if (!paragraph->text)
        pnf_trap();
}

static void put(struct paragraph *paragraph, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        paragraph->text[paragraph->length++] = text[i];
}

// A word that would begin a list if it began a line stays where it is.
static void add_word(struct paragraph *paragraph, const char *word, size_t length)
{
    size_t wide = count_characters(word, length);

    if (paragraph->column > 0) {
        bool fits = paragraph->column + 1 + wide <= paragraph->width;
        bool stays = fits || begins_block(word, length);

        put(paragraph, stays ? " " : "\n", 1);
        paragraph->column = stays ? paragraph->column + 1 : 0;
    }
    put(paragraph, word, length);
    paragraph->column += wide;
}

static void add_line(struct paragraph *paragraph, const char *text, size_t length)
{
    size_t at = 0;

    reserve(paragraph, length + 3); // with a blank or newline in front, and two blanks behind
    while (at < length) {
        size_t word = 0;

        at += skip(text + at, length - at, " \t");
        while (at + word < length && !is_one_of(text[at + word], " \t"))
            word++;
        if (word > 0)
            add_word(paragraph, text + at, word);
        at += word;
    }
    if (breaks_line(text, length) && text[length - 1] == ' ')
        put(paragraph, "  ", 2);
    paragraph->lines++;
}

// How many lines the document has now that had not been there before; may be less than none.
static int32_t finish(struct paragraph *paragraph)
{
    int32_t more = 1 - (int32_t)paragraph->lines;

    if (paragraph->lines == 0)
        return 0;
    for (size_t i = 0; i < paragraph->length; i++)
        more += paragraph->text[i] == '\n';
    buffer_replace(paragraph->first, paragraph->lines, paragraph->text, paragraph->length);
    paragraph->length = 0;
    paragraph->column = 0;
    paragraph->lines = 0;
    return more;
}

static void wrap(uint32_t first, uint32_t last, size_t width)
{
    struct paragraph paragraph = {.width = width};
    bool is_code = false;

    for (uint32_t at = first; at <= last; at++) {
        pnf_text line = buffer_lines(at, 1);
        const char *text = pnf_text_data(line);
        size_t length = pnf_text_length(line) - 1; // without its newline
        bool fence = is_fence(text, length);
        bool is_text =
            !is_code && !fence && !begins_block(text, length) && !is_definition(text, length);
        int32_t more = 0;

        is_code ^= fence;
        if (is_text && paragraph.lines == 0)
            paragraph.first = at;
        if (is_text)
            add_line(&paragraph, text, length);
        if (!is_text || breaks_line(text, length))
            more = finish(&paragraph);
        at += (uint32_t)more;
        last += (uint32_t)more;
        pnf_free(pnf_text_data(line));
    }
    finish(&paragraph);
    pnf_free(paragraph.text);
}

// --- the command ---------------------------------------------------------------------------------

// 0 if it is none.
static size_t width_of(const char *text, size_t length)
{
    size_t width = 0;

    if (length == 0)
        return WIDTH_DEFAULT;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || width > WIDTH_MAX)
            return 0;
        width = 10 * width + (size_t)(text[i] - '0');
    }
    return width >= WIDTH_MIN && width <= WIDTH_MAX ? width : 0;
}

// run(first: u32, last: u32, arguments: str) -> str
PNF_EXPORT("run") pnf_text run(uint32_t first, uint32_t last, char *arguments, size_t length)
{
    static const char usage[] = "format [WIDTH], from 20 to 1000";
    size_t width = width_of(arguments, length);
    char *answer;

    pnf_free(arguments);
    if (width > 0) {
        wrap(first, last, width);
        return pnf_text_of(NULL, 0);
    }
    answer = pnf_alloc(sizeof usage);
    if (!answer)
        pnf_trap();
    for (size_t i = 0; i < sizeof usage; i++)
        answer[i] = usage[i];
    return pnf_text_of(answer, sizeof usage - 1);
}
