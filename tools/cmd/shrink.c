// tools/cmd/shrink.c -- vringlab shrink: the same finding from fewer and smaller deviations.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_input.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_outside.h"
#include "tools/cmd/cmd_probe.h"
#include "tools/cmd/cmd_run.h"
#include "tools/lab/lab_mischief.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct cmd cmd_shrink;

#define SECONDS_MAX 10
#define RUNS_MAX 20000u
#define ROUNDS_MAX 16u

struct shrink {
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

static bool reaches(struct shrink *s, const struct lab_scenario *scenario,
                    const struct vl_deviation *list, uint32_t n)
{
    struct vl_verdict v;
    char err[LAB_ERR_BYTES];

    s->n_runs++;
    if (over(s) || !cmd_probe_run(&s->probe, scenario, list, n, &v, err) ||
        v.outcome != s->wanted.outcome || strcmp(v.kind, s->wanted.kind) != 0 ||
        strcmp(v.side, s->wanted.side) != 0) {
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
    if (d->lane == VL_LANE_MISCHIEF_PCI) {
        (void)lab_mischief_table(VL_FIELD_REGISTER, &n);
    } else if (d->lane == VL_LANE_MISCHIEF_DRIVER || d->lane == VL_LANE_MISCHIEF_DEVICE) {
        (void)lab_mischief_table(d->key & 15u, &n);
    }
    if (n == 0) {
        return d->value;
    }
    return d->value % n != 0 ? d->value % n : n;
}

// Lower one number of deviation i towards 1: 1 itself, the same act in its plainest form, halves,
// one less.
static bool lower(struct shrink *s, uint32_t i, bool nth)
{
    bool better = false;
    for (unsigned step = 0; step < 64 && i < s->n && !over(s); step++) { // bound: 64
        const uint32_t now = nth ? s->list[i].nth : s->list[i].value;
        const uint32_t tries[] = {1, nth ? 1 : plain_row(&s->list[i]), now / 2, now - 1};
        bool kept = false;
        for (unsigned t = 0; t < 4 && !kept && now > 1; t++) {
            if (tries[t] == 0 || tries[t] >= now) {
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

static void shrink_all(struct shrink *s)
{
    keep_taken(s);
    for (unsigned round = 0; round < ROUNDS_MAX && !over(s); round++) { // bound: ROUNDS_MAX
        bool better = drop(s);
        better = simplify(s) || better;
        better = lower_all(s) || better;
        if (!better) {
            break;
        }
    }
}

static int shrink(struct lab_input *in, const char *out, const struct lab_outside *outside)
{
    struct shrink s = {.probe = {.outside = outside},
                       .scenario = in->scenario,
                       .n = in->n,
                       .until = time(NULL) + SECONDS_MAX};
    char err[256];
    int code = CMD_EXIT_CLEAN;
    const uint32_t n_before = in->n;

    s.list = calloc(in->n + 1, sizeof(s.list[0]));
    s.trial = calloc(in->n + 1, sizeof(s.trial[0]));
    if (s.list == NULL || s.trial == NULL) {
        free(s.list);
        free(s.trial);
        return cmd_fail("shrink", CMD_EXIT_ENV, "no memory left");
    }
    if (in->n > 0) {
        memcpy(s.list, in->list, in->n * sizeof(s.list[0]));
    }
    if (!cmd_probe_run(&s.probe, &s.scenario, s.list, s.n, &s.wanted, err)) {
        code = cmd_fail("shrink", CMD_EXIT_ENV, "%s", err);
    } else if (s.wanted.outcome != VL_FINDING && s.wanted.outcome != VL_CRASHED) {
        code = cmd_fail("shrink", CMD_EXIT_USAGE,
                        "the input reaches no finding here, so there is nothing to keep");
    }
    if (code == CMD_EXIT_CLEAN) {
        s.best = s.wanted;
        shrink_all(&s);
        in->scenario = s.scenario;
        if (s.n > 0) {
            memcpy(in->list, s.list, s.n * sizeof(s.list[0]));
        }
        in->n = s.n;
        (void)snprintf(in->finding, sizeof(in->finding), "%s", s.best.kind);
        if (cmd_write_input(out, in, err)) {
            (void)printf("%s: %" PRIu32 " deviation%s, from %" PRIu32 "; %" PRIu32 " runs\n", out,
                         in->n, in->n == 1 ? "" : "s", n_before, s.n_runs);
            cmd_print_verdict(&s.best);
        } else {
            code = cmd_fail("shrink", CMD_EXIT_ENV, "%s", err);
        }
    }
    cmd_probe_close(&s.probe);
    free(s.list);
    free(s.trial);
    return code;
}

static int shrink_main(int argc, char **argv)
{
    const char *input = NULL;
    const char *out = NULL;
    char **words = argv + 1;
    int n_words = 0;
    struct lab_input in;

    for (int i = 1; i < argc; i++) { // words move to the front of argv
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            out = argv[++i];
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_shrink, "%s: no such option, or no file behind it", argv[i]);
        } else if (input == NULL && (strchr(argv[i], '=') == NULL || argv[i][0] == '/')) {
            input = argv[i];
        } else {
            words[n_words++] = argv[i];
        }
    }
    if (input == NULL || out == NULL) {
        return cmd_usage(&cmd_shrink, "INPUT and -o OUT are needed");
    }
    int code = cmd_input_load("shrink", input, n_words, words, &in);
    if (code == CMD_EXIT_CLEAN) {
        char err[LAB_ERR_BYTES];
        struct cmd_outside *outside = NULL;
        if (cmd_input_is_trace(input) && !cmd_outside_open(&outside, input, NULL, err)) {
            code = cmd_fail("shrink", CMD_EXIT_ENV, "%s", err);
        } else {
            code = shrink(&in, out, cmd_outside_bytes(outside));
        }
        cmd_outside_close(outside);
        lab_input_free(&in);
    }
    return code;
}

const struct cmd cmd_shrink = {
    "shrink", "INPUT -o OUT [KEY=VALUE...]", "make an input smaller while its finding stays",
    "Drops deviations and lowers what is left, and brings the scenario towards the defaults, as "
    "long\n"
    "as the same referee finds the same on the same side; at most 10 seconds. OUT is text if its\n"
    "name ends in .run. INPUT is a text input, a fuzzer's bytes (with target=NAME) or a trace.\n"
    "\n"
    "  vringlab shrink found.db -o small.run && vringlab explain small.run\n",
    shrink_main};
