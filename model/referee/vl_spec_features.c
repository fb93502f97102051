// model/referee/vl_spec_features.c -- checkers: feature bits.
// Spec: virtio 1.4 §2.2, §6 (1.0: §2.2, §6).
//
// The offer is judged as it is read, a set of accepted bits when FEATURES_OK is set over it, and
// the device's answer when status is read behind that.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define BIT_INDIRECT (1u << 28) // of word 0
#define BIT_EVENT_IDX (1u << 29)
#define WORD_VERSION_1 1u
#define BIT_VERSION_1 1u // of that word

static const char *kind_text(enum vl_feature_kind kind)
{
    switch (kind) {
    case VL_FEATURE_RESERVED: return "reserved";
    case VL_FEATURE_UNDEFINED: return "undefined";
    case VL_FEATURE_ELSEWHERE: return "not for this transport";
    case VL_FEATURE_NOT_ITS: return "not defined for this device type";
    default: return "known";
    }
}

// What the function says it is; else what the run is said to be of.
uint16_t vl_spec_device_type(struct vl_referees *r)
{
    struct vl_spec_features *st = &r->spec.features;

    for (uint32_t i = 0; st->type == 0 && i < r->pci.n_seen; i++) { // bound: VL_PCI_FUNCTIONS
        const struct vl_pci_seen *f = &r->pci.seen[i];
        if (f->function == r->spec.regs.function) {
            st->type = vl_feature_device_type((uint16_t)(f->config[2] | f->config[3] << 8),
                                              (uint16_t)(f->config[0x2E] | f->config[0x2F] << 8));
        }
    }
    if (st->type == 0) {
        st->type = r->config.virtio_id;
    }
    return st->type;
}

// The lowest bit of a word that is not known, as a bit of all; VL_FEATURE_BITS if there is none.
static uint32_t strange_bit(struct vl_referees *r, uint32_t word, uint32_t bits,
                            enum vl_feature_kind *kind)
{
    const uint16_t type = vl_spec_device_type(r);

    while (bits != 0) { // bound: 32
        const uint32_t bit = 32 * word + (uint32_t)__builtin_ctz(bits);
        *kind = vl_feature_kind(type, bit);
        if (*kind != VL_FEATURE_KNOWN) {
            return bit;
        }
        bits &= bits - 1;
    }
    return VL_FEATURE_BITS;
}

// ---- the offer ----------------------------------------------------------------------------------

static void dependencies_offered(struct vl_referees *r, uint32_t word, uint32_t value)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    uint32_t set[VL_FEATURE_WORDS];
    uint32_t needs = 0;

    memcpy(set, s->offered, sizeof(set));
    set[word] = value;
    const uint32_t bit = vl_feature_unmet(vl_spec_device_type(r), set,
                                          (uint8_t)(s->offered_read | 1u << word), &needs);
    if (bit < VL_FEATURE_BITS) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_2_2_dev_1,
                  "the device offers feature bit %" PRIu32 ", which requires bit %" PRIu32
                  ", and does not offer that (device_feature word %" PRIu32 " = 0x%" PRIx32 ")",
                  bit, needs, word, value);
    }
}

static void offer_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const uint32_t word = r->spec.regs.device_feature_select;
    enum vl_feature_kind kind = VL_FEATURE_RESERVED;

    if (r->spec.status.resetting || word == VL_SELECT_UNKNOWN) {
        return;
    }
    if (word >= VL_FEATURE_WORDS) {
        if (a->value != 0) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 2_2_2_dev_4,
                      "the device offers 0x%" PRIx32 " in feature word %" PRIu32
                      ", all bits of which are reserved",
                      a->value, word);
        }
        return;
    }
    const uint32_t bit = strange_bit(r, word, a->value, &kind);
    if (bit < VL_FEATURE_BITS) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_2_2_dev_4,
                  "the device offers feature bit %" PRIu32 ", which is %s (device_feature word "
                  "%" PRIu32 " = 0x%" PRIx32 ")",
                  bit, kind_text(kind), word, a->value);
    }
    if (word == WORD_VERSION_1 && (a->value & BIT_VERSION_1) == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 6_2_dev_1,
                  "the device does not offer VERSION_1: device_feature word 1 = 0x%" PRIx32,
                  a->value);
    }
    dependencies_offered(r, word, a->value);
}

// ---- the driver's choice ------------------------------------------------------------------------

static void choice_written(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_features *st = &r->spec.features;
    const uint32_t word = s->driver_feature_select;

    if (r->spec.status.resetting || (s->status & VL_STATUS_FEATURES_OK) != 0 || a->bytes != 4 ||
        word == VL_SELECT_UNKNOWN) {
        st->unclear = true; // the device has its own idea of what this writes
        return;
    }
    if (word >= VL_FEATURE_WORDS) {
        st->beyond = st->beyond || a->value != 0;
    } else if (a->value != 0 && (s->offered_read >> word & 1u) == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_3,
                  "the driver accepts 0x%" PRIx32 " in feature word %" PRIu32
                  ", and has not read what is offered there since the reset at #%" PRIu64,
                  a->value, word, r->spec.status.asked_seq);
    }
}

static void accepts(struct vl_referees *r, uint32_t bit, enum vl_feature_kind kind)
{
    switch (kind) {
    case VL_FEATURE_RESERVED:
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_5,
                  "the driver accepts feature bit %" PRIu32 ", which is reserved", bit);
        break;
    case VL_FEATURE_UNDEFINED:
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_4,
                  "the driver accepts feature bit %" PRIu32 ", which nothing describes", bit);
        break;
    case VL_FEATURE_ELSEWHERE:
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_6,
                  "the driver accepts feature bit %" PRIu32
                  ", which is not for virtio over PCI as this function has it",
                  bit);
        break;
    case VL_FEATURE_NOT_ITS:
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_7,
                  "the driver accepts feature bit %" PRIu32
                  ", which device type %u does not define",
                  bit, r->spec.features.type);
        break;
    default: break;
    }
}

// Returns true if every accepted bit was offered, as far as the driver has read.
static bool subset(struct vl_referees *r)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    for (uint32_t word = 0; word < VL_FEATURE_WORDS; word++) {
        const uint32_t extra = s->accepted[word] & ~s->offered[word];
        if ((s->offered_read >> word & 1u) != 0 && extra != 0) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_1,
                      "the driver accepts feature bit %" PRIu32
                      ", which is not offered (word %" PRIu32 ": offered 0x%" PRIx32
                      ", accepted 0x%" PRIx32 " at #%" PRIu64 ")",
                      32 * word + (uint32_t)__builtin_ctz(extra), word, s->offered[word],
                      s->accepted[word], s->features_seq);
            return false;
        }
    }
    return true;
}

static void strange_bits(struct vl_referees *r)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (r->spec.features.beyond) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_5,
                  "the driver accepts feature bits from %u on, all of which are reserved",
                  VL_FEATURE_BITS);
    }
    for (uint32_t word = 0; word < VL_FEATURE_WORDS; word++) {
        enum vl_feature_kind kind = VL_FEATURE_KNOWN;
        const uint32_t bit = strange_bit(r, word, s->accepted[word], &kind);
        if (bit < VL_FEATURE_BITS) {
            accepts(r, bit, kind);
        }
    }
}

// FEATURES_OK is set: the set is the driver's last word.
static void chosen(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_features *st = &r->spec.features;
    uint32_t needs = 0;

    st->ok_seq = a->seq;
    memcpy(st->accepted, s->accepted, sizeof(st->accepted));
    const bool offered = subset(r);
    strange_bits(r);
    const uint32_t bit = vl_feature_unmet(vl_spec_device_type(r), s->accepted, 0xFF, &needs);
    if (bit < VL_FEATURE_BITS) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_2,
                  "the driver accepts feature bit %" PRIu32 ", which requires bit %" PRIu32
                  ", and does not accept that",
                  bit, needs);
    }
    st->invalid = !offered || st->beyond || bit < VL_FEATURE_BITS;
    if ((s->offered[WORD_VERSION_1] & ~s->accepted[WORD_VERSION_1] & BIT_VERSION_1) != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 6_1_drv_1,
                  "the driver sets FEATURES_OK, and has not accepted VERSION_1, which is offered "
                  "(word 1: offered 0x%" PRIx32 ", accepted 0x%" PRIx32 ")",
                  s->offered[WORD_VERSION_1], s->accepted[WORD_VERSION_1]);
    }
}

// ---- the device's answer ------------------------------------------------------------------------

static void agreed(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_features *st = &r->spec.features;

    if (st->invalid) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_2_2_dev_3,
                  "FEATURES_OK reads as set (status 0x%" PRIx32
                  "), over a set of features that is not to be agreed to: accepted at "
                  "#%" PRIu64 ", low words 0x%" PRIx32 " 0x%" PRIx32,
                  a->value, st->ok_seq, st->accepted[0], st->accepted[1]);
    }
    memcpy(st->agreed, st->accepted, sizeof(st->agreed));
    st->agreed_seq = a->seq;
}

static void refused(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_features *st = &r->spec.features;

    // What else a driver got wrong may be why: only a judged one is known to have got nothing
    // wrong. Without VERSION_1 the device is free to refuse.
    if (!r->judge_driver || st->invalid || (st->accepted[WORD_VERSION_1] & BIT_VERSION_1) == 0) {
        return;
    }
    if (st->agreed_seq != 0 && memcmp(st->agreed, st->accepted, sizeof(st->agreed)) == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_2_2_dev_5,
                  "the device refuses features (status 0x%" PRIx32
                  ") that it agreed to at #%" PRIu64 ": low words 0x%" PRIx32 " 0x%" PRIx32,
                  a->value, st->agreed_seq, st->accepted[0], st->accepted[1]);
    } else {
        VL_BROKEN(r, VL_SIDE_DEVICE, 2_2_2_dev_2,
                  "the device refuses features (status 0x%" PRIx32
                  ") that are a valid part of its offer: low words 0x%" PRIx32 " 0x%" PRIx32,
                  a->value, st->accepted[0], st->accepted[1]);
    }
}

// ---- giving up ----------------------------------------------------------------------------------

// The driver sets FAILED with the offer read and nothing accepted.
static void gave_up(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    // What every driver of a split ring knows, whatever the device type.
    const uint32_t missing = (BIT_INDIRECT | BIT_EVENT_IDX) & ~s->offered[0];
    enum vl_feature_kind kind = VL_FEATURE_KNOWN;
    uint32_t bit = VL_FEATURE_BITS;

    if ((s->offered_read & 3u) != 3u || (s->offered[WORD_VERSION_1] & BIT_VERSION_1) == 0) {
        return; // without VERSION_1 a driver may give up
    }
    for (uint32_t word = 0; word < VL_FEATURE_WORDS && bit == VL_FEATURE_BITS; word++) {
        bit = strange_bit(r, word, s->offered[word], &kind);
    }
    if (bit < VL_FEATURE_BITS) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_10,
                  "the driver gives the device up (status 0x%" PRIx32
                  ") over an offer with feature bit %" PRIu32 ", which is %s: it is to be ignored",
                  a->value, bit, kind_text(kind));
    } else if (r->judge_device && missing != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 2_2_1_drv_8,
                  "the driver gives the device up (status 0x%" PRIx32
                  ") over an offer with VERSION_1 and without %s: words 0x%" PRIx32 " 0x%" PRIx32,
                  a->value,
                  missing == BIT_INDIRECT    ? "INDIRECT_DESC"
                  : missing == BIT_EVENT_IDX ? "EVENT_IDX"
                                             : "INDIRECT_DESC and EVENT_IDX",
                  s->offered[0], s->offered[1]);
    }
}

// ---- dispatch -----------------------------------------------------------------------------------

static void status_write(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    struct vl_spec_features *st = &r->spec.features;
    const unsigned added = a->value & ~(unsigned)s->status;

    if (a->value == 0) {
        st->unclear = st->beyond = st->invalid = false;
    } else if ((added & VL_STATUS_FEATURES_OK) != 0) {
        chosen(r, a);
    } else if ((added & VL_STATUS_FAILED) != 0 && (s->status & VL_STATUS_FEATURES_OK) == 0) {
        gave_up(r, a);
    }
}

static void status_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (r->spec.status.resetting || r->spec.features.unclear || s->features_ok ||
        s->features_refused || (s->status & VL_STATUS_FEATURES_OK) == 0) {
        return; // nothing to answer, or it was answered
    }
    if ((a->value & VL_STATUS_FEATURES_OK) != 0) {
        agreed(r, a);
    } else {
        refused(r, a);
    }
}

void vl_spec_features_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->region != VL_REGION_COMMON) {
        return;
    }
    switch (a->off) {
    case VL_COMMON_DEVICE_FEATURE:
        if (!a->write && a->bytes == 4) {
            offer_read(r, a);
        }
        break;
    case VL_COMMON_DRIVER_FEATURE:
        if (a->write) {
            choice_written(r, a);
        }
        break;
    case VL_COMMON_STATUS:
        if (a->write) {
            status_write(r, a);
        } else if (a->bytes == 1) {
            status_read(r, a);
        }
        break;
    default: break;
    }
}

bool vl_spec_features_told(const struct vl_referees *r, uint64_t *features)
{
    const struct vl_spec_features *st = &r->spec.features;

    if (!r->config.pci) {
        return true;
    }
    *features = (uint64_t)st->accepted[1] << 32 | st->accepted[0];
    return !st->unclear && (r->spec.regs.status & VL_STATUS_FEATURES_OK) != 0;
}
