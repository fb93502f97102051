// tools/cmd/cmd_dir.c -- a directory for as long as a command runs.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // nftw()
#endif
#include "tools/cmd/cmd_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool cmd_dir_make(char *path, size_t bytes, const char *name)
{
    const char *parent = getenv("TMPDIR");

    (void)snprintf(path, bytes, "%s/%s-XXXXXX",
                   parent != NULL && parent[0] != '\0' ? parent : "/tmp", name);
    return mkdtemp(path) != NULL;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void cmd_dir_remove(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
