// model/trace/vl_record.h -- run in a child process and record it, so that whatever the run does to
// itself (a crash, a hang, a kill) leaves a whole trace up to its last event.
//
// The parent opens the machine in memory that it shares with the child, forks, drains the log and
// alone writes the database. The child dies with its parent; the parent never waits for a child
// that makes no progress.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_RECORD_H
#define VL_RECORD_H

#include "model/core/vl_machine.h"
#include "model/trace/vl_trace.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_RECORD_WATCHDOG_S 20u

struct vl_record_job {
    const char *trace_path;      // NULL: no trace
    const char *tool;            // build id, for the trace
    const char *const *scenario; // "key=value" lines in canonical order
    uint32_t n_scenario;
    const struct vl_trace_outside *outside; // files that the run reads
    uint32_t n_outside;
    // The machine and what it points at (log, choices.log) lie in vl_record_shared_open() memory;
    // it is reset, and has no events yet. memory.region[] is read before the child starts.
    struct vl_machine *machine;
    int (*child)(void *arg); // in the child: run the machine; 0: its verdict stands
    void *arg;
    uint32_t watchdog_s; // seconds without a new event; 0: VL_RECORD_WATCHDOG_S
};

// What became of the child.
struct vl_record_result {
    struct vl_verdict verdict; // the machine's, or VL_CRASHED with kind "robustness:crashed"
    int exit_code;             // of the child, -1 if it was killed
    int signal;                // that killed it, 0 if none
    bool hung;                 // the watchdog killed it
};

// Run job->child in a child process; with a path, write the trace. stdout and stderr are the
// parent's. Without hashing (machine->config.hashing) and without a trace, verdict.hash is 0.
// Returns VIRTQ_OK and fills *result, also if the run crashed; VIRTQ_ERR_IO, VIRTQ_ERR_NO_MEMORY,
// VIRTQ_ERR_INVALID with a line in err: then there is no trace, and the child has ended.
VIRTQ_NODISCARD enum virtq_err vl_record_run(const struct vl_record_job *job,
                                             struct vl_record_result *result, char *err);

// Zeroed memory that a child shares with its parent. Returns NULL if there is none.
void *vl_record_shared_open(size_t bytes);
void vl_record_shared_close(void *mem, size_t bytes); // NULL is allowed

#ifdef __cplusplus
}
#endif

#endif
