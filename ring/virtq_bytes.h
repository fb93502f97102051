// ring/virtq_bytes.h -- little-endian numbers in byte strings, on any host and at any alignment.
// For headers and configuration structures; ring words go through the port.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_BYTES_H
#define VIRTQ_BYTES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The number in bytes[0 .. n_bytes - 1], n_bytes 0..8.
static inline uint64_t virtq_get_le(const uint8_t *bytes, uint32_t n_bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < n_bytes; i++) { // bound: n_bytes
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

// Store the low n_bytes bytes of value, n_bytes 0..8.
static inline void virtq_put_le(uint8_t *bytes, uint32_t n_bytes, uint64_t value)
{
    for (uint32_t i = 0; i < n_bytes; i++) { // bound: n_bytes
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

#ifdef __cplusplus
}
#endif

#endif
