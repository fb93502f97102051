// model/referee/vl_spec_notify.h -- checkers: available buffer notifications over PCI.
// Spec: virtio 1.4 §2.9, §4.1.4.4, §4.1.4.5.1, §4.1.5.1.2.1, §4.1.5.2 (1.0: the same but for §2.9,
// which is §4.1.5.2 there).
//
//   vl_spec_notify.c       notifications
//   vl_spec_notify_caps.c  the capabilities of notification, ISR status and MSI-X
//
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_NOTIFY_H
#define VL_SPEC_NOTIFY_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_notify {
    uint32_t function;                 // whose config space is being read
    const struct vl_config_set *known; // what was read of it, while it is judged
    bool judged;                       // as far as it was read
    bool doubtful; // a type stands there twice: which one the driver takes is open
};

// An access to the common configuration or the notification structure, or a notification that went
// somewhere else.
void vl_spec_notify_access(struct vl_referees *r, const struct vl_reg_access *a);

// ---- vl_spec_notify_caps.c --------------------------------------------------------------------

// Config space of a function is read.
static inline void vl_spec_caps_read(struct vl_spec_notify *s, uint32_t function)
{
    if (function != s->function) {
        s->function = function;
        s->judged = s->doubtful = false;
    }
}

// Config space of the function in use is accessed; the driver uses what it read there; it gives the
// device up, and names a rule that the device broke (accused) or does not.
void vl_spec_caps_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
void vl_spec_caps_judge(struct vl_referees *r);
static inline void vl_spec_caps_used(struct vl_referees *r, const struct vl_spec_notify *s)
{
    if (!s->judged) {
        vl_spec_caps_judge(r);
    }
}
void vl_spec_caps_given_up(struct vl_referees *r, bool accused);

// False if a lying device leaves open which structures the driver uses.
bool vl_spec_caps_sure(const struct vl_referees *r);

#endif
