// model/referee/vl_judge.h -- the referees over stored events, without players and without a run.
//
//   judge = vl_judge_open(&setup);
//   while (there is an event && vl_judge_event(judge, ev, payload)) {}
//   verdict = vl_judge_end(judge);
//   vl_judge_close(judge);
//
// It comes to the verdict that the same referees came to in the run that made the events. What only
// the run itself could know is told by the caller: that its budget was exhausted, or that it died.
// Events may come from anybody: those whose shape no port call has are refused, not judged.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_JUDGE_H
#define VL_JUDGE_H

#include "model/referee/vl_referee.h"

#define VL_JUDGE_MEM_MAX_BYTES (1u << 30) // of all regions together

struct vl_judge; // opaque: vl_judge_open() .. vl_judge_close()

struct vl_judge_setup {
    struct vl_referee_config config;
    uint32_t queue_size_max; // 1..32768: a queue that is larger is not followed
    uint32_t n_regions;      // at most VL_REFEREE_REGIONS
    struct vl_referee_region region[VL_REFEREE_REGIONS];
    // How the events ended: VL_BUDGET, VL_CRASHED, or VL_CLEAN for any other way.
    enum vl_outcome ended;
    bool derive_notes; // submit, pop and complete are not among the events: vl_judge_notes.h
};

// Returns NULL if there is not enough memory, or if the regions are more than
// VL_JUDGE_MEM_MAX_BYTES.
struct vl_judge *vl_judge_open(const struct vl_judge_setup *setup);
void vl_judge_close(struct vl_judge *judge); // NULL is allowed

// Judge the next event. payload: the ev->len bytes of a bulk event, else NULL.
// Returns false if nothing more is to be judged: there is a finding, or the event is refused.
bool vl_judge_event(struct vl_judge *judge, const struct vl_event *ev, const uint8_t *payload);

// What is wrong with the event that was refused; NULL if none was.
const char *vl_judge_fault(const struct vl_judge *judge);

// After the last event: what they come to. n_events is how many there are in all; hash is 0.
const struct vl_verdict *vl_judge_end(struct vl_judge *judge, uint64_t n_events);

#endif
