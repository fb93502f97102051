#!/usr/bin/env bash
# tests/faults/test_registers.sh -- a hostile driver's misuse of registers, and the access window.
# Goal: the honest device stays clean whatever is done to its registers, and names what is wrong;
# a driver that reaches registers through config space alone works, and what it breaks is found.
# Method: each row of the table at accesses of the bring-up, of the work and of a reset; then
# registers=window, where a trace must not show one access to a BAR, and a fault must be found.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# ---- each row -----------------------------------------------------------------------------------

rows=37     # of tools/lab/lab_mischief_regs.c
named=0     # rows at which the device named something
sentences=0 # rows that say something else than the one before
last=""

for ((row = 1; row <= rows; row++)); do
    seen=0
    for scenario in "resets=1" "device=blk interrupt=intx registers=window resets=1"; do
        for variant in 0 1 2 5 77; do
            # Keys: device_feature_select and the doorbell; status; queue_enable; pci_cfg_data.
            for at in "0 1" "20 9" "28 1" "4 8"; do
                {
                    echo "vringlab-input 1"
                    printf '%s\n' hostile=driver transport=pci queue_size=4 buffers=6 budget=20000
                    tr ' ' '\n' <<<"$scenario"
                    echo "mischief-pci adversary $at $((row + rows * variant))"
                } >"$dir/i.run"
                verdict=$("$VRINGLAB" run --choices "$dir/i.run" | tail -n 1) || true
                case $verdict in
                verdict=clean*peer_faults=0* | verdict=budget*peer_faults=0*) ;;
                verdict=clean* | verdict=budget*) seen=1 ;;
                *)
                    echo "row $row, variant $variant, at $at in $scenario: $verdict"
                    failed=$((failed + 1))
                    ;;
                esac
            done
        done
    done
    named=$((named + seen))
    said=$("$VRINGLAB" explain "$dir/i.run") || true
    sentence=$(grep -o "register access at .*" <<<"$said" | head -n 1) || true
    if [ -n "$sentence" ] && [ "$sentence" != "$last" ]; then
        sentences=$((sentences + 1))
    fi
    last=$sentence
done

# ---- the window ---------------------------------------------------------------------------------

for scenario in "interrupt=intx" "device=blk interrupt=intx ops=mix resets=2" \
    "device=blk resize=2"; do
    # shellcheck disable=SC2086 # a scenario is several words
    ran=$("$VRINGLAB" run registers=window $scenario --trace "$dir/t.db") || true
    verdict=$(tail -n 1 <<<"$ran")
    "$VRINGLAB" trace "$dir/t.db" >"$dir/t.txt"
    # The MSI-X table is no structure of virtio's: it lies in BAR 1, the first that is placed.
    grep "register 0x" "$dir/t.txt" >"$dir/bars.txt" || true
    bars=$(grep -vc "register 0xe000000\|register 0xe000001" "$dir/bars.txt") || true
    kicks=$(grep -c "notifies queue" "$dir/t.txt") || true
    rm -f "$dir/t.db"
    case $verdict in
    verdict=clean*peer_faults=0*) ;;
    *)
        echo "registers=window $scenario: $verdict"
        failed=$((failed + 1))
        ;;
    esac
    if [ "$bars" -ne 0 ] || [ "$kicks" -eq 0 ]; then
        echo "registers=window $scenario: $bars accesses to BARs, $kicks notifications"
        failed=$((failed + 1))
    fi
done
found=$("$VRINGLAB" run registers=window fault=driver-recheck --seed 1 --runs 20000) || true
verdict=$(tail -n 1 <<<"$found")
case $verdict in
verdict=finding*kind=liveness:*) ;;
*)
    echo "registers=window fault=driver-recheck: $verdict"
    failed=$((failed + 1))
    ;;
esac

echo "$rows rows, $named of them named, $sentences sentences, $failed failed"
[ "$named" -ge 12 ] && [ "$sentences" -ge 30 ] && [ "$failed" -eq 0 ]
