// tools/lab/lab_input.h -- inputs: a scenario and a sparse list of deviations, as text or as bytes.
//
// Text (*.run):    vringlab-input 1
//                  key=value            scenario, one a line
//                  target=fuzz_pair     optional: which harness reads its bytes form
//                  finding=REFEREE:NAME optional: what the input must reach
//                  LANE AGENT KEY NTH VALUE   # its sentence
// Bytes:           a fixed header that decodes to scenario keys, then 6-byte records; every byte
//                  string is valid, and the empty one is the benign run. docs/INPUTS.md.
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_INPUT_H
#define LAB_INPUT_H

#include "model/core/vl_choice.h"
#include "tools/lab/lab_scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lab_target {
    LAB_TARGET_NONE,
    LAB_TARGET_PAIR,
    LAB_TARGET_DEVICE,
    LAB_TARGET_DRIVER,
    LAB_TARGET_PCI,
    LAB_TARGET_COUNT
};

struct lab_input {
    struct lab_scenario scenario;
    enum lab_target target;
    char finding[48];          // "" if the input names none
    struct vl_deviation *list; // canonical
    uint32_t n;
    uint32_t max; // capacity of list
};

#define LAB_INPUT_HEADER_BYTES 18u
#define LAB_INPUT_SEED_AT 12u // 4 bytes: more deviations are drawn from them, under tso and rc11
#define LAB_INPUT_RECORD_BYTES 6u
#define LAB_INPUT_BYTES_MAX (1u << 20)
#define LAB_INPUT_DRAWN_MAX 512u // deviations that a header can ask to be drawn

const char *lab_target_name(enum lab_target target); // "fuzz_pair", ...
enum lab_target lab_target_find(const char *name);   // with or without "fuzz_"; NONE if unknown

// The scenario that a target starts from, before its header and VRINGLAB_SCENARIO.
void lab_target_scenario(enum lab_target target, struct lab_scenario *s);

// The bit of a key in a locked mask, from "key" or "key=value"; 0 if there is no such key.
uint64_t lab_input_key_bit(const char *key_value);

// What bytes are decoded against: the target's scenario with the user's words ("KEY=VALUE",
// "@FILE") over it, and in *locked the keys that are the user's. False with err for words that
// cannot be.
bool lab_input_base(enum lab_target target, int n_words, char *const *words,
                    struct lab_scenario *base, uint64_t *locked, char err[256]);

// The whole scenario as words for a command line, without keys that are empty.
void lab_input_words(const struct lab_scenario *s, char out[LAB_TEXT_BYTES]);

// Decode a harness's bytes. base: the target's scenario with VRINGLAB_SCENARIO applied; the header
// changes only keys that base leaves at the target's own value (locked: bit per key set by the
// user). Never fails and allocates nothing: in->list must have room for
// bytes / 6 + LAB_INPUT_DRAWN_MAX deviations.
void lab_input_decode(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                      const uint8_t *data, size_t bytes, struct lab_input *in);

// Bytes taken apart to be edited: the header as it stands, the scenario that it says, and in->list
// the deviations of the records alone, canonical, without those that the header asks to be drawn.
// in->list must have room for bytes / 6 deviations. Never fails and allocates nothing.
void lab_input_split(enum lab_target target, const struct lab_scenario *base, uint64_t locked,
                     const uint8_t *data, size_t bytes, uint8_t header[LAB_INPUT_HEADER_BYTES],
                     struct lab_input *in);

// Put together again: the header, then as many of the n deviations as there is room for.
// out_bytes: LAB_INPUT_HEADER_BYTES at least. Returns the length.
size_t lab_input_join(const uint8_t header[LAB_INPUT_HEADER_BYTES], const struct vl_deviation *list,
                      uint32_t n, uint8_t *out, size_t out_bytes);

// Where a header says a key: bit of a byte, or that many bytes.
struct lab_header_key {
    const char *key;
    uint8_t byte;
    uint8_t bit;
    bool is_bit;
};

// Key i of the header of a target, in order; false behind the last one.
bool lab_input_header_key(enum lab_target target, uint32_t i, struct lab_header_key *key);

// Encode as bytes for target. Returns the length, 0 if the scenario cannot be said in its header
// (then err says which key). out_bytes of room.
size_t lab_input_encode(enum lab_target target, const struct lab_input *in, uint8_t *out,
                        size_t out_bytes, char err[256]);

// Read text from a buffer. Returns false with err ("line 7: ...").
bool lab_input_parse(const char *text, size_t bytes, struct lab_input *in, char err[256]);

// Write text with sentences. Returns false on a write error.
struct lab_input_sink {
    void *ctx;
    bool (*write)(void *ctx, const char *text, size_t bytes);
};
bool lab_input_print(const struct lab_input *in, const struct lab_input_sink *sink);

// One deviation as a sentence: "the driver is preempted at its 17th port call". memory: enum
// lab_memory, under which a store deviates.
void lab_deviation_sentence(uint32_t memory, const struct vl_deviation *d, char *out,
                            size_t out_bytes);

// Read a file of either form (by its first bytes). target is used for bytes.
// The list is allocated; lab_input_free() frees it.
bool lab_input_load(const char *path, enum lab_target target, struct lab_input *in, char err[256]);
void lab_input_free(struct lab_input *in);

#ifdef __cplusplus
}
#endif

#endif
