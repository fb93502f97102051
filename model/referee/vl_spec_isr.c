// model/referee/vl_spec_isr.c -- checkers: ISR status and the INTx line.
// Spec: virtio 1.4 §4.1.4.5, §4.1.5.3, §4.1.5.4, §4.1.5.5 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define CONFIG_COMMAND 0x04u
#define CONFIG_STATUS 0x06u
#define COMMAND_INTX_OFF 0x0400u
#define STATUS_INTERRUPT 8u

// Reads of ISR that may come between a bit and the line that it raises: one for each context that
// the device has.
#define READS_AHEAD 2u

// ---- watching -------------------------------------------------------------------------------

// ISR is watched anew: after a reset, and where config space changed what the line tells.
void vl_spec_isr_anew(struct vl_spec_isr *s)
{
    s->stuck = false;
    s->rise_seq = s->publish_seq = 0;
    s->n_rises = s->line;
    s->n_reads = 0;
    s->value = 0;
    s->read_seq = 0;
    s->config_seq = 0;
    s->fall_seq = s->took_seq = 0;
    s->changed = false;
    s->change_rise = 0;
}

void vl_spec_isr_forget(struct vl_referees *r)
{
    vl_spec_isr_anew(&r->spec.isr);
    r->spec.isr.queue_owed = r->spec.isr.config_owed = 0;
}

static bool intx_used(const struct vl_referees *r)
{
    return !vl_spec_vectors_on(r) && (r->spec.regs.command & COMMAND_INTX_OFF) == 0 &&
           !r->spec.regs.reset_asked;
}

// Event of the newest used idx that the device has not notified of, nor gone on from; 0 if none.
static uint64_t unsignalled(const struct vl_referees *r)
{
    const uint32_t n = vl_spec_followed(&r->spec.regs, VL_QUEUES);
    uint64_t seq = 0;

    for (uint32_t i = 0; i < n; i++) { // bound: VL_QUEUES
        const struct vl_duty *duty = &r->queue[i].duty[VL_SIDE_DEVICE];
        if (r->queue[i].state == VL_QUEUE_LIVE && !r->device_was_reset &&
            (duty->state == VL_DUTY_PUBLISHED || duty->state == VL_DUTY_DECIDING) &&
            duty->idx_seq > seq) {
            seq = duty->idx_seq;
        }
    }
    return seq;
}

// A read of ISR lets the line fall, and a reset, or what the driver does to config space. The
// device by itself does not.
static void fell(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_isr *s = &r->spec.isr;

    if (ev->agent != VL_AGENT_DEVICE) {
        s->fall_seq = seq;
    } else if (intx_used(r) && !r->spec.status.resetting && r->spec.status.busy &&
               s->rise_seq > s->read_seq) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_d1,
                  "INTx is not asserted any more, and ISR was not read since the device asserted "
                  "it at #%" PRIu64 ": the bit that it was for is set",
                  s->rise_seq);
    }
}

static void line(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_isr *s = &r->spec.isr;

    s->line = ev->value != 0;
    if (!s->line) {
        s->stuck = false;
        fell(r, ev, seq);
        return;
    }
    if (s->changed && s->change_rise == 0 && ev->agent == VL_AGENT_DEVICE) {
        s->change_rise = seq; // what the device does next behind the change
    }
    s->n_rises++;
    s->rise_seq = seq;
    s->publish_seq = unsignalled(r);
    if (r->spec.regs.found && vl_spec_vectors_on(r)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_dev_d1,
                  "INTx is asserted, and the driver has MSI-X enabled: message control 0x%x",
                  r->spec.msix.control);
    }
}

// ---- what ISR says --------------------------------------------------------------------------

// ISR is 0 with the line down, and an assertion came since the read before: nobody has taken the
// bit, so it was not there.
static void no_bit(struct vl_referees *r)
{
    const struct vl_spec_isr *s = &r->spec.isr;

    if (s->rise_seq <= s->read_seq) {
        return;
    }
    if (s->publish_seq > s->read_seq) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_3,
                  "ISR reads 0, and INTx was asserted at #%" PRIu64
                  " for the used idx stored at #%" PRIu64 "; no read of ISR came between",
                  s->rise_seq, s->publish_seq);
    } else if (s->publish_seq == 0 && s->value == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_2,
                  "ISR reads 0, and INTx was asserted at #%" PRIu64
                  " with no used buffer to tell of: a configuration change without its bit",
                  s->rise_seq);
    }
}

static void read_zero(struct vl_referees *r, uint64_t seq)
{
    struct vl_spec_isr *s = &r->spec.isr;

    if (!s->line) {
        no_bit(r);
    } else if (s->stuck) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_d1,
                  "ISR reads 0 as it did at #%" PRIu64 ", and INTx is asserted since #%" PRIu64
                  " all the time",
                  s->stuck_seq, s->rise_seq);
    } else {
        s->stuck = true;
        s->stuck_seq = seq;
    }
}

// Of two readers each may have taken what the other misses.
static bool one_reader(const struct vl_spec_isr *s)
{
    return (s->readers & (s->readers - 1)) == 0;
}

// Since ISR was emptied INTx was not asserted, and the device is not about to: it sleeps, or has
// told of all used buffers.
static bool nothing_new(const struct vl_referees *r, uint8_t value)
{
    const struct vl_spec_isr *s = &r->spec.isr;
    return s->took_seq != 0 && s->rise_seq <= s->took_seq && one_reader(s) && r->judge_driver &&
           (r->asleep[VL_SIDE_DEVICE] || (value == VL_ISR_QUEUE && unsignalled(r) == 0));
}

static void read_bits(struct vl_referees *r, uint8_t value)
{
    struct vl_spec_isr *s = &r->spec.isr;

    s->stuck = false;
    if (nothing_new(r, value)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_5,
                  "ISR reads 0x%x, and 0x%x at #%" PRIu64 ", and the device has not asserted INTx "
                  "since #%" PRIu64 ": a read does not clear the bits",
                  value, s->value, s->read_seq, s->rise_seq);
    }
    if (++s->n_reads > s->n_rises + READS_AHEAD) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_5,
                  "ISR reads 0x%x, and 0x%x at #%" PRIu64 "; %" PRIu32 " reads returned bits for "
                  "%" PRIu32 " assertions of INTx, the last at #%" PRIu64
                  ": a read does not clear them",
                  value, s->value, s->read_seq, s->n_reads, s->n_rises, s->rise_seq);
    }
}

// A byte that was emptied before the bit came would have left the line up.
static void read_for_change(struct vl_referees *r, uint8_t value)
{
    struct vl_spec_isr *s = &r->spec.isr;

    if ((value & VL_ISR_CONFIG) == 0 && s->change_rise != 0 && !s->line && one_reader(s)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_2,
                  "ISR reads 0x%x, and INTx was asserted at #%" PRIu64
                  " behind a configuration change: bit 1 does not tell of it",
                  value, s->change_rise);
    }
    if ((value & VL_ISR_CONFIG) != 0 || !s->line) {
        s->changed = false;
        s->change_rise = 0;
    }
}

// With messages the byte is read for configuration changes alone.
static void read_with_messages(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_isr *s = &r->spec.isr;

    if (a->ev->agent == VL_AGENT_HANDLER && r->spec.msix.queues_arrived != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_5_2_drv_1,
                  "the handler of a queue's MSI-X vector reads ISR, as 0x%" PRIx32, a->value);
    }
    if (s->config_seq != 0 && s->config_handled && (a->value & VL_ISR_CONFIG) == 0 &&
        (s->value & VL_ISR_CONFIG) == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_2,
                  "ISR reads 0x%" PRIx32 ", and a configuration change was signalled at #%" PRIu64
                  "; no read of ISR came between",
                  a->value, s->config_seq);
    }
}

void vl_spec_isr_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_isr *s = &r->spec.isr;

    if (a->write || a->off != 0 || a->bytes != 1) {
        return; // no access to the byte
    }
    const uint8_t value = a->value & (VL_ISR_QUEUE | VL_ISR_CONFIG);
    s->readers |= 1u << a->ev->agent;
    if (vl_spec_vectors_on(r)) {
        read_with_messages(r, a);
    } else if (intx_used(r)) {
        value == 0 ? read_zero(r, a->seq) : read_bits(r, value);
        read_for_change(r, value);
        s->queue_owed = (value & VL_ISR_QUEUE) != 0 ? a->seq : s->queue_owed;
        s->config_owed = (value & VL_ISR_CONFIG) != 0 ? a->seq : s->config_owed;
        s->returned = a->ev->agent != VL_AGENT_HANDLER;
    }
    s->value = value;
    s->took_seq = s->fall_seq > s->read_seq ? s->fall_seq : 0;
    s->read_seq = a->seq;
    s->config_seq = 0;
}

// ---- PCI status -----------------------------------------------------------------------------

static void pci_status(struct vl_referees *r, uint32_t status)
{
    const struct vl_spec_isr *s = &r->spec.isr;
    const bool bit = (status & STATUS_INTERRUPT) != 0;

    if (!intx_used(r) || bit == s->line) {
        return;
    }
    VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_4,
              "Interrupt Status reads %u in the PCI status 0x%" PRIx32
              ", and INTx, which follows ISR, is %s since #%" PRIu64,
              bit, status, s->line ? "asserted" : "not asserted",
              s->line ? s->rise_seq : s->read_seq);
}

void vl_spec_isr_config(struct vl_referees *r, const struct vl_event *ev)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;

    if (!r->spec.regs.found) {
        return;
    }
    if (ev->kind == VL_EV_CONFIG_READ && off == CONFIG_STATUS) {
        pci_status(r, (uint32_t)ev->value);
    } else if (ev->kind == VL_EV_CONFIG_READ && off == CONFIG_COMMAND && ev->len == 4) {
        pci_status(r, (uint32_t)ev->value >> 16);
    } else {
        vl_spec_isr_anew(
            &r->spec.isr); // it may lead to ISR through the access window, or change the line
    }
}

// ---- serving what ISR said ------------------------------------------------------------------

// The driver's main context sleeps, and nothing is under way that would end it at once.
static bool at_rest(const struct vl_referees *r, const struct vl_event *ev)
{
    const bool own_sleep = ev->kind == VL_EV_SLEEP && ev->agent == VL_AGENT_DRIVER;
    return (own_sleep || r->asleep[VL_SIDE_DRIVER]) && !r->flight.wake[VL_SIDE_DRIVER] &&
           !r->flight.counters &&
           (ev->kind == VL_EV_QUIESCENT || (r->flight.pending == 0 && !r->spec.isr.line));
}

bool vl_spec_looked_at_queue(const struct vl_referees *r, uint32_t queue, uint64_t since)
{
    const struct vl_squeue *q = &r->queue[queue];
    const uint64_t seq = r->spec.isr.looked[queue];
    // A queue whose used idx was never seen loaded is one that cannot be followed.
    return q->state != VL_QUEUE_LIVE || q->n_published == 0 || q->broken[VL_SIDE_DRIVER] ||
           r->device_was_reset || seq == 0 || seq > since;
}

bool vl_spec_looked_at_config(const struct vl_referees *r, uint64_t since)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    return s->seen_seq > since || s->generation_seq > since || r->spec.isr.device_seq > since;
}

bool vl_spec_driver_rests(const struct vl_referees *r, const struct vl_event *ev)
{
    return r->judge_driver && at_rest(r, ev);
}

static void served(struct vl_referees *r)
{
    struct vl_spec_isr *s = &r->spec.isr;
    const uint64_t queue_owed = s->queue_owed;
    const uint64_t config_owed = s->config_owed;
    const uint32_t n = queue_owed != 0 ? vl_spec_followed(&r->spec.regs, VL_QUEUES) : 0;

    s->queue_owed = s->config_owed = 0;
    if (config_owed != 0 && !vl_spec_looked_at_config(r, config_owed)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_5_drv_d1,
                  "the driver sleeps; ISR told of a configuration change at #%" PRIu64
                  ", and since then the driver has read neither device status nor device "
                  "configuration",
                  config_owed);
    }
    for (uint32_t i = 0; i < n; i++) { // bound: VL_QUEUES
        if (!vl_spec_looked_at_queue(r, i, queue_owed)) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_5_drv_d1,
                      "the driver sleeps; ISR told of used buffers at #%" PRIu64
                      ", and since then the driver has not loaded used idx of queue %" PRIu32,
                      queue_owed, i);
        }
    }
}

// ---- events ---------------------------------------------------------------------------------

void vl_spec_isr_config_signal(struct vl_referees *r, uint64_t seq)
{
    r->spec.isr.config_seq = seq;
    r->spec.isr.config_handled = false;
}

void vl_spec_isr_config_handled(struct vl_referees *r)
{
    r->spec.isr.config_handled = true;
}

void vl_spec_isr_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_isr *s = &r->spec.isr;

    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_INTX: line(r, ev, seq); break;
    case VL_EV_NOTE:
        if (ev->barrier == VIRTQ_NOTE_CONFIG_CHANGED && vl_spec_config_running(r)) {
            s->changed = true;
        }
        break;
    case VL_EV_HANDLER_RETURNS: s->returned = true; break;
    case VL_EV_SLEEP:
    case VL_EV_QUIESCENT:
        if ((s->queue_owed | s->config_owed) != 0 && s->returned && vl_spec_driver_rests(r, ev)) {
            served(r);
        }
        break;
    default: break;
    }
}
