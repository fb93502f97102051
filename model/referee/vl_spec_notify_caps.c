// model/referee/vl_spec_notify_caps.c -- checkers: the capabilities of notification, ISR status and
// MSI-X, as the driver read them.
// Spec: virtio 1.4 §4.1.4.4.1, §4.1.4.5.1, §4.1.5.1.2 (1.0: the same); PCI Local Bus 3.0 §6.7.
//
// The list is judged when the driver first uses what it says, or gives up over it, and only as far
// as it was read: of bytes that nobody asked for nothing is known.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define CONFIG_VENDOR 0x00u
#define CONFIG_DEVICE 0x02u
#define CONFIG_CAPS 0x34u
#define HEADER_BYTES 0x40u
#define CAPS_MAX 48u // that fit behind the header
#define VENDOR_VIRTIO 0x1AF4u
#define DEVICE_FIRST 0x1000u
#define DEVICE_LAST 0x107Fu
#define CAP_VENDOR 9u
#define CAP_MSIX 0x11u
#define CAP_TYPE 3u
#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_MULTIPLIER 16u
#define MSIX_CONTROL 2u
#define CONTROL_SIZE 0x7FFu
#define KICK_BYTES 2u
#define KICK_ALIGN 2u

// ---- reading --------------------------------------------------------------------------------

static uint32_t get(const uint8_t *p, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++) { // bound: 4
        value |= (uint32_t)p[i] << (8 * i);
    }
    return value;
}

static bool known(const struct vl_spec_notify *s, uint32_t off, uint32_t bytes)
{
    return vl_config_has(s->known, off, bytes);
}

// Message control as the driver reads and writes it, by whatever width; its size is read-only.
static void control(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint32_t at = r->spec.regs.msix_at + MSIX_CONTROL;
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;
    const bool read = ev->kind == VL_EV_CONFIG_READ;
    uint32_t value = s->control_known ? s->control : r->spec.regs.msix_control;
    bool touched = false;

    if (off >= at + 2 || at >= off + ev->len) {
        return;
    }

    for (uint32_t i = 0; i < 2; i++) {
        if (at + i - off < ev->len) {
            const uint32_t byte = (uint32_t)(ev->value >> (8 * (at + i - off))) & 0xFFu;
            const uint32_t size = (CONTROL_SIZE >> (8 * i)) & 0xFFu;
            const uint32_t keep = read ? 0 : (value >> (8 * i)) & size;
            value = (value & ~(0xFFu << (8 * i))) | (keep | (byte & ~(read ? 0 : size))) << (8 * i);
            touched = true;
        }
    }
    if (touched) {
        s->control = (uint16_t)value;
        s->control_known = true;
        s->control_seq = read ? seq : s->control_seq;
    }
}

void vl_spec_caps_config(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (r->spec.regs.found && r->spec.regs.msix_found) {
        control(r, ev, seq);
    }
}

// ---- one capability -------------------------------------------------------------------------

static void notify_cap(struct vl_referees *r, const uint8_t *config, uint32_t at)
{
    const struct vl_spec_notify *s = &r->spec.notify;
    const uint32_t offset = get(config + at + CAP_OFFSET, 4);
    const uint32_t length = get(config + at + CAP_LENGTH, 4);
    const uint32_t multiplier = get(config + at + CAP_MULTIPLIER, 4);

    if (known(s, at + CAP_OFFSET, 4) && offset % KICK_ALIGN != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_4_1_dev_2,
                  "the notification capability at 0x%" PRIx32 " has the offset 0x%" PRIx32
                  ", which is odd",
                  at, offset);
    }
    if (known(s, at + CAP_LENGTH, 4) && length < KICK_BYTES) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_4_1_dev_4,
                  "the notification capability at 0x%" PRIx32 " has the length %" PRIu32
                  "; one notification has 2 bytes",
                  at, length);
    }
    if (known(s, at + CAP_MULTIPLIER, 4) &&
        (multiplier == 1 || (multiplier & (multiplier - 1)) != 0)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_4_1_dev_3,
                  "the notification capability at 0x%" PRIx32 " has the multiplier %" PRIu32
                  ", which is neither 0 nor an even power of two",
                  at, multiplier);
    }
}

static void msix_cap(struct vl_referees *r, const uint8_t *config, uint32_t at)
{
    const uint32_t entries = (get(config + at + MSIX_CONTROL, 2) & CONTROL_SIZE) + 1;

    if (known(&r->spec.notify, at + MSIX_CONTROL, 2) && entries < 2) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_1,
                  "the MSI-X table has %" PRIu32 " entry; from 2 to 0x800 are of use", entries);
    }
}

// ---- the list -------------------------------------------------------------------------------

// What there is of each type; types beyond are not counted.
struct found {
    uint32_t n[VL_REGION_WINDOW + 1];
    uint32_t n_msix;
    bool whole; // read to its end
};

static void take(struct vl_referees *r, const uint8_t *config, uint32_t at, struct found *found)
{
    const struct vl_spec_notify *s = &r->spec.notify;
    const uint8_t type = config[at + CAP_TYPE];

    if (config[at] == CAP_MSIX) {
        found->n_msix++;
        msix_cap(r, config, at);
    }
    if (config[at] != CAP_VENDOR) {
        return;
    }
    if (!known(s, at + CAP_TYPE, 1)) {
        found->whole = false;
        return;
    }
    found->n[type <= VL_REGION_WINDOW ? type : VL_REGION_NONE]++;
    if (type == VL_REGION_NOTIFY && known(s, at + CAP_BAR, 1) &&
        config[at + CAP_BAR] < VL_PCI_BARS && at + CAP_MULTIPLIER + 4 <= VL_PCI_CONFIG_BYTES) {
        notify_cap(r, config, at);
    }
}

static void walk(struct vl_referees *r, const uint8_t *config, struct found *found)
{
    const struct vl_spec_notify *s = &r->spec.notify;
    uint32_t at = config[CONFIG_CAPS] & 0xFCu;

    found->whole = known(s, CONFIG_CAPS, 1);
    for (uint32_t n = 0; at != 0 && found->whole; n++) { // bound: CAPS_MAX
        if (n == CAPS_MAX || at < HEADER_BYTES || at + CAP_BAR > VL_PCI_CONFIG_BYTES ||
            !known(s, at, 2)) {
            found->whole = false;
            return;
        }
        take(r, config, at, found);
        at = config[at + 1] & 0xFCu;
    }
}

void vl_spec_caps_judge(struct vl_referees *r)
{
    struct vl_spec_notify *s = &r->spec.notify;
    const struct vl_pci_seen *f = vl_cap_seen(r, s->function);
    const struct vl_cap_look *look = vl_cap_look_at(r, s->function);
    struct found found = {0};

    s->judged = true;
    s->known = look != NULL ? &look->read : NULL;
    if (f == NULL || look == NULL || !known(s, CONFIG_VENDOR, 4) ||
        get(f->config + CONFIG_VENDOR, 2) != VENDOR_VIRTIO ||
        get(f->config + CONFIG_DEVICE, 2) - DEVICE_FIRST > DEVICE_LAST - DEVICE_FIRST) {
        return;
    }
    walk(r, f->config, &found);
    s->doubtful = found.n[VL_REGION_COMMON] > 1 || found.n[VL_REGION_NOTIFY] > 1 ||
                  found.n[VL_REGION_ISR] > 1 || found.n_msix > 1;
    if (!found.whole || found.n[VL_REGION_COMMON] == 0) {
        return; // nothing is known of what is not there, or all is missing
    }
    if (found.n[VL_REGION_NOTIFY] == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_4_1_dev_1,
                  "the capability list of function 0x%" PRIx32 ", read to its end, has no "
                  "capability of cfg_type 2, for notifications",
                  s->function);
    }
    if (found.n[VL_REGION_ISR] == 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_5_1_dev_1,
                  "the capability list of function 0x%" PRIx32 ", read to its end, has no "
                  "capability of cfg_type 3, for ISR status",
                  s->function);
    }
}

// The driver gives up later, and all that is unusual is a table with fewer entries than events.
static void small_table(struct vl_referees *r)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint32_t events = 1 + (s->num_queues_read ? s->num_queues : 1);

    if (!s->found || !s->msix_found || !r->spec.msix.control_known ||
        vl_spec_vectors(r) >= events || !vl_spec_status_startable(r)) {
        return;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_2_2_drv_1,
              "the driver gives the device up before DRIVER_OK; the MSI-X table has %" PRIu32
              " entries for %" PRIu32 " events, and no rule is broken",
              vl_spec_vectors(r), events);
}

void vl_spec_caps_given_up(struct vl_referees *r, bool accused)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint64_t control_seq = s->control_seq;

    vl_spec_caps_used(r, &r->spec.notify);
    s->control_seq = 0;
    if (accused || r->spec.cap.ok) {
        return;
    }
    // The driver read the table's size, has read nothing else since, and names no other reason.
    if (control_seq == 0 || r->spec.isr.device_seq > control_seq) {
        small_table(r);
        return;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_2_2_drv_1,
              "the driver gives the device up, and what it read last is the size of the MSI-X "
              "table, %" PRIu32 " entries at #%" PRIu64,
              vl_spec_vectors(r), control_seq);
}

bool vl_spec_caps_sure(const struct vl_referees *r)
{
    return !r->config.hostile_pci || !r->spec.notify.doubtful;
}
