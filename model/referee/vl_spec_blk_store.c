// model/referee/vl_spec_blk_store.c -- checkers of the block device: what a completed write is
// worth.
// Spec: virtio 1.4 §5.2.6.2 (1.0: the same).
//
// A write is volatile when it is submitted. It is stable once it is completed and, with FLUSH
// offered, neither FLUSH nor CONFIG_WCE is negotiated; or writeback was 0 from its submission to
// its completion; or a flush that was submitted behind its completion is completed. What is stable
// is durable by then, and is found by reads for good. What the backend keeps in a cache and what it
// cannot lose any more, it tells itself; of a backend that does not, only what is read back is
// judged.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

// What the backend's event says in bits 16 and up of aux.
#define BACKEND_TAKEN 1u
#define BACKEND_ANSWERED 2u
#define BACKEND_STORED 3u
#define BACKEND_DURABLE 4u

static struct vl_blk_write *write_numbered(struct vl_spec_blk *b, uint64_t number)
{
    struct vl_blk_write *w = &b->write[number % VL_BLK_WRITES];
    return number != 0 && w->number == number ? w : NULL;
}

static bool overlap(const struct vl_blk_write *w, uint64_t sector, uint64_t n_sectors)
{
    return w->number != 0 && w->sector < sector + n_sectors && sector < w->sector + w->n_sectors;
}

// ---- requests begin -------------------------------------------------------------------------

void vl_blk_store_begins(struct vl_referees *r, struct vl_blk_request *request, uint64_t n_sectors)
{
    struct vl_spec_blk *b = &r->spec.blk;
    bool alone = true;

    if (n_sectors == 0 || request->sector > UINT64_MAX - n_sectors) {
        return;
    }
    for (uint32_t i = 0; i < VL_BLK_WRITES; i++) {
        struct vl_blk_write *w = &b->write[i];
        if (overlap(w, request->sector, n_sectors)) {
            w->known = false;
            alone = alone && w->done_seq != 0;
        }
    }
    request->write = ++b->n_writes;
    b->write[request->write % VL_BLK_WRITES] = (struct vl_blk_write){.number = request->write,
                                                                     .sector = request->sector,
                                                                     .n_sectors = n_sectors,
                                                                     .known = alone};
}

void vl_blk_store_looks(struct vl_referees *r, struct vl_blk_request *request, uint64_t n_sectors)
{
    const struct vl_spec_blk *b = &r->spec.blk;

    for (uint32_t i = 0; i < VL_BLK_WRITES; i++) {
        const struct vl_blk_write *w = &b->write[i];
        if (w->number != 0 && w->sector == request->sector && w->n_sectors == n_sectors &&
            w->known && w->has_digest && w->stable_seq != 0) {
            request->reads = w->number;
        }
    }
}

// A write that was under way did anything, or nothing.
void vl_blk_store_reset(struct vl_referees *r)
{
    for (uint32_t i = 0; i < VL_BLK_WRITES; i++) {
        struct vl_blk_write *w = &r->spec.blk.write[i];
        w->number = w->done_seq == 0 ? 0 : w->number;
    }
}

// ---- the backend ----------------------------------------------------------------------------

// What is behind the end of the medium, and was never offered, may be somebody else's.
static void judge_reach(struct vl_referees *r, const struct vl_event *ev, const char *did,
                        uint64_t sector)
{
    const uint64_t n = ev->len / VL_BLK_SECTOR;
    const uint64_t medium = r->spec.blk.medium;

    if (!r->judge_device || medium == 0 || (sector <= medium && n <= medium - sector)) {
        return;
    }
    vl_referee_finding(r, "robustness:beyond-capacity", "device",
                       "the device %s %" PRIu64 " sectors from %" PRIu64 " on for head %" PRIu64
                       ", and has a capacity of %" PRIu64 " sectors",
                       did, n, sector, ev->addr, medium);
}

static bool header_known(const struct vl_blk_request *request)
{
    return request != NULL && request->got == VL_BLK_HEADER_WHOLE && !request->unsure;
}

static void stored(struct vl_referees *r, const struct vl_squeue *q, const struct vl_event *ev,
                   struct vl_blk_write *w)
{
    r->spec.blk.backend_tells = true;
    if (w != NULL) {
        w->stored = true;
    }
    if ((vl_blk_offered(r, q) & VL_BLK_F_RO) != 0) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_2_dev_4,
                  "the backend stored %" PRIu32 " bytes at sector %" PRIu64 " for head %" PRIu64
                  "; RO (bit 5) was offered",
                  ev->len, ev->value, ev->addr);
    }
}

void vl_blk_store_backend(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_spec_blk *b = &r->spec.blk;
    const struct vl_squeue *q = &r->queue[ev->aux % VL_QUEUES];

    if (q->state != VL_QUEUE_LIVE || ev->addr >= q->size) {
        return;
    }
    const struct vl_blk_request *request = vl_blk_request_of(r, q, (uint32_t)ev->addr);
    struct vl_blk_write *w = request != NULL ? write_numbered(b, request->write) : NULL;
    switch (ev->aux >> 16) {
    case BACKEND_TAKEN:
        if (w != NULL && ev->len == w->n_sectors * VL_BLK_SECTOR) {
            w->digest = ev->value;
            w->has_digest = true;
        }
        break;
    case BACKEND_ANSWERED:
        if (header_known(request) && request->type == VL_BLK_T_IN) {
            judge_reach(r, ev, "read", request->sector);
        }
        break;
    case BACKEND_STORED:
        judge_reach(r, ev, "wrote", ev->value);
        stored(r, q, ev, w);
        break;
    case BACKEND_DURABLE:
        b->backend_tells = true;
        for (uint32_t i = 0; i < VL_BLK_WRITES; i++) {
            b->write[i].durable = b->write[i].durable || b->write[i].stored;
        }
        break;
    default: break;
    }
}

enum vl_blk_outcome vl_blk_store_outcome(struct vl_referees *r, const struct vl_squeue *q,
                                         const struct vl_blk_request *request)
{
    const struct vl_head *h = &q->head[request->head];
    const struct vl_blk_write *w = write_numbered(&r->spec.blk, request->write);

    if (request->type == VL_BLK_T_IN) {
        const bool whole = (h->flags & VL_HEAD_ANSWER) != 0 && h->answer_len + 1 == h->granted;
        return whole ? VL_BLK_SERVED : VL_BLK_UNKNOWN; // it may have failed, and says nothing then
    }
    if (request->type != VL_BLK_T_OUT || w == NULL) {
        return VL_BLK_UNKNOWN;
    }
    return w->stored                                     ? VL_BLK_SERVED
           : r->spec.blk.backend_tells && !w->has_digest ? VL_BLK_NOT_ASKED
                                                         : VL_BLK_UNKNOWN;
}

// ---- requests end ---------------------------------------------------------------------------

// Why a write that was submitted at submit_seq and is completed now is stable at once, or NULL.
static const char *stable_at_once(const struct vl_referees *r, const struct vl_squeue *q,
                                  uint64_t submit_seq)
{
    const struct vl_spec_blk *b = &r->spec.blk;
    const uint64_t accepted = vl_blk_accepted(r, q);

    if ((accepted & VL_BLK_F_CONFIG_WCE) != 0) {
        return b->wce_known && b->wce == 0 && b->wce_seq < submit_seq ? "writeback is 0" : NULL;
    }
    return (accepted & VL_BLK_F_FLUSH) == 0 && (vl_blk_offered(r, q) & VL_BLK_F_FLUSH) != 0
               ? "neither FLUSH nor CONFIG_WCE is negotiated"
               : NULL;
}

static void write_ends(struct vl_referees *r, const struct vl_squeue *q,
                       const struct vl_blk_request *request, uint64_t seq)
{
    struct vl_spec_blk *b = &r->spec.blk;
    struct vl_blk_write *w = write_numbered(b, request->write);

    if (w == NULL) {
        return;
    }
    if (request->status != VL_BLK_S_OK) {
        w->number = 0; // what it did is not known
        return;
    }
    w->done_seq = seq;
    // A hostile driver may tell the registers one thing and the device another.
    const char *why =
        r->judge_driver ? stable_at_once(r, q, q->head[request->head].published_seq) : NULL;
    if (why == NULL) {
        return;
    }
    w->stable_seq = seq;
    if (b->backend_tells && !w->durable) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_2_dev_13,
                  "the write of head %" PRIu32 " to sector %" PRIu64 " is completed at #%" PRIu64
                  " and stable, since %s, but the backend has %s",
                  request->head, w->sector, seq, why,
                  w->stored ? "it in a cache that may be lost" : "not stored it");
    }
}

// A flush that is completed covers the writes that were completed when it was submitted.
static void flush_ends(struct vl_referees *r, const struct vl_squeue *q,
                       const struct vl_blk_request *request, uint64_t seq)
{
    struct vl_spec_blk *b = &r->spec.blk;
    const uint64_t submitted = q->head[request->head].published_seq;

    if (request->status != VL_BLK_S_OK || !r->judge_driver ||
        (vl_blk_accepted(r, q) & VL_BLK_F_FLUSH) == 0) {
        return;
    }
    for (uint32_t i = 0; i < VL_BLK_WRITES; i++) {
        struct vl_blk_write *w = &b->write[i];
        if (w->number == 0 || w->done_seq == 0 || w->done_seq >= submitted) {
            continue;
        }
        if (b->backend_tells && !w->durable) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_2_dev_14,
                      "the flush of head %" PRIu32 ", submitted at #%" PRIu64
                      ", is completed at #%" PRIu64 ", but the backend may still lose the write "
                      "to sector %" PRIu64 " that was completed at #%" PRIu64,
                      request->head, submitted, seq, w->sector, w->done_seq);
        }
        w->stable_seq = w->stable_seq != 0 ? w->stable_seq : seq;
    }
}

static void read_ends(struct vl_referees *r, const struct vl_squeue *q,
                      const struct vl_blk_request *request, uint64_t seq)
{
    const struct vl_head *h = &q->head[request->head];
    const struct vl_blk_write *w = write_numbered(&r->spec.blk, request->reads);

    if (request->status != VL_BLK_S_OK || w == NULL || !w->known ||
        (h->flags & VL_HEAD_ANSWER) == 0 || h->answer_len != w->n_sectors * VL_BLK_SECTOR ||
        h->answer_digest == w->digest) {
        return;
    }
    VL_BROKEN(
        r, VL_SIDE_DEVICE, 5_2_6_2_dev_d1,
        "the read of head %" PRIu32 ", completed at #%" PRIu64 ", found at sector %" PRIu64
        " bytes with digest %016" PRIx64 "; those of the write that was completed at #%" PRIu64
        " and is stable since #%" PRIu64 " have %016" PRIx64,
        request->head, seq, w->sector, h->answer_digest, w->done_seq, w->stable_seq, w->digest);
}

void vl_blk_store_returned(struct vl_referees *r, const struct vl_squeue *q,
                           const struct vl_blk_request *request, uint64_t seq)
{
    switch (request->type) {
    case VL_BLK_T_IN: read_ends(r, q, request, seq); break;
    case VL_BLK_T_OUT: write_ends(r, q, request, seq); break;
    case VL_BLK_T_FLUSH: flush_ends(r, q, request, seq); break;
    default: break;
    }
}
