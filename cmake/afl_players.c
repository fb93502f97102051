// cmake/afl_players.c -- lets a program of the afl preset load instrumented players.
// AFL++'s runtime refuses an instrumented library that is loaded after its fork server started.
// Outside afl-fuzz that server counts as started before main(), although there is none; under
// afl-fuzz a harness loads its player before the server starts, and this changes nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

__attribute__((constructor)) static void allow_late_players(void)
{
    (void)setenv("AFL_IGNORE_PROBLEMS", "1", 0);
}
