#!/usr/bin/env bash
# tests/native/test_disassembly.sh -- in the native build a ring-field access is one instruction.
# needs build: gcc release
# Method: (1) a probe with one port call a function, compiled by each compiler that is here, and its
# memory accesses and fences counted; (2) the functions of the real halves that publish and that
# decide on notifications, in the archives that were built.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
[ "$(uname -m)" = x86_64 ] || skip "the instructions that are counted are those of x86-64"
need objdump binutils
need nm binutils

cat >"$WORK/probe.c" <<'END'
#include "ring/virtq_port.h"
#define NONE VIRTQ_BARRIER_NONE
#define LOAD(n, type, name, order)                                                                 \
    type load##n##_##name(struct virtq_span s);                                                    \
    type load##n##_##name(struct virtq_span s)                                                     \
    {                                                                                              \
        return virtq_load##n(NULL, &s, 8, order, NONE);                                            \
    }
#define STORE(n, type, name, order)                                                                \
    void store##n##_##name(struct virtq_span s, type v);                                           \
    void store##n##_##name(struct virtq_span s, type v)                                            \
    {                                                                                              \
        virtq_store##n(NULL, &s, 8, v, order, NONE);                                               \
    }
#define ACCESSES(n, type)                                                                          \
    LOAD(n, type, plain, VIRTQ_PLAIN)                                                              \
    LOAD(n, type, relaxed, VIRTQ_RELAXED)                                                          \
    LOAD(n, type, acquire, VIRTQ_ACQUIRE)                                                          \
    STORE(n, type, plain, VIRTQ_PLAIN)                                                             \
    STORE(n, type, relaxed, VIRTQ_RELAXED)                                                         \
    STORE(n, type, release, VIRTQ_RELEASE)
ACCESSES(8, uint8_t)
ACCESSES(16, uint16_t)
ACCESSES(32, uint32_t)
ACCESSES(64, uint64_t)

struct virtq_desc desc_load(struct virtq_span s);
struct virtq_desc desc_load(struct virtq_span s) { return virtq_load_desc(NULL, &s, 16); }
void desc_store(struct virtq_span s, struct virtq_desc d);
void desc_store(struct virtq_span s, struct virtq_desc d) { virtq_store_desc(NULL, &s, 16, d); }
struct virtq_used_elem elem_load(struct virtq_span s);
struct virtq_used_elem elem_load(struct virtq_span s) { return virtq_load_used_elem(NULL, &s, 4); }
void elem_store(struct virtq_span s, struct virtq_used_elem e);
void elem_store(struct virtq_span s, struct virtq_used_elem e)
{
    virtq_store_used_elem(NULL, &s, 4, e);
}
void fence_full(void);
void fence_full(void) { virtq_fence(NULL, VIRTQ_SEQ_CST, VIRTQ_BARRIER_KICK_CHECK); }
void fence_acquire(void);
void fence_acquire(void) { virtq_fence(NULL, VIRTQ_ACQUIRE, NONE); }
void fence_release(void);
void fence_release(void) { virtq_fence(NULL, VIRTQ_RELEASE, NONE); }
void note(struct virtq_port *port);
void note(struct virtq_port *port) { virtq_note(port, VIRTQ_NOTE_SUBMIT, 0, 1, 2, 3, 4); }
END

# code FILE FUNCTION: its instructions, one a line, without addresses, padding and comments. In a
# relocatable file, relocations stand on lines of their own: they are dropped.
code()
{
    objdump -d --no-show-raw-insn --disassemble="$2" "$1" |
        sed -n 's/^ *[0-9a-f]*:\t//p' | sed 's/ *[#<].*//' |
        grep -vE '^(nop|data16|cs nop|xchg *%ax,%ax|endbr64|ret)' || true
}

# A full fence is mfence, a locked instruction, or xchg with memory.
FENCE='^(mfence|lock |xchg.*\()'
memory() { grep -E '\(' | grep -vE "^lea|$FENCE" || true; }
count() { grep -cE -- "$1" || true; }

probe()
{
    local cc=$1 object=$WORK/probe-$1.o function body
    check "$cc compiles the probe" "$cc" -std=c17 -O2 -Wall -Wextra -Werror -I"$SRC" \
        -c "$WORK/probe.c" -o "$object"
    [ -f "$object" ] || return 0
    for function in {load,store}{8,16,32,64}_{plain,relaxed,acquire,release} \
        desc_load desc_store elem_load elem_store; do
        case $function in
        load*_release | store*_acquire) continue ;;
        desc_* | elem_*) want=2 ;; # two halves, each touched once
        *) want=1 ;;
        esac
        body=$(code "$object" "$function")
        printf '%s\n' "$body" >"$WORK/body"
        equal "$cc $function: memory accesses" "$(memory <<<"$body" | count '^mov')" "$want"
        equal "$cc $function: other accesses" "$(memory <<<"$body" | count '^[^m]|^m[^o]')" 0
        equal "$cc $function: fences" "$(count "$FENCE" <<<"$body")" 0
        equal "$cc $function: calls and jumps" "$(count '^(call|j)' <<<"$body")" 0
    done
    equal "$cc full fence" "$(code "$object" fence_full | count "$FENCE")" 1
    equal "$cc full fence is all" "$(code "$object" fence_full | count .)" 1
    for function in fence_acquire fence_release note; do
        equal "$cc $function costs nothing" "$(code "$object" "$function" | count .)" 0
    done
}

n_compilers=0
for cc in gcc clang; do
    if command -v "$cc" >/dev/null; then
        n_compilers=$((n_compilers + 1))
        probe "$cc"
    fi
done
check "there is a compiler" test "$n_compilers" -gt 0

# halves ARCHIVE: the real thing.
halves()
{
    local archive=$1 name body
    name=$(basename "$(dirname "$archive")")
    equal "$name: nothing of the model" "$(nm "$archive" 2>/dev/null | count ' (U|T) vl_')" 0
    equal "$name: no atomic is a call" "$(nm "$archive" 2>/dev/null | count ' U __atomic')" 0

    # Publishing: avail idx, at offset 2, is one 16-bit store and no fence; the only call out is the
    # assertion's.
    body=$(code "$archive" vdrv_queue_publish)
    check "$name: vdrv_queue_publish is there" test -n "$body"
    equal "$name: publish stores the index once" \
        "$(count '^movw? *%[a-z0-9]+,0x2\(%[a-z0-9]+\)$' <<<"$body")" 1
    equal "$name: publish has no fence" "$(count "$FENCE" <<<"$body")" 0
    check "$name: publish calls nothing but the assertion" test "$(count '^call' <<<"$body")" -le 1

    # The re-checks: one full fence each.
    for function in vdrv_queue_kick_needed vdrv_queue_irq_enable vdev_queue_interrupt_needed \
        vdev_queue_notify_enable; do
        body=$(code "$archive" "$function")
        check "$name: $function is there" test -n "$body"
        equal "$name: $function has one full fence" "$(count "$FENCE" <<<"$body")" 1
    done
}

missing=
for name in gcc release; do
    archive=$(dirname "$BUILD")/$name/libvringlab_native.a
    if [ -f "$archive" ]; then
        halves "$archive"
    else
        missing="$missing $name"
    fi
done
if [ -n "$missing" ] && [ "$n_failed" -eq 0 ]; then
    skip "not built:$missing (tools/dev build)"
fi
finish
