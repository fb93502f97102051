// tools/plug/plug.c -- a run, its memory and its queues as ring code from elsewhere has them.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/plug/plug_internal.h"

#include <string.h>

struct plug plug_state;

// Tokens of the buffers that a side submitted, per head.
static uint64_t tokens[VL_SIDE_COUNT][VL_QUEUES][VIRTQ_QUEUE_SIZE_MAX];

static const uint8_t side_of_agent[VL_AGENT_COUNT] = {
    [VL_AGENT_DRIVER] = VL_SIDE_DRIVER,  [VL_AGENT_HANDLER] = VL_SIDE_DRIVER,
    [VL_AGENT_DEVICE] = VL_SIDE_DEVICE,  [VL_AGENT_TRAP] = VL_SIDE_DEVICE,
    [VL_AGENT_PLATFORM] = VL_SIDE_COUNT, [VL_AGENT_ADVERSARY] = VL_SIDE_COUNT};

enum vl_side plug_acting(void)
{
    return (enum vl_side)side_of_agent[plug_state.machine->cur->agent];
}

void plug_start(struct virtq_port *port)
{
    struct plug *g = &plug_state;
    struct plug_side *s = &g->side[port->side];

    g->machine = port->machine;
    g->host = port->machine->memory.host;
    g->bytes = port->machine->memory.bytes;
    memset(s->open, 0, sizeof(s->open));
    memset(s->table, 0, sizeof(s->table));
    s->n_tables = 0;
    s->next_table = 0;
    s->accepted = false;
    s->notes.size_max = VIRTQ_QUEUE_SIZE_MAX;
    s->notes.n_tokens = 0;
    s->notes.bus_offset = 0; // known when a queue is opened
    for (uint32_t q = 0; q < VL_QUEUES; q++) {
        s->notes.queue[q] = (struct vl_notes_queue){.token = tokens[port->side][q]};
    }
    for (unsigned agent = 0; agent < VL_AGENT_COUNT; agent++) {
        if (side_of_agent[agent] == (uint8_t)port->side) {
            g->unit[agent] = (struct plug_unit){.told = VL_NOWHERE};
            g->pending[agent] = (struct plug_pending){.store = false};
        }
    }
}

void plug_end(void)
{
    plug_state.machine = NULL;
    plug_state.host = NULL;
    plug_state.bytes = 0;
}

// ---- memory -----------------------------------------------------------------------------------

uint32_t plug_regions(struct virtq_port *port, struct plug_region regions[PLUG_REGIONS])
{
    const struct vl_memory *mem = &port->machine->memory;
    uint32_t n = 0;

    for (uint32_t i = 0; i < VL_REGIONS; i++) {
        const struct vl_region *r = &mem->region[i];
        const uint64_t bus_addr = r->gpa + mem->bus_offset;
        uint8_t *host = mem->host + r->off;
        struct plug_region *last = n > 0 ? &regions[n - 1] : NULL;
        if (last != NULL && last->bus_addr + last->bytes == bus_addr &&
            last->host + last->bytes == host) {
            last->bytes += r->bytes;
        } else {
            regions[n++] =
                (struct plug_region){.bus_addr = bus_addr, .bytes = r->bytes, .host = host};
        }
    }
    return n;
}

// A range as one span, all of it memory.
static bool one_span(struct virtq_port *port, uint64_t bus_addr, uint32_t bytes,
                     struct virtq_span *span)
{
    const struct vl_memory *mem = &port->machine->memory;
    struct virtq_span spans[VL_REGIONS];
    uint32_t n = 0;

    if (bytes == 0 || vl_memory_resolve(mem, bus_addr, bytes, spans, VL_REGIONS, &n) != VIRTQ_OK) {
        return false;
    }
    for (uint32_t i = 1; i < n; i++) { // bound: VL_REGIONS; regions that touch lie side by side
        if (spans[i].host != spans[i - 1].host + spans[i - 1].bytes) {
            return false;
        }
    }
    *span = spans[0];
    span->bytes = bytes;
    return true;
}

void *plug_host(struct virtq_port *port, uint64_t bus_addr, uint32_t bytes)
{
    struct virtq_span span;
    return one_span(port, bus_addr, bytes, &span) ? span.host : NULL;
}

// ---- queues -----------------------------------------------------------------------------------

static bool ring_span(struct virtq_port *port, uint64_t bus_addr, uint32_t bytes,
                      enum virtq_area area, uint16_t queue_index, struct virtq_span *span)
{
    if (!one_span(port, bus_addr, bytes, span)) {
        return false;
    }
    span->queue_index = queue_index;
    span->area = (uint16_t)area;
    return true;
}

// The notes' own picture of the queue begins with what the queue's notes say.
static void note_queue(struct virtq_port *port, const struct plug_queue *queue)
{
    struct vl_notes *notes = &plug_state.side[port->side].notes;
    struct vl_event unused;
    struct vl_event ev = {.addr = queue->desc,
                          .value = queue->avail,
                          .aux = queue->used,
                          .len = queue->size,
                          .kind = VL_EV_NOTE,
                          .barrier = VIRTQ_NOTE_QUEUE_AREAS,
                          .queue = (uint8_t)queue->queue_index};

    notes->bus_offset = port->machine->memory.bus_offset;
    (void)vl_notes_derive(notes, &ev, &unused);
    ev.barrier = VIRTQ_NOTE_QUEUE_LIVE;
    ev.addr = queue->features;
    ev.value = queue->start_idx;
    (void)vl_notes_derive(notes, &ev, &unused);
}

bool plug_queue_open(struct virtq_port *port, const struct plug_queue *queue)
{
    struct plug_side *s = &plug_state.side[port->side];
    const uint16_t i = queue->queue_index;

    if (i >= VL_QUEUES || !virtq_queue_size_valid(queue->size) ||
        !ring_span(port, queue->desc, virtq_desc_table_bytes(queue->size), VIRTQ_AREA_DESC, i,
                   &s->ring[i][PLUG_DESC]) ||
        !ring_span(port, queue->avail, virtq_avail_bytes(queue->size), VIRTQ_AREA_AVAIL, i,
                   &s->ring[i][PLUG_AVAIL]) ||
        !ring_span(port, queue->used, virtq_used_bytes(queue->size), VIRTQ_AREA_USED, i,
                   &s->ring[i][PLUG_USED])) {
        return false;
    }
    s->open[i] = true;
    s->features[i] = queue->features;
    note_queue(port, queue);
    if (port->side == VL_SIDE_DRIVER) {
        virtq_note(port, VIRTQ_NOTE_QUEUE_AREAS, i, queue->desc, queue->avail, queue->used,
                   queue->size);
        virtq_note(port, VIRTQ_NOTE_QUEUE_LIVE, i, queue->features, queue->start_idx, 0, 0);
    } else {
        virtq_note(port, VIRTQ_NOTE_QUEUE_SERVED, i, queue->desc, queue->avail, queue->used,
                   queue->size);
    }
    return true;
}

void plug_queue_close(struct virtq_port *port, uint16_t queue_index)
{
    struct plug_side *s = &plug_state.side[port->side];
    const uint16_t i = queue_index % VL_QUEUES;

    plug_settle();
    plug_accept(false);
    const bool was_open = s->open[i];
    s->open[i] = false;
    s->notes.queue[i].live = false;
    if (port->side == VL_SIDE_DEVICE) { // also where it was reset before it knew of a queue
        virtq_note(port, VIRTQ_NOTE_CONTROL, i, VIRTQ_CONTROL_DEVICE_RESET, 0, 0, 0);
    } else if (was_open) {
        virtq_note(port, VIRTQ_NOTE_QUEUE_DOWN, i, 0, 0, 0, 0);
    }
}

void plug_peer_error(struct virtq_port *port, uint16_t queue_index, enum virtq_err err,
                     uint64_t value)
{
    plug_settle();
    plug_state.side[port->side].accepted = false;
    virtq_note(port, VIRTQ_NOTE_PEER_ERROR, queue_index, err, value, 0, 0);
}

bool plug_tables(struct virtq_port *port, const struct virtq_span *tables)
{
    struct plug_side *s = &plug_state.side[port->side];

    if (s->n_tables == PLUG_TABLE_SPANS) {
        return false;
    }
    s->tables[s->n_tables] = *tables;
    s->tables[s->n_tables++].area = VIRTQ_AREA_INDIRECT;
    return true;
}

// ---- whose an address is ------------------------------------------------------------------------

bool plug_is_guest(const volatile void *p)
{
    const struct plug *g = &plug_state;
    return (uintptr_t)p - (uintptr_t)g->host < g->bytes;
}

static bool within(const struct virtq_span *span, const uint8_t *p, size_t bytes)
{
    return p >= span->host && (size_t)(p - span->host) < span->bytes &&
           bytes <= span->bytes - (size_t)(p - span->host);
}

static void in_span(struct plug_where *w, const struct virtq_span *span, const uint8_t *p)
{
    w->span = *span;
    w->off = (uint32_t)(p - span->host);
    w->ring = true;
    w->unit = 0;
    w->unit_off = 0;
}

// Descriptors that a device loads, used entries that a driver loads or a device stores, are units.
static void find_unit(struct plug_where *w, bool store, enum vl_side side, size_t bytes)
{
    const bool desc = w->span.area == VIRTQ_AREA_DESC || w->span.area == VIRTQ_AREA_INDIRECT;
    uint32_t from = 0;

    if (desc && side == VL_SIDE_DEVICE && !store) {
        w->unit = VIRTQ_DESC_BYTES;
    } else if (w->span.area == VIRTQ_AREA_USED && store == (side == VL_SIDE_DEVICE) &&
               w->off >= VIRTQ_RING_HEADER_BYTES && w->off + 2 < w->span.bytes) {
        w->unit = VIRTQ_USED_ELEM_BYTES;
        from = VIRTQ_RING_HEADER_BYTES;
    } else {
        return;
    }
    w->unit_off = from + (w->off - from) / w->unit * w->unit;
    if (w->off + bytes > w->unit_off + w->unit) {
        w->unit = 0; // across two
    }
}

// An indirect table that the device was led to.
static bool in_device_table(struct plug_where *w, const struct plug_side *s, const uint8_t *p,
                            uint64_t gpa, size_t bytes)
{
    for (uint32_t i = 0; i < PLUG_TABLES; i++) {
        const uint64_t at = gpa - s->table[i].gpa;
        if (at < s->table[i].bytes && bytes <= s->table[i].bytes - at) {
            const struct virtq_span span = {.gpa = s->table[i].gpa,
                                            .host = plug_state.host +
                                                    ((size_t)(p - plug_state.host) - at),
                                            .bytes = s->table[i].bytes,
                                            .queue_index = s->table[i].queue,
                                            .area = VIRTQ_AREA_INDIRECT};
            in_span(w, &span, p);
            return true;
        }
    }
    return false;
}

bool plug_find(const volatile void *where, size_t bytes, bool store, struct plug_where *w)
{
    const struct plug *g = &plug_state;
    const uint8_t *p = (const uint8_t *)(uintptr_t)where;

    if (!plug_is_guest(p)) {
        return false;
    }
    const enum vl_side side = plug_acting();
    const struct plug_side *s = &g->side[side];
    for (uint32_t q = 0; q < VL_QUEUES; q++) {
        for (unsigned part = 0; part < PLUG_PARTS && s->open[q]; part++) {
            // What a device stores in the driver's areas is no word of a ring, but bytes of a
            // buffer.
            const bool own = side == VL_SIDE_DRIVER || part == PLUG_USED || !store;
            if (own && within(&s->ring[q][part], p, bytes)) {
                in_span(w, &s->ring[q][part], p);
                find_unit(w, store, side, bytes);
                return true;
            }
        }
    }
    const uint32_t off = (uint32_t)(p - g->host);
    const uint64_t gpa = vl_memory_gpa(&g->machine->memory, off);
    for (uint32_t i = 0; i < s->n_tables; i++) { // bound: PLUG_TABLE_SPANS
        if (within(&s->tables[i], p, bytes)) {
            in_span(w, &s->tables[i], p);
            return true;
        }
    }
    if (side == VL_SIDE_DEVICE && !store && in_device_table(w, s, p, gpa, bytes)) {
        find_unit(w, store, side, bytes);
        return true;
    }
    *w = (struct plug_where){.span = {.gpa = gpa,
                                      .host = g->host + off,
                                      .bytes = (uint32_t)(g->bytes - off),
                                      .area = VIRTQ_AREA_BUFFER}};
    return true;
}
