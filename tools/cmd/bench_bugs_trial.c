// tools/cmd/bench_bugs_trial.c -- one trial: a harness from an empty corpus until it finds
// something.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // prctl()
#endif
#include "tools/cmd/bench_bugs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES 4096u

const struct bugs_config_info bugs_configs[BUGS_CONFIG_COUNT] = {
#define BUGS_CONFIG_INFO_(id, name, colour, text) {name, colour, text},
    BUGS_CONFIGS(BUGS_CONFIG_INFO_)
#undef BUGS_CONFIG_INFO_
};

void bugs_program(const struct bugs *b, const struct bugs_entry *e, enum bugs_config config,
                  char path[BUGS_PATH_BYTES])
{
    const char *name = config == BUGS_NAIVE ? e->naive : lab_target_name(e->target);

    (void)snprintf(path, BUGS_PATH_BYTES, "%.4000s/%s", b->harness_dir, name);
}

void bugs_player(const struct bugs *b, const struct bugs_entry *e, enum bugs_config config,
                 char path[BUGS_PATH_BYTES])
{
    path[0] = '\0';
    if (e->native[0] != '\0') {
        (void)snprintf(path, BUGS_PATH_BYTES, "%.3900s/%s/%s.so", b->harness_dir,
                       config == BUGS_NAIVE ? "naive-players" : "players", e->native);
    }
}

// ---- starting ---------------------------------------------------------------------------------

static void set_or_clear(const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        (void)setenv(name, value, 1);
    } else {
        (void)unsetenv(name);
    }
}

static void set_environment(const struct bugs_job *job)
{
    const bool naive = job->config == BUGS_NAIVE;

    set_or_clear("VRINGLAB_SCENARIO", naive ? NULL : job->entry->words);
    set_or_clear("VRINGLAB_MUTATOR", job->config == BUGS_BYTES ? "bytes" : NULL);
    set_or_clear("VRINGLAB_FEEDBACK", job->config == BUGS_STATES ? "on" : NULL);
    set_or_clear("VRINGLAB_NAIVE_FAULT", naive ? job->entry->native : NULL);
    set_or_clear("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=10:symbolize=0");
}

// In the child: become the harness, with its words in the log.
_Noreturn static void become(const struct bugs *b, const struct bugs_job *job, const char *program)
{
    char seed[48];
    char runs[48];
    char fixed[][32] = {"-max_len=1024",   "-timeout=10",  "-rss_limit_mb=2048",
                        "-detect_leaks=0", "-reload=0",    "-print_final_stats=1",
                        "-print_funcs=0",  "-verbosity=0", "-exact_artifact_path=/dev/null"};
    char name[BUGS_PATH_BYTES];
    char *argv[16];
    int n = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(job->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    set_environment(job);
    (void)snprintf(name, sizeof(name), "%s", program);
    (void)snprintf(seed, sizeof(seed), "-seed=%" PRIu32, job->trial + 1);
    (void)snprintf(runs, sizeof(runs), "-runs=%" PRIu64, b->cap[job->config]);
    argv[n++] = name;
    argv[n++] = seed;
    argv[n++] = runs;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        argv[n++] = fixed[i];
    }
    argv[n] = NULL;
    (void)execv(program, argv);
    (void)fprintf(stderr, "cannot start %s: %s\n", program, strerror(errno));
    _exit(127);
}

bool bugs_start(const struct bugs *b, struct bugs_job *job, const char *dir,
                char err[BUGS_ERR_BYTES])
{
    char program[BUGS_PATH_BYTES];

    bugs_program(b, job->entry, job->config, program);
    (void)snprintf(job->log, sizeof(job->log), "%.3800s/%s-%s-%" PRIu32 ".log", dir,
                   job->entry->name, bugs_configs[job->config].name, job->trial + 1);
    (void)fflush(NULL);
    job->ended = false;
    job->pid = fork();
    if (job->pid == 0) {
        become(b, job, program);
    }
    if (job->pid < 0) {
        job->pid = 0;
        (void)snprintf(err, BUGS_ERR_BYTES, "cannot start a process: %s", strerror(errno));
        return false;
    }
    return true;
}

// ---- what came of it --------------------------------------------------------------------------

struct log_words {
    bool has_execs;
    uint64_t execs;
    char finding[BUGS_KIND_BYTES]; // of a referee
    char asan[BUGS_KIND_BYTES];
    bool hang;
    bool assertion;
    char last[200]; // line, for a complaint
};

// The word behind a prefix of line, up to a blank.
static bool word_behind(const char *line, const char *prefix, char out[BUGS_KIND_BYTES])
{
    const size_t n = strlen(prefix);

    if (strncmp(line, prefix, n) != 0) {
        return false;
    }
    const size_t bytes = strcspn(line + n, " \t\n");
    (void)snprintf(out, BUGS_KIND_BYTES, "%.*s", (int)(bytes < 60 ? bytes : 60), line + n);
    return true;
}

static void read_line(struct log_words *w, const char *line)
{
    char number[BUGS_KIND_BYTES];
    const char *execs = "stat::number_of_executed_units:";

    if (strncmp(line, execs, strlen(execs)) == 0) {
        w->has_execs = true;
        w->execs = strtoull(line + strlen(execs), NULL, 10);
        return;
    }
    if (w->finding[0] == '\0' && word_behind(line, "finding ", number)) {
        (void)snprintf(w->finding, sizeof(w->finding), "%s", number);
    }
    (void)word_behind(line, "SUMMARY: AddressSanitizer: ", w->asan);
    w->hang = w->hang || strncmp(line, "hang: ", 6) == 0;
    w->assertion = w->assertion || strstr(line, "assertion failed: ") != NULL;
    if (strspn(line, " \t\n") != strlen(line)) {
        (void)snprintf(w->last, sizeof(w->last), "%.*s", (int)strcspn(line, "\n"), line);
    }
}

static bool read_log(const char *path, struct log_words *w)
{
    static char line[LINE_BYTES];
    FILE *f = fopen(path, "r");

    memset(w, 0, sizeof(*w));
    if (f == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), f) != NULL) { // bound: the file
        read_line(w, line);
    }
    (void)fclose(f);
    return true;
}

// A finding's name: the referee's, or what ended the process.
static const char *kind_of(const struct log_words *w, int code, char kind[BUGS_KIND_BYTES])
{
    if (w->finding[0] != '\0') {
        (void)snprintf(kind, BUGS_KIND_BYTES, "%s", w->finding);
    } else if (w->hang || code == 70) {
        (void)snprintf(kind, BUGS_KIND_BYTES, "hang");
    } else if (w->assertion) {
        (void)snprintf(kind, BUGS_KIND_BYTES, "assertion");
    } else if (code == 71) {
        (void)snprintf(kind, BUGS_KIND_BYTES, "out-of-memory");
    } else if (w->asan[0] != '\0') {
        (void)snprintf(kind, BUGS_KIND_BYTES, "asan:%.50s", w->asan);
    } else {
        (void)snprintf(kind, BUGS_KIND_BYTES, "crash");
    }
    return kind;
}

bool bugs_outcome(const struct bugs_job *job, int status, double cpu_s, struct bugs_trial *outcome,
                  char err[BUGS_ERR_BYTES])
{
    struct log_words w;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (!read_log(job->log, &w) || !w.has_execs) {
        (void)snprintf(
            err, BUGS_ERR_BYTES, "%s, %s, seed %" PRIu32 ": the harness ran no trial (exit %d): %s",
            job->entry->name, bugs_configs[job->config].name, job->trial + 1, code, w.last);
        return false;
    }
    *outcome =
        (struct bugs_trial){.done = true, .found = code != 0, .execs = w.execs, .cpu_s = cpu_s};
    if (outcome->found) {
        (void)kind_of(&w, code, outcome->kind);
    }
    return true;
}
