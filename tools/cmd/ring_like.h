// tools/cmd/ring_like.h -- which bugs that are known here leave a ring in the same shape.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_LIKE_H
#define RING_LIKE_H

#include "tools/cmd/ring_judge.h"

#include <stdio.h>

#define RING_LIKE_MAX 24u // that are told

struct ring_like {
    char name[64];
    bool in_zoo; // else a fault
    bool same;   // the same marks; else some of them
    char finding[48];
};

struct ring_likes {
    struct ring_like like[RING_LIKE_MAX]; // those with the same marks first
    uint32_t n;
    uint32_t n_all; // that there are
};

// Run every entry of the zoo and every fault to its end, judge the ring that it leaves as j was (by
// the same knowledge), and keep those in its shape: the same illegal marks; if there are none, the
// same suspicious ones; if there are none, the same advice, and the run got stuck. root: the
// source tree, or NULL.
// False with err (RING_ERR_BYTES) if there is no corpus.
bool ring_find_like(const struct ring_judged *j, const char *root, struct ring_likes *likes,
                    char *err);

void ring_print_like(FILE *out, const struct ring_judged *j, const struct ring_likes *likes);
void ring_print_like_json(FILE *out, const struct ring_likes *likes);

#endif
