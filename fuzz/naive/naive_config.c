// fuzz/naive/naive_config.c -- config space and BARs of a naive case: memory that bytes lie over.
// Spec: PCI Local Bus 3.0 §6.1, §6.2.5, §6.8.2; virtio 1.4 §4.1.4.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/naive/naive_config.h"

#include "driver/vdrv_pci_regs.h"
#include "ring/virtq_bytes.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

// BAR 4, 64-bit: a page each for common, ISR, device and notification. BAR 1, 32-bit: MSI-X.
#define STRUCTURES_BAR 4u
#define STRUCTURES_BYTES 0x4000u
#define COMMON_AT 0x0000u
#define ISR_AT 0x1000u
#define DEVICE_AT 0x2000u
#define NOTIFY_AT 0x3000u
#define TABLE_BAR 1u
#define TABLE_BYTES 0x1000u
#define N_VECTORS 2u
#define BAR_64 4u // type bits of a BAR

#define DEVICE_CONFIG_BYTES 24u
#define NOWHERE_BYTES 0x10000u
#define BLK_ID 2u

static uint8_t *put_cap(uint8_t *cap, unsigned type, uint32_t offset, uint32_t length)
{
    const unsigned len =
        type == VDRV_PCI_TYPE_NOTIFY ? VDRV_PCI_NOTIFY_CAP_BYTES : VDRV_PCI_CAP_BYTES;

    cap[0] = VDRV_PCI_CAP_VENDOR;
    cap[VDRV_PCI_CAP_LEN] = (uint8_t)len;
    cap[VDRV_PCI_CAP_TYPE] = (uint8_t)type;
    cap[VDRV_PCI_CAP_BAR] = STRUCTURES_BAR;
    virtq_put_le(cap + VDRV_PCI_CAP_OFFSET, 4, offset);
    virtq_put_le(cap + VDRV_PCI_CAP_LENGTH, 4, length);
    if (type == VDRV_PCI_TYPE_NOTIFY) {
        virtq_put_le(cap + VDRV_PCI_CAP_MULTIPLIER, 4, 4);
    }
    return cap + len;
}

static void fill_space(struct naive_config *c, uint16_t virtio_id)
{
    uint8_t *s = c->space;
    uint8_t *at[5]; // capabilities

    virtq_put_le(s + VDRV_PCI_ID, 4, 0x10401AF4u + ((uint32_t)virtio_id << 16));
    virtq_put_le(s + VDRV_PCI_STATUS, 2, VDRV_PCI_STATUS_CAPS);
    s[VDRV_PCI_BAR0 + 4 * STRUCTURES_BAR] = BAR_64;
    at[0] = s + VDRV_PCI_HEADER_BYTES;
    at[1] = put_cap(at[0], VDRV_PCI_TYPE_COMMON, COMMON_AT, VDRV_COMMON_BYTES);
    at[2] = put_cap(at[1], VDRV_PCI_TYPE_NOTIFY, NOTIFY_AT, VDRV_NOTIFY_BYTES);
    at[3] = put_cap(at[2], VDRV_PCI_TYPE_ISR, ISR_AT, VDRV_ISR_BYTES);
    at[4] = put_cap(at[3], VDRV_PCI_TYPE_DEVICE, DEVICE_AT, DEVICE_CONFIG_BYTES);
    at[4][0] = VDRV_PCI_CAP_MSIX;
    virtq_put_le(at[4] + VDRV_PCI_MSIX_CONTROL, 2, N_VECTORS - 1);
    virtq_put_le(at[4] + VDRV_PCI_MSIX_TABLE, 4, TABLE_BAR);
    s[VDRV_PCI_CAP_POINTER] = (uint8_t)(at[0] - s);
    for (unsigned i = 0; i < 4; i++) {
        at[i][VDRV_PCI_CAP_NEXT] = (uint8_t)(at[i + 1] - s);
    }
}

// The word of features that is shown does not follow its selector, so it serves as both: bit 0 is
// VERSION_1 in the high one, the ring's features are in the low one [6].
static void fill_registers(struct naive_config *c, uint16_t virtio_id, uint32_t queue_size)
{
    uint8_t *common = c->bar[0] + COMMON_AT;
    uint8_t *device = c->bar[0] + DEVICE_AT;

    virtq_put_le(common + VDRV_COMMON_DEVICE_FEATURE, 4, 1u | 1u << 28 | 1u << 29);
    virtq_put_le(common + VDRV_COMMON_NUM_QUEUES, 2, 1);
    virtq_put_le(common + VDRV_COMMON_QUEUE_SIZE, 2, queue_size);
    if (virtio_id == BLK_ID) {
        virtq_put_le(device, 8, 16);
        virtq_put_le(device + 12, 4, 4);
        virtq_put_le(device + 20, 4, 512);
    }
    naive_flip(c->b, common, VDRV_COMMON_BYTES);
    naive_flip(c->b, c->bar[0] + ISR_AT, VDRV_ISR_BYTES);
    naive_flip(c->b, device, DEVICE_CONFIG_BYTES);
}

void naive_config_open(struct naive_config *c, uint16_t virtio_id, uint32_t queue_size,
                       struct naive_bytes *b)
{
    static uint8_t *nowhere; // one for all cases: it is never touched

    if (nowhere == NULL) {
        nowhere = malloc(NOWHERE_BYTES);
        VIRTQ_ASSERT(nowhere != NULL);
        ASAN_POISON_MEMORY_REGION(nowhere, NOWHERE_BYTES);
    }
    c->nowhere = nowhere;
    c->b = b;
    c->bar[0] = calloc(1, STRUCTURES_BYTES);
    c->bar[1] = calloc(1, TABLE_BYTES);
    VIRTQ_ASSERT(c->bar[0] != NULL && c->bar[1] != NULL);
    fill_space(c, virtio_id);
    fill_registers(c, virtio_id, queue_size);
}

void naive_config_close(struct naive_config *c)
{
    free(c->bar[0]);
    free(c->bar[1]);
}

// ---- the port ---------------------------------------------------------------------------------

static bool is_bar(uint32_t off)
{
    return off >= VDRV_PCI_BAR0 && off < VDRV_PCI_BAR0 + 4 * VDRV_PCI_BARS;
}

// Bits of a BAR's register that can be written: its address, in multiples of its size.
static uint32_t address_bits(uint32_t bar)
{
    switch (bar) {
    case TABLE_BAR: return ~(TABLE_BYTES - 1);
    case STRUCTURES_BAR: return ~(STRUCTURES_BYTES - 1);
    case STRUCTURES_BAR + 1: return ~0u;
    default: return 0;
    }
}

uint32_t naive_config_read(void *ctx, uint32_t function, uint32_t off, unsigned bytes)
{
    struct naive_config *c = ctx;

    naive_turn(&c->w, "reading config space");
    if (function != 0 || off + bytes > sizeof(c->space)) {
        return bytes < 4 ? (1u << 8 * bytes) - 1 : ~0u;
    }
    const uint32_t truth = (uint32_t)virtq_get_le(c->space + off, bytes);
    if (off < 4 || off == VDRV_PCI_HEADER_TYPE || is_bar(off)) {
        return truth;
    }
    return truth ^ (uint32_t)naive_number(c->b, bytes);
}

void naive_config_write(void *ctx, uint32_t function, uint32_t off, unsigned bytes, uint32_t value)
{
    struct naive_config *c = ctx;

    naive_turn(&c->w, "writing config space");
    if (function != 0 || off + bytes > sizeof(c->space)) {
        return;
    }
    if (is_bar(off)) {
        const uint32_t mask = address_bits((off - VDRV_PCI_BAR0) / 4);
        const uint32_t old = (uint32_t)virtq_get_le(c->space + off, 4);
        virtq_put_le(c->space + off, 4, (old & ~mask) | (value & mask));
        return;
    }
    virtq_put_le(c->space + off, bytes, value);
}

static uint64_t placed_at(const struct naive_config *c, uint32_t bar)
{
    const uint8_t *at = c->space + VDRV_PCI_BAR0 + 4 * bar;
    return bar == STRUCTURES_BAR ? virtq_get_le(at, 8) & ~0xFull : virtq_get_le(at, 4) & ~0xFull;
}

enum virtq_err naive_config_map(void *ctx, uint64_t bus_addr, uint32_t bytes, struct virtq_mmio *io)
{
    static const uint32_t bars[] = {STRUCTURES_BAR, TABLE_BAR};
    static const uint32_t sizes[] = {STRUCTURES_BYTES, TABLE_BYTES};
    struct naive_config *c = ctx;

    naive_turn(&c->w, "mapping registers");
    *io = (struct virtq_mmio){.host = c->nowhere, .bytes = bytes};
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t off = bus_addr - placed_at(c, bars[i]);
        if (off < sizes[i]) {
            io->host = c->bar[i] + off;
        }
    }
    return VIRTQ_OK;
}
