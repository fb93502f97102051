// tests/explore/small_program.h -- programs of a few accesses for the explorer, and their results.
// A thread is a list of accesses that are done one after the other; what they read is kept.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef SMALL_PROGRAM_H
#define SMALL_PROGRAM_H

#include "model/explore/vl_explore.h"
#include "ring/virtq_barrier.h"

#include <stdio.h>
#include <string.h>

#define SMALL_STEPS 128u
#define SMALL_LOCS 8u

// Accesses of a thread.
#define W_(loc_, value_, order_)                                                                   \
    {                                                                                              \
        .op = VL_X_STORE, .order = (order_), .n_cells = 1, .loc = (loc_), .value = (value_)        \
    }
#define R_(loc_, order_)                                                                           \
    {                                                                                              \
        .op = VL_X_LOAD, .order = (order_), .n_cells = 1, .loc = (loc_)                            \
    }
#define F_(order_)                                                                                 \
    {                                                                                              \
        .op = VL_X_FENCE, .order = (order_)                                                        \
    }
#define ADD_(loc_, value_)                                                                         \
    {                                                                                              \
        .op = VL_X_ADD, .order = VIRTQ_RELAXED, .n_cells = 1, .loc = (loc_), .value = (value_)     \
    }
#define AWAIT_(loc_, old_)                                                                         \
    {                                                                                              \
        .op = VL_X_AWAIT, .order = VIRTQ_ACQUIRE, .n_cells = 1, .loc = (loc_), .expect = (old_)    \
    }
#define PR_(addr_, len_, site_)                                                                    \
    {                                                                                              \
        .op = VL_X_PLAIN_LOAD, .addr = (addr_), .len = (len_), .site = (site_)                     \
    }
#define PW_(addr_, text_, site_)                                                                   \
    {                                                                                              \
        .op = VL_X_PLAIN_STORE, .addr = (addr_), .len = sizeof(text_) - 1, .data = (text_),        \
        .site = (site_)                                                                            \
    }

struct small {
    struct vl_x_config config; // model and what else is wanted; rules and ctx are filled in
    uint32_t servers;
    void (*each)(struct small *s, enum vl_x_outcome outcome); // may be NULL
    void *seen;                                               // of each()
    uint32_t stop_after;                                      // executions; 0: never
    bool stop_at_race;
    bool stop_at_progress;
    uint32_t n_threads;
    const struct vl_x_access *thread[VL_X_THREADS];
    uint32_t n[VL_X_THREADS];
    const struct vl_x_access *second; // what thread 0 does from its second run on, or NULL
    uint32_t stops_at;                // thread 0 gives up in front of this step, unless it is 0

    // Where threads stand, what they read.
    uint32_t at[VL_X_THREADS];
    uint32_t runs[VL_X_THREADS];
    uint64_t value[VL_X_THREADS][SMALL_STEPS];
    uint8_t bytes[VL_X_THREADS][64]; // of the last plain load

    // Results.
    struct vl_explore *x;
    enum vl_x_result result;
    struct vl_x_counts counts;
    char error[160];
    uint32_t n_outcomes[3];
    uint32_t n_progress;
    uint32_t n_race_calls;
    struct vl_x_race race; // the first
};

static inline uint16_t small_initial(void *ctx, uint32_t loc)
{
    (void)ctx;
    (void)loc;
    return 0;
}

// Plain memory is "abcdefgh..." at first.
static inline void small_initial_bytes(void *ctx, uint32_t addr, uint32_t len, void *bytes)
{
    uint8_t *out = bytes;
    (void)ctx;
    for (uint32_t i = 0; i < len; i++) {
        out[i] = (uint8_t)('a' + (addr + i) % 26);
    }
}

static inline void small_restart(void *ctx, uint32_t t)
{
    struct small *s = ctx;
    s->at[t] = 0;
    s->runs[t]++;
}

static inline bool small_thread_run(void *ctx, uint32_t t)
{
    struct small *s = ctx;
    const struct vl_x_access *steps = s->thread[t];

    if (t == 0 && s->second != NULL && s->runs[0] > 1) {
        steps = s->second;
    }
    while (s->at[t] < s->n[t]) {
        struct vl_x_access a = steps[s->at[t]];
        if (t == 0 && s->stops_at != 0 && s->at[t] == s->stops_at) {
            return false;
        }
        if (a.op == VL_X_PLAIN_LOAD) {
            a.data = s->bytes[t];
        }
        if (!vl_x_do(s->x, t, &a, &s->value[t][s->at[t]])) {
            return false;
        }
        s->at[t]++;
    }
    return true;
}

static inline bool small_on_execution(void *ctx, struct vl_explore *x, enum vl_x_outcome outcome)
{
    struct small *s = ctx;
    (void)x;
    s->n_outcomes[outcome]++;
    if (s->each != NULL) {
        s->each(s, outcome);
    }
    return s->stop_after == 0 ||
           s->n_outcomes[0] + s->n_outcomes[1] + s->n_outcomes[2] < s->stop_after;
}

static inline bool small_on_race(void *ctx, struct vl_explore *x, const struct vl_x_race *race)
{
    struct small *s = ctx;
    (void)x;
    if (s->n_race_calls++ == 0) {
        s->race = *race;
    }
    return !s->stop_at_race;
}

static inline bool small_on_progress(void *ctx, struct vl_explore *x)
{
    struct small *s = ctx;
    (void)x;
    s->n_progress++;
    return !s->stop_at_progress;
}

// Explore it all. Returns false if there was no memory.
static inline bool small_explore(struct small *s)
{
    const struct vl_x_program program = {.ctx = s,
                                         .n_threads = s->n_threads,
                                         .n_locs = SMALL_LOCS,
                                         .servers = s->servers,
                                         .initial = small_initial,
                                         .initial_bytes = small_initial_bytes,
                                         .restart = small_restart,
                                         .run = small_thread_run};
    s->config.rules = VL_RULES_ALL;
    s->config.ctx = s;
    s->config.on_execution = small_on_execution;
    s->config.on_race = small_on_race;
    s->config.on_progress = small_on_progress;
    s->x = vl_x_open(&program, &s->config);
    if (s->x == NULL) {
        return false;
    }
    s->result = vl_x_run(s->x);
    s->counts = *vl_x_counts(s->x);
    (void)snprintf(s->error, sizeof(s->error), "%s", vl_x_error(s->x));
    vl_x_close(s->x);
    s->x = NULL;
    return true;
}

static inline void small_thread(struct small *s, uint32_t t, const struct vl_x_access *list,
                                size_t n)
{
    s->thread[t] = list;
    s->n[t] = (uint32_t)n;
    s->n_threads = s->n_threads > t ? s->n_threads : t + 1;
}

// Set a thread: its list must be an array.
#define SMALL_THREAD(s, t, list) small_thread(s, t, list, sizeof(list) / sizeof((list)[0]))

#endif
