// tools/cmd/explore_halves.c -- a scenario's real driver and device halves as something to explore.
// Each whole execution is run once more as an ordinary run (tools/lab/lab_guide.h) and judged there
// by the referees; so is each bad one, and the smallest of those is the counterexample.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_source.h"
#include "tools/lab/lab_explore.h"
#include "tools/lab/lab_guide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define BAD_MAX 4096u // bad executions that are run, in search of a small one

// What a scenario is here unless its words say otherwise: the smallest one in which everything
// happens. A thousand executions, not billions.
static const char *const small[] = {"transport=direct", "memory=rc11", "queue_size=2",
                                    "indirect=off",     "buffers=2",   "batch=1",
                                    "chain=1",          "bytes=8"};
#define SMALL (sizeof(small) / sizeof(small[0]))

struct halves {
    struct lab_explored *explored;
    struct lab_guide *guide; // NULL: nobody judges
    char err[LAB_ERR_BYTES]; // not "": an execution that the machine cannot follow
    uint32_t n_bad;
    uint64_t n_unjudged; // executions that the machine cannot take
    bool races;          // the model is one under which runs look for races
    bool have;
    struct explore_counterexample kept;
};

static bool claims(int n_words, char *const *words)
{
    return n_words == 0 || words[0][0] == '@' || strchr(words[0], '=') != NULL;
}

static void source_bind(void *ctx, struct vl_explore *x)
{
    const struct halves *h = ctx;
    lab_explore_bind(h->explored, x);
}

// ---- judging ------------------------------------------------------------------------------------

static bool smaller(const struct explore_counterexample *kept, uint32_t n,
                    const struct vl_verdict *v)
{
    return n < kept->input.n || (n == kept->input.n && v->n_events < kept->verdict.n_events);
}

static void keep(struct halves *h, const struct vl_verdict *v)
{
    const struct vl_deviation *list = NULL;
    const uint32_t n = lab_guide_deviations(h->guide, &list);
    struct lab_input *in = &h->kept.input;

    if (h->have && !smaller(&h->kept, n, v)) {
        return;
    }
    if (n > in->max) {
        struct vl_deviation *more = realloc(in->list, n * sizeof(*more));
        if (more == NULL) {
            return; // the one that is kept, if any, is as good a counterexample
        }
        in->list = more;
        in->max = n;
    }
    memcpy(in->list, list, n * sizeof(*list));
    in->n = n;
    in->scenario = *lab_guide_scenario(h->guide);
    in->target = LAB_TARGET_NONE;
    (void)snprintf(in->finding, sizeof(in->finding), "%s", v->kind);
    h->kept.verdict = *v;
    h->have = true;
}

// Run the execution that stands in x. False: it is bad, or could not be run.
static bool judged_clean(struct halves *h, struct vl_explore *x)
{
    char err[LAB_ERR_BYTES];
    const struct vl_verdict *v = lab_guide_run(h->guide, x, err);
    if (v == NULL && lab_guide_orderless(h->guide)) {
        h->n_unjudged++;
        return true;
    }
    if (v == NULL) {
        (void)snprintf(h->err, sizeof(h->err), "%s", err);
        return false;
    }
    if (v->outcome == VL_CLEAN) {
        return true;
    }
    if (lab_guide_sayable(h->guide)) {
        keep(h, v);
    }
    return false;
}

static bool source_holds(void *ctx, struct vl_explore *x)
{
    struct halves *h = ctx;
    // What a race made of it has no order that a machine could follow to its end.
    const bool holds = lab_explore_holds(h->explored);
    const bool judge = h->guide != NULL && vl_x_n_racy(x) == 0;
    return (!judge || judged_clean(h, x)) && holds;
}

static void source_bad(void *ctx, struct vl_explore *x)
{
    struct halves *h = ctx;

    // The first race of an execution is its race. Runs look for races under rc11 only.
    const uint32_t n_racy = vl_x_n_racy(x);
    if (h->guide == NULL || h->n_bad == BAD_MAX || n_racy > 1 || (n_racy > 0 && !h->races)) {
        return;
    }
    h->n_bad++;
    const uint64_t before = h->n_unjudged;
    if (judged_clean(h, x) && h->n_unjudged == before) {
        (void)snprintf(
            h->err, sizeof(h->err),
            "a stuck or racing execution is clean to the referees: a fault of this tool");
    }
}

static uint64_t source_unjudged(void *ctx)
{
    const struct halves *h = ctx;
    return h->n_unjudged;
}

static bool source_counterexample(void *ctx, struct explore_counterexample *out)
{
    const struct halves *h = ctx;
    *out = h->kept;
    return h->have;
}

// ---- words --------------------------------------------------------------------------------------

static const char *source_thread_name(void *ctx, uint32_t thread)
{
    (void)ctx;
    return thread == VL_SIDE_DRIVER ? "driver" : "device";
}

static const char *source_addr_name(void *ctx, uint32_t addr)
{
    const struct halves *h = ctx;
    return lab_explore_addr_name(h->explored, addr);
}

static void source_site_text(void *ctx, const void *site, char *out)
{
    const struct virtq_site *at = site;
    (void)ctx;
    (void)snprintf(out, EXPLORE_TEXT_BYTES, "%s:%u (%s)", at->file, (unsigned)at->line, at->func);
}

static const char *source_refusal(void *ctx)
{
    const struct halves *h = ctx;
    return h->err[0] != '\0' ? h->err : lab_explore_error(h->explored);
}

static void source_close(void *ctx)
{
    struct halves *h = ctx;
    lab_explore_close(h->explored);
    lab_guide_close(h->guide);
    free(h->kept.input.list);
    free(h);
}

// ---- opening ------------------------------------------------------------------------------------

static bool parse(struct lab_scenario *s, int n_words, char *const *words, char *err)
{
    char *argv[WORDS_MAX];

    if (n_words > WORDS_MAX) {
        (void)snprintf(err, EXPLORE_ERR_BYTES, "more than %d words", WORDS_MAX);
        return false;
    }
    lab_scenario_default(s);
    for (size_t i = 0; i < SMALL; i++) {
        char word[64];
        (void)snprintf(word, sizeof(word), "%s", small[i]);
        if (!lab_scenario_set(s, word, err)) {
            return false;
        }
    }
    for (int i = 0; i < n_words; i++) {
        argv[i] = words[i];
    }
    return lab_scenario_parse(s, n_words, argv, err);
}

static bool open_words(struct explore_source *s, int n_words, char *const *words, bool referees,
                       char *err, bool *environment)
{
    struct lab_scenario scenario;
    struct halves *h = NULL;

    if (!parse(&scenario, n_words, words, err)) {
        return false;
    }
    h = calloc(1, sizeof(*h));
    if (h == NULL) {
        *environment = true;
        (void)snprintf(err, EXPLORE_ERR_BYTES, "no memory left");
        return false;
    }
    h->races = scenario.memory == LAB_MEMORY_RC11;
    h->explored = lab_explore_open(&scenario, NULL, err);
    if (h->explored != NULL && referees) {
        h->guide = lab_guide_open(&scenario, NULL, err);
    }
    *s = (struct explore_source){.model = (enum vl_model)scenario.memory,
                                 .ctx = h,
                                 .bind = source_bind,
                                 .holds = source_holds,
                                 .bad = source_bad,
                                 .counterexample = source_counterexample,
                                 .unjudged = source_unjudged,
                                 .thread_name = source_thread_name,
                                 .addr_name = source_addr_name,
                                 .site_text = source_site_text,
                                 .refusal = source_refusal,
                                 .close = source_close};
    const size_t n = lab_scenario_print(&scenario, ' ', false, s->text, sizeof(s->text));
    if (h->explored == NULL || (referees && h->guide == NULL) || n == 0) {
        if (n == 0) {
            (void)snprintf(err, EXPLORE_ERR_BYTES, "the scenario is too long to print");
        }
        source_close(h);
        *s = (struct explore_source){0};
        return false;
    }
    s->program = lab_explore_program(h->explored);
    return true;
}

const struct explore_kind explore_kind_halves = {"halves", claims, open_words};
