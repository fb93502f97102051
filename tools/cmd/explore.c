// tools/cmd/explore.c -- vringlab explore: every distinct execution of a small program, once.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/explore_barriers.h"
#include "tools/cmd/explore_keep.h"
#include "tools/cmd/explore_run.h"
#include "tools/cmd/explore_suite.h"

#include <inttypes.h>
#include <string.h>

extern const struct cmd cmd_explore;

#define WORDS_MAX 64

struct arguments {
    char *words[WORDS_MAX];
    int n_words;
    struct explore_options options;
    const char *db;
    const char *choices; // where to keep a counterexample: as an input, as a trace
    const char *trace;
    bool no_referees;
    const char *suite;
    bool barriers;
    bool markdown;
    bool json;
    bool quick;
    bool one_only;   // an option of a single exploration was said
    bool suite_only; // one of a suite
    struct explore_suite_options suite_options;
};

// "I/N", 0 <= I < N.
static bool parse_shard(const char *text, struct explore_options *o)
{
    char copy[32];
    char *parts[3];
    uint64_t i = 0;
    uint64_t n = 0;
    const int length = snprintf(copy, sizeof(copy), "%s", text);
    if (length < 0 || (size_t)length >= sizeof(copy) || cmd_split(copy, "/", parts, 3) != 2 ||
        !cmd_parse_u64(parts[0], &i) || !cmd_parse_u64(parts[1], &n) || n < 1 ||
        n > VL_RESULT_SHARDS_MAX || i >= n) {
        return false;
    }
    o->shard = (uint32_t)i;
    o->n_shards = (uint32_t)n;
    return true;
}

// An option that stands alone. Returns false if it is none of them.
static bool parse_switch(const char *arg, struct arguments *a)
{
    if (strcmp(arg, "--json") == 0) {
        a->json = true;
    } else if (strcmp(arg, "--barriers") == 0) {
        a->barriers = true;
    } else if (strcmp(arg, "--markdown") == 0) {
        a->markdown = true;
    } else if (strcmp(arg, "--count-distinct") == 0) {
        a->options.count_distinct = true;
        a->one_only = true;
    } else if (strcmp(arg, "--no-referees") == 0) {
        a->no_referees = true;
        a->one_only = true;
    } else if (strcmp(arg, "--quiet") == 0) {
        a->options.quiet = true;
        a->suite_options.quiet = true;
    } else if (strcmp(arg, "--quick") == 0) {
        a->quick = true;
    } else if (strcmp(arg, "--liveness") == 0) {
        a->suite_options.liveness = true;
        a->suite_only = true;
    } else {
        return false;
    }
    return true;
}

// An option with a value. CMD_EXIT_CLEAN, or the complaint's code.
static int parse_valued(const char *option, char *value, struct arguments *a)
{
    if (value == NULL) {
        return cmd_usage(&cmd_explore, "%s wants a value", option);
    }
    if (strcmp(option, "--shard") == 0) {
        a->one_only = true;
        return parse_shard(value, &a->options)
                   ? CMD_EXIT_CLEAN
                   : cmd_usage(&cmd_explore, "--shard %s: it is I/N, I from 0 to N - 1, N up to %u",
                               value, VL_RESULT_SHARDS_MAX);
    }
    if (strcmp(option, "--db") == 0) {
        a->one_only = true;
        a->db = value;
    } else if (strcmp(option, "--choices") == 0) {
        a->one_only = true;
        a->choices = value;
    } else if (strcmp(option, "--trace") == 0) {
        a->one_only = true;
        a->trace = value;
    } else if (strcmp(option, "--suite") == 0) {
        a->suite = value;
    } else if (!cmd_parse_u64(value, &a->suite_options.max_executions)) {
        return cmd_usage(&cmd_explore, "--max-executions %s: a number is needed", value);
    } else {
        a->suite_only = true;
    }
    return CMD_EXIT_CLEAN;
}

static bool takes_value(const char *option)
{
    return strcmp(option, "--shard") == 0 || strcmp(option, "--db") == 0 ||
           strcmp(option, "--choices") == 0 || strcmp(option, "--trace") == 0 ||
           strcmp(option, "--suite") == 0 || strcmp(option, "--max-executions") == 0;
}

static int parse(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        int code = CMD_EXIT_CLEAN;
        if (takes_value(argv[i])) {
            code = parse_valued(argv[i], i + 1 < argc ? argv[i + 1] : NULL, a);
            i++;
        } else if (strncmp(argv[i], "--", 2) == 0 && !parse_switch(argv[i], a)) {
            code = cmd_usage(&cmd_explore, "%s: no such option", argv[i]);
        } else if (strncmp(argv[i], "--", 2) != 0 && a->n_words < WORDS_MAX) {
            a->words[a->n_words++] = argv[i];
        } else if (strncmp(argv[i], "--", 2) != 0) {
            code = cmd_usage(&cmd_explore, "too many words");
        }
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
    }
    return CMD_EXIT_CLEAN;
}

static int save(const struct arguments *a, const struct explore_source *s,
                const struct vl_result *result)
{
    char err[EXPLORE_ERR_BYTES];
    struct vl_result_shard shard = {.shard = a->options.shard, .result = *result};
    struct vl_result_file db = {.n_shards = a->options.n_shards, .n = 1, .shards = &shard};

    (void)snprintf(db.text, sizeof(db.text), "%s", s->text);
    (void)snprintf(db.build, sizeof(db.build), "%s", cmd_build_id());
    if (!vl_result_write(a->db, &db, err)) {
        return cmd_fail("explore", CMD_EXIT_ENV, "%s", err);
    }
    return CMD_EXIT_CLEAN;
}

static int explore_one(const struct arguments *a)
{
    char err[EXPLORE_ERR_BYTES];
    bool environment = false;
    struct explore_source source;
    struct vl_result result;
    struct explore_seen seen;

    if (!explore_source_open(&source, a->n_words, a->words, !a->no_referees, err, &environment)) {
        return environment ? cmd_fail("explore", CMD_EXIT_ENV, "%s", err)
                           : cmd_usage(&cmd_explore, "%s", err);
    }
    int code = CMD_EXIT_CLEAN;
    if ((a->choices != NULL || a->trace != NULL) && source.counterexample == NULL) {
        code = cmd_usage(&cmd_explore, "--choices and --trace go with halves, not with programs");
    } else if (a->db != NULL && !vl_result_probe(a->db, err)) {
        code = cmd_fail("explore", CMD_EXIT_ENV, "%s", err);
    } else if (!explore_run(&source, &a->options, &result, &seen, err)) {
        code = cmd_fail("explore", CMD_EXIT_ENV, "%s", err);
    } else if (a->db != NULL) {
        code = save(a, &source, &result);
    }
    if (code == CMD_EXIT_CLEAN) {
        if (a->json) {
            explore_print_json(source.text, a->options.shard, a->options.n_shards, &result);
        } else {
            explore_print_races(&source, &seen);
            explore_print(source.text, a->options.shard, a->options.n_shards, &result);
        }
        code = explore_keep(&source, a->choices, a->trace, !a->json);
    }
    if (code == CMD_EXIT_CLEAN) {
        code = explore_result_good(&result) ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
    }
    explore_source_close(&source);
    return code;
}

static int barriers(const struct arguments *a)
{
    const struct explore_barriers_options options = {.form = a->markdown ? EXPLORE_BARRIERS_MARKDOWN
                                                             : a->json   ? EXPLORE_BARRIERS_JSON
                                                                         : EXPLORE_BARRIERS_TEXT,
                                                     .quick = a->quick,
                                                     .quiet = a->options.quiet,
                                                     .n_words = a->n_words,
                                                     .words = a->words};
    if (a->suite != NULL || a->one_only || a->suite_only || (a->markdown && a->json)) {
        return cmd_usage(&cmd_explore, "--barriers goes with KEY=VALUE, --quick, --quiet, and "
                                       "--markdown or --json only");
    }
    return explore_barriers(&options);
}

static int suite(const struct arguments *a)
{
    struct explore_suite_options options = a->suite_options;
    if (a->n_words > 0 || a->one_only || a->json || a->markdown) {
        return cmd_usage(&cmd_explore, "--suite goes with --quick, --max-executions, --liveness "
                                       "and --quiet only");
    }
    if (a->quick) {
        options.max_executions = EXPLORE_SUITE_QUICK;
    }
    return explore_suite(a->suite, &options);
}

static int explore_main(int argc, char **argv)
{
    struct arguments a = {.options = {.n_shards = 1}};
    const int code = parse(argc, argv, &a);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    explore_catch_signals();
    if (a.barriers) {
        return barriers(&a);
    }
    if (a.suite != NULL) {
        return suite(&a);
    }
    if (a.suite_only || a.quick || a.markdown) {
        return cmd_usage(&cmd_explore, "that is an option of %s",
                         a.suite_only ? "--suite FILE"
                         : a.markdown ? "--barriers"
                                      : "--suite FILE or --barriers");
    }
    return explore_one(&a);
}

const struct cmd cmd_explore = {
    "explore",
    "KEY=VALUE... [OPTION...] | PROGRAM [KNOB...] [OPTION...] | --barriers | --suite FILE",
    "visit every distinct execution of a scenario or a small program, once",
    "Proves that nothing bad can happen under a memory model, or counts in how many executions it\n"
    "does: what was put in does not come out (violating), somebody waits for ever (stuck), plain\n"
    "accesses race.\n"
    "\n"
    "KEY=VALUE words name a scenario (vringlab scenarios), whose real halves are explored, from\n"
    "the driver's first request until it takes the device down; each whole execution is run\n"
    "again and judged by the referees. Unless said otherwise: transport=direct memory=rc11\n"
    "queue_size=2 indirect=off buffers=2 bytes=8.\n"
    "\n"
    "A word without \"=\" names a program and its knobs:\n"
    "\n"
    "  vq_poll vq_pollbound vq_kick vq_irq vq_full      also as program=NAME\n"
    "  K=1..8 buffers, QSZ=1..8 slots (2), TRIES=1..16 looks of vq_pollbound's waits (2)\n"
    "  D1=rel|rlx|sc     store of avail.idx       V1=acq|rlx|sc     load of avail.idx\n"
    "  D2=acq|rlx|sc     load of used.idx         V2=rel|rlx|sc     store of used.idx\n"
    "  D3, D4, V3, V4=sc|ar|acq|rel|rlx|none      the full fences of notification suppression:\n"
    "                    D3, V4 before the other side's word is looked at, V3, D4 after re-arming\n"
    "  FENCES            D1, D2, V1, V2 as fences beside relaxed accesses\n"
    "  PLAIN             payload is plain memory, race-checked\n"
    "  EVENT_IDX BATCH NOREPLY NOUSEDRING\n"
    "  memory=           sc, tso or rc11; rc11 unless given\n"
    "Knobs may also be written as a C compiler takes them: -DD1=rlx -DEVENT_IDX.\n"
    "\n"
    "  --shard I/N         part I (from 0) of N: the parts together are the whole\n"
    "  --db FILE           the result as a SQLite file, for explore-merge\n"
    "  --choices FILE      halves: keep the smallest bad execution as an input\n"
    "  --trace FILE        halves: record it as a trace\n"
    "  --no-referees       halves: do not run executions again; no counterexample\n"
    "  --count-distinct    remember every execution, and say how many different ones there were\n"
    "  --json              one JSON object instead of lines\n"
    "  --quiet             no progress\n"
    "  --barriers          explore the halves with each barrier weakened, print the table of\n"
    "                      docs/BARRIERS.md, and compare with what each barrier is for; KEY=VALUE\n"
    "                      words are part of every scenario. --quick: at most two buffers;\n"
    "                      --markdown or --json instead of lines\n"
    "  --suite FILE        explore each row of a table of counts and compare (tests/explore/)\n"
    "  --quick             leave out rows of the table with more than 1500 executions\n"
    "  --max-executions N  leave out rows of the table with more than N\n"
    "  --liveness          compare also whether somebody can be stuck, where the table says it\n"
    "\n"
    "  vringlab explore event_idx=on memory=tso\n"
    "  vringlab explore event_idx=on fault=barrier:kick-check=ar --choices lost.run\n"
    "  vringlab explore vq_full K=2 EVENT_IDX memory=rc11\n"
    "  vringlab explore vq_kick K=2 EVENT_IDX D3=ar memory=tso     an acq-rel fence is too weak\n"
    "  vringlab explore vq_poll K=3 PLAIN NOREPLY NOUSEDRING V2=rlx   a race and nothing else\n"
    "\n"
    "exit codes: 0 proved, 1 refuted (or a table differs), 2 usage, 3 environment; "
    "docs/EXPLORE.md, docs/BARRIERS.md\n",
    explore_main};
