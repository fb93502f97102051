// model/referee/vl_spec_cap.h -- checkers: identity and capabilities of a PCI function.
// Spec: virtio 1.4 §4.1.2, §4.1.4 (1.0: §4.1.2, §4.1.4).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_CAP_H
#define VL_SPEC_CAP_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_cap_state {
    uint64_t zero;
};

// Config space was accessed; before the registers' shadow takes it in.
void vl_spec_cap_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// A register was accessed: the driver has seen what it wanted of config space.
void vl_spec_cap_access(struct vl_referees *r, const struct vl_reg_access *a);

// The driver gave up, or the end of a run.
void vl_spec_cap_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
