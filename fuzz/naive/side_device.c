// fuzz/naive/side_device.c -- cases of the naive baseline with the device half in them.
// Compiled into the harnesses, and once more into each loadable player with a bug in this half.
// Spec: none; that is the point. The backend answers at once or, if a bit says so, a round later.
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_blk.h"
#include "device/vdev_entropy.h"
#include "device/vdev_pci.h"
#include "fuzz/naive/naive.h"
#include "fuzz/naive/naive_world.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define MEDIUM_BYTES (16u * SECTOR)
#define IO_MAX_BYTES 1024u
#define DEPTH_MAX 16u
#define SIZE_MAX_LOG2 5u // queues of 1 to 16 entries

// Where memory lies: two blocks that touch, so that a buffer may cross a border, then the rings.
#define DATA_BYTES 4096u
#define DESC_ADDR 0x4000u
#define AVAIL_ADDR 0x5000u
#define USED_ADDR 0x6000u

#define OFFERED (VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX)

struct rig {
    struct naive_world w;
    struct vdev_core_config config;
    struct vdev_core *core;
    struct vdev_pci *pci; // NULL: no transport
    void *state;
    uint32_t size;
    uint64_t features;
    uint8_t *data; // first of the two blocks of buffers
    uint8_t *desc; // NULL: the driver has no rings of its own
    uint8_t *avail;
    uint8_t *used;
    uint64_t addr[3]; // what the device is told of them
    // backend
    uint8_t *medium;
    struct vdev_request *request[DEPTH_MAX];
    uint32_t pending[DEPTH_MAX]; // tags as they came
    uint32_t n_pending;
    uint32_t n_due; // of them, those that may be answered now
    bool late;
    bool resized;
    bool msix;
};

// ---- backend ----------------------------------------------------------------------------------

static void backend_submit(void *ctx, uint32_t tag, struct vdev_request *request)
{
    struct rig *r = ctx;

    VIRTQ_ASSERT(tag < DEPTH_MAX && r->n_pending < DEPTH_MAX);
    r->request[tag] = request;
    r->pending[r->n_pending++] = tag;
    r->n_due += r->late ? 0 : 1;
}

static void execute(struct rig *r, struct vdev_request *request)
{
    if (r->core->type == &vdev_entropy_type) {
        memset(request->data, 0x5E, request->data_bytes);
    } else if (request->kind == VDEV_BLK_READ) {
        memcpy(request->data, r->medium + request->offset, request->data_bytes);
    } else if (request->kind == VDEV_BLK_WRITE) {
        memcpy(r->medium + request->offset, request->data, request->data_bytes);
    }
}

static bool backend_next(void *ctx, uint32_t *tag)
{
    struct rig *r = ctx;

    if (r->n_due == 0) {
        return false;
    }
    *tag = r->pending[0];
    r->n_pending--;
    r->n_due--;
    memmove(r->pending, r->pending + 1, r->n_pending * sizeof(r->pending[0]));
    execute(r, r->request[*tag]);
    return true;
}

static void backend_cancel(void *ctx)
{
    struct rig *r = ctx;

    r->n_pending = 0;
    r->n_due = 0;
}

// The medium is as long as it was: a device may announce the same size again.
static bool backend_resized(void *ctx, uint64_t *capacity_bytes)
{
    struct rig *r = ctx;
    const bool now = r->resized;

    r->resized = false;
    *capacity_bytes = MEDIUM_BYTES;
    return now;
}

// ---- the device -------------------------------------------------------------------------------

static void interrupt_queue(void *ctx, uint16_t queue_index)
{
    naive_interrupt(&((struct rig *)ctx)->w, queue_index);
}

static void interrupt_config(void *ctx)
{
    naive_interrupt(&((struct rig *)ctx)->w, 0);
}

static bool msix_enabled(void *ctx)
{
    return ((struct rig *)ctx)->msix;
}

static const struct virtq_port_ops device_ops = {
    .resolve = naive_resolve,
    .wake = naive_wake,
    .await_event = naive_await_event,
    .interrupt = naive_interrupt,
    .intx = naive_intx,
    .peer_error = naive_peer_error,
};

static void open_core(struct rig *r, const struct vdev_type *type,
                      const struct vdev_backend *backend)
{
    const struct vdev_transport transport = {
        .ctx = r, .interrupt_queue = interrupt_queue, .interrupt_config = interrupt_config};

    r->state = malloc(vdev_core_state_bytes(type, &r->config));
    VIRTQ_ASSERT(r->state != NULL);
    const enum virtq_err err =
        vdev_core_open(&r->w.port, type, &r->config, backend, &transport, r->state, &r->core);
    VIRTQ_ASSERT(err == VIRTQ_OK);
}

static void open_pci(struct rig *r, const struct vdev_type *type,
                     const struct vdev_backend *backend)
{
    struct vdev_pci_config config = {.n_vectors = 2, .msix_enabled = msix_enabled, .ctx = r};

    enum virtq_err err = vdev_pci_layout_default(type, 4, &config.layout);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    r->state = malloc(vdev_pci_state_bytes(type, &r->config));
    VIRTQ_ASSERT(r->state != NULL);
    err = vdev_pci_open(&r->w.port, type, &r->config, backend, &config, r->state, &r->pci);
    VIRTQ_ASSERT(err == VIRTQ_OK);
    r->core = vdev_pci_core(r->pci);
}

// Two bytes say what device there is:
//   first   bits 0..2 queue size 1 << (n mod 5) | 3 blk | 4 EVENT_IDX | 5 INDIRECT | the caller's
//   second  bits 0..1 depth 1, 2, 4, 16 | 2..3 batch 1, 2, 4, 8 | 4 late answers | 7 read-only
static void rig_open(struct rig *r, bool with_pci, uint8_t first, uint8_t second)
{
    static const uint32_t depths[] = {1, 2, 4, DEPTH_MAX};
    const struct vdev_type *type = (first & 8u) != 0 ? &vdev_blk_type : &vdev_entropy_type;

    memset(r, 0, sizeof(*r));
    naive_world_open(&r->w, &device_ops);
    r->size = 1u << ((first & 7u) % SIZE_MAX_LOG2);
    r->features = VIRTQ_F_VERSION_1 | ((first & 16u) != 0 ? VIRTQ_F_EVENT_IDX : 0) |
                  ((first & 32u) != 0 ? VIRTQ_F_INDIRECT_DESC : 0);
    r->late = (second & 16u) != 0;
    r->medium = calloc(1, MEDIUM_BYTES);
    VIRTQ_ASSERT(r->medium != NULL);
    r->config = (struct vdev_core_config){.queue_size_max = with_pci ? 16 : r->size,
                                          .depth = depths[second & 3u],
                                          .io_max_bytes = IO_MAX_BYTES,
                                          .features = OFFERED,
                                          .batch = 1u << (second >> 2 & 3u),
                                          .config_changes = with_pci};
    const struct vdev_backend backend = {.ctx = r,
                                         .submit = backend_submit,
                                         .next = backend_next,
                                         .cancel = backend_cancel,
                                         .capacity_bytes = MEDIUM_BYTES,
                                         .read_only = (second & 128u) != 0,
                                         .resized = backend_resized};
    if (with_pci) {
        open_pci(r, type, &backend);
    } else {
        open_core(r, type, &backend);
    }
    r->data = naive_world_create(&r->w, 0, DATA_BYTES);
    (void)naive_world_create(&r->w, DATA_BYTES, DATA_BYTES);
    r->desc = naive_world_create(&r->w, DESC_ADDR, virtq_desc_table_bytes(r->size));
    r->avail = naive_world_create(&r->w, AVAIL_ADDR, virtq_avail_bytes(r->size));
    r->used = naive_world_create(&r->w, USED_ADDR, virtq_used_bytes(r->size));
    r->addr[0] = DESC_ADDR;
    r->addr[1] = AVAIL_ADDR;
    r->addr[2] = USED_ADDR;
}

static void rig_close(struct rig *r)
{
    naive_world_close(&r->w);
    free(r->state);
    free(r->medium);
}

// What the data path does when it is woken: steps until it would sleep.
static void serve(struct rig *r)
{
    while (vdev_core_step(r->core)) { // bound: naive_turn()
        naive_turn(&r->w, "serving");
    }
}

// Laid bytes seldom name memory or a small index. This clears the high bytes of what was laid, so
// that they often do: still bytes over rings, over shorter words.
static void clear_high_bytes(struct rig *r)
{
    for (uint32_t i = 0; i < r->size; i++) {
        memset(r->desc + i * VIRTQ_DESC_BYTES + 2, 0, 6);  // of the address
        memset(r->desc + i * VIRTQ_DESC_BYTES + 10, 0, 2); // of the length
        r->avail[virtq_avail_slot_off(i) + 1] = 0;
    }
    r->avail[VIRTQ_RING_IDX + 1] = 0;
}

// One round: descriptor table, available ring, used ring and buffers, as far as there are bytes.
static void lay_rings(struct rig *r, struct naive_bytes *b, bool short_words)
{
    (void)naive_lay(b, r->desc, virtq_desc_table_bytes(r->size));
    (void)naive_lay(b, r->avail, virtq_avail_bytes(r->size));
    (void)naive_lay(b, r->used, virtq_used_bytes(r->size));
    (void)naive_lay(b, r->data, DATA_BYTES);
    if (short_words) {
        clear_high_bytes(r);
    }
}

// ---- bytes over the rings ---------------------------------------------------------------------

static void bring_up(struct rig *r)
{
    vdev_core_set_status(r->core, VDEV_STATUS_ACKNOWLEDGE);
    vdev_core_set_status(r->core, VDEV_STATUS_ACKNOWLEDGE | VDEV_STATUS_DRIVER);
    vdev_core_set_driver_word(r->core, 0, (uint32_t)r->features);
    vdev_core_set_driver_word(r->core, 1, (uint32_t)(r->features >> 32));
    vdev_core_set_status(r->core, 11);
    r->core->queue[0].size = r->size;
    r->core->queue[0].desc = r->addr[0];
    r->core->queue[0].driver = r->addr[1];
    r->core->queue[0].device = r->addr[2];
    vdev_core_queue_enable(r->core, 0);
    vdev_core_set_status(r->core, 15);
}

// Behind the two bytes of rig_open() (there bit 6: short words, bit 7: ring addresses are bytes;
// in the second one bits 5..6: rounds less one) come addresses, then the rounds.
static void device_rings(const uint8_t *data, size_t size)
{
    static struct rig rig;
    struct rig *r = &rig;
    struct naive_bytes b = {.data = data, .size = size};
    const uint8_t first = naive_byte(&b);
    const uint8_t second = naive_byte(&b);
    const uint32_t n_rounds = 1u + (second >> 5 & 3u);

    rig_open(r, false, first, second);
    for (uint32_t i = 0; i < 3 && (first & 128u) != 0; i++) {
        r->addr[i] = naive_number(&b, 2);
    }
    bring_up(r);
    for (uint32_t round = 0; round < n_rounds; round++) {
        lay_rings(r, &b, (first & 64u) != 0);
        r->n_due = r->n_pending;
        vdev_core_notify(r->core, 0);
        serve(r);
    }
    rig_close(r);
}

// ---- bytes as accesses to registers -----------------------------------------------------------

#define BAR 4u // of vdev_pci_layout_default(): a page each for common, ISR, device, notification
#define PAGE 4096u

enum operation { BAR_READ, BAR_WRITE, WINDOW_READ, WINDOW_WRITE, STEP, MEMORY, SET_UP, SWITCH };

static void bar_write(struct rig *r, uint32_t off, unsigned bytes, uint32_t value)
{
    vdev_pci_bar_write(r->pci, BAR, off, bytes, value);
}

// What a driver writes from reset to DRIVER_OK, so that bytes need not find it.
static void set_up(struct rig *r)
{
    uint32_t at = 0x20; // queue_desc, queue_driver, queue_device [4.1.4.3]

    bar_write(r, 0x14, 1, 0);
    serve(r);
    bar_write(r, 0x14, 1, 1);
    bar_write(r, 0x14, 1, 3);
    for (uint32_t word = 0; word < 2; word++) {
        bar_write(r, 0x08, 4, word);
        bar_write(r, 0x0C, 4, (uint32_t)(r->features >> (32 * word)));
    }
    bar_write(r, 0x14, 1, 11);
    bar_write(r, 0x16, 2, 0);
    bar_write(r, 0x18, 2, r->size);
    bar_write(r, 0x1A, 2, 1);
    for (uint32_t i = 0; i < 3; i++, at += 8) {
        bar_write(r, at, 4, (uint32_t)r->addr[i]);
        bar_write(r, at + 4, 4, 0);
    }
    bar_write(r, 0x1C, 2, 1);
    bar_write(r, 0x14, 1, 15);
}

static void write_memory(struct rig *r, uint32_t addr, uint32_t value)
{
    uint32_t room = 0;
    uint8_t *host = naive_world_at(&r->w, addr, &room);

    for (uint32_t i = 0; i < 4 && i < room; i++) {
        host[i] = (uint8_t)(value >> (8 * i));
    }
}

// Eight bytes: operation | width and page | offset le16 | value le32.
static void operate(struct rig *r, struct naive_bytes *b)
{
    const enum operation op = (enum operation)(naive_byte(b) & 7u);
    const uint8_t how = naive_byte(b);
    const uint32_t off = (uint32_t)naive_number(b, 2);
    const uint32_t value = (uint32_t)naive_number(b, 4);
    const unsigned bytes = 1u << (how & 3u) % 3u;
    const unsigned bar = (how & 0xF0u) == 0xF0u ? value % VDEV_PCI_BARS : BAR;
    const uint32_t place = (how >> 2 & 3u) * PAGE + off % PAGE;

    naive_turn(&r->w, "operating");
    switch (op) {
    case BAR_READ: (void)vdev_pci_bar_read(r->pci, bar, place, bytes); break;
    case BAR_WRITE: vdev_pci_bar_write(r->pci, bar, place, bytes, value); break;
    case WINDOW_READ: (void)vdev_pci_window_read(r->pci, 4 + off % 16, bytes); break;
    case WINDOW_WRITE: vdev_pci_window_write(r->pci, 4 + off % 16, bytes, value); break;
    case STEP:
        r->n_due = r->n_pending;
        serve(r);
        break;
    case MEMORY: write_memory(r, off, value); break;
    case SET_UP: set_up(r); break;
    case SWITCH:
        r->late = (how & 1u) != 0;
        r->msix = (how & 2u) != 0;
        r->resized = (how & 4u) != 0;
        break;
    }
}

static void device_registers(const uint8_t *data, size_t size)
{
    static struct rig rig;
    struct rig *r = &rig;
    struct naive_bytes b = {.data = data, .size = size};
    const uint8_t first = naive_byte(&b);
    const uint8_t second = naive_byte(&b);

    rig_open(r, true, first, second);
    if ((first & 64u) != 0) { // bytes over the rings, too, and the device runs
        set_up(r);
        lay_rings(r, &b, (first & 128u) != 0);
    }
    while (b.at < b.size) { // bound: the bytes
        operate(r, &b);
    }
    r->n_due = r->n_pending;
    serve(r);
    rig_close(r);
}

static const struct naive_player player = {
    .abi = NAIVE_ABI, .side = "device", .rings = device_rings, .registers = device_registers};

const struct naive_player *naive_player_entry(void)
{
    return &player;
}
