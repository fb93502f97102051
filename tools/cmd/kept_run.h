// tools/cmd/kept_run.h -- a run with all its events, for who wants to show it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef KEPT_RUN_H
#define KEPT_RUN_H

#include "tools/lab/lab_world.h"

#define KEPT_ERR_BYTES 512u
#define KEPT_EVENTS_MAX (1u << 17)
#define KEPT_SITES_MAX 256u
#define KEPT_BYTES_SHOWN 8u

struct kept_event {
    struct vl_event ev;
    uint8_t bytes[KEPT_BYTES_SHOWN]; // the first ones of a payload
};

struct kept_run {
    struct vl_verdict verdict;
    struct kept_event *event; // n_events of them: all, or the first KEPT_EVENTS_MAX
    uint32_t n_events;
    struct vl_log_site site[KEPT_SITES_MAX]; // that any event had
    uint32_t n_sites;
};

// Run list (canonical) under s in a child process. referees: false: nobody judges, so that the run
// goes on behind what is wrong. False with err (KEPT_ERR_BYTES) if the run cannot be made.
// Ends with kept_run_close() in both cases.
bool kept_run_open(struct kept_run *r, const struct lab_scenario *s,
                   const struct vl_deviation *list, uint32_t n, bool referees, char *err);
void kept_run_close(struct kept_run *r);

#endif
