// model/referee/vl_spec_isr.h -- checkers: ISR status and the INTx line.
// Spec: virtio 1.4 §4.1.4.5, §4.1.5.3, §4.1.5.4, §4.1.5.5 (1.0: the same).
//
// The ISR byte is the device's own. What is known of it are the values that the driver read; what
// follows from them, and from the line, is judged only where no race between a read and a device
// that is just setting a bit explains it. Such a race is: bit set, byte read, line raised.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_SPEC_ISR_H
#define VL_SPEC_ISR_H

#include "model/referee/vl_shadow.h"
#include "model/referee/vl_spec.h"

// What they remember of a run; all zero at its start.
struct vl_spec_isr {
    bool line;            // INTx is asserted
    bool stuck;           // it has been since a read of ISR that returned 0
    uint64_t stuck_seq;   // event of that read
    uint64_t rise_seq;    // event of the newest assertion
    uint64_t publish_seq; // event of the used idx that it was for, 0: for no queue
    uint32_t n_rises;     // since ISR is watched
    uint32_t n_reads;     // ... reads that returned something else than 0
    uint8_t value;        // as read last
    uint64_t read_seq;    // event of that read, 0: none
    uint64_t fall_seq;    // newest event at which a driver's access let INTx fall
    uint64_t took_seq;    // ... as of the newest read: behind it the byte was empty, 0: not known
    uint32_t readers;     // bit per agent that read it
    // a configuration change that the device said it made
    bool changed;         // no read has told of it
    uint64_t change_rise; // event of the assertion that is for it, 0: none yet
    // a configuration change signalled by message
    uint64_t config_seq; // event of the signal, 0: none since the last read of ISR
    bool config_handled; // its handler has returned
    // what the driver learned and has to serve: event of the newest read that told of it, 0: none
    uint64_t queue_owed;
    uint64_t config_owed;
    bool returned; // the handler that read it has
    // kept for these checks by who sees them: event of the driver's newest load of each queue's
    // used idx, and of its newest access to the device configuration
    uint64_t looked[VL_QUEUES];
    uint64_t device_seq;
};

// An access to the ISR status, or to config space.
// What ISR showed so far does not count any more.
void vl_spec_isr_anew(struct vl_spec_isr *s);

void vl_spec_isr_access(struct vl_referees *r, const struct vl_reg_access *a);
void vl_spec_isr_config(struct vl_referees *r, const struct vl_event *ev);

// An interrupt or the line, a handler that returns, the end of a run.
void vl_spec_isr_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq);

// The device is reset: its ISR byte, and what the driver owes, begin anew.
void vl_spec_isr_forget(struct vl_referees *r);

// The device signalled a configuration change, and nothing else, by message.
void vl_spec_isr_config_signal(struct vl_referees *r, uint64_t seq);

// The handler of that message has returned.
void vl_spec_isr_config_handled(struct vl_referees *r);

#endif
