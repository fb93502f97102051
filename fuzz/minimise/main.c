// fuzz/minimise/main.c -- a small, quick corpus out of large ones; tools/minimise.sh calls it.
//   minimise_TARGET [--draws N] OUT FILE|DIRECTORY...
// Inputs are text or bytes. OUT is a directory that is there. A run that aborts is a bug of the
// halves or of the model: its input is printed, and nothing is written.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"
#include "fuzz/minimise/pool.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS 400000u

static struct min_pool pool;

// ---- inputs as files ----------------------------------------------------------------------------

static bool write_text(void *ctx, const char *text, size_t bytes)
{
    return fwrite(text, 1, bytes, ctx) == bytes;
}

static bool print_input(const struct lab_input *in, FILE *f)
{
    const struct lab_input_sink sink = {.ctx = f, .write = write_text};
    return lab_input_print(in, &sink); // NOLINT(bugprone-signal-handler): see say_running()
}

static bool write_item(const char *dir, uint32_t number, const struct min_item *item)
{
    const struct lab_input in = min_copy(&pool, item);
    char path[4096];

    const int length = snprintf(path, sizeof(path), "%s/%03" PRIu32 ".run", dir, number);
    FILE *f = length > 0 && (size_t)length < sizeof(path) ? fopen(path, "w") : NULL;
    if (f == NULL) {
        return false;
    }
    const bool ok = print_input(&in, f);
    return fclose(f) == 0 && ok;
}

static void read_file(const char *path)
{
    struct lab_input in;
    char err[256];

    if (!fuzz_load(path, &in, err)) {
        (void)fprintf(stderr, "minimise: left out: %s\n", err);
        return;
    }
    in.target = pool.target;
    struct min_item *item = in.finding[0] == '\0' ? min_run(&pool, &in) : NULL;
    if (item != NULL) {
        item->kept = true; // what adds much at once may be the best for nothing alone
        min_pool_add(&pool, item);
    }
    lab_input_free(&in);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0;
}

static void read_inputs(const char *from)
{
    struct dirent **entries = NULL;
    const int n = scandir(from, &entries, is_input, alphasort);

    if (n < 0) {
        read_file(from);
        return;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        const int length = snprintf(path, sizeof(path), "%s/%s", from, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof(path)) {
            read_file(path);
        }
        free(entries[i]);
    }
    free(entries);
}

// ---- the program --------------------------------------------------------------------------------

// abort() calls this in line: no other code is interrupted, so that printing is safe.
static void say_running(int signal_number)
{
    (void)signal_number;
    // NOLINTBEGIN(bugprone-signal-handler)
    (void)fprintf(stderr, "minimise: this run aborts:\n");
    (void)print_input(min_running(), stderr);
    // NOLINTEND(bugprone-signal-handler)
}

static void report(const char *what, struct min_item *const *items, uint32_t n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += items[i]->events;
    }
    (void)printf("minimise: %s: %" PRIu32 " inputs, %.1f events in the mean; %" PRIu64 " runs\n",
                 what, n, n > 0 ? (double)sum / n : 0, pool.n_runs);
    (void)fflush(stdout);
}

static int usage(FILE *f, int code)
{
    (void)fprintf(f, "usage: minimise_TARGET [--draws N] OUT FILE|DIRECTORY...\n"
                     "Write to the directory OUT a small corpus of quick inputs that touches what\n"
                     "all the others do; tools/minimise.sh calls this.\n");
    return code;
}

int main(int argc, char **argv)
{
    static struct min_item *picked[MIN_ITEMS_MAX];
    const char *name = strrchr(argv[0], '_');

    uint32_t draws = DRAWS;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout, 0);
    }
    pool.target = name != NULL ? lab_target_find(name + 1) : LAB_TARGET_NONE;
    if (argc > 3 && strcmp(argv[1], "--draws") == 0) {
        draws = (uint32_t)strtoul(argv[2], NULL, 10);
        argv += 2;
        argc -= 2;
    }
    if (argc < 3 || pool.target == LAB_TARGET_NONE || !min_edges_counted()) {
        return usage(stderr, 2);
    }
    (void)signal(SIGABRT, say_running);
    fuzz_open_scenario(pool.target, "");
    for (int i = 2; i < argc; i++) {
        read_inputs(argv[i]);
    }
    report("clean", pool.item, pool.n_items);
    if (pool.n_items == 0) {
        return 1;
    }
    pool.closed = true;
    min_search(&pool, draws);
    report("cheapest", pool.item, pool.n_items);
    const uint32_t n = min_pick(&pool, picked);
    report("picked", picked, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!write_item(argv[1], i + 1, picked[i])) {
            (void)fprintf(stderr, "minimise: %s: cannot be written\n", argv[1]);
            return 3;
        }
    }
    return 0;
}
