// fuzz/vringlab_fuzz.h -- a fuzzing harness for a half of your own.
//
//   int LLVMFuzzerInitialize(int *argc, char ***argv)
//   {
//       static const struct vringlab_fuzz harness = {
//           .name = "fuzz_uart_ring", .player = &my_device, .hostile_peer = true,
//           .scenario = "transport=direct event_idx=off"};
//       return vringlab_fuzz_open(&harness);
//   }
//   int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
//   {
//       return vringlab_fuzz_one(data, size);
//   }
//
// linked with libvringlab_fuzz.a, libvringlab.a and an engine. Without an engine, main() calls
// LLVMFuzzerInitialize() and vringlab_fuzz_main(), and the program replays files. Bytes of inputs:
// docs/INPUTS.md, target fuzz_pair, fuzz_device or fuzz_driver. One harness a process.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VRINGLAB_FUZZ_H
#define VRINGLAB_FUZZ_H

#include "tools/lab/lab_input.h"
#include "tools/lab/lab_player.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vringlab_fuzz {
    const char *name;                // of the program, for messages and the line "replay:"
    const struct lab_player *player; // your half; it must outlive the process' runs
    bool hostile_peer;               // our other half lies (fuzz_device, fuzz_driver); else it is
                                     // honest, and memory models are fuzzed as well (fuzz_pair)
    const char *scenario; // "KEY=VALUE ...", in force for each input: what your half cannot do
                          // (`vringlab scenarios` lists the keys); NULL: none
    // vringlab_record (tools/plug/plug_record.h, libvringlab_trace.a) for `--trace`; NULL: none
    bool (*record)(const struct lab_input *input, const char *trace_path, char err[256]);
};

// Register the player and open its world, with harness->scenario and then what the environment's
// VRINGLAB_SCENARIO says over it. For LLVMFuzzerInitialize().
// Returns 0. What cannot be (an unknown key, a player that lacks a function) is said on stderr and
// ends the process with exit code 3.
int vringlab_fuzz_open(const struct vringlab_fuzz *harness);

// Run one input; all bytes are valid. A finding is said on stderr, with the command that replays
// it, and aborts. For LLVMFuzzerTestOneInput(). Returns 0.
int vringlab_fuzz_one(const uint8_t *data, size_t size);

// What main() does without an engine, after vringlab_fuzz_open():
//   PROGRAM FILE|DIRECTORY...        replay inputs, bytes or text
//   PROGRAM --trace OUT.db FILE      replay one and record it
// Returns an exit code: 0; 1 if an input could not be read, or names a finding that it does not
// reach, or could not be recorded; 2 for wrong usage. A finding that is not expected aborts, but a
// recorded one is in the trace, and the exit code 1.
int vringlab_fuzz_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
