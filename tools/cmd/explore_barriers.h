// tools/cmd/explore_barriers.h -- what each barrier of a ring is for: the real halves, explored
// with every barrier as written and with one weakened, held against what ring/virtq_barrier.h says.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef EXPLORE_BARRIERS_H
#define EXPLORE_BARRIERS_H

#include "model/memory/vl_model.h"
#include "ring/virtq_barrier.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define EXPLORE_BARRIERS_ROWS 320u

enum explore_barriers_form {
    EXPLORE_BARRIERS_TEXT,
    EXPLORE_BARRIERS_MARKDOWN,
    EXPLORE_BARRIERS_JSON
};

struct explore_barriers_options {
    enum explore_barriers_form form;
    bool quick;  // one and two buffers only
    bool quiet;  // no progress
    int n_words; // of every scenario, except memory=, which leaves other models out
    char *const *words;
};

// One scenario with every barrier as written, or one weakened barrier in scenarios that are tried
// in turn until one refutes it; under one model.
struct explore_barriers_row {
    const char *mode; // how the sides tell each other; of the scenario that refuted it, or all
    const char *ring; // VIRTQ_BARRIER_NONE: what else the scenario says
    enum virtq_barrier barrier; // VIRTQ_BARRIER_NONE: all are as written
    enum vl_model model;
    uint32_t buffers;
    char strength[8];
    bool proved;
    bool expected;       // what virtq_barrier.h demands
    char finding[32];    // what refutes it: a kind of finding
    uint64_t executions; // complete ones
    uint64_t blocked;    // and others
};

struct explore_barriers_table {
    uint32_t n;
    uint32_t n_unexpected;
    struct explore_barriers_row row[EXPLORE_BARRIERS_ROWS];
};

// Explore and print. Returns an exit code: clean if every row is as expected, else a finding.
int explore_barriers(const struct explore_barriers_options *options);

// ---- explore_barriers_print.c

// "avail-publish"; "" for VIRTQ_BARRIER_NONE.
const char *explore_barriers_name(enum virtq_barrier barrier);

void explore_barriers_print(const struct explore_barriers_table *t,
                            enum explore_barriers_form form);

#endif
