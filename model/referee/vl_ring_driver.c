// model/referee/vl_ring_driver.c -- the driver's ring accesses: its view of a queue, and what it
// breaks by them.
// Spec: virtio 1.4 §2.7.6, §2.7.13, §2.7.14, §3.3.1 (1.0: §2.4.6, §3.2.1, §3.2.2, §3.3).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define LONG_USED "used length larger than the writable part"

// ---- order ----------------------------------------------------------------------------------

// Only under config.barriers, from the orders in force as recorded: elsewhere a missing barrier is
// judged by what comes of it.

static inline bool releases(const struct vl_event *ev)
{
    return ev->order >= VIRTQ_RELEASE; // release, acq-rel, seq-cst
}

void vl_driver_fence(struct vl_referees *r, const struct vl_event *ev)
{
    if (releases(ev)) {
        r->acts.unordered = false;
    }
}

static void order_publication(struct vl_referees *r, const struct vl_event *ev)
{
    if (r->acts.unordered && !releases(ev)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_13_3_1_drv_1,
                  "avail idx was stored as %" PRIu64
                  " with order %s, and no release stands between "
                  "it and the last store to a descriptor or available entry, #%" PRIu64,
                  ev->value, vl_order_name(ev->order), r->acts.dirty_seq);
    }
    r->acts.unordered = false;
}

static void order_decision(struct vl_referees *r, const struct vl_squeue *q,
                           const struct vl_event *ev, bool event_word)
{
    if (event_word != q->event_idx || vl_notify_ordered(r, q, VL_SIDE_DRIVER, ev)) {
        return; // a word without meaning, or a fence came between
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_13_4_1_drv_1,
              "%s was loaded with no full barrier since the store of avail idx %u at #%" PRIu64,
              event_word ? "avail_event" : "the used ring's flags", q->avail_idx, q->idx_seq);
}

// ---- stores ---------------------------------------------------------------------------------

// A slot may be filled for the next indices only. Any other is covered by avail idx, or would be
// taken for an entry that the device has still to read: with as many buffers in flight and behind
// avail idx as the queue has entries, none is left.
static void store_avail_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                             uint16_t head)
{
    const uint32_t ahead = (slot - q->avail_idx) & q->mask;

    r->work[VL_SIDE_DRIVER] = 0;
    if (ahead + q->n_published >= q->size) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 3_3_1_drv_1, "ownership:slot-exposed",
                     "head %u was stored in available slot %" PRIu32
                     ", which avail idx %u (#%" PRIu64 ") covers, with %" PRIu32
                     " buffers in flight",
                     head, slot, q->avail_idx, q->idx_seq, q->n_published);
        return;
    }
    q->n_fresh += (q->avail_slot[slot] & VL_SLOT_FRESH) == 0;
    q->avail_slot[slot] = VL_SLOT_FRESH | head;
}

static void __attribute__((cold, noinline))
desc_in_flight(struct vl_referees *r, const struct vl_event *ev, uint32_t owner)
{
    const uint32_t head = (owner - 1) & 0xFFFFu;
    const struct vl_squeue *q = &r->queue[(owner - 1) >> 16];

    VL_BROKEN_AS(r, VL_SIDE_DRIVER, 3_3_1_drv_1, "ownership:desc-in-flight",
                 "a descriptor at gpa 0x%" PRIx64 " was stored to; it belongs "
                 "to head %" PRIu32 ", in flight since #%" PRIu64,
                 ev->addr, head, q->head[head].published_seq);
}

static void store_descriptor(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    uint32_t off = 0;

    if (vl_image_find(&r->image, ev->addr, ev->len, &off)) {
        const uint32_t last = (off + ev->len - 1) / VL_DESC_BYTES;
        for (uint32_t g = off / VL_DESC_BYTES; g <= last; g++) { // bound: 2
            struct vl_granule *granule = vl_image_granule(&r->image, g);
            if (granule->owner != 0 && !r->device_was_reset) {
                desc_in_flight(r, ev, granule->owner);
            }
            granule->seq = seq;
        }
        vl_image_store(&r->image, ev->addr, ev->len, ev->value, ev->aux);
    }
}

// A word of the available ring was stored, or a part of it that makes this word of it.
static void store_word(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                       uint64_t seq)
{
    const uint64_t off = ev->addr - q->avail;

    if (off == VL_RING_IDX_OFF) {
        if (r->config.barriers) {
            order_publication(r, ev);
        }
        vl_notify_index_stored(r, q, VL_SIDE_DRIVER, ev);
        vl_driver_publishes(r, q, ev, seq);
    } else if (off == VL_RING_FLAGS_OFF) {
        vl_notify_flags(r, q, VL_SIDE_DRIVER, ev->value);
        vl_notify_asked(r, q, VL_SIDE_DRIVER, false, ev);
    } else if (off < VL_RING_SLOTS_OFF + q->size * VL_AVAIL_SLOT_BYTES) {
        r->acts.unordered = true;
        r->acts.dirty_seq = seq;
        store_avail_slot(r, q, (uint32_t)(off - VL_RING_SLOTS_OFF) / VL_AVAIL_SLOT_BYTES,
                         (uint16_t)ev->value);
    } else {
        vl_notify_asked(r, q, VL_SIDE_DRIVER, true, ev);
    }
}

void vl_driver_store(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_squeue *q = vl_squeue_at(r, ev);

    if (q == NULL || ev->addr - q->desc < q->desc_bytes) {
        r->acts.unordered = true;
        r->acts.dirty_seq = seq;
        store_descriptor(r, ev, seq);
        return;
    }
    if (q->state != VL_QUEUE_LIVE || r->device_was_reset) {
        return;
    }
    const uint64_t off = ev->addr - q->avail;
    if (off >= q->avail_bytes) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_8_drv_d1, "ownership:driver-writes-device-area",
                     "the driver stored 0x%" PRIx64 " at byte %" PRIu64
                     " of the used ring of queue %u",
                     ev->value, ev->addr - q->used, q->index);
    } else if (vl_width_whole(q, false, off, ev->len)) {
        store_word(r, q, ev, seq);
    } else {
        vl_width_store(r, q, VL_SIDE_DRIVER, ev, seq, store_word);
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
    r->spec.isr.looked[q->index] = seq;
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
    if ((uint16_t)(idx - q->reaped) > (uint16_t)(q->seen_used - q->reaped)) {
        q->seen_used = idx; // what an index once covered stays covered
    }
}

// A used entry is loaded before its turn.
static void __attribute__((cold, noinline))
taken_wrongly(struct vl_referees *r, const struct vl_squeue *q, uint32_t slot, uint32_t covered)
{
    if (q->broken[VL_SIDE_DRIVER] || vl_robust_lied(q, VL_SIDE_DRIVER)) {
        return; // out of service, or led there by an index that it does not check
    }
    char text[192];

    (void)snprintf(text, sizeof(text),
                   "the driver loaded used slot %" PRIu32
                   "; the next one is that of index %u, and %" PRIu32
                   " are covered by used idx %u, the newest that it loaded",
                   slot, q->reaped, covered, q->seen_used);
    if (!vl_notify_extra_taken(r, q, VL_SIDE_DRIVER, NULL, text)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_14_drv_d1, "%s", text);
    }
}

// The next used entry: with it the driver owns the buffer again. Of one whose id alone was loaded
// the length is not known.
static void load_used_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                           const struct vl_event *ev, uint64_t seq)
{
    const bool whole = ev->len == VL_USED_SLOT_BYTES;
    const uint32_t id = (uint32_t)ev->value;
    const uint32_t len = (uint32_t)(ev->value >> 32);

    r->work[VL_SIDE_DRIVER] = 0;
    const uint32_t ahead = (slot - q->reaped) & q->mask;
    const uint32_t covered = (uint16_t)(q->seen_used - q->reaped);
    if (ahead != 0 || covered == 0) {
        if (ahead < covered || ahead == 0 || q->n_taken_back < q->size - ahead) {
            taken_wrongly(r, q, slot, covered);
        }
        return; // looks again at what it has taken
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
    if (whole && len > h->n_writable) {
        vl_robust_lie(r, q, VL_SIDE_DRIVER, LONG_USED, len, seq);
        return;
    }
    if (h->publish_number != q->n_taken_back++) {
        vl_mark(r, VL_MARK_OUT_OF_ORDER);
    }
    vl_driver_take_back(r, q, id);
    h->flags |= VL_HEAD_LOADED;
    h->loaded_len = whole ? len : VL_NONE;
}

// The length of the used entry that was loaded last.
static void load_used_len(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                          const struct vl_event *ev, uint64_t seq)
{
    const uint32_t id = (uint32_t)ev->value;
    const uint32_t len = (uint32_t)(ev->value >> 32);

    if (slot != ((q->reaped - 1u) & q->mask) || id >= q->size ||
        (q->head[id].flags & VL_HEAD_LOADED) == 0) {
        return;
    }
    q->head[id].loaded_len = len;
    if (len > q->head[id].n_writable) {
        vl_robust_lie(r, q, VL_SIDE_DRIVER, LONG_USED, len, seq);
    }
}

static void load_used_entry(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                            uint64_t seq)
{
    const uint32_t in = (uint32_t)(ev->addr - q->used) - VL_RING_SLOTS_OFF;

    if (in % VL_USED_SLOT_BYTES == 0) {
        load_used_slot(r, q, in / VL_USED_SLOT_BYTES, ev, seq);
    } else {
        load_used_len(r, q, in / VL_USED_SLOT_BYTES, ev, seq);
    }
}

// A word of the used ring was loaded, or an id or a length.
static void load_word(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                      uint64_t seq)
{
    const uint64_t off = ev->addr - q->used;

    if (off == VL_RING_IDX_OFF) {
        vl_notify_index_loaded(r, q, VL_SIDE_DRIVER, ev);
        load_used_idx(r, q, (uint16_t)ev->value, seq);
    } else if (off - VL_RING_SLOTS_OFF < q->size * VL_USED_SLOT_BYTES) {
        load_used_entry(r, q, ev, seq);
    } else {
        const bool event_word = off != VL_RING_FLAGS_OFF;
        if (r->config.barriers) {
            order_decision(r, q, ev, event_word);
        }
        vl_notify_decides(r, q, VL_SIDE_DRIVER, event_word, ev);
        vl_live_looked(r, q, VL_SIDE_DRIVER, event_word, (uint16_t)ev->value, seq);
    }
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
    if (vl_width_whole(q, true, off, ev->len)) {
        load_word(r, q, ev, seq);
    } else {
        vl_width_load(r, q, VL_SIDE_DRIVER, ev, seq, load_word);
    }
}
