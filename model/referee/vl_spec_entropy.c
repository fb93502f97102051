// model/referee/vl_spec_entropy.c -- checkers: the entropy device.
// Spec: virtio 1.4 §5.4 (1.0: §5.4).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_entropy_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head,
                               uint64_t seq)
{
    (void)r;
    (void)q;
    (void)head;
    (void)seq;
}

void vl_spec_entropy_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                              uint64_t seq)
{
    (void)r;
    (void)q;
    (void)head;
    (void)len;
    (void)seq;
}
