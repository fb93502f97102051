// tools/lab/lab_program.h -- small programs for the explorer: the split-ring protocol in plain
// functions, each ordering point a knob.
//
// Two threads, driver and device, run on fibers and make every shared access through the explorer
// (model/explore/vl_explore.h). Words are 16 bits; a descriptor, a buffer and a ring entry are one
// word each. The programs, and what each is for:
//   vq_poll       no notifications; a wait is one look that must find something new
//   vq_pollbound  the same, but a wait looks TRIES times and then gives up
//   vq_kick       available-buffer notifications: the driver notifies, the device sleeps
//   vq_irq        used-buffer notifications: the device notifies, the driver sleeps
//   vq_full       both, with slots that are used again
// Spec: virtio 1.4 §2.7 (split virtqueues), §2.7.7 and §2.7.10 (notification suppression).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_PROGRAM_H
#define LAB_PROGRAM_H

#include "model/explore/vl_explore.h"
#include "ring/virtq_barrier.h"

#include <stdbool.h>
#include <stdint.h>

#define LAB_PROGRAM_BUFFERS_MAX 8u
#define LAB_PROGRAM_SIZE_MAX 8u
#define LAB_PROGRAM_TRIES_MAX 16u
#define LAB_PROGRAM_ERR_BYTES 256u
#define LAB_PROGRAM_TEXT_BYTES 256u

enum lab_program_name {
    LAB_VQ_POLL,
    LAB_VQ_POLLBOUND,
    LAB_VQ_KICK,
    LAB_VQ_IRQ,
    LAB_VQ_FULL,
    LAB_PROGRAM_COUNT
};

// What a program can be told. Words are NAME=VALUE or NAME, as a C compiler's -D has them:
//   K=1..8         buffers
//   QSZ=1..8       slots of a ring (2)
//   TRIES=1..16    vq_pollbound: looks of one wait (2)
//   D1, V2         order of the stores of avail.idx, used.idx:       rel rlx sc
//   V1, D2         order of the loads of avail.idx, used.idx:        acq rlx sc
//   D3, V4         fence before the look at the suppression value:   sc ar acq rel rlx none
//   V3, D4         fence between re-enabling and the second look:    sc ar acq rel rlx none
//   FENCES         D1, D2, V1, V2 are fences beside relaxed accesses (then any fence's order)
//   PLAIN          descriptors, buffers and ring entries are plain accesses, race-checked
//   NOREPLY        vq_poll: the device writes nothing into the buffer
//   NOUSEDRING     vq_poll: there are no used entries, only used.idx
//   EVENT_IDX      vq_kick, vq_irq, vq_full: suppression by event index, not by flags
//   BATCH          vq_kick, vq_irq: one check behind all buffers, not one behind each
// rlx and none as a fence: no fence at all.
struct lab_program_knobs {
    enum lab_program_name name;
    uint16_t k;
    uint16_t qsz;
    uint16_t tries;
    uint32_t given; // bit per knob that was said
    bool fences;
    bool plain;
    bool noreply;
    bool nousedring;
    bool event_idx;
    bool batch;
    uint8_t strength[VIRTQ_BARRIER_COUNT]; // enum virtq_order; of a fence: RELAXED is none
};

// All knobs at their defaults (everything ordered as it must be, K=1). Returns false if there is no
// program of this name.
bool lab_program_knobs_init(struct lab_program_knobs *knobs, const char *name);

// Set one knob. Returns false with one line in err: no such knob, or a value that it cannot have.
bool lab_program_knob(struct lab_program_knobs *knobs, const char *word,
                      char err[LAB_PROGRAM_ERR_BYTES]);

// Ask whether the knobs fit together. Returns false with one line in err.
bool lab_program_knobs_check(const struct lab_program_knobs *knobs,
                             char err[LAB_PROGRAM_ERR_BYTES]);

// A knob that was said and that this program does not look at; NULL if there is none.
const char *lab_program_knob_foreign(const struct lab_program_knobs *knobs);

// Program and knobs in words, in one order: "program=vq_full K=3 EVENT_IDX". Defaults but K are
// left out.
void lab_program_knobs_text(const struct lab_program_knobs *knobs,
                            char out[LAB_PROGRAM_TEXT_BYTES]);

// Program i's name (0 .. LAB_PROGRAM_COUNT - 1) and a line about it.
const char *lab_program_name(unsigned i);
const char *lab_program_about(unsigned i);

struct lab_program; // opaque: lab_program_open() .. lab_program_close()

// Allocate the program and its threads' stacks. knobs must have passed lab_program_knobs_check().
// NULL: out of memory.
struct lab_program *lab_program_open(const struct lab_program_knobs *knobs);
void lab_program_close(struct lab_program *p);

// The program as the explorer wants it; lives as long as p.
const struct vl_x_program *lab_program_explored(const struct lab_program *p);

// Whom the threads' accesses go to. Must be said between vl_x_open() and vl_x_run().
void lab_program_bind(struct lab_program *p, struct vl_explore *x);

// In a complete execution: everything that the threads got is what was put in, and nobody sleeps
// with work left (vq_kick, vq_irq).
bool lab_program_holds(const struct lab_program *p);

// Name of an atomic location or of the plain word at an address, for messages: "avail.idx".
const char *lab_program_loc_name(const struct lab_program *p, uint32_t loc);
const char *lab_program_addr_name(const struct lab_program *p, uint32_t addr);

#endif
