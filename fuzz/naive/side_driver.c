// fuzz/naive/side_driver.c -- cases of the naive baseline with the driver half in them.
// Compiled into the harnesses, and once more into each loadable player with a bug in this half.
// The caller does what callers do: a buffer is memory of its own, its address is the token, what
// the driver says was written is read, and a buffer that comes back is freed.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_blk.h"
#include "driver/vdrv_blk_pci.h"
#include "driver/vdrv_entropy.h"
#include "fuzz/naive/naive.h"
#include "fuzz/naive/naive_config.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_LOG2 5u // queues of 1 to 16 entries
#define SECTOR 512u
#define CAPACITY 16u // sectors
#define ELEMS_MAX 4u
#define N_POLLS 4u

#define FEATURES (VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX)

// A caller's buffer; its address is the token.
struct buffer {
    uint32_t bytes; // that the device may write
    uint8_t data[];
};

struct rig {
    struct naive_config c; // first: the port's functions get it as the world that it starts with
    struct naive_world *w;
    struct vdrv_pci pci;
    struct virtq_doorbell bell;
    struct vdrv_queue *q;
    void *q_state;
    bool is_blk;
    struct vdrv_blk_info info;
    struct vdrv_entropy *entropy;
    struct vdrv_blk *blk;
    void *state; // of the device driver
    uint32_t size;
    uint64_t features;
    uint16_t start_idx;
    bool stopped; // by an error: nothing more comes of reaping
};

static const struct virtq_port_ops driver_ops = {
    .mem_alloc = naive_mem_alloc,
    .mem_free = naive_mem_free,
    .await_event = naive_await_event,
    .wake = naive_wake,
    .irq_mask = naive_irq_mask,
    .pci_read = naive_config_read,
    .pci_write = naive_config_write,
    .mmio_map = naive_config_map,
    .doorbell = naive_doorbell,
    .peer_error = naive_peer_error,
};

// ---- the queue --------------------------------------------------------------------------------

static void open_device_driver(struct rig *r)
{
    const struct vdrv_blk_config config = {
        .depth = r->size, .max_elems = ELEMS_MAX, .info = r->info};

    r->state = malloc(r->is_blk ? vdrv_blk_state_bytes(config.depth, config.max_elems)
                                : vdrv_entropy_state_bytes());
    VIRTQ_ASSERT(r->state != NULL);
    if (!r->is_blk) {
        r->entropy = vdrv_entropy_open(&r->w->port, r->q, 0, r->state);
        return;
    }
    const enum virtq_err err = vdrv_blk_open(&r->w->port, r->q, &config, r->state, &r->blk);
    VIRTQ_ASSERT(err == VIRTQ_OK);
}

static void open_queue(struct rig *r)
{
    const struct vdrv_queue_config config = {
        .queue_size = r->size,
        .start_idx = r->start_idx,
        .indirect_max = (uint16_t)(r->size < ELEMS_MAX + 2 ? r->size : ELEMS_MAX + 2),
        .features = r->features};

    r->q_state = malloc(vdrv_queue_state_bytes(r->size));
    VIRTQ_ASSERT(r->q_state != NULL);
    const enum virtq_err err = vdrv_queue_open(&r->w->port, &config, r->q_state, &r->q);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    open_device_driver(r);
}

static void close_queue(struct rig *r)
{
    uint64_t token = 0;
    enum virtq_err err = VIRTQ_OK;

    while (err == VIRTQ_OK) { // bound: naive_turn()
        err = r->is_blk ? vdrv_blk_detach_unused(r->blk, &token)
                        : vdrv_entropy_detach_unused(r->entropy, &token);
        if (err == VIRTQ_OK) {
            free((struct buffer *)(uintptr_t)token);
        }
        naive_turn(r->w, "detaching");
    }
    if (r->is_blk) {
        vdrv_blk_close(r->blk);
    }
    vdrv_queue_close(r->q);
    free(r->q_state);
    free(r->state);
}

// ---- requests ---------------------------------------------------------------------------------

// how: bits 0..1 elements less one | 2..3 blk: read, write, flush, ID | 4 indirect.
static void submit(struct rig *r, uint8_t how, uint8_t len)
{
    const uint32_t n = 1u + (how & 3u);
    const uint32_t op = how >> 2 & 3u;
    const uint32_t each = !r->is_blk ? 1u + len : op == 3 ? VDRV_BLK_ID_BYTES : SECTOR;
    const bool indirect = (how & 16u) != 0;
    struct vdrv_elem elems[ELEMS_MAX];
    struct buffer *buffer = calloc(1, sizeof(*buffer) + (size_t)each * n);
    VIRTQ_ASSERT(buffer != NULL);
    const uint64_t token = (uint64_t)(uintptr_t)buffer;
    enum virtq_err err = VIRTQ_OK;

    for (uint32_t i = 0; i < n; i++) { // bound: ELEMS_MAX
        elems[i] = (struct vdrv_elem){.bus_addr = (uint64_t)(uintptr_t)buffer->data + i * each,
                                      .len = each,
                                      .device_writable = !r->is_blk || op != 1};
    }
    buffer->bytes = each * n;
    if (!r->is_blk) {
        err = vdrv_entropy_submit(r->entropy, elems, n, indirect, token);
    } else if (op == 0) {
        err = vdrv_blk_read(r->blk, len % CAPACITY, elems, n, indirect, token);
    } else if (op == 1) {
        buffer->bytes = 0;
        err = vdrv_blk_write(r->blk, len % CAPACITY, elems, n, indirect, token);
    } else if (op == 2) {
        buffer->bytes = 0;
        err = vdrv_blk_flush(r->blk, indirect, token);
    } else {
        buffer->bytes = VDRV_BLK_ID_BYTES;
        err = vdrv_blk_get_id(r->blk, elems, indirect, token);
    }
    if (err != VIRTQ_OK) {
        free(buffer);
    }
}

// The caller uses what it was given, and is done with the buffer.
static void consume(struct buffer *buffer, uint32_t n_bytes)
{
    volatile uint8_t sum = 0;

    for (uint32_t i = 0; i < n_bytes; i++) { // bound: the length that the driver vouches for
        sum = (uint8_t)(sum + buffer->data[i]);
    }
    free(buffer);
}

static enum virtq_err reap_entropy(struct rig *r)
{
    uint64_t token = 0;
    uint32_t n_bytes = 0;

    const enum virtq_err err = vdrv_entropy_reap(r->entropy, &token, &n_bytes);
    if (err == VIRTQ_OK || err == VIRTQ_ERR_REPLY) {
        consume((struct buffer *)(uintptr_t)token, n_bytes);
    }
    return err;
}

static enum virtq_err reap_blk(struct rig *r)
{
    struct vdrv_blk_reply reply = {.token = 0};

    const enum virtq_err err = vdrv_blk_reap(r->blk, &reply);
    if (err == VIRTQ_OK || err == VIRTQ_ERR_REPLY) {
        struct buffer *buffer = (struct buffer *)(uintptr_t)reply.token;
        const bool good = err == VIRTQ_OK && reply.result == VIRTQ_OK;
        consume(buffer, good ? buffer->bytes : 0);
    }
    return err;
}

// Take all that came back. Returns false once there is nothing more for now.
static bool reap(struct rig *r)
{
    naive_turn(r->w, "reaping");
    const enum virtq_err err = r->is_blk ? reap_blk(r) : reap_entropy(r);
    r->stopped = r->stopped || (err != VIRTQ_OK && err != VIRTQ_ERR_EMPTY);
    return err == VIRTQ_OK;
}

// ---- bytes over the rings ---------------------------------------------------------------------

// What the device stores, then what only the driver should: as far as there are bytes, all else
// stays as it was. Short words as for the device.
static void lay_rings(struct rig *r, struct naive_bytes *b, bool short_words)
{
    uint64_t addr[3];
    uint8_t *part[3];
    uint32_t room = 0;

    vdrv_queue_areas(r->q, &addr[0], &addr[1], &addr[2]);
    for (unsigned i = 0; i < 3; i++) {
        part[i] = naive_world_at(r->w, addr[i], &room);
    }
    (void)naive_lay(b, part[2], virtq_used_bytes(r->size));
    (void)naive_lay(b, r->is_blk ? naive_world_last(r->w, &room) : part[0], r->is_blk ? room : 0);
    (void)naive_lay(b, part[0], virtq_desc_table_bytes(r->size));
    (void)naive_lay(b, part[1], virtq_avail_bytes(r->size));
    if (short_words) {
        part[2][VIRTQ_RING_IDX + 1] = (uint8_t)(r->start_idx >> 8);
        for (uint32_t i = 0; i < r->size; i++) { // bound: 16
            memset(part[2] + virtq_used_slot_off(i) + 1, 0, 3);
            memset(part[2] + virtq_used_slot_off(i) + 6, 0, 2);
        }
    }
}

// A round: requests, a kick, bytes over the rings, an interrupt's worth of reaping.
//   bits 0..2 requests less one | 3 interrupts off and on again | 4 short words
static void round_of(struct rig *r, struct naive_bytes *b)
{
    const uint8_t how = naive_byte(b);
    const uint8_t request = naive_byte(b);
    const uint8_t len = naive_byte(b);
    bool more = true;

    for (uint32_t i = 0; i <= (how & 7u); i++) {
        submit(r, (uint8_t)(request + i), len);
    }
    (void)vdrv_queue_publish(r->q);
    if (vdrv_queue_kick_needed(r->q)) {
        virtq_doorbell(&r->w->port, &r->bell);
    }
    lay_rings(r, b, (how & 16u) != 0);
    if ((how & 8u) != 0) {
        vdrv_queue_irq_disable(r->q);
    }
    while (more) {        // bound: naive_turn()
        while (reap(r)) { // bound: naive_turn()
        }
        more = vdrv_queue_irq_enable(r->q) && !r->stopped;
    }
}

static void rounds(struct rig *r, struct naive_bytes *b, uint32_t n_rounds)
{
    open_queue(r);
    for (uint32_t i = 0; i < n_rounds; i++) { // bound: 4
        round_of(r, b);
    }
    close_queue(r);
}

// An empty world, for the device and the queue size that the first byte says.
static void rig_open(struct rig *r, uint8_t first)
{
    memset(r, 0, sizeof(*r));
    r->w = &r->c.w;
    naive_world_open(r->w, &driver_ops);
    r->is_blk = (first & 8u) != 0;
    r->size = 1u << ((first & 7u) % SIZE_MAX_LOG2);
}

// Two bytes: bits 0..2 queue size 1 << (n mod 5) | 3 blk | 4 EVENT_IDX | 5 INDIRECT | 6..7 rounds
// less one; then the first value of the indices is 65536 less the second.
static void driver_rings(const uint8_t *data, size_t size)
{
    static struct rig rig;
    struct rig *r = &rig;
    struct naive_bytes b = {.data = data, .size = size};
    const uint8_t first = naive_byte(&b);

    rig_open(r, first);
    r->info = (struct vdrv_blk_info){
        .capacity = CAPACITY, .seg_max = UINT32_MAX, .blk_size = SECTOR, .flush = true};
    r->features = VIRTQ_F_VERSION_1 | ((first & 16u) != 0 ? VIRTQ_F_EVENT_IDX : 0) |
                  ((first & 32u) != 0 ? VIRTQ_F_INDIRECT_DESC : 0);
    r->start_idx = (uint16_t)-naive_byte(&b);
    rounds(r, &b, 1u + (first >> 6));
    naive_world_close(r->w);
}

// ---- bytes as registers -----------------------------------------------------------------------

static const struct vdrv_pci_config *pci_config(const struct rig *r)
{
    static struct vdrv_pci_config config;

    config = (struct vdrv_pci_config){
        .virtio_id = r->is_blk ? VDRV_BLK_ID : VDRV_ENTROPY_ID,
        .features = FEATURES | (r->is_blk ? VDRV_BLK_FEATURES : 0),
        .device_config_min = r->is_blk ? VDRV_BLK_CONFIG_BYTES : 0,
        .device_config_bytes = r->is_blk ? VDRV_BLK_CONFIG_BYTES : 0,
        .window_base = NAIVE_WINDOW,
        .window_bytes = NAIVE_WINDOW_BYTES,
        .msix = true,
        .vector_base = 32,
        .n_polls = N_POLLS,
    };
    return &config;
}

// From the bus to DRIVER_OK. Returns true with a queue that the device is told of.
static bool bring_up(struct rig *r)
{
    struct vdrv_pci_queue queue = {.queue_size = 0};
    uint64_t addr[3];

    if (vdrv_pci_probe(&r->w->port, pci_config(r), &r->pci) != VIRTQ_OK ||
        vdrv_pci_begin(&r->pci) != VIRTQ_OK) {
        return false;
    }
    if (r->is_blk && vdrv_blk_pci_info(&r->pci, &r->info) != VIRTQ_OK) {
        return false;
    }
    if (vdrv_pci_irq_setup(&r->pci, 1) != VIRTQ_OK ||
        vdrv_pci_queue_setup(&r->pci, 0, r->size, &queue) != VIRTQ_OK) {
        return false;
    }
    r->size = queue.queue_size;
    r->bell = queue.bell;
    r->features = r->pci.features;
    open_queue(r);
    vdrv_queue_areas(r->q, &addr[0], &addr[1], &addr[2]);
    if (vdrv_pci_queue_enable(&r->pci, 0, addr[0], addr[1], addr[2]) != VIRTQ_OK) {
        close_queue(r);
        return false;
    }
    vdrv_pci_driver_ok(&r->pci);
    return true;
}

// Behind the byte of driver_rings(), with the same bits: bytes over registers
// (naive_config_open()), then over config space as it is read; what is left goes over the rings.
static void driver_registers(const uint8_t *data, size_t size)
{
    static struct rig rig;
    struct rig *r = &rig;
    struct naive_bytes b = {.data = data, .size = size};
    const uint8_t first = naive_byte(&b);

    rig_open(r, first);
    naive_config_open(&r->c, r->is_blk ? VDRV_BLK_ID : VDRV_ENTROPY_ID, r->size, &b);
    if (bring_up(r)) {
        for (uint32_t i = 0; i < 1u + (first >> 6); i++) { // bound: 4
            round_of(r, &b);
            (void)vdrv_pci_isr_take(&r->pci);
            (void)vdrv_pci_vector_causes(&r->pci, naive_byte(&b));
            (void)vdrv_pci_check(&r->pci);
        }
        (void)vdrv_pci_reset(&r->pci);
        close_queue(r);
    }
    naive_config_close(&r->c);
    naive_world_close(r->w);
}

static const struct naive_player player = {
    .abi = NAIVE_ABI, .side = "driver", .rings = driver_rings, .registers = driver_registers};

const struct naive_player *naive_player_entry(void)
{
    return &player;
}
