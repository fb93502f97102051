// tools/cmd/lesson_run.c -- running a lesson's input in a child process, and keeping its events.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/lesson_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// The same run under another scenario, of which only the verdict is wanted.
static bool run_stopped(struct lesson_run *r, char *err)
{
    struct lab_scenario stop = r->input.scenario;
    struct kept_run other;

    stop.races = LAB_RACES_STOP;
    const bool ok = kept_run_open(&other, &stop, r->input.list, r->input.n, true, err);
    r->stopped = other.verdict;
    r->has_stopped = ok;
    kept_run_close(&other);
    return ok;
}

static bool run_all(const struct lesson *l, struct lesson_run *r, char *err)
{
    const bool see = r->input.scenario.races == LAB_RACES_SEE;

    if (!kept_run_open(&r->kept, &r->input.scenario, r->input.list, r->input.n, !l->unjudged,
                       err)) {
        return false;
    }
    if (r->kept.n_events > LESSON_EVENTS_MAX) {
        (void)snprintf(err, LESSON_ERR_BYTES,
                       "the run has %" PRIu32 " events, more than a lesson's %u", r->kept.n_events,
                       LESSON_EVENTS_MAX);
        return false;
    }
    if ((see || l->unjudged) && !run_stopped(r, err)) {
        return false;
    }
    const struct vl_verdict *judged = l->unjudged ? &r->stopped : &r->kept.verdict;
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

    memset(r, 0, sizeof(*r));
    (void)snprintf(path, sizeof(path), "%s/input.run", l->dir);
    return lab_input_load(path, LAB_TARGET_NONE, &r->input, err) && run_all(l, r, err);
}

void lesson_run_close(struct lesson_run *r)
{
    lab_input_free(&r->input);
    kept_run_close(&r->kept);
}
