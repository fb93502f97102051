// tests/trace/test_record.c -- whatever a run does to itself, its trace is whole; whoever is
// killed.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // prctl constants
#endif
#include "model/trace/vl_record.h"
#include "tests/support/temp_dir.h"
#include "tests/trace/synth.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define N_EVENTS 10000u // more than the log holds
#define MAX_CHOICES 8u

// All of it in memory that child and parent share.
struct world {
    struct vl_machine machine;
    struct vl_log log;
    struct vl_deviation choices[MAX_CHOICES];
    _Atomic int child_pid;
};

static char dir[128];
static char path[160];
static struct world *world;

static int setup(void **state)
{
    (void)state;
    if (!temp_dir(dir, sizeof(dir))) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/t.db", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir); // fails if a temporary file was left
}

static int setup_world(void **state)
{
    (void)state;
    world = vl_record_shared_open(sizeof(*world));
    if (world == NULL) {
        return -1;
    }
    world->machine.log = &world->log;
    world->machine.choices.log = world->choices;
    world->machine.choices.log_max = MAX_CHOICES;
    world->machine.config.hashing = true;
    vl_hash_init(&world->machine.hash);
    world->machine.memory.region[0] = (struct vl_region){.gpa = 0x10000, .bytes = 4096};
    return 0;
}

static int teardown_world(void **state)
{
    (void)state;
    vl_record_shared_close(world, sizeof(*world));
    (void)unlink(path);
    return 0;
}

// ---- what children do ---------------------------------------------------------------------------

static void push(uint64_t seq)
{
    uint8_t payload[SYNTH_PAYLOAD_MAX];
    const struct vl_event ev = synth_event(seq, payload);
    const bool bulk = vl_event_is_bulk(ev.kind);
    const uint32_t site = synth_site(seq);
    while (atomic_load(&world->log.n_sites) < site) { // bound: SYNTH_SITES
        (void)vl_log_site_add(&world->log, "a/file.c", "function", 7);
    }
    vl_log_push(&world->log, &ev, site, bulk ? payload : NULL, bulk ? ev.len : 0);
}

static void push_many(uint64_t n)
{
    atomic_store(&world->child_pid, (int)getpid());
    for (uint64_t seq = 0; seq < n; seq++) {
        push(seq);
        if (seq % 1000 == 0 && world->machine.choices.n_log < MAX_CHOICES) {
            world->choices[world->machine.choices.n_log++] =
                (struct vl_deviation){.lane = VL_LANE_READ, .nth = (uint32_t)seq + 1, .value = 1};
        }
    }
}

// A verdict as a machine would give it.
static int child_clean(void *arg)
{
    const uint64_t n = *(const uint64_t *)arg;
    push_many(n);
    world->machine.verdict = (struct vl_verdict){
        .outcome = VL_CLEAN, .kind = "-", .side = "-", .n_events = n, .hash = synth_hash(n)};
    return 0;
}

static void no_core(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

static int child_aborts(void *arg)
{
    push_many(*(const uint64_t *)arg);
    no_core();
    abort();
}

static int child_killed(void *arg)
{
    push_many(*(const uint64_t *)arg);
    (void)raise(SIGKILL);
    return 0;
}

static int child_exits(void *arg)
{
    push_many(*(const uint64_t *)arg);
    return 1; // as AddressSanitizer does
}

static int child_hangs(void *arg)
{
    push_many(*(const uint64_t *)arg);
    while (getppid() != 0) { // never ends
        (void)pause();
    }
    return 0;
}

static int child_scribbles(void *arg)
{
    push_many(*(const uint64_t *)arg);
    memset(&world->machine, 0xA5, sizeof(world->machine));
    memset(world->choices, 0xA5, sizeof(world->choices));
    memset(&world->log.events, 0xA5, sizeof(world->log.events));
    atomic_store(&world->log.n_sites, UINT32_MAX);
    atomic_store(&world->log.head, UINT64_MAX);
    abort();
}

static void nap(long ms)
{
    const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&ts, NULL);
}

static int child_slow(void *arg)
{
    (void)arg;
    atomic_store(&world->child_pid, (int)getpid());
    for (uint64_t seq = 0; seq < 60000; seq++) {
        push(seq);
        nap(1);
    }
    return 0;
}

// ---- recording ----------------------------------------------------------------------------------

static struct vl_record_result record(int (*child)(void *), uint64_t n, bool trace)
{
    static const char *const scenario[] = {"device=entropy"};
    char err[VL_TRACE_ERR_BYTES];
    struct vl_record_result r;
    const struct vl_record_job job = {.trace_path = trace ? path : NULL,
                                      .tool = "test",
                                      .scenario = scenario,
                                      .n_scenario = 1,
                                      .machine = &world->machine,
                                      .child = child,
                                      .arg = &n,
                                      .watchdog_s = 1};
    const enum virtq_err e = vl_record_run(&job, &r, err);
    if (e != VIRTQ_OK) {
        fail_msg("%s", err);
    }
    assert_string_equal(err, "");
    return r;
}

// The trace holds the series' first n events, and this verdict.
static void check_trace(const struct vl_record_result *r, uint64_t n)
{
    char err[VL_TRACE_ERR_BYTES];
    uint8_t payload[SYNTH_PAYLOAD_MAX];
    struct vl_trace *t = NULL;
    struct vl_trace_event e;
    if (vl_trace_open(&t, path, err) != VIRTQ_OK) {
        fail_msg("%s", err);
    }
    const struct vl_trace_info *i = vl_trace_info(t);
    assert_int_equal(i->verdict.outcome, r->verdict.outcome);
    assert_string_equal(i->verdict.kind, r->verdict.kind);
    assert_string_equal(i->verdict.detail, r->verdict.detail);
    assert_int_equal(i->verdict.n_events, n);
    assert_int_equal(r->verdict.n_events, n);
    assert_int_equal(i->verdict.hash, synth_hash(n));
    assert_int_equal(r->verdict.hash, i->verdict.hash);
    for (uint64_t seq = 0; seq < n; seq++) {
        const struct vl_event ev = synth_event(seq, payload);
        assert_true(vl_trace_next(t, &e));
        assert_memory_equal(&e.ev, &ev, sizeof(ev));
        assert_int_equal(e.site, synth_site(seq));
    }
    assert_false(vl_trace_next(t, &e));
    vl_trace_close(t);
}

static void check_crash(const struct vl_record_result *r, const char *why)
{
    assert_int_equal(r->verdict.outcome, VL_CRASHED);
    assert_string_equal(r->verdict.kind, "robustness:crashed");
    assert_string_equal(r->verdict.side, "-");
    if (strstr(r->verdict.detail, why) == NULL) {
        fail_msg("%s", r->verdict.detail);
    }
}

static void run_is_recorded(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_clean, N_EVENTS, true);
    assert_int_equal(r.verdict.outcome, VL_CLEAN);
    assert_int_equal(r.exit_code, 0);
    check_trace(&r, N_EVENTS);
    assert_int_equal(world->log.reader, 0);
}

static void run_without_trace(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_clean, N_EVENTS, false);
    assert_int_equal(r.verdict.outcome, VL_CLEAN);
    assert_int_equal(r.verdict.hash, synth_hash(N_EVENTS));
    assert_int_not_equal(access(path, F_OK), 0);
}

static void crash_is_recorded(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_aborts, N_EVENTS, true);
    assert_int_equal(r.signal, SIGABRT);
    check_crash(&r, "the run died by signal 6 (Aborted) after event 9999");
    check_trace(&r, N_EVENTS);
}

static void crash_without_trace(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_aborts, 1000, false);
    check_crash(&r, "the run died by signal 6 (Aborted) after event 999");
    assert_int_equal(r.verdict.hash, synth_hash(1000)); // from what the log still holds
}

static void crash_before_the_first_event(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_aborts, 0, true);
    check_crash(&r, "before the first event");
    check_trace(&r, 0);
}

static void exit_code_is_recorded(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_exits, 5000, true);
    assert_int_equal(r.exit_code, 1);
    check_crash(&r, "the run ended with exit code 1 after event 4999");
    check_trace(&r, 5000);
}

static void kill_is_recorded(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_killed, N_EVENTS, true);
    assert_int_equal(r.signal, SIGKILL);
    check_crash(&r, "the run died by signal 9 (Killed) after event 9999");
    check_trace(&r, N_EVENTS);
}

static void hang_is_recorded(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_hangs, 77, true);
    assert_true(r.hung);
    check_crash(&r, "the run made no progress for 1 seconds after event 76");
    check_trace(&r, 77);
    struct vl_record_result again = record(child_hangs, 77, false);
    assert_true(again.hung);
}

// A run that overwrites what it shares costs no more than its own last events.
static void scribbling_is_survived(void **state)
{
    (void)state;
    const struct vl_record_result r = record(child_scribbles, N_EVENTS, true);
    check_crash(&r, "the run died by signal 6 (Aborted) after event");
    assert_true(r.verdict.n_events >= N_EVENTS - VL_LOG_EVENTS);
    check_trace(&r, r.verdict.n_events);
}

// ---- a killed parent ----------------------------------------------------------------------------

static unsigned count_files(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n;
}

// Goal: when the recording process is killed, the run ends too, nothing stands under the final
// name, and the next recording clears up. Method: a recording process between us and the run.
static void parent_killed(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); // so that the run becomes ours to reap
    const pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        (void)record(child_slow, 0, true);
        _exit(0);
    }
    for (unsigned i = 0; i < 2000 && atomic_load(&world->log.tail) < 20; i++) {
        nap(5);
    }
    const pid_t run = (pid_t)atomic_load(&world->child_pid);
    assert_true(run > 0);
    assert_int_equal(count_files(), 1);
    assert_int_equal(kill(parent, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(waitpid(run, &status, 0), run);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(count_files(), 1); // the temporary one

    memset(&world->log, 0, sizeof(world->log));
    const struct vl_record_result r = record(child_clean, 10, true);
    check_trace(&r, 10);
    assert_int_equal(count_files(), 1); // the trace
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_is_recorded),     TEST(run_without_trace),     TEST(crash_is_recorded),
        TEST(crash_without_trace), TEST(exit_code_is_recorded), TEST(crash_before_the_first_event),
        TEST(kill_is_recorded),    TEST(hang_is_recorded),      TEST(scribbling_is_survived),
        TEST(parent_killed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
