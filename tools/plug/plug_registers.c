// tools/plug/plug_registers.c -- the registers of a device with one queue, under transport=direct.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/plug/plug_registers.h"

#define START 1u
#define RESET 2u

static void give(struct plug_registers *regs, uint32_t command)
{
    (void)virtq_shared_or(regs->port, &regs->command, command);
    virtq_wake(regs->port);
}

static uint64_t offered(void *ctx)
{
    return ((struct plug_registers *)ctx)->offered;
}

static uint32_t queue_size_max(void *ctx)
{
    return ((struct plug_registers *)ctx)->queue_size_max;
}

static bool start(void *ctx, uint64_t features, uint32_t queue_size, uint64_t desc, uint64_t driver,
                  uint64_t device)
{
    struct plug_registers *regs = ctx;

    if ((features & VIRTQ_F_VERSION_1) == 0 || (features & ~regs->offered) != 0 ||
        !virtq_queue_size_valid(queue_size) || queue_size > regs->queue_size_max) {
        return false;
    }
    regs->queue = (struct plug_queue){
        .size = queue_size, .features = features, .desc = desc, .avail = driver, .used = device};
    give(regs, START);
    return true;
}

static void reset(void *ctx)
{
    struct plug_registers *regs = ctx;
    virtq_shared_store(regs->port, &regs->in_reset, 1);
    give(regs, RESET);
}

static bool reset_done(void *ctx)
{
    struct plug_registers *regs = ctx;
    return virtq_shared_load(regs->port, &regs->in_reset) == 0;
}

static uint64_t capacity_sectors(void *ctx)
{
    (void)ctx;
    return 0; // no block device
}

void plug_registers_open(struct plug_registers *regs, struct virtq_port *port,
                         uint64_t offered_features, uint32_t size_max)
{
    regs->port = port;
    regs->offered = offered_features;
    regs->queue_size_max = size_max;
}

void plug_registers_link(struct plug_registers *regs, struct lab_link *link)
{
    *link = (struct lab_link){.ctx = regs,
                              .offered = offered,
                              .queue_size_max = queue_size_max,
                              .start = start,
                              .reset = reset,
                              .reset_done = reset_done,
                              .capacity_sectors = capacity_sectors};
}

enum plug_command plug_registers_take(struct plug_registers *regs)
{
    const uint32_t command = virtq_shared_exchange(regs->port, &regs->command, 0);

    if ((command & RESET) != 0) {
        return PLUG_RESET;
    }
    return (command & START) != 0 ? PLUG_START : PLUG_NOTHING;
}

void plug_registers_was_reset(struct plug_registers *regs)
{
    virtq_shared_store(regs->port, &regs->in_reset, 0);
}
