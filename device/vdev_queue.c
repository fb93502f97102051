// device/vdev_queue.c -- the device's half of one split virtqueue.
// Spec: virtio 1.4 §2.7 (1.0: §2.4).
// Loads the descriptor table and the driver area; stores the device area; trusts neither.
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_queue.h"

#include <string.h>

// Pieces in which a table is looked for: one is followed, and with room for a few more a table that
// runs out of memory is told from one in two pieces.
#define TABLE_SPANS 4u

struct vdev_queue {
    struct virtq_port *port;
    uint32_t queue_size;
    uint16_t queue_index;
    bool event_idx;
    bool indirect;
    enum virtq_err broken;
    struct virtq_span desc;
    struct virtq_span avail;
    struct virtq_span used;
    uint16_t avail_idx;      // next available entry to take; free-running modulo 2^16, as all _idx
    uint16_t seen_avail_idx; // driver's index as last loaded
    uint16_t used_idx;       // published
    uint16_t signalled_idx;  // used_idx at the last interrupt decision
    uint32_t n_unpublished;
    uint32_t n_in_flight; // popped, and not published as used
    uint16_t used_flags;  // as stored
    uint32_t busy[];      // bit per head: popped, and not published as used; behind them the
                          // heads that were pushed and not published, 16 bits each
};

static uint32_t busy_words(uint32_t queue_size)
{
    return (queue_size + 31) / 32;
}

static uint16_t *pushed_heads(struct vdev_queue *q)
{
    return (uint16_t *)(q->busy + busy_words(q->queue_size));
}

size_t vdev_queue_state_bytes(uint32_t queue_size)
{
    return sizeof(struct vdev_queue) + busy_words(queue_size) * sizeof(uint32_t) +
           queue_size * sizeof(uint16_t);
}

uint32_t vdev_queue_max_spans(uint32_t queue_size)
{
    return 2 * queue_size;
}

static enum virtq_err peer_error(struct vdev_queue *q, enum virtq_err err, uint64_t value)
{
    q->broken = err;
    virtq_note(q->port, VIRTQ_NOTE_PEER_ERROR, q->queue_index, err, value, 0, 0);
    return err;
}

// Nobody's lie, and no way to go on either: an observer may not take the silence for a loss.
static enum virtq_err beyond(struct vdev_queue *q)
{
    q->broken = VIRTQ_ERR_NO_MEMORY;
    virtq_note(q->port, VIRTQ_NOTE_CONTROL, q->queue_index, VIRTQ_CONTROL_BEYOND, 0, 0, 0);
    return VIRTQ_ERR_NO_MEMORY;
}

void vdev_queue_fail(struct vdev_queue *q, enum virtq_err err, uint64_t value)
{
    (void)peer_error(q, err, value);
}

// A ring part must be aligned and lie in memory in one piece [2.7]: its words are accessed
// directly, for as long as the queue lives.
static enum virtq_err resolve_part(struct vdev_queue *q, uint64_t addr, uint32_t bytes,
                                   uint32_t align, enum virtq_area area, struct virtq_span *span)
{
    uint32_t n_spans = 0;

    if ((addr & (align - 1)) != 0 ||
        virtq_resolve(q->port, addr, bytes, area, q->queue_index, span, 1, &n_spans) != VIRTQ_OK) {
        return peer_error(q, VIRTQ_ERR_QUEUE_ADDR, addr);
    }
    return VIRTQ_OK;
}

enum virtq_err vdev_queue_open(struct virtq_port *port, const struct vdev_queue_config *config,
                               void *state, struct vdev_queue **out)
{
    struct vdev_queue *q = state;
    memset(q, 0, sizeof(*q));
    q->port = port;
    q->queue_index = config->queue_index;
    if (!virtq_queue_size_valid(config->queue_size)) {
        return peer_error(q, VIRTQ_ERR_QUEUE_SETUP, config->queue_size);
    }
    q->queue_size = config->queue_size;
    memset(q->busy, 0, busy_words(q->queue_size) * sizeof(uint32_t));
    q->event_idx = (config->features & VIRTQ_F_EVENT_IDX) != 0;
    q->indirect = (config->features & VIRTQ_F_INDIRECT_DESC) != 0;
    enum virtq_err err = resolve_part(q, config->desc, virtq_desc_table_bytes(q->queue_size),
                                      VIRTQ_DESC_ALIGN, VIRTQ_AREA_DESC, &q->desc);
    if (err == VIRTQ_OK) {
        err = resolve_part(q, config->driver, virtq_avail_bytes(q->queue_size), VIRTQ_AVAIL_ALIGN,
                           VIRTQ_AREA_AVAIL, &q->avail);
    }
    if (err == VIRTQ_OK) {
        err = resolve_part(q, config->device, virtq_used_bytes(q->queue_size), VIRTQ_USED_ALIGN,
                           VIRTQ_AREA_USED, &q->used);
    }
    if (err != VIRTQ_OK) {
        return err;
    }
    q->avail_idx = q->seen_avail_idx = q->used_idx = q->signalled_idx = config->start_idx;
    VIRTQ_ASSERT(vdev_queue_valid(q));
    virtq_note(port, VIRTQ_NOTE_QUEUE_SERVED, q->queue_index, config->desc, config->driver,
               config->device, q->queue_size);
    *out = q;
    return VIRTQ_OK;
}

// Load the driver's index, and refuse one that makes more available than there are descriptors.
static enum virtq_err load_avail_idx(struct vdev_queue *q)
{
    // BARRIER avail-consume: avail idx before the entries and descriptors it covers [2.7.13.3].
    //   pairs with  avail-publish, driver/vdrv_queue.c vdrv_queue_publish()
    //   without it  the device takes a head, or a descriptor, from before the driver wrote it
    const uint16_t idx = virtq_load16(q->port, &q->avail, VIRTQ_RING_IDX, VIRTQ_ACQUIRE,
                                      VIRTQ_BARRIER_AVAIL_CONSUME);
    // Each buffer holds a descriptor at least, so available and in flight together fit the queue.
    // And what was available once is not taken back [2.7.6.1-drv-1].
    if ((uint16_t)(idx - q->avail_idx) > q->queue_size - q->n_in_flight ||
        (uint16_t)(idx - q->avail_idx) < vdev_queue_seen(q)) {
        return peer_error(q, VIRTQ_ERR_AVAIL_IDX, idx);
    }
    q->seen_avail_idx = idx;
    return VIRTQ_OK;
}

// Adds one descriptor's bytes to the chain, translated once. Order and total are checked here.
static enum virtq_err chain_append(struct vdev_queue *q, struct vdev_chain *chain,
                                   const struct virtq_desc *desc)
{
    const bool writable = (desc->flags & VIRTQ_DESC_F_WRITE) != 0;
    const uint32_t at = chain->n_readable + chain->n_writable;
    uint32_t n_spans = 0;

    if (!writable && chain->has_writable) {
        return peer_error(q, VIRTQ_ERR_CHAIN_ORDER, chain->head);
    }
    if (desc->len > UINT32_MAX - chain->readable_bytes - chain->writable_bytes) {
        return peer_error(q, VIRTQ_ERR_CHAIN_BYTES, desc->len);
    }
    const enum virtq_err err =
        virtq_resolve(q->port, desc->addr, desc->len, VIRTQ_AREA_BUFFER, q->queue_index,
                      &chain->spans[at], chain->max_spans - at, &n_spans);
    if (err == VIRTQ_ERR_NO_MEMORY) {
        return beyond(q); // memory in more pieces than we have room for
    }
    if (err != VIRTQ_OK) {
        return peer_error(q, VIRTQ_ERR_CHAIN_ADDR, desc->addr);
    }
    chain->n_elems++;
    if (writable) {
        chain->has_writable = true;
        chain->n_writable += n_spans;
        chain->writable_bytes += desc->len;
    } else {
        chain->n_readable += n_spans;
        chain->readable_bytes += desc->len;
    }
    return VIRTQ_OK;
}

// Follow one table (the queue's, or an indirect one) from desc on.
//   n_table   entries of the table
//   first     entry to begin with
//   nested    true inside an indirect table
// On a table descriptor it stops, with *table filled in.
static enum virtq_err walk_table(struct vdev_queue *q, const struct virtq_span *span,
                                 uint32_t n_table, uint16_t first, bool nested,
                                 struct vdev_chain *chain, struct virtq_desc *table)
{
    uint16_t slot = first;

    // bound: a chain is no longer than the queue [2.7.5.3.1]
    while (chain->n_elems < q->queue_size) {
        if (slot >= n_table) {
            return peer_error(q, VIRTQ_ERR_DESC_RANGE, slot);
        }
        // The driver may put an indirect table at any address; the queue's own table is aligned.
        const uint32_t off = (uint32_t)slot * VIRTQ_DESC_BYTES;
        const struct virtq_desc desc = nested ? virtq_load_desc_unaligned(q->port, span, off)
                                              : virtq_load_desc(q->port, span, off);
        if ((desc.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
            if (nested) {
                return peer_error(q, VIRTQ_ERR_INDIRECT_NESTED, slot);
            }
            *table = desc;
            return VIRTQ_OK;
        }
        const enum virtq_err err = chain_append(q, chain, &desc);
        if (err != VIRTQ_OK || (desc.flags & VIRTQ_DESC_F_NEXT) == 0) {
            return err;
        }
        slot = desc.next;
    }
    return peer_error(q, VIRTQ_ERR_CHAIN_LOOP, chain->head);
}

// The table descriptor that ends a chain: check it, and walk what it names [2.7.5.3].
static enum virtq_err walk_indirect(struct vdev_queue *q, const struct virtq_desc *owner,
                                    struct vdev_chain *chain)
{
    struct virtq_span span[TABLE_SPANS];
    struct virtq_desc none = {0};
    uint32_t n_spans = 0;

    if (!q->indirect) {
        return peer_error(q, VIRTQ_ERR_INDIRECT_FEATURE, chain->head);
    }
    if ((owner->flags & VIRTQ_DESC_F_NEXT) != 0) {
        return peer_error(q, VIRTQ_ERR_INDIRECT_NEXT, chain->head);
    }
    // A table may have more entries than the queue: what is limited is the chain [2.7.5.3.1-drv-3],
    // and the walk takes no more of it. WRITE on the owner is ignored [2.7.5.3.2-dev-1].
    if (owner->len == 0 || owner->len % VIRTQ_DESC_BYTES != 0) {
        return peer_error(q, VIRTQ_ERR_INDIRECT_LEN, owner->len);
    }
    const enum virtq_err err = virtq_resolve(q->port, owner->addr, owner->len, VIRTQ_AREA_INDIRECT,
                                             q->queue_index, span, TABLE_SPANS, &n_spans);
    if (err == VIRTQ_ERR_NO_MEMORY || n_spans > 1) {
        return beyond(q); // in two pieces
    }
    if (err != VIRTQ_OK) {
        return peer_error(q, VIRTQ_ERR_CHAIN_ADDR, owner->addr);
    }
    return walk_table(q, &span[0], owner->len / VIRTQ_DESC_BYTES, 0, true, chain, &none);
}

// Follow the chain from chain->head. chain has no elements yet.
static enum virtq_err walk_chain(struct vdev_queue *q, struct vdev_chain *chain)
{
    struct virtq_desc table = {0};

    enum virtq_err err = walk_table(q, &q->desc, q->queue_size, chain->head, false, chain, &table);
    if (err == VIRTQ_OK && (table.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
        err = walk_indirect(q, &table, chain);
    }
    return err;
}

static bool head_busy(const struct vdev_queue *q, uint16_t head)
{
    return (q->busy[head / 32] >> (head % 32) & 1u) != 0;
}

enum virtq_err vdev_queue_pop(struct vdev_queue *q, struct vdev_chain *chain)
{
    if (q->broken != VIRTQ_OK) {
        return VIRTQ_ERR_BROKEN;
    }
    if (q->seen_avail_idx == q->avail_idx) {
        const enum virtq_err err = load_avail_idx(q);
        if (err != VIRTQ_OK) {
            return err;
        }
        if (q->seen_avail_idx == q->avail_idx) {
            return VIRTQ_ERR_EMPTY;
        }
    }
    const uint32_t slot = q->avail_idx & (q->queue_size - 1);
    const uint16_t head = virtq_load16(q->port, &q->avail, virtq_avail_slot_off(slot), VIRTQ_PLAIN,
                                       VIRTQ_BARRIER_NONE);
    if (head >= q->queue_size) {
        return peer_error(q, VIRTQ_ERR_HEAD_RANGE, head);
    }
    if (head_busy(q, head)) {
        return peer_error(q, VIRTQ_ERR_HEAD_BUSY, head);
    }
    struct vdev_chain c = {.head = head, .spans = chain->spans, .max_spans = chain->max_spans};
    const enum virtq_err err = walk_chain(q, &c);
    if (err != VIRTQ_OK) {
        return err;
    }
    q->avail_idx++;
    q->n_in_flight++;
    q->busy[head / 32] |= 1u << (head % 32);
    *chain = c;
    virtq_note(q->port, VIRTQ_NOTE_POP, q->queue_index, head, c.readable_bytes, c.writable_bytes,
               c.n_elems);
    return VIRTQ_OK;
}

uint32_t vdev_chain_read(struct vdev_queue *q, const struct vdev_chain *chain, uint32_t off,
                         void *dst, uint32_t bytes)
{
    uint8_t *out = dst;
    uint32_t done = 0;

    for (uint32_t i = 0; i < chain->n_readable && done < bytes; i++) { // bound: n_readable
        const uint32_t span_bytes = virtq_span_bytes(&chain->spans[i]);
        if (off >= span_bytes) {
            off -= span_bytes;
            continue;
        }
        const uint32_t room = span_bytes - off;
        const uint32_t n = bytes - done < room ? bytes - done : room;
        virtq_copy_in(q->port, out + done, &chain->spans[i], off, n);
        done += n;
        off = 0;
    }
    return done;
}

uint32_t vdev_chain_write(struct vdev_queue *q, const struct vdev_chain *chain, uint32_t off,
                          const void *src, uint32_t bytes)
{
    const uint8_t *in = src;
    const struct virtq_span *spans = chain->spans + chain->n_readable;
    uint32_t done = 0;

    for (uint32_t i = 0; i < chain->n_writable && done < bytes; i++) { // bound: n_writable
        const uint32_t span_bytes = virtq_span_bytes(&spans[i]);
        if (off >= span_bytes) {
            off -= span_bytes;
            continue;
        }
        const uint32_t room = span_bytes - off;
        const uint32_t n = bytes - done < room ? bytes - done : room;
        virtq_copy_out(q->port, &spans[i], off, in + done, n);
        done += n;
        off = 0;
    }
    return done;
}

void vdev_queue_push(struct vdev_queue *q, uint16_t head, uint32_t written)
{
    VIRTQ_ASSERT(head < q->queue_size && head_busy(q, head));
    const uint32_t slot = (uint16_t)(q->used_idx + q->n_unpublished) & (q->queue_size - 1);
    const struct virtq_used_elem elem = {.id = head, .len = written};

    // The head stays busy: the driver cannot know that it is free before it sees the index.
    pushed_heads(q)[q->n_unpublished] = head;
    virtq_store_used_elem(q->port, &q->used, virtq_used_slot_off(slot), elem);
    q->n_unpublished++;
}

uint16_t vdev_queue_publish(struct vdev_queue *q)
{
    const uint16_t n_pushed = (uint16_t)q->n_unpublished;
    VIRTQ_ASSERT(n_pushed <= q->n_in_flight);

    if (n_pushed == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < n_pushed; i++) { // bound: queue_size
        const uint16_t head = pushed_heads(q)[i];
        q->busy[head / 32] &= ~(1u << (head % 32));
    }
    q->n_unpublished = 0;
    q->n_in_flight -= n_pushed;
    q->used_idx = (uint16_t)(q->used_idx + n_pushed); // free-running: wraps at 65536, never masked

    // BARRIER used-publish: buffer bytes, descriptor reads and used entries before used idx
    // [2.7.8.2-dev-1].
    //   pairs with  used-consume, driver/vdrv_queue.c load_used_idx()
    //   without it  the driver takes an entry or bytes that are not there yet, or reuses a
    //               descriptor that the device has still to read
    virtq_store16(q->port, &q->used, VIRTQ_RING_IDX, q->used_idx, VIRTQ_RELEASE,
                  VIRTQ_BARRIER_USED_PUBLISH);
    return n_pushed;
}

bool vdev_queue_interrupt_needed(struct vdev_queue *q)
{
    const uint16_t old_idx = q->signalled_idx;
    q->signalled_idx = q->used_idx;
    if (old_idx == q->used_idx) {
        return false;
    }
    // BARRIER irq-check: the store of used idx before the load of the suppression value
    // [2.7.7.2, 2.7.10.2].
    //   pairs with  irq-rearm, driver/vdrv_queue.c vdrv_queue_irq_enable()
    //   without it  this load passes the store: the driver re-arms, looks, sees no entry and
    //               sleeps, while the value read here still says "no interrupt"
    virtq_fence(q->port, VIRTQ_SEQ_CST, VIRTQ_BARRIER_IRQ_CHECK);
    if (q->event_idx) {
        const uint16_t event = virtq_load16(q->port, &q->avail, virtq_used_event_off(q->queue_size),
                                            VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
        return virtq_need_event(event, q->used_idx, old_idx);
    }
    const uint16_t flags =
        virtq_load16(q->port, &q->avail, VIRTQ_RING_FLAGS, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    return (flags & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0; // other bits are reserved: ignored
}

void vdev_queue_notify_disable(struct vdev_queue *q)
{
    // With EVENT_IDX the flag is ignored and must stay 0 [2.7.10.2], and an event value that was
    // passed already asks for nothing: there is nothing to store.
    if (!q->event_idx && (q->used_flags & VIRTQ_USED_F_NO_NOTIFY) == 0) {
        q->used_flags |= VIRTQ_USED_F_NO_NOTIFY;
        virtq_store16(q->port, &q->used, VIRTQ_RING_FLAGS, q->used_flags, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
    }
}

bool vdev_queue_notify_enable(struct vdev_queue *q)
{
    if (q->broken != VIRTQ_OK) {
        return false; // nothing will be taken until a reset
    }
    if (q->event_idx) {
        virtq_store16(q->port, &q->used, virtq_avail_event_off(q->queue_size), q->avail_idx,
                      VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    } else if ((q->used_flags & VIRTQ_USED_F_NO_NOTIFY) != 0) {
        q->used_flags &= (uint16_t)~VIRTQ_USED_F_NO_NOTIFY;
        virtq_store16(q->port, &q->used, VIRTQ_RING_FLAGS, q->used_flags, VIRTQ_RELAXED,
                      VIRTQ_BARRIER_NONE);
    }
    // BARRIER kick-rearm: the suppression value's store before the last look at avail idx
    // [2.7.10-dev-d1].
    //   pairs with  kick-check, driver/vdrv_queue.c vdrv_queue_kick_needed()
    //   without it  this load passes the store: the driver publishes, reads the old value, does
    //               not notify, and the device sleeps on an entry that it did not see
    virtq_fence(q->port, VIRTQ_SEQ_CST, VIRTQ_BARRIER_KICK_REARM);
    if (load_avail_idx(q) != VIRTQ_OK) {
        return false;
    }
    return q->seen_avail_idx != q->avail_idx;
}

uint32_t vdev_queue_seen(const struct vdev_queue *q)
{
    return (uint16_t)(q->seen_avail_idx - q->avail_idx);
}

uint32_t vdev_queue_in_flight(const struct vdev_queue *q)
{
    return q->n_in_flight;
}

enum virtq_err vdev_queue_error(const struct vdev_queue *q)
{
    return q->broken;
}

bool vdev_queue_valid(const struct vdev_queue *q)
{
    uint32_t n_busy = 0;

    for (uint32_t i = 0; i < busy_words(q->queue_size); i++) {
        n_busy += (uint32_t)__builtin_popcount(q->busy[i]);
    }
    return n_busy == q->n_in_flight && q->n_unpublished <= n_busy &&
           q->n_in_flight <= q->queue_size &&
           (uint16_t)(q->seen_avail_idx - q->avail_idx) <= q->queue_size;
}
