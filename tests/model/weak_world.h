// tests/model/weak_world.h -- a machine with room for weak memory, and two small bodies in place of
// the halves; every event is kept.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef WEAK_WORLD_H
#define WEAK_WORLD_H

#include "tests/model/machine_world.h"

static uint64_t got[8]; // what bodies loaded

#define NONE VIRTQ_BARRIER_NONE
enum { DATA = 0, X = 16, Y = 18, WORD = 20, MEM = SPAN_BYTES };

static inline int open_weak_machine(void **state)
{
    return open_machine(state) == 0 && vl_machine_open_weak(&machine) == VIRTQ_OK ? 0 : -1;
}

static inline void on_interrupt(void *ctx, uint16_t vector)
{
    (void)ctx;
    (void)vector;
    virtq_wake(DRV);
}

static inline uint32_t register_read(void *ctx, uint64_t addr, unsigned bytes)
{
    (void)ctx;
    (void)addr;
    (void)bytes;
    return virtq_shared_load(DEV, &shared);
}

static inline void register_write(void *ctx, uint64_t addr, unsigned bytes, uint32_t value)
{
    (void)ctx;
    (void)addr;
    (void)bytes;
    (void)virtq_shared_or(DEV, &shared, value);
    virtq_wake(DEV);
}

static inline bool posted(void *ctx, uint64_t addr)
{
    (void)ctx;
    return addr == 4; // the second register
}

static inline const struct vl_verdict *run(const struct vl_run_config *config,
                                           void (*driver)(void *), void (*device)(void *),
                                           const struct vl_deviation *list, uint32_t n)
{
    const struct bodies bodies = {
        .driver = driver, .on_interrupt = on_interrupt, .device = device, .on_event = keep_event};
    machine.bus = (struct vl_bus_ops){
        .mmio_read = register_read, .mmio_write = register_write, .mmio_posted = posted};
    memset(got, 0, sizeof(got));
    return run_bodies(config, &bodies, list, n);
}

static inline struct vl_run_config usual(enum vl_model model)
{
    struct vl_run_config config = config_of(20000);
    config.model = model;
    return config;
}

static inline struct vl_deviation at(unsigned lane, unsigned agent, uint32_t nth, uint32_t value)
{
    return (struct vl_deviation){.lane = (uint8_t)lane,
                                 .agent = (uint8_t)agent,
                                 .key = vl_choice_key(0, VL_FIELD_BUFFER),
                                 .nth = nth,
                                 .value = value};
}

static inline uint16_t load(struct virtq_port *port, uint32_t off, enum virtq_order order)
{
    return virtq_load16(port, &span, off, order, NONE);
}

static inline void store(struct virtq_port *port, uint32_t off, uint16_t v, enum virtq_order order)
{
    virtq_store16(port, &span, off, v, order, NONE);
}

static inline void put_data(struct virtq_port *port, uint32_t len)
{
    const struct virtq_desc desc = {.len = len};
    virtq_store_desc(port, &span, DATA, desc);
}

static inline uint32_t get_data(struct virtq_port *port)
{
    const struct virtq_desc desc = virtq_load_desc(port, &span, DATA);
    return desc.len;
}

#endif
