#!/usr/bin/env bash
# tests/fuzz/test_minimise.sh -- inputs that are minimised (tools/minimise.sh) reach the same marks
# with fewer events; the same inputs give the same corpus, and no inputs none.
# needs build: fuzz
# SPDX-License-Identifier: BSD-2-Clause
set -u
# shellcheck source=tests/support/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/shell.sh"

program=$SRC/build/fuzz/minimise_pair
harness=$BUILD/fuzz_pair
[ -x "$program" ] || skip "$program is not built"
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # of a pool that lives as long as the program

mkdir "$WORK/in" "$WORK/once" "$WORK/again" "$WORK/none" "$WORK/nothing"
common='vringlab-input 1\ntransport=direct\nqueue_size=4\nbudget=20000\n'
# What the second one reaches, a wrapped index, takes a few buffers, not thirty.
printf '%b' "$common" 'buffers=8\nbatch=4\n' >"$WORK/in/a.run"
printf '%b' "$common" 'buffers=30\nstart_idx=65530\nnotify driver q0.doorbell 1 9\n' \
    >"$WORK/in/b.run"

exits 0 "minimise" "$program" --draws 2000 "$WORK/once" "$WORK/in"
cp "$WORK/out" "$WORK/said"
exits 0 "minimise again" "$program" --draws 2000 "$WORK/again" "$WORK/in"
check "the same inputs give the same corpus" diff -r "$WORK/once" "$WORK/again"

# marks DIRECTORY: those that its inputs reach.
marks() { VRINGLAB_MARKS=1 "$harness" "$1" 2>/dev/null | grep '^[A-Z_]*$' | sort; }
marks "$WORK/in" >"$WORK/before"
check "the inputs wrap an index" grep -q '^AVAIL_WRAPPED$' "$WORK/before"
equal "marks that were lost" "$(comm -23 "$WORK/before" <(marks "$WORK/once"))" ""

# mean WHAT: events of a run, in that line of what the program said.
mean() { sed -n "s/.* $1: [0-9]* inputs, \([0-9]*\)[.].*/\1/p" "$WORK/said"; }
check "fewer events than $(mean clean): $(mean picked)" test "$(mean picked)" -lt "$(mean clean)"

exits 1 "no inputs" "$program" "$WORK/nothing" "$WORK/none"
equal "inputs out of none" "$(ls "$WORK/nothing")" ""
finish
