// tests/referee/referee_script.h -- hand-made event sequences for the referees.
// A script runs as the driver half's main context of a real machine and emits the events of both
// sides itself, so that every sequence, also one that no half would make, can be shown to them.
// The queue has four entries; its parts and the buffers lie at fixed places of region 0.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef REFEREE_SCRIPT_H
#define REFEREE_SCRIPT_H

#include "model/core/vl_machine.h"
#include "model/referee/vl_referee.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 4u
#define DESC (VL_REGION0_GPA + 0x000u)
#define AVAIL (VL_REGION0_GPA + 0x100u)
#define USED (VL_REGION0_GPA + 0x200u)
#define TABLE (VL_REGION0_GPA + 0x300u)
#define BUFFER(head) (VL_REGION0_GPA + 0x400u + 0x100u * (head))
#define READABLE(head) BUFFER(head)           // 16 bytes
#define WRITABLE(head) (BUFFER(head) + 0x80u) // 32 bytes
#define N_READABLE 16u
#define N_WRITABLE 32u

#define F_NEXT 1u
#define F_WRITE 2u
#define F_INDIRECT 4u
#define F_EVENT_IDX (1ull << 29)
#define F_INDIRECT_DESC (1ull << 28)

struct script {
    struct vl_machine machine;
    struct vl_referees *referees;
    void (*steps)(struct script *s, bool broken);
    bool broken;
};

static inline void emit(struct script *s, unsigned kind, unsigned agent, uint64_t addr,
                        uint64_t value, uint64_t aux, uint32_t len)
{
    const struct vl_event ev = {.addr = addr,
                                .value = value,
                                .aux = aux,
                                .len = len,
                                .kind = (uint8_t)kind,
                                .agent = (uint8_t)agent};
    vl_emit(&s->machine, &ev, NULL, NULL);
}

static inline void note(struct script *s, unsigned agent, enum virtq_note what, uint64_t a,
                        uint64_t b, uint64_t c, uint32_t n)
{
    const struct vl_event ev = {.addr = a,
                                .value = b,
                                .aux = c,
                                .len = n,
                                .kind = VL_EV_NOTE,
                                .agent = (uint8_t)agent,
                                .barrier = (uint8_t)what};
    vl_emit(&s->machine, &ev, NULL, NULL);
}

static inline void fence_of(struct script *s, unsigned agent, enum virtq_order order)
{
    const struct vl_event ev = {
        .kind = VL_EV_FENCE, .agent = (uint8_t)agent, .order = (uint8_t)order};
    vl_emit(&s->machine, &ev, NULL, NULL);
}

static inline void fence(struct script *s, unsigned agent)
{
    fence_of(s, agent, VIRTQ_SEQ_CST);
}

// ---- loads and stores of one side -------------------------------------------------------------

static inline void d_store(struct script *s, uint64_t gpa, uint64_t value, uint32_t len)
{
    emit(s, VL_EV_STORE, VL_AGENT_DRIVER, gpa, value, 0, len);
}

static inline void d_load(struct script *s, uint64_t gpa, uint64_t value, uint32_t len)
{
    emit(s, VL_EV_LOAD, VL_AGENT_DRIVER, gpa, value, 0, len);
}

static inline void v_store(struct script *s, uint64_t gpa, uint64_t value, uint32_t len)
{
    emit(s, VL_EV_STORE, VL_AGENT_DEVICE, gpa, value, 0, len);
}

static inline void v_load(struct script *s, uint64_t gpa, uint64_t value, uint32_t len)
{
    emit(s, VL_EV_LOAD, VL_AGENT_DEVICE, gpa, value, 0, len);
}

static inline uint64_t desc_high(uint32_t len, unsigned flags, unsigned next)
{
    return len | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

static inline void d_desc(struct script *s, uint64_t at, uint64_t addr, uint32_t len,
                          unsigned flags, unsigned next)
{
    emit(s, VL_EV_STORE, VL_AGENT_DRIVER, at, addr, desc_high(len, flags, next), 16);
}

static inline void v_desc(struct script *s, uint64_t at, uint64_t addr, uint32_t len,
                          unsigned flags, unsigned next)
{
    emit(s, VL_EV_LOAD, VL_AGENT_DEVICE, at, addr, desc_high(len, flags, next), 16);
}

static inline uint64_t desc_at(unsigned index)
{
    return DESC + 16u * index;
}

// ---- one buffer's life ------------------------------------------------------------------------

static inline void live_with(struct script *s, uint64_t features, uint16_t start)
{
    emit(s, VL_EV_ALLOC, VL_AGENT_DRIVER, DESC, DESC, VIRTQ_AREA_DESC, 16 * SIZE);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_QUEUE_AREAS, DESC, AVAIL, USED, SIZE);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_QUEUE_LIVE, features, start, 0, 0);
}

static inline void live(struct script *s)
{
    live_with(s, F_INDIRECT_DESC, 0);
}

static inline void add_slot(struct script *s, unsigned head, unsigned idx, uint32_t n_elems)
{
    d_store(s, AVAIL + 4 + 2u * (idx % SIZE), head, 2);
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_SUBMIT, 100 + head, head, 0, n_elems);
}

// A buffer of one readable and one writable element: descriptors head and head + 1.
static inline void add(struct script *s, unsigned head, unsigned idx)
{
    emit(s, VL_EV_WRITE, VL_AGENT_DRIVER, READABLE(head), 0, 0, N_READABLE);
    d_desc(s, desc_at(head), READABLE(head), N_READABLE, F_NEXT, head + 1);
    d_desc(s, desc_at(head + 1), WRITABLE(head), N_WRITABLE, F_WRITE, 0);
    add_slot(s, head, idx, 2);
}

static inline void publish(struct script *s, unsigned idx)
{
    d_store(s, AVAIL + 2, idx, 2);
}

static inline void take_head(struct script *s, unsigned head, unsigned idx)
{
    v_load(s, AVAIL + 2, idx + 1, 2);
    v_load(s, AVAIL + 4 + 2u * (idx % SIZE), head, 2);
}

static inline void take(struct script *s, unsigned head, unsigned idx)
{
    take_head(s, head, idx);
    v_desc(s, desc_at(head), READABLE(head), N_READABLE, F_NEXT, head + 1);
    v_desc(s, desc_at(head + 1), WRITABLE(head), N_WRITABLE, F_WRITE, 0);
    note(s, VL_AGENT_DEVICE, VIRTQ_NOTE_POP, head, 0, 0, 2);
}

static inline void v_read(struct script *s, uint64_t gpa, uint32_t len)
{
    emit(s, VL_EV_READ, VL_AGENT_DEVICE, gpa, 0, 0, len);
}

static inline void v_write(struct script *s, uint64_t gpa, uint32_t len)
{
    emit(s, VL_EV_WRITE, VL_AGENT_DEVICE, gpa, 0, 0, len);
}

static inline void push(struct script *s, uint64_t head, uint64_t len, unsigned idx)
{
    v_store(s, USED + 4 + 8u * (idx % SIZE), head | len << 32, 8);
}

static inline void give(struct script *s, unsigned idx)
{
    v_store(s, USED + 2, idx, 2);
}

static inline void reap_load(struct script *s, uint64_t head, uint64_t len, unsigned idx)
{
    d_load(s, USED + 2, idx + 1, 2);
    d_load(s, USED + 4 + 8u * (idx % SIZE), head | len << 32, 8);
}

static inline void complete(struct script *s, unsigned head, uint32_t len)
{
    note(s, VL_AGENT_DRIVER, VIRTQ_NOTE_COMPLETE, 100 + head, head, 0, len);
}

static inline void device_sleeps(struct script *s)
{
    emit(s, VL_EV_SLEEP, VL_AGENT_DEVICE, 0, 0, 0, 0);
}

static inline void driver_sleeps(struct script *s)
{
    emit(s, VL_EV_SLEEP, VL_AGENT_DRIVER, 0, 0, 0, 0);
}

static inline void driver_kicks(struct script *s)
{
    emit(s, VL_EV_DOORBELL, VL_AGENT_DRIVER, 0, 0, 0, 0);
}

static inline void device_interrupts(struct script *s)
{
    emit(s, VL_EV_INTERRUPT, VL_AGENT_DEVICE, 0, 0, 0, 0);
}

// Published by the driver, taken by the device, as the first buffer of a live queue.
static inline void under_way(struct script *s)
{
    live(s);
    add(s, 0, 0);
    publish(s, 1);
    take(s, 0, 0);
}

// ... written, and returned with the used index.
static inline void returned(struct script *s)
{
    under_way(s);
    v_write(s, WRITABLE(0), N_WRITABLE);
    push(s, 0, N_WRITABLE, 0);
    give(s, 1);
}

// ---- running ----------------------------------------------------------------------------------

static void script_main(void *ctx)
{
    struct script *s = ctx;
    s->steps(s, s->broken);
}

static void script_idle(void *ctx)
{
    (void)ctx;
}

static inline struct script *script_open(void)
{
    struct script *s = calloc(1, sizeof(*s));
    if (s == NULL || vl_machine_open(&s->machine, VL_MEM_MIN_BYTES, 16, NULL, NULL) != VIRTQ_OK) {
        abort();
    }
    s->referees = vl_referees_open(&s->machine, 64, VL_MEM_MIN_BYTES);
    if (s->referees == NULL) {
        abort();
    }
    return s;
}

static inline void script_close(struct script *s)
{
    vl_referees_close(s->referees);
    vl_machine_close(&s->machine);
    free(s);
}

// Machine and referees at the start of a run; events may be emitted from here on.
static inline void script_ready(struct script *s, const struct vl_referee_config *config)
{
    struct vl_run_config run = {.budget_events = 1000000,
                                .hostile_driver = config->hostile_driver,
                                .hostile_device = config->hostile_device};
    memset(run.barrier_order, 0xFF, sizeof(run.barrier_order));
    s->machine.strand[VL_SIDE_DRIVER].half = (struct vl_half){.ctx = s, .main = script_main};
    s->machine.strand[VL_SIDE_DEVICE].half = (struct vl_half){.ctx = s, .main = script_idle};
    vl_machine_reset(&s->machine, &run);
    vl_choices_from_input(&s->machine.choices, NULL, 0);
    s->machine.observer = (struct vl_observer){.ctx = s->referees, .on_event = vl_referees_event};
    vl_referees_reset(s->referees, config);
}

static inline const struct vl_verdict *script_run(struct script *s,
                                                  const struct vl_referee_config *config,
                                                  void (*steps)(struct script *, bool), bool broken)
{
    script_ready(s, config);
    s->steps = steps;
    s->broken = broken;
    const struct vl_verdict *verdict = vl_machine_run(&s->machine);
    vl_referees_end(s->referees, &s->machine.verdict);
    return verdict;
}

#endif
