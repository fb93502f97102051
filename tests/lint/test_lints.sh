#!/usr/bin/env bash
# tests/lint/test_lints.sh -- each script lint flags a bad snippet, and passes a good one.
# Method: a tiny tree per case; a lint gets its root as its argument. A bad case names the line
# that must be flagged, so that a lint which flags everything fails as well.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

LINTS=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}/tools/lint
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failed=0
cases=0

# put FILE: the standard input becomes FILE of the present tree.
put()
{
    mkdir -p "$WORK/tree/$(dirname "$1")"
    cat >"$WORK/tree/$1"
}

fresh() { rm -rf "$WORK/tree" && mkdir -p "$WORK/tree"; }

# good LINT WHAT: the lint passes the tree and says nothing.
good()
{
    cases=$((cases + 1))
    if ! bash "$LINTS/$1.sh" "$WORK/tree" >"$WORK/out" 2>&1 || [ -s "$WORK/out" ]; then
        echo "FAIL $1 refuses: $2"
        cat "$WORK/out"
        failed=1
    fi
}

# bad LINT WHERE TEXT: the lint fails, and one line starts with WHERE and holds TEXT; no other
# line of the file is flagged.
bad()
{
    cases=$((cases + 1))
    if bash "$LINTS/$1.sh" "$WORK/tree" >"$WORK/out" 2>&1 ||
        ! grep -F -- "$2: " "$WORK/out" | grep -qF -- "$3" ||
        [ "$(grep -vcF -- "$2: " "$WORK/out")" -ne 0 ]; then
        echo "FAIL $1 does not flag exactly $2 with: $3"
        cat "$WORK/out"
        failed=1
    fi
}

# ---- includes ------------------------------------------------------------------------------------

fresh
put driver/a.c <<'C'
#include "driver/a.h"
#include "ring/r.h"
#include <stdint.h>
C
put model/trace/t.c <<'C'
#include "model/core/c.h"
#include <sqlite3.h>
C
put tools/cmd/m.c <<'C'
#include "model/trace/t.h"
C
good includes "each room within its policy"
put driver/a.c <<'C'
#include "ring/r.h"
#include "device/d.h"
C
bad includes driver/a.c:2 "driver/ may not include device/"
fresh
put model/core/a.c <<'C'
#include "model/trace/t.h"
C
bad includes model/core/a.c:1 "model/ may not include model/trace/"
fresh
put tools/lab/a.c <<'C'
#include <sqlite3.h>
C
bad includes tools/lab/a.c:1 "<sqlite3.h> belongs to"
fresh
put ring/a.c <<'C'
#include "a.h"
C
bad includes ring/a.c:1 "not relative to the root"

# ---- barriers ------------------------------------------------------------------------------------

barrier_tree()
{
    fresh
    put ring/virtq_barrier.h <<'C'
#define VIRTQ_BARRIERS(X)                                \
    X(A_PUB, "a-pub", VIRTQ_RELEASE, "a-con", DRIVER,    \
      "one")                                             \
    X(A_CON, "a-con", VIRTQ_ACQUIRE, "a-pub", DEVICE,    \
      "two")
C
    put driver/d.c <<'C'
void f(void)
{
    // BARRIER a-pub: this before that.
    //   pairs with  a-con, device/e.c g()
    //   without it  that comes first
    virtq_store16(p, s, 2, v, VIRTQ_RELEASE,
                  VIRTQ_BARRIER_A_PUB);
    virtq_store16(p, s, 2, v, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}
C
    put device/e.c <<'C'
void g(void)
{
    // BARRIER a-con: that before this.
    //   pairs with  a-pub, driver/d.c f()
    //   without it  this comes first
    x = virtq_load16(p, s, 2, VIRTQ_ACQUIRE, VIRTQ_BARRIER_A_CON);
}
C
}
barrier_tree
good barriers "two barriers that name each other, with their comments"
sed -i 's/"a-pub", DEVICE/"a-con", DEVICE/' "$WORK/tree/ring/virtq_barrier.h"
cases=$((cases + 1))
if bash "$LINTS/barriers.sh" "$WORK/tree" >"$WORK/out" ||
    ! grep -q 'ring/virtq_barrier.h:2: a-pub names a-con, which names a-con' "$WORK/out"; then
    echo "FAIL barriers does not flag a partner that does not name it back"
    failed=1
fi
barrier_tree
sed -i '/BARRIER a-pub/d' "$WORK/tree/driver/d.c"
bad barriers driver/d.c:6 'no comment "BARRIER a-pub"'
barrier_tree
sed -i 's/a-con, device/a-conn, device/' "$WORK/tree/driver/d.c"
bad barriers driver/d.c:7 'lacks "pairs with a-con"'
barrier_tree
sed -i 's/without it/else/' "$WORK/tree/device/e.c"
bad barriers device/e.c:6 'lacks "without it"'
barrier_tree
sed -i 's/VIRTQ_RELAXED, VIRTQ_BARRIER_NONE/VIRTQ_RELEASE, VIRTQ_BARRIER_NONE/' \
    "$WORK/tree/driver/d.c"
bad barriers driver/d.c:8 "stronger than relaxed with VIRTQ_BARRIER_NONE"
barrier_tree
put device/f.c <<'C'
void h(void)
{
    load_it(p, VIRTQ_SEQ_CST);
}
C
bad barriers device/f.c:3 "without a barrier name"
barrier_tree
sed -i '/virtq_load16/d' "$WORK/tree/device/e.c"
bad barriers ring/virtq_barrier.h:4 "barrier a-con has no site"
barrier_tree
mv "$WORK/tree/device/e.c" "$WORK/tree/driver/e.c"
bad barriers driver/e.c:6 "belongs to the side DEVICE"

# ---- waits ---------------------------------------------------------------------------------------

fresh
put driver/w.c <<'C'
void f(void)
{
    for (uint32_t n = 0; n < max; n++) {
        d = virtq_load_desc(p, s, n); // while (virtq_load16(p)) in a comment is nothing
    }
    while (virtq_mmio_read(p, io, 0, 1) != 0) {
        virtq_relax(p);
    }
    for (;;) {
        x = virtq_load16(p, s, 2, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
        virtq_await_event(p);
    }
}
C
good waits "bounded loops, and loops that wait through the port"
put driver/w.c <<'C'
void f(void)
{
    while (virtq_load16(p, s, 2, VIRTQ_RELAXED,
                        VIRTQ_BARRIER_NONE) == old) {
    }
}
C
bad waits driver/w.c:3 "waits by itself"
put driver/w.c <<'C'
void f(void)
{
    do {
        n++;
    } while (virtq_mmio_read(p, io, 0, 1) != 0);
}
C
bad waits driver/w.c:3 "waits by itself"
put driver/w.c <<'C'
void f(void)
{
    for (;;) {
        if (virtq_load16(p, s, 2, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE) != old) {
            break;
        }
    }
}
C
bad waits driver/w.c:3 "endless loop"

# ---- port calls ----------------------------------------------------------------------------------

fresh
put device/p.c <<'C'
void f(void)
{
    a = virtq_load16(p, s, 0, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    b = virtq_load16(p, s, 2, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
    if (virtq_pci_read(p, f, 0, 4) == 1) {
        virtq_pci_write(p, f, 0, 4, virtq_used_slot_off(3));
    }
}
C
good port_calls "one port call per full expression"
put device/p.c <<'C'
void f(void)
{
    a = virtq_load16(p, s, 0, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE) +
        virtq_load16(p, s, 2, VIRTQ_RELAXED, VIRTQ_BARRIER_NONE);
}
C
bad port_calls device/p.c:4 "second port call"

# ---- banned --------------------------------------------------------------------------------------

fresh
put model/core/m.c <<'C'
int vl_thing_open(void)
{
    p = malloc(4); // strcpy() in a comment is nothing
    q->time(3);
    my_rand();
}
C
good banned "an allocation in *_open(), and names that only look alike"
put model/core/m.c <<'C'
int vl_thing_step(void)
{
    p = malloc(4);
}
C
bad banned model/core/m.c:3 "malloc() is banned"
put model/core/m.c <<'C'
int vl_thing_step(void)
{
    return time(NULL);
}
C
bad banned model/core/m.c:3 "logical time"
fresh
put tools/cmd/m.c <<'C'
void f(void)
{
    t = time(NULL);
    n = atoi(s);
}
C
bad banned tools/cmd/m.c:4 "strtoul()"

# ---- sizes ---------------------------------------------------------------------------------------

opening='// ring/s.c -- a file.
// SPDX-License-Identifier: BSD-2-Clause'
fresh
{
    echo "$opening"
    printf '// %s\n' "$(printf '§%.0s' {1..97})"
    echo 'char name[] = "/tmp/XXXXXX";'
} | put ring/s.c
good sizes "100 columns, of which many take two bytes"
{
    echo "$opening"
    printf '// %s\n' "$(printf 'x%.0s' {1..98})"
} | put ring/s.c
bad sizes ring/s.c:3 "101 columns"
{
    echo "$opening"
    echo '// FIXME: later'
} | put ring/s.c
bad sizes ring/s.c:3 "unfinished"
{
    echo "$opening"
    yes '//' | head -n 599 || true
} | put ring/s.c
bad sizes ring/s.c:601 "601 lines"
echo '// SPDX-License-Identifier: BSD-2-Clause' | put ring/s.c
bad sizes ring/s.c:1 "does not open with"
echo '// ring/s.c -- a file.' | put ring/s.c
bad sizes ring/s.c:1 "no line SPDX"
echo '// ring/s.c -- a file. SPDX-License-Identifier: BSD-2-Clause' | put ring/s.c
bad sizes ring/s.c:1 "no line SPDX"

echo "lints: $cases cases, $([ "$failed" -eq 0 ] && echo all as expected || echo some fail)"
exit "$failed"
