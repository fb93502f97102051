// tests/trace/synth.h -- events that no machine made: every kind, every byte of a field in use.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef SYNTH_H
#define SYNTH_H

#include "model/core/vl_choice.h"
#include "model/core/vl_hash.h"
#include "model/core/vl_log.h"

#include <stdint.h>
#include <string.h>

#define SYNTH_SITES 6u
#define SYNTH_PAYLOAD_MAX 700u

// Event number seq of the series, and in payload the bytes of a bulk one.
static inline struct vl_event synth_event(uint64_t seq, uint8_t payload[SYNTH_PAYLOAD_MAX])
{
    uint64_t rng = seq;
    const uint64_t r = vl_mix64(&rng);
    struct vl_event ev = {
        .addr = vl_mix64(&rng),
        .value = vl_mix64(&rng),
        .aux = seq % 5 == 0 ? UINT64_MAX : vl_mix64(&rng),
        .reads_from = (uint32_t)(seq != 0 ? r % (seq + 1) : 0),
        .len = (uint32_t)(r >> 32),
        .kind = (uint8_t)(seq % VL_EV_COUNT),
        .agent = (uint8_t)(r % VL_AGENT_COUNT),
        .order = (uint8_t)(r % (VIRTQ_SEQ_CST + 1)),
        .barrier = (uint8_t)(r % VIRTQ_BARRIER_COUNT),
        .queue = (uint8_t)r,
        .field = (uint8_t)(r % VL_FIELD_COUNT),
    };
    if (vl_event_is_bulk(ev.kind)) {
        ev.len = (uint32_t)(r % SYNTH_PAYLOAD_MAX);
        memset(payload, (int)(r % 3), ev.len); // some are equal: stored once
        ev.value = vl_hash64(payload, ev.len);
    }
    return ev;
}

// Site of event number seq; 0 for some.
static inline uint32_t synth_site(uint64_t seq)
{
    return (uint32_t)(seq % (SYNTH_SITES + 1));
}

// The hash of the series' first n events, by its definition: all their bytes in one go.
static inline uint64_t synth_hash(uint64_t n)
{
    uint8_t payload[SYNTH_PAYLOAD_MAX];
    struct vl_hash h;
    vl_hash_init(&h);
    for (uint64_t seq = 0; seq < n; seq++) {
        const struct vl_event ev = synth_event(seq, payload);
        uint8_t rec[VL_EVENT_BYTES];
        vl_event_encode(&ev, rec);
        vl_hash_update(&h, rec, sizeof(rec));
    }
    return vl_hash_final(&h);
}

#endif
