// driver/vdrv_pci.h -- finds a virtio function on a PCI bus and brings it up: the driver's half.
// Spec: virtio 1.4 §3.1.1 Driver Initialization, §4.1 Virtio Over PCI Bus (driver requirements);
// PCI Local Bus 3.0 §6.1, §6.2.5, §6.8.2. Never includes device/.
//
// Order of calls, which is the order of §3.1.1:
//   vdrv_pci_probe()          walk the bus, size and place BARs, read the capability list
//   vdrv_pci_begin()          reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK
//   vdrv_pci_config_read()    what the driver needs to know of the device (also before begin ends)
//   vdrv_pci_irq_setup()      MSI-X table, or INTx
//   for each queue:
//     vdrv_pci_queue_setup()  size and doorbell; then the caller's vdrv_queue_open() of that size
//     vdrv_pci_queue_enable() its areas and vector
//   vdrv_pci_driver_ok()      the device may run
//   vdrv_pci_reset()          the device has let go of everything; vdrv_pci_begin() may follow
//
// Believes nothing: each value of the device is checked before its use, and each wait is bounded. A
// broken rule is a named peer error: told to the port (VIRTQ_NOTE_PEER_ERROR) and returned. One
// that ends the initialisation also sets FAILED; after it only vdrv_pci_begin() or vdrv_pci_reset()
// make sense. A caller that gives up for a reason of its own calls vdrv_pci_fail().
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDRV_PCI_H
#define VDRV_PCI_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VDRV_PCI_BARS 6u
#define VDRV_PCI_NO_VECTOR 0xFFFFu

// What an interrupt may be about; as the ISR byte says it [4.1.4.5].
#define VDRV_PCI_CAUSE_QUEUE 1u
#define VDRV_PCI_CAUSE_CONFIG 2u

struct vdrv_pci_config {
    uint16_t virtio_id;         // the device type to find
    uint64_t features;          // bits that the driver understands; VERSION_1 is always among them
    uint16_t device_config_min; // bytes of device configuration that must be there, 0: none
    uint16_t device_config_bytes; // bytes that the driver knows, min..4096; mapped if there
    uint64_t window_base;         // bus addresses for BARs, below 2^32 - window_bytes
    uint64_t window_bytes;
    bool msix;            // use MSI-X where the function has it, else INTx
    bool by_config;       // reach virtio's structures through config space, not through BARs
    uint16_t vector_base; // MSI-X message data of the first vector; the next ones follow
    uint32_t n_polls;     // bound of each wait: reads of a register, 1..
};

// One virtio structure, where its capability says.
struct vdrv_pci_region {
    bool found;
    uint8_t bar;
    uint32_t offset;
    uint32_t length;
    struct virtq_mmio io; // mapped part; of the notification structure nothing is mapped here
};

struct vdrv_pci_bar {
    uint64_t bytes; // 0: no memory BAR
    uint64_t addr;  // where it was placed
};

// A queue between vdrv_pci_queue_setup() and vdrv_queue_open().
struct vdrv_pci_queue {
    uint32_t queue_size;        // as agreed: a power of two
    struct virtq_doorbell bell; // for vdrv_pci_notify()
};

// State of one function: the caller's memory, its fields are this half's own.
struct vdrv_pci {
    struct virtq_port *port;
    struct vdrv_pci_config config;
    uint32_t function; // bus << 8 | device << 3 | function
    struct vdrv_pci_bar bar[VDRV_PCI_BARS];
    struct vdrv_pci_region common;
    struct vdrv_pci_region notify;
    struct vdrv_pci_region isr;
    struct vdrv_pci_region device;
    uint32_t notify_multiplier;
    bool cap_rejected;            // a virtio capability was not usable
    uint32_t rejected_cap;        // its offset in config space
    uint16_t config_cap;          // offset of the capability of the access window, 0: not used
    uint16_t msix_cap;            // offset of the MSI-X capability, 0: none
    uint16_t msix_vectors;        // entries of its table
    struct virtq_mmio msix_table; // entries in use
    uint16_t n_vectors;           // entries in use; 0: INTx
    uint64_t features;            // negotiated, 0 before vdrv_pci_begin()
    uint16_t n_queues;            // that the device has
    uint8_t status;               // bits that this driver has set
};

// Find the first function of the type on bus 0, by walking all devices; give its BARs addresses;
// turn on memory decoding and bus mastering; find and map its virtio structures.
//   config   copied
// Returns VIRTQ_OK; VIRTQ_ERR_EMPTY if there is no such function; VIRTQ_ERR_INVALID for a bad
// config; a peer error: VIRTQ_ERR_BAR_SIZE, VIRTQ_ERR_CAP_CHAIN, VIRTQ_ERR_CAP_MISSING,
// VIRTQ_ERR_CAP_BOUNDS; or what virtq_mmio_map() returned.
VIRTQ_NODISCARD enum virtq_err
vdrv_pci_probe(struct virtq_port *port, const struct vdrv_pci_config *config, struct vdrv_pci *pci);

// Reset the device and negotiate features: steps 1 to 6 of §3.1.1. pci->features has the result.
// Returns VIRTQ_OK; VIRTQ_ERR_RESET_STUCK, VIRTQ_ERR_VERSION, VIRTQ_ERR_FEATURES,
// VIRTQ_ERR_NEEDS_RESET.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_begin(struct vdrv_pci *pci);

// Decide how interrupts come. With MSI-X: entry 0 for configuration changes and one for each of
// n_queues queues, or fewer and shared if the table is short. Falls back to INTx without MSI-X.
// Returns VIRTQ_OK; VIRTQ_ERR_VECTOR, VIRTQ_ERR_CAP_BOUNDS; or what virtq_mmio_map() returned.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_irq_setup(struct vdrv_pci *pci, uint16_t n_queues);

// Agree on a queue's size and find its doorbell.
//   want_size   power of two, 1..32768; what comes out is no larger
// Returns VIRTQ_OK and *queue; VIRTQ_ERR_INVALID; VIRTQ_ERR_QUEUE_ABSENT, VIRTQ_ERR_QUEUE_SIZE,
// VIRTQ_ERR_NOTIFY_BOUNDS, VIRTQ_ERR_RESET_STUCK (the queue is enabled although the device was
// reset); or what virtq_mmio_map() returned.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_queue_setup(struct vdrv_pci *pci, uint16_t queue_index,
                                                    uint32_t want_size,
                                                    struct vdrv_pci_queue *queue);

// Tell the device where the queue's (zeroed) parts are, map its vector, enable it. desc, driver and
// device are bus addresses as vdrv_queue_areas() gives them.
// Returns VIRTQ_OK; VIRTQ_ERR_VECTOR.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_queue_enable(struct vdrv_pci *pci, uint16_t queue_index,
                                                     uint64_t desc, uint64_t driver,
                                                     uint64_t device);

// Notify the device of a queue. With by_config the window is pointed at the register first.
void vdrv_pci_notify(struct vdrv_pci *pci, const struct virtq_doorbell *bell);

// All queues are enabled: DRIVER_OK. Notifications may be sent from here on.
void vdrv_pci_driver_ok(struct vdrv_pci *pci);

// Reset the device and wait until it is done: it touches no queue and no buffer any more.
// Returns VIRTQ_OK; VIRTQ_ERR_RESET_STUCK: memory that the device knows must not be used again.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_reset(struct vdrv_pci *pci);

// Give the device up: sets FAILED.
void vdrv_pci_fail(struct vdrv_pci *pci);

// Does the device still run? Returns VIRTQ_OK; VIRTQ_ERR_NEEDS_RESET if it asks for a reset, or has
// lost the status that the driver gave it.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_check(struct vdrv_pci *pci);

// One field of device configuration.
struct vdrv_pci_field {
    uint16_t off;  // a multiple of its size, but for 64-bit fields a multiple of 4
    uint8_t bytes; // 1, 2, 4 or 8: the field's own size, since that is the only way to access it
};

// Read fields of device configuration as they stood at one moment: config_generation is the same
// before and after, or the reading is repeated.
//   values   n_fields of them, written on VIRTQ_OK only
// Returns VIRTQ_OK; VIRTQ_ERR_UNSUPPORTED for a field beyond the device's structure;
// VIRTQ_ERR_INVALID for a field that cannot be; VIRTQ_ERR_CONFIG_MOVING. n_fields 1..16.
VIRTQ_NODISCARD enum virtq_err vdrv_pci_config_read(struct vdrv_pci *pci,
                                                    const struct vdrv_pci_field *fields,
                                                    uint32_t n_fields, uint64_t *values);

// ---- handler context -------------------------------------------------------------------------

// INTx: read the ISR byte, which also makes the device lower the line. Returns
// VDRV_PCI_CAUSE_* bits; 0: not this device's interrupt.
uint32_t vdrv_pci_isr_take(struct vdrv_pci *pci);

// MSI-X: what an interrupt with this message data may be about. One interrupt may stand for both a
// configuration change and used buffers, and for several queues. Touches no register.
uint32_t vdrv_pci_vector_causes(const struct vdrv_pci *pci, uint16_t vector);

// Message data of a queue's interrupt; VDRV_PCI_NO_VECTOR with INTx.
uint16_t vdrv_pci_queue_vector(const struct vdrv_pci *pci, uint16_t queue_index);

#ifdef __cplusplus
}
#endif

#endif
