#!/usr/bin/env bash
# tests/faults/test_copies.sh -- a half with a bug is that half whole: none of it runs unpatched.
# Goal: what a device type or a driver calls in its queue is the copy's function, too.
# Method: a patch that adds or drops lines moves the port calls behind them. A traced run of both
# device types over both transports shows at which line the queue wrote payload (device), or
# reported a buffer (driver): only at that of the patched copy.
# SPDX-License-Identifier: BSD-2-Clause
set -u
# shellcheck source=tests/support/shell.sh
. "$(cd "$(dirname "$0")" && pwd)/../support/shell.sh"

[ -n "$(find "$BUILD/players" -name '*.so' 2>/dev/null)" ] ||
    skip "no players in $BUILD/players: patch was missing when they were to be built"

# line FILE TEXT: number of the line with the text.
line() { grep -nF -m 1 "$2" "$1" | cut -d: -f1; }

# copies SIDE FILE TEXT DOES FUNCTION: of each bug that moves the line with TEXT in FILE, what
# FUNCTION does there is seen where the copy has it, or not at all.
copies()
{
    local side=$1 file=$2 text=$3 does=$4 function=$5 name copy want got n=0
    for copy in "$BUILD"/faults/*/"$file"; do
        name=${copy#"$BUILD/faults/"}
        name=${name%%/*}
        want=$(line "$copy" "$text")
        if [ "$want" = "$(line "$SRC/$file" "$text")" ] || [ ! -d "$SRC/corpus/faults/$name" ]; then
            continue
        fi
        for scenario in "device=blk transport=direct" "device=blk transport=pci" \
            "device=entropy transport=direct" "device=entropy transport=pci"; do
            # shellcheck disable=SC2086 # a scenario is several words
            "$VRINGLAB" run $scenario fault="$name" buffers=3 --trace "$WORK/t.db" >/dev/null 2>&1
            got=$("$VRINGLAB" trace "$WORK/t.db" --agent "$side" 2>/dev/null |
                sed -n "s|.* $does .* $file:\([0-9]*\) $function()\$|\1|p" | sort -u)
            rm -f "$WORK/t.db"
            if [ -n "$got" ]; then
                equal "lines of $function() in fault=$name $scenario" "$got" "$want"
                n=$((n + 1))
            fi
        done
    done
    check "runs of the $side with $function() elsewhere" [ "$n" -ge 12 ]
}

copies device device/vdev_queue.c "virtq_copy_out(" writes vdev_chain_write
copies driver driver/vdrv_queue.c "VIRTQ_NOTE_COMPLETE" "is done:" vdrv_queue_reap
finish
