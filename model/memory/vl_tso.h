// model/memory/vl_tso.h -- the operational x86-TSO: a FIFO of stores under way for each agent.
//
// A store enters its agent's buffer and drains into memory later, in order; a load takes each byte
// from the newest store of its own buffer that holds it, else from memory. A seq-cst fence and a
// locked access act only with an empty buffer. Memory is bytes that the caller owns; so is the
// decision when to drain. An access of any width up to 16 bytes is one step.
// Each rule of vl_model.h that belongs to this model can be left out, but one: loads pass no
// earlier loads here because they act where they stand.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_TSO_H
#define VL_TSO_H

#include "model/memory/vl_model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VL_TSO_AGENTS 8u
#define VL_TSO_DEPTH 64u // stores of one agent under way
#define VL_TSO_BYTES 16u

struct vl_tso_store {
    uint64_t due;  // the caller's: when it is to drain
    uint32_t off;  // in memory
    uint32_t seq;  // of the store's event
    uint32_t info; // the caller's
    uint8_t bytes; // 1 .. VL_TSO_BYTES
    uint8_t data[VL_TSO_BYTES];
};

struct vl_tso {
    uint32_t rules;            // bits of enum vl_rule
    uint32_t n[VL_TSO_AGENTS]; // stores under way; [0] of a buffer is the oldest
    uint32_t n_all;            // the sum
    struct vl_tso_store buffer[VL_TSO_AGENTS][VL_TSO_DEPTH];
};

// All buffers empty, all rules in force.
void vl_tso_init(struct vl_tso *tso);

// All buffers empty; rules stay.
static inline void vl_tso_reset(struct vl_tso *tso)
{
    for (unsigned a = 0; a < VL_TSO_AGENTS; a++) {
        tso->n[a] = 0;
    }
    tso->n_all = 0;
}

// Make *to what *from is. Costs what is under way.
void vl_tso_copy(struct vl_tso *to, const struct vl_tso *from);

// Put a store into the agent's buffer. Returns false if that is full: drain one first.
bool vl_tso_store(struct vl_tso *tso, unsigned agent, const struct vl_tso_store *store);

// What the agent sees of [off, off + bytes), bytes in 1 .. VL_TSO_BYTES.
//   mem   memory
//   out   gets the bytes
//   seqs  NULL, or per byte: the number of the own store that it came from, UINT32_MAX: memory
// Returns how many bytes came from the agent's own buffer.
unsigned vl_tso_load(const struct vl_tso *tso, unsigned agent, const uint8_t *mem, uint32_t off,
                     unsigned bytes, uint8_t *out, uint32_t *seqs);

// True if the agent's k-th oldest store may drain now. Only 0 does, with TSO_FIFO in force; without
// it any one that no older store of the buffer overlaps.
bool vl_tso_may_drain(const struct vl_tso *tso, unsigned agent, uint32_t k);

// Drain the agent's k-th oldest store into memory; *drained gets it. It may drain now.
void vl_tso_drain(struct vl_tso *tso, unsigned agent, uint32_t k, uint8_t *mem,
                  struct vl_tso_store *drained);

// True if the agent may execute a fence of this order, or a locked access (a read-modify-write, or
// a store of order SEQ_CST, which is an xchg), now: if not, its buffer has to drain first.
bool vl_tso_may_fence(const struct vl_tso *tso, unsigned agent, unsigned order);
bool vl_tso_may_lock(const struct vl_tso *tso, unsigned agent);

#ifdef __cplusplus
}
#endif

#endif
