// tools/cmd/cmd_outside.h -- a file's bytes as a trace holds them, in place of the file.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_OUTSIDE_H
#define CMD_OUTSIDE_H

#include "model/trace/vl_trace.h"
#include "tools/lab/lab_input.h"
#include "tools/lab/lab_world.h"

#include <stdbool.h>

struct cmd_outside; // opaque: cmd_outside_open() .. cmd_outside_close()

// Collect what the run in the trace at path read from its file. trace: the same, open and checked
// already, which stays the caller's; or NULL. Returns true; *out is NULL if the run read no file.
// False with err.
bool cmd_outside_open(struct cmd_outside **out, const char *path, struct vl_trace *trace,
                      char err[LAB_ERR_BYTES]);
void cmd_outside_close(struct cmd_outside *o); // NULL is allowed

// As cmd_input_load(), and what the run read from its file: *outside, NULL if path is no trace or
// the run read none. After CMD_EXIT_CLEAN: end with cmd_outside_close() and lab_input_free().
int cmd_outside_load(const char *name, const char *path, int n_words, char *const *words,
                     struct lab_input *in, struct cmd_outside **outside);

// For lab_serve_outside(); valid until cmd_outside_close(). NULL for NULL.
const struct lab_outside *cmd_outside_bytes(const struct cmd_outside *o);

#endif
