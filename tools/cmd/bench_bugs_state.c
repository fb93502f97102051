// tools/cmd/bench_bugs_state.c -- outcomes of trials in a file: append-only rows, by what they
// depend on. A row is of one trial: id, entry, configuration, seed, cap, executions, 1 if something
// was found, its kind, CPU seconds; separated by tabs. Other builds' rows stay, and match nothing.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_hash.h"
#include "tools/cmd/bench_bugs.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_COLUMNS 9
#define ROW_BYTES 512u

// ---- ids --------------------------------------------------------------------------------------

// Digest of a file; the last few are remembered, since all trials share a handful of programs.
struct digest {
    char path[BUGS_PATH_BYTES];
    uint64_t hash;
};

#define DIGESTS 8u

static bool hash_file(const char *path, uint64_t *hash, char err[BUGS_ERR_BYTES])
{
    static uint8_t data[65536];
    struct vl_hash h;
    size_t n = 0;
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: cannot be read: %s", path, strerror(errno));
        return false;
    }
    vl_hash_init(&h);
    do { // bound: the file
        n = fread(data, 1, sizeof(data), f);
        vl_hash_update(&h, data, n);
    } while (n > 0);
    (void)fclose(f);
    *hash = vl_hash_final(&h);
    return true;
}

static bool digest_of(const char *path, uint64_t *hash, char err[BUGS_ERR_BYTES])
{
    static struct digest known[DIGESTS];
    static uint32_t next;

    *hash = 0;
    if (path[0] == '\0') {
        return true;
    }
    for (uint32_t i = 0; i < DIGESTS; i++) {
        if (strcmp(known[i].path, path) == 0) {
            *hash = known[i].hash;
            return true;
        }
    }
    if (!hash_file(path, hash, err)) {
        return false;
    }
    struct digest *d = &known[next++ % DIGESTS];
    (void)snprintf(d->path, sizeof(d->path), "%s", path);
    d->hash = *hash;
    return true;
}

static bool identify(const struct bugs *b, struct bugs_entry *e, enum bugs_config config,
                     char err[BUGS_ERR_BYTES])
{
    char path[BUGS_PATH_BYTES];
    char text[1024];
    uint64_t program = 0;
    uint64_t player = 0;

    bugs_program(b, e, config, path);
    if (!digest_of(path, &program, err)) {
        return false;
    }
    bugs_player(b, e, config, path);
    if (!digest_of(path, &player, err)) {
        return false;
    }
    for (uint32_t i = 0; i < b->n_trials; i++) {
        const bool naive = config == BUGS_NAIVE;
        const int n =
            snprintf(text, sizeof(text), "%" PRIx64 " %" PRIx64 " %s %s %u %" PRIu64 " %" PRIu64,
                     program, player, naive ? "" : bugs_configs[config].name, naive ? "" : e->words,
                     i + 1, b->cap[config], b->trial_s);
        e->trial[config][i].id = vl_hash64(text, n > 0 ? (size_t)n : 0);
    }
    return true;
}

bool bugs_identify(struct bugs *b, char err[BUGS_ERR_BYTES])
{
    for (uint32_t i = 0; i < b->n; i++) {
        for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
            if (b->wanted[c] && !identify(b, &b->entry[i], (enum bugs_config)c, err)) {
                return false;
            }
        }
    }
    return true;
}

// ---- rows -------------------------------------------------------------------------------------

static void take_over_trials(struct bugs_trial *trial, uint32_t n, uint64_t id,
                             const struct bugs_trial *outcome)
{
    for (uint32_t t = 0; t < n; t++) {
        if (trial[t].id == id) {
            trial[t] = *outcome;
            trial[t].id = id;
            trial[t].done = true;
        }
    }
}

static void take_over(struct bugs *b, uint64_t id, const struct bugs_trial *outcome)
{
    for (uint32_t i = 0; i < b->n; i++) {
        for (unsigned c = 0; c < BUGS_CONFIG_COUNT; c++) {
            take_over_trials(b->entry[i].trial[c], b->wanted[c] ? b->n_trials : 0, id, outcome);
        }
    }
}

static bool read_row(struct bugs *b, char *line)
{
    char *column[N_COLUMNS];
    struct bugs_trial outcome = {.done = true};
    char *end = NULL;

    if (line[0] == '#') {
        return true;
    }
    if (cmd_split(line, "\t", column, N_COLUMNS) != N_COLUMNS) {
        return false;
    }
    const uint64_t id = strtoull(column[0], &end, 16);
    if (*end != '\0' || !cmd_parse_u64(column[5], &outcome.execs)) {
        return false;
    }
    outcome.found = strcmp(column[6], "1") == 0;
    (void)snprintf(outcome.kind, sizeof(outcome.kind), "%s", column[7]);
    outcome.cpu_s = strtod(column[8], &end);
    if (*end != '\0') {
        return false;
    }
    take_over(b, id, &outcome);
    return true;
}

// Cut off what stands behind the last whole line.
static bool drop_torn(const char *path, size_t whole, char err[BUGS_ERR_BYTES])
{
    if (truncate(path, (off_t)whole) != 0) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: its torn last line cannot be dropped: %s",
                       path, strerror(errno));
        return false;
    }
    return true;
}

bool bugs_load(struct bugs *b, char err[BUGS_ERR_BYTES])
{
    size_t bytes = 0;
    bool ok = true;

    if (access(b->state, F_OK) != 0) {
        return true;
    }
    char *data = cmd_tree_read(b->state, &bytes, err);
    if (data == NULL) {
        return false;
    }
    char *at = data;
    uint32_t line = 0;
    while (ok) { // bound: the file
        char *end = strchr(at, '\n');
        if (end == NULL) {
            break;
        }
        *end = '\0';
        line++;
        ok = read_row(b, at);
        at = end + 1;
    }
    if (!ok) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: line %u is no row; --fresh begins anew",
                       b->state, line);
    } else if (*at != '\0') {
        ok = drop_torn(b->state, (size_t)(at - data), err);
    }
    free(data);
    return ok;
}

bool bugs_keep(struct bugs *b, const struct bugs_entry *e, enum bugs_config config, uint32_t trial,
               const struct bugs_trial *outcome, char err[BUGS_ERR_BYTES])
{
    char row[ROW_BYTES];
    const uint64_t id = e->trial[config][trial].id;
    const int n = snprintf(
        row, sizeof(row), "%016" PRIx64 "\t%s\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%d\t%s\t%.3f\n",
        id, e->name, bugs_configs[config].name, trial + 1, b->cap[config], outcome->execs,
        outcome->found ? 1 : 0, outcome->found ? outcome->kind : "-", outcome->cpu_s);

    take_over(b, id, outcome);
    FILE *f = fopen(b->state, "ab");
    bool ok = f != NULL && n > 0 && (size_t)n < sizeof(row);
    ok = ok && fwrite(row, 1, (size_t)n, f) == (size_t)n;
    ok = f != NULL && fclose(f) == 0 && ok;
    if (!ok) {
        (void)snprintf(err, BUGS_ERR_BYTES, "%.300s: cannot be written: %s", b->state,
                       strerror(errno));
    }
    return ok;
}
