// model/referee/vl_spec_status.c -- checkers: device status, initialisation, reset.
// Spec: virtio 1.4 §2.1, §2.4, §3.1.1 (1.0: §2.1, §3.1.1).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_status_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}

void vl_spec_status_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}
