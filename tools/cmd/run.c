// tools/cmd/run.c -- vringlab run: one run of a scenario, or many over seeds.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_input.h"
#include "tools/cmd/cmd_run.h"
#include "tools/lab/lab_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct cmd cmd_run;

struct run_args {
    bool seeded;
    uint64_t seed;
    uint64_t n_runs;
    uint64_t depth;
    enum vl_schedule schedule;
    const char *input;
    const char *trace;
    int n_words;
    char **words;
};

static bool number_option(const char *name, const char *value, uint64_t min, uint64_t *out)
{
    if (value == NULL || !cmd_parse_u64(value, out) || *out < min) {
        (void)cmd_usage(&cmd_run, "%s needs a number from %" PRIu64 " on", name, min);
        return false;
    }
    return true;
}

static bool text_option(const char *name, const char *value, const char **out)
{
    if (value == NULL) {
        (void)cmd_usage(&cmd_run, "%s needs a file name", name);
        return false;
    }
    *out = value;
    return true;
}

static bool schedule_option(const char *value, struct run_args *args)
{
    if (value != NULL && strcmp(value, "walk") == 0) {
        args->schedule = VL_SCHEDULE_WALK;
    } else if (value != NULL && strcmp(value, "pct") == 0) {
        args->schedule = VL_SCHEDULE_PCT;
    } else {
        (void)cmd_usage(&cmd_run, "--schedule is walk or pct");
        return false;
    }
    return true;
}

static bool parse_args(int argc, char **argv, struct run_args *args)
{
    *args = (struct run_args){.n_runs = 1, .depth = 3, .words = argv + 1};
    for (int i = 1; i < argc; i++) { // words move to the front of argv
        char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool ok = true;
        if (strcmp(argv[i], "--seed") == 0) {
            args->seeded = true;
            ok = number_option("--seed", value, 0, &args->seed);
        } else if (strcmp(argv[i], "--runs") == 0) {
            ok = number_option("--runs", value, 1, &args->n_runs);
        } else if (strcmp(argv[i], "--depth") == 0) {
            ok = number_option("--depth", value, 1, &args->depth);
        } else if (strcmp(argv[i], "--schedule") == 0) {
            ok = schedule_option(value, args);
        } else if (strcmp(argv[i], "--choices") == 0) {
            ok = text_option("--choices", value, &args->input);
        } else if (strcmp(argv[i], "--trace") == 0) {
            ok = text_option("--trace", value, &args->trace);
        } else if (argv[i][0] == '-') {
            (void)cmd_usage(&cmd_run, "%s: no such option", argv[i]);
            return false;
        } else {
            args->words[args->n_words++] = argv[i];
            continue;
        }
        if (!ok) {
            return false;
        }
        i++;
    }
    return true;
}

// A run from an input takes the input's scenario; words on the command line change it.
static int prepare(struct run_args *args, struct cmd_run_job *job, struct lab_input *input)
{
    char err[LAB_ERR_BYTES] = "";

    lab_scenario_default(&job->scenario);
    if (args->input != NULL) {
        if (args->seeded || args->n_runs > 1) {
            return cmd_usage(&cmd_run, "--choices and --seed or --runs exclude each other");
        }
        const int code = cmd_input_load("run", args->input, args->n_words, args->words, input);
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
        job->scenario = input->scenario;
        job->choices =
            (struct lab_choices){.source = VL_SOURCE_INPUT, .list = input->list, .n = input->n};
        return CMD_EXIT_CLEAN;
    }
    if (!lab_scenario_parse(&job->scenario, args->n_words, args->words, err)) {
        return cmd_fail("run", CMD_EXIT_USAGE, "%s", err);
    }
    args->seeded = args->seeded || args->n_runs > 1;
    job->choices = (struct lab_choices){.source = args->seeded ? VL_SOURCE_SEED : VL_SOURCE_INPUT,
                                        .seed = args->seed,
                                        .schedule = args->schedule,
                                        .depth = (uint32_t)args->depth};
    return CMD_EXIT_CLEAN;
}

// A whole disk was read through the ring: did the file's bytes come out?
static bool disk_differs(const struct cmd_run_result *r)
{
    return r->sha256[0] != '\0' && r->disk_sha256[0] != '\0' &&
           strcmp(r->sha256, r->disk_sha256) != 0;
}

static void report(const struct run_args *args, const struct cmd_run_job *job,
                   const struct cmd_run_result *r)
{
    char text[LAB_TEXT_BYTES];

    if (r->verdict.outcome == VL_FINDING || r->verdict.outcome == VL_CRASHED) {
        (void)printf("%s\n", r->verdict.detail);
        (void)lab_scenario_print(&job->scenario, ' ', false, text, sizeof(text));
        if (args->trace != NULL) {
            (void)printf("replay: vringlab replay %s\n", args->trace);
        } else if (args->input != NULL) {
            (void)printf("replay: vringlab run %s --choices %s\n", text, args->input);
        } else if (args->seeded) {
            (void)printf("replay: vringlab run %s --seed %" PRIu64 "%s\n", text, r->seed,
                         args->schedule == VL_SCHEDULE_PCT ? " --schedule pct" : "");
        } else {
            (void)printf("replay: vringlab run %s\n", text);
        }
    }
    if (job->n_runs > 1) {
        (void)printf("runs=%" PRIu64 " of=%" PRIu64 " events=%" PRIu64 "\n", r->n_done, job->n_runs,
                     r->n_events);
    }
    if (args->trace != NULL && job->n_runs > 1 && r->verdict.outcome != VL_FINDING &&
        r->verdict.outcome != VL_CRASHED) {
        (void)printf("no finding: %s is not written\n", args->trace);
    }
    if (disk_differs(r)) {
        (void)printf("sha256=%s differs from the disk file's %s\n", r->sha256, r->disk_sha256);
    } else if (r->sha256[0] != '\0') {
        (void)printf("sha256=%s%s\n", r->sha256,
                     r->disk_sha256[0] != '\0' ? " equal to the disk file's" : "");
    }
    cmd_print_verdict(&r->verdict);
}

static int run_main(int argc, char **argv)
{
    struct run_args args;
    struct cmd_run_job job = {.name = "run"};
    struct cmd_run_result result;
    struct lab_input input = {0};

    if (!parse_args(argc, argv, &args)) {
        return CMD_EXIT_USAGE;
    }
    int code = prepare(&args, &job, &input);
    if (code == CMD_EXIT_CLEAN) {
        job.n_runs = args.n_runs;
        job.trace_path = args.trace;
        code = cmd_run_scenario(&job, &result);
        if (code == CMD_EXIT_CLEAN || code == CMD_EXIT_FINDING) {
            report(&args, &job, &result);
            code = disk_differs(&result) ? CMD_EXIT_FINDING : code;
        }
    }
    lab_input_free(&input);
    return code;
}

const struct cmd cmd_run = {
    "run", "[KEY=VALUE...|@FILE] [--seed N | --choices INPUT] [--trace FILE.db] [--runs N]",
    "run a scenario once, or over many seeds",
    "Without --seed and --choices every choice is 0: the benign run.\n"
    "\n"
    "  --seed N          take choices from seed N\n"
    "  --choices INPUT   take choices (and the scenario, which KEY=VALUE changes) from a text\n"
    "                    input, a fuzzer's bytes (with target=NAME) or a trace\n"
    "  --trace FILE.db   record the run; FILE.db stands there only once it is whole\n"
    "  --runs N          seeds N0 .. N0+N-1; stops at the first finding, which --trace records\n"
    "  --schedule walk|pct   how a seed schedules: random walk (default), or PCT\n"
    "  --depth D         PCT depth (default 3)\n"
    "\n"
    "  vringlab run device=blk disk=disk.img buffers=0 --seed 7 --trace t.db\n"
    "  vringlab run queue_size=2 start_idx=65530 --runs 10000\n",
    run_main};
