// tools/cmd/cmd_tree.c -- the source tree: where it lies, and its text files.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_tree.h"

#include "tools/lab/lab_fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1u << 22)
#define LEVELS_MAX 16u

static bool holds(const char *root, const char *marker)
{
    char path[2 * CMD_TREE_PATH_BYTES];
    const int n = snprintf(path, sizeof(path), "%s/%s", root, marker);
    return n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0;
}

bool cmd_tree_find(char root[CMD_TREE_PATH_BYTES], const char *said, const char *marker,
                   const char *what, char *err)
{
    char start[CMD_TREE_PATH_BYTES];

    if (said != NULL) {
        const int n = snprintf(root, CMD_TREE_PATH_BYTES, "%s", said);
        if (n < 0 || (size_t)n >= CMD_TREE_PATH_BYTES || !holds(root, marker)) {
            (void)snprintf(err, CMD_TREE_ERR_BYTES, "%.300s: no source tree: it has no %.100s",
                           said, marker);
            return false;
        }
        return true;
    }
    if (!lab_executable_dir(root, CMD_TREE_PATH_BYTES)) {
        (void)snprintf(err, CMD_TREE_ERR_BYTES, "cannot tell where the executable lies");
        return false;
    }
    (void)snprintf(start, sizeof(start), "%s", root);
    for (unsigned level = 0; level < LEVELS_MAX && root[0] != '\0'; level++) {
        if (holds(root, marker)) {
            return true;
        }
        char *slash = strrchr(root, '/');
        if (slash == NULL) {
            break;
        }
        *slash = '\0';
    }
    (void)snprintf(err, CMD_TREE_ERR_BYTES,
                   "%.60s are read from the source tree, and no directory above %.300s is one; "
                   "say --root DIR",
                   what, start);
    return false;
}

char *cmd_tree_read(const char *path, size_t *bytes, char *err)
{
    struct stat st;
    const bool there = stat(path, &st) == 0;
    FILE *f = there && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    const char *why = there && !S_ISREG(st.st_mode) ? "not a file" : strerror(errno);
    char *data = f != NULL ? malloc(FILE_BYTES_MAX) : NULL;
    const size_t n = data != NULL ? fread(data, 1, FILE_BYTES_MAX, f) : 0;
    const bool ok = data != NULL && ferror(f) == 0 && n < FILE_BYTES_MAX;
    if (!ok) {
        (void)snprintf(err, CMD_TREE_ERR_BYTES, "%.300s: %s", path,
                       f == NULL ? why : "cannot be read, or is longer than 4 MiB");
        free(data);
        data = NULL;
    } else {
        data[n] = '\0';
    }
    if (ok && bytes != NULL) {
        *bytes = n;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return data;
}
