// model/referee/vl_spec_regs.c -- config space and BARs decoded: which structure, which register.
// Spec: PCI Local Bus 3.0 §6.7, §6.8.2; virtio 1.4 §4.1.4, §4.1.4.3 (1.0: the same).
// Everything comes from what the driver read and wrote; where it did not look, nothing is known.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <string.h>

#define CONFIG_COMMAND 0x04u
#define COMMAND_MEMORY 2u
#define CONFIG_CAPS 0x34u
#define CAP_VENDOR 9u
#define CAP_MSIX 0x11u
#define MSIX_CONTROL 2u
#define MSIX_SIZE 0x7FFu
#define MSIX_TABLE 4u
#define MSIX_ENTRY_BYTES 16u

void vl_spec_regs_reset(struct vl_spec_regs *s)
{
    memset(s, 0, sizeof(*s));
    s->config_vector = VL_NO_VECTOR;
    for (unsigned i = 0; i < VL_REGION_COUNT; i++) {
        s->base[i] = VL_NOWHERE;
    }
}

const struct vl_spec_cap *vl_spec_cap(const struct vl_spec_regs *s, unsigned type)
{
    for (uint32_t i = 0; i < s->n_caps; i++) { // bound: VL_SPEC_CAPS
        if (s->cap[i].id == CAP_VENDOR && s->cap[i].type == type && s->cap[i].bar < VL_PCI_BARS) {
            return &s->cap[i];
        }
    }
    return NULL;
}

uint32_t vl_spec_entry(const struct vl_spec_regs *s, uint64_t data)
{
    const uint32_t n = vl_spec_msix_entries(s);
    for (uint32_t i = 0; i < n && i < VL_SPEC_VECTORS; i++) { // bound: VL_SPEC_VECTORS
        if (s->message[i] == data) {
            return i;
        }
    }
    return VL_NO_VECTOR;
}

// ---- bytes of config space --------------------------------------------------------------------

bool vl_config_add(struct vl_config_set *set, uint32_t off, uint32_t n)
{
    const uint64_t run = (1ull << (n < 63 ? n : 63)) - 1;
    const uint32_t i = off / 64;
    const uint32_t at = off % 64;

    if (i >= VL_CONFIG_WORDS64) {
        return true;
    }
    const uint64_t low = run << at;
    const uint64_t high = i + 1 < VL_CONFIG_WORDS64 ? run >> 1 >> (63 - at) : 0;
    const bool all = ((low & ~set->bits[i]) | (high & ~set->bits[i + 1])) == 0;
    set->bits[i] |= low;
    set->bits[i + 1] |= high;
    return all;
}

// ---- capabilities ---------------------------------------------------------------------------

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// A driver goes by the first capability of a type that it can use: one that is aligned, long enough
// for what it needs, and within its BAR [4.1.4.1-drv-2].
static bool of_use(unsigned region, uint32_t offset, uint32_t length, uint64_t bar_bytes)
{
    static const uint8_t least[VL_REGION_COUNT] = {
        [VL_REGION_COMMON] = 0x38, [VL_REGION_NOTIFY] = 2, [VL_REGION_ISR] = 1};
    static const uint8_t align[VL_REGION_COUNT] = {
        [VL_REGION_COMMON] = 4, [VL_REGION_NOTIFY] = 2, [VL_REGION_DEVICE] = 4};

    return length >= least[region] && (align[region] == 0 || offset % align[region] == 0) &&
           (region == VL_REGION_TABLE || (uint64_t)offset + length <= bar_bytes);
}

static void place(struct vl_spec_regs *s, const struct vl_pci_seen *f, unsigned region,
                  uint32_t bar, uint32_t offset, uint32_t length)
{
    uint64_t base = 0;
    uint64_t bytes = 0;

    if (s->base[region] == VL_NOWHERE && bar < VL_PCI_BARS &&
        vl_pci_bar_range(f, bar, &base, &bytes) && of_use(region, offset, length, bytes)) {
        s->base[region] = base + offset;
        s->length[region] = length;
    }
}

static void take_virtio(struct vl_spec_regs *s, const struct vl_pci_seen *f, uint32_t at)
{
    const uint8_t *p = &f->config[at];
    struct vl_spec_cap *cap = &s->cap[s->n_caps++];

    *cap = (struct vl_spec_cap){.at = (uint8_t)at, .id = p[0], .len = p[2], .type = p[3]};
    if (at + 16 > VL_PCI_CONFIG_BYTES) {
        return;
    }
    cap->bar = p[4];
    cap->offset = get32(p + 8);
    cap->length = get32(p + 12);
    if (cap->type == VL_REGION_NOTIFY && at + 20 <= VL_PCI_CONFIG_BYTES) {
        cap->multiplier = get32(p + 16);
    }
    if (cap->id == CAP_VENDOR && cap->type >= VL_REGION_COMMON && cap->type <= VL_REGION_DEVICE) {
        if (cap->type == VL_REGION_NOTIFY && s->base[VL_REGION_NOTIFY] == VL_NOWHERE) {
            s->multiplier = cap->multiplier;
        }
        place(s, f, cap->type, cap->bar, cap->offset, cap->length);
    }
}

static void take_msix(struct vl_spec_regs *s, const struct vl_pci_seen *f, uint32_t at)
{
    const uint8_t *p = &f->config[at];

    if (s->msix_found || at + 12 > VL_PCI_CONFIG_BYTES) {
        return;
    }
    s->msix_found = true;
    s->msix_at = (uint8_t)at;
    if (!s->msix_written) {
        s->msix_control = (uint16_t)(p[MSIX_CONTROL] | p[MSIX_CONTROL + 1] << 8);
    }
    const uint32_t table = get32(p + MSIX_TABLE);
    place(s, f, VL_REGION_TABLE, table & 7u, table & ~7u,
          vl_spec_msix_entries(s) * MSIX_ENTRY_BYTES);
}

// The capability list of a function, as far as the driver read it.
static void walk(struct vl_spec_regs *s, const struct vl_pci_seen *f)
{
    uint64_t seen = 0; // bit per 4 bytes
    uint32_t at = f->config[CONFIG_CAPS] & 0xFCu;

    s->n_caps = 0;
    s->msix_found = false;
    for (unsigned i = 0; i < VL_REGION_COUNT; i++) {
        s->base[i] = VL_NOWHERE;
        s->length[i] = 0;
    }
    while (at >= 0x40 && (seen >> at / 4 & 1u) == 0 && s->n_caps < VL_SPEC_CAPS) { // bound: caps
        seen |= 1ull << at / 4;
        if (f->config[at] == CAP_MSIX) {
            take_msix(s, f, at);
        } else {
            take_virtio(s, f, at);
        }
        at = f->config[at + 1] & 0xFCu;
    }
}

void vl_spec_find(struct vl_referees *r)
{
    struct vl_spec_regs *s = &r->spec.regs;

    if (!r->pci.caps_changed) {
        return;
    }
    r->pci.caps_changed = false;
    s->found = false;
    for (uint32_t i = 0; i < r->pci.n_seen && !s->found; i++) { // bound: VL_PCI_FUNCTIONS
        const struct vl_pci_seen *f = &r->pci.seen[i];
        walk(s, f);
        s->found = s->base[VL_REGION_COMMON] != VL_NOWHERE;
        s->function = f->function;
        s->command = f->command;
        // A driver that is judged and wrote nothing found it on; the others find it off.
        s->decoding_off = (f->commanded || !r->judge_driver) && (f->command & COMMAND_MEMORY) == 0;
    }
}

// ---- accesses -------------------------------------------------------------------------------

// A hostile device may have a driver find several structures of a type, and what else is wrong with
// one is the driver's to know: the structure is the one that the driver turns to.
static void place_by_access(struct vl_referees *r, uint64_t addr)
{
    struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_pci_seen *f = vl_cap_seen(r, s->function);

    for (uint32_t i = 0; f != NULL && i < s->n_caps; i++) { // bound: VL_SPEC_CAPS
        const struct vl_spec_cap *cap = &s->cap[i];
        uint64_t base = 0;
        uint64_t bytes = 0;
        if (cap->id == CAP_VENDOR && cap->type >= VL_REGION_COMMON &&
            cap->type <= VL_REGION_DEVICE && cap->bar < VL_PCI_BARS &&
            vl_pci_bar_range(f, cap->bar, &base, &bytes) &&
            addr - base - cap->offset < cap->length &&
            of_use(cap->type, cap->offset, cap->length, bytes)) {
            s->base[cap->type] = base + cap->offset;
            s->length[cap->type] = cap->length;
            return;
        }
    }
}

static unsigned region_at(const struct vl_spec_regs *s, uint64_t addr)
{
    for (unsigned i = VL_REGION_COMMON; i < VL_REGION_COUNT; i++) {
        if (addr - s->base[i] < s->length[i]) {
            return i;
        }
    }
    return VL_REGION_NONE;
}

bool vl_spec_decode(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                    struct vl_reg_access *a)
{
    struct vl_spec_regs *s = &r->spec.regs;

    vl_spec_find(r);
    *a = (struct vl_reg_access){.ev = ev,
                                .seq = seq,
                                .write = ev->kind == VL_EV_MMIO_WRITE,
                                .bytes = (uint8_t)ev->len,
                                .value = (uint32_t)ev->value};
    a->region = (uint8_t)region_at(s, ev->addr);
    if (a->region == VL_REGION_NONE && !r->judge_device) {
        place_by_access(r, ev->addr);
        a->region = (uint8_t)region_at(s, ev->addr);
    }
    a->off = a->region != VL_REGION_NONE ? (uint32_t)(ev->addr - s->base[a->region]) : 0;
    return s->found && !s->decoding_off && !s->lost;
}

void vl_spec_regs_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_regs *s = &r->spec.regs;
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;

    (void)seq;
    if ((uint32_t)(ev->addr >> 16) != s->function) {
        return;
    }
    if (ev->kind == VL_EV_CONFIG_WRITE && off == CONFIG_COMMAND) {
        s->command = (uint16_t)ev->value;
        s->decoding_off = (s->command & COMMAND_MEMORY) == 0;
    }
    if (s->msix_found && off == s->msix_at + MSIX_CONTROL && ev->len == 2) {
        const bool written = ev->kind == VL_EV_CONFIG_WRITE;
        const unsigned size = written && !r->judge_driver ? MSIX_SIZE : 0; // a write leaves it
        s->msix_control = (uint16_t)((ev->value & ~size) | (s->msix_control & size));
        s->msix_written = s->msix_written || ev->kind == VL_EV_CONFIG_WRITE;
    }
}

// ---- the common configuration ---------------------------------------------------------------

// All that a driver knows of a device ends with its request for a reset.
static void forget(struct vl_spec_regs *s)
{
    memset(s->offered, 0, sizeof(s->offered));
    memset(s->accepted, 0, sizeof(s->accepted));
    memset(s->queue, 0, sizeof(s->queue));
    for (unsigned i = 0; i < VL_SPEC_QUEUES; i++) {
        s->queue[i].vector = VL_NO_VECTOR;
    }
    s->offered_read = s->accepted_written = 0;
    s->device_feature_select = s->driver_feature_select = VL_SELECT_UNKNOWN;
    s->features_ok = s->features_refused = false;
    s->needs_reset = false;
    s->num_queues_read = false;
    s->queue_selected = false;
    s->config_vector = VL_NO_VECTOR;
    s->config_vector_unread = false;
    s->generation_read = false;
}

static void status(struct vl_spec_regs *s, const struct vl_reg_access *a)
{
    if (a->write) {
        s->status = (uint8_t)a->value;
        s->status_seq = a->seq;
        s->status_read = false;
        s->reset_asked = a->value == 0;
        if (a->value == 0) {
            forget(s);
        }
        return;
    }
    s->status_seen = (uint8_t)a->value;
    s->status_read = true;
    s->seen_seq = a->seq;
    s->needs_reset = s->needs_reset || (a->value & VL_STATUS_NEEDS_RESET) != 0;
    if (a->value == 0 && s->reset_asked) {
        s->reset_asked = false;
        s->was_reset = true;
        s->reset_seq = a->seq;
    }
    if ((s->status & VL_STATUS_FEATURES_OK) != 0 && !s->features_ok) {
        s->features_ok = (a->value & VL_STATUS_FEATURES_OK) != 0;
        s->features_refused = !s->features_ok;
    }
}

static void feature_word(struct vl_spec_regs *s, const struct vl_reg_access *a)
{
    if (a->off == VL_COMMON_DEVICE_FEATURE && !a->write && s->device_feature_select < 4) {
        s->offered[s->device_feature_select] = a->value;
        s->offered_read |= (uint8_t)(1u << s->device_feature_select);
    } else if (a->off == VL_COMMON_DRIVER_FEATURE && a->write) {
        s->features_seq = a->seq;
        if (s->driver_feature_select < 4) {
            s->accepted[s->driver_feature_select] = a->value;
            s->accepted_written |= (uint8_t)(1u << s->driver_feature_select);
        }
    }
}

static uint64_t with_half(uint64_t old, uint32_t off, uint32_t value)
{
    return off % 8 == 0 ? (old & ~0xFFFFFFFFull) | value
                        : (old & 0xFFFFFFFFull) | (uint64_t)value << 32;
}

static void queue_address(struct vl_spec_queue *q, const struct vl_reg_access *a)
{
    uint64_t *part = a->off < VL_COMMON_QUEUE_DRIVER   ? &q->desc
                     : a->off < VL_COMMON_QUEUE_DEVICE ? &q->driver
                                                       : &q->device;
    const uint32_t half = (a->off - VL_COMMON_QUEUE_DESC) / 4;

    if (a->write) {
        *part = with_half(*part, a->off, a->value);
        q->written |= (uint8_t)(2u << half);
    }
}

static void queue_vector(struct vl_spec_queue *q, const struct vl_reg_access *a)
{
    q->vector = (uint16_t)a->value;
    q->vector_unread = a->write;
    q->vector_seq = a->write ? a->seq : q->vector_seq;
}

static void queue_register(struct vl_spec_regs *s, const struct vl_reg_access *a)
{
    struct vl_spec_queue *q = vl_spec_selected(s);

    if (q == NULL) {
        return;
    }
    switch (a->off) {
    case VL_COMMON_QUEUE_SIZE:
        if (!q->size_read && !a->write && (q->written & VL_WRITTEN_SIZE) == 0) {
            q->size_max = a->value;
            q->size_read = true;
        }
        q->size = a->value;
        q->written |= a->write ? VL_WRITTEN_SIZE : 0;
        break;
    case VL_COMMON_QUEUE_VECTOR: queue_vector(q, a); break;
    case VL_COMMON_QUEUE_ENABLE:
        if (a->write && a->value == 1 && !q->enabled) {
            q->enabled = true;
            q->enabled_seq = a->seq;
        }
        break;
    case VL_COMMON_QUEUE_NOTIFY_OFF:
        if (!a->write) {
            q->notify_off = (uint16_t)a->value;
            q->notify_off_read = true;
        }
        break;
    default:
        if (a->off >= VL_COMMON_QUEUE_DESC && a->off < VL_COMMON_BYTES) {
            queue_address(q, a);
        }
        break;
    }
}

static void common(struct vl_spec_regs *s, const struct vl_reg_access *a)
{
    switch (a->off) {
    case VL_COMMON_STATUS: status(s, a); break;
    case VL_COMMON_DEVICE_FEATURE_SELECT:
        s->device_feature_select = a->write ? a->value : s->device_feature_select;
        break;
    case VL_COMMON_DRIVER_FEATURE_SELECT:
        s->driver_feature_select = a->write ? a->value : s->driver_feature_select;
        break;
    case VL_COMMON_DEVICE_FEATURE:
    case VL_COMMON_DRIVER_FEATURE: feature_word(s, a); break;
    case VL_COMMON_CONFIG_VECTOR:
        s->config_vector = (uint16_t)a->value;
        s->config_vector_unread = a->write;
        s->config_vector_seq = a->write ? a->seq : s->config_vector_seq;
        break;
    case VL_COMMON_NUM_QUEUES:
        if (!a->write) {
            s->num_queues = (uint16_t)a->value;
            s->num_queues_read = true;
        }
        break;
    case VL_COMMON_GENERATION:
        if (!a->write) {
            s->generation = (uint8_t)a->value;
            s->generation_read = true;
            s->generation_seq = a->seq;
        }
        break;
    case VL_COMMON_QUEUE_SELECT:
        if (a->write) {
            s->queue_select = (uint16_t)a->value;
            s->queue_selected = true;
        }
        break;
    default: queue_register(s, a); break;
    }
}

void vl_spec_regs_access(struct vl_spec_regs *s, const struct vl_reg_access *a)
{
    if (a->region == VL_REGION_COMMON) {
        common(s, a);
    } else if (a->region == VL_REGION_ISR && !a->write) {
        s->isr_seen = (uint8_t)a->value;
        s->isr_seq = a->seq;
    } else if (a->region == VL_REGION_TABLE && a->write && a->off % MSIX_ENTRY_BYTES == 8 &&
               a->off / MSIX_ENTRY_BYTES < VL_SPEC_VECTORS) {
        s->message[a->off / MSIX_ENTRY_BYTES] = a->value;
    }
}
