// model/core/vl_event.h -- everything that happens at a port, as a sequence of fixed-size records.
// The hash of a run covers struct vl_event's 40 bytes in little-endian order and nothing else of
// an event: sites, names and lines are kept beside it. docs/TRACE.md is the format's description.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_EVENT_H
#define VL_EVENT_H

#include "ring/virtq_port.h"

#ifndef __cplusplus
#include <stdatomic.h>
#endif
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Agents: contexts that act at a port. They are the "who" of an event and of a deviation.
#define VL_AGENTS(X)                                                                               \
    X(DRIVER, "driver")       /* the driver half's main context */                                 \
    X(DEVICE, "device")       /* the device half's data path */                                    \
    X(TRAP, "trap")           /* the device half answering a register access or a doorbell */      \
    X(HANDLER, "handler")     /* the driver half's interrupt handler */                            \
    X(PLATFORM, "platform")   /* the machine itself: spurious notifications and interrupts */      \
    X(ADVERSARY, "adversary") /* a hostile peer's extra hand on shared memory */

#define VL_AGENT_ENUM_(id, name) VL_AGENT_##id,
enum vl_agent { VL_AGENTS(VL_AGENT_ENUM_) VL_AGENT_COUNT };
#undef VL_AGENT_ENUM_

// Fields: which word of a queue or register file an access touches. With the queue's number they
// are the "which" of a deviation.
#define VL_FIELDS(X)                                                                               \
    X(NONE, "-")                                                                                   \
    X(DESC, "desc")                                                                                \
    X(AVAIL_FLAGS, "avail.flags")                                                                  \
    X(AVAIL_IDX, "avail.idx")                                                                      \
    X(AVAIL_RING, "avail.ring")                                                                    \
    X(USED_EVENT, "used_event")                                                                    \
    X(USED_FLAGS, "used.flags")                                                                    \
    X(USED_IDX, "used.idx")                                                                        \
    X(USED_RING, "used.ring")                                                                      \
    X(AVAIL_EVENT, "avail_event")                                                                  \
    X(INDIRECT, "indirect")                                                                        \
    X(BUFFER, "buffer")                                                                            \
    X(DOORBELL, "doorbell")                                                                        \
    X(INTERRUPT, "interrupt")                                                                      \
    X(REGISTER, "register")                                                                        \
    X(CONFIG, "config")

#define VL_FIELD_ENUM_(id, name) VL_FIELD_##id,
enum vl_field { VL_FIELDS(VL_FIELD_ENUM_) VL_FIELD_COUNT };
#undef VL_FIELD_ENUM_

// Event kinds. What addr, value, aux, len mean is said per kind; reads_from is 1 + the sequence
// number of the store that a load saw, 0 for memory as it was at the start. A STORE that did not
// become the newest of its word names the store before which it went (rc11).
#define VL_EVENT_KINDS(X)                                                                          \
    X(LOAD, "load")     /* addr gpa, value loaded (aux: high half of a descriptor), len */         \
    X(STORE, "store")   /* addr gpa, value stored (aux: high half of a descriptor), len */         \
    X(FENCE, "fence")   /* order and barrier only */                                               \
    X(READ, "read")     /* payload: addr gpa, value digest of the bytes, len */                    \
    X(WRITE, "write")   /* payload: addr gpa, value digest of the bytes, len */                    \
    X(AWAIT, "await")   /* waits for a word to change: addr gpa, value the old one */              \
    X(SHARED, "shared") /* a word of private state: addr its offset, value before, aux after */    \
    X(RELAX, "relax")   /* lets others run */                                                      \
    X(SLEEP, "sleep")   /* waits for an event */                                                   \
    X(WOKEN, "woken")   /* the wait is over */                                                     \
    X(WAKE, "wake")     /* ends the sleep of this side's main context */                           \
    X(MASK, "mask")     /* value 1: interrupts held off, 0: let in */                              \
    X(ALLOC, "alloc")   /* shared memory taken: addr gpa, value bus address, len, aux area */      \
    X(FREE, "free")     /* given back: addr gpa, value bus address, len */                         \
    X(MAP, "map")       /* bounce buffer exposed: addr gpa, value bus, len, aux enum virtq_dir */  \
    X(UNMAP, "unmap")   /* taken back: as MAP */                                                   \
    X(RESOLVE, "resolve")           /* addr bus address, len, value enum virtq_err, aux spans */   \
    X(CONFIG_READ, "config-read")   /* PCI config: addr function << 16 | offset, value, len */     \
    X(CONFIG_WRITE, "config-write") /* as CONFIG_READ */                                           \
    X(MMIO_READ, "mmio-read")       /* addr bus address, value, len */                             \
    X(MMIO_WRITE, "mmio-write")     /* addr bus address, value, len; aux 1: posted */              \
    X(DOORBELL, "doorbell")         /* sent: addr queue, value delay in port calls */              \
    X(DOORBELL_ARRIVES, "doorbell-arrives")   /* addr queue, value 1: spurious */                  \
    X(INTERRUPT, "interrupt")                 /* sent: addr vector, value delay in port calls */   \
    X(INTERRUPT_ARRIVES, "interrupt-arrives") /* addr vector, value 1: spurious */                 \
    X(HANDLER_RETURNS, "handler-returns")     /* addr vector */                                    \
    X(INTX, "intx")                           /* value level */                                    \
    X(QUIESCENT, "quiescent")                 /* nothing can run, nothing is in flight */          \
    X(DRIVER_DONE, "driver-done")             /* the driver's main context returned */             \
    X(BACKEND, "backend")                     /* addr head, aux queue | kind << 16: lab_disk.h */  \
    X(OUTSIDE, "outside")   /* bytes read from a file, first time: addr offset, value */           \
                            /* digest, len, aux number of the file; payload the bytes */           \
    X(MISCHIEF, "mischief") /* a hostile act: addr field, value kind, aux old */                   \
    X(NOTE, "note")         /* barrier enum virtq_note, addr a, value b, aux c */                  \
    X(DRAIN, "drain")       /* a STORE reaches memory only now: as that one, reads_from: it */     \
    X(RACE, "race")         /* the access before it is not ordered behind reads_from: addr, */     \
                            /* len: from the first byte on; value 1: that one stored, aux 1: */    \
                            /* this one stores */

#define VL_EVENT_ENUM_(id, name) VL_EV_##id,
enum vl_event_kind { VL_EVENT_KINDS(VL_EVENT_ENUM_) VL_EV_COUNT };
#undef VL_EVENT_ENUM_

// One event. The sequence number is its place, counted from 0.
struct vl_event {
    uint64_t addr;
    uint64_t value;
    uint64_t aux;
    uint32_t reads_from;
    uint32_t len;
    uint8_t kind;    // enum vl_event_kind
    uint8_t agent;   // enum vl_agent
    uint8_t order;   // enum virtq_order, as in force (a fault may have weakened it)
    uint8_t barrier; // enum virtq_barrier; of a NOTE: enum virtq_note
    uint8_t queue;   // queue index, low 8 bits
    uint8_t field;   // enum vl_field
    uint16_t zero;
};

#define VL_EVENT_BYTES 40u
VIRTQ_STATIC_ASSERT(sizeof(struct vl_event) == VL_EVENT_BYTES,
                    "the hash covers exactly these bytes");

// Names as in the tables above; any value is accepted, "?" for an unknown one.
const char *vl_agent_name(unsigned agent);
const char *vl_field_name(unsigned field);
const char *vl_event_kind_name(unsigned kind);
const char *vl_note_name(unsigned note);
const char *vl_barrier_name(unsigned barrier); // "-" for none
const char *vl_order_name(unsigned order);     // "plain", "rlx", "acq", "rel", "ar", "sc"

// Copy ev to out[40] in the little-endian order that the hash and a trace use.
void vl_event_encode(const struct vl_event *ev, uint8_t out[VL_EVENT_BYTES]);

// The bounded log of a run: a ring of the last events. Where nobody reads along it simply wraps;
// with a reader (another process that writes the trace) the producer waits while it is full.
// All of it is plain data without pointers, so that it can live in shared memory.
#define VL_LOG_EVENTS 4096u // power of two
#define VL_LOG_SHORT_EVENTS 256u
#define VL_LOG_SITES 2048u
#define VL_LOG_PAYLOAD_BYTES (1u << 20) // power of two

struct vl_log_site {
    char file[96];
    char func[64];
    uint32_t line;
    uint32_t zero;
};

struct vl_log {
    VIRTQ_ATOMIC(uint64_t) head;         // events produced in this run
    VIRTQ_ATOMIC(uint64_t) tail;         // events that the reader has taken
    VIRTQ_ATOMIC(uint64_t) payload_head; // bytes produced; payload of an event precedes the event
    VIRTQ_ATOMIC(uint64_t) payload_tail;
    VIRTQ_ATOMIC(uint32_t) n_sites; // sites[1 .. n_sites] are valid; 0 is "no site"
    VIRTQ_ATOMIC(uint32_t) reader;  // nonzero: somebody reads along, do not overwrite
    uint32_t short_bits; // bits of a slot number that are left out: 0, or for a short ring
    uint32_t zero;       // that stays in the cache where nobody reads along
    struct vl_event events[VL_LOG_EVENTS];
    uint32_t event_site[VL_LOG_EVENTS];
    struct vl_log_site sites[VL_LOG_SITES];
    uint8_t payload[VL_LOG_PAYLOAD_BYTES]; // used only while reader is nonzero: u32 length, bytes
};

#ifdef __cplusplus
}
#endif

#endif
