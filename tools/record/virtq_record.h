// tools/record/virtq_record.h -- record what a virtqueue's two sides do, for `vringlab check`.
//
// Copy this file and virtq_record.c into your project; they need C11 and SQLite (3.37 or later) and
// nothing else. Call a function here at each access to the ring; the result is one SQLite file that
// `vringlab check` judges and anybody can query. docs/TRACE.md of vringlab, "Recording your own
// ring", says which events are needed for what.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_RECORD_H
#define VIRTQ_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In short:
//
//   struct virtq_record *rec = virtq_record_open("ring.db", &options, err, sizeof(err));
//   virtq_record_region(rec, 0x40000000, 1 << 20);
//   virtq_record_queue(rec, 0, desc, avail, used, 256, features, 0);
//   virtq_record_store(rec, VIRTQ_RECORD_DRIVER, avail + 2, 2, idx, VIRTQ_RECORD_RELEASE);
//   ...
//   virtq_record_close(rec, err, sizeof(err));
//
// Order: events stand in the file in the order of the calls, so call where the access takes effect.
// Threads: one call at a time on a recorder; with driver and device on two threads take a lock
// around each access together with its call, or the file tells of an order that was not.
// Addresses are guest-physical, and what descriptors say is taken as such. Values are as the
// processor has them, whatever the byte order in memory.
//
// Errors: every function returns 0, or -1 when it could not record. The first error sticks: later
// calls do nothing and return -1, virtq_record_error() says what it was, and virtq_record_close()
// leaves no file. So a program may ignore all results but the last one.

#ifdef __cplusplus
extern "C" {
#endif

struct virtq_record; // opaque: virtq_record_open() .. virtq_record_close() or _abort()

enum virtq_record_side { VIRTQ_RECORD_DRIVER = 0, VIRTQ_RECORD_DEVICE = 1 };

// Memory order of an access or fence, as C11 names them. On a processor, what its instruction or
// barrier gives: a Linux smp_wmb() is a RELEASE fence, smp_rmb() an ACQUIRE one, smp_mb() SEQ_CST.
enum virtq_record_order {
    VIRTQ_RECORD_PLAIN = 0,
    VIRTQ_RECORD_RELAXED = 1,
    VIRTQ_RECORD_ACQUIRE = 2,
    VIRTQ_RECORD_RELEASE = 3,
    VIRTQ_RECORD_ACQ_REL = 4,
    VIRTQ_RECORD_SEQ_CST = 5
};

// What is to be known of the ring to judge it. All zero is a good start.
struct virtq_record_options {
    const char *tool;     // who records, for people: "mydevice 1.2"; at most 200 bytes; or NULL
    bool hostile_driver;  // the driver side may do anything: the device side alone is judged
    bool hostile_device;  // the same the other way round
    bool completion_kept; // the device may keep buffers for what may come (a receive queue)
    bool pci;             // register accesses are recorded, too, and judged
    bool orders_judged;   // the orders given are exact: a missing barrier is a finding
    bool notes_by_caller; // submit, pop and complete are recorded: see "notes" below
    uint16_t virtio_id;   // device type: 2 block, 4 entropy; 0: unknown, its rules are not judged
};

// ---- opening and closing ------------------------------------------------------------------------

// Start a recording that will stand under path. It is written to path.tmp-PID and renamed when it
// is whole, so that path never names half a file; an older file there is replaced.
//   options  copied; NULL: all zero
//   err      err_bytes bytes for one line on failure; NULL is allowed
// Returns the recorder, which the caller closes; NULL on failure.
struct virtq_record *virtq_record_open(const char *path, const struct virtq_record_options *options,
                                       char *err, size_t err_bytes);

// Write what is left, make the file durable, give it its name, free the recorder. On failure no
// file is left, and err (as above) has a line. Returns 0 or -1. rec NULL: -1.
int virtq_record_close(struct virtq_record *rec, char *err, size_t err_bytes);

// Give up: free the recorder, leave no file. NULL is allowed.
void virtq_record_abort(struct virtq_record *rec);

// The first error as one line, "" if there was none. Belongs to the recorder.
const char *virtq_record_error(const struct virtq_record *rec);

// Number of events recorded so far; the next event has this number in the file.
uint64_t virtq_record_n_events(const struct virtq_record *rec);

// ---- events -------------------------------------------------------------------------------------

// One event as docs/TRACE.md has them: what addr, value, aux and len are depends on the kind. Most
// have a function below; virtq_record_event() is for what has none (register accesses,
// allocations with bus addresses, private words, ...).
enum virtq_record_kind {
    VIRTQ_RECORD_K_LOAD,
    VIRTQ_RECORD_K_STORE,
    VIRTQ_RECORD_K_FENCE,
    VIRTQ_RECORD_K_READ,
    VIRTQ_RECORD_K_WRITE,
    VIRTQ_RECORD_K_AWAIT,
    VIRTQ_RECORD_K_SHARED,
    VIRTQ_RECORD_K_RELAX,
    VIRTQ_RECORD_K_SLEEP,
    VIRTQ_RECORD_K_WOKEN,
    VIRTQ_RECORD_K_WAKE,
    VIRTQ_RECORD_K_MASK,
    VIRTQ_RECORD_K_ALLOC,
    VIRTQ_RECORD_K_FREE,
    VIRTQ_RECORD_K_MAP,
    VIRTQ_RECORD_K_UNMAP,
    VIRTQ_RECORD_K_RESOLVE,
    VIRTQ_RECORD_K_CONFIG_READ,
    VIRTQ_RECORD_K_CONFIG_WRITE,
    VIRTQ_RECORD_K_MMIO_READ,
    VIRTQ_RECORD_K_MMIO_WRITE,
    VIRTQ_RECORD_K_DOORBELL,
    VIRTQ_RECORD_K_DOORBELL_ARRIVES,
    VIRTQ_RECORD_K_INTERRUPT,
    VIRTQ_RECORD_K_INTERRUPT_ARRIVES,
    VIRTQ_RECORD_K_HANDLER_RETURNS,
    VIRTQ_RECORD_K_INTX,
    VIRTQ_RECORD_K_QUIESCENT,
    VIRTQ_RECORD_K_DRIVER_DONE,
    VIRTQ_RECORD_K_BACKEND,
    VIRTQ_RECORD_K_OUTSIDE,
    VIRTQ_RECORD_K_MISCHIEF,
    VIRTQ_RECORD_K_NOTE,
    VIRTQ_RECORD_K_DRAIN,
    VIRTQ_RECORD_K_RACE,
    VIRTQ_RECORD_KINDS
};
enum virtq_record_agent { // who acts; the first two are the sides
    VIRTQ_RECORD_A_DRIVER,
    VIRTQ_RECORD_A_DEVICE,
    VIRTQ_RECORD_A_TRAP,     // the device side, as it answers a notification or a register access
    VIRTQ_RECORD_A_HANDLER,  // the driver side's interrupt handler
    VIRTQ_RECORD_A_PLATFORM, // what lies between them
    VIRTQ_RECORD_A_ADVERSARY,
    VIRTQ_RECORD_AGENTS
};
enum virtq_record_field {
    VIRTQ_RECORD_F_NONE,
    VIRTQ_RECORD_F_DESC,
    VIRTQ_RECORD_F_AVAIL_FLAGS,
    VIRTQ_RECORD_F_AVAIL_IDX,
    VIRTQ_RECORD_F_AVAIL_RING,
    VIRTQ_RECORD_F_USED_EVENT,
    VIRTQ_RECORD_F_USED_FLAGS,
    VIRTQ_RECORD_F_USED_IDX,
    VIRTQ_RECORD_F_USED_RING,
    VIRTQ_RECORD_F_AVAIL_EVENT,
    VIRTQ_RECORD_F_INDIRECT,
    VIRTQ_RECORD_F_BUFFER,
    VIRTQ_RECORD_F_DOORBELL,
    VIRTQ_RECORD_F_INTERRUPT,
    VIRTQ_RECORD_F_REGISTER,
    VIRTQ_RECORD_F_CONFIG,
    VIRTQ_RECORD_FIELDS
};
enum virtq_record_note {
    VIRTQ_RECORD_N_QUEUE_AREAS,
    VIRTQ_RECORD_N_QUEUE_LIVE,
    VIRTQ_RECORD_N_QUEUE_SERVED,
    VIRTQ_RECORD_N_QUEUE_DOWN,
    VIRTQ_RECORD_N_SUBMIT,
    VIRTQ_RECORD_N_SEND,
    VIRTQ_RECORD_N_COMPLETE,
    VIRTQ_RECORD_N_RECEIVE,
    VIRTQ_RECORD_N_DETACH,
    VIRTQ_RECORD_N_POP,
    VIRTQ_RECORD_N_PEER_ERROR,
    VIRTQ_RECORD_N_CONTROL,
    VIRTQ_RECORD_N_CONFIG_CHANGED,
    VIRTQ_RECORD_N_SYNC,
    VIRTQ_RECORD_NOTES
};
enum { VIRTQ_RECORD_CONTROL_DEVICE_RESET = 1 }; // addr of a CONTROL note

struct virtq_record_event {
    uint64_t addr;
    uint64_t value;
    uint64_t aux;
    uint32_t len;
    uint32_t reads_from; // 1 + number of the store that a load saw; 0 if that is not known
    uint8_t kind;        // enum virtq_record_kind
    uint8_t agent;       // enum virtq_record_agent
    uint8_t order;       // enum virtq_record_order
    uint8_t barrier;     // of a NOTE: enum virtq_record_note; else 0
    uint8_t queue;
    uint8_t field; // enum virtq_record_field; 0 of an access to a ring: found from its address
};

// Record one event. data: the ev->len bytes of a READ, WRITE or OUTSIDE event, at most 65536, whose
// value is computed here; else NULL.
int virtq_record_event(struct virtq_record *rec, const struct virtq_record_event *ev,
                       const void *data);

// An event with these members, all others 0; for the functions below.
static inline int virtq_record_simple(struct virtq_record *rec, unsigned kind, unsigned agent,
                                      uint64_t addr, uint64_t value)
{
    struct virtq_record_event ev = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    ev.addr = addr;
    ev.value = value;
    ev.kind = (uint8_t)kind;
    ev.agent = (uint8_t)agent;
    return virtq_record_event(rec, &ev, NULL);
}

// An access to a ring, of bytes at gpa: value, and high for bytes 8 to 15.
static inline int virtq_record_access(struct virtq_record *rec, unsigned kind, unsigned agent,
                                      uint64_t gpa, unsigned bytes, uint64_t value, uint64_t high,
                                      unsigned order)
{
    struct virtq_record_event ev = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    ev.addr = gpa;
    ev.value = value;
    ev.aux = high;
    ev.len = bytes;
    ev.kind = (uint8_t)kind;
    ev.agent = (uint8_t)agent;
    ev.order = (uint8_t)order;
    return virtq_record_event(rec, &ev, NULL);
}

// Bytes of a buffer, in pieces that an event can hold.
static inline int virtq_record_bulk(struct virtq_record *rec, unsigned kind, unsigned agent,
                                    uint64_t gpa, const void *data, size_t bytes)
{
    int result = 0;
    for (size_t at = 0; at < bytes && result == 0; at += 65536) {
        struct virtq_record_event ev = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        ev.addr = gpa + at;
        ev.len = (uint32_t)(bytes - at < 65536 ? bytes - at : 65536);
        ev.kind = (uint8_t)kind;
        ev.agent = (uint8_t)agent;
        ev.field = VIRTQ_RECORD_F_BUFFER;
        result = virtq_record_event(rec, &ev, (const uint8_t *)data + at);
    }
    return result;
}

static inline int virtq_record_note(struct virtq_record *rec, unsigned agent, unsigned note,
                                    unsigned queue, uint64_t a, uint64_t b, uint64_t c, uint32_t n)
{
    struct virtq_record_event ev = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    ev.addr = a;
    ev.value = b;
    ev.aux = c;
    ev.len = n;
    ev.kind = VIRTQ_RECORD_K_NOTE;
    ev.agent = (uint8_t)agent;
    ev.barrier = (uint8_t)note;
    ev.queue = (uint8_t)queue;
    return virtq_record_event(rec, &ev, NULL);
}

// ---- memory and queues --------------------------------------------------------------------------

// Guest memory, taken as zero at the start: rings, indirect tables and buffers lie in regions. In
// ascending order, before the first event, at most 16, together at most 1 GiB.
//   gpa, bytes  [gpa, gpa + bytes), bytes 1 or more
int virtq_record_region(struct virtq_record *rec, uint64_t gpa, uint64_t bytes);

// A split virtqueue is in use from here on, with both indices at start_idx.
//   index               0..3
//   desc, avail, used   gpa of descriptor table, available ring, used ring
//   size                entries, a power of two, 1..32768
//   features            negotiated; of the ring's bits 28 (INDIRECT_DESC) and 29 (EVENT_IDX) count
//   start_idx           0, but for a queue that was restored
int virtq_record_queue(struct virtq_record *rec, unsigned index, uint64_t desc, uint64_t avail,
                       uint64_t used, uint32_t size, uint64_t features, uint16_t start_idx);

// The device has completed a reset: it touches no queue and no buffer until virtq_record_queue().
static inline int virtq_record_device_reset(struct virtq_record *rec)
{
    return virtq_record_note(rec, VIRTQ_RECORD_A_DEVICE, VIRTQ_RECORD_N_CONTROL, 0,
                             VIRTQ_RECORD_CONTROL_DEVICE_RESET, 0, 0, 0);
}

// The driver has taken all memory of the queue back, after a reset.
static inline int virtq_record_queue_down(struct virtq_record *rec, unsigned index)
{
    return virtq_record_note(rec, VIRTQ_RECORD_A_DRIVER, VIRTQ_RECORD_N_QUEUE_DOWN, index, 0, 0, 0,
                             0);
}

// ---- the ring -----------------------------------------------------------------------------------

// One access to a word of a ring: a flags word, an index, an event index, an available ring entry
// (2 bytes each), a used ring entry (8 bytes, one event: id in the low half, length in the high
// half, even if it is accessed in two parts).
//   bytes  1, 2, 4 or 8
//   value  what was loaded or stored
static inline int virtq_record_load(struct virtq_record *rec, enum virtq_record_side side,
                                    uint64_t gpa, unsigned bytes, uint64_t value,
                                    enum virtq_record_order order)
{
    return virtq_record_access(rec, VIRTQ_RECORD_K_LOAD, side, gpa, bytes, value, 0, order);
}
static inline int virtq_record_store(struct virtq_record *rec, enum virtq_record_side side,
                                     uint64_t gpa, unsigned bytes, uint64_t value,
                                     enum virtq_record_order order)
{
    return virtq_record_access(rec, VIRTQ_RECORD_K_STORE, side, gpa, bytes, value, 0, order);
}

// A descriptor, of the table or of an indirect table at gpa, as one plain event. A device's loads
// stand in the order of the chain. A driver may record its stores field by field instead.
struct virtq_record_desc {
    uint64_t addr; // gpa
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};
static inline uint64_t virtq_record_desc_high(const struct virtq_record_desc *desc)
{
    return desc->len | (uint64_t)desc->flags << 32 | (uint64_t)desc->next << 48;
}
static inline int virtq_record_desc_load(struct virtq_record *rec, enum virtq_record_side side,
                                         uint64_t gpa, const struct virtq_record_desc *desc)
{
    return virtq_record_access(rec, VIRTQ_RECORD_K_LOAD, side, gpa, 16, desc->addr,
                               virtq_record_desc_high(desc), VIRTQ_RECORD_PLAIN);
}
static inline int virtq_record_desc_store(struct virtq_record *rec, enum virtq_record_side side,
                                          uint64_t gpa, const struct virtq_record_desc *desc)
{
    return virtq_record_access(rec, VIRTQ_RECORD_K_STORE, side, gpa, 16, desc->addr,
                               virtq_record_desc_high(desc), VIRTQ_RECORD_PLAIN);
}

// A fence between accesses of one side.
static inline int virtq_record_fence(struct virtq_record *rec, enum virtq_record_side side,
                                     enum virtq_record_order order)
{
    return virtq_record_access(rec, VIRTQ_RECORD_K_FENCE, side, 0, 0, 0, 0, order);
}

// ---- payload ------------------------------------------------------------------------------------

// A side read or wrote bytes of a buffer.
//   data  the bytes, which go into the file; more than 65536 become several events
static inline int virtq_record_read(struct virtq_record *rec, enum virtq_record_side side,
                                    uint64_t gpa, const void *data, size_t bytes)
{
    return virtq_record_bulk(rec, VIRTQ_RECORD_K_READ, side, gpa, data, bytes);
}
static inline int virtq_record_write(struct virtq_record *rec, enum virtq_record_side side,
                                     uint64_t gpa, const void *data, size_t bytes)
{
    return virtq_record_bulk(rec, VIRTQ_RECORD_K_WRITE, side, gpa, data, bytes);
}

// ---- notifications, sleep -----------------------------------------------------------------------

// The driver notifies the device of a queue (writes its doorbell, signals its eventfd) ...
static inline int virtq_record_kick(struct virtq_record *rec, unsigned queue)
{
    return virtq_record_simple(rec, VIRTQ_RECORD_K_DOORBELL, VIRTQ_RECORD_A_DRIVER, queue, 0);
}

// ... and the device's side is told. Several kicks may arrive as one: record the arrival of each.
static inline int virtq_record_kick_arrives(struct virtq_record *rec, unsigned queue)
{
    (void)virtq_record_simple(rec, VIRTQ_RECORD_K_DOORBELL_ARRIVES, VIRTQ_RECORD_A_PLATFORM, queue,
                              0);
    return virtq_record_simple(rec, VIRTQ_RECORD_K_WAKE, VIRTQ_RECORD_A_TRAP, 0, 0);
}

// The device interrupts the driver (vector 0..63) ...
static inline int virtq_record_interrupt(struct virtq_record *rec, unsigned vector)
{
    return virtq_record_simple(rec, VIRTQ_RECORD_K_INTERRUPT, VIRTQ_RECORD_A_DEVICE, vector, 0);
}

// ... and the driver's handler has run.
static inline int virtq_record_interrupt_arrives(struct virtq_record *rec, unsigned vector)
{
    (void)virtq_record_simple(rec, VIRTQ_RECORD_K_INTERRUPT_ARRIVES, VIRTQ_RECORD_A_PLATFORM,
                              vector, 0);
    (void)virtq_record_simple(rec, VIRTQ_RECORD_K_WAKE, VIRTQ_RECORD_A_HANDLER, 0, 0);
    return virtq_record_simple(rec, VIRTQ_RECORD_K_HANDLER_RETURNS, VIRTQ_RECORD_A_HANDLER, vector,
                               0);
}

// A side goes to sleep until it is notified, having looked for work for the last time; and its
// sleep is over.
static inline int virtq_record_sleep(struct virtq_record *rec, enum virtq_record_side side)
{
    return virtq_record_simple(rec, VIRTQ_RECORD_K_SLEEP, side, 0, 0);
}

static inline int virtq_record_woken(struct virtq_record *rec, enum virtq_record_side side)
{
    return virtq_record_simple(rec, VIRTQ_RECORD_K_WOKEN, side, 0, 0);
}

// The driver has done all that it wanted; a device that waits for more is not stuck.
static inline int virtq_record_driver_done(struct virtq_record *rec)
{
    return virtq_record_simple(rec, VIRTQ_RECORD_K_DRIVER_DONE, VIRTQ_RECORD_A_DRIVER, 0, 0);
}

// Nothing can happen any more: both sides sleep, nothing is under way. Who is owed something then
// was forgotten.
static inline int virtq_record_quiescent(struct virtq_record *rec)
{
    return virtq_record_simple(rec, VIRTQ_RECORD_K_QUIESCENT, VIRTQ_RECORD_A_DRIVER, 0, 0);
}

// ---- notes --------------------------------------------------------------------------------------

// What a side believes. Without options.notes_by_caller whoever judges derives these notes from the
// accesses: an available entry stored is a buffer submitted, a chain loaded to its end is one
// accepted, a used entry loaded is one completed. With it the caller records them here, and what
// was believed is judged against what was done.
//   queue  0..3      head  index of the chain's first descriptor      token  the caller's own name
//   of the buffer, the same at submit and complete      n_elems, n_writable  elements of the chain,
//   and how many bytes of it the device may write

// Driver: a buffer was filled in; before avail idx makes it available.
static inline int virtq_record_submit(struct virtq_record *rec, unsigned queue, uint16_t head,
                                      uint64_t token, uint32_t n_elems, uint32_t n_writable)
{
    return virtq_record_note(rec, VIRTQ_RECORD_A_DRIVER, VIRTQ_RECORD_N_SUBMIT, queue, token, head,
                             n_elems, n_writable);
}

// Device: the chain was followed to its end and accepted.
static inline int virtq_record_pop(struct virtq_record *rec, unsigned queue, uint16_t head,
                                   uint32_t n_elems)
{
    return virtq_record_note(rec, VIRTQ_RECORD_A_DEVICE, VIRTQ_RECORD_N_POP, queue, head, 0, 0,
                             n_elems);
}

// Driver: a buffer is given back to whoever submitted it, with this used length.
static inline int virtq_record_complete(struct virtq_record *rec, unsigned queue, uint16_t head,
                                        uint64_t token, uint32_t used_len)
{
    return virtq_record_note(rec, VIRTQ_RECORD_A_DRIVER, VIRTQ_RECORD_N_COMPLETE, queue, token,
                             head, 0, used_len);
}

#ifdef __cplusplus
}
#endif

#endif
