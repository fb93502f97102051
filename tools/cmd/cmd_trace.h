// tools/cmd/cmd_trace.h -- what a trace says of the run that it holds.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_TRACE_H
#define CMD_TRACE_H

#include "model/referee/vl_judge.h"
#include "model/trace/vl_trace.h"
#include "tools/lab/lab_scenario.h"

// True if the trace was recorded of a ring that did not run here (docs/TRACE.md, "Recording your
// own ring"): it has no scenario of ours.
bool cmd_trace_is_recorded(const struct vl_trace_info *info);

// The scenario that was run. Returns false with one line in err if this build does not know it, or
// if the trace is one of a ring that did not run here.
bool cmd_trace_scenario(const struct vl_trace_info *info, struct lab_scenario *s, char err[256]);

// What the referees are to know to judge the trace. Returns false with one line in err.
bool cmd_trace_judge_setup(const struct vl_trace_info *info, struct vl_judge_setup *setup,
                           char err[256]);

#endif
