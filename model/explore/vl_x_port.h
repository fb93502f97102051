// model/explore/vl_x_port.h -- two real halves on their fibers as a program of the explorer.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_X_PORT_H
#define VL_X_PORT_H

#include "model/core/vl_machine.h"
#include "model/explore/vl_explore.h"

// Thread 0 is the driver's main context, thread 1 the device's (a server). Ring words are atomic
// locations, found by their address when they are first touched; descriptors, ring entries and
// payload are plain. Doorbells and interrupts are counters: the notifier stores the next number
// with release, the sleeper awaits another number than the last with acquire; so delaying and
// coalescing them is a question of which store is read. Trap and handler contexts, which only wake
// the sleeper, are left out. A register access ends the driver's thread: exploring begins behind
// DRIVER_OK and ends where a driver starts to take the device down. A thread that does nothing
// between two calls of relax() but look at one word waits until that word changes: a loop that
// would give up after some looks is explored as if it did not.

#define VL_X_PORT_LOCS 64u // ring words, and the two counters

// What the caller knows of the halves.
struct vl_x_halves {
    void *ctx;
    void (*restart)(void *ctx, enum vl_side side); // private state as it was when exploring began
    bool (*step)(void *ctx, enum vl_side side);    // one step of a main context; false: it ended
};

struct vl_x_port; // opaque

// Take over a machine that has been set up and stands still. Memory as it is now is where every
// execution begins. model: the search's; weak_notify: notifications order nothing
// (platform=weak-mmio).
// NULL: out of memory. Ends with vl_x_port_close(), which gives the machine back.
struct vl_x_port *vl_x_port_open(struct vl_machine *m, const struct vl_x_halves *halves,
                                 enum vl_model model, bool weak_notify);
void vl_x_port_close(struct vl_x_port *p);

const struct vl_x_program *vl_x_port_program(const struct vl_x_port *p);

// Whom the accesses go to; between vl_x_open() and vl_x_run().
void vl_x_port_bind(struct vl_x_port *p, struct vl_explore *x);

// Why the search cannot go on: an access that is not modelled. NULL: nothing of the kind.
const char *vl_x_port_error(const struct vl_x_port *p);

// Host offset of the ring word that is location loc; UINT32_MAX for the counters.
uint32_t vl_x_port_offset(const struct vl_x_port *p, uint32_t loc);

// What the plain memory at a host offset was last accessed as: enum virtq_area, or -1.
int vl_x_port_area(const struct vl_x_port *p, uint32_t offset);

#endif
