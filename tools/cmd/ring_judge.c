// tools/cmd/ring_judge.c -- judging a ring by its bytes: indices, entries, who holds what, hangs.
// Spec: virtio 1.4 §2.7. Chains are ring_chain.c's.
//
// What can be told without history. Between enable and now avail.idx - start entries were published
// and used.idx - start returned, both modulo 2^16; the newest queue-size ones of each are there. A
// device may return them in any order, so that which heads it holds can only be told where the
// entries that are there say so; see struct ring_out.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_judge.h"

#include "tools/cmd/ring_chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_MARK_ROW_(id, name, clause, who) {name, clause, who},
static const char *const marks[][3] = {RING_MARKS(RING_MARK_ROW_)};
#undef RING_MARK_ROW_

const char *ring_mark_name(enum ring_mark m)
{
    return marks[m][0];
}

const char *ring_mark_clause(enum ring_mark m)
{
    return marks[m][1];
}

const char *ring_mark_side(enum ring_mark m)
{
    return marks[m][2];
}

void ring_mark_args(struct ring_judged *j, enum ring_mark mark, enum ring_level level,
                    const char *format, va_list args)
{
    j->marks[level] |= 1ull << mark;
    j->n[level]++;
    if (j->n_of[mark]++ >= RING_OF_A_MARK_MAX) {
        return;
    }
    struct ring_finding *f = &j->finding[j->n_findings++];
    f->mark = mark;
    f->level = level;
    (void)vsnprintf(f->text, sizeof(f->text), format, args);
}

void ring_mark(struct ring_judged *j, enum ring_mark mark, enum ring_level level,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ring_mark_args(j, mark, level, format, args);
    va_end(args);
}

// What the judging needs beside its result.
struct work {
    struct ring_judged *j;
    const struct ring_image *r;
    uint16_t avail_idx;
    uint16_t used_idx;
    uint16_t first;  // of the available entries that are known
    bool sane;       // avail.idx - used.idx is a number of heads that there can be
    uint32_t *n_pub; // per head: in the known available entries
    uint32_t *n_ret; // per head: in the used entries as old as these
    uint32_t *pub;   // per head: how far before avail.idx its newest entry stands; 0: none
    uint32_t *ret;   // per head: how far before used.idx its newest return stands; 0: none
};

// ---- indices and entries ------------------------------------------------------------------------

static void judge_indices(struct work *w)
{
    const uint16_t ahead = (uint16_t)(w->avail_idx - w->used_idx);
    const uint16_t behind = (uint16_t)(w->used_idx - w->avail_idx);

    w->sane = ahead <= w->r->size;
    if (w->sane) {
        w->j->n_out = ahead;
    } else if (behind <= INT16_MAX) {
        ring_mark(
            w->j, RING_USED_AHEAD, RING_ILLEGAL,
            "used.idx %u is ahead of avail.idx %u by %u: more was used than was available, or "
            "avail.idx went back",
            w->used_idx, w->avail_idx, behind);
    } else {
        ring_mark(w->j, RING_TOO_MANY, RING_ILLEGAL,
                  "avail.idx %u and used.idx %u: %u heads outstanding in a queue of %" PRIu32,
                  w->avail_idx, w->used_idx, ahead, w->r->size);
    }
}

// A used entry behind everything that was available since the start: the ring has wrapped. (The
// driver may fill available entries before it publishes them; the device has no reason to.)
static bool has_wrapped(const struct work *w, uint32_t published)
{
    for (uint32_t n = published; n < w->r->size; n++) { // bound: size
        const struct virtq_used_elem e = ring_used_elem(w->r, (uint16_t)(w->r->start_idx + n));
        if (e.id != 0 || e.len != 0) {
            return true;
        }
    }
    return published >= w->r->size;
}

static void find_window(struct work *w)
{
    const uint32_t published = (uint16_t)(w->avail_idx - w->r->start_idx);
    const uint32_t returned = (uint16_t)(w->used_idx - w->r->start_idx);
    const uint32_t size = w->r->size;
    struct ring_judged *j = w->j;

    // More outstanding than published: the start is not the one that was said.
    const bool wrapped = has_wrapped(w, published) || j->n_out > published;
    j->all_visible = w->sane && (!wrapped || (published == size && j->n_out <= size));
    j->n_avail = wrapped ? size : published;
    j->n_used = wrapped && !j->all_visible ? size : returned;
    if (j->n_used > size) {
        j->n_used = size; // it is ahead
    }
    w->first = (uint16_t)(w->avail_idx - j->n_avail);
}

static void judge_entries(struct work *w)
{
    const struct ring_image *r = w->r;
    const enum ring_level level = w->sane ? RING_ILLEGAL : RING_SUSPICIOUS;

    for (uint32_t n = 0; n < w->j->n_avail; n++) { // bound: size
        const uint16_t i = (uint16_t)(w->first + n);
        const uint16_t head = ring_avail_head(r, i);
        if (head >= r->size) {
            ring_mark(w->j, RING_HEAD_RANGE, level,
                      "available entry %u (slot %" PRIu32 "): head %u in a table of %" PRIu32, i,
                      i & (r->size - 1), head, r->size);
        } else {
            w->n_pub[head]++;
            w->pub[head] = w->j->n_avail - n;
        }
    }
    for (uint32_t n = w->j->n_used; n > 0; n--) { // bound: size
        const uint16_t i = (uint16_t)(w->used_idx - n);
        const struct virtq_used_elem e = ring_used_elem(r, i);
        if (e.id >= r->size) {
            ring_mark(w->j, RING_USED_RANGE, level,
                      "used entry %u (slot %" PRIu32 "): id %" PRIu32 " in a table of %" PRIu32, i,
                      i & (r->size - 1), e.id, r->size);
        } else {
            w->n_ret[e.id] += (uint16_t)(i - w->first) < (uint16_t)(w->used_idx - w->first) ? 1 : 0;
            w->ret[e.id] = n;
        }
    }
}

// ---- what is returned ---------------------------------------------------------------------------

// Is head published by one of the entries from .. avail.idx - 1, all of them known?
static bool published_from(const struct work *w, uint16_t from, uint32_t head)
{
    return w->pub[head] != 0 && w->pub[head] <= (uint16_t)(w->avail_idx - from);
}

static void returned_twice(struct work *w, uint16_t i, uint32_t head, const char *why)
{
    ring_mark(w->j, RING_USED_TWICE, RING_ILLEGAL, "used entry %u: head %" PRIu32 " %s", i, head,
              why);
}

// Nothing is missing: every return has its publication.
static void judge_returns_whole(struct work *w, uint32_t *seen)
{
    for (uint32_t n = w->j->n_used; n > 0; n--) { // bound: size
        const uint16_t i = (uint16_t)(w->used_idx - n);
        const uint32_t head = ring_used_elem(w->r, i).id;
        if (head >= w->r->size) {
            continue;
        }
        if (w->n_pub[head] == 0) {
            ring_mark(w->j, RING_USED_NEVER, RING_ILLEGAL,
                      "used entry %u: head %" PRIu32 " was never made available", i, head);
        } else if (++seen[head] > w->n_pub[head]) {
            returned_twice(w, i, head, "is returned more often than it was made available");
        }
    }
}

// The entries before the window are gone. Between two returns of a head it was published, by an
// entry as young as the first of them at least.
static void judge_returns(struct work *w, uint32_t *last)
{
    for (uint32_t n = w->j->n_used; n > 0; n--) { // bound: size
        const uint16_t i = (uint16_t)(w->used_idx - n);
        const uint32_t head = ring_used_elem(w->r, i).id;
        if (head >= w->r->size) {
            continue;
        }
        const bool known = (uint16_t)(i - w->first) < w->j->n_avail;
        const uint16_t before = (uint16_t)(w->used_idx - last[head] + 1); // behind the last return
        if (last[head] != 0 && (uint16_t)(before - w->first) < w->j->n_avail &&
            !published_from(w, before, head)) {
            returned_twice(w, i, head, "is returned again, and was not made available between");
        } else if (known && w->n_pub[head] == 0) {
            ring_mark(w->j, RING_USED_NEVER, RING_SUSPICIOUS,
                      "used entry %u: head %" PRIu32 " was not made available by any entry that is "
                      "still there",
                      i, head);
        }
        last[head] = n;
    }
}

// ---- what is outstanding ------------------------------------------------------------------------

static bool in_order(const struct work *w)
{
    uint32_t n = 0;
    for (uint16_t i = w->first; i != w->used_idx; i++) { // bound: size
        if (ring_used_elem(w->r, i).id != ring_avail_head(w->r, i)) {
            return false;
        }
        n++;
    }
    return n > 0;
}

// No return of head is there that could be entry i's: at most size heads were outstanding then.
static bool not_returned(const struct work *w, uint16_t i, uint16_t head)
{
    const uint32_t back = w->ret[head];
    return back == 0 || (uint16_t)(i - (uint16_t)(w->used_idx - back)) >= w->r->size;
}

static bool is_sure(const struct work *w, uint16_t i, uint16_t head)
{
    const bool young = (uint16_t)(i - w->used_idx) < w->j->n_out;
    return w->j->all_visible || (young && (w->j->used_in_order || not_returned(w, i, head)));
}

static void find_outstanding(struct work *w)
{
    struct ring_judged *j = w->j;

    j->used_in_order = in_order(w);
    for (uint32_t n = 0; n < j->n_avail; n++) { // the youngest publication is the one that counts
        const uint16_t i = (uint16_t)(w->avail_idx - 1 - n);
        const uint16_t head = ring_avail_head(w->r, i);
        if (head >= w->r->size || w->n_pub[head] <= w->n_ret[head]) {
            continue;
        }
        w->n_pub[head]--;
        j->out[j->n_known++] = (struct ring_out){.i = i, .head = head, .sure = is_sure(w, i, head)};
    }
    for (uint32_t n = 0; n < j->n_known / 2; n++) { // the oldest first
        const struct ring_out first = j->out[n];
        j->out[n] = j->out[j->n_known - 1 - n];
        j->out[j->n_known - 1 - n] = first;
    }
}

// ---- hangs --------------------------------------------------------------------------------------

static void judge_flags(struct work *w)
{
    const uint16_t avail = ring_avail_flags(w->r);
    const uint16_t used = ring_used_flags(w->r);

    if (w->r->features_known && w->r->event_idx) {
        if (avail != 0) {
            ring_mark(w->j, RING_AVAIL_FLAGS_EVENT, RING_ILLEGAL, "avail.flags is 0x%x", avail);
        }
        if (used != 0) {
            ring_mark(w->j, RING_USED_FLAGS_EVENT, RING_ILLEGAL, "used.flags is 0x%x", used);
        }
        return;
    }
    if (avail > 1) {
        ring_mark(w->j, RING_AVAIL_FLAGS, RING_ILLEGAL, "avail.flags is 0x%x", avail);
    }
    if (used > 1) {
        ring_mark(w->j, RING_USED_FLAGS, RING_ILLEGAL, "used.flags is 0x%x", used);
    }
}

// Entries that one side has put there and the other has perhaps not read.
struct unread {
    bool told;  // by --last-avail, --last-used; else guessed
    bool none;  // they are read, or nothing says what is
    bool stale; // nothing does
    uint16_t from;
    uint16_t n;
    bool asked; // for a notification
    char how[64];
};

// known, last: how far it was read. event: the index that a notification is asked at. most: entries
// that may be unread. flags: its bit 0 asks for none.
static void find_unread(const struct work *w, bool known, uint16_t last, uint16_t event,
                        uint16_t flags, uint16_t idx, uint32_t most, struct unread *u)
{
    const uint16_t behind = (uint16_t)(idx - (known ? last : event));

    *u = (struct unread){.told = known};
    if (known || w->j->event_idx) { // who asks at an index has mostly read up to there
        u->none = behind == 0 || behind > most;
        u->stale = behind > most;
        u->n = u->none ? 0 : behind;
    } else {
        u->n = (uint16_t)most;
        u->none = most == 0;
    }
    u->from = (uint16_t)(idx - u->n);
    if (w->j->event_idx) {
        u->asked = (uint16_t)(event - u->from) < u->n;
        (void)snprintf(u->how, sizeof(u->how), "at index %u", event);
    } else {
        u->asked = (flags & 1u) == 0;
        (void)snprintf(u->how, sizeof(u->how), "flags %u", flags);
    }
}

static void judge_device_side(struct work *w)
{
    struct unread u;
    find_unread(w, w->r->device_known, w->r->last_avail, ring_avail_event(w->r),
                ring_used_flags(w->r), w->avail_idx, w->j->n_out, &u);
    if (!u.none && u.asked) {
        ring_mark(
            w->j, RING_KICK_OWED, RING_ADVICE,
            "%u available from entry %u on, %s the device; it asks for a notification (%s): if "
            "it sleeps, the driver sent none, or one was lost",
            u.n, u.from, u.told ? "not read by" : "perhaps not read by", u.how);
    } else if (!u.none) {
        ring_mark(w->j, RING_UNREAD, RING_ADVICE,
                  "%u available from entry %u on, %s the device; it asks for no notification (%s): "
                  "if it sleeps, it did not look again before",
                  u.n, u.from, u.told ? "not read by" : "perhaps not read by", u.how);
    } else if (w->j->n_out > 0 && !u.stale) {
        ring_mark(w->j, RING_HELD, RING_ADVICE,
                  "%" PRIu32 " read by the device and not returned: its backend has them, or it "
                  "lost them",
                  w->j->n_out);
    }
}

static void judge_driver_side(struct work *w)
{
    struct unread u;
    if (!w->r->driver_known && !w->j->event_idx) {
        return; // nothing says how far the driver is
    }
    find_unread(w, w->r->driver_known, w->r->last_used, ring_used_event(w->r),
                ring_avail_flags(w->r), w->used_idx, w->r->size, &u);
    if (!u.none && u.asked) {
        ring_mark(w->j, RING_INTERRUPT_OWED, RING_ADVICE,
                  "%u used from entry %u on, %s the driver; it asks for a notification (%s): if it "
                  "sleeps, the device sent none, or one was lost",
                  u.n, u.from, u.told ? "not seen by" : "perhaps not seen by", u.how);
    } else if (!u.none) {
        ring_mark(
            w->j, RING_UNSEEN, RING_ADVICE,
            "%u used from entry %u on, %s the driver; it asks for no notification (%s): if it "
            "sleeps, it did not look again before",
            u.n, u.from, u.told ? "not seen by" : "perhaps not seen by", u.how);
    }
}

static void judge_hang(struct work *w)
{
    judge_device_side(w);
    judge_driver_side(w);
    if (w->j->n_out == w->r->size) {
        ring_mark(w->j, RING_FULL, RING_ADVICE,
                  "all %" PRIu32 " heads are outstanding: the driver can add nothing", w->r->size);
    }
}

// ---- all of it ----------------------------------------------------------------------------------

static void judge(struct work *w, uint32_t *scratch)
{
    judge_indices(w);
    find_window(w);
    judge_entries(w);
    judge_flags(w);
    if (!w->sane) {
        return; // what follows from indices that cannot be is not worth saying
    }
    if (w->j->all_visible) {
        judge_returns_whole(w, scratch);
    } else {
        judge_returns(w, scratch);
    }
    find_outstanding(w);
    ring_judge_chains(w->j, w->r);
    judge_hang(w);
}

bool ring_judge_open(struct ring_judged *j, const struct ring_image *r, char *err)
{
    const bool events = ring_used_event(r) != 0 || ring_avail_event(r) != 0;
    uint32_t *words = calloc(r->size, 5 * sizeof(uint32_t));

    memset(j, 0, sizeof(*j));
    j->image = r;
    j->event_idx = r->features_known
                       ? r->event_idx
                       : events && ring_avail_flags(r) == 0 && ring_used_flags(r) == 0;
    j->out = calloc(r->size, sizeof(j->out[0]));
    const bool ok = words != NULL && j->out != NULL;
    if (ok) {
        struct work w = {.j = j,
                         .r = r,
                         .avail_idx = ring_avail_idx(r),
                         .used_idx = ring_used_idx(r),
                         .n_pub = words,
                         .n_ret = words + r->size,
                         .pub = words + 2 * (size_t)r->size,
                         .ret = words + 3 * (size_t)r->size};
        judge(&w, words + 4 * (size_t)r->size);
    } else {
        (void)snprintf(err, RING_ERR_BYTES, "no memory left");
    }
    free(words);
    return ok;
}

void ring_judged_close(struct ring_judged *j)
{
    free(j->out);
    j->out = NULL;
}
