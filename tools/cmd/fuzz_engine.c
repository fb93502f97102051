// tools/cmd/fuzz_engine.c -- fuzzing engines as child processes: start, watch, stop.
// Each job is a process of its own with a log file. libFuzzer's jobs share a corpus directory and
// read each other's finds from there; AFL++'s are one main and secondary instances, which read each
// other's queues. With both, AFL++'s main instance reads libFuzzer's corpus as a foreign queue, and
// AFL++'s finds are copied into that corpus.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // kill(), fileno(), sched_setaffinity()
#endif
#include "tools/cmd/fuzz_engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
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
#define ARGS_MAX 32
#define STOP_TRIES 50
#define SHARE_SECONDS 5

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

static enum fuzz_engine_kind job_kind(const struct fuzz_engine *e, uint32_t job)
{
    if (e->kind != FUZZ_BOTH) {
        return e->kind;
    }
    return job % 2 == 0 ? FUZZ_AFL : FUZZ_LIBFUZZER;
}

// ---- starting -----------------------------------------------------------------------------------

struct args {
    const char *word[ARGS_MAX];
    int n;
    char text[ARGS_MAX][FUZZ_PATH_BYTES + 32]; // words that are made up
    int n_texts;
};

static void add_word(struct args *args, const char *word)
{
    if (args->n < ARGS_MAX - 1) {
        args->word[args->n++] = word;
        args->word[args->n] = NULL;
    }
}

static void add_path(struct args *args, const char *before, const char *dir, const char *name)
{
    char *text = args->text[args->n_texts++];
    (void)snprintf(text, sizeof(args->text[0]), "%s%s/%s", before, dir, name);
    add_word(args, text);
}

static void add_seconds(struct args *args, const char *before, uint64_t seconds)
{
    char *text = args->text[args->n_texts++];
    (void)snprintf(text, sizeof(args->text[0]), "%s%" PRIu64, before, seconds);
    add_word(args, text);
}

static void libfuzzer_args(const struct fuzz_engine *e, struct args *args)
{
    add_word(args, e->harness[FUZZ_LIBFUZZER]);
    add_path(args, "-artifact_prefix=", e->dir, "artifacts/");
    add_seconds(args, "-max_total_time=", e->seconds);
    add_word(args, MAX_LEN_ARG);
    add_word(args, "-timeout=10");
    add_word(args, "-rss_limit_mb=2048");
    add_word(args, "-print_final_stats=1");
    add_word(args, "-reload=1"); // looks for other jobs' finds each second
    add_word(args, "-detect_leaks=0");
    add_path(args, "", e->dir, "corpus");
    add_path(args, "", e->dir, "seeds");
}

static void afl_args(const struct fuzz_engine *e, uint32_t job, struct args *args)
{
    char name[16];

    job_name(job, name);
    add_word(args, "afl-fuzz");
    add_word(args, "-i");
    add_path(args, "", e->dir, "seeds");
    add_word(args, "-o");
    add_path(args, "", e->dir, "out");
    add_word(args, "-V");
    add_seconds(args, "", e->seconds);
    add_word(args, "-t");
    add_word(args, "2000");
    add_word(args, "-m");
    add_word(args, "none");
    add_word(args, job == 0 ? "-M" : "-S");
    char *text = args->text[args->n_texts++];
    (void)snprintf(text, sizeof(args->text[0]), "%s", name);
    add_word(args, text);
    if (e->kind == FUZZ_BOTH && job == 0) {
        add_word(args, "-F"); // afl-fuzz wants it behind -M
        add_path(args, "", e->dir, "corpus");
    }
    add_word(args, "--");
    add_word(args, e->harness[FUZZ_AFL]);
}

static void set_environment(const struct fuzz_engine *e, enum fuzz_engine_kind kind, uint32_t job)
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
    if (e->n_jobs > 1) {
        (void)setenv("AFL_SYNC_TIME", "1", 0); // minutes; a session may be no longer than that
    }
    if (job == 0 && e->n_jobs > 1) {
        (void)setenv("AFL_FINAL_SYNC", "1", 0);
    }
    if (e->mutator != NULL) {
        (void)setenv("AFL_CUSTOM_MUTATOR_LIBRARY", e->mutator, 0);
    }
    (void)setenv("ASAN_OPTIONS", "abort_on_error=1:symbolize=0:detect_leaks=0", 0);
}

// afl-fuzz and its harness wake each other thousands of times a second and never run at a time: on
// one processor that is a third cheaper than on two. afl-fuzz's own way to bind itself gives up
// where all processors are taken. Jobs go round the processors, from where this process is.
static void bind_to_processor(uint32_t job)
{
    cpu_set_t allowed;
    cpu_set_t one;
    uint32_t left = job;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0) {
        return;
    }
    size_t cpu = (size_t)(sched_getcpu() > 0 ? sched_getcpu() : 0);
    while (left > 0 || !CPU_ISSET(cpu, &allowed)) { // bound: jobs times processors
        left -= left > 0 && CPU_ISSET(cpu, &allowed) ? 1 : 0;
        cpu = (cpu + 1) % CPU_SETSIZE;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
}

// In the child: become the engine. Does not return.
_Noreturn static void exec_engine(const struct fuzz_engine *e, uint32_t job)
{
    static struct args args;
    char log[FUZZ_PATH_BYTES];

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    fuzz_engine_log(e, job, log);
    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    set_environment(e, job_kind(e, job), job);
    if (job_kind(e, job) == FUZZ_LIBFUZZER) {
        libfuzzer_args(e, &args);
    } else {
        afl_args(e, job, &args);
        bind_to_processor(job);
    }
    union { // execvp() wants char *const *; it does not write
        const char **in;
        char *const *out;
    } words = {.in = args.word};
    (void)execvp(args.word[0], words.out);
    (void)fprintf(stderr, "cannot start %s: %s\n", args.word[0], strerror(errno));
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

bool fuzz_engine_start(struct fuzz_engine *engine, char err[256])
{
    engine->n_running = 0;
    engine->failed[0] = '\0';
    if (!make_dir(engine, "corpus", err) || !make_dir(engine, "artifacts", err)) {
        return false;
    }
    memset(engine->n_shared, 0, sizeof(engine->n_shared));
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

// ---- watching -----------------------------------------------------------------------------------

// Copy a file whole, or not at all: it appears under its name when it is complete.
static bool copy_file(const char *from, const char *to, const char *part)
{
    char buf[65536];
    FILE *in = fopen(from, "rb");
    FILE *out = in != NULL ? fopen(part, "wb") : NULL;
    bool ok = out != NULL;

    for (size_t n = 1; ok && n > 0;) { // bound: the file
        n = fread(buf, 1, sizeof(buf), in);
        ok = fwrite(buf, 1, n, out) == n;
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    if (out != NULL) {
        ok = fclose(out) == 0 && ok;
    }
    return ok && rename(part, to) == 0;
}

static int is_queue_entry(const struct dirent *entry)
{
    return strncmp(entry->d_name, "id:", 3) == 0;
}

// Copy what a job of AFL++ has found since the last time to where libFuzzer looks. Seeds and what
// AFL++ has from others, libFuzzer among them, are left out; an entry that may still be written
// waits for the next time.
static void share_queue(struct fuzz_engine *e, uint32_t job)
{
    struct dirent **entries = NULL;
    char queue[FUZZ_PATH_BYTES];
    char part[FUZZ_PATH_BYTES];
    char name[16];
    char sub[64];
    bool settled = true;

    job_name(job, name);
    (void)snprintf(sub, sizeof(sub), "out/%s/queue", name);
    const bool fits = join(queue, e->dir, sub) && join(part, e->dir, "share.part");
    const int n = fits ? scandir(queue, &entries, is_queue_entry, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        char from[FUZZ_PATH_BYTES];
        char to[FUZZ_PATH_BYTES];
        struct stat st;
        const uint32_t id = (uint32_t)strtoul(entries[i]->d_name + 3, NULL, 10);
        const bool found = strstr(entries[i]->d_name, ",orig:") == NULL &&
                           strstr(entries[i]->d_name, ",sync:") == NULL;
        (void)snprintf(sub, sizeof(sub), "corpus/afl-%s-%06" PRIu32, name, id);
        if (settled && id >= e->n_shared[job] && join(from, queue, entries[i]->d_name) &&
            join(to, e->dir, sub) && stat(from, &st) == 0) {
            settled = time(NULL) - st.st_mtime > 1 && (!found || copy_file(from, to, part));
            e->n_shared[job] = settled ? id + 1 : e->n_shared[job];
        }
        free(entries[i]);
    }
    free(entries);
}

bool fuzz_engine_poll(struct fuzz_engine *engine)
{
    const time_t now = time(NULL);

    for (uint32_t job = 0; job < engine->n_jobs; job++) {
        const bool shares = engine->kind == FUZZ_BOTH && job_kind(engine, job) == FUZZ_AFL;
        if (shares && now - engine->last_shared >= SHARE_SECONDS) {
            share_queue(engine, job);
        }
    }
    if (now - engine->last_shared >= SHARE_SECONDS) {
        engine->last_shared = now;
    }
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

    if (engine->kind != FUZZ_AFL && join(dir, engine->dir, "artifacts") &&
        first_file(dir, libfuzzer, path)) {
        return true;
    }
    for (uint32_t job = 0; engine->kind != FUZZ_LIBFUZZER && job < 2 * engine->n_jobs; job++) {
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

// AFL++'s own rate is one of the last moments, and of the first ones is far off.
static void add_afl(const char *stats, struct fuzz_progress *p)
{
    char line[512];
    uint64_t execs = 0;
    uint64_t seconds = 0;
    FILE *f = fopen(stats, "r");
    if (f == NULL) {
        return;
    }
    while (fgets(line, sizeof(line), f) != NULL) { // bound: the file
        const char *colon = strchr(line, ':');
        const uint64_t v = colon != NULL ? strtoull(colon + 1, NULL, 10) : 0;
        if (strncmp(line, "execs_done ", 11) == 0) {
            execs = v;
        } else if (strncmp(line, "run_time ", 9) == 0) {
            seconds = v;
        } else if (strncmp(line, "corpus_count ", 13) == 0) {
            p->corpus += v;
        }
    }
    (void)fclose(f);
    p->execs += execs;
    p->per_second += seconds > 0 ? execs / seconds : execs;
}

void fuzz_engine_progress(const struct fuzz_engine *engine, struct fuzz_progress *progress)
{
    char path[FUZZ_PATH_BYTES];
    char sub[64];
    char name[16];

    *progress = (struct fuzz_progress){0};
    for (uint32_t job = 0; job < engine->n_jobs; job++) {
        if (job_kind(engine, job) == FUZZ_LIBFUZZER) {
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

// ---- stopping -----------------------------------------------------------------------------------

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
