// fuzz/afl/empty.c -- a harness that does nothing: what AFL++ itself costs, to measure against.
// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0;
}
