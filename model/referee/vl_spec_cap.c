// model/referee/vl_spec_cap.c -- checkers: identity and capabilities of a PCI function.
// Spec: virtio 1.4 §4.1.2, §4.1.4 (1.0: §4.1.2, §4.1.4).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_cap_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}

void vl_spec_cap_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}

void vl_spec_cap_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}
