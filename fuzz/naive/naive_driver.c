// fuzz/naive/naive_driver.c -- bytes over used ring and event words; the driver reaps.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/naive/naive.h"

// NOLINTNEXTLINE(readability-non-const-parameter): the engines fix this signature
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return naive_open();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    naive_driver()->rings(data, size);
    return 0;
}
