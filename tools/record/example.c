// tools/record/example.c -- a split virtqueue, driven by hand, that records itself.
// Spec: virtio 1.4 §2.7. Nothing of vringlab's driver or device is in it: a program of your own
// looks like this, with virtq_record.h's calls beside the accesses that it makes anyway.
//
//   virtq_record_example ring.db                  six requests; `vringlab check ring.db` is clean
//   virtq_record_example --fault NAME ring.db     one of the faults below; it is not
//
// SPDX-License-Identifier: BSD-2-Clause
#include "virtq_record.h"

#include <stdio.h>
#include <string.h>

#define MEM_GPA 0x40000000u
#define MEM_BYTES 0x4000u
#define SIZE 4u                   // entries
#define DESC MEM_GPA              // 16 bytes an entry [2.7.5]
#define AVAIL (MEM_GPA + 0x1000u) // flags, idx, ring of 2 bytes an entry [2.7.6]
#define USED (MEM_GPA + 0x2000u)  // flags, idx, ring of 8 bytes an entry [2.7.8]
#define BUFFERS (MEM_GPA + 0x3000u)
#define FLAGS 0u
#define IDX 2u
#define RING 4u
#define F_NEXT 1u
#define F_WRITE 2u
#define QUESTION_BYTES 16u
#define ANSWER_BYTES 32u
#define REQUESTS 6u

enum fault { FAULT_NONE, FAULT_USED_LEN, FAULT_AVAIL_BACK, FAULT_WRITES_DESC, FAULT_NO_KICK };
static const char *const fault_names[] = {"none", "used-len", "avail-idx-back",
                                          "device-writes-desc", "no-kick"};
#define FAULTS (sizeof(fault_names) / sizeof(fault_names[0]))
#define FAULT_AT 3u // the request that it strikes

struct ring {
    uint8_t mem[MEM_BYTES];
    struct virtq_record *rec;
    enum fault fault;
    uint16_t avail_idx; // driver: as stored last
    uint16_t reaped;    // driver: next used entry
    uint16_t taken;     // device: next available entry
    uint16_t used_idx;  // device: as stored last
};

// ---- accesses: on memory, and beside it to the recorder -----------------------------------------

static uint64_t load(struct ring *r, enum virtq_record_side side, uint64_t gpa, unsigned bytes,
                     enum virtq_record_order order)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) { // little-endian [1.4]
        value |= (uint64_t)r->mem[gpa - MEM_GPA + i] << (8 * i);
    }
    (void)virtq_record_load(r->rec, side, gpa, bytes, value, order);
    return value;
}

static void put(struct ring *r, uint64_t gpa, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++) {
        r->mem[gpa - MEM_GPA + i] = (uint8_t)(value >> (8 * i));
    }
}

static void store(struct ring *r, enum virtq_record_side side, uint64_t gpa, unsigned bytes,
                  uint64_t value, enum virtq_record_order order)
{
    put(r, gpa, bytes, value);
    (void)virtq_record_store(r->rec, side, gpa, bytes, value, order);
}

static void store_desc(struct ring *r, enum virtq_record_side side, unsigned index,
                       const struct virtq_record_desc *d)
{
    const uint64_t at = DESC + 16u * index;
    put(r, at, 8, d->addr);
    put(r, at + 8, 8, virtq_record_desc_high(d));
    (void)virtq_record_desc_store(r->rec, side, at, d);
}

static struct virtq_record_desc load_desc(struct ring *r, unsigned index)
{
    const uint8_t *p = &r->mem[DESC - MEM_GPA + 16u * index];
    struct virtq_record_desc d = {0};
    for (unsigned i = 0; i < 8; i++) {
        d.addr |= (uint64_t)p[i] << (8 * i);
    }
    for (unsigned i = 0; i < 4; i++) {
        d.len |= (uint32_t)p[8 + i] << (8 * i);
    }
    d.flags = (uint16_t)(p[12] | p[13] << 8);
    d.next = (uint16_t)(p[14] | p[15] << 8);
    (void)virtq_record_desc_load(r->rec, VIRTQ_RECORD_DEVICE, DESC + 16u * index, &d);
    return d;
}

// ---- the driver ---------------------------------------------------------------------------------

static uint64_t question_of(unsigned n)
{
    return BUFFERS + 64u * (n % SIZE);
}

static void driver_send(struct ring *r, unsigned n)
{
    const enum virtq_record_side me = VIRTQ_RECORD_DRIVER;
    const unsigned head = 2 * (n % (SIZE / 2));
    const uint64_t question = question_of(n);
    const struct virtq_record_desc ask = {question, QUESTION_BYTES, F_NEXT, (uint16_t)(head + 1)};
    const struct virtq_record_desc answer = {question + QUESTION_BYTES, ANSWER_BYTES, F_WRITE, 0};

    memset(&r->mem[question - MEM_GPA], 'a' + (int)n, QUESTION_BYTES);
    (void)virtq_record_write(r->rec, me, question, &r->mem[question - MEM_GPA], QUESTION_BYTES);
    store_desc(r, me, head, &ask);
    store_desc(r, me, head + 1, &answer);
    store(r, me, AVAIL + RING + 2u * (r->avail_idx % SIZE), 2, head, VIRTQ_RECORD_PLAIN);
    r->avail_idx++;
    store(r, me, AVAIL + IDX, 2, r->avail_idx, VIRTQ_RECORD_RELEASE); // [2.7.13.3]
    if (r->fault == FAULT_AVAIL_BACK && n == FAULT_AT) {
        store(r, me, AVAIL + IDX, 2, (uint16_t)(r->avail_idx - 1u), VIRTQ_RECORD_RELEASE);
    }
    (void)virtq_record_fence(r->rec, me, VIRTQ_RECORD_SEQ_CST); // [2.7.13.4.1]
    const uint64_t flags = load(r, me, USED + FLAGS, 2, VIRTQ_RECORD_RELAXED);
    if (flags == 0 && !(r->fault == FAULT_NO_KICK && n == FAULT_AT)) {
        (void)virtq_record_kick(r->rec, 0);
    }
}

// Take what was returned; false if there is nothing.
static bool driver_reap(struct ring *r)
{
    const enum virtq_record_side me = VIRTQ_RECORD_DRIVER;
    const uint16_t idx = (uint16_t)load(r, me, USED + IDX, 2, VIRTQ_RECORD_ACQUIRE);

    if (idx == r->reaped) {
        return false;
    }
    const uint64_t entry =
        load(r, me, USED + RING + 8u * (r->reaped % SIZE), 8, VIRTQ_RECORD_PLAIN);
    const uint64_t answer = question_of(r->reaped) + QUESTION_BYTES;
    const uint32_t len = (uint32_t)(entry >> 32);
    const uint32_t n = len < ANSWER_BYTES ? len : ANSWER_BYTES;
    (void)virtq_record_read(r->rec, me, answer, &r->mem[answer - MEM_GPA], n);
    r->reaped++;
    return true;
}

// ---- the device ---------------------------------------------------------------------------------

static void device_answer(struct ring *r, unsigned head)
{
    const enum virtq_record_side me = VIRTQ_RECORD_DEVICE;
    const struct virtq_record_desc ask = load_desc(r, head);
    const struct virtq_record_desc answer = load_desc(r, ask.next);
    uint8_t *to = &r->mem[answer.addr - MEM_GPA];
    uint32_t len = answer.len;

    (void)virtq_record_read(r->rec, me, ask.addr, &r->mem[ask.addr - MEM_GPA], ask.len);
    memset(to, r->mem[ask.addr - MEM_GPA] - 'a' + 'A', answer.len);
    (void)virtq_record_write(r->rec, me, answer.addr, to, answer.len);
    if (r->fault == FAULT_WRITES_DESC && r->taken == FAULT_AT) {
        const struct virtq_record_desc done = {answer.addr, 0, F_WRITE, 0};
        store_desc(r, me, ask.next, &done); // the table is the driver's [2.7.5.1]
    }
    if (r->fault == FAULT_USED_LEN && r->taken == FAULT_AT) {
        len += 32; // more than it wrote, and more than there is [2.7.8.2]
    }
    store(r, me, USED + RING + 8u * (r->used_idx % SIZE), 8, head | (uint64_t)len << 32,
          VIRTQ_RECORD_PLAIN);
    r->taken++;
    r->used_idx++;
    store(r, me, USED + IDX, 2, r->used_idx, VIRTQ_RECORD_RELEASE);
    (void)virtq_record_fence(r->rec, me, VIRTQ_RECORD_SEQ_CST);
    if (load(r, me, AVAIL + FLAGS, 2, VIRTQ_RECORD_RELAXED) == 0) {
        (void)virtq_record_interrupt(r->rec, 0);
    }
}

// Serve all that is available, until the last look finds nothing.
static void device_serve(struct ring *r)
{
    const enum virtq_record_side me = VIRTQ_RECORD_DEVICE;
    for (unsigned n = 0; n < REQUESTS; n++) { // bound: there are no more
        if ((uint16_t)load(r, me, AVAIL + IDX, 2, VIRTQ_RECORD_ACQUIRE) == r->taken) {
            return;
        }
        device_answer(
            r, (unsigned)load(r, me, AVAIL + RING + 2u * (r->taken % SIZE), 2, VIRTQ_RECORD_PLAIN));
    }
}

// ---- both ---------------------------------------------------------------------------------------

// One request's way there and back; false if it gets no answer.
static bool round_trip(struct ring *r, unsigned n)
{
    driver_send(r, n);
    if (!driver_reap(r)) { // the last look before it sleeps
        (void)virtq_record_sleep(r->rec, VIRTQ_RECORD_DRIVER);
    }
    if (r->fault == FAULT_NO_KICK && n == FAULT_AT) {
        return false; // nobody tells the device, so both sleep on
    }
    (void)virtq_record_kick_arrives(r->rec, 0);
    (void)virtq_record_woken(r->rec, VIRTQ_RECORD_DEVICE);
    device_serve(r);
    (void)virtq_record_sleep(r->rec, VIRTQ_RECORD_DEVICE);
    (void)virtq_record_interrupt_arrives(r->rec, 0);
    (void)virtq_record_woken(r->rec, VIRTQ_RECORD_DRIVER);
    return driver_reap(r);
}

static int record(const char *path, enum fault fault)
{
    static struct ring r;
    const struct virtq_record_options options = {.tool = "virtq_record_example 1"};
    char err[256];

    r = (struct ring){.fault = fault};
    r.rec = virtq_record_open(path, &options, err, sizeof(err));
    if (r.rec == NULL) {
        (void)fprintf(stderr, "%s\n", err);
        return 3;
    }
    (void)virtq_record_region(r.rec, MEM_GPA, MEM_BYTES);
    (void)virtq_record_queue(r.rec, 0, DESC, AVAIL, USED, SIZE, 0, 0);
    device_serve(&r); // finds nothing
    (void)virtq_record_sleep(r.rec, VIRTQ_RECORD_DEVICE);
    bool all = true;
    for (unsigned n = 0; n < REQUESTS && all; n++) {
        all = round_trip(&r, n);
    }
    if (all) {
        (void)virtq_record_driver_done(r.rec);
    }
    (void)virtq_record_quiescent(r.rec);
    if (virtq_record_close(r.rec, err, sizeof(err)) != 0) {
        (void)fprintf(stderr, "%s\n", err);
        return 3;
    }
    return 0;
}

static int usage(FILE *to, int code)
{
    (void)fprintf(to, "usage: virtq_record_example [--fault NAME] OUT.db\n\n"
                      "drives a small ring by hand and records it; `vringlab check OUT.db` judges "
                      "it\nfaults:");
    for (size_t i = 1; i < FAULTS; i++) {
        (void)fprintf(to, " %s", fault_names[i]);
    }
    (void)fprintf(to, "\n");
    return code;
}

int main(int argc, char **argv)
{
    size_t fault = FAULT_NONE;
    if (argc == 4 && strcmp(argv[1], "--fault") == 0) {
        for (fault = 1; fault < FAULTS && strcmp(argv[2], fault_names[fault]) != 0; fault++) {
        }
    } else if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout, 0);
    } else if (argc != 2 || argv[1][0] == '-') {
        return usage(stderr, 2);
    }
    return fault == FAULTS ? usage(stderr, 2) : record(argv[argc - 1], (enum fault)fault);
}
