// tools/lab/lab_input_file.c -- an input from a file of either form.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST_BYTES 15u // of a text input's first line, and of a SQLite file's header

// Read a whole file of at most LAB_INPUT_BYTES_MAX. The result is the caller's to free.
static uint8_t *read_file(const char *path, size_t *bytes, char err[256])
{
    struct stat st;
    FILE *f = stat(path, &st) == 0 && !S_ISDIR(st.st_mode) ? fopen(path, "rb") : NULL;
    if (f == NULL) {
        const char *why = errno != 0 ? strerror(errno) : "cannot be read";
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            why = "a directory, not an input";
        }
        (void)snprintf(err, 256, "%.150s: %s", path, why);
        return NULL;
    }
    uint8_t *data = malloc(LAB_INPUT_BYTES_MAX + 1u);
    *bytes = data != NULL ? fread(data, 1, LAB_INPUT_BYTES_MAX + 1u, f) : 0;
    if (data == NULL || ferror(f) != 0 || *bytes > LAB_INPUT_BYTES_MAX) {
        (void)snprintf(err, 256, "%.150s: %s", path,
                       data == NULL                   ? "no memory left"
                       : *bytes > LAB_INPUT_BYTES_MAX ? "longer than an input may be (1 MiB)"
                                                      : "cannot be read");
        free(data);
        data = NULL;
    }
    (void)fclose(f);
    return data;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text);
    const size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

// A line of text holds a deviation at best in 12 bytes, a record in 6; a header may add some.
static bool make_list(struct lab_input *in, size_t bytes)
{
    in->max = (uint32_t)(bytes / LAB_INPUT_RECORD_BYTES + 1 + LAB_INPUT_DRAWN_MAX);
    in->list = calloc(in->max, sizeof(in->list[0]));
    return in->list != NULL;
}

static bool load(const char *path, enum lab_target target, const uint8_t *data, size_t bytes,
                 struct lab_input *in, char err[256])
{
    char inner[256];
    if (bytes >= FIRST_BYTES && memcmp(data, "SQLite format 3", FIRST_BYTES) == 0) {
        (void)snprintf(err, 256, "%.150s: a trace, not an input", path);
        return false;
    }
    const bool text = (bytes >= FIRST_BYTES && memcmp(data, "vringlab-input ", FIRST_BYTES) == 0) ||
                      ends_with(path, ".run");
    if (text) {
        if (lab_input_parse((const char *)data, bytes, in, inner)) {
            return true;
        }
        (void)snprintf(err, 256, "%.100s: %.150s", path, inner);
        return false;
    }
    if (target == LAB_TARGET_NONE) {
        (void)snprintf(err, 256,
                       "%.100s: no text input, so a fuzzer's bytes: say whose with "
                       "target=pair, device, driver or pci",
                       path);
        return false;
    }
    struct lab_scenario base;
    lab_target_scenario(target, &base);
    lab_input_decode(target, &base, 0, data, bytes, in);
    return true;
}

bool lab_input_load(const char *path, enum lab_target target, struct lab_input *in, char err[256])
{
    size_t bytes = 0;

    memset(in, 0, sizeof(*in));
    err[0] = '\0';
    errno = 0;
    uint8_t *data = read_file(path, &bytes, err);
    if (data == NULL) {
        return false;
    }
    bool ok = make_list(in, bytes);
    if (ok) {
        ok = load(path, target, data, bytes, in, err);
    } else {
        (void)snprintf(err, 256, "%.150s: no memory left", path);
    }
    free(data);
    if (!ok) {
        lab_input_free(in);
    }
    return ok;
}

void lab_input_free(struct lab_input *in)
{
    free(in->list);
    in->list = NULL;
    in->n = 0;
    in->max = 0;
}
