// tools/lab/lab_guide.c -- one execution of the explorer as an ordinary run.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_guide.h"

#include "tools/lab/lab_world_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 1024u
#define STEPS_MAX (2 * EVENTS_MAX)
#define HELD (UINT64_MAX - 1) // port call that never comes

struct step {
    struct vl_x_event event;
    uint32_t id;
    bool drains; // tso: the store reaches memory here
};

// tso: a store that is under way.
struct waiting {
    uint32_t id;
    uint32_t deviation; // its place in the record
    uint64_t issued;    // port call
};

struct lab_guide {
    struct lab *lab;
    bool up;        // set-up is over
    bool diverged;  // the run does not follow the graph
    bool orderless; // there is no order of steps in which the machine can take the graph
    bool sayable;   // its choices can be said as deviations
    char why[LAB_ERR_BYTES];
    uint32_t n_steps;
    uint32_t at;
    struct step step[STEPS_MAX];
    uint32_t number[STEPS_MAX];
    uint32_t n_waiting;
    struct waiting waiting[VL_SIDE_COUNT * VL_TSO_DEPTH];
    uint32_t n_deviations;
};

static void diverge(struct lab_guide *g, const char *what, uint64_t n)
{
    if (!g->diverged) {
        g->diverged = true;
        (void)snprintf(g->why, sizeof(g->why),
                       "the run leaves the execution at step %" PRIu32 " of %" PRIu32
                       ": %s (%" PRIu64 ")",
                       g->at, g->n_steps, what, n);
    }
}

// A step is done. What comes next may be none of the machine's.
static void advance(struct lab_guide *g)
{
    g->at++;
    while (g->at < g->n_steps && g->step[g->at].event.tag == VL_X_LEAVES) { // bound: steps
        g->at++;
    }
}

static bool following(const struct lab_guide *g)
{
    return g->up && !g->diverged && g->at < g->n_steps;
}

// ---- what happens -------------------------------------------------------------------------------

static bool fits(const struct step *s, const struct vl_event *ev)
{
    switch ((enum vl_x_op)s->event.op) {
    case VL_X_LOAD:
    case VL_X_AWAIT: return ev->kind == VL_EV_LOAD && ev->value == s->event.value;
    case VL_X_STORE: return ev->kind == VL_EV_STORE && ev->value == s->event.value;
    case VL_X_FENCE:
        return s->event.tag == VL_X_LOCKED ? ev->kind == VL_EV_SHARED
                                           : ev->kind == VL_EV_FENCE && ev->order == s->event.order;
    case VL_X_PLAIN_LOAD:
        return (ev->kind == VL_EV_LOAD || ev->kind == VL_EV_READ) && ev->len == s->event.len;
    case VL_X_PLAIN_STORE:
        return (ev->kind == VL_EV_STORE || ev->kind == VL_EV_WRITE) && ev->len == s->event.len;
    case VL_X_ADD:
    case VL_X_XCHG:
    case VL_X_CAS: break;
    }
    return false; // no half has read-modify-writes
}

// Structures and entries are plain: the graph does not say when they drain.
static bool is_plain_field(unsigned field)
{
    return field == VL_FIELD_DESC || field == VL_FIELD_INDIRECT || field == VL_FIELD_AVAIL_RING ||
           field == VL_FIELD_USED_RING || field == VL_FIELD_BUFFER;
}

static bool is_access(const struct vl_event *ev, bool tso)
{
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_LOAD:
    case VL_EV_STORE:
    case VL_EV_READ:
    case VL_EV_WRITE: return true;
    case VL_EV_FENCE: return ev->order > VIRTQ_RELAXED;
    case VL_EV_SHARED: return tso && ev->order == VIRTQ_ACQ_REL;
    default: return false;
    }
}

// A store reached memory: the delay that it should have had is known now.
static void note_drain(struct lab_guide *g, uint32_t id)
{
    struct vl_machine *m = g->lab->machine;
    for (uint32_t i = 0; i < g->n_waiting; i++) { // bound: both buffers
        if (g->waiting[i].id != id) {
            continue;
        }
        const uint64_t delay = m->step - g->waiting[i].issued;
        g->sayable = g->sayable && delay < VL_DRAIN_OPTIONS;
        m->choices.log[g->waiting[i].deviation].value = (uint32_t)delay;
        g->waiting[i] = g->waiting[--g->n_waiting];
        return;
    }
}

// The store that was just issued waits until the graph drains it, however long.
static void hold(struct lab_guide *g, unsigned agent)
{
    struct vl_tso *tso = &g->lab->machine->weak->tso;
    if (tso->n[agent] > 0) {
        tso->buffer[agent][tso->n[agent] - 1].due = HELD;
    }
}

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct lab_guide *g = ctx;
    const struct step *s = &g->step[g->at];
    const bool tso = g->lab->machine->model == VL_MODEL_TSO;

    (void)seq;
    (void)payload;
    if (!following(g)) {
        return;
    }
    if (ev->kind == VL_EV_DRAIN && is_plain_field(ev->field)) {
        return; // it waited behind a ring word, and nobody is to see it before that
    }
    if (ev->kind == VL_EV_DRAIN) {
        if (!s->drains || s->event.thread != ev->agent || s->event.value != ev->value) {
            diverge(g, "another store drains", ev->addr);
            return;
        }
        note_drain(g, s->id);
        advance(g);
        return;
    }
    if (!is_access(ev, tso)) {
        return;
    }
    if (s->drains || s->event.thread != ev->agent || !fits(s, ev)) {
        diverge(g, "another access, at event", seq);
        return;
    }
    advance(g);
    if (s->event.op == VL_X_STORE && tso && g->n_waiting > 0) {
        hold(g, ev->agent);
    }
    // A store that drains at once is one step of the machine.
    if (s->event.op == VL_X_STORE && following(g) && g->step[g->at].drains &&
        g->step[g->at].id == s->id && g->lab->machine->weak->tso.n[ev->agent] == 0) {
        advance(g);
    }
}

// ---- what is chosen -----------------------------------------------------------------------------

// How many of the stores made so far to the step's location stand behind place mo.
static uint32_t newer(const struct lab_guide *g, const struct vl_x_event *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->at; i++) { // bound: steps
        const struct vl_x_event *s = &g->step[i].event;
        n += s->op == VL_X_STORE && !g->step[i].drains && s->loc == e->loc && s->mo > e->mo;
    }
    return n;
}

// Drain what the graph drains here.
static void drain(struct lab_guide *g)
{
    struct vl_machine *m = g->lab->machine;
    while (following(g) && g->step[g->at].drains) { // bound: steps
        const uint32_t before = g->at;
        const uint8_t thread = g->step[g->at].event.thread;
        const struct vl_tso *tso = &m->weak->tso;
        while (g->at == before && tso->n[thread] > 0) { // bound: VL_TSO_DEPTH
            vl_weak_drain_one(m, thread);
        }
        // What waited behind it without a reason of its own comes with it.
        while (tso->n[thread] > 0 && is_plain_field((uint8_t)tso->buffer[thread][0].info)) {
            vl_weak_drain_one(m, thread); // bound: VL_TSO_DEPTH
        }
        if (g->at == before) {
            diverge(g, "nothing is there to drain", g->at);
        }
    }
}

static uint32_t choose_thread(struct lab_guide *g, uint32_t n_options)
{
    drain(g);
    if (!following(g)) {
        return 0;
    }
    const bool other = (uint32_t)g->lab->machine->cur->side != g->step[g->at].event.thread;
    return other && n_options > 1 ? 1 : 0;
}

// A store stays under way unless it drains at once. How long is known when it drains.
static uint32_t choose_delay(struct lab_guide *g)
{
    const struct vl_machine *m = g->lab->machine;
    const struct step *s = &g->step[g->at];
    const bool at_once =
        g->at + 1 < g->n_steps && g->step[g->at + 1].drains && g->step[g->at + 1].id == s->id;

    if (at_once || g->n_waiting == VL_SIDE_COUNT * VL_TSO_DEPTH) {
        return 0;
    }
    g->waiting[g->n_waiting++] =
        (struct waiting){.id = s->id, .deviation = m->choices.n_log, .issued = m->step};
    return VL_DRAIN_OPTIONS - 1;
}

static uint32_t choose(void *ctx, unsigned lane, unsigned agent, unsigned key, uint32_t n_options)
{
    struct lab_guide *g = ctx;

    (void)key;
    if (!following(g)) {
        return 0;
    }
    if (lane == VL_LANE_SCHEDULE) {
        return choose_thread(g, n_options);
    }
    // Where payload is cut is chosen before its port call, and is no choice of the graph.
    if ((lane != VL_LANE_READ && lane != VL_LANE_STORE) || agent > VL_AGENT_DEVICE ||
        key == vl_choice_key(0, VL_FIELD_BUFFER)) {
        return 0;
    }
    const struct vl_x_event *e = &g->step[g->at].event;
    const bool plain = e->op == VL_X_PLAIN_LOAD || e->op == VL_X_PLAIN_STORE;
    if (g->step[g->at].drains || e->thread != agent) {
        diverge(g, "an access of the other side", agent);
        return 0;
    }
    if (g->lab->machine->model == VL_MODEL_TSO && lane == VL_LANE_STORE && n_options > 1 &&
        e->op != VL_X_LOAD) {
        return e->op == VL_X_STORE ? choose_delay(g) : 0;
    }
    if (g->lab->machine->model != VL_MODEL_RC11 || plain) {
        return 0;
    }
    const uint32_t back = newer(g, e);
    if (back >= n_options) {
        diverge(g, "the store is not among those that can be seen", back);
        return 0;
    }
    return back;
}

// ---- running ------------------------------------------------------------------------------------

static void set_up_is_over(void *ctx)
{
    struct lab_guide *g = ctx;
    g->up = true;
}

struct lab_guide *lab_guide_open(const struct lab_scenario *s, const char *player_dir,
                                 char err[LAB_ERR_BYTES])
{
    const struct lab_options options = {.player_dir = player_dir, .referees = true};
    struct lab_scenario counters = *s;
    struct lab_guide *g = calloc(1, sizeof(*g));

    counters.notify = LAB_NOTIFY_COUNTER;
    if (g != NULL) {
        g->lab = lab_open(&counters, &options, err);
    } else {
        (void)snprintf(err, LAB_ERR_BYTES, "not enough memory");
    }
    if (g == NULL || g->lab == NULL) {
        free(g);
        return NULL;
    }
    const struct vl_observer observer = {.ctx = g, .on_event = on_event};
    lab_set_observer(g->lab, &observer);
    g->lab->up = set_up_is_over;
    g->lab->up_ctx = g;
    return g;
}

void lab_guide_close(struct lab_guide *g)
{
    if (g != NULL) {
        lab_close(g->lab);
        free(g);
    }
}

// The graph's steps, without waits that have not ended: nothing of their thread comes behind them,
// and the machine finds by itself that it is to sleep there.
static bool plan(struct lab_guide *g, const struct vl_explore *x, char err[LAB_ERR_BYTES])
{
    if (vl_x_n_events(x) > EVENTS_MAX) {
        (void)snprintf(err, LAB_ERR_BYTES, "the execution has more than %u events", EVENTS_MAX);
        return false;
    }
    const uint32_t n = vl_x_linear(x, g->number);
    g->n_steps = 0;
    for (uint32_t i = 0; i < n; i++) { // bound: STEPS_MAX
        struct step *s = &g->step[g->n_steps];
        s->id = g->number[i] & ~VL_X_DRAINS;
        s->drains = (g->number[i] & VL_X_DRAINS) != 0;
        vl_x_describe(x, s->id, &s->event);
        g->n_steps += s->event.waits ? 0 : 1;
    }
    if (g->n_steps == 0) {
        g->orderless = true;
        (void)snprintf(err, LAB_ERR_BYTES, "the execution has no order that a machine can take");
    }
    return g->n_steps > 0;
}

const struct vl_verdict *lab_guide_run(struct lab_guide *g, const struct vl_explore *x,
                                       char err[LAB_ERR_BYTES])
{
    const struct lab_choices choices = {.source = VL_SOURCE_GUIDE,
                                        .guide = {.ctx = g, .choose = choose}};

    g->up = g->diverged = g->orderless = false;
    g->sayable = true;
    g->at = g->n_waiting = 0;
    if (!plan(g, x, err)) {
        return NULL;
    }
    const struct vl_verdict *v = lab_run(g->lab, &choices);
    if (!g->diverged && g->at < g->n_steps && v->outcome != VL_FINDING) {
        diverge(g, "it ends before", g->n_steps);
    }
    if (g->diverged) {
        (void)snprintf(err, LAB_ERR_BYTES, "%s", g->why);
        return NULL;
    }
    g->n_deviations =
        vl_deviations_canonical(g->lab->machine->choices.log, g->lab->machine->choices.n_log);
    return v;
}

bool lab_guide_orderless(const struct lab_guide *g)
{
    return g->orderless;
}

bool lab_guide_sayable(const struct lab_guide *g)
{
    return g->sayable;
}

uint32_t lab_guide_deviations(struct lab_guide *g, const struct vl_deviation **list)
{
    *list = g->lab->machine->choices.log;
    return g->n_deviations;
}

const struct lab_scenario *lab_guide_scenario(const struct lab_guide *g)
{
    return &g->lab->scenario;
}
