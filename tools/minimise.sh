#!/usr/bin/env bash
# tools/minimise.sh -- a small, quick corpus out of large ones.
#
# Usage: tools/minimise.sh TARGET OUT DIR...
#
# TARGET is pair, device, driver or pci. DIR holds inputs: text (*.run) or bytes, as engines leave
# them. Picked are those that together touch every edge of the halves and reach every mark that all
# of them do: each time the one that adds most for the events of its run. Of each the deviations
# that its run took are kept; then the same with fewer buffers is tried. They are written to OUT (a
# new directory) as NNN.run.
#
# Needs the presets afl (edges are counted by afl-showmap) and release.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
FIXED_EVENTS=40 # what a run costs beside its events, in events

usage()
{
    sed -n '3,/^# SPDX/p' "${BASH_SOURCE[0]}" | sed -e '/^# SPDX/d' -e 's/^# \{0,1\}//'
    exit "$1"
}

case ${1:-} in
-h | --help) usage 0 ;;
esac
[ $# -ge 3 ] || usage 2
target=$1 out=$2
shift 2
export AFL_QUIET=1 ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0
vringlab=$ROOT/build/release/vringlab
harness=$ROOT/build/release/fuzz_$target
edges=$ROOT/build/afl/fuzz_$target
for program in "$vringlab" "$harness" "$edges"; do
    [ -x "$program" ] || {
        echo "minimise: $program is not built (tools/dev build release; tools/dev build afl)" >&2
        exit 3
    }
done
mkdir "$out" || exit 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/text" "$work/bytes" "$work/maps"

# take FILE NAME: the input as text (what its run took) and as bytes, and how many events it has.
# Inputs that find something, or that bytes cannot say, are left out.
take()
{
    local events
    "$vringlab" run --choices "$1" "target=$target" --trace "$work/trace.db" \
        >"$work/said" 2>/dev/null || return 0
    events=$(sed -n 's/^verdict=clean .* events=\([0-9]*\) .*/\1/p' "$work/said")
    [ -n "$events" ] || return 0
    "$vringlab" convert "$work/trace.db" -o "$work/text/$2.run" "target=$target" >/dev/null
    grep -q '^target=' "$work/text/$2.run" || sed -i "1a target=fuzz_$target" "$work/text/$2.run"
    if "$vringlab" convert "$work/text/$2.run" -o "$work/bytes/$2" >/dev/null 2>&1; then
        echo "$2 $events" >>"$work/events"
    else
        rm -f "$work/text/$2.run"
    fi
}

# Features of every input: a line "NAME FEATURE" for each edge and mark.
features()
{
    rm -rf "$work/maps"
    mkdir "$work/maps"
    (cd "$work" && # it leaves a file where it runs
        afl-showmap -q -e -m none -t 5000 -i bytes -o maps -- "$edges" >/dev/null 2>&1)
    (cd "$work/maps" && awk '{ sub(/:.*/, ""); print FILENAME, "e" $0 }' ./*) | sed 's,^\./,,'
    while read -r name _; do
        VRINGLAB_MARKS=1 "$harness" "$work/text/$name.run" 2>/dev/null |
            sed -n "s/^\([A-Z_]*\)$/$name m\1/p"
    done <"$work/events"
}

# Names of the inputs that are picked, best first.
pick()
{
    awk -v fixed="$FIXED_EVENTS" '
        FNR == NR { events[$1] = $2; next }
        $1 in events { has[$1] = has[$1] " " $2; all[$2] = 1 }
        END {
            for (;;) {
                best = ""; most = 0
                for (name in has) {
                    n = split(has[name], f, " "); new = 0
                    for (i = 1; i <= n; i++) new += !(f[i] in covered)
                    if (new == 0) { delete has[name]; continue }
                    worth = new / (events[name] + fixed)
                    if (worth > most || (worth == most && name < best)) {
                        most = worth; best = name
                    }
                }
                if (best == "") break
                n = split(has[best], f, " ")
                for (i = 1; i <= n; i++) covered[f[i]] = 1
                print best
                delete has[best]
            }
        }' "$work/events" "$work/features"
}

n=0
: >"$work/events"
while IFS= read -r -d '' file; do
    n=$((n + 1))
    take "$file" "$(printf 'a%05d' "$n")"
done < <(find "$@" -type f ! -name '*.md' ! -name '.*' -print0 | sort -z)
echo "minimise: $target: $n inputs, $(wc -l <"$work/events") of them clean"
features >"$work/features"
pick >"$work/picked"
echo "minimise: $target: $(wc -l <"$work/picked") picked, of $(awk '{ print $2 }' "$work/features" |
    sort -u | wc -l) edges and marks"

# The same with fewer buffers may touch the same.
while read -r name; do
    for buffers in 1 2 3; do
        sed -e '/^buffers=/d' -e "1a buffers=$buffers" "$work/text/$name.run" >"$work/variant.run"
        take "$work/variant.run" "$name-$buffers"
    done
done <"$work/picked"
features >"$work/features"
pick >"$work/picked"

n=0
while read -r name; do
    n=$((n + 1))
    cp "$work/text/$name.run" "$out/$(printf '%03d' "$n").run"
done <"$work/picked"
awk 'FNR == NR { events[$1] = $2; next } { n++; sum += events[$1] }
    END { printf "minimise: %d inputs, %.0f events in the mean\n", n, n ? sum / n : 0 }' \
    "$work/events" "$work/picked"
