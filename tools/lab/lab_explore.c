// tools/lab/lab_explore.c -- a world behind its set-up as the explorer's program.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_explore.h"

#include "model/explore/vl_x_port.h"
#include "tools/lab/lab_world_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lab_explored {
    struct lab *lab;
    struct vl_x_port *port;
    uint8_t *state[VL_SIDE_COUNT]; // of both halves, behind set-up
    struct lab_workload workload;  // the driver's part of the lab
    struct lab_disk disk;          // the device's
};

static void restart(void *ctx, enum vl_side side)
{
    struct lab_explored *e = ctx;
    struct lab *lab = e->lab;

    memcpy(lab->state[side], e->state[side], lab->state_bytes[side]);
    if (side == VL_SIDE_DRIVER) {
        lab->workload = e->workload;
    } else {
        lab_disk_reset(&lab->disk, lab->machine, &lab->scenario); // forget what was written
        lab->disk = e->disk;
    }
    struct vl_strand *s = &lab->machine->strand[side];
    s->depth = 0;
    s->asleep = s->awaiting = s->wake = s->done = false;
    s->agent = side == VL_SIDE_DRIVER ? VL_AGENT_DRIVER : VL_AGENT_DEVICE;
}

static bool step(void *ctx, enum vl_side side)
{
    const struct lab_explored *e = ctx;
    return e->lab->player[side]->step(e->lab->state[side]);
}

static bool explorable(const struct lab_scenario *s, char err[LAB_ERR_BYTES])
{
    const char *what = NULL;
    if (s->hostile != LAB_HOSTILE_NONE) {
        what = "hostile=: a hostile peer has too many choices";
    } else if (s->resets != 0) {
        what = "resets=: exploring ends where the device is taken down";
    } else if (s->dma == LAB_DMA_BOUNCE) {
        what = "dma=bounce: whole buffers are copied behind the ring's back";
    } else if (s->transport == LAB_TRANSPORT_PCI && s->interrupt == LAB_INTERRUPT_INTX) {
        what = "interrupt=intx: a line is no counter";
    } else if (s->disk[0] != '\0') {
        what = "disk=: only the built-in medium";
    } else if (s->buffers == 0) {
        what = "buffers=0: a whole disk is too much";
    }
    if (what != NULL) {
        (void)snprintf(err, LAB_ERR_BYTES, "not explored: %s", what);
    }
    return what == NULL;
}

static bool set_up(struct lab_explored *e, const struct lab_scenario *s, char err[LAB_ERR_BYTES])
{
    struct lab *lab = e->lab;
    const struct vl_x_halves halves = {.ctx = e, .restart = restart, .step = step};

    if (!lab_set_up(lab)) {
        (void)snprintf(err, LAB_ERR_BYTES, "the halves do not come up: %.200s",
                       lab->machine->verdict.detail);
        return false;
    }
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        e->state[side] = malloc(lab->state_bytes[side]);
        if (e->state[side] == NULL) {
            (void)snprintf(err, LAB_ERR_BYTES, "not enough memory");
            return false;
        }
        memcpy(e->state[side], lab->state[side], lab->state_bytes[side]);
    }
    e->workload = lab->workload;
    e->disk = lab->disk;
    e->port = vl_x_port_open(lab->machine, &halves, (enum vl_model)s->memory,
                             s->platform == LAB_PLATFORM_WEAK_MMIO);
    if (e->port == NULL) {
        (void)snprintf(err, LAB_ERR_BYTES, "not enough memory");
    }
    return e->port != NULL;
}

struct lab_explored *lab_explore_open(const struct lab_scenario *s, const char *player_dir,
                                      char err[LAB_ERR_BYTES])
{
    const struct lab_options options = {.player_dir = player_dir};
    struct lab_scenario sequential = *s;
    struct lab_explored *e = calloc(1, sizeof(*e));

    if (e == NULL) {
        (void)snprintf(err, LAB_ERR_BYTES, "not enough memory");
        return NULL;
    }
    sequential.memory = LAB_MEMORY_SC;
    sequential.races = LAB_RACES_STOP;
    sequential.platform = LAB_PLATFORM_STRONG;
    sequential.notify = LAB_NOTIFY_COUNTER;
    if (explorable(s, err)) {
        e->lab = lab_open(&sequential, &options, err);
    }
    if (e->lab == NULL || !set_up(e, s, err)) {
        lab_explore_close(e);
        return NULL;
    }
    return e;
}

void lab_explore_close(struct lab_explored *e)
{
    if (e != NULL) {
        vl_x_port_close(e->port);
        if (e->lab != NULL) {
            lab_close(e->lab);
        }
        free(e->state[0]);
        free(e->state[1]);
        free(e);
    }
}

const struct vl_x_program *lab_explore_program(const struct lab_explored *e)
{
    return vl_x_port_program(e->port);
}

void lab_explore_bind(struct lab_explored *e, struct vl_explore *x)
{
    vl_x_port_bind(e->port, x);
}

bool lab_explore_holds(const struct lab_explored *e)
{
    const struct lab_workload *w = &e->lab->workload;
    return !w->failed && w->completed == w->issued && w->issued == e->lab->scenario.buffers;
}

const char *lab_explore_error(const struct lab_explored *e)
{
    return vl_x_port_error(e->port);
}

const char *lab_explore_addr_name(const struct lab_explored *e, uint32_t addr)
{
    switch (vl_x_port_area(e->port, addr)) {
    case VIRTQ_AREA_DESC: return "a descriptor";
    case VIRTQ_AREA_INDIRECT: return "an indirect descriptor";
    case VIRTQ_AREA_AVAIL: return "an available entry";
    case VIRTQ_AREA_USED: return "a used entry";
    case VIRTQ_AREA_BUFFER: return "a buffer";
    default: return "memory";
    }
}
