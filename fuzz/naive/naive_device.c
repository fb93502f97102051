// fuzz/naive/naive_device.c -- bytes over descriptor table, available ring and buffers; the device
// serves.
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
    naive_device()->rings(data, size);
    return 0;
}
