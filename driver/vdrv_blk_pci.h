// driver/vdrv_blk_pci.h -- the block device's configuration, over PCI.
// Spec: virtio 1.4 §5.2.4, §2.5.1 (1.0: §5.2.4, §2.3.1).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VDRV_BLK_PCI_H
#define VDRV_BLK_PCI_H

#include "driver/vdrv_blk.h"
#include "driver/vdrv_pci.h"

#ifdef __cplusplus
extern "C" {
#endif

// Read the configuration of a device whose features are negotiated, as one snapshot. A field that
// is there only with a feature is left alone without it [2.5.1-drv-4].
// Returns VIRTQ_OK and *info; a peer error, which is reported: the configuration does not hold
// still, or a value in it cannot be.
VIRTQ_NODISCARD enum virtq_err vdrv_blk_pci_info(struct vdrv_pci *pci, struct vdrv_blk_info *info);

#ifdef __cplusplus
}
#endif

#endif
