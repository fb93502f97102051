// driver/vdrv_entropy.h -- the driver of an entropy device, over one open virtqueue.
// Spec: virtio 1.4 §5.4 (1.0: §5.4).
// Batching is the caller's: submit several, then vdrv_queue_publish() and kick the queue.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDRV_ENTROPY_H
#define VDRV_ENTROPY_H

#include "driver/vdrv_queue.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VDRV_ENTROPY_ID 4u // virtio device ID [5]

struct vdrv_entropy; // opaque: lives in the caller's memory from vdrv_entropy_open() on

// Bytes of private state that vdrv_entropy_open() needs.
size_t vdrv_entropy_state_bytes(void);

// Drive an entropy device through q, its queue 0.
//   queue_index   q's, for reports
//   state         vdrv_entropy_state_bytes() aligned to 16; the caller's, nothing to close
// q stays the caller's, and is used through this object alone but for publish, kick and sleep.
struct vdrv_entropy *vdrv_entropy_open(struct virtq_port *port, struct vdrv_queue *q,
                                       uint16_t queue_index, void *state);

// Ask for random bytes into a buffer; not visible to the device until vdrv_queue_publish().
//   elems     all device-writable, a byte at least in all [5.4.6.1-drv-1]
//   indirect  ask for an indirect table
//   token     the caller's name for the buffer
// Returns as vdrv_queue_add(); VIRTQ_ERR_BROKEN after a peer error.
VIRTQ_NODISCARD enum virtq_err vdrv_entropy_submit(struct vdrv_entropy *e,
                                                   const struct vdrv_elem *elems, uint32_t n_elems,
                                                   bool indirect, uint64_t token);

// Take the next filled buffer: only its first n_bytes are random [5.4.6.1-drv-2].
// Returns VIRTQ_OK; VIRTQ_ERR_EMPTY; a peer error, VIRTQ_ERR_REPLY for a device that claims to have
// written nothing (*token is set then too: the buffer is the caller's again); VIRTQ_ERR_BROKEN.
VIRTQ_NODISCARD enum virtq_err vdrv_entropy_reap(struct vdrv_entropy *e, uint64_t *token,
                                                 uint32_t *n_bytes);

// After a device reset: take back a buffer that was never returned; VIRTQ_ERR_EMPTY at the end.
VIRTQ_NODISCARD enum virtq_err vdrv_entropy_detach_unused(struct vdrv_entropy *e, uint64_t *token);

#ifdef __cplusplus
}
#endif

#endif
