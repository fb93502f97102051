// tools/cmd/main.c -- the vringlab command: finds the subcommand, prints help, exit codes.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VL_BUILD_ID
#define VL_BUILD_ID "unknown build"
#endif

extern const struct cmd cmd_run, cmd_replay, cmd_fuzz, cmd_convert, cmd_shrink, cmd_explain,
    cmd_trace, cmd_scenarios, cmd_pci, cmd_bench, cmd_explore, cmd_explore_merge, cmd_litmus,
    cmd_lesson, cmd_clauses, cmd_check, cmd_zoo, cmd_triage, cmd_ring;

const struct cmd *const cmd_table[] = {
    &cmd_run,    &cmd_replay,  &cmd_check,         &cmd_fuzz,   &cmd_convert,
    &cmd_shrink, &cmd_triage,  &cmd_explain,       &cmd_trace,  &cmd_scenarios,
    &cmd_pci,    &cmd_explore, &cmd_explore_merge, &cmd_litmus, &cmd_lesson,
    &cmd_zoo,    &cmd_ring,    &cmd_clauses,       &cmd_bench,  NULL,
};

const char *cmd_build_id(void)
{
    return VL_BUILD_ID;
}

int cmd_fail(const char *name, int code, const char *format, ...)
{
    va_list args;
    (void)fprintf(stderr, "vringlab %s: ", name);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return code;
}

int cmd_usage(const struct cmd *cmd, const char *format, ...)
{
    va_list args;
    (void)fprintf(stderr, "vringlab %s: ", cmd->name);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nusage: vringlab %s %s\n(`vringlab %s --help` says more)\n", cmd->name,
                  cmd->args, cmd->name);
    return CMD_EXIT_USAGE;
}

bool cmd_parse_u64(const char *text, uint64_t *value)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 0);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *value = v;
    return true;
}

bool cmd_number(const struct cmd *cmd, const char *name, const char *value, uint64_t max,
                uint64_t *out)
{
    if (value == NULL || !cmd_parse_u64(value, out) || *out == 0 || *out > max) {
        (void)cmd_usage(cmd, "%s needs a number from 1 to %" PRIu64, name, max);
        return false;
    }
    return true;
}

int cmd_split(char *text, const char *separators, char **words, int max)
{
    int n = 0;
    while (n < max) { // bound: max
        text += strspn(text, separators);
        if (*text == '\0') {
            break;
        }
        words[n++] = text;
        text += strcspn(text, separators);
        if (*text != '\0') {
            *text++ = '\0';
        }
    }
    return n;
}

static void print_help(FILE *out)
{
    (void)fprintf(out, "usage: vringlab COMMAND [ARGUMENT...]\n\n"
                       "Two real halves of a virtqueue against each other, every choice in your "
                       "hand.\n\n");
    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        (void)fprintf(out, "  %-13s %s\n", cmd_table[i]->name, cmd_table[i]->summary);
    }
    (void)fprintf(out, "\n`vringlab COMMAND --help` says more; `vringlab scenarios` lists what can "
                       "be plugged together.\n"
                       "exit codes: 0 clean, 1 finding or difference, 2 usage, 3 environment\n");
}

static int print_command_help(const struct cmd *cmd)
{
    (void)printf("usage: vringlab %s %s\n\n%s\n\n%s", cmd->name, cmd->args, cmd->summary,
                 cmd->help);
    return CMD_EXIT_CLEAN;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CMD_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return CMD_EXIT_CLEAN;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("vringlab %s\n", VL_BUILD_ID);
        return CMD_EXIT_CLEAN;
    }
    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        if (strcmp(cmd_table[i]->name, argv[1]) != 0) {
            continue;
        }
        if (asks_for_help(argc - 1, argv + 1)) {
            return print_command_help(cmd_table[i]);
        }
        const int code = cmd_table[i]->run(argc - 1, argv + 1);
        if (fflush(stdout) != 0) {
            return cmd_fail(argv[1], CMD_EXIT_ENV, "standard output cannot be written");
        }
        return code;
    }
    (void)fprintf(stderr, "vringlab: %s: no such command; `vringlab --help` lists them\n", argv[1]);
    return CMD_EXIT_USAGE;
}
