#!/usr/bin/env bash
# tests/run/test_bad_input.sh -- broken inputs and usages: each its exit code and one clear line,
# and nothing is written. (Traces that are broken inside: tests/trace/.)
# Method: a table of code | text that the message holds | arguments, run in a directory whose files
# are listed, with their digests, before and after each.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"

mkdir "$WORK/in" "$WORK/in/folder"
cd "$WORK/in"
: >empty.img
head -c 511 /dev/zero >short.img
head -c 513 /dev/zero >odd.img
head -c 5120 /dev/zero >good.img
printf 'queue_size=4\n# a comment\nbatch=2 # another\n' >good.txt
printf 'queue_size=4\nbatsch=2\n' >unknown.txt
printf 'queue_size=4\nbatch\n' >no-value.txt
printf 'not a database, but long enough to be looked at twice\n' >text.db
printf 'vringlab-input 1\nqueue_size=4\n' >good.run
printf 'vringlab-input 1\nqueue_size=5\n' >size.run
printf 'vringlab-input 1\nschedule nobody 0 1 1\n' >agent.run
printf 'vringlab-input 7\n' >version.run
"$VRINGLAB" run --seed 1 --trace good.db >/dev/null
head -c 20000 good.db >cut.db
: >empty.db
mkfifo pipe.db

state() { find . -mindepth 1 | sort; find . -type f -exec sha256sum {} + | sort; }
state >"$WORK/before"

many=barrier:kick-check=none
many=$many,$many,$many,$many,$many,$many,$many,$many,$many

n=0
while IFS='|' read -r code text arguments; do
    code=${code// /}
    text=${text# }
    text=${text%"${text##*[! ]}"}
    [ -n "$code" ] || continue
    n=$((n + 1))
    arguments=${arguments/MANY/$many}
    # shellcheck disable=SC2086 # arguments are words
    exits "$code" "case $n" timeout 60 "$VRINGLAB" ${arguments# }
    if ! grep -qF -- "$text" "$WORK/err"; then
        failed "case $n: no '$text' in the message of:$arguments" "$WORK/err"
    fi
    first=$(head -n 1 "$WORK/err")
    n_checks=$((n_checks + 2))
    case $first in
    "vringlab"*) ;;
    *) failed "case $n: the message does not begin with the program: '$first'" ;;
    esac
    # One line, and for usage the usage line and where to read more.
    lines=$(wc -l <"$WORK/err")
    if [ "$lines" -ne 1 ] && ! { [ "$code" -eq 2 ] && [ "$lines" -le 4 ] &&
        grep -q '^usage: ' "$WORK/err"; }; then
        failed "case $n: $lines lines instead of one:$arguments" "$WORK/err"
    fi
    state >"$WORK/after"
    if ! cmp -s "$WORK/before" "$WORK/after"; then
        diff "$WORK/before" "$WORK/after" >"$WORK/diff" || true
        failed "case $n: files changed:$arguments" "$WORK/diff"
        cp "$WORK/after" "$WORK/before"
    fi
done <<'END'
3 | missing.img             | run device=blk disk=missing.img
3 | empty.img               | run device=blk disk=empty.img
3 | 512                     | run device=blk disk=short.img
3 | 512                     | run device=blk disk=odd.img write=on
3 | folder                  | run device=blk disk=folder
3 | missing.img             | run device=blk disk=missing.img --trace t.db
3 | missing.img             | run device=blk disk=missing.img --runs 5 --trace t.db
2 | disk= and write= need   | run disk=good.img
2 | write=on: needs disk    | run device=blk write=on
2 | colour                  | run colour=red
2 | unknown key             | run =red
2 | use one of: entropy, blk | run device=net
2 | device=                 | run device=
2 | not KEY=VALUE           | run device
2 | 32768                   | run queue_size=65536
2 | power of two            | run queue_size=12
2 | from 1 to 32768         | run queue_size=0
2 | start_idx=65536         | run start_idx=65536
2 | start_idx=-1            | run start_idx=-1
2 | buffers=ten             | run buffers=ten
2 | buffers=0x10            | run buffers=0x10
2 | buffers=99999999999     | run buffers=99999999999
2 | batch=9: larger         | run queue_size=8 batch=9
2 | chain=5: larger         | run queue_size=4 chain=5
2 | descriptors             | run device=blk queue_size=2
2 | fault=nonsense: unknown | run fault=nonsense
2 | barrier:NAME=           | run fault=barrier:kick-check
2 | barrier:NAME=           | run fault=barrier:nobody=none
2 | barrier:NAME=           | run fault=barrier:kick-check=weak
2 | more than 8 faults      | run fault=MANY
2 | driver=nobody: unknown  | run driver=nobody
2 | player=nobody: unknown  | run player=nobody
2 | missing.txt             | run @missing.txt
2 | line 2                  | run @unknown.txt
2 | no-value.txt            | run @no-value.txt
2 | folder                  | run @folder
2 | --seed needs            | run --seed
2 | --seed needs            | run --seed seven
2 | --seed needs            | run --seed -1
2 | --runs needs            | run --runs 0
2 | --trace needs           | run --trace
2 | --schedule is           | run --schedule round
2 | --speed: no such option | run --speed 9
2 | exclude each other      | run --choices good.run --seed 7
2 | exclude each other      | run --choices good.run --runs 7
3 | missing.run             | run --choices missing.run
3 | line 2                  | run --choices size.run
3 | line 2                  | run --choices agent.run
3 | version                 | run --choices version.run
3 | folder                  | run --trace folder
3 | nowhere/t.db            | run --trace nowhere/t.db
3 | pipe.db                 | run --trace pipe.db
3 | /proc/t.db              | run --trace /proc/t.db
3 | missing.db              | replay missing.db
3 | text.db                 | replay text.db
3 | cut.db                  | replay cut.db
3 | empty.db                | replay empty.db
3 | good.img                | replay good.img
3 | folder                  | replay folder
3 | pipe.db                 | replay pipe.db
2 | which trace             | replay
2 | unexpected              | replay good.db good.db
2 | --until needs           | replay good.db --until
2 | --until needs           | replay good.db --until soon
3 | text.db                 | trace text.db
2 | trace                   | trace
2 | no such command         | fly
2 | --json                  | scenarios --yaml --json
2 | transport=direct        | pci transport=direct
3 | missing.img             | pci device=blk disk=missing.img
2 | fuzz                    | fuzz
2 | nobody                  | fuzz nobody
2 | convert                 | convert
3 | missing.run             | convert missing.run -o out.run
2 | shrink                  | shrink
3 | missing.run             | shrink missing.run -o out.run
2 | explain                 | explain
3 | missing.run             | explain missing.run
END
check "the table has its cases ($n)" test "$n" -ge 70

# What is broken above is only just broken: the good neighbours work.
exits 0 "good scenario file" "$VRINGLAB" run @good.txt
exits 0 "good input" "$VRINGLAB" run --choices good.run
exits 0 "good disk" "$VRINGLAB" run device=blk disk=good.img
exits 0 "good trace" "$VRINGLAB" replay good.db
exits 0 "largest queue" "$VRINGLAB" run queue_size=32768
exits 2 "no command" "$VRINGLAB"
exits 0 "help" "$VRINGLAB" --help
exits 0 "version" "$VRINGLAB" --version
state >"$WORK/after"
check "and write nothing" cmp "$WORK/before" "$WORK/after"

# Sixty thousand bytes of key, value, file name: still one line.
long=$(head -c 60000 /dev/zero | tr '\0' x)
for word in "$long" "$long=1" "disk=$long" "fault=$long" "driver=$long" "@$long"; do
    exits 2 "long word ${word:0:8}" "$VRINGLAB" run "$word"
    check "one short line" test "$(wc -lc <"$WORK/err" | awk '{print ($1 <= 3 && $2 < 1000)}')" = 1
done

# A full disk, a closed standard output: said, not swallowed.
# shellcheck disable=SC2317 # called by exits()
to_full() { "$VRINGLAB" scenarios >/dev/full; }
exits 3 "standard output is full" to_full
says "standard output is full" "standard output" "$WORK/err"

# Nothing to write to: as another user than root.
if [ "$(id -u)" -ne 0 ]; then
    chmod a-w folder
    exits 3 "a folder that is read-only" "$VRINGLAB" run --trace folder/t.db
    says "a folder that is read-only" "folder/t.db" "$WORK/err"
fi
finish
