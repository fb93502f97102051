// model/explore/vl_explore_internal.h -- a search: what its files share.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_EXPLORE_INTERNAL_H
#define VL_EXPLORE_INTERNAL_H

#include "model/explore/vl_graph.h"

#define VL_X_FRAMES_MAX 512u
#define VL_X_SHARD_LEVEL                                                                           \
    14u // choices on the way to a piece of the space that one shard takes whole

enum vl_x_option_kind {
    VL_X_OPTION_SOURCE,  // the read `event` sees the write `arg`
    VL_X_OPTION_PLACE,   // the write `event` stands at place `arg`
    VL_X_OPTION_REVISIT, // the read `arg` comes to see the write `event`
};

struct vl_x_option {
    uint16_t frame; // number of graphs when it was pushed
    uint16_t event;
    uint16_t arg;
    uint8_t kind;
    uint8_t level; // choices on the way to what it leads to
};

struct vl_explore {
    struct vl_x_program program;
    struct vl_x_config config;
    struct vl_g_world world;
    struct vl_graph frame[VL_X_FRAMES_MAX];
    uint32_t n_frames;
    uint32_t frames_open;
    struct vl_x_option *option;
    uint32_t n_options;
    uint32_t options_max;
    uint32_t n_locs;
    uint32_t live[VL_X_THREADS]; // events that the running thread has behind it
    bool stale[VL_X_THREADS];    // it ran through what is no longer so: start it again
    bool finished[VL_X_THREADS]; // it has ended, behind all its events
    bool dead;                   // the current graph leads nowhere
    bool ended;                  // the search is over
    bool too_large;
    uint32_t level; // choices on the way to the current graph
    uint64_t n_pieces;
    enum vl_x_result result;
    struct vl_x_counts counts;
    uint64_t *digests; // open addressing; 0: free
    uint64_t digests_max;
    char error[160];
};

static inline struct vl_graph *vl_x_top(struct vl_explore *x)
{
    return &x->frame[x->n_frames - 1];
}

// ---- vl_explore.c

// What else could have been chosen at an event. False: out of memory, the search ends.
bool vl_x_push_option(struct vl_explore *x, enum vl_x_option_kind kind, uint32_t event,
                      uint32_t arg);

// The thread that runs goes on with the first choice; n_before: options before its event.
void vl_x_chose(struct vl_explore *x, uint32_t n_before);

// ---- vl_explore_access.c

// Choose a place for a new write: the newest that the model allows; the others become options.
//   lowest  the first place that coherence allows
//   read    an earlier read that it is made the source of, or VL_G_NONE
// Returns false if there is none.
bool vl_x_place_write(struct vl_explore *x, struct vl_graph *g, uint32_t write, uint32_t lowest,
                      uint32_t read);

// ---- vl_explore_view.c

// End the search with an error. Returns false.
bool vl_x_fail(struct vl_explore *x, enum vl_x_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Note a digest of count_distinct. False: out of memory, the search ends.
bool vl_x_remember(struct vl_explore *x, uint64_t digest);

#endif
