// tools/cmd/convert.c -- vringlab convert: an input in its other form.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_input.h"
#include "tools/cmd/cmd_output.h"

#include <string.h>

extern const struct cmd cmd_convert;

static int convert_main(int argc, char **argv)
{
    const char *input = NULL;
    const char *out = NULL;
    char **words = argv + 1;
    int n_words = 0;
    struct lab_input in;
    char err[256];

    for (int i = 1; i < argc; i++) { // words move to the front of argv
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            out = argv[++i];
        } else if (argv[i][0] == '-') {
            return cmd_usage(&cmd_convert, "%s: no such option, or no file behind it", argv[i]);
        } else if (strncmp(argv[i], "target=", 7) == 0) {
            words[n_words++] = argv[i];
        } else if (input == NULL) {
            input = argv[i];
        } else {
            return cmd_usage(&cmd_convert, "%s: one INPUT only", argv[i]);
        }
    }
    if (input == NULL || out == NULL) {
        return cmd_usage(&cmd_convert, "INPUT and -o OUT are needed");
    }
    if (cmd_ends_with(out, ".db")) {
        return cmd_usage(&cmd_convert,
                         "%s: a trace is made by `vringlab run --choices %s --trace "
                         "%s`",
                         out, input, out);
    }
    const int code = cmd_input_load("convert", input, n_words, words, &in);
    if (code != CMD_EXIT_CLEAN) {
        return code;
    }
    const bool ok = cmd_write_input(out, &in, err);
    lab_input_free(&in);
    return ok ? CMD_EXIT_CLEAN : cmd_fail("convert", CMD_EXIT_ENV, "%s", err);
}

const struct cmd cmd_convert = {
    "convert", "INPUT -o OUT [target=NAME]", "write an input as text or as a fuzzer's bytes",
    "INPUT is a text input, a fuzzer's bytes or a trace. OUT is text if its name ends in .run, "
    "else\n"
    "bytes. Bytes belong to a harness: pair, device, driver or pci; a text input may name it, "
    "else\n"
    "target=NAME does. What bytes cannot say (faults, files) is refused by name.\n"
    "\n"
    "  vringlab convert crash-1234 -o crash.run target=device\n"
    "  vringlab convert found.db -o found.run\n",
    convert_main};
