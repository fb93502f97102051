#!/usr/bin/env bash
# tests/cmd/test_ring.sh -- vringlab ring: rings from runs, rings made by hand, and what is no ring.
# From runs: what is wrong is named in dumps of bugs of the zoo and of faults, the dump that --save
# writes says the same, and the bug itself is among those that leave such a ring; clean runs, whole
# and cut off in the middle, are consistent. By hand: each mark has a ring that has it, next to one
# that is legal. Last: files, offsets and numbers that cannot be.
# SPDX-License-Identifier: BSD-2-Clause
set -u
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
cd "$WORK" || exit 1
: >marks

# expect CODE PATTERN WORD...: vringlab ring WORD... exits with CODE and prints a line that matches.
expect()
{
    local want=$1 pattern=$2
    shift 2
    matches "$want" "$pattern" "$VRINGLAB" ring "$@"
}

# ---- rings that bugs leave

# leaves CODE MARK DIR...: the run of corpus/DIR ends in a ring with this mark; so says its dump.
leaves()
{
    local want=$1 mark=$2 dir code
    shift 2
    for dir in "$@"; do
        rm -rf dump
        expect "$want" "^  $mark: " --from "$SRC/corpus/$dir/input.run" --save dump
        [ "$want" -eq 0 ] || grep -qx "ring: inconsistent, .*" out ||
            failed "$dir: $(tail -n 1 out)"
        grep -q "^  ${dir#*/}  *[a-z]*:[^(]*\$" out || failed "$dir is not like itself"
        sed '1,2d; /^known bugs/,$d' out >told
        command=$(sed -n 's/^saved: vringlab ring //p' out)
        # shellcheck disable=SC2086 # words
        "$VRINGLAB" ring $command --alone >all 2>&1
        code=$?
        sed '/^ring: /d' all >out
        [ "$code" -eq "$want" ] || failed "$dir: its dump exits with $code: $(tail -n 3 out)"
        cmp -s told out || failed "$dir: its dump says something else: $(diff told out | head -n 4)"
    done
}

leaves 1 used-never-available zoo/dpdk-cvq-used-id-not-head zoo/drv-used-id-unchecked
leaves 1 chain-loop zoo/dpdk-cvq-next-oob-and-loop zoo/dpdk-desc-loop-zero-len \
    zoo/rust-vmm-chain-total-2-32 faults/chain-unbounded
leaves 1 too-many zoo/rust-vmm-avail-idx-jump faults/avail-idx-unchecked
leaves 1 indirect-not-negotiated zoo/netkvm-indirect-unnegotiated
leaves 1 indirect-length zoo/qemu-indirect-len-zero faults/indirect-len-unchecked
leaves 1 descriptor-shared zoo/linux-desc-table-trust
leaves 1 used-len zoo/ch-ctrl-used-len-total
leaves 1 used-ahead faults/avail-idx-masked faults/avail-idx-torn
leaves 1 head-twice faults/head-busy-accepted
leaves 1 head-range faults/head-unchecked
leaves 1 used-range faults/used-id-unchecked
leaves 1 used-twice faults/used-id-free-unchecked
leaves 0 lost-kick-possible zoo/dev-enable-no-recheck zoo/drv-kick-decision-mb \
    faults/device-recheck
leaves 0 lost-interrupt-possible zoo/dev-used-idx-vs-suppress-mb zoo/drv-enable-cb-recheck-mb \
    faults/driver-recheck
leaves 0 unread-not-asked zoo/dpdk-enable-notify-no-avail-event
leaves 0 unseen-not-asked zoo/rcore-event-idx-no-used-event
leaves 0 held-by-device zoo/dev-leak-head-on-parse-error faults/completion-lost

# ---- rings that clean runs leave, at the end and in the middle

n_clean=0
for words in "device=entropy" "device=blk" "event_idx=off" "indirect=off device=blk chain=4" \
    "start_idx=65530" "memory=tso" "memory=rc11" "dma=bounce device=blk" "dma=iommu device=blk" \
    "transport=pci device=blk" "resets=1" "queue_size=1" "queue_size=64 batch=16"; do
    rm -f clean.db
    # shellcheck disable=SC2086 # words
    "$VRINGLAB" run buffers=40 $words --seed 7 --trace clean.db >out || failed "$words is not clean"
    for budget in 20000 400 700 1000; do
        rm -rf dump
        expect 0 "^ring: consistent\$" --from clean.db "budget=$budget" --alone --save dump
        grep -q "^what no legal pair" out && failed "$words budget=$budget: $(cat out)"
        command=$(sed -n 's/^saved: vringlab ring //p' out)
        # As somebody would say it who knows the addresses only.
        # shellcheck disable=SC2086 # words
        expect 0 "^ring: consistent\$" ${command%% features=*} --alone
        n_clean=$((n_clean + 1))
    done
done

# ---- rings made by hand: a queue of 4

le() # le BYTES NUMBER...: numbers, little-endian
{
    local bytes=$1 number k text
    shift
    for number in "$@"; do
        for ((k = 0; k < bytes; k++)); do
            printf -v text '\\x%02x' $((number >> (8 * k) & 255))
            printf '%b' "$text"
        done
    done
}

desc() { le 8 "$1" && le 4 "$2" && le 2 "$3" "$4"; } # ADDR LEN FLAGS NEXT

# ring AVAIL USED DESC...: the words of each part. AVAIL is "FLAGS IDX HEAD*4 EVENT", USED is
# "FLAGS IDX (ID LEN)*4 EVENT", each DESC "ADDR LEN FLAGS NEXT"; missing descriptors are 0.
ring()
{
    local -a a u
    local d n=0
    read -ra a <<<"$1"
    read -ra u <<<"$2"
    shift 2
    {
        for d in "$@"; do
            # shellcheck disable=SC2086 # words
            desc $d
            n=$((n + 1))
        done
        for (( ; n < 4; n++)); do desc 0 0 0 0; done
        le 2 "${a[@]}"      # 64
        le 2 0              # 78
        le 2 "${u[@]:0:2}"  # 80
        le 4 "${u[@]:2:8}"  # 84
        le 2 "${u[10]}"     # 116
    } >mem
}

# judged CODE PATTERN WORD...: the ring in mem.
judged()
{
    local code=$1 pattern=$2
    shift 2
    expect "$code" "$pattern" --size 4 --desc mem@0 --avail mem@0x40 --used mem@80 --alone "$@"
    sed -n 's/^  \([a-z-]*\): .*/\1/p' out >>marks
}

W=2 N=1 I=4
one="0x1000 64 $W 0"
# Head 0 outstanding: legal in every way.
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "$one"
judged 0 "^  lost-kick-possible: 1 available from entry 0"
judged 0 "^  held-by-device: 1 read" --last-avail 1
judged 0 "^  head 0: 0 bytes readable, 64 writable"
ring "0 1 0 0 0 0 0" "1 0 0 0 0 0 0 0 0 0 0" "$one"
judged 0 "^  unread-not-asked: 1 available from entry 0 on, not read" --last-avail 0 features=none
# Head 0 used.
ring "0 1 0 0 0 0 0" "0 1 0 64 0 0 0 0 0 0 1" "$one"
judged 0 "^  lost-interrupt-possible: 1 used from entry 0" features=event_idx
judged 0 "^ring: consistent" --last-used 1
ring "0 1 0 0 0 0 7" "0 1 0 64 0 0 0 0 0 0 1" "$one"
judged 0 "^  unseen-not-asked: 1 used from entry 0 .*(at index 7)" features=event_idx --last-used 0
ring "0 1 0 0 0 0 0" "0 1 0 65 0 0 0 0 0 0 1" "$one"
judged 1 "^  used-len: used entry 0: 65 bytes of head 0, which has 64" --last-used 0
judged 0 "^  used-len: .* if its descriptors are still the ones" --last-used 1
judged 0 "^ring: consistent" --last-used 1
# Indices.
ring "0 1 0 0 0 0 0" "0 2 0 64 0 64 0 0 0 0 0" "$one"
judged 1 "^  used-ahead: used.idx 2 is ahead of avail.idx 1 by 1"
ring "0 5 0 1 2 3 0" "0 0 0 0 0 0 0 0 0 0 0" "$one" "$one" "$one" "$one"
judged 1 "^  too-many: .* 5 heads outstanding in a queue of 4"
ring "0 4 0 1 2 3 0" "0 0 0 0 0 0 0 0 0 0 0" "0 8 0 0" "16 8 0 0" "32 8 0 0" "48 8 0 0"
judged 0 "^  full: all 4 heads"
ring "0 2 65535 0 0 65533 0" "0 65535 0 0 0 0 0 0 2 8 0" "0 8 0 0" "16 8 0 0" "32 8 0 0"
judged 1 "^  head-range: available entry 65535 (slot 3): head 65533"
ring "0 2 1 0 0 2 0" "0 65535 0 0 0 0 0 0 2 8 0" "0 8 0 0" "16 8 0 0" "32 8 0 0"
judged 0 "^outstanding     3 of at most 4"
# Heads.
ring "0 1 4 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "$one"
judged 1 "^  head-range: available entry 0 (slot 0): head 4 in a table of 4"
ring "0 2 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "$one"
judged 1 "^  head-twice: head 0 is outstanding twice"
ring "0 2 0 0 0 0 0" "0 1 0 64 0 0 0 0 0 0 0" "$one"
judged 0 "^ring: consistent"
# Used entries.
ring "0 1 0 0 0 0 0" "0 1 4 64 0 0 0 0 0 0 0" "$one"
judged 1 "^  used-range: used entry 0 (slot 0): id 4 in a table of 4"
ring "0 1 0 0 0 0 0" "0 1 1 64 0 0 0 0 0 0 0" "$one"
judged 1 "^  used-never-available: used entry 0: head 1"
ring "0 2 0 1 0 0 0" "0 2 1 64 1 64 0 0 0 0 0" "$one" "0x2000 64 $W 0"
judged 1 "^  used-twice: used entry 1: head 1 is returned more often"
ring "0 2 0 1 0 0 0" "0 2 1 64 0 64 0 0 0 0 0" "$one" "0x2000 64 $W 0"
judged 0 "used out of order"
# The same with a ring that has wrapped: entries 100 and 101 are slots 0 and 1.
ring "0 102 1 0 2 3 0" "0 102 1 64 1 64 2 64 3 64 0" "$one" "$one" "$one" "$one"
judged 1 "^  used-twice: used entry 101: head 1 is returned again"
ring "0 102 1 0 2 3 0" "0 102 1 64 0 64 2 64 3 64 0" "$one" "$one" "$one" "$one"
judged 0 "^outstanding     0 of at most 4\$"
# Chains.
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 $N 1" "0x2000 8 $((W + N)) 2" "0x3000 8 $W 0"
judged 0 "^  head 0: 8 bytes readable, 16 writable"
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 $N 1" "0x2000 8 $N 0"
judged 1 "^  chain-loop: head 0: its chain comes back to descriptor 0"
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 $N 4"
judged 1 "^  next-range: head 0, descriptor 0: next 4"
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 $((W + N)) 1" "0x2000 8 0 0"
judged 1 "^  readable-behind-writable: head 0, descriptor 1"
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 0x12 0"
judged 1 "^  descriptor-flags: head 0, descriptor 0: flags 0x12"
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0 0xffffffff $N 1" "0 0xffffffff 0 0"
judged 1 "^  total-length: head 0: 8589934590 bytes"
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 0 $W 0"
judged 0 "^  empty-element: head 0, descriptor 0: 0 bytes"
ring "0 2 0 1 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 $N 2" "0x2000 8 $N 2" "0x3000 8 0 0"
judged 1 "^  descriptor-shared: descriptor 2 is part of the chains of heads 0 and 1"
ring "0 2 0 1 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 0 0" "0x1004 8 $W 0"
judged 0 "^  buffers-overlap: the buffers of heads 0 and 1 both have 0x1004"
ring "0 2 0 1 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x1000 8 0 0" "0x1004 8 0 0"
judged 0 "^ring: consistent"
grep -q buffers-overlap out && failed "two readers of one buffer are said to be in each other's way"
# Indirect tables: at 0x8000, in a file of their own.
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x8000 48 $I 0"
{ desc 0x1000 8 $N 2 && desc 0 0 0 0 && desc 0x2000 8 $W 0; } >table
judged 0 "the table is not in the dump"
judged 0 "^  head 0: 8 bytes readable, 8 writable" --mem table@0x8000
judged 1 "^  indirect-not-negotiated: head 0, descriptor 0" features=event_idx
{ desc 0x1000 8 $N 2 && desc 0 0 0 0 && desc 0x2000 8 $((W + I)) 0; } >table
judged 1 "^  indirect-nested: head 0, table entry 2" --mem table@0x8000
{ desc 0x1000 8 $N 3 && desc 0 0 0 0 && desc 0 0 0 0; } >table
judged 1 "^  next-range: head 0, table entry 0: next 3 in a table of 3" --mem table@0x8000
{ desc 0x1000 8 $N 0 && desc 0 0 0 0 && desc 0 0 0 0; } >table
judged 1 "^  chain-loop: head 0: its indirect table" --mem table@0x8000
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x8000 80 $I 0"
for k in 1 2 3 4; do desc $((k * 64)) 8 $N "$k"; done >table
desc 0x2000 8 0 0 >>table
judged 1 "^  chain-long: head 0: more than 4" --mem table@0x8000
for length in 0 8 17; do
    ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x8000 $length $I 0"
    judged 1 "^  indirect-length: head 0, descriptor 0: a table of $length bytes"
done
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "0x8000 16 $((I + N)) 1"
judged 1 "^  indirect-next: head 0, descriptor 0"
# Flags.
ring "2 0 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0"
judged 1 "^  avail-flags: avail.flags is 0x2"
ring "0 0 0 0 0 0 0" "3 0 0 0 0 0 0 0 0 0 0"
judged 1 "^  used-flags: used.flags is 0x3"
ring "1 0 0 0 0 0 0" "1 0 0 0 0 0 0 0 0 0 0"
judged 0 "^ring: consistent" features=none
judged 1 "^  avail-flags-event-idx: avail.flags is 0x1" features=0x20000000
judged 1 "^  used-flags-event-idx: used.flags is 0x1" features=event_idx
# Every mark was seen.
sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)".*/\1/p' "$SRC/tools/cmd/ring_judge.h" >names
[ "$(wc -l <names)" -ge 30 ] || failed "ring_judge.h has $(wc -l <names) marks"
while IFS= read -r mark; do
    grep -qx "$mark" marks || failed "no ring here has the mark $mark"
done <names

# ---- JSON

if command -v sqlite3 >/dev/null; then
    ring "0 1 4 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "$one"
    "$VRINGLAB" ring --size 4 --desc mem --avail mem@64 --used mem@80 --json >json
    got=$(sqlite3 :memory: "WITH j(a) AS (SELECT CAST(readfile('json') AS TEXT))
        SELECT json_extract(a, '\$.findings[0].mark') || json_extract(a, '\$.consistent')
            || json_extract(a, '\$.like[0].same') FROM j")
    [ "$got" = head-range01 ] || failed "--json: $got: $(cat json)"
fi

# ---- docs/FROM-A-CRASH.md: its commands, in its order

ln -s "$SRC/corpus" corpus
# shellcheck disable=SC2016 # no expansions
sed -n '/^```sh$/,/^```$/p' "$SRC/docs/FROM-A-CRASH.md" | grep '^vringlab' >commands
[ "$(wc -l <commands)" -ge 8 ] || failed "FROM-A-CRASH.md has $(wc -l <commands) commands"
while IFS= read -r line; do
    [[ $line == *"# needs "* ]] && continue
    want=0
    [[ $line == *"# exits with 1"* ]] && want=1
    bash -c "$VRINGLAB ${line#vringlab }" >out 2>&1 </dev/null
    code=$?
    [ "$code" -eq "$want" ] || failed "FROM-A-CRASH.md: exit $code: $line: $(tail -n 2 out)"
    n_checks=$((n_checks + 1))
done <commands
# The output that it shows, but for the list of bugs, which grows.
# shellcheck disable=SC2016 # no expansions
sed -n '/^```text$/,/^```$/p' "$SRC/docs/FROM-A-CRASH.md" | sed '1d; /^known bugs/,$d' >shown
"$VRINGLAB" ring --size 8 --desc dump/desc.bin --avail dump/avail.bin --used dump/used.bin --alone |
    sed '/^ring: /,$d' >out
cmp -s shown out || failed "FROM-A-CRASH.md shows something else: $(diff shown out | head -n 4)"

# ---- what is no ring

parts=(--desc mem@0 --avail mem@64 --used mem@80)
for size in 0 3 65536 4294967297 -4 4x ""; do
    expect 2 "--size" --size "$size" "${parts[@]}"
done
expect 2 "are needed" --size 4 --desc mem --avail mem
expect 2 "are needed" "${parts[@]}"
expect 2 "needs a value" --size
expect 2 "what is behind @ is no number" --size 4 --desc mem@x --avail mem --used mem
expect 2 "what is behind @ is no number" --size 4 --desc mem@-1 --avail mem --used mem
expect 2 "what is behind @ is no number" --size 4 --desc mem@0x --avail mem --used mem
expect 2 "FILE@OFFSET is needed" --size 4 --desc @0 --avail mem --used mem
expect 2 "what is behind @ is no number" --size 4 "${parts[@]}" --mem mem@here
expect 2 "no such option" --size 4 "${parts[@]}" --frobnicate
expect 2 "features=magic" --size 4 "${parts[@]}" features=magic
expect 2 "last-avail 65536" --size 4 "${parts[@]}" --last-avail 65536
expect 2 "goes with --from only" --size 4 "${parts[@]}" --save dump
expect 2 "goes with --from only" --size 4 "${parts[@]}" buffers=1
expect 2 "has its own ring" --from mem "${parts[@]}"
expect 3 "nowhere: No such file" --size 4 --desc nowhere@0 --avail mem --used mem
expect 3 "has 46 bytes at offset 72; the descriptor table of a queue of 4 has 64" \
    --size 4 --desc mem@72 --avail mem --used mem
expect 3 "has 0 bytes at offset 99999; the used ring" --size 4 --desc mem --avail mem \
    --used mem@99999
expect 3 "has 0 bytes at offset 18446744073709551615" --size 4 --desc mem --avail mem \
    --used mem@0xffffffffffffffff
expect 3 "has 0 bytes at offset 9223372036854775807" --size 4 --desc mem --avail mem \
    --used mem@9223372036854775807
expect 3 "a file is needed" --size 4 --desc .@0 --avail mem --used mem
mkfifo pipe
expect 3 "a file is needed" --size 4 --desc mem --avail pipe --used mem
: >empty
expect 3 "empty: has 0 bytes" --size 1 --desc empty --avail mem --used mem
expect 3 "empty: cannot be read as memory" --size 4 "${parts[@]}" --mem empty@0
expect 3 "/dev/zero: cannot be read as memory" --size 4 "${parts[@]}" --mem /dev/zero@0
expect 3 "No such file" --from nowhere.run
expect 3 "was live in its run" --from "$SRC/corpus/faults/bar-sized-live/input.run"
expect 3 "no queue 3 was live" --from "$SRC/corpus/faults/completion-lost/input.run" --queue 3
expect 3 "/proc/none: " --from "$SRC/corpus/faults/completion-lost/input.run" --save /proc/none
# An event word that the dump has no more is none.
ring "0 1 0 0 0 0 0" "0 0 0 0 0 0 0 0 0 0 0" "$one"
head -c 116 mem >short
expect 0 "^ring: consistent" --size 4 --desc short --avail short@64 --used short@80 --alone
# As many zeros as are asked for, and no more.
expect 0 "^ring: consistent" --size 32768 --desc /dev/zero@1 --avail /dev/zero --used /dev/zero
# Bytes that were never a ring: some answer, and no crash.
program=$(command -v bash)
for ((k = 0; k < 64; k++)); do
    size=$((1 << k % 16))
    "$VRINGLAB" ring --size "$size" --desc "$program@$((k * 997))" --alone --all \
        --avail "$program@$((k * 1009 + 3))" --used "$program@$((k * 1013 + 50001))" \
        --start-idx $((k * 1021)) --mem "$program@$((k * 7))" >out 2>&1
    code=$?
    [ "$code" -le 1 ] || failed "garbage $k: exit $code: $(tail -n 2 out)"
    n_checks=$((n_checks + 1))
done

echo "$n_clean clean rings, $(sort -u marks | wc -l) marks"
finish
