// firmware/fwq.c -- the driver's half of a split virtqueue, as small firmware has it.
// With PLANTED_BUG=1 it goes to sleep without a second look at the used ring: a completion that
// came between its last look and the interrupt's being switched on is not seen by anybody.
// SPDX-License-Identifier: BSD-2-Clause
#include "fwq.h"

#include "fw_io.h"

#if !defined(PLANTED_BUG)
#define PLANTED_BUG 0
#endif

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u

void fwq_init(struct fwq *q, void *desc, void *avail, void *used, uint16_t size)
{
    q->desc = desc;
    q->avail = avail;
    q->used = used;
    q->broken = false;
    q->size = size;
    q->n_free = size;
    q->n_out = 0;
    q->free = 0;
    q->avail_idx = 0;
    q->last_used = 0;
    for (uint16_t i = 0; i < size; i++) {
        q->next[i] = (uint16_t)(i + 1);
        q->count[i] = 0;
    }
}

bool fwq_add(struct fwq *q, const struct fwq_buf *bufs, uint16_t n, uint32_t cookie)
{
    const uint16_t head = q->free;
    uint16_t i = head;
    uint32_t room = 0;

    if (n == 0 || n > q->n_free) {
        return false;
    }
    for (uint16_t k = 0; k < n; k++) {
        const uint16_t more = k + 1 < n ? DESC_NEXT : 0;
        const uint16_t write = bufs[k].device_writes ? DESC_WRITE : 0;
        struct fwq_desc *d = &q->desc[i];
        fw_write64(&d->addr, bufs[k].addr);
        fw_write32(&d->len, bufs[k].len);
        fw_write16(&d->flags, (uint16_t)(more | write));
        fw_write16(&d->next, more ? q->next[i] : 0);
        room += bufs[k].device_writes ? bufs[k].len : 0;
        i = q->next[i];
    }
    q->free = i;
    q->n_free = (uint16_t)(q->n_free - n);
    q->count[head] = n;
    q->room[head] = room;
    q->cookie[head] = cookie;
    fw_write16(&q->avail->ring[q->avail_idx % q->size], head);
    q->avail_idx++;
    q->n_out++;
    return true;
}

bool fwq_publish(struct fwq *q)
{
    fw_wmb(); // descriptors and entries before the index
    fw_write16(&q->avail->idx, q->avail_idx);
    fw_mb(); // the index before the look at the flags
    return (fw_read16(&q->used->flags) & USED_NO_NOTIFY) == 0;
}

static void give_back(struct fwq *q, uint16_t head)
{
    uint16_t last = head;
    for (uint16_t k = 1; k < q->count[head]; k++) {
        last = q->next[last];
    }
    q->next[last] = q->free;
    q->free = head;
    q->n_free = (uint16_t)(q->n_free + q->count[head]);
    q->count[head] = 0;
}

// Used entries that wait to be taken.
static uint16_t n_used(struct fwq *q)
{
    const uint16_t n = (uint16_t)(fw_read16(&q->used->idx) - q->last_used);
    q->broken = q->broken || n > q->n_out;
    return n;
}

int fwq_get(struct fwq *q, uint32_t *cookie, uint32_t *len)
{
    if (q->broken || n_used(q) == 0) {
        return q->broken ? FWQ_BROKEN : FWQ_EMPTY;
    }
    if (q->broken) {
        return FWQ_BROKEN;
    }
    fw_rmb(); // the index before the entry that it covers
    const uint16_t slot = q->last_used % q->size;
    const uint32_t id = fw_read32(&q->used->ring[slot].id);
    const uint32_t n = fw_read32(&q->used->ring[slot].len);
    if (id >= q->size || q->count[id] == 0 || n > q->room[id]) {
        return FWQ_BROKEN;
    }
    q->last_used++;
    q->n_out--;
    *cookie = q->cookie[id];
    *len = n;
    give_back(q, (uint16_t)id);
    return FWQ_OK;
}

void fwq_irq_off(struct fwq *q)
{
    fw_write16(&q->avail->flags, AVAIL_NO_INTERRUPT);
}

bool fwq_irq_on(struct fwq *q)
{
    fw_write16(&q->avail->flags, 0);
#if PLANTED_BUG == 1
    return false;
#else
    fw_mb(); // the flags before the last look
    return n_used(q) > 0;
#endif
}
