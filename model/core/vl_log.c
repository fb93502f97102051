// model/core/vl_log.c -- the log's slow paths: waiting for the reader, payload, sites.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_log.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#define PAYLOAD_MASK (VL_LOG_PAYLOAD_BYTES - 1)
#define YIELDS_BEFORE_SLEEP 16u
#define SLEEP_NS 100000L // a fraction of what the reader needs for a full ring

_Static_assert((VL_LOG_EVENTS & (VL_LOG_EVENTS - 1)) == 0, "a slot is head modulo this");
_Static_assert((VL_LOG_PAYLOAD_BYTES & PAYLOAD_MASK) == 0, "a place is head modulo this");
_Static_assert(VL_LOG_PAYLOAD_BYTES >= 4 * (VL_BULK_MAX_BYTES + 4), "a record always fits");

// Wait until produced + need - *taken is within max. How long it takes changes nothing in a run.
static void wait_for_reader(const _Atomic uint64_t *taken, uint64_t produced, uint64_t need,
                            uint64_t max)
{
    uint32_t turns = 0;
    // bound: the reader's progress
    while (produced + need - atomic_load_explicit(taken, memory_order_acquire) > max) {
        if (turns++ < YIELDS_BEFORE_SLEEP) {
            (void)sched_yield();
        } else {
            const struct timespec nap = {.tv_sec = 0, .tv_nsec = SLEEP_NS};
            (void)nanosleep(&nap, NULL);
        }
    }
}

static uint64_t put_bytes(struct vl_log *log, uint64_t at, const void *src, uint32_t bytes)
{
    const uint32_t pos = (uint32_t)at & PAYLOAD_MASK;
    const uint32_t to_end = VL_LOG_PAYLOAD_BYTES - pos;
    const uint32_t first = bytes < to_end ? bytes : to_end;
    if (bytes != 0) { // memcpy() of no bytes may not see a null pointer
        memcpy(log->payload + pos, src, first);
        memcpy(log->payload, (const uint8_t *)src + first, bytes - first);
    }
    return at + bytes;
}

void vl_log_make_room(struct vl_log *log, const struct vl_event *ev, const uint8_t *payload,
                      uint32_t bytes)
{
    const uint64_t head = atomic_load_explicit(&log->head, memory_order_relaxed);
    wait_for_reader(&log->tail, head, 1, VL_LOG_EVENTS);
    if (!vl_event_is_bulk(ev->kind)) {
        return;
    }
    VIRTQ_ASSERT(bytes == ev->len && bytes <= VL_BULK_MAX_BYTES);
    VIRTQ_ASSERT(payload != NULL || bytes == 0);
    uint64_t at = atomic_load_explicit(&log->payload_head, memory_order_relaxed);
    wait_for_reader(&log->payload_tail, at, sizeof(bytes) + bytes, VL_LOG_PAYLOAD_BYTES);
    at = put_bytes(log, at, &bytes, sizeof(bytes));
    at = put_bytes(log, at, payload, bytes);
    atomic_store_explicit(&log->payload_head, at, memory_order_release);
}

uint32_t vl_log_site_add(struct vl_log *log, const char *file, const char *func, uint32_t line)
{
    const uint32_t id = atomic_load_explicit(&log->n_sites, memory_order_relaxed) + 1;
    if (id >= VL_LOG_SITES) {
        return 0;
    }
    struct vl_log_site *site = &log->sites[id];
    memset(site, 0, sizeof(*site));
    const size_t file_bytes = strlen(file);
    const size_t file_room = sizeof(site->file) - 1;
    const size_t skip = file_bytes > file_room ? file_bytes - file_room : 0;
    memcpy(site->file, file + skip, file_bytes - skip);
    const size_t func_bytes = strlen(func);
    const size_t func_room = sizeof(site->func) - 1;
    memcpy(site->func, func, func_bytes < func_room ? func_bytes : func_room);
    site->line = line;
    atomic_store_explicit(&log->n_sites, id, memory_order_release);
    return id;
}

void vl_log_reset(struct vl_log *log)
{
    atomic_store_explicit(&log->head, 0, memory_order_relaxed);
    atomic_store_explicit(&log->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&log->payload_head, 0, memory_order_relaxed);
    atomic_store_explicit(&log->payload_tail, 0, memory_order_relaxed);
}
