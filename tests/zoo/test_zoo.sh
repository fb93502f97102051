#!/usr/bin/env bash
# tests/zoo/test_zoo.sh -- the zoo of real bugs: each entry reproduces, is whole, and can be found.
# First the corpus itself: all entries reproduce and are clean without their faults, each can be
# shown, and is found by each of its symptoms. Then an entry that is broken in one place at a time,
# in a zoo of its own: each is named, with the file and what is wrong.
# SPDX-License-Identifier: BSD-2-Clause
set -u
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
ENTRIES_MIN=79

# expect CODE PATTERN WORD...: vringlab zoo WORD... exits with CODE and prints a line that matches.
expect()
{
    local want=$1 pattern=$2
    shift 2
    matches "$want" "$pattern" "$VRINGLAB" zoo "$@"
}

# ---- the corpus

dirs=$(find "$SRC/corpus/zoo" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
n_dirs=$(wc -w <<<"$dirs")
n_rows=$(($(wc -l <"$SRC/corpus/zoo/lacking.tsv") - 1))
[ "$n_dirs" -ge "$ENTRIES_MIN" ] || failed "the zoo has $n_dirs entries, not $ENTRIES_MIN"
[ "$n_rows" -ge 1 ] || failed "lacking.tsv has no rows"

expect 0 "^reproduced=$n_dirs failed=0 lacking=$n_rows\$" run --all
expect 0 "^$n_dirs bugs modelled, $n_rows waiting;"
"$VRINGLAB" zoo >"$WORK/list"
"$VRINGLAB" zoo run --all >"$WORK/all"
cut -f1 "$SRC/corpus/zoo/lacking.tsv" | tail -n +2 >"$WORK/rows"
for slug in $dirs; do
    grep -q "^reproduced  $slug: " "$WORK/all" || failed "zoo run --all does not speak of $slug"
    grep -qx "$slug" "$WORK/rows" && failed "$slug is modelled, and stands in lacking.tsv"
    "$VRINGLAB" zoo show "$slug" >"$WORK/out" 2>&1 ||
        failed "zoo show $slug: $(tail -n 2 "$WORK/out")"
    finding=$(sed -n 's/^finding=//p' "$SRC/corpus/zoo/$slug/input.run")
    grep -q "^$slug  .*  $finding\$" "$WORK/list" || failed "zoo does not list $slug as $finding"
    for part in "^## The lesson" "^        driver  *| device" "^finding $finding at " \
        "^  symptom "; do
        grep -q "$part" "$WORK/out" || failed "zoo show $slug has no \"$part\""
    done
    sed -n 's/^symptom=//p' "$SRC/corpus/zoo/$slug/zoo.conf" >"$WORK/symptoms"
    while IFS= read -r symptom; do
        n_checks=$((n_checks + 1))
        "$VRINGLAB" zoo --symptom "$symptom" >"$WORK/out" 2>&1
        grep -q "^$slug (" "$WORK/out" || failed "zoo --symptom \"$symptom\" does not find $slug"
    done <"$WORK/symptoms"
done
while IFS= read -r slug; do
    expect 0 "^  lacks  " show "$slug"
    expect 2 "cannot be run before there is" run "$slug"
done <"$WORK/rows"
if command -v sqlite3 >/dev/null; then
    for words in "" "run --all" "--symptom hang" "show $(head -n 1 <<<"$dirs")"; do
        # shellcheck disable=SC2086 # words
        "$VRINGLAB" zoo $words --json >"$WORK/json"
        [ "$(sqlite3 :memory: "SELECT json_valid(CAST(readfile('$WORK/json') AS TEXT))")" = 1 ] ||
            failed "zoo $words --json is no JSON"
    done
fi

# ---- one entry of its own, whole

zoo=$WORK/tree/corpus/zoo
made=$zoo/made-up

# whole: lay the zoo of one entry out anew.
whole()
{
    rm -rf "$WORK/tree"
    mkdir -p "$made"
    {
        printf '%s\t' id project side class reference lacks summary
        printf 'symptom\n'
        printf '%s\t' waits-a P driver oob R feature "What is wrong."
        printf 'nothing is printed, 17 times\n'
    } >"$zoo/lacking.tsv"
    cp "$SRC/corpus/faults/used-id-unchecked/input.run" "$made/input.run"
    cat >"$made/zoo.conf" <<'END'
# an entry for tests
project=Some Driver
reference=unverified
side=driver
class=oob
memory=sc
clause=2.7.8-dev-d1
summary=The id is masked.
symptom=%s:id %u is not a head!
symptom=Kernel oops in the completion handler
fuzz=driver fault=used-id-unchecked
END
    cat >"$made/README.md" <<'END'
# made-up: an id is masked

## What was wrong

One.

## What the ring looked like

Two.

## How it is modelled

Three.

## The shortest input

Four.

## The lesson

Five.
END
}

# broken PATTERN: the entry fails, is named, and the line says why.
broken()
{
    expect 1 "^failed      made-up: .*$1" run --all --root "$WORK/tree"
    expect 1 "^reproduced=0 failed=1 lacking=1\$" run --all --root "$WORK/tree"
    expect 1 "^reproduced=0 failed=1 lacking=0\$" run made-up --root "$WORK/tree"
}

# unreadable PATTERN: as broken, and the other commands complain of the file.
unreadable()
{
    broken "$1"
    expect 3 "$1" --root "$WORK/tree"
    expect 3 "$1" show made-up --root "$WORK/tree"
}

whole
expect 0 "^reproduced  made-up: robustness:unnoticed, driver; 1 deviation, " run made-up \
    --root "$WORK/tree"
expect 0 "^reproduced=1 failed=0 lacking=1\$" run --all --root "$WORK/tree"

# ---- by what is seen

for text in "ID 71 is not" "virtio_blk virtio0: requests:id 71 is not a head!" "oops completion" \
    "handler KERNEL" "id 0x1f is not a head"; do
    expect 0 "^made-up (" --symptom "$text" --root "$WORK/tree"
done
expect 0 "^waits-a .*lacks feature" --symptom "nothing is printed" --root "$WORK/tree"
expect 0 "^waits-a .*lacks feature" --symptom "printed, 3 times" --root "$WORK/tree"
expect 0 "how to go on: vringlab zoo show" --symptom "kernel" --root "$WORK/tree"
expect 1 "no bug of the zoo" --symptom "zebra" --root "$WORK/tree"
expect 1 "no bug of the zoo" --symptom "zebra crossing handler gone" --root "$WORK/tree"
expect 2 "needs some text" --symptom " " --root "$WORK/tree"
expect 1 '^\[\]$' --symptom "zebra" --json --root "$WORK/tree"

# ---- broken in one place: what the run comes to

sed -i 's/^finding=.*/finding=liveness:lost-kick/' "$made/input.run"
broken "names liveness:lost-kick and comes to verdict=finding kind=robustness:unnoticed"
expect 1 "^ *vringlab run --choices .*made-up/input.run" run made-up --root "$WORK/tree"

whole
sed -i '/^mischief/d' "$made/input.run"
broken "comes to verdict=clean"

whole
sed -i 's/^side=driver/side=device/' "$made/zoo.conf"
broken "bug of the device, and robustness:unnoticed blames the driver"

# A budget that the finding keeps to and the whole run does not.
whole
sed -i 's/^buffers=.*/buffers=8/; s/used.ring 1 1 .*/used.ring 5 1/' "$made/input.run"
for budget in $(seq 100 300); do
    sed -i "s/^budget=.*/budget=$budget/" "$made/input.run"
    if "$VRINGLAB" run --choices "$made/input.run" | grep -q '^verdict=finding'; then
        break
    fi
done
broken "without its fault: verdict=budget"
expect 1 "^ *vringlab run fault= --choices .*made-up/input.run" run made-up --root "$WORK/tree"

# ---- broken in one place: the files

whole
for n in 1 2 3 4 5 6 7 8; do
    echo "schedule driver - $((90000 + n)) 1" >>"$made/input.run"
done
broken "9 deviations"
echo "more=a test needs them" >>"$made/zoo.conf"
expect 0 "^reproduced  made-up: .*9 deviations" run made-up --root "$WORK/tree"
whole
echo "more=a test needs them" >>"$made/zoo.conf"
broken "says more=, and input.run has 1 deviations"

whole
sed -i '/^finding=/d' "$made/input.run"
broken "input.run has no finding="
whole
sed -i 's/^fault=.*/fault=used-len-unchecked/' "$made/input.run"
broken "zoo.conf has fault=used-id-unchecked, input.run has not"
whole
sed -i 's/^fuzz=driver/fuzz=device/' "$made/zoo.conf"
broken "fuzz=device, but input.run is of target fuzz_driver"
whole
sed -i 's/^fuzz=.*/fuzz=driver/' "$made/zoo.conf"
broken "zoo.conf has 0 faults, input.run 1"
whole
sed -i 's/^fuzz=.*/& no_such_key=1/' "$made/zoo.conf"
broken "fuzz=: "
whole
sed -i 's/^memory=.*/memory=tso/' "$made/zoo.conf"
broken "zoo.conf has memory=tso, input.run memory=sc"
whole
touch "$made/fault.patch"
broken "fault.patch is there, but input.run has no fault=zoo:made-up"
whole
sed -i 's/fault=used-id-unchecked/fault=zoo:made-up/' "$made/zoo.conf" "$made/input.run"
broken "fault.patch is missing, and input.run has fault=zoo:made-up"
for heading in "What was wrong" "What the ring looked like" "How it is modelled" \
    "The shortest input" "The lesson"; do
    whole
    sed -i "/^## $heading/d" "$made/README.md"
    broken "README.md has no section \"## $heading\""
    whole
    sed -i "/^## $heading/,/^[A-Z]/{/^[A-Z]/d}" "$made/README.md"
    broken "README.md has no section \"## $heading\""
done
whole
sed -i '1s/made-up/other/' "$made/README.md"
broken 'README.md does not begin with "# made-up: '
whole
rm "$made/README.md"
broken "README.md: "

# ---- hostile bytes: file and line are named

for key in project reference side class memory clause summary symptom fuzz; do
    whole
    sed -i "/^$key=/d" "$made/zoo.conf"
    unreadable "zoo.conf: line [0-9]*: the file ends without $key="
    whole
    sed -i "s/^$key=.*/$key=/" "$made/zoo.conf"
    unreadable "zoo.conf: line [0-9]*: $key: nothing stands behind it"
done
for line in "side=both" "class=odd" "memory=arm" "clause=9.9.9-drv-1" "colour=red" "just words" \
    "=value" "project=again" "clause=2.7.8-dev-d1" "summary=$(printf 'x%.0s' $(seq 101))"; do
    whole
    key=${line%%=*}
    case $line in
    project=* | clause=2*) ;;
    *) sed -i "/^$key=/d" "$made/zoo.conf" ;;
    esac
    printf '%s\n' "$line" >>"$made/zoo.conf"
    unreadable "zoo.conf: line $(wc -l <"$made/zoo.conf"): "
done
whole
sed -i 's/^side=driver/&\r/' "$made/zoo.conf"
unreadable "zoo.conf: line 4: a control character"
whole
printf 'more=\0x\n' >>"$made/zoo.conf"
unreadable "zoo.conf: line 12: a byte 0"
whole
rm "$made/zoo.conf"
unreadable "zoo.conf: No such file"
mkdir "$made/zoo.conf"
unreadable "zoo.conf: not a file"
whole
head -c 100000 "$(command -v bash)" >"$made/zoo.conf"
unreadable "zoo.conf: line [0-9]*: a byte 0"
whole
head -c 100000 "$(command -v bash)" | tr -d '\0' >"$made/zoo.conf"
unreadable "zoo.conf: line [0-9]*: "
whole
head -c 5000000 /dev/zero | tr '\0' x >"$made/zoo.conf"
unreadable "zoo.conf: .*longer than 4 MiB"
whole
echo "rubbish" >>"$made/input.run"
broken "input.run: line $(wc -l <"$made/input.run"): "
whole
rm "$made/input.run"
broken "input.run: No such file"
expect 3 "input.run: No such file" show made-up --root "$WORK/tree"

# rows LINE-NUMBER PATTERN: the table of what is lacking cannot be read.
rows()
{
    expect 3 "lacking.tsv: line $1: $2" --root "$WORK/tree"
    expect 3 "lacking.tsv: line $1: $2" run --all --root "$WORK/tree"
}
whole
sed -i '1s/lacks/needs/' "$zoo/lacking.tsv"
rows 1 "the columns are id, "
whole
: >"$zoo/lacking.tsv"
rows 0 "the header is missing"
whole
printf 'waits-b\tP\tdriver\n' >>"$zoo/lacking.tsv"
rows 3 "3 columns, not 8"
whole
sed -i '2{p}' "$zoo/lacking.tsv"
rows 3 "waits-a: stands in the zoo already"
whole
sed -i '2s/waits-a/made-up/' "$zoo/lacking.tsv"
rows 2 "made-up: stands in the zoo already"
whole
sed -i '2s/waits-a/Wait_A/' "$zoo/lacking.tsv"
rows 2 "Wait_A: an id has small letters"
whole
sed -i '2s/\tfeature\t/\t\t/' "$zoo/lacking.tsv"
rows 2 "column 6 is empty"
whole
sed -i '2s/$/\tmore/' "$zoo/lacking.tsv"
rows 2 "more than 8 columns"
whole
sed -i '2s/\tdriver\t/\tdrivel\t/' "$zoo/lacking.tsv"
rows 2 "side=drivel"
whole
mkdir "$zoo/Not_A_Slug"
expect 3 "Not_A_Slug: a name has small letters" --root "$WORK/tree"

# ---- usage

whole
expect 2 "no such bug" show no-such-bug --root "$WORK/tree"
expect 2 "no such bug" run no-such-bug --root "$WORK/tree"
expect 2 "run needs a bug, or --all" run --root "$WORK/tree"
expect 2 "show needs a bug" show
expect 2 "do not go together" --all
expect 2 "do not go together" run made-up --symptom x
expect 2 "needs a value" --symptom
expect 2 "one at a time" run a b
expect 2 "one at a time" describe
expect 2 "no such option" --frobnicate
expect 3 "no source tree" --root "$WORK/nowhere"

echo "$n_dirs entries reproduce, $n_rows wait"
finish
