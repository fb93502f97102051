// model/explore/vl_explore.c -- the search: one graph, what else could have been chosen, and back.
// Source: Kokologiannakis, Marmanis, Gladstein, Vafeiadis, POPL 2022 (TruSt), algorithms 1 and 2.
//
// Threads run one at a time: the first that is neither at its end nor waiting goes on until it is.
// Which thread is next is so a function of the graph, as the algorithm demands. Each new read
// pushes its other sources as options, each new write its other places and the earlier reads that
// could have seen it (revisits). An option is taken by forgetting all events behind its own. A
// revisit goes on in a graph of its own, on top of the one that it came from.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_explore_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- opening -----------------------------------------------------------------------------------

static bool push_frame(struct vl_explore *x)
{
    if (x->n_frames == VL_X_FRAMES_MAX) {
        return vl_x_fail(x, VL_X_TOO_LARGE, "more than %u revisits inside each other",
                         VL_X_FRAMES_MAX);
    }
    if (x->n_frames == x->frames_open) {
        if (!vl_g_open(&x->frame[x->n_frames], &x->world)) {
            return vl_x_fail(x, VL_X_TOO_LARGE, "out of memory for graph %u", x->n_frames);
        }
        x->frames_open++;
        x->counts.memory_bytes += vl_g_bytes(&x->world);
    }
    x->n_frames++;
    return true;
}

struct vl_explore *vl_x_open(const struct vl_x_program *program, const struct vl_x_config *config)
{
    const uint32_t events_max = config->events_max > 0 ? config->events_max : 1024;
    const uint32_t n_locs = program->n_locs > 0 ? program->n_locs : 1;

    if (program->n_threads > VL_X_THREADS || n_locs > VL_X_LOCS || events_max > VL_X_EVENTS) {
        return NULL;
    }
    struct vl_explore *x = calloc(1, sizeof(*x));
    if (x == NULL) {
        return NULL;
    }
    x->program = *program;
    x->config = *config;
    x->config.n_shards = config->n_shards == 0 ? 1 : config->n_shards;
    x->world = (struct vl_g_world){.model = config->model,
                                   .rules = config->rules,
                                   .n_threads = program->n_threads,
                                   .n_locs = n_locs,
                                   .events_max = events_max,
                                   .stride = events_max > n_locs ? events_max : n_locs,
                                   .too_large = &x->too_large};
    x->world.scratch = calloc(4u * x->world.stride, sizeof(uint16_t));
    x->n_locs = x->world.n_locs;
    x->counts.memory_bytes = sizeof(*x) + 4u * x->world.stride * sizeof(uint16_t);
    if (x->world.scratch == NULL || !push_frame(x)) {
        vl_x_close(x);
        return NULL;
    }
    return x;
}

void vl_x_close(struct vl_explore *x)
{
    if (x == NULL) {
        return;
    }
    for (uint32_t i = 0; i < x->frames_open; i++) {
        vl_g_close(&x->frame[i]);
    }
    free(x->world.scratch);
    free(x->option);
    free(x->digests);
    free(x);
}

// ---- options -----------------------------------------------------------------------------------

static bool options_open_more(struct vl_explore *x)
{
    const uint32_t more = x->options_max == 0 ? 1024 : x->options_max * 2;
    struct vl_x_option *grown = realloc(x->option, more * sizeof(*grown));

    if (grown == NULL) {
        return vl_x_fail(x, VL_X_TOO_LARGE, "out of memory for %u options", more);
    }
    x->counts.memory_bytes += (more - x->options_max) * sizeof(*grown);
    x->option = grown;
    x->options_max = more;
    return true;
}

bool vl_x_push_option(struct vl_explore *x, enum vl_x_option_kind kind, uint32_t event,
                      uint32_t arg)
{
    if (x->n_options == x->options_max && !options_open_more(x)) {
        return false;
    }
    x->option[x->n_options++] = (struct vl_x_option){.frame = (uint16_t)x->n_frames,
                                                     .event = (uint16_t)event,
                                                     .arg = (uint16_t)arg,
                                                     .kind = (uint8_t)kind,
                                                     .level = (uint8_t)(x->level + 1)};
    return true;
}

// A choice was made on the way down. At a certain depth the pieces of the space are dealt out.
// Returns false for a piece that is another shard's.
static bool go_down(struct vl_explore *x, uint32_t level)
{
    x->level = level;
    if (level != VL_X_SHARD_LEVEL || x->config.n_shards == 1) {
        return true;
    }
    return x->n_pieces++ % x->config.n_shards == x->config.shard;
}

void vl_x_chose(struct vl_explore *x, uint32_t n_before)
{
    if (x->n_options > n_before && x->level < VL_X_SHARD_LEVEL && !go_down(x, x->level + 1)) {
        x->dead = true;
    }
}

// ---- going back --------------------------------------------------------------------------------

// The thread's past is no longer what it ran through.
static void rewind_thread(struct vl_explore *x, uint32_t t)
{
    x->stale[t] = true;
    x->finished[t] = false;
}

// Events were forgotten or a read sees something else: threads that went past it start again.
static void check_threads(struct vl_explore *x, uint32_t changed_thread, uint32_t changed_po)
{
    const struct vl_graph *g = vl_x_top(x);

    for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
        if (x->live[t] > g->n_of[t] || (t == changed_thread && x->live[t] > changed_po)) {
            rewind_thread(x, t);
        }
    }
}

static bool take_revisit(struct vl_explore *x, const struct vl_x_option *o)
{
    struct vl_graph *from = vl_x_top(x);
    uint32_t write = 0;
    uint32_t read = 0;

    if (!push_frame(x)) {
        return false;
    }
    struct vl_graph *g = vl_x_top(x);
    vl_g_revisit(&x->world, from, o->event, o->arg, g, &write, &read);
    vl_g_set_rf(&x->world, g, read, (uint16_t)write, 0);
    // The read sees the write, so that may not stand before what the read must see.
    const uint32_t for_read = vl_g_floor(&x->world, g, read) + 1;
    const uint32_t for_write = vl_g_floor(&x->world, g, write) + 1;
    const uint32_t n_before = x->n_options;
    if (!vl_x_place_write(x, g, write, for_read > for_write ? for_read : for_write, read)) {
        x->n_frames--;
        return false;
    }
    check_threads(x, g->ev[read].thread, g->ev[read].po);
    // For a piece that is not ours the frame stays: its other options may be.
    return x->n_options == n_before || x->level >= VL_X_SHARD_LEVEL || go_down(x, x->level + 1);
}

static bool take_option(struct vl_explore *x, const struct vl_x_option *o)
{
    struct vl_graph *g = vl_x_top(x);

    vl_g_truncate(&x->world, g, o->event + 1u);
    struct vl_g_event *e = &g->ev[o->event];
    switch ((enum vl_x_option_kind)o->kind) {
    case VL_X_OPTION_SOURCE:
        vl_g_set_rf(&x->world, g, o->event, o->arg,
                    o->arg == VL_G_NONE ? x->program.initial(x->program.ctx, e->loc) : (uint16_t)0);
        check_threads(x, e->thread, e->po);
        return true;
    case VL_X_OPTION_PLACE:
        if (e->mo != 0) {
            vl_g_remove(g, o->event);
        }
        vl_g_insert(g, o->event, o->arg);
        check_threads(x, VL_X_THREADS, 0);
        return true;
    case VL_X_OPTION_REVISIT: break;
    }
    return take_revisit(x, o);
}

// Take the last option that leads to something. False: there is none left.
static bool go_back(struct vl_explore *x)
{
    while (x->n_options > 0 && !x->ended && !x->too_large) { // bound: options
        const struct vl_x_option o = x->option[--x->n_options];
        if (x->n_frames > o.frame) {
            x->n_frames = o.frame;
            for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
                rewind_thread(x, t);
            }
        }
        const bool ours = go_down(x, o.level > VL_X_SHARD_LEVEL ? VL_X_SHARD_LEVEL + 1 : o.level);
        x->dead = false;
        if (ours && take_option(x, &o)) {
            return true;
        }
    }
    return false;
}

// ---- one execution after the other -------------------------------------------------------------

static bool waits(const struct vl_explore *x, const struct vl_graph *g, uint32_t t)
{
    if (g->n_of[t] == 0) {
        return false;
    }
    const struct vl_g_event *e = &g->ev[vl_g_at(&x->world, g, t, g->n_of[t] - 1u)];
    return (e->flags & VL_G_AWAIT) != 0 && e->value == e->expect;
}

static enum vl_x_outcome outcome(const struct vl_explore *x, const struct vl_graph *g)
{
    bool others_ended = true;

    for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
        if (!waits(x, g, t)) {
            continue;
        }
        const struct vl_g_event *e = &g->ev[vl_g_at(&x->world, g, t, g->n_of[t] - 1u)];
        if (vl_g_place(g, e) < g->n_mo[e->loc]) {
            return VL_X_BLOCKED;
        }
        others_ended = others_ended && (x->program.servers >> t & 1u) != 0;
    }
    return others_ended ? VL_X_COMPLETE : VL_X_STUCK;
}

// Nobody can go on: an execution.
static void leaf(struct vl_explore *x)
{
    const struct vl_graph *g = vl_x_top(x);
    const enum vl_x_outcome o = outcome(x, g);

    if (x->level < VL_X_SHARD_LEVEL && x->config.n_shards > 1 &&
        x->n_pieces++ % x->config.n_shards != x->config.shard) {
        return;
    }
    x->counts.complete += o == VL_X_COMPLETE;
    x->counts.blocked += o != VL_X_COMPLETE;
    x->counts.stuck += o == VL_X_STUCK;
    x->counts.races += g->n_racy > 0;
    if (x->config.count_distinct && !vl_x_remember(x, vl_x_digest(x))) {
        return;
    }
    const uint64_t n = x->counts.complete + x->counts.blocked;
    const bool on =
        (x->config.on_execution == NULL || x->config.on_execution(x->config.ctx, x, o)) &&
        (n % 4096 != 0 || x->config.on_progress == NULL || x->config.on_progress(x->config.ctx, x));
    if (!on && !x->ended) {
        x->ended = true;
        x->result = VL_X_STOPPED;
    }
}

// The first thread that can go on, or n_threads.
static uint32_t next_thread(const struct vl_explore *x)
{
    const struct vl_graph *g = &x->frame[x->n_frames - 1];
    uint32_t t = 0;

    while (t < x->world.n_threads && (x->finished[t] || waits(x, g, t))) {
        t++;
    }
    return t;
}

static void run_thread(struct vl_explore *x, uint32_t t)
{
    if (x->stale[t]) {
        x->program.restart(x->program.ctx, t);
        x->live[t] = 0;
        x->stale[t] = false;
    }
    const bool ended = x->program.run(x->program.ctx, t);
    if (x->ended || x->dead) {
        return;
    }
    if (ended && x->live[t] == vl_x_top(x)->n_of[t]) {
        x->finished[t] = true;
    } else if (ended || !waits(x, vl_x_top(x), t)) {
        (void)vl_x_fail(x, VL_X_NOT_DETERMINISTIC,
                        "thread %u stopped at its event %u, of %u in the graph", t, x->live[t],
                        vl_x_top(x)->n_of[t]);
    }
}

enum vl_x_result vl_x_run(struct vl_explore *x)
{
    for (uint32_t t = 0; t < x->world.n_threads; t++) {
        rewind_thread(x, t);
    }
    while (!x->ended && !x->too_large) { // bound: the executions of the program
        const uint32_t t = next_thread(x);
        if (t < x->world.n_threads) {
            run_thread(x, t);
        } else {
            leaf(x);
            x->dead = true;
        }
        if (x->dead && !x->ended && !go_back(x)) {
            break;
        }
    }
    if (x->too_large) {
        (void)vl_x_fail(x, VL_X_TOO_LARGE,
                        "more than %u events with seq-cst accesses, or with seq-cst fences in "
                        "three threads",
                        64u);
    }
    return x->result;
}
