// tools/cmd/explore_barriers_print.c -- the table of barriers as text, as Markdown, as JSON.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/explore_barriers.h"

#include <inttypes.h>
#include <string.h>

#define BARRIER_NAME_(id, name, strength, partner, side, orders) [VIRTQ_BARRIER_##id] = name,
static const char *const names[VIRTQ_BARRIER_COUNT] = {"", VIRTQ_BARRIERS(BARRIER_NAME_)};
#undef BARRIER_NAME_

const char *explore_barriers_name(enum virtq_barrier barrier)
{
    return names[barrier];
}

// Do two rows stand in one block: weakened or not, one and two buffers together?
static bool same_block(const struct explore_barriers_row *a, const struct explore_barriers_row *b)
{
    return (a->barrier == VIRTQ_BARRIER_NONE) == (b->barrier == VIRTQ_BARRIER_NONE) &&
           (a->buffers > 2) == (b->buffers > 2);
}

static const char *block_name(const struct explore_barriers_row *row)
{
    if (row->barrier == VIRTQ_BARRIER_NONE) {
        return row->buffers > 2 ? "All barriers as written, three buffers"
                                : "All barriers as written, one and two buffers";
    }
    return row->buffers > 2 ? "One barrier weakened, three buffers"
                            : "One barrier weakened, two buffers";
}

// Do two rows differ in the model alone?
static bool same_line(const struct explore_barriers_row *a, const struct explore_barriers_row *b)
{
    const bool same = same_block(a, b) && a->barrier == b->barrier && a->buffers == b->buffers;
    if (a->barrier != VIRTQ_BARRIER_NONE) {
        return same && strcmp(a->strength, b->strength) == 0;
    }
    return same && strcmp(a->mode, b->mode) == 0 && strcmp(a->ring, b->ring) == 0;
}

// ---- text ---------------------------------------------------------------------------------------

static void print_text(const struct explore_barriers_table *t)
{
    uint32_t n_proved = 0;
    uint64_t n_all = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        const struct explore_barriers_row *r = &t->row[i];
        if (i == 0 || !same_block(r, r - 1)) {
            (void)printf("%s%s\n", i > 0 ? "\n" : "", block_name(r));
        }
        if (r->barrier == VIRTQ_BARRIER_NONE) {
            (void)printf("%-9s %-36s buffers=%" PRIu32, r->mode, r->ring, r->buffers);
        } else {
            (void)printf("%-13s %-4s buffers=%" PRIu32, names[r->barrier], r->strength, r->buffers);
        }
        (void)printf(" %-4s %-7s %7" PRIu64 "+%-6" PRIu64, vl_model_name(r->model),
                     r->proved ? "proved" : "refuted", r->executions, r->blocked);
        if (!r->proved) {
            (void)printf(" %s%s%s", r->finding, r->barrier != VIRTQ_BARRIER_NONE ? " in " : "",
                         r->barrier != VIRTQ_BARRIER_NONE ? r->mode : "");
        }
        (void)printf("%s\n", r->expected ? "" : " UNEXPECTED");
        n_proved += r->proved;
        n_all += r->executions + r->blocked;
    }
    (void)printf("\nrows=%" PRIu32 " proved=%" PRIu32 " refuted=%" PRIu32 " unexpected=%" PRIu32
                 " executions=%" PRIu64 "\n",
                 t->n, n_proved, t->n - n_proved, t->n_unexpected, n_all);
}

// ---- Markdown -----------------------------------------------------------------------------------

static void print_heading(const struct explore_barriers_table *t, uint32_t at)
{
    const struct explore_barriers_row *r = &t->row[at];
    const bool as_written = r->barrier == VIRTQ_BARRIER_NONE;
    uint32_t n = 0;

    (void)printf("%s### %s\n\n| %s |", at > 0 ? "\n" : "", block_name(r),
                 as_written ? "notification | queue | buffers" : "barrier | strength");
    for (; at + n < t->n && same_line(r, r + n); n++) { // bound: models
        (void)printf(" %s |", vl_model_name(r[n].model));
    }
    (void)printf("\n|%s", as_written ? " --- | --- | --- |" : " --- | --- |");
    while (n-- > 0) {
        (void)printf(" --- |");
    }
    (void)printf("\n");
}

static void print_cell(const struct explore_barriers_row *r)
{
    if (r->proved) {
        (void)printf(" proved, %" PRIu64 "+%" PRIu64, r->executions, r->blocked);
    } else {
        (void)printf(" **%s**%s%s, %" PRIu64 "+%" PRIu64, r->finding,
                     r->barrier != VIRTQ_BARRIER_NONE ? " in " : "",
                     r->barrier != VIRTQ_BARRIER_NONE ? r->mode : "", r->executions, r->blocked);
    }
    (void)printf("%s |", r->expected ? "" : " UNEXPECTED");
}

static void print_markdown(const struct explore_barriers_table *t)
{
    for (uint32_t i = 0; i < t->n;) { // bound: rows
        const struct explore_barriers_row *first = &t->row[i];
        if (i == 0 || !same_block(first, first - 1)) {
            print_heading(t, i);
        }
        if (first->barrier == VIRTQ_BARRIER_NONE) {
            (void)printf("| %s | %s | %" PRIu32 " |", first->mode, first->ring, first->buffers);
        } else {
            (void)printf("| `%s` | %s |", names[first->barrier], first->strength);
        }
        while (i < t->n && same_line(first, &t->row[i])) { // bound: models
            print_cell(&t->row[i++]);
        }
        (void)printf("\n");
    }
}

// ---- JSON ---------------------------------------------------------------------------------------

// No text in it holds what JSON would want escaped.
static void print_json(const struct explore_barriers_table *t)
{
    (void)printf("{\"rows\": [");
    for (uint32_t i = 0; i < t->n; i++) {
        const struct explore_barriers_row *r = &t->row[i];
        (void)printf("%s\n  {", i > 0 ? "," : "");
        if (r->barrier == VIRTQ_BARRIER_NONE) {
            (void)printf("\"barrier\": null, \"notification\": \"%s\", \"queue\": \"%s\"", r->mode,
                         r->ring);
        } else {
            (void)printf("\"barrier\": \"%s\", \"strength\": \"%s\"", names[r->barrier],
                         r->strength);
        }
        (void)printf(", \"buffers\": %" PRIu32 ", \"model\": \"%s\", \"verdict\": \"%s\"",
                     r->buffers, vl_model_name(r->model), r->proved ? "proved" : "refuted");
        if (!r->proved) {
            (void)printf(", \"finding\": \"%s\", \"in\": \"%s\"", r->finding, r->mode);
        }
        (void)printf(", \"executions\": %" PRIu64 ", \"blocked\": %" PRIu64 ", \"expected\": %s}",
                     r->executions, r->blocked, r->expected ? "true" : "false");
    }
    (void)printf("\n], \"unexpected\": %" PRIu32 "}\n", t->n_unexpected);
}

void explore_barriers_print(const struct explore_barriers_table *t, enum explore_barriers_form form)
{
    switch (form) {
    case EXPLORE_BARRIERS_TEXT: print_text(t); break;
    case EXPLORE_BARRIERS_MARKDOWN: print_markdown(t); break;
    case EXPLORE_BARRIERS_JSON: print_json(t); break;
    }
}
