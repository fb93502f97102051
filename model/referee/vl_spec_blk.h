// model/referee/vl_spec_blk.h -- checkers: the block device.
// Spec: virtio 1.4 §5.2 (1.0: §5.2).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_BLK_H
#define VL_SPEC_BLK_H

#include "model/referee/vl_shadow.h"
#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_blk {
    uint64_t zero;
};

// An access to the common or the device configuration.
void vl_spec_blk_access(struct vl_referees *r, const struct vl_reg_access *a);

// The driver published the chain of head.
void vl_spec_blk_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint64_t seq);

// The device gives the buffer of head back with this used length.
void vl_spec_blk_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                          uint64_t seq);

// A payload access of either side, a backend's event, an interrupt, the end of a run.
void vl_spec_blk_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                       const uint8_t *payload);

#endif
