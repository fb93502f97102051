#!/usr/bin/env bash
# tests/fuzz/test_oss_fuzz.sh -- the checks of tools/oss-fuzz/check.sh take a sound build of a tiny
# target, and refuse each way to build it wrongly; what OSS-Fuzz reads lies where it looks.
# SPDX-License-Identifier: BSD-2-Clause
set -u

for tool in clang clang++ objdump readelf unzip zip; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is missing"
        exit 77
    fi
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# 120 cases are edges enough; 80 shifts and sums are call sites enough for UBSan.
{
    echo '#include <stddef.h>'
    echo '#include <stdint.h>'
    echo '#include <stdio.h>'
    echo '#include <stdlib.h>'
    echo 'int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);'
    echo 'static volatile int sink;'
    echo 'int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {'
    echo '#ifdef EXITS'
    echo '    if (size > 0) exit(0);'
    echo '#endif'
    echo '#ifdef CRASHES'
    echo "    if (size > 2 && data[0] == 'b') abort();"
    echo '#endif'
    echo '#ifdef OPENS'
    echo '    FILE *f = fopen(OPENS, "r"); if (f == NULL) abort(); fclose(f);'
    echo '#endif'
    echo '    if (size < 2) return 0;'
    echo '#ifndef SMALL'
    echo '    switch (data[0]) {'
    for i in $(seq 120); do
        echo "    case $i: sink += data[1] << (data[1] & $((i % 31))); break;"
    done
    echo '    }'
    echo '#endif'
    echo '    return 0;'
    echo '}'
} >target.c

asan="-O1 -g -fsanitize=address"
covered="-fsanitize=fuzzer-no-link"
static="-static-libstdc++ -static-libgcc"
# shellcheck disable=SC2086 # words
if ! clang $asan $covered -c target.c -o probe.o 2>/dev/null ||
    ! clang++ $asan -fsanitize=fuzzer probe.o -o probe 2>/dev/null; then
    echo "skipped: no runtime of clang's sanitizers or of libFuzzer"
    exit 77
fi

# make NAME COMPILE_FLAGS LINK_FLAGS
make_one()
{
    mkdir -p "$1"
    # shellcheck disable=SC2086 # words
    clang $2 -c target.c -o "$1.o" && clang++ $3 "$1.o" -o "$1/toy_fuzzer"
}

# check NAME WANTED: 0, or what the refusal must say
check_one()
{
    local said code=0
    said=$(bash "$SRC/tools/oss-fuzz/check.sh" "$1" libfuzzer address "$(uname -m)" 2>&1) || code=$?
    if [ "$2" = 0 ]; then
        [ "$code" -eq 0 ] && echo "ok $1: taken"
    else
        [ "$code" -ne 0 ] && grep -q "$2" <<<"$said" && echo "ok $1: refused: $2"
    fi || {
        printf 'FAIL %s: exit %s, wanted %s\n%s\n' "$1" "$code" "$2" "$said"
        return 1
    }
}

# NAME | compile flags | link flags | what is said. CFLAGS ignored; instrumented by the linker
# alone; a target that exits; two sanitizers at once; a part instrumented; a crash in the seeds; a
# file looked for where it was built; a shared library.
good="$asan $covered"
fuzzer="$static -fsanitize=fuzzer"
here=-DOPENS=\"$dir/fixed-path/toy_fuzzer.options\"
cases="
sound          | $good            | $asan $fuzzer           | 0
flags-ignored  | -O1              | $fuzzer                 | not compiled with it
link-only      | -O1              | $asan $fuzzer           | no coverage instrumentation
exits          | $good -DEXITS    | $asan $fuzzer           | crashes or exits at its start
two-sanitizers | $asan,undefined $covered | $asan,undefined $fuzzer | compiled with it as well
partial        | $good -DSMALL    | $asan $fuzzer           | only a part is instrumented
crashing-seed  | $good -DCRASHES  | $asan $fuzzer           | its own seed corpus
fixed-path     | $good $here      | $asan $fuzzer           | crashes or exits at its start
shared-library | $good            | $asan -fsanitize=fuzzer | does not have
"
names=
while IFS='|' read -r name compile link wanted; do
    name=${name// /}
    [ -n "$name" ] || continue
    names="$names $name"
    (
        make_one "$name" "$compile" "$link" || exit 1
        printf '[libfuzzer]\nmax_len = 64\n' >"$name/toy_fuzzer.options"
        printf 'bad' >"$name.seed"
        zip -qj "$name/toy_fuzzer_seed_corpus.zip" "$name.seed"
        check_one "$name" "${wanted# }"
    ) >"$name.log" 2>&1 || echo "$name" >>failed &
    while [ "$(jobs -rp | wc -l)" -ge 3 ]; do
        sleep 0.1
    done
done <<<"$cases"
wait
for name in $names; do
    cat "$name.log"
done

# What is checked in: all four targets have options, and the YAML names each engine and sanitizer.
for target in pair device driver pci; do
    if ! grep -q '^max_len' "$SRC/fuzz/oss-fuzz/fuzz_$target.options"; then
        echo "FAIL fuzz_$target.options: no max_len" | tee -a failed
    fi
done
for word in libfuzzer afl honggfuzz centipede address undefined memory x86_64 i386; do
    if ! grep -qE "^ +- $word:?\$" "$SRC/fuzz/oss-fuzz/project.yaml"; then
        echo "FAIL project.yaml does not name $word" | tee -a failed
    fi
done
[ ! -s failed ]
