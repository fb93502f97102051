// tools/cmd/cmd_tree.h -- the source tree: where it lies, and its text files.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_TREE_H
#define CMD_TREE_H

#include <stdbool.h>
#include <stddef.h>

#define CMD_TREE_PATH_BYTES 1024u
#define CMD_TREE_ERR_BYTES 512u

// Find the tree that holds marker ("corpus/lessons/course.txt"): the one that the user named (said,
// or NULL), else the first one above the executable. what is read there, for the complaint:
// "lessons". False with err (CMD_TREE_ERR_BYTES).
bool cmd_tree_find(char root[CMD_TREE_PATH_BYTES], const char *said, const char *marker,
                   const char *what, char *err);

// A whole file (below 4 MiB) with an end behind it; *bytes (if not NULL) without that end. NULL
// with err (CMD_TREE_ERR_BYTES). The caller frees it.
char *cmd_tree_read(const char *path, size_t *bytes, char *err);

#endif
