// tests/model/test_machine.c -- the machine: who runs, messages under way, sleeping, the end of a
// run. Two small bodies stand in for the halves; every event is kept and looked at.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/model/machine_world.h"

static uint64_t find_at; // the observer reports a finding at this event
static unsigned round_of_body;

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    keep_event(ctx, ev, seq, payload);
    if (seq == find_at) {
        vl_finding(&machine, "test:planted", "device", "planted at event %u", (unsigned)seq);
    }
}

static struct vl_run_config usual(void)
{
    return config_of(10000);
}

static void on_interrupt(void *ctx, uint16_t vector)
{
    (void)ctx;
    if (vector == VL_INTX_VECTOR) {
        virtq_intx(DEV, false); // stands for reading the ISR register
    }
    virtq_wake(DRV);
}

static const struct vl_verdict *run_config(const struct vl_run_config *config,
                                           void (*driver)(void *), void (*device)(void *),
                                           const struct vl_deviation *list, uint32_t n)
{
    const struct bodies bodies = {
        .driver = driver, .on_interrupt = on_interrupt, .device = device, .on_event = on_event};
    round_of_body = 0;
    return run_bodies(config, &bodies, list, n);
}

static const struct vl_verdict *run(void (*driver)(void *), void (*device)(void *),
                                    const struct vl_deviation *list, uint32_t n)
{
    const struct vl_run_config config = usual();
    find_at = UINT64_MAX;
    return run_config(&config, driver, device, list, n);
}

static uint32_t count_of(enum vl_event_kind kind)
{
    uint32_t n = 0;
    for (uint64_t i = 0; i < n_events; i++) {
        n += events[i].kind == kind;
    }
    return n;
}

// ---- events -----------------------------------------------------------------------------------

static void driver_accesses(void *ctx)
{
    (void)ctx;
    const struct virtq_desc desc = {.addr = 0x1122334455667788u, .len = 5, .flags = 6, .next = 7};
    virtq_store16(DRV, &span, 0, 0xBEEF, VIRTQ_RELEASE, VIRTQ_BARRIER_AVAIL_PUBLISH);
    const uint16_t v = virtq_load16(DRV, &span, 0, VIRTQ_ACQUIRE, VIRTQ_BARRIER_NONE);
    const uint16_t none = virtq_load16(DRV, &span, 4, VIRTQ_ACQUIRE, VIRTQ_BARRIER_NONE);
    virtq_store_desc(DRV, &span, 16, desc);
    const struct virtq_desc back = virtq_load_desc(DRV, &span, 16);
    const struct virtq_used_elem elem = virtq_load_used_elem(DRV, &span, 16);
    virtq_fence(DRV, VIRTQ_SEQ_CST, VIRTQ_BARRIER_KICK_CHECK);
    assert_int_equal(v, 0xBEEF);
    assert_int_equal(none, 0);
    assert_memory_equal(&back, &desc, sizeof(desc));
    assert_int_equal(elem.id, 0x55667788u);
    assert_int_equal(elem.len, 0x11223344u);
}

// Goal: an access is one event with who, where, what, order and barrier; a load names the store
// that it read; bytes lie little-endian in memory.
static void accesses_are_events(void **state)
{
    (void)state;
    const struct vl_verdict *v = run(driver_accesses, device_sleeps, NULL, 0);

    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(v->n_events, n_events);
    assert_int_equal(events[0].kind, VL_EV_STORE);
    assert_int_equal(events[0].agent, VL_AGENT_DRIVER);
    assert_int_equal(events[0].addr, VL_REGION0_GPA);
    assert_int_equal(events[0].value, 0xBEEF);
    assert_int_equal(events[0].len, 2);
    assert_int_equal(events[0].order, VIRTQ_RELEASE);
    assert_int_equal(events[0].barrier, VIRTQ_BARRIER_AVAIL_PUBLISH);
    assert_int_equal(events[1].kind, VL_EV_LOAD);
    assert_int_equal(events[1].value, 0xBEEF);
    assert_int_equal(events[1].reads_from, 1);
    assert_int_equal(events[2].reads_from, 0); // memory as it was at the start
    assert_int_equal(events[4].reads_from, 4);
    assert_int_equal(events[4].aux, 5u | 6ull << 32 | 7ull << 48);
    assert_int_equal(events[6].kind, VL_EV_FENCE);
    assert_int_equal(events[6].barrier, VIRTQ_BARRIER_KICK_CHECK);
    assert_int_equal(machine.memory.host[0], 0xEF);
    assert_int_equal(machine.memory.host[16], 0x88);
    assert_int_equal(events[n_events - 1].kind, VL_EV_QUIESCENT);
}

// Goal: a barrier at another strength changes the strength that its events carry and nothing else.
static void weak_barrier_changes_the_order_only(void **state)
{
    (void)state;
    static struct vl_event as_written[64];
    struct vl_run_config config = usual();

    (void)run(driver_accesses, device_sleeps, NULL, 0);
    const uint64_t n = n_events;
    memcpy(as_written, events, n * sizeof(events[0]));
    config.barrier_order[VIRTQ_BARRIER_AVAIL_PUBLISH] = VIRTQ_RELAXED;
    config.barrier_order[VIRTQ_BARRIER_KICK_CHECK] = VIRTQ_RELAXED;
    (void)run_config(&config, driver_accesses, device_sleeps, NULL, 0);
    assert_int_equal(n_events, n);
    assert_int_equal(events[0].order, VIRTQ_RELAXED);
    assert_int_equal(events[6].order, VIRTQ_RELAXED);
    events[0].order = VIRTQ_RELEASE;
    events[6].order = VIRTQ_SEQ_CST;
    assert_memory_equal(events, as_written, n * sizeof(events[0]));
}

// ---- who runs ---------------------------------------------------------------------------------

static void driver_counts(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 1; i <= 5; i++) {
        virtq_store32(DRV, &span, 0, i, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
}

static void device_counts(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 1; i <= 5; i++) {
        virtq_store32(DEV, &span, 4, i, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
    device_sleeps(NULL);
}

static void assert_agents(const char *pattern)
{
    for (uint64_t i = 0; pattern[i] != '\0'; i++) {
        assert_true(i < n_events);
        assert_int_equal(events[i].agent, pattern[i] == 'D' ? VL_AGENT_DEVICE : VL_AGENT_DRIVER);
    }
}

// Goal: without deviations the running agent goes on; a deviation preempts it before its n-th port
// call, and the other runs on until it is preempted or waits.
static void deviations_preempt(void **state)
{
    (void)state;
    const struct vl_deviation once = {.lane = VL_LANE_SCHEDULE, .nth = 3, .value = 1};
    const struct vl_deviation both[] = {
        {.lane = VL_LANE_SCHEDULE, .agent = VL_AGENT_DRIVER, .nth = 2, .value = 1},
        {.lane = VL_LANE_SCHEDULE, .agent = VL_AGENT_DEVICE, .nth = 4, .value = 1}};
    const struct vl_deviation absurd = {.lane = VL_LANE_SCHEDULE, .nth = 3, .value = 2};

    (void)run(driver_counts, device_counts, NULL, 0);
    assert_agents("rrrrrrDDDDDD"); // the sixth of each: done, asleep
    (void)run(driver_counts, device_counts, &once, 1);
    assert_agents("rrDDDDDDrrr");
    assert_int_equal(machine.choices.n_log, 1);
    (void)run(driver_counts, device_counts, both, 2);
    assert_agents("rDDDrrrr");
    (void)run(driver_counts, device_counts, &absurd, 1); // 2 modulo 2 options
    assert_agents("rrrrrrDDDDDD");
    assert_int_equal(machine.choices.n_log, 0);
}

// ---- notifications, interrupts ------------------------------------------------------------------

static void driver_rings(void *ctx)
{
    (void)ctx;
    const struct virtq_doorbell bell = {.queue_index = 3};
    virtq_doorbell(DRV, &bell);
    for (uint32_t i = 0; i < 10; i++) {
        virtq_store32(DRV, &span, 0, i, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
    virtq_await_event(DRV);
    virtq_store32(DRV, &span, 8, 1, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}

static void device_answers(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the machine ends the run
        virtq_await_event(DEV);
        virtq_interrupt(DEV, 1);
    }
}

// Goal: a notification wakes the device, its interrupt wakes the driver; delays are choices,
// counted in port calls; contexts are named.
static void notifications_arrive(void **state)
{
    (void)state;
    const struct vl_deviation late = {.lane = VL_LANE_NOTIFY,
                                      .agent = VL_AGENT_DRIVER,
                                      .key = vl_choice_key(3, VL_FIELD_DOORBELL),
                                      .nth = 1,
                                      .value = 7};

    const struct vl_verdict *v = run(driver_rings, device_answers, NULL, 0);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(events[0].kind, VL_EV_DOORBELL);
    assert_int_equal(events[1].kind, VL_EV_DOORBELL_ARRIVES);
    assert_int_equal(events[1].addr, 3);
    assert_int_equal(events[2].kind, VL_EV_WAKE);
    assert_int_equal(events[2].agent, VL_AGENT_TRAP);
    const uint64_t arrives = first_of(VL_EV_INTERRUPT_ARRIVES, 0);
    assert_int_equal(events[arrives].addr, 1);
    assert_int_equal(events[first_of(VL_EV_WAKE, arrives)].agent, VL_AGENT_HANDLER);
    assert_int_equal(count_of(VL_EV_HANDLER_RETURNS), 1);
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 1);

    v = run(driver_rings, device_answers, &late, 1);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(events[0].value, 7);
    assert_int_equal(events[7].kind, VL_EV_DOORBELL_ARRIVES); // six of the stores are before it
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 1);
}

// Goal: several notifications that wait count once; none is lost while the device is awake.
static void driver_rings_often(void *ctx)
{
    (void)ctx;
    const struct virtq_doorbell bell = {.queue_index = 0};
    for (uint32_t i = 0; i < 200; i++) { // more than fit under way
        virtq_doorbell(DRV, &bell);
    }
    virtq_await_event(DRV);
}

static void notifications_are_not_lost(void **state)
{
    (void)state;
    static struct vl_deviation late[200];
    for (uint32_t i = 0; i < 200; i++) {
        late[i] = (struct vl_deviation){.lane = VL_LANE_NOTIFY,
                                        .agent = VL_AGENT_DRIVER,
                                        .key = vl_choice_key(0, VL_FIELD_DOORBELL),
                                        .nth = i + 1,
                                        .value = 63};
    }
    const struct vl_verdict *v = run(driver_rings_often, device_answers, late, 200);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(count_of(VL_EV_DOORBELL), 200);
    assert_int_equal(count_of(VL_EV_DOORBELL_ARRIVES), 200);
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 1);
}

static void driver_sends_too_many(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < VL_MSG_MAX + 36; i++) {
        const struct vl_msg msg = {
            .due_step = machine.step + 1000, .addr = i % 4, .kind = VL_MSG_DOORBELL};
        vl_send(&machine, &msg);
    }
}

// Goal: where no more fit under way, the oldest arrives early; none is lost.
static void full_channel_loses_nothing(void **state)
{
    (void)state;
    (void)run(driver_sends_too_many, device_answers, NULL, 0);
    assert_int_equal(count_of(VL_EV_DOORBELL_ARRIVES), VL_MSG_MAX + 36);
}

static void driver_masks(void *ctx)
{
    (void)ctx;
    virtq_irq_disable(DRV);
    virtq_relax(DRV); // the device raises its interrupt here
    virtq_store32(DRV, &span, 0, 1, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    virtq_store32(DRV, &span, 0, 2, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    virtq_irq_enable(DRV);
    virtq_store32(DRV, &span, 0, 3, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}

static void device_raises(void *ctx)
{
    (void)ctx;
    virtq_interrupt(DEV, 5);
    device_sleeps(NULL);
}

// Goal: an interrupt waits while it is masked, and preempts the driver at the next port call after.
static void masked_interrupts_wait(void **state)
{
    (void)state;
    (void)run(driver_masks, device_raises, NULL, 0);
    const uint64_t arrives = first_of(VL_EV_INTERRUPT_ARRIVES, 0);
    const uint64_t unmasked = first_of(VL_EV_MASK, arrives);
    const uint64_t returns = first_of(VL_EV_HANDLER_RETURNS, 0);
    const uint64_t last = first_of(VL_EV_STORE, unmasked);

    assert_true(arrives < unmasked && unmasked < returns && returns < last);
    assert_int_equal(events[unmasked].value, 0);
    assert_int_equal(events[last].value, 3);
}

static void device_raises_line(void *ctx)
{
    (void)ctx;
    virtq_intx(DEV, true);
    device_sleeps(NULL);
}

static void driver_waits_for_line(void *ctx)
{
    (void)ctx;
    virtq_await_event(DRV);
}

// Goal: the INTx line calls the handler while it is high, and no more once it is low.
static void line_interrupts(void **state)
{
    (void)state;
    (void)run(driver_waits_for_line, device_raises_line, NULL, 0);
    assert_int_equal(count_of(VL_EV_INTX), 2);
    assert_int_equal(count_of(VL_EV_HANDLER_RETURNS), 1);
    assert_int_equal(events[first_of(VL_EV_HANDLER_RETURNS, 0)].addr, VL_INTX_VECTOR);
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 1);
}

// ---- waiting ----------------------------------------------------------------------------------

static void driver_awaits(void *ctx)
{
    (void)ctx;
    const uint16_t v = virtq_await16(DRV, &span, 4, 0, VIRTQ_ACQUIRE, VIRTQ_BARRIER_USED_CONSUME);
    round_of_body = v;
}

// Goal: waiting for a word lets the other run, and ends when the word differs.
static void words_are_awaited(void **state)
{
    (void)state;
    const struct vl_verdict *v = run(driver_awaits, device_counts, NULL, 0);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 1);
    assert_true(first_of(VL_EV_AWAIT, 0) < first_of(VL_EV_STORE, 0));
    assert_int_equal(round_of_body, 5); // the device ran on until it slept

    // Nobody stores: nothing can run, and the run ends without the driver.
    v = run(driver_awaits, device_sleeps, NULL, 0);
    assert_int_equal(v->outcome, VL_CLEAN);
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 0);
    assert_int_equal(events[n_events - 1].kind, VL_EV_QUIESCENT);
}

static void driver_wakes_itself_first(void *ctx)
{
    (void)ctx;
    virtq_wake(DRV);
    virtq_wake(DRV);
    virtq_await_event(DRV); // several count once
    virtq_store32(DRV, &span, 0, 1, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    virtq_await_event(DRV);
    virtq_store32(DRV, &span, 0, 2, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}

// Goal: a wake that came before the sleep counts, once.
static void early_wakes_count_once(void **state)
{
    (void)state;
    (void)run(driver_wakes_itself_first, device_sleeps, NULL, 0);
    assert_int_equal(count_of(VL_EV_STORE), 1);
    assert_int_equal(count_of(VL_EV_DRIVER_DONE), 0);
}

// ---- private words that contexts share ----------------------------------------------------------

static void driver_shares(void *ctx)
{
    (void)ctx;
    virtq_shared_store(DRV, &shared, 5);
    round_of_body = virtq_shared_or(DRV, &shared, 8);
    const uint32_t old = virtq_shared_exchange(DRV, &shared, 1);
    const uint32_t last = virtq_shared_load(DRV, &shared);
    round_of_body = round_of_body * 10000 + old * 100 + last;
}

static void shared_words_are_events(void **state)
{
    (void)state;
    (void)run(driver_shares, device_sleeps, NULL, 0);
    assert_int_equal(round_of_body, 5 * 10000 + 13 * 100 + 1);
    assert_int_equal(count_of(VL_EV_SHARED), 4);
    assert_int_equal(events[2].value, 13);
    assert_int_equal(events[2].aux, 1);
    assert_int_equal(events[0].addr, events[3].addr);
}

// ---- how runs end -----------------------------------------------------------------------------

static void relaxes_for_ever(void *ctx)
{
    (void)ctx;
    for (;;) { // bound: the budget
        virtq_relax(DRV);
    }
}

static void budget_ends_a_run(void **state)
{
    (void)state;
    struct vl_run_config config = usual();
    config.budget_events = 500;
    find_at = UINT64_MAX;
    const struct vl_verdict *v = run_config(&config, relaxes_for_ever, device_sleeps, NULL, 0);
    assert_int_equal(v->outcome, VL_BUDGET);
    assert_true(n_events >= 499 && n_events <= 502);
}

// Goal: a finding ends the run at its event, wherever that is; the next run is not touched by it.
// Method: a finding planted at each event of a run in turn.
static void findings_end_a_run(void **state)
{
    (void)state;
    const uint64_t hash = run(driver_rings, device_answers, NULL, 0)->hash;
    const uint64_t n = n_events;
    const struct vl_run_config config = usual();

    for (uint64_t at = 0; at < n; at++) {
        find_at = at;
        const struct vl_verdict *v = run_config(&config, driver_rings, device_answers, NULL, 0);
        assert_int_equal(v->outcome, VL_FINDING);
        assert_int_equal(v->event, at);
        assert_int_equal(v->n_events, at + 1);
        assert_string_equal(v->kind, "test:planted");
        assert_string_equal(v->side, "device");
        v = run(driver_rings, device_answers, NULL, 0);
        assert_int_equal(v->outcome, VL_CLEAN);
        assert_int_equal(v->hash, hash);
    }
}

// Goal: the hash covers every event. Method: runs that differ in one value, one event, one order.
static void driver_stores_a_round(void *ctx)
{
    (void)ctx;
    virtq_store32(DRV, &span, 0, 77, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}

static void driver_stores_another(void *ctx)
{
    (void)ctx;
    virtq_store32(DRV, &span, 0, 78, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}

static void driver_stores_released(void *ctx)
{
    (void)ctx;
    virtq_store32(DRV, &span, 0, 77, VIRTQ_RELEASE, VIRTQ_BARRIER_NONE);
}

static void hash_tells_runs_apart(void **state)
{
    (void)state;
    const uint64_t a = run(driver_stores_a_round, device_sleeps, NULL, 0)->hash;
    const uint64_t b = run(driver_stores_another, device_sleeps, NULL, 0)->hash;
    const uint64_t c = run(driver_stores_released, device_sleeps, NULL, 0)->hash;
    assert_int_not_equal(a, b);
    assert_int_not_equal(a, c);
    assert_int_equal(run(driver_stores_a_round, device_sleeps, NULL, 0)->hash, a);
    // The last event counts as well.
    const struct vl_run_config config = usual();
    find_at = 0;
    const uint64_t d = run_config(&config, driver_stores_a_round, device_sleeps, NULL, 0)->hash;
    const uint64_t e = run_config(&config, driver_stores_another, device_sleeps, NULL, 0)->hash;
    assert_int_not_equal(d, e);
}

// Goal: each event of a long run counts, wherever the log's ring and the hash's pieces end.
static uint32_t odd_one; // the store that is another one

static void driver_stores_much(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < 1000; i++) {
        virtq_store32(DRV, &span, 0, i == odd_one ? 9999 : i, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
}

static void hash_covers_every_event(void **state)
{
    (void)state;
    odd_one = UINT32_MAX;
    const uint64_t plain = run(driver_stores_much, device_sleeps, NULL, 0)->hash;
    for (odd_one = 0; odd_one < 1000; odd_one++) {
        assert_int_not_equal(run(driver_stores_much, device_sleeps, NULL, 0)->hash, plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_are_events),
        cmocka_unit_test(weak_barrier_changes_the_order_only),
        cmocka_unit_test(deviations_preempt),
        cmocka_unit_test(notifications_arrive),
        cmocka_unit_test(notifications_are_not_lost),
        cmocka_unit_test(full_channel_loses_nothing),
        cmocka_unit_test(masked_interrupts_wait),
        cmocka_unit_test(line_interrupts),
        cmocka_unit_test(words_are_awaited),
        cmocka_unit_test(early_wakes_count_once),
        cmocka_unit_test(shared_words_are_events),
        cmocka_unit_test(budget_ends_a_run),
        cmocka_unit_test(findings_end_a_run),
        cmocka_unit_test(hash_tells_runs_apart),
        cmocka_unit_test(hash_covers_every_event),
    };
    return cmocka_run_group_tests_name("model.machine", tests, open_machine, close_machine);
}
