// model/referee/vl_spec_notify.c -- checkers: available buffer notifications over PCI.
// Spec: virtio 1.4 §4.1.4.4, §4.1.5.2 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_notify_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}
