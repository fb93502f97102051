// model/core/vl_weak.h -- memory models weaker than sc in runs: what stands behind the port's calls
// when the model in force is tso or rc11.
//
// tso   stores wait in their agent's buffer for a number of port calls that is a choice; their
//       STORE event is where they are issued, a DRAIN event where they reach memory later.
// rc11  ring words (accesses with an order) have histories: which store a load sees and where a
//       store goes are choices. Accesses without an order are plain: they see the newest bytes,
//       and one that is not ordered with the other side's is a data race.
// In both, what messages and contexts order is the platform's contract:
// docs/adr/0013-platform-ordering.md; the models: docs/adr/0014-weak-memory-in-runs.md.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_WEAK_H
#define VL_WEAK_H

#include "model/memory/vl_race.h"
#include "model/memory/vl_rc11.h"
#include "model/memory/vl_tso.h"
#include "ring/virtq_port.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vl_machine;

#define VL_WEAK_VECTORS 64u
#define VL_WEAK_SHARED 32u
#define VL_WEAK_SIDES 2u
#define VL_WEAK_CARRIED 96u // messages under way, and those that are being delivered
#define VL_WEAK_POOL 8192u  // stores in histories at one time
#define VL_WEAK_TRIM 8u     // a history this long is looked through for what nobody can see
#define VL_DRAIN_OPTIONS 64u

struct vl_weak {
    struct vl_rc11 rc;
    struct vl_races races;
    struct vl_tso tso;
    uint64_t last_events;                             // of the last run under rc11
    struct vl_rc11_view shared[VL_WEAK_SHARED];       // what the private words carry
    struct vl_rc11_view vector[VL_WEAK_VECTORS];      // what pending interrupts carry
    struct vl_rc11_view wake[VL_WEAK_SIDES];          // what wakes carry that nobody took yet
    struct vl_rc11_view carried[VL_WEAK_CARRIED + 1]; // by messages under way; 0 is none
    uint8_t free_carried[VL_WEAK_CARRIED];
    uint32_t n_free_carried;
};

// One access of the ring path: where, and what it orders (as in force).
struct vl_weak_call {
    const struct virtq_span *span;
    uint32_t off;
    uint32_t bytes;
    uint8_t order;
    uint8_t barrier;
    uint8_t field;
    struct virtq_site *site;
};

// For memory of mem_bytes. Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY. Ends with vl_weak_close().
VIRTQ_NODISCARD enum virtq_err vl_weak_open(struct vl_weak *w, uint32_t mem_bytes);
void vl_weak_close(struct vl_weak *w);

// Start of a run under a weak model.
void vl_weak_reset(struct vl_machine *m);

// ---- the ring path and payload (vl_weak_access.c); the scheduling point has been taken ----------

// Load up to 16 bytes; the high half goes to *high. Takes the READ choice and emits the event.
uint64_t vl_weak_load(struct vl_machine *m, const struct vl_weak_call *c, uint64_t *high);
// Store up to 16 bytes. Takes the STORE choice and emits the event.
void vl_weak_store(struct vl_machine *m, const struct vl_weak_call *c, uint64_t value,
                   uint64_t high);
// A fence; emits the event.
void vl_weak_fence(struct vl_machine *m, uint8_t order, uint8_t barrier, struct virtq_site *site);
// One piece of a payload access; dst (read) or src (write) is private. Emits the event.
void vl_weak_payload(struct vl_machine *m, const struct vl_weak_call *c, uint8_t *dst,
                     const uint8_t *src);

// ---- store buffers (vl_weak.c) ------------------------------------------------------------------

// The agent's oldest store reaches memory now, if there is one (tso).
void vl_weak_drain_one(struct vl_machine *m, unsigned agent);
// The agent's stores reach memory now.
void vl_weak_drain(struct vl_machine *m, unsigned agent);
// All stores that are due by now do.
void vl_weak_drain_due(struct vl_machine *m);
// Port call at which the next store is due, UINT64_MAX if none is under way.
uint64_t vl_weak_next_due(const struct vl_machine *m);

// ---- the platform (vl_weak.c) -------------------------------------------------------------------

// Agent `to` begins, or goes on, ordered behind all that `from` did.
void vl_weak_order(struct vl_machine *m, unsigned from, unsigned to);

// The current agent sends a message (doorbell, interrupt, posted register write).
//   orders  whether the platform orders what the sender did before it
// Returns what the message carries, for vl_weak_arrive(); 0: nothing.
uint8_t vl_weak_send(struct vl_machine *m, bool orders);
// The message arrives at an agent (or is dropped: agent VL_AGENT_COUNT), once.
void vl_weak_arrive(struct vl_machine *m, uint8_t carried, unsigned agent);
// A message-signalled interrupt becomes pending; again: it was already.
void vl_weak_pending(struct vl_machine *m, uint8_t carried, unsigned vector, bool again);
// The handler of a vector begins.
void vl_weak_handler(struct vl_machine *m, unsigned vector);

// A word of private state is accessed by the current agent.
//   id  of the word, order ACQUIRE (load), RELEASE (store) or ACQ_REL (read-modify-write)
void vl_weak_shared(struct vl_machine *m, uint64_t id, unsigned order);

// A wake for a side's main context, and that context's return from its sleep.
void vl_weak_wake(struct vl_machine *m, unsigned side);
void vl_weak_woken(struct vl_machine *m, unsigned side);

// ---- races (vl_weak_race.c) ---------------------------------------------------------------------

// An access of the current agent raced: a finding, or an event where races are only looked at.
//   seen  NULL, or the bytes that a load could have seen in place of those that it saw
void vl_weak_report(struct vl_machine *m, const struct vl_access *a, unsigned field,
                    const struct vl_conflict *conflict, const uint8_t *seen,
                    const uint8_t *in_place);

#ifdef __cplusplus
}
#endif

#endif
