#!/bin/bash
# fuzz/oss-fuzz/run_tests.sh -- the regression test of a tree that build.sh has built: each corpus
# replays clean, without an engine, under the sanitizer of the build, and reaches every mark that
# its target demands. Needs no network, and writes into $WORK and $OUT alone.
# SPDX-License-Identifier: BSD-2-Clause
set -eu

source_dir=$SRC/vringlab
if [ ! -d "$WORK/vringlab/replay" ]; then
    bash "$source_dir/fuzz/oss-fuzz/build.sh"
fi
targets="pair device driver pci"
# shellcheck disable=SC2046,SC2086 # words
cmake --build "$WORK/vringlab" -j "$(nproc)" --target $(printf 'replay_fuzz_%s ' $targets)

failed=0
for target in $targets; do
    if said=$(cd "$WORK" && LLVM_PROFILE_FILE=/dev/null VRINGLAB_MARKS=check \
        vringlab/replay/"fuzz_$target" "$source_dir/corpus/fuzz_$target" 2>&1); then
        echo "fuzz_$target: $(printf '%s\n' "$said" | tail -n 1)"
    else
        printf '%s\n' "$said" | tail -n 40
        echo "fuzz_$target: FAILED"
        failed=1
    fi
done
exit $failed
