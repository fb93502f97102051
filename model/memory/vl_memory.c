// model/memory/vl_memory.c -- guest memory: regions, translation, reset.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/memory/vl_memory.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 64u

enum virtq_err vl_memory_open(struct vl_memory *mem, uint32_t bytes)
{
    memset(mem, 0, sizeof(*mem));
    if (bytes < VL_MEM_MIN_BYTES || bytes > VL_MEM_MAX_BYTES || bytes % (16u << 10) != 0) {
        return VIRTQ_ERR_INVALID;
    }
    mem->bytes = bytes;
    mem->host = calloc(1, bytes);
    mem->writer = calloc(bytes / 2, sizeof(uint32_t));
    mem->dirty = calloc(bytes / LINE_BYTES / 64 + 1, sizeof(uint64_t));
    if (mem->host == NULL || mem->writer == NULL || mem->dirty == NULL) {
        vl_memory_close(mem);
        return VIRTQ_ERR_NO_MEMORY;
    }
    // A quarter each for the neighbour region and the one above 4 GiB, at most 1 MiB.
    const uint32_t quarter = bytes / 4 < (1u << 20) ? bytes / 4 : 1u << 20;
    const uint32_t low = bytes - 2 * quarter;
    mem->region[0] = (struct vl_region){.gpa = VL_REGION0_GPA, .bytes = low, .off = 0};
    mem->region[1] = (struct vl_region){.gpa = VL_REGION0_GPA + low, .bytes = quarter, .off = low};
    mem->region[2] =
        (struct vl_region){.gpa = VL_REGION2_GPA, .bytes = quarter, .off = low + quarter};
    return VIRTQ_OK;
}

void vl_memory_close(struct vl_memory *mem)
{
    free(mem->host);
    free(mem->writer);
    free(mem->dirty);
    mem->host = NULL;
    mem->writer = NULL;
    mem->dirty = NULL;
}

// Memory of 64 KiB is cheapest to clear whole (under a microsecond); larger memory by the lines
// that were stored to.
static void clear_bytes(struct vl_memory *mem)
{
    const uint32_t n_words = mem->bytes / LINE_BYTES / 64 + 1;
    for (uint32_t w = 0; w < n_words; w++) { // bound: lines / 64
        uint64_t bits = mem->dirty[w];
        while (bits != 0) { // bound: 64
            const uint32_t line = w * 64 + (uint32_t)__builtin_ctzll(bits);
            memset(mem->host + (size_t)line * LINE_BYTES, 0, LINE_BYTES);
            bits &= bits - 1;
        }
        mem->dirty[w] = 0;
    }
}

void vl_memory_reset(struct vl_memory *mem, uint64_t n_events)
{
    clear_bytes(mem);
    // Store marks of earlier runs lie at or below run_base, so they need no clearing, until the
    // 32-bit counter would wrap.
    if (n_events > UINT32_MAX / 2 || mem->run_base > UINT32_MAX / 2 - (uint32_t)n_events) {
        memset(mem->writer, 0, mem->bytes / 2 * sizeof(uint32_t));
        mem->run_base = 0;
    } else {
        mem->run_base += (uint32_t)n_events;
    }
    for (unsigned i = 0; i < VL_REGIONS; i++) {
        mem->region[i].used = 0;
    }
    mem->straddle_taken = false;
    mem->bounce = false;
}

void vl_memory_bounce(struct vl_memory *mem)
{
    mem->bounce = true;
    mem->region[2].used = mem->region[2].bytes; // none of it for others
    memset(mem->bounce_lines, 0, sizeof(mem->bounce_lines));
}

static bool line_taken(const struct vl_memory *mem, uint32_t line)
{
    return (mem->bounce_lines[line / 64] >> (line % 64) & 1u) != 0;
}

static void mark_lines(struct vl_memory *mem, uint32_t first, uint32_t n, bool taken)
{
    for (uint32_t l = first; l < first + n; l++) { // bound: n
        const uint64_t bit = 1ull << (l % 64);
        mem->bounce_lines[l / 64] =
            taken ? mem->bounce_lines[l / 64] | bit : mem->bounce_lines[l / 64] & ~bit;
    }
}

static uint32_t lines_of(uint32_t bytes)
{
    return (bytes + VL_BOUNCE_LINE_BYTES - 1) / VL_BOUNCE_LINE_BYTES;
}

enum virtq_err vl_memory_bounce_take(struct vl_memory *mem, uint32_t bytes, struct virtq_span *span)
{
    const struct vl_region *region = &mem->region[2];
    const uint32_t n_lines = region->bytes / VL_BOUNCE_LINE_BYTES;
    const uint32_t want = lines_of(bytes);
    uint32_t run = 0;

    for (uint32_t l = 0; l < n_lines; l++) { // bound: lines of the region
        run = line_taken(mem, l) ? 0 : run + 1;
        if (run == want) {
            const uint32_t first = l + 1 - want;
            mark_lines(mem, first, want, true);
            span->gpa = region->gpa + first * VL_BOUNCE_LINE_BYTES;
            span->host = mem->host + region->off + first * VL_BOUNCE_LINE_BYTES;
            span->bytes = bytes;
            return VIRTQ_OK;
        }
    }
    return VIRTQ_ERR_NO_MEMORY;
}

void vl_memory_bounce_give(struct vl_memory *mem, const struct virtq_span *span)
{
    const uint32_t first = (uint32_t)(span->gpa - mem->region[2].gpa) / VL_BOUNCE_LINE_BYTES;
    mark_lines(mem, first, lines_of(span->bytes), false);
}

static bool take(struct vl_memory *mem, unsigned r, uint32_t bytes, uint32_t align,
                 struct virtq_span *span)
{
    struct vl_region *region = &mem->region[r];
    const uint32_t at = (region->used + align - 1) & ~(align - 1);

    if (at > region->bytes || bytes > region->bytes - at) {
        return false;
    }
    region->used = at + bytes;
    span->gpa = region->gpa + at;
    span->host = mem->host + region->off + at;
    span->bytes = bytes;
    return true;
}

// The last bytes of region 0 and the first of region 1, as one piece.
static bool take_across(struct vl_memory *mem, uint32_t bytes, uint32_t align,
                        struct virtq_span *span)
{
    struct vl_region *low = &mem->region[0];
    struct vl_region *high = &mem->region[1];
    const uint32_t below = (bytes / 2 + align - 1) & ~(align - 1);

    if (mem->straddle_taken || high->used != 0 || below == 0 || bytes <= below ||
        bytes - below > high->bytes || low->used + below > low->bytes) {
        return false;
    }
    const uint32_t at = low->bytes - below;
    mem->straddle_taken = true;
    span->gpa = low->gpa + at;
    span->host = mem->host + low->off + at;
    span->bytes = bytes;
    high->used = bytes - below;
    low->used = low->bytes; // nothing fits behind it any more
    return true;
}

enum virtq_err vl_memory_alloc(struct vl_memory *mem, uint32_t bytes, uint32_t align,
                               unsigned place, struct virtq_span *span)
{
    if (bytes == 0 || align == 0 || (align & (align - 1)) != 0) {
        return VIRTQ_ERR_INVALID;
    }
    const bool placed = (place == 1 && take_across(mem, bytes, align, span)) ||
                        (place == 2 && take(mem, 2, bytes, align, span));
    if (placed || take(mem, 0, bytes, align, span) || take(mem, 1, bytes, align, span) ||
        take(mem, 2, bytes, align, span)) {
        return VIRTQ_OK;
    }
    return VIRTQ_ERR_NO_MEMORY;
}

// The region that holds gpa, or NULL.
static const struct vl_region *region_of(const struct vl_memory *mem, uint64_t gpa)
{
    for (unsigned i = 0; i < VL_REGIONS; i++) {
        const struct vl_region *r = &mem->region[i];
        if (gpa >= r->gpa && gpa - r->gpa < r->bytes) {
            return r;
        }
    }
    return NULL;
}

enum virtq_err vl_memory_resolve(const struct vl_memory *mem, uint64_t bus_addr, uint32_t len,
                                 struct virtq_span *spans, uint32_t max, uint32_t *n_spans)
{
    uint64_t gpa = bus_addr - mem->bus_offset;
    uint32_t n = 0;

    while (len > 0) { // bound: VL_REGIONS, each step leaves a region for good
        const struct vl_region *r = region_of(mem, gpa);
        if (r == NULL) {
            return VIRTQ_ERR_CHAIN_ADDR;
        }
        if (n == max) {
            return VIRTQ_ERR_NO_MEMORY;
        }
        const uint32_t at = (uint32_t)(gpa - r->gpa);
        const uint32_t here = len < r->bytes - at ? len : r->bytes - at;
        spans[n].gpa = gpa;
        spans[n].host = mem->host + r->off + at;
        spans[n].bytes = here;
        n++;
        gpa += here;
        len -= here;
    }
    *n_spans = n;
    return VIRTQ_OK;
}
