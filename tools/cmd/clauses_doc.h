// tools/cmd/clauses_doc.h -- one clause told in full, and the map of all as a document.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef CLAUSES_DOC_H
#define CLAUSES_DOC_H

#include "tools/cmd/clause_try.h"

// Print all that there is about a clause, with the last events of a run that breaks it. Returns an
// exit code.
int clauses_show(enum vl_clause c);

// The map of the specification: written to path, or compared with what stands there (exit code
// CMD_EXIT_FINDING if it differs).
int clauses_doc(const char *path, bool write);

#endif
