// model/explore/vl_consistency.c -- which graphs a memory model allows, one event at a time.
// A graph that was consistent is asked about its newest event alone. Sources: vl_model.h.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_graph.h"
#include "model/memory/vl_axioms.h"

#include <string.h>

static bool is_access(const struct vl_g_event *e)
{
    return e->kind == VL_G_READ || e->kind == VL_G_WRITE;
}

// ---- coherence ---------------------------------------------------------------------------------

// The rule that keeps `e` from seeing, or standing, behind what `earlier` did.
static uint32_t coherence_rule(const struct vl_g_event *earlier, const struct vl_g_event *e)
{
    if (earlier->kind == VL_G_WRITE) {
        return e->kind == VL_G_WRITE ? VL_RULE_COHERENCE_WW : VL_RULE_COHERENCE_WR;
    }
    return e->kind == VL_G_WRITE ? VL_RULE_COHERENCE_RW : VL_RULE_COHERENCE_RR;
}

// With a rule left out the newest event of a thread need not be the one that binds: look at all.
static uint32_t floor_by_rules(const struct vl_g_world *w, const struct vl_graph *g,
                               const struct vl_g_event *e, const vl_g_clock before)
{
    uint32_t floor = 0;

    for (uint32_t i = 0; i < g->n; i++) { // bound: events
        const struct vl_g_event *other = &g->ev[i];
        if (other == e || !is_access(other) || other->loc != e->loc ||
            other->po >= before[other->thread]) {
            continue;
        }
        const bool mine = other->thread == e->thread;
        const bool forwards = other->kind == VL_G_WRITE && e->kind == VL_G_READ;
        bool binds = false;
        if (w->model == VL_MODEL_RC11) {
            binds = (w->rules & coherence_rule(other, e)) != 0;
        } else if (w->model == VL_MODEL_TSO) {
            binds = mine && (!forwards || (w->rules & VL_RULE_TSO_FORWARD) != 0);
        } else {
            binds = mine && (w->rules & VL_RULE_SC_ORDER) != 0;
        }
        const uint32_t place = vl_g_place(g, other);
        floor = binds && place > floor ? place : floor;
    }
    return floor;
}

uint32_t vl_g_floor(const struct vl_g_world *w, const struct vl_graph *g, uint32_t event)
{
    const struct vl_g_event *e = &g->ev[event];
    const vl_g_clock before = vl_g_before_access(w, g, e); // cells are not ordered with each other
    uint32_t floor = 0;

    if (w->rules != VL_RULES_ALL) {
        return floor_by_rules(w, g, e, before);
    }
    for (uint32_t t = 0; t < w->n_threads; t++) { // bound: VL_X_THREADS
        // The new event itself is its thread's last at the location.
        uint16_t id = t == e->thread ? e->prev_loc : g->last[t * w->n_locs + e->loc];
        while (id != VL_G_NONE && g->ev[id].po >= before[t]) { // bound: events of the thread
            id = g->ev[id].prev_loc;
        }
        if (id != VL_G_NONE) {
            const uint32_t place = vl_g_place(g, &g->ev[id]);
            floor = place > floor ? place : floor;
        }
    }
    return floor;
}

bool vl_g_may_stand(const struct vl_g_world *w, const struct vl_graph *g, uint32_t write,
                    uint32_t place)
{
    const uint32_t loc = g->ev[write].loc;

    if ((w->rules & VL_RULE_ATOMICITY) == 0 || place > g->n_mo[loc]) {
        return true;
    }
    // Whoever stands there now would be pushed away from the store that its first half read.
    return (g->ev[vl_g_store_at(g, loc, place)].flags & VL_G_LOCKED) == 0;
}

// ---- psc: seq-cst fences -----------------------------------------------------------------------

// Per location, the newest place that is known behind clock c: written before it or read before it.
static void known_places(const struct vl_g_world *w, const struct vl_graph *g, const vl_g_clock c,
                         uint16_t *places)
{
    memset(places, 0, w->n_locs * sizeof(uint16_t));
    for (uint32_t i = 0; i < g->n; i++) { // bound: events
        const struct vl_g_event *e = &g->ev[i];
        if (is_access(e) && e->po < c[e->thread]) {
            const uint32_t place = vl_g_place(g, e);
            places[e->loc] = place > places[e->loc] ? (uint16_t)place : places[e->loc];
        }
    }
}

vl_g_clock vl_g_before_fence(const struct vl_g_world *w, const struct vl_graph *g,
                             const struct vl_g_event *fence)
{
    uint16_t *places = w->scratch;
    vl_g_clock c = fence->hb;

    known_places(w, g, fence->hb, places);
    for (uint32_t i = 0; i < g->n; i++) { // bound: events
        const struct vl_g_event *e = &g->ev[i];
        // A store up to the newest that is known, a load of one before it: eco to what is known.
        if ((e->kind == VL_G_WRITE && e->mo != 0 && e->mo <= places[e->loc]) ||
            (e->kind == VL_G_READ && vl_g_place(g, e) < places[e->loc])) {
            c = vl_g_join(c, e->self);
        }
    }
    return c;
}

// The thread's last seq-cst fence among its first n events, or NULL.
static const struct vl_g_event *last_fence(const struct vl_g_world *w, const struct vl_graph *g,
                                           uint32_t t, uint32_t n)
{
    while (n > 0) { // bound: events of the thread
        const struct vl_g_event *e = &g->ev[vl_g_at(w, g, t, --n)];
        if (e->kind == VL_G_FENCE && e->order == VIRTQ_SEQ_CST) {
            return e;
        }
    }
    return NULL;
}

// The thread's first seq-cst fence before which something newer than `place` of loc is known.
static const struct vl_g_event *first_fence_past(const struct vl_g_world *w,
                                                 const struct vl_graph *g, uint32_t t, uint32_t loc,
                                                 uint32_t place)
{
    for (uint32_t po = 0; po < g->n_of[t]; po++) { // bound: events of the thread
        const struct vl_g_event *f = &g->ev[vl_g_at(w, g, t, po)];
        if (f->kind != VL_G_FENCE || f->order != VIRTQ_SEQ_CST) {
            continue;
        }
        for (uint32_t u = 0; u < w->n_threads; u++) { // bound: VL_X_THREADS
            uint16_t id = g->last[u * w->n_locs + loc];
            while (id != VL_G_NONE && g->ev[id].po >= f->hb[u]) { // bound: events of the thread
                id = g->ev[id].prev_loc;
            }
            if (id != VL_G_NONE && vl_g_place(g, &g->ev[id]) > place) {
                return f;
            }
        }
    }
    return NULL;
}

// A cycle of psc through the new event x, where at most two threads (t[0], t[1]) have seq-cst
// fences. x adds edges from the fences before it to those that know something newer than x does.
static bool psc_of_two(const struct vl_g_world *w, const struct vl_graph *g,
                       const struct vl_g_event *x, const uint32_t t[2])
{
    const uint32_t place = vl_g_place(g, x);
    const struct vl_g_event *from[2];
    const struct vl_g_event *to[2];

    for (unsigned i = 0; i < 2; i++) {
        from[i] = last_fence(w, g, t[i], x->self[t[i]]);
        to[i] = first_fence_past(w, g, t[i], x->loc, place);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (from[i] == NULL) {
            continue;
        }
        if (to[i] != NULL && to[i]->po <= from[i]->po) {
            return false;
        }
        const struct vl_g_event *other = to[1 - i];
        if (other != NULL && t[0] != t[1]) {
            const vl_g_clock before = vl_g_before_fence(w, g, from[i]);
            if (other->po < before[other->thread]) {
                return false;
            }
        }
    }
    return true;
}

static enum vl_axiom_kind axiom_kind(const struct vl_g_event *e)
{
    return e->kind == VL_G_READ    ? VL_AXIOM_READ
           : e->kind == VL_G_WRITE ? VL_AXIOM_WRITE
                                   : VL_AXIOM_FENCE;
}

// Any number of threads, seq-cst accesses: the reference decides. Small graphs only; a graph that
// is too large for it ends the search.
static bool psc_of_many(const struct vl_g_world *w, const struct vl_graph *g)
{
    struct vl_axiom_event ax[VL_AXIOM_EVENTS];
    int8_t name[VL_AXIOM_EVENTS];
    unsigned n = 0;

    if (g->n > VL_AXIOM_EVENTS) { // plain events too: they have numbers as well
        *w->too_large = true;
        return false;
    }

    for (uint32_t i = 0; i < g->n; i++) { // bound: VL_AXIOM_EVENTS
        const struct vl_g_event *e = &g->ev[i];
        name[i] = (int8_t)n;
        // An unplaced store is not part of the graph yet; plain accesses have no part in psc.
        if ((e->kind == VL_G_WRITE && e->mo == 0) || e->kind >= VL_G_PLAIN_READ) {
            continue;
        }
        ax[n] = (struct vl_axiom_event){
            .thread = e->thread,
            .kind = (uint8_t)axiom_kind(e),
            .order = e->order,
            .loc = (uint8_t)e->loc,
            .rf = VL_AXIOM_INITIAL,
            .mo = (uint8_t)e->mo,
            .group = e->wide > 1 ? (uint8_t)(e->po - e->cell + 1) : (uint8_t)0,
            .rmw = e->kind == VL_G_WRITE && (e->flags & VL_G_LOCKED) != 0};
        n++;
    }
    n = 0;
    for (uint32_t i = 0; i < g->n; i++) { // bound: VL_AXIOM_EVENTS
        const struct vl_g_event *e = &g->ev[i];
        if ((e->kind == VL_G_WRITE && e->mo == 0) || e->kind >= VL_G_PLAIN_READ) {
            continue;
        }
        if (e->kind == VL_G_READ && e->rf != VL_G_NONE) {
            ax[n].rf = name[e->rf];
        }
        n++;
    }
    return vl_axioms_psc(ax, n, w->rules);
}

static bool psc(const struct vl_g_world *w, const struct vl_graph *g, const struct vl_g_event *x)
{
    uint32_t t[2] = {0, 0};
    uint32_t n = 0;

    if ((w->rules & (VL_RULE_PSC_FENCE | VL_RULE_PSC_ACCESS)) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < w->n_threads; i++) { // bound: VL_X_THREADS
        if (g->n_sc_fences[i] > 0) {
            t[n < 2 ? n : 1] = i;
            n++;
        }
    }
    if (g->n_sc_accesses > 0 || n > 2) {
        return psc_of_many(w, g);
    }
    if (n == 0 || (w->rules & VL_RULE_PSC_FENCE) == 0) {
        return true;
    }
    t[1] = n == 1 ? t[0] : t[1];
    return psc_of_two(w, g, x, t);
}

// ---- sc and tso: no cycle ----------------------------------------------------------------------

// An access is one step: of a wide one, and of a read-modify-write, the first event stands for it.
static uint32_t node_of(const struct vl_g_world *w, const struct vl_graph *g, uint32_t id)
{
    const struct vl_g_event *e = &g->ev[id];
    uint32_t back = e->cell;
    if (e->kind == VL_G_WRITE && (e->flags & VL_G_LOCKED) != 0) {
        back = 1;
    }
    return back == 0 ? id : vl_g_at(w, g, e->thread, e->po - back);
}

// Does x86 let nothing pass this event? Full fences, and locked accesses.
static bool is_full(const struct vl_g_world *w, const struct vl_g_event *e)
{
    if (e->kind == VL_G_FENCE) {
        return vl_order_drains(e->order) && (w->rules & VL_RULE_TSO_FENCE) != 0;
    }
    const bool locked =
        (e->flags & VL_G_LOCKED) != 0 || (e->kind == VL_G_WRITE && vl_order_drains(e->order));
    return locked && (w->rules & VL_RULE_TSO_LOCKED) != 0;
}

// Is the event `later` kept behind `earlier` of its thread, for a reason of its own?
static bool kept_behind(const struct vl_g_world *w, const struct vl_g_event *earlier,
                        const struct vl_g_event *later)
{
    if (w->model == VL_MODEL_SC) {
        return (w->rules & VL_RULE_SC_ORDER) != 0;
    }
    if (is_full(w, earlier) || is_full(w, later)) {
        return true;
    }
    if (earlier->kind == VL_G_FENCE || later->kind == VL_G_FENCE) {
        return false;
    }
    if (earlier->kind == VL_G_WRITE) {
        return later->kind == VL_G_WRITE && (w->rules & VL_RULE_TSO_FIFO) != 0;
    }
    return later->kind == VL_G_WRITE || (w->rules & VL_RULE_TSO_LOADS) != 0;
}

struct walk {
    const struct vl_g_world *w;
    const struct vl_graph *g;
    uint16_t *first_reader; // per write: chain of its readers
    uint16_t *next_reader;
    uint16_t *stack;
    uint16_t *seen;
    uint32_t n_stack;
};

static void visit(struct walk *k, uint32_t id)
{
    const uint32_t node = node_of(k->w, k->g, id);
    if (k->seen[node] == 0) {
        k->seen[node] = 1;
        k->stack[k->n_stack++] = (uint16_t)node;
    }
}

// Program order: the first later event that is kept behind this one, of each sort; those behind
// them follow from there.
static void visit_later(struct walk *k, uint32_t node, const struct vl_g_event *e)
{
    bool read_found = false;
    bool write_found = false;

    for (uint32_t po = e->po + 1u; po < k->g->n_of[e->thread]; po++) { // bound: events of a thread
        const uint32_t id = vl_g_at(k->w, k->g, e->thread, po);
        const struct vl_g_event *later = &k->g->ev[id];
        if (later->kind >= VL_G_PLAIN_READ || node_of(k->w, k->g, id) == node ||
            !kept_behind(k->w, e, later)) {
            continue;
        }
        if (is_full(k->w, later) || k->w->model == VL_MODEL_SC) {
            visit(k, id);
            return;
        }
        if (k->w->rules != VL_RULES_ALL) { // what is behind it may not follow from there
            visit(k, id);
            continue;
        }
        if (later->kind == VL_G_WRITE ? !write_found : !read_found) {
            visit(k, id);
        }
        write_found = write_found || later->kind == VL_G_WRITE;
        read_found = read_found || later->kind == VL_G_READ;
        if (write_found && (read_found || (e->kind == VL_G_WRITE && !is_full(k->w, e)))) {
            return;
        }
    }
}

// What comes behind one event of a node: rf, mo, rb.
static void visit_communication(struct walk *k, uint32_t id)
{
    const struct vl_g_event *e = &k->g->ev[id];
    const uint32_t node = node_of(k->w, k->g, id);

    if (e->kind == VL_G_WRITE && e->mo != 0) {
        if (e->mo < k->g->n_mo[e->loc]) {
            visit(k, vl_g_store_at(k->g, e->loc, e->mo + 1u));
        }
        for (uint16_t r = k->first_reader[id]; r != VL_G_NONE; r = k->next_reader[r]) {
            // A thread's load of its own store says nothing of when the store was seen by others.
            if (k->w->model == VL_MODEL_SC || k->g->ev[r].thread != e->thread) {
                visit(k, r);
            }
        }
    }
    if (e->kind == VL_G_READ) {
        const uint32_t place = vl_g_place(k->g, e);
        if (place < k->g->n_mo[e->loc]) {
            const uint16_t next = vl_g_store_at(k->g, e->loc, place + 1);
            if (node_of(k->w, k->g, next) != node) {
                visit(k, next);
            }
        }
    }
}

static void chain_readers(struct walk *k)
{
    const struct vl_graph *g = k->g;

    memset(k->first_reader, 0xFF, g->n * sizeof(uint16_t));
    memset(k->seen, 0, g->n * sizeof(uint16_t));
    for (uint32_t id = 0; id < g->n; id++) { // bound: events
        const struct vl_g_event *e = &g->ev[id];
        if (e->kind == VL_G_READ && e->rf != VL_G_NONE) {
            k->next_reader[id] = k->first_reader[e->rf];
            k->first_reader[e->rf] = (uint16_t)id;
        }
    }
}

// True if no way leads from the node of `event` back to it.
static bool acyclic(const struct vl_g_world *w, const struct vl_graph *g, uint32_t event)
{
    struct walk k = {.w = w,
                     .g = g,
                     .first_reader = w->scratch,
                     .next_reader = w->scratch + w->stride,
                     .stack = w->scratch + 2 * w->stride,
                     .seen = w->scratch + 3 * w->stride};
    const uint32_t start = node_of(w, g, event);

    chain_readers(&k);
    k.stack[k.n_stack++] = (uint16_t)start; // not seen yet: to come back to it is the cycle
    while (k.n_stack > 0) {                 // bound: nodes, each once, and the start once more
        const uint32_t node = k.stack[--k.n_stack];
        const struct vl_g_event *first = &g->ev[node];
        const uint32_t n_parts = first->wide > 1 ? first->wide : 2;
        for (uint32_t i = 0; i < n_parts && first->po + i < g->n_of[first->thread]; i++) {
            const uint32_t id = vl_g_at(w, g, first->thread, first->po + i);
            if (node_of(w, g, id) == node) {
                visit_later(&k, node, &g->ev[id]);
                visit_communication(&k, id);
            }
        }
        if (k.seen[start] != 0) {
            return false;
        }
    }
    return true;
}

bool vl_g_consistent(const struct vl_g_world *w, const struct vl_graph *g, uint32_t event)
{
    if (w->model == VL_MODEL_RC11) {
        return psc(w, g, &g->ev[event]);
    }
    return acyclic(w, g, event);
}

// ---- maximality --------------------------------------------------------------------------------

bool vl_g_maximal(const struct vl_g_world *w, const struct vl_graph *g, uint32_t write,
                  uint32_t read)
{
    const vl_g_clock needs = g->ev[write].porf;
    (void)w;

    for (uint32_t id = read; id < g->n; id++) { // bound: events
        const struct vl_g_event *e = &g->ev[id];
        if (!is_access(e) || id == write || (id != read && e->po < needs[e->thread])) {
            continue; // kept, or nothing was chosen there
        }
        if (e->kind == VL_G_WRITE && e->revisited != VL_G_NONE && g->ev[e->revisited].rf == id) {
            return false; // it came by a revisit itself
        }
        if (e->kind == VL_G_READ && e->rf != VL_G_NONE && e->rf > id &&
            g->ev[e->rf].po >= needs[g->ev[e->rf].thread]) {
            return false; // it sees a store that is deleted
        }
        // Newest at its time: what stands behind it came later and is not depended on.
        for (uint32_t p = vl_g_place(g, e) + 1; p <= g->n_mo[e->loc]; p++) { // bound: stores
            const uint16_t newer = vl_g_store_at(g, e->loc, p);
            if (newer <= id || g->ev[newer].po < needs[g->ev[newer].thread]) {
                return false;
            }
        }
    }
    return true;
}
