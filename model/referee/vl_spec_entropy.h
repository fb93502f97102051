// model/referee/vl_spec_entropy.h -- checkers: the entropy device.
// Spec: virtio 1.4 §5.4 (1.0: §5.4).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_ENTROPY_H
#define VL_SPEC_ENTROPY_H

#include "model/referee/vl_shadow.h"
#include "model/referee/vl_spec.h"

// What they remember of a run: nothing, each event is judged by itself.
struct vl_spec_entropy {
    uint64_t zero;
};

// The driver published the chain of head.
void vl_spec_entropy_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head,
                               uint64_t seq);

// The device gives the buffer of head back with this used length.
void vl_spec_entropy_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head,
                              uint32_t len, uint64_t seq);

// The driver hands bytes to its caller: its RECEIVE note.
void vl_spec_entropy_received(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

#endif
