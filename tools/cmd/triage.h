// tools/cmd/triage.h -- the parts of `vringlab triage`: files, buckets, the report.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef TRIAGE_H
#define TRIAGE_H

#include "tools/cmd/cmd_probe.h"
#include "tools/lab/lab_input.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRIAGE_PATH_BYTES 1024u
#define TRIAGE_ERR_BYTES 512u
#define TRIAGE_FILES_MAX 65536u
#define TRIAGE_BUCKETS_MAX 1024u
#define TRIAGE_WATCHDOG_S 5u // seconds without an event: it hangs

// What bytes are decoded against, as VRINGLAB_SCENARIO is for a harness.
struct triage_base {
    enum lab_target target; // NONE: told by names in the path of each file
    int n_words;
    char *const *words;
};

// A file of the directory that looks like an input.
struct triage_file {
    char path[TRIAGE_PATH_BYTES];
    int bucket;                 // -1: it cannot be read or run
    uint32_t n;                 // deviations
    char err[TRIAGE_ERR_BYTES]; // why it cannot be read or run
};

struct triage_files {
    struct triage_file *file; // by path
    uint32_t n;
    uint32_t n_skipped; // others
};

// Collect the inputs of a directory and those below it: crash-*, timeout-*, oom-*, leak-*,
// slow-unit-*, id:*, *.run, *.db. without: a directory that is left out, or NULL. False with err
// (TRIAGE_ERR_BYTES). Ends with triage_files_close() in both cases.
bool triage_files_open(struct triage_files *f, const char *dir, const char *without, char *err);
void triage_files_close(struct triage_files *f);

// Load a file of any form. *outside: what a trace's run read from its file, or NULL; it ends with
// cmd_outside_close(). False with err (TRIAGE_ERR_BYTES).
struct cmd_outside;
bool triage_load(const struct triage_file *file, const struct triage_base *base,
                 struct lab_input *in, struct cmd_outside **outside, char *err);

// What a finding is known by, from one run to the next. No address, no number, no stack.
struct triage_key {
    char kind[48];   // "REFEREE:NAME"; "-" if the run came to nothing
    char clause[24]; // ID, or "-"
    char side[12];   // whom the referee blames, or "-"
    char field[32];  // of the event that shows it: "used.idx", "note complete", "sleep"
    char line[200];  // "FILE:LINE FUNCTION()" of the blamed side's last access up to there, or "-"
};

struct triage_bucket {
    struct triage_key key;
    struct vl_verdict verdict; // of the first input
    uint32_t n_files;
    uint32_t smallest; // the file with the fewest deviations
    // After shrinking
    bool shrunk;
    bool minimal;
    uint32_t n_left;
    char out[TRIAGE_PATH_BYTES]; // the shrunk input, or ""
    char why[TRIAGE_ERR_BYTES];  // not shrunk: why
};

// The key of the run that the probe has just made.
void triage_key(const struct cmd_probe *p, const struct vl_verdict *v, struct triage_key *key);
bool triage_key_same(const struct triage_key *a, const struct triage_key *b);

// True if the runs of the bucket came to a finding.
bool triage_has_finding(const struct triage_bucket *b);

struct triage {
    const char *dir;
    struct triage_files files;
    struct triage_bucket bucket[TRIAGE_BUCKETS_MAX];
    uint32_t n_buckets;
    uint32_t n_clean;      // files that come to nothing
    uint32_t n_unreadable; // files
};

// The report, for people and for programs.
void triage_report_md(FILE *out, const struct triage *t);
void triage_report_json(FILE *out, const struct triage *t);

#endif
