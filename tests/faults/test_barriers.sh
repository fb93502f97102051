#!/usr/bin/env bash
# tests/faults/test_barriers.sh -- under sc a barrier at strength none changes its record alone.
# For each named barrier: seeds stay clean with it at none, and the trace of one seed with and
# without it differs in nothing but the strength (column ord) of the events of that barrier, which
# it does hold. RUNS says how many seeds.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

ROOT=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=${BUILD:-$ROOT/build/release}
VRINGLAB=${VRINGLAB:-$BUILD/vringlab}
RUNS=${RUNS:-300}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failed=0

fail()
{
    echo "FAIL $1"
    failed=1
}

if ! command -v sqlite3 >/dev/null; then
    echo "sqlite3 is missing, and traces are compared with it (Debian: sqlite3)"
    exit 77
fi

# Small queues that wrap, with both ways of suppression.
scenarios=(
    "memory=sc transport=direct queue_size=2 start_idx=65530 buffers=24 batch=2 event_idx=on"
    "memory=sc transport=direct queue_size=4 start_idx=65532 buffers=24 batch=2 event_idx=off"
)

# record FILE WORD...: the run must be clean and leave a trace.
record()
{
    local file=$1
    shift
    "$VRINGLAB" run "$@" --seed 7 --trace "$file" >"$WORK/out" 2>&1 ||
        { fail "run $*"; cat "$WORK/out"; }
}

# count QUERY: over the two traces of the present pair, a (as written) and b (without the barrier).
count() { sqlite3 "$WORK/a.db" "ATTACH '$WORK/b.db' AS b; $1"; }

barriers=$("$VRINGLAB" scenarios --json | sed -n 's/.*"name": "barrier:\([a-z-]*\)=none".*/\1/p')
n_barriers=$(wc -w <<<"$barriers")
[ "$n_barriers" -ge 8 ] || fail "vringlab scenarios --json names $n_barriers barriers, not eight"

# One event matches its counterpart in all columns but ord.
SAME="x.agent IS y.agent AND x.kind IS y.kind AND x.addr IS y.addr AND x.len IS y.len
    AND x.value IS y.value AND x.aux IS y.aux AND x.reads_from IS y.reads_from
    AND x.barrier IS y.barrier AND x.queue IS y.queue AND x.field IS y.field"

for scenario in "${scenarios[@]}"; do
    read -ra words <<<"$scenario"
    rm -f "$WORK/a.db"
    record "$WORK/a.db" "${words[@]}"
    for barrier in $barriers; do
        fault="fault=barrier:$barrier=none"
        if ! "$VRINGLAB" run "${words[@]}" "$fault" --runs "$RUNS" >"$WORK/out" 2>&1 ||
            ! grep -q "^runs=$RUNS of=$RUNS " "$WORK/out"; then
            fail "$barrier=none under sc is not clean: $scenario"
            cat "$WORK/out"
        fi
        rm -f "$WORK/b.db"
        record "$WORK/b.db" "${words[@]}" "$fault"
        events=$(count "SELECT (SELECT count(*) FROM event) = (SELECT count(*) FROM b.event)")
        [ "$events" = 1 ] || fail "$barrier: the traces are of different length: $scenario"
        other=$(count "SELECT count(*) FROM event x JOIN b.event y USING (seq) WHERE NOT ($SAME)")
        [ "$other" = 0 ] || fail "$barrier: $other events differ in more than ord: $scenario"
        # Outside notes, whose column barrier holds the note.
        mine="x.kind <> (SELECT id FROM kind WHERE name = 'note')
            AND x.barrier = (SELECT id FROM barrier WHERE name = '$barrier')"
        kept=$(count "SELECT count(*) FROM event x JOIN b.event y USING (seq)
            WHERE ($mine) AND (x.ord = y.ord OR y.ord <> (SELECT id FROM ord WHERE name = 'rlx'))")
        [ "$kept" = 0 ] || fail "$barrier: $kept of its events keep their strength: $scenario"
        held=$(count "SELECT count(*) FROM event x WHERE $mine")
        [ "$held" -gt 0 ] || fail "$barrier: no event holds it: $scenario"
        strays=$(count "SELECT count(*) FROM event x JOIN b.event y USING (seq)
            WHERE NOT ($mine) AND x.ord IS NOT y.ord")
        [ "$strays" = 0 ] || fail "$barrier: $strays events of others change strength: $scenario"
    done
done

[ "$failed" -eq 0 ] || exit 1
echo "$n_barriers barriers at none in ${#scenarios[@]} scenarios: $RUNS seeds, only ord differs"
