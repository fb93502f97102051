// tools/cmd/zoo.h -- the parts of `vringlab zoo`.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef ZOO_H
#define ZOO_H

#include "tools/cmd/zoo_entry.h"

// The facts of an entry as one JSON object without its end: more pairs and "}" can follow.
void zoo_json_facts(const struct zoo_entry *e);

// Tell an entry's story. Returns an exit code; complaints are printed.
int zoo_show(const struct zoo_entry *e, bool json);

// Reproduce an entry, or (only NULL) all: with its fault its finding, without it nothing.
// Returns an exit code.
int zoo_run(const struct zoo *z, const struct zoo_entry *only, bool json);

// Entries that have a symptom: text as a part of it (numbers are as good as any other), or all of
// its words, or, if nothing has that, half of them. Returns CMD_EXIT_FINDING if there is none.
int zoo_search(const struct zoo *z, const char *text, bool json);

#endif
