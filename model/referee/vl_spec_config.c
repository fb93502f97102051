// model/referee/vl_spec_config.c -- checkers: device configuration space.
// Spec: virtio 1.4 §2.5, §3.2.1 (1.0: §2.3, §3.2).
//
// What a driver makes of what it reads is in its head; what shows is whether it read again when the
// generation said that its values do not belong together, before it went on.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define BLK_CAPACITY 0u
#define BLK_SEG_MAX 12u
#define QUEUE_SIZE_MAX 32768u

// ---- fields -------------------------------------------------------------------------------------

// A field that is there only with a feature: bytes [off, end).
struct optional {
    uint16_t virtio_id;
    uint16_t off;
    uint16_t end;
    uint8_t bit;
    uint8_t or_bit; // or this one; the same if there is no other
    const char *name;
};

static const struct optional optional_fields[] = {
    {1, 6, 8, 16, 16, "status"},
    {1, 8, 10, 22, 60, "max_virtqueue_pairs"},
    {1, 10, 12, 3, 3, "mtu"},
    {1, 12, 16, 63, 63, "speed"},
    {1, 16, 17, 63, 63, "duplex"},
    {1, 17, 18, 60, 57, "rss_max_key_size"},
    {1, 18, 20, 60, 60, "rss_max_indirection_table_length"},
    {1, 20, 24, 60, 57, "supported_hash_types"},
    {1, 24, 28, 51, 51, "supported_tunnel_types"},
    {2, 8, 12, 1, 1, "size_max"},
    {2, 12, 16, 2, 2, "seg_max"},
    {2, 16, 20, 4, 4, "geometry"},
    {2, 20, 24, 6, 6, "blk_size"},
    {2, 24, 32, 10, 10, "topology"},
    {2, 32, 33, 11, 11, "writeback"},
    {2, 34, 36, 12, 12, "num_queues"},
    {2, 36, 48, 13, 13, "max_discard_sectors and what belongs to it"},
    {2, 48, 57, 14, 14, "max_write_zeroes_sectors and what belongs to it"},
    {2, 60, 72, 16, 16, "max_secure_erase_sectors and what belongs to it"},
    {2, 72, 93, 17, 17, "zoned"},
    {3, 0, 4, 0, 0, "cols and rows"},
    {3, 4, 8, 1, 1, "max_nr_ports"},
    {3, 8, 12, 2, 2, "emerg_wr"},
    {5, 8, 12, 3, 3, "free_page_hint_cmd_id"},
    {5, 12, 16, 4, 4, "poison_val"},
};
#define N_OPTIONAL (sizeof(optional_fields) / sizeof(optional_fields[0]))

static const struct optional *optional_at(uint16_t virtio_id, uint32_t off, uint32_t bytes)
{
    for (unsigned i = 0; i < N_OPTIONAL; i++) {
        const struct optional *f = &optional_fields[i];
        if (f->virtio_id == virtio_id && off < f->end && f->off < off + bytes) {
            return f;
        }
    }
    return NULL;
}

// Dwords of fields that are wider than 32 bits.
static uint64_t wide_fields(uint16_t virtio_id)
{
    return virtio_id == VL_VIRTIO_BLK ? 3u : 0; // capacity
}

// Bytes of configuration that any version of the standard describes, and those that a driver needs
// at least; 0: not followed.
static uint32_t most_known(uint16_t virtio_id)
{
    return virtio_id == VL_VIRTIO_BLK ? 96 : 0;
}
static uint32_t least_needed(uint16_t virtio_id)
{
    return virtio_id == VL_VIRTIO_BLK ? 24 : 0;
}

// As long as it is in one version or another.
static bool usual(uint32_t length, uint16_t virtio_id)
{
    return virtio_id != VL_VIRTIO_BLK || (length >= 33 && length <= most_known(virtio_id));
}

// The writeback field takes its first value from what was negotiated [5.2.5].
static bool follows_negotiation(uint16_t virtio_id, uint32_t off)
{
    return virtio_id == VL_VIRTIO_BLK && off == 32;
}

// ---- snapshots ----------------------------------------------------------------------------------

static void snapshot_read(struct vl_spec_config *st, const struct vl_reg_access *a)
{
    st->since |= 1ull << (a->off / 4 % 64);
    st->n_since++;
}

// A generation was read: the reads since the one before belong together, or do not.
static void snapshot_closed(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_config *st = &r->spec.config;
    const uint8_t gen = (uint8_t)a->value;

    if (!st->gen_known) {
        st->loose = st->loose || st->n_since > 1;
    } else if (gen == st->gen) {
        st->torn &= ~st->since;
    } else if (st->n_since > 1) {
        st->torn |= st->since;
        st->torn_seq = a->seq;
        st->torn_from = st->gen;
        st->torn_to = gen;
    } else {
        st->torn &= ~(st->since & ~wide_fields(vl_spec_device_type(r)));
    }
    st->since = 0;
    st->n_since = 0;
    st->gen = gen;
    st->gen_known = true;
}

void vl_spec_config_used(struct vl_referees *r, const char *how)
{
    struct vl_spec_config *st = &r->spec.config;
    const uint64_t wide = wide_fields(vl_spec_device_type(r));

    if ((st->torn & wide) != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_5_1_drv_1,
                  "the driver %s; it read a 64-bit field in two halves while config_generation "
                  "went from %u to %u (#%" PRIu64 "), and has not read it again",
                  how, st->torn_from, st->torn_to, st->torn_seq);
    } else if (st->torn != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_5_1_drv_2,
                  "the driver %s; it read several fields while config_generation went from %u to "
                  "%u (#%" PRIu64 "), and has not read them again (words 0x%" PRIx64 ")",
                  how, st->torn_from, st->torn_to, st->torn_seq, st->torn);
    } else if (st->loose || st->n_since > 1) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_5_1_drv_3,
                  "the driver %s; it read device configuration more than once without "
                  "config_generation read before and behind (%" PRIu32 " reads)",
                  how, st->n_since);
    }
    st->since = st->torn = 0;
    st->n_since = 0;
    st->loose = false;
}

// ---- one read against another -------------------------------------------------------------------

static struct vl_config_read *read_of(struct vl_spec_config *st, const struct vl_reg_access *a)
{
    struct vl_config_read *oldest = &st->read[0];

    for (unsigned i = 0; i < VL_CONFIG_READS; i++) {
        struct vl_config_read *old = &st->read[i];
        if (old->bytes == a->bytes && old->off == a->off) {
            return old;
        }
        oldest = old->seq < oldest->seq ? old : oldest;
    }
    oldest->bytes = 0;
    return oldest;
}

// The configuration changed with the device running: it owes a notification younger than since.
static void changed(struct vl_referees *r, uint32_t off, uint64_t since, uint64_t seq)
{
    struct vl_spec_config *st = &r->spec.config;

    if (st->owed_seq == 0) {
        st->owed_seq = seq;
        st->owed_since = since;
        st->owed_off = off;
    }
}

static void notification_due(struct vl_referees *r)
{
    struct vl_spec_config *st = &r->spec.config;

    if (!vl_spec_status_told(r, st->owed_since)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 3_2_1_dev_d1,
                  "device configuration at 0x%" PRIx32 " changed, as #%" PRIu64
                  " shows, and the device has sent no configuration change notification since "
                  "#%" PRIu64 "; the newest that it sent is #%" PRIu64 " (0: none)",
                  st->owed_off, st->owed_seq, st->owed_since, r->spec.status.config_seq);
    }
    st->owed_seq = 0;
}

static void compare(struct vl_referees *r, const struct vl_config_read *old,
                    const struct vl_config_read *now)
{
    struct vl_spec_config *st = &r->spec.config;

    if (old->value == now->value) {
        return;
    }
    if (old->running && now->running) {
        changed(r, now->off, old->began_seq, now->seq);
        if (r->asleep[VL_SIDE_DEVICE] && st->owed_seq != 0) {
            notification_due(r);
        }
    } else if (!old->negotiated && now->negotiated && old->gen_known && now->gen_known &&
               old->gen == now->gen && !follows_negotiation(vl_spec_device_type(r), now->off)) {
        st->early = *old; // the next read of the generation decides
        st->late = *now;
    }
}

// Fields of which it is known what they hold, or can hold at most: a chain has no more descriptors
// than the largest queue.
static void judge_ends(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_config *st = &r->spec.config;
    const uint32_t swapped = vl_swap32(a->value);

    if (vl_spec_device_type(r) != VL_VIRTIO_BLK || a->bytes != 4) {
        return;
    }
    const bool capacity =
        a->off == BLK_CAPACITY && st->told_seq != 0 && a->value != st->told && swapped == st->told;
    const bool seg_max = a->off == BLK_SEG_MAX && a->value > QUEUE_SIZE_MAX && swapped != 0 &&
                         swapped <= QUEUE_SIZE_MAX;
    if (capacity || seg_max) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_3_both_d1,
                  "%s reads 0x%" PRIx32 ", which is %" PRIu32 " with its bytes the other way round",
                  capacity ? "the low half of the capacity" : "seg_max", a->value, swapped);
    }
}

static void device_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_config *st = &r->spec.config;
    struct vl_config_read *old = read_of(st, a);
    const struct vl_config_read now = {.seq = a->seq,
                                       .began_seq = r->spec.status.began_seq,
                                       .value = a->value,
                                       .off = (uint16_t)a->off,
                                       .bytes = a->bytes,
                                       .gen = st->gen,
                                       .gen_known = st->gen_known,
                                       .negotiated = s->features_ok,
                                       .running = (s->status & VL_STATUS_DRIVER_OK) != 0};

    if (!r->spec.status.resetting) {
        judge_ends(r, a);
        if (old->bytes != 0) {
            compare(r, old, &now);
        }
        *old = now;
    }
    snapshot_read(st, a);
}

// Nothing changed meanwhile, and yet a field read otherwise before FEATURES_OK.
static void early_was_wrong(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_config *st = &r->spec.config;
    const struct vl_config_read *early = &st->early;
    const struct optional *field = optional_at(vl_spec_device_type(r), early->off, early->bytes);

    if (early->bytes == 0) {
        return;
    }
    if (early->gen != (uint8_t)a->value) {
        st->early.bytes = 0; // it did change
        return;
    }
    if (field == NULL) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_5_2_dev_1,
                  "device configuration at 0x%x read 0x%" PRIx32 " at #%" PRIu64
                  ", before FEATURES_OK, and 0x%" PRIx32 " at #%" PRIu64
                  "; config_generation is %u throughout",
                  early->off, early->value, early->seq, st->late.value, st->late.seq, early->gen);
    } else {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_5_2_dev_2,
                  "%s at 0x%x, whose feature is offered, read 0x%" PRIx32 " at #%" PRIu64
                  ", before FEATURES_OK, and 0x%" PRIx32 " at #%" PRIu64
                  "; config_generation is %u throughout",
                  field->name, early->off, early->value, early->seq, st->late.value, st->late.seq,
                  early->gen);
    }
    st->early.bytes = 0;
}

// ---- dispatch -----------------------------------------------------------------------------------

static bool is_offered(const struct vl_spec_regs *s, uint32_t bit)
{
    return (s->offered_read >> (bit / 32) & 1u) != 0 &&
           (s->offered[bit / 32] >> (bit % 32) & 1u) != 0;
}

static void optional_touched(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct optional *f = optional_at(vl_spec_device_type(r), a->off, a->bytes);

    if (f == NULL || is_offered(s, f->bit) || is_offered(s, f->or_bit)) {
        return;
    }
    if (!s->features_ok && follows_negotiation(f->virtio_id, f->off)) {
        return; // so early it has a clause of its own [5.2.5.1-drv-4]
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 2_5_1_drv_4,
              "the driver %s %s (device configuration at 0x%" PRIx32
              "), and its feature, bit %u, %s",
              a->write ? "writes" : "reads", f->name, a->off, f->bit,
              (s->offered_read >> (f->bit / 32) & 1u) != 0 ? "is not offered"
                                                           : "was not looked for since the reset");
}

static void common_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (a->off == VL_COMMON_GENERATION && !a->write && a->bytes == 1) {
        early_was_wrong(r, a);
        snapshot_closed(r, a);
    } else if (a->off == VL_COMMON_STATUS && a->write && a->value == 0) {
        memset(&r->spec.config, 0, sizeof(r->spec.config)); // what was read, was of before
    } else if (a->off == VL_COMMON_STATUS && a->write &&
               (a->value & ~(uint32_t)s->status & VL_STATUS_DRIVER_OK) != 0) {
        vl_spec_config_used(r, "sets DRIVER_OK");
    }
}

void vl_spec_config_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->region == VL_REGION_COMMON) {
        common_access(r, a);
    } else if (a->region == VL_REGION_DEVICE) {
        optional_touched(r, a);
        if (a->write) {
            memset(r->spec.config.read, 0, sizeof(r->spec.config.read));
        } else {
            device_read(r, a);
        }
    }
}

// The driver ended and has not started the device, over capabilities with nothing wrong in them.
static void never_started(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_reg_access a;

    (void)vl_spec_decode(r, ev, seq, &a); // no register was accessed: find the structures now
    const uint16_t type = vl_spec_device_type(r);
    const uint32_t length = s->length[VL_REGION_DEVICE];
    if (most_known(type) == 0 || !r->judge_device || !s->found ||
        s->base[VL_REGION_DEVICE] == VL_NOWHERE || length < least_needed(type)) {
        return;
    }
    if (r->spec.status.touched && (!vl_spec_status_startable(r) || usual(length, type))) {
        return; // it came further, and may have another reason
    }
    if (length > most_known(type)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_5_1_drv_5,
                  "the driver does not start a device whose configuration is %" PRIu32
                  " bytes long, more than the %" PRIu32 " that are described",
                  length, most_known(type));
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_5_1_drv_6,
                  "the driver does not start a device whose configuration is %" PRIu32
                  " bytes long, which is enough for what it needs",
                  length);
    }
}

bool vl_spec_config_running(const struct vl_referees *r)
{
    const struct vl_spec_status *st = &r->spec.status;
    uint32_t n_popped = 0;

    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        n_popped += r->queue[i].state == VL_QUEUE_LIVE ? r->queue[i].n_popped : 0;
    }
    return n_popped > 0 && st->busy && !st->resetting && !r->device_was_reset;
}

void vl_spec_config_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_config *st = &r->spec.config;

    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_SLEEP:
        if (ev->agent == VL_AGENT_DEVICE && st->owed_seq != 0) {
            notification_due(r);
        }
        break;
    case VL_EV_NOTE:
        if (ev->barrier == VIRTQ_NOTE_CONFIG_CHANGED && ev->addr == BLK_CAPACITY) {
            st->told = (uint32_t)ev->value;
            st->told_seq = seq;
        }
        if (ev->barrier == VIRTQ_NOTE_CONFIG_CHANGED && vl_spec_config_running(r)) {
            changed(r, (uint32_t)ev->addr, seq, seq); // the device says so itself
        } else if (ev->barrier == VIRTQ_NOTE_PEER_ERROR && ev->addr == VIRTQ_ERR_CONFIG_MOVING) {
            st->torn = st->since = 0; // the driver says itself that these values are none
            st->n_since = 0;
            st->loose = false;
        }
        break;
    case VL_EV_DRIVER_DONE:
        if (ev->agent == VL_AGENT_DRIVER && !r->spec.cap.ok && !r->spec.status.accused) {
            never_started(r, ev, seq);
        }
        break;
    default: break;
    }
}
