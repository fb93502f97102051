// tools/cmd/bench_explore.h -- how many executions a second the explorer looks at.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BENCH_EXPLORE_H
#define BENCH_EXPLORE_H

// Takes one line of the report. limit: what the value is compared with, 0 for nothing.
typedef void bench_row(const char *bench, const char *what, const char *unit, double value,
                       double limit, const char *limit_what);

// Explore vq_full K=3 under rc11, with flags and with EVENT_IDX, three times each; medians of CPU
// time. Returns an exit code.
int bench_explore(bench_row *row);

#endif
