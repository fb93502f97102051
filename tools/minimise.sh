#!/usr/bin/env bash
# tools/minimise.sh -- the checked-in corpora anew: small and quick.
#
# Usage: tools/minimise.sh TARGET|all [DIR...]
#
# TARGET is pair, device, driver or pci; DIR holds more inputs, text (*.run) or bytes as engines
# leave them ("all": in DIR/fuzz_TARGET). corpus/fuzz_TARGET/NNN.run are replaced by inputs that
# together touch every edge of the halves and reach every mark that corpus/fuzz_TARGET and the DIRs
# do. First, for each edge and mark, the cheapest run is looked for: keys and deviations of the
# inputs are changed a step at a time, and several at random (from a fixed seed), as long as some
# edge or mark becomes cheaper. Then inputs are picked, each time the one that adds most for the
# cost of its run, and each is made cheaper as long as it touches what no other of them does. Runs
# are clean and without advice. A run's cost is its events and port calls.
#
# Takes about a minute a target. A run that aborts is a bug: its input is printed, and nothing is
# changed.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

usage()
{
    sed -n '3,/^# SPDX/p' "${BASH_SOURCE[0]}" | sed -e '/^# SPDX/d' -e 's/^# \{0,1\}//'
    exit "$1"
}

minimise()
{
    local target=$1 corpus=$ROOT/corpus/fuzz_$1 program=$ROOT/build/fuzz/minimise_$1
    shift
    [ -x "$program" ] || {
        echo "minimise: $program is not built (tools/dev build fuzz)" >&2
        exit 3
    }
    mkdir "$work/$target"
    "$program" "$work/$target" "$corpus" "$@"
    rm -f "$corpus"/[0-9][0-9][0-9].run
    cp "$work/$target"/*.run "$corpus"
}

case ${1:-} in
-h | --help) usage 0 ;;
pair | device | driver | pci | all) ;;
*) usage 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ASAN_OPTIONS=detect_leaks=0 # of a pool that lives as long as the program
if [ "$1" != all ]; then
    minimise "$@"
    exit
fi
shift
for target in pair device driver pci; do
    more=()
    for dir in "$@"; do
        more+=("$dir/fuzz_$target")
    done
    minimise "$target" "${more[@]}"
done
