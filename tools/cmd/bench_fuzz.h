// tools/cmd/bench_fuzz.h -- how many executions a second the harnesses make.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BENCH_FUZZ_H
#define BENCH_FUZZ_H

#include "tools/cmd/bench_explore.h"

// For each target: libFuzzer on the harness of the fuzz preset, over the checked-in corpus in its
// bytes form, without mutation; what starting costs is measured and left out. Returns an exit code.
int bench_fuzz(bench_row *row);

#endif
