// device/vdev_queue.h -- the device's half of one split virtqueue.
// Spec: virtio 1.4 §2.7 (device requirements), §2.7.7.2, §2.7.8.2, §2.7.10.2, §3.4 (as §3.3
// in 1.0). Loads the descriptor table and the driver area, each field once and each descriptor
// once, and checks the copy; stores the device area. Believes nothing: a broken rule is a named
// peer error, after which the queue is out of service until a reset. Never includes driver/.
//
// One buffer's life:   vdev_queue_pop(), vdev_chain_read()/write(), vdev_queue_push(),
//                      vdev_queue_publish(), vdev_queue_interrupt_needed(), virtq_interrupt()
// Sleeping:            vdev_queue_notify_enable(); if it returns false, virtq_await_event()
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDEV_QUEUE_H
#define VDEV_QUEUE_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vdev_queue; // opaque: lives in the caller's memory from vdev_queue_open() on

struct vdev_queue_config {
    uint32_t queue_size;  // power of two, 1..32768, as the driver set it
    uint16_t queue_index; // which queue of the device
    uint16_t start_idx;   // both indices' first value: 0, but for restored queues and tests
    uint64_t features;    // negotiated
    uint64_t desc;        // bus addresses of the three parts
    uint64_t driver;
    uint64_t device;
};

// A buffer taken from the queue: its elements as spans of memory, readable ones first.
struct vdev_chain {
    uint16_t head;
    bool has_writable;   // a device-writable element, which may be empty
    uint32_t n_elems;    // descriptors that describe bytes
    uint32_t n_readable; // spans[0 .. n_readable - 1]
    uint32_t n_writable; // the spans behind them
    uint32_t readable_bytes;
    uint32_t writable_bytes;
    struct virtq_span *spans; // the caller's, max_spans of them
    uint32_t max_spans;
};

// Bytes of private state that vdev_queue_open() needs for a queue of this size.
size_t vdev_queue_state_bytes(uint32_t queue_size);

// Spans that a chain of this queue may need: two for each element, since one may cross a border.
uint32_t vdev_queue_max_spans(uint32_t queue_size);

// Start serving a queue that the driver enabled.
//   state   vdev_queue_state_bytes() of private memory aligned to 16; the caller's. There is
//   nothing to close:
//           a reset simply forgets the queue.
// Returns VIRTQ_OK and *out; VIRTQ_ERR_QUEUE_SETUP, VIRTQ_ERR_QUEUE_ADDR (peer errors).
VIRTQ_NODISCARD enum virtq_err vdev_queue_open(struct virtq_port *port,
                                               const struct vdev_queue_config *config, void *state,
                                               struct vdev_queue **out);

// Take the next available buffer.
//   chain   spans and max_spans set by the caller; the rest is written on VIRTQ_OK only
// Returns VIRTQ_OK; VIRTQ_ERR_EMPTY; a peer error; VIRTQ_ERR_NO_MEMORY for a buffer in more pieces
// than max_spans; VIRTQ_ERR_BROKEN after one of these.
VIRTQ_NODISCARD enum virtq_err vdev_queue_pop(struct vdev_queue *q, struct vdev_chain *chain);

// Copy bytes out of the readable part, from offset off. Returns how many there were, up to bytes.
uint32_t vdev_chain_read(struct vdev_queue *q, const struct vdev_chain *chain, uint32_t off,
                         void *dst, uint32_t bytes);

// Copy bytes into the writable part, at offset off. Returns how many found room, up to bytes.
uint32_t vdev_chain_write(struct vdev_queue *q, const struct vdev_chain *chain, uint32_t off,
                          const void *src, uint32_t bytes);

// Return a buffer: store its used entry; the driver cannot see it until vdev_queue_publish().
//   written   bytes stored from the start of the writable part on, 0..writable_bytes
void vdev_queue_push(struct vdev_queue *q, uint16_t head, uint32_t written);

// Let the driver see all that was pushed. Returns how many buffers that were.
uint16_t vdev_queue_publish(struct vdev_queue *q);

// After a publish: true if the driver wants to be interrupted [2.7.7.2, 2.7.10.2].
bool vdev_queue_interrupt_needed(struct vdev_queue *q);

// Ask for no notifications while the queue is being worked on. A hint: they may still come.
void vdev_queue_notify_disable(struct vdev_queue *q);

// Ask for a notification of the next available buffer, then look again. Returns true if there
// already is one: do not sleep, nobody will wake you for it.
VIRTQ_NODISCARD bool vdev_queue_notify_enable(struct vdev_queue *q);

// Buffers that the last look at the available index showed and that were not popped yet. 0 does not
// mean that there are none: it means that the next pop looks again.
uint32_t vdev_queue_seen(const struct vdev_queue *q);

// Buffers popped and not yet visible to the driver as used.
uint32_t vdev_queue_in_flight(const struct vdev_queue *q);

// VIRTQ_OK, or the peer error that broke the queue.
enum virtq_err vdev_queue_error(const struct vdev_queue *q);

// Take the queue out of service for a request that breaks its device type's rules: reports err.
void vdev_queue_fail(struct vdev_queue *q, enum virtq_err err, uint64_t value);

// The type's invariant, for assertions and fuzzers.
bool vdev_queue_valid(const struct vdev_queue *q);

#ifdef __cplusplus
}
#endif

#endif
