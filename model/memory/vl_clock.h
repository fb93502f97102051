// model/memory/vl_clock.h -- vector clocks of up to eight agents.
// clock.at[a] = 1 + number of a's last event that is known; 0: none. Numbers stay below 2^31, so
// that the comparisons may be signed, which is one instruction on most machines.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_CLOCK_H
#define VL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VL_CLOCK_AGENTS 8u
#define VL_CLOCK_NEVER INT32_MAX // as an event's number: later than any clock

typedef int32_t vl_clock_vec __attribute__((vector_size(32), aligned(16)));
typedef int64_t vl_clock_half __attribute__((vector_size(32), aligned(16)));

union vl_clock {
    vl_clock_vec vec;
    int32_t at[VL_CLOCK_AGENTS];
};

// Take in what the other one knows: the greater of each pair.
static inline void vl_clock_join(union vl_clock *clock, const union vl_clock *other)
{
    const vl_clock_vec greater = clock->vec > other->vec;
    clock->vec = (clock->vec & greater) | (other->vec & ~greater);
}

// True if the event number in events.at[a] of at least one agent a is known to the clock.
static inline bool vl_clock_knows_any(const union vl_clock *clock, const union vl_clock *events)
{
    const vl_clock_half known = (vl_clock_half)(events->vec < clock->vec);
    return (known[0] | known[1] | known[2] | known[3]) != 0;
}

// True if event number seq of an agent is known.
static inline bool vl_clock_knows(const union vl_clock *clock, unsigned agent, uint32_t seq)
{
    return seq < (uint32_t)clock->at[agent];
}

#ifdef __cplusplus
}
#endif

#endif
