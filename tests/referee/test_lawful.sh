#!/usr/bin/env bash
# tests/referee/test_lawful.sh -- runs of halves without a bug, against a hostile one, that a
# referee once took for broken: each is clean now, and still comes to what misled the referee. That
# the same referees find the real thing is shown by `vringlab clauses --check` (3.2.1-dev-d1,
# 4.1.4.3.1-dev-8) and by the zoo (dev-leak-head-on-parse-error).
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/shell.sh"

# clean NAME TEXT: lawful/NAME.run is clean, and an event of it says TEXT.
clean()
{
    exits 0 "$1" "$VRINGLAB" run --choices "$SRC/tests/referee/lawful/$1.run" --trace "$WORK/$1.db"
    says "$1" "verdict=clean"
    exits 0 "the trace of $1" "$VRINGLAB" trace "$WORK/$1.db"
    says "$1" "$2"
}

# An adversary switches MSI-X on, and the driver's walk of the list never comes to that capability.
clean hidden-vectors "adversary writes config space 00:04.0 +0x9a := 0x8001"
# An indirect table lies across a border of memory regions: lawful, and the device cannot follow.
clean table-in-two-pieces "cannot follow: q0 is out of service"
# The first byte of the window's capability is never read where it lies: what the driver does
# through the window is unseen, its choice of vectors among it.
clean list-cut-short "writes config space 00:04.0 +0xb8 := 0xf (1 bytes)"
# The window is turned to a second common configuration, whose BAR has no memory: what is read there
# is no device_status.
clean window-to-a-decoy "adversary writes config space 00:04.0 +0xbc := 0x2"

# A common configuration of no length comes first, in what looks like memory: the driver passes it
# by.
clean decoy-too-short "reads config space 00:04.0 +0x4c = 0x0 (4 bytes)"
# Or one at an odd offset.
clean decoy-unaligned "reads config space 00:04.0 +0x48 = 0x1 (4 bytes)"

n_runs=$(grep -c '^clean ' "${BASH_SOURCE[0]}")
equal "each input is run" "$n_runs" "$(find "$SRC/tests/referee/lawful" -name '*.run' | wc -l)"
finish
