// model/referee/vl_spec_status_device.c -- checkers: status and reset: what the device owes.
// Spec: virtio 1.4 §2.1.2, §2.4.1 (1.0: §2.1.2).
//
// Between a request for a reset and the status that reads 0 the device may be anywhere between the
// two: nothing is asked of it then.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

// Status reads after which a reset is not coming any more.
#define RESET_READS_MAX 4096u    // ... of a device
#define PATIENCE_READS_MAX 6144u // ... of a driver whose device never comes to it

#define COMMAND_INTX_OFF 0x0400u

// ---- status ---------------------------------------------------------------------------------

static void reset_polled(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_status *st = &r->spec.status;

    if (a->value == 0) {
        st->resetting = false;
        st->busy = false;
        return;
    }
    // A driver that wrote something else since has not waited.
    if (r->spec.regs.reset_asked && ++st->n_polls == RESET_READS_MAX) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_4_1_dev_1,
                  "status still reads 0x%" PRIx32 ", %" PRIu32 " reads after the reset that was "
                  "asked for at #%" PRIu64,
                  a->value, st->n_polls, st->asked_seq);
    }
    if (r->spec.regs.reset_asked && st->n_polls == PATIENCE_READS_MAX && r->judge_driver) {
        vl_referee_finding(r, "robustness:unbounded-work", "driver",
                           "status still reads 0x%" PRIx32 ", %" PRIu32
                           " reads after the reset that was asked for at #%" PRIu64
                           ", and the driver goes on waiting",
                           a->value, st->n_polls, st->asked_seq);
    }
}

// What a reset leaves in status is asked when it says that it is complete [4.1.4.3.1-dev-8].
static void at_power_on(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (!r->spec.status.touched && !r->spec.status.was_asked && a->value != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_1_dev_d1,
                  "status reads 0x%" PRIx32 " at power-on: nobody has written it", a->value);
    }
}

// Without a vector, or with its entry masked, there is none. A line that is up was raised for this,
// or says it when the ISR byte is read. A driver that is not judged may have touched what decides
// that in a way that leaves open what the function made of it.
bool vl_spec_status_told(const struct vl_referees *r, uint64_t since)
{
    const struct vl_spec_status *st = &r->spec.status;
    const bool possible = vl_spec_vectors_on(r)
                              ? vl_spec_can_be_sent(r, VL_MAPPED_CONFIG)
                              : !st->line && (r->spec.regs.command & COMMAND_INTX_OFF) == 0;

    return st->config_seq > since || !possible ||
           (!r->judge_driver && r->spec.msix.changed_seq > since);
}

static void notification_due(struct vl_referees *r)
{
    struct vl_spec_status *st = &r->spec.status;

    if (st->needs_seq == 0) {
        return;
    }
    if (!vl_spec_status_told(r, st->clear_seq)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_1_2_dev_4,
                  "status read at #%" PRIu64 " has DEVICE_NEEDS_RESET set, and the device has sent "
                  "no configuration change notification since #%" PRIu64 ", when it had not",
                  st->needs_seq, st->clear_seq);
    }
    st->needs_seq = 0;
}

// A read of status while the driver runs the device.
static void running(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_status *st = &r->spec.status;
    const struct vl_spec_regs *s = &r->spec.regs;
    const bool needs = (a->value & VL_STATUS_NEEDS_RESET) != 0;

    if (!needs) {
        st->clear_seq = st->began_seq;
        if (st->error_seq != 0 && st->slept_seq != 0 && st->began_seq > st->slept_seq) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 2_1_2_dev_3,
                      "the device has named %s at #%" PRIu64 ", and status, read as 0x%" PRIx32
                      ", does not say that it needs a reset",
                      virtq_err_name((enum virtq_err)st->error), st->error_seq, a->value);
            st->error_seq = 0;
        }
    } else if (!s->needs_reset && (a->value & VL_STATUS_DRIVER_OK) != 0) {
        st->needs_seq = a->seq;
        if (r->asleep[VL_SIDE_DEVICE]) {
            notification_due(r); // what it wanted to do it has done
        }
    }
}

void vl_spec_status_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_status *st = &r->spec.status;
    const struct vl_spec_regs *s = &r->spec.regs;

    if (st->resetting) {
        reset_polled(r, a);
    } else if (s->status == 0) {
        at_power_on(r, a);
    } else if ((s->status & VL_STATUS_DRIVER_OK) != 0) {
        running(r, a);
    }
}

void vl_spec_status_slept(struct vl_referees *r, uint64_t seq)
{
    struct vl_spec_status *st = &r->spec.status;

    if (st->error_seq != 0 && st->slept_seq == 0) {
        st->slept_seq = seq;
    }
    notification_due(r);
}

// ---- notifications --------------------------------------------------------------------------

// A message that waited behind a mask is sent by the function itself when a driver lifts it. Only a
// driver that is judged is known to leave none waiting.
static bool is_the_devices(const struct vl_referees *r, const struct vl_event *ev)
{
    return ev->agent == VL_AGENT_DEVICE || (ev->agent == VL_AGENT_TRAP && r->judge_driver);
}

// The queue that this message is of, and nothing else; VL_SPEC_QUEUES if there is none.
static uint32_t queue_of(const struct vl_spec_regs *s, uint32_t entry)
{
    for (uint32_t i = 0; i < VL_SPEC_QUEUES && entry != s->config_vector; i++) { // bound: queues
        if (s->queue[i].vector == entry) {
            return i;
        }
    }
    return VL_SPEC_QUEUES;
}

static void before_driver_ok(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (ev->kind == VL_EV_INTX) {
        r->spec.status.line_seq = seq; // the ISR byte will say why
        return;
    }
    const uint32_t queue = queue_of(s, vl_spec_entry(s, ev->addr));
    if (queue < VL_SPEC_QUEUES) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_1_2_dev_2,
                  "the device notifies of used buffers of queue %" PRIu32 " (message 0x%" PRIx64
                  "), and DRIVER_OK is not set (status 0x%x of #%" PRIu64 ")",
                  queue, ev->addr, s->status, s->status_seq);
    }
}

// The message is the configuration change's, whatever else carries it, too.
static bool is_configs(const struct vl_spec_regs *s, uint64_t data)
{
    return s->config_vector < VL_SPEC_VECTORS && s->message[s->config_vector] == data;
}

void vl_spec_status_signal(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_status *st = &r->spec.status;
    const bool line = ev->kind == VL_EV_INTX;

    if (line) {
        st->config_seq = st->line || ev->value != 0 ? seq : st->config_seq; // up until here, too
        st->line = ev->value != 0;
        if (!st->line) {
            return;
        }
    }
    if (line || !vl_spec_msix_on(s) || is_configs(s, ev->addr)) {
        st->config_seq = seq;
    }
    if (st->busy || st->resetting || !s->found || !is_the_devices(r, ev)) {
        return;
    }
    if (s->status != 0) {
        before_driver_ok(r, ev, seq);
    } else if (s->was_reset) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_4_1_dev_2,
                  "the device sends a notification, and nobody has touched it since status read "
                  "0 after the reset, at #%" PRIu64,
                  s->reset_seq);
    }
}

// DRIVER_OK comes now. What the ISR byte said of a line that was up before?
void vl_spec_status_line(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_status *st = &r->spec.status;

    if (st->line_seq != 0 && s->isr_seq > st->line_seq && (s->isr_seen & VL_ISR_QUEUE) != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_1_2_dev_2,
                  "the device raised its line at #%" PRIu64 ", for used buffers as the ISR byte "
                  "said at #%" PRIu64 ", and DRIVER_OK is set only now, by 0x%" PRIx32,
                  st->line_seq, s->isr_seq, a->value);
    }
    st->line_seq = 0;
}

// ---- queues ---------------------------------------------------------------------------------

// A look at how far the driver has come takes nothing.
static bool takes_buffers(const struct vl_event *ev)
{
    switch ((enum vl_field)ev->field) {
    case VL_FIELD_AVAIL_FLAGS:
    case VL_FIELD_AVAIL_IDX:
    case VL_FIELD_USED_EVENT:
    case VL_FIELD_USED_FLAGS:
    case VL_FIELD_AVAIL_EVENT: return false;
    case VL_FIELD_USED_IDX: return ev->kind == VL_EV_STORE;
    default: return true;
    }
}

void vl_spec_status_touched(struct vl_referees *r, const struct vl_event *ev)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_status *st = &r->spec.status;

    if (r->device_was_reset) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_4_1_dev_3, "ownership:device-after-reset",
                     "the device touched %" PRIu32 " bytes at gpa 0x%" PRIx64
                     " after its reset was complete at #%" PRIu64,
                     ev->len, ev->addr, r->reset_at_seq);
    } else if (s->status == 0 && s->was_reset && !st->resetting) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_4_1_dev_3, "ownership:device-after-reset",
                     "the device touched %" PRIu32 " bytes at gpa 0x%" PRIx64
                     ", and nobody has touched it since status read 0 after the reset, at "
                     "#%" PRIu64,
                     ev->len, ev->addr, s->reset_seq);
    } else if (st->touched && takes_buffers(ev)) { // else the status is not where it seems to be
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_1_2_dev_1,
                  "the device takes buffers (%" PRIu32 " bytes at gpa 0x%" PRIx64
                  "), and DRIVER_OK is not set (status 0x%x of #%" PRIu64 ")",
                  ev->len, ev->addr, s->status, s->status_seq);
    }
}
