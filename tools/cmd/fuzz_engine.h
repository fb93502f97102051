// tools/cmd/fuzz_engine.h -- fuzzing engines as child processes: start, watch, stop.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef FUZZ_ENGINE_H
#define FUZZ_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define FUZZ_PATH_BYTES 4096u
#define FUZZ_JOBS_MAX 64u

// FUZZ_BOTH: jobs take turns, the first is AFL++'s main instance; each engine gets what the other
// finds while they run.
enum fuzz_engine_kind { FUZZ_LIBFUZZER, FUZZ_AFL, FUZZ_BOTH };

struct fuzz_engine {
    enum fuzz_engine_kind kind;
    const char *harness[2]; // paths of the executables that the kind needs, by engine
    const char *mutator;    // a library for AFL++; NULL: its own mutations
    const char *dir;        // of the session: seeds/ is there, the rest is made here
    uint64_t seconds;
    uint32_t n_jobs;
    // afterwards
    pid_t pid[FUZZ_JOBS_MAX];
    uint32_t n_running;
    time_t last_shared;
    uint32_t n_shared[FUZZ_JOBS_MAX]; // of AFL++'s queue entries libFuzzer has these
    char failed[FUZZ_PATH_BYTES];     // log of a job that ended by itself without an artifact
};

// How far the jobs are, together.
struct fuzz_progress {
    uint64_t execs;
    uint64_t per_second;
    uint64_t corpus;
};

// Start all jobs. Returns false with err if a process cannot be started.
bool fuzz_engine_start(struct fuzz_engine *engine, char err[256]);

// Look after the jobs: true while at least one is running.
bool fuzz_engine_poll(struct fuzz_engine *engine);

// The first artifact (an input that crashed or hung), if there is one.
bool fuzz_engine_artifact(const struct fuzz_engine *engine, char path[FUZZ_PATH_BYTES]);

void fuzz_engine_progress(const struct fuzz_engine *engine, struct fuzz_progress *progress);

// The log of a job, or of the first one that ended badly, for people. path: FUZZ_PATH_BYTES.
void fuzz_engine_log(const struct fuzz_engine *engine, uint32_t job, char path[FUZZ_PATH_BYTES]);

// Stop what still runs, and wait for it.
void fuzz_engine_stop(struct fuzz_engine *engine);

#endif
