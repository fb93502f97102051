// blackbox/bb_device.c -- a vendor's device. It is compiled as any code is, and nothing of it is
// seen by the fuzzer but what it leaves in memory. With PLANTED_BUG=1 bb_arm() does not look again:
// what the driver published while it was told not to notify is not seen by anybody.
// SPDX-License-Identifier: BSD-2-Clause
#include "bb_device.h"

#include <string.h>

#if !defined(PLANTED_BUG)
#define PLANTED_BUG 0
#endif

static uint16_t get16(const uint8_t *p)
{
    return *(const volatile uint16_t *)(const void *)p;
}

static void put16(uint8_t *p, uint16_t v)
{
    *(volatile uint16_t *)(void *)p = v;
}

static void put32(uint8_t *p, uint32_t v)
{
    *(volatile uint32_t *)(void *)p = v;
}

bool bb_attach(struct bb_device *dev, uint16_t num, uint64_t desc, uint64_t avail, uint64_t used)
{
    dev->num = num;
    dev->next = 0;
    dev->done = 0;
    dev->broken = false;
    dev->desc = dev->translate(dev->ctx, desc, 16u * num);
    dev->avail = dev->translate(dev->ctx, avail, 6u + 2u * num);
    dev->used = dev->translate(dev->ctx, used, 6u + 8u * num);
    return dev->desc != NULL && dev->avail != NULL && dev->used != NULL;
}

// Fill the chain from i on. Returns false for one that may not be.
static bool fill(struct bb_device *dev, uint16_t i, uint32_t *written)
{
    for (uint16_t n = 0; n < dev->num; n++) {
        struct {
            uint64_t addr;
            uint32_t len;
            uint16_t flags;
            uint16_t next;
        } d;
        memcpy(&d, dev->desc + 16u * i, sizeof(d));
        uint8_t *p = d.len > 0 ? dev->translate(dev->ctx, d.addr, d.len) : NULL;
        if ((d.len > 0 && p == NULL) || (d.flags & 4u) != 0 ||
            ((d.flags & 2u) == 0 && *written > 0) || d.len > UINT32_MAX - *written) {
            return false;
        }
        if ((d.flags & 2u) != 0) {
            memset(p, dev->fill, d.len);
            *written += d.len;
        }
        if ((d.flags & 1u) == 0) {
            return true;
        }
        if (d.next >= dev->num) {
            return false;
        }
        i = d.next;
    }
    return false;
}

static uint16_t waiting(struct bb_device *dev)
{
    const uint16_t n = (uint16_t)(get16(dev->avail + 2) - dev->next);
    dev->broken = dev->broken || n > dev->num;
    return dev->broken ? 0 : n;
}

unsigned bb_process(struct bb_device *dev)
{
    const uint16_t n = waiting(dev);

    put16(dev->used, 1); // no notifications, please
    for (uint16_t k = 0; k < n && !dev->broken; k++) {
        const uint16_t head = get16(dev->avail + 4 + 2u * (dev->next % dev->num));
        uint8_t *slot = dev->used + 4 + 8u * (dev->done % dev->num);
        uint32_t written = 0;
        if (head >= dev->num || !fill(dev, head, &written)) {
            dev->broken = true;
            break;
        }
        dev->fill++;
        dev->next++;
        dev->done++;
        put32(slot, head);
        put32(slot + 4, written);
        __atomic_thread_fence(__ATOMIC_RELEASE);
        put16(dev->used + 2, dev->done);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (n > 0 && (get16(dev->avail) & 1u) == 0 ? BB_INTERRUPT : 0u) |
           (dev->broken ? BB_BROKEN : 0u);
}

bool bb_arm(struct bb_device *dev)
{
    put16(dev->used, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return PLANTED_BUG != 1 && waiting(dev) > 0;
}
