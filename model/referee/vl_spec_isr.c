// model/referee/vl_spec_isr.c -- checkers: ISR status and the INTx line.
// Spec: virtio 1.4 §4.1.4.5, §4.1.5.3, §4.1.5.4, §4.1.5.5 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

void vl_spec_isr_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    (void)r;
    (void)a;
}

void vl_spec_isr_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}

void vl_spec_isr_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    (void)r;
    (void)ev;
    (void)seq;
}
