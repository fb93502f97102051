// model/referee/vl_spec_notify.h -- checkers: available buffer notifications over PCI.
// Spec: virtio 1.4 §4.1.4.4, §4.1.5.2 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_NOTIFY_H
#define VL_SPEC_NOTIFY_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_notify {
    uint64_t zero;
};

// An access to the common configuration or the notification structure.
void vl_spec_notify_access(struct vl_referees *r, const struct vl_reg_access *a);

#endif
