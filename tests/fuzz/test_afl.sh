#!/usr/bin/env bash
# tests/fuzz/test_afl.sh -- under AFL++ each harness runs in persistent mode with test cases in
# shared memory, an input covers the same each time (stability 100 %), and the corpora crash none.
# Uses the harnesses of the preset afl where they are built.
# SPDX-License-Identifier: BSD-2-Clause
set -u

afl=$SRC/build/afl
if ! command -v afl-fuzz >/dev/null; then
    echo "skipped: afl-fuzz is missing (Debian: afl++)"
    exit 77
fi
for target in pair device driver pci; do
    if [ ! -x "$afl/fuzz_$target" ]; then
        echo "skipped: $afl/fuzz_$target is not built (tools/dev build afl)"
        exit 77
    fi
done
newer=$(find "$SRC"/ring "$SRC"/driver "$SRC"/device "$SRC"/model "$SRC"/tools/lab "$SRC"/fuzz \
    -name '*.[ch]' -newer "$afl/fuzz_pair" -print -quit)
if [ -n "$newer" ]; then
    echo "skipped: $afl/fuzz_pair is older than $newer (tools/dev build afl)"
    exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_COLOR=1
export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0

stat_of() { sed -n "s/^$2 *: *//p" "$dir/$1/default/fuzzer_stats" 2>/dev/null; }

for target in pair device driver pci; do
    mkdir -p "$dir/seeds-$target"
    if ! "$BUILD/fuzz_$target" --bytes "$dir/seeds-$target" "$SRC/corpus/fuzz_$target" \
        >"$dir/log" 2>&1; then
        echo "FAIL $target: its corpus does not become bytes: $(tail -n 3 "$dir/log")"
        failed=1
        continue
    fi
    afl-fuzz -s 1 -E 2000 -t 10000 -m none -i "$dir/seeds-$target" -o "$dir/$target" \
        -- "$afl/fuzz_$target" >"$dir/log" 2>&1
    stability=$(stat_of "$target" stability)
    mode=$(stat_of "$target" target_mode)
    crashes=$(stat_of "$target" saved_crashes)
    case "$stability $crashes $mode" in
    "100.00% 0 "*persistent*shmem_testcase*) echo "ok $target: $stability, $mode" ;;
    *)
        echo "FAIL $target: stability ${stability:-unknown}, mode ${mode:-unknown}," \
            "crashes ${crashes:-unknown}: $(tail -n 3 "$dir/log")"
        failed=1
        ;;
    esac
done
exit "$failed"
