// tests/native/native_pair.h -- the two halves of one virtqueue over a native world.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NATIVE_PAIR_H
#define NATIVE_PAIR_H

#include "device/vdev_queue.h"
#include "driver/vdrv_queue.h"
#include "tests/native/native_world.h"

struct pair {
    struct world w;
    uint32_t size;
    struct vdrv_queue *drv;
    struct vdev_queue *dev;
    void *drv_state;
    void *dev_state;
    struct vdev_queue_config dev_config;
    struct vdev_chain chain; // spans for the longest chain
    uint64_t desc;           // bus addresses of the parts
    uint64_t avail;
    uint64_t used;
    struct virtq_dma buf; // payload, 64 KiB
};

static inline void *pair_state(size_t bytes)
{
    void *state = aligned_alloc(16, (bytes + 15) & ~(size_t)15);

    VIRTQ_ASSERT(state != NULL);
    memset(state, 0xA5, bytes); // open() must not rely on zeros
    return state;
}

static inline void pair_open(struct pair *p, uint32_t size, uint16_t start_idx, uint64_t features,
                             uint16_t indirect_max)
{
    memset(p, 0, sizeof(*p));
    world_open(&p->w);
    p->size = size;
    const struct vdrv_queue_config config = {.queue_size = size,
                                             .start_idx = start_idx,
                                             .indirect_max = indirect_max,
                                             .features = features};
    p->drv_state = pair_state(vdrv_queue_state_bytes(size));
    enum virtq_err err = vdrv_queue_open(&p->w.port, &config, p->drv_state, &p->drv);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    vdrv_queue_areas(p->drv, &p->desc, &p->avail, &p->used);
    p->dev_config = (struct vdev_queue_config){.queue_size = size,
                                               .start_idx = start_idx,
                                               .features = features,
                                               .desc = p->desc,
                                               .driver = p->avail,
                                               .device = p->used};
    p->dev_state = pair_state(vdev_queue_state_bytes(size));
    err = vdev_queue_open(&p->w.port, &p->dev_config, p->dev_state, &p->dev);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    p->chain.max_spans = vdev_queue_max_spans(size);
    p->chain.spans = calloc(p->chain.max_spans, sizeof(struct virtq_span));
    VIRTQ_ASSERT(p->chain.spans != NULL);
    p->buf = world_buffer(&p->w, 65536);
}

static inline void pair_close(struct pair *p)
{
    vdrv_queue_close(p->drv);
    VIRTQ_ASSERT(p->w.n_allocs == 0);
    free(p->chain.spans);
    free(p->dev_state);
    free(p->drv_state);
    world_close(&p->w);
}

// A buffer of n_readable and n_writable elements of 16 bytes each, out of the payload area.
static inline enum virtq_err pair_add(struct pair *p, uint32_t n_readable, uint32_t n_writable,
                                      bool indirect, uint64_t token)
{
    static struct vdrv_elem elems[1024];
    const uint32_t n_elems = n_readable + n_writable;

    VIRTQ_ASSERT(n_elems <= 1024);
    for (uint32_t i = 0; i < n_elems; i++) {
        elems[i] = (struct vdrv_elem){.bus_addr = p->buf.bus_addr + 16 * (uint64_t)i,
                                      .len = 16,
                                      .device_writable = i >= n_readable};
    }
    return vdrv_queue_add(p->drv, elems, n_elems, indirect, token);
}

// Lies of a driver.
static inline void poke_desc(struct pair *p, uint64_t table, uint32_t slot, uint64_t addr,
                             uint32_t len, uint32_t flags, uint32_t next)
{
    const uint64_t at = table + (uint64_t)slot * VIRTQ_DESC_BYTES;

    world_poke(&p->w, at, 8, addr);
    world_poke(&p->w, at + 8, 4, len);
    world_poke(&p->w, at + 12, 2, flags);
    world_poke(&p->w, at + 14, 2, next);
}

static inline void poke_avail_slot(struct pair *p, uint32_t slot, uint32_t head)
{
    world_poke(&p->w, p->avail + virtq_avail_slot_off(slot), 2, head);
}

static inline void poke_avail_idx(struct pair *p, uint32_t idx)
{
    world_poke(&p->w, p->avail + VIRTQ_RING_IDX, 2, idx);
}

// Lies of a device.
static inline void poke_used(struct pair *p, uint32_t slot, uint32_t id, uint32_t len)
{
    world_poke(&p->w, p->used + virtq_used_slot_off(slot), 4, id);
    world_poke(&p->w, p->used + virtq_used_slot_off(slot) + 4, 4, len);
}

static inline void poke_used_idx(struct pair *p, uint32_t idx)
{
    world_poke(&p->w, p->used + VIRTQ_RING_IDX, 2, idx);
}

#endif
