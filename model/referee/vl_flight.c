// model/referee/vl_flight.c -- notifications, interrupts and wake-ups under way, from events alone.
// Spec: virtio 1.4 §2.7.10, §2.7.13.4, §4.1.4.4 (1.0: §2.4.9, §3.2.1.2, §4.1.4.4).
// Where the events leave it open whether something is still under way, it counts as under way: then
// a lost notification is found later, at the latest when nothing can run any more.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_flight.h"

static bool by_driver(const struct vl_event *ev)
{
    return ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;
}

static enum vl_side side_of(const struct vl_event *ev)
{
    return by_driver(ev) ? VL_SIDE_DRIVER : VL_SIDE_DEVICE;
}

void vl_flight_reset(struct vl_flight *f)
{
    *f = (struct vl_flight){0};
}

void vl_flight_answered(struct vl_flight *f)
{
    if (f->answering > 0) {
        f->answering--;
    } else if ((f->nested & VL_NESTED_WRITE) == 0) { // else it is that write which was answered
        vl_flight_less(&f->posted);
    }
}

void vl_flight_device_reset(struct vl_flight *f)
{
    f->answering = 0;
}

// ---- waking and sleeping --------------------------------------------------------------------

static void wake(struct vl_flight *f, const struct vl_event *ev)
{
    f->wake[side_of(ev)] = true;
    if (ev->agent == VL_AGENT_TRAP) {
        vl_flight_answered(f);
    }
}

// Before its main context goes to sleep the driver lets in what is pending. If no handler returned
// since it last did something, there was nothing.
static void driver_sleeps(struct vl_flight *f)
{
    if (!f->masked && (f->nested & VL_NESTED_RETURNED) == 0) {
        f->pending = f->again = 0;
    }
    f->nested &= VL_NESTED_RETURNED;
}

static void sleep_begins(struct vl_flight *f, const struct vl_event *ev)
{
    if (f->counters) {
        f->wake[side_of(ev)] = false; // or it would not sleep: the wake-up was taken without a word
    }
    if (ev->agent == VL_AGENT_DRIVER) {
        driver_sleeps(f);
    }
}

// ---- notifications and interrupts -----------------------------------------------------------

static void doorbell_arrives(struct vl_flight *f, const struct vl_event *ev)
{
    if (ev->value != 0) { // spurious
        f->wake[VL_SIDE_DEVICE] = true;
        return;
    }
    vl_flight_less(&f->doorbells);
    f->answering++;
}

static void interrupt_arrives(struct vl_flight *f, const struct vl_event *ev)
{
    const uint64_t bit = 1ull << (ev->addr % VL_VECTORS);

    if (ev->value == 0) {
        vl_flight_less(&f->interrupts);
    }
    f->again |= f->pending & bit;
    f->pending |= bit;
}

static void handler_returns(struct vl_flight *f, const struct vl_event *ev)
{
    f->nested = VL_NESTED_RETURNED;
    if (ev->addr != VL_INTX_VECTOR) {
        const uint64_t bit = 1ull << (ev->addr % VL_VECTORS);
        // Of two arrivals one may have come while the handler was at work already.
        f->pending &= ~bit | f->again;
        f->again &= ~bit;
    }
}

static void intx(struct vl_flight *f, bool level)
{
    if (f->intx && !level) {
        f->nested |= VL_NESTED_HANDLER;
    }
    f->intx = level;
}

static void counter(struct vl_flight *f, const struct vl_event *ev)
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

void vl_flight_event(struct vl_flight *f, const struct vl_event *ev)
{
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_LOAD:
    case VL_EV_STORE: counter(f, ev); break;
    case VL_EV_FENCE:
    case VL_EV_AWAIT:
    case VL_EV_RELAX: vl_flight_acts(f, ev); break;
    case VL_EV_WAKE: wake(f, ev); break;
    case VL_EV_SLEEP: sleep_begins(f, ev); break;
    case VL_EV_WOKEN: f->wake[side_of(ev)] = false; break;
    case VL_EV_MASK: f->masked = ev->value != 0; break;
    case VL_EV_DOORBELL: f->doorbells++; break;
    case VL_EV_DOORBELL_ARRIVES: doorbell_arrives(f, ev); break;
    case VL_EV_INTERRUPT: f->interrupts++; break;
    case VL_EV_INTERRUPT_ARRIVES: interrupt_arrives(f, ev); break;
    case VL_EV_HANDLER_RETURNS: handler_returns(f, ev); break;
    case VL_EV_INTX: intx(f, ev->value != 0); break;
    case VL_EV_CONFIG_READ:
    case VL_EV_MMIO_READ: vl_flight_reads(f); break;
    case VL_EV_CONFIG_WRITE:
    case VL_EV_MMIO_WRITE: vl_flight_writes(f, ev); break;
    default: break;
    }
}

// ---- the question ---------------------------------------------------------------------------

bool vl_flight_help(const struct vl_flight *f, enum vl_side sleeper)
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
