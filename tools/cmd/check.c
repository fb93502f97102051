// tools/cmd/check.c -- vringlab check: the referees over a stored trace, without players.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_clause.h"
#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_run.h"
#include "tools/cmd/cmd_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct cmd cmd_check;

struct check {
    const char *path;
    bool json;
    bool recorded;                      // of a ring that did not run here
    const struct vl_verdict *old;       // as the trace has it
    struct vl_verdict now;              // as the events say
    bool as_recorded;                   // what only the run itself could see stands
    uint8_t payload[VL_BULK_MAX_BYTES]; // of the event that is being judged
};

// ---- judging --------------------------------------------------------------------------------

// Feed all events to the referees. Returns false with one line in err.
static bool judge_events(struct check *c, struct vl_trace *t, struct vl_judge *judge, char err[256])
{
    struct vl_trace_event e;

    while (vl_trace_next(t, &e)) { // bound: events of the trace
        const bool bulk = vl_event_is_bulk(e.ev.kind);
        uint32_t n = 0;
        if (bulk && (!vl_trace_payload(t, e.ev.value, c->payload, &n) || n != e.ev.len)) {
            (void)snprintf(err, 256, "event %" PRIu64 " has no payload", e.seq);
            return false;
        }
        if (!vl_judge_event(judge, &e.ev, bulk ? c->payload : NULL)) {
            if (vl_judge_fault(judge) != NULL) {
                (void)snprintf(err, 256, "event %" PRIu64 " is %s", e.seq, vl_judge_fault(judge));
                return false;
            }
            break;
        }
    }
    if (vl_trace_failed(t)) {
        (void)snprintf(err, 256, "the file cannot be read any more");
        return false;
    }
    return true;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

// A memory model knows in the run what could have been seen; its findings stand as they are.
static bool of_the_run(const struct vl_verdict *v)
{
    return v->outcome == VL_FINDING && (begins(v->kind, "race:") || begins(v->kind, "memory:"));
}

static void conclude(struct check *c, const struct vl_verdict *found)
{
    c->now = *found;
    c->now.hash = c->old->hash; // of the events; the reader has computed it anew
    c->as_recorded = found->outcome != VL_FINDING &&
                     (found->outcome == VL_BUDGET || found->outcome == VL_CRASHED ||
                      (!c->recorded && of_the_run(c->old)));
    if (c->as_recorded) {
        const struct vl_verdict *old = c->old;
        c->now.outcome = old->outcome;
        c->now.event = old->event;
        (void)snprintf(c->now.kind, sizeof(c->now.kind), "%s", old->kind);
        (void)snprintf(c->now.side, sizeof(c->now.side), "%s", old->side);
        (void)snprintf(c->now.detail, sizeof(c->now.detail), "%s", old->detail);
    }
}

// Returns false with one line in err, which the path stands before.
static bool judge_trace(struct check *c, struct vl_trace *t, char err[256])
{
    const struct vl_trace_info *info = vl_trace_info(t);
    struct vl_judge_setup setup;

    c->old = &info->verdict;
    c->recorded = cmd_trace_is_recorded(info);
    if (!cmd_trace_judge_setup(info, &setup, err)) {
        return false;
    }
    struct vl_judge *judge = vl_judge_open(&setup);
    if (judge == NULL) {
        (void)snprintf(err, 256, "not enough memory to judge it");
        return false;
    }
    const bool ok = judge_events(c, t, judge, err);
    if (ok) {
        conclude(c, vl_judge_end(judge, info->verdict.n_events));
    }
    vl_judge_close(judge);
    return ok;
}

// ---- printing -------------------------------------------------------------------------------

static bool same(const struct vl_verdict *a, const struct vl_verdict *b)
{
    return a->outcome == b->outcome && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->side, b->side) == 0 && (a->outcome != VL_FINDING || a->event == b->event);
}

static void print_text(const struct check *c)
{
    const struct vl_verdict *v = &c->now;

    if (v->outcome == VL_FINDING || v->outcome == VL_CRASHED) {
        (void)printf("%s\n", v->detail);
        (void)printf("at event %" PRIu64 " of %" PRIu64 ", side %s\n", v->event, v->n_events,
                     v->side);
    }
    if (c->as_recorded) {
        (void)printf("as recorded: only the run itself could see that; the referees find nothing "
                     "before it\n");
    } else if (!c->recorded && !same(v, c->old)) {
        (void)printf("recorded verdict: %s kind=%s side=%s event=%" PRIu64 "%s%s\n",
                     vl_outcome_name(c->old->outcome), c->old->kind, c->old->side, c->old->event,
                     c->old->detail[0] != '\0' ? ": " : "", c->old->detail);
    }
    cmd_print_verdict(v);
}

static void put_json(const char *key, const char *text)
{
    (void)printf("\"%s\": \"", key);
    for (const char *p = text; *p != '\0'; p++) {
        const unsigned char ch = (unsigned char)*p;
        if (ch == '"' || ch == '\\') {
            (void)printf("\\%c", ch);
        } else if (ch < 0x20) {
            (void)printf("\\u%04x", ch);
        } else {
            (void)putchar(ch);
        }
    }
    (void)putchar('"');
}

static void put_verdict(const struct vl_verdict *v)
{
    put_json("verdict", vl_outcome_name(v->outcome));
    (void)printf(", ");
    put_json("kind", v->kind);
    (void)printf(", ");
    put_json("side", v->side);
    (void)printf(", \"event\": %" PRIu64 ", ", v->event);
    put_json("detail", v->detail);
}

static void put_advice(const struct vl_advice *a)
{
    const struct vl_clause_info *info = vl_clause_info(a->clause);

    (void)printf("{");
    put_json("clause", info != NULL ? info->id : "?");
    (void)printf(", ");
    put_json("side", a->side == VL_SIDE_DRIVER ? "driver" : "device");
    (void)printf(", \"event\": %" PRIu64 ", ", a->event);
    put_json("detail", a->detail);
    (void)printf("}");
}

static void print_json(const struct check *c)
{
    const struct vl_verdict *v = &c->now;
    const struct vl_clause_info *clause = vl_clause_info(v->clause);

    (void)printf("{");
    put_json("trace", c->path);
    (void)printf(", ");
    put_verdict(v);
    (void)printf(", ");
    put_json("clause", v->outcome == VL_FINDING && clause != NULL ? clause->id : "-");
    (void)printf(", \"peer_faults\": %" PRIu32 ", \"events\": %" PRIu64 ", \"hash\": \"%016" PRIx64
                 "\", \"advice\": [",
                 v->peer_faults, v->n_events, v->hash);
    for (uint32_t i = 0; i < v->n_advice && i < VL_ADVICE_MAX; i++) { // bound: VL_ADVICE_MAX
        (void)printf("%s", i > 0 ? ", " : "");
        put_advice(&v->advice[i]);
    }
    (void)printf("], \"recorded\": ");
    if (c->recorded) {
        (void)printf("null, \"differs\": false}\n");
        return;
    }
    (void)printf("{");
    put_verdict(c->old);
    (void)printf("}, \"differs\": %s}\n", same(v, c->old) ? "false" : "true");
}

// ---- the command ----------------------------------------------------------------------------

static int check(struct check *c)
{
    char err[VL_TRACE_ERR_BYTES] = "";
    struct vl_trace *t = NULL;

    if (vl_trace_open(&t, c->path, err) != VIRTQ_OK) {
        return cmd_fail("check", CMD_EXIT_ENV, "%s", err);
    }
    if (!judge_trace(c, t, err)) {
        vl_trace_close(t);
        return cmd_fail("check", CMD_EXIT_ENV, "%s: %s", c->path, err);
    }
    if (c->json) {
        print_json(c);
    } else {
        print_text(c);
    }
    const enum vl_outcome outcome = c->now.outcome;
    vl_trace_close(t);
    return outcome == VL_FINDING || outcome == VL_CRASHED ? CMD_EXIT_FINDING : CMD_EXIT_CLEAN;
}

static int check_main(int argc, char **argv)
{
    static struct check c; // of this one command; large

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            c.json = true;
        } else if (argv[i][0] == '-' || c.path != NULL) {
            return cmd_usage(&cmd_check, "%s: unexpected", argv[i]);
        } else {
            c.path = argv[i];
        }
    }
    return c.path != NULL ? check(&c) : cmd_usage(&cmd_check, "which trace?");
}

const struct cmd cmd_check = {
    "check", "TRACE.db [--json]", "judge a stored trace, without running anything",
    "Feeds the events of a trace to the referees and prints what `run` would: exit 0 clean,\n"
    "1 a finding. It needs nothing but the file, so the trace may be of somebody else's ring:\n"
    "docs/TRACE.md, \"Recording your own ring\", and tools/record/ say how to make one.\n"
    "If the trace holds another verdict than the one found now, that is said.\n"
    "\n"
    "  --json   the verdict as one JSON object\n"
    "\n"
    "  vringlab check t.db\n",
    check_main};
