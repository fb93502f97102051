// model/referee/vl_spec_common_ring.c -- checkers: a queue at its enable, and before it.
// Spec: virtio 1.4 §4.1.4.3, §4.1.5.1.3 (1.0: the same).
//
// What memory holds is known from the driver's stores (struct vl_image), from the indices with
// which an earlier queue ended, and from allocations, which give zeroed memory. Stores behind the
// note that a queue is ready are its first buffers, and no remains of anything.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define PARTS 3u

static const char *const part_name[PARTS] = {"descriptor table", "available ring", "used ring"};
static const char *const part_register[PARTS] = {"queue_desc", "queue_driver", "queue_device"};

static uint64_t part_gpa(const struct vl_squeue *q, unsigned part)
{
    return part == 0 ? q->desc : part == 1 ? q->avail : q->used;
}

static uint32_t part_bytes(const struct vl_squeue *q, unsigned part)
{
    return part == 0 ? q->desc_bytes : part == 1 ? q->avail_bytes : q->used_bytes;
}

static uint64_t part_bus(const struct vl_referees *r, const struct vl_squeue *q, unsigned part)
{
    return part_gpa(q, part) + r->image.bus_offset;
}

static uint64_t part_written(const struct vl_spec_queue *q, unsigned part)
{
    return part == 0 ? q->desc : part == 1 ? q->driver : q->device;
}

// What the driver said of the selected queue, or NULL.
static const struct vl_squeue *noted(const struct vl_referees *r)
{
    const uint16_t index = r->spec.regs.queue_select;
    const bool is = index < VL_QUEUES && r->queue[index].state != VL_QUEUE_UNKNOWN;
    return is ? &r->queue[index] : NULL;
}

// ---- the wrong queue ------------------------------------------------------------------------

bool vl_common_stale_select(struct vl_referees *r, const struct vl_reg_access *a)
{
    const uint16_t index = r->spec.regs.queue_select;
    const struct vl_squeue *own = noted(r);
    const unsigned part = (a->off - VL_COMMON_QUEUE_DESC) / 8;

    if (a->off < VL_COMMON_QUEUE_DESC || a->off % 8 != 0 || part >= PARTS || a->value == 0) {
        return false; // high halves are alike
    }
    if (own != NULL ? (uint32_t)part_bus(r, own, part) == a->value
                    : !vl_common_no_queue(&r->spec.regs)) {
        return false;
    }
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        if (i != index && q->state != VL_QUEUE_UNKNOWN &&
            (uint32_t)part_bus(r, q, part) == a->value) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_drv_d2,
                      "%s is written 0x%" PRIx32 " with queue_select %u, and it is the %s of "
                      "queue %" PRIu32 " that lies there",
                      part_register[part], a->value, index, part_name[part], i);
            return true;
        }
    }
    return false;
}

static uint64_t swap_halves(uint64_t v)
{
    return (uint64_t)vl_swap32((uint32_t)(v >> 32)) << 32 | vl_swap32((uint32_t)v);
}

// True if the device was told of the queue what the driver itself goes by.
static bool told_right(struct vl_referees *r, const struct vl_spec_queue *told,
                       const struct vl_squeue *q)
{
    for (unsigned i = 0; i < PARTS; i++) {
        const uint64_t address = part_written(told, i);
        const uint64_t own = part_bus(r, q, i);
        if (address == own) {
            continue;
        }
        if (swap_halves(address) == own) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_both_d1,
                      "%s of queue %u is 0x%" PRIx64 ", which is its %s at 0x%" PRIx64
                      " with the bytes of each half the other way round",
                      part_register[i], q->index, address, part_name[i], own);
        } else {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_drv_d2,
                      "queue %u is enabled with %s 0x%" PRIx64 ", and its %s lies at 0x%" PRIx64,
                      q->index, part_register[i], address, part_name[i], own);
        }
        return false;
    }
    if (told->size != 0 && told->size != q->size) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_drv_d2,
                  "queue %u is enabled with queue_size %" PRIu32 ", and its rings are made for "
                  "%" PRIu32,
                  q->index, told->size, q->size);
        return false;
    }
    return true;
}

// ---- what the rings hold --------------------------------------------------------------------

static uint8_t byte_of(const struct vl_granule *g, uint32_t at)
{
    return (uint8_t)((at < 8 ? g->low : g->high) >> (8 * (at % 8)));
}

// Offset of the first byte that is not 0, or bytes.
static uint32_t first_dirty(const struct vl_image *im, uint64_t gpa, uint32_t bytes)
{
    uint32_t off = 0;

    if (!vl_image_find(im, gpa, bytes, &off)) {
        return bytes;
    }
    for (uint32_t at = 0; at < bytes;) { // bound: bytes
        const struct vl_granule *g = &im->granule[(off + at) / VL_DESC_BYTES];
        const uint32_t in = (off + at) % VL_DESC_BYTES;
        if (g->run != im->run || (g->low | g->high) == 0) {
            at += VL_DESC_BYTES - in;
            continue;
        }
        if (byte_of(g, in) != 0) {
            return at;
        }
        at++;
    }
    return bytes;
}

static void zeroed(struct vl_referees *r, const struct vl_squeue *q)
{
    for (unsigned i = 0; i < PARTS; i++) {
        if (i == 0 && q->last_submitted != VL_NONE) {
            continue; // its first descriptors are there already
        }
        const uint32_t at = first_dirty(&r->image, part_gpa(q, i), part_bytes(q, i));
        if (at < part_bytes(q, i)) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_3_drv_d3,
                      "queue %u is enabled, and byte %" PRIu32 " of its %s at bus address "
                      "0x%" PRIx64 " is not 0: it was not cleared for this queue",
                      q->index, at, part_name[i], part_bus(r, q, i));
            return;
        }
    }
}

void vl_common_enable(struct vl_referees *r)
{
    const struct vl_spec_queue *told = vl_spec_selected(&r->spec.regs);
    const struct vl_squeue *q = noted(r);

    if (q == NULL || !told_right(r, told, q)) {
        return;
    }
    if (r->judge_driver && q->state == VL_QUEUE_LIVE && q->start_idx == 0) {
        zeroed(r, q); // a restored queue goes on with what its rings hold
    }
}

// ---- before the enable ----------------------------------------------------------------------

void vl_common_early_service(struct vl_referees *r)
{
    struct vl_spec_common *c = &r->spec.common;
    const uint32_t off = (uint32_t)(c->live & ~c->enabled);

    if (!r->spec.regs.found || c->reset_seq == 0) {
        return; // where the registers lie is not known: the enable went by unseen
    }
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        if ((off >> i & 1u) != 0 && q->state == VL_QUEUE_LIVE && (q->served || q->n_popped > 0)) {
            c->enabled |= (uint8_t)(1u << i); // said
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_dev_d2,
                      "the device %s of queue %" PRIu32 ", whose queue_enable nobody has written "
                      "since the reset at #%" PRIu64,
                      q->n_popped > 0 ? "takes buffers" : "looks at the available ring", i,
                      c->reset_seq);
        }
    }
}

// ---- notes ----------------------------------------------------------------------------------

// The driver has its memory back: what it holds from now on is what both sides left there.
static void remember_rings(struct vl_referees *r, const struct vl_squeue *q)
{
    if (q->state == VL_QUEUE_LIVE && r->judge_driver) {
        vl_image_store(&r->image, q->avail + VL_RING_IDX_OFF, 2, q->avail_idx, 0);
        vl_image_store(&r->image, q->used + VL_RING_IDX_OFF, 2, q->used_idx, 0);
    }
}

// Memory was allocated, which clears it.
static void clear_image(struct vl_image *im, uint64_t gpa, uint32_t bytes)
{
    uint32_t off = 0;

    if (!vl_image_find(im, gpa, bytes, &off)) {
        return;
    }
    for (uint32_t at = 0; at < bytes;) { // bound: bytes
        struct vl_granule *g = &im->granule[(off + at) / VL_DESC_BYTES];
        const uint32_t in = (off + at) % VL_DESC_BYTES;
        const uint32_t n = bytes - at < VL_DESC_BYTES - in ? bytes - at : VL_DESC_BYTES - in;
        if (g->run == im->run && (g->low | g->high) != 0) {
            vl_image_store(im, gpa + at, n, 0, 0);
        }
        at += n;
    }
}

void vl_common_ring_event(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_spec_common *c = &r->spec.common;
    const uint32_t index = ev->queue % VL_QUEUES;
    const uint8_t bit = (uint8_t)(1u << index);

    if (ev->kind == VL_EV_ALLOC) {
        if (ev->aux <= VIRTQ_AREA_USED) {
            clear_image(&r->image, ev->addr, ev->len);
        }
        return;
    }
    switch ((enum virtq_note)ev->barrier) {
    case VIRTQ_NOTE_QUEUE_LIVE:
        c->live |= bit;
        c->enabled =
            (uint8_t)(r->spec.regs.queue[index].enabled ? c->enabled | bit : c->enabled & ~bit);
        break;
    case VIRTQ_NOTE_QUEUE_AREAS:
    case VIRTQ_NOTE_QUEUE_DOWN:
        c->live &= (uint8_t)~bit;
        remember_rings(r, &r->queue[index]);
        break;
    case VIRTQ_NOTE_CONTROL:
        if (ev->addr == VIRTQ_CONTROL_DEVICE_RESET && c->zero_seen && !c->reset_pending) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_8,
                      "device_status read 0 at #%" PRIu64 ", and only now is the device through "
                      "with the reset",
                      c->zero_seq);
        }
        break;
    default: break;
    }
}
