// tools/cmd/cmd_probe.c -- trying inputs: quiet runs in a child, one after the other.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_probe.h"

#include "model/trace/vl_record.h"
#include "tools/cmd/cmd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVIATIONS_MIN 1024u

struct trial {
    struct cmd_probe *probe;
    struct lab_choices choices;
};

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    (void)seq;
    (void)payload;
    event_text_learn(ctx, ev);
}

void cmd_probe_hush(void)
{
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) {
        (void)dup2(nowhere, STDERR_FILENO);
        (void)close(nowhere);
    }
}

static int run_child(void *arg)
{
    struct trial *t = arg;
    if (t->probe->quiet) {
        cmd_probe_hush();
    }
    (void)lab_run(t->probe->lab, &t->choices);
    return 0;
}

static bool open_world(struct cmd_probe *p, const struct lab_scenario *s, uint32_t n,
                       char err[LAB_ERR_BYTES])
{
    if (p->lab != NULL && n <= p->deviations_max && memcmp(s, &p->scenario, sizeof(*s)) == 0) {
        return true;
    }
    cmd_probe_close(p);
    p->deviations_max = n < DEVIATIONS_MIN ? DEVIATIONS_MIN : n;
    const struct lab_options options = {.shared = true,
                                        .hashing = true,
                                        .replay = p->outside != NULL,
                                        .referees = true,
                                        .deviations_max = p->deviations_max};
    p->scenario = *s;
    p->lab = lab_open(s, &options, err);
    if (p->lab != NULL && p->outside != NULL && !lab_serve_outside(p->lab, p->outside, err)) {
        cmd_probe_close(p);
    }
    if (p->lab != NULL && p->text != NULL) {
        const struct vl_observer observer = {.ctx = p->text, .on_event = on_event};
        lab_set_observer(p->lab, &observer);
    }
    return p->lab != NULL;
}

bool cmd_probe_run(struct cmd_probe *p, const struct lab_scenario *s,
                   const struct vl_deviation *list, uint32_t n, struct vl_verdict *verdict,
                   char err[LAB_ERR_BYTES])
{
    if (!open_world(p, s, n, err)) {
        return false;
    }
    struct trial trial = {.probe = p, .choices = {.source = VL_SOURCE_INPUT, .list = list, .n = n}};
    struct vl_record_result result;
    const struct vl_record_job job = {.tool = cmd_build_id(),
                                      .machine = lab_machine(p->lab),
                                      .child = run_child,
                                      .arg = &trial,
                                      .watchdog_s = p->watchdog_s};
    atomic_store(&job.machine->log->head, 0); // a child that dies at once has made no events
    if (vl_record_run(&job, &result, err) != VIRTQ_OK) {
        return false;
    }
    *verdict = result.verdict;
    return true;
}

// What the child of a search tells.
struct searched {
    uint64_t found;
    uint32_t n_runs;
};

struct search_child {
    struct cmd_probe *probe;
    const struct cmd_probe_search *search;
    struct vl_deviation *list;
    struct searched *shared;
};

static int search_child(void *arg)
{
    const struct search_child *c = arg;
    const struct cmd_probe_search *search = c->search;

    if (c->probe->quiet) {
        cmd_probe_hush();
    }
    for (uint64_t i = 0; i < search->n && !search->over(search->ctx); i++) { // bound: search->n
        const uint32_t n = search->make(search->ctx, i, c->list);
        const struct lab_choices choices = {.source = VL_SOURCE_INPUT, .list = c->list, .n = n};
        if (n == CMD_PROBE_SKIP) {
            continue;
        }
        c->shared->n_runs++;
        if (search->good(search->ctx, lab_run(c->probe->lab, &choices))) {
            c->shared->found = i;
            break;
        }
    }
    return 0;
}

uint64_t cmd_probe_search(struct cmd_probe *p, const struct lab_scenario *s,
                          const struct cmd_probe_search *search, uint32_t *n_runs)
{
    char err[LAB_ERR_BYTES];
    struct vl_record_result result;
    uint64_t found = search->n;
    struct search_child child = {.probe = p,
                                 .search = search,
                                 .list = calloc(search->n_max + 1u, sizeof(struct vl_deviation)),
                                 .shared = vl_record_shared_open(sizeof(struct searched))};

    if (child.list != NULL && child.shared != NULL && open_world(p, s, search->n_max, err)) {
        const struct vl_record_job job = {.tool = cmd_build_id(),
                                          .machine = lab_machine(p->lab),
                                          .child = search_child,
                                          .arg = &child,
                                          .watchdog_s = p->watchdog_s};
        child.shared->found = search->n;
        if (vl_record_run(&job, &result, err) == VIRTQ_OK && result.verdict.outcome != VL_CRASHED) {
            found = child.shared->found;
        }
        *n_runs += child.shared->n_runs;
    }
    vl_record_shared_close(child.shared, sizeof(struct searched));
    free(child.list);
    return found;
}

uint32_t cmd_probe_taken(const struct cmd_probe *p, struct vl_deviation *list, uint32_t max)
{
    const struct vl_choices *c = &lab_machine(p->lab)->choices;
    const uint32_t n = c->n_log;
    if (n > max || n > p->deviations_max) {
        return 0;
    }
    memcpy(list, c->log, n * sizeof(list[0]));
    return vl_deviations_canonical(list, n);
}

void cmd_probe_close(struct cmd_probe *p)
{
    if (p->lab != NULL) {
        lab_close(p->lab);
        p->lab = NULL;
    }
}
