// tests/explore/test_search.c -- the explorer itself (model/explore/vl_explore.h): how many
// executions small programs have, how a search ends, what it refuses, what it holds.
// Numbers of executions are counted by hand from the definition (one per reads-from and order of
// stores), in the comments beside them.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/explore/small_program.h"
#include "tools/lab/lab_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { X, Y, Z };

static const struct vl_x_access store_x[] = {W_(X, 1, VIRTQ_RELAXED)};
static const struct vl_x_access add_x[] = {ADD_(X, 1)};
static const struct vl_x_access wait_x[] = {AWAIT_(X, 0), W_(Y, 1, VIRTQ_RELAXED)};

static void explored(struct small *s, enum vl_model model)
{
    s->config.model = model;
    assert_true(small_explore(s));
}

static void done(struct small *s, enum vl_model model)
{
    explored(s, model);
    assert_string_equal(s->error, "");
    assert_int_equal(s->result, VL_X_DONE);
    assert_int_equal(s->n_outcomes[VL_X_COMPLETE], s->counts.complete);
    assert_int_equal(s->n_outcomes[VL_X_BLOCKED] + s->n_outcomes[VL_X_STUCK], s->counts.blocked);
    assert_int_equal(s->n_outcomes[VL_X_STUCK], s->counts.stuck);
}

// ---- counts -------------------------------------------------------------------------------------

static void count_additions(struct small *s, enum vl_x_outcome outcome)
{
    (void)outcome;
    assert_int_equal(vl_x_newest(s->x, X), s->n_threads);
}

// n threads that each add 1: their orders are all there is, n! of them, and none is lost.
static void additions_come_in_every_order(void **state)
{
    static const uint32_t factorial[] = {1, 1, 2, 6, 24, 120, 720};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        for (unsigned n = 1; n <= 6; n++) {
            struct small s = {.each = count_additions};
            for (unsigned t = 0; t < n; t++) {
                SMALL_THREAD(&s, t, add_x);
            }
            done(&s, (enum vl_model)m);
            assert_int_equal(s.counts.complete, factorial[n]);
            assert_int_equal(s.counts.blocked, 0);
        }
    }
}

static void one_winner(struct small *s, enum vl_x_outcome outcome)
{
    uint32_t n_won = 0;
    (void)outcome;
    for (unsigned t = 0; t < s->n_threads; t++) {
        n_won += s->value[t][0] == 0;
        assert_true(s->value[t][0] == 0 || s->value[t][0] == vl_x_newest(s->x, X));
    }
    assert_int_equal(n_won, 1);
}

// n threads that each put their number where 0 is: one does, and the others, which are loads then,
// can only see its number. As many executions as winners.
static void one_compare_and_swap_wins(void **state)
{
    static const struct vl_x_access cas[4][1] = {
        {{.op = VL_X_CAS, .n_cells = 1, .loc = X, .expect = 0, .value = 1}},
        {{.op = VL_X_CAS, .n_cells = 1, .loc = X, .expect = 0, .value = 2}},
        {{.op = VL_X_CAS, .n_cells = 1, .loc = X, .expect = 0, .value = 3}},
        {{.op = VL_X_CAS, .n_cells = 1, .loc = X, .expect = 0, .value = 4}},
    };
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        for (unsigned n = 1; n <= 4; n++) {
            struct small s = {.each = one_winner};
            for (unsigned t = 0; t < n; t++) {
                SMALL_THREAD(&s, t, cas[t]);
            }
            done(&s, (enum vl_model)m);
            assert_int_equal(s.counts.complete, n);
        }
    }
}

// Two threads that exchange, and one that stores: an exchange stands right behind what it read.
// 3 stores in any order, and each exchange's source is the one before it: 3! executions.
static void exchanges_stand_behind_what_they_read(void **state)
{
    static const struct vl_x_access first[] = {{.op = VL_X_XCHG, .n_cells = 1, .value = 1}};
    static const struct vl_x_access second[] = {{.op = VL_X_XCHG, .n_cells = 1, .value = 2}};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        struct small s = {0};
        SMALL_THREAD(&s, 0, first);
        SMALL_THREAD(&s, 1, second);
        SMALL_THREAD(&s, 2, store_x);
        done(&s, (enum vl_model)m);
        assert_int_equal(s.counts.complete, 6);
    }
}

// Store buffering: of four outcomes sc has three, unless the loads are between full fences.
static void each_model_has_its_executions(void **state)
{
    static const struct vl_x_access bare[2][2] = {{W_(X, 1, VIRTQ_RELAXED), R_(Y, VIRTQ_RELAXED)},
                                                  {W_(Y, 1, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)}};
    static const struct vl_x_access full[2][3] = {
        {W_(X, 1, VIRTQ_RELAXED), F_(VIRTQ_SEQ_CST), R_(Y, VIRTQ_RELAXED)},
        {W_(Y, 1, VIRTQ_RELAXED), F_(VIRTQ_SEQ_CST), R_(X, VIRTQ_RELAXED)}};
    static const struct vl_x_access weak[2][3] = {
        {W_(X, 1, VIRTQ_RELAXED), F_(VIRTQ_ACQ_REL), R_(Y, VIRTQ_RELAXED)},
        {W_(Y, 1, VIRTQ_RELAXED), F_(VIRTQ_ACQ_REL), R_(X, VIRTQ_RELAXED)}};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        struct small s[3] = {0};
        for (unsigned t = 0; t < 2; t++) {
            SMALL_THREAD(&s[0], t, bare[t]);
            SMALL_THREAD(&s[1], t, full[t]);
            SMALL_THREAD(&s[2], t, weak[t]);
        }
        for (unsigned i = 0; i < 3; i++) {
            done(&s[i], (enum vl_model)m);
            assert_int_equal(s[i].counts.complete, m == VL_MODEL_SC || i == 1 ? 3 : 4);
        }
    }
}

// ---- waits --------------------------------------------------------------------------------------

// The store was seen: complete. It was not, and is there: blocked, the wait would be over.
static void a_wait_that_could_end_is_blocked(void **state)
{
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        struct small s = {0};
        SMALL_THREAD(&s, 0, wait_x);
        SMALL_THREAD(&s, 1, store_x);
        done(&s, (enum vl_model)m);
        assert_int_equal(s.counts.complete, 1);
        assert_int_equal(s.n_outcomes[VL_X_BLOCKED], 1);
        assert_int_equal(s.counts.stuck, 0);
    }
}

// Nobody stores: stuck, and what stands behind the wait never happens. For a server that is its
// regular end; not if another thread waits for ever.
static void a_wait_for_nothing_is_stuck(void **state)
{
    static const struct vl_x_access other[] = {W_(Z, 1, VIRTQ_RELAXED)};
    static const struct vl_x_access wait_y[] = {AWAIT_(Y, 0)};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        struct small s = {0};
        SMALL_THREAD(&s, 0, wait_x);
        SMALL_THREAD(&s, 1, other);
        struct small server = s;
        struct small both = s;
        done(&s, (enum vl_model)m);
        assert_int_equal(s.n_outcomes[VL_X_STUCK], 1);
        assert_int_equal(s.counts.complete, 0);

        server.servers = 1u << 0;
        done(&server, (enum vl_model)m);
        assert_int_equal(server.counts.complete, 1);
        assert_int_equal(server.counts.blocked, 0);

        both.servers = 1u << 0;
        SMALL_THREAD(&both, 2, wait_y);
        done(&both, (enum vl_model)m);
        assert_int_equal(both.counts.complete, 0);
        assert_int_equal(both.n_outcomes[VL_X_STUCK], 1);
    }
}

// A server that sleeps on an old value is not at its end.
static void a_server_must_have_seen_the_newest(void **state)
{
    (void)state;
    struct small s = {.servers = 1u << 0};
    SMALL_THREAD(&s, 0, wait_x);
    SMALL_THREAD(&s, 1, store_x);
    done(&s, VL_MODEL_RC11);
    assert_int_equal(s.counts.complete, 1);
    assert_int_equal(s.n_outcomes[VL_X_BLOCKED], 1);
}

// ---- wide accesses ------------------------------------------------------------------------------

static void note_value(struct small *s, enum vl_x_outcome outcome)
{
    uint32_t *seen = s->seen;
    const uint64_t v = s->value[1][0];
    (void)outcome;
    assert_int_equal(v & ~(uint64_t)0x00010001, 0);
    *seen |= 1u << ((v & 1u) | (v >> 15 & 2u));
}

// rc11: the cells of one access are not ordered. 2 cells: 4 values; 4 cells: 16.
static void wide_accesses_tear(void **state)
{
    static const struct vl_x_access store[] = {{.op = VL_X_STORE, .n_cells = 2, .value = 0x10001}};
    static const struct vl_x_access load[] = {{.op = VL_X_LOAD, .n_cells = 2}};
    static const struct vl_x_access store4[] = {
        {.op = VL_X_STORE, .n_cells = 4, .value = 0x0001000100010001, .order = VIRTQ_RELEASE}};
    static const struct vl_x_access load4[] = {
        {.op = VL_X_LOAD, .n_cells = 4, .order = VIRTQ_ACQUIRE}};
    uint32_t seen = 0;
    struct small s = {.each = note_value, .seen = &seen};
    struct small four = {0};
    (void)state;
    SMALL_THREAD(&s, 0, store);
    SMALL_THREAD(&s, 1, load);
    done(&s, VL_MODEL_RC11);
    assert_int_equal(s.counts.complete, 4);
    assert_int_equal(seen, 0xF);
    SMALL_THREAD(&four, 0, store4);
    SMALL_THREAD(&four, 1, load4);
    done(&four, VL_MODEL_RC11);
    assert_int_equal(four.counts.complete, 16);
}

// ---- refusals -----------------------------------------------------------------------------------

static void accesses_that_are_not_modelled(void **state)
{
    static const struct {
        struct vl_x_access access;
        unsigned models; // that refuse it
        const char *says;
    } rows[] = {
        {{.op = VL_X_LOAD, .n_cells = 2}, 3, "wider than 16 bits are explored under rc11"},
        {{.op = VL_X_STORE, .n_cells = 4}, 3, "wider than 16 bits are explored under rc11"},
        {{.op = VL_X_ADD, .n_cells = 2}, 7, "only loads and stores are wider"},
        {{.op = VL_X_AWAIT, .n_cells = 2}, 7, "only loads and stores are wider"},
        {{.op = VL_X_CAS, .n_cells = 4}, 7, "only loads and stores are wider"},
        {{.op = VL_X_LOAD, .n_cells = 1, .loc = SMALL_LOCS}, 7, "location 8 is not one of 8"},
        {{.op = VL_X_STORE, .n_cells = 2, .loc = SMALL_LOCS - 1}, 7, "location 7 is not one of 8"},
        {{.op = VL_X_XCHG, .n_cells = 1, .loc = 0xFFFF}, 7, "location 65535 is not one of 8"},
        {{.op = VL_X_LOAD, .n_cells = 5}, 4, "of 5 cells is wider than 4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
            struct small s = {0};
            SMALL_THREAD(&s, 0, store_x);
            s.thread[1] = &rows[i].access;
            s.n[1] = 1;
            s.n_threads = 2;
            explored(&s, (enum vl_model)m);
            if ((rows[i].models >> m & 1u) != 0) {
                assert_int_equal(s.result, VL_X_REFUSED);
                assert_non_null(strstr(s.error, rows[i].says));
            }
        }
    }
}

// With n steps thread 0 is too large.
static void too_large(struct small *s, uint32_t n, enum vl_model model, const char *says)
{
    s->n[0] = n;
    explored(s, model);
    assert_int_equal(s->result, VL_X_TOO_LARGE);
    assert_non_null(strstr(s->error, says));
}

static void what_does_not_fit_is_too_large(void **state)
{
    struct vl_x_access many[SMALL_STEPS];
    struct small events = {.config = {.events_max = 8}};
    struct small stores = {0};
    struct small bytes = {0};
    struct small seq_cst = {0};
    static uint8_t page[1u << 15];
    (void)state;

    for (uint32_t i = 0; i < SMALL_STEPS; i++) {
        many[i] = (struct vl_x_access)W_(X, 1, VIRTQ_RELAXED);
    }
    SMALL_THREAD(&events, 0, many);
    events.n[0] = 8;
    done(&events, VL_MODEL_RC11);
    assert_int_equal(events.counts.events_max, 8);
    too_large(&events, 9, VL_MODEL_RC11, "more than 8 events");

    SMALL_THREAD(&stores, 0, many);
    stores.n[0] = 96;
    done(&stores, VL_MODEL_TSO);
    too_large(&stores, 97, VL_MODEL_TSO, "more than 96 stores to one location");

    for (uint32_t i = 0; i < 3; i++) {
        many[i] = (struct vl_x_access){
            .op = VL_X_PLAIN_STORE, .addr = i << 15, .len = sizeof(page), .data = page};
    }
    SMALL_THREAD(&bytes, 0, many);
    bytes.n[0] = 2;
    done(&bytes, VL_MODEL_SC);
    too_large(&bytes, 3, VL_MODEL_SC, "exceed 65536 bytes");

    // Seq-cst accesses are judged by the axioms, which take graphs of 64 events. They are asked
    // where a load might see an older store.
    for (uint32_t i = 0; i < SMALL_STEPS; i++) {
        many[i] = (struct vl_x_access)R_(i % 2, VIRTQ_SEQ_CST);
    }
    static const struct vl_x_access last[] = {W_(X, 1, VIRTQ_SEQ_CST)};
    SMALL_THREAD(&seq_cst, 0, many);
    SMALL_THREAD(&seq_cst, 1, last);
    too_large(&seq_cst, 80, VL_MODEL_RC11, "more than 64 events with seq-cst accesses");
}

// Thread 0 loads x, and runs again when thread 1's store comes to be seen.
static void threads_that_change_their_mind_are_found(void **state)
{
    static const struct vl_x_access loads[] = {R_(Y, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
    static const struct vl_x_access same[] = {R_(Y, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
    static const struct vl_x_access place[] = {R_(Z, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
    static const struct vl_x_access order[] = {R_(Y, VIRTQ_ACQUIRE), R_(X, VIRTQ_RELAXED)};
    static const struct vl_x_access kind[] = {W_(Y, 1, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
    static const struct vl_x_access *const second[] = {place, order, kind};
    (void)state;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        struct small s = {.second = same};
        SMALL_THREAD(&s, 0, loads);
        SMALL_THREAD(&s, 1, store_x);
        done(&s, (enum vl_model)m);
        assert_int_equal(s.counts.complete, 2);
        assert_true(s.runs[0] > 1);
        for (size_t i = 0; i < 3; i++) {
            struct small bad = {.second = second[i]};
            SMALL_THREAD(&bad, 0, loads);
            SMALL_THREAD(&bad, 1, store_x);
            explored(&bad, (enum vl_model)m);
            assert_int_equal(bad.result, VL_X_NOT_DETERMINISTIC);
            assert_non_null(strstr(bad.error, "thread 0 did something else at its event 0"));
        }
        static const struct vl_x_access one[] = {W_(Y, 1, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
        static const struct vl_x_access two[] = {W_(Y, 2, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
        struct small value = {.second = two};
        SMALL_THREAD(&value, 0, one);
        SMALL_THREAD(&value, 1, store_x);
        explored(&value, (enum vl_model)m);
        assert_int_equal(value.result, VL_X_NOT_DETERMINISTIC);
        assert_non_null(strstr(value.error, "thread 0 stored 2 instead of 1 at its event 0"));
    }
}

// What cannot be opened is not opened.
static void sizes_have_limits(void **state)
{
    (void)state;
    const struct vl_x_program threads = {.n_threads = VL_X_THREADS + 1, .n_locs = 1};
    const struct vl_x_program locs = {.n_threads = 1, .n_locs = VL_X_LOCS + 1};
    const struct vl_x_program good = {.n_threads = 1, .n_locs = VL_X_LOCS};
    struct vl_x_config config = {.model = VL_MODEL_RC11, .rules = VL_RULES_ALL, .events_max = 16};
    assert_null(vl_x_open(&threads, &config));
    assert_null(vl_x_open(&locs, &config));
    struct vl_explore *x = vl_x_open(&good, &config); // fewer events than locations
    assert_non_null(x);
    vl_x_close(x);
    config.events_max = VL_X_EVENTS + 1;
    assert_null(vl_x_open(&good, &config));
}

// A thread that is not at its end, not waiting, and does not go on.
static void a_thread_that_gives_up_is_found(void **state)
{
    static const struct vl_x_access loads[] = {R_(Y, VIRTQ_RELAXED), R_(X, VIRTQ_RELAXED)};
    struct small s = {.stops_at = 1};
    (void)state;
    SMALL_THREAD(&s, 0, loads);
    explored(&s, VL_MODEL_SC);
    assert_int_equal(s.result, VL_X_NOT_DETERMINISTIC);
    assert_non_null(strstr(s.error, "thread 0 stopped at its event 1"));
}

// ---- callbacks ----------------------------------------------------------------------------------

static void a_callback_stops_the_search(void **state)
{
    struct small one = {.stop_after = 5};
    struct small progress = {.stop_at_progress = true};
    (void)state;
    for (unsigned t = 0; t < 4; t++) {
        SMALL_THREAD(&one, t, add_x); // 24 executions
    }
    explored(&one, VL_MODEL_RC11);
    assert_int_equal(one.result, VL_X_STOPPED);
    assert_int_equal(one.counts.complete, 5);

    for (unsigned t = 0; t < 7; t++) {
        SMALL_THREAD(&progress, t, add_x); // 5040
    }
    struct small on = progress;
    explored(&progress, VL_MODEL_SC);
    assert_int_equal(progress.result, VL_X_STOPPED);
    assert_int_equal(progress.counts.complete, 4096);
    on.stop_at_progress = false;
    done(&on, VL_MODEL_SC);
    assert_int_equal(on.counts.complete, 5040);
    assert_int_equal(on.n_progress, 1);
}

// ---- memory, and the same execution twice -------------------------------------------------------

static bool real_threads(const char *words[], struct vl_x_counts *counts, enum vl_model model,
                         bool distinct)
{
    struct lab_program_knobs knobs;
    char err[LAB_PROGRAM_ERR_BYTES];
    const struct vl_x_config config = {
        .model = model, .rules = VL_RULES_ALL, .count_distinct = distinct};

    bool ok = lab_program_knobs_init(&knobs, words[0]);
    for (size_t i = 1; ok && words[i] != NULL; i++) {
        ok = lab_program_knob(&knobs, words[i], err);
    }
    struct lab_program *p = ok ? lab_program_open(&knobs) : NULL;
    struct vl_explore *x = p != NULL ? vl_x_open(lab_program_explored(p), &config) : NULL;
    if (x != NULL) {
        lab_program_bind(p, x);
        ok = vl_x_run(x) == VL_X_DONE;
        *counts = *vl_x_counts(x);
    }
    vl_x_close(x);
    lab_program_close(p);
    return ok && x != NULL;
}

static void no_execution_comes_twice(void **state)
{
    static const char *const programs[][4] = {
        {"vq_full", "K=2", NULL, NULL},          {"vq_full", "K=2", "EVENT_IDX", NULL},
        {"vq_full", "K=2", "D3=none", NULL},     {"vq_kick", "K=2", "V3=ar", NULL},
        {"vq_pollbound", "K=2", "V1=rlx", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
            const char *words[4];
            struct vl_x_counts counts = {0};
            memcpy(words, programs[i], sizeof(words));
            assert_true(real_threads(words, &counts, (enum vl_model)m, true));
            assert_true(counts.complete > 10);
            assert_int_equal(counts.distinct, counts.complete + counts.blocked);
        }
    }
}

// 60 times as many executions, half as much again of an execution: what is held follows the latter.
static void memory_is_that_of_one_execution(void **state)
{
    const char *two[] = {"vq_full", "K=2", NULL};
    const char *three[] = {"vq_full", "K=3", NULL};
    struct vl_x_counts a = {0};
    struct vl_x_counts b = {0};
    struct vl_x_counts digests = {0};
    (void)state;
    assert_true(real_threads(two, &a, VL_MODEL_RC11, false));
    assert_true(real_threads(three, &b, VL_MODEL_RC11, false));
    assert_true(b.complete + b.blocked > 50 * (a.complete + a.blocked));
    assert_true(b.events_max < 2 * a.events_max);
    assert_true(b.memory_bytes < 2 * a.memory_bytes);
    // Remembering each of them is another matter: at least a digest for each.
    assert_true(real_threads(three, &digests, VL_MODEL_RC11, true));
    assert_true(digests.memory_bytes >= b.memory_bytes + 8 * (b.complete + b.blocked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(additions_come_in_every_order),
        cmocka_unit_test(one_compare_and_swap_wins),
        cmocka_unit_test(exchanges_stand_behind_what_they_read),
        cmocka_unit_test(each_model_has_its_executions),
        cmocka_unit_test(a_wait_that_could_end_is_blocked),
        cmocka_unit_test(a_wait_for_nothing_is_stuck),
        cmocka_unit_test(a_server_must_have_seen_the_newest),
        cmocka_unit_test(wide_accesses_tear),
        cmocka_unit_test(accesses_that_are_not_modelled),
        cmocka_unit_test(what_does_not_fit_is_too_large),
        cmocka_unit_test(threads_that_change_their_mind_are_found),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(a_thread_that_gives_up_is_found),
        cmocka_unit_test(a_callback_stops_the_search),
        cmocka_unit_test(no_execution_comes_twice),
        cmocka_unit_test(memory_is_that_of_one_execution),
    };
    return cmocka_run_group_tests_name("explore.search", tests, NULL, NULL);
}
