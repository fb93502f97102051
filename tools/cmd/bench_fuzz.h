// tools/cmd/bench_fuzz.h -- how many executions a second the harnesses make.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BENCH_FUZZ_H
#define BENCH_FUZZ_H

#include "tools/cmd/bench_explore.h"
#include "tools/lab/lab_input.h"

// For each target: libFuzzer on the harness of the fuzz preset, over the checked-in corpus in its
// bytes form, without mutation; what starting costs is measured and left out. Returns an exit code.
int bench_fuzz(bench_row *row);

// Write a target's checked-in corpus as bytes into dir/corpus, which is made. root: the tree's.
// Returns false if a file cannot be read or written, or there is none.
bool bench_corpus(const char *dir, const char *root, enum lab_target target, uint32_t *n_inputs);

#endif
