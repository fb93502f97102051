// tools/cmd/explore_suite.c -- vringlab explore --suite: a table of counts, row by row.
// Spec: docs/EXPLORE.md, "The table". Which rows are facts: those of sc, tso and rc11, but for tso
// rows with a fence at "ar" (the tool that made the table takes every fence for a full one there).
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_suite.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/explore_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096
#define COLUMNS_MAX 32

enum column { PROGRAM, K, DEFINES, OPTS, MODEL, ERROR, ALL, OK, VIOLATING, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {[PROGRAM] = "program",
                                                       [K] = "K",
                                                       [DEFINES] = "defines",
                                                       [OPTS] = "genmc_opts",
                                                       [MODEL] = "model",
                                                       [ERROR] = "error",
                                                       [ALL] = "complete_all(checks off)",
                                                       [OK] = "complete_ok(checks as assume)",
                                                       [VIOLATING] = "violating=all-ok"};

enum reason { NOT_THIS_MODEL, NOT_TSO_AR, NOT_COUNTED, REASON_COUNT };
static const char *const reasons[REASON_COUNT] = {[NOT_THIS_MODEL] =
                                                      "of a model that is not explored here",
                                                  [NOT_TSO_AR] = "tso with a fence at ar",
                                                  [NOT_COUNTED] = "without a count"};

struct suite {
    const struct explore_suite_options *options;
    uint32_t at[COLUMN_COUNT]; // where each column stands
    uint32_t line;
    uint32_t n_rows;
    uint32_t n_agree;
    uint32_t n_differ;
    uint32_t n_unsupported;
    uint32_t n_left_out;
    uint32_t n_not[REASON_COUNT];
    uint64_t n_executions;
    uint64_t n_blocked;
    uint64_t cpu_ns;
    struct explore_progress progress;
};

// One row, as the table has it. Texts point into the line.
struct row {
    const char *program;
    const char *k;
    const char *defines;
    const char *opts;
    const char *model_name;
    const char *error;
    enum vl_model model;
    bool racy;
    uint64_t all;
    uint64_t ok;
};

// Cut a line at its tabs; fields may be empty.
static uint32_t cut(char *line, char **fields)
{
    uint32_t n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    while (n < COLUMNS_MAX) { // bound: COLUMNS_MAX
        fields[n++] = line;
        char *tab = strchr(line, '\t');
        if (tab == NULL) {
            break;
        }
        *tab = '\0';
        line = tab + 1;
    }
    return n;
}

static bool find_columns(struct suite *s, char **fields, uint32_t n, const char **missing)
{
    for (unsigned c = 0; c < COLUMN_COUNT; c++) {
        uint32_t i = 0;
        while (i < n && strcmp(fields[i], column_names[c]) != 0) { // bound: n
            i++;
        }
        if (i == n) {
            *missing = column_names[c];
            return false;
        }
        s->at[c] = i;
    }
    return true;
}

// A knob at acq-rel.
static bool has_ar(const char *defines)
{
    for (const char *at = strstr(defines, "=ar"); at != NULL; at = strstr(at + 1, "=ar")) {
        if (at[3] == ' ' || at[3] == '\0') {
            return true;
        }
    }
    return false;
}

// Why a row is no fact; REASON_COUNT if it is one.
static enum reason judge(struct row *r, const char *all, const char *ok)
{
    bool known = false;
    char word[64];
    (void)snprintf(word, sizeof(word), "memory=%.40s", r->model_name);
    (void)explore_source_memory(word, &r->model, &known);
    if (!known) {
        return NOT_THIS_MODEL;
    }
    if (r->model == VL_MODEL_TSO && has_ar(r->defines)) {
        return NOT_TSO_AR;
    }
    const bool counted = cmd_parse_u64(all, &r->all) && cmd_parse_u64(ok, &r->ok);
    return counted || r->racy ? REASON_COUNT : NOT_COUNTED;
}

static void say_row(const struct suite *s, const char *what, const struct row *r)
{
    (void)printf("%s line %" PRIu32 ": %s K=%s %s %s: ", what, s->line, r->program, r->k,
                 r->defines, r->model_name);
}

// What the table says about somebody waiting for ever: it was looked for, and found or not.
static bool liveness_differs(const struct row *r, const struct vl_result *got, bool *stuck)
{
    if (strstr(r->opts, "--check-liveness") == NULL) {
        return false;
    }
    *stuck = strncmp(r->error, "Liveness", 8) == 0;
    return (*stuck || strcmp(r->error, "none") == 0) && *stuck != (got->stuck != 0);
}

static bool compare(struct suite *s, const struct row *r, const struct vl_result *got)
{
    bool stuck = false;
    if (r->racy != (got->races != 0)) {
        say_row(s, "differ", r);
        (void)printf("%s, the table says %s\n", got->races != 0 ? "racy" : "no race",
                     r->racy ? "racy" : "no race");
        return false;
    }
    if (!r->racy && (got->complete != r->all || got->ok != r->ok)) {
        say_row(s, "differ", r);
        (void)printf("complete %" PRIu64 " (table %" PRIu64 "), of these ok %" PRIu64
                     " (table %" PRIu64 ")\n",
                     got->complete, r->all, got->ok, r->ok);
        return false;
    }
    if (s->options->liveness && liveness_differs(r, got, &stuck)) {
        say_row(s, "differ", r);
        (void)printf("%" PRIu64 " stuck, the table says %s\n", got->stuck,
                     stuck ? "some are" : "none is");
        return false;
    }
    return true;
}

// Explore one row. Returns false only if the whole suite has to end.
static bool explore_row(struct suite *s, const struct row *r)
{
    char err[EXPLORE_ERR_BYTES];
    char heading[EXPLORE_TEXT_BYTES + 64];
    bool environment = false;
    struct explore_source source;
    struct vl_result got;

    if (!explore_program_open(&source, r->program, r->k, r->defines, r->model, err, &environment)) {
        explore_progress_wipe(&s->progress);
        say_row(s, "unsupported", r);
        (void)printf("%s\n", err);
        s->n_unsupported++;
        return !environment;
    }
    (void)snprintf(heading, sizeof(heading), "line %" PRIu32 ", %s", s->line, source.text);
    if (explore_progress_due(&s->progress)) {
        explore_progress_line(&s->progress, "%s; %" PRIu32 " rows agree, %" PRIu32 " differ",
                              heading, s->n_agree, s->n_differ);
    }
    const struct explore_options options = {
        .n_shards = 1, .quiet = s->options->quiet, .heading = heading};
    const bool ended = explore_run(&source, &options, &got, NULL, err);
    explore_source_close(&source);
    explore_progress_wipe(&s->progress);
    if (!ended) {
        say_row(s, "unsupported", r);
        (void)printf("%s\n", err);
        s->n_unsupported++;
        return !explore_interrupted();
    }
    s->n_executions += got.complete;
    s->n_blocked += got.blocked;
    s->cpu_ns += got.cpu_ns;
    if (compare(s, r, &got)) {
        s->n_agree++;
    } else {
        s->n_differ++;
    }
    return true;
}

static bool suite_row(struct suite *s, char *line)
{
    char *fields[COLUMNS_MAX];
    const char *of[COLUMN_COUNT];
    const uint32_t n = cut(line, fields);

    s->n_rows++;
    for (unsigned c = 0; c < COLUMN_COUNT; c++) {
        of[c] = s->at[c] < n ? fields[s->at[c]] : "";
    }
    struct row r = {.program = of[PROGRAM],
                    .k = of[K],
                    .defines = of[DEFINES],
                    .opts = of[OPTS],
                    .model_name = of[MODEL],
                    .error = of[ERROR],
                    .racy = strcmp(of[VIOLATING], "racy") == 0};
    char *dot = strrchr(fields[s->at[PROGRAM] < n ? s->at[PROGRAM] : 0], '.');
    if (dot != NULL && strcmp(dot, ".c") == 0) {
        *dot = '\0';
    }
    const enum reason why = judge(&r, of[ALL], of[OK]);
    if (why != REASON_COUNT) {
        s->n_not[why]++;
        return true;
    }
    if (s->options->max_executions != 0 && r.all > s->options->max_executions) {
        s->n_left_out++;
        return true;
    }
    return explore_row(s, &r);
}

static int finish(const struct suite *s)
{
    uint32_t n_not = 0;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        n_not += s->n_not[i];
        if (s->n_not[i] > 0) {
            (void)printf("not a fact: %" PRIu32 " rows %s\n", s->n_not[i], reasons[i]);
        }
    }
    if (s->n_left_out > 0) {
        (void)printf("left out: %" PRIu32 " rows with more than %" PRIu64
                     " executions; they count nowhere\n",
                     s->n_left_out, s->options->max_executions);
    }
    const double seconds = (double)s->cpu_ns / 1e9;
    const double all = (double)(s->n_executions + s->n_blocked);
    (void)printf("explored rows=%" PRIu32 " executions=%" PRIu64 " blocked=%" PRIu64
                 " seconds=%.2f executions-per-second=%.0f (complete+blocked: %.0f)\n",
                 s->n_agree + s->n_differ, s->n_executions, s->n_blocked, seconds,
                 seconds > 0 ? (double)s->n_executions / seconds : 0,
                 seconds > 0 ? all / seconds : 0);
    (void)printf("agree=%" PRIu32 " differ=%" PRIu32 " unsupported=%" PRIu32 " not-a-fact=%" PRIu32
                 "\n",
                 s->n_agree, s->n_differ, s->n_unsupported, n_not);
    return s->n_differ > 0 || s->n_unsupported > 0 ? CMD_EXIT_FINDING : CMD_EXIT_CLEAN;
}

// Read the file's next line. Returns false at its end; *whole: it fitted.
static bool next_line(struct suite *s, FILE *f, char *line, bool *whole)
{
    if (fgets(line, LINE_BYTES, f) == NULL) {
        return false;
    }
    s->line++;
    *whole = strchr(line, '\n') != NULL || feof(f) != 0;
    return true;
}

static int read_table(struct suite *s, FILE *f, const char *path)
{
    char line[LINE_BYTES];
    char *fields[COLUMNS_MAX];
    const char *missing = NULL;
    bool whole = true;

    if (!next_line(s, f, line, &whole) || !whole ||
        !find_columns(s, fields, cut(line, fields), &missing)) {
        return cmd_fail("explore", CMD_EXIT_ENV, "%s: line 1 is no header of such a table%s%s",
                        path, missing != NULL ? ": no column " : "",
                        missing != NULL ? missing : "");
    }
    while (next_line(s, f, line, &whole)) { // bound: the file
        if (!whole) {
            return cmd_fail("explore", CMD_EXIT_ENV, "%s:%" PRIu32 ": the line is too long", path,
                            s->line);
        }
        if (line[0] != '\n' && line[0] != '\r' && !suite_row(s, line)) {
            return cmd_fail("explore", CMD_EXIT_ENV, "%s: given up at line %" PRIu32, path,
                            s->line);
        }
    }
    if (ferror(f) != 0) {
        return cmd_fail("explore", CMD_EXIT_ENV, "%s: cannot be read: %s", path, strerror(errno));
    }
    if (s->n_rows == 0) {
        return cmd_fail("explore", CMD_EXIT_ENV, "%s: there are no rows", path);
    }
    return finish(s);
}

int explore_suite(const char *path, const struct explore_suite_options *options)
{
    struct suite s = {.options = options};
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return cmd_fail("explore", CMD_EXIT_ENV, "%s: cannot be opened: %s", path, strerror(errno));
    }
    explore_progress_start(&s.progress, options->quiet);
    const int code = read_table(&s, f, path);
    explore_progress_wipe(&s.progress);
    (void)fclose(f);
    return code;
}
