// tools/cmd/ring_judge.h -- what a ring's bytes say: who holds what, and what no legal pair comes
// to.
//
// A dump is one moment without history. So each mark says with what certainty it can be told: what
// is illegal is so for any history; what is suspicious is legal for some histories that are rare;
// advice is legal, and what to look at if the ring hangs.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef RING_JUDGE_H
#define RING_JUDGE_H

#include "tools/cmd/ring_dump.h"

#define RING_OF_A_MARK_MAX 4u // findings that are told; all are counted
#define RING_FINDING_BYTES 200u

// X(ID, "name", "clause", "who breaks it"); the clause's words say what is wrong.
#define RING_MARKS(X)                                                                              \
    X(USED_AHEAD, "used-ahead", "2.7.8-dev-d1", "device")                                          \
    X(TOO_MANY, "too-many", "2.7.13-drv-d1", "driver")                                             \
    X(HEAD_RANGE, "head-range", "2.7.13-drv-d2", "driver")                                         \
    X(HEAD_TWICE, "head-twice", "2.7.13-drv-d1", "driver")                                         \
    X(USED_RANGE, "used-range", "2.7.8-dev-d1", "device")                                          \
    X(USED_NEVER, "used-never-available", "2.7.8-dev-d1", "device")                                \
    X(USED_TWICE, "used-twice", "2.7.8-dev-d1", "device")                                          \
    X(USED_LEN, "used-len", "2.7.8-dev-d2", "device")                                              \
    X(NEXT_RANGE, "next-range", "2.7.13.1-drv-d4", "driver")                                       \
    X(CHAIN_LOOP, "chain-loop", "2.7.5.2-drv-2", "driver")                                         \
    X(CHAIN_LONG, "chain-long", "2.7.5.3.1-drv-3", "driver")                                       \
    X(DESC_SHARED, "descriptor-shared", "2.7.13-drv-d1", "driver")                                 \
    X(READ_BEHIND, "readable-behind-writable", "2.7.4.2-drv-1", "driver")                          \
    X(TOTAL_LEN, "total-length", "2.7.5.2-drv-1", "driver")                                        \
    X(DESC_FLAGS, "descriptor-flags", "2.7.13.1-drv-d3", "driver")                                 \
    X(INDIRECT_NEXT, "indirect-next", "2.7.5.3.1-drv-4", "driver")                                 \
    X(INDIRECT_OFF, "indirect-not-negotiated", "2.7.5.3.1-drv-1", "driver")                        \
    X(INDIRECT_NESTED, "indirect-nested", "2.7.5.3.1-drv-2", "driver")                             \
    X(INDIRECT_LEN, "indirect-length", "2.7.5.3-drv-d2", "driver")                                 \
    X(AVAIL_FLAGS, "avail-flags", "2.7.7.1-drv-1", "driver")                                       \
    X(AVAIL_FLAGS_EVENT, "avail-flags-event-idx", "2.7.7.1-drv-3", "driver")                       \
    X(USED_FLAGS, "used-flags", "2.7.10.2-dev-1", "device")                                        \
    X(USED_FLAGS_EVENT, "used-flags-event-idx", "2.7.10.2-dev-3", "device")                        \
    X(OVERLAP, "buffers-overlap", "-", "driver")                                                   \
    X(EMPTY, "empty-element", "-", "driver")                                                       \
    X(KICK_OWED, "lost-kick-possible", "2.7.13-drv-2", "driver")                                   \
    X(UNREAD, "unread-not-asked", "2.7.10-dev-d1", "device")                                       \
    X(INTERRUPT_OWED, "lost-interrupt-possible", "2.7.7.2-dev-5", "device")                        \
    X(UNSEEN, "unseen-not-asked", "2.7.14-drv-1", "driver")                                        \
    X(HELD, "held-by-device", "-", "device")                                                       \
    X(FULL, "full", "-", "driver")

#define RING_MARK_ENUM_(id, name, clause, who) RING_##id,
enum ring_mark { RING_MARKS(RING_MARK_ENUM_) RING_MARK_COUNT };
#undef RING_MARK_ENUM_

enum ring_level { RING_ILLEGAL, RING_SUSPICIOUS, RING_ADVICE, RING_LEVELS };

struct ring_finding {
    enum ring_mark mark;
    enum ring_level level;
    char text[RING_FINDING_BYTES]; // with the values
};

// A head that the device holds.
struct ring_out {
    uint16_t i; // index in the available ring, free-running
    uint16_t head;
    bool sure; // by any history; else unless it was used out of order
};

struct ring_judged {
    const struct ring_image *image;
    bool event_idx;       // negotiated, or else assumed
    uint32_t n_out;       // avail.idx - used.idx, if that is a legal number; else 0
    struct ring_out *out; // of them, those whose entry is still there, oldest first
    uint32_t n_known;
    uint32_t n_avail;   // entries of the available ring that are known to be published, the newest
    uint32_t n_used;    // likewise of the used ring
    bool all_visible;   // the ring never wrapped: every entry ever published is there
    bool used_in_order; // as far as can be seen
    uint64_t marks[RING_LEVELS];
    uint32_t n[RING_LEVELS];
    uint32_t n_of[RING_MARK_COUNT];
    struct ring_finding finding[RING_OF_A_MARK_MAX * RING_MARK_COUNT];
    uint32_t n_findings;
};

// Judge an image, which must stay. False with err (RING_ERR_BYTES) if no memory is left.
// Ends with ring_judged_close() in both cases.
bool ring_judge_open(struct ring_judged *j, const struct ring_image *r, char *err);
void ring_judged_close(struct ring_judged *j);

const char *ring_mark_name(enum ring_mark m);
const char *ring_mark_clause(enum ring_mark m); // ID, or "-"
const char *ring_mark_side(enum ring_mark m);   // who breaks the clause, or has to act

#endif
