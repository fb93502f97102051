// driver/vdrv_pci_caps.c -- reads the capability list and maps virtio's structures.
// Spec: PCI Local Bus 3.0 §6.7; virtio 1.4 §4.1.4, §4.1.4.1 (driver requirements).
// Only reads config space: a virtio capability is never written [4.1.4.1-drv-8].
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_pci_regs.h"

// Capabilities are 4-byte aligned behind the header, so there are at most so many.
#define N_CAPS_MAX ((VDRV_PCI_CONFIG_BYTES - VDRV_PCI_HEADER_BYTES) / 4)

bool vdrv_pci_in_bar(const struct vdrv_pci *pci, uint32_t bar, uint64_t offset, uint64_t bytes)
{
    return bar < VDRV_PCI_BARS && offset <= pci->bar[bar].bytes &&
           bytes <= pci->bar[bar].bytes - offset;
}

// What this driver accesses of a structure, which may be longer than it knows.
static uint64_t used_bytes(const struct vdrv_pci *pci, const struct vdrv_pci_region *region,
                           uint64_t length)
{
    const uint64_t known = region == &pci->common   ? VDRV_COMMON_BYTES
                           : region == &pci->isr    ? VDRV_ISR_BYTES
                           : region == &pci->device ? pci->config.device_config_bytes
                                                    : length;
    return length < known ? length : known;
}

bool vdrv_pci_overlaps(const struct vdrv_pci *pci, uint32_t bar, uint64_t offset, uint64_t bytes)
{
    const struct vdrv_pci_region *regions[] = {&pci->common, &pci->notify, &pci->isr, &pci->device};

    for (unsigned i = 0; i < 4; i++) {
        const struct vdrv_pci_region *r = regions[i];
        if (r->found && r->bar == bar && offset < r->offset + used_bytes(pci, r, r->length) &&
            r->offset < offset + bytes) {
            return true;
        }
    }
    return false;
}

static struct vdrv_pci_region *region_of(struct vdrv_pci *pci, uint32_t type)
{
    switch (type) {
    case VDRV_PCI_TYPE_COMMON: return &pci->common;
    case VDRV_PCI_TYPE_NOTIFY: return &pci->notify;
    case VDRV_PCI_TYPE_ISR: return &pci->isr;
    case VDRV_PCI_TYPE_DEVICE: return &pci->device;
    default: return NULL; // not needed here, or reserved: skipped [4.1.4.1-drv-1]
    }
}

// Shortest structure that the driver can work with; longer ones are fine [4.1.4.1-drv-6].
static uint32_t min_length(const struct vdrv_pci *pci, uint32_t type)
{
    switch (type) {
    case VDRV_PCI_TYPE_COMMON: return VDRV_COMMON_BYTES;
    case VDRV_PCI_TYPE_NOTIFY: return VDRV_NOTIFY_BYTES;
    case VDRV_PCI_TYPE_ISR: return VDRV_ISR_BYTES;
    default: return pci->config.device_config_min;
    }
}

static uint32_t alignment(uint32_t type)
{
    switch (type) {
    case VDRV_PCI_TYPE_NOTIFY: return 2;
    case VDRV_PCI_TYPE_ISR: return 1;
    default: return 4;
    }
}

static bool multiplier_valid(uint32_t multiplier)
{
    return multiplier == 0 || (multiplier >= 2 && (multiplier & (multiplier - 1)) == 0);
}

// A capability of a type that the driver uses. It is taken if it is the first usable one of its
// type [4.1.4.1-drv-2]; what is wrong with it is remembered, for the case that no other comes.
static void take_virtio_cap(struct vdrv_pci *pci, uint32_t cap, uint32_t type,
                            struct vdrv_pci_region *region)
{
    const uint32_t len = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_LEN, 1);
    const uint32_t need =
        type == VDRV_PCI_TYPE_NOTIFY ? VDRV_PCI_NOTIFY_CAP_BYTES : VDRV_PCI_CAP_BYTES;
    if (len < need || cap + need > VDRV_PCI_CONFIG_BYTES) {
        pci->cap_rejected = true;
        pci->rejected_cap = cap;
        return;
    }
    const uint32_t bar = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_BAR, 1);
    if (bar >= VDRV_PCI_BARS) {
        return; // reserved: to be ignored [4.1.4.1-drv-4]
    }
    const uint32_t offset = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_OFFSET, 4);
    const uint32_t length = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_LENGTH, 4);
    uint32_t multiplier = 0;
    if (type == VDRV_PCI_TYPE_NOTIFY) {
        multiplier = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_MULTIPLIER, 4);
    }
    if (!vdrv_pci_in_bar(pci, bar, offset, length) || length < min_length(pci, type) ||
        offset % alignment(type) != 0 || !multiplier_valid(multiplier) ||
        vdrv_pci_overlaps(pci, bar, offset, used_bytes(pci, region, length))) {
        pci->cap_rejected = true;
        pci->rejected_cap = cap;
        return;
    }
    *region = (struct vdrv_pci_region){
        .found = true, .bar = (uint8_t)bar, .offset = offset, .length = length};
    if (type == VDRV_PCI_TYPE_NOTIFY) {
        pci->notify_multiplier = multiplier;
    }
}

// Its place says nothing: a driver writes there what it wants to reach.
static void take_window(struct vdrv_pci *pci, uint32_t cap)
{
    const uint32_t len = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_LEN, 1);
    if (pci->config_cap == 0 && len >= VDRV_PCI_WINDOW_CAP_BYTES &&
        cap + VDRV_PCI_WINDOW_CAP_BYTES <= VDRV_PCI_CONFIG_BYTES) {
        pci->config_cap = (uint16_t)cap;
    }
}

static void take_cap(struct vdrv_pci *pci, uint32_t cap, uint32_t id)
{
    if (id == VDRV_PCI_CAP_MSIX && pci->msix_cap == 0 &&
        cap + VDRV_PCI_MSIX_CAP_BYTES <= VDRV_PCI_CONFIG_BYTES) {
        pci->msix_cap = (uint16_t)cap;
    }
    if (id != VDRV_PCI_CAP_VENDOR) {
        return;
    }
    const uint32_t type = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_TYPE, 1);
    if (type == VDRV_PCI_TYPE_WINDOW && pci->config.by_config) {
        take_window(pci, cap);
        return;
    }
    struct vdrv_pci_region *region = region_of(pci, type);
    if (region != NULL && !region->found) {
        take_virtio_cap(pci, cap, type, region);
    }
}

// Follow the links. A place seen twice is a loop, and a link into the header leads nowhere.
static enum virtq_err walk_list(struct vdrv_pci *pci)
{
    uint64_t seen = 0; // bit per 4 bytes of config space
    uint32_t cap = vdrv_pci_config_in(pci, VDRV_PCI_CAP_POINTER, 1) & ~3u;

    for (uint32_t n = 0; n < N_CAPS_MAX && cap != 0; n++) {
        if (cap < VDRV_PCI_HEADER_BYTES || cap >= VDRV_PCI_CONFIG_BYTES ||
            (seen & 1ull << cap / 4) != 0) {
            return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_CAP_CHAIN, cap);
        }
        seen |= 1ull << cap / 4;
        const uint32_t id = vdrv_pci_config_in(pci, cap, 1);
        const uint32_t next = vdrv_pci_config_in(pci, cap + VDRV_PCI_CAP_NEXT, 1);
        take_cap(pci, cap, id);
        cap = next & ~3u; // the two low bits are reserved
    }
    if (cap != 0) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_CAP_CHAIN, cap);
    }
    return VIRTQ_OK;
}

static enum virtq_err map_region(struct vdrv_pci *pci, struct vdrv_pci_region *region,
                                 uint32_t bytes)
{
    return virtq_mmio_map(pci->port, pci->bar[region->bar].addr + region->offset, bytes,
                          &region->io);
}

// Map what is used of each structure, however long it says it is. The notification structure is
// mapped queue by queue, where the doorbells are.
static enum virtq_err map_structures(struct vdrv_pci *pci)
{
    enum virtq_err err = map_region(pci, &pci->common, VDRV_COMMON_BYTES);
    if (err != VIRTQ_OK) {
        return err;
    }
    err = map_region(pci, &pci->isr, VDRV_ISR_BYTES);
    if (err != VIRTQ_OK || !pci->device.found) {
        return err;
    }
    const uint32_t known = pci->config.device_config_bytes;
    const uint32_t bytes = pci->device.length < known ? pci->device.length : known;
    if (bytes == 0) {
        return VIRTQ_OK; // a type without configuration
    }
    return map_region(pci, &pci->device, bytes);
}

enum virtq_err vdrv_pci_read_caps(struct vdrv_pci *pci)
{
    const uint32_t status = vdrv_pci_config_in(pci, VDRV_PCI_STATUS, 2);
    if ((status & VDRV_PCI_STATUS_CAPS) == 0) {
        return vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_CAP_MISSING, status);
    }
    const enum virtq_err err = walk_list(pci);
    if (err != VIRTQ_OK) {
        return err;
    }
    if (!pci->common.found || !pci->notify.found || !pci->isr.found ||
        (pci->config.device_config_min > 0 && !pci->device.found) ||
        (pci->config.by_config && pci->config_cap == 0)) {
        return pci->cap_rejected
                   ? vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_CAP_BOUNDS, pci->rejected_cap)
                   : vdrv_pci_peer_error(pci, 0, VIRTQ_ERR_CAP_MISSING, 0);
    }
    return map_structures(pci);
}
