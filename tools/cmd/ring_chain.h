// tools/cmd/ring_chain.h -- the descriptor chains of a ring in a dump.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_CHAIN_H
#define RING_CHAIN_H

#include "tools/cmd/ring_judge.h"

#include <stdarg.h>

// An element of a buffer.
struct ring_elem {
    uint16_t head; // of its chain
    uint32_t k;    // index in its table
    bool in_table; // an indirect one
    bool indirect; // no element: it names a table
    struct virtq_desc desc;
};

struct ring_chain {
    uint32_t n;                   // descriptors, those of an indirect table counted
    uint64_t readable;            // bytes
    uint64_t writable;            // bytes
    bool broken;                  // it does not end as it must; what was found up to there counts
    bool table_missing;           // of an indirect descriptor: it is not in the dump
    const struct ring_elem *elem; // all n and the indirect one; valid until the next walk
    uint32_t n_elems;
};

// What walks chains; large.
struct ring_walk;
struct ring_walk *ring_walk_open(const struct ring_image *r); // NULL: no memory left
void ring_walk_close(struct ring_walk *w);

// Walk the chain of a head. j not NULL: what is wrong becomes marks of that level.
void ring_walk(struct ring_walk *w, uint16_t head, struct ring_judged *j, enum ring_level level,
               struct ring_chain *chain);

// Judge the chains of all outstanding heads, and the lengths that used entries claim.
void ring_judge_chains(struct ring_judged *j, const struct ring_image *r);

// Add a mark.
void ring_mark(struct ring_judged *j, enum ring_mark mark, enum ring_level level,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
void ring_mark_args(struct ring_judged *j, enum ring_mark mark, enum ring_level level,
                    const char *format, va_list args) __attribute__((format(printf, 4, 0)));

#endif
