// fuzz/standalone_main.c -- replays files without an engine.
//   fuzz_TARGET FILE|DIRECTORY...     text inputs (*.run) and bytes; of a directory, all its files
//   fuzz_TARGET --bytes OUT FILE|DIRECTORY...
//                                     runs none: writes each as the bytes that an engine's corpus
//                                     holds, into files of the directory OUT
// VRINGLAB_MARKS=1 prints the marks that were reached; VRINGLAB_MARKS=check also fails if one that
// the target demands was not.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"

int main(int argc, char **argv)
{
    if (argc >= 2) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    return fuzz_replay(argc, argv);
}
