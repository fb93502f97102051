// model/core/vl_choice.h -- choices: the only source of what a run does beyond its scenario.
//
// An input is a sparse list of deviations from the benign run, in which every choice is 0. A
// deviation has an absolute address (lane, agent, key, n-th occurrence) and a value, which is
// taken modulo the number of options at that point. Every choice point counts its occurrences,
// also where there is one option, so that an input means the same under every memory model.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_CHOICE_H
#define VL_CHOICE_H

#include "model/core/vl_event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// X(ID, "name", agents, keys): a lane has agents * keys choice counters.
// Keys of memory lanes are queue * 16 + field; of the others see vl_choice_key().
#define VL_LANES(X)                                                                                \
    X(SCHEDULE, "schedule", 6, 1)      /* who runs on at this port call */                         \
    X(READ, "read", 6, 64)             /* which store a load sees */                               \
    X(STORE, "store", 6, 64)           /* where a store goes in its location's order */            \
    X(NOTIFY, "notify", 6, 64)         /* how long a notification is under way */                  \
    X(WORKLOAD, "workload", 1, 64)     /* what is asked of the queue, where buffers lie */         \
    X(COMPLETION, "completion", 1, 64) /* which request the backend answers next */                \
    X(MISCHIEF_DRIVER, "mischief-driver", 6, 64) /* a hostile driver's acts */                     \
    X(MISCHIEF_DEVICE, "mischief-device", 6, 64) /* a hostile device's acts */                     \
    X(MISCHIEF_PCI, "mischief-pci", 6, 64)       /* lies in config space and registers */          \
    X(PLATFORM, "platform", 1, 64)               /* spurious notifications and interrupts */       \
    X(PRIORITY, "priority", 6, 1) /* whose side goes first from this port call on */               \
    X(DELAY, "delay", 6, 1)       /* for how long others go on at this port call */

#define VL_LANE_ENUM_(id, name, agents, keys) VL_LANE_##id,
enum vl_lane { VL_LANES(VL_LANE_ENUM_) VL_LANE_COUNT };
#undef VL_LANE_ENUM_

#define VL_LANE_SLOTS_(id, name, agents, keys) +(agents) * (keys)
#define VL_SLOTS (0 VL_LANES(VL_LANE_SLOTS_))

// Choice counters of one lane of registers.
#define VL_REGISTER_SLOTS (6 * 64)

struct vl_deviation {
    uint8_t lane;
    uint8_t agent;
    uint16_t key;
    uint32_t nth;   // 1 is the first occurrence
    uint32_t value; // not 0
};

// Choice counter of one (lane, agent, key).
struct vl_slot {
    uint32_t n;    // occurrences so far
    uint32_t next; // occurrence at which something may deviate; 0: never
};

// What a driver is at, as a hostile one's registers see it. A run goes through these in order, and
// where it skips one the one behind begins at once.
enum vl_phase {
    VL_PHASE_FIND,      // looks through config space
    VL_PHASE_NEGOTIATE, // from its first register access on
    VL_PHASE_SET_UP,    // from FEATURES_OK on
    VL_PHASE_RUN,       // from DRIVER_OK on
    VL_PHASE_COUNT
};

// How a seed picks schedules.
enum vl_schedule {
    VL_SCHEDULE_WALK, // random walk: preempt with a probability drawn once a run
    VL_SCHEDULE_PCT,  // probabilistic concurrency testing: d - 1 change points, else priorities
};

enum vl_source { VL_SOURCE_INPUT, VL_SOURCE_SEED, VL_SOURCE_GUIDE };

// Somebody who decides at each choice point; what deviates is recorded as from any other source.
struct vl_guide {
    void *ctx;
    uint32_t (*choose)(void *ctx, unsigned lane, unsigned agent, unsigned key, uint32_t n_options);
};

struct vl_choices {
    struct vl_slot slots[VL_SLOTS];
    // The lanes schedule, priority and delay count the same port calls. So that these need one
    // counter, the slot of schedule is due when any of the three is; its own turn stands here.
    uint32_t schedule_next[VL_AGENT_COUNT];
    // Occurrences of the lane mischief-pci when a phase began: where a late one may be looked for.
    uint8_t phase;
    uint32_t began[VL_PHASE_COUNT][VL_REGISTER_SLOTS];
    enum vl_source source;
    // input
    const struct vl_deviation *input; // sorted by vl_deviation_compare(), no equal addresses
    uint32_t n_input;
    uint32_t slot_pos[VL_SLOTS]; // where the slot's next deviation stands in input
    struct vl_guide guide;
    // seed
    uint64_t rng;
    uint32_t gap_mean[VL_LANE_COUNT]; // mean occurrences between deviations; 0: lane is off
    enum vl_schedule schedule;
    uint32_t pct_left;  // change points to come
    uint32_t pct_range; // in how many port calls the change points lie
    // what was taken, in order of time
    struct vl_deviation *log;
    uint32_t n_log;
    uint32_t log_max; // a full log ends deviating: from there on every choice is 0
    bool log_owned;   // by the machine
};

// First slot, keys and agents of a lane. In the header, so that vl_choose() with a constant lane
// is arithmetic on constants. Bases are running sums of the table, written out by an enum. All are
// in the order of the table.
#define VL_LANE_SUM_(id, name, agents, keys)                                                       \
    VL_BASE_##id, VL_LAST_##id = VL_BASE_##id + (agents) * (keys)-1,
enum vl_lane_sums { VL_LANES(VL_LANE_SUM_) VL_BASE_END };
#undef VL_LANE_SUM_

#define VL_LANE_BASE_(id, name, agents, keys) VL_BASE_##id,
static const uint16_t vl_lane_base[VL_LANE_COUNT] = {VL_LANES(VL_LANE_BASE_)};
#undef VL_LANE_BASE_

#define VL_LANE_KEYS_(id, name, agents, keys) (keys),
static const uint16_t vl_lane_keys[VL_LANE_COUNT] = {VL_LANES(VL_LANE_KEYS_)};
#undef VL_LANE_KEYS_

#define VL_LANE_AGENTS_(id, name, agents, keys) (agents),
static const uint16_t vl_lane_agents[VL_LANE_COUNT] = {VL_LANES(VL_LANE_AGENTS_)};
#undef VL_LANE_AGENTS_

const char *vl_lane_name(unsigned lane);

static inline uint32_t vl_slot_index(unsigned lane, unsigned agent, unsigned key)
{
    const uint32_t keys = vl_lane_keys[lane];
    const uint32_t a = vl_lane_agents[lane] > 1 ? agent : 0;
    return vl_lane_base[lane] + a * keys + (key & (keys - 1));
}

// The key of a memory access: queues 0..3 are told apart, later ones share (queue modulo 4).
static inline uint16_t vl_choice_key(unsigned queue, unsigned field)
{
    return (uint16_t)((queue & 3u) << 4 | field);
}

// The slow half of vl_choose(): the occurrence is one at which the source may deviate.
uint32_t vl_choose_slow(struct vl_choices *c, uint32_t slot, unsigned lane, unsigned agent,
                        unsigned key, uint32_t n_options);

// Take a choice: count the occurrence and return a value in 0..n_options-1; 0 is the benign one.
// n_options >= 1.
static inline uint32_t vl_choose(struct vl_choices *c, unsigned lane, unsigned agent, unsigned key,
                                 uint32_t n_options)
{
    const uint32_t slot = vl_slot_index(lane, agent, key);
    struct vl_slot *s = &c->slots[slot];
    if (++s->n != s->next) {
        return 0;
    }
    return vl_choose_slow(c, slot, lane, agent, key, n_options);
}

// What happens at a port call at which a lane of schedules is due.
struct vl_turn {
    uint32_t preempt;  // 0: goes on; else the n-th other strand that can run goes on
    uint32_t priority; // 0: as it is; else VL_PRIORITY_*
    uint32_t delay;    // 0: none; else port calls for which others go on
};

enum { VL_PRIORITY_LAST = 1, VL_PRIORITY_FIRST = 2, VL_PRIORITY_OPTIONS };
#define VL_PUT_OFF_OPTIONS 256u

// The choices of an agent's port call, in the lanes schedule, priority and delay. Its slot of
// schedule is due (n == next). n_others: other strands that can run.
struct vl_turn vl_choose_turn(struct vl_choices *c, unsigned agent, uint32_t n_others);

// The slow half of vl_choices_phase().
void vl_choices_phase_slow(struct vl_choices *c, enum vl_phase phase);

// The driver has come to a phase. Going back, as behind a reset, counts as staying.
static inline void vl_choices_phase(struct vl_choices *c, enum vl_phase phase)
{
    if (phase > c->phase) {
        vl_choices_phase_slow(c, phase);
    }
}

// Order of deviations in an input: lane, agent, key, nth.
int vl_deviation_compare(const struct vl_deviation *a, const struct vl_deviation *b);

// Put deviations into canonical order in place: sorted, without value 0; of several at one
// address the smallest value stays. Allocates nothing. Returns the new count.
uint32_t vl_deviations_canonical(struct vl_deviation *list, uint32_t n);

// Start a run from a list in canonical order; the list must stay until the run ends.
void vl_choices_from_input(struct vl_choices *c, const struct vl_deviation *list, uint32_t n);

// Choices from somebody who is asked at each point. guide->ctx is the caller's.
void vl_choices_from_guide(struct vl_choices *c, const struct vl_guide *guide);

// Start a run from a seed. hostile_lanes: bit per lane, mischief lanes that may deviate.
//   depth   PCT depth, 1..; ignored by the random walk
void vl_choices_from_seed(struct vl_choices *c, uint64_t seed, enum vl_schedule schedule,
                          uint32_t depth, uint32_t hostile_lanes);

// Next number of the run's generator (SplitMix64); for data that a scenario's seed decides.
uint64_t vl_mix64(uint64_t *state);

#ifdef __cplusplus
}
#endif

#endif
