// model/explore/vl_linear.c -- an execution graph as one order of steps that a machine can take.
// Each model's machine (model/memory/) reaches the graph by these steps: sc takes the accesses one
// by one; tso issues stores and drains them; rc11 needs sources before loads and seq-cst fences in
// an order that agrees with psc, as its machine has one global view for them.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_explore_internal.h"

#include <string.h>

struct linear {
    const struct vl_explore *x;
    const struct vl_graph *g;
    uint16_t next[VL_X_THREADS];    // event of each thread that comes next, by program order
    uint16_t drained[VL_X_THREADS]; // tso: stores before this place in program order have drained
    uint16_t *top;                  // per location: place of the newest store that is in memory
    uint8_t *done;                  // per event
    uint32_t *steps;
    uint32_t n_steps;
};

static const struct vl_g_event *next_event(const struct linear *l, uint32_t t)
{
    return l->next[t] < l->g->n_of[t] ? &l->g->ev[vl_g_at(&l->x->world, l->g, t, l->next[t])]
                                      : NULL;
}

static uint32_t id_of(const struct linear *l, const struct vl_g_event *e)
{
    return (uint32_t)(e - l->g->ev);
}

// Has every load that sees the store at a place of loc been made? (Before a newer one comes.)
static bool readers_done(const struct linear *l, uint32_t loc, uint32_t place,
                         const struct vl_g_event *except)
{
    for (uint32_t i = 0; i < l->g->n; i++) { // bound: events
        const struct vl_g_event *e = &l->g->ev[i];
        if (e->kind == VL_G_READ && e->loc == loc && e != except && !l->done[i] &&
            vl_g_place(l->g, e) == place) {
            return false;
        }
    }
    return true;
}

// ---- sc and rc11: one step an event ------------------------------------------------------------

static bool sc_ready(const struct linear *l, const struct vl_g_event *e)
{
    if (e->kind == VL_G_READ) {
        return vl_g_place(l->g, e) == l->top[e->loc];
    }
    return e->kind != VL_G_WRITE ||
           (e->mo == l->top[e->loc] + 1u && readers_done(l, e->loc, l->top[e->loc], NULL));
}

static bool rc11_ready(const struct linear *l, const struct vl_g_event *e)
{
    if (e->kind == VL_G_READ) {
        return e->rf == VL_G_NONE || l->done[e->rf];
    }
    if (e->kind != VL_G_FENCE || e->order != VIRTQ_SEQ_CST) {
        return true;
    }
    const vl_g_clock before = vl_g_before_fence(&l->x->world, l->g, e);
    for (uint32_t i = 0; i < l->g->n; i++) { // bound: events
        const struct vl_g_event *f = &l->g->ev[i];
        if (f->kind == VL_G_FENCE && f->order == VIRTQ_SEQ_CST && !l->done[i] && f != e &&
            f->po < before[f->thread]) {
            return false;
        }
    }
    return true;
}

static void take(struct linear *l, const struct vl_g_event *e)
{
    const uint32_t id = id_of(l, e);
    if (e->kind == VL_G_WRITE && l->x->world.model == VL_MODEL_SC) {
        l->top[e->loc] = e->mo;
    }
    l->done[id] = 1;
    l->next[e->thread]++;
    l->steps[l->n_steps++] = id;
}

// ---- tso: stores are issued, and drained later -------------------------------------------------

// The thread's oldest issued store that has not drained, or NULL.
static const struct vl_g_event *oldest(struct linear *l, uint32_t t)
{
    while (l->drained[t] < l->next[t]) { // bound: events of the thread
        const struct vl_g_event *e = &l->g->ev[vl_g_at(&l->x->world, l->g, t, l->drained[t])];
        if (e->kind == VL_G_WRITE) {
            return e;
        }
        l->drained[t]++;
    }
    return NULL;
}

static bool drain(struct linear *l, uint32_t t)
{
    const struct vl_g_event *s = oldest(l, t);

    if (s == NULL || s->mo != l->top[s->loc] + 1u ||
        !readers_done(l, s->loc, l->top[s->loc], NULL)) {
        return false;
    }
    l->top[s->loc] = s->mo;
    l->drained[t]++;
    l->steps[l->n_steps++] = VL_X_DRAINS | id_of(l, s);
    return true;
}

// Every store drains as soon as it can: a machine does it at a port call, and there may be none
// between the last moment and the next access.
static bool drain_all(struct linear *l)
{
    bool any = false;
    if (l->x->world.model != VL_MODEL_TSO) {
        return false;
    }
    for (uint32_t t = 0; t < l->x->world.n_threads;) { // bound: stores
        const bool drained = drain(l, t);
        any = any || drained;
        t = drained ? 0 : t + 1;
    }
    return any;
}

// What a load of the thread would see now: its own newest store in the buffer, or memory's.
static uint32_t visible(const struct linear *l, uint32_t t, uint32_t loc)
{
    for (uint32_t po = l->next[t]; po > l->drained[t]; po--) { // bound: events of the thread
        const struct vl_g_event *e = &l->g->ev[vl_g_at(&l->x->world, l->g, t, po - 1)];
        if (e->kind == VL_G_WRITE && e->loc == loc) {
            return e->mo;
        }
    }
    return l->top[loc];
}

static bool tso_ready(struct linear *l, const struct vl_g_event *e)
{
    if (e->kind == VL_G_READ) {
        return visible(l, e->thread, e->loc) == vl_g_place(l->g, e);
    }
    const bool waits = (e->kind == VL_G_FENCE && vl_order_drains(e->order)) ||
                       (e->kind == VL_G_PLAIN_WRITE && e->tag == VL_X_BULK);
    return !waits || oldest(l, e->thread) == NULL;
}

// ---- the order ---------------------------------------------------------------------------------

static bool ready(struct linear *l, const struct vl_g_event *e)
{
    switch (l->x->world.model) {
    case VL_MODEL_SC: return sc_ready(l, e);
    case VL_MODEL_TSO: return tso_ready(l, e);
    default: return rc11_ready(l, e);
    }
}

// Go on with one thread as far as it can; few switches make a trace that can be read.
static bool go_on(struct linear *l, uint32_t t)
{
    bool any = drain_all(l);

    for (;;) { // bound: events of the thread
        const struct vl_g_event *e = next_event(l, t);
        if (e == NULL || !ready(l, e)) {
            return any;
        }
        any = true;
        take(l, e);
        (void)drain_all(l);
    }
}

uint32_t vl_x_linear(const struct vl_explore *x, uint32_t *steps)
{
    struct linear l = {.x = x,
                       .g = &x->frame[x->n_frames - 1],
                       .top = x->world.scratch + x->world.stride,
                       .done = (uint8_t *)(x->world.scratch + 2 * x->world.stride)};
    bool any = true;

    l.steps = steps;
    memset(l.top, 0, x->world.n_locs * sizeof(uint16_t));
    memset(l.done, 0, l.g->n);
    while (any) { // bound: events, each done once
        any = false;
        for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
            any = go_on(&l, t) || any;
        }
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < l.g->n; i++) { // bound: events
        n += l.done[i];
    }
    return n == l.g->n ? l.n_steps : 0;
}
