// model/referee/vl_spec_entropy.c -- checkers: the entropy device.
// Spec: virtio 1.4 §5.4 (1.0: §5.4).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

void vl_spec_entropy_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head,
                               uint64_t seq)
{
    struct vl_walk walk;
    struct vl_step step;

    (void)seq;
    vl_walk_start(q, head, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
        if (!step.table && !step.writable) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 5_4_6_1_drv_1,
                      "the buffer of head %" PRIu32 ", just published, has an element of %" PRIu32
                      " bytes at gpa 0x%" PRIx64 " that is device-readable",
                      head, step.len, step.gpa);
            return;
        }
    }
}

void vl_spec_entropy_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head,
                              uint32_t len, uint64_t seq)
{
    const struct vl_head *h = &q->head[head];

    if (q->grants_lost || q->stood_down) {
        return;
    }
    if (len > h->granted) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_4_6_dev_d1,
                  "head %" PRIu32 " is returned at #%" PRIu64 " with used length %" PRIu32
                  ", and the buffer has %" PRIu32 " bytes",
                  head, seq, len, h->granted);
    } else if (len == 0 && h->granted > 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_4_6_2_dev_1,
                  "head %" PRIu32 " is returned at #%" PRIu64
                  " with used length 0: at least one of its %" PRIu32 " bytes is owed",
                  head, seq, h->granted);
    }
}

void vl_spec_entropy_received(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];

    if (q->state != VL_QUEUE_LIVE || q->last_completed == VL_NONE) {
        return;
    }
    const struct vl_head *h = &q->head[q->last_completed];
    if (h->token == ev->addr && ev->len > h->loaded_len) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_4_6_1_drv_2,
                  "the driver takes %" PRIu32 " bytes of the buffer of head %" PRIu32
                  " for entropy at #%" PRIu64 ", and its used entry said %" PRIu32,
                  ev->len, q->last_completed, seq, h->loaded_len);
    }
}
