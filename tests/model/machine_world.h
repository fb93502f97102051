// tests/model/machine_world.h -- a machine with two small bodies in place of the halves, a word or
// two of memory that they share, and the events of the run.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef MACHINE_WORLD_H
#define MACHINE_WORLD_H

#include "model/core/vl_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS_MAX 32768u
#define SPAN_BYTES 64u

static struct vl_machine machine;
static struct vl_event events[EVENTS_MAX];
static uint64_t n_events;
static struct virtq_span span;
static struct virtq_shared shared;

#define DRV (&machine.port[VL_SIDE_DRIVER])
#define DEV (&machine.port[VL_SIDE_DEVICE])

static inline int open_machine(void **state)
{
    (void)state;
    return vl_machine_open(&machine, VL_MEM_MIN_BYTES, 4096, NULL, NULL) == VIRTQ_OK ? 0 : -1;
}

static inline int close_machine(void **state)
{
    (void)state;
    vl_machine_close(&machine);
    return 0;
}

// An observer that keeps every event.
static inline void keep_event(void *ctx, const struct vl_event *ev, uint64_t seq,
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

// Every barrier is as strong as the code says.
static inline struct vl_run_config config_of(uint64_t budget_events)
{
    struct vl_run_config config = {.budget_events = budget_events, .hashing = true};
    memset(config.barrier_order, 0xFF, sizeof(config.barrier_order));
    return config;
}

// What runs, and who watches; handlers and watcher may be NULL.
struct bodies {
    void (*driver)(void *ctx);
    void (*on_interrupt)(void *ctx, uint16_t vector);
    void (*device)(void *ctx);
    void (*on_event)(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload);
};

static inline const struct vl_verdict *run_bodies(const struct vl_run_config *config,
                                                  const struct bodies *b,
                                                  const struct vl_deviation *list, uint32_t n)
{
    machine.strand[VL_SIDE_DRIVER].half =
        (struct vl_half){.main = b->driver, .on_interrupt = b->on_interrupt};
    machine.strand[VL_SIDE_DEVICE].half =
        (struct vl_half){.main = b->device, .on_doorbell = on_doorbell};
    machine.observer = (struct vl_observer){.on_event = b->on_event};
    vl_machine_reset(&machine, config);
    vl_choices_from_input(&machine.choices, list, n);
    n_events = 0;
    span = (struct virtq_span){.gpa = VL_REGION0_GPA,
                               .host = machine.memory.host,
                               .bytes = SPAN_BYTES,
                               .area = VIRTQ_AREA_BUFFER};
    atomic_init(&shared.word, 0);
    return vl_machine_run(&machine);
}

// First event of a kind from a place on; n_events if there is none.
static inline uint64_t first_of(enum vl_event_kind kind, uint64_t from)
{
    while (from < n_events && events[from].kind != kind) {
        from++;
    }
    return from;
}

static inline void device_sleeps(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the machine ends the run
        virtq_await_event(DEV);
    }
}

#endif
