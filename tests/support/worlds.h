// tests/support/worlds.h -- a world from the words of a scenario, and a seed's choices; what cannot
// be opened fails the test with the reason.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef WORLDS_H
#define WORLDS_H

#include "tools/lab/lab_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Say "key=value" words to a scenario, up to a NULL, and n at most.
static inline void world_words(struct lab_scenario *s, const char *const *words, size_t n)
{
    char err[256] = "";

    for (size_t i = 0; i < n && words[i] != NULL; i++) {
        if (!lab_scenario_set(s, words[i], err)) {
            fail_msg("%s", err);
        }
    }
}

static inline struct lab *world_open(const struct lab_scenario *s,
                                     const struct lab_options *options)
{
    char err[LAB_ERR_BYTES] = "";
    struct lab *lab = lab_open(s, options, err);

    if (lab == NULL) {
        fail_msg("%s", err);
    }
    return lab;
}

// Each third seed has priorities, the others walk at random.
static inline struct lab_choices world_seed(uint64_t seed)
{
    return (struct lab_choices){.source = VL_SOURCE_SEED,
                                .seed = seed,
                                .schedule = seed % 3 == 0 ? VL_SCHEDULE_PCT : VL_SCHEDULE_WALK,
                                .depth = 3};
}

#endif
