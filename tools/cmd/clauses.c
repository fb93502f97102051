// tools/cmd/clauses.c -- vringlab clauses: the clauses of the standard, who decides them, who
// breaks them, and whether that is so.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/clauses_doc.h"
#include "tools/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_clauses;

struct clauses_args {
    const char *area;
    const char *side;
    const char *id;
    const char *write;
    const char *stale;
    bool uncovered;
    bool check;
    bool verbose;
    bool json;
};

// ---- the table ------------------------------------------------------------------------------

static bool wanted(const struct clauses_args *args, enum vl_clause c)
{
    const struct vl_clause_info *info = vl_clause_info(c);
    struct clause_state state;

    if (args->area != NULL && strcmp(vl_area_name(info->area), args->area) != 0) {
        return false;
    }
    if (args->side != NULL && strcmp(vl_bound_name(info->side), args->side) != 0) {
        return false;
    }
    if (!args->uncovered) {
        return true;
    }
    clause_look(c, &state);
    return vl_area_exists(info->area) && info->level != VL_MAY && state.undecidable == NULL &&
           (state.check == NULL || state.breach == NULL);
}

static const char *state_text(const struct vl_clause_info *info, const struct clause_state *state)
{
    if (state->undecidable != NULL) {
        return "undecidable";
    }
    if (!vl_area_exists(info->area)) {
        return "not built";
    }
    if (state->check != NULL && state->breach != NULL) {
        return "checked";
    }
    return info->level == VL_MAY ? "permission" : state->check != NULL ? "no fault" : "no check";
}

static void print_json_text(const char *text)
{
    for (; *text != '\0'; text++) { // bound: the text
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar(*text);
    }
}

static void print_json_clause(enum vl_clause c, bool first)
{
    const struct vl_clause_info *info = vl_clause_info(c);
    enum vl_clause same = VL_CLAUSE_NONE;
    struct clause_state state;

    clause_look(c, &state);
    (void)printf("%s\n  {\"id\": \"%s\", \"side\": \"%s\", \"level\": \"%s\", \"section\": \"%s\", "
                 "\"section_1_0\": \"%s\", \"area\": \"%s\", \"observed\": \"%s\", "
                 "\"state\": \"%s\", \"same\": \"%s",
                 first ? "" : ",", info->id, vl_bound_name(info->side), vl_level_name(info->level),
                 info->section, info->section_1_0, vl_area_name(info->area),
                 vl_observed_name(info->observed), state_text(info, &state),
                 state.same == VL_CLAUSE_NONE ? info->id : "");
    for (unsigned i = 0; (same = vl_clause_restated(c, i, NULL)) != VL_CLAUSE_NONE; i++) {
        (void)printf("%s%s", i > 0 ? " " : "", vl_clause_info(same)->id); // bound: rows of a table
    }
    (void)printf("\", \"summary\": \"");
    print_json_text(info->summary);
    (void)printf("\"}");
}

static int print_table(const struct clauses_args *args)
{
    uint32_t n = 0;
    struct clause_state state;

    if (args->json) {
        (void)printf("[");
    }
    for (unsigned c = 1; c < VL_CLAUSE_COUNT; c++) {
        const struct vl_clause_info *info = vl_clause_info(c);
        if (!wanted(args, (enum vl_clause)c)) {
            continue;
        }
        if (args->json) {
            print_json_clause((enum vl_clause)c, n == 0);
        } else {
            clause_look((enum vl_clause)c, &state);
            (void)printf("%-22s %-6s %-10s %-10s %-11s %s\n", info->id, vl_bound_name(info->side),
                         vl_level_name(info->level), vl_area_name(info->area),
                         state_text(info, &state), info->summary);
        }
        n++;
    }
    if (args->json) {
        (void)printf("\n]\n");
    } else {
        (void)printf("clauses=%" PRIu32 "\n", n);
    }
    return CMD_EXIT_CLEAN;
}

// ---- all breaches ---------------------------------------------------------------------------

// The first line of the report, as far as areas exist.
struct tally {
    uint32_t a_must;
    uint32_t in_areas;
    uint32_t checker;
    uint32_t fault;
    uint32_t test;
    uint32_t should;
    uint32_t should_test;
    uint32_t undecidable;
    uint32_t failed; // breaches that did not end as they should
};

// A clause later than 1.0: in the table since the feature is here, and not counted among the rest.
static bool later(const struct vl_clause_info *info)
{
    return strcmp(info->id, "4.1.4.3.1-dev-16") == 0;
}

static void tally_clause(struct tally *t, enum vl_clause c, const uint8_t *ended_well)
{
    const struct vl_clause_info *info = vl_clause_info(c);
    struct clause_state state;

    clause_look(c, &state);
    const bool test = clause_holds(c, ended_well);
    if (info->level == VL_SHOULD || info->level == VL_SHOULD_NOT) {
        if (vl_area_exists(info->area) && state.undecidable == NULL) {
            t->should++;
            t->should_test += test ? 1 : 0;
        }
        return;
    }
    if (!vl_clause_strict(info) || later(info)) {
        return;
    }
    t->a_must++;
    if (!vl_area_exists(info->area)) {
        return;
    }
    if (state.undecidable != NULL) {
        t->undecidable++;
        return;
    }
    t->in_areas++;
    t->checker += state.check != NULL ? 1 : 0;
    t->fault += state.breach != NULL ? 1 : 0;
    t->test += test ? 1 : 0;
}

static int try_all(const struct clauses_args *args, struct tally *t, uint8_t *ended_well)
{
    const struct lab_breach *breach = NULL;
    struct clause_result result;
    char err[256] = "";

    for (uint32_t i = 0; (breach = lab_breach_at(i)) != NULL; i++) { // bound: rows of the tables
        const enum vl_clause c = vl_clause_find(breach->id);
        if (c == VL_CLAUSE_NONE) {
            (void)printf("FAIL clause:%s: no such clause\n", breach->id);
            t->failed++;
            continue;
        }
        if (!wanted(args, c)) {
            continue;
        }
        if (!clause_try(breach, &result, err)) {
            return cmd_fail("clauses", CMD_EXIT_ENV, "%s", err);
        }
        ended_well[c] = result.as_expected ? 1 : 0;
        t->failed += result.as_expected ? 0 : 1;
        if (!result.as_expected || args->verbose) {
            (void)printf("%s %s: %s\n  vringlab run %s\n", result.as_expected ? "ok  " : "FAIL",
                         breach->id, result.said, result.words);
            (void)fflush(stdout);
        }
    }
    return CMD_EXIT_CLEAN;
}

static int check_all(const struct clauses_args *args)
{
    static uint8_t ended_well[VL_CLAUSE_COUNT];
    struct tally t = {0};
    uint32_t reclassed = 0;

    const int code = try_all(args, &t, ended_well);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    for (unsigned c = 1; c < VL_CLAUSE_COUNT; c++) {
        const struct vl_clause_info *info = vl_clause_info(c);
        if (args->area == NULL || strcmp(args->area, vl_area_name(info->area)) == 0) {
            tally_clause(&t, (enum vl_clause)c, ended_well);
        }
        reclassed += info->observed != VL_BY_NONE && vl_clause_strict(info) &&
                             vl_clause_undecidable((enum vl_clause)c) != NULL
                         ? 1
                         : 0;
    }
    (void)printf("SHOULD=%" PRIu32 " with a test=%" PRIu32 " undecidable=%" PRIu32
                 " breaches that failed=%" PRIu32 "\n",
                 t.should, t.should_test, t.undecidable, t.failed);
    (void)printf("A-MUST=%" PRIu32 " in-areas=%" PRIu32 " checker=%" PRIu32 " fault=%" PRIu32
                 " test=%" PRIu32 " reclassed=%" PRIu32 "\n",
                 t.a_must, t.in_areas, t.checker, t.fault, t.test, reclassed);
    const bool whole = t.checker == t.in_areas && t.fault == t.in_areas && t.test == t.in_areas &&
                       5 * t.should_test >= 4 * t.should && t.failed == 0;
    return whole ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
}

// ---- the command ----------------------------------------------------------------------------

static bool parse_word(struct clauses_args *args, int argc, char **argv, int *i)
{
    static const char *const names[] = {"--area", "--side", "--write", "--stale"};
    const char **values[] = {&args->area, &args->side, &args->write, &args->stale};
    static const char *const flags[] = {"--uncovered", "--check", "-v", "--verbose", "--json"};
    bool *set[] = {&args->uncovered, &args->check, &args->verbose, &args->verbose, &args->json};

    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        if (strcmp(argv[*i], names[k]) == 0 && *i + 1 < argc) {
            *values[k] = argv[++*i];
            return true;
        }
    }
    for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
        if (strcmp(argv[*i], flags[k]) == 0) {
            *set[k] = true;
            return true;
        }
    }
    if (argv[*i][0] == '-' || args->id != NULL) {
        return false;
    }
    args->id = argv[*i];
    return true;
}

static bool area_known(const char *area)
{
    for (unsigned i = 0; i < VL_AREA_COUNT; i++) {
        if (strcmp(vl_area_name(i), area) == 0) {
            return true;
        }
    }
    return false;
}

static int clauses_main(int argc, char **argv)
{
    struct clauses_args args = {0};

    for (int i = 1; i < argc; i++) {
        if (!parse_word(&args, argc, argv, &i)) {
            return cmd_usage(&cmd_clauses, "%s: unknown, or something is missing behind it",
                             argv[i]);
        }
    }
    if (args.area != NULL && !area_known(args.area)) {
        return cmd_usage(&cmd_clauses, "--area %s: there is no such area", args.area);
    }
    if (args.side != NULL && strcmp(args.side, "driver") != 0 && strcmp(args.side, "device") != 0 &&
        strcmp(args.side, "both") != 0) {
        return cmd_usage(&cmd_clauses, "--side %s: use driver, device or both", args.side);
    }
    if (args.id != NULL) {
        const enum vl_clause c = vl_clause_find(args.id);
        if (c == VL_CLAUSE_NONE) {
            return cmd_usage(&cmd_clauses,
                             "%s: no clause has this ID; `vringlab clauses` lists "
                             "them",
                             args.id);
        }
        return clauses_show(c);
    }
    if (args.write != NULL || args.stale != NULL) {
        return clauses_doc(args.write != NULL ? args.write : args.stale, args.write != NULL);
    }
    return args.check ? check_all(&args) : print_table(&args);
}

const struct cmd cmd_clauses = {
    "clauses",
    "[ID] [--area A] [--side S] [--uncovered] [--check [-v]] [--json] [--write|--stale FILE.md]",
    "the clauses of the standard: who decides each, what breaks it",
    "Without an ID: the table. With one: its summary, check, fault, test, and a run that breaks "
    "it.\n\n"
    "  --area A      only this area: status, split, msix, blk, ...\n"
    "  --side S      only what binds driver, device or both\n"
    "  --uncovered   only what is to have a check and a fault, and lacks one\n"
    "  --check       run every breach: with it exactly its clause is found; without it the run is\n"
    "                clean; with the breaking half hostile the other one, judged, is clean (not\n"
    "                run where the other half has to lie for the breach to show: nobody is left\n"
    "                to judge then). The last line counts MUST and MUST NOT of 1.0; exit code 0\n"
    "                only if all are whole, and SHOULD to 80 %\n"
    "  -v            say each breach's finding, too\n"
    "  --write F     write the map of the specification (docs/SPEC-MAP.md)\n"
    "  --stale F     exit code 1 if F is not what --write would write\n"
    "  --json        the table for programs\n\n"
    "  vringlab clauses 2.7.6.1-drv-1\n"
    "  vringlab clauses --area event-idx --side driver\n",
    clauses_main};
