// tests/model/test_turns.c -- the lanes of schedules: preempted, put off, first or last.
// Two small bodies make numbered port calls; who made each one is the result.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/model/machine_world.h"

#define WHO_MAX 64u
#define N_CALLS 6u

static char who[WHO_MAX + 1]; // 'r' or 'D' for each store
static uint32_t n_who;

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    (void)ctx;
    (void)seq;
    (void)payload;
    if (ev->kind == VL_EV_STORE && n_who < WHO_MAX) {
        who[n_who++] = ev->agent == VL_AGENT_DEVICE ? 'D' : 'r';
        who[n_who] = '\0';
    }
}

static void store(struct virtq_port *port, uint32_t off)
{
    virtq_store32(port, &span, off, 1, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}

static void driver_body(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < N_CALLS; i++) {
        store(DRV, 0);
    }
}

static void device_body(void *ctx)
{
    for (uint32_t i = 0; i < N_CALLS; i++) {
        store(DEV, 4);
    }
    device_sleeps(ctx);
}

// A device that stores once each time that it is notified, and a driver that rings after each.
static void sleepy_device(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the machine ends the run
        virtq_await_event(DEV);
        store(DEV, 4);
    }
}

static void ringing_driver(void *ctx)
{
    (void)ctx;
    const struct virtq_doorbell bell = {.queue_index = 0};
    for (uint32_t i = 0; i < 3; i++) {
        store(DRV, 0);
        virtq_doorbell(DRV, &bell);
    }
}

static void run(void (*driver)(void *), void (*device)(void *), const struct vl_deviation *list,
                uint32_t n)
{
    const struct vl_run_config config = config_of(1000);
    const struct bodies bodies = {.driver = driver, .device = device, .on_event = on_event};
    n_who = 0;
    who[0] = '\0';
    assert_int_equal(run_bodies(&config, &bodies, list, n)->outcome, VL_CLEAN);
}

static struct vl_deviation dev(unsigned lane, unsigned agent, uint32_t nth, uint32_t value)
{
    return (struct vl_deviation){
        .lane = (uint8_t)lane, .agent = (uint8_t)agent, .nth = nth, .value = value};
}

// Goal: who is put off comes back when others have begun that many port calls, or sleep; a value
// is taken modulo the options.
static void delays_come_back(void **state)
{
    (void)state;
    const struct vl_deviation two = dev(VL_LANE_DELAY, VL_AGENT_DRIVER, 3, 2);
    const struct vl_deviation nested[] = {dev(VL_LANE_DELAY, VL_AGENT_DRIVER, 2, 3),
                                          dev(VL_LANE_DELAY, VL_AGENT_DEVICE, 2, 1)};
    const struct vl_deviation late = dev(VL_LANE_DELAY, VL_AGENT_DRIVER, 3, 200);
    const struct vl_deviation none = dev(VL_LANE_DELAY, VL_AGENT_DRIVER, 3, VL_PUT_OFF_OPTIONS);

    run(driver_body, device_body, NULL, 0);
    assert_string_equal(who, "rrrrrrDDDDDD");
    run(driver_body, device_body, &two, 1);
    assert_string_equal(who, "rrDDrrrrDDDD");
    run(driver_body, device_body, nested, 2);
    assert_string_equal(who, "rDrrDDDDDrrr"); // the driver ends its second call, begins one more
    run(driver_body, device_body, &late, 1);
    assert_string_equal(who, "rrDDDDDDrrrr");
    run(driver_body, device_body, &none, 1);
    assert_string_equal(who, "rrrrrrDDDDDD");
    assert_int_equal(machine.choices.n_log, 0);
}

// Goal: a side with priority goes on as soon as it can run, one without only when the other cannot.
static void priorities_hold(void **state)
{
    (void)state;
    const struct vl_deviation last = dev(VL_LANE_PRIORITY, VL_AGENT_DRIVER, 1, VL_PRIORITY_LAST);
    const struct vl_deviation first = dev(VL_LANE_PRIORITY, VL_AGENT_DRIVER, 1, VL_PRIORITY_FIRST);
    const struct vl_deviation swap[] = {
        dev(VL_LANE_PRIORITY, VL_AGENT_DRIVER, 2, VL_PRIORITY_LAST),
        dev(VL_LANE_PRIORITY, VL_AGENT_DEVICE, 3, VL_PRIORITY_LAST)};

    run(ringing_driver, sleepy_device, NULL, 0);
    assert_string_equal(who, "rrrD"); // three notifications, seen as one
    run(ringing_driver, sleepy_device, &last, 1);
    assert_string_equal(who, "rDrDrD"); // the device runs as soon as it is notified
    run(ringing_driver, sleepy_device, &first, 1);
    assert_string_equal(who, "rrrD");
    run(driver_body, device_body, swap, 2);
    assert_string_equal(who, "rDDrrrrrDDDD");
}

// Goal: the three lanes count the same port calls and do not move each other: each acts at its own
// n-th call, and is logged as itself.
static void lanes_share_a_counter(void **state)
{
    (void)state;
    const struct vl_deviation list[] = {
        dev(VL_LANE_SCHEDULE, VL_AGENT_DRIVER, 5, 1),
        dev(VL_LANE_PRIORITY, VL_AGENT_DEVICE, 4, VL_PRIORITY_FIRST),
        dev(VL_LANE_DELAY, VL_AGENT_DRIVER, 2, 1)};

    run(driver_body, device_body, list, 3);
    assert_string_equal(who, "rDrrrDDDDDrr");
    assert_int_equal(machine.choices.n_log, 3);
    assert_int_equal(machine.choices.log[0].lane, VL_LANE_DELAY);
    assert_int_equal(machine.choices.log[1].lane, VL_LANE_SCHEDULE);
    assert_int_equal(machine.choices.log[1].nth, 5);
    assert_int_equal(machine.choices.log[2].lane, VL_LANE_PRIORITY);
    assert_int_equal(machine.choices.log[2].nth, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_come_back),
        cmocka_unit_test(priorities_hold),
        cmocka_unit_test(lanes_share_a_counter),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}
