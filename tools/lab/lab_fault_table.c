// tools/lab/lab_fault_table.c -- the bugs under corpus/faults.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_fault_table.h"

const struct lab_fault_info lab_bugs[] = {
    {"driver-recheck", "bug", "sc", "fuzz_pair", "liveness:lost-interrupt", "driver"},
};
const uint32_t lab_n_bugs = sizeof(lab_bugs) / sizeof(lab_bugs[0]);
