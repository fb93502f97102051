// tools/lab/lab_litmus_explore.c -- litmus tests as programs of the explorer.
// What an execution comes to is computed here once more, from who reads whom alone.
//
// The explorer adds a wide access cell by cell, each a choice of its own. Under sc and tso, where
// it is one step, a test with such accesses is so explored with relaxed accesses in rc11, which
// allows all that sc and tso do, and the axioms judge the executions.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_explore.h"
#include "tools/lab/lab_litmus_graph.h"

#include <stdio.h>
#include <string.h>

#define EVENTS_MAX (LAB_LITMUS_EVENTS + 16u)

struct search {
    const struct lab_litmus *test;
    struct vl_explore *x;
    struct lab_litmus_result *result;
    enum vl_model model;
    uint32_t rules;
    bool judge;                                       // the explorer's executions
    struct lab_graph_thread live[LAB_LITMUS_THREADS]; // as the explorer runs them
    struct lab_graph_set seen;
    const char *broken;
};

// An execution that the explorer tells, event by event.
struct told {
    const struct search *s;
    struct lab_graph g;
    struct lab_graph_thread thread[LAB_LITMUS_THREADS];
    uint64_t loaded[LAB_LITMUS_THREADS]; // so far, by a wide load or a read-modify-write
    uint8_t id[EVENTS_MAX];              // of the explorer's events
};

// Plain accesses have a name space of their own there, and are no choices, which is what they are
// in rc11. A location with both kinds of accesses is left to vl_axioms_race().
static bool is_plain(const struct search *s, const struct lab_litmus_stmt *stmt)
{
    return s->model == VL_MODEL_RC11 && stmt->op <= LAB_LITMUS_STORE &&
           stmt->order == VIRTQ_PLAIN && !s->test->loc[stmt->loc].atomic;
}

// ---- the program -------------------------------------------------------------------------------

static uint16_t initial(void *ctx, uint32_t loc)
{
    (void)ctx;
    (void)loc;
    return 0;
}

static void initial_bytes(void *ctx, uint32_t addr, uint32_t len, void *bytes)
{
    (void)ctx;
    (void)addr;
    memset(bytes, 0, len);
}

static void restart(void *ctx, uint32_t thread)
{
    struct search *s = ctx;
    memset(&s->live[thread], 0, sizeof(s->live[thread]));
    lab_graph_settle(s->test, thread, &s->live[thread]);
}

static void put_bytes(uint8_t bytes[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_bytes(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (unsigned i = 8; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

// Do the statement that a thread stands at. False: not now.
static bool act(struct search *s, uint32_t thread)
{
    static const uint8_t ops[] = {VL_X_LOAD, VL_X_STORE, VL_X_FENCE, VL_X_XCHG, VL_X_ADD, VL_X_CAS};
    struct lab_graph_thread *t = &s->live[thread];
    const struct lab_litmus_stmt *stmt = &s->test->thread[thread].stmt[t->pc];
    const bool plain = is_plain(s, stmt);
    uint8_t bytes[8] = {0};
    uint64_t loaded = 0;
    struct vl_x_access a = {.op = ops[stmt->op],
                            .order = stmt->order == VIRTQ_PLAIN || s->judge ? VIRTQ_RELAXED
                                                                            : stmt->order,
                            .n_cells = stmt->op == LAB_LITMUS_FENCE ? 1 : stmt->n_cells,
                            .loc = stmt->cell,
                            .value = lab_graph_operand(t, &stmt->value),
                            .expect = lab_graph_operand(t, &stmt->expect) & UINT16_MAX,
                            .site = stmt};

    if (stmt->n_cells < 4) {
        a.value &= (UINT64_C(1) << (16 * a.n_cells)) - 1;
    }
    if (plain) {
        a.op = stmt->op == LAB_LITMUS_LOAD ? VL_X_PLAIN_LOAD : VL_X_PLAIN_STORE;
        a.order = VIRTQ_PLAIN;
        a.addr = 2u * stmt->cell;
        a.len = 2u * stmt->n_cells;
        a.data = bytes;
        put_bytes(bytes, stmt->op == LAB_LITMUS_STORE ? a.value : 0);
    }
    if (!vl_x_do(s->x, thread, &a, &loaded)) {
        return false;
    }
    lab_graph_pass(s->test, thread, t, plain ? get_bytes(bytes) : loaded);
    return true;
}

static bool run(void *ctx, uint32_t thread)
{
    struct search *s = ctx;
    while (s->live[thread].pc < s->test->thread[thread].n) { // bound: statements
        if (!act(s, thread)) {
            return false;
        }
    }
    return true;
}

// ---- executions --------------------------------------------------------------------------------

static uint8_t add_event(struct told *d, const struct lab_litmus_stmt *stmt, unsigned thread,
                         unsigned kind, unsigned i)
{
    const struct lab_graph_event e = {
        .kind = (uint8_t)kind,
        .order = stmt->order,
        .cell = (uint8_t)(stmt->cell + i),
        .rf = LAB_GRAPH_INITIAL,
        .group = stmt->n_cells > 1 ? (uint8_t)(1 + d->thread[thread].pc) : 0};
    return lab_graph_add(&d->g, thread, &e);
}

static void pass(struct told *d, unsigned thread)
{
    lab_graph_pass(d->s->test, thread, &d->thread[thread], d->loaded[thread]);
    d->loaded[thread] = 0;
}

// Plain accesses: nothing races, so the last store before a load is the one that it sees.
static bool tell_plain(struct told *d, const struct lab_litmus_stmt *stmt, unsigned thread)
{
    const uint64_t value = lab_graph_operand(&d->thread[thread], &stmt->value);
    for (unsigned i = 0; i < stmt->n_cells; i++) {
        const uint8_t newest = lab_graph_newest(&d->g, stmt->cell + i);
        const bool load = stmt->op == LAB_LITMUS_LOAD;
        const uint8_t id = add_event(d, stmt, thread, load ? VL_AXIOM_READ : VL_AXIOM_WRITE, i);
        struct lab_graph_event *e = lab_graph_at(&d->g, id);
        if (load) {
            e->rf = newest;
            e->value = lab_graph_value(&d->g, newest);
            d->loaded[thread] |= (uint64_t)e->value << (16 * i);
        } else {
            e->value = (uint16_t)(value >> (16 * i));
            lab_graph_place(&d->g, id, newest);
        }
    }
    pass(d, thread);
    return true;
}

static bool tell_load(struct told *d, const struct lab_litmus_stmt *stmt,
                      const struct vl_x_event *x, uint8_t id)
{
    struct lab_graph_event *e = lab_graph_at(&d->g, id);

    e->rf = x->rf < 0 ? LAB_GRAPH_INITIAL : d->id[x->rf];
    e->value = lab_graph_value(&d->g, e->rf);
    d->loaded[x->thread] |= (uint64_t)e->value << (16 * x->cell);
    if (stmt->op == LAB_LITMUS_CAS) {
        const uint64_t expect = lab_graph_operand(&d->thread[x->thread], &stmt->expect);
        e->rmw = e->value != (uint16_t)expect;
    }
    if (e->rmw || (stmt->op == LAB_LITMUS_LOAD && x->cell + 1u == stmt->n_cells)) {
        pass(d, x->thread);
    }
    return e->value == x->value && (e->rf == LAB_GRAPH_INITIAL || e->rf != id);
}

static bool tell_store(struct told *d, const struct lab_litmus_stmt *stmt,
                       const struct vl_x_event *x, uint8_t id)
{
    struct lab_graph_event *e = lab_graph_at(&d->g, id);
    const uint64_t value = lab_graph_operand(&d->thread[x->thread], &stmt->value);

    e->value = (uint16_t)(value >> (16 * x->cell));
    if (stmt->op == LAB_LITMUS_ADD) {
        e->value = (uint16_t)(e->value + d->loaded[x->thread]);
    }
    e->rmw = stmt->op >= LAB_LITMUS_XCHG;
    if (x->mo == 0 || x->mo > LAB_LITMUS_EVENTS) {
        return false;
    }
    d->g.mo[e->cell][x->mo - 1] = id;
    d->g.n_mo[e->cell]++;
    if (x->cell + 1u == stmt->n_cells) {
        pass(d, x->thread);
    }
    return e->value == x->value;
}

// The next event. False: it is not what the test does there.
static bool tell(struct told *d, const struct vl_x_event *x, uint32_t index)
{
    const struct lab_litmus_thread *p = &d->s->test->thread[x->thread];
    struct lab_graph_thread *t = &d->thread[x->thread];
    const struct lab_litmus_stmt *stmt = &p->stmt[t->pc];

    if (t->pc == p->n || d->g.n[x->thread] + x->len / 2 > LAB_LITMUS_THREAD_EVENTS) {
        return false;
    }
    if (is_plain(d->s, stmt)) {
        return x->op == (stmt->op == LAB_LITMUS_LOAD ? VL_X_PLAIN_LOAD : VL_X_PLAIN_STORE) &&
               tell_plain(d, stmt, x->thread);
    }
    if (x->op != VL_X_FENCE && x->loc != stmt->cell + x->cell) {
        return false;
    }
    const bool store = x->op == VL_X_STORE && stmt->op != LAB_LITMUS_LOAD;
    const unsigned kind = x->op == VL_X_FENCE ? VL_AXIOM_FENCE
                          : store             ? VL_AXIOM_WRITE
                                              : VL_AXIOM_READ;
    const uint8_t id = add_event(d, stmt, x->thread, kind, x->cell);
    d->id[index] = id;
    if (x->op == VL_X_FENCE && stmt->op == LAB_LITMUS_FENCE) {
        pass(d, x->thread);
        return true;
    }
    if (store) {
        return tell_store(d, stmt, x, id);
    }
    return x->op == VL_X_LOAD && stmt->op != LAB_LITMUS_STORE && tell_load(d, stmt, x, id);
}

static bool tell_all(struct told *d, struct vl_explore *x)
{
    const uint32_t n = vl_x_n_events(x);
    if (n > EVENTS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct vl_x_event e;
        vl_x_event(x, i, &e);
        if (!tell(d, &e, i)) {
            return false;
        }
    }
    for (unsigned t = 0; t < d->s->test->n_threads; t++) {
        if (d->thread[t].pc != d->s->test->thread[t].n) {
            return false;
        }
    }
    return true;
}

static bool on_execution(void *ctx, struct vl_explore *x, enum vl_x_outcome outcome)
{
    struct search *s = ctx;
    struct told d = {.s = s};
    struct vl_axiom_event ev[LAB_LITMUS_EVENTS];
    uint8_t key[LAB_GRAPH_KEY];
    unsigned first = 0;
    unsigned second = 0;

    for (unsigned t = 0; t < s->test->n_threads; t++) {
        lab_graph_settle(s->test, t, &d.thread[t]);
    }
    if (outcome != VL_X_COMPLETE || !tell_all(&d, x)) {
        s->broken = "the explorer tells an execution that is none of the test";
        return false;
    }
    s->result->n_visited++;
    switch (lab_graph_set_add(&s->seen, key, lab_graph_key(s->test, &d.g, key))) {
    case LAB_GRAPH_NEW: break;
    case LAB_GRAPH_KNOWN: s->broken = "the explorer visits an execution twice"; return false;
    case LAB_GRAPH_NO_MEMORY: s->broken = "no memory left"; return false;
    }
    const unsigned n = lab_graph_axioms(s->test, &d.g, ev);
    const bool consistent = vl_axioms_consistent(ev, n, s->model, s->rules);
    if (s->judge && !consistent) {
        return true;
    }
    s->result->n_refused += consistent ? 0 : 1;
    if (s->model == VL_MODEL_RC11 && s->test->plain && vl_axioms_race(ev, n, &first, &second)) {
        s->result->racy = true;
        return false;
    }
    if (!lab_litmus_add(s->test, &d.g, d.thread, s->result)) {
        s->broken = "no memory left";
        return false;
    }
    return true;
}

static bool on_race(void *ctx, struct vl_explore *x, const struct vl_x_race *race)
{
    struct search *s = ctx;
    (void)x;
    (void)race;
    s->result->racy = true;
    return false;
}

static bool has_wide(const struct lab_litmus *test)
{
    for (unsigned t = 0; t < test->n_threads; t++) {
        for (unsigned i = 0; i < test->thread[t].n; i++) {
            if (test->thread[t].stmt[i].n_cells > 1) {
                return true;
            }
        }
    }
    return false;
}

// The rules for an exploration whose executions are judged afterwards: none that the model may
// lack, once something is left out of it.
static uint32_t rules_to_judge(uint32_t rules)
{
    const uint32_t coherence =
        VL_RULE_COHERENCE_WW | VL_RULE_COHERENCE_WR | VL_RULE_COHERENCE_RW | VL_RULE_COHERENCE_RR;
    return rules == VL_RULES_ALL ? rules : rules & ~coherence;
}

enum lab_litmus_outcome lab_litmus_explore(const struct lab_litmus *test, enum vl_model model,
                                           uint32_t rules, struct lab_litmus_result *result,
                                           char err[LAB_LITMUS_ERR])
{
    struct search s = {.test = test,
                       .result = result,
                       .model = model,
                       .rules = rules,
                       .judge = model != VL_MODEL_RC11 && has_wide(test)};
    const struct vl_x_program program = {.ctx = &s,
                                         .n_threads = test->n_threads,
                                         .n_locs = test->n_cells,
                                         .initial = initial,
                                         .initial_bytes = initial_bytes,
                                         .restart = restart,
                                         .run = run};
    const struct vl_x_config config = {.model = s.judge ? VL_MODEL_RC11 : model,
                                       .rules = s.judge ? rules_to_judge(rules) : rules,
                                       .events_max = EVENTS_MAX,
                                       .ctx = &s,
                                       .on_execution = on_execution,
                                       .on_race = on_race};
    enum lab_litmus_outcome outcome = LAB_LITMUS_DONE;

    s.x = vl_x_open(&program, &config);
    if (s.x == NULL) {
        (void)snprintf(err, LAB_LITMUS_ERR, "no memory left");
        return LAB_LITMUS_BROKEN;
    }
    const enum vl_x_result done = vl_x_run(s.x);
    if (s.broken != NULL) {
        (void)snprintf(err, LAB_LITMUS_ERR, "%s", s.broken);
        outcome = LAB_LITMUS_BROKEN;
    } else if (done == VL_X_REFUSED || done == VL_X_TOO_LARGE) {
        (void)snprintf(err, LAB_LITMUS_ERR, "%s", vl_x_error(s.x));
        outcome = LAB_LITMUS_UNSUPPORTED;
    } else if (done != VL_X_DONE && !result->racy) {
        (void)snprintf(err, LAB_LITMUS_ERR, "%s", vl_x_error(s.x));
        outcome = LAB_LITMUS_BROKEN;
    }
    vl_x_close(s.x);
    lab_graph_set_free(&s.seen);
    return outcome;
}
