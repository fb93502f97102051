#!/usr/bin/env bash
# tools/oss-fuzz/run.sh [ENGINE/SANITIZER[/ARCHITECTURE]]... -- builds the harnesses as OSS-Fuzz
# does and checks what came of it, without its images: fuzz/oss-fuzz/build.sh runs under the same
# contract of environment variables, on a copy of the sources, in a room of its own (room.sh);
# then run_tests.sh, and check.sh.
#   engines         libfuzzer afl honggfuzz centipede; no package brings the last two: an archive of
#                   ours stands for them, which shows that the harnesses link one and run
#   sanitizers      address undefined memory coverage none
#   architectures   x86_64 (unless given) i386
# Without arguments: libfuzzer with address, undefined and memory; afl with address and undefined.
# Progress and one line a target on stdout; exit 0 if all is well, 1 if a build or a check fails,
# 2 usage, 3 something is missing here.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/oss-fuzz/environment.sh
. "$here/environment.sh"
base=$root/build/oss-fuzz

say() { printf 'oss-fuzz: %s\n' "$*"; }
die()
{
    printf 'oss-fuzz: %s\n' "$2" >&2
    exit "$1"
}

# Check the names; put the default architecture in.
configurations()
{
    local name
    if [ $# -eq 0 ]; then
        set -- libfuzzer/address libfuzzer/undefined libfuzzer/memory afl/address afl/undefined
    fi
    for name in "$@"; do
        case $name in
        */*/*) ;;
        */*) name=$name/x86_64 ;;
        *) name=$name/address/x86_64 ;;
        esac
        case $name in
        libfuzzer/address/* | libfuzzer/undefined/x86_64 | libfuzzer/memory/x86_64) ;;
        libfuzzer/coverage/x86_64 | libfuzzer/none/x86_64) ;;
        afl/address/x86_64 | afl/undefined/x86_64 | afl/memory/x86_64 | afl/none/x86_64) ;;
        honggfuzz/*/x86_64 | centipede/*/x86_64) ;;
        *) die 2 "no configuration '$name'; they are ENGINE/SANITIZER[/ARCHITECTURE]" ;;
        esac
        case $name in
        */x86_64 | */i386) echo "$name" ;;
        *) die 2 "'$name': the architectures are x86_64 and i386" ;;
        esac
    done
}

need_tools()
{
    local tool
    for tool in clang clang++ cmake objdump readelf zip unzip; do
        command -v "$tool" >/dev/null || die 3 "$tool is missing"
    done
    case " $* " in
    *" afl/"*)
        command -v afl-clang-fast >/dev/null || die 3 "afl-clang-fast is missing (Debian: afl++)"
        [ -f "$AFL_DRIVER" ] || die 3 "$AFL_DRIVER is missing (Debian: afl++)"
        ;;
    esac
    case " $* " in
    *"/i386 "*)
        echo 'int main(void) { return 0; }' | gcc -m32 -x c - -o /dev/null 2>/dev/null ||
            die 3 "nothing can be built for i386 here (Debian: gcc-multilib, g++-multilib)"
        ;;
    esac
}

# The sources as a checkout would have them, and the scripts where the Dockerfile puts them.
# shellcheck disable=SC2016 # for the inner shell
copy_sources()
{
    local src=$1
    rm -rf "$src"
    mkdir -p "$src/vringlab"
    if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate |
            (cd "$root" && xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh)
    else
        (cd "$root" && find . -path ./build -prune -o -type f -print0)
    fi | tar -C "$root" --null -T - -cf - | tar -C "$src/vringlab" -xf -
    cp "$src/vringlab/fuzz/oss-fuzz/build.sh" "$src/vringlab/fuzz/oss-fuzz/run_tests.sh" "$src/"
}

tree_sum() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

# build_one ENGINE SANITIZER ARCHITECTURE OUT WORK LOG
build_one()
{
    local words=() before script
    mapfile -t words < <(build_environment "$1" "$2" "$3" /work/engine.a)
    before=$(tree_sum "$base/src/vringlab")
    for script in build.sh run_tests.sh; do
        # shellcheck disable=SC2016 # SRC is the room's
        if ! env -i PATH="$PATH" HOME=/root SRC=/src OUT=/out WORK=/work "${words[@]}" \
            bash "$here/room.sh" build "$base/src" "$4" "$5" \
            bash -euc 'cd "$SRC/vringlab"; exec bash -eu "$SRC/$1"' sh "$script" >>"$6" 2>&1; then
            say "FAIL $1/$2/$3: $script fails; the end of $6:"
            tail -n 25 "$6"
            return 1
        fi
        say "$1/$2/$3: $script done"
    done
    if [ "$(tree_sum "$base/src/vringlab")" != "$before" ]; then
        say "FAIL $1/$2/$3: the build or its tests change the sources"
        return 1
    fi
}

# What honggfuzz and Centipede are here.
build_stub()
{
    clang -O1 -c "$here/stub_engine.c" -o "$1/engine.o" && ar rcs "$1/engine.a" "$1/engine.o"
}

do_one()
{
    local name=$1 engine sanitizer architecture out work log started=$SECONDS
    IFS=/ read -r engine sanitizer architecture <<<"$name"
    out=$base/$name/out
    work=$base/$name/work
    log=$base/$name/build.log
    rm -rf "${base:?}/$name"
    mkdir -p "$out" "$work"
    case $engine in
    honggfuzz | centipede) build_stub "$work" ;;
    esac
    build_one "$engine" "$sanitizer" "$architecture" "$out" "$work" "$log" || return 1
    say "$name: built and tested in $((SECONDS - started)) s; checking"
    bash "$here/check.sh" "$out" "$engine" "$sanitizer" "$architecture" >"$base/$name/checks" ||
        return 1
}

case ${1:-} in
-h | --help)
    sed -n '2,/^# SPDX/{/SPDX/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
mapfile -t names < <(configurations "$@")
[ "${#names[@]}" -gt 0 ] || exit 2
need_tools "${names[@]}"
mkdir -p "$base"
exec 9>"$base/lock"
flock -n 9 || die 3 "another run works in $base"
if ! bash "$here/room.sh" can; then
    say "no private mount namespace here: plain directories, nothing is read-only but \$OUT"
fi
copy_sources "$base/src"
failed=0
for i in "${!names[@]}"; do
    say "${names[$i]}: building ($((i + 1)) of ${#names[@]})"
    do_one "${names[$i]}" || failed=1
    sed -E "s%^(ok  |FAIL) %\1 ${names[$i]} %" "$base/${names[$i]}/checks" 2>/dev/null || true
done
if [ "$failed" -ne 0 ]; then
    say "a build or a check failed"
    exit 1
fi
say "${#names[@]} configurations, all checks passed"
