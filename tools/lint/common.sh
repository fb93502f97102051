# tools/lint/common.sh -- what the lints share. Sourced; the caller has set ROOT.
# A lint prints "file:line: message" for each fault and exits 1 if there was one.
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
LINT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "${1:-$LINT_DIR/../..}" && pwd)
cd "$ROOT" || exit 2
export LC_ALL=C

# Sources (*.c, *.h) under the given rooms, root-relative, sorted; a missing room has none.
sources()
{
    local room
    for room in "$@"; do
        if [ -d "$room" ]; then
            find "$room" -name '*.[ch]' -type f
        fi
    done | sort
}

# A file without comments and strings; "nocpp" as second argument drops preprocessor lines.
strip()
{
    awk -v nocpp="${2:+1}" -f "$LINT_DIR/strip.awk" "$1"
}

# Print what comes in, and fail if anything did.
verdict()
{
    awk '{ print; n++ } END { exit n > 0 }'
}
