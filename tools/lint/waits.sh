#!/usr/bin/env bash
# tools/lint/waits.sh [ROOT] -- no loop around a port load that waits by itself.
# In driver/ and device/ a loop whose condition loads through the port, or an endless loop that
# loads in its body, must wait through virtq_await16(), virtq_await_event() or virtq_relax(): these
# are the places where a simulated machine lets the other side run.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tools/lint/common.sh
. "$(dirname "$0")/common.sh"

check()
{
    strip "$1" nocpp | awk -v file="$1" '
        function loads(s) { return s ~ /virtq_(load|shared_load|mmio_read|pci_read)/ }
        function waits(s) { return s ~ /virtq_(await16|await_event|relax)[ \t\n]*\(/ }
        # Index of the bracket that closes the one at i, or the end of the text.
        function close_of(i, open, shut,    depth, c) {
            for (; i <= size; i++) {
                c = substr(text, i, 1)
                depth += (c == open) - (c == shut)
                if (depth == 0)
                    return i
            }
            return size
        }
        function skip_blank(i) {
            while (i <= size && substr(text, i, 1) ~ /[ \t\n]/)
                i++
            return i
        }
        function line_of(i,    s) { s = substr(text, 1, i); return gsub(/\n/, "", s) + 1 }
        # The body that starts at i: a block, or up to the next semicolon.
        function body_at(i,    k) {
            i = skip_blank(i)
            if (substr(text, i, 1) == "{")
                return substr(text, i, close_of(i, "{", "}") - i + 1)
            k = index(substr(text, i), ";")
            return k > 0 ? substr(text, i, k) : ""
        }
        function judge(at, head, body,    endless) {
            endless = head ~ /^[ \t\n]*(1|true)[ \t\n]*$/ || head ~ /^[ \t\n]*;[^;]*;/ && \
                      head ~ /;[ \t\n]*;/
            if (waits(head body))
                return
            if (loads(head))
                printf "%s:%d: loop on a port load waits by itself; use virtq_await16(), " \
                       "virtq_await_event() or virtq_relax()\n", file, line_of(at)
            else if (endless && loads(body))
                printf "%s:%d: endless loop around a port load; give it a bound or wait " \
                       "through the port\n", file, line_of(at)
        }
        { text = text $0 "\n" }
        END {
            size = length(text)
            from = 1
            while (match(substr(text, from), /[^A-Za-z0-9_](while|for|do)[^A-Za-z0-9_]/)) {
                at = from + RSTART
                word = substr(text, at, RLENGTH - 2)
                from = at + length(word) - 1
                after = skip_blank(at + length(word))
                if (word == "do") {
                    if (substr(text, after, 1) != "{")
                        continue
                    end = close_of(after, "{", "}")
                    tail_paren = end + index(substr(text, end), "(") - 1
                    tail = close_of(tail_paren, "(", ")")
                    done[tail_paren] = 1
                    judge(at, substr(text, tail_paren + 1, tail - tail_paren - 1),
                          substr(text, after, end - after + 1))
                } else if (!(after in done)) {
                    end = close_of(after, "(", ")")
                    judge(at, substr(text, after + 1, end - after - 1), body_at(end + 1))
                }
            }
        }'
}

for file in $(sources driver device); do
    check "$file"
done | verdict
