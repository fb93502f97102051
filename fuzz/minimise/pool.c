// fuzz/minimise/pool.c -- inputs with what their runs touch, and for each of it the cheapest one.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/minimise/pool.h"

#include "fuzz/common.h"
#include "model/core/vl_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARKS 64u // the first features; edges follow

static uint8_t *counters;
static uint32_t n_counters;
static struct lab_input running;

// Instrumented files call it when the program starts, with the counters of all of them.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the compiler fixes this name
void __sanitizer_cov_8bit_counters_init(uint8_t *first, uint8_t *end);

// NOLINTNEXTLINE(bugprone-reserved-identifier): the compiler fixes this name
void __sanitizer_cov_8bit_counters_init(uint8_t *first, uint8_t *end)
{
    if (counters == NULL) {
        counters = first;
        n_counters = (uint32_t)(end - first);
    }
}

bool min_edges_counted(void)
{
    return n_counters > 0 && n_counters <= MIN_FEATURES_MAX - MARKS;
}

const struct lab_input *min_running(void)
{
    return &running;
}

static void *get(size_t n, size_t bytes)
{
    void *p = calloc(n, bytes);
    if (p == NULL) {
        (void)fprintf(stderr, "minimise: no memory left\n");
        exit(3);
    }
    return p;
}

void min_item_free(struct min_item *item)
{
    free(item->list);
    free(item);
}

static bool can_be_bytes(enum lab_target target, const struct lab_input *in)
{
    static uint8_t data[LAB_INPUT_HEADER_BYTES + 2 * LAB_INPUT_RECORD_BYTES * MIN_DEVIATIONS_MAX];
    char err[256];

    return in->n <= MIN_DEVIATIONS_MAX && lab_input_encode(target, in, data, sizeof(data), err) > 0;
}

static void take_features(struct min_set *has)
{
    has->word[0] = fuzz_last_marks();
    for (uint32_t i = 0; i < n_counters; i++) {
        const uint32_t feature = MARKS + i;
        has->word[feature / 64] |= (uint64_t)(counters[i] != 0) << (feature % 64);
    }
}

struct min_item *min_run(struct min_pool *pool, const struct lab_input *in)
{
    if (!can_be_bytes(pool->target, in)) {
        return NULL;
    }
    running = *in;
    memset(counters, 0, n_counters);
    const struct vl_verdict *v = fuzz_run_input(in);
    pool->n_runs++;
    if (v->outcome != VL_CLEAN || v->n_advice > 0) {
        return NULL;
    }
    const struct vl_choices *taken = fuzz_choices();
    struct min_item *item = get(1, sizeof(*item));
    item->scenario = in->scenario;
    item->events = (uint32_t)v->n_events;
    item->cost = (uint32_t)(v->n_events + fuzz_last_calls());
    take_features(&item->has);
    item->list = get(taken->n_log + 1, sizeof(item->list[0]));
    memcpy(item->list, taken->log, taken->n_log * sizeof(item->list[0]));
    item->n = vl_deviations_canonical(item->list, taken->n_log);
    return item;
}

bool min_cheaper(const struct min_item *a, const struct min_item *b)
{
    return a->cost != b->cost ? a->cost < b->cost : a->n < b->n;
}

static bool can_go(const struct min_item *item)
{
    return item->n_best == 0 && !item->kept;
}

void min_pool_sweep(struct min_pool *pool)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < pool->n_items; i++) {
        if (can_go(pool->item[i])) {
            min_item_free(pool->item[i]);
        } else {
            pool->item[n++] = pool->item[i];
        }
    }
    pool->n_items = n;
}

static void claim(struct min_pool *pool, struct min_item *item, uint32_t feature)
{
    struct min_item *best = pool->best[feature];
    if (best != NULL ? min_cheaper(item, best) : !pool->closed) {
        pool->best[feature] = item;
        item->n_best++;
        if (best != NULL) {
            best->n_best--;
        }
    }
}

void min_pool_add(struct min_pool *pool, struct min_item *item)
{
    if (pool->n_items == MIN_ITEMS_MAX) {
        min_pool_sweep(pool);
    }
    if (pool->n_items == MIN_ITEMS_MAX) {
        (void)fprintf(stderr, "minimise: more than %u inputs are worth keeping\n", MIN_ITEMS_MAX);
        exit(3);
    }
    for (uint32_t word = 0; word < MIN_WORDS; word++) {
        for (uint64_t left = item->has.word[word]; left != 0; left &= left - 1) { // bound: 64
            claim(pool, item, word * 64 + (uint32_t)__builtin_ctzll(left));
        }
    }
    if (can_go(item)) {
        min_item_free(item);
    } else {
        pool->item[pool->n_items++] = item;
    }
}
