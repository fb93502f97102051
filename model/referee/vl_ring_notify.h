// model/referee/vl_ring_notify.h -- who notifies whom of what: suppression, and notifications that
// were owed, unneeded, or of nothing new.
// Spec: virtio 1.4 §2.7.7, §2.7.10 (1.0: §2.4.7, §2.4.9).
//
// The value that counts is the one that the notifier itself read behind its publication; what
// stands in memory by then says nothing about it. Of the two words of a side one is to be ignored:
// the event index without EVENT_IDX, the flags with it. If the ignored one was read, too, and it
// alone asks for nothing, it explains a notification that is missing.
//
// Each side stores a word and then loads the other's: an index and a suppression value, or the
// other way round. If each has a full barrier between the two, one of them sees the other's store.
// So when neither did, whoever has such a barrier is innocent. A barrier counts as strong as it is
// in force, and on the processor that did the store: the driver's handlers run on the driver's, the
// device's traps on another than the device.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_RING_NOTIFY_H
#define VL_RING_NOTIFY_H

#include "model/referee/vl_shadow.h"

#include <stdbool.h>
#include <stdint.h>

struct vl_referees;

// Of one queue and one notifier, beside its struct vl_duty.
struct vl_notifier {
    bool owed;            // an earlier publication may still be notified of
    bool ignored_quiet;   // the word to be ignored was read since the publication: asks for nothing
    bool extra;           // notified of nothing new, and published nothing since
    bool ordered;         // a full barrier has come since the index was stored
    bool idx_sc;          // the index was stored with sequential consistency
    uint8_t cpu;          // enum vl_agent whose processor stored the index
    uint16_t early_from;  // indices early_from .. early_to - 1 were decided on without such a
    uint16_t early_to;    // barrier, and nothing was notified of since
    uint16_t from;        // index where the window of the newest publication begins
    uint16_t ignored;     // value of the word to be ignored
    uint64_t ignored_seq; // event of its load
    uint64_t extra_seq;   // event of the notification of nothing new
};

// Of one queue and the side that is to be notified: how it asked for that.
struct vl_asker {
    bool ordered;   // a full barrier has come since the value was stored
    bool value_sc;  // the value was stored with sequential consistency
    bool looked;    // the index was loaded behind such a barrier
    uint8_t cpu;    // enum vl_agent whose processor stored the value
    uint16_t value; // suppression value as it stored it last, of the word that counts
    uint16_t idx;   // index, as loaded then or since
};

struct vl_ring_notify {
    struct vl_notifier side[VL_SIDE_COUNT];
    struct vl_asker asker[VL_SIDE_COUNT];
    uint32_t short_head; // completed last, with writable bytes beyond its used length; or VL_NONE
};

// A queue goes live: its memory is the driver's so far [2.7.10.1-drv-1].
void vl_notify_live(struct vl_referees *r, const struct vl_squeue *q);

// A side stored its flags word.
void vl_notify_flags(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                     uint64_t value);

// A side published, with its duty as it was before.
void vl_notify_published(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side);

// It read the word that it has to ignore.
void vl_notify_ignored(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       uint16_t value, uint64_t seq);

// It stored its index, before vl_live_published().
void vl_notify_index_stored(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                            const struct vl_event *ev);

// It stored one of its two suppression words, whole.
void vl_notify_asked(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                     bool event_word, const struct vl_event *ev);

// It executed a fence.
void vl_notify_fence(struct vl_referees *r, enum vl_side side, const struct vl_event *ev);

// It loaded the other side's index.
void vl_notify_index_loaded(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                            const struct vl_event *ev);

// It loaded one of the other side's suppression words, before vl_live_looked().
void vl_notify_decides(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       bool event_word, const struct vl_event *ev);

// True if the store of this side's index is ordered before this load of a suppression word.
bool vl_notify_ordered(const struct vl_referees *r, const struct vl_squeue *q, enum vl_side side,
                       const struct vl_event *ev);

// True if what this side waits for is still to come: it asked for an index that the other side has
// not stored, and will when all that is in flight is returned [2.7.7.1-drv-4]. Of the driver.
bool vl_notify_deferred(const struct vl_referees *r, const struct vl_squeue *q);

// It notifies of these queues (bits), with its duties as they were before; a device may not say of
// which (0).
void vl_notify_sent(struct vl_referees *r, enum vl_side side, uint32_t queues);

// It goes to sleep.
void vl_notify_sleeps(struct vl_referees *r, enum vl_side side);

// A sleep is lost: say so, under the clause that was broken. owed: the notifier should have told.
void vl_notify_lost(struct vl_referees *r, const struct vl_squeue *q, enum vl_side sleeper,
                    bool owed, const char *text) __attribute__((cold));

// The victim took an entry that the other side has not published (text). Returns false, and says
// nothing, unless a notification of nothing new came before it [2.7.7.1-drv-5, 2.7.10.2-dev-5].
bool vl_notify_extra_taken(struct vl_referees *r, const struct vl_squeue *q, enum vl_side victim,
                           const char *kind, const char *text) __attribute__((cold));

#endif
