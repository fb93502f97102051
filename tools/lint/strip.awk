# tools/lint/strip.awk -- C source with comments and the inside of strings blanked, line by line.
# Columns and line numbers stay. With -v nocpp=1 preprocessor lines are blanked, too.
# SPDX-License-Identifier: BSD-2-Clause
function blank(n) { return sprintf("%" n "s", "") }

BEGIN { state = "code" }

{
    out = ""
    n = length($0)
    directive = continued || (state == "code" && $0 ~ /^[ \t]*#/)
    continued = directive && $0 ~ /\\$/
    for (i = 1; i <= n; i++) {
        c = substr($0, i, 1)
        two = substr($0, i, 2)
        if (state == "block") {
            out = out " "
            if (two == "*/") {
                out = out " "
                i++
                state = "code"
            }
        } else if (state == "code" && two == "//") {
            out = out blank(n - i + 1)
            break
        } else if (state == "code" && two == "/*") {
            out = out "  "
            i++
            state = "block"
        } else if (state == "code" && (c == "\"" || c == "'")) {
            state = c
            out = out c
        } else if (state == "code") {
            out = out c
        } else if (c == "\\") {
            out = out "  "
            i++
        } else if (c == state) {
            out = out c
            state = "code"
        } else {
            out = out " "
        }
    }
    if (state != "block")
        state = "code" # strings end with their line
    print (nocpp && directive) ? "" : out
}
