// tools/cmd/kept_run.c -- running in a child process, and keeping the events.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/kept_run.h"

#include "model/trace/vl_record.h"
#include "tools/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVIATIONS_MIN 1024u

// What the child writes and the parent reads.
struct recording {
    uint64_t n; // of all events; the first KEPT_EVENTS_MAX are here
    struct kept_event event[KEPT_EVENTS_MAX];
};

struct trial {
    struct lab *lab;
    struct lab_choices choices;
};

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct recording *r = ctx;
    (void)seq;
    if (r->n < KEPT_EVENTS_MAX) {
        struct kept_event *e = &r->event[r->n];
        e->ev = *ev;
        if (payload != NULL) {
            memcpy(e->bytes, payload, ev->len < KEPT_BYTES_SHOWN ? ev->len : KEPT_BYTES_SHOWN);
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

static void take_sites(struct kept_run *r, const struct vl_log *log)
{
    const uint32_t n = atomic_load(&log->n_sites);
    for (uint32_t i = 1; i <= n && i < VL_LOG_SITES && r->n_sites < KEPT_SITES_MAX; i++) {
        r->site[r->n_sites++] = log->sites[i];
    }
}

static bool keep_open(struct kept_run *r, const struct recording *rec, char *err)
{
    const uint32_t n = rec->n < KEPT_EVENTS_MAX ? (uint32_t)rec->n : KEPT_EVENTS_MAX;
    r->event = calloc(n + 1u, sizeof(r->event[0]));
    if (r->event == NULL) {
        (void)snprintf(err, KEPT_ERR_BYTES, "no memory left");
        return false;
    }
    memcpy(r->event, rec->event, n * sizeof(r->event[0]));
    r->n_events = n;
    return true;
}

static bool record(struct kept_run *r, struct trial *trial, struct recording *rec, char *err)
{
    const struct vl_observer observer = {.ctx = rec, .on_event = on_event};
    struct vl_record_result result;
    const struct vl_record_job job = {.tool = cmd_build_id(),
                                      .machine = lab_machine(trial->lab),
                                      .child = run_child,
                                      .arg = trial};

    lab_set_observer(trial->lab, &observer);
    if (vl_record_run(&job, &result, err) != VIRTQ_OK) {
        return false;
    }
    r->verdict = result.verdict;
    take_sites(r, job.machine->log);
    return keep_open(r, rec, err);
}

bool kept_run_open(struct kept_run *r, const struct lab_scenario *s,
                   const struct vl_deviation *list, uint32_t n, bool referees, char *err)
{
    const struct lab_options options = {.shared = true,
                                        .hashing = true,
                                        .referees = referees,
                                        .deviations_max = n < DEVIATIONS_MIN ? DEVIATIONS_MIN : n};
    struct trial trial = {.choices = {.source = VL_SOURCE_INPUT, .list = list, .n = n}};
    struct recording *rec = vl_record_shared_open(sizeof(*rec));

    memset(r, 0, sizeof(*r));
    if (rec == NULL) {
        (void)snprintf(err, KEPT_ERR_BYTES, "no memory left");
        return false;
    }
    trial.lab = lab_open(s, &options, err);
    const bool ok = trial.lab != NULL && record(r, &trial, rec, err);
    if (trial.lab != NULL) {
        lab_close(trial.lab);
    }
    vl_record_shared_close(rec, sizeof(*rec));
    return ok;
}

void kept_run_close(struct kept_run *r)
{
    free(r->event);
    r->event = NULL;
}
