// tools/cmd/bench_afl.c -- what an execution costs under AFL++, beside an empty loop and our work.
// CPU time, of afl-fuzz, its fork server and the harness together: this process adopts and waits
// for what they leave behind. What starting costs falls out of the difference between a shorter and
// a longer run. All run the corpus, in turns; the measurements take turns, too, on one processor:
// afl-fuzz and the harness never run at a time, and on another one caches are cold.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // wait4(), sched_setaffinity()
#endif
#include "tools/cmd/bench_afl.h"

#include "tools/cmd/bench_fuzz.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_dir.h"
#include "tools/cmd/cmd_tree.h"
#include "tools/lab/lab_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 4096u
#define EXECS_SHORT 5000u
#define EXECS_LONG 25000u
#define FILES_SHORT 2000u // executions without afl-fuzz
#define FILES_LONG 10000u
#define ARGS_MAX (FILES_LONG + 2)
#define REPEATS 3u

struct afl_measure {
    char bin[PATH_BYTES]; // of the preset afl
    char dir[PATH_BYTES]; // holds corpus/, out/ and log
    uint32_t n_inputs;
    int cpu;
    char *args[ARGS_MAX];
};

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double median(double v[REPEATS])
{
    qsort(v, REPEATS, sizeof(v[0]), compare);
    return v[REPEATS / 2];
}

// ---- processes ----------------------------------------------------------------------------------

_Noreturn static void become(struct afl_measure *m)
{
    char path[PATH_BYTES + 16];
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)m->cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
    (void)snprintf(path, sizeof(path), "%s/log", m->dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)execvp(m->args[0], m->args);
    _exit(127);
}

// Run m->args and wait for it and for what it leaves behind. Returns the CPU seconds of all of
// them, below 0 if it failed.
static double run(struct afl_measure *m)
{
    double cpu_s = 0;
    bool ok = false;

    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        become(m);
    }
    for (;;) { // bound: the processes that there are
        struct rusage usage;
        int status = 0;
        const pid_t who = wait4(-1, &status, 0, &usage);
        if (who < 0 && errno == EINTR) {
            continue;
        }
        if (who < 0) {
            break;
        }
        ok = ok || (who == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cpu_s += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    }
    return ok ? cpu_s : -1;
}

// ---- under afl-fuzz -----------------------------------------------------------------------------

static double read_execs(const struct afl_measure *m)
{
    char line[512];
    char path[PATH_BYTES + 64];
    double execs = 0;

    (void)snprintf(path, sizeof(path), "%s/out/default/fuzzer_stats", m->dir);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) { // bound: the file
        const char *colon = strchr(line, ':');
        if (strncmp(line, "execs_done ", 11) == 0 && colon != NULL) {
            execs = strtod(colon + 1, NULL);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return execs;
}

static void set_environment(const struct afl_measure *m)
{
    static const char *const on[] = {"AFL_NO_UI",
                                     "AFL_SKIP_CPUFREQ",
                                     "AFL_NO_AFFINITY",
                                     "AFL_QUIET",
                                     "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES",
                                     "AFL_CUSTOM_MUTATOR_ONLY",
                                     "AFL_DISABLE_TRIM"};
    char path[PATH_BYTES + 32];

    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        (void)setenv(on[i], "1", 1);
    }
    (void)snprintf(path, sizeof(path), "%s/vringlab_rotate.so", m->bin);
    (void)setenv("AFL_CUSTOM_MUTATOR_LIBRARY", path, 1);
    (void)snprintf(path, sizeof(path), "%s/corpus", m->dir);
    (void)setenv("VRINGLAB_ROTATE", path, 1);
    (void)setenv("ASAN_OPTIONS",
                 "abort_on_error=1:symbolize=0:detect_leaks=0:quarantine_size_mb=10", 1);
    (void)unsetenv("VRINGLAB_SCENARIO");
}

static double run_afl(struct afl_measure *m, const char *harness, uint32_t n_execs, double *execs)
{
    char program[PATH_BYTES + 64];
    char corpus[PATH_BYTES + 16];
    char out[PATH_BYTES + 16];
    char limit[16];
    char fixed[][10] = {"afl-fuzz", "-i", "-o", "-E", "-t", "10000", "-m", "none", "--"};

    (void)snprintf(program, sizeof(program), "%s/%s", m->bin, harness);
    (void)snprintf(corpus, sizeof(corpus), "%s/corpus", m->dir);
    (void)snprintf(out, sizeof(out), "%s/out", m->dir);
    (void)snprintf(limit, sizeof(limit), "%" PRIu32, n_execs);
    char *const words[] = {fixed[0], fixed[1], corpus,   fixed[2], out,      fixed[3], limit,
                           fixed[4], fixed[5], fixed[6], fixed[7], fixed[8], program,  NULL};
    cmd_dir_remove(out);
    memcpy(m->args, words, sizeof(words));
    const double cpu_s = run(m);
    *execs = read_execs(m);
    return cpu_s;
}

// Microseconds of CPU time that an execution costs, below 0 if it cannot be told.
static double cost_under_afl(struct afl_measure *m, const char *harness)
{
    double few = 0;
    double many = 0;
    const double start = run_afl(m, harness, EXECS_SHORT, &few);
    const double whole = run_afl(m, harness, EXECS_LONG, &many);

    return start < 0 || whole <= start || many <= few ? -1 : (whole - start) / (many - few) * 1e6;
}

// ---- without it ---------------------------------------------------------------------------------

// The driver in a harness runs the files that it is given, one after the other.
static double run_files(struct afl_measure *m, const char *harness, uint32_t n)
{
    static char names[4096][PATH_BYTES / 8];
    char program[PATH_BYTES + 64];

    const uint32_t n_inputs = m->n_inputs;

    if (n_inputs == 0 || n_inputs > sizeof(names) / sizeof(names[0])) {
        return 0; // no corpus that could be measured
    }
    (void)snprintf(program, sizeof(program), "%s/%s", m->bin, harness);
    m->args[0] = program;
    for (uint32_t i = 0; i < n_inputs; i++) { // bound: the corpus
        (void)snprintf(names[i], sizeof(names[i]), "%.480s/corpus/%" PRIu32, m->dir, i);
    }
    for (uint32_t i = 0; i < n; i++) { // bound: FILES_LONG
        m->args[1 + i] = names[i % n_inputs];
    }
    m->args[1 + n] = NULL;
    return run(m);
}

// The same, less what reading files costs the harness that does nothing.
static double own_cost(struct afl_measure *m, const char *harness)
{
    const double start = run_files(m, harness, FILES_SHORT);
    const double whole = run_files(m, harness, FILES_LONG);
    const double empty_start = run_files(m, "afl_empty", FILES_SHORT);
    const double empty_whole = run_files(m, "afl_empty", FILES_LONG);

    if (start < 0 || whole < 0 || empty_start < 0 || empty_whole < 0) {
        return -1;
    }
    return ((whole - start) - (empty_whole - empty_start)) / (FILES_LONG - FILES_SHORT) * 1e6;
}

// ---- the rows -----------------------------------------------------------------------------------

static int measure_target(struct afl_measure *m, const char *root, enum lab_target target,
                          bench_row *row)
{
    const char *name = lab_target_name(target);
    double empty[REPEATS];
    double own[REPEATS];
    double afl[REPEATS];

    if (!cmd_dir_make(m->dir, sizeof(m->dir), "vringlab-bench")) {
        return cmd_fail("bench", CMD_EXIT_ENV, "%s: cannot be made", m->dir);
    }
    const bool ready = bench_corpus(m->dir, root, target, &m->n_inputs) && m->n_inputs <= 4096;
    set_environment(m);
    bool ok = ready;
    for (uint32_t i = 0; i < REPEATS && ok; i++) {
        empty[i] = cost_under_afl(m, "afl_empty");
        own[i] = own_cost(m, name);
        afl[i] = cost_under_afl(m, name);
        ok = empty[i] > 0 && own[i] > 0 && afl[i] > 0;
    }
    if (!ok) {
        (void)fprintf(stderr, "vringlab bench: %s over corpus/%s: see %s/log\n", m->bin, name,
                      m->dir);
        return CMD_EXIT_ENV;
    }
    cmd_dir_remove(m->dir);
    row(name, "AFL++, an empty loop", "us/exec", median(empty), 0, NULL);
    row(name, "own work, without AFL++", "us/exec", median(own), 0, NULL);
    row(name, "under AFL++", "us/exec", median(afl), median(empty) + median(own), "both (aim 1.2)");
    return CMD_EXIT_CLEAN;
}

int bench_afl(bench_row *row)
{
    static const enum lab_target targets[] = {LAB_TARGET_PAIR, LAB_TARGET_DEVICE,
                                              LAB_TARGET_DRIVER};
    static struct afl_measure m;
    char root[CMD_TREE_PATH_BYTES];
    char path[PATH_BYTES + 32];
    char err[CMD_TREE_ERR_BYTES];

    if (!cmd_tree_find(root, NULL, "corpus/fuzz_pair", "corpora", err)) {
        return cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
    }
    (void)snprintf(m.bin, sizeof(m.bin), "%s/build/afl", root);
    (void)snprintf(path, sizeof(path), "%s/vringlab_rotate.so", m.bin);
    if (access(path, R_OK) != 0) {
        (void)fprintf(stderr,
                      "vringlab bench: no rows of AFL++: %s is not built; run `tools/dev "
                      "build afl`\n",
                      path);
        return CMD_EXIT_CLEAN;
    }
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); // of what afl-fuzz leaves behind
    m.cpu = sched_getcpu() >= 0 ? sched_getcpu() : 0;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const int code = measure_target(&m, root, targets[i], row);
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
    }
    return CMD_EXIT_CLEAN;
}
