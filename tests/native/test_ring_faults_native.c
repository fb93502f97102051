// tests/native/test_ring_faults_native.c -- every peer error that the halves of a queue can name.
// Each lie comes with its neighbour that is no lie. Method: one half runs, the other's bytes are
// poked. Spec: virtio 1.4 §2.7.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/native/native_pair.h"
#include "tests/native/native_reap.h"

#define NEXT VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE
#define INDIRECT VIRTQ_DESC_F_INDIRECT

// ---- lies of a driver, named by the device ------------------------------------------------------

struct desc {
    uint32_t slot;
    uint64_t addr;
    uint32_t len;
    uint32_t flags;
    uint32_t next;
};

// A queue of 4 whose descriptors are as given; buffers from head 0 on, entry 0.
static void lie_open(struct pair *p, uint64_t features, const struct desc *descs, uint32_t n_descs)
{
    pair_open(p, 4, 0, features, 0);
    for (uint32_t i = 0; i < n_descs; i++) {
        const struct desc *d = &descs[i];
        if (d->addr != 0) { // zeros: not given
            poke_desc(p, p->desc, d->slot, d->addr, d->len, d->flags, d->next);
        }
    }
    poke_avail_slot(p, 0, 0);
    poke_avail_idx(p, 1);
}

// The next pop names the lie, once; from there on the queue is out of service.
static void expect_lie(struct pair *p, enum virtq_err err, uint64_t value)
{
    const uint64_t used = world_peek(&p->w, p->used, 8);
    assert_int_equal(vdev_queue_pop(p->dev, &p->chain), err);
    assert_int_equal(vdev_queue_error(p->dev), err);
    assert_int_equal(p->w.n_peer_errors, 1);
    assert_int_equal(p->w.peer_err, err);
    assert_int_equal(p->w.peer_value, value);
    assert_true(virtq_err_is_peer(err));
    assert_int_equal(vdev_queue_pop(p->dev, &p->chain), VIRTQ_ERR_BROKEN);
    assert_false(vdev_queue_notify_enable(p->dev));
    assert_int_equal(p->w.n_peer_errors, 1);
    assert_int_equal(world_peek(&p->w, p->used, 8), used); // nothing was stored
}

static void expect_buffer(struct pair *p, uint32_t n_elems)
{
    assert_int_equal(vdev_queue_pop(p->dev, &p->chain), VIRTQ_OK);
    assert_int_equal(p->chain.n_elems, n_elems);
    assert_int_equal(p->w.n_peer_errors, 0);
    assert_true(vdev_queue_valid(p->dev));
}

// value: what is wrong; with VIRTQ_OK the number of elements.
static void expect(struct pair *p, enum virtq_err err, uint64_t value)
{
    if (err == VIRTQ_OK) {
        expect_buffer(p, (uint32_t)value);
    } else {
        expect_lie(p, err, value);
    }
}

static enum virtq_err reopen(struct pair *p, uint32_t size, uint64_t desc, uint64_t avail,
                             uint64_t used)
{
    const struct vdev_queue_config config = {
        .queue_size = size, .desc = desc, .driver = avail, .device = used};
    void *memory = pair_state(vdev_queue_state_bytes(size));
    struct vdev_queue *q = NULL;
    p->w.n_peer_errors = 0;
    const enum virtq_err err = vdev_queue_open(&p->w.port, &config, memory, &q);
    assert_int_equal(p->w.n_peer_errors, err == VIRTQ_OK ? 0 : 1);
    assert_true(err == VIRTQ_OK || p->w.peer_err == err);
    assert_true((err == VIRTQ_OK) == (q != NULL));
    free(memory);
    return err;
}

// Goal: parts must be aligned and lie in memory in one piece. Method: the end of memory, the border
// of two regions, one step beyond each.
static void device_names_queue_addr(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, 4, 0, 0, 0);
    const uint64_t end = WORLD_BUS + WORLD_BYTES;
    const uint64_t border = WORLD_BUS + WORLD_BORDER;
    const uint64_t d = p.desc;
    const uint64_t a = p.avail;
    const uint64_t u = p.used;
    assert_int_equal(reopen(&p, 4, end - 64, a, u), VIRTQ_OK); // ends at the last byte
    assert_int_equal(reopen(&p, 4, end - 48, a, u), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, d, end - 14, u), VIRTQ_OK);
    assert_int_equal(reopen(&p, 4, d, end - 12, u), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, d, a, end - 40), VIRTQ_OK); // 38 bytes, aligned to 4
    assert_int_equal(reopen(&p, 4, d, a, end - 36), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, border - 64, a, u), VIRTQ_OK);
    assert_int_equal(reopen(&p, 4, border - 48, a, u), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, d + 8, a, u), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, d, a + 1, u), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, d, a, u + 2), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, 0, a, u), VIRTQ_ERR_QUEUE_ADDR);
    assert_int_equal(reopen(&p, 4, d, UINT64_MAX - 1, u), VIRTQ_ERR_QUEUE_ADDR);
    pair_close(&p);
}

static void device_names_queue_setup(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, 4, 0, 0, 0);
    const struct virtq_dma big = world_buffer(&p.w, 1 << 20);
    assert_int_equal(reopen(&p, 0, p.desc, p.avail, p.used), VIRTQ_ERR_QUEUE_SETUP);
    assert_int_equal(reopen(&p, 3, p.desc, p.avail, p.used), VIRTQ_ERR_QUEUE_SETUP);
    assert_int_equal(reopen(&p, 65536, p.desc, p.avail, p.used), VIRTQ_ERR_QUEUE_SETUP);
    assert_int_equal(reopen(&p, 1, p.desc, p.avail, p.used), VIRTQ_OK);
    assert_int_equal(
        reopen(&p, 32768, big.bus_addr, big.bus_addr + (1 << 19), big.bus_addr + (3 << 18)),
        VIRTQ_OK);
    pair_close(&p);
}

static void device_names_avail_idx(void **state)
{
    (void)state;
    struct pair p;
    lie_open(&p, 0, NULL, 0);
    poke_avail_idx(&p, 5);
    expect_lie(&p, VIRTQ_ERR_AVAIL_IDX, 5);
    pair_close(&p);
    lie_open(&p, 0, NULL, 0);
    poke_avail_idx(&p, 0xFFFF); // backwards
    expect_lie(&p, VIRTQ_ERR_AVAIL_IDX, 0xFFFF);
    pair_close(&p);
    lie_open(&p, 0, NULL, 0);
    poke_avail_idx(&p, 4); // as many as there are
    expect_buffer(&p, 1);
    pair_close(&p);

    // What is in flight counts: three published, one taken and held, then four more than taken.
    lie_open(&p, 0, NULL, 0);
    expect_buffer(&p, 1);
    poke_avail_slot(&p, 1, 1);
    poke_avail_idx(&p, 4);
    expect_buffer(&p, 1);
    poke_avail_slot(&p, 2, 2);
    poke_avail_slot(&p, 3, 3);
    expect_buffer(&p, 1);
    expect_buffer(&p, 1);
    poke_avail_idx(&p, 5);
    expect_lie(&p, VIRTQ_ERR_AVAIL_IDX, 5);
    pair_close(&p);

    // Named where the device looks before it sleeps, too.
    pair_open(&p, 4, 0, 0, 0);
    poke_avail_idx(&p, 5);
    assert_false(vdev_queue_notify_enable(p.dev));
    assert_int_equal(vdev_queue_error(p.dev), VIRTQ_ERR_AVAIL_IDX);
    pair_close(&p);
}

static void device_names_bad_heads(void **state)
{
    (void)state;
    struct pair p;
    lie_open(&p, 0, NULL, 0);
    poke_avail_slot(&p, 0, 4);
    expect_lie(&p, VIRTQ_ERR_HEAD_RANGE, 4);
    pair_close(&p);
    lie_open(&p, 0, NULL, 0);
    poke_avail_slot(&p, 0, 3);
    expect_buffer(&p, 1);
    poke_avail_slot(&p, 1, 3);
    poke_avail_idx(&p, 2);
    expect_lie(&p, VIRTQ_ERR_HEAD_BUSY, 3);
    pair_close(&p);
    lie_open(&p, 0, NULL, 0); // the same head again, once it was returned
    for (uint32_t i = 0; i < 3; i++) {
        poke_avail_slot(&p, i, 3);
        poke_avail_idx(&p, i + 1);
        expect_buffer(&p, 1);
        vdev_queue_push(p.dev, 3, 0);
        assert_int_equal(vdev_queue_publish(p.dev), 1);
    }
    pair_close(&p);
}

static void device_names_bad_chains(void **state)
{
    (void)state;
    const uint64_t m = WORLD_BUS;
    const uint32_t two = UINT32_MAX - 4; // with 4 more: 2^32 - 1
    static const uint64_t huge = WORLD_HUGE_BUS;
    const struct {
        enum virtq_err err;
        uint64_t value; // of the lie, or elements of the buffer
        struct desc d[4];
    } v[] = {
        {VIRTQ_ERR_DESC_RANGE, 4, {{0, m, 1, NEXT, 4}}},
        {VIRTQ_OK, 2, {{0, m, 1, NEXT, 3}, {3, m, 1, 0, 0}}},
        {VIRTQ_OK, 1, {{0, m, 1, 0, 4}}}, // next means nothing without NEXT
        {VIRTQ_ERR_CHAIN_LOOP, 0, {{0, m, 1, NEXT, 0}}},
        {VIRTQ_ERR_CHAIN_LOOP,
         0,
         {{0, m, 1, NEXT, 1}, {1, m, 1, NEXT, 2}, {2, m, 1, NEXT, 3}, {3, m, 1, NEXT, 1}}},
        {VIRTQ_OK,
         4,
         {{0, m, 1, NEXT, 1}, {1, m, 1, NEXT, 2}, {2, m, 1, NEXT, 3}, {3, m, 1, WRITE, 0}}},
        {VIRTQ_ERR_CHAIN_BYTES, 5, {{0, huge, two, NEXT, 1}, {1, m, 5, 0, 0}}},
        {VIRTQ_ERR_CHAIN_BYTES, 5, {{0, huge, two, NEXT, 1}, {1, m, 5, WRITE, 0}}},
        {VIRTQ_OK, 2, {{0, huge, two, NEXT, 1}, {1, m, 4, WRITE, 0}}},
        {VIRTQ_ERR_CHAIN_ORDER, 0, {{0, m, 1, NEXT | WRITE, 1}, {1, m, 1, 0, 0}}},
        {VIRTQ_OK, 2, {{0, m, 1, NEXT, 1}, {1, m, 1, WRITE, 0}}},
        {VIRTQ_ERR_CHAIN_ADDR, m - 1, {{0, m - 1, 1, 0, 0}}},
        {VIRTQ_ERR_CHAIN_ADDR, m + WORLD_BYTES - 7, {{0, m + WORLD_BYTES - 7, 8, 0, 0}}},
        {VIRTQ_OK, 1, {{0, m + WORLD_BYTES - 8, 8, 0, 0}}}, // ends at the last byte of memory
        {VIRTQ_ERR_CHAIN_ADDR, UINT64_MAX - 3, {{0, UINT64_MAX - 3, 8, 0, 0}}}, // wraps
        {VIRTQ_OK, 1, {{0, UINT64_MAX - 3, 0, 0, 0}}}, // no bytes: anywhere
        {VIRTQ_OK, 2, {{0, m, 0, NEXT, 1}, {1, m, 0, WRITE, 0}}},
        {VIRTQ_ERR_INDIRECT_FEATURE, 0, {{0, m, 16, INDIRECT, 0}}},
        {VIRTQ_OK, 1, {{0, m, 16, 0xFFF8, 0}}}, // reserved flags
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct pair p;
        lie_open(&p, 0, v[i].d, 4);
        expect(&p, v[i].err, v[i].value);
        pair_close(&p);
    }
}

static void device_names_bad_tables(void **state)
{
    (void)state;
    const uint64_t m = WORLD_BUS;
    const uint64_t t = WORLD_BUS + 65536; // within the payload area
    const uint64_t end = WORLD_BUS + WORLD_BYTES;
    const struct {
        enum virtq_err err;
        uint64_t value;
        struct desc owner[2];
        struct desc table[4];
    } v[] = {
        {VIRTQ_OK, 1, {{0, t, 16, INDIRECT, 0}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_OK, 1, {{0, t, 16, INDIRECT | WRITE, 0}}, {{0, m, 1, 0, 0}}}, // WRITE is ignored
        {VIRTQ_OK, 2, {{0, m, 1, NEXT, 1}, {1, t, 16, INDIRECT, 0}}, {{0, m, 1, WRITE, 0}}},
        {VIRTQ_ERR_INDIRECT_NEXT, 0, {{0, t, 16, INDIRECT | NEXT, 1}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_ERR_INDIRECT_NESTED, 0, {{0, t, 16, INDIRECT, 0}}, {{0, t, 16, INDIRECT, 0}}},
        {VIRTQ_ERR_INDIRECT_LEN, 0, {{0, t, 0, INDIRECT, 0}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_ERR_INDIRECT_LEN, 8, {{0, t, 8, INDIRECT, 0}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_ERR_INDIRECT_LEN, 17, {{0, t, 17, INDIRECT, 0}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_OK, 1, {{0, t, 80, INDIRECT, 0}}, {{0, m, 1, 0, 0}}}, // the chain is limited
        {VIRTQ_OK, 2, {{0, t, 80, INDIRECT, 0}}, {{0, m, 1, NEXT, 4}, {4, m, 1, 0, 0}}},
        {VIRTQ_ERR_DESC_RANGE, 5, {{0, t, 80, INDIRECT, 0}}, {{0, m, 1, NEXT, 5}}},
        {VIRTQ_OK, 1, {{0, t, 64, INDIRECT, 0}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_OK,
         4,
         {{0, t, 64, INDIRECT, 0}},
         {{0, m, 1, NEXT, 3}, {3, m, 1, NEXT, 1}, {1, m, 1, NEXT, 2}, {2, m, 1, WRITE, 0}}},
        {VIRTQ_ERR_DESC_RANGE, 1, {{0, t, 16, INDIRECT, 0}}, {{0, m, 1, NEXT, 1}}},
        {VIRTQ_OK, 2, {{0, t, 32, INDIRECT, 0}}, {{0, m, 1, NEXT, 1}, {1, m, 1, 0, 0}}},
        {VIRTQ_ERR_CHAIN_LOOP, 0, {{0, t, 16, INDIRECT, 0}}, {{0, m, 1, NEXT, 0}}},
        {VIRTQ_ERR_CHAIN_ORDER,
         0,
         {{0, m, 1, NEXT | WRITE, 1}, {1, t, 16, INDIRECT, 0}},
         {{0, m, 1, 0, 0}}},
        {VIRTQ_ERR_CHAIN_ADDR, end - 8, {{0, end - 8, 16, INDIRECT, 0}}, {{0, m, 1, 0, 0}}},
        {VIRTQ_OK, 1, {{0, end - 16, 16, INDIRECT, 0}}, {{0, m, 1, 0, 0}}}, // zeros: an element
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct pair p;
        lie_open(&p, VIRTQ_F_INDIRECT_DESC, v[i].owner, 2);
        for (uint32_t k = 0; k < 4; k++) {
            const struct desc *d = &v[i].table[k];
            if (d->addr != 0) {
                poke_desc(&p, t, d->slot, d->addr, d->len, d->flags, d->next);
            }
        }
        expect(&p, v[i].err, v[i].value);
        pair_close(&p);
    }
}

// Goal: a table may lie at any address; one in two pieces is more than the device can follow, and
// nobody is blamed for it.
static void device_takes_tables_anywhere(void **state)
{
    (void)state;
    const uint64_t odd = WORLD_BUS + 65536 + 4;
    const struct desc unaligned[1] = {{0, odd, 16, INDIRECT, 0}};
    const struct desc split[1] = {{0, WORLD_BUS + WORLD_BORDER - 8, 16, INDIRECT, 0}};
    struct pair p;

    lie_open(&p, VIRTQ_F_INDIRECT_DESC, unaligned, 1);
    poke_desc(&p, odd, 0, WORLD_BUS, 1, 0, 0);
    expect_buffer(&p, 1);
    pair_close(&p);

    lie_open(&p, VIRTQ_F_INDIRECT_DESC, split, 1);
    assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_ERR_NO_MEMORY);
    assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_ERR_BROKEN);
    assert_int_equal(p.w.n_peer_errors, 0);
    pair_close(&p);
}

// Goal: a device type's own complaint puts the queue out of service as a lie of the ring does.
static void device_fails_a_queue(void **state)
{
    (void)state;
    struct pair p;
    lie_open(&p, 0, NULL, 0);
    expect_buffer(&p, 1);
    vdev_queue_fail(p.dev, VIRTQ_ERR_REQUEST_SHAPE, 0);
    assert_int_equal(vdev_queue_error(p.dev), VIRTQ_ERR_REQUEST_SHAPE);
    assert_int_equal(p.w.peer_err, VIRTQ_ERR_REQUEST_SHAPE);
    assert_int_equal(vdev_queue_pop(p.dev, &p.chain), VIRTQ_ERR_BROKEN);
    pair_close(&p);
}

// ---- lies of a device, named by the driver ------------------------------------------------------

// A queue of 4: buffers of 1 and 2 descriptors published (heads 0 and 1), 8 writable bytes each
// beside a readable one in the second; a third added, not published.
static void device_lie_open(struct pair *p, uint16_t start_idx)
{
    struct vdrv_elem elems[2] = {{.len = 1}, {.len = 8, .device_writable = true}};
    pair_open(p, 4, start_idx, 0, 0);
    elems[0].bus_addr = p->buf.bus_addr;
    elems[1].bus_addr = p->buf.bus_addr + 64;
    assert_int_equal(vdrv_queue_add(p->drv, elems + 1, 1, false, 70), VIRTQ_OK);
    assert_int_equal(vdrv_queue_add(p->drv, elems, 2, false, 71), VIRTQ_OK);
    assert_int_equal(vdrv_queue_publish(p->drv), 2);
    assert_int_equal(vdrv_queue_add(p->drv, elems + 1, 1, false, 72), VIRTQ_OK);
}

static void expect_device_lie(struct pair *p, enum virtq_err err, uint64_t value)
{
    uint64_t token = 555;
    uint32_t used_len = 555;
    assert_int_equal(vdrv_queue_reap(p->drv, &token, &used_len), err);
    assert_int_equal(token, 555); // written on VIRTQ_OK only
    assert_int_equal(used_len, 555);
    assert_int_equal(vdrv_queue_error(p->drv), err);
    assert_int_equal(p->w.n_peer_errors, 1);
    assert_int_equal(p->w.peer_err, err);
    assert_int_equal(p->w.peer_value, value);
    assert_int_equal(vdrv_queue_reap(p->drv, &token, &used_len), VIRTQ_ERR_BROKEN);
    assert_int_equal(pair_add(p, 0, 1, false, 1), VIRTQ_ERR_BROKEN);
    assert_true(vdrv_queue_irq_enable(p->drv)); // do not sleep: the next reap says why
    assert_int_equal(p->w.n_peer_errors, 1);
    assert_true(vdrv_queue_valid(p->drv));
    for (uint32_t left = vdrv_queue_in_flight(p->drv); left > 0; left--) {
        assert_int_equal(vdrv_queue_detach_unused(p->drv, &token), VIRTQ_OK);
    }
    assert_int_equal(vdrv_queue_free(p->drv), 4);
}

static void expect_reaped(struct pair *p, uint64_t want_token, uint32_t want_len)
{
    reap_gives(p->drv, want_token, want_len);
    assert_int_equal(p->w.n_peer_errors, 0);
    assert_true(vdrv_queue_valid(p->drv));
}

static void driver_names_used_idx(void **state)
{
    (void)state;
    static const uint16_t starts[] = {0, 65534, 65535};
    for (size_t i = 0; i < 3; i++) {
        const uint16_t start = starts[i];
        const uint32_t slot = start % 4u;
        struct pair p;
        device_lie_open(&p, start);
        poke_used_idx(&p, (uint16_t)(start + 3)); // the third is not published
        expect_device_lie(&p, VIRTQ_ERR_USED_IDX, (uint16_t)(start + 3));
        pair_close(&p);
        device_lie_open(&p, start);
        poke_used_idx(&p, (uint16_t)(start - 1)); // backwards
        expect_device_lie(&p, VIRTQ_ERR_USED_IDX, (uint16_t)(start - 1));
        pair_close(&p);
        device_lie_open(&p, start);
        poke_used_idx(&p, (uint16_t)(start + 3));
        assert_true(vdrv_queue_irq_enable(p.drv)); // named where the driver looks before it sleeps
        assert_int_equal(vdrv_queue_error(p.drv), VIRTQ_ERR_USED_IDX);
        pair_close(&p);
        device_lie_open(&p, start);
        poke_used(&p, slot, 1, 8);
        poke_used(&p, (slot + 1) % 4, 0, 0);
        poke_used_idx(&p, (uint16_t)(start + 2)); // all that are published
        expect_reaped(&p, 71, 8);
        expect_reaped(&p, 70, 0);
        pair_close(&p);
    }
}

static void driver_names_bad_ids(void **state)
{
    (void)state;
    const struct {
        enum virtq_err err;
        uint32_t id;
    } v[] = {
        {VIRTQ_ERR_USED_ID_RANGE, 4},
        {VIRTQ_ERR_USED_ID_RANGE, 0x10000},
        {VIRTQ_ERR_USED_ID_RANGE, UINT32_MAX},
        {VIRTQ_ERR_USED_ID_FREE, 2}, // inside a chain
    };
    struct pair p;
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        device_lie_open(&p, 0);
        poke_used(&p, 0, v[i].id, 0);
        poke_used_idx(&p, 1);
        expect_device_lie(&p, v[i].err, v[i].id);
        pair_close(&p);
    }
    device_lie_open(&p, 0); // a good one, and the same again
    poke_used(&p, 0, 0, 8);
    poke_used(&p, 1, 0, 8);
    poke_used_idx(&p, 2);
    expect_reaped(&p, 70, 8);
    expect_device_lie(&p, VIRTQ_ERR_USED_ID_FREE, 0);
    pair_close(&p);
}

static void driver_names_used_len(void **state)
{
    (void)state;
    for (uint32_t len = 0; len <= 9; len++) {
        struct pair p;
        device_lie_open(&p, 0);
        poke_used(&p, 0, 1, len);
        poke_used_idx(&p, 1);
        if (len <= 8) {
            expect_reaped(&p, 71, len);
        } else { // the chain holds 9 bytes, 8 of them writable
            expect_device_lie(&p, VIRTQ_ERR_USED_LEN, len);
        }
        pair_close(&p);
    }
}

// Goal: the used length of a chain without writable bytes can only be 0; of an indirect buffer it
// is bounded by the table's elements.
static void driver_bounds_every_length(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct pair p;
        const bool table = i >= 2;
        const uint32_t room = table ? 32 : 0;
        const uint32_t len = room + i % 2;
        pair_open(&p, 4, 0, VIRTQ_F_INDIRECT_DESC, 4);
        assert_int_equal(pair_add(&p, 1, table ? 2 : 0, table, 70), VIRTQ_OK);
        (void)vdrv_queue_publish(p.drv);
        poke_used(&p, 0, 0, len);
        poke_used_idx(&p, 1);
        if (len == room) {
            expect_reaped(&p, 70, len);
        } else {
            expect_device_lie(&p, VIRTQ_ERR_USED_LEN, len);
        }
        pair_close(&p);
    }
}

// Goal: nothing that the device could have changed is read back. Method: spoil the descriptor table
// and the available ring while buffers are in flight; the driver's books stay as they were.
static void driver_reads_nothing_back(void **state)
{
    (void)state;
    struct pair p;
    device_lie_open(&p, 0);
    memset(world_at(&p.w, p.desc), 0xFF, virtq_desc_table_bytes(4));
    memset(world_at(&p.w, p.avail), 0xFF, virtq_avail_bytes(4));
    poke_used(&p, 0, 1, 8);
    poke_used(&p, 1, 0, 8);
    poke_used_idx(&p, 2);
    expect_reaped(&p, 71, 8);
    expect_reaped(&p, 70, 8);
    assert_int_equal(vdrv_queue_publish(p.drv), 1); // the third
    assert_int_equal(world_peek(&p.w, p.avail + VIRTQ_RING_IDX, 2), 3);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_names_queue_addr),
        cmocka_unit_test(device_names_queue_setup),
        cmocka_unit_test(device_names_avail_idx),
        cmocka_unit_test(device_names_bad_heads),
        cmocka_unit_test(device_names_bad_chains),
        cmocka_unit_test(device_names_bad_tables),
        cmocka_unit_test(device_takes_tables_anywhere),
        cmocka_unit_test(device_fails_a_queue),
        cmocka_unit_test(driver_names_used_idx),
        cmocka_unit_test(driver_names_bad_ids),
        cmocka_unit_test(driver_names_used_len),
        cmocka_unit_test(driver_bounds_every_length),
        cmocka_unit_test(driver_reads_nothing_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
