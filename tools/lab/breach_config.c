// tools/lab/breach_config.c -- breaches of clauses: config.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

static const struct lab_breach rows[] = {
    {.id = ""},
};

const struct lab_breach_table lab_breach_config = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
