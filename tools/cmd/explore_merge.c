// tools/cmd/explore_merge.c -- vringlab explore-merge: adds up the shards of one exploration.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/explore_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern const struct cmd cmd_explore_merge;

// Complain if a file is not of the exploration that the first one is of.
static int compare(const char *path, const struct vl_result_file *one,
                   const struct vl_result_file *all)
{
    if (strcmp(one->text, all->text) != 0) {
        return cmd_fail("explore-merge", CMD_EXIT_ENV,
                        "%s: of another exploration: %s, where the first file has %s", path,
                        one->text, all->text);
    }
    if (one->n_shards != all->n_shards) {
        return cmd_fail("explore-merge", CMD_EXIT_ENV,
                        "%s: one of %" PRIu32 " shards, where the first file is of %" PRIu32, path,
                        one->n_shards, all->n_shards);
    }
    if (strcmp(one->build, all->build) != 0) {
        return cmd_fail("explore-merge", CMD_EXIT_ENV,
                        "%s: made by another build, which may cut differently: %s, where the first "
                        "file has %s",
                        path, one->build, all->build);
    }
    return CMD_EXIT_CLEAN;
}

// Take the shards of one file over. from: for each shard the file that it is in.
static int take(const char *path, struct vl_result_file *all, const char **from)
{
    char err[VL_RESULT_ERR_BYTES];
    struct vl_result_file one;

    if (!vl_result_open(path, &one, err)) {
        return cmd_fail("explore-merge", CMD_EXIT_ENV, "%s", err);
    }
    int code = compare(path, &one, all->n_shards != 0 ? all : &one);
    if (code == CMD_EXIT_CLEAN && all->n_shards == 0) {
        memcpy(all->text, one.text, sizeof(all->text));
        memcpy(all->build, one.build, sizeof(all->build));
        all->n_shards = one.n_shards;
    }
    for (uint32_t i = 0; i < one.n && code == CMD_EXIT_CLEAN; i++) {
        const struct vl_result_shard *shard = &one.shards[i];
        if (from[shard->shard] != NULL) {
            code = cmd_fail("explore-merge", CMD_EXIT_ENV,
                            "%s: shard %" PRIu32 " of %" PRIu32 " is in %s already", path,
                            shard->shard, all->n_shards, from[shard->shard]);
            break;
        }
        from[shard->shard] = path;
        all->shards[shard->shard] = *shard;
        all->n++;
    }
    vl_result_close(&one);
    return code;
}

static int missing(const struct vl_result_file *all, const char *const *from)
{
    char list[160] = "";
    size_t n = 0;
    uint32_t named = 0;
    for (uint32_t i = 0; i < all->n_shards; i++) {
        if (from[i] != NULL) {
            continue;
        }
        if (named == 10) {
            (void)snprintf(list + n, sizeof(list) - n, " and more");
            break;
        }
        const int more = snprintf(list + n, sizeof(list) - n, " %" PRIu32, i);
        n += more > 0 ? (size_t)more : 0;
        named++;
    }
    return cmd_fail("explore-merge", CMD_EXIT_ENV,
                    "%" PRIu32 " of %" PRIu32 " shards are missing:%s; nothing was written",
                    all->n_shards - all->n, all->n_shards, list);
}

static int merge(const char *out, int n_files, char **files, bool json)
{
    char err[VL_RESULT_ERR_BYTES];
    struct vl_result sum;
    const char **from = calloc(VL_RESULT_SHARDS_MAX, sizeof(*from));
    struct vl_result_file all = {.shards = calloc(VL_RESULT_SHARDS_MAX, sizeof(*all.shards))};
    int code = CMD_EXIT_CLEAN;

    if (from == NULL || all.shards == NULL) {
        free(from);
        vl_result_close(&all);
        return cmd_fail("explore-merge", CMD_EXIT_ENV, "no memory left");
    }
    for (int i = 0; i < n_files && code == CMD_EXIT_CLEAN; i++) {
        code = take(files[i], &all, from);
    }
    if (code == CMD_EXIT_CLEAN && all.n != all.n_shards) {
        code = missing(&all, from);
    }
    if (code == CMD_EXIT_CLEAN && !vl_result_write(out, &all, err)) {
        code = cmd_fail("explore-merge", CMD_EXIT_ENV, "%s", err);
    }
    if (code == CMD_EXIT_CLEAN) {
        vl_result_sum(&all, &sum);
        (json ? explore_print_json : explore_print)(all.text, 0, 1, &sum);
        code = explore_result_good(&sum) ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
    }
    vl_result_close(&all);
    free(from);
    return code;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int merge_main(int argc, char **argv)
{
    bool json = false;
    int n = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_explore_merge, "%s: no such option", argv[i]);
        } else {
            argv[++n] = argv[i];
        }
    }
    if (n < 2) {
        return cmd_usage(&cmd_explore_merge, "OUT.db and the shards' files are needed");
    }
    for (int i = 2; i <= n; i++) {
        if (same_file(argv[1], argv[i])) {
            return cmd_usage(&cmd_explore_merge,
                             "%s: to be written, and a shard: the first file is OUT.db", argv[i]);
        }
    }
    return merge(argv[1], n - 1, argv + 2, json);
}

const struct cmd cmd_explore_merge = {
    "explore-merge", "OUT.db SHARD.db... [--json]", "add up the shards of one exploration",
    "All files must come from `vringlab explore --shard I/N --db FILE` with the same words, the\n"
    "same N and the same build, and each of the N shards must be there once. OUT.db is written\n"
    "whole or not at all. The last line is that of the whole exploration; memory is the largest\n"
    "of the shards', seconds are CPU seconds of all of them.\n"
    "\n"
    "  --json     one JSON object instead of lines\n"
    "\n"
    "  for i in 0 1 2 3; do\n"
    "      vringlab explore vq_full K=2 --shard $i/4 --db shard-$i.db\n"
    "  done\n"
    "  vringlab explore-merge whole.db shard-*.db\n"
    "\n"
    "exit codes: 0 proved, 1 refuted, 2 usage, 3 a shard is missing, foreign, damaged or twice\n",
    merge_main};
