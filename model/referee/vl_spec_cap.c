// model/referee/vl_spec_cap.c -- checkers: what was read of config space, and the driver's duties.
// Spec: virtio 1.4 §4.1.2.2, §4.1.4.1 (1.0: the same).
//
// Most duties are to put up with something. They are broken by a driver that ends, or never goes
// on to the registers, and the device showed it that and broke no rule.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define CONFIG_REVISION 0x08u
#define CONFIG_HEADER_TYPE 0x0Eu
#define CONFIG_BAR0 0x10u
#define CONFIG_CAPS 0x34u
#define HEADER_BYTES 0x40u
#define CAP_VENDOR 9u
#define CAP_MSIX 0x11u
#define MSIX_BYTES 12u // of the capability
#define HEADER_LAYOUT 0x7Fu
#define BAR_FLAGS 15u
#define BAR_IO 1u

#define TYPE_SHARED_MEMORY 8u
#define TYPE_VENDOR 9u
#define COMMON_ALL_BYTES 0x40u // with all fields of the newest version
#define ISR_BYTES 1u
#define DEVICE_MANY_BYTES 0x100u   // more than any device type defines
#define NOTIFY_MANY_BYTES 0x10000u // more than a driver would map without looking

// ---- what was read --------------------------------------------------------------------------

struct vl_cap_look *vl_cap_look_at(struct vl_referees *r, uint32_t function)
{
    struct vl_spec_cap_state *s = &r->spec.cap;
    for (uint32_t i = 0; i < s->n_looks; i++) { // bound: VL_CAP_FUNCTIONS
        if (s->look[i].function == function) {
            return &s->look[i];
        }
    }
    return NULL;
}

const struct vl_pci_seen *vl_cap_seen(const struct vl_referees *r, uint32_t function)
{
    for (uint32_t i = 0; i < r->pci.n_seen; i++) { // bound: VL_PCI_FUNCTIONS
        if (r->pci.seen[i].function == function) {
            return &r->pci.seen[i];
        }
    }
    return NULL;
}

static struct vl_cap_look *look_of(struct vl_referees *r, uint32_t function)
{
    struct vl_spec_cap_state *s = &r->spec.cap;
    struct vl_cap_look *look = vl_cap_look_at(r, function);

    if (look == NULL && s->n_looks < VL_CAP_FUNCTIONS) {
        look = &s->look[s->n_looks++];
        look->function = function;
    }
    return look;
}

// The function that the driver uses; else the first one that it took. NULL if there is none.
static struct vl_cap_look *look_taken(struct vl_referees *r)
{
    struct vl_spec_cap_state *s = &r->spec.cap;

    if (r->spec.regs.found) {
        return vl_cap_look_at(r, r->spec.regs.function);
    }
    for (uint32_t i = 0; i < s->n_looks; i++) { // bound: VL_CAP_FUNCTIONS
        if (s->look[i].taken) {
            return &s->look[i];
        }
    }
    return NULL;
}

// A BAR was read back: after all ones it is its mask, else the address that was written.
static void read_bar(struct vl_referees *r, const struct vl_pci_seen *f, struct vl_cap_look *look,
                     uint32_t bar, const struct vl_event *ev)
{
    if (ev->len != 4 || look->odd_bars) {
        return;
    }
    if (f->probing[bar]) {
        look->sized |= (uint8_t)(1u << bar);
        return;
    }
    const uint32_t bits = f->mask[bar] & ~BAR_FLAGS;
    if (f->placed[bar] && (look->sized >> bar & 1u) != 0 &&
        ((uint32_t)ev->value & bits) != (f->bar[bar] & bits)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_1_dev_1,
                  "BAR %" PRIu32 " reads 0x%" PRIx64 ", and 0x%" PRIx32
                  " was written to it; its address bits are 0x%" PRIx32,
                  bar, ev->value, f->bar[bar], bits);
    }
}

static void config_read(struct vl_referees *r, struct vl_cap_look *look, const struct vl_event *ev,
                        uint64_t seq)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;
    const uint32_t bar = (off - CONFIG_BAR0) / 4;

    if (!vl_config_add(&look->read, off, ev->len)) {
        r->spec.notify.judged = false; // there is more of the list to judge
    }
    look->taken = look->taken || off >= CONFIG_CAPS;
    if (off >= CONFIG_BAR0 && bar < VL_PCI_BARS && off % 4 == 0) {
        const struct vl_pci_seen *f = vl_cap_seen(r, look->function);
        if (f != NULL) {
            read_bar(r, f, look, bar, ev);
        }
    }
    if (r->spec.cap.window.at != 0) {
        vl_window_read(r, ev, seq);
    }
}

// ---- writes ---------------------------------------------------------------------------------

// What lies at off is known, and with it what a write there does. A hostile driver that skipped a
// part of the list may write to the window, or to MSI-X, all the same.
static bool place_known(const struct vl_cap_entry *cap, uint32_t off)
{
    if ((cap->has & VL_CAP_HAS_ID) == 0) {
        return false;
    }
    if (cap->id == CAP_MSIX) {
        return off < cap->at + MSIX_BYTES;
    }
    return cap->id != CAP_VENDOR ||
           (vl_cap_is_virtio(cap) && (cap->has & VL_CAP_HAS_LEN) != 0 && off < cap->at + cap->len);
}

static void write_capability(struct vl_referees *r, const struct vl_cap_look *look,
                             const struct vl_event *ev, uint64_t seq)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;
    const struct vl_pci_seen *f = vl_cap_seen(r, look->function);
    struct vl_cap_entry cap;

    if (off < r->spec.regs.msix_at || off >= r->spec.regs.msix_at + MSIX_BYTES) {
        r->spec.msix.control_seq = 0; // through the window, it may be: the driver went on
    }
    if (!r->judge_device) {
        return;
    }
    const bool found = f != NULL && vl_cap_around(f, look, off, &cap);
    if (!r->judge_driver && (!found || !place_known(&cap, off))) {
        vl_spec_lose(r);
    }
    if (!found || !vl_cap_is_virtio(&cap)) {
        return;
    }
    const uint32_t len = (cap.has & VL_CAP_HAS_LEN) != 0 ? cap.len : 16;
    if (cap.type == VL_REGION_WINDOW) {
        vl_window_write(r, &cap, ev, seq);
    } else if (cap.type != TYPE_VENDOR && off < cap.at + len) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_8,
                  "0x%" PRIx64 " is written to byte %" PRIu32
                  " of the capability at 0x%x (cfg_type %u), which a driver may only read",
                  ev->value, off - cap.at, cap.at, cap.type);
    }
}

static void config_write(struct vl_referees *r, struct vl_cap_look *look, const struct vl_event *ev,
                         uint64_t seq)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;

    look->taken = true;
    if (off >= CONFIG_BAR0 && off < CONFIG_BAR0 + 4 * VL_PCI_BARS) {
        look->odd_bars = look->odd_bars || off % 4 != 0 || ev->len != 4;
    } else if (off >= HEADER_BYTES) {
        write_capability(r, look, ev, seq);
    }
}

void vl_spec_cap_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;
    const bool read = ev->kind == VL_EV_CONFIG_READ;

    if (read && off == 0 && (ev->value & 0xFFFFu) == 0xFFFFu) {
        return; // nothing there
    }
    struct vl_cap_look *look = look_of(r, (uint32_t)(ev->addr >> 16));
    if (look == NULL) {
        return;
    }
    r->spec.cap.judged = NULL;
    read ? config_read(r, look, ev, seq) : config_write(r, look, ev, seq);
}

// ---- registers ------------------------------------------------------------------------------

static void judge_device(struct vl_referees *r, bool last)
{
    const struct vl_cap_look *look = look_taken(r);
    const struct vl_pci_seen *f = look != NULL ? vl_cap_seen(r, look->function) : NULL;

    vl_cap_judge_identity(r, last);
    if (f != NULL && r->spec.cap.judged != look) {
        vl_cap_judge_device(r, f, look);
        r->spec.cap.judged = look;
    }
}

// The address lies in what this capability names.
static bool covers(const struct vl_pci_seen *f, const struct vl_cap_entry *cap, uint64_t addr)
{
    uint64_t base = 0;
    uint64_t bytes = 0;

    return (cap->has & VL_CAP_HAS_PLACE) == VL_CAP_HAS_PLACE && cap->bar < VL_PCI_BARS &&
           vl_pci_bar_range(f, cap->bar, &base, &bytes) && addr - base - cap->offset < cap->length;
}

static bool reserved_type(uint32_t type)
{
    return type == 0 || type == 6 || type == 7 || type > TYPE_VENDOR;
}

// An access to none of the structures that the first capability of each type names.
static void elsewhere(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_cap_look *look = look_taken(r);
    const struct vl_pci_seen *f = look != NULL ? vl_cap_seen(r, look->function) : NULL;
    struct vl_cap_list list;

    if (f == NULL) {
        return;
    }
    vl_cap_walk(f, look, &list);
    for (uint32_t i = 0; i < list.n; i++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *cap = &list.cap[i];
        if (!vl_cap_is_virtio(cap) || !covers(f, cap, a->ev->addr)) {
            continue;
        }
        const struct vl_spec_cap *first =
            cap->type <= VL_REGION_DEVICE ? vl_spec_cap(&r->spec.regs, cap->type) : NULL;
        if (reserved_type(cap->type)) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_1,
                      "0x%" PRIx64 " is accessed, which only the capability at 0x%x names, of "
                      "the reserved cfg_type %u",
                      a->ev->addr, cap->at, cap->type);
        } else if (first != NULL && first->at != cap->at &&
                   r->spec.regs.base[cap->type] != VL_NOWHERE) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_2,
                      "0x%" PRIx64 " is accessed, by the capability at 0x%x (cfg_type %u), and "
                      "the one at 0x%x comes before it",
                      a->ev->addr, cap->at, cap->type, first->at);
        }
        return;
    }
}

void vl_spec_cap_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_cap_state *s = &r->spec.cap;

    if (!s->went_on) {
        s->went_on = true;
        judge_device(r, false);
    }
    if (a->region == VL_REGION_COMMON) {
        if (a->off == VL_COMMON_STATUS && a->write) {
            s->ok = s->ok || (a->value & VL_STATUS_DRIVER_OK) != 0;
        }
        if (vl_window_holds(a->off)) {
            vl_window_direct(r, a);
        }
    }
    if (!r->judge_device) {
        return;
    }
    if (a->region == VL_REGION_NONE) {
        elsewhere(r, a);
    } else if ((a->region == VL_REGION_COMMON && a->off >= COMMON_ALL_BYTES) ||
               (a->region == VL_REGION_ISR && a->off >= ISR_BYTES)) {
        // What is mapped shows on the bus where it is accessed.
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_5,
                  "byte 0x%" PRIx32 " of the structure of cfg_type %u is accessed, so more was "
                  "mapped than the registers that there are",
                  a->off, a->region);
    }
}

// ---- a driver that gives up -----------------------------------------------------------------

// What a driver has to put up with; the rarest first.
enum oddity { ODD_TYPE, ODD_BAR, ODD_LEN, ODD_LENGTH, ODD_COUNT };

static bool is_odd(const struct vl_cap_entry *cap, enum oddity what)
{
    const bool known = cap->type >= VL_REGION_COMMON && cap->type <= VL_REGION_DEVICE;

    switch (what) {
    case ODD_TYPE: return reserved_type(cap->type);
    case ODD_BAR: return known && (cap->has & VL_CAP_HAS_BAR) != 0 && cap->bar >= VL_PCI_BARS;
    case ODD_LEN:
        return known && (cap->has & VL_CAP_HAS_LEN) != 0 &&
               cap->len > (cap->type == VL_REGION_NOTIFY ? 20 : 16);
    case ODD_LENGTH:
        return known && (cap->has & VL_CAP_HAS_LENGTH) != 0 &&
               cap->length > (cap->type == VL_REGION_COMMON   ? COMMON_ALL_BYTES
                              : cap->type == VL_REGION_ISR    ? ISR_BYTES
                              : cap->type == VL_REGION_DEVICE ? DEVICE_MANY_BYTES
                                                              : NOTIFY_MANY_BYTES);
    default: return false;
    }
}

static void refused(struct vl_referees *r, const struct vl_cap_entry *cap, enum oddity what)
{
    const char *never = r->spec.cap.went_on ? "DRIVER_OK" : "an access to a register";

    switch (what) {
    case ODD_TYPE:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_1,
                  "the driver gives up before %s; the capability at 0x%x has the reserved "
                  "cfg_type %u, and no rule is broken",
                  never, cap->at, cap->type);
        break;
    case ODD_BAR:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_4,
                  "the driver gives up before %s; the capability at 0x%x names the reserved BAR "
                  "%u, and no rule is broken",
                  never, cap->at, cap->bar);
        break;
    case ODD_LEN:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_3,
                  "the driver gives up before %s; the capability at 0x%x has a cap_len of %u, "
                  "longer than its structure, and no rule is broken",
                  never, cap->at, cap->len);
        break;
    case ODD_LENGTH:
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_6,
                  "the driver gives up before %s; the capability at 0x%x has a length of 0x%" PRIx32
                  ", longer than its registers, and no rule is broken",
                  never, cap->at, cap->length);
        break;
    default: break;
    }
}

static bool in_bar(const struct vl_pci_seen *f, const struct vl_cap_look *look,
                   const struct vl_cap_entry *cap, bool io)
{
    return (cap->has & VL_CAP_HAS_BAR) != 0 && cap->bar < VL_PCI_BARS &&
           (look->sized >> cap->bar & 1u) != 0 && f->mask[cap->bar] != 0 &&
           ((f->mask[cap->bar] & BAR_IO) != 0) == io;
}

// Behind capability i, one of the same type that the driver could have used, or did not look at.
static const struct vl_cap_entry *usable_behind(const struct vl_pci_seen *f,
                                                const struct vl_cap_look *look,
                                                const struct vl_cap_list *list, uint32_t i)
{
    for (uint32_t k = i + 1; k < list->n; k++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *next = &list->cap[k];
        if (vl_cap_is_virtio(next) && next->type == list->cap[i].type &&
            ((next->has & VL_CAP_HAS_BAR) == 0 || in_bar(f, look, next, false))) {
            return next;
        }
    }
    return NULL;
}

// A structure in I/O space that the driver may have been unable to reach, and a usable one behind.
static void gave_up_early(struct vl_referees *r, const struct vl_pci_seen *f,
                          const struct vl_cap_look *look, const struct vl_cap_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) { // bound: VL_SPEC_CAPS
        const struct vl_cap_entry *cap = &list->cap[i];
        const struct vl_cap_entry *next = usable_behind(f, look, list, i);
        if (next == NULL || !vl_cap_is_virtio(cap) || cap->type > VL_REGION_DEVICE ||
            !in_bar(f, look, cap, true)) {
            continue;
        }
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_1_drv_2,
                  "the driver gives up; the capability at 0x%x (cfg_type %u) names BAR %u, in I/O "
                  "space, and the one at 0x%x comes behind it",
                  cap->at, cap->type, cap->bar, next->at);
        return;
    }
}

static void gave_up(struct vl_referees *r)
{
    const struct vl_cap_look *look = look_taken(r);
    const struct vl_pci_seen *f = look != NULL ? vl_cap_seen(r, look->function) : NULL;
    struct vl_cap_list list;

    if (f == NULL || !r->judge_device || r->spec.cap.ok) {
        return;
    }
    vl_cap_walk(f, look, &list);
    for (unsigned what = 0; what < ODD_COUNT; what++) { // bound: ODD_COUNT
        for (uint32_t i = 0; i < list.n; i++) {         // bound: VL_SPEC_CAPS
            if (vl_cap_is_virtio(&list.cap[i]) && is_odd(&list.cap[i], (enum oddity)what)) {
                refused(r, &list.cap[i], (enum oddity)what);
                return;
            }
        }
    }
    gave_up_early(r, f, look, &list);
}

static void not_taken(struct vl_referees *r, const struct vl_pci_seen *f,
                      const struct vl_cap_look *look, bool transitional)
{
    const unsigned id = f->config[2] | (unsigned)f->config[3] << 8;
    const unsigned revision = f->config[CONFIG_REVISION];

    if (vl_cap_was_read(look, CONFIG_REVISION, 1) && revision != (transitional ? 0 : 1)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_2_2_drv_3,
                  "function 0x%" PRIx32 " has device ID 0x%x, that of the driver's type, and was "
                  "not taken after revision %u was read",
                  f->function, id, revision);
    } else if (transitional) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_2_2_drv_2,
                  "function 0x%" PRIx32 " has device ID 0x%x, the transitional one of the "
                  "driver's type, and was not taken",
                  f->function, id);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_2_2_drv_1,
                  "function 0x%" PRIx32 " has device ID 0x%x, that of the driver's type, and was "
                  "not taken",
                  f->function, id);
    }
}

// The bus was walked, and none of the functions of the driver's type was taken.
static void judge_matching(struct vl_referees *r)
{
    const struct vl_spec_cap_state *s = &r->spec.cap;
    const struct vl_cap_look *first = NULL;
    bool transitional = false;

    for (uint32_t i = 0; i < s->n_looks; i++) { // bound: VL_CAP_FUNCTIONS
        const struct vl_pci_seen *f = vl_cap_seen(r, s->look[i].function);
        if (f == NULL || !vl_cap_matches(r, f, &s->look[i], &transitional) ||
            (f->config[CONFIG_HEADER_TYPE] & HEADER_LAYOUT) != 0) {
            continue;
        }
        if (s->look[i].taken) {
            return;
        }
        first = first != NULL ? first : &s->look[i];
    }
    if (first != NULL && r->judge_device) {
        const struct vl_pci_seen *f = vl_cap_seen(r, first->function);
        (void)vl_cap_matches(r, f, first, &transitional);
        not_taken(r, f, first, transitional);
    }
}

static void note(struct vl_referees *r, const struct vl_event *ev)
{
    const bool by_driver = ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;

    if (ev->barrier == VIRTQ_NOTE_PEER_ERROR && by_driver && !r->spec.cap.ok) {
        judge_device(r, false); // before anything else is said of it
        gave_up(r);
    } else if (ev->barrier == VIRTQ_NOTE_CONTROL && ev->addr == VIRTQ_CONTROL_FAILED) {
        gave_up(r);
    }
}

void vl_spec_cap_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_cap_state *s = &r->spec.cap;

    (void)seq;
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_NOTE: note(r, ev); break;
    case VL_EV_QUIESCENT:
    case VL_EV_DRIVER_DONE:
        if (!s->ended && (ev->kind == VL_EV_QUIESCENT || ev->agent == VL_AGENT_DRIVER)) {
            s->ended = true;
            judge_device(r, true);
            judge_matching(r);
            gave_up(r);
        }
        break;
    default: break;
    }
}
