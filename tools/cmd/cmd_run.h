// tools/cmd/cmd_run.h -- running a scenario in a child process, recorded or not.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "tools/lab/lab_world.h"

#include <stdint.h>

// One run, or runs over seeds, in a child of this process.
struct cmd_run_job {
    const char *name; // subcommand, for messages
    struct lab_scenario scenario;
    struct lab_choices choices; // with seeds: the first
    uint64_t n_runs;            // seeds choices.seed .. + n_runs - 1; ends at the first finding
    const char *trace_path;     // NULL: none; with several runs: of the one with the finding
    bool quiet;                 // no progress, no verdict line
};

struct cmd_run_result {
    struct vl_verdict verdict;
    uint64_t n_done;      // runs that ended
    uint64_t seed;        // of the last run
    uint64_t n_events;    // of all runs
    uint64_t marks;       // of all runs
    char sha256[65];      // what lab_read_sha256() said
    char disk_sha256[65]; // of the disk that the scenario names, "" without one
};

// Returns an exit code; on CMD_EXIT_CLEAN and CMD_EXIT_FINDING *result is filled in. Prints
// progress of several runs on stderr, and the verdict line on stdout.
int cmd_run_scenario(const struct cmd_run_job *job, struct cmd_run_result *result);

// The verdict line of DESIGN: verdict=... kind=... peer_faults=N events=N hash=HEX
void cmd_print_verdict(const struct vl_verdict *verdict);

// The scenario as canonical "key=value" lines for a trace; lines point into text.
uint32_t cmd_scenario_lines(const struct lab_scenario *s, char *text, size_t text_bytes,
                            char **lines, uint32_t max);

#endif
