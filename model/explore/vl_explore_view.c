// model/explore/vl_explore_view.c -- looking at a search from outside: counts, events, digests.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_hash.h"
#include "model/explore/vl_explore_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool vl_x_fail(struct vl_explore *x, enum vl_x_result result, const char *format, ...)
{
    va_list args;

    if (x->ended) {
        return false; // the first fault is the fault
    }
    x->ended = true;
    x->result = result;
    va_start(args, format);
    (void)vsnprintf(x->error, sizeof(x->error), format, args);
    va_end(args);
    return false;
}

const char *vl_x_error(const struct vl_explore *x)
{
    return x->error;
}

const struct vl_x_counts *vl_x_counts(const struct vl_explore *x)
{
    return &x->counts;
}

static const struct vl_graph *current(const struct vl_explore *x)
{
    return &x->frame[x->n_frames - 1];
}

uint32_t vl_x_n_events(const struct vl_explore *x)
{
    return current(x)->n;
}

uint32_t vl_x_n_racy(const struct vl_explore *x)
{
    return current(x)->n_racy;
}

static enum vl_x_op op_of(const struct vl_g_event *e)
{
    switch ((enum vl_g_kind)e->kind) {
    case VL_G_READ: return (e->flags & VL_G_AWAIT) != 0 ? VL_X_AWAIT : VL_X_LOAD;
    case VL_G_WRITE: return VL_X_STORE;
    case VL_G_FENCE: return VL_X_FENCE;
    case VL_G_PLAIN_READ: return VL_X_PLAIN_LOAD;
    case VL_G_PLAIN_WRITE: break;
    }
    return VL_X_PLAIN_STORE;
}

// A thread's events, from its next one on, as far as their sources are told. Returns how many.
static uint32_t tell_thread(const struct vl_explore *x, const struct vl_graph *g, uint32_t t,
                            uint16_t *next, uint16_t *place, uint16_t *order, uint32_t n)
{
    const uint32_t before = n;

    for (; *next < g->n_of[t]; ++*next) { // bound: events of the thread
        const uint16_t id = vl_g_at(&x->world, g, t, *next);
        const uint16_t rf = g->ev[id].kind == VL_G_READ ? g->ev[id].rf : VL_G_NONE;
        if (rf != VL_G_NONE && place[rf] == VL_G_NONE) {
            break;
        }
        place[id] = (uint16_t)n;
        order[n++] = id;
    }
    return n - before;
}

// A read that was revisited stands before its source in the order of adding. An order that can be
// told has sources first: threads take turns, each going on while its next event's source is there.
static void tell_in_order(const struct vl_explore *x, const struct vl_graph *g, uint16_t *order)
{
    uint16_t next[VL_X_THREADS] = {0};
    uint16_t *place = x->world.scratch + x->world.stride; // of an event told, else VL_G_NONE
    uint32_t n = 0;

    memset(place, 0xFF, g->n * sizeof(uint16_t));
    while (n < g->n) { // bound: events, as rf and program order have no cycle
        const uint32_t before = n;
        for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
            n += tell_thread(x, g, t, &next[t], place, order, n);
        }
        VIRTQ_ASSERT(n > before);
    }
}

void vl_x_event(const struct vl_explore *x, uint32_t i, struct vl_x_event *out)
{
    const struct vl_graph *g = current(x);
    uint16_t *order = x->world.scratch;
    const uint16_t *place = x->world.scratch + x->world.stride;

    if (i == 0) {
        tell_in_order(x, g, order);
    }
    vl_x_describe(x, order[i], out);
    out->rf = out->rf < 0 ? -1 : place[out->rf];
}

void vl_x_describe(const struct vl_explore *x, uint32_t id, struct vl_x_event *out)
{
    const struct vl_graph *g = current(x);
    const struct vl_g_event *e = &g->ev[id];
    const bool plain = e->kind >= VL_G_PLAIN_READ;
    const bool access = e->kind == VL_G_READ || e->kind == VL_G_WRITE;
    *out = (struct vl_x_event){.thread = e->thread,
                               .op = (uint8_t)op_of(e),
                               .order = e->order,
                               .tag = e->tag,
                               .cell = e->cell,
                               .rmw = access && (e->flags & VL_G_LOCKED) != 0,
                               .waits = (e->flags & VL_G_AWAIT) != 0 && e->value == e->expect,
                               .loc = e->loc,
                               .value = e->value,
                               .mo = access ? (uint16_t)vl_g_place(g, e) : (uint16_t)0,
                               .rf = -1,
                               .addr = plain ? e->addr : 0,
                               .len = plain ? e->len : 0,
                               .site = e->site};
    if (e->kind == VL_G_READ && e->rf != VL_G_NONE) {
        out->rf = e->rf;
    }
}

uint16_t vl_x_newest(const struct vl_explore *x, uint32_t loc)
{
    const struct vl_graph *g = current(x);
    const uint16_t id = vl_g_store_at(g, loc, g->n_mo[loc]);
    return id == VL_G_NONE ? x->program.initial(x->program.ctx, loc) : g->ev[id].value;
}

// Name of an event that does not depend on the order of adding.
static uint32_t name_of(const struct vl_graph *g, uint16_t id)
{
    return id == VL_G_NONE ? UINT32_MAX : (uint32_t)g->ev[id].thread << 16 | g->ev[id].po;
}

uint64_t vl_x_digest(const struct vl_explore *x)
{
    const struct vl_graph *g = current(x);
    struct vl_hash hash;

    vl_hash_init(&hash);
    for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
        for (uint32_t po = 0; po < g->n_of[t]; po++) {  // bound: events of the thread
            const struct vl_g_event *e = &g->ev[vl_g_at(&x->world, g, t, po)];
            const uint32_t words[3] = {(uint32_t)e->kind << 24 | t << 16 | e->loc, e->value,
                                       e->kind == VL_G_READ ? name_of(g, e->rf) : 0};
            vl_hash_update(&hash, words, sizeof(words));
        }
    }
    for (uint32_t loc = 0; loc < x->world.n_locs; loc++) { // bound: n_locs
        for (uint32_t i = 1; i <= g->n_mo[loc]; i++) {     // bound: stores
            const uint32_t name = name_of(g, vl_g_store_at(g, loc, i));
            vl_hash_update(&hash, &name, sizeof(name));
        }
    }
    return vl_hash_final(&hash);
}

static void put(uint64_t *table, uint64_t max, uint64_t digest)
{
    uint64_t at = digest & (max - 1);
    while (table[at] != 0) { // bound: the table is at most half full
        at = (at + 1) & (max - 1);
    }
    table[at] = digest;
}

static bool digests_open_more(struct vl_explore *x)
{
    const uint64_t more = x->digests_max == 0 ? 1024 : x->digests_max * 2;
    uint64_t *table = calloc((size_t)more, sizeof(*table));

    if (table == NULL) {
        return vl_x_fail(x, VL_X_TOO_LARGE, "out of memory for digests");
    }
    for (uint64_t i = 0; i < x->digests_max; i++) {
        if (x->digests[i] != 0) {
            put(table, more, x->digests[i]);
        }
    }
    free(x->digests);
    x->counts.memory_bytes += (more - x->digests_max) * sizeof(*table);
    x->digests = table;
    x->digests_max = more;
    return true;
}

bool vl_x_remember(struct vl_explore *x, uint64_t digest)
{
    digest = digest == 0 ? 1 : digest;
    if (x->counts.distinct * 2 >= x->digests_max && !digests_open_more(x)) {
        return false;
    }
    uint64_t at = digest & (x->digests_max - 1);
    while (x->digests[at] != 0) { // bound: the table is at most half full
        if (x->digests[at] == digest) {
            return true;
        }
        at = (at + 1) & (x->digests_max - 1);
    }
    x->digests[at] = digest;
    x->counts.distinct++;
    return true;
}
