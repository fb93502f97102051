// model/referee/vl_spec_isr.h -- checkers: ISR status and the INTx line.
// Spec: virtio 1.4 §4.1.4.5, §4.1.5.3, §4.1.5.4, §4.1.5.5 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_ISR_H
#define VL_SPEC_ISR_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_isr {
    uint64_t zero;
};

// An access to the ISR status, or to config space.
void vl_spec_isr_access(struct vl_referees *r, const struct vl_reg_access *a);
void vl_spec_isr_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// An interrupt or the line, a handler that returns, the end of a run.
void vl_spec_isr_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
