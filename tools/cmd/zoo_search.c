// tools/cmd/zoo_search.c -- finding entries of the zoo by what people see in the field.
//
// A log line has numbers and device names where an entry has others, or the format of the program
// that prints it. So numbers and formats ("%u") are all the same, and a text is compared in three
// ways, the strictest first: as a part of a symptom or the other way round, by all of its words, by
// half of them.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_json.h"
#include "tools/cmd/zoo.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 1024u
#define WORDS_MAX 48
#define WHOLE_MIN_BYTES 10u // of a symptom that is looked for within a longer text

enum fit { FIT_NONE, FIT_HALF, FIT_WORDS, FIT_PART };

// A text in small letters: each number, each format and what a format prints as '#', each run of
// blanks as one.
struct plain {
    char text[TEXT_BYTES];
    char cut[TEXT_BYTES]; // the same, cut into words
    char *word[WORDS_MAX];
    int n_words;
};

static bool is_common(const char *word)
{
    static const char *const common[] = {"a",  "an",  "the", "is",  "are", "of", "to", "in",  "on",
                                         "at", "for", "by",  "and", "or",  "it", "be", "with"};
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (strcmp(word, common[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Bytes of a number or a format at p, 0 if there is none.
static size_t number(const char *p)
{
    if (p[0] == '%') {
        const size_t flags = 1 + strspn(p + 1, "-#0123456789.lhzj");
        return p[flags] != '\0' && isalpha((unsigned char)p[flags]) ? flags + 1 : 0;
    }
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && isxdigit((unsigned char)p[2])) {
        return 2 + strspn(p + 2, "0123456789abcdefABCDEF");
    }
    return strspn(p, "0123456789");
}

static void cut(struct plain *out)
{
    char *words[WORDS_MAX];
    (void)snprintf(out->cut, sizeof(out->cut), "%s", out->text);
    const int n = cmd_split(out->cut, " #.,:;!?()[]{}<>=/\"'`|*+&", words, WORDS_MAX);
    out->n_words = 0;
    for (int i = 0; i < n; i++) {
        if (!is_common(words[i])) {
            out->word[out->n_words++] = words[i];
        }
    }
}

// Take what stands at p: bytes of it. Returns what it becomes; a letter lasts a word.
static char next(const char *p, size_t *bytes, bool *in_word)
{
    const size_t blanks = strspn(p, " \t\n");
    const size_t digits = *in_word ? 0 : number(p); // "vq0" is a word
    *bytes = blanks > 0 ? blanks : digits > 0 ? digits : 1;
    *in_word = blanks == 0 && digits == 0 && isalnum((unsigned char)*p) != 0;
    if (blanks > 0) {
        return ' ';
    }
    if (digits > 0) {
        return '#';
    }
    return (char)tolower((unsigned char)*p);
}

static void make_plain(struct plain *out, const char *text)
{
    size_t n = 0;
    size_t bytes = 0;
    bool in_word = false;

    text += strspn(text, " \t\n");
    for (; *text != '\0' && n + 1 < TEXT_BYTES; text += bytes) { // bound: TEXT_BYTES
        out->text[n++] = next(text, &bytes, &in_word);
    }
    n -= n > 0 && out->text[n - 1] == ' ' ? 1 : 0;
    out->text[n] = '\0';
    cut(out);
}

// A word of the text begins with it: "hang" is found in "hangs".
static bool has_word(const struct plain *text, const char *word)
{
    const size_t n = strlen(word);
    for (int i = 0; i < text->n_words; i++) { // bound: WORDS_MAX
        if (strncmp(text->word[i], word, n) == 0 && (n > 3 || text->word[i][n] == '\0')) {
            return true;
        }
    }
    return false;
}

static int words_found(const struct zoo_entry *e, const struct plain *wanted)
{
    bool found[WORDS_MAX] = {false};
    int n = 0;

    for (uint32_t i = 0; i <= e->n_symptoms; i++) { // bound: ZOO_SYMPTOMS_MAX
        struct plain text;
        make_plain(&text, i < e->n_symptoms ? e->symptom[i] : e->summary);
        for (int w = 0; w < wanted->n_words; w++) { // bound: WORDS_MAX
            found[w] = found[w] || has_word(&text, wanted->word[w]);
        }
    }
    for (int w = 0; w < wanted->n_words; w++) { // bound: WORDS_MAX
        n += found[w] ? 1 : 0;
    }
    return n;
}

// Without what a log line begins and ends with: a device's name, an exclamation mark.
static char *middle(struct plain *text)
{
    char *from = text->text + strspn(text->text, "# :");
    size_t n = strlen(from);
    while (n > 0 && strchr("# :!.", from[n - 1]) != NULL) { // bound: TEXT_BYTES
        from[--n] = '\0';
    }
    return from;
}

static bool is_part(const struct zoo_entry *e, const struct plain *wanted)
{
    for (uint32_t i = 0; i <= e->n_symptoms; i++) { // bound: ZOO_SYMPTOMS_MAX
        struct plain text;
        make_plain(&text, i < e->n_symptoms ? e->symptom[i] : e->summary);
        if (strstr(text.text, wanted->text) != NULL) {
            return true;
        }
        const char *whole = middle(&text);
        if (strlen(whole) >= WHOLE_MIN_BYTES && strstr(wanted->text, whole) != NULL) {
            return true;
        }
    }
    return false;
}

static enum fit fit_of(const struct zoo_entry *e, const struct plain *wanted)
{
    if (e->err[0] != '\0') {
        return FIT_NONE;
    }
    if (is_part(e, wanted)) {
        return FIT_PART;
    }
    const int n = words_found(e, wanted);
    if (wanted->n_words > 0 && n == wanted->n_words) {
        return FIT_WORDS;
    }
    return n >= 2 && 2 * n >= wanted->n_words ? FIT_HALF : FIT_NONE;
}

static void print_entry(const struct zoo_entry *e, bool json, bool first)
{
    if (json) {
        (void)printf("%s", first ? "[" : ",\n ");
        zoo_json_facts(e);
        (void)printf("}");
        return;
    }
    (void)printf("%s (%s, %s, %s)%s%s\n    %s\n", e->slug, e->project, e->side, e->class,
                 e->lacks != NULL ? "; not modelled, lacks " : "", e->lacks != NULL ? e->lacks : "",
                 e->summary);
    for (uint32_t i = 0; i < e->n_symptoms; i++) { // bound: ZOO_SYMPTOMS_MAX
        (void)printf("    %s %s\n", i == 0 ? "seen as:" : "        ", e->symptom[i]);
    }
}

int zoo_search(const struct zoo *z, const char *text, bool json)
{
    static struct plain wanted;
    static uint8_t fit[ZOO_MAX];
    uint32_t n = 0;
    enum fit least = FIT_WORDS;
    bool whole = true;

    make_plain(&wanted, text);
    if (wanted.text[0] == '\0') {
        return cmd_fail("zoo", CMD_EXIT_USAGE, "--symptom needs some text");
    }
    bool any = false;
    for (uint32_t i = 0; i < z->n; i++) { // bound: ZOO_MAX
        fit[i] = (uint8_t)fit_of(&z->entry[i], &wanted);
        any = any || fit[i] >= FIT_WORDS;
        if (z->entry[i].err[0] != '\0') {
            whole = cmd_fail("zoo", 0, "%s", z->entry[i].err) != 0;
        }
    }
    least = any ? FIT_WORDS : FIT_HALF;
    for (int f = FIT_PART; f >= (int)least; f--) { // the closest first
        for (uint32_t i = 0; i < z->n; i++) {      // bound: ZOO_MAX
            if (fit[i] == f) {
                print_entry(&z->entry[i], json, n == 0);
                n++;
            }
        }
    }
    if (json) {
        (void)printf("%s]\n", n == 0 ? "[" : "");
    } else if (n == 0) {
        (void)printf("no bug of the zoo is seen like this; fewer words find more\n");
    } else {
        (void)printf("\n%s%" PRIu32 " found; how to go on: vringlab zoo show BUG\n",
                     any ? "" : "with some of the words: ", n);
    }
    if (!whole) {
        return CMD_EXIT_ENV;
    }
    return n > 0 ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
}
