// tools/cmd/bench_bugs_svg.c -- the trials as a picture: medians of each bug, and what is found by
// when. Spec: SVG 1.1. One file, no script, no font but the viewer's own.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/bench_bugs.h"

#include "tools/cmd/cmd_output.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// All lengths in the picture's own units. Left the bugs, right two panels below each other.
#define ROW 17.0
#define HEADING 24.0
#define TOP 96.0
#define LABEL_X 262.0
#define PLOT_X 276.0
#define PLOT_W 470.0
#define SIDE_X 830.0
#define SIDE_W 400.0
#define CURVE_H 250.0
#define BAR 22.0
#define WIDTH 1270.0
#define DECADES_MAX 9
#define INK "#222222"
#define FAINT "#dddddd"

struct picture {
    FILE *f;
    const struct bugs *b;
    int decades;   // the axis goes from 1 to 10^decades
    double bottom; // of the plot of bugs
};

// ---- parts ------------------------------------------------------------------------------------

static void text(const struct picture *p, double x, double y, const char *anchor, double size,
                 const char *more, const char *what)
{
    (void)fprintf(p->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%.0f\" %s>", x,
                  y, anchor, size, more);
    for (; *what != '\0'; what++) { // bound: the text
        if (*what == '<' || *what == '&' || *what == '>') {
            (void)fprintf(p->f, "&#%d;", *what);
        } else {
            (void)fputc(*what, p->f);
        }
    }
    (void)fputs("</text>\n", p->f);
}

static void line(const struct picture *p, double x1, double y1, double x2, double y2,
                 const char *colour, double width)
{
    (void)fprintf(p->f,
                  "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                  "stroke-width=\"%.1f\"/>\n",
                  x1, y1, x2, y2, colour, width);
}

static void disc(const struct picture *p, double x, double y, double r, const char *colour)
{
    (void)fprintf(p->f,
                  "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" stroke=\"#ffffff\" "
                  "stroke-width=\"0.8\"/>\n",
                  x, y, r, colour);
}

// Not found in half of the trials: an open arrow head to the right of what they ran.
static void arrow(const struct picture *p, double x, double y, double r, const char *colour)
{
    (void)fprintf(p->f,
                  "<path d=\"M %.1f %.1f l %.1f %.1f l %.1f %.1f z\" fill=\"#ffffff\" "
                  "stroke=\"%s\" stroke-width=\"1.6\"/>\n",
                  x - r, y - r, 2 * r, r, -2 * r, r, colour);
}

static double at(const struct picture *p, double x, double width, double value)
{
    const double share = log10(value < 1 ? 1 : value) / p->decades;
    return x + width * (share > 1 ? 1 : share);
}

// Powers of ten: a line and a number for each.
static void axis(const struct picture *p, double x, double width, double top, double bottom)
{
    static const char *const names[] = {"1",           "10",      "100",       "1 000",
                                        "10 000",      "100 000", "1 million", "10 million",
                                        "100 million", "10^9"};
    for (int d = 0; d <= p->decades; d++) {
        const double place = x + width * d / p->decades;
        line(p, place, top, place, bottom, FAINT, d == 0 ? 1.4 : 1.0);
        text(p, place, bottom + 16, "middle", 11, "fill=\"" INK "\"", names[d]);
    }
}

// ---- the bugs ---------------------------------------------------------------------------------

// Marks in one place show as rings, ours on top and smallest.
static const double radii[BUGS_CONFIG_COUNT] = {
    [BUGS_OURS] = 4.0, [BUGS_BYTES] = 5.8, [BUGS_STATES] = 7.4, [BUGS_NAIVE] = 4.6};

static void draw_bug(const struct picture *p, const struct bugs_entry *e, double y)
{
    double lowest = PLOT_X + PLOT_W;
    double highest = PLOT_X;
    struct bugs_figures f[BUGS_CONFIG_COUNT];

    for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
        f[c] = bugs_figures(e, (enum bugs_config)c);
        if (p->b->wanted[c] && f[c].n > 0) {
            const double x = at(p, PLOT_X, PLOT_W, f[c].execs.value);
            lowest = x < lowest ? x : lowest;
            highest = x > highest ? x : highest;
        }
    }
    text(p, LABEL_X, y + 4, "end", 11, "fill=\"" INK "\"", e->name);
    if (highest > lowest) {
        line(p, lowest, y, highest, y, "#aaaaaa", 2);
    }
    static const enum bugs_config order[] = {BUGS_NAIVE, BUGS_STATES, BUGS_BYTES, BUGS_OURS};
    for (unsigned i = 0; i < BUGS_CONFIG_COUNT; i++) {
        const enum bugs_config c = order[i];
        const double x = at(p, PLOT_X, PLOT_W, f[c].execs.value);
        if (!p->b->wanted[c] || f[c].n == 0) {
            continue;
        }
        if (f[c].execs.at_least) {
            arrow(p, x, y, radii[c], bugs_configs[c].colour);
        } else {
            disc(p, x, y, radii[c], bugs_configs[c].colour);
        }
    }
}

// Returns where the last row ends. Draws only if p has a file.
static double rows(const struct picture *p)
{
    const char *class = "";
    double y = TOP;

    for (uint32_t i = 0; i < p->b->n; i++) {
        const struct bugs_entry *e = &p->b->entry[i];
        if (strcmp(e->class, class) != 0) {
            class = e->class;
            y += HEADING;
            if (p->f != NULL) {
                text(p, LABEL_X, y - 3, "end", 12, "font-weight=\"bold\" fill=\"" INK "\"",
                     strcmp(class, "control") == 0 ? "without a fault" : class);
                line(p, PLOT_X, y - 7, PLOT_X + PLOT_W, y - 7, "#f0f0f0", 10);
            }
        }
        if (p->f != NULL) {
            draw_bug(p, e, y + ROW / 2);
        }
        y += ROW;
    }
    return y;
}

// ---- what is found by when --------------------------------------------------------------------

// Every trial of every bug with a configuration.
static uint32_t pool(const struct bugs *b, unsigned config, struct survival_time *times)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n; i++) {
        for (uint32_t t = 0; t < b->n_trials && !bugs_is_control(&b->entry[i]); t++) {
            const struct bugs_trial *trial = &b->entry[i].trial[config][t];
            if (trial->done) {
                times[n++] =
                    (struct survival_time){.at = (double)trial->execs, .censored = !trial->found};
            }
        }
    }
    return n;
}

static void draw_curve(const struct picture *p, unsigned config, double top,
                       struct survival_time *times, struct survival_step *steps)
{
    const uint32_t n = pool(p->b, config, times);
    const uint32_t n_steps = survival_curve(times, n, steps);
    double y = top + CURVE_H;

    if (n == 0) {
        return;
    }
    (void)fprintf(p->f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2.2\" d=\"M %.1f %.1f",
                  bugs_configs[config].colour, SIDE_X, y);
    for (uint32_t i = 0; i < n_steps; i++) {
        y = top + CURVE_H * steps[i].share;
        (void)fprintf(p->f, " H %.1f V %.1f", at(p, SIDE_X, SIDE_W, steps[i].at), y);
    }
    const double end = at(p, SIDE_X, SIDE_W, times[n - 1].at);
    (void)fprintf(p->f, " H %.1f\"/>\n", end);
    if (end < SIDE_X + SIDE_W - 14) { // measured no further
        line(p, end, y - 5, end, y + 5, bugs_configs[config].colour, 2.2);
    }
}

static bool draw_curves(const struct picture *p, double top)
{
    const size_t room = (size_t)BUGS_MAX * BUGS_TRIALS_MAX;
    struct survival_time *times = calloc(room, sizeof(*times));
    struct survival_step *steps = calloc(room, sizeof(*steps));
    const bool ok = times != NULL && steps != NULL;
    char name[16];

    text(p, SIDE_X, top - 14, "start", 13, "font-weight=\"bold\" fill=\"" INK "\"",
         "Trials that have found their bug");
    axis(p, SIDE_X, SIDE_W, top, top + CURVE_H);
    for (int i = 0; i <= 4; i++) {
        const double y = top + CURVE_H - CURVE_H * i / 4;
        line(p, SIDE_X, y, SIDE_X + SIDE_W, y, FAINT, i == 0 ? 1.4 : 1.0);
        (void)snprintf(name, sizeof(name), "%d %%", 25 * i);
        text(p, SIDE_X - 6, y + 4, "end", 11, "fill=\"" INK "\"", name);
    }
    for (unsigned i = BUGS_CONFIG_COUNT; ok && i > 0; i--) {
        if (p->b->wanted[i - 1]) {
            draw_curve(p, i - 1, top, times, steps);
        }
    }
    text(p, SIDE_X + SIDE_W / 2, top + CURVE_H + 34, "middle", 11, "fill=\"" INK "\"",
         "executions (Kaplan-Meier, all bugs; a bar ends what was measured)");
    free(times);
    free(steps);
    return ok;
}

// ---- ratios by class --------------------------------------------------------------------------

static void draw_ratio(const struct picture *p, const char *class, double y)
{
    const struct bugs_summary s = bugs_summary(p->b, class);
    const double x = SIDE_X + 100;
    const double width = SIDE_W - 190;
    char value[64];

    text(p, x - 8, y + 4, "end", 11, "fill=\"" INK "\"", class != NULL ? class : "all");
    if (s.n_ratios == 0) {
        text(p, x + 7 + width / p->decades, y + 4, "start", 11, "fill=\"#777777\"",
             "ours has no median");
        return;
    }
    const double v = s.execs_middle.value;
    const double share = log10(v < 1 ? 1 : v) / p->decades;
    (void)fprintf(p->f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"11\" fill=\"%s\"/>\n",
                  x, y - 5.5, 1 + width * share,
                  v < 1           ? "#cc3311"
                  : class != NULL ? "#88a8c8"
                                  : INK);
    (void)snprintf(value, sizeof(value), "%s%.*f  (%" PRIu32 " of %" PRIu32 " bugs)",
                   s.execs_middle.at_least ? ">= " : "", v < 10 ? 1 : 0, v, s.n_ratios, s.n);
    text(p, x + 7 + width * share, y + 4, "start", 11, "fill=\"" INK "\"", value);
}

static void draw_ratios(const struct picture *p, double top)
{
    double y = top + BAR;
    double bottom = y + 10;

    for (const char *class = bugs_next_class(p->b, NULL); class != NULL;
         class = bugs_next_class(p->b, class)) { // bound: classes
        bottom += BAR;
    }
    text(p, SIDE_X, top, "start", 13, "font-weight=\"bold\" fill=\"" INK "\"",
         "Executions of naive / ours, middle ratio of a class");
    for (int d = 0; d < 2; d++) { // even, and ten times as many
        const double x = SIDE_X + 100 + d * (SIDE_W - 190) / p->decades;
        line(p, x, top + 8, x, bottom, "#888888", 0.8);
        text(p, x, bottom + 14, "middle", 10, "fill=\"" INK "\"", d == 0 ? "1" : "10");
    }
    for (const char *class = bugs_next_class(p->b, NULL); class != NULL;
         class = bugs_next_class(p->b, class)) { // bound: classes
        draw_ratio(p, class, y);
        y += BAR;
    }
    draw_ratio(p, NULL, y);
}

// ---- the whole --------------------------------------------------------------------------------

static void draw_legend(const struct picture *p)
{
    double x = PLOT_X;
    double y = 50;

    text(p, 20, 28, "start", 17, "font-weight=\"bold\" fill=\"" INK "\"",
         "Executions until a bug is found");
    for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
        if (!p->b->wanted[c]) {
            continue;
        }
        disc(p, x, y - 4, radii[c], bugs_configs[c].colour);
        text(p, x + 10, y, "start", 12, "fill=\"" INK "\"", bugs_configs[c].name);
        text(p, x + 70, y, "start", 12, "fill=\"#555555\"", bugs_configs[c].text);
        y += 17;
        if (y > 80) {
            y = 50;
            x += 400;
        }
    }
    arrow(p, x, y - 4, 4.5, "#555555");
    text(p, x + 10, y, "start", 12, "fill=\"#555555\"",
         "not found in half of the trials: the median is beyond");
}

static void draw_notes(const struct picture *p)
{
    char note[256];

    axis(p, PLOT_X, PLOT_W, TOP, p->bottom);
    (void)snprintf(note, sizeof(note),
                   "executions, medians of %" PRIu32 " trial%s (Kaplan-Meier) from an empty corpus",
                   p->b->n_trials, p->b->n_trials == 1 ? "" : "s");
    text(p, PLOT_X + PLOT_W / 2, p->bottom + 34, "middle", 11, "fill=\"" INK "\"", note);
}

static int decades_of(const struct bugs *b)
{
    uint64_t most = 10;
    int decades = 0;

    for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
        most = b->wanted[c] && b->cap[c] > most ? b->cap[c] : most;
    }
    for (uint64_t power = 1; power < most && decades < DECADES_MAX; power *= 10) {
        decades++;
    }
    return decades;
}

static bool draw(struct picture *p)
{
    const double least = TOP + CURVE_H + 120 + 16 * BAR;
    const double height = (p->bottom > least ? p->bottom : least) + 50;

    (void)fprintf(p->f,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "viewBox=\"0 0 %.0f %.0f\" font-family=\"DejaVu Sans, Arial, sans-serif\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                  WIDTH, height, WIDTH, height);
    draw_legend(p);
    draw_notes(p);
    (void)rows(p);
    const bool ok = draw_curves(p, TOP + 20);
    if (p->b->wanted[BUGS_OURS] && p->b->wanted[BUGS_NAIVE]) {
        draw_ratios(p, TOP + CURVE_H + 100);
    }
    (void)fputs("</svg>\n", p->f);
    return ok;
}

bool bugs_write_svg(const struct bugs *b, const char *path, char err[BUGS_ERR_BYTES])
{
    struct picture p = {.b = b, .decades = decades_of(b)};
    char *data = NULL;
    size_t bytes = 0;

    p.bottom = rows(&p);
    p.f = open_memstream(&data, &bytes);
    bool ok = p.f != NULL && draw(&p);
    ok = p.f != NULL && fclose(p.f) == 0 && ok;
    if (!ok) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: no memory left", path);
    } else {
        ok = cmd_write_file(path, data, bytes, err);
    }
    free(data);
    return ok;
}
