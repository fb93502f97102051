// tools/cmd/triage_files.c -- the inputs in a crash directory, and loading them.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_input.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_outside.h"
#include "tools/cmd/triage.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIRS_MAX 256u // below the one that was named

struct walk {
    struct triage_files *files;
    const char *without;
    char (*dir)[TRIAGE_PATH_BYTES]; // to be visited
    uint32_t n_dirs;
    uint32_t room; // of files->file
};

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_input(const char *name)
{
    static const char *const starts_with[] = {"crash-", "timeout-",   "oom-",
                                              "leak-",  "slow-unit-", "id:"};
    for (size_t i = 0; i < sizeof(starts_with) / sizeof(starts_with[0]); i++) {
        if (starts(name, starts_with[i])) {
            return true;
        }
    }
    return cmd_ends_with(name, ".run") || cmd_ends_with(name, ".db");
}

static bool add_file(struct walk *w, const char *path, char *err)
{
    struct triage_files *f = w->files;
    if (f->n == w->room) {
        const uint32_t room = w->room == 0 ? 64 : 2 * w->room;
        struct triage_file *more = realloc(f->file, room * sizeof(f->file[0]));
        if (more == NULL || room > 2 * TRIAGE_FILES_MAX) {
            f->file = more != NULL ? more : f->file;
            (void)snprintf(err, TRIAGE_ERR_BYTES, "more files than there is room for");
            return false;
        }
        f->file = more;
        w->room = room;
    }
    struct triage_file *file = &f->file[f->n++];
    memset(file, 0, sizeof(*file));
    (void)snprintf(file->path, sizeof(file->path), "%s", path);
    return true;
}

static bool add(struct walk *w, const char *path, const char *name, char *err)
{
    struct stat st;
    struct stat link;
    if (lstat(path, &link) != 0 || stat(path, &st) != 0) {
        return true; // it has just gone, or is a link to nowhere
    }
    if (S_ISDIR(st.st_mode) && S_ISLNK(link.st_mode)) {
        return true; // it may lead back here
    }
    if (S_ISDIR(st.st_mode)) {
        if (w->without != NULL && strcmp(path, w->without) == 0) {
            return true;
        }
        if (w->n_dirs == DIRS_MAX) {
            (void)snprintf(err, TRIAGE_ERR_BYTES, "%.300s: more than %u directories", path,
                           DIRS_MAX);
            return false;
        }
        (void)snprintf(w->dir[w->n_dirs++], TRIAGE_PATH_BYTES, "%s", path);
        return true;
    }
    if (S_ISREG(st.st_mode) && is_input(name)) {
        return add_file(w, path, err);
    }
    w->files->n_skipped++;
    return true;
}

static bool visit(struct walk *w, const char *dir, char *err)
{
    const struct dirent *d = NULL;
    DIR *handle = opendir(dir);
    bool ok = handle != NULL;

    if (!ok) {
        (void)snprintf(err, TRIAGE_ERR_BYTES, "%.300s: %s", dir, strerror(errno));
    }
    while (ok && (d = readdir(handle)) != NULL) { // bound: the directory
        char path[TRIAGE_PATH_BYTES];
        const int n = snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
        if (d->d_name[0] == '.') {
            continue;
        }
        ok = n > 0 && (size_t)n < sizeof(path);
        if (!ok) {
            (void)snprintf(err, TRIAGE_ERR_BYTES, "%.300s: a name in it is too long", dir);
        }
        ok = ok && add(w, path, d->d_name, err);
    }
    if (handle != NULL) {
        (void)closedir(handle);
    }
    return ok;
}

static int by_path(const void *a, const void *b)
{
    const struct triage_file *x = a;
    const struct triage_file *y = b;
    return strcmp(x->path, y->path);
}

bool triage_files_open(struct triage_files *f, const char *dir, const char *without, char *err)
{
    struct walk w = {.files = f, .without = without};

    memset(f, 0, sizeof(*f));
    w.dir = calloc(DIRS_MAX, sizeof(w.dir[0]));
    bool ok = w.dir != NULL && strlen(dir) < TRIAGE_PATH_BYTES;
    if (!ok) {
        (void)snprintf(err, TRIAGE_ERR_BYTES, "%.300s: the name is too long, or no memory is left",
                       dir);
    }
    ok = ok && visit(&w, dir, err);
    for (uint32_t i = 0; i < w.n_dirs && ok; i++) { // bound: DIRS_MAX
        char sub[TRIAGE_PATH_BYTES];
        (void)snprintf(sub, sizeof(sub), "%s", w.dir[i]);
        ok = visit(&w, sub, err);
    }
    free(w.dir);
    if (f->file != NULL && f->n > 1) {
        qsort(f->file, f->n, sizeof(f->file[0]), by_path);
    }
    return ok;
}

void triage_files_close(struct triage_files *f)
{
    free(f->file);
    f->file = NULL;
    f->n = 0;
}

// ---- loading ------------------------------------------------------------------------------------

// The last harness that a path names.
static enum lab_target told_by(const char *path)
{
    enum lab_target found = LAB_TARGET_NONE;
    const char *last = NULL;
    for (unsigned t = LAB_TARGET_PAIR; t < LAB_TARGET_COUNT; t++) {
        const char *name = lab_target_name((enum lab_target)t);
        for (const char *at = strstr(path, name); at != NULL; at = strstr(at + 1, name)) {
            if (last == NULL || at > last) {
                last = at;
                found = (enum lab_target)t;
            }
        }
    }
    return found;
}

static bool load_trace(const char *path, struct lab_input *in, struct cmd_outside **outside,
                       char *err)
{
    if (cmd_input_load("triage", path, 0, NULL, in) != CMD_EXIT_CLEAN) {
        (void)snprintf(err, TRIAGE_ERR_BYTES, "no whole trace of a run here");
        return false;
    }
    if (!cmd_outside_open(outside, path, NULL, err)) {
        lab_input_free(in);
        return false;
    }
    return true;
}

bool triage_load(const struct triage_file *file, const struct triage_base *base,
                 struct lab_input *in, struct cmd_outside **outside, char *err)
{
    struct lab_scenario scenario;
    uint64_t locked = 0;

    *outside = NULL;
    if (cmd_input_is_trace(file->path)) {
        return load_trace(file->path, in, outside, err);
    }
    if (!cmd_input_is_bytes(file->path)) {
        return lab_input_load(file->path, LAB_TARGET_NONE, in, err);
    }
    const enum lab_target target =
        base->target != LAB_TARGET_NONE ? base->target : told_by(file->path);
    if (target == LAB_TARGET_NONE) {
        (void)snprintf(err, TRIAGE_ERR_BYTES,
                       "a fuzzer's bytes: say whose with --target pair, device, driver or pci");
        return false;
    }
    return lab_input_base(target, base->n_words, base->words, &scenario, &locked, err) &&
           cmd_input_decode(file->path, target, &scenario, locked, in, err);
}
