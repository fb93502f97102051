#!/usr/bin/env bash
# tests/fuzz/test_your_ring.sh -- examples/fuzz-your-ring, outside the source tree: its build.sh in
# OSS-Fuzz's environment, each planted bug found, replayed, recorded and judged again, and nothing
# found without it; then what was installed for it, as other projects use it: find_package(),
# pkg-config, add_subdirectory(), headers in C++.
# SPDX-License-Identifier: BSD-2-Clause
set -u
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

say()
{
    printf 'FAIL %s\n' "$*"
    failed=1
}

skip()
{
    printf 'skipped: %s\n' "$*"
    exit 77
}

for tool in clang clang++ cmake ninja pkg-config; do
    command -v "$tool" >/dev/null || skip "$tool is missing"
done
printf 'int LLVMFuzzerTestOneInput(void){return 0;}\n' >"$dir/probe.c"
clang -fsanitize=fuzzer,address "$dir/probe.c" -o "$dir/probe" 2>/dev/null ||
    skip "clang has no libFuzzer or no AddressSanitizer runtime (Debian: libclang-rt-dev)"

# ---- the build, as OSS-Fuzz does it -------------------------------------------------------------

mkdir -p "$dir/src" "$dir/out" "$dir/work"
export SRC_ROOT=$SRC SRC=$dir/src OUT=$dir/out WORK=$dir/work CC=clang CXX=clang++
export CFLAGS="-O1 -fno-omit-frame-pointer -gline-tables-only \
-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -fsanitize=address \
-fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link"
export CXXFLAGS=$CFLAGS LIB_FUZZING_ENGINE=-fsanitize=fuzzer
ln -s "$SRC_ROOT" "$SRC/vringlab"
cp -r "$SRC_ROOT/examples/fuzz-your-ring" "$SRC/your-ring"

build()
{
    (cd "$SRC/your-ring" && env "$@" bash -eu ./build.sh) >"$dir/build.log" 2>&1 && return
    tail -30 "$dir/build.log"
    say "build.sh $*"
    exit 1
}

build PLANTED_BUG=
for name in "$OUT"/*; do
    cp "$name" "$dir/$(basename "$name").clean"
    cp "$WORK/$(basename "$name")_replay" "$dir/$(basename "$name").clean_replay"
done
cd "$dir" || exit 1

# ---- each planted bug ---------------------------------------------------------------------------

# planted NAME KIND...   in $OUT, and without the bug in $dir; any of the kinds may come first
planted()
{
    local name=$1 kinds=" ${*:2} " kind input
    mkdir -p "$dir/$name"
    "$OUT/$name" -seed=1 -runs=4000000 -max_total_time=60 -max_len=256 \
        -artifact_prefix="$dir/$name/" >"$dir/$name.log" 2>&1
    input=$(find "$dir/$name" -name 'crash-*' -print -quit)
    if [ -z "$input" ]; then
        tail -3 "$dir/$name.log"
        say "$name: nothing found in 60 seconds"
        return
    fi
    kind=$(sed -n 's/^finding \([^ ]*\) .*/\1/p' "$dir/$name.log" | head -n 1)
    case $kinds in
    *" $kind "*) ;;
    *) say "$name: not$kinds, but $(grep '^finding' "$dir/$name.log")" ;;
    esac
    grep -q "^replay: .*./$name " "$dir/$name.log" || say "$name: does not say how to replay"

    # The harness itself, and the program without an engine, reach it again.
    "$OUT/$name" "$input" 2>&1 | grep -q "^finding $kind " || say "$name: the input does not replay"
    "$WORK/${name}_replay" "$input" 2>&1 | grep -q "^finding $kind " ||
        say "$name: the input does not replay without the engine"
    # Without the bug the same input, and many more, are clean.
    "$dir/$name.clean_replay" "$input" >/dev/null 2>&1 || say "$name: found without the bug, too"
    "$dir/$name.clean" -seed=2 -runs=2000 -max_len=256 >"$dir/$name.log" 2>&1 ||
        say "$name: without the bug: $(grep '^finding' "$dir/$name.log")"

    if [ -f "$WORK/prefix/lib/libvringlab_trace.a" ] && [ -x "${VRINGLAB:-}" ]; then
        "$WORK/${name}_replay" --trace "$dir/$name.db" "$input" >"$dir/$name.log" 2>&1
        grep -q "^verdict=finding kind=$kind " "$dir/$name.log" || say "$name: not recorded"
        "$VRINGLAB" check "$dir/$name.db" 2>&1 | grep -q "kind=$kind " ||
            say "$name: the trace is judged otherwise"
    fi
    printf 'ok %s: %s\n' "$name" "$kind"
}

build PLANTED_BUG=1 VRINGLAB_PREFIX="$WORK/prefix"
planted fuzz_firmware liveness:lost-interrupt
# A length fetched again may have grown, or become 0: then the request is answered with nothing.
planted fuzz_tinyvmm ownership:device-write-outside spec:5.4.6.2-dev-1
planted fuzz_blackbox liveness:lost-kick
build PLANTED_BUG=2 VRINGLAB_PREFIX="$WORK/prefix"
planted fuzz_tinyvmm_pair race:used.ring

# ---- as other projects use it -------------------------------------------------------------------

prefix=$WORK/prefix
cat >"$dir/user.c" <<'EOF'
#include "fuzz/vringlab_fuzz.h"
#include "tools/lab/lab_world.h"
int main(void)
{
    struct lab_scenario s;
    char err[LAB_ERR_BYTES] = "";
    const struct lab_options options = {.referees = true};
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    lab_scenario_default(&s);
    struct lab *lab = lab_open(&s, &options, err);
    const bool clean = lab != NULL && lab_run(lab, &benign)->outcome == VL_CLEAN;
    if (lab != NULL) {
        lab_close(lab);
    }
    return clean ? 0 : 1;
}
EOF
{
    sed 's/{.referees = true}/{}/; s/{.source = VL_SOURCE_INPUT}/{VL_SOURCE_INPUT}/' "$dir/user.c"
    cat <<'EOF'
#include "tools/plug/plug_call.h"
bool step_of_a_player(virtq_port *port, virtq_dma *dma); // compiled and linked, not called
bool step_of_a_player(virtq_port *port, virtq_dma *dma)
{
    if (virtq_mem_alloc(port, 64, 16, VIRTQ_AREA_DESC, 0, dma) != VIRTQ_OK) {
        return false;
    }
    virtq_store16(port, &dma->span, 0, 1, VIRTQ_RELEASE, VIRTQ_BARRIER_NONE);
    plug_store(dma->span.host, 2, 1, VIRTQ_RELAXED, VIRTQ_SITE_);
    plug_call_begin(port);
    virtq_interrupt(port, 1);
    virtq_await_event(port);
    return true;
}
EOF
} >"$dir/user.cc"

find_package()
{
    mkdir -p "$dir/found"
    cat >"$dir/found/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.24)
project(user LANGUAGES C CXX)
find_package(vringlab 0.1 REQUIRED)
add_executable(user_c ../user.c)
target_link_libraries(user_c PRIVATE vringlab::fuzz)
add_executable(user_cc ../user.cc)
set_target_properties(user_cc PROPERTIES CXX_STANDARD 17)
target_link_libraries(user_cc PRIVATE vringlab::fuzz)
EOF
    { cmake -S "$dir/found" -B "$dir/found/b" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$dir/found/b"; } >"$dir/log" 2>&1 ||
        { tail -20 "$dir/log"; say "find_package(vringlab)"; return; }
    "$dir/found/b/user_c" || say "find_package(vringlab): the C program fails"
    "$dir/found/b/user_cc" || say "find_package(vringlab): the C++ program fails"
}

pkg_config()
{
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    # shellcheck disable=SC2046,SC2086 # lists of flags
    $CC $CFLAGS $(pkg-config --cflags vringlab-fuzz) "$dir/user.c" \
        $(pkg-config --libs vringlab-fuzz) -o "$dir/user" 2>"$dir/log" || cat "$dir/log"
    "$dir/user" || say "pkg-config vringlab-fuzz"
}

# The installed headers, each alone, as C++17 and as C17.
headers()
{
    local cxx header n=0
    for cxx in clang++ g++; do
        command -v $cxx >/dev/null || continue
        while IFS= read -r header; do
            case $header in
            ring/virtq_port_*) continue ;; # parts of ring/virtq_port.h
            esac
            printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$dir/h.cc"
            $cxx -std=c++17 -Wall -Wextra -Werror -fsyntax-only -DVIRTQ_PORT_MODEL=1 \
                -I"$prefix/include/vringlab" "$dir/h.cc" >"$dir/log" 2>&1 ||
                { head -5 "$dir/log"; say "$cxx: $header is no C++"; }
            n=$((n + 1))
        done < <(cd "$prefix/include/vringlab" && find . -name '*.h' | sed 's|^\./||' | sort)
    done
    # The native build's headers, for C++ around halves that are C.
    for header in ring/virtq_port.h driver/vdrv_queue.h device/vdev_pci.h; do
        printf '#include "%s"\n' "$header" >"$dir/h.cc"
        clang++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include/vringlab" \
            "$dir/h.cc" || say "$header, native, is no C++"
    done
    [ "$n" -ge 30 ] || say "only $n headers were installed"
}

# As a part of another project: its flags, and none of ours in its own files.
subproject()
{
    mkdir -p "$dir/sub"
    cat >"$dir/sub/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.24)
project(user LANGUAGES C)
add_subdirectory("$ENV{SRC_ROOT}" vringlab)
add_executable(user ../user.c)
target_link_libraries(user PRIVATE vringlab::fuzz)
get_directory_property(options COMPILE_OPTIONS)
get_directory_property(tests TESTS)
if(options OR tests OR CMAKE_C_STANDARD OR TARGET fuzz_pair OR BUILD_TESTING)
  message(FATAL_ERROR "vringlab leaks: '${options}' '${tests}' '${CMAKE_C_STANDARD}'")
endif()
EOF
    { CFLAGS=-O0 cmake -S "$dir/sub" -B "$dir/sub/b" -G Ninja && ninja -C "$dir/sub/b" user; } \
        >"$dir/log" 2>&1 || { tail -20 "$dir/log"; say "add_subdirectory()"; return; }
    "$dir/sub/b/user" || say "add_subdirectory(): the program fails"
}

find_package
pkg_config
headers
subproject
[ "$failed" -ne 0 ] || printf 'ok packaging\n'
exit $failed
