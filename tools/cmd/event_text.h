// tools/cmd/event_text.h -- an event as one line for people, with symbolic ring fields.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef EVENT_TEXT_H
#define EVENT_TEXT_H

#include "model/core/vl_event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_TEXT_QUEUES 256u // events name queues by 8 bits
#define EVENT_TEXT_ALLOCS 128u // pieces of shared memory that are remembered
#define EVENT_TEXT_BYTES 320u  // a sentence, with its end
#define EVENT_TEXT_WORDS 4096u // power of two; words whose newest store is remembered

// Where a queue's three parts lie, guest-physical, since its last QUEUE_AREAS note.
struct event_text_queue {
    bool known;
    uint32_t size; // a valid queue size
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
};

// What the events so far say about where things are; all zero at the start of a run.
struct event_text {
    struct event_text_queue queue[EVENT_TEXT_QUEUES];
    struct {
        uint64_t gpa;
        uint64_t bus_addr;
        uint64_t bytes;
    } alloc[EVENT_TEXT_ALLOCS];
    uint32_t n_allocs;  // ever; the newest EVENT_TEXT_ALLOCS are kept
    uint32_t n_learned; // events so far: the number of the next one
    bool reads_unknown; // a reads_from of 0 says nothing: whoever recorded did not know it
    struct {
        uint64_t addr;
        uint32_t from; // 1 + number of the newest store; 0: none known
    } word[EVENT_TEXT_WORDS];
};

// Learn from an event. Call it for each event of a run, in order, from the first on.
void event_text_learn(struct event_text *tx, const struct vl_event *ev);

// The word that a memory access touches: "q0.avail.ring[3]", or "-" for none.
void event_text_field(const struct event_text *tx, const struct vl_event *ev, char *out,
                      size_t room);

// What happened, as one line without agent, number and place:
// "stores q0.avail.idx = 5 (release, avail-publish)". out has room for EVENT_TEXT_BYTES.
void event_text_line(const struct event_text *tx, const struct vl_event *ev, char *out);

#endif
