// tools/cmd/bench_afl.h -- what an execution costs under AFL++, beside an empty loop and our work.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BENCH_AFL_H
#define BENCH_AFL_H

#include "tools/cmd/bench_explore.h"

// For each target, over the checked-in corpus in its bytes form, with the harnesses of the preset
// afl: CPU time of an execution under afl-fuzz, of everybody together; of one of a harness that
// does nothing; and of our own work, the harness without afl-fuzz. Without afl-fuzz or that preset
// one line on stderr says so, and there are no rows. Returns an exit code.
int bench_afl(bench_row *row);

#endif
