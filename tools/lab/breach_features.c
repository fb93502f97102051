// tools/lab/breach_features.c -- breaches of clauses: features.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

static const struct lab_breach rows[] = {
    {.id = ""},
};

const struct lab_breach_table lab_breach_features = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
