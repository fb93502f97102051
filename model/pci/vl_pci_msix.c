// model/pci/vl_pci_msix.c -- message-signalled interrupts: table, masks, pending bits.
// Spec: PCI Local Bus 3.0 §6.8.2 (structure), §6.8.3 (operation).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/pci/vl_pci_msix.h"

#include <string.h>

static uint32_t control(const struct vl_pci_function *fn)
{
    return fn->msix_off == 0 ? 0 : vl_pci_get(fn->config + fn->msix_off + VL_PCI_MSIX_CONTROL, 2);
}

bool vl_pci_msix_enabled(const struct vl_pci_function *fn)
{
    return (control(fn) & VL_PCI_MSIX_ENABLE) != 0;
}

static uint32_t table_bytes(const struct vl_pci_function *fn)
{
    return fn->desc.n_vectors * VL_PCI_MSIX_ENTRY_BYTES;
}

static bool overlaps(uint32_t start, uint32_t bytes, uint32_t off, unsigned n)
{
    return off < start + bytes && start < off + n;
}

bool vl_pci_msix_owns(const struct vl_pci_function *fn, unsigned bar, uint32_t off, unsigned n)
{
    return fn->desc.n_vectors > 0 && bar == fn->desc.msix_bar &&
           (overlaps(fn->desc.msix_table_off, table_bytes(fn), off, n) ||
            overlaps(fn->desc.msix_pba_off, VL_PCI_MSIX_PBA_BYTES, off, n));
}

bool vl_pci_msix_read(const struct vl_pci_function *fn, uint32_t off, unsigned n, uint32_t *value)
{
    if (n != 4 || off % 4 != 0) {
        return false;
    }
    if (overlaps(fn->desc.msix_pba_off, VL_PCI_MSIX_PBA_BYTES, off, n)) {
        *value = (uint32_t)(fn->pending >> (8 * (off - fn->desc.msix_pba_off)));
        return true;
    }
    const uint32_t at = off - fn->desc.msix_table_off;
    const struct vl_pci_vector *v = &fn->vector[at / VL_PCI_MSIX_ENTRY_BYTES];
    switch (at % VL_PCI_MSIX_ENTRY_BYTES) {
    case 0: *value = v->addr_lo; break;
    case 4: *value = v->addr_hi; break;
    case 8: *value = v->data; break;
    default: *value = v->control; break;
    }
    return true;
}

bool vl_pci_msix_write(struct vl_pci_function *fn, uint32_t off, unsigned n, uint32_t value)
{
    if (n != 4 || off % 4 != 0) {
        return false;
    }
    if (overlaps(fn->desc.msix_pba_off, VL_PCI_MSIX_PBA_BYTES, off, n)) {
        return true; // pending bits are the function's: a write does nothing
    }
    const uint32_t at = off - fn->desc.msix_table_off;
    struct vl_pci_vector *v = &fn->vector[at / VL_PCI_MSIX_ENTRY_BYTES];
    switch (at % VL_PCI_MSIX_ENTRY_BYTES) {
    case 0: v->addr_lo = value & ~3u; break;
    case 4: v->addr_hi = value; break;
    case 8: v->data = value; break;
    default: v->control = value & 1u; break;
    }
    vl_pci_msix_flush(fn);
    return true;
}

static bool may_send(const struct vl_pci_function *fn, uint32_t vector)
{
    return (control(fn) & VL_PCI_MSIX_MASK_ALL) == 0 && (fn->vector[vector].control & 1u) == 0;
}

// A message is a memory write of the function: without bus master enable there is none.
static void send(struct vl_pci_function *fn, uint32_t vector)
{
    const struct vl_pci_vector *v = &fn->vector[vector];
    const bool to_apic = v->addr_hi == 0 && (v->addr_lo & 0xFFF00000u) == VL_PCI_MESSAGE_ADDR;

    if (!to_apic || v->data >= VL_PCI_VECTORS_MAX) {
        fn->lost_messages++;
        return;
    }
    if (fn->pci->cpu.message != NULL) {
        fn->pci->cpu.message(fn->pci->cpu.ctx, (uint16_t)v->data);
    }
}

void vl_pci_signal(struct vl_pci_function *fn, uint16_t vector)
{
    if (vector >= fn->desc.n_vectors || !vl_pci_msix_enabled(fn) || !vl_pci_bus_master(fn)) {
        fn->lost_messages++;
        return;
    }
    if (may_send(fn, vector)) {
        send(fn, vector);
    } else {
        fn->pending |= 1ull << vector;
    }
}

void vl_pci_msix_flush(struct vl_pci_function *fn)
{
    if (fn->pending == 0 || !vl_pci_msix_enabled(fn) || !vl_pci_bus_master(fn)) {
        return;
    }
    for (uint32_t i = 0; i < fn->desc.n_vectors; i++) {
        if ((fn->pending & 1ull << i) != 0 && may_send(fn, i)) {
            fn->pending &= ~(1ull << i);
            send(fn, i);
        }
    }
}

void vl_pci_msix_reset(struct vl_pci_function *fn)
{
    fn->pending = 0;
    for (uint32_t i = 0; i < fn->desc.n_vectors; i++) {
        fn->vector[i] = (struct vl_pci_vector){.control = 1};
    }
}
