// tools/cmd/cmd_run.c -- running a scenario in a child process, recorded or not.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_run.h"

#include "model/referee/vl_clause.h"
#include "model/trace/vl_record.h"
#include "tools/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX 64u

// What the child tells its parent beside the machine.
struct shared {
    struct cmd_run_result result;
    char err[LAB_ERR_BYTES];
};

struct child {
    const struct cmd_run_job *job;
    struct lab *lab;
    struct shared *shared;
};

// The clause that a finding breaks, and advice, a line each.
static void print_clauses(const struct vl_verdict *v)
{
    const struct vl_clause_info *clause = vl_clause_info(v->clause);
    if (v->outcome == VL_FINDING && clause != NULL) {
        (void)printf("clause %s (%s, %s, section %s): %s\n", clause->id,
                     vl_bound_name(clause->side), vl_level_name(clause->level), clause->section,
                     clause->summary);
    }
    for (uint32_t i = 0; i < v->n_advice && i < VL_ADVICE_MAX; i++) { // bound: VL_ADVICE_MAX
        const struct vl_advice *advice = &v->advice[i];
        const struct vl_clause_info *info = vl_clause_info(advice->clause);
        (void)printf(
            "advice %s (%s) to the %s at #%" PRIu64 ": %s\n", info != NULL ? info->id : "?",
            vl_level_name(info != NULL ? info->level : VL_SHOULD),
            advice->side == VL_SIDE_DRIVER ? "driver" : "device", advice->event, advice->detail);
    }
}

void cmd_print_verdict(const struct vl_verdict *v)
{
    print_clauses(v);
    (void)printf("verdict=%s kind=%s peer_faults=%u events=%" PRIu64 " hash=%016" PRIx64 "\n",
                 vl_outcome_name(v->outcome), v->kind, v->peer_faults, v->n_events, v->hash);
}

uint32_t cmd_scenario_lines(const struct lab_scenario *s, char *text, size_t text_bytes,
                            char **lines, uint32_t max)
{
    if (lab_scenario_print(s, '\n', true, text, text_bytes) == 0) {
        return 0;
    }
    return (uint32_t)cmd_split(text, "\n", lines, (int)max);
}

static void show_progress(const struct child *c, uint64_t done, time_t *last)
{
    const time_t now = time(NULL); // display only: nothing of a run depends on it
    const bool terminal = isatty(STDERR_FILENO) != 0;
    if (c->job->quiet || now - *last < (terminal ? 1 : 10)) {
        return;
    }
    *last = now;
    (void)fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " runs, %" PRIu64 " events%s",
                  terminal ? "\r" : "", done, c->job->n_runs, c->shared->result.n_events,
                  terminal ? "" : "\n");
    (void)fflush(stderr);
}

static int run_child(void *arg)
{
    struct child *c = arg;
    struct cmd_run_result *r = &c->shared->result;
    struct lab_choices choices = c->job->choices;
    time_t last = time(NULL);

    for (uint64_t i = 0; i < c->job->n_runs; i++) { // bound: n_runs
        choices.seed = c->job->choices.seed + i;
        r->seed = choices.seed;
        r->verdict = *lab_run(c->lab, &choices);
        r->n_done = i + 1;
        r->n_events += r->verdict.n_events;
        r->marks |= lab_marks(c->lab);
        if (r->verdict.outcome == VL_FINDING) {
            break;
        }
        show_progress(c, i + 1, &last);
    }
    (void)snprintf(r->sha256, sizeof(r->sha256), "%s", lab_read_sha256(c->lab));
    return lab_commit_writes(c->lab, c->shared->err) ? 0 : 1;
}

static int record(const struct cmd_run_job *job, struct lab *lab, struct shared *shared)
{
    char text[LAB_TEXT_BYTES];
    char *lines[LINES_MAX];
    char err[VL_TRACE_ERR_BYTES] = "";
    struct child child = {.job = job, .lab = lab, .shared = shared};
    struct lab_disk_info disk;
    struct vl_trace_outside outside = {0};
    struct vl_record_result result;

    lab_disk_info(lab, &disk);
    (void)snprintf(outside.name, sizeof(outside.name), "%s", disk.path);
    (void)snprintf(outside.sha256, sizeof(outside.sha256), "%s", disk.sha256);
    outside.size = disk.bytes;
    const struct vl_record_job record_job = {
        .trace_path = job->trace_path,
        .tool = cmd_build_id(),
        .scenario = (const char *const *)lines,
        .n_scenario = cmd_scenario_lines(&job->scenario, text, sizeof(text), lines, LINES_MAX),
        .outside = &outside,
        .n_outside = disk.path[0] != '\0' ? 1 : 0,
        .machine = lab_machine(lab),
        .child = run_child,
        .arg = &child,
        .watchdog_s = 0};
    (void)fflush(stdout);
    if (vl_record_run(&record_job, &result, err) != VIRTQ_OK) {
        return cmd_fail(job->name, CMD_EXIT_ENV, "%s", err);
    }
    if (shared->err[0] != '\0') {
        return cmd_fail(job->name, CMD_EXIT_ENV, "%s", shared->err);
    }
    shared->result.verdict = result.verdict;
    (void)snprintf(shared->result.disk_sha256, sizeof(shared->result.disk_sha256), "%s",
                   disk.sha256);
    return result.verdict.outcome == VL_FINDING || result.verdict.outcome == VL_CRASHED
               ? CMD_EXIT_FINDING
               : CMD_EXIT_CLEAN;
}

static int run_in(const struct cmd_run_job *job, struct shared *shared)
{
    char err[LAB_ERR_BYTES] = "";
    const struct lab_options options = {
        .shared = true, .hashing = true, .referees = true, .deviations_max = 1u << 18};
    struct lab *lab = lab_open(&job->scenario, &options, err);
    if (lab == NULL) {
        return cmd_fail(job->name, CMD_EXIT_ENV, "%s", err);
    }
    const int code = record(job, lab, shared);
    lab_close(lab);
    return code;
}

int cmd_run_scenario(const struct cmd_run_job *job, struct cmd_run_result *result)
{
    struct shared *shared = vl_record_shared_open(sizeof(*shared));
    if (shared == NULL) {
        return cmd_fail(job->name, CMD_EXIT_ENV, "not enough memory");
    }
    struct cmd_run_job first = *job;
    if (job->n_runs > 1) {
        first.trace_path = NULL; // which of them is worth a trace is known afterwards
    }
    int code = run_in(&first, shared);
    if (code == CMD_EXIT_FINDING && job->n_runs > 1 && job->trace_path != NULL) {
        const struct cmd_run_result all = shared->result;
        struct cmd_run_job again = *job;
        again.n_runs = 1;
        again.choices.seed = all.seed;
        memset(shared, 0, sizeof(*shared));
        code = run_in(&again, shared);
        shared->result.n_done = all.n_done;
        shared->result.marks = all.marks;
        shared->result.n_events = all.n_events;
    }
    *result = shared->result;
    vl_record_shared_close(shared, sizeof(*shared));
    return code;
}
