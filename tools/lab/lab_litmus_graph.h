// tools/lab/lab_litmus_graph.h -- one execution of a litmus test, as all engines record it: the
// events of each thread, which store each load reads, and the order of each cell's stores.
// Two executions are the same if these are.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_LITMUS_GRAPH_H
#define LAB_LITMUS_GRAPH_H

#include "tools/lab/lab_litmus.h"

#define LAB_GRAPH_INITIAL 0xffu // in place of a store: the initial value
#define LAB_GRAPH_KEY (LAB_LITMUS_THREADS + LAB_LITMUS_CELLS + 2u * LAB_LITMUS_EVENTS)

struct lab_graph_event {
    uint8_t kind; // enum vl_axiom_kind
    uint8_t order;
    uint8_t cell;
    uint8_t rf;    // load: the store
    uint8_t group; // not 0: one of the thread's wide accesses
    bool rmw;      // store: second half; load: of a read-modify-write that stored nothing
    uint16_t value;
};

struct lab_graph {
    uint8_t n[LAB_LITMUS_THREADS];
    uint8_t n_mo[LAB_LITMUS_CELLS];
    uint8_t mo[LAB_LITMUS_CELLS][LAB_LITMUS_EVENTS]; // stores that have their place, oldest first
    struct lab_graph_event ev[LAB_LITMUS_THREADS][LAB_LITMUS_THREAD_EVENTS + 1];
};

// A thread between two statements: a function of what it has loaded.
struct lab_graph_thread {
    uint32_t pc;
    uint32_t n_groups;
    uint64_t reg[LAB_LITMUS_REGS];
};

// An event's number: thread and place in it.
static inline uint8_t lab_graph_id(unsigned thread, unsigned i)
{
    return (uint8_t)(thread << 5 | i);
}

static inline struct lab_graph_event *lab_graph_at(struct lab_graph *g, uint8_t id)
{
    return &g->ev[id >> 5][id & 31];
}

// Value of a store, or the initial one: 0.
static inline uint16_t lab_graph_value(const struct lab_graph *g, uint8_t id)
{
    return id == LAB_GRAPH_INITIAL ? 0 : g->ev[id >> 5][id & 31].value;
}

// The last store in a cell's order.
static inline uint8_t lab_graph_newest(const struct lab_graph *g, unsigned cell)
{
    return g->n_mo[cell] == 0 ? LAB_GRAPH_INITIAL : g->mo[cell][g->n_mo[cell] - 1];
}

// Add an event at the end of a thread. Returns its number.
uint8_t lab_graph_add(struct lab_graph *g, unsigned thread, const struct lab_graph_event *event);

// Give a store its place: right behind another one of its cell, or first.
void lab_graph_place(struct lab_graph *g, uint8_t store, uint8_t behind);

// The execution as bytes: equal for equal ones. Returns how many.
unsigned lab_graph_key(const struct lab_litmus *test, const struct lab_graph *g,
                       uint8_t key[LAB_GRAPH_KEY]);

// The execution for vl_axioms.h. Returns the number of events.
unsigned lab_graph_axioms(const struct lab_litmus *test, const struct lab_graph *g,
                          struct vl_axiom_event ev[LAB_LITMUS_EVENTS]);

// The final state of a finished execution.
void lab_graph_state(const struct lab_litmus *test, const struct lab_graph *g,
                     const struct lab_graph_thread *threads, lab_litmus_state state);

// ---- threads -----------------------------------------------------------------------------------

// Step over statements whose condition does not hold.
void lab_graph_settle(const struct lab_litmus *test, unsigned thread, struct lab_graph_thread *t);

// The value of an operand.
static inline uint64_t lab_graph_operand(const struct lab_graph_thread *t,
                                         const struct lab_litmus_operand *o)
{
    return o->reg == LAB_LITMUS_NO_REG ? o->value : t->reg[o->reg];
}

// The statement has been done, having loaded this (if it loads): go on behind it.
void lab_graph_pass(const struct lab_litmus *test, unsigned thread, struct lab_graph_thread *t,
                    uint64_t loaded);

// ---- sets of executions ------------------------------------------------------------------------

struct lab_graph_set {
    uint32_t n;
    uint32_t n_slots; // a power of two, 0 at first
    uint32_t n_bytes;
    uint32_t max_bytes;
    uint32_t *slot; // 1 + where a key's length and bytes stand
    uint8_t *bytes;
};

enum lab_graph_added { LAB_GRAPH_NEW, LAB_GRAPH_KNOWN, LAB_GRAPH_NO_MEMORY };

// Add a key, unless it is there. The set is all zeros at first.
enum lab_graph_added lab_graph_set_add(struct lab_graph_set *set, const uint8_t *key, unsigned n);
void lab_graph_set_free(struct lab_graph_set *set);

// ---- what engines share ------------------------------------------------------------------------

// Count a finished execution: its state is added to the result. False: no memory.
bool lab_litmus_add(const struct lab_litmus *test, const struct lab_graph *g,
                    const struct lab_graph_thread *threads, struct lab_litmus_result *result);

enum lab_litmus_outcome lab_litmus_explore(const struct lab_litmus *test, enum vl_model model,
                                           uint32_t rules, struct lab_litmus_result *result,
                                           char err[LAB_LITMUS_ERR]);
enum lab_litmus_outcome lab_litmus_enumerate(const struct lab_litmus *test, bool brute,
                                             enum vl_model model, uint32_t rules,
                                             struct lab_litmus_result *result,
                                             char err[LAB_LITMUS_ERR]);

#endif
