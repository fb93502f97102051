// model/core/vl_machine.c -- strands, messages under way, the end of a run.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_machine.h"

#include "model/core/vl_counter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum virtq_err vl_machine_open(struct vl_machine *m, uint32_t mem_bytes, uint32_t deviations_max,
                               struct vl_deviation *deviations, struct vl_log *log)
{
    memset(m, 0, sizeof(*m));
    enum virtq_err err = vl_memory_open(&m->memory, mem_bytes);
    for (unsigned i = 0; i < VL_SIDE_COUNT && err == VIRTQ_OK; i++) {
        err = vl_fiber_open(&m->strand[i].fiber);
    }
    m->choices.log_max = deviations_max;
    m->choices.log_owned = deviations == NULL;
    m->choices.log =
        deviations != NULL ? deviations : calloc(deviations_max, sizeof(struct vl_deviation));
    m->log_owned = log == NULL;
    m->log = log != NULL ? log : calloc(1, sizeof(struct vl_log));
    if (log == NULL && m->log != NULL) {
        m->log->short_bits = VL_LOG_EVENTS - VL_LOG_SHORT_EVENTS;
    }
    if (err != VIRTQ_OK || m->choices.log == NULL || m->log == NULL) {
        vl_machine_close(m);
        return err != VIRTQ_OK ? err : VIRTQ_ERR_NO_MEMORY;
    }
    return VIRTQ_OK;
}

enum virtq_err vl_machine_open_weak(struct vl_machine *m)
{
    struct vl_weak *w = calloc(1, sizeof(*w));
    if (w == NULL || vl_weak_open(w, m->memory.bytes) != VIRTQ_OK) {
        free(w);
        return VIRTQ_ERR_NO_MEMORY;
    }
    m->weak = w;
    return VIRTQ_OK;
}

void vl_machine_close(struct vl_machine *m)
{
    if (m->weak != NULL) {
        vl_weak_close(m->weak);
        free(m->weak);
        m->weak = NULL;
    }
    if (m->log_owned) {
        free(m->log);
    }
    if (m->choices.log_owned) {
        free(m->choices.log);
    }
    m->log = NULL;
    m->choices.log = NULL;
    for (unsigned i = 0; i < VL_SIDE_COUNT; i++) {
        vl_fiber_close(&m->strand[i].fiber);
    }
    vl_memory_close(&m->memory);
}

void vl_machine_reset(struct vl_machine *m, const struct vl_run_config *config)
{
    vl_memory_reset(&m->memory, m->seq);
    if (m->model == VL_MODEL_RC11) { // as it still is: of the run that ends
        m->weak->last_events = m->seq;
    }
    m->config = *config;
    m->model = (uint8_t)config->model;
    VIRTQ_ASSERT(m->model == VL_MODEL_SC || m->weak != NULL); // vl_machine_open_weak()
    m->step = 0;
    m->next_check = config->budget_events;
    m->first = VL_SIDE_COUNT;
    m->back_at = UINT64_MAX;
    m->seq = 0;
    m->n_msgs = 0;
    m->irq_pending = 0;
    m->irq_ready = false;
    m->irq_masked = false;
    m->trap_busy = false;
    m->intx_level = false;
    m->stopping = false;
    m->n_shared = 0;
    m->hashed = 0;
    vl_hash_init(&m->hash);
    vl_log_reset(m->log);
    m->verdict = (struct vl_verdict){.outcome = VL_CLEAN, .kind = "-", .side = "-"};
    m->interposer = NULL;
    for (unsigned i = 0; i < VL_SIDE_COUNT; i++) {
        struct vl_strand *s = &m->strand[i];
        const struct vl_fiber fiber = s->fiber;
        const struct vl_half half = s->half;
        *s =
            (struct vl_strand){.machine = m, .fiber = fiber, .half = half, .side = (enum vl_side)i};
        s->agent = i == VL_SIDE_DRIVER ? VL_AGENT_DRIVER : VL_AGENT_DEVICE;
        m->port[i] = (struct virtq_port){.machine = m, .side = (enum vl_side)i};
    }
    m->cur = &m->strand[VL_SIDE_DRIVER];
    if (m->model != VL_MODEL_SC) {
        vl_weak_reset(m);
    }
    if (m->config.counters) {
        vl_counter_reset(m);
    }
    m->hostile_side = config->hostile_driver ? VL_SIDE_DRIVER : VL_SIDE_DEVICE;
    m->mischief_lane = config->hostile_driver ? VL_LANE_MISCHIEF_DRIVER : VL_LANE_MISCHIEF_DEVICE;
}

// ---- events ------------------------------------------------------------------------------------

void vl_hash_log(struct vl_machine *m)
{
    const uint32_t n_slots = VL_LOG_EVENTS - m->log->short_bits;

    while (m->hashed < m->seq) { // bound: two pieces of the ring
        const uint32_t slot = (uint32_t)m->hashed & (n_slots - 1);
        uint64_t n = m->seq - m->hashed;
        n = n < n_slots - slot ? n : n_slots - slot;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        // In memory an event is its encoding already.
        vl_hash_update(&m->hash, &m->log->events[slot], (size_t)n * VL_EVENT_BYTES);
#else
        for (uint64_t i = 0; i < n; i++) {
            uint8_t bytes[VL_EVENT_BYTES];
            vl_event_encode(&m->log->events[slot + i], bytes);
            vl_hash_update(&m->hash, bytes, sizeof(bytes));
        }
#endif
        m->hashed += n;
    }
}

uint32_t vl_site_add(struct vl_machine *m, struct virtq_site *site)
{
    // Another machine of this process has given it a number of its own meanwhile.
    const uint32_t n_sites = atomic_load_explicit(&m->log->n_sites, memory_order_relaxed);
    for (uint32_t i = 1; i <= n_sites && i < VL_LOG_SITES; i++) { // bound: VL_LOG_SITES
        if (m->sites[i] == site) {
            site->id = i;
            return i;
        }
    }
    const uint32_t id = vl_log_site_add(m->log, site->file, site->func, site->line);
    site->id = id;
    if (id != 0) {
        m->sites[id] = site;
    }
    return id;
}

void vl_emit(struct vl_machine *m, const struct vl_event *ev, struct virtq_site *site,
             const uint8_t *payload)
{
    vl_emit_hot(m, *ev, site, payload);
}

void vl_lab_event(struct vl_machine *m, enum vl_event_kind kind, uint64_t addr, uint64_t value,
                  uint64_t aux, uint32_t len)
{
    const struct vl_event ev = {.addr = addr,
                                .value = value,
                                .aux = aux,
                                .len = len,
                                .kind = (uint8_t)kind,
                                .agent = m->cur->agent};
    vl_emit_hot(m, ev, NULL, NULL);
}

// ---- the end of a run ---------------------------------------------------------------------------

// Leave for the main fiber; the strands are never resumed in this run.
static void stop(struct vl_machine *m)
{
    m->stopping = true;
    vl_fiber_switch(&m->cur->fiber, &m->main_fiber);
}

void vl_machine_stop(struct vl_machine *m)
{
    stop(m);
}

void vl_finding(struct vl_machine *m, const char *kind, const char *side, const char *detail, ...)
{
    if (m->stopping) {
        return; // the first finding of a run is its finding
    }
    struct vl_verdict *v = &m->verdict;
    va_list args;

    v->outcome = VL_FINDING;
    (void)snprintf(v->kind, sizeof(v->kind), "%s", kind);
    (void)snprintf(v->side, sizeof(v->side), "%s", side);
    va_start(args, detail);
    (void)vsnprintf(v->detail, sizeof(v->detail), detail, args);
    va_end(args);
    v->event = m->seq > 0 ? m->seq - 1 : 0;
    stop(m);
}

void vl_interpose(struct vl_machine *m, struct vl_port_op *op, enum vl_op_phase phase)
{
    const struct vl_interposer *interposer = m->interposer;

    if (interposer != NULL) {
        m->interposer = NULL; // its own port calls are not shown
        interposer->at(interposer->ctx, op, phase);
        m->interposer = interposer;
    }
}

static void end_of_budget(struct vl_machine *m)
{
    m->verdict.outcome = VL_BUDGET;
    (void)snprintf(m->verdict.detail, sizeof(m->verdict.detail),
                   "the run was stopped after %llu port calls",
                   (unsigned long long)m->config.budget_events);
    stop(m);
}

// Body of a strand's fiber. A main context that returns leaves its strand done: the others go on
// until nothing can run.
static void strand_main(void *arg)
{
    struct vl_strand *s = arg;
    struct vl_machine *m = s->machine;

    s->half.main(s->half.ctx);
    vl_lab_event(m, VL_EV_DRIVER_DONE, 0, 0, 0, 0);
    s->done = true;
    vl_block(m);
    VIRTQ_ASSERT(false); // a strand that is done never runs again
}

static struct vl_strand *other_runnable(struct vl_machine *m, uint32_t n);
static void switch_to(struct vl_machine *m, struct vl_strand *to);

// ---- contexts -----------------------------------------------------------------------------------

// Register accesses are answered one at a time, as a device model's lock sees to.
static void enter_context(struct vl_machine *m, unsigned agent, bool sync, uint8_t *saved_agent)
{
    if (m->explored != NULL) {
        m->explored->leave(m->explored->ctx, "a register access");
    }
    if (agent == VL_AGENT_TRAP) {
        while (m->trap_busy) { // bound: a trap ends, or the budget does
            struct vl_strand *other = other_runnable(m, 0);
            VIRTQ_ASSERT(other != NULL); // the strand that the trap is on can run
            switch_to(m, other);
        }
        m->trap_busy = true;
    }
    m->cur->registers = true;
    *saved_agent = m->cur->agent;
    m->cur->agent = (uint8_t)agent;
    m->cur->depth++;
    m->cur->sync = m->cur->sync << 1 | (sync ? 1u : 0);
    if (sync && m->model != VL_MODEL_SC) {
        vl_weak_order(m, *saved_agent, agent);
    }
}

void vl_trap_enter(struct vl_machine *m, unsigned agent, uint8_t *saved_agent)
{
    enter_context(m, agent, true, saved_agent);
}

void vl_trap_enter_unordered(struct vl_machine *m, unsigned agent, uint8_t *saved_agent)
{
    enter_context(m, agent, false, saved_agent);
}

void vl_trap_leave(struct vl_machine *m, uint8_t saved_agent)
{
    if (m->model != VL_MODEL_SC) {
        if ((m->cur->sync & 1u) != 0) {
            vl_weak_order(m, m->cur->agent, saved_agent);
        } else {
            vl_weak_drain(m, m->cur->agent);
        }
    }
    m->cur->sync >>= 1;
    if (m->cur->agent == VL_AGENT_TRAP) {
        m->trap_busy = false;
    }
    m->cur->agent = saved_agent;
    m->cur->depth--;
}

// ---- who runs -----------------------------------------------------------------------------------

static bool can_run(const struct vl_machine *m, const struct vl_strand *s)
{
    if (s->done) {
        return false;
    }
    if (s->depth > 0) {
        return true; // a trap or a handler is at work on it
    }
    if (s->asleep) {
        return s->wake || (s->side == VL_SIDE_DRIVER && m->irq_ready) ||
               (m->config.counters && vl_counter_moved(m, s->side));
    }
    if (s->awaiting) {
        const uint8_t *p = s->await_span->host + s->await_off;
        return (uint16_t)(p[0] | p[1] << 8) != s->await_old ||
               (s->side == VL_SIDE_DRIVER && m->irq_ready);
    }
    return true;
}

static void switch_to(struct vl_machine *m, struct vl_strand *to)
{
    struct vl_strand *from = m->cur;
    m->cur = to;
    if (m->back_side == to->side) {
        m->back_at = UINT64_MAX; // it is back, for whatever reason
    }
    if (!to->started) {
        to->started = true;
        vl_fiber_start(&to->fiber, strand_main, to);
    }
    vl_fiber_switch(&from->fiber, &to->fiber);
}

// The n-th other strand that can run (0 first, in fixed order), or NULL.
static struct vl_strand *other_runnable(struct vl_machine *m, uint32_t n)
{
    for (unsigned i = 0; i < VL_SIDE_COUNT; i++) {
        struct vl_strand *s = &m->strand[i];
        if (s != m->cur && can_run(m, s)) {
            if (n == 0) {
                return s;
            }
            n--;
        }
    }
    return NULL;
}

static uint32_t count_others(struct vl_machine *m)
{
    uint32_t n = 0;
    while (other_runnable(m, n) != NULL) { // bound: VL_SIDE_COUNT
        n++;
    }
    return n;
}

void vl_run_handler(struct vl_machine *m)
{
    struct vl_strand *s = m->cur;
    uint8_t saved = 0;
    uint16_t vector = VL_INTX_VECTOR;

    if (m->irq_pending != 0) {
        vector = (uint16_t)__builtin_ctzll(m->irq_pending);
        m->irq_pending &= m->irq_pending - 1;
    }
    vl_irq_update(m);
    vl_trap_enter(m, VL_AGENT_HANDLER, &saved); // on the driver's CPU: in order with it
    if (m->model != VL_MODEL_SC) {
        vl_weak_handler(m, vector);
    }
    s->half.on_interrupt(s->half.ctx, vector);
    const struct vl_event ev = {
        .addr = vector, .kind = VL_EV_HANDLER_RETURNS, .agent = VL_AGENT_HANDLER};
    vl_emit_hot(m, ev, NULL, NULL);
    vl_trap_leave(m, saved);
    vl_irq_update(m);
}

static enum vl_side other_side(enum vl_side side)
{
    return side == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;
}

// The choices of this port call: preempted, put off, or of another priority from here on.
static void choose_turn(struct vl_machine *m)
{
    const enum vl_side side = m->cur->side;
    const struct vl_turn turn = vl_choose_turn(&m->choices, m->cur->agent, count_others(m));
    struct vl_strand *other = other_runnable(m, turn.preempt > 0 ? turn.preempt - 1 : 0);

    if (turn.priority != 0) {
        m->first = turn.priority == VL_PRIORITY_FIRST ? side : other_side(side);
        m->next_check = m->step + 1;
    }
    if (turn.delay != 0 && other != NULL) {
        m->back_side = side;
        m->back_at = m->step + turn.delay + 1; // at the call behind the last of them
        m->next_check = m->back_at < m->next_check ? m->back_at : m->next_check;
    }
    const bool last = turn.priority == VL_PRIORITY_LAST;
    if (other != NULL && (turn.preempt != 0 || turn.delay != 0 || last)) {
        switch_to(m, other);
    }
}

// Who was put off comes back; who has priority goes on.
static void keep_turns(struct vl_machine *m)
{
    struct vl_strand *back = &m->strand[m->back_side];
    if (m->back_at <= m->step) {
        m->back_at = UINT64_MAX;
        if (back != m->cur && can_run(m, back)) {
            switch_to(m, back);
            return;
        }
    }
    if (m->first != VL_SIDE_COUNT && m->first != m->cur->side && can_run(m, &m->strand[m->first])) {
        switch_to(m, &m->strand[m->first]);
    }
}

void vl_sched_point_slow(struct vl_machine *m)
{
    const uint32_t slot = vl_slot_index(VL_LANE_SCHEDULE, m->cur->agent, 0);
    bool due = false;

    if (m->step >= m->next_check) {
        if (m->step >= m->config.budget_events) {
            end_of_budget(m);
        }
        vl_deliver_due(m);
        due = true;
    }
    if (m->choices.slots[slot].n == m->choices.slots[slot].next) {
        choose_turn(m);
    } else if (due) {
        keep_turns(m);
    }
    // Level-triggered and several vectors: one handler run each, then the driver goes on; a line
    // that stays high interrupts it again at its next port call.
    if (m->irq_ready && m->cur->side == VL_SIDE_DRIVER && m->cur->depth == 0 && !m->cur->asleep) {
        vl_run_handler(m);
    }
}

void vl_step_aside(struct vl_machine *m)
{
    struct vl_strand *other = other_runnable(m, 0);
    if (m->first == m->cur->side) {
        m->first = other_side(m->first); // it only waits: a turn for the other, or nobody gets on
    }
    if (other != NULL) {
        switch_to(m, other);
        return;
    }
    // Nobody else can run: time passes until the next message.
    const uint64_t next = vl_next_due(m);
    if (next != UINT64_MAX) {
        m->step = next > m->step ? next : m->step;
        vl_deliver_due(m);
    }
}

void vl_block(struct vl_machine *m)
{
    struct vl_strand *self = m->cur;

    while (!can_run(m, self)) { // bound: the budget, or quiescence
        struct vl_strand *other = other_runnable(m, 0);
        if (other != NULL) {
            switch_to(m, other);
        } else if (vl_next_due(m) != UINT64_MAX) {
            vl_step_aside(m);
        } else {
            vl_lab_event(m, VL_EV_QUIESCENT, 0, 0, 0, 0);
            stop(m);
        }
    }
}

// ---- running ------------------------------------------------------------------------------------

const struct vl_verdict *vl_machine_run(struct vl_machine *m)
{
    struct vl_strand *first = &m->strand[VL_SIDE_DRIVER];

    vl_fiber_adopt(&m->main_fiber);
    m->cur = first;
    first->started = true;
    vl_fiber_start(&first->fiber, strand_main, first);
    vl_fiber_switch(&m->main_fiber, &first->fiber);

    m->verdict.n_events = m->seq;
    if (m->config.hashing) {
        vl_hash_log(m);
        m->verdict.hash = vl_hash_final(&m->hash);
    }
    return &m->verdict;
}
