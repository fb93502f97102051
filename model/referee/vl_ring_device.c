// model/referee/vl_ring_device.c -- the device's ring accesses: its view of a queue, what it was
// given in each chain, and what it breaks.
// Spec: virtio 1.4 §2.7.5 to §2.7.8, §2.7.13.3 (1.0: §2.4.5 to §2.4.8, §3.2.1).
// What a device may touch is what it read first: the elements of a chain as it followed it. Reading
// a descriptor a second time gives it nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

// The queue one of whose chains goes on at this descriptor, wherever a hostile driver put it.
static struct vl_squeue *walk_of(struct vl_referees *r, const struct vl_event *ev)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        struct vl_squeue *q = &r->queue[(ev->queue + i) % VL_QUEUES];
        if (ev->addr == q->walk_expect) {
            return q;
        }
    }
    return NULL;
}

// A hostile driver may have told the device other areas than it told us. Then the device's idea of
// a word and ours differ, and what it does there says nothing about it.
static bool other_areas(const struct vl_referees *r, const struct vl_squeue *q,
                        const struct vl_event *ev)
{
    if (!r->config.hostile_driver) {
        return false;
    }
    switch (ev->field) {
    case VL_FIELD_DESC: return q == NULL || ev->addr - q->desc >= q->desc_bytes;
    case VL_FIELD_AVAIL_FLAGS: return q == NULL || ev->addr - q->avail - VL_RING_FLAGS_OFF >= 2;
    case VL_FIELD_AVAIL_IDX: return q == NULL || ev->addr - q->avail - VL_RING_IDX_OFF >= 2;
    case VL_FIELD_USED_FLAGS: return q == NULL || ev->addr - q->used - VL_RING_FLAGS_OFF >= 2;
    case VL_FIELD_USED_IDX: return q == NULL || ev->addr - q->used - VL_RING_IDX_OFF >= 2;
    case VL_FIELD_AVAIL_RING:
    case VL_FIELD_USED_EVENT: return q == NULL || ev->addr - q->avail >= q->avail_bytes;
    case VL_FIELD_USED_RING:
    case VL_FIELD_AVAIL_EVENT: return q == NULL || ev->addr - q->used >= q->used_bytes;
    default: return false;
    }
}

static void stand_down(struct vl_referees *r, const struct vl_event *ev)
{
    r->queue[ev->queue % VL_QUEUES].stood_down = true;
}

// ---- walking --------------------------------------------------------------------------------

static void forget_elems(struct vl_referees *r, struct vl_squeue *q, struct vl_head *h)
{
    if (h->first_elem != VL_NONE) {
        r->elem[h->last_elem].next = r->free_elem;
        r->free_elem = h->first_elem;
        h->first_elem = h->last_elem = VL_NONE;
    }
    q->last_elem = VL_NONE;
}

static void grant(struct vl_referees *r, struct vl_squeue *q, const struct vl_desc *desc)
{
    struct vl_head *h = &q->head[q->walk_head];
    uint32_t index = r->free_elem;

    if (index != VL_NONE) {
        r->free_elem = r->elem[index].next;
    } else if (r->n_elems < r->elems_max) {
        index = r->n_elems++;
    } else {
        q->grants_lost = true;
        return;
    }
    const bool writable = (desc->flags & VL_DESC_WRITE) != 0;
    r->elem[index] = (struct vl_elem){.gpa = vl_image_gpa(&r->image, desc->addr),
                                      .len = desc->len,
                                      .at = h->granted,
                                      .next = VL_NONE,
                                      .writable = writable};
    if (h->first_elem == VL_NONE) {
        h->first_elem = index;
    } else {
        r->elem[h->last_elem].next = index;
    }
    h->last_elem = index;
    h->granted += writable ? desc->len : 0;
    if (r->elem[index].gpa < r->image.border && r->image.border - r->elem[index].gpa < desc->len) {
        vl_mark(r, VL_MARK_TWO_SPANS);
    }
}

// The rule that an indirect descriptor breaks, or NULL.
static const char *table_rule(const struct vl_referees *r, const struct vl_squeue *q,
                              const struct vl_desc *desc)
{
    uint32_t off = 0;

    if (!q->indirect) {
        return "an indirect descriptor that was not negotiated";
    }
    if (q->nested) {
        return "an indirect table inside an indirect table";
    }
    if ((desc->flags & VL_DESC_NEXT) != 0) {
        return "an indirect descriptor with NEXT";
    }
    if (desc->len == 0 || desc->len % VL_DESC_BYTES != 0) {
        return "an indirect table of a wrong length";
    }
    return vl_image_find(&r->image, vl_image_gpa(&r->image, desc->addr), desc->len, &off)
               ? NULL
               : "an indirect table outside memory";
}

static const char *elem_rule(const struct vl_referees *r, const struct vl_squeue *q,
                             const struct vl_desc *desc)
{
    uint32_t off = 0;

    if ((desc->flags & VL_DESC_WRITE) == 0 && q->writable_seen) {
        return "a readable element behind a writable one";
    }
    if (q->walk_bytes > UINT32_MAX) {
        return "a chain of more than 2^32 - 1 bytes";
    }
    if (desc->len > 0 &&
        !vl_image_find(&r->image, vl_image_gpa(&r->image, desc->addr), desc->len, &off)) {
        return "an element outside memory";
    }
    if ((desc->flags & VL_DESC_NEXT) != 0) {
        if (q->walk_elems >= q->size) {
            return "a chain longer than the queue";
        }
        if (desc->next >= q->walk_table_n) {
            return "a next outside the table";
        }
    }
    return NULL;
}

static void load_descriptor(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                            uint64_t seq)
{
    const struct vl_desc desc = vl_desc_of(ev->value, ev->aux);

    if (vl_robust_lied(q, VL_SIDE_DEVICE)) {
        vl_robust_unnoticed(r, q, VL_SIDE_DEVICE, "followed the chain");
    }
    if ((desc.flags & VL_DESC_INDIRECT) != 0) {
        const char *rule = table_rule(r, q, &desc);
        q->nested = true;
        q->table_flags = desc.flags;
        q->walk_table = vl_image_gpa(&r->image, desc.addr);
        q->walk_table_n = desc.len / VL_DESC_BYTES;
        q->walk_expect = q->walk_table;
        vl_mark(r, VL_MARK_INDIRECT);
        if (q->walk_table_n == q->size) {
            vl_mark(r, VL_MARK_INDIRECT_FULL);
        }
        if (rule != NULL) {
            vl_robust_lie(r, q, VL_SIDE_DEVICE, rule, ev->addr, seq);
        }
        return;
    }
    q->walk_elems++;
    q->walk_bytes += desc.len;
    const char *rule = elem_rule(r, q, &desc);
    // An element without bytes comes before and behind anything.
    q->writable_seen = q->writable_seen || ((desc.flags & VL_DESC_WRITE) != 0 && desc.len > 0);
    q->walk_expect = (desc.flags & VL_DESC_NEXT) != 0
                         ? q->walk_table + (uint64_t)desc.next * VL_DESC_BYTES
                         : VL_NOWHERE;
    if (rule != NULL) {
        vl_robust_lie(r, q, VL_SIDE_DEVICE, rule, ev->addr, seq);
        return;
    }
    grant(r, q, &desc);
    if (q->walk_elems == q->size) {
        vl_mark(r, VL_MARK_CHAIN_FULL);
    }
}

void vl_device_uncovered(struct vl_referees *r, const char *kind, const char *text)
{
    VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_13_3_dev_d1, kind, "%s", text);
}

// The slot was read before avail idx, as the device loaded it, covered it. One that it took already
// and has not returned yet it may look at again.
static void slot_uncovered(struct vl_referees *r, const struct vl_squeue *q, uint32_t slot,
                           uint16_t covered)
{
    const uint32_t ahead = (slot - q->taken) & q->mask;
    char text[192];

    if (vl_robust_lied(q, VL_SIDE_DEVICE) ||
        (ahead > 0 && q->n_popped >= q->size - ahead && q->n_held > 0)) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "available slot %" PRIu32 " was read, index %u: avail idx, as the device loaded "
                   "it last, is %u and covers %u entries from %u on",
                   slot, (uint16_t)(q->taken + ahead), q->seen_avail, covered, q->taken);
    if (!vl_notify_extra_taken(r, q, VL_SIDE_DEVICE, NULL, text)) {
        vl_device_uncovered(r, NULL, text);
    }
}

// A descriptor of a queue's own table was read that no walk leads to: one of a chain in flight may
// be looked at again.
static void desc_uncovered(struct vl_referees *r, const struct vl_event *ev)
{
    const struct vl_squeue *q = vl_squeue_at(r, ev);
    uint32_t off = 0;
    char text[128];

    if (!r->judge_driver || q == NULL || q->state != VL_QUEUE_LIVE || q->stood_down ||
        ev->addr - q->desc >= q->desc_bytes || !vl_image_find(&r->image, ev->addr, ev->len, &off) ||
        vl_image_granule(&r->image, off / VL_DESC_BYTES)->owner != 0) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "descriptor %" PRIu64 " of queue %u was read, which belongs to no chain in "
                   "flight",
                   (ev->addr - q->desc) / VL_DESC_BYTES, q->index);
    vl_device_uncovered(r, NULL, text);
}

// A head was loaded: a walk begins. One that was under way and not accepted is given up.
static void load_avail_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                            uint16_t head, uint64_t seq)
{
    const uint16_t covered = (uint16_t)(q->seen_avail - q->taken);

    r->work[VL_SIDE_DEVICE] = 0;
    if (((slot - q->taken) & q->mask) >= covered) {
        slot_uncovered(r, q, slot, covered);
    }
    if (slot != (q->taken & q->mask)) {
        return; // not the one that it is to take
    }
    if (vl_robust_lied(q, VL_SIDE_DEVICE)) {
        vl_robust_unnoticed(r, q, VL_SIDE_DEVICE, "took the entry again");
    }
    if (q->walk_head != VL_NONE) {
        q->head[q->walk_head].flags &= ~VL_HEAD_WALKED;
    }
    q->walk_head = VL_NONE;
    q->walk_expect = VL_NOWHERE;
    if (head >= q->size) {
        vl_robust_lie(r, q, VL_SIDE_DEVICE, "an available entry outside the table", head, seq);
        return;
    }
    struct vl_head *h = &q->head[head];
    if ((h->flags & VL_HEAD_HELD) != 0) {
        vl_robust_lie(r, q, VL_SIDE_DEVICE, "an available entry of a head in flight", head, seq);
        return;
    }
    forget_elems(r, q, h);
    h->flags = (h->flags & ~(VL_HEAD_GIVEN_BACK | VL_HEAD_ANSWER)) | VL_HEAD_WALKED;
    h->granted = 0;
    h->written = 0;
    h->island_from = h->island_to = 0;
    h->total_written = 0;
    h->scattered = false;
    q->walk_head = q->hint_head = head;
    q->last_elem = VL_NONE;
    q->nested = false;
    q->writable_seen = false;
    q->walk_elems = 0;
    q->walk_bytes = 0;
    q->walk_table = q->desc;
    q->walk_table_n = q->size;
    q->walk_expect = q->desc + (uint64_t)head * VL_DESC_BYTES;
}

// The chain was accepted before its end was read. What an indirect table at its end holds belongs
// to it as well, whatever stands before the table.
static void judge_end(struct vl_referees *r, const struct vl_squeue *q, uint32_t head)
{
    bool tail = q->nested && q->walk_elems > 0 && q->walk_expect == q->walk_table;
    uint32_t off = 0;

    if (!q->nested && r->judge_driver &&
        vl_image_find(&r->image, q->walk_expect, VL_DESC_BYTES, &off)) {
        const struct vl_granule *g = vl_image_granule(&r->image, off / VL_DESC_BYTES);
        tail = (vl_desc_of(g->low, g->high).flags & VL_DESC_INDIRECT) != 0;
    }
    if (tail) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_7_5_3_2_dev_2,
                  "the chain of head %" PRIu32 " was accepted after %" PRIu32
                  " elements, and the indirect table that ends it (gpa 0x%" PRIx64 ") was not read",
                  head, q->walk_elems, q->walk_expect);
    }
}

void vl_device_pop(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];
    const uint32_t head = (uint32_t)ev->addr;

    if (q->state != VL_QUEUE_LIVE || q->stood_down || r->device_was_reset) {
        r->work[VL_SIDE_DEVICE] = 0; // it is not followed, and takes something by its own word
        return;
    }
    const bool kept = !vl_promises(r, q) ||
                      vl_promise_step(r, q, VL_SIDE_DEVICE, vl_queue_take(&q->abstract, head));
    if (vl_robust_lied(q, VL_SIDE_DEVICE)) {
        vl_robust_unnoticed(r, q, VL_SIDE_DEVICE, "accepted the buffer");
    } else if (q->walk_expect != VL_NOWHERE && q->walk_head == head) {
        judge_end(r, q, head);
    }
    q->walk_expect = VL_NOWHERE;
    q->walk_head = VL_NONE;
    if (head >= q->size) {
        return;
    }
    q->taken++;
    q->n_held++;
    q->head[head].flags = (q->head[head].flags & ~VL_HEAD_WALKED) | VL_HEAD_HELD;
    q->head[head].pop_number = q->n_popped++;
    if (!kept) {
        vl_promise_broken(r, q, VL_SIDE_DEVICE);
    }
}

// ---- loads ----------------------------------------------------------------------------------

// Marks of what the driver published, as far as the device can tell.
static void device_marks(struct vl_referees *r, const struct vl_squeue *q, uint16_t idx)
{
    const uint16_t n_new = (uint16_t)(idx - q->seen_avail);

    if (idx < q->seen_avail) {
        vl_mark(r, VL_MARK_AVAIL_WRAPPED);
    }
    if ((q->seen_avail & q->mask) + n_new >= q->size) {
        vl_mark(r, VL_MARK_RING_WRAPPED);
    }
    if (n_new > 1) {
        vl_mark(r, VL_MARK_BATCH);
    }
    if ((uint16_t)(idx - q->taken) + q->n_held == q->size) {
        vl_mark(r, VL_MARK_QUEUE_FULL);
    }
}

static void load_avail_idx(struct vl_referees *r, struct vl_squeue *q, uint16_t idx, uint64_t seq)
{
    if (vl_robust_lied(q, VL_SIDE_DEVICE)) {
        vl_robust_unnoticed(r, q, VL_SIDE_DEVICE, "loaded avail idx again");
    }
    q->served = true;
    if ((uint16_t)(idx - q->taken) > q->size - q->n_held) {
        vl_robust_lie(r, q, VL_SIDE_DEVICE, "avail idx makes more available than there is", idx,
                      seq);
        return;
    }
    device_marks(r, q, idx);
    q->seen_avail = idx;
}

// A word of the available ring was loaded.
static void load_word(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                      uint64_t seq)
{
    const uint64_t off = ev->addr - q->avail;

    if (off == VL_RING_IDX_OFF) {
        vl_notify_index_loaded(r, q, VL_SIDE_DEVICE, ev);
        load_avail_idx(r, q, (uint16_t)ev->value, seq);
    } else if (off == VL_RING_FLAGS_OFF) {
        vl_notify_decides(r, q, VL_SIDE_DEVICE, false, ev);
        vl_live_looked(r, q, VL_SIDE_DEVICE, false, (uint16_t)ev->value, seq);
    } else if (off < VL_RING_SLOTS_OFF + q->size * VL_AVAIL_SLOT_BYTES) {
        load_avail_slot(r, q, (uint32_t)(off - VL_RING_SLOTS_OFF) / VL_AVAIL_SLOT_BYTES,
                        (uint16_t)ev->value, seq);
    } else {
        vl_notify_decides(r, q, VL_SIDE_DEVICE, true, ev);
        vl_live_looked(r, q, VL_SIDE_DEVICE, true, (uint16_t)ev->value, seq);
    }
}

void vl_device_load(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const bool descriptor = ev->len == VL_DESC_BYTES;
    struct vl_squeue *q = descriptor ? walk_of(r, ev) : vl_squeue_at(r, ev);

    if (descriptor && q == NULL) {
        desc_uncovered(r, ev); // or looks again at what it has seen
        return;
    }
    if (other_areas(r, q, ev)) {
        if (descriptor && !q->stood_down && vl_robust_lied(q, VL_SIDE_DEVICE)) {
            vl_robust_unnoticed(r, q, VL_SIDE_DEVICE, "followed it out of the table");
        }
        stand_down(r, ev);
        return;
    }
    if (q == NULL || q->state != VL_QUEUE_LIVE || q->stood_down) {
        return;
    }
    const uint64_t off = ev->addr - q->avail;
    if (descriptor) {
        load_descriptor(r, q, ev, seq);
    } else if (off >= q->avail_bytes) {
        return; // its own area
    } else if (vl_width_whole(q, false, off, ev->len)) {
        load_word(r, q, ev, seq);
    } else {
        vl_width_load(r, q, VL_SIDE_DEVICE, ev, seq, load_word);
    }
}

// ---- stores ---------------------------------------------------------------------------------

static void writes_table(struct vl_referees *r, const struct vl_event *ev, const char *table,
                         unsigned queue)
{
    VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_5_1_dev_4, "ownership:device-writes-driver-area",
                 "the device stored 0x%" PRIx64 " at gpa 0x%" PRIx64 ", in %s of queue %u",
                 ev->value, ev->addr, table, queue);
}

// Without EVENT_IDX there need be no avail_event: the ring ends before it, and who laid it out may
// keep what it likes there [2.7.8]. What a hostile driver told the device counts, not what it notes
// (queue_served()); one that puts other things there on purpose may not be hit either.
static void __attribute__((cold, noinline))
behind_ring(struct vl_referees *r, const struct vl_squeue *q, const struct vl_event *ev)
{
    if (r->judge_driver || ev->field == VL_FIELD_AVAIL_EVENT) {
        vl_referee_finding(r, "ownership:device-write-outside", "device",
                           "the device stored 0x%" PRIx64 " at gpa 0x%" PRIx64
                           ", behind the used ring of queue %u: an avail_event is there with "
                           "EVENT_IDX only, which was not negotiated",
                           ev->value, ev->addr, q->index);
    }
}

// A word of the used ring was stored, or a part of it that makes this word of it.
static void store_word(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                       uint64_t seq)
{
    const uint64_t off = ev->addr - q->used;

    if (off == VL_RING_FLAGS_OFF) {
        vl_notify_flags(r, q, VL_SIDE_DEVICE, ev->value);
        vl_notify_asked(r, q, VL_SIDE_DEVICE, false, ev);
    } else if (off == VL_RING_IDX_OFF) {
        vl_notify_index_stored(r, q, VL_SIDE_DEVICE, ev);
        vl_device_used_idx(r, q, ev, seq);
    } else if (off < VL_RING_SLOTS_OFF + q->size * VL_USED_SLOT_BYTES) {
        vl_device_used_slot(r, q, (uint32_t)(off - VL_RING_SLOTS_OFF) / VL_USED_SLOT_BYTES, ev);
    } else if (q->event_idx) {
        vl_notify_asked(r, q, VL_SIDE_DEVICE, true, ev);
    } else {
        behind_ring(r, q, ev);
    }
}

void vl_device_store(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_squeue *q = vl_squeue_at(r, ev);

    if (other_areas(r, q, ev)) {
        stand_down(r, ev);
        return;
    }
    if (q == NULL) {
        uint32_t off = 0;
        if (r->judge_driver && vl_image_find(&r->image, ev->addr, ev->len, &off) &&
            vl_image_granule(&r->image, off / VL_DESC_BYTES)->owner != 0) {
            writes_table(r, ev, "an indirect table", ev->queue);
        }
        vl_own_device_payload(r, ev);
        return;
    }
    if (q->state != VL_QUEUE_LIVE || q->stood_down) {
        return;
    }
    const uint64_t off = ev->addr - q->used;
    if (off >= q->used_bytes && ev->addr - q->avail < q->avail_bytes) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_6_dev_d1, "ownership:device-writes-driver-area",
                     "the device stored 0x%" PRIx64 " at byte %" PRIu64
                     " of the available ring of queue %u",
                     ev->value, ev->addr - q->avail, q->index);
    } else if (off >= q->used_bytes) {
        writes_table(r, ev, "the descriptor table", q->index);
    } else if (vl_width_whole(q, true, off, ev->len)) {
        store_word(r, q, ev, seq);
    } else {
        vl_width_store(r, q, VL_SIDE_DEVICE, ev, seq, store_word);
    }
}

// ---- registers ------------------------------------------------------------------------------

// That a size is a power of two is decided with the registers of PCI [4.1.4.3.1-dev-16].
void vl_device_register(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_queue *queue = vl_spec_selected(&r->spec.regs);

    if (a->region != VL_REGION_COMMON || a->off != VL_COMMON_QUEUE_SIZE || a->write ||
        a->value <= 32768 || queue == NULL || (queue->written & VL_WRITTEN_SIZE) != 0) {
        return;
    }
    VL_BROKEN(r, VL_SIDE_DEVICE, 2_7_dev_d2,
              "queue %u is said to have %" PRIu32 " entries: a split queue has 32768 at most",
              r->spec.regs.queue_select, a->value);
}
