// tools/cmd/ring_chain.c -- walking chains in a dump, and what no driver may put there.
// Spec: virtio 1.4 §2.7.5 and §2.7.5.3.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_KNOWN (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_INDIRECT)
#define SPANS_MAX 65536u // of all outstanding chains, compared for overlaps

struct span {
    uint64_t first;
    uint64_t last;
    uint16_t head;
    bool writable;
};

struct ring_walk {
    const struct ring_image *r;
    struct ring_elem *elem; // 2 * size + 2
    uint32_t *owner;        // per descriptor: 1 + the head whose outstanding chain has it
    uint32_t *seen;         // per descriptor: the walk that saw it
    uint32_t n_walks;
    struct span *span;
    uint32_t n_spans;
};

struct ring_walk *ring_walk_open(const struct ring_image *r)
{
    struct ring_walk *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    w->r = r;
    w->elem = calloc(2 * r->size + 2, sizeof(w->elem[0]));
    w->owner = calloc(r->size, sizeof(w->owner[0]));
    w->seen = calloc(r->size, sizeof(w->seen[0]));
    w->span = calloc(SPANS_MAX, sizeof(w->span[0]));
    if (w->elem == NULL || w->owner == NULL || w->seen == NULL || w->span == NULL) {
        ring_walk_close(w);
        return NULL;
    }
    return w;
}

void ring_walk_close(struct ring_walk *w)
{
    if (w != NULL) {
        free(w->elem);
        free(w->owner);
        free(w->seen);
        free(w->span);
        free(w);
    }
}

// One walk.
struct step {
    struct ring_walk *w;
    struct ring_chain *chain;
    struct ring_judged *j; // or NULL
    enum ring_level level;
    uint16_t head;
    bool wrote; // a writable element was there
};

static void tell(struct step *s, enum ring_mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct step *s, enum ring_mark mark, const char *format, ...)
{
    va_list args;
    s->chain->broken = true;
    if (s->j != NULL) {
        va_start(args, format);
        ring_mark_args(s->j, mark, s->level, format, args);
        va_end(args);
    }
}

static void keep(struct step *s, uint32_t k, const struct virtq_desc *d, bool in_table)
{
    struct ring_walk *w = s->w;
    if (s->chain->n_elems < 2 * w->r->size + 2) {
        w->elem[s->chain->n_elems++] =
            (struct ring_elem){.head = s->head,
                               .k = k,
                               .in_table = in_table,
                               .indirect = (d->flags & VIRTQ_DESC_F_INDIRECT) != 0,
                               .desc = *d};
    }
}

static void judge_flags(struct step *s, const char *where, uint32_t k, const struct virtq_desc *d)
{
    if ((d->flags & ~FLAGS_KNOWN) != 0) {
        tell(s, RING_DESC_FLAGS, "head %u, %s %" PRIu32 ": flags 0x%x", s->head, where, k,
             d->flags);
    }
}

// An element, in its place behind the others.
static void take(struct step *s, const char *where, uint32_t k, const struct virtq_desc *d)
{
    struct ring_chain *c = s->chain;
    const bool writable = (d->flags & VIRTQ_DESC_F_WRITE) != 0;

    c->n++;
    if (s->wrote && !writable) {
        tell(s, RING_READ_BEHIND, "head %u, %s %" PRIu32 ": readable, behind a writable one",
             s->head, where, k);
    }
    s->wrote = s->wrote || writable;
    *(writable ? &c->writable : &c->readable) += d->len;
    if (d->len == 0 && s->j != NULL) {
        ring_mark(s->j, RING_EMPTY, RING_ADVICE, "head %u, %s %" PRIu32 ": 0 bytes", s->head, where,
                  k);
    }
}

// The table of an indirect descriptor: from entry 0 on.
static void walk_table(struct step *s, const uint8_t *table, uint32_t entries)
{
    uint32_t k = 0;
    for (uint32_t n = 0; n <= s->w->r->size; n++) { // bound: size + 1
        if (n == entries) {
            tell(s, RING_CHAIN_LOOP, "head %u: its indirect table comes back to an entry", s->head);
            return;
        }
        const struct virtq_desc d = ring_desc(table, k);
        keep(s, k, &d, true);
        judge_flags(s, "table entry", k, &d);
        if ((d.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
            tell(s, RING_INDIRECT_NESTED, "head %u, table entry %" PRIu32 ": INDIRECT", s->head, k);
            return;
        }
        take(s, "table entry", k, &d);
        if ((d.flags & VIRTQ_DESC_F_NEXT) == 0) {
            return;
        }
        if (d.next >= entries) {
            tell(s, RING_NEXT_RANGE,
                 "head %u, table entry %" PRIu32 ": next %u in a table of %" PRIu32, s->head, k,
                 d.next, entries);
            return;
        }
        k = d.next;
    }
}

static void walk_indirect(struct step *s, uint32_t k, const struct virtq_desc *d)
{
    const struct ring_image *r = s->w->r;
    const bool whole = d->len != 0 && d->len % VIRTQ_DESC_BYTES == 0;
    const uint8_t *table = whole ? ring_memory_at(r, d->addr, d->len) : NULL;

    if (r->features_known && !r->indirect) {
        tell(s, RING_INDIRECT_OFF, "head %u, descriptor %" PRIu32 ": INDIRECT", s->head, k);
    }
    if ((d->flags & VIRTQ_DESC_F_NEXT) != 0) {
        tell(s, RING_INDIRECT_NEXT, "head %u, descriptor %" PRIu32 ": INDIRECT and NEXT", s->head,
             k);
    }
    if (!whole) {
        tell(s, RING_INDIRECT_LEN, "head %u, descriptor %" PRIu32 ": a table of %" PRIu32 " bytes",
             s->head, k, d->len);
    } else if (table == NULL) {
        s->chain->table_missing = true;
    } else {
        walk_table(s, table, d->len / VIRTQ_DESC_BYTES);
    }
}

// Is the descriptor free to be this chain's? owner is of outstanding chains only.
static bool first_visit(struct step *s, uint32_t k)
{
    struct ring_walk *w = s->w;
    if (w->seen[k] == w->n_walks) {
        tell(s, RING_CHAIN_LOOP, "head %u: its chain comes back to descriptor %" PRIu32, s->head,
             k);
        return false;
    }
    w->seen[k] = w->n_walks;
    if (s->j != NULL && w->owner[k] != 0 && w->owner[k] != s->head + 1u) {
        tell(s, RING_DESC_SHARED, "descriptor %" PRIu32 " is part of the chains of heads %u and %u",
             k, w->owner[k] - 1, s->head);
    }
    if (s->j != NULL) {
        w->owner[k] = s->head + 1u;
    }
    return true;
}

static void walk_direct(struct step *s)
{
    const struct ring_image *r = s->w->r;
    uint32_t k = s->head;

    for (uint32_t n = 0; n <= r->size; n++) { // bound: size + 1; each is visited once
        if (!first_visit(s, k)) {
            return;
        }
        const struct virtq_desc d = ring_desc(r->desc, k);
        keep(s, k, &d, false);
        judge_flags(s, "descriptor", k, &d);
        if ((d.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
            walk_indirect(s, k, &d);
            return;
        }
        take(s, "descriptor", k, &d);
        if ((d.flags & VIRTQ_DESC_F_NEXT) == 0) {
            return;
        }
        if (d.next >= r->size) {
            tell(s, RING_NEXT_RANGE,
                 "head %u, descriptor %" PRIu32 ": next %u in a table of %" PRIu32, s->head, k,
                 d.next, r->size);
            return;
        }
        k = d.next;
    }
}

void ring_walk(struct ring_walk *w, uint16_t head, struct ring_judged *j, enum ring_level level,
               struct ring_chain *chain)
{
    struct step s = {.w = w, .chain = chain, .j = j, .level = level, .head = head};

    *chain = (struct ring_chain){.elem = w->elem};
    w->n_walks++;
    walk_direct(&s);
    if (chain->n > w->r->size) {
        tell(&s, RING_CHAIN_LONG, "head %u: more than %" PRIu32 " descriptors", head, w->r->size);
    }
    if (chain->readable + chain->writable > 1ull << 32) {
        tell(&s, RING_TOTAL_LEN, "head %u: %" PRIu64 " bytes", head,
             chain->readable + chain->writable);
    }
}

// ---- overlaps -----------------------------------------------------------------------------------

static void add_spans(struct ring_walk *w, const struct ring_chain *c)
{
    for (uint32_t i = 0; i < c->n_elems && w->n_spans < SPANS_MAX; i++) { // bound: 2 * size + 2
        const struct virtq_desc *d = &c->elem[i].desc;
        if (c->elem[i].indirect || d->len == 0) {
            continue;
        }
        const uint64_t last = d->addr + (d->len - 1);
        w->span[w->n_spans++] = (struct span){.first = d->addr,
                                              .last = last < d->addr ? UINT64_MAX : last,
                                              .head = c->elem[i].head,
                                              .writable = (d->flags & VIRTQ_DESC_F_WRITE) != 0};
    }
}

static int by_address(const void *a, const void *b)
{
    const struct span *x = a;
    const struct span *y = b;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    return x->head < y->head ? -1 : x->head > y->head;
}

// No clause forbids it, and no driver wants it: what one buffer brings in, the other has in it.
static void judge_overlaps(struct ring_walk *w, struct ring_judged *j)
{
    const struct span *reach[2] = {NULL,
                                   NULL}; // the one that reaches furthest: any, a writable one

    qsort(w->span, w->n_spans, sizeof(w->span[0]), by_address);
    for (uint32_t i = 0; i < w->n_spans; i++) { // bound: SPANS_MAX
        const struct span *s = &w->span[i];
        const struct span *other = reach[s->writable ? 0 : 1];
        if (other != NULL && s->first <= other->last) {
            ring_mark(j, RING_OVERLAP, RING_SUSPICIOUS,
                      "the buffers of heads %u and %u both have 0x%" PRIx64 ", and one is writable",
                      other->head, s->head, s->first);
        }
        if (reach[0] == NULL || s->last > reach[0]->last) {
            reach[0] = s;
        }
        if (s->writable && (reach[1] == NULL || s->last > reach[1]->last)) {
            reach[1] = s;
        }
    }
}

// ---- used lengths -------------------------------------------------------------------------------

// The newest return of each head whose chain is not in use again. The driver leaves a chain as it
// is until it has seen its return.
static void judge_lengths(struct ring_walk *w, struct ring_judged *j)
{
    const struct ring_image *r = w->r;
    const uint16_t used_idx = ring_used_idx(r);
    const uint16_t unseen = (uint16_t)(used_idx - r->last_used);

    for (uint32_t n = 1; n <= j->n_used; n++) { // bound: size; the newest first
        const struct virtq_used_elem e = ring_used_elem(r, (uint16_t)(used_idx - n));
        struct ring_chain c;
        if (e.id >= r->size || w->owner[e.id] != 0) {
            continue;
        }
        ring_walk(w, (uint16_t)e.id, NULL, RING_ADVICE, &c);
        w->owner[e.id] = e.id + 1; // older returns of it say nothing
        if (c.broken || c.table_missing || e.len <= c.writable) {
            continue;
        }
        const bool sure = r->driver_known && unseen <= r->size && n <= unseen;
        ring_mark(j, RING_USED_LEN, sure ? RING_ILLEGAL : RING_SUSPICIOUS,
                  "used entry %u: %" PRIu32 " bytes of head %" PRIu32 ", which has %" PRIu64
                  " writable%s",
                  (uint16_t)(used_idx - n), e.len, e.id, c.writable,
                  sure ? "" : ", if its descriptors are still the ones");
    }
}

void ring_judge_chains(struct ring_judged *j, const struct ring_image *r)
{
    struct ring_walk *w = ring_walk_open(r);
    if (w == NULL) {
        ring_mark(j, RING_EMPTY, RING_ADVICE, "no memory left to walk chains");
        return;
    }
    for (uint32_t i = 0; i < j->n_known; i++) { // bound: size
        const struct ring_out *o = &j->out[i];
        const enum ring_level level = o->sure ? RING_ILLEGAL : RING_SUSPICIOUS;
        struct ring_chain c;
        if (w->owner[o->head] == o->head + 1u) {
            ring_mark(j, RING_HEAD_TWICE, level, "head %u is outstanding twice, again by entry %u",
                      o->head, o->i);
            continue;
        }
        ring_walk(w, o->head, j, level, &c);
        if (o->sure) {
            add_spans(w, &c);
        }
    }
    judge_overlaps(w, j);
    judge_lengths(w, j);
    ring_walk_close(w);
}
