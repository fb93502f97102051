// tinyvmm/vmm_queue.c -- the device's half of a split virtqueue, over plain pointers.
// Nothing in here knows of vringlab. For the fuzzer it is compiled with -fsanitize=thread, so that
// the compiler calls libvringlab_watch.a at each access (build.sh has the flags).
//   PLANTED_BUG=1  the length of a piece is fetched again after it was checked
//   PLANTED_BUG=2  no barrier between a used entry and the index that covers it
// SPDX-License-Identifier: BSD-2-Clause
#include "vmm_queue.h"

#include <stddef.h>
#include <string.h>

#if !defined(PLANTED_BUG)
#define PLANTED_BUG 0
#endif

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define AVAIL_NO_INTERRUPT 1u

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

void *vmm_hva(const struct vmm_ram *ram, uint64_t gpa, uint64_t bytes)
{
    for (unsigned i = 0; i < ram->n_slots; i++) {
        const uint64_t at = gpa - ram->slot[i].gpa;
        if (at < ram->slot[i].bytes && bytes <= ram->slot[i].bytes - at) {
            return ram->slot[i].hva + at;
        }
    }
    return NULL;
}

bool vmm_queue_start(struct vmm_queue *q, const struct vmm_ram *ram, uint16_t num, uint64_t desc,
                     uint64_t avail, uint64_t used)
{
    q->ram = ram;
    q->num = num;
    q->desc = vmm_hva(ram, desc, num * sizeof(struct vring_desc));
    q->avail = vmm_hva(ram, avail, sizeof(struct vring_avail) + (num + 1u) * sizeof(uint16_t));
    q->used = vmm_hva(ram, used,
                      sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) +
                          sizeof(uint16_t));
    return q->desc != NULL && q->avail != NULL && q->used != NULL;
}

// The event index that the driver stores behind its ring, and the one that we store behind ours.
static const uint16_t *used_event(const struct vmm_queue *q)
{
    return &q->avail->ring[q->num];
}

static uint16_t *avail_event(const struct vmm_queue *q)
{
    return (uint16_t *)&q->used->ring[q->num];
}

static unsigned broken(struct vmm_queue *q)
{
    q->broken = true;
    return 0;
}

// A table that a chain goes on in.
struct table {
    const struct vring_desc *desc;
    uint32_t n;
    bool indirect;
};

// Enter the indirect table that d names. Returns false for one that may not be.
static bool enter(const struct vmm_queue *q, const struct vring_desc *d, struct table *t)
{
    if (!q->indirect || t->indirect || (d->flags & DESC_NEXT) != 0 || d->len == 0 ||
        d->len % sizeof(struct vring_desc) != 0) {
        return false;
    }
    t->desc = vmm_hva(q->ram, d->addr, d->len);
    t->n = d->len / sizeof(struct vring_desc);
    t->indirect = true;
    return t->desc != NULL;
}

// Follow the chain from entry i on.
static unsigned follow(struct vmm_queue *q, uint32_t i, struct vmm_iov *iov)
{
    struct table t = {.desc = q->desc, .n = q->num};
    bool writable = false;
    uint64_t total = 0;
    unsigned n = 0;

    for (;;) { // bound: the queue's size
        const struct vring_desc *at = &t.desc[i];
        struct vring_desc d;
        d.addr = READ_ONCE(at->addr);
        d.len = READ_ONCE(at->len);
        d.flags = READ_ONCE(at->flags);
        d.next = READ_ONCE(at->next);
        if ((d.flags & DESC_INDIRECT) != 0) {
            if (!enter(q, &d, &t)) {
                return broken(q);
            }
            i = 0;
            continue;
        }
        const bool write = (d.flags & DESC_WRITE) != 0;
        uint8_t *base = d.len > 0 ? vmm_hva(q->ram, d.addr, d.len) : NULL;
        total += d.len;
        if (n == VMM_IOV_MAX || (d.len > 0 && base == NULL) || (writable && !write) ||
            total > UINT32_MAX) {
            return broken(q);
        }
        writable = writable || (write && d.len > 0);
        iov[n].base = base;
        iov[n].write = write;
        iov[n++].len = PLANTED_BUG == 1 ? READ_ONCE(at->len) : d.len;
        if ((d.flags & DESC_NEXT) == 0) {
            return n;
        }
        if (n == q->num || d.next >= t.n) { // longer than the queue: a loop, perhaps
            return broken(q);
        }
        i = d.next;
    }
}

// Entries that wait to be taken, 0 if the queue is broken.
static unsigned n_waiting(struct vmm_queue *q)
{
    if (q->broken) {
        return 0;
    }
    const uint16_t n = (uint16_t)(READ_ONCE(q->avail->idx) - q->last_avail);
    return n > q->num ? broken(q) : n;
}

unsigned vmm_queue_pop(struct vmm_queue *q, struct vmm_iov *iov, uint16_t *head)
{
    if (n_waiting(q) == 0) {
        return 0;
    }
    smp_rmb(); // the index before the entry that it covers
    *head = READ_ONCE(q->avail->ring[q->last_avail % q->num]);
    if (*head >= q->num) {
        return broken(q);
    }
    const unsigned n = follow(q, *head, iov);
    q->last_avail = (uint16_t)(q->last_avail + (n > 0 ? 1 : 0));
    return n;
}

void vmm_queue_push(struct vmm_queue *q, uint16_t head, uint32_t len)
{
    struct vring_used_elem *elem = &q->used->ring[q->used_idx % q->num];

    elem->id = head;
    elem->len = len;
    if (PLANTED_BUG != 2) {
        smp_wmb(); // the entry, and the bytes of the buffer, before the index
    }
    q->used_idx++;
    WRITE_ONCE(q->used->idx, q->used_idx);
}

bool vmm_queue_should_signal(struct vmm_queue *q)
{
    const uint16_t old = q->signalled;

    smp_mb(); // the index before the look at what the driver wants
    q->signalled = q->used_idx;
    if (q->event_idx) {
        const uint16_t event = READ_ONCE(*used_event(q));
        return (uint16_t)(q->used_idx - event - 1) < (uint16_t)(q->used_idx - old);
    }
    return (READ_ONCE(q->avail->flags) & AVAIL_NO_INTERRUPT) == 0;
}

bool vmm_queue_enable_notify(struct vmm_queue *q)
{
    if (q->event_idx) {
        WRITE_ONCE(*avail_event(q), q->last_avail);
    }
    smp_mb(); // the event index before the last look
    return n_waiting(q) > 0;
}

unsigned vmm_rng_serve(struct vmm_queue *q, uint32_t *serial)
{
    struct vmm_iov iov[VMM_IOV_MAX];
    uint16_t head = 0;
    unsigned served = 0;

    for (; served < q->num; served++) {
        uint32_t written = 0;
        const unsigned n = vmm_queue_pop(q, iov, &head);
        if (n == 0) {
            break;
        }
        for (unsigned i = 0; i < n; i++) {
            if (iov[i].write) {
                memset(iov[i].base, (int)(*serial & 0xFFu), iov[i].len);
                written += iov[i].len;
            }
        }
        (*serial)++;
        vmm_queue_push(q, head, written);
    }
    return served;
}
