// model/core/vl_event.c -- names of events, agents and fields, and an event's encoding.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_event.h"

#define VL_NAME_(id, name) name,
static const char *const agent_names[] = {VL_AGENTS(VL_NAME_)};
static const char *const field_names[] = {VL_FIELDS(VL_NAME_)};
static const char *const kind_names[] = {VL_EVENT_KINDS(VL_NAME_)};
static const char *const note_names[] = {VIRTQ_NOTES(VL_NAME_)};

#define VL_BARRIER_NAME_(id, name, strength, partner, side, orders) name,
static const char *const barrier_names[] = {"-", VIRTQ_BARRIERS(VL_BARRIER_NAME_)};

static const char *const order_names[] = {"plain", "rlx", "acq", "rel", "ar", "sc"};

#define LOOK_UP(table, i) ((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "?")

const char *vl_agent_name(unsigned agent)
{
    return LOOK_UP(agent_names, agent);
}

const char *vl_field_name(unsigned field)
{
    return LOOK_UP(field_names, field);
}

const char *vl_event_kind_name(unsigned kind)
{
    return LOOK_UP(kind_names, kind);
}

const char *vl_note_name(unsigned note)
{
    return LOOK_UP(note_names, note);
}

const char *vl_barrier_name(unsigned barrier)
{
    return LOOK_UP(barrier_names, barrier);
}

const char *vl_order_name(unsigned order)
{
    return LOOK_UP(order_names, order);
}

static void put(uint8_t *out, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

void vl_event_encode(const struct vl_event *ev, uint8_t out[VL_EVENT_BYTES])
{
    put(out, ev->addr, 8);
    put(out + 8, ev->value, 8);
    put(out + 16, ev->aux, 8);
    put(out + 24, ev->reads_from, 4);
    put(out + 28, ev->len, 4);
    out[32] = ev->kind;
    out[33] = ev->agent;
    out[34] = ev->order;
    out[35] = ev->barrier;
    out[36] = ev->queue;
    out[37] = ev->field;
    out[38] = 0;
    out[39] = 0;
}
