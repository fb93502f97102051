// model/referee/vl_flight.c -- notifications, interrupts and wake-ups under way, from events alone.
// Spec: virtio 1.4 §2.7.10, §2.7.13.4, §4.1.4.4 (1.0: §2.4.9, §3.2.1.2, §4.1.4.4).
// Where the events leave it open whether something is still under way, it counts as under way: then
// a lost notification is found later, at the latest when nothing can run any more.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_flight.h"

void vl_flight_reset(struct vl_flight *f)
{
    *f = (struct vl_flight){0};
}

void vl_flight_device_reset(struct vl_flight *f)
{
    f->answering = 0;
}

void vl_flight_event(struct vl_flight *f, const struct vl_event *ev)
{
    vl_flight_take(f, ev, (enum vl_event_kind)ev->kind);
}
