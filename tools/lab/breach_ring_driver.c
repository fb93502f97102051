// tools/lab/breach_ring_driver.c -- breaches of clauses: ring_driver.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

static const struct lab_breach rows[] = {
    {.id = ""},
};

const struct lab_breach_table lab_breach_ring_driver = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
