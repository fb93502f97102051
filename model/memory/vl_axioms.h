// model/memory/vl_axioms.h -- the memory models as axioms on whole executions, by bit matrices.
// Slow and plain: the reference for small executions (litmus tests), and what decides seq-cst
// accesses for both engines. Sources: see vl_model.h; x86-TSO as acyclicity of ppo, implied
// fences, external rf, mo and rb.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_AXIOMS_H
#define VL_AXIOMS_H

#include "model/memory/vl_model.h"

#define VL_AXIOM_EVENTS 64u
#define VL_AXIOM_INITIAL (-1) // rf: the location's initial value

enum vl_axiom_kind { VL_AXIOM_READ, VL_AXIOM_WRITE, VL_AXIOM_FENCE };

// One event. Events of a thread stand in program order; threads may be interleaved anyhow.
struct vl_axiom_event {
    uint8_t thread;
    uint8_t kind;  // enum vl_axiom_kind
    uint8_t order; // enum virtq_order
    uint8_t loc;   // of a read or write; a cell of 16 bits
    int8_t rf;     // read: index of the write that it reads, or VL_AXIOM_INITIAL
    uint8_t mo;    // write: place in its location's order, from 1 (0 is the initial value)
    uint8_t group; // not 0: events of one thread with this number are one wide access
    bool rmw;      // write: the second half of a read-modify-write, the event before it in its
                   // thread being the first half; read: of one that failed, locked all the same
};

// True if psc is acyclic (RC11's condition on seq-cst fences and accesses).
//   n      events, at most VL_AXIOM_EVENTS
//   rules  bits of enum vl_rule; a rule left out is not asked for
bool vl_axioms_psc(const struct vl_axiom_event *ev, unsigned n, uint32_t rules);

// True if the execution is consistent under the model. rf of plain and atomic accesses alike.
bool vl_axioms_consistent(const struct vl_axiom_event *ev, unsigned n, enum vl_model model,
                          uint32_t rules);

// True if two accesses to one location, one of them a store and one of them plain, are not ordered
// by happens-before (rc11). *first, *second: the pair.
bool vl_axioms_race(const struct vl_axiom_event *ev, unsigned n, unsigned *first, unsigned *second);

#endif
