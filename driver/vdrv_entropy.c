// driver/vdrv_entropy.c -- the driver of an entropy device, over one open virtqueue.
// Spec: virtio 1.4 §5.4 (1.0: §5.4).
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_entropy.h"

struct vdrv_entropy {
    struct virtq_port *port;
    struct vdrv_queue *q;
    uint16_t queue_index;
    bool broken; // by a reply; the queue itself may be sound
};

size_t vdrv_entropy_state_bytes(void)
{
    return sizeof(struct vdrv_entropy);
}

struct vdrv_entropy *vdrv_entropy_open(struct virtq_port *port, struct vdrv_queue *q,
                                       uint16_t queue_index, void *state)
{
    struct vdrv_entropy *e = state;

    *e = (struct vdrv_entropy){.port = port, .q = q, .queue_index = queue_index};
    return e;
}

enum virtq_err vdrv_entropy_submit(struct vdrv_entropy *e, const struct vdrv_elem *elems,
                                   uint32_t n_elems, bool indirect, uint64_t token)
{
    bool any = false;

    if (e->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    for (uint32_t i = 0; i < n_elems; i++) { // bound: n_elems
        if (!elems[i].device_writable) {
            return VIRTQ_ERR_INVALID;
        }
        any = any || elems[i].len > 0;
    }
    if (!any) {
        return VIRTQ_ERR_INVALID; // the device owes a byte, and would have no room for it
    }
    return vdrv_queue_add(e->q, elems, n_elems, indirect, token);
}

enum virtq_err vdrv_entropy_reap(struct vdrv_entropy *e, uint64_t *token, uint32_t *n_bytes)
{
    uint32_t used_len = 0;

    if (e->broken) {
        return VIRTQ_ERR_BROKEN;
    }
    const enum virtq_err err = vdrv_queue_reap(e->q, token, &used_len);
    if (err != VIRTQ_OK) {
        return err;
    }
    if (used_len == 0) { // [5.4.6.2-dev-1]; that it is not too long, the queue has checked
        e->broken = true;
        virtq_note(e->port, VIRTQ_NOTE_PEER_ERROR, e->queue_index, VIRTQ_ERR_REPLY, used_len, 0, 0);
        return VIRTQ_ERR_REPLY;
    }
    *n_bytes = used_len;
    return VIRTQ_OK;
}

enum virtq_err vdrv_entropy_detach_unused(struct vdrv_entropy *e, uint64_t *token)
{
    return vdrv_queue_detach_unused(e->q, token);
}
