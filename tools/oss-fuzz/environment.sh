# shellcheck shell=bash
# tools/oss-fuzz/environment.sh -- sourced: what OSS-Fuzz puts into a build's and a run's
# environment, for one engine, sanitizer and architecture.
# SPDX-License-Identifier: BSD-2-Clause

AFL_DRIVER=/usr/lib/afl/libAFLDriver.a

sanitizer_flags()
{
    local traps=array-bounds,bool,builtin,enum,integer-divide-by-zero,null,object-size,return
    traps=$traps,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr
    case $1 in
    address) echo "-fsanitize=address -fsanitize-address-use-after-scope" ;;
    memory) echo "-fsanitize=memory -fsanitize-memory-track-origins" ;;
    undefined) # an unsigned overflow ends no run: it is one more signal of coverage
        echo "-fsanitize=$traps,unsigned-integer-overflow -fno-sanitize-recover=$traps"
        ;;
    coverage) echo "-fprofile-instr-generate -fcoverage-mapping" ;;
    none) ;;
    *) return 1 ;;
    esac
}

# What the engine wants of every object. The coverage build counts in another way.
coverage_flags()
{
    case $1/$2 in
    libfuzzer/coverage) ;;
    libfuzzer/*) echo "-fsanitize=fuzzer-no-link" ;;
    afl/*) ;; # its compiler does it
    honggfuzz/* | centipede/*) echo "-fsanitize-coverage=trace-pc-guard,indirect-calls,trace-cmp" ;;
    *) return 1 ;;
    esac
}

# Words NAME=VALUE for env(1), one a line: build_environment ENGINE SANITIZER ARCHITECTURE ARCHIVE
# ARCHIVE stands for the engines that are one and that no package brings.
build_environment()
{
    local cc=clang cxx=clang++ library=-fsanitize=fuzzer flags cxx_flags=
    flags="-O1 -fno-omit-frame-pointer -gline-tables-only -Wno-error"
    flags="$flags -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
    flags="$flags $(sanitizer_flags "$2") $(coverage_flags "$1" "$2")"
    case $1 in
    afl)
        cc=afl-clang-fast
        cxx=afl-clang-fast++
        library=$AFL_DRIVER
        ;;
    honggfuzz | centipede) library=$4 ;;
    esac
    if [ "$3" = i386 ]; then
        flags="$flags -m32"
        cxx_flags="-L$(dirname "$(gcc -m32 -print-file-name=libstdc++.a 2>/dev/null)")"
    fi
    printf '%s\n' "CC=$cc" "CXX=$cxx" "CFLAGS=$flags" "CXXFLAGS=$flags $cxx_flags" \
        "LIB_FUZZING_ENGINE=$library" "FUZZING_ENGINE=$1" "SANITIZER=$2" "ARCHITECTURE=$3" \
        FUZZING_LANGUAGE=c AFL_QUIET=1 AFL_LLVM_INSTRUMENT=LLVM-NATIVE # docs/adr/0018
    run_options
}

# Sanitizers' options, as one variable a line.
run_options()
{
    local common=handle_abort=1:handle_segv=1:handle_sigbus=1:handle_sigfpe=1:symbolize=0
    printf '%s\n' \
        "ASAN_OPTIONS=$common:detect_leaks=0:quarantine_size_mb=10:max_uar_stack_size_log=16" \
        "UBSAN_OPTIONS=$common:print_stacktrace=1:silence_unsigned_overflow=1" \
        "MSAN_OPTIONS=$common:print_stats=0"
}

# AFL++ stops early on machines that it finds odd; none of that matters to a check.
afl_options()
{
    printf '%s\n' AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_QUIET=1 \
        AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_FORKSRV_INIT_TMOUT=30000 \
        "ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0" \
        "UBSAN_OPTIONS=abort_on_error=1:symbolize=0:silence_unsigned_overflow=1" \
        "MSAN_OPTIONS=exit_code=86:abort_on_error=1:symbolize=0"
}
