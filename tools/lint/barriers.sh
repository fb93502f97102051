#!/usr/bin/env bash
# tools/lint/barriers.sh [ROOT] -- barriers are checked, not trusted.
#   - each name in VIRTQ_BARRIERS has a partner that names it back
#   - each site has a comment within the 12 lines above it: BARRIER <name>, "pairs with <partner>",
#     "without it"
#   - a site stands on the side that the table names, and each name has a site
#   - each order stronger than relaxed in driver/ and device/ comes with a name
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tools/lint/common.sh
. "$(dirname "$0")/common.sh"

TABLE=ring/virtq_barrier.h
WINDOW=12

# Rows of the table as "ID name partner SIDE line".
table()
{
    strip_continuations | awk -F'[(,]' '
        /X\([A-Z_]+, *"/ {
            line = $0
            nr = $1 + 0
            sub(/^[0-9]+:[ \t]*X\(/, "", line)
            gsub(/[",]/, " ", line)
            split(line, f, " ")
            print f[1], f[2], f[4], f[5], nr
        }'
}

# The header with its line numbers; rows of the table start on lines of their own.
strip_continuations()
{
    awk '/^[ \t]*X\(/ { print FNR ":" $0 }' "$TABLE"
}

# Sites of one file. First the file without comments, to find the calls; then as it is, for what
# the comments say.
sites()
{
    awk -v file="$1" -v rows="$rows" -v window="$WINDOW" '
        function fault(line, text) { printf "F %s:%d: %s\n", file, line, text }
        function above(first, last, text,    k) {
            for (k = last; k >= first && k > 0; k--)
                if (index(raw[k], text) > 0)
                    return 1
            return 0
        }
        # A full name: "avail-publish" is not found in "avail-publish-late".
        function named(first, last, before, name,    k, at, next_char, s) {
            for (k = last; k >= first && k > 0; k--) {
                s = raw[k]
                gsub(/ +/, " ", s)
                at = index(s, before " " name)
                next_char = substr(s, at + length(before) + 1 + length(name), 1)
                if (at > 0 && next_char !~ /[A-Za-z0-9_-]/)
                    return 1
            }
            return 0
        }
        function site(id, line, start,    first) {
            if (!(id in name)) {
                fault(line, "VIRTQ_BARRIER_" id " is not in the table of barriers")
                return
            }
            print "S", id
            if (room == "driver" && side[id] != "DRIVER" || room == "device" && side[id] != "DEVICE")
                fault(line, "barrier " name[id] " belongs to the side " side[id])
            first = start - window
            if (!named(first, line, "BARRIER", name[id]))
                fault(line, "no comment \"BARRIER " name[id] "\" in the " window " lines above")
            else if (!named(first, line, "pairs with", partner[id]))
                fault(line, "comment of barrier " name[id] " lacks \"pairs with " partner[id] "\"")
            else if (!above(first, line, "without it"))
                fault(line, "comment of barrier " name[id] " lacks \"without it\"")
        }
        function strong(text) {
            return text ~ /VIRTQ_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)([^A-Z_]|$)/
        }
        function end_statement(    t) {
            if (room != "ring" && strong(statement) && statement !~ /VIRTQ_BARRIER_/)
                fault(strong_line, "an order stronger than relaxed without a barrier name")
            if (room != "ring" && strong(statement) && statement ~ /VIRTQ_BARRIER_NONE/)
                fault(strong_line, "an order stronger than relaxed with VIRTQ_BARRIER_NONE")
            statement = ""
        }
        BEGIN {
            room = file
            sub(/\/.*/, "", room)
            n = split(rows, list, "\n")
            for (i = 1; i <= n; i++)
                if (split(list[i], f, " ") == 5) {
                    name[f[1]] = f[2]
                    partner[f[1]] = f[3]
                    side[f[1]] = f[4]
                }
        }
        NR == FNR { raw[FNR] = $0; next }
        {
            rest = $0
            while (rest != "") {
                at = match(rest, /[;{}]/)
                piece = at > 0 ? substr(rest, 1, at) : rest
                rest = at > 0 ? substr(rest, at + 1) : ""
                if (statement == "" && piece ~ /[^ \t;{}]/)
                    start = FNR
                statement = statement " " piece
                if (strong(piece))
                    strong_line = FNR
                while (match(piece, /VIRTQ_BARRIER_[A-Z_]+/)) {
                    id = substr(piece, RSTART + 14, RLENGTH - 14)
                    piece = substr(piece, RSTART + RLENGTH)
                    if (id != "NONE" && id != "COUNT")
                        site(id, FNR, start)
                }
                if (at > 0)
                    end_statement()
            }
        }' "$1" <(strip "$1" nocpp)
}

if [ ! -f "$TABLE" ]; then
    echo "$TABLE:1: missing"
    exit 1
fi
rows=$(table)

all_sites()
{
    local file
    for file in $(sources ring driver device); do
        case $file in
        ring/virtq_port*.h | "$TABLE") ;; # define the calls and the names; no sites
        *) sites "$file" ;;
        esac
    done
}

{
    awk -v table="$TABLE" '
        NF == 5 { name[$1] = $2; id[$2] = $1; partner[$2] = $3; line[$2] = $5 }
        END {
            if (length_of(name) == 0)
                printf "%s:1: no table VIRTQ_BARRIERS found\n", table
            for (i in name) {
                b = name[i]
                if (!(partner[b] in id))
                    printf "%s:%d: partner %s of %s is not a barrier\n", table, line[b], partner[b], b
                else if (partner[partner[b]] != b)
                    printf "%s:%d: %s names %s, which names %s\n", table, line[b], b, partner[b],
                           partner[partner[b]]
            }
        }
        function length_of(a,    k, n) { for (k in a) n++; return n + 0 }' <<<"$rows"
    found=$(all_sites)
    awk '/^F / { sub(/^F /, ""); print }' <<<"$found"
    awk -v table="$TABLE" '
        NR == FNR { if ($1 == "S") used[$2] = 1; next }
        NF == 5 && !($1 in used) { printf "%s:%d: barrier %s has no site\n", table, $5, $2 }
        ' <(printf '%s\n' "$found") <(printf '%s\n' "$rows")
} | sort -t: -k1,1 -k2,2n | verdict
