// tools/cmd/replay.c -- vringlab replay: run a trace again and compare event by event.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_record.h"
#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_outside.h"
#include "tools/cmd/cmd_run.h"
#include "tools/cmd/cmd_trace.h"
#include "tools/cmd/event_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct cmd cmd_replay;

struct outcome {
    uint64_t n_same; // events that were equal
    bool differs;
    struct vl_trace_event want;
    struct vl_event got;
    bool want_none; // the trace has no such event
    bool stopped;   // at --until
    char err[LAB_ERR_BYTES];
    struct vl_verdict verdict; // of this run
};

struct replay {
    const char *path;
    uint64_t until; // UINT64_MAX: to the end
    struct vl_trace *trace;
    const struct vl_trace_info *info;
    struct lab *lab;
    struct lab_scenario scenario;
    struct vl_deviation *list;
    uint32_t n;
    struct cmd_outside *outside;
    bool compare;        // event by event, in this run
    struct outcome *out; // shared with the child
};

// A place for a debugger: called at the event that was asked for.
void cmd_replay_stopped_here(uint64_t seq);
__attribute__((noinline)) void cmd_replay_stopped_here(uint64_t seq)
{
    __asm__ volatile("" : : "r"(seq) : "memory"); // neither the call nor seq is optimised away
}

static bool same_event(const struct vl_event *a, const struct vl_event *b)
{
    uint8_t ea[VL_EVENT_BYTES];
    uint8_t eb[VL_EVENT_BYTES];
    vl_event_encode(a, ea);
    vl_event_encode(b, eb);
    return memcmp(ea, eb, sizeof(ea)) == 0;
}

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct replay *r = ctx;
    struct vl_trace_event want;
    (void)payload;

    if (seq == r->until) {
        r->out->stopped = true;
        cmd_replay_stopped_here(seq);
        vl_finding(lab_machine(r->lab), "replay:until", "-", "stopped at event %" PRIu64, seq);
        return;
    }
    const bool have = vl_trace_next(r->trace, &want);
    if (have && same_event(&want.ev, ev)) {
        r->out->n_same = seq + 1;
        return;
    }
    if (!have && r->info->verdict.outcome == VL_CRASHED) {
        r->out->stopped = true; // the recorded run died here
        vl_finding(lab_machine(r->lab), "replay:end", "-", "the recorded run ended here");
        return;
    }
    r->out->differs = true;
    r->out->want_none = !have;
    r->out->want = want;
    r->out->got = *ev;
    vl_finding(lab_machine(r->lab), "replay:differs", "-", "the run differs from its trace");
}

static int child(void *arg)
{
    struct replay *r = arg;
    const struct vl_observer observer = {.ctx = r, .on_event = on_event};
    const struct lab_choices choices = {.source = VL_SOURCE_INPUT, .list = r->list, .n = r->n};

    lab_set_observer(r->lab, r->compare ? &observer : NULL);
    r->out->verdict = *lab_run(r->lab, &choices);
    return 0;
}

static bool load(struct replay *r, char err[LAB_ERR_BYTES])
{
    const struct vl_trace_info *info = r->info;
    char inner[LAB_ERR_BYTES] = "";

    if (!cmd_trace_scenario(info, &r->scenario, inner)) {
        (void)snprintf(err, LAB_ERR_BYTES, "%.80s: %.170s", r->path, inner);
        return false;
    }
    r->n = info->n_choices;
    r->list = calloc(r->n + 1, sizeof(*r->list));
    if (r->list == NULL) {
        (void)snprintf(err, LAB_ERR_BYTES, "%.120s: not enough memory", r->path);
        return false;
    }
    if (r->n > 0) {
        memcpy(r->list, info->choices, r->n * sizeof(*r->list));
    }
    r->n = vl_deviations_canonical(r->list, r->n);
    const struct lab_options options = {.shared = true,
                                        .hashing = true,
                                        .replay = true,
                                        .referees = true,
                                        .deviations_max = 1u << 18};
    r->lab = lab_open(&r->scenario, &options, err);
    if (r->lab == NULL) {
        return false;
    }
    return cmd_outside_open(&r->outside, r->path, r->trace, err) &&
           lab_serve_outside(r->lab, cmd_outside_bytes(r->outside), err);
}

static void print_difference(const struct replay *r)
{
    static struct event_text tx;
    struct vl_trace_event te;
    char line[EVENT_TEXT_BYTES];
    const uint64_t at = r->out->n_same;

    vl_trace_seek(r->trace, 0);
    while (vl_trace_next(r->trace, &te) && te.seq < at) { // bound: the events that were equal
        event_text_learn(&tx, &te.ev);
    }
    (void)printf("differs trace=%s event=%" PRIu64 "\n", r->path, at);
    if (r->out->want_none) {
        (void)printf("  recorded: the run ended here\n");
    } else {
        event_text_line(&tx, &r->out->want.ev, line);
        (void)printf("  recorded: %s %s\n", vl_agent_name(r->out->want.ev.agent), line);
    }
    event_text_line(&tx, &r->out->got, line);
    (void)printf("  now:      %s %s\n", vl_agent_name(r->out->got.agent), line);
}

// The run ended; was it the same run?
static int judge(struct replay *r, const struct vl_record_result *result)
{
    const struct vl_verdict *old = &r->info->verdict;
    const bool crashed = result->verdict.outcome == VL_CRASHED;

    if (r->out->differs) {
        print_difference(r);
        return CMD_EXIT_FINDING;
    }
    if (r->out->stopped && r->until != UINT64_MAX) {
        (void)printf("stopped trace=%s event=%" PRIu64 "\n", r->path, r->until);
        return CMD_EXIT_CLEAN;
    }
    if (r->out->n_same != old->n_events) {
        (void)printf("differs trace=%s event=%" PRIu64 "\n  recorded: %" PRIu64
                     " events\n  now:      the run ended here%s\n",
                     r->path, r->out->n_same, old->n_events, crashed ? ", by a crash" : "");
        return CMD_EXIT_FINDING;
    }
    (void)printf("identical trace=%s events=%" PRIu64 "\n", r->path, old->n_events);
    const struct vl_verdict *now = &r->out->verdict;
    if (old->outcome != VL_CRASHED && !crashed &&
        (now->outcome != old->outcome || strcmp(now->kind, old->kind) != 0)) {
        (void)printf("note: this build judges the same events otherwise: %s instead of %s\n",
                     now->kind, old->kind);
    }
    cmd_print_verdict(old);
    return CMD_EXIT_CLEAN;
}

static int replay(struct replay *r)
{
    char err[VL_TRACE_ERR_BYTES] = "";
    struct vl_record_result result;

    if (vl_trace_open(&r->trace, r->path, err) != VIRTQ_OK) {
        return cmd_fail("replay", CMD_EXIT_ENV, "%s", err);
    }
    r->info = vl_trace_info(r->trace);
    if (strcmp(r->info->tool, cmd_build_id()) != 0) {
        (void)fprintf(stderr, "note: recorded by another build: %s (this is %s)\n", r->info->tool,
                      cmd_build_id());
    }
    if (r->until != UINT64_MAX && r->until >= r->info->verdict.n_events) {
        return cmd_usage(&cmd_replay, "--until %" PRIu64 ": the trace has events 0 .. %" PRIu64,
                         r->until, r->info->verdict.n_events - 1);
    }
    if (!load(r, err)) {
        return cmd_fail("replay", CMD_EXIT_ENV, "%s", err);
    }
    const struct vl_record_job job = {
        .machine = lab_machine(r->lab), .child = child, .arg = r, .watchdog_s = 0};
    // The hash covers every field of every event, so equal hashes are equal runs. Only a run that
    // is not equal, or ends early, is made once more to find the event.
    r->compare = r->until != UINT64_MAX || r->info->verdict.outcome == VL_CRASHED;
    for (;;) { // bound: two runs
        atomic_store(&job.machine->log->head, 0);
        (void)fflush(stdout);
        if (vl_record_run(&job, &result, err) != VIRTQ_OK) {
            return cmd_fail("replay", CMD_EXIT_ENV, "%s", err);
        }
        if (r->compare) {
            break;
        }
        if (result.verdict.outcome != VL_CRASHED && result.verdict.hash == r->info->verdict.hash &&
            result.verdict.n_events == r->info->verdict.n_events) {
            r->out->n_same = result.verdict.n_events;
            break;
        }
        r->compare = true;
    }
    return judge(r, &result);
}

static int debug(const char *path, const char *until)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0) {
        return cmd_fail("replay", CMD_EXIT_ENV, "cannot tell where this program is");
    }
    self[n] = '\0';
    (void)execlp("gdb", "gdb", "-q", "-ex", "set follow-fork-mode child", "-ex",
                 "set breakpoint pending on", "-ex", "break cmd_replay_stopped_here", "-ex", "run",
                 "--args", self, "replay", path, "--until", until, (char *)NULL);
    return cmd_fail("replay", CMD_EXIT_ENV, "gdb cannot be started; install the package gdb");
}

static int replay_main(int argc, char **argv)
{
    struct replay r = {.until = UINT64_MAX};
    const char *until = NULL;
    bool gdb = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--gdb") == 0) {
            gdb = true;
        } else if (strcmp(argv[i], "--until") == 0) {
            until = i + 1 < argc ? argv[++i] : "";
            if (!cmd_parse_u64(until, &r.until)) {
                return cmd_usage(&cmd_replay, "--until needs the number of an event");
            }
        } else if (argv[i][0] == '-' || r.path != NULL) {
            return cmd_usage(&cmd_replay, "%s: unexpected", argv[i]);
        } else {
            r.path = argv[i];
        }
    }
    if (r.path == NULL) {
        return cmd_usage(&cmd_replay, "which trace?");
    }
    if (gdb) {
        return debug(r.path, until != NULL ? until : "0");
    }
    r.out = vl_record_shared_open(sizeof(*r.out));
    if (r.out == NULL) {
        return cmd_fail("replay", CMD_EXIT_ENV, "not enough memory");
    }
    const int code = replay(&r);
    if (r.lab != NULL) {
        lab_close(r.lab);
    }
    vl_trace_close(r.trace);
    free(r.list);
    cmd_outside_close(r.outside);
    vl_record_shared_close(r.out, sizeof(*r.out));
    return code;
}

const struct cmd cmd_replay = {
    "replay", "TRACE.db [--until N] [--gdb]", "run a trace again and compare event by event",
    "Prints `identical` (exit 0, whatever the stored verdict) or the first difference (exit 1).\n"
    "Files that the run read are not opened: their bytes come from the trace.\n"
    "\n"
    "  --until N   stop before event N\n"
    "  --gdb       the same under gdb, stopped at event N on the stack of whoever acts there\n"
    "\n"
    "  vringlab replay t.db\n"
    "  vringlab replay t.db --until 312 --gdb\n",
    replay_main};
