// model/core/vl_weak.c -- weak memory in runs: opening, store buffers that drain, and what the
// platform's messages and contexts order.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_weak.h"

#include "model/core/vl_machine.h"

#include <string.h>

_Static_assert(VL_AGENT_COUNT <= VL_CLOCK_AGENTS, "every agent has a clock");
_Static_assert(VL_AGENT_COUNT <= VL_TSO_AGENTS, "every agent has a store buffer");
_Static_assert(VL_WEAK_VECTORS == VL_VECTORS && VL_WEAK_SHARED == VL_SHARED_MAX &&
                   VL_WEAK_SIDES == (unsigned)VL_SIDE_COUNT && VL_RACE_SIDES == VL_WEAK_SIDES,
               "tables of the machine and of its weak memory have one size");
_Static_assert(VL_WEAK_CARRIED >= VL_MSG_MAX + 8 && VL_WEAK_CARRIED < 256,
               "every message has a place for what it carries");

enum virtq_err vl_weak_open(struct vl_weak *w, uint32_t mem_bytes)
{
    memset(w, 0, sizeof(*w));
    enum virtq_err err = vl_rc11_open(&w->rc, mem_bytes / 2, VL_WEAK_POOL);
    if (err == VIRTQ_OK) {
        err = vl_races_open(&w->races, mem_bytes);
    }
    w->rc.sc_view = true;
    vl_tso_init(&w->tso);
    if (err != VIRTQ_OK) {
        vl_weak_close(w);
    }
    return err;
}

void vl_weak_close(struct vl_weak *w)
{
    vl_rc11_close(&w->rc);
    vl_races_close(&w->races);
}

void vl_weak_reset(struct vl_machine *m)
{
    struct vl_weak *w = m->weak;

    if (m->model == VL_MODEL_TSO) {
        vl_tso_reset(&w->tso);
        return;
    }
    vl_rc11_reset(&w->rc);
    vl_races_reset(&w->races, w->last_events);
    memset(w->shared, 0, sizeof(w->shared));
    memset(w->wake, 0, sizeof(w->wake));
    memset(w->vector, 0, sizeof(w->vector));
    w->n_free_carried = VL_WEAK_CARRIED;
    for (uint32_t i = 0; i < VL_WEAK_CARRIED; i++) {
        w->free_carried[i] = (uint8_t)(VL_WEAK_CARRIED - i);
    }
}

// ---- store buffers -----------------------------------------------------------------------------

static void drain_oldest(struct vl_machine *m, unsigned agent)
{
    struct vl_tso_store s;
    uint8_t bytes[VL_TSO_BYTES] = {0};
    uint64_t word[2] = {0, 0};

    vl_tso_drain(&m->weak->tso, agent, 0, m->memory.host, &s);
    vl_memory_mark(&m->memory, s.off, s.bytes, s.seq);
    memcpy(bytes, s.data, s.bytes);
    for (unsigned i = 0; i < VL_TSO_BYTES; i++) {
        word[i / 8] |= (uint64_t)bytes[i] << (8 * (i % 8));
    }
    const struct vl_event ev = {.addr = vl_memory_gpa(&m->memory, s.off),
                                .value = word[0],
                                .aux = word[1],
                                .reads_from = s.seq + 1,
                                .len = s.bytes,
                                .kind = VL_EV_DRAIN,
                                .agent = (uint8_t)agent,
                                .queue = (uint8_t)(s.info >> 8),
                                .field = (uint8_t)s.info};
    vl_emit_hot(m, ev, NULL, NULL);
}

void vl_weak_drain_one(struct vl_machine *m, unsigned agent)
{
    if (m->weak->tso.n[agent] > 0) {
        drain_oldest(m, agent);
    }
}

void vl_weak_drain(struct vl_machine *m, unsigned agent)
{
    if (m->model != VL_MODEL_TSO) {
        return;
    }
    while (m->weak->tso.n[agent] > 0) { // bound: VL_TSO_DEPTH
        drain_oldest(m, agent);
    }
}

// The agent whose oldest store is due first, VL_AGENT_COUNT if none is under way.
static unsigned first_due(const struct vl_machine *m)
{
    const struct vl_tso *tso = &m->weak->tso;
    unsigned first = VL_AGENT_COUNT;

    for (unsigned a = 0; a < VL_AGENT_COUNT && tso->n_all > 0; a++) {
        if (tso->n[a] > 0 &&
            (first == VL_AGENT_COUNT || tso->buffer[a][0].due < tso->buffer[first][0].due)) {
            first = a;
        }
    }
    return first;
}

uint64_t vl_weak_next_due(const struct vl_machine *m)
{
    if (m->model != VL_MODEL_TSO) {
        return UINT64_MAX;
    }
    const unsigned first = first_due(m);
    return first < VL_AGENT_COUNT ? m->weak->tso.buffer[first][0].due : UINT64_MAX;
}

void vl_weak_drain_due(struct vl_machine *m)
{
    while (vl_weak_next_due(m) <= m->step) { // bound: what is under way
        drain_oldest(m, first_due(m));
    }
}

// ---- the platform ------------------------------------------------------------------------------

void vl_weak_order(struct vl_machine *m, unsigned from, unsigned to)
{
    if (m->model == VL_MODEL_RC11) {
        vl_rc11_take(&m->weak->rc, to, vl_rc11_view(&m->weak->rc, from));
    }
    vl_weak_drain(m, from);
}

uint8_t vl_weak_send(struct vl_machine *m, bool orders)
{
    struct vl_weak *w = m->weak;
    const unsigned agent = m->cur->agent;

    if (!orders || m->model == VL_MODEL_SC) {
        return 0;
    }
    if (m->model == VL_MODEL_TSO) {
        vl_weak_drain(m, agent);
        return 0;
    }
    VIRTQ_ASSERT(w->n_free_carried > 0); // there are more places than messages
    const uint8_t place = w->free_carried[--w->n_free_carried];
    w->carried[place] = *vl_rc11_view(&w->rc, agent);
    return place;
}

static void give_back(struct vl_weak *w, uint8_t place)
{
    w->free_carried[w->n_free_carried++] = place;
}

void vl_weak_arrive(struct vl_machine *m, uint8_t carried, unsigned agent)
{
    if (carried != 0) {
        vl_rc11_take(&m->weak->rc, agent, &m->weak->carried[carried]);
        give_back(m->weak, carried);
    }
}

void vl_weak_pending(struct vl_machine *m, uint8_t carried, unsigned vector, bool again)
{
    struct vl_weak *w = m->weak;

    if (m->model != VL_MODEL_RC11) {
        return;
    }
    if (!again) {
        w->vector[vector] = (struct vl_rc11_view){0};
    }
    if (carried != 0) {
        vl_rc11_view_join(&w->vector[vector], &w->carried[carried]);
        give_back(w, carried);
    }
}

void vl_weak_handler(struct vl_machine *m, unsigned vector)
{
    if (m->model == VL_MODEL_RC11 && vector < VL_WEAK_VECTORS) {
        vl_rc11_take(&m->weak->rc, VL_AGENT_HANDLER, &m->weak->vector[vector]);
    }
}

void vl_weak_shared(struct vl_machine *m, uint64_t id, unsigned order)
{
    struct vl_weak *w = m->weak;
    const unsigned agent = m->cur->agent;

    if (m->model == VL_MODEL_TSO && order != VIRTQ_ACQUIRE) {
        vl_weak_drain(m, agent);
    }
    if (m->model != VL_MODEL_RC11) {
        return;
    }
    if (vl_order_acquires(order)) {
        vl_rc11_take(&w->rc, agent, &w->shared[id]);
    }
    if (order == VIRTQ_RELEASE) {
        w->shared[id] = *vl_rc11_view(&w->rc, agent);
    } else if (vl_order_releases(order)) { // carries on what it read
        vl_rc11_view_join(&w->shared[id], vl_rc11_view(&w->rc, agent));
    }
}

void vl_weak_wake(struct vl_machine *m, unsigned side)
{
    struct vl_weak *w = m->weak;

    if (m->model == VL_MODEL_RC11) {
        vl_rc11_view_join(&w->wake[side], vl_rc11_view(&w->rc, m->cur->agent));
    }
    vl_weak_drain(m, m->cur->agent);
}

void vl_weak_woken(struct vl_machine *m, unsigned side)
{
    struct vl_weak *w = m->weak;

    if (m->model == VL_MODEL_RC11) {
        vl_rc11_take(&w->rc, m->cur->agent, &w->wake[side]);
        w->wake[side] = (struct vl_rc11_view){0};
    }
}
