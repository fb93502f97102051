// tools/cmd/lesson_text.c -- reading corpus/lessons.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/lesson_text.h"

#include "model/memory/vl_model.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "vringlab-lesson 1"
#define COURSE "corpus/lessons/course.txt"

const char *lesson_answer_name(enum lesson_answer a)
{
    static const char *const names[] = {"no", "yes", "refused", "-"};
    return names[a];
}

// ---- the course ---------------------------------------------------------------------------------

bool lesson_course_open(struct lesson_course *c, const char *root, char *err)
{
    char path[LESSON_PATH_BYTES + sizeof(COURSE)];

    memset(c, 0, sizeof(*c));
    if (!cmd_tree_find(c->root, root, COURSE, "lessons", err)) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/" COURSE, c->root);
    char *data = cmd_tree_read(path, NULL, err);
    if (data == NULL) {
        return false;
    }
    char *save = data;
    while (*save != '\0' && c->n < LESSONS_MAX) { // bound: LESSONS_MAX and comments
        const size_t n = strcspn(save, "\n");
        if (n > 0 && save[0] != '#') {
            (void)snprintf(c->name[c->n++], LESSON_NAME_BYTES, "%.*s", (int)n, save);
        }
        save += n + (save[n] == '\n' ? 1 : 0);
    }
    free(data);
    return true;
}

// ---- a lesson -----------------------------------------------------------------------------------

// The place of a word among names; count if it is none of them.
static unsigned place_of(const char *word, const char *(*name_of)(unsigned), unsigned count)
{
    unsigned i = 0;
    while (i < count && strcmp(word, name_of(i)) != 0) { // bound: count
        i++;
    }
    return i;
}

static const char *answer_name(unsigned a)
{
    return lesson_answer_name((enum lesson_answer)a);
}

// "sc no, tso no, rc11 yes": every model once.
static bool parse_expect(char *text, struct lesson_claim *claim)
{
    char *words[2 * LESSON_MODELS + 1];
    bool seen[LESSON_MODELS] = {false};
    const int n = cmd_split(text, " ,", words, 2 * (int)LESSON_MODELS + 1);

    for (int i = 0; i + 1 < n; i += 2) {
        const unsigned m = place_of(words[i], vl_model_name, LESSON_MODELS);
        const unsigned a = place_of(words[i + 1], answer_name, LESSON_NOT_ASKED + 1);
        if (m == LESSON_MODELS || a > LESSON_NOT_ASKED) {
            return false;
        }
        claim->expect[m] = (enum lesson_answer)a;
        seen[m] = true;
    }
    return n == 2 * (int)LESSON_MODELS && seen[0] && seen[1] && seen[2];
}

// "FILE BARRIER [+LINES]" or "FILE /TEXT/ LINES".
static bool parse_code(char *text, struct lesson *l)
{
    uint64_t lines = 0;
    if (l->n_codes == LESSON_CODES_MAX) {
        return false;
    }
    struct lesson_code *code = &l->code[l->n_codes++];
    code->path = text;
    text += strcspn(text, " ");
    if (*text == '\0') {
        return false;
    }
    *text++ = '\0';
    if (*text == '/') {
        code->text = text + 1;
        char *end = strrchr(text + 1, '/');
        if (end == NULL || end[1] != ' ' || !cmd_parse_u64(end + 2, &lines)) {
            return false;
        }
        *end = '\0';
    } else {
        code->barrier = text;
        char *plus = strstr(text, " +");
        if (plus != NULL && !cmd_parse_u64(plus + 2, &lines)) {
            return false;
        }
        if (plus != NULL) {
            *plus = '\0';
        }
    }
    code->lines = (uint32_t)lines;
    return true;
}

static struct lesson_claim *new_claim(struct lesson *l)
{
    return l->n_claims < LESSON_CLAIMS_MAX ? &l->claim[l->n_claims++] : NULL;
}

// "COUNT WORDS"
static bool parse_runs(char *text, struct lesson *l)
{
    struct lesson_claim *claim = new_claim(l);
    char *blank = strchr(text, ' ');
    uint64_t n = 0;
    if (claim == NULL || blank == NULL) {
        return false;
    }
    *blank = '\0';
    claim->words = blank + 1;
    if (!cmd_parse_u64(text, &n) || n == 0 || n > 1000000) {
        return false;
    }
    claim->n_runs = (uint32_t)n;
    return true;
}

// Keys that say something of the claim above them.
static bool parse_of_claim(const char *key, char *value, struct lesson_claim *claim, bool *known)
{
    *known = true;
    if (strcmp(key, "expect") == 0) {
        return parse_expect(value, claim);
    }
    if (strcmp(key, "fixed") == 0) {
        claim->fixed = value;
    } else if (strcmp(key, "label") == 0) {
        claim->label = value;
    } else if (strcmp(key, "races") == 0) {
        claim->races = strcmp(value, "shown") == 0;
        return claim->races;
    } else {
        *known = false;
    }
    return *known;
}

static bool parse_key(const char *key, char *value, struct lesson *l)
{
    uint64_t n = 0;
    bool known = false;
    if (l->n_claims > 0 && parse_of_claim(key, value, &l->claim[l->n_claims - 1], &known)) {
        return true;
    }
    if (known) {
        return false;
    }
    if (strcmp(key, "title") == 0) {
        l->title = value;
    } else if (strcmp(key, "summary") == 0) {
        l->summary = value;
    } else if (strcmp(key, "code") == 0) {
        return parse_code(value, l);
    } else if (strcmp(key, "patch") == 0) {
        l->patch = value;
    } else if (strcmp(key, "show") == 0) {
        l->show = value;
    } else if (strcmp(key, "lines") == 0) {
        const bool ok = cmd_parse_u64(value, &n) && n > 0 && n <= 30;
        l->lines = (uint32_t)n;
        return ok;
    } else if (strcmp(key, "judged") == 0) {
        l->unjudged = strcmp(value, "off") == 0;
        return l->unjudged;
    } else if (strcmp(key, "explore") == 0) {
        struct lesson_claim *claim = new_claim(l);
        if (claim != NULL) {
            claim->words = value;
        }
        return claim != NULL;
    } else {
        return strcmp(key, "runs") == 0 && parse_runs(value, l);
    }
    return true;
}

static int section_of(const char *line)
{
    static const char *const names[] = {"[about]", "[happens]", "[models]", "[forbids]"};
    for (int i = 0; i < LESSON_SECTIONS; i++) {
        if (strcmp(line, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

// The sections: each text goes from behind its heading to the next heading, blank lines at both
// ends cut off. Cut in place.
static bool parse_sections(char *at, struct lesson *l)
{
    int now = -1;
    while (*at != '\0') { // bound: the file
        const size_t n = strcspn(at, "\n");
        const bool more = at[n] == '\n';
        if (at[0] == '[') {
            at[n] = '\0';
            now = section_of(at);
            if (now < 0 || l->section[now] != NULL || !more) {
                return false;
            }
            l->section[now] = at + n + 1;
            at[0] = '\0'; // ends the section before
        }
        at += n + (more ? 1 : 0);
    }
    for (unsigned i = 0; i < LESSON_SECTIONS; i++) {
        if (l->section[i] == NULL) {
            return false;
        }
        char *text = (char *)(uintptr_t)l->section[i];
        text += strspn(text, "\n");
        size_t n = strlen(text);
        while (n > 1 && text[n - 1] == '\n' && text[n - 2] == '\n') { // bound: the text
            text[--n] = '\0';
        }
        l->section[i] = text;
    }
    return true;
}

static bool parse(struct lesson *l, char *err)
{
    char *at = l->data;
    uint32_t line = 0;

    while (*at != '\0' && *at != '[') { // bound: the file
        const size_t n = strcspn(at, "\n");
        const bool more = at[n] == '\n';
        char *colon = strstr(at, ": ");
        line++;
        at[n] = '\0';
        bool ok = line > 1 || strcmp(at, FIRST_LINE) == 0;
        if (line > 1 && n > 0) {
            ok = colon != NULL && colon < at + n;
            if (ok) {
                *colon = '\0';
                ok = parse_key(at, colon + 2, l);
            }
        }
        if (!ok) {
            (void)snprintf(err, LESSON_ERR_BYTES,
                           "%.300s/lesson.txt: line %u: not understood; corpus/lessons/README.md "
                           "describes the format",
                           l->dir, line);
            return false;
        }
        at += n + (more ? 1 : 0);
    }
    if (l->title == NULL || l->summary == NULL || l->n_claims == 0 || !parse_sections(at, l)) {
        (void)snprintf(err, LESSON_ERR_BYTES,
                       "%.300s/lesson.txt: needs title, summary, a claim and the sections about, "
                       "happens, models and forbids, once each",
                       l->dir);
        return false;
    }
    return true;
}

bool lesson_open(const struct lesson_course *c, const char *name, struct lesson *l, char *err)
{
    char path[LESSON_PATH_BYTES + 16];
    bool known = false;

    memset(l, 0, sizeof(*l));
    l->lines = 26;
    for (uint32_t i = 0; i < c->n; i++) { // bound: LESSONS_MAX
        known = known || strcmp(c->name[i], name) == 0;
    }
    if (!known) {
        (void)snprintf(err, LESSON_ERR_BYTES, "%.64s: no such lesson; `vringlab lesson` lists them",
                       name);
        return false;
    }
    (void)snprintf(l->name, sizeof(l->name), "%s", name);
    const int n = snprintf(l->dir, sizeof(l->dir), "%s/corpus/lessons/%s", c->root, name);
    if (n < 0 || (size_t)n >= sizeof(l->dir)) {
        (void)snprintf(err, LESSON_ERR_BYTES, "%.300s: the name is too long", c->root);
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/lesson.txt", l->dir);
    l->data = cmd_tree_read(path, NULL, err);
    if (l->data == NULL) {
        return false;
    }
    if (!parse(l, err)) {
        lesson_close(l);
        return false;
    }
    return true;
}

void lesson_close(struct lesson *l)
{
    free(l->data);
    l->data = NULL;
}
