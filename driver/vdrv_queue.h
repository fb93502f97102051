// driver/vdrv_queue.h -- the driver's half of one split virtqueue.
// Spec: virtio 1.4 §2.7.13 Supplying Buffers, §2.7.14 Receiving Used Buffers, §2.7.7, §2.7.10.
// Stores the descriptor table and the driver area; loads the device area, each field once. All that
// it needs to know again it keeps in private memory: nothing the device could have changed is read
// back. Never includes device/.
//
// One buffer's life:   vdrv_queue_add() ... vdrv_queue_publish(), vdrv_queue_kick_needed(),
//                      virtq_doorbell() ... vdrv_queue_reap()
// Sleeping:            vdrv_queue_irq_enable(); if it returns false, virtq_await_event()
//
// Not thread-safe: one context of the driver calls these. An interrupt handler only wakes it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDRV_QUEUE_H
#define VDRV_QUEUE_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vdrv_queue; // opaque: vdrv_queue_open() .. vdrv_queue_close()

// One element of a buffer, as the device sees it.
struct vdrv_elem {
    uint64_t bus_addr;
    uint32_t len;         // bytes; 0 is legal
    bool device_writable; // all readable elements come first [2.7.4.2]
};

struct vdrv_queue_config {
    uint32_t queue_size;   // power of two, 1..32768
    uint16_t queue_index;  // which queue of the device
    uint16_t start_idx;    // both indices' first value: 0, but for restored queues and tests
    uint16_t indirect_max; // entries of an indirect table, 0: none; 1..queue_size; all tables
                           // together hold at most 2^31 bytes
    uint64_t features;     // negotiated
};

// Bytes of private state that vdrv_queue_open() needs for a queue of this size.
size_t vdrv_queue_state_bytes(uint32_t queue_size);

// Set a queue up: allocate its three parts and its indirect tables, all zero but the start index.
//   state   vdrv_queue_state_bytes() of private memory aligned to 16; the caller's, until close
// Returns VIRTQ_OK and *out; VIRTQ_ERR_INVALID for a bad config; VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err vdrv_queue_open(struct virtq_port *port,
                                               const struct vdrv_queue_config *config, void *state,
                                               struct vdrv_queue **out);

// Give shared memory back. The device must have been reset.
void vdrv_queue_close(struct vdrv_queue *q);

// Bus addresses of the three parts, for the device's queue registers.
void vdrv_queue_areas(const struct vdrv_queue *q, uint64_t *desc, uint64_t *driver,
                      uint64_t *device);

// Fill descriptors and the next available entry for one buffer; the device cannot see it until
// vdrv_queue_publish(). Uses an indirect table when it was negotiated, has room and indirect asks.
//   elems    device-readable first, then device-writable; copied, not kept
//   n_elems  1..queue_size (1..indirect_max through a table)
//   token    the caller's name for the buffer, returned by vdrv_queue_reap()
// Returns VIRTQ_OK; VIRTQ_ERR_QUEUE_FULL with nothing stored (reap, then retry);
// VIRTQ_ERR_INVALID (order, count, more than 2^32 - 1 bytes); VIRTQ_ERR_BROKEN.
VIRTQ_NODISCARD enum virtq_err vdrv_queue_add(struct vdrv_queue *q, const struct vdrv_elem *elems,
                                              uint32_t n_elems, bool indirect, uint64_t token);

// Let the device see all that was added. Returns how many buffers that were.
uint16_t vdrv_queue_publish(struct vdrv_queue *q);

// After a publish: true if the device wants to be told [2.7.7.1, 2.7.10.1].
bool vdrv_queue_kick_needed(struct vdrv_queue *q);

// Take the next returned buffer.
//   token, used_len   written only on VIRTQ_OK; used_len bytes at the start of the writable part
// Returns VIRTQ_OK; VIRTQ_ERR_EMPTY; a peer error (the queue is broken from there on, every later
// call returns VIRTQ_ERR_BROKEN until it is closed).
VIRTQ_NODISCARD enum virtq_err vdrv_queue_reap(struct vdrv_queue *q, uint64_t *token,
                                               uint32_t *used_len);

// Ask for no interrupts. A hint: they may still come [2.7.7.1].
void vdrv_queue_irq_disable(struct vdrv_queue *q);

// Ask for an interrupt at the next returned buffer, then look again. Returns true if there already
// is something to reap: do not sleep, nobody will wake you for it.
VIRTQ_NODISCARD bool vdrv_queue_irq_enable(struct vdrv_queue *q);

// After a device reset: take back a buffer that the device never returned. VIRTQ_ERR_EMPTY when
// there is none left. Only vdrv_queue_close() may follow: the indices are those of before.
VIRTQ_NODISCARD enum virtq_err vdrv_queue_detach_unused(struct vdrv_queue *q, uint64_t *token);

// Buffers added and not reaped.
uint32_t vdrv_queue_in_flight(const struct vdrv_queue *q);

// Free descriptors.
uint32_t vdrv_queue_free(const struct vdrv_queue *q);

// VIRTQ_OK, or the peer error that broke the queue.
enum virtq_err vdrv_queue_error(const struct vdrv_queue *q);

// The type's invariant, for assertions and fuzzers: counts, free list length, index distances.
bool vdrv_queue_valid(const struct vdrv_queue *q);

#ifdef __cplusplus
}
#endif

#endif
