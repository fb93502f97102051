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
#define SHRINK_JUMP_SECONDS 6u // of SHRINK_SECONDS
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
    uint32_t room; // of both
    uint32_t n_runs;
    time_t until; // only how long to look depends on the clock, never a run
    time_t jump_until;
};

static bool over(const struct shrink *s)
{
    return s->n_runs >= RUNS_MAX || time(NULL) >= s->until;
}

// Jumps leave time for the steps that come behind a good one.
static bool jumps_over(const struct shrink *s)
{
    return over(s) || time(NULL) >= s->jump_until;
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

// ---- trying many --------------------------------------------------------------------------------

// Inputs that are made one from another, to be tried in order.
struct tries {
    struct shrink *s;
    void *ctx;
    uint64_t n;
    uint32_t (*make)(void *ctx, uint64_t i,
                     struct vl_deviation *list); // as cmd_probe_search has it
    bool jump;
    uint32_t n_over; // calls of tries_over()
};

static uint32_t tries_make(void *ctx, uint64_t i, struct vl_deviation *list)
{
    const struct tries *t = ctx;
    return t->make(t->ctx, i, list);
}

static bool tries_good(void *ctx, const struct vl_verdict *v)
{
    const struct tries *t = ctx;
    return is_wanted(t->s, v);
}

static bool tries_over(void *ctx)
{
    struct tries *t = ctx;
    return ++t->n_over % 64 == 0 && (t->jump ? jumps_over(t->s) : over(t->s));
}

// The first one, of 0 .. t->n - 1, that comes to the finding; it is then in s->trial, *n long.
// t->n: none does. A crash ends the process that it happens in: such are tried one by one.
static uint64_t first_good(struct tries *t, const struct lab_scenario *scenario, uint32_t *n)
{
    struct shrink *s = t->s;
    uint64_t i = 0;

    if (s->wanted.outcome == VL_FINDING) {
        const struct cmd_probe_search search = {.ctx = t,
                                                .n = t->n,
                                                .n_max = s->room,
                                                .make = tries_make,
                                                .good = tries_good,
                                                .over = tries_over};
        i = cmd_probe_search(&s->probe, scenario, &search, &s->n_runs);
        *n = i < t->n ? t->make(t->ctx, i, s->trial) : 0;
        return i < t->n && reaches(s, scenario, s->trial, *n) ? i : t->n;
    }
    for (; i < t->n && !over(s); i++) { // bound: t->n
        *n = t->make(t->ctx, i, s->trial);
        if (*n != CMD_PROBE_SKIP && reaches(s, scenario, s->trial, *n)) {
            return i;
        }
    }
    return t->n;
}

// Keep the n deviations in s->trial.
static void take(struct shrink *s, uint32_t n)
{
    memcpy(s->list, s->trial, n * sizeof(s->list[0]));
    s->n = n;
}

// ---- single steps -------------------------------------------------------------------------------

// What the run did not come to, or took modulo a number of options, says nothing: keep what it
// took.
static void keep_taken(struct shrink *s)
{
    const uint32_t n = cmd_probe_taken(&s->probe, s->trial, s->n);
    if (n > 0 && s->wanted.outcome == VL_FINDING && reaches(s, &s->scenario, s->trial, n)) {
        take(s, n);
    }
}

struct dropped {
    const struct shrink *s;
    uint32_t at;    // the first one that may go
    uint32_t chunk; // how many go at once
};

static uint32_t drop_make(void *ctx, uint64_t i, struct vl_deviation *list)
{
    const struct dropped *d = ctx;
    const struct shrink *s = d->s;
    const uint32_t at = d->at + (uint32_t)i * d->chunk;
    const uint32_t n = s->n - at < d->chunk ? s->n - at : d->chunk;
    memcpy(list, s->list, at * sizeof(list[0]));
    memcpy(list + at, s->list + at + n, (s->n - at - n) * sizeof(list[0]));
    return s->n - n;
}

// Drop runs of deviations, halves first, single ones last.
static bool drop(struct shrink *s)
{
    bool better = false;
    for (uint32_t chunk = s->n; chunk > 0; chunk /= 2) { // bound: log2(n)
        struct dropped d = {.s = s, .chunk = chunk};
        while (d.at < s->n && !over(s)) { // bound: n
            uint32_t n = 0;
            struct tries t = {
                .s = s, .ctx = &d, .n = (s->n - d.at + chunk - 1) / chunk, .make = drop_make};
            const uint64_t i = first_good(&t, &s->scenario, &n);
            if (i == t.n) {
                break;
            }
            take(s, n);
            d.at += (uint32_t)i * chunk;
            better = true;
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

// Lower one number of a deviation towards 1: the smallest ones, the same act in its plainest form,
// half, one less. An nth that is lower is an occurrence that comes earlier.
#define LOWER_TRIES 6u

struct lowered {
    const struct shrink *s;
    uint64_t from; // try 0 is this one: (deviation * 2 + nth) * LOWER_TRIES + which
};

static uint32_t lower_make(void *ctx, uint64_t i, struct vl_deviation *list)
{
    const struct lowered *l = ctx;
    const struct shrink *s = l->s;
    const uint64_t k = l->from + i;
    const bool nth = k / LOWER_TRIES % 2 != 0;
    const struct vl_deviation *d = &s->list[k / LOWER_TRIES / 2];
    const uint32_t now = nth ? d->nth : d->value;
    const uint32_t tries[LOWER_TRIES] = {1, nth ? 1 : plain_row(d), 2, 3, now / 2, now - 1};
    const uint32_t to = tries[k % LOWER_TRIES];

    if (to == 0 || to >= now || (k % LOWER_TRIES > 0 && to == tries[k % LOWER_TRIES - 1])) {
        return CMD_PROBE_SKIP;
    }
    memcpy(list, s->list, s->n * sizeof(list[0]));
    *(nth ? &list[d - s->list].nth : &list[d - s->list].value) = to;
    return vl_deviations_canonical(list, s->n);
}

static bool lower_all(struct shrink *s)
{
    struct lowered l = {.s = s};
    bool better = false;
    while (l.from < s->n * 2ull * LOWER_TRIES && !over(s)) { // bound: each makes a number smaller
        uint32_t n = 0;
        struct tries t = {
            .s = s, .ctx = &l, .n = s->n * 2ull * LOWER_TRIES - l.from, .make = lower_make};
        const uint64_t i = first_good(&t, &s->scenario, &n);
        if (i == t.n) {
            break;
        }
        take(s, n);
        l.from = (l.from + i) / LOWER_TRIES * LOWER_TRIES; // the same number again
        better = true;
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

static bool drop_and_move_one(struct move *m)
{
    struct shrink *s = m->s;
    struct tries t = {.s = s, .ctx = m, .n = 2 * MOVE_WINDOW + 1, .make = move_make, .jump = true};
    uint32_t n = 0;
    if (first_good(&t, &s->scenario, &n) == t.n) {
        return false;
    }
    take(s, n);
    return true;
}

static bool drop_and_move(struct shrink *s)
{
    struct move m = {.s = s};

    if (s->wanted.outcome != VL_FINDING || s->n > MOVE_LIST_MAX) {
        return false;
    }
    for (m.without = 0; m.without < s->n; m.without++) {                             // bound: n
        for (m.moved = 0; m.moved < s->n && s->n > 1 && !jumps_over(s); m.moved++) { // bound: n
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

// Try what p says under a scenario; what is found replaces the list.
static bool pull_try(struct pull *p, const struct lab_scenario *scenario)
{
    struct shrink *s = p->s;
    struct tries t = {.s = s,
                      .ctx = p,
                      .n = p->n_some == 0 ? PULL_ONE : PULL_SOME,
                      .make = pull_make,
                      .jump = true};
    uint32_t n = 0;
    if (first_good(&t, scenario, &n) == t.n) {
        return false;
    }
    take(s, n);
    s->scenario = *scenario;
    return true;
}

// fewer: the workload is smaller, so that as many deviations as now are better, too.
static bool pull_under(struct pull *p, const struct lab_scenario *scenario, bool fewer)
{
    const uint32_t most = fewer ? p->s->n : p->s->n - 1;

    p->n_some = 0;
    for (p->one = 0; p->one < p->n_shapes && most > 0 && !jumps_over(p->s); p->one++) {
        if (pull_try(p, scenario)) { // bound: SHAPES_MAX
            return true;
        }
    }
    p->n_some = most < PULL_SOME_MAX ? most : PULL_SOME_MAX;
    return most > 1 && !jumps_over(p->s) && pull_try(p, scenario);
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

// Single steps until none keeps the finding. False if time ran out before.
static bool to_minimum(struct shrink *s)
{
    for (unsigned round = 0; round < ROUNDS_MAX && !over(s); round++) { // bound: ROUNDS_MAX
        bool better = drop(s);
        better = simplify(s) || better;
        better = lower_all(s) || better;
        if (!better) {
            return !over(s);
        }
    }
    return false;
}

// Returns true if what is left is a local minimum.
static bool shrink_all(struct shrink *s)
{
    keep_taken(s);
    bool minimal = to_minimum(s);
    while (minimal && !jumps_over(s) && (drop_and_move(s) || pull_together(s))) { // bound: n
        minimal = to_minimum(s);
    }
    return minimal;
}

static bool make_room(struct shrink *s, const struct lab_input *in)
{
    s->room = in->n + PULL_SOME_MAX;
    s->list = calloc(s->room, sizeof(s->list[0]));
    s->trial = calloc(s->room, sizeof(s->trial[0]));
    if (s->list != NULL && in->n > 0) {
        memcpy(s->list, in->list, in->n * sizeof(s->list[0]));
    }
    return s->list != NULL && s->trial != NULL;
}

static enum shrink_outcome shrink(struct shrink *s, const struct lab_input *in,
                                  struct shrink_result *result, char *err)
{
    if (!make_room(s, in)) {
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
    struct shrink s = {
        .job = job,
        .probe = {.outside = job->outside, .watchdog_s = job->watchdog_s, .quiet = true},
        .scenario = in->scenario,
        .n = in->n,
        .until = time(NULL) + (time_t)SHRINK_SECONDS,
        .jump_until = time(NULL) + (time_t)SHRINK_JUMP_SECONDS};

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
