// model/referee/vl_spec_config.h -- checkers: device configuration space.
// Spec: virtio 1.4 §2.5, §3.2.1 (1.0: §2.3, §3.2).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_CONFIG_H
#define VL_SPEC_CONFIG_H

#include "model/referee/vl_spec.h"

#define VL_CONFIG_READS 16u

// A read of device configuration, for comparing it with a later one of the same place.
struct vl_config_read {
    uint64_t seq;
    uint64_t began_seq; // it may have been answered from here on
    uint32_t value;
    uint16_t off;
    uint8_t bytes;   // 0: no read
    uint8_t gen;     // config_generation as read last before it
    bool gen_known;  // ... since the reset
    bool negotiated; // FEATURES_OK was confirmed
    bool running;    // DRIVER_OK was set
};

// What they remember of a run; all zero at its start.
struct vl_spec_config {
    struct vl_config_read read[VL_CONFIG_READS]; // since the reset, the newest of each place
    struct vl_config_read early;                 // said something else before FEATURES_OK ...
    struct vl_config_read late;                  // ... than this, if the generation stays the same
    uint64_t owed_seq;                           // a change showed, its notification is owed
    uint64_t owed_since;                         // the change is younger than this
    uint64_t torn_seq;                           // the generation that came out different
    uint64_t since; // bit per 4 bytes: read since the last read of the generation
    uint64_t torn;  // ... read while the generation changed, and not again since
    uint32_t owed_off;
    uint32_t n_since; // accesses since the last read of the generation
    uint8_t gen;
    uint8_t torn_from; // generations that differ
    uint8_t torn_to;
    bool gen_known;    // since the reset
    uint32_t told;     // low half of the block device's capacity, as the device says it changed it
    uint64_t told_seq; // event of that, 0: none since the reset
    bool loose;        // several reads with no generation in front of them, or none behind
};

// An access to the common or the device configuration.
void vl_spec_config_access(struct vl_referees *r, const struct vl_reg_access *a);

// An interrupt, the end of a run.
void vl_spec_config_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// The device takes buffers: that DRIVER_OK is set has reached it.
bool vl_spec_config_running(const struct vl_referees *r);

// The driver goes on to use what it read: DRIVER_OK, or a notification.
void vl_spec_config_used(struct vl_referees *r, const char *how);

static inline bool vl_spec_config_unused(const struct vl_spec_config *st)
{
    return (st->since | st->torn) != 0 || st->loose;
}

#endif
