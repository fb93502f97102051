// tools/cmd/ring_from.c -- a ring as a run of the lab left it, read from its guest memory.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_from.h"

#include "model/trace/vl_record.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_probe.h"
#include "tools/cmd/event_text.h"
#include "tools/lab/lab_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_MAX_BYTES (16u << 20) // of guest memory that is taken along
#define DEVIATIONS_MIN 1024u

// What the child leaves behind.
struct taken {
    bool found;
    bool live;
    bool stuck;
    uint32_t size;
    uint64_t features;
    uint16_t start_idx;
    uint16_t n_reaped; // since the queue is live, modulo 2^16
    uint16_t n_popped;
    uint8_t desc[VIRTQ_DESC_BYTES * VIRTQ_QUEUE_SIZE_MAX];
    uint8_t avail[VIRTQ_RING_HEADER_BYTES + VIRTQ_AVAIL_ELEM_BYTES * VIRTQ_QUEUE_SIZE_MAX + 2];
    uint8_t used[VIRTQ_RING_HEADER_BYTES + VIRTQ_USED_ELEM_BYTES * VIRTQ_QUEUE_SIZE_MAX + 2];
    uint32_t n_memories;
    struct {
        uint64_t addr;
        uint32_t bytes;
        uint32_t off; // in data
    } memory[VL_REGIONS];
    uint8_t data[TAKEN_MAX_BYTES];
};

struct child {
    struct lab *lab;
    struct lab_choices choices;
    uint16_t queue;
    bool quiet;
    struct event_text *where;
    struct taken *taken;
};

// Guest-physical bytes that lie in one or two regions.
static bool copy_out(const struct vl_memory *mem, uint64_t gpa, uint8_t *to, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) { // bound: a part of a ring
        const struct vl_region *found = NULL;
        for (unsigned k = 0; k < VL_REGIONS; k++) {
            const struct vl_region *r = &mem->region[k];
            found = gpa + i - r->gpa < r->bytes ? r : found;
        }
        if (found == NULL) {
            return false;
        }
        to[i] = mem->host[found->off + (uint32_t)(gpa + i - found->gpa)];
    }
    return true;
}

// What was handed out of each region, under the addresses that descriptors have. Regions 0 and 1
// touch, and a table may lie across: the whole of 0 then comes with it.
static void take_memory(struct taken *t, const struct vl_memory *mem)
{
    uint32_t off = 0;
    for (unsigned k = 0; k < VL_REGIONS; k++) {
        const struct vl_region *r = &mem->region[k];
        const bool joined = k == 1 && t->n_memories == 1;
        const uint32_t bytes = k == 0 && mem->region[1].used > 0 ? r->bytes : r->used;
        if (bytes == 0 || bytes > TAKEN_MAX_BYTES - off) {
            continue;
        }
        memcpy(t->data + off, mem->host + r->off, bytes);
        if (joined) {
            t->memory[0].bytes += bytes;
        } else {
            t->memory[t->n_memories].addr = r->gpa + mem->bus_offset;
            t->memory[t->n_memories].bytes = bytes;
            t->memory[t->n_memories].off = off;
            t->n_memories++;
        }
        off += bytes;
    }
}

// The queue as guest memory has it now.
static void take(struct child *c)
{
    struct taken *t = c->taken;
    const struct vl_memory *mem = &lab_machine(c->lab)->memory;
    const struct event_text_queue *q = &c->where->queue[c->queue & 0xFFu];

    t->size = q->size;
    t->found = q->known && copy_out(mem, q->desc, t->desc, virtq_desc_table_bytes(q->size)) &&
               copy_out(mem, q->avail, t->avail, virtq_avail_bytes(q->size)) &&
               copy_out(mem, q->used, t->used, virtq_used_bytes(q->size));
    t->n_memories = 0;
    take_memory(t, mem);
}

static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct child *c = ctx;
    (void)seq;
    (void)payload;
    event_text_learn(c->where, ev);
    c->taken->stuck = ev->kind == VL_EV_SLEEP || ev->kind == VL_EV_QUIESCENT;
    if (ev->kind != VL_EV_NOTE || ev->queue != (c->queue & 0xFFu)) {
        return;
    }
    switch (ev->barrier) {
    case VIRTQ_NOTE_QUEUE_LIVE:
        c->taken->live = true;
        c->taken->found = false;
        c->taken->features = ev->addr;
        c->taken->start_idx = (uint16_t)ev->value;
        c->taken->n_reaped = 0;
        c->taken->n_popped = 0;
        break;
    case VIRTQ_NOTE_QUEUE_DOWN: // what comes is no ring any more, what was still stands there
        take(c);
        c->taken->live = false;
        break;
    case VIRTQ_NOTE_COMPLETE: c->taken->n_reaped++; break;
    case VIRTQ_NOTE_POP: c->taken->n_popped++; break;
    default: break;
    }
}

static int run_child(void *arg)
{
    struct child *c = arg;
    const struct vl_observer observer = {.ctx = c, .on_event = on_event};

    if (c->quiet) {
        cmd_probe_hush();
    }
    lab_set_observer(c->lab, &observer);
    (void)lab_run(c->lab, &c->choices);
    if (c->taken->live) {
        take(c);
    }
    return 0;
}

static bool fill(struct ring_image *r, const struct taken *t, char *err)
{
    if (!ring_image_open(r, t->size, err)) {
        return false;
    }
    memcpy(r->desc, t->desc, virtq_desc_table_bytes(t->size));
    memcpy(r->avail, t->avail, virtq_avail_bytes(t->size));
    memcpy(r->used, t->used, virtq_used_bytes(t->size));
    r->features_known = true;
    r->indirect = (t->features & VIRTQ_F_INDIRECT_DESC) != 0;
    r->event_idx = (t->features & VIRTQ_F_EVENT_IDX) != 0;
    r->start_idx = t->start_idx;
    r->driver_known = true;
    r->last_used = (uint16_t)(t->start_idx + t->n_reaped);
    r->device_known = true;
    r->last_avail = (uint16_t)(t->start_idx + t->n_popped);
    for (uint32_t i = 0; i < t->n_memories; i++) { // bound: VL_REGIONS
        uint8_t *data = malloc(t->memory[i].bytes);
        if (data == NULL) {
            (void)snprintf(err, RING_ERR_BYTES, "no memory left");
            return false;
        }
        memcpy(data, t->data + t->memory[i].off, t->memory[i].bytes);
        r->memory[r->n_memories++] = (struct ring_memory){
            .addr = t->memory[i].addr, .bytes = t->memory[i].bytes, .data = data};
    }
    return true;
}

static bool run(struct child *c, const struct lab_input *in, struct ring_image *r,
                struct ring_end *end, char *err)
{
    const struct lab_options options = {.shared = true,
                                        .referees = true,
                                        .deviations_max =
                                            in->n < DEVIATIONS_MIN ? DEVIATIONS_MIN : in->n};
    struct vl_record_result result;

    c->lab = lab_open(&in->scenario, &options, err);
    if (c->lab == NULL) {
        return false;
    }
    const struct vl_record_job job = {
        .tool = cmd_build_id(), .machine = lab_machine(c->lab), .child = run_child, .arg = c};
    bool ok = vl_record_run(&job, &result, err) == VIRTQ_OK;
    lab_close(c->lab);
    if (ok) {
        *end = (struct ring_end){.found = c->taken->found, .stuck = c->taken->stuck};
        ok = !end->found || fill(r, c->taken, err);
    }
    return ok;
}

bool ring_from_run(const struct lab_input *in, uint16_t queue, bool quiet, struct ring_image *r,
                   struct ring_end *end, char *err)
{
    struct child c = {.choices = {.source = VL_SOURCE_INPUT, .list = in->list, .n = in->n},
                      .queue = queue,
                      .quiet = quiet,
                      .where = calloc(1, sizeof(*c.where)),
                      .taken = vl_record_shared_open(sizeof(*c.taken))};
    bool ok = false;

    memset(r, 0, sizeof(*r));
    *end = (struct ring_end){0};
    if (c.where == NULL || c.taken == NULL) {
        (void)snprintf(err, RING_ERR_BYTES, "no memory left");
    } else {
        ok = run(&c, in, r, end, err);
    }
    vl_record_shared_close(c.taken, sizeof(*c.taken));
    free(c.where);
    return ok;
}
