// model/referee/vl_shadow.h -- what the referees remember of memory and queues, decoded on their
// own. Spec: virtio 1.4 §2.7 (1.0: §2.4). Shares no code with ring/, driver/ or device/: layout and
// flags of the rings are written down here a second time.
//
// Two views of a queue stand side by side. The driver's is made of what the driver stored (its
// descriptors, its available entries) and loaded (used entries); the device's of what the device
// loaded and stored. Neither looks at memory itself: a chain is judged from the stores that made
// it, a device by what it read.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SHADOW_H
#define VL_SHADOW_H

#include "model/core/vl_machine.h"
#include "model/referee/vl_queue.h"

#include <stdbool.h>
#include <stdint.h>

// ---- the split ring as bytes, from the standard [2.7.5, 2.7.6, 2.7.8] ------------------------

#define VL_DESC_BYTES 16u
#define VL_DESC_NEXT 1u
#define VL_DESC_WRITE 2u
#define VL_DESC_INDIRECT 4u
#define VL_DESC_FLAGS 7u // all that are defined
#define VL_RING_FLAGS_OFF 0u
#define VL_RING_IDX_OFF 2u
#define VL_RING_SLOTS_OFF 4u
#define VL_AVAIL_SLOT_BYTES 2u
#define VL_USED_SLOT_BYTES 8u
#define VL_SUPPRESS_FLAG 1u // bit 0 of either flags word: "do not notify me"
#define VL_FEATURE_INDIRECT (1ull << 28)
#define VL_FEATURE_EVENT_IDX (1ull << 29)

#define VL_QUEUES 4u
#define VL_NOWHERE UINT64_MAX
#define VL_NONE UINT32_MAX

struct vl_desc {
    uint64_t addr; // bus address
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

static inline struct vl_desc vl_desc_of(uint64_t low, uint64_t high)
{
    return (struct vl_desc){.addr = low,
                            .len = (uint32_t)high,
                            .flags = (uint16_t)(high >> 32),
                            .next = (uint16_t)(high >> 48)};
}

// True if one of the indices old_idx .. new_idx - 1 is event, modulo 2^16 [2.7.10].
static inline bool vl_window(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
    return (uint16_t)(event - old_idx) < (uint16_t)(new_idx - old_idx);
}

// ---- memory ---------------------------------------------------------------------------------

// 16 bytes of memory as the driver stored them through the ring path.
struct vl_granule {
    uint64_t low;
    uint64_t high;
    uint32_t run;   // the run that stored it; another run's means: zero, and nobody's
    uint32_t owner; // 1 + (queue << 16 | head) while a descriptor in flight stands here
    uint64_t seq;   // event of the newest such store
};

#define VL_IMAGE_RANGES 16u

struct vl_range {
    uint64_t gpa;
    uint64_t bytes;
    uint32_t off;
};

struct vl_image {
    struct vl_range range[VL_IMAGE_RANGES]; // neighbours that touch are one range
    uint32_t n_ranges;
    uint64_t border;     // gpa where two touching regions meet, or VL_NOWHERE
    uint64_t bus_offset; // bus address - guest-physical address, from the newest allocation
    uint32_t run;
    uint32_t n_granules;
    struct vl_granule *granule;
    uint16_t *exposed; // per granule: elements of published, unreturned buffers that touch it
};

// Where [gpa, gpa + bytes) lies, if all of it is memory.
static inline bool vl_image_find(const struct vl_image *im, uint64_t gpa, uint64_t bytes,
                                 uint32_t *off)
{
    for (uint32_t i = 0; i < im->n_ranges; i++) { // bound: VL_IMAGE_RANGES
        const uint64_t at = gpa - im->range[i].gpa;
        if (at < im->range[i].bytes && bytes <= im->range[i].bytes - at) {
            *off = im->range[i].off + (uint32_t)at;
            return true;
        }
    }
    return false;
}

static inline uint64_t vl_image_gpa(const struct vl_image *im, uint64_t bus_addr)
{
    return bus_addr - im->bus_offset;
}

// A granule to change; one of an earlier run is zeroed first, as memory was.
static inline struct vl_granule *vl_image_granule(struct vl_image *im, uint32_t index)
{
    struct vl_granule *g = &im->granule[index];
    if (g->run != im->run) {
        *g = (struct vl_granule){.run = im->run};
    }
    return g;
}

// ---- queues ---------------------------------------------------------------------------------

// An element that a device read in a descriptor: what it was given.
struct vl_elem {
    uint64_t gpa;
    uint32_t len;
    uint32_t at; // offset in the writable part of the buffer
    uint32_t next;
    bool writable;
};

// Flags of a head.
#define VL_HEAD_SUBMITTED 1u   // driver: filled in, told by its note
#define VL_HEAD_PUBLISHED 2u   // driver: covered by avail idx, its used entry not loaded yet
#define VL_HEAD_LOADED 4u      // driver: used entry loaded, not reported to the caller yet
#define VL_HEAD_WALKED 8u      // device: loaded the head, chain not accepted yet
#define VL_HEAD_HELD 16u       // device: accepted, used entry not stored yet
#define VL_HEAD_GIVEN_BACK 32u // device: covered by used idx
#define VL_HEAD_SEND 64u       // digests that are known
#define VL_HEAD_ANSWER 128u

struct vl_head {
    uint32_t flags;
    uint32_t list_pos; // place among the published ones
    uint64_t token;
    uint64_t published_seq;
    uint64_t given_back_seq;
    uint64_t send_digest;
    uint64_t answer_digest;
    uint32_t send_len;
    uint32_t answer_len;
    uint32_t told_elems;     // driver: elements of the buffer by its note; 0: it did not say
    uint32_t told_writable;  // driver: bytes that the device may write, by its note
    uint32_t n_descs;        // driver: entries of the queue's table that the chain holds
    uint32_t n_writable;     // driver: bytes
    uint32_t loaded_len;     // driver: used length as loaded; VL_NONE: it was not
    uint32_t publish_number; // driver: order of publication
    uint32_t pop_number;     // device: order of acceptance
    uint32_t n_pushed;       // device: used entries stored, and not covered by used idx yet
    uint32_t first_elem;     // device: what it was given, or VL_NONE
    uint32_t last_elem;
    uint32_t granted;     // device: writable bytes
    uint32_t written;     // device: bytes written without a gap from the start of the writable part
    uint32_t island_from; // device: one piece written beyond a gap
    uint32_t island_to;
    uint32_t total_written;
    bool scattered; // more than one such piece: how far the writing goes is not known
};

// Where a side stands with its duty to notify the other about a publication.
enum vl_duty_state {
    VL_DUTY_NONE,      // nothing published yet
    VL_DUTY_PUBLISHED, // index stored, suppression value not looked at
    VL_DUTY_DECIDING,  // value loaded
    VL_DUTY_SENT,      // notified
    VL_DUTY_PAST,      // went on without notifying
};

struct vl_duty {
    uint8_t state;      // enum vl_duty_state
    bool needed;        // what the value read asks for
    uint16_t value;     // the suppression value as read
    uint16_t idx;       // index at the newest publication
    uint16_t decided;   // index at the decision before: where the window begins
    uint64_t idx_seq;   // event of the newest publication
    uint64_t value_seq; // event of the load
};

enum vl_queue_state { VL_QUEUE_UNKNOWN, VL_QUEUE_READY, VL_QUEUE_LIVE };

// A rule broken in something that a victim loaded, to be named by it before it goes on.
struct vl_lie {
    const char *what; // NULL: none
    uint64_t value;
    uint64_t seq;
};

// Words of a ring of which a side may have seen a part so far.
enum vl_piece_kind { VL_PIECE_IDX, VL_PIECE_EVENT, VL_PIECE_SLOT, VL_PIECE_LEN, VL_PIECE_COUNT };

// What a side saw of such a word, by loads that are not of all of it.
struct vl_piece {
    uint32_t off;   // of the word in its ring
    uint32_t from;  // event that stored what it saw first, as reads_from
    uint32_t value; // the bytes that were seen
    uint8_t seen;   // bit per byte
    bool mixed;     // they are of different stores
    bool told;      // a used id: handed on without its length
};

struct vl_squeue {
    uint8_t index;
    uint8_t state;     // enum vl_queue_state
    uint64_t features; // as the driver noted them
    uint16_t start_idx;
    bool event_idx;
    bool indirect;
    bool stood_down;          // the device uses other areas than the driver told: not judged
    struct vl_queue abstract; // what it promises
    uint32_t size;
    uint32_t mask;
    uint64_t desc; // gpa
    uint64_t avail;
    uint64_t used;
    uint32_t desc_bytes; // 0: unknown
    uint32_t avail_bytes;
    uint32_t used_bytes;
    uint32_t desc_granule;
    struct vl_head *head; // queue_size_max
    uint32_t *avail_slot; // driver: head as stored, and FRESH until it is covered
    uint64_t *used_slot;  // device: id and length as stored
    uint8_t *used_fresh;  // device: stored, and not covered yet
    uint16_t *list;       // driver: published heads
    // driver's view
    uint16_t avail_idx; // as stored
    uint16_t reaped;    // next used entry to load
    uint16_t seen_used; // used idx as loaded
    uint32_t n_fresh;   // available slots filled and not covered yet
    uint32_t n_left;    // ... and left so by the newest store of avail idx
    uint64_t idx_seq;   // event of the newest store of avail idx
    uint32_t n_published;
    uint32_t n_ever_published;
    uint32_t n_taken_back;
    uint32_t n_descs;        // table entries in flight
    uint32_t last_submitted; // head, or VL_NONE
    uint32_t last_completed;
    bool send_pending; // a SEND note that came before its SUBMIT
    uint64_t send_digest;
    uint32_t send_len;
    // device's view
    bool served;      // loaded avail idx since the queue went live
    bool grants_lost; // more elements than there is room to remember: payload not judged
    bool nested;      // the walk is inside an indirect table
    bool writable_seen;
    uint16_t table_flags; // nested: of the descriptor that led there
    uint16_t seen_avail;  // avail idx as loaded
    uint16_t taken;       // next available entry to take
    uint16_t used_idx;    // as stored
    uint32_t n_held;
    uint32_t n_popped;
    uint32_t n_given_back;
    uint32_t walk_head; // or VL_NONE
    uint32_t walk_elems;
    uint64_t walk_bytes;
    uint64_t walk_expect; // gpa of the descriptor that continues the chain, or VL_NOWHERE
    uint64_t walk_table;
    uint32_t walk_table_n;
    uint32_t hint_head; // whose bytes the device is probably about to touch
    uint32_t last_elem; // the one that was touched last
    // duties and lies
    struct vl_duty duty[VL_SIDE_COUNT];
    struct vl_lie lie[VL_SIDE_COUNT];
    bool broken[VL_SIDE_COUNT];                           // that side took the queue out of service
    struct vl_piece piece[VL_SIDE_COUNT][VL_PIECE_COUNT]; // by who loads
};

#define VL_SLOT_FRESH 0x10000u

// What the driver did, of no one queue.
struct vl_driver_acts {
    uint64_t dirty_seq;   // event of the newest store to a descriptor or slot
    bool unordered;       // there was one since the last release
    uint8_t known_queues; // bit per queue: its areas were told in this run
};

// What can be wrong with a chain by itself, in what is shown to hold of it.
#define VL_CHAIN_RULES(X)                                                                          \
    X(SOUND, "nothing wrong")                                                                      \
    X(FEATURE, "an indirect descriptor that was not negotiated")                                   \
    X(NESTED, "an indirect table inside an indirect table")                                        \
    X(NEXT_TOO, "an indirect descriptor with NEXT")                                                \
    X(TABLE_LEN, "an indirect table of a length that is no multiple of 16, or 0")                  \
    X(TABLE_WHERE, "an indirect table outside memory")                                             \
    X(NEXT_RANGE, "a next outside the table")                                                      \
    X(LONG, "more elements than the queue has entries")                                            \
    X(ORDER, "a readable element behind a writable one")                                           \
    X(BYTES, "more than 2^32 bytes")                                                               \
    X(WHERE, "an element outside memory")                                                          \
    X(FLAGS, "a descriptor with undefined flags")

#define VL_CHAIN_ENUM_(id, text) VL_CHAIN_##id,
enum vl_chain_rule { VL_CHAIN_RULES(VL_CHAIN_ENUM_) VL_CHAIN_RULE_COUNT };
#undef VL_CHAIN_ENUM_

// Iteration over a chain as the driver stored it.
struct vl_walk {
    uint32_t table; // granule
    uint32_t n_table;
    uint32_t slot;
    uint32_t n_elems;
    uint64_t n_bytes;
    bool nested;
    bool writable_seen;
    bool end;
    bool anywhere;   // set by the caller: elements need not lie in memory
    uint8_t rule;    // enum vl_chain_rule that the chain breaks
    const char *bad; // the same in words, or NULL
};

struct vl_step {
    uint32_t granule;
    bool table; // the descriptor names an indirect table of entries entries
    uint32_t entries;
    bool writable;
    uint32_t off; // of the element's bytes in the image
    uint64_t gpa;
    uint32_t len;
};

// Allocates for memory of mem_bytes in all; returns false if there is none left.
bool vl_image_open(struct vl_image *im, uint32_t mem_bytes);
void vl_image_close(struct vl_image *im);

// Memory is zero again. It consists of n regions, at most VL_IMAGE_RANGES, in ascending order, with
// offsets that lie within what was allocated; empty ones are left out.
void vl_image_reset(struct vl_image *im, const struct vl_range *regions, uint32_t n);

// The driver stored bytes (1..16) at gpa through the ring path.
void vl_image_store(struct vl_image *im, uint64_t gpa, uint32_t bytes, uint64_t value,
                    uint64_t high);

// 16 bits of memory as the driver stored them, at an even address; 0 where that is no memory.
uint16_t vl_image_load16(const struct vl_image *im, uint64_t gpa);

// Count elements in and out of the granules that [off, off + bytes) touches.
void vl_image_expose(struct vl_image *im, uint32_t off, uint32_t bytes, uint16_t by);

// True if no granule of the range is touched by a published element.
bool vl_image_private(const struct vl_image *im, uint32_t off, uint32_t bytes);

// Iterate over the chain that begins at head. vl_walk_next() returns false at its end, and where it
// breaks a rule (walk->bad). Under walk->anywhere step->off means nothing.
void vl_walk_start(const struct vl_squeue *q, uint32_t head, struct vl_walk *walk);
bool vl_walk_next(const struct vl_image *im, const struct vl_squeue *q, struct vl_walk *walk,
                  struct vl_step *step);

// Forget all heads and start both views at start_idx.
void vl_squeue_start(struct vl_squeue *q, uint16_t start_idx);

#endif
