// driver/vdrv_pci_irq.c -- how interrupts of a virtio PCI function reach the driver.
// Spec: virtio 1.4 §4.1.5.1.2 MSI-X Vector Configuration, §4.1.5.3..§4.1.5.5; PCI 3.0 §6.8.2.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_pci_regs.h"

// Entry of a queue: with a table that is long enough each has its own, behind the one for
// configuration changes; else all queues share the last entry, which may be that one.
static uint16_t queue_entry(const struct vdrv_pci *pci, uint16_t queue_index)
{
    const uint32_t own = queue_index + 1u;
    return (uint16_t)(own < pci->n_vectors ? own : pci->n_vectors - 1u);
}

uint16_t vdrv_pci_queue_vector(const struct vdrv_pci *pci, uint16_t queue_index)
{
    if (pci->n_vectors == 0) {
        return VDRV_PCI_NO_VECTOR;
    }
    return (uint16_t)(pci->config.vector_base + queue_entry(pci, queue_index));
}

uint32_t vdrv_pci_vector_causes(const struct vdrv_pci *pci, uint16_t vector)
{
    const uint16_t entry = (uint16_t)(vector - pci->config.vector_base);
    if (entry >= pci->n_vectors) {
        return 0;
    }
    if (pci->n_vectors == 1) {
        return VDRV_PCI_CAUSE_QUEUE | VDRV_PCI_CAUSE_CONFIG;
    }
    return entry == 0 ? VDRV_PCI_CAUSE_CONFIG : VDRV_PCI_CAUSE_QUEUE;
}

uint32_t vdrv_pci_isr_take(struct vdrv_pci *pci)
{
    const uint32_t isr = vdrv_pci_handler_read(pci, &pci->isr, 0, 1);
    return isr & (VDRV_PCI_CAUSE_QUEUE | VDRV_PCI_CAUSE_CONFIG); // other bits are reserved
}

// Write a vector register and read it back: a device that could not map it says so
// [4.1.5.1.2.2-drv-5].
static enum virtq_err set_vector(struct vdrv_pci *pci, uint32_t off, uint16_t queue_index,
                                 uint16_t entry)
{
    vdrv_pci_common_write(pci, off, 2, entry);
    const uint32_t now = vdrv_pci_common_read(pci, off, 2);
    if (now != entry) {
        return vdrv_pci_init_error(pci, queue_index, VIRTQ_ERR_VECTOR, now);
    }
    return VIRTQ_OK;
}

// The table's size and place; its first n entries are mapped.
static enum virtq_err map_table(struct vdrv_pci *pci, uint32_t control, uint32_t n_wanted)
{
    const uint32_t table = vdrv_pci_config_in(pci, pci->msix_cap + VDRV_PCI_MSIX_TABLE, 4);
    const uint32_t bar = table & 7u;
    const uint32_t offset = table & ~7u;

    pci->msix_vectors = (uint16_t)((control & VDRV_PCI_MSIX_SIZE) + 1);
    const uint32_t n = pci->msix_vectors < n_wanted ? pci->msix_vectors : n_wanted;
    const uint32_t whole = pci->msix_vectors * VDRV_PCI_MSIX_ENTRY_BYTES;
    if (!vdrv_pci_in_bar(pci, bar, offset, whole) || vdrv_pci_overlaps(pci, bar, offset, whole)) {
        return vdrv_pci_init_error(pci, 0, VIRTQ_ERR_CAP_BOUNDS, table);
    }
    const enum virtq_err err = virtq_mmio_map(pci->port, pci->bar[bar].addr + offset,
                                              n * VDRV_PCI_MSIX_ENTRY_BYTES, &pci->msix_table);
    if (err == VIRTQ_OK) {
        pci->n_vectors = (uint16_t)n;
    }
    return err;
}

static void program_entry(struct vdrv_pci *pci, uint32_t entry)
{
    const uint32_t at = entry * VDRV_PCI_MSIX_ENTRY_BYTES;
    virtq_mmio_write(pci->port, &pci->msix_table, at, 4, VDRV_PCI_MESSAGE_ADDR);
    virtq_mmio_write(pci->port, &pci->msix_table, at + 4, 4, 0);
    virtq_mmio_write(pci->port, &pci->msix_table, at + 8, 4, pci->config.vector_base + entry);
    virtq_mmio_write(pci->port, &pci->msix_table, at + 12, 4, 0); // last: unmasked
}

// The INTx line is off while messages are used, and on without them.
static void set_intx(struct vdrv_pci *pci, bool on)
{
    const uint32_t command = vdrv_pci_config_in(pci, VDRV_PCI_COMMAND, 2);
    vdrv_pci_config_out(pci, VDRV_PCI_COMMAND, 2,
                        on ? command & ~VDRV_PCI_COMMAND_INTX_OFF
                           : command | VDRV_PCI_COMMAND_INTX_OFF);
}

enum virtq_err vdrv_pci_irq_setup(struct vdrv_pci *pci, uint16_t n_queues)
{
    pci->n_vectors = 0;
    if (pci->msix_cap == 0) {
        set_intx(pci, true);
        return VIRTQ_OK;
    }
    uint32_t control = vdrv_pci_config_in(pci, pci->msix_cap + VDRV_PCI_MSIX_CONTROL, 2);
    control &= ~(VDRV_PCI_MSIX_ENABLE | VDRV_PCI_MSIX_MASK_ALL);
    if (!pci->config.msix) {
        vdrv_pci_config_out(pci, pci->msix_cap + VDRV_PCI_MSIX_CONTROL, 2, control);
        set_intx(pci, true);
        return VIRTQ_OK;
    }
    const enum virtq_err err = map_table(pci, control, n_queues + 1u);
    if (err != VIRTQ_OK) {
        return err;
    }
    set_intx(pci, false);
    // Enabled with everything masked, so that no half-written entry is ever sent.
    vdrv_pci_config_out(pci, pci->msix_cap + VDRV_PCI_MSIX_CONTROL, 2,
                        control | VDRV_PCI_MSIX_ENABLE | VDRV_PCI_MSIX_MASK_ALL);
    for (uint32_t i = 0; i < pci->n_vectors; i++) { // bound: n_queues + 1
        program_entry(pci, i);
    }
    vdrv_pci_config_out(pci, pci->msix_cap + VDRV_PCI_MSIX_CONTROL, 2,
                        control | VDRV_PCI_MSIX_ENABLE);
    return set_vector(pci, VDRV_COMMON_CONFIG_VECTOR, 0, 0);
}

enum virtq_err vdrv_pci_map_queue_vector(struct vdrv_pci *pci, uint16_t queue_index)
{
    if (pci->n_vectors == 0) {
        return VIRTQ_OK; // INTx; the register has been NO_VECTOR since the reset
    }
    return set_vector(pci, VDRV_COMMON_QUEUE_VECTOR, queue_index, queue_entry(pci, queue_index));
}
