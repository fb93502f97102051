// model/referee/vl_spec_msix.c -- checkers: MSI-X vectors.
// Spec: virtio 1.4 §4.1.5.1.2, §4.1.5.3, §4.1.5.4 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_msix_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}

void vl_spec_msix_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}
