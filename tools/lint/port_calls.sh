#!/usr/bin/env bash
# tools/lint/port_calls.sh [ROOT] -- at most one port call per full expression.
# C leaves the order of two open, compilers differ, and the order of events is the run.
# Statements are split at ; { and }, so the three parts of a for count separately.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tools/lint/common.sh
. "$(dirname "$0")/common.sh"

check()
{
    strip "$1" nocpp | awk -v file="$1" '
        BEGIN {
            call = "virtq_(load(8|16|32|64|_desc|_used_elem)|store(8|16|32|64|_desc|_used_elem)" \
                   "|fence|copy_in|copy_out|fill|await16|await_event|wake|relax" \
                   "|shared_(load|store|or|exchange)|irq_(dis|en)able|pci_(read|write)" \
                   "|mmio_(read|write|map)|doorbell|interrupt|intx|note" \
                   "|mem_alloc|mem_free|map|unmap|resolve)[ \t]*[(]"
        }
        {
            rest = $0
            while (rest != "") {
                at = match(rest, /[;{}]/)
                piece = at > 0 ? substr(rest, 1, at) : rest
                rest = at > 0 ? substr(rest, at + 1) : ""
                while (match(piece, call)) {
                    if (RSTART == 1 || substr(piece, RSTART - 1, 1) !~ /[A-Za-z0-9_]/)
                        if (++n == 2)
                            printf "%s:%d: second port call in one full expression; " \
                                   "C leaves their order open\n", file, FNR
                    piece = substr(piece, RSTART + RLENGTH)
                }
                if (at > 0)
                    n = 0
            }
        }'
}

for file in $(sources ring driver device); do
    case $file in
    ring/virtq_port*) ;; # defines the calls
    *) check "$file" ;;
    esac
done | verdict
