// tools/cmd/clause_try.h -- what there is for a clause, and trying its breach.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CLAUSE_TRY_H
#define CLAUSE_TRY_H

#include "model/referee/vl_clause.h"
#include "tools/lab/lab_breach.h"
#include "tools/lab/lab_world.h"

#include <stdbool.h>
#include <stdint.h>

#define CLAUSE_WORDS_BYTES 512u

// What the sources hold for a clause: what is its own, or else what the clauses that it restates
// have, if they all have it.
struct clause_state {
    enum vl_clause same;             // the first one that it restates, or VL_CLAUSE_NONE
    const struct vl_check *check;    // the first place that decides it, or NULL
    const struct lab_breach *breach; // or NULL
    const char *undecidable;         // the reason, or NULL
};
void clause_look(enum vl_clause c, struct clause_state *state);

// What breaks this very clause, or NULL.
const struct lab_breach *clause_breach(enum vl_clause c);

// True if yes[] is set for the clause, or for all that it restates.
bool clause_holds(enum vl_clause c, const uint8_t yes[VL_CLAUSE_COUNT]);

// How a breach ended.
struct clause_result {
    bool as_expected;               // all of the below
    bool found;                     // with the breach: that clause, and nothing before it
    bool clean_without;             // without it: clean, and no advice of that clause
    bool other_clean;               // with the breaking side hostile: the other half is clean
    char said[CLAUSE_WORDS_BYTES];  // what came instead, or the finding's sentence
    char words[CLAUSE_WORDS_BYTES]; // the run as "key=value ..."
};

// Run a breach three times, each in a child process; twice if the other half has to lie for it:
// then other_clean means nothing. Returns false with err if a run was not possible at all (a player
// that is not built).
bool clause_try(const struct lab_breach *breach, struct clause_result *result, char err[256]);

// The scenario of a breach: its own, with the fault on, and who is hostile.
//   hostile  NULL: as the row says; else "driver" or "device"
bool clause_scenario(const struct lab_breach *breach, bool fault, const char *hostile,
                     struct lab_scenario *s, char err[256]);

#endif
