// model/referee/vl_live.c -- liveness: lost notifications, runs that end stuck, livelock.
// Spec: virtio 1.4 §2.7.7, §2.7.10, §2.7.13.4 (1.0: §2.4.7, §2.4.9, §3.2.1.2, §3.2.2).
//
// Two duties stand opposite each other. The driver publishes, looks at the device's suppression
// value and notifies if it asks for that; the device does the same with used entries. A
// notification is lost when a side sleeps with entries that it has not taken, the other has gone on
// without notifying, and nothing is under way that would end the sleep. What the value *read* asked
// for decides who is to blame.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

void vl_live_published(struct vl_referees *r, struct vl_squeue *q, enum vl_side side, uint16_t idx,
                       uint64_t seq)
{
    struct vl_duty *duty = &q->duty[side];

    vl_notify_published(r, q, side);
    duty->state = VL_DUTY_PUBLISHED;
    duty->idx = idx;
    duty->idx_seq = seq;
    r->deciding[side] &= ~(1u << q->index);
}

void vl_live_looked(struct vl_referees *r, struct vl_squeue *q, enum vl_side side, bool event_word,
                    uint16_t value, uint64_t seq)
{
    struct vl_duty *duty = &q->duty[side];

    if (event_word != q->event_idx) {
        vl_notify_ignored(r, q, side, value, seq);
        return;
    }
    if (duty->state != VL_DUTY_PUBLISHED) {
        return;
    }
    duty->needed =
        event_word ? vl_window(value, duty->idx, duty->decided) : (value & VL_SUPPRESS_FLAG) == 0;
    duty->state = VL_DUTY_DECIDING;
    duty->value = value;
    duty->value_seq = seq;
    duty->decided = duty->idx;
    r->deciding[side] |= 1u << q->index;
    vl_mark(r, event_word ? VL_MARK_EVENT_IDX : VL_MARK_FLAGS);
}

void vl_live_notified(struct vl_referees *r, enum vl_side side, uint32_t queues)
{
    vl_notify_sent(r, side, queues);
    for (uint32_t left = queues; left != 0; left &= left - 1) { // bound: VL_QUEUES
        struct vl_duty *duty = &r->queue[__builtin_ctz(left)].duty[side];
        if (duty->state != VL_DUTY_NONE) {
            duty->state = VL_DUTY_SENT;
        }
    }
    r->deciding[side] &= ~queues;
}

// ---- lost notifications ---------------------------------------------------------------------

static uint32_t buffers_held(const struct vl_referees *r)
{
    uint32_t n = 0;
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        n += r->queue[__builtin_ctz(left)].n_held;
    }
    return n;
}

// Entries that the sleeper has not taken, and should know of. A driver may ask to be notified only
// of a later one [2.7.7.1-drv-4]: it sleeps well while the device owes that one. A device without a
// free place for requests sleeps until one of those that it holds is answered: that is no loss.
static uint32_t entries_waiting(const struct vl_referees *r, const struct vl_squeue *q,
                                enum vl_side sleeper)
{
    if (q->state != VL_QUEUE_LIVE || q->broken[sleeper]) {
        return 0;
    }
    if (sleeper == VL_SIDE_DRIVER) {
        return vl_notify_deferred(r, q) ? 0 : (uint16_t)(q->used_idx - q->reaped);
    }
    return q->served && buffers_held(r) == 0 ? (uint16_t)(q->avail_idx - q->taken) : 0;
}

static void lost(struct vl_referees *r, const struct vl_squeue *q, enum vl_side sleeper,
                 uint32_t n_waiting)
{
    const enum vl_side notifier = sleeper == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;
    const struct vl_duty *duty = &q->duty[notifier];
    const bool looked = duty->state == VL_DUTY_PAST || duty->state == VL_DUTY_DECIDING;
    const bool owed = duty->state == VL_DUTY_PUBLISHED || (looked && duty->needed);
    char why[112];
    char text[288];

    if (duty->state == VL_DUTY_SENT) {
        (void)snprintf(why, sizeof(why), "was notified of them, and did not find them");
    } else if (duty->state == VL_DUTY_PUBLISHED) {
        (void)snprintf(why, sizeof(why), "was not notified: the suppression value was not read");
    } else {
        (void)snprintf(why, sizeof(why), "was not notified: the %s read at #%" PRIu64 " was %u, %s",
                       q->event_idx ? "event index" : "flags", duty->value_seq, duty->value,
                       duty->needed ? "which asks for it" : "which asks for nothing");
    }
    (void)snprintf(text, sizeof(text),
                   "the %s sleeps with %" PRIu32 " entries up to index %u, stored at #%" PRIu64
                   ", and %s",
                   vl_side_name(sleeper), n_waiting, duty->idx, duty->idx_seq, why);
    vl_notify_lost(r, q, sleeper, owed, text);
}

// The sleep of a side, judged for every queue.
static void judge_sleep(struct vl_referees *r, enum vl_side sleeper)
{
    const enum vl_side notifier = sleeper == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;

    if (!r->honest || r->device_was_reset || vl_flight_help(&r->flight, sleeper)) {
        return;
    }
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[__builtin_ctz(left)];
        const uint8_t state = q->duty[notifier].state;
        const uint32_t n = entries_waiting(r, q, sleeper);
        // Whoever sleeps itself will not come to look at the suppression value any more.
        const bool over = state == VL_DUTY_PAST || state == VL_DUTY_SENT ||
                          (state == VL_DUTY_PUBLISHED && r->asleep[notifier]);
        if (n > 0 && over) {
            lost(r, q, sleeper, n);
        }
    }
}

void vl_live_passed(struct vl_referees *r, enum vl_side side)
{
    const enum vl_side other = side == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;

    for (uint32_t left = r->deciding[side]; left != 0; left &= left - 1) { // bound: VL_QUEUES
        struct vl_duty *duty = &r->queue[__builtin_ctz(left)].duty[side];
        duty->state = VL_DUTY_PAST;
        if (!duty->needed) {
            vl_mark(r, side == VL_SIDE_DRIVER ? VL_MARK_KICK_SUPPRESSED : VL_MARK_IRQ_SUPPRESSED);
        }
    }
    r->deciding[side] = 0;
    if (r->asleep[other]) {
        judge_sleep(r, other);
    }
}

void vl_live_sleep(struct vl_referees *r, enum vl_side side)
{
    const enum vl_side other = side == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;

    if (side == VL_SIDE_DRIVER) {
        vl_driver_sleeps(r);
    }
    vl_notify_sleeps(r, side);
    r->asleep[side] = true;
    judge_sleep(r, side);
    if (r->asleep[other]) {
        judge_sleep(r, other);
    }
}

// ---- the end of a run -----------------------------------------------------------------------

// The abstract queue at rest: a buffer that waits is owed a notification, or nobody knows of it.
static void promises_at_rest(struct vl_referees *r)
{
    for (uint32_t i = 0; i < VL_QUEUES && !r->device_was_reset; i++) { // bound: VL_QUEUES
        struct vl_squeue *q = &r->queue[i];
        const struct vl_duty *duty = &q->duty[VL_SIDE_DRIVER];
        const bool owed =
            duty->state == VL_DUTY_PUBLISHED || (duty->state != VL_DUTY_SENT && duty->needed);
        if (q->state == VL_QUEUE_LIVE && q->served && vl_promises(r, q)) {
            (void)vl_promise_step(r, q, VL_SIDE_DEVICE, vl_queue_rest(&q->abstract, owed));
        }
    }
}

// Nothing can run and nothing is under way, and the driver has not finished: somebody forgot.
void vl_live_quiescent(struct vl_referees *r)
{
    uint32_t n_published = 0;

    if (!r->honest && !r->driver_done) {
        vl_robust_rest(r);
    }
    if (!r->honest || r->driver_done) {
        return;
    }
    promises_at_rest(r);
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        for (unsigned side = 0; side < VL_SIDE_COUNT && !r->device_was_reset; side++) {
            const uint32_t n = entries_waiting(r, q, (enum vl_side)side);
            if (n > 0 && r->asleep[side]) {
                lost(r, q, (enum vl_side)side, n);
                return;
            }
        }
        n_published += q->state == VL_QUEUE_LIVE ? q->n_published : 0;
    }
    const uint32_t n_held = r->device_was_reset ? 0 : buffers_held(r);
    if (n_held > 0 && !r->config.completion_owed) {
        return; // a device may keep what it got for what may come
    }
    if (n_held > 0) {
        vl_referee_finding(r, "liveness:completion-lost", "device",
                           "nothing can run any more, and the device has taken %" PRIu32
                           " buffers that it never returned",
                           n_held);
        return;
    }
    vl_referee_finding(r, "liveness:stuck", n_published > 0 ? "device" : "-",
                       "nothing can run any more, and the driver has not finished; %" PRIu32
                       " buffers are in flight",
                       n_published);
}

// Events without a completed buffer that need no explanation: bringing a device up, filling a
// large queue with long chains.
static uint64_t patience(const struct vl_referees *r)
{
    uint64_t n = 20000;
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        n += r->queue[i].state == VL_QUEUE_UNKNOWN ? 0 : 64ull * r->queue[i].size;
    }
    return n;
}

void vl_live_end(struct vl_referees *r, struct vl_verdict *verdict)
{
    const uint64_t half = verdict->n_events / 2;

    if (verdict->outcome != VL_BUDGET || !r->honest || r->driver_done ||
        !r->config.completion_owed || half < patience(r) || r->completed_seq >= half) {
        return;
    }
    verdict->outcome = VL_FINDING;
    verdict->event = verdict->n_events - 1;
    (void)snprintf(verdict->kind, sizeof(verdict->kind), "liveness:livelock");
    (void)snprintf(verdict->side, sizeof(verdict->side), "%s",
                   buffers_held(r) > 0 ? "device" : "-");
    (void)snprintf(verdict->detail, sizeof(verdict->detail),
                   "no buffer was completed from event %" PRIu64 " on, of %" PRIu64,
                   r->completed_seq, verdict->n_events);
}
