// tools/lab/lab_input_weak.c -- inputs under weak memory: where its choices are, and drawing many.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_input_weak.h"

#include "tools/lab/lab_input.h"

#define NTH_MAX 200u // port calls of a main context that are drawn from
#define PER_ADDRESS_MAX 24u
#define GAP_SHIFTS 5u // mean gaps of 2, 4, 8, 16, 32

static const struct lab_address scheduled[] = {{VL_AGENT_DRIVER, 0}, {VL_AGENT_DEVICE, 0}};
static const struct lab_address seen[] = {
    {VL_AGENT_DRIVER, VL_FIELD_USED_IDX},    {VL_AGENT_DRIVER, VL_FIELD_USED_FLAGS},
    {VL_AGENT_DRIVER, VL_FIELD_AVAIL_EVENT}, {VL_AGENT_DEVICE, VL_FIELD_AVAIL_IDX},
    {VL_AGENT_DEVICE, VL_FIELD_AVAIL_FLAGS}, {VL_AGENT_DEVICE, VL_FIELD_USED_EVENT},
    {VL_AGENT_DRIVER, VL_FIELD_BUFFER},      {VL_AGENT_DEVICE, VL_FIELD_BUFFER}};
static const struct lab_address stored[] = {
    {VL_AGENT_DRIVER, VL_FIELD_AVAIL_IDX},  {VL_AGENT_DRIVER, VL_FIELD_AVAIL_FLAGS},
    {VL_AGENT_DRIVER, VL_FIELD_USED_EVENT}, {VL_AGENT_DEVICE, VL_FIELD_USED_IDX},
    {VL_AGENT_DEVICE, VL_FIELD_USED_FLAGS}, {VL_AGENT_DEVICE, VL_FIELD_AVAIL_EVENT},
    {VL_AGENT_DRIVER, VL_FIELD_AVAIL_RING}, {VL_AGENT_DRIVER, VL_FIELD_DESC},
    {VL_AGENT_DEVICE, VL_FIELD_USED_RING},  {VL_AGENT_DRIVER, VL_FIELD_BUFFER},
    {VL_AGENT_DEVICE, VL_FIELD_BUFFER}};

#define COUNT(a) (uint32_t)(sizeof(a) / sizeof((a)[0]))
_Static_assert((COUNT(scheduled) + COUNT(seen) + COUNT(stored)) * PER_ADDRESS_MAX <=
                   LAB_INPUT_DRAWN_MAX,
               "who makes room for an input makes room for what is drawn");

const struct lab_address *lab_input_weak_addresses(unsigned lane, uint32_t *n)
{
    *n = lane == VL_LANE_READ ? COUNT(seen) : lane == VL_LANE_STORE ? COUNT(stored) : 0;
    return lane == VL_LANE_READ ? seen : lane == VL_LANE_STORE ? stored : NULL;
}

// Occurrences of one address, with gaps of that mean.
static uint32_t draw_address(uint64_t *rng, unsigned lane, const struct lab_address *at,
                             uint32_t mean, struct vl_deviation *list, uint32_t max)
{
    uint32_t n = 0;
    uint32_t nth = 0;

    for (uint32_t i = 0; i < PER_ADDRESS_MAX && n < max; i++) { // bound: PER_ADDRESS_MAX
        const uint64_t r = vl_mix64(rng);
        nth += 1 + (uint32_t)(r >> 32) % (2 * mean - 1);
        if (nth > NTH_MAX) {
            break;
        }
        list[n++] = (struct vl_deviation){.lane = (uint8_t)lane,
                                          .agent = at->agent,
                                          .key = at->key,
                                          .nth = nth,
                                          .value = 1 + (uint32_t)r % 255u};
    }
    return n;
}

uint32_t lab_input_weak_draw(const struct lab_scenario *s, uint32_t seed, struct vl_deviation *list,
                             uint32_t max)
{
    const struct {
        unsigned lane;
        const struct lab_address *address;
        uint32_t n;
    } lanes[] = {{VL_LANE_SCHEDULE, scheduled, COUNT(scheduled)},
                 {VL_LANE_STORE, stored, COUNT(stored)},
                 {VL_LANE_READ, seen, s->memory == LAB_MEMORY_RC11 ? COUNT(seen) : 0}};
    uint64_t rng = seed;
    uint32_t n = 0;

    for (uint32_t i = 0; i < COUNT(lanes); i++) {
        const uint32_t mean = 2u << vl_mix64(&rng) % GAP_SHIFTS;
        for (uint32_t k = 0; k < lanes[i].n; k++) { // bound: the tables
            n += draw_address(&rng, lanes[i].lane, &lanes[i].address[k], mean, list + n, max - n);
        }
    }
    return n;
}
