// device/vdev_pci_common.c -- the common configuration structure, and who clears what at a reset.
// Spec: virtio 1.4 §4.1.3.1 (access widths), §4.1.4.3 (registers), §4.1.5.1.2 (vectors).
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_pci_regs.h"

// Every register has one width, and is accessed with it; 64-bit ones as two halves [4.1.3.1].
static unsigned register_bytes(uint32_t off)
{
    switch (off) {
    case VDEV_COMMON_STATUS:
    case VDEV_COMMON_GENERATION: return 1;
    case VDEV_COMMON_CONFIG_VECTOR:
    case VDEV_COMMON_NUM_QUEUES:
    case VDEV_COMMON_QUEUE_SELECT:
    case VDEV_COMMON_QUEUE_SIZE:
    case VDEV_COMMON_QUEUE_VECTOR:
    case VDEV_COMMON_QUEUE_ENABLE:
    case VDEV_COMMON_QUEUE_NOTIFY_OFF: return 2;
    case VDEV_COMMON_DEVICE_FEATURE_SELECT:
    case VDEV_COMMON_DEVICE_FEATURE:
    case VDEV_COMMON_DRIVER_FEATURE_SELECT:
    case VDEV_COMMON_DRIVER_FEATURE: return 4;
    default:
        // 0: no register here, also in a structure that is longer than this one's registers
        return off >= VDEV_COMMON_QUEUE_DESC && off < VDEV_COMMON_BYTES && off % 4 == 0 ? 4 : 0;
    }
}

// ---- reset -----------------------------------------------------------------------------------

static void forget_vectors(struct vdev_pci *v)
{
    virtq_shared_store(v->port, &v->config_vector, VDEV_NO_VECTOR);
    for (uint32_t i = 0; i < v->core->type->n_queues; i++) { // bound: VDEV_QUEUES_MAX
        virtq_shared_store(v->port, &v->queue_vector[i], VDEV_NO_VECTOR);
    }
}

void vdev_pci_follow_reset(struct vdev_pci *v)
{
    if (!v->reset_pending) {
        return;
    }
    const bool resetting = vdev_core_resetting(v->core);
    if (resetting) {
        return;
    }
    v->reset_pending = false;
    v->device_feature_select = 0;
    v->driver_feature_select = 0;
    v->queue_select = 0;
    forget_vectors(v);
    // The data path raises nothing any more: what is still up here is an interrupt of before.
    // The line may be up with the byte at 0: the data path raises it after it set the byte, and the
    // driver may have read the byte in between.
    virtq_shared_store(v->port, &v->isr, 0);
    virtq_intx(v->port, false);
}

// ---- read ------------------------------------------------------------------------------------

static uint32_t half_of(uint64_t value, uint32_t off)
{
    return off % 8 == 0 ? (uint32_t)value : (uint32_t)(value >> 32);
}

// Registers of the selected queue. An absent queue, and all of them during a reset, read 0: size 0
// is how a driver learns that there is none [4.1.4.3.1-dev-15].
static uint32_t queue_read(struct vdev_pci *v, uint32_t off)
{
    const bool resetting = vdev_core_resetting(v->core);
    if (resetting || v->queue_select >= v->core->type->n_queues) {
        return off == VDEV_COMMON_QUEUE_VECTOR ? VDEV_NO_VECTOR : 0;
    }
    const struct vdev_core_queue *queue = &v->core->queue[v->queue_select];
    switch (off) {
    case VDEV_COMMON_QUEUE_SIZE: return queue->size;
    case VDEV_COMMON_QUEUE_VECTOR:
        return virtq_shared_load(v->port, &v->queue_vector[v->queue_select]);
    case VDEV_COMMON_QUEUE_ENABLE: return queue->enabled ? 1 : 0;
    case VDEV_COMMON_QUEUE_NOTIFY_OFF: return v->queue_select;
    case VDEV_COMMON_QUEUE_DESC:
    case VDEV_COMMON_QUEUE_DESC + 4: return half_of(queue->desc, off);
    case VDEV_COMMON_QUEUE_DRIVER:
    case VDEV_COMMON_QUEUE_DRIVER + 4: return half_of(queue->driver, off);
    default: return half_of(queue->device, off);
    }
}

static uint32_t device_read(struct vdev_pci *v, uint32_t off)
{
    switch (off) {
    case VDEV_COMMON_DEVICE_FEATURE_SELECT: return v->device_feature_select;
    case VDEV_COMMON_DEVICE_FEATURE:
        return vdev_core_offered_word(v->core, v->device_feature_select);
    case VDEV_COMMON_DRIVER_FEATURE_SELECT: return v->driver_feature_select;
    case VDEV_COMMON_DRIVER_FEATURE:
        return vdev_core_driver_word(v->core, v->driver_feature_select);
    case VDEV_COMMON_CONFIG_VECTOR: return virtq_shared_load(v->port, &v->config_vector);
    case VDEV_COMMON_NUM_QUEUES: return v->core->type->n_queues;
    case VDEV_COMMON_STATUS: return vdev_core_status(v->core);
    case VDEV_COMMON_GENERATION:
        return virtq_shared_load(v->port, &v->core->config_generation) & 0xFFu;
    default: return v->queue_select;
    }
}

uint32_t vdev_pci_common_read(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t at)
{
    if (register_bytes(off) != bytes) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        return 0;
    }
    if (off != VDEV_COMMON_STATUS) {
        vdev_pci_follow_reset(v);
        return off >= VDEV_COMMON_QUEUE_SIZE ? queue_read(v, off) : device_read(v, off);
    }
    const uint32_t status = device_read(v, off);
    if (status == 0) {
        vdev_pci_follow_reset(v); // before the driver sees the 0
    }
    return status;
}

// ---- write -----------------------------------------------------------------------------------

// A vector beyond the table is a broken rule, and reads back as no vector at all
// [4.1.5.1.2.1-dev-9, 4.1.5.1.2.2-drv-4].
static void set_vector(struct vdev_pci *v, struct virtq_shared *vector, uint32_t value, uint32_t at)
{
    if (value >= v->config.n_vectors && value != VDEV_NO_VECTOR) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        value = VDEV_NO_VECTOR;
    }
    virtq_shared_store(v->port, vector, value);
}

static uint64_t with_half(uint64_t old, uint32_t off, uint32_t value)
{
    return off % 8 == 0 ? (old & ~0xFFFFFFFFull) | value
                        : (old & 0xFFFFFFFFull) | (uint64_t)value << 32;
}

// The ring's memory is set while the queue is off, and frozen from its enable on.
static void queue_write(struct vdev_pci *v, uint32_t off, uint32_t value, uint32_t at)
{
    const bool writable = vdev_core_queue_writable(v->core, v->queue_select);
    if (!writable) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        return;
    }
    struct vdev_core_queue *queue = &v->core->queue[v->queue_select];
    switch (off) {
    case VDEV_COMMON_QUEUE_SIZE:
        if (!virtq_queue_size_valid(value) || value > v->core->config.queue_size_max) {
            vdev_core_peer_error(v->core, VIRTQ_ERR_QUEUE_SETUP, value);
        } else {
            queue->size = value;
        }
        break;
    case VDEV_COMMON_QUEUE_ENABLE:
        if (value != 1) { // a driver never writes 0 [4.1.4.3.2-drv-10]
            vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        } else {
            vdev_core_queue_enable(v->core, v->queue_select);
        }
        break;
    case VDEV_COMMON_QUEUE_DESC:
    case VDEV_COMMON_QUEUE_DESC + 4: queue->desc = with_half(queue->desc, off, value); break;
    case VDEV_COMMON_QUEUE_DRIVER:
    case VDEV_COMMON_QUEUE_DRIVER + 4: queue->driver = with_half(queue->driver, off, value); break;
    case VDEV_COMMON_QUEUE_DEVICE:
    case VDEV_COMMON_QUEUE_DEVICE + 4: queue->device = with_half(queue->device, off, value); break;
    default: vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at); break; // read-only
    }
}

// Events may be mapped to vectors at any time, enabled queues included, but not during a reset.
static void vector_write(struct vdev_pci *v, uint32_t off, uint32_t value, uint32_t at)
{
    const bool resetting = vdev_core_resetting(v->core);
    const bool of_queue = off == VDEV_COMMON_QUEUE_VECTOR;
    if (resetting || (of_queue && v->queue_select >= v->core->type->n_queues)) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        return;
    }
    set_vector(v, of_queue ? &v->queue_vector[v->queue_select] : &v->config_vector, value, at);
}

void vdev_pci_common_write(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t value,
                           uint32_t at)
{
    if (register_bytes(off) != bytes) {
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at);
        return;
    }
    vdev_pci_follow_reset(v);
    switch (off) {
    case VDEV_COMMON_DEVICE_FEATURE_SELECT: v->device_feature_select = value; break;
    case VDEV_COMMON_DRIVER_FEATURE_SELECT: v->driver_feature_select = value; break;
    case VDEV_COMMON_DRIVER_FEATURE:
        vdev_core_set_driver_word(v->core, v->driver_feature_select, value);
        break;
    case VDEV_COMMON_STATUS:
        v->reset_pending = v->reset_pending || value == 0;
        vdev_core_set_status(v->core, (uint8_t)value);
        break;
    case VDEV_COMMON_QUEUE_SELECT: v->queue_select = (uint16_t)value; break;
    case VDEV_COMMON_CONFIG_VECTOR:
    case VDEV_COMMON_QUEUE_VECTOR: vector_write(v, off, value, at); break;
    case VDEV_COMMON_DEVICE_FEATURE:
    case VDEV_COMMON_NUM_QUEUES:
    case VDEV_COMMON_GENERATION:
        vdev_core_peer_error(v->core, VIRTQ_ERR_REGISTER, at); // read-only
        break;
    default: queue_write(v, off, value, at); break;
    }
}
