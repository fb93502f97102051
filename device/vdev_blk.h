// device/vdev_blk.h -- the block device: reads and writes sectors of the backend's medium.
// Spec: virtio 1.4 §5.2 (1.0: §5.2). One queue; features SEG_MAX, RO, BLK_SIZE, FLUSH.
//
// A request is a 16-byte header, data, and a status byte, in any framing [2.7.4]: the header is the
// first 16 readable bytes, the status the last writable one.
//   header   type le32 @0 | reserved le32 @4 | sector le64 @8
//
// The backend gets READ, WRITE and FLUSH (vdev_request.kind) with offset and data_bytes in bytes,
// both within the medium and data_bytes within io_max_bytes; it sets status to nonzero on failure.
// Requests that cannot be done, and GET_ID, are answered without it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDEV_BLK_H
#define VDEV_BLK_H

#include "device/vdev_core.h"

#define VDEV_BLK_ID 2u // virtio device ID [5]

#define VDEV_BLK_SECTOR_BYTES 512u
#define VDEV_BLK_HEADER_BYTES 16u
#define VDEV_BLK_ID_BYTES 20u
#define VDEV_BLK_ID_STRING "vringlab-blk" // padded with zeros to VDEV_BLK_ID_BYTES

// Feature bits [5.2.3].
#define VDEV_BLK_F_SEG_MAX (1ull << 2)
#define VDEV_BLK_F_RO (1ull << 5)
#define VDEV_BLK_F_BLK_SIZE (1ull << 6)
#define VDEV_BLK_F_FLUSH (1ull << 9)

// What vdev_request.kind says for a block device.
enum vdev_blk_kind {
    VDEV_BLK_READ,   // fill data[0 .. data_bytes - 1] from offset on
    VDEV_BLK_WRITE,  // store data[0 .. data_bytes - 1] at offset; durably if .durable
    VDEV_BLK_FLUSH,  // make all writes that were answered durable
    VDEV_BLK_GET_ID, // never handed to the backend
};

extern const struct vdev_type vdev_blk_type;

#endif
