// model/referee/vl_state.c -- abstract states of a run, for a fuzzer that counts more than edges.
// Code that handles a full ring, a wrapped index or a suppressed notification is the same code as
// for any other; what differs is the state in which it ran. Taken where sides decide: when one
// sleeps, and when one notifies.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

// 0 empty, 1 some, 2 all entries but one, 3 full.
static uint32_t fullness(const struct vl_squeue *q, uint32_t n)
{
    return n == 0 ? 0 : n >= q->size ? 3 : n + 1 == q->size ? 2 : 1;
}

// How far an index is from where 16 bits end: 0 far, 1 within a queue size, before or behind.
static uint32_t wraps(const struct vl_squeue *q, uint16_t idx)
{
    return (uint16_t)(idx + q->size) < 2 * q->size ? 1 : 0;
}

static void reach(struct vl_referees *r, uint32_t state)
{
    r->states.bit[state / 64] |= 1ull << state % 64;
}

void vl_state_take(struct vl_referees *r, enum vl_state_at at)
{
    const struct vl_squeue *q = &r->queue[0];

    if (q->state != VL_QUEUE_LIVE) {
        reach(r, VL_STATE_DOWN + (uint32_t)at);
        return;
    }
    const uint16_t unreaped = (uint16_t)(q->used_idx - q->reaped);
    reach(r, VL_STATE_RING | (uint32_t)at | fullness(q, q->n_published) << 2 |
                 (unreaped != 0 ? 1u : 0) << 4 | (q->duty[VL_SIDE_DRIVER].needed ? 1u : 0) << 5 |
                 (q->duty[VL_SIDE_DEVICE].needed ? 1u : 0) << 6 | wraps(q, q->avail_idx) << 7);
}

void vl_state_error(struct vl_referees *r, uint64_t error, bool by_driver)
{
    reach(r,
          VL_STATE_ERROR + (uint32_t)(error % VL_STATE_ERRORS) + (by_driver ? VL_STATE_ERRORS : 0));
}

void vl_state_status(struct vl_referees *r, uint64_t status)
{
    // ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK and FAILED, NEEDS_RESET together.
    reach(r, VL_STATE_STATUS + (uint32_t)((status & 15u) | ((status & 0xC0u) != 0 ? 16u : 0)));
}
