// tools/cmd/timeline.h -- the end of a run in two columns, driver and device.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef TIMELINE_H
#define TIMELINE_H

#include "tools/cmd/kept_run.h"

#include <stdio.h>

// What of a run is shown.
struct timeline_view {
    const char *show;      // words that name kinds and fields of events; NULL: all of a ring
    uint32_t lines;        // at most; the last ones
    bool until_given_up;   // to where a side gives up on its peer, not to the finding
    bool registers;        // register accesses, arrivals and hostile acts as well
    bool adversary_device; // the adversary's stores are the device's
};

// Print it. A load that did not see the newest store says which one it missed.
void timeline_print(FILE *out, const struct timeline_view *view, const struct kept_run *run);

#endif
