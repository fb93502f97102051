// tests/lab/test_determinism.c -- a run is a function of scenario and choices.
// The same seed gives the same run in one world, in a fresh one, after other runs, and given back
// as the list of deviations that it took. Different seeds give different runs.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/support/worlds.h"

#include <stdio.h>
#include <string.h>

#define N_SEEDS 200u
#define WORDS_MAX 12

static const char *const scenarios[][WORDS_MAX] = {
    {"transport=direct"},
    {"transport=direct", "queue_size=1", "chain=1", "start_idx=65530"},
    {"transport=direct", "queue_size=2", "chain=2", "batch=2", "start_idx=65535", "buffers=24"},
    {"transport=direct", "queue_size=4", "chain=4", "batch=4", "indirect=off", "poll=on"},
    {"transport=direct", "queue_size=8", "chain=8", "batch=3", "event_idx=off", "dma=iommu"},
    {"transport=direct", "queue_size=4", "chain=3", "resets=2", "bytes=300"},
    {"transport=pci"},
    {"transport=pci", "interrupt=intx", "queue_size=2", "start_idx=65530"},
    {"transport=pci", "interrupt=intx", "event_idx=off", "poll=on", "resets=2"},
    {"transport=pci", "dma=iommu", "queue_size=1", "start_idx=65530", "resets=1"},
    {"device=blk", "ops=mix", "bytes=1024", "chain=2", "queue_size=8", "transport=direct"},
    {"device=blk", "ops=mix", "chain=1", "queue_size=4", "transport=pci", "start_idx=65530",
     "batch=2", "resets=2"},
    {"device=blk", "ops=mix", "bytes=2000", "chain=3", "queue_size=8", "interrupt=intx",
     "dma=iommu", "indirect=off"},
    {"device=blk", "buffers=0", "bytes=4096", "chain=2", "queue_size=16", "batch=8",
     "transport=direct"},
    {"transport=pci", "dma=bounce", "queue_size=4", "chain=3", "resets=1"},
    {"device=blk", "ops=mix", "dma=bounce", "chain=2", "bytes=1024", "queue_size=8"},
    {"hostile=driver", "transport=direct", "queue_size=4", "chain=3"},
    {"hostile=device", "transport=direct", "queue_size=4", "chain=3", "poll=on"},
    {"hostile=device", "transport=pci", "queue_size=2"},
    {"hostile=driver", "device=blk", "transport=pci", "ops=mix", "queue_size=4"},
    {"memory=tso", "transport=direct", "queue_size=2", "chain=2", "batch=2"},
    {"memory=tso", "transport=pci", "event_idx=off", "resets=1", "platform=weak-mmio"},
    {"memory=rc11", "transport=direct", "queue_size=2", "chain=2", "batch=2", "start_idx=65534"},
    {"memory=rc11", "transport=pci", "event_idx=off", "resets=1", "interrupt=intx"},
    {"memory=rc11", "device=blk", "ops=mix", "dma=bounce", "chain=2", "bytes=1000"},
    {"memory=rc11", "transport=direct", "bytes=7", "poll=on", "platform=weak-mmio"},
};
#define N_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const struct lab_options options = {.hashing = true, .referees = true};

static void parse(size_t i, struct lab_scenario *s)
{
    lab_scenario_default(s);
    world_words(s, scenarios[i], WORDS_MAX);
    s->budget = 20000;
}

static struct lab *open_world(const struct lab_scenario *s)
{
    return world_open(s, &options);
}

// What a run came to, all of it.
struct result {
    struct vl_verdict verdict;
    struct vl_deviation list[4096];
    uint32_t n;
    uint64_t marks;
};

static void run(struct lab *lab, const struct lab_choices *choices, struct result *r)
{
    memset(r, 0, sizeof(*r));
    const struct vl_verdict *v = lab_run(lab, choices);
    const struct vl_choices *c = &lab_machine(lab)->choices;

    // Texts may hold anything behind their end.
    r->verdict.outcome = v->outcome;
    r->verdict.event = v->event;
    r->verdict.peer_faults = v->peer_faults;
    r->verdict.n_events = v->n_events;
    r->verdict.hash = v->hash;
    (void)snprintf(r->verdict.kind, sizeof(r->verdict.kind), "%s", v->kind);
    (void)snprintf(r->verdict.detail, sizeof(r->verdict.detail), "%s", v->detail);
    r->marks = lab_marks(lab);
    assert_true(c->n_log <= sizeof(r->list) / sizeof(r->list[0]));
    r->n = c->n_log;
    memcpy(r->list, c->log, r->n * sizeof(r->list[0]));
}

static void assert_same(const char *what, size_t scenario, uint64_t seed, const struct result *a,
                        const struct result *b)
{
    if (memcmp(&a->verdict, &b->verdict, sizeof(a->verdict)) != 0 || a->n != b->n ||
        a->marks != b->marks || memcmp(a->list, b->list, a->n * sizeof(a->list[0])) != 0) {
        fail_msg("%s: scenario %zu (%s %s...), seed %llu: hash %016llx and %016llx, %llu and %llu "
                 "events, %u and %u deviations, %s and %s",
                 what, scenario, scenarios[scenario][0],
                 scenarios[scenario][1] != NULL ? scenarios[scenario][1] : "",
                 (unsigned long long)seed, (unsigned long long)a->verdict.hash,
                 (unsigned long long)b->verdict.hash, (unsigned long long)a->verdict.n_events,
                 (unsigned long long)b->verdict.n_events, a->n, b->n, a->verdict.kind,
                 b->verdict.kind);
    }
}

static struct result first[N_SEEDS];
static struct result again;

// Goal: same seed, same run. Method: all seeds in one world, then in reverse order in it and in
// another world, so that each follows another run than before.
static void same_seed_same_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        struct lab_scenario s;
        parse(i, &s);
        struct lab *lab = open_world(&s);
        struct lab *fresh = open_world(&s);
        for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
            const struct lab_choices c = world_seed(seed);
            run(lab, &c, &first[seed]);
        }
        for (uint64_t seed = N_SEEDS; seed-- > 0;) {
            const struct lab_choices c = world_seed(seed);
            run(lab, &c, &again);
            assert_same("again", i, seed, &first[seed], &again);
            run(fresh, &c, &again);
            assert_same("in a fresh world", i, seed, &first[seed], &again);
        }
        lab_close(lab);
        lab_close(fresh);
    }
}

// Goal: the deviations that a seeded run took, in canonical order, are the same run as an input,
// which takes the same deviations again; the shuffled list is the same input.
static void deviations_are_the_run(void **state)
{
    (void)state;
    static struct vl_deviation list[4096];

    for (size_t i = 0; i < N_SCENARIOS; i++) {
        struct lab_scenario s;
        parse(i, &s);
        struct lab *lab = open_world(&s);
        struct lab *fresh = open_world(&s);
        for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
            const struct lab_choices c = world_seed(seed);
            run(lab, &c, &first[0]);
            for (uint32_t k = 0; k < first[0].n; k++) {
                list[k] = first[0].list[first[0].n - 1 - k];
            }
            const uint32_t n = vl_deviations_canonical(list, first[0].n);
            assert_int_equal(n, first[0].n);
            const struct lab_choices input = {.source = VL_SOURCE_INPUT, .list = list, .n = n};
            run(fresh, &input, &again);
            assert_same("as an input", i, seed, &first[0], &again);
        }
        lab_close(lab);
        lab_close(fresh);
    }
}

// Goal: seeds matter: most differ from the benign run and from each other.
static void seeds_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        struct lab_scenario s;
        const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
        uint32_t n_distinct = 0;
        parse(i, &s);
        struct lab *lab = open_world(&s);
        run(lab, &benign, &first[0]);
        assert_int_equal(first[0].n, 0);
        assert_int_equal(first[0].verdict.outcome, VL_CLEAN);
        for (uint64_t seed = 0; seed < 50; seed++) {
            const struct lab_choices c = world_seed(seed);
            run(lab, &c, &first[1 + seed]);
            bool seen = false;
            for (uint64_t k = 0; k <= seed && !seen; k++) {
                seen = first[k].verdict.hash == first[1 + seed].verdict.hash;
            }
            n_distinct += !seen;
        }
        if (n_distinct < 25) {
            fail_msg("scenario %zu: only %u of 50 seeds give a run of their own", i, n_distinct);
        }
        lab_close(lab);
    }
}

// Goal: honest halves are clean under every seed. Method: all honest scenarios, all seeds.
static void honest_halves_are_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        struct lab_scenario s;
        parse(i, &s);
        if (s.hostile != LAB_HOSTILE_NONE) {
            continue;
        }
        struct lab *lab = open_world(&s);
        for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
            const struct lab_choices c = world_seed(seed);
            run(lab, &c, &again);
            if (again.verdict.outcome != VL_CLEAN || again.verdict.peer_faults != 0) {
                fail_msg("scenario %zu, seed %llu: %s: %s (peer_faults=%u)", i,
                         (unsigned long long)seed, again.verdict.kind, again.verdict.detail,
                         again.verdict.peer_faults);
            }
        }
        lab_close(lab);
    }
}

// Goal: a world that was opened large, and had other scenarios, gives what a fitting one gives.
static void world_of_another_scenario(void **state)
{
    (void)state;
    char err[LAB_ERR_BYTES] = "";
    struct lab_scenario small;
    struct lab_scenario large;
    lab_scenario_default(&large);
    large.transport = LAB_TRANSPORT_DIRECT;
    large.queue_size = 64;
    large.chain = 16;
    large.bytes = 1024;
    struct lab *big = open_world(&large);
    const struct lab_choices c = world_seed(3);

    run(big, &c, &first[0]);
    for (size_t i = 0; i < 6; i++) {
        parse(i, &small);
        struct lab *fit = open_world(&small);
        // Guest memory is part of a run's start: the same size is asked for.
        lab_close(fit);
        const struct lab_options same = {.hashing = true,
                                         .referees = true,
                                         .mem_bytes = lab_machine(big)->memory.bytes,
                                         .queue_size_max = 64};
        fit = world_open(&small, &same);
        if (!lab_configure(big, &small, err)) {
            fail_msg("%s", err);
        }
        run(fit, &c, &first[0]);
        run(big, &c, &again);
        assert_same("in a larger world", i, 3, &first[0], &again);
        lab_close(fit);
    }
    large.queue_size = 4096;
    assert_false(lab_configure(big, &large, err));
    assert_true(err[0] != '\0');
    lab_close(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(deviations_are_the_run),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(honest_halves_are_clean),
        cmocka_unit_test(world_of_another_scenario),
    };
    return cmocka_run_group_tests_name("lab.determinism", tests, NULL, NULL);
}
