// driver/vdrv_blk.c -- the driver of a block device, over one open virtqueue.
// Spec: virtio 1.4 §5.2 (1.0: §5.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_blk.h"

#include "ring/virtq_bytes.h"

#include <string.h>

// Request types and status bytes [5.2.6].
#define BLK_T_IN 0u
#define BLK_T_OUT 1u
#define BLK_T_FLUSH 4u
#define BLK_T_GET_ID 8u
#define BLK_S_OK 0u
#define BLK_S_IOERR 1u
#define BLK_S_UNSUPP 2u

// A slot in shared memory: header, then the status byte, then nothing.
#define HEADER_BYTES 16u
#define STATUS_OFF HEADER_BYTES
#define SLOT_BYTES 32u

// No status: what the byte holds until the device writes it, so that a reply without one is seen.
#define STATUS_UNSET 0xFFu

#define NO_SLOT UINT32_MAX

struct slot {
    uint64_t token;
    uint32_t n_in;      // data bytes that the device is to write
    uint32_t next_free; // or NO_SLOT
};

struct vdrv_blk {
    struct virtq_port *port;
    struct vdrv_queue *q;
    struct vdrv_blk_config config;
    bool broken;            // by a reply; the queue itself may be sound
    struct virtq_dma slots; // depth times SLOT_BYTES
    uint32_t free_slot;
    struct vdrv_elem *elems; // max_elems + 2, to put a request together
    struct slot slot[];      // depth
};

enum virtq_err vdrv_blk_parse(const uint8_t *config, uint32_t n_bytes, uint64_t features,
                              struct vdrv_blk_info *out)
{
    if (n_bytes < VDRV_BLK_CONFIG_BYTES) {
        return VIRTQ_ERR_INVALID;
    }
    const bool has_seg_max = (features & VDRV_BLK_F_SEG_MAX) != 0;
    const bool has_blk_size = (features & VDRV_BLK_F_BLK_SIZE) != 0;
    const struct vdrv_blk_info info = {
        .capacity = virtq_get_le(config, 8),
        .seg_max = has_seg_max ? (uint32_t)virtq_get_le(config + 12, 4) : UINT32_MAX,
        .blk_size = has_blk_size ? (uint32_t)virtq_get_le(config + 20, 4) : VDRV_BLK_SECTOR_BYTES,
        .read_only = (features & VDRV_BLK_F_RO) != 0,
        .flush = (features & VDRV_BLK_F_FLUSH) != 0,
    };
    // Offsets in bytes must fit 64 bits; a block is a power of two, a sector at least.
    if (info.capacity > UINT64_MAX / VDRV_BLK_SECTOR_BYTES || info.seg_max == 0 ||
        info.blk_size < VDRV_BLK_SECTOR_BYTES || (info.blk_size & (info.blk_size - 1)) != 0) {
        return VIRTQ_ERR_CONFIG_VALUE;
    }
    *out = info;
    return VIRTQ_OK;
}

static size_t head_bytes(uint32_t depth)
{
    const size_t bytes = sizeof(struct vdrv_blk) + depth * sizeof(struct slot);
    return (bytes + 15) & ~(size_t)15;
}

size_t vdrv_blk_state_bytes(uint32_t depth, uint32_t max_elems)
{
    return head_bytes(depth) + (max_elems + 2) * sizeof(struct vdrv_elem);
}

enum virtq_err vdrv_blk_open(struct virtq_port *port, struct vdrv_queue *q,
                             const struct vdrv_blk_config *config, void *state,
                             struct vdrv_blk **out)
{
    if (config->depth == 0 || config->depth > VIRTQ_QUEUE_SIZE_MAX ||
        config->max_elems > VIRTQ_QUEUE_SIZE_MAX - 2) {
        return VIRTQ_ERR_INVALID;
    }
    struct vdrv_blk *b = state;
    memset(b, 0, sizeof(*b));
    b->port = port;
    b->q = q;
    b->config = *config;
    b->elems = (struct vdrv_elem *)(void *)((uint8_t *)state + head_bytes(config->depth));
    for (uint32_t i = 0; i < config->depth; i++) { // bound: depth
        b->slot[i] = (struct slot){.next_free = i + 1 < config->depth ? i + 1 : NO_SLOT};
    }
    const enum virtq_err err = virtq_mem_alloc(port, config->depth * SLOT_BYTES, SLOT_BYTES,
                                               VIRTQ_AREA_BUFFER, config->queue_index, &b->slots);
    if (err == VIRTQ_OK) {
        *out = b;
    }
    return err;
}

void vdrv_blk_close(struct vdrv_blk *b)
{
    virtq_mem_free(b->port, &b->slots);
}

// Put a request together in a free slot and add it to the queue. The slot's bytes are the driver's:
// it was never used, or its last request was returned.
static enum virtq_err submit(struct vdrv_blk *b, uint32_t type, uint64_t sector,
                             const struct vdrv_elem *data, uint32_t n_data, bool indirect,
                             struct slot request)
{
    const uint32_t index = b->free_slot;
    if (index == NO_SLOT) {
        return VIRTQ_ERR_QUEUE_FULL;
    }
    const uint32_t off = index * SLOT_BYTES;
    uint8_t bytes[HEADER_BYTES + 1];
    virtq_put_le(bytes, 4, type);
    virtq_put_le(bytes + 4, 4, 0);
    virtq_put_le(bytes + 8, 8, sector);
    bytes[STATUS_OFF] = STATUS_UNSET;
    virtq_copy_out(b->port, &b->slots.span, off, bytes, HEADER_BYTES + 1);
    b->elems[0] = (struct vdrv_elem){.bus_addr = b->slots.bus_addr + off, .len = HEADER_BYTES};
    for (uint32_t i = 0; i < n_data; i++) { // bound: max_elems
        b->elems[1 + i] = data[i];
    }
    b->elems[1 + n_data] = (struct vdrv_elem){
        .bus_addr = b->slots.bus_addr + off + STATUS_OFF, .len = 1, .device_writable = true};
    const enum virtq_err err = vdrv_queue_add(b->q, b->elems, n_data + 2, indirect, index);
    if (err != VIRTQ_OK) {
        return err;
    }
    b->free_slot = b->slot[index].next_free;
    b->slot[index] = request;
    return VIRTQ_OK;
}

// Whole sectors of the medium, in elements that all go one way.
static bool transfer_valid(const struct vdrv_blk *b, uint64_t sector, const struct vdrv_elem *elems,
                           uint32_t n_elems, bool writable, uint32_t *bytes)
{
    const struct vdrv_blk_info *info = &b->config.info;
    uint64_t total = 0;

    if (n_elems == 0 || n_elems > b->config.max_elems || n_elems > info->seg_max) {
        return false;
    }
    for (uint32_t i = 0; i < n_elems; i++) { // bound: max_elems
        if (elems[i].device_writable != writable) {
            return false;
        }
        total += elems[i].len;
    }
    if (total == 0 || total > UINT32_MAX - HEADER_BYTES - 1 || total % VDRV_BLK_SECTOR_BYTES != 0) {
        return false;
    }
    *bytes = (uint32_t)total;
    return sector <= info->capacity && total / VDRV_BLK_SECTOR_BYTES <= info->capacity - sector;
}

enum virtq_err vdrv_blk_read(struct vdrv_blk *b, uint64_t sector, const struct vdrv_elem *elems,
                             uint32_t n_elems, bool indirect, uint64_t token)
{
    uint32_t bytes = 0;

    if (b->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    if (!transfer_valid(b, sector, elems, n_elems, true, &bytes)) {
        return VIRTQ_ERR_INVALID;
    }
    return submit(b, BLK_T_IN, sector, elems, n_elems, indirect,
                  (struct slot){.token = token, .n_in = bytes});
}

enum virtq_err vdrv_blk_write(struct vdrv_blk *b, uint64_t sector, const struct vdrv_elem *elems,
                              uint32_t n_elems, bool indirect, uint64_t token)
{
    uint32_t bytes = 0;

    if (b->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    if (b->config.info.read_only || !transfer_valid(b, sector, elems, n_elems, false, &bytes)) {
        return VIRTQ_ERR_INVALID;
    }
    return submit(b, BLK_T_OUT, sector, elems, n_elems, indirect, (struct slot){.token = token});
}

enum virtq_err vdrv_blk_flush(struct vdrv_blk *b, bool indirect, uint64_t token)
{
    if (b->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    if (!b->config.info.flush) {
        return VIRTQ_ERR_UNSUPPORTED;
    }
    return submit(b, BLK_T_FLUSH, 0, NULL, 0, indirect, (struct slot){.token = token});
}

enum virtq_err vdrv_blk_get_id(struct vdrv_blk *b, const struct vdrv_elem *elem, bool indirect,
                               uint64_t token)
{
    if (b->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    if (b->config.max_elems == 0 || elem->len != VDRV_BLK_ID_BYTES || !elem->device_writable) {
        return VIRTQ_ERR_INVALID;
    }
    return submit(b, BLK_T_GET_ID, 0, elem, 1, indirect,
                  (struct slot){.token = token, .n_in = VDRV_BLK_ID_BYTES});
}

enum virtq_err vdrv_blk_resize(struct vdrv_blk *b, uint64_t capacity)
{
    if (capacity > UINT64_MAX / VDRV_BLK_SECTOR_BYTES) {
        virtq_note(b->port, VIRTQ_NOTE_PEER_ERROR, b->config.queue_index, VIRTQ_ERR_CONFIG_VALUE,
                   capacity, 0, 0);
        return VIRTQ_ERR_CONFIG_VALUE;
    }
    b->config.info.capacity = capacity;
    return VIRTQ_OK;
}

static void release_slot(struct vdrv_blk *b, uint32_t index)
{
    b->slot[index].next_free = b->free_slot;
    b->free_slot = index;
}

static enum virtq_err reply_error(struct vdrv_blk *b, uint64_t value)
{
    b->broken = true;
    virtq_note(b->port, VIRTQ_NOTE_PEER_ERROR, b->config.queue_index, VIRTQ_ERR_REPLY, value, 0, 0);
    return VIRTQ_ERR_REPLY;
}

enum virtq_err vdrv_blk_reap(struct vdrv_blk *b, struct vdrv_blk_reply *reply)
{
    uint64_t index = 0;
    uint32_t used_len = 0;
    uint8_t status = STATUS_UNSET;

    if (b->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    const enum virtq_err err = vdrv_queue_reap(b->q, &index, &used_len);
    if (err != VIRTQ_OK) {
        return err;
    }
    VIRTQ_ASSERT(index < b->config.depth); // the queue's private token, not the device's word
    const uint32_t n_in = b->slot[index].n_in;
    virtq_copy_in(b->port, &status, &b->slots.span, (uint32_t)index * SLOT_BYTES + STATUS_OFF, 1);
    reply->token = b->slot[index].token;
    reply->used_len = used_len;
    release_slot(b, (uint32_t)index);
    // Data of a good read counts only as far as the device says that it wrote; short of all, and
    // of the status byte behind it, the answer contradicts itself. Other requests have nothing
    // but the status byte to tell, and it has told: some devices leave it out of the length.
    if (status == BLK_S_OK && n_in > 0 && used_len != n_in + 1) {
        return reply_error(b, used_len);
    }
    switch (status) {
    case BLK_S_OK: reply->result = VIRTQ_OK; return VIRTQ_OK;
    case BLK_S_IOERR: reply->result = VIRTQ_ERR_IO; return VIRTQ_OK;
    case BLK_S_UNSUPP: reply->result = VIRTQ_ERR_UNSUPPORTED; return VIRTQ_OK;
    default: return reply_error(b, status);
    }
}

enum virtq_err vdrv_blk_detach_unused(struct vdrv_blk *b, uint64_t *token)
{
    uint64_t index = 0;

    const enum virtq_err err = vdrv_queue_detach_unused(b->q, &index);
    if (err == VIRTQ_OK) {
        *token = b->slot[index].token;
        release_slot(b, (uint32_t)index);
    }
    return err;
}
