// fuzz/replay.c -- replays files without an engine.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"

#include "model/referee/vl_referee.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tally {
    const char *bytes_dir; // where to write bytes; NULL: run
    uint64_t n_inputs;
    uint64_t n_failed;
};

// "dir/name" of a file without ".run". False if it is too long.
static bool bytes_path(const char *dir, const char *path, char out[4096])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t n = strlen(name);

    if (n > 4 && strcmp(name + n - 4, ".run") == 0) {
        n -= 4;
    }
    const int length = snprintf(out, 4096, "%s/%.*s", dir, (int)n, name);
    return length > 0 && length < 4096;
}

static void take_file(const char *path, struct tally *tally)
{
    char out[4096];
    bool ok = true;

    tally->n_inputs++;
    if (tally->bytes_dir == NULL) {
        ok = fuzz_file(path);
    } else {
        ok = bytes_path(tally->bytes_dir, path, out) && fuzz_file_to_bytes(path, out);
    }
    tally->n_failed += ok ? 0 : 1;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0;
}

// All files of a directory, in order of their names.
static void take_directory(const char *dir, struct tally *tally)
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
            take_file(path, tally);
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

    int first = 1;

    if (argc > 3 && strcmp(argv[1], "--bytes") == 0) {
        tally.bytes_dir = argv[2];
        first = 3;
    }
    if (argc < 2 || argv[first][0] == '-') {
        (void)fprintf(stderr, "usage: %s [--bytes DIRECTORY] FILE|DIRECTORY...\n", argv[0]);
        return 2;
    }
    for (int i = first; i < argc; i++) {
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            take_directory(argv[i], &tally);
        } else {
            take_file(argv[i], &tally);
        }
    }
    if (wanted != NULL && print_marks() > 0 && strcmp(wanted, "check") == 0) {
        tally.n_failed++;
    }
    (void)printf("%" PRIu64 " inputs\n", tally.n_inputs);
    return tally.n_failed > 0 ? 1 : 0;
}
