// tools/plug/plug_call.h -- a device half that is a black box: seen at calls only.
//
//   plug_call_begin(port);          // here others may run
//   what = their_device_poll(dev);  // as one step
//   plug_call_end(port);            // what changed in memory is told to the referees
//
// Between the two nobody else runs, so nothing is scheduled inside of the box, and memory is sc.
// What the box wrote is found by comparing guest memory with a copy. What it read cannot be seen,
// and is inferred: it looks at the available index in every call; it took the entries up to those
// that it returned or wrote to, in their order; after it moved the used index it looked at whether
// the driver wants an interrupt. So referees judge used entries, lengths, every byte that was
// changed, notifications and progress, but not what the box reads.
// The driver is honest. Of one that lies too much has to be inferred: it may lay a buffer over the
// used ring, and then what the box wrote there looks like used entries.
// A driver half is plugged in by plug.h: what it takes off the used ring leaves nothing to compare.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef PLUG_CALL_H
#define PLUG_CALL_H

#include "tools/plug/plug.h"

#ifdef __cplusplus
extern "C" {
#endif

// Make room for a copy of guest memory; in the player's create(), behind plug_start().
// Returns false if there is no memory.
bool plug_call_create(struct virtq_port *port);

// A call into the box begins. memory=sc only.
void plug_call_begin(struct virtq_port *port);

// It has returned. A player then sends the interrupt that the box asked for, if any.
void plug_call_end(struct virtq_port *port);

// The box says that the driver broke the queue: behind plug_call_end(). What it must have read of
// the next entry is told, and then err, a peer error that comes near. With an honest driver that is
// a finding.
void plug_call_refused(struct virtq_port *port, uint16_t queue_index, enum virtq_err err);

#ifdef __cplusplus
}
#endif

#endif
