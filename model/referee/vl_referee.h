// model/referee/vl_referee.h -- the referees: they watch events and decide who broke what.
// They share no code with ring/, driver/ or device/ beyond the names of the port: ring bytes are
// decoded here from a spec table of their own. A run with a finding ends at the event that shows
// it.
//
//   ownership   who may touch which byte when
//   liveness    lost notifications, livelock
//   data        what comes out is what went in: once, whole, to the right caller
//   robustness  what an honest side may do when the other lies, and what it must notice
//   spec        each clause of the standard: clauses.def, vl_spec.h
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_REFEREE_H
#define VL_REFEREE_H

#include "model/core/vl_machine.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_VIRTIO_BLK 2u
#define VL_VIRTIO_ENTROPY 4u

struct vl_referees; // opaque: vl_referees_open() .. vl_referees_close()

#define VL_REFEREE_REGIONS 16u
#define VL_REFEREE_REGION_ROOM 32u // bytes beside a region's own, for alignment

// A piece of guest memory, zero at the start.
struct vl_referee_region {
    uint64_t gpa;
    uint32_t bytes;
};

// Where findings and advice go, and what memory there is: all that the referees know but for
// events.
struct vl_referee_host {
    void *ctx;
    // A finding: kind "REFEREE:NAME", whom it blames or "-", a sentence. Does not return: a run
    // ends with its finding.
    void (*finding)(void *ctx, const char *kind, const char *side, const char *detail);
    struct vl_verdict *verdict; // advice and clauses are written here
    uint32_t n_regions;         // at most VL_REFEREE_REGIONS
    struct vl_referee_region region[VL_REFEREE_REGIONS];
};

// What the referees are told of a run.
struct vl_referee_config {
    bool hostile_driver; // the device half alone is judged
    bool hostile_device; // the driver half alone is judged
    bool hostile_pci;
    bool completion_owed; // every buffer made available is to be returned (not so on a receive
                          // queue)
    bool pci;             // attached over PCI: register rules are judged
    bool races_seen;      // a data race does not end the run: what comes of it is to be seen, and
                          // the abstract queue, which would end it earlier, stands down
    bool promises_first;  // the abstract queue (vl_queue.h) speaks before the ring's referees, not
                          // behind them: to see what it finds alone
    bool barriers;        // judge barriers at the access, from the orders recorded; else by effects
    uint16_t virtio_id;   // device type [5]: VL_VIRTIO_BLK, ...; 0: unknown
};

// Allocate referees for queues of up to queue_size_max entries and memory of mem_bytes. They watch
// runs of m: a finding ends the run there. Of the machine they use that, and where its memory lies.
// Returns NULL if there is no memory left.
struct vl_referees *vl_referees_open(struct vl_machine *m, uint32_t queue_size_max,
                                     uint32_t mem_bytes);

// The same without a machine, for events from elsewhere. *host is copied. mem_bytes: of all its
// regions, with VL_REFEREE_REGION_ROOM for each.
struct vl_referees *vl_referees_open_for(const struct vl_referee_host *host,
                                         uint32_t queue_size_max, uint32_t mem_bytes);
void vl_referees_close(struct vl_referees *r);

// Start a run; costs no more than what the last run touched.
void vl_referees_reset(struct vl_referees *r, const struct vl_referee_config *config);

// Watch one event (struct vl_observer's function; ctx is the struct vl_referees).
void vl_referees_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload);

// After the run ended without a finding: what can only be judged now (livelock on an exhausted
// budget). May turn the verdict into a finding. verdict->n_events is the number of events.
void vl_referees_end(struct vl_referees *r, struct vl_verdict *verdict);

// Reach marks: named states that a run came through, as bits; a corpus must reach them all.
#define VL_MARKS(X)                                                                                \
    X(AVAIL_WRAPPED, "avail idx wrapped past 65535")                                               \
    X(USED_WRAPPED, "used idx wrapped past 65535")                                                 \
    X(RING_WRAPPED, "the ring went round")                                                         \
    X(QUEUE_FULL, "every descriptor in flight")                                                    \
    X(CHAIN_FULL, "a chain as long as the queue")                                                  \
    X(INDIRECT, "an indirect table used")                                                          \
    X(INDIRECT_FULL, "an indirect table as long as the queue")                                     \
    X(BATCH, "several buffers published at once")                                                  \
    X(DRIVER_SLEPT, "the driver slept and was woken")                                              \
    X(DEVICE_SLEPT, "the device slept and was woken")                                              \
    X(KICK_SUPPRESSED, "a notification was suppressed")                                            \
    X(IRQ_SUPPRESSED, "an interrupt was suppressed")                                               \
    X(EVENT_IDX, "EVENT_IDX was in use")                                                           \
    X(FLAGS, "suppression by flags was in use")                                                    \
    X(OUT_OF_ORDER, "buffers returned out of order")                                               \
    X(RESET_IN_FLIGHT, "a reset with requests in flight")                                          \
    X(PEER_ERROR_DRIVER, "the device named a driver's error")                                      \
    X(PEER_ERROR_DEVICE, "the driver named a device's error")                                      \
    X(ADVERSARY, "memory changed just before a load")                                              \
    X(SPURIOUS, "a spurious notification or interrupt")                                            \
    X(DELAYED, "a notification was under way for a while")                                         \
    X(MSIX, "a message-signalled interrupt arrived")                                               \
    X(INTX, "an INTx interrupt arrived")                                                           \
    X(POSTED, "a register write was posted")                                                       \
    X(TWO_SPANS, "a payload crossed a border of memory regions")                                   \
    X(HIGH_MEMORY, "a payload above 4 GiB")                                                        \
    X(DRIVER_OK, "a device was brought up over PCI")                                               \
    X(PCI_FAILED, "the driver gave a lying PCI device up")

#define VL_MARK_ENUM_(id, text) VL_MARK_##id,
enum vl_mark { VL_MARKS(VL_MARK_ENUM_) VL_MARK_COUNT };
#undef VL_MARK_ENUM_
VIRTQ_STATIC_ASSERT(VL_MARK_COUNT <= 64, "marks are bits of a word");

const char *vl_mark_text(unsigned mark);
const char *vl_mark_name(unsigned mark); // the identifier, "AVAIL_WRAPPED"

// Abstract states, as bits: at sleeps and notifications how full the ring was, what waited, what
// either side had asked for, how near the indices were to their end; errors that were named;
// device status as it was written. For a fuzzer's feedback.
#define VL_STATE_ERRORS 32u
enum {
    VL_STATE_RING = 0,     // 256: see vl_state_take()
    VL_STATE_ERROR = 256,  // by the device, then by the driver
    VL_STATE_STATUS = 320, // 32
    VL_STATE_DOWN = 352,   // 4: the queue is not in use
    VL_STATE_COUNT = 384
};
struct vl_states {
    uint64_t bit[VL_STATE_COUNT / 64];
};
const struct vl_states *vl_referees_states(const struct vl_referees *r);

// Marks reached in this run so far.
uint64_t vl_referees_marks(const struct vl_referees *r);

#ifdef __cplusplus
}
#endif

#endif
