// device/vdev_entropy.c -- the entropy device: fills buffers with bytes of the backend.
// Spec: virtio 1.4 §5.4 (1.0: §5.4).
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_entropy.h"

static bool entropy_start(struct vdev_core *core, struct vdev_request *request, uint32_t *written)
{
    const struct vdev_chain *chain = &request->chain;

    *written = 0;
    // Device-writable elements only [5.4.6.1-drv-1], and room for the one byte that is owed.
    if (chain->n_readable > 0 || chain->writable_bytes == 0) {
        vdev_queue_fail(core->queue[request->queue_index].q, VIRTQ_ERR_REQUEST_SHAPE, chain->head);
        return false;
    }
    request->data_bytes = chain->writable_bytes < core->config.io_max_bytes
                              ? chain->writable_bytes
                              : core->config.io_max_bytes;
    return true;
}

static uint32_t entropy_finish(struct vdev_core *core, struct vdev_request *request)
{
    VIRTQ_ASSERT(request->data_bytes >= 1 && request->data_bytes <= core->config.io_max_bytes);
    return vdev_chain_write(core->queue[request->queue_index].q, &request->chain, 0, request->data,
                            request->data_bytes);
}

const struct vdev_type vdev_entropy_type = {
    .name = "entropy",
    .virtio_id = VDEV_ENTROPY_ID,
    .n_queues = 1,
    .class_code = 0xFF0000, // a device of no PCI class of its own
    .start = entropy_start,
    .finish = entropy_finish,
};
