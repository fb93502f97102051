// tools/cmd/lesson_code.c -- the source lines of a lesson, live from the tree.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_tree.h"
#include "tools/cmd/lesson_print.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 4000u
#define INDENT 4u // of a function's body; not shown

// A file cut into lines.
struct source {
    char *data;
    char *line[LINES_MAX]; // from 0
    uint32_t n;
};

static bool source_open(struct source *s, const char *root, const char *path, char *err)
{
    char full[2 * LESSON_PATH_BYTES];
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    s->n = 0;
    s->data = cmd_tree_read(full, NULL, err);
    if (s->data == NULL) {
        return false;
    }
    for (char *at = s->data; *at != '\0' && s->n < LINES_MAX;) { // bound: LINES_MAX
        const size_t n = strcspn(at, "\n");
        const bool more = at[n] == '\n';
        at[n] = '\0';
        s->line[s->n++] = at;
        at += n + (more ? 1 : 0);
    }
    return true;
}

static bool ends_statement(const char *line)
{
    const size_t n = strlen(line);
    return n > 0 && line[n - 1] == ';' && strstr(line, "//") == NULL;
}

// First and last line (from 0) of a piece, and where its code begins behind a comment.
struct piece {
    uint32_t first;
    uint32_t code;
    uint32_t last;      // of the barrier's statement, or of the piece
    uint32_t last_more; // with what is shown behind it
};

// The comment "BARRIER name:" and the statement behind it.
static bool find_barrier(const struct source *s, const struct lesson_code *c, struct piece *p)
{
    char wanted[LESSON_NAME_BYTES + 16];
    (void)snprintf(wanted, sizeof(wanted), "// BARRIER %s:", c->barrier);
    for (uint32_t i = 0; i < s->n; i++) { // bound: LINES_MAX
        if (strstr(s->line[i], wanted) == NULL) {
            continue;
        }
        p->first = p->code = i;
        while (p->code < s->n && strstr(s->line[p->code], "//") != NULL) { // bound: LINES_MAX
            p->code++;
        }
        p->last = p->code;
        while (p->last < s->n && !ends_statement(s->line[p->last])) { // bound: LINES_MAX
            p->last++;
        }
        p->last_more = p->last + c->lines;
        return p->last_more < s->n;
    }
    return false;
}

static bool find_text(const struct source *s, const struct lesson_code *c, struct piece *p)
{
    for (uint32_t i = 0; i < s->n; i++) { // bound: LINES_MAX
        if (strstr(s->line[i], c->text) != NULL) {
            p->first = i;
            p->last = p->last_more = i + c->lines - 1;
            p->code = s->n; // nothing is marked
            return c->lines > 0 && p->last_more < s->n;
        }
    }
    return false;
}

// The function that a line stands in: the last line before that begins at the left with a name.
static void function_of(const struct source *s, uint32_t line, char out[LESSON_NAME_BYTES])
{
    out[0] = '\0';
    for (uint32_t i = line + 1; i-- > 0;) { // bound: LINES_MAX
        const char *text = s->line[i];
        const char *bracket = strchr(text, '(');
        if (text[0] < 'A' || text[0] > 'z' || bracket == NULL) {
            continue;
        }
        const char *name = bracket;
        while (name > text && name[-1] != ' ' && name[-1] != '*') { // bound: the line
            name--;
        }
        (void)snprintf(out, LESSON_NAME_BYTES, "%.*s", (int)(bracket - name), name);
        return;
    }
}

// Some access of the run was compiled from the barrier's statement as it stands here.
static bool of_this_build(const struct lesson_code *c, const struct piece *p,
                          const struct lesson_run *run)
{
    for (uint32_t i = 0; i < run->kept.n_sites; i++) { // bound: KEPT_SITES_MAX
        if (strcmp(run->kept.site[i].file, c->path) == 0 && run->kept.site[i].line > p->code &&
            run->kept.site[i].line <= p->last + 1) {
            return true;
        }
    }
    return false;
}

static void print_piece(const struct lesson_out *out, const struct source *s, const struct piece *p)
{
    for (uint32_t i = p->first; i <= p->last_more; i++) { // bound: LINES_MAX
        const bool mark = i >= p->code && i <= p->last;
        const char *line = s->line[i];
        const size_t cut = strspn(line, " ") < INDENT ? strspn(line, " ") : INDENT;
        (void)fprintf(out->file, "%3u%s%s\n", i + 1, mark ? "> " : "  ", line + cut);
    }
}

static bool print_code(const struct lesson_out *out, const struct lesson_code *c, const char *root,
                       const struct lesson_run *run, char *err)
{
    struct source *s = calloc(1, sizeof(*s));
    struct piece p = {0};
    char function[LESSON_NAME_BYTES];

    if (s == NULL || !source_open(s, root, c->path, err)) {
        free(s);
        return false;
    }
    const bool found = c->barrier != NULL ? find_barrier(s, c, &p) : find_text(s, c, &p);
    const bool ours = !found || c->barrier == NULL || run == NULL || of_this_build(c, &p, run);
    if (!found) {
        (void)snprintf(err, LESSON_ERR_BYTES, "%s: %s is not to be found in it", c->path,
                       c->barrier != NULL ? c->barrier : c->text);
    } else if (!ours) {
        (void)snprintf(err, LESSON_ERR_BYTES,
                       "%.200s/%s is not the source of this build: %s stood at another line; build "
                       "again",
                       root, c->path, c->barrier);
    } else {
        function_of(s, p.first, function);
        (void)fprintf(out->file, "%s, %s()\n", c->path, function);
        print_piece(out, s, &p);
    }
    free(s->data);
    free(s);
    return found && ours;
}

// What the fault changes: the patch without its head.
static bool print_patch(const struct lesson_out *out, const char *name, const char *root, char *err)
{
    struct source *s = calloc(1, sizeof(*s));
    char path[128];

    (void)snprintf(path, sizeof(path), "corpus/faults/%s/fault.patch", name);
    if (s == NULL || !source_open(s, root, path, err)) {
        free(s);
        return false;
    }
    (void)fprintf(out->file, "%s\n", path);
    bool changed = false;                 // a hunk begins two lines before what it changes
    for (uint32_t i = 0; i < s->n; i++) { // bound: LINES_MAX
        const char *line = s->line[i];
        const int n = (int)strlen(line) - (strcmp(line, " ") == 0 ? 1 : 0);
        if (strncmp(line, "---", 3) != 0 && strncmp(line, "+++", 3) != 0) {
            (void)fprintf(out->file, "%.*s\n", strncmp(line, "@@", 2) == 0 ? 2 : n, line);
            changed = true;
        }
    }
    free(s->data);
    free(s);
    return changed;
}

bool lesson_code_print(const struct lesson_out *out, const struct lesson *l, const char *root,
                       const struct lesson_run *run, char *err)
{
    lesson_block_begin(out, l->patch != NULL ? "diff" : "text");
    for (uint32_t i = 0; i < l->n_codes; i++) { // bound: LESSON_CODES_MAX
        if (i > 0) {
            (void)fprintf(out->file, "\n");
        }
        // A patched copy has lines of its own.
        if (!print_code(out, &l->code[i], root, l->patch == NULL ? run : NULL, err)) {
            return false;
        }
    }
    if (l->patch != NULL) {
        if (l->n_codes > 0) {
            (void)fprintf(out->file, "\n");
        }
        if (!print_patch(out, l->patch, root, err)) {
            return false;
        }
    }
    lesson_block_end(out);
    return true;
}
