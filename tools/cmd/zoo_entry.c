// tools/cmd/zoo_entry.c -- reading corpus/zoo: each entry's zoo.conf, and lacking.tsv.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/zoo_entry.h"

#include "model/referee/vl_clause.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_tree.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LACKING "corpus/zoo/lacking.tsv"
#define SUMMARY_COLUMNS 100u
#define SLUG_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

static const char *const sides[] = {"driver", "device", "transport", NULL};
static const char *const classes[] = {
    "ordering", "lost-notify", "index-wrap",    "loop", "oob",        "double-fetch", "len",
    "reset",    "feature-neg", "state-machine", "pci",  "config-gen", "other",        NULL};
static const char *const memories[] = {"sc", "tso", "rc11", NULL};

// Where something stands that is being read.
struct place {
    const char *path;
    uint32_t line;
    char *err;
};

static bool fail(const struct place *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(const struct place *p, const char *format, ...)
{
    va_list args;
    char *err = p->err;
    const int n = snprintf(err, ZOO_ERR_BYTES, "%.250s: line %u: ", p->path, p->line);
    va_start(args, format);
    (void)vsnprintf(err + n, ZOO_ERR_BYTES - (size_t)n, format, args);
    va_end(args);
    return false;
}

static bool is_slug(const char *text)
{
    const size_t n = strlen(text);
    return n > 0 && n < ZOO_SLUG_BYTES - 4 && text[strspn(text, SLUG_LETTERS)] == '\0';
}

// The text is one of names; else the complaint lists them.
static bool one_of(const struct place *p, const char *key, const char *text,
                   const char *const *names)
{
    char all[192] = "";
    for (unsigned i = 0; names[i] != NULL; i++) { // bound: the table
        if (strcmp(names[i], text) == 0) {
            return true;
        }
        const size_t used = strlen(all);
        (void)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return fail(p, "%s=%.40s: %s is one of %s", key, text, key, all);
}

// Cut the next line off the text at *at. NULL behind the last one.
static char *next_line(char **at)
{
    char *line = *at;
    if (*line == '\0') {
        return NULL;
    }
    const size_t n = strcspn(line, "\n");
    *at = line + n + (line[n] == '\n' ? 1 : 0);
    line[n] = '\0';
    return line;
}

// Nothing that would upset a terminal or hide half of a line. tabs: they separate.
static bool plain(const struct place *p, const char *line, bool tabs)
{
    for (const unsigned char *c = (const unsigned char *)line; *c != '\0'; c++) { // bound: the line
        if ((*c < 0x20 && !(tabs && *c == '\t')) || *c == 0x7F) {
            return fail(p, "a control character (0x%02x)", *c);
        }
    }
    return true;
}

// A file without bytes 0: behind one, nothing would be read.
static char *read_text(struct place *p)
{
    size_t bytes = 0;
    char *data = cmd_tree_read(p->path, &bytes, p->err);
    if (data != NULL && strlen(data) != bytes) {
        p->line = 1;
        for (const char *c = data; *c != '\0'; c++) { // bound: the file
            p->line += *c == '\n' ? 1 : 0;
        }
        (void)fail(p, "a byte 0");
        free(data);
        data = NULL;
    }
    return data;
}

// ---- zoo.conf -----------------------------------------------------------------------------------

static bool read_clauses(const struct place *p, struct zoo_entry *e, const char *text)
{
    char copy[256];
    char *words[ZOO_CLAUSES_MAX + 1];

    if (strcmp(text, "-") == 0) {
        return true;
    }
    const int n_text = snprintf(copy, sizeof(copy), "%s", text);
    const int n = cmd_split(copy, ", ", words, ZOO_CLAUSES_MAX + 1);
    if (n_text < 0 || (size_t)n_text >= sizeof(copy) || n > (int)ZOO_CLAUSES_MAX) {
        return fail(p, "clause: more than %u of them", ZOO_CLAUSES_MAX);
    }
    for (int i = 0; i < n; i++) {
        const enum vl_clause c = vl_clause_find(words[i]);
        if (c == VL_CLAUSE_NONE) {
            return fail(p, "clause=%.40s: no such clause; `vringlab clauses` lists them", words[i]);
        }
        e->clause[e->n_clauses++] = (uint16_t)c;
    }
    return n > 0 || fail(p, "clause: IDs, or -");
}

static bool read_symptom(const struct place *p, struct zoo_entry *e, const char *value)
{
    if (e->n_symptoms == ZOO_SYMPTOMS_MAX) {
        return fail(p, "more than %u symptoms", ZOO_SYMPTOMS_MAX);
    }
    e->symptom[e->n_symptoms++] = value;
    return true;
}

// Keys with one text, and where it goes.
static const char **text_of(struct zoo_entry *e, const char *key)
{
    const struct {
        const char *key;
        const char **to;
    } texts[] = {{"project", &e->project}, {"reference", &e->reference},
                 {"side", &e->side},       {"class", &e->class},
                 {"memory", &e->memory},   {"summary", &e->summary},
                 {"fuzz", &e->fuzz},       {"more", &e->more}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].key, key) == 0) {
            return texts[i].to;
        }
    }
    return NULL;
}

// Columns of a text: bytes that begin a UTF-8 character.
static size_t columns(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) { // bound: the text
        n += ((unsigned char)*text & 0xC0) != 0x80 ? 1 : 0;
    }
    return n;
}

static bool read_key(const struct place *p, struct zoo_entry *e, const char *key, const char *value,
                     bool *clauses)
{
    const char **text = text_of(e, key);

    if (*value == '\0') {
        return fail(p, "%.40s: nothing stands behind it", key);
    }
    if (strcmp(key, "symptom") == 0) {
        return read_symptom(p, e, value);
    }
    if (strcmp(key, "clause") == 0) {
        const bool again = *clauses;
        *clauses = true;
        return again ? fail(p, "clause: twice") : read_clauses(p, e, value);
    }
    if (text == NULL) {
        return fail(p, "%.40s: no such key; corpus/zoo/README.md describes the format", key);
    }
    if (*text != NULL) {
        return fail(p, "%.40s: twice", key);
    }
    *text = value;
    if (strcmp(key, "side") == 0) {
        return one_of(p, key, value, sides);
    }
    if (strcmp(key, "class") == 0) {
        return one_of(p, key, value, classes);
    }
    if (strcmp(key, "memory") == 0) {
        return one_of(p, key, value, memories);
    }
    if (strcmp(key, "summary") == 0 && columns(value) > SUMMARY_COLUMNS) {
        return fail(p, "summary: %zu columns, at most %u", columns(value), SUMMARY_COLUMNS);
    }
    return true;
}

static bool read_conf(struct place *p, struct zoo_entry *e)
{
    static const char *const needed[] = {"project", "reference", "side", "class",
                                         "memory",  "summary",   "fuzz"};
    bool clauses = false;
    char *at = e->data;

    for (char *line = next_line(&at); line != NULL; line = next_line(&at)) { // bound: the file
        p->line++;
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        char *equals = strchr(line, '=');
        if (!plain(p, line, false)) {
            return false;
        }
        if (equals == NULL || equals == line) {
            return fail(p, "KEY=VALUE, or a comment behind #, stands on a line");
        }
        *equals = '\0';
        if (!read_key(p, e, line, equals + 1, &clauses)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (*text_of(e, needed[i]) == NULL) {
            return fail(p, "the file ends without %s=", needed[i]);
        }
    }
    if (!clauses || e->n_symptoms == 0) {
        return fail(p, "the file ends without %s=", clauses ? "symptom" : "clause");
    }
    return true;
}

bool zoo_path(const struct zoo_entry *e, const char *file, char *path)
{
    const int n = snprintf(path, ZOO_PATH_BYTES, "%s/%s", e->dir, file);
    return n > 0 && (size_t)n < ZOO_PATH_BYTES;
}

// What stands wrong is kept with the entry, so that the others can be used.
static void read_entry(const struct zoo *z, const char *slug, struct zoo_entry *e)
{
    char path[ZOO_PATH_BYTES];
    struct place p = {.path = path, .err = e->err};

    (void)snprintf(e->slug, sizeof(e->slug), "%s", slug);
    const int n = snprintf(e->dir, sizeof(e->dir), "%s/corpus/zoo/%s", z->root, slug);
    if (n < 0 || (size_t)n >= sizeof(e->dir) || !zoo_path(e, "zoo.conf", path)) {
        (void)snprintf(e->err, ZOO_ERR_BYTES, "%.300s: the name is too long", z->root);
        return;
    }
    e->data = read_text(&p);
    if (e->data != NULL) {
        (void)read_conf(&p, e);
    }
}

// ---- lacking.tsv --------------------------------------------------------------------------------

#define COLUMNS 8u
static const char header[] = "id\tproject\tside\tclass\treference\tlacks\tsummary\tsymptom";

static struct zoo_entry *new_entry(struct zoo *z)
{
    return z->n < ZOO_MAX ? &z->entry[z->n++] : NULL;
}

static bool read_row(const struct place *p, struct zoo *z, char *line)
{
    char *field[COLUMNS];
    unsigned n = 0;

    for (char *at = line; at != NULL && n < COLUMNS; n++) { // bound: COLUMNS
        field[n] = at;
        at = strchr(at, '\t');
        if (at != NULL) {
            *at++ = '\0';
        }
        if (field[n][0] == '\0') {
            return fail(p, "column %u is empty", n + 1);
        }
        if (n + 1 == COLUMNS && at != NULL) {
            return fail(p, "more than %u columns", COLUMNS);
        }
    }
    if (n < COLUMNS) {
        return fail(p, "%u columns, not %u", n, COLUMNS);
    }
    if (!is_slug(field[0])) {
        return fail(p, "%.40s: an id has small letters, digits and -", field[0]);
    }
    if (zoo_find(z, field[0]) != NULL) {
        return fail(p, "%s: stands in the zoo already", field[0]);
    }
    if (!one_of(p, "side", field[2], sides) || !one_of(p, "class", field[3], classes)) {
        return false;
    }
    struct zoo_entry *e = new_entry(z);
    if (e == NULL) {
        return fail(p, "the zoo has more than %u entries", ZOO_MAX);
    }
    (void)snprintf(e->slug, sizeof(e->slug), "%s", field[0]);
    e->project = field[1];
    e->side = field[2];
    e->class = field[3];
    e->reference = field[4];
    e->lacks = field[5];
    e->summary = field[6];
    e->symptom[e->n_symptoms++] = field[7];
    z->n_lacking++;
    return true;
}

static bool read_lacking(struct zoo *z, char *err)
{
    char path[ZOO_PATH_BYTES + sizeof(LACKING)];
    struct place p = {.path = path};

    p.err = err;
    (void)snprintf(path, sizeof(path), "%s/" LACKING, z->root);
    z->rows = read_text(&p);
    if (z->rows == NULL) {
        return false;
    }
    char *at = z->rows;
    for (char *line = next_line(&at); line != NULL; line = next_line(&at)) { // bound: the file
        p.line++;
        if (!plain(&p, line, true)) {
            return false;
        }
        if (p.line == 1 && strcmp(line, header) != 0) {
            return fail(&p, "the columns are id, project, side, class, reference, lacks, summary, "
                            "symptom");
        }
        if (p.line > 1 && !read_row(&p, z, line)) {
            return false;
        }
    }
    return p.line > 0 || fail(&p, "the header is missing");
}

// ---- the zoo ------------------------------------------------------------------------------------

static int by_slug(const void *a, const void *b)
{
    const struct zoo_entry *x = a;
    const struct zoo_entry *y = b;
    return strcmp(x->slug, y->slug);
}

static bool is_dir(const struct zoo *z, const char *name)
{
    char path[2 * ZOO_PATH_BYTES];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/corpus/zoo/%s", z->root, name);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool read_dirs(struct zoo *z, char *err)
{
    char path[ZOO_PATH_BYTES + 16];
    const struct dirent *d = NULL;

    (void)snprintf(path, sizeof(path), "%s/corpus/zoo", z->root);
    DIR *dir = opendir(path);
    bool ok = dir != NULL;
    if (!ok) {
        (void)snprintf(err, ZOO_ERR_BYTES, "%.300s: cannot be listed", path);
    }
    while (ok && (d = readdir(dir)) != NULL) { // bound: the directory
        if (d->d_name[0] == '.' || !is_dir(z, d->d_name)) {
            continue;
        }
        struct zoo_entry *e = is_slug(d->d_name) ? new_entry(z) : NULL;
        if (e == NULL) {
            (void)snprintf(err, ZOO_ERR_BYTES, "%.250s/%.80s: %s", path, d->d_name,
                           is_slug(d->d_name) ? "one entry too many"
                                              : "a name has small letters, digits and -");
            ok = false;
        } else {
            read_entry(z, d->d_name, e);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    if (z->entry != NULL && z->n > 1) {
        qsort(z->entry, z->n, sizeof(z->entry[0]), by_slug);
    }
    return ok;
}

bool zoo_open(struct zoo *z, const char *root, char *err)
{
    memset(z, 0, sizeof(*z));
    if (!cmd_tree_find(z->root, root, LACKING, "entries of the zoo", err)) {
        return false;
    }
    z->entry = calloc(ZOO_MAX, sizeof(z->entry[0]));
    if (z->entry == NULL) {
        (void)snprintf(err, ZOO_ERR_BYTES, "no memory left");
        return false;
    }
    return read_dirs(z, err) && read_lacking(z, err);
}

void zoo_close(struct zoo *z)
{
    for (uint32_t i = 0; i < z->n; i++) { // bound: ZOO_MAX
        free(z->entry[i].data);
    }
    free(z->entry);
    free(z->rows);
    z->entry = NULL;
    z->rows = NULL;
    z->n = 0;
}

const struct zoo_entry *zoo_find(const struct zoo *z, const char *slug)
{
    for (uint32_t i = 0; i < z->n; i++) { // bound: ZOO_MAX
        if (strcmp(z->entry[i].slug, slug) == 0) {
            return &z->entry[i];
        }
    }
    return NULL;
}
