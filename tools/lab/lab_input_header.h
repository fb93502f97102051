// tools/lab/lab_input_header.h -- the header of an input's bytes, for lab_input.c alone.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_INPUT_HEADER_H
#define LAB_INPUT_HEADER_H

#include "tools/lab/lab_input.h"

// What a header of LAB_INPUT_HEADER_BYTES says for a target: *s is base with the keys that are not
// locked changed, and always a valid scenario.
void lab_header_decode(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                       const uint8_t *header, struct lab_scenario *s);

// Say as much of s as a header of zeros can be made to.
void lab_header_encode(enum lab_target target, const struct lab_scenario *s, uint8_t *header);

// True if got, as decoded, is the wanted scenario whole; else err names the first key that differs.
bool lab_header_says(enum lab_target target, const struct lab_scenario *wanted,
                     const struct lab_scenario *got, char err[256]);

#endif
