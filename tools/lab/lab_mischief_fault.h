// tools/lab/lab_mischief_fault.h -- rows of the mischief tables as faults: mischief:FIELD=ROW makes
// the hostile side do that act at each of its stores to FIELD, without a deviation.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_MISCHIEF_FAULT_H
#define LAB_MISCHIEF_FAULT_H

#include "model/core/vl_machine.h"
#include "tools/lab/lab_fault.h"

// Fault i of this kind, in order of fields and rows; false behind the last one.
bool lab_mischief_fault_info(uint32_t i, struct lab_fault_info *info);

// "mischief:FIELD=ROW": true with its parts. *side is whose lie it is.
bool lab_mischief_fault_parse(const char *name, unsigned *field, uint32_t *row,
                              enum lab_side *side);

// False with err if a mischief fault of s needs another side to be hostile.
bool lab_mischief_fault_check(const struct lab_scenario *s, char err[256]);

// Put the acts that s demands into forced[VL_FIELD_COUNT], as choice values; 0 for none.
void lab_mischief_fault_force(const struct lab_scenario *s, uint32_t *forced);

#endif
