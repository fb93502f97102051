// model/referee/vl_own.c -- ownership of payload: who may touch which byte when.
// Spec: virtio 1.4 §2.7.4, §2.7.5.1, §3.3.1, §2.4.1 (1.0: §2.4.4, §2.4.5.1, §3.3).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

// ---- driver ---------------------------------------------------------------------------------

static bool overlaps(const struct vl_step *step, uint32_t off, uint32_t bytes)
{
    return step->len > 0 && step->off < off + bytes && off < step->off + step->len;
}

static bool forbids(const struct vl_step *step, bool write, uint32_t off, uint32_t bytes)
{
    return !step->table && (write || step->writable) && overlaps(step, off, bytes);
}

static void judge_chain(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                        const struct vl_event *ev, uint32_t off)
{
    const bool write = ev->kind == VL_EV_WRITE;
    struct vl_walk walk;
    struct vl_step step;

    vl_walk_start(q, head, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
        if (forbids(&step, write, off, ev->len)) {
            vl_referee_finding(
                r, write ? "ownership:driver-writes-exposed" : "ownership:driver-reads-early",
                "driver",
                "the driver %s %" PRIu32 " bytes at gpa 0x%" PRIx64
                ", in a %s element of head %" PRIu32 ", in flight since #%" PRIu64
                ", whose used entry it has not seen",
                write ? "wrote" : "read", ev->len, ev->addr,
                step.writable ? "device-writable" : "device-readable", head,
                q->head[head].published_seq);
            return;
        }
    }
}

// Bytes that were copied into a part of a ring which is the other side's to write.
static void copied_into_ring(struct vl_referees *r, const struct vl_event *ev, enum vl_side side,
                             const struct vl_squeue *q, const char *part)
{
    VL_BROKEN_AS(r, side, 2_7_both_d1,
                 side == VL_SIDE_DRIVER ? "ownership:driver-writes-device-area"
                                        : "ownership:device-write-outside",
                 "the %s wrote %" PRIu32 " bytes at gpa 0x%" PRIx64 ", over the %s of queue %u",
                 vl_side_name(side), ev->len, ev->addr, part, q->index);
}

static bool meets(const struct vl_event *ev, uint64_t gpa, uint32_t bytes)
{
    return ev->addr < gpa + bytes && gpa < ev->addr + ev->len;
}

// A buffer that came back shorter than it is: the driver has no use for what is behind.
static void judge_short(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                        const struct vl_event *ev, uint32_t off)
{
    const struct vl_head *h = &q->head[head];
    uint64_t at = 0; // in the writable part
    struct vl_walk walk;
    struct vl_step step;

    vl_walk_start(q, head, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
        if (step.table || !step.writable) {
            continue;
        }
        const uint32_t end =
            off + ev->len < step.off + step.len ? off + ev->len : step.off + step.len;
        if (overlaps(&step, off, ev->len) && at + (end - step.off) > h->loaded_len) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_8_3_drv_2,
                      "%" PRIu32 " bytes at gpa 0x%" PRIx64 " were read, up to byte %" PRIu64
                      " of what head %" PRIu32 " was to hold; its used length is %" PRIu32,
                      ev->len, ev->addr, at + (end - step.off), head, h->loaded_len);
            return;
        }
        at += step.len;
    }
}

// The status byte of a block device is the last one, whatever else was written [5.2.6].
static bool is_blk_status(const struct vl_referees *r, const struct vl_event *ev)
{
    return r->config.virtio_id == VL_VIRTIO_BLK && ev->len == 1;
}

void vl_own_driver_payload(struct vl_referees *r, const struct vl_event *ev)
{
    const struct vl_squeue *own = &r->queue[ev->queue % VL_QUEUES];
    const uint32_t head = r->ring_notify[ev->queue % VL_QUEUES].short_head;
    uint32_t off = 0;

    if (r->device_was_reset) {
        return; // all is the driver's again
    }
    const uint32_t live = ev->kind == VL_EV_WRITE ? r->live : 0;
    for (uint32_t left = live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[__builtin_ctz(left)];
        if (meets(ev, q->used, q->used_bytes)) {
            copied_into_ring(r, ev, VL_SIDE_DRIVER, q, "used ring");
        }
    }
    if (ev->kind == VL_EV_READ && own->state == VL_QUEUE_LIVE && head != VL_NONE &&
        !is_blk_status(r, ev) && vl_image_find(&r->image, ev->addr, ev->len, &off)) {
        judge_short(r, own, head, ev, off);
    }
    if (!vl_image_find(&r->image, ev->addr, ev->len, &off) ||
        vl_image_private(&r->image, off, ev->len)) {
        return;
    }
    // Some published element is near: look exactly.
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        for (uint32_t k = 0; k < q->n_published && q->state == VL_QUEUE_LIVE; k++) {
            judge_chain(r, q, q->list[k], ev, off);
        }
    }
}

// ---- device ---------------------------------------------------------------------------------

static bool covers(const struct vl_elem *e, bool write, uint64_t gpa)
{
    return gpa - e->gpa < e->len && (e->writable || !write);
}

// The element of a head that covers gpa, or VL_NONE.
static uint32_t elem_of(const struct vl_referees *r, const struct vl_head *h, bool write,
                        uint64_t gpa)
{
    uint32_t i = h->first_elem;
    while (i != VL_NONE && !covers(&r->elem[i], write, gpa)) { // bound: elements of a chain
        i = r->elem[i].next;
    }
    return i;
}

// The device may touch a buffer from the walk of its chain until used idx covers it.
static bool in_use(const struct vl_head *h)
{
    return (h->flags & (VL_HEAD_WALKED | VL_HEAD_HELD)) != 0 || h->n_pushed > 0;
}

// The element that allows the device to touch gpa, looked for where it probably is first: in the
// one touched last, in the next of that chain, in the chain taken or answered last.
static uint32_t grant_of(const struct vl_referees *r, struct vl_squeue *q, bool write, uint64_t gpa)
{
    if (q->hint_head != VL_NONE && in_use(&q->head[q->hint_head])) {
        const uint32_t last = q->last_elem;
        if (last != VL_NONE && covers(&r->elem[last], write, gpa)) {
            return last;
        }
        const uint32_t next = last != VL_NONE ? r->elem[last].next : VL_NONE;
        if (next != VL_NONE && covers(&r->elem[next], write, gpa)) {
            return next;
        }
        const uint32_t found = elem_of(r, &q->head[q->hint_head], write, gpa);
        if (found != VL_NONE) {
            return found;
        }
    }
    for (uint32_t head = 0; head < q->size; head++) { // bound: queue_size
        if (in_use(&q->head[head])) {
            const uint32_t found = elem_of(r, &q->head[head], write, gpa);
            if (found != VL_NONE) {
                q->hint_head = head; // last_elem, set by the caller, is always one of this head
                return found;
            }
        }
    }
    return VL_NONE;
}

// The queue whose grants allow the access; the one that the event names is tried first.
static uint32_t grant_anywhere(struct vl_referees *r, const struct vl_event *ev, bool write,
                               uint64_t gpa, struct vl_squeue **where, bool *known)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        struct vl_squeue *q = &r->queue[(ev->queue + i) % VL_QUEUES];
        if (q->state != VL_QUEUE_LIVE) {
            continue;
        }
        *known = *known && !q->grants_lost && !q->stood_down;
        const uint32_t found = grant_of(r, q, write, gpa);
        if (found != VL_NONE) {
            *where = q;
            return found;
        }
    }
    return VL_NONE;
}

// The table descriptor that leads to the indirect table at granule index, of a chain in flight.
static bool table_is_writable(const struct vl_referees *r, uint32_t index)
{
    const uint32_t owner = r->image.granule[index].owner - 1;
    const struct vl_squeue *q = &r->queue[(owner >> 16) % VL_QUEUES];
    struct vl_walk walk;
    struct vl_step step;

    vl_walk_start(q, owner & 0xFFFFu, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size
        if (step.table) {
            const uint64_t high = r->image.granule[step.granule].high;
            return (high >> 32 & VL_DESC_WRITE) != 0;
        }
    }
    return false;
}

// A byte of an indirect table in flight was written over: WRITE in the descriptor that leads to a
// table gives nothing.
static bool in_table(struct vl_referees *r, const struct vl_event *ev, uint64_t gpa)
{
    static const char kind[] = "ownership:device-write-outside";
    uint32_t off = 0;

    if (!vl_image_find(&r->image, gpa, 1, &off)) {
        return false;
    }
    const struct vl_granule *g = vl_image_granule(&r->image, off / VL_DESC_BYTES);
    if (g->owner == 0) {
        return false;
    }
    if (table_is_writable(r, off / VL_DESC_BYTES)) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_5_3_2_dev_1, kind,
                     "the device wrote %" PRIu32 " bytes at gpa 0x%" PRIx64
                     ", over the indirect table of head %u, as if the WRITE of the descriptor that "
                     "leads to it meant something",
                     ev->len, ev->addr, (unsigned)(g->owner - 1) & 0xFFFFu);
    } else {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_5_1_dev_4, kind,
                     "the device wrote %" PRIu32 " bytes at gpa 0x%" PRIx64
                     ", over the indirect table of head %u",
                     ev->len, ev->addr, (unsigned)(g->owner - 1) & 0xFFFFu);
    }
    return true;
}

// The first head in use with an element that covers gpa, or VL_NONE.
static uint32_t head_that_shows(const struct vl_referees *r, const struct vl_squeue *q,
                                uint64_t gpa)
{
    for (uint32_t head = 0; head < q->size; head++) { // bound: queue_size
        if (in_use(&q->head[head]) && elem_of(r, &q->head[head], false, gpa) != VL_NONE) {
            return head;
        }
    }
    return VL_NONE;
}

// A write that no element allows: say what lies there.
static bool written_over(struct vl_referees *r, const struct vl_event *ev, uint64_t gpa)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        if (q->state != VL_QUEUE_LIVE) {
            continue;
        }
        const bool desc = gpa - q->desc < q->desc_bytes;
        if (desc || gpa - q->avail < q->avail_bytes) {
            copied_into_ring(r, ev, VL_SIDE_DEVICE, q,
                             desc ? "descriptor table" : "available ring");
            return true;
        }
        const uint32_t head = head_that_shows(r, q, gpa);
        if (head != VL_NONE) {
            VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_5_1_dev_1, "ownership:device-write-outside",
                         "the device wrote %" PRIu32 " bytes at gpa 0x%" PRIx64 "; byte 0x%" PRIx64
                         " lies in an element of head %" PRIu32 " without WRITE",
                         ev->len, ev->addr, gpa, head);
            return true;
        }
    }
    return in_table(r, ev, gpa);
}

static void not_given(struct vl_referees *r, const struct vl_event *ev, bool write, uint64_t gpa)
{
    char text[192];

    if (write && written_over(r, ev, gpa)) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "the device %s %" PRIu32 " bytes at gpa 0x%" PRIx64 "; byte 0x%" PRIx64
                   " lies in no %selement that it was given",
                   write ? "wrote" : "read", ev->len, ev->addr, gpa, write ? "writable " : "");
    vl_device_uncovered(
        r, write ? "ownership:device-write-outside" : "ownership:device-read-outside", text);
}

// The first head that the device gave back with an element that covers gpa, or VL_NONE.
static uint32_t head_given_back(const struct vl_referees *r, const struct vl_squeue *q, bool write,
                                uint64_t gpa)
{
    for (uint32_t head = 0; q->state == VL_QUEUE_LIVE && head < q->size; head++) {
        const struct vl_head *h = &q->head[head];
        if ((h->flags & VL_HEAD_GIVEN_BACK) != 0 && elem_of(r, h, write, gpa) != VL_NONE) {
            return head;
        }
    }
    return VL_NONE;
}

static void outside(struct vl_referees *r, const struct vl_event *ev, bool write, uint64_t gpa)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        const uint32_t head = head_given_back(r, q, write, gpa);
        if (head != VL_NONE) {
            VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_13_3_dev_d1, "ownership:after-return",
                         "the device %s %" PRIu32 " bytes at gpa 0x%" PRIx64 " of head %" PRIu32
                         ", which it returned at #%" PRIu64,
                         write ? "wrote" : "read", ev->len, ev->addr, head,
                         q->head[head].given_back_seq);
            return;
        }
    }
    not_given(r, ev, write, gpa);
}

// True if a readable element of a head covers gpa.
static bool readable_in(const struct vl_referees *r, const struct vl_head *h, uint64_t gpa)
{
    for (uint32_t e = h->first_elem; e != VL_NONE; e = r->elem[e].next) { // bound: a chain
        if (!r->elem[e].writable && covers(&r->elem[e], false, gpa)) {
            return true;
        }
    }
    return false;
}

// The device read a byte of a writable element. Another chain may show it the same byte to read.
static void read_writable(struct vl_referees *r, const struct vl_event *ev, uint64_t gpa)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        for (uint32_t head = 0; q->state == VL_QUEUE_LIVE && head < q->size; head++) {
            if (in_use(&q->head[head]) && readable_in(r, &q->head[head], gpa)) {
                return;
            }
        }
    }
    VL_BROKEN(r, VL_SIDE_DEVICE, 2_7_5_1_dev_2,
              "%" PRIu32 " bytes at gpa 0x%" PRIx64 " were read; byte 0x%" PRIx64
              " lies in elements with WRITE only",
              ev->len, ev->addr, gpa);
}

void vl_own_device_payload(struct vl_referees *r, const struct vl_event *ev)
{
    const bool write = ev->kind != VL_EV_READ;
    uint64_t gpa = ev->addr;
    uint32_t left = ev->len;
    bool known = r->any_live;

    while (left > 0) { // bound: elements touched
        struct vl_squeue *q = NULL;
        const uint32_t found = grant_anywhere(r, ev, write, gpa, &q, &known);
        if (found == VL_NONE) {
            if (known) {
                outside(r, ev, write, gpa);
            }
            return;
        }
        const struct vl_elem *e = &r->elem[found];
        const uint32_t in = (uint32_t)(gpa - e->gpa);
        const uint32_t n = left < e->len - in ? left : e->len - in;
        if (!write && e->writable && !vl_advised(r, VL_CLAUSE_2_7_5_1_dev_2)) {
            read_writable(r, ev, gpa);
        }
        if (write) {
            if (vl_promises(r, q) && !vl_queue_write(&q->abstract, q->hint_head)) {
                vl_promise_broken(r, q, VL_SIDE_DEVICE);
            }
            vl_data_written(&q->head[q->hint_head], e->at + in, n);
        }
        q->last_elem = found;
        gpa += n;
        left -= n;
    }
}
