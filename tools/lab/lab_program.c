// tools/lab/lab_program.c -- a program for the explorer: its threads as fibers, its memory.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_program_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 24u

struct lab_program {
    struct lab_program_knobs knobs;
    struct vl_x_program explored;
    const struct lab_program_code *code;
    struct vl_fiber explorer;
    struct lab_program_thread thread[LAB_PROGRAM_THREADS];
    char name[LAB_LOC_PAYLOAD + LAB_ARRAY_COUNT * LAB_PROGRAM_SIZE_MAX][NAME_BYTES];
};

// ---- what the explorer asks ---------------------------------------------------------------------

// With flags both sides begin unwilling to be notified; all else is 0.
static uint16_t initial_word(void *ctx, uint32_t loc)
{
    const struct lab_program *p = ctx;
    const bool flags = loc == LAB_LOC_AVAIL_FLAGS || loc == LAB_LOC_USED_FLAGS;
    switch (p->knobs.name) {
    case LAB_VQ_KICK: return !p->knobs.event_idx && loc == LAB_LOC_USED_FLAGS;
    case LAB_VQ_IRQ: return !p->knobs.event_idx && loc == LAB_LOC_AVAIL_FLAGS;
    case LAB_VQ_FULL: return !p->knobs.event_idx && flags;
    default: return 0;
    }
}

static void initial_bytes(void *ctx, uint32_t addr, uint32_t len, void *bytes)
{
    (void)ctx;
    (void)addr;
    memset(bytes, 0, len);
}

static void thread_main(void *arg)
{
    struct lab_program_thread *t = arg;
    lab_program_code[t->knobs->name].run[t->id](t);
    t->seen.ended = true;
    vl_fiber_switch(&t->fiber, t->explorer); // for good: it is started again, or not at all
}

static void restart_thread(void *ctx, uint32_t thread)
{
    struct lab_program *p = ctx;
    struct lab_program_thread *t = &p->thread[thread];
    memset(&t->seen, 0, sizeof(t->seen));
    vl_fiber_start(&t->fiber, thread_main, t);
}

static bool run_thread(void *ctx, uint32_t thread)
{
    struct lab_program *p = ctx;
    struct lab_program_thread *t = &p->thread[thread];
    if (!t->seen.ended) {
        vl_fiber_switch(&p->explorer, &t->fiber);
    }
    return t->seen.ended;
}

// ---- the program --------------------------------------------------------------------------------

static void name_locations(struct lab_program *p)
{
    static const char *const words[LAB_LOC_PAYLOAD] = {"avail.idx", "avail.flags", "used_event",
                                                       "used.idx",  "used.flags",  "avail_event",
                                                       "doorbell",  "interrupt"};
    static const char *const arrays[LAB_ARRAY_COUNT] = {"desc", "buf", "avail.ring", "used.ring"};
    for (uint32_t i = 0; i < LAB_LOC_PAYLOAD; i++) {
        (void)snprintf(p->name[i], NAME_BYTES, "%s", words[i]);
    }
    for (uint32_t i = 0; i < LAB_ARRAY_COUNT * (uint32_t)p->knobs.qsz; i++) {
        (void)snprintf(p->name[LAB_LOC_PAYLOAD + i], NAME_BYTES, "%s[%u]", arrays[i / p->knobs.qsz],
                       (unsigned)(i % p->knobs.qsz));
    }
}

struct lab_program *lab_program_open(const struct lab_program_knobs *knobs)
{
    struct lab_program *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->knobs = *knobs;
    p->code = &lab_program_code[knobs->name];
    p->explored = (struct vl_x_program){
        .ctx = p,
        .n_threads = LAB_PROGRAM_THREADS,
        .n_locs = LAB_LOC_PAYLOAD + (knobs->plain ? 0 : LAB_ARRAY_COUNT * (uint32_t)knobs->qsz),
        .initial = initial_word,
        .initial_bytes = initial_bytes,
        .restart = restart_thread,
        .run = run_thread,
    };
    name_locations(p);
    vl_fiber_adopt(&p->explorer);
    for (uint32_t i = 0; i < LAB_PROGRAM_THREADS; i++) {
        struct lab_program_thread *t = &p->thread[i];
        t->id = i;
        t->knobs = &p->knobs;
        t->explorer = &p->explorer;
        if (vl_fiber_open(&t->fiber) != VIRTQ_OK) {
            lab_program_close(p);
            return NULL;
        }
        restart_thread(p, i);
    }
    return p;
}

void lab_program_close(struct lab_program *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < LAB_PROGRAM_THREADS; i++) {
        vl_fiber_close(&p->thread[i].fiber);
    }
    free(p);
}

const struct vl_x_program *lab_program_explored(const struct lab_program *p)
{
    return &p->explored;
}

void lab_program_bind(struct lab_program *p, struct vl_explore *x)
{
    for (uint32_t i = 0; i < LAB_PROGRAM_THREADS; i++) {
        p->thread[i].x = x;
    }
}

bool lab_program_holds(const struct lab_program *p)
{
    return p->code->holds(&p->thread[0], &p->thread[1]);
}

const char *lab_program_loc_name(const struct lab_program *p, uint32_t loc)
{
    const uint32_t n = LAB_LOC_PAYLOAD + LAB_ARRAY_COUNT * (uint32_t)p->knobs.qsz;
    return loc < n ? p->name[loc] : "?";
}

const char *lab_program_addr_name(const struct lab_program *p, uint32_t addr)
{
    return lab_program_loc_name(p, addr / 2);
}
