// tests/native/native_world.h -- a small native embedder: one arena of memory and two ports.
// Bus addresses are offsets plus a constant, so that an offset, a host pointer and a bus address
// are never the same number. A border in the middle of the arena ends every span that meets it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NATIVE_WORLD_H
#define NATIVE_WORLD_H

#include "ring/virtq_port.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_BYTES (4u << 20)
#define WORLD_BUS 0x7000000000ull
#define WORLD_BORDER (3u << 20) // a region ends here, another begins
// 2^32 bytes that can be resolved and must not be touched, for length arithmetic.
#define WORLD_HUGE_BUS 0x90000000000ull

struct world {
    uint8_t *arena; // WORLD_BYTES
    uint32_t used;
    uint32_t n_allocs;   // minus frees
    uint32_t fail_after; // allocations that still succeed
    struct virtq_port port;
    uint32_t n_wakes;
    uint32_t n_peer_errors;
    enum virtq_err peer_err; // the last one
    uint64_t peer_value;
};

static inline enum virtq_err world_alloc(void *ctx, uint32_t bytes, uint32_t align,
                                         struct virtq_dma *out)
{
    struct world *w = ctx;
    const uint32_t off = (w->used + align - 1) & ~(align - 1);

    if (w->fail_after == 0 || off + bytes > WORLD_BORDER) {
        return VIRTQ_ERR_NO_MEMORY;
    }
    w->fail_after--;
    w->n_allocs++;
    w->used = off + bytes;
    memset(w->arena + off, 0, bytes);
    out->span = (struct virtq_span){.host = w->arena + off, .bytes = bytes};
    out->bus_addr = WORLD_BUS + off;
    return VIRTQ_OK;
}

static inline void world_free(void *ctx, struct virtq_dma *dma)
{
    struct world *w = ctx;

    w->n_allocs--;
    memset(dma, 0, sizeof(*dma));
}

static inline enum virtq_err world_resolve(void *ctx, uint64_t bus_addr, uint32_t len,
                                           struct virtq_span *spans, uint32_t max,
                                           uint32_t *n_spans)
{
    struct world *w = ctx;
    uint64_t off = bus_addr - WORLD_BUS;

    *n_spans = 0;
    if (len == 0) {
        return VIRTQ_OK;
    }
    if (bus_addr == WORLD_HUGE_BUS && max > 0) {
        spans[(*n_spans)++] = (struct virtq_span){.host = w->arena, .bytes = len};
        return VIRTQ_OK;
    }
    if (bus_addr < WORLD_BUS || off >= WORLD_BYTES || len > WORLD_BYTES - off) {
        return VIRTQ_ERR_CHAIN_ADDR;
    }
    while (len > 0) {
        const uint64_t end = off < WORLD_BORDER ? WORLD_BORDER : WORLD_BYTES;
        const uint32_t n = len < end - off ? len : (uint32_t)(end - off);
        if (*n_spans == max) {
            return VIRTQ_ERR_NO_MEMORY;
        }
        spans[(*n_spans)++] = (struct virtq_span){.host = w->arena + off, .bytes = n};
        off += n;
        len -= n;
    }
    return VIRTQ_OK;
}

static inline void world_wake(void *ctx)
{
    ((struct world *)ctx)->n_wakes++;
}

static inline void world_peer_error(void *ctx, uint16_t queue_index, enum virtq_err err,
                                    uint64_t value)
{
    struct world *w = ctx;

    (void)queue_index;
    w->n_peer_errors++;
    w->peer_err = err;
    w->peer_value = value;
}

static const struct virtq_port_ops world_ops = {
    .mem_alloc = world_alloc,
    .mem_free = world_free,
    .resolve = world_resolve,
    .wake = world_wake,
    .peer_error = world_peer_error,
};

static inline void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->arena = aligned_alloc(4096, WORLD_BYTES);
    VIRTQ_ASSERT(w->arena != NULL);
    memset(w->arena, 0, WORLD_BYTES);
    w->fail_after = UINT32_MAX;
    w->port = (struct virtq_port){.ops = &world_ops, .ctx = w};
}

static inline void world_close(struct world *w)
{
    free(w->arena);
}

// Shared memory for a test's payload.
static inline struct virtq_dma world_buffer(struct world *w, uint32_t bytes)
{
    struct virtq_dma dma = {.bus_addr = 0};
    const enum virtq_err err = world_alloc(w, bytes, 16, &dma);

    VIRTQ_ASSERT(err == VIRTQ_OK);
    w->n_allocs--; // not counted: it goes with the arena
    return dma;
}

static inline uint8_t *world_at(struct world *w, uint64_t bus_addr)
{
    VIRTQ_ASSERT(bus_addr >= WORLD_BUS && bus_addr < WORLD_BUS + WORLD_BYTES);
    return w->arena + (bus_addr - WORLD_BUS);
}

// Lie: bytes of shared memory, little-endian, behind everybody's back.
static inline void world_poke(struct world *w, uint64_t bus_addr, uint32_t n_bytes, uint64_t value)
{
    for (uint32_t i = 0; i < n_bytes; i++) {
        world_at(w, bus_addr)[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint64_t world_peek(struct world *w, uint64_t bus_addr, uint32_t n_bytes)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < n_bytes; i++) {
        value |= (uint64_t)world_at(w, bus_addr)[i] << (8 * i);
    }
    return value;
}

#endif
