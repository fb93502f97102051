// model/referee/vl_queue.c -- the abstract queue: what a virtqueue promises, without rings.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_queue.h"

#include <stdlib.h>
#include <string.h>

bool vl_queue_open(struct vl_queue *q, uint32_t n_buffers)
{
    memset(q, 0, sizeof(*q));
    q->buffer = calloc(n_buffers, sizeof(*q->buffer));
    q->n_buffers = n_buffers;
    return q->buffer != NULL;
}

void vl_queue_close(struct vl_queue *q)
{
    free(q->buffer);
    q->buffer = NULL;
}

void vl_queue_withdraw(struct vl_queue *q)
{
    if (q->n_away > 0) { // a run that ended in order costs nothing here
        memset(q->buffer, 0, q->n_buffers * sizeof(*q->buffer));
        q->n_away = 0;
    }
    q->n_offered = q->n_taken = q->n_given = q->n_collected = q->n_in_flight = 0;
    q->broken = NULL;
}

static bool broken(struct vl_queue *q, const char *promise, uint64_t value)
{
    q->broken = promise;
    q->broken_value = value;
    return false;
}

static void move(struct vl_queue *q, struct vl_buffer *b, enum vl_buffer_state to)
{
    q->n_away += b->state == VL_BUFFER_DRIVERS ? 1 : 0;
    q->n_away -= to == VL_BUFFER_DRIVERS ? 1 : 0;
    q->n_in_flight -= b->state == VL_BUFFER_IN_FLIGHT ? 1 : 0;
    q->n_in_flight += to == VL_BUFFER_IN_FLIGHT ? 1 : 0;
    b->state = (uint8_t)to;
}

// At every step: what was taken is in flight, or was given back.
static bool balanced(struct vl_queue *q)
{
    if (q->n_taken != q->n_in_flight + q->n_given) {
        return broken(q, "queue:unbalanced", q->n_taken);
    }
    return true;
}

bool vl_queue_offer(struct vl_queue *q, uint32_t buffer, uint32_t writable)
{
    if (buffer >= q->n_buffers) {
        return broken(q, "queue:no-such-buffer", buffer);
    }
    struct vl_buffer *b = &q->buffer[buffer];
    const bool ok = b->state == VL_BUFFER_DRIVERS;
    q->n_offered++;
    move(q, b, VL_BUFFER_OFFERED);
    b->writable = writable;
    return ok || broken(q, "queue:offered-twice", buffer);
}

bool vl_queue_take(struct vl_queue *q, uint32_t buffer)
{
    if (buffer >= q->n_buffers) {
        return broken(q, "queue:no-such-buffer", buffer);
    }
    struct vl_buffer *b = &q->buffer[buffer];
    const bool ok = b->state == VL_BUFFER_OFFERED;
    q->n_taken++;
    move(q, b, VL_BUFFER_IN_FLIGHT);
    return ok ? balanced(q) : broken(q, "queue:taken-not-offered", buffer);
}

bool vl_queue_write(struct vl_queue *q, uint32_t buffer)
{
    if (buffer >= q->n_buffers) {
        return broken(q, "queue:no-such-buffer", buffer);
    }
    // While its chain is read the device may write already: the buffer is offered to it.
    const uint8_t state = q->buffer[buffer].state;
    return state == VL_BUFFER_IN_FLIGHT || state == VL_BUFFER_OFFERED ||
           broken(q, "queue:written-not-in-flight", buffer);
}

bool vl_queue_give(struct vl_queue *q, uint32_t buffer, uint32_t len, uint64_t seq)
{
    if (buffer >= q->n_buffers) {
        return broken(q, "queue:no-such-buffer", buffer);
    }
    struct vl_buffer *b = &q->buffer[buffer];
    const bool ok = b->state == VL_BUFFER_IN_FLIGHT;
    move(q, b, VL_BUFFER_RETURNED);
    b->len = len;
    b->number = q->n_given++;
    b->given_seq = seq;
    if (!ok) {
        return broken(q, "queue:given-not-in-flight", buffer);
    }
    return len <= b->writable ? balanced(q) : broken(q, "queue:longer-than-writable", len);
}

bool vl_queue_collect(struct vl_queue *q, uint32_t buffer, uint32_t len)
{
    if (buffer >= q->n_buffers) {
        return broken(q, "queue:no-such-buffer", buffer);
    }
    struct vl_buffer *b = &q->buffer[buffer];
    const bool ok = b->state == VL_BUFFER_RETURNED;
    const bool in_order = b->number == q->n_collected;
    q->n_collected++;
    move(q, b, VL_BUFFER_DRIVERS);
    if (!ok) {
        return broken(q, "queue:collected-not-returned", buffer);
    }
    if (!in_order) {
        return broken(q, "queue:collected-out-of-order", buffer);
    }
    return len == b->len || broken(q, "queue:other-length", len);
}

bool vl_queue_rest(struct vl_queue *q, bool owed)
{
    const uint32_t n_waiting = q->n_offered - q->n_taken;
    return n_waiting == 0 || owed || broken(q, "queue:stranded", n_waiting);
}
