// tests/model/test_race.c -- data races: marks against a model that keeps every access of every
// byte, and old bytes.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_choice.h"
#include "model/memory/vl_race.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MEM_BYTES 256u
#define N_AGENTS 2u // one a side: of these the marks are exact
#define ACCESSES_MAX 400u

static struct vl_rc11 rc;
static struct vl_races races;
static uint8_t mem[MEM_BYTES];

static int setup(void **state)
{
    (void)state;
    return vl_rc11_open(&rc, MEM_BYTES / 2, 64) == VIRTQ_OK &&
                   vl_races_open(&races, MEM_BYTES) == VIRTQ_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    vl_rc11_close(&rc);
    vl_races_close(&races);
    return 0;
}

static struct vl_access access_of(unsigned agent, bool is_store, uint32_t off, uint32_t bytes,
                                  uint32_t seq)
{
    return (struct vl_access){.off = off,
                              .bytes = bytes,
                              .seq = seq,
                              .site = (uint16_t)(seq + 1),
                              .agent = (uint8_t)agent,
                              .side = (uint8_t)agent,
                              .store = is_store,
                              .plain = true};
}

// The accesses of a run so far.
static struct vl_access done[ACCESSES_MAX];
static uint32_t n_done;

// The plain definition: some earlier access of another agent to a common byte, one of the two a
// store, that does not happen before this one.
static bool races_by_definition(const struct vl_access *a, uint32_t *byte)
{
    bool any = false;
    for (uint32_t i = 0; i < n_done; i++) {
        const struct vl_access *b = &done[i];
        if ((a->store || b->store) && b->off < a->off + a->bytes && a->off < b->off + b->bytes &&
            !vl_rc11_knows(&rc, a->agent, b->agent, b->seq)) {
            const uint32_t first = b->off > a->off ? b->off : a->off;
            *byte = !any || first < *byte ? first : *byte;
            any = true;
        }
    }
    return any;
}

// Goal: a race is found exactly where there is one, at its first byte. Method: random accesses of
// every alignment and length, whole lines among them, of two agents that synchronise now and then;
// several runs over the same marks.
static void marks_are_exact(void **state)
{
    uint64_t rng = 1;
    uint32_t n_races = 0;
    uint32_t n_ordered = 0;
    (void)state;

    for (uint32_t turn = 0; turn < 400; turn++) {
        vl_rc11_reset(&rc);
        vl_races_reset(&races, n_done + 1);
        n_done = 0;
        bool found = false;
        while (n_done < ACCESSES_MAX && !found) { // a run ends with its first race
            const uint32_t r = (uint32_t)vl_mix64(&rng);
            const unsigned agent = r & 1u;
            if ((r >> 1 & 3u) != 0 || turn % 8 == 0) {
                vl_rc11_take(&rc, agent, vl_rc11_view(&rc, 1 - agent));
            }
            uint32_t off = r >> 8 & (MEM_BYTES - 1);
            uint32_t bytes = 1 + (r >> 16 & 31u);
            if ((r >> 4 & 3u) == 0) { // whole lines
                off = off / 64 * 64;
                bytes = 64 * (1 + (r >> 16 & 1u));
            }
            bytes = bytes < MEM_BYTES - off ? bytes : MEM_BYTES - off;
            const struct vl_access a = access_of(agent, (r >> 6 & 3u) == 0, off, bytes, n_done);
            struct vl_conflict conflict;
            uint32_t byte = 0;
            const bool want = races_by_definition(&a, &byte);
            vl_races_access(&races, &rc, &a, &conflict);
            assert_int_equal(conflict.found, want);
            if (want) {
                // The mark that is named stands for the byte's two-byte word, or for its line.
                assert_true(conflict.off <= byte + 1);
                assert_int_equal(conflict.agent, 1 - agent);
                assert_int_equal(conflict.site, conflict.seq + 1);
                n_races++;
                found = true;
            }
            n_ordered += want ? 0 : 1;
            vl_rc11_tick(&rc, agent, a.seq);
            done[n_done++] = a;
        }
    }
    assert_true(n_races > 100 && n_ordered > 2000);
}

static struct vl_conflict look(unsigned agent, bool is_store, uint32_t off, uint32_t bytes,
                               uint32_t seq, bool plain)
{
    struct vl_access a = access_of(agent, is_store, off, bytes, seq);
    struct vl_conflict conflict;
    a.plain = plain;
    if (is_store && plain) {
        vl_races_save(&races, mem, &a);
    }
    vl_races_access(&races, &rc, &a, &conflict);
    if (is_store && plain) {
        memset(mem + off, (int)seq + 1, bytes);
    }
    vl_rc11_tick(&rc, agent, seq);
    return conflict;
}

static void fresh(void)
{
    vl_rc11_reset(&rc);
    vl_races_reset(&races, 100000);
    memset(mem, 0, sizeof(mem));
}

// Goal: accesses with an order race with plain ones, both ways round, and never with each other.
static void orders_and_plain(void **state)
{
    (void)state;
    fresh();
    assert_true(vl_rc11_touch(&rc, 4, 0, VL_RC11_AT_START));
    (void)vl_rc11_store(&rc, 0, vl_rc11_newest(&rc, 4), 1, VIRTQ_RELAXED, 0);
    assert_false(look(1, true, 8, 2, 1, false).found);
    assert_false(look(1, false, 8, 2, 2, false).found);
    assert_true(look(1, false, 8, 2, 3, true).found); // a plain load, and a store with an order
    assert_true(look(1, false, 0, 64, 4, true).found);
    fresh();
    assert_false(look(0, true, 8, 2, 0, true).found);
    assert_true(look(1, false, 8, 2, 1, false).found);
    assert_true(look(1, true, 8, 2, 2, false).found);
    fresh();
    assert_false(look(0, false, 8, 2, 0, true).found);
    assert_false(look(1, false, 8, 2, 1, false).found);
    assert_true(look(1, true, 8, 2, 2, false).found);
}

// Goal: old bytes are those from before the stores that the agent does not know, as far back as the
// first that it does, byte by byte.
static void old_bytes(void **state)
{
    uint8_t out[8];
    (void)state;
    fresh();
    (void)look(0, true, 0, 8, 1, true); // 2 2 2 2 2 2 2 2
    vl_rc11_take(&rc, 1, vl_rc11_view(&rc, 0));
    (void)look(0, true, 2, 4, 2, true); // . . 3 3 3 3 . .
    (void)look(0, true, 3, 2, 3, true); // . . . 4 4 . . .
    assert_int_equal(vl_races_old(&races, &rc, 1, mem, 0, 8, out), 2);
    static const uint8_t two[8] = {2, 2, 2, 2, 2, 2, 2, 2};
    assert_memory_equal(out, two, 8);
    static const uint8_t all[8] = {2, 2, 3, 4, 4, 3, 2, 2};
    assert_int_equal(vl_races_old(&races, &rc, 0, mem, 0, 8, out), 4);
    assert_memory_equal(out, all, 8);
    assert_memory_equal(mem, all, 8);
    assert_int_equal(vl_races_old(&races, &rc, 2, mem, 0, 8, out), 0); // knows nothing
    static const uint8_t none[8] = {0};
    assert_memory_equal(out, none, 8);
    assert_int_equal(vl_races_newest(&races, 0, 2), 2);
    assert_int_equal(vl_races_newest(&races, 0, 8), 4);
    assert_int_equal(vl_races_newest(&races, 64, 64), 0);
    // What is too long ago is not guessed at: memory stays as it is.
    for (uint32_t i = 0; i < VL_RACE_UNDO_STORES; i++) {
        (void)look(0, true, 128, 2, 4 + i, true);
    }
    assert_int_equal(vl_races_old(&races, &rc, 1, mem, 0, 8, out), 0);
    assert_memory_equal(out, all, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_exact),
        cmocka_unit_test(orders_and_plain),
        cmocka_unit_test(old_bytes),
    };
    return cmocka_run_group_tests_name("model.race", tests, setup, teardown);
}
