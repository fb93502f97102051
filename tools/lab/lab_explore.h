// tools/lab/lab_explore.h -- a scenario's real halves as a program of the explorer.
// Set-up runs once, as in any run; what is explored is the work: from the driver's first request to
// the moment when it begins to take the device down.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_EXPLORE_H
#define LAB_EXPLORE_H

#include "model/explore/vl_explore.h"
#include "tools/lab/lab_world.h"

struct lab_explored; // opaque

// Open a world for the scenario and bring it up. The memory model is the search's, not the
// scenario's: set-up is sequential. NULL with err: hostile peers, resets, INTx and bounce buffers
// are not explored.
struct lab_explored *lab_explore_open(const struct lab_scenario *s, const char *player_dir,
                                      char err[LAB_ERR_BYTES]);
void lab_explore_close(struct lab_explored *e);

// The program; lives as long as e.
const struct vl_x_program *lab_explore_program(const struct lab_explored *e);
void lab_explore_bind(struct lab_explored *e, struct vl_explore *x);

// In a complete execution: the driver got all that it asked for, and gave nobody the blame.
bool lab_explore_holds(const struct lab_explored *e);

// Why the search was refused, in words of the halves; NULL if it was not.
const char *lab_explore_error(const struct lab_explored *e);

// What stands at an offset of guest memory: "descriptor", "used entry", "buffer".
const char *lab_explore_addr_name(const struct lab_explored *e, uint32_t addr);

#endif
