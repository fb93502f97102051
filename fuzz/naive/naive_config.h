// fuzz/naive/naive_config.h -- config space and BARs of a naive case: memory that bytes lie over.
// A function that would come up as it is. Bytes are XORed into what the driver reads, so that zeros
// tell the truth; its IDs and BARs always do, as in fuzzers that bind the driver first. Registers
// are plain memory: what a driver wrote it reads back.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NAIVE_CONFIG_H
#define NAIVE_CONFIG_H

#include "fuzz/naive/naive_world.h"

#include <stddef.h>
#include <stdint.h>

#define NAIVE_WINDOW 0x40000000u // where BARs may be placed
#define NAIVE_WINDOW_BYTES 0x100000u

struct naive_config {
    struct naive_world w; // first: the port's context
    uint8_t space[256];
    uint8_t *bar[2];       // exact blocks: the virtio structures, the MSI-X table
    uint8_t *nowhere;      // poisoned: what is mapped outside of the BARs
    struct naive_bytes *b; // what is left of them goes over config space as it is read
};

// A function of a virtio device ID (2: with a block device's configuration) with one queue of
// queue_size. The next bytes go over its registers: common configuration, ISR, device
// configuration. The world is open; b stays the caller's.
void naive_config_open(struct naive_config *c, uint16_t virtio_id, uint32_t queue_size,
                       struct naive_bytes *b);
void naive_config_close(struct naive_config *c);

// Functions of the port; ctx is the struct naive_config. A part of a BAR is mapped however long it
// is asked for, and what no BAR holds is mapped to memory that may not be touched: a driver that
// checks what it was told does neither.
uint32_t naive_config_read(void *ctx, uint32_t function, uint32_t off, unsigned bytes);
void naive_config_write(void *ctx, uint32_t function, uint32_t off, unsigned bytes, uint32_t value);
enum virtq_err naive_config_map(void *ctx, uint64_t bus_addr, uint32_t bytes,
                                struct virtq_mmio *io);

#endif
