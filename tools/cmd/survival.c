// tools/cmd/survival.c -- statistics of times until something happens, where some never saw it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/survival.h"

#include <math.h>
#include <stdlib.h>

// Shares are products of fractions: one that is a half on paper may differ from it by this.
#define HALF (0.5 + 1e-9)

static int compare_times(const void *a, const void *b)
{
    const struct survival_time *x = a;
    const struct survival_time *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return (int)x->censored - (int)y->censored;
}

static void sort_times(struct survival_time *times, uint32_t n)
{
    if (n > 0) {
        qsort(times, n, sizeof(*times), compare_times);
    }
}

uint32_t survival_curve(struct survival_time *times, uint32_t n, struct survival_step *steps)
{
    double share = 1;
    uint32_t n_steps = 0;

    sort_times(times, n);
    for (uint32_t i = 0; i < n;) { // bound: n
        uint32_t n_gone = 0;
        uint32_t next = i;
        for (; next < n && times[next].at == times[i].at; next++) {
            n_gone += times[next].censored ? 0 : 1;
        }
        if (n_gone > 0) {
            share *= 1.0 - (double)n_gone / (double)(n - i);
            steps[n_steps++] = (struct survival_step){.at = times[i].at, .share = share};
        }
        i = next;
    }
    return n_steps;
}

struct survival_bound survival_median(struct survival_time *times, uint32_t n)
{
    struct survival_step steps[SURVIVAL_MAX];
    const uint32_t taken = n < SURVIVAL_MAX ? n : SURVIVAL_MAX;
    const uint32_t n_steps = survival_curve(times, taken, steps);

    for (uint32_t i = 0; i < n_steps; i++) {
        if (steps[i].share <= HALF) {
            return (struct survival_bound){.value = steps[i].at};
        }
    }
    return (struct survival_bound){.value = taken > 0 ? times[taken - 1].at : 0, .at_least = true};
}

// Of a sorted sample: how many are there at a time, and how many of them are gone with it.
static void count_at(const struct survival_time *times, uint32_t n, double at, double *n_there,
                     double *n_gone)
{
    *n_there = 0;
    *n_gone = 0;
    for (uint32_t i = 0; i < n; i++) {
        *n_there += times[i].at >= at ? 1 : 0;
        *n_gone += times[i].at == at && !times[i].censored ? 1 : 0;
    }
}

double survival_log_rank(struct survival_time *a, uint32_t n_a, struct survival_time *b,
                         uint32_t n_b)
{
    double excess = 0; // of a over what was to be expected
    double variance = 0;
    uint32_t i = 0;
    uint32_t k = 0;

    sort_times(a, n_a);
    sort_times(b, n_b);
    while (i < n_a || k < n_b) { // bound: n_a + n_b
        const double at = k == n_b || (i < n_a && a[i].at <= b[k].at) ? a[i].at : b[k].at;
        double there_a = 0;
        double gone_a = 0;
        double there_b = 0;
        double gone_b = 0;
        count_at(a, n_a, at, &there_a, &gone_a);
        count_at(b, n_b, at, &there_b, &gone_b);
        const double there = there_a + there_b;
        const double gone = gone_a + gone_b;
        excess += gone_a - gone * there_a / there;
        if (there > 1) {
            variance += gone * (there_a / there) * (there_b / there) * (there - gone) / (there - 1);
        }
        for (; i < n_a && a[i].at == at; i++) {
        }
        for (; k < n_b && b[k].at == at; k++) {
        }
    }
    return variance > 0 ? erfc(sqrt(excess * excess / variance / 2)) : 1;
}

static int compare_bounds(const void *a, const void *b)
{
    const struct survival_bound *x = a;
    const struct survival_bound *y = b;
    if (x->value != y->value) {
        return x->value < y->value ? -1 : 1;
    }
    return (int)x->at_least - (int)y->at_least;
}

struct survival_bound survival_middle(struct survival_bound *v, uint32_t n)
{
    if (n == 0) {
        return (struct survival_bound){.at_least = true};
    }
    qsort(v, n, sizeof(*v), compare_bounds);
    struct survival_bound middle = {.value = v[n / 2].value};
    if (n % 2 == 0) {
        middle.value = sqrt(v[n / 2 - 1].value * v[n / 2].value);
    }
    for (uint32_t i = 0; i <= n / 2; i++) { // a bound above the middle changes nothing
        middle.at_least = middle.at_least || v[i].at_least;
    }
    return middle;
}

struct survival_bound survival_mean(const struct survival_bound *v, uint32_t n)
{
    struct survival_bound mean = {.value = 0, .at_least = n == 0};
    double sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += log(v[i].value);
        mean.at_least = mean.at_least || v[i].at_least;
    }
    mean.value = n > 0 ? exp(sum / n) : 0;
    return mean;
}
