// tools/cmd/cmd_json.c -- texts in JSON.
// Spec: RFC 8259 section 7, RFC 3629 section 4.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of the UTF-8 character at text, 0 if there is none. Overlong forms, surrogates and what is
// above U+10FFFF are none.
static size_t utf8(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = 0;
    uint32_t value = 0;

    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xC0 && p[0] < 0xF8) {
        n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    }
    value = p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) { // bound: 4
        if ((p[i] & 0xC0) != 0x80) {
            return 0; // an end is no such byte either
        }
        value = value << 6 | (p[i] & 0x3Fu);
    }
    const bool surrogate = value >= 0xD800 && value < 0xE000;
    return n > 0 && value >= least[n] && value < 0x110000 && !surrogate ? n : 0;
}

void cmd_json_text(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    (void)fputc('"', out);
    while (*p != '\0') { // bound: the text
        const size_t n = utf8(p);
        if (n == 0) {
            (void)fputs("\\ufffd", out);
        } else if (*p == '"' || *p == '\\') {
            (void)fprintf(out, "\\%c", *p);
        } else if (*p == '\n') {
            (void)fputs("\\n", out);
        } else if (*p < 0x20 || *p == 0x7F) {
            (void)fprintf(out, "\\u%04x", *p);
        } else {
            (void)fwrite(p, 1, n, out);
        }
        p += n > 0 ? n : 1;
    }
    (void)fputc('"', out);
}

void cmd_json_pair(FILE *out, const char *key, const char *text, int first)
{
    (void)fprintf(out, "%s\"%s\": ", first ? "" : ", ", key);
    cmd_json_text(out, text);
}
