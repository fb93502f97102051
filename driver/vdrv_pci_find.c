// driver/vdrv_pci_find.c -- walks the bus as an operating system does, and gives BARs addresses.
// Spec: PCI Local Bus 3.0 §6.1 (absent functions, header type), §6.2.5.1 (BAR sizing);
// virtio 1.4 §4.1.2.2 (which IDs are whose).
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_pci_regs.h"

#define VENDOR_ID 0x1AF4u
#define MODERN_BASE 0x1040u
#define N_DEVICES 32u
#define N_FUNCTIONS 8u
#define MULTI_FUNCTION 0x80u
#define HEADER_LAYOUT 0x7Fu

#define BAR_IO 1u
#define BAR_TYPE 6u
#define BAR_TYPE_32 0u
#define BAR_TYPE_64 4u
#define BAR_FLAGS 0xFu

// ---- the walk --------------------------------------------------------------------------------

// A transitional device has an older ID, without a rule in it, and the modern interface as well.
static uint16_t transitional_id(uint16_t virtio_id)
{
    switch (virtio_id) {
    case 1: return 0x1000; // network
    case 2: return 0x1001; // block
    case 3: return 0x1003; // console
    case 4: return 0x1005; // entropy
    case 5: return 0x1002; // balloon
    case 8: return 0x1004; // SCSI host
    case 9: return 0x1009; // 9P
    default: return 0;
    }
}

static bool id_matches(uint32_t id, uint16_t virtio_id)
{
    const uint16_t vendor = (uint16_t)id;
    const uint16_t device = (uint16_t)(id >> 16);
    const uint16_t transitional = transitional_id(virtio_id);

    return vendor == VENDOR_ID &&
           (device == MODERN_BASE + virtio_id || (transitional != 0 && device == transitional));
}

// Look at one function: *present if something answers, *header its header type. Any revision and
// subsystem are fine [4.1.2.2-drv-3]. Returns true if it is the one that is sought.
static bool look_at(struct vdrv_pci *pci, uint32_t function, bool *present, uint8_t *header)
{
    const uint32_t id = virtq_pci_read(pci->port, function, VDRV_PCI_ID, 4);

    *header = 0;
    *present = (id & 0xFFFFu) != 0xFFFFu && (id & 0xFFFFu) != 0;
    if (!*present) {
        return false;
    }
    *header = (uint8_t)virtq_pci_read(pci->port, function, VDRV_PCI_HEADER_TYPE, 1);
    return id_matches(id, pci->config.virtio_id) && (*header & HEADER_LAYOUT) == 0;
}

enum virtq_err vdrv_pci_find(struct vdrv_pci *pci)
{
    for (uint32_t device = 0; device < N_DEVICES; device++) {
        uint32_t n_functions = 1;
        for (uint32_t i = 0; i < n_functions; i++) { // bound: N_FUNCTIONS
            const uint32_t function = device << 3 | i;
            bool present = false;
            uint8_t header = 0;
            const bool found = look_at(pci, function, &present, &header);
            if (found) {
                pci->function = function;
                return VIRTQ_OK;
            }
            if (i == 0 && present && (header & MULTI_FUNCTION) != 0) {
                n_functions = N_FUNCTIONS;
            }
        }
    }
    return VIRTQ_ERR_EMPTY;
}

// ---- BARs ------------------------------------------------------------------------------------

static uint32_t bar_off(uint32_t bar)
{
    return VDRV_PCI_BAR0 + 4 * bar;
}

// All ones stick where the BAR has address bits. What was there before is put back: a BAR is never
// left at an address that nobody chose.
static uint32_t size_mask(struct vdrv_pci *pci, uint32_t bar)
{
    const uint32_t before = vdrv_pci_config_in(pci, bar_off(bar), 4);
    vdrv_pci_config_out(pci, bar_off(bar), 4, 0xFFFFFFFFu);
    const uint32_t mask = vdrv_pci_config_in(pci, bar_off(bar), 4);
    vdrv_pci_config_out(pci, bar_off(bar), 4, before);
    return mask;
}

// Size of one BAR into *bytes (0: none, or not memory); *n_registers that it takes.
static enum virtq_err bar_size(struct vdrv_pci *pci, uint32_t bar, uint64_t *bytes,
                               uint32_t *n_registers)
{
    const uint32_t low = size_mask(pci, bar);
    uint64_t mask = 0xFFFFFFFF00000000ull | (low & ~BAR_FLAGS);

    *bytes = 0;
    *n_registers = 1;
    if (low == 0 || (low & BAR_IO) != 0) {
        return VIRTQ_OK; // no BAR, or one that the modern interface does not need
    }
    if ((low & BAR_TYPE) == BAR_TYPE_64 && bar + 1 < VDRV_PCI_BARS) {
        const uint32_t high = size_mask(pci, bar + 1);
        mask = (uint64_t)high << 32 | (low & ~BAR_FLAGS);
        *n_registers = 2;
    } else if ((low & BAR_TYPE) != BAR_TYPE_32) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_BAR_SIZE, low);
    }
    const uint64_t size = ~mask + 1; // the lowest address bit that sticks
    if (mask == 0 || (low & ~BAR_FLAGS) == 0 || (size & (size - 1)) != 0) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_BAR_SIZE, mask);
    }
    *bytes = size;
    return VIRTQ_OK;
}

// Write an address, and see that it stuck.
static enum virtq_err place_bar(struct vdrv_pci *pci, uint32_t bar, uint32_t n_registers,
                                uint64_t addr)
{
    vdrv_pci_config_out(pci, bar_off(bar), 4, (uint32_t)addr);
    const uint32_t low = vdrv_pci_config_in(pci, bar_off(bar), 4);
    if ((low & ~BAR_FLAGS) != (uint32_t)addr) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_BAR_SIZE, low);
    }
    if (n_registers == 2) {
        vdrv_pci_config_out(pci, bar_off(bar + 1), 4, (uint32_t)(addr >> 32));
        const uint32_t high = vdrv_pci_config_in(pci, bar_off(bar + 1), 4);
        if (high != (uint32_t)(addr >> 32)) {
            return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_BAR_SIZE, high);
        }
    }
    return VIRTQ_OK;
}

// Sizes and places one BAR behind *next, the first free address.
static enum virtq_err assign_bar(struct vdrv_pci *pci, uint32_t bar, uint64_t *next,
                                 uint32_t *n_registers)
{
    const uint64_t end = pci->config.window_base + pci->config.window_bytes;
    uint64_t bytes = 0;

    enum virtq_err err = bar_size(pci, bar, &bytes, n_registers);
    if (err != VIRTQ_OK || bytes == 0) {
        return err;
    }
    if (bytes > pci->config.window_bytes) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_BAR_SIZE, bytes);
    }
    const uint64_t addr = (*next + bytes - 1) & ~(bytes - 1); // a BAR decodes whole multiples
    if (addr > end - bytes) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_BAR_SIZE, bytes);
    }
    err = place_bar(pci, bar, *n_registers, addr);
    if (err != VIRTQ_OK) {
        return err;
    }
    pci->bar[bar] = (struct vdrv_pci_bar){.bytes = bytes, .addr = addr};
    *next = addr + bytes;
    return VIRTQ_OK;
}

enum virtq_err vdrv_pci_place_bars(struct vdrv_pci *pci)
{
    uint64_t next = pci->config.window_base;
    uint32_t n_registers = 1;

    // Decoding goes off first: a BAR under test holds all ones, and would answer for whatever lies
    // at the top of memory, the interrupt controller as it may be.
    uint32_t command = vdrv_pci_config_in(pci, VDRV_PCI_COMMAND, 2);
    command &= ~(VDRV_PCI_COMMAND_IO | VDRV_PCI_COMMAND_MEMORY | VDRV_PCI_COMMAND_MASTER);
    vdrv_pci_config_out(pci, VDRV_PCI_COMMAND, 2, command);
    for (uint32_t bar = 0; bar < VDRV_PCI_BARS; bar += n_registers) {
        const enum virtq_err err = assign_bar(pci, bar, &next, &n_registers);
        if (err != VIRTQ_OK) {
            return err;
        }
    }
    // Bus master, since both the rings and message-signalled interrupts are accesses of the device.
    command |= VDRV_PCI_COMMAND_MEMORY | VDRV_PCI_COMMAND_MASTER;
    vdrv_pci_config_out(pci, VDRV_PCI_COMMAND, 2, command);
    return VIRTQ_OK;
}
