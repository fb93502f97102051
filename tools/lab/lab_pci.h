// tools/lab/lab_pci.h -- a device player plugged into the model PCI bus.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_PCI_H
#define LAB_PCI_H

#include "model/core/vl_machine.h"
#include "model/pci/vl_pci.h"
#include "tools/lab/lab_player.h"

#define LAB_PCI_BDF VL_PCI_BDF(4, 0) // 00:04.0

struct lab_pci_bus {
    struct vl_pci pci;
    struct vl_pci_function *function;
    const struct lab_player *player;
    void *state;
};

// Fresh bus, player's function at 00:04.0 in power-on state with two MSI-X vectors, machine's
// register space connected.
//   decoys   in front of its capabilities stand others that are lawful and that a driver cannot
//            use, in BAR 2, which is one of I/O space, and in a reserved BAR [4.1.4, 4.1.4.1]
void lab_pci_plug(struct lab_pci_bus *bus, struct vl_machine *m, const struct lab_player *player,
                  void *state, bool decoys);

// struct lab_half_config's question; ctx is the struct lab_pci_bus.
bool lab_pci_msix_enabled(void *ctx);

#endif
