#!/usr/bin/env bash
# tests/faults/test_registers.sh -- a hostile driver's misuse of registers, and the access window.
# Goal: the honest device stays clean whatever is done to its registers, and names what is wrong;
# a driver that reaches registers through config space alone works, and what it breaks is found.
# Method: each row of the table at accesses of the bring-up, of the work and of a reset; then
# registers=window, where a trace must not show one access to a BAR, and a fault must be found.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"

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
                } >"$WORK/i.run"
                verdict=$("$VRINGLAB" run --choices "$WORK/i.run" | tail -n 1) || true
                what="row $row, variant $variant, at $at in $scenario"
                if peer_named "$what" "$verdict"; then
                    seen=1
                fi
            done
        done
    done
    named=$((named + seen))
    said=$("$VRINGLAB" explain "$WORK/i.run") || true
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
    ran=$("$VRINGLAB" run registers=window $scenario --trace "$WORK/t.db") || true
    verdict=$(tail -n 1 <<<"$ran")
    "$VRINGLAB" trace "$WORK/t.db" >"$WORK/t.txt"
    # The MSI-X table is no structure of virtio's: it lies in BAR 1, the first that is placed.
    grep "register 0x" "$WORK/t.txt" >"$WORK/bars.txt" || true
    bars=$(grep -vc "register 0xe000000\|register 0xe000001" "$WORK/bars.txt") || true
    kicks=$(grep -c "notifies queue" "$WORK/t.txt") || true
    rm -f "$WORK/t.db"
    case $verdict in
    verdict=clean*peer_faults=0*) ;;
    *)
        failed "registers=window $scenario: $verdict"
        ;;
    esac
    if [ "$bars" -ne 0 ] || [ "$kicks" -eq 0 ]; then
        failed "registers=window $scenario: $bars accesses to BARs, $kicks notifications"
    fi
done
found=$("$VRINGLAB" run registers=window fault=driver-recheck --seed 1 --runs 20000) || true
verdict=$(tail -n 1 <<<"$found")
case $verdict in
verdict=finding*kind=liveness:*) ;;
*)
    failed "registers=window fault=driver-recheck: $verdict"
    ;;
esac

echo "$rows rows, $named of them named, $sentences sentences"
check "rows are named" [ "$named" -ge 12 ]
check "each says what it is" [ "$sentences" -ge 30 ]
finish
