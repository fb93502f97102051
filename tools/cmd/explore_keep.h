// tools/cmd/explore_keep.h -- a counterexample of an exploration, told and kept.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef EXPLORE_KEEP_H
#define EXPLORE_KEEP_H

#include "tools/cmd/explore_source.h"

// Tell the source's counterexample, if it has one, write it as an input and record it as a trace
// where paths are given. say: on stdout. Returns an exit code; CMD_EXIT_CLEAN if all was written.
int explore_keep(const struct explore_source *s, const char *choices, const char *trace, bool say);

#endif
