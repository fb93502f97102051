// tools/cmd/clause_try.c -- what there is for a clause, and trying its breach.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/clause_try.h"

#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_run.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 32

static const struct vl_check *check_of(enum vl_clause c)
{
    const struct vl_check *check = NULL;

    for (uint32_t i = 0; (check = vl_check_at(i)) != NULL; i++) { // bound: places in the sources
        if (check->clause == c) {
            return check;
        }
    }
    return NULL;
}

const struct lab_breach *clause_breach(enum vl_clause c)
{
    const struct lab_breach *breach = NULL;

    for (uint32_t i = 0; (breach = lab_breach_at(i)) != NULL; i++) { // bound: rows of the tables
        if (strcmp(breach->id, vl_clause_info(c)->id) == 0) {
            return breach;
        }
    }
    return NULL;
}

void clause_look(enum vl_clause c, struct clause_state *state)
{
    enum vl_clause same = VL_CLAUSE_NONE;
    bool checked = true;
    bool broken = true;

    *state = (struct clause_state){.same = vl_clause_restated(c, 0, NULL),
                                   .check = check_of(c),
                                   .breach = clause_breach(c),
                                   .undecidable = vl_clause_undecidable(c)};
    for (unsigned i = 0; (same = vl_clause_restated(c, i, NULL)) != VL_CLAUSE_NONE; i++) {
        checked = checked && check_of(same) != NULL; // bound: rows of the table
        broken = broken && clause_breach(same) != NULL;
    }
    if (state->same != VL_CLAUSE_NONE && checked && state->check == NULL) {
        state->check = check_of(state->same);
    }
    if (state->same != VL_CLAUSE_NONE && broken && state->breach == NULL) {
        state->breach = clause_breach(state->same);
    }
}

bool clause_holds(enum vl_clause c, const uint8_t yes[VL_CLAUSE_COUNT])
{
    enum vl_clause same = VL_CLAUSE_NONE;
    unsigned n = 0;
    unsigned n_yes = 0;

    for (; (same = vl_clause_restated(c, n, NULL)) != VL_CLAUSE_NONE; n++) { // bound: rows
        n_yes += yes[same] != 0 ? 1 : 0;
    }
    return yes[c] != 0 || (n > 0 && n_yes == n);
}

bool clause_scenario(const struct lab_breach *breach, bool fault, const char *hostile,
                     struct lab_scenario *s, char err[256])
{
    char text[CLAUSE_WORDS_BYTES];
    char *argv[WORDS_MAX];
    const char *lies = hostile != NULL       ? hostile
                       : breach->device_lies ? "device"
                       : breach->driver_lies ? "driver"
                                             : "none";

    (void)snprintf(text, sizeof(text), "%s hostile=%s%s%s", breach->scenario, lies,
                   fault ? " fault=clause:" : "", fault ? breach->id : "");
    const int argc = cmd_split(text, " ", argv, WORDS_MAX);
    lab_scenario_default(s);
    return lab_scenario_parse(s, argc, argv, err);
}

// One run. Returns false with err if it was not possible.
static bool run(const struct lab_breach *breach, bool fault, const char *hostile,
                struct vl_verdict *verdict, char err[256])
{
    struct cmd_run_job job = {
        .name = "clauses", .choices = {.source = VL_SOURCE_INPUT}, .n_runs = 1, .quiet = true};
    struct cmd_run_result result;

    if (!clause_scenario(breach, fault, hostile, &job.scenario, err)) {
        return false;
    }
    const int code = cmd_run_scenario(&job, &result);
    if (code != CMD_EXIT_CLEAN && code != CMD_EXIT_FINDING) {
        (void)snprintf(err, 256, "clause:%s: the run was not possible", breach->id);
        return false;
    }
    *verdict = result.verdict;
    return true;
}

static bool advised(const struct vl_verdict *v, enum vl_clause c)
{
    for (uint32_t i = 0; i < v->n_advice && i < VL_ADVICE_MAX; i++) { // bound: VL_ADVICE_MAX
        if (v->advice[i].clause == c) {
            return true;
        }
    }
    return false;
}

static void say(struct clause_result *r, const char *when, const struct vl_verdict *v)
{
    (void)snprintf(r->said, sizeof(r->said), "%s: %s %s: %.300s", when, vl_outcome_name(v->outcome),
                   v->kind, v->n_advice > 0 ? v->advice[0].detail : v->detail);
}

static bool judge_found(const struct lab_breach *breach, const struct vl_verdict *v,
                        struct clause_result *r)
{
    const enum vl_clause c = vl_clause_find(breach->id);
    const struct vl_clause_info *info = vl_clause_info(c);
    const char *side = breach->side == LAB_SIDE_DRIVER ? "driver" : "device";

    if (info == NULL) {
        (void)snprintf(r->said, sizeof(r->said), "no such clause");
        return false;
    }
    say(r, "with the breach", v);
    if (vl_clause_strict(info)) {
        return v->outcome == VL_FINDING && v->clause == c && strcmp(v->side, side) == 0;
    }
    return (v->outcome == VL_CLEAN || v->outcome == VL_BUDGET) && advised(v, c);
}

bool clause_try(const struct lab_breach *breach, struct clause_result *result, char err[256])
{
    const enum vl_clause c = vl_clause_find(breach->id);
    const char *side = breach->side == LAB_SIDE_DRIVER ? "driver" : "device";
    struct vl_verdict v;
    struct lab_scenario s;

    memset(result, 0, sizeof(*result));
    if (!clause_scenario(breach, true, NULL, &s, err) || !run(breach, true, NULL, &v, err)) {
        return false;
    }
    (void)lab_scenario_print(&s, ' ', false, result->words, sizeof(result->words));
    result->found = judge_found(breach, &v, result);
    if (!run(breach, false, "none", &v, err)) {
        return false;
    }
    result->clean_without = v.outcome == VL_CLEAN && !advised(&v, c);
    if (!result->clean_without && result->found) {
        say(result, "without the breach", &v);
    }
    // Where the other half has to lie it is not judged; with this one hostile, too, nobody would
    // be.
    const bool both = breach->device_lies || breach->driver_lies;
    if (!both && !run(breach, true, side, &v, err)) {
        return false;
    }
    result->other_clean = both || v.outcome == VL_CLEAN || v.outcome == VL_BUDGET;
    if (!result->other_clean && result->found && result->clean_without) {
        say(result, "with a hostile peer", &v);
    }
    result->as_expected = result->found && result->clean_without && result->other_clean;
    return true;
}
