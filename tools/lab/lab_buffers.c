// tools/lab/lab_buffers.c -- the driver player's data buffers.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_buffers.h"

#define ARENA_ALIGN 64u

enum virtq_err lab_buffers_open(struct lab_buffers *b)
{
    if (b->arena.span.bytes != 0) {
        return VIRTQ_OK;
    }
    return virtq_mem_alloc(b->port, b->n_slots * b->slot_bytes, ARENA_ALIGN, VIRTQ_AREA_BUFFER, 0,
                           &b->arena);
}

static struct virtq_span span_of(const struct lab_buffers *b, uint32_t slot, uint32_t bytes)
{
    return virtq_subspan(b->arena.span, slot * b->slot_bytes, bytes);
}

static enum virtq_dir direction(bool from_device)
{
    return from_device ? VIRTQ_FROM_DEVICE : VIRTQ_TO_DEVICE;
}

enum virtq_err lab_buffer_map(struct lab_buffers *b, uint32_t slot, uint32_t bytes,
                              bool from_device, uint64_t *bus_addr)
{
    VIRTQ_ASSERT(slot < b->n_slots && !b->slot[slot].taken && bytes <= b->slot_bytes);
    *bus_addr = 0;
    if (bytes > 0) {
        const struct virtq_span span = span_of(b, slot, bytes);
        const enum virtq_err err = virtq_map(b->port, &span, direction(from_device), bus_addr);
        if (err != VIRTQ_OK) {
            return err;
        }
    }
    b->slot[slot] = (struct lab_buffer){
        .taken = true, .from_device = from_device, .bytes = bytes, .bus_addr = *bus_addr};
    return VIRTQ_OK;
}

void lab_buffer_unmap(struct lab_buffers *b, uint32_t slot)
{
    VIRTQ_ASSERT(slot < b->n_slots && b->slot[slot].taken);
    struct lab_buffer *s = &b->slot[slot];
    if (s->bytes > 0) {
        const struct virtq_span span = span_of(b, slot, s->bytes);
        virtq_unmap(b->port, &span, direction(s->from_device), s->bus_addr);
    }
    s->taken = false;
}

void lab_buffer_put(struct lab_buffers *b, uint32_t slot, const uint8_t *src, uint32_t bytes)
{
    virtq_copy_out(b->port, &b->arena.span, slot * b->slot_bytes, src, bytes);
}

void lab_buffer_get(struct lab_buffers *b, uint32_t slot, uint8_t *dst, uint32_t bytes)
{
    virtq_copy_in(b->port, dst, &b->arena.span, slot * b->slot_bytes, bytes);
}
