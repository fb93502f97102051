// model/referee/vl_spec_common.c -- checkers: the common configuration structure.
// Spec: virtio 1.4 §4.1.3, §4.1.4.3, §4.1.5.1.3 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

// A reset leaves no queue enabled.
static void enabled_after_reset(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = vl_spec_selected(s);

    if (s->was_reset && q != NULL && !q->enabled && a->value != 0) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_9, "robustness:enabled-after-reset",
                     "queue_enable of queue %u reads 1 after the reset at #%" PRIu64
                     ", and nobody has enabled it since",
                     s->queue_select, r->reset_at_seq);
    }
}

static void read_only_written(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->off == VL_COMMON_DEVICE_FEATURE) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_1,
                  "device_feature is the device's to write, and the driver writes 0x%" PRIx32,
                  a->value);
    }
}

void vl_spec_common_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->region == VL_REGION_COMMON && a->write) {
        read_only_written(r, a);
    }
    if (a->region == VL_REGION_COMMON && a->off == VL_COMMON_QUEUE_ENABLE && !a->write) {
        enabled_after_reset(r, a);
    }
}

void vl_spec_common_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}
