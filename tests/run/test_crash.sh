#!/usr/bin/env bash
# tests/run/test_crash.sh -- what is left when a run dies: a whole trace up to its last event if the
# child was killed, nothing under the final name if the parent was.
# Only processes that this test started are killed, by their numbers.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
need pgrep procps
need sqlite3 sqlite3

# A run that takes far longer than this test, paced by writing its trace.
LONG=(run --seed 7 buffers=10000000 budget=4000000000 transport=direct --trace)

# start TRACE [ARGUMENT...]: begin a long run; PARENT and CHILD are its processes.
start()
{
    local trace=$1 i
    shift
    "$VRINGLAB" "${LONG[@]}" "$trace" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null &
    PARENT=$!
    CHILD=
    for ((i = 0; i < 200; i++)); do
        CHILD=$(pgrep -P "$PARENT" || true)
        if [ -n "$CHILD" ]; then
            return 0
        fi
        sleep 0.05
    done
    failed "the run has no child process"
    kill -9 "$PARENT" 2>/dev/null || true
    finish
}

# wait_until_busy TRACE: until the trace is begun and the child has computed for some 50 ms, so that
# thousands of events are behind it.
wait_until_busy()
{
    local i words
    for ((i = 0; i < 400; i++)); do
        read -ra words <<<"$(sed 's/.*) //' "/proc/$CHILD/stat" 2>/dev/null)"
        if [ "$((${words[11]:-0} + ${words[12]:-0}))" -ge 5 ] &&
            compgen -G "$1.tmp*" >/dev/null; then
            return 0
        fi
        sleep 0.05
    done
    failed "the run does not get going"
}

# ended PID WHAT: the process is gone within ten seconds (a zombie counts as gone).
ended()
{
    local i state
    n_checks=$((n_checks + 1))
    for ((i = 0; i < 200; i++)); do
        state=$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null || echo gone)
        if [ "$state" = gone ] || [ "$state" = Z ]; then
            return 0
        fi
        sleep 0.05
    done
    failed "$2 is still there (process $1)"
    kill -9 "$1" 2>/dev/null || true
}

# The child is killed: exit 1, a whole trace that says so, and a replay up to its last event.
# crashed_trace TRACE HOW
crashed_trace()
{
    local n
    says "$2" "verdict=crashed"
    says "$2" "kind=robustness:crashed"
    check "$2: the trace is there" test -s "$1"
    equal "$2: integrity" "$(sqlite3 "$1" 'pragma integrity_check')" ok
    n=$(sqlite3 "$1" 'select count(*) from event')
    check "$2: it has events ($n)" test "$n" -gt 0
    equal "$2: the last event is the last" "$(sqlite3 "$1" 'select max(seq) + 1 from event')" "$n"
    equal "$2: no temporary file" "$(find "$WORK" -name "$(basename "$1").*" | wc -l)" 0
    exits 0 "$2: replay" "$VRINGLAB" replay "$1"
    says "$2: replay" "identical"
    says "$2: replay" "events=$n"
    says "$2: replay" "verdict=crashed"
}

trace=$WORK/killed.db
start "$trace"
wait_until_busy "$trace"
check "nothing stands under the final name yet" test ! -e "$trace"
kill -9 "$CHILD"
code=0
wait "$PARENT" || code=$?
equal "child killed: exit" "$code" 1
says "child killed" "signal 9"
crashed_trace "$trace" "child killed"
exits 0 "trace of a killed run" "$VRINGLAB" trace "$trace" --from 0 --to 5
says "trace of a killed run" "driver"

# A memory fault in the child: a sanitizer, where there is one, has its say and ends the process.
trace=$WORK/fault.db
start "$trace"
wait_until_busy "$trace"
kill -SEGV "$CHILD"
code=0
wait "$PARENT" || code=$?
equal "memory fault: exit" "$code" 1
crashed_trace "$trace" "memory fault"

# The same without a trace: the verdict says it, nothing is written.
"$VRINGLAB" run --seed 7 buffers=10000000 budget=4000000000 >"$WORK/out" 2>"$WORK/err" &
PARENT=$!
sleep 0.3
kill -9 "$(pgrep -P "$PARENT")"
code=0
wait "$PARENT" || code=$?
equal "child killed, no trace: exit" "$code" 1
says "child killed, no trace" "verdict=crashed"

# The parent is killed: the child ends too, and nothing stands under the final name.
trace=$WORK/orphan.db
start "$trace"
wait_until_busy "$trace"
kill -9 "$PARENT"
wait "$PARENT" 2>/dev/null || true
ended "$CHILD" "the child of a killed parent"
check "parent killed: nothing under the final name" test ! -e "$trace"
exits 3 "replay of what is not there" "$VRINGLAB" replay "$trace"

# The next trace under that name cleans up behind the dead one.
exits 0 "the next run" "$VRINGLAB" run --seed 7 --trace "$trace"
equal "the next run removes what was left" "$(find "$WORK" -name 'orphan.db?*' | wc -l)" 0

# A trace that was there stays as it is when a later run under its name dies.
before=$(sha "$trace")
start "$trace"
wait_until_busy "$trace"
kill -9 "$PARENT"
wait "$PARENT" 2>/dev/null || true
ended "$CHILD" "the child of another killed parent"
equal "the older trace stays" "$(sha "$trace")" "$before"

# write=on and a killed child: the file stays as it was.
disk=$WORK/disk.img
make_file "$disk" $((512 * 200))
before=$(sha "$disk")
trace=$WORK/write.db
start "$trace" device=blk "disk=$disk" write=on ops=mix
wait_until_busy "$trace"
kill -9 "$CHILD"
wait "$PARENT" || true
crashed_trace "$trace" "child killed while it wrote"
equal "a killed run writes nothing" "$(sha "$disk")" "$before"
rm "$disk"
exits 0 "its replay needs no file" "$VRINGLAB" replay "$trace"
says "its replay needs no file" "identical"

finish
