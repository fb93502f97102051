// tools/cmd/zoo.c -- vringlab zoo: bugs that ring code really had, each with a run that shows it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/zoo.h"

#include "model/referee/vl_clause.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_zoo;

#define PROJECT_COLUMNS 26

// ---- the list -----------------------------------------------------------------------------------

// What the entry's input names as its finding; "?" with a complaint if it cannot be read.
static bool finding_of(const struct zoo_entry *e, char out[48])
{
    char path[ZOO_PATH_BYTES];
    char err[256] = "the name is too long";
    struct lab_input in = {0};

    const bool ok =
        zoo_path(e, "input.run", path) && lab_input_load(path, LAB_TARGET_NONE, &in, err);
    (void)snprintf(out, 48, "%s", ok && in.finding[0] != '\0' ? in.finding : "?");
    lab_input_free(&in);
    return ok || cmd_fail("zoo", 0, "%s", err) != 0;
}

static uint32_t slug_columns(const struct zoo *z)
{
    uint32_t columns = 4;
    for (uint32_t i = 0; i < z->n; i++) { // bound: ZOO_MAX
        const uint32_t n = (uint32_t)strlen(z->entry[i].slug);
        columns = n > columns ? n : columns;
    }
    return columns;
}

static void print_row(int columns, const struct zoo_entry *e, const char *last)
{
    char project[PROJECT_COLUMNS + 1];
    const bool whole = strlen(e->project) <= PROJECT_COLUMNS;
    (void)snprintf(project, sizeof(project), "%.*s%s",
                   whole ? PROJECT_COLUMNS : PROJECT_COLUMNS - 2, e->project, whole ? "" : "..");
    (void)printf("%-*s  %-*s  %-9s  %-13s  %s\n", columns, e->slug, PROJECT_COLUMNS, project,
                 e->side, e->class, last);
}

void zoo_json_facts(const struct zoo_entry *e)
{
    (void)printf("{");
    cmd_json_pair(stdout, "slug", e->slug, 1);
    cmd_json_pair(stdout, "project", e->project, 0);
    cmd_json_pair(stdout, "reference", e->reference, 0);
    cmd_json_pair(stdout, "side", e->side, 0);
    cmd_json_pair(stdout, "class", e->class, 0);
    cmd_json_pair(stdout, "summary", e->summary, 0);
    (void)printf(", \"symptoms\": [");
    for (uint32_t i = 0; i < e->n_symptoms; i++) { // bound: ZOO_SYMPTOMS_MAX
        (void)printf("%s", i > 0 ? ", " : "");
        cmd_json_text(stdout, e->symptom[i]);
    }
    (void)printf("]");
    if (e->lacks != NULL) {
        cmd_json_pair(stdout, "lacks", e->lacks, 0);
        return;
    }
    cmd_json_pair(stdout, "memory", e->memory, 0);
    cmd_json_pair(stdout, "fuzz", e->fuzz, 0);
    (void)printf(", \"clauses\": [");
    for (uint32_t i = 0; i < e->n_clauses; i++) { // bound: ZOO_CLAUSES_MAX
        (void)printf("%s\"%s\"", i > 0 ? ", " : "", vl_clause_info(e->clause[i])->id);
    }
    (void)printf("]");
}

// Entries that cannot be read are complained of, and the others listed.
static int list_json(const struct zoo *z)
{
    const char *before = "[";
    bool ok = true;

    for (uint32_t i = 0; i < z->n; i++) { // bound: ZOO_MAX
        const struct zoo_entry *e = &z->entry[i];
        char finding[48];
        if (e->err[0] != '\0') {
            ok = cmd_fail("zoo", 0, "%s", e->err) != 0;
            continue;
        }
        (void)printf("%s", before);
        before = ",\n ";
        zoo_json_facts(e);
        if (e->lacks == NULL) {
            ok = finding_of(e, finding) && ok;
            cmd_json_pair(stdout, "finding", finding, 0);
        }
        (void)printf("}");
    }
    (void)printf("%s]\n", before[0] == '[' ? "[" : "");
    return ok ? CMD_EXIT_CLEAN : CMD_EXIT_ENV;
}

static int list(const struct zoo *z)
{
    const int columns = (int)slug_columns(z);
    const uint32_t n_modelled = z->n - z->n_lacking;
    bool ok = true;

    (void)printf("%-*s  %-*s  %-9s  %-13s  %s\n", columns, "bug", PROJECT_COLUMNS, "project",
                 "side", "class", "finding");
    for (uint32_t i = 0; i < z->n; i++) { // bound: ZOO_MAX
        const struct zoo_entry *e = &z->entry[i];
        char finding[48];
        if (i == n_modelled) {
            (void)printf("\nwaiting for a feature:\n%-*s  %-*s  %-9s  %-13s  %s\n", columns, "bug",
                         PROJECT_COLUMNS, "project", "side", "class", "lacks");
        }
        if (e->err[0] != '\0') {
            ok = cmd_fail("zoo", 0, "%s", e->err) != 0;
        } else if (e->lacks != NULL) {
            print_row(columns, e, e->lacks);
        } else {
            ok = finding_of(e, finding) && ok;
            print_row(columns, e, finding);
        }
    }
    (void)printf("\n%" PRIu32 " bugs modelled, %" PRIu32 " waiting; `vringlab zoo show BUG` tells "
                 "the story of one\n",
                 n_modelled, z->n_lacking);
    return ok ? CMD_EXIT_CLEAN : CMD_EXIT_ENV;
}

// ---- the command --------------------------------------------------------------------------------

struct arguments {
    const char *verb; // "show", "run"; NULL: the list, or a search
    const char *slug;
    const char *symptom;
    const char *root;
    bool all;
    bool json;
};

static int parse(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (strcmp(argv[i], "--all") == 0) {
            a->all = true;
        } else if (strcmp(argv[i], "--symptom") == 0) {
            value = &a->symptom;
        } else if (strcmp(argv[i], "--root") == 0) {
            value = &a->root;
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_zoo, "%s: no such option", argv[i]);
        } else if (a->verb == NULL &&
                   (strcmp(argv[i], "show") == 0 || strcmp(argv[i], "run") == 0)) {
            a->verb = argv[i];
        } else if (a->verb == NULL || a->slug != NULL) {
            return cmd_usage(&cmd_zoo, "%s: show BUG, or run BUG, one at a time", argv[i]);
        } else {
            a->slug = argv[i];
        }
        if (value != NULL && i + 1 == argc) {
            return cmd_usage(&cmd_zoo, "%s needs a value", argv[i]);
        }
        if (value != NULL) {
            *value = argv[++i];
        }
    }
    const bool runs = a->verb != NULL && strcmp(a->verb, "run") == 0;
    if ((a->all && !runs) || (a->symptom != NULL && a->verb != NULL)) {
        return cmd_usage(&cmd_zoo, "these do not go together");
    }
    if (a->verb != NULL && (a->slug != NULL) == a->all) {
        return cmd_usage(&cmd_zoo, runs ? "run needs a bug, or --all" : "show needs a bug");
    }
    return CMD_EXIT_CLEAN;
}

static int with_entry(const struct zoo *z, const struct arguments *a)
{
    const struct zoo_entry *e = NULL;
    const bool runs = strcmp(a->verb, "run") == 0;

    if (a->all) {
        return zoo_run(z, NULL, a->json);
    }
    e = zoo_find(z, a->slug);
    if (e == NULL) {
        return cmd_usage(&cmd_zoo, "%s: no such bug; `vringlab zoo` lists them", a->slug);
    }
    if (runs && e->lacks != NULL) {
        return cmd_usage(&cmd_zoo, "%s: cannot be run before there is: %s", e->slug, e->lacks);
    }
    if (!runs && e->err[0] != '\0') {
        return cmd_fail("zoo", CMD_EXIT_ENV, "%s", e->err);
    }
    return runs ? zoo_run(z, e, a->json) : zoo_show(e, a->json);
}

static int zoo_main(int argc, char **argv)
{
    struct arguments a = {0};
    struct zoo z;
    char err[ZOO_ERR_BYTES] = "";

    int code = parse(argc, argv, &a);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    if (!zoo_open(&z, a.root, err)) {
        code = cmd_fail("zoo", CMD_EXIT_ENV, "%s", err);
    } else if (a.symptom != NULL) {
        code = zoo_search(&z, a.symptom, a.json);
    } else if (a.verb != NULL) {
        code = with_entry(&z, &a);
    } else {
        code = a.json ? list_json(&z) : list(&z);
    }
    zoo_close(&z);
    return code;
}

const struct cmd cmd_zoo = {
    "zoo", "[--symptom TEXT | show BUG | run BUG|--all] [--json] [--root DIR]",
    "bugs that ring code really had, each with a run that shows it",
    "Without more: all bugs, with project, side, class and finding, then those that wait for a\n"
    "feature. corpus/zoo/README.md describes the files.\n"
    "\n"
    "  --symptom TEXT   bugs that are seen like this: a line of a log, or some words\n"
    "  show BUG         its story, the patch, the input in sentences, and the end of its run as a\n"
    "                   timeline of driver and device\n"
    "  run BUG|--all    run the input with its fault, which must come to its finding, and "
    "without,\n"
    "                   which must be clean; the last line is reproduced=N failed=N lacking=N\n"
    "  --json           for programs\n"
    "  --root DIR       the source tree; else the one above the executable\n"
    "\n"
    "  vringlab zoo --symptom 'id 71 is not a head'\n"
    "  vringlab zoo show drv-used-id-unchecked\n"
    "\n"
    "exit codes: 0 done; 1 not reproduced, or no bug has the symptom; 2 usage; 3 environment\n",
    zoo_main};
