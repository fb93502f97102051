// model/referee/vl_spec_common.h -- checkers: the common configuration structure.
// Spec: virtio 1.4 §4.1.3, §4.1.4.3, §4.1.5.1.3 (1.0: the same).
//
//   vl_spec_common.c         hands accesses out; status, features, registers that are read-only
//   vl_spec_common_cap.c     the capability that names the structure
//   vl_spec_common_config.c  config_generation and what it stands for
//   vl_spec_common_queue.c   registers of a queue
//   vl_spec_common_ring.c    a queue at its enable: areas, their content, service before it
//   vl_spec_common_width.c   which field lies where, and how it may be accessed
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_COMMON_H
#define VL_SPEC_COMMON_H

#include "model/referee/vl_spec.h"

// Words of device configuration that are followed.
#define VL_CONFIG_WORDS 64u
#define VL_QUEUE_HALVES 6u

// Four bytes of device configuration as they were read last.
struct vl_config_word {
    uint64_t seq;
    uint32_t value;
    uint8_t known;      // bit per byte: read since the reset
    uint8_t generation; // config_generation as read last before it
    bool stamped;       // ... if it was read
};

struct vl_common_queue {
    uint64_t half_seq[VL_QUEUE_HALVES]; // event of the newest write
    uint64_t max_seq;
    uint32_t size_max;  // queue_size as first read behind an earlier reset; 0: never
    uint8_t half_taken; // bit per half of an address: written while the device had to take it
};

// What they remember of a run; all zero at its start.
struct vl_spec_common {
    bool caps_judged;
    bool reset_pending;   // 0 was written to device_status, and not read back since
    bool zero_seen;       // 0 was read back, and nothing but 0 written since
    bool device_selected; // device_feature_select was written since the reset
    bool driver_selected; // driver_feature_select ...
    uint8_t words_taken;  // bit per word of driver_feature: written while it was to be taken
    uint8_t live;         // bit per queue: the driver says that it is ready
    uint8_t enabled;      // ... and it was enabled since
    uint64_t reset_seq;   // event of the newest write of 0
    uint64_t zero_seq;    // event of the newest read of 0 that ended a reset
    uint64_t num_queues_seq;
    // a change of device configuration, until config_generation is read
    bool changed;
    uint8_t changed_generation; // as read last before the old value
    uint32_t changed_off;
    uint32_t changed_old;
    uint32_t changed_new;
    uint64_t changed_old_seq;
    uint64_t changed_seq;
    struct vl_common_queue queue[VL_SPEC_QUEUES];
    struct vl_config_word word[VL_CONFIG_WORDS];
};

// True while they wait for something beside their registers: the capabilities have to be judged, or
// a queue is not enabled that the driver calls ready.
static inline bool vl_spec_common_waits(const struct vl_spec_common *c)
{
    return !c->caps_judged || (c->live & ~c->enabled) != 0;
}

// An access to any structure.
void vl_spec_common_access(struct vl_referees *r, const struct vl_reg_access *a);

// A queue goes live or down, the driver gives up, memory is taken, the end of a run.
void vl_spec_common_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// True for an access to no register that there is, or not to the whole of it: no rule is about what
// the device makes of that.
bool vl_common_misuse(const struct vl_referees *r, const struct vl_reg_access *a);

// ---- inside vl_spec_common*.c -------------------------------------------------------------------

// False if the access does not fit the field that it touches: nothing else is judged by it.
bool vl_common_width(struct vl_referees *r, const struct vl_reg_access *a);

// Capabilities, as far as the driver read them.
void vl_common_caps(struct vl_referees *r);

// Word 1 of the offered features, which may bring registers of their own, is high.
void vl_common_length(struct vl_referees *r, uint32_t high);

// Device configuration was accessed; config_generation was read.
void vl_common_config(struct vl_referees *r, const struct vl_reg_access *a);
void vl_common_generation(struct vl_referees *r, const struct vl_reg_access *a);

// queue_select was written; another register of a queue was read, written.
void vl_common_queue_select(struct vl_referees *r, const struct vl_reg_access *a);
void vl_common_queue_read(struct vl_referees *r, const struct vl_reg_access *a);
void vl_common_queue_write(struct vl_referees *r, const struct vl_reg_access *a);

// The driver enables the selected queue, whose addresses are all written.
void vl_common_enable(struct vl_referees *r);

// An address was written for the selected queue that is another queue's. True if it was said.
bool vl_common_stale_select(struct vl_referees *r, const struct vl_reg_access *a);

// A ring that is not enabled was looked at. Called while there is one that might be.
void vl_common_early_service(struct vl_referees *r);

// A note, or memory was taken.
void vl_common_ring_event(struct vl_referees *r, const struct vl_event *ev);

// An index at or behind num_queues, which no queue can have.
static inline bool vl_common_no_queue(const struct vl_spec_regs *s)
{
    // Behind num_queues lie administration virtqueues, if any are offered [4.1.4.3].
    return s->num_queues_read && s->queue_select >= s->num_queues && (s->offered[1] & 1u << 9) == 0;
}

static inline uint32_t vl_swap16(uint32_t v)
{
    return (v & 0xFFu) << 8 | (v >> 8 & 0xFFu);
}
static inline uint32_t vl_swap32(uint32_t v)
{
    return vl_swap16(v & 0xFFFFu) << 16 | vl_swap16(v >> 16);
}

#endif
