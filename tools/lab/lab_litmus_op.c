// tools/lab/lab_litmus_op.c -- every state that a litmus test can come to, step by step.
// States are functions of what was read and how stores are ordered (and, under tso, of which stores
// have drained, which the orders say, too), so that a state is looked at once.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_litmus_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRUCTURAL (VL_RULE_TSO_LOADS | VL_RULE_SC_ORDER)

struct level {
    struct lab_machine m;
    uint32_t thread; // what to try next
    uint32_t option;
};

struct search {
    const struct lab_litmus *test;
    struct level *level; // a step adds an event or drains a store: 2 * n_events + 2
    struct lab_graph_set seen;
    struct lab_litmus_result *result;
    enum vl_model model;
    uint32_t rules;
    bool brute;
};

// Count a finished execution, if it is one of the model. False: no memory.
static bool finish(struct search *s, const struct lab_machine *m)
{
    struct vl_axiom_event ev[LAB_LITMUS_EVENTS];
    unsigned first = 0;
    unsigned second = 0;
    const unsigned n = lab_graph_axioms(s->test, &m->graph, ev);

    const bool consistent = vl_axioms_consistent(ev, n, s->model, s->rules);
    if (s->brute ? !consistent : s->model == VL_MODEL_RC11 && !vl_axioms_psc(ev, n, s->rules)) {
        return true;
    }
    s->result->n_refused += consistent ? 0 : 1;
    if (s->model == VL_MODEL_RC11 && s->test->plain && vl_axioms_race(ev, n, &first, &second)) {
        s->result->racy = true;
    }
    return lab_litmus_add(s->test, &m->graph, m->thread, s->result);
}

// Enter the state that level d holds. Returns true if it has not been looked at before.
static enum lab_graph_added enter(struct search *s, uint32_t d)
{
    uint8_t key[LAB_GRAPH_KEY];
    struct level *l = &s->level[d];
    const unsigned n = lab_graph_key(s->test, &l->m.graph, key);
    const enum lab_graph_added added = lab_graph_set_add(&s->seen, key, n);

    l->thread = 0;
    l->option = 0;
    if (added == LAB_GRAPH_NEW) {
        s->result->n_visited++;
        if (lab_machine_ended(&l->m) && !finish(s, &l->m)) {
            return LAB_GRAPH_NO_MEMORY;
        }
    }
    return added;
}

static enum lab_machine_step next_step(struct search *s, uint32_t d)
{
    struct level *l = &s->level[d];
    struct lab_machine *next = &s->level[d + 1].m;

    while (l->thread < s->test->n_threads) { // bound: threads and their options
        lab_machine_copy(next, &l->m);
        const enum lab_machine_step done = lab_machine_step(next, l->thread, l->option++);
        if (done == LAB_MACHINE_DONE || done == LAB_MACHINE_FULL) {
            return done;
        }
        if (done == LAB_MACHINE_NONE) {
            l->thread++;
            l->option = 0;
        }
    }
    return LAB_MACHINE_NONE;
}

static const char *search_all(struct search *s)
{
    uint32_t depth = 1; // levels in use

    if (enter(s, 0) == LAB_GRAPH_NO_MEMORY) {
        return "no memory left";
    }
    while (depth > 0) { // bound: the states
        const enum lab_machine_step done = next_step(s, depth - 1);
        if (done == LAB_MACHINE_FULL) {
            return "a store found no room";
        }
        if (done == LAB_MACHINE_NONE) {
            depth--;
            continue;
        }
        const enum lab_graph_added added = enter(s, depth);
        if (added == LAB_GRAPH_NO_MEMORY) {
            return "no memory left";
        }
        depth += added == LAB_GRAPH_NEW ? 1 : 0;
    }
    return NULL;
}

static enum lab_machine_kind kind_of(const struct search *s)
{
    if (s->brute) {
        return LAB_MACHINE_FREE;
    }
    return s->model == VL_MODEL_SC    ? LAB_MACHINE_SC
           : s->model == VL_MODEL_TSO ? LAB_MACHINE_TSO
                                      : LAB_MACHINE_RC11;
}

enum lab_litmus_outcome lab_litmus_enumerate(const struct lab_litmus *test, bool brute,
                                             enum vl_model model, uint32_t rules,
                                             struct lab_litmus_result *result,
                                             char err[LAB_LITMUS_ERR])
{
    struct search s = {
        .test = test, .result = result, .model = model, .rules = rules, .brute = brute};
    const uint32_t n_levels = 2 * test->n_events + 2;
    const char *broken = "no memory left";
    bool open = true;

    // Accesses act where they stand here: these two cannot be left out.
    if (!brute && (rules & STRUCTURAL) != STRUCTURAL) {
        (void)snprintf(err, LAB_LITMUS_ERR,
                       "tso-loads and sc-order cannot be left out of the operational models");
        return LAB_LITMUS_UNSUPPORTED;
    }
    s.level = calloc(n_levels, sizeof(s.level[0]));
    for (uint32_t i = 0; s.level != NULL && i < n_levels; i++) {
        open = lab_machine_open(&s.level[i].m, test, kind_of(&s), rules) && open;
    }
    if (s.level != NULL && open && lab_machine_start(&s.level[0].m)) {
        broken = search_all(&s);
    }
    for (uint32_t i = 0; s.level != NULL && i < n_levels; i++) {
        lab_machine_close(&s.level[i].m);
    }
    free(s.level);
    lab_graph_set_free(&s.seen);
    if (broken != NULL) {
        (void)snprintf(err, LAB_LITMUS_ERR, "%s", broken);
        return LAB_LITMUS_BROKEN;
    }
    return LAB_LITMUS_DONE;
}
