// model/referee/vl_spec_blk.c -- checkers of the block device: registers, notifications of changes,
// orders to flush.
// Spec: virtio 1.4 §5.2.3 to §5.2.6 (1.0: the same).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

// Device configuration [5.2.4].
#define CAPACITY 0u
#define BLK_SIZE 20u
#define WRITEBACK 32u
#define UNUSED0 33u
#define UNUSED1 57u
#define UNUSED1_BYTES 3u

// Batches that a driver may publish between a notification and its look at the capacity.
#define BATCHES_MAX 8u

void vl_spec_blk_reset(struct vl_spec_blk *b)
{
    if (b->used) {
        memset(b->request, 0, sizeof(b->request));
        memset(b->write, 0, sizeof(b->write));
    }
    memset(b, 0, offsetof(struct vl_spec_blk, request));
}

uint64_t vl_blk_accepted(const struct vl_referees *r, const struct vl_squeue *q)
{
    return r->config.pci ? r->spec.blk.accepted : q->features;
}

uint64_t vl_blk_offered(const struct vl_referees *r, const struct vl_squeue *q)
{
    return r->config.pci ? r->spec.blk.offered : q->features;
}

// ---- features -------------------------------------------------------------------------------

static void offers(struct vl_referees *r, const struct vl_reg_access *a)
{
    const bool flush = (a->value & VL_BLK_F_FLUSH) != 0;

    if (!flush && (a->value & VL_BLK_F_CONFIG_WCE) != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_5_2_dev_2,
                  "device_feature reads 0x%08" PRIx32 " at #%" PRIu64
                  ": CONFIG_WCE (bit 11) without FLUSH (bit 9)",
                  a->value, a->seq);
    } else if (!flush) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_5_2_dev_1,
                  "device_feature reads 0x%08" PRIx32 " at #%" PRIu64 ": no FLUSH (bit 9)",
                  a->value, a->seq);
    }
}

static void status_written(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_blk *b = &r->spec.blk;
    const struct vl_spec_regs *s = &r->spec.regs;

    if (a->value == 0) {
        b->wce_known = b->wce_written = false;
        b->change_sent = false;
        b->change_seq = 0;
        return;
    }
    if ((a->value & ~(uint32_t)s->status & VL_STATUS_FEATURES_OK) == 0) {
        return;
    }
    b->offered = vl_spec_offered(s);
    b->accepted = vl_spec_accepted(s);
    if ((b->offered & ~b->accepted & VL_BLK_F_RO) != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_1_drv_3,
                  "FEATURES_OK was written at #%" PRIu64 " with features 0x%" PRIx64
                  ": RO (bit 5) was offered and is not accepted",
                  a->seq, b->accepted);
    }
}

// ---- device configuration -------------------------------------------------------------------

static bool touches(const struct vl_reg_access *a, uint32_t off)
{
    return off - a->off < a->bytes;
}

static uint8_t byte_at(const struct vl_reg_access *a, uint32_t off)
{
    return (uint8_t)(a->value >> (8 * (off - a->off)));
}

static bool wce_negotiated(const struct vl_referees *r)
{
    return r->spec.regs.features_ok && (r->spec.blk.accepted & VL_BLK_F_CONFIG_WCE) != 0;
}

static void take_writeback(struct vl_spec_blk *b, uint8_t value, uint64_t seq)
{
    if (!b->wce_known || b->wce != value) {
        b->wce_seq = seq;
    }
    b->wce_known = true;
    b->wce = value;
}

static void writeback_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_blk *b = &r->spec.blk;
    const uint8_t value = byte_at(a, WRITEBACK);

    if ((r->spec.regs.status & VL_STATUS_FEATURES_OK) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_5_1_drv_4,
                  "writeback is read at #%" PRIu64 " with status 0x%02x, written at #%" PRIu64
                  ": FEATURES_OK is not set",
                  a->seq, r->spec.regs.status, r->spec.regs.status_seq);
        return;
    }
    if (!wce_negotiated(r)) {
        return; // the byte means nothing
    }
    if (value > 1) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_5_both_d1,
                  "writeback reads %u at #%" PRIu64 ": 0 (writethrough) and 1 (writeback) are "
                  "all that it can be",
                  value, a->seq);
    } else if (value != 0 && (b->accepted & VL_BLK_F_FLUSH) == 0 && !b->wce_written) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_5_2_dev_3,
                  "writeback reads %u at #%" PRIu64 ", with CONFIG_WCE and without FLUSH in the "
                  "features 0x%" PRIx64,
                  value, a->seq, b->accepted);
    }
    take_writeback(b, value, a->seq);
}

static void writeback_written(struct vl_referees *r, const struct vl_reg_access *a)
{
    const uint8_t value = byte_at(a, WRITEBACK);

    if (!wce_negotiated(r)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_5_both_d1,
                  "%u is written to writeback at #%" PRIu64 " with features 0x%" PRIx64
                  ": CONFIG_WCE (bit 11) is not negotiated",
                  value, a->seq, r->spec.blk.accepted);
    } else if (value > 1) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_5_both_d1,
                  "%u is written to writeback at #%" PRIu64
                  ": 0 (writethrough) and 1 (writeback) are all that it can be",
                  value, a->seq);
    }
    r->spec.blk.wce_written = true;
    take_writeback(&r->spec.blk, value, a->seq);
}

static void capacity_read(struct vl_spec_blk *b, const struct vl_reg_access *a)
{
    const uint32_t half = a->off / 4;

    b->change_seq = 0;
    b->capacity_seq = a->seq;
    if (a->bytes != 4 || a->off % 4 != 0) {
        b->capacity_read = 0; // what it thinks that it read is not known
        return;
    }
    b->capacity &= half == 0 ? 0xFFFFFFFF00000000ull : 0xFFFFFFFFull;
    b->capacity |= (uint64_t)a->value << (32 * half);
    b->capacity_read |= (uint8_t)(1u << half);
    if (b->capacity_read == 3 && b->capacity > b->medium) {
        b->medium = b->capacity;
    }
}

static void padding_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    for (uint32_t i = 0; i < a->bytes; i++) { // bound: 4
        const uint32_t off = a->off + i;
        const bool unused = off == UNUSED0 || off - UNUSED1 < UNUSED1_BYTES;
        if (unused && byte_at(a, off) != 0) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_5_2_dev_4,
                      "byte %" PRIu32 " of the configuration, padding, reads 0x%02x at #%" PRIu64,
                      off, byte_at(a, off), a->seq);
        }
    }
}

static void config_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_blk *b = &r->spec.blk;

    if (a->write) {
        if (touches(a, WRITEBACK)) {
            writeback_written(r, a);
        }
        return;
    }
    if (a->off < CAPACITY + 8) {
        capacity_read(b, a);
    } else if (a->off == BLK_SIZE && a->bytes == 4) {
        b->blk_size = a->value;
    } else if (touches(a, WRITEBACK)) {
        writeback_read(r, a);
    }
    if (a->off + a->bytes > UNUSED0) {
        padding_read(r, a);
    }
}

void vl_spec_blk_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->region == VL_REGION_DEVICE) {
        config_access(r, a);
    } else if (a->region == VL_REGION_COMMON && a->off == VL_COMMON_STATUS && a->write) {
        status_written(r, a);
    } else if (a->region == VL_REGION_COMMON && a->off == VL_COMMON_DEVICE_FEATURE && !a->write &&
               r->spec.regs.device_feature_select == 0) {
        offers(r, a);
    }
}

// ---- notifications of changes ---------------------------------------------------------------

// The entry of configuration changes, unless it is a queue's, too: then nobody can tell what an
// interrupt is about.
static uint32_t config_entry(const struct vl_spec_regs *s)
{
    for (uint32_t i = 0; i < VL_SPEC_QUEUES; i++) { // bound: VL_SPEC_QUEUES
        if (s->queue[i].enabled && s->queue[i].vector == s->config_vector) {
            return VL_NO_VECTOR;
        }
    }
    return s->config_vector;
}

static void interrupt_sent(struct vl_referees *r, const struct vl_event *ev)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint32_t entry = config_entry(s);

    if (vl_spec_msix_on(s) && entry != VL_NO_VECTOR && vl_spec_entry(s, ev->addr) == entry) {
        r->spec.blk.change_sent = true;
    }
}

// The driver has been told: from here on it owes a look at the capacity.
static void handler_returns(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_blk *b = &r->spec.blk;
    const struct vl_spec_regs *s = &r->spec.regs;
    bool told = false;

    if (vl_spec_msix_on(s)) {
        told = b->change_sent && vl_spec_entry(s, ev->addr) == config_entry(s);
    } else if (s->isr_seq > b->isr_seq) {
        told = (s->isr_seen & VL_ISR_CONFIG) != 0;
        b->isr_seq = s->isr_seq;
    }
    if (told && vl_spec_driver_ok(s)) {
        b->change_sent = false;
        b->change_seq = seq;
        b->n_batches = 0;
    }
}

void vl_blk_published_behind(struct vl_referees *r, uint64_t seq)
{
    struct vl_spec_blk *b = &r->spec.blk;

    if (b->change_seq == 0 || b->batch_seq == seq) {
        return;
    }
    b->batch_seq = seq;
    // Where a lying device's structures are taken for others, the look was not seen.
    const bool seen = b->capacity_read == 3 && !r->spec.regs.needs_reset;
    if (++b->n_batches == BATCHES_MAX && seen) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_1_drv_1,
                  "the handler of a configuration change returned at #%" PRIu64
                  ", the driver published %u times since, up to #%" PRIu64
                  ", and read the capacity last at #%" PRIu64,
                  b->change_seq, BATCHES_MAX, seq, b->capacity_seq);
    }
}

// ---- orders to flush ------------------------------------------------------------------------

static void driver_done(struct vl_referees *r, uint64_t seq)
{
    const struct vl_spec_blk *b = &r->spec.blk;
    const uint64_t accepted = vl_blk_accepted(r, &r->queue[0]);

    if (b->sync_seq > b->flush_seq && !b->driver_gave_up &&
        (accepted & (VL_BLK_F_FLUSH | VL_BLK_F_CONFIG_WCE)) == VL_BLK_F_FLUSH) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_5_1_drv_3,
                  "an order to make writes durable was taken at #%" PRIu64 ", and no flush was "
                  "sent for it by the driver's end at #%" PRIu64 " (the newest flush: #%" PRIu64
                  ")",
                  b->sync_seq, seq, b->flush_seq);
    }
}

static void note(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_blk *b = &r->spec.blk;

    switch ((enum virtq_note)ev->barrier) {
    case VIRTQ_NOTE_SYNC: b->sync_seq = b->n_writes_published > 0 ? seq : b->sync_seq; break;
    case VIRTQ_NOTE_PEER_ERROR:
        b->driver_gave_up = b->driver_gave_up || ev->agent == VL_AGENT_DRIVER;
        break;
    case VIRTQ_NOTE_CONFIG_CHANGED:
        if (ev->addr == CAPACITY && ev->len == 8 && ev->value > b->medium) {
            b->medium = ev->value;
        }
        break;
    case VIRTQ_NOTE_CONTROL:
        if (ev->addr == VIRTQ_CONTROL_DEVICE_RESET) {
            vl_blk_store_reset(r);
        }
        break;
    default: break;
    }
}

void vl_spec_blk_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                       const uint8_t *payload)
{
    const bool driver = ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;

    if ((ev->kind == VL_EV_READ || ev->kind == VL_EV_WRITE) && payload == NULL) {
        r->spec.blk.blind = true;
        return;
    }
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_WRITE:
        if (driver) {
            vl_blk_driver_writes(r, ev, payload);
        } else {
            vl_blk_device_payload(r, ev, payload);
        }
        break;
    case VL_EV_READ:
        if (!driver) {
            vl_blk_device_payload(r, ev, payload);
        }
        break;
    case VL_EV_BACKEND: vl_blk_store_backend(r, ev); break;
    case VL_EV_INTERRUPT: interrupt_sent(r, ev); break;
    case VL_EV_HANDLER_RETURNS: handler_returns(r, ev, seq); break;
    case VL_EV_NOTE: note(r, ev, seq); break;
    case VL_EV_DRIVER_DONE: driver_done(r, seq); break;
    default: break;
    }
}
