// model/core/vl_counter.h -- notifications as counters.
// A doorbell or an interrupt is a store of the next number into a word that the sleeper looks at;
// how late it comes, and which of several are seen as one, is then a question of which store a look
// sees. There are no messages and no trap or handler contexts. This is how the explorer sees
// notifications (model/explore/), so that what it found can be run, recorded and replayed as any
// other run: config.counters. Set-up, resets and other register accesses are as ever.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_COUNTER_H
#define VL_COUNTER_H

#include "model/core/vl_machine.h"

#ifdef __cplusplus
extern "C" {
#endif

// Take the two words from guest memory; at a reset of the machine.
void vl_counter_reset(struct vl_machine *m);

// The current agent notifies the other side `to`. The scheduling point has been taken.
void vl_counter_notify(struct vl_machine *m, enum vl_side to, struct virtq_site *site);

// The current side's main context sleeps until its counter shows another number than it woke up by
// last, or it is woken by a trap of its own side. The scheduling point has been taken.
void vl_counter_await(struct vl_machine *m, struct virtq_site *site);

// The current context lets others run. One that has done nothing since it did so last but look at
// one ring word waits until that word changes; one that has accessed no memory steps aside; any
// other goes on. ev: the RELAX event.
void vl_counter_spin(struct vl_machine *m, struct vl_event ev, struct virtq_site *site);

// True if a look would not find the number that the side woke up by last.
bool vl_counter_moved(const struct vl_machine *m, enum vl_side side);

#ifdef __cplusplus
}
#endif

#endif
