#!/usr/bin/env bash
# tests/cmd/test_triage.sh -- shrink reaches a local minimum; triage groups what is the same bug.
# A crash directory is made of four bugs, found by seeds in several ways each, as traces, as text
# and as a fuzzer's bytes. Each bug must be one group, its shrunk input must come to the same
# finding, and no single step (a deviation dropped, pulled forward by one, lowered by one) keeps it.
# SPDX-License-Identifier: BSD-2-Clause
set -u
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
trap 'chmod -R u+w "$WORK"; rm -rf "$WORK"' EXIT
cd "$WORK" || exit 1
steps=0

# expect CODE PATTERN WORD...: vringlab WORD... exits with CODE and prints a line that matches.
expect()
{
    local want=$1 pattern=$2
    shift 2
    matches "$want" "$pattern" "$VRINGLAB" "$@"
}

# reaches FILE KIND: does the input come to KIND?
reaches() { "$VRINGLAB" run --choices "$1" 2>/dev/null | grep -q "^verdict=finding kind=$2 "; }

# minimal FILE: no single step keeps what FILE names.
minimal()
{
    local file=$1 kind n line nth value
    kind=$(sed -n 's/^finding=//p' "$file")
    reaches "$file" "$kind" || failed "$file does not come to $kind"
    grep -E '^[a-z-]+ [a-z-]+ [^ ]+ [0-9]+ [0-9]+' "$file" >devs
    grep -vE '^[a-z-]+ [a-z-]+ [^ ]+ [0-9]+ [0-9]+' "$file" >scenario
    n=$(wc -l <devs)
    for ((line = 1; line <= n; line++)); do
        { cat scenario; sed "${line}d" devs; } >step.run
        steps=$((steps + 1))
        reaches step.run "$kind" && failed "$file: $kind stays without deviation $line"
        nth=$(sed -n "${line}p" devs | cut -d' ' -f4)
        value=$(sed -n "${line}p" devs | cut -d' ' -f5)
        if [ "$nth" -gt 1 ]; then
            { cat scenario; sed -E "${line}s/^(([^ ]+ ){3})$nth /\1$((nth - 1)) /" devs; } >step.run
            steps=$((steps + 1))
            reaches step.run "$kind" && failed "$file: $kind stays with deviation $line earlier"
        fi
        if [ "$value" -gt 1 ]; then
            {
                cat scenario
                sed -E "${line}s/^(([^ ]+ ){4})$value/\1$((value - 1))/" devs
            } >step.run
            steps=$((steps + 1))
            reaches step.run "$kind" && failed "$file: $kind stays with deviation $line lower"
        fi
    done
}

# found NAME FAULT KEY=VALUE...: three traces NAME-1.db .. of it, from other seeds each.
found()
{
    local name=$1 i
    shift
    for i in 1 2 3; do
        "$VRINGLAB" run "$@" --runs 3000 --seed "${i}0000" --trace "$name-$i.db" >out
        [ -e "$name-$i.db" ] || failed "no seed from ${i}0000 on comes to a finding: $*"
    done
}

# ---- a crash directory

mkdir -p dir/fuzz_pair/default/crashes dir/text
found dir/interrupt fault=driver-recheck queue_size=4 start_idx=65530 buffers=60 batch=2
found dir/kick fault=device-recheck queue_size=4 buffers=16
found dir/equal fault=event-idx-equal-driver queue_size=4 start_idx=65530 buffers=16 batch=2
found dir/head hostile=driver fault=head-unchecked chain=4 buffers=60
crashes=dir/fuzz_pair/default/crashes
n=0
for seed in 1 2; do
    "$VRINGLAB" run fault=device-recheck queue_size=4 buffers=16 --runs 3000 --seed "${seed}5000" \
        --trace bytes.db >out
    "$VRINGLAB" convert bytes.db -o text.run >out
    sed -i '/^fault=/d; /^finding=/d' text.run
    "$VRINGLAB" convert text.run -o "$crashes/id:00000$n,sig:06,src:000000" target=pair \
        >out 2>&1 || failed "$(cat out)"
    n=$((n + 1))
    rm -f bytes.db
done
printf 'how it was found\n' >"$crashes/README.txt"
cp "$SRC/corpus/faults/head-unchecked/input.run" dir/text/a.run
printf 'vringlab-input 1\nbuffers=3\n' >dir/text/clean.run
ln -s .. dir/text/up
ln -s nowhere dir/text/crash-gone

# ---- shrink: to a local minimum, and no time spent

for db in dir/interrupt-1.db dir/kick-2.db dir/equal-3.db dir/head-1.db; do
    began=$SECONDS
    expect 0 "^small.run: " shrink "$db" -o small.run
    [ $((SECONDS - began)) -le 11 ] || failed "shrink $db took $((SECONDS - began)) s"
    minimal small.run
    [ "$(grep -cE '^[a-z-]+ [a-z-]+ [^ ]+ [0-9]+ [0-9]+' small.run)" -le 8 ] ||
        failed "shrink $db left more than eight deviations: $(cat small.run)"
done
# More deviations, of other lanes; on a machine that is busy, time may run out.
"$VRINGLAB" run fault=barrier:irq-check=none memory=tso queue_size=4 buffers=12 --runs 3000 \
    --seed 5000 --trace tso.db >out
"$VRINGLAB" shrink tso.db -o small.run >out || failed "shrink tso.db: $(cat out)"
if grep -q "time ran out" out; then
    echo "shrink tso.db: $(head -n 1 out)"
else
    minimal small.run
fi
expect 2 "reaches no finding" shrink dir/text/clean.run -o small.run

# ---- triage: groups

expect 1 "^inputs=16 findings=4 clean=1 unreadable=0\$" triage dir fault=device-recheck
expect 1 "^     5  liveness:lost-kick, device; " triage dir fault=device-recheck
expect 1 "^     4  robustness:unnoticed, device; " triage dir fault=device-recheck
expect 1 "^     3  liveness:lost-interrupt, driver; " triage dir fault=device-recheck
expect 1 "^     3  liveness:lost-kick, driver; " triage dir fault=device-recheck
expect 1 "^     1  come to nothing here\$" triage dir fault=device-recheck
# Again: the same groups, without what was written there. (How small an input becomes beyond the
# local minimum depends on how much is tried in the time.)
"$VRINGLAB" triage dir fault=device-recheck | grep '^ *[0-9]* ' | grep -v 'triage/' >first
"$VRINGLAB" triage dir fault=device-recheck | grep '^ *[0-9]* ' | grep -v 'triage/' >again
cmp -s first again || failed "two triages of the same directory differ: $(diff first again)"
for name in 01-liveness-lost-kick 02-robustness-unnoticed; do
    grep -q "vringlab explain dir/triage/$name.run" dir/triage/report.md ||
        failed "report.md does not name $name.run"
done
grep -q "^## Nothing is found any more" dir/triage/report.md || failed "report.md: no clean group"
grep -q "dir/text/clean.run" dir/triage/report.md || failed "report.md does not name clean.run"
grep -q "^Clause 2.7.10-dev-d1 " dir/triage/report.md || failed "report.md names no clause"
for file in dir/triage/*.run; do
    minimal "$file"
done
if command -v sqlite3 >/dev/null; then
    # query SQL: over report.json as a.
    query() { sqlite3 :memory: "WITH r(a) AS (SELECT readfile('dir/triage/report.json')) $1"; }
    counts=$(query "SELECT group_concat(json_extract(value, '\$.n_inputs'))
        FROM r, json_each(CAST(a AS TEXT), '\$.buckets')")
    [ "$counts" = 5,4,3,3,1 ] || failed "report.json: groups of $counts inputs"
    minimals=$(query "SELECT sum(json_extract(value, '\$.minimal'))
        FROM r, json_each(CAST(a AS TEXT), '\$.buckets')")
    [ "$minimals" = 4 ] || failed "report.json: $minimals groups shrunk to a minimum"
    "$VRINGLAB" triage dir fault=device-recheck --json >out
    cmp -s out dir/triage/report.json || failed "--json prints something else"
fi

# The fault is gone from the scenario: the fuzzer's inputs come to nothing, the others stay.
expect 1 "^inputs=16 findings=4 clean=3 unreadable=0\$" triage dir
rm -rf dir/triage
expect 1 "report: other/report.md" triage dir fault=device-recheck --out other
[ -e dir/triage ] && failed "--out, and something is written to the directory itself"

# ---- what cannot be run

mkdir bad
printf 'x' >bad/crash-1
expect 3 "crash-1: a fuzzer's bytes: say whose with --target" triage bad
expect 0 "^inputs=1 findings=0 clean=1 unreadable=0\$" triage bad --target device
expect 0 "^inputs=1 findings=0 clean=1 unreadable=0\$" triage bad target=fuzz_driver
printf 'rubbish\n' >bad/x.run
printf 'rubbish\n' >bad/y.db
head -c 2000000 /dev/zero >bad/crash-2
expect 3 "x.run: line 1: " triage bad --target device
expect 3 "y.db: " triage bad --target device
expect 3 "crash-2: longer than an input may be" triage bad --target device
expect 3 "^inputs=4 findings=0 clean=1 unreadable=3\$" triage bad --target device
cp dir/text/a.run bad
expect 1 "^inputs=5 findings=1 clean=1 unreadable=3\$" triage bad --target device
head -c 3000 dir/kick-1.db >bad/cut.db
expect 1 "cut.db: " triage bad --target device
mkdir empty
expect 2 "no inputs" triage empty
expect 3 "nowhere: No such file" triage nowhere
expect 3 "a.run: Not a directory" triage bad/a.run
expect 3 "/proc/none: " triage bad --out /proc/none
expect 2 "targets are" triage bad --target disk
expect 2 "needs a value" triage bad --out
expect 2 "a directory is needed" triage
expect 2 "no such option" triage bad --frobnicate
expect 2 "fault=nonsense" triage bad fault=nonsense

echo "four bugs, four groups; $steps single steps keep no finding"
finish
