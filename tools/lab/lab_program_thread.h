// tools/lab/lab_program_thread.h -- a program's thread, and the accesses that it may make: the
// memory port's shape (ring/virtq_port.h), answered by the explorer.
// For tools/lab/lab_program*.c alone.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_PROGRAM_THREAD_H
#define LAB_PROGRAM_THREAD_H

#include "model/core/vl_fiber.h"
#include "ring/virtq_port.h"
#include "tools/lab/lab_program.h"

#define LAB_PROGRAM_THREADS 2u

// Locations. Behind the words stand the arrays of payload, QSZ entries each; as plain memory the
// same numbers count two bytes each.
enum lab_program_loc {
    LAB_LOC_AVAIL_IDX,
    LAB_LOC_AVAIL_FLAGS,
    LAB_LOC_USED_EVENT,
    LAB_LOC_USED_IDX,
    LAB_LOC_USED_FLAGS,
    LAB_LOC_AVAIL_EVENT,
    LAB_LOC_KICK, // doorbell and interrupt line: counters
    LAB_LOC_IRQ,
    LAB_LOC_PAYLOAD
};
enum lab_program_array { LAB_DESC, LAB_BUF, LAB_AVAIL_RING, LAB_USED_RING, LAB_ARRAY_COUNT };

// Location of entry n of an array, n free-running.
static inline uint32_t lab_program_entry(const struct lab_program_knobs *knobs,
                                         enum lab_program_array array, uint32_t n)
{
    VIRTQ_ASSERT(knobs->qsz > 0);
    return LAB_LOC_PAYLOAD + array * (uint32_t)knobs->qsz + n % knobs->qsz;
}

// What a thread has come to see; reset when it starts again.
struct lab_program_seen {
    bool ended;
    bool bad;                                // an available entry of 0: nobody put it there
    uint16_t n;                              // buffers taken
    uint16_t counter;                        // of the doorbell or the interrupt line, when last
                                             // looked at
    uint16_t head[LAB_PROGRAM_BUFFERS_MAX];  // ring entries
    uint16_t value[LAB_PROGRAM_BUFFERS_MAX]; // device: descriptors; driver: replies
};

struct lab_program_thread {
    struct vl_explore *x;
    uint32_t id;
    const struct lab_program_knobs *knobs;
    struct lab_program_seen seen;
    struct vl_fiber fiber;
    struct vl_fiber *explorer;
};

// One program: its threads, and what must hold at the end of a complete execution.
struct lab_program_code {
    void (*run[LAB_PROGRAM_THREADS])(struct lab_program_thread *t);
    bool (*holds)(const struct lab_program_thread *driver, const struct lab_program_thread *device);
};
extern const struct lab_program_code lab_program_code[LAB_PROGRAM_COUNT];

// The access is made, now or when the explorer comes back to this thread.
static inline uint16_t lab_x_do(struct lab_program_thread *t, const struct vl_x_access *a)
{
    uint64_t out = 0;
    while (!vl_x_do(t->x, t->id, a, &out)) { // bound: the explorer's; it may never come back
        vl_fiber_switch(&t->fiber, t->explorer);
    }
    return (uint16_t)out;
}

static inline uint16_t lab_x_load16(struct lab_program_thread *t, uint32_t loc, unsigned order,
                                    unsigned barrier, const struct virtq_site *site)
{
    const struct vl_x_access a = {.op = VL_X_LOAD,
                                  .order = (uint8_t)order,
                                  .n_cells = 1,
                                  .tag = (uint8_t)barrier,
                                  .loc = (uint16_t)loc,
                                  .site = site};
    return lab_x_do(t, &a);
}

static inline void lab_x_store16(struct lab_program_thread *t, uint32_t loc, uint16_t value,
                                 unsigned order, unsigned barrier, const struct virtq_site *site)
{
    const struct vl_x_access a = {.op = VL_X_STORE,
                                  .order = (uint8_t)order,
                                  .n_cells = 1,
                                  .tag = (uint8_t)barrier,
                                  .loc = (uint16_t)loc,
                                  .value = value,
                                  .site = site};
    (void)lab_x_do(t, &a);
}

// The first value that is not old.
static inline uint16_t lab_x_await16(struct lab_program_thread *t, uint32_t loc, uint16_t old,
                                     unsigned order, unsigned barrier,
                                     const struct virtq_site *site)
{
    const struct vl_x_access a = {.op = VL_X_AWAIT,
                                  .order = (uint8_t)order,
                                  .n_cells = 1,
                                  .tag = (uint8_t)barrier,
                                  .loc = (uint16_t)loc,
                                  .expect = old,
                                  .site = site};
    return lab_x_do(t, &a);
}

// A relaxed fence is none, and no event.
static inline void lab_x_fence(struct lab_program_thread *t, unsigned order, unsigned barrier,
                               const struct virtq_site *site)
{
    if (order == VIRTQ_RELAXED) {
        return;
    }
    const struct vl_x_access a = {
        .op = VL_X_FENCE, .order = (uint8_t)order, .tag = (uint8_t)barrier, .site = site};
    (void)lab_x_do(t, &a);
}

// Doorbell or interrupt: one more, with all that was stored before it.
static inline void lab_x_notify(struct lab_program_thread *t, uint32_t loc,
                                const struct virtq_site *site)
{
    const struct vl_x_access a = {.op = VL_X_ADD,
                                  .order = VIRTQ_RELEASE,
                                  .n_cells = 1,
                                  .loc = (uint16_t)loc,
                                  .value = 1,
                                  .site = site};
    (void)lab_x_do(t, &a);
}

// Payload: relaxed words, or plain memory of two bytes.
static inline uint16_t lab_x_payload_load16(struct lab_program_thread *t, uint32_t loc,
                                            const struct virtq_site *site)
{
    uint16_t value = 0;
    if (!t->knobs->plain) {
        return lab_x_load16(t, loc, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE, site);
    }
    const struct vl_x_access a = {
        .op = VL_X_PLAIN_LOAD, .addr = 2 * loc, .len = 2, .data = &value, .site = site};
    (void)lab_x_do(t, &a);
    return value;
}

static inline void lab_x_payload_store16(struct lab_program_thread *t, uint32_t loc, uint16_t value,
                                         const struct virtq_site *site)
{
    if (!t->knobs->plain) {
        lab_x_store16(t, loc, value, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE, site);
        return;
    }
    const struct vl_x_access a = {
        .op = VL_X_PLAIN_STORE, .addr = 2 * loc, .len = 2, .data = &value, .site = site};
    (void)lab_x_do(t, &a);
}

#endif
