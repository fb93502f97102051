// tools/cmd/explore_run.c -- exploring a source once, and what is printed of it.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    interrupted = signal_number;
}

void explore_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool explore_interrupted(void)
{
    return interrupted != 0;
}

static uint64_t now_ns(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t explore_cpu_ns(void)
{
    return now_ns(CLOCK_PROCESS_CPUTIME_ID);
}

// ---- progress -----------------------------------------------------------------------------------

void explore_progress_start(struct explore_progress *p, bool quiet)
{
    *p = (struct explore_progress){.on = !quiet, .terminal = isatty(STDERR_FILENO) == 1};
    p->start_ns = now_ns(CLOCK_MONOTONIC);
    p->last_ns = p->start_ns;
}

bool explore_progress_due(struct explore_progress *p)
{
    if (!p->on) {
        return false;
    }
    const uint64_t now = now_ns(CLOCK_MONOTONIC);
    if (now - p->last_ns < (p->terminal ? 100000000u : 10000000000u)) {
        return false;
    }
    p->last_ns = now;
    return true;
}

void explore_progress_line(struct explore_progress *p, const char *format, ...)
{
    va_list args;
    (void)fputs(p->terminal ? "\r\033[K" : "", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    if (!p->terminal) {
        (void)fputc('\n', stderr);
    }
    p->drawn = p->terminal;
    (void)fflush(stderr);
}

void explore_progress_wipe(struct explore_progress *p)
{
    if (p->drawn) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
        p->drawn = false;
    }
}

double explore_progress_seconds(const struct explore_progress *p)
{
    return (double)(now_ns(CLOCK_MONOTONIC) - p->start_ns) / 1e9;
}

// ---- one exploration ----------------------------------------------------------------------------

struct run {
    const struct explore_source *source;
    const struct explore_options *options;
    struct vl_result *result;
    struct explore_seen *seen;
    struct explore_progress progress;
};

static bool refused(const struct explore_source *s)
{
    return s->refusal != NULL && s->refusal(s->ctx) != NULL;
}

static bool on_execution(void *ctx, struct vl_explore *x, enum vl_x_outcome outcome)
{
    struct run *run = ctx;
    if (outcome == VL_X_COMPLETE && run->source->holds(run->source->ctx, x)) {
        run->result->ok++;
    }
    if (outcome == VL_X_STUCK && run->source->bad != NULL && vl_x_n_racy(x) == 0) {
        run->source->bad(run->source->ctx, x);
    }
    return !refused(run->source);
}

static bool same_race(const struct explore_race *a, const struct vl_x_race *b)
{
    return a->site[0] == b->site[0] && a->site[1] == b->site[1] && a->store[0] == b->store[0] &&
           a->store[1] == b->store[1] && a->thread[0] == b->thread[0];
}

static bool on_race(void *ctx, struct vl_explore *x, const struct vl_x_race *race)
{
    struct run *run = ctx;
    struct explore_seen *seen = run->seen;
    if (run->source->bad != NULL) {
        run->source->bad(run->source->ctx, x);
    }
    if (refused(run->source)) {
        return false;
    }
    if (seen == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < seen->n_races; i++) {
        if (same_race(&seen->race[i], race)) {
            return true;
        }
    }
    if (seen->n_races < EXPLORE_RACES_SHOWN) {
        struct explore_race *r = &seen->race[seen->n_races++];
        memcpy(r->thread, race->thread, sizeof(r->thread));
        memcpy(r->site, race->site, sizeof(r->site));
        memcpy(r->store, race->store, sizeof(r->store));
        r->addr = race->addr;
        r->len = race->len;
    }
    return true;
}

static bool on_progress(void *ctx, struct vl_explore *x)
{
    struct run *run = ctx;
    if (explore_progress_due(&run->progress)) {
        const struct vl_x_counts *c = vl_x_counts(x);
        const double seconds = explore_progress_seconds(&run->progress);
        const double all = (double)(c->complete + c->blocked);
        const char *heading = run->options->heading;
        explore_progress_line(&run->progress,
                              "%s%s%" PRIu64 " executions, %" PRIu64
                              " blocked, %.0f s, %.0f a second",
                              heading != NULL ? heading : "", heading != NULL ? ": " : "",
                              c->complete, c->blocked, seconds, seconds > 0 ? all / seconds : 0);
    }
    return interrupted == 0;
}

static void take_counts(struct vl_result *r, const struct vl_x_counts *c, bool distinct)
{
    r->complete = c->complete;
    r->blocked = c->blocked;
    r->stuck = c->stuck;
    r->races = c->races;
    r->distinct = c->distinct;
    r->events_max = c->events_max;
    r->memory_bytes = c->memory_bytes;
    r->counted_distinct = distinct;
}

static bool ended(const struct explore_source *s, enum vl_x_result result,
                  const struct vl_explore *x, char *err)
{
    const char *refusal = s->refusal != NULL ? s->refusal(s->ctx) : NULL;

    switch (result) {
    case VL_X_DONE: return true;
    case VL_X_STOPPED:
        (void)snprintf(err, EXPLORE_ERR_BYTES, "%s",
                       refusal != NULL ? refusal : "interrupted; nothing is proved");
        return false;
    case VL_X_TOO_LARGE:
    case VL_X_REFUSED:
    case VL_X_NOT_DETERMINISTIC:
        (void)snprintf(err, EXPLORE_ERR_BYTES, "%s", refusal != NULL ? refusal : vl_x_error(x));
        return false;
    }
    return false;
}

bool explore_run(const struct explore_source *s, const struct explore_options *options,
                 struct vl_result *result, struct explore_seen *seen, char *err)
{
    struct run run = {.source = s, .options = options, .result = result, .seen = seen};
    const struct vl_x_config config = {.model = s->model,
                                       .rules = VL_RULES_ALL,
                                       .shard = options->shard,
                                       .n_shards = options->n_shards,
                                       .count_distinct = options->count_distinct,
                                       .ctx = &run,
                                       .on_execution = on_execution,
                                       .on_race = on_race,
                                       .on_progress = on_progress};

    memset(result, 0, sizeof(*result));
    if (seen != NULL) {
        memset(seen, 0, sizeof(*seen));
    }
    explore_progress_start(&run.progress, options->quiet);
    const uint64_t start = explore_cpu_ns();
    struct vl_explore *x = vl_x_open(s->program, &config);
    if (x == NULL) {
        (void)snprintf(err, EXPLORE_ERR_BYTES, "no memory left to explore");
        return false;
    }
    s->bind(s->ctx, x);
    const bool done = ended(s, vl_x_run(x), x, err);
    take_counts(result, vl_x_counts(x), options->count_distinct);
    result->cpu_ns = explore_cpu_ns() - start;
    vl_x_close(x);
    explore_progress_wipe(&run.progress);
    return done;
}

// ---- what is printed ----------------------------------------------------------------------------

bool explore_result_good(const struct vl_result *r)
{
    return r->ok == r->complete && r->stuck == 0 && r->races == 0;
}

static const char *verdict(uint32_t n_shards, const struct vl_result *r)
{
    if (!explore_result_good(r)) {
        return "refuted";
    }
    return n_shards > 1 ? "proved-in-part" : "proved";
}

struct rates {
    double seconds;
    double complete;
    double all;
};

static struct rates rates_of(const struct vl_result *r)
{
    const double seconds = (double)r->cpu_ns / 1e9;
    const double per = seconds > 0 ? 1 / seconds : 0;
    return (struct rates){seconds, (double)r->complete * per,
                          (double)(r->complete + r->blocked) * per};
}

void explore_print(const char *text, uint32_t shard, uint32_t n_shards, const struct vl_result *r)
{
    const struct rates rate = rates_of(r);
    (void)printf("explored %s", text);
    if (n_shards > 1) {
        (void)printf(" shard=%" PRIu32 "/%" PRIu32, shard, n_shards);
    }
    (void)printf("\n");
    if (r->ok != r->complete) {
        (void)printf("violating: %" PRIu64 " of %" PRIu64
                     " complete executions end with something that does not hold\n",
                     r->complete - r->ok, r->complete);
    }
    if (r->stuck != 0) {
        (void)printf("stuck: in %" PRIu64 " executions somebody waits for ever\n", r->stuck);
    }
    if (r->races != 0) {
        (void)printf("racy: in %" PRIu64 " executions plain accesses race\n", r->races);
    }
    if (r->counted_distinct) {
        (void)printf("distinct=%" PRIu64 " of %" PRIu64 " looked at\n", r->distinct,
                     r->complete + r->blocked);
    }
    (void)printf("executions=%" PRIu64 " violating=%" PRIu64 " blocked=%" PRIu64 " stuck=%" PRIu64
                 " races=%" PRIu64 " events-max=%" PRIu64
                 " seconds=%.2f executions-per-second=%.0f (complete+blocked: %.0f) memory=%" PRIu64
                 " verdict=%s\n",
                 r->complete, r->complete - r->ok, r->blocked, r->stuck, r->races, r->events_max,
                 rate.seconds, rate.complete, rate.all, r->memory_bytes, verdict(n_shards, r));
}

// The text holds nothing that JSON would want escaped: words of knobs and names.
void explore_print_json(const char *text, uint32_t shard, uint32_t n_shards,
                        const struct vl_result *r)
{
    const struct rates rate = rates_of(r);
    (void)printf("{\"explored\": \"%s\", \"shard\": %" PRIu32 ", \"shards\": %" PRIu32
                 ", \"executions\": %" PRIu64 ", \"ok\": %" PRIu64 ", \"violating\": %" PRIu64
                 ", \"blocked\": %" PRIu64 ", \"stuck\": %" PRIu64 ", \"races\": %" PRIu64
                 ", \"events_max\": %" PRIu64 ", \"seconds\": %.6f"
                 ", \"executions_per_second\": %.1f, \"all_per_second\": %.1f"
                 ", \"memory_bytes\": %" PRIu64,
                 text, shard, n_shards, r->complete, r->ok, r->complete - r->ok, r->blocked,
                 r->stuck, r->races, r->events_max, rate.seconds, rate.complete, rate.all,
                 r->memory_bytes);
    if (r->counted_distinct) {
        (void)printf(", \"distinct\": %" PRIu64, r->distinct);
    }
    (void)printf(", \"verdict\": \"%s\"}\n", verdict(n_shards, r));
}

void explore_print_races(const struct explore_source *s, const struct explore_seen *seen)
{
    char site[2][EXPLORE_TEXT_BYTES];
    for (uint32_t i = 0; i < seen->n_races; i++) {
        const struct explore_race *r = &seen->race[i];
        for (unsigned j = 0; j < 2; j++) {
            s->site_text(s->ctx, r->site[j], site[j]);
        }
        (void)printf("race: %s, %" PRIu32 " bytes: %s by the %s at %s, %s by the %s at %s\n",
                     s->addr_name(s->ctx, r->addr), r->len, r->store[0] ? "stored" : "loaded",
                     s->thread_name(s->ctx, r->thread[0]), site[0],
                     r->store[1] ? "stored" : "loaded", s->thread_name(s->ctx, r->thread[1]),
                     site[1]);
    }
}
