// model/referee/vl_ring_width.h -- accesses to a ring that are not of one word's width.
// Spec: virtio 1.4 §2.7.6, §2.7.8 (1.0: §2.4.6, §2.4.8).
//
// The rings are judged by words: 2 bytes, and a used entry of 8. Nothing says that a side has to
// access them so; what it does in bytes, or over several words at once, is taken apart here.
//
// A load of part of a word shows that part. The word that a side goes by is put together from what
// it saw in each byte, and may be one that nobody ever stored, if the other side stored between
// two of its loads: such an index is no lie of the other side, and covers nothing; such an event
// index was not read. An index is known by its low byte as far as that goes, an available entry by
// its low byte in a queue of 256 entries at most, a used entry by the low 16 bits of its id.
//
// A store of part of a word makes another word of it at once.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_RING_WIDTH_H
#define VL_RING_WIDTH_H

#include "model/referee/vl_shadow.h"

struct vl_referees;

// True if [off, off + bytes), from the start of the available or used ring on, is just one word.
static inline bool vl_width_whole(const struct vl_squeue *q, bool used, uint64_t off,
                                  uint32_t bytes)
{
    const uint64_t in = off - VL_RING_SLOTS_OFF;
    if (used && in < (uint64_t)q->size * VL_USED_SLOT_BYTES) {
        return bytes == VL_USED_SLOT_BYTES && in % VL_USED_SLOT_BYTES == 0;
    }
    return bytes == 2 && off % 2 == 0;
}

// Judges a load or a store of one word.
typedef void vl_width_word(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                           uint64_t seq);

// Judge the words that a side knows by a load from the other's ring: as loads of just these. Of a
// used entry it may be the id alone, 4 bytes long: then the length is not known; or the length
// alone, at its place and 4 bytes long, with the id in the low half of value all the same.
void vl_width_load(struct vl_referees *r, struct vl_squeue *q, enum vl_side side,
                   const struct vl_event *ev, uint64_t seq, vl_width_word *word)
    __attribute__((cold));

// Judge the words of its own ring that a side's store makes: as stores of just these, with len the
// bytes of the word that were stored.
void vl_width_store(struct vl_referees *r, struct vl_squeue *q, enum vl_side side,
                    const struct vl_event *ev, uint64_t seq, vl_width_word *word)
    __attribute__((cold));

#endif
