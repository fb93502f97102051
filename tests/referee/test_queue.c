// tests/referee/test_queue.c -- the abstract queue: each promise, kept and broken.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N 4u
#define WRITABLE 64u

static int set_up(void **state)
{
    static struct vl_queue q;
    assert_true(vl_queue_open(&q, N));
    vl_queue_withdraw(&q);
    *state = &q;
    return 0;
}

static int tear_down(void **state)
{
    vl_queue_close(*state);
    return 0;
}

// A step as data: o offer, t take, w write, g give, c collect, x withdraw, r rest, s rest with a
// notification owed; then the buffer; a length behind g and c.
struct row {
    const char *steps;  // "o0 t0 g0 c0"
    const char *broken; // by the last step; NULL: none
};

static bool step(struct vl_queue *q, char what, uint32_t buffer, uint32_t len)
{
    switch (what) {
    case 'o': return vl_queue_offer(q, buffer, WRITABLE);
    case 't': return vl_queue_take(q, buffer);
    case 'w': return vl_queue_write(q, buffer);
    case 'g': return vl_queue_give(q, buffer, len, 0);
    case 'c': return vl_queue_collect(q, buffer, len);
    case 'r': return vl_queue_rest(q, false);
    case 's': return vl_queue_rest(q, true);
    default: vl_queue_withdraw(q); return true;
    }
}

// Lengths: a letter behind the buffer, a for the whole buffer, b for one byte more, none for 0.
static void play(struct vl_queue *q, const struct row *row)
{
    const char *at = row->steps;
    bool ok = true;

    vl_queue_withdraw(q);
    while (*at != '\0') {
        const char what = *at++;
        const uint32_t buffer = (uint32_t)(*at++ - '0');
        uint32_t len = 0;
        if (*at == 'a' || *at == 'b') {
            len = *at++ == 'a' ? WRITABLE : WRITABLE + 1;
        }
        while (*at == ' ') {
            at++;
        }
        if (!ok) {
            fail_msg("%s: broken before its last step: %s", row->steps, q->broken);
        }
        ok = step(q, what, buffer, len);
    }
    if (row->broken == NULL && !ok) {
        fail_msg("%s: %s, and is allowed", row->steps, q->broken);
    }
    if (row->broken != NULL) {
        if (ok) {
            fail_msg("%s: allowed, and breaks %s", row->steps, row->broken);
        }
        assert_string_equal(q->broken, row->broken);
    }
}

// Goal: each promise is seen broken at the step that breaks it, and the neighbouring lawful
// sequence is allowed. Method: sequences of steps; only the last one may be refused.
static void promises(void **state)
{
    static const struct row rows[] = {
        {"o0 t0 w0 g0a c0a r0", NULL},
        {"o0 o1 t0 t1 g1a g0 c1a c0 r0", NULL}, // out of order, and collected as given
        {"o0 w0 t0 g0a c0a", NULL},             // written while its chain is read
        {"o0 t0 g0 c0 o0 t0 g0 c0", NULL},
        {"o0 x0 o0 t0 g0 c0", NULL}, // a reset took it back
        {"o0 s0", NULL},             // the device asked not to be told
        {"o0 t0 r0", NULL},          // a device may keep what it took
        {"o0 o0", "queue:offered-twice"},
        {"o0 t0 o0", "queue:offered-twice"},
        {"o0 t0 g0 o0", "queue:offered-twice"},
        {"t0", "queue:taken-not-offered"},
        {"o0 t0 t0", "queue:taken-not-offered"},
        {"o0 t0 g0 t0", "queue:taken-not-offered"},
        {"g0", "queue:given-not-in-flight"},
        {"o0 g0", "queue:given-not-in-flight"},
        {"o0 t0 g0 g0", "queue:given-not-in-flight"},
        {"o0 t0 g0b", "queue:longer-than-writable"},
        {"w0", "queue:written-not-in-flight"},
        {"o0 t0 g0 w0", "queue:written-not-in-flight"},
        {"o0 t0 g0 c0 w0", "queue:written-not-in-flight"},
        {"c0", "queue:collected-not-returned"},
        {"o0 t0 c0", "queue:collected-not-returned"},
        {"o0 t0 g0 c0 c0", "queue:collected-not-returned"},
        {"o0 o1 t0 t1 g1 g0 c0", "queue:collected-out-of-order"},
        {"o0 t0 g0a c0", "queue:other-length"},
        {"o0 r0", "queue:stranded"},
        {"o0 o1 t0 r0", "queue:stranded"},
        {"o4", "queue:no-such-buffer"},
        {"t4", "queue:no-such-buffer"},
        {"w4", "queue:no-such-buffer"},
        {"g4", "queue:no-such-buffer"},
        {"c4", "queue:no-such-buffer"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        play(*state, &rows[i]);
    }
}

// Goal: taken = in flight + given back holds over long lawful runs, and a machine whose count was
// tampered with says so. Method: rounds of all buffers; then one count off by one.
static void balance(void **state)
{
    struct vl_queue *q = *state;

    vl_queue_withdraw(q);
    for (uint32_t round = 0; round < 1000; round++) {
        const uint32_t buffer = round % N;
        assert_true(vl_queue_offer(q, buffer, WRITABLE));
        assert_true(vl_queue_take(q, buffer));
        assert_true(vl_queue_give(q, buffer, round % WRITABLE, round));
        assert_true(vl_queue_collect(q, buffer, round % WRITABLE));
    }
    assert_int_equal(q->n_taken, 1000);
    assert_int_equal(q->n_in_flight, 0);
    q->n_given++; // as if a return had been counted twice
    assert_true(vl_queue_offer(q, 0, WRITABLE));
    assert_false(vl_queue_take(q, 0));
    assert_string_equal(q->broken, "queue:unbalanced");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises),
        cmocka_unit_test(balance),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
