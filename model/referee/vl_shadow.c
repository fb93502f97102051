// model/referee/vl_shadow.c -- the driver's stores as memory, and chains decoded from them.
// Spec: virtio 1.4 §2.7.5, §2.7.13 (1.0: §2.4.5, §3.2.1).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_shadow.h"

#include <stdlib.h>
#include <string.h>

// ---- memory ---------------------------------------------------------------------------------

static void take_regions(struct vl_image *im, const struct vl_range *regions, uint32_t n)
{
    im->n_ranges = 0;
    im->border = VL_NOWHERE;
    for (uint32_t i = 0; i < n; i++) { // bound: VL_IMAGE_RANGES
        const struct vl_range *region = &regions[i];
        struct vl_range *last = im->n_ranges > 0 ? &im->range[im->n_ranges - 1] : NULL;
        if (region->bytes == 0) {
            continue;
        }
        if (last != NULL && last->gpa + last->bytes == region->gpa &&
            last->off + last->bytes == region->off) {
            im->border = region->gpa;
            last->bytes += region->bytes;
        } else {
            im->range[im->n_ranges++] = *region;
        }
    }
}

bool vl_image_open(struct vl_image *im, uint32_t mem_bytes)
{
    im->n_granules = mem_bytes / VL_DESC_BYTES;
    im->granule = calloc(im->n_granules, sizeof(struct vl_granule));
    im->exposed = calloc(im->n_granules, sizeof(uint16_t));
    im->run = 1;
    return im->granule != NULL && im->exposed != NULL;
}

void vl_image_close(struct vl_image *im)
{
    free(im->granule);
    free(im->exposed);
}

void vl_image_reset(struct vl_image *im, const struct vl_range *regions, uint32_t n)
{
    im->run++;
    if (im->run == 0) { // after 2^32 runs no granule may look like one of this run
        memset(im->granule, 0, im->n_granules * sizeof(struct vl_granule));
        im->run = 1;
    }
    im->bus_offset = 0;
    take_regions(im, regions, n);
}

void vl_image_store(struct vl_image *im, uint64_t gpa, uint32_t bytes, uint64_t value,
                    uint64_t high)
{
    uint32_t off = 0;

    if (!vl_image_find(im, gpa, bytes, &off)) {
        return;
    }
    if (bytes == VL_DESC_BYTES && off % VL_DESC_BYTES == 0) {
        struct vl_granule *g = vl_image_granule(im, off / VL_DESC_BYTES);
        g->low = value;
        g->high = high;
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) { // bound: 16
        const uint64_t byte = (i < 8 ? value >> (8 * i) : high >> (8 * (i - 8))) & 0xFFu;
        const uint32_t at = (off + i) % VL_DESC_BYTES;
        struct vl_granule *g = vl_image_granule(im, (off + i) / VL_DESC_BYTES);
        uint64_t *word = at < 8 ? &g->low : &g->high;
        *word = (*word & ~(0xFFull << (8 * (at % 8)))) | byte << (8 * (at % 8));
    }
}

uint16_t vl_image_load16(const struct vl_image *im, uint64_t gpa)
{
    uint32_t off = 0;

    if (!vl_image_find(im, gpa, 2, &off)) {
        return 0;
    }
    const struct vl_granule *g = &im->granule[off / VL_DESC_BYTES];
    const uint32_t at = off % VL_DESC_BYTES;
    const uint64_t word = at < 8 ? g->low >> (8 * at) : g->high >> (8 * (at - 8));
    return g->run == im->run ? (uint16_t)word : (uint16_t)0;
}

void vl_image_expose(struct vl_image *im, uint32_t off, uint32_t bytes, uint16_t by)
{
    if (bytes == 0) {
        return;
    }
    const uint32_t last = (off + bytes - 1) / VL_DESC_BYTES;
    for (uint32_t g = off / VL_DESC_BYTES; g <= last; g++) { // bound: bytes
        im->exposed[g] = (uint16_t)(im->exposed[g] + by);
    }
}

bool vl_image_private(const struct vl_image *im, uint32_t off, uint32_t bytes)
{
    const uint32_t last = (off + bytes - 1) / VL_DESC_BYTES;
    uint32_t any = 0;

    for (uint32_t g = off / VL_DESC_BYTES; g <= last; g++) { // bound: bytes
        any |= im->exposed[g];
    }
    return any == 0;
}

// ---- chains ---------------------------------------------------------------------------------

void vl_walk_start(const struct vl_squeue *q, uint32_t head, struct vl_walk *walk)
{
    *walk = (struct vl_walk){.table = q->desc_granule, .n_table = q->size, .slot = head};
}

#define VL_CHAIN_TEXT_(id, text) text,
static const char *const chain_rule_text[] = {VL_CHAIN_RULES(VL_CHAIN_TEXT_)};

static bool bad(struct vl_walk *walk, enum vl_chain_rule rule)
{
    walk->rule = (uint8_t)rule;
    walk->bad = chain_rule_text[rule];
    return false;
}

static bool enter_table(const struct vl_image *im, const struct vl_squeue *q, struct vl_walk *walk,
                        const struct vl_desc *desc, struct vl_step *step)
{
    uint32_t off = 0;

    if (!q->indirect) {
        return bad(walk, VL_CHAIN_FEATURE);
    }
    if (walk->nested) {
        return bad(walk, VL_CHAIN_NESTED);
    }
    if ((desc->flags & VL_DESC_NEXT) != 0) {
        return bad(walk, VL_CHAIN_NEXT_TOO);
    }
    if (desc->len == 0 || desc->len % VL_DESC_BYTES != 0) {
        return bad(walk, VL_CHAIN_TABLE_LEN);
    }
    if (!vl_image_find(im, vl_image_gpa(im, desc->addr), desc->len, &off)) {
        return bad(walk, VL_CHAIN_TABLE_WHERE);
    }
    step->table = true;
    step->entries = desc->len / VL_DESC_BYTES;
    walk->nested = true;
    walk->table = off / VL_DESC_BYTES;
    walk->n_table = step->entries;
    walk->slot = 0;
    // Nothing says that a table is aligned; one that is not is taken as it is, unlooked at.
    walk->end = off % VL_DESC_BYTES != 0;
    return true;
}

bool vl_walk_next(const struct vl_image *im, const struct vl_squeue *q, struct vl_walk *walk,
                  struct vl_step *step)
{
    if (walk->end) {
        return false;
    }
    if (walk->slot >= walk->n_table) {
        return bad(walk, VL_CHAIN_NEXT_RANGE);
    }
    const uint32_t index = walk->table + walk->slot;
    const struct vl_granule *g = &im->granule[index];
    const bool stored = g->run == im->run;
    const struct vl_desc desc = vl_desc_of(stored ? g->low : 0, stored ? g->high : 0);
    step->granule = index;
    step->table = step->writable = false;
    step->off = step->len = 0;
    if ((desc.flags & ~VL_DESC_FLAGS) != 0) {
        return bad(walk, VL_CHAIN_FLAGS);
    }
    if ((desc.flags & VL_DESC_INDIRECT) != 0) {
        return enter_table(im, q, walk, &desc, step);
    }
    step->writable = (desc.flags & VL_DESC_WRITE) != 0;
    step->gpa = vl_image_gpa(im, desc.addr);
    step->len = desc.len;
    walk->n_elems++;
    walk->n_bytes += desc.len;
    if (walk->n_elems > q->size) {
        return bad(walk, VL_CHAIN_LONG);
    }
    if (!step->writable && walk->writable_seen) {
        return bad(walk, VL_CHAIN_ORDER);
    }
    if (walk->n_bytes > 1ull << 32) {
        return bad(walk, VL_CHAIN_BYTES);
    }
    if (desc.len > 0 && !vl_image_find(im, step->gpa, desc.len, &step->off) && !walk->anywhere) {
        return bad(walk, VL_CHAIN_WHERE);
    }
    walk->writable_seen = step->writable;
    walk->end = (desc.flags & VL_DESC_NEXT) == 0;
    walk->slot = desc.next;
    return true;
}

// ---- queues ---------------------------------------------------------------------------------

void vl_squeue_start(struct vl_squeue *q, uint16_t start_idx)
{
    memset(q->head, 0, q->size * sizeof(struct vl_head));
    memset(q->avail_slot, 0, q->size * sizeof(uint32_t));
    memset(q->used_slot, 0, q->size * sizeof(uint64_t));
    memset(q->used_fresh, 0, q->size);
    for (uint32_t i = 0; i < q->size; i++) {
        q->head[i].first_elem = VL_NONE;
        q->head[i].last_elem = VL_NONE;
    }
    q->stood_down = false;
    q->avail_idx = q->reaped = q->seen_used = start_idx;
    q->seen_avail = q->taken = q->used_idx = start_idx;
    q->n_fresh = 0;
    q->n_left = 0;
    q->idx_seq = 0;
    q->n_published = 0;
    q->n_ever_published = 0;
    q->n_taken_back = 0;
    q->n_descs = 0;
    q->last_submitted = q->last_completed = VL_NONE;
    q->send_pending = false;
    q->served = false;
    q->grants_lost = false;
    q->n_held = 0;
    q->n_popped = 0;
    q->n_given_back = 0;
    q->walk_head = q->hint_head = q->last_elem = VL_NONE;
    q->walk_expect = VL_NOWHERE;
    memset(q->piece, 0, sizeof(q->piece));
    for (unsigned i = 0; i < VL_SIDE_COUNT; i++) {
        q->duty[i] = (struct vl_duty){.idx = start_idx, .decided = start_idx};
        q->lie[i] = (struct vl_lie){0};
        q->broken[i] = false;
    }
}
