#!/usr/bin/env bash
# tests/fuzz/test_corpus.sh -- each target's checked-in corpus replays clean, without advice, and
# reaches every mark that the target demands; a corpus that lacks one is refused.
# SPDX-License-Identifier: BSD-2-Clause
set -u
failed=0

say()
{
    printf 'FAIL %s\n' "$*"
    failed=1
}

for target in pair device driver pci; do
    harness=$BUILD/fuzz_$target
    corpus=$SRC/corpus/fuzz_$target
    if [ ! -x "$harness" ]; then
        say "$harness is not built"
        continue
    fi
    if ! out=$(VRINGLAB_MARKS=check "$harness" "$corpus" 2>&1); then
        say "$target: $out"
        continue
    fi
    if advice=$(printf '%s\n' "$out" | grep 'advice'); then
        say "$target: $advice"
        continue
    fi
    n=$(find "$corpus" -type f ! -name README.md ! -name '.*' | wc -l)
    case $out in
    *"$n inputs"*) printf 'ok %s: %s inputs, %s marks\n' "$target" "$n" \
        "$(printf '%s\n' "$out" | grep -c '^[A-Z_]*$')" ;;
    *) say "$target: replayed something else than the $n inputs of $corpus: $out" ;;
    esac

    # The same check must fail for a corpus of one benign input.
    dir=$(mktemp -d)
    : >"$dir/empty"
    if VRINGLAB_MARKS=check "$harness" "$dir" >/dev/null 2>&1; then
        say "$target: one benign input passes for a corpus"
    fi
    rm -rf "$dir"
done
exit $failed
