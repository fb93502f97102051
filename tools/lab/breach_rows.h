// tools/lab/breach_rows.h -- a row of a table of breaches, for the files that hold the tables.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BREACH_ROWS_H
#define BREACH_ROWS_H

#include "tools/lab/lab_breach.h"

// Clause, scenario, how it is broken, and the acts.
#define BREACH_ROW(side_, clause, scenario_, how_, ...)                                            \
    {                                                                                              \
        .id = clause, .side = side_, .scenario = scenario_, .how = how_, .act = { __VA_ARGS__ }    \
    }
#define DRIVER_ROW(...) BREACH_ROW(LAB_SIDE_DRIVER, __VA_ARGS__)
#define DEVICE_ROW(...) BREACH_ROW(LAB_SIDE_DEVICE, __VA_ARGS__)

#endif
