// model/explore/vl_graph.h -- the execution graph that the explorer grows and takes back.
// Internal to model/explore/. Events are numbered in the order in which they were added; taking
// back is forgetting the last ones.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_GRAPH_H
#define VL_GRAPH_H

#include "model/explore/vl_explore.h"
#include "ring/virtq_err.h"

#define VL_G_NONE 0xFFFFu   // no event; as rf: the initial value
#define VL_G_STORES_MAX 96u // of one location
#define VL_G_DATA_BYTES (64u << 10)

// Per thread: how many of its events happen before. Eight 16-bit counts, one machine word of SSE
// or NEON; the compiler makes two instructions of a maximum.
typedef uint16_t vl_g_clock __attribute__((vector_size(16)));
// On 32-bit x86 gcc tells that its older versions pass vectors in another way. All that passes them
// is static.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

enum vl_g_kind { VL_G_READ, VL_G_WRITE, VL_G_FENCE, VL_G_PLAIN_READ, VL_G_PLAIN_WRITE };

#define VL_G_AWAIT 1u  // read: its thread goes on only with another value than expect
#define VL_G_LOCKED 2u // half of a read-modify-write (of one that fails: its read)
#define VL_G_RACY 4u   // plain: raced with an earlier one

struct vl_g_event {
    // The thread's state behind the event: program order and all rf; happens-before; what an
    // acquire fence would add; what a relaxed store carries. And what this store carries.
    vl_g_clock porf;
    vl_g_clock hb;
    // What happens before the event itself: hb, but for cells of a wide access, which do not take
    // in what other cells of it acquired.
    vl_g_clock self;
    vl_g_clock acq;
    vl_g_clock rel;
    vl_g_clock msg;
    const void *site;
    uint16_t po; // place in its thread, from 0
    uint16_t loc;
    uint16_t value;
    uint16_t expect;    // of an await
    uint16_t rf;        // read: the write, or VL_G_NONE
    uint16_t mo;        // write: place in its location's order from 1, 0: not placed yet
    uint16_t prev_loc;  // the thread's previous event at this location
    uint16_t revisited; // write: the read that it was made the source of, backwards in time
    uint8_t thread;
    uint8_t kind;
    uint8_t order;
    uint8_t flags;
    uint8_t cell; // of a wide access, from 0
    uint8_t wide; // cells of the access
    uint8_t op;
    uint8_t tag;
    uint32_t addr; // plain
    uint32_t len;
    uint32_t data; // where its bytes are
};

struct vl_graph {
    uint32_t n;
    uint32_t n_racy;
    uint32_t n_data;
    uint32_t n_sc_accesses;
    uint16_t n_sc_fences[VL_X_THREADS];
    uint16_t n_of[VL_X_THREADS]; // events of a thread
    struct vl_g_event *ev;
    uint16_t *thread; // [thread * events_max + po]: event
    uint16_t *last;   // [thread * n_locs + loc]: the thread's last event there
    uint16_t *mo;     // [loc * VL_G_STORES_MAX + place - 1]: event
    uint16_t *n_mo;   // [loc]
    uint8_t *data;
};

// Sizes of every graph of a search, and what its consistency is.
struct vl_g_world {
    enum vl_model model;
    uint32_t rules;
    uint32_t n_threads;
    uint32_t n_locs;
    uint32_t events_max;
    uint32_t stride;   // as many as there are events or locations, whatever is more
    uint16_t *scratch; // 4 * stride
    bool *too_large;   // set where a graph is beyond what can be decided
};

VIRTQ_NODISCARD bool vl_g_open(struct vl_graph *g, const struct vl_g_world *w);
void vl_g_close(struct vl_graph *g);
size_t vl_g_bytes(const struct vl_g_world *w);

static inline vl_g_clock vl_g_join(vl_g_clock a, vl_g_clock b)
{
    const vl_g_clock more = (vl_g_clock)(a > b);
    return (a & more) | (b & ~more);
}

static inline uint16_t vl_g_at(const struct vl_g_world *w, const struct vl_graph *g, uint32_t t,
                               uint32_t po)
{
    return g->thread[t * w->events_max + po];
}

// Place of the store that a read sees, 0 for the initial value.
static inline uint32_t vl_g_place(const struct vl_graph *g, const struct vl_g_event *e)
{
    if (e->kind == VL_G_WRITE) {
        return e->mo;
    }
    return e->rf == VL_G_NONE ? 0 : g->ev[e->rf].mo;
}

static inline uint16_t vl_g_store_at(const struct vl_graph *g, uint32_t loc, uint32_t place)
{
    return place == 0 ? VL_G_NONE : g->mo[loc * VL_G_STORES_MAX + place - 1];
}

// Append an event of a thread, with the thread's state carried on. The caller fills in the rest.
// NULL: the graph is full.
struct vl_g_event *vl_g_add(const struct vl_g_world *w, struct vl_graph *g, uint32_t thread,
                            enum vl_g_kind kind, const struct vl_x_access *a);

// Forget events from number n on.
void vl_g_truncate(const struct vl_g_world *w, struct vl_graph *g, uint32_t n);

// Make a read see a write (or VL_G_NONE: the initial value, given), and set its thread's state.
void vl_g_set_rf(const struct vl_g_world *w, struct vl_graph *g, uint32_t read, uint16_t write,
                 uint16_t initial);

// What happens before an access: its thread's state before the first of its cells.
vl_g_clock vl_g_before_access(const struct vl_g_world *w, const struct vl_graph *g,
                              const struct vl_g_event *e);

// State behind a new fence; what a new write carries (its read's source is set for the second
// half of a read-modify-write).
void vl_g_set_fence(const struct vl_g_world *w, struct vl_graph *g, uint32_t fence);
void vl_g_set_message(const struct vl_g_world *w, struct vl_graph *g, uint32_t write);

// Put a write at a place of its location's order, or take it out of it.
void vl_g_insert(struct vl_graph *g, uint32_t write, uint32_t place);
void vl_g_remove(struct vl_graph *g, uint32_t write);

// Copy what remains of `from` when write comes to be read by the earlier read: events up to read,
// those that write depends on, and write, which is not placed. The numbers of read and write in
// `to` are returned.
void vl_g_revisit(const struct vl_g_world *w, const struct vl_graph *from, uint32_t write,
                  uint32_t read, struct vl_graph *to, uint32_t *new_write, uint32_t *new_read);

// ---- vl_consistency.c -------------------------------------------------------------------------

// The lowest place that a read may see, or behind which a write may stand: the newest store that
// happens before it or was seen by what happens before it.
uint32_t vl_g_floor(const struct vl_g_world *w, const struct vl_graph *g, uint32_t event);

// True if a write may stand at this place as far as read-modify-writes go.
bool vl_g_may_stand(const struct vl_g_world *w, const struct vl_graph *g, uint32_t write,
                    uint32_t place);

// True if the graph, which was consistent before `event` got its rf or place, is so still. Only
// asked where the event is not the newest of its location: else it is.
bool vl_g_consistent(const struct vl_g_world *w, const struct vl_graph *g, uint32_t event);

// Per thread, how many of its events come before the fence in hb or in hb;eco;hb.
vl_g_clock vl_g_before_fence(const struct vl_g_world *w, const struct vl_graph *g,
                             const struct vl_g_event *fence);

// True if every event that the revisit of read by write would delete, and read itself, was added
// as new as possible: only then is the smaller graph reached from here, and from nowhere else.
bool vl_g_maximal(const struct vl_g_world *w, const struct vl_graph *g, uint32_t write,
                  uint32_t read);

#endif
