// tools/cmd/lesson_claims.c -- exploring what a lesson claims, or running it over seeds.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/lesson_claims.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_run.h"

#include <inttypes.h>
#include <string.h>

#define WORDS_MAX 24
#define WORDS_BYTES 512u
#define NOT_MODELLED "memory:not-modelled"

// Words of a claim; "-" stands for none.
static const char *no_dash(const char *words)
{
    return strcmp(words, "-") == 0 ? "" : words;
}

// The claim's words, cut, with the model behind them. Returns how many.
static int cut_words(const char *words, unsigned model, char text[WORDS_BYTES], char **argv)
{
    (void)snprintf(text, WORDS_BYTES, "%s memory=%s", no_dash(words), vl_model_name(model));
    return cmd_split(text, " ", argv, WORDS_MAX);
}

// ---- exploring ----------------------------------------------------------------------------------

// "FILE:LINE (FUNCTION)" as "FILE FUNCTION()": compilers do not agree on lines of calls.
static void place_text(const struct explore_source *s, const void *site, char *out)
{
    char text[EXPLORE_TEXT_BYTES];
    s->site_text(s->ctx, site, text);
    const char *function = strstr(text, " (");
    const char *end = function != NULL ? strchr(function, ')') : NULL;
    if (end == NULL) {
        (void)snprintf(out, EXPLORE_TEXT_BYTES, "%s", text);
        return;
    }
    (void)snprintf(out, EXPLORE_TEXT_BYTES, "%.*s %.*s()", (int)strcspn(text, ":"), text,
                   (int)(end - function - 2), function + 2);
}

// "a descriptor: loaded by the device (device/x.c f()), stored by the driver (driver/y.c g())".
static void race_text(const struct explore_source *s, const struct explore_race *r, char *out)
{
    char where[2][EXPLORE_TEXT_BYTES];
    for (unsigned j = 0; j < 2; j++) {
        place_text(s, r->site[j], where[j]);
    }
    (void)snprintf(out, EXPLORE_TEXT_BYTES, "%s: %s by the %s (%.160s), %s by the %s (%.160s)",
                   s->addr_name(s->ctx, r->addr), r->store[0] ? "stored" : "loaded",
                   s->thread_name(s->ctx, r->thread[0]), where[0],
                   r->store[1] ? "stored" : "loaded", s->thread_name(s->ctx, r->thread[1]),
                   where[1]);
}

static bool explore(const char *words, unsigned model, struct lesson_found *found,
                    struct lesson_claim_result *races, char *err)
{
    const struct explore_options options = {.n_shards = 1, .quiet = true};
    struct explore_source source;
    struct explore_seen seen;
    char text[WORDS_BYTES];
    char *argv[WORDS_MAX];
    bool environment = false;

    const int n = cut_words(words, model, text, argv);
    if (!explore_source_open(&source, n, argv, true, err, &environment)) {
        return false;
    }
    const bool ok = explore_run(&source, &options, &found->explored, &seen, err);
    found->answer = explore_result_good(&found->explored) ? LESSON_NO : LESSON_YES;
    if (ok && races != NULL && seen.n_races > races->n_races) {
        races->n_races = seen.n_races;
        for (uint32_t i = 0; i < seen.n_races; i++) { // bound: EXPLORE_RACES_SHOWN
            race_text(&source, &seen.race[i], races->races[i]);
        }
    }
    explore_source_close(&source);
    return ok;
}

// ---- runs over seeds ----------------------------------------------------------------------------

static bool run_seeds(const struct lesson_claim *claim, const char *words, unsigned model,
                      const char *finding, struct lesson_found *found, char *err)
{
    struct cmd_run_job job = {.name = "lesson",
                              .choices = {.source = VL_SOURCE_SEED, .depth = 3},
                              .n_runs = claim->n_runs,
                              .quiet = true};
    struct cmd_run_result result;
    char text[WORDS_BYTES];
    char *argv[WORDS_MAX];

    lab_scenario_default(&job.scenario);
    const int n = cut_words(words, model, text, argv);
    if (!lab_scenario_parse(&job.scenario, n, argv, err)) {
        return false;
    }
    const int code = cmd_run_scenario(&job, &result);
    if (code == CMD_EXIT_CLEAN) {
        found->answer = LESSON_NO;
        return true;
    }
    if (code == CMD_EXIT_FINDING) {
        found->seed = result.seed;
        found->answer =
            strcmp(result.verdict.kind, NOT_MODELLED) == 0 ? LESSON_REFUSED : LESSON_YES;
        if (found->answer == LESSON_REFUSED || strcmp(result.verdict.kind, finding) == 0) {
            return true;
        }
    }
    (void)snprintf(err, LESSON_ERR_BYTES, "runs of %.200s memory=%s come to %s instead of %s",
                   words, vl_model_name(model), result.verdict.kind, finding);
    return false;
}

// ---- both ---------------------------------------------------------------------------------------

bool lesson_claim_check(const struct lesson_claim *claim, const char *finding,
                        struct lesson_claim_result *result, char *err)
{
    memset(result, 0, sizeof(*result));
    result->as_claimed = true;
    for (unsigned m = 0; m < LESSON_MODELS; m++) {
        struct lesson_found *found = &result->found[m];
        struct lesson_found *fixed = &result->fixed[m];
        found->answer = fixed->answer = LESSON_NOT_ASKED;
        if (claim->expect[m] == LESSON_NOT_ASKED) {
            continue;
        }
        const bool ok = claim->n_runs > 0 ? run_seeds(claim, claim->words, m, finding, found, err)
                                          : explore(claim->words, m, found, result, err);
        if (!ok) {
            return false;
        }
        result->as_claimed = result->as_claimed && found->answer == claim->expect[m];
        if (claim->fixed == NULL) {
            continue;
        }
        const bool fine = claim->n_runs > 0 ? run_seeds(claim, claim->fixed, m, "-", fixed, err)
                                            : explore(claim->fixed, m, fixed, NULL, err);
        if (!fine) {
            return false;
        }
        result->as_claimed = result->as_claimed && fixed->answer == LESSON_NO;
    }
    return true;
}

static void add_reason(const struct lesson_out *out, uint64_t n, const char *what, bool *first)
{
    if (n > 0) {
        (void)fprintf(out->file, "%s%" PRIu64 " %s", *first ? "" : ", ", n, what);
        *first = false;
    }
}

static void print_found(const struct lesson_out *out, const struct lesson_claim *claim, unsigned m,
                        const struct lesson_found *found, bool first_model)
{
    const struct vl_result *r = &found->explored;
    const uint64_t all = r->complete + r->blocked;
    bool first = true;

    (void)fprintf(out->file, "%s%s %s", first_model ? "" : ", ", vl_model_name(m),
                  lesson_answer_name(found->answer));
    if (found->answer == LESSON_NOT_ASKED || found->answer == LESSON_REFUSED) {
        return;
    }
    if (claim->n_runs > 0 && found->answer == LESSON_NO) {
        (void)fprintf(out->file, " (%u runs)", claim->n_runs);
    } else if (claim->n_runs > 0) {
        (void)fprintf(out->file, " (seed %" PRIu64 ")", found->seed);
    } else if (found->answer == LESSON_NO) {
        (void)fprintf(out->file, " (%" PRIu64 "%s)", all, first_model ? " executions" : "");
    } else {
        (void)fprintf(out->file, " (");
        add_reason(out, r->races, "racy", &first);
        add_reason(out, r->stuck, "stuck", &first);
        add_reason(out, r->complete - r->ok, "wrong", &first);
        (void)fprintf(out->file, " of %" PRIu64 ")", all);
    }
}

static void print_all(const struct lesson_out *out, const struct lesson_claim *claim,
                      const char *words, const struct lesson_found *found)
{
    char text[WORDS_BYTES];
    words = no_dash(words);
    (void)snprintf(text, sizeof(text), "vringlab %s %s%s", claim->n_runs > 0 ? "run" : "explore",
                   words, words[0] != '\0' ? " " : "");
    (void)fprintf(out->file, "%smemory=...\n    ", text);
    for (unsigned m = 0; m < LESSON_MODELS; m++) {
        print_found(out, claim, m, &found[m], m == 0);
    }
    (void)fprintf(out->file, "\n");
}

void lesson_claim_print(const struct lesson_out *out, const struct lesson_claim *claim,
                        const struct lesson_claim_result *result)
{
    if (claim->label != NULL) {
        (void)fprintf(out->file, "%s:\n", claim->label);
    }
    print_all(out, claim, claim->words, result->found);
    for (uint32_t i = 0; claim->races && i < result->n_races; i++) { // bound: EXPLORE_RACES_SHOWN
        lesson_wrapped(out, "    race on ", result->races[i]);
    }
}

void lesson_fixed_print(const struct lesson_out *out, const struct lesson_claim *claim,
                        const struct lesson_claim_result *result)
{
    if (claim->fixed != NULL) {
        print_all(out, claim, claim->fixed, result->fixed);
    }
}
