// tests/lab/test_weak.c -- the real halves under tso and rc11: with all barriers in force every
// seed is clean; each barrier that a model needs is missed when it is too weak, and the others are
// not; a weak platform loses notifications; races can be looked at.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/support/worlds.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 12

static struct lab *open_world(const char *const *words, const char *more)
{
    struct lab_scenario s;
    const struct lab_options options = {.referees = true};

    lab_scenario_default(&s);
    s.budget = 50000;
    world_words(&s, words, WORDS_MAX);
    world_words(&s, &more, 1);
    return world_open(&s, &options);
}

static const struct vl_verdict *seeded(struct lab *lab, uint64_t seed)
{
    const struct lab_choices c = world_seed(seed);
    return lab_run(lab, &c);
}

// First finding among n seeds, or NULL.
static const struct vl_verdict *find(struct lab *lab, uint64_t n)
{
    for (uint64_t seed = 0; seed < n; seed++) {
        const struct vl_verdict *v = seeded(lab, seed);
        if (v->outcome == VL_FINDING) {
            return v;
        }
    }
    return NULL;
}

static void expect_clean(const char *const *words, const char *more, uint64_t n)
{
    struct lab *lab = open_world(words, more);
    const struct vl_verdict *v = find(lab, n);
    if (v != NULL) {
        fail_msg("%s %s: %s %s: %s", words[0], more, v->kind, v->side, v->detail);
    }
    lab_close(lab);
}

static void expect_finding(const char *const *words, const char *more, uint64_t n, const char *kind,
                           const char *side)
{
    struct lab *lab = open_world(words, more);
    const struct vl_verdict *v = find(lab, n);
    if (v == NULL) {
        fail_msg("%s %s: nothing found in %u seeds", words[0], more, (unsigned)n);
    } else if (strncmp(v->kind, kind, strlen(kind)) != 0 ||
               (side != NULL && strcmp(v->side, side) != 0)) {
        fail_msg("%s %s: found %s %s: %s", words[0], more, v->kind, v->side, v->detail);
    }
    lab_close(lab);
}

// ---- clean --------------------------------------------------------------------------------------

// Goal: no model finds anything in halves whose barriers are in force, whatever the platform.
static void barriers_in_force_are_enough(void **state)
{
    static const char *const scenarios[][WORDS_MAX] = {
        {"transport=direct"},
        {"transport=direct", "queue_size=1", "start_idx=65530", "buffers=24"},
        {"transport=direct", "queue_size=2", "chain=2", "batch=2", "bytes=3", "poll=on"},
        {"transport=pci", "event_idx=off", "queue_size=2", "buffers=24", "resets=2"},
        {"transport=pci", "interrupt=intx", "queue_size=4", "batch=2", "dma=bounce", "bytes=33"},
        {"device=blk", "ops=mix", "chain=2", "bytes=1024", "transport=direct", "resets=1"},
    };
    static const char *const models[] = {"memory=tso", "memory=rc11"};
    static const char *const platforms[] = {"platform=strong", "platform=weak-mmio"};
    (void)state;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        for (unsigned m = 0; m < 2; m++) {
            for (unsigned p = 0; p < 2; p++) {
                const char *words[WORDS_MAX + 1] = {models[m]};
                for (unsigned w = 0; w + 1 < WORDS_MAX && scenarios[i][w] != NULL; w++) {
                    words[w + 1] = scenarios[i][w];
                }
                expect_clean(words, platforms[p], 150);
            }
        }
    }
}

// ---- barriers -----------------------------------------------------------------------------------

static const char *const event_idx[2][WORDS_MAX] = {
    {"memory=tso", "transport=direct", "queue_size=2", "buffers=24", "event_idx=on"},
    {"memory=rc11", "transport=direct", "queue_size=2", "buffers=24", "event_idx=on"},
};
static const char *const flags[2][WORDS_MAX] = {
    {"memory=tso", "transport=direct", "queue_size=2", "buffers=24", "event_idx=off"},
    {"memory=rc11", "transport=direct", "queue_size=2", "buffers=24", "event_idx=off"},
};

static const struct {
    const char *name;
    const char *side; // whom a race blames; NULL: it is a full fence
    const char *lost; // what is lost without the full fence
    bool weak[5];     // none, acq, rel, ar, sc: too weak
} barriers[] = {
    {"avail-publish", "driver", NULL, {true, true, false, false, false}},
    {"avail-consume", "device", NULL, {true, false, true, false, false}},
    {"used-publish", "device", NULL, {true, true, false, false, false}},
    {"used-consume", "driver", NULL, {true, false, true, false, false}},
    {"kick-check", NULL, "liveness:lost-kick", {true, true, true, true, false}},
    {"kick-rearm", NULL, "liveness:lost-kick", {true, true, true, true, false}},
    {"irq-check", NULL, "liveness:lost-interrupt", {true, true, true, true, false}},
    {"irq-rearm", NULL, "liveness:lost-interrupt", {true, true, true, true, false}},
};
static const char *const strengths[5] = {"none", "acq", "rel", "ar", "sc"};

// Goal: each barrier, at each strength, is missed where it is too weak, and nowhere else: under
// rc11 all eight count, under tso the four full fences. Both ways of suppression.
static void each_barrier_at_each_strength(void **state)
{
    (void)state;
    for (size_t b = 0; b < sizeof(barriers) / sizeof(barriers[0]); b++) {
        for (unsigned s = 0; s < 5; s++) {
            char fault[64];
            (void)snprintf(fault, sizeof(fault), "fault=barrier:%s=%s", barriers[b].name,
                           strengths[s]);
            for (unsigned m = 0; m < 2; m++) {
                const bool fence = barriers[b].side == NULL;
                const bool missed = barriers[b].weak[s] && (fence || m == 1);
                const char *kind = fence ? barriers[b].lost : "race:";
                if (missed) {
                    expect_finding(event_idx[m], fault, 1000, kind, barriers[b].side);
                    expect_finding(flags[m], fault, 1000, kind, barriers[b].side);
                } else {
                    expect_clean(event_idx[m], fault, 60);
                    expect_clean(flags[m], fault, 60);
                }
            }
        }
    }
}

// Goal: a race of the real halves names both source files, the barrier, and the bytes.
static void a_race_names_its_places(void **state)
{
    (void)state;
    struct lab *lab = open_world(event_idx[1], "fault=barrier:avail-publish=none");
    const struct vl_verdict *v = find(lab, 100);
    assert_non_null(v);
    assert_non_null(strstr(v->detail, "(device/vdev_queue.c:"));
    assert_non_null(strstr(v->detail, "(driver/vdrv_queue.c:"));
    assert_non_null(strstr(v->detail, "avail-publish is rlx, and rel would order them"));
    assert_true(strstr(v->detail, "it could see ") != NULL ||
                strstr(v->detail, "the bytes before it were the same") != NULL);
    lab_close(lab);
}

// Goal: where races are looked at, the bytes from before are really returned, and do harm: some
// seed ends in a finding of another referee.
static void races_do_harm(void **state)
{
    static const char *const faults[] = {
        "fault=barrier:avail-publish=none", "fault=barrier:avail-consume=none",
        "fault=barrier:used-publish=none", "fault=barrier:used-consume=none"};
    static const char *const words[WORDS_MAX] = {"memory=rc11", "transport=direct", "queue_size=2",
                                                 "buffers=24", "races=see"};
    (void)state;
    expect_clean(words, NULL, 100);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct lab *lab = open_world(words, faults[i]);
        const struct vl_verdict *v = find(lab, 200);
        if (v == NULL) {
            fail_msg("%s: no harm", faults[i]);
        } else if (strncmp(v->kind, "race:", 5) == 0) {
            fail_msg("%s: ended by the race itself: %s", faults[i], v->kind);
        }
        lab_close(lab);
    }
}

// ---- platform -----------------------------------------------------------------------------------

// True if one of n seeds loses a notification that was sent.
static bool loses_what_was_sent(const char *const *words, const char *more, uint64_t n)
{
    struct lab *lab = open_world(words, more);
    bool lost = false;
    for (uint64_t seed = 0; seed < n && !lost; seed++) {
        const struct vl_verdict *v = seeded(lab, seed);
        lost = v->outcome == VL_FINDING &&
               strstr(v->detail, "was notified of them, and did not find them") != NULL;
    }
    lab_close(lab);
    return lost;
}

// Goal: a doorbell, or an MSI, that orders nothing arrives before what it tells of, unless a full
// fence stands between; one that orders does not.
static void weak_mmio_loses(void **state)
{
    static const char *const models[] = {"memory=tso", "memory=rc11"};
    static const char *const faults[] = {"fault=barrier:kick-check=none",
                                         "fault=barrier:irq-check=none"};
    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        for (unsigned f = 0; f < 2; f++) {
            const char *words[WORDS_MAX] = {models[m], "transport=direct", "queue_size=1",
                                            "event_idx=off", faults[f]};
            assert_false(loses_what_was_sent(words, "platform=strong", 1000));
            if (!loses_what_was_sent(words, "platform=weak-mmio", 5000)) {
                fail_msg("%s %s: weak-mmio loses nothing", models[m], faults[f]);
            }
        }
    }
}

// ---- scenarios ----------------------------------------------------------------------------------

// Goal: what a weaker model cannot be combined with is refused in words.
static void refused_combinations(void **state)
{
    static const char *const bad[][3] = {
        {"memory=tso", "hostile=driver", "hostile=driver needs memory=sc"},
        {"memory=rc11", "hostile=device", "hostile=device needs memory=sc"},
        {"memory=tso", "races=see", "needs memory=rc11"},
        {"memory=sc", "platform=weak-mmio", "needs memory=tso or rc11"},
        {"memory=pso", "races=stop", "use one of: sc, tso, rc11"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lab_scenario s;
        char err[256] = "";
        lab_scenario_default(&s);
        assert_false(lab_scenario_set(&s, bad[i][0], err) && lab_scenario_set(&s, bad[i][1], err) &&
                     lab_scenario_check(&s, err));
        assert_non_null(strstr(err, bad[i][2]));
    }
}

// Goal: a driver that waits for a register after it has looked at the ring once does not wait for
// the ring: with counters, polling and resets in the middle of the work.
static void counters_survive_resets(void **state)
{
    static const char *const direct[WORDS_MAX] = {
        "transport=direct", "notify=counter", "poll=on", "resets=2", "buffers=20", "queue_size=2"};
    static const char *const pci[WORDS_MAX] = {"transport=pci", "notify=counter", "poll=on",
                                               "resets=2",      "buffers=20",     "queue_size=4",
                                               "device=blk",    "ops=mix"};
    (void)state;
    expect_clean(direct, NULL, 200);
    expect_clean(direct, "memory=rc11", 200);
    expect_clean(pci, "memory=tso", 100);
}

// Goal: a driver that was away for so long that the log has forgotten what it did last waits for no
// word that it loaded once. Method: queues so deep that the device has work for that time.
static void counters_outlast_the_log(void **state)
{
    static const char *const words[WORDS_MAX] = {"transport=direct", "notify=counter",
                                                 "poll=on",          "device=blk",
                                                 "queue_size=64",    "buffers=60"};
    (void)state;
    expect_clean(words, NULL, 200);
}

// Goal: a world without room for weaker models says so; one with room goes from model to model,
// and each run is what it is in a world of its own.
static void worlds_change_model(void **state)
{
    static const char *const words[WORDS_MAX] = {"transport=direct", "queue_size=2"};
    static const char *const models[] = {"memory=rc11", "memory=sc", "memory=tso", "memory=rc11",
                                         "memory=tso"};
    char err[256] = "";
    struct lab_scenario s;
    const struct lab_options options = {.referees = true, .hashing = true, .weak = true};
    (void)state;

    struct lab *plain = open_world(words, NULL);
    lab_scenario_default(&s);
    world_words(&s, words, WORDS_MAX);
    struct lab *lab = world_open(&s, &options);
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        world_words(&s, &models[i], 1);
        assert_int_equal(lab_configure(plain, &s, err), s.memory == LAB_MEMORY_SC);
        assert_true(lab_configure(lab, &s, err));
        struct lab *own = world_open(&s, &options);
        for (uint64_t seed = 0; seed < 20; seed++) {
            const uint64_t hash = seeded(lab, seed)->hash;
            assert_int_equal(hash, seeded(own, seed)->hash);
        }
        lab_close(own);
    }
    // Long runs and short ones in turn: what a long one left must not reach past a short one.
    for (uint64_t i = 0; i < 36; i++) {
        const char *const next[] = {models[i * i % 5], i % 4 == 0 ? "buffers=40" : "buffers=1"};
        world_words(&s, next, 2);
        assert_true(lab_configure(lab, &s, err));
        struct lab *own = world_open(&s, &options);
        const struct vl_verdict *v = seeded(lab, i);
        assert_string_equal(v->kind, "-");
        const uint64_t hash = v->hash;
        assert_int_equal(hash, seeded(own, i)->hash);
        lab_close(own);
    }
    lab_close(lab);
    lab_close(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(barriers_in_force_are_enough),
        cmocka_unit_test(each_barrier_at_each_strength),
        cmocka_unit_test(a_race_names_its_places),
        cmocka_unit_test(races_do_harm),
        cmocka_unit_test(weak_mmio_loses),
        cmocka_unit_test(refused_combinations),
        cmocka_unit_test(counters_survive_resets),
        cmocka_unit_test(counters_outlast_the_log),
        cmocka_unit_test(worlds_change_model),
    };
    return cmocka_run_group_tests_name("lab.weak", tests, NULL, NULL);
}
