#!/usr/bin/env bash
# tests/cmd/test_bench_bugs.sh -- vringlab bench bugs measures, keeps what it measured, and goes on.
# needs build: fuzz
# Two bugs, two trials, small caps: our harness finds both, the control is silent, the numbers are
# the same when they are measured again, and only what is missing is measured.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
HARNESSES=$(dirname "$BUILD")/fuzz
[ -x "$HARNESSES/naive_pci" ] || skip "$HARNESSES/naive_pci is not built: tools/dev build fuzz"

STATE=$WORK/state.tsv

# bugs OPTION...: measure.
bugs()
{
    # shellcheck disable=SC2317 # called by name
    "$VRINGLAB" bench bugs --faults --only '^(used-len-unchecked|avail-idx-early)$' --trials 2 \
        --cap 1500 --state "$STATE" "$@"
}

# Outcomes without CPU time, into a file.
runs() { cut -f 1-8 "$STATE" | sort >"$1"; }

exits 0 "first" bugs --svg "$WORK/bugs.svg"
cp "$WORK/out" "$WORK/first"
says "first" "bugs=2 left=0 ours=2 "
says "first" "control=silent"
check "the picture ends" grep -q '</svg>' "$WORK/bugs.svg"
check "the picture has marks" grep -q '<circle' "$WORK/bugs.svg"
runs "$WORK/runs"
rows=$(wc -l <"$STATE")

# Nothing is measured twice, and the report is the same.
exits 0 "again" bugs
check "again: the same report" cmp "$WORK/out" "$WORK/first"
equal "again: rows" "$(wc -l <"$STATE")" "$rows"

# A torn last line is dropped, and measured again with the same outcome; rows of others stay.
other=$(printf '0123456789abcdef\tother\tours\t1\t5\t5\t0\t-\t0.100')
{ printf '%s\n' "$other"; cat "$STATE"; } >"$WORK/more"
truncate -s -12 "$WORK/more"
cp "$WORK/more" "$STATE"
exits 0 "torn" bugs
equal "torn: the other row" "$(head -n 1 "$STATE")" "$other"
equal "torn: rows" "$(wc -l <"$STATE")" $((rows + 1))
sed -i 1d "$STATE"
runs "$WORK/again"
check "torn: the same outcome" cmp "$WORK/again" "$WORK/runs"

# All of it measured anew is the same, too.
exits 0 "fresh" bugs --fresh --json
says "fresh" '"name": "used-len-unchecked", "class": "len"'
runs "$WORK/again"
check "fresh: the same outcomes" cmp "$WORK/again" "$WORK/runs"

# What is wrong is said, with what to do.
printf 'no row\n' >>"$STATE"
exits 3 "a bad row" bugs
says "a bad row" "is no row; --fresh" "$WORK/err"
rm "$STATE"
exits 3 "no such bug" "$VRINGLAB" bench bugs --faults --only '^none$' --state "$STATE"
exits 2 "no such configuration" "$VRINGLAB" bench bugs --configs ours,other
exits 2 "no number" "$VRINGLAB" bench bugs --trials none
mkdir -p "$WORK/build/release"
cp "$VRINGLAB" "$WORK/build/release/vringlab"
exits 3 "no harness" "$WORK/build/release/vringlab" bench bugs --state "$STATE"
says "no harness" "tools/dev build fuzz" "$WORK/err"
finish
