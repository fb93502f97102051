// tests/referee/test_behaviour.c -- findings about liveness, robustness and registers; marks.
// Every row is one script, run twice: broken, it must raise exactly the finding that the row names,
// against the side that the row names; with the one step put right, it must raise nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/referee/referee_rows.h"

// ---- liveness ---------------------------------------------------------------------------------

// The device is at rest, and has looked at the queue.
static void device_at_rest(struct script *s, uint64_t features)
{
    live_with(s, features, 0);
    v_load(s, AVAIL + 2, 0, 2);
    device_sleeps(s);
}

static void kick_owed(struct script *s, bool broken)
{
    device_at_rest(s, 0);
    add(s, 0, 0);
    publish(s, 1);
    d_load(s, USED, 0, 2); // flags: do notify
    if (!broken) {
        driver_kicks(s);
    }
    d_load(s, USED + 2, 0, 2);
}

// Two buffers at once pass the event index; comparing for equality misses it.
static void kick_owed_by_window(struct script *s, bool broken)
{
    device_at_rest(s, F_EVENT_IDX);
    add(s, 0, 0);
    add(s, 2, 1);
    publish(s, 2);
    d_load(s, USED + 4 + 8 * SIZE, 0, 2); // avail_event 0
    if (!broken) {
        driver_kicks(s);
    }
    d_load(s, USED + 2, 0, 2);
}

static void device_does_not_look_again(struct script *s, bool broken)
{
    live_with(s, 0, 0);
    v_store(s, USED, 1, 2);
    v_load(s, AVAIL + 2, 0, 2);
    add(s, 0, 0);
    publish(s, 1);
    d_load(s, USED, 1, 2); // flags as they were: do not notify
    d_load(s, USED + 2, 0, 2);
    v_store(s, USED, 0, 2);
    if (!broken) {
        take(s, 0, 0);
    }
    device_sleeps(s);
}

static void interrupt_owed(struct script *s, bool broken)
{
    under_way(s);
    driver_sleeps(s);
    push(s, 0, 0, 0);
    give(s, 1);
    v_load(s, AVAIL, 0, 2); // flags: do interrupt
    if (!broken) {
        device_interrupts(s);
    }
    v_load(s, AVAIL + 2, 1, 2);
}

static void driver_does_not_look_again(struct script *s, bool broken)
{
    under_way(s);
    push(s, 0, 0, 0);
    give(s, 1);
    v_load(s, AVAIL, 1, 2); // flags as they were: no interrupt
    v_load(s, AVAIL + 2, 1, 2);
    d_store(s, AVAIL, 0, 2);
    if (!broken) {
        reap_load(s, 0, 0, 0);
    }
    driver_sleeps(s);
}

static void completion_lost(struct script *s, bool broken)
{
    returned(s);
    reap_load(s, 0, N_WRITABLE, 0);
    add(s, 2, 1);
    publish(s, 2);
    take(s, 2, 1);
    if (broken) {
        emit(s, VL_EV_QUIESCENT, VL_AGENT_DRIVER, 0, 0, 0, 0);
    }
}

static void stuck(struct script *s, bool broken)
{
    live(s);
    if (!broken) {
        emit(s, VL_EV_DRIVER_DONE, VL_AGENT_DRIVER, 0, 0, 0, 0);
    }
    emit(s, VL_EV_QUIESCENT, VL_AGENT_DRIVER, 0, 0, 0, 0);
}

// ---- robustness -------------------------------------------------------------------------------

static void driver_names(struct script *s, enum virtq_err err)
{
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_PEER_ERROR, err, 0, 0, 0);
}

static void device_names(struct script *s, enum virtq_err err)
{
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_PEER_ERROR, err, 0, 0, 0);
}

static void used_id_unnoticed(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    reap_load(s, SIZE, 0, 0); // outside the table
    if (!broken) {
        driver_names(s, VIRTQ_ERR_USED_ID_RANGE);
        return;
    }
    complete(s, 0, 0);
}

static void used_len_unnoticed(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    reap_load(s, 0, N_WRITABLE + (broken ? 1u : 0u), 0);
    complete(s, 0, N_WRITABLE + (broken ? 1u : 0u));
}

static void used_idx_unnoticed(struct script *s, bool broken)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    d_load(s, USED + 2, broken ? 2 : 1, 2);
    driver_sleeps(s);
}

static void head_unnoticed(struct script *s, bool broken)
{
    live(s);
    take_head(s, broken ? SIZE : 0, 0);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_POP, 0, 0, 0, 0);
}

static void chain_followed_too_far(struct script *s, bool broken)
{
    live(s);
    take_head(s, 0, 0);
    for (unsigned i = 0; i < SIZE; i++) {
        v_desc(s, desc_at(0), READABLE(0), 1, F_NEXT, 0); // a loop
    }
    if (!broken) {
        device_names(s, VIRTQ_ERR_CHAIN_LOOP);
        return;
    }
    v_desc(s, desc_at(0), READABLE(0), 1, F_NEXT, 0);
}

// Where next leads is no descriptor of this queue, and in no area that the referees were told of.
static void chain_followed_out_of_table(struct script *s, bool broken)
{
    live(s);
    take_head(s, 0, 0);
    v_desc(s, desc_at(0), READABLE(0), 1, F_NEXT, broken ? SIZE : SIZE - 1);
    v_desc(s, desc_at(broken ? SIZE : SIZE - 1), READABLE(0), 1, 0, 0);
}

static void nested_table_unnoticed(struct script *s, bool broken)
{
    live(s);
    take_head(s, 0, 0);
    v_desc(s, desc_at(0), TABLE, 16, F_INDIRECT, 0);
    v_desc(s, TABLE, TABLE + 16, 16, broken ? F_INDIRECT : F_WRITE, 0);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_POP, 0, 0, 0, 1);
}

static void hole_unnoticed(struct script *s, bool broken)
{
    live(s);
    take_head(s, 0, 0);
    v_desc(s, desc_at(0), broken ? 0x80000000u : READABLE(0), 1, 0, 0);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_POP, 0, 0, 0, 1);
}

static void avail_idx_unnoticed(struct script *s, bool broken)
{
    live(s);
    v_load(s, AVAIL + 2, broken ? SIZE + 1 : SIZE, 2);
    device_sleeps(s);
}

static void accused_rightly(struct script *s, bool broken)
{
    live(s);
    v_load(s, AVAIL + 2, SIZE + 1, 2); // what an honest driver never stores
    if (broken) {
        device_names(s, VIRTQ_ERR_AVAIL_IDX);
    }
}

static void accused_wrongly(struct script *s, bool broken)
{
    under_way(s);
    if (broken) {
        device_names(s, VIRTQ_ERR_AVAIL_IDX);
    }
}

static void accused_of_other_things(struct script *s, bool broken)
{
    under_way(s);
    if (broken) {
        device_names(s, VIRTQ_ERR_REQUEST_SHAPE);
    }
}

static void device_works_on_and_on(struct script *s, bool broken)
{
    live(s);
    for (unsigned i = 0; i < (broken ? 16 * SIZE + 257 : 16 * SIZE + 256); i++) {
        v_load(s, AVAIL, 0, 2);
    }
}

static void driver_works_on_and_on(struct script *s, bool broken)
{
    live(s);
    for (unsigned i = 0; i < 1000; i++) {
        d_load(s, USED, 0, 2);
        if (!broken && i % 100 == 0) {
            emit(s, VL_EV_RELAX, VL_AGENT_DRIVER, 0, 0, 0, 0);
        }
    }
}

static void device_exchanges(struct script *s)
{
    const struct vl_event ev = {
        .len = 4, .kind = VL_EV_SHARED, .agent = VL_AGENT_DEVICE, .order = VIRTQ_ACQ_REL};
    vl_emit(&s->machine, &ev, NULL, NULL);
}

// Each buffer comes back to be filled again at once.
static void device_drains_on_and_on(struct script *s, bool broken)
{
    live(s);
    device_exchanges(s);
    for (unsigned i = 0; i < 2 * SIZE + 9; i++) {
        add(s, 0, i);
        publish(s, i + 1);
        take(s, 0, i);
        v_write(s, WRITABLE(0), N_WRITABLE);
        push(s, 0, N_WRITABLE, i);
        give(s, i + 1);
        reap_load(s, 0, N_WRITABLE, i);
        complete(s, 0, N_WRITABLE);
        if (!broken && i == SIZE) {
            device_exchanges(s);
        }
    }
}

// The end of a medium of 64 sectors, which had fewer before.
static void medium_ends(struct script *s, bool broken)
{
    live(s);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_CONFIG_CHANGED, 0, 63, 1, 8);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_CONFIG_CHANGED, 0, 64, 2, 8);
    emit(s, VL_EV_BACKEND, VL_AGENT_DEVICE, 0, 62, 3u << 16, broken ? 3 * 512 : 2 * 512);
}

// ---- registers --------------------------------------------------------------------------------

#define FUNCTION 0x20u
#define CFG(off) ((uint64_t)FUNCTION << 16 | (off))
#define BAR_AT 0xE0000000u

static void cfg_write(struct script *s, uint32_t off, uint32_t value, uint32_t len)
{
    emit(s, VL_EV_CONFIG_WRITE, VL_AGENT_DRIVER, CFG(off), value, 0, len);
}

static void cfg_read(struct script *s, uint32_t off, uint32_t value, uint32_t len)
{
    emit(s, VL_EV_CONFIG_READ, VL_AGENT_DRIVER, CFG(off), value, 0, len);
}

// A capability of virtio in BAR 4: its structure's cfg_type, offset and length.
static void capability(struct script *s, uint32_t at, uint32_t next, uint32_t bytes, uint32_t type,
                       uint32_t offset, uint32_t length)
{
    cfg_read(s, at, 9 | next << 8 | bytes << 16 | type << 24, 4);
    cfg_read(s, at + 4, 4, 1);
    cfg_read(s, at + 8, offset, 4);
    cfg_read(s, at + 12, length, 4);
}

// BAR 4: 64 bits, 16 KiB; the common configuration at its start.
static void bring_up_bar(struct script *s, uint32_t command)
{
    cfg_read(s, 0, 0x10441AF4, 4);
    cfg_write(s, 4, command, 2);
    cfg_write(s, 0x20, UINT32_MAX, 4);
    cfg_read(s, 0x20, 0xFFFFC004, 4);
    cfg_write(s, 0x24, UINT32_MAX, 4);
    cfg_read(s, 0x24, UINT32_MAX, 4);
    cfg_write(s, 0x20, BAR_AT, 4);
    cfg_write(s, 0x24, 0, 4);
    cfg_write(s, 4, 6, 2);
    cfg_read(s, 0x34, 0x40, 1);
    capability(s, 0x40, 0x50, 16, 1, 0, 0x38);
    capability(s, 0x50, 0x64, 20, 2, 0x3000, 4);
    cfg_read(s, 0x60, 4, 4); // notify_off_multiplier
    capability(s, 0x64, 0x74, 16, 3, 0x1000, 1);
    capability(s, 0x74, 0, 20, 5, 0, 0);
}

static void bar_sized_live(struct script *s, bool broken)
{
    bring_up_bar(s, broken ? 2 : 0);
}

static void stray_access(struct script *s, bool broken)
{
    bring_up_bar(s, 0);
    emit(s, VL_EV_MMIO_READ, VL_AGENT_DRIVER, BAR_AT + 0x4000u - (broken ? 0u : 1u), 0, 0, 1);
}

static void common_write(struct script *s, uint32_t off, uint32_t value, uint32_t bytes)
{
    emit(s, VL_EV_MMIO_WRITE, VL_AGENT_DRIVER, BAR_AT + off, value, 0, bytes);
}

static void common_read(struct script *s, uint32_t off, uint32_t value, uint32_t bytes)
{
    emit(s, VL_EV_MMIO_READ, VL_AGENT_DRIVER, BAR_AT + off, value, 0, bytes);
}

// Reset, ACKNOWLEDGE, DRIVER, and VERSION_1 offered and accepted.
static void negotiate(struct script *s)
{
    common_write(s, 0x14, 0, 1);
    common_read(s, 0x14, 0, 1);
    common_write(s, 0x14, 1, 1);
    common_write(s, 0x14, 3, 1);
    for (uint32_t word = 0; word < 2; word++) {
        common_write(s, 0x00, word, 4);
        common_read(s, 0x04, word, 4);
    }
    for (uint32_t word = 0; word < 2; word++) {
        common_write(s, 0x08, word, 4);
        common_write(s, 0x0C, word, 4);
    }
}

static void features_not_read_back(struct script *s, bool broken)
{
    bring_up_bar(s, 0);
    negotiate(s);
    note(s, VL_AGENT_TRAP, VIRTQ_NOTE_CONTROL, VIRTQ_CONTROL_DEVICE_RESET, 0, 0, 0);
    // The driver's own word does not count, only the read does.
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_CONTROL, VIRTQ_CONTROL_FEATURES_READ_OK, 0, 0, 0);
    emit(s, VL_EV_MMIO_WRITE, VL_AGENT_DRIVER, BAR_AT + 0x14, 11, 0, 1);
    emit(s, VL_EV_MMIO_READ, VL_AGENT_DRIVER, BAR_AT + 0x14, broken ? 3 : 11, 0, 1);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_CONTROL, VIRTQ_CONTROL_DRIVER_OK, 0, 0, 0);
}

static void enabled_after_reset(struct script *s, bool broken)
{
    bring_up_bar(s, 0);
    emit(s, VL_EV_MMIO_WRITE, VL_AGENT_DRIVER, BAR_AT + 0x14, 0, 0, 1);
    emit(s, VL_EV_MMIO_READ, VL_AGENT_DRIVER, BAR_AT + 0x14, 0, 0, 1);
    emit(s, VL_EV_MMIO_WRITE, VL_AGENT_DRIVER, BAR_AT + 0x16, 0, 0, 2);
    emit(s, VL_EV_MMIO_READ, VL_AGENT_DRIVER, BAR_AT + 0x1C, broken ? 1 : 0, 0, 2);
}

// A reset was asked for. It is complete when status is read as 0.
static void taken_back_before_reset(struct script *s, bool broken)
{
    bring_up_bar(s, 0);
    live_with(s, 0, 0);
    add(s, 0, 0);
    publish(s, 1);
    common_write(s, 0x14, 0, 1);
    common_read(s, 0x14, broken ? 15 : 0, 1);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_DETACH, 100, 0, 0, 0);
}

// ---- the table --------------------------------------------------------------------------------

static const struct row rows[] = {
    {"liveness:lost-kick", "driver", kick_owed, HONEST},
    {"liveness:lost-kick", "driver", kick_owed_by_window, HONEST},
    {"liveness:lost-kick", "device", device_does_not_look_again, HONEST},
    {"liveness:lost-interrupt", "device", interrupt_owed, HONEST},
    {"liveness:lost-interrupt", "driver", driver_does_not_look_again, HONEST},
    {"liveness:completion-lost", "device", completion_lost, HONEST},
    {"liveness:stuck", "-", stuck, HONEST},
    {"robustness:unnoticed", "driver", used_id_unnoticed, HOSTILE_DEVICE},
    {"robustness:unnoticed", "driver", used_len_unnoticed, HOSTILE_DEVICE},
    {"robustness:unnoticed", "driver", used_idx_unnoticed, HOSTILE_DEVICE},
    {"robustness:unnoticed", "device", head_unnoticed, HOSTILE_DRIVER},
    {"robustness:unnoticed", "device", chain_followed_too_far, HOSTILE_DRIVER},
    {"robustness:unnoticed", "device", chain_followed_out_of_table, HOSTILE_DRIVER},
    {"robustness:unnoticed", "device", nested_table_unnoticed, HOSTILE_DRIVER},
    {"robustness:unnoticed", "device", hole_unnoticed, HOSTILE_DRIVER},
    {"robustness:unnoticed", "device", avail_idx_unnoticed, HOSTILE_DRIVER},
    {"robustness:accused", "driver", accused_rightly, HONEST},
    {"robustness:accused", "device", accused_wrongly, HONEST},
    {"robustness:accused", "-", accused_of_other_things, HONEST},
    {"robustness:unbounded-work", "device", device_works_on_and_on, HOSTILE_DRIVER},
    {"robustness:unbounded-work", "driver", driver_works_on_and_on, HOSTILE_DEVICE},
    {"robustness:unbounded-work", "device", device_drains_on_and_on, HONEST},
    {"robustness:beyond-capacity", "device", medium_ends, {.virtio_id = VL_VIRTIO_BLK}},
    {"robustness:bar-sized-live", "driver", bar_sized_live, {.pci = true}},
    {"robustness:stray-access", "driver", stray_access, {.pci = true}},
    {"robustness:features-not-read-back", "driver", features_not_read_back, {.pci = true}},
    {"robustness:enabled-after-reset", "device", enabled_after_reset, {.pci = true}},
    {"spec:3.3.1-drv-2", "driver", taken_back_before_reset, {.pci = true}},
};

ROWS_OF(rows);

// ---- the end of a run, marks ------------------------------------------------------------------

// Goal: a budget that ends without a completion in its second half is a livelock, one with it is
// not, and neither is one too small to tell. Method: one buffer, completed at that event.
static void livelock_at_the_end(void **state)
{
    struct script *s = *state;
    const struct vl_referee_config config = HONEST;
    static const struct {
        uint64_t completed;
        uint64_t n_events;
        enum vl_outcome outcome;
    } cases[] = {
        {1000, 1000000, VL_FINDING}, {900000, 1000000, VL_BUDGET}, {1000, 4000, VL_BUDGET}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vl_verdict v = {.outcome = VL_BUDGET, .kind = "-"};
        script_ready(s, &config);
        returned(s);
        reap_load(s, 0, N_WRITABLE, 0);
        s->machine.seq = cases[i].completed;
        complete(s, 0, N_WRITABLE);
        v.n_events = cases[i].n_events;
        vl_referees_end(s->referees, &v);
        assert_int_equal(v.outcome, cases[i].outcome);
        assert_string_equal(v.kind, v.outcome == VL_FINDING ? "liveness:livelock" : "-");
    }
}

static void wrap_and_mark(struct script *s, bool broken)
{
    (void)broken;
    live_with(s, F_EVENT_IDX, 65535);
    add(s, 0, 65535);
    add(s, 2, 65536);
    publish(s, 1);
    d_load(s, USED + 4 + 8 * SIZE, 65535, 2);
    emit(s, VL_EV_DOORBELL, VL_AGENT_DRIVER, 0, 5, 0, 0);
    v_load(s, AVAIL + 2, 1, 2);
    take(s, 0, 65535);
    take(s, 2, 65536);
    push(s, 2, 0, 65535);
    push(s, 0, 0, 65536);
    give(s, 1);
}

// Goal: marks are set by the states that they name, and a new run starts without any.
// Method: two buffers over the wrap, returned in the other order; then an empty run.
static void marks_are_set(void **state)
{
    struct script *s = *state;
    const struct vl_referee_config config = HONEST;
    static const unsigned expected[] = {
        VL_MARK_AVAIL_WRAPPED, VL_MARK_USED_WRAPPED, VL_MARK_RING_WRAPPED, VL_MARK_QUEUE_FULL,
        VL_MARK_BATCH,         VL_MARK_EVENT_IDX,    VL_MARK_OUT_OF_ORDER, VL_MARK_DELAYED};
    uint64_t bits = 0;

    const struct vl_verdict *v = script_run(s, &config, wrap_and_mark, false);
    assert_string_equal(v->detail, "");
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        bits |= 1ull << expected[i];
    }
    assert_int_equal(vl_referees_marks(s->referees), bits);
    vl_referees_reset(s->referees, &config);
    assert_int_equal(vl_referees_marks(s->referees), 0);
    assert_string_equal(vl_mark_name(VL_MARK_INDIRECT_FULL), "INDIRECT_FULL");
    assert_string_equal(vl_mark_text(VL_MARK_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TESTS,
        cmocka_unit_test_setup_teardown(livelock_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_are_set, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
