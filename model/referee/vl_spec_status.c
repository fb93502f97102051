// model/referee/vl_spec_status.c -- checkers: device status, initialisation, reset: the driver.
// Spec: virtio 1.4 §2.1.1, §2.4, §3.1.1 (1.0: §2.1.1, §3.1.1).
//
// The driver's writes are judged alone, but for what it was told of FEATURES_OK. Where several
// clauses speak of one write the one about that very step goes first, and the order of steps as a
// whole (3.1.1-drv-13) and the status that reflects them (2.1.1-drv-1) come last.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define INIT_BITS                                                                                  \
    (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER | VL_STATUS_FEATURES_OK | VL_STATUS_DRIVER_OK)

// ---- initialisation, step by step -------------------------------------------------------------

// Where config space lies the registers may be elsewhere than they seem: there the driver's word,
// that it has read FEATURES_OK, counts.
static bool word_counts(const struct vl_referees *r)
{
    return r->config.hostile_pci && r->pci.features_word;
}

// True if the driver has confirmed FEATURES_OK; else says what is wrong with going on to `what`.
static void features_confirmed(struct vl_referees *r, const char *what)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (s->features_ok || word_counts(r)) {
        return;
    }
    if (s->features_refused) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_10,
                  "the driver %s, and FEATURES_OK, set at #%" PRIu64 ", was read as 0x%x at "
                  "#%" PRIu64 ": the device refused the features",
                  what, s->status_seq, s->status_seen, s->seen_seq);
    } else {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 3_1_1_drv_9, "robustness:features-not-read-back",
                     "the driver %s, and has not read status since it set FEATURES_OK at "
                     "#%" PRIu64,
                     what, s->status_seq);
    }
}

// After FAILED only a reset leads on. Returns true if the driver went on without.
static bool went_on_failed(struct vl_referees *r, const char *what)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if ((s->status & VL_STATUS_FAILED) == 0) {
        return false;
    }
    if ((s->status & VL_STATUS_DRIVER_OK) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_15,
                  "the driver %s, and has given up the initialisation at #%" PRIu64
                  " (status 0x%x)",
                  what, s->status_seq, s->status);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_1_1_drv_3,
                  "the driver %s, and has set FAILED at #%" PRIu64
                  " (status 0x%x) without a reset since",
                  what, s->status_seq, s->status);
    }
    return true;
}

// FEATURES_OK becomes set by this write.
static void sets_features_ok(struct vl_referees *r, uint8_t value)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (s->accepted_written == 0 || s->offered_read == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_4,
                  "status 0x%x sets FEATURES_OK, and no %s since the reset at #%" PRIu64, value,
                  s->accepted_written == 0 ? "driver_feature was written"
                                           : "device_feature was read",
                  r->spec.status.asked_seq);
    } else if ((s->status & VL_STATUS_DRIVER) == 0 || (value & VL_STATUS_DRIVER_OK) != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_13,
                  "status goes from 0x%x (#%" PRIu64 ") to 0x%x: steps of the initialisation are "
                  "left out",
                  s->status, s->status_seq, value);
    }
}

static void sets_driver_ok(struct vl_referees *r, uint8_t value)
{
    if ((value & VL_STATUS_FEATURES_OK) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_7,
                  "status 0x%x sets DRIVER_OK, and FEATURES_OK was never set since the reset at "
                  "#%" PRIu64,
                  value, r->spec.status.asked_seq);
    } else {
        features_confirmed(r, "sets DRIVER_OK");
    }
}

// Bits that the driver set and may not leave out now. What the device itself showed as clear since
// is not the driver's to keep.
static uint8_t cleared_bits(const struct vl_spec_regs *s, uint8_t value)
{
    const unsigned shown = s->status_read ? s->status_seen : 0xFFu;

    return (uint8_t)(s->status & ~(unsigned)value & shown & ~(unsigned)VL_STATUS_NEEDS_RESET);
}

// Returns true if the write is a wrong one as a whole.
static bool out_of_bounds(struct vl_referees *r, uint8_t value)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint8_t gone = cleared_bits(s, value);

    if ((s->status & VL_STATUS_FAILED) != 0 && (value & VL_STATUS_FAILED) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_1_1_drv_3,
                  "the driver starts again with status 0x%x, and has set FAILED at #%" PRIu64
                  " (status 0x%x) without a reset since",
                  value, s->status_seq, s->status);
        return true;
    }
    if (gone != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_1_1_drv_2,
                  "status 0x%x leaves out 0x%x, set at #%" PRIu64 " (status 0x%x)", value, gone,
                  s->status_seq, s->status);
        return true;
    }
    return (value & INIT_BITS & ~s->status) != 0 && went_on_failed(r, "sets a further status bit");
}

static void status_set(struct vl_referees *r, uint8_t value)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const unsigned added = value & ~(unsigned)s->status;

    if (out_of_bounds(r, value)) {
        return;
    }
    if ((added & INIT_BITS) != 0 && (value & VL_STATUS_ACKNOWLEDGE) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_2,
                  "status becomes 0x%x, and ACKNOWLEDGE was not set since the reset at #%" PRIu64,
                  value, r->spec.status.asked_seq);
    } else if ((added & VL_STATUS_FEATURES_OK) != 0) {
        sets_features_ok(r, value);
    } else if ((added & VL_STATUS_DRIVER_OK) != 0) {
        sets_driver_ok(r, value);
    }
}

// ---- reset ------------------------------------------------------------------------------------

// An initialisation ends here: remember what it had come to, for the case that no other follows.
static void leave(struct vl_referees *r, uint64_t seq)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_status *st = &r->spec.status;

    if (s->status == 0 || (s->status & (VL_STATUS_DRIVER_OK | VL_STATUS_FAILED)) != 0) {
        return;
    }
    st->left_seq = seq;
    st->left = s->status;
    st->left_read = s->offered_read != 0;
}

static void reset_request(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_status *st = &r->spec.status;

    leave(r, a->seq);
    st->asked_seq = a->seq;
    st->was_asked = true;
    st->resetting = true;
    st->n_polls = 0;
    st->needs_seq = 0;
    st->error_seq = 0;
    st->line_seq = 0;
}

static void status_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_status *st = &r->spec.status;
    const uint8_t value = (uint8_t)a->value;

    vl_state_status(r, value);
    if (value == 0) {
        reset_request(r, a);
        return;
    }
    if (!st->was_asked && !st->touched) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_1,
                  "the driver starts with status 0x%x, and has not reset the device", value);
    }
    st->touched = true;
    st->left_seq = 0;
    status_set(r, value);
    if ((value & VL_STATUS_DRIVER_OK) != 0) {
        vl_spec_status_line(r, a);
        if (!st->busy || (r->spec.regs.status & VL_STATUS_DRIVER_OK) == 0) {
            st->ok_seq = st->clear_seq = a->seq;
        }
        st->busy = true;
    }
}

// The driver ended, and its last initialisation came to nothing.
static void stopped_short(struct vl_referees *r)
{
    const struct vl_spec_status *st = &r->spec.status;

    if (st->left_seq == 0 || r->spec.regs.decoding_off) {
        return; // where no register is decoded a write of FAILED shows nowhere
    }
    if ((st->left & VL_STATUS_FEATURES_OK) != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_14,
                  "the driver gave the device up at #%" PRIu64 " with status 0x%x, and did not set "
                  "FAILED",
                  st->left_seq, st->left);
    } else if (st->left_read) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_9,
                  "the driver read the features, did not take them, and ended at #%" PRIu64
                  " with status 0x%x: FAILED is not set",
                  st->left_seq, st->left);
    }
}

bool vl_spec_status_startable(const struct vl_referees *r)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const bool old = (s->offered_read & 2u) != 0 && (s->offered[1] & 1u) == 0; // no VERSION_1
    const bool no_queue = (s->num_queues_read && s->num_queues == 0) ||
                          (s->queue[0].size_read && s->queue[0].size_max == 0);

    return r->judge_device && !s->features_refused && !s->needs_reset && !old && !no_queue;
}

static void queue_down(struct vl_referees *r)
{
    const struct vl_spec_status *st = &r->spec.status;

    if (!st->busy) {
        return;
    }
    if (!st->resetting) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_4_drv_d1,
                  "the driver gives a queue up, and has not reset the device since DRIVER_OK at "
                  "#%" PRIu64,
                  st->ok_seq);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_4_2_drv_1,
                  "the driver gives a queue up, and status was not read as 0 since it asked for "
                  "the reset at #%" PRIu64,
                  st->asked_seq);
    }
}

// ---- other registers ----------------------------------------------------------------------------

static void driver_feature_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (s->reset_asked || went_on_failed(r, "writes driver_feature")) {
        return;
    }
    if (s->status == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_1_1_drv_1,
                  "the driver writes driver_feature 0x%" PRIx32 ", and status, 0 since #%" PRIu64
                  ", shows no step as done",
                  a->value, r->spec.status.asked_seq);
    } else if ((s->status & VL_STATUS_DRIVER) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_3,
                  "the driver writes driver_feature 0x%" PRIx32 ", and DRIVER is not set (status "
                  "0x%x of #%" PRIu64 ")",
                  a->value, s->status, s->status_seq);
    } else if ((s->status & VL_STATUS_FEATURES_OK) != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_8,
                  "the driver writes driver_feature 0x%" PRIx32
                  ", and has set FEATURES_OK (status 0x%x of #%" PRIu64 ")",
                  a->value, s->status, s->status_seq);
    } else if (s->offered_read == 0 && (a->value == 0 || s->driver_feature_select > 3)) {
        // Of bits that are accepted unread 2.2.1-drv-3 speaks.
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_4,
                  "the driver writes driver_feature 0x%" PRIx32 " with select %" PRIu32
                  ", and has read no device_feature since the reset at #%" PRIu64,
                  a->value, s->driver_feature_select, r->spec.status.asked_seq);
    }
}

// Size, addresses and enable of a queue: step 7.
static void queue_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = vl_spec_selected(s);

    if (s->reset_asked || went_on_failed(r, "sets a queue up")) {
        return;
    }
    if (s->status == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_1_1_drv_1,
                  "the driver sets queue %u up, and status, 0 since #%" PRIu64
                  ", shows no step as done",
                  s->queue_select, r->spec.status.asked_seq);
    } else if ((s->status & VL_STATUS_DRIVER_OK) != 0) {
        if (q != NULL && !q->enabled) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_12,
                      "the driver sets queue %u up (register 0x%" PRIx32 " := 0x%" PRIx32
                      "), and DRIVER_OK is set since #%" PRIu64,
                      s->queue_select, a->off, a->value, r->spec.status.ok_seq);
        }
    } else if ((s->status & VL_STATUS_FEATURES_OK) == 0) {
        if (!word_counts(r)) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_11,
                      "the driver sets queue %u up, and FEATURES_OK is not set (status 0x%x of "
                      "#%" PRIu64 ")",
                      s->queue_select, s->status, s->status_seq);
        }
    } else {
        features_confirmed(r, "sets a queue up");
    }
}

static void common_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    switch (a->off) {
    case VL_COMMON_STATUS: status_write(r, a); break;
    case VL_COMMON_DRIVER_FEATURE: driver_feature_write(r, a); break;
    case VL_COMMON_QUEUE_SIZE:
    case VL_COMMON_QUEUE_ENABLE: queue_write(r, a); break;
    default:
        if (a->off >= VL_COMMON_QUEUE_DESC && a->off < VL_COMMON_BYTES) {
            queue_write(r, a);
        }
        break;
    }
}

static void device_config_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (!s->features_ok && !word_counts(r)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_6,
                  "the driver writes 0x%" PRIx32 " to device configuration at 0x%" PRIx32
                  ", and FEATURES_OK was not confirmed (status 0x%x of #%" PRIu64 ")",
                  a->value, a->off, s->status, s->status_seq);
    }
}

static void notified(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if ((s->status & VL_STATUS_DRIVER_OK) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 3_1_1_drv_16,
                  "the driver notifies the device (0x%" PRIx32
                  "), and DRIVER_OK is not set (status 0x%x of #%" PRIu64 ")",
                  a->value, s->status, s->status_seq);
    }
    if (vl_spec_config_unused(&r->spec.config)) {
        vl_spec_config_used(r, "notifies the device");
    }
}

void vl_spec_status_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    r->spec.status.began_seq = r->spec.status.last_seq;
    r->spec.status.last_seq = a->seq;
    switch ((enum vl_structure)a->region) {
    case VL_REGION_COMMON:
        if (a->write) {
            common_write(r, a);
        } else if (a->off == VL_COMMON_STATUS && a->bytes == 1) {
            vl_spec_status_read(r, a);
        }
        break;
    case VL_REGION_NOTIFY:
        if (a->write) {
            notified(r, a);
        }
        break;
    case VL_REGION_DEVICE:
        if (a->write) {
            device_config_write(r, a);
        }
        break;
    default: break;
    }
}

// ---- other events -------------------------------------------------------------------------------

static void note(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_status *st = &r->spec.status;

    if (ev->barrier == VIRTQ_NOTE_QUEUE_DOWN) {
        queue_down(r);
    } else if (ev->barrier == VIRTQ_NOTE_PEER_ERROR && ev->agent != VL_AGENT_DEVICE) {
        st->accused = true;
    } else if (ev->barrier == VIRTQ_NOTE_PEER_ERROR && st->error_seq == 0 && !st->resetting) {
        st->error_seq = seq;
        st->error = ev->addr;
        st->slept_seq = 0;
    }
}

void vl_spec_status_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_INTERRUPT:
    case VL_EV_INTX: vl_spec_status_signal(r, ev, seq); break;
    case VL_EV_SLEEP:
        if (ev->agent == VL_AGENT_DEVICE) {
            vl_spec_status_slept(r, seq);
        }
        break;
    case VL_EV_NOTE: note(r, ev, seq); break;
    case VL_EV_DRIVER_DONE:
        if (ev->agent == VL_AGENT_DRIVER) {
            leave(r, seq);
            stopped_short(r);
        }
        break;
    default: break;
    }
}
