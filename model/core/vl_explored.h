// model/core/vl_explored.h -- the port's other end while a program is explored.
// The machine's ordinary answer to a port call is one run's; the explorer's (model/explore/) is
// one graph's. Where m->explored is set, port calls come here instead and are no events.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef VL_EXPLORED_H
#define VL_EXPLORED_H

#include "ring/virtq_port.h"

#include <stdbool.h>
#include <stdint.h>

struct vl_explored_ops {
    void *ctx;
    // Ring words and structures, up to 16 bytes; *aux is the high half of 16.
    uint64_t (*load)(void *ctx, const struct virtq_span *span, uint32_t off, unsigned bytes,
                     uint8_t order, uint8_t barrier, const struct virtq_site *site, uint64_t *aux);
    void (*store)(void *ctx, const struct virtq_span *span, uint32_t off, unsigned bytes,
                  uint64_t value, uint64_t aux, uint8_t order, uint8_t barrier,
                  const struct virtq_site *site);
    void (*fence)(void *ctx, uint8_t order, uint8_t barrier, const struct virtq_site *site);
    // Payload: one plain access. dst (a load) or src (a store) is NULL.
    void (*payload)(void *ctx, const struct virtq_span *span, uint32_t off, uint8_t *dst,
                    const uint8_t *src, uint32_t bytes, const struct virtq_site *site);
    uint16_t (*await16)(void *ctx, const struct virtq_span *span, uint32_t off, uint16_t old,
                        uint8_t order, uint8_t barrier, const struct virtq_site *site);
    void (*await_event)(void *ctx, const struct virtq_site *site); // sleep until notified
    void (*notify)(void *ctx, const struct virtq_site *site); // doorbell or interrupt, of this side
    void (*relax)(void *ctx, const struct virtq_site *site);
    // A read-modify-write of a word that contexts of one side share.
    void (*locked)(void *ctx, const struct virtq_site *site);
    void (*leave)(void *ctx, const char *what); // what is not explored: the thread ends here
};

#endif
