// fuzz/common.c -- what the harnesses share: bytes to a run, a finding to a message and abort().
// A run depends on its input alone: worlds are opened once for each shape of a scenario (queue
// size, device, transport, in large queues the chain), and a run starts from power-on.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"

#include "fuzz/feedback.h"
#include "fuzz/mutator.h"
#include "model/referee/vl_clause.h"
#include "tools/lab/lab_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLDS_MAX 256u
#define WORDS_MAX 64
#define LIST_MAX (LAB_INPUT_BYTES_MAX / LAB_INPUT_RECORD_BYTES + LAB_INPUT_DRAWN_MAX)

#define BYTES_MAX 2160u // the largest number that a header says

struct world {
    uint32_t queue_size;
    uint32_t device;
    uint32_t transport;
    uint32_t chain; // 0: any
    struct lab *lab;
};

static enum lab_target target;
static const char *own_name; // of a harness for a half that is not ours; else NULL
static struct lab_scenario base;
static uint64_t locked;
static struct world worlds[WORLDS_MAX];
static uint32_t n_worlds;
static struct vl_deviation list[LIST_MAX];
static uint64_t marks;
static uint64_t n_runs;
static uint64_t n_events;
static struct lab *last; // the world of the last run
// VRINGLAB_SCENARIO, split at blanks.
static char user_text[LAB_TEXT_BYTES];
static char *user_words[WORDS_MAX];
static int n_user_words;
static const char *input_name = "FILE"; // as the message calls the input

#define BIT(mark) (1ull << VL_MARK_##mark)
#define MARKS_RING                                                                                 \
    (BIT(AVAIL_WRAPPED) | BIT(USED_WRAPPED) | BIT(RING_WRAPPED) | BIT(QUEUE_FULL) |                \
     BIT(CHAIN_FULL) | BIT(INDIRECT) | BIT(INDIRECT_FULL) | BIT(BATCH) | BIT(DRIVER_SLEPT) |       \
     BIT(DEVICE_SLEPT) | BIT(KICK_SUPPRESSED) | BIT(IRQ_SUPPRESSED) | BIT(EVENT_IDX) |             \
     BIT(FLAGS) | BIT(OUT_OF_ORDER) | BIT(RESET_IN_FLIGHT) | BIT(SPURIOUS) | BIT(DELAYED) |        \
     BIT(MSIX) | BIT(INTX) | BIT(POSTED) | BIT(TWO_SPANS) | BIT(HIGH_MEMORY) | BIT(DRIVER_OK))

// What a target's corpus must reach. A hostile side is not judged, so what it decides about
// notifications counts for nothing.
static const uint64_t demanded[LAB_TARGET_COUNT] = {
    [LAB_TARGET_PAIR] = MARKS_RING,
    [LAB_TARGET_DEVICE] =
        (MARKS_RING & ~BIT(KICK_SUPPRESSED)) | BIT(ADVERSARY) | BIT(PEER_ERROR_DRIVER),
    [LAB_TARGET_DRIVER] = (MARKS_RING & ~BIT(IRQ_SUPPRESSED)) | BIT(ADVERSARY) |
                          BIT(PEER_ERROR_DEVICE) | BIT(PCI_FAILED),
    [LAB_TARGET_PCI] = BIT(MSIX) | BIT(INTX) | BIT(POSTED) | BIT(DRIVER_OK) | BIT(PCI_FAILED) |
                       BIT(RESET_IN_FLIGHT) | BIT(SPURIOUS) | BIT(DELAYED) | BIT(ADVERSARY) |
                       BIT(PEER_ERROR_DEVICE) | BIT(PEER_ERROR_DRIVER) | BIT(DRIVER_SLEPT) |
                       BIT(DEVICE_SLEPT) | BIT(INDIRECT) | BIT(EVENT_IDX) | BIT(FLAGS),
};

static const char *name(void)
{
    return own_name != NULL ? own_name : lab_target_name(target);
}

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s: %s\n", name(), what, why);
    exit(3);
}

// ---- worlds -------------------------------------------------------------------------------------

static struct lab *open_world(const struct lab_scenario *s, char err[LAB_ERR_BYTES])
{
    const struct lab_options options = {
        .referees = true, .weak = target == LAB_TARGET_PAIR, .deviations_max = LIST_MAX};
    return lab_open(s, &options, err);
}

// True if a header leaves these numbers as they are: guest memory has room for them.
static bool has_room(const struct lab_scenario *s, uint32_t chain, uint32_t bytes)
{
    struct lab_scenario wanted = *s;
    struct lab_input in = {.max = 0};

    wanted.chain = chain;
    wanted.bytes = bytes;
    lab_input_decode(target, &wanted, 0, NULL, 0, &in);
    return in.scenario.chain == chain && in.scenario.bytes == bytes;
}

// Small queues have room for the longest chain beside the largest buffers. In larger ones one takes
// from the other, so that no world is enough for all: there each length of chain has its own.
static uint32_t chain_of_shape(const struct lab_scenario *s)
{
    return s->queue_size < 8 ? 0 : s->chain;
}

// Open a world for all scenarios of a shape that a header can say: the longest chain, with as many
// bytes as guest memory allows. What only the user's own keys ask for gets its own world.
static struct lab *open_shape(const struct lab_scenario *s)
{
    char err[LAB_ERR_BYTES];
    struct lab_scenario most = *s;

    most.chain = chain_of_shape(s) != 0 ? s->chain : s->queue_size;
    while (most.chain > 1 && !has_room(s, most.chain, 1)) { // bound: queue size
        most.chain--;
    }
    most.bytes = 1;
    while (most.bytes < BYTES_MAX && has_room(s, most.chain, most.bytes + 1)) { // bound: BYTES_MAX
        most.bytes++;
    }
    struct lab *lab = open_world(&most, err);
    if (lab == NULL || !lab_configure(lab, s, err)) {
        if (lab != NULL) {
            lab_close(lab);
        }
        lab = open_world(s, err);
    }
    if (lab == NULL) {
        give_up("cannot open a world", err);
    }
    return lab;
}

static bool has_shape(const struct world *w, const struct lab_scenario *s)
{
    return w->queue_size == s->queue_size && w->device == s->device &&
           w->transport == s->transport && w->chain == chain_of_shape(s);
}

static struct lab *world_for(const struct lab_scenario *s)
{
    char err[LAB_ERR_BYTES];
    uint32_t i = 0;

    while (i < n_worlds && !has_shape(&worlds[i], s)) { // bound: WORLDS_MAX
        i++;
    }
    if (i == WORLDS_MAX) {
        i = 0; // text inputs of many sizes: the first world makes room
        lab_close(worlds[i].lab);
        worlds[i].lab = NULL;
    }
    struct world *w = &worlds[i];
    n_worlds += i == n_worlds ? 1 : 0;
    w->queue_size = s->queue_size;
    w->device = s->device;
    w->transport = s->transport;
    w->chain = chain_of_shape(s);
    if (w->lab != NULL && !lab_configure(w->lab, s, err)) {
        lab_close(w->lab);
        w->lab = NULL;
    }
    if (w->lab == NULL) {
        w->lab = open_shape(s);
        if (!lab_configure(w->lab, s, err)) {
            give_up("cannot run an input's scenario", err);
        }
    }
    return w->lab;
}

// ---- running ------------------------------------------------------------------------------------

static void print_finding(const struct lab_scenario *s, const struct vl_verdict *v)
{
    const struct vl_clause_info *clause = vl_clause_info(v->clause);
    char words[LAB_TEXT_BYTES];
    lab_input_words(s, words);
    (void)fprintf(stderr, "finding %s side=%s event=%" PRIu64 ": %s\n", v->kind, v->side, v->event,
                  v->detail);
    if (clause != NULL) {
        (void)fprintf(stderr, "clause %s: %s\n", clause->id, clause->summary);
    }
    (void)fprintf(stderr, "scenario: %s\n", words);
    if (own_name != NULL) {
        const char *scenario = getenv("VRINGLAB_SCENARIO");
        const bool set = scenario != NULL && scenario[0] != '\0';
        (void)fprintf(stderr, "replay: %s%s%s./%s %s\n", set ? "VRINGLAB_SCENARIO='" : "",
                      set ? scenario : "", set ? "' " : "", own_name, input_name);
    } else {
        (void)fprintf(stderr, "replay: vringlab run %s target=%s --choices %s\n", words,
                      lab_target_name(target), input_name);
    }
    (void)fflush(stderr);
}

// Advice fails no run, but an input that is kept may be there to have none.
static void print_advice(const char *path, const struct vl_verdict *v)
{
    for (uint32_t i = 0; i < v->n_advice && i < VL_ADVICE_MAX; i++) { // bound: VL_ADVICE_MAX
        const struct vl_advice *advice = &v->advice[i];
        (void)fprintf(stderr, "%s: advice %s to the %s at #%" PRIu64 ": %s\n", path,
                      vl_clause_info(advice->clause)->id,
                      advice->side == VL_SIDE_DRIVER ? "driver" : "device", advice->event,
                      advice->detail);
    }
}

const struct vl_verdict *fuzz_run_input(const struct lab_input *in)
{
    struct lab *lab = world_for(&in->scenario);
    last = lab;
    const struct lab_choices choices = {.source = VL_SOURCE_INPUT, .list = in->list, .n = in->n};
    const struct vl_verdict *v = lab_run(lab, &choices);
    n_runs++;
    n_events += v->n_events;
    const uint64_t reached = lab_marks(lab);
    fuzz_feedback(reached, lab_states(lab));
    marks |= reached;
    return v;
}

static struct lab_input decoded;

const struct vl_verdict *fuzz_run(const uint8_t *data, size_t size)
{
    decoded = (struct lab_input){.list = list, .max = LIST_MAX};
    lab_input_decode(target, &base, locked, data, size, &decoded);
    return fuzz_run_input(&decoded);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    const struct vl_verdict *v = fuzz_run(data, size);
    if (v->outcome == VL_FINDING) {
        print_finding(&decoded.scenario, v);
        abort();
    }
    return 0;
}

bool fuzz_load(const char *path, struct lab_input *in, char err[256])
{
    if (!lab_input_load(path, target, in, err)) {
        return false;
    }
    if (n_user_words > 0 && !lab_scenario_parse(&in->scenario, n_user_words, user_words, err)) {
        lab_input_free(in);
        return false;
    }
    return true;
}

bool fuzz_file(const char *path)
{
    struct lab_input in;
    char err[256];
    bool ok = true;

    if (!fuzz_load(path, &in, err)) {
        (void)fprintf(stderr, "%s: %s\n", name(), err);
        return false;
    }
    input_name = path;
    const struct vl_verdict *v = fuzz_run_input(&in);
    print_advice(path, v);
    if (in.finding[0] != '\0') {
        ok = v->outcome == VL_FINDING && strcmp(v->kind, in.finding) == 0;
        if (!ok) {
            (void)fprintf(stderr, "%s: %s: names the finding %s, but reached %s\n", name(), path,
                          in.finding, v->kind);
        }
    } else if (v->outcome == VL_FINDING) {
        print_finding(&in.scenario, v);
        abort();
    }
    lab_input_free(&in);
    return ok;
}

const struct vl_choices *fuzz_choices(void)
{
    return &lab_machine(last)->choices;
}

bool fuzz_file_to_bytes(const char *path, const char *to)
{
    static uint8_t data[LAB_INPUT_HEADER_BYTES + 2 * LAB_INPUT_BYTES_MAX];
    struct lab_input in;
    char err[256];

    if (!fuzz_load(path, &in, err)) {
        (void)fprintf(stderr, "%s: %s\n", name(), err);
        return false;
    }
    const size_t n = lab_input_encode(target, &in, data, sizeof(data), err);
    lab_input_free(&in);
    if (n == 0) {
        (void)fprintf(stderr, "%s: left out: %s: %s\n", name(), path, err);
        return true;
    }
    FILE *f = fopen(to, "wb");
    const bool written = f != NULL && fwrite(data, 1, n, f) == n;
    const bool ok = f != NULL && fclose(f) == 0 && written;
    if (!ok) {
        (void)fprintf(stderr, "%s: %s: cannot be written\n", name(), to);
    }
    return ok;
}

uint64_t fuzz_last_marks(void)
{
    return lab_marks(last);
}

uint64_t fuzz_last_calls(void)
{
    return lab_machine(last)->step;
}

uint64_t fuzz_marks(void)
{
    return marks;
}

uint64_t fuzz_marks_demanded(void)
{
    return demanded[target];
}

// ---- opening ------------------------------------------------------------------------------------

static void split_words(const char *text)
{
    if (strlen(text) >= sizeof(user_text)) {
        give_up("VRINGLAB_SCENARIO", "too long");
    }
    (void)snprintf(user_text, sizeof(user_text), "%s", text);
    for (char *p = user_text; *p != '\0';) { // bound: the text
        p += strspn(p, " \t\n");
        if (*p == '\0') {
            break;
        }
        if (n_user_words == WORDS_MAX) {
            give_up("VRINGLAB_SCENARIO", "too many words");
        }
        user_words[n_user_words++] = p;
        p += strcspn(p, " \t\n");
        if (*p != '\0') {
            *p++ = '\0';
        }
    }
}

void fuzz_open_scenario(enum lab_target which, const char *words)
{
    char err[256];

    target = which;
    split_words(words);
    if (!lab_input_base(target, n_user_words, user_words, &base, &locked, err)) {
        give_up("VRINGLAB_SCENARIO", err);
    }
    last = world_for(&base); // loads faulty players before an engine forks
    mutator_open(target, &base, locked);
    fuzz_feedback(0, NULL); // reads what it is asked for now: runs must not differ
}

static void print_stats(void)
{
    (void)fprintf(stderr, "stat::mean_events: %.1f\n",
                  n_runs > 0 ? (double)n_events / (double)n_runs : 0);
}

int fuzz_open(enum lab_target which)
{
    const char *text = getenv("VRINGLAB_SCENARIO");

    if (getenv("VRINGLAB_STATS") != NULL) {
        (void)atexit(print_stats);
    }
    fuzz_open_scenario(which, text != NULL ? text : "");
    return 0;
}

int fuzz_open_as(const struct fuzz_setup *setup)
{
    const char *text = getenv("VRINGLAB_SCENARIO");
    char words[LAB_TEXT_BYTES];

    own_name = setup->name;
    const int n = snprintf(words, sizeof(words), "%s %s", setup->words, text != NULL ? text : "");
    if (n < 0 || (size_t)n >= sizeof(words)) {
        give_up("VRINGLAB_SCENARIO", "too long");
    }
    fuzz_open_scenario(setup->target, words);
    return 0;
}
