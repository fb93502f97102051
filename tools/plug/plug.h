// tools/plug/plug.h -- ring code that is not ours, plugged in at its accesses to shared memory.
//
// A player (tools/lab/lab_player.h) stands on the port: spans and offsets. Ring code that was
// written elsewhere has pointers. Here pointers become port calls: an access is looked up among the
// rings that the player named, and is a load, a store or a piece of payload there, at which the
// other side may run, a memory model chooses what is seen, and referees judge.
//
// Three ways to get at the accesses, from the most exact to the least:
//   1  the code's own accessor macros end in plug_load(), plug_store(), plug_fence()
//   2  the compiler calls plug_before_load(), plug_before_store(): libvringlab_watch.a
//   3  nobody sees them: plug_call_begin(), plug_call_end() compare memory (plug_call.h)
//
// What a side submits, completes and accepts is derived from its accesses, so ring code has nothing
// to say of itself. A descriptor that a device loads field by field is told to the referees as one
// event of the whole once all of it was touched, or when the code goes on to something else; the
// accesses themselves are events as well.
//
// One machine runs at a time, as everywhere. docs/FUZZ-YOUR-RING.md tells how to use this.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef PLUG_H
#define PLUG_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- a run, its memory and its queues -----------------------------------------------------------

// A run begins. A player calls this first in its create(), with the port that it is given; what was
// known of that side is forgotten.
void plug_start(struct virtq_port *port);

// The run is over: accesses are nobody's business until the next one begins. A player calls this in
// its destroy().
void plug_end(void);

// A queue's rings, as bus addresses.
struct plug_queue {
    uint16_t queue_index; // 0..3
    uint16_t start_idx;   // both indices' first value; 0 on hardware
    uint32_t size;        // entries, a power of two up to 32768
    uint64_t features;    // negotiated
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
};

// A queue is set up: from now on accesses to its rings are known for what they are. The driver's
// player calls it before it tells the device of the queue, the device's when it is told.
// Returns false if the rings are not in memory, each in one piece, or the size is impossible.
bool plug_queue_open(struct virtq_port *port, const struct plug_queue *queue);

// A queue is down: the driver saw the reset complete, or the device completed it.
void plug_queue_close(struct virtq_port *port, uint16_t queue_index);

// The other side did what it may not, and the queue is not served any more: say so at once, before
// another access. A device that says nothing has accepted the chain that it loaded last.
//   err    a peer error that comes near (ring/virtq_err.h)
//   value  the offending one, or 0
void plug_peer_error(struct virtq_port *port, uint16_t queue_index, enum virtq_err err,
                     uint64_t value);

// Driver: memory of virtq_mem_alloc() that indirect tables are built in (area
// VIRTQ_AREA_INDIRECT). At most 8 pieces; returns false for more. Devices' accesses to tables are
// recognised without this.
bool plug_tables(struct virtq_port *port, const struct virtq_span *tables);

// A piece of guest memory as a hypervisor maps it.
struct plug_region {
    uint64_t bus_addr;
    uint64_t bytes;
    uint8_t *host;
};

#define PLUG_REGIONS 3u
// The pieces of guest memory, in ascending order, with gaps between them. Returns how many.
uint32_t plug_regions(struct virtq_port *port, struct plug_region regions[PLUG_REGIONS]);

// Host address of a bus address, for code that has its own idea of translating none. Returns NULL
// if not all bytes are memory in one piece.
void *plug_host(struct virtq_port *port, uint64_t bus_addr, uint32_t bytes);

// ---- accesses -----------------------------------------------------------------------------------

// An access by whoever acts now. Outside guest memory it is what the pointer says, nothing more. In
// rings, values are as the processor has them, whatever the byte order in memory.
//   bytes  1, 2, 4 or 8
//   order  VIRTQ_PLAIN for a plain access, VIRTQ_RELAXED for one that no compiler tears or repeats
//          (volatile, READ_ONCE), and the orders of C11
//   site   VIRTQ_SITE_ where a macro can write it, so that traces name the line; NULL is allowed
uint64_t plug_load(const volatile void *p, unsigned bytes, enum virtq_order order,
                   struct virtq_site *site);
void plug_store(volatile void *p, unsigned bytes, uint64_t value, enum virtq_order order,
                struct virtq_site *site);

// A fence. wmb() is VIRTQ_RELEASE, rmb() VIRTQ_ACQUIRE, mb() VIRTQ_SEQ_CST.
void plug_fence(enum virtq_order order, struct virtq_site *site);

// Copies; either end, both or none may be guest memory.
void plug_copy(void *dst, const void *src, size_t bytes, struct virtq_site *site);
void plug_fill(void *dst, uint8_t byte, size_t bytes, struct virtq_site *site);

// ---- accesses that somebody else makes ----------------------------------------------------------

// The code is about to make an access itself. A load finds the value that was chosen for it, which
// is put in place for as long as nobody else looks; a store's value is read, and takes effect, at
// the next call here. plug_settle() is that call where the code returns.
//   bytes  1, 2, 4 or 8; of a plain access any number up to PLUG_OWN_BYTES
#define PLUG_OWN_BYTES 256u
void plug_before_load(const volatile void *p, unsigned bytes, enum virtq_order order,
                      struct virtq_site *site);
void plug_before_store(volatile void *p, unsigned bytes, enum virtq_order order,
                       struct virtq_site *site);
void plug_before_update(volatile void *p, unsigned bytes, struct virtq_site *site); // both, plain

// True if p points into guest memory, and a run goes on.
bool plug_is_guest(const volatile void *p);

// What the code did until now has happened: its last store, what it loaded of a descriptor. A
// player calls this wherever it goes back from such code to the port: before any virtq_*() call,
// before it returns to the lab. Costs nothing where nothing is due.
void plug_settle(void);

#ifdef __cplusplus
}
#endif

#endif
