// model/referee/vl_ring_edge.c -- what the driver does to its queues beside the words of their
// rings: it sets them up, takes their memory away, notifies, reads and writes payload. Spec:
// virtio 1.4 §2.6, §2.7, §2.7.1, §2.7.6, §2.7.8.3, §3.3.1 (1.0: §2.4.1, §2.4.6, §2.4.8, §3.3).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

// ---- setting up -----------------------------------------------------------------------------

static void judge_alignment(struct vl_referees *r, unsigned queue, uint64_t desc, uint64_t driver,
                            uint64_t device)
{
    if (desc % 16 != 0 || driver % 2 != 0 || device % 4 != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_1_drv_1,
                  "queue %u: descriptor table at 0x%" PRIx64 ", available ring at 0x%" PRIx64
                  ", used ring at 0x%" PRIx64 ": multiples of 16, 2 and 4 are due",
                  queue, desc, driver, device);
    }
}

// Over PCI the registers say where the areas are; without it the driver's word is all there is.
void vl_driver_areas(struct vl_referees *r, const struct vl_event *ev)
{
    r->acts.known_queues |= (uint8_t)(1u << ev->queue % VL_QUEUES);
    if (r->judge_driver && !r->config.pci) {
        judge_alignment(r, ev->queue, ev->addr, ev->value, ev->aux);
    }
}

void vl_driver_enables(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (!a->write || a->off != VL_COMMON_QUEUE_ENABLE || a->value != 1 ||
        s->queue_select >= VL_SPEC_QUEUES) {
        return;
    }
    const struct vl_spec_queue *q = &s->queue[s->queue_select];
    judge_alignment(r, s->queue_select, q->desc, q->driver, q->device);
}

void vl_driver_live(struct vl_referees *r, const struct vl_squeue *q)
{
    if (!r->judge_driver || q->state != VL_QUEUE_LIVE) {
        return;
    }
    const uint16_t idx = vl_image_load16(&r->image, q->avail + VL_RING_IDX_OFF);
    if (idx != 0 && idx != q->start_idx) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_7_6_drv_d1,
                  "avail idx is %u as queue %u goes live, and its first entry is that of index %u",
                  idx, q->index, q->start_idx);
    }
}

void vl_driver_doorbell(struct vl_referees *r, const struct vl_event *ev)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const bool told = r->config.pci && s->num_queues_read;

    if (!r->judge_driver) {
        return;
    }
    if (told ? ev->addr >= s->num_queues
             : ev->addr >= VL_QUEUES || (r->acts.known_queues >> ev->addr & 1u) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_6_both_d1,
                  "the driver notified queue %" PRIu64 ", and there is none: %s %u", ev->addr,
                  told ? "num_queues is" : "queues set up, as bits:",
                  told ? s->num_queues : r->acts.known_queues);
    }
}

// ---- taking away ----------------------------------------------------------------------------

// True once the driver can know that the device holds nothing any more.
static bool reset_seen(const struct vl_referees *r)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    return r->device_was_reset || (r->config.pci && s->status == 0 && !s->reset_asked);
}

static const char *no_reset(const struct vl_referees *r)
{
    return r->config.pci && r->spec.regs.reset_asked
               ? "status not read as 0 since it asked for a reset"
               : "no reset since the queue went live";
}

static bool meets(uint64_t at, uint64_t bytes, const struct vl_event *ev)
{
    return bytes > 0 && at < ev->addr + ev->len && ev->addr < at + bytes;
}

// The area of a live queue that the event's memory is a part of, or NULL.
static const char *area_of(const struct vl_squeue *q, const struct vl_event *ev)
{
    if (q->state != VL_QUEUE_LIVE) {
        return NULL;
    }
    return meets(q->desc, q->desc_bytes, ev)     ? "the descriptor table"
           : meets(q->avail, q->avail_bytes, ev) ? "the available ring"
           : meets(q->used, q->used_bytes, ev)   ? "the used ring"
                                                 : NULL;
}

// True if a table of a chain in flight lies there.
static bool holds_table(const struct vl_image *im, uint32_t off, uint32_t bytes)
{
    const uint32_t last = (off + bytes - 1) / VL_DESC_BYTES;
    uint32_t any = 0;

    for (uint32_t g = off / VL_DESC_BYTES; g <= last; g++) { // bound: bytes
        any |= im->granule[g].run == im->run ? im->granule[g].owner : 0;
    }
    return any != 0;
}

static uint32_t n_in_flight(const struct vl_referees *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        n += r->queue[i].state == VL_QUEUE_LIVE ? r->queue[i].n_published : 0;
    }
    return n;
}

void vl_driver_withdraws(struct vl_referees *r, const struct vl_event *ev)
{
    const char *what = ev->kind == VL_EV_FREE ? "freed" : "unmapped";
    const char *area = NULL;
    uint32_t off = 0;

    if (ev->kind == VL_EV_UNMAP) { // what comes back from a bounce buffer is copied whole
        r->ring_notify[ev->queue % VL_QUEUES].short_head = VL_NONE;
    }
    if (!r->judge_driver || ev->len == 0 || reset_seen(r)) {
        return;
    }
    for (uint32_t i = 0; i < VL_QUEUES && area == NULL; i++) { // bound: VL_QUEUES
        area = area_of(&r->queue[i], ev);
    }
    const uint32_t n = n_in_flight(r);
    if (area == NULL && n > 0 && vl_image_find(&r->image, ev->addr, ev->len, &off)) {
        area = !vl_image_private(&r->image, off, ev->len) ? "a buffer in flight"
               : holds_table(&r->image, off, ev->len)     ? "an indirect table in flight"
                                                          : NULL;
    }
    if (area != NULL) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_3_1_drv_2,
                  "the driver %s %" PRIu32 " bytes at gpa 0x%" PRIx64 ", of %s, with %" PRIu32
                  " buffers in flight and %s",
                  what, ev->len, ev->addr, area, n, no_reset(r));
    }
}

void vl_driver_down(struct vl_referees *r, const struct vl_squeue *q)
{
    if (r->judge_driver && q->state == VL_QUEUE_LIVE && q->n_published > 0 && !reset_seen(r)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_3_1_drv_2,
                  "the driver takes queue %u down with %" PRIu32 " buffers in flight and %s",
                  q->index, q->n_published, no_reset(r));
    }
}

void vl_driver_detaches(struct vl_referees *r, const struct vl_event *ev)
{
    const struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];

    if (q->state != VL_QUEUE_LIVE || ev->value >= q->size || reset_seen(r) ||
        (q->head[ev->value].flags & VL_HEAD_PUBLISHED) == 0) {
        return;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 3_3_1_drv_2,
              "the driver takes the buffer of head %" PRIu64 " of queue %u back, in flight since "
              "#%" PRIu64 ", with %s",
              ev->value, q->index, q->head[ev->value].published_seq, no_reset(r));
}

// ---- a buffer -------------------------------------------------------------------------------

// What the driver says of a buffer before it publishes it: the chain is held against that.
void vl_driver_submits(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];

    if (q->state == VL_QUEUE_LIVE && ev->value < q->size) {
        q->head[ev->value].told_elems = (uint32_t)ev->aux;
        q->head[ev->value].told_writable = ev->len;
    }
}
