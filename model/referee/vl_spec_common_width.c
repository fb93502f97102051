// model/referee/vl_spec_common_width.c -- checkers: which field lies where, how it is accessed.
// Spec: virtio 1.4 §4.1.3.1, §4.1.4.3, §4.1.4.5, §5.2.4 (1.0: the same).
// A field of 8, 16 or 32 bits is accessed as a whole and alone, one of 64 bits as two halves of 32
// bits. The access window has its own rules, and so has a notification [4.1.4.9, 4.1.5.2].
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

// A field, or half of one, in bytes; bytes 0: none is known there.
struct field {
    uint32_t off;
    uint32_t bytes;
};

// bytes is a power of two.
static struct field aligned(uint32_t off, uint32_t bytes)
{
    return (struct field){.off = off & ~(bytes - 1), .bytes = bytes};
}

static struct field common_field(uint32_t off)
{
    static const uint8_t bytes[VL_COMMON_BYTES] = {
        4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, // features
        2, 2, 2, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, // from config_msix_vector on
        4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, // addresses
        4, 4, 4, 4, 4, 4, 4, 4,
    };
    return off < VL_COMMON_BYTES ? aligned(off, bytes[off]) : (struct field){0, 0};
}

// The block device's configuration [5.2.4].
static struct field blk_field(uint32_t off)
{
    const bool byte = (off >= 18 && off < 20) || (off >= 24 && off < 26) ||
                      (off >= 32 && off < 34) || (off >= 56 && off < 60);
    const bool half = (off >= 16 && off < 18) || (off >= 26 && off < 28) || (off >= 34 && off < 36);

    return aligned(off, byte ? 1 : half ? 2 : off < 72 ? 4 : 0x40000000u);
}

static struct field field_at(const struct vl_referees *r, const struct vl_reg_access *a)
{
    static const struct field none = {0, 0};
    struct field f = none;

    switch ((enum vl_structure)a->region) {
    case VL_REGION_COMMON: f = common_field(a->off); break;
    case VL_REGION_ISR: f = a->off == 0 ? aligned(0, 1) : none; break;
    case VL_REGION_DEVICE: f = r->config.virtio_id == VL_VIRTIO_BLK ? blk_field(a->off) : f; break;
    default: break;
    }
    return f.bytes <= 4 ? f : none;
}

static const char *structure_name(unsigned region)
{
    return region == VL_REGION_COMMON ? "common configuration"
           : region == VL_REGION_ISR  ? "ISR status"
                                      : "device configuration";
}

bool vl_common_width(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct field f = field_at(r, a);
    const char *does = a->write ? "writes" : "reads";

    if (f.bytes == 0 || (f.off == a->off && f.bytes == a->bytes)) {
        return true;
    }
    if (f.bytes == 1) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_1_drv_1,
                  "the driver %s %u bytes at byte 0x%" PRIx32
                  " of the %s structure, where a field of 8 bits lies",
                  does, a->bytes, a->off, structure_name(a->region));
    } else if (f.bytes == 2) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_1_drv_2,
                  "the driver %s %u bytes at byte 0x%" PRIx32
                  " of the %s structure, where a field of 16 bits begins at 0x%" PRIx32,
                  does, a->bytes, a->off, structure_name(a->region), f.off);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_3_1_drv_3,
                  "the driver %s %u bytes at byte 0x%" PRIx32
                  " of the %s structure, where 32 bits of a field begin at 0x%" PRIx32,
                  does, a->bytes, a->off, structure_name(a->region), f.off);
    }
    return false;
}

bool vl_common_misuse(const struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct field f = field_at(r, a);
    const bool whole = f.bytes != 0 && f.off == a->off && f.bytes == a->bytes;

    switch ((enum vl_structure)a->region) {
    case VL_REGION_COMMON:
    case VL_REGION_ISR: return !whole;
    case VL_REGION_DEVICE: return f.bytes != 0 && !whole;
    case VL_REGION_TABLE: return a->bytes != 4 || a->off % 4 != 0;
    default: return false;
    }
}
