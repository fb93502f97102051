#!/usr/bin/env bash
# tests/explore/test_barriers.sh -- the tables of docs/BARRIERS.md, and vringlab explore --barriers.
# The part with one and two buffers is made again and compared; the rest takes minutes, and is made
# by hand: UPDATE_GOLDEN=full rewrites all, UPDATE_GOLDEN=1 the quick part.
# SPDX-License-Identifier: BSD-2-Clause
set -u
. "${SRC:-.}/tests/support/shell.sh"
cd "$WORK" || exit 1
PAGE=$SRC/docs/BARRIERS.md

# shellcheck disable=SC2317 # called by exits()
barriers() { "$VRINGLAB" explore --barriers --quiet "$@"; }

# ---- the page
between() { sed -n '/^<!-- begin: .* -->$/,/^<!-- end -->$/{/^<!-- /d; p}' "$1"; }
exits 0 'every row is as virtq_barrier.h demands' barriers --quick --markdown
cp out quick.md
between "$PAGE" >page.md
n=$(wc -l <quick.md)
tail -n +$((n + 1)) page.md >rest.md
if [ "${UPDATE_GOLDEN:-}" = full ]; then
    exits 0 'the whole table' barriers --markdown
    tail -n +$((n + 1)) out >rest.md
fi
if [ -n "${UPDATE_GOLDEN:-}" ]; then
    sed '/^<!-- begin: /q' "$PAGE" >new.md
    cat quick.md rest.md >>new.md
    echo '<!-- end -->' >>new.md
    cp new.md "$PAGE"
    between "$PAGE" >page.md
fi
head -n "$n" page.md >page-quick.md
check 'docs/BARRIERS.md is as it is made' diff -u page-quick.md quick.md
# Of the rest, what can be held without exploring it: rows for each barrier, none unexpected.
for name in avail-publish avail-consume used-publish used-consume kick-check kick-rearm irq-check \
    irq-rearm; do
    strengths=$(sed -n "s/^| \`$name\` | \([a-z]*\) .*/\1/p" rest.md | tr '\n' ' ')
    case $name in
    *-publish | *-consume) equal "$name, three buffers" "$strengths" 'none ' ;;
    *) equal "$name, three buffers" "$strengths" 'none acq rel ar ' ;;
    esac
done
check 'nothing is unexpected' test "$(grep -c UNEXPECTED page.md)" -eq 0
check 'all as written are proved' test "$(sed -n '/^### All barriers/,/^### One/p' page.md |
    grep -c '\*\*')" -eq 0

# ---- other forms, and words
exits 0 'one model' barriers --quick memory=tso
says 'one model' \
    'kick-check    ar   buffers=2 tso  refuted    2347+692    liveness:lost-kick in EVENT_IDX'
says 'one model' 'unexpected=0'
equal 'one model only' "$(grep -c ' \(sc\|rc11\) ' out)" 0
exits 0 'as JSON' barriers --quick --json memory=rc11 transport=pci
says 'as JSON' '{"barrier": "irq-check", "strength": "ar", "buffers": 2, "model": "rc11", '
says 'as JSON' '"finding": "liveness:lost-interrupt", "in": "flags", "executions": 816, '
if command -v python3 >/dev/null; then
    check 'it is JSON' python3 -m json.tool out
fi

# Rows that are not as expected: where a doorbell orders nothing, two buffers lose a kick.
exits 1 'another platform' barriers --quick memory=rc11 platform=weak-mmio
says 'another platform' 'lost-kick in flags UNEXPECTED'
says 'another platform' 'unexpected=4'
exits 2 'what the table says itself' barriers --quick fault=barrier:kick-check=none
says 'what the table says itself' 'fault=barrier:kick-check=none: --barriers says that itself' err
exits 2 'buffers' barriers buffers=4
exits 2 'another model' barriers memory=arm
exits 2 'not explored' barriers --quick resets=1
says 'not explored' 'not explored: resets=' err
exits 2 'with a suite' barriers --suite x.tsv
exits 2 'two forms' barriers --json --markdown
exits 2 'a shard' barriers --shard 0/2
exits 2 'Markdown of what' "$VRINGLAB" explore vq_full --markdown
finish
