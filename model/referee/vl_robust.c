// model/referee/vl_robust.c -- robustness: what an honest side must notice, and how much it may do.
// Spec: virtio 1.4 §2.7.5 to §2.7.8, §2.7.14 (1.0: §2.4.5 to §2.4.8, §3.2.2).
//
// A lie is decided from what the victim loaded, never from memory: a value that breaks a rule which
// the victim can check alone. It has to be named (a PEER_ERROR note) before the victim builds on
// it: before it reports the buffer, follows the chain, looks again, or sleeps. Once it has named
// one, its queue is out of service and nothing more is asked of it.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

void vl_robust_lie(struct vl_referees *r, struct vl_squeue *q, enum vl_side victim,
                   const char *what, uint64_t value, uint64_t seq)
{
    (void)r;
    if (!q->broken[victim] && q->lie[victim].what == NULL) {
        q->lie[victim] = (struct vl_lie){.what = what, .value = value, .seq = seq};
    }
}

void vl_robust_unnoticed(struct vl_referees *r, struct vl_squeue *q, enum vl_side victim,
                         const char *and_then)
{
    const struct vl_lie lie = q->lie[victim];

    if (r->honest) {
        return; // who told it is to blame, and other referees watch that
    }
    q->lie[victim].what = NULL;
    vl_referee_finding(r, "robustness:unnoticed", vl_side_name(victim),
                       "the %s read at #%" PRIu64 " %s (0x%" PRIx64 "), did not name it, and %s",
                       vl_side_name(victim), lie.seq, lie.what, lie.value, and_then);
}

void vl_robust_sleep(struct vl_referees *r, enum vl_side side)
{
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        struct vl_squeue *q = &r->queue[__builtin_ctz(left)];
        if (vl_robust_lied(q, side)) {
            vl_robust_unnoticed(r, q, side, "went to sleep");
        }
    }
}

void vl_robust_rest(struct vl_referees *r)
{
    if (!r->judge_device || r->device_was_reset || !r->config.completion_owed) {
        return;
    }
    for (uint32_t left = r->live; left != 0; left &= left - 1) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[__builtin_ctz(left)];
        if (q->n_held > 0 && !q->broken[VL_SIDE_DEVICE] && !q->stood_down) {
            vl_referee_finding(r, "robustness:buffer-kept", "device",
                               "nothing can run any more, and the device has accepted %" PRIu32
                               " buffers of queue %u that it neither returned nor took for a "
                               "reason to give the queue up",
                               q->n_held, q->index);
            return;
        }
    }
}

// ---- accusations ----------------------------------------------------------------------------

// True for errors that only a broken rule of the ring explains, so that the accuser's own loads
// must show it. An address may also be refused because the driver left bus mastering off.
static bool shows_in_loads(uint64_t err)
{
    return (err != VIRTQ_ERR_CHAIN_ADDR && err >= VIRTQ_ERR_AVAIL_IDX &&
            err <= VIRTQ_ERR_INDIRECT_LEN) ||
           (err >= VIRTQ_ERR_USED_IDX && err <= VIRTQ_ERR_USED_LEN);
}

static bool takes_queue_out(uint64_t err)
{
    return err != VIRTQ_ERR_REGISTER && err != VIRTQ_ERR_DOORBELL;
}

static void accused(struct vl_referees *r, const struct vl_squeue *q, enum vl_side accuser,
                    const struct vl_event *ev)
{
    const enum vl_side peer = accuser == VL_SIDE_DRIVER ? VL_SIDE_DEVICE : VL_SIDE_DRIVER;
    const struct vl_lie *lie = &q->lie[accuser];
    const char *name = virtq_err_name((enum virtq_err)ev->addr);

    if (q->state == VL_QUEUE_LIVE && lie->what != NULL) {
        vl_referee_finding(r, "robustness:accused", vl_side_name(peer),
                           "the %s names %s (0x%" PRIx64 "), and did read at #%" PRIu64 " %s",
                           vl_side_name(accuser), name, ev->value, lie->seq, lie->what);
    } else if (q->state == VL_QUEUE_LIVE && shows_in_loads(ev->addr) && accuser == VL_SIDE_DEVICE &&
               q->nested && (q->table_flags & VL_DESC_WRITE) != 0) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_5_3_2_dev_1, "robustness:accused",
                     "the device names %s (0x%" PRIx64 "), but nothing that it read breaks a rule; "
                     "the descriptor that leads to the indirect table at gpa 0x%" PRIx64
                     " has flags 0x%04x, and WRITE has to be ignored there",
                     name, ev->value, q->walk_table, q->table_flags);
    } else if (q->state == VL_QUEUE_LIVE && shows_in_loads(ev->addr)) {
        vl_referee_finding(r, "robustness:accused", vl_side_name(accuser),
                           "the %s names %s (0x%" PRIx64
                           "), but nothing that it read breaks a rule",
                           vl_side_name(accuser), name, ev->value);
    } else if (accuser == VL_SIDE_DRIVER && vl_advised(r, VL_CLAUSE_4_1_4_1_drv_2)) {
        vl_referee_finding(r, "robustness:accused", "driver",
                           "the driver names %s (0x%" PRIx64
                           "), and had a capability to go on with",
                           name, ev->value);
    } else {
        vl_referee_finding(r, "robustness:accused", "-", "the %s names %s (0x%" PRIx64 ")",
                           vl_side_name(accuser), name, ev->value);
    }
}

void vl_robust_peer_error(struct vl_referees *r, const struct vl_event *ev)
{
    const bool driver = ev->agent == VL_AGENT_DRIVER || ev->agent == VL_AGENT_HANDLER;
    const enum vl_side accuser = driver ? VL_SIDE_DRIVER : VL_SIDE_DEVICE;
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];

    vl_state_error(r, ev->addr, driver);
    vl_mark(r, driver ? VL_MARK_PEER_ERROR_DEVICE : VL_MARK_PEER_ERROR_DRIVER);
    const bool of_register = ev->agent == VL_AGENT_TRAP && ev->addr == VIRTQ_ERR_REGISTER;
    if (r->honest && r->config.pci && of_register) {
        // The access that it is about may have no event yet: a read has its own behind the answer.
        r->accusation = *ev;
        r->accusation_due = true;
    } else if (r->honest) {
        accused(r, q, accuser, ev);
    }
    if (takes_queue_out(ev->addr)) {
        q->broken[accuser] = true;
        q->lie[accuser].what = NULL;
    }
}

void vl_robust_settle(struct vl_referees *r)
{
    const struct vl_event ev = r->accusation;

    r->accusation_due = false;
    accused(r, &r->queue[ev.queue % VL_QUEUES], VL_SIDE_DEVICE, &ev);
}

// ---- bounded work ---------------------------------------------------------------------------

// Buffers that a device may take in a row, in a queue of so many. What is more than the queue holds
// came while it was at it.
static uint32_t drain_max(const struct vl_squeue *q)
{
    return 2 * q->size + 8;
}

void vl_robust_looked(struct vl_referees *r, const struct vl_event *ev)
{
    if (ev->agent != VL_AGENT_DEVICE) {
        return;
    }
    r->looks = r->looks || ev->kind == VL_EV_SHARED;
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        r->drained[i] = 0;
    }
}

// A driver that fills each slot again keeps a device for ever that goes on until there is nothing
// left. Of one that is never seen looking it is not known when it does.
void vl_robust_took(struct vl_referees *r, const struct vl_squeue *q, const struct vl_event *ev)
{
    if (!r->looks || ev->agent != VL_AGENT_DEVICE || q->state != VL_QUEUE_LIVE || q->stood_down) {
        return;
    }
    const uint32_t n = ++r->drained[q->index];
    if (n > drain_max(q)) {
        vl_referee_finding(r, "robustness:unbounded-work", "device",
                           "the device took %" PRIu32 " buffers of queue %u, which has %" PRIu32
                           " entries, in a row: the driver adds more meanwhile, and the device "
                           "neither waits nor looks what else it is asked to do",
                           n, q->index, q->size);
    }
}

void vl_robust_too_much(struct vl_referees *r, enum vl_side side)
{
    const uint32_t n = r->work[side];

    r->work[side] = 0;
    vl_referee_finding(r, "robustness:unbounded-work", vl_side_name(side),
                       "the %s made %" PRIu32 " ring accesses in a row without taking, returning "
                       "or waiting for anything",
                       vl_side_name(side), n);
}
