// model/referee/vl_bringup.c -- what the last run's bring-up came to, for runs that begin alike.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <stdlib.h>
#include <string.h>

// The checkers' state that register events change: from the registers' shadow to the last of the
// areas over PCI.
#define SPEC_FROM offsetof(struct vl_spec, regs)
#define SPEC_BYTES (offsetof(struct vl_spec, blk) - SPEC_FROM)

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
        b->state = VL_BRINGUP_FOLLOWS;
    } else {
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
    if (seq != b->at || memcmp(&b->ev[b->at], ev, sizeof(*ev)) != 0) {
        vl_bringup_leave(r);
        return false;
    }
    if (++b->at == b->n) {
        memcpy((uint8_t *)&r->spec + SPEC_FROM, b->spec, SPEC_BYTES);
        memcpy(&r->pci, b->pci, sizeof(r->pci));
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
    memcpy(b->spec, (const uint8_t *)&r->spec + SPEC_FROM, SPEC_BYTES);
    memcpy(b->pci, &r->pci, sizeof(r->pci));
}
