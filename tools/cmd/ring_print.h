// tools/cmd/ring_print.h -- a judged ring for people and for programs.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_PRINT_H
#define RING_PRINT_H

#include "tools/cmd/ring_judge.h"

#include <stdio.h>

// all: every entry and descriptor, not only the newest.
void ring_print_text(FILE *out, const struct ring_judged *j, bool all);

// One JSON object without its end: more pairs and "}" can follow.
void ring_print_json(FILE *out, const struct ring_judged *j);

#endif
