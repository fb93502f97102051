#!/usr/bin/env bash
# tests/faults/test_gone.sh -- a device that is taken out while its driver runs.
# Goal: from the answer on that says so every read gives all ones; the
# driver ends, without a finding. Method: one act at each of the driver's reads of status in turn,
# and of other registers and config space; the reads behind it in the trace.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cases=0
gone=0
failed=0

for key in 0 4 16 20 24; do
    for nth in 1 2 3 5 8; do
        {
            echo "vringlab-input 1"
            echo "hostile=device"
            echo "buffers=2"
            echo "budget=60000"
            echo "mischief-pci driver $key $nth 26"
        } >"$dir/i.run"
        cases=$((cases + 1))
        ran=$("$VRINGLAB" run --choices "$dir/i.run" --trace "$dir/t.db") || true
        verdict=$(tail -n 1 <<<"$ran")
        case $verdict in
            verdict=clean*) ;;
            *)
                echo "read $nth at $key: $verdict"
                failed=$((failed + 1))
                ;;
        esac
        read -r acts others < <(sqlite3 -separator ' ' "$dir/t.db" "
            WITH act AS (SELECT min(seq) AS seq FROM event
                         WHERE kind = (SELECT id FROM kind WHERE name = 'mischief'))
            SELECT count(act.seq),
                   (SELECT count(*) FROM event
                    WHERE kind IN (SELECT id FROM kind WHERE name IN ('config-read', 'mmio-read'))
                          AND event.seq > act.seq AND value <> (1 << 8 * len) - 1)
            FROM act")
        gone=$((gone + acts))
        if [ "$others" -ne 0 ]; then
            echo "read $nth at $key: $others answers behind it are not all ones"
            failed=$((failed + 1))
        fi
    done
done

said=$("$VRINGLAB" explain "$dir/i.run") || true
if ! grep -q "a device that is gone" <<<"$said"; then
    echo "explain does not say that the device is gone"
    failed=$((failed + 1))
fi
echo "$cases cases, $gone devices gone, $failed failed"
[ "$gone" -ge 15 ] && [ "$failed" -eq 0 ]
