// model/referee/vl_spec_features.h -- checkers: feature bits.
// Spec: virtio 1.4 §2.2, §6 (1.0: §2.2, §6).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_FEATURES_H
#define VL_SPEC_FEATURES_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_features {
    uint64_t zero;
};

// An access to the common configuration.
void vl_spec_features_access(struct vl_referees *r, const struct vl_reg_access *a);

// The driver has finished, or nothing can run any more.
void vl_spec_features_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
