// tools/cmd/explain.c -- vringlab explain: an input and what it leads to, in sentences.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/trace/vl_record.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_outside.h"
#include "tools/cmd/cmd_probe.h"
#include "tools/cmd/cmd_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_explain;

#define LAST_DEFAULT 20u // events shown before the end

static void print_input(const struct lab_input *in)
{
    char words[LAB_TEXT_BYTES];

    (void)lab_scenario_print(&in->scenario, ' ', false, words, sizeof(words));
    (void)printf("scenario: %s\n", words[0] != '\0' ? words : "(all keys at their defaults)");
    if (in->n == 0) {
        (void)printf("deviations: none; this is the benign run\n");
        return;
    }
    (void)printf("deviations from the benign run: %" PRIu32 "\n", in->n);
    for (uint32_t i = 0; i < in->n; i++) { // bound: in->n
        char sentence[256];
        lab_deviation_sentence(in->scenario.memory, &in->list[i], sentence, sizeof(sentence));
        (void)printf("  %" PRIu32 ". %s\n", i + 1, sentence);
    }
}

static void print_event(const struct vl_log *log, const struct event_text *text, uint64_t seq,
                        const char *mark)
{
    const uint32_t slot = (uint32_t)seq & (VL_LOG_EVENTS - 1);
    const struct vl_event *ev = &log->events[slot];
    const uint32_t site = log->event_site[slot];
    char line[EVENT_TEXT_BYTES];

    event_text_line(text, ev, line);
    (void)printf("%s%6" PRIu64 "  %-9s %s", mark, seq, vl_agent_name(ev->agent), line);
    if (site > 0 && site < VL_LOG_SITES) {
        const struct vl_log_site *s = &log->sites[site];
        (void)printf("   %.95s:%" PRIu32 " %.63s()", s->file, s->line, s->func);
    }
    (void)putchar('\n');
}

static void print_events(const struct cmd_probe *p, const struct vl_verdict *v, uint64_t last)
{
    const struct vl_log *log = lab_machine(p->lab)->log;
    const uint64_t end = v->n_events;
    uint64_t first = end > last ? end - last : 0;

    if (end - first > VL_LOG_EVENTS) {
        first = end - VL_LOG_EVENTS;
    }
    (void)printf("the last events:\n");
    for (uint64_t seq = first; seq < end; seq++) { // bound: VL_LOG_EVENTS
        const bool shows = v->outcome != VL_CLEAN && v->outcome != VL_BUDGET && seq == v->event;
        print_event(log, p->text, seq, shows ? "> " : "  ");
    }
}

static void print_verdict(const struct vl_verdict *v)
{
    switch (v->outcome) {
    case VL_CLEAN: (void)printf("nothing is wrong with this run\n"); break;
    case VL_BUDGET: (void)printf("%s\n", v->detail); break;
    case VL_FINDING:
        (void)printf("finding %s at event %" PRIu64 ", %s%s: %s\n", v->kind, v->event,
                     strcmp(v->side, "-") == 0 ? "nobody is blamed" : "by the ",
                     strcmp(v->side, "-") == 0 ? "" : v->side, v->detail);
        break;
    case VL_CRASHED: (void)printf("crashed: %s\n", v->detail); break;
    }
    cmd_print_verdict(v);
}

static int explain(const struct lab_input *in, uint64_t last, const struct lab_outside *outside)
{
    struct cmd_probe probe = {.text = vl_record_shared_open(sizeof(struct event_text)),
                              .outside = outside};
    struct vl_verdict verdict;
    char err[LAB_ERR_BYTES];

    if (probe.text == NULL) {
        return cmd_fail("explain", CMD_EXIT_ENV, "no memory left");
    }
    const bool ok = cmd_probe_run(&probe, &in->scenario, in->list, in->n, &verdict, err);
    if (ok) {
        print_input(in);
        print_events(&probe, &verdict, last);
        print_verdict(&verdict);
    }
    cmd_probe_close(&probe);
    vl_record_shared_close(probe.text, sizeof(struct event_text));
    return ok ? CMD_EXIT_CLEAN : cmd_fail("explain", CMD_EXIT_ENV, "%s", err);
}

static int explain_main(int argc, char **argv)
{
    const char *input = NULL;
    char **words = argv + 1;
    int n_words = 0;
    uint64_t last = LAST_DEFAULT;
    struct lab_input in;
    struct cmd_outside *outside = NULL;

    for (int i = 1; i < argc; i++) { // words move to the front of argv
        if (strcmp(argv[i], "--last") == 0) {
            if (i + 1 == argc || !cmd_parse_u64(argv[i + 1], &last) || last > VL_LOG_EVENTS) {
                return cmd_usage(&cmd_explain, "--last needs a number up to %u", VL_LOG_EVENTS);
            }
            i++;
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_explain, "%s: no such option", argv[i]);
        } else if (input == NULL && (strchr(argv[i], '=') == NULL || argv[i][0] == '/')) {
            input = argv[i];
        } else {
            words[n_words++] = argv[i];
        }
    }
    if (input == NULL) {
        return cmd_usage(&cmd_explain, "INPUT is needed");
    }
    int code = cmd_outside_load("explain", input, n_words, words, &in, &outside);
    if (code == CMD_EXIT_CLEAN) {
        code = explain(&in, last, cmd_outside_bytes(outside));
        cmd_outside_close(outside);
        lab_input_free(&in);
    }
    return code;
}

const struct cmd cmd_explain = {
    "explain", "INPUT [KEY=VALUE...] [--last N]", "say in sentences what an input does",
    "Prints the scenario, each deviation as a sentence, the last events with ring fields and "
    "source\n"
    "lines (the one that shows a finding is marked >), and the finding. INPUT is a text input, a\n"
    "fuzzer's bytes (with target=NAME) or a trace. Exits with 0 whatever the run came to.\n"
    "\n"
    "  --last N   show the last N events (default 20)\n"
    "\n"
    "  vringlab explain found.run\n",
    explain_main};
