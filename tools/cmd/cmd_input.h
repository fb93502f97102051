// tools/cmd/cmd_input.h -- loading an INPUT of any form: text, a fuzzer's bytes, or a trace.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_INPUT_H
#define CMD_INPUT_H

#include "tools/lab/lab_input.h"

// Load path for subcommand name. words: KEY=VALUE or @FILE words that change the input's scenario;
// target=NAME among them says which harness reads a file of bytes.
// Returns CMD_EXIT_CLEAN and *in (end with lab_input_free()); else the complaint is printed and the
// exit code is returned.
int cmd_input_load(const char *name, const char *path, int n_words, char *const *words,
                   struct lab_input *in);

// True if path is (or calls itself) a trace.
bool cmd_input_is_trace(const char *path);

// True if path is neither a trace nor a text input: a fuzzer's bytes. False if it cannot be read.
bool cmd_input_is_bytes(const char *path);

// Load a fuzzer's bytes as a harness would that was given a scenario: base and the keys that are
// locked, of lab_input_base(). False with err (256 bytes). Ends with lab_input_free().
bool cmd_input_decode(const char *path, enum lab_target target, const struct lab_scenario *base,
                      uint64_t locked, struct lab_input *in, char *err);

#endif
