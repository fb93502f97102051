// tests/spec/odd_driver.h -- a driver of block requests that frames them in every lawful way.
// It shares no code with driver/: descriptors, tables and entries are written as a row says.
// One buffer after the other, or all published at once; it polls.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef ODD_DRIVER_H
#define ODD_DRIVER_H

#include "model/core/vl_machine.h"
#include "tools/lab/lab_fault.h"
#include "tools/lab/lab_player.h"

#include <string.h>

#define ODD_ELEMS 20u
#define ODD_TABLE 32u // entries that there is room for
#define ODD_BUFFERS 4u
#define ODD_DATA_BYTES 1024u
#define BLK_IN 0u
#define BLK_OUT 1u
#define BLK_FLUSH 4u
#define BLK_GET_ID 8u

// Where an element's bytes lie.
enum odd_where {
    HEADER,  // off bytes into this buffer's header, 16 bytes
    DATA,    // off bytes into this buffer's data
    STATUS,  // this buffer's status byte
    TOP,     // so that it ends where memory ends
    BOTTOM,  // where the last region begins
    BORDER,  // half of it on either side of the border of two regions that touch
    NOWHERE, // at an address that is no memory: lawful only without bytes
};

struct odd_elem {
    uint8_t where;
    bool writable;
    uint16_t off;
    uint16_t len;
};

struct odd_buffer {
    uint32_t type;
    uint64_t sector;
    uint8_t n;                       // elements
    uint8_t n_table;                 // how many of them, the last ones, are in an indirect table
    uint8_t unused;                  // entries more that the table has, behind those in use
    bool backwards;                  // descriptors (or table entries) in falling order
    uint16_t table_flags;            // flags more of the descriptor that names the table
    uint16_t stray_next;             // next field of the last element, which has no NEXT
    struct odd_elem elem[ODD_ELEMS]; // in the order of the chain
};

struct odd_row {
    const char *what;
    const char *clause;
    const char *scenario; // words beside driver=odd transport=direct device=blk
    uint8_t n;            // buffers
    bool together;        // published by one store of the index
    struct odd_buffer buffer[ODD_BUFFERS];
};

struct odd {
    struct virtq_port *port;
    struct lab_half_config config;
    bool started;
    uint16_t size;
    uint16_t start;
    uint16_t avail_idx;
    uint16_t used_idx;
    uint16_t next_desc; // first descriptor of the next buffer
    uint64_t features;
    struct virtq_dma desc;
    struct virtq_dma avail;
    struct virtq_dma used;
    struct virtq_dma table[ODD_BUFFERS];
    struct virtq_dma header[ODD_BUFFERS]; // 16 bytes header, status at 16
    struct virtq_dma data[ODD_BUFFERS];
};

static const struct odd_row *odd_row; // what the next run does
static uint32_t odd_n_returned;       // buffers that came back in it
static uint32_t odd_len[ODD_BUFFERS]; // with these used lengths
static uint8_t odd_status[ODD_BUFFERS];

static size_t odd_state_bytes(const struct lab_half_config *config)
{
    (void)config;
    return sizeof(struct odd);
}

static enum virtq_err odd_create(void *state, const struct lab_half_config *config,
                                 struct virtq_port *port)
{
    struct odd *o = state;
    o->port = port;
    o->config = *config;
    return VIRTQ_OK;
}

static void odd_alloc(struct odd *o, uint32_t bytes, enum virtq_area area, struct virtq_dma *out)
{
    const enum virtq_err err = virtq_mem_alloc(o->port, bytes, 16, area, 0, out);
    VIRTQ_ASSERT(err == VIRTQ_OK);
}

static bool odd_start(struct odd *o)
{
    const struct lab_link *link = o->config.link;

    o->features = link->offered(link->ctx);
    o->size = (uint16_t)link->queue_size_max(link->ctx);
    o->start = (uint16_t)o->config.scenario->start_idx;
    o->avail_idx = o->used_idx = o->start;
    odd_alloc(o, virtq_desc_table_bytes(o->size), VIRTQ_AREA_DESC, &o->desc);
    odd_alloc(o, virtq_avail_bytes(o->size), VIRTQ_AREA_AVAIL, &o->avail);
    odd_alloc(o, virtq_used_bytes(o->size), VIRTQ_AREA_USED, &o->used);
    for (unsigned i = 0; i < ODD_BUFFERS; i++) {
        odd_alloc(o, ODD_TABLE * VIRTQ_DESC_BYTES, VIRTQ_AREA_INDIRECT, &o->table[i]);
        odd_alloc(o, 32, VIRTQ_AREA_BUFFER, &o->header[i]);
        odd_alloc(o, ODD_DATA_BYTES, VIRTQ_AREA_BUFFER, &o->data[i]);
    }
    if (o->start != 0) {
        virtq_store16(o->port, &o->avail.span, VIRTQ_RING_IDX, o->start, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
        virtq_store16(o->port, &o->used.span, VIRTQ_RING_IDX, o->start, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
    }
    virtq_note(o->port, VIRTQ_NOTE_QUEUE_AREAS, 0, o->desc.bus_addr, o->avail.bus_addr,
               o->used.bus_addr, o->size);
    virtq_note(o->port, VIRTQ_NOTE_QUEUE_LIVE, 0, o->features, o->start, 0, 0);
    return link->start(link->ctx, o->features, o->size, o->desc.bus_addr, o->avail.bus_addr,
                       o->used.bus_addr);
}

static uint64_t odd_addr(const struct odd *o, unsigned i, const struct odd_elem *e)
{
    const struct vl_region *region = o->port->machine->memory.region;
    const struct vl_region *last = &region[VL_REGIONS - 1];

    switch ((enum odd_where)e->where) {
    case HEADER: return o->header[i].bus_addr + e->off;
    case DATA: return o->data[i].bus_addr + e->off;
    case STATUS: return o->header[i].bus_addr + 16;
    case TOP: return last->gpa + last->bytes - e->len;
    case BOTTOM: return last->gpa;
    case BORDER: return region[1].gpa - e->len / 2;
    default: return 0x10;
    }
}

// Descriptor k of n of a run of descriptors; next_index names the one behind it.
static void odd_desc(struct odd *o, const struct virtq_span *span, uint32_t at, unsigned i,
                     const struct odd_buffer *b, unsigned k, bool more, uint32_t next_index)
{
    const struct odd_elem *e = &b->elem[k];
    const struct virtq_desc desc = {.addr = odd_addr(o, i, e),
                                    .len = e->len,
                                    .flags = (uint16_t)((e->writable ? VIRTQ_DESC_F_WRITE : 0) |
                                                        (more ? VIRTQ_DESC_F_NEXT : 0)),
                                    .next = more ? (uint16_t)next_index : b->stray_next};
    virtq_store_desc(o->port, span, at * VIRTQ_DESC_BYTES, desc);
}

static uint32_t odd_place(const struct odd_buffer *b, uint32_t first, uint32_t n, uint32_t k)
{
    return first + (b->backwards ? n - 1 - k : k);
}

// The table of a buffer: entry 0 is where the device begins, whatever the order behind it.
static void odd_fill_table(struct odd *o, unsigned i, const struct odd_buffer *b)
{
    const unsigned direct = b->n - b->n_table;
    for (unsigned k = 0; k < b->n_table; k++) {
        const uint32_t at = k == 0 ? 0 : odd_place(b, 1, b->n_table - 1u, k - 1);
        const bool more = k + 1 < b->n_table;
        const uint32_t next = more ? odd_place(b, 1, b->n_table - 1u, k) : 0;
        odd_desc(o, &o->table[i].span, at, i, b, direct + k, more, next);
    }
}

static void odd_header(struct odd *o, unsigned i, const struct odd_buffer *b)
{
    uint8_t bytes[17] = {(uint8_t)b->type};
    for (unsigned k = 0; k < 8; k++) {
        bytes[8 + k] = (uint8_t)(b->sector >> (8 * k));
    }
    bytes[16] = 0xEE;
    virtq_copy_out(o->port, &o->header[i].span, 0, bytes, sizeof(bytes));
}

static uint32_t odd_writable(const struct odd_buffer *b)
{
    uint32_t n = 0;
    for (unsigned k = 0; k < b->n; k++) {
        n += b->elem[k].writable ? b->elem[k].len : 0;
    }
    return n;
}

// Write one buffer's descriptors and its entry; the index is not stored yet.
static void odd_offer(struct odd *o, unsigned i, const struct odd_buffer *b)
{
    const unsigned direct = b->n - b->n_table;
    const unsigned n = direct + (b->n_table > 0 ? 1 : 0);
    const uint32_t first = o->next_desc;
    const uint32_t head = odd_place(b, first, n, 0);

    odd_header(o, i, b);
    for (unsigned k = 0; k < direct; k++) {
        odd_desc(o, &o->desc.span, odd_place(b, first, n, k), i, b, k, k + 1 < n,
                 k + 1 < n ? odd_place(b, first, n, k + 1) : 0);
    }
    if (b->n_table > 0) {
        const struct virtq_desc desc = {.addr = o->table[i].bus_addr,
                                        .len = (b->n_table + b->unused) * VIRTQ_DESC_BYTES,
                                        .flags =
                                            (uint16_t)(VIRTQ_DESC_F_INDIRECT | b->table_flags)};
        odd_fill_table(o, i, b);
        virtq_store_desc(o->port, &o->desc.span, odd_place(b, first, n, n - 1) * VIRTQ_DESC_BYTES,
                         desc);
    }
    o->next_desc = (uint16_t)(o->next_desc + n);
    const uint16_t slot = (uint16_t)((o->avail_idx + i) & (o->size - 1u));
    virtq_store16(o->port, &o->avail.span, virtq_avail_slot_off(slot), (uint16_t)head,
                  VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    virtq_note(o->port, VIRTQ_NOTE_SUBMIT, 0, i + 1, head, b->n, odd_writable(b));
}

static void odd_publish(struct odd *o, uint16_t n)
{
    const struct virtq_doorbell bell = {.queue_index = 0};

    o->avail_idx = (uint16_t)(o->avail_idx + n);
    virtq_store16(o->port, &o->avail.span, VIRTQ_RING_IDX, o->avail_idx, VIRTQ_RELEASE,
                  VIRTQ_BARRIER_AVAIL_PUBLISH);
    virtq_fence(o->port, VIRTQ_SEQ_CST, VIRTQ_BARRIER_KICK_CHECK);
    bool kick = false;
    if ((o->features & VIRTQ_F_EVENT_IDX) != 0) {
        const uint16_t event = virtq_load16(o->port, &o->used.span, virtq_avail_event_off(o->size),
                                            VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
        kick = (uint16_t)(o->avail_idx - event - 1) < n;
    } else {
        const uint16_t flags = virtq_load16(o->port, &o->used.span, VIRTQ_RING_FLAGS, VIRTQ_RELAXED,
                                            VIRTQ_BARRIER_NONE);
        kick = (flags & VIRTQ_USED_F_NO_NOTIFY) == 0;
    }
    if (kick) {
        virtq_doorbell(o->port, &bell);
    }
}

// Wait until all that was published came back.
static void odd_collect(struct odd *o, const struct odd_row *row, const uint16_t *heads)
{
    while (o->used_idx != o->avail_idx) { // bound: the device, or the machine's budget
        const uint16_t idx = virtq_await16(o->port, &o->used.span, VIRTQ_RING_IDX, o->used_idx,
                                           VIRTQ_ACQUIRE, VIRTQ_BARRIER_USED_CONSUME);
        while (o->used_idx != idx) { // bound: idx
            const struct virtq_used_elem elem = virtq_load_used_elem(
                o->port, &o->used.span, virtq_used_slot_off(o->used_idx & (o->size - 1u)));
            for (unsigned i = 0; i < row->n; i++) {
                if (heads[i] == elem.id) {
                    odd_len[i] = elem.len;
                    virtq_note(o->port, VIRTQ_NOTE_COMPLETE, 0, i + 1, elem.id, 0, elem.len);
                    virtq_copy_in(o->port, &odd_status[i], &o->header[i].span, 16, 1);
                    odd_n_returned++;
                }
            }
            o->used_idx++;
        }
    }
}

static bool odd_step(void *state)
{
    struct odd *o = state;
    const struct lab_link *link = o->config.link;
    uint16_t heads[ODD_BUFFERS];

    if (!o->started) {
        o->started = odd_start(o);
        return o->started;
    }
    memset(heads, 0xFF, sizeof(heads)); // no head
    for (unsigned i = 0; i < odd_row->n; i++) {
        const struct odd_buffer *b = &odd_row->buffer[i];
        const unsigned n = b->n - b->n_table + (b->n_table > 0 ? 1u : 0);
        heads[i] = (uint16_t)odd_place(b, o->next_desc, n, 0);
        if (odd_row->together) {
            odd_offer(o, i, b);
            continue;
        }
        o->avail_idx = (uint16_t)(o->avail_idx - i); // slot i is this buffer's
        odd_offer(o, i, b);
        o->avail_idx = (uint16_t)(o->avail_idx + i);
        odd_publish(o, 1);
        odd_collect(o, odd_row, heads);
    }
    if (odd_row->together) {
        odd_publish(o, odd_row->n);
        odd_collect(o, odd_row, heads);
    }
    link->reset(link->ctx);
    while (!link->reset_done(link->ctx)) { // bound: the device, or the machine's budget
        virtq_relax(o->port);
    }
    virtq_note(o->port, VIRTQ_NOTE_QUEUE_DOWN, 0, 0, 0, 0, 0);
    return false;
}

static void odd_on_interrupt(void *state, uint16_t vector)
{
    (void)state; // it polls
    (void)vector;
}

static void odd_destroy(void *state)
{
    (void)state;
}

static const struct lab_player odd_driver = {.name = "odd",
                                             .side = LAB_SIDE_DRIVER,
                                             .features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
                                                         VIRTQ_F_EVENT_IDX,
                                             .state_bytes = odd_state_bytes,
                                             .create = odd_create,
                                             .step = odd_step,
                                             .on_interrupt = odd_on_interrupt,
                                             .destroy = odd_destroy};

#endif
