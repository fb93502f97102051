// model/referee/vl_referee_internal.h -- what the referees' files share.
//
//   vl_referee.c       opens, resets, notes, marks
//   vl_referee_event.c hands events out
//   vl_shadow.c        memory and chains as the driver stored them
//   vl_ring_driver.c   the driver's ring accesses: its view of a queue, and what it breaks by them
//   vl_ring_chain.c    what a store of avail idx publishes
//   vl_ring_edge.c     what the driver does to its queues beside the words of their rings
//   vl_ring_device.c   the device's
//   vl_ring_width.c    ring accesses that are not of one word's width
//   vl_ring_notify.c   suppression, notifications that were owed, unneeded, of nothing new
//   vl_own.c           payload: who may touch which byte when
//   vl_data.c          tokens, digests, lengths
//   vl_live.c          lost notifications, a run that ends stuck
//   vl_state.c         abstract states that were reached
//   vl_flight.c        what is under way between the sides
//   vl_robust*.c       lies, accusations, bounded work; register rules of PCI itself
//   vl_spec*.c         the clauses of the standard that registers and device types decide
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_REFEREE_INTERNAL_H
#define VL_REFEREE_INTERNAL_H

#include "model/referee/vl_bringup.h"
#include "model/referee/vl_flight.h"
#include "model/referee/vl_referee.h"
#include "model/referee/vl_ring_notify.h"
#include "model/referee/vl_ring_width.h"
#include "model/referee/vl_shadow.h"
#include "model/referee/vl_spec_areas.h"

#define VL_SIDE_OTHER 2u // of an agent that is neither half

#define VL_PCI_FUNCTIONS 8u
#define VL_PCI_BARS 6u
#define VL_PCI_CONFIG_BYTES VL_CONFIG_BYTES

// What the driver did to one function's config space, and what it read there.
struct vl_pci_seen {
    uint32_t function;
    uint16_t command;                    // as last written
    bool commanded;                      // command was written
    uint32_t bar[VL_PCI_BARS];           // as last written, all ones left out
    uint32_t mask[VL_PCI_BARS];          // as read back after all ones
    bool placed[VL_PCI_BARS];            // bar[] was written
    bool probing[VL_PCI_BARS];           // all ones was written last
    uint8_t config[VL_PCI_CONFIG_BYTES]; // as last read
};

struct vl_pci_rules {
    uint32_t n_seen;
    struct vl_pci_seen seen[VL_PCI_FUNCTIONS];
    uint64_t hit_base; // the BAR that was accessed last
    uint64_t hit_bytes;
    bool caps_changed;  // config[] changed since structures were looked for
    bool features_word; // the driver says that FEATURES_OK was read back as set
};

struct vl_referees {
    const struct vl_machine *machine; // whose memory is taken at a reset, or NULL: as in host
    struct vl_referee_host host;
    uint64_t seq; // of the event that is being watched
    struct vl_referee_config config;
    bool judge_driver;
    bool judge_device;
    bool honest;           // nobody is hostile: liveness and data are judged, accusations too
    bool device_was_reset; // by its own word: it touches nothing until a queue goes live
    bool astray; // a driver that is not judged took a queue down that the device may use still
    bool asleep[VL_SIDE_COUNT];
    bool driver_done;
    bool any_live;
    uint32_t placed;                  // bit per queue: VL_QUEUE_READY or _LIVE: it has areas
    uint32_t live;                    // bit per queue: VL_QUEUE_LIVE
    uint32_t deciding[VL_SIDE_COUNT]; // bit per queue: VL_DUTY_DECIDING
    uint32_t work[VL_SIDE_COUNT];     // ring accesses since something came of them
    uint32_t work_max[VL_SIDE_COUNT];
    bool looks;                  // the device was seen looking what else it is asked to do
    uint32_t drained[VL_QUEUES]; // buffers that it took since it looked last
    struct vl_flight flight;
    uint64_t marks;
    struct vl_states states;
    uint64_t completed_seq; // event of the newest completion
    uint64_t reset_at_seq;  // event of the device's last reset
    uint32_t queue_size_max;
    struct vl_image image;
    struct vl_squeue queue[VL_QUEUES];
    struct vl_ring_notify ring_notify[VL_QUEUES];
    struct vl_elem *elem;
    uint32_t n_elems; // handed out from the start
    uint32_t elems_max;
    uint32_t free_elem;  // given back, or VL_NONE
    bool accusation_due; // a register access was called wrong, and it may have no event yet
    struct vl_event accusation;
    struct vl_pci_rules pci;
    struct vl_driver_acts acts;
    struct vl_spec spec;
    struct vl_bringup bringup;
};

enum vl_state_at { VL_AT_DRIVER_SLEEP, VL_AT_DEVICE_SLEEP, VL_AT_KICK, VL_AT_IRQ };

// Note the abstract state of queue 0 where a side sleeps or notifies; an error that a side named;
// a device status that was written.
void vl_state_take(struct vl_referees *r, enum vl_state_at at);
void vl_state_error(struct vl_referees *r, uint64_t error, bool by_driver);
void vl_state_status(struct vl_referees *r, uint64_t status);

static inline void vl_mark(struct vl_referees *r, enum vl_mark mark)
{
    r->marks |= 1ull << mark;
}

// True if there was advice about this clause.
static inline bool vl_advised(const struct vl_referees *r, enum vl_clause clause)
{
    return (r->spec.advised[clause / 64] >> (clause % 64) & 1u) != 0;
}

static inline const char *vl_side_name(unsigned side)
{
    return side == VL_SIDE_DRIVER ? "driver" : "device";
}

// A finding: kind, whom it blames, a sentence. Under a run it ends the run and does not return.
void vl_referee_finding(struct vl_referees *r, const char *kind, const char *side,
                        const char *detail, ...)
    __attribute__((format(printf, 4, 5), cold, noinline));

// A step of the abstract queue, taken in front of the ring's own checks, which speak first; the
// second call, behind them, says what they let pass. Judged while both sides are honest.
void vl_promise_broken(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side)
    __attribute__((cold));
static inline bool vl_promises(const struct vl_referees *r, const struct vl_squeue *q)
{
    return r->honest && !q->stood_down && !r->config.races_seen;
}
static inline bool vl_promise_step(struct vl_referees *r, const struct vl_squeue *q,
                                   enum vl_side side, bool kept)
{
    if (!kept && r->config.promises_first) {
        vl_promise_broken(r, q, side);
    }
    return kept;
}

// A note of either side (vl_referee.c).
void vl_referee_note(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// An access to config space or a register, by every checker that wants it.
void vl_registers_judge(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// ---- vl_ring_driver.c -------------------------------------------------------------------------

void vl_driver_load(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
void vl_driver_store(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

void vl_driver_fence(struct vl_referees *r, const struct vl_event *ev); // only if config.barriers

// The driver owns a published buffer's bytes and descriptors again.
void vl_driver_take_back(struct vl_referees *r, struct vl_squeue *q, uint32_t head);

// ---- vl_ring_chain.c --------------------------------------------------------------------------

// The driver stored avail idx of a live queue; if ev->len is 1, a byte of what ev->value is now.
void vl_driver_publishes(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                         uint64_t seq);

// The driver goes to sleep.
void vl_driver_sleeps(struct vl_referees *r);

// ---- vl_ring_edge.c ---------------------------------------------------------------------------

// Notes of the driver: behind QUEUE_AREAS, behind QUEUE_LIVE, before QUEUE_DOWN, before SUBMIT,
// before DETACH.
void vl_driver_areas(struct vl_referees *r, const struct vl_event *ev);
void vl_driver_live(struct vl_referees *r, const struct vl_squeue *q);
void vl_driver_down(struct vl_referees *r, const struct vl_squeue *q);
void vl_driver_submits(struct vl_referees *r, const struct vl_event *ev);
void vl_driver_detaches(struct vl_referees *r, const struct vl_event *ev);
// A register access, a notification sent, memory freed or unmapped.
void vl_driver_enables(struct vl_referees *r, const struct vl_reg_access *a);
void vl_driver_doorbell(struct vl_referees *r, const struct vl_event *ev);
void vl_driver_withdraws(struct vl_referees *r, const struct vl_event *ev);

// ---- vl_ring_device.c -------------------------------------------------------------------------

void vl_device_load(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
void vl_device_store(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
void vl_device_pop(struct vl_referees *r, const struct vl_event *ev);

// The device touched what no avail idx that it read covers (text); kind as for VL_BROKEN_AS().
void vl_device_uncovered(struct vl_referees *r, const char *kind, const char *text)
    __attribute__((cold));

// A register access: what a device says of its queues.
void vl_device_register(struct vl_referees *r, const struct vl_reg_access *a);

// ---- vl_ring_used.c ---------------------------------------------------------------------------

// The device stored used idx of a live queue (if ev->len is 1, a byte of what ev->value is now), or
// the entry ev->value in one of its slots.
void vl_device_used_idx(struct vl_referees *r, struct vl_squeue *q, const struct vl_event *ev,
                        uint64_t seq);
void vl_device_used_slot(struct vl_referees *r, struct vl_squeue *q, uint32_t slot,
                         const struct vl_event *ev);

// ---- vl_own.c ---------------------------------------------------------------------------------

void vl_own_driver_payload(struct vl_referees *r, const struct vl_event *ev);
void vl_own_device_payload(struct vl_referees *r, const struct vl_event *ev);

// ---- vl_data.c --------------------------------------------------------------------------------

void vl_data_note(struct vl_referees *r, const struct vl_event *ev);
void vl_data_backend(struct vl_referees *r, const struct vl_event *ev);

// The device wrote [at, at + len) of the writable part of a buffer.
void vl_data_written(struct vl_head *h, uint32_t at, uint32_t len);

// The device gives a buffer back with this used length.
void vl_data_given_back(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                        uint32_t len);

// ---- vl_live.c --------------------------------------------------------------------------------

// An index was stored, a suppression value was loaded, a side went on without notifying.
void vl_live_published(struct vl_referees *r, struct vl_squeue *q, enum vl_side side, uint16_t idx,
                       uint64_t seq);
void vl_live_looked(struct vl_referees *r, struct vl_squeue *q, enum vl_side side, bool event_word,
                    uint16_t value, uint64_t seq);
void vl_live_passed(struct vl_referees *r, enum vl_side side);
void vl_live_notified(struct vl_referees *r, enum vl_side side, uint32_t queues);
void vl_live_sleep(struct vl_referees *r, enum vl_side side);
void vl_live_quiescent(struct vl_referees *r);
void vl_live_end(struct vl_referees *r, struct vl_verdict *verdict);

// ---- vl_robust.c ------------------------------------------------------------------------------

// What the victim on this side just loaded breaks a rule that it can see.
void vl_robust_lie(struct vl_referees *r, struct vl_squeue *q, enum vl_side victim,
                   const char *what, uint64_t value, uint64_t seq) __attribute__((cold));

// The victim goes on: a lie that it did not name is a finding.
static inline bool vl_robust_lied(const struct vl_squeue *q, enum vl_side victim)
{
    return q->lie[victim].what != NULL;
}
void vl_robust_unnoticed(struct vl_referees *r, struct vl_squeue *q, enum vl_side victim,
                         const char *and_then) __attribute__((cold));
void vl_robust_sleep(struct vl_referees *r, enum vl_side side);

// The device's main context exchanged a word that its other contexts set, or waits; it took a
// buffer.
void vl_robust_looked(struct vl_referees *r, const struct vl_event *ev);
void vl_robust_took(struct vl_referees *r, const struct vl_squeue *q, const struct vl_event *ev);
// Nothing can run any more: an honest device returned what it accepted, or named why it does not.
void vl_robust_rest(struct vl_referees *r) __attribute__((cold));
void vl_robust_peer_error(struct vl_referees *r, const struct vl_event *ev) __attribute__((cold));
// Settle an accusation about a register access: no checker has found what it is about.
void vl_robust_settle(struct vl_referees *r) __attribute__((cold));
void vl_robust_too_much(struct vl_referees *r, enum vl_side side) __attribute__((cold));

// ---- vl_robust_pci.c --------------------------------------------------------------------------

void vl_pci_rules_reset(struct vl_pci_rules *p);
void vl_pci_rules_config(struct vl_referees *r, const struct vl_event *ev);
void vl_pci_rules_mmio(struct vl_referees *r, const struct vl_event *ev);
// Where memory BAR i of a function lies. Returns false if it is none, or was never placed.
bool vl_pci_bar_range(const struct vl_pci_seen *f, uint32_t i, uint64_t *base, uint64_t *bytes);
void vl_pci_rules_control(struct vl_referees *r, const struct vl_event *ev);

static inline bool vl_squeue_holds(const struct vl_squeue *q, uint64_t addr)
{
    return addr - q->avail < q->avail_bytes || addr - q->used < q->used_bytes ||
           addr - q->desc < q->desc_bytes;
}

// The queue one of whose areas the event touches, or NULL. The one that the event names is tried
// first, and need not be right.
struct vl_squeue *vl_squeue_elsewhere(struct vl_referees *r, const struct vl_event *ev);
static inline struct vl_squeue *vl_squeue_at(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];
    return vl_squeue_holds(q, ev->addr) ? q : vl_squeue_elsewhere(r, ev);
}

#endif
