// driver/vdrv_pci_regs.h -- inside the driver's PCI half: registers by offset, checks, reports.
// Spec: PCI Local Bus 3.0 §6.1; virtio 1.4 §4.1.4. For driver/vdrv_pci*.c alone. The device half
// has its own table of offsets on purpose: a wrong number here shows as soon as the two meet.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDRV_PCI_REGS_H
#define VDRV_PCI_REGS_H

#include "driver/vdrv_pci.h"

// Config space header.
#define VDRV_PCI_ID 0x00u // vendor in the low half, device in the high one
#define VDRV_PCI_COMMAND 0x04u
#define VDRV_PCI_STATUS 0x06u
#define VDRV_PCI_HEADER_TYPE 0x0Eu
#define VDRV_PCI_BAR0 0x10u
#define VDRV_PCI_CAP_POINTER 0x34u
#define VDRV_PCI_CONFIG_BYTES 256u
#define VDRV_PCI_HEADER_BYTES 64u

#define VDRV_PCI_COMMAND_IO 0x0001u
#define VDRV_PCI_COMMAND_MEMORY 0x0002u
#define VDRV_PCI_COMMAND_MASTER 0x0004u
#define VDRV_PCI_COMMAND_INTX_OFF 0x0400u
#define VDRV_PCI_STATUS_CAPS 0x0010u

// MSI-X capability [PCI 6.8.2].
#define VDRV_PCI_CAP_MSIX 0x11u
#define VDRV_PCI_MSIX_CAP_BYTES 12u
#define VDRV_PCI_MSIX_CONTROL 2u
#define VDRV_PCI_MSIX_TABLE 4u
#define VDRV_PCI_MSIX_ENABLE 0x8000u
#define VDRV_PCI_MSIX_MASK_ALL 0x4000u
#define VDRV_PCI_MSIX_SIZE 0x07FFu
#define VDRV_PCI_MSIX_ENTRY_BYTES 16u
#define VDRV_PCI_MESSAGE_ADDR 0xFEE00000u // the processor that takes the interrupts

// Virtio capability [4.1.4].
#define VDRV_PCI_CAP_VENDOR 0x09u
#define VDRV_PCI_CAP_NEXT 1u
#define VDRV_PCI_CAP_LEN 2u
#define VDRV_PCI_CAP_TYPE 3u
#define VDRV_PCI_CAP_BAR 4u
#define VDRV_PCI_CAP_OFFSET 8u
#define VDRV_PCI_CAP_LENGTH 12u
#define VDRV_PCI_CAP_BYTES 16u
#define VDRV_PCI_CAP_MULTIPLIER 16u
#define VDRV_PCI_NOTIFY_CAP_BYTES 20u
#define VDRV_PCI_TYPE_COMMON 1u
#define VDRV_PCI_TYPE_NOTIFY 2u
#define VDRV_PCI_TYPE_ISR 3u
#define VDRV_PCI_TYPE_DEVICE 4u
#define VDRV_PCI_TYPE_WINDOW 5u
#define VDRV_PCI_CAP_DATA 16u
#define VDRV_PCI_WINDOW_CAP_BYTES 20u

// Common configuration structure [4.1.4.3].
#define VDRV_COMMON_DEVICE_FEATURE_SELECT 0x00u
#define VDRV_COMMON_DEVICE_FEATURE 0x04u
#define VDRV_COMMON_DRIVER_FEATURE_SELECT 0x08u
#define VDRV_COMMON_DRIVER_FEATURE 0x0Cu
#define VDRV_COMMON_CONFIG_VECTOR 0x10u
#define VDRV_COMMON_NUM_QUEUES 0x12u
#define VDRV_COMMON_STATUS 0x14u
#define VDRV_COMMON_GENERATION 0x15u
#define VDRV_COMMON_QUEUE_SELECT 0x16u
#define VDRV_COMMON_QUEUE_SIZE 0x18u
#define VDRV_COMMON_QUEUE_VECTOR 0x1Au
#define VDRV_COMMON_QUEUE_ENABLE 0x1Cu
#define VDRV_COMMON_QUEUE_NOTIFY_OFF 0x1Eu
#define VDRV_COMMON_QUEUE_DESC 0x20u
#define VDRV_COMMON_QUEUE_DRIVER 0x28u
#define VDRV_COMMON_QUEUE_DEVICE 0x30u
#define VDRV_COMMON_BYTES 0x38u
#define VDRV_NOTIFY_BYTES 2u
#define VDRV_ISR_BYTES 1u

// Device status bits [2.1].
#define VDRV_STATUS_ACKNOWLEDGE 1u
#define VDRV_STATUS_DRIVER 2u
#define VDRV_STATUS_DRIVER_OK 4u
#define VDRV_STATUS_FEATURES_OK 8u
#define VDRV_STATUS_NEEDS_RESET 64u
#define VDRV_STATUS_FAILED 128u

// A register of a mapped structure: of its BAR, or with config.by_config through the window. The
// handler's own function holds nothing off, for nothing interrupts the handler.
uint32_t vdrv_pci_read(struct vdrv_pci *pci, const struct vdrv_pci_region *region, uint32_t off,
                       unsigned bytes);
uint32_t vdrv_pci_handler_read(struct vdrv_pci *pci, const struct vdrv_pci_region *region,
                               uint32_t off, unsigned bytes);
void vdrv_pci_write(struct vdrv_pci *pci, const struct vdrv_pci_region *region, uint32_t off,
                    unsigned bytes, uint32_t value);

static inline uint32_t vdrv_pci_common_read(struct vdrv_pci *pci, uint32_t off, unsigned bytes)
{
    return vdrv_pci_read(pci, &pci->common, off, bytes);
}

static inline void vdrv_pci_common_write(struct vdrv_pci *pci, uint32_t off, unsigned bytes,
                                         uint32_t value)
{
    vdrv_pci_write(pci, &pci->common, off, bytes, value);
}

static inline uint32_t vdrv_pci_config_in(struct vdrv_pci *pci, uint32_t off, unsigned bytes)
{
    return virtq_pci_read(pci->port, pci->function, off, bytes);
}

static inline void vdrv_pci_config_out(struct vdrv_pci *pci, uint32_t off, unsigned bytes,
                                       uint32_t value)
{
    virtq_pci_write(pci->port, pci->function, off, bytes, value);
}

// The device broke a rule: report it, and return err.
enum virtq_err vdrv_pci_peer_error(struct vdrv_pci *pci, uint16_t queue_index, enum virtq_err err,
                                   uint64_t value);

// The same where it ends the initialisation: sets FAILED as well [3.1.1-drv-14].
enum virtq_err vdrv_pci_init_error(struct vdrv_pci *pci, uint16_t queue_index, enum virtq_err err,
                                   uint64_t value);

// True if [offset, offset + bytes) lies within a placed memory BAR.
bool vdrv_pci_in_bar(const struct vdrv_pci *pci, uint32_t bar, uint64_t offset, uint64_t bytes);

// True if the range touches what this driver accesses of a structure that was found. A device whose
// MSI-X table or notification addresses lie over its status byte would have us reset it unawares.
bool vdrv_pci_overlaps(const struct vdrv_pci *pci, uint32_t bar, uint64_t offset, uint64_t bytes);

// Steps of vdrv_pci_probe(): find the function, size and place its BARs; read its capabilities.
enum virtq_err vdrv_pci_find(struct vdrv_pci *pci);
enum virtq_err vdrv_pci_place_bars(struct vdrv_pci *pci);
enum virtq_err vdrv_pci_read_caps(struct vdrv_pci *pci);

// Map the selected queue to its interrupt: VIRTQ_OK, VIRTQ_ERR_VECTOR.
enum virtq_err vdrv_pci_map_queue_vector(struct vdrv_pci *pci, uint16_t queue_index);

#endif
