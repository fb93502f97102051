// tools/cmd/ring_text.c -- rings rebuilt from the stores of a trace.
// Spec: virtio 1.4 §2.7.5, §2.7.6, §2.7.8. Bytes that no event stored are zero, as memory starts.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/ring_text.h"

#include "ring/virtq_wire.h"
#include "tools/cmd/event_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PART_DESC, PART_AVAIL, PART_USED, PART_COUNT };
#define PER_LINE 8u

// The bytes of one part of a queue, and which of them any event stored.
struct part {
    uint64_t gpa;
    uint32_t bytes;
    uint8_t *data;
    uint8_t *stored;
};

struct rings {
    struct event_text where;
    uint8_t *late; // per event, up to the one in question: bit 0, a store that drains later
    uint64_t n_events;
    struct part part[EVENT_TEXT_QUEUES][PART_COUNT];
    uint8_t payload[VL_BULK_MAX_BYTES];
};

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static bool part_open(struct part *p, uint64_t gpa, uint32_t bytes)
{
    p->gpa = gpa;
    p->bytes = bytes;
    p->data = calloc(bytes, 1);
    p->stored = calloc(bytes, 1);
    return p->data != NULL && p->stored != NULL;
}

static bool rings_open(struct rings *r)
{
    for (unsigned i = 0; i < EVENT_TEXT_QUEUES; i++) {
        const struct event_text_queue *q = &r->where.queue[i];
        struct part *p = r->part[i];
        if (q->known && !(part_open(&p[PART_DESC], q->desc, virtq_desc_table_bytes(q->size)) &&
                          part_open(&p[PART_AVAIL], q->avail, virtq_avail_bytes(q->size)) &&
                          part_open(&p[PART_USED], q->used, virtq_used_bytes(q->size)))) {
            return false;
        }
    }
    return true;
}

static void rings_close(struct rings *r)
{
    for (unsigned i = 0; i < EVENT_TEXT_QUEUES; i++) {
        for (unsigned k = 0; k < PART_COUNT; k++) {
            free(r->part[i][k].data);
            free(r->part[i][k].stored);
        }
    }
    free(r->late);
    free(r);
}

// Put bytes at gpa into every part that they touch. stored 0: memory is new, and zero.
static void put(struct rings *r, uint64_t gpa, const uint8_t *bytes, uint64_t n, uint8_t stored)
{
    for (unsigned i = 0; i < EVENT_TEXT_QUEUES; i++) {
        for (unsigned k = 0; k < PART_COUNT; k++) {
            const struct part *p = &r->part[i][k];
            const uint64_t end = p->gpa + p->bytes < gpa + n ? p->gpa + p->bytes : gpa + n;
            uint64_t at = gpa > p->gpa ? gpa : p->gpa;
            for (; p->data != NULL && at < end; at++) { // bound: the part's bytes
                p->data[at - p->gpa] = bytes != NULL ? bytes[at - gpa] : 0;
                p->stored[at - p->gpa] = stored;
            }
        }
    }
}

static void apply(struct rings *r, struct vl_trace *t, const struct vl_event *ev, uint64_t seq)
{
    uint8_t word[16];
    uint32_t n = 0;
    if (ev->kind == VL_EV_STORE && (ev->reads_from != 0 || r->late[seq] != 0)) {
        return; // it went before a newer one, or waits in a store buffer
    }
    switch (ev->kind) {
    case VL_EV_ALLOC: put(r, ev->addr, NULL, ev->len, 0); break;
    case VL_EV_STORE:
    case VL_EV_DRAIN:
        for (unsigned i = 0; i < 8; i++) {
            word[i] = (uint8_t)(ev->value >> (8 * i));
            word[8 + i] = (uint8_t)(ev->aux >> (8 * i));
        }
        put(r, ev->addr, word, ev->len < sizeof(word) ? ev->len : sizeof(word), 1);
        break;
    case VL_EV_WRITE:
        if (vl_trace_payload(t, ev->value, r->payload, &n)) {
            put(r, ev->addr, r->payload, n, 1);
        }
        break;
    default: break;
    }
}

// ---- printing -----------------------------------------------------------------------------------

static bool any(const uint8_t *p, uint32_t bytes)
{
    uint8_t all = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        all |= p[i];
    }
    return all != 0;
}

static void print_desc(FILE *out, const struct part *p, uint32_t size)
{
    (void)fprintf(out, "  descriptor table at 0x%" PRIx64 ", entries that are not zero:\n", p->gpa);
    for (uint32_t i = 0; i < size; i++) {
        const uint8_t *d = p->data + VIRTQ_DESC_BYTES * i;
        if (!any(d, VIRTQ_DESC_BYTES)) {
            continue;
        }
        const uint64_t addr = (uint64_t)le32(d) | (uint64_t)le32(d + 4) << 32;
        const unsigned flags = le16(d + 12);
        (void)fprintf(
            out, "    [%" PRIu32 "] addr 0x%" PRIx64 " len %" PRIu32 " flags 0x%x%s%s%s next %u\n",
            i, addr, le32(d + 8), flags, (flags & VIRTQ_DESC_F_NEXT) != 0 ? " NEXT" : "",
            (flags & VIRTQ_DESC_F_WRITE) != 0 ? " WRITE" : "",
            (flags & VIRTQ_DESC_F_INDIRECT) != 0 ? " INDIRECT" : "", le16(d + 14));
    }
}

// The slots of a ring that any event stored, several a line.
static void print_slots(FILE *out, const struct part *p, uint32_t size, bool used)
{
    const uint32_t elem = used ? VIRTQ_USED_ELEM_BYTES : VIRTQ_AVAIL_ELEM_BYTES;
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < size; slot++) {
        const uint32_t off = VIRTQ_RING_HEADER_BYTES + slot * elem;
        const uint8_t *e = p->data + off;
        if (!any(p->stored + off, elem)) {
            continue;
        }
        (void)fprintf(out, "%s", n % PER_LINE == 0 ? "    " : "  ");
        if (used) {
            (void)fprintf(out, "[%" PRIu32 "] id %" PRIu32 " len %" PRIu32, slot, le32(e),
                          le32(e + 4));
        } else {
            (void)fprintf(out, "[%" PRIu32 "] %u", slot, le16(e));
        }
        n++;
        (void)fprintf(out, "%s", n % PER_LINE == 0 ? "\n" : "");
    }
    (void)fprintf(out, "%s", n % PER_LINE != 0 ? "\n" : "");
}

static void print_queue(FILE *out, const struct rings *r, unsigned queue)
{
    const uint32_t size = r->where.queue[queue].size;
    const struct part *p = r->part[queue];
    const uint8_t *avail = p[PART_AVAIL].data;
    const uint8_t *used = p[PART_USED].data;
    (void)fprintf(out, "queue %u, size %" PRIu32 "\n", queue, size);
    print_desc(out, &p[PART_DESC], size);
    (void)fprintf(out, "  available ring at 0x%" PRIx64 ": flags %u idx %u used_event %u\n",
                  p[PART_AVAIL].gpa, le16(avail), le16(avail + VIRTQ_RING_IDX),
                  le16(avail + virtq_used_event_off(size)));
    print_slots(out, &p[PART_AVAIL], size, false);
    (void)fprintf(out, "  used ring at 0x%" PRIx64 ": flags %u idx %u avail_event %u\n",
                  p[PART_USED].gpa, le16(used), le16(used + VIRTQ_RING_IDX),
                  le16(used + virtq_avail_event_off(size)));
    print_slots(out, &p[PART_USED], size, true);
}

static bool replay(struct rings *r, struct vl_trace *t, uint64_t seq)
{
    struct vl_trace_event e;
    r->n_events = vl_trace_info(t)->verdict.n_events;
    r->late = calloc(r->n_events + 1, 1);
    if (r->late == NULL) {
        return false;
    }
    vl_trace_seek(t, 0); // once to learn where the rings are, once for what was stored there
    while (vl_trace_next(t, &e)) {
        if (e.seq <= seq) {
            event_text_learn(&r->where, &e.ev);
        }
        if (e.ev.kind == VL_EV_DRAIN && e.ev.reads_from != 0) {
            r->late[e.ev.reads_from - 1] = 1;
        }
    }
    if (vl_trace_failed(t) || !rings_open(r)) {
        return false;
    }
    vl_trace_seek(t, 0);
    while (vl_trace_next(t, &e) && e.seq <= seq) {
        apply(r, t, &e.ev, e.seq);
    }
    return !vl_trace_failed(t);
}

int ring_text_print(FILE *out, struct vl_trace *t, uint64_t seq, int queue, char *err)
{
    struct rings *r = calloc(1, sizeof(*r));
    if (r == NULL || !replay(r, t, seq)) {
        (void)snprintf(err, VL_TRACE_ERR_BYTES, "no memory left, or the trace cannot be read");
        if (r != NULL) {
            rings_close(r);
        }
        return -1;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < EVENT_TEXT_QUEUES; i++) {
        if (r->where.queue[i].known && (queue < 0 || i == (unsigned)queue)) {
            print_queue(out, r, i);
            n++;
        }
    }
    if (n == 0) {
        (void)fprintf(out, "no queue is set up at event %" PRIu64 "\n", seq);
    }
    rings_close(r);
    return 0;
}
