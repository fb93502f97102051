// tools/cmd/shrink_core.h -- making an input smaller while its finding stays.
//
// Steps: drop deviations (a value of 0 is no deviation, so zeroing is dropping), lower a value,
// pull a deviation forward to an earlier occurrence, bring a scenario key towards its default. What
// is left is a local minimum: none of these steps, alone, keeps the finding.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef SHRINK_CORE_H
#define SHRINK_CORE_H

#include "tools/cmd/cmd_probe.h"
#include "tools/lab/lab_input.h"

#define SHRINK_SECONDS 10u

struct shrink_job {
    const struct lab_outside *outside; // not NULL: stands in for the disk file
    uint32_t watchdog_s;               // as cmd_probe has it
    // Is a run that came to the finding again, with the same outcome, kind and side, the same one?
    // probe can be asked for its events. NULL: it is.
    bool (*same)(void *ctx, const struct cmd_probe *probe, const struct vl_verdict *verdict);
    void *ctx;
};

struct shrink_result {
    struct vl_verdict verdict; // of what is left
    uint32_t n_before;         // deviations
    uint32_t n_runs;
    bool minimal; // false: SHRINK_SECONDS were over before every step had been tried
};

enum shrink_outcome {
    SHRINK_DONE,
    SHRINK_NO_FINDING, // the input reaches nothing, so there is nothing to keep
    SHRINK_FAILED      // it cannot be run, or no memory is left: err says why
};

// Shrink in (canonical) in place: scenario, deviations, finding. err has room for LAB_ERR_BYTES.
enum shrink_outcome shrink_input(struct lab_input *in, const struct shrink_job *job,
                                 struct shrink_result *result, char *err);

#endif
