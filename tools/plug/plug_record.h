// tools/plug/plug_record.h -- a trace of an input's run, from a program with a player of its own.
// In libvringlab_trace.a: traces are SQLite files (docs/TRACE.md).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef PLUG_RECORD_H
#define PLUG_RECORD_H

#include "tools/lab/lab_input.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// Run an input in a child process and write its trace, whatever becomes of the child. The players
// that the scenario names are registered. Prints the verdict line on stdout.
//   trace_path  where the trace is to stand; an older file there is replaced
//   err         one line where false is returned
// Returns true for a clean run. False with err for a finding, a crash or a run out of budget, with
// the trace written; and for a trace that could not be written.
bool vringlab_record(const struct lab_input *input, const char *trace_path, char err[256]);

#ifdef __cplusplus
}
#endif

#endif
