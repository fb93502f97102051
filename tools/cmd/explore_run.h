// tools/cmd/explore_run.h -- exploring a source once: counts, time, progress, and how it is told.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef EXPLORE_RUN_H
#define EXPLORE_RUN_H

#include "model/trace/vl_result.h"
#include "tools/cmd/explore_source.h"

#include <stdio.h>

#define EXPLORE_RACES_SHOWN 4u

// A pair of sites that raced.
struct explore_race {
    uint32_t thread[2];
    const void *site[2];
    bool store[2];
    uint32_t addr;
    uint32_t len;
};

struct explore_options {
    uint32_t shard; // of n_shards, from 0
    uint32_t n_shards;
    bool count_distinct;
    bool quiet;          // no progress
    const char *heading; // of the progress line; NULL: none
};

struct explore_seen {
    struct explore_race race[EXPLORE_RACES_SHOWN];
    uint32_t n_races; // different ones among the first few
};

// Explore all. seen may be NULL. Returns false with one line in err (EXPLORE_ERR_BYTES) if that did
// not come to an end: too large, interrupted, no memory.
bool explore_run(const struct explore_source *s, const struct explore_options *options,
                 struct vl_result *result, struct explore_seen *seen, char *err);

// True if no execution was bad.
bool explore_result_good(const struct vl_result *r);

// What was found, in lines, and the final line. n_shards 1: the whole; text: of the source.
void explore_print(const char *text, uint32_t shard, uint32_t n_shards, const struct vl_result *r);
void explore_print_json(const char *text, uint32_t shard, uint32_t n_shards,
                        const struct vl_result *r);
void explore_print_races(const struct explore_source *s, const struct explore_seen *seen);

// ---- progress: one line that is rewritten on a terminal, a line now and then in a log.

struct explore_progress {
    bool on;
    bool terminal;
    bool drawn;
    uint64_t start_ns;
    uint64_t last_ns;
};

void explore_progress_start(struct explore_progress *p, bool quiet);
// True about ten times a second on a terminal, every ten seconds else; then a line is due.
bool explore_progress_due(struct explore_progress *p);
void explore_progress_line(struct explore_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Wipe the line, so that something else can be printed.
void explore_progress_wipe(struct explore_progress *p);
double explore_progress_seconds(const struct explore_progress *p);

// CPU time of this process, in nanoseconds.
uint64_t explore_cpu_ns(void);

// Let SIGINT and SIGTERM end an exploration in an orderly way.
void explore_catch_signals(void);
bool explore_interrupted(void);

#endif
