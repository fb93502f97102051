// tools/cmd/bench_bugs.h -- how long fuzzers take to find bugs: trials, where they are kept,
// report. A trial is a real harness process from an empty corpus, until its first finding or its
// cap. What came of it is a row in a file, so that a measurement that was stopped goes on.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef BENCH_BUGS_H
#define BENCH_BUGS_H

#include "tools/cmd/survival.h"
#include "tools/lab/lab_input.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BUGS_MAX 512u
#define BUGS_TRIALS_MAX 32u // of one bug with one configuration; SURVIVAL_MAX at most
#define BUGS_PATH_BYTES 4096u
#define BUGS_KIND_BYTES 64u
#define BUGS_ERR_BYTES 512u
#define BUGS_JOBS_MAX 16u

// What fuzzes. X(id, name, colour, text)
#define BUGS_CONFIGS(X)                                                                            \
    X(OURS, "ours", "#0072b2", "our harness, our mutator")                                         \
    X(BYTES, "bytes", "#e69f00", "our harness, the engine's byte mutations only")                  \
    X(STATES, "states", "#009e73", "our harness and mutator, ring states as coverage")             \
    X(NAIVE, "naive", "#cc3311", "bytes laid over rings and registers, sanitizers only")

#define BUGS_CONFIG_ENUM_(id, name, colour, text) BUGS_##id,
enum bugs_config { BUGS_CONFIGS(BUGS_CONFIG_ENUM_) BUGS_CONFIG_COUNT };
#undef BUGS_CONFIG_ENUM_

struct bugs_config_info {
    const char *name;
    const char *colour;
    const char *text;
};
extern const struct bugs_config_info bugs_configs[BUGS_CONFIG_COUNT];

struct bugs_trial {
    uint64_t id; // names everything that the outcome depends on
    bool done;
    bool found;
    uint64_t execs;
    double cpu_s;
    char kind[BUGS_KIND_BYTES]; // of the finding
};

struct bugs_entry {
    char name[LAB_NAME_BYTES];
    char class[32]; // "control": no fault
    char side[16];
    enum lab_target target;
    char words[512];               // keys that are fixed, the fault among them
    char finding[BUGS_KIND_BYTES]; // what it is known to end in; "": a control
    const char *naive;             // harness of the baseline
    char native[LAB_NAME_BYTES];   // faulty half of the baseline; "": its unpatched halves run
    struct bugs_trial trial[BUGS_CONFIG_COUNT][BUGS_TRIALS_MAX];
};

struct bugs {
    struct bugs_entry *entry;
    uint32_t n;
    uint32_t n_trials; // of each entry with each configuration
    bool wanted[BUGS_CONFIG_COUNT];
    uint64_t cap[BUGS_CONFIG_COUNT]; // executions
    uint64_t trial_s;                // CPU time: a trial ends then, censored
    uint64_t tier;
    uint64_t minutes;
    uint32_t n_jobs;
    char harness_dir[BUGS_PATH_BYTES]; // build/fuzz
    char state[BUGS_PATH_BYTES];       // file of outcomes
    double elapsed_s;                  // of this session
    uint32_t n_left;                   // trials that it had no time for
};

// ---- the list (bench_bugs_list.c) -------------------------------------------------------------

// Fill in b->entry, which has room for BUGS_MAX: a control for each target, then the zoo's modelled
// entries, or those of corpus/faults if faults asks for them or there is no zoo. Only entries whose
// name matches the extended regular expression only (NULL: all; controls are always there).
// Returns false with err.
bool bugs_list(struct bugs *b, bool faults, const char *only, char err[BUGS_ERR_BYTES]);

// ---- outcomes (bench_bugs_state.c) ------------------------------------------------------------

// Give each trial its id, from the bytes of its programs and everything else that it depends on.
// Returns false with err if a program cannot be read.
bool bugs_identify(struct bugs *b, char err[BUGS_ERR_BYTES]);

// Read what is known of these trials; a last line that was torn is dropped. A file that is not
// there is fine. Returns false with err.
bool bugs_load(struct bugs *b, char err[BUGS_ERR_BYTES]);

// Take a trial's outcome over to all trials of the same id, and append it to the file, flushed.
// Returns false with err.
bool bugs_keep(struct bugs *b, const struct bugs_entry *e, enum bugs_config config, uint32_t trial,
               const struct bugs_trial *outcome, char err[BUGS_ERR_BYTES]);

// ---- one trial (bench_bugs_trial.c) -----------------------------------------------------------

struct bugs_job {
    pid_t pid;  // 0: free
    bool ended; // told to end
    struct bugs_entry *entry;
    enum bugs_config config;
    uint32_t trial; // the seed is one more
    char log[BUGS_PATH_BYTES];
};

// Start the trial that job names; dir is a directory for logs. Returns false with err.
bool bugs_start(const struct bugs *b, struct bugs_job *job, const char *dir,
                char err[BUGS_ERR_BYTES]);

// A job's process ended with status after cpu_s. Returns false with err if it ran no trial.
bool bugs_outcome(const struct bugs_job *job, int status, double cpu_s, struct bugs_trial *outcome,
                  char err[BUGS_ERR_BYTES]);

// The file of a harness, or of a faulty half of the baseline ("" if it has none).
void bugs_program(const struct bugs *b, const struct bugs_entry *e, enum bugs_config config,
                  char path[BUGS_PATH_BYTES]);
void bugs_player(const struct bugs *b, const struct bugs_entry *e, enum bugs_config config,
                 char path[BUGS_PATH_BYTES]);

// ---- figures (bench_bugs_figures.c) -----------------------------------------------------------

// One bug with one configuration.
struct bugs_figures {
    uint32_t n; // trials that were made
    uint32_t n_found;
    uint32_t n_other;            // of them, findings of another kind than the entry's
    struct survival_bound execs; // median
    struct survival_bound cpu_s;
};

struct bugs_figures bugs_figures(const struct bugs_entry *e, enum bugs_config config);

bool bugs_is_control(const struct bugs_entry *e);

// How many times as much the baseline takes: executions and CPU seconds. False if our own median is
// not known, or one of both was not tried.
bool bugs_ratio(const struct bugs_entry *e, struct survival_bound *execs,
                struct survival_bound *cpu);

// p of the log-rank test between ours and the baseline's executions.
double bugs_p(const struct bugs_entry *e);

// All bugs, or those of a class.
struct bugs_summary {
    uint32_t n;                           // bugs
    uint32_t n_tried[BUGS_CONFIG_COUNT];  // with a trial
    uint32_t n_ever[BUGS_CONFIG_COUNT];   // found in one trial at least
    uint32_t n_half[BUGS_CONFIG_COUNT];   // found in half of the trials at least
    uint32_t n_always[BUGS_CONFIG_COUNT]; // found in all
    struct survival_bound execs_middle;   // of the ratios: middle one, geometric mean
    struct survival_bound execs_mean;
    struct survival_bound cpu_middle;
    struct survival_bound cpu_mean;
    uint32_t n_both;                // bugs with both medians known ...
    struct survival_bound cpu_both; // ... and the geometric mean of their CPU ratios
    uint32_t n_ratios;
};

// class NULL: all. Controls are no bugs.
struct bugs_summary bugs_summary(const struct bugs *b, const char *class);

// The next class behind one (NULL: the first), in the order of the list; NULL behind the last.
const char *bugs_next_class(const struct bugs *b, const char *class);

// Findings of trials without a fault.
uint32_t bugs_false_alarms(const struct bugs *b);

// ---- output (bench_bugs_report.c, bench_bugs_svg.c) -------------------------------------------

void bugs_print_text(const struct bugs *b);
void bugs_print_json(const struct bugs *b);

// A picture: for each bug the medians, and how many trials are done by when. Whole or not at all.
bool bugs_write_svg(const struct bugs *b, const char *path, char err[BUGS_ERR_BYTES]);

// The command: vringlab bench bugs. argv[0] is "bugs".
int bench_bugs(int argc, char **argv);

#endif
