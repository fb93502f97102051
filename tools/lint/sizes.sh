#!/usr/bin/env bash
# tools/lint/sizes.sh [ROOT] -- files of at most 600 lines, lines of at most 100 columns, the
# opening comment, and no marks of unfinished work.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tools/lint/common.sh
. "$(dirname "$0")/common.sh"

# C sources and scripts; the lints and their tests must be able to name what they refuse.
files()
{
    sources ring driver device model tools fuzz tests
    find tools tests .ci cmake -type f \( -name '*.sh' -o -name '*.cmake' -o -name '*.awk' \
        -o -path tools/dev -o -path .ci/run \) 2>/dev/null | sort || true
}

files | while IFS= read -r file; do
    case $file in
    tools/lint/* | tests/lint/*) marks=0 ;;
    *) marks=1 ;;
    esac
    awk -v file="$file" -v marks="$marks" '
        FNR == 1 && file ~ /\.[ch]$/ && index($0, "// " file " -- ") != 1 {
            printf "%s:1: does not open with \"// %s -- purpose.\"\n", file, file
        }
        FNR <= 20 && /^(\/\/|#) SPDX-License-Identifier: BSD-2-Clause$/ { licence = 1 }
        {
            line = $0
            gsub(/[\200-\277]/, "", line) # one column for each UTF-8 character
            if (length(line) > 100 && file !~ /^tools\/lint\//)
                printf "%s:%d: %d columns, at most 100\n", file, FNR, length(line)
            if (marks && line ~ /(^|[^A-Za-z0-9_])(FIXME|TODO|XXX)([^A-Za-z0-9_]|$)/)
                printf "%s:%d: a mark of unfinished work\n", file, FNR
        }
        END {
            if (FNR > 600)
                printf "%s:%d: %d lines, at most 600\n", file, FNR, FNR
            if (!licence && file ~ /\.[ch]$/)
                printf "%s:1: no line SPDX-License-Identifier: BSD-2-Clause in the opening\n", file
        }' "$file"
done | verdict
