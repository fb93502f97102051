// tests/model/weak_world.h -- a machine with room for weak memory, and two small bodies in place of
// the halves; every event is kept.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef WEAK_WORLD_H
#define WEAK_WORLD_H

#include "model/core/vl_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS_MAX 32768u

static struct vl_machine machine;
static struct vl_event events[EVENTS_MAX];
static uint64_t n_events;
static struct virtq_span span;
static struct virtq_shared shared;
static uint64_t got[8]; // what bodies loaded

#define DRV (&machine.port[VL_SIDE_DRIVER])
#define DEV (&machine.port[VL_SIDE_DEVICE])
#define NONE VIRTQ_BARRIER_NONE
enum { DATA = 0, X = 16, Y = 18, WORD = 20, MEM = 64 };

static inline int open_machine(void **state)
{
    (void)state;
    return vl_machine_open(&machine, VL_MEM_MIN_BYTES, 4096, NULL, NULL) == VIRTQ_OK &&
                   vl_machine_open_weak(&machine) == VIRTQ_OK
               ? 0
               : -1;
}

static inline int close_machine(void **state)
{
    (void)state;
    vl_machine_close(&machine);
    return 0;
}

static inline void on_event(void *ctx, const struct vl_event *ev, uint64_t seq,
                            const uint8_t *payload)
{
    (void)ctx;
    (void)payload;
    assert_int_equal(seq, n_events);
    assert_true(n_events < EVENTS_MAX);
    events[n_events++] = *ev;
}

static inline void on_doorbell(void *ctx, uint16_t queue)
{
    (void)ctx;
    (void)queue;
    virtq_wake(DEV);
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
    machine.strand[VL_SIDE_DRIVER].half =
        (struct vl_half){.main = driver, .on_interrupt = on_interrupt};
    machine.strand[VL_SIDE_DEVICE].half =
        (struct vl_half){.main = device, .on_doorbell = on_doorbell};
    machine.observer = (struct vl_observer){.on_event = on_event};
    machine.bus = (struct vl_bus_ops){
        .mmio_read = register_read, .mmio_write = register_write, .mmio_posted = posted};
    vl_machine_reset(&machine, config);
    vl_choices_from_input(&machine.choices, list, n);
    n_events = 0;
    memset(got, 0, sizeof(got));
    span = (struct virtq_span){.gpa = VL_REGION0_GPA,
                               .host = machine.memory.host,
                               .bytes = MEM,
                               .area = VIRTQ_AREA_BUFFER};
    atomic_init(&shared.word, 0);
    return vl_machine_run(&machine);
}

static inline struct vl_run_config usual(enum vl_model model)
{
    struct vl_run_config config = {.budget_events = 20000, .hashing = true, .model = model};
    memset(config.barrier_order, 0xFF, sizeof(config.barrier_order));
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

static inline uint64_t first_of(enum vl_event_kind kind, uint64_t from)
{
    while (from < n_events && events[from].kind != kind) {
        from++;
    }
    return from;
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

static inline void device_sleeps(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the machine ends the run
        virtq_await_event(DEV);
    }
}

#endif
