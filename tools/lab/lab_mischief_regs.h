// tools/lab/lab_mischief_regs.h -- what a hostile driver does to registers and config space.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_MISCHIEF_REGS_H
#define LAB_MISCHIEF_REGS_H

#include "tools/lab/lab_mischief.h"

// The rows; *n is their number.
const struct lab_mischief_entry *lab_mischief_regs_table(uint32_t *n);

// Choice value misuses a register for what it is for: status, a queue's registers, features, a
// notification. The others go by place and width alone.
bool lab_mischief_regs_named(uint32_t value);

// What choice value does, as a sentence about the access; with the variant in it.
#define LAB_MISCHIEF_REGS_BYTES 160u
void lab_mischief_regs_sentence(uint32_t value, char text[LAB_MISCHIEF_REGS_BYTES]);

// struct vl_mischief_ops' access; ctx is the struct lab_mischief.
void lab_mischief_regs_access(void *ctx, struct vl_port_op *op, uint32_t choice);

#endif
