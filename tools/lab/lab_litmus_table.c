// tools/lab/lab_litmus_table.c -- reading litmus tables and single tests, and which rows are facts.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_litmus_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24u

struct file {
    const char *path;
    FILE *f;
    char *line; // LAB_LITMUS_LINE
    uint32_t n_lines;
    lab_litmus_on_row *on_row;
    void *ctx;
    char *err;
};

const char *lab_litmus_reason_text(unsigned reason)
{
#define TEXT_(id, text) text,
    static const char *const texts[LAB_LITMUS_REASON_COUNT] = {"a fact", LAB_LITMUS_REASONS(TEXT_)};
#undef TEXT_
    return reason < LAB_LITMUS_REASON_COUNT ? texts[reason] : "?";
}

// ---- which rows are facts ----------------------------------------------------------------------

// Tests on which the tools differ for a known reason (and agree otherwise).
static const struct {
    const char *name;
    const char *tool; // NULL: any
    enum lab_litmus_reason reason;
} disputed[] = {
    {"MP+pos-rlx2+acq", "herd:rc11.cat", LAB_LITMUS_NOT_RELEASE_SEQUENCE},
    {"RING.recycle2+rel+rlx", "herd:rc11.cat", LAB_LITMUS_NOT_RELEASE_SEQUENCE},
    {"Z6.U", NULL, LAB_LITMUS_NOT_SC_ACCESSES},
    {"Z6.U+rw", NULL, LAB_LITMUS_NOT_SC_ACCESSES},
};

static enum vl_model find_model(const char *name)
{
    static const struct {
        const char *name;
        enum vl_model model;
    } models[] = {{"SC", VL_MODEL_SC},    {"sc", VL_MODEL_SC},   {"x86-TSO", VL_MODEL_TSO},
                  {"tso", VL_MODEL_TSO},  {"TSO", VL_MODEL_TSO}, {"RC11", VL_MODEL_RC11},
                  {"rc11", VL_MODEL_RC11}};
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (strcmp(models[i].name, name) == 0) {
            return models[i].model;
        }
    }
    return VL_MODEL_COUNT;
}

static bool is_other_model(const char *name)
{
    return strcmp(name, "RA") == 0 || strcmp(name, "IMM") == 0 || strcmp(name, "AArch64") == 0 ||
           strcmp(name, "AArch64-rcpc") == 0;
}

static enum lab_litmus_reason find_reason(const struct lab_litmus_row *row, const char *execs)
{
    if (is_other_model(row->model)) {
        return LAB_LITMUS_NOT_OTHER_MODEL;
    }
    if (row->is == VL_MODEL_TSO && strcmp(row->tool, "genmc:--tso") == 0) {
        return LAB_LITMUS_NOT_GENMC_TSO;
    }
    for (size_t i = 0; row->is == VL_MODEL_RC11 && i < sizeof(disputed) / sizeof(disputed[0]);
         i++) {
        if (strcmp(disputed[i].name, row->name) == 0 &&
            (disputed[i].tool == NULL || strcmp(disputed[i].tool, row->tool) == 0)) {
            return disputed[i].reason;
        }
    }
    return strcmp(execs, "-") == 0 && row->states[0] != '{' ? LAB_LITMUS_NOT_NO_VERDICT
                                                            : LAB_LITMUS_FACT;
}

// ---- lines -------------------------------------------------------------------------------------

static bool complain(const struct file *in, const char *what)
{
    (void)snprintf(in->err, (size_t)2 * LAB_LITMUS_ERR, "%s:%u: %s", in->path,
                   (unsigned)in->n_lines, what);
    return false;
}

enum line { LINE_READ, LINE_NONE, LINE_BAD };

// The next line that is neither empty nor a comment, without its end.
static enum line next_line(struct file *in)
{
    while (fgets(in->line, (int)LAB_LITMUS_LINE, in->f) != NULL) { // bound: the file
        size_t n = strlen(in->line);
        in->n_lines++;
        if ((n == 0 || in->line[n - 1] != '\n') && !feof(in->f)) {
            (void)complain(in, "the line is too long, or holds a zero byte");
            return LINE_BAD;
        }
        while (n > 0 && (in->line[n - 1] == '\n' || in->line[n - 1] == '\r')) { // bound: n
            in->line[--n] = '\0';
        }
        for (size_t i = 0; i < n; i++) {
            if (((unsigned char)in->line[i] < 0x20 && in->line[i] != '\t') || in->line[i] == 0x7f) {
                in->line[i] = '?';
            }
        }
        if (n > 0 && in->line[0] != '#') {
            return LINE_READ;
        }
    }
    if (ferror(in->f)) {
        (void)snprintf(in->err, (size_t)2 * LAB_LITMUS_ERR, "%s: %s", in->path, strerror(errno));
        return LINE_BAD;
    }
    return LINE_NONE;
}

static uint32_t cut_columns(char *line, const char *column[COLUMNS_MAX])
{
    uint32_t n = 0;
    while (line != NULL && n < COLUMNS_MAX) { // bound: COLUMNS_MAX
        column[n++] = line;
        line = strchr(line, '\t');
        if (line != NULL) {
            *line++ = '\0';
        }
    }
    return n;
}

// ---- tables ------------------------------------------------------------------------------------

enum column { NAME, PROGRAM, MODEL, TOOL, EXECS, STATES, HERD, GENMC, COLUMN_COUNT };

static const char *const headings[COLUMN_COUNT] = {
    "name", "program", "model", "tool", "n_execs", "final_states", "herd rc11.cat", "genmc --rc11"};

struct table {
    uint32_t at[COLUMN_COUNT]; // COLUMNS_MAX: there is no such column
    uint32_t n;                // columns that a row must have
    bool races;
};

static bool has(const struct table *t, enum column first, enum column last)
{
    for (unsigned c = first; c <= last; c++) {
        if (t->at[c] == COLUMNS_MAX) {
            return false;
        }
    }
    return true;
}

// Find out what kind of a table it is. The two headings of races may go on behind the tool's name.
static bool read_header(struct file *in, struct table *t)
{
    const char *column[COLUMNS_MAX];
    const uint32_t n = cut_columns(in->line, column);

    memset(t, 0, sizeof(*t));
    for (unsigned c = 0; c < COLUMN_COUNT; c++) {
        t->at[c] = COLUMNS_MAX;
        for (uint32_t i = 0; i < n; i++) {
            if (c >= HERD ? strncmp(column[i], headings[c], strlen(headings[c])) == 0
                          : strcmp(column[i], headings[c]) == 0) {
                t->at[c] = i;
                t->n = i >= t->n ? i + 1 : t->n;
                break;
            }
        }
    }
    t->races = has(t, NAME, PROGRAM) && has(t, GENMC, GENMC);
    return t->races || has(t, NAME, STATES);
}

static bool read_execs(const struct file *in, const char *text, uint64_t *n)
{
    char *end = NULL;

    *n = LAB_LITMUS_ANY;
    if (strcmp(text, "-") == 0) {
        return true;
    }
    errno = 0;
    *n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        return complain(in, "the number of executions is neither a number nor -");
    }
    return true;
}

// "racy", "race-free", "race-free (3 execs)".
static bool read_race(const struct file *in, const char *text, struct lab_litmus_row *row)
{
    char *end = NULL;

    row->n_execs = LAB_LITMUS_ANY;
    row->race = LAB_LITMUS_RACY;
    if (strcmp(text, "racy") == 0) {
        return true;
    }
    row->race = LAB_LITMUS_RACE_FREE;
    if (strcmp(text, "race-free") == 0) {
        return true;
    }
    if (strncmp(text, "race-free (", 11) == 0 && text[11] >= '0' && text[11] <= '9') {
        errno = 0;
        row->n_execs = strtoull(text + 11, &end, 10);
        if (errno == 0 && strcmp(end, " execs)") == 0) {
            return true;
        }
    }
    return complain(in, "the verdict is none of racy, race-free, race-free (N execs)");
}

static bool read_race_row(const struct file *in, const struct table *t, const char **column,
                          struct lab_litmus_row *row)
{
    struct lab_litmus_row herd = *row;

    row->model = "RC11";
    row->is = VL_MODEL_RC11;
    row->tool = "genmc:--rc11";
    if (!read_race(in, column[t->at[GENMC]], row)) {
        return false;
    }
    if (t->at[HERD] != COLUMNS_MAX) {
        if (!read_race(in, column[t->at[HERD]], &herd)) {
            return false;
        }
        row->note = herd.race != row->race ? "herd's verdict is the other one, by C11's release "
                                             "sequences; GenMC's, by C++20's, is taken"
                                           : "";
    }
    return true;
}

static bool read_row(const struct file *in, const struct table *t, struct lab_litmus_row *row)
{
    const char *column[COLUMNS_MAX];
    const uint32_t n = cut_columns(in->line, column);

    if (n < t->n) {
        return complain(in, "the row has fewer columns than the header");
    }
    *row = (struct lab_litmus_row){.path = in->path,
                                   .line = in->n_lines,
                                   .name = column[t->at[NAME]],
                                   .program = column[t->at[PROGRAM]],
                                   .note = ""};
    if (t->races) {
        return read_race_row(in, t, column, row);
    }
    row->model = column[t->at[MODEL]];
    row->tool = column[t->at[TOOL]];
    row->states = column[t->at[STATES]];
    row->is = find_model(row->model);
    row->reason = find_reason(row, column[t->at[EXECS]]);
    return row->reason != LAB_LITMUS_FACT || read_execs(in, column[t->at[EXECS]], &row->n_execs);
}

static enum lab_litmus_read read_table(struct file *in)
{
    struct table t;
    struct lab_litmus_row row;
    enum line line = next_line(in);

    if (line == LINE_NONE) {
        (void)complain(in, "the file is empty");
        return LAB_LITMUS_UNREADABLE;
    }
    if (line == LINE_READ && !read_header(in, &t)) {
        (void)complain(in, "no table of litmus tests: the header row has neither name, program, "
                           "model, tool, n_execs and final_states, nor name, program and "
                           "genmc --rc11");
        return LAB_LITMUS_NO_TABLE;
    }
    while (line == LINE_READ) { // bound: the file
        line = next_line(in);
        if (line != LINE_READ) {
            break;
        }
        if (!read_row(in, &t, &row)) {
            return LAB_LITMUS_UNREADABLE;
        }
        if (!in->on_row(in->ctx, &row)) {
            return LAB_LITMUS_STOPPED;
        }
    }
    return line == LINE_NONE ? LAB_LITMUS_READ : LAB_LITMUS_UNREADABLE;
}

// ---- single tests ------------------------------------------------------------------------------

#define STATES_MAX 4096u // bytes of a model's expected states

struct single {
    uint32_t line; // of the program
    char name[LAB_LITMUS_NAME];
    char program[LAB_LITMUS_PROGRAM];
    char states[VL_MODEL_COUNT][STATES_MAX];
    struct lab_litmus_row row[VL_MODEL_COUNT + 1]; // the last: races
};

// "{...}{...} execs=3": cut the number off.
static bool cut_execs(const struct file *in, char *text, uint64_t *n)
{
    char *execs = strstr(text, "execs=");
    *n = LAB_LITMUS_ANY;
    if (execs == NULL) {
        return true;
    }
    if (!read_execs(in, execs + strlen("execs="), n)) {
        return false;
    }
    *execs = '\0';
    for (size_t end = strlen(text); end > 0 && text[end - 1] == ' '; end--) { // bound: the text
        text[end - 1] = '\0';
    }
    return true;
}

static bool take_thread(const struct file *in, struct single *s, const char *value)
{
    const size_t n = strlen(s->program);
    const int more =
        snprintf(s->program + n, sizeof(s->program) - n, "%s%s", n == 0 ? "" : " || ", value);
    if (more < 0 || (size_t)more >= sizeof(s->program) - n) {
        return complain(in, "the program is too long");
    }
    s->line = s->line == 0 ? in->n_lines : s->line;
    return true;
}

static bool take_states(const struct file *in, struct single *s, enum vl_model m, char *value)
{
    struct lab_litmus_row *row = &s->row[m];

    if (row->states != NULL) {
        return complain(in, "the model's states were given before");
    }
    if (!cut_execs(in, value, &row->n_execs)) {
        return false;
    }
    if (strlen(value) >= STATES_MAX) {
        return complain(in, "the states are too long");
    }
    memcpy(s->states[m], value, strlen(value) + 1);
    row->states = s->states[m];
    row->line = in->n_lines;
    return true;
}

// One line: KEY: VALUE.
static bool take_line(const struct file *in, struct single *s)
{
    char *value = strchr(in->line, ':');
    if (value == NULL) {
        return complain(in, "no KEY: VALUE");
    }
    *value++ = '\0';
    value += strspn(value, " \t");
    const enum vl_model m = find_model(in->line);
    if (strcmp(in->line, "name") == 0) {
        (void)snprintf(s->name, sizeof(s->name), "%s", value);
        return true;
    }
    if (strcmp(in->line, "about") == 0) {
        return true;
    }
    if (strcmp(in->line, "thread") == 0) {
        return take_thread(in, s, value);
    }
    if (strcmp(in->line, "race") == 0) {
        s->row[VL_MODEL_COUNT].line = in->n_lines;
        return read_race(in, value, &s->row[VL_MODEL_COUNT]);
    }
    if (m == VL_MODEL_COUNT) {
        return complain(in, "the key is none of name, about, thread, sc, tso, rc11, race");
    }
    return take_states(in, s, m, value);
}

static enum lab_litmus_read read_single(struct file *in)
{
    struct single s;
    enum line line = LINE_READ;
    bool any = false;

    memset(&s, 0, sizeof(s));
    while ((line = next_line(in)) == LINE_READ) { // bound: the file
        if (!take_line(in, &s)) {
            return LAB_LITMUS_UNREADABLE;
        }
    }
    if (line == LINE_BAD) {
        return LAB_LITMUS_UNREADABLE;
    }
    for (unsigned m = 0; m <= VL_MODEL_COUNT; m++) {
        struct lab_litmus_row *row = &s.row[m];
        if (row->states == NULL && row->race == LAB_LITMUS_RACE_UNKNOWN) {
            continue;
        }
        any = true;
        row->path = in->path;
        row->name = s.name;
        row->program = s.program;
        row->is = m == VL_MODEL_COUNT ? VL_MODEL_RC11 : (enum vl_model)m;
        row->model = vl_model_name(row->is);
        row->tool = "";
        row->note = "";
        if (s.name[0] != '\0' && s.line != 0 && !in->on_row(in->ctx, row)) {
            return LAB_LITMUS_STOPPED;
        }
    }
    if (s.name[0] == '\0' || s.line == 0 || !any) {
        (void)complain(in, "a test has a name:, a thread: or more, and states of a model or a "
                           "race: verdict");
        return LAB_LITMUS_UNREADABLE;
    }
    return LAB_LITMUS_READ;
}

enum lab_litmus_read lab_litmus_read(const char *path, lab_litmus_on_row *on_row, void *ctx,
                                     char err[2 * LAB_LITMUS_ERR])
{
    struct file in = {.path = path, .on_row = on_row, .ctx = ctx, .err = err};
    enum lab_litmus_read done = LAB_LITMUS_UNREADABLE;
    const size_t n = strlen(path);

    in.line = malloc(LAB_LITMUS_LINE);
    in.f = fopen(path, "r");
    if (in.f == NULL || in.line == NULL) {
        (void)snprintf(err, (size_t)2 * LAB_LITMUS_ERR, "%s: %s", path,
                       in.f == NULL ? strerror(errno) : "no memory left");
    } else if (n > 7 && strcmp(path + n - 7, ".litmus") == 0) {
        done = read_single(&in);
    } else {
        done = read_table(&in);
    }
    if (in.f != NULL) {
        (void)fclose(in.f);
    }
    free(in.line);
    return done;
}
