// model/explore/vl_x_port.c -- the port's calls of two halves, answered by the explorer.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/explore/vl_x_port.h"

#include "model/core/vl_explored.h"
#include "ring/virtq_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LOC 0xFFFFu
#define LOC_DOORBELL 0u
#define LOC_INTERRUPT 1u
#define N_COUNTERS 2u

struct thread {
    bool ended;
    bool wake;     // a wake from set-up, which ends the first sleep at once
    uint16_t sent; // notifications
    uint16_t seen; // number that it was last woken by
    // Since the last relax(): a thread that did nothing but look at one word waits for it to
    // change.
    uint32_t n_accesses;
    uint16_t looked_at; // location, or NO_LOC
    uint16_t looked_value;
    bool spins;   // and called relax() after it
    bool relaxed; // relax() was called
};

struct vl_x_port {
    struct vl_machine *m;
    struct vl_explore *x;
    struct vl_x_halves halves;
    struct vl_explored_ops ops;
    struct vl_x_program program;
    bool weak_notify;
    enum vl_model model;
    bool wake[VL_SIDE_COUNT]; // as set-up left them
    uint8_t *before;          // memory at the beginning
    uint16_t *loc_of;         // per 2 bytes of memory: location, or NO_LOC
    uint8_t *area_of; // per 2 bytes of memory: 1 + enum virtq_area of a plain access, 0: none
    uint32_t offset[VL_X_PORT_LOCS];
    uint32_t n_locs;
    struct thread thread[VL_SIDE_COUNT];
    char error[160];
};

// ---- threads on fibers -------------------------------------------------------------------------

static enum vl_side side_of(const struct vl_x_port *p)
{
    return p->m->cur->side;
}

// Back to the explorer, which may come back, or start the thread again.
static void give_way(struct vl_x_port *p)
{
    vl_fiber_switch(&p->m->cur->fiber, &p->m->main_fiber);
}

static void end_thread(struct vl_x_port *p)
{
    struct thread *t = &p->thread[side_of(p)];
    t->ended = true;
    for (;;) { // bound: the explorer does not come back to a thread that ended
        give_way(p);
    }
}

static void thread_main(void *arg)
{
    struct vl_strand *s = arg;
    struct vl_x_port *p = s->machine->explored->ctx;

    while (p->halves.step(p->halves.ctx, s->side)) { // bound: the program
    }
    end_thread(p);
}

static void restart(void *ctx, uint32_t t)
{
    struct vl_x_port *p = ctx;
    struct vl_strand *s = &p->m->strand[t];

    p->thread[t] = (struct thread){.wake = p->wake[t], .looked_at = NO_LOC};
    p->halves.restart(p->halves.ctx, (enum vl_side)t);
    s->started = true;
    vl_fiber_start(&s->fiber, thread_main, s);
}

static bool run(void *ctx, uint32_t t)
{
    struct vl_x_port *p = ctx;
    p->m->cur = &p->m->strand[t];
    vl_fiber_switch(&p->m->main_fiber, &p->m->cur->fiber);
    return p->thread[t].ended;
}

static uint64_t access(struct vl_x_port *p, const struct vl_x_access *a)
{
    const uint32_t t = (uint32_t)side_of(p);
    uint64_t out = 0;

    p->thread[t].n_accesses++;
    p->thread[t].looked_at = NO_LOC;
    while (!vl_x_do(p->x, t, a, &out)) { // bound: the explorer's; it may never come back
        give_way(p);
    }
    return out;
}

static void refuse(struct vl_x_port *p, const char *what, uint32_t n)
{
    if (p->error[0] == '\0') {
        (void)snprintf(p->error, sizeof(p->error), "the %s %s (%u)",
                       side_of(p) == VL_SIDE_DRIVER ? "driver" : "device", what, n);
    }
    // An access that no program has: the search ends with its refusal.
    const struct vl_x_access impossible = {.op = VL_X_LOAD, .n_cells = 1, .loc = NO_LOC};
    (void)access(p, &impossible);
}

// A register access: on x86 it waits for all stores before it.
static void leave(void *ctx, const char *what)
{
    struct vl_x_port *p = ctx;
    char text[96];

    const struct vl_x_access a = {.op = VL_X_FENCE, .order = VIRTQ_SEQ_CST, .tag = VL_X_LEAVES};
    // A driver goes there to take the device down. A device has to serve on.
    if (side_of(p) == VL_SIDE_DEVICE) {
        (void)snprintf(text, sizeof(text), "leaves what is explored, by %s, at its access", what);
        refuse(p, text, p->thread[VL_SIDE_DEVICE].n_accesses);
    }
    if (p->model == VL_MODEL_TSO) {
        (void)access(p, &a);
    }
    end_thread(p);
}

// ---- where an access goes ----------------------------------------------------------------------

static uint16_t loc_at(struct vl_x_port *p, const struct virtq_span *span, uint32_t off,
                       unsigned bytes)
{
    const uint32_t at = vl_memory_off(&p->m->memory, span, off);

    if (bytes != 2 || at % 2 != 0) {
        refuse(p, "accesses a ring word at another width than 16 bits, or unaligned", bytes);
    }
    if (p->area_of[at / 2] != 0) {
        refuse(p, "accesses plain memory as a ring word, at offset", at);
    }
    if (p->loc_of[at / 2] == NO_LOC) {
        if (p->n_locs == VL_X_PORT_LOCS) {
            refuse(p, "touches more ring words than fit", VL_X_PORT_LOCS);
        }
        p->loc_of[at / 2] = (uint16_t)p->n_locs;
        p->offset[p->n_locs++] = at;
    }
    return p->loc_of[at / 2];
}

// A location is atomic or plain, not both.
static uint32_t plain_at(struct vl_x_port *p, const struct virtq_span *span, uint32_t off,
                         uint32_t bytes)
{
    const uint32_t at = vl_memory_off(&p->m->memory, span, off);
    for (uint32_t g = at / 2; g <= (at + bytes - 1) / 2; g++) { // bound: bytes
        if (p->loc_of[g] != NO_LOC) {
            refuse(p, "accesses a ring word as plain memory, at offset", at);
        }
        p->area_of[g] = (uint8_t)(1 + span->area);
    }
    return at;
}

static uint16_t initial(void *ctx, uint32_t loc)
{
    const struct vl_x_port *p = ctx;
    return loc < N_COUNTERS ? (uint16_t)0 : (uint16_t)virtq_get_le(p->before + p->offset[loc], 2);
}

static void initial_bytes(void *ctx, uint32_t addr, uint32_t len, void *bytes)
{
    const struct vl_x_port *p = ctx;
    memcpy(bytes, p->before + addr, len);
}

// ---- the port ----------------------------------------------------------------------------------

static uint64_t plain_load(struct vl_x_port *p, const struct virtq_span *span, uint32_t off,
                           unsigned bytes, const struct virtq_site *site, uint64_t *aux)
{
    uint8_t data[16] = {0};
    const struct vl_x_access a = {.op = VL_X_PLAIN_LOAD,
                                  .addr = plain_at(p, span, off, bytes),
                                  .len = bytes,
                                  .data = data,
                                  .site = site};
    (void)access(p, &a);
    *aux = virtq_get_le(data + 8, 8);
    return virtq_get_le(data, 8);
}

static uint64_t load(void *ctx, const struct virtq_span *span, uint32_t off, unsigned bytes,
                     uint8_t order, uint8_t barrier, const struct virtq_site *site, uint64_t *aux)
{
    struct vl_x_port *p = ctx;
    struct thread *t = &p->thread[side_of(p)];

    *aux = 0;
    if (order == VIRTQ_PLAIN) {
        return plain_load(p, span, off, bytes, site, aux);
    }
    const uint16_t loc = loc_at(p, span, off, bytes);
    const bool waits = t->spins && t->looked_at == loc;
    const struct vl_x_access a = {.op = waits ? VL_X_AWAIT : VL_X_LOAD,
                                  .order = order,
                                  .n_cells = 1,
                                  .tag = barrier,
                                  .loc = loc,
                                  .expect = t->looked_value,
                                  .site = site};
    t->spins = false;
    const uint64_t value = access(p, &a);
    t->looked_at = loc;
    t->looked_value = (uint16_t)value;
    return value;
}

static void store(void *ctx, const struct virtq_span *span, uint32_t off, unsigned bytes,
                  uint64_t value, uint64_t aux, uint8_t order, uint8_t barrier,
                  const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    uint8_t data[16];
    struct vl_x_access a = {.op = VL_X_STORE,
                            .order = order,
                            .n_cells = 1,
                            .tag = barrier,
                            .value = value,
                            .site = site};

    if (order == VIRTQ_PLAIN) {
        virtq_put_le(data, 8, value);
        virtq_put_le(data + 8, 8, aux);
        a.op = VL_X_PLAIN_STORE;
        a.addr = plain_at(p, span, off, bytes);
        a.len = bytes;
        a.data = data;
    } else {
        a.loc = loc_at(p, span, off, bytes);
    }
    (void)access(p, &a);
}

static void fence(void *ctx, uint8_t order, uint8_t barrier, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    const struct vl_x_access a = {.op = VL_X_FENCE, .order = order, .tag = barrier, .site = site};

    if (order > VIRTQ_RELAXED) { // a relaxed fence is none
        (void)access(p, &a);
    }
}

static void payload(void *ctx, const struct virtq_span *span, uint32_t off, uint8_t *dst,
                    const uint8_t *src, uint32_t bytes, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    union {
        uint8_t *to;
        const uint8_t *from; // a store only reads it
    } data = {.from = src};
    if (dst != NULL) {
        data.to = dst;
    }
    const struct vl_x_access a = {.op = dst != NULL ? VL_X_PLAIN_LOAD : VL_X_PLAIN_STORE,
                                  .tag = (uint8_t)(bytes > VL_TSO_BYTES ? VL_X_BULK : 0),
                                  .addr = plain_at(p, span, off, bytes),
                                  .len = bytes,
                                  .data = data.to,
                                  .site = site};
    (void)access(p, &a);
}

static uint16_t await16(void *ctx, const struct virtq_span *span, uint32_t off, uint16_t old,
                        uint8_t order, uint8_t barrier, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    const struct vl_x_access a = {.op = VL_X_AWAIT,
                                  .order = order,
                                  .n_cells = 1,
                                  .tag = barrier,
                                  .loc = loc_at(p, span, off, 2),
                                  .expect = old,
                                  .site = site};
    return (uint16_t)access(p, &a);
}

// Doorbells go from the driver to the device, interrupts the other way.
static uint16_t counter(bool doorbell)
{
    return (uint16_t)(doorbell ? LOC_DOORBELL : LOC_INTERRUPT);
}

static void await_event(void *ctx, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    struct thread *t = &p->thread[side_of(p)];
    const struct vl_x_access a = {.op = VL_X_AWAIT,
                                  .order = p->weak_notify ? VIRTQ_RELAXED : VIRTQ_ACQUIRE,
                                  .n_cells = 1,
                                  .loc =
                                      side_of(p) == VL_SIDE_DRIVER ? LOC_INTERRUPT : LOC_DOORBELL,
                                  .expect = t->seen,
                                  .site = site};
    if (t->wake) {
        t->wake = false;
    } else {
        t->seen = (uint16_t)access(p, &a);
    }
}

// A store and no read-modify-write: there is one notifier, and on x86 a write to a register is no
// full fence, which a locked access would be.
static void notify(void *ctx, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    struct thread *t = &p->thread[side_of(p)];
    t->sent++;
    const struct vl_x_access a = {.op = VL_X_STORE,
                                  .order = p->weak_notify ? VIRTQ_RELAXED : VIRTQ_RELEASE,
                                  .n_cells = 1,
                                  .loc = counter(side_of(p) == VL_SIDE_DRIVER),
                                  .value = t->sent,
                                  .site = site};
    (void)access(p, &a);
}

// Nobody else touches the word while this is explored, so all that is left of it is what a locked
// access does to its own thread: on x86 it is a full fence. RC11 knows nothing of the kind.
static void locked(void *ctx, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    const struct vl_x_access a = {
        .op = VL_X_FENCE, .order = VIRTQ_SEQ_CST, .tag = VL_X_LOCKED, .site = site};
    if (p->model == VL_MODEL_TSO) {
        struct thread *t = &p->thread[side_of(p)];
        const struct thread before = *t; // what it does since the last relax() is not this
        (void)access(p, &a);
        t->n_accesses = before.n_accesses;
        t->looked_at = before.looked_at;
    }
}

static void relax(void *ctx, const struct virtq_site *site)
{
    struct vl_x_port *p = ctx;
    struct thread *t = &p->thread[side_of(p)];

    (void)site;
    if (t->relaxed && t->n_accesses == 0) {
        refuse(p, "waits for something that is not in memory", 0);
    }
    t->relaxed = true;
    t->spins = t->n_accesses == 1 && t->looked_at != NO_LOC;
    t->n_accesses = 0;
}

// ---- opening -----------------------------------------------------------------------------------

struct vl_x_port *vl_x_port_open(struct vl_machine *m, const struct vl_x_halves *halves,
                                 enum vl_model model, bool weak_notify)
{
    struct vl_x_port *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->m = m;
    p->halves = *halves;
    p->model = model;
    p->weak_notify = weak_notify;
    p->before = malloc(m->memory.bytes);
    p->loc_of = malloc(m->memory.bytes / 2 * sizeof(uint16_t));
    p->area_of = calloc(m->memory.bytes / 2, 1);
    if (p->before == NULL || p->loc_of == NULL || p->area_of == NULL) {
        vl_x_port_close(p);
        return NULL;
    }
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        p->wake[side] = m->strand[side].wake;
    }
    memcpy(p->before, m->memory.host, m->memory.bytes);
    memset(p->loc_of, 0xFF, m->memory.bytes / 2 * sizeof(uint16_t));
    p->n_locs = N_COUNTERS;
    p->offset[LOC_DOORBELL] = p->offset[LOC_INTERRUPT] = UINT32_MAX;
    p->program = (struct vl_x_program){.ctx = p,
                                       .n_threads = VL_SIDE_COUNT,
                                       .n_locs = VL_X_PORT_LOCS,
                                       .servers = 1u << VL_SIDE_DEVICE,
                                       .initial = initial,
                                       .initial_bytes = initial_bytes,
                                       .restart = restart,
                                       .run = run};
    p->ops = (struct vl_explored_ops){.ctx = p,
                                      .load = load,
                                      .store = store,
                                      .fence = fence,
                                      .payload = payload,
                                      .await16 = await16,
                                      .await_event = await_event,
                                      .notify = notify,
                                      .relax = relax,
                                      .locked = locked,
                                      .leave = leave};
    vl_fiber_adopt(&m->main_fiber);
    m->config.budget_events = UINT64_MAX; // no budget, no messages, no interrupts
    m->next_check = UINT64_MAX;
    m->n_msgs = 0;
    m->irq_ready = false;
    m->explored = &p->ops;
    return p;
}

void vl_x_port_close(struct vl_x_port *p)
{
    if (p != NULL) {
        p->m->explored = NULL;
        free(p->before);
        free(p->loc_of);
        free(p->area_of);
        free(p);
    }
}

const struct vl_x_program *vl_x_port_program(const struct vl_x_port *p)
{
    return &p->program;
}

void vl_x_port_bind(struct vl_x_port *p, struct vl_explore *x)
{
    p->x = x;
}

const char *vl_x_port_error(const struct vl_x_port *p)
{
    return p->error[0] != '\0' ? p->error : NULL;
}

uint32_t vl_x_port_offset(const struct vl_x_port *p, uint32_t loc)
{
    return loc < p->n_locs ? p->offset[loc] : UINT32_MAX;
}

int vl_x_port_area(const struct vl_x_port *p, uint32_t offset)
{
    return p->area_of[offset / 2] - 1;
}
