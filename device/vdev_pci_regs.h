// device/vdev_pci_regs.h -- inside the device's PCI half: offsets of virtio's structures, state.
// Spec: virtio 1.4 §4.1.4 (1.0: §4.1.4). For device/vdev_pci*.c alone. The driver half has its own
// table of offsets on purpose: a wrong number here then shows as soon as the two meet.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDEV_PCI_REGS_H
#define VDEV_PCI_REGS_H

#include "device/vdev_pci.h"

#define VDEV_PCI_VENDOR_ID 0x1AF4u
#define VDEV_PCI_DEVICE_ID_BASE 0x1040u // + virtio device ID
#define VDEV_PCI_SUBSYSTEM_BASE 0x40u   // + virtio device ID: >= 0x40 for a modern device
#define VDEV_PCI_REVISION 1u

// Capability [4.1.4].
#define VDEV_PCI_CAP_VENDOR 0x09u
#define VDEV_PCI_CAP_LEN 2u
#define VDEV_PCI_CAP_TYPE 3u
#define VDEV_PCI_CAP_BAR 4u
#define VDEV_PCI_CAP_OFFSET 8u
#define VDEV_PCI_CAP_LENGTH 12u
#define VDEV_PCI_CAP_EXTRA 16u // notify multiplier, or the window's data

#define VDEV_PCI_TYPE_COMMON 1u
#define VDEV_PCI_TYPE_NOTIFY 2u
#define VDEV_PCI_TYPE_ISR 3u
#define VDEV_PCI_TYPE_DEVICE 4u
#define VDEV_PCI_TYPE_WINDOW 5u

// Common configuration structure [4.1.4.3].
#define VDEV_COMMON_DEVICE_FEATURE_SELECT 0x00u
#define VDEV_COMMON_DEVICE_FEATURE 0x04u
#define VDEV_COMMON_DRIVER_FEATURE_SELECT 0x08u
#define VDEV_COMMON_DRIVER_FEATURE 0x0Cu
#define VDEV_COMMON_CONFIG_VECTOR 0x10u
#define VDEV_COMMON_NUM_QUEUES 0x12u
#define VDEV_COMMON_STATUS 0x14u
#define VDEV_COMMON_GENERATION 0x15u
#define VDEV_COMMON_QUEUE_SELECT 0x16u
#define VDEV_COMMON_QUEUE_SIZE 0x18u
#define VDEV_COMMON_QUEUE_VECTOR 0x1Au
#define VDEV_COMMON_QUEUE_ENABLE 0x1Cu
#define VDEV_COMMON_QUEUE_NOTIFY_OFF 0x1Eu
#define VDEV_COMMON_QUEUE_DESC 0x20u // 64-bit fields: two 32-bit halves each
#define VDEV_COMMON_QUEUE_DRIVER 0x28u
#define VDEV_COMMON_QUEUE_DEVICE 0x30u
#define VDEV_COMMON_BYTES 0x38u

#define VDEV_NOTIFY_BYTES 2u // one 16-bit write [4.1.5.2.1]
#define VDEV_ISR_BYTES 1u
#define VDEV_ISR_QUEUE 1u
#define VDEV_ISR_CONFIG 2u

struct vdev_pci {
    struct virtq_port *port;
    struct vdev_core *core;
    struct vdev_pci_config config;
    // trap context's own
    uint32_t device_feature_select;
    uint32_t driver_feature_select;
    uint16_t queue_select;
    bool reset_pending; // a reset was asked for; these registers follow when it is complete
    uint8_t window_bar;
    uint32_t window_offset;
    uint32_t window_length;
    // shared with the data path, which signals by them
    struct virtq_shared isr;
    struct virtq_shared config_vector;
    struct virtq_shared queue_vector[VDEV_QUEUES_MAX];
};

// Registers of the common configuration structure; off in 0..VDEV_COMMON_BYTES - 1. at: offset in
// the BAR, for the report of a peer error.
uint32_t vdev_pci_common_read(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t at);
void vdev_pci_common_write(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t value,
                           uint32_t at);

// If a reset was asked for and is complete by now: the transport's registers take their reset
// values, before anybody can see the status of 0 [2.4.1-dev-2, 4.1.5.1.2.1-dev-7].
void vdev_pci_follow_reset(struct vdev_pci *v);

// The driver read the ISR byte: returns it, clears it, lets the INTx line go.
uint32_t vdev_pci_isr_take(struct vdev_pci *v);

// MSI-X enabled in config space; false for a function without it.
bool vdev_pci_uses_msix(const struct vdev_pci *v);

#endif
