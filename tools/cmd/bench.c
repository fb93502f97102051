// tools/cmd/bench.c -- vringlab bench: what an event, a run, a switch, a trace and a replay cost.
// CPU time, medians over repetitions, each beside a limit that is measured in the same run: ratios
// survive a busy machine, absolute times do not.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_log.h"
#include "model/trace/vl_trace.h"
#include "tools/cmd/bench_afl.h"
#include "tools/cmd/bench_bugs.h"
#include "tools/cmd/bench_explore.h"
#include "tools/cmd/bench_fuzz.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern const struct cmd cmd_bench;

#define REPEATS 9u
#define ROWS_MAX 64u

// One line of the report.
struct row {
    const char *bench;
    const char *what;
    const char *unit;
    double value;
    double limit; // measured in the same run; 0: none
    const char *limit_what;
};

static struct row rows[ROWS_MAX];
static uint32_t n_rows;

static void add_row(const char *bench, const char *what, const char *unit, double value,
                    double limit, const char *limit_what)
{
    if (n_rows < ROWS_MAX) {
        rows[n_rows++] = (struct row){bench, what, unit, value, limit, limit_what};
    }
}

static double cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double median(double *v, uint32_t n)
{
    qsort(v, n, sizeof(*v), compare_doubles);
    return v[n / 2];
}

static struct lab *open_lab(const char *words, bool referees, bool hashing)
{
    char err[LAB_ERR_BYTES] = "";
    char text[LAB_TEXT_BYTES];
    char *argv[32];
    struct lab_scenario s;
    const struct lab_options options = {.referees = referees, .hashing = hashing};

    (void)snprintf(text, sizeof(text), "%s", words);
    const int argc = cmd_split(text, " ", argv, 32);
    lab_scenario_default(&s);
    if (!lab_scenario_parse(&s, argc, argv, err)) {
        (void)cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
        return NULL;
    }
    struct lab *lab = lab_open(&s, &options, err);
    if (lab == NULL) {
        (void)cmd_fail("bench", CMD_EXIT_ENV, "%s", err);
    }
    return lab;
}

// CPU nanoseconds of a run, over n of them, and its events.
static double time_once(struct lab *lab, uint32_t n, uint64_t *n_events)
{
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    const double start = cpu_ns();

    for (uint32_t i = 0; i < n; i++) {
        *n_events = lab_run(lab, &benign)->n_events;
    }
    return (cpu_ns() - start) / n;
}

// Median CPU nanoseconds of a run, and its events.
static double time_runs(struct lab *lab, uint32_t n, uint64_t *n_events)
{
    double per_run[REPEATS];

    for (uint32_t r = 0; r < REPEATS; r++) {
        per_run[r] = time_once(lab, n, n_events);
    }
    return median(per_run, REPEATS);
}

// ---- the limits ---------------------------------------------------------------------------------

// The least that a recorded access can cost: load a word, write its event into the log.
static double bare_access_ns(void)
{
    static uint8_t memory[65536];
    struct vl_log *log = calloc(1, sizeof(*log));
    double per_event[REPEATS];
    const uint32_t n = 1000000;

    if (log == NULL) {
        return 0;
    }
    for (uint32_t r = 0; r < REPEATS; r++) {
        const double start = cpu_ns();
        for (uint32_t i = 0; i < n; i++) {
            volatile uint8_t *p = &memory[i * 64 % sizeof(memory)];
            const struct vl_event ev = {
                .addr = i, .value = *p, .len = 2, .kind = VL_EV_LOAD, .agent = (uint8_t)(i & 1)};
            vl_log_push(log, &ev, 1, NULL, 0);
        }
        per_event[r] = (cpu_ns() - start) / n;
    }
    free(log);
    return median(per_event, REPEATS);
}

static double memset_64k_ns(void)
{
    static uint8_t memory[65536];
    double per_set[REPEATS];
    for (uint32_t r = 0; r < REPEATS; r++) {
        const double start = cpu_ns();
        for (uint32_t i = 0; i < 2000; i++) {
            memset(memory, 0, sizeof(memory));
            __asm__ volatile("" : : "r"(memory) : "memory");
        }
        per_set[r] = (cpu_ns() - start) / 2000;
    }
    return median(per_set, REPEATS);
}

// ---- the benches --------------------------------------------------------------------------------

static int bench_event(void)
{
    static const struct {
        const char *words;
        const char *what;
        double requests;
    } cases[] = {
        {"transport=direct buffers=2000 queue_size=256", "one buffer at a time", 2000},
        {"transport=direct buffers=6400 batch=64 queue_size=256", "batches of 64", 6400},
    };
    const double bare = bare_access_ns();

    for (unsigned i = 0; i < 2; i++) {
        uint64_t n_events = 0;
        struct lab *on = open_lab(cases[i].words, true, false);
        struct lab *off = open_lab(cases[i].words, false, false);
        struct lab *hash = open_lab(cases[i].words, true, true);
        if (on == NULL || off == NULL || hash == NULL) {
            return CMD_EXIT_ENV;
        }
        (void)time_runs(on, 5, &n_events); // caches and clock warm up
        const double t_on = time_runs(on, 5, &n_events);
        const double t_off = time_runs(off, 5, &n_events);
        const double t_hash = time_runs(hash, 5, &n_events);
        const double n = (double)n_events;
        add_row(cases[i].what, "event, all referees", "ns", t_on / n, bare, "bare recorded access");
        add_row(cases[i].what, "event, no referees", "ns", t_off / n, bare, "bare recorded access");
        add_row(cases[i].what, "event, referees and hash", "ns", t_hash / n, t_on / n, "no hash");
        add_row(cases[i].what, "events per request", "events", n / cases[i].requests, 0, NULL);
        lab_close(on);
        lab_close(off);
        lab_close(hash);
    }
    return CMD_EXIT_CLEAN;
}

static int bench_exec(void)
{
    uint64_t n_events = 0;
    uint64_t n_empty = 0;
    struct lab *run = open_lab("transport=direct buffers=4 queue_size=4", true, false);
    struct lab *empty = open_lab("transport=direct buffers=0 queue_size=4", true, false);
    struct lab *pci = open_lab("transport=pci buffers=4 queue_size=4", true, false);

    if (run == NULL || empty == NULL || pci == NULL) {
        return CMD_EXIT_ENV;
    }
    const double t_empty = time_runs(empty, 2000, &n_empty);
    const double t_run = time_runs(run, 2000, &n_events);
    add_row("exec", "empty run", "ns", t_empty, memset_64k_ns(), "memset of 64 KiB");
    add_row("exec", "empty run, events", "events", (double)n_empty, 0, NULL);
    add_row("exec", "4 buffers, direct", "ns", t_run, t_empty, "empty run");
    add_row("exec", "4 buffers, direct, events", "events", (double)n_events, 0, NULL);
    add_row("exec", "4 buffers, direct, rate", "exec/CPU-s", 1e9 / t_run, 0, NULL);
    const double t_pci = time_runs(pci, 1000, &n_events);
    add_row("exec", "4 buffers, PCI", "ns", t_pci, t_empty, "empty run");
    add_row("exec", "4 buffers, PCI, events", "events", (double)n_events, 0, NULL);
    add_row("exec", "4 buffers, PCI, rate", "exec/CPU-s", 1e9 / t_pci, 0, NULL);
    lab_close(run);
    lab_close(empty);
    lab_close(pci);
    return CMD_EXIT_CLEAN;
}

// One world with referees and one without, each opened anew: where a world's memory happens to lie
// is worth up to a third of a short run's time. Nanoseconds of a judged run, and the ratio.
static bool time_judging(const char *words, uint32_t n, double *on_ns, double *ratio)
{
    uint64_t n_events = 0;
    double on_best = 0;
    double off_best = 0;
    struct lab *on = open_lab(words, true, false);
    struct lab *off = open_lab(words, false, false);
    if (on == NULL || off == NULL) {
        return false;
    }
    for (uint32_t turn = 0; turn < 4; turn++) { // the first one warms up
        const double t_on = time_once(on, n, &n_events);
        const double t_off = time_once(off, n, &n_events);
        on_best = turn == 0 || t_on < on_best ? t_on : on_best;
        off_best = turn == 0 || t_off < off_best ? t_off : off_best;
    }
    *on_ns = on_best;
    *ratio = on_best / off_best;
    lab_close(on);
    lab_close(off);
    return true;
}

// What judging costs: the same runs with all referees and with none, turn by turn, so that a busy
// machine slows both. The bound is 1.5 in the fuzz build.
static int bench_referees(void)
{
    static const struct {
        const char *words;
        const char *what;
        uint32_t n;
    } cases[] = {
        {"transport=direct buffers=4 queue_size=4", "4 buffers, direct", 2000},
        {"transport=direct buffers=2000 queue_size=256", "one buffer at a time", 5},
        {"transport=direct buffers=6400 batch=64 queue_size=256", "batches of 64", 3},
        {"transport=direct event_idx=off indirect=off chain=4 buffers=200", "flags, chains", 40},
        {"transport=pci buffers=4 queue_size=4", "4 buffers, PCI", 1000},
        {"transport=pci interrupt=intx buffers=64", "64 buffers, PCI, INTx", 200},
        {"transport=pci device=blk ops=mix buffers=64 bytes=4096 queue_size=16",
         "64 block requests, PCI", 50},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double on_ns[REPEATS];
        double ratio[REPEATS];
        for (uint32_t r = 0; r < REPEATS; r++) {
            if (!time_judging(cases[i].words, cases[i].n, &on_ns[r], &ratio[r])) {
                return CMD_EXIT_ENV;
            }
        }
        const double t = median(on_ns, REPEATS);
        add_row("referees", cases[i].what, "ns", t, t / median(ratio, REPEATS), "no referees");
    }
    return CMD_EXIT_CLEAN;
}

// What the weaker memory models cost in benign runs.
static int bench_memory(void)
{
    static const struct {
        const char *words;
        const char *what[3];
        uint32_t n;
    } cases[] = {
        {"transport=direct buffers=4 queue_size=4",
         {"4 buffers, direct, sc", "4 buffers, direct, tso", "4 buffers, direct, rc11"},
         2000},
        {"transport=pci",
         {"16 buffers, PCI, sc", "16 buffers, PCI, tso", "16 buffers, PCI, rc11"},
         500},
        {"transport=direct device=blk buffers=64 bytes=4096 queue_size=16",
         {"64 reads of 4096, sc", "64 reads of 4096, tso", "64 reads of 4096, rc11"},
         50},
    };
    static const char *const memory[] = {"sc", "tso", "rc11"};
    uint64_t n_events = 0;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double sc = 0;
        for (unsigned k = 0; k < 3; k++) {
            char words[160];
            (void)snprintf(words, sizeof(words), "%s memory=%s", cases[i].words, memory[k]);
            struct lab *lab = open_lab(words, true, false);
            if (lab == NULL) {
                return CMD_EXIT_ENV;
            }
            (void)time_runs(lab, cases[i].n, &n_events);
            const double t = time_runs(lab, cases[i].n, &n_events);
            add_row("memory", cases[i].what[k], "ns", t, sc, sc > 0 ? "sc" : NULL);
            sc = k == 0 ? t : sc;
            lab_close(lab);
        }
    }
    return CMD_EXIT_CLEAN;
}

// CPU time of this process and of the children that it has reaped.
static double all_cpu_ns(void)
{
    struct rusage self;
    struct rusage children;
    (void)getrusage(RUSAGE_SELF, &self);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    const double s = (double)self.ru_utime.tv_sec + (double)self.ru_stime.tv_sec +
                     (double)children.ru_utime.tv_sec + (double)children.ru_stime.tv_sec;
    const double us = (double)self.ru_utime.tv_usec + (double)self.ru_stime.tv_usec +
                      (double)children.ru_utime.tv_usec + (double)children.ru_stime.tv_usec;
    return s * 1e9 + us * 1e3;
}

static double wall_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// Replay runs as the command does, in a process of its own, silenced.
static bool replay_file(const char *path)
{
    extern const struct cmd cmd_replay;
    char arg0[] = "replay";
    char file[512];
    char *argv[] = {arg0, file, NULL};

    (void)snprintf(file, sizeof(file), "%s", path);
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL) {
            _exit(CMD_EXIT_ENV);
        }
        _exit(cmd_replay.run(2, argv));
    }
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int bench_trace(void)
{
    char path[] = "/tmp/vringlab-bench-XXXXXX";
    const int fd = mkstemp(path);
    double record[3];
    double replay[3];
    double record_wall[3];
    double replay_wall[3];
    struct cmd_run_result result = {0};
    struct cmd_run_job job = {.name = "bench", .n_runs = 1, .trace_path = path, .quiet = true};
    char err[LAB_ERR_BYTES];
    char words[][32] = {"transport=direct", "buffers=12000", "queue_size=256"};
    char *argv[] = {words[0], words[1], words[2]};

    if (fd < 0) {
        return cmd_fail("bench", CMD_EXIT_ENV, "no temporary file can be made");
    }
    (void)close(fd);
    lab_scenario_default(&job.scenario);
    bool ok = lab_scenario_parse(&job.scenario, 3, argv, err);
    for (unsigned r = 0; r < 3 && ok; r++) {
        double cpu = all_cpu_ns();
        double wall = wall_ns();
        ok = cmd_run_scenario(&job, &result) == CMD_EXIT_CLEAN;
        record[r] = all_cpu_ns() - cpu;
        record_wall[r] = wall_ns() - wall;
        cpu = all_cpu_ns();
        wall = wall_ns();
        ok = ok && replay_file(path);
        replay[r] = all_cpu_ns() - cpu;
        replay_wall[r] = wall_ns() - wall;
    }
    (void)unlink(path);
    if (!ok) {
        return cmd_fail("bench", CMD_EXIT_ENV, "recording or replaying %s failed", path);
    }
    const double n = (double)result.verdict.n_events;
    const double t_record = median(record, 3);
    add_row("trace", "recorded, run and all", "events/CPU-s", n / t_record * 1e9, 500000, "aim");
    add_row("trace", "replay, CPU time", "ms", median(replay, 3) / 1e6, t_record / 1e6,
            "recording it");
    add_row("trace", "replay, wall time", "ms", median(replay_wall, 3) / 1e6,
            median(record_wall, 3) / 1e6, "recording it");
    return CMD_EXIT_CLEAN;
}

// ---- the command --------------------------------------------------------------------------------

static int explore_rows(void)
{
    return bench_explore(add_row);
}

static int fuzz_rows(void)
{
    return bench_fuzz(add_row);
}

static int afl_rows(void)
{
    return bench_afl(add_row);
}

static const struct {
    const char *name;
    int (*run)(void);
} benches[] = {{"event", bench_event},   {"exec", bench_exec},   {"referees", bench_referees},
               {"memory", bench_memory}, {"trace", bench_trace}, {"explore", explore_rows},
               {"fuzz", fuzz_rows},      {"afl", afl_rows}};

static void print_rows(bool json)
{
    if (json) {
        (void)printf("{\"build\": \"%s\", \"rows\": [", cmd_build_id());
    } else {
        (void)printf("build: %s; medians of CPU time\n", cmd_build_id());
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        const struct row *r = &rows[i];
        const double ratio = r->limit > 0 ? r->value / r->limit : 0;
        if (json) {
            (void)printf("%s\n  {\"bench\": \"%s\", \"what\": \"%s\", \"unit\": \"%s\", "
                         "\"value\": %.3f, \"limit\": %.3f, \"limit_what\": \"%s\", "
                         "\"ratio\": %.3f}",
                         i > 0 ? "," : "", r->bench, r->what, r->unit, r->value, r->limit,
                         r->limit_what != NULL ? r->limit_what : "", ratio);
        } else if (r->limit_what != NULL) {
            (void)printf("  %-21s %-26s %12.1f %-12s %6.2f x %s (%.1f)\n", r->bench, r->what,
                         r->value, r->unit, ratio, r->limit_what, r->limit);
        } else {
            (void)printf("  %-21s %-26s %12.1f %s\n", r->bench, r->what, r->value, r->unit);
        }
    }
    if (json) {
        (void)printf("\n]}\n");
    }
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            continue;
        }
        any = true;
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return !any;
}

static bool known(const char *name)
{
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        if (strcmp(benches[i].name, name) == 0) {
            return true;
        }
    }
    return strcmp(name, "--json") == 0;
}

static int bench_main(int argc, char **argv)
{
    bool json = false;
    if (argc > 1 && strcmp(argv[1], "bugs") == 0) {
        return bench_bugs(argc - 1, argv + 1);
    }
    for (int i = 1; i < argc; i++) {
        if (!known(argv[i])) {
            return cmd_usage(&cmd_bench,
                             "%s: no such bench; there are: event, exec, referees, memory, "
                             "trace, explore, fuzz, afl; and bugs, alone",
                             argv[i]);
        }
        json = json || strcmp(argv[i], "--json") == 0;
    }
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        if (!wanted(benches[i].name, argc, argv)) {
            continue;
        }
        (void)fprintf(stderr, "bench %s ...\n", benches[i].name);
        const int code = benches[i].run();
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
    }
    print_rows(json);
    return CMD_EXIT_CLEAN;
}

const struct cmd cmd_bench = {
    "bench", "[NAME...] [--json] | bugs [OPTION...]",
    "measure events, runs, traces, replay, the explorer, and how soon bugs are found",
    "  event   nanoseconds per event with and without referees, events per request\n"
    "  exec    a short run as a fuzzer makes it, and what an empty run costs\n"
    "  referees what judging costs: runs with all referees against runs with none\n"
    "  memory  the same runs under sc, tso and rc11\n"
    "  trace   recording and replaying a trace\n"
    "  explore executions a second of the split-ring protocol under rc11\n"
    "  fuzz    executions a second of the harnesses over the checked-in corpora (preset fuzz)\n"
    "  afl     what an execution under AFL++ costs beside an empty one (preset afl)\n"
    "\n"
    "Numbers are medians of CPU time; ratios are against a limit measured in the same run.\n"
    "The ASan fuzz build has its own: build/fuzz/vringlab bench event exec referees memory\n"
    "\n"
    "bench bugs: executions and CPU time until each bug of the zoo is found, from an empty\n"
    "corpus: by our harness and mutator (ours), without our mutator (bytes), with ring\n"
    "states as coverage (states), and by a naive baseline (naive,\n"
    "docs/adr/0017). Needs the preset fuzz. What was measured is kept, and the same command goes\n"
    "on where it was stopped. Exit 1 if a trial without a fault finds something.\n"
    "  --tier N        1 (default): at most 100000 executions a trial (bytes: 30000, naive:\n"
    "                  200000) and 30 CPU seconds; 2: ten times as many, 3: a hundred times\n"
    "  --minutes N     begin no trial after this (default 29; tier 2: 290, 3: 2900)\n"
    "  --trials N      of each bug with each configuration (default 5)\n"
    "  --configs LIST  which of them (default ours,bytes,naive)\n"
    "  --only REGEX    bugs whose name matches\n"
    "  --faults        the bugs under corpus/faults instead of the zoo\n"
    "  --cap N         executions of a trial; the baseline gets 4 times as many\n"
    "  --jobs N        processes at once (default: the processors)\n"
    "  --fresh         forget what was measured\n"
    "  --state FILE    where it is kept (default: bench-bugs.tsv in the build directory)\n"
    "  --json          all of it as JSON    --svg FILE  and as a picture\n",
    bench_main};
