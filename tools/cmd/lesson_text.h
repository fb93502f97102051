// tools/cmd/lesson_text.h -- a lesson as it stands in a file, and the course that lists them.
// The format is described in corpus/lessons/README.md.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LESSON_TEXT_H
#define LESSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LESSON_ERR_BYTES 512u
#define LESSON_NAME_BYTES 64u
#define LESSON_PATH_BYTES 1024u
#define LESSONS_MAX 64u
#define LESSON_CODES_MAX 6u
#define LESSON_CLAIMS_MAX 6u
#define LESSON_MODELS 3u // as enum vl_model

// A piece of source to show: the site of a barrier, or some lines from one that holds a text.
struct lesson_code {
    const char *path;
    const char *barrier; // NULL: from text on
    const char *text;
    uint32_t lines; // of a text: how many; of a barrier: how many behind its statement
};

enum lesson_answer { LESSON_NO, LESSON_YES, LESSON_REFUSED, LESSON_NOT_ASKED };

// "Under these models it can happen", of one exploration or of runs over seeds.
struct lesson_claim {
    const char *words; // of the exploration, or of the runs, without memory=
    const char *label; // what is claimed, if there are several; or NULL
    const char *fixed; // words with all put right, under which nothing may happen; or NULL
    uint32_t n_runs;   // 0: explored
    bool races;        // print where it races
    enum lesson_answer expect[LESSON_MODELS];
};

enum lesson_section {
    LESSON_ABOUT,   // before the code
    LESSON_HAPPENS, // before the timeline
    LESSON_MODELS_TEXT,
    LESSON_FORBIDS,
    LESSON_SECTIONS
};

struct lesson {
    char name[LESSON_NAME_BYTES];
    char dir[LESSON_PATH_BYTES]; // corpus/lessons/NAME under the root
    char *data;                  // the file; all texts point into it
    const char *title;
    const char *summary;
    const char *show;  // which events a timeline has, words; NULL: all
    const char *patch; // a fault whose patch is shown; NULL: none
    uint32_t lines;    // of the timeline, at most
    bool unjudged;     // the timeline's run goes on behind the finding
    struct lesson_code code[LESSON_CODES_MAX];
    uint32_t n_codes;
    struct lesson_claim claim[LESSON_CLAIMS_MAX];
    uint32_t n_claims;
    const char *section[LESSON_SECTIONS]; // ends with a newline
};

// Lessons in reading order.
struct lesson_course {
    char root[LESSON_PATH_BYTES]; // the source tree
    char name[LESSONS_MAX][LESSON_NAME_BYTES];
    uint32_t n;
};

// Find the source tree (root, or the first above the executable that has lessons) and read the
// list. False with err.
bool lesson_course_open(struct lesson_course *c, const char *root, char *err);

// Read a lesson. False with err: "corpus/lessons/x/lesson.txt: line 3: ...". Ends with close.
bool lesson_open(const struct lesson_course *c, const char *name, struct lesson *l, char *err);
void lesson_close(struct lesson *l);

const char *lesson_answer_name(enum lesson_answer a); // "no", "yes", "refused", "-"

#endif
