// tools/cmd/lesson_doc.h -- the lessons' outputs in a Markdown file: checked, or written anew.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LESSON_DOC_H
#define LESSON_DOC_H

#include "tools/cmd/lesson_text.h"

#include <stdio.h>

// Print a lesson on file. *as_expected: every verdict is as the lesson has it; complaints about
// others go to stderr. False with err: it cannot be shown.
bool lesson_tell(FILE *file, const struct lesson_course *c, const char *name, bool markdown,
                 bool *as_expected, char *err);

// Compare path's lessons with their outputs, or (write) replace them. Every lesson of the course
// has its place there, in reading order. Returns an exit code; complaints are printed.
int lesson_doc(const struct lesson_course *c, const char *path, bool write);

#endif
