// model/referee/vl_ring_driver.c -- the driver's ring accesses: its view of a queue, and what it
// breaks by them.
// Spec: virtio 1.4 §2.7.6, §2.7.13, §2.7.14, §3.3.1 (1.0: §2.4.6, §3.2.1, §3.2.2, §3.3).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

// ---- publication ----------------------------------------------------------------------------

static void expose_chain(struct vl_referees *r, struct vl_squeue *q, uint32_t head)
{
    struct vl_head *h = &q->head[head];
    struct vl_walk walk;
    struct vl_step step;

    vl_walk_start(q, head, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
        struct vl_granule *g = vl_image_granule(&r->image, step.granule);
        if (g->owner != 0) {
            vl_referee_finding(r, "ownership:desc-shared", "driver",
                               "the chain of head %" PRIu32 ", just published, holds a descriptor "
                               "of head %u, which is in flight",
                               head, (unsigned)(g->owner - 1) & 0xFFFFu);
        }
        g->owner = 1 + ((uint32_t)q->index << 16 | head);
        h->n_descs += step.granule - q->desc_granule < q->size;
        if (step.table) {
            vl_mark(r, VL_MARK_INDIRECT);
            if (step.entries == q->size) {
                vl_mark(r, VL_MARK_INDIRECT_FULL);
            }
            continue;
        }
        vl_image_expose(&r->image, step.off, step.len, 1);
        h->n_writable += step.writable ? step.len : 0;
        if (step.gpa < r->image.border && r->image.border - step.gpa < step.len) {
            vl_mark(r, VL_MARK_TWO_SPANS);
        }
    }
    if (walk.bad != NULL) {
        vl_referee_finding(r, "ownership:bad-chain", "driver",
                           "the chain of head %" PRIu32 ", just published, has %s", head, walk.bad);
    }
    if (walk.n_elems == q->size) {
        vl_mark(r, VL_MARK_CHAIN_FULL);
    }
    q->n_descs += h->n_descs;
}

static void publish_one(struct vl_referees *r, struct vl_squeue *q, uint16_t idx, uint64_t seq)
{
    const uint32_t slot = idx & q->mask;
    const uint32_t head = q->avail_slot[slot] & 0xFFFFu;
    const bool fresh = (q->avail_slot[slot] & VL_SLOT_FRESH) != 0;

    q->avail_slot[slot] = head;
    const uint32_t life = VL_HEAD_SUBMITTED | VL_HEAD_PUBLISHED | VL_HEAD_LOADED;
    if (head >= q->size || (q->head[head].flags & life) != VL_HEAD_SUBMITTED) {
        vl_referee_finding(r, "ownership:entry-stale", "driver",
                           "avail idx covers index %u, whose slot %" PRIu32 " names head %" PRIu32
                           "%s: no buffer that waits to be published",
                           idx, slot, head, fresh ? "" : " from an earlier round");
        return;
    }
    struct vl_head *h = &q->head[head];
    h->flags |= VL_HEAD_PUBLISHED;
    h->published_seq = seq;
    h->n_descs = 0;
    h->n_writable = 0;
    h->list_pos = q->n_published;
    h->publish_number = q->n_ever_published++;
    q->list[q->n_published++] = (uint16_t)head;
    expose_chain(r, q, head);
}

static void store_avail_idx(struct vl_referees *r, struct vl_squeue *q, uint16_t idx, uint64_t seq)
{
    const uint16_t old = q->avail_idx;
    const uint16_t n_new = (uint16_t)(idx - old);

    // An index that stays where it is, with the next slot filled, is one that lost its high bits.
    const bool filled = (q->avail_slot[old & q->mask] & VL_SLOT_FRESH) != 0;
    if (n_new == 0 && !filled) {
        return;
    }
    if (n_new == 0 || n_new > q->size - q->n_published) {
        vl_referee_finding(r, "ownership:avail-idx", "driver",
                           "avail idx went from %u to %u with %" PRIu32 " buffers in flight in a "
                           "queue of %" PRIu32,
                           old, idx, q->n_published, q->size);
        return;
    }
    for (uint16_t i = 0; i < n_new; i++) { // bound: queue_size
        publish_one(r, q, (uint16_t)(old + i), seq);
    }
    q->avail_idx = idx;
    if (idx < old) {
        vl_mark(r, VL_MARK_AVAIL_WRAPPED);
    }
    if ((uint32_t)(old & q->mask) + n_new >= q->size) {
        vl_mark(r, VL_MARK_RING_WRAPPED);
    }
    if (n_new > 1) {
        vl_mark(r, VL_MARK_BATCH);
    }
    if (q->n_descs == q->size) {
        vl_mark(r, VL_MARK_QUEUE_FULL);
    }
    vl_live_published(r, q, VL_SIDE_DRIVER, idx, seq);
}

// A slot may be filled for the next indices only. Any other is covered by avail idx, or would be
// taken for an entry that the device has still to read: with as many buffers in flight and behind
// avail idx as the queue has entries, none is left.
static void store_avail_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                             uint16_t head)
{
    const uint32_t ahead = (slot - q->avail_idx) & q->mask;

    r->work[VL_SIDE_DRIVER] = 0;
    if (ahead + q->n_published >= q->size) {
        vl_referee_finding(r, "ownership:slot-exposed", "driver",
                           "head %u was stored in available slot %" PRIu32
                           ", which avail idx %u covers, with %" PRIu32 " buffers in flight",
                           head, slot, q->avail_idx, q->n_published);
        return;
    }
    q->avail_slot[slot] = VL_SLOT_FRESH | head;
}

static void store_descriptor(struct vl_referees *r, const struct vl_event *ev)
{
    uint32_t off = 0;

    if (vl_image_find(&r->image, ev->addr, ev->len, &off)) {
        const uint32_t last = (off + ev->len - 1) / VL_DESC_BYTES;
        for (uint32_t g = off / VL_DESC_BYTES; g <= last; g++) { // bound: 2
            const uint32_t owner = vl_image_granule(&r->image, g)->owner;
            if (owner != 0 && !r->device_was_reset) {
                const uint32_t head = (owner - 1) & 0xFFFFu;
                const struct vl_squeue *q = &r->queue[(owner - 1) >> 16];
                vl_referee_finding(r, "ownership:desc-in-flight", "driver",
                                   "a descriptor at gpa 0x%" PRIx64 " was stored to; it belongs "
                                   "to head %" PRIu32 ", in flight since #%" PRIu64,
                                   ev->addr, head, q->head[head].published_seq);
            }
        }
        vl_image_store(&r->image, ev->addr, ev->len, ev->value, ev->aux);
    }
}

void vl_driver_store(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_squeue *q = vl_squeue_at(r, ev);

    if (q == NULL || ev->addr - q->desc < q->desc_bytes) {
        store_descriptor(r, ev);
        return;
    }
    if (q->state != VL_QUEUE_LIVE || r->device_was_reset) {
        return;
    }
    const uint64_t off = ev->addr - q->avail;
    if (off >= q->avail_bytes) {
        vl_referee_finding(r, "ownership:driver-writes-device-area", "driver",
                           "the driver stored 0x%" PRIx64 " at byte %" PRIu64
                           " of the used ring of queue %u",
                           ev->value, ev->addr - q->used, q->index);
    } else if (off < VL_RING_IDX_OFF) {
        vl_notify_flags(r, q, VL_SIDE_DRIVER, off, ev->value);
    } else if (off == VL_RING_IDX_OFF) {
        store_avail_idx(r, q, (uint16_t)ev->value, seq);
    } else if (off >= VL_RING_SLOTS_OFF &&
               off < VL_RING_SLOTS_OFF + q->size * VL_AVAIL_SLOT_BYTES) {
        store_avail_slot(r, q, (uint32_t)(off - VL_RING_SLOTS_OFF) / VL_AVAIL_SLOT_BYTES,
                         (uint16_t)ev->value);
    }
}

// ---- taking back ----------------------------------------------------------------------------

void vl_driver_take_back(struct vl_referees *r, struct vl_squeue *q, uint32_t head)
{
    struct vl_head *h = &q->head[head];
    struct vl_walk walk;
    struct vl_step step;

    if ((h->flags & VL_HEAD_PUBLISHED) == 0) {
        return;
    }
    vl_walk_start(q, head, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
        vl_image_granule(&r->image, step.granule)->owner = 0;
        if (!step.table) {
            vl_image_expose(&r->image, step.off, step.len, (uint16_t)-1);
        }
    }
    q->n_descs -= h->n_descs;
    h->n_descs = 0;
    h->flags &= ~VL_HEAD_PUBLISHED;
    q->n_published--;
    const uint16_t moved = q->list[q->n_published];
    q->list[h->list_pos] = moved;
    q->head[moved].list_pos = h->list_pos;
}

static void load_used_idx(struct vl_referees *r, struct vl_squeue *q, uint16_t idx, uint64_t seq)
{
    r->work[VL_SIDE_DRIVER] = 0;
    if (vl_robust_lied(q, VL_SIDE_DRIVER)) {
        vl_robust_unnoticed(r, q, VL_SIDE_DRIVER, "loaded used idx again");
    }
    if ((uint16_t)(idx - q->reaped) > q->n_published) {
        vl_robust_lie(r, q, VL_SIDE_DRIVER, "used idx returns more than is in flight", idx, seq);
        return;
    }
    if (idx < q->seen_used) {
        vl_mark(r, VL_MARK_USED_WRAPPED);
    }
    q->seen_used = idx;
}

// The next used entry: with it the driver owns the buffer again.
static void load_used_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                           uint64_t value, uint64_t seq)
{
    const uint32_t id = (uint32_t)value;
    const uint32_t len = (uint32_t)(value >> 32);

    r->work[VL_SIDE_DRIVER] = 0;
    if (q->reaped == q->seen_used || slot != (q->reaped & q->mask)) {
        return; // not one that it may take now
    }
    q->reaped++;
    if (id >= q->size) {
        vl_robust_lie(r, q, VL_SIDE_DRIVER, "used id outside the table", id, seq);
        return;
    }
    struct vl_head *h = &q->head[id];
    if ((h->flags & VL_HEAD_PUBLISHED) == 0) {
        vl_robust_lie(r, q, VL_SIDE_DRIVER, "used id of a head that is not in flight", id, seq);
        return;
    }
    if (len > h->n_writable) {
        vl_robust_lie(r, q, VL_SIDE_DRIVER, "used length larger than the writable part", len, seq);
        return;
    }
    if (h->publish_number != q->n_taken_back++) {
        vl_mark(r, VL_MARK_OUT_OF_ORDER);
    }
    vl_driver_take_back(r, q, id);
    h->flags |= VL_HEAD_LOADED;
    h->loaded_len = len;
}

void vl_driver_load(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_squeue *q = vl_squeue_at(r, ev);

    if (q == NULL || q->state != VL_QUEUE_LIVE || r->device_was_reset) {
        return;
    }
    const uint64_t off = ev->addr - q->used;
    if (off >= q->used_bytes) {
        return; // its own areas
    }
    if (off == VL_RING_IDX_OFF) {
        load_used_idx(r, q, (uint16_t)ev->value, seq);
    } else if (off == VL_RING_FLAGS_OFF) {
        vl_live_looked(r, q, VL_SIDE_DRIVER, false, (uint16_t)ev->value, seq);
    } else if (off < VL_RING_SLOTS_OFF + q->size * VL_USED_SLOT_BYTES) {
        if (ev->len == VL_USED_SLOT_BYTES) {
            load_used_slot(r, q, (uint32_t)(off - VL_RING_SLOTS_OFF) / VL_USED_SLOT_BYTES,
                           ev->value, seq);
        }
    } else {
        vl_live_looked(r, q, VL_SIDE_DRIVER, true, (uint16_t)ev->value, seq);
    }
}
