// fuzz/naive/naive_world.c -- memory and port of a naive case: exact heap blocks at small
// addresses.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/naive/naive_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- bytes ------------------------------------------------------------------------------------

uint64_t naive_number(struct naive_bytes *b, unsigned n)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n && b->at < b->size; i++, b->at++) { // bound: n
        value |= (uint64_t)b->data[b->at] << (8 * i);
    }
    return value;
}

uint8_t naive_byte(struct naive_bytes *b)
{
    return (uint8_t)naive_number(b, 1);
}

static size_t next_bytes(const struct naive_bytes *b, size_t n)
{
    const size_t left = b->size - b->at;
    return n < left ? n : left;
}

size_t naive_lay(struct naive_bytes *b, uint8_t *to, size_t n)
{
    const size_t taken = next_bytes(b, n);

    if (taken > 0) {
        memcpy(to, b->data + b->at, taken);
        b->at += taken;
    }
    return taken;
}

void naive_flip(struct naive_bytes *b, uint8_t *to, size_t n)
{
    const size_t taken = next_bytes(b, n);

    for (size_t i = 0; i < taken; i++) { // bound: n
        to[i] ^= b->data[b->at + i];
    }
    b->at += taken;
}

// ---- memory -----------------------------------------------------------------------------------

#define FREE_ADDR 0x8000u // blocks that name no address lie from here on
#define BLOCK_GAP 0x1000u // and this far apart at least: no two of them touch

void naive_world_open(struct naive_world *w, const struct virtq_port_ops *ops)
{
    memset(w, 0, sizeof(*w));
    w->port = (struct virtq_port){.ops = ops, .ctx = w};
    w->next_addr = FREE_ADDR;
}

void naive_world_close(struct naive_world *w)
{
    for (uint32_t i = 0; i < NAIVE_BLOCKS_MAX; i++) {
        free(w->block[i].host);
        w->block[i].host = NULL;
    }
}

uint8_t *naive_world_create(struct naive_world *w, uint64_t bus_addr, uint32_t bytes)
{
    uint32_t i = 0;

    while (i < NAIVE_BLOCKS_MAX && w->block[i].host != NULL) { // bound: NAIVE_BLOCKS_MAX
        i++;
    }
    VIRTQ_ASSERT(i < NAIVE_BLOCKS_MAX);
    w->block[i] = (struct naive_block){
        .bus_addr = bus_addr, .bytes = bytes, .host = calloc(bytes > 0 ? bytes : 1, 1)};
    VIRTQ_ASSERT(w->block[i].host != NULL);
    w->last = i;
    return w->block[i].host;
}

uint8_t *naive_world_last(struct naive_world *w, uint32_t *room)
{
    *room = w->block[w->last].bytes;
    return w->block[w->last].host;
}

uint8_t *naive_world_at(struct naive_world *w, uint64_t bus_addr, uint32_t *room)
{
    for (uint32_t i = 0; i < NAIVE_BLOCKS_MAX; i++) {
        const struct naive_block *b = &w->block[i];
        if (b->host != NULL && bus_addr >= b->bus_addr && bus_addr - b->bus_addr < b->bytes) {
            const uint32_t off = (uint32_t)(bus_addr - b->bus_addr);
            *room = b->bytes - off;
            return b->host + off;
        }
    }
    *room = 0;
    return NULL;
}

void naive_turn(struct naive_world *w, const char *where)
{
    if (++w->n_turns > NAIVE_TURNS_MAX) {
        (void)fprintf(stderr, "hang: %s after %u turns\n", where, NAIVE_TURNS_MAX);
        abort();
    }
}

// ---- the port ---------------------------------------------------------------------------------

enum virtq_err naive_mem_alloc(void *ctx, uint32_t bytes, uint32_t align, struct virtq_dma *out)
{
    struct naive_world *w = ctx;
    const uint64_t addr = (w->next_addr + align - 1) & ~(uint64_t)(align - 1);

    naive_turn(w, "allocating");
    out->bus_addr = addr;
    out->span = (struct virtq_span){.host = naive_world_create(w, addr, bytes), .bytes = bytes};
    w->next_addr = addr + bytes + BLOCK_GAP;
    return VIRTQ_OK;
}

void naive_mem_free(void *ctx, struct virtq_dma *dma)
{
    struct naive_world *w = ctx;

    for (uint32_t i = 0; i < NAIVE_BLOCKS_MAX; i++) {
        if (w->block[i].host == dma->span.host) {
            free(w->block[i].host);
            w->block[i].host = NULL;
        }
    }
    memset(dma, 0, sizeof(*dma));
}

enum virtq_err naive_resolve(void *ctx, uint64_t bus_addr, uint32_t len, struct virtq_span *spans,
                             uint32_t max, uint32_t *n_spans)
{
    struct naive_world *w = ctx;

    *n_spans = 0;
    naive_turn(w, "following a chain");
    while (len > 0) { // bound: NAIVE_BLOCKS_MAX, since each turn takes a block's rest
        uint32_t room = 0;
        uint8_t *host = naive_world_at(w, bus_addr, &room);
        if (host == NULL) {
            return VIRTQ_ERR_CHAIN_ADDR;
        }
        if (*n_spans == max) {
            return VIRTQ_ERR_NO_MEMORY;
        }
        const uint32_t n = len < room ? len : room;
        spans[(*n_spans)++] = (struct virtq_span){.host = host, .bytes = n};
        bus_addr += n;
        len -= n;
    }
    return VIRTQ_OK;
}

void naive_wake(void *ctx)
{
    struct naive_world *w = ctx;

    naive_turn(w, "waking");
    w->n_wakes++;
}

// Nobody is there who could wake a sleeper: it goes on at once, and hangs if it wanted more.
void naive_await_event(void *ctx)
{
    naive_turn(ctx, "sleeping");
}

void naive_irq_mask(void *ctx, bool masked)
{
    (void)masked;
    naive_turn(ctx, "masking interrupts");
}

void naive_interrupt(void *ctx, uint16_t vector)
{
    (void)vector;
    naive_turn(ctx, "interrupting");
}

void naive_intx(void *ctx, bool level)
{
    (void)level;
    naive_turn(ctx, "interrupting");
}

void naive_doorbell(void *ctx, uint16_t queue_index)
{
    (void)queue_index;
    naive_turn(ctx, "notifying");
}

// A named error is the half doing its duty: no finding.
void naive_peer_error(void *ctx, uint16_t queue_index, enum virtq_err err, uint64_t value)
{
    struct naive_world *w = ctx;

    (void)queue_index;
    (void)err;
    (void)value;
    w->n_peer_errors++;
}
