// tests/model/test_rc11.c -- the operational RC11: what each of its rules forbids, that leaving the
// rule out allows it, and that nothing else does.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_rc11.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { X, Y, Z, N_CELLS };

#define RLX VIRTQ_RELAXED
#define ACQ VIRTQ_ACQUIRE
#define REL VIRTQ_RELEASE
#define AR VIRTQ_ACQ_REL
#define SC VIRTQ_SEQ_CST
#define PLAIN VIRTQ_PLAIN

static struct vl_rc11 rc;
static uint32_t seq; // of the next event

static int setup(void **state)
{
    (void)state;
    return vl_rc11_open(&rc, N_CELLS, 64) == VIRTQ_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    vl_rc11_close(&rc);
    return 0;
}

static void start(uint32_t without)
{
    vl_rc11_reset(&rc);
    rc.rules = VL_RULES_ALL & ~without;
    rc.sc_view = false;
    seq = 0;
    for (uint32_t cell = 0; cell < N_CELLS; cell++) {
        assert_true(vl_rc11_touch(&rc, cell, 0, VL_RC11_AT_START));
    }
}

static uint16_t load(unsigned agent, uint32_t cell, unsigned order, uint32_t k)
{
    const uint16_t msg = vl_rc11_load_option(&rc, agent, cell, k);
    assert_int_not_equal(msg, 0);
    return vl_rc11_load(&rc, agent, msg, order, seq++);
}

static void store(unsigned agent, uint32_t cell, uint16_t value, unsigned order, uint32_t k)
{
    const uint16_t behind = vl_rc11_store_option(&rc, agent, cell, k);
    assert_int_not_equal(behind, 0);
    assert_int_not_equal(vl_rc11_store(&rc, agent, behind, value, order, seq++), 0);
}

static uint16_t exchange(unsigned agent, uint32_t cell, uint16_t value, unsigned order, uint32_t k)
{
    const uint16_t msg = vl_rc11_rmw_option(&rc, agent, cell, k);
    assert_int_not_equal(msg, 0);
    const uint16_t old = rc.msgs[msg].value;
    assert_int_not_equal(vl_rc11_rmw(&rc, agent, msg, value, order, seq++), 0);
    return old;
}

static void fence(unsigned agent, unsigned order)
{
    vl_rc11_fence(&rc, agent, order, seq++);
}

// How many stores the agent may see, which is 1 where the newest alone is left. Options count
// without a gap, and end.
static uint32_t seen(unsigned agent, uint32_t cell)
{
    const uint32_t n = vl_rc11_load_options(&rc, agent, cell);
    assert_int_not_equal(vl_rc11_load_option(&rc, agent, cell, n - 1), 0);
    assert_int_equal(vl_rc11_load_option(&rc, agent, cell, n), 0);
    return n;
}

static uint32_t places(unsigned agent, uint32_t cell)
{
    const uint32_t n = vl_rc11_store_options(&rc, agent, cell);
    assert_int_not_equal(vl_rc11_store_option(&rc, agent, cell, n - 1), 0);
    assert_int_equal(vl_rc11_store_option(&rc, agent, cell, n), 0);
    return n;
}

static uint32_t rmws(unsigned agent, uint32_t cell)
{
    const uint32_t n = vl_rc11_rmw_options(&rc, agent, cell);
    assert_int_not_equal(vl_rc11_rmw_option(&rc, agent, cell, n - 1), 0);
    assert_int_equal(vl_rc11_rmw_option(&rc, agent, cell, n), 0);
    return n;
}

// ---- shapes: each returns how many ways are left in the end; 1 means forbidden ------------------

// CoWW: a second store of the same agent goes behind the first.
static uint32_t coherence_ww(void)
{
    store(0, X, 1, RLX, 0);
    return places(0, X);
}

// CoWR: a load behind its own agent's store.
static uint32_t coherence_wr(void)
{
    store(0, X, 1, RLX, 0);
    return seen(0, X);
}

// CoRW: a store behind what its agent has read.
static uint32_t coherence_rw(void)
{
    store(1, X, 1, RLX, 0);
    (void)load(0, X, RLX, 0);
    return places(0, X);
}

// CoRR: a second load.
static uint32_t coherence_rr(void)
{
    store(1, X, 1, RLX, 0);
    (void)load(0, X, RLX, 0);
    return seen(0, X);
}

// Two exchanges read from each other, not both from the start.
static uint32_t atomicity(void)
{
    assert_int_equal(exchange(0, X, 1, RLX, 0), 0);
    return rmws(1, X);
}

// A store does not go between an exchange and what that read.
static uint32_t atomicity_store(void)
{
    assert_int_equal(exchange(0, X, 1, RLX, 0), 0);
    return places(1, X);
}

// MP in its ways: the data behind the flag.
static uint32_t message(unsigned store_fence, unsigned store_order, unsigned load_order,
                        unsigned load_fence)
{
    store(0, X, 1, RLX, 0);
    fence(0, store_fence);
    store(0, Y, 1, store_order, 0);
    assert_int_equal(load(1, Y, load_order, 0), 1);
    fence(1, load_fence);
    return seen(1, X);
}

static uint32_t release_acquire(void)
{
    return message(RLX, REL, ACQ, RLX);
}

static uint32_t fence_release(void)
{
    return message(REL, RLX, ACQ, RLX);
}

static uint32_t fence_acquire(void)
{
    return message(RLX, REL, RLX, ACQ);
}

// A relaxed exchange carries on the release store that it read.
static uint32_t release_sequence(void)
{
    store(0, X, 1, RLX, 0);
    store(0, Y, 1, REL, 0);
    assert_int_equal(exchange(1, Y, 2, RLX, 0), 1);
    assert_int_equal(load(2, Y, ACQ, 0), 2);
    return seen(2, X);
}

// SB with full fences: the second side sees the first one's store.
static uint32_t psc_fence(void)
{
    rc.sc_view = true;
    store(0, X, 1, RLX, 0);
    fence(0, SC);
    assert_int_equal(seen(0, Y), 1);
    store(1, Y, 1, RLX, 0);
    fence(1, SC);
    return seen(1, X);
}

static const struct {
    const char *name;
    uint32_t rule;
    uint32_t (*shape)(void);
    uint32_t needs; // rules of the shape's other half
} shapes[] = {
    {"coherence-ww", VL_RULE_COHERENCE_WW, coherence_ww, 0},
    {"coherence-wr", VL_RULE_COHERENCE_WR, coherence_wr, 0},
    {"coherence-rw", VL_RULE_COHERENCE_RW, coherence_rw, 0},
    {"coherence-rr", VL_RULE_COHERENCE_RR, coherence_rr, 0},
    {"atomicity, exchanges", VL_RULE_ATOMICITY, atomicity, 0},
    {"atomicity, a store", VL_RULE_ATOMICITY, atomicity_store, 0},
    {"release", VL_RULE_RELEASE, release_acquire, VL_RULE_RELEASE | VL_RULE_ACQUIRE},
    {"acquire", VL_RULE_ACQUIRE, release_acquire, VL_RULE_RELEASE | VL_RULE_ACQUIRE},
    {"fence-release", VL_RULE_FENCE_RELEASE, fence_release, VL_RULE_ACQUIRE},
    {"fence-acquire", VL_RULE_FENCE_ACQUIRE, fence_acquire, VL_RULE_RELEASE},
    {"release-sequence", VL_RULE_RELEASE_SEQUENCE, release_sequence,
     VL_RULE_RELEASE | VL_RULE_ACQUIRE},
    {"psc-fence", VL_RULE_PSC_FENCE, psc_fence, 0},
};

// Goal: each rule forbids its shape, and it alone. Method: all rules; without the one; with
// little else.
static void each_rule_forbids_its_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        start(0);
        if (shapes[i].shape() != 1) {
            fail_msg("%s: not forbidden", shapes[i].name);
        }
        start(shapes[i].rule);
        if (shapes[i].shape() != 2) {
            fail_msg("%s: not allowed without the rule", shapes[i].name);
        }
        // That a load does not fall behind what happens before it serves every shape with a load.
        const uint32_t kept =
            shapes[i].rule | shapes[i].needs | VL_RULE_COHERENCE_WR | VL_RULE_COHERENCE_RR;
        start(VL_RULES_ALL & ~kept);
        if (shapes[i].shape() != 1) {
            fail_msg("%s: forbidden by something else", shapes[i].name);
        }
    }
}

// ---- what is allowed ---------------------------------------------------------------------------

// Goal: what is weaker than needed orders nothing: the data may be old.
static void weak_messages_order_nothing(void **state)
{
    static const unsigned weak[][4] = {
        {RLX, RLX, ACQ, RLX}, {RLX, REL, RLX, RLX},   {RLX, RLX, RLX, ACQ},
        {REL, RLX, RLX, RLX}, {ACQ, RLX, ACQ, RLX},   {RLX, REL, RLX, REL},
        {RLX, ACQ, ACQ, RLX}, {REL, PLAIN, ACQ, RLX}, {RLX, REL, PLAIN, ACQ}};
    static const unsigned enough[][4] = {{RLX, REL, ACQ, RLX}, {RLX, AR, AR, RLX},
                                         {REL, RLX, RLX, ACQ}, {AR, RLX, RLX, AR},
                                         {SC, RLX, RLX, SC},   {RLX, SC, SC, RLX}};
    (void)state;
    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        start(0);
        if (message(weak[i][0], weak[i][1], weak[i][2], weak[i][3]) != 2) {
            fail_msg("row %zu is weak, and orders", i);
        }
    }
    for (size_t i = 0; i < sizeof(enough) / sizeof(enough[0]); i++) {
        start(0);
        if (message(enough[i][0], enough[i][1], enough[i][2], enough[i][3]) != 1) {
            fail_msg("row %zu does not order", i);
        }
    }
}

// Goal: C++20's release sequence: the same agent's later relaxed store does not continue it.
static void own_store_ends_a_release_sequence(void **state)
{
    (void)state;
    start(0);
    store(0, X, 1, RLX, 0);
    store(0, Y, 1, REL, 0);
    store(0, Y, 2, RLX, 0);
    assert_int_equal(load(1, Y, ACQ, 0), 2);
    assert_int_equal(seen(1, X), 2);
}

// Goal: stores go into the middle of a history: 2+2W, where both first stores end up last.
static void stores_go_into_the_middle(void **state)
{
    (void)state;
    start(0);
    store(0, X, 1, RLX, 0);
    store(0, Y, 2, RLX, 0);
    store(1, Y, 1, RLX, 0);
    store(1, X, 2, RLX, 1);
    assert_int_equal(rc.msgs[vl_rc11_newest(&rc, X)].value, 1);
    assert_int_equal(rc.msgs[vl_rc11_newest(&rc, Y)].value, 1);
    // Who stored in front has the newest still to come.
    assert_int_equal(seen(1, X), 2);
    assert_int_equal(load(1, X, RLX, 0), 1);
    assert_int_equal(seen(1, X), 1);
}

// Goal: what one agent has read binds whom it synchronises with: coherence over three agents.
static void reads_are_passed_on(void **state)
{
    (void)state;
    start(0);
    store(0, X, 1, RLX, 0);
    assert_int_equal(load(1, X, RLX, 0), 1);
    store(1, Y, 1, REL, 0);
    assert_int_equal(load(2, Y, ACQ, 0), 1);
    assert_int_equal(seen(2, X), 1);
    assert_false(vl_rc11_knows(&rc, 2, 0, 0)); // and yet the store does not happen before it
    assert_true(vl_rc11_knows(&rc, 2, 1, 1));
}

// Goal: the global view is exact for two and too strong for three; without it fences are acquire
// and release fences, and happens-before never has any of it.
static void the_global_view(void **state)
{
    (void)state;
    for (unsigned view = 0; view < 2; view++) { // ISA2+F.sc+rlx+F.sc, allowed by RC11
        start(0);
        rc.sc_view = view != 0;
        store(0, Y, 1, RLX, 0);
        fence(0, SC);
        store(0, X, 1, RLX, 0);
        assert_int_equal(load(1, X, RLX, 0), 1);
        store(1, Z, 1, RLX, 0);
        assert_int_equal(load(2, Z, RLX, 0), 1);
        fence(2, SC);
        assert_int_equal(seen(2, Y), view != 0 ? 1 : 2);
        assert_false(vl_rc11_knows(&rc, 2, 0, 0));
    }
    start(0); // SB with acquire-release fences
    rc.sc_view = true;
    store(0, X, 1, RLX, 0);
    fence(0, AR);
    store(1, Y, 1, RLX, 0);
    fence(1, AR);
    assert_int_equal(seen(0, Y), 2);
    assert_int_equal(seen(1, X), 2);
}

// Goal: a compare that failed is a load of anything; one that succeeds needs a store of its own.
static void rmw_may_read_what_is_open(void **state)
{
    (void)state;
    start(0);
    assert_int_equal(exchange(0, X, 1, RLX, 0), 0);
    assert_int_equal(seen(1, X), 2);
    assert_true(vl_rc11_rmw_may_read(&rc, 1, vl_rc11_load_option(&rc, 1, X, 0)));
    assert_false(vl_rc11_rmw_may_read(&rc, 1, vl_rc11_load_option(&rc, 1, X, 1)));
}

// Goal: a platform message orders what a release would.
static void views_are_messages(void **state)
{
    (void)state;
    start(0);
    store(0, X, 1, RLX, 0);
    const struct vl_rc11_view carried = *vl_rc11_view(&rc, 0);
    store(0, Y, 1, RLX, 0);
    assert_int_equal(seen(1, X), 2);
    vl_rc11_take(&rc, 1, &carried);
    assert_int_equal(seen(1, X), 1);
    assert_int_equal(seen(1, Y), 2); // behind the message
    assert_true(vl_rc11_knows(&rc, 1, 0, 0));
    assert_false(vl_rc11_knows(&rc, 1, 0, 1));
}

// ---- bounds and copies -------------------------------------------------------------------------

// Goal: what nobody of the set can see goes, what somebody can see stays, and a full pool says so.
static void histories_are_bounded(void **state)
{
    (void)state;
    start(0);
    for (uint16_t i = 1; i <= 20; i++) {
        store(0, X, i, REL, 0);
    }
    assert_int_equal(rc.length[X], 21);
    vl_rc11_trim(&rc, 1u << 0 | 1u << 1); // agent 1 has seen nothing yet
    assert_int_equal(rc.length[X], 21);
    assert_int_equal(load(1, X, ACQ, 5), 15);
    vl_rc11_trim(&rc, 1u << 0 | 1u << 1);
    assert_int_equal(rc.length[X], 6);
    assert_int_equal(seen(1, X), 6);
    rc.rules &= ~(uint32_t)VL_RULE_COHERENCE_RR; // no floor, nothing to drop
    vl_rc11_trim(&rc, 1u << 0);
    assert_int_equal(rc.length[X], 6);
    rc.rules = VL_RULES_ALL;
    vl_rc11_trim(&rc, 1u << 0);
    assert_int_equal(rc.length[X], 1);
    assert_int_equal(rc.n_live, N_CELLS);
    for (uint32_t i = rc.n_live; i < rc.pool; i++) {
        store(0, Y, (uint16_t)i, RLX, 0);
    }
    const uint16_t behind = vl_rc11_store_option(&rc, 0, Y, 0);
    const uint32_t length = rc.length[Y];
    assert_int_equal(vl_rc11_store(&rc, 0, behind, 1, RLX, seq), 0);
    assert_int_equal(vl_rc11_rmw(&rc, 0, behind, 1, RLX, seq), 0);
    assert_int_equal(rc.length[Y], length);
    assert_false(vl_rc11_knows(&rc, 0, 0, seq)); // nothing has happened
    vl_rc11_trim(&rc, 1u << 0);
    assert_int_not_equal(vl_rc11_store(&rc, 0, behind, 1, RLX, seq), 0);
}

// Goal: a copy goes on as the original does, and neither touches the other.
static void copies_are_independent(void **state)
{
    (void)state;
    struct vl_rc11 copy;
    assert_int_equal(vl_rc11_open(&copy, N_CELLS, 64), VIRTQ_OK);
    start(0);
    (void)vl_rc11_touch(&copy, Z, 7, VL_RC11_AT_START); // what it was before goes
    store(0, X, 1, RLX, 0);
    store(0, Y, 1, REL, 0);
    vl_rc11_copy(&copy, &rc);
    assert_int_equal(load(1, Y, ACQ, 0), 1);
    assert_int_equal(seen(1, X), 1);
    assert_int_equal(vl_rc11_load_options(&copy, 1, X), 2);
    assert_int_equal(vl_rc11_load_options(&copy, 1, Y), 2);
    assert_int_equal(copy.msgs[copy.newest[Z]].value, 0);
    vl_rc11_copy(&rc, &copy);
    assert_int_equal(seen(1, X), 2);
    vl_rc11_close(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_forbids_its_shape),
        cmocka_unit_test(weak_messages_order_nothing),
        cmocka_unit_test(own_store_ends_a_release_sequence),
        cmocka_unit_test(stores_go_into_the_middle),
        cmocka_unit_test(reads_are_passed_on),
        cmocka_unit_test(the_global_view),
        cmocka_unit_test(rmw_may_read_what_is_open),
        cmocka_unit_test(views_are_messages),
        cmocka_unit_test(histories_are_bounded),
        cmocka_unit_test(copies_are_independent),
    };
    return cmocka_run_group_tests_name("model.rc11", tests, setup, teardown);
}
