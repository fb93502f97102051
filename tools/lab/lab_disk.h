// tools/lab/lab_disk.h -- the backend behind a device: entropy, and a block medium with an overlay.
// Requests are answered in an order and at times that are choices (lane completion). Bytes of a
// file become events when they are first read, so that a trace can stand in for the file.
//
// The block medium has a cache that is lost with the power: a write is stored in it, and made
// durable by a flush, or at once if the device asks for that. BACKEND events tell of both:
//   aux: queue | kind << 16; addr: head of the request
//   kind 1 taken     a write is handed over; value digest of its bytes, len bytes
//   kind 2 answered  a read, or entropy; value digest of the bytes, len bytes
//   kind 3 stored    a write is in the cache; value its first sector, len bytes
//   kind 4 durable   what was stored so far is durable
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_DISK_H
#define LAB_DISK_H

#include "device/vdev_core.h"
#include "model/core/vl_machine.h"
#include "tools/lab/lab_world.h"

#define LAB_PENDING_MAX 64u

struct lab_disk {
    struct vl_machine *machine;
    struct vdev_backend backend; // for the device half
    bool is_blk;
    // medium
    int fd; // -1: the built-in medium
    uint64_t bytes;
    char sha256[65];
    bool read_only;
    const struct lab_outside *outside; // a replay's bytes instead of the file
    uint64_t *seen; // bit per sector: its bytes are in the trace, or it was written
    // overlay: sectors written in this run, open addressing, key sector + 1
    uint64_t *over_key;
    uint8_t *over_data;
    uint32_t over_slots; // power of two
    uint32_t over_used;
    uint32_t *over_list; // slots taken, in order
    // requests under way, in order of arrival
    struct {
        uint32_t tag;
        struct vdev_request *request;
    } pending[LAB_PENDING_MAX];
    uint32_t n_pending;
    uint64_t serial; // answers so far, seeds entropy
    // growing
    uint32_t n_answered;
    uint32_t n_resized;
    uint32_t resize;  // of the scenario
    uint32_t buffers; // ...
};

// Open the medium of a scenario: checks the file (there, regular, not empty, whole sectors),
// hashes it, takes memory. False with err.
bool lab_disk_open(struct lab_disk *disk, const struct lab_scenario *s,
                   const struct lab_outside *outside, char err[LAB_ERR_BYTES]);
void lab_disk_close(struct lab_disk *disk);

// Start a run: nothing pending, overlay empty.
void lab_disk_reset(struct lab_disk *disk, struct vl_machine *m, const struct lab_scenario *s);

// Write the overlay into the file.
bool lab_disk_commit(struct lab_disk *disk, const char *path, char err[LAB_ERR_BYTES]);

#endif
