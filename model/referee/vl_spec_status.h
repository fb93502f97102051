// model/referee/vl_spec_status.h -- checkers: device status, initialisation, reset.
// Spec: virtio 1.4 §2.1, §2.4, §3.1.1 (1.0: §2.1, §3.1.1).
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_STATUS_H
#define VL_SPEC_STATUS_H

#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_status {
    uint64_t asked_seq;  // newest request for a reset
    uint64_t ok_seq;     // newest write that set DRIVER_OK
    uint64_t clear_seq;  // since here NEEDS_RESET may have become set: last status without it
    uint64_t needs_seq;  // the read that showed it, while a notification of it is still owed
    uint64_t config_seq; // newest interrupt that may have told of a configuration change
    uint64_t last_seq;   // newest access to a register
    uint64_t began_seq;  // the one before it: a read may be answered at any time from there on
    uint64_t line_seq;   // INTx was raised before DRIVER_OK
    uint64_t error_seq;  // the device named an error that takes a queue out of service
    uint64_t error;      // which: enum virtq_err
    uint64_t slept_seq;  // the device slept behind that: what was to be set is set
    uint64_t left_seq;   // a reset left an initialisation that had not come to DRIVER_OK or FAILED
    uint32_t n_polls;    // status reads since the request for a reset
    uint8_t left;        // status at that point
    bool touched;        // status was written in this run
    bool was_asked;      // a reset was asked for in this run
    bool resetting;      // ... and status has not read 0 since
    bool busy;           // DRIVER_OK was written and no reset was completed since
    bool left_read;      // features had been read there
    bool accused;        // the driver named an error of the device's
    bool line;           // INTx is up: whatever there is to tell is told when the ISR byte is read
};

// An access to the common or the device configuration, or a notification.
void vl_spec_status_access(struct vl_referees *r, const struct vl_reg_access *a);

// Any other event of a device that may be too early or too late: an interrupt, a sleep, the end.
void vl_spec_status_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// The device has shown nothing over which a driver may give up short of DRIVER_OK, where it is
// judged itself.
bool vl_spec_status_startable(const struct vl_referees *r);

// True while the device has to leave queues alone: so that a ring access is asked about below only
// then. Over PCI.
static inline bool vl_spec_status_quiet(const struct vl_spec_status *st)
{
    return !st->busy;
}

// The device touched a ring or a buffer, and has said that it was reset, or has to leave queues
// alone.
void vl_spec_status_touched(struct vl_referees *r, const struct vl_event *ev) __attribute__((cold));

// ---- vl_spec_status_device.c: what the device owes ---------------------------------------------

void vl_spec_status_read(struct vl_referees *r, const struct vl_reg_access *a);
void vl_spec_status_signal(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);
void vl_spec_status_slept(struct vl_referees *r, uint64_t seq);
void vl_spec_status_line(struct vl_referees *r, const struct vl_reg_access *a);

// A configuration change notification younger than since was sent, or could not be.
bool vl_spec_status_told(const struct vl_referees *r, uint64_t since);

#endif
