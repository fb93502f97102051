// tools/cmd/bench_bugs_report.c -- what the trials say: as a table, and as JSON.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/bench_bugs.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NUMBER_BYTES 32u

// ---- text -------------------------------------------------------------------------------------

// A median: "123", or "> 50000" where it was not reached.
static const char *median(struct survival_bound v, int decimals, char out[NUMBER_BYTES])
{
    (void)snprintf(out, NUMBER_BYTES, "%s%.*f", v.at_least ? "> " : "", decimals, v.value);
    return out;
}

// A ratio: three digits that matter, ">=" where it is a bound.
static const char *ratio(struct survival_bound v, char out[NUMBER_BYTES])
{
    const int decimals = v.value >= 100 ? 0 : v.value >= 10 ? 1 : 2;

    (void)snprintf(out, NUMBER_BYTES, "%s%.*f", v.at_least ? ">= " : "", decimals, v.value);
    return out;
}

static bool has_both(const struct bugs *b)
{
    return b->wanted[BUGS_OURS] && b->wanted[BUGS_NAIVE];
}

static void print_cells(const struct bugs_entry *e, enum bugs_config config)
{
    const struct bugs_figures f = bugs_figures(e, config);
    const bool unpatched = config == BUGS_NAIVE && e->native[0] == '\0' && !bugs_is_control(e);
    char execs[NUMBER_BYTES];
    char cpu[NUMBER_BYTES];
    char found[NUMBER_BYTES];

    if (f.n == 0) {
        (void)printf(" |%9s %7s %6s", "", "", "-");
        return;
    }
    (void)snprintf(found, sizeof(found), "%" PRIu32 "/%" PRIu32 "%s%s", f.n_found, f.n,
                   f.n_other > 0 ? "*" : "", unpatched ? "~" : "");
    (void)printf(" |%9s %7s %6s", median(f.execs, 0, execs), median(f.cpu_s, 2, cpu), found);
}

static void print_entry(const struct bugs *b, const struct bugs_entry *e)
{
    struct survival_bound execs;
    struct survival_bound cpu;
    char a[NUMBER_BYTES];
    char c[NUMBER_BYTES];

    (void)printf("  %-36.36s", e->name);
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            print_cells(e, (enum bugs_config)i);
        }
    }
    if (!bugs_is_control(e) && has_both(b) && bugs_ratio(e, &execs, &cpu)) {
        (void)printf(" |%9s %9s %7.3f", ratio(execs, a), ratio(cpu, c), bugs_p(e));
    }
    (void)printf("\n");
}

static void print_heading(const struct bugs *b)
{
    (void)printf("\n  %-36s", "");
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            (void)printf(" | %-23s", bugs_configs[i].name);
        }
    }
    (void)printf("%s\n  %-36s", has_both(b) ? " | naive/ours" : "", "medians");
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            (void)printf(" |%9s %7s %6s", "runs", "CPU s", "found");
        }
    }
    (void)printf("%s\n", has_both(b) ? " |     runs     CPU s       p" : "");
}

static void print_bugs(const struct bugs *b)
{
    const char *class = "";

    print_heading(b);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct bugs_entry *e = &b->entry[i];
        if (strcmp(e->class, class) != 0) {
            class = e->class;
            (void)printf("%s\n", class);
        }
        print_entry(b, e);
    }
    (void)printf("\n> not found in half of the trials; the number is what they ran\n"
                 "* some findings are others than the bug is known for\n"
                 "~ no native half has this bug, or none that one thread could show: unpatched\n");
}

static void print_classes(const struct bugs *b)
{
    char execs[NUMBER_BYTES];
    char cpu[NUMBER_BYTES];

    if (!has_both(b)) {
        return;
    }
    (void)printf("\n%-14s %5s %12s %13s %15s %12s\n", "class", "bugs", "ours finds", "naive finds",
                 "naive/ours runs", "CPU");
    for (const char *class = bugs_next_class(b, NULL); class != NULL;
         class = bugs_next_class(b, class)) { // bound: classes
        const struct bugs_summary s = bugs_summary(b, class);
        (void)printf("%-14s %5" PRIu32 " %12" PRIu32 " %13" PRIu32 " %15s %12s\n", class, s.n,
                     s.n_ever[BUGS_OURS], s.n_ever[BUGS_NAIVE],
                     s.n_ratios > 0 ? ratio(s.execs_middle, execs) : "-",
                     s.n_ratios > 0 ? ratio(s.cpu_middle, cpu) : "-");
    }
    (void)printf(
        "(middle ratio of medians; a bug that ours misses in half of the trials has none)\n");
}

static double percent(uint32_t part, uint32_t whole)
{
    return whole > 0 ? 100.0 * part / whole : 0;
}

static void print_all(const struct bugs *b)
{
    const struct bugs_summary s = bugs_summary(b, NULL);
    char text[4][NUMBER_BYTES];

    (void)printf("\n");
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            const uint32_t n = s.n_tried[i];
            (void)printf("%-10s finds %" PRIu32 " of %" PRIu32 " bugs (%.0f %%); in half of its "
                         "trials %" PRIu32 ", in all %" PRIu32 "; never %" PRIu32 " (%.0f %%)\n",
                         bugs_configs[i].name, s.n_ever[i], n, percent(s.n_ever[i], n), s.n_half[i],
                         s.n_always[i], n - s.n_ever[i], percent(n - s.n_ever[i], n));
        }
    }
    if (has_both(b) && s.n_ratios > 0) {
        (void)printf("naive/ours over %" PRIu32 " bugs: runs: middle %s, geometric mean %s; CPU: "
                     "middle %s, geometric mean %s\n",
                     s.n_ratios, ratio(s.execs_middle, text[0]), ratio(s.execs_mean, text[1]),
                     ratio(s.cpu_middle, text[2]), ratio(s.cpu_mean, text[3]));
    }
    if (has_both(b) && s.n_both > 0) {
        (void)printf("where both find: CPU %s (geometric mean over %" PRIu32 " bugs)\n",
                     ratio(s.cpu_both, text[0]), s.n_both);
    }
}

static void print_end(const struct bugs *b)
{
    const uint32_t n_alarms = bugs_false_alarms(b);
    const struct bugs_summary s = bugs_summary(b, NULL);

    if (b->n_left > 0) {
        (void)printf("%" PRIu32 " trials were not made in %" PRIu64
                     " minutes; the same command goes on from here\n",
                     b->n_left, b->minutes);
    }
    (void)printf("bugs=%" PRIu32 " left=%" PRIu32, s.n, b->n_left);
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            (void)printf(" %s=%" PRIu32, bugs_configs[i].name, s.n_ever[i]);
        }
    }
    (void)printf(" control=%s\n", n_alarms == 0 ? "silent" : "alarms");
}

static void print_caps(const struct bugs *b)
{
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            (void)printf("%-10s %s; at most %" PRIu64 " runs\n", bugs_configs[i].name,
                         bugs_configs[i].text, b->cap[i]);
        }
    }
}

void bugs_print_text(const struct bugs *b)
{
    (void)printf("build: %s\ntier %" PRIu64 ": %" PRIu32
                 " trial%s from an empty corpus, each until its first finding, at most %" PRIu64
                 " CPU s\n",
                 cmd_build_id(), b->tier, b->n_trials, b->n_trials == 1 ? "" : "s", b->trial_s);
    print_caps(b);
    print_bugs(b);
    print_classes(b);
    print_all(b);
    print_end(b);
}

// ---- JSON -------------------------------------------------------------------------------------

static void json_bound(const char *key, struct survival_bound v)
{
    if (!isfinite(v.value)) {
        (void)printf(", \"%s\": null", key);
        return;
    }
    (void)printf(", \"%s\": {\"value\": %.6g, \"at_least\": %s}", key, v.value,
                 v.at_least ? "true" : "false");
}

static void json_config(const struct bugs_entry *e, enum bugs_config config)
{
    const struct bugs_figures f = bugs_figures(e, config);
    bool first = true;

    (void)printf(", \"%s\": {\"trials\": %" PRIu32 ", \"found\": %" PRIu32
                 ", \"other_finding\": %" PRIu32,
                 bugs_configs[config].name, f.n, f.n_found, f.n_other);
    json_bound("median_runs", f.execs);
    json_bound("median_cpu_s", f.cpu_s);
    (void)printf(", \"outcomes\": [");
    for (uint32_t i = 0; i < BUGS_TRIALS_MAX; i++) {
        const struct bugs_trial *t = &e->trial[config][i];
        if (t->done) {
            (void)printf("%s{\"seed\": %" PRIu32 ", \"runs\": %" PRIu64 ", \"cpu_s\": %.3f",
                         first ? "" : ", ", i + 1, t->execs, t->cpu_s);
            if (t->found) {
                cmd_json_pair(stdout, "finding", t->kind, 0);
            }
            (void)printf("}");
            first = false;
        }
    }
    (void)printf("]}");
}

static void json_entry(const struct bugs *b, const struct bugs_entry *e)
{
    struct survival_bound execs;
    struct survival_bound cpu;

    (void)printf("{");
    cmd_json_pair(stdout, "name", e->name, 1);
    cmd_json_pair(stdout, "class", e->class, 0);
    cmd_json_pair(stdout, "side", e->side, 0);
    cmd_json_pair(stdout, "target", lab_target_name(e->target), 0);
    cmd_json_pair(stdout, "scenario", e->words, 0);
    cmd_json_pair(stdout, "finding", e->finding, 0);
    cmd_json_pair(stdout, "baseline", e->naive, 0);
    cmd_json_pair(stdout, "baseline_half", e->native, 0);
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            json_config(e, (enum bugs_config)i);
        }
    }
    if (!bugs_is_control(e) && has_both(b) && bugs_ratio(e, &execs, &cpu)) {
        json_bound("ratio_runs", execs);
        json_bound("ratio_cpu", cpu);
        (void)printf(", \"p\": %.4f", bugs_p(e));
    }
    (void)printf("}");
}

static void json_summary(const struct bugs *b, const char *class)
{
    const struct bugs_summary s = bugs_summary(b, class);

    (void)printf("{");
    cmd_json_pair(stdout, "class", class != NULL ? class : "all", 1);
    (void)printf(", \"bugs\": %" PRIu32, s.n);
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            (void)printf(", \"%s\": {\"tried\": %" PRIu32 ", \"found\": %" PRIu32
                         ", \"in_half\": %" PRIu32 ", \"in_all\": %" PRIu32 "}",
                         bugs_configs[i].name, s.n_tried[i], s.n_ever[i], s.n_half[i],
                         s.n_always[i]);
        }
    }
    if (has_both(b) && s.n_ratios > 0) {
        json_bound("ratio_runs_middle", s.execs_middle);
        json_bound("ratio_runs_mean", s.execs_mean);
        json_bound("ratio_cpu_middle", s.cpu_middle);
        json_bound("ratio_cpu_mean", s.cpu_mean);
    }
    if (has_both(b) && s.n_both > 0) {
        json_bound("ratio_cpu_where_both_find", s.cpu_both);
    }
    (void)printf("}");
}

void bugs_print_json(const struct bugs *b)
{
    (void)printf("{");
    cmd_json_pair(stdout, "build", cmd_build_id(), 1);
    (void)printf(", \"tier\": %" PRIu64 ", \"trials\": %" PRIu32 ", \"left\": %" PRIu32
                 ", \"false_alarms\": %" PRIu32 ", \"caps\": {",
                 b->tier, b->n_trials, b->n_left, bugs_false_alarms(b));
    const char *comma = "";
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        if (b->wanted[i]) {
            (void)printf("%s\"%s\": %" PRIu64, comma, bugs_configs[i].name, b->cap[i]);
            comma = ", ";
        }
    }
    (void)printf("},\n \"bugs\": [");
    for (uint32_t i = 0; i < b->n; i++) {
        (void)printf("%s\n  ", i > 0 ? "," : "");
        json_entry(b, &b->entry[i]);
    }
    (void)printf("],\n \"summary\": [\n  ");
    json_summary(b, NULL);
    for (const char *class = bugs_next_class(b, NULL); class != NULL;
         class = bugs_next_class(b, class)) { // bound: classes
        (void)printf(",\n  ");
        json_summary(b, class);
    }
    (void)printf("]}\n");
}
