// tools/lab/lab_litmus.h -- litmus tests: small concurrent programs, and what they can come to
// under each memory model. Notation: docs/LITMUS.md.
//
// Three engines answer, independently: execution graphs (model/explore/), exhaustive enumeration of
// the operational models that runs use (model/memory/), and brute force, every way in which loads
// could read and stores could be ordered, judged by the axioms alone.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_LITMUS_H
#define LAB_LITMUS_H

#include "model/memory/vl_axioms.h"

#include <stddef.h>

#define LAB_LITMUS_THREADS 8u
#define LAB_LITMUS_STATEMENTS 24u // of a thread
#define LAB_LITMUS_REGS 8u        // of a thread
#define LAB_LITMUS_LOCS 16u
#define LAB_LITMUS_LOC_CELLS 8u      // of 16 bits, in one location
#define LAB_LITMUS_CELLS 32u         // of all locations
#define LAB_LITMUS_THREAD_EVENTS 31u // of a thread
#define LAB_LITMUS_EVENTS VL_AXIOM_EVENTS
#define LAB_LITMUS_ITEMS 64u
#define LAB_LITMUS_NAME 64u      // bytes of a test's name, with its NUL
#define LAB_LITMUS_WORD 16u      // bytes of a register's or location's name, with its NUL
#define LAB_LITMUS_PROGRAM 2048u // bytes of a program's text, with its NUL
#define LAB_LITMUS_ERR 256u      // bytes of a complaint
#define LAB_LITMUS_STATE 2048u   // bytes of a final state's text, with its NUL
#define LAB_LITMUS_NO_REG UINT8_MAX

enum lab_litmus_op {
    LAB_LITMUS_LOAD,
    LAB_LITMUS_STORE,
    LAB_LITMUS_FENCE,
    LAB_LITMUS_XCHG,
    LAB_LITMUS_ADD,
    LAB_LITMUS_CAS,
};

// A constant, or a register of the same thread.
struct lab_litmus_operand {
    uint64_t value;
    uint8_t reg; // LAB_LITMUS_NO_REG: value
};

struct lab_litmus_stmt {
    uint8_t op;      // enum lab_litmus_op
    uint8_t order;   // enum virtq_order
    uint8_t loc;     // which location
    uint8_t cell;    // its first cell that is accessed, counted over all locations
    uint8_t n_cells; // 1, 2 or 4
    uint8_t reg;     // gets what was loaded
    struct lab_litmus_operand value;
    struct lab_litmus_operand expect; // CAS
    uint8_t if_reg;                   // LAB_LITMUS_NO_REG: unconditional
    uint64_t if_value;
};

struct lab_litmus_thread {
    uint32_t n;
    uint32_t n_regs;
    uint32_t n_events; // at most
    struct lab_litmus_stmt stmt[LAB_LITMUS_STATEMENTS];
    char reg[LAB_LITMUS_REGS][LAB_LITMUS_WORD];
};

struct lab_litmus_loc {
    char name[LAB_LITMUS_WORD];
    uint8_t cell;    // first one
    uint8_t n_cells; // up to the highest that is accessed
    bool plain;      // there is a plain access to it,
    bool atomic;     // or an atomic one
};

// A part of a final state: a register of a thread, or up to 64 bits of a location.
struct lab_litmus_item {
    char name[LAB_LITMUS_WORD + 8];
    bool is_reg;
    uint8_t thread;
    uint8_t reg;
    uint8_t cell;
    uint8_t n_cells;
};

struct lab_litmus {
    char name[LAB_LITMUS_NAME];
    uint32_t n_threads;
    uint32_t n_locs;
    uint32_t n_cells;
    uint32_t n_events; // at most
    uint32_t n_items;
    bool plain; // there is a plain access: there may be a race
    struct lab_litmus_thread thread[LAB_LITMUS_THREADS];
    struct lab_litmus_loc loc[LAB_LITMUS_LOCS];
    struct lab_litmus_item item[LAB_LITMUS_ITEMS]; // in the order in which states list them
};

// Read a program.
//   name     of the test, cut if it is too long
//   program  its text; not kept
//   err      what is wrong with it, and where, if it is refused
// Returns false if it is refused.
bool lab_litmus_parse(struct lab_litmus *test, const char *name, const char *program,
                      char err[LAB_LITMUS_ERR]);

// ---- running -----------------------------------------------------------------------------------

enum lab_litmus_engine {
    LAB_LITMUS_GRAPH,
    LAB_LITMUS_OPERATIONAL,
    LAB_LITMUS_AXIOMS, // brute force
    LAB_LITMUS_ENGINES,
};

// "graph", "operational", "axioms"; "?" for another value.
const char *lab_litmus_engine_name(unsigned engine);

typedef uint64_t lab_litmus_state[LAB_LITMUS_ITEMS]; // a value per item

struct lab_litmus_result {
    bool racy;                // rc11: some execution has a data race: what follows means nothing
    uint64_t n_execs;         // distinct executions: who reads from whom, and the orders of stores
    uint64_t n_visited;       // what the engine looked at to find them
    uint64_t n_refused;       // of n_execs, those that the axioms refuse: 0, or we have a bug
    uint32_t n_states;        // distinct final states
    uint32_t max_states;      // there is room for
    lab_litmus_state *states; // sorted
};

enum lab_litmus_outcome {
    LAB_LITMUS_DONE,
    LAB_LITMUS_UNSUPPORTED, // err says what the engine does not take
    LAB_LITMUS_BROKEN,      // err says what went wrong: our bug, or no memory
};

// Find everything that a test can come to.
//   rules   bits of enum vl_rule: VL_RULES_ALL, or with rules left out
//   result  to be freed with lab_litmus_free(), whatever is returned
enum lab_litmus_outcome lab_litmus_run(const struct lab_litmus *test, enum lab_litmus_engine engine,
                                       enum vl_model model, uint32_t rules,
                                       struct lab_litmus_result *result, char err[LAB_LITMUS_ERR]);
void lab_litmus_free(struct lab_litmus_result *result);

// True if both came to the same states, the same number of executions, and the same about races.
bool lab_litmus_same(const struct lab_litmus *test, const struct lab_litmus_result *a,
                     const struct lab_litmus_result *b);

// A state as text: {0:r0=0;1:r0=1;x=1;y=1}. Registers come first, by thread and name.
void lab_litmus_state_text(const struct lab_litmus *test, const lab_litmus_state state,
                           char text[LAB_LITMUS_STATE]);

// ---- expectations ------------------------------------------------------------------------------

// States that a test is expected to come to. Items that they do not name may have any value.
struct lab_litmus_expected {
    uint32_t n_items;
    uint8_t item[LAB_LITMUS_ITEMS];
    uint32_t n_states;
    lab_litmus_state *states; // sorted, distinct; the values of item[0], item[1], ...
};

// Read "{0:r0=0;x=1}{0:r0=1;x=1}". All states name the same items, in any order.
// Returns false, and says why, if the text is anything else. Free it in any case.
bool lab_litmus_expect(const struct lab_litmus *test, const char *text,
                       struct lab_litmus_expected *expected, char err[LAB_LITMUS_ERR]);
void lab_litmus_expected_free(struct lab_litmus_expected *expected);

// True if the states are the expected ones. If not, and there is one that only one side has, it is
// put into text, and *extra says whether the engine found it (else it missed it).
bool lab_litmus_meets(const struct lab_litmus *test, const struct lab_litmus_result *result,
                      const struct lab_litmus_expected *expected, char text[LAB_LITMUS_STATE],
                      bool *extra);

#endif
