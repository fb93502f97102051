// tools/cmd/explore_source.h -- what can be explored, behind one interface.
// A source turns KEY=VALUE words into a program for the explorer, and judges complete executions.
// A kind of source is a row of explore_kinds[] (tools/cmd/explore_source.c).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef EXPLORE_SOURCE_H
#define EXPLORE_SOURCE_H

#include "model/explore/vl_explore.h"
#include "tools/lab/lab_input.h"
#include "tools/lab/lab_world.h"

#include <stdbool.h>

#define EXPLORE_TEXT_BYTES 512u
#define EXPLORE_ERR_BYTES 512u

struct explore_counterexample {
    struct lab_input input; // the source's memory, until close()
    struct vl_verdict verdict;
};

struct explore_source {
    char text[EXPLORE_TEXT_BYTES]; // words that say the same, in one order
    enum vl_model model;
    const struct vl_x_program *program; // lives until close()
    void *ctx;
    // Whom accesses go to: called between vl_x_open() and vl_x_run().
    void (*bind)(void *ctx, struct vl_explore *x);
    // The complete execution that stands in the explorer is what the program promises.
    bool (*holds)(void *ctx, struct vl_explore *x);
    // The execution that stands in the explorer is stuck, or races at its newest event. May be
    // NULL.
    void (*bad)(void *ctx, struct vl_explore *x);
    // The smallest bad execution as an ordinary input, and what the referees say of it. False if
    // there is none. May be NULL itself.
    bool (*counterexample)(void *ctx, struct explore_counterexample *out);
    // How many executions were judged by their own result alone, as the machine cannot take them.
    // May be NULL.
    uint64_t (*unjudged)(void *ctx);
    // Name of a thread, and of the byte range that a race is about.
    const char *(*thread_name)(void *ctx, uint32_t thread);
    const char *(*addr_name)(void *ctx, uint32_t addr);
    // "file:line (function)" of a site. out has EXPLORE_TEXT_BYTES.
    void (*site_text)(void *ctx, const void *site, char *out);
    // Why a search was refused, or could not be judged, in words of the source; NULL if it was not.
    // May be NULL itself.
    const char *(*refusal)(void *ctx);
    void (*close)(void *ctx);
};

struct explore_kind {
    const char *name;
    // True if these words are of this kind.
    bool (*claims)(int n_words, char *const *words);
    // Fill in *s. Returns false with one line in err, a complaint about the words unless
    // *environment is set (no memory left).
    //   referees  false: complete executions are judged by their own result alone
    bool (*open)(struct explore_source *s, int n_words, char *const *words, bool referees,
                 char *err, bool *environment);
};

// Open what the words name. As explore_kind.open.
bool explore_source_open(struct explore_source *s, int n_words, char *const *words, bool referees,
                         char *err, bool *environment);
void explore_source_close(struct explore_source *s);

// True if word is "memory=NAME"; then *ok says whether NAME is a model, and *model is it.
bool explore_source_memory(const char *word, enum vl_model *model, bool *ok);

// Kinds.
extern const struct explore_kind explore_kind_program; // tools/cmd/explore_program.c
extern const struct explore_kind explore_kind_halves;  // tools/cmd/explore_halves.c

// The programs' kind when defines are known by a table: knobs that the program does not look at are
// no fault there. defines: words as the C compiler takes them, or "-".
bool explore_program_open(struct explore_source *s, const char *program, const char *k,
                          const char *defines, enum vl_model model, char *err, bool *environment);

#endif
