// model/referee/vl_spec_common_cap.c -- checkers: the capability of the common configuration.
// Spec: virtio 1.4 §4.1.4, §4.1.4.3 (1.0: the same).
// The list is decoded from what the driver read of it. It is judged once: at the driver's first
// access to a structure, or where it gives the function up.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define CONFIG_CAPS 0x34u
#define CAP_VENDOR 9u
#define VENDOR_ID 0x1AF4u
#define DEVICE_ID_MIN 0x1000u
#define DEVICE_ID_MAX 0x107Fu

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// Bytes of the structure's registers when word 1 of the offered features is high.
static uint32_t bytes_needed(uint32_t high)
{
    return (high & 1u << 9) != 0   ? 0x40u // bit 41: the administration virtqueues' registers
           : (high & 1u << 8) != 0 ? 0x3Cu // bit 40: queue_reset
           : (high & 1u << 7) != 0 ? 0x3Au // bit 39: queue_notif_config_data
                                   : (uint32_t)VL_COMMON_BYTES;
}

// That a structure lies in its BAR is said of all of them [4.1.4-dev-d2].
static void common_cap(struct vl_referees *r, const struct vl_pci_seen *f, uint32_t at)
{
    const uint32_t offset = get32(&f->config[at + 8]);
    const uint32_t length = get32(&f->config[at + 12]);

    if (offset % 4 != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_1,
                  "the capability at 0x%" PRIx32
                  " puts the common configuration at offset 0x%" PRIx32 ", no multiple of 4",
                  at, offset);
    }
    if (length != 0 && length < bytes_needed(0)) { // 0: the driver did not read it
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_dev_d5,
                  "the capability at 0x%" PRIx32 " gives the common configuration 0x%" PRIx32
                  " bytes, fewer than the 0x%" PRIx32 " of its registers",
                  at, length, bytes_needed(0));
    }
}

void vl_common_length(struct vl_referees *r, uint32_t high)
{
    const uint32_t length = r->spec.regs.length[VL_REGION_COMMON];

    if (length < bytes_needed(high)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_dev_d5,
                  "word 1 of device_feature reads 0x%" PRIx32
                  ", and the common configuration has 0x%" PRIx32
                  " bytes, fewer than the 0x%" PRIx32
                  " of the registers that come with these features",
                  high, length, bytes_needed(high));
    }
}

static bool is_virtio(const struct vl_pci_seen *f)
{
    const uint32_t id = get32(f->config);
    return (id & 0xFFFFu) == VENDOR_ID && id >> 16 >= DEVICE_ID_MIN && id >> 16 <= DEVICE_ID_MAX;
}

static void function_caps(struct vl_referees *r, const struct vl_pci_seen *f)
{
    uint64_t seen = 0; // bit per 4 bytes
    uint32_t at = f->config[CONFIG_CAPS] & 0xFCu;
    const struct vl_cap_look *look = vl_cap_look_at(r, f->function);
    bool found = false;
    bool typed = true;   // the driver read the type of each capability of this vendor
    bool read = at != 0; // the driver read the list to its end

    while (at >= 0x40 && (seen >> at / 4 & 1u) == 0) { // bound: capabilities that fit
        seen |= 1ull << at / 4;
        read = f->config[at] != 0;
        typed = typed && look != NULL && vl_cap_was_read(look, at, 1) &&
                (f->config[at] != CAP_VENDOR || vl_cap_was_read(look, at + 3, 1));
        if (f->config[at] == CAP_VENDOR && f->config[at + 3] == VL_REGION_COMMON &&
            at + 16 <= VL_PCI_CONFIG_BYTES) {
            found = true;
            common_cap(r, f, at);
        }
        at = f->config[at + 1] & 0xFCu;
    }
    if (!found && read && typed) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_3_1_dev_2,
                  "no capability of function 0x%" PRIx32
                  " has cfg_type 1: where its common configuration lies is not said",
                  f->function);
    }
}

void vl_common_caps(struct vl_referees *r)
{
    for (uint32_t i = 0; i < r->pci.n_seen; i++) { // bound: VL_PCI_FUNCTIONS
        if (is_virtio(&r->pci.seen[i])) {
            function_caps(r, &r->pci.seen[i]);
        }
    }
}
