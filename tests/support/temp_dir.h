// tests/support/temp_dir.h -- a directory of a test's own.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Make one in $TMPDIR, else in /tmp; its path goes to dir (bytes long). The caller removes it.
static inline bool temp_dir(char *dir, size_t bytes)
{
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(dir, bytes, "%s/vringlab_test_XXXXXX", tmp != NULL ? tmp : "/tmp");
    return mkdtemp(dir) != NULL;
}

#endif
