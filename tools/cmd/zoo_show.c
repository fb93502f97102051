// tools/cmd/zoo_show.c -- the story of an entry of the zoo: its page, its patch, its run.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_clause.h"
#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_json.h"
#include "tools/cmd/cmd_tree.h"
#include "tools/cmd/timeline.h"
#include "tools/cmd/zoo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMELINE_LINES 40u

static void print_facts(const struct zoo_entry *e)
{
    (void)printf("%s: %s\n\n", e->slug, e->summary);
    (void)printf("  project    %s\n  reference  %s\n  side       %s, class %s", e->project,
                 e->reference, e->side, e->class);
    if (e->lacks != NULL) {
        (void)printf("\n  lacks      %s", e->lacks);
    } else {
        (void)printf(", seen from memory=%s on", e->memory);
    }
    (void)printf("\n");
    for (uint32_t i = 0; i < e->n_symptoms; i++) { // bound: ZOO_SYMPTOMS_MAX
        (void)printf("  %-10s %s\n", i == 0 ? "symptom" : "", e->symptom[i]);
    }
    for (uint32_t i = 0; i < e->n_clauses; i++) { // bound: ZOO_CLAUSES_MAX
        const struct vl_clause_info *c = vl_clause_info(e->clause[i]);
        (void)printf("  %-10s %s (%s, %s): %s\n", i == 0 ? "breaks" : "", c->id,
                     vl_bound_name(c->side), vl_level_name(c->level), c->summary);
    }
}

// A file of the entry as it stands. missing: it need not be there.
static bool print_file(const struct zoo_entry *e, const char *name, bool missing)
{
    char path[ZOO_PATH_BYTES];
    char err[CMD_TREE_ERR_BYTES] = "the name is too long";

    if (!zoo_path(e, name, path) || (missing && access(path, R_OK) != 0)) {
        return missing;
    }
    char *data = cmd_tree_read(path, NULL, err);
    if (data == NULL) {
        return cmd_fail("zoo", 0, "%s", err) != 0;
    }
    (void)printf("\n%s", data);
    free(data);
    return true;
}

static void print_input(const struct zoo_entry *e, const struct lab_input *in)
{
    char words[LAB_TEXT_BYTES];

    (void)lab_scenario_print(&in->scenario, ' ', false, words, sizeof(words));
    (void)printf("\nvringlab run --choices %s/input.run\n    %s\n", e->dir, words);
    for (uint32_t i = 0; i < in->n; i++) { // bound: the input
        char sentence[256];
        lab_deviation_sentence(in->scenario.memory, &in->list[i], sentence, sizeof(sentence));
        (void)printf("    %" PRIu32 ". %s\n", i + 1, sentence);
    }
    if (in->n == 0) {
        (void)printf("    no deviation: the benign run is enough\n");
    }
}

static void print_run(const struct lab_input *in, const struct kept_run *run)
{
    const struct vl_verdict *v = &run->verdict;
    const struct timeline_view view = {.lines = TIMELINE_LINES,
                                       .registers = true,
                                       .adversary_device =
                                           in->scenario.hostile == LAB_HOSTILE_DEVICE};
    const bool found = v->outcome == VL_FINDING || v->outcome == VL_CRASHED;
    (void)printf("\n");
    timeline_print(stdout, &view, run);
    (void)printf("\n%s %s at #%" PRIu64 ", %s%s: %s\n", found ? "finding" : "verdict",
                 found ? v->kind : vl_outcome_name(v->outcome), v->event,
                 strcmp(v->side, "-") == 0 ? "nobody is blamed" : "by the ",
                 strcmp(v->side, "-") == 0 ? "" : v->side, v->detail);
}

static int tell(const struct zoo_entry *e, const struct lab_input *in)
{
    struct kept_run run;
    char err[KEPT_ERR_BYTES] = "";

    print_facts(e);
    if (!print_file(e, "README.md", false) || !print_file(e, "fault.patch", true)) {
        return CMD_EXIT_ENV;
    }
    print_input(e, in);
    const bool ok = kept_run_open(&run, &in->scenario, in->list, in->n, true, err);
    if (ok) {
        print_run(in, &run);
        (void)printf("\n`vringlab zoo run %s` reproduces it; a fuzzer finds it with\n"
                     "`vringlab fuzz %s`\n",
                     e->slug, e->fuzz);
    }
    kept_run_close(&run);
    return ok ? CMD_EXIT_CLEAN : cmd_fail("zoo", CMD_EXIT_ENV, "%s", err);
}

static int tell_json(const struct zoo_entry *e, const struct lab_input *in)
{
    zoo_json_facts(e);
    if (e->lacks == NULL) {
        cmd_json_pair(stdout, "finding", in->finding, 0);
        cmd_json_pair(stdout, "dir", e->dir, 0);
        (void)printf(", \"deviations\": [");
        for (uint32_t i = 0; i < in->n; i++) { // bound: the input
            char sentence[256];
            lab_deviation_sentence(in->scenario.memory, &in->list[i], sentence, sizeof(sentence));
            (void)printf("%s", i > 0 ? ", " : "");
            cmd_json_text(stdout, sentence);
        }
        (void)printf("]");
    }
    (void)printf("}\n");
    return CMD_EXIT_CLEAN;
}

int zoo_show(const struct zoo_entry *e, bool json)
{
    char path[ZOO_PATH_BYTES];
    char err[256] = "the name is too long";
    struct lab_input in = {0};

    if (e->lacks != NULL) {
        if (json) {
            return tell_json(e, NULL);
        }
        print_facts(e);
        return CMD_EXIT_CLEAN;
    }
    if (!zoo_path(e, "input.run", path) || !lab_input_load(path, LAB_TARGET_NONE, &in, err)) {
        return cmd_fail("zoo", CMD_EXIT_ENV, "%s", err);
    }
    const int code = json ? tell_json(e, &in) : tell(e, &in);
    lab_input_free(&in);
    return code;
}
