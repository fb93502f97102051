// tools/cmd/bench_explore.c -- how many executions a second the explorer looks at.
// The limits are GenMC 0.11's on the same programs, one thread, in its faster build (-O3 -DNDEBUG),
// complete and blocked executions together: published figures of another machine's day, so the
// ratio is a yardstick, not a measurement of both.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/bench_explore.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/explore_run.h"

#include <stdlib.h>

#define REPEATS 3u

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static int bench_one(const char *what, const char *defines, double genmc, bench_row *row)
{
    char err[EXPLORE_ERR_BYTES];
    const struct explore_options options = {.n_shards = 1, .quiet = true};
    struct explore_source source;
    struct vl_result r;
    double seconds[REPEATS];
    bool environment = false;

    for (unsigned i = 0; i < REPEATS; i++) {
        if (!explore_program_open(&source, "vq_full", "3", defines, VL_MODEL_RC11, err,
                                  &environment)) {
            return cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
        }
        const bool done = explore_run(&source, &options, &r, NULL, err);
        explore_source_close(&source);
        if (!done) {
            return cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
        }
        seconds[i] = (double)r.cpu_ns / 1e9;
    }
    qsort(seconds, REPEATS, sizeof(seconds[0]), compare_doubles);
    const double per = 1 / seconds[REPEATS / 2];
    row("explore", what, "complete", (double)r.complete, 0, NULL);
    row("explore", "  complete alone", "exec/CPU-s", (double)r.complete * per, genmc, "GenMC");
    row("explore", "  complete and blocked", "exec/CPU-s", (double)(r.complete + r.blocked) * per,
        genmc, "GenMC");
    row("explore", "  memory", "KiB", (double)r.memory_bytes / 1024, 0, NULL);
    return CMD_EXIT_CLEAN;
}

int bench_explore(bench_row *row)
{
    const int code = bench_one("vq_full K=3 flags, rc11", "-", 6020, row);
    return code != CMD_EXIT_CLEAN
               ? code
               : bench_one("vq_full K=3 EVENT_IDX, rc11", "-DEVENT_IDX", 5180, row);
}
