// model/referee/vl_spec_blk.c -- checkers: the block device.
// Spec: virtio 1.4 §5.2 (1.0: §5.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_blk_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}

void vl_spec_blk_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint64_t seq)
{
    (void)r;
    (void)q;
    (void)head;
    (void)seq;
}

void vl_spec_blk_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                          uint64_t seq)
{
    (void)r;
    (void)q;
    (void)head;
    (void)len;
    (void)seq;
}

void vl_spec_blk_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                       const uint8_t *payload)
{
    (void)r;
    (void)ev;
    (void)seq;
    (void)payload;
}
