// model/referee/vl_spec_config.c -- checkers: device configuration space.
// Spec: virtio 1.4 §2.5, §3.2.1 (1.0: §2.3, §3.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_config_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}

void vl_spec_config_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}
