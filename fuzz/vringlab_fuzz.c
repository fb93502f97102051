// fuzz/vringlab_fuzz.c -- a fuzzing harness for a half that is not ours.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/vringlab_fuzz.h"

#include "fuzz/common.h"
#include "tools/lab/lab_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// An engine asks for these if they are there, which brings nothing out of an archive.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
__attribute__((used)) static size_t (*const mutator)(uint8_t *, size_t, size_t,
                                                     unsigned int) = LLVMFuzzerCustomMutator;

static struct vringlab_fuzz own;
static char words[LAB_TEXT_BYTES];

static void give_up(const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", own.name, why);
    exit(3);
}

int vringlab_fuzz_open(const struct vringlab_fuzz *harness)
{
    own = *harness;
    const bool driver = own.player->side == LAB_SIDE_DRIVER;
    if (!lab_player_register(own.player)) {
        give_up("the player lacks a function, or its name is taken");
    }
    const int n = snprintf(words, sizeof(words), "%s=%s %s", driver ? "driver" : "player",
                           own.player->name, own.scenario != NULL ? own.scenario : "");
    if (n < 0 || (size_t)n >= sizeof(words)) {
        give_up("the scenario is too long");
    }
    const struct fuzz_setup setup = {.target = !own.hostile_peer ? LAB_TARGET_PAIR
                                               : driver          ? LAB_TARGET_DRIVER
                                                                 : LAB_TARGET_DEVICE,
                                     .name = own.name,
                                     .words = words};
    return fuzz_open_as(&setup);
}

int vringlab_fuzz_one(const uint8_t *data, size_t size)
{
    return fuzz_one(data, size);
}

static int record(const char *trace_path, const char *path)
{
    struct lab_input in;
    char err[256] = "";

    if (own.record == NULL) {
        (void)fprintf(stderr, "%s: built without libvringlab_trace: it cannot record\n", own.name);
        return 2;
    }
    if (!fuzz_load(path, &in, err)) {
        (void)fprintf(stderr, "%s: %s\n", own.name, err);
        return 1;
    }
    const bool clean = own.record(&in, trace_path, err);
    lab_input_free(&in);
    if (!clean) {
        (void)fprintf(stderr, "%s: %s\n", own.name, err);
    }
    return clean ? 0 : 1;
}

int vringlab_fuzz_main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--trace") == 0) {
        if (argc != 4) {
            (void)fprintf(stderr, "usage: %s --trace OUT.db FILE\n", argv[0]);
            return 2;
        }
        return record(argv[2], argv[3]);
    }
    return fuzz_replay(argc, argv);
}
