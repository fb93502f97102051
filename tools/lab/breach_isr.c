// tools/lab/breach_isr.c -- breaches of clauses: isr.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

static const struct lab_breach rows[] = {
    {.id = ""},
};

const struct lab_breach_table lab_breach_isr = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
