// fuzz/naive/naive.h -- the naive baseline: bytes laid over rings and registers, sanitizers only.
// What fuzzers of virtio do today, so that there is something to compare with: the native build of
// a half runs on memory that bytes were copied over. Nothing here knows what a ring means; a
// finding is a sanitizer's report, a failed assert, or a hang. docs/adr/0017 says why this is fair.
//
//   naive_device  descriptor table, available ring and buffers are bytes; the device half serves
//   naive_driver  the driver half submits; used ring and event words are bytes; it reaps
//   naive_pci     bytes as accesses to the device's registers, or as a device's registers
//
// A case is a function of its bytes alone. Bytes that are missing are zeros.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NAIVE_H
#define NAIVE_H

#include <stddef.h>
#include <stdint.h>

// One half behind the cases that a harness runs: ours, or a faulty copy of it (naive-players/).
#define NAIVE_ABI 1u
struct naive_player {
    uint32_t abi;
    const char *side;                                    // "driver", "device"
    void (*rings)(const uint8_t *data, size_t size);     // bytes over the rings
    void (*registers)(const uint8_t *data, size_t size); // bytes as register accesses or replies
};

// What a loadable player shows. Ours are part of the harness under names of their own.
__attribute__((visibility("default"))) const struct naive_player *naive_player_entry(void);
const struct naive_player *naive_player_driver_entry(void);
const struct naive_player *naive_player_device_entry(void);

// What every engine calls. Each harness defines both.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Choose the two halves: ours, with the one in its place that VRINGLAB_NAIVE_FAULT names. A fault
// that no native half has (barrier:, mischief:, clause:) leaves both as they are, and is said on
// stderr; one that was not built ends the process. Returns 0.
int naive_open(void);

const struct naive_player *naive_driver(void);
const struct naive_player *naive_device(void);

#endif
