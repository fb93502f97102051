// model/referee/vl_spec_msix.h -- checkers: MSI-X vectors.
// Spec: virtio 1.4 §4.1.5.1.2, §4.1.5.3, §4.1.5.4 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_MSIX_H
#define VL_SPEC_MSIX_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_msix {
    uint64_t zero;
};

// An access to the common configuration or the MSI-X table.
void vl_spec_msix_access(struct vl_referees *r, const struct vl_reg_access *a);

// An interrupt, a handler that returns, the end of a run.
void vl_spec_msix_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
