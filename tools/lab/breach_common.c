// tools/lab/breach_common.c -- breaches of clauses: the common configuration structure.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

// Behind DRIVER the driver also writes a register that it may only read.
#define ALSO_WRITES(clause, what, deed_, reg)                                                      \
    {                                                                                              \
        .id = clause, .side = LAB_SIDE_DRIVER, .scenario = "transport=pci buffers=2",              \
        .how = "behind the status DRIVER, " what " is written", .act = {                           \
            {.op = VL_OP_MMIO_WRITE,                                                               \
             .phase = VL_OP_DONE,                                                                  \
             .where = LAB_REG(COMMON, VL_COMMON_STATUS),                                           \
             .mask = 0xFF,                                                                         \
             .match = VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER,                                    \
             .deed = deed_,                                                                        \
             .a = LAB_REG(COMMON, reg),                                                            \
             .b = 1}                                                                               \
        }                                                                                          \
    }

static const struct lab_breach rows[] = {
    ALSO_WRITES("4.1.4.3.2-drv-1", "device_feature", lab_also_write32, VL_COMMON_DEVICE_FEATURE),
};

const struct lab_breach_table lab_breach_common = {.row = rows,
                                                   .n = sizeof(rows) / sizeof(rows[0])};
