// model/trace/vl_record.c -- the parent's side of a recorded run.
// What a child leaves in shared memory may be anything, since it may have crashed: every number
// from there is checked before it is used.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // pipe2(), ppoll()
#endif
#include "model/trace/vl_record.h"

#include "model/trace/vl_trace_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH_EVENTS 512u // taken before the producer is told that there is room
#define POLL_NS_MIN 20000L
#define POLL_NS_MAX 2000000L
#define POLL_NS_IDLE 100000000L // where only the watchdog has to look at the log
#define NS_PER_S 1000000000u

struct drain {
    struct vl_log *log; // these three as they were before the child could scribble
    const struct vl_deviation *taken_choices;
    uint32_t max_choices;
    struct vl_trace_writer *writer; // NULL: no trace
    uint64_t taken;
    uint64_t payload_taken;
    uint32_t n_sites;
    bool damaged; // the log makes no sense: nothing more is taken from it
    uint8_t payload[VL_BULK_MAX_BYTES];
};

void *vl_record_shared_open(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return mem != MAP_FAILED ? mem : NULL;
}

void vl_record_shared_close(void *mem, size_t bytes)
{
    if (mem != NULL) {
        (void)munmap(mem, bytes);
    }
}

// ---- draining the log ---------------------------------------------------------------------------

static void get_bytes(const struct vl_log *log, uint64_t at, void *dst, uint32_t bytes)
{
    const uint32_t pos = (uint32_t)at & (VL_LOG_PAYLOAD_BYTES - 1);
    const uint32_t to_end = VL_LOG_PAYLOAD_BYTES - pos;
    const uint32_t first = bytes < to_end ? bytes : to_end;
    memcpy(dst, log->payload + pos, first);
    memcpy((uint8_t *)dst + first, log->payload, bytes - first);
}

// Take the payload record of a bulk event. Returns false if there is none that fits.
static bool take_payload(struct drain *d, const struct vl_event *ev)
{
    const uint64_t head = atomic_load_explicit(&d->log->payload_head, memory_order_acquire);
    const uint64_t there = head - d->payload_taken;
    uint32_t bytes = 0;
    if (there < sizeof(bytes) || there > VL_LOG_PAYLOAD_BYTES) {
        return false;
    }
    get_bytes(d->log, d->payload_taken, &bytes, sizeof(bytes));
    if (bytes != ev->len || bytes > VL_BULK_MAX_BYTES || there < sizeof(bytes) + bytes) {
        return false;
    }
    get_bytes(d->log, d->payload_taken + sizeof(bytes), d->payload, bytes);
    d->payload_taken += sizeof(bytes) + bytes;
    return vl_hash64(d->payload, bytes) == ev->value;
}

static enum virtq_err take_sites(struct drain *d)
{
    const uint32_t n = atomic_load_explicit(&d->log->n_sites, memory_order_acquire);
    while (d->n_sites < n && d->n_sites + 1 < VL_LOG_SITES) { // bound: VL_LOG_SITES
        struct vl_log_site site = d->log->sites[++d->n_sites];
        site.file[sizeof(site.file) - 1] = '\0';
        site.func[sizeof(site.func) - 1] = '\0';
        const enum virtq_err e = vl_trace_put_site(d->writer, d->n_sites, &site);
        if (e != VIRTQ_OK) {
            return e;
        }
    }
    return VIRTQ_OK;
}

static enum virtq_err take_event(struct drain *d)
{
    const uint32_t slot = (uint32_t)d->taken & (VL_LOG_EVENTS - 1);
    const struct vl_event ev = d->log->events[slot];
    uint32_t site = d->log->event_site[slot];
    const bool sane = vl_trace_event_fault(&ev, d->taken) == NULL && site < VL_LOG_SITES;
    if (!sane || (vl_event_is_bulk(ev.kind) && !take_payload(d, &ev))) {
        d->damaged = true;
        return VIRTQ_OK;
    }
    if (site > d->n_sites && take_sites(d) != VIRTQ_OK) {
        return VIRTQ_ERR_IO;
    }
    site = site <= d->n_sites ? site : 0;
    d->taken++;
    return vl_trace_put_event(d->writer, &ev, site, d->payload);
}

// Take what is there, at most one batch. *n: how many events.
static enum virtq_err take_batch(struct drain *d, uint32_t *n)
{
    const uint64_t head = atomic_load_explicit(&d->log->head, memory_order_acquire);
    const uint64_t there = head - d->taken;
    d->damaged = d->damaged || there > VL_LOG_EVENTS;
    *n = 0;
    while (!d->damaged && *n < there && *n < BATCH_EVENTS) { // bound: BATCH_EVENTS
        const enum virtq_err e = take_event(d);
        if (e != VIRTQ_OK) {
            return e;
        }
        *n += d->damaged ? 0 : 1;
    }
    if (*n != 0) {
        atomic_store_explicit(&d->log->payload_tail, d->payload_taken, memory_order_release);
        atomic_store_explicit(&d->log->tail, d->taken, memory_order_release);
    }
    return VIRTQ_OK;
}

// ---- the child ----------------------------------------------------------------------------------

_Noreturn static void be_child(const struct vl_record_job *job, pid_t parent)
{
    // Asked for first, checked then: a parent that died in between left us to somebody else.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(127);
    }
    const int code = job->child(job->arg);
    (void)fflush(NULL);
    _exit(code);
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

// True if the child has ended; else waits for that up to ns. alive: the pipe that it holds open.
static bool ended_within(int alive, long ns)
{
    struct pollfd p = {.fd = alive, .events = POLLIN, .revents = 0};
    const struct timespec ts = {.tv_sec = 0, .tv_nsec = ns};
    return ppoll(&p, 1, &ts, NULL) > 0;
}

// Drain the log until the child has ended or makes no progress. *hung: it had to be killed.
static enum virtq_err watch(struct drain *d, pid_t pid, int alive, uint32_t watchdog_s, bool *hung)
{
    uint64_t last_head = 0;
    uint64_t last_ns = now_ns();
    long nap_ns = POLL_NS_MIN;
    bool ended = false;
    while (!ended) { // bound: the watchdog
        uint32_t n = 0;
        if (d->writer != NULL && take_batch(d, &n) != VIRTQ_OK) {
            (void)kill(pid, SIGKILL);
            return VIRTQ_ERR_IO;
        }
        if (n == BATCH_EVENTS) {
            last_ns = 0; // waiting for us is no hang; taken anew below
        } else {
            nap_ns = n != 0 ? POLL_NS_MIN : nap_ns + nap_ns / 2;
            nap_ns = nap_ns < POLL_NS_MAX ? nap_ns : POLL_NS_MAX;
            ended = ended_within(alive, d->writer != NULL ? nap_ns : POLL_NS_IDLE);
        }
        const uint64_t head = atomic_load_explicit(&d->log->head, memory_order_acquire);
        const uint64_t ns = now_ns();
        if (head != last_head || last_ns == 0) {
            last_head = head;
            last_ns = ns;
        } else if (!ended && ns - last_ns > (uint64_t)watchdog_s * NS_PER_S) {
            *hung = true;
            (void)kill(pid, SIGKILL);
            return VIRTQ_OK;
        }
    }
    return VIRTQ_OK;
}

// What is left in the log after the child's end: less than a ring.
static enum virtq_err drain_rest(struct drain *d)
{
    uint32_t n = BATCH_EVENTS;
    while (n == BATCH_EVENTS) { // bound: VL_LOG_EVENTS / BATCH_EVENTS
        const enum virtq_err e = take_batch(d, &n);
        if (e != VIRTQ_OK) {
            return e;
        }
    }
    return take_sites(d);
}

static enum virtq_err run_child(const struct vl_record_job *job, struct drain *d,
                                struct vl_record_result *result, int *status)
{
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) != 0) {
        return VIRTQ_ERR_NO_MEMORY;
    }
    (void)fflush(NULL); // or the child would print it again
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(alive[0]);
        be_child(job, parent);
    }
    (void)close(alive[1]); // from now on the child alone holds it: its end is our end of file
    enum virtq_err e = VIRTQ_ERR_NO_MEMORY;
    if (pid > 0) {
        const uint32_t limit = job->watchdog_s != 0 ? job->watchdog_s : VL_RECORD_WATCHDOG_S;
        e = watch(d, pid, alive[0], limit, &result->hung);
        while (waitpid(pid, status, 0) < 0 && errno == EINTR) { // bound: signals
        }
    }
    (void)close(alive[0]);
    return e == VIRTQ_OK && d->writer != NULL ? drain_rest(d) : e;
}

// ---- the verdict --------------------------------------------------------------------------------

// The machine hashes in strides; what its stride has not reached lies in the log. A child that was
// killed from outside may have been in the middle of it.
static uint64_t finish_hash(const struct vl_machine *m, const struct vl_log *log, uint64_t n_events,
                            bool killed)
{
    const uint64_t left = n_events - m->hashed;
    if (!m->config.hashing || killed || m->hashed > n_events || left > VL_LOG_EVENTS ||
        m->hash.n_buf >= sizeof(m->hash.buf)) {
        return 0;
    }
    struct vl_hash h = m->hash;
    for (uint64_t seq = m->hashed; seq < n_events; seq++) { // bound: VL_LOG_EVENTS
        uint8_t rec[VL_EVENT_BYTES];
        vl_event_encode(&log->events[seq & (VL_LOG_EVENTS - 1)], rec);
        vl_hash_update(&h, rec, sizeof(rec));
    }
    return vl_hash_final(&h);
}

static void describe_end(const struct vl_record_result *r, const struct drain *d,
                         const struct vl_record_job *job, char *text, size_t room)
{
    const uint32_t limit = job->watchdog_s != 0 ? job->watchdog_s : VL_RECORD_WATCHDOG_S;
    if (r->hung) {
        (void)snprintf(text, room, "the run made no progress for %" PRIu32 " seconds", limit);
    } else if (r->signal != 0) {
        (void)snprintf(text, room, "the run died by signal %d (%s)", r->signal,
                       strsignal(r->signal));
    } else if (r->exit_code != 0) {
        (void)snprintf(text, room, "the run ended with exit code %d", r->exit_code);
    } else {
        (void)snprintf(text, room, "the run's log %s",
                       d->damaged ? "was overwritten" : "does not agree with its verdict");
    }
}

static void judge_crash(const struct vl_record_job *job, const struct drain *d, uint64_t n_events,
                        uint64_t hash, struct vl_record_result *r)
{
    struct vl_verdict *v = &r->verdict;
    char why[120];
    describe_end(r, d, job, why, sizeof(why));
    *v = (struct vl_verdict){.outcome = VL_CRASHED,
                             .kind = "robustness:crashed",
                             .side = "-",
                             .event = n_events != 0 ? n_events - 1 : 0,
                             .n_events = n_events,
                             .hash = hash};
    if (n_events == 0) {
        (void)snprintf(v->detail, sizeof(v->detail), "%s before the first event", why);
    } else {
        (void)snprintf(v->detail, sizeof(v->detail), "%s after event %" PRIu64, why, v->event);
    }
}

static void judge(const struct vl_record_job *job, const struct drain *d, int status,
                  struct vl_record_result *r)
{
    const struct vl_machine *m = job->machine;
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    const uint64_t head = atomic_load_explicit(&d->log->head, memory_order_acquire);
    const uint64_t n = d->writer != NULL ? vl_trace_n_events(d->writer) : head;
    const uint64_t hash = d->writer != NULL ? vl_trace_run_hash(d->writer)
                                            : finish_hash(m, d->log, n, r->signal == SIGKILL);
    r->verdict = m->verdict;
    r->verdict.kind[sizeof(r->verdict.kind) - 1] = '\0';
    r->verdict.side[sizeof(r->verdict.side) - 1] = '\0';
    r->verdict.detail[sizeof(r->verdict.detail) - 1] = '\0';
    const bool agrees = r->verdict.n_events == n && !d->damaged &&
                        (!m->config.hashing || r->verdict.hash == hash || d->writer == NULL);
    if (r->exit_code != 0 || !agrees) {
        judge_crash(job, d, n, hash, r);
    } else if (d->writer != NULL) {
        r->verdict.hash = hash;
    }
}

// ---- the trace ----------------------------------------------------------------------------------

static enum virtq_err put_before(struct vl_trace_writer *w, const struct vl_record_job *job)
{
    enum virtq_err e = VIRTQ_OK;
    for (uint32_t i = 0; i < job->n_scenario && e == VIRTQ_OK; i++) {
        e = vl_trace_put_scenario(w, job->scenario[i]);
    }
    for (uint32_t i = 0; i < job->n_outside && e == VIRTQ_OK; i++) {
        e = vl_trace_put_outside(w, &job->outside[i]);
    }
    for (uint32_t i = 0; i < VL_REGIONS && e == VIRTQ_OK; i++) {
        const struct vl_region *r = &job->machine->memory.region[i];
        e = vl_trace_put_region(w, &(struct vl_trace_region){.gpa = r->gpa, .bytes = r->bytes});
    }
    return e;
}

static enum virtq_err put_after(const struct drain *d, uint32_t n_choices)
{
    const uint32_t n = n_choices < d->max_choices ? n_choices : d->max_choices;
    enum virtq_err e = VIRTQ_OK;
    for (uint32_t i = 0; i < n && e == VIRTQ_OK; i++) {
        const struct vl_deviation c = d->taken_choices[i];
        if (vl_trace_choice_fault(&c) == NULL) { // not what a crash scribbled
            e = vl_trace_put_choice(d->writer, &c);
        }
    }
    return e;
}

static enum virtq_err record(const struct vl_record_job *job, struct drain *d,
                             struct vl_record_result *result, char *err)
{
    int status = 0;
    if (d->writer != NULL) {
        if (put_before(d->writer, job) != VIRTQ_OK) {
            return vl_trace_finish(d->writer, job->tool, &result->verdict, err); // says what failed
        }
        atomic_store_explicit(&d->log->reader, 1, memory_order_release);
    }
    const enum virtq_err e = run_child(job, d, result, &status);
    atomic_store_explicit(&d->log->reader, 0, memory_order_release);
    if (e != VIRTQ_OK && e != VIRTQ_ERR_NO_MEMORY && d->writer != NULL) {
        return vl_trace_finish(d->writer, job->tool, &result->verdict, err);
    }
    if (e != VIRTQ_OK) {
        vl_trace_abort(d->writer);
        vl_trace_say(err, "run", "cannot start a process: %s", strerror(errno));
        return e;
    }
    judge(job, d, status, result);
    if (d->writer == NULL) {
        return VIRTQ_OK;
    }
    (void)put_after(d, job->machine->choices.n_log);
    return vl_trace_finish(d->writer, job->tool, &result->verdict, err);
}

static struct drain *drain_open(const struct vl_machine *m)
{
    struct drain *d = calloc(1, sizeof(*d));
    if (d != NULL) {
        d->log = m->log;
        d->taken_choices = m->choices.log;
        d->max_choices = m->choices.log_max;
    }
    return d;
}

enum virtq_err vl_record_run(const struct vl_record_job *job, struct vl_record_result *result,
                             char *err)
{
    err[0] = '\0';
    *result = (struct vl_record_result){.exit_code = -1};
    struct drain *d = drain_open(job->machine);
    if (d == NULL) {
        vl_trace_say(err, "run", "no memory left");
        return VIRTQ_ERR_NO_MEMORY;
    }
    enum virtq_err e = VIRTQ_OK;
    if (job->trace_path != NULL) {
        e = vl_trace_create(&d->writer, job->trace_path, err);
    }
    if (e == VIRTQ_OK) {
        e = record(job, d, result, err);
    }
    free(d);
    return e;
}
