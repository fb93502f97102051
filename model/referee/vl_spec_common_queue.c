// model/referee/vl_spec_common_queue.c -- checkers: registers of a queue.
// Spec: virtio 1.4 §4.1.3.2, §4.1.4.3, §4.1.5.1.3 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

static const char *const half_name[VL_QUEUE_HALVES] = {
    "low half of queue_desc",    "high half of queue_desc",  "low half of queue_driver",
    "high half of queue_driver", "low half of queue_device", "high half of queue_device"};

static bool power_of_two(uint32_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

static bool is_address(uint32_t off)
{
    return off >= VL_COMMON_QUEUE_DESC && off < VL_COMMON_BYTES;
}

static unsigned half_of(uint32_t off)
{
    return (off - VL_COMMON_QUEUE_DESC) / 4;
}

// The half as it was written last.
static uint32_t half_written(const struct vl_spec_queue *q, unsigned half)
{
    const uint64_t value = half < 2 ? q->desc : half < 4 ? q->driver : q->device;
    return half % 2 == 0 ? (uint32_t)value : (uint32_t)(value >> 32);
}

static struct vl_common_queue *queue_of(struct vl_referees *r)
{
    return &r->spec.common.queue[r->spec.regs.queue_select % VL_SPEC_QUEUES];
}

// ---- selecting ------------------------------------------------------------------------------

void vl_common_queue_select(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint32_t swapped = vl_swap16(a->value);

    if (s->num_queues_read && a->value > 0xFFu && a->value >= s->num_queues && swapped != 0 &&
        swapped < s->num_queues) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_both_d1,
                  "queue_select is written 0x%" PRIx32 ", and there are %u queues: it is %" PRIu32
                  " with its bytes the other way round",
                  a->value, s->num_queues, swapped);
    }
}

// True if the driver has not said which queue it means.
static bool unselected(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (r->spec.regs.queue_selected) {
        return false;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_3_drv_d1,
              "the driver %s byte 0x%" PRIx32 " of the common configuration, which is a queue's, "
              "and has not written queue_select since the reset at #%" PRIu64,
              a->write ? "writes" : "reads", a->off, r->spec.common.reset_seq);
    return true;
}

// ---- reading --------------------------------------------------------------------------------

// The largest size of a queue is the same behind each reset, whatever the driver made of it.
static void size_after_reset(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = &s->queue[s->queue_select];
    struct vl_common_queue *c = queue_of(r);

    if (q->size_read || (q->written & VL_WRITTEN_SIZE) != 0 || !s->was_reset) {
        return;
    }
    if (c->size_max != 0 && c->size_max != a->value) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_dev_d1,
                  "queue_size of queue %u reads %" PRIu32 " behind the reset at #%" PRIu64
                  ", and its maximum was %" PRIu32 " at #%" PRIu64,
                  s->queue_select, a->value, s->reset_seq, c->size_max, c->max_seq);
        return;
    }
    c->size_max = a->value;
    c->max_seq = a->seq;
}

static void size_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = vl_spec_selected(&r->spec.regs);

    if (vl_common_no_queue(s) && a->value != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_15,
                  "queue_size of queue %u reads %" PRIu32 ", and num_queues was %u at #%" PRIu64,
                  s->queue_select, a->value, s->num_queues, r->spec.common.num_queues_seq);
        return;
    }
    if (a->value != 0 && !power_of_two(a->value)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_16,
                  "queue_size of queue %u reads %" PRIu32 ": neither 0 nor a power of two",
                  s->queue_select, a->value);
        return;
    }
    if (q != NULL) {
        size_after_reset(r, a);
    }
}

// A reset leaves no queue enabled.
static void enable_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = vl_spec_selected(&r->spec.regs);

    if (s->was_reset && q != NULL && !q->enabled && a->value != 0) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_9, "robustness:enabled-after-reset",
                     "queue_enable of queue %u reads %" PRIu32 " after the reset at #%" PRIu64
                     ", and nobody has enabled it since",
                     s->queue_select, a->value, s->reset_seq);
    }
}

static void half_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_queue *q = vl_spec_selected(&r->spec.regs);
    const unsigned half = half_of(a->off);
    const struct vl_common_queue *c = queue_of(r);

    if (q == NULL || (c->half_taken >> half & 1u) == 0 || half_written(q, half) == a->value) {
        return;
    }
    const uint32_t written = half_written(q, half);
    if (a->value == vl_swap32(written)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_3_both_d1,
                  "the %s reads 0x%" PRIx32 ", and was written 0x%" PRIx32 " at #%" PRIu64
                  ": its bytes are the other way round",
                  half_name[half], a->value, written, c->half_seq[half]);
        return;
    }
    VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_3_2_dev_1,
              "the %s of queue %u reads 0x%" PRIx32 ", and was written 0x%" PRIx32 " at #%" PRIu64
              ": each half is to be taken by itself",
              half_name[half], r->spec.regs.queue_select, a->value, written, c->half_seq[half]);
}

void vl_common_queue_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->off >= VL_COMMON_BYTES || unselected(r, a) || r->spec.common.reset_pending) {
        return; // while it resets itself a device may answer anything
    }
    switch (a->off) {
    case VL_COMMON_QUEUE_SIZE: size_read(r, a); break;
    case VL_COMMON_QUEUE_ENABLE: enable_read(r, a); break;
    default:
        if (is_address(a->off)) {
            half_read(r, a);
        }
        break;
    }
}

// ---- writing --------------------------------------------------------------------------------

// True if the queue is enabled already: its fields are not to be changed any more. Its vector is
// none of them.
static bool too_late(struct vl_referees *r, const struct vl_reg_access *a,
                     const struct vl_spec_queue *q)
{
    if (!q->enabled || (a->off != VL_COMMON_QUEUE_SIZE && !is_address(a->off))) {
        return false;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_8,
              "byte 0x%" PRIx32 " of the common configuration is written 0x%" PRIx32
              " for queue %u, which was enabled at #%" PRIu64,
              a->off, a->value, r->spec.regs.queue_select, q->enabled_seq);
    return true;
}

static void size_write(struct vl_referees *r, const struct vl_reg_access *a,
                       const struct vl_spec_queue *q)
{
    const uint32_t swapped = vl_swap16(a->value);

    if (!power_of_two(a->value)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_7,
                  "queue_size of queue %u is written %" PRIu32 ", no power of two",
                  r->spec.regs.queue_select, a->value);
    } else if (q->size_read && a->value > q->size_max && swapped <= q->size_max) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_both_d1,
                  "queue_size of queue %u is written 0x%" PRIx32 ", which is %" PRIu32
                  " with its bytes the other way round",
                  r->spec.regs.queue_select, a->value, swapped);
    } else if (q->size_read && a->value > q->size_max) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_drv_d1,
                  "queue_size of queue %u is written %" PRIu32 ", and the device's maximum is "
                  "%" PRIu32,
                  r->spec.regs.queue_select, a->value, q->size_max);
    }
}

// A high half that is not written may be 0 as it was: a low half is no address of its own accord.
static const char *missing_address(const struct vl_spec_queue *q)
{
    for (unsigned half = 0; half < VL_QUEUE_HALVES; half += 2) { // bound: VL_QUEUE_HALVES
        if ((q->written >> (half + 1) & 1u) == 0) {
            return half_name[half];
        }
    }
    return NULL;
}

static void enable_write(struct vl_referees *r, const struct vl_reg_access *a,
                         const struct vl_spec_queue *q)
{
    const uint16_t index = r->spec.regs.queue_select;
    const char *missing = missing_address(q);

    if (a->value == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_10,
                  "queue_enable of queue %u is written 0: only a reset disables a queue", index);
    } else if (a->value == 0x100) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_both_d1,
                  "queue_enable of queue %u is written 0x100: its bytes are the other way round",
                  index);
    } else if (a->value != 1 || q->enabled) {
        return;
    } else if (q->size_read && q->size_max == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_3_drv_d2,
                  "queue %u is enabled, and its queue_size was read as 0: there is none", index);
    } else if (missing != NULL) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_8,
                  "queue %u is enabled, and the %s was not written since the reset at #%" PRIu64,
                  index, missing, r->spec.common.reset_seq);
    } else {
        vl_common_enable(r);
    }
}

static void half_write(struct vl_referees *r, const struct vl_reg_access *a,
                       const struct vl_spec_queue *q)
{
    const unsigned half = half_of(a->off);
    struct vl_common_queue *c = queue_of(r);
    // A queue that is absent, or not known to be there, need not keep what is written.
    const bool taken = q->size_read && q->size_max != 0 && !q->enabled;

    c->half_taken = (uint8_t)((c->half_taken & ~(1u << half)) | (taken ? 1u << half : 0));
    c->half_seq[half] = a->seq;
}

void vl_common_queue_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = vl_spec_selected(&r->spec.regs);

    if (a->off >= VL_COMMON_BYTES || unselected(r, a) || vl_common_stale_select(r, a)) {
        return;
    }
    const bool absent = vl_common_no_queue(s);
    if (absent && !(q != NULL && q->size_read && a->off == VL_COMMON_QUEUE_ENABLE)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_3_drv_d1,
                  "byte 0x%" PRIx32 " of the common configuration is written 0x%" PRIx32
                  " with queue_select %u, and num_queues was %u at #%" PRIu64,
                  a->off, a->value, s->queue_select, s->num_queues, r->spec.common.num_queues_seq);
        return;
    }
    if (q == NULL || too_late(r, a, q)) {
        return;
    }
    if (a->off == VL_COMMON_QUEUE_SIZE) {
        size_write(r, a, q);
    } else if (a->off == VL_COMMON_QUEUE_ENABLE) {
        enable_write(r, a, q);
    } else if (is_address(a->off)) {
        half_write(r, a, q);
    }
}
