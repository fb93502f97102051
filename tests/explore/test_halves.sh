#!/usr/bin/env bash
# tests/explore/test_halves.sh -- vringlab explore on the real halves: counts, what is refused, and
# a counterexample as an input and as a trace.
# Numbers of executions are ours: no other tool runs this code. They were written down when every
# execution had been followed by an ordinary run, and change with the halves' accesses and with the
# rule for waits, not with speed, compiler or machine.
# SPDX-License-Identifier: BSD-2-Clause
set -u
. "${SRC:-.}/tests/support/shell.sh"
cd "$WORK" || exit 1

# shellcheck disable=SC2317 # called by exits()
explore() { "$VRINGLAB" explore --quiet "$@"; }

# counted COMPLETE+BLOCKED WORD...: proved, with so many executions; an execution that the ordinary
# run cannot follow would be an exit code of 3. The same without referees, who change nothing.
counted()
{
    local want=$1
    shift
    for referees in '' --no-referees; do
        # shellcheck disable=SC2086 # nothing or one word
        exits 0 "$* $referees" explore "$@" $referees
        equal "$* $referees" "$(sed -n \
            's/^executions=\([0-9]*\) violating=0 blocked=\([0-9]*\) stuck=0 races=0 .*/\1+\2/p' \
            out)" "$want"
    done
}

counted 341+174 poll=on event_idx=off memory=sc
counted 417+396 poll=on event_idx=off memory=tso
counted 572+579 poll=on event_idx=off memory=rc11
counted 654+199 event_idx=off memory=sc
counted 690+199 event_idx=off memory=tso
counted 718+255 event_idx=off memory=rc11
counted 1235+356 event_idx=on memory=sc
counted 1235+356 event_idx=on memory=tso
counted 1280+494 event_idx=on memory=rc11
counted 873+259 event_idx=off queue_size=1 memory=sc
counted 1461+536 event_idx=on queue_size=1 memory=rc11
counted 192+256 poll=on event_idx=off indirect=on chain=2 memory=rc11
counted 690+199 event_idx=off transport=pci memory=tso
counted 1280+494 event_idx=on transport=pci dma=iommu memory=rc11
counted 690+199 event_idx=off device=blk queue_size=4 memory=tso
counted 1751+448 event_idx=off batch=2 buffers=3 memory=tso
counted 1461+536 event_idx=on batch=2 buffers=3 memory=rc11
counted 15+10 event_idx=off buffers=1 memory=rc11 start_idx=65535

# ---- distinct ones, and shards
exits 0 'distinct ones' explore event_idx=on memory=rc11 --count-distinct
says 'distinct ones' 'distinct=1774 of 1774 looked at'
for i in 0 1 2; do
    exits 0 "shard $i" explore event_idx=off memory=rc11 --shard $i/3 --db "$i.db"
    says "shard $i" 'verdict=proved-in-part'
done
exits 0 'shards merged' "$VRINGLAB" explore-merge all.db 0.db 1.db 2.db
says 'shards merged' 'executions=718 violating=0 blocked=255'

# ---- a counterexample is an input and a trace as any other
# refuted KIND WORD...
refuted()
{
    local kind=$1
    shift
    rm -f c.run c.db
    exits 1 "$*" explore "$@" --choices c.run --trace c.db
    says "$*" "counterexample: $kind, "
    says "$*" 'replay: vringlab replay c.db'
    grep '^counterexample' out >told
    exits 0 "$*: its trace" "$VRINGLAB" replay c.db
    says "$*: its trace" "identical trace=c.db events=$(sed 's/.* \([0-9]*\) events: .*/\1/' told)"
    says "$*: its trace" "kind=$kind"
    exits 1 "$*: its input" "$VRINGLAB" run --choices c.run
    says "$*: its input" "verdict=finding kind=$kind "
    check "$*: the input says what it shows" grep -qx "finding=$kind" c.run
    exits 0 "$*: explained" "$VRINGLAB" explain c.run
}
refuted liveness:lost-kick event_idx=on memory=tso fault=barrier:kick-check=none
refuted liveness:lost-kick event_idx=on memory=rc11 fault=barrier:kick-rearm=ar
refuted liveness:lost-kick event_idx=off buffers=3 memory=tso fault=barrier:kick-rearm=acq
refuted liveness:lost-interrupt event_idx=off memory=tso fault=barrier:irq-rearm=ar
refuted liveness:lost-interrupt event_idx=on memory=rc11 fault=barrier:irq-check=rel
refuted race:avail.ring event_idx=off memory=rc11 fault=barrier:avail-publish=none
refuted race:used.ring poll=on memory=rc11 fault=barrier:used-consume=none
exits 0 'nothing to keep' explore event_idx=off memory=sc --choices none.run
says 'nothing to keep' 'no counterexample: nothing is kept'
check 'nothing to keep' test ! -e none.run

# With the barrier named, the same scenario under the same model is proved where it is not needed.
exits 0 'not needed under sc' explore event_idx=on memory=sc fault=barrier:kick-check=none
exits 0 'not needed under tso' explore event_idx=on memory=tso fault=barrier:avail-publish=none
# Two buffers do not get a device into a burst during which it suppresses kicks.
exits 0 'too few buffers' explore event_idx=off memory=rc11 fault=barrier:kick-check=none
exits 0 'one buffer' explore event_idx=on buffers=1 memory=rc11 fault=barrier:irq-check=none

# ---- a notification that orders nothing
exits 0 'weak-mmio under tso' explore event_idx=off memory=tso platform=weak-mmio
exits 1 'races without referees' explore --no-referees event_idx=off memory=rc11 \
    fault=barrier:used-publish=none
says 'races without referees' 'race: a used entry, 8 bytes: stored by the device at device/'

# ---- what is not explored
# usage TEXT WORD...
usage()
{
    exits 2 "refused: ${*:2}" explore "${@:2}"
    says "${*:2}" "$1" err
}
usage 'not explored: hostile=' hostile=device memory=sc
usage 'not explored: resets=' resets=1
usage 'not explored: interrupt=intx: a line is no counter' transport=pci interrupt=intx
usage 'not explored: dma=bounce' transport=pci dma=bounce
usage 'not explored: disk=' device=blk queue_size=4 disk="$0"
usage 'use one of: sc, tso, rc11' memory=arm
usage 'unknown key' colour=red
usage 'needs 3 descriptors' device=blk
usage 'unknown' fault=no-such-fault
finish
