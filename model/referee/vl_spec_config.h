// model/referee/vl_spec_config.h -- checkers: device configuration space.
// Spec: virtio 1.4 §2.5, §3.2.1 (1.0: §2.3, §3.2).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_CONFIG_H
#define VL_SPEC_CONFIG_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_config {
    uint64_t zero;
};

// An access to the common or the device configuration.
void vl_spec_config_access(struct vl_referees *r, const struct vl_reg_access *a);

// An interrupt, the end of a run.
void vl_spec_config_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
