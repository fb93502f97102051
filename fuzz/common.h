// fuzz/common.h -- what the harnesses share: bytes to a run, a finding to a message and abort().
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FUZZ_COMMON_H
#define FUZZ_COMMON_H

#include "tools/lab/lab_input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What every engine calls. Each harness defines both.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A harness for a half that is not ours: fuzz/vringlab_fuzz.h.
struct fuzz_setup {
    enum lab_target target;
    const char *name;  // of the harness
    const char *words; // "KEY=VALUE ...", ahead of those of VRINGLAB_SCENARIO
};

// As fuzz_open(), with a name and keys of its own. setup is copied, its texts are not.
int fuzz_open_as(const struct fuzz_setup *setup);

// Open the target's world, with the keys that VRINGLAB_SCENARIO sets ("KEY=VALUE ..." or "@FILE").
// A scenario that cannot be is said on stderr and ends the process. Returns 0.
int fuzz_open(enum lab_target target);

// The same with these words in place of the variable's.
void fuzz_open_scenario(enum lab_target target, const char *words);

// Run one input of any bytes and return its verdict, valid until the next run.
const struct vl_verdict *fuzz_run(const uint8_t *data, size_t size);

// Run one input, which lab_input_encode() can say for the target; as fuzz_run().
const struct vl_verdict *fuzz_run_input(const struct lab_input *in);

// Run one input of any bytes. A finding is said on stderr and aborts. Returns 0.
int fuzz_one(const uint8_t *data, size_t size);

// Run the input in a file: text or bytes. An input that names its finding must reach it and no
// other; from any other input a finding aborts, as in fuzz_one().
// Returns false if the file cannot be read or its finding is not reached; it says so on stderr.
bool fuzz_file(const char *path);

// The choice points of the last run, counted. Never NULL after fuzz_open().
const struct vl_choices *fuzz_choices(void);

// Read the input in a file, text or bytes, as fuzz_file() runs it. Returns false with a line in
// err. lab_input_free() frees it.
bool fuzz_load(const char *path, struct lab_input *in, char err[256]);

// Write the input in a file, of either form, as bytes into the file to. An input that bytes cannot
// say is left out, which is said on stderr.
// Returns false if the file cannot be read or its bytes cannot be written; it says so on stderr.
bool fuzz_file_to_bytes(const char *path, const char *to);

// Replay files without an engine, and all files of directories, in order of their names; after
// --bytes OUT write them into the directory OUT instead, by fuzz_file_to_bytes().
//   argc, argv  as of main()
// VRINGLAB_MARKS=1 prints the marks that were reached; VRINGLAB_MARKS=check also fails if one that
// the target demands was not.
// Returns an exit code: 0, 1 if an input could not be read or names a finding that it does not
// reach, 2 for no file. Any other finding aborts.
int fuzz_replay(int argc, char **argv);

// Of the last run: the marks that it reached (bits, enum vl_mark), and how many port calls it made.
uint64_t fuzz_last_marks(void);
uint64_t fuzz_last_calls(void);

// Marks that all runs so far reached (bits, enum vl_mark), and those that the target's checked-in
// corpus must reach.
uint64_t fuzz_marks(void);
uint64_t fuzz_marks_demanded(void);

#endif
