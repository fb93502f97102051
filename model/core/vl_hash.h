// model/core/vl_hash.h -- the digests of a run: XXH64 for events and payload, SHA-256 for files.
// XXH64: Yann Collet's xxHash, 64-bit variant, as its published specification has it, seed 0;
// anyone can recompute a trace's hash with a stock xxhsum. SHA-256: FIPS 180-4.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_HASH_H
#define VL_HASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vl_hash {
    uint64_t acc[4];
    uint64_t total_bytes;
    uint32_t n_buf;
    uint8_t buf[32];
};

void vl_hash_init(struct vl_hash *h);
void vl_hash_update(struct vl_hash *h, const void *data, size_t bytes);
uint64_t vl_hash_final(const struct vl_hash *h);

// XXH64 of bytes at data, seed 0.
uint64_t vl_hash64(const void *data, size_t bytes);

#define VL_SHA256_BYTES 32u
struct vl_sha256 {
    uint32_t state[8];
    uint64_t total_bytes;
    uint32_t n_buf;
    uint8_t buf[64];
};

void vl_sha256_init(struct vl_sha256 *s);
void vl_sha256_update(struct vl_sha256 *s, const void *data, size_t bytes);
void vl_sha256_final(struct vl_sha256 *s, uint8_t digest[VL_SHA256_BYTES]);

// Lower-case hex of digest, NUL-terminated.
void vl_sha256_hex(const uint8_t digest[VL_SHA256_BYTES], char out[2 * VL_SHA256_BYTES + 1]);

#ifdef __cplusplus
}
#endif

#endif
