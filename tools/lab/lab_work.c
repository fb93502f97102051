// tools/lab/lab_work.c -- the workload. Choice 0 is the scenario's plain request; other values of
// the workload lane make requests smaller, split differently, direct instead of indirect.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_work.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

static uint32_t choice(struct lab_workload *w, unsigned key, uint32_t n_options)
{
    return vl_lab_choice(w->machine, VL_LANE_WORKLOAD, key, n_options);
}

// Split total bytes into n elements; the last takes the rest.
static void split(struct lab_request *r, uint32_t total, uint32_t n)
{
    VIRTQ_ASSERT(n > 0);
    r->n_elems = n;
    for (uint32_t i = 0; i < n; i++) { // bound: LAB_ELEMS_MAX
        r->elem_bytes[i] = total / n;
    }
    r->elem_bytes[n - 1] += total % n;
}

// How long element i is. One may be empty, but not all of a buffer [5.4.6.1].
static uint32_t entropy_bytes(const struct lab_scenario *s, uint32_t i, uint32_t less)
{
    if (less == 255 && i > 0) {
        return 0;
    }
    const uint32_t cut = (uint32_t)((uint64_t)s->bytes * less / 256);
    return s->bytes - cut > 0 ? s->bytes - cut : 1;
}

static void shape_entropy(struct lab_workload *w, struct lab_request *r)
{
    const struct lab_scenario *s = w->scenario;
    const uint32_t n = s->chain - choice(w, LAB_WORK_KEY_ELEMS, s->chain);

    r->kind = LAB_REQ_FILL;
    r->n_elems = n;
    for (uint32_t i = 0; i < n; i++) { // bound: LAB_ELEMS_MAX
        r->elem_bytes[i] = entropy_bytes(s, i, choice(w, LAB_WORK_KEY_BYTES, 256));
    }
}

static uint32_t request_sectors(const struct lab_workload *w)
{
    return (w->scenario->bytes + SECTOR - 1) / SECTOR;
}

static enum lab_request_kind op_of(struct lab_workload *w)
{
    static const enum lab_request_kind cycle[] = {LAB_REQ_WRITE, LAB_REQ_READ, LAB_REQ_FLUSH,
                                                  LAB_REQ_GET_ID};
    const bool mix = w->scenario->ops == LAB_OP_MIX;
    const uint32_t v = choice(w, LAB_WORK_KEY_OP, 4);

    if (!mix) {
        return LAB_REQ_READ;
    }
    return cycle[(w->issued + v) % 4];
}

static void fill_pattern(struct lab_workload *w, uint64_t token, uint32_t bytes)
{
    uint64_t state = token << 24;
    for (uint32_t i = 0; i < bytes;) { // bound: bytes
        const uint64_t v = vl_mix64(&state);
        for (unsigned b = 0; b < 8 && i < bytes; b++) {
            w->write_data[i++] = (uint8_t)(v >> (8 * b));
        }
    }
}

static void shape_blk(struct lab_workload *w, struct lab_request *r)
{
    const struct lab_scenario *s = w->scenario;
    uint32_t sectors = request_sectors(w);
    const uint32_t n = s->chain - choice(w, LAB_WORK_KEY_ELEMS, s->chain);
    const uint32_t less = choice(w, LAB_WORK_KEY_BYTES, sectors);

    r->kind = w->whole_disk ? LAB_REQ_READ : op_of(w);
    const uint64_t span = w->capacity_sectors;
    const uint32_t where = choice(w, LAB_WORK_KEY_SECTOR, 65536);
    sectors = w->whole_disk ? sectors : sectors - less;
    if (w->whole_disk) {
        r->sector = w->next_sector;
        if (sectors > span - r->sector) {
            sectors = (uint32_t)(span - r->sector);
        }
        w->next_sector += sectors;
    } else {
        sectors = sectors > span ? (uint32_t)span : sectors;
        r->sector = (w->issued * sectors + where) % (span - sectors + 1);
    }
    switch (r->kind) {
    case LAB_REQ_FLUSH: r->n_elems = 0; return;
    case LAB_REQ_GET_ID: split(r, 20, 1); return;
    case LAB_REQ_WRITE:
        fill_pattern(w, r->token, sectors * SECTOR);
        r->data = w->write_data;
        break;
    case LAB_REQ_FILL:
    case LAB_REQ_READ: break;
    }
    split(r, sectors * SECTOR, n);
}

static bool more_to_ask(const struct lab_workload *w)
{
    if (w->failed) {
        return false;
    }
    if (w->whole_disk) {
        return w->next_sector < w->capacity_sectors;
    }
    return w->issued < w->scenario->buffers;
}

static bool work_next(void *ctx, struct lab_request *request)
{
    struct lab_workload *w = ctx;

    if (!more_to_ask(w) || (w->whole_disk && w->issued - w->window_base >= LAB_WINDOW)) {
        return false;
    }
    memset(request, 0, offsetof(struct lab_request, elem_bytes));
    request->data = NULL;
    request->token = ++w->issued;
    if (w->scenario->device == LAB_DEVICE_BLK) {
        shape_blk(w, request);
    } else {
        shape_entropy(w, request);
    }
    const bool flip = choice(w, LAB_WORK_KEY_INDIRECT, 2) != 0;
    request->indirect = (request->n_elems > 1) != flip;
    return true;
}

// Replies of a whole-disk read are hashed in order of the requests.
static void take_reply(struct lab_workload *w, uint64_t number, const uint8_t *data, uint32_t bytes)
{
    if (data == NULL || number < w->window_base || number - w->window_base >= LAB_WINDOW) {
        w->hash_broken = true;
        return;
    }
    const uint32_t at = (uint32_t)(number % LAB_WINDOW);
    memcpy(w->window + (size_t)at * w->request_bytes_max, data, bytes);
    w->window_len[at] = bytes;
    for (;;) { // bound: LAB_WINDOW
        const uint32_t i = (uint32_t)(w->window_base % LAB_WINDOW);
        if (w->window_len[i] == 0) {
            break;
        }
        vl_sha256_update(&w->sha, w->window + (size_t)i * w->request_bytes_max, w->window_len[i]);
        w->window_len[i] = 0;
        w->window_base++;
    }
    if (w->next_sector == w->capacity_sectors && w->window_base == w->issued && !w->hash_broken) {
        uint8_t digest[VL_SHA256_BYTES];
        struct vl_sha256 sha = w->sha;
        vl_sha256_final(&sha, digest);
        vl_sha256_hex(digest, w->sha256);
    }
}

static void work_done(void *ctx, uint64_t token, enum virtq_err result, const uint8_t *data,
                      uint32_t bytes)
{
    struct lab_workload *w = ctx;
    w->completed++;
    if (w->whole_disk) {
        take_reply(w, token - 1, result == VIRTQ_OK ? data : NULL, bytes);
    }
}

static void work_detached(void *ctx, uint64_t token)
{
    struct lab_workload *w = ctx;
    (void)token;
    w->hash_broken = true; // its sectors are not asked for again
}

static uint32_t work_batch(void *ctx)
{
    struct lab_workload *w = ctx;
    const uint32_t batch = w->scenario->batch;
    return batch - choice(w, LAB_WORK_KEY_BATCH, batch);
}

// Resets are spread evenly over the work; a choice moves one elsewhere.
static bool work_reset_now(void *ctx)
{
    struct lab_workload *w = ctx;
    const struct lab_scenario *s = w->scenario;

    if (w->resets_done >= s->resets) {
        return false;
    }
    const uint64_t due = (uint64_t)s->buffers * (w->resets_done + 1) / (s->resets + 1);
    const bool now = w->issued >= due;
    if (now != (choice(w, LAB_WORK_KEY_RESET, 2) != 0)) {
        w->resets_done++;
        return true;
    }
    return false;
}

static void work_failed(void *ctx, enum virtq_err err)
{
    struct lab_workload *w = ctx;
    w->failed = true;
    w->error = err;
}

static void work_config(void *ctx, uint64_t capacity_sectors)
{
    struct lab_workload *w = ctx;
    w->capacity_sectors = capacity_sectors;
}

bool lab_workload_open(struct lab_workload *w, const struct lab_scenario *s)
{
    memset(w, 0, sizeof(*w));
    w->request_bytes_max = (s->bytes + SECTOR) * s->chain + SECTOR;
    w->write_data = calloc(1, w->request_bytes_max);
    if (s->device == LAB_DEVICE_BLK && s->buffers == 0) {
        w->window = calloc(LAB_WINDOW, w->request_bytes_max);
    }
    return w->write_data != NULL &&
           (w->window != NULL || s->buffers != 0 || s->device != LAB_DEVICE_BLK);
}

void lab_workload_close(struct lab_workload *w)
{
    free(w->write_data);
    free(w->window);
    w->write_data = NULL;
    w->window = NULL;
}

void lab_workload_reset(struct lab_workload *w, struct vl_machine *m, const struct lab_scenario *s)
{
    w->machine = m;
    w->scenario = s;
    w->work = (struct lab_work){.ctx = w,
                                .next = work_next,
                                .done = work_done,
                                .detached = work_detached,
                                .batch = work_batch,
                                .reset_now = work_reset_now,
                                .failed = work_failed,
                                .config = work_config};
    w->capacity_sectors = 0;
    w->whole_disk = s->device == LAB_DEVICE_BLK && s->buffers == 0 && w->window != NULL;
    w->next_sector = 0;
    w->issued = 0;
    w->completed = 0;
    w->resets_done = 0;
    w->failed = false;
    w->error = VIRTQ_OK;
    w->window_base = 0;
    w->hash_broken = false;
    w->sha256[0] = '\0';
    if (w->whole_disk) {
        memset(w->window_len, 0, sizeof(w->window_len));
        vl_sha256_init(&w->sha);
    }
}
