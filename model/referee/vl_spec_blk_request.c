// model/referee/vl_spec_blk_request.c -- checkers of the block device: requests, their shape at
// publication and their answers.
// Spec: virtio 1.4 §5.2.6 (1.0: §5.2.6).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define SECTOR_AT 8u

static uint64_t little(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

// ---- a request as the driver made it --------------------------------------------------------

// Bytes of payload as the driver wrote them, beside its descriptors: whole granules at once.
void vl_blk_driver_writes(struct vl_referees *r, const struct vl_event *ev, const uint8_t *payload)
{
    uint32_t off = 0;

    if (!vl_image_find(&r->image, ev->addr, ev->len, &off)) {
        return;
    }
    for (uint32_t done = 0; done < ev->len;) { // bound: bytes
        const uint8_t *from = payload + done;
        const uint32_t room = VL_DESC_BYTES - (off + done) % VL_DESC_BYTES;
        const uint32_t n = ev->len - done < room ? ev->len - done : room;
        if (n == VL_DESC_BYTES) {
            struct vl_granule *g = vl_image_granule(&r->image, (off + done) / VL_DESC_BYTES);
            g->low = little(from, 8);
            g->high = little(from + 8, 8);
        } else {
            const uint64_t low = little(from, n < 8 ? n : 8);
            const uint64_t high = n > 8 ? little(from + 8, n - 8) : 0;
            vl_image_store(&r->image, ev->addr + done, n, low, high);
        }
        done += n;
    }
}

struct made {
    uint64_t n_readable;
    uint64_t n_writable;
    uint8_t header[VL_BLK_HEADER];
    bool header_known; // the driver was seen writing it
    uint32_t type;
    uint64_t sector;
    uint64_t n_data;
};

static bool image_byte(const struct vl_image *im, uint32_t off, uint8_t *byte)
{
    const struct vl_granule *g = &im->granule[off / VL_DESC_BYTES];
    const uint32_t at = off % VL_DESC_BYTES;

    *byte = (uint8_t)((at < 8 ? g->low : g->high) >> (8 * (at % 8)));
    return g->run == im->run;
}

static void take_header(const struct vl_image *im, const struct vl_step *step, struct made *m)
{
    for (uint32_t i = 0; i < step->len && m->n_readable + i < VL_BLK_HEADER; i++) { // bound: 16
        const bool known = image_byte(im, step->off + i, &m->header[m->n_readable + i]);
        m->header_known = m->header_known && known;
    }
}

// Reads the published chain as a request. Returns false if it cannot be followed: that is others'
// finding.
static bool look(const struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                 struct made *m)
{
    struct vl_walk walk;
    struct vl_step step = {0};

    memset(m, 0, sizeof(*m));
    m->header_known = true;
    vl_walk_start(q, head, &walk);
    while (vl_walk_next(&r->image, q, &walk, &step)) { // bound: queue_size, and one table
        if (step.table) {
            continue;
        }
        if (step.writable) {
            m->n_writable += step.len;
        } else {
            take_header(&r->image, &step, m);
            m->n_readable += step.len;
        }
    }
    m->type = (uint32_t)little(m->header, 4);
    m->sector = little(m->header + SECTOR_AT, 8);
    return walk.bad == NULL && !step.table;
}

// ---- at publication -------------------------------------------------------------------------

// True if requests of this type carry 0 for a sector. Unknown types may be of a later standard.
static bool has_no_sector(uint32_t type)
{
    switch (type) {
    case VL_BLK_T_FLUSH:
    case VL_BLK_T_GET_ID:
    case VL_BLK_T_GET_LIFETIME:
    case VL_BLK_T_DISCARD:
    case VL_BLK_T_WRITE_ZEROES:
    case VL_BLK_T_SECURE_ERASE: return true;
    default: return false;
    }
}

static void judge_sector(struct vl_referees *r, const struct made *m, uint32_t head)
{
    if (m->sector == 0 || !has_no_sector(m->type)) {
        return;
    }
    if (m->type == VL_BLK_T_FLUSH) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_1_drv_4,
                  "the flush of head %" PRIu32 ", just published, has sector %" PRIu64, head,
                  m->sector);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_drv_d2,
                  "the request of head %" PRIu32 ", just published, of type %" PRIu32
                  ", has sector %" PRIu64,
                  head, m->type, m->sector);
    }
}

// Data must go the way that the type says. Returns false if it does not.
static bool judge_direction(struct vl_referees *r, const struct made *m, uint32_t head)
{
    const bool to_driver =
        m->type == VL_BLK_T_IN || m->type == VL_BLK_T_GET_ID || m->type == VL_BLK_T_GET_LIFETIME;
    const bool to_device = m->type == VL_BLK_T_OUT || m->type == VL_BLK_T_DISCARD ||
                           m->type == VL_BLK_T_WRITE_ZEROES || m->type == VL_BLK_T_SECURE_ERASE;

    if ((to_driver && m->n_readable > VL_BLK_HEADER) || (to_device && m->n_writable > 1) ||
        m->n_writable == 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_drv_d3,
                  "the request of head %" PRIu32 ", just published, of type %" PRIu32
                  ", has %" PRIu64 " bytes to read, %u of them the header, and %" PRIu64
                  " to write, the last one the status",
                  head, m->type, m->n_readable, VL_BLK_HEADER, m->n_writable);
        return false;
    }
    return true;
}

static void judge_range(struct vl_referees *r, const struct made *m, uint32_t head)
{
    const struct vl_spec_blk *b = &r->spec.blk;
    const uint64_t n = m->n_data / VL_BLK_SECTOR;
    const uint64_t scale = b->blk_size / VL_BLK_SECTOR;

    if (b->capacity_read != 3 || (m->sector <= b->capacity && n <= b->capacity - m->sector)) {
        return;
    }
    // What fits a medium of so many blocks was counted in blocks.
    if (scale > 1 && b->capacity <= UINT64_MAX / scale && m->sector <= b->capacity * scale &&
        n <= b->capacity * scale - m->sector) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_5_drv_d1,
                  "the request of head %" PRIu32 ", just published, goes over %" PRIu64
                  " sectors from %" PRIu64 " on, beyond the capacity of %" PRIu64
                  " sectors, read last at #%" PRIu64 "; so many blocks of %" PRIu32
                  " bytes would reach, but a sector has %u",
                  head, n, m->sector, b->capacity, b->capacity_seq, b->blk_size, VL_BLK_SECTOR);
        return;
    }
    VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_1_drv_2,
              "the request of head %" PRIu32 ", just published, goes over %" PRIu64
              " sectors from %" PRIu64 " on, beyond the capacity of %" PRIu64
              " sectors, read last at #%" PRIu64,
              head, n, m->sector, b->capacity, b->capacity_seq);
}

static void judge_transfer(struct vl_referees *r, const struct made *m, uint32_t head)
{
    if (m->n_data % VL_BLK_SECTOR != 0) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_1_drv_6,
                  "the request of head %" PRIu32 ", just published, of type %" PRIu32
                  ", has %" PRIu64 " bytes of data: no multiple of %u",
                  head, m->type, m->n_data, VL_BLK_SECTOR);
        return;
    }
    judge_range(r, m, head);
}

void vl_spec_blk_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint64_t seq)
{
    struct vl_spec_blk *b = &r->spec.blk;
    struct made m;

    vl_blk_published_behind(r, seq);
    if (!look(r, q, head, &m)) {
        return;
    }
    if (m.n_readable < VL_BLK_HEADER) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_drv_d1,
                  "the request of head %" PRIu32 ", just published, has %" PRIu64
                  " bytes to read: a header has %u",
                  head, m.n_readable, VL_BLK_HEADER);
        return;
    }
    if (!m.header_known || b->blind) {
        return;
    }
    judge_sector(r, &m, head);
    if (!judge_direction(r, &m, head)) {
        return;
    }
    if (m.type == VL_BLK_T_FLUSH) {
        b->flush_seq = seq;
        if (m.n_readable > VL_BLK_HEADER || m.n_writable > 1) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 5_2_6_1_drv_5,
                      "the flush of head %" PRIu32 ", just published, carries %" PRIu64
                      " bytes of data",
                      head, m.n_readable - VL_BLK_HEADER + m.n_writable - 1);
        }
    } else if (m.type == VL_BLK_T_IN || m.type == VL_BLK_T_OUT) {
        b->n_writes_published += m.type == VL_BLK_T_OUT;
        m.n_data = m.type == VL_BLK_T_OUT ? m.n_readable - VL_BLK_HEADER : m.n_writable - 1;
        judge_transfer(r, &m, head);
    }
}

// ---- a request as the device reads it -------------------------------------------------------

static uint64_t stamp_of(const struct vl_referees *r, const struct vl_head *h)
{
    return r->reset_at_seq << 32 | (h->pop_number + 1ull);
}

struct vl_blk_request *vl_blk_request_of(struct vl_referees *r, const struct vl_squeue *q,
                                         uint32_t head)
{
    struct vl_blk_request *request = &r->spec.blk.request[head % VL_BLK_REQUESTS];
    const bool same = request->stamp == stamp_of(r, &q->head[head]) && request->head == head;

    return same ? request : NULL;
}

// The same, made if there is none yet.
static struct vl_blk_request *begin(struct vl_referees *r, const struct vl_squeue *q, uint32_t head)
{
    struct vl_blk_request *request = vl_blk_request_of(r, q, head);

    if (request == NULL) {
        request = &r->spec.blk.request[head % VL_BLK_REQUESTS];
        r->spec.blk.crowded = r->spec.blk.crowded || (request->stamp != 0 && request->head != head);
        r->spec.blk.used = true;
        memset(request, 0, sizeof(*request));
        request->stamp = stamp_of(r, &q->head[head]);
        request->head = head;
    }
    return request;
}

static void header_read(struct vl_referees *r, const struct vl_head *h,
                        struct vl_blk_request *request)
{
    uint64_t n_readable = 0;

    request->type = (uint32_t)little(request->header, 4);
    request->sector = little(request->header + SECTOR_AT, 8);
    for (uint32_t i = h->first_elem; i != VL_NONE; i = r->elem[i].next) { // bound: the chain
        n_readable += r->elem[i].writable ? 0 : r->elem[i].len;
    }
    if (request->type == VL_BLK_T_OUT) {
        vl_blk_store_begins(r, request, (n_readable - VL_BLK_HEADER) / VL_BLK_SECTOR);
    } else if (request->type == VL_BLK_T_IN && h->granted > 0) {
        vl_blk_store_looks(r, request, (h->granted - 1) / VL_BLK_SECTOR);
    }
}

// Bytes of the header among those that were read.
static void take_read(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                      const struct vl_event *ev, const uint8_t *payload)
{
    const struct vl_head *h = &q->head[head];
    struct vl_blk_request *request = begin(r, q, head);
    const bool whole = request->got == VL_BLK_HEADER_WHOLE;
    uint64_t start = 0;

    for (uint32_t i = h->first_elem; i != VL_NONE && start < VL_BLK_HEADER; i = r->elem[i].next) {
        const struct vl_elem *e = &r->elem[i]; // bound: the chain
        if (e->writable) {
            continue;
        }
        for (uint32_t k = 0; k < e->len && start + k < VL_BLK_HEADER; k++) { // bound: 16
            const uint64_t at = e->gpa + k - ev->addr;
            const uint64_t byte = start + k;
            if (at >= ev->len) {
                continue;
            }
            const bool seen = (request->got >> byte & 1u) != 0;
            request->unsure = request->unsure || (seen && request->header[byte] != payload[at]);
            request->header[byte] = seen ? request->header[byte] : payload[at];
            request->got |= 1u << byte;
        }
        start += e->len;
    }
    if (!whole && request->got == VL_BLK_HEADER_WHOLE) {
        header_read(r, h, request);
    }
}

// The status byte, if it is the last one that was written.
static void take_status(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                        const struct vl_event *ev, const uint8_t *payload)
{
    const struct vl_head *h = &q->head[head];
    const uint64_t last = ev->addr + ev->len - 1;

    if (q->last_elem == VL_NONE) {
        return;
    }
    const struct vl_elem *e = &r->elem[q->last_elem];
    if (e->writable && last - e->gpa < e->len && e->at + (last - e->gpa) + 1 == h->granted) {
        struct vl_blk_request *request = begin(r, q, head);
        request->status = payload[ev->len - 1];
        request->status_written = true;
    }
}

void vl_blk_device_payload(struct vl_referees *r, const struct vl_event *ev, const uint8_t *payload)
{
    const struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];
    const uint32_t head = q->hint_head;

    if (q->state != VL_QUEUE_LIVE || head == VL_NONE || ev->len == 0 ||
        (q->head[head].flags & VL_HEAD_HELD) == 0) {
        return;
    }
    ev->kind == VL_EV_READ ? take_read(r, q, head, ev, payload)
                           : take_status(r, q, head, ev, payload);
}

// ---- at its return --------------------------------------------------------------------------

// Returns false if there is no status to go by.
static bool judge_status(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                         const struct vl_blk_request *request, uint64_t seq)
{
    const struct vl_head *h = &q->head[head];
    // A hostile driver's buffers may overlap, and then nobody can say whose status was written.
    const bool known = r->judge_driver && !r->spec.blk.blind && !q->grants_lost && !q->stood_down &&
                       h->granted > 0;

    if (request == NULL || !request->status_written) {
        if (known && !(request == NULL && r->spec.blk.crowded)) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_dev_d1,
                      "head %" PRIu32 " is returned at #%" PRIu64 ", and the last of its %" PRIu32
                      " writable bytes, the status, was never written",
                      head, seq, h->granted);
        }
        return false;
    }
    if (request->status > VL_BLK_S_UNSUPP && known) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_dev_d1,
                  "head %" PRIu32 " is returned at #%" PRIu64
                  " with status %u: 0, 1 and 2 are all that it can be",
                  head, seq, request->status);
        return false;
    }
    return true;
}

static void judge_read(struct vl_referees *r, const struct vl_squeue *q, uint32_t head,
                       uint64_t seq)
{
    const struct vl_head *h = &q->head[head];

    if (!r->judge_driver || q->grants_lost || h->scattered || h->granted == 0) {
        return;
    }
    if (h->written < h->granted - 1) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_dev_d8,
                  "the read of head %" PRIu32 " is returned at #%" PRIu64
                  " with status 0; of its %" PRIu32
                  " bytes of data the device wrote the first %" PRIu32 " only",
                  head, seq, h->granted - 1, h->written);
    }
}

static void judge_read_only(struct vl_referees *r, const struct vl_blk_request *request,
                            uint64_t seq)
{
    if (request->status == VL_BLK_S_OK) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_5_dev_d1,
                  "the write of head %" PRIu32 " to sector %" PRIu64 " is returned at #%" PRIu64
                  " with status 0 (success); RO (bit 5) was offered",
                  request->head, request->sector, seq);
    } else if (request->status != VL_BLK_S_IOERR) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 5_2_6_2_dev_3,
                  "the write of head %" PRIu32 " to sector %" PRIu64 " is returned at #%" PRIu64
                  " with status %u; RO (bit 5) was offered, so it is 1 (IOERR)",
                  request->head, request->sector, seq, request->status);
    }
}

// True if the request is laid out in another way than header, data and status in an element each.
static bool framed_unusually(const struct vl_referees *r, const struct vl_head *h, uint32_t *n)
{
    const struct vl_elem *first = h->first_elem != VL_NONE ? &r->elem[h->first_elem] : NULL;
    const struct vl_elem *last = h->last_elem != VL_NONE ? &r->elem[h->last_elem] : NULL;

    *n = 0;
    for (uint32_t i = h->first_elem; i != VL_NONE; i = r->elem[i].next) { // bound: the chain
        ++*n;
    }
    return first != NULL && last != NULL &&
           (*n > 3 || first->len != VL_BLK_HEADER || last->len != 1);
}

// True if a write is one that a device has to pass on.
static bool in_range(const struct vl_referees *r, const struct vl_squeue *q,
                     const struct vl_blk_request *request)
{
    const struct vl_spec_blk *b = &r->spec.blk;
    const struct vl_blk_write *w = &b->write[request->write % VL_BLK_WRITES];

    return b->capacity_read == 3 && (vl_blk_offered(r, q) & VL_BLK_F_RO) == 0 &&
           request->sector <= b->capacity && w->n_sectors <= b->capacity - request->sector;
}

// The request failed, and not for the backend: its framing is what is left to explain it.
static void judge_refusal(struct vl_referees *r, const struct vl_squeue *q,
                          const struct vl_blk_request *request, uint64_t seq)
{
    const enum vl_blk_outcome outcome = vl_blk_store_outcome(r, q, request);
    uint32_t n = 0;

    if (!r->judge_driver || q->grants_lost || q->stood_down || outcome == VL_BLK_UNKNOWN ||
        (outcome == VL_BLK_NOT_ASKED && !in_range(r, q, request)) ||
        !framed_unusually(r, &q->head[request->head], &n)) {
        return;
    }
    VL_BROKEN(r, VL_SIDE_DEVICE, 2_7_4_1_dev_1,
              "the %s of head %" PRIu32 ", sector %" PRIu64 ", is returned at #%" PRIu64
              " with status %u, and the backend %s; it is framed in %" PRIu32
              " elements, and how a request is framed means nothing",
              request->type == VL_BLK_T_IN ? "read" : "write", request->head, request->sector, seq,
              request->status, outcome == VL_BLK_SERVED ? "served it" : "was not asked", n);
}

void vl_spec_blk_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                          uint64_t seq)
{
    const struct vl_blk_request *request = vl_blk_request_of(r, q, head);

    (void)len; // the ring's referee judges it
    if (!judge_status(r, q, head, request, seq) || request->got != VL_BLK_HEADER_WHOLE ||
        request->unsure || r->spec.blk.blind) {
        return;
    }
    if (request->status != VL_BLK_S_OK) {
        judge_refusal(r, q, request, seq);
    } else if (request->type == VL_BLK_T_IN) {
        judge_read(r, q, head, seq);
    }
    if (request->type == VL_BLK_T_OUT && (vl_blk_offered(r, q) & VL_BLK_F_RO) != 0) {
        judge_read_only(r, request, seq);
    }
    vl_blk_store_returned(r, q, request, seq);
}
