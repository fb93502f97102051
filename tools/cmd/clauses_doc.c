// tools/cmd/clauses_doc.c -- one clause told in full, and the map of all as a document.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/clauses_doc.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_run.h"
#include "tools/cmd/event_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL 8u // events of the example that are shown

// ---- the example ----------------------------------------------------------------------------

// The last events of a run, as sentences.
struct tail {
    struct event_text text;
    uint64_t n;
    struct {
        uint64_t seq;
        uint8_t agent;
        char line[EVENT_TEXT_BYTES];
    } last[TAIL];
};

static void keep(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct tail *t = ctx;
    const uint64_t at = t->n++ % TAIL;

    (void)payload;
    t->last[at].seq = seq;
    t->last[at].agent = ev->agent;
    event_text_line(&t->text, ev, t->last[at].line);
    event_text_learn(&t->text, ev);
}

static int print_example(const struct lab_breach *breach)
{
    const struct lab_options options = {.referees = true, .hashing = true};
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    struct lab_scenario s;
    char words[LAB_TEXT_BYTES];
    char err[256] = "";

    struct tail *tail = calloc(1, sizeof(*tail));
    struct lab *lab = tail != NULL && clause_scenario(breach, true, NULL, &s, err)
                          ? lab_open(&s, &options, err)
                          : NULL;
    if (lab == NULL) {
        free(tail);
        return cmd_fail("clauses", CMD_EXIT_ENV, "%s", err);
    }
    const struct vl_observer observer = {.ctx = tail, .on_event = keep};
    lab_set_observer(lab, &observer);
    const struct vl_verdict verdict = *lab_run(lab, &benign);
    (void)lab_scenario_print(&s, ' ', false, words, sizeof(words));
    (void)printf("\nAn example: vringlab run %s\n", words);
    for (uint64_t i = tail->n > TAIL ? tail->n - TAIL : 0; i < tail->n; i++) { // bound: TAIL
        (void)printf("  #%-6" PRIu64 " %-8s %s\n", tail->last[i % TAIL].seq,
                     vl_agent_name(tail->last[i % TAIL].agent), tail->last[i % TAIL].line);
    }
    if (verdict.outcome == VL_FINDING) {
        (void)printf("%s\n", verdict.detail);
    }
    cmd_print_verdict(&verdict);
    lab_close(lab);
    free(tail);
    return CMD_EXIT_CLEAN;
}

// ---- one clause -----------------------------------------------------------------------------

static void print_checks(enum vl_clause c)
{
    const struct vl_check *check = NULL;

    for (uint32_t i = 0; (check = vl_check_at(i)) != NULL; i++) { // bound: places in the sources
        if (check->clause == c) {
            (void)printf("  check   %s:%" PRIu32 "\n", check->file, check->line);
        }
    }
}

static void print_fault(enum vl_clause c)
{
    const struct lab_breach *breach = clause_breach(c);

    if (breach == NULL) {
        return;
    }
    (void)printf("  fault   fault=clause:%s: %s\n", breach->id, breach->how);
    if (breach->patch) {
        (void)printf("          corpus/clauses/%s/fault.patch\n", breach->id);
    }
}

int clauses_show(enum vl_clause c)
{
    const struct vl_clause_info *info = vl_clause_info(c);
    struct clause_state state;
    enum vl_clause same = VL_CLAUSE_NONE;
    const char *why = NULL;

    clause_look(c, &state);
    (void)printf("%s: %s\n\n", info->id, info->summary);
    (void)printf("  %s of the %s; section %s (1.0: %s); area %s; observed by %s\n",
                 vl_level_name(info->level), vl_bound_name(info->side), info->section,
                 info->section_1_0, vl_area_name(info->area), vl_observed_name(info->observed));
    for (unsigned i = 0; (same = vl_clause_restated(c, i, &why)) != VL_CLAUSE_NONE; i++) {
        (void)printf("  restates %s: %s\n", vl_clause_info(same)->id, why); // bound: rows
    }
    if (state.undecidable != NULL) {
        (void)printf("  cannot be decided: %s\n", state.undecidable);
        return CMD_EXIT_CLEAN;
    }
    print_checks(c);
    for (unsigned i = 0; (same = vl_clause_restated(c, i, NULL)) != VL_CLAUSE_NONE; i++) {
        print_checks(same); // bound: rows
    }
    if (state.check == NULL) {
        (void)printf("  check   none: %s\n",
                     !vl_area_exists(info->area) ? "what it speaks of is not built here"
                     : info->level == VL_MAY     ? "a permission; nobody is blamed for using it"
                                                 : "it is missing");
    }
    if (state.breach == NULL) {
        return CMD_EXIT_CLEAN;
    }
    print_fault(c);
    for (unsigned i = 0; (same = vl_clause_restated(c, i, NULL)) != VL_CLAUSE_NONE; i++) {
        print_fault(same); // bound: rows
    }
    (void)printf("  test    spec.clauses: vringlab clauses --check\n");
    return print_example(state.breach);
}

// ---- the map --------------------------------------------------------------------------------

// A cell of a Markdown table.
static void cell(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) { // bound: the text
        if (*text == '|') {
            (void)fputc('\\', f);
        }
        (void)fputc(*text, f);
    }
}

static const char *file_of(const struct vl_check *check)
{
    const char *slash = strrchr(check->file, '/');
    return slash != NULL ? slash + 1 : check->file;
}

static void map_clause(FILE *f, enum vl_clause c)
{
    const struct vl_clause_info *info = vl_clause_info(c);
    struct clause_state state;

    clause_look(c, &state);
    (void)fprintf(f, "| %s | %s | %s | ", info->id, vl_bound_name(info->side),
                  vl_level_name(info->level));
    cell(f, info->summary);
    (void)fprintf(f, " | ");
    if (state.undecidable != NULL) {
        (void)fprintf(f, "cannot be decided: ");
        cell(f, state.undecidable);
        (void)fprintf(f, " | |\n");
        return;
    }
    if (state.same != VL_CLAUSE_NONE) {
        enum vl_clause same = state.same;
        for (unsigned i = 0; same != VL_CLAUSE_NONE; same = vl_clause_restated(c, ++i, NULL)) {
            (void)fprintf(f, "%s%s", i > 0 ? " and " : "as ", vl_clause_info(same)->id);
        }
        (void)fprintf(f, " | |\n");
        return;
    }
    (void)fprintf(f, "%s | ",
                  state.check != NULL     ? file_of(state.check)
                  : info->level == VL_MAY ? "a permission"
                                          : "none");
    if (state.breach != NULL) {
        cell(f, state.breach->how);
    }
    (void)fprintf(f, " |\n");
}

static void map_area(FILE *f, unsigned area)
{
    (void)fprintf(f, "\n## %s\n\n", vl_area_name(area));
    if (!vl_area_exists(area)) {
        uint32_t n = 0;
        for (unsigned c = 1; c < VL_CLAUSE_COUNT; c++) {
            n += vl_clause_info(c)->area == area ? 1 : 0;
        }
        (void)fprintf(f,
                      "What this area speaks of is not built here. Its %" PRIu32 " clauses: "
                      "`vringlab clauses --area %s`.\n",
                      n, vl_area_name(area));
        return;
    }
    (void)fprintf(f, "| clause | side | level | in our words | decided in | broken by |\n"
                     "| --- | --- | --- | --- | --- | --- |\n");
    for (unsigned c = 1; c < VL_CLAUSE_COUNT; c++) {
        if (vl_clause_info(c)->area == area) {
            map_clause(f, (enum vl_clause)c);
        }
    }
}

static void map(FILE *f)
{
    (void)fprintf(
        f, "# The map of the specification\n\n"
           "Written by `vringlab clauses --write docs/SPEC-MAP.md`, from the same tables that the "
           "referees and the\nfaults are made of. A test fails when it is stale.\n\n"
           "Each line is a clause of virtio 1.4 under the number that the sources cite. `vringlab "
           "clauses ID` shows\none with the line of its check and a run that breaks it; "
           "`fault=clause:ID` breaks it in any scenario.\n"
           "SHOULD and SHOULD NOT are advice: they do not fail a run.\n");
    for (unsigned area = 0; area < VL_AREA_COUNT; area++) {
        map_area(f, area);
    }
}

// The whole file, or NULL. The caller frees it.
static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    FILE *copy = f != NULL ? open_memstream(&text, n) : NULL;
    char piece[4096];
    size_t got = 0;

    while (copy != NULL && (got = fread(piece, 1, sizeof(piece), f)) > 0) { // bound: the file
        (void)fwrite(piece, 1, got, copy);
    }
    if (copy != NULL) {
        (void)fclose(copy);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return text;
}

int clauses_doc(const char *path, bool write)
{
    char err[256] = "";
    char *text = NULL;
    size_t n = 0;
    int code = CMD_EXIT_CLEAN;

    FILE *f = open_memstream(&text, &n);
    if (f == NULL) {
        return cmd_fail("clauses", CMD_EXIT_ENV, "no memory left");
    }
    map(f);
    (void)fclose(f);
    if (write) {
        if (!cmd_write_file(path, text, n, err)) {
            code = cmd_fail("clauses", CMD_EXIT_ENV, "%s", err);
        }
    } else {
        size_t n_old = 0;
        char *old = read_file(path, &n_old);
        if (old == NULL) {
            code = cmd_fail("clauses", CMD_EXIT_ENV, "%s: cannot be read", path);
        } else if (n_old != n || memcmp(old, text, n) != 0) {
            code = cmd_fail("clauses", CMD_EXIT_FINDING,
                            "%s is stale; write it anew: vringlab clauses --write %s", path, path);
        } else {
            (void)printf("%s is what the tables say\n", path);
        }
        free(old);
    }
    free(text);
    return code;
}
