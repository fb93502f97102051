#!/usr/bin/env bash
# tests/run/test_replay.sh -- a recorded run replays as identical, in this build and in others.
# needs build: gcc release
# Method: a table of scenarios; each is recorded by every build, the hashes are compared, and every
# build replays what the others recorded. Then what replay never does: open or change the disk.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
need sqlite3 sqlite3
need sha256sum coreutils

DISK=$WORK/disk.img
make_file "$DISK" $((512 * 301))

# This build first, then those that are there beside it.
builds=("$BUILD")
missing=
for name in dev gcc release; do
    dir=$(dirname "$BUILD")/$name
    if [ "$dir" = "$BUILD" ]; then
        continue
    elif [ -x "$dir/vringlab" ]; then
        builds+=("$dir")
    else
        missing="$missing $name"
    fi
done

# field NAME: the value of NAME=... in the verdict line of the last run.
field() { sed -n "s/^verdict=.* $1=\([^ ]*\).*/\1/p" "$WORK/out"; }

# record BUILD TRACE ARGUMENT...: a run that may end in any verdict; leaves the hash in HASH.
record()
{
    local build=$1 trace=$2
    shift 2
    rm -f "$trace"
    exits 0 "run" "$build/vringlab" run "$@" --trace "$trace"
    says "run" "verdict="
    HASH=$(field hash)
    EVENTS=$(field events)
    check "$trace is there" test -s "$trace"
}

# identical BUILD TRACE WHAT: the build replays the trace.
identical()
{
    exits 0 "replay of $3 by $(basename "$1")" "$1/vringlab" replay "$2"
    says "replay of $3" "identical"
    says "replay of $3" "hash=$HASH"
}

n=0
while IFS= read -r scenario; do
    [ -n "$scenario" ] || continue
    n=$((n + 1))
    first=
    for build in "${builds[@]}"; do
        trace=$WORK/$(basename "$build")-$n.db
        # shellcheck disable=SC2086 # a scenario is words
        record "$build" "$trace" --seed 7 $scenario
        : "${first:=$HASH $EVENTS}"
        equal "hash and events of $(basename "$build"): $scenario" "$HASH $EVENTS" "$first"
        check "a hash is 16 digits: $HASH" grep -qE '^[0-9a-f]{16}$' <<<"$HASH"
    done
    for build in "${builds[@]}"; do
        for recorder in "${builds[@]}"; do
            identical "$build" "$WORK/$(basename "$recorder")-$n.db" "$scenario"
        done
    done
    equal "integrity: $scenario" "$(sqlite3 "$trace" 'pragma integrity_check')" ok
done <<END
device=entropy transport=direct
device=entropy transport=direct queue_size=1 start_idx=65530 buffers=40
device=entropy transport=pci interrupt=msix queue_size=4 chain=4 batch=4
device=entropy transport=pci interrupt=intx event_idx=off resets=2
device=entropy transport=pci dma=iommu queue_size=2 --schedule pct --depth 4
device=entropy transport=pci hostile=device queue_size=4
device=blk transport=direct disk=$DISK
device=blk transport=direct disk=$DISK ops=mix chain=2 bytes=2048 poll=on
device=blk transport=pci interrupt=msix disk=$DISK buffers=0 bytes=4096 chain=2 batch=4
device=blk transport=pci interrupt=intx disk=$DISK ops=mix dma=iommu start_idx=65530
device=blk transport=pci hostile=driver ops=mix queue_size=4
device=blk transport=pci dma=bounce disk=$DISK ops=mix chain=2
device=entropy memory=tso transport=direct queue_size=2 batch=2
device=entropy memory=tso platform=weak-mmio transport=pci queue_size=2
device=entropy memory=rc11 transport=pci event_idx=off resets=1
device=blk memory=rc11 races=see fault=barrier:avail-publish=none ops=mix queue_size=4 event_idx=off
END
equal "the table was read" "$n" 16
equal "hashes tell scenarios apart" "$(for t in "$WORK/$(basename "$BUILD")"-*.db; do
    sqlite3 "$t" "select v from meta where k like '%hash%' limit 1"
done | sort -u | wc -l)" "$n"

# A trace says which build wrote it; another build says so first.
if [ "${#builds[@]}" -gt 1 ]; then
    trace=$WORK/$(basename "$BUILD")-1.db
    exits 0 "replay by another build" "${builds[1]}/vringlab" replay "$trace"
    says "replay by another build" "recorded by another build" "$WORK/err"
fi

# The trace reads well without us.
trace=$WORK/$(basename "$BUILD")-3.db
equal "application id" "$(sqlite3 "$trace" 'pragma application_id')" $((0x76726c62))
equal "schema version" "$(sqlite3 "$trace" 'pragma user_version')" 1
rows=$(sqlite3 -separator ' ' "$trace" 'select * from v_timeline limit 5')
equal "five lines of v_timeline" "$(wc -l <<<"$rows")" 5
check "v_timeline names agents and sources" \
    grep -qE '^0 driver .*driver/[a-z_]+\.c:[0-9]+$' <<<"$rows"
equal "v_timeline has no hole" "$(sqlite3 "$trace" "select count(*) from v_timeline where agent is
    null or what is null or field is null or ord is null or barrier is null or source is null")" 0
check "v_timeline names barriers" test "$(sqlite3 "$trace" "select count(*) from v_timeline
    where barrier = 'avail-publish' and field = 'q0.avail.idx'")" -gt 0
check "v_ring_at shows the ring" test "$(sqlite3 "$trace" "select count(*) from v_ring_at
    where seq = (select max(seq) from event) and field = 'used.idx'")" -gt 0

# What was read is the disk.
trace=$WORK/t.db
record "$BUILD" "$trace" device=blk "disk=$DISK" buffers=0 bytes=4096 queue_size=16 batch=8 --seed 7
says "whole disk" "sha256=$(sha "$DISK")"

# write=on: the file changes after a clean run, and replay neither changes nor needs it.
cp "$DISK" "$WORK/w.img"
write=(device=blk "disk=$WORK/w.img" write=on ops=mix bytes=1024 buffers=40 --seed 7)
before=$(sha "$WORK/w.img")
record "$BUILD" "$trace" "${write[@]}"
after=$(sha "$WORK/w.img")
check "write=on changed the file" test "$before" != "$after"
check "the size stays" test "$(stat -c %s "$WORK/w.img")" -eq $((512 * 301))
for build in "${builds[@]}"; do
    identical "$build" "$trace" "a run that wrote"
done
equal "replay leaves the file alone" "$(sha "$WORK/w.img")" "$after"
head -c $((512 * 301)) /dev/zero >"$WORK/w.img"
identical "$BUILD" "$trace" "a run over a file that is another one now"
rm "$WORK/w.img"
for build in "${builds[@]}"; do
    identical "$build" "$trace" "a run over a file that is gone"
done
check "replay makes no file" test ! -e "$WORK/w.img"

# The same run writes the same bytes; a run that does not end clean writes none.
cp "$DISK" "$WORK/w.img"
exits 0 "the same run without a trace" "$VRINGLAB" run "${write[@]}"
equal "the same bytes written" "$(sha "$WORK/w.img")" "$after"
cp "$DISK" "$WORK/w.img"
exits 0 "a run out of budget" "$VRINGLAB" run "${write[@]}" budget=1000
says "a run out of budget" "verdict=budget"
equal "out of budget: nothing written" "$(sha "$WORK/w.img")" "$before"
exits 0 "read-only" "$VRINGLAB" run "${write[@]}" write=off
equal "write=off: nothing written" "$(sha "$WORK/w.img")" "$before"

# --until stops there; the end is the end.
record "$BUILD" "$trace" --seed 3
exits 0 "replay --until" "$VRINGLAB" replay "$trace" --until 100
says "replay --until" "stopped"
says "replay --until" "event=100"

# A replay of another run differs, and says where. The trace is rebuilt with one choice dropped.
record "$BUILD" "$trace" --seed 8
cp "$trace" "$WORK/cut.db"
check "the run took choices" test "$(sqlite3 "$trace" 'select count(*) from choice')" -gt 0
sqlite3 "$WORK/cut.db" 'delete from choice where id = (select min(id) from choice)'
exits 3 "an altered trace" "$VRINGLAB" replay "$WORK/cut.db"

if [ -n "$missing" ] && [ "$n_failed" -eq 0 ]; then
    skip "hashes were not compared with build:$missing (tools/dev build)"
fi
finish
