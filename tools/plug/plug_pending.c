// tools/plug/plug_pending.c -- accesses that the code makes itself, announced just before.
// A load finds in memory what was chosen for it; a store is read off memory when the code comes by
// again, and takes effect then. Between the two nobody else runs, so nobody else sees what is
// there.
// SPDX-License-Identifier: BSD-2-Clause
#include "ring/virtq_bytes.h"
#include "tools/plug/plug_internal.h"

#include <string.h>

static struct plug_pending *mine(void)
{
    return &plug_state.pending[plug_state.machine->cur->agent];
}

// Whoever makes a port call between such an access and plug_settle() lets others look too early.
static void check_alone(const struct plug_pending *p)
{
    VIRTQ_ASSERT(p->step == plug_state.machine->step); // plug_settle() was not called
}

static void put_back(struct plug_pending *p)
{
    check_alone(p);
    p->put = false;
    if (memcmp(p->p, p->chosen, p->bytes) == 0) { // else the code stored there unseen: it stays
        memcpy(p->p, p->before, p->bytes);
    }
}

static void store(struct plug_pending *p)
{
    uint8_t now[PLUG_OWN_BYTES];

    check_alone(p);
    p->store = false;
    memcpy(now, p->p, p->bytes);
    memcpy(p->p, p->before, p->bytes);
    if (p->order == VIRTQ_PLAIN) {
        plug_copy_now(p->p, now, p->bytes, true, p->site);
    } else {
        plug_store_now(p->p, p->bytes, virtq_get_le(now, p->bytes), (enum virtq_order)p->order,
                       p->site);
    }
}

void plug_pending_settle(void)
{
    struct plug_pending *p = mine();

    if (p->put) {
        put_back(p);
    }
    if (p->store) {
        store(p);
    }
}

void plug_before_load(const volatile void *where, unsigned bytes, enum virtq_order order,
                      struct virtq_site *site)
{
    uint8_t *at = (uint8_t *)(uintptr_t)where;

    if (!plug_is_guest(where)) {
        return;
    }
    plug_pending_settle();
    struct plug_pending *p = mine();
    VIRTQ_ASSERT(bytes <= PLUG_OWN_BYTES);
    plug_beyond(where, bytes, false);
    if (order == VIRTQ_PLAIN || bytes > 8) {
        plug_copy_now(p->chosen, at, bytes, false, site);
    } else {
        virtq_put_le(p->chosen, bytes, plug_load_now(where, bytes, order, site));
    }
    if (memcmp(at, p->chosen, bytes) != 0) {
        p->put = true;
        p->bytes = bytes;
        p->p = at;
        p->step = plug_state.machine->step;
        memcpy(p->before, at, bytes);
        memcpy(at, p->chosen, bytes);
    }
}

void plug_before_store(volatile void *where, unsigned bytes, enum virtq_order order,
                       struct virtq_site *site)
{
    uint8_t *at = (uint8_t *)(uintptr_t)where;

    if (!plug_is_guest(where)) {
        return;
    }
    plug_pending_settle();
    VIRTQ_ASSERT(bytes <= PLUG_OWN_BYTES);
    plug_beyond(where, bytes, true);
    struct plug_pending *p = mine();
    p->store = true;
    p->bytes = bytes;
    p->order = (uint8_t)order;
    p->p = at;
    p->site = site;
    p->step = plug_state.machine->step;
    memcpy(p->before, at, bytes);
}

void plug_before_update(volatile void *where, unsigned bytes, struct virtq_site *site)
{
    uint8_t *at = (uint8_t *)(uintptr_t)where;

    if (!plug_is_guest(where)) {
        return;
    }
    plug_before_load(where, bytes, VIRTQ_PLAIN, site);
    struct plug_pending *p = mine();
    if (!p->put) {
        memcpy(p->before, at, bytes);
    }
    p->put = false; // the store goes over it
    p->store = true;
    p->bytes = bytes;
    p->order = VIRTQ_PLAIN;
    p->p = at;
    p->site = site;
    p->step = plug_state.machine->step;
}
