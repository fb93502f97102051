// tools/cmd/cmd.h -- what a subcommand of vringlab is, and what they share.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CMD_H
#define CMD_H

#include <stdbool.h>
#include <stdint.h>

// Exit codes of every subcommand.
enum cmd_exit { CMD_EXIT_CLEAN = 0, CMD_EXIT_FINDING = 1, CMD_EXIT_USAGE = 2, CMD_EXIT_ENV = 3 };

struct cmd {
    const char *name;
    const char *args;    // usage, after the name
    const char *summary; // one line, for the list of commands
    const char *help;    // the rest of --help: options and examples, ends with a newline
    int (*run)(int argc, char **argv); // argv[0] is the subcommand's name
};

// All subcommands, in the order of the list; ends with a NULL name.
extern const struct cmd *const cmd_table[];

// Version, commit, compiler and preset of this build.
const char *cmd_build_id(void);

// Complain on stderr as "vringlab NAME: ..." and return code. Says what to do next.
int cmd_fail(const char *name, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Complain about usage: the message, then the usage line of the subcommand. Returns CMD_EXIT_USAGE.
int cmd_usage(const struct cmd *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Parse a whole unsigned decimal or 0x-hex number. Returns false if text is anything else.
bool cmd_parse_u64(const char *text, uint64_t *value);

// The value of a subcommand's option: a number from 1 to max. value may be NULL. Returns false if
// it is none; then cmd_usage() has said so.
bool cmd_number(const struct cmd *cmd, const char *name, const char *value, uint64_t max,
                uint64_t *out);

// Cut text at any of the separators, in place. Returns how many words there are, at most max.
int cmd_split(char *text, const char *separators, char **words, int max);

#endif
