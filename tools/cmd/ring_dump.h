// tools/cmd/ring_dump.h -- the bytes of a split ring as a dump of a guest's memory has them.
// Spec: virtio 1.4 §2.7.5, §2.7.6, §2.7.8. Little-endian, as a ring of VERSION_1 is on every guest.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_DUMP_H
#define RING_DUMP_H

#include "ring/virtq_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_ERR_BYTES 512u
#define RING_MEMORIES_MAX 8u
#define RING_MEMORY_MAX_BYTES (256u << 20) // of one image of guest memory that is read

// A piece of guest memory beside the ring: where indirect tables are looked for.
struct ring_memory {
    uint64_t addr; // as descriptors name it
    uint64_t bytes;
    uint8_t *data;
};

struct ring_image {
    uint32_t size; // of the queue: a valid one
    uint8_t *desc;
    uint8_t *avail; // with used_event, 0 if the dump ends before it
    uint8_t *used;  // with avail_event, likewise
    bool features_known;
    bool indirect;
    bool event_idx;
    uint16_t start_idx; // both indices at queue enable; 0 unless it was restored
    bool driver_known;  // how far the driver has read the used ring
    uint16_t last_used;
    bool device_known; // how far the device has read the available ring
    uint16_t last_avail;
    struct ring_memory memory[RING_MEMORIES_MAX];
    uint32_t n_memories;
};

// Make room for the three parts, all zero. False with err (RING_ERR_BYTES).
// Ends with ring_image_close() in both cases.
bool ring_image_open(struct ring_image *r, uint32_t size, char *err);
void ring_image_close(struct ring_image *r);

enum ring_part { RING_DESC, RING_AVAIL, RING_USED, RING_PARTS };

// Bytes of a part, with its event word.
uint32_t ring_part_bytes(const struct ring_image *r, enum ring_part part);
uint8_t *ring_part(const struct ring_image *r, enum ring_part part);

// Is this "FILE@NUMBER" or "FILE"? False with err.
bool ring_where_valid(const char *where, char *err);

// Read a part from "FILE@OFF", OFF decimal or 0x-hex, 0 if there is none. False with err.
bool ring_read_part(struct ring_image *r, enum ring_part part, const char *where, char *err);

// Read an image of guest memory from "FILE@ADDR": its first byte is the guest's at ADDR. False with
// err.
bool ring_read_memory(struct ring_image *r, const char *where, char *err);

// Bytes of guest memory at addr; NULL if no image has all of them.
const uint8_t *ring_memory_at(const struct ring_image *r, uint64_t addr, uint64_t bytes);

// The words of the ring. i: index, free-running; head, k: table index.
uint16_t ring_avail_flags(const struct ring_image *r);
uint16_t ring_avail_idx(const struct ring_image *r);
uint16_t ring_avail_head(const struct ring_image *r, uint16_t i);
uint16_t ring_used_event(const struct ring_image *r);
uint16_t ring_used_flags(const struct ring_image *r);
uint16_t ring_used_idx(const struct ring_image *r);
struct virtq_used_elem ring_used_elem(const struct ring_image *r, uint16_t i);
uint16_t ring_avail_event(const struct ring_image *r);
struct virtq_desc ring_desc(const uint8_t *table, uint32_t k);

#endif
