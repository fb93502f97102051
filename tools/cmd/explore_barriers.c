// tools/cmd/explore_barriers.c -- vringlab explore --barriers.
// What is explored, and what must come of it: ring/virtq_barrier.h.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_barriers.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/explore_run.h"

#include <string.h>

extern const struct cmd cmd_explore;

#define WORDS_MAX 32
#define SC (1u << VL_MODEL_SC)
#define TSO (1u << VL_MODEL_TSO)
#define RC11 (1u << VL_MODEL_RC11)

// ---- what must come of it -----------------------------------------------------------------------

// What a barrier that is too weak leads to, and where.
//
// Publish and consume: x86 keeps stores in order, and loads, so that only a weaker machine needs
// them; what is not ordered are plain accesses, a data race. Any scenario shows it.
// Check and rearm: each side stores its word, then loads the other's; x86 lets that load go first,
// too. Both sides then see old values, nobody is told, and the side that sleeps does so for ever:
// the device without a kick, the driver without an interrupt.
//
// In flags mode a device suppresses kicks only while it serves a burst, from the second request on,
// so that a kick is lost there with three buffers at least: the first two get it into the burst.
// An event index is always in force; two buffers do. (One is announced whatever the index says.)
static const struct expectation {
    enum virtq_barrier barrier;
    uint32_t needed;     // models, a bit each
    const char *finding; // what its kind begins with
    uint32_t flags;      // buffers from which on flags mode shows it
} expectations[] = {
    {VIRTQ_BARRIER_AVAIL_PUBLISH, RC11, "race:", 1},
    {VIRTQ_BARRIER_AVAIL_CONSUME, RC11, "race:", 1},
    {VIRTQ_BARRIER_USED_PUBLISH, RC11, "race:", 1},
    {VIRTQ_BARRIER_USED_CONSUME, RC11, "race:", 1},
    {VIRTQ_BARRIER_KICK_CHECK, TSO | RC11, "liveness:lost-kick", 3},
    {VIRTQ_BARRIER_KICK_REARM, TSO | RC11, "liveness:lost-kick", 3},
    {VIRTQ_BARRIER_IRQ_CHECK, TSO | RC11, "liveness:lost-interrupt", 2},
    {VIRTQ_BARRIER_IRQ_REARM, TSO | RC11, "liveness:lost-interrupt", 2},
};
#define EXPECTATIONS (sizeof(expectations) / sizeof(expectations[0]))

_Static_assert(EXPECTATIONS == VIRTQ_BARRIER_COUNT - 1, "each barrier has a row");

// Strengths below the one that is written: a full fence can be replaced by any other fence, on an
// index's store or load there is nothing between release or acquire and none.
static const char *const fence_strengths[] = {"none", "acq", "rel", "ar", NULL};
static const char *const access_strengths[] = {"none", NULL};

#define DEFAULT_STRENGTH_(id, name, strength, partner, side, orders)                               \
    [VIRTQ_BARRIER_##id] = strength,
static const enum virtq_order default_strength[VIRTQ_BARRIER_COUNT] = {
    VIRTQ_BARRIERS(DEFAULT_STRENGTH_)};
#undef DEFAULT_STRENGTH_

// ---- what is explored ---------------------------------------------------------------------------

struct words {
    const char *name;
    const char *words; // between blanks
};

static const struct words poll_mode = {"poll", "poll=on event_idx=off"};
static const struct words flags_mode = {"flags", "event_idx=off"};
static const struct words event_mode = {"EVENT_IDX", "event_idx=on"};

// A table of one descriptor is none, and a chain is no longer than its queue: tables want two
// slots.
static const struct words layouts[] = {
    {"queue size 1", "queue_size=1"},
    {"queue size 2", "queue_size=2"},
    {"queue size 2, chains of 2", "queue_size=2 chain=2"},
    {"queue size 2, indirect tables of 2", "queue_size=2 chain=2 indirect=on"},
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static const struct {
    const struct words *mode;
    struct words more;
} extras[] = {
    {&flags_mode, {"queue size 2, two published at once", "queue_size=2 batch=2"}},
    {&flags_mode, {"queue size 4, block device", "queue_size=4 device=blk"}},
    {&poll_mode, {"queue size 4, indirect tables of 2", "queue_size=4 chain=2 indirect=on"}},
    {&event_mode, {"queue size 2, over PCI", "queue_size=2 transport=pci"}},
};
#define EXTRAS (sizeof(extras) / sizeof(extras[0]))

struct search {
    const struct explore_barriers_options *options;
    struct explore_barriers_table *table;
    struct explore_progress progress;
    uint32_t models; // a bit each
    int n_words;     // of the user's, without memory=
    char *word[WORDS_MAX];
    int code;
    char err[EXPLORE_ERR_BYTES];
};

// ---- one scenario -------------------------------------------------------------------------------

// Explore the scenario that these words add up to, and add the result to the row. False: an error.
static bool explore(struct search *s, char *text, struct explore_barriers_row *row)
{
    const struct explore_options options = {.n_shards = 1, .quiet = true};
    char *argv[WORDS_MAX + 16];
    struct explore_source source;
    struct explore_counterexample found;
    struct vl_result result;
    bool environment = false;
    int n = s->n_words;

    memcpy(argv, s->word, (size_t)n * sizeof(argv[0]));
    n += cmd_split(text, " ", argv + n, 16);
    if (!explore_kind_halves.open(&source, n, argv, true, s->err, &environment)) {
        s->code = environment ? CMD_EXIT_ENV : CMD_EXIT_USAGE;
        return false;
    }
    const bool done = explore_run(&source, &options, &result, NULL, s->err);
    if (done) {
        row->executions += result.complete;
        row->blocked += result.blocked;
        row->proved = explore_result_good(&result);
    }
    if (done && !row->proved && source.counterexample(source.ctx, &found)) {
        (void)snprintf(row->finding, sizeof(row->finding), "%.31s", found.verdict.kind);
    }
    explore_source_close(&source);
    s->code = done ? CMD_EXIT_CLEAN : CMD_EXIT_ENV;
    return done;
}

static void progress(struct search *s, const struct explore_barriers_row *row)
{
    if (explore_progress_due(&s->progress)) {
        explore_progress_line(&s->progress, "row %u: %s %s %s, %u buffers, %s", s->table->n + 1,
                              explore_barriers_name(row->barrier), row->strength,
                              vl_model_name(row->model), row->buffers, row->mode);
    }
}

static struct explore_barriers_row *row_open(struct search *s, enum vl_model model,
                                             uint32_t buffers)
{
    VIRTQ_ASSERT(s->table->n < EXPLORE_BARRIERS_ROWS);
    struct explore_barriers_row *row = &s->table->row[s->table->n];
    *row =
        (struct explore_barriers_row){.model = model, .buffers = buffers, .mode = "", .ring = ""};
    return row;
}

static void row_done(struct search *s, const struct explore_barriers_row *row)
{
    s->table->n++;
    s->table->n_unexpected += row->expected ? 0 : 1;
}

// ---- all barriers as written --------------------------------------------------------------------

static bool as_written(struct search *s, const struct words *mode, const struct words *more,
                       uint32_t buffers)
{
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        char text[160];
        if ((s->models >> m & 1u) == 0) {
            continue;
        }
        struct explore_barriers_row *row = row_open(s, (enum vl_model)m, buffers);
        row->mode = mode->name;
        row->ring = more->name;
        (void)snprintf(text, sizeof(text), "%s %s buffers=%u memory=%s", mode->words, more->words,
                       buffers, vl_model_name(m));
        progress(s, row);
        if (!explore(s, text, row)) {
            return false;
        }
        row->expected = row->proved;
        row_done(s, row);
    }
    return true;
}

static bool all_as_written(struct search *s, uint32_t buffers)
{
    static const struct words *const modes[] = {&poll_mode, &flags_mode, &event_mode};

    for (size_t i = 0; i < 3 * LAYOUTS; i++) {
        if (!as_written(s, modes[i / LAYOUTS], &layouts[i % LAYOUTS], buffers)) {
            return false;
        }
    }
    for (size_t i = 0; i < EXTRAS; i++) {
        if (!as_written(s, extras[i].mode, &extras[i].more, buffers)) {
            return false;
        }
    }
    return true;
}

// ---- one barrier weakened -----------------------------------------------------------------------

static bool as_expected(const struct expectation *e, const struct explore_barriers_row *row)
{
    const struct words *where = row->buffers >= e->flags ? &flags_mode : &event_mode;

    if ((e->needed >> row->model & 1u) == 0) {
        return row->proved;
    }
    return !row->proved && strncmp(row->finding, e->finding, strlen(e->finding)) == 0 &&
           strcmp(row->mode, where->name) == 0;
}

static bool weakened(struct search *s, const struct expectation *e, const char *strength,
                     enum vl_model model, uint32_t buffers)
{
    static const struct words *const modes[] = {&flags_mode, &event_mode};
    struct explore_barriers_row *row = row_open(s, model, buffers);

    row->barrier = e->barrier;
    (void)snprintf(row->strength, sizeof(row->strength), "%s", strength);
    row->proved = true;
    for (size_t i = 0; i < 2 && row->proved; i++) {
        char text[160];
        (void)snprintf(text, sizeof(text), "%s buffers=%u memory=%s fault=barrier:%s=%s",
                       modes[i]->words, buffers, vl_model_name(model),
                       explore_barriers_name(e->barrier), strength);
        // What is refuted is told of the scenario that did it, what is proved of both.
        const uint64_t executions = row->executions;
        const uint64_t blocked = row->blocked;
        row->mode = modes[i]->name;
        progress(s, row);
        if (!explore(s, text, row)) {
            return false;
        }
        row->executions -= row->proved ? 0 : executions;
        row->blocked -= row->proved ? 0 : blocked;
    }
    row->mode = row->proved ? "" : row->mode;
    row->expected = as_expected(e, row);
    row_done(s, row);
    return true;
}

static bool under_each_model(struct search *s, const struct expectation *e, const char *strength,
                             uint32_t buffers)
{
    for (unsigned m = 0; m < VL_MODEL_COUNT; m++) {
        if ((s->models >> m & 1u) != 0 && !weakened(s, e, strength, (enum vl_model)m, buffers)) {
            return false;
        }
    }
    return true;
}

static bool each_weakened(struct search *s, uint32_t buffers)
{
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        const struct expectation *e = &expectations[i];
        const char *const *strength =
            default_strength[e->barrier] == VIRTQ_SEQ_CST ? fence_strengths : access_strengths;
        for (; *strength != NULL; strength++) { // bound: strengths
            if (!under_each_model(s, e, *strength, buffers)) {
                return false;
            }
        }
    }
    return true;
}

// ---- the command --------------------------------------------------------------------------------

// The user's words: what the table says itself is refused.
static bool take_words(struct search *s)
{
    static const char *const own[] = {"buffers=", "event_idx=", "poll=", "fault=", "@"};
    enum vl_model model = VL_MODEL_SC;
    bool ok = false;

    for (int i = 0; i < s->options->n_words; i++) {
        char *word = s->options->words[i];
        for (size_t j = 0; j < sizeof(own) / sizeof(own[0]); j++) {
            if (strncmp(word, own[j], strlen(own[j])) == 0) {
                (void)snprintf(s->err, sizeof(s->err), "%.60s: --barriers says that itself", word);
                return false;
            }
        }
        if (explore_source_memory(word, &model, &ok)) {
            s->models = ok ? 1u << model : 0;
        } else if (s->n_words < WORDS_MAX) {
            s->word[s->n_words++] = word;
        }
        if (s->models == 0 || s->n_words == WORDS_MAX) {
            (void)snprintf(s->err, sizeof(s->err), "%.60s: %s", word,
                           s->models == 0 ? "memory is sc, tso or rc11" : "too many words");
            return false;
        }
    }
    return true;
}

static bool fill(struct search *s)
{
    return all_as_written(s, 1) && all_as_written(s, 2) && each_weakened(s, 2) &&
           (s->options->quick || (all_as_written(s, 3) && each_weakened(s, 3)));
}

int explore_barriers(const struct explore_barriers_options *options)
{
    struct explore_barriers_table table = {0};
    struct search s = {.options = options, .table = &table, .models = SC | TSO | RC11};

    if (!take_words(&s)) {
        return cmd_usage(&cmd_explore, "%s", s.err);
    }
    explore_progress_start(&s.progress, options->quiet);
    const bool filled = fill(&s);
    explore_progress_wipe(&s.progress);
    if (!filled) {
        return s.code == CMD_EXIT_USAGE ? cmd_usage(&cmd_explore, "%s", s.err)
                                        : cmd_fail("explore", s.code, "%s", s.err);
    }
    explore_barriers_print(&table, options->form);
    return table.n_unexpected == 0 ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
}
