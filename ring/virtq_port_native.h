// ring/virtq_port_native.h -- the port on real memory: C11 atomics, and the embedder's functions.
// Included by ring/virtq_port.h alone. Orders are compile-time constants at every call, so each
// ring access is the one instruction that hand-written code would have.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_PORT_NATIVE_H
#define VIRTQ_PORT_NATIVE_H

#ifndef __cplusplus
#include <stdatomic.h>
#endif
#include <stdbool.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct virtq_span {
    uint8_t *host;
    uint32_t bytes;
};

struct virtq_mmio {
    volatile uint8_t *host;
    uint32_t bytes;
};

struct virtq_dma;

// What an embedder supplies; see ring/virtq_port.h for each function's contract. Entries that a
// half never calls (a device never allocates, a driver never resolves) may be NULL.
struct virtq_port_ops {
    enum virtq_err (*mem_alloc)(void *ctx, uint32_t bytes, uint32_t align, struct virtq_dma *out);
    void (*mem_free)(void *ctx, struct virtq_dma *dma);
    enum virtq_err (*map)(void *ctx, const struct virtq_span *buf, enum virtq_dir dir,
                          uint64_t *bus_addr);
    void (*unmap)(void *ctx, const struct virtq_span *buf, enum virtq_dir dir, uint64_t bus_addr);
    enum virtq_err (*resolve)(void *ctx, uint64_t bus_addr, uint32_t len, struct virtq_span *spans,
                              uint32_t max, uint32_t *n_spans);
    void (*await_event)(void *ctx);
    void (*wake)(void *ctx);
    void (*irq_mask)(void *ctx, bool masked);
    uint32_t (*pci_read)(void *ctx, uint32_t function, uint32_t off, unsigned bytes);
    void (*pci_write)(void *ctx, uint32_t function, uint32_t off, unsigned bytes, uint32_t value);
    enum virtq_err (*mmio_map)(void *ctx, uint64_t bus_addr, uint32_t bytes, struct virtq_mmio *io);
    void (*doorbell)(void *ctx, uint16_t queue_index); // only for doorbells without a register
    void (*interrupt)(void *ctx, uint16_t vector);
    void (*intx)(void *ctx, bool level);
    void (*peer_error)(void *ctx, uint16_t queue_index, enum virtq_err err, uint64_t value);
};

struct virtq_port {
    const struct virtq_port_ops *ops;
    void *ctx; // passed to every function of ops
};

static inline void virtq_span_narrow(struct virtq_span *span, uint32_t off, uint32_t bytes)
{
    span->host += off;
    span->bytes = bytes;
}

static inline uint32_t virtq_span_bytes(const struct virtq_span *span)
{
    return span->bytes;
}

// The accesses are C11's, and made by the halves, which are C. An embedder in C++ needs what stands
// above and below.
#ifndef __cplusplus

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define virtq_le16_(v) __builtin_bswap16(v)
#define virtq_le32_(v) __builtin_bswap32(v)
#define virtq_le64_(v) __builtin_bswap64(v)
#else
#define virtq_le16_(v) (v)
#define virtq_le32_(v) (v)
#define virtq_le64_(v) (v)
#endif
#define virtq_le8_(v) (v)

static inline memory_order virtq_native_order_(enum virtq_order order)
{
    switch (order) {
    case VIRTQ_ACQUIRE: return memory_order_acquire;
    case VIRTQ_RELEASE: return memory_order_release;
    case VIRTQ_ACQ_REL: return memory_order_acq_rel;
    case VIRTQ_SEQ_CST: return memory_order_seq_cst;
    case VIRTQ_PLAIN:
    case VIRTQ_RELAXED: break;
    }
    return memory_order_relaxed;
}

// A plain access is a relaxed atomic one here: the same instruction, and no compiler may split,
// repeat or invent it, which matters where the other side is hostile.
#define VIRTQ_NATIVE_ACCESS_(n, type)                                                              \
    static inline type virtq_load##n(struct virtq_port *port, const struct virtq_span *span,       \
                                     uint32_t off, enum virtq_order order,                         \
                                     enum virtq_barrier barrier)                                   \
    {                                                                                              \
        (void)port;                                                                                \
        (void)barrier;                                                                             \
        const type v = atomic_load_explicit((_Atomic type *)(void *)(span->host + off),            \
                                            virtq_native_order_(order));                           \
        return virtq_le##n##_(v);                                                                  \
    }                                                                                              \
    static inline void virtq_store##n(struct virtq_port *port, const struct virtq_span *span,      \
                                      uint32_t off, type value, enum virtq_order order,            \
                                      enum virtq_barrier barrier)                                  \
    {                                                                                              \
        (void)port;                                                                                \
        (void)barrier;                                                                             \
        atomic_store_explicit((_Atomic type *)(void *)(span->host + off), virtq_le##n##_(value),   \
                              virtq_native_order_(order));                                         \
    }
VIRTQ_NATIVE_ACCESS_(8, uint8_t)
VIRTQ_NATIVE_ACCESS_(16, uint16_t)
VIRTQ_NATIVE_ACCESS_(32, uint32_t)
VIRTQ_NATIVE_ACCESS_(64, uint64_t)

static inline void virtq_fence(struct virtq_port *port, enum virtq_order order,
                               enum virtq_barrier barrier)
{
    (void)port;
    (void)barrier;
    atomic_thread_fence(virtq_native_order_(order));
}

static inline struct virtq_desc virtq_load_desc(struct virtq_port *port,
                                                const struct virtq_span *span, uint32_t off)
{
    const uint64_t lo = virtq_load64(port, span, off, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
    const uint64_t hi = virtq_load64(port, span, off + 8, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
    return (struct virtq_desc){.addr = lo,
                               .len = (uint32_t)hi,
                               .flags = (uint16_t)(hi >> 32),
                               .next = (uint16_t)(hi >> 48)};
}

// The same at any alignment: an indirect table may lie anywhere [2.7.5.3]. Each byte is loaded
// once.
static inline struct virtq_desc
virtq_load_desc_unaligned(struct virtq_port *port, const struct virtq_span *span, uint32_t off)
{
    const volatile uint8_t *p = span->host + off;
    uint64_t half[2] = {0, 0};

    (void)port;
    for (unsigned i = 0; i < 16; i++) {
        half[i / 8] |= (uint64_t)p[i] << (8 * (i % 8));
    }
    return (struct virtq_desc){.addr = half[0],
                               .len = (uint32_t)half[1],
                               .flags = (uint16_t)(half[1] >> 32),
                               .next = (uint16_t)(half[1] >> 48)};
}

static inline void virtq_store_desc(struct virtq_port *port, const struct virtq_span *span,
                                    uint32_t off, struct virtq_desc desc)
{
    const uint64_t hi = (uint64_t)desc.len | (uint64_t)desc.flags << 32 | (uint64_t)desc.next << 48;
    virtq_store64(port, span, off, desc.addr, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
    virtq_store64(port, span, off + 8, hi, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
}

// A used element is 4-byte aligned only, so it goes as two 32-bit accesses.
static inline struct virtq_used_elem
virtq_load_used_elem(struct virtq_port *port, const struct virtq_span *span, uint32_t off)
{
    const uint32_t id = virtq_load32(port, span, off, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
    const uint32_t len = virtq_load32(port, span, off + 4, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
    return (struct virtq_used_elem){.id = id, .len = len};
}

static inline void virtq_store_used_elem(struct virtq_port *port, const struct virtq_span *span,
                                         uint32_t off, struct virtq_used_elem elem)
{
    virtq_store32(port, span, off, elem.id, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
    virtq_store32(port, span, off + 4, elem.len, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE);
}

static inline void virtq_copy_in(struct virtq_port *port, void *dst, const struct virtq_span *span,
                                 uint32_t off, uint32_t bytes)
{
    (void)port;
    memcpy(dst, span->host + off, bytes);
}

static inline void virtq_copy_out(struct virtq_port *port, const struct virtq_span *span,
                                  uint32_t off, const void *src, uint32_t bytes)
{
    (void)port;
    memcpy(span->host + off, src, bytes);
}

static inline void virtq_fill(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                              uint8_t byte, uint32_t bytes)
{
    (void)port;
    memset(span->host + off, byte, bytes);
}

static inline void virtq_relax(struct virtq_port *port)
{
    (void)port;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline uint16_t virtq_await16(struct virtq_port *port, const struct virtq_span *span,
                                     uint32_t off, uint16_t old, enum virtq_order order,
                                     enum virtq_barrier barrier)
{
    uint16_t now = virtq_load16(port, span, off, order, barrier);
    while (now == old) { // bound: until the peer stores another value, as the caller asked for
        virtq_relax(port);
        now = virtq_load16(port, span, off, order, barrier);
    }
    return now;
}

static inline void virtq_await_event(struct virtq_port *port)
{
    port->ops->await_event(port->ctx);
}

static inline void virtq_wake(struct virtq_port *port)
{
    port->ops->wake(port->ctx);
}

static inline uint32_t virtq_shared_load(struct virtq_port *port, struct virtq_shared *shared)
{
    (void)port;
    return atomic_load_explicit(&shared->word, memory_order_acquire);
}

static inline void virtq_shared_store(struct virtq_port *port, struct virtq_shared *shared,
                                      uint32_t value)
{
    (void)port;
    atomic_store_explicit(&shared->word, value, memory_order_release);
}

static inline uint32_t virtq_shared_or(struct virtq_port *port, struct virtq_shared *shared,
                                       uint32_t bits)
{
    (void)port;
    return atomic_fetch_or_explicit(&shared->word, bits, memory_order_acq_rel);
}

static inline uint32_t virtq_shared_exchange(struct virtq_port *port, struct virtq_shared *shared,
                                             uint32_t value)
{
    (void)port;
    return atomic_exchange_explicit(&shared->word, value, memory_order_acq_rel);
}

static inline void virtq_irq_disable(struct virtq_port *port)
{
    port->ops->irq_mask(port->ctx, true);
}

static inline void virtq_irq_enable(struct virtq_port *port)
{
    port->ops->irq_mask(port->ctx, false);
}

static inline uint32_t virtq_pci_read(struct virtq_port *port, uint32_t function, uint32_t off,
                                      unsigned bytes)
{
    return port->ops->pci_read(port->ctx, function, off, bytes);
}

static inline void virtq_pci_write(struct virtq_port *port, uint32_t function, uint32_t off,
                                   unsigned bytes, uint32_t value)
{
    port->ops->pci_write(port->ctx, function, off, bytes, value);
}

static inline enum virtq_err virtq_mmio_map(struct virtq_port *port, uint64_t bus_addr,
                                            uint32_t bytes, struct virtq_mmio *io)
{
    return port->ops->mmio_map(port->ctx, bus_addr, bytes, io);
}

static inline uint32_t virtq_mmio_read(struct virtq_port *port, const struct virtq_mmio *io,
                                       uint32_t off, unsigned bytes)
{
    uint32_t value = 0;

    (void)port;
    switch (bytes) {
    case 1: value = io->host[off]; break;
    case 2: value = virtq_le16_(*(volatile uint16_t *)(volatile void *)(io->host + off)); break;
    default: value = virtq_le32_(*(volatile uint32_t *)(volatile void *)(io->host + off)); break;
    }
    // What is loaded next must not pass the register: after a reset reads as complete, buffers are
    // looked at. A C11 fence orders memory that CPUs share, which is what a virtual device's
    // registers are; on hardware the embedder maps registers so that its own barriers apply.
    atomic_thread_fence(memory_order_seq_cst);
    return value;
}

static inline void virtq_mmio_write(struct virtq_port *port, const struct virtq_mmio *io,
                                    uint32_t off, unsigned bytes, uint32_t value)
{
    (void)port;
    // A register write must not pass the ring stores before it: the platform's I/O barrier.
    atomic_thread_fence(memory_order_seq_cst);
    switch (bytes) {
    case 1: io->host[off] = (uint8_t)value; break;
    case 2:
        *(volatile uint16_t *)(volatile void *)(io->host + off) = virtq_le16_((uint16_t)value);
        break;
    default: *(volatile uint32_t *)(volatile void *)(io->host + off) = virtq_le32_(value); break;
    }
}

static inline void virtq_interrupt(struct virtq_port *port, uint16_t vector)
{
    port->ops->interrupt(port->ctx, vector);
}

static inline void virtq_intx(struct virtq_port *port, bool level)
{
    port->ops->intx(port->ctx, level);
}

// Only peer errors reach an embedder; the other notes are for the model's referees.
static inline void virtq_note(struct virtq_port *port, enum virtq_note note, uint16_t queue_index,
                              uint64_t a, uint64_t b, uint64_t c, uint32_t n)
{
    (void)c;
    (void)n;
    if (note == VIRTQ_NOTE_PEER_ERROR && port->ops->peer_error != NULL) {
        port->ops->peer_error(port->ctx, queue_index, (enum virtq_err)a, b);
    }
}

#endif // __cplusplus

struct virtq_doorbell;

// Notify the device: a 16-bit write of the queue index to the queue's register [4.1.5.2], or the
// embedder's doorbell() where there is none.
void virtq_doorbell(struct virtq_port *port, const struct virtq_doorbell *bell);

#ifdef __cplusplus
}
#endif

#endif
