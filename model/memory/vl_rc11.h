// model/memory/vl_rc11.h -- the operational RC11: stores of each cell in modification order, and
// what each agent knows.
//
// A cell is two bytes. Its history is the list of its stores (messages) in modification order; the
// oldest one is where it starts. An agent has clocks (vl_clock.h): `hb` is RC11's happens-before,
// exactly; `cov` is hb and, with sc_view, what seq-cst fences have in common besides. A load may
// see the newest message down to the agent's floor: the last one that is known to `cov`, or that a
// read known to `cov` has read. A store may go anywhere behind the floor.
// There is no load buffering: a load sees a store that was made already, as RC11 has it.
//
// The caller numbers events: seq rises within each agent (and may be common to all of them), below
// 2^31 - 1. Each rule of vl_model.h that belongs to this model can be left out.
//
// Seq-cst fences: RC11's psc axiom is a property of a whole execution. With sc_view off they are
// acquire and release fences here, and the caller checks psc on the execution that it records;
// with sc_view on a global view orders them, which is exact for two agents, and too strong for
// three: it hides outcomes and shows none that RC11 forbids. Seq-cst accesses are acquire and
// release here.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_RC11_H
#define VL_RC11_H

#include "model/memory/vl_clock.h"
#include "model/memory/vl_model.h"
#include "ring/virtq_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VL_RC11_POOL_MAX 65535u
#define VL_RC11_AT_START UINT32_MAX // seq of what a cell held before the first event

struct vl_rc11_view {
    union vl_clock hb;
    union vl_clock cov;
};

enum vl_rc11_flags {
    VL_RC11_LIVE = 1,      // the node is in a history
    VL_RC11_RMW_READ = 2,  // a read-modify-write has read this store
    VL_RC11_RMW_STORE = 4, // this is a read-modify-write's store: glued to the one before it
    VL_RC11_PLAIN = 8,     // a plain store
    VL_RC11_FIRST = 16,    // what the cell held when its history began
};

// One store of one cell.
struct vl_rc11_msg {
    struct vl_rc11_view view; // what an acquiring reader takes in
    union vl_clock read;      // first read by each agent; VL_CLOCK_NEVER
    uint32_t seq;             // of the store
    uint32_t cell;
    uint16_t value;
    uint16_t older; // neighbours in modification order; 0: none
    uint16_t newer;
    uint8_t agent;
    uint8_t flags;
};

struct vl_rc11_agent {
    struct vl_rc11_view cur; // what happens before the agent's next event
    struct vl_rc11_view acq; // what an acquire fence would take in
    struct vl_rc11_view rel; // cur at the last release fence
};

struct vl_rc11 {
    uint32_t rules; // bits of enum vl_rule
    bool sc_view;
    uint32_t n_cells;
    uint32_t pool;            // messages 1 .. pool
    uint32_t fresh;           // messages 1 .. fresh have been used
    uint32_t n_live;          // messages in histories
    uint16_t free;            // list of those that are free again, by older
    union vl_clock sc;        // what the seq-cst fences so far have in common
    uint16_t *newest;         // per cell; 0: no history yet
    uint16_t *length;         // per cell: messages
    struct vl_rc11_msg *msgs; // 0 is not used
    struct vl_rc11_agent agent[VL_CLOCK_AGENTS];
};

// Allocate for n_cells cells and a pool of messages (1 .. VL_RC11_POOL_MAX). All rules are in force
// and sc_view is off; the caller may change both. Ends with vl_rc11_close().
// Returns VIRTQ_OK; VIRTQ_ERR_INVALID, VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err vl_rc11_open(struct vl_rc11 *rc, uint32_t n_cells, uint32_t pool);
void vl_rc11_close(struct vl_rc11 *rc);

// No histories, nobody knows anything. Costs what was used since the last time.
void vl_rc11_reset(struct vl_rc11 *rc);

// Make *to what *from is; both were opened with the same sizes. Costs what either has in use.
void vl_rc11_copy(struct vl_rc11 *to, const struct vl_rc11 *from);

// Begin a cell's history, unless it has one, with a message that happens before everything.
//   value, seq  what the cell holds, and the store that left it there, or VL_RC11_AT_START
// Returns false if the pool is full; then trim and try again.
bool vl_rc11_touch(struct vl_rc11 *rc, uint32_t cell, uint16_t value, uint32_t seq);

// The message that option k stands for, 0 if there are not that many. k = 0 is the newest one,
// then back in modification order, down to the agent's floor. The cell has a history.
uint16_t vl_rc11_load_option(const struct vl_rc11 *rc, unsigned agent, uint32_t cell, uint32_t k);
// The same for the message behind which a store would go.
uint16_t vl_rc11_store_option(const struct vl_rc11 *rc, unsigned agent, uint32_t cell, uint32_t k);
// The same for the message that a read-modify-write would read. A compare that fails is a load.
uint16_t vl_rc11_rmw_option(const struct vl_rc11 *rc, unsigned agent, uint32_t cell, uint32_t k);

// How many options there are, at least 1 for a load and a store. A read-modify-write has at least
// one too: the newest message has not been read by another one.
uint32_t vl_rc11_load_options(const struct vl_rc11 *rc, unsigned agent, uint32_t cell);
uint32_t vl_rc11_store_options(const struct vl_rc11 *rc, unsigned agent, uint32_t cell);
uint32_t vl_rc11_rmw_options(const struct vl_rc11 *rc, unsigned agent, uint32_t cell);

// True if the message may be read by a read-modify-write now (an option of a load need not be one).
bool vl_rc11_rmw_may_read(const struct vl_rc11 *rc, unsigned agent, uint16_t msg);

// Load the message that an option named, as event seq of the agent. Returns its value.
uint16_t vl_rc11_load(struct vl_rc11 *rc, unsigned agent, uint16_t msg, unsigned order,
                      uint32_t seq);

// Store behind the message that an option named, as event seq of the agent.
// Returns the new message, 0 if the pool is full (nothing has happened then).
uint16_t vl_rc11_store(struct vl_rc11 *rc, unsigned agent, uint16_t behind, uint16_t value,
                       unsigned order, uint32_t seq);

// Read the message that an option named and store value right behind it, as one event.
// Returns the new message, 0 if the pool is full (nothing has happened then).
uint16_t vl_rc11_rmw(struct vl_rc11 *rc, unsigned agent, uint16_t msg, uint16_t value,
                     unsigned order, uint32_t seq);

// A fence as event seq of the agent; RELAXED and PLAIN are none.
void vl_rc11_fence(struct vl_rc11 *rc, unsigned agent, unsigned order, uint32_t seq);

// Any other event of the agent: it has happened, and orders nothing by itself.
static inline void vl_rc11_tick(struct vl_rc11 *rc, unsigned agent, uint32_t seq)
{
    rc->agent[agent].cur.hb.at[agent] = (int32_t)(seq + 1);
    rc->agent[agent].cur.cov.at[agent] = (int32_t)(seq + 1);
}

// What a release by the agent hands over now, and taking it in as an acquire does: for messages
// that are no memory (doorbells, interrupts, a register access, entering a context).
static inline const struct vl_rc11_view *vl_rc11_view(const struct vl_rc11 *rc, unsigned agent)
{
    return &rc->agent[agent].cur;
}

static inline void vl_rc11_view_join(struct vl_rc11_view *view, const struct vl_rc11_view *other)
{
    vl_clock_join(&view->hb, &other->hb);
    vl_clock_join(&view->cov, &other->cov);
}

static inline void vl_rc11_take(struct vl_rc11 *rc, unsigned agent, const struct vl_rc11_view *view)
{
    vl_rc11_view_join(&rc->agent[agent].cur, view);
}

// True if event seq of agent `by` happens before the agent's next event.
static inline bool vl_rc11_knows(const struct vl_rc11 *rc, unsigned agent, unsigned by,
                                 uint32_t seq)
{
    return vl_clock_knows(&rc->agent[agent].cur.hb, by, seq);
}

// The newest message of a cell in modification order, 0 if the cell has no history. A message's
// neighbours are its members older and newer.
static inline uint16_t vl_rc11_newest(const struct vl_rc11 *rc, uint32_t cell)
{
    return rc->newest[cell];
}

// Drop messages that no agent of the set (bit per agent) can see any more, of one cell or of all.
// Agents that are not in the set will take in the view of one that is before they act again.
// Nothing is dropped while a coherence rule is left out: then there is no floor.
void vl_rc11_trim_cell(struct vl_rc11 *rc, uint32_t cell, uint32_t agents);
void vl_rc11_trim(struct vl_rc11 *rc, uint32_t agents);

#ifdef __cplusplus
}
#endif

#endif
