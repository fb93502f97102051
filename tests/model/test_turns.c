// tests/model/test_turns.c -- the lanes of schedules: preempted, put off, first or last.
// Two small bodies make numbered port calls; who made each one is the result.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS_MAX 64u
#define N_CALLS 6u

static struct vl_machine machine;
static struct virtq_span span;
static char who[EVENTS_MAX + 1]; // 'r' or 'D' for each store
static uint32_t n_who;

static int open_machine(void **state)
{
    (void)state;
    return vl_machine_open(&machine, VL_MEM_MIN_BYTES, 256, NULL, NULL) == VIRTQ_OK ? 0 : -1;
}

static int close_machine(void **state)
{
    (void)state;
    vl_machine_close(&machine);
    return 0;
}

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    (void)ctx;
    (void)seq;
    (void)payload;
    if (ev->kind == VL_EV_STORE && n_who < EVENTS_MAX) {
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
        store(&machine.port[VL_SIDE_DRIVER], 0);
    }
}

static void device_body(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < N_CALLS; i++) {
        store(&machine.port[VL_SIDE_DEVICE], 4);
    }
    for (;;) { // bound: the machine ends the run
        virtq_await_event(&machine.port[VL_SIDE_DEVICE]);
    }
}

// A device that stores once each time that it is notified, and a driver that rings after each.
static void sleepy_device(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the machine ends the run
        virtq_await_event(&machine.port[VL_SIDE_DEVICE]);
        store(&machine.port[VL_SIDE_DEVICE], 4);
    }
}

static void ringing_driver(void *ctx)
{
    (void)ctx;
    const struct virtq_doorbell bell = {.queue_index = 0};
    for (uint32_t i = 0; i < 3; i++) {
        store(&machine.port[VL_SIDE_DRIVER], 0);
        virtq_doorbell(&machine.port[VL_SIDE_DRIVER], &bell);
    }
}

static void on_doorbell(void *ctx, uint16_t queue)
{
    (void)ctx;
    (void)queue;
    virtq_wake(&machine.port[VL_SIDE_DEVICE]);
}

static void run(void (*driver)(void *), void (*device)(void *), const struct vl_deviation *list,
                uint32_t n)
{
    struct vl_run_config config = {.budget_events = 1000};
    memset(config.barrier_order, 0xFF, sizeof(config.barrier_order));
    machine.strand[VL_SIDE_DRIVER].half = (struct vl_half){.main = driver};
    machine.strand[VL_SIDE_DEVICE].half =
        (struct vl_half){.main = device, .on_doorbell = on_doorbell};
    machine.observer = (struct vl_observer){.on_event = on_event};
    vl_machine_reset(&machine, &config);
    vl_choices_from_input(&machine.choices, list, n);
    n_who = 0;
    who[0] = '\0';
    span = (struct virtq_span){
        .gpa = VL_REGION0_GPA, .host = machine.memory.host, .bytes = 64, .area = VIRTQ_AREA_BUFFER};
    assert_int_equal(vl_machine_run(&machine)->outcome, VL_CLEAN);
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
