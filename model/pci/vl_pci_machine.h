// model/pci/vl_pci_machine.h -- the PCI bus plugged into the simulated machine.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_PCI_MACHINE_H
#define VL_PCI_MACHINE_H

#include "model/core/vl_machine.h"
#include "model/pci/vl_pci.h"

// The processor side for vl_pci_open(): messages end in vl_raise(), the line in vl_intx().
struct vl_pci_cpu vl_pci_machine_cpu(struct vl_machine *m);

// What the machine asks of its register space. device is the function whose device half signals
// interrupts and reaches memory; the other functions only answer accesses.
struct vl_bus_ops vl_pci_machine_ops(struct vl_pci_function *device);

#endif
