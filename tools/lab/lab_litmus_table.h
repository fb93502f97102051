// tools/lab/lab_litmus_table.h -- files of litmus tests with what they are expected to come to:
// tables (TSV, the header row says which kind) and single tests (*.litmus). Forms: docs/LITMUS.md.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_LITMUS_TABLE_H
#define LAB_LITMUS_TABLE_H

#include "tools/lab/lab_litmus.h"

#define LAB_LITMUS_LINE 65536u // bytes of a line, with its end

// Why a row of a table is not something to agree with.
// X(ID, "reason")
#define LAB_LITMUS_REASONS(X)                                                                      \
    X(OTHER_MODEL, "another model: RA, IMM, AArch64, AArch64-rcpc")                                \
    X(GENMC_TSO, "GenMC --tso: makes every fence an mfence, and lets a seq-cst store pass a load") \
    X(NO_VERDICT, "the tool has no answer")                                                        \
    X(RELEASE_SEQUENCE, "herd's rc11.cat has C11's release sequences; C++20's are taken")          \
    X(SC_ACCESSES, "the tools differ about seq-cst accesses")

#define LAB_LITMUS_REASON_ENUM_(id, text) LAB_LITMUS_NOT_##id,
enum lab_litmus_reason {
    LAB_LITMUS_FACT,
    LAB_LITMUS_REASONS(LAB_LITMUS_REASON_ENUM_) LAB_LITMUS_REASON_COUNT
};
#undef LAB_LITMUS_REASON_ENUM_

const char *lab_litmus_reason_text(unsigned reason);

enum lab_litmus_race { LAB_LITMUS_RACE_UNKNOWN, LAB_LITMUS_RACE_FREE, LAB_LITMUS_RACY };

#define LAB_LITMUS_ANY UINT64_MAX // n_execs: not said

// What one row says about one test under one model. Texts hold no control characters.
struct lab_litmus_row {
    const char *path;
    uint32_t line;
    const char *name;
    const char *program;
    const char *model; // as the file has it
    const char *tool;  // that says so; "" if there is none
    const char *note;  // "", or what else is to be said
    enum vl_model is;  // VL_MODEL_COUNT: a model that there is no engine for
    enum lab_litmus_reason reason;
    enum lab_litmus_race race;
    uint64_t n_execs;   // LAB_LITMUS_ANY
    const char *states; // NULL: not said
};

// What a row is for. Returns false to stop.
typedef bool lab_litmus_on_row(void *ctx, const struct lab_litmus_row *row);

enum lab_litmus_read {
    LAB_LITMUS_READ,
    LAB_LITMUS_STOPPED,    // by on_row
    LAB_LITMUS_NO_TABLE,   // its header row is none of those that are known
    LAB_LITMUS_UNREADABLE, // err says what is wrong, and where
};

// Read a file, row by row. A name that ends in .litmus is a single test, any other a table.
enum lab_litmus_read lab_litmus_read(const char *path, lab_litmus_on_row *on_row, void *ctx,
                                     char err[2 * LAB_LITMUS_ERR]);

#endif
