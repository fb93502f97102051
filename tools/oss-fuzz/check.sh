#!/usr/bin/env bash
# tools/oss-fuzz/check.sh OUT ENGINE SANITIZER ARCHITECTURE -- checks what a build left in OUT as
# OSS-Fuzz checks builds before it takes them, with its thresholds, and some that it leaves to luck.
# One line a target: "ok|FAIL TARGET KEY=VALUE...", below a FAIL what is wrong. Exit 1 if one fails.
# Engines that no package brings are stood for by stub_engine.c, which can only be asked to run.
# SPDX-License-Identifier: BSD-2-Clause
set -uo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tools/oss-fuzz/environment.sh
. "$here/environment.sh"
room=$here/room.sh
OUT=$(readlink -f "$1")
ENGINE=$2
SANITIZER=$3
ARCHITECTURE=$4

RUNS=4              # of libFuzzer, on a fresh corpus
EDGES=100           # fewer: only a part is instrumented
OWN_CALLS=1000      # of ASan's or MSan's runtime in a build of theirs, at least
UBSAN_CALLS=168     # in a build of UBSan, at least
FOREIGN_UBSAN=200   # in another build, at most; the runtimes have calls of their own
FOREIGN_UBSAN_I386=280
FOREIGN_MSAN=3
AFL_SECONDS=${OSS_FUZZ_AFL_SECONDS:-35} # for the start, and then for running without a crash

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
more=$work/more
mkdir -p "$more"
export ROOM_LIBRARIES=
if [ "$SANITIZER" = memory ]; then
    ROOM_LIBRARIES="libstdc++.so.6 libgcc_s.so.1" # see build.sh: its C++ cannot be static here
fi

# What OSS-Fuzz takes for a target: an executable that has the function's name in it.
find_targets()
{
    local file
    for file in "$OUT"/*; do
        if [ -f "$file" ] && [ -x "$file" ] && grep -q LLVMFuzzerTestOneInput "$file"; then
            basename "$file"
        fi
    done
}

problem() { printf '    %s: %s\n' "$TARGET" "$*" >>"$work/$TARGET.bad"; }
value() { printf ' %s' "$*" >>"$work/$TARGET.values"; }

# Show the end of a log under a problem.
log_tail() { tail -n 12 "$1" | cut -c 1-160 | sed 's/^/        /' >>"$work/$TARGET.bad"; }

bare() { # SECONDS COMMAND...
    local seconds=$1 options=()
    shift
    mapfile -t options < <(if [ "$ENGINE" = afl ]; then afl_options; else run_options; fi)
    env -i PATH="$PATH" ROOM_LIBRARIES="$ROOM_LIBRARIES" ROOM_TMP="${ROOM_TMP:-}" \
        ROOM_DEVICES="${ROOM_DEVICES:-}" "${options[@]}" \
        timeout -s INT -k 10 "$seconds" bash "$room" bare "$OUT" "$more" "$@"
}

# ---- the file ------------------------------------------------------------------------------------

check_architecture()
{
    local wanted
    case $ARCHITECTURE in
    x86_64) wanted="Advanced Micro Devices X86-64" ;;
    i386) wanted="Intel 80386" ;;
    aarch64) wanted=AArch64 ;;
    *) wanted=none ;;
    esac
    if ! readelf -h "$OUT/$TARGET" | grep -q "Machine: *$wanted\$"; then
        problem "is not built for $ARCHITECTURE: $(readelf -h "$OUT/$TARGET" |
            sed -n 's/.*Machine: *//p')"
    fi
}

check_libraries()
{
    local name allowed=" libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 $ROOM_LIBRARIES "
    for name in $(readelf -d "$OUT/$TARGET" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'); do
        case $name in
        ld-linux*) ;;
        *)
            case $allowed in
            *" $name "*) ;;
            *) problem "needs $name, which the image that fuzzes does not have" ;;
            esac
            ;;
        esac
    done
}

# Direct calls of functions whose names begin with a runtime's prefix.
count_calls()
{
    objdump -dC "$OUT/$TARGET" | awk '
        /\t(call|callq|bl) +[0-9a-f]+ </ {
            name = $0
            sub(/.*\t(call|callq|bl) +[0-9a-f]+ </, "", name)
            if (index(name, "__asan") == 1) asan++
            if (index(name, "__ubsan") == 1) ubsan++
            if (index(name, "__msan") == 1) msan++
        }
        END { print asan + 0, ubsan + 0, msan + 0 }'
}

check_sanitizer()
{
    local asan ubsan msan foreign=$FOREIGN_UBSAN
    read -r asan ubsan msan < <(count_calls)
    value "asan=$asan ubsan=$ubsan msan=$msan"
    if [ "$ARCHITECTURE" = i386 ]; then
        foreign=$FOREIGN_UBSAN_I386
    fi
    if [ "$SANITIZER" != address ] && [ "$asan" -gt 0 ] && [ "$ENGINE" = libfuzzer ]; then
        problem "calls ASan $asan times in a build of $SANITIZER"
    fi
    case $SANITIZER in
    address | memory)
        if [ "$SANITIZER" = address ] && [ "$asan" -lt "$OWN_CALLS" ]; then
            problem "calls ASan $asan times, at least $OWN_CALLS: not compiled with it"
        elif [ "$SANITIZER" = address ] && [ "$msan" -gt "$FOREIGN_MSAN" ]; then
            problem "calls MSan $msan times in a build of ASan"
        elif [ "$SANITIZER" = memory ] && [ "$msan" -lt "$OWN_CALLS" ]; then
            problem "calls MSan $msan times, at least $OWN_CALLS: not compiled with it"
        fi
        if [ "$ubsan" -gt "$foreign" ]; then
            problem "calls UBSan $ubsan times, at most $foreign: compiled with it as well"
        fi
        ;;
    undefined) # with other engines the counts tell nothing
        if [ "$ENGINE" = libfuzzer ] && [ "$ubsan" -lt "$UBSAN_CALLS" ]; then
            problem "calls UBSan $ubsan times, at least $UBSAN_CALLS: not compiled with it"
        fi
        ;;
    esac
}

# ---- what lies beside it -------------------------------------------------------------------------

# Unpack the seeds into /more/TARGET; without any, one short input.
check_seeds()
{
    local zip=$OUT/${TARGET}_seed_corpus.zip n=0
    mkdir -p "$more/$TARGET"
    if [ -f "$zip" ]; then
        if unzip -Z1 "$zip" | grep -q /; then
            problem "its seed corpus is not flat"
        fi
        unzip -qo "$zip" -d "$more/$TARGET" || problem "its seed corpus cannot be unpacked"
        n=$(find "$more/$TARGET" -type f | wc -l)
        [ "$n" -gt 0 ] || problem "its seed corpus is empty"
    fi
    value "seeds=$n"
    if [ "$n" -eq 0 ]; then
        printf 'hi' >"$more/$TARGET/hi"
    fi
}

# The dictionary that its options or its name choose.
find_dictionary()
{
    local dict=$TARGET.dict
    if [ -f "$OUT/$TARGET.options" ]; then
        dict=$(sed -n 's/^dict *= *//p' "$OUT/$TARGET.options")
        dict=${dict:-$TARGET.dict}
        if ! grep -q '^\[libfuzzer\]$' "$OUT/$TARGET.options" ||
            grep -qvE '^(\[[a-z]+\]|[a-z_]+ *= *[^ ]+|#.*|)$' "$OUT/$TARGET.options"; then
            problem "its options file is not sections of KEY = VALUE with [libfuzzer] among them"
        fi
        if grep -q '^dict' "$OUT/$TARGET.options" && [ ! -f "$OUT/$dict" ]; then
            problem "its options name a dictionary that is not there: $dict"
        fi
    fi
    DICTIONARY=
    if [ -f "$OUT/$dict" ]; then
        DICTIONARY=-dict=@OUT/$dict
        if [ "$ENGINE" = afl ]; then
            DICTIONARY=@OUT/$dict
        fi
    fi
}

# ---- running -------------------------------------------------------------------------------------

check_libfuzzer()
{
    local log=$work/$TARGET.log edges words
    bare 60 "@OUT/$TARGET" -seed=1337 "-runs=$RUNS" >"$log" 2>&1
    if grep -q 'no interesting inputs were found. Is the code instrumented' "$log"; then
        problem "has no coverage instrumentation"
        return
    fi
    edges=$(grep -oE 'Loaded [0-9]+ modules? +\([0-9]+' "$log" | grep -oE '[0-9]+$')
    value "edges=${edges:-none}"
    if [ -n "$edges" ] && [ "$edges" -lt "$EDGES" ]; then
        problem "has $edges edges, at least $EDGES: only a part is instrumented"
    fi
    if ! grep -q "Done $RUNS runs" "$log"; then
        problem "does not survive $RUNS runs: it crashes or exits at its start"
        log_tail "$log"
        return
    fi
    if [ "$SANITIZER" = coverage ]; then
        return # it has its own check
    fi
    if ! bare 300 "@OUT/$TARGET" -rss_limit_mb=2560 -timeout=25 -runs=0 \
        ${DICTIONARY:+"$DICTIONARY"} "/more/$TARGET" >"$log" 2>&1; then
        problem "does not survive its own seed corpus or dictionary"
        log_tail "$log"
        return
    fi
    words=$(sed -n 's/^Dictionary: \([0-9]*\) entries$/\1/p' "$log")
    value "dict=${words:-0} cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)"
    if [ -n "$DICTIONARY" ] && [ "${words:-0}" -eq 0 ]; then
        problem "its dictionary has no entry that the engine takes"
    fi
}

# afl-fuzz with its libraries, apart from those that targets see.
install_afl()
{
    local library
    mkdir -p "$more/afl/lib" "$more/start"
    cp "$(command -v afl-fuzz)" "$more/afl/"
    ldd "$(command -v afl-fuzz)" | grep -oE '/[^ ]+' | while IFS= read -r library; do
        cp -L "$library" "$more/afl/lib/"
    done
    printf 'hi' >"$more/start/hi"
}

# run_afl SEEDS LOG: in the background; the process is $AFL.
run_afl()
{
    local loader
    loader=$(basename "$(ls "$more"/afl/lib/ld-linux*)")
    ROOM_TMP=$work/$TARGET.tmp
    rm -rf "$ROOM_TMP"
    mkdir -p "$ROOM_TMP"
    ROOM_DEVICES="null zero urandom random" bare "$AFL_SECONDS" "/more/afl/lib/$loader" \
        --library-path /more/afl/lib /more/afl/afl-fuzz -i "/more/$1" -o /tmp/out -m none \
        ${DICTIONARY:+-x "$DICTIONARY"} -- "@OUT/$TARGET" >"$2" 2>&1 &
    AFL=$!
}

check_afl()
{
    local log=$work/$TARGET.log stats AFL
    : >"$log"
    run_afl start "$log"
    while kill -0 "$AFL" 2>/dev/null && ! grep -q 'All set and ready to roll' "$log"; do
        sleep 0.5
    done
    kill -INT "$AFL" 2>/dev/null
    wait "$AFL" 2>/dev/null
    if ! grep -q 'All set and ready to roll' "$log"; then
        problem "AFL++ is not ready to fuzz it within $AFL_SECONDS s"
        log_tail "$log"
        return
    fi
    run_afl "$TARGET" "$log"
    wait "$AFL" 2>/dev/null
    if grep -qE 'target binary \(crashed|terminated\)|PROGRAM ABORT' "$log"; then
        problem "AFL++ sees it crash within $AFL_SECONDS s"
        log_tail "$log"
    fi
    stats=$ROOM_TMP/out/default/fuzzer_stats
    if [ ! -f "$stats" ]; then
        problem "AFL++ left no statistics"
        return
    fi
    value "$(sed -n 's/^stability *: */stability=/p; s/^execs_done *: */execs=/p' "$stats" |
        tr '\n' ' ')edges=$(sed -n 's/^edges_found *: *//p' "$stats")"
    if [ "$(sed -n 's/^saved_crashes *: *//p' "$stats")" != 0 ]; then
        problem "AFL++ saved crashes"
    fi
}

# An archive that stands for an engine: runs what it is given, and says how many.
check_stub()
{
    local log=$work/$TARGET.log
    if ! bare 120 "@OUT/$TARGET" "/more/$TARGET" >"$log" 2>&1 ||
        ! grep -q '^stub engine: [1-9][0-9]* inputs' "$log"; then
        problem "does not run its seeds under an engine that is an archive"
        log_tail "$log"
        return
    fi
    value "$(sed -n 's/^stub engine: \([0-9]*\) inputs, \([0-9]*\) edges/ran=\1 edges=\2/p' \
        "$log")"
}

# A coverage build is asked for line coverage of its seeds.
check_coverage()
{
    local raw=$work/$TARGET.tmp
    mkdir -p "$raw"
    LLVM_PROFILE_FILE=$raw/raw "$OUT/$TARGET" -runs=0 "$more/$TARGET" >"$work/$TARGET.log" 2>&1
    if ! "$(clang -print-prog-name=llvm-profdata)" merge -sparse -o "$raw/data" "$raw/raw" ||
        ! "$(clang -print-prog-name=llvm-cov)" report "$OUT/$TARGET" -instr-profile="$raw/data" \
            >"$raw/report" 2>/dev/null; then
        problem "leaves no coverage"
        return
    fi
    value "lines=$(awk '$1 == "TOTAL" { print $10 }' "$raw/report")"
    # Who shows coverage looks for the sources at their paths.
    if ! awk '$1 == "TOTAL" { print $10 }' "$raw/report" | grep -q '[1-9]'; then
        problem "covers nothing"
    fi
}

check_target()
{
    TARGET=$1
    : >"$work/$TARGET.values"
    : >"$work/$TARGET.bad"
    check_architecture
    check_libraries
    check_seeds
    find_dictionary
    case $ENGINE in
    libfuzzer) check_libfuzzer ;;
    afl) check_afl ;;
    *) check_stub ;;
    esac
    if [ "$SANITIZER" = coverage ]; then
        check_coverage
    else
        check_sanitizer
    fi
    if [ -s "$work/$TARGET.bad" ]; then
        printf 'FAIL %s%s\n' "$TARGET" "$(cat "$work/$TARGET.values")"
        cat "$work/$TARGET.bad"
    else
        printf 'ok   %s%s\n' "$TARGET" "$(cat "$work/$TARGET.values")"
    fi >"$work/$TARGET.line"
}

mapfile -t targets < <(find_targets)
if [ "${#targets[@]}" -eq 0 ]; then
    echo "FAIL $OUT has no fuzz target"
    exit 1
fi
if [ "$ENGINE" = afl ]; then
    install_afl
fi
for target in "${targets[@]}"; do
    check_target "$target" &
done
wait
failed=0
for target in "${targets[@]}"; do
    cat "$work/$target.line"
    if ! grep -q '^ok ' "$work/$target.line"; then
        failed=1
    fi
done
exit $failed
