// tools/cmd/triage.c -- vringlab triage: a crash directory as findings, one small input each.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/triage.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_outside.h"
#include "tools/cmd/shrink_core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct cmd cmd_triage;

struct arguments {
    const char *dir;
    const char *out; // NULL: "triage" in dir
    bool json;
    struct triage_base base;
};

static void progress(const char *what, uint32_t done, uint32_t all)
{
    if (isatty(STDERR_FILENO) != 0) {
        (void)fprintf(stderr, "\r%s %" PRIu32 " of %" PRIu32 "%s", what, done, all,
                      done == all ? "\n" : "");
        (void)fflush(stderr);
    }
}

// ---- buckets ------------------------------------------------------------------------------------

static bool put(struct triage *t, uint32_t file, const struct triage_key *key,
                const struct vl_verdict *v)
{
    struct triage_file *f = &t->files.file[file];
    uint32_t i = 0;

    while (i < t->n_buckets && !triage_key_same(&t->bucket[i].key, key)) {
        i++; // bound: TRIAGE_BUCKETS_MAX
    }
    if (i == TRIAGE_BUCKETS_MAX) {
        (void)snprintf(f->err, sizeof(f->err), "more than %u different findings",
                       TRIAGE_BUCKETS_MAX);
        return false;
    }
    struct triage_bucket *b = &t->bucket[i];
    if (i == t->n_buckets) {
        t->n_buckets++;
        *b = (struct triage_bucket){.key = *key, .verdict = *v, .smallest = file};
    }
    if (f->n < t->files.file[b->smallest].n) {
        b->smallest = file;
    }
    b->n_files++;
    f->bucket = (int)i;
    t->n_clean += triage_has_finding(b) ? 0 : 1;
    return true;
}

static bool run_file(struct triage *t, uint32_t file, const struct triage_base *base)
{
    struct triage_file *f = &t->files.file[file];
    struct lab_input in = {0};
    struct cmd_outside *outside = NULL;
    struct vl_verdict v;
    struct triage_key key;

    f->bucket = -1;
    if (!triage_load(f, base, &in, &outside, f->err)) {
        return false;
    }
    struct cmd_probe probe = {
        .outside = cmd_outside_bytes(outside), .watchdog_s = TRIAGE_WATCHDOG_S, .quiet = true};
    f->n = in.n;
    bool ok = cmd_probe_run(&probe, &in.scenario, in.list, in.n, &v, f->err);
    if (ok) {
        triage_key(&probe, &v, &key);
        ok = put(t, file, &key, &v);
    }
    cmd_probe_close(&probe);
    cmd_outside_close(outside);
    lab_input_free(&in);
    return ok;
}

// Findings that many inputs come to first; what comes to nothing last.
static int by_files(const void *a, const void *b)
{
    const struct triage_bucket *x = a;
    const struct triage_bucket *y = b;
    if (triage_has_finding(x) != triage_has_finding(y)) {
        return triage_has_finding(x) ? -1 : 1;
    }
    if (x->n_files != y->n_files) {
        return x->n_files > y->n_files ? -1 : 1;
    }
    return x->smallest < y->smallest ? -1 : 1;
}

static void sort(struct triage *t)
{
    static int moved[TRIAGE_BUCKETS_MAX];
    struct triage_file *file = t->files.file;

    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        t->bucket[i].n_left = i;                  // where it stands now, by which files know it
    }
    qsort(t->bucket, t->n_buckets, sizeof(t->bucket[0]), by_files);
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        moved[t->bucket[i].n_left] = (int)i;
        t->bucket[i].n_left = 0;
    }
    for (uint32_t i = 0; i < t->files.n; i++) { // bound: TRIAGE_FILES_MAX
        file[i].bucket = file[i].bucket >= 0 ? moved[file[i].bucket] : -1;
    }
}

// ---- one input a bucket -------------------------------------------------------------------------

static bool same(void *ctx, const struct cmd_probe *probe, const struct vl_verdict *v)
{
    struct triage_key key;
    triage_key(probe, v, &key);
    return triage_key_same(&key, ctx);
}

// "out/01-liveness-lost-kick.run"
static bool name_shrunk(struct triage_bucket *b, const char *out, uint32_t number)
{
    const int n =
        snprintf(b->out, sizeof(b->out), "%s/%02" PRIu32 "-%s.run", out, number, b->key.kind);
    if (n < 0 || (size_t)n >= sizeof(b->out)) {
        return false;
    }
    for (char *p = b->out + strlen(out) + 1; *p != '\0'; p++) { // bound: the name
        if (strchr("/: ", *p) != NULL) {
            *p = '-';
        }
    }
    return true;
}

static bool shrink_bucket(struct triage *t, uint32_t i, const struct arguments *a)
{
    struct triage_bucket *b = &t->bucket[i];
    struct cmd_outside *outside = NULL;
    struct lab_input in = {0};
    struct shrink_result result = {0};

    if (!name_shrunk(b, a->out, i + 1)) {
        (void)snprintf(b->why, sizeof(b->why), "the name is too long");
        return false;
    }
    if (!triage_load(&t->files.file[b->smallest], &a->base, &in, &outside, b->why)) {
        return false;
    }
    const struct shrink_job job = {.outside = cmd_outside_bytes(outside),
                                   .watchdog_s = TRIAGE_WATCHDOG_S,
                                   .same = same,
                                   .ctx = &b->key};
    const enum shrink_outcome outcome = shrink_input(&in, &job, &result, b->why);
    if (outcome == SHRINK_NO_FINDING) {
        (void)snprintf(b->why, sizeof(b->why), "run again, it came to nothing");
    }
    b->shrunk = outcome == SHRINK_DONE && cmd_write_input(b->out, &in, b->why);
    b->minimal = result.minimal;
    b->n_left = in.n;
    cmd_outside_close(outside);
    lab_input_free(&in);
    return b->shrunk;
}

// ---- the command --------------------------------------------------------------------------------

static bool write_report(const struct triage *t, const char *out, const char *name,
                         void (*report)(FILE *, const struct triage *), char *err)
{
    char path[TRIAGE_PATH_BYTES + 16];
    char *text = NULL;
    size_t bytes = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", out, name);
    FILE *f = open_memstream(&text, &bytes);
    if (f == NULL) {
        (void)snprintf(err, TRIAGE_ERR_BYTES, "no memory left");
        return false;
    }
    report(f, t);
    const bool whole = fclose(f) == 0;
    const bool ok = whole && cmd_write_file(path, text, bytes, err);
    free(text);
    return ok;
}

static void print_buckets(const struct triage *t)
{
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        const struct triage_bucket *b = &t->bucket[i];
        if (!triage_has_finding(b)) {
            (void)printf("%6" PRIu32 "  come to nothing here\n", b->n_files);
            continue;
        }
        (void)printf("%6" PRIu32 "  %s, %s; %s; %s\n        %s", b->n_files, b->key.kind,
                     b->key.side, b->key.field, b->key.line, b->shrunk ? b->out : b->why);
        if (b->shrunk) {
            (void)printf(": %" PRIu32 " deviation%s%s", b->n_left, b->n_left == 1 ? "" : "s",
                         b->minimal ? "" : ", time ran out");
        }
        (void)printf("\n");
    }
    for (uint32_t i = 0; i < t->files.n; i++) { // bound: TRIAGE_FILES_MAX
        if (t->files.file[i].bucket < 0) {
            (void)printf("        %s: %s\n", t->files.file[i].path, t->files.file[i].err);
        }
    }
}

static int report(const struct triage *t, const struct arguments *a, uint32_t n_findings)
{
    char err[TRIAGE_ERR_BYTES] = "";

    if (!write_report(t, a->out, "report.md", triage_report_md, err) ||
        !write_report(t, a->out, "report.json", triage_report_json, err)) {
        return cmd_fail("triage", CMD_EXIT_ENV, "%s", err);
    }
    if (a->json) {
        triage_report_json(stdout, t);
    } else {
        print_buckets(t);
        (void)printf("report: %s/report.md\n"
                     "inputs=%" PRIu32 " findings=%" PRIu32 " clean=%" PRIu32 " unreadable=%" PRIu32
                     "\n",
                     a->out, t->files.n, n_findings, t->n_clean, t->n_unreadable);
    }
    if (n_findings > 0) {
        return CMD_EXIT_FINDING;
    }
    return t->n_unreadable > 0 ? CMD_EXIT_ENV : CMD_EXIT_CLEAN;
}

static int triage(struct triage *t, const struct arguments *a)
{
    char err[TRIAGE_ERR_BYTES] = "";
    uint32_t n_findings = 0;

    t->dir = a->dir;
    if (!triage_files_open(&t->files, a->dir, a->out, err)) {
        return cmd_fail("triage", CMD_EXIT_ENV, "%s", err);
    }
    if (t->files.n == 0) {
        return cmd_fail("triage", CMD_EXIT_USAGE,
                        "%s: no inputs: crash-*, timeout-*, oom-*, leak-*, slow-unit-*, id:*, "
                        "*.run or *.db",
                        a->dir);
    }
    if (mkdir(a->out, 0777) != 0 && errno != EEXIST) {
        return cmd_fail("triage", CMD_EXIT_ENV, "%s: %s", a->out, strerror(errno));
    }
    for (uint32_t i = 0; i < t->files.n; i++) { // bound: TRIAGE_FILES_MAX
        t->n_unreadable += run_file(t, i, &a->base) ? 0 : 1;
        progress("run", i + 1, t->files.n);
    }
    sort(t);
    for (uint32_t i = 0; i < t->n_buckets; i++) { // bound: TRIAGE_BUCKETS_MAX
        n_findings += triage_has_finding(&t->bucket[i]) ? 1 : 0;
    }
    for (uint32_t i = 0; i < n_findings; i++) { // they come first
        (void)shrink_bucket(t, i, a);
        progress("shrunk", i + 1, n_findings);
    }
    return report(t, a, n_findings);
}

static int parse(int argc, char **argv, struct arguments *a)
{
    a->base.words = argv + 1;
    for (int i = 1; i < argc; i++) { // words move to the front of argv
        const char *target = NULL;
        if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (strcmp(argv[i], "--out") == 0 || strcmp(argv[i], "--target") == 0) {
            if (i + 1 == argc) {
                return cmd_usage(&cmd_triage, "%s needs a value", argv[i]);
            }
            *(argv[i][2] == 'o' ? &a->out : &target) = argv[i + 1];
            i++;
        } else if (strncmp(argv[i], "target=", 7) == 0) {
            target = argv[i] + 7;
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_triage, "%s: no such option", argv[i]);
        } else if (a->dir == NULL && (strchr(argv[i], '=') == NULL || argv[i][0] == '/')) {
            a->dir = argv[i];
        } else {
            argv[++a->base.n_words] = argv[i];
        }
        if (target != NULL) {
            a->base.target = lab_target_find(target);
        }
        if (target != NULL && a->base.target == LAB_TARGET_NONE) {
            return cmd_usage(&cmd_triage, "%s: targets are pair, device, driver and pci", target);
        }
    }
    return a->dir != NULL ? CMD_EXIT_CLEAN : cmd_usage(&cmd_triage, "a directory is needed");
}

static int triage_main(int argc, char **argv)
{
    struct arguments a = {0};
    char out[TRIAGE_PATH_BYTES];
    char err[256];
    struct lab_scenario s;

    int code = parse(argc, argv, &a);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    lab_scenario_default(&s);
    if (!lab_scenario_parse(&s, a.base.n_words, a.base.words, err)) {
        return cmd_fail("triage", CMD_EXIT_USAGE, "%s", err);
    }
    const int n = snprintf(out, sizeof(out), "%s/triage", a.dir);
    if (a.out == NULL && (n < 0 || (size_t)n >= sizeof(out))) {
        return cmd_fail("triage", CMD_EXIT_USAGE, "%s: the name is too long", a.dir);
    }
    a.out = a.out != NULL ? a.out : out;
    struct triage *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return cmd_fail("triage", CMD_EXIT_ENV, "no memory left");
    }
    code = triage(t, &a);
    triage_files_close(&t->files);
    free(t);
    return code;
}

const struct cmd cmd_triage = {
    "triage", "DIR [--target NAME] [KEY=VALUE...] [--out DIR] [--json]",
    "group a directory of crashes by finding, and shrink one of each",
    "Runs every input in DIR and below it (crash-*, timeout-*, oom-*, leak-*, slow-unit-*, id:*,\n"
    "*.run, *.db), puts those together that have the same referee and kind, clause, side, field "
    "and\n"
    "line, shrinks the smallest of each group (at most 10 seconds), and writes report.md,\n"
    "report.json and the shrunk inputs. Inputs that come to nothing are a group of their own.\n"
    "\n"
    "  --target NAME   whose bytes they are: pair, device, driver or pci; else the path says it\n"
    "                  (fuzz_device)\n"
    "  KEY=VALUE       what the fuzzer was given in VRINGLAB_SCENARIO\n"
    "  --out DIR       where to write; else DIR/triage\n"
    "  --json          print report.json\n"
    "\n"
    "  vringlab triage out/default/crashes --target device fault=head-unchecked\n"
    "\n"
    "exit codes: 0 nothing was found, 1 findings, 2 usage, 3 no findings, and some input cannot be "
    "run\n",
    triage_main};
