// tinyvmm/vmm_queue.h -- the device's half of a split virtqueue, as a small hypervisor has it: the
// guest's memory is mapped, and a ring is structs behind plain pointers into it.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VMM_QUEUE_H
#define VMM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define VMM_SLOTS 3u
#define VMM_IOV_MAX 64u

// Guest memory, as it is mapped here.
struct vmm_ram {
    struct {
        uint64_t gpa;
        uint64_t bytes;
        uint8_t *hva;
    } slot[VMM_SLOTS];
    unsigned n_slots;
};

// Host address of [gpa, gpa + bytes), NULL if not all of it is memory in one piece.
void *vmm_hva(const struct vmm_ram *ram, uint64_t gpa, uint64_t bytes);

struct vring_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct vring_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct vring_used_elem {
    uint32_t id;
    uint32_t len;
};

struct vring_used {
    uint16_t flags;
    uint16_t idx;
    struct vring_used_elem ring[];
};

struct vmm_queue {
    const struct vmm_ram *ram;
    const struct vring_desc *desc;
    const struct vring_avail *avail;
    struct vring_used *used;
    uint16_t num;
    bool event_idx;
    bool indirect;
    bool broken;         // the driver did what no driver may do: not served until a reset
    uint16_t last_avail; // next available entry to take
    uint16_t used_idx;   // next used entry to fill
    uint16_t signalled;  // used index at the last decision about an interrupt
};

// A piece of a buffer.
struct vmm_iov {
    uint8_t *base;
    uint32_t len;
    bool write; // the device may write it
};

// Start to serve a queue. Returns false if its rings are not in memory.
bool vmm_queue_start(struct vmm_queue *q, const struct vmm_ram *ram, uint16_t num, uint64_t desc,
                     uint64_t avail, uint64_t used);

// Take a buffer: its pieces, at most VMM_IOV_MAX, and its head. Returns how many pieces, 0 if there
// is no buffer or the queue is broken.
unsigned vmm_queue_pop(struct vmm_queue *q, struct vmm_iov *iov, uint16_t *head);

// Give it back with len bytes written.
void vmm_queue_push(struct vmm_queue *q, uint16_t head, uint32_t len);

// After pushes: true if the driver wants an interrupt.
bool vmm_queue_should_signal(struct vmm_queue *q);

// Ask for notifications. Returns true if there is a buffer already.
bool vmm_queue_enable_notify(struct vmm_queue *q);

// Serve what there is with a device that fills buffers with bytes (an entropy device). Returns how
// many buffers were served.
unsigned vmm_rng_serve(struct vmm_queue *q, uint32_t *serial);

#endif
