// driver/vdrv_blk.h -- the driver of a block device, over one open virtqueue.
// Spec: virtio 1.4 §5.2 (1.0: §5.2).
// Headers and status bytes lie in shared memory that is allocated once; data is the caller's, given
// as elements. Batching is the caller's: submit several, then vdrv_queue_publish() and kick.
//
// A request:  header (16 bytes, readable) | data elements | status (1 byte, writable)
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDRV_BLK_H
#define VDRV_BLK_H

#include "driver/vdrv_queue.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VDRV_BLK_ID 2u // virtio device ID [5]

#define VDRV_BLK_SECTOR_BYTES 512u
#define VDRV_BLK_ID_BYTES 20u

// Feature bits that this driver can use [5.2.3].
#define VDRV_BLK_F_SEG_MAX (1ull << 2)
#define VDRV_BLK_F_RO (1ull << 5)
#define VDRV_BLK_F_BLK_SIZE (1ull << 6)
#define VDRV_BLK_F_FLUSH (1ull << 9)
#define VDRV_BLK_FEATURES                                                                          \
    (VDRV_BLK_F_SEG_MAX | VDRV_BLK_F_RO | VDRV_BLK_F_BLK_SIZE | VDRV_BLK_F_FLUSH)

// Bytes of the device configuration structure that vdrv_blk_parse() wants.
#define VDRV_BLK_CONFIG_BYTES 24u

// What the device is, from its configuration structure and the negotiated features.
struct vdrv_blk_info {
    uint64_t capacity; // sectors of 512 bytes, whatever blk_size says
    uint32_t seg_max;  // data elements of a request; UINT32_MAX: no limit given
    uint32_t blk_size; // bytes of the medium's own block; a hint
    bool read_only;
    bool flush;
};

struct vdrv_blk_config {
    uint16_t queue_index; // of the queue, for memory and reports
    uint32_t depth;       // requests under way at once, 1..32768
    uint32_t max_elems;   // data elements of a request, 0..32766
    struct vdrv_blk_info info;
};

struct vdrv_blk; // opaque: vdrv_blk_open() .. vdrv_blk_close()

// One finished request.
struct vdrv_blk_reply {
    uint64_t token;
    enum virtq_err result; // VIRTQ_OK; VIRTQ_ERR_IO; VIRTQ_ERR_UNSUPPORTED
    uint32_t used_len;     // as the device gave it
};

// Decode the configuration structure.
//   config    n_bytes of it as the transport read them, VDRV_BLK_CONFIG_BYTES at least
//   features  negotiated
// Returns VIRTQ_OK and *out; VIRTQ_ERR_INVALID if there are too few bytes; VIRTQ_ERR_CONFIG_VALUE,
// a peer error that the caller reports, for values that no device can mean.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_parse(const uint8_t *config, uint32_t n_bytes,
                                              uint64_t features, struct vdrv_blk_info *out);

// Bytes of private state that vdrv_blk_open() needs.
size_t vdrv_blk_state_bytes(uint32_t depth, uint32_t max_elems);

// Drive a block device through q.
//   state   vdrv_blk_state_bytes() of private memory aligned to 16; the caller's, until close
// q stays the caller's, and is used through this object alone but for publish, kick and sleep.
// Returns VIRTQ_OK and *out; VIRTQ_ERR_INVALID; VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_open(struct virtq_port *port, struct vdrv_queue *q,
                                             const struct vdrv_blk_config *config, void *state,
                                             struct vdrv_blk **out);

// Give shared memory back. The device must have been reset; before the queue is closed.
void vdrv_blk_close(struct vdrv_blk *b);

// Read or write whole sectors. Not visible to the device until vdrv_queue_publish().
//   sector    first one, of 512 bytes; the range lies within the capacity [5.2.6.1-drv-2]
//   elems     data, 1..max_elems: device-writable for a read, readable for a write; copied
//   indirect  ask for an indirect table
//   token     the caller's name for the request
// Returns VIRTQ_OK; VIRTQ_ERR_QUEUE_FULL with nothing added, also without a free request slot;
// VIRTQ_ERR_INVALID (range, direction, length, a write to a read-only device); VIRTQ_ERR_BROKEN.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_read(struct vdrv_blk *b, uint64_t sector,
                                             const struct vdrv_elem *elems, uint32_t n_elems,
                                             bool indirect, uint64_t token);
VIRTQ_NODISCARD enum virtq_err vdrv_blk_write(struct vdrv_blk *b, uint64_t sector,
                                              const struct vdrv_elem *elems, uint32_t n_elems,
                                              bool indirect, uint64_t token);

// Make completed writes durable. As above; VIRTQ_ERR_UNSUPPORTED if FLUSH was not negotiated.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_flush(struct vdrv_blk *b, bool indirect, uint64_t token);

// Read the device's ID string into one element of VDRV_BLK_ID_BYTES; as above.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_get_id(struct vdrv_blk *b, const struct vdrv_elem *elem,
                                               bool indirect, uint64_t token);

// The device has another capacity, in sectors: later requests are held against it [5.2.6.1-drv-1].
// Returns VIRTQ_OK; VIRTQ_ERR_CONFIG_VALUE, a peer error, for a value that no device can mean.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_resize(struct vdrv_blk *b, uint64_t capacity);

// Take the next finished request.
// Returns VIRTQ_OK and *reply; VIRTQ_ERR_EMPTY; a peer error, VIRTQ_ERR_REPLY for a status byte
// that is none, or a read that is said to be good and is not as long as was asked for (reply->token
// is set then too: the buffer is the caller's again); VIRTQ_ERR_BROKEN after one.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_reap(struct vdrv_blk *b, struct vdrv_blk_reply *reply);

// After a device reset: take back a request that was never returned; VIRTQ_ERR_EMPTY at the end.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_detach_unused(struct vdrv_blk *b, uint64_t *token);

#ifdef __cplusplus
}
#endif

#endif
