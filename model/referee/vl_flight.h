// model/referee/vl_flight.h -- what is under way between the sides, as the events tell it.
// Spec: virtio 1.4 §2.7.10, §2.7.13.4, §4.1.4.4 (1.0: §2.4.9, §3.2.1.2, §4.1.4.4).
//
// A sleep is lost only if nothing is under way that would end it: a notification that was sent and
// has not arrived, one whose arrival the device is just answering, an interrupt that waits for its
// handler, a wake-up that came before the sleep. All of that is known from events alone, so that a
// trace can be judged without the run that made it.
//
// Some of it has no event of its own. A posted register write arrives without one: what the trap
// does for it (a WAKE) stands for the arrival, and so does a register access behind it, since none
// passes it. A handler begins without one: it ends with HANDLER_RETURNS, and whatever the driver's
// main context does meanwhile shows that none is at work, since handlers nest on it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_FLIGHT_H
#define VL_FLIGHT_H

#include "model/core/vl_machine.h"

#include <stdbool.h>
#include <stdint.h>

// Contexts nested on the driver's main context: bits of vl_flight.nested. Whatever that context
// does next shows that they have ended.
#define VL_NESTED_WRITE 1u    // a register write that is not posted is being answered
#define VL_NESTED_HANDLER 2u  // the handler lowered the INTx line, and has not returned
#define VL_NESTED_RETURNED 4u // a handler has returned since

struct vl_flight {
    bool wake[VL_SIDE_COUNT]; // the next sleep of that side ends at once
    bool counters;            // notifications are counters in memory, see model/core/vl_counter.h
    bool intx;                // the line is up
    bool masked;              // the driver holds interrupts off
    uint8_t nested;           // VL_NESTED_ bits
    uint32_t doorbells;       // sent, and not arrived
    uint32_t answering;       // arrived, and the device has not woken itself for it
    uint32_t posted;          // register writes that were posted
    uint32_t interrupts;      // sent, and not arrived
    uint64_t pending;         // bit per vector: arrived, and no handler has returned since
    uint64_t again;           // bit per vector: arrived once more while it was pending
    uint16_t sent[VL_SIDE_COUNT]; // counters: what each side stored last
    uint16_t seen[VL_SIDE_COUNT]; // counters: what each side found at its last look
};

// Nothing is under way: the start of a run.
void vl_flight_reset(struct vl_flight *f);

// Take in an event that is no access to a ring: a notification, an interrupt, a register access, a
// wake-up, a sleep and its end, a load or store of a notification counter. Others change nothing.
void vl_flight_event(struct vl_flight *f, const struct vl_event *ev);

// The device has answered a notification without waking itself (it named an error in it), or was
// reset and answers none any more.
void vl_flight_answered(struct vl_flight *f);
void vl_flight_device_reset(struct vl_flight *f);

// Somebody accesses a ring. If it is the driver's main context, nothing is nested on it.
static inline void vl_flight_acts(struct vl_flight *f, const struct vl_event *ev)
{
    if (ev->agent == VL_AGENT_DRIVER) {
        f->nested = 0;
    }
}

static inline void vl_flight_less(uint32_t *n)
{
    *n -= *n > 0;
}

// A register access, as vl_flight_event() takes it in: it arrives behind the posted writes before
// it.
static inline void vl_flight_reads(struct vl_flight *f)
{
    f->nested &= (uint8_t)~VL_NESTED_WRITE;
    f->posted = 0;
}
static inline void vl_flight_writes(struct vl_flight *f, const struct vl_event *ev)
{
    if (ev->field == VL_FIELD_DOORBELL) {
        vl_flight_less(&f->doorbells); // the same notification: it goes as this write
    }
    if (ev->kind == VL_EV_MMIO_WRITE && ev->aux != 0) {
        f->nested &= (uint8_t)~VL_NESTED_WRITE;
        f->posted++;
    } else {
        f->nested |= VL_NESTED_WRITE;
        f->posted = 0;
    }
}

// True if something may still end the sleep of this side, or is being done about it.
bool vl_flight_help(const struct vl_flight *f, enum vl_side sleeper);

#endif
