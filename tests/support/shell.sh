# tests/support/shell.sh -- what shell tests share. Sourced. A test calls check() and its like, then
# ends with finish(); it fails if any of them did.
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
TEST_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SRC=${SRC:-$(cd "$TEST_DIR/../.." && pwd)}
export BUILD=${BUILD:-$SRC/build/dev}
export VRINGLAB=${VRINGLAB:-$BUILD/vringlab}
export LC_ALL=C
export PATH="$PATH:/usr/sbin:/sbin"
# A sanitizer's report is a failure; leaks of a process that is killed are none.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99" UBSAN_OPTIONS="exitcode=99"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
n_checks=0
n_failed=0

# skip REASON: this test cannot run here.
skip()
{
    echo "skipped: $*"
    exit 77
}

# need COMMAND PACKAGE: skip unless there is such a command.
need()
{
    command -v "$1" >/dev/null || skip "$1 is missing (Debian: $2)"
}

# failed WHAT [FILE...]: note a failure, and show files that say more.
failed()
{
    local what=$1 file
    shift
    n_failed=$((n_failed + 1))
    if [ "$n_failed" -gt 15 ]; then
        return # the first ones say enough
    fi
    echo "FAIL $what"
    for file in "$@"; do
        if [ -s "$file" ]; then
            sed 's/^/    /' "$file" | head -n 20
        fi
    done
}

# check WHAT COMMAND...: COMMAND succeeds.
check()
{
    local what=$1
    shift
    n_checks=$((n_checks + 1))
    if ! "$@" >"$WORK/check.out" 2>&1; then
        failed "$what: $*" "$WORK/check.out"
    fi
}

# equal WHAT GOT WANT: two texts are the same.
equal()
{
    n_checks=$((n_checks + 1))
    if [ "$2" != "$3" ]; then
        failed "$1: got '$2', want '$3'"
    fi
}

# exits CODE WHAT COMMAND...: COMMAND ends with this code; its output is left in $WORK/out and
# $WORK/err.
exits()
{
    local want=$1 what=$2 code=0
    shift 2
    n_checks=$((n_checks + 1))
    "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || code=$?
    if [ "$code" -ne "$want" ]; then
        failed "$what: exit $code instead of $want: $*" "$WORK/out" "$WORK/err"
    fi
}

# matches CODE PATTERN COMMAND...: COMMAND ends with this code, and a line of all that it prints
# matches, unless PATTERN is empty; what it prints is left in $WORK/out.
matches()
{
    local want=$1 pattern=$2 code=0
    shift 2
    n_checks=$((n_checks + 1))
    "$@" >"$WORK/out" 2>&1 </dev/null || code=$?
    if [ "$code" -ne "$want" ]; then
        failed "exit $code instead of $want: $*" "$WORK/out"
    elif [ -n "$pattern" ] && ! grep -q -e "$pattern" "$WORK/out"; then
        failed "no \"$pattern\": $*" "$WORK/out"
    fi
}

# says WHAT TEXT [FILE]: the output of the last exits() holds TEXT.
says()
{
    n_checks=$((n_checks + 1))
    if ! grep -qF -- "$2" "${3:-$WORK/out}"; then
        failed "$1: no '$2' in its output" "$WORK/out" "$WORK/err"
    fi
}

# peer_named WHAT VERDICT: an honest half named what its hostile peer did, in a run that ended clean
# or with its budget; any other end is a failure.
peer_named()
{
    n_checks=$((n_checks + 1))
    case $2 in
    verdict=clean*peer_faults=0* | verdict=budget*peer_faults=0*) return 1 ;;
    verdict=clean* | verdict=budget*) return 0 ;;
    esac
    failed "$1: $2"
    return 1
}

sha() { sha256sum "$1" | cut -d' ' -f1; }

# A deterministic file: bytes FILE N.
make_file() { head -c "$2" < <(seq 1 1000000) >"$1"; }

finish()
{
    echo "$n_checks checks, $n_failed failed"
    exit $((n_failed > 0))
}
