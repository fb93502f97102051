// tools/cmd/scenarios.c -- vringlab scenarios: all keys and all faults.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/lab/lab_fault.h"
#include "tools/lab/lab_scenario.h"

#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_scenarios;

static void print_values(const struct lab_key_info *k)
{
    if (k->values != NULL) {
        for (uint32_t i = 0; k->values[i] != NULL; i++) {
            (void)printf("%s%s", i > 0 ? "|" : "", k->values[i]);
        }
    } else if (strcmp(k->kind, "number") == 0) {
        (void)printf("%u..%u", k->min, k->max);
    } else {
        (void)printf("%s", k->kind);
    }
}

static void print_text(void)
{
    struct lab_key_info k;
    struct lab_fault_info f;

    (void)printf("Keys, in canonical order:\n");
    for (uint32_t i = 0; lab_key_info(i, &k); i++) {
        (void)printf("  %-11s %s\n              ", k.key, k.meaning);
        print_values(&k);
        (void)printf("  (default: %s)\n", k.default_text[0] != '\0' ? k.default_text : "none");
    }
    (void)printf("\nFaults (fault=NAME,...; barriers take none|acq|rel|ar|sc; mischief needs "
                 "hostile=SIDE):\n");
    for (uint32_t i = 0; lab_fault_info(i, &f); i++) {
        if (f.meaning != NULL) {
            (void)printf("  %-34s %s, %s: %s\n", f.name, f.kind, f.side, f.meaning);
            continue;
        }
        (void)printf("  %-34s %s, %s, seen from memory=%s on, %s, %s\n", f.name, f.kind, f.side,
                     f.memory, f.target, f.referee);
    }
}

// Texts of the tables hold no character that JSON would want escaped but quotes, which they avoid.
static void print_json_key(const struct lab_key_info *k)
{
    struct lab_fault_info f;

    (void)printf("    {\"key\": \"%s\", \"meaning\": \"%s\", \"default\": \"%s\", \"values\": ",
                 k->key, k->meaning, k->default_text);
    if (strcmp(k->kind, "list") == 0) {
        (void)printf("[");
        for (uint32_t i = 0; lab_fault_info(i, &f); i++) {
            (void)printf("%s\n      {\"name\": \"%s\", \"kind\": \"%s\", \"memory\": \"%s\", "
                         "\"target\": \"%s\", \"referee\": \"%s\", \"side\": \"%s\"%s%s%s}",
                         i > 0 ? "," : "", f.name, f.kind, f.memory, f.target, f.referee, f.side,
                         f.meaning != NULL ? ", \"meaning\": \"" : "",
                         f.meaning != NULL ? f.meaning : "", f.meaning != NULL ? "\"" : "");
        }
        (void)printf("\n    ]}");
    } else if (k->values != NULL) {
        (void)printf("[");
        for (uint32_t i = 0; k->values[i] != NULL; i++) {
            (void)printf("%s\"%s\"", i > 0 ? ", " : "", k->values[i]);
        }
        (void)printf("]}");
    } else if (strcmp(k->kind, "number") == 0) {
        (void)printf("{\"min\": %u, \"max\": %u}}", k->min, k->max);
    } else {
        (void)printf("\"text\"}");
    }
}

static void print_json(void)
{
    struct lab_key_info k;

    (void)printf("{\n  \"keys\": [\n");
    for (uint32_t i = 0; lab_key_info(i, &k); i++) {
        (void)printf("%s", i > 0 ? ",\n" : "");
        print_json_key(&k);
    }
    (void)printf("\n  ]\n}\n");
}

static int scenarios_main(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "--json") != 0)) {
        return cmd_usage(&cmd_scenarios, "%s: unexpected", argv[argc - 1]);
    }
    if (argc == 2) {
        print_json();
    } else {
        print_text();
    }
    return CMD_EXIT_CLEAN;
}

const struct cmd cmd_scenarios = {
    "scenarios", "[--json]", "list all scenario keys and all faults",
    "Each key with its meaning, values and default; each fault with the weakest memory model that\n"
    "shows it, the harness that finds it and the referee that names it.\n"
    "\n"
    "  vringlab scenarios --json | jq '.keys[].key'\n",
    scenarios_main};
