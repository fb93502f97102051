// tools/plug/plug_access.c -- accesses of ring code from elsewhere, as port calls.
// SPDX-License-Identifier: BSD-2-Clause
#include "ring/virtq_bytes.h"
#include "tools/plug/plug_internal.h"

#include <inttypes.h>
#include <string.h>

#define PIECE_BYTES 256u // of a copy from guest memory to guest memory

static struct virtq_port *port_now(void)
{
    return &plug_state.machine->port[plug_acting()];
}

// ---- what an access says ------------------------------------------------------------------------

// A chain led to a table, and the device may look into it until it gives the chain back.
static void remember_table(struct plug_side *s, const struct vl_event *ev)
{
    const struct vl_desc desc = vl_desc_of(ev->value, ev->aux);
    const struct vl_notes_queue *q = &s->notes.queue[ev->queue % VL_QUEUES];

    if ((desc.flags & VIRTQ_DESC_F_INDIRECT) != 0 && q->live && q->table != q->desc) {
        const uint32_t i = s->next_table++ % PLUG_TABLES;
        s->table[i].gpa = q->table;
        s->table[i].bytes = desc.len;
        s->table[i].head = (uint16_t)q->head;
        s->table[i].queue = ev->queue;
    }
}

// A hostile driver may lay a buffer or a table over the rings. Whether an access there was meant
// for the one or the other cannot be told from its address, so the run ends, with what was found so
// far.
static void refuse_overlap(const struct plug_side *s, const struct vl_event *ev)
{
    struct vl_machine *m = plug_state.machine;
    const struct vl_desc desc = vl_desc_of(ev->value, ev->aux);
    const uint64_t gpa = desc.addr - m->memory.bus_offset;

    for (uint32_t q = 0; q < VL_QUEUES && m->config.hostile_driver; q++) {
        for (unsigned part = 0; part < PLUG_PARTS && s->open[q]; part++) {
            const struct virtq_span *ring = &s->ring[q][part];
            const bool begins_in = gpa - ring->gpa < ring->bytes && desc.len > 0;
            if (begins_in || ring->gpa - gpa < desc.len) {
                vl_machine_stop(m);
            }
        }
    }
}

static void forget_table(struct plug_side *s, const struct vl_event *ev)
{
    for (uint32_t i = 0; i < PLUG_TABLES; i++) {
        if (s->table[i].bytes > 0 && s->table[i].queue == ev->queue &&
            s->table[i].head == (uint16_t)ev->value) {
            s->table[i].bytes = 0;
        }
    }
}

void plug_accept(bool chain)
{
    struct plug_side *s = &plug_state.side[plug_acting()];

    if (s->accepted && !chain) {
        s->accepted = false;
        s->note.agent = plug_state.machine->cur->agent;
        vl_emit(plug_state.machine, &s->note, NULL, NULL);
    }
}

void plug_tell(enum vl_event_kind kind, const struct plug_where *w, uint32_t off, uint32_t bytes,
               uint64_t value, uint64_t aux)
{
    struct vl_machine *m = plug_state.machine;
    struct plug_side *s = &plug_state.side[plug_acting()];
    const struct vl_event ev = {.addr = w->span.gpa + off,
                                .value = value,
                                .aux = aux,
                                .len = bytes,
                                .kind = (uint8_t)kind,
                                .agent = m->cur->agent,
                                .queue = (uint8_t)w->span.queue_index};
    struct vl_event note;

    if (vl_notes_derive(&s->notes, &ev, &note)) {
        if (note.barrier != VIRTQ_NOTE_SUBMIT) {
            s->accepted = true; // or refused: what comes next tells
            s->note = note;
        } else {
            vl_emit(m, &note, NULL, NULL);
        }
    }
    if (kind == VL_EV_LOAD && bytes == VIRTQ_DESC_BYTES) {
        refuse_overlap(s, &ev);
        remember_table(s, &ev);
    } else if (kind == VL_EV_STORE && bytes == VIRTQ_USED_ELEM_BYTES &&
               w->span.area == VIRTQ_AREA_USED) {
        forget_table(s, &ev);
    }
}

// ---- descriptors and used entries in parts ------------------------------------------------------

// The whole of a descriptor as one event, behind those of its parts, since it says what a device
// may touch. A used entry is judged by its parts already. What was not touched is as it is in
// memory.
static void tell_unit(struct plug_unit *u)
{
    struct vl_machine *m = plug_state.machine;
    const uint8_t *now = u->span.host + u->off;
    const bool desc = u->bytes == VIRTQ_DESC_BYTES;
    const bool indirect = u->span.area == VIRTQ_AREA_INDIRECT;
    const struct plug_where w = {.span = u->span, .off = u->off, .ring = true};

    for (uint32_t i = 0; i < u->bytes; i++) { // bound: PLUG_UNIT_BYTES
        u->data[i] = (u->touched >> i & 1u) != 0 ? u->data[i] : now[i];
    }
    u->open = false;
    u->told = u->span.gpa + u->off;
    const struct vl_event ev = {.addr = u->told,
                                .value = virtq_get_le(u->data, 8),
                                .aux = desc ? virtq_get_le(u->data + 8, 8) : 0,
                                .reads_from = u->reads_from,
                                .len = u->bytes,
                                .kind = u->store ? VL_EV_STORE : VL_EV_LOAD,
                                .agent = m->cur->agent,
                                .queue = (uint8_t)u->span.queue_index,
                                .field = indirect ? VL_FIELD_INDIRECT : VL_FIELD_DESC};
    if (desc) {
        vl_emit(m, &ev, u->site, NULL);
    }
    plug_tell((enum vl_event_kind)ev.kind, &w, u->off, u->bytes, ev.value, ev.aux);
}

bool plug_unit_leave(const struct plug_where *w, bool store)
{
    struct plug_unit *u = &plug_state.unit[plug_state.machine->cur->agent];
    const bool left = u->open && (w == NULL || w->unit == 0 || u->store != store ||
                                  w->span.gpa + w->unit_off != u->span.gpa + u->off);

    if (left) {
        tell_unit(u);
    }
    if (w != NULL && w->ring && w->unit == 0) {
        u->told = VL_NOWHERE; // another round of the ring: the same entry may come again
    }
    return left;
}

// The newest store seen so far, with what the event that was just made saw.
static uint32_t newest_of(uint32_t reads_from, uint32_t bytes)
{
    const struct vl_machine *m = plug_state.machine;
    const uint64_t slot = (m->seq - 1) & (VL_LOG_EVENTS - 1) & ~(uint64_t)m->log->short_bits;
    const struct vl_event *ev = &m->log->events[slot];

    return ev->kind == VL_EV_LOAD && ev->len == bytes && ev->reads_from > reads_from
               ? ev->reads_from
               : reads_from;
}

void plug_unit_touch(const struct plug_where *w, uint32_t bytes, const uint8_t *data, bool store,
                     struct virtq_site *site)
{
    struct plug_unit *u = &plug_state.unit[plug_state.machine->cur->agent];
    const uint32_t at = w->off - w->unit_off;

    if (!u->open) {
        const struct vl_notes *notes = &plug_state.side[plug_acting()].notes;
        const uint64_t gpa = w->span.gpa + w->unit_off;
        if (gpa == u->told && gpa != notes->queue[w->span.queue_index].expect) {
            return; // looked at again; a chain that leads back here comes anew
        }
        u->open = true;
        u->store = store;
        u->touched = 0;
        u->bytes = w->unit;
        u->off = w->unit_off;
        u->span = w->span;
        u->site = site;
        u->reads_from = 0;
    }
    u->reads_from = newest_of(u->reads_from, bytes);
    for (uint32_t i = 0; i < bytes; i++) { // bound: PLUG_UNIT_BYTES
        if (store || (u->touched >> (at + i) & 1u) == 0) {
            u->data[at + i] = data[i]; // what was fetched first is what a side was told
        }
    }
    u->touched |= (uint16_t)(((1u << bytes) - 1) << at);
    if (u->touched == (1u << u->bytes) - 1) {
        tell_unit(u);
    }
}

// ---- words ------------------------------------------------------------------------------------

static uint64_t private_load(const volatile void *p, unsigned bytes)
{
    switch (bytes) {
    case 1: return *(const volatile uint8_t *)p;
    case 2: return *(const volatile uint16_t *)p;
    case 4: return *(const volatile uint32_t *)p;
    default: return *(const volatile uint64_t *)p;
    }
}

static void private_store(volatile void *p, unsigned bytes, uint64_t value)
{
    switch (bytes) {
    case 1: *(volatile uint8_t *)p = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)p = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)p = (uint32_t)value; break;
    default: *(volatile uint64_t *)p = value; break;
    }
}

void plug_beyond(const volatile void *p, size_t bytes, bool store)
{
    const bool driver = plug_acting() == VL_SIDE_DRIVER;
    const uint32_t off = (uint32_t)((const volatile uint8_t *)p - plug_state.host);
    const size_t room = plug_state.bytes - off;

    if (bytes > room) {
        vl_finding(plug_state.machine,
                   store ? "ownership:beyond-memory-write" : "ownership:beyond-memory-read",
                   driver ? "driver" : "device",
                   "the %s %s %zu bytes at gpa 0x%" PRIx64 ", and guest memory ends after %zu",
                   driver ? "driver" : "device", store ? "writes" : "reads", bytes,
                   vl_memory_gpa(&plug_state.machine->memory, off), room);
    }
}

// Look an access up, and leave what it is no part of.
static void find(const volatile void *p, unsigned bytes, bool store, struct plug_where *w)
{
    (void)plug_find(p, bytes, store, w);
    if (plug_unit_leave(w, store)) {
        (void)plug_find(p, bytes, store, w);
    }
    plug_accept(!store && w->ring && w->unit == VIRTQ_DESC_BYTES);
}

uint64_t plug_load_now(const volatile void *p, unsigned bytes, enum virtq_order order,
                       struct virtq_site *site)
{
    struct plug_where w;
    uint8_t data[8] = {0};

    find(p, bytes, false, &w);
    if (!w.ring) {
        const uint32_t n = bytes < w.span.bytes ? bytes : w.span.bytes;
        vl_port_copy_in(port_now(), data, &w.span, 0, n, site);
        plug_beyond(p, bytes, false);
        return private_load(data, bytes);
    }
    const uint64_t v =
        vl_port_load(port_now(), &w.span, w.off, bytes, order, VIRTQ_BARRIER_NONE, site);
    if (w.unit == 0 || w.unit == bytes) {
        plug_tell(VL_EV_LOAD, &w, w.off, bytes, v, 0);
    } else {
        virtq_put_le(data, bytes, v);
        plug_unit_touch(&w, bytes, data, false, site);
    }
    return v;
}

void plug_store_now(volatile void *p, unsigned bytes, uint64_t value, enum virtq_order order,
                    struct virtq_site *site)
{
    struct plug_where w;
    uint8_t data[8] = {0};

    find(p, bytes, true, &w);
    if (!w.ring) {
        private_store(data, bytes, value);
        const uint32_t n = bytes < w.span.bytes ? bytes : w.span.bytes;
        vl_port_copy_out(port_now(), &w.span, 0, data, n, site);
        plug_beyond(p, bytes, true);
        return;
    }
    vl_port_store(port_now(), &w.span, w.off, bytes, value, order, VIRTQ_BARRIER_NONE, site);
    if (w.unit == 0 || w.unit == bytes) {
        plug_tell(VL_EV_STORE, &w, w.off, bytes, value, 0);
    } else {
        virtq_put_le(data, bytes, value);
        plug_unit_touch(&w, bytes, data, true, site);
    }
}

uint64_t plug_load(const volatile void *p, unsigned bytes, enum virtq_order order,
                   struct virtq_site *site)
{
    if (!plug_is_guest(p)) {
        return private_load(p, bytes);
    }
    plug_pending_settle();
    return plug_load_now(p, bytes, order, site);
}

void plug_store(volatile void *p, unsigned bytes, uint64_t value, enum virtq_order order,
                struct virtq_site *site)
{
    if (!plug_is_guest(p)) {
        private_store(p, bytes, value);
        return;
    }
    plug_pending_settle();
    plug_store_now(p, bytes, value, order, site);
}

void plug_fence(enum virtq_order order, struct virtq_site *site)
{
    if (plug_state.machine != NULL && order != VIRTQ_PLAIN && order != VIRTQ_RELAXED) {
        plug_settle();
        vl_port_fence(port_now(), order, VIRTQ_BARRIER_NONE, site);
    }
}

// ---- many bytes ---------------------------------------------------------------------------------

// A descriptor in one go.
static void load_desc(const struct plug_where *w, uint8_t *dst, struct virtq_site *site)
{
    const struct virtq_desc d = vl_port_load_desc(port_now(), &w->span, w->off, site);
    const uint64_t high = (uint64_t)d.len | (uint64_t)d.flags << 32 | (uint64_t)d.next << 48;

    virtq_put_le(dst, 8, d.addr);
    virtq_put_le(dst + 8, 8, high);
    plug_state.unit[plug_state.machine->cur->agent].told = w->span.gpa + w->off;
    plug_tell(VL_EV_LOAD, w, w->off, VIRTQ_DESC_BYTES, d.addr, high);
}

// How many bytes of a ring can be moved as one word from here on: not across a unit.
static unsigned word_bytes(const struct plug_where *w, size_t left)
{
    unsigned n = 8;
    while (n > left || w->off % n != 0 ||
           (w->unit != 0 && w->off + n > w->unit_off + w->unit)) { // bound: 3
        n /= 2;
    }
    return n;
}

// The first bytes of a copy from guest memory. Returns how many.
static size_t copy_in_piece(uint8_t *dst, const uint8_t *src, size_t left, struct virtq_site *site)
{
    struct plug_where w;

    find(src, 1, false, &w);
    if (!w.ring) {
        const uint32_t n = left < w.span.bytes ? (uint32_t)left : w.span.bytes;
        vl_port_copy_in(port_now(), dst, &w.span, 0, n, site);
        plug_beyond(src, left, false);
        return n;
    }
    if (w.unit == VIRTQ_DESC_BYTES && left >= w.unit && w.off == w.unit_off) {
        load_desc(&w, dst, site);
        return w.unit;
    }
    const unsigned n = word_bytes(&w, left);
    virtq_put_le(dst, n, plug_load_now(src, n, VIRTQ_PLAIN, site));
    return n;
}

static size_t copy_out_piece(uint8_t *dst, const uint8_t *src, size_t left, struct virtq_site *site)
{
    struct plug_where w;

    find(dst, 1, true, &w);
    if (!w.ring) {
        const uint32_t n = left < w.span.bytes ? (uint32_t)left : w.span.bytes;
        vl_port_copy_out(port_now(), &w.span, 0, src, n, site);
        plug_beyond(dst, left, true);
        return n;
    }
    const unsigned n = word_bytes(&w, left);
    plug_store_now(dst, n, virtq_get_le(src, n), VIRTQ_PLAIN, site);
    return n;
}

void plug_copy_now(uint8_t *dst, const uint8_t *src, size_t bytes, bool to, struct virtq_site *site)
{
    for (size_t done = 0; done < bytes;) { // bound: bytes
        done += to ? copy_out_piece(dst + done, src + done, bytes - done, site)
                   : copy_in_piece(dst + done, src + done, bytes - done, site);
    }
}

// An end is private or guest memory as a whole: a copy that leaves guest memory is a finding.
void plug_copy(void *dst, const void *src, size_t bytes, struct virtq_site *site)
{
    const bool to = plug_is_guest(dst);
    const bool from = plug_is_guest(src);
    uint8_t piece[PIECE_BYTES];

    if (!to && !from) {
        memmove(dst, src, bytes);
        return;
    }
    plug_pending_settle();
    if (to != from) {
        plug_copy_now(dst, src, bytes, to, site);
        return;
    }
    for (size_t done = 0; done < bytes;) { // bound: bytes
        const size_t n = bytes - done < sizeof(piece) ? bytes - done : sizeof(piece);
        plug_copy_now(piece, (const uint8_t *)src + done, n, false, site);
        plug_copy_now((uint8_t *)dst + done, piece, n, true, site);
        done += n;
    }
}

void plug_fill(void *dst, uint8_t byte, size_t bytes, struct virtq_site *site)
{
    uint8_t piece[PIECE_BYTES];

    if (!plug_is_guest(dst)) {
        memset(dst, byte, bytes);
        return;
    }
    plug_pending_settle();
    memset(piece, byte, sizeof(piece));
    for (size_t done = 0; done < bytes;) { // bound: bytes
        const size_t n = bytes - done < sizeof(piece) ? bytes - done : sizeof(piece);
        plug_copy_now((uint8_t *)dst + done, piece, n, true, site);
        done += n;
    }
}

void plug_settle(void)
{
    if (plug_state.machine != NULL) {
        plug_pending_settle();
        (void)plug_unit_leave(NULL, false);
    }
}
