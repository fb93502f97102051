// model/explore/vl_explore_access.c -- a thread's access: answered from the graph, or added to it.
// Source: Kokologiannakis, Marmanis, Gladstein, Vafeiadis, POPL 2022, algorithm 1.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_explore_internal.h"

#include <string.h>

// ---- new events --------------------------------------------------------------------------------

static struct vl_g_event *add(struct vl_explore *x, uint32_t t, enum vl_g_kind kind,
                              const struct vl_x_access *a, uint32_t cell)
{
    struct vl_graph *g = vl_x_top(x);
    struct vl_g_event *e = vl_g_add(&x->world, g, t, kind, a);

    if (e == NULL) {
        (void)vl_x_fail(x, VL_X_TOO_LARGE, "an execution has more than %u events",
                        x->world.events_max);
        return NULL;
    }
    x->counts.events_max = g->n > x->counts.events_max ? g->n : x->counts.events_max;
    if (kind == VL_G_READ || kind == VL_G_WRITE) {
        uint16_t *last = &g->last[t * x->world.n_locs + a->loc + cell];
        e->loc = (uint16_t)(a->loc + cell);
        e->cell = (uint8_t)cell;
        e->wide = a->n_cells > 1 ? a->n_cells : (uint8_t)1;
        e->prev_loc = *last;
        *last = (uint16_t)(g->n - 1);
    }
    return e;
}

// Try one source of a read.
static bool try_source(struct vl_explore *x, struct vl_graph *g, uint32_t read, uint32_t place)
{
    const uint32_t loc = g->ev[read].loc;

    vl_g_set_rf(&x->world, g, read, vl_g_store_at(g, loc, place),
                place == 0 ? x->program.initial(x->program.ctx, loc) : (uint16_t)0);
    // The newest store closes no cycle, unless the same step has looked at something older.
    return (place == g->n_mo[loc] && g->ev[read].cell == 0) || vl_g_consistent(&x->world, g, read);
}

static bool add_read(struct vl_explore *x, uint32_t t, const struct vl_x_access *a, uint32_t cell)
{
    struct vl_graph *g = vl_x_top(x);
    const uint32_t n_before = x->n_options;
    struct vl_g_event *e = add(x, t, VL_G_READ, a, cell);
    uint32_t chosen = UINT32_MAX;

    if (e == NULL) {
        return false;
    }
    const uint32_t read = g->n - 1;
    if (a->op == VL_X_AWAIT) {
        e->flags |= VL_G_AWAIT;
        e->expect = (uint16_t)a->expect;
    }
    if (a->op == VL_X_ADD || a->op == VL_X_XCHG || a->op == VL_X_CAS) {
        e->flags |= VL_G_LOCKED;
    }
    const uint32_t floor = vl_g_floor(&x->world, g, read);
    for (uint32_t place = floor; place <= g->n_mo[e->loc]; place++) { // bound: stores
        if (!try_source(x, g, read, place)) {
            continue;
        }
        if (chosen != UINT32_MAX &&
            !vl_x_push_option(x, VL_X_OPTION_SOURCE, read, vl_g_store_at(g, e->loc, chosen))) {
            return false;
        }
        chosen = place;
    }
    if (chosen == UINT32_MAX) {
        x->dead = true;
        return false;
    }
    (void)try_source(x, g, read, chosen);
    vl_x_chose(x, n_before);
    return !x->dead;
}

static bool try_place(struct vl_explore *x, struct vl_graph *g, uint32_t write, uint32_t place)
{
    if (!vl_g_may_stand(&x->world, g, write, place)) {
        return false;
    }
    const bool newest = place == g->n_mo[g->ev[write].loc] + 1u;
    vl_g_insert(g, write, place);
    return (newest && g->ev[write].wide == 1) || vl_g_consistent(&x->world, g, write);
}

bool vl_x_place_write(struct vl_explore *x, struct vl_graph *g, uint32_t write, uint32_t lowest,
                      uint32_t read)
{
    struct vl_g_event *e = &g->ev[write];
    uint32_t highest = g->n_mo[e->loc] + 1u;
    uint32_t chosen = 0;

    if ((e->flags & VL_G_LOCKED) != 0 && (x->world.rules & VL_RULE_ATOMICITY) != 0) {
        const uint32_t behind =
            vl_g_place(g, &g->ev[vl_g_at(&x->world, g, e->thread, e->po - 1u)]) + 1;
        if (behind < lowest) {
            return false;
        }
        lowest = highest = behind;
    }
    for (uint32_t place = lowest; place <= highest; place++) { // bound: stores
        const bool stands = try_place(x, g, write, place) &&
                            (read == VL_G_NONE || vl_g_consistent(&x->world, g, read));
        if (e->mo != 0) {
            vl_g_remove(g, write);
        }
        if (!stands) {
            continue;
        }
        if (chosen != 0 && !vl_x_push_option(x, VL_X_OPTION_PLACE, write, chosen)) {
            return false;
        }
        chosen = place;
    }
    if (chosen != 0) {
        vl_g_insert(g, write, chosen);
    }
    return chosen != 0;
}

// Earlier reads that could have seen the new write.
static bool push_revisits(struct vl_explore *x, struct vl_graph *g, uint32_t write)
{
    const struct vl_g_event *e = &g->ev[write];

    for (uint32_t t = 0; t < x->world.n_threads; t++) { // bound: VL_X_THREADS
        if (t == e->thread) {
            continue;
        }
        uint16_t id = g->last[t * x->world.n_locs + e->loc];
        while (id != VL_G_NONE && g->ev[id].po >= e->porf[t]) { // bound: events of the thread
            if (g->ev[id].kind == VL_G_READ && vl_g_maximal(&x->world, g, write, id) &&
                !vl_x_push_option(x, VL_X_OPTION_REVISIT, write, id)) {
                return false;
            }
            id = g->ev[id].prev_loc;
        }
    }
    return true;
}

static bool add_write(struct vl_explore *x, uint32_t t, const struct vl_x_access *a, uint32_t cell,
                      uint16_t value, bool locked)
{
    struct vl_graph *g = vl_x_top(x);
    const uint32_t n_before = x->n_options;
    struct vl_g_event *e = add(x, t, VL_G_WRITE, a, cell);

    if (e == NULL) {
        return false;
    }
    const uint32_t write = g->n - 1;
    e->value = value;
    e->flags |= locked ? VL_G_LOCKED : 0;
    vl_g_set_message(&x->world, g, write);
    if (g->n_mo[e->loc] == VL_G_STORES_MAX) {
        return vl_x_fail(x, VL_X_TOO_LARGE, "more than %u stores to one location", VL_G_STORES_MAX);
    }
    if (!push_revisits(x, g, write)) {
        return false;
    }
    const uint32_t lowest = vl_g_floor(&x->world, g, write) + 1;
    if (!vl_x_place_write(x, g, write, lowest, VL_G_NONE)) {
        x->dead = true; // the options may still go on from here
        return false;
    }
    vl_x_chose(x, n_before);
    return !x->dead;
}

static bool add_fence(struct vl_explore *x, uint32_t t, const struct vl_x_access *a)
{
    if (add(x, t, VL_G_FENCE, a, 0) == NULL) {
        return false;
    }
    vl_g_set_fence(&x->world, vl_x_top(x), vl_x_top(x)->n - 1);
    return true;
}

// ---- plain accesses ----------------------------------------------------------------------------

static bool touch(const struct vl_g_event *a, const struct vl_g_event *b, uint32_t *addr,
                  uint32_t *len)
{
    const uint32_t from = a->addr > b->addr ? a->addr : b->addr;
    const uint32_t a_end = a->addr + a->len;
    const uint32_t b_end = b->addr + b->len;
    const uint32_t to = a_end < b_end ? a_end : b_end;

    *addr = from;
    *len = to > from ? to - from : 0;
    return to > from;
}

// Every earlier access of another thread that touches it, one of the two being a store, must
// happen before it.
static void look_for_races(struct vl_explore *x, struct vl_graph *g, struct vl_g_event *e)
{
    for (uint32_t i = 0; i + 1 < g->n; i++) { // bound: events
        const struct vl_g_event *other = &g->ev[i];
        struct vl_x_race race;
        if (other->kind < VL_G_PLAIN_READ || other->thread == e->thread ||
            (other->kind == VL_G_PLAIN_READ && e->kind == VL_G_PLAIN_READ) ||
            other->po < e->hb[other->thread] || !touch(other, e, &race.addr, &race.len)) {
            continue;
        }
        if ((e->flags & VL_G_RACY) == 0) {
            e->flags |= VL_G_RACY;
            g->n_racy++;
        }
        race.thread[0] = other->thread;
        race.thread[1] = e->thread;
        race.site[0] = other->site;
        race.site[1] = e->site;
        race.store[0] = other->kind == VL_G_PLAIN_WRITE;
        race.store[1] = e->kind == VL_G_PLAIN_WRITE;
        const bool ours =
            x->config.n_shards == 1 || x->config.shard == 0 || x->level >= VL_X_SHARD_LEVEL;
        if (ours && x->config.on_race != NULL && !x->config.on_race(x->config.ctx, x, &race)) {
            x->result = VL_X_STOPPED;
            x->ended = true;
        }
        return;
    }
}

// What a plain load sees: initial bytes, and over them every store so far that touches them.
static void gather(struct vl_explore *x, struct vl_graph *g, const struct vl_g_event *e)
{
    uint8_t *bytes = g->data + e->data;

    x->program.initial_bytes(x->program.ctx, e->addr, e->len, bytes);
    for (uint32_t i = 0; i + 1 < g->n; i++) { // bound: events
        const struct vl_g_event *s = &g->ev[i];
        uint32_t addr = 0;
        uint32_t len = 0;
        if (s->kind == VL_G_PLAIN_WRITE && touch(s, e, &addr, &len)) {
            memcpy(bytes + (addr - e->addr), g->data + s->data + (addr - s->addr), len);
        }
    }
}

static bool add_plain(struct vl_explore *x, uint32_t t, const struct vl_x_access *a)
{
    struct vl_graph *g = vl_x_top(x);
    const bool store = a->op == VL_X_PLAIN_STORE;
    struct vl_g_event *e = add(x, t, store ? VL_G_PLAIN_WRITE : VL_G_PLAIN_READ, a, 0);

    if (e == NULL) {
        return false;
    }
    if (a->len > VL_G_DATA_BYTES - g->n_data) {
        return vl_x_fail(x, VL_X_TOO_LARGE, "plain accesses of an execution exceed %u bytes",
                         VL_G_DATA_BYTES);
    }
    e->addr = a->addr;
    e->len = a->len;
    e->data = g->n_data;
    g->n_data += a->len;
    look_for_races(x, g, e);
    if (store) {
        memcpy(g->data + e->data, a->data, a->len);
    } else {
        gather(x, g, e);
        memcpy(a->data, g->data + e->data, a->len);
    }
    return !x->ended;
}

// ---- a thread's access -------------------------------------------------------------------------

// The event that the thread's n-th step has in the graph, or NULL if it is new.
static const struct vl_g_event *known(struct vl_explore *x, const struct vl_graph *g, uint32_t t,
                                      uint32_t n, enum vl_g_kind kind, const struct vl_x_access *a,
                                      uint32_t cell)
{
    if (n >= g->n_of[t]) {
        return NULL;
    }
    const struct vl_g_event *e = &g->ev[vl_g_at(&x->world, g, t, n)];
    const bool plain = kind >= VL_G_PLAIN_READ;
    const bool await = a->op == VL_X_AWAIT;
    bool same = e->kind == (uint8_t)kind && e->order == a->order && e->site == a->site;
    if (plain) {
        same = same && e->addr == a->addr && e->len == a->len &&
               (kind == VL_G_PLAIN_READ || memcmp(g->data + e->data, a->data, a->len) == 0);
    } else if (kind != VL_G_FENCE) {
        same = same && e->loc == a->loc + cell && ((e->flags & VL_G_AWAIT) != 0) == await &&
               (!await || e->expect == (uint16_t)a->expect);
    }
    if (!same) {
        (void)vl_x_fail(x, VL_X_NOT_DETERMINISTIC,
                        "thread %u did something else at its event %u when it ran again", t, n);
    }
    return e;
}

static bool same_value(struct vl_explore *x, uint32_t t, const struct vl_g_event *e, uint16_t value)
{
    return e->value == value ||
           vl_x_fail(x, VL_X_NOT_DETERMINISTIC,
                     "thread %u stored %u instead of %u at its event %u when it ran again", t,
                     value, e->value, e->po);
}

static bool do_read(struct vl_explore *x, uint32_t t, const struct vl_x_access *a, uint64_t *out)
{
    struct vl_graph *g = vl_x_top(x);
    const uint32_t n_cells = a->n_cells > 1 ? a->n_cells : 1;
    uint64_t value = 0;

    for (uint32_t cell = 0; cell < n_cells; cell++) { // bound: VL_X_CELLS
        const uint32_t n = x->live[t] + cell;
        const struct vl_g_event *e = known(x, g, t, n, VL_G_READ, a, cell);
        if (e == NULL) {
            if (!add_read(x, t, a, cell)) {
                return false;
            }
            e = &g->ev[g->n - 1];
        }
        value |= (uint64_t)e->value << (16 * cell);
    }
    if (x->ended || (a->op == VL_X_AWAIT && value == a->expect)) {
        return false;
    }
    x->live[t] += n_cells;
    *out = value;
    return true;
}

static bool do_write(struct vl_explore *x, uint32_t t, const struct vl_x_access *a)
{
    struct vl_graph *g = vl_x_top(x);
    const uint32_t n_cells = a->n_cells > 1 ? a->n_cells : 1;

    for (uint32_t cell = 0; cell < n_cells; cell++) { // bound: VL_X_CELLS
        const uint32_t n = x->live[t] + cell;
        const uint16_t value = (uint16_t)(a->value >> (16 * cell));
        const struct vl_g_event *e = known(x, g, t, n, VL_G_WRITE, a, cell);
        if (e != NULL ? !same_value(x, t, e, value) : !add_write(x, t, a, cell, value, false)) {
            return false;
        }
    }
    x->live[t] += n_cells;
    return !x->ended;
}

static bool do_rmw(struct vl_explore *x, uint32_t t, const struct vl_x_access *a, uint64_t *out)
{
    struct vl_graph *g = vl_x_top(x);
    const struct vl_g_event *read = known(x, g, t, x->live[t], VL_G_READ, a, 0);

    if (read == NULL) {
        if (!add_read(x, t, a, 0)) {
            return false;
        }
        read = &g->ev[g->n - 1];
    }
    const uint16_t old = read->value;
    const bool stores = a->op != VL_X_CAS || old == (uint16_t)a->expect;
    if (stores) {
        const uint16_t value = a->op == VL_X_ADD ? (uint16_t)(old + a->value) : (uint16_t)a->value;
        const struct vl_g_event *e = known(x, g, t, x->live[t] + 1, VL_G_WRITE, a, 0);
        if (e != NULL ? !same_value(x, t, e, value) : !add_write(x, t, a, 0, value, true)) {
            return false;
        }
    }
    x->live[t] += stores ? 2 : 1;
    *out = old;
    return !x->ended;
}

static bool do_plain(struct vl_explore *x, uint32_t t, const struct vl_x_access *a)
{
    struct vl_graph *g = vl_x_top(x);
    const bool store = a->op == VL_X_PLAIN_STORE;
    const struct vl_g_event *e =
        known(x, g, t, x->live[t], store ? VL_G_PLAIN_WRITE : VL_G_PLAIN_READ, a, 0);

    if (e == NULL) {
        if (!add_plain(x, t, a)) {
            return false;
        }
    } else if (!store && !x->ended) {
        memcpy(a->data, g->data + e->data, e->len);
    }
    x->live[t]++;
    return !x->ended;
}

static bool refuse(struct vl_explore *x, const struct vl_x_access *a)
{
    const uint32_t n_cells = a->n_cells > 1 ? a->n_cells : 1;
    const bool cell = a->op != VL_X_FENCE && a->op < VL_X_PLAIN_LOAD;

    if (cell && (a->loc >= x->n_locs || n_cells > x->n_locs - a->loc)) {
        return vl_x_fail(x, VL_X_REFUSED, "location %u is not one of %u", a->loc, x->n_locs);
    }
    if (cell && n_cells > 1 && a->op != VL_X_LOAD && a->op != VL_X_STORE) {
        return vl_x_fail(x, VL_X_REFUSED, "only loads and stores are wider than 16 bits");
    }
    // There a wide access is one step, and the newest store of its first cell need not go with any
    // of its second: the search would miss executions.
    if (cell && n_cells > 1 && x->world.model != VL_MODEL_RC11) {
        return vl_x_fail(x, VL_X_REFUSED, "accesses wider than 16 bits are explored under rc11");
    }
    if (n_cells > VL_X_CELLS) {
        return vl_x_fail(x, VL_X_REFUSED, "an access of %u cells is wider than %u", n_cells,
                         VL_X_CELLS);
    }
    return true;
}

bool vl_x_do(struct vl_explore *x, uint32_t thread, const struct vl_x_access *a, uint64_t *out)
{
    *out = 0;
    if (x->ended || x->dead || !refuse(x, a)) {
        return false;
    }
    switch ((enum vl_x_op)a->op) {
    case VL_X_LOAD:
    case VL_X_AWAIT: return do_read(x, thread, a, out);
    case VL_X_STORE: return do_write(x, thread, a);
    case VL_X_ADD:
    case VL_X_XCHG:
    case VL_X_CAS: return do_rmw(x, thread, a, out);
    case VL_X_PLAIN_LOAD:
    case VL_X_PLAIN_STORE: return do_plain(x, thread, a);
    case VL_X_FENCE: break;
    }
    if (known(x, vl_x_top(x), thread, x->live[thread], VL_G_FENCE, a, 0) == NULL &&
        !add_fence(x, thread, a)) {
        return false;
    }
    x->live[thread]++;
    return !x->ended;
}
