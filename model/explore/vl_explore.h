// model/explore/vl_explore.h -- every distinct execution of a small concurrent program, once.
//
// Stateless, graph-based, optimal: TruSt (Kokologiannakis, Marmanis, Gladstein, Vafeiadis, "Truly
// Stateless, Optimal Dynamic Partial Order Reduction", POPL 2022). An execution is a graph: events
// of each thread in program order, for each load the store that it reads (rf), for each location
// the order of its stores (mo). Two executions are the same if these are. The explorer grows one
// graph, remembers what else could have been chosen, and takes it back: memory is bounded by the
// size of one execution, not by their number.
//
// Threads are real code: the program runs a thread, and each access of it comes here through
// vl_x_do(), which answers from the graph. A thread is rewound by starting it again: what it did
// before is answered from the graph without a choice. So a thread must be a function of the values
// that it loads, and of nothing else.
//
// Plain accesses are race-checked and never branched on: while nothing races there is one value
// that they can see. An await is a load that keeps its thread from going on while it reads the old
// value.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_EXPLORE_H
#define VL_EXPLORE_H

#include "model/memory/vl_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VL_X_THREADS 8u
#define VL_X_CELLS 4u // of 16 bits, in one access
#define VL_X_LOCS 256u
#define VL_X_EVENTS 16384u

struct vl_explore; // opaque

enum vl_x_op {
    VL_X_LOAD,        // *out: what it read
    VL_X_STORE,       // value
    VL_X_FENCE,       // order
    VL_X_ADD,         // read-modify-write of one cell: adds value; *out: what was there
    VL_X_XCHG,        // stores value; *out: what was there
    VL_X_CAS,         // stores value if expect is there, else only loads; *out: what was there
    VL_X_AWAIT,       // a load that does not end while it reads expect
    VL_X_PLAIN_LOAD,  // len bytes at addr to data
    VL_X_PLAIN_STORE, // len bytes at addr from data
};

#define VL_X_LEAVES 0xFDu // tag of a fence: the thread goes where it is not explored
#define VL_X_LOCKED 0xFEu // tag of a fence: a read-modify-write of private memory, on x86
#define VL_X_BULK 0xFFu   // tag of a plain store of many bytes: it does not wait in a store buffer

struct vl_x_access {
    uint8_t op;      // enum vl_x_op
    uint8_t order;   // enum virtq_order in force
    uint8_t n_cells; // 1, 2 or 4 consecutive locations (loads and stores, under rc11 only)
    uint8_t tag;     // the caller's: comes back with the event
    uint16_t loc;    // first cell, below n_locs; atomic locations and plain addresses are
                     // different name spaces
    uint64_t value;  // n_cells * 16 bits, little end first
    uint64_t expect;
    uint32_t addr; // plain accesses: any numbers that overlap if the bytes do
    uint32_t len;
    void *data;       // PLAIN_LOAD: filled in; PLAIN_STORE: read
    const void *site; // the caller's: comes back with the event (first time only: equal sites)
};

// The program. Threads 0 .. n_threads - 1 run in any interleaving that the explorer asks for.
struct vl_x_program {
    void *ctx;
    uint32_t n_threads;
    uint32_t n_locs;  // up to VL_X_LOCS
    uint32_t servers; // bit per thread: it never ends; asleep for good is its regular end
    uint16_t (*initial)(void *ctx, uint32_t loc);                               // of a cell
    void (*initial_bytes)(void *ctx, uint32_t addr, uint32_t len, void *bytes); // plain memory
    void (*restart)(void *ctx, uint32_t thread); // the thread stands at its beginning again
    // Run the thread until it ends (true) or vl_x_do() answered false (false). It goes on with
    // the access that was answered false.
    bool (*run)(void *ctx, uint32_t thread);
};

enum vl_x_outcome {
    VL_X_COMPLETE, // every thread ended (a server: sleeps, having read the newest value)
    VL_X_BLOCKED,  // a thread waits and reads a value that is not the newest: not a whole execution
    VL_X_STUCK,    // a thread waits for ever: every wait reads the newest value (a lost wake-up)
};

// An event of the finished graph, in an order in which each event stands behind those that it
// depends on.
struct vl_x_event {
    uint8_t thread;
    uint8_t op; // enum vl_x_op; the halves of a read-modify-write: LOAD, then STORE with rmw
    uint8_t order;
    uint8_t tag;
    uint8_t cell; // which cell of a wide access, from 0
    bool rmw;
    bool waits;   // an await that still reads the old value
    uint16_t loc; // atomic
    uint16_t value;
    uint16_t mo;   // store: place in its location's order, from 1; load: of the store it reads
    int32_t rf;    // load: index of the store, -1 for the initial value
    uint32_t addr; // plain
    uint32_t len;
    const void *site;
};

// What one execution came to. Return false to stop the search.
typedef bool vl_x_on_execution(void *ctx, struct vl_explore *x, enum vl_x_outcome outcome);

// Two plain accesses that nothing orders. Return false to stop the search; else the search goes on
// as if they were ordered by the order in which they came.
struct vl_x_race {
    uint32_t thread[2];
    const void *site[2]; // [1] came second
    bool store[2];
    uint32_t addr, len; // bytes that both touch
};
typedef bool vl_x_on_race(void *ctx, struct vl_explore *x, const struct vl_x_race *race);

struct vl_x_config {
    enum vl_model model;
    uint32_t rules;      // VL_RULES_ALL
    uint32_t shard;      // I of N: 0 .. n_shards - 1
    uint32_t n_shards;   // 0 or 1: all
    uint32_t events_max; // of one execution, up to VL_X_EVENTS; 0: 1024
    bool count_distinct; // remember a digest of each execution and count equal ones (takes memory)
    void *ctx;
    vl_x_on_execution *on_execution;
    vl_x_on_race *on_race; // NULL: count only
    bool (*on_progress)(void *ctx,
                        struct vl_explore *x); // about every 4096 executions; false: stop
};

struct vl_x_counts {
    uint64_t complete;
    uint64_t blocked; // BLOCKED and STUCK
    uint64_t stuck;
    uint64_t races;        // executions in which a race was seen
    uint64_t distinct;     // with count_distinct: distinct ones of complete + blocked
    uint64_t events_max;   // in one execution
    uint64_t memory_bytes; // that the search holds
};

enum vl_x_result {
    VL_X_DONE,      // everything was visited
    VL_X_STOPPED,   // a callback said so
    VL_X_TOO_LARGE, // an execution has more events, stores or bytes than fit: see vl_x_error()
    VL_X_REFUSED,   // an access that is not modelled: see vl_x_error()
    VL_X_NOT_DETERMINISTIC, // a thread did something else when it was run again
};

// Allocate a search. NULL: out of memory, or more threads, locations or events than there can be.
struct vl_explore *vl_x_open(const struct vl_x_program *program, const struct vl_x_config *config);
void vl_x_close(struct vl_explore *x);

// Visit everything. May be called once.
enum vl_x_result vl_x_run(struct vl_explore *x);
const char *vl_x_error(const struct vl_explore *x);
const struct vl_x_counts *vl_x_counts(const struct vl_explore *x);

// A thread's access. True: it is done, *out is the value. False: the thread may not go on now; it
// gives control back (program.run returns false) and does the same call first when it runs again.
bool vl_x_do(struct vl_explore *x, uint32_t thread, const struct vl_x_access *access,
             uint64_t *out);

// The current graph, for on_execution: number of events, one of them (asked for from 0 on), the
// newest value of a cell.
uint32_t vl_x_n_events(const struct vl_explore *x);
void vl_x_event(const struct vl_explore *x, uint32_t i, struct vl_x_event *out);
uint16_t vl_x_newest(const struct vl_explore *x, uint32_t loc);
// The same event by its number in the graph; out->rf is such a number, too.
void vl_x_describe(const struct vl_explore *x, uint32_t id, struct vl_x_event *out);

// The current graph as steps that the model's machine can take in this order: numbers of events;
// under tso a store is issued, and drains at its number with VL_X_DRAINS. steps: room for twice
// as many as there are events. Returns how many steps, 0 if the graph is not consistent.
#define VL_X_DRAINS 0x10000u
uint32_t vl_x_linear(const struct vl_explore *x, uint32_t *steps);

// Accesses of the current graph that race with an earlier one.
uint32_t vl_x_n_racy(const struct vl_explore *x);

// Digest of the current graph: equal for equal rf and mo, whatever the order of events.
uint64_t vl_x_digest(const struct vl_explore *x);

#endif
