// model/referee/vl_spec_common.c -- checkers: the common configuration structure.
// Spec: virtio 1.4 §4.1.3, §4.1.4.3, §4.1.5.1.3 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define FEATURE_WORDS 4u
#define BLK_F_MQ (1u << 12)
// Of bits 32 to 63: those of rings and transports, and those that device types may define.
#define HIGH_OF_RINGS 0x00000FFFu
#define HIGH_OF_TYPES 0xFFFC0000u
#define DRIVER_STATUS                                                                              \
    (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER | VL_STATUS_DRIVER_OK | VL_STATUS_FEATURES_OK |      \
     VL_STATUS_FAILED)

// ---- status ---------------------------------------------------------------------------------

// Over a reset nothing is remembered but what the reset has to restore.
static void reset_asked(struct vl_spec_common *c, const struct vl_reg_access *a)
{
    c->reset_pending = true;
    c->reset_seq = a->seq;
    c->device_selected = c->driver_selected = false;
    c->words_taken = 0;
    c->changed = false;
    memset(c->word, 0, sizeof(c->word));
    for (unsigned i = 0; i < VL_SPEC_QUEUES; i++) { // bound: VL_SPEC_QUEUES
        c->queue[i].half_taken = 0;
    }
}

// Words that the driver does not write count as 0: without word 1 it has no VERSION_1.
static void features_ok(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const bool newly = (a->value & ~(uint32_t)s->status & VL_STATUS_FEATURES_OK) != 0;

    if (newly && (s->offered[1] & 1u) != 0 && (s->accepted_written & 2u) == 0) {
        VL_BROKEN(
            r, VL_SIDE_DRIVER, 4_1_4_3_drv_d6,
            "FEATURES_OK is set, VERSION_1 is offered, and the driver has not written word 1 of "
            "driver_feature since the reset at #%" PRIu64,
            r->spec.common.reset_seq);
    }
}

static void status_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->value == 0) {
        reset_asked(&r->spec.common, a);
    } else {
        features_ok(r, a);
    }
}

static void status_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_common *c = &r->spec.common;

    if (c->zero_seen && (a->value & DRIVER_STATUS) != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_8,
                  "device_status read 0 at #%" PRIu64 " and reads 0x%" PRIx32
                  " now, with no bit set since: the reset was not complete",
                  c->zero_seq, a->value);
        c->zero_seen = false;
    }
    if (a->value == 0 && c->reset_pending) {
        c->reset_pending = false;
        c->zero_seen = true;
        c->zero_seq = a->seq;
    }
}

// ---- features -------------------------------------------------------------------------------

// Bits of word 1 that a device of this type can offer.
static uint32_t high_known(const struct vl_referees *r)
{
    const bool none = r->config.virtio_id == VL_VIRTIO_BLK ||
                      r->config.virtio_id == VL_VIRTIO_ENTROPY; // no bits from 50 on
    return none ? HIGH_OF_RINGS : HIGH_OF_RINGS | HIGH_OF_TYPES;
}

static void device_feature_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint32_t word = s->device_feature_select;
    const uint32_t strange = a->value & ~high_known(r);
    const uint32_t swapped = vl_swap32(a->value);
    const bool no_version = a->value != 0 && (a->value & 1u) == 0; // in word 1 it is bit 0

    if (!r->spec.common.device_selected) {
        return;
    }
    if (word >= FEATURE_WORDS && a->value != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_3,
                  "device_feature reads 0x%" PRIx32 " with select %" PRIu32
                  ", and no feature bits are there",
                  a->value, word);
    } else if (word < FEATURE_WORDS && (s->offered_read >> word & 1u) != 0 &&
               s->offered[word] != a->value) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_3,
                  "device_feature reads 0x%" PRIx32 " with select %" PRIu32 ", and read 0x%" PRIx32
                  " for it before",
                  a->value, word, s->offered[word]);
    } else if (word == 1 && (strange != 0 || no_version) && (s->offered_read & 1u) != 0 &&
               a->value == s->offered[0]) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_3,
                  "device_feature reads 0x%" PRIx32 " with select 1: that is word 0 again",
                  a->value);
    } else if (word == 1 && strange != 0 && (swapped & ~high_known(r)) == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_3_both_d1,
                  "word 1 of device_feature reads 0x%" PRIx32 ", which is 0x%" PRIx32
                  " with its bytes the other way round",
                  a->value, swapped);
    } else if (word == 1) {
        vl_common_length(r, a->value);
    }
}

static void driver_feature_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_common *c = &r->spec.common;

    if (!c->driver_selected) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_drv_d6,
                  "driver_feature is written 0x%" PRIx32
                  ", and driver_feature_select was not since the reset at #%" PRIu64,
                  a->value, c->reset_seq);
        return;
    }
    if (s->driver_feature_select < FEATURE_WORDS) {
        const uint8_t bit = (uint8_t)(1u << s->driver_feature_select);
        const bool frozen = (s->status & VL_STATUS_FEATURES_OK) != 0;
        c->words_taken = (uint8_t)(frozen ? c->words_taken & ~bit : c->words_taken | bit);
    }
}

static void driver_feature_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_common *c = &r->spec.common;
    const uint32_t word = s->driver_feature_select;

    if (word >= FEATURE_WORDS || !c->driver_selected || c->reset_pending ||
        (!r->judge_driver && r->spec.features.unclear)) {
        return;
    }
    const uint32_t written = s->accepted[word];
    if ((s->accepted_written >> word & 1u) == 0) {
        if (s->was_reset && a->value != 0) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_7,
                      "word %" PRIu32 " of driver_feature reads 0x%" PRIx32
                      ", and nobody has written it since the reset that 0 asked for at #%" PRIu64,
                      word, a->value, c->reset_seq);
        }
    } else if ((c->words_taken >> word & 1u) != 0 &&
               ((a->value ^ written) & s->offered[word]) != 0) {
        if (a->value == vl_swap32(written)) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_3_both_d1,
                      "word %" PRIu32 " of driver_feature reads 0x%" PRIx32
                      ", and was written 0x%" PRIx32 " at #%" PRIu64
                      ": its bytes are the other way round",
                      word, a->value, written, s->features_seq);
            return;
        }
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_4,
                  "word %" PRIu32 " of driver_feature reads 0x%" PRIx32
                  ", and was written 0x%" PRIx32 " of the offered 0x%" PRIx32,
                  word, a->value, written, s->offered[word]);
    }
}

// ---- queues in general ----------------------------------------------------------------------

// A device type with one queue tells a small number from one with its bytes exchanged.
static void num_queues_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const bool one =
        r->config.virtio_id == VL_VIRTIO_ENTROPY ||
        (r->config.virtio_id == VL_VIRTIO_BLK && (r->spec.regs.offered_read & 1u) != 0 &&
         (r->spec.regs.offered[0] & BLK_F_MQ) == 0);

    r->spec.common.num_queues_seq = a->seq;
    if (one && a->value > 0xFFu && (a->value & 0xFFu) == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_3_both_d1,
                  "num_queues reads 0x%" PRIx32 " of a device with one queue: its bytes are the "
                  "other way round",
                  a->value);
    }
}

// ---- accesses -------------------------------------------------------------------------------

// True if the register may only be read.
static bool read_only(struct vl_referees *r, const struct vl_reg_access *a)
{
    switch (a->off) {
    case VL_COMMON_DEVICE_FEATURE:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_1,
                  "device_feature is the device's to write, and the driver writes 0x%" PRIx32,
                  a->value);
        return true;
    case VL_COMMON_NUM_QUEUES:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_2,
                  "num_queues is the device's to write, and the driver writes %" PRIu32, a->value);
        return true;
    case VL_COMMON_GENERATION:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_3,
                  "config_generation is the device's to write, and the driver writes %" PRIu32,
                  a->value);
        return true;
    case VL_COMMON_QUEUE_NOTIFY_OFF:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_4,
                  "queue_notify_off is the device's to write, and the driver writes %" PRIu32,
                  a->value);
        return true;
    default: return false;
    }
}

// True if the driver goes on before the reset that it asked for is complete. Giving the device up
// is no way to go on.
static bool before_reset(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_common *c = &r->spec.common;
    const bool stops =
        a->off == VL_COMMON_STATUS && (a->value == 0 || (a->value & VL_STATUS_FAILED) != 0);

    if (!c->reset_pending || stops) {
        return false;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_3_2_drv_9,
              "the driver writes 0x%" PRIx32 " to byte 0x%" PRIx32
              " of the common configuration, and has not read device_status as 0 since it wrote "
              "0 at #%" PRIu64,
              a->value, a->off, c->reset_seq);
    return true;
}

static void common_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_common *c = &r->spec.common;
    const uint16_t queue = r->spec.regs.queue_select;

    if (a->off == VL_COMMON_QUEUE_ENABLE && a->value == 1 && queue < VL_SPEC_QUEUES) {
        c->enabled |= (uint8_t)(1u << queue); // rightly or wrongly: the device may serve it
    }
    if (a->off == VL_COMMON_STATUS && a->value != 0) {
        c->zero_seen = false;
    }
    if (read_only(r, a) || before_reset(r, a)) {
        return;
    }
    switch (a->off) {
    case VL_COMMON_STATUS: status_write(r, a); break;
    case VL_COMMON_DEVICE_FEATURE_SELECT: c->device_selected = true; break;
    case VL_COMMON_DRIVER_FEATURE_SELECT: c->driver_selected = true; break;
    case VL_COMMON_DRIVER_FEATURE: driver_feature_write(r, a); break;
    case VL_COMMON_QUEUE_SELECT: vl_common_queue_select(r, a); break;
    case VL_COMMON_CONFIG_VECTOR: break;
    default: vl_common_queue_write(r, a); break;
    }
}

static void common_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    switch (a->off) {
    case VL_COMMON_STATUS: status_read(r, a); break;
    case VL_COMMON_DEVICE_FEATURE: device_feature_read(r, a); break;
    case VL_COMMON_DRIVER_FEATURE: driver_feature_read(r, a); break;
    case VL_COMMON_NUM_QUEUES: num_queues_read(r, a); break;
    case VL_COMMON_GENERATION: vl_common_generation(r, a); break;
    case VL_COMMON_DEVICE_FEATURE_SELECT:
    case VL_COMMON_DRIVER_FEATURE_SELECT:
    case VL_COMMON_CONFIG_VECTOR:
    case VL_COMMON_QUEUE_SELECT: break;
    default: vl_common_queue_read(r, a); break;
    }
}

void vl_spec_common_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_common *c = &r->spec.common;

    if (!c->caps_judged) {
        c->caps_judged = true;
        vl_common_caps(r);
    }
    if ((c->live & ~c->enabled) != 0) {
        vl_common_early_service(r);
    }
    if (!vl_common_width(r, a)) {
        return;
    }
    if (a->region == VL_REGION_COMMON) {
        a->write ? common_write(r, a) : common_read(r, a);
    } else if (a->region == VL_REGION_DEVICE) {
        vl_common_config(r, a);
    }
}

void vl_spec_common_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_common *c = &r->spec.common;
    const bool gives_up =
        ev->kind == VL_EV_DRIVER_DONE ||
        (ev->kind == VL_EV_NOTE && ev->agent == VL_AGENT_DRIVER &&
         (ev->barrier == VIRTQ_NOTE_PEER_ERROR ||
          (ev->barrier == VIRTQ_NOTE_CONTROL && ev->addr == VIRTQ_CONTROL_FAILED)));

    (void)seq;
    if (gives_up && !c->caps_judged) {
        vl_common_caps(r);
    }
    if ((c->live & ~c->enabled) != 0) {
        vl_common_early_service(r);
    }
    if (ev->kind == VL_EV_NOTE || ev->kind == VL_EV_ALLOC) {
        vl_common_ring_event(r, ev);
    }
}
