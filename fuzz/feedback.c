// fuzz/feedback.c -- marks and abstract states as coverage, by the engines' own means.
// libFuzzer reads counters in a section of its own, and clears them before each run. Other engines
// know edges only: for them each state is a block of code, which is measured as any other.
// Marks always count. States do only with VRINGLAB_FEEDBACK=counters, =edges or =on (both): no bug
// was found sooner by them (docs/adr/0020-mutator-and-feedback.md).
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/feedback.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(VL_STATE_COUNT == 384, "blocks() has a block for each state");

__attribute__((section("__libfuzzer_extra_counters"),
               used)) static volatile uint8_t counters[64 + VL_STATE_COUNT];

// The number in the assembly, empty as it is, keeps the compiler from making one block of all.
#define BLOCK(n)                                                                                   \
    case (n):                                                                                      \
        __asm__ volatile("" : : "i"(n));                                                           \
        break;
#define BLOCKS_4(n) BLOCK(n) BLOCK((n) + 1) BLOCK((n) + 2) BLOCK((n) + 3)
#define BLOCKS_16(n) BLOCKS_4(n) BLOCKS_4((n) + 4) BLOCKS_4((n) + 8) BLOCKS_4((n) + 12)
#define BLOCKS_64(n) BLOCKS_16(n) BLOCKS_16((n) + 16) BLOCKS_16((n) + 32) BLOCKS_16((n) + 48)

// NOLINTNEXTLINE(readability-function-size): a block for each state is what it is for
__attribute__((noinline)) static void blocks(uint32_t state)
{
    switch (state) {
        BLOCKS_64(0)
        BLOCKS_64(64)
        BLOCKS_64(128)
        BLOCKS_64(192)
        BLOCKS_64(256)
        BLOCKS_64(320)
    default: break;
    }
}

struct means {
    bool known;
    bool counters; // of states
    bool edges;
};

static struct means read_means(void)
{
    const char *word = getenv("VRINGLAB_FEEDBACK");
    const bool all = word != NULL && strcmp(word, "on") == 0;
    return (struct means){.known = true,
                          .counters = all || (word != NULL && strcmp(word, "counters") == 0),
                          .edges = all || (word != NULL && strcmp(word, "edges") == 0)};
}

void fuzz_feedback(uint64_t marks, const struct vl_states *states)
{
    static struct means means;

    if (!means.known) {
        means = read_means();
    }
    for (uint64_t left = marks; left != 0; left &= left - 1) { // bound: 64
        counters[__builtin_ctzll(left)] = 1;
    }
    if (states == NULL || (!means.counters && !means.edges)) {
        return;
    }
    for (uint32_t word = 0; word < VL_STATE_COUNT / 64; word++) {
        for (uint64_t left = states->bit[word]; left != 0; left &= left - 1) { // bound: 64
            const uint32_t state = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (means.counters) {
                counters[64 + state] = 1;
            }
            if (means.edges) {
                blocks(state);
            }
        }
    }
}
