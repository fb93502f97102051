// tools/cmd/lesson_run.h -- a lesson's run, with all its events and what the referees say of it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LESSON_RUN_H
#define LESSON_RUN_H

#include "tools/cmd/kept_run.h"
#include "tools/cmd/lesson_text.h"
#include "tools/lab/lab_input.h"

#define LESSON_EVENTS_MAX 1024u

struct lesson_run {
    struct lab_input input;
    struct kept_run kept;      // the run that the timeline shows
    struct vl_verdict stopped; // races=see: of the same run with races=stop; unjudged: judged
    bool has_stopped;          // there is such a second run
};

// Run the lesson's input.run, once or twice. False with err: there is no such input, or it does
// not come to the finding that it names. Ends with lesson_run_close() in both cases.
bool lesson_run_open(const struct lesson *l, struct lesson_run *r, char *err);
void lesson_run_close(struct lesson_run *r);

#endif
