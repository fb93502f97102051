#!/usr/bin/env bash
# tests/spec/test_clauses.sh -- each clause of the standard: a check, a breach that it finds, a map.
# Goal: every breach is found under exactly its clause's ID, the run without it is clean, and the
# other half stays clean beside a hostile one; no MUST of an area that exists is left out; the map
# in docs/ is what the tables say. Method: `vringlab clauses`, which prints an ID a line here.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/shell.sh"

if ! compgen -G "$BUILD/players/*.so" >/dev/null; then
    skip "no players in $BUILD/players: patch was missing when they were to be built"
fi

# expect WHAT CODE TEXT ARGUMENT...: `vringlab clauses` exits with CODE and says TEXT.
expect()
{
    local what=$1 code=$2 text=$3 got=0
    shift 3
    n_checks=$((n_checks + 1))
    "$VRINGLAB" clauses "$@" >"$WORK/out" 2>&1 || got=$?
    if [ "$got" -ne "$code" ]; then
        failed "$what: exit $got instead of $code" "$WORK/out"
    elif ! grep -qF -- "$text" "$WORK/out"; then
        failed "$what: does not say: $text" "$WORK/out"
    fi
}

# ---- all breaches -------------------------------------------------------------------------------

expect "every clause" 0 "A-MUST=469" --check -v
sed -n 's/^ok   \([^:]*\):.*/found \1/p' "$WORK/out"
tail -n 2 "$WORK/out"
n=$(sed -n 's/.*in-areas=\([0-9]*\) .*/\1/p' "$WORK/out")
n_checks=$((n_checks + 1))
[ "${n:-0}" -ge 200 ] || failed "only ${n:-0} clauses are counted"
expect "nothing is left out" 0 "clauses=0" --uncovered

# ---- the map, and single clauses ----------------------------------------------------------------

expect "the map" 0 "is what the tables say" --stale "$SRC/docs/SPEC-MAP.md"
sed 's/avail.idx/avail index/' "$SRC/docs/SPEC-MAP.md" >"$WORK/map.md"
expect "a map that was changed" 1 "is stale" --stale "$WORK/map.md"
expect "no map" 3 "cannot be read" --stale "$WORK/none.md"
expect "a clause" 0 "verdict=finding" 2.7.6.1-drv-1
expect "an alias" 0 "restates 2.7.10.1-drv-4" 2.7.13-drv-2
expect "an alias of two" 0 "restates 2.7.10.1-drv-6" 2.7.13-drv-2
expect "one that nobody can decide" 0 "cannot be decided" 5.2.6.1-drv-13
expect "an area" 0 "2.1.1-drv-2" --area status --side driver
expect "no such clause" 2 "no clause has this ID" 9.9.9-drv-1
expect "no such area" 2 "no such area" --area nowhere
expect "no such side" 2 "use driver, device or both" --side left
expect "no such option" 2 "usage: vringlab clauses" --frobnicate

finish
