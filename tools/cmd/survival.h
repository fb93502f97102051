// tools/cmd/survival.h -- statistics of times until something happens, where some never saw it.
// A trial that ends without a finding says only that the time is longer: it is censored there.
// Sources: E. L. Kaplan, P. Meier, "Nonparametric Estimation from Incomplete Observations", 1958;
// N. Mantel, "Evaluation of Survival Data and Two New Rank Order Statistics", 1966.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef SURVIVAL_H
#define SURVIVAL_H

#include <stdbool.h>
#include <stdint.h>

struct survival_time {
    double at;
    bool censored; // nothing had happened by then
};

// The estimated share that is still without, from a time on.
struct survival_step {
    double at;
    double share;
};

// A number, or what it is at least.
struct survival_bound {
    double value;
    bool at_least;
};

// The product-limit estimate of n times: a step for each time at which something happened, in
// order; before the first one the share is 1. Of equal times those that happened count before those
// that are censored. Sorts times. steps has room for n. Returns how many there are.
uint32_t survival_curve(struct survival_time *times, uint32_t n, struct survival_step *steps);

// The first time at which at least half are gone; if the estimate never falls so far, the last time
// that there is, as a bound. 0, as a bound, for n = 0. Sorts times. n up to SURVIVAL_MAX.
#define SURVIVAL_MAX 64u
struct survival_bound survival_median(struct survival_time *times, uint32_t n);

// Log-rank test of two samples: the two-sided p by the chi-square distribution of one degree; 1
// where nothing can be told. Small samples: p is rough. Sorts both.
double survival_log_rank(struct survival_time *a, uint32_t n_a, struct survival_time *b,
                         uint32_t n_b);

// The middle one of n numbers, or the mean of the two middle ones' logarithms; a bound if one that
// is a bound could lift it. Positive numbers; sorts them. 0, as a bound, for n = 0.
struct survival_bound survival_middle(struct survival_bound *v, uint32_t n);

// Geometric mean of positive numbers; a bound if one of them is. 0, as a bound, for n = 0.
struct survival_bound survival_mean(const struct survival_bound *v, uint32_t n);

#endif
