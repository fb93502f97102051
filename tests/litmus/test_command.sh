#!/usr/bin/env bash
# tests/litmus/test_command.sh -- vringlab litmus: its last line, differences, broken files, usages.
# Method: the tables of tests/litmus, then files that are made here, each with its exit code and a
# text that its output holds.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"

tests=$SRC/tests/litmus
# shellcheck disable=SC2317 # called by exits()
litmus() { "$VRINGLAB" litmus "$@"; }

# last WHAT LINE: the last line of the last output.
last() { equal "$1" "$(tail -n 1 "$WORK/out")" "$2"; }

exits 0 "the table" litmus "$tests/litmus.tsv"
last "the table" "agree=545 differ=0 unsupported=0 not-a-fact=565"
says "reasons" "not-a-fact 444: another model: RA, IMM, AArch64, AArch64-rcpc"
says "reasons" "not-a-fact 111: GenMC --tso"
says "reasons" "not-a-fact 4: the tool has no answer"
says "reasons" "not-a-fact 2: herd's rc11.cat has C11's release sequences"
says "reasons" "not-a-fact 4: the tools differ about seq-cst accesses"
exits 0 "races" litmus "$tests/litmus_races.tsv"
last "races" "agree=13 differ=0 unsupported=0 not-a-fact=0"
says "the verdict that is not taken" "NA.RS+pos.rlx-ctrl RC11"
exits 0 "mixed width" litmus "$tests/mixed.tsv"
last "mixed width" "agree=9 differ=0 unsupported=0 not-a-fact=0"
exits 0 "the folder" litmus "$tests"
last "the folder" "agree=592 differ=0 unsupported=0 not-a-fact=565"
exits 0 "one model" litmus "$tests/litmus.tsv" --model tso
last "one model" "agree=107 differ=0 unsupported=0 not-a-fact=115"
exits 0 "one test" litmus "$tests/litmus.tsv" SB+rlx --engine axioms
last "one test" "agree=5 differ=0 unsupported=0 not-a-fact=5"
says "one test" "  tso   4 of 4: {0:r0=0;1:r0=0;x=1;y=1}{0:r0=0;1:r0=1;x=1;y=1}"

exits 1 "a rule left out" litmus "$tests/litmus.tsv" MP+rel+acq --without acquire --model rc11
last "a rule left out" "agree=0 differ=2 unsupported=0 not-a-fact=0"
for engine in graph operational; do
    says "a difference" \
        "litmus.tsv:137: MP+rel+acq RC11 $engine (herd:rc11.cat): got 4 executions, expected 3"
done
exits 0 "what an engine cannot leave out" litmus "$tests/litmus.tsv" MP+rlx --model tso \
    --without tso-loads --engine operational
last "what an engine cannot leave out" "agree=0 differ=0 unsupported=1 not-a-fact=1"

exits 0 "JSON" litmus "$tests/litmus.tsv" MP+rel+acq --json
last "JSON" '{"agree":5,"differ":0,"unsupported":0,"not-a-fact":5}'
if command -v python3 >/dev/null; then
    check "each line is JSON" python3 -c '
import json, sys
for line in open(sys.argv[1]):
    json.loads(line)' "$WORK/out"
fi

# Files that are made here: code | text | the file, of which @ is a tab and / the end of a line.
head='name@program@model@tool@n_execs@final_states'
n=0
while IFS='|' read -r code text content; do
    n=$((n + 1))
    printf '%s' "$content" | sed "s/HEAD/$head/" | tr '@/' '\t\n' >"$WORK/$n.tsv"
    exits "$code" "file $n" litmus "$WORK/$n.tsv"
    cat "$WORK/out" "$WORK/err" >"$WORK/all"
    says "file $n" "$text" "$WORK/all"
done <<'END'
0|agree=1 differ=0|HEAD/a@W x 1 rlx@SC@me@1@{x=1}/
0|agree=1 differ=0|# a comment/HEAD@more//a@W x 1 rlx@RC11@me@-@{x=1}@anything
1|got 1 executions, expected 2|HEAD/a@W x 1 rlx@SC@me@2@{x=1}/
1|SC graph (me): got, not expected: {x=1}|HEAD/a@W x 1 rlx@SC@me@1@{x=2}/
1|SC operational (me): not got: {x=2}|HEAD/a@W x 1 rlx@SC@me@1@{x=1}{x=2}/
0|unsupported=1|HEAD/a@W x 1 rlx@Power@me@1@{x=1}/
2|no row is about these tests|HEAD/
3|.tsv:0: the file is empty|
3|no table of litmus tests|a@b@c/
3|.tsv:2: the row has fewer columns than the header|HEAD/a@W x 1 rlx@SC/
3|.tsv:3: thread 0, statement 1: 'Q' is no op|HEAD/a@W x 1 rlx@SC@me@1@{x=1}/b@Q@SC@me@1@{x=1}/
3|.tsv:2: the number of executions is neither|HEAD/a@W x 1 rlx@SC@me@many@{x=1}/
3|.tsv:2: a: no { in the states|HEAD/a@W x 1 rlx@SC@me@1@x=1/
3|.tsv:2: the verdict is none of|name@program@genmc --rc11/a@W x 1 na@perhaps/
0|agree=1|name@program@genmc --rc11/a@W x 1 na@race-free (1 execs)/
1|got no data race, expected one|name@program@genmc --rc11/a@W x 1 na@racy/
END
printf 'name\tprogram\tmodel\ttool\tn_execs\tfinal_states\na\0b\tW x 1 rlx\n' >"$WORK/zero.tsv"
exits 3 "a zero byte" litmus "$WORK/zero.tsv"
head -c 70000 /dev/zero | tr '\0' x >"$WORK/long.tsv"
exits 3 "a long line" litmus "$WORK/long.tsv"
says "a long line" "the line is too long" "$WORK/err"
head -c 5000 "$VRINGLAB" >"$WORK/binary.tsv"
exits 3 "a binary" litmus "$WORK/binary.tsv"
printf 'name: a\nthread: W x 1 rlx\n' >"$WORK/none.litmus"
exits 3 "a test without an answer" litmus "$WORK/none.litmus"
says "a test without an answer" "states of a model or a race: verdict" "$WORK/err"
printf 'name: a\nthread: W x 1 rlx\nsc {x=1}\n' >"$WORK/key.litmus"
exits 3 "a line that is none" litmus "$WORK/key.litmus"
says "a line that is none" "key.litmus:3: no KEY: VALUE" "$WORK/err"
printf 'name: a\nthread: W x 1 rlx\nsc: {x=1}\nsc: {x=1}\n' >"$WORK/twice.litmus"
exits 3 "a key twice" litmus "$WORK/twice.litmus"
says "a key twice" "twice.litmus:4: the model's states were given before" "$WORK/err"

exits 3 "no such file" litmus "$WORK/nothing.tsv"
mkdir "$WORK/empty"
exits 3 "an empty folder" litmus "$WORK/empty"
exits 2 "no file" litmus
exits 2 "an option" litmus "$tests/mixed.tsv" --fast
exits 2 "a model" litmus "$tests/mixed.tsv" --model power
exits 2 "an engine" litmus "$tests/mixed.tsv" --engine steam
exits 2 "a rule" litmus "$tests/mixed.tsv" --without gravity
exits 2 "a rule of another model" litmus "$tests/mixed.tsv" --without acquire --model sc
says "a rule of another model" "acquire is no rule of the models that are run" "$WORK/err"
exits 2 "a test" litmus "$tests/mixed.tsv" nobody
exits 0 "help" litmus --help
says "help" "release-sequence: a read-modify-write that does not carry on"
finish
