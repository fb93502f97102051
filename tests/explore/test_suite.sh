#!/usr/bin/env bash
# tests/explore/test_suite.sh -- the explorer's counts are those of the table, row by row; and a
# table that says anything else is found to differ.
# SPDX-License-Identifier: BSD-2-Clause
set -u
. "${SRC:-.}/tests/support/shell.sh"
cd "$WORK" || exit 1

table=$SRC/tests/explore/genmc.tsv
last() { tail -n 1 "$WORK/out"; }

# ---- every row
exits 0 'the whole table' "$VRINGLAB" explore --suite "$table" --liveness --quiet
equal 'the last line' "$(last)" 'agree=578 differ=0 unsupported=0 not-a-fact=230'
says 'why rows are no facts' 'not a fact: 202 rows of a model that is not explored here'
says 'why rows are no facts' 'not a fact: 28 rows tso with a fence at ar'

# ---- a quick look leaves rows out, and does not call them agreed
exits 0 'the small rows' "$VRINGLAB" explore --suite "$table" --quick --quiet
left_out=$(sed -n 's/^left out: \([0-9]*\) rows.*/\1/p' "$WORK/out")
agree=$(last | sed 's/agree=\([0-9]*\) .*/\1/')
equal 'agreed and left out' "$((agree + left_out))" 578
check 'something is left out' test "$left_out" -gt 10
exits 0 'the smallest rows' "$VRINGLAB" explore --suite "$table" --max-executions 1 --quiet
check 'fewer rows' test "$(last | sed 's/agree=\([0-9]*\) .*/\1/')" -lt "$agree"

# ---- a table that is wrong in one row: column by column
row() { head -n 1 "$table" && grep -P "^vq_$1\.c\t$2\t$3\t[^\t]*\t$4\t" "$table" | head -n 1; }
with() # with COLUMN VALUE: the rows of standard input with another value there
{
    awk -F '\t' -v OFS='\t' -v at="$1" -v value="$2" 'NR > 1 { $at = value } { print }'
}
differs() # differs WHAT TEXT [OPTION]
{
    exits 1 "$1" "$VRINGLAB" explore --suite wrong.tsv --quiet "${@:3}"
    says "$1" "$2"
    equal "$1: the last line" "$(last)" 'agree=0 differ=1 unsupported=0 not-a-fact=0'
}

row full 2 - rc11 >right.tsv
exits 0 'one row' "$VRINGLAB" explore --suite right.tsv --quiet --liveness
equal 'one row: the last line' "$(last)" 'agree=1 differ=0 unsupported=0 not-a-fact=0'
with 10 1917 <right.tsv >wrong.tsv
differs 'another count' 'complete 1916 (table 1917), of these ok 1916 (table 1916)'
with 12 1915 <right.tsv >wrong.tsv
differs 'another count of good ones' 'complete 1916 (table 1916), of these ok 1916 (table 1915)'
with 13 racy <right.tsv >wrong.tsv
differs 'a race where there is none' 'no race, the table says racy'
with 6 'Liveness violation!' <right.tsv >wrong.tsv
differs 'stuck where nobody is' '0 stuck, the table says some are' --liveness
row full 2 -DD3=none rc11 | with 6 none >wrong.tsv
differs 'nobody stuck where some are' 'stuck, the table says none is' --liveness
row poll 1 '-DPLAIN -DD1=rlx' rc11 | with 13 0 >wrong.tsv
differs 'no race where there is one' 'racy, the table says no race'

# ---- every knob and model takes part in the counts
for change in '3 -DEVENT_IDX' '3 -DQSZ=1' '3 -DD2=rlx' '3 -DV2=rlx' '3 -DD3=none' '3 -DV4=none' \
    '2 1' '5 sc' '5 tso' '1 vq_kick.c' '1 vq_irq.c' '1 vq_poll.c' '1 vq_pollbound.c'; do
    with "${change%% *}" "${change#* }" <right.tsv >wrong.tsv
    exits 1 "$change" "$VRINGLAB" explore --suite wrong.tsv --quiet
    says "$change" 'differ=1'
done

# ---- rows that are no facts, and rows that cannot be explored
unsupported() # unsupported WHAT COLUMN VALUE TEXT
{
    with "$2" "$3" <right.tsv >wrong.tsv
    exits 1 "$1" "$VRINGLAB" explore --suite wrong.tsv --quiet
    says "$1" "$4"
    equal "$1: the last line" "$(last)" 'agree=0 differ=0 unsupported=1 not-a-fact=0'
}
unsupported 'another program' 1 vq_packed.c 'no such program'
unsupported 'another knob' 3 -DCOLOUR=red 'no such knob'
unsupported 'a word that is no define' 3 EVENT_IDX 'begins with -D'
unsupported 'no number' 2 two 'a number from 1 to'
with 5 arm <right.tsv >wrong.tsv
exits 0 'another model' "$VRINGLAB" explore --suite wrong.tsv --quiet
equal 'another model' "$(last)" 'agree=0 differ=0 unsupported=0 not-a-fact=1'
with 10 '' <right.tsv >wrong.tsv
exits 0 'no count' "$VRINGLAB" explore --suite wrong.tsv --quiet
says 'no count' 'not a fact: 1 rows without a count'

# ---- files that are no table
exits 3 'no file' "$VRINGLAB" explore --suite none.tsv
sed 's/^program/name/' right.tsv >wrong.tsv
exits 3 'another header' "$VRINGLAB" explore --suite wrong.tsv
says 'another header' 'no column program' "$WORK/err"
head -n 1 right.tsv >wrong.tsv
exits 3 'no rows' "$VRINGLAB" explore --suite wrong.tsv
: >wrong.tsv
exits 3 'an empty file' "$VRINGLAB" explore --suite wrong.tsv
exits 2 'options of a single exploration' "$VRINGLAB" explore --suite right.tsv --shard 0/2
exits 2 'words' "$VRINGLAB" explore --suite right.tsv vq_poll
exits 2 'a bad number' "$VRINGLAB" explore --suite right.tsv --max-executions many
finish
