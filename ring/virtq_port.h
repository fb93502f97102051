// ring/virtq_port.h -- the port: all that a half of a virtqueue knows of the world.
//
// Two builds of one contract, chosen at compile time from the same sources:
//   native (default)       inline C11 atomics on mapped memory; the rest through a table of
//                          functions that the embedder fills in          (virtq_port_native.h)
//   VIRTQ_PORT_MODEL       each call is an event, a place where another agent may run, and where
//                          a memory model chooses what is seen           (virtq_port_model.h)
//
// Every function below exists in both builds with this signature (some as macros, which add the
// source line in the model build). At most one port call per full expression: C leaves the order
// of two open, and compilers differ.
//
//   control path   memory, mapping, translation; may fail; never on the fast path
//   ring path      loads and stores of ring words, with an order and a barrier name
//   payload        copies between private memory and buffers: plain, interruptible
//   waiting        the only ways to wait: a loop around a load is refused by a lint
//   registers      PCI config space, BARs, doorbells, interrupts
//   notes          what a half tells an observer at its edges; nothing in the native build
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_PORT_H
#define VIRTQ_PORT_H

#include "ring/virtq_barrier.h"
#include "ring/virtq_err.h"
#include "ring/virtq_wire.h"

#include <stddef.h>
#include <stdint.h>

struct virtq_port; // one per half; the world behind it belongs to the embedder

// What a span of shared memory is for; names the words in it to an observer.
enum virtq_area {
    VIRTQ_AREA_DESC,     // descriptor table
    VIRTQ_AREA_AVAIL,    // available ring, driver area
    VIRTQ_AREA_USED,     // used ring, device area
    VIRTQ_AREA_INDIRECT, // indirect descriptor table
    VIRTQ_AREA_BUFFER,   // payload
};

// Who moves bytes through a mapped buffer, seen from the driver.
enum virtq_dir {
    VIRTQ_TO_DEVICE = 1,   // device-readable
    VIRTQ_FROM_DEVICE = 2, // device-writable
    VIRTQ_BIDIRECTIONAL = 3,
};

// A word that two contexts of one side share (the device's register trap and its data path, the
// driver's interrupt handler and its main path). Touched only through virtq_shared_*().
struct virtq_shared {
    VIRTQ_ATOMIC(uint32_t) word;
};

// What a half tells an observer. Arguments are a, b, c (64 bits) and n (32 bits).
#define VIRTQ_NOTES(X)                                                                             \
    X(QUEUE_AREAS, "queue-areas")   /* driver: a desc, b avail, c used (bus addresses), n size */  \
    X(QUEUE_LIVE, "queue-live")     /* driver: a features, b start index; the device may run */    \
    X(QUEUE_SERVED, "queue-served") /* device: a desc, b avail, c used as it was told, n size */   \
    X(QUEUE_DOWN, "queue-down")     /* driver: reset is complete, all memory is the driver's */    \
    X(SUBMIT, "submit") /* driver: a token, b head, c elements, n writable bytes; not published */ \
    X(SEND, "send")     /* driver: a token, b XXH64 of what the device is to read */               \
    X(COMPLETE, "complete")     /* driver: a token, b head, n used length */                       \
    X(RECEIVE, "receive")       /* driver: a token, b XXH64 of what the caller was given, n */     \
    X(DETACH, "detach")         /* driver: a token, b head, taken back unused after a reset */     \
    X(POP, "pop")               /* device: a head, n elements; chain accepted */                   \
    X(PEER_ERROR, "peer-error") /* either: a enum virtq_err, b the offending value */              \
    X(CONTROL, "control")       /* either: a enum virtq_control, b and c its details */            \
    X(CONFIG_CHANGED, "config-changed") /* device: a first byte, b its new value, c generation, */ \
                                        /* n bytes; the registers show it */                       \
    X(SYNC, "sync") /* driver: a token; took an order to make completed writes durable */

#define VIRTQ_NOTE_ENUM_(id, name) VIRTQ_NOTE_##id,
enum virtq_note { VIRTQ_NOTES(VIRTQ_NOTE_ENUM_) VIRTQ_NOTE_COUNT };
#undef VIRTQ_NOTE_ENUM_

// Details of VIRTQ_NOTE_CONTROL.
enum virtq_control {
    VIRTQ_CONTROL_DEVICE_RESET = 1, // device: reset is done, nothing of the queues is touched again
    VIRTQ_CONTROL_FEATURES_READ_OK, // driver: FEATURES_OK was read back as set
    VIRTQ_CONTROL_DRIVER_OK,        // driver: about to write DRIVER_OK
    VIRTQ_CONTROL_FAILED,           // driver: gives the device up
    VIRTQ_CONTROL_BEYOND,           // device: legal, and more than it can follow: the queue is out
};

#if defined(VIRTQ_PORT_MODEL)
#include "ring/virtq_port_model.h"
#else
#include "ring/virtq_port_native.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

// A piece of shared memory that a half allocated itself.
struct virtq_dma {
    struct virtq_span span;
    uint64_t bus_addr; // what the device is told; neither guest-physical nor a host pointer
};

// Where a queue's available-buffer notification goes [4.1.4.4]. io.bytes = 0: no register, the
// queue index travels by other means (an eventfd, a call), or, if config_off is not 0, by the
// access window in config space [4.1.4.9], which points at the register.
struct virtq_doorbell {
    struct virtq_mmio io;
    uint32_t off;         // bytes into io
    uint16_t queue_index; // written as the 16-bit value
    uint16_t config_off;  // of pci_cfg_data in the function's config space, or 0
    uint32_t function;    // as virtq_pci_write() counts
};

// ---- control path --------------------------------------------------------------------------

// Allocate zeroed shared memory for ring parts or buffers of queue queue_index.
//   bytes 1..2^31, align a power of two up to 4096
// Returns VIRTQ_OK and fills *out; VIRTQ_ERR_NO_MEMORY. The caller frees it.
VIRTQ_NODISCARD enum virtq_err virtq_mem_alloc(struct virtq_port *port, uint32_t bytes,
                                               uint32_t align, enum virtq_area area,
                                               uint16_t queue_index, struct virtq_dma *out);

// Give back what virtq_mem_alloc() gave; the device must not reach it any more.
void virtq_mem_free(struct virtq_port *port, struct virtq_dma *dma);

// Make buf visible to the device. *bus_addr: where the device finds it. Ends with virtq_unmap().
// Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY when no bounce buffer or I/O address is left.
VIRTQ_NODISCARD enum virtq_err virtq_map(struct virtq_port *port, const struct virtq_span *buf,
                                         enum virtq_dir dir, uint64_t *bus_addr);

// End a mapping. After it, bytes that the device wrote are in buf (bounce buffers copy here).
void virtq_unmap(struct virtq_port *port, const struct virtq_span *buf, enum virtq_dir dir,
                 uint64_t bus_addr);

// Device side: translate [bus_addr, bus_addr + len) once. One region or hole ends a span, so a
// range may need several; spans are given in order and cover exactly len bytes.
//   max   capacity of spans
// Returns VIRTQ_OK and *n_spans in 1..max (0 for len = 0, which is legal anywhere);
// VIRTQ_ERR_CHAIN_ADDR if any byte is not memory; VIRTQ_ERR_NO_MEMORY if max is too small.
VIRTQ_NODISCARD enum virtq_err virtq_resolve(struct virtq_port *port, uint64_t bus_addr,
                                             uint32_t len, enum virtq_area area,
                                             uint16_t queue_index, struct virtq_span *spans,
                                             uint32_t max, uint32_t *n_spans);

// A part of a span, [off, off + bytes). The caller keeps within the span.
static inline struct virtq_span virtq_subspan(struct virtq_span span, uint32_t off, uint32_t bytes)
{
    virtq_span_narrow(&span, off, bytes);
    return span;
}

// ---- ring path: see the two build headers -----------------------------------------------------
//
//   uint16_t virtq_load16(port, span, off, order, barrier)         also 8, 32, 64
//   void     virtq_store16(port, span, off, value, order, barrier) also 8, 32, 64
//   void     virtq_fence(port, order, barrier)
//   struct virtq_desc virtq_load_desc(port, span, off)             plain, fetched once
//   struct virtq_desc virtq_load_desc_unaligned(port, span, off)   the same at any alignment
//   void     virtq_store_desc(port, span, off, desc)               plain
//   struct virtq_used_elem virtq_load_used_elem(port, span, off)   plain, fetched once
//   void     virtq_store_used_elem(port, span, off, elem)          plain
//
// ---- payload ----------------------------------------------------------------------------------
//
//   void virtq_copy_in(port, dst, span, off, bytes)     from shared memory to private memory
//   void virtq_copy_out(port, span, off, src, bytes)    from private memory to shared memory
//   void virtq_fill(port, span, off, byte, bytes)
//
// ---- waiting ----------------------------------------------------------------------------------
//
//   uint16_t virtq_await16(port, span, off, old, order, barrier)   returns once it is not old
//   void     virtq_await_event(port)   sleep until virtq_wake() of this side; a wake that came
//                                      before counts, several count once
//   void     virtq_wake(port)          from a trap or an interrupt handler: end the sleep of this
//                                      side's main context
//   void     virtq_relax(port)         let others run; the way to wait for a register
//
// ---- contexts ---------------------------------------------------------------------------------
//
//   uint32_t virtq_shared_load(port, shared)               acquire
//   void     virtq_shared_store(port, shared, value)       release
//   uint32_t virtq_shared_or(port, shared, bits)           acquire and release; returns the old
//   uint32_t virtq_shared_exchange(port, shared, value)    acquire and release; returns the old
//   void     virtq_irq_disable(port), virtq_irq_enable(port)   driver: hold the handler off
//
// ---- registers --------------------------------------------------------------------------------
//
//   uint32_t virtq_pci_read(port, function, off, bytes)          config space; bytes 1, 2, 4
//   void     virtq_pci_write(port, function, off, bytes, value)
//            function = bus << 8 | device << 3 | function; an absent one reads as all ones
//   enum virtq_err virtq_mmio_map(port, bus_addr, bytes, io)     a placed BAR's part
//   uint32_t virtq_mmio_read(port, io, off, bytes)               bytes 1, 2, 4
//   void     virtq_mmio_write(port, io, off, bytes, value)       may be posted
//   void     virtq_doorbell(port, bell)                          driver: notify the device
//   void     virtq_interrupt(port, vector)                       device: message-signalled
//   void     virtq_intx(port, level)                             device: the INTx line
//   void     virtq_note(port, note, queue_index, a, b, c, n)

#ifdef __cplusplus
}
#endif

#endif
