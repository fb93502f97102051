// tools/cmd/cmd_dir.h -- a directory for as long as a command runs.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_DIR_H
#define CMD_DIR_H

#include <stdbool.h>
#include <stddef.h>

// Make an empty directory of our own in $TMPDIR, else in /tmp. name: what its name begins with.
// Its path goes to path (bytes long), also if it cannot be made; then false, and errno says why.
bool cmd_dir_make(char *path, size_t bytes, const char *name);

// Remove a directory and all that it holds; nothing if there is none.
void cmd_dir_remove(const char *path);

#endif
