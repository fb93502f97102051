// tests/spec/valid.h -- opening a world from words, and what a lawful run must look like.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VALID_H
#define VALID_H

#include "model/referee/vl_clause.h"
#include "tests/support/worlds.h"

#include <stdio.h>
#include <string.h>

// A world for "key=value ..." words.
static inline struct lab *valid_open_with(const char *words, const struct lab_options *options)
{
    char err[LAB_ERR_BYTES] = "";
    char text[512];
    char *argv[32];
    int argc = 0;
    struct lab_scenario s;

    (void)snprintf(text, sizeof(text), "%s", words);
    for (char *at = text; *at != '\0' && argc < 32;) {
        const size_t n = strcspn(at, " ");
        argv[argc] = at;
        argc += n > 0 ? 1 : 0;
        at += n;
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    lab_scenario_default(&s);
    if (!lab_scenario_parse(&s, argc, argv, err)) {
        fail_msg("%s: %s", words, err);
    }
    return world_open(&s, options);
}

static inline struct lab *valid_open(const char *words)
{
    const struct lab_options options = {.hashing = true, .referees = true};
    return valid_open_with(words, &options);
}

// A world in which the abstract queue speaks first.
static inline struct lab *valid_open_first(const char *words)
{
    const struct lab_options options = {.hashing = true, .referees = true, .promises_first = true};
    return valid_open_with(words, &options);
}

// Clean, without advice and without accusations; the clause that allows it exists.
static inline void valid_expect(const char *what, const char *clause, const struct vl_verdict *v)
{
    if (vl_clause_find(clause) == VL_CLAUSE_NONE) {
        fail_msg("%s: no clause %s", what, clause);
    }
    if (v->outcome != VL_CLEAN || v->peer_faults != 0) {
        fail_msg("%s [%s]: %s, %u peer faults: %s", what, clause, v->kind, v->peer_faults,
                 v->detail);
    }
    if (v->n_advice != 0) {
        fail_msg("%s [%s]: advice: %s", what, clause, v->advice[0].detail);
    }
}

#endif
