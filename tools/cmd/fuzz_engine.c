// tools/cmd/fuzz_engine.c -- fuzzing engines as child processes: start, watch, stop.
// Each job is a process of its own with a log file; libFuzzer's jobs share a corpus directory and
// read each other's finds from there, AFL++'s are one main and secondary instances.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // kill(), fileno()
#endif
#include "tools/cmd/fuzz_engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LEN_ARG "-max_len=1024" // bytes of an input: about 170 deviations
#define ARGS_MAX 24
#define STOP_TRIES 50

static bool join(char out[FUZZ_PATH_BYTES], const char *dir, const char *name)
{
    const int n = snprintf(out, FUZZ_PATH_BYTES, "%s/%s", dir, name);
    return n > 0 && (uint32_t)n < FUZZ_PATH_BYTES;
}

void fuzz_engine_log(const struct fuzz_engine *engine, uint32_t job, char path[FUZZ_PATH_BYTES])
{
    char name[32];
    (void)snprintf(name, sizeof(name), "job-%" PRIu32 ".log", job);
    (void)join(path, engine->dir, name);
}

static void job_name(uint32_t job, char out[16])
{
    (void)snprintf(out, 16, "job%" PRIu32, job);
}

// ---- starting
// ------------------------------------------------------------------------------------

// In the child: become the engine. Does not return.
_Noreturn static void exec_engine(const struct fuzz_engine *e, uint32_t job)
{
    char log[FUZZ_PATH_BYTES];
    char corpus[FUZZ_PATH_BYTES];
    char seeds[FUZZ_PATH_BYTES];
    char artifacts[FUZZ_PATH_BYTES + 32];
    char time_arg[48];
    char name[16];
    const char *args[ARGS_MAX];
    int n = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    fuzz_engine_log(e, job, log);
    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)join(corpus, e->dir, e->kind == FUZZ_AFL ? "out" : "corpus");
    (void)join(seeds, e->dir, "seeds");
    job_name(job, name);
    if (e->kind == FUZZ_LIBFUZZER) {
        (void)snprintf(artifacts, sizeof(artifacts), "-artifact_prefix=%s/artifacts/", e->dir);
        (void)snprintf(time_arg, sizeof(time_arg), "-max_total_time=%" PRIu64, e->seconds);
        const char *const fixed[] = {e->harness,
                                     artifacts,
                                     time_arg,
                                     MAX_LEN_ARG,
                                     "-timeout=10",
                                     "-rss_limit_mb=2048",
                                     "-print_final_stats=1",
                                     "-reload=1",
                                     "-detect_leaks=0",
                                     corpus,
                                     seeds};
        for (; n < (int)(sizeof(fixed) / sizeof(fixed[0])); n++) {
            args[n] = fixed[n];
        }
    } else {
        (void)snprintf(time_arg, sizeof(time_arg), "%" PRIu64, e->seconds);
        const char *const fixed[] = {"afl-fuzz", "-i", seeds,     "-o",
                                     corpus,     "-V", time_arg,  "-t",
                                     "2000",     "-m", "none",    job == 0 ? "-M" : "-S",
                                     name,       "--", e->harness};
        for (; n < (int)(sizeof(fixed) / sizeof(fixed[0])); n++) {
            args[n] = fixed[n];
        }
    }
    args[n] = NULL;
    union { // execvp() wants char *const *; it does not write
        const char **in;
        char *const *out;
    } words = {.in = args};
    (void)execvp(args[0], words.out);
    (void)fprintf(stderr, "cannot start %s: %s\n", args[0], strerror(errno));
    _exit(127);
}

static bool make_dir(const struct fuzz_engine *e, const char *name, char err[256])
{
    char path[FUZZ_PATH_BYTES];
    if (!join(path, e->dir, name) || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        (void)snprintf(err, 256, "%.150s/%s: cannot be made: %s", e->dir, name, strerror(errno));
        return false;
    }
    return true;
}

static void set_environment(enum fuzz_engine_kind kind)
{
    static const char *const afl[] = {"AFL_NO_UI",       "AFL_SKIP_CPUFREQ",
                                      "AFL_NO_AFFINITY", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES",
                                      "AFL_QUIET",       "AFL_BENCH_UNTIL_CRASH"};
    if (kind == FUZZ_LIBFUZZER) {
        (void)setenv("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=10", 0);
        return;
    }
    for (size_t i = 0; i < sizeof(afl) / sizeof(afl[0]); i++) {
        (void)setenv(afl[i], "1", 0);
    }
    (void)setenv("ASAN_OPTIONS", "abort_on_error=1:symbolize=0:detect_leaks=0", 0);
}

bool fuzz_engine_start(struct fuzz_engine *engine, char err[256])
{
    engine->n_running = 0;
    engine->failed[0] = '\0';
    if (!make_dir(engine, "corpus", err) || !make_dir(engine, "artifacts", err)) {
        return false;
    }
    set_environment(engine->kind);
    (void)fflush(NULL);
    for (uint32_t job = 0; job < engine->n_jobs; job++) {
        const pid_t pid = fork();
        if (pid == 0) {
            exec_engine(engine, job);
        }
        if (pid < 0) {
            (void)snprintf(err, 256, "cannot start a process: %s", strerror(errno));
            fuzz_engine_stop(engine);
            return false;
        }
        engine->pid[job] = pid;
        engine->n_running++;
    }
    return true;
}

// ---- watching
// ------------------------------------------------------------------------------------

bool fuzz_engine_poll(struct fuzz_engine *engine)
{
    for (uint32_t job = 0; job < engine->n_jobs; job++) {
        int status = 0;
        if (engine->pid[job] <= 0 || waitpid(engine->pid[job], &status, WNOHANG) <= 0) {
            continue;
        }
        engine->pid[job] = 0;
        engine->n_running--;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fuzz_engine_log(engine, job, engine->failed);
        }
    }
    return engine->n_running > 0;
}

// The first file of a directory by name whose name starts with one of the prefixes.
static bool first_file(const char *dir, const char *const *prefixes, char path[FUZZ_PATH_BYTES])
{
    struct dirent **entries = NULL;
    const int n = scandir(dir, &entries, NULL, alphasort);
    bool found = false;

    for (int i = 0; i < n; i++) {
        for (unsigned p = 0; prefixes[p] != NULL && !found; p++) {
            found = strncmp(entries[i]->d_name, prefixes[p], strlen(prefixes[p])) == 0 &&
                    join(path, dir, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return found;
}

bool fuzz_engine_artifact(const struct fuzz_engine *engine, char path[FUZZ_PATH_BYTES])
{
    static const char *const libfuzzer[] = {"crash-", "timeout-", "oom-", NULL};
    static const char *const afl[] = {"id:", NULL};
    char dir[FUZZ_PATH_BYTES];

    if (engine->kind == FUZZ_LIBFUZZER) {
        return join(dir, engine->dir, "artifacts") && first_file(dir, libfuzzer, path);
    }
    for (uint32_t job = 0; job < 2 * engine->n_jobs; job++) {
        char sub[64];
        char name[16];
        job_name(job / 2, name);
        (void)snprintf(sub, sizeof(sub), "out/%s/%s", name, job % 2 == 0 ? "crashes" : "hangs");
        if (join(dir, engine->dir, sub) && first_file(dir, afl, path)) {
            return true;
        }
    }
    return false;
}

// Numbers of libFuzzer's last status line: "#4096 pulse ... corp: 12/345b ... exec/s: 1000".
static void add_libfuzzer(const char *log, struct fuzz_progress *p)
{
    char tail[8192];
    FILE *f = fopen(log, "rb");
    if (f == NULL) {
        return;
    }
    if (fseek(f, -(long)(sizeof(tail) - 1), SEEK_END) != 0) {
        (void)fseek(f, 0, SEEK_SET);
    }
    const size_t n = fread(tail, 1, sizeof(tail) - 1, f);
    (void)fclose(f);
    tail[n] = '\0';
    for (char *line = tail + n; line > tail;) { // bound: the tail
        line--;
        const char *rate = strstr(line, "exec/s: ");
        if (*line != '#' || (line > tail && line[-1] != '\n') || rate == NULL) {
            continue;
        }
        const char *corpus = strstr(line, "corp: ");
        p->execs += strtoull(line + 1, NULL, 10);
        p->per_second += strtoull(rate + 8, NULL, 10);
        p->corpus += corpus != NULL ? strtoull(corpus + 6, NULL, 10) : 0;
        return;
    }
}

static void add_afl(const char *stats, struct fuzz_progress *p)
{
    char line[512];
    FILE *f = fopen(stats, "r");
    if (f == NULL) {
        return;
    }
    while (fgets(line, sizeof(line), f) != NULL) { // bound: the file
        const char *colon = strchr(line, ':');
        const uint64_t v = colon != NULL ? strtoull(colon + 1, NULL, 10) : 0;
        if (strncmp(line, "execs_done ", 11) == 0) {
            p->execs += v;
        } else if (strncmp(line, "execs_per_sec ", 14) == 0) {
            p->per_second += v;
        } else if (strncmp(line, "corpus_count ", 13) == 0) {
            p->corpus += v;
        }
    }
    (void)fclose(f);
}

void fuzz_engine_progress(const struct fuzz_engine *engine, struct fuzz_progress *progress)
{
    char path[FUZZ_PATH_BYTES];
    char sub[64];
    char name[16];

    *progress = (struct fuzz_progress){0};
    for (uint32_t job = 0; job < engine->n_jobs; job++) {
        if (engine->kind == FUZZ_LIBFUZZER) {
            fuzz_engine_log(engine, job, path);
            add_libfuzzer(path, progress);
            continue;
        }
        job_name(job, name);
        (void)snprintf(sub, sizeof(sub), "out/%s/fuzzer_stats", name);
        if (join(path, engine->dir, sub)) {
            add_afl(path, progress);
        }
    }
}

// ---- stopping
// ------------------------------------------------------------------------------------

void fuzz_engine_stop(struct fuzz_engine *engine)
{
    const struct timespec nap = {.tv_nsec = 100000000};

    for (int t = 0; t < STOP_TRIES; t++) { // bound: STOP_TRIES
        for (uint32_t job = 0; job < engine->n_jobs; job++) {
            if (engine->pid[job] > 0 && (t == 0 || t == STOP_TRIES - 1)) {
                (void)kill(engine->pid[job], t == 0 ? SIGTERM : SIGKILL);
            }
        }
        if (engine->n_running == 0 || !fuzz_engine_poll(engine)) {
            return;
        }
        (void)nanosleep(&nap, NULL);
    }
}
