// tools/cmd/ring_like.c -- which bugs that are known here leave a ring in the same shape.
// A shape is the set of marks on a ring: what is wrong with it, without its numbers. Nothing is
// stored: each bug's input is run, and its last ring judged by the same code as the dump.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_like.h"

#include "tools/cmd/cmd_json.h"
#include "tools/cmd/cmd_tree.h"
#include "tools/cmd/ring_from.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES (CMD_TREE_PATH_BYTES + 320u)
// Of advice: what may hang. A full ring alone is no sign.
#define HANGS                                                                                      \
    (1ull << RING_KICK_OWED | 1ull << RING_UNREAD | 1ull << RING_INTERRUPT_OWED |                  \
     1ull << RING_UNSEEN | 1ull << RING_HELD)

static uint64_t shape(const struct ring_judged *j, enum ring_level *level)
{
    *level = j->marks[RING_ILLEGAL] != 0      ? RING_ILLEGAL
             : j->marks[RING_SUSPICIOUS] != 0 ? RING_SUSPICIOUS
                                              : RING_ADVICE;
    return *level == RING_ADVICE ? j->marks[RING_ADVICE] & HANGS : j->marks[*level];
}

// What the dump does not say is not to be known of the run either.
static void forget(struct ring_image *r, const struct ring_image *as)
{
    r->features_known = as->features_known;
    r->driver_known = as->driver_known;
    r->device_known = as->device_known;
}

// 0: another shape; 1: some of the marks; 2: the same.
static int compare(const struct ring_judged *j, const struct lab_input *in)
{
    struct ring_image r;
    struct ring_judged other;
    struct ring_end end;
    char err[RING_ERR_BYTES];
    int fit = 0;

    if (!ring_from_run(in, 0, true, &r, &end, err) || !end.found) {
        return 0;
    }
    forget(&r, j->image);
    if (ring_judge_open(&other, &r, err)) {
        enum ring_level level = RING_ADVICE;
        enum ring_level others = RING_ADVICE;
        const uint64_t mine = shape(j, &level);
        const uint64_t its = shape(&other, &others);
        // What may hang is no sign of a run that was stopped in the middle.
        const bool ends =
            level != RING_ADVICE || end.stuck || strncmp(in->finding, "liveness:", 9) == 0;
        if (level == others && mine == its && ends) {
            fit = 2;
        } else if (level == others && level != RING_ADVICE && (mine & its) != 0) {
            fit = 1;
        }
    }
    ring_judged_close(&other);
    ring_image_close(&r);
    return fit;
}

static void keep(struct ring_likes *likes, const struct ring_like *like)
{
    uint32_t at = likes->n;

    likes->n_all++;
    while (at > 0 && like->same && !likes->like[at - 1].same) { // bound: RING_LIKE_MAX
        at--;
    }
    if (at == RING_LIKE_MAX) {
        return;
    }
    const uint32_t n = likes->n < RING_LIKE_MAX ? likes->n : RING_LIKE_MAX - 1;
    memmove(&likes->like[at + 1], &likes->like[at], (n - at) * sizeof(likes->like[0]));
    likes->like[at] = *like;
    likes->n = n + 1;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.' && strlen(d->d_name) < sizeof(((struct ring_like *)NULL)->name);
}

static void look(const struct ring_judged *j, const char *dir, bool zoo, struct ring_likes *likes)
{
    struct dirent **names = NULL;
    const int n = scandir(dir, &names, visible, alphasort);

    for (int i = 0; i < n; i++) { // bound: the directory
        char path[PATH_BYTES];
        char err[256];
        struct lab_input in = {0};
        struct ring_like like = {.in_zoo = zoo};
        (void)snprintf(like.name, sizeof(like.name), "%.63s", names[i]->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s/input.run", dir, names[i]->d_name);
        if (lab_input_load(path, LAB_TARGET_NONE, &in, err)) {
            const int fit = compare(j, &in);
            like.same = fit == 2;
            (void)snprintf(like.finding, sizeof(like.finding), "%s", in.finding);
            if (fit > 0) {
                keep(likes, &like);
            }
        }
        lab_input_free(&in);
        free(names[i]);
    }
    free(names);
}

bool ring_find_like(const struct ring_judged *j, const char *root, struct ring_likes *likes,
                    char *err)
{
    char tree[CMD_TREE_PATH_BYTES];
    char dir[PATH_BYTES];
    enum ring_level level = RING_ADVICE;

    memset(likes, 0, sizeof(*likes));
    if (shape(j, &level) == 0) {
        return true; // nothing to be like
    }
    if (!cmd_tree_find(tree, root, "corpus/zoo/lacking.tsv", "known bugs", err)) {
        return false;
    }
    (void)snprintf(dir, sizeof(dir), "%s/corpus/zoo", tree);
    look(j, dir, true, likes);
    (void)snprintf(dir, sizeof(dir), "%s/corpus/faults", tree);
    look(j, dir, false, likes);
    return true;
}

void ring_print_like(FILE *out, const struct ring_judged *j, const struct ring_likes *likes)
{
    enum ring_level level = RING_ADVICE;

    if (shape(j, &level) == 0) {
        return;
    }
    (void)fprintf(out, "\nknown bugs that leave such a ring%s\n",
                  level == RING_ADVICE ? " and hang" : "");
    for (uint32_t i = 0; i < likes->n; i++) { // bound: RING_LIKE_MAX
        const struct ring_like *l = &likes->like[i];
        (void)fprintf(out, "  %-38s %s%s\n", l->name, l->finding,
                      l->same ? "" : "  (some of the marks)");
    }
    if (likes->n < likes->n_all) {
        (void)fprintf(out, "  and %" PRIu32 " more\n", likes->n_all - likes->n);
    }
    (void)fprintf(out, "%s",
                  likes->n == 0
                      ? "  none\n"
                      : "how to go on: vringlab zoo show NAME, or corpus/faults/NAME/README.md\n");
}

void ring_print_like_json(FILE *out, const struct ring_likes *likes)
{
    (void)fprintf(out, ",\n \"like\": [");
    for (uint32_t i = 0; i < likes->n; i++) { // bound: RING_LIKE_MAX
        const struct ring_like *l = &likes->like[i];
        (void)fprintf(out, "%s{", i > 0 ? ",\n  " : "");
        cmd_json_pair(out, "name", l->name, 1);
        cmd_json_pair(out, "in", l->in_zoo ? "zoo" : "faults", 0);
        cmd_json_pair(out, "finding", l->finding, 0);
        (void)fprintf(out, ", \"same\": %s}", l->same ? "true" : "false");
    }
    (void)fprintf(out, "], \"n_like\": %" PRIu32, likes->n_all);
}
