// tools/lab/lab_fault.h -- faults: barriers of another strength, and players with a bug in them.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef LAB_FAULT_H
#define LAB_FAULT_H

#include "tools/lab/lab_player.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One fault for listings. Bugs come from the faults that were built (corpus/faults).
struct lab_fault_info {
    const char *name;    // "barrier:avail-publish=none", "mischief:used.ring=2", ...
    const char *kind;    // "barrier", "mischief", "bug"
    const char *memory;  // weakest memory model that shows it
    const char *target;  // harness that finds it, "-" for a barrier
    const char *referee; // "REFEREE:NAME" that finds it, "-"
    const char *side;    // "driver", "device"
    const char *meaning; // mischief: the act as a sentence; else NULL
};

// Fault i in listing order; false behind the last one.
bool lab_fault_info(uint32_t i, struct lab_fault_info *info);

// True if a fault of this name exists; else false, with err saying what there is.
bool lab_fault_known(const char *name, char err[256]);

// Put the strengths that a scenario's barrier faults demand into orders[VIRTQ_BARRIER_COUNT]
// (0xFF: as written).
void lab_fault_orders(const struct lab_scenario *s, uint8_t *orders);

// Make another player known by its name, for the keys driver= and player=: a toy, or somebody
// else's ring code. The table stays the caller's and must outlive every world that uses it.
// Returns false if there are LAB_PLAYERS_MAX already, its side has one of this name, or a function
// is missing that a player of its side must have. Nothing is registered in a run.
#define LAB_PLAYERS_MAX 8u
bool lab_player_register(const struct lab_player *player);

// True if a side has a player of this name; else false, with err saying which there are.
bool lab_player_known(const char *name, enum lab_side side, char err[256]);

// The player for one side of a scenario: the one that driver= or player= names, or the faulty copy
// of ours that a fault names, loaded from dir (NULL: "players" beside the executable). Loaded
// players stay loaded.
// Returns NULL with err: which file is missing and the command that builds it, or two bugs on one
// side, or a bug on a side that is not ours, or an unknown player name.
const struct lab_player *lab_fault_player(const struct lab_scenario *s, enum lab_side side,
                                          const char *dir, char err[256]);

// Directory of the running executable, resolved through links. False if it cannot be told.
bool lab_executable_dir(char *out, size_t out_bytes);

#ifdef __cplusplus
}
#endif

#endif
