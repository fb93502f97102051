// model/referee/vl_bringup.h -- what the last run's bring-up came to, for runs that begin alike.
//
// Over PCI every run begins with the same walk through config space, and what checkers make of it
// is a function of those events alone. The events up to the first register access are kept with the
// checkers' state behind them; a run whose first events are the same, one by one, takes that state
// over. At the first other event the kept ones, which the run has had too, are judged as ever.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_BRINGUP_H
#define VL_BRINGUP_H

#include "model/core/vl_event.h"
#include "model/referee/vl_referee.h"

#define VL_BRINGUP_EVENTS 96u

enum vl_bringup_state {
    VL_BRINGUP_PAST,    // judged event by event
    VL_BRINGUP_RECORDS, // judged, and kept
    VL_BRINGUP_FOLLOWS, // the same so far as what is kept
};

struct vl_bringup {
    uint8_t state; // enum vl_bringup_state
    bool usable;   // what is kept is whole, and nobody was blamed in it
    uint32_t n;    // kept
    uint32_t at;   // of them this run has had
    struct vl_referee_config config;
    struct vl_event ev[VL_BRINGUP_EVENTS];
    void *spec; // the checkers' state behind them
    void *pci;
    struct vl_states states; // that they reached
};

// Make room. Returns false if there is no memory left.
bool vl_bringup_open(struct vl_bringup *b);
void vl_bringup_close(struct vl_bringup *b);

// Start a run.
void vl_bringup_reset(struct vl_referees *r);

// A register event. Returns true if it is judged already.
bool vl_bringup_takes(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// The event was judged: keep it.
void vl_bringup_keeps(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// Some other event comes: judge what was only followed.
void vl_bringup_leave(struct vl_referees *r);

#endif
