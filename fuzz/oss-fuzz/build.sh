#!/bin/bash
# fuzz/oss-fuzz/build.sh -- builds the four harnesses as OSS-Fuzz asks: with $CC, $CXX, $CFLAGS,
# $CXXFLAGS and $LIB_FUZZING_ENGINE, into $OUT, with $WORK for everything else.
# The project lies in $SRC/vringlab. To run it again builds what has changed.
# SPDX-License-Identifier: BSD-2-Clause
set -eu

source_dir=$SRC/vringlab
for variable in OUT WORK LIB_FUZZING_ENGINE CC CXX; do
    if [ -z "${!variable:-}" ]; then
        echo "build.sh: $variable is not set" >&2
        exit 2
    fi
done

# One directory for each set of compilers and flags: CMake keeps those that it first saw.
key=$(printf '%s|' "$source_dir" "$CC" "$CXX" "${CFLAGS:-}" "${CXXFLAGS:-}" \
    "$LIB_FUZZING_ENGINE" | cksum | cut -d ' ' -f 1)
build=$WORK/vringlab-$key
mkdir -p "$build"

# Where the harnesses run there is no library beyond libc's. MemorySanitizer's runtime has operators
# new and delete of its own, which clash with a static library's: there it stays the compiler's choice.
link="-static-libstdc++ -static-libgcc"
if [ "${SANITIZER:-address}" = memory ]; then
    link=
fi
cmake -S "$source_dir" -B "$build" -DVRINGLAB_HARNESS_ONLY=ON -DVRINGLAB_PRESET=oss-fuzz \
    "-DLIB_FUZZING_ENGINE=$LIB_FUZZING_ENGINE" "-DVRINGLAB_ENGINE_LINK=$link"
targets="pair device driver pci"
# shellcheck disable=SC2046,SC2086 # words
cmake --build "$build" -j "$(nproc)" --target $(printf 'fuzz_%s ' $targets)
ln -sfn "$build" "$WORK/vringlab" # run_tests.sh looks here

# The corpora are text. What replays them without an engine writes them as an engine's bytes; where
# the flags need a runtime that only an engine brings, it is built without them.
replay=$build/replay
# shellcheck disable=SC2046,SC2086 # words
case ${SANITIZER:-address} in
address | undefined | memory | coverage)
    cmake --build "$build" -j "$(nproc)" --target $(printf 'replay_fuzz_%s ' $targets)
    ;;
*)
    env -u CFLAGS -u CXXFLAGS -u LIB_FUZZING_ENGINE cmake -S "$source_dir" -B "$build-plain" \
        -DVRINGLAB_HARNESS_ONLY=ON
    cmake --build "$build-plain" -j "$(nproc)" --target $(printf 'fuzz_%s ' $targets)
    replay=$build-plain
    ;;
esac

for target in $targets; do
    name=fuzz_$target
    seeds=$build/seeds/$name
    cp "$build/$name" "$OUT/$name"
    cp "$source_dir/fuzz/oss-fuzz/$name.options" "$OUT/"
    if [ -f "$source_dir/fuzz/oss-fuzz/$name.dict" ]; then
        cp "$source_dir/fuzz/oss-fuzz/$name.dict" "$OUT/"
    fi
    rm -rf "$seeds" "$OUT/${name}_seed_corpus.zip"
    mkdir -p "$seeds"
    LLVM_PROFILE_FILE=/dev/null "$replay/$name" --bytes "$seeds" "$source_dir/corpus/$name"
    zip -q -j -r "$OUT/${name}_seed_corpus.zip" "$seeds"
done
