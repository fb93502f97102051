// device/vdev_blk.c -- the block device: reads and writes sectors of the backend's medium.
// Spec: virtio 1.4 §5.2 (1.0: §5.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_blk.h"

#include "ring/virtq_bytes.h"

#include <string.h>

// Request types [5.2.6].
#define BLK_T_IN 0u
#define BLK_T_OUT 1u
#define BLK_T_FLUSH 4u
#define BLK_T_GET_ID 8u

// Status byte.
#define BLK_S_OK 0u
#define BLK_S_IOERR 1u
#define BLK_S_UNSUPP 2u

// Configuration structure [5.2.4].
#define CONFIG_CAPACITY 0u
#define CONFIG_SEG_MAX 12u
#define CONFIG_BLK_SIZE 20u
#define CONFIG_BYTES 60u // what is behind blk_size reads 0, unused0 and unused1 among it

static void blk_config_init(struct vdev_core *core, uint8_t *config)
{
    // Header and status take an element each.
    const uint32_t size = core->config.queue_size_max;
    const uint32_t seg_max = size > 3 ? size - 2 : 1;

    virtq_put_le(config + CONFIG_CAPACITY, 8, core->backend.capacity_bytes / VDEV_BLK_SECTOR_BYTES);
    virtq_put_le(config + CONFIG_SEG_MAX, 4, seg_max);
    virtq_put_le(config + CONFIG_BLK_SIZE, 4, VDEV_BLK_SECTOR_BYTES);
}

// First the data path takes requests for the new size: who has read it may use it.
static void blk_attend(struct vdev_core *core)
{
    uint64_t bytes = 0;

    if (core->backend.resized != NULL && core->backend.resized(core->backend.ctx, &bytes)) {
        core->backend.capacity_bytes = bytes;
        vdev_core_change_config(core, CONFIG_CAPACITY, 8, bytes / VDEV_BLK_SECTOR_BYTES);
    }
}

static uint64_t blk_offer(const struct vdev_core *core)
{
    const uint64_t always = VDEV_BLK_F_SEG_MAX | VDEV_BLK_F_BLK_SIZE | VDEV_BLK_F_FLUSH;
    return always | (core->backend.read_only ? VDEV_BLK_F_RO : 0);
}

static struct vdev_queue *queue_of(const struct vdev_core *core, const struct vdev_request *request)
{
    return core->queue[request->queue_index].q;
}

// Store the status byte behind the data. Returns the used length: bytes written from the start of
// the writable part on without a gap [2.7.8.2-dev-2], so the status byte counts only if the
// n_data bytes written reach it.
static uint32_t put_status(struct vdev_core *core, struct vdev_request *request, uint32_t n_data,
                           uint8_t status)
{
    const uint32_t at = request->chain.writable_bytes - 1;

    (void)vdev_chain_write(queue_of(core, request), &request->chain, at, &status, 1);
    return n_data == at ? n_data + 1 : n_data;
}

// True if [sector, sector + bytes) is whole sectors of the medium, and fits a request's memory.
static bool range_valid(const struct vdev_core *core, uint64_t sector, uint32_t bytes)
{
    const uint64_t capacity = core->backend.capacity_bytes / VDEV_BLK_SECTOR_BYTES;
    const uint64_t n_sectors = bytes / VDEV_BLK_SECTOR_BYTES;

    return bytes % VDEV_BLK_SECTOR_BYTES == 0 && bytes <= core->config.io_max_bytes &&
           sector <= capacity && n_sectors <= capacity - sector;
}

static bool start_transfer(struct vdev_core *core, struct vdev_request *request, uint64_t sector,
                           bool write, uint32_t *written)
{
    const struct vdev_chain *chain = &request->chain;
    const uint32_t bytes =
        write ? chain->readable_bytes - VDEV_BLK_HEADER_BYTES : chain->writable_bytes - 1;

    if (!range_valid(core, sector, bytes) || (write && core->backend.read_only)) {
        *written = put_status(core, request, 0, BLK_S_IOERR);
        return false;
    }
    request->kind = write ? VDEV_BLK_WRITE : VDEV_BLK_READ;
    request->offset = sector * VDEV_BLK_SECTOR_BYTES;
    request->data_bytes = bytes;
    if (write) {
        // Without flushes a completed write is stable [5.2.6.2-dev-13].
        request->durable = (core->driver_features & VDEV_BLK_F_FLUSH) == 0;
        (void)vdev_chain_read(queue_of(core, request), chain, VDEV_BLK_HEADER_BYTES, request->data,
                              bytes);
    }
    return true;
}

// A buffer shorter than the ID gets its beginning.
static uint32_t answer_get_id(struct vdev_core *core, struct vdev_request *request)
{
    static const char id[VDEV_BLK_ID_BYTES] = VDEV_BLK_ID_STRING;
    const uint32_t room = request->chain.writable_bytes - 1;
    const uint32_t bytes = room < VDEV_BLK_ID_BYTES ? room : VDEV_BLK_ID_BYTES;

    request->kind = VDEV_BLK_GET_ID;
    (void)vdev_chain_write(queue_of(core, request), &request->chain, 0, id, bytes);
    return put_status(core, request, bytes, BLK_S_OK);
}

static bool blk_start(struct vdev_core *core, struct vdev_request *request, uint32_t *written)
{
    const struct vdev_chain *chain = &request->chain;
    uint8_t header[VDEV_BLK_HEADER_BYTES];

    *written = 0;
    if (chain->readable_bytes < VDEV_BLK_HEADER_BYTES || chain->writable_bytes == 0) {
        vdev_queue_fail(queue_of(core, request), VIRTQ_ERR_REQUEST_SHAPE, chain->head);
        return false;
    }
    (void)vdev_chain_read(queue_of(core, request), chain, 0, header, VDEV_BLK_HEADER_BYTES);
    const uint64_t sector = virtq_get_le(header + 8, 8);
    switch ((uint32_t)virtq_get_le(header, 4)) {
    case BLK_T_IN: return start_transfer(core, request, sector, false, written);
    case BLK_T_OUT: return start_transfer(core, request, sector, true, written);
    case BLK_T_FLUSH: request->kind = VDEV_BLK_FLUSH; return true;
    case BLK_T_GET_ID: *written = answer_get_id(core, request); return false;
    default: *written = put_status(core, request, 0, BLK_S_UNSUPP); return false;
    }
}

static uint32_t blk_finish(struct vdev_core *core, struct vdev_request *request)
{
    uint32_t n_data = 0;

    if (request->status != 0) {
        return put_status(core, request, 0, BLK_S_IOERR);
    }
    if (request->kind == VDEV_BLK_READ) {
        n_data = vdev_chain_write(queue_of(core, request), &request->chain, 0, request->data,
                                  request->data_bytes);
    }
    return put_status(core, request, n_data, BLK_S_OK);
}

const struct vdev_type vdev_blk_type = {
    .name = "blk",
    .virtio_id = VDEV_BLK_ID,
    .n_queues = 1,
    .features = VDEV_BLK_F_SEG_MAX | VDEV_BLK_F_RO | VDEV_BLK_F_BLK_SIZE | VDEV_BLK_F_FLUSH,
    .config_bytes = CONFIG_BYTES,
    .class_code = 0x018000, // mass storage, other
    .config_init = blk_config_init,
    .offer = blk_offer,
    .start = blk_start,
    .finish = blk_finish,
    .attend = blk_attend,
};
