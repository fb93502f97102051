// fuzz/mutator.c -- mutations on the list of deviations.
// Swarm: Groce, Zhang, Eide, Chen, Regehr, "Swarm testing", ISSTA 2012: leaving features out of a
// test makes room for others; here a mutation may be denied whole lanes, and may empty one.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/mutator.h"

#include "model/core/vl_choice.h"
#include "ring/virtq_bytes.h"
#include "tools/lab/lab_mischief_regs.h"

#include <string.h>

#define LIST_MAX 4096u
#define STACK_MAX 16u   // edits of one mutation, twice
#define KEYS_MAX 6u     // keys of the header that one edit changes
#define FEW 4u          // deviations up to which the scenario matters more
#define REPEAT_MAX 6u   // deviations that a fragment repeats
#define BATCH_MAX 8u    // deviations that are added at once
#define FRESH_MAX 24u   // deviations of a list that is written anew
#define NTH_UNKNOWN 64u // occurrences to draw from where no run was seen

static enum lab_target target;
static struct lab_scenario base;
static uint64_t locked;
static uint32_t n_header_keys;
static uint32_t memory_key; // of those

// Occurrences at each choice point in the runs of late.
static uint32_t seen[VL_SLOTS];
// Of registers, how many of them lay before each phase of the driver's work.
static uint32_t began[VL_PHASE_COUNT][VL_REGISTER_SLOTS];

// One input under work.
struct work {
    uint8_t header[LAB_INPUT_HEADER_BYTES];
    struct lab_input in;
    uint64_t rng;
    uint32_t lanes; // bit per lane that may be added to
};
static struct vl_deviation list_a[LIST_MAX];
static struct vl_deviation list_b[LIST_MAX];

void mutator_open(enum lab_target which, const struct lab_scenario *scenario, uint64_t keys)
{
    struct lab_header_key key;

    target = which;
    base = *scenario;
    locked = keys;
    n_header_keys = 0;
    while (lab_input_header_key(target, n_header_keys, &key)) { // bound: the table
        memory_key = strcmp(key.key, "memory") == 0 ? n_header_keys : memory_key;
        n_header_keys++;
    }
    memset(seen, 0, sizeof(seen));
    memset(began, 0, sizeof(began));
}

void mutator_learn(const struct vl_choices *choices)
{
    for (uint32_t i = 0; i < VL_SLOTS; i++) {
        const uint32_t n = choices->slots[i].n;
        seen[i] = n >= seen[i] ? n : seen[i] - (seen[i] - n + 7) / 8;
    }
    memcpy(began, choices->began, (choices->phase + 1u) * sizeof(began[0]));
}

static uint32_t below(struct work *w, uint32_t n)
{
    return (uint32_t)(vl_mix64(&w->rng) >> 32) % n;
}

static bool one_in(struct work *w, uint32_t n)
{
    return below(w, n) == 0;
}

// 1, 2, 4, ... most often small.
static uint32_t small(struct work *w, uint32_t max)
{
    uint32_t bits = 1;
    while (bits < 16 && !one_in(w, 2)) { // bound: 16
        bits++;
    }
    const uint32_t v = 1 + below(w, 1u << bits) / 2;
    return v > max ? 1 + v % max : v;
}

static void take_apart(struct work *w, const uint8_t *data, size_t size, struct vl_deviation *list)
{
    w->in = (struct lab_input){.list = list, .max = LIST_MAX};
    lab_input_split(target, &base, locked, data, size, w->header, &w->in);
}

// ---- where --------------------------------------------------------------------------------------

// How much each lane matters for what the scenario is; 0: nothing comes of it.
static uint32_t lane_weight(const struct lab_scenario *s, unsigned lane)
{
    const bool hostile_driver = s->hostile == LAB_HOSTILE_DRIVER;
    const bool hostile_device = s->hostile == LAB_HOSTILE_DEVICE;
    switch (lane) {
    case VL_LANE_SCHEDULE: return 6;
    case VL_LANE_READ: return s->memory == LAB_MEMORY_RC11 ? 10 : 1;
    case VL_LANE_STORE: return s->memory == LAB_MEMORY_SC ? 1 : 10;
    case VL_LANE_NOTIFY: return 3;
    case VL_LANE_WORKLOAD: return 4;
    case VL_LANE_COMPLETION: return s->device == LAB_DEVICE_BLK ? 3 : 0;
    case VL_LANE_MISCHIEF_DRIVER: return hostile_driver ? 16 : 0;
    case VL_LANE_MISCHIEF_DEVICE: return hostile_device ? 16 : 0;
    case VL_LANE_MISCHIEF_PCI:
        return s->transport == LAB_TRANSPORT_PCI && (hostile_driver || hostile_device) ? 16 : 0;
    case VL_LANE_PLATFORM: return 2;
    case VL_LANE_PRIORITY: return 2;
    case VL_LANE_DELAY: return 3;
    default: return 0;
    }
}

static unsigned draw_lane(struct work *w)
{
    uint32_t sum = 0;
    for (unsigned lane = 0; lane < VL_LANE_COUNT; lane++) {
        sum += (w->lanes >> lane & 1u) != 0 ? lane_weight(&w->in.scenario, lane) : 0;
    }
    uint32_t at = sum > 0 ? below(w, sum) : 0;
    for (unsigned lane = 0; sum > 0 && lane < VL_LANE_COUNT; lane++) {
        const uint32_t n = (w->lanes >> lane & 1u) != 0 ? lane_weight(&w->in.scenario, lane) : 0;
        if (at < n) {
            return lane;
        }
        at -= n;
    }
    return VL_LANE_SCHEDULE;
}

// The lanes of schedules share the counter of the first.
static unsigned counting_lane(unsigned lane)
{
    return lane == VL_LANE_PRIORITY || lane == VL_LANE_DELAY ? VL_LANE_SCHEDULE : lane;
}

// Under sc a load of a ring word has one store to see: only copies of buffers have a choice.
static bool has_choice(const struct lab_scenario *s, unsigned lane, uint32_t key)
{
    const bool memory = lane == VL_LANE_READ || lane == VL_LANE_STORE;
    return !memory || s->memory != LAB_MEMORY_SC || (key & 15u) == VL_FIELD_BUFFER;
}

// A choice point of the lane that runs come to. Returns how many times they do; 0 if none is known.
static uint32_t draw_point(struct work *w, unsigned lane, struct vl_deviation *d)
{
    const unsigned counting = counting_lane(lane);
    const uint32_t keys = vl_lane_keys[counting];
    const uint32_t n_slots = vl_lane_agents[counting] * keys;
    const uint32_t *counts = &seen[vl_lane_base[counting]];
    uint32_t n_known = 0;

    for (uint32_t i = 0; i < n_slots; i++) { // bound: slots of a lane
        n_known += counts[i] > 0 && has_choice(&w->in.scenario, counting, i % keys) ? 1 : 0;
    }
    if (n_known == 0) {
        d->agent = (uint8_t)(vl_lane_agents[lane] > 1 ? below(w, vl_lane_agents[lane]) : 0);
        d->key = (uint16_t)below(w, vl_lane_keys[lane]);
        return 0;
    }
    uint32_t pick = below(w, n_known);
    for (uint32_t i = 0; i < n_slots; i++) { // bound: slots of a lane
        if (counts[i] == 0 || !has_choice(&w->in.scenario, counting, i % keys)) {
            continue;
        }
        if (pick-- == 0) {
            d->agent = (uint8_t)(i / keys);
            d->key = (uint16_t)(i % keys);
            return counts[i];
        }
    }
    return 0;
}

// Occurrences (from, to] of a slot in a phase, one of VL_PHASE_COUNT, or in the whole run.
struct stretch {
    uint32_t from;
    uint32_t to;
};

static struct stretch stretch_of(unsigned lane, uint32_t slot, unsigned phase)
{
    struct stretch s = {.from = 0, .to = seen[slot]};

    if (lane == VL_LANE_MISCHIEF_PCI && phase < VL_PHASE_COUNT) {
        const uint32_t i = slot - vl_lane_base[lane];
        const uint32_t end = phase + 1 < VL_PHASE_COUNT ? began[phase + 1][i] : s.to;
        s.from = began[phase][i];
        s.to = end < s.to ? end : s.to;
    }
    s.to = s.to > s.from ? s.to : s.from;
    return s;
}

// A moment rather than a place: any occurrence of the lane's choice points in a phase, each as
// likely as another. What happens late in a run has few places, and would hardly be drawn by them;
// of a driver's register accesses most are made before it has so much as found the device.
static bool draw_moment(struct work *w, unsigned lane, unsigned phase, struct vl_deviation *d)
{
    const unsigned counting = counting_lane(lane);
    const uint32_t base_slot = vl_lane_base[counting];
    const uint32_t keys = vl_lane_keys[counting];
    const uint32_t n_slots = vl_lane_agents[counting] * keys;
    uint32_t n_moments = 0;

    for (uint32_t i = 0; i < n_slots; i++) { // bound: slots of a lane
        const struct stretch s = stretch_of(counting, base_slot + i, phase);
        n_moments += has_choice(&w->in.scenario, counting, i % keys) ? s.to - s.from : 0;
    }
    uint32_t pick = n_moments > 0 ? below(w, n_moments) : 0;
    for (uint32_t i = 0; i < n_slots && n_moments > 0; i++) { // bound: slots of a lane
        const struct stretch s = stretch_of(counting, base_slot + i, phase);
        const uint32_t n = has_choice(&w->in.scenario, counting, i % keys) ? s.to - s.from : 0;
        if (pick < n) {
            d->agent = (uint8_t)(i / keys);
            d->key = (uint16_t)(i % keys);
            d->nth = 1 + s.from + pick;
            return true;
        }
        pick -= n;
    }
    return false;
}

static uint32_t draw_nth(struct work *w, const struct vl_deviation *d, uint32_t n_times)
{
    const uint32_t most = n_times > 0 ? n_times : NTH_UNKNOWN;
    const uint32_t kind = below(w, 8);

    if (kind < 2 && w->in.n > 0) { // beside one that is there: what belongs together is near
        const struct vl_deviation *near = &w->in.list[below(w, w->in.n)];
        if (near->agent == d->agent) {
            const uint32_t to = near->nth + below(w, 9);
            return to > 4 ? to - 4 : 1;
        }
    }
    return kind < 4 ? 1 + below(w, most < 8 ? most : 8) : 1 + below(w, most);
}

// ---- what ---------------------------------------------------------------------------------------

// A row of a mischief table, each as likely as another, and its variant: most often the plain one.
static uint32_t draw_row(struct work *w, uint32_t n)
{
    if (n == 0) {
        return 1 + below(w, LAB_MISCHIEF_OPTIONS - 1);
    }
    const uint32_t kind = below(w, 8);
    const uint32_t variant = kind < 4   ? 0
                             : kind < 6 ? 1 + below(w, 3)
                                        : below(w, kind < 7 ? 16 : 2048);
    const uint32_t v = below(w, n) + n * variant;
    return v > 0 ? v : n;
}

// Of an adversary's accesses the variant says which register and which number: none is plainer.
static uint32_t draw_access(struct work *w, uint32_t n)
{
    static const uint16_t variants[] = {1, 8, 24, 24, 24, 256, 256, 1771};
    uint32_t row = below(w, n);

    // What a register is for says more than that it is one: half of the draws are of those rows.
    for (unsigned i = 0; i < 3 && !lab_mischief_regs_named(row) && one_in(w, 2); i++) {
        row = below(w, n);
    }
    const uint32_t v = row + n * below(w, variants[below(w, 8)]);
    return v > 0 ? v : n;
}

static uint32_t draw_mischief(struct work *w, const struct vl_deviation *d)
{
    const bool pci = d->lane == VL_LANE_MISCHIEF_PCI;
    uint32_t n = 0;

    if (pci && d->agent == VL_AGENT_ADVERSARY) {
        (void)lab_mischief_regs_table(&n);
        return draw_access(w, n);
    }
    (void)lab_mischief_table(pci ? VL_FIELD_REGISTER : d->key & 15u, &n);
    return draw_row(w, n);
}

// Of a choice whose options are not known: small ones, and the last ones of round numbers.
static uint32_t draw_number(struct work *w)
{
    const uint32_t kind = below(w, 8);
    if (kind < 2) {
        return (1u << (1 + below(w, 16))) - 1 - below(w, 2);
    }
    return kind < 4 ? 1 + below(w, 65535) : small(w, 255);
}

static uint32_t draw_value(struct work *w, const struct vl_deviation *d)
{
    switch (d->lane) {
    case VL_LANE_SCHEDULE: return 1;
    case VL_LANE_PRIORITY: return 1 + below(w, VL_PRIORITY_OPTIONS - 1);
    case VL_LANE_DELAY: return small(w, VL_PUT_OFF_OPTIONS - 1);
    case VL_LANE_PLATFORM: return 1;
    case VL_LANE_NOTIFY:
    case VL_LANE_STORE: return one_in(w, 4) ? 1 + below(w, 63) : small(w, 63);
    case VL_LANE_MISCHIEF_DRIVER:
    case VL_LANE_MISCHIEF_DEVICE:
    case VL_LANE_MISCHIEF_PCI: return draw_mischief(w, d);
    default: return draw_number(w);
    }
}

// ---- edits --------------------------------------------------------------------------------------

static bool append(struct work *w, const struct vl_deviation *d)
{
    if (w->in.n == LIST_MAX) {
        return false;
    }
    w->in.list[w->in.n++] = *d;
    return true;
}

static void add(struct work *w)
{
    const unsigned lane = draw_lane(w);
    // Most of what is done to registers is refused or comes to nothing: more goes into one run.
    const bool more = lane == VL_LANE_MISCHIEF_PCI && one_in(w, 2);
    uint32_t n = more || one_in(w, 4) ? 1 + below(w, BATCH_MAX) : 1;

    while (n-- > 0) { // bound: BATCH_MAX
        struct vl_deviation d = {.lane = (uint8_t)(one_in(w, 2) ? lane : draw_lane(w))};
        const unsigned phase = below(w, VL_PHASE_COUNT + 1);
        const uint32_t places = d.lane == VL_LANE_MISCHIEF_PCI ? 4 : 2; // one of so many
        if (one_in(w, places) || !draw_moment(w, d.lane, phase, &d)) {
            const uint32_t n_times = draw_point(w, d.lane, &d);
            d.nth = draw_nth(w, &d, n_times);
        }
        d.value = draw_value(w, &d);
        (void)append(w, &d);
    }
}

static void drop(struct work *w)
{
    const uint32_t from = below(w, w->in.n);
    const uint32_t most = one_in(w, 4) ? w->in.n - from : 1;
    const uint32_t n = 1 + below(w, most);
    memmove(&w->in.list[from], &w->in.list[from + n], (w->in.n - from - n) * sizeof(w->in.list[0]));
    w->in.n -= n;
}

static void move(struct work *w)
{
    struct vl_deviation *d = &w->in.list[below(w, w->in.n)];
    const uint32_t step = small(w, 64);
    const uint32_t n_times = seen[vl_slot_index(counting_lane(d->lane), d->agent, d->key)];

    if (one_in(w, 4) && n_times > 0) {
        d->nth = 1 + below(w, n_times);
    } else if (one_in(w, 2)) {
        d->nth = d->nth > step ? d->nth - step : 1;
    } else {
        d->nth = d->nth < UINT32_MAX - step ? d->nth + step : d->nth;
    }
}

// The same moment, another lane or place.
static void retarget(struct work *w)
{
    struct vl_deviation *d = &w->in.list[below(w, w->in.n)];
    d->lane = one_in(w, 2) ? d->lane : (uint8_t)draw_lane(w);
    const uint32_t n_times = draw_point(w, d->lane, d);
    if (n_times > 0 && d->nth > n_times) {
        d->nth = 1 + d->nth % n_times;
    }
    d->value = draw_value(w, d);
}

static void change_value(struct work *w)
{
    struct vl_deviation *d = &w->in.list[below(w, w->in.n)];
    const uint32_t kind = below(w, 4);

    if (kind < 2) {
        d->value = draw_value(w, d);
    } else if (kind == 2) {
        d->value ^= 1u << below(w, 16);
    } else {
        d->value = one_in(w, 2) ? d->value + 1 : d->value - 1;
    }
    d->value = d->value != 0 ? d->value : 1;
}

// The same again, some occurrences on: what goes wrong may need to happen twice.
static void repeat(struct work *w)
{
    const uint32_t from = below(w, w->in.n);
    const uint32_t left = w->in.n - from;
    uint32_t n = 1 + below(w, left < REPEAT_MAX ? left : REPEAT_MAX);
    const uint32_t step = small(w, 64);

    for (uint32_t i = from; n > 0; i++, n--) { // bound: REPEAT_MAX
        struct vl_deviation d = w->in.list[i];
        d.nth = d.nth < UINT32_MAX - step ? d.nth + step : d.nth;
        (void)append(w, &d);
    }
}

static void empty_lane(struct work *w)
{
    const uint8_t lane = w->in.list[below(w, w->in.n)].lane;
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->in.n; i++) { // bound: the list
        if (w->in.list[i].lane != lane) {
            w->in.list[n++] = w->in.list[i];
        }
    }
    w->in.n = n;
}

static void fresh(struct work *w)
{
    uint32_t n = 1 + below(w, FRESH_MAX);
    w->in.n = 0;
    while (n-- > 0) { // bound: FRESH_MAX
        add(w);
    }
}

static void change_key(struct work *w, uint32_t i)
{
    struct lab_header_key key;
    if (!lab_input_header_key(target, i, &key)) {
        return;
    }
    uint8_t *byte = &w->header[key.byte];
    if (key.is_bit) {
        *byte ^= (uint8_t)(1u << key.bit);
    } else if (one_in(w, 4)) {
        *byte = 0;
    } else {
        *byte = (uint8_t)(one_in(w, 2) ? 1 + below(w, 8) : below(w, 256));
    }
}

static void change_header(struct work *w)
{
    for (uint32_t n = small(w, KEYS_MAX); n > 0; n--) { // bound: KEYS_MAX
        change_key(w, below(w, n_header_keys));
    }
    if (target == LAB_TARGET_PAIR && one_in(w, 3)) {
        change_key(w, memory_key); // many bugs need only that
    }
    // What the header now says decides which lanes matter.
    uint8_t same[LAB_INPUT_HEADER_BYTES];
    struct lab_input said = {.max = 0};
    lab_input_split(target, &base, locked, w->header, sizeof(w->header), same, &said);
    w->in.scenario = said.scenario;
    // Under weaker models a number here has dozens of deviations drawn.
    if (w->in.scenario.memory != LAB_MEMORY_SC && one_in(w, 2)) {
        const uint32_t seed = one_in(w, 4) ? 0 : (uint32_t)vl_mix64(&w->rng);
        virtq_put_le(w->header + LAB_INPUT_SEED_AT, 4, seed);
    }
}

static void edit(struct work *w)
{
    const uint32_t kind = below(w, 32);
    if (kind < (w->in.n < FEW ? 12 : 6)) {
        change_header(w);
    } else if (kind == 31) {
        fresh(w);
    } else if (kind < 16 || w->in.n == 0) {
        add(w);
    } else if (kind < 19) {
        drop(w);
    } else if (kind < 23) {
        move(w);
    } else if (kind < 26) {
        retarget(w);
    } else if (kind < 28) {
        change_value(w);
    } else if (kind < 30) {
        repeat(w);
    } else {
        empty_lane(w);
    }
}

size_t mutator_mutate(uint8_t *data, size_t size, size_t max_size, uint64_t seed)
{
    struct work w = {.rng = seed, .lanes = UINT32_MAX};

    (void)vl_mix64(&w.rng);
    take_apart(&w, data, size, list_a);
    if (one_in(&w, 2)) {
        w.lanes = (uint32_t)vl_mix64(&w.rng); // each lane is in or out
    }
    uint32_t n = small(&w, STACK_MAX);
    n += one_in(&w, 2) ? small(&w, STACK_MAX) : 0;
    for (; n > 0; n--) { // bound: 2 * STACK_MAX
        edit(&w);
    }
    w.in.n = vl_deviations_canonical(w.in.list, w.in.n);
    return lab_input_join(w.header, w.in.list, w.in.n, data, max_size);
}

// ---- two inputs ---------------------------------------------------------------------------------

size_t mutator_cross(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes,
                     uint8_t *out, size_t max_size, uint64_t seed)
{
    struct work w = {.rng = seed, .lanes = UINT32_MAX};
    struct work other = {.rng = 0};
    uint32_t keep[VL_LANE_COUNT]; // occurrences up to which the lane is a's
    uint32_t n = 0;

    (void)vl_mix64(&w.rng);
    take_apart(&w, a, a_bytes, list_a);
    take_apart(&other, b, b_bytes, list_b);
    for (unsigned lane = 0; lane < VL_LANE_COUNT; lane++) {
        const uint32_t kind = below(&w, 3);
        keep[lane] = kind == 0 ? 0 : kind == 1 ? UINT32_MAX : small(&w, 1024);
    }
    for (uint32_t i = 0; i < w.in.n; i++) { // bound: the list
        if (w.in.list[i].nth <= keep[w.in.list[i].lane]) {
            w.in.list[n++] = w.in.list[i];
        }
    }
    w.in.n = n;
    for (uint32_t i = 0; i < other.in.n; i++) { // bound: the list
        if (other.in.list[i].nth > keep[other.in.list[i].lane]) {
            (void)append(&w, &other.in.list[i]);
        }
    }
    w.in.n = vl_deviations_canonical(w.in.list, w.in.n);
    return lab_input_join(one_in(&w, 4) ? other.header : w.header, w.in.list, w.in.n, out,
                          max_size);
}

// ---- for a trimmer ------------------------------------------------------------------------------

uint32_t mutator_count(const uint8_t *data, size_t size)
{
    struct work w = {.rng = 0};
    take_apart(&w, data, size, list_a);
    return w.in.n;
}

size_t mutator_without(const uint8_t *data, size_t size, uint32_t from, uint32_t n, uint8_t *out,
                       size_t max_size)
{
    struct work w = {.rng = 0};

    take_apart(&w, data, size, list_a);
    if (from < w.in.n) {
        const uint32_t left = w.in.n - from;
        const uint32_t gone = n < left ? n : left;
        memmove(&w.in.list[from], &w.in.list[from + gone], (left - gone) * sizeof(w.in.list[0]));
        w.in.n -= gone;
    }
    return lab_input_join(w.header, w.in.list, w.in.n, out, max_size);
}
