// model/memory/vl_race.h -- data races on plain accesses, and the bytes that a racing load could
// have seen.
//
// Plain accesses (descriptors, ring entries, payload) have no order of their own: two of them to
// one byte, one a store, from two agents, are a race unless one happens before the other. What
// happens before what is the clocks' matter (vl_rc11.h); here stand the marks: for each two bytes
// of memory the last plain store, and the last plain load by each side. One load for each side is
// enough because a side's contexts are ordered with each other; a mark may stand for several
// accesses of which it is the last. Accesses that begin or end at an odd byte split their two
// bytes, so that neighbours do not race; as long as accesses take whole lines of 64 bytes, a line
// has one set of marks.
// After FastTrack: Flanagan, Freund, PLDI 2009.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_RACE_H
#define VL_RACE_H

#include "model/memory/vl_rc11.h"
#include "ring/virtq_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VL_RACE_SIDES 2u
#define VL_RACE_UNDO_STORES 1024u       // power of two
#define VL_RACE_UNDO_BYTES (256u << 10) // power of two; holds the old bytes of the last stores

#define VL_RACE_LINE_BYTES 64u

// The marks of two bytes, of one where they are split, of a line. A mark is run base + 1 + seq.
struct vl_grain {
    uint32_t write;
    uint32_t read[VL_RACE_SIDES];
    uint16_t write_site;
    uint16_t read_site[VL_RACE_SIDES];
    uint8_t write_agent;
    uint8_t read_agent[VL_RACE_SIDES];
    uint8_t split; // two bytes: these are the first one's, the second has its own; a line: its
                   // bytes have marks of their own, these say nothing
};

// Where the old bytes of a plain store are.
struct vl_undo {
    uint32_t seq;
    uint32_t off;
    uint32_t bytes;
    uint64_t at; // in the ring of old bytes, counted on
    uint8_t agent;
};

struct vl_races {
    uint32_t n_grains;
    uint32_t run_base; // marks at or below it are of earlier runs
    struct vl_grain *line;
    struct vl_grain *grain;
    struct vl_grain *second; // of split ones
    uint64_t n_undo;
    uint64_t undo_head; // bytes put into the ring so far
    struct vl_undo *undo;
    uint8_t *old;
};

// An access that is about to happen.
struct vl_access {
    uint32_t off; // in memory
    uint32_t bytes;
    uint32_t seq;
    uint16_t site; // number for a message, 0: unknown
    uint8_t agent;
    uint8_t side; // 0 .. VL_RACE_SIDES - 1
    bool store;
    bool plain; // an access with an order races with plain ones only, and leaves no mark
};

// The access with which it races.
struct vl_conflict {
    bool found;
    bool store;
    uint32_t off; // first byte in question
    uint32_t seq;
    uint16_t site;
    uint8_t agent;
};

// For memory of bytes (a multiple of VL_RACE_LINE_BYTES). Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY.
// Ends with vl_races_close().
VIRTQ_NODISCARD enum virtq_err vl_races_open(struct vl_races *races, uint32_t bytes);
void vl_races_close(struct vl_races *races);

// No marks. n_events: of the run that ends.
void vl_races_reset(struct vl_races *races, uint64_t n_events);

// Look whether the access races with an earlier one, and leave its marks.
//   conflict  filled in with the first race found; found is false if there is none
void vl_races_access(struct vl_races *races, const struct vl_rc11 *rc, const struct vl_access *a,
                     struct vl_conflict *conflict);

// 1 + number of the newest plain store to any cell of [off, off + bytes), 0: there was none.
uint32_t vl_races_newest(const struct vl_races *races, uint32_t off, uint32_t bytes);

// Keep the bytes that a plain store is about to change. mem: memory before it.
void vl_races_save(struct vl_races *races, const uint8_t *mem, const struct vl_access *a);

// The bytes of [off, off + bytes) as the agent could see them if the plain stores that are not
// ordered before its next event had not been made, as far back as old bytes are kept.
//   mem  memory; out gets the bytes
// Returns 1 + number of the newest store that is in them, 0 if none is known.
uint32_t vl_races_old(const struct vl_races *races, const struct vl_rc11 *rc, unsigned agent,
                      const uint8_t *mem, uint32_t off, uint32_t bytes, uint8_t *out);

#ifdef __cplusplus
}
#endif

#endif
