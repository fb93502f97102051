// model/referee/vl_robust_pci.c -- register rules of a PCI function, from config and BAR accesses.
// Spec: PCI Local Bus 3.0 §6.2.5.1 (sizing); virtio 1.4 §3.1.1, §4.1.4, §4.1.4.3 (1.0: the same).
// BARs, sizes and the place of the common configuration are decoded here from what the driver wrote
// and what it read back.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define CONFIG_COMMAND 0x04u
#define COMMAND_MEMORY 2u
#define CONFIG_BAR0 0x10u

#define BAR_IO 1u
#define BAR_TYPE_64 4u
#define BAR_TYPE_MASK 6u
#define BAR_FLAGS 15u

void vl_pci_rules_reset(struct vl_pci_rules *p)
{
    p->n_seen = 0;
    p->hit_base = p->hit_bytes = 0;
    p->caps_changed = false;
    p->features_word = false;
}

// The record of a function; made at the driver's first access to it, if there is room.
static struct vl_pci_seen *seen_of(struct vl_pci_rules *p, uint32_t function)
{
    for (uint32_t i = 0; i < p->n_seen; i++) { // bound: VL_PCI_FUNCTIONS
        if (p->seen[i].function == function) {
            return &p->seen[i];
        }
    }
    if (p->n_seen == VL_PCI_FUNCTIONS) {
        return NULL;
    }
    struct vl_pci_seen *f = &p->seen[p->n_seen++];
    memset(f, 0, sizeof(*f));
    f->function = function;
    return f;
}

// ---- config space ---------------------------------------------------------------------------

static void write_bar(struct vl_referees *r, struct vl_pci_seen *f, uint32_t i, uint32_t value)
{
    r->pci.caps_changed = true; // where the common configuration lies depends on it
    r->pci.hit_bytes = 0;
    if (value != UINT32_MAX) {
        f->bar[i] = value;
        f->placed[i] = true;
        f->probing[i] = false;
        return;
    }
    f->probing[i] = true;
    if ((f->command & COMMAND_MEMORY) != 0 && r->judge_driver) {
        vl_referee_finding(r, "robustness:bar-sized-live", "driver",
                           "BAR %" PRIu32 " of function 0x%" PRIx32 " was written with all ones "
                           "while memory decoding is enabled (command 0x%x)",
                           i, f->function, f->command);
    }
}

static void put32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
}

static void read_config(struct vl_pci_rules *p, struct vl_pci_seen *f, uint32_t off,
                        const struct vl_event *ev)
{
    const uint32_t bar = (off - CONFIG_BAR0) / 4;

    if (ev->len == 4 && off + 4 <= VL_PCI_CONFIG_BYTES) { // most of them
        put32(&f->config[off], (uint32_t)ev->value);
    } else {
        for (uint32_t i = 0; i < ev->len && off + i < VL_PCI_CONFIG_BYTES; i++) { // bound: 4
            f->config[off + i] = (uint8_t)(ev->value >> (8 * i));
        }
    }
    p->caps_changed = true;
    if (ev->len == 4 && off >= CONFIG_BAR0 && bar < VL_PCI_BARS && f->probing[bar]) {
        f->mask[bar] = (uint32_t)ev->value;
    }
}

void vl_pci_rules_config(struct vl_referees *r, const struct vl_event *ev)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;
    const uint32_t bar = (off - CONFIG_BAR0) / 4;
    const bool absent =
        ev->kind == VL_EV_CONFIG_READ && off == 0 && (ev->value & 0xFFFFu) == 0xFFFFu;

    if (absent) {
        return; // a walk over the bus must not use up the records
    }
    struct vl_pci_seen *f = seen_of(&r->pci, (uint32_t)(ev->addr >> 16));
    if (f == NULL) {
        return;
    }
    if (ev->kind == VL_EV_CONFIG_READ) {
        read_config(&r->pci, f, off, ev);
    } else if (off == CONFIG_COMMAND) {
        f->command = (uint16_t)ev->value;
        f->commanded = true;
    } else if (off >= CONFIG_BAR0 && bar < VL_PCI_BARS && off % 4 == 0 && ev->len == 4) {
        write_bar(r, f, bar, (uint32_t)ev->value);
    }
}

// ---- BARs -----------------------------------------------------------------------------------

bool vl_pci_bar_range(const struct vl_pci_seen *f, uint32_t i, uint64_t *base, uint64_t *bytes)
{
    const uint32_t low = f->mask[i];
    if (!f->placed[i] || (low & BAR_IO) != 0 || (low & ~BAR_FLAGS) == 0) {
        return false;
    }
    const uint64_t mask = low & ~BAR_FLAGS;
    *base = f->bar[i] & mask; // address bits within the size are not there to be written
    *bytes = mask & (~mask + 1);
    if ((low & BAR_TYPE_MASK) == BAR_TYPE_64 && i + 1 < VL_PCI_BARS) {
        *base |= (uint64_t)f->bar[i + 1] << 32;
    }
    return true;
}

static bool in_a_bar(struct vl_pci_rules *p, const struct vl_event *ev)
{
    if (ev->addr - p->hit_base < p->hit_bytes &&
        ev->len <= p->hit_bytes - (ev->addr - p->hit_base)) {
        return true;
    }
    for (uint32_t i = 0; i < p->n_seen; i++) {       // bound: VL_PCI_FUNCTIONS
        for (uint32_t k = 0; k < VL_PCI_BARS; k++) { // bound: VL_PCI_BARS
            uint64_t base = 0;
            uint64_t bytes = 0;
            if (vl_pci_bar_range(&p->seen[i], k, &base, &bytes) && ev->addr - base < bytes &&
                ev->len <= bytes - (ev->addr - base)) {
                p->hit_base = base;
                p->hit_bytes = bytes;
                return true;
            }
        }
    }
    return false;
}

void vl_pci_rules_mmio(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_pci_rules *p = &r->pci;

    if (r->judge_driver && p->n_seen > 0 && p->n_seen < VL_PCI_FUNCTIONS && !in_a_bar(p, ev)) {
        vl_referee_finding(r, "robustness:stray-access", "driver",
                           "a register access of %" PRIu32 " bytes at bus address 0x%" PRIx64
                           " lies in no BAR that the driver placed",
                           ev->len, ev->addr);
        return;
    }
}

void vl_pci_rules_control(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_pci_rules *p = &r->pci;

    switch (ev->addr) {
    case VIRTQ_CONTROL_FEATURES_READ_OK: p->features_word = true; break;
    case VIRTQ_CONTROL_DRIVER_OK:
        // Where config space lies the structure may be elsewhere: there the driver's word counts.
        if (!r->spec.regs.features_ok && !(p->features_word && r->config.hostile_pci)) {
            VL_BROKEN_AS(r, VL_SIDE_DRIVER, 3_1_1_drv_9, "robustness:features-not-read-back",
                         "the driver sets DRIVER_OK, and has not read FEATURES_OK back since "
                         "the last reset at #%" PRIu64,
                         r->reset_at_seq);
        }
        break;
    default: break;
    }
}
