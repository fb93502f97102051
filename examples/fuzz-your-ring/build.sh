#!/bin/bash -eu
# build.sh -- builds the harnesses in OSS-Fuzz's environment: $CC, $CXX, $CFLAGS, $CXXFLAGS,
# $LIB_FUZZING_ENGINE, $SRC, $OUT, $WORK. vringlab lies in $SRC/vringlab, or is installed below
# $VRINGLAB_PREFIX. Harnesses land in $OUT; in $WORK, programs that replay and record their inputs.
#
#   PLANTED_BUG=1    with the bug that each of the three rings can be built with
#
# SPDX-License-Identifier: BSD-2-Clause
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$here/firmware" ] || here=$PWD # copied to $SRC/build.sh, and called from the project
CFLAGS=${CFLAGS:-}
CXXFLAGS=${CXXFLAGS:-}
bug=${PLANTED_BUG:+-DPLANTED_BUG}

# ---- vringlab, with the same compiler and flags ----
prefix=${VRINGLAB_PREFIX:-$WORK/prefix}
if [ -z "${VRINGLAB_PREFIX:-}" ]; then
    cmake -S "$SRC/vringlab" -B "$WORK/vringlab" -G Ninja -DCMAKE_BUILD_TYPE=None \
        -DVRINGLAB_LIBRARIES_ONLY=ON -DCMAKE_INSTALL_LIBDIR=lib
    cmake --build "$WORK/vringlab"
    cmake --install "$WORK/vringlab" --prefix "$prefix"
fi
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
if pkg-config --exists vringlab-trace; then
    trace=vringlab-trace
else
    trace=
fi

# compile OBJECT SOURCE FLAGS...   our own code: C, warnings, what pkg-config says
compile()
{
    local object=$1 source=$2
    shift 2
    # shellcheck disable=SC2046,SC2086 # lists of flags
    $CC $CFLAGS -std=gnu17 -Wall -Wextra $(pkg-config --cflags vringlab-fuzz) \
        -I"$here/$(dirname "$source")" $bug "$@" -c "$here/$source" -o "$WORK/$object"
}

# link NAME OBJECTS...   the ring's objects, with the engine into $OUT, and without it into $WORK
link()
{
    local name=$1 objects=() object libs
    shift
    for object in "$@"; do
        objects+=("$WORK/$object")
    done
    libs=$(pkg-config --libs vringlab-watch vringlab-fuzz)
    # shellcheck disable=SC2086
    $CXX $CXXFLAGS $LIB_FUZZING_ENGINE "$WORK/$name.o" "${objects[@]}" $libs -o "$OUT/$name"
    # shellcheck disable=SC2046,SC2086
    $CXX $CXXFLAGS "$WORK/${name}_replay.o" "${objects[@]}" \
        $(pkg-config --libs vringlab-watch vringlab-fuzz $trace) -o "$WORK/${name}_replay"
}

# glue NAME SOURCE   the player and its harness, once with LLVMFuzzer*() alone and once with main()
glue()
{
    compile "$1.o" "$2"
    compile "$1_replay.o" "$2" -DSTANDALONE ${trace:+-DWITH_TRACE}
}

# ---- depth 1: accessor macros ----
compile fwq.o firmware/fwq.c '-DFW_IO_HEADER="fw_io_lab.h"'
glue fuzz_firmware firmware/fuzz_firmware.c
link fuzz_firmware fwq.o
