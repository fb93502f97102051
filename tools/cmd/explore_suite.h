// tools/cmd/explore_suite.h -- exploring each row of a table of counts, and comparing.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef EXPLORE_SUITE_H
#define EXPLORE_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#define EXPLORE_SUITE_QUICK 1500u

struct explore_suite_options {
    uint64_t max_executions; // rows with more are left out; 0: none
    bool liveness;           // compare whether somebody can be stuck
    bool quiet;              // no progress
};

// Explore each row of a table as GenMC's counts come in (docs/EXPLORE.md), print differences and a
// last line. Returns an exit code.
int explore_suite(const char *path, const struct explore_suite_options *options);

#endif
