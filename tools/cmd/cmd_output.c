// tools/cmd/cmd_output.c -- writing an input to a file, whole or not at all.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096u

bool cmd_ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text);
    const size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

bool cmd_write_file(const char *path, const void *data, size_t bytes, char err[256])
{
    char temporary[PATH_BYTES];
    const int n = snprintf(temporary, sizeof(temporary), "%s.tmp-%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof(temporary)) {
        (void)snprintf(err, 256, "%.100s...: the name is too long", path);
        return false;
    }
    FILE *f = fopen(temporary, "wb");
    bool ok = f != NULL && fwrite(data, 1, bytes, f) == bytes;
    ok = f != NULL && fclose(f) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    if (!ok) {
        (void)snprintf(err, 256, "%.150s: cannot be written: %s", path, strerror(errno));
        if (f != NULL) {
            (void)unlink(temporary);
        }
    }
    return ok;
}

// Text that grows.
struct growing {
    char *data;
    size_t n;
    size_t room;
};

static bool grow(void *ctx, const char *text, size_t bytes)
{
    struct growing *g = ctx;
    if (bytes > g->room - g->n) {
        const size_t room = 2 * (g->room + bytes);
        char *data = realloc(g->data, room);
        if (data == NULL) {
            return false;
        }
        g->data = data;
        g->room = room;
    }
    memcpy(g->data + g->n, text, bytes);
    g->n += bytes;
    return true;
}

static bool write_text(const char *path, const struct lab_input *in, char err[256])
{
    struct growing g = {0};
    const struct lab_input_sink sink = {.ctx = &g, .write = grow};
    bool ok = lab_input_print(in, &sink);
    if (ok) {
        ok = cmd_write_file(path, g.data, g.n, err);
    } else {
        (void)snprintf(err, 256, "%.150s: no memory left", path);
    }
    free(g.data);
    return ok;
}

bool cmd_write_input(const char *path, const struct lab_input *in, char err[256])
{
    char inner[256];
    if (cmd_ends_with(path, ".run")) {
        return write_text(path, in, err);
    }
    const size_t room = LAB_INPUT_HEADER_BYTES + 2 * (size_t)LAB_INPUT_RECORD_BYTES * in->n;
    uint8_t *data = malloc(room);
    const size_t n = data != NULL ? lab_input_encode(in->target, in, data, room, inner) : 0;
    bool ok = n > 0;
    if (data == NULL) {
        (void)snprintf(err, 256, "%.150s: no memory left", path);
    } else if (!ok) {
        (void)snprintf(err, 256, "%s", inner);
    } else {
        ok = cmd_write_file(path, data, n, err);
    }
    free(data);
    return ok;
}
