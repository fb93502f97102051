// fuzz/replay.c -- replays files without an engine.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"

#include "model/referee/vl_referee.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tally {
    uint64_t n_inputs;
    uint64_t n_failed;
};

static void replay_file(const char *path, struct tally *tally)
{
    tally->n_inputs++;
    tally->n_failed += fuzz_file(path) ? 0 : 1;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0;
}

// All files of a directory, in order of their names.
static void replay_directory(const char *dir, struct tally *tally)
{
    struct dirent **entries = NULL;
    const int n = scandir(dir, &entries, is_input, alphasort);

    if (n < 0) {
        (void)fprintf(stderr, "%s: cannot be read\n", dir);
        tally->n_failed++;
        return;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        const int length = snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof(path)) {
            replay_file(path, tally);
        } else {
            tally->n_failed++;
        }
        free(entries[i]);
    }
    free(entries);
}

// Returns how many demanded marks are missing.
static uint64_t print_marks(void)
{
    const uint64_t reached = fuzz_marks();
    const uint64_t demanded = fuzz_marks_demanded();
    uint64_t n_missing = 0;

    for (unsigned mark = 0; mark < VL_MARK_COUNT; mark++) {
        if ((reached >> mark & 1u) != 0) {
            (void)printf("%s\n", vl_mark_name(mark));
        } else if ((demanded >> mark & 1u) != 0) {
            (void)fprintf(stderr, "missing %s: %s\n", vl_mark_name(mark), vl_mark_text(mark));
            n_missing++;
        }
    }
    return n_missing;
}

int fuzz_replay(int argc, char **argv)
{
    struct tally tally = {0};
    const char *wanted = getenv("VRINGLAB_MARKS");
    struct stat st;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            replay_directory(argv[i], &tally);
        } else {
            replay_file(argv[i], &tally);
        }
    }
    if (wanted != NULL && print_marks() > 0 && strcmp(wanted, "check") == 0) {
        tally.n_failed++;
    }
    (void)printf("%llu inputs\n", (unsigned long long)tally.n_inputs);
    return tally.n_failed > 0 ? 1 : 0;
}
