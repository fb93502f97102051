// tests/native/native_reap.h -- what a driver's queue must give back.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef NATIVE_REAP_H
#define NATIVE_REAP_H

#include "driver/vdrv_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// The next buffer that comes back is token's, and the device says it wrote used_len bytes.
static inline void reap_gives(struct vdrv_queue *q, uint64_t token, uint32_t used_len)
{
    uint64_t got = 0;
    uint32_t got_len = 0;

    assert_int_equal(vdrv_queue_reap(q, &got, &got_len), VIRTQ_OK);
    assert_int_equal(got, token);
    assert_int_equal(got_len, used_len);
}

static inline void reap_gives_none(struct vdrv_queue *q)
{
    uint64_t token = 0;
    uint32_t used_len = 0;

    assert_int_equal(vdrv_queue_reap(q, &token, &used_len), VIRTQ_ERR_EMPTY);
}

#endif
