// model/memory/vl_axioms.c -- consistency of whole executions, by bit matrices.
// Sources: RC11: Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017, definitions 1 and 2, with C++20's
// release sequences; SC: Lamport 1979, as acyclicity; x86-TSO: Alglave, Maranget, Tautschnig,
// "Herding Cats", TOPLAS 2014.
// Initial values are no events: they happen before everything and are first in their order, so that
// no cycle leads through them.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_axioms.h"

#include <string.h>

// Row i: bit j is set if the relation holds from event i to event j.
struct relation {
    uint64_t row[VL_AXIOM_EVENTS];
};

struct execution {
    const struct vl_axiom_event *ev;
    unsigned n;
    uint32_t rules;
    struct relation po; // program order, but not within a wide access
    struct relation rf;
    struct relation mo;
    struct relation rb;
    struct relation hb; // rc11
};

static inline uint64_t bit(unsigned i)
{
    return UINT64_C(1) << (i % VL_AXIOM_EVENTS);
}

static inline bool holds(const struct relation *r, unsigned i, unsigned j)
{
    return (r->row[i] & bit(j)) != 0;
}

// The lowest event of a set that is not empty; it is taken out.
static inline unsigned take(uint64_t *set)
{
    const unsigned i = (unsigned)__builtin_ctzll(*set);
    *set &= *set - 1;
    return i;
}

static void join(struct relation *to, const struct relation *from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        to->row[i] |= from->row[i];
    }
}

// a;b
static struct relation compose(const struct relation *a, const struct relation *b, unsigned n)
{
    struct relation out;
    for (unsigned i = 0; i < n; i++) {
        out.row[i] = 0;
        for (uint64_t set = a->row[i]; set != 0;) { // bound: n
            out.row[i] |= b->row[take(&set)];
        }
    }
    return out;
}

static void close_transitively(struct relation *r, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        for (unsigned i = 0; i < n; i++) {
            r->row[i] |= holds(r, i, k) ? r->row[k] : 0;
        }
    }
}

static bool acyclic(const struct relation *r, unsigned n)
{
    struct relation closed = *r;
    close_transitively(&closed, n);
    for (unsigned i = 0; i < n; i++) {
        if (holds(&closed, i, i)) {
            return false;
        }
    }
    return true;
}

// ---- events ------------------------------------------------------------------------------------

static bool is_access(const struct vl_axiom_event *e)
{
    return e->kind != VL_AXIOM_FENCE;
}

static bool same_group(const struct vl_axiom_event *a, const struct vl_axiom_event *b)
{
    return a->thread == b->thread && a->group != 0 && a->group == b->group;
}

static bool same_loc(const struct vl_axiom_event *a, const struct vl_axiom_event *b)
{
    return is_access(a) && is_access(b) && a->loc == b->loc;
}

// The store that a load reads, VL_AXIOM_EVENTS: the initial value.
static unsigned source(const struct vl_axiom_event *e)
{
    return e->rf < 0 ? VL_AXIOM_EVENTS : (uint8_t)e->rf;
}

static void relate_loc(struct execution *x, unsigned i)
{
    const struct vl_axiom_event *e = &x->ev[i];
    const bool reads = e->kind == VL_AXIOM_READ;
    const unsigned from = source(e);
    unsigned place = e->mo;

    if (reads) {
        place = from < x->n ? x->ev[from].mo : 0;
        x->rf.row[from < x->n ? from : i] |= from < x->n ? bit(i) : 0;
    }
    for (unsigned j = 0; j < x->n; j++) {
        const struct vl_axiom_event *w = &x->ev[j];
        if (w->kind == VL_AXIOM_WRITE && w->loc == e->loc && w->mo > place) {
            (reads ? &x->rb : &x->mo)->row[i] |= bit(j);
        }
    }
}

static void relate(struct execution *x, const struct vl_axiom_event *ev, unsigned n, uint32_t rules)
{
    memset(x, 0, sizeof(*x));
    x->ev = ev;
    x->n = n;
    x->rules = rules;
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = i + 1; j < n; j++) {
            if (ev[i].thread == ev[j].thread && !same_group(&ev[i], &ev[j])) {
                x->po.row[i] |= bit(j);
            }
        }
        if (is_access(&ev[i])) {
            relate_loc(x, i);
        }
    }
}

// The first half of the read-modify-write whose second half is event i.
static unsigned first_half(const struct execution *x, unsigned i)
{
    unsigned half = i;
    for (unsigned k = 0; k < i; k++) {
        half = x->ev[k].thread == x->ev[i].thread ? k : half;
    }
    return half;
}

// A load sees a store that was made already.
static bool no_thin_air(const struct execution *x)
{
    struct relation porf = x->po;
    join(&porf, &x->rf, x->n);
    return acyclic(&porf, x->n);
}

static bool atomicity(const struct execution *x)
{
    if ((x->rules & VL_RULE_ATOMICITY) == 0) {
        return true;
    }
    for (unsigned i = 0; i < x->n; i++) {
        if (x->ev[i].kind != VL_AXIOM_WRITE || !x->ev[i].rmw) {
            continue;
        }
        uint64_t between = x->rb.row[first_half(x, i)];
        while (between != 0) { // bound: n
            if (holds(&x->mo, take(&between), i)) {
                return false;
            }
        }
    }
    return true;
}

// ---- RC11 --------------------------------------------------------------------------------------

// The fences of the thread of access i, before or behind it, that release or acquire.
static uint64_t fences(const struct execution *x, unsigned i, bool before)
{
    uint64_t set = 0;
    for (unsigned f = 0; f < x->n; f++) {
        const struct vl_axiom_event *e = &x->ev[f];
        if (e->kind != VL_AXIOM_FENCE) {
            continue;
        }
        if (before ? holds(&x->po, f, i) && vl_order_releases(e->order)
                   : holds(&x->po, i, f) && vl_order_acquires(e->order)) {
            set |= bit(f);
        }
    }
    return set;
}

// Events that a store hands over by itself (C11's release side): the store, and fences before it.
static uint64_t released_by(const struct execution *x, unsigned w)
{
    uint64_t set = 0;
    if (x->ev[w].order == VIRTQ_PLAIN) {
        return 0;
    }
    if ((x->rules & VL_RULE_RELEASE) != 0 && vl_order_releases(x->ev[w].order)) {
        set |= bit(w);
    }
    if ((x->rules & VL_RULE_FENCE_RELEASE) != 0) {
        set |= fences(x, w, true);
    }
    return set;
}

static uint64_t acquired_by(const struct execution *x, unsigned r)
{
    uint64_t set = 0;
    if (x->ev[r].order == VIRTQ_PLAIN) {
        return 0;
    }
    if ((x->rules & VL_RULE_ACQUIRE) != 0 && vl_order_acquires(x->ev[r].order)) {
        set |= bit(r);
    }
    if ((x->rules & VL_RULE_FENCE_ACQUIRE) != 0) {
        set |= fences(x, r, false);
    }
    return set;
}

// hb: program order and synchronizes-with. A read-modify-write hands over what the store it read
// hands over, too: that is all there is to a release sequence in C++20.
static void relate_hb(struct execution *x)
{
    x->hb = x->po;
    for (unsigned r = 0; r < x->n; r++) {
        if (x->ev[r].kind != VL_AXIOM_READ) {
            continue;
        }
        const uint64_t to = acquired_by(x, r);
        unsigned w = source(&x->ev[r]);
        for (unsigned steps = 0; w < x->n && steps < x->n; steps++) {
            for (uint64_t from = released_by(x, w); from != 0;) { // bound: n
                x->hb.row[take(&from)] |= to;
            }
            const bool goes_on = x->ev[w].rmw && (x->rules & VL_RULE_RELEASE_SEQUENCE) != 0;
            w = goes_on ? source(&x->ev[first_half(x, w)]) : VL_AXIOM_EVENTS;
        }
    }
    close_transitively(&x->hb, x->n);
}

// Event a happens before event b, of the same location: does the execution have them in the other
// order?
static bool incoherent(const struct execution *x, unsigned a, unsigned b)
{
    const struct vl_axiom_event *ea = &x->ev[a];

    if (ea->kind == VL_AXIOM_WRITE) {
        return x->ev[b].kind == VL_AXIOM_WRITE
                   ? (x->rules & VL_RULE_COHERENCE_WW) != 0 && holds(&x->mo, b, a)
                   : (x->rules & VL_RULE_COHERENCE_WR) != 0 && holds(&x->rb, b, a);
    }
    const unsigned seen = source(ea);
    if (seen >= x->n) {
        return false; // the initial value is behind nothing
    }
    return x->ev[b].kind == VL_AXIOM_WRITE
               ? (x->rules & VL_RULE_COHERENCE_RW) != 0 && holds(&x->mo, b, seen)
               : (x->rules & VL_RULE_COHERENCE_RR) != 0 && holds(&x->rb, b, seen);
}

// hb;eco? is irreflexive. (hb itself and hb;rf are, by no_thin_air().)
static bool coherence(const struct execution *x)
{
    for (unsigned a = 0; a < x->n; a++) {
        for (uint64_t set = x->hb.row[a]; set != 0;) { // bound: n
            const unsigned b = take(&set);
            if (same_loc(&x->ev[a], &x->ev[b]) && incoherent(x, a, b)) {
                return false;
            }
        }
    }
    return true;
}

// scb = po + po/=loc;hb;po/=loc + hb/=loc... : what orders seq-cst events besides hb.
static struct relation relate_scb(const struct execution *x)
{
    struct relation po_other = {{0}};
    struct relation hb_same = {{0}};
    for (unsigned i = 0; i < x->n; i++) {
        for (unsigned j = 0; j < x->n; j++) {
            const bool same = same_loc(&x->ev[i], &x->ev[j]);
            po_other.row[i] |= !same && holds(&x->po, i, j) ? bit(j) : 0;
            hb_same.row[i] |= same && holds(&x->hb, i, j) ? bit(j) : 0;
        }
    }
    const struct relation half = compose(&po_other, &x->hb, x->n);
    struct relation scb = compose(&half, &po_other, x->n);
    join(&scb, &x->po, x->n);
    join(&scb, &hb_same, x->n);
    join(&scb, &x->mo, x->n);
    join(&scb, &x->rb, x->n);
    return scb;
}

// psc_base + psc_F, over the seq-cst events whose rules are asked for.
//   accesses, fences  sets of seq-cst events
static struct relation relate_psc(const struct execution *x, uint64_t accesses, uint64_t fence_set)
{
    const unsigned n = x->n;
    struct relation left = {{0}};  // [accesses] + [fences];hb?
    struct relation right = {{0}}; // [accesses] + hb?;[fences]
    struct relation eco = x->rf;
    struct relation scb = relate_scb(x);

    join(&eco, &x->mo, n);
    join(&eco, &x->rb, n);
    close_transitively(&eco, n);
    for (unsigned i = 0; i < n; i++) {
        left.row[i] = (accesses & bit(i)) | ((fence_set & bit(i)) != 0 ? x->hb.row[i] | bit(i) : 0);
        right.row[i] = (accesses & bit(i)) | ((x->hb.row[i] | bit(i)) & fence_set);
    }
    struct relation half = compose(&left, &scb, n);
    struct relation psc = compose(&half, &right, n);

    half = compose(&x->hb, &eco, n);
    struct relation between = compose(&half, &x->hb, n);
    join(&between, &x->hb, n);
    for (unsigned i = 0; i < n; i++) {
        psc.row[i] |= (fence_set & bit(i)) != 0 ? between.row[i] & fence_set : 0;
    }
    return psc;
}

static bool psc_acyclic(const struct execution *x)
{
    uint64_t accesses = 0;
    uint64_t fence_set = 0;
    for (unsigned i = 0; i < x->n; i++) {
        if (x->ev[i].order == VIRTQ_SEQ_CST) {
            *(is_access(&x->ev[i]) ? &accesses : &fence_set) |= bit(i);
        }
    }
    accesses = (x->rules & VL_RULE_PSC_ACCESS) != 0 ? accesses : 0;
    fence_set = (x->rules & VL_RULE_PSC_FENCE) != 0 ? fence_set : 0;
    if ((accesses | fence_set) == 0) {
        return true;
    }
    const struct relation psc = relate_psc(x, accesses, fence_set);
    return acyclic(&psc, x->n);
}

// ---- SC and x86-TSO ----------------------------------------------------------------------------

// A wide access is one step: relations between its events become relations of its first event.
static bool acyclic_by_access(const struct execution *x, const struct relation *r)
{
    struct relation by_access = {{0}};
    unsigned node[VL_AXIOM_EVENTS];

    for (unsigned i = 0; i < x->n; i++) {
        node[i] = i;
        for (unsigned j = i; j-- > 0;) {
            node[i] = same_group(&x->ev[i], &x->ev[j]) ? j : node[i];
        }
    }
    for (unsigned i = 0; i < x->n; i++) {
        for (uint64_t set = r->row[i]; set != 0;) { // bound: n
            by_access.row[node[i]] |= bit(node[take(&set)]);
        }
    }
    return acyclic(&by_access, x->n);
}

static bool sc_consistent(const struct execution *x)
{
    struct relation all = x->rf;
    join(&all, &x->mo, x->n);
    join(&all, &x->rb, x->n);
    if ((x->rules & VL_RULE_SC_ORDER) != 0) {
        join(&all, &x->po, x->n);
    }
    return acyclic_by_access(x, &all);
}

// Part of a locked instruction: a read-modify-write, one that failed, or a seq-cst store.
static bool locked(const struct execution *x, unsigned i)
{
    const struct vl_axiom_event *e = &x->ev[i];
    if (e->kind == VL_AXIOM_FENCE) {
        return false;
    }
    if (e->rmw || (e->kind == VL_AXIOM_WRITE && vl_order_drains(e->order))) {
        return true;
    }
    for (unsigned j = i + 1; e->kind == VL_AXIOM_READ && j < x->n; j++) {
        if (x->ev[j].thread == e->thread) {
            return x->ev[j].kind == VL_AXIOM_WRITE && x->ev[j].rmw;
        }
    }
    return false;
}

// Does the machine keep events i and j, in program order, in this order?
static bool tso_keeps(const struct execution *x, unsigned i, unsigned j)
{
    const struct vl_axiom_event *a = &x->ev[i];
    const struct vl_axiom_event *b = &x->ev[j];

    if (a->kind == VL_AXIOM_FENCE || b->kind == VL_AXIOM_FENCE) {
        const unsigned order = a->kind == VL_AXIOM_FENCE ? a->order : b->order;
        return (x->rules & VL_RULE_TSO_FENCE) != 0 && vl_order_drains(order);
    }
    if ((x->rules & VL_RULE_TSO_LOCKED) != 0 && (locked(x, i) || locked(x, j))) {
        return true;
    }
    if (a->kind == VL_AXIOM_READ) {
        return b->kind == VL_AXIOM_WRITE || (x->rules & VL_RULE_TSO_LOADS) != 0;
    }
    return b->kind == VL_AXIOM_WRITE && ((x->rules & VL_RULE_TSO_FIFO) != 0 || same_loc(a, b));
}

static bool tso_consistent(const struct execution *x)
{
    struct relation all = x->mo;
    join(&all, &x->rb, x->n);
    for (unsigned i = 0; i < x->n; i++) {
        for (uint64_t set = x->po.row[i]; set != 0;) { // bound: n
            const unsigned j = take(&set);
            all.row[i] |= tso_keeps(x, i, j) ? bit(j) : 0;
            if ((x->rules & VL_RULE_TSO_FORWARD) != 0 && holds(&x->rb, j, i)) {
                return false; // j is a load that misses the store i before it
            }
        }
        for (uint64_t set = x->rf.row[i]; set != 0;) { // bound: n
            const unsigned j = take(&set);
            all.row[i] |= x->ev[i].thread != x->ev[j].thread ? bit(j) : 0;
        }
    }
    return acyclic_by_access(x, &all);
}

// ---- the interface -----------------------------------------------------------------------------

bool vl_axioms_psc(const struct vl_axiom_event *ev, unsigned n, uint32_t rules)
{
    struct execution x;
    relate(&x, ev, n, rules);
    relate_hb(&x);
    return psc_acyclic(&x);
}

bool vl_axioms_consistent(const struct vl_axiom_event *ev, unsigned n, enum vl_model model,
                          uint32_t rules)
{
    struct execution x;
    relate(&x, ev, n, rules);
    if (!no_thin_air(&x) || !atomicity(&x)) {
        return false;
    }
    if (model == VL_MODEL_SC) {
        return sc_consistent(&x);
    }
    if (model == VL_MODEL_TSO) {
        return tso_consistent(&x);
    }
    relate_hb(&x);
    return coherence(&x) && psc_acyclic(&x);
}

bool vl_axioms_race(const struct vl_axiom_event *ev, unsigned n, unsigned *first, unsigned *second)
{
    struct execution x;
    relate(&x, ev, n, VL_RULES_ALL);
    relate_hb(&x);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = i + 1; j < n; j++) {
            const bool plain = ev[i].order == VIRTQ_PLAIN || ev[j].order == VIRTQ_PLAIN;
            const bool stores = ev[i].kind == VL_AXIOM_WRITE || ev[j].kind == VL_AXIOM_WRITE;
            if (plain && stores && same_loc(&ev[i], &ev[j]) && ev[i].thread != ev[j].thread &&
                !holds(&x.hb, i, j) && !holds(&x.hb, j, i)) {
                *first = i;
                *second = j;
                return true;
            }
        }
    }
    return false;
}
