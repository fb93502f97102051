// tests/native/native_device.h -- a device core with a driver's queue, a backend and a transport.
// Single thread: the test is the driver, the trap context, and steps the data path.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NATIVE_DEVICE_H
#define NATIVE_DEVICE_H

#include "device/vdev_blk.h"
#include "device/vdev_entropy.h"
#include "tests/native/native_pair.h"

#define RIG_MEDIUM_BYTES (16u * 512)
#define RIG_DEPTH_MAX 16u

struct rig {
    struct world w;
    struct vdev_core *core;
    struct vdev_core_config config;
    void *core_state;
    struct vdrv_queue *q; // NULL until rig_up()
    void *q_state;
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    struct virtq_dma buf; // payload, 64 KiB
    // backend
    uint8_t medium[RIG_MEDIUM_BYTES];
    struct vdev_request *request[RIG_DEPTH_MAX]; // by tag; NULL: none
    uint32_t pending[RIG_DEPTH_MAX];             // tags as they came
    uint32_t n_pending;
    uint32_t n_submitted;
    uint32_t n_cancelled;
    bool hold;     // nothing is answered
    bool backward; // the newest first
    bool failing;
    uint32_t entropy_bytes; // at most so many a request; 0: all
    // transport
    uint32_t n_irqs;
    uint32_t n_config_irqs;
    uint32_t n_wakes_seen; // as of the data path's last sleep
};

static inline void rig_submit(void *ctx, uint32_t tag, struct vdev_request *request)
{
    struct rig *r = ctx;

    VIRTQ_ASSERT(tag < RIG_DEPTH_MAX && r->request[tag] == NULL);
    r->request[tag] = request;
    r->pending[r->n_pending++] = tag;
    r->n_submitted++;
}

static inline void rig_execute(struct rig *r, struct vdev_request *request)
{
    if (r->core->type == &vdev_entropy_type) {
        if (r->entropy_bytes != 0 && request->data_bytes > r->entropy_bytes) {
            request->data_bytes = r->entropy_bytes;
        }
        memset(request->data, 0x5E, request->data_bytes);
        return;
    }
    request->status = r->failing ? 1 : 0;
    VIRTQ_ASSERT(request->kind == VDEV_BLK_FLUSH ||
                 request->offset + request->data_bytes <= RIG_MEDIUM_BYTES);
    if (!r->failing && request->kind == VDEV_BLK_READ) {
        memcpy(request->data, r->medium + request->offset, request->data_bytes);
    }
    if (!r->failing && request->kind == VDEV_BLK_WRITE) {
        memcpy(r->medium + request->offset, request->data, request->data_bytes);
    }
}

static inline bool rig_next(void *ctx, uint32_t *tag)
{
    struct rig *r = ctx;

    if (r->hold || r->n_pending == 0) {
        return false;
    }
    r->n_pending--;
    *tag = r->pending[r->backward ? r->n_pending : 0];
    if (!r->backward) {
        memmove(r->pending, r->pending + 1, r->n_pending * sizeof(r->pending[0]));
    }
    rig_execute(r, r->request[*tag]);
    r->request[*tag] = NULL;
    return true;
}

static inline void rig_cancel(void *ctx)
{
    struct rig *r = ctx;

    memset(r->request, 0, sizeof(r->request));
    r->n_pending = 0;
    r->n_cancelled++;
}

static inline void rig_interrupt_queue(void *ctx, uint16_t queue_index)
{
    VIRTQ_ASSERT(queue_index == 0);
    ((struct rig *)ctx)->n_irqs++;
}

static inline void rig_interrupt_config(void *ctx)
{
    ((struct rig *)ctx)->n_config_irqs++;
}

static inline void rig_open(struct rig *r, const struct vdev_type *type, uint32_t depth,
                            uint32_t batch, bool read_only)
{
    memset(r, 0, sizeof(*r));
    world_open(&r->w);
    for (uint32_t i = 0; i < RIG_MEDIUM_BYTES; i++) {
        r->medium[i] = (uint8_t)(i / 512 * 7 + i);
    }
    r->config = (struct vdev_core_config){
        .queue_size_max = 16,
        .start_idx = 65534,
        .depth = depth,
        .io_max_bytes = 1024,
        .features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX,
        .batch = batch,
    };
    const struct vdev_backend backend = {.ctx = r,
                                         .submit = rig_submit,
                                         .next = rig_next,
                                         .cancel = rig_cancel,
                                         .capacity_bytes = RIG_MEDIUM_BYTES + 100,
                                         .read_only = read_only};
    const struct vdev_transport transport = {
        .ctx = r, .interrupt_queue = rig_interrupt_queue, .interrupt_config = rig_interrupt_config};
    r->core_state = pair_state(vdev_core_state_bytes(type, &r->config));
    const enum virtq_err err =
        vdev_core_open(&r->w.port, type, &r->config, &backend, &transport, r->core_state, &r->core);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    r->buf = world_buffer(&r->w, 65536);
}

// The driver's half of queue 0, and its registers in the device.
static inline void rig_queue(struct rig *r, uint32_t size, uint64_t features)
{
    const struct vdrv_queue_config config = {.queue_size = size,
                                             .start_idx = r->config.start_idx,
                                             .indirect_max = (uint16_t)size,
                                             .features = features};
    r->q_state = pair_state(vdrv_queue_state_bytes(size));
    const enum virtq_err err = vdrv_queue_open(&r->w.port, &config, r->q_state, &r->q);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    vdrv_queue_areas(r->q, &r->desc, &r->avail, &r->used);
    VIRTQ_ASSERT(vdev_core_queue_writable(r->core, 0));
    r->core->queue[0].size = size;
    r->core->queue[0].desc = r->desc;
    r->core->queue[0].driver = r->avail;
    r->core->queue[0].device = r->used;
}

// Steps 1 to 6 of initialisation [3.1.1]. Returns the status as read back.
static inline uint8_t rig_negotiate(struct rig *r, uint64_t features)
{
    vdev_core_set_status(r->core, 0);
    vdev_core_set_status(r->core, 1);
    vdev_core_set_status(r->core, 3);
    vdev_core_set_driver_word(r->core, 0, (uint32_t)features);
    vdev_core_set_driver_word(r->core, 1, (uint32_t)(features >> 32));
    vdev_core_set_status(r->core, 11);
    return vdev_core_status(r->core);
}

// What virtq_await_event() does for the data path: steps only if a wake came, until it would sleep.
static inline void rig_run(struct rig *r)
{
    uint32_t n_steps = 0;

    while (r->n_wakes_seen != r->w.n_wakes) {
        r->n_wakes_seen = r->w.n_wakes;
        while (vdev_core_step(r->core)) {
            VIRTQ_ASSERT(++n_steps < 1000);
        }
    }
}

// A device that runs, with a queue of size.
static inline void rig_up(struct rig *r, uint32_t size, uint64_t features)
{
    const uint8_t status = rig_negotiate(r, VIRTQ_F_VERSION_1 | features);
    VIRTQ_ASSERT(status == 11);
    rig_queue(r, size, features);
    vdev_core_queue_enable(r->core, 0);
    vdev_core_set_status(r->core, 15);
    rig_run(r);
    VIRTQ_ASSERT(vdev_core_status(r->core) == 15);
}

// The backend has answers again.
static inline void rig_release(struct rig *r)
{
    r->hold = false;
    world_wake(&r->w);
    rig_run(r);
}

// Publish, notify if wanted, and let the device work until it would sleep.
static inline void rig_go(struct rig *r)
{
    (void)vdrv_queue_publish(r->q);
    if (vdrv_queue_kick_needed(r->q)) {
        vdev_core_notify(r->core, 0);
    }
    rig_run(r);
}

// Reset a running device, and forget the driver's queue.
static inline void rig_down(struct rig *r)
{
    vdev_core_set_status(r->core, 0);
    rig_run(r);
    VIRTQ_ASSERT(vdev_core_status(r->core) == 0);
    if (r->q != NULL) {
        vdrv_queue_close(r->q);
        free(r->q_state);
        r->q = NULL;
    }
}

static inline void rig_close(struct rig *r)
{
    rig_down(r);
    VIRTQ_ASSERT(r->w.n_allocs == 0);
    free(r->core_state);
    world_close(&r->w);
}

#endif
