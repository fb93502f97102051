// tests/pci/pci_world.h -- a toy device behind the model's PCI bus, and a driver that uses it.
// The toy has two queues, fills buffers, and has a small configuration. A test sets the scenario in
// struct world after prepare(), runs it with run(), and looks at what came out. A liar between bus
// and device can change single answers.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef PCI_WORLD_H
#define PCI_WORLD_H

#include "device/vdev_pci.h"
#include "driver/vdrv_pci.h"
#include "driver/vdrv_queue.h"
#include "model/pci/vl_pci_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define N_QUEUES 2u
#define QUEUE_SIZE_MAX 8u
#define TOY_ID 42u
#define TOY_FEATURE 1ull
#define N_BUFFERS 5u
#define BUFFER_BYTES 32u
#define MSIX_BAR 1u
#define MSIX_PBA 0x800u
#define WINDOW_BASE 0xE0000000u
#define STATE_BYTES 65536u

// One answer of the device that is changed on its way: reads of bytes at off of BAR 4.
struct lie {
    uint32_t off;
    uint32_t and_bits;
    uint32_t or_bits;
    uint32_t after; // so many honest answers first
    bool moving;    // add a count to the value
};

struct world {
    struct vl_machine m;
    struct vl_pci pci;
    struct vl_pci_function *fn;
    struct vdev_pci *dev;
    _Alignas(16) uint8_t dev_state[STATE_BYTES];
    _Alignas(16) uint8_t queue_state[N_QUEUES][4096];
    struct vdrv_pci drv;
    struct vdrv_queue *q[N_QUEUES];
    struct vdrv_pci_queue agreed[N_QUEUES];
    struct virtq_dma dma[N_QUEUES]; // a buffer each
    // the scenario
    struct vdrv_pci_config drv_config;
    uint32_t want_size;
    uint32_t n_rounds;
    const struct lie *lie;
    uint32_t n_lie_reads;
    void (*body)(struct world *w);
    // what came out
    enum virtq_err err;
    uint32_t n_filled;
    uint32_t n_config_causes;
    uint64_t values[4];
};

static struct world the_world;

// ---- the toy device --------------------------------------------------------------------------

static inline void toy_config_init(struct vdev_core *core, uint8_t *config)
{
    (void)core;
    for (uint8_t i = 0; i < 12; i++) {
        config[i] = (uint8_t)(i + 1);
    }
}

static inline bool toy_start(struct vdev_core *core, struct vdev_request *request,
                             uint32_t *written)
{
    uint8_t bytes[BUFFER_BYTES];
    memset(bytes, 0xA0 + request->queue_index, sizeof(bytes));
    *written = vdev_chain_write(core->queue[request->queue_index].q, &request->chain, 0, bytes,
                                sizeof(bytes));
    return false;
}

static const struct vdev_type toy = {.name = "toy",
                                     .virtio_id = TOY_ID,
                                     .n_queues = N_QUEUES,
                                     .features = TOY_FEATURE,
                                     .config_bytes = 12,
                                     .class_code = 0x00FF00,
                                     .config_init = toy_config_init,
                                     .start = toy_start};

static inline bool backend_next(void *ctx, uint32_t *tag)
{
    (void)ctx;
    (void)tag;
    return false;
}

static inline void backend_cancel(void *ctx)
{
    (void)ctx;
}

// ---- bus and device joined -------------------------------------------------------------------

static inline uint32_t on_bar_read(void *ctx, unsigned bar, uint32_t off, unsigned bytes)
{
    struct world *w = ctx;
    const uint32_t value = vdev_pci_bar_read(w->dev, bar, off, bytes);
    const struct lie *lie = w->lie;

    if (lie == NULL || bar != 4 || off != lie->off || w->n_lie_reads++ < lie->after) {
        return value;
    }
    return ((value & lie->and_bits) | lie->or_bits) + (lie->moving ? w->n_lie_reads : 0);
}

static inline void on_bar_write(void *ctx, unsigned bar, uint32_t off, unsigned bytes,
                                uint32_t value)
{
    struct world *w = ctx;
    vdev_pci_bar_write(w->dev, bar, off, bytes, value);
}

static inline uint32_t on_cap_read(void *ctx, unsigned cap, uint32_t off, unsigned bytes)
{
    struct world *w = ctx;
    (void)cap;
    return vdev_pci_window_read(w->dev, off, bytes);
}

static inline void on_cap_write(void *ctx, unsigned cap, uint32_t off, unsigned bytes,
                                uint32_t value)
{
    struct world *w = ctx;
    (void)cap;
    vdev_pci_window_write(w->dev, off, bytes, value);
}

static inline bool msix_enabled(void *ctx)
{
    const struct world *w = ctx;
    return vl_pci_msix_enabled(w->fn);
}

// The device half as a function of the bus. extra: capabilities put before the device's own.
static inline void plug(struct world *w, uint16_t n_vectors, const struct vl_pci_cap *extra,
                        uint32_t n_extra)
{
    uint8_t bytes[VDEV_PCI_CAPS_MAX][VDEV_PCI_CAP_BYTES];
    struct vl_pci_cap caps[VL_PCI_CAPS_MAX];
    struct vdev_pci_ids ids;
    struct vdev_pci_layout layout;
    const struct vl_pci_cpu cpu = vl_pci_machine_cpu(&w->m);
    const uint32_t n_caps = vdev_pci_n_caps(w->dev);

    vdev_pci_ids(w->dev, &ids);
    assert_int_equal(vdev_pci_layout_default(&toy, 4, &layout), VIRTQ_OK);
    for (uint32_t i = 0; i < n_extra; i++) {
        caps[i] = extra[i];
    }
    for (uint32_t i = 0; i < n_caps; i++) {
        const uint32_t n = vdev_pci_cap(w->dev, i, bytes[i]);
        caps[n_extra + i] =
            (struct vl_pci_cap){.bytes = bytes[i], .n_bytes = (uint8_t)n, .live = i == n_caps - 1};
    }
    struct vl_pci_function_config config = {.bdf = VL_PCI_BDF(4, 0),
                                            .vendor_id = ids.vendor_id,
                                            .device_id = ids.device_id,
                                            .class_code = ids.class_code,
                                            .revision = ids.revision,
                                            .interrupt_pin = 1,
                                            .subsystem_vendor_id = ids.subsystem_vendor_id,
                                            .subsystem_id = ids.subsystem_id,
                                            .caps = caps,
                                            .n_caps = n_extra + n_caps,
                                            .n_vectors = n_vectors,
                                            .msix_bar = MSIX_BAR,
                                            .msix_pba_off = MSIX_PBA};
    for (unsigned i = 0; i < VL_PCI_BARS; i++) {
        config.bar[i] =
            (struct vl_pci_bar){.bytes = layout.bar[i].bytes, .is_64 = layout.bar[i].is_64};
    }
    config.bar[MSIX_BAR].bytes = 4096;
    const struct vl_pci_function_ops ops = {.ctx = w,
                                            .bar_read = on_bar_read,
                                            .bar_write = on_bar_write,
                                            .cap_read = on_cap_read,
                                            .cap_write = on_cap_write};
    vl_pci_open(&w->pci, &cpu);
    assert_int_equal(vl_pci_add(&w->pci, &config, &ops, &w->fn), VIRTQ_OK);
    w->m.bus = vl_pci_machine_ops(w->fn);
}

static inline void open_device(struct world *w, uint16_t n_vectors)
{
    const struct vdev_core_config core_config = {.queue_size_max = QUEUE_SIZE_MAX,
                                                 .depth = 4,
                                                 .io_max_bytes = BUFFER_BYTES,
                                                 .features = VIRTQ_F_VERSION_1 | VIRTQ_F_EVENT_IDX |
                                                             VIRTQ_F_INDIRECT_DESC,
                                                 .batch = 1};
    const struct vdev_backend backend = {.next = backend_next, .cancel = backend_cancel};
    struct vdev_pci_config config = {
        .n_vectors = n_vectors, .msix_enabled = msix_enabled, .ctx = w};

    assert_int_equal(vdev_pci_layout_default(&toy, 4, &config.layout), VIRTQ_OK);
    assert_true(vdev_pci_state_bytes(&toy, &core_config) <= STATE_BYTES);
    assert_int_equal(vdev_pci_open(&w->m.port[VL_SIDE_DEVICE], &toy, &core_config, &backend,
                                   &config, w->dev_state, &w->dev),
                     VIRTQ_OK);
}

static inline void device_main(void *ctx)
{
    struct world *w = ctx;
    vdev_core_run(vdev_pci_core(w->dev));
}

// ---- the driver ------------------------------------------------------------------------------

static inline void on_interrupt(void *ctx, uint16_t vector)
{
    struct world *w = ctx;
    const uint32_t causes = vector == VL_INTX_VECTOR ? vdrv_pci_isr_take(&w->drv)
                                                     : vdrv_pci_vector_causes(&w->drv, vector);
    if ((causes & VDRV_PCI_CAUSE_CONFIG) != 0) {
        w->n_config_causes++;
    }
    virtq_wake(&w->m.port[VL_SIDE_DRIVER]);
}

// Give the device a buffer to fill, and tell it.
static inline enum virtq_err submit(struct world *w, uint16_t index)
{
    const struct vdrv_elem elem = {w->dma[index].bus_addr, BUFFER_BYTES, true};
    const enum virtq_err err = vdrv_queue_add(w->q[index], &elem, 1, false, 77);
    if (err != VIRTQ_OK) {
        return err;
    }
    (void)vdrv_queue_publish(w->q[index]);
    const bool kick = vdrv_queue_kick_needed(w->q[index]);
    if (kick) {
        virtq_doorbell(&w->m.port[VL_SIDE_DRIVER], &w->agreed[index].bell);
    }
    return VIRTQ_OK;
}

// Take a filled buffer back. asleep: wait for an interrupt, else by polling.
static inline enum virtq_err collect(struct world *w, uint16_t index, bool asleep)
{
    struct virtq_port *port = &w->m.port[VL_SIDE_DRIVER];
    uint8_t got[BUFFER_BYTES] = {0};
    uint64_t token = 0;
    uint32_t used_len = 0;
    enum virtq_err err = VIRTQ_ERR_EMPTY;

    for (unsigned n = 0; n < 1000 && err == VIRTQ_ERR_EMPTY; n++) {
        err = vdrv_queue_reap(w->q[index], &token, &used_len);
        if (err != VIRTQ_ERR_EMPTY) {
            break;
        }
        if (!asleep) {
            virtq_relax(port);
            continue;
        }
        const bool more = vdrv_queue_irq_enable(w->q[index]);
        if (!more) {
            virtq_await_event(port);
        }
    }
    if (err != VIRTQ_OK) {
        return err;
    }
    virtq_copy_in(port, got, &w->dma[index].span, 0, BUFFER_BYTES);
    w->n_filled += token == 77 && used_len == BUFFER_BYTES && got[0] == 0xA0 + index &&
                   got[BUFFER_BYTES - 1] == 0xA0 + index;
    return VIRTQ_OK;
}

// One buffer through each queue, both under way at once.
static inline enum virtq_err use_queues(struct world *w)
{
    enum virtq_err err = VIRTQ_OK;
    for (uint16_t i = 0; i < N_QUEUES && err == VIRTQ_OK; i++) {
        err = submit(w, i);
    }
    for (uint16_t i = 0; i < N_QUEUES && err == VIRTQ_OK; i++) {
        err = collect(w, i, true);
    }
    return err;
}

static inline enum virtq_err open_queue(struct world *w, uint16_t index)
{
    enum virtq_err err = vdrv_pci_queue_setup(&w->drv, index, w->want_size, &w->agreed[index]);
    if (err != VIRTQ_OK) {
        return err;
    }
    const struct vdrv_queue_config config = {.queue_size = w->agreed[index].queue_size,
                                             .queue_index = index,
                                             .features = w->drv.features};
    err = vdrv_queue_open(&w->m.port[VL_SIDE_DRIVER], &config, w->queue_state[index], &w->q[index]);
    if (err != VIRTQ_OK) {
        return err;
    }
    uint64_t desc = 0;
    uint64_t driver = 0;
    uint64_t device = 0;
    vdrv_queue_areas(w->q[index], &desc, &driver, &device);
    return vdrv_pci_queue_enable(&w->drv, index, desc, driver, device);
}

static inline enum virtq_err bring_up(struct world *w)
{
    static const struct vdrv_pci_field fields[4] = {{0, 8}, {8, 2}, {10, 1}, {11, 1}};
    enum virtq_err err = vdrv_pci_begin(&w->drv);
    if (err != VIRTQ_OK) {
        return err;
    }
    err = vdrv_pci_config_read(&w->drv, fields, 4, w->values);
    if (err != VIRTQ_OK) {
        return err;
    }
    err = vdrv_pci_irq_setup(&w->drv, N_QUEUES);
    for (uint16_t i = 0; i < N_QUEUES && err == VIRTQ_OK; i++) {
        err = open_queue(w, i);
    }
    if (err == VIRTQ_OK) {
        vdrv_pci_driver_ok(&w->drv);
    }
    return err;
}

static inline enum virtq_err one_round(struct world *w)
{
    enum virtq_err err = bring_up(w);
    for (uint32_t n = 0; n < N_BUFFERS && err == VIRTQ_OK; n++) {
        err = use_queues(w);
    }
    if (err == VIRTQ_OK) {
        err = vdrv_pci_check(&w->drv);
    }
    if (err == VIRTQ_OK) {
        err = vdrv_pci_reset(&w->drv);
    }
    for (uint32_t i = 0; i < N_QUEUES && err == VIRTQ_OK; i++) {
        vdrv_queue_close(w->q[i]);
    }
    return err;
}

static inline void driver_main(void *ctx)
{
    struct world *w = ctx;
    w->err = vdrv_pci_probe(&w->m.port[VL_SIDE_DRIVER], &w->drv_config, &w->drv);
    for (uint16_t i = 0; i < N_QUEUES && w->err == VIRTQ_OK; i++) {
        w->err = virtq_mem_alloc(&w->m.port[VL_SIDE_DRIVER], BUFFER_BYTES, 16, VIRTQ_AREA_BUFFER, i,
                                 &w->dma[i]);
    }
    if (w->err == VIRTQ_OK && w->body != NULL) {
        w->body(w);
        return;
    }
    for (uint32_t n = 0; n < w->n_rounds && w->err == VIRTQ_OK; n++) {
        w->err = one_round(w);
    }
}

// ---- setting up ------------------------------------------------------------------------------

static inline int group_setup(void **state)
{
    *state = &the_world;
    return vl_machine_open(&the_world.m, VL_MEM_MIN_BYTES, 4096, NULL, NULL) == VIRTQ_OK ? 0 : -1;
}

static inline int group_teardown(void **state)
{
    struct world *w = *state;
    vl_machine_close(&w->m);
    return 0;
}

static inline void prepare(struct world *w, bool msix, uint16_t n_vectors)
{
    struct vl_run_config config = {.budget_events = 50000};
    memset(config.barrier_order, 0xFF, sizeof(config.barrier_order));
    vl_machine_reset(&w->m, &config);
    vl_choices_from_input(&w->m.choices, NULL, 0);
    w->drv_config = (struct vdrv_pci_config){.virtio_id = TOY_ID,
                                             .features = TOY_FEATURE | VIRTQ_F_EVENT_IDX,
                                             .device_config_min = 8,
                                             .device_config_bytes = 12,
                                             .window_base = WINDOW_BASE,
                                             .window_bytes = 0x10000000,
                                             .msix = msix,
                                             .vector_base = 3,
                                             .n_polls = 200};
    w->want_size = 4;
    w->n_rounds = 2;
    w->lie = NULL;
    w->n_lie_reads = 0;
    w->body = NULL;
    w->err = VIRTQ_ERR_NOT_READY;
    w->n_filled = 0;
    w->n_config_causes = 0;
    memset(w->values, 0, sizeof(w->values));
    w->m.strand[VL_SIDE_DRIVER].half =
        (struct vl_half){.ctx = w, .main = driver_main, .on_interrupt = on_interrupt};
    w->m.strand[VL_SIDE_DEVICE].half = (struct vl_half){.ctx = w, .main = device_main};
    open_device(w, n_vectors);
    plug(w, n_vectors, NULL, 0);
}

static inline const struct vl_verdict *run(struct world *w)
{
    return vl_machine_run(&w->m);
}

static inline void assert_good_run(struct world *w)
{
    const struct vl_verdict *verdict = run(w);
    assert_int_equal(w->err, VIRTQ_OK);
    assert_int_equal(verdict->outcome, VL_CLEAN);
    assert_int_equal(verdict->peer_faults, 0);
    assert_int_equal(w->n_filled, w->n_rounds * N_BUFFERS * N_QUEUES);
    assert_int_equal(vl_pci_stray_accesses(&w->pci, NULL), 0);
    assert_int_equal(w->pci.live_bar_writes, 0);
    assert_int_equal(w->fn->lost_messages, 0);
    assert_false(w->pci.intx_line);
}

// ---- raw register accesses of a driver -------------------------------------------------------

static inline uint32_t read_at(struct world *w, uint32_t off, unsigned bytes)
{
    const uint64_t base = w->drv.bar[4].addr;
    const struct virtq_mmio io = {.bus_addr = base, .bytes = 16384};
    return virtq_mmio_read(&w->m.port[VL_SIDE_DRIVER], &io, off, bytes);
}

static inline void write_at(struct world *w, uint32_t off, unsigned bytes, uint32_t value)
{
    const uint64_t base = w->drv.bar[4].addr;
    const struct virtq_mmio io = {.bus_addr = base, .bytes = 16384};
    virtq_mmio_write(&w->m.port[VL_SIDE_DRIVER], &io, off, bytes, value);
}

#endif
