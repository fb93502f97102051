// tools/lab/lab_guide.h -- one execution of the explorer as an ordinary run.
// The run takes the graph's steps in order: at each port call the guide says who goes on, at each
// load which store is seen, when a store drains. The choices are recorded as deviations, so that
// the run is an input and a trace as any other. That it can be taken at all, with every value as in
// the graph, is a check of the explorer by the machine and of the machine by the explorer.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_GUIDE_H
#define LAB_GUIDE_H

#include "model/explore/vl_explore.h"
#include "tools/lab/lab_world.h"

struct lab_guide; // opaque

// A world for the scenario, with notify=counter and referees. NULL with err.
struct lab_guide *lab_guide_open(const struct lab_scenario *s, const char *player_dir,
                                 char err[LAB_ERR_BYTES]);
void lab_guide_close(struct lab_guide *g);

// Run the graph that stands in x. Returns the verdict, valid until the next run; NULL with err if
// the run did not follow the graph.
const struct vl_verdict *lab_guide_run(struct lab_guide *g, const struct vl_explore *x,
                                       char err[LAB_ERR_BYTES]);

// After NULL: the graph has no order that the machine can take, which is stricter than the model
// (tso: payload of more than 16 bytes does not wait in a store buffer). It is no fault then.
bool lab_guide_orderless(const struct lab_guide *g);

// True if the deviations of the run make an input that does the same. (tso: no choice says that a
// store stays in the buffer for more than 63 port calls.)
bool lab_guide_sayable(const struct lab_guide *g);

// What the run deviated by: canonical, for an input. Returns how many; they live until the next
// run.
uint32_t lab_guide_deviations(struct lab_guide *g, const struct vl_deviation **list);

// The scenario that was run.
const struct lab_scenario *lab_guide_scenario(const struct lab_guide *g);

#endif
