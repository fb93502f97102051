// model/referee/vl_queue.h -- the abstract queue: what a virtqueue promises, without rings.
// Spec: virtio 1.4 §2.7.6, §2.7.8, §2.7.13, §2.7.14, §3.3.1 (1.0: §2.4.6, §2.4.8, §3.2.1, §3.2.2).
//
// A buffer is the driver's, offered, in flight at the device, or returned with a length; it goes
// round in that order and in no other. A run refines this machine: the ring referees say which
// concrete event is which step. It knows no index, no slot and no descriptor, so it is the same for
// every format of ring, and a second opinion on what they found in order.
//
//      offer            take             give back           collect
//   driver's --> offered --> in flight --> returned(len) --> driver's       withdraw: all at once
//
// Promises, at every step: taken = in flight + given back; a length is at most what the device may
// write; the device writes into a buffer only while it is in flight; buffers are collected in the
// order in which they were given back, with that length. At rest: where buffers are offered and
// not taken, a notification is owed for them.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_QUEUE_H
#define VL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum vl_buffer_state {
    VL_BUFFER_DRIVERS,
    VL_BUFFER_OFFERED,
    VL_BUFFER_IN_FLIGHT,
    VL_BUFFER_RETURNED,
};

struct vl_buffer {
    uint8_t state;      // enum vl_buffer_state
    uint32_t writable;  // bytes that the device may write
    uint32_t len;       // as given back
    uint32_t number;    // the how manyth that was given back
    uint64_t given_seq; // event of it
};

struct vl_queue {
    struct vl_buffer *buffer; // n_buffers, named by their heads
    uint32_t n_buffers;
    uint32_t n_offered; // ever, as the others
    uint32_t n_taken;
    uint32_t n_given;
    uint32_t n_collected;
    uint32_t n_in_flight; // now
    uint32_t n_away;      // now: not the driver's
    const char *broken;   // the promise that the last step broke: "queue:NAME", or NULL
    uint64_t broken_value;
};

// Make room for queues of up to n_buffers buffers. Returns false if there is no memory left.
bool vl_queue_open(struct vl_queue *q, uint32_t n_buffers);
void vl_queue_close(struct vl_queue *q);

// All buffers are the driver's: a queue goes live, or a device reset took everything back.
void vl_queue_withdraw(struct vl_queue *q);

// Steps. Each returns true if the machine allows it; else q->broken names the promise, and the
// machine goes on as if it had been allowed. A buffer beyond n_buffers is never allowed.
bool vl_queue_offer(struct vl_queue *q, uint32_t buffer, uint32_t writable);
bool vl_queue_take(struct vl_queue *q, uint32_t buffer);
bool vl_queue_write(struct vl_queue *q, uint32_t buffer);
bool vl_queue_give(struct vl_queue *q, uint32_t buffer, uint32_t len, uint64_t seq);
bool vl_queue_collect(struct vl_queue *q, uint32_t buffer, uint32_t len);

// Nothing runs and nothing is under way. owed: the driver owes the device a notification of its
// newest buffers, so that it is known why they wait.
bool vl_queue_rest(struct vl_queue *q, bool owed);

#endif
