// model/referee/vl_spec_window.c -- checkers: PCI_CFG, the window into BARs in config space.
// Spec: virtio 1.4 §4.1.4.9 PCI configuration access capability (1.0: §4.1.4.7).
//
// The driver writes bar, offset and length into the capability; an access to pci_cfg_data behind
// them is then an access to the register there. So it counts as one: what it did is compared with
// what direct accesses say of the same register.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_DATA 16u

#define NO_SELECT VL_CAP_SELECTS
#define HELD_FEATURES 3u // of the word that is selected

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// ---- registers that hold what they are written ----------------------------------------------

// The select register at off, or NO_SELECT; *bytes its width.
static unsigned select_at(uint32_t off, unsigned *bytes)
{
    *bytes = off == VL_COMMON_QUEUE_SELECT ? 2 : 4;
    switch (off) {
    case VL_COMMON_DEVICE_FEATURE_SELECT: return 0;
    case VL_COMMON_DRIVER_FEATURE_SELECT: return 1;
    case VL_COMMON_QUEUE_SELECT: return 2;
    case VL_COMMON_DRIVER_FEATURE: return HELD_FEATURES;
    default: return NO_SELECT;
    }
}

static void forget_at_reset(struct vl_spec_cap_state *s, const struct vl_reg_access *a)
{
    if (a->off == VL_COMMON_STATUS && a->write && a->value == 0) {
        memset(s->held, 0, sizeof(s->held));
    }
}

// Bits that a register keeps: of features those that are offered, as long as they are being chosen.
static uint32_t kept_bits(const struct vl_referees *r, unsigned i)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint32_t word = s->driver_feature_select;

    if (i != HELD_FEATURES) {
        return UINT32_MAX;
    }
    return word < 4 && (s->offered_read >> word & 1u) != 0 &&
                   (s->status & VL_STATUS_FEATURES_OK) == 0
               ? s->offered[word]
               : 0;
}

static void hold(struct vl_referees *r, const struct vl_reg_access *a, unsigned i, unsigned bytes,
                 bool by_window)
{
    // Between the request for a reset and its end a device need not take anything in.
    r->spec.cap.held[i] =
        (struct vl_cap_held){.known = a->bytes == bytes && !r->spec.regs.reset_asked,
                             .by_window = by_window,
                             .value = a->value,
                             .seq = a->seq};
    if (i == 1) {
        r->spec.cap.held[HELD_FEATURES].known = false; // that was another word
    }
}

void vl_window_direct(struct vl_referees *r, const struct vl_reg_access *a)
{
    unsigned bytes = 0;
    const unsigned i = select_at(a->off, &bytes);

    forget_at_reset(&r->spec.cap, a);
    if (i == NO_SELECT) {
        return;
    }
    if (a->write) {
        hold(r, a, i, bytes, false);
        return;
    }
    const struct vl_cap_held held = r->spec.cap.held[i];
    if (!held.known || !held.by_window || a->bytes != bytes) {
        return;
    }
    if (((a->value ^ held.value) & kept_bits(r, i)) != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_9_1_dev_2,
                  "the register at 0x%" PRIx32 " of the common configuration reads 0x%" PRIx32
                  ", and 0x%" PRIx32 " was written to it through the window at #%" PRIu64,
                  a->off, a->value, held.value, held.seq);
    }
    hold(r, a, i, bytes, false);
}

// What a read of this register has to give, as direct accesses know it.
static bool expected(const struct vl_referees *r, const struct vl_reg_access *a, uint32_t *value)
{
    const struct vl_spec_regs *regs = &r->spec.regs;
    const struct vl_cap_held *select = &r->spec.cap.held[0];
    unsigned bytes = 0;
    const unsigned i = select_at(a->off, &bytes);

    if (a->region != VL_REGION_COMMON || regs->reset_asked) {
        return false;
    }
    if (i != NO_SELECT) {
        const uint32_t kept = kept_bits(r, i);
        *value = (r->spec.cap.held[i].value & kept) | (a->value & ~kept);
        return r->spec.cap.held[i].known && !r->spec.cap.held[i].by_window && a->bytes == bytes;
    }
    if (a->off == VL_COMMON_NUM_QUEUES) {
        *value = regs->num_queues;
        return regs->num_queues_read && a->bytes == 2;
    }
    if (a->off == VL_COMMON_DEVICE_FEATURE && select->known && !select->by_window &&
        select->value < 4) {
        *value = regs->offered[select->value];
        return (regs->offered_read >> select->value & 1u) != 0 && a->bytes == 4;
    }
    return false;
}

static void through(struct vl_referees *r, const struct vl_reg_access *a)
{
    uint32_t value = 0;
    unsigned bytes = 0;
    const unsigned i = select_at(a->off, &bytes);

    r->spec.cap.went_on = true;
    r->spec.cap.ok =
        r->spec.cap.ok || (a->write && a->region == VL_REGION_COMMON &&
                           a->off == VL_COMMON_STATUS && (a->value & VL_STATUS_DRIVER_OK) != 0);

    if (!a->write && expected(r, a, &value) && a->value != value) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_9_1_dev_3,
                  "the register at 0x%" PRIx32 " of the common configuration reads 0x%" PRIx32
                  " through the window, and holds 0x%" PRIx32,
                  a->off, a->value, value);
    }
    if (a->region == VL_REGION_COMMON) {
        forget_at_reset(&r->spec.cap, a);
        if (a->write && i != NO_SELECT) {
            hold(r, a, i, bytes, true);
        }
    }
    vl_spec_access(r, a); // what it did through the window it did as well
}

// ---- pci_cfg_data ---------------------------------------------------------------------------

static bool length_valid(uint32_t length)
{
    return length == 1 || length == 2 || length == 4;
}

static void bad_length(struct vl_referees *r, uint32_t length)
{
    VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_9_drv_d1,
              "the window is given a length of %" PRIu32 ", not 1, 2 or 4", length);
}

// Every structure that a virtio capability names was read with its place.
static bool places_known(const struct vl_cap_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *cap = &list->cap[i];
        if (vl_cap_is_virtio(cap) && cap->type != VL_REGION_WINDOW &&
            (cap->type > VL_REGION_DEVICE || (cap->has & VL_CAP_HAS_PLACE) != VL_CAP_HAS_PLACE)) {
            return false;
        }
    }
    return list->complete;
}

static const struct vl_cap_entry *named(const struct vl_cap_list *list, uint32_t bar,
                                        uint32_t offset, uint32_t length)
{
    for (uint32_t i = 0; i < list->n; i++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *cap = &list->cap[i];
        if (vl_cap_is_virtio(cap) && cap->type >= VL_REGION_COMMON &&
            cap->type <= VL_REGION_DEVICE && (cap->has & VL_CAP_HAS_PLACE) == VL_CAP_HAS_PLACE &&
            cap->bar == bar && offset >= cap->offset &&
            (uint64_t)offset + length <= (uint64_t)cap->offset + cap->length) {
            return cap;
        }
    }
    return NULL;
}

// A capability that nobody can use: its BAR has no memory, and another of its type has some.
static bool leads_nowhere(const struct vl_referees *r, const struct vl_pci_seen *f,
                          const struct vl_cap_entry *cap)
{
    uint64_t base = 0;
    uint64_t bytes = 0;

    return r->spec.regs.base[cap->type] != VL_NOWHERE &&
           !vl_pci_bar_range(f, cap->bar, &base, &bytes);
}

static void data(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const struct vl_cap_window *w = &r->spec.cap.window;
    const struct vl_cap_look *look = vl_cap_look_at(r, w->function);
    const struct vl_pci_seen *f = vl_cap_seen(r, w->function);
    const uint32_t bar = w->field[CAP_BAR];
    const uint32_t offset = get32(w->field + CAP_OFFSET);
    const uint32_t length = get32(w->field + CAP_LENGTH);
    struct vl_cap_list list;

    if (!w->length_written || look == NULL || f == NULL || r->spec.regs.lost) {
        return; // nobody set it up: a dump of config space
    }
    if (!length_valid(length)) {
        bad_length(r, length);
        return;
    }
    if (offset % length != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_9_2_drv_1,
                  "the window is used at offset 0x%" PRIx32 " (#%" PRIu64 "), no multiple of its "
                  "length %" PRIu32 " (#%" PRIu64 ")",
                  offset, w->offset_seq, length, w->length_seq);
        return;
    }
    vl_cap_walk(f, look, &list);
    const struct vl_cap_entry *cap = named(&list, bar, offset, length);
    if (cap == NULL && places_known(&list)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_9_2_drv_2,
                  "the window is used at BAR %" PRIu32 ", offset 0x%" PRIx32 " (#%" PRIu64
                  "), length %" PRIu32 ", which no virtio capability names",
                  bar, offset, w->offset_seq, length);
    }
    vl_spec_find(r);
    if (cap == NULL || ev->len != length || leads_nowhere(r, f, cap)) {
        if (!r->judge_driver && ev->kind == VL_EV_CONFIG_WRITE) {
            vl_spec_lose(r); // what was written where, or whether at all, nobody knows
        }
        return;
    }
    const struct vl_reg_access a = {.ev = ev,
                                    .seq = seq,
                                    .region = cap->type,
                                    .write = ev->kind == VL_EV_CONFIG_WRITE,
                                    .bytes = (uint8_t)length,
                                    .off = offset - cap->offset,
                                    .value = (uint32_t)ev->value};
    if (vl_spec_judgeable(r, &a) && !vl_common_misuse(r, &a)) {
        through(r, &a);
    }
}

// ---- the fields -----------------------------------------------------------------------------

void vl_window_write(struct vl_referees *r, const struct vl_cap_entry *cap,
                     const struct vl_event *ev, uint64_t seq)
{
    struct vl_cap_window *w = &r->spec.cap.window;
    const uint32_t off = ((uint32_t)ev->addr & 0xFFFFu) - cap->at;

    if (w->at != cap->at) {
        *w = (struct vl_cap_window){.function = (uint32_t)(ev->addr >> 16), .at = cap->at};
    }
    if (off == CAP_DATA) {
        data(r, ev, seq);
        return;
    }
    for (uint32_t i = 0; i < ev->len && off + i < CAP_DATA; i++) { // bound: 4
        w->field[off + i] = (uint8_t)(ev->value >> (8 * i));
    }
    if (off < CAP_LENGTH && off + ev->len > CAP_OFFSET) {
        w->offset_seq = seq;
    }
    if (off + ev->len > CAP_LENGTH && off < CAP_DATA) {
        w->length_written = true;
        w->length_seq = seq;
        if (ev->len == 4 && !length_valid(get32(w->field + CAP_LENGTH))) {
            bad_length(r, get32(w->field + CAP_LENGTH));
        }
    }
}

void vl_window_read(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const struct vl_cap_window *w = &r->spec.cap.window;

    if ((uint32_t)(ev->addr >> 16) == w->function && (ev->addr & 0xFFFFu) == w->at + CAP_DATA) {
        data(r, ev, seq);
    }
}
