// model/referee/vl_ring_used.c -- what the device stores in its part of a queue: used entries and
// the index that covers them. Spec: virtio 1.4 §2.7.8 (1.0: §2.4.8).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

// ---- the index ------------------------------------------------------------------------------

// An entry stands behind the one that is due, where no entry is to be yet.
static bool __attribute__((cold, noinline))
filled_further_on(const struct vl_squeue *q, uint16_t idx)
{
    uint32_t n = 1;
    while (n < q->n_held && q->used_fresh[(idx + n) & q->mask] == 0) { // bound: queue_size
        n++;
    }
    return n < q->n_held;
}

static void give_back(struct vl_referees *r, struct vl_squeue *q, uint16_t idx, uint64_t seq)
{
    const uint32_t slot = idx & q->mask;
    const uint32_t id = (uint32_t)q->used_slot[slot];
    const uint32_t len = (uint32_t)(q->used_slot[slot] >> 32);
    const bool fresh = q->used_fresh[slot] != 0;
    const bool kept =
        !vl_promises(r, q) ||
        vl_promise_step(r, q, VL_SIDE_DEVICE, vl_queue_give(&q->abstract, id, len, seq));

    q->used_fresh[slot] = 0;
    if (!fresh && filled_further_on(q, idx)) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_dev_d4, "ownership:used-entry-stale",
                     "used idx covers index %u, whose slot %" PRIu32 " was not stored for this "
                     "round (it names head %" PRIu32 "), and one further on was, with %" PRIu32
                     " buffers held",
                     idx, slot, id, q->n_held);
        return;
    }
    if (!fresh) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_2_dev_1, "ownership:used-entry-stale",
                     "used idx covers index %u, whose slot %" PRIu32 " was not stored for this "
                     "round; it names head %" PRIu32 " with length %" PRIu32,
                     idx, slot, id, len);
        return;
    }
    if (id >= q->size || q->head[id].n_pushed == 0) {
        const bool known = id < q->size && (q->head[id].flags & VL_HEAD_GIVEN_BACK) != 0;
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_dev_d1, "data:used-not-held",
                     "used idx covers index %u, whose slot %" PRIu32 " names head %" PRIu32
                     ", which the device does not hold (%s at #%" PRIu64 ")",
                     idx, slot, id, known ? "returned" : "never taken; asked",
                     known ? q->head[id].given_back_seq : seq);
        return;
    }
    struct vl_head *h = &q->head[id];
    vl_spec_returned(r, q, id, len, seq);
    vl_data_given_back(r, q, id, len);
    if (h->pop_number != q->n_given_back) {
        vl_mark(r, VL_MARK_OUT_OF_ORDER);
    }
    q->n_given_back++;
    q->n_held--;
    h->n_pushed--;
    h->flags |= VL_HEAD_GIVEN_BACK;
    h->given_back_seq = seq;
    if (!kept) {
        vl_promise_broken(r, q, VL_SIDE_DEVICE);
    }
}

static void __attribute__((cold, noinline))
bad_used_idx(struct vl_referees *r, const struct vl_squeue *q, uint16_t idx)
{
    static const char kind[] = "ownership:used-idx";
    const uint16_t n_new = (uint16_t)(idx - q->used_idx);
    const bool too_far = n_new != 0 && n_new < 0x8000u;
    char text[192];

    (void)snprintf(text, sizeof(text),
                   "used idx moved %s: %u at #%" PRIu64 ", %u now, and the device holds %" PRIu32
                   " buffers",
                   n_new == 0 ? "not at all"
                   : too_far  ? "too far"
                              : "back",
                   q->used_idx, q->duty[VL_SIDE_DEVICE].idx_seq, idx, q->n_held);
    if (!too_far || q->n_held > 0 || !vl_notify_extra_taken(r, q, VL_SIDE_DEVICE, kind, text)) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_dev_d3, kind, "%s", text);
    }
}

void vl_device_used_idx(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                        uint64_t seq)
{
    const uint16_t idx = (uint16_t)ev->value;
    const uint16_t old = q->used_idx;
    const uint16_t n_new = (uint16_t)(idx - old);

    r->work[VL_SIDE_DEVICE] = 0;
    // An index that stays where it is, with the next slot filled, is one that lost its high bits.
    const bool filled = q->used_fresh[old & q->mask] != 0;
    if (n_new == 0 && (!filled || ev->len == 1)) {
        return;
    }
    if (n_new == 0 || n_new > q->n_held) {
        bad_used_idx(r, q, idx);
        return;
    }
    for (uint16_t i = 0; i < n_new; i++) { // bound: queue_size
        give_back(r, q, (uint16_t)(old + i), seq);
    }
    q->used_idx = idx;
    if (idx < old) {
        vl_mark(r, VL_MARK_USED_WRAPPED);
    }
    vl_live_published(r, q, VL_SIDE_DEVICE, idx, seq);
}

// ---- entries --------------------------------------------------------------------------------

static void push(struct vl_squeue *q, uint32_t head)
{
    if (head < q->size && (q->head[head].flags & VL_HEAD_HELD) != 0) {
        q->head[head].flags &= ~VL_HEAD_HELD;
        q->head[head].n_pushed++;
    }
}

static void unpush(struct vl_squeue *q, uint32_t slot)
{
    const uint32_t head = (uint32_t)q->used_slot[slot];
    if (head < q->size && q->head[head].n_pushed > 0) {
        q->head[head].flags |= VL_HEAD_HELD;
        q->head[head].n_pushed--;
    }
}

// The slot is no next one. The head that it held already, and that the device holds no more: the
// entry was not whole when used idx covered it.
static void __attribute__((cold, noinline))
slot_exposed(struct vl_referees *r, const struct vl_squeue *q, uint32_t slot, uint32_t unread,
             uint64_t value)
{
    static const char kind[] = "ownership:used-slot-exposed";
    const uint32_t id = (uint32_t)value;
    const bool held = id < q->size && (q->head[id].flags & VL_HEAD_HELD) != 0;
    char text[224];

    (void)snprintf(text, sizeof(text),
                   "head %" PRIu32 " was stored in used slot %" PRIu32
                   ", and used idx is %u (slot %" PRIu32 "), with %" PRIu32
                   " entries unread and %" PRIu32 " buffers held",
                   id, slot, q->used_idx, q->used_idx & q->mask, unread, q->n_held);
    if ((uint32_t)q->used_slot[slot] == id && !held && q->n_given_back > 0) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_2_dev_1, kind,
                     "%s; the same head stood there with length %" PRIu64
                     " when used idx was stored at #%" PRIu64 ", and has length %" PRIu64 " now",
                     text, q->used_slot[slot] >> 32, q->duty[VL_SIDE_DEVICE].idx_seq, value >> 32);
    } else {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_dev_d4, kind, "%s", text);
    }
}

// A slot may be filled for the next indices only, one for each buffer that the device holds. An
// honest driver leaves no more used entries unread than there is room for.
void vl_device_used_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                         const struct vl_event *ev)
{
    const uint32_t ahead = (slot - q->used_idx) & q->mask;
    const uint32_t unread = r->judge_driver ? (uint16_t)(q->used_idx - q->reaped) : 0;

    r->work[VL_SIDE_DEVICE] = 0;
    if (ahead + unread >= q->size || (ahead > 0 && ahead >= q->n_held)) {
        slot_exposed(r, q, slot, unread, ev->value);
        return;
    }
    if (q->used_fresh[slot] != 0) {
        unpush(q, slot); // stored once more before its turn
    }
    q->used_slot[slot] = ev->value;
    q->used_fresh[slot] = 1;
    push(q, (uint32_t)ev->value);
}
