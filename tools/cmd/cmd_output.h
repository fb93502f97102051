// tools/cmd/cmd_output.h -- writing an input to a file, whole or not at all.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "tools/lab/lab_input.h"

#include <stddef.h>

// Write bytes to path under a temporary name, then rename. Returns false with one line in err; then
// nothing new stands there.
bool cmd_write_file(const char *path, const void *data, size_t bytes, char err[256]);

// Write in to path: as text if path ends in ".run", else as bytes of in->target. As above.
bool cmd_write_input(const char *path, const struct lab_input *in, char err[256]);

// True if text ends in end.
bool cmd_ends_with(const char *text, const char *end);

#endif
