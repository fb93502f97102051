// tools/lab/lab_work.h -- the workload: what the driver player is asked to do, and what came of it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_WORK_H
#define LAB_WORK_H

#include "model/core/vl_hash.h"
#include "model/core/vl_machine.h"
#include "tools/lab/lab_player.h"
#include "tools/lab/lab_work_keys.h"

#include <stdbool.h>
#include <stdint.h>

#define LAB_WINDOW 512u // completions that may come before an earlier one

struct lab_workload {
    struct vl_machine *machine;
    const struct lab_scenario *scenario;
    struct lab_work work; // for the driver player
    uint64_t capacity_sectors;
    bool whole_disk; // read all of it, in order, and hash it
    uint64_t next_sector;
    uint64_t issued;
    uint64_t completed;
    uint32_t resets_done;
    bool failed;
    enum virtq_err error;
    uint8_t *write_data; // one request's bytes
    uint32_t request_bytes_max;
    // whole disk: replies put in order
    uint8_t *window; // LAB_WINDOW replies
    uint32_t window_len[LAB_WINDOW];
    uint64_t window_base; // first request (by number) not yet hashed
    bool hash_broken;     // a read failed, or came too early for the window
    struct vl_sha256 sha;
    char sha256[65];
};

// Take memory for requests of the scenario's sizes. False: none left.
bool lab_workload_open(struct lab_workload *w, const struct lab_scenario *s);
void lab_workload_close(struct lab_workload *w);

// Start a run.
void lab_workload_reset(struct lab_workload *w, struct vl_machine *m, const struct lab_scenario *s);

#endif
