// device/vdev_pci.h -- a virtio device as a PCI function: capabilities and registers.
// Spec: virtio 1.4 §4.1 Virtio Over PCI Bus, device requirements (1.0: §4.1).
//
// This is the virtio part of a function: what its BARs mean and what its virtio capabilities say.
// Config space, BAR placement, the MSI-X table and the INTx line are the embedder's (a hypervisor,
// a model bus), which forwards here
//   accesses to a BAR            vdev_pci_bar_read(), vdev_pci_bar_write()
//   accesses to the last virtio capability (VIRTIO_PCI_CAP_PCI_CFG), from its byte 4 on
//                                vdev_pci_window_read(), vdev_pci_window_write()
// all of them in the device's trap context, one at a time. The data path runs beside it:
// vdev_core_run(vdev_pci_core(v)).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDEV_PCI_H
#define VDEV_PCI_H

#include "device/vdev_core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VDEV_PCI_BARS 6u
#define VDEV_PCI_CAPS_MAX 5u
#define VDEV_PCI_CAP_BYTES 20u // longest capability

struct vdev_pci; // opaque: lives in the caller's memory from vdev_pci_open() on

// Where a structure lies.
struct vdev_pci_place {
    uint8_t bar;     // 0..5
    uint32_t offset; // bytes into the BAR
    uint32_t length; // bytes; may be more than the structure needs
};

// The BARs that virtio structures need. Several structures may share one; they do not overlap.
struct vdev_pci_layout {
    struct {
        uint32_t bytes; // power of two, 0: not used by virtio
        bool is_64;     // takes the next register as well
    } bar[VDEV_PCI_BARS];
    struct vdev_pci_place common; // offset a multiple of 4, length 56 at least
    struct vdev_pci_place notify; // offset a multiple of 2
    struct vdev_pci_place isr;
    struct vdev_pci_place
        device;                 // offset a multiple of 4; ignored for a type without configuration
    uint32_t notify_multiplier; // 0: one address for all queues; else a power of two from 2 on
};

struct vdev_pci_config {
    struct vdev_pci_layout layout;
    uint16_t n_vectors; // MSI-X table entries of the function, 0: it has no MSI-X; ..2048
    // Is MSI-X enabled in the function's config space? NULL with n_vectors 0. May be called in
    // both contexts.
    bool (*msix_enabled)(void *ctx);
    void *ctx;
};

// Identity for the config space header [4.1.2.1].
struct vdev_pci_ids {
    uint16_t vendor_id;
    uint16_t device_id;
    uint16_t subsystem_vendor_id;
    uint16_t subsystem_id;
    uint32_t class_code; // 24 bits
    uint8_t revision;
};

// One memory BAR 4 (64-bit) with a page for each structure; notify is as long as the type's queues
// need with this multiplier.
// Returns VIRTQ_OK and *layout; VIRTQ_ERR_INVALID for a multiplier that is neither 0 nor a power
// of two in 2..65536.
VIRTQ_NODISCARD enum virtq_err vdev_pci_layout_default(const struct vdev_type *type,
                                                       uint32_t notify_multiplier,
                                                       struct vdev_pci_layout *layout);

// Bytes of private state for vdev_pci_open(), the core's included.
size_t vdev_pci_state_bytes(const struct vdev_type *type,
                            const struct vdev_core_config *core_config);

// Bring a device with its PCI registers to power-on state in state (aligned to 16, the caller's,
// nothing to close). Everything given is copied.
// Returns VIRTQ_OK and *out; VIRTQ_ERR_INVALID for a layout or a core configuration that cannot be.
VIRTQ_NODISCARD enum virtq_err vdev_pci_open(struct virtq_port *port, const struct vdev_type *type,
                                             const struct vdev_core_config *core_config,
                                             const struct vdev_backend *backend,
                                             const struct vdev_pci_config *config, void *state,
                                             struct vdev_pci **out);

// The device behind the registers.
struct vdev_core *vdev_pci_core(struct vdev_pci *v);

void vdev_pci_ids(const struct vdev_pci *v, struct vdev_pci_ids *ids);

// Virtio capabilities, in the order in which they go into the list: common, notify, ISR, device
// configuration (for types that have one), and last the access window.
uint32_t vdev_pci_n_caps(const struct vdev_pci *v);

// Capability index (0..n_caps - 1) as bytes of config space; byte 1, the link, is the embedder's.
// Returns the number of bytes, 16 or 20.
uint32_t vdev_pci_cap(const struct vdev_pci *v, uint32_t index, uint8_t bytes[VDEV_PCI_CAP_BYTES]);

// ---- trap context ----------------------------------------------------------------------------

// An access to a BAR. off: bytes into it; bytes 1, 2 or 4. What no structure covers, and accesses
// of a wrong width or alignment, are peer errors (VIRTQ_ERR_REGISTER, value: off); they read 0 and
// write nothing. A notification for the wrong queue is VIRTQ_ERR_DOORBELL.
uint32_t vdev_pci_bar_read(struct vdev_pci *v, unsigned bar, uint32_t off, unsigned bytes);
void vdev_pci_bar_write(struct vdev_pci *v, unsigned bar, uint32_t off, unsigned bytes,
                        uint32_t value);

// An access to the access window's capability; off: 4..20 - bytes, from the capability's start.
// At its data field it performs the BAR access that the other fields describe [4.1.4.9].
uint32_t vdev_pci_window_read(struct vdev_pci *v, uint32_t off, unsigned bytes);
void vdev_pci_window_write(struct vdev_pci *v, uint32_t off, unsigned bytes, uint32_t value);

#ifdef __cplusplus
}
#endif

#endif
