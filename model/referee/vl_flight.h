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

// The device was reset, and answers no notification any more.
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

static inline bool vl_flight_by_driver(const struct vl_event *ev)
{
    return ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;
}

static inline enum vl_side vl_flight_side_of(const struct vl_event *ev)
{
    return vl_flight_by_driver(ev) ? VL_SIDE_DRIVER : VL_SIDE_DEVICE;
}

// The device has answered a notification: it woke itself, or named an error in it.
static inline void vl_flight_answered(struct vl_flight *f)
{
    if (f->answering > 0) {
        f->answering--;
    } else if ((f->nested & VL_NESTED_WRITE) == 0) { // else it is that write which was answered
        vl_flight_less(&f->posted);
    }
}

// ---- waking and sleeping --------------------------------------------------------------------

static inline void vl_flight_wake(struct vl_flight *f, const struct vl_event *ev)
{
    f->wake[vl_flight_side_of(ev)] = true;
    if (ev->agent == VL_AGENT_TRAP) {
        vl_flight_answered(f);
    }
}

// Before its main context goes to sleep the driver lets in what is pending. If no handler returned
// since it last did something, there was nothing.
static inline void vl_flight_driver_sleeps(struct vl_flight *f)
{
    if (!f->masked && (f->nested & VL_NESTED_RETURNED) == 0) {
        f->pending = f->again = 0;
    }
    f->nested &= VL_NESTED_RETURNED;
}

static inline void vl_flight_sleep_begins(struct vl_flight *f, const struct vl_event *ev)
{
    if (f->counters) {
        f->wake[vl_flight_side_of(ev)] =
            false; // or it would not sleep: the wake-up was taken without a word
    }
    if (ev->agent == VL_AGENT_DRIVER) {
        vl_flight_driver_sleeps(f);
    }
}

// ---- notifications and interrupts -----------------------------------------------------------

static inline void vl_flight_doorbell_arrives(struct vl_flight *f, const struct vl_event *ev)
{
    if (ev->value != 0) { // spurious
        f->wake[VL_SIDE_DEVICE] = true;
        return;
    }
    vl_flight_less(&f->doorbells);
    f->answering++;
}

static inline void vl_flight_interrupt_arrives(struct vl_flight *f, const struct vl_event *ev)
{
    const uint64_t bit = 1ull << (ev->addr % VL_VECTORS);

    if (ev->value == 0) {
        vl_flight_less(&f->interrupts);
    }
    f->again |= f->pending & bit;
    f->pending |= bit;
}

static inline void vl_flight_handler_returns(struct vl_flight *f, const struct vl_event *ev)
{
    f->nested = VL_NESTED_RETURNED;
    if (ev->addr != VL_INTX_VECTOR) {
        const uint64_t bit = 1ull << (ev->addr % VL_VECTORS);
        // Of two arrivals one may have come while the handler was at work already.
        f->pending &= ~bit | f->again;
        f->again &= ~bit;
    }
}

static inline void vl_flight_intx(struct vl_flight *f, bool level)
{
    if (f->intx && !level) {
        f->nested |= VL_NESTED_HANDLER;
    }
    f->intx = level;
}

static inline void vl_flight_counter(struct vl_flight *f, const struct vl_event *ev)
{
    f->counters = true;
    if (ev->kind == VL_EV_STORE) {
        f->sent[ev->field == VL_FIELD_DOORBELL ? VL_SIDE_DRIVER : VL_SIDE_DEVICE] =
            (uint16_t)ev->value;
    } else {
        f->seen[ev->field == VL_FIELD_DOORBELL ? VL_SIDE_DEVICE : VL_SIDE_DRIVER] =
            (uint16_t)ev->value;
    }
}

// vl_flight_event() for an event whose kind is known where it is called: nothing is left of the
// rest.
__attribute__((always_inline)) static inline void
vl_flight_take(struct vl_flight *f, const struct vl_event *ev, enum vl_event_kind kind)
{
    switch (kind) {
    case VL_EV_LOAD:
    case VL_EV_STORE: vl_flight_counter(f, ev); break;
    case VL_EV_FENCE:
    case VL_EV_AWAIT:
    case VL_EV_RELAX: vl_flight_acts(f, ev); break;
    case VL_EV_WAKE: vl_flight_wake(f, ev); break;
    case VL_EV_SLEEP: vl_flight_sleep_begins(f, ev); break;
    case VL_EV_WOKEN: f->wake[vl_flight_side_of(ev)] = false; break;
    case VL_EV_MASK: f->masked = ev->value != 0; break;
    case VL_EV_DOORBELL: f->doorbells++; break;
    case VL_EV_DOORBELL_ARRIVES: vl_flight_doorbell_arrives(f, ev); break;
    case VL_EV_INTERRUPT: f->interrupts++; break;
    case VL_EV_INTERRUPT_ARRIVES: vl_flight_interrupt_arrives(f, ev); break;
    case VL_EV_HANDLER_RETURNS: vl_flight_handler_returns(f, ev); break;
    case VL_EV_INTX: vl_flight_intx(f, ev->value != 0); break;
    case VL_EV_CONFIG_READ:
    case VL_EV_MMIO_READ: vl_flight_reads(f); break;
    case VL_EV_CONFIG_WRITE:
    case VL_EV_MMIO_WRITE: vl_flight_writes(f, ev); break;
    default: break;
    }
}

// ---- the question ---------------------------------------------------------------------------

// True if something may still end the sleep of this side, or is being done about it.
static inline bool vl_flight_help(const struct vl_flight *f, enum vl_side sleeper)
{
    const enum vl_side other = sleeper == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;

    if (f->wake[sleeper] || f->answering > 0 || (f->nested & VL_NESTED_WRITE) != 0) {
        return true;
    }
    if (f->counters) {
        return f->sent[other] != f->seen[sleeper];
    }
    if (sleeper == VL_SIDE_DEVICE) {
        return f->doorbells > 0 || f->posted > 0;
    }
    return f->pending != 0 || f->intx || (f->nested & VL_NESTED_HANDLER) != 0 || f->interrupts > 0;
}

#endif
