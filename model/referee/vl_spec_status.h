// model/referee/vl_spec_status.h -- checkers: device status, initialisation, reset.
// Spec: virtio 1.4 §2.1, §2.4, §3.1.1 (1.0: §2.1, §3.1.1).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_STATUS_H
#define VL_SPEC_STATUS_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_status {
    uint64_t zero;
};

// An access to the common configuration.
void vl_spec_status_access(struct vl_referees *r, const struct vl_reg_access *a);

// Any other event of a device that may be too early or too late: an interrupt, a sleep, the end.
void vl_spec_status_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
