// tools/lab/lab_world_internal.h -- what a world is made of, for the files that wire it up.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_WORLD_INTERNAL_H
#define LAB_WORLD_INTERNAL_H

#include "tools/lab/lab_breach.h"
#include "tools/lab/lab_disk.h"
#include "tools/lab/lab_mischief.h"
#include "tools/lab/lab_pci.h"
#include "tools/lab/lab_work.h"
#include "tools/lab/lab_world.h"

struct lab {
    struct lab_options options;
    struct lab_scenario scenario;
    struct vl_machine *machine;
    struct vl_log *log;
    struct vl_deviation *deviations;
    uint32_t mem_bytes;
    uint32_t queue_size_max;
    struct vl_referees *referees;
    struct lab_workload workload;
    uint32_t request_bytes_max;
    struct lab_disk disk;
    struct lab_outside outside;
    struct lab_mischief mischief;
    const struct lab_breach *acts; // of lab_set_acts(), or NULL
    struct lab_breach_run breach;
    struct lab_pci_bus pci;
    const struct lab_player *player[VL_SIDE_COUNT];
    struct lab_half_config half[VL_SIDE_COUNT];
    uint8_t *state[VL_SIDE_COUNT];
    size_t state_max[VL_SIDE_COUNT];
    size_t state_bytes[VL_SIDE_COUNT];
    struct lab_link inner_link; // the device half's
    struct lab_link link;       // the driver's view: inner_link in the trap context
    struct vl_observer observer;
    void (*up)(void *ctx); // told when lab_set_up() would have stopped; NULL: nobody
    void *up_ctx;
};

// Bring both halves up, all choices 0, until the driver is about to work: DRIVER_OK is written, and
// the device has not acted on it yet. The machine stands still then. Returns false if they do not
// come up.
bool lab_set_up(struct lab *lab);

#endif
