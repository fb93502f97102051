// model/pci/vl_pci.h -- a PCI bus with a few functions: config space, BARs, MSI-X, INTx.
// Spec: PCI Local Bus 3.0 §6.1 Configuration Space Organization, §6.2.5 Base Addresses, §6.7
// Capabilities List, §6.8.2 MSI-X. Knows nothing of virtio: what a BAR means, and what a live
// capability answers, is asked of the function's table of functions.
// Bus 0 only. Everything lives in the caller's structures; nothing is allocated.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_PCI_H
#define VL_PCI_H

#include "ring/virtq_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VL_PCI_FUNCTIONS_MAX 4u
#define VL_PCI_BARS 6u
#define VL_PCI_CAPS_MAX 12u    // capabilities of a function, MSI-X not counted
#define VL_PCI_VECTORS_MAX 64u // MSI-X table entries
#define VL_PCI_CONFIG_BYTES 256u
#define VL_PCI_DUMP_BYTES 1024u // enough for vl_pci_dump()

// Messages go here and nowhere else: the address range in which an x86 local APIC takes them.
#define VL_PCI_MESSAGE_ADDR 0xFEE00000u

// bus << 8 | device << 3 | function, as virtq_pci_read() counts.
#define VL_PCI_BDF(device, function) ((uint32_t)(device) << 3 | (uint32_t)(function))

// What a function answers. Entries may be NULL: reads give all ones, writes do nothing.
struct vl_pci_function_ops {
    void *ctx;
    // off in 0..BAR size - bytes; bytes 1, 2 or 4; any alignment. Not called for the MSI-X table
    // and its pending bits.
    uint32_t (*bar_read)(void *ctx, unsigned bar, uint32_t off, unsigned bytes);
    void (*bar_write)(void *ctx, unsigned bar, uint32_t off, unsigned bytes, uint32_t value);
    // Accesses to a live capability, from its byte 4 on; cap is its index in the configuration.
    uint32_t (*cap_read)(void *ctx, unsigned cap, uint32_t off, unsigned bytes);
    void (*cap_write)(void *ctx, unsigned cap, uint32_t off, unsigned bytes, uint32_t value);
};

struct vl_pci_bar {
    uint32_t bytes; // power of two, 16..2^31; 0: no such BAR
    bool is_64;     // takes the next BAR's register as well
    bool is_io;     // in I/O space, up to 256 bytes, not 64-bit: nobody decodes it here
};

// One capability as the function supplies it; bytes[1], the link, is filled in by the bus.
struct vl_pci_cap {
    const uint8_t *bytes; // bytes[0] is the capability ID; copied
    uint8_t n_bytes;      // 2..128
    bool live;            // accesses from byte 4 on are the function's (cap_read, cap_write)
};

struct vl_pci_function_config {
    uint32_t bdf; // VL_PCI_BDF(0..31, 0..7)
    uint16_t vendor_id;
    uint16_t device_id;
    uint32_t class_code; // 24 bits
    uint8_t revision;
    uint8_t interrupt_pin; // 0: none, 1: INTA ... 4: INTD
    uint16_t subsystem_vendor_id;
    uint16_t subsystem_id;
    struct vl_pci_bar bar[VL_PCI_BARS];
    const struct vl_pci_cap *caps; // first in the list first
    uint32_t n_caps;
    uint16_t n_vectors; // 0: no MSI-X; else 1..VL_PCI_VECTORS_MAX
    uint8_t msix_bar;
    uint32_t msix_table_off; // multiples of 8; both lie within the BAR and do not overlap
    uint32_t msix_pba_off;
};

struct vl_pci;

// One MSI-X table entry [PCI 6.8.2.6].
struct vl_pci_vector {
    uint32_t addr_lo;
    uint32_t addr_hi;
    uint32_t data;
    uint32_t control; // bit 0: masked
};

// A function; its fields belong to model/pci/.
struct vl_pci_function {
    struct vl_pci *pci;
    struct vl_pci_function_config desc; // caps is NULL: copied into power_on
    struct vl_pci_function_ops ops;
    uint8_t power_on[VL_PCI_CONFIG_BYTES]; // config space after reset
    uint8_t writable[VL_PCI_CONFIG_BYTES]; // bits that a write may change
    uint8_t config[VL_PCI_CONFIG_BYTES];
    uint8_t cap_off[VL_PCI_CAPS_MAX];
    uint8_t cap_bytes[VL_PCI_CAPS_MAX];
    bool cap_live[VL_PCI_CAPS_MAX];
    uint8_t msix_off; // capability in config space, 0: none
    struct vl_pci_vector vector[VL_PCI_VECTORS_MAX];
    uint64_t pending; // bit per vector
    bool intx_level;  // as the function says
    uint32_t
        lost_messages; // signalled, and could not be sent: no bus master, bad vector or address
};

// An address range that some BAR decodes.
struct vl_pci_window {
    uint64_t base;
    uint32_t bytes;
    uint8_t function; // index
    uint8_t bar;
};

// An access that nobody answers: all ones are read, writes go nowhere.
struct vl_pci_stray {
    uint64_t n;    // how many since the last reset; the rest is about the last one
    uint64_t addr; // bus address, or bdf << 16 | offset of a config access
    uint8_t bytes;
    bool is_write;
    bool is_config;
};

// Where interrupts go.
struct vl_pci_cpu {
    void *ctx;
    void (*message)(void *ctx, uint16_t data); // an MSI-X message arrived, data is its vector
    void (*intx)(void *ctx, bool level);       // the (one, shared) line changed
};

struct vl_pci {
    struct vl_pci_cpu cpu;
    struct vl_pci_function function[VL_PCI_FUNCTIONS_MAX];
    uint32_t n_functions;
    struct vl_pci_window window[VL_PCI_FUNCTIONS_MAX * VL_PCI_BARS];
    uint32_t n_windows;
    bool intx_line;
    uint32_t live_bar_writes; // BARs written while their function decodes memory
    struct vl_pci_stray stray;
};

// An empty bus. cpu is copied; its functions may be NULL.
void vl_pci_open(struct vl_pci *pci, const struct vl_pci_cpu *cpu);

// Plug a function in, in power-on state. config and ops are copied.
// Returns VIRTQ_OK and *out, which lives as long as the bus; VIRTQ_ERR_INVALID for a place that is
// taken, a BAR, a capability list or an MSI-X table that cannot be; VIRTQ_ERR_NO_MEMORY when the
// bus is full.
VIRTQ_NODISCARD enum virtq_err vl_pci_add(struct vl_pci *pci,
                                          const struct vl_pci_function_config *config,
                                          const struct vl_pci_function_ops *ops,
                                          struct vl_pci_function **out);

// All functions back to power-on, the line low, nothing pending, counts 0. Raises nothing.
void vl_pci_reset(struct vl_pci *pci);

// Config space. off 0..255 aligned to bytes (1, 2 or 4), else the access is a stray one. An absent
// function reads as all ones and is no stray access: that is how it is found to be absent.
uint32_t vl_pci_config_read(struct vl_pci *pci, uint32_t bdf, uint32_t off, unsigned bytes);
void vl_pci_config_write(struct vl_pci *pci, uint32_t bdf, uint32_t off, unsigned bytes,
                         uint32_t value);

// Memory space; bytes 1, 2 or 4. Reads all ones where no BAR decodes.
uint32_t vl_pci_mmio_read(struct vl_pci *pci, uint64_t addr, unsigned bytes);
void vl_pci_mmio_write(struct vl_pci *pci, uint64_t addr, unsigned bytes, uint32_t value);

// True if a write to addr may be delayed: memory BARs take posted writes.
bool vl_pci_mmio_posted(const struct vl_pci *pci, uint64_t addr);

// The function signals MSI-X vector: sent, kept pending while masked, or lost.
void vl_pci_signal(struct vl_pci_function *fn, uint16_t vector);

// The function drives its INTx level; the Interrupt Status bit follows.
void vl_pci_set_intx(struct vl_pci_function *fn, bool level);

// What the function may and must do now, from its config space.
bool vl_pci_bus_master(const struct vl_pci_function *fn);
bool vl_pci_msix_enabled(const struct vl_pci_function *fn);

// Accesses that hit nothing since the last reset; *last, if not NULL, describes the last one.
uint64_t vl_pci_stray_accesses(const struct vl_pci *pci, struct vl_pci_stray *last);

// Config space as "lspci -x" prints it and "lspci -F" reads it. text: at least VL_PCI_DUMP_BYTES.
// Returns the length without the final zero.
size_t vl_pci_dump(const struct vl_pci_function *fn, char *text, size_t text_bytes);

#endif
