// fuzz/feedback.h -- what a run came through, told to the engine beside the edges of the halves.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FUZZ_FEEDBACK_H
#define FUZZ_FEEDBACK_H

#include "model/referee/vl_referee.h"

#include <stdint.h>

// Marks and abstract states of the run that just ended. An input that reaches a new one stays in
// the corpus.
void fuzz_feedback(uint64_t marks, const struct vl_states *states);

#endif
