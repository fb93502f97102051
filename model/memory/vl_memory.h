// model/memory/vl_memory.h -- guest memory: regions with holes, translation, who stored last.
// The bytes here are the newest ones. What else a load may see is the memory models' matter
// (vl_rc11.h, vl_tso.h).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_MEMORY_H
#define VL_MEMORY_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_REGIONS 3u
#define VL_MEM_MIN_BYTES (64u << 10)
#define VL_MEM_MAX_BYTES (64u << 20)
#define VL_REGION0_GPA 0x10000u
#define VL_REGION2_GPA 0x100000000u // above 4 GiB
#define VL_BOUNCE_LINE_BYTES 64u
#define VL_BOUNCE_WORDS 256u        // of 64 lines: region 2 has at most 1 MiB
#define VL_IOMMU_OFFSET 0x40000000u // dma=iommu: bus address = guest-physical + this

// Region 0 and region 1 touch (a range may cross from one to the other, and then resolves to two
// spans); a hole follows; region 2 lies above 4 GiB.
struct vl_region {
    uint64_t gpa;
    uint32_t bytes;
    uint32_t off;  // where it starts in host
    uint32_t used; // bump allocator: bytes handed out from the start
};

struct vl_memory {
    uint8_t *host;
    uint32_t bytes;
    struct vl_region region[VL_REGIONS];
    uint32_t *writer;    // per 2-byte granule: run base + 1 + sequence number of the last store
    uint32_t run_base;   // what is not above it was stored in an earlier run
    uint64_t *dirty;     // bit per 64-byte line that is not zero any more
    uint64_t bus_offset; // bus address - guest-physical address
    bool straddle_taken;
    // dma=bounce: region 2 is a pool of bounce buffers, in lines of 64 bytes
    bool bounce;
    uint64_t bounce_lines[VL_BOUNCE_WORDS]; // bit per line: taken
};

// Allocate bytes (64 KiB .. 64 MiB, a multiple of 16 KiB) of guest memory, zeroed.
VIRTQ_NODISCARD enum virtq_err vl_memory_open(struct vl_memory *mem, uint32_t bytes);
void vl_memory_close(struct vl_memory *mem);

// All bytes zero again, allocator empty. n_events: how many events the run that ends had.
void vl_memory_reset(struct vl_memory *mem, uint64_t n_events);

// Take bytes at align (a power of two up to 4096) from a region. place: 0 region 0, 1 across the
// border of regions 0 and 1, 2 above 4 GiB; falls back to wherever there is room.
VIRTQ_NODISCARD enum virtq_err vl_memory_alloc(struct vl_memory *mem, uint32_t bytes,
                                               uint32_t align, unsigned place,
                                               struct virtq_span *span);

// Make region 2 a pool of bounce buffers; after vl_memory_reset().
void vl_memory_bounce(struct vl_memory *mem);

// Take a bounce buffer of bytes, first fit. Returns VIRTQ_OK; VIRTQ_ERR_NO_MEMORY.
VIRTQ_NODISCARD enum virtq_err vl_memory_bounce_take(struct vl_memory *mem, uint32_t bytes,
                                                     struct virtq_span *span);

// Give it back.
void vl_memory_bounce_give(struct vl_memory *mem, const struct virtq_span *span);

// Translate a bus address range; see virtq_resolve().
VIRTQ_NODISCARD enum virtq_err vl_memory_resolve(const struct vl_memory *mem, uint64_t bus_addr,
                                                 uint32_t len, struct virtq_span *spans,
                                                 uint32_t max, uint32_t *n_spans);

// Host offset of a span's byte.
static inline uint32_t vl_memory_off(const struct vl_memory *mem, const struct virtq_span *span,
                                     uint32_t off)
{
    return (uint32_t)(span->host - mem->host) + off;
}

// Guest-physical address of the byte at host offset off.
static inline uint64_t vl_memory_gpa(const struct vl_memory *mem, uint32_t off)
{
    unsigned r = 0;
    while (r + 1 < VL_REGIONS && off >= mem->region[r + 1].off) { // bound: VL_REGIONS
        r++;
    }
    return mem->region[r].gpa + (off - mem->region[r].off);
}

// Remember that bytes at host offset off are not zero any more.
static inline void vl_memory_touch(struct vl_memory *mem, uint32_t off, uint32_t bytes)
{
    for (uint32_t l = off / 64; l <= (off + bytes - 1) / 64; l++) { // bound: bytes
        mem->dirty[l / 64] |= 1ull << (l % 64);
    }
}

// Remember that event seq stored bytes at host offset off.
static inline void vl_memory_mark(struct vl_memory *mem, uint32_t off, uint32_t bytes, uint64_t seq)
{
    const uint32_t mark = mem->run_base + (uint32_t)seq + 1;
    for (uint32_t g = off / 2; g <= (off + bytes - 1) / 2; g++) { // bound: bytes
        mem->writer[g] = mark;
    }
    vl_memory_touch(mem, off, bytes);
}

// 1 + sequence number of the newest store to the range in this run, 0 if there was none.
static inline uint32_t vl_memory_writer(const struct vl_memory *mem, uint32_t off, uint32_t bytes)
{
    uint32_t newest = mem->run_base;
    for (uint32_t g = off / 2; g <= (off + bytes - 1) / 2; g++) { // bound: bytes
        newest = mem->writer[g] > newest ? mem->writer[g] : newest;
    }
    return newest - mem->run_base;
}

#ifdef __cplusplus
}
#endif

#endif
