// model/referee/vl_judge_notes.h -- what each side believes, derived from what it does.
// Spec: virtio 1.4 §2.7.5, §2.7.6, §2.7.8, §2.7.13, §2.7.14 (1.0: §2.4.5, §2.4.6, §2.4.8, §3.2).
//
// The halves here say which buffer they submit, accept and complete. A ring that was recorded
// elsewhere may not: then an available entry stored is a buffer submitted, a chain that the device
// loaded to its end is one accepted, and a used entry loaded is one completed. What a side did by
// mistake it then also believed, so what is found out by comparing the two is not found here.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_JUDGE_NOTES_H
#define VL_JUDGE_NOTES_H

#include "model/referee/vl_shadow.h"

struct vl_notes_queue {
    bool live;
    uint64_t desc; // gpa
    uint64_t avail;
    uint64_t used;
    uint32_t size;
    uint16_t taken;     // next available entry that the device takes
    uint16_t reaped;    // next used entry that the driver takes
    uint16_t seen_used; // used idx as the driver loaded it
    uint32_t head;      // of the chain that the device follows
    uint32_t n_elems;
    uint64_t expect; // gpa of the descriptor that continues it, or VL_NOWHERE
    uint64_t table;  // gpa of the table that it lies in
    uint32_t n_table;
    uint64_t *token; // per head: of the buffer submitted last
};

struct vl_notes {
    struct vl_notes_queue queue[VL_QUEUES];
    uint32_t size_max;
    uint64_t n_tokens;
    uint64_t bus_offset; // bus address - guest-physical address
};

// Make room for queues of up to size_max entries. Returns false if there is no memory left.
bool vl_notes_open(struct vl_notes *n, uint32_t size_max);
void vl_notes_close(struct vl_notes *n);

// What ev says beside itself. Returns true and fills *note, to be judged behind ev.
bool vl_notes_derive(struct vl_notes *n, const struct vl_event *ev, struct vl_event *note);

#endif
