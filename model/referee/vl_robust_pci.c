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
#define CONFIG_CAPS 0x34u
#define CAP_VENDOR 9u
#define CAP_COMMON 1u
#define CAPS_MAX 48u

#define BAR_IO 1u
#define BAR_TYPE_64 4u
#define BAR_TYPE_MASK 6u
#define BAR_FLAGS 15u

// Common configuration [4.1.4.3].
#define STATUS_FEATURES_OK 8u
#define COMMON_STATUS 0x14u
#define COMMON_QUEUE_SELECT 0x16u
#define COMMON_QUEUE_ENABLE 0x1Cu

void vl_pci_rules_reset(struct vl_pci_rules *p)
{
    p->n_seen = 0;
    p->hit_base = p->hit_bytes = 0;
    p->caps_changed = false;
    p->common = VL_NOWHERE;
    p->features_read_ok = false;
    p->reset_seen = false;
    p->queue_select = 0;
    p->enabled = 0;
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

static void read_config(struct vl_pci_rules *p, struct vl_pci_seen *f, uint32_t off,
                        const struct vl_event *ev)
{
    const uint32_t bar = (off - CONFIG_BAR0) / 4;

    for (uint32_t i = 0; i < ev->len && off + i < VL_PCI_CONFIG_BYTES; i++) { // bound: 4
        f->config[off + i] = (uint8_t)(ev->value >> (8 * i));
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
    } else if (off >= CONFIG_BAR0 && bar < VL_PCI_BARS && off % 4 == 0 && ev->len == 4) {
        write_bar(r, f, bar, (uint32_t)ev->value);
    }
}

// ---- BARs -----------------------------------------------------------------------------------

// Where memory BAR i of a function lies. Returns false if it is none, or was never placed.
static bool bar_range(const struct vl_pci_seen *f, uint32_t i, uint64_t *base, uint64_t *bytes)
{
    const uint32_t low = f->mask[i];
    if (!f->placed[i] || (low & BAR_IO) != 0 || (low & ~BAR_FLAGS) == 0) {
        return false;
    }
    *base = f->bar[i] & ~BAR_FLAGS;
    const uint64_t mask = low & ~BAR_FLAGS;
    *bytes = mask & (~mask + 1);
    if ((low & BAR_TYPE_MASK) == BAR_TYPE_64 && i + 1 < VL_PCI_BARS) {
        *base |= (uint64_t)f->bar[i + 1] << 32;
    }
    return true;
}

// Bus address of the common configuration, from the capability list as the driver read it.
static void find_common(struct vl_pci_rules *p)
{
    p->caps_changed = false;
    p->common = VL_NOWHERE;
    for (uint32_t i = 0; i < p->n_seen; i++) { // bound: VL_PCI_FUNCTIONS
        const struct vl_pci_seen *f = &p->seen[i];
        uint32_t at = f->config[CONFIG_CAPS];
        for (uint32_t n = 0; at >= 0x40 && at + 16 <= VL_PCI_CONFIG_BYTES && n < CAPS_MAX; n++) {
            const uint8_t *cap = &f->config[at];
            const uint32_t off =
                cap[8] | (uint32_t)cap[9] << 8 | (uint32_t)cap[10] << 16 | (uint32_t)cap[11] << 24;
            uint64_t base = 0;
            uint64_t bytes = 0;
            if (cap[0] == CAP_VENDOR && cap[3] == CAP_COMMON && cap[4] < VL_PCI_BARS &&
                bar_range(f, cap[4], &base, &bytes)) {
                p->common = base + off;
                return;
            }
            at = cap[1] & 0xFCu;
        }
    }
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
            if (bar_range(&p->seen[i], k, &base, &bytes) && ev->addr - base < bytes &&
                ev->len <= bytes - (ev->addr - base)) {
                p->hit_base = base;
                p->hit_bytes = bytes;
                return true;
            }
        }
    }
    return false;
}

// ---- common configuration -------------------------------------------------------------------

static void write_common(struct vl_pci_rules *p, uint64_t off, uint64_t value)
{
    if (off == COMMON_STATUS && value == 0) {
        p->features_read_ok = false;
    } else if (off == COMMON_QUEUE_SELECT) {
        p->queue_select = (uint16_t)value;
    } else if (off == COMMON_QUEUE_ENABLE && value == 1) {
        p->enabled |= 1ull << (p->queue_select % 64);
    }
}

void vl_pci_rules_mmio(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_pci_rules *p = &r->pci;

    if (p->n_seen == 0) {
        return;
    }
    if (r->judge_driver && p->n_seen < VL_PCI_FUNCTIONS && !in_a_bar(p, ev)) {
        vl_referee_finding(r, "robustness:stray-access", "driver",
                           "a register access of %" PRIu32 " bytes at bus address 0x%" PRIx64
                           " lies in no BAR that the driver placed",
                           ev->len, ev->addr);
        return;
    }
    if (p->caps_changed) {
        find_common(p);
    }
    const uint64_t off = ev->addr - p->common;
    if (p->common == VL_NOWHERE || off > COMMON_QUEUE_ENABLE) {
        return;
    }
    if (ev->kind == VL_EV_MMIO_WRITE) {
        write_common(p, off, ev->value);
    } else if (off == COMMON_STATUS) {
        p->features_read_ok = p->features_read_ok || (ev->value & STATUS_FEATURES_OK) != 0;
    } else if (off == COMMON_QUEUE_ENABLE && ev->value == 1 && p->reset_seen && r->judge_device &&
               (p->enabled >> (p->queue_select % 64) & 1u) == 0) {
        vl_referee_finding(r, "robustness:enabled-after-reset", "device",
                           "queue_enable of queue %u reads 1 after the reset at #%" PRIu64
                           ", and nobody has enabled it since",
                           p->queue_select, r->reset_at_seq);
    }
}

void vl_pci_rules_control(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_pci_rules *p = &r->pci;

    switch (ev->addr) {
    case VIRTQ_CONTROL_DEVICE_RESET:
        p->reset_seen = true;
        p->enabled = 0;
        // Where registers lie the driver may go on before the device is done.
        p->features_read_ok = p->features_read_ok && r->config.hostile_pci;
        break;
    case VIRTQ_CONTROL_FEATURES_READ_OK:
        // The driver's word counts where config space lies, too: there the structure may be
        // elsewhere.
        p->features_read_ok = p->features_read_ok || r->config.hostile_pci;
        break;
    case VIRTQ_CONTROL_DRIVER_OK:
        if (!p->features_read_ok && r->judge_driver) {
            vl_referee_finding(r, "robustness:features-not-read-back", "driver",
                               "the driver sets DRIVER_OK, and has not read FEATURES_OK back since "
                               "the last reset at #%" PRIu64,
                               r->reset_at_seq);
        }
        break;
    default: break;
    }
}
