// tests/model/test_weak.c -- tso and rc11 behind the port: what messages and contexts order, and
// data races.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/model/weak_world.h"

// ---- what messages order ------------------------------------------------------------------------

static void device_takes_data(void *ctx)
{
    (void)ctx;
    virtq_await_event(DEV);
    got[0] = get_data(DEV);
    device_sleeps(NULL);
}

static void driver_rings(void *ctx)
{
    (void)ctx;
    const struct virtq_doorbell bell = {.queue_index = 0};
    put_data(DRV, 5);
    virtq_doorbell(DRV, &bell);
}

static void driver_rings_by_register(void *ctx)
{
    (void)ctx;
    const struct virtq_doorbell bell = {.io = {.bytes = 2}};
    put_data(DRV, 5);
    virtq_doorbell(DRV, &bell);
}

static void driver_writes_register(void *ctx)
{
    (void)ctx;
    const struct virtq_mmio io = {.bytes = 8};
    put_data(DRV, 5);
    virtq_mmio_write(DRV, &io, 0, 4, 1);
}

static void driver_posts_write(void *ctx)
{
    (void)ctx;
    const struct virtq_mmio io = {.bytes = 8};
    put_data(DRV, 5);
    virtq_mmio_write(DRV, &io, 4, 4, 1);
}

static void driver_waits_for_interrupt(void *ctx)
{
    (void)ctx;
    virtq_await_event(DRV);
    got[0] = get_data(DRV);
}

static void device_interrupts(void *ctx)
{
    (void)ctx;
    put_data(DEV, 5);
    virtq_interrupt(DEV, 1);
    device_sleeps(NULL);
}

static void device_sets_shared(void *ctx)
{
    (void)ctx;
    put_data(DEV, 5);
    virtq_shared_store(DEV, &shared, 1);
    device_sleeps(NULL);
}

// The trap's load of the word acquires, and the answer to the read hands that on.
static void driver_polls_register(void *ctx)
{
    (void)ctx;
    const struct virtq_mmio io = {.bytes = 8};
    while (virtq_mmio_read(DRV, &io, 0, 4) == 0) { // bound: the device sets it
        virtq_relax(DRV);
    }
    got[0] = get_data(DRV);
}

static void driver_touches_nothing(void *ctx)
{
    (void)ctx;
    put_data(DRV, 5);
    virtq_relax(DRV);
}

static void device_takes_data_at_once(void *ctx)
{
    (void)ctx;
    got[0] = get_data(DEV);
    device_sleeps(NULL);
}

static const struct {
    const char *name;
    void (*driver)(void *);
    void (*device)(void *);
    bool strong; // the data arrives without a race
    bool weak;   // under weak_mmio
} ways[] = {
    {"doorbell", driver_rings, device_takes_data, true, false},
    {"doorbell register", driver_rings_by_register, device_takes_data, true, false},
    {"register write", driver_writes_register, device_takes_data, true, true},
    {"posted register write", driver_posts_write, device_takes_data, true, true},
    {"interrupt", driver_waits_for_interrupt, device_interrupts, true, false},
    {"shared word and register read", driver_polls_register, device_sets_shared, true, true},
    {"nothing", driver_touches_nothing, device_takes_data_at_once, false, false},
};

// Goal: the platform's messages order plain accesses as docs/adr/0013 says, delayed or not, and
// what they do not order is a race; whoever left a barrier out, none that is there is too weak.
static void messages_order(void **state)
{
    const struct vl_deviation late[] = {{.lane = VL_LANE_NOTIFY,
                                         .agent = VL_AGENT_DRIVER,
                                         .key = VL_FIELD_DOORBELL,
                                         .nth = 1,
                                         .value = 9},
                                        {.lane = VL_LANE_NOTIFY,
                                         .agent = VL_AGENT_DRIVER,
                                         .key = VL_FIELD_REGISTER,
                                         .nth = 1,
                                         .value = 9},
                                        {.lane = VL_LANE_NOTIFY,
                                         .agent = VL_AGENT_DEVICE,
                                         .key = VL_FIELD_INTERRUPT,
                                         .nth = 1,
                                         .value = 9}};
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        for (unsigned weak = 0; weak < 2; weak++) {
            for (uint32_t n = 0; n <= 3; n += 3) {
                struct vl_run_config config = usual(VL_MODEL_RC11);
                config.weak_mmio = weak != 0;
                const struct vl_verdict *v = run(&config, ways[i].driver, ways[i].device, late, n);
                const bool ordered = weak != 0 ? ways[i].weak : ways[i].strong;
                if ((v->outcome == VL_CLEAN) != ordered) {
                    fail_msg("%s, weak %u: %s %s", ways[i].name, weak, v->kind, v->detail);
                }
                if (ordered) {
                    assert_int_equal(got[0], 5);
                } else {
                    assert_string_equal(v->kind, "race:buffer");
                    assert_string_equal(v->side, "-");
                    assert_int_equal(v->event, n_events - 1);
                }
            }
        }
    }
}

// Goal: a race is told with both source lines, the barriers of its direction, and the bytes.
static void a_race_says_what_it_is(void **state)
{
    (void)state;
    struct vl_run_config config = usual(VL_MODEL_RC11);
    const struct vl_verdict *v =
        run(&config, driver_touches_nothing, device_takes_data_at_once, NULL, 0);
    const char *first = strstr(v->detail, "tests/model/");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "tests/model/"));
    assert_non_null(strstr(v->detail, "avail-publish and avail-consume do not stand between"));
    assert_non_null(strstr(v->detail, "it could see ..0000000000000000 in place of ..05000000"));
    config.barrier_order[VIRTQ_BARRIER_AVAIL_PUBLISH] = VIRTQ_ACQUIRE;
    v = run(&config, driver_touches_nothing, device_takes_data_at_once, NULL, 0);
    assert_non_null(strstr(v->detail, "avail-publish is acq, and rel would order them"));
    assert_string_equal(v->side, "driver");
    config.barrier_order[VIRTQ_BARRIER_AVAIL_PUBLISH] = 0xFF;
    config.barrier_order[VIRTQ_BARRIER_AVAIL_CONSUME] = VIRTQ_RELAXED;
    v = run(&config, driver_touches_nothing, device_takes_data_at_once, NULL, 0);
    assert_non_null(strstr(v->detail, "avail-consume is rlx, and acq would order them"));
    assert_string_equal(v->side, "device");
}

// ---- old bytes ----------------------------------------------------------------------------------

static void driver_stores_twice(void *ctx)
{
    (void)ctx;
    put_data(DRV, 5);
    store(DRV, X, 1, VIRTQ_RELEASE);
    put_data(DRV, 6);
    virtq_relax(DRV);
}

static void device_looks_behind_flag(void *ctx)
{
    (void)ctx;
    const uint16_t flag = virtq_await16(DEV, &span, X, 0, VIRTQ_ACQUIRE, NONE);
    got[0] = get_data(DEV);
    uint8_t bytes[16];
    virtq_copy_in(DEV, bytes, &span, DATA, 16);
    got[1] = bytes[8];
    got[2] = flag;
    device_sleeps(NULL);
}

// Goal: with races=see a load returns the bytes from before the store that is not ordered with it,
// in words and in payload; an event says so; the run goes on.
static void races_can_be_seen(void **state)
{
    (void)state;
    struct vl_run_config config = usual(VL_MODEL_RC11);
    const struct vl_verdict *v =
        run(&config, driver_stores_twice, device_looks_behind_flag, NULL, 0);
    assert_string_equal(v->kind, "race:buffer");
    config.races_see = true;
    v = run(&config, driver_stores_twice, device_looks_behind_flag, NULL, 0);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(got[2], 1);
    assert_int_equal(got[0], 5);
    assert_int_equal(got[1], 5);
    const uint64_t race = first_of(VL_EV_RACE, 0);
    assert_true(race < n_events);
    assert_int_equal(events[race - 1].kind, VL_EV_LOAD);
    assert_int_equal(events[race - 1].aux, 5);
    assert_int_equal(events[race - 1].reads_from, 1); // the first store of data is event 0
    assert_int_equal(events[race].reads_from, 1 + first_of(VL_EV_STORE, 2));
    assert_int_equal(events[race].addr, VL_REGION0_GPA + DATA);
    assert_int_equal(events[race].value, 1);
    assert_true(first_of(VL_EV_RACE, race + 1) < n_events); // the payload's
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_order),
        cmocka_unit_test(a_race_says_what_it_is),
        cmocka_unit_test(races_can_be_seen),
    };
    return cmocka_run_group_tests_name("model.weak", tests, open_weak_machine, close_machine);
}
