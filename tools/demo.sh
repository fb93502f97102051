#!/usr/bin/env bash
# tools/demo.sh [FAULT] -- the whole in seven steps; `tools/dev demo` installs, builds, calls this.
# Read a real ext4 image through the ring; fuzz a pair with a bug in one half (driver-recheck unless
# another is named); replay what was found, shrink it, explain it; prove the barriers of the same
# code enough, and see what one is for. Each step says what it does and why; a step that fails ends
# the demo.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VRINGLAB=${VRINGLAB:-$ROOT/build/release/vringlab}
FAULT=${1:-driver-recheck}
STORY=corpus/faults/$FAULT/README.md
FUZZ_SECONDS=60
DEVIATIONS_MAX=6
export PATH="$PATH:/usr/sbin:/sbin" # mke2fs lives there

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# say TEXT...: what comes and why, one line each.
say()
{
    echo
    printf '== %s\n' "$1"
    shift
    if [ "$#" -gt 0 ]; then
        printf '   %s\n' "$@"
    fi
}

die()
{
    printf 'demo: failed: %s\n' "$*" >&2
    exit 1
}

# run WANTED_EXIT COMMAND...: show the command, run it, keep its output in $WORK/out.
run()
{
    local want=$1 code=0
    shift
    printf '$ %s\n' "$(sed "s|$WORK/||g; s|$VRINGLAB|vringlab|" <<<"$*")"
    "$@" >"$WORK/out" 2>"$WORK/err" || code=$?
    sed "s|$WORK/||g" "$WORK/out" | tail -n "${LINES_SHOWN:-6}"
    if [ "$code" -ne "$want" ]; then
        cat "$WORK/err" >&2
        die "exit $code instead of $want: $*"
    fi
}

[ -x "$VRINGLAB" ] || die "$VRINGLAB is not built; run tools/dev build"
command -v mke2fs >/dev/null || die "mke2fs is missing (Debian: e2fsprogs)"
[ -f "$ROOT/$STORY" ] || die "$STORY is not there: no such fault"
# "NAME bug, SIDE, seen from memory=sc on, fuzz_pair, REFEREE:NAME"
WANTED=$("$VRINGLAB" scenarios | sed -n "s/^ *$FAULT  *bug, .*, fuzz_pair, //p")
[ -n "$WANTED" ] || die "$FAULT is no bug that fuzz_pair finds (vringlab scenarios)"

say "1. A real ext4 image, read whole through the ring" \
    "A block driver and a block device, each real code, share nothing but simulated guest memory" \
    "and a model PCI bus. What the driver got must be what the file holds."
IMAGE=$WORK/demo.img
mkdir "$WORK/files"
cp -r "$ROOT"/ring "$ROOT"/driver "$ROOT"/device "$ROOT"/LICENSE "$WORK/files/"
mke2fs -q -t ext4 -d "$WORK/files" "$IMAGE" 8m >"$WORK/out" 2>&1 || {
    cat "$WORK/out" >&2
    die "mke2fs cannot make an image"
}
run 0 "$VRINGLAB" run device=blk "disk=$IMAGE" buffers=0 bytes=4096 chain=2 queue_size=64 batch=8 \
    budget=4000000000 --seed 7
want=$(sha256sum "$IMAGE" | cut -d' ' -f1)
printf '%s\nsha256=%s   (sha256sum of the file)\n' '$ sha256sum demo.img' "$want"
grep -qE "^sha256=$want( |$)" "$WORK/out" || die "what came through the ring is not the file"

say "2. Fuzz a pair with a bug in one half, with libFuzzer" \
    "fault=$(sed -n '1s/^# //p' "$ROOT/$STORY")." \
    "Nobody is hostile: the fuzzer decides features, geometry, workload, schedule and delays." \
    "The referees should say $WANTED."
cd "$WORK"
run 1 "$VRINGLAB" fuzz pair "fault=$FAULT" --seconds "$FUZZ_SECONDS"
trace=$(sed -n 's/^trace: *//p' "$WORK/out")
[ -s "${trace:-/nowhere}" ] || die "no trace was written"
kind=$(sed -n 's/^verdict=finding kind=\([^ ]*\) .*/\1/p' "$WORK/out")
[ "$kind" = "$WANTED" ] || die "the finding is '$kind', not $WANTED"

say "3. Replay the trace" \
    "It holds every choice and every event of the run. The same run happens again, event by event."
run 0 "$VRINGLAB" replay "$trace"
grep -q '^identical' "$WORK/out" || die "the replay is not identical"

say "4. Shrink it" "Drop deviations from the benign run while the same referee still objects."
run 0 "$VRINGLAB" shrink "$trace" -o small.run
n=$(sed -n 's/^small\.run: \([0-9]*\) deviation.*/\1/p' "$WORK/out")
[ "${n:-999}" -le "$DEVIATIONS_MAX" ] || die "'$n' deviations are left; aimed at $DEVIATIONS_MAX"
grep -qF "kind=$kind" "$WORK/out" || die "the small input reaches another finding"
sed 's/^/   | /' small.run

say "5. Explain it" "The last events, by ring field and source line, and what is wrong with them."
LINES_SHOWN=24 run 0 "$VRINGLAB" explain small.run --last 16
grep -qF "$kind" "$WORK/out" || die "the explanation does not name the finding"

say "The same run without the bug is clean" "So it is the bug that was found."
run 0 "$VRINGLAB" run --choices small.run fault=
grep -q '^verdict=clean' "$WORK/out" || die "the run is not clean without the bug"

say "6. Prove that the barriers are enough" \
    "Every distinct execution of two requests under C11's memory model, each in front of the" \
    "referees. Then with one full fence made an acquire-release fence, as it is often seen."
run 0 "$VRINGLAB" explore memory=rc11 --quiet
grep -q 'verdict=proved' "$WORK/out" || die "nothing is proved"
run 1 "$VRINGLAB" explore memory=rc11 fault=barrier:irq-rearm=ar --trace weak.db --quiet
run 0 "$VRINGLAB" replay weak.db
grep -q '^identical' "$WORK/out" || die "the replay of the counterexample is not identical"

say "7. Learn what that fence is for" "One of the lessons of docs/LESSONS.md, made anew."
LINES_SHOWN=70 run 0 "$VRINGLAB" lesson irq-event-idx

say "Done. The story of the bug: $STORY"
