// driver/vdrv_pci_window.c -- registers of virtio's structures: by BAR, or through config space.
// Spec: virtio 1.4 §4.1.4.9 PCI configuration access capability (1.0: §4.1.4.7).
// The window is three fields that say which register pci_cfg_data behind them is. They are state:
// an interrupt handler that uses it must not come between the fields and the data.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_pci_regs.h"

// Say which register pci_cfg_data is. Returns its offset in config space. A length of 1, 2 or 4 and
// an offset that is a multiple of it [4.1.4.9.2-drv-1].
static uint32_t point_at(struct vdrv_pci *pci, const struct vdrv_pci_region *region, uint32_t off,
                         unsigned bytes)
{
    vdrv_pci_config_out(pci, pci->config_cap + VDRV_PCI_CAP_BAR, 1, region->bar);
    vdrv_pci_config_out(pci, pci->config_cap + VDRV_PCI_CAP_OFFSET, 4, region->offset + off);
    vdrv_pci_config_out(pci, pci->config_cap + VDRV_PCI_CAP_LENGTH, 4, bytes);
    return pci->config_cap + VDRV_PCI_CAP_DATA;
}

uint32_t vdrv_pci_handler_read(struct vdrv_pci *pci, const struct vdrv_pci_region *region,
                               uint32_t off, unsigned bytes)
{
    if (!pci->config.by_config) {
        return virtq_mmio_read(pci->port, &region->io, off, bytes);
    }
    const uint32_t data = point_at(pci, region, off, bytes);
    return vdrv_pci_config_in(pci, data, bytes);
}

uint32_t vdrv_pci_read(struct vdrv_pci *pci, const struct vdrv_pci_region *region, uint32_t off,
                       unsigned bytes)
{
    if (!pci->config.by_config) {
        return virtq_mmio_read(pci->port, &region->io, off, bytes);
    }
    virtq_irq_disable(pci->port);
    const uint32_t value = vdrv_pci_handler_read(pci, region, off, bytes);
    virtq_irq_enable(pci->port);
    return value;
}

void vdrv_pci_write(struct vdrv_pci *pci, const struct vdrv_pci_region *region, uint32_t off,
                    unsigned bytes, uint32_t value)
{
    if (!pci->config.by_config) {
        virtq_mmio_write(pci->port, &region->io, off, bytes, value);
        return;
    }
    virtq_irq_disable(pci->port);
    const uint32_t data = point_at(pci, region, off, bytes);
    vdrv_pci_config_out(pci, data, bytes, value);
    virtq_irq_enable(pci->port);
}

void vdrv_pci_notify(struct vdrv_pci *pci, const struct virtq_doorbell *bell)
{
    if (bell->config_off == 0) {
        virtq_doorbell(pci->port, bell);
        return;
    }
    virtq_irq_disable(pci->port);
    (void)point_at(pci, &pci->notify, bell->off, VDRV_NOTIFY_BYTES);
    virtq_doorbell(pci->port, bell);
    virtq_irq_enable(pci->port);
}
