#!/usr/bin/env bash
# tests/trace/test_check.sh -- a trace alone is enough to judge a run, whoever wrote it.
# Method: runs of all kinds are recorded, and `check` comes to the verdict of the run: same kind,
# side, event, clauses and exit code. Then a ring that was driven without our driver and device,
# recorded by tools/record/: clean, with faults that are found, and damaged, which is refused.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
need sqlite3 sqlite3
need pgrep procps

TRACE=$WORK/t.db

# What of an output is a verdict: the finding's sentence, clauses, advice, the verdict line.
verdict_of() { grep -E '^(clause|advice|verdict)' "$1" || true; }

# agrees ARGUMENT...: a run with these arguments, and the check of its trace, end alike.
agrees()
{
    local code=0
    rm -f "$TRACE"
    "$VRINGLAB" run "$@" --trace "$TRACE" >"$WORK/run" 2>"$WORK/err" || code=$?
    if [ "$code" -gt 1 ]; then
        failed "run $*" "$WORK/err"
        return
    fi
    exits "$code" "check of run $*" "$VRINGLAB" check "$TRACE"
    equal "check of run $*" "$(verdict_of "$WORK/out")" "$(verdict_of "$WORK/run")"
    n_checks=$((n_checks + 1))
    if grep -q '^recorded verdict' "$WORK/out"; then
        failed "check of run $* differs from the recorded verdict" "$WORK/out"
    fi
}

# ---- our own runs -------------------------------------------------------------------------------

while IFS= read -r words; do
    [ -n "$words" ] || continue
    for seed in 1 2 3; do
        # shellcheck disable=SC2086 # words are words
        agrees $words --seed "$seed"
    done
done <<'TABLE'
transport=direct
interrupt=intx resets=2
device=blk ops=mix chain=4
queue_size=4 start_idx=65534 event_idx=off indirect=off
notify=counter transport=direct
memory=tso platform=weak-mmio
memory=rc11 notify=counter
memory=rc11 races=see fault=barrier:avail-publish=none
memory=rc11 fault=barrier:avail-publish=none
hostile=driver
hostile=device
hostile=device transport=direct
dma=bounce
dma=iommu
poll=on
budget=300
TABLE

# Payload that is written in two pieces, of any length, reaches memory in those.
for seed in 4 7 8; do
    agrees device=blk ops=mix memory=tso batch=3 resets=1 --seed "$seed"
done
agrees transport=direct event_idx=off indirect=off hostile=device queue_size=4 buffers=12 \
    budget=5000 --seed 673446 --schedule pct

for dir in "$SRC"/corpus/faults/*/; do
    if [ -f "$dir/input.run" ]; then
        agrees --choices "$dir/input.run"
    fi
done

# A run that was killed: the trace goes up to its last event, and the check says what became of it.
"$VRINGLAB" run buffers=10000000 budget=4000000000 transport=direct --trace "$TRACE" \
    >"$WORK/run" 2>"$WORK/err" </dev/null &
parent=$!
child=
for ((i = 0; i < 200; i++)); do
    child=$(pgrep -P "$parent" || true)
    [ -z "$child" ] || break
    sleep 0.05
done
sleep 0.3
check "the run has a child" test -n "$child"
kill -9 "$child" 2>/dev/null || true
wait "$parent" || true
exits 1 "check of a killed run" "$VRINGLAB" check "$TRACE"
says "check of a killed run" "verdict=crashed kind=robustness:crashed"
says "check of a killed run" "as recorded"

# ---- somebody else's ring -----------------------------------------------------------------------

EXAMPLE=$BUILD/virtq_record_example

# found FAULT KIND SIDE CLAUSE: the example with this fault is found out, and the clause is named.
found()
{
    exits 0 "example with $1" "$EXAMPLE" --fault "$1" "$TRACE"
    exits 1 "check of $1" "$VRINGLAB" check "$TRACE"
    says "check of $1" "verdict=finding kind=$2 "
    says "check of $1" "side $3"
    says "check of $1" "clause $4 ($3, "
}

exits 0 "the example's help" "$EXAMPLE" --help
exits 2 "the example with an option that it has not" "$EXAMPLE" --frobnicate
exits 0 "the example" "$EXAMPLE" "$TRACE"
exits 0 "check of the example" "$VRINGLAB" check "$TRACE"
says "check of the example" "verdict=clean kind=- peer_faults=0"
exits 0 "check of the example as JSON" "$VRINGLAB" check "$TRACE" --json
says "check of the example as JSON" '"verdict": "clean"'
says "check of the example as JSON" '"recorded": null'
check "its timeline is there" test "$(sqlite3 "$TRACE" 'select count(*) from v_timeline')" -gt 100
equal "no temporary file is left" "$(find "$WORK" -name '*.tmp-*')" ""

found used-len data:len-not-written device 2.7.8-dev-d2
found avail-idx-back ownership:avail-idx driver 2.7.6.1-drv-1
found device-writes-desc ownership:device-writes-driver-area device 2.7.5.1-dev-4
found no-kick liveness:lost-kick driver 2.7.10.1-drv-4

# It was recorded, not run: it can be judged and looked at, and nothing else.
for command in replay explain; do
    exits 3 "$command of a recorded ring" "$VRINGLAB" $command "$TRACE"
    says "$command of a recorded ring" "recorded, not run here" "$WORK/err"
done
exits 0 "trace of a recorded ring" "$VRINGLAB" trace "$TRACE"
says "trace of a recorded ring" "q0.avail.idx"

# The recorder's names are this build's: what it cannot name, it cannot record.
"$VRINGLAB" run --trace "$WORK/own.db" >"$WORK/run"
for table in agent kind ord barrier field note lane; do
    equal "names of $table" "$(sqlite3 "$TRACE" "select * from $table order by id")" \
        "$(sqlite3 "$WORK/own.db" "select * from $table order by id")"
done

# ---- what is not to be believed -----------------------------------------------------------------

# refused WHAT TEXT: the check of $WORK/bad.db ends with 3 and one line that says TEXT.
refused()
{
    exits 3 "check of a trace $1" "$VRINGLAB" check "$WORK/bad.db"
    says "check of a trace $1" "$2" "$WORK/err"
    equal "lines about a trace $1" "$(wc -l <"$WORK/err")" 1
}

head -c 20000 "$TRACE" >"$WORK/bad.db"
refused "cut short" "cut short"
edit()
{
    cp "$TRACE" "$WORK/bad.db"
    sqlite3 "$WORK/bad.db" "$2"
    refused "$1" "$3"
}
edit "with another value" "UPDATE event SET value = value + 1 WHERE seq = 20" "bad.db: "
edit "with an event less" "DELETE FROM event WHERE seq = 20" "bad.db: "
edit "with another word of itself" "UPDATE scenario SET value = 'device' WHERE key = 'hostile'" \
    "bad.db: "
# A table that lacks its last names is of an older build, and is read; here its digest tells.
edit "with a name less" "DELETE FROM note WHERE id = (SELECT max(id) FROM note)" "digest"
edit "with a name more" "INSERT INTO lane VALUES((SELECT max(id) + 1 FROM lane), 'slow')" \
    "more names"
edit "with a trigger" "CREATE TRIGGER x AFTER INSERT ON meta BEGIN SELECT 1; END" \
    "no part of a trace"
exits 3 "check of no file" "$VRINGLAB" check "$WORK/none.db"
exits 2 "check of nothing" "$VRINGLAB" check
exits 2 "check with an unknown option" "$VRINGLAB" check --what "$TRACE"

# The recorder says what it cannot do, and leaves nothing behind.
exits 3 "example into no directory" "$EXAMPLE" "$WORK/none/t.db"
mkdir "$WORK/dir"
exits 3 "example onto a directory" "$EXAMPLE" "$WORK/dir"
equal "nothing is left" "$(find "$WORK" -name '*.tmp-*')" ""
exits 2 "example with an unknown fault" "$EXAMPLE" --fault what "$TRACE"

finish
