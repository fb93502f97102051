// tools/cmd/trace.c -- "vringlab trace": a trace as text, the rings at an event, two traces apart.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_trace.h"
#include "tools/cmd/event_text.h"
#include "tools/cmd/ring_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_trace;

#define CONTEXT_EVENTS 5u // shown before a difference

// What of the timeline is asked for.
struct filter {
    int agent; // -1: any
    int queue;
    int field;
    uint64_t from;
    uint64_t to;
    bool ring; // rather the rings after event ring_at
    uint64_t ring_at;
};

// ---- options ------------------------------------------------------------------------------------

static int index_of(const char *name, const char *(*name_of)(unsigned), unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(name, name_of(i)) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int refuse(const char *option, const char *value, const char *want,
                  const char *(*name_of)(unsigned), unsigned n)
{
    char list[256] = "";
    size_t at = 0;
    for (unsigned i = 0; i < n && at < sizeof(list); i++) {
        const int m = snprintf(list + at, sizeof(list) - at, " %s", name_of(i));
        at += m > 0 ? (size_t)m : 0;
    }
    return cmd_usage(&cmd_trace, "%s %s: %s%s", option, value, want, list);
}

static int parse_option(struct filter *f, const char *option, const char *value)
{
    uint64_t n = 0;
    if (strcmp(option, "--agent") == 0) {
        f->agent = index_of(value, vl_agent_name, VL_AGENT_COUNT);
        return f->agent >= 0
                   ? CMD_EXIT_CLEAN
                   : refuse(option, value, "no such agent; one of", vl_agent_name, VL_AGENT_COUNT);
    }
    if (strcmp(option, "--field") == 0) {
        f->field = index_of(value, vl_field_name, VL_FIELD_COUNT);
        return f->field >= 0
                   ? CMD_EXIT_CLEAN
                   : refuse(option, value, "no such field; one of", vl_field_name, VL_FIELD_COUNT);
    }
    if (!cmd_parse_u64(value, &n)) {
        return cmd_usage(&cmd_trace, "%s %s: not a number", option, value);
    }
    if (strcmp(option, "--queue") == 0) {
        if (n >= EVENT_TEXT_QUEUES) {
            return cmd_usage(&cmd_trace, "--queue %s: queues are 0 to 255", value);
        }
        f->queue = (int)n;
    } else if (strcmp(option, "--from") == 0) {
        f->from = n;
    } else if (strcmp(option, "--to") == 0) {
        f->to = n;
    } else {
        f->ring = true;
        f->ring_at = n;
    }
    return CMD_EXIT_CLEAN;
}

static int parse(struct filter *f, int argc, char **argv, const char **path)
{
    static const char *const known[] = {"--agent", "--queue", "--field",
                                        "--from",  "--to",    "--ring"};
    *f = (struct filter){.agent = -1, .queue = -1, .field = -1, .to = UINT64_MAX};
    for (int i = 1; i < argc; i++) {
        bool option = false;
        for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            option = option || strcmp(argv[i], known[k]) == 0;
        }
        if (!option && (argv[i][0] == '-' || *path != NULL)) {
            return cmd_usage(&cmd_trace, "what is %s?", argv[i]);
        }
        if (!option) {
            *path = argv[i];
            continue;
        }
        if (i + 1 == argc) {
            return cmd_usage(&cmd_trace, "%s needs a value", argv[i]);
        }
        const int code = parse_option(f, argv[i], argv[i + 1]);
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
        i++;
    }
    return *path != NULL ? CMD_EXIT_CLEAN : cmd_usage(&cmd_trace, "name a trace file");
}

// ---- the timeline -------------------------------------------------------------------------------

static void print_event(const char *lead, const struct vl_trace *t, const struct event_text *tx,
                        const struct vl_trace_event *e)
{
    char line[EVENT_TEXT_BYTES];
    event_text_line(tx, &e->ev, line);
    (void)printf("%s%7" PRIu64 " %-9s %-70s", lead, e->seq, vl_agent_name(e->ev.agent), line);
    const struct vl_log_site *site = vl_trace_site(t, e->site);
    if (site != NULL) {
        (void)printf("  %s:%" PRIu32 " %s()", site->file, site->line, site->func);
    }
    (void)printf("\n");
}

static void print_verdict(const struct vl_trace *t)
{
    const struct vl_verdict *v = &vl_trace_info(t)->verdict;
    (void)printf("verdict=%s kind=%s peer_faults=%" PRIu32 " events=%" PRIu64 " hash=%016" PRIx64
                 "\n",
                 vl_outcome_name(v->outcome), v->kind[0] != '\0' ? v->kind : "-", v->peer_faults,
                 v->n_events, v->hash);
    if (v->detail[0] != '\0') {
        (void)printf("# at event %" PRIu64 ", side %s: %s\n", v->event, v->side, v->detail);
    }
}

static int print_timeline(struct vl_trace *t, const struct filter *f)
{
    static struct event_text tx; // of this one command; large
    struct vl_trace_event e;
    tx.reads_unknown = cmd_trace_is_recorded(vl_trace_info(t));
    while (vl_trace_next(t, &e) && e.seq <= f->to) {
        const bool shown = e.seq >= f->from && (f->agent < 0 || e.ev.agent == f->agent) &&
                           (f->queue < 0 || e.ev.queue == f->queue) &&
                           (f->field < 0 || e.ev.field == f->field);
        event_text_learn(&tx, &e.ev);
        if (shown) {
            print_event("", t, &tx, &e);
        }
    }
    if (vl_trace_failed(t)) {
        return cmd_fail("trace", CMD_EXIT_ENV, "the file cannot be read any more");
    }
    print_verdict(t);
    return CMD_EXIT_CLEAN;
}

static int show(const struct filter *f, const char *path)
{
    char err[VL_TRACE_ERR_BYTES];
    struct vl_trace *t = NULL;
    if (vl_trace_open(&t, path, err) != VIRTQ_OK) {
        return cmd_fail("trace", CMD_EXIT_ENV, "%s", err);
    }
    int code = CMD_EXIT_CLEAN;
    const uint64_t n = vl_trace_info(t)->verdict.n_events;
    if (f->ring && f->ring_at >= n) {
        code = cmd_fail("trace", CMD_EXIT_USAGE,
                        "--ring %" PRIu64 ": the trace has %" PRIu64 " events, numbered from 0",
                        f->ring_at, n);
    } else if (f->ring) {
        code = ring_text_print(stdout, t, f->ring_at, f->queue, err) == 0
                   ? CMD_EXIT_CLEAN
                   : cmd_fail("trace", CMD_EXIT_ENV, "%s: %s", path, err);
    } else {
        code = print_timeline(t, f);
    }
    vl_trace_close(t);
    return code;
}

// ---- two traces ---------------------------------------------------------------------------------

// First difference of the scenarios, the choices or the files; false if there is none.
static bool inputs_differ(const struct vl_trace_info *a, const struct vl_trace_info *b)
{
    for (uint32_t i = 0; i < a->n_scenario || i < b->n_scenario; i++) {
        const char *la = i < a->n_scenario ? a->scenario[i] : "(none)";
        const char *lb = i < b->n_scenario ? b->scenario[i] : "(none)";
        if (strcmp(la, lb) != 0) {
            (void)printf("scenarios differ\n  A %s\n  B %s\n", la, lb);
            return true;
        }
    }
    const uint32_t n = a->n_choices < b->n_choices ? a->n_choices : b->n_choices;
    uint32_t same = 0;
    while (same < n && vl_deviation_compare(&a->choices[same], &b->choices[same]) == 0 &&
           a->choices[same].value == b->choices[same].value) { // bound: n
        same++;
    }
    if (same < a->n_choices || same < b->n_choices) {
        (void)printf("choices differ from deviation %" PRIu32 " on (A has %" PRIu32 ", B %" PRIu32
                     ")\n",
                     same, a->n_choices, b->n_choices);
        return true;
    }
    for (uint32_t i = 0; i < a->n_outside || i < b->n_outside; i++) {
        if (i >= a->n_outside || i >= b->n_outside ||
            strcmp(a->outside[i].sha256, b->outside[i].sha256) != 0) {
            (void)printf("outside files differ: number %" PRIu32 "\n", i);
            return true;
        }
    }
    return false;
}

struct side {
    struct vl_trace *t;
    struct event_text tx;
    struct vl_trace_event e;
    bool more;
};

static void print_side(const char *lead, struct side *s)
{
    if (s->more) {
        print_event(lead, s->t, &s->tx, &s->e);
    } else {
        (void)printf("%s        (no more events)\n", lead);
    }
}

// Print the events just before seq, which both have.
static void print_context(struct side *s, uint64_t seq)
{
    vl_trace_seek(s->t, seq > CONTEXT_EVENTS ? seq - CONTEXT_EVENTS : 0);
    while (vl_trace_next(s->t, &s->e) && s->e.seq < seq) { // bound: CONTEXT_EVENTS
        print_event("    ", s->t, &s->tx, &s->e);
    }
    s->more = !vl_trace_failed(s->t) && s->e.seq == seq;
}

static bool events_differ(struct side *a, struct side *b)
{
    for (;;) { // bound: the shorter trace
        a->more = vl_trace_next(a->t, &a->e);
        b->more = vl_trace_next(b->t, &b->e);
        if (!a->more && !b->more) {
            return false;
        }
        if (a->more != b->more || memcmp(&a->e.ev, &b->e.ev, sizeof(a->e.ev)) != 0) {
            break;
        }
        event_text_learn(&a->tx, &a->e.ev);
        event_text_learn(&b->tx, &b->e.ev);
    }
    const uint64_t seq = a->more ? a->e.seq : b->e.seq;
    (void)printf("events differ from event %" PRIu64 " on\n", seq);
    print_context(a->more ? a : b, seq);
    print_side("  A ", a);
    print_side("  B ", b);
    return true;
}

static int diff(const char *path_a, const char *path_b)
{
    static struct side a; // of this one command; large
    static struct side b;
    char err[VL_TRACE_ERR_BYTES];
    if (vl_trace_open(&a.t, path_a, err) != VIRTQ_OK) {
        return cmd_fail("trace", CMD_EXIT_ENV, "%s", err);
    }
    if (vl_trace_open(&b.t, path_b, err) != VIRTQ_OK) {
        vl_trace_close(a.t);
        return cmd_fail("trace", CMD_EXIT_ENV, "%s", err);
    }
    const bool inputs = inputs_differ(vl_trace_info(a.t), vl_trace_info(b.t));
    const bool events = events_differ(&a, &b);
    const bool failed = vl_trace_failed(a.t) || vl_trace_failed(b.t);
    if (!events) {
        (void)printf("%s", inputs ? "events are identical\n" : "identical\n");
    }
    vl_trace_close(a.t);
    vl_trace_close(b.t);
    if (failed) {
        return cmd_fail("trace", CMD_EXIT_ENV, "a file cannot be read any more");
    }
    return inputs || events ? CMD_EXIT_FINDING : CMD_EXIT_CLEAN;
}

static int run(int argc, char **argv)
{
    struct filter f;
    const char *path = NULL;
    if (argc >= 2 && strcmp(argv[1], "diff") == 0) {
        return argc == 4 ? diff(argv[2], argv[3])
                         : cmd_usage(&cmd_trace, "diff needs two trace files");
    }
    const int code = parse(&f, argc, argv, &path);
    return code == CMD_EXIT_CLEAN ? show(&f, path) : code;
}

const struct cmd cmd_trace = {
    .name = "trace",
    .args = "TRACE.db [--agent A] [--queue N] [--field F] [--from N] [--to M] [--ring N]\n"
            "       trace diff A.db B.db",
    .summary = "show a trace as text, or the first difference of two",
    .help = "Each line: number of the event, who acted, what happened, and where in the source.\n"
            "  --agent A    only events of driver, device, trap, handler, platform or adversary\n"
            "  --queue N    only events of this queue\n"
            "  --field F    only events of this word: avail.idx, used.ring, desc, used_event ...\n"
            "  --from N     from this event on\n"
            "  --to M       up to this event\n"
            "  --ring N     the rings as they stood after event N, from the stores up to it\n"
            "diff prints \"identical\" (exit 0), or the first difference with what led to it\n"
            "(exit 1); build, names and source lines do not count.\n"
            "The same and more with SQL: sqlite3 TRACE.db 'select * from v_timeline limit 20'\n",
    .run = run,
};
