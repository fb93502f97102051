// model/pci/vl_pci_msix.h -- inside model/pci/: registers by offset, and MSI-X accesses.
// Spec: PCI Local Bus 3.0 §6.1, §6.8.2. For vl_pci*.c alone.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_PCI_MSIX_H
#define VL_PCI_MSIX_H

#include "model/pci/vl_pci.h"

// Type 0 header.
#define VL_PCI_VENDOR_ID 0x00u
#define VL_PCI_DEVICE_ID 0x02u
#define VL_PCI_COMMAND 0x04u
#define VL_PCI_STATUS 0x06u
#define VL_PCI_REVISION 0x08u
#define VL_PCI_CLASS 0x09u // 3 bytes
#define VL_PCI_CACHE_LINE 0x0Cu
#define VL_PCI_HEADER_TYPE 0x0Eu
#define VL_PCI_BAR0 0x10u
#define VL_PCI_SUBSYSTEM_VENDOR 0x2Cu
#define VL_PCI_SUBSYSTEM 0x2Eu
#define VL_PCI_CAP_POINTER 0x34u
#define VL_PCI_INTERRUPT_LINE 0x3Cu
#define VL_PCI_INTERRUPT_PIN 0x3Du
#define VL_PCI_HEADER_END 0x40u

#define VL_PCI_COMMAND_IO 0x0001u
#define VL_PCI_COMMAND_MEMORY 0x0002u
#define VL_PCI_COMMAND_MASTER 0x0004u
#define VL_PCI_COMMAND_INTX_OFF 0x0400u
#define VL_PCI_STATUS_INTX 0x0008u
#define VL_PCI_STATUS_CAPS 0x0010u
#define VL_PCI_MULTI_FUNCTION 0x80u

#define VL_PCI_CAP_MSIX 0x11u
#define VL_PCI_MSIX_CAP_BYTES 12u
#define VL_PCI_MSIX_CONTROL 2u // in the capability
#define VL_PCI_MSIX_TABLE 4u
#define VL_PCI_MSIX_PBA 8u
#define VL_PCI_MSIX_ENABLE 0x8000u
#define VL_PCI_MSIX_MASK_ALL 0x4000u
#define VL_PCI_MSIX_ENTRY_BYTES 16u
#define VL_PCI_MSIX_PBA_BYTES 8u

// Little-endian fields of config space.
static inline uint32_t vl_pci_get(const uint8_t *bytes, unsigned n)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

static inline void vl_pci_put(uint8_t *bytes, unsigned n, uint32_t value)
{
    for (unsigned i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint32_t vl_pci_command(const struct vl_pci_function *fn)
{
    return vl_pci_get(fn->config + VL_PCI_COMMAND, 2);
}

// All ones in the low n bytes.
static inline uint32_t vl_pci_ones(unsigned n)
{
    return n >= 4 ? 0xFFFFFFFFu : (1u << (8 * n)) - 1u;
}

// True if the bytes [off, off + n) of BAR bar belong to the table or to the pending bits.
bool vl_pci_msix_owns(const struct vl_pci_function *fn, unsigned bar, uint32_t off, unsigned n);

// Accesses to them: 4 bytes, aligned. False for anything else: nothing was done.
bool vl_pci_msix_read(const struct vl_pci_function *fn, uint32_t off, unsigned n, uint32_t *value);
bool vl_pci_msix_write(struct vl_pci_function *fn, uint32_t off, unsigned n, uint32_t value);

// Send what is pending and may go: after any change of masks, enables or bus master.
void vl_pci_msix_flush(struct vl_pci_function *fn);

// Power-on: everything masked, nothing pending.
void vl_pci_msix_reset(struct vl_pci_function *fn);

// Recompute the INTx line of the bus from all functions; tell the processor if it changed.
void vl_pci_update_intx(struct vl_pci *pci);

#endif
