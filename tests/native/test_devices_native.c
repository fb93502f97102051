// tests/native/test_devices_native.c -- status, features, resets, service and failures of a device,
// with entropy as the device type; the entropy driver. Spec: virtio 1.4 §2.1, §2.2, §2.4, §3.1,
// §5.4.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_entropy.h"
#include "tests/native/native_device.h"
#include "tests/native/native_reap.h"

#define V1 VIRTQ_F_VERSION_1

static void ask(struct rig *r, uint32_t n_buffers, uint64_t first_token)
{
    const struct vdrv_elem elem = {.bus_addr = r->buf.bus_addr, .len = 16, .device_writable = true};

    for (uint32_t i = 0; i < n_buffers; i++) {
        assert_int_equal(vdrv_queue_add(r->q, &elem, 1, false, first_token + i), VIRTQ_OK);
    }
}

static void expect(struct rig *r, uint64_t want_token, uint32_t want_len)
{
    reap_gives(r->q, want_token, want_len);
}

static void expect_none(struct rig *r)
{
    reap_gives_none(r->q);
}

// Goal: FEATURES_OK stays only for a subset of the offer that has VERSION_1 [2.2.2-dev-3], and is
// not held against the same device later [2.2.2-dev-5].
static void features_ok(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    const uint64_t offered =
        vdev_core_offered_word(r.core, 0) | (uint64_t)vdev_core_offered_word(r.core, 1) << 32;
    assert_int_equal(offered, r.config.features);
    assert_int_equal(vdev_core_offered_word(r.core, 2), 0);
    assert_int_equal(rig_negotiate(&r, 0), 3);
    assert_int_equal(vdev_core_features(r.core), 0);
    assert_int_equal(rig_negotiate(&r, VIRTQ_F_EVENT_IDX), 3);
    assert_int_equal(rig_negotiate(&r, V1 | 1), 3);
    assert_int_equal(rig_negotiate(&r, V1 | 1ull << 33), 3);
    for (uint32_t i = 0; i < 4; i++) {
        const uint64_t set = V1 | (uint64_t)i << 28;
        assert_int_equal(rig_negotiate(&r, set), 11);
        assert_int_equal(vdev_core_features(r.core), set);
    }
    assert_int_equal(vdev_core_driver_word(r.core, 0), 3u << 28);
    assert_int_equal(vdev_core_driver_word(r.core, 1), 1);
    assert_int_equal(r.w.n_peer_errors, 0);
    vdev_core_set_driver_word(r.core, 0, 0); // frozen
    assert_int_equal(r.w.peer_err, VIRTQ_ERR_REGISTER);
    assert_int_equal(vdev_core_driver_word(r.core, 0), 3u << 28);
    vdev_core_set_status(r.core, 0);
    assert_int_equal(vdev_core_driver_word(r.core, 0), 0);
    vdev_core_set_driver_word(r.core, 2, 5); // ignored
    assert_int_equal(vdev_core_driver_word(r.core, 2), 0);
    assert_int_equal(r.w.n_peer_errors, 1);
    rig_close(&r);
}

static void expect_register_error(struct rig *r, uint8_t write, uint8_t status)
{
    const uint32_t n = r->w.n_peer_errors;
    vdev_core_set_status(r->core, write);
    assert_int_equal(r->w.n_peer_errors, n + 1);
    assert_int_equal(r->w.peer_err, VIRTQ_ERR_REGISTER);
    assert_int_equal(vdev_core_status(r->core), status);
}

static void status_register(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    assert_int_equal(vdev_core_status(r.core), 0);
    vdev_core_set_status(r.core, 1);
    vdev_core_set_status(r.core, 3);
    expect_register_error(&r, 2, 3);      // clears ACKNOWLEDGE [2.1.1-drv-2]
    expect_register_error(&r, 3 | 4, 3);  // DRIVER_OK without FEATURES_OK
    expect_register_error(&r, 3 | 16, 3); // no such bit here
    expect_register_error(&r, 3 | 32, 3);
    const uint32_t n = r.w.n_peer_errors;
    vdev_core_set_status(r.core, 3 | VDEV_STATUS_NEEDS_RESET); // not the driver's: ignored
    assert_int_equal(vdev_core_status(r.core), 3);
    vdev_core_set_status(r.core, 3 | VDEV_STATUS_FAILED);
    assert_int_equal(vdev_core_status(r.core), 3 | VDEV_STATUS_FAILED);
    assert_int_equal(r.w.n_peer_errors, n);
    vdev_core_set_status(r.core, 0); // never ran: done at once
    assert_int_equal(vdev_core_status(r.core), 0);
    assert_int_equal(r.n_cancelled, 0);
    rig_close(&r);
}

// Goal: a running device's reset is complete when its data path says so, not before; until then
// the registers stand still, and after it they hold their first values [2.4.1].
static void reset_of_a_running_device(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    rig_up(&r, 8, 0);
    assert_false(vdev_core_queue_writable(r.core, 0)); // enabled
    r.hold = true;
    ask(&r, 3, 50);
    rig_go(&r);
    assert_int_equal(r.n_submitted, 3);
    const uint32_t n_wakes = r.w.n_wakes;
    vdev_core_set_status(r.core, 0);
    assert_int_equal(r.w.n_wakes, n_wakes + 1);
    assert_int_equal(vdev_core_status(r.core), 15);
    assert_true(vdev_core_resetting(r.core));
    assert_false(vdev_core_queue_writable(r.core, 0));
    assert_int_equal(vdev_core_driver_word(r.core, 1), 0);
    vdev_core_set_status(r.core, 0); // asked already
    vdev_core_notify(r.core, 0);
    assert_int_equal(r.w.n_peer_errors, 0);
    assert_int_equal(r.w.n_wakes, n_wakes + 1);
    expect_register_error(&r, 1, 15);
    vdev_core_set_driver_word(r.core, 0, 1);
    vdev_core_queue_enable(r.core, 0);
    assert_int_equal(r.w.n_peer_errors, 3);
    rig_release(&r); // the backend is ready now: too late
    assert_int_equal(r.n_cancelled, 1);
    assert_int_equal(vdev_core_status(r.core), 0);
    assert_false(vdev_core_resetting(r.core));
    assert_int_equal(r.core->queue[0].size, 16);
    assert_int_equal(r.core->queue[0].desc | r.core->queue[0].driver | r.core->queue[0].device, 0);
    assert_true(vdev_core_queue_writable(r.core, 0));
    assert_false(vdev_core_step(r.core));
    expect_none(&r); // nothing came back
    for (uint64_t i = 0, token = 0; i < 3; i++) {
        assert_int_equal(vdrv_queue_detach_unused(r.q, &token), VIRTQ_OK);
    }
    rig_down(&r);
    rig_up(&r, 4, VIRTQ_F_EVENT_IDX); // and again, smaller
    ask(&r, 4, 60);
    rig_go(&r);
    expect(&r, 60, 16);
    rig_close(&r);
}

// Goal: notifications and registers of queues that are not there are named and change nothing.
static void queue_registers(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    assert_true(vdev_core_queue_writable(r.core, 0));
    assert_false(vdev_core_queue_writable(r.core, 1));
    assert_false(vdev_core_queue_writable(r.core, 0xFFFF));
    vdev_core_notify(r.core, 0); // not enabled
    vdev_core_notify(r.core, 1); // absent
    assert_int_equal(r.w.peer_err, VIRTQ_ERR_DOORBELL);
    assert_int_equal(r.w.n_peer_errors, 2);
    assert_int_equal(r.w.n_wakes, 0);
    vdev_core_queue_enable(r.core, 1);
    assert_int_equal(r.w.peer_err, VIRTQ_ERR_REGISTER);
    vdev_core_queue_enable(r.core, 0);
    assert_int_equal(r.w.n_peer_errors, 3);
    vdev_core_queue_enable(r.core, 0); // twice
    assert_int_equal(r.w.n_peer_errors, 4);
    rig_close(&r);
}

// Goal: buffers wait for DRIVER_OK [2.1.2-dev-1], and a queue enabled after it is served too.
static void service_begins(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct rig r;
        rig_open(&r, &vdev_entropy_type, 4, 1, false);
        assert_int_equal(rig_negotiate(&r, V1), 11);
        rig_queue(&r, 4, 0);
        if (late == 0) {
            vdev_core_queue_enable(r.core, 0);
        } else {
            vdev_core_set_status(r.core, 15);
        }
        ask(&r, 1, 9);
        (void)vdrv_queue_publish(r.q);
        assert_false(vdev_core_step(r.core));
        expect_none(&r);
        assert_int_equal(r.n_irqs, 0);
        if (late == 0) {
            vdev_core_set_status(r.core, 15);
        } else {
            vdev_core_queue_enable(r.core, 0);
        }
        rig_go(&r);
        expect(&r, 9, 16);
        assert_int_equal(r.n_irqs, 1);
        assert_int_equal(r.w.n_peer_errors, 0);
        rig_close(&r);
    }
}

// Goal: whatever depth, batch and suppression, each buffer comes back, in answering order, and the
// interrupts are as many as batches.
static void every_buffer_comes_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3 * 3 * 2 * 2; i++) {
        const uint32_t depth = (const uint32_t[]){1, 3, 16}[i % 3];
        const uint32_t batch = (const uint32_t[]){1, 4, 64}[i / 3 % 3];
        const bool event_idx = i / 9 % 2 != 0;
        struct rig r;
        rig_open(&r, &vdev_entropy_type, depth, batch, false);
        r.backward = i / 18 != 0;
        rig_up(&r, 16, event_idx ? VIRTQ_F_EVENT_IDX : 0);
        for (uint32_t round = 0; round < 3; round++) {
            const uint32_t n_irqs = r.n_irqs;
            assert_false(vdrv_queue_irq_enable(r.q));
            ask(&r, 16, 0);
            rig_go(&r);
            for (uint32_t k = 0; k < 16; k++) {
                const uint32_t first = k / depth * depth; // of the device's round
                const uint32_t n = first + depth < 16 ? depth : 16 - first;
                expect(&r, r.backward ? first + (n - 1 - (k - first)) : k, 16);
            }
            expect_none(&r);
            uint32_t want_irqs = 0;
            for (uint32_t k = 0; k < 16; k += depth) { // a round of the device, in batches
                const uint32_t n = k + depth < 16 ? depth : 16 - k;
                want_irqs += (n + batch - 1) / batch;
            }
            // With EVENT_IDX the driver is armed for the first only.
            assert_int_equal(r.n_irqs - n_irqs, event_idx ? 1 : want_irqs);
            assert_int_equal(r.core->n_under_way, 0);
        }
        assert_int_equal(r.w.n_peer_errors, 0);
        rig_close(&r);
    }
}

// Goal: a device at its depth sleeps until the backend answers, then goes on where it stood.
static void full_depth_waits_for_backend(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        struct rig r;
        rig_open(&r, &vdev_entropy_type, 2, 1, false);
        rig_up(&r, 8, event_idx != 0 ? VIRTQ_F_EVENT_IDX : 0);
        r.hold = true;
        ask(&r, 5, 0);
        rig_go(&r);
        assert_int_equal(r.n_submitted, 2);
        expect_none(&r);
        // It can take nothing more, and wants no notification either.
        ask(&r, 1, 5);
        (void)vdrv_queue_publish(r.q);
        assert_false(vdrv_queue_kick_needed(r.q));
        assert_int_equal(world_peek(&r.w, r.used + VIRTQ_RING_FLAGS, 2), event_idx != 0 ? 0 : 1);
        assert_false(vdev_core_step(r.core)); // nothing new: may sleep
        assert_int_equal(r.n_submitted, 2);
        rig_release(&r);
        for (uint32_t i = 0; i < 6; i++) {
            expect(&r, i, 16);
        }
        ask(&r, 1, 6); // and is notified again
        rig_go(&r);
        expect(&r, 6, 16);
        rig_close(&r);
    }
}

// Goal: a lie in the ring: NEEDS_RESET, one configuration interrupt [2.1.2-dev-4], no more service;
// buffers that were finished before it are there; a reset heals.
static void broken_queue_needs_reset(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 16, 64, false);
    rig_up(&r, 8, 0);
    ask(&r, 1, 1);
    rig_go(&r);
    ask(&r, 2, 2);
    world_poke(&r.w, r.avail + virtq_avail_slot_off((65534 + 2) % 8), 2, 8); // the last one's head
    rig_go(&r);
    assert_int_equal(vdev_core_status(r.core), 15 | VDEV_STATUS_NEEDS_RESET);
    assert_int_equal(r.w.peer_err, VIRTQ_ERR_HEAD_RANGE);
    assert_int_equal(r.w.n_peer_errors, 1);
    assert_int_equal(r.n_config_irqs, 1);
    expect(&r, 1, 16);
    vdev_core_notify(r.core, 0);
    assert_false(vdev_core_step(r.core));
    assert_int_equal(r.n_config_irqs, 1);
    expect_none(&r);
    rig_down(&r);
    assert_int_equal(r.n_cancelled, 1);
    rig_up(&r, 8, 0);
    ask(&r, 1, 4);
    rig_go(&r);
    expect(&r, 4, 16);
    rig_close(&r);
}

// Goal: an index lie that only the look before the sleep meets breaks the queue as well.
static void broken_while_arming(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 1, 1, false);
    rig_up(&r, 4, 0);
    r.hold = true;
    ask(&r, 1, 1);
    rig_go(&r); // depth reached: the device does not look at the queue
    world_poke(&r.w, r.avail + VIRTQ_RING_IDX, 2, 65534 - 1);
    rig_release(&r);
    assert_int_equal(vdev_core_status(r.core), 15 | VDEV_STATUS_NEEDS_RESET);
    assert_int_equal(r.w.peer_err, VIRTQ_ERR_AVAIL_IDX);
    expect(&r, 1, 16);
    rig_close(&r);
}

static void bad_queue_setup(void **state)
{
    (void)state;
    const struct {
        uint32_t size;
        uint32_t shift; // of the descriptor table's address
        enum virtq_err err;
    } v[] = {{32, 0, VIRTQ_ERR_QUEUE_SETUP}, // beyond the device's maximum
             {3, 0, VIRTQ_ERR_QUEUE_SETUP},
             {0, 0, VIRTQ_ERR_QUEUE_SETUP},
             {16, 1, VIRTQ_ERR_QUEUE_ADDR},
             {16, 0, VIRTQ_OK}};
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct rig r;
        rig_open(&r, &vdev_entropy_type, 4, 1, false);
        assert_int_equal(rig_negotiate(&r, V1), 11);
        rig_queue(&r, 16, 0);
        r.core->queue[0].size = v[i].size;
        r.core->queue[0].desc += v[i].shift;
        vdev_core_queue_enable(r.core, 0);
        vdev_core_set_status(r.core, 15);
        ask(&r, 1, 1);
        rig_go(&r);
        const bool bad = v[i].err != VIRTQ_OK;
        assert_int_equal(vdev_core_status(r.core), bad ? 15 | VDEV_STATUS_NEEDS_RESET : 15);
        assert_int_equal(r.w.peer_err, v[i].err);
        assert_int_equal(r.w.n_peer_errors, bad ? 1 : 0);
        assert_int_equal(r.n_config_irqs, bad ? 1 : 0);
        assert_int_equal(r.n_submitted, bad ? 0 : 1);
        rig_close(&r);
    }
}

static void open_refuses(void **state)
{
    (void)state;
    struct rig r;
    struct vdev_core *core = NULL;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    for (uint32_t i = 0; i < 5; i++) {
        struct vdev_core_config config = r.config;
        config.queue_size_max = i == 0 ? 24 : 16;
        config.depth = i == 1 ? 0 : 4;
        config.io_max_bytes = i == 2 ? 0 : 16;
        config.batch = i == 3 ? 0 : 1;
        config.features = i == 4 ? VIRTQ_F_EVENT_IDX : V1;
        assert_int_equal(vdev_core_open(&r.w.port, &vdev_entropy_type, &config, &r.core->backend,
                                        &r.core->transport, r.core_state, &core),
                         VIRTQ_ERR_INVALID);
    }
    rig_close(&r);
}

// ---- entropy ----------------------------------------------------------------------------------

// Goal: a buffer is filled from its start, as far as io_max_bytes and the backend go, and the used
// length says how far [5.4.6.2].
static void entropy_fills(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    rig_up(&r, 8, VIRTQ_F_INDIRECT_DESC);
    const uint32_t lens[] = {1, 15, 1024, 1025, 60000};
    for (uint32_t i = 0; i < 5 * 2; i++) {
        const uint32_t len = lens[i % 5];
        const uint32_t first = len / 3;
        const uint32_t most = i < 5 ? 1024 : 7;
        const uint32_t n = len < most ? len : most;
        const struct vdrv_elem elems[2] = {
            {.bus_addr = r.buf.bus_addr, .len = first, .device_writable = true},
            {.bus_addr = r.buf.bus_addr + first, .len = len - first, .device_writable = true}};
        r.entropy_bytes = i < 5 ? 0 : 7;
        memset(r.buf.span.host, 0, 65536);
        assert_int_equal(vdrv_queue_add(r.q, elems, 2, true, i), VIRTQ_OK);
        rig_go(&r);
        expect(&r, i, n);
        assert_int_equal(r.buf.span.host[0], 0x5E);
        assert_int_equal(r.buf.span.host[n - 1], 0x5E);
        assert_int_equal(r.buf.span.host[n], 0);
    }
    rig_close(&r);
}

static void entropy_request_shape(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct rig r;
        rig_open(&r, &vdev_entropy_type, 4, 1, false);
        rig_up(&r, 8, 0);
        struct vdrv_elem elems[2] = {{.bus_addr = r.buf.bus_addr, .len = 8},
                                     {.bus_addr = r.buf.bus_addr, .device_writable = true}};
        elems[1].len = i == 1 ? 0 : 8;
        // a readable element; no room; and one that is good
        assert_int_equal(vdrv_queue_add(r.q, i == 0 ? elems : elems + 1, i == 0 ? 2 : 1, false, 1),
                         VIRTQ_OK);
        rig_go(&r);
        assert_int_equal(r.w.n_peer_errors, i < 2 ? 1 : 0);
        assert_int_equal(r.n_submitted, i < 2 ? 0 : 1);
        if (i < 2) {
            assert_int_equal(r.w.peer_err, VIRTQ_ERR_REQUEST_SHAPE);
            assert_true((vdev_core_status(r.core) & VDEV_STATUS_NEEDS_RESET) != 0);
            expect_none(&r);
        }
        rig_close(&r);
    }
}

static void entropy_driver(void **state)
{
    (void)state;
    struct rig r;
    uint64_t token = 0;
    uint32_t n_bytes = 0;
    rig_open(&r, &vdev_entropy_type, 4, 1, false);
    rig_up(&r, 8, 0);
    void *memory = pair_state(vdrv_entropy_state_bytes());
    struct vdrv_entropy *e = vdrv_entropy_open(&r.w.port, r.q, 0, memory);
    struct vdrv_elem elem = {.bus_addr = r.buf.bus_addr, .len = 4};
    assert_int_equal(vdrv_entropy_submit(e, &elem, 1, false, 1), VIRTQ_ERR_INVALID); // readable
    elem.device_writable = true;
    elem.len = 0;
    assert_int_equal(vdrv_entropy_submit(e, &elem, 1, false, 1), VIRTQ_ERR_INVALID);
    elem.len = 1;
    assert_int_equal(vdrv_entropy_submit(e, &elem, 1, false, 1), VIRTQ_OK);
    assert_int_equal(vdrv_entropy_reap(e, &token, &n_bytes), VIRTQ_ERR_EMPTY);
    rig_go(&r);
    assert_int_equal(vdrv_entropy_reap(e, &token, &n_bytes), VIRTQ_OK);
    assert_int_equal(token, 1);
    assert_int_equal(n_bytes, 1);
    assert_int_equal(vdrv_entropy_submit(e, &elem, 1, false, 2), VIRTQ_OK);
    assert_int_equal(vdrv_entropy_submit(e, &elem, 1, false, 3), VIRTQ_OK);
    rig_go(&r);
    world_poke(&r.w, r.used + virtq_used_slot_off((65534 + 1) % 8) + 4, 4, 0); // "0 bytes"
    assert_int_equal(vdrv_entropy_reap(e, &token, &n_bytes), VIRTQ_ERR_REPLY);
    assert_int_equal(token, 2);
    assert_int_equal(r.w.peer_err, VIRTQ_ERR_REPLY);
    assert_int_equal(vdrv_entropy_reap(e, &token, &n_bytes), VIRTQ_ERR_BROKEN);
    assert_int_equal(vdrv_entropy_submit(e, &elem, 1, false, 4), VIRTQ_ERR_BROKEN);
    assert_int_equal(vdrv_entropy_detach_unused(e, &token), VIRTQ_OK);
    assert_int_equal(token, 3);
    assert_int_equal(vdrv_entropy_detach_unused(e, &token), VIRTQ_ERR_EMPTY);
    free(memory);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_ok),
        cmocka_unit_test(status_register),
        cmocka_unit_test(reset_of_a_running_device),
        cmocka_unit_test(queue_registers),
        cmocka_unit_test(service_begins),
        cmocka_unit_test(every_buffer_comes_back),
        cmocka_unit_test(full_depth_waits_for_backend),
        cmocka_unit_test(broken_queue_needs_reset),
        cmocka_unit_test(broken_while_arming),
        cmocka_unit_test(bad_queue_setup),
        cmocka_unit_test(open_refuses),
        cmocka_unit_test(entropy_fills),
        cmocka_unit_test(entropy_request_shape),
        cmocka_unit_test(entropy_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
