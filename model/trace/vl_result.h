// model/trace/vl_result.h -- what an exploration counted, and files that hold it, whole or in
// shards. Tables and what they hold: docs/EXPLORE.md.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_RESULT_H
#define VL_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#define VL_RESULT_SHARDS_MAX 1000000u
#define VL_RESULT_TEXT_BYTES 512u
#define VL_RESULT_BUILD_BYTES 256u
#define VL_RESULT_ERR_BYTES 512u

// What was counted: of a whole exploration, of a shard, or added up over shards.
struct vl_result {
    uint64_t complete;
    uint64_t ok;      // complete executions in which everything holds
    uint64_t blocked; // stuck ones included
    uint64_t stuck;
    uint64_t races; // executions in which a race was seen
    uint64_t distinct;
    uint64_t events_max;
    uint64_t memory_bytes;
    uint64_t cpu_ns;
    bool counted_distinct;
};

struct vl_result_shard {
    uint32_t shard; // from 0
    struct vl_result result;
};

// One file's content.
struct vl_result_file {
    char text[VL_RESULT_TEXT_BYTES];   // what was explored, in words
    char build[VL_RESULT_BUILD_BYTES]; // by what
    uint32_t n_shards;                 // that there are in all, 1: it was not cut
    uint32_t n;                        // that are here
    struct vl_result_shard *shards;
};

// Ask before the work whether path can be written afterwards. Returns false with one line in err
// (VL_RESULT_ERR_BYTES).
bool vl_result_probe(const char *path, char *err);

// Write to path: whole or not at all (a temporary name, renamed). Returns false with one line in
// err.
bool vl_result_write(const char *path, const struct vl_result_file *db, char *err);

// Read path. Returns false with one line in err: no such file, cut short, damaged. Ends with
// vl_result_close().
bool vl_result_open(const char *path, struct vl_result_file *db, char *err);
void vl_result_close(struct vl_result_file *db);

// Add up: sums, and for sizes the largest.
void vl_result_sum(const struct vl_result_file *db, struct vl_result *sum);

#endif
