// tools/cmd/shrink.c -- vringlab shrink: the same finding from fewer and smaller deviations.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_output.h"
#include "tools/cmd/cmd_outside.h"
#include "tools/cmd/cmd_run.h"
#include "tools/cmd/shrink_core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_shrink;

static int shrink(struct lab_input *in, const char *out, const struct lab_outside *outside)
{
    const struct shrink_job job = {.outside = outside};
    struct shrink_result result;
    char err[LAB_ERR_BYTES] = "";

    const enum shrink_outcome outcome = shrink_input(in, &job, &result, err);
    if (outcome == SHRINK_NO_FINDING) {
        return cmd_fail("shrink", CMD_EXIT_USAGE,
                        "the input reaches no finding here, so there is nothing to keep");
    }
    if (outcome == SHRINK_FAILED || !cmd_write_input(out, in, err)) {
        return cmd_fail("shrink", CMD_EXIT_ENV, "%s", err);
    }
    (void)printf("%s: %" PRIu32 " deviation%s, from %" PRIu32 "; %" PRIu32 " runs%s\n", out, in->n,
                 in->n == 1 ? "" : "s", result.n_before, result.n_runs,
                 result.minimal ? "" : "; time ran out before all was tried: shrink it again");
    cmd_print_verdict(&result.verdict);
    return CMD_EXIT_CLEAN;
}

static int shrink_main(int argc, char **argv)
{
    const char *input = NULL;
    const char *out = NULL;
    char **words = argv + 1;
    int n_words = 0;
    struct lab_input in;
    struct cmd_outside *outside = NULL;

    for (int i = 1; i < argc; i++) { // words move to the front of argv
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            out = argv[++i];
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_shrink, "%s: no such option, or no file behind it", argv[i]);
        } else if (input == NULL && (strchr(argv[i], '=') == NULL || argv[i][0] == '/')) {
            input = argv[i];
        } else {
            words[n_words++] = argv[i];
        }
    }
    if (input == NULL || out == NULL) {
        return cmd_usage(&cmd_shrink, "INPUT and -o OUT are needed");
    }
    int code = cmd_outside_load("shrink", input, n_words, words, &in, &outside);
    if (code == CMD_EXIT_CLEAN) {
        code = shrink(&in, out, cmd_outside_bytes(outside));
        cmd_outside_close(outside);
        lab_input_free(&in);
    }
    return code;
}

const struct cmd cmd_shrink = {
    "shrink", "INPUT -o OUT [KEY=VALUE...]", "make an input smaller while its finding stays",
    "Drops deviations, pulls what is left forward and lowers its values, and brings the scenario\n"
    "towards the defaults, as long as the same referee finds the same on the same side, until no\n"
    "such step alone keeps the finding; at most 10 seconds. OUT is text if its name ends in .run.\n"
    "INPUT is a text input, a fuzzer's bytes (with target=NAME) or a trace.\n"
    "\n"
    "  vringlab shrink found.db -o small.run && vringlab explain small.run\n",
    shrink_main};
