// tools/cmd/ring_from.h -- a ring as a run of the lab left it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_FROM_H
#define RING_FROM_H

#include "tools/cmd/ring_dump.h"
#include "tools/lab/lab_input.h"

// How a run ended.
struct ring_end {
    bool found; // the queue was live
    bool stuck; // the last thing that happened is that somebody went to sleep, or nobody could run
};

// Run in to its end in a child process and take its queue from guest memory, with indirect tables,
// features, and how far each side has read: as it stands at the end, or as it was when the driver
// took it down. quiet: what the run says on stderr when it dies goes nowhere.
// Returns true, with *r to be closed if end->found. False with err (RING_ERR_BYTES).
bool ring_from_run(const struct lab_input *in, uint16_t queue, bool quiet, struct ring_image *r,
                   struct ring_end *end, char *err);

#endif
