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

// What the sources hold for a clause; found by those of the clause that it restates.
struct clause_state {
    enum vl_clause same;             // itself, or what it restates
    const struct vl_check *check;    // the first place that decides it, or NULL
    uint32_t n_checks;               // how many places
    const struct lab_breach *breach; // or NULL
    const char *undecidable;         // the reason, or NULL
};
void clause_look(enum vl_clause c, struct clause_state *state);

// How a breach ended.
struct clause_result {
    bool as_expected;               // all of the below
    bool found;                     // with the breach: that clause, and nothing before it
    bool clean_without;             // without it: clean, and no advice of that clause
    bool other_clean;               // with the breaking side hostile: the other half is clean
    char said[CLAUSE_WORDS_BYTES];  // what came instead, or the finding's sentence
    char words[CLAUSE_WORDS_BYTES]; // the run as "key=value ..."
};

// Run a breach three times, each in a child process. Returns false with err if a run was not
// possible at all (a player that is not built).
bool clause_try(const struct lab_breach *breach, struct clause_result *result, char err[256]);

// The scenario of a breach: its own, with the fault on, and who is hostile.
//   hostile  NULL: as the row says; else "driver" or "device"
bool clause_scenario(const struct lab_breach *breach, bool fault, const char *hostile,
                     struct lab_scenario *s, char err[256]);

#endif
