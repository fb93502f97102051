// tests/model/test_weak_words.c -- tso and rc11 behind the port: what ring words may be seen, wide
// and odd accesses, bounds, waits that end, store buffers.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/model/weak_world.h"

// ---- rc11 words ---------------------------------------------------------------------------------

static void driver_counts(void *ctx)
{
    (void)ctx;
    for (uint16_t i = 1; i <= 3; i++) {
        store(DRV, X, i, VIRTQ_RELAXED);
    }
    virtq_relax(DRV);
}

static void device_loads_four_times(void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < 4; i++) {
        got[i] = load(DEV, X, VIRTQ_RELAXED);
    }
    device_sleeps(NULL);
}

// Goal: a load sees the store that its choice names, back from the newest; coherence holds; the
// event names the store.
static void loads_choose(void **state)
{
    (void)state;
    const struct vl_run_config config = usual(VL_MODEL_RC11);
    const struct vl_deviation list[] = {
        at(VL_LANE_READ, VL_AGENT_DEVICE, 1, 3), at(VL_LANE_READ, VL_AGENT_DEVICE, 2, 1),
        at(VL_LANE_READ, VL_AGENT_DEVICE, 3, 1), at(VL_LANE_READ, VL_AGENT_DEVICE, 4, 2)};
    const struct vl_verdict *v = run(&config, driver_counts, device_loads_four_times, list, 4);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(got[0], 0); // as at the start
    assert_int_equal(got[1], 2);
    assert_int_equal(got[2], 2); // one back again, of two
    assert_int_equal(got[3], 3); // two options: the second choice is the newest
    const uint64_t first = first_of(VL_EV_LOAD, 0);
    assert_int_equal(events[first].reads_from, 0);
    assert_int_equal(events[first + 1].reads_from, 2);
}

static void device_stores_between(void *ctx)
{
    (void)ctx;
    store(DEV, X, 9, VIRTQ_RELAXED);
    got[0] = load(DEV, X, VIRTQ_RELAXED);
    device_sleeps(NULL);
}

// Goal: a store goes where its choice says; its event names what it stands before, and memory keeps
// the newest.
static void stores_choose(void **state)
{
    (void)state;
    const struct vl_run_config config = usual(VL_MODEL_RC11);
    const struct vl_deviation list[] = {at(VL_LANE_STORE, VL_AGENT_DEVICE, 1, 2)};
    const struct vl_verdict *v = run(&config, driver_counts, device_stores_between, list, 1);
    assert_int_equal(v->outcome, VL_CLEAN);
    const uint64_t stored = first_of(VL_EV_STORE, 3);
    assert_int_equal(events[stored].value, 9);
    assert_int_equal(events[stored].reads_from, 2); // before the store of 2, event 1
    assert_int_equal(machine.memory.host[X], 3);
    assert_int_equal(got[0], 3);
    (void)run(&config, driver_counts, device_stores_between, NULL, 0);
    assert_int_equal(events[stored].reads_from, 0);
    assert_int_equal(machine.memory.host[X], 9);
}

static void driver_stores_halves(void *ctx)
{
    (void)ctx;
    store(DRV, WORD, 1, VIRTQ_RELAXED);
    store(DRV, WORD + 2, 1, VIRTQ_RELAXED);
    virtq_relax(DRV);
}

static void driver_stores_word(void *ctx)
{
    (void)ctx;
    virtq_store32(DRV, &span, WORD, 0x00010001, VIRTQ_RELAXED, NONE);
    virtq_relax(DRV);
}

static void device_loads_word(void *ctx)
{
    (void)ctx;
    got[0] = virtq_load32(DEV, &span, WORD, VIRTQ_RELAXED, NONE);
    device_sleeps(NULL);
}

static void device_loads_halves(void *ctx)
{
    (void)ctx;
    got[0] = load(DEV, WORD, VIRTQ_RELAXED) | (uint64_t)load(DEV, WORD + 2, VIRTQ_RELAXED) << 16;
    device_sleeps(NULL);
}

// Goal: in rc11 the words of one access are not ordered with each other: it tears in every way. In
// tso it is one step.
static void wide_accesses(void **state)
{
    static void (*const drivers[])(void *) = {driver_stores_halves, driver_stores_word};
    (void)state;
    for (unsigned d = 0; d < 2; d++) {
        const struct vl_run_config rc11 = usual(VL_MODEL_RC11);
        uint32_t seen = 0;
        for (uint32_t choice = 0; choice < 4; choice++) {
            const struct vl_deviation list[] = {at(VL_LANE_READ, VL_AGENT_DEVICE, 1, choice)};
            const uint32_t n = choice != 0;
            const struct vl_verdict *v = run(&rc11, drivers[d], device_loads_word, list, n);
            assert_int_equal(v->outcome, VL_CLEAN);
            seen |= 1u << ((got[0] & 1u) | (got[0] >> 15 & 2u));
        }
        assert_int_equal(seen, 15);
        seen = 0;
        for (uint32_t choice = 0; choice < 4; choice++) {
            const struct vl_deviation list[] = {at(VL_LANE_READ, VL_AGENT_DEVICE, 1, choice & 1u),
                                                at(VL_LANE_READ, VL_AGENT_DEVICE, 2, choice >> 1)};
            struct vl_deviation kept[2];
            memcpy(kept, list, sizeof(kept));
            const uint32_t n = vl_deviations_canonical(kept, 2);
            (void)run(&rc11, drivers[d], device_loads_halves, kept, n);
            seen |= 1u << ((got[0] & 1u) | (got[0] >> 15 & 2u));
        }
        assert_int_equal(seen, 15);
    }
    const struct vl_run_config tso = usual(VL_MODEL_TSO);
    for (uint32_t delay = 0; delay < 12; delay++) {
        const struct vl_deviation list[] = {at(VL_LANE_STORE, VL_AGENT_DRIVER, 1, delay)};
        (void)run(&tso, driver_stores_word, device_loads_word, list, delay != 0);
        assert_true(got[0] == 0 || got[0] == 0x00010001);
    }
}

static void driver_loads_byte(void *ctx)
{
    (void)ctx;
    got[0] = virtq_load8(DRV, &span, X, VIRTQ_RELAXED, NONE);
}

static void driver_stores_at_odd_address(void *ctx)
{
    (void)ctx;
    store(DRV, X + 1, 7, VIRTQ_RELEASE);
}

static void driver_stores_plain_at_odd_address(void *ctx)
{
    (void)ctx;
    store(DRV, X + 1, 7, VIRTQ_PLAIN);
}

// Goal: what the models do not know is refused, with who and where; sc takes it.
static void what_is_not_modelled_is_refused(void **state)
{
    static void (*const bad[])(void *) = {driver_loads_byte, driver_stores_at_odd_address};
    (void)state;
    for (unsigned model = 0; model < VL_MODEL_COUNT; model++) {
        const struct vl_run_config config = usual((enum vl_model)model);
        for (unsigned i = 0; i < 2; i++) {
            const struct vl_verdict *v = run(&config, bad[i], device_sleeps, NULL, 0);
            if (model == VL_MODEL_SC) {
                assert_int_equal(v->outcome, VL_CLEAN);
                continue;
            }
            assert_string_equal(v->kind, "memory:not-modelled");
            assert_string_equal(v->side, "driver");
            assert_non_null(strstr(v->detail, "tests/model/"));
        }
        assert_int_equal(
            run(&config, driver_stores_plain_at_odd_address, device_sleeps, NULL, 0)->outcome,
            VL_CLEAN);
    }
}

static void device_loads_plain(void *ctx)
{
    (void)ctx;
    got[0] = load(DEV, X, VIRTQ_PLAIN);
    device_sleeps(NULL);
}

static void device_loads_one_byte(void *ctx)
{
    (void)ctx;
    got[0] = virtq_load8(DEV, &span, X + 1, VIRTQ_PLAIN, NONE);
    device_sleeps(NULL);
}

static void driver_looks(void *ctx)
{
    (void)ctx;
    got[1] = load(DRV, X, VIRTQ_RELAXED); // of what nobody has stored
}

static void device_stores_plain(void *ctx)
{
    (void)ctx;
    store(DEV, X, 1, VIRTQ_PLAIN);
    device_sleeps(NULL);
}

// Goal: a plain access of a word, or of one byte of it, that the other side accesses with an order
// is a race, too, also where that was only looked at.
static void plain_against_ordered(void **state)
{
    (void)state;
    const struct vl_run_config config = usual(VL_MODEL_RC11);
    const struct vl_verdict *v = run(&config, driver_counts, device_loads_plain, NULL, 0);
    assert_string_equal(v->kind, "race:buffer");
    v = run(&config, driver_counts, device_loads_one_byte, NULL, 0);
    assert_string_equal(v->kind, "race:buffer");
    v = run(&config, driver_looks, device_stores_plain, NULL, 0);
    assert_string_equal(v->kind, "race:buffer");
}

static void driver_stores_for_ever(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < 2 * VL_WEAK_POOL; i++) {
        store(DRV, X, (uint16_t)i, VIRTQ_RELAXED);
        if (i % 64 == 0) {
            virtq_relax(DRV);
        }
    }
}

static void device_follows(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the machine ends the run
        got[0] = load(DEV, X, VIRTQ_RELAXED);
        virtq_relax(DEV);
    }
}

// Goal: histories do not grow where somebody looks, and say so where nobody does.
static void histories_are_bounded(void **state)
{
    (void)state;
    struct vl_run_config config = usual(VL_MODEL_RC11);
    const struct vl_verdict *v = run(&config, driver_stores_for_ever, device_sleeps, NULL, 0);
    assert_string_equal(v->kind, "memory:history-full");
    v = run(&config, driver_stores_for_ever, device_follows, NULL, 0);
    assert_int_not_equal(v->outcome, VL_FINDING);
    assert_true(machine.weak->rc.n_live < 200);
}

// ---- waits --------------------------------------------------------------------------------------

static void driver_sets_flag(void *ctx)
{
    (void)ctx;
    store(DRV, X, 1, VIRTQ_RELEASE);
}

static void device_awaits_flag(void *ctx)
{
    (void)ctx;
    got[0] = virtq_await16(DEV, &span, X, 0, VIRTQ_ACQUIRE, NONE);
    device_sleeps(NULL);
}

// Goal: a wait ends although loads in it saw the old value, and although the store that it waits
// for was under way when nothing else could run.
static void waits_end(void **state)
{
    struct vl_deviation stale[40];
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        stale[i] = at(VL_LANE_READ, VL_AGENT_DEVICE, i + 1, 1);
    }
    const struct vl_run_config rc11 = usual(VL_MODEL_RC11);
    assert_int_equal(run(&rc11, driver_sets_flag, device_awaits_flag, stale, 40)->outcome,
                     VL_CLEAN);
    assert_int_equal(got[0], 1);
    const struct vl_run_config tso = usual(VL_MODEL_TSO);
    const struct vl_deviation late[] = {at(VL_LANE_STORE, VL_AGENT_DRIVER, 1, 63)};
    assert_int_equal(run(&tso, driver_sets_flag, device_awaits_flag, late, 1)->outcome, VL_CLEAN);
    assert_int_equal(got[0], 1);
    const uint64_t drain = first_of(VL_EV_DRAIN, 0);
    assert_true(drain < first_of(VL_EV_QUIESCENT, 0));
    assert_int_equal(events[drain].agent, VL_AGENT_DRIVER);
    assert_int_equal(events[drain].reads_from, 1 + first_of(VL_EV_STORE, 0));
    assert_int_equal(events[drain].value, 1);
    assert_int_equal(events[drain].addr, VL_REGION0_GPA + X);
}

// ---- store buffers ------------------------------------------------------------------------------

static void driver_buffers(void *ctx)
{
    (void)ctx;
    store(DRV, X, 1, VIRTQ_RELEASE);
    got[0] = load(DRV, X, VIRTQ_ACQUIRE);
    got[1] = machine.memory.host[X];
    store(DRV, Y, 1, VIRTQ_RELEASE); // no delay of its own, but there is one ahead of it
    got[2] = machine.memory.host[Y];
    virtq_fence(DRV, VIRTQ_ACQ_REL, NONE);
    got[3] = machine.memory.host[X];
    virtq_fence(DRV, VIRTQ_SEQ_CST, NONE);
    got[4] = machine.memory.host[X] + machine.memory.host[Y];
}

static void driver_locks(void *ctx)
{
    (void)ctx;
    store(DRV, X, 1, VIRTQ_RELEASE);
    virtq_store16(DRV, &span, Y, 1, VIRTQ_SEQ_CST, NONE);
    got[0] = machine.memory.host[X] + machine.memory.host[Y];
    store(DRV, X, 2, VIRTQ_RELEASE);
    virtq_fill(DRV, &span, DATA, 7, 4); // waits behind the store
    got[5] = machine.memory.host[X] + machine.memory.host[DATA];
    virtq_fill(DRV, &span, MEM - 20, 7, 20);
    got[1] = machine.memory.host[X];
    got[6] = machine.memory.host[DATA];
    store(DRV, X, 3, VIRTQ_RELEASE);
    (void)virtq_shared_exchange(DRV, &shared, 1);
    got[2] = machine.memory.host[X];
    store(DRV, X, 4, VIRTQ_RELEASE);
    const struct virtq_mmio io = {.bytes = 8};
    (void)virtq_mmio_read(DRV, &io, 0, 4);
    got[3] = machine.memory.host[X];
    store(DRV, X, 5, VIRTQ_RELEASE);
    const struct virtq_doorbell bell = {.queue_index = 0};
    virtq_doorbell(DRV, &bell);
    got[4] = machine.memory.host[X];
}

// Goal: a delayed store is seen by its agent alone, in order with those behind it, until a full
// fence or anything locked; other fences wait for nothing.
static void store_buffers(void **state)
{
    struct vl_deviation late[8];
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        late[i] = at(VL_LANE_STORE, VL_AGENT_DRIVER, i + 1, 60);
    }
    struct vl_run_config config = usual(VL_MODEL_TSO);
    (void)run(&config, driver_buffers, device_sleeps, late, 1);
    static const uint64_t buffered[5] = {1, 0, 0, 0, 2};
    assert_memory_equal(got, buffered, sizeof(buffered));
    const uint64_t loaded = first_of(VL_EV_LOAD, 0);
    assert_int_equal(events[loaded].reads_from, 1);
    assert_int_equal(first_of(VL_EV_DRAIN, 0),
                     first_of(VL_EV_FENCE, first_of(VL_EV_FENCE, 0) + 1) - 2);
    (void)run(&config, driver_locks, device_sleeps, late, 8);
    static const uint64_t locked[7] = {2, 2, 3, 4, 5, 1, 7};
    assert_memory_equal(got, locked, sizeof(locked));
    config.weak_mmio = true; // the doorbell passes the store
    (void)run(&config, driver_locks, device_sleeps, late, 8);
    assert_int_equal(got[3], 4);
    assert_int_equal(got[4], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_choose),
        cmocka_unit_test(stores_choose),
        cmocka_unit_test(wide_accesses),
        cmocka_unit_test(what_is_not_modelled_is_refused),
        cmocka_unit_test(plain_against_ordered),
        cmocka_unit_test(histories_are_bounded),
        cmocka_unit_test(waits_end),
        cmocka_unit_test(store_buffers),
    };
    return cmocka_run_group_tests_name("model.weak_words", tests, open_weak_machine, close_machine);
}
