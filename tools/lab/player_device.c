// tools/lab/player_device.c -- our device half as a player: device types behind both transports.
// Compiled into the lab, and once more into each loadable player with a bug in the device half.
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_blk.h"
#include "device/vdev_core.h"
#include "device/vdev_entropy.h"
#include "device/vdev_pci.h"
#include "tools/lab/lab_player.h"

#include <string.h>

#define NOTIFY_MULTIPLIER 4u
#define QUEUE_VECTOR 1u // direct attachment: what the driver's handler is called with

struct device {
    struct virtq_port *port;
    struct lab_half_config config;
    struct vdev_core *core;
    struct vdev_pci *pci; // NULL when attached directly
    _Alignas(16) uint8_t state[];
};

// The device type of this very copy of the half: one from outside would be another copy's, and a
// bug in it would never run.
static const struct vdev_type *type_of(const struct lab_half_config *config)
{
    return config->scenario->device == LAB_DEVICE_BLK ? &vdev_blk_type : &vdev_entropy_type;
}

static struct vdev_core_config core_config(const struct lab_half_config *config)
{
    const struct lab_scenario *s = config->scenario;
    const uint32_t depth = s->queue_size < 64 ? s->queue_size : 64;
    return (struct vdev_core_config){.queue_size_max = s->queue_size,
                                     .start_idx = (uint16_t)s->start_idx,
                                     .depth = depth,
                                     .io_max_bytes = s->bytes * s->chain + 1024,
                                     .features = VIRTQ_F_VERSION_1 |
                                                 (s->indirect != 0 ? VIRTQ_F_INDIRECT_DESC : 0) |
                                                 (s->event_idx != 0 ? VIRTQ_F_EVENT_IDX : 0),
                                     .batch = s->batch,
                                     .config_changes = s->resize != 0};
}

static size_t device_state_bytes(const struct lab_half_config *config)
{
    const struct vdev_core_config core = core_config(config);
    const size_t bytes = config->scenario->transport == LAB_TRANSPORT_PCI
                             ? vdev_pci_state_bytes(type_of(config), &core)
                             : vdev_core_state_bytes(type_of(config), &core);
    return sizeof(struct device) + bytes;
}

static void interrupt_queue(void *ctx, uint16_t queue_index)
{
    struct device *d = ctx;
    virtq_interrupt(d->port, (uint16_t)(QUEUE_VECTOR + queue_index));
}

static void interrupt_config(void *ctx)
{
    struct device *d = ctx;
    virtq_interrupt(d->port, 0);
}

static enum virtq_err device_create(void *state, const struct lab_half_config *config,
                                    struct virtq_port *port)
{
    struct device *d = state;
    const struct vdev_core_config core = core_config(config);
    const struct vdev_type *type = type_of(config);
    d->port = port;
    d->config = *config;
    if (config->scenario->transport == LAB_TRANSPORT_DIRECT) {
        const struct vdev_transport transport = {
            .ctx = d, .interrupt_queue = interrupt_queue, .interrupt_config = interrupt_config};
        return vdev_core_open(port, type, &core, config->backend, &transport, d->state, &d->core);
    }
    struct vdev_pci_config pci = {
        .n_vectors = 2, .msix_enabled = config->msix_enabled, .ctx = config->bus};
    enum virtq_err err = vdev_pci_layout_default(type, NOTIFY_MULTIPLIER, &pci.layout);
    if (err == VIRTQ_OK) {
        err = vdev_pci_open(port, type, &core, config->backend, &pci, d->state, &d->pci);
    }
    if (err == VIRTQ_OK) {
        d->core = vdev_pci_core(d->pci);
    }
    return err;
}

static bool device_step(void *state)
{
    struct device *d = state;
    if (!vdev_core_step(d->core)) {
        virtq_await_event(d->port);
    }
    return true; // a device serves for ever
}

static void device_on_notify(void *state, uint16_t queue_index)
{
    struct device *d = state;
    vdev_core_notify(d->core, queue_index);
}

// ---- direct attachment: what registers would do ------------------------------------------------

static uint64_t link_offered(void *ctx)
{
    struct device *d = ctx;
    return d->core->offered;
}

static uint32_t link_queue_size_max(void *ctx)
{
    struct device *d = ctx;
    return d->core->config.queue_size_max;
}

static bool link_start(void *ctx, uint64_t features, uint32_t queue_size, uint64_t desc,
                       uint64_t driver, uint64_t device)
{
    struct device *d = ctx;
    uint8_t status = VDEV_STATUS_ACKNOWLEDGE | VDEV_STATUS_DRIVER;

    vdev_core_set_status(d->core, status);
    vdev_core_set_driver_word(d->core, 0, (uint32_t)features);
    vdev_core_set_driver_word(d->core, 1, (uint32_t)(features >> 32));
    status |= VDEV_STATUS_FEATURES_OK;
    vdev_core_set_status(d->core, status);
    if ((vdev_core_status(d->core) & VDEV_STATUS_FEATURES_OK) == 0 ||
        !vdev_core_queue_writable(d->core, 0)) {
        return false;
    }
    struct vdev_core_queue *q = &d->core->queue[0];
    q->size = queue_size;
    q->desc = desc;
    q->driver = driver;
    q->device = device;
    vdev_core_queue_enable(d->core, 0);
    vdev_core_set_status(d->core, (uint8_t)(status | VDEV_STATUS_DRIVER_OK));
    return true;
}

static void link_reset(void *ctx)
{
    struct device *d = ctx;
    vdev_core_set_status(d->core, 0);
}

static bool link_reset_done(void *ctx)
{
    struct device *d = ctx;
    return vdev_core_status(d->core) == 0;
}

static uint64_t link_capacity(void *ctx)
{
    struct device *d = ctx;
    uint64_t sectors = 0;
    for (unsigned i = 0; i < 8; i++) { // capacity le64 @0 [5.2.4]
        sectors |= (uint64_t)d->core->device_config[i] << (8 * i);
    }
    return sectors;
}

static void device_link(void *state, struct lab_link *link)
{
    *link = (struct lab_link){.ctx = state,
                              .offered = link_offered,
                              .queue_size_max = link_queue_size_max,
                              .start = link_start,
                              .reset = link_reset,
                              .reset_done = link_reset_done,
                              .capacity_sectors = link_capacity};
}

// ---- over PCI -------------------------------------------------------------------------------

static uint32_t device_bar_read(void *state, unsigned bar, uint32_t off, unsigned bytes)
{
    struct device *d = state;
    return vdev_pci_bar_read(d->pci, bar, off, bytes);
}

static void device_bar_write(void *state, unsigned bar, uint32_t off, unsigned bytes,
                             uint32_t value)
{
    struct device *d = state;
    vdev_pci_bar_write(d->pci, bar, off, bytes, value);
}

static uint32_t device_window_read(void *state, uint32_t off, unsigned bytes)
{
    struct device *d = state;
    return vdev_pci_window_read(d->pci, off, bytes);
}

static void device_window_write(void *state, uint32_t off, unsigned bytes, uint32_t value)
{
    struct device *d = state;
    vdev_pci_window_write(d->pci, off, bytes, value);
}

static void device_pci_describe(void *state, struct lab_pci_info *info)
{
    struct device *d = state;
    struct vdev_pci_ids ids;
    struct vdev_pci_layout layout;

    vdev_pci_ids(d->pci, &ids);
    *info = (struct lab_pci_info){.vendor_id = ids.vendor_id,
                                  .device_id = ids.device_id,
                                  .subsystem_vendor_id = ids.subsystem_vendor_id,
                                  .subsystem_id = ids.subsystem_id,
                                  .class_code = ids.class_code,
                                  .revision = ids.revision,
                                  .n_caps = vdev_pci_n_caps(d->pci)};
    for (uint32_t i = 0; i < info->n_caps; i++) { // bound: VDEV_PCI_CAPS_MAX
        info->cap_bytes[i] = (uint8_t)vdev_pci_cap(d->pci, i, info->cap[i]);
        info->cap_live[i] = i + 1 == info->n_caps; // the access window is the last
    }
    VIRTQ_ASSERT(vdev_pci_layout_default(type_of(&d->config), NOTIFY_MULTIPLIER, &layout) ==
                 VIRTQ_OK);
    for (unsigned i = 0; i < LAB_PCI_BARS; i++) {
        info->bar[i].bytes = layout.bar[i].bytes;
        info->bar[i].is_64 = layout.bar[i].is_64;
    }
}

static void device_destroy(void *state)
{
    (void)state; // nothing outside state is held
}

const struct lab_player *lab_player_entry(void)
{
    static const struct lab_player player = {
        .abi = LAB_PLAYER_ABI,
        .name = "vringlab",
        .side = LAB_SIDE_DEVICE,
        .features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX,
        .state_bytes = device_state_bytes,
        .create = device_create,
        .step = device_step,
        .on_notify = device_on_notify,
        .link = device_link,
        .bar_read = device_bar_read,
        .bar_write = device_bar_write,
        .window_read = device_window_read,
        .window_write = device_window_write,
        .pci_describe = device_pci_describe,
        .destroy = device_destroy,
    };
    return &player;
}
