// device/vdev_entropy.h -- the entropy device: fills buffers with bytes of the backend.
// Spec: virtio 1.4 §5.4 (1.0: §5.4). One queue, no features, no configuration.
//
// The backend gets requests of kind 0: fill data[0 .. data_bytes - 1]. It may lower data_bytes, to
// 1 at the least [5.4.6.2-dev-1, -dev-2]. A buffer longer than io_max_bytes is filled in part.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDEV_ENTROPY_H
#define VDEV_ENTROPY_H

#include "device/vdev_core.h"

#define VDEV_ENTROPY_ID 4u // virtio device ID [5]

extern const struct vdev_type vdev_entropy_type;

#endif
