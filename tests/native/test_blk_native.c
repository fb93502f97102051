// tests/native/test_blk_native.c -- block requests: the device with raw chains, the driver with the
// device, and the driver against a device that lies. Spec: virtio 1.4 §5.2.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_blk.h"
#include "tests/native/native_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECTORS (RIG_MEDIUM_BYTES / 512)
#define ALL (VDRV_BLK_FEATURES & ~VDRV_BLK_F_RO)

// ---- the device, with chains as no driver of ours would build them ----------------------------

// A request laid out flat in the payload area: n_readable bytes, then n_writable bytes.
struct request {
    uint32_t type;
    uint64_t sector;
    uint32_t n_readable; // header and data
    uint32_t n_writable; // data and status
};

static const uint32_t whole[] = {UINT32_MAX};
static const uint32_t headed[] = {16, UINT32_MAX};
static const uint32_t bytewise[] = {1, 2, 0, 5, 9, 300, UINT32_MAX};
static const uint32_t status_alone[] = {511, 1, 512, UINT32_MAX};

// Cut n bytes from bus_addr on into elements of the given lengths.
static uint32_t cut(struct vdrv_elem *elems, uint64_t bus_addr, uint32_t n, bool writable,
                    const uint32_t *lens)
{
    uint32_t n_elems = 0;

    while (n > 0) {
        const uint32_t len = lens[n_elems] < n ? lens[n_elems] : n;
        elems[n_elems++] =
            (struct vdrv_elem){.bus_addr = bus_addr, .len = len, .device_writable = writable};
        bus_addr += len;
        n -= len;
    }
    return n_elems;
}

static uint8_t *readable(struct rig *r)
{
    return r->buf.span.host;
}

static uint8_t *writable(struct rig *r)
{
    return r->buf.span.host + 16384;
}

// Send a request as cut; the reply's data and status are in writable().
static void send(struct rig *r, const struct request *req, const uint32_t *lens)
{
    struct vdrv_elem elems[32];
    uint8_t *header = readable(r);

    for (uint32_t i = 0; i < 8; i++) {
        header[i] = (uint8_t)((uint64_t)req->type >> (8 * i));
        header[8 + i] = (uint8_t)(req->sector >> (8 * i));
    }
    memset(writable(r), 0xEE, 16384);
    uint32_t n = cut(elems, r->buf.bus_addr, req->n_readable, false, lens);
    n += cut(elems + n, r->buf.bus_addr + 16384, req->n_writable, true, lens);
    assert_int_equal(vdrv_queue_add(r->q, elems, n, true, 7), VIRTQ_OK);
    rig_go(r);
}

static void expect(struct rig *r, const struct request *req, uint8_t status, uint32_t used_len)
{
    uint64_t token = 0;
    uint32_t got_len = 0;
    assert_int_equal(vdrv_queue_reap(r->q, &token, &got_len), VIRTQ_OK);
    assert_int_equal(got_len, used_len);
    assert_int_equal(writable(r)[req->n_writable - 1], status);
    assert_int_equal(writable(r)[req->n_writable], 0xEE); // and nothing behind it
    assert_int_equal(r->w.n_peer_errors, 0);
}

// Goal: header, data and status are found in any framing [2.7.4].
static void any_framing(void **state)
{
    (void)state;
    static const uint32_t *const framings[] = {whole, headed, bytewise, status_alone};
    for (size_t i = 0; i < 4; i++) {
        struct rig r;
        rig_open(&r, &vdev_blk_type, 4, 1, false);
        rig_up(&r, 16, VIRTQ_F_INDIRECT_DESC);
        const struct request in = {0, 3, 16, 1024 + 1};
        send(&r, &in, framings[i]);
        expect(&r, &in, 0, 1025);
        assert_memory_equal(writable(&r), r.medium + 3 * 512, 1024);

        const struct request out = {1, SECTORS - 1, 16 + 512, 1};
        memset(readable(&r) + 16, (int)i + 1, 512);
        send(&r, &out, framings[i]);
        expect(&r, &out, 0, 1);
        assert_memory_equal(r.medium + RIG_MEDIUM_BYTES - 512, readable(&r) + 16, 512);

        const struct request flush = {4, 0, 16, 1};
        send(&r, &flush, framings[i]);
        expect(&r, &flush, 0, 1);
        assert_int_equal(r.n_submitted, 3);

        const struct request id = {8, 0, 16, 21};
        send(&r, &id, framings[i]);
        expect(&r, &id, 0, 21);
        assert_memory_equal(writable(&r), "vringlab-blk\0\0\0\0\0\0\0\0", 20);
        assert_int_equal(r.n_submitted, 3); // the device knows its own name
        rig_close(&r);
    }
}

// Goal: what cannot be done gets a status, and a used length that counts only what was written
// from the start on [2.7.8.2-dev-2]; the medium stays as it was.
static void refusals(void **state)
{
    (void)state;
    const struct {
        struct request req;
        uint8_t status;
        uint32_t used_len;
    } v[] = {
        {{0, SECTORS - 1, 16, 513}, 0, 513},        // the last sector
        {{0, SECTORS, 16, 513}, 1, 0},              // behind it
        {{0, SECTORS - 1, 16, 1025}, 1, 0},         // across the end
        {{0, SECTORS, 16, 1}, 0, 1},                // no bytes at the end
        {{0, SECTORS + 1, 16, 1}, 1, 1},            // no bytes behind it
        {{0, UINT64_MAX, 16, 513}, 1, 0},           // sum wraps
        {{0, UINT64_MAX / 512 + 1, 16, 513}, 1, 0}, // product wraps
        {{0, 0, 16, 512}, 1, 0},                    // 511 bytes
        {{0, 0, 16, 1025}, 0, 1025},                // io_max_bytes
        {{0, 0, 16, 1537}, 1, 0},                   // more
        {{1, SECTORS - 1, 16 + 512, 1}, 0, 1},      //
        {{1, SECTORS, 16 + 512, 1}, 1, 1},          //
        {{1, 0, 16 + 100, 1}, 1, 1},                //
        {{1, 0, 16 + 1536, 1}, 1, 1},               //
        {{1, 0, 16 + 512, 100}, 0, 0},              // room that an OUT does not use
        {{2, 0, 16, 1}, 2, 1},                      // legacy SCSI
        {{5, 0, 16, 1}, 2, 1},                      // legacy flush
        {{11, 0, 32, 1}, 2, 1},                     // discard: not offered
        {{UINT32_MAX, 0, 16, 513}, 2, 0},           //
        {{8, 0, 16, 1}, 0, 1},                      // an ID of no bytes
        {{8, 0, 16, 8}, 0, 8},                      // its first 7
        {{8, 0, 16, 50}, 0, 20},                    // and a gap before the status
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct rig r;
        uint8_t before[RIG_MEDIUM_BYTES];
        rig_open(&r, &vdev_blk_type, 4, 1, false);
        rig_up(&r, 16, VIRTQ_F_INDIRECT_DESC);
        memcpy(before, r.medium, RIG_MEDIUM_BYTES);
        memset(readable(&r), 0xC3, 4096);
        send(&r, &v[i].req, headed);
        expect(&r, &v[i].req, v[i].status, v[i].used_len);
        const bool wrote = v[i].req.type == 1 && v[i].status == 0;
        assert_int_equal(memcmp(before, r.medium, RIG_MEDIUM_BYTES) != 0, wrote);
        if (v[i].used_len == 0) {
            assert_int_equal(writable(&r)[0], 0xEE);
        }
        rig_close(&r);
    }
}

static void backend_fails(void **state)
{
    (void)state;
    const struct request reqs[] = {{0, 0, 16, 513}, {1, 0, 16 + 512, 1}, {4, 0, 16, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct rig r;
        rig_open(&r, &vdev_blk_type, 4, 1, false);
        rig_up(&r, 16, 0);
        r.failing = true;
        send(&r, &reqs[i], headed);
        expect(&r, &reqs[i], 1, i == 0 ? 0 : 1);
        assert_int_equal(writable(&r)[0], i == 0 ? 0xEE : 1);
        r.failing = false;
        send(&r, &reqs[i], headed);
        expect(&r, &reqs[i], 0, i == 0 ? 513 : 1);
        rig_close(&r);
    }
}

// Goal: without a whole header or a place for the status there is no request.
static void request_shape(void **state)
{
    (void)state;
    const struct {
        struct request req;
        bool good;
    } v[] = {
        {{0, 0, 15, 513}, false}, {{0, 0, 0, 513}, false}, {{4, 0, 16, 0}, false},
        {{1, 0, 528, 0}, false},  {{4, 0, 16, 1}, true},   {{4, 0, 17, 2}, true},
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct rig r;
        rig_open(&r, &vdev_blk_type, 4, 1, false);
        rig_up(&r, 16, 0);
        send(&r, &v[i].req, bytewise);
        assert_int_equal(r.w.n_peer_errors, v[i].good ? 0 : 1);
        assert_int_equal(r.w.peer_err, v[i].good ? VIRTQ_OK : VIRTQ_ERR_REQUEST_SHAPE);
        assert_int_equal(vdev_core_status(r.core), v[i].good ? 15 : 15 | VDEV_STATUS_NEEDS_RESET);
        assert_int_equal(r.n_submitted, v[i].good ? 1 : 0);
        rig_close(&r);
    }
}

// Goal: a medium that cannot be written says so, and keeps to it [5.2.6.2-dev-3, -dev-4].
static void read_only(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, &vdev_blk_type, 4, 1, true);
    assert_int_equal(vdev_core_offered_word(r.core, 0) & 0xFFFF, VDRV_BLK_FEATURES);
    rig_up(&r, 16, VIRTQ_F_INDIRECT_DESC);
    const struct request out = {1, 0, 16 + 512, 1};
    send(&r, &out, headed);
    expect(&r, &out, 1, 1);
    assert_int_equal(r.n_submitted, 0);
    const struct request in = {0, 0, 16, 513};
    send(&r, &in, headed);
    expect(&r, &in, 0, 513);
    rig_close(&r);
    rig_open(&r, &vdev_blk_type, 4, 1, false);
    assert_int_equal(vdev_core_offered_word(r.core, 0) & 0xFFFF, ALL);
    rig_close(&r);
}

// ---- the driver -------------------------------------------------------------------------------

struct blk {
    struct rig r;
    struct vdrv_blk *b;
    void *memory;
    struct vdrv_elem data[2]; // 512 writable bytes each, at writable()
};

static void blk_open(struct blk *k, uint64_t features, uint32_t depth, bool medium_read_only)
{
    rig_open(&k->r, &vdev_blk_type, 4, 1, medium_read_only);
    rig_up(&k->r, 8, features | VIRTQ_F_INDIRECT_DESC);
    struct vdrv_blk_config config = {.depth = depth, .max_elems = 2};
    assert_int_equal(
        vdrv_blk_parse(k->r.core->device_config, VDEV_CONFIG_MAX_BYTES, features, &config.info),
        VIRTQ_OK);
    k->memory = pair_state(vdrv_blk_state_bytes(depth, 2));
    assert_int_equal(vdrv_blk_open(&k->r.w.port, k->r.q, &config, k->memory, &k->b), VIRTQ_OK);
    for (uint32_t i = 0; i < 2; i++) {
        k->data[i] = (struct vdrv_elem){.bus_addr = k->r.buf.bus_addr + 16384 + 512 * (uint64_t)i,
                                        .len = 512,
                                        .device_writable = true};
    }
}

static void blk_close(struct blk *k)
{
    vdrv_blk_close(k->b);
    free(k->memory);
    rig_close(&k->r);
}

static void expect_reply(struct blk *k, uint64_t token, enum virtq_err result)
{
    struct vdrv_blk_reply reply = {.token = 0};
    assert_int_equal(vdrv_blk_reap(k->b, &reply), VIRTQ_OK);
    assert_int_equal(reply.token, token);
    assert_int_equal(reply.result, result);
    assert_int_equal(k->r.w.n_peer_errors, 0);
}

static void configuration(void **state)
{
    (void)state;
    struct rig r;
    struct vdrv_blk_info info;
    uint8_t config[VDEV_CONFIG_MAX_BYTES];
    rig_open(&r, &vdev_blk_type, 4, 1, false);
    memcpy(config, r.core->device_config, sizeof(config));
    assert_int_equal(vdrv_blk_parse(config, 60, ALL, &info), VIRTQ_OK);
    assert_int_equal(info.capacity, SECTORS); // the 100 odd bytes are nobody's
    assert_int_equal(info.seg_max, 14);
    assert_int_equal(info.blk_size, 512);
    assert_true(info.flush && !info.read_only);
    assert_int_equal(vdrv_blk_parse(config, 24, VDRV_BLK_F_RO, &info), VIRTQ_OK);
    assert_int_equal(info.seg_max, UINT32_MAX);
    assert_true(!info.flush && info.read_only);
    assert_int_equal(vdrv_blk_parse(config, 23, ALL, &info), VIRTQ_ERR_INVALID);
    const struct {
        uint32_t off;
        uint8_t byte;
        uint64_t features;
        enum virtq_err err;
    } v[] = {
        {7, 1, ALL, VIRTQ_ERR_CONFIG_VALUE},   // 2^56 sectors
        {6, 0x7F, ALL, VIRTQ_OK},              // just less than 2^55
        {12, 0, ALL, VIRTQ_ERR_CONFIG_VALUE},  // seg_max 0
        {12, 0, VDRV_BLK_F_FLUSH, VIRTQ_OK},   // not negotiated
        {20, 1, ALL, VIRTQ_ERR_CONFIG_VALUE},  // blk_size 513
        {21, 0, ALL, VIRTQ_ERR_CONFIG_VALUE},  // blk_size 0
        {21, 1, ALL, VIRTQ_ERR_CONFIG_VALUE},  // blk_size 256
        {21, 16, ALL, VIRTQ_OK},               // blk_size 4096
        {21, 1, VDRV_BLK_F_SEG_MAX, VIRTQ_OK}, // not negotiated
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        memcpy(config, r.core->device_config, sizeof(config));
        config[v[i].off] = v[i].byte;
        assert_int_equal(vdrv_blk_parse(config, 60, v[i].features, &info), v[i].err);
    }
    rig_close(&r);
}

// Goal: what is written is read again; batches and completions out of order keep their tokens.
static void write_and_read(void **state)
{
    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        struct blk k;
        blk_open(&k, ALL, 4, false);
        k.r.backward = true;
        struct vdrv_elem out = {.bus_addr = k.r.buf.bus_addr, .len = 512};
        memset(readable(&k.r), 0x77, 512);
        assert_int_equal(vdrv_blk_write(k.b, 5, &out, 1, indirect != 0, 10), VIRTQ_OK);
        assert_int_equal(vdrv_blk_flush(k.b, indirect != 0, 11), VIRTQ_OK);
        rig_go(&k.r);
        expect_reply(&k, 11, VIRTQ_OK);
        expect_reply(&k, 10, VIRTQ_OK);
        assert_int_equal(vdrv_blk_read(k.b, 4, k.data, 2, indirect != 0, 12), VIRTQ_OK);
        rig_go(&k.r);
        expect_reply(&k, 12, VIRTQ_OK);
        assert_memory_equal(writable(&k.r), k.r.medium + 4 * 512, 1024);
        assert_int_equal(writable(&k.r)[512], 0x77);
        k.data[0].len = VDRV_BLK_ID_BYTES;
        assert_int_equal(vdrv_blk_get_id(k.b, k.data, indirect != 0, 13), VIRTQ_OK);
        rig_go(&k.r);
        expect_reply(&k, 13, VIRTQ_OK);
        assert_memory_equal(writable(&k.r), "vringlab-blk\0\0\0\0\0\0\0\0", 20);
        struct vdrv_blk_reply reply;
        assert_int_equal(vdrv_blk_reap(k.b, &reply), VIRTQ_ERR_EMPTY);
        blk_close(&k);
    }
}

// Goal: the driver asks for nothing that the standard forbids [5.2.6.1].
static void driver_keeps_the_rules(void **state)
{
    (void)state;
    struct blk k;
    blk_open(&k, ALL, 4, false);
    struct vdrv_elem out[3] = {{.bus_addr = k.r.buf.bus_addr, .len = 512}};
    out[1] = out[2] = out[0];
    assert_int_equal(vdrv_blk_read(k.b, SECTORS, k.data, 1, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_read(k.b, SECTORS - 1, k.data, 2, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_read(k.b, UINT64_MAX, k.data, 1, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_read(k.b, 0, out, 1, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_write(k.b, 0, k.data, 1, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_write(k.b, 0, out, 0, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_write(k.b, 0, out, 3, false, 1), VIRTQ_ERR_INVALID); // max_elems
    out[0].len = 500;
    assert_int_equal(vdrv_blk_write(k.b, 0, out, 2, false, 1), VIRTQ_ERR_INVALID);
    out[1].len = 524;
    assert_int_equal(vdrv_blk_write(k.b, 0, out, 2, false, 1), VIRTQ_OK); // 1024 in all
    assert_int_equal(vdrv_blk_get_id(k.b, k.data, false, 1), VIRTQ_ERR_INVALID);
    rig_go(&k.r);
    expect_reply(&k, 1, VIRTQ_OK);
    blk_close(&k);
    blk_open(&k, VDRV_BLK_F_RO, 4, true);
    assert_int_equal(vdrv_blk_write(k.b, 0, out, 2, false, 1), VIRTQ_ERR_INVALID);
    assert_int_equal(vdrv_blk_flush(k.b, false, 1), VIRTQ_ERR_UNSUPPORTED);
    blk_close(&k);
    blk_open(&k, 0, 4, true); // nobody told this driver: the device does
    assert_int_equal(vdrv_blk_write(k.b, 0, out, 2, false, 1), VIRTQ_OK);
    rig_go(&k.r);
    expect_reply(&k, 1, VIRTQ_ERR_IO);
    blk_close(&k);
}

// Goal: request slots and descriptors run out as QUEUE_FULL, and come back, after a reset too.
static void slots_run_out(void **state)
{
    (void)state;
    struct blk k;
    uint64_t token = 0;
    blk_open(&k, ALL, 3, false);
    k.r.hold = true;
    assert_int_equal(vdrv_blk_read(k.b, 0, k.data, 2, false, 0), VIRTQ_OK); // 4 descriptors
    assert_int_equal(vdrv_blk_read(k.b, 0, k.data, 1, false, 1), VIRTQ_OK); // 3 more
    assert_int_equal(vdrv_blk_flush(k.b, false, 2), VIRTQ_ERR_QUEUE_FULL);  // 1 is left
    assert_int_equal(vdrv_blk_flush(k.b, true, 2), VIRTQ_OK);               // with a table
    assert_int_equal(vdrv_blk_flush(k.b, true, 3), VIRTQ_ERR_QUEUE_FULL);   // no slot
    rig_go(&k.r);
    k.r.failing = true;
    rig_release(&k.r);
    expect_reply(&k, 0, VIRTQ_ERR_IO);
    k.r.hold = true;
    assert_int_equal(vdrv_blk_flush(k.b, false, 4), VIRTQ_OK);
    rig_go(&k.r);
    expect_reply(&k, 1, VIRTQ_ERR_IO);
    expect_reply(&k, 2, VIRTQ_ERR_IO);
    vdev_core_set_status(k.r.core, 0);
    rig_run(&k.r);
    assert_int_equal(vdev_core_status(k.r.core), 0);
    assert_int_equal(vdrv_blk_detach_unused(k.b, &token), VIRTQ_OK);
    assert_int_equal(token, 4);
    assert_int_equal(vdrv_blk_detach_unused(k.b, &token), VIRTQ_ERR_EMPTY);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vdrv_blk_flush(k.b, true, i), VIRTQ_OK);
    }
    blk_close(&k);
}

// Goal: replies that make no sense are named. Method: a read's status byte or used length changed
// between the device and the driver.
static void driver_names_bad_replies(void **state)
{
    (void)state;
    const struct {
        bool read;
        uint8_t status;
        uint32_t used_len;
        enum virtq_err err; // of reap; else result
        enum virtq_err result;
    } v[] = {
        {true, 0, 513, VIRTQ_OK, VIRTQ_OK},
        {true, 0, 512, VIRTQ_ERR_REPLY, VIRTQ_OK}, // data, and no status
        {true, 0, 0, VIRTQ_ERR_REPLY, VIRTQ_OK},   // good, and nothing written
        {true, 1, 0, VIRTQ_OK, VIRTQ_ERR_IO},      // a failure needs no data
        {true, 1, 513, VIRTQ_OK, VIRTQ_ERR_IO},    //
        {true, 2, 0, VIRTQ_OK, VIRTQ_ERR_UNSUPPORTED},
        {true, 3, 513, VIRTQ_ERR_REPLY, VIRTQ_OK},   // no such status without ZONED
        {true, 255, 513, VIRTQ_ERR_REPLY, VIRTQ_OK}, // the byte as it was before
        {true, 255, 0, VIRTQ_ERR_REPLY, VIRTQ_OK},
        {false, 0, 0, VIRTQ_OK, VIRTQ_OK}, // some devices do not count the status
        {false, 0, 1, VIRTQ_OK, VIRTQ_OK},
        {false, 255, 1, VIRTQ_ERR_REPLY, VIRTQ_OK},
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct blk k;
        struct vdrv_blk_reply reply = {.token = 0};
        blk_open(&k, ALL, 1, false);
        if (v[i].read) {
            assert_int_equal(vdrv_blk_read(k.b, 0, k.data, 1, false, 5), VIRTQ_OK);
        } else {
            assert_int_equal(vdrv_blk_flush(k.b, false, 5), VIRTQ_OK);
        }
        const uint64_t last = k.r.desc + (v[i].read ? 2 : 1) * VIRTQ_DESC_BYTES;
        const uint64_t status_at = world_peek(&k.r.w, last, 8);
        assert_int_equal(world_peek(&k.r.w, status_at, 1), 0xFF); // preset: 0 must be written
        rig_go(&k.r);
        world_poke(&k.r.w, status_at, 1, v[i].status);
        world_poke(&k.r.w, k.r.used + virtq_used_slot_off(65534 % 8) + 4, 4, v[i].used_len);
        assert_int_equal(vdrv_blk_reap(k.b, &reply), v[i].err);
        assert_int_equal(reply.token, 5);
        if (v[i].err == VIRTQ_OK) {
            assert_int_equal(reply.result, v[i].result);
            assert_int_equal(k.r.w.n_peer_errors, 0);
        } else {
            assert_int_equal(k.r.w.peer_err, VIRTQ_ERR_REPLY);
            assert_int_equal(vdrv_blk_reap(k.b, &reply), VIRTQ_ERR_BROKEN);
            assert_int_equal(vdrv_blk_flush(k.b, false, 6), VIRTQ_ERR_BROKEN);
            assert_int_equal(vdrv_blk_read(k.b, 0, k.data, 1, false, 6), VIRTQ_ERR_BROKEN);
            assert_int_equal(vdrv_blk_write(k.b, 0, k.data, 1, false, 6), VIRTQ_ERR_BROKEN);
            assert_int_equal(vdrv_blk_get_id(k.b, k.data, false, 6), VIRTQ_ERR_BROKEN);
            assert_int_equal(k.r.w.n_peer_errors, 1);
        }
        blk_close(&k);
    }
}

static void open_refuses(void **state)
{
    (void)state;
    struct rig r;
    struct vdrv_blk *b = NULL;
    rig_open(&r, &vdev_blk_type, 4, 1, false);
    rig_up(&r, 8, 0);
    void *memory = pair_state(vdrv_blk_state_bytes(4, 2));
    struct vdrv_blk_config config = {.depth = 0, .max_elems = 2};
    assert_int_equal(vdrv_blk_open(&r.w.port, r.q, &config, memory, &b), VIRTQ_ERR_INVALID);
    config = (struct vdrv_blk_config){.depth = 4, .max_elems = 32767};
    assert_int_equal(vdrv_blk_open(&r.w.port, r.q, &config, memory, &b), VIRTQ_ERR_INVALID);
    config.max_elems = 2;
    r.w.fail_after = 0;
    assert_int_equal(vdrv_blk_open(&r.w.port, r.q, &config, memory, &b), VIRTQ_ERR_NO_MEMORY);
    free(memory);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_framing),    cmocka_unit_test(refusals),
        cmocka_unit_test(backend_fails),  cmocka_unit_test(request_shape),
        cmocka_unit_test(read_only),      cmocka_unit_test(configuration),
        cmocka_unit_test(write_and_read), cmocka_unit_test(driver_keeps_the_rules),
        cmocka_unit_test(slots_run_out),  cmocka_unit_test(driver_names_bad_replies),
        cmocka_unit_test(open_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
