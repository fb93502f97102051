// tests/model/test_tso.c -- the operational x86-TSO: what each of its rules forbids, and that
// leaving the rule out allows it.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_tso.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { X = 0, Y = 2, Z = 4, MEM_BYTES = 32 };

static struct vl_tso tso;
static uint8_t mem[MEM_BYTES];

static void start(uint32_t without)
{
    vl_tso_init(&tso);
    tso.rules &= ~without;
    memset(mem, 0, sizeof(mem));
}

static void store(unsigned agent, uint32_t off, uint8_t bytes, uint8_t value, uint32_t seq)
{
    struct vl_tso_store s = {.off = off, .bytes = bytes, .seq = seq};
    memset(s.data, value, bytes);
    assert_true(vl_tso_store(&tso, agent, &s));
}

// The first byte that the agent sees.
static uint8_t load(unsigned agent, uint32_t off)
{
    uint8_t out[2];
    (void)vl_tso_load(&tso, agent, mem, off, 2, out, NULL);
    return out[0];
}

// Goal: SB: both sides may miss the other's store, and see their own.
static void store_buffering(void **state)
{
    (void)state;
    start(0);
    store(0, X, 2, 1, 0);
    store(1, Y, 2, 1, 1);
    assert_int_equal(load(0, Y), 0);
    assert_int_equal(load(1, X), 0);
    assert_int_equal(load(0, X), 1);
    assert_int_equal(load(1, Y), 1);
    start(VL_RULE_TSO_FORWARD);
    store(0, X, 2, 1, 0);
    assert_int_equal(load(0, X), 0);
}

// Goal: stores drain in order; without that rule, in any order but that of one place.
static void fifo(void **state)
{
    struct vl_tso_store drained;
    (void)state;
    start(0);
    store(0, X, 2, 1, 0);
    store(0, Y, 2, 1, 1);
    store(0, X, 2, 2, 2);
    assert_true(vl_tso_may_drain(&tso, 0, 0));
    assert_false(vl_tso_may_drain(&tso, 0, 1));
    assert_false(vl_tso_may_drain(&tso, 0, 3));
    vl_tso_drain(&tso, 0, 0, mem, &drained);
    assert_int_equal(drained.seq, 0);
    assert_int_equal(load(1, X), 1);
    assert_int_equal(load(1, Y), 0);
    start(VL_RULE_TSO_FIFO);
    store(0, X, 2, 1, 0);
    store(0, Y, 2, 1, 1);
    store(0, X, 2, 2, 2);
    assert_true(vl_tso_may_drain(&tso, 0, 1));
    assert_false(vl_tso_may_drain(&tso, 0, 2));
    vl_tso_drain(&tso, 0, 1, mem, &drained);
    assert_int_equal(load(1, Y), 1);
    assert_int_equal(load(1, X), 0);
    assert_int_equal(load(0, X), 2); // the newest of its own
    assert_int_equal(tso.n_all, 2);
}

// Goal: full fences and locked accesses wait for an empty buffer, other fences for nothing.
static void fences_and_locks(void **state)
{
    struct vl_tso_store drained;
    (void)state;
    start(0);
    assert_true(vl_tso_may_fence(&tso, 0, VIRTQ_SEQ_CST));
    assert_true(vl_tso_may_lock(&tso, 0));
    store(0, X, 2, 1, 0);
    assert_false(vl_tso_may_fence(&tso, 0, VIRTQ_SEQ_CST));
    assert_true(vl_tso_may_fence(&tso, 0, VIRTQ_ACQ_REL));
    assert_true(vl_tso_may_fence(&tso, 0, VIRTQ_RELAXED));
    assert_true(vl_tso_may_fence(&tso, 1, VIRTQ_SEQ_CST));
    assert_false(vl_tso_may_lock(&tso, 0));
    tso.rules &= ~(uint32_t)VL_RULE_TSO_FENCE;
    assert_true(vl_tso_may_fence(&tso, 0, VIRTQ_SEQ_CST));
    assert_false(vl_tso_may_lock(&tso, 0));
    tso.rules = VL_RULES_ALL & ~(uint32_t)VL_RULE_TSO_LOCKED;
    assert_true(vl_tso_may_lock(&tso, 0));
    assert_false(vl_tso_may_fence(&tso, 0, VIRTQ_SEQ_CST));
    tso.rules = VL_RULES_ALL;
    vl_tso_drain(&tso, 0, 0, mem, &drained);
    assert_true(vl_tso_may_fence(&tso, 0, VIRTQ_SEQ_CST));
    assert_true(vl_tso_may_lock(&tso, 0));
}

// Goal: each byte comes from the newest own store that holds it, and from memory otherwise.
static void bytes_are_forwarded_one_by_one(void **state)
{
    uint8_t out[8];
    uint32_t seqs[8];
    struct vl_tso_store drained;
    (void)state;
    start(0);
    memset(mem, 9, sizeof(mem));
    store(0, 2, 4, 1, 10);
    store(0, 4, 1, 2, 11);
    store(1, 0, 8, 3, 12);
    assert_int_equal(vl_tso_load(&tso, 0, mem, 0, 8, out, seqs), 4);
    static const uint8_t bytes[8] = {9, 9, 1, 1, 2, 1, 9, 9};
    static const uint32_t from[8] = {UINT32_MAX, UINT32_MAX, 10,         10,
                                     11,         10,         UINT32_MAX, UINT32_MAX};
    assert_memory_equal(out, bytes, sizeof(bytes));
    assert_memory_equal(seqs, from, sizeof(from));
    // MIX-SB-fwd: each side stores its half, loads the word, and may miss the other half.
    vl_tso_drain(&tso, 1, 0, mem, &drained);
    assert_int_equal(vl_tso_load(&tso, 0, mem, 0, 8, out, NULL), 4);
    assert_int_equal(out[0], 3);
    assert_int_equal(out[2], 1);
}

// Goal: a buffer has room for its depth; a copy goes its own way.
static void depth_and_copies(void **state)
{
    static struct vl_tso copy;
    struct vl_tso_store s = {.off = X, .bytes = 2};
    struct vl_tso_store drained;
    (void)state;
    start(0);
    for (uint32_t i = 0; i < VL_TSO_DEPTH; i++) {
        store(0, X, 2, (uint8_t)i, i);
    }
    assert_false(vl_tso_store(&tso, 0, &s));
    assert_true(vl_tso_store(&tso, 1, &s));
    vl_tso_copy(&copy, &tso);
    for (uint32_t i = 0; i < VL_TSO_DEPTH; i++) {
        vl_tso_drain(&tso, 0, 0, mem, &drained);
        assert_int_equal(drained.seq, i);
    }
    assert_int_equal(tso.n_all, 1);
    assert_int_equal(copy.n_all, VL_TSO_DEPTH + 1);
    memset(mem, 0, sizeof(mem));
    vl_tso_drain(&copy, 0, 0, mem, &drained);
    assert_int_equal(drained.seq, 0);
    vl_tso_reset(&copy);
    assert_false(vl_tso_may_drain(&copy, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_buffering),  cmocka_unit_test(fifo),
        cmocka_unit_test(fences_and_locks), cmocka_unit_test(bytes_are_forwarded_one_by_one),
        cmocka_unit_test(depth_and_copies),
    };
    return cmocka_run_group_tests_name("model.tso", tests, NULL, NULL);
}
