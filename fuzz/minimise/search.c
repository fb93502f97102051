// fuzz/minimise/search.c -- cheaper inputs for each feature, and a choice of few of them.
// Everything is drawn from one fixed seed: the same inputs give the same corpus.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/minimise/pool.h"

#include <string.h>

#define FIXED_COST 80u // of a run beside its events and port calls
#define DRAWN_STEPS_MAX 4u
#define POLISH_ROUNDS 8u
#define POLISH_DRAWS 300u // for each picked item and round

static struct vl_deviation list[MIN_DEVIATIONS_MAX];

static uint32_t draw(uint32_t n)
{
    static uint64_t state = 1; // xorshift64
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

struct lab_input min_copy(const struct min_pool *pool, const struct min_item *item)
{
    memcpy(list, item->list, item->n * sizeof(list[0]));
    return (struct lab_input){.target = pool->target,
                              .scenario = item->scenario,
                              .list = list,
                              .n = item->n,
                              .max = MIN_DEVIATIONS_MAX};
}

void min_draw_steps(const struct min_pool *pool, struct lab_input *in)
{
    for (uint32_t left = 1 + draw(DRAWN_STEPS_MAX); left > 0; left--) {
        const struct min_item *other = pool->item[draw(pool->n_items)];
        if (draw(4) == 0 && other->n > 0) {
            min_add(in, &other->list[draw(other->n)]);
        } else {
            (void)min_step(in, draw(min_n_steps(in)));
        }
    }
}

// ---- for each feature ---------------------------------------------------------------------------

static void run_and_add(struct min_pool *pool, const struct lab_input *in)
{
    struct min_item *item = min_run(pool, in);
    if (item != NULL) {
        min_pool_add(pool, item);
    }
}

static struct min_item *untried(struct min_pool *pool)
{
    min_pool_sweep(pool);
    for (uint32_t i = 0; i < pool->n_items; i++) {
        if (!pool->item[i]->tried) {
            return pool->item[i];
        }
    }
    return NULL;
}

// item stays while its steps are tried, also if one of them takes its last feature.
static void try_steps(struct min_pool *pool, struct min_item *item)
{
    const bool kept = item->kept;
    struct lab_input in = min_copy(pool, item);
    const uint32_t n = min_n_steps(&in);

    item->kept = true;
    item->tried = true;
    for (uint32_t i = 0; i < n; i++) {
        in = min_copy(pool, item);
        if (min_step(&in, i)) {
            run_and_add(pool, &in);
        }
    }
    item->kept = kept;
}

static void try_all(struct min_pool *pool)
{
    struct min_item *item = untried(pool);
    while (item != NULL) { // bound: each is cheaper than another one was
        try_steps(pool, item);
        item = untried(pool);
    }
}

void min_search(struct min_pool *pool, uint32_t n)
{
    try_all(pool);
    for (uint32_t i = 0; i < n; i++) {
        struct lab_input in = min_copy(pool, pool->item[draw(pool->n_items)]);
        min_draw_steps(pool, &in);
        run_and_add(pool, &in);
    }
    try_all(pool);
}

// ---- the choice ---------------------------------------------------------------------------------

// Features of item that count and are not in the set.
static uint32_t count_new(const struct min_item *item, const struct min_set *wanted)
{
    uint32_t n = 0;
    for (uint32_t word = 0; word < MIN_WORDS; word++) {
        n += (uint32_t)__builtin_popcountll(item->has.word[word] & wanted->word[word]);
    }
    return n;
}

static struct min_item *most_for_its_cost(const struct min_pool *pool, const struct min_set *wanted)
{
    struct min_item *best = NULL;
    double most = 0;

    for (uint32_t i = 0; i < pool->n_items; i++) {
        struct min_item *item = pool->item[i];
        const double worth = (double)count_new(item, wanted) / (item->cost + FIXED_COST);
        if (worth > most) {
            most = worth;
            best = item;
        }
    }
    return best;
}

static uint32_t pick(const struct min_pool *pool, struct min_item **picked)
{
    struct min_set wanted = {{0}};
    uint32_t n = 0;

    for (uint32_t feature = 0; feature < MIN_FEATURES_MAX; feature++) {
        wanted.word[feature / 64] |= (uint64_t)(pool->best[feature] != NULL) << (feature % 64);
    }
    struct min_item *best = most_for_its_cost(pool, &wanted);
    while (best != NULL) { // bound: the items
        picked[n++] = best;
        for (uint32_t word = 0; word < MIN_WORDS; word++) {
            wanted.word[word] &= ~best->has.word[word];
        }
        best = most_for_its_cost(pool, &wanted);
    }
    return n;
}

// What picked[i] touches and no other of them. Returns false if there is nothing.
static bool own_features(const struct min_pool *pool, struct min_item *const *picked, uint32_t n,
                         uint32_t i, struct min_set *own)
{
    uint64_t any = 0;
    for (uint32_t word = 0; word < MIN_WORDS; word++) {
        uint64_t others = 0;
        for (uint32_t k = 0; k < n; k++) {
            others |= k != i ? picked[k]->has.word[word] : 0;
        }
        own->word[word] = picked[i]->has.word[word] & ~others;
        for (uint64_t left = own->word[word]; left != 0; left &= left - 1) { // bound: 64
            if (pool->best[word * 64 + (uint32_t)__builtin_ctzll(left)] == NULL) {
                own->word[word] &= ~(left & -left);
            }
        }
        any |= own->word[word];
    }
    return any != 0;
}

static bool has_all(const struct min_item *item, const struct min_set *own)
{
    for (uint32_t word = 0; word < MIN_WORDS; word++) {
        if ((own->word[word] & ~item->has.word[word]) != 0) {
            return false;
        }
    }
    return true;
}

// Run in. If it is cheaper than *item and touches own it takes its place.
static bool replace(struct min_pool *pool, struct min_item **item, const struct min_set *own,
                    const struct lab_input *in)
{
    struct min_item *other = min_run(pool, in);
    if (other == NULL) {
        return false;
    }
    if (!min_cheaper(other, *item) || !has_all(other, own)) {
        min_item_free(other);
        return false;
    }
    other->kept = true;
    min_pool_add(pool, other);
    *item = other;
    return true;
}

// Make one of them cheaper, as long as it touches own.
static bool polish(struct min_pool *pool, struct min_item **item, const struct min_set *own)
{
    bool cheaper = false;

    for (uint32_t i = 0; i < pool->n_items; i++) {
        if (min_cheaper(pool->item[i], *item) && has_all(pool->item[i], own)) {
            *item = pool->item[i];
            cheaper = true;
        }
    }
    struct lab_input in = min_copy(pool, *item);
    for (uint32_t i = 0; i < min_n_steps(&in); i++) { // bound: keys and deviations
        in = min_copy(pool, *item);
        cheaper = (min_step(&in, i) && replace(pool, item, own, &in)) || cheaper;
        in = min_copy(pool, *item);
    }
    for (uint32_t i = 0; i < POLISH_DRAWS; i++) {
        in = min_copy(pool, *item);
        min_draw_steps(pool, &in);
        cheaper = replace(pool, item, own, &in) || cheaper;
    }
    return cheaper;
}

uint32_t min_pick(struct min_pool *pool, struct min_item **picked)
{
    struct min_set own;
    uint32_t n = pick(pool, picked);
    bool cheaper = true;

    for (uint32_t round = 0; round < POLISH_ROUNDS && cheaper; round++) {
        cheaper = false;
        for (uint32_t i = n; i > 0; i--) { // what was picked last adds least
            if (own_features(pool, picked, n, i - 1, &own)) {
                cheaper = polish(pool, &picked[i - 1], &own) || cheaper;
            } else {
                memmove(&picked[i - 1], &picked[i], (n - i) * sizeof(picked[0]));
                n--;
            }
        }
    }
    return n;
}
