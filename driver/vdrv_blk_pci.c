// driver/vdrv_blk_pci.c -- the block device's configuration, over PCI.
// Spec: virtio 1.4 §5.2.4, §2.5.1 (1.0: §5.2.4, §2.3.1).
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_blk_pci.h"

#define N_FIELDS 3u

// The fields that a negotiated feature set has. Returns how many.
static uint32_t fields_of(uint64_t features, struct vdrv_pci_field fields[N_FIELDS])
{
    uint32_t n = 0;

    fields[n++] = (struct vdrv_pci_field){0, 8}; // capacity
    if ((features & VDRV_BLK_F_SEG_MAX) != 0) {
        fields[n++] = (struct vdrv_pci_field){12, 4};
    }
    if ((features & VDRV_BLK_F_BLK_SIZE) != 0) {
        fields[n++] = (struct vdrv_pci_field){20, 4};
    }
    return n;
}

enum virtq_err vdrv_blk_pci_info(struct vdrv_pci *pci, struct vdrv_blk_info *info)
{
    struct vdrv_pci_field fields[N_FIELDS];
    uint8_t bytes[VDRV_BLK_CONFIG_BYTES] = {0};
    uint64_t values[N_FIELDS] = {0};
    const uint32_t n_fields = fields_of(pci->features, fields);

    enum virtq_err err = vdrv_pci_config_read(pci, fields, n_fields, values);
    if (err != VIRTQ_OK) {
        return err;
    }
    for (unsigned f = 0; f < n_fields; f++) { // bound: N_FIELDS
        for (unsigned i = 0; i < fields[f].bytes; i++) {
            bytes[fields[f].off + i] = (uint8_t)(values[f] >> (8 * i));
        }
    }
    err = vdrv_blk_parse(bytes, sizeof(bytes), pci->features, info);
    if (err == VIRTQ_ERR_CONFIG_VALUE) {
        virtq_note(pci->port, VIRTQ_NOTE_PEER_ERROR, 0, err, values[0], 0, 0);
    }
    return err;
}
