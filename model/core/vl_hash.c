// model/core/vl_hash.c -- XXH64 and SHA-256.
// XXH64: the published specification "xxHash fast digest algorithm", XXH64, seed 0.
// SHA-256: FIPS 180-4 §4.1.2, §5, §6.2. Both read input bytewise in meaning: any alignment, any
// host.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_hash.h"

#include <string.h>

#define P1 0x9e3779b185ebca87u
#define P2 0xc2b2ae3d27d4eb4fu
#define P3 0x165667b19e3779f9u
#define P4 0x85ebca77c2b2ae63u
#define P5 0x27d4eb2f165667c5u

#define STRIPE_BYTES 32u
#define BLOCK_BYTES 64u // of SHA-256

static inline uint64_t load_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint32_t load_le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t rotl64(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static inline uint32_t rotr32(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

// ---- XXH64 ------------------------------------------------------------------------------------

static inline uint64_t xxh_round(uint64_t acc, uint64_t input)
{
    return rotl64(acc + input * P2, 31) * P1;
}

static inline uint64_t xxh_merge(uint64_t h, uint64_t acc)
{
    return (h ^ xxh_round(0, acc)) * P1 + P4;
}

// Takes all whole stripes of data; returns how many bytes it took.
static inline size_t xxh_stripes(uint64_t acc[4], const uint8_t *data, size_t bytes)
{
    uint64_t a = acc[0];
    uint64_t b = acc[1];
    uint64_t c = acc[2];
    uint64_t d = acc[3];
    size_t at = 0;
    for (; bytes - at >= STRIPE_BYTES; at += STRIPE_BYTES) { // bound: bytes / 32
        a = xxh_round(a, load_le64(data + at));
        b = xxh_round(b, load_le64(data + at + 8));
        c = xxh_round(c, load_le64(data + at + 16));
        d = xxh_round(d, load_le64(data + at + 24));
    }
    acc[0] = a;
    acc[1] = b;
    acc[2] = c;
    acc[3] = d;
    return at;
}

void vl_hash_init(struct vl_hash *h)
{
    h->acc[0] = P1 + P2;
    h->acc[1] = P2;
    h->acc[2] = 0;
    h->acc[3] = 0 - P1;
    h->total_bytes = 0;
    h->n_buf = 0;
}

void vl_hash_update(struct vl_hash *h, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    h->total_bytes += bytes;
    if (h->n_buf != 0) {
        const size_t room = STRIPE_BYTES - h->n_buf;
        const size_t n = bytes < room ? bytes : room;
        if (n != 0) { // memcpy() of no bytes may not see a null pointer
            memcpy(h->buf + h->n_buf, p, n);
        }
        h->n_buf += (uint32_t)n;
        if (h->n_buf < STRIPE_BYTES) {
            return;
        }
        (void)xxh_stripes(h->acc, h->buf, STRIPE_BYTES);
        h->n_buf = 0;
        p += n;
        bytes -= n;
    }
    const size_t taken = xxh_stripes(h->acc, p, bytes);
    if (bytes != taken) {
        memcpy(h->buf, p + taken, bytes - taken);
        h->n_buf = (uint32_t)(bytes - taken);
    }
}

uint64_t vl_hash_final(const struct vl_hash *h)
{
    uint64_t v = P5;
    if (h->total_bytes >= STRIPE_BYTES) {
        v = rotl64(h->acc[0], 1) + rotl64(h->acc[1], 7) + rotl64(h->acc[2], 12) +
            rotl64(h->acc[3], 18);
        for (unsigned i = 0; i < 4; i++) {
            v = xxh_merge(v, h->acc[i]);
        }
    }
    v += h->total_bytes;
    const uint32_t n = h->n_buf < STRIPE_BYTES ? h->n_buf : 0;
    uint32_t at = 0;
    for (; n - at >= 8; at += 8) { // bound: 3
        v = rotl64(v ^ xxh_round(0, load_le64(h->buf + at)), 27) * P1 + P4;
    }
    if (n - at >= 4) {
        v = rotl64(v ^ load_le32(h->buf + at) * P1, 23) * P2 + P3;
        at += 4;
    }
    for (; at < n; at++) { // bound: 3
        v = rotl64(v ^ h->buf[at] * P5, 11) * P1;
    }
    v = (v ^ v >> 33) * P2;
    v = (v ^ v >> 29) * P3;
    return v ^ v >> 32;
}

uint64_t vl_hash64(const void *data, size_t bytes)
{
    struct vl_hash h;
    vl_hash_init(&h);
    vl_hash_update(&h, data, bytes);
    return vl_hash_final(&h);
}

// ---- SHA-256 ----------------------------------------------------------------------------------

// FIPS 180-4 §4.2.2: first 32 bits of the fractions of the cube roots of the first 64 primes.
static const uint32_t sha_k[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu,
    0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u, 0xa2bfe8a1u, 0xa81a664bu,
    0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u,
    0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u,
    0xc67178f2u};

static void sha_schedule(uint32_t w[64], const uint8_t *block)
{
    for (unsigned t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (unsigned t = 16; t < 64; t++) {
        const uint32_t x = w[t - 15];
        const uint32_t y = w[t - 2];
        w[t] = w[t - 16] + (rotr32(x, 7) ^ rotr32(x, 18) ^ x >> 3) + w[t - 7] +
               (rotr32(y, 17) ^ rotr32(y, 19) ^ y >> 10);
    }
}

// One step with the eight words in place: instead of moving all, callers turn their names.
#define SHA_STEP(a, b, c, d, e, f, g, h, t)                                                        \
    do {                                                                                           \
        const uint32_t t1 = (h) + (rotr32((e), 6) ^ rotr32((e), 11) ^ rotr32((e), 25)) +           \
                            ((g) ^ ((e) & ((f) ^ (g)))) + sha_k[t] + w[t];                         \
        (d) += t1;                                                                                 \
        (h) = t1 + (rotr32((a), 2) ^ rotr32((a), 13) ^ rotr32((a), 22)) +                          \
              (((a) & (b)) | ((c) & ((a) | (b))));                                                 \
    } while (0)

static void sha_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    sha_schedule(w, block);
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    uint32_t e = state[4];
    uint32_t f = state[5];
    uint32_t g = state[6];
    uint32_t h = state[7];
    for (unsigned t = 0; t < 64; t += 8) {
        SHA_STEP(a, b, c, d, e, f, g, h, t);
        SHA_STEP(h, a, b, c, d, e, f, g, t + 1);
        SHA_STEP(g, h, a, b, c, d, e, f, t + 2);
        SHA_STEP(f, g, h, a, b, c, d, e, t + 3);
        SHA_STEP(e, f, g, h, a, b, c, d, t + 4);
        SHA_STEP(d, e, f, g, h, a, b, c, t + 5);
        SHA_STEP(c, d, e, f, g, h, a, b, t + 6);
        SHA_STEP(b, c, d, e, f, g, h, a, t + 7);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void vl_sha256_init(struct vl_sha256 *s)
{
    static const uint32_t start[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                      0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
    memcpy(s->state, start, sizeof(start));
    s->total_bytes = 0;
    s->n_buf = 0;
}

void vl_sha256_update(struct vl_sha256 *s, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    s->total_bytes += bytes;
    if (s->n_buf != 0) {
        const size_t room = BLOCK_BYTES - s->n_buf;
        const size_t n = bytes < room ? bytes : room;
        if (n != 0) {
            memcpy(s->buf + s->n_buf, p, n);
        }
        s->n_buf += (uint32_t)n;
        if (s->n_buf < BLOCK_BYTES) {
            return;
        }
        sha_block(s->state, s->buf);
        s->n_buf = 0;
        p += n;
        bytes -= n;
    }
    for (; bytes >= BLOCK_BYTES; bytes -= BLOCK_BYTES, p += BLOCK_BYTES) { // bound: bytes / 64
        sha_block(s->state, p);
    }
    if (bytes != 0) {
        memcpy(s->buf, p, bytes);
        s->n_buf = (uint32_t)bytes;
    }
}

void vl_sha256_final(struct vl_sha256 *s, uint8_t digest[VL_SHA256_BYTES])
{
    const uint64_t bits = s->total_bytes * 8;
    uint8_t tail[BLOCK_BYTES + 8] = {0x80};
    // The padding ends a block with the eight bytes of the length [5.1.1].
    const uint32_t pad = (s->n_buf < 56 ? 56u : 120u) - s->n_buf;
    for (unsigned i = 0; i < 8; i++) {
        tail[pad + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    vl_sha256_update(s, tail, pad + 8u);
    for (unsigned i = 0; i < VL_SHA256_BYTES; i++) {
        digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void vl_sha256_hex(const uint8_t digest[VL_SHA256_BYTES], char out[2 * VL_SHA256_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < VL_SHA256_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * VL_SHA256_BYTES] = '\0';
}
