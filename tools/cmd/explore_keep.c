// tools/cmd/explore_keep.c -- a counterexample of an exploration, told and kept.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_keep.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_run.h"

#include <inttypes.h>
#include <stdio.h>

static int record(const struct explore_counterexample *c, const char *path)
{
    struct cmd_run_result result;
    const struct cmd_run_job job = {
        .name = "explore",
        .scenario = c->input.scenario,
        .choices = {.source = VL_SOURCE_INPUT, .list = c->input.list, .n = c->input.n},
        .n_runs = 1,
        .trace_path = path,
        .quiet = true};
    const int code = cmd_run_scenario(&job, &result);

    if (code == CMD_EXIT_CLEAN) {
        return cmd_fail("explore", CMD_EXIT_ENV,
                        "the counterexample ran clean when it was recorded: a fault of this tool");
    }
    return code == CMD_EXIT_FINDING ? CMD_EXIT_CLEAN : code;
}

static void tell(const struct explore_counterexample *c, const char *choices, const char *trace)
{
    (void)printf("counterexample: %s, %" PRIu32 " deviations, %" PRIu64 " events: %s\n",
                 c->verdict.kind, c->input.n, c->verdict.n_events, c->verdict.detail);
    if (trace != NULL) {
        (void)printf("replay: vringlab replay %s\n", trace);
    } else if (choices != NULL) {
        (void)printf("replay: vringlab run --choices %s\n", choices);
    } else {
        (void)printf("(--choices FILE.run keeps it as an input, --trace FILE.db as a trace)\n");
    }
}

int explore_keep(const struct explore_source *s, const char *choices, const char *trace, bool say)
{
    struct explore_counterexample c;
    char err[256];

    if (say && s->unjudged != NULL && s->unjudged(s->ctx) > 0) {
        (void)printf("not judged by the referees: %" PRIu64
                     " executions that the machine cannot take\n",
                     s->unjudged(s->ctx));
    }
    if (s->counterexample == NULL || !s->counterexample(s->ctx, &c)) {
        if (say && (choices != NULL || trace != NULL)) {
            (void)printf("no counterexample: nothing is kept\n");
        }
        return CMD_EXIT_CLEAN;
    }
    if (choices != NULL && !cmd_write_input(choices, &c.input, err)) {
        return cmd_fail("explore", CMD_EXIT_ENV, "%s", err);
    }
    const int code = trace != NULL ? record(&c, trace) : CMD_EXIT_CLEAN;
    if (code == CMD_EXIT_CLEAN && say) {
        tell(&c, choices, trace);
    }
    return code;
}
