// tests/native/test_ring_native.c -- both halves of a virtqueue against each other, native build.
// Single thread. Spec: virtio 1.4 §2.7.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/native/native_pair.h"
#include "tests/native/native_reap.h"

static const uint32_t sizes[] = {1, 2, 4, 8, 256};
static const uint16_t starts[] = {0, 1, 65530, 65535};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define N_STARTS (sizeof(starts) / sizeof(starts[0]))

static uint8_t pattern(uint64_t token, uint32_t i)
{
    return (uint8_t)(token * 31 + i);
}

// One buffer there and back: what the device reads is what the driver wrote, and the other way.
static void round_trip(struct pair *p, uint32_t n_readable, uint32_t n_writable, bool indirect,
                       uint64_t token)
{
    const uint32_t n_in = 16 * n_readable;
    const uint32_t n_out = 16 * n_writable;
    uint8_t bytes[8192];

    for (uint32_t i = 0; i < n_in + n_out; i++) {
        p->buf.span.host[i] = i < n_in ? pattern(token, i) : 0;
    }
    assert_int_equal(pair_add(p, n_readable, n_writable, indirect, token), VIRTQ_OK);
    assert_int_equal(vdev_queue_pop(p->dev, &p->chain), VIRTQ_ERR_EMPTY); // not published
    assert_int_equal(vdrv_queue_publish(p->drv), 1);
    assert_int_equal(vdev_queue_pop(p->dev, &p->chain), VIRTQ_OK);
    assert_int_equal(p->chain.n_elems, n_readable + n_writable);
    assert_int_equal(p->chain.readable_bytes, n_in);
    assert_int_equal(p->chain.writable_bytes, n_out);
    assert_int_equal(vdev_chain_read(p->dev, &p->chain, 0, bytes, sizeof(bytes)), n_in);
    assert_memory_equal(bytes, p->buf.span.host, n_in);
    for (uint32_t i = 0; i < n_out; i++) {
        bytes[i] = pattern(token + 7, i);
    }
    assert_int_equal(vdev_chain_write(p->dev, &p->chain, 0, bytes, sizeof(bytes)), n_out);
    reap_gives_none(p->drv);
    vdev_queue_push(p->dev, p->chain.head, n_out);
    reap_gives_none(p->drv); // not published
    assert_int_equal(vdev_queue_publish(p->dev), 1);
    reap_gives(p->drv, token, n_out);
    assert_memory_equal(p->buf.span.host + n_in, bytes, n_out);
    assert_true(vdrv_queue_valid(p->drv));
    assert_true(vdev_queue_valid(p->dev));
    assert_int_equal(vdrv_queue_free(p->drv), p->size);
}

// Goal: buffers of every length up to the queue's, direct and through a table, pass both ways, in
// every slot and across the wrap of the indices. Method: sizes times starts, three times round.
static void every_size_and_length(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SIZES * N_STARTS * 2; s++) {
        const uint32_t size = sizes[s / 2 / N_STARTS];
        const bool indirect = s % 2 != 0;
        struct pair p;
        pair_open(&p, size, starts[s / 2 % N_STARTS], indirect ? VIRTQ_F_INDIRECT_DESC : 0,
                  indirect ? (uint16_t)size : (uint16_t)0);
        for (uint32_t i = 0; i < 3 * size + 3; i++) {
            const uint32_t n_elems = i % size + 1;
            const uint32_t n_readable = i % (n_elems + 1);
            round_trip(&p, n_readable, n_elems - n_readable, indirect, 1000 + i);
        }
        assert_int_equal(p.w.n_peer_errors, 0);
        pair_close(&p);
    }
}

// Goal: a full queue, published at once, comes back in another order, published at once.
static void batches_out_of_order(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SIZES * N_STARTS; s++) {
        const uint32_t size = sizes[s / N_STARTS];
        static uint16_t heads[256];
        struct pair p;
        pair_open(&p, size, starts[s % N_STARTS], 0, 0);
        for (uint32_t i = 0; i < size; i++) {
            assert_int_equal(pair_add(&p, 0, 1, false, i), VIRTQ_OK);
        }
        assert_int_equal(pair_add(&p, 0, 1, false, 99), VIRTQ_ERR_QUEUE_FULL);
        assert_int_equal(vdrv_queue_publish(p.drv), size);
        assert_int_equal(vdrv_queue_publish(p.drv), 0);
        for (uint32_t i = 0; i < size; i++) {
            assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_OK);
            heads[i] = p.chain.head;
        }
        assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_ERR_EMPTY);
        assert_int_equal(vdev_queue_in_flight(p.dev), size);
        for (uint32_t i = size; i > 0; i--) {
            vdev_queue_push(p.dev, heads[i - 1], i - 1 < 16 ? i - 1 : 16);
        }
        assert_int_equal(vdev_queue_publish(p.dev), size);
        assert_int_equal(vdev_queue_publish(p.dev), 0);
        for (uint32_t i = size; i > 0; i--) {
            reap_gives(p.drv, i - 1, i - 1 < 16 ? i - 1 : 16);
        }
        reap_gives_none(p.drv);
        assert_int_equal(vdrv_queue_in_flight(p.drv), 0);
        assert_int_equal(vdev_queue_in_flight(p.dev), 0);
        pair_close(&p);
    }
}

// Goal: what vdrv_queue_add() refuses, and that refusing changes nothing.
static void add_refuses(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, 4, 0, 0, 0);
    struct vdrv_elem elems[2] = {{.bus_addr = WORLD_BUS, .len = 4, .device_writable = true},
                                 {.bus_addr = WORLD_BUS, .len = 4}};
    assert_int_equal(vdrv_queue_add(p.drv, elems, 2, false, 1), VIRTQ_ERR_INVALID); // order
    assert_int_equal(vdrv_queue_add(p.drv, elems, 0, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(pair_add(&p, 5, 0, false, 1), VIRTQ_ERR_INVALID); // longer than the queue
    elems[0] = (struct vdrv_elem){.bus_addr = WORLD_HUGE_BUS, .len = UINT32_MAX - 3};
    assert_int_equal(vdrv_queue_add(p.drv, elems, 2, false, 1), VIRTQ_ERR_INVALID); // 2^32 bytes
    elems[0].len--;
    assert_int_equal(vdrv_queue_add(p.drv, elems, 2, false, 1), VIRTQ_OK); // one less
    assert_int_equal(pair_add(&p, 3, 0, false, 2), VIRTQ_ERR_QUEUE_FULL);
    assert_int_equal(pair_add(&p, 2, 0, false, 2), VIRTQ_OK);
    assert_int_equal(vdrv_queue_publish(p.drv), 2);
    assert_true(vdrv_queue_valid(p.drv));
    pair_close(&p);
}

// Goal: a table of its own is one descriptor, also where direct elements would not fit; a buffer
// longer than a table goes direct.
static void tables_save_descriptors(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, 8, 0, VIRTQ_F_INDIRECT_DESC, 3);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(vdrv_queue_free(p.drv), 8 - i);
        if (i < 5) {
            assert_int_equal(pair_add(&p, 1, 2, true, i), VIRTQ_OK);
        }
        if (i == 5) {
            assert_int_equal(pair_add(&p, 2, 2, true, i), VIRTQ_ERR_QUEUE_FULL);
        }
        if (i >= 5) {
            assert_int_equal(pair_add(&p, 1, 0, false, i), VIRTQ_OK);
        }
    }
    assert_int_equal(pair_add(&p, 1, 0, true, 8), VIRTQ_ERR_QUEUE_FULL);
    assert_int_equal(vdrv_queue_publish(p.drv), 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_OK);
        assert_int_equal(p.chain.n_elems, i < 5 ? 3 : 1);
    }
    pair_close(&p);
}

// Goal: an element across a border of regions is two spans, and copies go on behind it.
static void element_crosses_border(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, 2, 0, 0, 0);
    const struct vdrv_elem elems[2] = {
        {.bus_addr = WORLD_BUS + WORLD_BORDER - 3, .len = 10},
        {.bus_addr = WORLD_BUS + WORLD_BORDER - 5, .len = 9, .device_writable = true}};
    uint8_t bytes[16] = {0};
    memcpy(p.w.arena + WORLD_BORDER - 3, "0123456789", 10);
    assert_int_equal(vdrv_queue_add(p.drv, elems, 2, false, 1), VIRTQ_OK);
    (void)vdrv_queue_publish(p.drv);
    assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_OK);
    assert_int_equal(p.chain.n_elems, 2);
    assert_int_equal(p.chain.n_readable, 2);
    assert_int_equal(p.chain.n_writable, 2);
    assert_int_equal(vdev_chain_read(p.dev, &p.chain, 2, bytes, sizeof(bytes)), 8);
    assert_memory_equal(bytes, "23456789", 8);
    assert_int_equal(vdev_chain_read(p.dev, &p.chain, 5, bytes, 2), 2);
    assert_memory_equal(bytes, "56", 2);
    assert_int_equal(vdev_chain_read(p.dev, &p.chain, 10, bytes, 1), 0);
    assert_int_equal(vdev_chain_write(p.dev, &p.chain, 4, "abcdefgh", 8), 5);
    assert_memory_equal(p.w.arena + WORLD_BORDER - 1, "abcde", 5);
    pair_close(&p);
}

// One buffer from add to reap. Returns bit 0: the device wanted a kick; bit 1: the driver wanted an
// interrupt.
static unsigned one_buffer(struct pair *p)
{
    uint64_t token = 0;
    uint32_t used_len = 0;
    assert_int_equal(pair_add(p, 0, 1, false, 1), VIRTQ_OK);
    assert_int_equal(vdrv_queue_publish(p->drv), 1);
    const unsigned kick = vdrv_queue_kick_needed(p->drv) ? 1 : 0;
    assert_false(vdrv_queue_kick_needed(p->drv)); // asked for this publish already
    assert_int_equal(vdev_queue_pop(p->dev, &p->chain), VIRTQ_OK);
    vdev_queue_push(p->dev, p->chain.head, 1);
    assert_int_equal(vdev_queue_publish(p->dev), 1);
    const unsigned irq = vdev_queue_interrupt_needed(p->dev) ? 2 : 0;
    assert_false(vdev_queue_interrupt_needed(p->dev));
    assert_int_equal(vdrv_queue_reap(p->drv, &token, &used_len), VIRTQ_OK);
    return kick | irq;
}

// Goal: without EVENT_IDX the flags decide, and only their bit 0.
static void suppression_by_flags(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, 4, 65533, 0, 0);
    assert_int_equal(one_buffer(&p), 3);
    vdrv_queue_irq_disable(p.drv);
    assert_int_equal(one_buffer(&p), 1);
    vdev_queue_notify_disable(p.dev);
    assert_int_equal(one_buffer(&p), 0);
    assert_false(vdrv_queue_irq_enable(p.drv));
    assert_int_equal(one_buffer(&p), 2);
    assert_false(vdev_queue_notify_enable(p.dev));
    assert_int_equal(one_buffer(&p), 3);
    world_poke(&p.w, p.avail + VIRTQ_RING_FLAGS, 2, 0xFFFE); // reserved bits
    world_poke(&p.w, p.used + VIRTQ_RING_FLAGS, 2, 0xFFFE);
    assert_int_equal(one_buffer(&p), 3);
    pair_close(&p);
}

// Goal: with EVENT_IDX one notification for each arming, the flags stay 0 and are ignored.
static void suppression_by_event_idx(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_STARTS; s++) {
        struct pair p;
        pair_open(&p, 4, starts[s], VIRTQ_F_EVENT_IDX, 0);
        assert_int_equal(one_buffer(&p), 3); // both start armed for the first
        assert_int_equal(one_buffer(&p), 0);
        assert_false(vdrv_queue_irq_enable(p.drv));
        assert_int_equal(one_buffer(&p), 2);
        assert_int_equal(one_buffer(&p), 0);
        assert_false(vdev_queue_notify_enable(p.dev));
        assert_int_equal(one_buffer(&p), 1);
        vdrv_queue_irq_disable(p.drv);
        vdev_queue_notify_disable(p.dev);
        assert_int_equal(world_peek(&p.w, p.avail + VIRTQ_RING_FLAGS, 2), 0);
        assert_int_equal(world_peek(&p.w, p.used + VIRTQ_RING_FLAGS, 2), 0);
        world_poke(&p.w, p.avail + VIRTQ_RING_FLAGS, 2, 1);
        world_poke(&p.w, p.used + VIRTQ_RING_FLAGS, 2, 1);
        assert_false(vdrv_queue_irq_enable(p.drv));
        assert_false(vdev_queue_notify_enable(p.dev));
        assert_int_equal(one_buffer(&p), 3);
        pair_close(&p);
    }
}

// Goal: a batch that jumps over the event value notifies once; one that ends before it does not.
// Method: for each start, event k entries ahead, a batch of n, queue of 8.
static void event_window(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N_STARTS * 8 * 10; i++) {
        const uint32_t n = i % 8 + 1;
        const uint32_t ahead = i / 8 % 10; // 0: the next entry
        const uint16_t start = starts[i / 80];
        struct pair p;
        uint64_t token = 0;
        uint32_t used_len = 0;
        pair_open(&p, 8, start, VIRTQ_F_EVENT_IDX, 0);
        world_poke(&p.w, p.used + virtq_avail_event_off(8), 2, (uint16_t)(start + ahead));
        world_poke(&p.w, p.avail + virtq_used_event_off(8), 2, (uint16_t)(start + ahead));
        for (uint32_t k = 0; k < n; k++) {
            assert_int_equal(pair_add(&p, 0, 1, false, k), VIRTQ_OK);
        }
        assert_int_equal(vdrv_queue_publish(p.drv), n);
        assert_int_equal(vdrv_queue_kick_needed(p.drv), ahead < n);
        for (uint32_t k = 0; k < n; k++) {
            assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_OK);
            vdev_queue_push(p.dev, p.chain.head, 0);
        }
        assert_int_equal(vdev_queue_publish(p.dev), n);
        assert_int_equal(vdev_queue_interrupt_needed(p.dev), ahead < n);
        assert_int_equal(vdrv_queue_reap(p.drv, &token, &used_len), VIRTQ_OK);
        pair_close(&p);
    }
}

// Goal: arming says when there is something already, so that nobody sleeps on it.
static void arming_looks_again(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        struct pair p;
        uint64_t token = 0;
        uint32_t used_len = 0;
        pair_open(&p, 2, 65535, event_idx != 0 ? VIRTQ_F_EVENT_IDX : 0, 0);
        vdev_queue_notify_disable(p.dev);
        vdrv_queue_irq_disable(p.drv);
        assert_int_equal(pair_add(&p, 0, 1, false, 5), VIRTQ_OK);
        assert_false(vdev_queue_notify_enable(p.dev));
        (void)vdrv_queue_publish(p.drv);
        assert_true(vdev_queue_notify_enable(p.dev));
        assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_OK);
        vdev_queue_push(p.dev, p.chain.head, 0);
        assert_false(vdrv_queue_irq_enable(p.drv));
        (void)vdev_queue_publish(p.dev);
        assert_true(vdrv_queue_irq_enable(p.drv));
        assert_int_equal(vdrv_queue_reap(p.drv, &token, &used_len), VIRTQ_OK);
        assert_false(vdrv_queue_irq_enable(p.drv));
        pair_close(&p);
    }
}

// Goal: after a reset each buffer that did not come back is taken back once, whatever it holds.
static void detach_returns_the_rest(void **state)
{
    (void)state;
    struct pair p;
    uint64_t token = 0;
    uint32_t used_len = 0;
    uint32_t seen = 0;
    pair_open(&p, 8, 65534, VIRTQ_F_INDIRECT_DESC, 4);
    assert_int_equal(pair_add(&p, 1, 2, false, 0), VIRTQ_OK);
    assert_int_equal(pair_add(&p, 1, 3, true, 1), VIRTQ_OK);
    assert_int_equal(pair_add(&p, 0, 2, false, 2), VIRTQ_OK);
    (void)vdrv_queue_publish(p.drv);
    assert_int_equal(pair_add(&p, 1, 0, false, 3), VIRTQ_OK); // never published
    assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_OK);
    vdev_queue_push(p.dev, p.chain.head, 0);
    (void)vdev_queue_publish(p.dev);
    assert_int_equal(vdrv_queue_reap(p.drv, &token, &used_len), VIRTQ_OK);
    assert_int_equal(token, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vdrv_queue_detach_unused(p.drv, &token), VIRTQ_OK);
        seen |= 1u << token;
    }
    assert_int_equal(seen, 0xE);
    assert_int_equal(vdrv_queue_detach_unused(p.drv, &token), VIRTQ_ERR_EMPTY);
    assert_int_equal(vdrv_queue_free(p.drv), 8);
    assert_int_equal(vdrv_queue_in_flight(p.drv), 0);
    pair_close(&p);
}

// Goal: a driver's queue that cannot be had leaves nothing allocated, and a bad config is refused.
static void open_fails_whole(void **state)
{
    (void)state;
    static const struct vdrv_queue_config bad[] = {
        {.queue_size = 0},
        {.queue_size = 3},
        {.queue_size = 65536},
        {.queue_size = 4, .indirect_max = 5},
    };
    struct vdrv_queue_config config = {
        .queue_size = 4, .indirect_max = 4, .features = VIRTQ_F_INDIRECT_DESC};
    struct world w;
    struct vdrv_queue *q = NULL;
    world_open(&w);
    void *memory = pair_state(vdrv_queue_state_bytes(4));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vdrv_queue_open(&w.port, &bad[i], memory, &q), VIRTQ_ERR_INVALID);
    }
    for (uint32_t i = 0; i < 4; i++) {
        w.fail_after = i;
        assert_int_equal(vdrv_queue_open(&w.port, &config, memory, &q), VIRTQ_ERR_NO_MEMORY);
        assert_int_equal(w.n_allocs, 0);
    }
    w.fail_after = 4;
    assert_int_equal(vdrv_queue_open(&w.port, &config, memory, &q), VIRTQ_OK);
    vdrv_queue_close(q);
    assert_int_equal(w.n_allocs, 0);
    free(memory);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_and_length),
        cmocka_unit_test(batches_out_of_order),
        cmocka_unit_test(add_refuses),
        cmocka_unit_test(tables_save_descriptors),
        cmocka_unit_test(element_crosses_border),
        cmocka_unit_test(suppression_by_flags),
        cmocka_unit_test(suppression_by_event_idx),
        cmocka_unit_test(event_window),
        cmocka_unit_test(arming_looks_again),
        cmocka_unit_test(detach_returns_the_rest),
        cmocka_unit_test(open_fails_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
