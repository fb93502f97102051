// model/memory/vl_rc11.c -- the operational RC11: floors, options, and what accesses hand over.
// Sources: see vl_model.h; clocks in place of the usual per-location views, since happens-before
// itself is wanted too, for races.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_rc11.h"

#include <stdlib.h>
#include <string.h>

#define RULES_COHERENCE                                                                            \
    (VL_RULE_COHERENCE_WW | VL_RULE_COHERENCE_WR | VL_RULE_COHERENCE_RW | VL_RULE_COHERENCE_RR)

enum virtq_err vl_rc11_open(struct vl_rc11 *rc, uint32_t n_cells, uint32_t pool)
{
    memset(rc, 0, sizeof(*rc));
    if (n_cells == 0 || pool == 0 || pool > VL_RC11_POOL_MAX) {
        return VIRTQ_ERR_INVALID;
    }
    rc->rules = VL_RULES_ALL;
    rc->n_cells = n_cells;
    rc->pool = pool;
    rc->newest = calloc(n_cells, sizeof(rc->newest[0]));
    rc->length = calloc(n_cells, sizeof(rc->length[0]));
    rc->msgs = calloc(pool + 1, sizeof(rc->msgs[0]));
    if (rc->newest == NULL || rc->length == NULL || rc->msgs == NULL) {
        vl_rc11_close(rc);
        return VIRTQ_ERR_NO_MEMORY;
    }
    return VIRTQ_OK;
}

void vl_rc11_close(struct vl_rc11 *rc)
{
    free(rc->newest);
    free(rc->length);
    free(rc->msgs);
    rc->newest = NULL;
    rc->length = NULL;
    rc->msgs = NULL;
}

static void forget_cells(struct vl_rc11 *rc)
{
    for (uint32_t i = 1; i <= rc->fresh; i++) { // bound: the pool
        rc->newest[rc->msgs[i].cell] = 0;
        rc->length[rc->msgs[i].cell] = 0;
    }
}

void vl_rc11_reset(struct vl_rc11 *rc)
{
    forget_cells(rc);
    rc->fresh = 0;
    rc->n_live = 0;
    rc->free = 0;
    memset(&rc->sc, 0, sizeof(rc->sc));
    memset(rc->agent, 0, sizeof(rc->agent));
}

void vl_rc11_copy(struct vl_rc11 *to, const struct vl_rc11 *from)
{
    forget_cells(to);
    to->rules = from->rules;
    to->sc_view = from->sc_view;
    to->fresh = from->fresh;
    to->n_live = from->n_live;
    to->free = from->free;
    to->sc = from->sc;
    memcpy(to->agent, from->agent, sizeof(to->agent));
    memcpy(to->msgs, from->msgs, (from->fresh + 1) * sizeof(to->msgs[0]));
    for (uint32_t i = 1; i <= from->fresh; i++) { // bound: the pool
        const uint32_t cell = from->msgs[i].cell;
        to->newest[cell] = from->newest[cell];
        to->length[cell] = from->length[cell];
    }
}

// ---- messages ----------------------------------------------------------------------------------

static uint16_t take_message(struct vl_rc11 *rc)
{
    uint16_t id = rc->free;
    if (id != 0) {
        rc->free = rc->msgs[id].older;
    } else if (rc->fresh < rc->pool) {
        id = (uint16_t)++rc->fresh;
    } else {
        return 0;
    }
    rc->n_live++;
    return id;
}

static void drop_message(struct vl_rc11 *rc, uint16_t id)
{
    struct vl_rc11_msg *m = &rc->msgs[id];
    rc->length[m->cell]--;
    rc->n_live--;
    m->flags = 0;
    m->older = rc->free;
    rc->free = id;
}

// A message without a view, that nobody has read, behind another one or as the first of its cell.
static uint16_t link_message(struct vl_rc11 *rc, uint32_t cell, uint16_t behind, uint16_t value,
                             unsigned agent, uint32_t seq)
{
    const uint16_t id = take_message(rc);
    if (id == 0) {
        return 0;
    }
    struct vl_rc11_msg *m = &rc->msgs[id];
    memset(&m->view, 0, sizeof(m->view));
    m->read.vec = (vl_clock_vec){VL_CLOCK_NEVER, VL_CLOCK_NEVER, VL_CLOCK_NEVER, VL_CLOCK_NEVER,
                                 VL_CLOCK_NEVER, VL_CLOCK_NEVER, VL_CLOCK_NEVER, VL_CLOCK_NEVER};
    m->seq = seq;
    m->cell = cell;
    m->value = value;
    m->agent = (uint8_t)agent;
    m->flags = VL_RC11_LIVE;
    m->older = behind;
    m->newer = behind != 0 ? rc->msgs[behind].newer : 0;
    if (behind != 0) {
        rc->msgs[behind].newer = id;
    }
    if (m->newer != 0) {
        rc->msgs[m->newer].older = id;
    } else {
        rc->newest[cell] = id;
    }
    rc->length[cell]++;
    return id;
}

bool vl_rc11_touch(struct vl_rc11 *rc, uint32_t cell, uint16_t value, uint32_t seq)
{
    if (rc->newest[cell] != 0) {
        return true;
    }
    const uint16_t id = link_message(rc, cell, 0, value, 0, seq);
    rc->msgs[id].flags |= VL_RC11_FIRST; // message 0 is nobody's
    return id != 0;
}

// ---- floors and options ------------------------------------------------------------------------

// What is older than this message cannot be seen by a load of the agent.
static bool load_floor(const struct vl_rc11 *rc, unsigned agent, const struct vl_rc11_msg *m)
{
    const union vl_clock *cov = &rc->agent[agent].cur.cov;
    return m->older == 0 ||
           ((rc->rules & VL_RULE_COHERENCE_WR) != 0 && vl_clock_knows(cov, m->agent, m->seq)) ||
           ((rc->rules & VL_RULE_COHERENCE_RR) != 0 && vl_clock_knows_any(cov, &m->read));
}

// A store of the agent cannot go before this message.
static bool store_floor(const struct vl_rc11 *rc, unsigned agent, const struct vl_rc11_msg *m)
{
    const union vl_clock *cov = &rc->agent[agent].cur.cov;
    return m->older == 0 ||
           ((rc->rules & VL_RULE_COHERENCE_WW) != 0 && vl_clock_knows(cov, m->agent, m->seq)) ||
           ((rc->rules & VL_RULE_COHERENCE_RW) != 0 && vl_clock_knows_any(cov, &m->read));
}

// Something may be put behind the message: what stands there is not glued to it.
static bool open_behind(const struct vl_rc11 *rc, const struct vl_rc11_msg *m)
{
    return m->newer == 0 || (rc->rules & VL_RULE_ATOMICITY) == 0 ||
           (rc->msgs[m->newer].flags & VL_RC11_RMW_STORE) == 0;
}

static bool rmw_open(const struct vl_rc11 *rc, const struct vl_rc11_msg *m)
{
    return (rc->rules & VL_RULE_ATOMICITY) == 0 || (m->flags & VL_RC11_RMW_READ) == 0;
}

uint16_t vl_rc11_load_option(const struct vl_rc11 *rc, unsigned agent, uint32_t cell, uint32_t k)
{
    uint16_t id = rc->newest[cell];
    for (uint32_t i = 0; i < k && id != 0; i++) { // bound: the cell's history
        id = load_floor(rc, agent, &rc->msgs[id]) ? 0 : rc->msgs[id].older;
    }
    return id;
}

uint16_t vl_rc11_store_option(const struct vl_rc11 *rc, unsigned agent, uint32_t cell, uint32_t k)
{
    uint16_t id = rc->newest[cell];
    while (id != 0) { // bound: the cell's history
        const struct vl_rc11_msg *m = &rc->msgs[id];
        if (open_behind(rc, m) && k-- == 0) {
            return id;
        }
        id = store_floor(rc, agent, m) ? 0 : m->older;
    }
    return 0;
}

uint16_t vl_rc11_rmw_option(const struct vl_rc11 *rc, unsigned agent, uint32_t cell, uint32_t k)
{
    uint16_t id = rc->newest[cell];
    while (id != 0) { // bound: the cell's history
        const struct vl_rc11_msg *m = &rc->msgs[id];
        if (rmw_open(rc, m) && k-- == 0) {
            return id;
        }
        id = load_floor(rc, agent, m) || store_floor(rc, agent, m) ? 0 : m->older;
    }
    return 0;
}

uint32_t vl_rc11_load_options(const struct vl_rc11 *rc, unsigned agent, uint32_t cell)
{
    uint32_t n = 1;
    // bound: the cell's history
    for (uint16_t id = rc->newest[cell]; !load_floor(rc, agent, &rc->msgs[id]); n++) {
        id = rc->msgs[id].older;
    }
    return n;
}

uint32_t vl_rc11_store_options(const struct vl_rc11 *rc, unsigned agent, uint32_t cell)
{
    uint32_t n = 0;
    for (uint16_t id = rc->newest[cell]; id != 0;) { // bound: the cell's history
        const struct vl_rc11_msg *m = &rc->msgs[id];
        n += open_behind(rc, m) ? 1 : 0;
        id = store_floor(rc, agent, m) ? 0 : m->older;
    }
    return n;
}

uint32_t vl_rc11_rmw_options(const struct vl_rc11 *rc, unsigned agent, uint32_t cell)
{
    uint32_t n = 0;
    for (uint16_t id = rc->newest[cell]; id != 0;) { // bound: the cell's history
        const struct vl_rc11_msg *m = &rc->msgs[id];
        n += rmw_open(rc, m) ? 1 : 0;
        id = load_floor(rc, agent, m) || store_floor(rc, agent, m) ? 0 : m->older;
    }
    return n;
}

bool vl_rc11_rmw_may_read(const struct vl_rc11 *rc, unsigned agent, uint16_t msg)
{
    uint16_t id = rc->newest[rc->msgs[msg].cell];
    while (id != msg) { // bound: the cell's history
        const struct vl_rc11_msg *m = &rc->msgs[id];
        if (load_floor(rc, agent, m) || store_floor(rc, agent, m)) {
            return false;
        }
        id = m->older;
    }
    return rmw_open(rc, &rc->msgs[msg]);
}

// ---- accesses ----------------------------------------------------------------------------------

static void read_message(struct vl_rc11 *rc, unsigned agent, struct vl_rc11_msg *m, unsigned order,
                         uint32_t seq)
{
    if (seq < (uint32_t)m->read.at[agent]) {
        m->read.at[agent] = (int32_t)seq;
    }
    vl_rc11_tick(rc, agent, seq);
    if (order == VIRTQ_PLAIN) {
        return;
    }
    const bool acquires = vl_order_acquires(order) && (rc->rules & VL_RULE_ACQUIRE) != 0;
    vl_rc11_view_join(acquires ? &rc->agent[agent].cur : &rc->agent[agent].acq, &m->view);
}

// What a store of this order hands to an acquiring reader.
static void hand_over(struct vl_rc11 *rc, unsigned agent, struct vl_rc11_msg *m, unsigned order)
{
    if (order == VIRTQ_PLAIN) {
        m->flags |= VL_RC11_PLAIN;
    } else if (vl_order_releases(order) && (rc->rules & VL_RULE_RELEASE) != 0) {
        m->view = rc->agent[agent].cur;
    } else if ((rc->rules & VL_RULE_FENCE_RELEASE) != 0) {
        m->view = rc->agent[agent].rel;
    }
}

uint16_t vl_rc11_load(struct vl_rc11 *rc, unsigned agent, uint16_t msg, unsigned order,
                      uint32_t seq)
{
    struct vl_rc11_msg *m = &rc->msgs[msg];
    read_message(rc, agent, m, order, seq);
    return m->value;
}

uint16_t vl_rc11_store(struct vl_rc11 *rc, unsigned agent, uint16_t behind, uint16_t value,
                       unsigned order, uint32_t seq)
{
    const uint16_t id = link_message(rc, rc->msgs[behind].cell, behind, value, agent, seq);
    if (id != 0) {
        vl_rc11_tick(rc, agent, seq);
        hand_over(rc, agent, &rc->msgs[id], order);
    }
    return id;
}

uint16_t vl_rc11_rmw(struct vl_rc11 *rc, unsigned agent, uint16_t msg, uint16_t value,
                     unsigned order, uint32_t seq)
{
    const uint16_t id = link_message(rc, rc->msgs[msg].cell, msg, value, agent, seq);
    if (id == 0) {
        return 0;
    }
    struct vl_rc11_msg *from = &rc->msgs[msg];
    struct vl_rc11_msg *m = &rc->msgs[id];
    read_message(rc, agent, from, order, seq);
    hand_over(rc, agent, m, order);
    if ((rc->rules & VL_RULE_RELEASE_SEQUENCE) != 0) {
        vl_rc11_view_join(&m->view, &from->view);
    }
    from->flags |= VL_RC11_RMW_READ;
    m->flags |= VL_RC11_RMW_STORE;
    return id;
}

void vl_rc11_fence(struct vl_rc11 *rc, unsigned agent, unsigned order, uint32_t seq)
{
    struct vl_rc11_agent *a = &rc->agent[agent];

    vl_rc11_tick(rc, agent, seq);
    if (vl_order_acquires(order) && (rc->rules & VL_RULE_FENCE_ACQUIRE) != 0) {
        vl_rc11_view_join(&a->cur, &a->acq);
    }
    if (order == VIRTQ_SEQ_CST && rc->sc_view && (rc->rules & VL_RULE_PSC_FENCE) != 0) {
        vl_clock_join(&a->cur.cov, &rc->sc);
        rc->sc = a->cur.cov;
    }
    if (vl_order_releases(order)) {
        a->rel = a->cur;
    }
}

// ---- bounding ----------------------------------------------------------------------------------

void vl_rc11_trim_cell(struct vl_rc11 *rc, uint32_t cell, uint32_t agents)
{
    uint16_t id = rc->newest[cell];

    if (id == 0 || (rc->rules & RULES_COHERENCE) != RULES_COHERENCE) {
        return;
    }
    for (; id != 0; id = rc->msgs[id].older) { // bound: the cell's history
        for (unsigned a = 0; a < VL_CLOCK_AGENTS; a++) {
            if ((agents >> a & 1u) != 0 && load_floor(rc, a, &rc->msgs[id])) {
                agents &= ~(1u << a);
            }
        }
        if (agents == 0) {
            break;
        }
    }
    if (id == 0) {
        return;
    }
    uint16_t older = rc->msgs[id].older;
    rc->msgs[id].older = 0;
    while (older != 0) { // bound: the cell's history
        const uint16_t next = rc->msgs[older].older;
        drop_message(rc, older);
        older = next;
    }
}

void vl_rc11_trim(struct vl_rc11 *rc, uint32_t agents)
{
    for (uint32_t i = 1; i <= rc->fresh; i++) { // bound: the pool
        const struct vl_rc11_msg *m = &rc->msgs[i];
        if ((m->flags & VL_RC11_LIVE) != 0 && m->newer == 0) {
            vl_rc11_trim_cell(rc, m->cell, agents);
        }
    }
}
