// tools/cmd/ring_text.h -- the rings of a trace as they stood after an event, for people.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_TEXT_H
#define RING_TEXT_H

#include "model/trace/vl_trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// Print the three parts of each queue that was set up by event seq, from the stores up to it.
//   queue  only this one; -1: all
// Returns 0; -1 if there is no memory left or the trace cannot be read, with a line in err
// (VL_TRACE_ERR_BYTES); a queue that was not set up is said on out.
int ring_text_print(FILE *out, struct vl_trace *t, uint64_t seq, int queue, char *err);

#endif
