// driver/vdrv_queue.c -- the driver's half of one split virtqueue.
// Spec: virtio 1.4 §2.7 (1.0: §2.4, §3.2.1, §3.2.2).
// Stores the descriptor table and the driver area; loads the device area; keeps all else private.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_queue.h"

#include <string.h>

#define NO_DESC 0xFFFFu // no table index is this: sizes end at 32768

// What the driver remembers of each descriptor; the table in shared memory is never read back.
struct shadow {
    uint64_t token;      // of a head
    uint32_t n_writable; // of a head: bytes the device may write
    uint16_t next;       // free list, or the chain of an in-flight buffer
    uint16_t n_descs;    // of a head: table entries that the chain holds; 0: not a head in flight
};

struct vdrv_queue {
    struct virtq_port *port;
    uint32_t queue_size;
    uint16_t queue_index;
    uint16_t indirect_max;
    bool event_idx;
    enum virtq_err broken;
    struct virtq_dma desc;
    struct virtq_dma avail;
    struct virtq_dma used;
    struct virtq_dma tables; // one indirect table of indirect_max entries for each descriptor
    uint16_t avail_idx;      // published; free-running modulo 2^16, as all _idx
    uint16_t kicked_idx;     // avail_idx at the last kick decision
    uint16_t used_idx;       // first used entry not taken
    uint16_t seen_used_idx;  // device's index as last loaded
    uint16_t free_head;
    uint32_t n_free;
    uint32_t n_unpublished;
    uint32_t n_in_flight; // buffers added and not reaped
    uint16_t avail_flags; // as stored
    uint32_t detach_next;
    struct shadow shadow[]; // queue_size
};

size_t vdrv_queue_state_bytes(uint32_t queue_size)
{
    return sizeof(struct vdrv_queue) + queue_size * sizeof(struct shadow);
}

static bool config_valid(const struct vdrv_queue_config *config)
{
    const uint64_t table_bytes =
        (uint64_t)config->queue_size * config->indirect_max * VIRTQ_DESC_BYTES;
    return virtq_queue_size_valid(config->queue_size) &&
           config->indirect_max <= config->queue_size && table_bytes <= 1u << 31;
}

static enum virtq_err alloc_parts(struct vdrv_queue *q)
{
    struct virtq_port *port = q->port;
    const uint32_t size = q->queue_size;

    enum virtq_err err = virtq_mem_alloc(port, virtq_desc_table_bytes(size), VIRTQ_DESC_ALIGN,
                                         VIRTQ_AREA_DESC, q->queue_index, &q->desc);
    if (err != VIRTQ_OK) {
        return err;
    }
    err = virtq_mem_alloc(port, virtq_avail_bytes(size), VIRTQ_AVAIL_ALIGN, VIRTQ_AREA_AVAIL,
                          q->queue_index, &q->avail);
    if (err != VIRTQ_OK) {
        goto free_desc;
    }
    err = virtq_mem_alloc(port, virtq_used_bytes(size), VIRTQ_USED_ALIGN, VIRTQ_AREA_USED,
                          q->queue_index, &q->used);
    if (err != VIRTQ_OK) {
        goto free_avail;
    }
    if (q->indirect_max > 0) {
        err = virtq_mem_alloc(port, size * q->indirect_max * VIRTQ_DESC_BYTES, VIRTQ_DESC_ALIGN,
                              VIRTQ_AREA_INDIRECT, q->queue_index, &q->tables);
        if (err != VIRTQ_OK) {
            goto free_used;
        }
    }
    return VIRTQ_OK;
free_used:
    virtq_mem_free(port, &q->used);
free_avail:
    virtq_mem_free(port, &q->avail);
free_desc:
    virtq_mem_free(port, &q->desc);
    return err;
}

enum virtq_err vdrv_queue_open(struct virtq_port *port, const struct vdrv_queue_config *config,
                               void *state, struct vdrv_queue **out)
{
    if (!config_valid(config)) {
        return VIRTQ_ERR_INVALID;
    }
    struct vdrv_queue *q = state;
    memset(q, 0, sizeof(*q));
    q->port = port;
    q->queue_size = config->queue_size;
    q->queue_index = config->queue_index;
    q->event_idx = (config->features & VIRTQ_F_EVENT_IDX) != 0;
    q->indirect_max =
        (config->features & VIRTQ_F_INDIRECT_DESC) != 0 ? config->indirect_max : (uint16_t)0;
    const enum virtq_err err = alloc_parts(q);
    if (err != VIRTQ_OK) {
        return err;
    }
    q->avail_idx = q->kicked_idx = q->used_idx = q->seen_used_idx = config->start_idx;
    q->n_free = q->queue_size;
    for (uint32_t i = 0; i < q->queue_size; i++) {
        q->shadow[i] = (struct shadow){.next = (uint16_t)(i + 1)};
    }
    q->shadow[q->queue_size - 1].next = NO_DESC;
    if (config->start_idx != 0) {
        // A restored queue: the rings go on where they stood, the device's too, as restored memory
        // would have them. The device is not live yet, so these stores need no ordering.
        virtq_store16(port, &q->avail.span, VIRTQ_RING_IDX, q->avail_idx, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
        virtq_store16(port, &q->avail.span, virtq_used_event_off(q->queue_size), q->used_idx,
                      VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
        virtq_store16(port, &q->used.span, VIRTQ_RING_IDX, q->used_idx, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
        virtq_store16(port, &q->used.span, virtq_avail_event_off(q->queue_size), q->avail_idx,
                      VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    }
    virtq_note(port, VIRTQ_NOTE_QUEUE_AREAS, q->queue_index, q->desc.bus_addr, q->avail.bus_addr,
               q->used.bus_addr, q->queue_size);
    virtq_note(port, VIRTQ_NOTE_QUEUE_LIVE, q->queue_index, config->features, config->start_idx, 0,
               0);
    VIRTQ_ASSERT(vdrv_queue_valid(q));
    *out = q;
    return VIRTQ_OK;
}

void vdrv_queue_close(struct vdrv_queue *q)
{
    virtq_note(q->port, VIRTQ_NOTE_QUEUE_DOWN, q->queue_index, 0, 0, 0, 0);
    if (q->indirect_max > 0) {
        virtq_mem_free(q->port, &q->tables);
    }
    virtq_mem_free(q->port, &q->used);
    virtq_mem_free(q->port, &q->avail);
    virtq_mem_free(q->port, &q->desc);
}

void vdrv_queue_areas(const struct vdrv_queue *q, uint64_t *desc, uint64_t *driver,
                      uint64_t *device)
{
    *desc = q->desc.bus_addr;
    *driver = q->avail.bus_addr;
    *device = q->used.bus_addr;
}

// Readable before writable, and a byte total that the ring can express [2.7.4.2, 2.7.5.2].
static bool elems_valid(const struct vdrv_elem *elems, uint32_t n_elems, uint32_t *n_writable)
{
    uint64_t total = 0;
    uint64_t writable = 0;
    bool seen_writable = false;

    for (uint32_t i = 0; i < n_elems; i++) { // bound: n_elems, checked by the caller
        if (seen_writable && !elems[i].device_writable) {
            return false;
        }
        seen_writable = elems[i].device_writable;
        total += elems[i].len;
        writable += seen_writable ? elems[i].len : 0;
    }
    *n_writable = (uint32_t)writable;
    return total <= UINT32_MAX;
}

static uint16_t elem_flags(const struct vdrv_elem *elem, bool last)
{
    return (uint16_t)((elem->device_writable ? VIRTQ_DESC_F_WRITE : 0) |
                      (last ? 0 : VIRTQ_DESC_F_NEXT));
}

// One table in place of a chain: entry i's next is i + 1 [2.7.5.3].
static void fill_indirect(struct vdrv_queue *q, uint16_t head, const struct vdrv_elem *elems,
                          uint32_t n_elems)
{
    const uint32_t table_off = head * (uint32_t)q->indirect_max * VIRTQ_DESC_BYTES;

    for (uint32_t i = 0; i < n_elems; i++) { // bound: indirect_max
        const bool last = i + 1 == n_elems;
        const struct virtq_desc desc = {.addr = elems[i].bus_addr,
                                        .len = elems[i].len,
                                        .flags = elem_flags(&elems[i], last),
                                        .next = last ? (uint16_t)0 : (uint16_t)(i + 1)};
        virtq_store_desc(q->port, &q->tables.span, table_off + i * VIRTQ_DESC_BYTES, desc);
    }
    const struct virtq_desc desc = {.addr = q->tables.bus_addr + table_off,
                                    .len = n_elems * VIRTQ_DESC_BYTES,
                                    .flags = VIRTQ_DESC_F_INDIRECT};
    virtq_store_desc(q->port, &q->desc.span, head * VIRTQ_DESC_BYTES, desc);
}

// Chain free descriptors. Returns the last one, so that the free list can go on behind it.
static uint16_t fill_direct(struct vdrv_queue *q, uint16_t head, const struct vdrv_elem *elems,
                            uint32_t n_elems)
{
    uint16_t slot = head;
    uint16_t last_slot = head;

    for (uint32_t i = 0; i < n_elems; i++) { // bound: n_free, checked by the caller
        const bool last = i + 1 == n_elems;
        const struct virtq_desc desc = {.addr = elems[i].bus_addr,
                                        .len = elems[i].len,
                                        .flags = elem_flags(&elems[i], last),
                                        .next = last ? (uint16_t)0 : q->shadow[slot].next};
        virtq_store_desc(q->port, &q->desc.span, slot * VIRTQ_DESC_BYTES, desc);
        last_slot = slot;
        slot = q->shadow[slot].next;
    }
    return last_slot;
}

enum virtq_err vdrv_queue_add(struct vdrv_queue *q, const struct vdrv_elem *elems, uint32_t n_elems,
                              bool indirect, uint64_t token)
{
    uint32_t n_writable = 0;

    if (q->broken != VIRTQ_OK) {
        return VIRTQ_ERR_BROKEN;
    }
    if (n_elems == 0 || n_elems > q->queue_size || !elems_valid(elems, n_elems, &n_writable)) {
        return VIRTQ_ERR_INVALID;
    }
    const bool use_table = indirect && n_elems <= q->indirect_max;
    const uint32_t n_descs = use_table ? 1 : n_elems;
    if (n_descs > q->n_free) {
        return VIRTQ_ERR_QUEUE_FULL;
    }
    const uint16_t head = q->free_head;
    uint16_t last = head;
    if (use_table) {
        fill_indirect(q, head, elems, n_elems);
    } else {
        last = fill_direct(q, head, elems, n_elems);
    }
    q->free_head = q->shadow[last].next;
    q->n_free -= n_descs;
    q->shadow[last].next = NO_DESC;
    q->shadow[head].token = token;
    q->shadow[head].n_writable = n_writable;
    q->shadow[head].n_descs = (uint16_t)n_descs;
    q->n_in_flight++;

    // The slot may be written before the index covers it: until then the device does not read it,
    // and the buffer that used it last was returned, or there would be no free descriptor.
    const uint32_t slot = (uint16_t)(q->avail_idx + q->n_unpublished) & (q->queue_size - 1);
    virtq_store16(q->port, &q->avail.span, virtq_avail_slot_off(slot), head, VIRTQ_PLAIN,
                  VIRTQ_BARRIER_NONE);
    q->n_unpublished++;
    virtq_note(q->port, VIRTQ_NOTE_SUBMIT, q->queue_index, token, head, n_elems, n_writable);
    return VIRTQ_OK;
}

uint16_t vdrv_queue_publish(struct vdrv_queue *q)
{
    const uint16_t n_added = (uint16_t)q->n_unpublished;
    VIRTQ_ASSERT(n_added <= q->queue_size); // our bug if not: vdrv_queue_add() limits it

    if (n_added == 0) {
        return 0;
    }
    q->n_unpublished = 0;
    q->avail_idx = (uint16_t)(q->avail_idx + n_added); // free-running: wraps at 65536, never masked

    // BARRIER avail-publish: descriptors, tables and slots before avail idx [2.7.13.3.1-drv-1].
    //   pairs with  avail-consume, device/vdev_queue.c load_avail_idx()
    //   without it  the device follows a head whose descriptors it cannot see yet
    virtq_store16(q->port, &q->avail.span, VIRTQ_RING_IDX, q->avail_idx, VIRTQ_RELEASE,
                  VIRTQ_BARRIER_AVAIL_PUBLISH);
    return n_added;
}

bool vdrv_queue_kick_needed(struct vdrv_queue *q)
{
    const uint16_t old_idx = q->kicked_idx;
    q->kicked_idx = q->avail_idx;
    if (old_idx == q->avail_idx) {
        return false;
    }
    // BARRIER kick-check: the store of avail idx before the load of the suppression value
    // [2.7.13.4.1-drv-1].
    //   pairs with  kick-rearm, device/vdev_queue.c vdev_queue_notify_enable()
    //   without it  this load passes the store: the device re-arms, looks, sees no entry and
    //               sleeps, while the value read here still says "do not notify"
    virtq_fence(q->port, VIRTQ_SEQ_CST, VIRTQ_BARRIER_KICK_CHECK);
    if (q->event_idx) {
        const uint16_t event =
            virtq_load16(q->port, &q->used.span, virtq_avail_event_off(q->queue_size),
                         VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
        return virtq_need_event(event, q->avail_idx, old_idx);
    }
    const uint16_t flags =
        virtq_load16(q->port, &q->used.span, VIRTQ_RING_FLAGS, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    return (flags & VIRTQ_USED_F_NO_NOTIFY) == 0; // other bits are reserved: ignored
}

static enum virtq_err peer_error(struct vdrv_queue *q, enum virtq_err err, uint64_t value)
{
    q->broken = err;
    virtq_note(q->port, VIRTQ_NOTE_PEER_ERROR, q->queue_index, err, value, 0, 0);
    return err;
}

// Put the descriptors of a returned chain back, from private memory alone.
static void release_chain(struct vdrv_queue *q, uint16_t head)
{
    uint16_t last = head;
    const uint16_t n_descs = q->shadow[head].n_descs;

    for (uint16_t i = 1; i < n_descs; i++) { // bound: n_descs <= queue_size
        last = q->shadow[last].next;
    }
    q->shadow[last].next = q->free_head;
    q->free_head = head;
    q->n_free += n_descs;
    q->shadow[head].n_descs = 0;
    q->n_in_flight--;
}

// Load the device's index, and refuse one that returns more than is in flight.
static enum virtq_err load_used_idx(struct vdrv_queue *q)
{
    // BARRIER used-consume: used idx before the entries it covers and their buffers [2.7.14].
    //   pairs with  used-publish, device/vdev_queue.c vdev_queue_publish()
    //   without it  the driver takes an entry, or buffer bytes, from before the device wrote them
    const uint16_t idx = virtq_load16(q->port, &q->used.span, VIRTQ_RING_IDX, VIRTQ_ACQUIRE,
                                      VIRTQ_BARRIER_USED_CONSUME);
    const uint16_t n_new = (uint16_t)(idx - q->used_idx);
    // Unpublished buffers are in flight for us but the device cannot have seen them.
    // And what was returned once is not taken back.
    if (n_new > q->n_in_flight - q->n_unpublished ||
        n_new < (uint16_t)(q->seen_used_idx - q->used_idx)) {
        return peer_error(q, VIRTQ_ERR_USED_IDX, idx);
    }
    q->seen_used_idx = idx;
    return VIRTQ_OK;
}

enum virtq_err vdrv_queue_reap(struct vdrv_queue *q, uint64_t *token, uint32_t *used_len)
{
    if (q->broken != VIRTQ_OK) {
        return VIRTQ_ERR_BROKEN;
    }
    if (q->seen_used_idx == q->used_idx) {
        const enum virtq_err err = load_used_idx(q);
        if (err != VIRTQ_OK) {
            return err;
        }
        if (q->seen_used_idx == q->used_idx) {
            return VIRTQ_ERR_EMPTY;
        }
    }
    const uint32_t slot = q->used_idx & (q->queue_size - 1);
    const struct virtq_used_elem elem =
        virtq_load_used_elem(q->port, &q->used.span, virtq_used_slot_off(slot));
    if (elem.id >= q->queue_size) {
        return peer_error(q, VIRTQ_ERR_USED_ID_RANGE, elem.id);
    }
    struct shadow *s = &q->shadow[elem.id];
    if (s->n_descs == 0) {
        return peer_error(q, VIRTQ_ERR_USED_ID_FREE, elem.id);
    }
    if (elem.len > s->n_writable) {
        return peer_error(q, VIRTQ_ERR_USED_LEN, elem.len);
    }
    q->used_idx++;
    *token = s->token;
    *used_len = elem.len;
    release_chain(q, (uint16_t)elem.id);
    virtq_note(q->port, VIRTQ_NOTE_COMPLETE, q->queue_index, *token, elem.id, 0, elem.len);
    return VIRTQ_OK;
}

void vdrv_queue_irq_disable(struct vdrv_queue *q)
{
    // With EVENT_IDX the flag is ignored and must stay 0; an event value that was passed already
    // asks for nothing until the index has gone round [2.7.10.1], so there is nothing to store.
    if (!q->event_idx && (q->avail_flags & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0) {
        q->avail_flags |= VIRTQ_AVAIL_F_NO_INTERRUPT;
        virtq_store16(q->port, &q->avail.span, VIRTQ_RING_FLAGS, q->avail_flags, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
    }
}

bool vdrv_queue_irq_enable(struct vdrv_queue *q)
{
    if (q->broken != VIRTQ_OK) {
        return true; // the next reap says why; sleeping would not end
    }
    if (q->event_idx) {
        virtq_store16(q->port, &q->avail.span, virtq_used_event_off(q->queue_size), q->used_idx,
                      VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    } else if ((q->avail_flags & VIRTQ_AVAIL_F_NO_INTERRUPT) != 0) {
        q->avail_flags &= (uint16_t)~VIRTQ_AVAIL_F_NO_INTERRUPT;
        virtq_store16(q->port, &q->avail.span, VIRTQ_RING_FLAGS, q->avail_flags, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
    }
    // BARRIER irq-rearm: the suppression value's store before the last look at used idx
    // [2.7.7.1, 2.7.10.1].
    //   pairs with  irq-check, device/vdev_queue.c vdev_queue_interrupt_needed()
    //   without it  this load passes the store: the device publishes, reads the old value, sends
    //               no interrupt, and the driver sleeps on an entry that it did not see
    virtq_fence(q->port, VIRTQ_SEQ_CST, VIRTQ_BARRIER_IRQ_REARM);
    if (load_used_idx(q) != VIRTQ_OK) {
        return true;
    }
    return q->seen_used_idx != q->used_idx;
}

enum virtq_err vdrv_queue_detach_unused(struct vdrv_queue *q, uint64_t *token)
{
    q->n_unpublished = 0; // what was added and never shown is taken back with the rest
    for (; q->detach_next < q->queue_size; q->detach_next++) { // bound: queue_size
        struct shadow *s = &q->shadow[q->detach_next];
        if (s->n_descs != 0) {
            *token = s->token;
            virtq_note(q->port, VIRTQ_NOTE_DETACH, q->queue_index, s->token, q->detach_next, 0, 0);
            release_chain(q, (uint16_t)q->detach_next);
            return VIRTQ_OK;
        }
    }
    q->detach_next = 0;
    return VIRTQ_ERR_EMPTY;
}

uint32_t vdrv_queue_in_flight(const struct vdrv_queue *q)
{
    return q->n_in_flight;
}

uint32_t vdrv_queue_free(const struct vdrv_queue *q)
{
    return q->n_free;
}

enum virtq_err vdrv_queue_error(const struct vdrv_queue *q)
{
    return q->broken;
}

bool vdrv_queue_valid(const struct vdrv_queue *q)
{
    uint32_t n_heads = 0;
    uint32_t n_held = 0;
    uint32_t n_listed = 0;

    for (uint32_t i = 0; i < q->queue_size; i++) {
        n_heads += q->shadow[i].n_descs != 0;
        n_held += q->shadow[i].n_descs;
    }
    uint16_t slot = q->n_free > 0 ? q->free_head : NO_DESC;
    while (slot != NO_DESC && n_listed < q->n_free) { // bound: n_free
        slot = q->shadow[slot].next;
        n_listed++;
    }
    return n_heads == q->n_in_flight && n_held + q->n_free == q->queue_size &&
           n_listed == q->n_free && q->n_unpublished <= q->n_in_flight &&
           (uint16_t)(q->seen_used_idx - q->used_idx) <= q->n_in_flight;
}
