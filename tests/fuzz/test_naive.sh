#!/usr/bin/env bash
# tests/fuzz/test_naive.sh -- the naive baseline is silent without a fault, and is no straw man.
# Without a fault 200 000 cases of each target say nothing. With a fault that really is unsafe for
# memory it says so. What no native half has is said, and our halves run; what is not built ends it.
# needs build: fuzz
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

ROOT=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
FUZZ=$ROOT/build/fuzz
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failed=0

fail()
{
    echo "FAIL $1"
    tail -n 20 "$WORK/out"
    failed=1
}

if [ ! -x "$FUZZ/naive_device" ]; then
    echo "$FUZZ/naive_device is not built: tools/dev build fuzz"
    exit 77
fi
cd "$WORK" # where artifacts land
export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=10

# naive FAULT TARGET SEED RUNS: from an empty corpus. Returns the engine's exit code.
naive()
{
    local code=0
    VRINGLAB_NAIVE_FAULT=$1 "$FUZZ/naive_$2" -seed="$3" -runs="$4" -max_len=1024 -timeout=10 \
        -print_final_stats=1 >out 2>&1 || code=$?
    return "$code"
}

for target in device driver pci; do
    if naive '' "$target" 1 200000 && grep -q '^stat::number_of_executed_units: *200000$' out; then
        echo "ok $target: 200000 cases, silent"
    else
        fail "$target: without a fault it is not silent"
    fi
done

# FAULT TARGET WORD: what must be found within some cases, with the first seed that does.
while read -r fault target word; do
    found=
    for seed in 1 2 3; do
        naive "$fault" "$target" "$seed" 200000 || true
        if grep -q "$word" out; then
            found=$seed
            break
        fi
    done
    if [ -n "$found" ]; then
        echo "ok $fault: $word, seed $found"
    else
        fail "$fault: no $word in 200000 cases with any of three seeds"
    fi
done <<'FOUND'
used-len-unchecked driver heap-buffer-overflow
used-id-free-unchecked driver double-free
chain-unbounded device hang:
FOUND

if ! naive barrier:kick-check=none device 1 100 || ! grep -q 'no native half has it' out; then
    fail "a barrier fault is not run with our halves, or that is not said"
fi
code=0
naive no-such-fault device 1 100 || code=$?
if [ "$code" -ne 3 ] || ! grep -q 'tools/dev build fuzz' out; then
    fail "a fault that is not built: exit $code instead of 3, or it does not say what to do"
fi
exit "$failed"
