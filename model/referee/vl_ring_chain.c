// model/referee/vl_ring_chain.c -- publication: what a store of avail idx hands to the device,
// judged once, from the driver's stores that made it. Spec: virtio 1.4 §2.7.4 to §2.7.6, §2.7.13
// (1.0: §2.4.4 to §2.4.6, §3.2.1).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define BAD_CHAIN "ownership:bad-chain"
#define ENTRY_STALE "ownership:entry-stale"
#define AVAIL_IDX "ownership:avail-idx"

// From here on a chain is long for what it holds [2.7.4.2-drv-2]; where that begins, the standard
// leaves open.
#define MANY_ELEMS 32u
#define FEW_BYTES 8u // an element, on average

// ---- a chain --------------------------------------------------------------------------------

// Two rules are broken by an element that is longer than all memory; that the chain is too long
// whatever memory there is says more.
static void worst_rule(const struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                       struct vl_walk *bad, struct vl_step *at)
{
    struct vl_walk walk;
    struct vl_step step = {0};

    if (bad->rule != VL_CHAIN_WHERE) {
        return;
    }
    vl_walk_start(q, head, &walk);
    walk.anywhere = true;
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
    }
    if (walk.rule == VL_CHAIN_BYTES) {
        *bad = walk;
        *at = step;
    }
}

struct desc_text {
    char s[160];
};

// A descriptor of a chain as the driver stored it, and when.
static struct desc_text desc_text(const struct vl_referees *r, const struct vl_squeue *q,
                                  const struct vl_walk *walk, const struct vl_step *at)
{
    const struct vl_granule *g = &r->image.granule[at->granule];
    const bool own = at->granule - q->desc_granule < q->size;
    const uint32_t entry = at->granule - (own ? q->desc_granule : walk->table);
    struct desc_text text;

    if (g->run != r->image.run) {
        (void)snprintf(text.s, sizeof(text.s), "entry %" PRIu32 "%s was never stored", entry,
                       own ? "" : " of its table");
        return text;
    }
    const struct vl_desc desc = vl_desc_of(g->low, g->high);
    (void)snprintf(text.s, sizeof(text.s),
                   "entry %" PRIu32 "%s, stored at #%" PRIu64 ", has addr 0x%" PRIx64
                   ", len %" PRIu32 ", flags 0x%04x, next %u",
                   entry, own ? "" : " of its table", g->seq, desc.addr, desc.len, desc.flags,
                   desc.next);
    return text;
}

// Each rule under the clause that it is. at: the step that broke it; where a next leads out of the
// table, the one before.
static void __attribute__((cold, noinline))
chain_broken(struct vl_referees *r, const struct vl_squeue *q, uint32_t head, struct vl_walk walk,
             struct vl_step at)
{
    char text[448];

    worst_rule(r, q, head, &walk, &at);
    (void)snprintf(text, sizeof(text),
                   "the chain of head %" PRIu32 ", just published at index %u, has %s: %s; "
                   "so far %" PRIu32 " elements of %" PRIu64 " bytes, in %s of %" PRIu32
                   " entries, in a queue of %" PRIu32,
                   head, q->avail_idx, walk.bad, desc_text(r, q, &walk, &at).s, walk.n_elems,
                   walk.n_bytes, walk.nested ? "an indirect table" : "a table", walk.n_table,
                   q->size);
    switch ((enum vl_chain_rule)walk.rule) {
    case VL_CHAIN_FEATURE:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_3_1_drv_1, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_NESTED:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_3_1_drv_2, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_NEXT_TOO:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_3_1_drv_4, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_TABLE_LEN:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_3_drv_d2, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_LONG:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_3_1_drv_3, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_NEXT_RANGE:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_1_drv_d4, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_ORDER:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_4_2_drv_1, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_BYTES:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_2_drv_1, BAD_CHAIN, "%s", text);
        break;
    case VL_CHAIN_TABLE_WHERE:
    case VL_CHAIN_WHERE:
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_1_drv_d2, BAD_CHAIN, "%s", text);
        break;
    default: VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_13_1_drv_d3, "%s", text); break;
    }
}

// The chain just published comes by a descriptor that is in flight: its own, or another's.
static void __attribute__((cold, noinline))
desc_shared(struct vl_referees *r, const struct vl_squeue *q, uint32_t head, uint32_t owner)
{
    const struct vl_squeue *of = &r->queue[(owner - 1) >> 16];
    const uint32_t other = (owner - 1) & 0xFFFFu;

    if (of == q && other == head) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_5_2_drv_2, "ownership:desc-shared",
                     "the chain of head %" PRIu32 ", just published at index %u, comes by one of "
                     "its own descriptors again",
                     head, q->avail_idx);
        return;
    }
    VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_drv_d1, "ownership:desc-shared",
                 "the chain of head %" PRIu32 ", just published, holds a descriptor "
                 "of head %" PRIu32 ", which is in flight since #%" PRIu64,
                 head, other, of->head[other].published_seq);
}

// A sound chain, held against the buffer that the driver said to have put there.
static void judge_content(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                          const struct vl_walk *walk)
{
    const struct vl_head *h = &q->head[head];

    if (walk->n_elems > MANY_ELEMS && walk->n_bytes < (uint64_t)walk->n_elems * FEW_BYTES) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_4_2_drv_2,
                  "the chain of head %" PRIu32 " holds %" PRIu64 " bytes in %" PRIu32 " elements",
                  head, walk->n_bytes, walk->n_elems);
    }
    if (h->told_elems == 0) {
        return; // who recorded this did not say
    }
    if (walk->n_elems != h->told_elems) {
        if (walk->nested) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_5_3_drv_d1,
                      "head %" PRIu32 " has a buffer of %" PRIu32 " elements, and %" PRIu32
                      " are found from entry 0 of its table on along next",
                      head, h->told_elems, walk->n_elems);
        }
    } else if (h->n_writable != h->told_writable) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_13_1_drv_d3,
                  "head %" PRIu32 " has a buffer in which the device may write %" PRIu32
                  " bytes; the descriptors with WRITE name %" PRIu32,
                  head, h->told_writable, h->n_writable);
    }
}

// The chain's bytes and descriptors change hands. Leaves in *walk how it ended.
static void expose_chain(struct vl_referees *r, struct vl_squeue *q, uint32_t head,
                         struct vl_walk *walk)
{
    struct vl_head *h = &q->head[head];
    const uint32_t owner = 1 + ((uint32_t)q->index << 16 | head);
    struct vl_step step = {0};

    vl_walk_start(q, head, walk);
    while (vl_walk_next(&r->image, q, walk, &step)) { // bound: queue_size, and one table
        struct vl_granule *g = vl_image_granule(&r->image, step.granule);
        if (g->owner != 0) {
            desc_shared(r, q, head, g->owner);
        }
        g->owner = owner;
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
    if (walk->bad != NULL) {
        chain_broken(r, q, head, *walk, step);
    }
    if (walk->n_elems == q->size) {
        vl_mark(r, VL_MARK_CHAIN_FULL);
    }
    q->n_descs += h->n_descs;
}

// ---- entries --------------------------------------------------------------------------------

// Where avail idx has stood, and since when.
struct idx_text {
    char s[40];
};

static struct idx_text idx_text(const struct vl_squeue *q)
{
    struct idx_text text;

    if (q->idx_seq == 0) {
        (void)snprintf(text.s, sizeof(text.s), "%u at the start", q->avail_idx);
    } else {
        (void)snprintf(text.s, sizeof(text.s), "%u at #%" PRIu64, q->avail_idx, q->idx_seq);
    }
    return text;
}

static bool filled(const struct vl_squeue *q, uint32_t idx)
{
    return (q->avail_slot[idx & q->mask] & VL_SLOT_FRESH) != 0;
}

// Avail idx covers a slot that was not filled for it. More indices than there are filled slots: the
// index grew by too much. Else the head is elsewhere, or comes too late.
static void __attribute__((cold, noinline))
not_filled(struct vl_referees *r, const struct vl_squeue *q, uint16_t idx, uint16_t n_left)
{
    const uint32_t slot = idx & q->mask;
    const uint32_t head = q->avail_slot[slot] & 0xFFFFu;

    if (idx != q->avail_idx && q->n_fresh < n_left) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_drv_d4, ENTRY_STALE,
                     "avail idx, %s, grew beyond index %u, whose slot %" PRIu32
                     " names head %" PRIu32 " from an earlier round: %u heads were added",
                     idx_text(q).s, idx, slot, head, (uint16_t)(idx - q->avail_idx));
        return;
    }
    VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_drv_d2, ENTRY_STALE,
                 "avail idx covers index %u, whose slot %" PRIu32 " names head %" PRIu32
                 " from an earlier round: no buffer that waits to be published",
                 idx, slot, head);
}

// The slot was filled for this index, with what is no buffer that waits.
static void __attribute__((cold, noinline))
no_buffer(struct vl_referees *r, const struct vl_squeue *q, uint16_t idx, uint32_t head)
{
    const uint32_t slot = idx & q->mask;

    if (head < q->size && (q->head[head].flags & VL_HEAD_PUBLISHED) != 0) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_drv_d1, ENTRY_STALE,
                     "avail idx covers index %u, whose slot %" PRIu32 " names head %" PRIu32
                     ", in flight since #%" PRIu64,
                     idx, slot, head, q->head[head].published_seq);
    } else {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_drv_d2, ENTRY_STALE,
                     "avail idx covers index %u, whose slot %" PRIu32 " names head %" PRIu32
                     ": no buffer that waits to be published, in a queue of %" PRIu32,
                     idx, slot, head, q->size);
    }
}

// Returns false if there is nothing to follow.
static bool judge_entry(struct vl_referees *r, const struct vl_squeue *q, uint16_t idx,
                        uint16_t n_left, uint32_t head)
{
    const uint32_t life = VL_HEAD_SUBMITTED | VL_HEAD_PUBLISHED | VL_HEAD_LOADED;

    if (!filled(q, idx)) {
        not_filled(r, q, idx, n_left);
        return false;
    }
    if (head < q->size && r->image.granule[q->desc_granule + head].run != r->image.run) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_13_1_drv_d1,
                  "avail idx covers index %u with head %" PRIu32
                  ", whose descriptor was never filled in: a buffer without an element",
                  idx, head);
        return false;
    }
    if (head >= q->size || (q->head[head].flags & life) != VL_HEAD_SUBMITTED) {
        no_buffer(r, q, idx, head);
        return false;
    }
    return true;
}

static void publish_one(struct vl_referees *r, struct vl_squeue *q, uint16_t idx, uint16_t n_left,
                        uint64_t seq)
{
    const uint32_t slot = idx & q->mask;
    const uint32_t head = q->avail_slot[slot] & 0xFFFFu;
    const bool kept =
        !vl_promises(r, q) ||
        vl_promise_step(r, q, VL_SIDE_DRIVER, vl_queue_offer(&q->abstract, head, UINT32_MAX));

    if (!judge_entry(r, q, idx, n_left, head)) {
        return;
    }
    q->avail_slot[slot] = head;
    q->n_fresh--;
    struct vl_head *h = &q->head[head];
    struct vl_walk walk;
    h->flags |= VL_HEAD_PUBLISHED;
    h->published_seq = seq;
    h->n_descs = 0;
    h->n_writable = 0;
    h->list_pos = q->n_published;
    h->publish_number = q->n_ever_published++;
    q->list[q->n_published++] = (uint16_t)head;
    vl_spec_published(r, q, head, seq);
    expose_chain(r, q, head, &walk);
    judge_content(r, q, head, &walk);
    q->abstract.buffer[head].writable = h->n_writable;
    if (!kept) {
        vl_promise_broken(r, q, VL_SIDE_DRIVER);
    }
}

// ---- the index ------------------------------------------------------------------------------

// The index went where it cannot be: what it should have become says how. whole: both bytes of it
// were stored.
static void __attribute__((cold, noinline))
bad_idx(struct vl_referees *r, const struct vl_squeue *q, uint16_t idx, bool whole)
{
    const uint16_t old = q->avail_idx;
    const struct idx_text was = idx_text(q);
    uint32_t n = 0;

    while (n < q->size && filled(q, old + n)) { // bound: queue_size
        n++;
    }
    const uint16_t due = (uint16_t)(old + n);
    if (whole && idx != due && idx == (due & q->mask)) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_3_drv_d1, AVAIL_IDX,
                     "avail idx was %s, and is %u now: %u, which is due, modulo the queue's "
                     "%" PRIu32 " entries; it runs freely",
                     was.s, idx, due, q->size);
    } else if (idx == old) {
        return; // stored once more, with heads added that are to be published later
    } else if ((uint16_t)(old - idx) <= q->size || (uint16_t)(idx - old) >= 0x8000u) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_6_1_drv_1, AVAIL_IDX,
                     "avail idx moved back: %s, now %u%s, with %" PRIu32
                     " buffers in flight in a queue of %" PRIu32,
                     was.s, idx, whole ? "" : " with one byte of it stored", q->n_published,
                     q->size);
    } else {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_13_drv_d4, AVAIL_IDX,
                     "avail idx was %s, and is %u now: %" PRIu32 " heads were added, with %" PRIu32
                     " buffers in flight in a queue of %" PRIu32,
                     was.s, idx, n, q->n_published, q->size);
    }
}

void vl_driver_publishes(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                         uint64_t seq)
{
    const uint16_t idx = (uint16_t)ev->value;
    const uint16_t old = q->avail_idx;
    const uint16_t n_new = (uint16_t)(idx - old);

    // An index that stays where it is, with the next slot filled, may be one that lost its high
    // bits.
    if (n_new == 0 && !filled(q, old)) {
        return;
    }
    if (n_new == 0 || n_new > q->size - q->n_published) {
        bad_idx(r, q, idx, ev->len != 1);
        return;
    }
    for (uint16_t i = 0; i < n_new; i++) { // bound: queue_size
        publish_one(r, q, (uint16_t)(old + i), (uint16_t)(n_new - i), seq);
    }
    q->avail_idx = idx;
    q->idx_seq = seq;
    q->n_left = q->n_fresh;
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

// Heads may wait for a later store of the index, but not for one that has gone by: who waits for
// the device behind it has lost them.
void vl_driver_sleeps(struct vl_referees *r)
{
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[__builtin_ctz(left)];
        if (q->n_left > 0 && !q->broken[VL_SIDE_DRIVER]) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_13_drv_d4,
                      "the driver sleeps, and avail idx of queue %u, stored as %u at #%" PRIu64
                      ", left out %" PRIu32 " of the heads that had been added",
                      q->index, q->avail_idx, q->idx_seq, q->n_left);
        }
    }
}
