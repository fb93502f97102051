// tools/cmd/shrink_core.c -- making an input smaller while its finding stays.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/shrink_core.h"

#include "tools/cmd/cmd.h"
#include "tools/lab/lab_mischief_regs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_MAX 1000000u
#define ROUNDS_MAX 64u

struct shrink {
    const struct shrink_job *job;
    struct cmd_probe probe;
    struct vl_verdict wanted; // kind and side that must stay
    struct vl_verdict best;
    struct lab_scenario scenario;
    struct vl_deviation *list; // what reaches the finding
    uint32_t n;
    struct vl_deviation *trial;
    uint32_t n_runs;
    time_t until; // only how long to look depends on the clock, never a run
};

static bool over(const struct shrink *s)
{
    return s->n_runs >= RUNS_MAX || time(NULL) >= s->until;
}

// The finding that must stay, of the run that was just made.
static bool is_wanted(const struct shrink *s, const struct vl_verdict *v)
{
    return v->outcome == s->wanted.outcome && strcmp(v->kind, s->wanted.kind) == 0 &&
           strcmp(v->side, s->wanted.side) == 0 &&
           (s->job->same == NULL || s->job->same(s->job->ctx, &s->probe, v));
}

static bool reaches(struct shrink *s, const struct lab_scenario *scenario,
                    const struct vl_deviation *list, uint32_t n)
{
    struct vl_verdict v;
    char err[LAB_ERR_BYTES];

    s->n_runs++;
    if (over(s) || !cmd_probe_run(&s->probe, scenario, list, n, &v, err) || !is_wanted(s, &v)) {
        return false;
    }
    s->best = v;
    return true;
}

// Keep the n deviations in s->trial if they reach the finding.
static bool keep(struct shrink *s, uint32_t n)
{
    n = vl_deviations_canonical(s->trial, n);
    if (!reaches(s, &s->scenario, s->trial, n)) {
        return false;
    }
    memcpy(s->list, s->trial, n * sizeof(s->list[0]));
    s->n = n;
    return true;
}

// What the run did not come to, or took modulo a number of options, says nothing: keep what it
// took.
static void keep_taken(struct shrink *s)
{
    const uint32_t n = cmd_probe_taken(&s->probe, s->trial, s->n);
    if (n > 0 && s->wanted.outcome == VL_FINDING) {
        (void)keep(s, n);
    }
}

// Drop runs of deviations, halves first, single ones last.
static bool drop(struct shrink *s)
{
    bool better = false;
    for (uint32_t chunk = s->n; chunk > 0; chunk /= 2) { // bound: log2(n)
        for (uint32_t at = 0; at < s->n && !over(s);) {  // bound: n
            const uint32_t n = s->n - at < chunk ? s->n - at : chunk;
            memcpy(s->trial, s->list, at * sizeof(s->list[0]));
            memcpy(s->trial + at, s->list + at + n, (s->n - at - n) * sizeof(s->list[0]));
            if (keep(s, s->n - n)) {
                better = true;
            } else {
                at += n;
            }
        }
    }
    return better;
}

// The smallest value that selects the same row of a mischief table; of other lanes, the value.
static uint32_t plain_row(const struct vl_deviation *d)
{
    uint32_t n = 0;
    if (d->lane == VL_LANE_MISCHIEF_PCI && d->agent == VL_AGENT_ADVERSARY) {
        (void)lab_mischief_regs_table(&n);
    } else if (d->lane == VL_LANE_MISCHIEF_PCI) {
        (void)lab_mischief_table(VL_FIELD_REGISTER, &n);
    } else if (d->lane == VL_LANE_MISCHIEF_DRIVER || d->lane == VL_LANE_MISCHIEF_DEVICE) {
        (void)lab_mischief_table(d->key & 15u, &n);
    }
    if (n == 0) {
        return d->value;
    }
    return d->value % n != 0 ? d->value % n : n;
}

// Lower one number of deviation i towards 1: the smallest ones, the same act in its plainest form,
// half, one less. An nth that is lower is an occurrence that comes earlier.
static bool lower(struct shrink *s, uint32_t i, bool nth)
{
    bool better = false;
    for (unsigned step = 0; step < 64 && i < s->n && !over(s); step++) { // bound: 64
        const uint32_t now = nth ? s->list[i].nth : s->list[i].value;
        const uint32_t plain = nth ? 1 : plain_row(&s->list[i]);
        const uint32_t tries[] = {1, plain, 2, 3, now / 2, now - 1};
        bool kept = false;
        for (unsigned t = 0; t < sizeof(tries) / sizeof(tries[0]) && !kept && now > 1; t++) {
            if (tries[t] == 0 || tries[t] >= now || (t > 0 && tries[t] == tries[t - 1])) {
                continue;
            }
            memcpy(s->trial, s->list, s->n * sizeof(s->list[0]));
            *(nth ? &s->trial[i].nth : &s->trial[i].value) = tries[t];
            kept = keep(s, s->n);
        }
        if (!kept) {
            break;
        }
        better = true;
    }
    return better;
}

static bool lower_all(struct shrink *s)
{
    bool better = false;
    for (uint32_t i = 0; i < s->n; i++) { // bound: n
        better = lower(s, i, false) || better;
        better = lower(s, i, true) || better;
    }
    return better;
}

static bool try_key(struct shrink *s, const char *key, const char *value)
{
    struct lab_scenario scenario = s->scenario;
    char word[128];
    char err[256];

    (void)snprintf(word, sizeof(word), "%s=%s", key, value);
    if (!lab_scenario_set(&scenario, word, err) || !lab_scenario_check(&scenario, err) ||
        memcmp(&scenario, &s->scenario, sizeof(scenario)) == 0 ||
        !reaches(s, &scenario, s->list, s->n)) {
        return false;
    }
    s->scenario = scenario;
    return true;
}

// A key's number as the scenario has it now; 0 if it is none.
static uint32_t key_number(const struct lab_scenario *s, const char *key)
{
    char text[LAB_TEXT_BYTES];
    const size_t n = strlen(key);
    uint64_t value = 0;

    (void)lab_scenario_print(s, '\n', true, text, sizeof(text));
    for (char *line = text; *line != '\0';) { // bound: the text
        const size_t bytes = strcspn(line, "\n");
        const bool more = line[bytes] == '\n';
        line[bytes] = '\0';
        if (bytes > n && strncmp(line, key, n) == 0 && line[n] == '=') {
            return cmd_parse_u64(line + n + 1, &value) ? (uint32_t)value : 0;
        }
        line += bytes + (more ? 1 : 0);
    }
    return 0;
}

// Scenario keys towards their defaults, the workload towards little.
static bool simplify(struct shrink *s)
{
    struct lab_key_info info;
    bool better = false;
    for (uint32_t i = 0; lab_key_info(i, &info) && !over(s); i++) { // bound: the table of keys
        if (strcmp(info.key, "disk") == 0 || strcmp(info.key, "write") == 0) {
            continue;
        }
        const bool count = strcmp(info.key, "buffers") == 0 || strcmp(info.key, "resets") == 0 ||
                           strcmp(info.key, "batch") == 0 || strcmp(info.key, "chain") == 0 ||
                           strcmp(info.key, "bytes") == 0;
        if (strcmp(info.key, "transport") == 0) {
            better = try_key(s, info.key, "direct") || better; // nothing between the halves
            continue;
        }
        if (!count && strcmp(info.key, "budget") != 0) {
            better = try_key(s, info.key, info.default_text) || better;
            continue;
        }
        for (unsigned step = 0; step < 32 && count && !over(s); step++) { // bound: 32
            const uint32_t now = key_number(&s->scenario, info.key);
            char half[16];
            char less[16];
            (void)snprintf(half, sizeof(half), "%" PRIu32, now / 2);
            (void)snprintf(less, sizeof(less), "%" PRIu32, now > 0 ? now - 1 : 0);
            if (now == 0 ||
                (!(now > 1 && try_key(s, info.key, half)) && !try_key(s, info.key, less))) {
                break;
            }
            better = true;
        }
    }
    return better;
}

// ---- dropping one and moving another ------------------------------------------------------------

// A preemption that is dropped lets everything behind it happen at other occurrences: what was
// needed there is needed a little earlier or later.
#define MOVE_WINDOW 48u // occurrences to either side
#define MOVE_LIST_MAX 32u

struct move {
    struct shrink *s;
    uint32_t without; // index in the list
    uint32_t moved;   // likewise
    uint32_t n_over;  // calls of move_over()
};

static uint32_t move_make(void *ctx, uint64_t i, struct vl_deviation *list)
{
    const struct move *m = ctx;
    const struct shrink *s = m->s;
    uint32_t n = 0;

    for (uint32_t k = 0; k < s->n; k++) { // bound: MOVE_LIST_MAX
        if (k == m->without) {
            continue;
        }
        list[n] = s->list[k];
        if (k == m->moved) {
            const uint32_t low = list[n].nth > MOVE_WINDOW ? list[n].nth - MOVE_WINDOW : 1;
            list[n].nth = low + (uint32_t)i;
        }
        n++;
    }
    return vl_deviations_canonical(list, n);
}

static bool move_good(void *ctx, const struct vl_verdict *v)
{
    const struct move *m = ctx;
    return is_wanted(m->s, v);
}

static bool move_over(void *ctx)
{
    struct move *m = ctx;
    return ++m->n_over % 64 == 0 && over(m->s);
}

static bool drop_and_move_one(struct move *m)
{
    struct shrink *s = m->s;
    const struct cmd_probe_search search = {.ctx = m,
                                            .n = 2 * MOVE_WINDOW + 1,
                                            .n_max = s->n,
                                            .make = move_make,
                                            .good = move_good,
                                            .over = move_over};
    const uint64_t found = cmd_probe_search(&s->probe, &s->scenario, &search, &s->n_runs);
    return found < search.n && keep(s, move_make(m, found, s->trial));
}

static bool drop_and_move(struct shrink *s)
{
    struct move m = {.s = s};

    if (s->wanted.outcome != VL_FINDING || s->n > MOVE_LIST_MAX) {
        return false;
    }
    for (m.without = 0; m.without < s->n; m.without++) {                       // bound: n
        for (m.moved = 0; m.moved < s->n && s->n > 1 && !over(s); m.moved++) { // bound: n
            if (m.moved != m.without && drop_and_move_one(&m)) {
                return true;
            }
        }
    }
    return false;
}

// ---- pulling together ---------------------------------------------------------------------------

// A long run often ends in a short one: what led to the finding at its end is possible at its start
// with a few of the deviations, only not one step away. So few of them are tried at early
// occurrences, under less and less small workloads: one alone at each, several at random.
#define SHAPES_MAX 12u
#define PULL_ONE 256u     // occurrences that a single deviation is tried at
#define PULL_SOME 4096u   // samples of several in a batch
#define PULL_SOME_MAX 4u  // deviations in a sample
#define PULL_BATCHES 2u   // of each workload
#define PULL_NEAR_BITS 6u // a sample's occurrences lie below 2 to a power up to that
#define PULL_BUFFERS_MAX 8u

struct pull {
    struct shrink *s;
    struct vl_deviation shape[SHAPES_MAX]; // the list's, without nth, each once
    uint32_t n_shapes;
    uint32_t one;    // the shape that is tried alone, or
    uint32_t n_some; // not 0: several are, at most so many
    uint64_t batch;  // and this is the number of the batch
    uint32_t n_over; // calls of pull_over()
};

static void learn_shapes(struct pull *p)
{
    for (uint32_t i = 0; i < p->s->n && p->n_shapes < SHAPES_MAX; i++) { // bound: SHAPES_MAX
        struct vl_deviation d = p->s->list[i];
        bool known = false;
        d.nth = 1;
        for (uint32_t k = 0; k < p->n_shapes; k++) { // bound: SHAPES_MAX
            known = known ||
                    (vl_deviation_compare(&d, &p->shape[k]) == 0 && d.value == p->shape[k].value);
        }
        if (!known) {
            p->shape[p->n_shapes++] = d;
        }
    }
}

static uint32_t pull_make(void *ctx, uint64_t i, struct vl_deviation *list)
{
    const struct pull *p = ctx;
    uint64_t random = p->batch * PULL_SOME + i;

    if (p->n_some == 0) {
        list[0] = p->shape[p->one];
        list[0].nth = (uint32_t)i + 1;
        return 1;
    }
    const uint32_t n = 1 + (uint32_t)(vl_mix64(&random) % p->n_some);
    for (uint32_t k = 0; k < n; k++) { // bound: PULL_SOME_MAX
        const uint64_t draw = vl_mix64(&random);
        const unsigned bits = 1 + (unsigned)(draw >> 8) % PULL_NEAR_BITS;
        list[k] = p->shape[(draw >> 16) % p->n_shapes];
        list[k].nth = 1 + (uint32_t)((draw >> 32) & ((1u << bits) - 1));
    }
    return vl_deviations_canonical(list, n);
}

static bool pull_good(void *ctx, const struct vl_verdict *v)
{
    const struct pull *p = ctx;
    return is_wanted(p->s, v);
}

static bool pull_over(void *ctx)
{
    struct pull *p = ctx;
    return ++p->n_over % 64 == 0 && over(p->s);
}

// Try what p says under a scenario; what is found replaces the list.
static bool pull_try(struct pull *p, const struct lab_scenario *scenario)
{
    struct shrink *s = p->s;
    const struct cmd_probe_search search = {.ctx = p,
                                            .n = p->n_some == 0 ? PULL_ONE : PULL_SOME,
                                            .n_max = PULL_SOME_MAX,
                                            .make = pull_make,
                                            .good = pull_good,
                                            .over = pull_over};
    const uint64_t found = cmd_probe_search(&s->probe, scenario, &search, &s->n_runs);

    if (found == search.n) {
        return false;
    }
    const uint32_t n = pull_make(p, found, s->trial);
    if (!reaches(s, scenario, s->trial, n)) {
        return false;
    }
    memcpy(s->list, s->trial, n * sizeof(s->list[0]));
    s->n = n;
    s->scenario = *scenario;
    return true;
}

// fewer: the workload is smaller, so that as many deviations as now are better, too.
static bool pull_under(struct pull *p, const struct lab_scenario *scenario, bool fewer)
{
    const uint32_t most = fewer ? p->s->n : p->s->n - 1;

    p->n_some = 0;
    for (p->one = 0; p->one < p->n_shapes && most > 0 && !over(p->s); p->one++) {
        if (pull_try(p, scenario)) { // bound: SHAPES_MAX
            return true;
        }
    }
    p->n_some = most < PULL_SOME_MAX ? most : PULL_SOME_MAX;
    return most > 1 && !over(p->s) && pull_try(p, scenario);
}

// Fewer deviations, or a smaller workload, by a jump that no single step makes.
static bool pull_together(struct shrink *s)
{
    struct pull p = {.s = s};
    struct lab_scenario scenario = s->scenario;
    char err[256];

    if (s->wanted.outcome != VL_FINDING || s->n == 0) {
        return false;
    }
    learn_shapes(&p);
    for (p.batch = 0; p.batch < PULL_BATCHES; p.batch++) {
        for (uint32_t n = 1; n <= PULL_BUFFERS_MAX && n < s->scenario.buffers; n *= 2) {
            scenario.buffers = n;
            scenario.batch = s->scenario.batch < n ? s->scenario.batch : n;
            if (lab_scenario_check(&scenario, err) && pull_under(&p, &scenario, true)) {
                return true;
            }
        }
        if (pull_under(&p, &s->scenario, false)) {
            return true;
        }
    }
    return false;
}

// Rounds until one comes to nothing. Returns true if the last one tried everything.
static bool shrink_all(struct shrink *s)
{
    keep_taken(s);
    for (unsigned round = 0; round < ROUNDS_MAX && !over(s); round++) { // bound: ROUNDS_MAX
        bool better = drop(s);
        better = simplify(s) || better;
        better = lower_all(s) || better;
        better = better || drop_and_move(s);
        better = better || pull_together(s);
        if (!better) {
            return !over(s);
        }
    }
    return false;
}

static bool room(struct shrink *s, const struct lab_input *in)
{
    s->list = calloc(in->n + PULL_SOME_MAX, sizeof(s->list[0]));
    s->trial = calloc(in->n + PULL_SOME_MAX, sizeof(s->trial[0]));
    if (s->list != NULL && in->n > 0) {
        memcpy(s->list, in->list, in->n * sizeof(s->list[0]));
    }
    return s->list != NULL && s->trial != NULL;
}

static enum shrink_outcome shrink(struct shrink *s, const struct lab_input *in,
                                  struct shrink_result *result, char *err)
{
    if (!room(s, in)) {
        (void)snprintf(err, LAB_ERR_BYTES, "no memory left");
        return SHRINK_FAILED;
    }
    if (!cmd_probe_run(&s->probe, &s->scenario, s->list, s->n, &s->wanted, err)) {
        return SHRINK_FAILED;
    }
    if (s->wanted.outcome != VL_FINDING && s->wanted.outcome != VL_CRASHED) {
        return SHRINK_NO_FINDING;
    }
    s->best = s->wanted;
    result->minimal = shrink_all(s);
    return SHRINK_DONE;
}

enum shrink_outcome shrink_input(struct lab_input *in, const struct shrink_job *job,
                                 struct shrink_result *result, char *err)
{
    struct shrink s = {.job = job,
                       .probe = {.outside = job->outside, .watchdog_s = job->watchdog_s},
                       .scenario = in->scenario,
                       .n = in->n,
                       .until = time(NULL) + (time_t)SHRINK_SECONDS};

    *result = (struct shrink_result){.n_before = in->n};
    const enum shrink_outcome outcome = shrink(&s, in, result, err);
    if (outcome == SHRINK_DONE) {
        in->scenario = s.scenario;
        if (s.n > 0) {
            memcpy(in->list, s.list, s.n * sizeof(s.list[0]));
        }
        in->n = s.n;
        (void)snprintf(in->finding, sizeof(in->finding), "%s", s.best.kind);
        result->verdict = s.best;
        result->n_runs = s.n_runs;
    }
    cmd_probe_close(&s.probe);
    free(s.list);
    free(s.trial);
    return outcome;
}
