#!/usr/bin/env bash
# tests/cmd/test_inputs.sh -- convert, explain, shrink and fuzz from outside: what they write, what
# they print, how they fail. The engine is played by a script, so that no fuzzing build is needed.
# SPDX-License-Identifier: BSD-2-Clause
set -u
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
cd "$WORK" || exit 1

# absent NAME...: nothing stands there, nor a temporary file of it.
absent()
{
    local name
    for name in "$@"; do
        if compgen -G "$name*" >/dev/null; then
            failed "$name was left behind"
        fi
    done
}

cat >in.run <<'END'
vringlab-input 1
transport=direct
queue_size=2
start_idx=65530
buffers=8
budget=20000
target=fuzz_pair
schedule driver - 70000 1
schedule driver - 17 1
END

# ---- convert: text, bytes, text, and the same run
matches 0 '' "$VRINGLAB" convert in.run -o in.bytes
matches 0 '' "$VRINGLAB" convert in.bytes -o back.run target=pair
matches 0 '' "$VRINGLAB" convert in.run -o canonical.run
cmp -s canonical.run back.run || failed "text and bytes differ: $(diff canonical.run back.run)"
matches 0 '# the driver is preempted at its 17th port call' cat back.run
a=$("$VRINGLAB" run --choices in.run)
b=$("$VRINGLAB" run --choices in.bytes target=pair transport=direct)
[ "$a" = "$b" ] || failed "text and bytes run differently: $a / $b"
matches 0 '' "$VRINGLAB" run --choices in.run --trace t.db
matches 0 '' "$VRINGLAB" convert t.db -o from-trace.run target=pair
matches 0 '^schedule driver - 17 1' cat from-trace.run

matches 3 'target=pair' "$VRINGLAB" convert in.bytes -o x.run
matches 2 'targets are' "$VRINGLAB" convert in.run -o x.run target=moon
matches 2 'run --choices' "$VRINGLAB" convert in.run -o x.db
matches 2 'INPUT and -o OUT' "$VRINGLAB" convert in.run
matches 3 'No such file' "$VRINGLAB" convert none.run -o x.run
matches 3 'cannot be written' "$VRINGLAB" convert in.run -o no/such/dir/x.run
cat >fault.run <<'END'
vringlab-input 1
transport=direct
queue_size=4
buffers=8
budget=20000
fault=barrier:avail-publish=none
target=fuzz_pair
END
matches 3 'fault=.*VRINGLAB_SCENARIO' "$VRINGLAB" convert fault.run -o x.bytes
printf 'junk' >junk.run
matches 3 'not a text input' "$VRINGLAB" explain junk.run
matches 3 'not a text input' "$VRINGLAB" shrink junk.run -o x.run
head -c 3000 t.db >cut.db
matches 3 'cut.db' "$VRINGLAB" explain cut.db
absent x.run x.bytes x.db

# ---- explain
matches 0 '1. the driver is preempted at its 17th port call' "$VRINGLAB" explain in.run
matches 0 'driver/vdrv_queue.c:[0-9]* ' "$VRINGLAB" explain in.run --last 200
matches 0 '^verdict=clean kind=- ' "$VRINGLAB" explain in.run
matches 0 'this is the benign run' "$VRINGLAB" explain fault.run
matches 2 'INPUT is needed' "$VRINGLAB" explain
matches 2 'no such option' "$VRINGLAB" explain in.run --loud

# ---- shrink
matches 2 'reaches no finding' "$VRINGLAB" shrink in.run -o x.run
absent x.run
if [ -e "$BUILD/players/driver-recheck.so" ]; then
    cat >found.run <<'END'
vringlab-input 1
transport=direct
queue_size=1
buffers=4
budget=20000
fault=driver-recheck
target=fuzz_pair
schedule driver - 24 1
schedule driver - 40000 1
schedule device - 3 1
notify driver q0.doorbell 1 3
END
    # The preemption that matters may have moved with the driver's port calls; find it.
    n=1
    while [ $n -lt 120 ] && "$VRINGLAB" run --choices found.run >/dev/null; do
        n=$((n + 1))
        sed -i "s/^schedule driver - [0-9]* 1\$/schedule driver - $n 1/;T" found.run
        awk '!seen[$0]++' found.run >f && mv f found.run
    done
    matches 1 'kind=liveness:lost-interrupt' "$VRINGLAB" run --choices found.run
    matches 0 'kind=liveness:lost-interrupt' "$VRINGLAB" shrink found.run -o small.run
    n=$(grep -c '^[a-z-]* [a-z-]* ' small.run)
    [ "$n" -le 1 ] || failed "shrunk to $n deviations: $(cat small.run)"
    grep -q '^finding=liveness:lost-interrupt$' small.run || failed "small.run names no finding"
    matches 1 'kind=liveness:lost-interrupt' "$VRINGLAB" run --choices small.run
    matches 0 '^>' "$VRINGLAB" explain small.run
    # The harness accepts an input that reaches its finding, and refuses one that does not.
    matches 0 '1 inputs' "$BUILD/fuzz_pair" small.run
    sed 's/^finding=.*/finding=liveness:livelock/' small.run >wrong.run
    matches 1 'names the finding liveness:livelock' "$BUILD/fuzz_pair" wrong.run
fi

# ---- fuzz: an engine that crashes at once, one that runs its time, one that breaks
mkdir -p build/release build/fuzz corpus/fuzz_pair
cp "$VRINGLAB" build/release/vringlab
[ -d "$BUILD/players" ] && ln -s "$BUILD/players" build/release/players
matches 3 'tools/dev build fuzz' build/release/vringlab fuzz pair
matches 3 'tools/dev build afl' build/release/vringlab fuzz pair --engine afl
matches 2 'targets are' build/release/vringlab fuzz moon
matches 2 'unknown key' build/release/vringlab fuzz pair colour=red
matches 2 'number from 1' build/release/vringlab fuzz pair --seconds none
matches 3 '^vringlab fuzz: --out nowhere/found: no such directory$' \
    build/release/vringlab fuzz pair --out nowhere/found
matches 3 '^vringlab fuzz: --out in.run: not a directory$' \
    build/release/vringlab fuzz pair --out in.run
matches 2 '^vringlab fuzz: --out' build/release/vringlab fuzz pair --out
absent nowhere
mkdir -m 500 closed
if [ ! -w closed ]; then # root may write everywhere
    matches 3 'closed: findings cannot be written there' \
        build/release/vringlab fuzz pair --out closed
fi

engine()
{
    printf '#!/bin/sh\n%s\n' "$1" >build/fuzz/fuzz_pair
    chmod +x build/fuzz/fuzz_pair
}
# shellcheck disable=SC2016 # the script that is written expands these
artifact='for a in "$@"; do case $a in -artifact_prefix=*) p=${a#*=} ;; esac; done'
engine 'echo "#4096 DONE cov: 9 ft: 9 corp: 7/70b lim: 4 exec/s: 2048 rss: 9Mb"'
matches 0 'no finding: .* runs=4096 corpus=7' build/release/vringlab fuzz pair --seconds 2
engine 'echo broken beyond repair; exit 5'
matches 3 'broken beyond repair' build/release/vringlab fuzz pair --seconds 2
engine "$artifact; : >\${p}crash-1; echo ERROR: something bad; exit 77"
mkdir found
matches 1 'a run of this build does not' build/release/vringlab fuzz pair --seconds 2 --out found
[ -e found/fuzz_pair-robustness-crashed.run ] || failed 'no input in the directory of --out'
matches 1 'a run of this build does not' build/release/vringlab fuzz pair --seconds 2
[ -e fuzz_pair-robustness-crashed.run ] || failed 'no input of an unexplained crash'
if [ -e small.run ]; then
    "$VRINGLAB" convert small.run -o /dev/null >/dev/null 2>&1 # refused: bytes cannot say a fault
    sed '/^fault=/d;/^finding=/d' small.run >seed.run
    "$VRINGLAB" convert seed.run -o crash.bytes target=pair ||
        sed -i '/^bytes=/d' seed.run
    "$VRINGLAB" convert seed.run -o crash.bytes target=pair
    engine "$artifact; cp '$WORK/crash.bytes' \${p}crash-1; exit 77"
    matches 1 'kind=liveness:lost-interrupt' build/release/vringlab fuzz pair fault=driver-recheck \
        --seconds 2
    matches 1 'kind=liveness:lost-interrupt' "$VRINGLAB" run \
        --choices fuzz_pair-liveness-lost-interrupt.run
    matches 0 'identical' "$VRINGLAB" replay fuzz_pair-liveness-lost-interrupt.db
fi

finish
