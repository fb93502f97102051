// tests/litmus/test_text.c -- the notation: what is taken, and how the rest is refused.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/litmus/litmus_tests.h"

// Goal: what is no test is refused with the place and a reason. Method: a table.
static void refusals(void **state)
{
    static const struct {
        const char *program;
        const char *says;
    } rows[] = {
        {"", "thread 0, statement 1: there is none"},
        {"W x 1 rlx;", "thread 0, statement 2: there is none"},
        {"W x 1 rlx || ", "thread 1, statement 1: there is none"},
        {"W x 1 rlx; X y 1 rlx", "thread 0, statement 2: 'X' is no operation"},
        {"w x 1 rlx", "'w' is no operation"},
        {"W x 1", "W takes 3 words, not 2; the form is W LOCATION VALUE na|rlx|rel|sc"},
        {"W x 1 rlx rlx", "W takes 3 words, not 4"},
        {"W x 1 acq", "'acq' is no order here"},
        {"R x r0 rel", "'rel' is no order here"},
        {"F rlx", "'rlx' is no order here"},
        {"F na", "'na' is no order here"},
        {"XCHG x 1 r0 na", "'na' is no order here"},
        {"W x r0 rlx", "r0 is used, but nothing before loads it"},
        {"R x r0 rlx || W x r0 rlx", "thread 1, statement 1: r0 is used"},
        {"?r0=1 W x 1 rlx", "r0 is used"},
        {"R x r0 rlx; ?r0 W x 1 rlx", "'?r0' is no condition"},
        {"R x r0 rlx; ?r0=a W x 1 rlx", "'a' is no number"},
        {"R x r0 rlx; ?r0=1", "statement 2: there is none"},
        {"R x y rlx", "'y' is no register"},
        {"R r1 r0 rlx", "'r1' is no location"},
        {"R 1x r0 rlx", "'1x' is no location"},
        {"R x-y r0 rlx", "'x-y' is no location"},
        {"R a234567890123456 r0 rlx", "is no location"},
        {"W x 65536 rlx", "65536 does not fit into 16 bits"},
        {"W x.lo32 0x100000000 rlx", "does not fit into 32 bits"},
        {"W x 99999999999999999999 rlx", "is no value"},
        {"W x -1 rlx", "'-1' is no value"},
        {"W x 1z rlx", "'1z' is no value"},
        {"W x.lo8 1 rlx", "'.lo8' is no width"},
        {"W x. 1 rlx", "'.' is no width"},
        {"XCHG x.lo32 1 r0 rlx", "a read-modify-write is 16 bits wide"},
        {"CAS x 1 r0 rlx", "CAS takes 5 words, not 4"},
        {"W x 1 rlx 1 2 3 4 5 6 7 8 9", "W takes 3 words"},
    };
    struct lab_litmus test;
    char err[LAB_LITMUS_ERR];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        err[0] = '\0';
        assert_false(lab_litmus_parse(&test, "refused", rows[i].program, err));
        if (strstr(err, rows[i].says) == NULL) {
            fail_msg("'%s': '%s', which does not say '%s'", rows[i].program, err, rows[i].says);
        }
    }
}

static void repeat(char *text, size_t bytes, const char *part, const char *separator, unsigned n)
{
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        const int more = snprintf(text + at, bytes - at, "%s%s", i > 0 ? separator : "", part);
        assert_true(more > 0 && (size_t)more < bytes - at);
        at += (size_t)more;
    }
}

// Goal: every limit holds: at it a test is taken, one further it is refused. Method: repetition.
static void limits(void **state)
{
    static const struct {
        const char *part;
        const char *separator;
        unsigned fits;
        const char *says;
    } rows[] = {
        {"W x 1 rlx", " || ", LAB_LITMUS_THREADS, "more than 8 threads"},
        {"W x 1 rlx", "; ", LAB_LITMUS_STATEMENTS, "more than 24 statements in a thread"},
        {"XCHG x 1 r0 rlx", "; ", 15, "at most 31 events in a thread"},
        {"W x.lo64 1 rlx", "; ", 7, "at most 31 events in a thread"},
        {"W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx; "
         "W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx; W x 1 rlx",
         " || ", 4, "and 64 in a test"},
    };
    char text[LAB_LITMUS_PROGRAM];
    char err[LAB_LITMUS_ERR];
    struct lab_litmus test;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        repeat(text, sizeof(text), rows[i].part, rows[i].separator, rows[i].fits);
        assert_true(lab_litmus_parse(&test, "fits", text, err));
        repeat(text, sizeof(text), rows[i].part, rows[i].separator, rows[i].fits + 1);
        assert_false(lab_litmus_parse(&test, "too much", text, err));
        if (strstr(err, rows[i].says) == NULL) {
            fail_msg("'%s' does not say '%s'", err, rows[i].says);
        }
    }
    assert_false(lab_litmus_parse(&test, "registers",
                                  "R x r0 rlx; R x r1 rlx; R x r2 rlx; R x r3 rlx; R x r4 rlx; "
                                  "R x r5 rlx; R x r6 rlx; R x r7 rlx; R x r8 rlx",
                                  err));
    assert_non_null(strstr(err, "more than 8 registers"));
    assert_false(lab_litmus_parse(&test, "cells",
                                  "W a.hi64 1 rlx; W b.hi64 1 rlx; W c.hi64 1 rlx; "
                                  "W d.hi64 1 rlx; W e 1 rlx",
                                  err));
    assert_non_null(strstr(err, "more than 512 bits"));
    memset(text, ' ', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(lab_litmus_parse(&test, "spaces", text, err));
    char long_text[LAB_LITMUS_PROGRAM + 1];
    memset(long_text, 'W', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_false(lab_litmus_parse(&test, "long", long_text, err));
    assert_non_null(strstr(err, "more than 2047 bytes"));
}

// Goal: states list registers by thread and name, then locations by name; wide values are whole.
// Method: one execution that is known.
static void states(void **state)
{
    struct lab_litmus test;
    struct lab_litmus_result result;
    char text[LAB_LITMUS_STATE];

    (void)state;
    litmus_parse(&test, "one",
                 "W y.lo64 0x123456789abcdef0 rlx; R y.hi32 r2 rlx; R y.hi16 r1 rlx; "
                 "W b.hi64 r2 rlx; ADD a 65535 r0 rlx; ADD a 2 r3 rlx; ?r3=7 R a r4 rlx");
    litmus_run(&test, LAB_LITMUS_OPERATIONAL, VL_MODEL_SC, VL_RULES_ALL, &result);
    assert_int_equal(result.n_states, 1);
    lab_litmus_state_text(&test, result.states[0], text);
    assert_string_equal(text, "{0:r0=0;0:r1=39612;0:r2=305419896;0:r3=65535;0:r4=0;a=1;"
                              "b.hi64=305419896;b.lo64=0;y=1311768467463790320}");
    lab_litmus_free(&result);
}

// Goal: expected states that are none are refused with a reason. Method: a table.
static void expectations(void **state)
{
    static const struct {
        const char *text;
        const char *says; // NULL: taken
    } rows[] = {
        {"{0:r0=0;x=1}", NULL},
        {" {x=1;0:r0=0} {0:r0=1;x=1;} ", NULL},
        {"{0:r0=0x1}", NULL},
        {"", "no states"},
        {"x=1", "no { in the states at 'x=1'"},
        {"{x=1", "no value in the states"},
        {"{x=1}}", "no { in the states"},
        {"{x}", "no NAME=VALUE"},
        {"{x=}", "no NAME=VALUE"},
        {"{x=-1}", "no NAME=VALUE"},
        {"{}", "no NAME=VALUE"},
        {"{x=1y}", "no value"},
        {"{x=99999999999999999999}", "no value"},
        {"{q=1}", "the states name 'q', which the program has not"},
        {"{x=1}{0:r0=1}", "not all states name 0:r0 once"},
        {"{x=1;0:r0=1}{x=1}", "not all states name 0:r0"},
        {"{x=1;x=1}", "not all states name x once"},
    };
    struct lab_litmus test;
    struct lab_litmus_expected expected;
    char err[LAB_LITMUS_ERR];

    (void)state;
    litmus_parse(&test, "expected", "W x 1 rlx; R x r0 rlx");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        err[0] = '\0';
        const bool taken = lab_litmus_expect(&test, rows[i].text, &expected, err);
        if (taken != (rows[i].says == NULL) || (!taken && strstr(err, rows[i].says) == NULL)) {
            fail_msg("'%s': '%s'", rows[i].text, err);
        }
        lab_litmus_expected_free(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(limits),
        cmocka_unit_test(states),
        cmocka_unit_test(expectations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
