// ring/virtq_wire.h -- the split virtqueue as bytes: structures, offsets, flags, layout.
// Spec: virtio 1.4 §2.7 Split Virtqueues (1.0: §2.4). Little-endian on every host.
//
//   descriptor table (16 bytes each)      driver writes, device reads
//     addr le64 @0 | len le32 @8 | flags le16 @12 | next le16 @14
//   available ring = driver area          driver writes, device reads
//     flags le16 @0 | idx le16 @2 | ring le16[queue_size] @4 | used_event le16
//   used ring = device area               device writes, driver reads
//     flags le16 @0 | idx le16 @2 | {id le32, len le32}[queue_size] @4 | avail_event le16
//
// Mind the names of the last words: used_event lies in the *available* ring, since the driver
// writes it ("tell me when used idx passes this"); avail_event lies in the *used* ring.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_WIRE_H
#define VIRTQ_WIRE_H

#include "ring/virtq_err.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIRTQ_QUEUE_SIZE_MAX 32768u

// Descriptor flags [2.7.5].
#define VIRTQ_DESC_F_NEXT 1u     // the chain goes on at next
#define VIRTQ_DESC_F_WRITE 2u    // device-writable, else device-readable
#define VIRTQ_DESC_F_INDIRECT 4u // addr and len name a table of descriptors

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u // avail.flags, without EVENT_IDX [2.7.6]
#define VIRTQ_USED_F_NO_NOTIFY 1u     // used.flags, without EVENT_IDX [2.7.8]

// Feature bits that both halves know [6].
#define VIRTQ_F_INDIRECT_DESC (1ull << 28)
#define VIRTQ_F_EVENT_IDX (1ull << 29)
#define VIRTQ_F_VERSION_1 (1ull << 32)

// Byte offsets inside the three parts.
#define VIRTQ_DESC_BYTES 16u
#define VIRTQ_RING_FLAGS 0u // both rings
#define VIRTQ_RING_IDX 2u   // both rings
#define VIRTQ_RING_HEADER_BYTES 4u
#define VIRTQ_AVAIL_ELEM_BYTES 2u
#define VIRTQ_USED_ELEM_BYTES 8u
#define VIRTQ_DESC_ALIGN 16u
#define VIRTQ_AVAIL_ALIGN 2u
#define VIRTQ_USED_ALIGN 4u

// One descriptor, in host byte order: what virtq_load_desc() copies out of shared memory, once.
struct virtq_desc {
    uint64_t addr; // bus address
    uint32_t len;  // bytes
    uint16_t flags;
    uint16_t next; // table index, meaningful with NEXT
};

// One used element, in host byte order.
struct virtq_used_elem {
    uint32_t id;  // head of the chain that is returned
    uint32_t len; // bytes written at the start of the writable part
};

VIRTQ_STATIC_ASSERT(sizeof(struct virtq_desc) == VIRTQ_DESC_BYTES,
                    "descriptor is 16 bytes [2.7.5]");
VIRTQ_STATIC_ASSERT(sizeof(struct virtq_used_elem) == VIRTQ_USED_ELEM_BYTES, "[2.7.8]");

// True if a split virtqueue may have this size: a power of two, 1..32768 [2.7].
static inline bool virtq_queue_size_valid(uint32_t queue_size)
{
    return queue_size >= 1 && queue_size <= VIRTQ_QUEUE_SIZE_MAX &&
           (queue_size & (queue_size - 1)) == 0;
}

static inline uint32_t virtq_desc_table_bytes(uint32_t queue_size)
{
    return VIRTQ_DESC_BYTES * queue_size;
}

// The event word is part of the area whether or not EVENT_IDX is negotiated [2.7].
static inline uint32_t virtq_avail_bytes(uint32_t queue_size)
{
    return VIRTQ_RING_HEADER_BYTES + VIRTQ_AVAIL_ELEM_BYTES * queue_size + 2u;
}

static inline uint32_t virtq_used_bytes(uint32_t queue_size)
{
    return VIRTQ_RING_HEADER_BYTES + VIRTQ_USED_ELEM_BYTES * queue_size + 2u;
}

static inline uint32_t virtq_avail_slot_off(uint32_t slot)
{
    return VIRTQ_RING_HEADER_BYTES + VIRTQ_AVAIL_ELEM_BYTES * slot;
}

static inline uint32_t virtq_used_slot_off(uint32_t slot)
{
    return VIRTQ_RING_HEADER_BYTES + VIRTQ_USED_ELEM_BYTES * slot;
}

static inline uint32_t virtq_used_event_off(uint32_t queue_size)
{
    return virtq_avail_slot_off(queue_size);
}

static inline uint32_t virtq_avail_event_off(uint32_t queue_size)
{
    return virtq_used_slot_off(queue_size);
}

// True if a side that moved its index from old_idx to new_idx passed event: one of the indices
// old_idx .. new_idx - 1 equals it, all modulo 2^16 [2.7.10]. Comparing with == instead of this
// window loses the notification of every batch that jumps over event.
static inline bool virtq_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
    return (uint16_t)(new_idx - event - 1u) < (uint16_t)(new_idx - old_idx);
}

#ifdef __cplusplus
}
#endif

#endif
