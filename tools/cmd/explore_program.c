// tools/cmd/explore_program.c -- the programs of tools/lab/lab_program.h as something to explore.
// SPDX-License-Identifier: BSD-2-Clause
#include "ring/virtq_port.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/explore_source.h"
#include "tools/lab/lab_program.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 32

// The program that a word names, with or without "program="; NULL if it names none.
static const char *program_named(const char *word)
{
    if (strncmp(word, "program=", 8) == 0) {
        return word + 8;
    }
    for (unsigned i = 0; i < LAB_PROGRAM_COUNT; i++) {
        if (strcmp(lab_program_name(i), word) == 0) {
            return word;
        }
    }
    return NULL;
}

static bool claims(int n_words, char *const *words)
{
    for (int i = 0; i < n_words; i++) {
        if (program_named(words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

// ---- the interface ------------------------------------------------------------------------------

static void source_bind(void *ctx, struct vl_explore *x)
{
    lab_program_bind(ctx, x);
}

static bool source_holds(void *ctx, struct vl_explore *x)
{
    (void)x;
    return lab_program_holds(ctx);
}

static const char *source_thread_name(void *ctx, uint32_t thread)
{
    (void)ctx;
    return thread == 0 ? "driver" : "device";
}

static const char *source_addr_name(void *ctx, uint32_t addr)
{
    return lab_program_addr_name(ctx, addr);
}

static void source_site_text(void *ctx, const void *site, char *out)
{
    const struct virtq_site *at = site;
    (void)ctx;
    (void)snprintf(out, EXPLORE_TEXT_BYTES, "%s:%u (%s)", at->file, (unsigned)at->line, at->func);
}

static void source_close(void *ctx)
{
    lab_program_close(ctx);
}

static bool open_knobs(struct explore_source *s, const struct lab_program_knobs *knobs,
                       enum vl_model model, char *err, bool *environment)
{
    char text[LAB_PROGRAM_TEXT_BYTES];
    if (!lab_program_knobs_check(knobs, err)) {
        return false;
    }
    struct lab_program *p = lab_program_open(knobs);
    if (p == NULL) {
        *environment = true;
        (void)snprintf(err, EXPLORE_ERR_BYTES, "no memory left for the program");
        return false;
    }
    lab_program_knobs_text(knobs, text);
    *s = (struct explore_source){.model = model,
                                 .program = lab_program_explored(p),
                                 .ctx = p,
                                 .bind = source_bind,
                                 .holds = source_holds,
                                 .thread_name = source_thread_name,
                                 .addr_name = source_addr_name,
                                 .site_text = source_site_text,
                                 .close = source_close};
    (void)snprintf(s->text, sizeof(s->text), "%s memory=%s", text, vl_model_name(model));
    return true;
}

// ---- from a command line ------------------------------------------------------------------------

static bool init_named(struct lab_program_knobs *knobs, const char *name, char *err)
{
    if (lab_program_knobs_init(knobs, name)) {
        return true;
    }
    (void)snprintf(err, EXPLORE_ERR_BYTES,
                   "%.60s: no such program; there are vq_poll, vq_pollbound, vq_kick, vq_irq, "
                   "vq_full",
                   name);
    return false;
}

static bool open_words(struct explore_source *s, int n_words, char *const *words, bool referees,
                       char *err, bool *environment)
{
    struct lab_program_knobs knobs;
    enum vl_model model = VL_MODEL_RC11;
    const char *name = NULL;

    (void)referees; // a program has no rings to judge
    for (int i = 0; i < n_words; i++) {
        const char *named = program_named(words[i]);
        if (named != NULL && name != NULL) {
            (void)snprintf(err, EXPLORE_ERR_BYTES, "%.60s: a second program", words[i]);
            return false;
        }
        name = named != NULL ? named : name;
    }
    if (!init_named(&knobs, name, err)) {
        return false;
    }
    for (int i = 0; i < n_words; i++) {
        bool ok = true;
        const char *word = strncmp(words[i], "-D", 2) == 0 ? words[i] + 2 : words[i];
        if (program_named(word) != NULL || explore_source_memory(word, &model, &ok)) {
            if (!ok) {
                (void)snprintf(err, EXPLORE_ERR_BYTES, "%.60s: memory is sc, tso or rc11", word);
                return false;
            }
            continue;
        }
        if (!lab_program_knob(&knobs, word, err)) {
            return false;
        }
    }
    if (lab_program_knob_foreign(&knobs) != NULL) {
        (void)snprintf(err, EXPLORE_ERR_BYTES, "%s: %s does not look at it",
                       lab_program_knob_foreign(&knobs), lab_program_name(knobs.name));
        return false;
    }
    return open_knobs(s, &knobs, model, err, environment);
}

const struct explore_kind explore_kind_program = {"program", claims, open_words};

// ---- from a table -------------------------------------------------------------------------------

bool explore_program_open(struct explore_source *s, const char *program, const char *k,
                          const char *defines, enum vl_model model, char *err, bool *environment)
{
    struct lab_program_knobs knobs;
    char text[EXPLORE_TEXT_BYTES];
    char k_word[32];
    char *words[WORDS_MAX];

    *environment = false;
    memset(s, 0, sizeof(*s));
    const int m = snprintf(k_word, sizeof(k_word), "K=%s", k);
    const int n = snprintf(text, sizeof(text), "%s", strcmp(defines, "-") == 0 ? "" : defines);
    if (m < 0 || (size_t)m >= sizeof(k_word) || n < 0 || (size_t)n >= sizeof(text)) {
        (void)snprintf(err, EXPLORE_ERR_BYTES, "K or defines are too long");
        return false;
    }
    if (!init_named(&knobs, program, err) || !lab_program_knob(&knobs, k_word, err)) {
        return false;
    }
    const int n_words = cmd_split(text, " ", words, WORDS_MAX);
    for (int i = 0; i < n_words; i++) {
        if (strncmp(words[i], "-D", 2) != 0) {
            (void)snprintf(err, EXPLORE_ERR_BYTES, "%.60s: a define begins with -D", words[i]);
            return false;
        }
        if (!lab_program_knob(&knobs, words[i] + 2, err)) {
            return false;
        }
    }
    return open_knobs(s, &knobs, model, err, environment);
}
