// driver/vdrv_pci.c -- brings a virtio PCI function up, in the order that the standard demands.
// Spec: virtio 1.4 §3.1.1, §2.1.1, §2.2.1, §2.4.2, §2.5.1, §4.1.4.3.2, §4.1.5.1.3.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_pci_regs.h"

#include <string.h>

#define DEVICE_CONFIG_MAX 4096u
#define N_FIELDS_MAX 16u

// ---- reports ---------------------------------------------------------------------------------

enum virtq_err vdrv_pci_peer_error(struct vdrv_pci *pci, uint16_t queue_index, enum virtq_err err,
                                   uint64_t value)
{
    virtq_note(pci->port, VIRTQ_NOTE_PEER_ERROR, queue_index, err, value, 0, 0);
    return err;
}

// Bits that are set stay set, whatever the device made of them [2.1.1-drv-2].
static void add_status(struct vdrv_pci *pci, uint8_t bits)
{
    pci->status |= bits;
    vdrv_pci_common_write(pci, VDRV_COMMON_STATUS, 1, pci->status);
}

void vdrv_pci_fail(struct vdrv_pci *pci)
{
    virtq_note(pci->port, VIRTQ_NOTE_CONTROL, 0, VIRTQ_CONTROL_FAILED, 0, 0, 0);
    add_status(pci, VDRV_STATUS_FAILED);
}

enum virtq_err vdrv_pci_init_error(struct vdrv_pci *pci, uint16_t queue_index, enum virtq_err err,
                                   uint64_t value)
{
    (void)vdrv_pci_peer_error(pci, queue_index, err, value);
    vdrv_pci_fail(pci);
    return err;
}

// ---- probe -----------------------------------------------------------------------------------

static bool config_valid(const struct vdrv_pci_config *config)
{
    return config->device_config_min <= config->device_config_bytes &&
           config->device_config_bytes <= DEVICE_CONFIG_MAX && config->window_bytes > 0 &&
           config->window_base <= UINT32_MAX && config->window_bytes <= UINT32_MAX &&
           config->window_base + config->window_bytes <= UINT32_MAX && config->n_polls >= 1;
}

enum virtq_err vdrv_pci_probe(struct virtq_port *port, const struct vdrv_pci_config *config,
                              struct vdrv_pci *pci)
{
    if (!config_valid(config)) {
        return VIRTQ_ERR_INVALID;
    }
    memset(pci, 0, sizeof(*pci));
    pci->port = port;
    pci->config = *config;
    enum virtq_err err = vdrv_pci_find(pci);
    if (err != VIRTQ_OK) {
        return err;
    }
    err = vdrv_pci_place_bars(pci);
    if (err != VIRTQ_OK) {
        return err;
    }
    return vdrv_pci_read_caps(pci);
}

// ---- reset and negotiation -------------------------------------------------------------------

enum virtq_err vdrv_pci_reset(struct vdrv_pci *pci)
{
    uint32_t status = 0;

    pci->status = 0;
    pci->features = 0;
    vdrv_pci_common_write(pci, VDRV_COMMON_STATUS, 1, 0);
    for (uint32_t n = 0; n < pci->config.n_polls; n++) {
        status = vdrv_pci_common_read(pci, VDRV_COMMON_STATUS, 1);
        if (status == 0) { // only now has the device let go of everything [2.4.2-drv-1]
            return VIRTQ_OK;
        }
        virtq_relax(pci->port);
    }
    return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_RESET_STUCK, status);
}

static uint64_t read_features(struct vdrv_pci *pci)
{
    vdrv_pci_common_write(pci, VDRV_COMMON_DEVICE_FEATURE_SELECT, 4, 0);
    const uint32_t low = vdrv_pci_common_read(pci, VDRV_COMMON_DEVICE_FEATURE, 4);
    vdrv_pci_common_write(pci, VDRV_COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    const uint32_t high = vdrv_pci_common_read(pci, VDRV_COMMON_DEVICE_FEATURE, 4);
    return (uint64_t)high << 32 | low;
}

static void write_features(struct vdrv_pci *pci, uint64_t features)
{
    vdrv_pci_common_write(pci, VDRV_COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    vdrv_pci_common_write(pci, VDRV_COMMON_DRIVER_FEATURE, 4, (uint32_t)features);
    vdrv_pci_common_write(pci, VDRV_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    vdrv_pci_common_write(pci, VDRV_COMMON_DRIVER_FEATURE, 4, (uint32_t)(features >> 32));
}

enum virtq_err vdrv_pci_begin(struct vdrv_pci *pci)
{
    // 1. Reset, and wait until it is done.
    const enum virtq_err err = vdrv_pci_reset(pci);
    if (err != VIRTQ_OK) {
        return err;
    }
    // 2. ACKNOWLEDGE: the device was noticed.
    add_status(pci, VDRV_STATUS_ACKNOWLEDGE);
    // 3. DRIVER: somebody knows how to drive it.
    add_status(pci, VDRV_STATUS_DRIVER);
    // 4. Take of the offered features those that this driver understands; bits that it does not
    //    know are no reason to fail [2.2.1-drv-10].
    const uint64_t offered = read_features(pci);
    if ((offered & VIRTQ_F_VERSION_1) == 0) {
        return vdrv_pci_init_error(pci, 0, VIRTQ_ERR_VERSION, offered);
    }
    const uint64_t features = offered & (pci->config.features | VIRTQ_F_VERSION_1);
    write_features(pci, features);
    // 5. FEATURES_OK: the features are not changed any more.
    add_status(pci, VDRV_STATUS_FEATURES_OK);
    // 6. Read it back: the device may refuse the set, and is not to be used then.
    const uint32_t status = vdrv_pci_common_read(pci, VDRV_COMMON_STATUS, 1);
    if ((status & VDRV_STATUS_FEATURES_OK) == 0) {
        return vdrv_pci_init_error(pci, 0, VIRTQ_ERR_FEATURES, features);
    }
    if ((status & (VDRV_STATUS_NEEDS_RESET | VDRV_STATUS_FAILED)) != 0) {
        return vdrv_pci_init_error(pci, 0, VIRTQ_ERR_NEEDS_RESET, status);
    }
    virtq_note(pci->port, VIRTQ_NOTE_CONTROL, 0, VIRTQ_CONTROL_FEATURES_READ_OK, features, 0, 0);
    pci->features = features;
    pci->n_queues = (uint16_t)vdrv_pci_common_read(pci, VDRV_COMMON_NUM_QUEUES, 2);
    return VIRTQ_OK; // 7. interrupts and queues, by the functions below; 8. DRIVER_OK
}

void vdrv_pci_driver_ok(struct vdrv_pci *pci)
{
    virtq_note(pci->port, VIRTQ_NOTE_CONTROL, 0, VIRTQ_CONTROL_DRIVER_OK, 0, 0, 0);
    add_status(pci, VDRV_STATUS_DRIVER_OK);
}

enum virtq_err vdrv_pci_check(struct vdrv_pci *pci)
{
    const uint32_t status = vdrv_pci_common_read(pci, VDRV_COMMON_STATUS, 1);
    if ((status & VDRV_STATUS_NEEDS_RESET) != 0 || (pci->status & ~status) != 0) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_NEEDS_RESET, status);
    }
    return VIRTQ_OK;
}

// ---- queues ----------------------------------------------------------------------------------

// Where a queue is notified: its own address if the multiplier is not 0 [4.1.4.4].
static enum virtq_err find_doorbell(struct vdrv_pci *pci, uint16_t queue_index,
                                    struct virtq_doorbell *bell)
{
    const uint32_t notify_off = vdrv_pci_common_read(pci, VDRV_COMMON_QUEUE_NOTIFY_OFF, 2);
    const uint64_t off = (uint64_t)notify_off * pci->notify_multiplier;
    if (off + VDRV_NOTIFY_BYTES > pci->notify.length) {
        return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_NOTIFY_BOUNDS, off);
    }
    const uint64_t base = pci->bar[pci->notify.bar].addr + pci->notify.offset;
    memset(bell, 0, sizeof(*bell));
    bell->queue_index = queue_index;
    if (pci->config.by_config) {
        bell->off = (uint32_t)off; // within the structure: the window says the rest
        bell->config_off = (uint16_t)(pci->config_cap + VDRV_PCI_CAP_DATA);
        bell->function = pci->function;
        return VIRTQ_OK;
    }
    return virtq_mmio_map(pci->port, base + off, VDRV_NOTIFY_BYTES, &bell->io);
}

enum virtq_err vdrv_pci_queue_setup(struct vdrv_pci *pci, uint16_t queue_index, uint32_t want_size,
                                    struct vdrv_pci_queue *queue)
{
    if (!virtq_queue_size_valid(want_size)) {
        return VIRTQ_ERR_INVALID;
    }
    if (queue_index >= pci->n_queues) {
        return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_QUEUE_ABSENT, pci->n_queues);
    }
    vdrv_pci_common_write(pci, VDRV_COMMON_QUEUE_SELECT, 2, queue_index);
    const uint32_t enabled = vdrv_pci_common_read(pci, VDRV_COMMON_QUEUE_ENABLE, 2);
    if (enabled != 0) { // a reset disables every queue [4.1.4.3.1-dev-9]
        return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_RESET_STUCK, enabled);
    }
    const uint32_t max_size = vdrv_pci_common_read(pci, VDRV_COMMON_QUEUE_SIZE, 2);
    if (max_size == 0) {
        return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_QUEUE_ABSENT, 0);
    }
    if (!virtq_queue_size_valid(max_size)) {
        return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_QUEUE_SIZE, max_size);
    }
    uint32_t size = max_size;
    if (want_size < max_size) { // a driver may only reduce the size [4.1.4.3-drv-d1]
        vdrv_pci_common_write(pci, VDRV_COMMON_QUEUE_SIZE, 2, want_size);
        size = vdrv_pci_common_read(pci, VDRV_COMMON_QUEUE_SIZE, 2);
        if (size != want_size) {
            return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_QUEUE_SIZE, size);
        }
    }
    queue->queue_size = size;
    return find_doorbell(pci, queue_index, &queue->bell);
}

static void write_half_by_half(struct vdrv_pci *pci, uint32_t off, uint64_t value)
{
    vdrv_pci_common_write(pci, off, 4, (uint32_t)value);
    vdrv_pci_common_write(pci, off + 4, 4, (uint32_t)(value >> 32));
}

enum virtq_err vdrv_pci_queue_enable(struct vdrv_pci *pci, uint16_t queue_index, uint64_t desc,
                                     uint64_t driver, uint64_t device)
{
    vdrv_pci_common_write(pci, VDRV_COMMON_QUEUE_SELECT, 2, queue_index);
    write_half_by_half(pci, VDRV_COMMON_QUEUE_DESC, desc);
    write_half_by_half(pci, VDRV_COMMON_QUEUE_DRIVER, driver);
    write_half_by_half(pci, VDRV_COMMON_QUEUE_DEVICE, device);
    const enum virtq_err err = vdrv_pci_map_queue_vector(pci, queue_index);
    if (err != VIRTQ_OK) {
        return err;
    }
    vdrv_pci_common_write(pci, VDRV_COMMON_QUEUE_ENABLE, 2, 1); // last: all else is set
    return VIRTQ_OK;
}

// ---- device configuration --------------------------------------------------------------------

static enum virtq_err field_check(const struct vdrv_pci *pci, const struct vdrv_pci_field *field)
{
    const uint32_t bytes = field->bytes;
    const uint32_t align = bytes == 8 ? 4 : bytes;

    if ((bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) || field->off % align != 0) {
        return VIRTQ_ERR_INVALID;
    }
    const uint32_t known = pci->config.device_config_bytes;
    const uint32_t there = pci->device.length < known ? pci->device.length : known;
    if (!pci->device.found || field->off + bytes > there) {
        return VIRTQ_ERR_UNSUPPORTED;
    }
    return VIRTQ_OK;
}

static uint64_t read_field(struct vdrv_pci *pci, const struct vdrv_pci_field *field)
{
    if (field->bytes < 8) {
        return vdrv_pci_read(pci, &pci->device, field->off, field->bytes);
    }
    const uint32_t low = vdrv_pci_read(pci, &pci->device, field->off, 4);
    const uint32_t high = vdrv_pci_read(pci, &pci->device, field->off + 4u, 4);
    return (uint64_t)high << 32 | low;
}

enum virtq_err vdrv_pci_config_read(struct vdrv_pci *pci, const struct vdrv_pci_field *fields,
                                    uint32_t n_fields, uint64_t *values)
{
    uint64_t copy[N_FIELDS_MAX] = {0};

    if (n_fields < 1 || n_fields > N_FIELDS_MAX) {
        return VIRTQ_ERR_INVALID;
    }
    for (uint32_t i = 0; i < n_fields; i++) {
        const enum virtq_err err = field_check(pci, &fields[i]);
        if (err != VIRTQ_OK) {
            return err;
        }
    }
    uint32_t before = vdrv_pci_common_read(pci, VDRV_COMMON_GENERATION, 1);
    for (uint32_t n = 0; n < pci->config.n_polls; n++) {
        for (uint32_t i = 0; i < n_fields; i++) {
            copy[i] = read_field(pci, &fields[i]);
        }
        const uint32_t after = vdrv_pci_common_read(pci, VDRV_COMMON_GENERATION, 1);
        if (after == before) {
            memcpy(values, copy, n_fields * sizeof(copy[0]));
            return VIRTQ_OK;
        }
        before = after;
        virtq_relax(pci->port);
    }
    return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_CONFIG_MOVING, before);
}
