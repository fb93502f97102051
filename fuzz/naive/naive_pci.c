// fuzz/naive/naive_pci.c -- bytes as accesses to a device's registers, or as those registers.
// The first byte says which: even, the device half answers accesses; odd, the driver half meets
// registers that bytes were laid over.
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
    const struct naive_player *half =
        size > 0 && data[0] % 2 == 1 ? naive_driver() : naive_device();

    half->registers(data + (size > 0 ? 1 : 0), size > 0 ? size - 1 : 0);
    return 0;
}
