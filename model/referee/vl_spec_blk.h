// model/referee/vl_spec_blk.h -- checkers: the block device.
// Spec: virtio 1.4 §5.2 (1.0: §5.2).
//
// The driver is judged by its chains when they are published, from the bytes that it wrote; the
// device by the requests that it read, from the header's bytes as it read them.
//
//   vl_spec_blk.c           registers, notifications of changes, orders to flush
//   vl_spec_blk_request.c   requests: their shape at publication, their answers
//   vl_spec_blk_store.c     what a completed write is worth: stable, durable, read back
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_BLK_H
#define VL_SPEC_BLK_H

#include "model/referee/vl_shadow.h"
#include "model/referee/vl_spec.h"

// Feature bits [5.2.3].
#define VL_BLK_F_RO (1ull << 5)
#define VL_BLK_F_BLK_SIZE (1ull << 6)
#define VL_BLK_F_FLUSH (1ull << 9)
#define VL_BLK_F_CONFIG_WCE (1ull << 11)

// Request types and status bytes [5.2.6].
enum {
    VL_BLK_T_IN = 0,
    VL_BLK_T_OUT = 1,
    VL_BLK_T_FLUSH = 4,
    VL_BLK_T_GET_ID = 8,
    VL_BLK_T_GET_LIFETIME = 10,
    VL_BLK_T_DISCARD = 11,
    VL_BLK_T_WRITE_ZEROES = 13,
    VL_BLK_T_SECURE_ERASE = 14,
};
enum { VL_BLK_S_OK, VL_BLK_S_IOERR, VL_BLK_S_UNSUPP };

#define VL_BLK_SECTOR 512u
#define VL_BLK_HEADER 16u
#define VL_BLK_HEADER_WHOLE 0xFFFFu // bit per byte of it
#define VL_BLK_REQUESTS 64u         // remembered at once, by head; of more, some are not judged
#define VL_BLK_WRITES 32u           // the newest; older ones are not judged any more

// A request that the device holds, as it read it.
struct vl_blk_request {
    uint64_t stamp; // which use of the head; 0: none
    uint64_t sector;
    uint64_t write; // OUT: its number among the writes, or 0
    uint64_t reads; // IN: number of the write whose bytes it must find, or 0
    uint32_t head;
    uint32_t type;
    uint32_t got; // bit per byte of the header that was read
    uint8_t header[VL_BLK_HEADER];
    uint8_t status;
    bool status_written;
    bool unsure; // the header was read twice, and differed
};

// A write, from the device's first look at it on.
struct vl_blk_write {
    uint64_t number; // counts from 1; 0: no write is remembered here
    uint64_t sector;
    uint64_t n_sectors;
    uint64_t digest;     // of its bytes
    uint64_t done_seq;   // event of its completion; 0: under way
    uint64_t stable_seq; // event since which it is stable; 0: volatile
    bool has_digest;
    bool stored;  // by the backend, which may keep it in a cache
    bool durable; // ... and may not lose it any more
    bool known;   // no other write was at its sectors at the same time or later
};

// What they remember of a run; all zero at its start.
struct vl_spec_blk {
    // registers
    uint64_t offered;      // when FEATURES_OK was written
    uint64_t accepted;     // ...
    uint64_t capacity;     // sectors, as read last
    uint32_t blk_size;     // as read last; 0: never
    uint8_t capacity_read; // bit per half
    uint64_t medium;       // sectors that the device said to have, at its largest; 0: not known
    bool wce_known;
    bool wce_written; // by the driver, since the reset
    uint8_t wce;
    uint64_t wce_seq; // event since which the byte is what it is
    // notifications of changes
    bool change_sent;      // by the device, and not handled yet
    uint64_t change_seq;   // event at which the driver was done being told; 0: nothing is owed
    uint64_t isr_seq;      // ISR read that was looked at last
    uint64_t capacity_seq; // event of the newest read of the capacity
    uint64_t batch_seq;    // newest publication
    uint32_t n_batches;    // publications since it was told
    // orders to flush
    uint64_t sync_seq;  // newest order
    uint64_t flush_seq; // newest publication of a flush
    uint32_t n_writes_published;
    bool driver_gave_up;
    // what the device holds and did
    bool blind;         // payload comes without its bytes: what is in requests is not known
    bool crowded;       // two requests wanted the same place below
    bool backend_tells; // what it stores, and what is durable
    bool used;          // the tables below
    uint64_t n_writes;
    struct vl_blk_request request[VL_BLK_REQUESTS]; // these two last
    struct vl_blk_write write[VL_BLK_WRITES];
};

// Start a run. Costs no more than what the last one used.
void vl_spec_blk_reset(struct vl_spec_blk *b);

// An access to the common or the device configuration.
void vl_spec_blk_access(struct vl_referees *r, const struct vl_reg_access *a);

// The driver published the chain of head: called before its bytes change hands.
void vl_spec_blk_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint64_t seq);

// The device gives the buffer of head back with this used length.
void vl_spec_blk_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                          uint64_t seq);

// A payload access of either side, behind the referee of ownership; a backend's event, an
// interrupt, a handler that returns, a note, the end of the driver's work. payload: the bytes that
// a payload access moved; NULL if they are not known.
void vl_spec_blk_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                       const uint8_t *payload);

// ---- between the files ------------------------------------------------------------------------

// Features that both sides know of, and that were offered: of the registers, or of a driver
// without registers.
uint64_t vl_blk_accepted(const struct vl_referees *r, const struct vl_squeue *q);
uint64_t vl_blk_offered(const struct vl_referees *r, const struct vl_squeue *q);

// The driver publishes: many requests behind a notification show that it will not look what it was
// about.
void vl_blk_published_behind(struct vl_referees *r, uint64_t seq);

// The driver wrote payload: headers may be among it.
void vl_blk_driver_writes(struct vl_referees *r, const struct vl_event *ev, const uint8_t *payload);

// The device touched payload.
void vl_blk_device_payload(struct vl_referees *r, const struct vl_event *ev,
                           const uint8_t *payload);

// The request that a head stands for now, or NULL.
struct vl_blk_request *vl_blk_request_of(struct vl_referees *r, const struct vl_squeue *q,
                                         uint32_t head);

// A write or a read of n_sectors begins; the backend says something; a request is answered with
// success, or a write without; the device was reset.
void vl_blk_store_begins(struct vl_referees *r, struct vl_blk_request *request, uint64_t n_sectors);
void vl_blk_store_looks(struct vl_referees *r, struct vl_blk_request *request, uint64_t n_sectors);
void vl_blk_store_backend(struct vl_referees *r, const struct vl_event *ev);
void vl_blk_store_returned(struct vl_referees *r, const struct vl_squeue *q,
                           const struct vl_blk_request *request, uint64_t seq);
void vl_blk_store_reset(struct vl_referees *r);

// What the backend made of a request, as far as it tells.
enum vl_blk_outcome { VL_BLK_UNKNOWN, VL_BLK_SERVED, VL_BLK_NOT_ASKED };
enum vl_blk_outcome vl_blk_store_outcome(struct vl_referees *r, const struct vl_squeue *q,
                                         const struct vl_blk_request *request);

#endif
