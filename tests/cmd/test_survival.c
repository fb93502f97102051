// tests/cmd/test_survival.c -- medians with censoring, by hand and against published data.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/survival.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SAMPLE_MAX 24u

// A negative number is censored at its absolute value. Ends with 0.
static uint32_t sample(const double *numbers, struct survival_time out[SAMPLE_MAX])
{
    uint32_t n = 0;

    for (; numbers[n] != 0; n++) {
        assert_true(n < SAMPLE_MAX);
        out[n] = (struct survival_time){.at = fabs(numbers[n]), .censored = numbers[n] < 0};
    }
    return n;
}

static void assert_near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-6);
}

// Goal: medians that were worked out by hand, with ties and censoring.
static void medians(void **state)
{
    (void)state;
    static const struct {
        double numbers[8];
        double median;
        bool at_least;
    } cases[] = {
        {{7}, 7, false},
        {{-7}, 7, true},
        {{3, 1, 2}, 2, false},              // 2/3, 1/3
        {{4, 3, 2, 1}, 2, false},           // 3/4, 1/2: half are gone
        {{5, 4, 3, 2, 1}, 3, false},        // 4/5, 3/5, 2/5
        {{3, 1, -5, -5, -5}, 5, true},      // 4/5, 3/5, and no further
        {{1, 2, 3, -5, -5}, 3, false},      // 4/5, 3/5, 2/5
        {{-2, 4, 6, 8}, 6, false},          // of three: 2/3, 1/3
        {{-1, -1, -1, 9}, 9, false},        // the last one there goes
        {{4, -4, 4, -8}, 4, false},         // who is censored at 4 was still there: 2/4
        {{4, 4, -4, -4, -4}, 4, true},      // 3/5
        {{2, 2, 2, 2, -9}, 2, false},       // 1/5 at once
        {{-3, 3, -3, 3, -3, 3}, 3, false},  // 3/6
        {{1, -2, -2, -2, 5, -6}, 5, false}, // 5/6, then one of two: 5/12
        {{-50000, -50000, 10}, 50000, true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct survival_time times[SAMPLE_MAX];
        const uint32_t n = sample(cases[i].numbers, times);
        const struct survival_bound m = survival_median(times, n);
        assert_near(m.value, cases[i].median);
        assert_int_equal(m.at_least, cases[i].at_least);
    }
    const struct survival_bound none = survival_median(NULL, 0);
    assert_true(none.at_least && none.value == 0);
}

// Remission times in weeks, 6-MP and placebo: E. J. Freireich et al., Blood 21, 1963; the estimate,
// the medians 23 and 8, and the log-rank statistic 16.79 are in every textbook.
static const double with_6mp[] = {6,   6,   6,   -6, 7,  -9,  10,  -10, -11, 13,  16,
                                  -17, -19, -20, 22, 23, -25, -32, -32, -34, -35, 0};
static const double placebo[] = {1, 1, 2,  2,  3,  4,  4,  5,  5,  8,  8,
                                 8, 8, 11, 11, 12, 12, 15, 17, 22, 23, 0};

// Goal: the curve, not only the median, with ties of events and of events with censored times.
static void published_curve(void **state)
{
    (void)state;
    static const struct survival_step expected[] = {
        {6, 0.857142857},  {7, 0.806722689},  {10, 0.752941176}, {13, 0.690196078},
        {16, 0.627450980}, {22, 0.537815126}, {23, 0.448179272}};
    struct survival_time times[SAMPLE_MAX];
    struct survival_step steps[SAMPLE_MAX];
    const uint32_t n = sample(with_6mp, times);

    assert_int_equal(n, 21);
    assert_int_equal(survival_curve(times, n, steps), COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_near(steps[i].at, expected[i].at);
        assert_near(steps[i].share, expected[i].share);
    }
    const struct survival_bound treated = survival_median(times, n);
    assert_true(treated.value == 23 && !treated.at_least);
    const struct survival_bound untreated = survival_median(times, sample(placebo, times));
    assert_true(untreated.value == 8 && !untreated.at_least);
}

// Goal: the log-rank test, where it is known, where there is no difference, and where it is
// nothing.
static void log_rank(void **state)
{
    (void)state;
    struct survival_time a[SAMPLE_MAX];
    struct survival_time b[SAMPLE_MAX];
    static const double early[] = {1, 2, 3, 4, 5, 0};
    static const double never[] = {-9, -9, -9, -9, -9, 0};

    double p = survival_log_rank(a, sample(with_6mp, a), b, sample(placebo, b));
    assert_true(fabs(p - 4.17e-5) < 2e-7); // chi-square 16.793
    const double q = survival_log_rank(b, sample(placebo, b), a, sample(with_6mp, a));
    assert_near(p, q);
    p = survival_log_rank(a, sample(early, a), b, sample(early, b));
    assert_near(p, 1);
    p = survival_log_rank(a, sample(never, a), b, sample(never, b));
    assert_near(p, 1);
    p = survival_log_rank(a, sample(early, a), b, sample(never, b));
    assert_true(p < 0.01);
    assert_near(survival_log_rank(a, 0, b, 0), 1);
}

// Goal: a bound lifts a middle only from below or in it.
static void bounds(void **state)
{
    (void)state;
    struct survival_bound odd[] = {{100, true}, {1, false}, {10, false}};
    struct survival_bound m = survival_middle(odd, 3);
    assert_true(!m.at_least);
    assert_near(m.value, 10);
    struct survival_bound low[] = {{100, false}, {1, true}, {10, false}};
    m = survival_middle(low, 3);
    assert_true(m.at_least);
    assert_near(m.value, 10);
    struct survival_bound even[] = {{100, true}, {1, false}, {1, false}, {10000, true}};
    m = survival_middle(even, 4);
    assert_true(m.at_least);
    assert_near(m.value, 10);
    m = survival_middle(NULL, 0);
    assert_true(m.at_least && m.value == 0);

    static const struct survival_bound three[] = {{1, false}, {10, false}, {100, false}};
    m = survival_mean(three, 3);
    assert_true(!m.at_least);
    assert_near(m.value, 10);
    m = survival_mean(odd, 3);
    assert_true(m.at_least);
    m = survival_mean(NULL, 0);
    assert_true(m.at_least && m.value == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(medians), cmocka_unit_test(published_curve),
                                       cmocka_unit_test(log_rank), cmocka_unit_test(bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
