#!/usr/bin/env bash
# tests/lessons/test_lessons.sh -- every lesson comes out as it says, and docs/LESSONS.md shows it.
# Then, in a copy: a lesson whose verdict, input, source or place in the course is not right fails.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/shell.sh"

if ! compgen -G "$BUILD/players/*.so" >/dev/null; then
    skip "no players in $BUILD/players: patch was missing when they were to be built"
fi

# expect WHAT CODE [TEXT] -- ARGUMENT...: `vringlab lesson` exits with CODE and says TEXT.
expect()
{
    local what=$1 code=$2 text='' got=0
    shift 2
    if [ "$1" != -- ]; then
        text=$1
        shift
    fi
    shift
    n_checks=$((n_checks + 1))
    "$VRINGLAB" lesson "$@" >"$WORK/out" 2>&1 || got=$?
    if [ "$got" -ne "$code" ]; then
        failed "$what: exit $got instead of $code" "$WORK/out"
    elif [ -n "$text" ] && ! grep -qF -- "$text" "$WORK/out"; then
        failed "$what: does not say: $text" "$WORK/out"
    fi
}

# ---- as it is -----------------------------------------------------------------------------------

expect "the course" 0 "all as expected" -- --check "$SRC/docs/LESSONS.md" --root "$SRC"

names=$("$VRINGLAB" lesson --list --root "$SRC")
n_names=$(wc -w <<<"$names")
n_dirs=$(find "$SRC/corpus/lessons" -mindepth 1 -maxdepth 1 -type d | wc -l)
n_checks=$((n_checks + 1))
if [ "$n_names" -lt 12 ] || [ "$n_names" -ne "$n_dirs" ]; then
    failed "$n_names lessons in course.txt, $n_dirs directories; twelve at least are to be there"
fi
for name in $names; do
    # What the course shows of it: lines of 100 columns, a timeline that can be read.
    sed -n "/^<!-- lesson $name -->/,/^<!-- end lesson -->/p" "$SRC/docs/LESSONS.md" >"$WORK/shown"
    n_checks=$((n_checks + 1))
    if grep -q '.\{101\}' "$WORK/shown"; then
        failed "$name: a line is longer than 100 columns" "$WORK/shown"
    fi
    events=$(grep -c '^[! ] *#[0-9]' "$WORK/shown" || true)
    if [ "$events" -lt 3 ] || [ "$events" -gt 30 ]; then
        failed "$name: its timeline has $events events" "$WORK/shown"
    fi
    # An event that the text speaks of is there to look at.
    for event in $(grep -o '#[0-9][0-9]*' "$SRC/corpus/lessons/$name/lesson.txt" || true); do
        n_checks=$((n_checks + 1))
        grep -q "^[! ] *$event  " "$WORK/shown" || failed "$name: its timeline lacks $event"
    done
done
expect "the list" 0 " weak-mmio " -- --root "$SRC"
expect "the list as JSON" 0 '{"name": "weak-mmio", "title": ' -- --json --root "$SRC"
expect "a lesson as JSON" 0 '"as_expected": true}' -- torn-index --json --root "$SRC"
expect "a lesson as text" 0 "rc11 yes (" -- avail-publish --root "$SRC"

# A barrier at none can do harm under the models in which it is needed, and in no other.
#
# needed BARRIER BEFORE EXPECTED: a lesson explores the barrier at none, behind keys like BEFORE.
needed()
{
    n_checks=$((n_checks + 1))
    if ! grep -A3 "^explore: $2fault=barrier:$1=none" "$SRC"/corpus/lessons/*/lesson.txt |
        grep -q "expect: $3"; then
        failed "no lesson is about $1"
    fi
}

for barrier in avail-publish avail-consume used-publish used-consume; do
    needed "$barrier" "" "sc no, tso no, rc11 yes"
done
for barrier in kick-check kick-rearm irq-check irq-rearm; do
    needed "$barrier" ".*" "sc no, tso yes, rc11 yes"
done

# ---- in a copy ----------------------------------------------------------------------------------

ROOT=$WORK/root
LESSON=$ROOT/corpus/lessons/avail-publish

# fresh: the part of the tree that lessons read, and a course of two.
fresh()
{
    rm -rf "$ROOT"
    mkdir -p "$ROOT/corpus" "$ROOT/docs"
    cp -r "$SRC/driver" "$SRC/device" "$ROOT/"
    cp -r "$SRC/corpus/lessons" "$SRC/corpus/faults" "$ROOT/corpus/"
    printf '%s\n' avail-publish avail-consume >"$ROOT/corpus/lessons/course.txt"
    sed '/^<!-- lesson control-dependency -->/,$d' "$SRC/docs/LESSONS.md" >"$ROOT/docs/LESSONS.md"
}

# change FILE SED: the file is another one afterwards.
change()
{
    sed "$2" "$1" >"$WORK/changed"
    n_checks=$((n_checks + 1))
    if cmp -s "$1" "$WORK/changed"; then
        failed "nothing to change by $2 in $1"
    fi
    cp "$WORK/changed" "$1"
}

fresh
expect "a copy" 0 -- avail-publish --root "$ROOT"
change "$LESSON/lesson.txt" 's/rc11 yes/rc11 no/'
expect "a verdict that is not so" 1 "memory=rc11: yes, expected no" -- avail-publish --root "$ROOT"
expect "the same in the course" 1 -- --check "$ROOT/docs/LESSONS.md" --root "$ROOT"
fresh
change "$LESSON/lesson.txt" 's/^fixed: .*/fixed: fault=barrier:avail-consume=none/'
expect "a remedy that is none" 1 "although all is put right" -- avail-publish --root "$ROOT"
fresh
change "$LESSON/input.run" 's/avail-publish=none/avail-publish=rel/'
expect "an input without its finding" 3 "names robustness:accused and comes to" -- \
    avail-publish --root "$ROOT"
fresh
change "$ROOT/driver/vdrv_queue.c" '1s,^,// one\n// two\n// three\n// four\n,'
expect "other sources" 3 "is not the source of this build" -- avail-publish --root "$ROOT"
fresh
change "$ROOT/driver/vdrv_queue.c" 's/BARRIER avail-publish:/BARRIER other:/'
expect "a barrier that has gone" 3 "avail-publish is not to be found" -- \
    avail-publish --root "$ROOT"
fresh
change "$LESSON/lesson.txt" 's/^title: /titel: /'
expect "a key that there is not" 3 "line 2: not understood" -- avail-publish --root "$ROOT"
fresh
change "$LESSON/lesson.txt" 's/^\[models\]$/[modes]/'
expect "a section that there is not" 3 "once each" -- avail-publish --root "$ROOT"
fresh
change "$ROOT/docs/LESSONS.md" 's/rc11 yes ([0-9]* racy/rc11 yes (1 racy/'
expect "a stale course" 1 "avail-publish: not what" -- --check "$ROOT/docs/LESSONS.md" \
    --root "$ROOT"
expect "made anew" 0 -- --write "$ROOT/docs/LESSONS.md" --root "$ROOT"
n_checks=$((n_checks + 1))
sed '/^<!-- lesson control-dependency -->/,$d' "$SRC/docs/LESSONS.md" |
    cmp -s - "$ROOT/docs/LESSONS.md" || failed "--write makes something else"
change "$ROOT/docs/LESSONS.md" 's/^<!-- lesson avail-publish -->/<!-- lesson avail-consume -->/'
expect "a course in another order" 3 "avail-consume stands where avail-publish is due" -- --check \
    "$ROOT/docs/LESSONS.md" --root "$ROOT"
fresh
change "$ROOT/docs/LESSONS.md" '/^<!-- lesson avail-consume -->/,/^<!-- end lesson -->/d'
expect "a course without a lesson" 3 "has no place for avail-consume" -- --check \
    "$ROOT/docs/LESSONS.md" --root "$ROOT"

expect "no such lesson" 2 "no such lesson" -- nothing-like-it --root "$SRC"
expect "no such option" 2 "no such option" -- --nothing --root "$SRC"
expect "two at once" 2 "one lesson at a time" -- avail-publish avail-consume --root "$SRC"
expect "no source tree" 3 "no source tree" -- --root "$WORK"

finish
