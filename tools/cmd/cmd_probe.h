// tools/cmd/cmd_probe.h -- trying inputs: quiet runs in a child, one after the other.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_PROBE_H
#define CMD_PROBE_H

#include "tools/cmd/event_text.h"
#include "tools/lab/lab_world.h"

#include <stdbool.h>
#include <stdint.h>

// A world that is opened anew for each new scenario; zero before the first run.
struct cmd_probe {
    struct lab *lab;
    struct lab_scenario scenario;
    struct event_text *text; // not NULL: learns from each event (vl_record_shared_open() memory)
    uint32_t deviations_max;
    uint32_t watchdog_s; // seconds without an event that a run may take; 0: VL_RECORD_WATCHDOG_S
    const struct lab_outside *outside; // not NULL: stands in for the disk file
    bool quiet;                        // what a run says on stderr when it dies goes nowhere
};

// In a child: stderr goes nowhere from here on.
void cmd_probe_hush(void);

// Run list (canonical) under s in a child process. Returns false with err if the run cannot be
// made; a crash is a verdict. Afterwards the machine's log and deviations can be read.
bool cmd_probe_run(struct cmd_probe *p, const struct lab_scenario *s,
                   const struct vl_deviation *list, uint32_t n, struct vl_verdict *verdict,
                   char err[LAB_ERR_BYTES]);

// Copy the deviations that the last run took, in canonical order, to list (room for max).
// Returns how many; 0 also if there is no room.
uint32_t cmd_probe_taken(const struct cmd_probe *p, struct vl_deviation *list, uint32_t max);

// Many inputs under one scenario, for one that is looked for: some 10 times cheaper a run than one
// by one, since all run in one child.
#define CMD_PROBE_SKIP UINT32_MAX
struct cmd_probe_search {
    void *ctx;
    uint64_t n; // inputs 0 .. n - 1
    uint32_t n_max;
    // Put input i, canonical, into list, which has room for n_max. Returns how many deviations, or
    // CMD_PROBE_SKIP: there is nothing to run.
    uint32_t (*make)(void *ctx, uint64_t i, struct vl_deviation *list);
    bool (*good)(void *ctx, const struct vl_verdict *verdict); // p can be asked for events
    bool (*over)(void *ctx);                                   // give up
};

// Run them in order up to the first good one. Returns its number, or search->n if there is none, a
// run crashed, or they cannot be run. *n_runs (if not NULL) grows by how many were made.
uint64_t cmd_probe_search(struct cmd_probe *p, const struct lab_scenario *s,
                          const struct cmd_probe_search *search, uint32_t *n_runs);

// End with this; the probe can be used again.
void cmd_probe_close(struct cmd_probe *p);

#endif
