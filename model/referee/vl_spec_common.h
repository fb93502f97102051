// model/referee/vl_spec_common.h -- checkers: the common configuration structure.
// Spec: virtio 1.4 §4.1.3, §4.1.4.3, §4.1.5.1.3 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_COMMON_H
#define VL_SPEC_COMMON_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_common {
    uint64_t zero;
};

// An access to any structure.
void vl_spec_common_access(struct vl_referees *r, const struct vl_reg_access *a);

// A queue goes live, the end of a run.
void vl_spec_common_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
