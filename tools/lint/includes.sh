#!/usr/bin/env bash
# tools/lint/includes.sh [ROOT] -- who may include whom. The table below is the policy.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tools/lint/common.sh
. "$(dirname "$0")/common.sh"

# room, then the rooms it may include. The longest name that fits a path is its room.
policy='
ring         ring
driver       ring driver
device       ring device
model        ring model
model/trace  ring model model/trace
tools/lab    ring driver device model tools/lab
tools/cmd    ring driver device model model/trace tools/lab tools/cmd
tools/plug   ring model tools/lab tools/plug
tools/plug/record ring model model/trace tools/lab tools/plug
tools/record -
fuzz         ring driver device model tools/lab fuzz
fuzz/naive   ring driver device fuzz/naive
tests        ring driver device model model/trace tools/lab tools/cmd fuzz tests
'
# header of a library, then the only rooms that may include it
libraries='
sqlite3.h    model/trace tests tools/record
'

check()
{
    awk -v policy="$policy" -v libraries="$libraries" '
        function room_of(path,    best, r) {
            best = ""
            for (r in may)
                if (index(path, r "/") == 1 && length(r) > length(best))
                    best = r
            return best
        }
        function listed(name, list) { return index(" " list " ", " " name " ") > 0 }
        function fault(text) { printf "%s:%d: %s\n", FILENAME, FNR, text }
        BEGIN {
            n = split(policy, rows, "\n")
            for (i = 1; i <= n; i++)
                if (split(rows[i], f, " ") > 1) {
                    room = f[1]
                    sub(/^[^ ]+ +/, "", rows[i])
                    may[room] = rows[i]
                }
            n = split(libraries, rows, "\n")
            for (i = 1; i <= n; i++)
                if (split(rows[i], f, " ") > 1) {
                    lib = f[1]
                    sub(/^[^ ]+ +/, "", rows[i])
                    only[lib] = rows[i]
                }
        }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split($0, part, "\"")
            here = room_of(FILENAME)
            there = room_of(part[2])
            if (here == "tools/record" && index(part[2], "/") == 0)
                next # its files are copied elsewhere, side by side
            if (there == "")
                fault("include \"" part[2] "\" is not relative to the root, or names no room")
            else if (!listed(there, may[here]))
                fault(here "/ may not include " there "/ (it may: " may[here] ")")
        }
        /^[ \t]*#[ \t]*include[ \t]*</ {
            lib = $0
            sub(/^[^<]*</, "", lib)
            sub(/>.*/, "", lib)
            here = room_of(FILENAME)
            if (lib in only && !listed(here, only[lib]))
                fault("<" lib "> belongs to " only[lib] " only")
        }' "$@"
}

mapfile -t files < <(sources ring driver device model tools fuzz tests)
if [ "${#files[@]}" -gt 0 ]; then
    check "${files[@]}" | verdict
fi
