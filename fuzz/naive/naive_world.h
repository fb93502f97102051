// fuzz/naive/naive_world.h -- memory and port of a naive case: exact heap blocks at small
// addresses. Each ring part and each buffer is an allocation of its own, so that AddressSanitizer
// sees the first byte beside it. Addresses start at 0 and are small, so that bytes name memory
// often.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NAIVE_WORLD_H
#define NAIVE_WORLD_H

#include "ring/virtq_port.h"

#include <stddef.h>
#include <stdint.h>

// A case that calls the embedder, or takes a turn of a loop here, more often than this hangs. The
// longest honest case needs a few thousand.
#define NAIVE_TURNS_MAX (1u << 20)

#define NAIVE_BLOCKS_MAX 16u

// ---- bytes ------------------------------------------------------------------------------------

struct naive_bytes {
    const uint8_t *data;
    size_t size;
    size_t at;
};

// The next n bytes (1..8) as a little-endian number; what is missing is 0.
uint64_t naive_number(struct naive_bytes *b, unsigned n);
uint8_t naive_byte(struct naive_bytes *b);

// Copy the next bytes over at most n bytes at to, as far as there are any. Returns how many.
size_t naive_lay(struct naive_bytes *b, uint8_t *to, size_t n);

// XOR the next bytes into at most n bytes at to: zeros leave the truth.
void naive_flip(struct naive_bytes *b, uint8_t *to, size_t n);

// ---- memory -----------------------------------------------------------------------------------

struct naive_block {
    uint64_t bus_addr;
    uint32_t bytes;
    uint8_t *host; // NULL: free
};

struct naive_world {
    struct virtq_port port;
    struct naive_block block[NAIVE_BLOCKS_MAX];
    uint64_t next_addr; // for blocks that name no address
    uint32_t last;      // block that was made last
    uint32_t n_turns;
    uint32_t n_wakes;
    uint32_t n_peer_errors;
};

// Start with no memory. The port's functions are ops, its context is w.
void naive_world_open(struct naive_world *w, const struct virtq_port_ops *ops);

// Give all memory back.
void naive_world_close(struct naive_world *w);

// A zeroed block of its own at an address. Blocks do not overlap; two may touch.
uint8_t *naive_world_create(struct naive_world *w, uint64_t bus_addr, uint32_t bytes);

// Where an address lies, or NULL; *room bytes are there up to the block's end.
uint8_t *naive_world_at(struct naive_world *w, uint64_t bus_addr, uint32_t *room);

// The block that was made last, and its bytes.
uint8_t *naive_world_last(struct naive_world *w, uint32_t *room);

// Count a turn of a loop; the case ends as a hang after NAIVE_TURNS_MAX.
void naive_turn(struct naive_world *w, const char *where);

// Functions of the port that both sides need. ctx is the struct naive_world.
enum virtq_err naive_mem_alloc(void *ctx, uint32_t bytes, uint32_t align, struct virtq_dma *out);
void naive_mem_free(void *ctx, struct virtq_dma *dma);
enum virtq_err naive_resolve(void *ctx, uint64_t bus_addr, uint32_t len, struct virtq_span *spans,
                             uint32_t max, uint32_t *n_spans);
void naive_wake(void *ctx);
void naive_await_event(void *ctx);
void naive_irq_mask(void *ctx, bool masked);
void naive_interrupt(void *ctx, uint16_t vector);
void naive_intx(void *ctx, bool level);
void naive_doorbell(void *ctx, uint16_t queue_index);
void naive_peer_error(void *ctx, uint16_t queue_index, enum virtq_err err, uint64_t value);

#endif
