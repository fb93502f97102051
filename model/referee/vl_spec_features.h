// model/referee/vl_spec_features.h -- checkers: feature bits.
// Spec: virtio 1.4 §2.2, §6 (1.0: §2.2, §6).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_FEATURES_H
#define VL_SPEC_FEATURES_H

#include "model/referee/vl_spec.h"

#define VL_FEATURE_WORDS 4u
#define VL_FEATURE_BITS (32u * VL_FEATURE_WORDS)

// What they remember of a run; all zero at its start.
struct vl_spec_features {
    uint32_t accepted[VL_FEATURE_WORDS]; // what FEATURES_OK was set over
    uint32_t agreed[VL_FEATURE_WORDS];   // what was agreed on, before the reset
    uint64_t agreed_seq;
    uint64_t ok_seq; // the write that set FEATURES_OK
    uint16_t type;   // virtio device ID, 0 until it was looked up
    bool invalid;    // the accepted set is none that a device may agree to
    bool unclear;    // the device may have got other words than were written
    bool beyond;     // a bit behind the words that are followed was accepted
};

// An access to the common configuration.
void vl_spec_features_access(struct vl_referees *r, const struct vl_reg_access *a);

// Features as the driver told the device, for the queues: *features keeps what it noted if nothing
// is attached over PCI. False if it cannot be known what the device made of it.
bool vl_spec_features_told(const struct vl_referees *r, uint64_t *features);

// The virtio device ID of the function: as its PCI IDs say, else as the run is said to be of.
uint16_t vl_spec_device_type(struct vl_referees *r);

// ---- vl_spec_features_bits.c: what the standard says of each bit --------------------------------

enum vl_feature_kind {
    VL_FEATURE_KNOWN,
    VL_FEATURE_RESERVED,  // set aside for a future use, or never to be used
    VL_FEATURE_UNDEFINED, // of queues and negotiation, and nothing describes it
    VL_FEATURE_ELSEWHERE, // of another transport than this one
    VL_FEATURE_NOT_ITS,   // of a device type, and this type does not define it
};

// What bit 0..127 is to a device of a type over PCI through the modern interface. Of a type that is
// not in the table (0 among them) every bit of its range counts as known.
enum vl_feature_kind vl_feature_kind(uint16_t virtio_id, uint32_t bit);

// A bit of the set whose requirement is not met in it: *needs gets a bit that would do. Bits of
// words that are not in known (a bit per word) are not asked about. VL_FEATURE_BITS: all is well.
uint32_t vl_feature_unmet(uint16_t virtio_id, const uint32_t set[VL_FEATURE_WORDS], uint8_t known,
                          uint32_t *needs);

// The virtio device type of a function with this PCI device ID and subsystem ID; 0 if it is none.
uint16_t vl_feature_device_type(uint16_t device_id, uint16_t subsystem_id);

#endif
