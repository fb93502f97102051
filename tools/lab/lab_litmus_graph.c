// tools/lab/lab_litmus_graph.c -- executions of litmus tests, and sets of them.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_litmus_graph.h"

#include "model/core/vl_hash.h"

#include <stdlib.h>
#include <string.h>

uint8_t lab_graph_add(struct lab_graph *g, unsigned thread, const struct lab_graph_event *event)
{
    const uint8_t id = lab_graph_id(thread, g->n[thread]);
    g->ev[thread][g->n[thread]++] = *event;
    return id;
}

static unsigned place_of(const struct lab_graph *g, unsigned cell, uint8_t store)
{
    unsigned at = 0;
    while (at < g->n_mo[cell] && g->mo[cell][at] != store) { // bound: n_mo
        at++;
    }
    return at;
}

void lab_graph_place(struct lab_graph *g, uint8_t store, uint8_t behind)
{
    const unsigned cell = lab_graph_at(g, store)->cell;
    const unsigned at = behind == LAB_GRAPH_INITIAL ? 0 : place_of(g, cell, behind) + 1;
    uint8_t *mo = g->mo[cell];
    memmove(&mo[at + 1], &mo[at], g->n_mo[cell] - at);
    mo[at] = store;
    g->n_mo[cell]++;
}

unsigned lab_graph_key(const struct lab_litmus *test, const struct lab_graph *g,
                       uint8_t key[LAB_GRAPH_KEY])
{
    unsigned n = 0;
    for (unsigned t = 0; t < test->n_threads; t++) {
        key[n++] = g->n[t];
        for (unsigned i = 0; i < g->n[t]; i++) {
            if (g->ev[t][i].kind == VL_AXIOM_READ) {
                key[n++] = g->ev[t][i].rf;
            }
        }
    }
    for (unsigned c = 0; c < test->n_cells; c++) {
        key[n++] = g->n_mo[c];
        memcpy(&key[n], g->mo[c], g->n_mo[c]);
        n += g->n_mo[c];
    }
    return n;
}

unsigned lab_graph_axioms(const struct lab_litmus *test, const struct lab_graph *g,
                          struct vl_axiom_event ev[LAB_LITMUS_EVENTS])
{
    unsigned first[LAB_LITMUS_THREADS];
    unsigned n = 0;

    for (unsigned t = 0; t < test->n_threads; t++) {
        first[t] = n;
        n += g->n[t];
    }
    for (unsigned t = 0; t < test->n_threads; t++) {
        for (unsigned i = 0; i < g->n[t]; i++) {
            const struct lab_graph_event *e = &g->ev[t][i];
            struct vl_axiom_event *to = &ev[first[t] + i];
            memset(to, 0, sizeof(*to));
            to->thread = (uint8_t)t;
            to->kind = e->kind;
            to->order = e->order;
            to->loc = e->cell;
            to->group = e->group;
            to->rmw = e->rmw;
            to->rf = VL_AXIOM_INITIAL;
            if (e->kind == VL_AXIOM_READ && e->rf != LAB_GRAPH_INITIAL) {
                to->rf = (int8_t)(first[e->rf >> 5] + (e->rf & 31));
            } else if (e->kind == VL_AXIOM_WRITE) {
                to->mo = (uint8_t)(1 + place_of(g, e->cell, lab_graph_id(t, i)));
            }
        }
    }
    return n;
}

void lab_graph_state(const struct lab_litmus *test, const struct lab_graph *g,
                     const struct lab_graph_thread *threads, lab_litmus_state state)
{
    memset(state, 0, sizeof(lab_litmus_state));
    for (uint32_t i = 0; i < test->n_items; i++) {
        const struct lab_litmus_item *item = &test->item[i];
        if (item->is_reg) {
            state[i] = threads[item->thread].reg[item->reg];
            continue;
        }
        for (unsigned k = item->n_cells; k-- > 0;) {
            const uint8_t newest = lab_graph_newest(g, item->cell + k);
            state[i] = state[i] << 16 | lab_graph_value(g, newest);
        }
    }
}

// ---- threads -----------------------------------------------------------------------------------

void lab_graph_settle(const struct lab_litmus *test, unsigned thread, struct lab_graph_thread *t)
{
    const struct lab_litmus_thread *p = &test->thread[thread];
    while (t->pc < p->n && p->stmt[t->pc].if_reg != LAB_LITMUS_NO_REG &&
           t->reg[p->stmt[t->pc].if_reg] != p->stmt[t->pc].if_value) { // bound: the thread
        t->pc++;
    }
}

void lab_graph_pass(const struct lab_litmus *test, unsigned thread, struct lab_graph_thread *t,
                    uint64_t loaded)
{
    const struct lab_litmus_stmt *s = &test->thread[thread].stmt[t->pc++];
    if (s->reg != LAB_LITMUS_NO_REG) {
        t->reg[s->reg] = loaded;
    }
    lab_graph_settle(test, thread, t);
}

// ---- sets --------------------------------------------------------------------------------------

#define SLOTS_FIRST 1024u
#define BYTES_FIRST 65536u

// The slot that a key is in, or would be in.
static uint32_t find_slot(const struct lab_graph_set *set, const uint8_t *key, unsigned n)
{
    uint32_t i = (uint32_t)vl_hash64(key, n) & (set->n_slots - 1);
    while (set->slot[i] != 0) { // bound: at most half of the slots are in use
        const uint8_t *known = &set->bytes[set->slot[i] - 1];
        if (known[0] == n && memcmp(known + 1, key, n) == 0) {
            break;
        }
        i = (i + 1) & (set->n_slots - 1);
    }
    return i;
}

static bool grow_slots(struct lab_graph_set *set)
{
    const uint32_t n = set->n_slots == 0 ? SLOTS_FIRST : 2 * set->n_slots;
    uint32_t *slot = calloc(n, sizeof(slot[0]));
    uint32_t *old = set->slot;
    if (slot == NULL) {
        return false;
    }
    set->slot = slot;
    set->n_slots = n;
    for (uint32_t at = 0; at < set->n_bytes; at += 1u + set->bytes[at]) { // bound: the keys
        slot[find_slot(set, &set->bytes[at + 1], set->bytes[at])] = at + 1;
    }
    free(old);
    return true;
}

static bool grow_bytes(struct lab_graph_set *set, unsigned more)
{
    if (set->n_bytes + more <= set->max_bytes) {
        return true;
    }
    const uint32_t max = set->max_bytes == 0 ? BYTES_FIRST : 2 * set->max_bytes;
    uint8_t *bytes = max > set->max_bytes ? realloc(set->bytes, max) : NULL;
    if (bytes == NULL) {
        return false;
    }
    set->bytes = bytes;
    set->max_bytes = max;
    return true;
}

_Static_assert(LAB_GRAPH_KEY <= UINT8_MAX, "a key's length is a byte");

enum lab_graph_added lab_graph_set_add(struct lab_graph_set *set, const uint8_t *key, unsigned n)
{
    if ((2 * set->n >= set->n_slots && !grow_slots(set)) || !grow_bytes(set, n + 1)) {
        return LAB_GRAPH_NO_MEMORY;
    }
    const uint32_t i = find_slot(set, key, n);
    if (set->slot[i] != 0) {
        return LAB_GRAPH_KNOWN;
    }
    set->slot[i] = set->n_bytes + 1;
    set->bytes[set->n_bytes] = (uint8_t)n;
    memcpy(&set->bytes[set->n_bytes + 1], key, n);
    set->n_bytes += n + 1;
    set->n++;
    return LAB_GRAPH_NEW;
}

void lab_graph_set_free(struct lab_graph_set *set)
{
    free(set->slot);
    free(set->bytes);
    memset(set, 0, sizeof(*set));
}
