// tests/explore/test_program.c -- the knobs of the explorer's programs: what words mean, which are
// refused, and how knobs are told.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct lab_program_knobs knobs;
static char err[LAB_PROGRAM_ERR_BYTES];

// Program and knobs, words between blanks; the text of what they came to, or the complaint.
static const char *told(const char *name, const char *words)
{
    static char text[LAB_PROGRAM_TEXT_BYTES];
    char word[64];

    assert_true(lab_program_knobs_init(&knobs, name));
    while (*words != '\0') {
        const size_t n = strcspn(words, " ");
        assert_true(n < sizeof(word));
        memcpy(word, words, n);
        word[n] = '\0';
        if (!lab_program_knob(&knobs, word, err)) {
            return err;
        }
        words += n + strspn(words + n, " ");
    }
    if (!lab_program_knobs_check(&knobs, err)) {
        return err;
    }
    lab_program_knobs_text(&knobs, text);
    return text;
}

static void defaults_order_everything(void **state)
{
    (void)state;
    assert_string_equal(told("vq_full", ""), "program=vq_full K=1");
    assert_int_equal(knobs.strength[VIRTQ_BARRIER_AVAIL_PUBLISH], VIRTQ_RELEASE);
    assert_int_equal(knobs.strength[VIRTQ_BARRIER_USED_CONSUME], VIRTQ_ACQUIRE);
    assert_int_equal(knobs.strength[VIRTQ_BARRIER_KICK_CHECK], VIRTQ_SEQ_CST);
    assert_int_equal(knobs.strength[VIRTQ_BARRIER_IRQ_REARM], VIRTQ_SEQ_CST);
    assert_int_equal(knobs.qsz, 2);
    assert_false(lab_program_knobs_init(&knobs, "vq_packed"));
}

static void each_knob_is_its_barrier(void **state)
{
    static const struct {
        const char *word;
        unsigned barrier;
        unsigned order;
    } rows[] = {
        {"D1=rlx", VIRTQ_BARRIER_AVAIL_PUBLISH, VIRTQ_RELAXED},
        {"D2=rlx", VIRTQ_BARRIER_USED_CONSUME, VIRTQ_RELAXED},
        {"D3=ar", VIRTQ_BARRIER_KICK_CHECK, VIRTQ_ACQ_REL},
        {"D4=none", VIRTQ_BARRIER_IRQ_REARM, VIRTQ_RELAXED},
        {"V1=sc", VIRTQ_BARRIER_AVAIL_CONSUME, VIRTQ_SEQ_CST},
        {"V2=rlx", VIRTQ_BARRIER_USED_PUBLISH, VIRTQ_RELAXED},
        {"V3=rel", VIRTQ_BARRIER_KICK_REARM, VIRTQ_RELEASE},
        {"V4=acq", VIRTQ_BARRIER_IRQ_CHECK, VIRTQ_ACQUIRE},
    };
    struct lab_program_knobs defaults;
    (void)state;
    assert_true(lab_program_knobs_init(&defaults, "vq_full"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)told("vq_full", rows[i].word);
        for (unsigned b = 0; b < VIRTQ_BARRIER_COUNT; b++) {
            assert_int_equal(knobs.strength[b],
                             b == rows[i].barrier ? rows[i].order : defaults.strength[b]);
        }
    }
}

static void knobs_are_told_in_one_order(void **state)
{
    (void)state;
    assert_string_equal(told("vq_full", "EVENT_IDX V4=none K=3 D1=rlx QSZ=4 PLAIN"),
                        "program=vq_full K=3 QSZ=4 D1=rlx V4=none PLAIN EVENT_IDX");
    assert_string_equal(told("vq_full", "QSZ=2 D1=rel K=1 V3=sc"), "program=vq_full K=1");
    assert_string_equal(told("vq_poll", "NOREPLY=1 NOUSEDRING FENCES"),
                        "program=vq_poll K=1 FENCES NOREPLY NOUSEDRING");
    assert_string_equal(told("vq_kick", "D3=rlx BATCH"), "program=vq_kick K=1 D3=none BATCH");
    assert_string_equal(told("vq_pollbound", "TRIES=4"), "program=vq_pollbound K=1 TRIES=4");
}

static void knobs_that_nobody_looks_at_change_nothing(void **state)
{
    (void)state;
    assert_string_equal(told("vq_poll", "D3=none"), "program=vq_poll K=1");
    assert_string_equal(lab_program_knob_foreign(&knobs), "D3");
    (void)told("vq_irq", "NOREPLY");
    assert_false(knobs.noreply);
    assert_string_equal(lab_program_knob_foreign(&knobs), "NOREPLY");
    (void)told("vq_full", "D3=none PLAIN");
    assert_null(lab_program_knob_foreign(&knobs));
}

static void wrong_words_are_refused(void **state)
{
    static const struct {
        const char *name;
        const char *words;
        const char *says;
    } rows[] = {
        {"vq_full", "COLOUR=red", "no such knob"},
        {"vq_full", "K", "a number from 1 to 8"},
        {"vq_full", "K=x", "a number from 1 to 8"},
        {"vq_full", "K=0", "a number from 1 to 8"},
        {"vq_full", "K=9", "a number from 1 to 8"},
        {"vq_full", "K=-1", "a number from 1 to 8"},
        {"vq_full", "K=99999999999999999999", "a number from 1 to 8"},
        {"vq_full", "EVENT_IDX=0", "is on when it is named"},
        {"vq_full", "D1", "orders are"},
        {"vq_full", "D1=", "orders are"},
        {"vq_full", "D1=acquire", "orders are"},
        {"vq_full", "V2=acq", "a store has no such order"},
        {"vq_full", "D2=ar", "a load has no such order"},
        {"vq_irq", "K=3", "say QSZ=3 or more"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_non_null(strstr(told(rows[i].name, rows[i].words), rows[i].says));
    }
    assert_string_equal(told("vq_full", "FENCES V2=acq D2=ar"),
                        "program=vq_full K=1 D2=ar V2=acq FENCES");
    assert_string_equal(told("vq_irq", "K=3 QSZ=4"), "program=vq_irq K=3 QSZ=4");
}

static void words_have_names(void **state)
{
    (void)state;
    (void)told("vq_full", "QSZ=4 PLAIN");
    struct lab_program *p = lab_program_open(&knobs);
    assert_non_null(p);
    assert_string_equal(lab_program_loc_name(p, 0), "avail.idx");
    assert_string_equal(lab_program_loc_name(p, 7), "interrupt");
    assert_string_equal(lab_program_addr_name(p, 2 * (8 + 3)), "desc[3]");
    assert_string_equal(lab_program_addr_name(p, 2 * (8 + 15) + 1), "used.ring[3]");
    assert_string_equal(lab_program_loc_name(p, 8 + 16), "?");
    lab_program_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_order_everything),
        cmocka_unit_test(each_knob_is_its_barrier),
        cmocka_unit_test(knobs_are_told_in_one_order),
        cmocka_unit_test(knobs_that_nobody_looks_at_change_nothing),
        cmocka_unit_test(wrong_words_are_refused),
        cmocka_unit_test(words_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
