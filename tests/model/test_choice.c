// tests/model/test_choice.c -- choices: canonical lists, values taken modulo the options, counting.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LOG_MAX 4096u
static struct vl_deviation taken[LOG_MAX];
static struct vl_choices choices;

static struct vl_deviation dev(unsigned lane, unsigned agent, unsigned key, uint32_t nth,
                               uint32_t value)
{
    return (struct vl_deviation){.lane = (uint8_t)lane,
                                 .agent = (uint8_t)agent,
                                 .key = (uint16_t)key,
                                 .nth = nth,
                                 .value = value};
}

static void assert_deviation(const struct vl_deviation *d, unsigned lane, unsigned agent,
                             unsigned key, uint32_t nth, uint32_t value)
{
    assert_int_equal(d->lane, lane);
    assert_int_equal(d->agent, agent);
    assert_int_equal(d->key, key);
    assert_int_equal(d->nth, nth);
    assert_int_equal(d->value, value);
}

static void begin(void)
{
    memset(&choices, 0, sizeof(choices));
    choices.log = taken;
    choices.log_max = LOG_MAX;
}

// Goal: no two addresses share a counter. Method: every (lane, agent, key) there is, counted.
static void each_address_has_its_own_counter(void **state)
{
    (void)state;
    static uint8_t used[VL_SLOTS];
    uint32_t n = 0;

    memset(used, 0, sizeof(used));
    for (unsigned lane = 0; lane < VL_LANE_COUNT; lane++) {
        for (unsigned agent = 0; agent < vl_lane_agents[lane]; agent++) {
            for (unsigned key = 0; key < vl_lane_keys[lane]; key++) {
                const uint32_t slot = vl_slot_index(lane, agent, key);
                assert_true(slot < VL_SLOTS);
                assert_int_equal(used[slot], 0);
                used[slot] = 1;
                n++;
            }
        }
    }
    assert_int_equal(n, VL_SLOTS);
}

// Goal: a list in any order, with what says nothing and with several values at one address, becomes
// the one list that means the same. Method: a list of each kind, and all its rotations.
static void canonical_list_is_one(void **state)
{
    (void)state;
    const struct vl_deviation list[] = {
        dev(VL_LANE_NOTIFY, 2, 5, 3, 7),   dev(VL_LANE_SCHEDULE, 1, 0, 9, 1),
        dev(VL_LANE_NOTIFY, 2, 5, 3, 4),   dev(VL_LANE_NOTIFY, 2, 5, 1, 9),
        dev(VL_LANE_WORKLOAD, 0, 3, 1, 0), dev(VL_LANE_WORKLOAD, 0, 3, 0, 2),
        dev(VL_LANE_SCHEDULE, 0, 0, 9, 1), dev(VL_LANE_NOTIFY, 2, 4, 8, 1),
        dev(VL_LANE_NOTIFY, 2, 5, 3, 6),
    };
    enum { N = sizeof(list) / sizeof(list[0]) };

    for (unsigned turn = 0; turn < N; turn++) {
        struct vl_deviation l[N];
        for (unsigned i = 0; i < N; i++) {
            l[i] = list[(i + turn) % N];
        }
        assert_int_equal(vl_deviations_canonical(l, N), 5);
        assert_deviation(&l[0], VL_LANE_SCHEDULE, 0, 0, 9, 1);
        assert_deviation(&l[1], VL_LANE_SCHEDULE, 1, 0, 9, 1);
        assert_deviation(&l[2], VL_LANE_NOTIFY, 2, 4, 8, 1);
        assert_deviation(&l[3], VL_LANE_NOTIFY, 2, 5, 1, 9);
        assert_deviation(&l[4], VL_LANE_NOTIFY, 2, 5, 3, 4);
        assert_int_equal(vl_deviations_canonical(l, 5), 5); // and stays as it is
    }
    assert_int_equal(vl_deviations_canonical(NULL, 0), 0);
}

// Goal: every bit pattern is a valid address: it is brought into range, not dropped and not
// refused.
static void any_address_is_valid(void **state)
{
    (void)state;
    struct vl_deviation l[] = {dev(251, 255, 65535, 1, 5), dev(VL_LANE_WORKLOAD, 3, 64, 2, 1)};

    assert_int_equal(vl_deviations_canonical(l, 2), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(l[i].lane < VL_LANE_COUNT);
        assert_true(l[i].agent < vl_lane_agents[l[i].lane]);
        assert_true(l[i].key < vl_lane_keys[l[i].lane]);
    }
    assert_deviation(&l[0], VL_LANE_WORKLOAD, 0, 0, 2, 1); // one agent: all are agent 0
}

// Goal: heap sort of long lists is right. Method: 3,000 pseudo-random lists of 0..299 addresses.
static void long_lists_are_sorted(void **state)
{
    (void)state;
    uint64_t rng = 1;
    static struct vl_deviation l[300];

    for (uint32_t turn = 0; turn < 3000; turn++) {
        const uint32_t n = turn % 300;
        for (uint32_t i = 0; i < n; i++) {
            const uint64_t r = vl_mix64(&rng);
            l[i] = dev(r & 0xFF, r >> 8 & 0xFF, r >> 16 & 0xFFFF, (uint32_t)(r >> 32) % 4, 1);
        }
        const uint32_t m = vl_deviations_canonical(l, n);
        assert_true(m <= n);
        for (uint32_t i = 1; i < m; i++) {
            assert_true(vl_deviation_compare(&l[i - 1], &l[i]) < 0);
        }
    }
}

// Goal: a deviation acts at its n-th occurrence and nowhere else; each occurrence is counted, also
// those with one option; a value is taken modulo the options there; what was taken is logged.
static void input_acts_at_its_occurrence(void **state)
{
    (void)state;
    const struct vl_deviation list[] = {
        dev(VL_LANE_NOTIFY, 0, 12, 2, 5), dev(VL_LANE_NOTIFY, 0, 12, 3, 70),
        dev(VL_LANE_NOTIFY, 0, 12, 5, 64), dev(VL_LANE_NOTIFY, 1, 12, 1, 3),
        dev(VL_LANE_WORKLOAD, 0, 2, 3, 1)};

    begin();
    vl_choices_from_input(&choices, list, 5);
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 12, 64), 0);
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 12, 64), 5);
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 13, 64), 0); // another key
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 12, 64), 6); // 70 modulo 64
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 12, 64), 0);
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 12, 64), 0); // 64 modulo 64
    assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 1, 12, 64), 3); // another agent
    assert_int_equal(vl_choose(&choices, VL_LANE_WORKLOAD, 4, 2, 1), 0); // one option counts
    assert_int_equal(vl_choose(&choices, VL_LANE_WORKLOAD, 0, 2, 9), 0);
    assert_int_equal(vl_choose(&choices, VL_LANE_WORKLOAD, 5, 2, 9), 1); // third, any agent
    for (unsigned i = 0; i < 100; i++) {                                 // the end means 0
        assert_int_equal(vl_choose(&choices, VL_LANE_NOTIFY, 0, 12, 64), 0);
    }
    assert_int_equal(choices.n_log, 4);
    assert_deviation(&choices.log[0], VL_LANE_NOTIFY, 0, 12, 2, 5);
    assert_deviation(&choices.log[1], VL_LANE_NOTIFY, 0, 12, 3, 6); // as it acted
    assert_deviation(&choices.log[2], VL_LANE_NOTIFY, 1, 12, 1, 3);
    assert_deviation(&choices.log[3], VL_LANE_WORKLOAD, 5, 2, 3, 1);
}

// Draw from all lanes in a fixed pattern; returns a digest of the values.
static uint64_t draw(uint32_t n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        const unsigned lane = i % VL_LANE_COUNT;
        const unsigned agent = i / 3 % vl_lane_agents[lane];
        const unsigned key = i / 7 % 4;
        sum = sum * 31 + vl_choose(&choices, lane, agent, key, 1 + i % 5);
    }
    return sum;
}

// Goal: a seed is a function; what it took, given back as an input, takes the same again.
// Method: 500 seeds with both schedules, drawn twice and then from the logged list.
static void seed_becomes_input(void **state)
{
    (void)state;
    static struct vl_deviation list[LOG_MAX];
    uint32_t n_deviating = 0;
    uint64_t last = 0;
    uint32_t n_distinct = 0;

    for (uint64_t seed = 0; seed < 500; seed++) {
        const enum vl_schedule schedule = seed % 2 == 0 ? VL_SCHEDULE_WALK : VL_SCHEDULE_PCT;
        begin();
        vl_choices_from_seed(&choices, seed, schedule, 3, 0);
        const uint64_t first = draw(3000);
        vl_choices_from_seed(&choices, seed, schedule, 3, 0);
        assert_int_equal(draw(3000), first);
        const uint32_t n = choices.n_log;
        for (uint32_t i = 0; i < n; i++) {
            assert_true(taken[i].lane != VL_LANE_MISCHIEF_DRIVER &&
                        taken[i].lane != VL_LANE_MISCHIEF_DEVICE &&
                        taken[i].lane != VL_LANE_MISCHIEF_PCI); // nobody is hostile here
        }
        memcpy(list, taken, n * sizeof(list[0]));
        assert_int_equal(vl_deviations_canonical(list, n), n); // one value an address, none 0
        vl_choices_from_input(&choices, list, n);
        assert_int_equal(draw(3000), first);
        assert_int_equal(choices.n_log, n);
        n_deviating += n > 0;
        n_distinct += first != last;
        last = first;
    }
    assert_true(n_deviating > 450);
    assert_true(n_distinct > 450);
}

// Goal: a hostile lane deviates when it may, only then.
static void hostile_lanes_are_asked_for(void **state)
{
    (void)state;
    uint32_t n_hostile = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        begin();
        vl_choices_from_seed(&choices, seed, VL_SCHEDULE_WALK, 0, 1u << VL_LANE_MISCHIEF_DEVICE);
        (void)draw(3000);
        for (uint32_t i = 0; i < choices.n_log; i++) {
            assert_true(taken[i].lane != VL_LANE_MISCHIEF_DRIVER);
            assert_true(taken[i].lane != VL_LANE_MISCHIEF_PCI);
            n_hostile += taken[i].lane == VL_LANE_MISCHIEF_DEVICE;
        }
    }
    assert_true(n_hostile > 0);
}

// Goal: PCT preempts at most depth - 1 times.
static void pct_has_its_depth(void **state)
{
    (void)state;
    uint32_t most = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        uint32_t n = 0;
        begin();
        vl_choices_from_seed(&choices, seed, VL_SCHEDULE_PCT, 4, 0);
        for (uint32_t i = 0; i < 5000; i++) {
            n += vl_choose(&choices, VL_LANE_SCHEDULE, i % 2, 0, 3) != 0;
        }
        assert_true(n <= 3);
        most = n > most ? n : most;
    }
    assert_int_equal(most, 3);
}

// Goal: a full log ends deviating, so that what was logged is what was done.
static void full_log_ends_deviating(void **state)
{
    (void)state;
    static struct vl_deviation list[LOG_MAX];

    for (uint64_t seed = 0; seed < 20; seed++) {
        begin();
        choices.log_max = 5;
        vl_choices_from_seed(&choices, seed, VL_SCHEDULE_WALK, 0, 0);
        const uint64_t first = draw(3000);
        assert_true(choices.n_log <= 5);
        memcpy(list, taken, sizeof(list[0]) * choices.n_log);
        const uint32_t n = vl_deviations_canonical(list, choices.n_log);
        choices.log_max = LOG_MAX;
        vl_choices_from_input(&choices, list, n);
        assert_int_equal(draw(3000), first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_own_counter),
        cmocka_unit_test(canonical_list_is_one),
        cmocka_unit_test(any_address_is_valid),
        cmocka_unit_test(long_lists_are_sorted),
        cmocka_unit_test(input_acts_at_its_occurrence),
        cmocka_unit_test(seed_becomes_input),
        cmocka_unit_test(hostile_lanes_are_asked_for),
        cmocka_unit_test(pct_has_its_depth),
        cmocka_unit_test(full_log_ends_deviating),
    };
    return cmocka_run_group_tests_name("model.choice", tests, NULL, NULL);
}
