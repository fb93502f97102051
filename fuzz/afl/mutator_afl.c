// fuzz/afl/mutator_afl.c -- the mutator as a library for afl-fuzz (AFL_CUSTOM_MUTATOR_LIBRARY).
// AFL++ calls no LLVMFuzzerCustomMutator of its target, and this runs in another process than the
// harness: so it has a world of its own, and runs each queue entry once to learn where it goes. The
// halves there have no fault, whatever the harness's have: a wild store would be afl-fuzz's.
// Which target: the name of the program behind "--" on afl-fuzz's command line.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/common.h"
#include "fuzz/mutator.h"
#include "model/core/vl_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (1u << 20)
#define COMMAND_MAX 8192u

// afl-fuzz's interface; there is no header of it to include.
void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf,
                       uint8_t *add_buf, size_t add_buf_size, size_t max_size);
uint8_t afl_custom_queue_get(void *data, const uint8_t *filename);
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t buf_size);
size_t afl_custom_trim(void *data, uint8_t **out_buf);
int32_t afl_custom_post_trim(void *data, unsigned char success);

static struct {
    uint64_t rng;
    bool fresh; // the entry under mutation was not run yet
    uint8_t out[BYTES_MAX];
    // trimming: deviations at..at+chunk-1 are left out of kept
    uint8_t kept[BYTES_MAX];
    size_t kept_bytes;
    uint32_t at;
    uint32_t chunk;
    uint32_t steps;
} mutator;

// The target that afl-fuzz drives, by the program's name.
static enum lab_target find_target(void)
{
    static char command[COMMAND_MAX];
    enum lab_target found = LAB_TARGET_NONE;
    FILE *f = fopen("/proc/self/cmdline", "rb");

    if (f == NULL) {
        return found;
    }
    const size_t n = fread(command, 1, sizeof(command) - 1, f);
    (void)fclose(f);
    command[n] = '\0';
    for (size_t at = 0; at < n && found == LAB_TARGET_NONE; at += strlen(command + at) + 1) {
        const char *slash = strrchr(command + at, '/');
        found = lab_target_find(slash != NULL ? slash + 1 : command + at);
    }
    return found;
}

void *afl_custom_init(void *afl, unsigned int seed)
{
    const char *scenario = getenv("VRINGLAB_SCENARIO");
    const enum lab_target target = find_target();
    static char words[LAB_TEXT_BYTES];

    (void)afl;
    if (target == LAB_TARGET_NONE) {
        (void)fprintf(stderr, "vringlab_mutator: afl-fuzz drives none of our harnesses\n");
        return NULL;
    }
    (void)snprintf(words, sizeof(words), "%s fault=", scenario != NULL ? scenario : "");
    fuzz_open_scenario(target, words);
    mutator.rng = seed;
    mutator.fresh = true;
    return &mutator;
}

void afl_custom_deinit(void *data)
{
    (void)data;
}

uint8_t afl_custom_queue_get(void *data, const uint8_t *filename)
{
    (void)data;
    (void)filename;
    mutator.fresh = true;
    return 1;
}

size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf,
                       uint8_t *add_buf, size_t add_buf_size, size_t max_size)
{
    const size_t max = max_size < BYTES_MAX ? max_size : BYTES_MAX;
    const uint64_t seed = vl_mix64(&mutator.rng);

    (void)data;
    if (mutator.fresh) {
        (void)fuzz_run(buf, buf_size);
        mutator_learn(fuzz_choices());
        mutator.fresh = false;
    }
    *out_buf = mutator.out;
    if (max < LAB_INPUT_HEADER_BYTES) {
        return 0;
    }
    if (add_buf != NULL && add_buf_size > 0 && seed % 8 == 0) {
        return mutator_cross(buf, buf_size, add_buf, add_buf_size, mutator.out, max, seed);
    }
    const size_t size = buf_size < max ? buf_size : max;
    memcpy(mutator.out, buf, size);
    return mutator_mutate(mutator.out, size, max, seed);
}

// ---- trimming: fewer deviations, halves first ---------------------------------------------------

// How many candidates there may be: halves, quarters, ..., single ones, some of them once more.
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t buf_size)
{
    (void)data;
    if (buf_size > sizeof(mutator.kept)) {
        return 0;
    }
    memcpy(mutator.kept, buf, buf_size);
    mutator.kept_bytes = buf_size;
    const uint32_t n = mutator_count(buf, buf_size);
    mutator.at = 0;
    mutator.chunk = n / 2;
    mutator.steps = 0;
    return n > 1 ? (int32_t)(4 * n) : 0;
}

size_t afl_custom_trim(void *data, uint8_t **out_buf)
{
    (void)data;
    *out_buf = mutator.out;
    return mutator_without(mutator.kept, mutator.kept_bytes, mutator.at, mutator.chunk, mutator.out,
                           sizeof(mutator.out));
}

// On to the next candidate. A number not below that of init_trim() ends the trimming.
int32_t afl_custom_post_trim(void *data, unsigned char success)
{
    (void)data;
    if (success != 0) {
        mutator.kept_bytes = mutator_without(mutator.kept, mutator.kept_bytes, mutator.at,
                                             mutator.chunk, mutator.kept, sizeof(mutator.kept));
    } else {
        mutator.at += mutator.chunk;
    }
    const uint32_t n = mutator_count(mutator.kept, mutator.kept_bytes);
    mutator.steps++;
    if (mutator.at >= n) {
        mutator.at = 0;
        mutator.chunk /= 2;
    }
    return mutator.chunk == 0 || n == 0 ? INT32_MAX : (int32_t)mutator.steps;
}
