// tools/cmd/bench_bugs_figures.c -- what trials say of a bug, of a class of bugs, of all.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/bench_bugs.h"

#include <string.h>

bool bugs_is_control(const struct bugs_entry *e)
{
    return strcmp(e->class, "control") == 0;
}

// True if a finding is the one that the entry is known for. The baseline has no names for findings.
static bool is_expected(const struct bugs_entry *e, enum bugs_config config, const char *kind)
{
    if (config == BUGS_NAIVE || strcmp(e->finding, kind) == 0) {
        return true;
    }
    return strcmp(e->finding, "robustness:crashed") == 0 &&
           (strncmp(kind, "asan:", 5) == 0 || strcmp(kind, "crash") == 0);
}

static uint32_t times_of(const struct bugs_entry *e, enum bugs_config config, bool cpu,
                         struct survival_time out[BUGS_TRIALS_MAX])
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < BUGS_TRIALS_MAX; i++) {
        const struct bugs_trial *t = &e->trial[config][i];
        if (t->done) {
            out[n++] = (struct survival_time){.at = cpu ? t->cpu_s : (double)t->execs,
                                              .censored = !t->found};
        }
    }
    return n;
}

struct bugs_figures bugs_figures(const struct bugs_entry *e, enum bugs_config config)
{
    struct survival_time times[BUGS_TRIALS_MAX];
    struct bugs_figures f = {.n = 0};

    for (uint32_t i = 0; i < BUGS_TRIALS_MAX; i++) {
        const struct bugs_trial *t = &e->trial[config][i];
        f.n += t->done ? 1 : 0;
        f.n_found += t->done && t->found ? 1 : 0;
        f.n_other += t->done && t->found && !is_expected(e, config, t->kind) ? 1 : 0;
    }
    f.execs = survival_median(times, times_of(e, config, false, times));
    f.cpu_s = survival_median(times, times_of(e, config, true, times));
    return f;
}

// Of two medians; the divisor is known. Times too short to measure count as a millisecond.
static struct survival_bound over(struct survival_bound a, struct survival_bound b, double least)
{
    const double x = a.value > least ? a.value : least;
    const double y = b.value > least ? b.value : least;
    return (struct survival_bound){.value = x / y, .at_least = a.at_least};
}

bool bugs_ratio(const struct bugs_entry *e, struct survival_bound *execs,
                struct survival_bound *cpu)
{
    const struct bugs_figures ours = bugs_figures(e, BUGS_OURS);
    const struct bugs_figures naive = bugs_figures(e, BUGS_NAIVE);

    if (ours.n == 0 || naive.n == 0 || ours.execs.at_least || ours.cpu_s.at_least) {
        return false;
    }
    *execs = over(naive.execs, ours.execs, 1);
    *cpu = over(naive.cpu_s, ours.cpu_s, 1e-3);
    return true;
}

double bugs_p(const struct bugs_entry *e)
{
    struct survival_time ours[BUGS_TRIALS_MAX];
    struct survival_time naive[BUGS_TRIALS_MAX];
    const uint32_t n_ours = times_of(e, BUGS_OURS, false, ours);
    const uint32_t n_naive = times_of(e, BUGS_NAIVE, false, naive);

    return survival_log_rank(ours, n_ours, naive, n_naive);
}

static void count(struct bugs_summary *s, const struct bugs_entry *e)
{
    s->n++;
    for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
        const struct bugs_figures f = bugs_figures(e, (enum bugs_config)c);
        s->n_tried[c] += f.n > 0 ? 1 : 0;
        s->n_ever[c] += f.n_found > 0 ? 1 : 0;
        s->n_half[c] += f.n > 0 && 2 * f.n_found >= f.n ? 1 : 0;
        s->n_always[c] += f.n > 0 && f.n_found == f.n ? 1 : 0;
    }
}

struct bugs_summary bugs_summary(const struct bugs *b, const char *class)
{
    static struct survival_bound execs[BUGS_MAX];
    static struct survival_bound cpu[BUGS_MAX];
    static struct survival_bound both[BUGS_MAX];
    struct bugs_summary s = {.n = 0};

    for (uint32_t i = 0; i < b->n; i++) {
        const struct bugs_entry *e = &b->entry[i];
        if (bugs_is_control(e) || (class != NULL && strcmp(e->class, class) != 0)) {
            continue;
        }
        count(&s, e);
        if (bugs_ratio(e, &execs[s.n_ratios], &cpu[s.n_ratios])) {
            if (!execs[s.n_ratios].at_least && !cpu[s.n_ratios].at_least) {
                both[s.n_both++] = cpu[s.n_ratios];
            }
            s.n_ratios++;
        }
    }
    s.execs_mean = survival_mean(execs, s.n_ratios);
    s.cpu_mean = survival_mean(cpu, s.n_ratios);
    s.cpu_both = survival_mean(both, s.n_both);
    s.execs_middle = survival_middle(execs, s.n_ratios);
    s.cpu_middle = survival_middle(cpu, s.n_ratios);
    return s;
}

const char *bugs_next_class(const struct bugs *b, const char *class)
{
    for (uint32_t i = 0; i < b->n; i++) { // the list is sorted by class, behind the controls
        const struct bugs_entry *e = &b->entry[i];
        if (!bugs_is_control(e) && (class == NULL || strcmp(e->class, class) > 0)) {
            return e->class;
        }
    }
    return NULL;
}

uint32_t bugs_false_alarms(const struct bugs *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n && bugs_is_control(&b->entry[i]); i++) {
        for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
            n += bugs_figures(&b->entry[i], (enum bugs_config)c).n_found;
        }
    }
    return n;
}
