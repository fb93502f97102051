// tools/plug/plug_internal.h -- what the files of this room share.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef PLUG_INTERNAL_H
#define PLUG_INTERNAL_H

#include "model/core/vl_machine.h"
#include "model/referee/vl_judge_notes.h"
#include "tools/plug/plug.h"

#define PLUG_TABLES 64u     // indirect tables in flight that are remembered
#define PLUG_TABLE_SPANS 8u // pieces of memory that a driver builds tables in
#define PLUG_UNIT_BYTES 16u // a descriptor

enum plug_part { PLUG_DESC, PLUG_AVAIL, PLUG_USED, PLUG_PARTS };

// A descriptor or used entry of which a part was touched.
struct plug_unit {
    bool open;
    bool store;
    uint16_t touched; // bit per byte
    uint32_t bytes;
    uint32_t off; // in span
    struct virtq_span span;
    struct virtq_site *site;
    uint8_t data[PLUG_UNIT_BYTES];
    uint32_t reads_from; // the newest store that any of the loads saw, as in an event
    uint64_t told;       // gpa of the last one that was told whole; VL_NOWHERE: none
};

// An access that the code makes itself, between two calls here.
struct plug_pending {
    bool store; // a store is due
    bool put;   // a chosen value is in place
    unsigned bytes;
    uint8_t order;
    uint8_t *p;
    struct virtq_site *site;
    uint8_t before[PLUG_OWN_BYTES]; // a store: what it replaces; a load: the newest bytes
    uint8_t chosen[PLUG_OWN_BYTES];
    uint64_t step; // of the machine: nobody else may have come by
};

// What is known of one side.
struct plug_side {
    struct vl_notes notes; // what it submits, completes, accepts
    struct virtq_span ring[VL_QUEUES][PLUG_PARTS];
    bool open[VL_QUEUES];
    uint64_t features[VL_QUEUES];
    struct virtq_span tables[PLUG_TABLE_SPANS];
    uint32_t n_tables;
    struct {
        uint64_t gpa;
        uint32_t bytes; // 0: free
        uint16_t head;
        uint8_t queue;
    } table[PLUG_TABLES]; // device: those that chains in flight lead to
    uint32_t next_table;
    bool accepted; // a chain was loaded to its end, or a used entry, and nothing done with it yet
    struct vl_event note; // what is to be told then
};

struct plug {
    struct vl_machine *machine; // NULL: no run
    uint8_t *host;
    size_t bytes;
    struct plug_side side[VL_SIDE_COUNT];
    struct plug_unit unit[VL_AGENT_COUNT];
    struct plug_pending pending[VL_AGENT_COUNT];
};

extern struct plug plug_state;

// Where an access lies in guest memory.
struct plug_where {
    struct virtq_span span;
    uint32_t off;
    bool ring;         // a word of a ring; else payload
    uint32_t unit_off; // of the descriptor or used entry that it is a part of
    uint32_t unit;     // its bytes; 0: it is part of none
};

// Who acts now, as a side.
enum vl_side plug_acting(void);

// Look an access up. Returns false if it does not begin in guest memory, or nothing runs.
bool plug_find(const volatile void *p, size_t bytes, bool store, struct plug_where *where);

// An event was made by the acting side: derive what it says, and tell.
void plug_tell(enum vl_event_kind kind, const struct plug_where *where, uint32_t off,
               uint32_t bytes, uint64_t value, uint64_t aux);

// A part of a unit was touched; the bytes are data. Tells the whole when all of it was.
void plug_unit_touch(const struct plug_where *where, uint32_t bytes, const uint8_t *data,
                     bool store, struct virtq_site *site);
// The acting side acts: the chain or used entry that it loaded was accepted. chain: it still looks
// at a chain.
void plug_accept(bool chain);
// The acting context goes on to something else than where (NULL: to anything). Returns true if that
// told a unit: then more may be known of where than before.
bool plug_unit_leave(const struct plug_where *where, bool store);

// As plug_load(), plug_store(), plug_copy(), with nothing due. The address is in guest memory; of a
// copy, one end is (to: the destination).
uint64_t plug_load_now(const volatile void *p, unsigned bytes, enum virtq_order order,
                       struct virtq_site *site);
void plug_store_now(volatile void *p, unsigned bytes, uint64_t value, enum virtq_order order,
                    struct virtq_site *site);
void plug_copy_now(uint8_t *dst, const uint8_t *src, size_t bytes, bool to,
                   struct virtq_site *site);

// An access of bytes from p on that leaves guest memory is a finding.
void plug_beyond(const volatile void *p, size_t bytes, bool store);

// The store that is due takes effect, the chosen value goes away.
void plug_pending_settle(void);

#endif
