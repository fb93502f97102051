// tools/lab/breach_status.c -- breaches of clauses: status.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

static const struct lab_breach rows[] = {
    {.id = ""},
};

const struct lab_breach_table lab_breach_status = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
