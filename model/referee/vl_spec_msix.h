// model/referee/vl_spec_msix.h -- checkers: MSI-X vectors, and capabilities for interrupts.
// Spec: virtio 1.4 §4.1.4.4.1, §4.1.4.5.1, §4.1.5.1.2, §4.1.5.3, §4.1.5.4, §4.1.5.5 (1.0: the
// same).
//
//   vl_spec_msix.c       mapping events to vectors
//   vl_spec_msix_send.c  which vector an event is signalled on, and who serves it
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_MSIX_H
#define VL_SPEC_MSIX_H

#include "model/referee/vl_spec.h"

// Events that are mapped: the configuration change, and each queue behind it.
#define VL_MAPPED_CONFIG 0u
#define VL_MAPPED_QUEUE 1u
#define VL_MAPPED_COUNT (VL_MAPPED_QUEUE + VL_SPEC_QUEUES)

// A vector register.
struct vl_spec_mapping {
    bool written;    // since the reset
    bool unread;     // written, and not read back yet
    bool unsure;     // accessed in a way that leaves open what the device made of it
    uint16_t asked;  // as written last
    uint16_t vector; // as read back; meaningless while unread
    bool unmapped;   // NO_VECTOR replaced the vector before
    uint16_t before;
    uint64_t seq;      // event of the last write
    uint64_t arrived;  // event of the newest message that arrived for it, 0: none
    uint64_t owed;     // ... whose handler returned, and that the driver has to serve
    uint32_t n_strays; // signals behind its unmapping
};

// What they remember of a run; all zero at its start.
struct vl_spec_msix {
    uint64_t control_seq; // event of a message control read whose table is not in use yet
    // vectors
    bool control_known; // message control was read or written since the function was found
    uint16_t control;
    uint16_t n_unread;
    uint64_t unmasked;    // bit per table entry
    uint64_t aimed;       // ... its address is one of the PC's for messages, low half
    uint64_t high;        // ... high half is not 0
    uint64_t changed_seq; // newest write to config space, the table or a vector register
    struct vl_spec_mapping map[VL_MAPPED_COUNT];
    uint8_t granted[VL_SPEC_VECTORS]; // 1 + the event that each vector was granted to first
    uint8_t refused[VL_SPEC_VECTORS]; // 1 + the event that it was refused to last
    // a signal on another vector than its queue's
    bool suspect;
    uint32_t suspect_queue;
    uint64_t suspect_data;
    uint64_t suspect_seq;
    uint32_t queues_arrived; // bit per queue: message arrived, its handler has not returned
};

// An access to the common configuration or the MSI-X table.
void vl_spec_msix_access(struct vl_referees *r, const struct vl_reg_access *a);

// An interrupt, a handler that returns, the end of a run.
void vl_spec_msix_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// MSI-X is enabled, as the driver wrote it last; entries of the table, as it read them.
bool vl_spec_vectors_on(const struct vl_referees *r);
uint32_t vl_spec_vectors(const struct vl_referees *r);

// Queues that the device has, as far as they are followed here, and in the rings.
static inline uint32_t vl_spec_followed(const struct vl_spec_regs *s, uint32_t most)
{
    return s->num_queues_read && s->num_queues < most ? s->num_queues : most;
}

// The vector that an event is mapped to, or VL_NO_VECTOR.
static inline uint16_t vl_spec_mapped(const struct vl_spec_mapping *m)
{
    return m->written && !m->unread ? m->vector : VL_NO_VECTOR;
}

// ---- vl_spec_msix_send.c ----------------------------------------------------------------------

void vl_spec_vectors_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// The event is mapped to a vector whose message nothing masks. Of a driver that is not judged: and
// which it has not sent astray.
bool vl_spec_can_be_sent(const struct vl_referees *r, uint32_t event);

// ---- vl_spec_isr.c: whether the driver served an event ----------------------------------------

// The driver's main context sleeps at this event, and nothing ends that at once.
bool vl_spec_driver_rests(const struct vl_referees *r, const struct vl_event *ev);

// It has looked for used buffers of the queue behind event since, or has no reason to; it has read
// device status or device configuration since.
bool vl_spec_looked_at_queue(const struct vl_referees *r, uint32_t queue, uint64_t since);
bool vl_spec_looked_at_config(const struct vl_referees *r, uint64_t since);

#endif
