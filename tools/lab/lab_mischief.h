// tools/lab/lab_mischief.h -- what a hostile peer does: the mischief tables of both sides and PCI.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_MISCHIEF_H
#define LAB_MISCHIEF_H

#include "model/core/vl_machine.h"

struct vl_pci_function;

// One act on a field: choice v (1 .. n_options - 1) selects it.
struct lab_mischief_entry {
    uint8_t field;        // enum vl_field
    const char *sentence; // "available index one ahead"
    bool detectable;      // can the victim know that this is a lie?
};

// Options per choice point (0 is honest): the table's rows for a field repeat modulo their number,
// and the rest of the value selects the variant.
#define LAB_MISCHIEF_OPTIONS 65536u

// The table of acts for a field; n rows.
const struct lab_mischief_entry *lab_mischief_table(unsigned field, uint32_t *n);

// The interposer for a machine. queue_size tells the tables where the edges are; over PCI whoever
// plugs the device in sets function.
struct lab_mischief {
    struct vl_machine *machine;
    uint32_t queue_size;
    const struct vl_pci_function *function; // whose registers a hostile driver misuses, or NULL
    struct vl_mischief_ops ops;             // ready for machine->mischief
};
void lab_mischief_init(struct lab_mischief *mischief, struct vl_machine *m, uint32_t queue_size);

// What choice value does at field, as a sentence.
const char *lab_mischief_sentence(unsigned field, uint32_t value);

#endif
