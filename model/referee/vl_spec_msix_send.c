// model/referee/vl_spec_msix_send.c -- checkers: which vector an event is signalled on, and that
// the driver serves all that a message stands for. Spec: virtio 1.4 §4.1.5.1.2.1, §4.1.5.3,
// §4.1.5.4, §4.1.5.5 (1.0: the same).
//
// A message says its vector and not its cause. The device has used buffers of a queue to tell of
// from its store of used idx on until it notifies or goes on: a message then is taken to be for
// that queue, unless it may as well be about a configuration change. Whether it was shows when the
// device sleeps, with or without a message on the queue's own vector.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define CONTROL_MASK_ALL 0x4000u

// ---- vectors and messages -------------------------------------------------------------------

// Several entries may carry the same message.
static bool carries(const struct vl_referees *r, uint16_t vector, uint64_t data)
{
    return vector < VL_SPEC_VECTORS && vector < vl_spec_vectors(r) &&
           r->spec.regs.message[vector] == data;
}

static bool event_carries(const struct vl_referees *r, uint32_t event, uint64_t data)
{
    return carries(r, vl_spec_mapped(&r->spec.msix.map[event]), data);
}

static bool can_be_sent(const struct vl_referees *r, uint16_t vector)
{
    return vector < VL_SPEC_VECTORS && (r->spec.msix.unmasked >> vector & 1u) != 0 &&
           (r->spec.msix.control & CONTROL_MASK_ALL) == 0;
}

bool vl_spec_can_be_sent(const struct vl_referees *r, uint32_t event)
{
    const struct vl_spec_mapping *m = &r->spec.msix.map[event];
    const uint16_t vector = vl_spec_mapped(m);
    const struct vl_spec_msix *s = &r->spec.msix;

    return !m->unsure && can_be_sent(r, vector) && vector < vl_spec_vectors(r) &&
           (r->judge_driver ||
            (((s->aimed & ~s->high) >> vector & 1u & (r->spec.regs.command >> 2)) != 0 &&
             r->spec.regs.message[vector] < VL_SPEC_VECTORS));
}

// Queues that are followed here and in the rings.
static uint32_t queues(const struct vl_referees *r)
{
    return vl_spec_followed(&r->spec.regs, VL_QUEUES);
}
_Static_assert(VL_QUEUES <= VL_SPEC_QUEUES, "each ring's queue has a place");

static bool any_queue_carries(const struct vl_referees *r, uint64_t data)
{
    const uint32_t n = vl_spec_followed(&r->spec.regs, VL_SPEC_QUEUES);
    for (uint32_t i = 0; i < n; i++) { // bound: VL_SPEC_QUEUES
        if (event_carries(r, VL_MAPPED_QUEUE + i, data)) {
            return true;
        }
    }
    return false;
}

// ---- a signal -------------------------------------------------------------------------------

// Used buffers were published behind the last change of its vector, and not notified of yet.
static bool has_to_tell(const struct vl_referees *r, uint32_t queue)
{
    const struct vl_duty *duty = &r->queue[queue].duty[VL_SIDE_DEVICE];
    return r->queue[queue].state == VL_QUEUE_LIVE && !r->device_was_reset &&
           !r->spec.msix.map[VL_MAPPED_QUEUE + queue].unsure &&
           (duty->state == VL_DUTY_PUBLISHED ||
            (duty->state == VL_DUTY_DECIDING && duty->needed)) &&
           duty->idx_seq > r->spec.msix.map[VL_MAPPED_QUEUE + queue].seq;
}

// The queue has used buffers to tell of, and the message is not its own.
static void wrong_vector(struct vl_referees *r, uint32_t queue, uint64_t data, uint64_t seq)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const struct vl_spec_mapping *m = &s->map[VL_MAPPED_QUEUE + queue];
    const uint16_t vector = vl_spec_mapped(m);
    const uint64_t idx_seq = r->queue[queue].duty[VL_SIDE_DEVICE].idx_seq;

    if (event_carries(r, VL_MAPPED_CONFIG, data) || any_queue_carries(r, data)) {
        s->suspect = can_be_sent(r, vector) &&
                     r->queue[queue].duty[VL_SIDE_DEVICE].state == VL_DUTY_DECIDING;
        s->suspect_queue = queue;
        s->suspect_data = data;
        s->suspect_seq = seq;
        return;
    }
    if (vector != VL_NO_VECTOR) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_3_dev_d1,
                  "the device signals message %" PRIu64 " for used idx of queue %" PRIu32
                  ", stored at #%" PRIu64 "; the queue is mapped to vector %u, of message %" PRIu32,
                  data, queue, idx_seq, vector, r->spec.regs.message[vector % VL_SPEC_VECTORS]);
    } else if (m->unmapped && carries(r, m->before, data)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_5,
                  "the device signals message %" PRIu64 " for used idx of queue %" PRIu32
                  ", stored at #%" PRIu64 ", on vector %u; NO_VECTOR replaced that at #%" PRIu64,
                  data, queue, idx_seq, m->before, m->seq);
    } else {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_3_1_dev_1,
                  "the device signals message %" PRIu64 " for used idx of queue %" PRIu32
                  ", stored at #%" PRIu64 "; the queue is mapped to no vector",
                  data, queue, idx_seq);
    }
}

// Nothing is mapped to the vector, and no queue has anything to tell.
static void nobodys(struct vl_referees *r, uint64_t data)
{
    struct vl_spec_mapping *m = &r->spec.msix.map[VL_MAPPED_CONFIG];
    const uint16_t vector = vl_spec_mapped(m);

    for (uint32_t i = 0; i < queues(r); i++) { // bound: VL_QUEUES
        const struct vl_spec_mapping *q = &r->spec.msix.map[VL_MAPPED_QUEUE + i];
        if (q->unsure || (q->unmapped && carries(r, q->before, data))) {
            return; // of before the unmapping, or of after: that is judged with its used idx
        }
    }
    if (m->unmapped && carries(r, m->before, data)) {
        if (m->n_strays++ > 0) { // one may have been under way
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_5,
                      "the device signals message %" PRIu64 " on vector %u again; NO_VECTOR "
                      "replaced that for the configuration change at #%" PRIu64,
                      data, m->before, m->seq);
        }
    } else if (m->unsure) {
        return;
    } else if (vector == VL_NO_VECTOR) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_4_1_dev_1,
                  "the device signals message %" PRIu64 " with no used buffer to tell of, and the "
                  "configuration change is mapped to no vector",
                  data);
    } else {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_3_dev_d1,
                  "the device signals message %" PRIu64 ", of a vector that nothing is mapped to",
                  data);
    }
}

static void signalled(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint64_t data = ev->addr;
    const uint32_t n = queues(r);
    uint32_t teller = n;

    if (s->suspect && event_carries(r, VL_MAPPED_QUEUE + s->suspect_queue, data)) {
        s->suspect = false;
    }
    // A mapping that is just being changed is nobody's to judge, nor a message that was pending.
    if (!r->spec.regs.found || ev->agent != VL_AGENT_DEVICE || s->n_unread != 0 ||
        r->spec.regs.reset_asked || !vl_spec_vectors_on(r) ||
        vl_spec_entry(&r->spec.regs, data) == VL_NO_VECTOR) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) { // bound: VL_QUEUES
        if (has_to_tell(r, i)) {
            teller = i;
            if (event_carries(r, VL_MAPPED_QUEUE + i, data)) {
                return; // as it should be
            }
        }
    }
    if (teller < n) {
        wrong_vector(r, teller, data, seq);
    } else if (any_queue_carries(r, data)) {
        return; // one that was not needed
    } else if (event_carries(r, VL_MAPPED_CONFIG, data)) {
        vl_spec_isr_config_signal(r, seq);
    } else {
        nobodys(r, data);
    }
}

// The device rests, and the message on another vector was all that there was.
static void confirm(struct vl_referees *r)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const struct vl_spec_mapping *m = &s->map[VL_MAPPED_QUEUE + s->suspect_queue];
    const uint16_t vector = vl_spec_mapped(m);

    s->suspect = false;
    if (can_be_sent(r, vector)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_3_dev_d1,
                  "the device sleeps; for used idx of queue %" PRIu32 ", stored at #%" PRIu64
                  ", it signalled message %" PRIu64 " at #%" PRIu64
                  ", and the queue is mapped to vector %u, of message %" PRIu32,
                  s->suspect_queue, r->queue[s->suspect_queue].duty[VL_SIDE_DEVICE].idx_seq,
                  s->suspect_data, s->suspect_seq, vector,
                  r->spec.regs.message[vector % VL_SPEC_VECTORS]);
    }
}

// ---- serving it -----------------------------------------------------------------------------

static void arrives(struct vl_referees *r, uint64_t data, uint64_t seq)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint32_t n = VL_MAPPED_QUEUE + queues(r);

    for (uint32_t i = 0; i < n; i++) { // bound: VL_QUEUES + 1
        if (event_carries(r, i, data)) {
            s->map[i].arrived = seq;
            s->queues_arrived |= i >= VL_MAPPED_QUEUE ? 1u << (i - VL_MAPPED_QUEUE) : 0;
        }
    }
}

static void handled(struct vl_referees *r, uint64_t data)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint32_t n = VL_MAPPED_QUEUE + queues(r);

    for (uint32_t i = 0; i < n; i++) { // bound: VL_QUEUES + 1
        if (!event_carries(r, i, data)) {
            continue;
        }
        s->map[i].owed = s->map[i].arrived;
        if (i >= VL_MAPPED_QUEUE) {
            s->queues_arrived &= ~(1u << (i - VL_MAPPED_QUEUE));
        } else {
            vl_spec_isr_config_handled(r);
        }
    }
}

static bool shared(const struct vl_referees *r)
{
    const uint16_t vector = vl_spec_mapped(&r->spec.msix.map[VL_MAPPED_CONFIG]);
    return vector != VL_NO_VECTOR && vector < VL_SPEC_VECTORS &&
           any_queue_carries(r, r->spec.regs.message[vector]);
}

static void unserved(struct vl_referees *r, uint32_t event, uint64_t since)
{
    const uint16_t vector = vl_spec_mapped(&r->spec.msix.map[event]);
    char what[64] = "read device status or device configuration";

    if (event != VL_MAPPED_CONFIG) {
        (void)snprintf(what, sizeof(what), "loaded used idx of queue %" PRIu32,
                       event - VL_MAPPED_QUEUE);
    }
    if (shared(r)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_4_2_drv_1,
                  "the driver sleeps; the message of vector %u, which a queue and the "
                  "configuration change share, arrived at #%" PRIu64
                  ", and since then the driver has not %s",
                  vector, since, what);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_5_drv_d2,
                  "the driver sleeps; the message of vector %u arrived at #%" PRIu64
                  ", and since then the driver has not %s",
                  vector, since, what);
    }
}

static void serve(struct vl_referees *r)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint32_t n = VL_MAPPED_QUEUE + queues(r);

    for (uint32_t i = 0; i < n; i++) { // bound: VL_QUEUES + 1
        const uint64_t since = s->map[i].owed;
        if (since == 0) {
            continue;
        }
        s->map[i].owed = 0;
        if (i == VL_MAPPED_CONFIG ? !vl_spec_looked_at_config(r, since)
                                  : !vl_spec_looked_at_queue(r, i - VL_MAPPED_QUEUE, since)) {
            unserved(r, i, since);
        }
    }
}

// ---- events ---------------------------------------------------------------------------------

void vl_spec_vectors_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_INTERRUPT: signalled(r, ev, seq); break;
    case VL_EV_INTERRUPT_ARRIVES: arrives(r, ev->addr, seq); break;
    case VL_EV_HANDLER_RETURNS: handled(r, ev->addr); break;
    default: // a sleep, or nothing can run any more
        if (r->spec.msix.suspect && (ev->kind == VL_EV_QUIESCENT || ev->agent == VL_AGENT_DEVICE)) {
            confirm(r);
        }
        if (vl_spec_driver_rests(r, ev)) {
            serve(r);
        }
        break;
    }
}
