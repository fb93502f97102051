// firmware/fwq.h -- the driver's half of a split virtqueue, as small firmware has it: fixed arrays,
// no indirect descriptors, notifications suppressed by flags.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FWQ_H
#define FWQ_H

#include <stdbool.h>
#include <stdint.h>

#define FWQ_MAX 256u

struct fwq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct fwq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct fwq_used {
    uint16_t flags;
    uint16_t idx;
    struct {
        uint32_t id;
        uint32_t len;
    } ring[];
};

struct fwq_buf {
    uint64_t addr; // as the device sees it
    uint32_t len;
    bool device_writes;
};

struct fwq {
    struct fwq_desc *desc;
    struct fwq_avail *avail;
    struct fwq_used *used;
    bool broken;   // the device said what no device may say
    uint16_t size; // power of two, up to FWQ_MAX
    uint16_t n_free;
    uint16_t n_out;          // buffers that the device has
    uint16_t free;           // first free descriptor
    uint16_t avail_idx;      // what was added; published up to what the ring says
    uint16_t last_used;      // next used entry to take
    uint16_t next[FWQ_MAX];  // private: of free descriptors and of chains in flight
    uint16_t count[FWQ_MAX]; // descriptors of the chain in flight with this head, 0: none
    uint32_t room[FWQ_MAX];  // bytes that the device may write there
    uint32_t cookie[FWQ_MAX];
};

enum { FWQ_OK = 0, FWQ_EMPTY = 1, FWQ_BROKEN = -1 };

// All three areas are zero, and the device does not run yet.
void fwq_init(struct fwq *q, void *desc, void *avail, void *used, uint16_t size);

// Add a buffer of n pieces. Returns false if there are not n free descriptors.
bool fwq_add(struct fwq *q, const struct fwq_buf *bufs, uint16_t n, uint32_t cookie);

// Show the device what was added. Returns true if it wants to be notified of that.
bool fwq_publish(struct fwq *q);

// Take a buffer back: FWQ_OK, FWQ_EMPTY, or FWQ_BROKEN for what no device may say.
int fwq_get(struct fwq *q, uint32_t *cookie, uint32_t *len);

// Interrupts off, or on. On: returns true if there is something to take already.
void fwq_irq_off(struct fwq *q);
bool fwq_irq_on(struct fwq *q);

#endif
