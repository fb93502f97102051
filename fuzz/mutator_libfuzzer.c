// fuzz/mutator_libfuzzer.c -- the mutator as libFuzzer (and what speaks its interface) calls it.
// VRINGLAB_MUTATOR=bytes leaves mutation to the engine, to measure what ours is worth; =none
// changes nothing, so that an engine runs a corpus over and over, to measure what a run costs.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"
#include "fuzz/mutator.h"

#include <stdlib.h>
#include <string.h>

// One mutation in this many is the engine's own: it knows what the halves compare with what, and
// a mutator that never asks it was measured to be worse than none on chains of magic numbers.
#define ENGINE_ONE_IN 8u
#define CROSS_ONLY_ONE_IN 4u

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_out_size,
                                 unsigned int seed);

// The engine's. Weak: a build that only replays files has none.
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum mode { MODE_UNKNOWN, MODE_OURS, MODE_BYTES, MODE_NONE };

static enum mode mode(void)
{
    static enum mode known = MODE_UNKNOWN;
    if (known == MODE_UNKNOWN) {
        const char *word = getenv("VRINGLAB_MUTATOR");
        known = word == NULL                 ? MODE_OURS
                : strcmp(word, "bytes") == 0 ? MODE_BYTES
                : strcmp(word, "none") == 0  ? MODE_NONE
                                             : MODE_OURS;
    }
    return known;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    if (mode() == MODE_NONE) {
        return size;
    }
    const bool engine = mode() == MODE_BYTES || max_size < LAB_INPUT_HEADER_BYTES;
    if (LLVMFuzzerMutate != NULL && (engine || seed % ENGINE_ONE_IN == 0)) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    if (engine) {
        return size;
    }
    mutator_learn(fuzz_choices());
    return mutator_mutate(data, size, max_size, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_out_size, unsigned int seed)
{
    if (mode() != MODE_OURS || max_out_size < LAB_INPUT_HEADER_BYTES) {
        return 0; // libFuzzer takes another mutation
    }
    const size_t n = mutator_cross(data1, size1, data2, size2, out, max_out_size, seed);
    // Every other mutation is a cross: one that says nothing of its own is a run with little new.
    return seed % CROSS_ONLY_ONE_IN == 0 ? n
                                         : mutator_mutate(out, n, max_out_size, ~(uint64_t)seed);
}
