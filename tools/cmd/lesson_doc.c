// tools/cmd/lesson_doc.c -- the lessons' outputs in a Markdown file: checked, or written anew.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/lesson_doc.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_tree.h"

#include <stdlib.h>
#include <string.h>

#define BEGIN "<!-- lesson "
#define BEGIN_END " -->\n"
#define END "<!-- end lesson -->\n"

struct doc {
    const struct lesson_course *course;
    const char *path;
    bool quiet; // that it is stale is no news
    char *old;  // the file
    char *text; // as it should be
    size_t n;
    uint32_t n_lessons; // whose places were passed
    bool stale;         // some place holds something else
    bool unexpected;    // some verdict is not as its lesson has it
};

// A place begins: print the lesson to f. The next one of the course is due.
static bool tell_next(struct doc *d, FILE *f, const char *name, char *err)
{
    const struct lesson_course *c = d->course;
    bool as_expected = false;

    if (d->n_lessons == c->n || strcmp(c->name[d->n_lessons], name) != 0) {
        (void)snprintf(err, LESSON_ERR_BYTES, "%.200s: %.64s stands where %s is due", d->path, name,
                       d->n_lessons < c->n ? c->name[d->n_lessons] : "no lesson");
        return false;
    }
    d->n_lessons++;
    if (!lesson_tell(f, c, name, true, &as_expected, err)) {
        return false;
    }
    d->unexpected = d->unexpected || !as_expected;
    return true;
}

// Copy what is not a lesson's, and print what is. at goes through the file once.
static bool make_anew(struct doc *d, FILE *f, char *err)
{
    const char *at = d->old;
    for (;;) { // bound: the lessons of the course
        const char *begin = strstr(at, BEGIN);
        const char *name = begin != NULL ? begin + strlen(BEGIN) : NULL;
        const char *name_end = begin != NULL ? strstr(name, BEGIN_END) : NULL;
        const char *end = name_end != NULL ? strstr(name_end, END) : NULL;
        char copy[LESSON_NAME_BYTES];
        if (begin == NULL) {
            (void)fputs(at, f);
            return true;
        }
        if (end == NULL || (size_t)(name_end - name) >= sizeof(copy)) {
            (void)snprintf(err, LESSON_ERR_BYTES, "%.300s: a place that does not end: %.60s",
                           d->path, begin);
            return false;
        }
        (void)snprintf(copy, sizeof(copy), "%.*s", (int)(name_end - name), name);
        name_end += strlen(BEGIN_END);
        (void)fwrite(at, 1, (size_t)(name_end - at), f);
        const long from = ftell(f);
        if (!tell_next(d, f, copy, err) || fflush(f) != 0 || from < 0) {
            return false;
        }
        const size_t bytes = (size_t)(end - name_end);
        if (d->n - (size_t)from != bytes || memcmp(d->text + from, name_end, bytes) != 0) {
            d->stale = true;
            if (!d->quiet) {
                (void)cmd_fail("lesson", 0, "%s: %s: not what `vringlab lesson %s` prints now",
                               d->path, copy, copy);
            }
        }
        at = end;
    }
}

int lesson_doc(const struct lesson_course *c, const char *path, bool write)
{
    char err[LESSON_ERR_BYTES] = "";
    struct doc d = {.course = c, .path = path, .quiet = write};

    d.old = cmd_tree_read(path, NULL, err);
    FILE *f = d.old != NULL ? open_memstream(&d.text, &d.n) : NULL;
    bool ok = f != NULL && make_anew(&d, f, err);
    if (ok && d.n_lessons < c->n) {
        (void)snprintf(err, LESSON_ERR_BYTES, "%.200s: has no place for %s", path,
                       c->name[d.n_lessons]);
        ok = false;
    }
    ok = f != NULL && fclose(f) == 0 && ok;
    if (ok && write) {
        ok = cmd_write_file(path, d.text, d.n, err);
    }
    free(d.text);
    free(d.old);
    if (!ok) {
        return cmd_fail("lesson", CMD_EXIT_ENV, "%s", err);
    }
    if (!write && d.stale) {
        (void)printf("%s: stale; `vringlab lesson --write %s` makes it anew\n", path, path);
    } else {
        (void)printf("%s: %u lessons, %s\n", path, c->n,
                     d.unexpected ? "not all as expected" : "all as expected");
    }
    return d.unexpected || (d.stale && !write) ? CMD_EXIT_FINDING : CMD_EXIT_CLEAN;
}
