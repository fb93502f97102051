// fuzz/fuzz_pair.c -- both halves are honest: negotiation, geometry, workload, schedule,
// notification timing.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"

// NOLINTNEXTLINE(readability-non-const-parameter): the engines fix this signature
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return fuzz_open(LAB_TARGET_PAIR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(data, size);
}
