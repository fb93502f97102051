// tools/cmd/litmus.c -- vringlab litmus: run litmus tests on the engines and compare with what they
// are expected to come to. Reads files of tests; writes to standard output alone.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/lab/lab_litmus_table.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern const struct cmd cmd_litmus;

#define FILES_MAX 1024u
#define NAMES_MAX 64
#define MODELS_ALL ((1u << VL_MODEL_COUNT) - 1)

struct options {
    uint32_t models;  // bit per enum vl_model
    uint32_t engines; // bit per enum lab_litmus_engine
    uint32_t rules;
    uint32_t left_out;
    bool json;
    bool verbose;
    const char *path;
    const char *name[NAMES_MAX]; // run these tests alone
    int n_names;
};

// The test that rows are about, and what the engines say: rows of one test stand together.
struct bench {
    const struct options *o;
    bool open;
    struct lab_litmus test;
    char program[LAB_LITMUS_PROGRAM];
    enum lab_litmus_outcome outcome[VL_MODEL_COUNT][LAB_LITMUS_ENGINES];
    struct lab_litmus_result result[VL_MODEL_COUNT][LAB_LITMUS_ENGINES];
    char why[VL_MODEL_COUNT][LAB_LITMUS_ENGINES][LAB_LITMUS_ERR];
    char err[2 * LAB_LITMUS_ERR];
    bool bad; // err says why it ends here
    uint64_t n_agree;
    uint64_t n_differ;
    uint64_t n_unsupported;
    uint64_t n_not[LAB_LITMUS_REASON_COUNT];
};

static bool has(uint32_t set, unsigned i)
{
    return (set >> i & 1u) != 0;
}

// ---- printing ----------------------------------------------------------------------------------

static void put_json(const char *text)
{
    (void)putchar('"');
    for (; *text != '\0'; text++) { // bound: the text
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static void put_states(const struct bench *b, const struct lab_litmus_result *r)
{
    char text[LAB_LITMUS_STATE];
    for (uint32_t i = 0; i < r->n_states; i++) {
        lab_litmus_state_text(&b->test, r->states[i], text);
        if (b->o->json) {
            (void)fputs(i > 0 ? "," : "", stdout);
            put_json(text);
        } else {
            (void)fputs(text, stdout);
        }
    }
}

static void show_json(const struct bench *b, unsigned m, unsigned e)
{
    const struct lab_litmus_result *r = &b->result[m][e];

    (void)fputs("{\"test\":", stdout);
    put_json(b->test.name);
    (void)printf(",\"model\":\"%s\",\"engine\":\"%s\"", vl_model_name(m),
                 lab_litmus_engine_name(e));
    if (b->outcome[m][e] != LAB_LITMUS_DONE) {
        (void)fputs(",\"unsupported\":", stdout);
        put_json(b->why[m][e]);
        (void)fputs("}\n", stdout);
        return;
    }
    (void)printf(",\"racy\":%s,\"executions\":%llu,\"visited\":%llu,\"states\":[",
                 r->racy ? "true" : "false", (unsigned long long)r->n_execs,
                 (unsigned long long)r->n_visited);
    if (!r->racy) {
        put_states(b, r);
    }
    (void)fputs("]}\n", stdout);
}

static void show_text(const struct bench *b, unsigned m, unsigned e)
{
    const struct lab_litmus_result *r = &b->result[m][e];

    (void)printf("  %-4s  ", vl_model_name(m));
    if (b->o->verbose) {
        (void)printf("%-11s  ", lab_litmus_engine_name(e));
    }
    if (b->outcome[m][e] != LAB_LITMUS_DONE) {
        (void)printf("%s\n", b->why[m][e]);
        return;
    }
    if (r->racy) {
        (void)fputs("a data race: it may come to anything\n", stdout);
        return;
    }
    (void)printf("%llu of %u: ", (unsigned long long)r->n_execs, (unsigned)r->n_states);
    put_states(b, r);
    if (b->o->verbose) {
        (void)printf("  (looked at %llu)", (unsigned long long)r->n_visited);
    }
    (void)putchar('\n');
}

// What each model lets the test come to: by the first engine, or by all that were asked for.
static void show(struct bench *b)
{
    if (!b->o->json) {
        (void)printf("%s: %s\n", b->test.name, b->program);
    }
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        for (unsigned e = 0; has(b->o->models, m) && e < LAB_LITMUS_ENGINES; e++) {
            if (!has(b->o->engines, e)) {
                continue;
            }
            if (b->o->json) {
                show_json(b, m, e);
                continue;
            }
            show_text(b, m, e);
            if (!b->o->verbose) {
                break;
            }
        }
    }
}

// A line for what is not as expected. what: the rest of the line.
static void say(const struct bench *b, const char *word, const struct lab_litmus_row *row,
                const char *engine, const char *what)
{
    if (!b->o->json) {
        (void)printf("%s: %s:%u: %s %s %s%s%s%s: %s\n", word, row->path, (unsigned)row->line,
                     row->name, row->model, engine, row->tool[0] != '\0' ? " (" : "", row->tool,
                     row->tool[0] != '\0' ? ")" : "", what);
        return;
    }
    (void)printf("{\"%s\":", word);
    put_json(row->name);
    (void)fputs(",\"file\":", stdout);
    put_json(row->path);
    (void)printf(",\"line\":%u,\"model\":", (unsigned)row->line);
    put_json(row->model);
    (void)printf(",\"engine\":\"%s\",\"tool\":", engine);
    put_json(row->tool);
    (void)fputs(",\"why\":", stdout);
    put_json(what);
    (void)fputs("}\n", stdout);
}

// ---- running -----------------------------------------------------------------------------------

static void close_test(struct bench *b)
{
    for (unsigned m = 0; b->open && m < VL_MODEL_COUNT; m++) {
        for (unsigned e = 0; e < LAB_LITMUS_ENGINES; e++) {
            lab_litmus_free(&b->result[m][e]);
        }
    }
    b->open = false;
}

static bool open_test(struct bench *b, const struct lab_litmus_row *row)
{
    char err[LAB_LITMUS_ERR];

    if (b->open && strncmp(b->test.name, row->name, sizeof(b->test.name) - 1) == 0 &&
        strcmp(b->program, row->program) == 0) {
        return true;
    }
    close_test(b);
    if (!lab_litmus_parse(&b->test, row->name, row->program, err)) {
        (void)snprintf(b->err, sizeof(b->err), "%s:%u: %s", row->path, (unsigned)row->line, err);
        return false;
    }
    (void)snprintf(b->program, sizeof(b->program), "%s", row->program);
    memset(b->result, 0, sizeof(b->result));
    b->open = true;
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        for (unsigned e = 0; has(b->o->models, m) && e < LAB_LITMUS_ENGINES; e++) {
            if (!has(b->o->engines, e)) {
                continue;
            }
            b->outcome[m][e] = lab_litmus_run(&b->test, (enum lab_litmus_engine)e, (enum vl_model)m,
                                              b->o->rules, &b->result[m][e], b->why[m][e]);
            if (b->outcome[m][e] == LAB_LITMUS_BROKEN) {
                (void)snprintf(b->err, sizeof(b->err), "%s:%u: %s, engine %s, %s: %s", row->path,
                               (unsigned)row->line, row->name, lab_litmus_engine_name(e),
                               vl_model_name(m), b->why[m][e]);
                return false;
            }
        }
    }
    show(b);
    return true;
}

// Compare one engine's answer with the row. False: it differs, which has been said.
static bool agrees(struct bench *b, const struct lab_litmus_row *row,
                   const struct lab_litmus_expected *expected, unsigned e)
{
    const struct lab_litmus_result *r = &b->result[row->is][e];
    const char *engine = lab_litmus_engine_name(e);
    char what[LAB_LITMUS_STATE + 128];
    char text[LAB_LITMUS_STATE];
    bool extra = false;

    if (row->race == LAB_LITMUS_RACE_UNKNOWN ? r->racy
                                             : (row->race == LAB_LITMUS_RACY) != r->racy) {
        say(b, "differ", row, engine,
            r->racy ? "got a data race, expected none" : "got no data race, expected one");
        return false;
    }
    if (r->racy) {
        return true;
    }
    if (r->n_refused > 0 && b->o->rules == VL_RULES_ALL) {
        say(b, "differ", row, engine, "got executions that the axioms refuse");
        return false;
    }
    if (row->n_execs != LAB_LITMUS_ANY && row->n_execs != r->n_execs) {
        (void)snprintf(what, sizeof(what), "got %llu executions, expected %llu",
                       (unsigned long long)r->n_execs, (unsigned long long)row->n_execs);
        say(b, "differ", row, engine, what);
        return false;
    }
    if (row->states != NULL && !lab_litmus_meets(&b->test, r, expected, text, &extra)) {
        (void)snprintf(what, sizeof(what), "%s %s",
                       extra ? "got, not expected:" : "not got:", text);
        say(b, "differ", row, engine, what);
        return false;
    }
    return true;
}

// Engines that disagree about what a row does not say: a difference, too.
static bool engines_agree(const struct bench *b, const struct lab_litmus_row *row)
{
    const struct lab_litmus_result *first = NULL;
    for (unsigned e = 0; e < LAB_LITMUS_ENGINES; e++) {
        if (!has(b->o->engines, e)) {
            continue;
        }
        if (first != NULL && !lab_litmus_same(&b->test, first, &b->result[row->is][e])) {
            say(b, "differ", row, lab_litmus_engine_name(e), "differs from the engine before");
            return false;
        }
        first = first == NULL ? &b->result[row->is][e] : first;
    }
    return true;
}

static bool judge(struct bench *b, const struct lab_litmus_row *row)
{
    struct lab_litmus_expected expected = {.n_states = 0};
    char err[LAB_LITMUS_ERR];
    bool agree = true;

    for (unsigned e = 0; e < LAB_LITMUS_ENGINES; e++) {
        if (has(b->o->engines, e) && b->outcome[row->is][e] != LAB_LITMUS_DONE) {
            say(b, "unsupported", row, lab_litmus_engine_name(e), b->why[row->is][e]);
            b->n_unsupported++;
            return true;
        }
    }
    if (row->states != NULL && !lab_litmus_expect(&b->test, row->states, &expected, err)) {
        (void)snprintf(b->err, sizeof(b->err), "%s:%u: %s: %s", row->path, (unsigned)row->line,
                       row->name, err);
        lab_litmus_expected_free(&expected);
        return false;
    }
    for (unsigned e = 0; e < LAB_LITMUS_ENGINES; e++) {
        agree = (!has(b->o->engines, e) || agrees(b, row, &expected, e)) && agree;
    }
    agree = agree && engines_agree(b, row);
    lab_litmus_expected_free(&expected);
    *(agree ? &b->n_agree : &b->n_differ) += 1;
    if (row->note[0] != '\0') {
        say(b, "note", row, "", row->note);
    }
    if (b->o->verbose && agree) {
        say(b, "agree", row, "", row->n_execs == LAB_LITMUS_ANY ? "in states" : "in all");
    }
    return true;
}

static bool wanted(const struct options *o, const char *name)
{
    for (int i = 0; i < o->n_names; i++) {
        if (strcmp(o->name[i], name) == 0) {
            return true;
        }
    }
    return o->n_names == 0;
}

static bool on_row(void *ctx, const struct lab_litmus_row *row)
{
    struct bench *b = ctx;
    const bool ours =
        row->is != VL_MODEL_COUNT ? has(b->o->models, row->is) : b->o->models == MODELS_ALL;
    if (!ours || !wanted(b->o, row->name)) {
        return true;
    }
    if (!open_test(b, row)) {
        b->bad = true;
        return false;
    }
    if (row->reason != LAB_LITMUS_FACT) {
        b->n_not[row->reason]++;
        if (b->o->verbose) {
            say(b, "not-a-fact", row, "", lab_litmus_reason_text(row->reason));
        }
        return true;
    }
    if (row->is == VL_MODEL_COUNT) {
        say(b, "unsupported", row, "", "there is no engine for the model");
        b->n_unsupported++;
        return true;
    }
    b->bad = !judge(b, row);
    return !b->bad;
}

// ---- files -------------------------------------------------------------------------------------

static int run_file(struct bench *b, const char *path, bool in_folder)
{
    const enum lab_litmus_read done = lab_litmus_read(path, on_row, b, b->err);

    close_test(b);
    if (done == LAB_LITMUS_NO_TABLE && in_folder) {
        if (!b->o->json) {
            (void)printf("left out: %s\n", b->err);
        }
        return CMD_EXIT_CLEAN;
    }
    return done == LAB_LITMUS_READ ? CMD_EXIT_CLEAN
                                   : cmd_fail("litmus", CMD_EXIT_ENV, "%s", b->err);
}

static bool ends_in(const char *name, const char *end)
{
    return strlen(name) > strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The *.tsv and *.litmus files of a folder, by name. Returns how many, or -1.
static int list_folder(const char *folder, char **path)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    uint32_t n = 0;

    while (dir != NULL && n < FILES_MAX && (entry = readdir(dir)) != NULL) { // bound: FILES_MAX
        if (!ends_in(entry->d_name, ".tsv") && !ends_in(entry->d_name, ".litmus")) {
            continue;
        }
        const size_t bytes = strlen(folder) + strlen(entry->d_name) + 2;
        path[n] = malloc(bytes);
        if (path[n] != NULL) {
            (void)snprintf(path[n++], bytes, "%s/%s", folder, entry->d_name);
        }
    }
    if (dir == NULL) {
        return -1;
    }
    (void)closedir(dir);
    qsort(path, n, sizeof(path[0]), compare_paths);
    return (int)n;
}

static int run_folder(struct bench *b)
{
    static char *path[FILES_MAX];
    int code = CMD_EXIT_CLEAN;
    const int n = list_folder(b->o->path, path);

    if (n <= 0) {
        return cmd_fail("litmus", CMD_EXIT_ENV, "%s: %s", b->o->path,
                        n < 0 ? "cannot be read" : "holds no *.tsv and no *.litmus file");
    }
    for (int i = 0; i < n; i++) {
        if (code == CMD_EXIT_CLEAN) {
            code = run_file(b, path[i], true);
        }
        free(path[i]);
    }
    return code;
}

static int sum_up(const struct bench *b)
{
    uint64_t n_not = 0;

    for (unsigned r = 0; r < LAB_LITMUS_REASON_COUNT; r++) {
        n_not += b->n_not[r];
        if (b->n_not[r] > 0 && !b->o->json) {
            (void)printf("not-a-fact %llu: %s\n", (unsigned long long)b->n_not[r],
                         lab_litmus_reason_text(r));
        }
    }
    if (b->n_agree + b->n_differ + b->n_unsupported + n_not == 0) {
        return cmd_fail("litmus", CMD_EXIT_USAGE, "%s: no row is about these tests and models",
                        b->o->path);
    }
    (void)printf(b->o->json ? "{\"agree\":%llu,\"differ\":%llu,\"unsupported\":%llu,"
                              "\"not-a-fact\":%llu}\n"
                            : "agree=%llu differ=%llu unsupported=%llu not-a-fact=%llu\n",
                 (unsigned long long)b->n_agree, (unsigned long long)b->n_differ,
                 (unsigned long long)b->n_unsupported, (unsigned long long)n_not);
    return b->n_differ > 0 ? CMD_EXIT_FINDING : CMD_EXIT_CLEAN;
}

// ---- arguments ---------------------------------------------------------------------------------

typedef const char *name_of(unsigned i);

// "a,b": the bits of names among the first n.
static bool parse_set(const char *text, name_of *name, unsigned n, uint32_t *set)
{
    char words[256];
    char *word[VL_RULE_COUNT];

    if (snprintf(words, sizeof(words), "%s", text) >= (int)sizeof(words)) {
        return false;
    }
    const int n_words = cmd_split(words, ",", word, VL_RULE_COUNT);
    *set = 0;
    for (int i = 0; i < n_words; i++) {
        unsigned k = 0;
        while (k < n && strcmp(name(k), word[i]) != 0) { // bound: n
            k++;
        }
        if (k == n) {
            return false;
        }
        *set |= 1u << k;
    }
    return *set != 0;
}

static int parse_option(struct options *o, const char *option, const char *value)
{
    uint32_t set = 0;

    if (value == NULL) {
        return cmd_usage(&cmd_litmus, "%s: no such option, or it needs a value", option);
    }
    if (strcmp(option, "--model") == 0) {
        return parse_set(value, vl_model_name, VL_MODEL_COUNT, &o->models)
                   ? CMD_EXIT_CLEAN
                   : cmd_usage(&cmd_litmus, "%s: models are sc, tso and rc11", value);
    }
    if (strcmp(option, "--engine") == 0) {
        return parse_set(value, lab_litmus_engine_name, LAB_LITMUS_ENGINES, &o->engines)
                   ? CMD_EXIT_CLEAN
                   : cmd_usage(&cmd_litmus, "%s: engines are graph, operational and axioms", value);
    }
    if (strcmp(option, "--without") == 0) {
        if (!parse_set(value, vl_rule_name, VL_RULE_COUNT, &set)) {
            return cmd_usage(&cmd_litmus, "%s: no such rule; `vringlab litmus --help` lists them",
                             value);
        }
        o->left_out |= set;
        o->rules = VL_RULES_ALL & ~o->left_out;
        return CMD_EXIT_CLEAN;
    }
    return cmd_usage(&cmd_litmus, "%s: no such option", option);
}

static int parse_arguments(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            o->verbose = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            const int code = parse_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
            if (code != CMD_EXIT_CLEAN) {
                return code;
            }
            i++;
        } else if (o->path == NULL) {
            o->path = argv[i];
        } else if (o->n_names == NAMES_MAX) {
            return cmd_usage(&cmd_litmus, "more than %d names of tests", NAMES_MAX);
        } else {
            o->name[o->n_names++] = argv[i];
        }
    }
    for (unsigned r = 0; r < VL_RULE_COUNT; r++) {
        if (has(o->left_out, r) && (vl_rule_models(r) & o->models) == 0) {
            return cmd_usage(&cmd_litmus, "%s is no rule of the models that are run",
                             vl_rule_name(r));
        }
    }
    return CMD_EXIT_CLEAN;
}

static int litmus_main(int argc, char **argv)
{
    static struct bench b;
    static struct options o = {.models = MODELS_ALL,
                               .engines = 1u << LAB_LITMUS_GRAPH | 1u << LAB_LITMUS_OPERATIONAL,
                               .rules = VL_RULES_ALL};
    struct stat st;
    int code = parse_arguments(argc, argv, &o);

    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    if (o.path == NULL) {
        return cmd_usage(&cmd_litmus, "which file or folder of tests?");
    }
    b.o = &o;
    code = stat(o.path, &st) == 0 && S_ISDIR(st.st_mode) ? run_folder(&b)
                                                         : run_file(&b, o.path, false);
    return code == CMD_EXIT_CLEAN ? sum_up(&b) : code;
}

#define RULE_HELP_(id, name, models, forbids) "  " name ": " forbids "\n"

const struct cmd cmd_litmus = {
    "litmus",
    "FILE|DIR [NAME...] [--model M,...] [--engine E,...] [--without RULE,...] [--json] [--verbose]",
    "run litmus tests and compare with what they are expected to come to",
    "FILE is a table (*.tsv) or a single test (*.litmus), in the notation of docs/LITMUS.md; of a\n"
    "DIR, all of these. Prints, per test and model, the number of executions and the final states\n"
    "that they come to, a line for each difference, and sums up. NAME: these tests alone.\n"
    "\n"
    "  --model     sc, tso, rc11; default: all\n"
    "  --engine    graph: execution graphs, as `vringlab explore` has them\n"
    "              operational: every step of the models that runs use\n"
    "              axioms: every graph there could be, judged by the axioms; slow\n"
    "              default: graph,operational\n"
    "  --without   leave rules of the models out, to see what they forbid:\n" VL_RULES(
        RULE_HELP_) "  --json      one object per line\n"
                    "  --verbose   every engine's answer, and every row\n"
                    "\n"
                    "exit codes: 0 no difference, 1 a difference, 2 usage, 3 a file that cannot be "
                    "read\n"
                    "\n"
                    "  vringlab litmus tests/litmus\n"
                    "  vringlab litmus tests/litmus/litmus.tsv SB+rlx --model tso --without "
                    "tso-fifo\n",
    litmus_main};
