// tools/cmd/lesson_claims.h -- what a lesson claims of the memory models, put to the test.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LESSON_CLAIMS_H
#define LESSON_CLAIMS_H

#include "tools/cmd/explore_run.h"
#include "tools/cmd/lesson_print.h"

// One claim under one model.
struct lesson_found {
    enum lesson_answer answer;
    struct vl_result explored; // of an exploration
    uint64_t seed;             // of runs: the first one with the finding
};

struct lesson_claim_result {
    struct lesson_found found[LESSON_MODELS]; // as the claim's words have it
    struct lesson_found fixed[LESSON_MODELS]; // with all put right; answer must be NO
    char races[EXPLORE_RACES_SHOWN][EXPLORE_TEXT_BYTES];
    uint32_t n_races;
    bool as_claimed;
};

// Explore, or run over seeds, what the claim says. finding: what runs are to come to. False with
// err: it cannot be done.
bool lesson_claim_check(const struct lesson_claim *claim, const char *finding,
                        struct lesson_claim_result *result, char *err);

// "sc no (494 executions), tso no (494), rc11 yes (680 of 708)", with what was asked before it.
void lesson_claim_print(const struct lesson_out *out, const struct lesson_claim *claim,
                        const struct lesson_claim_result *result);
// The same with all put right.
void lesson_fixed_print(const struct lesson_out *out, const struct lesson_claim *claim,
                        const struct lesson_claim_result *result);

#endif
