// model/core/vl_port_world.c -- the port's model build: memory control path, waiting, contexts.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_counter.h"
#include "model/core/vl_machine.h"

#include <string.h>

static struct vl_event event_of(const struct vl_machine *m, enum vl_event_kind kind)
{
    return (struct vl_event){.kind = (uint8_t)kind, .agent = m->cur->agent};
}

// ---- control path -------------------------------------------------------------------------------

enum virtq_err virtq_mem_alloc(struct virtq_port *port, uint32_t bytes, uint32_t align,
                               enum virtq_area area, uint16_t queue_index, struct virtq_dma *out)
{
    struct vl_machine *m = port->machine;
    unsigned place = 0;

    vl_sched_point(m);
    if (area == VIRTQ_AREA_BUFFER) {
        place = vl_lab_choice(m, VL_LANE_WORKLOAD, VL_FIELD_BUFFER, VL_REGIONS);
    }
    struct virtq_span span = {.queue_index = queue_index, .area = (uint16_t)area};
    const enum virtq_err err = vl_memory_alloc(&m->memory, bytes, align, place, &span);
    if (err != VIRTQ_OK) {
        return err;
    }
    out->span = span;
    out->bus_addr = span.gpa + m->memory.bus_offset;
    struct vl_event ev = event_of(m, VL_EV_ALLOC);
    ev.addr = span.gpa;
    ev.value = out->bus_addr;
    ev.aux = (uint64_t)area;
    ev.len = bytes;
    ev.queue = (uint8_t)queue_index;
    vl_emit_hot(m, ev, NULL, NULL);
    return VIRTQ_OK;
}

void virtq_mem_free(struct virtq_port *port, struct virtq_dma *dma)
{
    struct vl_machine *m = port->machine;
    vl_sched_point(m);
    struct vl_event ev = event_of(m, VL_EV_FREE);
    ev.addr = dma->span.gpa;
    ev.value = dma->bus_addr;
    ev.len = dma->span.bytes;
    ev.queue = (uint8_t)dma->span.queue_index;
    vl_emit_hot(m, ev, NULL, NULL);
    memset(dma, 0, sizeof(*dma));
}

static void map_event(struct vl_machine *m, enum vl_event_kind kind, const struct virtq_span *span,
                      enum virtq_dir dir, uint64_t bus_addr)
{
    struct vl_event ev = event_of(m, kind);
    ev.addr = span->gpa;
    ev.value = bus_addr;
    ev.aux = (uint64_t)dir;
    ev.len = span->bytes;
    ev.queue = (uint8_t)span->queue_index;
    vl_emit_hot(m, ev, NULL, NULL);
}

#define BOUNCE_PIECE_BYTES 4096u

// Copy between a buffer and its bounce buffer: the driver's own reads and writes.
static void bounce_copy(struct virtq_port *port, const struct virtq_span *to,
                        const struct virtq_span *from)
{
    uint8_t piece[BOUNCE_PIECE_BYTES];
    for (uint32_t done = 0; done < from->bytes;) { // bound: bytes
        const uint32_t left = from->bytes - done;
        const uint32_t n = left < sizeof(piece) ? left : (uint32_t)sizeof(piece);
        virtq_copy_in(port, piece, from, done, n);
        virtq_copy_out(port, to, done, piece, n);
        done += n;
    }
}

// Without bounce buffers memory that virtq_mem_alloc() gave is visible to the device already, and
// mapping it is arithmetic: no event, nothing happens there.
enum virtq_err virtq_map(struct virtq_port *port, const struct virtq_span *buf, enum virtq_dir dir,
                         uint64_t *bus_addr)
{
    struct vl_machine *m = port->machine;
    struct virtq_span bounce = *buf;

    *bus_addr = buf->gpa + m->memory.bus_offset;
    if (!m->memory.bounce) {
        return VIRTQ_OK;
    }
    vl_sched_point(m);
    const enum virtq_err err = vl_memory_bounce_take(&m->memory, buf->bytes, &bounce);
    if (err != VIRTQ_OK) {
        return err;
    }
    *bus_addr = bounce.gpa + m->memory.bus_offset;
    if ((dir & VIRTQ_TO_DEVICE) != 0) {
        bounce_copy(port, &bounce, buf);
    }
    map_event(m, VL_EV_MAP, &bounce, dir, *bus_addr);
    return VIRTQ_OK;
}

void virtq_unmap(struct virtq_port *port, const struct virtq_span *buf, enum virtq_dir dir,
                 uint64_t bus_addr)
{
    struct vl_machine *m = port->machine;
    struct virtq_span bounce = *buf;
    uint32_t n_spans = 0;

    if (!m->memory.bounce) {
        return;
    }
    vl_sched_point(m);
    const enum virtq_err err =
        vl_memory_resolve(&m->memory, bus_addr, buf->bytes, &bounce, 1, &n_spans);
    VIRTQ_ASSERT(err == VIRTQ_OK); // it is one that virtq_map() gave
    map_event(m, VL_EV_UNMAP, &bounce, dir, bus_addr);
    if ((dir & VIRTQ_FROM_DEVICE) != 0) {
        bounce_copy(port, buf, &bounce);
    }
    vl_memory_bounce_give(&m->memory, &bounce);
}

// Translation is private to the device half, so it is no scheduling point; only a failure is an
// event, since a success shows in the accesses that follow.
enum virtq_err virtq_resolve(struct virtq_port *port, uint64_t bus_addr, uint32_t len,
                             enum virtq_area area, uint16_t queue_index, struct virtq_span *spans,
                             uint32_t max, uint32_t *n_spans)
{
    struct vl_machine *m = port->machine;
    enum virtq_err err = VIRTQ_ERR_CHAIN_ADDR;

    if (m->bus.dma_allowed == NULL || m->bus.dma_allowed(m->bus.ctx)) {
        err = vl_memory_resolve(&m->memory, bus_addr, len, spans, max, n_spans);
    }
    if (err != VIRTQ_OK) {
        struct vl_event ev = event_of(m, VL_EV_RESOLVE);
        ev.addr = bus_addr;
        ev.value = (uint64_t)err;
        ev.len = len;
        ev.queue = (uint8_t)queue_index;
        vl_emit_hot(m, ev, NULL, NULL);
        return err;
    }
    for (uint32_t i = 0; i < *n_spans; i++) { // bound: max
        spans[i].queue_index = queue_index;
        spans[i].area = (uint16_t)area;
    }
    return VIRTQ_OK;
}

// ---- waiting ------------------------------------------------------------------------------------

uint16_t vl_port_await16(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                         uint16_t old, enum virtq_order order, enum virtq_barrier barrier,
                         struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    struct vl_strand *s = m->cur;

    if (m->explored != NULL) {
        return m->explored->await16(m->explored->ctx, span, off, old,
                                    vl_order_in_force(m, order, barrier), (uint8_t)barrier, site);
    }
    for (;;) { // bound: the peer stores another value, or the run ends
        const uint16_t now = (uint16_t)vl_port_load(port, span, off, 2, order, barrier, site);
        if (now != old) {
            return now;
        }
        struct vl_event ev = event_of(m, VL_EV_AWAIT);
        ev.addr = span->gpa + off;
        ev.value = old;
        ev.len = 2;
        ev.queue = (uint8_t)span->queue_index;
        vl_emit_hot(m, ev, site, NULL);
        s->awaiting = true;
        s->await_span = span;
        s->await_off = off;
        s->await_old = old;
        vl_block(m);
        s->awaiting = false;
    }
}

// The platform may send what nobody asked for. It comes after the referees have judged the sleep:
// a spurious notification rescues nobody.
static void spurious(struct vl_machine *m, const struct vl_strand *s)
{
    const bool driver = s->side == VL_SIDE_DRIVER;
    const unsigned key = driver ? VL_FIELD_INTERRUPT : VL_FIELD_DOORBELL;

    if (vl_lab_choice(m, VL_LANE_PLATFORM, key, 2) == 0) {
        return;
    }
    struct vl_event ev = {.value = 1, .agent = VL_AGENT_PLATFORM};
    if (driver) {
        ev.kind = VL_EV_INTERRUPT_ARRIVES;
        vl_emit_hot(m, ev, NULL, NULL);
        if (m->model != VL_MODEL_SC) {
            vl_weak_pending(m, 0, 0, (m->irq_pending & 1u) != 0); // it orders nothing
        }
        m->irq_pending |= 1;
        vl_irq_update(m);
    } else {
        // A wake-up without a register access: what an event channel does that fires for nothing.
        ev.kind = VL_EV_DOORBELL_ARRIVES;
        vl_emit_hot(m, ev, NULL, NULL);
        m->strand[VL_SIDE_DEVICE].wake = true;
    }
}

// True if an interposer wants no waiting here.
static bool interposed_wait(struct virtq_port *port, enum vl_op_kind kind)
{
    if (port->machine->interposer == NULL) {
        return false;
    }
    struct vl_port_op op = {
        .kind = (uint8_t)kind, .side = (uint8_t)port->side, .agent = port->machine->cur->agent};
    vl_interpose(port->machine, &op, VL_OP_BEFORE);
    return op.drop;
}

void vl_port_await_event(struct virtq_port *port, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    struct vl_strand *s = m->cur;

    VIRTQ_ASSERT(s->depth == 0 && s->side == port->side); // only main contexts sleep
    if (m->explored != NULL) {
        m->explored->await_event(m->explored->ctx, site);
        return;
    }
    vl_sched_point(m);
    if (m->config.counters) {
        vl_counter_await(m, site);
        return;
    }
    if (interposed_wait(port, VL_OP_SLEEP)) {
        return;
    }
    const struct vl_event sleep = event_of(m, VL_EV_SLEEP);
    vl_emit_hot(m, sleep, site, NULL);
    s->asleep = true;
    if (!s->wake) {
        spurious(m, s);
    }
    while (!s->wake) { // bound: a wake comes, or the run ends
        if (s->side == VL_SIDE_DRIVER && m->irq_ready) {
            vl_run_handler(m);
        } else {
            vl_block(m);
        }
    }
    s->asleep = false;
    s->wake = false;
    if (m->model != VL_MODEL_SC) {
        vl_weak_woken(m, port->side);
    }
    const struct vl_event woken = event_of(m, VL_EV_WOKEN);
    vl_emit_hot(m, woken, site, NULL);
}

void vl_port_wake(struct virtq_port *port, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    vl_leave_explored(m, "a wake-up by its own side");
    vl_sched_point(m);
    if (m->model != VL_MODEL_SC) {
        vl_weak_wake(m, port->side);
    }
    const struct vl_event ev = event_of(m, VL_EV_WAKE);
    vl_emit_hot(m, ev, site, NULL);
    m->strand[port->side].wake = true;
}

void vl_port_relax(struct virtq_port *port, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    if (m->explored != NULL) {
        m->explored->relax(m->explored->ctx, site);
        return;
    }
    vl_sched_point(m);
    if (interposed_wait(port, VL_OP_RELAX)) {
        return;
    }
    const struct vl_event ev = event_of(m, VL_EV_RELAX);
    if (m->config.counters) {
        vl_counter_spin(m, ev, site);
        return;
    }
    vl_emit_hot(m, ev, site, NULL);
    vl_step_aside(m);
}

// ---- contexts of one side -----------------------------------------------------------------------

// Shared words live in private memory, so an event names them by the order of first use.
static uint64_t shared_id(struct vl_machine *m, const struct virtq_shared *shared)
{
    for (uint32_t i = 0; i < m->n_shared; i++) { // bound: VL_SHARED_MAX
        if (m->shared[i] == shared) {
            return i;
        }
    }
    if (m->n_shared < VL_SHARED_MAX) {
        m->shared[m->n_shared++] = shared;
    }
    return m->n_shared - 1;
}

static void shared_event(struct vl_machine *m, const struct virtq_shared *shared, uint32_t before,
                         uint32_t after, uint8_t order, struct virtq_site *site)
{
    const uint64_t id = shared_id(m, shared);
    if (m->model != VL_MODEL_SC) {
        vl_weak_shared(m, id, order);
    }
    struct vl_event ev = event_of(m, VL_EV_SHARED);
    ev.addr = id;
    ev.value = before;
    ev.aux = after;
    ev.len = 4;
    ev.order = order;
    vl_emit_hot(m, ev, site, NULL);
}

uint32_t vl_port_shared_load(struct virtq_port *port, struct virtq_shared *shared,
                             struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    vl_sched_point(m);
    const uint32_t v = atomic_load_explicit(&shared->word, memory_order_relaxed);
    shared_event(m, shared, v, v, VIRTQ_ACQUIRE, site);
    return v;
}

void vl_port_shared_store(struct virtq_port *port, struct virtq_shared *shared, uint32_t value,
                          struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    vl_sched_point(m);
    const uint32_t v = atomic_load_explicit(&shared->word, memory_order_relaxed);
    atomic_store_explicit(&shared->word, value, memory_order_relaxed);
    shared_event(m, shared, v, value, VIRTQ_RELEASE, site);
}

uint32_t vl_port_shared_or(struct virtq_port *port, struct virtq_shared *shared, uint32_t bits,
                           struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    if (m->explored != NULL) {
        m->explored->locked(m->explored->ctx, site);
    }
    vl_sched_point(m);
    const uint32_t v = atomic_load_explicit(&shared->word, memory_order_relaxed);
    atomic_store_explicit(&shared->word, v | bits, memory_order_relaxed);
    shared_event(m, shared, v, v | bits, VIRTQ_ACQ_REL, site);
    return v;
}

uint32_t vl_port_shared_exchange(struct virtq_port *port, struct virtq_shared *shared,
                                 uint32_t value, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    if (m->explored != NULL) {
        m->explored->locked(m->explored->ctx, site);
    }
    vl_sched_point(m);
    const uint32_t v = atomic_load_explicit(&shared->word, memory_order_relaxed);
    atomic_store_explicit(&shared->word, value, memory_order_relaxed);
    shared_event(m, shared, v, value, VIRTQ_ACQ_REL, site);
    return v;
}

void vl_port_irq_mask(struct virtq_port *port, bool masked, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    vl_sched_point(m);
    struct vl_event ev = event_of(m, VL_EV_MASK);
    ev.value = masked;
    vl_emit_hot(m, ev, site, NULL);
    m->irq_masked = masked;
    vl_irq_update(m);
}
