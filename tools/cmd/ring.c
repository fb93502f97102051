// tools/cmd/ring.c -- vringlab ring: what a ring dumped from a guest's memory says.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_input.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/ring_from.h"
#include "tools/cmd/ring_like.h"
#include "tools/cmd/ring_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern const struct cmd cmd_ring;

struct arguments {
    uint64_t size; // 0: not said
    const char *part[RING_PARTS];
    const char *memory[RING_MEMORIES_MAX];
    uint32_t n_memories;
    const char *from;
    const char *save;
    const char *root;
    uint64_t queue;
    uint64_t start_idx;
    uint64_t last_avail; // UINT64_MAX: not said
    uint64_t last_used;
    uint64_t features; // bits 28 and 29; UINT64_MAX: not said
    bool all;
    bool alone;
    bool json;
    char **words;
    int n_words;
};

// ---- arguments ----------------------------------------------------------------------------------

// "indirect,event_idx", "none", or a number.
static bool parse_features(const char *text, uint64_t *bits)
{
    char copy[64];
    char *words[4];

    if (cmd_parse_u64(text, bits)) {
        return true;
    }
    const int bytes = snprintf(copy, sizeof(copy), "%s", text);
    const int n = bytes > 0 && (size_t)bytes < sizeof(copy) ? cmd_split(copy, ",", words, 4) : 0;
    *bits = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], "indirect") == 0) {
            *bits |= VIRTQ_F_INDIRECT_DESC;
        } else if (strcmp(words[i], "event_idx") == 0) {
            *bits |= VIRTQ_F_EVENT_IDX;
        } else if (strcmp(words[i], "none") != 0) {
            return false;
        }
    }
    return n > 0;
}

// An option with a text; NULL if it is none.
static const char **text_option(struct arguments *a, const char *name)
{
    const struct {
        const char *name;
        const char **to;
    } options[] = {{"--desc", &a->part[RING_DESC]},
                   {"--avail", &a->part[RING_AVAIL]},
                   {"--used", &a->part[RING_USED]},
                   {"--from", &a->from},
                   {"--save", &a->save},
                   {"--root", &a->root}};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(options[i].name, name) == 0) {
            return options[i].to;
        }
    }
    if (strcmp(name, "--mem") == 0 && a->n_memories < RING_MEMORIES_MAX) {
        return &a->memory[a->n_memories++];
    }
    return NULL;
}

static uint64_t *number_option(struct arguments *a, const char *name, uint64_t *max)
{
    const struct {
        const char *name;
        uint64_t *to;
        uint64_t max;
    } options[] = {{"--size", &a->size, VIRTQ_QUEUE_SIZE_MAX},
                   {"--queue", &a->queue, 255},
                   {"--start-idx", &a->start_idx, UINT16_MAX},
                   {"--last-avail", &a->last_avail, UINT16_MAX},
                   {"--last-used", &a->last_used, UINT16_MAX}};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(options[i].name, name) == 0) {
            *max = options[i].max;
            return options[i].to;
        }
    }
    return NULL;
}

// Take one option. Returns how many words it had, 0 with a complaint.
static int parse_option(struct arguments *a, const char *name, const char *value)
{
    uint64_t max = 0;
    bool *flag = strcmp(name, "--all") == 0     ? &a->all
                 : strcmp(name, "--alone") == 0 ? &a->alone
                 : strcmp(name, "--json") == 0  ? &a->json
                                                : NULL;
    if (flag != NULL) {
        *flag = true;
        return 1;
    }
    const char **text = text_option(a, name);
    uint64_t *number = number_option(a, name, &max);
    if (text == NULL && number == NULL) {
        (void)cmd_usage(&cmd_ring, "%s: no such option, or too many of them", name);
        return 0;
    }
    if (value == NULL) {
        (void)cmd_usage(&cmd_ring, "%s needs a value", name);
        return 0;
    }
    if (text != NULL) {
        *text = value;
        return 2;
    }
    if (!cmd_parse_u64(value, number) || *number > max) {
        (void)cmd_usage(&cmd_ring, "%s %s: a number from 0 to %" PRIu64 " is needed", name, value,
                        max);
        return 0;
    }
    return 2;
}

static bool check_places(const struct arguments *a)
{
    char err[RING_ERR_BYTES];
    for (unsigned i = 0; i < RING_PARTS; i++) {
        if (a->part[i] != NULL && !ring_where_valid(a->part[i], err)) {
            return cmd_usage(&cmd_ring, "%s", err) == 0;
        }
    }
    for (uint32_t i = 0; i < a->n_memories; i++) { // bound: RING_MEMORIES_MAX
        if (!ring_where_valid(a->memory[i], err)) {
            return cmd_usage(&cmd_ring, "%s", err) == 0;
        }
    }
    return true;
}

static bool check(const struct arguments *a)
{
    const bool parts = a->part[0] != NULL && a->part[1] != NULL && a->part[2] != NULL;
    const bool any = a->part[0] != NULL || a->part[1] != NULL || a->part[2] != NULL;

    if (a->from == NULL && (!parts || a->size == 0)) {
        return cmd_usage(&cmd_ring, "--size, --desc, --avail and --used are needed, or --from") ==
               0;
    }
    if (a->from != NULL && (any || a->size != 0 || a->n_memories > 0)) {
        return cmd_usage(&cmd_ring, "--from has its own ring") == 0;
    }
    if (a->from == NULL && (a->save != NULL || a->n_words > 0)) {
        return cmd_usage(&cmd_ring, "%s goes with --from only",
                         a->save != NULL ? "--save" : a->words[0]) == 0;
    }
    if (a->from == NULL && !virtq_queue_size_valid((uint32_t)a->size)) {
        return cmd_usage(&cmd_ring, "--size %" PRIu64 ": a queue has a power of two, 1 to %u",
                         a->size, VIRTQ_QUEUE_SIZE_MAX) == 0;
    }
    return check_places(a);
}

static bool parse(int argc, char **argv, struct arguments *a)
{
    a->words = argv + 1;
    for (int i = 1; i < argc;) { // words move to the front of argv
        if (strncmp(argv[i], "features=", 9) == 0) {
            if (!parse_features(argv[i] + 9, &a->features)) {
                return cmd_usage(&cmd_ring, "%s: indirect, event_idx, none, or a number",
                                 argv[i]) == 0;
            }
            i++;
        } else if (argv[i][0] == '-') {
            const int n = parse_option(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
            if (n == 0) {
                return false;
            }
            i += n;
        } else {
            a->words[a->n_words++] = argv[i++];
        }
    }
    return check(a);
}

// ---- getting the ring ---------------------------------------------------------------------------

static int read_dump(const struct arguments *a, struct ring_image *r)
{
    char err[RING_ERR_BYTES];

    if (!ring_image_open(r, (uint32_t)a->size, err)) {
        return cmd_fail("ring", CMD_EXIT_ENV, "%s", err);
    }
    for (unsigned i = 0; i < RING_PARTS; i++) {
        if (!ring_read_part(r, (enum ring_part)i, a->part[i], err)) {
            return cmd_fail("ring", CMD_EXIT_ENV, "%s", err);
        }
    }
    for (uint32_t i = 0; i < a->n_memories; i++) { // bound: RING_MEMORIES_MAX
        if (!ring_read_memory(r, a->memory[i], err)) {
            return cmd_fail("ring", CMD_EXIT_ENV, "%s", err);
        }
    }
    r->features_known = a->features != UINT64_MAX;
    r->indirect = r->features_known && (a->features & VIRTQ_F_INDIRECT_DESC) != 0;
    r->event_idx = r->features_known && (a->features & VIRTQ_F_EVENT_IDX) != 0;
    r->start_idx = (uint16_t)a->start_idx;
    r->device_known = a->last_avail != UINT64_MAX;
    r->last_avail = r->device_known ? (uint16_t)a->last_avail : 0;
    r->driver_known = a->last_used != UINT64_MAX;
    r->last_used = r->driver_known ? (uint16_t)a->last_used : 0;
    return CMD_EXIT_CLEAN;
}

static int run_input(const struct arguments *a, struct ring_image *r)
{
    struct lab_input in = {0};
    struct ring_end end;
    char err[RING_ERR_BYTES];

    int code = cmd_input_load("ring", a->from, a->n_words, a->words, &in);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    if (!ring_from_run(&in, (uint16_t)a->queue, false, r, &end, err)) {
        code = cmd_fail("ring", CMD_EXIT_ENV, "%s", err);
    } else if (!end.found) {
        code = cmd_fail("ring", CMD_EXIT_ENV, "%s: no queue %" PRIu64 " was live in its run",
                        a->from, a->queue);
    }
    lab_input_free(&in);
    return code;
}

// ---- saving it ----------------------------------------------------------------------------------

static bool save_file(const char *dir, const char *name, const void *data, size_t bytes, char *err)
{
    char path[1200];
    const int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        (void)snprintf(err, RING_ERR_BYTES, "%.200s: the name is too long", dir);
        return false;
    }
    return cmd_write_file(path, data, bytes, err);
}

static bool save(const struct ring_image *r, const char *dir, char *err)
{
    static const char *const names[] = {"desc.bin", "avail.bin", "used.bin"};
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        (void)snprintf(err, RING_ERR_BYTES, "%.200s: %s", dir, strerror(errno));
        return false;
    }
    for (unsigned i = 0; i < RING_PARTS; i++) {
        const enum ring_part part = (enum ring_part)i;
        if (!save_file(dir, names[i], ring_part(r, part), ring_part_bytes(r, part), err)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < r->n_memories; i++) { // bound: RING_MEMORIES_MAX
        char name[64];
        (void)snprintf(name, sizeof(name), "memory-0x%" PRIx64 ".bin", r->memory[i].addr);
        if (!save_file(dir, name, r->memory[i].data, r->memory[i].bytes, err)) {
            return false;
        }
    }
    return true;
}

static void print_command(const struct ring_image *r, const char *dir)
{
    (void)printf("saved: vringlab ring --size %" PRIu32
                 " --desc %s/desc.bin@0 --avail %s/avail.bin@0 --used %s/used.bin@0",
                 r->size, dir, dir, dir);
    for (uint32_t i = 0; i < r->n_memories; i++) { // bound: RING_MEMORIES_MAX
        (void)printf(" --mem %s/memory-0x%" PRIx64 ".bin@0x%" PRIx64, dir, r->memory[i].addr,
                     r->memory[i].addr);
    }
    (void)printf(" features=%s --start-idx %u --last-avail %u --last-used %u\n\n",
                 r->indirect && r->event_idx ? "indirect,event_idx"
                 : r->indirect               ? "indirect"
                 : r->event_idx              ? "event_idx"
                                             : "none",
                 r->start_idx, r->last_avail, r->last_used);
}

// ---- the command --------------------------------------------------------------------------------

static void report(const struct arguments *a, const struct ring_judged *j)
{
    struct ring_likes likes = {0};
    char err[RING_ERR_BYTES] = "";
    const bool looked = !a->alone && ring_find_like(j, a->root, &likes, err);

    if (a->json) {
        ring_print_json(stdout, j);
        if (looked) {
            ring_print_like_json(stdout, &likes);
        }
        (void)printf("}\n");
        return;
    }
    ring_print_text(stdout, j, a->all);
    if (looked) {
        ring_print_like(stdout, j, &likes);
    } else if (!a->alone) {
        (void)printf("\n%s\n", err);
    }
    if (j->n[RING_ILLEGAL] == 0) {
        (void)printf("\nring: consistent\n");
    } else {
        (void)printf("\nring: inconsistent, %" PRIu32 " finding%s\n", j->n[RING_ILLEGAL],
                     j->n[RING_ILLEGAL] == 1 ? "" : "s");
    }
}

static int judge(const struct arguments *a, const struct ring_image *r)
{
    struct ring_judged *j = calloc(1, sizeof(*j));
    char err[RING_ERR_BYTES] = "no memory left";
    int code = CMD_EXIT_ENV;

    if (j != NULL && ring_judge_open(j, r, err)) {
        report(a, j);
        code = j->n[RING_ILLEGAL] == 0 ? CMD_EXIT_CLEAN : CMD_EXIT_FINDING;
    } else {
        code = cmd_fail("ring", CMD_EXIT_ENV, "%s", err);
    }
    if (j != NULL) {
        ring_judged_close(j);
    }
    free(j);
    return code;
}

static int ring_main(int argc, char **argv)
{
    struct arguments a = {
        .last_avail = UINT64_MAX, .last_used = UINT64_MAX, .features = UINT64_MAX};
    struct ring_image r = {0};
    char err[RING_ERR_BYTES];

    if (!parse(argc, argv, &a)) {
        return CMD_EXIT_USAGE;
    }
    int code = a.from != NULL ? run_input(&a, &r) : read_dump(&a, &r);
    if (code == CMD_EXIT_CLEAN && a.save != NULL) {
        if (save(&r, a.save, err)) {
            if (!a.json) {
                print_command(&r, a.save);
            }
        } else {
            code = cmd_fail("ring", CMD_EXIT_ENV, "%s", err);
        }
    }
    if (code == CMD_EXIT_CLEAN) {
        code = judge(&a, &r);
    }
    ring_image_close(&r);
    return code;
}

const struct cmd cmd_ring = {
    "ring", "--size N --desc FILE@OFF --avail FILE@OFF --used FILE@OFF [...] | --from INPUT [...]",
    "what a ring says that was dumped from a guest's memory",
    "Decodes the three parts of a split ring, tells which heads are outstanding, marks what no\n"
    "legal pair of halves comes to (illegal; clauses of the standard are named), what is rare\n"
    "(suspicious), and what to look at if it hangs (advice), and lists the bugs of the zoo and "
    "the\n"
    "faults that leave such a ring. docs/FROM-A-CRASH.md says how to get the dump.\n"
    "\n"
    "  --size N            of the queue\n"
    "  --desc FILE@OFF     descriptor table: 16 bytes each; OFF decimal or 0x\n"
    "  --avail FILE@OFF    available ring, with used_event behind it\n"
    "  --used FILE@OFF     used ring, with avail_event behind it; all may be in one file\n"
    "  --mem FILE@ADDR     guest memory from ADDR on, where indirect tables are; can be repeated\n"
    "  features=LIST       what was negotiated: indirect,event_idx; none; or the bits as a number\n"
    "  --start-idx N       both indices at queue enable, if the ring was restored\n"
    "  --last-avail N      how far the device has read (QEMU: last_avail_idx)\n"
    "  --last-used N       how far the driver has read (Linux: last_used_idx)\n"
    "  --from INPUT        the ring at the end of this input's run, which KEY=VALUE changes\n"
    "  --queue N           of that run (0)\n"
    "  --save DIR          with --from: write the parts there, and the command that reads them\n"
    "  --all               print every entry, not only the newest\n"
    "  --alone             do not look for bugs that are like it\n"
    "  --json              one JSON object\n"
    "  --root DIR          the source tree; else the one above the executable\n"
    "\n"
    "  vringlab ring --size 256 --desc mem@0x5000 --avail mem@0x6000 --used mem@0x6240\n"
    "\n"
    "exit codes: 0 consistent, 1 inconsistent, 2 usage, 3 environment\n",
    ring_main};
