#!/bin/bash -eu
# build.sh -- builds the harnesses in OSS-Fuzz's environment: $CC, $CXX, $CFLAGS, $CXXFLAGS,
# $LIB_FUZZING_ENGINE, $SRC, $OUT, $WORK. vringlab lies in $SRC/vringlab, or is installed below
# $VRINGLAB_PREFIX. Harnesses land in $OUT; in $WORK, programs that replay and record their inputs.
#
#   PLANTED_BUG=1    with the bug that each of the three rings can be built with
#   PLANTED_BUG=2    with tinyvmm's other one, which needs a weak memory model to be seen
#
# SPDX-License-Identifier: BSD-2-Clause
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$here/firmware" ] || here=$PWD # copied to $SRC/build.sh, and called from the project
CFLAGS=${CFLAGS:-}
CXXFLAGS=${CXXFLAGS:-}
bug=${PLANTED_BUG:+-DPLANTED_BUG=$PLANTED_BUG}

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

# glue NAME SOURCE FLAGS...   the player and its harness, with LLVMFuzzer*() alone and with main()
glue()
{
    local name=$1 source=$2
    shift 2
    compile "$name.o" "$source" "$@"
    compile "${name}_replay.o" "$source" "$@" -DSTANDALONE ${trace:+-DWITH_TRACE}
}

# ---- depth 1: accessor macros ----
compile fwq.o firmware/fwq.c '-DFW_IO_HEADER="fw_io_lab.h"'
glue fuzz_firmware firmware/fuzz_firmware.c
link fuzz_firmware fwq.o

# ---- depth 2: the compiler reports each access of vmm_queue.c ----
# The instrumentation of one sanitizer takes the place of another's in this file alone, and its
# runtime is not linked: libvringlab_watch.a is what it calls.
watch="-fno-sanitize=address -fno-sanitize=memory -fsanitize=thread"
if $CC --version | grep -q clang; then
    watch+=" -mllvm -tsan-distinguish-volatile=1 -mllvm -tsan-instrument-read-before-write=1"
    watch+=" -mllvm -tsan-instrument-func-entry-exit=0"
else
    watch+=" --param tsan-distinguish-volatile=1 --param tsan-instrument-func-entry-exit=0"
fi
# shellcheck disable=SC2086
compile vmm_queue.o tinyvmm/vmm_queue.c $watch
# Compilers that leave copies to the C library's functions (clang up to 15, gcc): ours see them.
objcopy --redefine-sym memcpy=__tsan_memcpy --redefine-sym memmove=__tsan_memmove \
    --redefine-sym memset=__tsan_memset "$WORK/vmm_queue.o"
glue fuzz_tinyvmm tinyvmm/fuzz_tinyvmm.c
link fuzz_tinyvmm vmm_queue.o
glue fuzz_tinyvmm_pair tinyvmm/fuzz_tinyvmm.c -DHONEST_PEER
link fuzz_tinyvmm_pair vmm_queue.o

# ---- depth 3: a black box ----
compile bb_device.o blackbox/bb_device.c
glue fuzz_blackbox blackbox/fuzz_blackbox.c
link fuzz_blackbox bb_device.o
