// fuzz/minimise/pool.h -- inputs with what their runs touch, and for each of it the cheapest one.
// A feature is an edge of the halves (one of the compiler's counters) or a reach mark.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FUZZ_MINIMISE_POOL_H
#define FUZZ_MINIMISE_POOL_H

#include "tools/lab/lab_input.h"

#include <stdbool.h>
#include <stdint.h>

#define MIN_FEATURES_MAX 16384u
#define MIN_WORDS (MIN_FEATURES_MAX / 64u)
#define MIN_ITEMS_MAX 16384u
#define MIN_DEVIATIONS_MAX 4096u // of one input

struct min_set {
    uint64_t word[MIN_WORDS];
};

// An input whose run is clean.
struct min_item {
    struct lab_scenario scenario;
    struct vl_deviation *list; // the deviations that its run took
    uint32_t n;
    uint32_t events;
    uint32_t cost;      // events and port calls: a driver that polls makes calls alone
    struct min_set has; // features that its run touched
    uint32_t n_best;    // features that no other touches at less cost
    bool kept;          // stays, also without any
    bool tried;         // every step from it has been tried
};

struct min_pool {
    enum lab_target target;
    struct min_item *item[MIN_ITEMS_MAX];
    uint32_t n_items;
    struct min_item *best[MIN_FEATURES_MAX]; // NULL: nobody touches it, or it does not count
    bool closed;                             // features that nobody touched before do not count
    uint64_t n_runs;
};

// True if the build counts edges, and no more than there is room for.
bool min_edges_counted(void);

// The input whose run is under way, or was last.
const struct lab_input *min_running(void);

// Run in. Returns its item, the caller's until min_pool_add(): NULL if bytes cannot say it, if its
// run is not clean, or gets advice.
struct min_item *min_run(struct min_pool *pool, const struct lab_input *in);
void min_item_free(struct min_item *item);

// Give the item to the pool, which owns it from here on. What is neither kept nor the best for any
// feature is freed, now or in min_pool_sweep().
void min_pool_add(struct min_pool *pool, struct min_item *item);
void min_pool_sweep(struct min_pool *pool);

// Of less cost; of as much, fewer deviations.
bool min_cheaper(const struct min_item *a, const struct min_item *b);

// ---- steps: to an input that may cost less ----------------------------------------------------

uint32_t min_n_steps(const struct lab_input *in);

// Take step i, in place: a key at another value, deviations less, one at another occurrence.
// Returns false if it changes nothing; in may be spoilt then.
bool min_step(struct lab_input *in, uint32_t i);

// One deviation more, if in->list, of MIN_DEVIATIONS_MAX, has room.
void min_add(struct lab_input *in, const struct vl_deviation *d);

// ---- search -----------------------------------------------------------------------------------

// What item is now, to be changed. It is valid until the next call.
struct lab_input min_copy(const struct min_pool *pool, const struct min_item *item);

// Take a few drawn steps at once; now and then add a deviation of another input of the pool.
void min_draw_steps(const struct min_pool *pool, struct lab_input *in);

// Try all steps from the best items, until none makes any feature cheaper; then n drawn ones, and
// all steps from what these found.
void min_search(struct min_pool *pool, uint32_t n);

// Pick items that touch all features that count, each time the one that adds most for its cost;
// then make each cheaper as long as it touches what no other of them does. They stay the pool's.
//   picked  room for MIN_ITEMS_MAX
// Returns how many.
uint32_t min_pick(struct min_pool *pool, struct min_item **picked);

#endif
