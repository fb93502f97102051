// tools/lab/lab_fault_table.h -- the bugs under corpus/faults, by name.
// Each has a folder there with fault.patch, its story, and an input that shows it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_FAULT_TABLE_H
#define LAB_FAULT_TABLE_H

#include "tools/lab/lab_fault.h"

extern const struct lab_fault_info lab_bugs[];
extern const uint32_t lab_n_bugs;

#endif
