// tools/cmd/fuzz.c -- vringlab fuzz: start a real engine on a harness, and turn its first finding
// into a text input and a trace.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_dir.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_probe.h"
#include "tools/cmd/cmd_run.h"
#include "tools/cmd/fuzz_engine.h"
#include "tools/lab/lab_fault.h"
#include "tools/lab/lab_input.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const struct cmd cmd_fuzz;

#define SECONDS_DEFAULT 60u
#define SECONDS_MAX (30u * 24 * 3600)

struct session {
    enum lab_target target;
    struct lab_scenario base;
    uint64_t locked;
    int n_words;
    char **words;
    const char *out;
    struct fuzz_engine engine;
    char bin_dir[FUZZ_PATH_BYTES];
    char harness[2][FUZZ_PATH_BYTES + 64]; // by engine
    char mutator[FUZZ_PATH_BYTES + 64];
    char dir[FUZZ_PATH_BYTES];
    uint32_t n_seeds;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    interrupted = signal_number;
}

// ---- the session's directory --------------------------------------------------------------------

static bool make_session(struct session *s)
{
    char seeds[FUZZ_PATH_BYTES + 16];

    if (!cmd_dir_make(s->dir, sizeof(s->dir), "vringlab-fuzz")) {
        s->dir[0] = '\0';
        return false;
    }
    (void)snprintf(seeds, sizeof(seeds), "%s/seeds", s->dir);
    return mkdir(seeds, 0700) == 0;
}

static void remove_session(struct session *s)
{
    if (s->dir[0] != '\0') {
        cmd_dir_remove(s->dir);
    }
}

// ---- what came of it ----------------------------------------------------------------------------

// "<target>-<finding>" with what a file name should not hold replaced.
static void finding_name(const struct session *s, const char *kind, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes, "%s%s%s-%s", s->out, s->out[0] != '\0' ? "/" : "",
                   lab_target_name(s->target), kind);
    for (char *p = out + strlen(s->out) + 1; *p != '\0'; p++) { // bound: the name
        if (strchr("/: \t", *p) != NULL && p > out) {
            *p = '-';
        }
    }
}

static int save_finding(const struct session *s, struct lab_input *in, const struct vl_verdict *v)
{
    char name[FUZZ_PATH_BYTES + 128];
    char text[FUZZ_PATH_BYTES + 160];
    char trace[FUZZ_PATH_BYTES + 160];
    char err[256];
    struct cmd_run_result result;

    finding_name(s, v->kind, name, sizeof(name));
    (void)snprintf(text, sizeof(text), "%s.run", name);
    (void)snprintf(trace, sizeof(trace), "%s.db", name);
    (void)snprintf(in->finding, sizeof(in->finding), "%s", v->kind);
    if (!cmd_write_input(text, in, err)) {
        return cmd_fail("fuzz", CMD_EXIT_ENV, "%s", err);
    }
    const struct cmd_run_job job = {
        .name = "fuzz",
        .scenario = in->scenario,
        .choices = {.source = VL_SOURCE_INPUT, .list = in->list, .n = in->n},
        .n_runs = 1,
        .trace_path = trace,
        .quiet = true};
    const int code = cmd_run_scenario(&job, &result);
    if (code == CMD_EXIT_USAGE || code == CMD_EXIT_ENV) {
        return code;
    }
    (void)printf("finding %s, %s: %s\n", v->kind, v->side, v->detail);
    (void)printf("input:  %s (%" PRIu32 " deviations)\ntrace:  %s\nreplay: vringlab run --choices "
                 "%s\nshrink: vringlab shrink %s -o small.run\n",
                 text, in->n, trace, text, text);
    cmd_print_verdict(&result.verdict);
    return CMD_EXIT_FINDING;
}

// What only the harness shows: its build has sanitizers that this one may lack.
static int save_unexplained(const struct session *s, struct lab_input *in, const char *log)
{
    char name[FUZZ_PATH_BYTES + 128];
    char text[FUZZ_PATH_BYTES + 160];
    char line[512];
    char err[256];
    uint32_t n = 0;

    finding_name(s, "robustness:crashed", name, sizeof(name));
    (void)snprintf(text, sizeof(text), "%s.run", name);
    in->finding[0] = '\0'; // not one that this build reaches
    if (!cmd_write_input(text, in, err)) {
        return cmd_fail("fuzz", CMD_EXIT_ENV, "%s", err);
    }
    FILE *f = fopen(log, "r");
    while (f != NULL && n < 40 && fgets(line, sizeof(line), f) != NULL) { // bound: the log
        if (n > 0 || strstr(line, "ERROR:") != NULL || strstr(line, "runtime error") != NULL) {
            (void)fputs(line, stderr);
            n++;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    (void)printf("the harness died, but a run of this build does not: see the report above\n"
                 "input:  %s\nreplay: run the same with the vringlab beside the harness\n",
                 text);
    return CMD_EXIT_FINDING;
}

// Run an artifact here, and save it.
static int report_artifact(const struct session *s, const char *path)
{
    struct lab_input in;
    struct cmd_probe probe = {0};
    struct vl_verdict v;
    char err[256];
    char log[FUZZ_PATH_BYTES];

    if (!lab_input_load(path, s->target, &in, err)) {
        return cmd_fail("fuzz", CMD_EXIT_ENV, "%s", err);
    }
    // The bytes again, this time against the user's keys.
    FILE *f = fopen(path, "rb");
    const size_t room = (size_t)in.max * LAB_INPUT_RECORD_BYTES + LAB_INPUT_HEADER_BYTES;
    uint8_t *data = malloc(room);
    const size_t n = f != NULL && data != NULL ? fread(data, 1, room, f) : 0;
    lab_input_decode(s->target, &s->base, s->locked, data, n, &in);
    free(data);
    if (f != NULL) {
        (void)fclose(f);
    }
    fuzz_engine_log(&s->engine, 0, log);
    int code = CMD_EXIT_ENV;
    if (!cmd_probe_run(&probe, &in.scenario, in.list, in.n, &v, err)) {
        code = cmd_fail("fuzz", CMD_EXIT_ENV, "%s", err);
    } else if (v.outcome == VL_FINDING || v.outcome == VL_CRASHED) {
        code = save_finding(s, &in, &v);
    } else {
        code = save_unexplained(s, &in, s->engine.failed[0] != '\0' ? s->engine.failed : log);
    }
    cmd_probe_close(&probe);
    lab_input_free(&in);
    return code;
}

// ---- seeds --------------------------------------------------------------------------------------

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0;
}

// One file of the corpus as bytes among the seeds. What bytes cannot say stays out.
static void add_seed(struct session *s, const char *path)
{
    struct lab_input in;
    char err[256];
    char to[FUZZ_PATH_BYTES + 32];

    if (!lab_input_load(path, s->target, &in, err)) {
        (void)fprintf(stderr, "vringlab fuzz: seed left out: %s\n", err);
        return;
    }
    in.target = s->target;
    (void)snprintf(to, sizeof(to), "%s/seeds/seed-%04" PRIu32, s->dir, s->n_seeds);
    if (cmd_write_input(to, &in, err)) {
        s->n_seeds++;
    }
    lab_input_free(&in);
}

static bool add_seeds(struct session *s)
{
    static const uint8_t zeros[LAB_INPUT_HEADER_BYTES];
    char dir[FUZZ_PATH_BYTES + 64];
    char path[FUZZ_PATH_BYTES + 512];
    char err[256];
    struct dirent **entries = NULL;

    (void)snprintf(path, sizeof(path), "%s/seeds/benign", s->dir);
    if (!cmd_write_file(path, zeros, sizeof(zeros), err)) {
        (void)cmd_fail("fuzz", CMD_EXIT_ENV, "%s", err);
        return false;
    }
    (void)snprintf(dir, sizeof(dir), "%s/../../corpus/%s", s->bin_dir, lab_target_name(s->target));
    const int n = scandir(dir, &entries, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        add_seed(s, path);
        free(entries[i]);
    }
    free(entries);
    return true;
}

// ---- the session --------------------------------------------------------------------------------

static void show_progress(const struct session *s, time_t started, time_t *last)
{
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const time_t now = time(NULL);
    struct fuzz_progress p;

    if (now - *last < (terminal ? 1 : 10)) {
        return;
    }
    *last = now;
    fuzz_engine_progress(&s->engine, &p);
    (void)fprintf(stderr,
                  "%s%" PRIu64 " of %" PRIu64 " s: %" PRIu64 " runs, %" PRIu64
                  " a second, corpus %" PRIu64 "%s",
                  terminal ? "\r\033[K" : "", (uint64_t)(now - started), s->engine.seconds, p.execs,
                  p.per_second, p.corpus, terminal ? "" : "\n");
    (void)fflush(stderr);
}

// Copy the end of a log to stderr.
static void show_log(const char *path)
{
    char tail[2048];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return;
    }
    if (fseek(f, -(long)sizeof(tail), SEEK_END) != 0) {
        (void)fseek(f, 0, SEEK_SET);
    }
    const size_t n = fread(tail, 1, sizeof(tail), f);
    (void)fwrite(tail, 1, n, stderr);
    (void)fclose(f);
}

static int watch(struct session *s)
{
    const struct timespec nap = {.tv_nsec = 100000000};
    const time_t started = time(NULL);
    time_t last = started;
    char artifact[FUZZ_PATH_BYTES];
    struct fuzz_progress p;
    bool running = true;
    bool found = false;

    // bound: the seconds, with some to start and to finish
    while (running && !found && !interrupted) {
        (void)nanosleep(&nap, NULL);
        running = fuzz_engine_poll(&s->engine);
        found = fuzz_engine_artifact(&s->engine, artifact);
        show_progress(s, started, &last);
        running = running && (uint64_t)(time(NULL) - started) <= s->engine.seconds + 60;
    }
    if (isatty(STDERR_FILENO) != 0) {
        (void)fputc('\n', stderr);
    }
    const bool failed = s->engine.failed[0] != '\0';
    fuzz_engine_progress(&s->engine, &p);
    fuzz_engine_stop(&s->engine);
    if (found || fuzz_engine_artifact(&s->engine, artifact)) {
        return report_artifact(s, artifact);
    }
    if (interrupted) {
        return cmd_fail("fuzz", CMD_EXIT_ENV, "interrupted");
    }
    if (failed) {
        show_log(s->engine.failed);
        return cmd_fail("fuzz", CMD_EXIT_ENV, "the engine ended early; its last words are above");
    }
    (void)printf("no finding: target=%s seconds=%" PRIu64 " runs=%" PRIu64 " corpus=%" PRIu64 "\n",
                 lab_target_name(s->target), (uint64_t)(time(NULL) - started), p.execs, p.corpus);
    return CMD_EXIT_CLEAN;
}

static int run_session(struct session *s)
{
    static const char *const engines[] = {"libFuzzer", "AFL++", "AFL++ and libFuzzer"};
    char scenario[LAB_TEXT_BYTES] = "";
    char err[256];
    size_t at = 0;

    for (int i = 0; i < s->n_words; i++) {
        const int n =
            snprintf(scenario + at, sizeof(scenario) - at, "%s%s", i > 0 ? " " : "", s->words[i]);
        if (n < 0 || (size_t)n >= sizeof(scenario) - at) {
            return cmd_fail("fuzz", CMD_EXIT_USAGE, "the scenario is too long");
        }
        at += (size_t)n;
    }
    if (setenv("VRINGLAB_SCENARIO", scenario, 1) != 0 || !make_session(s)) {
        return cmd_fail("fuzz", CMD_EXIT_ENV, "no temporary directory can be made under %s",
                        s->dir[0] != '\0' ? s->dir : "/tmp (or TMPDIR)");
    }
    if (!add_seeds(s)) {
        return CMD_EXIT_ENV;
    }
    (void)fprintf(stderr, "%s with %s, %" PRIu32 " seeds, %" PRIu32 " job%s, %" PRIu64 " s\n",
                  s->harness[s->engine.kind == FUZZ_LIBFUZZER ? FUZZ_LIBFUZZER : FUZZ_AFL],
                  engines[s->engine.kind], s->n_seeds + 1, s->engine.n_jobs,
                  s->engine.n_jobs == 1 ? "" : "s", s->engine.seconds);
    if (!fuzz_engine_start(&s->engine, err)) {
        return cmd_fail("fuzz", CMD_EXIT_ENV, "%s", err);
    }
    return watch(s);
}

// ---- arguments ----------------------------------------------------------------------------------

static bool engine_option(const char *value, struct session *s)
{
    if (value != NULL && strcmp(value, "libfuzzer") == 0) {
        s->engine.kind = FUZZ_LIBFUZZER;
    } else if (value != NULL && strcmp(value, "afl") == 0) {
        s->engine.kind = FUZZ_AFL;
    } else if (value != NULL && strcmp(value, "both") == 0) {
        s->engine.kind = FUZZ_BOTH;
    } else {
        (void)cmd_usage(&cmd_fuzz, "--engine is libfuzzer, afl or both");
        return false;
    }
    return true;
}

static bool parse_args(int argc, char **argv, struct session *s)
{
    uint64_t jobs = 0;

    s->engine.seconds = SECONDS_DEFAULT;
    s->out = "";
    s->words = argv + 1;
    for (int i = 1; i < argc && argv[i] != NULL; i++) { // words move to the front of argv
        char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool ok = true;
        if (strcmp(argv[i], "--seconds") == 0) {
            ok = cmd_number(&cmd_fuzz, argv[i], value, SECONDS_MAX, &s->engine.seconds);
        } else if (strcmp(argv[i], "--jobs") == 0) {
            ok = cmd_number(&cmd_fuzz, argv[i], value, FUZZ_JOBS_MAX, &jobs);
        } else if (strcmp(argv[i], "--engine") == 0) {
            ok = engine_option(value, s);
        } else if (strcmp(argv[i], "--out") == 0 && value != NULL) {
            s->out = value;
        } else if (argv[i][0] == '-') {
            (void)cmd_usage(&cmd_fuzz, "%s: no such option", argv[i]);
            return false;
        } else if (s->target == LAB_TARGET_NONE) {
            s->target = lab_target_find(argv[i]);
            if (s->target == LAB_TARGET_NONE) {
                (void)cmd_usage(&cmd_fuzz, "%s: targets are pair, device, driver and pci", argv[i]);
                return false;
            }
            continue;
        } else {
            s->words[s->n_words++] = argv[i];
            continue;
        }
        if (!ok) {
            return false;
        }
        i++;
    }
    const uint64_t least = s->engine.kind == FUZZ_BOTH ? 2 : 1; // one of each
    s->engine.n_jobs = (uint32_t)(jobs > least ? jobs : least);
    if (s->target == LAB_TARGET_NONE) {
        (void)cmd_usage(&cmd_fuzz, "which target? pair, device, driver or pci");
        return false;
    }
    return true;
}

// A file of another preset: build/PRESET holds this program, build/fuzz and build/afl the
// harnesses.
static bool find_beside(const struct session *s, const char *preset, const char *name,
                        char out[FUZZ_PATH_BYTES + 64])
{
    const char *slash = strrchr(s->bin_dir, '/');
    const int n = slash != NULL ? (int)(slash - s->bin_dir) : 0;

    (void)snprintf(out, FUZZ_PATH_BYTES + 64, "%.*s/%s/%s", n, s->bin_dir, preset, name);
    return access(out, X_OK) == 0;
}

// The harnesses that the engines need, and AFL++'s mutator where it is built.
static bool find_harnesses(struct session *s)
{
    static const char *const preset[2] = {[FUZZ_LIBFUZZER] = "fuzz", [FUZZ_AFL] = "afl"};
    const char *bytes = getenv("VRINGLAB_MUTATOR");

    if (!lab_executable_dir(s->bin_dir, sizeof(s->bin_dir))) {
        (void)cmd_fail("fuzz", CMD_EXIT_ENV, "cannot tell where this program lies");
        return false;
    }
    for (unsigned kind = FUZZ_LIBFUZZER; kind <= FUZZ_AFL; kind++) {
        if (s->engine.kind != FUZZ_BOTH && s->engine.kind != kind) {
            continue;
        }
        if (!find_beside(s, preset[kind], lab_target_name(s->target), s->harness[kind])) {
            (void)cmd_fail("fuzz", CMD_EXIT_ENV,
                           "%s is not built; build it with: tools/dev build %s", s->harness[kind],
                           preset[kind]);
            return false;
        }
        s->engine.harness[kind] = s->harness[kind];
    }
    if ((bytes == NULL || strcmp(bytes, "bytes") != 0) &&
        find_beside(s, "afl", "vringlab_mutator.so", s->mutator)) {
        s->engine.mutator = s->mutator;
    }
    return true;
}

// A finding that cannot be written would be lost, and the time that it took.
static bool check_out(const char *out)
{
    const char *dir = out[0] != '\0' ? out : ".";
    struct stat st;

    if (stat(dir, &st) != 0) {
        (void)cmd_fail("fuzz", CMD_EXIT_ENV, "--out %s: no such directory", dir);
    } else if (!S_ISDIR(st.st_mode)) {
        (void)cmd_fail("fuzz", CMD_EXIT_ENV, "--out %s: not a directory", dir);
    } else if (access(dir, W_OK | X_OK) != 0) {
        (void)cmd_fail("fuzz", CMD_EXIT_ENV, "%s: findings cannot be written there; see --out",
                       dir);
    } else {
        return true;
    }
    return false;
}

static int fuzz_main(int argc, char **argv)
{
    static struct session s;
    char err[256];

    if (!parse_args(argc, argv, &s)) {
        return CMD_EXIT_USAGE;
    }
    if (!lab_input_base(s.target, s.n_words, s.words, &s.base, &s.locked, err)) {
        return cmd_fail("fuzz", CMD_EXIT_USAGE, "%s", err);
    }
    if (!check_out(s.out) || !find_harnesses(&s)) {
        return CMD_EXIT_ENV;
    }
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    s.engine.dir = s.dir;
    const int code = run_session(&s);
    remove_session(&s);
    return code;
}

const struct cmd cmd_fuzz = {
    "fuzz", "TARGET [KEY=VALUE...|@FILE] [--seconds N] [--engine E] [--jobs N] [--out DIR]",
    "fuzz a target with a real engine until the first finding",
    "TARGET is pair (both sides honest), device (a hostile driver), driver (a hostile device) or\n"
    "pci. Seeds are corpus/fuzz_TARGET. Keys that are given stay fixed, the bytes say the rest.\n"
    "The first finding is written as TARGET-FINDING.run and .db, and ends the session (exit 1);\n"
    "when time is up without one, exit 0.\n"
    "\n"
    "  --seconds N   how long (default 60)\n"
    "  --engine E    libfuzzer (default), afl, or both: they share what they find\n"
    "  --jobs N      processes (default 1; both: 2, in turns)\n"
    "  --out DIR     where findings go (default: the current directory)\n"
    "\n"
    "  vringlab fuzz pair fault=driver-recheck --seconds 60\n",
    fuzz_main};
