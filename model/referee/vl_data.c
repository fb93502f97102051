// model/referee/vl_data.c -- data: what comes out is what went in, once, whole, to the right
// caller. A buffer is followed by its head from the driver's SUBMIT note over the device's backend
// to the driver's COMPLETE and RECEIVE notes. Digests are those that the sides themselves took.
// Spec: virtio 1.4 §2.7.8, §2.7.14 (1.0: §2.4.8, §3.2.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdio.h>

// What the lab's BACKEND event says in bits 16 and up of aux.
#define BACKEND_TAKEN 1u
#define BACKEND_ANSWERED 2u

void vl_data_written(struct vl_head *h, uint32_t at, uint32_t len)
{
    const uint32_t to = at + len;

    h->total_written += len;
    if (at > h->written) { // beyond a gap
        if (h->island_from == h->island_to) {
            h->island_from = at;
            h->island_to = to;
        } else if (at <= h->island_to && to >= h->island_from) {
            h->island_from = at < h->island_from ? at : h->island_from;
            h->island_to = to > h->island_to ? to : h->island_to;
        } else {
            h->scattered = true;
        }
    } else if (to > h->written) {
        h->written = to;
    }
    if (h->island_from != h->island_to && h->island_from <= h->written) {
        h->written = h->island_to > h->written ? h->island_to : h->written;
        h->island_from = h->island_to = 0;
    }
}

void vl_data_given_back(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                        uint32_t len)
{
    const struct vl_head *h = &q->head[head];
    // A hostile driver's buffers may overlap, and then nobody can say which of them was written.
    const bool known = r->judge_driver && !h->scattered && !q->grants_lost;

    if (q->grants_lost) {
        return;
    }
    if (len > h->granted) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_dev_d2, "data:len-not-written",
                     "head %" PRIu32 " is returned with used length %" PRIu32 ", and has %" PRIu32
                     " writable bytes",
                     head, len, h->granted);
    } else if (known && len > h->written) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_8_2_dev_2, "data:len-not-written",
                     "head %" PRIu32 " is returned with used length %" PRIu32
                     ", but of its %" PRIu32 " writable bytes the device wrote the first "
                     "%" PRIu32 " only, %" PRIu32 " in all",
                     head, len, h->granted, h->written, h->total_written);
    }
}

// ---- backend --------------------------------------------------------------------------------

// The bytes that the backend was not handed are those of the request's last readable elements: how
// many these are, or 0 if the loss has another shape.
static uint32_t elements_lost(const struct vl_referees *r, const struct vl_head *h, uint32_t lost)
{
    uint64_t bytes = 0; // readable ones from the element on
    uint32_t n = 0;

    for (uint32_t e = h->first_elem; e != VL_NONE; e = r->elem[e].next) { // bound: of a chain
        bytes += r->elem[e].writable ? 0 : r->elem[e].len;
        n += r->elem[e].writable ? 0 : 1;
    }
    for (uint32_t e = h->first_elem; e != VL_NONE && bytes != lost; e = r->elem[e].next) {
        bytes -= r->elem[e].writable ? 0 : r->elem[e].len;
        n -= r->elem[e].writable ? 0 : 1;
    }
    return n;
}

static void taken(struct vl_referees *r, const struct vl_head *h, const struct vl_event *ev)
{
    static const char kind[] = "data:wrong-data";

    if ((h->flags & VL_HEAD_SEND) == 0 ||
        (h->send_digest == ev->value && (h->send_len == 0 || h->send_len == ev->len))) {
        return;
    }
    const uint32_t n = ev->len < h->send_len ? elements_lost(r, h, h->send_len - ev->len) : 0;
    if (n > 0) {
        VL_BROKEN_AS(r, VL_SIDE_DEVICE, 2_7_4_1_dev_1, kind,
                     "the driver sent %" PRIu32 " bytes in head %" PRIu64
                     ", the backend was handed %" PRIu32 ": the bytes of the last %" PRIu32
                     " elements are missing, and how a request is framed means nothing",
                     h->send_len, ev->addr, ev->len, n);
        return;
    }
    vl_referee_finding(r, kind, "device",
                       "the driver sent %" PRIu32 " bytes with digest %016" PRIx64
                       " in head %" PRIu64 ", the backend was handed %" PRIu32
                       " bytes with digest %016" PRIx64,
                       h->send_len, h->send_digest, ev->addr, ev->len, ev->value);
}

void vl_data_backend(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->aux % VL_QUEUES];

    if (q->state != VL_QUEUE_LIVE || r->device_was_reset || ev->addr >= q->size) {
        return;
    }
    struct vl_head *h = &q->head[ev->addr];
    if ((h->flags & VL_HEAD_HELD) == 0) {
        return;
    }
    if (q->hint_head != ev->addr) {
        q->hint_head = (uint32_t)ev->addr;
        q->last_elem = VL_NONE;
    }
    if (ev->aux >> 16 == BACKEND_ANSWERED) {
        h->answer_digest = ev->value;
        h->answer_len = ev->len;
        h->flags |= VL_HEAD_ANSWER;
    } else if (ev->aux >> 16 == BACKEND_TAKEN && r->honest) {
        taken(r, h, ev);
    }
}

// ---- the driver's notes ---------------------------------------------------------------------

static void submit(struct vl_referees *r, struct vl_squeue *q, struct vl_head *h,
                   const struct vl_event *ev)
{
    const uint32_t lives_on =
        VL_HEAD_PUBLISHED | VL_HEAD_HELD | VL_HEAD_WALKED | VL_HEAD_GIVEN_BACK;

    r->ring_notify[q->index].short_head = VL_NONE;
    h->flags = (h->flags & lives_on) | VL_HEAD_SUBMITTED;
    h->token = ev->addr;
    if (q->send_pending) {
        h->send_digest = q->send_digest;
        h->send_len = q->send_len;
        h->flags |= VL_HEAD_SEND;
        q->send_pending = false;
    }
    q->last_submitted = (uint32_t)ev->value;
}

// A SEND note stands before its SUBMIT, or behind it with the same token.
static void send(struct vl_squeue *q, const struct vl_event *ev)
{
    const uint32_t last = q->last_submitted;

    if (last != VL_NONE && q->head[last].token == ev->addr &&
        (q->head[last].flags & (VL_HEAD_SUBMITTED | VL_HEAD_SEND | VL_HEAD_PUBLISHED)) ==
            VL_HEAD_SUBMITTED) {
        q->head[last].send_digest = ev->value;
        q->head[last].send_len = ev->len;
        q->head[last].flags |= VL_HEAD_SEND;
        return;
    }
    q->send_pending = true;
    q->send_digest = ev->value;
    q->send_len = ev->len;
}

static void never_returned(struct vl_referees *r, const struct vl_squeue *q,
                           const struct vl_event *ev)
{
    static const char kind[] = "data:never-returned";
    char text[160];

    (void)snprintf(text, sizeof(text),
                   "token %" PRIu64 " was completed for head %" PRIu64
                   ", for which the driver has seen no used entry",
                   ev->addr, ev->value);
    if (!vl_notify_extra_taken(r, q, VL_SIDE_DRIVER, kind, text)) {
        vl_referee_finding(r, kind, "driver", "%s", text);
    }
}

// The caller is told of bytes, or of fewer bytes, than the device said that it wrote.
static void wrong_length(struct vl_referees *r, const struct vl_head *h, const struct vl_event *ev)
{
    static const char kind[] = "data:wrong-length";

    if (ev->len > h->loaded_len) {
        VL_BROKEN_AS(r, VL_SIDE_DRIVER, 2_7_8_3_drv_1, kind,
                     "head %" PRIu64 " was completed with length %" PRIu32
                     ", its used entry said %" PRIu32 ": what is behind means nothing",
                     ev->value, ev->len, h->loaded_len);
    } else {
        vl_referee_finding(r, kind, "driver",
                           "head %" PRIu64 " was completed with length %" PRIu32
                           ", its used entry said %" PRIu32,
                           ev->value, ev->len, h->loaded_len);
    }
}

static void complete(struct vl_referees *r, struct vl_squeue *q, struct vl_head *h,
                     const struct vl_event *ev)
{
    const uint32_t head = (uint32_t)ev->value;
    // A driver that does not load the length has none to be held against.
    const uint32_t len = h->loaded_len == VL_NONE ? q->abstract.buffer[head].len : ev->len;
    const bool kept =
        !vl_promises(r, q) ||
        vl_promise_step(r, q, VL_SIDE_DRIVER, vl_queue_collect(&q->abstract, head, len));

    if ((h->flags & VL_HEAD_SUBMITTED) == 0) {
        vl_referee_finding(r, "data:duplicate-completion", "driver",
                           "token %" PRIu64 " was completed for head %" PRIu64
                           ", which holds no buffer (published last at #%" PRIu64 ")",
                           ev->addr, ev->value, h->published_seq);
    } else if ((h->flags & VL_HEAD_LOADED) == 0) {
        never_returned(r, q, ev);
    } else if (h->token != ev->addr) {
        vl_referee_finding(r, "data:unknown-token", "driver",
                           "head %" PRIu64 " was completed with token %" PRIu64
                           ", it was submitted with %" PRIu64,
                           ev->value, ev->addr, h->token);
    } else if (h->loaded_len != ev->len && h->loaded_len != VL_NONE) {
        wrong_length(r, h, ev);
    }
    r->ring_notify[q->index].short_head = h->loaded_len < h->n_writable ? head : VL_NONE;
    h->flags &= ~(VL_HEAD_SUBMITTED | VL_HEAD_LOADED | VL_HEAD_SEND);
    q->last_completed = head;
    if (!kept) {
        vl_promise_broken(r, q, VL_SIDE_DRIVER);
    }
}

// What the caller is given is what the backend answered for the buffer that was completed last.
static void receive(struct vl_referees *r, const struct vl_squeue *q, const struct vl_event *ev)
{
    if (!r->honest || q->last_completed == VL_NONE) {
        return;
    }
    const struct vl_head *h = &q->head[q->last_completed];
    if ((h->flags & VL_HEAD_ANSWER) == 0 ||
        (h->answer_digest == ev->value && h->answer_len == ev->len)) {
        return;
    }
    vl_referee_finding(r, "data:wrong-data", h->total_written < h->answer_len ? "device" : "driver",
                       "token %" PRIu64 " received %" PRIu32 " bytes with digest %016" PRIx64
                       ", the backend answered %" PRIu32 " bytes with digest %016" PRIx64
                       " for head %" PRIu32 "; the device wrote %" PRIu32,
                       ev->addr, ev->len, ev->value, h->answer_len, h->answer_digest,
                       q->last_completed, h->total_written);
}

static void detach(struct vl_referees *r, struct vl_squeue *q, uint32_t head)
{
    vl_driver_take_back(r, q, head);
    q->head[head].flags &= ~(VL_HEAD_SUBMITTED | VL_HEAD_LOADED | VL_HEAD_SEND);
}

void vl_data_note(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];

    if (q->state != VL_QUEUE_LIVE) {
        return;
    }
    if (ev->barrier == VIRTQ_NOTE_SEND) {
        send(q, ev);
        return;
    }
    if (ev->barrier == VIRTQ_NOTE_RECEIVE) {
        receive(r, q, ev);
        return;
    }
    if (ev->barrier == VIRTQ_NOTE_COMPLETE && vl_robust_lied(q, VL_SIDE_DRIVER)) {
        vl_robust_unnoticed(r, q, VL_SIDE_DRIVER, "completed a buffer");
    }
    if (ev->value >= q->size) {
        vl_referee_finding(r, "data:unknown-token", "driver",
                           "token %" PRIu64 " stands for head %" PRIu64 " in a queue of %" PRIu32,
                           ev->addr, ev->value, q->size);
        return;
    }
    struct vl_head *h = &q->head[ev->value];
    switch ((enum virtq_note)ev->barrier) {
    case VIRTQ_NOTE_SUBMIT: submit(r, q, h, ev); break;
    case VIRTQ_NOTE_COMPLETE: complete(r, q, h, ev); break;
    case VIRTQ_NOTE_DETACH: detach(r, q, (uint32_t)ev->value); break;
    default: break;
    }
}
