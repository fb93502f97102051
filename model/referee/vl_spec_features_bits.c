// model/referee/vl_spec_features_bits.c -- feature bits: which are defined, which need others.
// Spec: virtio 1.4 §2.2, §6, §5.1.3.1, §5.2.3, §5.3.3, §5.5.3, §5.6.3 (1.0: the same but for
// younger bits). Over PCI, through the modern interface.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_spec_features.h"

#define BIT(n) (1ull << (n))
#define UPTO(n) (~0ull >> (63 - (n))) // bits 0..n

// ---- bits of queues and negotiation -------------------------------------------------------------

#define FIRST_COMMON 24u // 24..40, 43; what lies between and behind is a device type's, or reserved
#define COMMON_KNOWN                                                                               \
    (BIT(28) | BIT(29) | BIT(32) | BIT(33) | BIT(34) | BIT(35) | BIT(36) | BIT(38) | BIT(39) |     \
     BIT(40) | BIT(41) | BIT(43))
#define COMMON_RESERVED (BIT(30) | BIT(44) | BIT(45) | BIT(46) | BIT(47) | BIT(48) | BIT(49))
// NOTIFY_ON_EMPTY and ANY_LAYOUT are for the legacy interface; SR_IOV needs an extended capability,
// which conventional config space has no room for.
#define COMMON_ELSEWHERE (BIT(24) | BIT(27) | BIT(37))

// ---- bits of device types -----------------------------------------------------------------------

// Bits that a type defines, legacy ones included: 0..63, and 64..127.
struct type_bits {
    uint16_t virtio_id;
    uint64_t low;
    uint64_t high;
};

static const struct type_bits types[] = {
    {1, (UPTO(23) & ~BIT(4)) | BIT(41) | BIT(42) | (UPTO(63) & ~UPTO(49) & ~BIT(58)), UPTO(6)},
    {2, (UPTO(17) & ~(BIT(3) | BIT(8))), 0},
    {3, UPTO(2), 0},
    {4, 0, 0},
    {5, UPTO(5), 0},
    {8, UPTO(3), 0},
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

static const struct type_bits *bits_of(uint16_t virtio_id)
{
    for (unsigned i = 0; i < N_TYPES; i++) {
        if (types[i].virtio_id == virtio_id) {
            return &types[i];
        }
    }
    return NULL;
}

static bool defines(const struct type_bits *t, uint32_t bit)
{
    return t == NULL || ((bit < 64 ? t->low >> bit : t->high >> (bit - 64)) & 1u) != 0;
}

static bool is_a_types(uint32_t bit)
{
    return bit < FIRST_COMMON || bit == 42 || (bit >= 50 && bit < VL_FEATURE_BITS);
}

enum vl_feature_kind vl_feature_kind(uint16_t virtio_id, uint32_t bit)
{
    if (is_a_types(bit)) {
        return defines(bits_of(virtio_id), bit) ? VL_FEATURE_KNOWN : VL_FEATURE_NOT_ITS;
    }
    if (bit >= VL_FEATURE_BITS || (COMMON_RESERVED & BIT(bit)) != 0) {
        return VL_FEATURE_RESERVED;
    }
    if ((COMMON_ELSEWHERE & BIT(bit)) != 0) {
        return VL_FEATURE_ELSEWHERE;
    }
    return (COMMON_KNOWN & BIT(bit)) != 0 ? VL_FEATURE_KNOWN : VL_FEATURE_UNDEFINED;
}

// ---- bits that need others ----------------------------------------------------------------------

// bit needs one of any[]; where it needs several it has several lines. 0xFF ends a list.
struct requirement {
    uint16_t virtio_id;
    uint8_t bit;
    uint8_t any[3];
};
#define ALONE(n)                                                                                   \
    {                                                                                              \
        (n), 0xFF, 0xFF                                                                            \
    }
#define EITHER(a, b)                                                                               \
    {                                                                                              \
        (a), (b), 0xFF                                                                             \
    }

static const struct requirement requirements[] = {
    // network [5.1.3.1]
    {1, 7, ALONE(1)},   {1, 8, ALONE(1)},        {1, 9, EITHER(7, 8)},    {1, 10, ALONE(1)},
    {1, 11, ALONE(0)},  {1, 12, ALONE(0)},       {1, 13, EITHER(11, 12)}, {1, 14, ALONE(0)},
    {1, 18, ALONE(17)}, {1, 19, ALONE(17)},      {1, 21, ALONE(17)},      {1, 22, ALONE(17)},
    {1, 23, ALONE(17)}, {1, 51, ALONE(17)},      {1, 51, EITHER(57, 60)}, {1, 52, ALONE(17)},
    {1, 53, ALONE(17)}, {1, 54, ALONE(1)},       {1, 55, ALONE(1)},       {1, 56, ALONE(0)},
    {1, 60, ALONE(17)}, {1, 61, EITHER(11, 12)}, {1, 64, ALONE(17)},      {1, 64, ALONE(60)},
    {1, 65, ALONE(7)},  {1, 65, ALONE(8)},       {1, 65, ALONE(54)},      {1, 65, ALONE(55)},
    {1, 66, ALONE(65)}, {1, 67, ALONE(11)},      {1, 67, ALONE(12)},      {1, 67, ALONE(56)},
    {1, 68, ALONE(67)},
};
#define N_REQUIREMENTS (sizeof(requirements) / sizeof(requirements[0]))

static bool is_known(uint8_t known, uint32_t bit)
{
    return (known >> (bit / 32) & 1u) != 0;
}

static bool has(const uint32_t set[VL_FEATURE_WORDS], uint32_t bit)
{
    return (set[bit / 32] >> (bit % 32) & 1u) != 0;
}

// True if one of the list is in the set, or may be for all that is known.
static bool met(const struct requirement *q, const uint32_t set[VL_FEATURE_WORDS], uint8_t known)
{
    for (unsigned i = 0; i < 3 && q->any[i] != 0xFF; i++) {
        if (!is_known(known, q->any[i]) || has(set, q->any[i])) {
            return true;
        }
    }
    return false;
}

uint32_t vl_feature_unmet(uint16_t virtio_id, const uint32_t set[VL_FEATURE_WORDS], uint8_t known,
                          uint32_t *needs)
{
    for (unsigned i = 0; i < N_REQUIREMENTS; i++) { // bound: the table; once a negotiation
        const struct requirement *q = &requirements[i];
        if (q->virtio_id == virtio_id && is_known(known, q->bit) && has(set, q->bit) &&
            !met(q, set, known)) {
            *needs = q->any[0];
            return q->bit;
        }
    }
    return VL_FEATURE_BITS;
}

// ---- identity -----------------------------------------------------------------------------------

uint16_t vl_feature_device_type(uint16_t device_id, uint16_t subsystem_id)
{
    if (device_id >= 0x1040 && device_id <= 0x107F) {
        return (uint16_t)(device_id - 0x1040);
    }
    return device_id >= 0x1000 && device_id < 0x1040 ? subsystem_id : 0; // transitional
}
