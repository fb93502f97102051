// fuzz/afl/rotate_afl.c -- a library for afl-fuzz (AFL_CUSTOM_MUTATOR_LIBRARY) that mutates
// nothing: the files of the directory VRINGLAB_ROTATE come in turn. So afl-fuzz runs a corpus over
// and over, and what an execution costs can be compared with the same inputs run without it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // scandir()
#endif
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUTS_MAX 4096u
#define BYTES_MAX 65536u

// afl-fuzz's interface; there is no header of it to include.
void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf,
                       uint8_t *add_buf, size_t add_buf_size, size_t max_size);

static struct {
    uint8_t *data[INPUTS_MAX];
    size_t bytes[INPUTS_MAX];
    uint32_t n;
    uint32_t at;
} inputs;

static void add_file(const char *path)
{
    uint8_t *data = malloc(BYTES_MAX);
    FILE *f = fopen(path, "rb");
    const size_t n = f != NULL && data != NULL ? fread(data, 1, BYTES_MAX, f) : 0;

    if (f != NULL) {
        (void)fclose(f);
    }
    if (n == 0 || inputs.n == INPUTS_MAX) {
        free(data);
        return;
    }
    inputs.data[inputs.n] = data;
    inputs.bytes[inputs.n++] = n;
}

void *afl_custom_init(void *afl, unsigned int seed)
{
    const char *dir = getenv("VRINGLAB_ROTATE");
    struct dirent **entries = NULL;
    const int n = dir != NULL ? scandir(dir, &entries, NULL, alphasort) : 0;

    (void)afl;
    (void)seed;
    for (int i = 0; i < n; i++) {
        char path[4096];
        const int length = snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && (size_t)length < sizeof(path)) {
            add_file(path);
        }
        free(entries[i]);
    }
    free(entries);
    if (inputs.n == 0) {
        (void)fprintf(stderr, "vringlab_rotate: no input in VRINGLAB_ROTATE\n");
        return NULL;
    }
    return &inputs;
}

void afl_custom_deinit(void *data)
{
    (void)data;
    for (uint32_t i = 0; i < inputs.n; i++) { // bound: INPUTS_MAX
        free(inputs.data[i]);
    }
    inputs.n = 0;
}

// NOLINTNEXTLINE(readability-non-const-parameter): afl-fuzz fixes this signature
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf,
                       uint8_t *add_buf, size_t add_buf_size, size_t max_size)
{
    const uint32_t i = inputs.at;

    (void)data;
    (void)buf;
    (void)buf_size;
    (void)add_buf;
    (void)add_buf_size;
    inputs.at = (i + 1) % inputs.n;
    *out_buf = inputs.data[i];
    return inputs.bytes[i] < max_size ? inputs.bytes[i] : max_size;
}
