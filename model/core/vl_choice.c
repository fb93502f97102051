// model/core/vl_choice.c -- choices from an input or from a seed.
// PCT: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic
// guarantees of finding bugs", ASPLOS 2010; here priorities change at depth - 1 random port calls.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_choice.h"

#include <string.h>

#define VL_LANE_NAME_(id, name, agents, keys) [VL_LANE_##id] = (name),
static const char *const lane_names[VL_LANE_COUNT] = {VL_LANES(VL_LANE_NAME_)};

_Static_assert(VL_BASE_END == VL_SLOTS, "bases and slots come from one table");
_Static_assert(VL_AGENT_COUNT == 6, "lanes have a counter for each agent");

const char *vl_lane_name(unsigned lane)
{
    return lane < VL_LANE_COUNT ? lane_names[lane] : "?";
}

uint64_t vl_mix64(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t below(struct vl_choices *c, uint32_t n)
{
    return (uint32_t)(vl_mix64(&c->rng) % n);
}

static void log_deviation(struct vl_choices *c, unsigned lane, unsigned agent, unsigned key,
                          uint32_t nth, uint32_t value)
{
    c->log[c->n_log++] = (struct vl_deviation){.lane = (uint8_t)lane,
                                               .agent = (uint8_t)agent,
                                               .key = (uint16_t)key,
                                               .nth = nth,
                                               .value = value};
}

static uint32_t choose_from_input(struct vl_choices *c, uint32_t slot)
{
    const uint32_t pos = c->slot_pos[slot];
    const struct vl_deviation *d = &c->input[pos];
    struct vl_slot *s = &c->slots[slot];

    s->next = 0;
    if (pos + 1 < c->n_input) {
        const struct vl_deviation *e = &c->input[pos + 1];
        if (vl_slot_index(e->lane, e->agent, e->key) == slot) {
            s->next = e->nth;
            c->slot_pos[slot] = pos + 1;
        }
    }
    return d->value;
}

// With a seed every occurrence up to the first may deviate, then gaps are drawn: uniform in
// 1..2*mean-1, which has the mean asked for and costs one draw.
static uint32_t choose_from_seed(struct vl_choices *c, uint32_t slot, unsigned lane)
{
    struct vl_slot *s = &c->slots[slot];
    const uint32_t mean = c->gap_mean[lane];

    if (mean == 0) {
        s->next = 0;
        return 0;
    }
    if (lane == VL_LANE_SCHEDULE && c->schedule == VL_SCHEDULE_PCT) {
        // Change points are spread over all agents' calls: each agent draws its own next one.
        const bool change = s->n > 1 && c->pct_left > 0;
        c->pct_left -= change ? 1 : 0;
        s->next = c->pct_left > 0 ? s->n + 1 + below(c, c->pct_range) : 0;
        return change ? 1 + below(c, 255) : 0;
    }
    const bool first = s->n == 1;
    s->next = s->n + 1 + below(c, 2 * mean - 1);
    if (first && below(c, mean) != 0) {
        return 0;
    }
    return (uint32_t)vl_mix64(&c->rng);
}

// ---- schedules: three lanes, one counter -------------------------------------------------------

static uint32_t earlier(uint32_t a, uint32_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

// Make the slot of schedule due when any of the three lanes is.
static void join_schedule(struct vl_choices *c, unsigned agent)
{
    struct vl_slot *s = &c->slots[vl_slot_index(VL_LANE_SCHEDULE, agent, 0)];
    const struct vl_slot *priority = &c->slots[vl_slot_index(VL_LANE_PRIORITY, agent, 0)];
    const struct vl_slot *delay = &c->slots[vl_slot_index(VL_LANE_DELAY, agent, 0)];

    c->schedule_next[agent] = s->next;
    s->next = earlier(s->next, earlier(priority->next, delay->next));
}

static void join_schedules(struct vl_choices *c)
{
    for (unsigned agent = 0; agent < VL_AGENT_COUNT; agent++) {
        join_schedule(c, agent);
    }
}

// One lane beside schedule at the port call that schedule counts.
static uint32_t choose_beside(struct vl_choices *c, unsigned lane, unsigned agent, uint32_t nth,
                              uint32_t n_options)
{
    const uint32_t slot = vl_slot_index(lane, agent, 0);
    c->slots[slot].n = nth;
    return c->slots[slot].next == nth ? vl_choose_slow(c, slot, lane, agent, 0, n_options) : 0;
}

struct vl_turn vl_choose_turn(struct vl_choices *c, unsigned agent, uint32_t n_others)
{
    const uint32_t slot = vl_slot_index(VL_LANE_SCHEDULE, agent, 0);
    const uint32_t nth = c->slots[slot].n;
    struct vl_turn turn = {0};

    c->slots[slot].next = c->schedule_next[agent];
    turn.priority = choose_beside(c, VL_LANE_PRIORITY, agent, nth, VL_PRIORITY_OPTIONS);
    turn.delay = choose_beside(c, VL_LANE_DELAY, agent, nth, VL_PUT_OFF_OPTIONS);
    if (c->slots[slot].next == nth) {
        turn.preempt = vl_choose_slow(c, slot, VL_LANE_SCHEDULE, agent, 0, n_others + 1);
    }
    join_schedule(c, agent);
    return turn;
}

static uint32_t choose_by_guide(struct vl_choices *c, uint32_t slot, unsigned lane, unsigned agent,
                                unsigned key, uint32_t n_options)
{
    c->slots[slot].next = c->slots[slot].n + 1; // asked at the next one, too
    return c->guide.choose(c->guide.ctx, lane, agent, key, n_options);
}

uint32_t vl_choose_slow(struct vl_choices *c, uint32_t slot, unsigned lane, unsigned agent,
                        unsigned key, uint32_t n_options)
{
    const uint32_t nth = c->slots[slot].n;
    const uint32_t raw = c->source == VL_SOURCE_INPUT ? choose_from_input(c, slot)
                         : c->source == VL_SOURCE_SEED
                             ? choose_from_seed(c, slot, lane)
                             : choose_by_guide(c, slot, lane, agent, key, n_options);
    const uint32_t value = raw % n_options;

    if (value == 0 || c->n_log == c->log_max) {
        return 0;
    }
    log_deviation(c, lane, agent, key, nth, value);
    return value;
}

int vl_deviation_compare(const struct vl_deviation *a, const struct vl_deviation *b)
{
    if (a->lane != b->lane) {
        return a->lane < b->lane ? -1 : 1;
    }
    if (a->agent != b->agent) {
        return a->agent < b->agent ? -1 : 1;
    }
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    if (a->nth != b->nth) {
        return a->nth < b->nth ? -1 : 1;
    }
    return 0;
}

// Move list[i] down a heap of n. bound: log2(n) steps.
static void sift_down(struct vl_deviation *list, uint32_t i, uint32_t n)
{
    for (;;) {
        uint32_t big = i;
        const uint32_t l = 2 * i + 1;
        if (l < n && vl_deviation_compare(&list[l], &list[big]) > 0) {
            big = l;
        }
        if (l + 1 < n && vl_deviation_compare(&list[l + 1], &list[big]) > 0) {
            big = l + 1;
        }
        if (big == i) {
            return;
        }
        const struct vl_deviation t = list[i];
        list[i] = list[big];
        list[big] = t;
        i = big;
    }
}

uint32_t vl_deviations_canonical(struct vl_deviation *list, uint32_t n)
{
    // Drop what says nothing, and bring addresses into the range that exists.
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct vl_deviation d = list[i];
        d.lane = (uint8_t)(d.lane % VL_LANE_COUNT);
        d.agent = (uint8_t)(vl_lane_agents[d.lane] > 1 ? d.agent % vl_lane_agents[d.lane] : 0);
        d.key = (uint16_t)(d.key & (vl_lane_keys[d.lane] - 1u));
        if (d.value != 0 && d.nth != 0) {
            list[m++] = d;
        }
    }
    // Heap sort: no allocation, no recursion. It is not stable, so equal addresses are told apart
    // afterwards by the smaller value: which one stays must not depend on the sort.
    for (uint32_t i = m / 2; i-- > 0;) {
        sift_down(list, i, m);
    }
    for (uint32_t end = m; end > 1; end--) {
        const struct vl_deviation t = list[0];
        list[0] = list[end - 1];
        list[end - 1] = t;
        sift_down(list, 0, end - 1);
    }
    uint32_t k = 0;
    for (uint32_t i = 0; i < m; i++) {
        if (k > 0 && vl_deviation_compare(&list[k - 1], &list[i]) == 0) {
            if (list[i].value < list[k - 1].value) {
                list[k - 1].value = list[i].value;
            }
            continue;
        }
        list[k++] = list[i];
    }
    return k;
}

void vl_choices_phase_slow(struct vl_choices *c, enum vl_phase phase)
{
    VIRTQ_STATIC_ASSERT(VL_BASE_MISCHIEF_PCI + VL_REGISTER_SLOTS - 1 == VL_LAST_MISCHIEF_PCI,
                        "a counter of each choice point of the lane");
    while (c->phase < phase) { // bound: VL_PHASE_COUNT
        c->phase++;
        for (uint32_t i = 0; i < VL_REGISTER_SLOTS; i++) {
            c->began[c->phase][i] = c->slots[VL_BASE_MISCHIEF_PCI + i].n;
        }
    }
}

void vl_choices_from_input(struct vl_choices *c, const struct vl_deviation *list, uint32_t n)
{
    memset(c->slots, 0, sizeof(c->slots));
    c->source = VL_SOURCE_INPUT;
    c->input = list;
    c->n_input = n;
    c->n_log = 0;
    c->phase = VL_PHASE_FIND;
    for (uint32_t i = n; i-- > 0;) { // downwards, so that the slot's first one stays
        const uint32_t slot = vl_slot_index(list[i].lane, list[i].agent, list[i].key);
        c->slots[slot].next = list[i].nth;
        c->slot_pos[slot] = i;
    }
    join_schedules(c);
}

// A guide says who goes on at each port call, and a seed has its own schedules: neither needs the
// lanes beside schedule.
static void switch_off_beside(struct vl_choices *c)
{
    for (unsigned agent = 0; agent < VL_AGENT_COUNT; agent++) {
        c->slots[vl_slot_index(VL_LANE_PRIORITY, agent, 0)].next = 0;
        c->slots[vl_slot_index(VL_LANE_DELAY, agent, 0)].next = 0;
    }
    join_schedules(c);
}

void vl_choices_from_guide(struct vl_choices *c, const struct vl_guide *guide)
{
    for (uint32_t i = 0; i < VL_SLOTS; i++) {
        c->slots[i] = (struct vl_slot){.n = 0, .next = 1};
    }
    c->source = VL_SOURCE_GUIDE;
    c->n_log = 0;
    c->phase = VL_PHASE_FIND;
    c->guide = *guide;
    switch_off_beside(c);
}

void vl_choices_from_seed(struct vl_choices *c, uint64_t seed, enum vl_schedule schedule,
                          uint32_t depth, uint32_t hostile_lanes)
{
    for (uint32_t i = 0; i < VL_SLOTS; i++) {
        c->slots[i] = (struct vl_slot){.n = 0, .next = 1};
    }
    c->source = VL_SOURCE_SEED;
    c->n_log = 0;
    c->phase = VL_PHASE_FIND;
    c->rng = seed;
    (void)vl_mix64(&c->rng); // small seeds differ in few bits: one round spreads them
    c->schedule = schedule;
    c->pct_left = depth > 0 ? depth - 1 : 0;
    c->pct_range = 16u << below(c, 6);

    for (unsigned lane = 0; lane < VL_LANE_PRIORITY; lane++) {
        // Swarm: one lane in four sits a run out, the others differ widely in how often they act.
        const bool off = below(c, 4) == 0;
        c->gap_mean[lane] = off ? 0 : 2u << below(c, 6);
        const bool mischief = lane == VL_LANE_MISCHIEF_DRIVER || lane == VL_LANE_MISCHIEF_DEVICE ||
                              lane == VL_LANE_MISCHIEF_PCI;
        if (lane == VL_LANE_MISCHIEF_PCI) {
            c->gap_mean[lane] *= 16; // a lie in each register would end every run at its start
        }
        if (mischief && (hostile_lanes >> lane & 1u) == 0) {
            c->gap_mean[lane] = 0;
        }
    }
    if (schedule == VL_SCHEDULE_PCT) {
        c->gap_mean[VL_LANE_SCHEDULE] = 1;
    }
    switch_off_beside(c);
}
