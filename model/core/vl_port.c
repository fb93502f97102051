// model/core/vl_port.c -- the port's model build: ring path and payload.
// Each call is a scheduling point, then a choice of what is seen, then the access, then its event.
// Mischief: a hostile side's stores may be altered here, and an adversary may store just before
// the victim's loads; both are drawn from the mischief lanes and recorded.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_machine.h"
#include "ring/virtq_bytes.h"

#include <string.h>

#define PIECE_MAX_BYTES 32768u // of one payload event

// A word of 1, 2, 4 or 8 bytes. Constant sizes let the compiler make one instruction of each.
static inline uint64_t get_word(const uint8_t *p, unsigned bytes)
{
    switch (bytes) {
    case 1: return p[0];
    case 2: return virtq_get_le(p, 2);
    case 4: return virtq_get_le(p, 4);
    default: return virtq_get_le(p, 8);
    }
}

static inline void put_word(uint8_t *p, unsigned bytes, uint64_t v)
{
    switch (bytes) {
    case 1: p[0] = (uint8_t)v; break;
    case 2: virtq_put_le(p, 2, v); break;
    case 4: virtq_put_le(p, 4, v); break;
    default: virtq_put_le(p, 8, v); break;
    }
}

// Which word of a queue an offset in a span is.
static unsigned field_of(const struct virtq_span *span, uint32_t off)
{
    switch ((enum virtq_area)span->area) {
    case VIRTQ_AREA_DESC: return VL_FIELD_DESC;
    case VIRTQ_AREA_INDIRECT: return VL_FIELD_INDIRECT;
    case VIRTQ_AREA_AVAIL:
        return off < VIRTQ_RING_IDX            ? VL_FIELD_AVAIL_FLAGS
               : off < VIRTQ_RING_HEADER_BYTES ? VL_FIELD_AVAIL_IDX
               : off + 2 >= span->bytes        ? VL_FIELD_USED_EVENT
                                               : VL_FIELD_AVAIL_RING;
    case VIRTQ_AREA_USED:
        return off < VIRTQ_RING_IDX            ? VL_FIELD_USED_FLAGS
               : off < VIRTQ_RING_HEADER_BYTES ? VL_FIELD_USED_IDX
               : off + 2 >= span->bytes        ? VL_FIELD_AVAIL_EVENT
                                               : VL_FIELD_USED_RING;
    case VIRTQ_AREA_BUFFER: break;
    }
    return VL_FIELD_BUFFER;
}

static void check_bounds(const struct virtq_span *span, uint32_t off, uint32_t bytes)
{
    VIRTQ_ASSERT(off <= span->bytes && bytes <= span->bytes - off); // our bug: a span is a promise
}

// An adversary may act just before the victim looks.
static void adversary(struct vl_machine *m, enum vl_side side, const struct virtq_span *span,
                      uint32_t off, unsigned field, unsigned bytes)
{
    if (m->mischief == NULL || side == m->hostile_side) {
        return;
    }
    const uint32_t v = vl_choose(&m->choices, m->mischief_lane, VL_AGENT_ADVERSARY,
                                 vl_choice_key(span->queue_index, field), m->mischief->n_options);
    if (v != 0) {
        m->mischief->before_load(m->mischief->ctx, span, off, field, bytes, v);
    }
}

// A hostile side's own store may be altered or dropped. Returns false for a dropped one.
static bool mischief_store(struct vl_machine *m, enum vl_side side, const struct virtq_span *span,
                           uint32_t off, unsigned field, unsigned bytes, uint64_t *value,
                           uint64_t *aux)
{
    if (m->mischief == NULL || side != m->hostile_side) {
        return true;
    }
    const uint32_t drawn =
        vl_choose(&m->choices, m->mischief_lane, m->cur->agent,
                  vl_choice_key(span->queue_index, field), m->mischief->n_options);
    const uint32_t v = drawn != 0 ? drawn : m->config.forced[field];
    return v == 0 || m->mischief->store(m->mischief->ctx, span, off, field, bytes, value, aux, v);
}

// The store itself: bytes, mark, event. ev says all but where. Inline for the reason that
// vl_emit_hot() is.
__attribute__((always_inline)) static inline void store_event(struct vl_machine *m,
                                                              const struct virtq_span *span,
                                                              uint32_t off, struct vl_event ev,
                                                              struct virtq_site *site)
{
    uint8_t *p = span->host + off;
    put_word(p, ev.len, ev.value);
    if (ev.len > 8) {
        put_word(p + 8, 8, ev.aux);
    }
    vl_memory_mark(&m->memory, vl_memory_off(&m->memory, span, off), ev.len, m->seq);
    ev.addr = span->gpa + off;
    ev.kind = VL_EV_STORE;
    ev.queue = (uint8_t)span->queue_index;
    vl_emit_hot(m, ev, site, NULL);
}

void vl_adversary_store(struct vl_machine *m, const struct virtq_span *span, uint32_t off,
                        unsigned bytes, uint64_t value, uint64_t aux)
{
    check_bounds(span, off, bytes);
    const struct vl_event ev = {.value = value,
                                .aux = aux,
                                .len = bytes,
                                .agent = VL_AGENT_ADVERSARY,
                                .order = VIRTQ_RELAXED,
                                .field = (uint8_t)field_of(span, off)};
    store_event(m, span, off, ev, NULL);
}

static struct vl_weak_call weak_call(const struct vl_machine *m, const struct virtq_span *span,
                                     uint32_t off, unsigned bytes, enum virtq_order order,
                                     enum virtq_barrier barrier, struct virtq_site *site)
{
    return (struct vl_weak_call){.span = span,
                                 .off = off,
                                 .bytes = bytes,
                                 .order = vl_order_in_force(m, order, barrier),
                                 .barrier = (uint8_t)barrier,
                                 .field = (uint8_t)field_of(span, off),
                                 .site = site};
}

// A port call on a span, for the interposer.
static struct vl_port_op op_of(const struct virtq_port *port, enum vl_op_kind kind,
                               const struct virtq_span *span, uint32_t off, uint32_t bytes)
{
    return (struct vl_port_op){.kind = (uint8_t)kind,
                               .side = (uint8_t)port->side,
                               .agent = port->machine->cur->agent,
                               .field = (uint8_t)field_of(span, off),
                               .queue = (uint8_t)span->queue_index,
                               .bytes = bytes,
                               .addr = span->gpa + off,
                               .span = span,
                               .off = off};
}

// The load itself. op: NULL if nobody stands between.
static inline uint64_t load_now(struct vl_machine *m, const struct virtq_span *span, uint32_t off,
                                unsigned bytes, uint8_t order, enum virtq_barrier barrier,
                                struct virtq_site *site, struct vl_port_op *op, uint64_t *aux)
{
    const uint8_t *p = span->host + off;
    uint64_t value = get_word(p, bytes);
    uint64_t high = bytes > 8 ? get_word(p + 8, 8) : 0;
    if (op != NULL) {
        op->value = value;
        op->aux = high;
        vl_interpose(m, op, VL_OP_REPLY);
        value = op->value;
        high = op->aux;
    }
    const struct vl_event ev = {
        .addr = span->gpa + off,
        .value = value,
        .aux = high,
        .reads_from = vl_memory_writer(&m->memory, vl_memory_off(&m->memory, span, off), bytes),
        .len = bytes,
        .kind = VL_EV_LOAD,
        .agent = m->cur->agent,
        .order = order,
        .barrier = (uint8_t)barrier,
        .queue = (uint8_t)span->queue_index,
        .field = (uint8_t)field_of(span, off)};
    vl_emit_hot(m, ev, site, NULL);
    if (op != NULL) {
        vl_interpose(m, op, VL_OP_DONE);
        value = op->blind ? op->seen : value;
        high = op->blind ? op->seen_aux : high;
    }
    *aux = high;
    return value;
}

static uint64_t interposed_load(struct virtq_port *port, const struct virtq_span *span,
                                uint32_t off, unsigned bytes, uint8_t order,
                                enum virtq_barrier barrier, struct virtq_site *site, uint64_t *aux)
{
    struct vl_port_op op = op_of(port, VL_OP_LOAD, span, off, bytes);

    op.order = order;
    vl_interpose(port->machine, &op, VL_OP_BEFORE);
    if (op.drop) {
        *aux = op.seen_aux;
        return op.seen;
    }
    check_bounds(span, op.off, bytes);
    return load_now(port->machine, span, op.off, bytes, op.order, barrier, site, &op, aux);
}

// Loads up to 16 bytes; the high half goes to *aux.
static uint64_t load_event(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                           unsigned bytes, enum virtq_order order, enum virtq_barrier barrier,
                           struct virtq_site *site, uint64_t *aux)
{
    struct vl_machine *m = port->machine;
    const unsigned field = field_of(span, off);

    check_bounds(span, off, bytes);
    if (m->explored != NULL) {
        return m->explored->load(m->explored->ctx, span, off, bytes,
                                 vl_order_in_force(m, order, barrier), (uint8_t)barrier, site, aux);
    }
    vl_sched_point(m);
    adversary(m, port->side, span, off, field, bytes);
    if (m->model != VL_MODEL_SC) {
        const struct vl_weak_call call = weak_call(m, span, off, bytes, order, barrier, site);
        return vl_weak_load(m, &call, aux);
    }
    // One store can be seen under sc; the occurrence counts all the same.
    (void)vl_choose(&m->choices, VL_LANE_READ, m->cur->agent,
                    vl_choice_key(span->queue_index, field), 1);
    const uint8_t in_force = vl_order_in_force(m, order, barrier);
    if (m->interposer != NULL) {
        return interposed_load(port, span, off, bytes, in_force, barrier, site, aux);
    }
    return load_now(m, span, off, bytes, in_force, barrier, site, NULL, aux);
}

// Store ev as the interposer wants it.
static void interposed_store(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                             struct vl_event ev, struct virtq_site *site)
{
    struct vl_port_op op = op_of(port, VL_OP_STORE, span, off, ev.len);

    op.order = ev.order;
    op.value = ev.value;
    op.aux = ev.aux;
    vl_interpose(port->machine, &op, VL_OP_BEFORE);
    if (op.drop) {
        return;
    }
    check_bounds(span, op.off, ev.len);
    ev.order = op.order;
    ev.value = op.value;
    ev.aux = op.aux;
    ev.field = (uint8_t)field_of(span, op.off);
    store_event(port->machine, span, op.off, ev, site);
    vl_interpose(port->machine, &op, VL_OP_DONE);
}

static void store_call(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                       unsigned bytes, uint64_t value, uint64_t aux, enum virtq_order order,
                       enum virtq_barrier barrier, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    const unsigned field = field_of(span, off);

    check_bounds(span, off, bytes);
    if (m->explored != NULL) {
        m->explored->store(m->explored->ctx, span, off, bytes, value, aux,
                           vl_order_in_force(m, order, barrier), (uint8_t)barrier, site);
        return;
    }
    vl_sched_point(m);
    if (m->model != VL_MODEL_SC) { // nobody is hostile
        const struct vl_weak_call call = weak_call(m, span, off, bytes, order, barrier, site);
        vl_weak_store(m, &call, value, aux);
        return;
    }
    (void)vl_choose(&m->choices, VL_LANE_STORE, m->cur->agent,
                    vl_choice_key(span->queue_index, field), 1);
    if (mischief_store(m, port->side, span, off, field, bytes, &value, &aux)) {
        const struct vl_event ev = {.value = value,
                                    .aux = aux,
                                    .len = bytes,
                                    .agent = m->cur->agent,
                                    .order = vl_order_in_force(m, order, barrier),
                                    .barrier = (uint8_t)barrier,
                                    .field = (uint8_t)field};
        if (m->interposer != NULL) {
            interposed_store(port, span, off, ev, site);
            return;
        }
        store_event(m, span, off, ev, site);
    }
}

uint64_t vl_port_load(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                      unsigned bytes, enum virtq_order order, enum virtq_barrier barrier,
                      struct virtq_site *site)
{
    uint64_t aux = 0;
    return load_event(port, span, off, bytes, order, barrier, site, &aux);
}

void vl_port_store(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                   unsigned bytes, uint64_t value, enum virtq_order order,
                   enum virtq_barrier barrier, struct virtq_site *site)
{
    store_call(port, span, off, bytes, value, 0, order, barrier, site);
}

void vl_port_fence(struct virtq_port *port, enum virtq_order order, enum virtq_barrier barrier,
                   struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    if (m->explored != NULL) {
        m->explored->fence(m->explored->ctx, vl_order_in_force(m, order, barrier), (uint8_t)barrier,
                           site);
        return;
    }
    vl_sched_point(m);
    if (m->model != VL_MODEL_SC) {
        vl_weak_fence(m, vl_order_in_force(m, order, barrier), (uint8_t)barrier, site);
        return;
    }
    struct vl_event ev = {.kind = VL_EV_FENCE,
                          .agent = m->cur->agent,
                          .order = vl_order_in_force(m, order, barrier),
                          .barrier = (uint8_t)barrier};
    if (m->interposer != NULL) {
        struct vl_port_op op = {
            .kind = VL_OP_FENCE, .side = (uint8_t)port->side, .agent = ev.agent, .order = ev.order};
        vl_interpose(m, &op, VL_OP_BEFORE);
        if (op.drop) {
            return;
        }
        ev.order = op.order;
    }
    vl_emit_hot(m, ev, site, NULL);
}

struct virtq_desc vl_port_load_desc(struct virtq_port *port, const struct virtq_span *span,
                                    uint32_t off, struct virtq_site *site)
{
    uint64_t high = 0;
    const uint64_t addr =
        load_event(port, span, off, VIRTQ_DESC_BYTES, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE, site, &high);
    return (struct virtq_desc){.addr = addr,
                               .len = (uint32_t)high,
                               .flags = (uint16_t)(high >> 32),
                               .next = (uint16_t)(high >> 48)};
}

void vl_port_store_desc(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                        struct virtq_desc desc, struct virtq_site *site)
{
    const uint64_t high =
        (uint64_t)desc.len | (uint64_t)desc.flags << 32 | (uint64_t)desc.next << 48;
    store_call(port, span, off, VIRTQ_DESC_BYTES, desc.addr, high, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE,
               site);
}

struct virtq_used_elem vl_port_load_used_elem(struct virtq_port *port,
                                              const struct virtq_span *span, uint32_t off,
                                              struct virtq_site *site)
{
    const uint64_t v =
        vl_port_load(port, span, off, VIRTQ_USED_ELEM_BYTES, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE, site);
    return (struct virtq_used_elem){.id = (uint32_t)v, .len = (uint32_t)(v >> 32)};
}

void vl_port_store_used_elem(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                             struct virtq_used_elem elem, struct virtq_site *site)
{
    const uint64_t v = (uint64_t)elem.id | (uint64_t)elem.len << 32;
    store_call(port, span, off, VIRTQ_USED_ELEM_BYTES, v, 0, VIRTQ_PLAIN, VIRTQ_BARRIER_NONE, site);
}

// ---- payload ------------------------------------------------------------------------------------

static void payload_event(struct vl_machine *m, const struct virtq_span *span, uint32_t off,
                          const uint8_t *dst, const uint8_t *src, uint32_t bytes,
                          struct virtq_site *site)
{
    const uint8_t *bytes_moved = dst != NULL ? dst : src;
    const struct vl_event ev = {.addr = span->gpa + off,
                                .value = vl_hash64(bytes_moved, bytes),
                                .len = bytes,
                                .kind = dst != NULL ? VL_EV_READ : VL_EV_WRITE,
                                .agent = m->cur->agent,
                                .queue = (uint8_t)span->queue_index,
                                .field = VL_FIELD_BUFFER};
    vl_emit_hot(m, ev, site, bytes_moved);
}

// A piece as the interposer wants it: moved, shorter, or of other bytes.
static void interposed_piece(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                             uint8_t *dst, const uint8_t *src, uint32_t bytes,
                             struct virtq_site *site)
{
    static _Thread_local uint8_t copy[PIECE_MAX_BYTES]; // large for a fiber's stack
    struct vl_machine *m = port->machine;
    struct vl_port_op op = op_of(port, dst != NULL ? VL_OP_READ : VL_OP_WRITE, span, off, bytes);

    if (src != NULL) {
        memcpy(copy, src, bytes);
    }
    op.data = dst != NULL ? dst : copy;
    vl_interpose(m, &op, VL_OP_BEFORE);
    if (op.drop) {
        if (dst != NULL) {
            memset(dst, 0, bytes);
        }
        return;
    }
    VIRTQ_ASSERT(op.bytes <= bytes);
    check_bounds(span, op.off, op.bytes);
    uint8_t *p = span->host + op.off;
    if (dst != NULL) {
        memcpy(dst, p, op.bytes);
    } else {
        memcpy(p, copy, op.bytes);
        vl_memory_mark(&m->memory, vl_memory_off(&m->memory, span, op.off), op.bytes, m->seq);
    }
    payload_event(m, span, op.off, dst, dst != NULL ? NULL : copy, op.bytes, site);
    vl_interpose(m, &op, dst != NULL ? VL_OP_REPLY : VL_OP_DONE);
}

// One piece of a payload access, as one event. dst or src is the private side.
static void payload_piece(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                          uint8_t *dst, const uint8_t *src, uint32_t bytes, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    uint8_t *p = span->host + off;

    vl_sched_point(m);
    if (m->model != VL_MODEL_SC) {
        const struct vl_weak_call call = {.span = span,
                                          .off = off,
                                          .bytes = bytes,
                                          .order = VIRTQ_PLAIN,
                                          .field = VL_FIELD_BUFFER,
                                          .site = site};
        vl_weak_payload(m, &call, dst, src);
        return;
    }
    if (m->interposer != NULL) {
        interposed_piece(port, span, off, dst, src, bytes, site);
        return;
    }
    if (dst != NULL) {
        // Payload is read before it is used: an adversary may change it between two pieces.
        adversary(m, port->side, span, off, VL_FIELD_BUFFER, bytes < 8 ? bytes : 8);
        memcpy(dst, p, bytes);
    } else {
        memcpy(p, src, bytes);
        vl_memory_mark(&m->memory, vl_memory_off(&m->memory, span, off), bytes, m->seq);
    }
    payload_event(m, span, off, dst, src, bytes, site);
}

// A payload access is one event, or two where the choice cuts it; large ones come in pieces.
static void payload(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                    uint8_t *dst, const uint8_t *src, uint32_t bytes, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    const unsigned lane = dst != NULL ? VL_LANE_READ : VL_LANE_STORE;

    check_bounds(span, off, bytes);
    if (bytes == 0) {
        return;
    }
    if (m->explored != NULL) {
        m->explored->payload(m->explored->ctx, span, off, dst, src, bytes, site);
        return;
    }
    const uint32_t options = bytes < 256 ? bytes : 256;
    uint32_t cut = vl_choose(&m->choices, lane, m->cur->agent,
                             vl_choice_key(span->queue_index, VL_FIELD_BUFFER), options);
    for (uint32_t done = 0; done < bytes;) { // bound: bytes
        uint32_t n = bytes - done < PIECE_MAX_BYTES ? bytes - done : PIECE_MAX_BYTES;
        if (cut != 0 && cut < n) {
            n = cut;
            cut = 0;
        }
        payload_piece(port, span, off + done, dst != NULL ? dst + done : NULL,
                      src != NULL ? src + done : NULL, n, site);
        done += n;
    }
}

void vl_port_copy_in(struct virtq_port *port, void *dst, const struct virtq_span *span,
                     uint32_t off, uint32_t bytes, struct virtq_site *site)
{
    payload(port, span, off, dst, NULL, bytes, site);
}

void vl_port_copy_out(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                      const void *src, uint32_t bytes, struct virtq_site *site)
{
    payload(port, span, off, NULL, src, bytes, site);
}

void vl_port_fill(struct virtq_port *port, const struct virtq_span *span, uint32_t off,
                  uint8_t byte, uint32_t bytes, struct virtq_site *site)
{
    uint8_t pattern[256];
    memset(pattern, byte, sizeof(pattern));
    for (uint32_t done = 0; done < bytes;) { // bound: bytes
        const uint32_t left = bytes - done;
        const uint32_t n = left < sizeof(pattern) ? left : (uint32_t)sizeof(pattern);
        payload(port, span, off + done, NULL, pattern, n, site);
        done += n;
    }
}
