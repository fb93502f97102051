// tools/lab/lab_buffers.h -- the driver player's data buffers: one piece of shared memory in slots,
// mapped for the device while a request is under way.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_BUFFERS_H
#define LAB_BUFFERS_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lab_buffer {
    bool taken;
    bool from_device;  // the device writes it
    uint32_t bytes;    // in use; 0: nothing is mapped
    uint64_t bus_addr; // where the device finds it
};

struct lab_buffers {
    struct virtq_port *port;
    struct virtq_dma arena; // span.bytes = 0: not there yet
    uint32_t slot_bytes;
    uint32_t n_slots;
    struct lab_buffer *slot; // n_slots, the caller's memory
};

// Take the arena, once. Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err lab_buffers_open(struct lab_buffers *b);

// Take slot for a request with bytes of data (0..slot_bytes) and map them.
// Returns VIRTQ_OK and *bus_addr; VIRTQ_ERR_NO_MEMORY with the slot free.
VIRTQ_NODISCARD enum virtq_err lab_buffer_map(struct lab_buffers *b, uint32_t slot, uint32_t bytes,
                                              bool from_device, uint64_t *bus_addr);

// The device is done with slot: unmap its data and free it. What came in can still be read.
void lab_buffer_unmap(struct lab_buffers *b, uint32_t slot);

// Copy between private memory and the start of slot's data.
void lab_buffer_put(struct lab_buffers *b, uint32_t slot, const uint8_t *src, uint32_t bytes);
void lab_buffer_get(struct lab_buffers *b, uint32_t slot, uint8_t *dst, uint32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
