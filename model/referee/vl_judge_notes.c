// model/referee/vl_judge_notes.c -- what each side believes, derived from what it does.
// Spec: virtio 1.4 §2.7.5, §2.7.6, §2.7.8, §2.7.13, §2.7.14 (1.0: §2.4.5, §2.4.6, §2.4.8, §3.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_judge_notes.h"

#include <stdlib.h>

bool vl_notes_open(struct vl_notes *n, uint32_t size_max)
{
    *n = (struct vl_notes){.size_max = size_max};
    for (uint32_t i = 0; i < VL_QUEUES; i++) {
        n->queue[i].token = calloc(size_max, sizeof(uint64_t));
        if (n->queue[i].token == NULL) {
            vl_notes_close(n);
            return false;
        }
    }
    return true;
}

void vl_notes_close(struct vl_notes *n)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) {
        free(n->queue[i].token);
        n->queue[i].token = NULL;
    }
}

static struct vl_event note_of(const struct vl_event *ev, const struct vl_notes *n,
                               const struct vl_notes_queue *q, enum virtq_note note)
{
    return (struct vl_event){.kind = VL_EV_NOTE,
                             .agent = ev->agent,
                             .barrier = (uint8_t)note,
                             .queue = (uint8_t)(q - n->queue)};
}

// ---- queues ---------------------------------------------------------------------------------

static void take_note(struct vl_notes *n, const struct vl_event *ev)
{
    struct vl_notes_queue *q = &n->queue[ev->queue % VL_QUEUES];

    switch ((enum virtq_note)ev->barrier) {
    case VIRTQ_NOTE_QUEUE_AREAS:
        q->live = false;
        q->desc = ev->addr - n->bus_offset;
        q->avail = ev->value - n->bus_offset;
        q->used = ev->aux - n->bus_offset;
        q->size = ev->len;
        break;
    case VIRTQ_NOTE_QUEUE_LIVE:
        q->live = q->size > 0 && q->size <= n->size_max && (q->size & (q->size - 1)) == 0;
        q->taken = q->reaped = q->seen_used = (uint16_t)ev->value;
        q->expect = VL_NOWHERE;
        break;
    case VIRTQ_NOTE_QUEUE_DOWN: q->live = false; break;
    default: break;
    }
}

// The slot of a ring at gpa whose slots begin at from, or VL_NONE.
static uint32_t slot_at(const struct vl_notes_queue *q, uint64_t from, uint32_t slot_bytes,
                        uint64_t gpa)
{
    const uint64_t off = gpa - from - VL_RING_SLOTS_OFF;
    return off < (uint64_t)q->size * slot_bytes ? (uint32_t)off / slot_bytes : VL_NONE;
}

// ---- the driver -----------------------------------------------------------------------------

static bool submitted(struct vl_notes *n, struct vl_notes_queue *q, const struct vl_event *ev,
                      struct vl_event *note)
{
    if (slot_at(q, q->avail, VL_AVAIL_SLOT_BYTES, ev->addr) == VL_NONE || ev->value >= q->size) {
        return false;
    }
    q->token[ev->value] = ++n->n_tokens;
    *note = note_of(ev, n, q, VIRTQ_NOTE_SUBMIT);
    note->addr = n->n_tokens;
    note->value = ev->value;
    return true;
}

static bool completed(struct vl_notes *n, struct vl_notes_queue *q, const struct vl_event *ev,
                      struct vl_event *note)
{
    const uint32_t id = (uint32_t)ev->value;

    if (ev->len != VL_USED_SLOT_BYTES || q->reaped == q->seen_used ||
        slot_at(q, q->used, VL_USED_SLOT_BYTES, ev->addr) != (q->reaped & (q->size - 1))) {
        return false;
    }
    q->reaped++;
    if (id >= q->size) {
        return false;
    }
    *note = note_of(ev, n, q, VIRTQ_NOTE_COMPLETE);
    note->addr = q->token[id];
    note->value = id;
    note->len = (uint32_t)(ev->value >> 32);
    return true;
}

static bool by_driver(struct vl_notes *n, struct vl_notes_queue *q, const struct vl_event *ev,
                      struct vl_event *note)
{
    if (ev->kind == VL_EV_STORE) {
        return submitted(n, q, ev, note);
    }
    if (ev->addr == q->used + VL_RING_IDX_OFF) {
        q->seen_used = (uint16_t)ev->value;
        return false;
    }
    return completed(n, q, ev, note);
}

// ---- the device -----------------------------------------------------------------------------

static void begin_chain(struct vl_notes_queue *q, const struct vl_event *ev)
{
    const uint32_t slot = slot_at(q, q->avail, VL_AVAIL_SLOT_BYTES, ev->addr);

    if (slot == (q->taken & (q->size - 1)) && ev->value < q->size) {
        q->head = (uint32_t)ev->value;
        q->expect = q->desc + ev->value * VL_DESC_BYTES;
        q->table = q->desc;
        q->n_table = q->size;
        q->n_elems = 0;
    }
}

static bool accepted(struct vl_notes *n, struct vl_notes_queue *q, const struct vl_event *ev,
                     struct vl_event *note)
{
    const struct vl_desc desc = vl_desc_of(ev->value, ev->aux);

    if ((desc.flags & VL_DESC_INDIRECT) != 0) {
        q->table = q->expect = desc.addr - n->bus_offset;
        q->n_table = desc.len / VL_DESC_BYTES;
        return false;
    }
    q->n_elems++;
    q->expect = VL_NOWHERE;
    if ((desc.flags & VL_DESC_NEXT) != 0) {
        if (desc.next < q->n_table && q->n_elems < q->size) {
            q->expect = q->table + (uint64_t)desc.next * VL_DESC_BYTES;
        }
        return false; // a chain that leads nowhere is not accepted
    }
    q->taken++;
    *note = note_of(ev, n, q, VIRTQ_NOTE_POP);
    note->addr = q->head;
    note->len = q->n_elems;
    return true;
}

static bool by_device(struct vl_notes *n, struct vl_notes_queue *q, const struct vl_event *ev,
                      struct vl_event *note)
{
    if (ev->kind == VL_EV_LOAD && ev->len == VL_DESC_BYTES && ev->addr == q->expect) {
        return accepted(n, q, ev, note);
    }
    if (ev->kind == VL_EV_LOAD && ev->len == VL_AVAIL_SLOT_BYTES) {
        begin_chain(q, ev);
    }
    return false;
}

// ---- events ---------------------------------------------------------------------------------

bool vl_notes_derive(struct vl_notes *n, const struct vl_event *ev, struct vl_event *note)
{
    if (ev->kind == VL_EV_NOTE) {
        take_note(n, ev);
        return false;
    }
    if (ev->kind == VL_EV_ALLOC || ev->kind == VL_EV_MAP) {
        n->bus_offset = ev->value - ev->addr;
        return false;
    }
    if ((ev->kind != VL_EV_LOAD && ev->kind != VL_EV_STORE) || ev->field >= VL_FIELD_DOORBELL) {
        return false;
    }
    const bool driver = ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;
    const bool device = ev->agent == VL_AGENT_DEVICE || ev->agent == VL_AGENT_TRAP;
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        struct vl_notes_queue *q = &n->queue[i];
        if (q->live &&
            ((driver && by_driver(n, q, ev, note)) || (device && by_device(n, q, ev, note)))) {
            return true;
        }
    }
    return false;
}
