// model/core/vl_log.h -- putting events into the bounded log of a run (struct vl_log).
//
// Protocol. One producer, at most one reader, possibly in two processes: all of it is plain data.
//   producer  fills events[head % N] and event_site[head % N], then publishes head + 1 (release).
//             With a reader it waits while head - tail is N, and puts the bytes of a bulk event
//             into the payload ring before it publishes the event: u32 length in the host's byte
//             order, then the bytes, both possibly wrapped around the end of the ring.
//   reader    sets reader before the first event; takes events below head (acquire), for each bulk
//             event one payload record; then publishes tail and payload_tail (release).
//   sites     sites[k] is filled before n_sites = k is published (release); 0 is "no site".
// Without a reader the ring wraps over itself and no payload is kept: this is the fuzzing hot path.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_LOG_H
#define VL_LOG_H

#include "model/core/vl_event.h"

#ifndef __cplusplus
#include <stdatomic.h>
#endif
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_BULK_MAX_BYTES 65536u // of one bulk event

// True for kinds whose bytes are recorded beside the event, value being their XXH64.
static inline bool vl_event_is_bulk(unsigned kind)
{
    return kind == VL_EV_READ || kind == VL_EV_WRITE || kind == VL_EV_OUTSIDE;
}

// The slow half of vl_log_push(): somebody reads along. Waits until there is room for an event and,
// for a bulk one, puts its payload into the ring.
void vl_log_make_room(struct vl_log *log, const struct vl_event *ev, const uint8_t *payload,
                      uint32_t bytes);

#ifndef __cplusplus
// Append an event.
//   site_id  0 or what vl_log_site_add() returned
//   payload  bytes of a bulk event, bytes = ev->len, up to VL_BULK_MAX_BYTES; other kinds: ignored
// A reader that has gone away without clearing log->reader leaves the producer waiting: recording
// sees to it that the producer dies with its reader.
static inline void vl_log_push(struct vl_log *log, const struct vl_event *ev, uint32_t site_id,
                               const uint8_t *payload, uint32_t bytes)
{
    if (atomic_load_explicit(&log->reader, memory_order_relaxed) != 0) {
        vl_log_make_room(log, ev, payload, bytes);
    }
    const uint64_t head = atomic_load_explicit(&log->head, memory_order_relaxed);
    const uint32_t slot = (uint32_t)head & (VL_LOG_EVENTS - 1) & ~log->short_bits;
    log->events[slot] = *ev;
    log->event_site[slot] = site_id;
    atomic_store_explicit(&log->head, head + 1, memory_order_release);
}
#endif

// Register a site. file is cut from the left and func from the right to what fits.
// Returns its number, 1 .. VL_LOG_SITES - 1, or 0 if the table is full.
uint32_t vl_log_site_add(struct vl_log *log, const char *file, const char *func, uint32_t line);

// Forget all events and payload; sites and reader stay. With a reader only before the first event.
void vl_log_reset(struct vl_log *log);

#ifdef __cplusplus
}
#endif

#endif
