#!/usr/bin/env bash
# tests/explore/test_shards.sh -- one exploration: its words, its result, its shards, and what
# explore-merge believes.
# SPDX-License-Identifier: BSD-2-Clause
set -u
. "${SRC:-.}/tests/support/shell.sh"
need sqlite3 sqlite3
cd "$WORK" || exit 1

explore() { "$VRINGLAB" explore --quiet "$@"; }
# The final line without what depends on the machine.
counts() { tail -n 1 "$1" | sed 's/ seconds=.*(.*)//; s/ memory=[0-9]*//'; }

# ---- one exploration: counts, verdict, exit code
exits 0 'a program that is right' explore vq_full K=2
equal 'its final line' "$(counts out)" \
    'executions=1916 violating=0 blocked=310 stuck=0 races=0 events-max=63 verdict=proved'
exits 1 'a fence that is missing' explore vq_kick K=2 D3=none
equal 'its final line' "$(counts out)" \
    'executions=143 violating=17 blocked=0 stuck=0 races=0 events-max=35 verdict=refuted'
exits 1 'a fence that is too weak' explore vq_kick K=2 D3=ar memory=tso
exits 0 'an order that tso has anyway' explore vq_kick K=2 D1=rlx memory=tso
exits 0 'no fence needed' explore vq_kick K=2 D3=none memory=sc
exits 1 'somebody is stuck' explore vq_full D4=none
says 'somebody is stuck' 'violating=0 blocked=11 stuck=5 races=0'
exits 0 'one buffer hides it' explore vq_full D4=none EVENT_IDX
exits 1 'a race and nothing else' explore vq_poll K=3 PLAIN NOREPLY NOUSEDRING V2=rlx
says 'a race and nothing else' 'race: desc[0], 2 bytes: loaded by the device at tools/lab/'
says 'a race and nothing else' 'violating=0'
exits 0 'no race where it is ordered' explore vq_poll K=3 PLAIN NOREPLY NOUSEDRING
exits 0 'the same in other words' explore program=vq_full memory=rc11 -DK=2 --json
says 'as JSON' '"explored": "program=vq_full K=2 memory=rc11"'
says 'as JSON' '"executions": 1916, "ok": 1916, "violating": 0, "blocked": 310, "stuck": 0'

# ---- distinct ones
for words in 'vq_full K=2' 'vq_full K=2 EVENT_IDX memory=tso' 'vq_kick K=2 D3=none V1=rlx' \
    'vq_pollbound K=2 V1=rlx memory=sc' 'vq_irq K=2 D2=rlx'; do
    # shellcheck disable=SC2086 # words
    explore $words --count-distinct >out
    n=$(sed -n 's/^executions=\([0-9]*\) .* blocked=\([0-9]*\) .*/\1 + \2/p' out)
    check "$words: distinct ones" grep -q "^distinct=$((n)) of $((n)) looked at$" out
done

# ---- shards: all of it, once, for any number of them
for words in 'vq_full K=2 D3=none' 'vq_full K=2 EVENT_IDX memory=sc' 'vq_poll K=3 V1=rlx PLAIN'; do
    # shellcheck disable=SC2086 # words
    explore $words >whole.txt
    for n in 1 2 3 5 16; do
        rm -f shard-*.db all.db
        for ((i = 0; i < n; i++)); do
            # shellcheck disable=SC2086 # words
            explore $words --shard $i/$n --db shard-$i.db >out
        done
        "$VRINGLAB" explore-merge all.db shard-*.db >out
        equal "$words in $n shards" "$(counts out)" "$(counts whole.txt)"
    done
done
exits 0 'a shard proves a part' explore vq_full K=2 --shard 1/3 --db one.db
says 'a shard proves a part' 'verdict=proved-in-part'
says 'a shard says which' 'shard=1/3'
check 'a shard has not all' test "$(sed -n 's/^executions=\([0-9]*\) .*/\1/p' out)" -lt 1916

# ---- the file
rm -f shard-*.db
for i in 0 1 2; do
    explore vq_full K=2 --count-distinct --shard $i/3 --db shard-$i.db >out
done
exits 0 'merging' "$VRINGLAB" explore-merge all.db shard-2.db shard-0.db shard-1.db
equal 'the view' "$(sqlite3 all.db 'SELECT source, shards_here, shards, executions, violating,
    blocked, distinct_executions FROM v_result')" \
    'program=vq_full K=2 memory=rc11|3|3|1916|0|310|2226'
exits 0 'a merged file may be merged' "$VRINGLAB" explore-merge again.db all.db
equal 'and is the same' "$(sqlite3 again.db .dump)" "$(sqlite3 all.db .dump)"
equal 'no temporary file is left' "$(find . -name '*.tmp-*')" ''

# ---- what explore-merge refuses; it writes nothing then
refused() # refused WHAT TEXT FILE...
{
    rm -f no.db
    exits 3 "$1" "$VRINGLAB" explore-merge no.db "${@:3}"
    says "$1" "$2" "$WORK/err"
    check "$1: nothing is written" test ! -e no.db
}
refused 'one is missing' '1 of 3 shards are missing: 1' shard-0.db shard-2.db
refused 'one is there twice' 'shard 0 of 3 is in shard-0.db already' shard-0.db shard-1.db \
    shard-2.db shard-0.db
explore vq_full K=2 EVENT_IDX --shard 1/3 --db foreign.db >out
refused 'other knobs' 'of another exploration: program=vq_full K=2 EVENT_IDX' shard-0.db \
    foreign.db shard-2.db
explore vq_full K=2 memory=sc --shard 1/3 --db foreign.db >out
refused 'another model' 'memory=sc, where the first' shard-0.db foreign.db shard-2.db
explore vq_full K=2 --shard 1/4 --db foreign.db >out
refused 'another number of shards' 'one of 4 shards' shard-0.db foreign.db shard-2.db
refused 'no such file' 'cannot be opened' shard-0.db none.db shard-2.db
printf 'junk' >junk.db
refused 'no database' 'is no SQLite file' shard-0.db junk.db shard-2.db
: >junk.db
refused 'an empty file' 'is no SQLite file' shard-0.db junk.db shard-2.db
sqlite3 other.db 'CREATE TABLE t(x)'
refused 'another database' 'is no result of vringlab explore' shard-0.db other.db shard-2.db
head -c 9000 shard-1.db >cut.db
refused 'cut short' 'damaged' shard-0.db cut.db shard-2.db
changed() # changed WHAT SQL TEXT
{
    cp shard-1.db changed.db
    sqlite3 changed.db "$2"
    refused "$1" "$3" shard-0.db changed.db shard-2.db
}
changed 'a number' 'UPDATE shard SET executions = executions + 1' 'not those that were written'
changed 'a shard renumbered' 'UPDATE shard SET shard = 2' 'not those that were written'
changed 'a shard out of range' 'UPDATE shard SET shard = 3' 'not those that were written'
changed 'other words' "UPDATE exploration SET source = 'x'" 'not those that were written'
changed 'no shard' 'DELETE FROM shard' 'does not hold the shards'
changed 'another format' 'PRAGMA user_version = 9' 'another format'
changed 'another table' 'CREATE TABLE t(x)' 'its tables are not'
changed 'a digest that fits, of another build' \
    "UPDATE exploration SET build = 'another'" 'not those that were written'
flipped=0
for at in 20 1000 8150 8190 12265 12275 12287; do
    cp shard-1.db flip.db
    printf '\377' | dd of=flip.db bs=1 seek=$at conv=notrunc status=none
    cmp -s shard-1.db flip.db && continue
    code=0
    "$VRINGLAB" explore-merge no.db shard-0.db flip.db shard-2.db >out 2>err || code=$?
    # Bytes that no row uses may change; then the result is still the right one.
    if [ "$code" -eq 0 ]; then
        n=$(sed -n 's/^executions=\([0-9]*\) .*/\1/p' out)
        equal "byte $at changed, and it was believed" "$n" 1916
    else
        equal "byte $at changed" "$code" 3
        flipped=$((flipped + 1))
    fi
    rm -f no.db
done
check 'changed bytes are found' test $flipped -ge 4
exits 3 'nowhere to write' "$VRINGLAB" explore-merge no/dir/x.db shard-0.db shard-1.db shard-2.db
exits 2 'no shards' "$VRINGLAB" explore-merge all.db
exits 2 'an option' "$VRINGLAB" explore-merge all.db shard-0.db --fast

# ---- words that are refused
usage() # usage TEXT WORD...
{
    exits 2 "refused: ${*:2}" explore "${@:2}"
    says "${*:2}" "$1" "$WORK/err"
}
usage 'vq_fool: nothing like it' vq_fool
usage 'vq_fool: no such program' program=vq_fool
usage 'a second program' vq_full vq_poll
usage 'no such knob' vq_full COLOUR=red
usage 'a number from 1 to 8' vq_full K=0
usage 'a number from 1 to 8' vq_full K=9
usage 'a number from 1 to 8' vq_full K=
usage 'orders are' vq_full D1=strong
usage 'a store has no such order' vq_full D1=acq
usage 'a load has no such order' vq_full V1=rel
usage 'is on when it is named' vq_full EVENT_IDX=0
usage 'vq_full does not look at it' vq_full BATCH
usage 'uses a slot once' vq_kick K=3
usage 'memory is sc, tso or rc11' vq_full memory=arm
usage 'I from 0 to N - 1' vq_full --shard 3/3
usage 'I from 0 to N - 1' vq_full --shard 3
usage 'I from 0 to N - 1' vq_full --shard 0/0
usage 'wants a value' vq_full --db
usage 'no such option' vq_full --loud
usage 'option of --suite' vq_full --quick
exits 3 'nowhere to write' explore vq_full K=2 --db no/dir/x.db
exits 3 'a directory' explore vq_full K=2 --db .

# ---- interrupted: nothing is proved, nothing written
code=0
timeout --preserve-status -s INT 1 "$VRINGLAB" explore vq_full K=7 --db big.db >out 2>err || code=$?
equal 'interrupted' "$code" 3
says 'interrupted' 'interrupted; nothing is proved' err
check 'interrupted: nothing is written' test ! -e big.db
finish
