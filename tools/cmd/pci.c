// tools/cmd/pci.c -- vringlab pci: config space of the virtio function, for lspci -F.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd.h"
#include "tools/lab/lab_world.h"

#include <stdio.h>
#include <string.h>

extern const struct cmd cmd_pci;

static int pci_main(int argc, char **argv)
{
    char err[LAB_ERR_BYTES] = "";
    char text[LAB_PCI_TEXT_BYTES];
    struct lab_scenario s;
    const struct lab_options options = {.referees = true};
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    bool before = false;

    if (argc > 1 && strcmp(argv[1], "--power-on") == 0) {
        before = true;
        argc--;
        argv++;
    }
    lab_scenario_default(&s);
    if (!lab_scenario_parse(&s, argc - 1, argv + 1, err)) {
        return cmd_fail("pci", CMD_EXIT_USAGE, "%s", err);
    }
    if (s.transport != LAB_TRANSPORT_PCI) {
        return cmd_usage(&cmd_pci, "transport=direct has no config space; use transport=pci");
    }
    struct lab *lab = lab_open(&s, &options, err);
    if (lab == NULL) {
        return cmd_fail("pci", CMD_EXIT_ENV, "%s", err);
    }
    lab_pci_text(lab, before ? NULL : &benign, text);
    lab_close(lab);
    (void)fputs(text, stdout);
    return CMD_EXIT_CLEAN;
}

const struct cmd cmd_pci = {
    "pci", "[--power-on] [KEY=VALUE...|@FILE]", "dump the virtio function's PCI config space",
    "As it stands after a run: BARs placed, MSI-X enabled. In the form that the real lspci reads.\n"
    "\n"
    "  --power-on   as it is before any driver has seen it\n"
    "\n"
    "  vringlab pci device=blk > dump && lspci -F dump -vv\n",
    pci_main};
