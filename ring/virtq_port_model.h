// ring/virtq_port_model.h -- the port in the model build: every call is an event.
// Included by ring/virtq_port.h alone. The functions are implemented by the simulated machine.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VIRTQ_PORT_MODEL_H
#define VIRTQ_PORT_MODEL_H

#ifndef __cplusplus
#include <stdatomic.h>
#endif
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// Where in the source a port call stands. One static object per call site; id belongs to the
// machine, which numbers sites as it meets them (outside the hash of a run).
struct virtq_site {
    const char *file;
    const char *func;
    uint32_t line;
    uint32_t id;
};

// The __extension__ is GNU C, which both compilers of this build speak; the native build is plain.
#define VIRTQ_SITE_                                                                                \
    (__extension__({                                                                               \
        static struct virtq_site virtq_site_ = {__FILE__, __func__, __LINE__, 0};                  \
        &virtq_site_;                                                                              \
    }))

// Opaque to the halves: guest-physical range, where its bytes are, and what the words mean.
struct virtq_span {
    uint64_t gpa;
    uint8_t *host;
    uint32_t bytes;
    uint16_t queue_index;
    uint16_t area; // enum virtq_area
};

struct virtq_mmio {
    uint64_t bus_addr;
    uint32_t bytes;
};

static inline void virtq_span_narrow(struct virtq_span *span, uint32_t off, uint32_t bytes)
{
    span->gpa += off;
    span->host += off;
    span->bytes = bytes;
}

// Bytes in a span.
static inline uint32_t virtq_span_bytes(const struct virtq_span *span)
{
    return span->bytes;
}

uint64_t vl_port_load(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                      unsigned bytes, enum virtq_order order, enum virtq_barrier barrier,
                      struct virtq_site *site);
void vl_port_store(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                   unsigned bytes, uint64_t value, enum virtq_order order,
                   enum virtq_barrier barrier, struct virtq_site *site);
void vl_port_fence(struct virtq_port *port, enum virtq_order order, enum virtq_barrier barrier,
                   struct virtq_site *site);
struct virtq_desc vl_port_load_desc(struct virtq_port *port, const struct virtq_span *span,
                                    uint32_t off, struct virtq_site *site);
void vl_port_store_desc(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                        struct virtq_desc desc, struct virtq_site *site);
struct virtq_used_elem vl_port_load_used_elem(struct virtq_port *port,
                                              const struct virtq_span *span, uint32_t off,
                                              struct virtq_site *site);
void vl_port_store_used_elem(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                             struct virtq_used_elem elem, struct virtq_site *site);
void vl_port_copy_in(struct virtq_port *port, void *dst, const struct virtq_span *span,
                     uint32_t off, uint32_t bytes, struct virtq_site *site);
void vl_port_copy_out(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                      const void *src, uint32_t bytes, struct virtq_site *site);
void vl_port_fill(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                  uint8_t byte, uint32_t bytes, struct virtq_site *site);
uint16_t vl_port_await16(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                         uint16_t old, enum virtq_order order, enum virtq_barrier barrier,
                         struct virtq_site *site);
void vl_port_await_event(struct virtq_port *port, struct virtq_site *site);
void vl_port_wake(struct virtq_port *port, struct virtq_site *site);
void vl_port_relax(struct virtq_port *port, struct virtq_site *site);
uint32_t vl_port_shared_load(struct virtq_port *port, struct virtq_shared *shared,
                             struct virtq_site *site);
void vl_port_shared_store(struct virtq_port *port, struct virtq_shared *shared, uint32_t value,
                          struct virtq_site *site);
uint32_t vl_port_shared_or(struct virtq_port *port, struct virtq_shared *shared, uint32_t bits,
                           struct virtq_site *site);
uint32_t vl_port_shared_exchange(struct virtq_port *port, struct virtq_shared *shared,
                                 uint32_t value, struct virtq_site *site);
void vl_port_irq_mask(struct virtq_port *port, bool masked, struct virtq_site *site);
uint32_t vl_port_pci_read(struct virtq_port *port, uint32_t function, uint32_t off, unsigned bytes,
                          struct virtq_site *site);
void vl_port_pci_write(struct virtq_port *port, uint32_t function, uint32_t off, unsigned bytes,
                       uint32_t value, struct virtq_site *site);
enum virtq_err vl_port_mmio_map(struct virtq_port *port, uint64_t bus_addr, uint32_t bytes,
                                struct virtq_mmio *io);
uint32_t vl_port_mmio_read(struct virtq_port *port, const struct virtq_mmio *io, uint32_t off,
                           unsigned bytes, struct virtq_site *site);
void vl_port_mmio_write(struct virtq_port *port, const struct virtq_mmio *io, uint32_t off,
                        unsigned bytes, uint32_t value, struct virtq_site *site);
struct virtq_doorbell;
void vl_port_doorbell(struct virtq_port *port, const struct virtq_doorbell *bell,
                      struct virtq_site *site);
void vl_port_interrupt(struct virtq_port *port, uint16_t vector, struct virtq_site *site);
void vl_port_intx(struct virtq_port *port, bool level, struct virtq_site *site);
void vl_port_note(struct virtq_port *port, enum virtq_note note, uint16_t queue_index, uint64_t a,
                  uint64_t b, uint64_t c, uint32_t n, struct virtq_site *site);

#define virtq_load8(port, span, off, order, barrier)                                               \
    ((uint8_t)vl_port_load((port), (span), (off), 1, (order), (barrier), VIRTQ_SITE_))
#define virtq_load16(port, span, off, order, barrier)                                              \
    ((uint16_t)vl_port_load((port), (span), (off), 2, (order), (barrier), VIRTQ_SITE_))
#define virtq_load32(port, span, off, order, barrier)                                              \
    ((uint32_t)vl_port_load((port), (span), (off), 4, (order), (barrier), VIRTQ_SITE_))
#define virtq_load64(port, span, off, order, barrier)                                              \
    vl_port_load((port), (span), (off), 8, (order), (barrier), VIRTQ_SITE_)
#define virtq_store8(port, span, off, value, order, barrier)                                       \
    vl_port_store((port), (span), (off), 1, (uint8_t)(value), (order), (barrier), VIRTQ_SITE_)
#define virtq_store16(port, span, off, value, order, barrier)                                      \
    vl_port_store((port), (span), (off), 2, (uint16_t)(value), (order), (barrier), VIRTQ_SITE_)
#define virtq_store32(port, span, off, value, order, barrier)                                      \
    vl_port_store((port), (span), (off), 4, (uint32_t)(value), (order), (barrier), VIRTQ_SITE_)
#define virtq_store64(port, span, off, value, order, barrier)                                      \
    vl_port_store((port), (span), (off), 8, (value), (order), (barrier), VIRTQ_SITE_)
#define virtq_fence(port, order, barrier) vl_port_fence((port), (order), (barrier), VIRTQ_SITE_)
#define virtq_load_desc(port, span, off) vl_port_load_desc((port), (span), (off), VIRTQ_SITE_)
#define virtq_load_desc_unaligned(port, span, off)                                                 \
    vl_port_load_desc((port), (span), (off), VIRTQ_SITE_)
#define virtq_store_desc(port, span, off, desc)                                                    \
    vl_port_store_desc((port), (span), (off), (desc), VIRTQ_SITE_)
#define virtq_load_used_elem(port, span, off)                                                      \
    vl_port_load_used_elem((port), (span), (off), VIRTQ_SITE_)
#define virtq_store_used_elem(port, span, off, elem)                                               \
    vl_port_store_used_elem((port), (span), (off), (elem), VIRTQ_SITE_)
#define virtq_copy_in(port, dst, span, off, bytes)                                                 \
    vl_port_copy_in((port), (dst), (span), (off), (bytes), VIRTQ_SITE_)
#define virtq_copy_out(port, span, off, src, bytes)                                                \
    vl_port_copy_out((port), (span), (off), (src), (bytes), VIRTQ_SITE_)
#define virtq_fill(port, span, off, byte, bytes)                                                   \
    vl_port_fill((port), (span), (off), (byte), (bytes), VIRTQ_SITE_)
#define virtq_await16(port, span, off, old, order, barrier)                                        \
    vl_port_await16((port), (span), (off), (old), (order), (barrier), VIRTQ_SITE_)
#define virtq_await_event(port) vl_port_await_event((port), VIRTQ_SITE_)
#define virtq_wake(port) vl_port_wake((port), VIRTQ_SITE_)
#define virtq_relax(port) vl_port_relax((port), VIRTQ_SITE_)
#define virtq_shared_load(port, shared) vl_port_shared_load((port), (shared), VIRTQ_SITE_)
#define virtq_shared_store(port, shared, value)                                                    \
    vl_port_shared_store((port), (shared), (value), VIRTQ_SITE_)
#define virtq_shared_or(port, shared, bits) vl_port_shared_or((port), (shared), (bits), VIRTQ_SITE_)
#define virtq_shared_exchange(port, shared, value)                                                 \
    vl_port_shared_exchange((port), (shared), (value), VIRTQ_SITE_)
#define virtq_irq_disable(port) vl_port_irq_mask((port), true, VIRTQ_SITE_)
#define virtq_irq_enable(port) vl_port_irq_mask((port), false, VIRTQ_SITE_)
#define virtq_pci_read(port, function, off, bytes)                                                 \
    vl_port_pci_read((port), (function), (off), (bytes), VIRTQ_SITE_)
#define virtq_pci_write(port, function, off, bytes, value)                                         \
    vl_port_pci_write((port), (function), (off), (bytes), (value), VIRTQ_SITE_)
#define virtq_mmio_map(port, bus_addr, bytes, io)                                                  \
    vl_port_mmio_map((port), (bus_addr), (bytes), (io))
#define virtq_mmio_read(port, io, off, bytes)                                                      \
    vl_port_mmio_read((port), (io), (off), (bytes), VIRTQ_SITE_)
#define virtq_mmio_write(port, io, off, bytes, value)                                              \
    vl_port_mmio_write((port), (io), (off), (bytes), (value), VIRTQ_SITE_)
#define virtq_doorbell(port, bell) vl_port_doorbell((port), (bell), VIRTQ_SITE_)
#define virtq_interrupt(port, vector) vl_port_interrupt((port), (vector), VIRTQ_SITE_)
#define virtq_intx(port, level) vl_port_intx((port), (level), VIRTQ_SITE_)
#define virtq_note(port, note, queue_index, a, b, c, n)                                            \
    vl_port_note((port), (note), (queue_index), (a), (b), (c), (n), VIRTQ_SITE_)

#ifdef __cplusplus
}
#endif

#endif
