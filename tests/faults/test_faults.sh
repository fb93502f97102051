#!/usr/bin/env bash
# tests/faults/test_faults.sh -- every bug under corpus/faults is found where its folder says.
# For each folder: input.run reaches exactly the finding that it names with the fault on, and is
# clean without it, so that neither the fault nor the input nor the referee can rot unseen. The
# table of faults (`vringlab scenarios --json`) and the folders agree, and each harness has three.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

ROOT=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=${BUILD:-$ROOT/build/release}
VRINGLAB=${VRINGLAB:-$BUILD/vringlab}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failed=0
cases=0

fail()
{
    echo "FAIL $1"
    failed=1
}

# value FILE KEY: what stands behind KEY= in a text input.
value() { sed -n "s/^$2=\([^ ]*\).*/\1/p" "$1" | head -n 1; }

# expect NAME CODE VERDICT WORD...: run WORD... and compare exit code and verdict.
expect()
{
    local name=$1 code=$2 verdict=$3 got=0
    shift 3
    cases=$((cases + 1))
    "$VRINGLAB" run "$@" >"$WORK/out" 2>&1 || got=$?
    if [ "$got" -ne "$code" ] || ! grep -q "^$verdict " "$WORK/out"; then
        fail "$name: exit $got instead of $code, or not $verdict, of: vringlab run $*"
        cat "$WORK/out"
    fi
}

# Rows of the table, a line each: name target referee side.
"$VRINGLAB" scenarios --json | tr -d ' \n' | tr '{' '\n' | grep '"kind":"bug"' |
    sed 's/"\([a-z]*\)":"\([^"]*\)"/\1=\2 /g; s/,//g; s/}.*//' |
    sed 's/.*name=\([^ ]*\).*target=\([^ ]*\).*referee=\([^ ]*\).*side=\([^ ]*\).*/\1 \2 \3 \4/' |
    sort >"$WORK/table" || true
[ -s "$WORK/table" ] || fail "vringlab scenarios --json lists no bug"

# The player of a bug needs patch; without it none was built, and inputs cannot be run.
players=$(find "$BUILD/players" -name '*.so' 2>/dev/null | wc -l)
if [ "$players" -eq 0 ]; then
    echo "no players in $BUILD/players: patch was missing when they were to be built"
    exit 77
fi

for dir in "$ROOT"/corpus/faults/*/; do
    name=$(basename "$dir")
    row=$(grep "^$name " "$WORK/table" || true)
    for file in fault.patch README.md input.run; do
        [ -s "$dir/$file" ] || fail "$name: corpus/faults/$name/$file is missing"
    done
    [ -n "$row" ] || fail "$name: no row in tools/lab/lab_fault_table.c"
    read -r _ target referee side <<<"${row:-- - - -}"
    # The half that the patch touches is the side of the row; ring/ alone belongs to fault.conf's.
    touched=$(sed -n 's,^+++ b/\([a-z]*\)/.*,\1,p' "$dir/fault.patch" | sort -u |
        grep -v '^ring$' || sed -n 's/^side=//p' "$dir/fault.conf" 2>/dev/null || true)
    [ "$touched" = "$side" ] || fail "$name: the patch is the $touched's, the table says $side"
    input=$dir/input.run
    for pair in "fault=$name" "target=$target" "finding=$referee"; do
        got=$(value "$input" "${pair%%=*}")
        [ "$got" = "${pair#*=}" ] || fail "$name: input.run says ${pair%%=*}=$got, not $pair"
    done
    grep -qF "$referee" "$dir/README.md" || fail "$name: README.md does not name $referee"
    expect "$name" 1 "verdict=finding kind=$referee" --choices "$input"
    expect "$name without the fault" 0 "verdict=clean kind=-" fault= --choices "$input"
done

while read -r name _; do
    [ -d "$ROOT/corpus/faults/$name" ] || fail "$name: in the table, but not in corpus/faults"
done <"$WORK/table"

for target in fuzz_pair fuzz_device fuzz_driver fuzz_pci; do
    n=$(grep -c " $target " "$WORK/table" || true)
    [ "$n" -ge 3 ] || fail "$target has $n bugs, and is to have three"
done

[ "$cases" -ge 24 ] || fail "only $cases runs: corpus/faults is not whole"
[ "$failed" -eq 0 ] || exit 1
echo "$cases runs of $(wc -l <"$WORK/table") bugs ended as their folders say"
