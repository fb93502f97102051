// tools/cmd/cmd_outside.h -- a file's bytes as a trace holds them, in place of the file.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_OUTSIDE_H
#define CMD_OUTSIDE_H

#include "model/trace/vl_trace.h"
#include "tools/lab/lab_world.h"

#include <stdbool.h>

struct cmd_outside; // opaque: cmd_outside_open() .. cmd_outside_close()

// Collect what the run in the trace at path read from its file. trace: the same, open and checked
// already, which stays the caller's; or NULL. Returns true; *out is NULL if the run read no file.
// False with err.
bool cmd_outside_open(struct cmd_outside **out, const char *path, struct vl_trace *trace,
                      char err[LAB_ERR_BYTES]);
void cmd_outside_close(struct cmd_outside *o); // NULL is allowed

// For lab_serve_outside(); valid until cmd_outside_close(). NULL for NULL.
const struct lab_outside *cmd_outside_bytes(const struct cmd_outside *o);

#endif
