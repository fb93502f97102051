// blackbox/bb_device.h -- a vendor's device, as its header says. Its memory accesses are its own
// business: it could as well be written in another language, or come as an object file.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BB_DEVICE_H
#define BB_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct bb_device {
    void *(*translate)(void *ctx, uint64_t addr, uint32_t bytes); // NULL: not memory
    void *ctx;
    uint8_t *desc;
    uint8_t *avail;
    uint8_t *used;
    uint16_t num;
    uint16_t next;
    uint16_t done;
    uint8_t fill;
    bool broken;
};

enum { BB_INTERRUPT = 1, BB_BROKEN = 2 };

// Attach to a queue of num entries. Returns false if its parts are not in memory.
bool bb_attach(struct bb_device *dev, uint16_t num, uint64_t desc, uint64_t avail, uint64_t used);

// Serve what there is; the driver need not notify meanwhile. Returns bits of the above.
unsigned bb_process(struct bb_device *dev);

// Ask for notifications again. Returns true if there is something to do already.
bool bb_arm(struct bb_device *dev);

#endif
