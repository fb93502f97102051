// model/referee/vl_spec_cap_list.c -- checkers: what a device shows of itself in config space.
// Spec: virtio 1.4 §4.1.1, §4.1.2.1, §4.1.4, §4.1.4.2, §4.1.4.6, §4.1.4.9 (1.0: §4.1.4.7);
// PCI Local Bus 3.0 §6.1, §6.2.3, §6.2.5.1, §6.7.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define CONFIG_VENDOR 0x00u
#define CONFIG_DEVICE 0x02u
#define CONFIG_STATUS 0x06u
#define CONFIG_REVISION 0x08u
#define CONFIG_HEADER_TYPE 0x0Eu
#define CONFIG_BAR0 0x10u
#define CONFIG_SUBSYSTEM 0x2Eu
#define CONFIG_CAPS 0x34u
#define STATUS_CAPS 0x10u
#define HEADER_BYTES 0x40u
#define HEADER_LAYOUT 0x7Fu

#define BAR_IO 1u
#define BAR_TYPE_64 4u
#define BAR_TYPE_MASK 6u
#define BAR_FLAGS 15u

#define CAP_BYTES 16u
#define CAP_EXTRA_BYTES 20u // with a multiplier, or pci_cfg_data
#define CAP64_BYTES 24u
#define TYPE_SHARED_MEMORY 8u

#define VENDOR 0x1AF4u
#define MODERN_BASE 0x1040u
#define VIRTIO_FIRST 0x1000u
#define VIRTIO_LAST 0x107Fu
#define SUBSYSTEM_LEAST 0x40u

// ---- the list -------------------------------------------------------------------------------

static uint32_t get(const struct vl_pci_seen *f, uint32_t off, uint32_t n)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < n; i++) { // bound: 4
        value |= (uint32_t)f->config[off + i] << (8 * i);
    }
    return value;
}

static uint32_t take(const struct vl_pci_seen *f, const struct vl_cap_look *look, uint32_t off,
                     uint32_t n, uint8_t bit, uint8_t *has)
{
    if (!vl_cap_was_read(look, off, n)) {
        return 0;
    }
    *has |= bit;
    return get(f, off, n);
}

static void take_entry(const struct vl_pci_seen *f, const struct vl_cap_look *look, uint32_t at,
                       struct vl_cap_entry *cap)
{
    *cap = (struct vl_cap_entry){.at = (uint8_t)at};
    cap->id = (uint8_t)take(f, look, at, 1, VL_CAP_HAS_ID, &cap->has);
    cap->len = (uint8_t)take(f, look, at + 2, 1, VL_CAP_HAS_LEN, &cap->has);
    cap->type = (uint8_t)take(f, look, at + 3, 1, VL_CAP_HAS_TYPE, &cap->has);
    cap->bar = (uint8_t)take(f, look, at + 4, 1, VL_CAP_HAS_BAR, &cap->has);
    cap->offset = take(f, look, at + 8, 4, VL_CAP_HAS_OFFSET, &cap->has);
    cap->length = take(f, look, at + 12, 4, VL_CAP_HAS_LENGTH, &cap->has);
}

void vl_cap_walk(const struct vl_pci_seen *f, const struct vl_cap_look *look,
                 struct vl_cap_list *list)
{
    uint64_t seen = 0; // bit per 4 bytes
    uint32_t at = f->config[CONFIG_CAPS] & 0xFCu;
    uint32_t from = 0;

    list->n = 0;
    list->loops = list->from = 0;
    list->complete = vl_cap_was_read(look, CONFIG_CAPS, 1);
    while (at != 0 && list->n < VL_SPEC_CAPS) { // bound: VL_SPEC_CAPS
        if (at < HEADER_BYTES || (seen >> at / 4 & 1u) != 0) {
            list->loops = (uint8_t)at;
            list->from = (uint8_t)from;
            break;
        }
        seen |= 1ull << at / 4;
        struct vl_cap_entry *cap = &list->cap[list->n++];
        take_entry(f, look, at, cap);
        list->complete = list->complete && (cap->has & VL_CAP_HAS_ID) != 0 &&
                         (cap->id != 9 || (cap->has & VL_CAP_HAS_TYPE) != 0) &&
                         vl_cap_was_read(look, at + 1, 1);
        from = at;
        at = f->config[at + 1] & 0xFCu;
    }
    list->complete = list->complete && at == 0;
}

bool vl_cap_around(const struct vl_pci_seen *f, const struct vl_cap_look *look, uint32_t off,
                   struct vl_cap_entry *cap)
{
    uint64_t seen = 0; // bit per 4 bytes
    uint32_t at = f->config[CONFIG_CAPS] & 0xFCu;
    uint32_t found = 0;

    for (uint32_t n = 0; n < VL_SPEC_CAPS && at >= HEADER_BYTES && (seen >> at / 4 & 1u) == 0;
         n++) {
        seen |= 1ull << at / 4;
        found = at <= off && at > found ? at : found;
        at = f->config[at + 1] & 0xFCu;
    }
    if (found != 0) {
        take_entry(f, look, found, cap);
    }
    return found != 0;
}

// ---- header and BARs ------------------------------------------------------------------------

static void judge_header(struct vl_referees *r, const struct vl_pci_seen *f,
                         const struct vl_cap_look *look)
{
    if (vl_cap_was_read(look, CONFIG_HEADER_TYPE, 1) &&
        (f->config[CONFIG_HEADER_TYPE] & HEADER_LAYOUT) != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_1_dev_1,
                  "header type 0x%x is that of a bridge, or of nothing known",
                  f->config[CONFIG_HEADER_TYPE]);
    }
    if (vl_cap_was_read(look, CONFIG_STATUS, 2) && (get(f, CONFIG_STATUS, 2) & STATUS_CAPS) == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_1_dev_1,
                  "the status register, 0x%" PRIx32 ", denies that there is a capability list",
                  get(f, CONFIG_STATUS, 2));
    }
}

static bool sized(const struct vl_cap_look *look, uint32_t i)
{
    return (look->sized >> i & 1u) != 0;
}

// BAR i is the upper half of the one before it.
static bool upper_half(const struct vl_pci_seen *f, const struct vl_cap_look *look, uint32_t i)
{
    bool upper = false;
    for (uint32_t k = 0; k < i; k++) { // bound: VL_PCI_BARS
        upper = !upper && sized(look, k) && (f->mask[k] & BAR_IO) == 0 &&
                (f->mask[k] & BAR_TYPE_MASK) == BAR_TYPE_64;
    }
    return upper;
}

// What is wrong with the answer to all ones [PCI 6.2.5.1]; NULL if nothing is.
static const char *bar_wrong(uint32_t mask, uint32_t i)
{
    const uint32_t type = mask & BAR_TYPE_MASK;
    const uint32_t size = mask & ~BAR_FLAGS;

    if (mask == 0 || (mask & BAR_IO) != 0) {
        return NULL;
    }
    if (type != 0 && type != BAR_TYPE_64) {
        return "its type is reserved";
    }
    if (type == BAR_TYPE_64 && i + 1 == VL_PCI_BARS) {
        return "it has 64 bits and no register for the upper half";
    }
    if (size == 0 && type == 0) {
        return "no address bit can be set";
    }
    // One run of ones from the top down: adding its lowest bit carries out of it.
    return (uint32_t)(size + (size & (~size + 1))) != 0 ? "its size is no power of two" : NULL;
}

static void judge_bars(struct vl_referees *r, const struct vl_pci_seen *f,
                       const struct vl_cap_look *look)
{
    for (uint32_t i = 0; i < VL_PCI_BARS && !look->odd_bars; i++) { // bound: VL_PCI_BARS
        if (!sized(look, i) || upper_half(f, look, i)) {
            continue;
        }
        const char *wrong = bar_wrong(f->mask[i], i);
        if (wrong != NULL) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_1_dev_1,
                      "BAR %" PRIu32 " answered 0x%" PRIx32 " when it was written all ones: %s", i,
                      f->mask[i], wrong);
        }
    }
}

// ---- capabilities ---------------------------------------------------------------------------

static uint32_t least_len(uint32_t type)
{
    switch (type) {
    case VL_REGION_COMMON:
    case VL_REGION_ISR:
    case VL_REGION_DEVICE: return CAP_BYTES;
    case VL_REGION_NOTIFY:
    case VL_REGION_WINDOW: return CAP_EXTRA_BYTES;
    case TYPE_SHARED_MEMORY: return CAP64_BYTES;
    default: return 0; // of no layout that is known
    }
}

// Another capability of the type, with a BAR that is not reserved.
static bool other_usable(const struct vl_cap_list *list, const struct vl_cap_entry *than)
{
    for (uint32_t i = 0; i < list->n; i++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *cap = &list->cap[i];
        if (cap != than && vl_cap_is_virtio(cap) && cap->type == than->type &&
            ((cap->has & VL_CAP_HAS_BAR) == 0 || cap->bar < VL_PCI_BARS)) {
            return true;
        }
    }
    return false;
}

static void judge_place(struct vl_referees *r, const struct vl_pci_seen *f,
                        const struct vl_cap_look *look, const struct vl_cap_list *list,
                        const struct vl_cap_entry *cap)
{
    const uint32_t bar = cap->bar;

    if ((cap->has & VL_CAP_HAS_BAR) == 0) {
        return;
    }
    if (bar >= VL_PCI_BARS) {
        // A reserved value is no fault beside a capability that can be used.
        if (list->complete && !other_usable(list, cap)) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_dev_d2,
                      "the capability at 0x%x (cfg_type %u) names BAR %" PRIu32
                      ", which is reserved, and no other of its type can be used",
                      cap->at, cap->type, bar);
        }
        return;
    }
    if (look->odd_bars || !sized(look, bar) || (f->mask[bar] & BAR_IO) != 0) {
        return;
    }
    if (f->mask[bar] == 0 || upper_half(f, look, bar)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_dev_d2,
                  "the capability at 0x%x (cfg_type %u) names BAR %" PRIu32 ", which is none",
                  cap->at, cap->type, bar);
        return;
    }
    const uint32_t mask = f->mask[bar] & ~BAR_FLAGS;
    const uint64_t bytes = mask & (~mask + 1);
    if (mask != 0 && (cap->has & VL_CAP_HAS_PLACE) == VL_CAP_HAS_PLACE &&
        (uint64_t)cap->offset + cap->length > bytes) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_dev_d2,
                  "the capability at 0x%x (cfg_type %u) names offset 0x%" PRIx32
                  ", length 0x%" PRIx32 " in BAR %" PRIu32 ", which has 0x%" PRIx64 " bytes",
                  cap->at, cap->type, cap->offset, cap->length, bar, bytes);
    }
}

static void judge_capability(struct vl_referees *r, const struct vl_pci_seen *f,
                             const struct vl_cap_look *look, const struct vl_cap_list *list,
                             const struct vl_cap_entry *cap)
{
    if ((cap->has & VL_CAP_HAS_LEN) != 0 && cap->len < least_len(cap->type)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_2_dev_1,
                  "the capability at 0x%x (cfg_type %u) has a cap_len of %u, less than the "
                  "%" PRIu32 " bytes of its structure",
                  cap->at, cap->type, cap->len, least_len(cap->type));
    }
    if (cap->type < VL_REGION_COMMON || cap->type > VL_REGION_DEVICE) {
        return; // the window's place is the driver's to write
    }
    if (cap->type == VL_REGION_DEVICE && (cap->has & VL_CAP_HAS_OFFSET) != 0 &&
        cap->offset % 4 != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_6_1_dev_1,
                  "the device configuration's offset in its BAR, 0x%" PRIx32
                  ", is no multiple of 4",
                  cap->offset);
    }
    judge_place(r, f, look, list, cap);
}

static bool present(const struct vl_cap_list *list, uint32_t type)
{
    for (uint32_t i = 0; i < list->n; i++) { // bound: VL_SPEC_CAPS
        if (vl_cap_is_virtio(&list->cap[i]) && list->cap[i].type == type) {
            return true;
        }
    }
    return false;
}

// A capability under a foreign ID that reads as virtio's of a type that is missing otherwise.
static bool misnamed(struct vl_referees *r, const struct vl_cap_list *list, uint32_t type)
{
    for (uint32_t i = 0; i < list->n; i++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *cap = &list->cap[i];
        const uint8_t both = VL_CAP_HAS_LEN | VL_CAP_HAS_TYPE;
        const bool placed =
            type == VL_REGION_WINDOW || ((cap->has & VL_CAP_HAS_PLACE) == VL_CAP_HAS_PLACE &&
                                         cap->bar < VL_PCI_BARS && cap->length != 0);
        if (cap->id != 9 && (cap->has & both) == both && cap->type == type && placed &&
            cap->len >= least_len(type)) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_dev_d1,
                      "the capability at 0x%x reads as virtio's of cfg_type %" PRIu32
                      " and cap_len %u, of which there is no other, but its ID is 0x%x",
                      cap->at, type, cap->len, cap->id);
            return true;
        }
    }
    return false;
}

// Types 1 to 3 have checkers of their own where a capability is missing altogether.
static void judge_missing(struct vl_referees *r, const struct vl_cap_list *list)
{
    for (uint32_t type = VL_REGION_COMMON; type <= VL_REGION_WINDOW; type++) { // bound: 5
        if (present(list, type) || misnamed(r, list, type)) {
            continue;
        }
        if (type == VL_REGION_DEVICE && r->config.virtio_id == VL_VIRTIO_BLK) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_6_dev_1,
                      "device type %u has a configuration structure, but none of the %" PRIu32
                      " capabilities has cfg_type 4",
                      r->config.virtio_id, list->n);
        } else if (type == VL_REGION_WINDOW) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_9_1_dev_1,
                      "none of the %" PRIu32 " capabilities has cfg_type 5, the access window",
                      list->n);
        }
    }
}

void vl_cap_judge_device(struct vl_referees *r, const struct vl_pci_seen *f,
                         const struct vl_cap_look *look)
{
    struct vl_cap_list list;

    judge_header(r, f, look);
    judge_bars(r, f, look);
    vl_cap_walk(f, look, &list);
    if (list.loops != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_1_dev_1, "the capability at 0x%x links to 0x%x, %s",
                  list.from, list.loops,
                  list.loops < HEADER_BYTES ? "in the header"
                                            : "which comes before it: the list has no end");
    }
    for (uint32_t i = 0; i < list.n; i++) { // bound: VL_SPEC_CAPS
        if (vl_cap_is_virtio(&list.cap[i])) {
            judge_capability(r, f, look, &list, &list.cap[i]);
        }
    }
    if (list.complete) {
        judge_missing(r, &list);
    }
}

// ---- identity -------------------------------------------------------------------------------

// The older ID of a device type [4.1.2], 0 if it has none.
static uint32_t transitional_id(uint32_t virtio_id)
{
    static const uint16_t ids[] = {[1] = 0x1000, [2] = 0x1001, [3] = 0x1003, [4] = 0x1005,
                                   [5] = 0x1002, [8] = 0x1004, [9] = 0x1009};
    return virtio_id < sizeof(ids) / sizeof(ids[0]) ? ids[virtio_id] : 0;
}

bool vl_cap_matches(const struct vl_referees *r, const struct vl_pci_seen *f,
                    const struct vl_cap_look *look, bool *transitional)
{
    const uint32_t type = r->config.virtio_id;
    const uint32_t device = get(f, CONFIG_DEVICE, 2);

    *transitional = transitional_id(type) != 0 && device == transitional_id(type);
    return type != 0 && vl_cap_was_read(look, CONFIG_VENDOR, 4) &&
           get(f, CONFIG_VENDOR, 2) == VENDOR && (*transitional || device == MODERN_BASE + type);
}

// A device that has no legacy interface in BAR 0, for what the driver saw.
static void judge_non_transitional(struct vl_referees *r, const struct vl_pci_seen *f,
                                   const struct vl_cap_look *look)
{
    const uint32_t device = get(f, CONFIG_DEVICE, 2);

    if (!vl_cap_was_read(look, CONFIG_BAR0, 1) || (f->config[CONFIG_BAR0] & BAR_IO) != 0) {
        return;
    }
    if (device < MODERN_BASE || device > VIRTIO_LAST) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_2_1_dev_4,
                  "device ID 0x%" PRIx32 " is a transitional one, but BAR 0 (0x%x) has no legacy "
                  "interface",
                  device, f->config[CONFIG_BAR0]);
    }
    if (vl_cap_was_read(look, CONFIG_REVISION, 1) && f->config[CONFIG_REVISION] == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_2_1_dev_5,
                  "revision 0, of a device without a legacy interface");
    }
    if (vl_cap_was_read(look, CONFIG_SUBSYSTEM, 2) &&
        get(f, CONFIG_SUBSYSTEM, 2) < SUBSYSTEM_LEAST) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_2_1_dev_6,
                  "subsystem device ID 0x%" PRIx32 ", of a device without a legacy interface",
                  get(f, CONFIG_SUBSYSTEM, 2));
    }
}

static void judge_ids(struct vl_referees *r, const struct vl_pci_seen *f,
                      const struct vl_cap_look *look)
{
    bool transitional = false;

    if (!vl_cap_was_read(look, CONFIG_VENDOR, 4)) {
        return;
    }
    if (get(f, CONFIG_VENDOR, 2) != VENDOR) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_2_1_dev_1, "vendor ID 0x%" PRIx32 " instead of 0x1af4",
                  get(f, CONFIG_VENDOR, 2));
    } else if (r->config.virtio_id != 0 && !vl_cap_matches(r, f, look, &transitional)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_2_1_dev_2,
                  "device ID 0x%" PRIx32 ", of a device of type %u", get(f, CONFIG_DEVICE, 2),
                  r->config.virtio_id);
    } else {
        judge_non_transitional(r, f, look);
    }
}

// No function was taken. Where one alone could have been meant, it is at fault; with several,
// the only one with virtio's vendor ID.
static void judge_walk(struct vl_referees *r)
{
    const struct vl_spec_cap_state *s = &r->spec.cap;
    const struct vl_cap_look *ours = NULL;
    uint32_t n_ours = 0;
    bool transitional = false;

    for (uint32_t i = 0; i < s->n_looks; i++) { // bound: VL_CAP_FUNCTIONS
        const struct vl_pci_seen *f = vl_cap_seen(r, s->look[i].function);
        if (f == NULL) {
            return;
        }
        if (vl_cap_matches(r, f, &s->look[i], &transitional)) {
            judge_header(r, f, &s->look[i]); // it was there to be taken, but for that
            return;
        }
        const uint32_t device = get(f, CONFIG_DEVICE, 2);
        if (get(f, CONFIG_VENDOR, 2) == VENDOR && device >= VIRTIO_FIRST && device <= VIRTIO_LAST) {
            ours = &s->look[i];
            n_ours++;
        }
    }
    if (s->n_looks == 1) {
        ours = &s->look[0];
    } else if (n_ours != 1) {
        return;
    }
    judge_ids(r, vl_cap_seen(r, ours->function), ours);
}

void vl_cap_judge_identity(struct vl_referees *r, bool last)
{
    const struct vl_spec_cap_state *s = &r->spec.cap;
    bool any = false;

    for (uint32_t i = 0; i < s->n_looks; i++) { // bound: VL_CAP_FUNCTIONS
        const struct vl_pci_seen *f = vl_cap_seen(r, s->look[i].function);
        const bool used = r->spec.regs.found && r->spec.regs.function == s->look[i].function;
        if (f != NULL && (used || (s->look[i].taken && !r->spec.regs.found && s->n_looks == 1))) {
            any = true;
            judge_ids(r, f, &s->look[i]);
        }
    }
    if (!any && last) {
        judge_walk(r);
    }
}
