#!/usr/bin/env bash
# tools/lint/banned.sh [ROOT] -- calls that are not made here, each with its replacement.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail
# shellcheck source=tools/lint/common.sh
. "$(dirname "$0")/common.sh"

# function | rooms where it is banned | use instead
policy='
strcpy        | all                                      | snprintf() or memcpy() with a checked length
strcat        | all                                      | snprintf() with a checked length
strncpy       | all                                      | snprintf() or memcpy(): it may leave no end
sprintf       | all                                      | snprintf() with a checked result
vsprintf      | all                                      | vsnprintf() with a checked result
gets          | all                                      | fgets()
strtok        | all                                      | strcspn(): strtok() has hidden state
atoi          | all                                      | strtoul() with its errors checked
atol          | all                                      | strtol() with its errors checked
atoll         | all                                      | strtoll() with its errors checked
atof          | all                                      | strtod() with its errors checked
alloca        | all                                      | a member of a struct, sized when it is opened
rand          | all                                      | a choice: runs are functions of their choices
srand         | all                                      | a seed in the scenario
random        | all                                      | a choice: runs are functions of their choices
drand48       | all                                      | a choice: runs are functions of their choices
time          | ring driver device model tools/lab fuzz  | logical time: runs know no clock
clock         | ring driver device model tools/lab fuzz  | logical time: runs know no clock
clock_gettime | ring driver device model/core model/memory model/pci model/referee model/explore tools/lab fuzz | logical time: runs know no clock
gettimeofday  | ring driver device model tools/lab fuzz  | logical time: runs know no clock
malloc        | ring driver device model                 | allocate in a function named *_open() or *_create()
calloc        | ring driver device model                 | allocate in a function named *_open() or *_create()
realloc       | ring driver device model                 | allocate in a function named *_open() or *_create()
aligned_alloc | ring driver device model                 | allocate in a function named *_open() or *_create()
strdup        | ring driver device model                 | allocate in a function named *_open() or *_create()
'

check()
{
    strip "$1" nocpp | awk -v file="$1" -v policy="$policy" '
        function trim(s) { gsub(/^ +| +$/, "", s); return s }
        function here(rooms,    list, k, n) {
            if (rooms == "all")
                return 1
            n = split(rooms, list, " ")
            for (k = 1; k <= n; k++)
                if (index(file, list[k] "/") == 1)
                    return 1
            return 0
        }
        BEGIN {
            n = split(policy, rows, "\n")
            for (i = 1; i <= n; i++)
                if (split(rows[i], f, "|") == 3 && here(trim(f[2])))
                    instead[trim(f[1])] = trim(f[3])
        }
        {
            line = $0
            # At depth 0, the last name before a bracket is the function whose body may follow.
            if (depth == 0 && match(line, /[A-Za-z_][A-Za-z0-9_]*\(/))
                func_name = substr(line, RSTART, RLENGTH - 1)
            rest = line
            while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ ]*\(/)) {
                word = substr(rest, RSTART, RLENGTH - 1)
                sub(/ +$/, "", word)
                before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : ""
                rest = substr(rest, RSTART + RLENGTH)
                if (!(word in instead) || before ~ /[.>]/)
                    continue
                opens = instead[word] ~ /_open\(\)/
                if (opens && func_name ~ /_(open|create)(_|$)/)
                    continue
                printf "%s:%d: %s() is banned here; instead: %s\n", file, FNR, word, instead[word]
            }
            opened = gsub(/\{/, "", line)
            depth += opened - gsub(/\}/, "", line)
        }'
}

for file in $(sources ring driver device model tools fuzz tests); do
    check "$file"
done | verdict
