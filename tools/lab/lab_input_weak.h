// tools/lab/lab_input_weak.h -- what an input's bytes say about weak memory, and its shorthand for
// many deviations at once.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_INPUT_WEAK_H
#define LAB_INPUT_WEAK_H

#include "model/core/vl_choice.h"
#include "tools/lab/lab_scenario.h"

#include <stdint.h>

// Agent and key of a choice point; keys are of queue 0.
struct lab_address {
    uint8_t agent;
    uint8_t key;
};

// Addresses of a lane at which tso and rc11 give runs a choice. NULL and *n = 0 for a lane to which
// they add none.
const struct lab_address *lab_input_weak_addresses(unsigned lane, uint32_t *n);

// Draw deviations from a number that is not 0: of schedule, read and store, as dense as those of a
// seed. They need not be in order.
// Returns how many were put into list, at most max.
uint32_t lab_input_weak_draw(const struct lab_scenario *s, uint32_t seed, struct vl_deviation *list,
                             uint32_t max);

#endif
