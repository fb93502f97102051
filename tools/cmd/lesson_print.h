// tools/cmd/lesson_print.h -- the parts of a lesson, as text for a terminal or as Markdown.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LESSON_PRINT_H
#define LESSON_PRINT_H

#include "tools/cmd/lesson_run.h"
#include "tools/cmd/lesson_text.h"

#include <stdio.h>

struct lesson_out {
    FILE *file;
    bool markdown;
};

// A heading over a part, a paragraph as it stands, and what is not prose (in Markdown a fenced
// block; else indented by whoever prints it).
void lesson_heading(const struct lesson_out *out, const char *text);
void lesson_prose(const struct lesson_out *out, const char *text);
void lesson_block_begin(const struct lesson_out *out, const char *language);
void lesson_block_end(const struct lesson_out *out);

// Words of a text, broken at 96 columns, each line behind the indent.
void lesson_wrapped(const struct lesson_out *out, const char *indent, const char *text);

// The lesson's pieces of source, from the tree at root, with line numbers; lines that are the
// barrier are marked. run, if not NULL: its sites must lie in the pieces, else these are not the
// sources of this build. False with err.
bool lesson_code_print(const struct lesson_out *out, const struct lesson *l, const char *root,
                       const struct lesson_run *run, char *err);

#endif
