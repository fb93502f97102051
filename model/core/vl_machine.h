// model/core/vl_machine.h -- the simulated machine: two halves on fibers over guest memory.
//
// A run: vl_machine_reset(), the lab sets both halves up, vl_machine_run(). Every port call of a
// half (ring/virtq_port.h) ends up in model/core/vl_port.c, counts one step, may switch to another
// fiber, and emits events; referees watch them. A run allocates nothing.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_MACHINE_H
#define VL_MACHINE_H

#include "model/core/vl_choice.h"
#include "model/core/vl_event.h"
#include "model/core/vl_explored.h"
#include "model/core/vl_fiber.h"
#include "model/core/vl_hash.h"
#include "model/core/vl_interposer.h"
#include "model/core/vl_log.h"
#include "model/core/vl_weak.h"
#include "model/memory/vl_memory.h"
#include "model/memory/vl_model.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vl_side { VL_SIDE_DRIVER, VL_SIDE_DEVICE, VL_SIDE_COUNT };

enum vl_outcome { VL_CLEAN, VL_FINDING, VL_BUDGET, VL_CRASHED };

// A SHOULD that a run broke: said, and no finding.
#define VL_ADVICE_MAX 4u
struct vl_advice {
    uint16_t clause; // enum vl_clause
    uint8_t side;    // enum vl_side
    uint64_t event;
    char detail[160];
};

// What a run came to. Texts are for people; kind and side are what a finding is known by.
struct vl_verdict {
    enum vl_outcome outcome;
    char kind[48];    // "REFEREE:NAME", "-" if there is none
    char side[12];    // whom the referee blames: "driver", "device", "-"
    char detail[512]; // one sentence with the values
    uint64_t event;   // sequence number of the event at which it was seen
    uint32_t peer_faults;
    uint64_t n_events;
    uint64_t hash;   // over all events; 0 if hashing was off
    uint16_t clause; // enum vl_clause that the finding breaks; 0: none
    uint16_t n_advice;
    struct vl_advice advice[VL_ADVICE_MAX]; // the first ones, each clause once
};

// The contexts of a half that the machine calls. ctx is the half's own.
struct vl_half {
    void *ctx;
    void (*main)(void *ctx);                          // the fiber's body; a device's never returns
    void (*on_doorbell)(void *ctx, uint16_t queue);   // device, trap context; direct attachment
    void (*on_interrupt)(void *ctx, uint16_t vector); // driver, handler context; 0xFFFF: INTx
};

// Register space behind the machine (the PCI bus). NULL entries: nothing answers.
struct vl_bus_ops {
    uint32_t (*config_read)(void *ctx, uint32_t function, uint32_t off, unsigned bytes);
    void (*config_write)(void *ctx, uint32_t function, uint32_t off, unsigned bytes,
                         uint32_t value);
    uint32_t (*mmio_read)(void *ctx, uint64_t bus_addr, unsigned bytes);
    void (*mmio_write)(void *ctx, uint64_t bus_addr, unsigned bytes, uint32_t value);
    bool (*mmio_posted)(void *ctx, uint64_t bus_addr); // may a write there be delayed?
    void (*interrupt)(void *ctx, uint16_t vector);     // device signals; ends in vl_raise()
    void (*intx)(void *ctx, bool level);
    bool (*dma_allowed)(void *ctx); // bus master enable
    void *ctx;
};

// Referees: on_event() sees every event after it took effect. Bytes of a bulk access are in
// payload (len bytes), else NULL. May call vl_finding().
struct vl_observer {
    void *ctx;
    void (*on_event)(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload);
};

// Mischief: what a hostile peer's port does to its own accesses and to the victim's view. Called
// only where a mischief lane deviates; the lab supplies it. See tools/lab/lab_mischief.h.
struct vl_mischief_ops {
    void *ctx;
    uint32_t n_options; // choices per point; 0 is honest
    bool gone;          // set by reply(): from here on every read gives all ones
    // The hostile side is about to store *value: alter it. Return false to drop the store.
    bool (*store)(void *ctx, const struct virtq_span *span, uint32_t off, unsigned field,
                  unsigned bytes, uint64_t *value, uint64_t *aux, uint32_t choice);
    // The victim is about to load: store something there first, through vl_adversary_store().
    void (*before_load)(void *ctx, const struct virtq_span *span, uint32_t off, unsigned field,
                        unsigned bytes, uint32_t choice);
    // A register or config space access carries *value: a hostile device's answer, or what a
    // hostile driver writes. Alter it.
    void (*reply)(void *ctx, unsigned field, uint64_t addr, unsigned bytes, uint32_t *value,
                  uint32_t choice);
    // A hostile driver is about to access a register or config space: alter or drop that (a read
    // then gives op->seen), or make others before it, through vl_adversary_access().
    void (*access)(void *ctx, struct vl_port_op *op, uint32_t choice);
};

enum vl_msg_kind { VL_MSG_DOORBELL, VL_MSG_MMIO_WRITE, VL_MSG_INTERRUPT, VL_MSG_BACKEND };

// A notification, an interrupt or a posted register write under way.
struct vl_msg {
    uint64_t due_step;
    uint64_t addr; // queue, vector or bus address
    uint32_t value;
    uint8_t kind;
    uint8_t bytes;
    uint8_t carried; // what it orders: vl_weak_send()
};

#define VL_MSG_MAX 64u
#define VL_DELAY_OPTIONS 64u // a notification arrives 0..63 port calls after it was sent
#define VL_VECTORS 64u
#define VL_SHARED_MAX 32u
#define VL_INTX_VECTOR 0xFFFFu

struct virtq_port {
    struct vl_machine *machine;
    enum vl_side side;
};

// One thread of control: a half's main context, and the contexts nested on it.
struct vl_strand {
    struct vl_machine *machine;
    struct vl_fiber fiber;
    struct vl_half half;
    enum vl_side side;
    bool started;
    bool done;      // main returned
    bool asleep;    // in virtq_await_event()
    bool awaiting;  // in virtq_await16()
    bool wake;      // a wake came
    uint8_t depth;  // nested trap and handler contexts
    uint32_t sync;  // bit per nested context, innermost lowest: ordered with what it interrupts
    uint8_t agent;  // who acts now
    bool registers; // config.counters: a register was accessed since the last relax()
    uint16_t sent;  // config.counters: notifications that this side has sent
    uint16_t seen;  // and the count at which it woke up last
    struct virtq_span spin; // config.counters: the word that relax() waits for
    const struct virtq_span *await_span;
    uint32_t await_off;
    uint16_t await_old;
};

// Limits and switches of a run, from the scenario.
struct vl_run_config {
    uint64_t budget_events;
    bool hashing;
    uint8_t barrier_order[VIRTQ_BARRIER_COUNT]; // enum virtq_order in force; 0xFF: as written
    uint32_t forced[VL_FIELD_COUNT]; // mischief at each store of a field, as a choice; 0: none
    bool hostile_driver;             // the driver's port is a mischief port
    bool hostile_device;             // the device's port is one
    enum vl_model model;             // a weaker one than sc needs vl_machine_open_weak()
    bool weak_mmio;                  // doorbells and message-signalled interrupts order nothing
    bool races_see;                  // a data race is an event, and a load there sees old bytes
    bool counters;                   // notifications are counters: see vl_counter.h
};

struct vl_machine {
    // hot
    uint64_t step;       // port calls so far
    uint64_t next_check; // step at which a message falls due or the budget ends
    uint64_t seq;        // events so far
    struct vl_strand *cur;
    struct vl_log *log;
    const struct vl_mischief_ops *mischief; // NULL: nobody is hostile
    const struct vl_explored_ops *explored; // not NULL: port calls go there, see vl_explored.h
    const struct vl_interposer *interposer; // not NULL: port calls are shown to it first
    struct vl_observer observer;
    enum vl_side first;     // this side goes on whenever it can; VL_SIDE_COUNT: whoever runs
    enum vl_side back_side; // a side that was put off goes on again at step back_at
    uint64_t back_at;       // UINT64_MAX: none was
    bool irq_ready;         // the driver's handler could run now
    bool irq_masked;
    bool trap_busy; // a register access is being answered
    bool stopping;
    uint8_t model;        // enum vl_model in force
    struct vl_weak *weak; // NULL: runs are sc
    struct vl_choices choices;
    struct vl_memory memory;
    struct vl_strand strand[VL_SIDE_COUNT];
    struct virtq_span counter[VL_SIDE_COUNT]; // config.counters: what each side looks at
    struct virtq_port port[VL_SIDE_COUNT];
    struct vl_fiber main_fiber;
    struct vl_msg msgs[VL_MSG_MAX];
    uint32_t n_msgs;
    uint64_t irq_pending; // bit per vector
    bool intx_level;
    struct vl_bus_ops bus;
    struct vl_run_config config;
    struct vl_hash hash;
    uint64_t hashed;                                  // events that the hash covers so far
    unsigned mischief_lane;                           // of the hostile half
    enum vl_side hostile_side;                        // meaningful while mischief is not NULL
    const struct virtq_shared *shared[VL_SHARED_MAX]; // in order of first use: an event's address
    uint32_t n_shared;
    bool log_owned;
    struct vl_verdict verdict;
    struct virtq_site *sites[VL_LOG_SITES];
};

// Allocate guest memory, stacks and, if log is NULL, a private log; else log (in shared memory) is
// used and stays the caller's. mem_bytes: total guest memory.
// Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY, VIRTQ_ERR_INVALID. Ends with vl_machine_close().
//   deviations_max  how many deviations a run can record
//   deviations      array of that many, or NULL to have one allocated
VIRTQ_NODISCARD enum virtq_err vl_machine_open(struct vl_machine *m, uint32_t mem_bytes,
                                               uint32_t deviations_max,
                                               struct vl_deviation *deviations, struct vl_log *log);
void vl_machine_close(struct vl_machine *m);

// Make room for runs under weaker memory models than sc; once, after vl_machine_open().
// Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY, with the machine as it was.
VIRTQ_NODISCARD enum virtq_err vl_machine_open_weak(struct vl_machine *m);

// Back to power-on: memory zero, nothing in flight, no events. Choices are set separately, after.
void vl_machine_reset(struct vl_machine *m, const struct vl_run_config *config);

// Run both halves until nothing can run, a finding, or the end of the budget. Returns the verdict,
// which stays valid until the next reset.
const struct vl_verdict *vl_machine_run(struct vl_machine *m);

// End the run here, on a fiber; the verdict is what it is so far. Does not return.
void vl_machine_stop(struct vl_machine *m);

// A referee's finding: ends the run at this event. Does not return when called on a fiber.
//   kind "REFEREE:NAME", side whom it blames or "-", detail a sentence
void vl_finding(struct vl_machine *m, const char *kind, const char *side, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

// Emit an event of the current agent. payload: len bytes of a bulk access or NULL.
void vl_emit(struct vl_machine *m, const struct vl_event *ev, struct virtq_site *site,
             const uint8_t *payload);

// Number of the site for a trace, which is given out now. 0 if there are too many.
uint32_t vl_site_add(struct vl_machine *m, struct virtq_site *site);

// Number of a site, given out at its first use; 0: none, or too many.
static inline uint32_t vl_site_number(struct vl_machine *m, struct virtq_site *site)
{
    if (site == NULL) {
        return 0;
    }
    return site->id < VL_LOG_SITES && m->sites[site->id] == site ? site->id : vl_site_add(m, site);
}

// The hash takes in what it has not seen of the log; called before the log's ring wraps over it.
void vl_hash_log(struct vl_machine *m);

#ifndef __cplusplus
// vl_emit() for the hot path. The event goes by value and is built in its place in the log: a copy
// from the stack, of fields that were just stored one by one, would wait for those stores.
__attribute__((always_inline)) static inline void vl_emit_hot(struct vl_machine *m,
                                                              struct vl_event ev,
                                                              struct virtq_site *site,
                                                              const uint8_t *payload)
{
    struct vl_log *log = m->log;
    const uint64_t seq = m->seq;
    const uint32_t site_id = vl_site_number(m, site);

    if (atomic_load_explicit(&log->reader, memory_order_relaxed) != 0) {
        const struct vl_event copy = ev;
        vl_log_make_room(log, &copy, payload, copy.len);
    }
    const uint32_t slot = (uint32_t)seq & (VL_LOG_EVENTS - 1) & ~log->short_bits;
    struct vl_event *place = &log->events[slot];
    *place = ev;
    log->event_site[slot] = site_id;
    atomic_store_explicit(&log->head, seq + 1, memory_order_release);
    m->seq = seq + 1;
    if (m->config.hashing && ((seq + 1) & (VL_LOG_SHORT_EVENTS - 1)) == 0) {
        vl_hash_log(m);
    }
    if (m->observer.on_event != NULL) {
        m->observer.on_event(m->observer.ctx, place, seq, payload);
    }
}
#endif

// Device signals vector towards the driver; arrives after a delay that is a choice.
void vl_raise(struct vl_machine *m, uint16_t vector, struct virtq_site *site);

// The INTx line changes level; while it is high the handler runs, with VL_INTX_VECTOR.
void vl_intx(struct vl_machine *m, bool level, struct virtq_site *site);

// One port call: counts, delivers what falls due, may switch to another fiber, runs the handler.
void vl_sched_point_slow(struct vl_machine *m);
static inline void vl_sched_point(struct vl_machine *m)
{
    struct vl_slot *s = &m->choices.slots[vl_lane_base[VL_LANE_SCHEDULE] + m->cur->agent];
    m->step++;
    if (++s->n == s->next || m->step >= m->next_check || m->irq_ready) {
        vl_sched_point_slow(m);
    }
}

// What an access or fence orders in this run: a fault may have weakened its barrier.
static inline uint8_t vl_order_in_force(const struct vl_machine *m, enum virtq_order order,
                                        enum virtq_barrier barrier)
{
    const uint8_t forced = m->config.barrier_order[barrier];
    return forced == 0xFF ? (uint8_t)order : forced;
}

// Parts of waiting, for the port.
void vl_block(struct vl_machine *m);       // let others run until this strand is chosen again
void vl_step_aside(struct vl_machine *m);  // let one other strand run, if any can
void vl_run_handler(struct vl_machine *m); // deliver the pending interrupt on the driver's strand
void vl_send(struct vl_machine *m, const struct vl_msg *msg); // due_step is set
void vl_deliver_due(struct vl_machine *m); // messages arrive and stores drain that are due by now
// Port call at which the next one is due, UINT64_MAX if nothing is under way.
uint64_t vl_next_due(const struct vl_machine *m);
// Posted writes and notifications arrive before a register access that comes behind them.
void vl_flush_posted(struct vl_machine *m);
// A register access: the trap context acts at once, ordered behind what the accessor did, and the
// accessor goes on behind it.
void vl_trap_enter(struct vl_machine *m, unsigned agent, uint8_t *saved_agent);
// The same for what orders nothing by itself: a message's arrival, a doorbell under weak_mmio.
void vl_trap_enter_unordered(struct vl_machine *m, unsigned agent, uint8_t *saved_agent);
void vl_trap_leave(struct vl_machine *m, uint8_t saved_agent);
void vl_irq_update(struct vl_machine *m); // after a change of pending or masked

// Show a port call to the interposer. Port calls that it makes meanwhile are not shown.
void vl_interpose(struct vl_machine *m, struct vl_port_op *op, enum vl_op_phase phase);

// What is not explored ends its thread there: what is said in words.
static inline void vl_leave_explored(const struct vl_machine *m, const char *what)
{
    if (m->explored != NULL) {
        m->explored->leave(m->explored->ctx, what);
    }
}

// A choice of the lab (workload, completion) at the current agent.
static inline uint32_t vl_lab_choice(struct vl_machine *m, unsigned lane, unsigned key,
                                     uint32_t n_options)
{
    return vl_choose(&m->choices, lane, m->cur->agent, key, n_options);
}

// A store by the adversary, recorded as such, at span+off (inside guest memory).
void vl_adversary_store(struct vl_machine *m, const struct virtq_span *span, uint32_t off,
                        unsigned bytes, uint64_t value, uint64_t aux);

// A register access by the adversary, recorded as such: kind, addr and bytes as in struct
// vl_port_op. Returns what a read gave, else 0. On the driver's strand, outside a trap.
uint32_t vl_adversary_access(struct vl_machine *m, enum vl_op_kind kind, uint64_t addr,
                             unsigned bytes, uint32_t value);

// An event of the lab itself (backend, mischief) by the current agent.
void vl_lab_event(struct vl_machine *m, enum vl_event_kind kind, uint64_t addr, uint64_t value,
                  uint64_t aux, uint32_t len);

// True if a message of this kind is under way.
bool vl_machine_in_flight(const struct vl_machine *m, enum vl_msg_kind kind);

// Wake a side's main context delay port calls from now: a backend has an answer.
void vl_wake_later(struct vl_machine *m, uint32_t delay);

#ifdef __cplusplus
}
#endif

#endif
