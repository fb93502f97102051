// tools/cmd/bench_bugs.c -- vringlab bench bugs: executions and CPU time until bugs are found.
// Trials are made in rounds, one of each bug with each configuration, so that stopping early leaves
// all bugs with equally many.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // wait4(), clock_getcpuclockid()
#endif
#include "tools/cmd/bench_bugs.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_dir.h"
#include "tools/lab/lab_fault.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern const struct cmd cmd_bench;

#define NAME "bench bugs"
#define TRIALS_DEFAULT 5u
#define NAP_NS 5000000 // between two looks at the trials

// What a trial may take, and a session. The first tier fits half an hour on two cores.
static const struct {
    uint64_t cap[BUGS_CONFIG_COUNT];
    uint64_t trial_s;
    uint64_t minutes;
} tiers[] = {
    {{100000, 30000, 30000, 200000}, 30, 29},
    {{1000000, 300000, 300000, 2000000}, 300, 290},
    {{10000000, 3000000, 3000000, 20000000}, 3000, 2900},
};
#define N_TIERS (sizeof(tiers) / sizeof(tiers[0]))

struct options {
    bool json;
    bool fresh;
    bool faults;
    uint64_t cap; // 0: the tier's
    const char *svg;
    const char *only;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    interrupted = signal_number;
}

static double wall_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// ---- the schedule -----------------------------------------------------------------------------

// A trial of the same id may be under way for another bug: both have the same outcome.
static bool is_running(const struct bugs_job *jobs, uint32_t n_jobs, uint64_t id)
{
    for (uint32_t i = 0; i < n_jobs; i++) {
        const struct bugs_job *job = &jobs[i];
        if (job->pid > 0 && job->entry->trial[job->config][job->trial].id == id) {
            return true;
        }
    }
    return false;
}

// A trial of a round that is still to be made; the entry's first one.
static bool next_of_entry(const struct bugs *b, const struct bugs_job *jobs, uint32_t trial,
                          struct bugs_entry *e, struct bugs_job *out)
{
    for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
        const struct bugs_trial *t = &e->trial[c][trial];
        if (b->wanted[c] && !t->done && !is_running(jobs, b->n_jobs, t->id)) {
            out->entry = e;
            out->config = (enum bugs_config)c;
            out->trial = trial;
            return true;
        }
    }
    return false;
}

static bool next_trial(const struct bugs *b, const struct bugs_job *jobs, struct bugs_job *out)
{
    for (uint32_t t = 0; t < b->n_trials; t++) {
        for (uint32_t i = 0; i < b->n; i++) {
            if (next_of_entry(b, jobs, t, &b->entry[i], out)) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t count_trials(const struct bugs *b, bool done)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n; i++) {
        for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
            for (uint32_t t = 0; b->wanted[c] && t < b->n_trials; t++) {
                n += b->entry[i].trial[c][t].done == done ? 1 : 0;
            }
        }
    }
    return n;
}

static void show_progress(const struct bugs *b, const struct bugs_job *job, double elapsed_s,
                          const struct bugs_trial *outcome)
{
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const uint32_t done = count_trials(b, true);

    (void)fprintf(stderr,
                  "%s%3.0f of %" PRIu64 " min, %" PRIu32 " of %" PRIu32
                  " trials: %s, %s, seed %" PRIu32 ": %s%s%" PRIu64 "%s",
                  terminal ? "\r\033[K" : "", elapsed_s / 60, b->minutes, done,
                  done + count_trials(b, false), job->entry->name, bugs_configs[job->config].name,
                  job->trial + 1, outcome->found ? outcome->kind : "nothing",
                  outcome->found ? " at " : " in ", outcome->execs, terminal ? "" : "\n");
    (void)fflush(stderr);
}

static struct bugs_job *job_of(struct bugs_job *jobs, uint32_t n_jobs, pid_t pid)
{
    for (uint32_t i = 0; i < n_jobs; i++) {
        if (jobs[i].pid == pid) {
            return &jobs[i];
        }
    }
    return NULL;
}

// A trial that has used up its CPU time ends: the engine says how far it came.
static void end_long_trials(const struct bugs *b, struct bugs_job *jobs)
{
    clockid_t clock = 0;
    struct timespec used;

    for (uint32_t i = 0; i < b->n_jobs; i++) {
        struct bugs_job *job = &jobs[i];
        if (job->pid > 0 && !job->ended && clock_getcpuclockid(job->pid, &clock) == 0 &&
            clock_gettime(clock, &used) == 0 && (uint64_t)used.tv_sec >= b->trial_s) {
            job->ended = kill(job->pid, SIGUSR1) == 0;
        }
    }
}

// Look for a job that has ended, and keep what came of it; nap if there is none. Returns false with
// err.
static bool collect(struct bugs *b, struct bugs_job *jobs, double started, char err[BUGS_ERR_BYTES])
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    struct rusage usage;
    struct bugs_trial outcome;
    int status = 0;
    const pid_t pid = wait4(-1, &status, WNOHANG, &usage);

    struct bugs_job *job = pid > 0 ? job_of(jobs, b->n_jobs, pid) : NULL;
    if (job == NULL) {
        (void)nanosleep(&nap, NULL);
        end_long_trials(b, jobs);
        return true;
    }
    const long us = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    const long ms = 1000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (us + 500) / 1000;
    const double cpu_s = (double)ms / 1000; // as it is kept
    job->pid = 0;
    if (!bugs_outcome(job, status, cpu_s, &outcome, err) ||
        !bugs_keep(b, job->entry, job->config, job->trial, &outcome, err)) {
        return false;
    }
    (void)unlink(job->log);
    show_progress(b, job, wall_s() - started, &outcome);
    return true;
}

static void stop(struct bugs_job *jobs, uint32_t n_jobs)
{
    for (uint32_t i = 0; i < n_jobs; i++) {
        if (jobs[i].pid > 0) {
            (void)kill(jobs[i].pid, SIGKILL);
            (void)waitpid(jobs[i].pid, NULL, 0);
            jobs[i].pid = 0;
        }
    }
}

static bool run_trials(struct bugs *b, const char *dir, char err[BUGS_ERR_BYTES])
{
    static struct bugs_job jobs[BUGS_JOBS_MAX];
    const double started = wall_s();
    uint32_t n_running = 0;
    bool ok = true;

    for (;;) { // bound: the trials
        const bool in_time = wall_s() - started < 60.0 * (double)b->minutes && !interrupted;
        struct bugs_job *job = job_of(jobs, b->n_jobs, 0);
        if (ok && in_time && job != NULL && next_trial(b, jobs, job)) {
            ok = bugs_start(b, job, dir, err);
            continue;
        }
        n_running = 0;
        for (uint32_t i = 0; i < b->n_jobs; i++) {
            n_running += jobs[i].pid > 0 ? 1 : 0;
        }
        if (!ok || interrupted || n_running == 0) {
            break;
        }
        ok = collect(b, jobs, started, err);
    }
    stop(jobs, b->n_jobs);
    if (isatty(STDERR_FILENO) != 0) {
        (void)fputc('\n', stderr);
    }
    b->elapsed_s = wall_s() - started;
    b->n_left = count_trials(b, false);
    if (interrupted) { // the engines may have met the signal, too, and their logs mean nothing
        (void)snprintf(err, BUGS_ERR_BYTES, "interrupted; the same command goes on from here");
        ok = false;
    }
    return ok;
}

// ---- the session ------------------------------------------------------------------------------

// build/PRESET holds this program, build/fuzz the harnesses, build/ the outcomes.
static bool find_places(struct bugs *b, char err[BUGS_ERR_BYTES])
{
    static const char *const needed[] = {"fuzz_pair",    "fuzz_device",  "fuzz_driver", "fuzz_pci",
                                         "naive_device", "naive_driver", "naive_pci"};
    char dir[BUGS_PATH_BYTES];
    char path[BUGS_PATH_BYTES + 64];

    if (!lab_executable_dir(dir, sizeof(dir) - 64) || strrchr(dir, '/') == NULL) {
        (void)snprintf(err, BUGS_ERR_BYTES, "cannot tell where this program lies");
        return false;
    }
    *strrchr(dir, '/') = '\0';
    (void)snprintf(b->harness_dir, sizeof(b->harness_dir), "%.4000s/fuzz", dir);
    if (b->state[0] == '\0') {
        (void)snprintf(b->state, sizeof(b->state), "%.4000s/bench-bugs.tsv", dir);
    }
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", b->harness_dir, needed[i]);
        if (access(path, X_OK) != 0) {
            (void)snprintf(err, BUGS_ERR_BYTES,
                           "%.300s is not built; build it with: tools/dev build fuzz", path);
            return false;
        }
    }
    return true;
}

static bool begin(struct bugs *b, const struct options *o, char err[BUGS_ERR_BYTES])
{
    if (!find_places(b, err) || !bugs_list(b, o->faults, o->only, err)) {
        return false;
    }
    if (!bugs_identify(b, err)) {
        const size_t n = strlen(err);
        (void)snprintf(err + n, BUGS_ERR_BYTES - n, "; build it with: tools/dev build fuzz");
        return false;
    }
    if (o->fresh && unlink(b->state) != 0 && errno != ENOENT) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: cannot be removed: %s", b->state,
                       strerror(errno));
        return false;
    }
    return bugs_load(b, err);
}

static bool measure(struct bugs *b, char err[BUGS_ERR_BYTES])
{
    char dir[BUGS_PATH_BYTES];
    const struct sigaction action = {.sa_handler = on_signal};

    if (!cmd_dir_make(dir, sizeof(dir), "vringlab-bugs")) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: cannot be made: %s", dir, strerror(errno));
        return false;
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    const bool ok = run_trials(b, dir, err);
    cmd_dir_remove(dir);
    return ok;
}

// ---- arguments --------------------------------------------------------------------------------

static bool choose_configs(struct bugs *b, const char *value)
{
    char list[256] = "";
    char *word[BUGS_CONFIG_COUNT + 1];

    (void)snprintf(list, sizeof(list), "%s", value != NULL ? value : "");
    const int n = cmd_split(list, ",", word, BUGS_CONFIG_COUNT + 1);
    memset(b->wanted, 0, sizeof(b->wanted));
    for (int i = 0; i < n; i++) {
        unsigned c = 0;
        while (c < BUGS_CONFIG_COUNT && strcmp(word[i], bugs_configs[c].name) != 0) {
            c++;
        }
        if (c == BUGS_CONFIG_COUNT) {
            (void)cmd_usage(&cmd_bench, "--configs: %s: there are ours, bytes, states, naive",
                            word[i]);
            return false;
        }
        b->wanted[c] = true;
    }
    return n > 0 || (cmd_usage(&cmd_bench, "--configs needs a list such as ours,naive"), false);
}

// One option with a value.
static bool option(struct bugs *b, struct options *o, const char *name, const char *value,
                   uint64_t *trials)
{
    uint64_t jobs = 0;

    if (value == NULL) {
        (void)cmd_usage(&cmd_bench, "bugs: %s: no such option, or its value is missing", name);
        return false;
    }
    if (strcmp(name, "--tier") == 0) {
        return cmd_number(&cmd_bench, name, value, N_TIERS, &b->tier);
    }
    if (strcmp(name, "--minutes") == 0) {
        return cmd_number(&cmd_bench, name, value, 100000, &b->minutes);
    }
    if (strcmp(name, "--trials") == 0) {
        return cmd_number(&cmd_bench, name, value, BUGS_TRIALS_MAX, trials);
    }
    if (strcmp(name, "--cap") == 0) {
        return cmd_number(&cmd_bench, name, value, UINT32_MAX, &o->cap);
    }
    if (strcmp(name, "--jobs") == 0) {
        const bool ok = cmd_number(&cmd_bench, name, value, BUGS_JOBS_MAX, &jobs);
        b->n_jobs = (uint32_t)jobs;
        return ok;
    }
    if (strcmp(name, "--configs") == 0) {
        return choose_configs(b, value);
    }
    if (strcmp(name, "--only") == 0) {
        o->only = value;
        return true;
    }
    if (strcmp(name, "--svg") == 0) {
        o->svg = value;
        return true;
    }
    if (strcmp(name, "--state") == 0 && strlen(value) < sizeof(b->state)) {
        (void)snprintf(b->state, sizeof(b->state), "%s", value);
        return true;
    }
    (void)cmd_usage(&cmd_bench, "bugs: %s: no such option", name);
    return false;
}

static bool parse_args(int argc, char **argv, struct bugs *b, struct options *o)
{
    uint64_t trials = TRIALS_DEFAULT;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);

    b->tier = 1;
    b->n_jobs = cores < 1 ? 1 : cores > (long)BUGS_JOBS_MAX ? BUGS_JOBS_MAX : (uint32_t)cores;
    b->wanted[BUGS_OURS] = b->wanted[BUGS_BYTES] = b->wanted[BUGS_NAIVE] = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (strcmp(argv[i], "--fresh") == 0) {
            o->fresh = true;
        } else if (strcmp(argv[i], "--faults") == 0) {
            o->faults = true;
        } else if (!option(b, o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &trials)) {
            return false;
        } else {
            i++;
        }
    }
    b->n_trials = (uint32_t)trials;
    b->minutes = b->minutes != 0 ? b->minutes : tiers[b->tier - 1].minutes;
    b->trial_s = tiers[b->tier - 1].trial_s;
    memcpy(b->cap, tiers[b->tier - 1].cap, sizeof(b->cap));
    for (unsigned c = 0; c < BUGS_CONFIG_COUNT && o->cap != 0; c++) {
        b->cap[c] = c == BUGS_NAIVE ? 4 * o->cap : o->cap;
    }
    return true;
}

static int report(const struct bugs *b, const struct options *o)
{
    char err[BUGS_ERR_BYTES];

    if (o->json) {
        bugs_print_json(b);
    } else {
        bugs_print_text(b);
    }
    if (o->svg != NULL && !bugs_write_svg(b, o->svg, err)) {
        return cmd_fail(NAME, CMD_EXIT_ENV, "%s", err);
    }
    return bugs_false_alarms(b) > 0 ? CMD_EXIT_FINDING : CMD_EXIT_CLEAN;
}

int bench_bugs(int argc, char **argv)
{
    static struct bugs b;
    struct options o = {.json = false};
    char err[BUGS_ERR_BYTES] = "";

    if (!parse_args(argc, argv, &b, &o)) {
        return CMD_EXIT_USAGE;
    }
    b.entry = calloc(BUGS_MAX, sizeof(*b.entry));
    if (b.entry == NULL) {
        return cmd_fail(NAME, CMD_EXIT_ENV, "no memory left");
    }
    int code = CMD_EXIT_ENV;
    if (!begin(&b, &o, err) || !measure(&b, err)) {
        (void)cmd_fail(NAME, code, "%s", err);
    } else {
        code = report(&b, &o);
    }
    free(b.entry);
    return code;
}
