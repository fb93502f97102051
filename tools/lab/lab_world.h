// tools/lab/lab_world.h -- a world: machine, players, workload, backend and referees, wired up.
//
//   struct lab *lab = lab_open(&scenario, &options, err);   allocates for this scenario's sizes
//   lab_configure(lab, &other, err);                        another scenario, within those sizes
//   verdict = lab_run(lab, &choices);                       a run; allocates nothing
//   lab_close(lab);
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_WORLD_H
#define LAB_WORLD_H

#include "model/core/vl_machine.h"
#include "model/referee/vl_referee.h"
#include "tools/lab/lab_scenario.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_ERR_BYTES 256u

struct lab; // opaque

struct lab_options {
    bool shared; // machine and log in shared memory, so that a child's run can be read
    bool hashing;
    bool replay;             // do not open the disk: lab_serve_outside() follows
    bool promises_first;     // the abstract queue speaks before the other referees
    bool referees;           // false: nobody judges (to measure what judging costs)
    uint32_t deviations_max; // 0: 65536
    bool weak;               // make room for memory=tso and rc11, whatever the scenario has
    uint32_t mem_bytes;      // 0: what the scenario needs; else at least this much
    uint32_t queue_size_max; // 0: the scenario's
    const char *player_dir;  // where faulty players lie; NULL: "players" beside the executable
};

// Where a run's choices come from.
struct lab_choices {
    enum vl_source source;
    const struct vl_deviation *list; // input: canonical, n of them
    uint32_t n;
    struct vl_guide guide; // VL_SOURCE_GUIDE
    uint64_t seed;
    enum vl_schedule schedule;
    uint32_t depth; // PCT
};

// What a replay answers in place of the file: bytes that a trace stored. Returns false if the
// trace has none there.
struct lab_outside {
    void *ctx;
    bool (*read)(void *ctx, uint64_t off, uint8_t *dst, uint32_t bytes);
    uint64_t size;
};

// Open a world big enough for s. Returns NULL with one line in err.
struct lab *lab_open(const struct lab_scenario *s, const struct lab_options *options,
                     char err[LAB_ERR_BYTES]);
void lab_close(struct lab *lab);

// Change the scenario. Returns false with err if it needs more than the world has.
bool lab_configure(struct lab *lab, const struct lab_scenario *s, char err[LAB_ERR_BYTES]);

// After options.replay: serve the disk from stored bytes instead of the file, or (NULL) open what
// the scenario says. outside is copied, its ctx is the caller's.
bool lab_serve_outside(struct lab *lab, const struct lab_outside *outside, char err[LAB_ERR_BYTES]);

// What the referees are to know of a scenario.
struct vl_referee_config lab_referee_config(const struct lab_scenario *s);

// One run. The verdict stays valid until the next.
const struct vl_verdict *lab_run(struct lab *lab, const struct lab_choices *choices);

// Apply what a clean run with write=on wrote to the disk file. False with err on an I/O error.
bool lab_commit_writes(struct lab *lab, char err[LAB_ERR_BYTES]);

// The machine, for its log, deviations and events.
struct vl_machine *lab_machine(struct lab *lab);

// Marks that the last run reached.
uint64_t lab_marks(const struct lab *lab);

// Abstract states that it reached; NULL without referees.
const struct vl_states *lab_states(const struct lab *lab);

// blk: SHA-256 (hex) of all bytes that the workload read, in order of sectors, if it read the
// whole disk; "" otherwise.
const char *lab_read_sha256(const struct lab *lab);

// The outside file of the scenario: path "", or its name, size and SHA-256 (hex) as read at open.
struct lab_disk_info {
    const char *path;
    uint64_t bytes;
    char sha256[65];
};
void lab_disk_info(const struct lab *lab, struct lab_disk_info *info);

// Config space of the PCI function as `lspci -F` reads it, after a run with these choices, or in
// power-on state without any. The scenario's transport is PCI.
#define LAB_PCI_TEXT_BYTES 2048u
void lab_pci_text(struct lab *lab, const struct lab_choices *choices,
                  char text[LAB_PCI_TEXT_BYTES]);

// See every event as it happens, beside the referees (replay compares here). NULL: nobody.
void lab_set_observer(struct lab *lab, const struct vl_observer *observer);

// Let these acts (lab_breach.h) stand between halves and machine in the runs to come, whatever the
// scenario's fault says; they stay the caller's. NULL: the scenario's again.
struct lab_breach;
void lab_set_acts(struct lab *lab, const struct lab_breach *acts);

#ifdef __cplusplus
}
#endif

#endif
