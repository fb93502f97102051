// fuzz/mutator.h -- mutations of an input as what it is: a scenario and a list of deviations.
// An engine's own mutations know bytes; most of what they write names a choice that no run comes
// to. This one adds, drops, moves and changes deviations at addresses that runs do come to, which
// it learns from the runs that are made. docs/adr/0020-mutator-and-feedback.md has what it is
// worth.
//
// The same code serves libFuzzer (fuzz/mutator_libfuzzer.c) and AFL++ (fuzz/afl/mutator_afl.c).
// Everything follows from the seed, the input and the runs so far: no clock, no other randomness.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FUZZ_MUTATOR_H
#define FUZZ_MUTATOR_H

#include "tools/lab/lab_input.h"

#include <stddef.h>
#include <stdint.h>

// Inputs are of this target, and decoded against base and locked (lab_input_base()).
void mutator_open(enum lab_target target, const struct lab_scenario *base, uint64_t locked);

// Learn how often a run came to each choice point.
void mutator_learn(const struct vl_choices *choices);

// Change the input in data, of size bytes, in place; at most max_size bytes, and max_size is not
// less than LAB_INPUT_HEADER_BYTES. Returns the new size.
size_t mutator_mutate(uint8_t *data, size_t size, size_t max_size, uint64_t seed);

// Make an input out of two: the header of one, lane by lane the deviations of either, or of one up
// to some occurrence and of the other behind it. out has room for max_size bytes, not less than
// LAB_INPUT_HEADER_BYTES. Returns the size.
size_t mutator_cross(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes,
                     uint8_t *out, size_t max_size, uint64_t seed);

// For a trimmer: the input without its deviations from..from+n-1, in out. Returns the size.
size_t mutator_without(const uint8_t *data, size_t size, uint32_t from, uint32_t n, uint8_t *out,
                       size_t max_size);

// Deviations that an input says.
uint32_t mutator_count(const uint8_t *data, size_t size);

#endif
