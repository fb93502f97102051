// model/referee/vl_ring_notify.c -- suppression of notifications: what the words may hold, what
// has to be ignored, which notifications were owed, and which ones nobody asked for.
// Spec: virtio 1.4 §2.7.7, §2.7.10 (1.0: §2.4.7, §2.4.9).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

static struct vl_notifier *notifier_of(struct vl_referees *r, const struct vl_squeue *q,
                                       enum vl_side side)
{
    return &r->ring_notify[q->index].side[side];
}

static struct vl_asker *asker_of(struct vl_referees *r, const struct vl_squeue *q,
                                 enum vl_side side)
{
    return &r->ring_notify[q->index].asker[side];
}

// ---- the words ------------------------------------------------------------------------------

// 16 bits as the driver stored them, 0 if it did not.
static uint16_t stored16(const struct vl_image *im, uint64_t gpa)
{
    uint32_t off = 0;

    if (!vl_image_find(im, gpa, 2, &off) || off % 2 != 0) {
        return 0;
    }
    const struct vl_granule *g = &im->granule[off / VL_DESC_BYTES];
    const uint32_t at = off % VL_DESC_BYTES;
    if (g->run != im->run) {
        return 0;
    }
    return (uint16_t)(at < 8 ? g->low >> (8 * at) : g->high >> (8 * (at - 8)));
}

// The suppression value of a side as the driver left it in memory.
static uint16_t asked_so_far(const struct vl_referees *r, const struct vl_squeue *q,
                             enum vl_side side)
{
    const bool driver = side == VL_SIDE_DRIVER;
    const uint64_t slots =
        driver ? (uint64_t)q->size * VL_AVAIL_SLOT_BYTES : (uint64_t)q->size * VL_USED_SLOT_BYTES;

    return stored16(&r->image, (driver ? q->avail : q->used) +
                                   (q->event_idx ? VL_RING_SLOTS_OFF + slots : VL_RING_FLAGS_OFF));
}

void vl_notify_live(struct vl_referees *r, const struct vl_squeue *q)
{
    const uint16_t flags = stored16(&r->image, q->used + VL_RING_FLAGS_OFF);

    const struct vl_notifier n = {.from = q->start_idx, .ordered = true};

    r->ring_notify[q->index] = (struct vl_ring_notify){
        .side = {n, n},
        .asker = {{.ordered = true, .value = asked_so_far(r, q, VL_SIDE_DRIVER)},
                  {.ordered = true, .value = asked_so_far(r, q, VL_SIDE_DEVICE)}},
        .short_head = VL_NONE};
    if (flags != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_10_1_drv_1,
                  "queue %u goes live with used flags 0x%04x, as the driver stored them", q->index,
                  flags);
    }
}

void vl_notify_flags(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                     uint64_t value)
{
    const unsigned flags = (unsigned)value & 0xFFFFu;

    if (q->event_idx && flags != 0) {
        if (side == VL_SIDE_DRIVER) {
            VL_BROKEN(r, side, 2_7_7_1_drv_3,
                      "avail flags of queue %u become 0x%04x, and EVENT_IDX was negotiated",
                      q->index, flags);
        } else {
            VL_BROKEN(r, side, 2_7_10_2_dev_3,
                      "used flags of queue %u become 0x%04x, and EVENT_IDX was negotiated",
                      q->index, flags);
        }
    } else if (flags > VL_SUPPRESS_FLAG) {
        if (side == VL_SIDE_DRIVER) {
            VL_BROKEN(r, side, 2_7_7_1_drv_1,
                      "avail flags of queue %u become 0x%04x: only 0 and 1 mean something",
                      q->index, flags);
        } else {
            VL_BROKEN(r, side, 2_7_10_2_dev_1,
                      "used flags of queue %u become 0x%04x: only 0 and 1 mean something", q->index,
                      flags);
        }
    }
}

// ---- publications and looks -----------------------------------------------------------------

void vl_notify_published(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side)
{
    const struct vl_duty *duty = &q->duty[side];
    struct vl_notifier *n = notifier_of(r, q, side);

    // Nobody knows what an earlier publication asked for if the value was not read behind it.
    n->owed = n->owed || duty->state == VL_DUTY_PUBLISHED ||
              (duty->needed && (duty->state == VL_DUTY_PAST || duty->state == VL_DUTY_DECIDING));
    n->ignored_quiet = false;
    n->extra = false;
    n->from = duty->decided;
}

void vl_notify_ignored(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       uint16_t value, uint64_t seq)
{
    const struct vl_duty *duty = &q->duty[side];
    struct vl_notifier *n = notifier_of(r, q, side);

    if (duty->state == VL_DUTY_NONE || duty->state == VL_DUTY_SENT) {
        return;
    }
    n->ignored = value;
    n->ignored_seq = seq;
    n->ignored_quiet =
        q->event_idx ? (value & VL_SUPPRESS_FLAG) != 0 : !vl_window(value, duty->idx, n->from);
}

// ---- order ----------------------------------------------------------------------------------

static uint8_t cpu_of(const struct vl_event *ev)
{
    return ev->agent == VL_AGENT_HANDLER ? VL_AGENT_DRIVER : ev->agent;
}

void vl_notify_index_stored(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                            const struct vl_event *ev)
{
    struct vl_notifier *n = notifier_of(r, q, side);

    n->ordered = false;
    n->idx_sc = ev->order == VIRTQ_SEQ_CST;
    n->cpu = cpu_of(ev);
}

void vl_notify_asked(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                     bool event_word, const struct vl_event *ev)
{
    struct vl_asker *a = asker_of(r, q, side);

    if (event_word != q->event_idx || (a->ordered && a->value == (uint16_t)ev->value)) {
        return; // a word without meaning, or nothing new
    }
    *a = (struct vl_asker){
        .value_sc = ev->order == VIRTQ_SEQ_CST, .cpu = cpu_of(ev), .value = (uint16_t)ev->value};
}

void vl_notify_fence(struct vl_referees *r, enum vl_side side, const struct vl_event *ev)
{
    const uint8_t cpu = cpu_of(ev);

    if (ev->order != VIRTQ_SEQ_CST) {
        return;
    }
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        struct vl_ring_notify *of = &r->ring_notify[__builtin_ctz(left)];
        of->side[side].ordered |= of->side[side].cpu == cpu;
        of->asker[side].ordered |= of->asker[side].cpu == cpu;
    }
}

void vl_notify_index_loaded(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                            const struct vl_event *ev)
{
    struct vl_asker *a = asker_of(r, q, side);

    if (a->ordered || (a->value_sc && ev->order == VIRTQ_SEQ_CST)) {
        a->looked = true;
        a->idx = (uint16_t)ev->value;
    }
}

bool vl_notify_ordered(const struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       const struct vl_event *ev)
{
    const struct vl_notifier *n = &r->ring_notify[q->index].side[side];

    // Or both are in the one order of all such accesses.
    return n->ordered || (n->idx_sc && ev->order == VIRTQ_SEQ_CST);
}

void vl_notify_decides(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       bool event_word, const struct vl_event *ev)
{
    const struct vl_duty *duty = &q->duty[side];
    struct vl_notifier *n = notifier_of(r, q, side);

    if (event_word != q->event_idx || duty->state != VL_DUTY_PUBLISHED ||
        vl_notify_ordered(r, q, side, ev)) {
        return;
    }
    if (n->early_from == n->early_to || n->early_to != duty->decided) {
        n->early_from = duty->decided;
    }
    n->early_to = duty->idx;
}

// ---- notifications that nobody asked for ----------------------------------------------------

static void say_unneeded(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side)
{
    const struct vl_duty *duty = &q->duty[side];
    char text[160];

    (void)snprintf(text, sizeof(text),
                   "notifies of queue %u up to index %u, stored at #%" PRIu64
                   ", although the %s read at #%" PRIu64 " was %u and asks for nothing",
                   q->index, duty->idx, duty->idx_seq, q->event_idx ? "event index" : "flags",
                   duty->value_seq, duty->value);
    if (side == VL_SIDE_DRIVER && q->event_idx) {
        VL_BROKEN(r, side, 2_7_10_1_drv_7, "%s", text);
    } else if (side == VL_SIDE_DRIVER) {
        VL_BROKEN(r, side, 2_7_10_1_drv_3, "%s", text);
    } else if (q->event_idx) {
        VL_BROKEN(r, side, 2_7_7_2_dev_6, "%s", text);
    } else {
        VL_BROKEN(r, side, 2_7_7_2_dev_2, "%s", text);
    }
}

// A notifier that has gone on since it read the value may know by now that the other side has asked
// again. So only what it decides at once is known to be against the value.
static bool unneeded(const struct vl_duty *duty, const struct vl_notifier *n)
{
    return duty->state == VL_DUTY_DECIDING && !duty->needed && !n->owed;
}

// Of one queue. Returns true if that was against the value that it read.
static bool sent(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side)
{
    const struct vl_duty *duty = &q->duty[side];
    struct vl_notifier *n = notifier_of(r, q, side);
    const bool against = unneeded(duty, n);

    n->owed = false;
    n->early_from = n->early_to;
    if (duty->state == VL_DUTY_NONE || duty->state == VL_DUTY_SENT) {
        n->extra = true;
        n->extra_seq = r->seq;
    }
    return against;
}

void vl_notify_sent(struct vl_referees *r, enum vl_side side, uint32_t queues)
{
    const uint32_t all = (1u << VL_QUEUES) - 1;
    uint32_t wanted = 0;
    uint32_t against = 0;

    for (uint32_t left = queues != 0 ? queues & all : all; left != 0; left &= left - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(left); // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        if (q->state == VL_QUEUE_LIVE && sent(r, q, side)) {
            against = left & -left;
        } else {
            wanted |= left & -left;
        }
    }
    if (against != 0 && wanted == 0) { // one interrupt may be for several queues
        say_unneeded(r, &r->queue[__builtin_ctz(against)], side);
    }
}

// ---- notifications that are missing ---------------------------------------------------------

// The word that has to be ignored is what explains it.
static bool explained(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                      const char *kind)
{
    const struct vl_duty *duty = &q->duty[side];
    const struct vl_notifier *n = notifier_of(r, q, side);
    char text[256];

    if (!n->ignored_quiet) {
        return false;
    }
    (void)snprintf(text, sizeof(text),
                   "index %u of queue %u, stored at #%" PRIu64 ", was not notified of: %s %u, read "
                   "at #%" PRIu64 ", asks for nothing, and has to be ignored %s EVENT_IDX",
                   duty->idx, q->index, duty->idx_seq, q->event_idx ? "flags" : "event index",
                   n->ignored, n->ignored_seq, q->event_idx ? "with" : "without");
    if (side == VL_SIDE_DRIVER && q->event_idx) {
        VL_BROKEN_AS(r, side, 2_7_10_1_drv_5, kind, "%s", text);
    } else if (side == VL_SIDE_DRIVER) {
        VL_BROKEN_AS(r, side, 2_7_10_1_drv_2, kind, "%s", text);
    } else if (q->event_idx) {
        VL_BROKEN_AS(r, side, 2_7_7_2_dev_4, kind, "%s", text);
    } else {
        VL_BROKEN_AS(r, side, 2_7_7_2_dev_1, kind, "%s", text);
    }
    return true;
}

void vl_notify_sleeps(struct vl_referees *r, enum vl_side side)
{
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[__builtin_ctz(left)];
        const struct vl_duty *duty = &q->duty[side];
        if (notifier_of(r, q, side)->ignored_quiet && duty->state == VL_DUTY_PAST && duty->needed &&
            !q->stood_down && !q->broken[side]) {
            (void)explained(r, q, side, NULL);
        }
    }
}

// True if the sleeper asked for what it waits for, and looked again behind a full barrier, while
// the notifier loaded the suppression value with none behind the store of its index: it is the
// notifier's store that came too late.
static bool decided_early(struct vl_referees *r, const struct vl_squeue *q, enum vl_side notifier)
{
    const enum vl_side sleeper = notifier == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;
    const struct vl_asker *a = asker_of(r, q, sleeper);
    const struct vl_notifier *n = notifier_of(r, q, notifier);

    if (q->duty[notifier].state == VL_DUTY_SENT || n->early_from == n->early_to || !a->looked ||
        a->idx != (sleeper == VL_SIDE_DEVICE ? q->taken : q->reaped)) {
        return false;
    }
    return q->event_idx ? vl_window(a->value, n->early_to, n->early_from)
                        : (a->value & VL_SUPPRESS_FLAG) == 0;
}

bool vl_notify_deferred(const struct vl_referees *r, const struct vl_squeue *q)
{
    const struct vl_asker *a = &r->ring_notify[q->index].asker[VL_SIDE_DRIVER];

    return q->event_idx &&
           (uint16_t)(a->value - q->used_idx) < (uint16_t)(q->avail_idx - q->used_idx);
}

static void lost_kick(struct vl_referees *r, const struct vl_squeue *q, bool owed, const char *text)
{
    static const char kind[] = "liveness:lost-kick";

    if (owed && explained(r, q, VL_SIDE_DRIVER, kind)) {
        return;
    }
    if (owed && q->event_idx) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_10_1_drv_6, kind, "%s", text);
    } else if (owed) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_10_1_drv_4, kind, "%s", text);
    } else if (decided_early(r, q, VL_SIDE_DRIVER)) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_4_1_drv_1, kind,
                     "%s; it was read with no full barrier behind the store of avail idx, and the "
                     "device, which asked with %u, looked behind one",
                     text, asker_of(r, q, VL_SIDE_DEVICE)->value);
    } else if (q->duty[VL_SIDE_DRIVER].state != VL_DUTY_SENT) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_10_dev_d1, kind, "%s", text);
    } else {
        vl_referee_finding(r, kind, "device", "%s", text);
    }
}

static void lost_interrupt(struct vl_referees *r, const struct vl_squeue *q, bool owed,
                           const char *text)
{
    static const char kind[] = "liveness:lost-interrupt";
    const bool early = !owed && decided_early(r, q, VL_SIDE_DEVICE);
    char why[144] = "";

    if (owed && explained(r, q, VL_SIDE_DEVICE, kind)) {
        return;
    }
    if (early) {
        (void)snprintf(why, sizeof(why),
                       "; it was read with no full barrier behind the store of used idx, and the "
                       "driver, which asked with %u, looked behind one",
                       asker_of(r, q, VL_SIDE_DRIVER)->value);
    }
    if ((owed || early) && q->event_idx) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_7_2_dev_5, kind, "%s%s", text, why);
    } else if (owed || early) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_7_2_dev_3, kind, "%s%s", text, why);
    } else {
        vl_referee_finding(r, kind, "driver", "%s", text);
    }
}

void vl_notify_lost(struct vl_referees *r, const struct vl_squeue *q, enum vl_side sleeper,
                    bool owed, const char *text)
{
    if (sleeper == VL_SIDE_DEVICE) {
        lost_kick(r, q, owed, text);
    } else {
        lost_interrupt(r, q, owed, text);
    }
}

// ---- notifications of nothing new -----------------------------------------------------------

bool vl_notify_extra_taken(struct vl_referees *r, const struct vl_squeue *q, enum vl_side victim,
                           const char *kind, const char *text)
{
    const enum vl_side peer = victim == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;
    const struct vl_notifier *n = notifier_of(r, q, peer);

    if (!n->extra) {
        return false;
    }
    if (victim == VL_SIDE_DRIVER) {
        VL_BROKEN_AS(r, victim, 2_7_7_1_drv_5, kind,
                     "%s; all that it had was a notification of nothing new, at #%" PRIu64, text,
                     n->extra_seq);
    } else {
        VL_BROKEN_AS(r, victim, 2_7_10_2_dev_5, kind,
                     "%s; all that it had was a notification of nothing new, at #%" PRIu64, text,
                     n->extra_seq);
    }
    return true;
}
