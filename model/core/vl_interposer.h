// model/core/vl_interposer.h -- a hand between a half and its port: it alters, drops, adds.
//
// With an interposer set, each port call of either half is shown to it, before it takes effect,
// when an answer is known, and behind its event. It may change what happens on the wire, what the
// half is told of it, or make port calls of its own as the same agent (those are not shown). So one
// rule can be broken at one access of a half that is otherwise left as it is. Runs under sc only.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_INTERPOSER_H
#define VL_INTERPOSER_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stdint.h>

struct vl_machine;

enum vl_op_kind {
    VL_OP_CONFIG_READ, // addr: function << 16 | offset
    VL_OP_CONFIG_WRITE,
    VL_OP_MMIO_READ, // addr: bus address
    VL_OP_MMIO_WRITE,
    VL_OP_LOAD, // span, off; addr: gpa
    VL_OP_STORE,
    VL_OP_READ, // payload: span, off, data
    VL_OP_WRITE,
    VL_OP_FENCE,
    VL_OP_DOORBELL,  // addr: queue index; over PCI its register write is an operation of its own
    VL_OP_INTERRUPT, // addr: vector
    VL_OP_INTX,      // value: level
    VL_OP_SLEEP,
    VL_OP_RELAX,
    VL_OP_NOTE, // addr: enum virtq_note; value, aux, seen: its a, b, c; bytes: n
    VL_OP_KIND_COUNT
};

enum vl_op_phase {
    VL_OP_BEFORE, // nothing has happened: the call's arguments may be changed, or the call dropped
    VL_OP_REPLY,  // reads and loads: value (and aux) is the answer, its event is not made yet
    VL_OP_DONE,   // its event is made
};

// One port call.
struct vl_port_op {
    uint8_t kind;   // enum vl_op_kind
    uint8_t side;   // enum vl_side whose port it is
    uint8_t agent;  // enum vl_agent
    uint8_t field;  // enum vl_field
    uint8_t queue;  // of a ring access, a notification
    bool drop;      // BEFORE: it does not happen; a read then gives seen
    bool answered;  // BEFORE, register reads: the other side is not asked, value is the answer
    bool blind;     // REPLY, DONE: the half is told seen and seen_aux instead of the answer
    uint8_t order;  // ring accesses and fences: enum virtq_order, as in force
    uint32_t bytes; // may be changed for registers (1, 2, 4) and, downwards, for payload
    uint64_t addr;
    uint64_t value;
    uint64_t aux; // high half of a descriptor
    uint64_t seen;
    uint64_t seen_aux;
    const struct virtq_span *span; // ring and payload; NULL elsewhere
    uint32_t off;                  // in span; may be changed within it
    uint8_t *data;                 // payload: its bytes; may be changed in REPLY (read), BEFORE
};

struct vl_interposer {
    void *ctx;
    void (*at)(void *ctx, struct vl_port_op *op, enum vl_op_phase phase);
};

#endif
