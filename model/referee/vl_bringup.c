// model/referee/vl_bringup.c -- what the last run's bring-up came to, for runs that begin alike.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The checkers' state that register events change: from the registers' shadow to the last of the
// areas over PCI.
#define SPEC_FROM offsetof(struct vl_spec, regs)
#define SPEC_BYTES (offsetof(struct vl_spec, blk) - SPEC_FROM)

// Copies without a call: a sanitizer that hunts the halves would look at each byte of these on the
// way, run by run. The barrier keeps the loop from becoming such a call.
#define CHUNK_BYTES 64u

static void copy(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    size_t i = 0;

    for (; i + CHUNK_BYTES <= bytes; i += CHUNK_BYTES) { // bound: bytes
        uint64_t chunk[CHUNK_BYTES / 8];
        memcpy(chunk, f + i, CHUNK_BYTES);
        memcpy(t + i, chunk, CHUNK_BYTES);
        __asm__ volatile("" ::: "memory");
    }
    for (; i < bytes; i++) { // bound: CHUNK_BYTES
        t[i] = f[i];
        __asm__ volatile("" ::: "memory");
    }
}

static uint64_t word_at(const struct vl_event *ev, unsigned i)
{
    uint64_t word = 0;
    memcpy(&word, (const uint8_t *)ev + 8 * i, 8);
    return word;
}

static bool same_event(const struct vl_event *a, const struct vl_event *b)
{
    uint64_t differs = 0;
    for (unsigned i = 0; i < VL_EVENT_BYTES / 8; i++) {
        differs |= word_at(a, i) ^ word_at(b, i);
    }
    return differs == 0;
}

// Of the functions seen only those that were.
static void copy_pci(struct vl_pci_rules *to, const struct vl_pci_rules *from)
{
    const size_t behind = offsetof(struct vl_pci_rules, hit_base);

    to->n_seen = from->n_seen;
    copy(to->seen, from->seen, from->n_seen * sizeof(from->seen[0]));
    copy((uint8_t *)to + behind, (const uint8_t *)from + behind, sizeof(*to) - behind);
}

bool vl_bringup_open(struct vl_bringup *b)
{
    b->spec = calloc(1, SPEC_BYTES);
    b->pci = calloc(1, sizeof(struct vl_pci_rules));
    return b->spec != NULL && b->pci != NULL;
}

void vl_bringup_close(struct vl_bringup *b)
{
    free(b->spec);
    free(b->pci);
    b->spec = b->pci = NULL;
}

static bool same_config(const struct vl_referee_config *a, const struct vl_referee_config *b)
{
    return a->hostile_driver == b->hostile_driver && a->hostile_device == b->hostile_device &&
           a->hostile_pci == b->hostile_pci && a->barriers == b->barriers &&
           a->virtio_id == b->virtio_id;
}

void vl_bringup_reset(struct vl_referees *r)
{
    struct vl_bringup *b = &r->bringup;

    b->at = 0;
    if (!r->config.pci) {
        b->state = VL_BRINGUP_PAST;
    } else if (b->usable && same_config(&b->config, &r->config)) {
        b->state = VL_BRINGUP_FOLLOWS; // what is taken over needs no clearing
    } else {
        vl_spec_clear(r);
        b->state = VL_BRINGUP_RECORDS;
        b->usable = false;
        b->n = 0;
    }
}

void vl_bringup_leave(struct vl_referees *r)
{
    struct vl_bringup *b = &r->bringup;
    const uint64_t now = r->seq;

    b->state = VL_BRINGUP_PAST;
    vl_spec_clear(r);
    for (uint32_t i = 0; i < b->at; i++) { // bound: VL_BRINGUP_EVENTS
        r->seq = i;
        vl_registers_judge(r, &b->ev[i], i);
    }
    r->seq = now;
}

bool vl_bringup_takes(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_bringup *b = &r->bringup;

    if (b->state != VL_BRINGUP_FOLLOWS) {
        return false;
    }
    if (seq != b->at || !same_event(&b->ev[b->at], ev)) {
        vl_bringup_leave(r);
        return false;
    }
    if (++b->at == b->n) {
        copy((uint8_t *)&r->spec + SPEC_FROM, b->spec, SPEC_BYTES);
        copy_pci(&r->pci, b->pci);
        for (unsigned i = 0; i < VL_STATE_COUNT / 64; i++) {
            r->states.bit[i] |= b->states.bit[i];
        }
        b->state = VL_BRINGUP_PAST;
    }
    return true;
}

// Nobody was blamed: what the state does not hold was not touched either.
static bool blameless(const struct vl_referees *r)
{
    for (unsigned i = 0; i < VL_CLAUSE_WORDS; i++) {
        if (r->spec.broke[i] != 0 || r->spec.advised[i] != 0) {
            return false;
        }
    }
    return !r->accusation_due;
}

void vl_bringup_keeps(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_bringup *b = &r->bringup;
    const bool config = ev->kind == VL_EV_CONFIG_READ || ev->kind == VL_EV_CONFIG_WRITE;

    // Only an unbroken row from the first event on says that there was nothing else in between.
    if (seq != b->n || b->n == VL_BRINGUP_EVENTS) {
        b->state = VL_BRINGUP_PAST;
        return;
    }
    b->ev[b->n++] = *ev;
    if (config) {
        return;
    }
    b->state = VL_BRINGUP_PAST;
    b->usable = blameless(r);
    b->config = r->config;
    copy(b->spec, (const uint8_t *)&r->spec + SPEC_FROM, SPEC_BYTES);
    copy_pci(b->pci, &r->pci);
    b->states = r->states; // nothing else has happened yet
}
