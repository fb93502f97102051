// tools/plug/plug_call.c -- a device half that is seen at calls only.
// Events of a call are made when it is over, in the order in which a device that is right would
// have done these things. No port call is made for them: nobody runs in between.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/plug/plug_call.h"

#include "ring/virtq_bytes.h"
#include "tools/plug/plug_internal.h"

#include <stdlib.h>
#include <string.h>

#define ELEMS 4096u

// An element of a chain that the box holds.
struct elem {
    uint64_t gpa;
    uint8_t *host; // NULL: not in memory
    uint32_t len;
    uint16_t head;
    uint8_t queue;
    bool writable;
};

static struct {
    uint8_t *before; // guest memory as it was when the call began
    size_t bytes;
    bool taken[VL_QUEUES][VIRTQ_QUEUE_SIZE_MAX]; // heads that the box holds
    bool walked[VL_QUEUES]; // in this call, as far as a descriptor that is wrong
    struct elem elem[ELEMS];
    uint32_t n_elems;
} call;

bool plug_call_create(struct virtq_port *port)
{
    const size_t bytes = port->machine->memory.bytes;

    if (bytes > call.bytes) {
        uint8_t *more = realloc(call.before, bytes);
        if (more == NULL) {
            return false;
        }
        call.before = more;
        call.bytes = bytes;
    }
    call.n_elems = 0;
    memset(call.taken, 0, sizeof(call.taken));
    return true;
}

static const struct vl_notes_queue *notes_of(uint32_t q)
{
    return &plug_state.side[VL_SIDE_DEVICE].notes.queue[q];
}

static const struct virtq_span *ring_of(uint32_t q, enum plug_part part)
{
    return &plug_state.side[VL_SIDE_DEVICE].ring[q][part];
}

static uint64_t now(const struct virtq_span *span, uint32_t off, unsigned bytes)
{
    return virtq_get_le(span->host + off, bytes);
}

static uint64_t then(const struct virtq_span *span, uint32_t off, unsigned bytes)
{
    return virtq_get_le(call.before + (span->host - plug_state.host) + off, bytes);
}

void plug_call_begin(struct virtq_port *port)
{
    const struct plug_side *s = &plug_state.side[VL_SIDE_DEVICE];

    VIRTQ_ASSERT(port->side == VL_SIDE_DEVICE && port->machine->model == VL_MODEL_SC);
    for (uint32_t q = 0; q < VL_QUEUES; q++) {
        if (s->open[q]) {
            (void)plug_load(ring_of(q, PLUG_AVAIL)->host + VIRTQ_RING_IDX, 2, VIRTQ_ACQUIRE, NULL);
        }
    }
    memset(call.walked, 0, sizeof(call.walked));
    memcpy(call.before, plug_state.host, plug_state.bytes);
}

// ---- events -----------------------------------------------------------------------------------

static void tell_value(enum vl_event_kind kind, const struct virtq_span *span, uint32_t off,
                       uint32_t bytes, uint64_t value, unsigned field)
{
    struct vl_machine *m = plug_state.machine;
    const struct plug_where w = {.span = *span, .off = off, .ring = true};
    const uint32_t at = vl_memory_off(&m->memory, span, off);
    const struct vl_event ev = {
        .addr = span->gpa + off,
        .value = value,
        .aux = bytes > 8 ? now(span, off + 8, 8) : 0,
        .reads_from = kind == VL_EV_LOAD ? vl_memory_writer(&m->memory, at, bytes) : 0,
        .len = bytes,
        .kind = (uint8_t)kind,
        .agent = m->cur->agent,
        .order = VIRTQ_SEQ_CST,
        .queue = (uint8_t)span->queue_index,
        .field = (uint8_t)field};

    if (kind == VL_EV_STORE) {
        vl_memory_mark(&m->memory, at, bytes, m->seq);
    }
    vl_emit(m, &ev, NULL, NULL);
    plug_tell(kind, &w, off, bytes, ev.value, ev.aux);
}

static void tell(enum vl_event_kind kind, const struct virtq_span *span, uint32_t off,
                 uint32_t bytes, unsigned field)
{
    tell_value(kind, span, off, bytes, now(span, off, bytes < 8 ? bytes : 8), field);
}

static void tell_written(uint8_t *host, uint32_t bytes, uint32_t queue)
{
    struct vl_machine *m = plug_state.machine;
    const uint32_t off = (uint32_t)(host - plug_state.host);
    const struct vl_event ev = {.addr = vl_memory_gpa(&m->memory, off),
                                .value = vl_hash64(host, bytes),
                                .len = bytes,
                                .kind = VL_EV_WRITE,
                                .agent = m->cur->agent,
                                .queue = (uint8_t)queue,
                                .field = VL_FIELD_BUFFER};

    vl_memory_mark(&m->memory, off, bytes, m->seq);
    vl_emit(m, &ev, NULL, host);
}

// ---- what the box took ------------------------------------------------------------------------

static void hold(uint32_t q, uint16_t head, const struct vl_desc *desc)
{
    struct vl_machine *m = plug_state.machine;
    struct virtq_span spans[VL_REGIONS];
    uint32_t n = 0;

    if ((desc->flags & VIRTQ_DESC_F_INDIRECT) == 0 && call.n_elems < ELEMS) {
        const bool there = desc->len > 0 && vl_memory_resolve(&m->memory, desc->addr, desc->len,
                                                              spans, VL_REGIONS, &n) == VIRTQ_OK;
        call.elem[call.n_elems++] =
            (struct elem){.gpa = desc->addr - m->memory.bus_offset,
                          .host = there ? spans[0].host : NULL,
                          .len = desc->len,
                          .head = head,
                          .queue = (uint8_t)q,
                          .writable = (desc->flags & VIRTQ_DESC_F_WRITE) != 0};
    }
}

// A descriptor at gpa: in the queue's table, or in one that the chain led to. False if it is not in
// memory.
static bool load_desc(uint32_t q, uint64_t gpa, struct vl_desc *desc)
{
    struct vl_machine *m = plug_state.machine;
    const struct virtq_span *table = ring_of(q, PLUG_DESC);
    struct virtq_span spans[VL_REGIONS];
    uint32_t n = 0;

    if (vl_memory_resolve(&m->memory, gpa + m->memory.bus_offset, VIRTQ_DESC_BYTES, spans,
                          VL_REGIONS, &n) != VIRTQ_OK) {
        return false;
    }
    spans[0].bytes = VIRTQ_DESC_BYTES;
    spans[0].queue_index = (uint16_t)q;
    *desc = vl_desc_of(now(&spans[0], 0, 8), now(&spans[0], 8, 8));
    tell(VL_EV_LOAD, &spans[0], 0, VIRTQ_DESC_BYTES,
         gpa - table->gpa < table->bytes ? VL_FIELD_DESC : VL_FIELD_INDIRECT);
    return true;
}

// What was seen of a chain so far.
struct chain {
    uint32_t n_elems;
    uint64_t n_bytes;
    bool writable;
    bool nested;
};

// A descriptor at which a device that checks goes no further.
static bool is_bad(uint32_t q, const struct vl_desc *desc, struct chain *c)
{
    struct vl_machine *m = plug_state.machine;
    const struct vl_notes_queue *notes = notes_of(q);
    const bool indirect = (desc->flags & VIRTQ_DESC_F_INDIRECT) != 0;
    const bool write = (desc->flags & VIRTQ_DESC_F_WRITE) != 0;
    const bool next = (desc->flags & VIRTQ_DESC_F_NEXT) != 0;
    struct virtq_span spans[VL_REGIONS];
    uint32_t n = 0;
    const bool there =
        vl_memory_resolve(&m->memory, desc->addr, desc->len, spans, VL_REGIONS, &n) == VIRTQ_OK;

    if (indirect) {
        const uint64_t features = plug_state.side[VL_SIDE_DEVICE].features[q];
        const bool bad = (features & VIRTQ_F_INDIRECT_DESC) == 0 || c->nested || next || !there ||
                         desc->len == 0 || desc->len % VIRTQ_DESC_BYTES != 0;
        c->nested = true;
        return bad;
    }
    c->n_elems++;
    c->n_bytes += desc->len;
    const bool order = !write && c->writable;
    c->writable = c->writable || (write && desc->len > 0);
    return !there || order || c->n_bytes > UINT32_MAX ||
           (next && (c->n_elems >= notes->size || desc->next >= notes->n_table));
}

// What is known of why the box read an entry.
enum why {
    RETURNED, // it gave the buffer back: it accepted the chain
    CHANGED,  // it wrote there: it accepted the chain, or refuses it further on
    REFUSED,  // it says that something is wrong with it
};

// The next available entry is read, and its chain. Returns false if there is none to be read.
static bool take_next(uint32_t q, enum why why)
{
    const struct vl_notes_queue *notes = notes_of(q);
    const struct virtq_span *avail = ring_of(q, PLUG_AVAIL);
    const uint16_t taken = notes->taken;
    const uint32_t slot = virtq_avail_slot_off(taken & (notes->size - 1));
    const uint16_t head = (uint16_t)now(avail, slot, 2);
    struct chain chain = {0};
    struct vl_desc desc;

    if ((uint16_t)now(avail, VIRTQ_RING_IDX, 2) == taken || call.walked[q]) {
        return false;
    }
    tell(VL_EV_LOAD, avail, slot, VIRTQ_AVAIL_ELEM_BYTES, VL_FIELD_AVAIL_RING);
    if (head >= notes->size) {
        return false;
    }
    for (uint32_t i = 0; i <= notes->size && notes->expect != VL_NOWHERE; i++) { // bound: a chain
        if (!load_desc(q, notes->expect, &desc)) {
            break;
        }
        const bool bad = is_bad(q, &desc, &chain);
        call.walked[q] = why == CHANGED && bad;
        if (why != RETURNED && bad) {
            break;
        }
        hold(q, head, &desc);
    }
    call.taken[q][head] = true;
    plug_accept(why != RETURNED);
    return notes->taken != taken;
}

static void give_up_elems(uint32_t q, uint32_t head)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < call.n_elems; i++) { // bound: ELEMS
        if (call.elem[i].queue != q || call.elem[i].head != head) {
            call.elem[n++] = call.elem[i];
        }
    }
    call.n_elems = n;
}

// ---- what the box changed -----------------------------------------------------------------------

static bool held(const uint8_t *host)
{
    for (uint32_t i = 0; i < call.n_elems; i++) { // bound: ELEMS
        const struct elem *e = &call.elem[i];
        if (e->host != NULL && host >= e->host && (size_t)(host - e->host) < e->len) {
            return true;
        }
    }
    return false;
}

// The next range of changed bytes outside the used rings, from *at on. Returns its bytes, 0: none.
static uint32_t next_change(size_t *at)
{
    const uint8_t *host = plug_state.host;
    size_t from = *at;

    while (from < plug_state.bytes) { // bound: guest memory
        const size_t left = plug_state.bytes - from;
        if (left >= 64 && from % 64 == 0 && memcmp(host + from, call.before + from, 64) == 0) {
            from += 64;
            continue;
        }
        bool ring = false;
        for (uint32_t q = 0; q < VL_QUEUES; q++) {
            const struct virtq_span *used = ring_of(q, PLUG_USED);
            ring = ring || (plug_state.side[VL_SIDE_DEVICE].open[q] && host + from >= used->host &&
                            (size_t)(host + from - used->host) < used->bytes);
        }
        if (!ring && host[from] != call.before[from]) {
            break;
        }
        from++;
    }
    *at = from;
    uint32_t n = 0;
    while (from + n < plug_state.bytes && n < 64 && host[from + n] != call.before[from + n]) {
        n++; // bound: 64
    }
    return n;
}

// Everything that was changed in buffers belongs to entries that the box took.
static void take_for_changes(uint32_t q)
{
    size_t at = 0;

    for (uint32_t n = next_change(&at); n > 0; n = next_change(&at)) { // bound: guest memory
        while (!held(plug_state.host + at) && take_next(q, CHANGED)) { // bound: the queue
        }
        at += n;
    }
}

static void tell_changes(uint32_t q)
{
    size_t at = 0;

    for (uint32_t n = next_change(&at); n > 0; n = next_change(&at)) { // bound: guest memory
        tell_written(plug_state.host + at, n, q);
        memcpy(call.before + at, plug_state.host + at, n);
        at += n;
    }
}

// Bytes of a buffer are told, and are no change any more.
static void tell_and_forget(uint8_t *host, uint32_t bytes, uint32_t q)
{
    tell_written(host, bytes, q);
    memcpy(call.before + (host - plug_state.host), host, bytes);
}

// A buffer comes back: what its length claims was written, whether or not that changed a byte; of
// the rest, what changed.
static void tell_claimed(uint32_t q, uint32_t head, uint32_t len)
{
    for (uint32_t i = 0; i < call.n_elems; i++) { // bound: ELEMS
        const struct elem *e = &call.elem[i];
        if (e->queue != q || e->head != head || !e->writable || e->host == NULL) {
            continue;
        }
        const uint32_t n = len < e->len ? len : e->len;
        uint8_t *rest = e->host + n;
        len -= n;
        if (n > 0) {
            tell_and_forget(e->host, n, q);
        }
        if (n < e->len && memcmp(rest, call.before + (rest - plug_state.host), e->len - n) != 0) {
            tell_and_forget(rest, e->len - n, q);
        }
    }
}

// The entry of index idx: the box took the buffer, filled it, and gave it back.
static void used_entry(uint32_t q, uint16_t idx)
{
    const struct virtq_span *used = ring_of(q, PLUG_USED);
    const uint32_t mask = notes_of(q)->size - 1;
    const uint32_t slot = virtq_used_slot_off(idx & mask);
    const uint32_t id = (uint32_t)now(used, slot, 4);

    while (id <= mask && !call.taken[q][id] && take_next(q, RETURNED)) { // bound: the queue
    }
    tell_claimed(q, id, (uint32_t)now(used, slot + 4, 4));
    tell(VL_EV_STORE, used, slot, VIRTQ_USED_ELEM_BYTES, VL_FIELD_USED_RING);
    tell_value(VL_EV_STORE, used, VIRTQ_RING_IDX, 2, (uint16_t)(idx + 1), VL_FIELD_USED_IDX);
    if (id <= mask) {
        call.taken[q][id] = false;
        give_up_elems(q, id);
    }
}

// Used entries that were stored to without being covered. A hostile driver's buffer may lie there:
// then bytes are no entry.
static void stray_entries(uint32_t q, uint16_t from, uint16_t n_new)
{
    const struct virtq_span *used = ring_of(q, PLUG_USED);
    const uint32_t mask = notes_of(q)->size - 1;

    for (uint32_t k = n_new; k <= mask && !plug_state.machine->config.hostile_driver; k++) {
        const uint32_t slot = virtq_used_slot_off((from + k) & mask);
        if (now(used, slot, 8) != then(used, slot, 8)) {
            tell(VL_EV_STORE, used, slot, VIRTQ_USED_ELEM_BYTES, VL_FIELD_USED_RING);
        }
    }
}

static void told_word(const struct virtq_span *span, uint32_t off, unsigned field)
{
    if (now(span, off, 2) != then(span, off, 2)) {
        tell(VL_EV_STORE, span, off, 2, field);
    }
}

static void end_of_queue(uint32_t q)
{
    const struct virtq_span *avail = ring_of(q, PLUG_AVAIL);
    const struct virtq_span *used = ring_of(q, PLUG_USED);
    const uint16_t from = (uint16_t)then(used, VIRTQ_RING_IDX, 2);
    const uint16_t n_new = (uint16_t)(now(used, VIRTQ_RING_IDX, 2) - from);
    const uint32_t size = notes_of(q)->size;

    told_word(used, VIRTQ_RING_FLAGS, VL_FIELD_USED_FLAGS);
    told_word(used, virtq_avail_event_off(size), VL_FIELD_AVAIL_EVENT);
    if (n_new > size) { // whatever the entries say
        tell(VL_EV_STORE, used, VIRTQ_RING_IDX, 2, VL_FIELD_USED_IDX);
    }
    for (uint16_t i = 0; n_new <= size && i < n_new; i++) { // bound: the queue
        used_entry(q, (uint16_t)(from + i));
    }
    take_for_changes(q);
    tell_changes(q);
    stray_entries(q, from, n_new);
    if (n_new == 0) {
        return;
    }
    // The look at what the driver wants comes last: the interrupt follows, or it does not.
    if ((plug_state.side[VL_SIDE_DEVICE].features[q] & VIRTQ_F_EVENT_IDX) != 0) {
        tell(VL_EV_LOAD, avail, virtq_used_event_off(size), 2, VL_FIELD_USED_EVENT);
    } else {
        tell(VL_EV_LOAD, avail, VIRTQ_RING_FLAGS, 2, VL_FIELD_AVAIL_FLAGS);
    }
}

void plug_call_end(struct virtq_port *port)
{
    const struct plug_side *s = &plug_state.side[port->side];

    for (uint32_t q = 0; q < VL_QUEUES; q++) {
        if (s->open[q]) {
            end_of_queue(q);
        }
    }
}

void plug_call_refused(struct virtq_port *port, uint16_t queue_index, enum virtq_err err)
{
    const uint32_t q = queue_index % VL_QUEUES;

    if (plug_state.side[port->side].open[q] && !plug_state.side[port->side].accepted) {
        const uint16_t idx = (uint16_t)now(ring_of(q, PLUG_AVAIL), VIRTQ_RING_IDX, 2);
        if ((uint16_t)(idx - notes_of(q)->taken) <= notes_of(q)->size) { // else it is the index
            (void)take_next(q, REFUSED);
        }
    }
    plug_peer_error(port, queue_index, err, 0);
}
