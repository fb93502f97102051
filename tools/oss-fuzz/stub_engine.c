// tools/oss-fuzz/stub_engine.c -- the least that a fuzzing engine is: an archive with a main() that
// calls a harness, and with the coverage callbacks. Stands for engines that no package brings.
//   TARGET FILE|DIRECTORY...     runs each file's bytes; ends with "stub engine: N inputs, N edges"
// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop);
void __sanitizer_cov_trace_pc_guard(uint32_t *guard);
void __sanitizer_cov_trace_pc_indir(uintptr_t callee);
void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b);
void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b);
void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b);
void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b);
void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b);
void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b);
void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases);

static uint32_t n_edges;
static uint64_t n_inputs;
static uint64_t n_compares;

// An edge counts once: its guard is cleared.
void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop)
{
    for (uint32_t *guard = start; guard < stop; guard++) {
        *guard = 1;
    }
}

void __sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
    n_edges += *guard;
    *guard = 0;
}

void __sanitizer_cov_trace_pc_indir(uintptr_t callee)
{
    n_compares += callee != 0;
}

#define COMPARE(name, type)                                                                        \
    void __sanitizer_cov_trace_##name(type a, type b)                                              \
    {                                                                                              \
        n_compares += a == b;                                                                      \
    }
COMPARE(cmp1, uint8_t)
COMPARE(cmp2, uint16_t)
COMPARE(cmp4, uint32_t)
COMPARE(cmp8, uint64_t)
COMPARE(const_cmp1, uint8_t)
COMPARE(const_cmp2, uint16_t)
COMPARE(const_cmp4, uint32_t)
COMPARE(const_cmp8, uint64_t)

void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases)
{
    n_compares += value == cases[0];
}

// Engines offer their own mutation to a harness that has a mutator.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data;
    return size < max_size ? size : max_size;
}

static void run_file(const char *path)
{
    uint8_t *data = malloc(INPUT_MAX);
    FILE *f = fopen(path, "rb");

    if (f == NULL || data == NULL) {
        (void)fprintf(stderr, "stub engine: cannot read %s\n", path);
        exit(1);
    }
    const size_t n = fread(data, 1, INPUT_MAX, f);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, n);
    free(data);
    n_inputs++;
}

static void run_directory(const char *dir)
{
    struct dirent **entries = NULL;
    const int n = scandir(dir, &entries, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            run_file(path);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    struct stat st;

    if (LLVMFuzzerInitialize != NULL) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            run_directory(argv[i]);
        } else {
            run_file(argv[i]);
        }
    }
    (void)printf("stub engine: %" PRIu64 " inputs, %" PRIu32 " edges\n", n_inputs, n_edges);
    return n_compares == UINT64_MAX ? 1 : 0;
}
