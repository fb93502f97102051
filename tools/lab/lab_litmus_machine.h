// tools/lab/lab_litmus_machine.h -- a litmus test on the way, step by step: the operational models,
// and one without rules for brute force.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_LITMUS_MACHINE_H
#define LAB_LITMUS_MACHINE_H

#include "model/memory/vl_rc11.h"
#include "model/memory/vl_tso.h"
#include "tools/lab/lab_litmus_graph.h"

enum lab_machine_kind {
    LAB_MACHINE_SC,   // one memory
    LAB_MACHINE_TSO,  // vl_tso.h
    LAB_MACHINE_RC11, // vl_rc11.h
    LAB_MACHINE_FREE, // a load may read any store that was made, a store may go anywhere
};

struct lab_machine {
    const struct lab_litmus *test;
    enum lab_machine_kind kind;
    uint32_t rules;
    struct lab_graph graph;
    struct lab_graph_thread thread[LAB_LITMUS_THREADS];
    bool half[LAB_LITMUS_THREADS]; // of a read-modify-write has been done (only where the rule of
                                   // atomicity is left out)
    uint8_t mem[2 * LAB_LITMUS_CELLS];
    struct vl_tso tso;
    struct vl_rc11 rc11; // RC11: opened
};

enum lab_machine_step {
    LAB_MACHINE_DONE,
    LAB_MACHINE_NOT_NOW, // this option is none now; a greater one may be
    LAB_MACHINE_NONE,    // there are no such options, nor greater ones
    LAB_MACHINE_FULL,    // our bug: more stores than the test can have
};

// A machine before its first step. *m is all zeros, or has been used for the same test and kind.
// Returns false if there is no memory. Ends with lab_machine_close().
bool lab_machine_open(struct lab_machine *m, const struct lab_litmus *test,
                      enum lab_machine_kind kind, uint32_t rules);
void lab_machine_close(struct lab_machine *m);

// Put everything into its first state.
bool lab_machine_start(struct lab_machine *m);

// Make *to, an open machine of the same kind, what *from is.
void lab_machine_copy(struct lab_machine *to, const struct lab_machine *from);

// Let a thread take a step: option 0, 1, ... name what it reads, where its store goes, or which of
// its stores drains.
enum lab_machine_step lab_machine_step(struct lab_machine *m, unsigned thread, uint32_t option);

// True if all threads have ended, and nothing is under way.
bool lab_machine_ended(const struct lab_machine *m);

#endif
