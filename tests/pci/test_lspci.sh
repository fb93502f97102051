#!/usr/bin/env bash
# tests/pci/test_lspci.sh -- the real lspci reads the model's config space, and says what it is.
# Goldens: tests/golden/lspci-*.txt; UPDATE_GOLDEN=1 rewrites them (`tools/dev golden`).
# Names come from a list of IDs that differs from machine to machine, so lspci prints numbers (-n).
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/../support/shell.sh"
need lspci pciutils

GOLDEN=$SRC/tests/golden

# What versions of lspci differ in: trailing blanks, lines for what a dump does not hold.
normal() { sed -e 's/[ \t]*$//' -e '/Kernel driver in use/d' -e '/Kernel modules/d'; }

# golden NAME ARGUMENT...: the dump of that scenario, as lspci reads it, is the golden.
golden()
{
    local name=$1 file=$GOLDEN/lspci-$1.txt
    shift
    exits 0 "dump of $name" "$VRINGLAB" pci "$@"
    cp "$WORK/out" "$WORK/$name.dump"
    exits 0 "lspci of $name" lspci -n -vv -F "$WORK/$name.dump"
    normal <"$WORK/out" >"$WORK/$name.txt"
    if [ -n "${UPDATE_GOLDEN:-}" ]; then
        mkdir -p "$GOLDEN"
        cp "$WORK/$name.txt" "$file"
    fi
    check "$name is its golden" diff -u "$file" "$WORK/$name.txt"
}

# shows NAME PATTERN: what lspci must understand, whatever the golden says.
shows()
{
    n_checks=$((n_checks + 1))
    if ! grep -qE -- "$2" "$WORK/$1.txt"; then
        failed "$1: lspci does not show '$2'" "$WORK/$1.txt"
    fi
}

golden entropy device=entropy
golden entropy-power-on --power-on device=entropy
golden entropy-intx device=entropy interrupt=intx
golden blk device=blk
golden blk-power-on --power-on device=blk

for name in entropy blk; do
    shows "$name" '^00:04\.0 '
    for cap in CommonCfg Notify ISR DeviceCfg; do
        # An entropy device has no configuration of its own; the others every device has.
        if [ "$name" = blk ] || [ "$cap" != DeviceCfg ]; then
            shows "$name" "VirtIO: $cap"
        fi
    done
    shows "$name" 'Capabilities: \[[0-9a-f]+\] MSI-X: Enable\+ Count=2'
    shows "$name" 'Control: I/O. Mem\+ BusMaster\+'
    shows "$name" 'Region [0-9]: Memory at e[0-9a-f]+'
    shows "$name" 'multiplier='
    shows "$name-power-on" 'MSI-X: Enable- Count=2'
    shows "$name-power-on" 'Control: I/O. Mem- BusMaster-'
done
shows entropy '^00:04\.0 ff00: 1af4:1044 '
shows blk '^00:04\.0 0180: 1af4:1042 '
shows entropy-intx 'MSI-X: Enable-'
shows entropy-intx 'Interrupt: pin A'

# lspci has nothing to complain about, and the dump says the same twice.
exits 0 "lspci with warnings" lspci -n -vvv -F "$WORK/blk.dump"
complaints=$(grep -ciE 'unknown header|broken|invalid|<unassigned>|error' "$WORK/out" || true)
equal "complaints of lspci" "$complaints" 0
exits 0 "the dump again" "$VRINGLAB" pci device=blk
check "the dump is the same twice" cmp "$WORK/out" "$WORK/blk.dump"
finish
