// tools/cmd/bench_fuzz.c -- how many executions a second the harnesses make.
// The real engine in its own loop: it picks inputs of the corpus, runs the mutator, which changes
// nothing (VRINGLAB_MUTATOR=none), runs the harness, and looks at the coverage. A second process
// that only loads the corpus says what starting costs.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // scandir(), wait4()
#endif
#include "tools/cmd/bench_fuzz.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_dir.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_tree.h"
#include "tools/lab/lab_input.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 4096u
#define RUNS 30000u
#define REPEATS 3u
#define INPUT_BYTES_MAX 65536u

struct measure {
    char dir[PATH_BYTES];     // holds corpus/ and log
    char harness[PATH_BYTES]; // the program
    uint32_t n_inputs;
};

struct outcome {
    double cpu_s;
    double n_execs;
    double mean_events;
};

// ---- the corpus as bytes ------------------------------------------------------------------------

static bool write_bytes(const struct measure *m, const uint8_t *data, size_t bytes)
{
    char path[PATH_BYTES + 32];
    (void)snprintf(path, sizeof(path), "%s/corpus/%" PRIu32, m->dir, m->n_inputs);
    FILE *f = fopen(path, "wb");
    if (f == NULL) {
        return false;
    }
    const bool ok = fwrite(data, 1, bytes, f) == bytes;
    return fclose(f) == 0 && ok;
}

// One text input; one that bytes cannot say is left out.
static bool add_input(struct measure *m, const char *path, enum lab_target target)
{
    static uint8_t data[INPUT_BYTES_MAX];
    struct lab_input in;
    char err[256];

    if (!lab_input_load(path, target, &in, err)) {
        (void)cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
        return false;
    }
    const size_t bytes = lab_input_encode(target, &in, data, sizeof(data), err);
    lab_input_free(&in);
    m->n_inputs += bytes > 0 ? 1 : 0;
    return bytes == 0 || write_bytes(m, data, bytes);
}

// The minimised corpus is NNN.run; the others are there for what they say.
static int is_text(const struct dirent *entry)
{
    const size_t n = strspn(entry->d_name, "0123456789");
    return n > 0 && strcmp(entry->d_name + n, ".run") == 0;
}

static bool make_corpus(struct measure *m, const char *root, enum lab_target target)
{
    char dir[PATH_BYTES + 64];
    char path[2 * PATH_BYTES];
    struct dirent **entries = NULL;
    bool ok = true;

    (void)snprintf(path, sizeof(path), "%s/corpus", m->dir);
    if (mkdir(path, 0700) != 0) {
        return false;
    }
    (void)snprintf(dir, sizeof(dir), "%s/corpus/%s", root, lab_target_name(target));
    const int n = scandir(dir, &entries, is_text, alphasort);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        ok = ok && add_input(m, path, target);
        free(entries[i]);
    }
    free(entries);
    return ok && m->n_inputs > 0;
}

bool bench_corpus(const char *dir, const char *root, enum lab_target target, uint32_t *n_inputs)
{
    struct measure m = {.n_inputs = 0};
    (void)snprintf(m.dir, sizeof(m.dir), "%s", dir);
    const bool ok = make_corpus(&m, root, target);
    *n_inputs = m.n_inputs;
    return ok;
}

// ---- the engine ---------------------------------------------------------------------------------

_Noreturn static void become_engine(const struct measure *m, uint32_t n_runs, const char *log)
{
    char runs[32];
    char corpus[PATH_BYTES + 16];
    char fixed[][32] = {"-seed=1",
                        "-entropic=0",
                        "-cross_over=0",
                        "-len_control=0",
                        "-reload=0",
                        "-timeout=10",
                        "-detect_leaks=0",
                        "-max_len=65536",
                        "-rss_limit_mb=4096",
                        "-print_final_stats=1"};
    char name[PATH_BYTES];
    char *argv[16];
    int n = 0;

    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)setenv("VRINGLAB_MUTATOR", "none", 1);
    (void)setenv("VRINGLAB_STATS", "1", 1);
    (void)unsetenv("VRINGLAB_SCENARIO");
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=10", 1);
    (void)snprintf(runs, sizeof(runs), "-runs=%" PRIu32, n_runs);
    (void)snprintf(corpus, sizeof(corpus), "%s/corpus", m->dir);
    (void)snprintf(name, sizeof(name), "%s", m->harness);
    argv[n++] = name;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        argv[n++] = fixed[i];
    }
    argv[n++] = runs;
    argv[n++] = corpus;
    argv[n] = NULL;
    (void)execv(m->harness, argv);
    _exit(127);
}

static bool read_outcome(const char *log, struct outcome *o)
{
    char line[512];
    FILE *f = fopen(log, "r");
    if (f == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), f) != NULL) { // bound: the file
        const char *colon = strchr(line, ' ');
        if (strncmp(line, "stat::number_of_executed_units:", 31) == 0) {
            o->n_execs = strtod(colon, NULL);
        } else if (strncmp(line, "stat::mean_events:", 18) == 0) {
            o->mean_events = strtod(colon, NULL);
        }
    }
    (void)fclose(f);
    return o->n_execs > 0 && o->mean_events > 0;
}

static bool run_engine(const struct measure *m, uint32_t n_runs, struct outcome *o)
{
    char log[PATH_BYTES + 16];
    struct rusage usage;
    int status = 0;

    *o = (struct outcome){0};
    (void)snprintf(log, sizeof(log), "%s/log", m->dir);
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        become_engine(m, n_runs, log);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        return false;
    }
    o->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return read_outcome(log, o);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static bool measure_target(const struct measure *m, double *rate, double *mean_events)
{
    double rates[REPEATS];

    for (uint32_t i = 0; i < REPEATS; i++) {
        struct outcome start;
        struct outcome whole;
        if (!run_engine(m, 1, &start) || !run_engine(m, RUNS, &whole) ||
            whole.cpu_s <= start.cpu_s) {
            return false;
        }
        rates[i] = (whole.n_execs - start.n_execs) / (whole.cpu_s - start.cpu_s);
        *mean_events = whole.mean_events;
    }
    qsort(rates, REPEATS, sizeof(rates[0]), compare);
    *rate = rates[REPEATS / 2];
    return true;
}

static int bench_target(bench_row *row, const char *root, const char *bin, enum lab_target target,
                        double aim)
{
    struct measure m = {.n_inputs = 0};
    const char *name = lab_target_name(target);
    double rate = 0;
    double mean = 0;

    (void)snprintf(m.harness, sizeof(m.harness), "%.3900s/%s", bin, name);
    if (access(m.harness, X_OK) != 0) {
        return cmd_fail("bench", CMD_EXIT_ENV, "%s is not built; run `tools/dev build fuzz`",
                        m.harness);
    }
    if (!cmd_dir_make(m.dir, sizeof(m.dir), "vringlab-bench")) {
        return cmd_fail("bench", CMD_EXIT_ENV, "%s: cannot be made", m.dir);
    }
    const bool ok = make_corpus(&m, root, target) && measure_target(&m, &rate, &mean);
    cmd_dir_remove(m.dir);
    if (!ok) {
        return cmd_fail("bench", CMD_EXIT_ENV, "%s over corpus/%s could not be measured", m.harness,
                        name);
    }
    row(name, "rate over its corpus", "exec/CPU-s", rate, aim, aim > 0 ? "aim" : NULL);
    row(name, "inputs", "", m.n_inputs, 0, NULL);
    row(name, "mean events of a run", "events", mean, 0, NULL);
    row(name, "per event, engine and all", "ns", 1e9 / (rate * mean), 0, NULL);
    return CMD_EXIT_CLEAN;
}

int bench_fuzz(bench_row *row)
{
    static const struct {
        enum lab_target target;
        double aim;
    } targets[] = {{LAB_TARGET_PAIR, 50000},
                   {LAB_TARGET_DEVICE, 100000},
                   {LAB_TARGET_DRIVER, 100000},
                   {LAB_TARGET_PCI, 0}};
    char root[CMD_TREE_PATH_BYTES];
    char bin[CMD_TREE_PATH_BYTES + 16];
    char err[CMD_TREE_ERR_BYTES];

    if (!cmd_tree_find(root, NULL, "corpus/fuzz_pair", "corpora", err)) {
        return cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
    }
    (void)snprintf(bin, sizeof(bin), "%s/build/fuzz", root);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const int code = bench_target(row, root, bin, targets[i].target, targets[i].aim);
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
    }
    return CMD_EXIT_CLEAN;
}
