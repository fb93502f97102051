// tests/referee/test_notify.c -- lost notifications: whom to blame where barriers are missing, and
// notifications that are asked for later.
// Every row is one script, run twice: broken, it must raise exactly the finding that the row names,
// against the side that the row names; with the one step put right, it must raise nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/referee/referee_rows.h"

// ---- barriers -----------------------------------------------------------------------------------

// The device does not ask for notifications and has seen all, when the driver publishes a buffer.
static void published_unasked(struct script *s)
{
    live_with(s, 0, 0);
    v_store(s, USED, 1, 2);
    v_load(s, AVAIL + 2, 0, 2);
    add(s, 0, 0);
    publish(s, 1);
}

// The device asks again, and looks again behind a full barrier. The driver's look may pass its
// store.
static void kick_decided_early(struct script *s, bool broken)
{
    published_unasked(s);
    if (!broken) {
        fence(s, VL_AGENT_DRIVER);
    }
    d_load(s, USED, broken ? 1 : 0, 2);
    if (!broken) {
        driver_kicks(s);
    }
    v_store(s, USED, 0, 2);
    fence(s, VL_AGENT_DEVICE);
    v_load(s, AVAIL + 2, 0, 2);
    device_sleeps(s);
    d_load(s, USED + 2, 0, 2);
}

// As before, but behind a barrier in force that is too weak: then the device is no better.
static void looked_again_early(struct script *s, bool broken)
{
    published_unasked(s);
    fence(s, VL_AGENT_DRIVER);
    d_load(s, USED, 1, 2);
    d_load(s, USED + 2, 0, 2);
    v_store(s, USED, 0, 2);
    fence_of(s, VL_AGENT_DEVICE, broken ? VIRTQ_ACQ_REL : VIRTQ_SEQ_CST);
    fence(s, VL_AGENT_TRAP); // on another processor: orders nothing of the device's
    if (broken) {
        v_load(s, AVAIL + 2, 0, 2);
    } else {
        take(s, 0, 0);
    }
    device_sleeps(s);
}

// The same with the sides changed.
static void interrupt_decided_early(struct script *s, bool broken)
{
    under_way(s);
    d_store(s, AVAIL, 1, 2);
    push(s, 0, 0, 0);
    give(s, 1);
    if (!broken) {
        fence(s, VL_AGENT_DEVICE);
    }
    v_load(s, AVAIL, broken ? 1 : 0, 2);
    if (!broken) {
        device_interrupts(s);
    }
    v_load(s, AVAIL + 2, 1, 2);
    d_store(s, AVAIL, 0, 2);
    fence(s, VL_AGENT_HANDLER); // on the driver's processor
    d_load(s, USED + 2, 0, 2);
    driver_sleeps(s);
}

// ---- a notification that is asked for later ---------------------------------------------------

// Two buffers, and the driver wants to know of the last one only. The first comes back alone.
static void later_event(struct script *s, uint16_t event, bool second)
{
    live_with(s, F_EVENT_IDX, 0);
    for (unsigned i = 0; i < 2; i++) {
        add(s, 2 * i, i);
        publish(s, i + 1);
        take(s, 2 * i, i);
    }
    d_store(s, AVAIL + 4 + 2 * SIZE, event, 2);
    fence(s, VL_AGENT_DRIVER);
    d_load(s, USED + 2, 0, 2);
    driver_sleeps(s);
    push(s, 0, 0, 0);
    give(s, 1);
    fence(s, VL_AGENT_DEVICE);
    v_load(s, AVAIL + 4 + 2 * SIZE, event, 2);
    v_load(s, AVAIL + 2, 2, 2);
    if (second) {
        push(s, 2, 0, 1);
        give(s, 2);
        fence(s, VL_AGENT_DEVICE);
        v_load(s, AVAIL + 4 + 2 * SIZE, event, 2);
        device_interrupts(s);
        v_load(s, AVAIL + 2, 2, 2);
    }
}

// Event index 1 is that of the second buffer; 2 is that of none in flight.
static void event_never_reached(struct script *s, bool broken)
{
    later_event(s, broken ? 2 : 1, !broken);
}

// The device keeps the second buffer. It is it which is late, not the driver.
static void event_still_owed(struct script *s, bool broken)
{
    later_event(s, 1, !broken);
    if (broken) {
        emit(s, VL_EV_QUIESCENT, VL_AGENT_PLATFORM, 0, 0, 0, 0);
    }
}

// ---- the table ----------------------------------------------------------------------------------

static const struct row rows[] = {
    {"liveness:lost-kick", "driver", kick_decided_early, HONEST},
    {"liveness:lost-kick", "device", looked_again_early, HONEST},
    {"liveness:lost-interrupt", "device", interrupt_decided_early, HONEST},
    {"liveness:lost-interrupt", "driver", event_never_reached, HONEST},
    {"liveness:completion-lost", "device", event_still_owed, HONEST},
};

ROWS_OF(rows);

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TESTS,
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
