// tests/explore/test_order.c -- what the explorer says of an execution: its events, an order that a
// machine can take, plain bytes and races (model/explore/vl_explore.h).
// Method: every execution of a few programs under each model; the order is taken by a machine that
// is written anew here, one memory for sc, one with store buffers for tso.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/explore/small_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EVENTS_MAX 64u

enum { X, Y, Z };

static const char here[] = "here";
static const char there[] = "there";

// ---- programs -----------------------------------------------------------------------------------

#define RLX VIRTQ_RELAXED

static const struct vl_x_access buffering[2][3] = {{W_(X, 1, RLX), R_(Y, RLX), R_(X, RLX)},
                                                   {W_(Y, 1, RLX), R_(X, RLX), R_(Y, RLX)}};
static const struct vl_x_access fenced[2][4] = {
    {W_(X, 1, RLX), F_(VIRTQ_SEQ_CST), R_(Y, RLX), W_(Y, 3, RLX)},
    {W_(Y, 1, RLX), F_(VIRTQ_SEQ_CST), R_(X, RLX), W_(X, 3, RLX)}};
static const struct vl_x_access passing[2][3] = {
    {PW_(0, "AB", here), W_(X, 1, VIRTQ_RELEASE), W_(X, 2, RLX)},
    {AWAIT_(X, 0), R_(X, RLX), R_(X, RLX)}};
static const struct vl_x_access adding[3][2] = {
    {ADD_(X, 1), R_(Y, RLX)}, {ADD_(X, 1), W_(Y, 1, RLX)}, {W_(X, 8, RLX), R_(Y, RLX)}};
// A load that comes to see what is stored after it: revisited, so that it was added first.
static const struct vl_x_access chain[3][2] = {{R_(X, VIRTQ_ACQUIRE), W_(Y, 1, VIRTQ_RELEASE)},
                                               {R_(Y, VIRTQ_ACQUIRE), W_(Z, 1, VIRTQ_RELEASE)},
                                               {W_(X, 1, VIRTQ_RELEASE), R_(Z, VIRTQ_ACQUIRE)}};

static void set_program(struct small *s, unsigned which)
{
    switch (which) {
    case 0:
        SMALL_THREAD(s, 0, buffering[0]);
        SMALL_THREAD(s, 1, buffering[1]);
        break;
    case 1:
        SMALL_THREAD(s, 0, fenced[0]);
        SMALL_THREAD(s, 1, fenced[1]);
        break;
    case 2:
        SMALL_THREAD(s, 0, passing[0]);
        SMALL_THREAD(s, 1, passing[1]);
        break;
    case 3:
        SMALL_THREAD(s, 0, adding[0]);
        SMALL_THREAD(s, 1, adding[1]);
        SMALL_THREAD(s, 2, adding[2]);
        break;
    default:
        SMALL_THREAD(s, 0, chain[0]);
        SMALL_THREAD(s, 1, chain[1]);
        SMALL_THREAD(s, 2, chain[2]);
        break;
    }
}

#define PROGRAMS 5u

static void explored(struct small *s, enum vl_model model)
{
    s->config.model = model;
    assert_true(small_explore(s));
    assert_string_equal(s->error, "");
}

// ---- events -------------------------------------------------------------------------------------

static const char *site_of(const struct small *s, const struct vl_x_event *e, uint32_t po)
{
    return s->thread[e->thread][po].site;
}

static void look_at_events(struct small *s, enum vl_x_outcome outcome)
{
    struct vl_x_event ev[EVENTS_MAX];
    uint32_t n_of[VL_X_THREADS] = {0};
    uint32_t n_places[SMALL_LOCS] = {0};
    uint32_t step[VL_X_THREADS] = {0};
    const uint32_t n = vl_x_n_events(s->x);
    (void)outcome;

    assert_in_range(n, 1, EVENTS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        vl_x_event(s->x, i, &ev[i]);
        const struct vl_x_event *e = &ev[i];
        const struct vl_x_access *a = &s->thread[e->thread][step[e->thread]];
        // In the order of its thread, and what the thread did.
        assert_true(step[e->thread] < s->n[e->thread]);
        if (e->op == VL_X_STORE && e->rmw) {
            assert_int_equal(a->op, VL_X_ADD);
        } else {
            assert_int_equal(e->op, a->op == VL_X_ADD ? VL_X_LOAD : a->op);
        }
        assert_ptr_equal(e->site, site_of(s, e, step[e->thread]));
        assert_int_equal(e->order, a->order);
        if (!(e->op == VL_X_LOAD && e->rmw)) {
            step[e->thread]++;
        }
        n_of[e->thread]++;
        if (e->op == VL_X_STORE) {
            n_places[e->loc]++;
            assert_int_equal(e->rf, -1);
        } else if (e->op == VL_X_LOAD || e->op == VL_X_AWAIT) {
            // Behind its source, which says the same.
            assert_true(e->rf < (int32_t)i);
            assert_int_equal(e->value, e->rf < 0 ? 0 : ev[e->rf].value);
            assert_int_equal(e->mo, e->rf < 0 ? 0 : ev[e->rf].mo);
            assert_true(e->rf < 0 || (ev[e->rf].op == VL_X_STORE && ev[e->rf].loc == e->loc));
            assert_int_equal(e->waits, e->op == VL_X_AWAIT && e->value == a->expect);
        }
    }
    // Places of a location's stores are 1 .. n, the last of which is the newest.
    for (uint32_t i = 0; i < n; i++) {
        if (ev[i].op != VL_X_STORE) {
            continue;
        }
        assert_in_range(ev[i].mo, 1, n_places[ev[i].loc]);
        assert_true(ev[i].mo < n_places[ev[i].loc] || vl_x_newest(s->x, ev[i].loc) == ev[i].value);
        for (uint32_t j = 0; j < i; j++) {
            assert_false(ev[j].op == VL_X_STORE && ev[j].loc == ev[i].loc && ev[j].mo == ev[i].mo);
        }
    }
    *(uint32_t *)s->seen += 1;
}

static void events_have_sources_first(void **state)
{
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        for (unsigned which = 0; which < PROGRAMS; which++) {
            uint32_t n = 0;
            struct small s = {.each = look_at_events, .seen = &n};
            set_program(&s, which);
            explored(&s, (enum vl_model)m);
            assert_int_equal(s.result, VL_X_DONE);
            assert_int_equal(n, s.counts.complete + s.counts.blocked);
            assert_true(n > 1);
        }
    }
}

// ---- an order that a machine can take -----------------------------------------------------------

struct machine {
    uint16_t memory[SMALL_LOCS];
    uint16_t mo[SMALL_LOCS]; // place of what is there
    uint32_t n[VL_X_THREADS];
    uint32_t buffer[VL_X_THREADS][EVENTS_MAX]; // stores under way, oldest first: numbers
    bool done[EVENTS_MAX];
    bool drained[EVENTS_MAX];
};

static void reaches_memory(struct machine *m, const struct vl_x_event *e)
{
    assert_int_equal(e->mo, m->mo[e->loc] + 1);
    m->mo[e->loc] = e->mo;
    m->memory[e->loc] = e->value;
}

static void drains(struct small *s, struct machine *m, uint32_t id)
{
    struct vl_x_event e;
    vl_x_describe(s->x, id, &e);
    assert_true(m->n[e.thread] > 0);
    assert_int_equal(m->buffer[e.thread][0], id); // first in, first out
    m->n[e.thread]--;
    memmove(m->buffer[e.thread], m->buffer[e.thread] + 1, m->n[e.thread] * sizeof(m->buffer[0][0]));
    assert_false(m->drained[id]);
    m->drained[id] = true;
    reaches_memory(m, &e);
}

static uint16_t tso_sees(struct small *s, const struct machine *m, const struct vl_x_event *e)
{
    for (uint32_t i = m->n[e->thread]; i > 0; i--) {
        struct vl_x_event own;
        vl_x_describe(s->x, m->buffer[e->thread][i - 1], &own);
        if (own.loc == e->loc) {
            return own.value;
        }
    }
    return m->memory[e->loc];
}

static void steps(struct small *s, struct machine *m, uint32_t id)
{
    struct vl_x_event e;
    vl_x_describe(s->x, id, &e);
    const bool tso = s->config.model == VL_MODEL_TSO;
    const bool sc = s->config.model == VL_MODEL_SC;

    if (e.op == VL_X_LOAD || e.op == VL_X_AWAIT) {
        assert_true(e.rf < 0 || m->done[e.rf]);
        if (sc || tso) {
            assert_int_equal(e.value, tso ? tso_sees(s, m, &e) : m->memory[e.loc]);
        }
    } else if (e.op == VL_X_STORE && tso) {
        m->buffer[e.thread][m->n[e.thread]++] = id;
    } else if (e.op == VL_X_STORE && sc) {
        reaches_memory(m, &e);
    } else if (e.op == VL_X_FENCE && tso) {
        assert_int_equal(m->n[e.thread], 0);
    }
    assert_false(m->done[id]);
    m->done[id] = true;
}

static void take_the_order(struct small *s, enum vl_x_outcome outcome)
{
    struct machine m = {0};
    uint32_t list[2 * EVENTS_MAX];
    uint32_t last[VL_X_THREADS] = {0};
    const uint32_t n = vl_x_n_events(s->x);
    const uint32_t n_steps = vl_x_linear(s->x, list);
    uint32_t n_done = 0;
    (void)outcome;

    assert_in_range(n_steps, n, 2 * n);
    for (uint32_t i = 0; i < n_steps; i++) {
        if ((list[i] & VL_X_DRAINS) != 0) {
            drains(s, &m, list[i] & ~VL_X_DRAINS);
            continue;
        }
        struct vl_x_event e;
        vl_x_describe(s->x, list[i], &e);
        // A thread's events are numbered in its order.
        assert_true(last[e.thread] <= list[i]);
        last[e.thread] = list[i] + 1;
        steps(s, &m, list[i]);
        n_done++;
    }
    assert_int_equal(n_done, n);
    for (uint32_t id = 0; id < n; id++) {
        struct vl_x_event e;
        vl_x_describe(s->x, id, &e);
        assert_true(m.done[id]);
        assert_int_equal(m.drained[id], s->config.model == VL_MODEL_TSO && e.op == VL_X_STORE);
    }
    *(uint32_t *)s->seen += 1;
}

// Read-modify-writes are left out: the halves, which the order is for, have none.
static void every_execution_has_an_order(void **state)
{
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        for (unsigned which = 0; which < PROGRAMS; which++) {
            uint32_t n = 0;
            struct small s = {.each = take_the_order, .seen = &n};
            if (which == 3) {
                continue;
            }
            set_program(&s, which);
            explored(&s, (enum vl_model)m);
            assert_int_equal(s.result, VL_X_DONE);
            assert_int_equal(n, s.counts.complete + s.counts.blocked);
            assert_true(n > 1);
        }
    }
}

// ---- plain memory -------------------------------------------------------------------------------

static void look_at_bytes(struct small *s, enum vl_x_outcome outcome)
{
    if (outcome == VL_X_COMPLETE) {
        assert_memory_equal(s->bytes[1], "bXY1234ij", 9);
        *(uint32_t *)s->seen += 1;
    }
}

// Initial bytes, and over them those of every store that touches them, the last on top.
static void a_load_gathers_its_bytes(void **state)
{
    static const struct vl_x_access stores[] = {PW_(2, "XYZZZ", here), PW_(4, "12", here),
                                                PW_(6, "34", here), W_(X, 1, VIRTQ_RELEASE)};
    static const struct vl_x_access load[] = {AWAIT_(X, 0), PR_(1, 9, there)};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        uint32_t n = 0;
        struct small s = {.each = look_at_bytes, .seen = &n};
        SMALL_THREAD(&s, 0, stores);
        SMALL_THREAD(&s, 1, load);
        explored(&s, (enum vl_model)m);
        assert_int_equal(s.result, VL_X_DONE);
        assert_int_equal(n, 1);
        assert_int_equal(s.counts.races, 0);
    }
}

// One relaxed end is a race under rc11: which bytes, which sites, who stored. sc and tso keep it.
static void a_race_has_two_sites(void **state)
{
    static const struct vl_x_access stores[] = {PW_(4, "1234", here), W_(X, 1, RLX)};
    static const struct vl_x_access load[] = {AWAIT_(X, 0), PR_(6, 8, there)};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        struct small s = {0};
        SMALL_THREAD(&s, 0, stores);
        SMALL_THREAD(&s, 1, load);
        struct small stop = s;
        explored(&s, (enum vl_model)m);
        assert_int_equal(s.result, VL_X_DONE);
        assert_int_equal(s.counts.races, m == VL_MODEL_RC11 ? 1 : 0);
        assert_int_equal(s.n_race_calls, m == VL_MODEL_RC11 ? 1 : 0);
        if (m != VL_MODEL_RC11) {
            continue;
        }
        assert_int_equal(s.race.thread[0], 0);
        assert_int_equal(s.race.thread[1], 1);
        assert_ptr_equal(s.race.site[0], here);
        assert_ptr_equal(s.race.site[1], there);
        assert_true(s.race.store[0]);
        assert_false(s.race.store[1]);
        assert_int_equal(s.race.addr, 6);
        assert_int_equal(s.race.len, 2);

        stop.stop_at_race = true;
        explored(&stop, VL_MODEL_RC11);
        assert_int_equal(stop.result, VL_X_STOPPED);
        assert_int_equal(stop.n_race_calls, 1);
        assert_int_equal(stop.counts.complete, 0);
    }
}

// Two loads, other bytes, or one thread: no race.
static void what_is_no_race(void **state)
{
    static const struct vl_x_access load[] = {PR_(4, 4, here)};
    static const struct vl_x_access beside[] = {PW_(8, "12", there), PR_(8, 2, there)};
    static const struct vl_x_access on_it[] = {PW_(7, "12", there)};
    struct small s = {0};
    (void)state;
    SMALL_THREAD(&s, 0, load);
    SMALL_THREAD(&s, 1, load);
    SMALL_THREAD(&s, 2, beside);
    explored(&s, VL_MODEL_RC11);
    assert_int_equal(s.counts.races, 0);
    SMALL_THREAD(&s, 2, on_it);
    explored(&s, VL_MODEL_RC11);
    assert_int_equal(s.counts.races, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_have_sources_first), cmocka_unit_test(every_execution_has_an_order),
        cmocka_unit_test(a_load_gathers_its_bytes),  cmocka_unit_test(a_race_has_two_sites),
        cmocka_unit_test(what_is_no_race),
    };
    return cmocka_run_group_tests_name("explore.order", tests, NULL, NULL);
}
