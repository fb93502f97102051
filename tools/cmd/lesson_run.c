// tools/cmd/lesson_run.c -- running a lesson's input in a child process, and keeping its events.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/lesson_run.h"

#include "model/trace/vl_record.h"
#include "tools/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the child writes and the parent reads.
struct recording {
    uint32_t n; // of all events; the first LESSON_EVENTS_MAX are here
    struct lesson_event event[LESSON_EVENTS_MAX];
};

struct trial {
    struct lab *lab;
    struct lab_choices choices;
};

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct recording *r = ctx;
    (void)seq;
    if (r->n < LESSON_EVENTS_MAX) {
        struct lesson_event *e = &r->event[r->n];
        e->ev = *ev;
        if (payload != NULL) {
            memcpy(e->bytes, payload, ev->len < LESSON_BYTES_SHOWN ? ev->len : LESSON_BYTES_SHOWN);
        }
    }
    r->n++;
}

static int run_child(void *arg)
{
    const struct trial *t = arg;
    (void)lab_run(t->lab, &t->choices);
    return 0;
}

static void take_sites(struct lesson_run *r, const struct vl_log *log)
{
    const uint32_t n = atomic_load(&log->n_sites);
    for (uint32_t i = 1; i <= n && i < VL_LOG_SITES && r->n_sites < LESSON_SITES_MAX; i++) {
        r->site[r->n_sites++] = log->sites[i];
    }
}

// Run it under s; rec NULL: only the verdict is wanted.
static bool run_once(struct lesson_run *r, const struct lab_scenario *s, bool referees,
                     struct recording *rec, struct vl_verdict *verdict, char *err)
{
    const struct lab_options options = {
        .shared = true, .hashing = true, .referees = referees, .deviations_max = 1024};
    struct vl_record_result result;
    struct trial trial = {
        .choices = {.source = VL_SOURCE_INPUT, .list = r->input.list, .n = r->input.n}};

    trial.lab = lab_open(s, &options, err);
    if (trial.lab == NULL) {
        return false;
    }
    if (rec != NULL) {
        const struct vl_observer observer = {.ctx = rec, .on_event = on_event};
        lab_set_observer(trial.lab, &observer);
    }
    const struct vl_record_job job = {.tool = cmd_build_id(),
                                      .machine = lab_machine(trial.lab),
                                      .child = run_child,
                                      .arg = &trial};
    const bool ok = vl_record_run(&job, &result, err) == VIRTQ_OK;
    if (ok) {
        *verdict = result.verdict;
    }
    if (ok && rec != NULL) {
        take_sites(r, job.machine->log);
    }
    lab_close(trial.lab);
    return ok;
}

static bool keep(struct lesson_run *r, const struct recording *rec, char *err)
{
    if (rec->n > LESSON_EVENTS_MAX) {
        (void)snprintf(err, LESSON_ERR_BYTES, "the run has %u events, more than a lesson's %u",
                       rec->n, LESSON_EVENTS_MAX);
        return false;
    }
    r->event = calloc(rec->n + 1, sizeof(r->event[0]));
    if (r->event == NULL) {
        (void)snprintf(err, LESSON_ERR_BYTES, "no memory left");
        return false;
    }
    memcpy(r->event, rec->event, rec->n * sizeof(r->event[0]));
    r->n_events = rec->n;
    return true;
}

static bool run_all(const struct lesson *l, struct lesson_run *r, struct recording *rec, char *err)
{
    const bool see = r->input.scenario.races == LAB_RACES_SEE;

    if (!run_once(r, &r->input.scenario, !l->unjudged, rec, &r->verdict, err) ||
        !keep(r, rec, err)) {
        return false;
    }
    if (see || l->unjudged) {
        struct lab_scenario stop = r->input.scenario;
        stop.races = LAB_RACES_STOP;
        r->has_stopped = true;
        if (!run_once(r, &stop, true, NULL, &r->stopped, err)) {
            return false;
        }
    }
    const struct vl_verdict *judged = l->unjudged ? &r->stopped : &r->verdict;
    if (judged->outcome != VL_FINDING || strcmp(judged->kind, r->input.finding) != 0) {
        (void)snprintf(err, LESSON_ERR_BYTES, "%.300s/input.run: names %s and comes to %s", l->dir,
                       r->input.finding, judged->kind);
        return false;
    }
    return true;
}

bool lesson_run_open(const struct lesson *l, struct lesson_run *r, char *err)
{
    char path[LESSON_PATH_BYTES + 16];
    struct recording *rec = vl_record_shared_open(sizeof(*rec));

    memset(r, 0, sizeof(*r));
    if (rec == NULL) {
        (void)snprintf(err, LESSON_ERR_BYTES, "no memory left");
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/input.run", l->dir);
    const bool ok =
        lab_input_load(path, LAB_TARGET_NONE, &r->input, err) && run_all(l, r, rec, err);
    vl_record_shared_close(rec, sizeof(*rec));
    return ok;
}

void lesson_run_close(struct lesson_run *r)
{
    lab_input_free(&r->input);
    free(r->event);
    r->event = NULL;
}
