#!/usr/bin/env bash
# tests/faults/test_mischief.sh -- each row of the mischief tables, told at each store of its field.
# Goal: the honest half stays clean whatever it is told, and names each lie that can be known.
# Method: fault=mischief:FIELD=ROW in three scenarios; no finding in any; where the table says that
# the victim can detect it, a peer error in at least one.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"

scenarios=(
    "transport=direct chain=3 queue_size=4 batch=2"
    "transport=direct chain=3 queue_size=4 indirect=off event_idx=off"
    "transport=pci queue_size=2"
)
rows=0
named=0

# field NAME LINE: the string behind "NAME": in a line of JSON.
field() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" <<<"$2"; }

while IFS= read -r line; do
    name=$(field name "$line")
    side=$(field side "$line")
    rows=$((rows + 1))
    seen=0
    for scenario in "${scenarios[@]}"; do
        # shellcheck disable=SC2086 # a scenario is several words
        verdict=$("$VRINGLAB" run hostile="$side" fault="$name" $scenario buffers=8 budget=30000 |
            tail -n 1) || true
        if peer_named "$name in $scenario" "$verdict"; then
            seen=1
        fi
    done
    if [ "$(field referee "$line")" = robustness ]; then
        named=$((named + 1))
        if [ "$seen" -eq 0 ]; then
            failed "$name: nobody named it: $(field meaning "$line")"
        fi
    fi
done < <("$VRINGLAB" scenarios --json | grep '"kind": "mischief"')

echo "$rows rows, $named of them detectable"
check "there are rows" [ "$rows" -ge 100 ]
check "and detectable ones" [ "$named" -ge 20 ]
finish
