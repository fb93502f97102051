// tools/cmd/zoo_run.c -- reproducing entries of the zoo: with the fault the finding, without it
// nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_json.h"
#include "tools/cmd/cmd_probe.h"
#include "tools/cmd/zoo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_BYTES (ZOO_PATH_BYTES + 64u)

// What became of an entry.
struct trial {
    const struct zoo_entry *entry;
    struct lab_input input;
    struct vl_verdict verdict;   // with its fault
    char why[ZOO_ERR_BYTES];     // it failed; "": reproduced
    char command[COMMAND_BYTES]; // that shows the failure; "" if none does
};

// Run the input under s. False, with why, if that cannot be.
static bool run(struct trial *t, const struct lab_scenario *s, struct vl_verdict *v)
{
    struct cmd_probe probe = {.quiet = true};
    char err[LAB_ERR_BYTES] = "";

    const bool ok = cmd_probe_run(&probe, s, t->input.list, t->input.n, v, err);
    if (!ok) {
        (void)snprintf(t->why, sizeof(t->why), "%s", err);
    }
    cmd_probe_close(&probe);
    return ok;
}

static bool judge_with(struct trial *t)
{
    const struct vl_verdict *v = &t->verdict;
    const struct zoo_entry *e = t->entry;

    // A half that dies is a finding, too.
    const bool found = v->outcome == VL_FINDING || v->outcome == VL_CRASHED;
    if (!found || strcmp(v->kind, t->input.finding) != 0) {
        (void)snprintf(t->why, sizeof(t->why), "names %s and comes to verdict=%s kind=%s",
                       t->input.finding, vl_outcome_name(v->outcome), v->kind);
        return false;
    }
    if (strcmp(e->side, "transport") != 0 && strcmp(v->side, "-") != 0 &&
        strcmp(v->side, e->side) != 0) {
        (void)snprintf(t->why, sizeof(t->why), "is a bug of the %s, and %s blames the %s", e->side,
                       v->kind, v->side);
        return false;
    }
    return true;
}

static bool judge_without(struct trial *t, const struct vl_verdict *v)
{
    if (v->outcome != VL_CLEAN) {
        (void)snprintf(t->why, sizeof(t->why), "without its fault: verdict=%s kind=%s",
                       vl_outcome_name(v->outcome), v->kind);
        return false;
    }
    return true;
}

static bool try_runs(struct trial *t, const char *path)
{
    struct lab_scenario without = t->input.scenario;
    struct vl_verdict v;

    without.n_faults = 0;
    memset(without.fault, 0, sizeof(without.fault));
    (void)snprintf(t->command, sizeof(t->command), "vringlab run --choices %s", path);
    if (!run(t, &t->input.scenario, &t->verdict) || !judge_with(t)) {
        return false;
    }
    (void)snprintf(t->command, sizeof(t->command), "vringlab run fault= --choices %s", path);
    return run(t, &without, &v) && judge_without(t, &v);
}

// True if the entry is whole and reproduces. t->input ends with lab_input_free() in both cases.
static bool reproduce(struct trial *t)
{
    char path[ZOO_PATH_BYTES];
    char err[256] = "the name is too long";

    if (t->entry->err[0] != '\0') {
        (void)snprintf(t->why, sizeof(t->why), "%s", t->entry->err);
        return false;
    }
    if (!zoo_path(t->entry, "input.run", path) ||
        !lab_input_load(path, LAB_TARGET_NONE, &t->input, err)) {
        (void)snprintf(t->why, sizeof(t->why), "%s", err);
        return false;
    }
    if (!zoo_entry_check(t->entry, &t->input, t->why) || !try_runs(t, path)) {
        return false;
    }
    t->command[0] = '\0';
    return true;
}

static void print_text(const struct trial *t)
{
    if (t->why[0] != '\0') {
        (void)printf("failed      %s: %s\n", t->entry->slug, t->why);
        if (t->command[0] != '\0') {
            (void)printf("            %s\n", t->command);
        }
        return;
    }
    (void)printf("reproduced  %s: %s, %s; %" PRIu32 " deviation%s, %" PRIu64 " events; clean "
                 "without the fault\n",
                 t->entry->slug, t->verdict.kind, t->verdict.side, t->input.n,
                 t->input.n == 1 ? "" : "s", t->verdict.n_events);
}

static void print_json(const struct trial *t, bool first)
{
    (void)printf("%s{", first ? "" : ",\n  ");
    cmd_json_pair(stdout, "slug", t->entry->slug, 1);
    (void)printf(", \"reproduced\": %s", t->why[0] == '\0' ? "true" : "false");
    if (t->why[0] != '\0') {
        cmd_json_pair(stdout, "why", t->why, 0);
        cmd_json_pair(stdout, "command", t->command, 0);
    } else {
        cmd_json_pair(stdout, "finding", t->verdict.kind, 0);
        cmd_json_pair(stdout, "side", t->verdict.side, 0);
        (void)printf(", \"deviations\": %" PRIu32 ", \"events\": %" PRIu64, t->input.n,
                     t->verdict.n_events);
    }
    (void)printf("}");
}

// Lines on a terminal are progress enough; where they go elsewhere, a counter says how far it is.
static void progress(uint32_t done, uint32_t all)
{
    if (isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0) {
        (void)fprintf(stderr, "\r%" PRIu32 " of %" PRIu32 "%s", done, all, done == all ? "\n" : "");
        (void)fflush(stderr);
    }
}

int zoo_run(const struct zoo *z, const struct zoo_entry *only, bool json)
{
    const uint32_t n_modelled = z->n - z->n_lacking;
    uint32_t n_good = 0;
    uint32_t n_bad = 0;
    const uint32_t n_lacking = only == NULL ? z->n_lacking : 0;

    (void)printf("%s", json ? "{\"entries\": [" : "");
    for (uint32_t i = 0; i < n_modelled; i++) { // bound: ZOO_MAX
        struct trial t = {.entry = &z->entry[i]};
        if (only != NULL && only != t.entry) {
            continue;
        }
        const bool first = n_good + n_bad == 0;
        const bool good = reproduce(&t);
        n_good += good ? 1 : 0;
        n_bad += good ? 0 : 1;
        if (json) {
            print_json(&t, first);
        } else {
            print_text(&t);
        }
        (void)fflush(stdout);
        lab_input_free(&t.input);
        progress(n_good + n_bad, only == NULL ? n_modelled : 1);
    }
    (void)printf(json ? "],\n \"reproduced\": %" PRIu32 ", \"failed\": %" PRIu32
                        ", \"lacking\": %" PRIu32 "}\n"
                      : "reproduced=%" PRIu32 " failed=%" PRIu32 " lacking=%" PRIu32 "\n",
                 n_good, n_bad, n_lacking);
    return n_bad == 0 ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
}
