// tools/lab/lab_breach.h -- breaches: for each clause of the standard, a half made to break it.
//
// A breach is a real half with an interposer (model/core/vl_interposer.h) between it and its port:
// a few acts, each at one port call, that alter, drop or add what is needed to break that clause
// and no other. fault=clause:ID switches it on. With hostile= set to the same side the other half
// is judged, and is to stay clean. What an interposer cannot do, because the half must be of
// another mind, is a patch: corpus/clauses/ID/fault.patch, loaded as a player.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_BREACH_H
#define LAB_BREACH_H

#include "model/core/vl_machine.h"
#include "model/referee/vl_clause.h"
#include "model/referee/vl_spec.h"
#include "tools/lab/lab_pci.h"
#include "tools/lab/lab_scenario.h"

#include <stdbool.h>
#include <stdint.h>

// ---- where --------------------------------------------------------------------------------------

// A place that an act waits for, or that a deed accesses. 0: anywhere.
//   LAB_REG(COMMON, VL_COMMON_STATUS)   a register of a structure (enum vl_structure)
//   LAB_CONFIG(0x04)                    config space of the function
//   LAB_CAP(COMMON, 2)                  config space, from the capability of that cfg_type on
//   LAB_MSIX_CAP(2)                     ... of the MSI-X capability
//   LAB_FIELD(AVAIL_IDX)                a ring word (enum vl_field)
//   LAB_NOTE(SUBMIT)                    a note (enum virtq_note)
#define LAB_REG(structure, off) (VL_REGION_##structure << 16 | (off))
#define LAB_CONFIG(off) (0x10u << 16 | (off))
#define LAB_CAP(structure, off) ((0x20u + VL_REGION_##structure) << 16 | (off))
#define LAB_MSIX_CAP(off) (0x30u << 16 | (off))
#define LAB_FIELD(field) (0x40u << 16 | VL_FIELD_##field)
#define LAB_NOTE(note) (0x50u << 16 | VIRTQ_NOTE_##note)

struct lab_breach_run;

// What an act does at a port call; a and b are the act's.
typedef void lab_deed(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b);

#define LAB_EITHER 0u
#define LAB_DRIVER 1u
#define LAB_DEVICE 2u

// An act: at its place, from the nth time on, count times, do the deed.
struct lab_act {
    uint8_t op;     // enum vl_op_kind
    uint8_t phase;  // enum vl_op_phase
    uint8_t side;   // LAB_EITHER, or whose port: a register access is always the driver's
    uint16_t nth;   // 1: the first; 0 means 1
    uint16_t count; // 0 means once; UINT16_MAX: from then on
    uint32_t where; // LAB_REG() ..., 0: anywhere
    uint32_t mask;  // only where (value & mask) == match; counted only then
    uint32_t match;
    lab_deed *deed;
    uint64_t a;
    uint64_t b;
};

#define LAB_ACTS_MAX 8u

struct lab_breach {
    const char *id;       // of the clause
    uint8_t side;         // enum lab_side that breaks it
    const char *scenario; // "key=value ..." in which it shows
    const char *how;      // what is done, as a sentence for people
    bool patch;           // corpus/clauses/ID/fault.patch; no acts needed
    bool device_lies;     // the other side's stimulus breaks clauses, too: run with hostile=device
    bool driver_lies;     // ... hostile=driver
    struct lab_act act[LAB_ACTS_MAX];
};

// A table of breaches, and all of them.
struct lab_breach_table {
    const struct lab_breach *row;
    uint32_t n;
};
#define LAB_BREACH_TABLES(X)                                                                       \
    X(status)                                                                                      \
    X(features)                                                                                    \
    X(config)                                                                                      \
    X(cap)                                                                                         \
    X(common)                                                                                      \
    X(notify)                                                                                      \
    X(isr)                                                                                         \
    X(msix)                                                                                        \
    X(ring_driver)                                                                                 \
    X(ring_device)                                                                                 \
    X(event)                                                                                       \
    X(blk)                                                                                         \
    X(entropy)
#define LAB_BREACH_EXTERN_(name) extern const struct lab_breach_table lab_breach_##name;
LAB_BREACH_TABLES(LAB_BREACH_EXTERN_)
#undef LAB_BREACH_EXTERN_

// Breach i of all tables; NULL behind the last one.
const struct lab_breach *lab_breach_at(uint32_t i);

// The breach that "clause:ID" names, or NULL.
const struct lab_breach *lab_breach_named(const char *fault);

// The breach that is on in a scenario, or NULL.
const struct lab_breach *lab_breach_of(const struct lab_scenario *s);

// A scenario's breach fits who is hostile in it; else err says what to set.
bool lab_breach_check(const struct lab_scenario *s, char err[256]);

// ---- a run --------------------------------------------------------------------------------------

#define LAB_BREACH_WORDS 8u

struct lab_breach_run {
    const struct lab_breach *breach;
    struct vl_machine *machine;
    struct lab_pci_bus *pci;                       // transport=pci
    uint32_t n[LAB_ACTS_MAX];                      // times that each act's place was come by
    uint64_t word[LAB_BREACH_WORDS];               // the deeds' own memory, 0 at the start
    const struct virtq_span *last[VL_FIELD_COUNT]; // span in which a field was accessed last
    uint32_t last_off[VL_FIELD_COUNT];
    struct vl_interposer interposer;
};

// Put a breach between halves and machine, for the run to come. NULL, or a patch: nothing.
void lab_breach_start(struct lab_breach_run *run, const struct lab_breach *breach,
                      struct vl_machine *m, struct lab_pci_bus *pci);

// Bus address of a register, or config space offset, of a place; UINT64_MAX if there is none.
uint64_t lab_breach_address(const struct lab_breach_run *run, uint32_t where);

// ---- deeds --------------------------------------------------------------------------------------

// The value that travels (and for a descriptor its high half: _high). In REPLY: the answer.
lab_deed lab_set;        // becomes a
lab_deed lab_or;         // gets the bits of a
lab_deed lab_clear;      // loses the bits of a
lab_deed lab_xor;        // changes the bits of a
lab_deed lab_add;        // grows by a
lab_deed lab_set_high;   // aux becomes a
lab_deed lab_xor_high;   // aux: bits of a change
lab_deed lab_add_high;   // aux grows by a
lab_deed lab_set_masked; // bits of b become those of a
lab_deed lab_drop;       // does not happen; a read gives a
lab_deed lab_answer;     // BEFORE: the device is not asked, the answer is a
lab_deed lab_unheard;    // BEFORE, register writes: on the bus, but the device does not get it

// What the half is told, other than what was on the wire (REPLY or DONE).
lab_deed lab_see;       // a (and b as the high half)
lab_deed lab_see_or;    // with the bits of a
lab_deed lab_see_clear; // without the bits of a
lab_deed lab_see_add;   // grown by a

// The access itself (BEFORE).
lab_deed lab_width;   // of a bytes
lab_deed lab_move;    // a bytes on (register address, or offset in the span)
lab_deed lab_shorter; // payload: a bytes less
lab_deed lab_order;   // ring access or fence: of order a (enum virtq_order)
lab_deed lab_bytes;   // payload: all its bytes become a
lab_deed lab_byte;    // payload: byte a becomes b

// One more access of the same side's, at place a (BEFORE: in front, DONE: behind).
lab_deed lab_also_write8; // register or config space a is written b
lab_deed lab_also_write16;
lab_deed lab_also_write32;
lab_deed lab_also_read8; // ... is read
lab_deed lab_also_read16;
lab_deed lab_also_read32;
lab_deed lab_also_seen; // b bytes at a are read, which acts see as they see the side's own reads
lab_deed
    lab_also_interrupt; // the device signals vector a (from the trap context if the driver acts)
lab_deed lab_also_intx; // the line becomes a
lab_deed lab_also_doorbell; // the driver notifies queue a
lab_deed lab_again;         // DONE, stores: the same store once more

// One more ring access of op's side (whatever it did) at the word that field a (LAB_FIELD) was
// last accessed at by anybody: a store of b, or a load.
lab_deed lab_also_store16;
lab_deed lab_also_load16;

// For deeds of a table's own: accesses by op's side.
void lab_breach_write(struct lab_breach_run *run, uint32_t where, unsigned bytes, uint32_t value);
uint32_t lab_breach_read(struct lab_breach_run *run, uint32_t where, unsigned bytes);
void lab_breach_store(struct lab_breach_run *run, unsigned side, const struct virtq_span *span,
                      uint32_t off, unsigned bytes, uint64_t value, uint64_t high);
uint64_t lab_breach_load(struct lab_breach_run *run, unsigned side, const struct virtq_span *span,
                         uint32_t off, unsigned bytes);
// Act as the device on whatever fiber this is: its data path's own, or the trap of the driver's.
void lab_breach_interrupt(struct lab_breach_run *run, uint16_t vector);
void lab_breach_intx(struct lab_breach_run *run, bool level);

#endif
