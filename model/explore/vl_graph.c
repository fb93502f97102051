// model/explore/vl_graph.c -- growing an execution graph, taking it back, cutting it down.
// Source: Kokologiannakis et al., POPL 2022; views as in Lahav et al., PLDI 2017.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_graph.h"

#include <stdlib.h>
#include <string.h>

bool vl_g_open(struct vl_graph *g, const struct vl_g_world *w)
{
    memset(g, 0, sizeof(*g));
    g->ev = aligned_alloc(16, w->events_max * sizeof(*g->ev));
    g->thread = calloc((size_t)VL_X_THREADS * w->events_max, sizeof(uint16_t));
    g->last = malloc((size_t)VL_X_THREADS * w->n_locs * sizeof(uint16_t));
    g->mo = calloc((size_t)w->n_locs * VL_G_STORES_MAX, sizeof(uint16_t));
    g->n_mo = calloc(w->n_locs, sizeof(uint16_t));
    g->data = malloc(VL_G_DATA_BYTES);
    if (g->ev == NULL || g->thread == NULL || g->last == NULL || g->mo == NULL || g->n_mo == NULL ||
        g->data == NULL) {
        vl_g_close(g);
        return false;
    }
    memset(g->last, 0xFF, (size_t)VL_X_THREADS * w->n_locs * sizeof(uint16_t));
    return true;
}

void vl_g_close(struct vl_graph *g)
{
    free(g->ev);
    free(g->thread);
    free(g->last);
    free(g->mo);
    free(g->n_mo);
    free(g->data);
    memset(g, 0, sizeof(*g));
}

size_t vl_g_bytes(const struct vl_g_world *w)
{
    return w->events_max * (sizeof(struct vl_g_event) + VL_X_THREADS * sizeof(uint16_t)) +
           (size_t)w->n_locs * (VL_X_THREADS + VL_G_STORES_MAX + 1) * sizeof(uint16_t) +
           VL_G_DATA_BYTES;
}

static bool is_access(const struct vl_g_event *e)
{
    return e->kind == VL_G_READ || e->kind == VL_G_WRITE;
}

static void count(struct vl_graph *g, const struct vl_g_event *e, int by)
{
    if (e->order == VIRTQ_SEQ_CST) {
        if (e->kind == VL_G_FENCE) {
            g->n_sc_fences[e->thread] = (uint16_t)(g->n_sc_fences[e->thread] + by);
        } else {
            g->n_sc_accesses = (uint32_t)((int)g->n_sc_accesses + by);
        }
    }
    if ((e->flags & VL_G_RACY) != 0) {
        g->n_racy = (uint32_t)((int)g->n_racy + by);
    }
}

struct vl_g_event *vl_g_add(const struct vl_g_world *w, struct vl_graph *g, uint32_t thread,
                            enum vl_g_kind kind, const struct vl_x_access *a)
{
    if (g->n == w->events_max) {
        return NULL;
    }
    const uint32_t id = g->n++;
    const uint16_t po = g->n_of[thread]++;
    struct vl_g_event *e = &g->ev[id];

    if (po > 0) {
        const struct vl_g_event *before = &g->ev[vl_g_at(w, g, thread, po - 1u)];
        e->porf = before->porf;
        e->hb = before->hb;
        e->acq = before->acq;
        e->rel = before->rel;
    } else {
        const vl_g_clock none = {0};
        e->porf = e->hb = e->acq = e->rel = none;
    }
    e->porf[thread] = e->hb[thread] = (uint16_t)(po + 1);
    e->self = e->hb;
    e->site = a->site;
    e->po = po;
    e->loc = a->loc;
    e->value = 0;
    e->expect = 0;
    e->addr = 0;
    e->len = 0;
    e->data = 0;
    e->rf = VL_G_NONE;
    e->mo = 0;
    e->prev_loc = VL_G_NONE;
    e->revisited = VL_G_NONE;
    e->thread = (uint8_t)thread;
    e->kind = (uint8_t)kind;
    e->order = a->order;
    e->flags = 0;
    e->cell = 0;
    e->wide = 1;
    e->op = a->op;
    e->tag = a->tag;
    g->thread[thread * w->events_max + po] = (uint16_t)id;
    count(g, e, 1);
    return e;
}

void vl_g_truncate(const struct vl_g_world *w, struct vl_graph *g, uint32_t n)
{
    while (g->n > n) { // bound: events
        const struct vl_g_event *e = &g->ev[--g->n];
        g->n_of[e->thread]--;
        count(g, e, -1);
        if (is_access(e)) {
            g->last[e->thread * w->n_locs + e->loc] = e->prev_loc;
            if (e->kind == VL_G_WRITE && e->mo != 0) {
                vl_g_remove(g, g->n);
            }
        } else if (e->kind != VL_G_FENCE) {
            g->n_data = e->data;
        }
    }
}

// Under sc and tso every load takes what the store that it reads carries: both are stronger than
// that, so it prunes and forbids nothing. With a rule left out nothing is known of the kind.
static bool syncs_always(const struct vl_g_world *w)
{
    return w->model != VL_MODEL_RC11 && w->rules == VL_RULES_ALL;
}

static bool asks(const struct vl_g_world *w, uint32_t rule)
{
    return w->model == VL_MODEL_RC11 && (w->rules & rule) != 0;
}

void vl_g_set_rf(const struct vl_g_world *w, struct vl_graph *g, uint32_t read, uint16_t write,
                 uint16_t initial)
{
    struct vl_g_event *e = &g->ev[read];
    const vl_g_clock none = {0};
    const struct vl_g_event *before =
        e->po > 0 ? &g->ev[vl_g_at(w, g, e->thread, e->po - 1u)] : NULL;
    const struct vl_g_event *from = write == VL_G_NONE ? NULL : &g->ev[write];

    e->rf = write;
    e->value = from == NULL ? initial : from->value;
    e->porf = before == NULL ? none : before->porf;
    e->hb = before == NULL ? none : before->hb;
    e->acq = before == NULL ? none : before->acq;
    e->rel = before == NULL ? none : before->rel;
    if (from != NULL) {
        e->porf = vl_g_join(e->porf, from->porf);
        e->acq = vl_g_join(e->acq, from->msg);
        if (syncs_always(w) || (asks(w, VL_RULE_ACQUIRE) && vl_order_acquires(e->order))) {
            e->hb = vl_g_join(e->hb, from->msg);
        }
    }
    e->porf[e->thread] = e->hb[e->thread] = (uint16_t)(e->po + 1);
    e->self = e->hb;
    if (e->wide > 1) {
        e->self = vl_g_before_access(w, g, e);
        if (from != NULL && asks(w, VL_RULE_ACQUIRE) && vl_order_acquires(e->order)) {
            e->self = vl_g_join(e->self, from->msg);
        }
        e->self[e->thread] = (uint16_t)(e->po + 1);
    }
}

vl_g_clock vl_g_before_access(const struct vl_g_world *w, const struct vl_graph *g,
                              const struct vl_g_event *e)
{
    const vl_g_clock none = {0};
    return e->po > e->cell ? g->ev[vl_g_at(w, g, e->thread, e->po - e->cell - 1u)].hb : none;
}

void vl_g_set_fence(const struct vl_g_world *w, struct vl_graph *g, uint32_t fence)
{
    struct vl_g_event *e = &g->ev[fence];
    if (asks(w, VL_RULE_FENCE_ACQUIRE) && vl_order_acquires(e->order)) {
        e->hb = vl_g_join(e->hb, e->acq);
    }
    if (asks(w, VL_RULE_FENCE_RELEASE) && vl_order_releases(e->order)) {
        e->rel = e->hb;
    }
}

void vl_g_set_message(const struct vl_g_world *w, struct vl_graph *g, uint32_t write)
{
    struct vl_g_event *e = &g->ev[write];

    e->msg = e->rel;
    if (syncs_always(w) || (asks(w, VL_RULE_RELEASE) && vl_order_releases(e->order))) {
        e->msg = e->hb;
        if (e->wide > 1) {
            // Cells of one store are not ordered with each other: none carries another.
            e->msg[e->thread] = (uint16_t)(e->po - e->cell);
        }
    }
    if ((e->flags & VL_G_LOCKED) != 0 && (syncs_always(w) || asks(w, VL_RULE_RELEASE_SEQUENCE))) {
        const struct vl_g_event *read = &g->ev[vl_g_at(w, g, e->thread, e->po - 1u)];
        if (read->rf != VL_G_NONE) {
            e->msg = vl_g_join(e->msg, g->ev[read->rf].msg);
        }
    }
}

void vl_g_insert(struct vl_graph *g, uint32_t write, uint32_t place)
{
    const uint32_t loc = g->ev[write].loc;
    uint16_t *order = &g->mo[loc * VL_G_STORES_MAX];

    for (uint32_t i = g->n_mo[loc]; i >= place; i--) { // bound: VL_G_STORES_MAX
        order[i] = order[i - 1];
        g->ev[order[i]].mo = (uint16_t)(i + 1);
    }
    order[place - 1] = (uint16_t)write;
    g->ev[write].mo = (uint16_t)place;
    g->n_mo[loc]++;
}

void vl_g_remove(struct vl_graph *g, uint32_t write)
{
    const uint32_t loc = g->ev[write].loc;
    uint16_t *order = &g->mo[loc * VL_G_STORES_MAX];

    g->n_mo[loc]--;
    for (uint32_t i = g->ev[write].mo - 1u; i < g->n_mo[loc]; i++) { // bound: VL_G_STORES_MAX
        order[i] = order[i + 1];
        g->ev[order[i]].mo = (uint16_t)(i + 1);
    }
    g->ev[write].mo = 0;
}

// ---- revisits -----------------------------------------------------------------------------------

static void clear(const struct vl_g_world *w, struct vl_graph *g)
{
    g->n = g->n_racy = g->n_data = g->n_sc_accesses = 0;
    memset(g->n_of, 0, sizeof(g->n_of));
    memset(g->n_sc_fences, 0, sizeof(g->n_sc_fences));
    memset(g->n_mo, 0, w->n_locs * sizeof(uint16_t));
    memset(g->last, 0xFF, (size_t)w->n_threads * w->n_locs * sizeof(uint16_t));
}

static uint16_t renamed(const uint16_t *name, uint16_t id)
{
    return id == VL_G_NONE ? id : name[id];
}

static void copy_event(const struct vl_g_world *w, const struct vl_graph *from, uint32_t id,
                       struct vl_graph *to)
{
    const uint32_t at = to->n++;
    struct vl_g_event *e = &to->ev[at];

    *e = from->ev[id];
    to->thread[e->thread * w->events_max + e->po] = (uint16_t)at;
    to->n_of[e->thread]++;
    count(to, e, 1);
    if (is_access(e)) {
        uint16_t *last = &to->last[e->thread * w->n_locs + e->loc];
        e->prev_loc = *last;
        *last = (uint16_t)at;
    } else if (e->kind != VL_G_FENCE) {
        memcpy(to->data + to->n_data, from->data + e->data, e->len);
        e->data = to->n_data;
        to->n_data += e->len;
    }
}

void vl_g_revisit(const struct vl_g_world *w, const struct vl_graph *from, uint32_t write,
                  uint32_t read, struct vl_graph *to, uint32_t *new_write, uint32_t *new_read)
{
    const vl_g_clock needs = from->ev[write].porf;
    uint16_t *name = w->scratch;

    clear(w, to);
    for (uint32_t id = 0; id < from->n; id++) { // bound: events
        const struct vl_g_event *e = &from->ev[id];
        name[id] = VL_G_NONE;
        if (id <= read || e->po < needs[e->thread]) {
            name[id] = (uint16_t)to->n;
            copy_event(w, from, id, to);
        }
    }
    // In a second pass: a read that was revisited before stands in front of its store.
    for (uint32_t id = 0; id < from->n; id++) { // bound: events
        if (name[id] != VL_G_NONE) {
            to->ev[name[id]].rf = renamed(name, from->ev[id].rf);
            to->ev[name[id]].revisited = renamed(name, from->ev[id].revisited);
        }
    }
    for (uint32_t loc = 0; loc < w->n_locs; loc++) {     // bound: n_locs
        for (uint32_t i = 0; i < from->n_mo[loc]; i++) { // bound: VL_G_STORES_MAX
            const uint16_t id = name[from->mo[loc * VL_G_STORES_MAX + i]];
            if (id != VL_G_NONE && id != name[write]) {
                to->mo[loc * VL_G_STORES_MAX + to->n_mo[loc]++] = id;
                to->ev[id].mo = to->n_mo[loc];
            }
        }
    }
    *new_write = name[write];
    *new_read = name[read];
    to->ev[*new_write].mo = 0;
    to->ev[*new_write].revisited = (uint16_t)*new_read;
}
