// tools/lab/breach_ring_driver.c -- breaches of clauses: the driver's part of the split ring.
// Spec: virtio 1.4 §2.6, §2.7.1 to §2.7.8, §2.7.13, §2.7.14, §3.3.1.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define HIGH_FLAG(bits) ((uint64_t)(bits) << 32) // flags, in the high half of a descriptor
#define HIGH_NEXT(n) ((uint64_t)(n) << 48)
#define F_NEXT 1u
#define F_WRITE 2u
#define F_INDIRECT 4u

// ---- deeds of its own -----------------------------------------------------------------------

// The note of a queue's areas has the used ring a bytes further on.
static void move_used_ring(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                           uint64_t b)
{
    (void)run;
    (void)b;
    op->seen += a;
}

// The elements of a buffer become one byte each, one behind the other; the note that comes with it
// says so, too.
static void shrink_elem(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    if (run->word[0] == 0) {
        run->word[1] = op->value;
    }
    op->value = run->word[1] + run->word[0]++;
    op->aux = (op->aux & ~(uint64_t)UINT32_MAX) | 1;
}

static void shrink_note(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    op->bytes = (uint32_t)run->word[0];
    run->word[0] = 0;
}

// The last entry of a table gets one more behind it, a copy of itself.
static void lengthen_table(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                           uint64_t b)
{
    (void)b;
    lab_breach_store(run, op->side, op->span, op->off + VIRTQ_DESC_BYTES, VIRTQ_DESC_BYTES,
                     op->value, op->aux);
    op->aux |= HIGH_FLAG(F_NEXT) | HIGH_NEXT(a);
}

// The descriptor that was stored last is stored to again, with another length.
static void change_desc(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    if (run->last[VL_FIELD_DESC] != NULL) {
        lab_breach_store(run, op->side, run->last[VL_FIELD_DESC], run->last_off[VL_FIELD_DESC],
                         VIRTQ_DESC_BYTES, 0, a);
    }
}

// The memory that is being stored to is given back.
static void free_ring(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    struct virtq_dma dma = {.span = *op->span, .bus_addr = op->span->gpa};

    (void)a;
    (void)b;
    virtq_mem_free(&run->machine->port[op->side], &dma);
}

// ---- rows -----------------------------------------------------------------------------------

#define ROW(clause, scenario_, how_)                                                               \
    .id = clause, .side = LAB_SIDE_DRIVER, .scenario = scenario_, .how = how_
#define STORE(field_, nth_, deed_, a_)                                                             \
    {                                                                                              \
        .op = VL_OP_STORE, .side = LAB_DRIVER, .where = LAB_FIELD(field_), .nth = nth_,            \
        .deed = deed_, .a = a_                                                                     \
    }
#define BEHIND(field_, nth_, deed_, a_, b_)                                                        \
    {                                                                                              \
        .op = VL_OP_STORE, .phase = VL_OP_DONE, .side = LAB_DRIVER, .where = LAB_FIELD(field_),    \
        .nth = nth_, .deed = deed_, .a = a_, .b = b_                                               \
    }
static const struct lab_breach rows[] = {
    {ROW("2.6-both-d1", "transport=direct buffers=2", "behind avail idx, queue 5 is notified"),
     .act = {BEHIND(AVAIL_IDX, 1, lab_also_doorbell, 5, 0)}},
    {ROW("2.7.1-drv-1", "transport=pci buffers=2", "the used ring lies 2 bytes further on"),
     .act = {{.op = VL_OP_NOTE,
              .side = LAB_DRIVER,
              .where = LAB_NOTE(QUEUE_AREAS),
              .deed = move_used_ring,
              .a = 2},
             {.op = VL_OP_MMIO_WRITE,
              .where = LAB_REG(COMMON, VL_COMMON_QUEUE_DEVICE),
              .deed = lab_add,
              .a = 2}}},
    {ROW("2.7.4.2-drv-1", "device=blk indirect=off buffers=2",
         "the status, behind data to be read, loses WRITE"),
     .act = {STORE(DESC, 3, lab_xor_high, HIGH_FLAG(F_WRITE))}},
    {ROW("2.7.4.2-drv-2", "queue_size=64 chain=64 buffers=2", "64 elements of a byte each"),
     .act = {{.op = VL_OP_STORE,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(INDIRECT),
              .count = UINT16_MAX,
              .deed = shrink_elem},
             {.op = VL_OP_NOTE,
              .side = LAB_DRIVER,
              .where = LAB_NOTE(SUBMIT),
              .count = UINT16_MAX,
              .deed = shrink_note}}},
    {ROW("2.7.5.2-drv-1", "chain=2 indirect=off buffers=2", "two elements of 2^32 - 1 bytes"),
     .act = {{.op = VL_OP_STORE,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(DESC),
              .count = 2,
              .deed = lab_xor_high,
              .a = UINT32_MAX ^ 64u}}},
    {ROW("2.7.5.2-drv-2", "chain=2 indirect=off buffers=2",
         "the last descriptor of a chain goes on at the first"),
     .act = {STORE(DESC, 2, lab_xor_high, HIGH_FLAG(F_NEXT))}},
    {ROW("2.7.5.3-drv-d1", "chain=2 buffers=2", "entry 0 of a table does not lead to entry 1"),
     .act = {STORE(INDIRECT, 1, lab_xor_high, HIGH_FLAG(F_NEXT))}},
    {ROW("2.7.5.3-drv-d2", "chain=2 buffers=2", "an indirect table is 8 bytes too long"),
     .act = {STORE(DESC, 1, lab_add_high, 8)}},
    {ROW("2.7.5.3.1-drv-1", "indirect=off buffers=2", "a descriptor says INDIRECT"),
     .act = {STORE(DESC, 1, lab_xor_high, HIGH_FLAG(F_INDIRECT))}},
    {ROW("2.7.5.3.1-drv-2", "chain=2 buffers=2", "an entry of a table says INDIRECT"),
     .act = {STORE(INDIRECT, 1, lab_xor_high, HIGH_FLAG(F_INDIRECT))}},
    {ROW("2.7.5.3.1-drv-3", "queue_size=2 chain=2 buffers=2",
         "a table has three entries, all of the chain, in a queue of two"),
     .act = {STORE(INDIRECT, 2, lengthen_table, 2),
             STORE(DESC, 1, lab_add_high, VIRTQ_DESC_BYTES)}},
    {ROW("2.7.5.3.1-drv-4", "chain=2 buffers=2", "an indirect descriptor says NEXT, too"),
     .act = {STORE(DESC, 1, lab_xor_high, HIGH_FLAG(F_NEXT))}},
    {ROW("2.7.6-drv-d1", "start_idx=7 buffers=2", "avail idx begins one further on"),
     .act = {STORE(AVAIL_IDX, 1, lab_add, 1)}},
    {ROW("2.7.6.1-drv-1", "buffers=4", "avail idx goes from 2 back to 1"),
     .act = {STORE(AVAIL_IDX, 3, lab_set, 1)}},
    {ROW("2.7.8-drv-d1", "buffers=4", "behind avail idx, used idx is stored to"),
     .act = {BEHIND(AVAIL_IDX, 2, lab_also_store16, LAB_FIELD(USED_IDX), 0)}},
    {ROW("2.7.13-drv-d1", "batch=2 indirect=off buffers=4",
         "a chain goes on in a descriptor of the buffer before it, in flight"),
     .act = {STORE(DESC, 2, lab_xor_high, HIGH_FLAG(F_NEXT))}},
    {ROW("2.7.13-drv-d2", "buffers=2", "a head is stored in the slot behind its own"),
     .act = {STORE(AVAIL_RING, 1, lab_move, 2)}},
    {ROW("2.7.13-drv-d4", "buffers=2", "avail idx grows by 2 for one head"),
     .act = {STORE(AVAIL_IDX, 1, lab_add, 1)}},
    {ROW("2.7.13.1-drv-d1", "buffers=2", "the slot names a head that was never filled in"),
     .act = {STORE(AVAIL_RING, 1, lab_set, 5)}},
    {ROW("2.7.13.1-drv-d2", "buffers=2", "an element lies far above memory"),
     .act = {STORE(DESC, 1, lab_or, 1ull << 60)}},
    {ROW("2.7.13.1-drv-d3", "buffers=2", "a descriptor has bit 3 of its flags set"),
     .act = {STORE(DESC, 1, lab_xor_high, HIGH_FLAG(8))}},
    {ROW("2.7.13.1-drv-d4", "chain=2 indirect=off buffers=2",
         "next is 8 in a queue of 8 descriptors"),
     .act = {STORE(DESC, 1, lab_xor_high, HIGH_NEXT(1 ^ 8))}},
    {ROW("2.7.13.3-drv-d1", "queue_size=4 buffers=6", "avail idx is 0 where it should be 4"),
     .act = {STORE(AVAIL_IDX, 4, lab_set, 0)}},
    {ROW("2.7.13.3.1-drv-1", "barriers=orders buffers=2", "avail idx is stored as relaxed"),
     .act = {STORE(AVAIL_IDX, 1, lab_order, VIRTQ_RELAXED)}},
    {ROW("2.7.13.4.1-drv-1", "barriers=orders buffers=2",
         "the fence behind avail idx is one of acquire and release only"),
     .act = {{.op = VL_OP_FENCE, .side = LAB_DRIVER, .deed = lab_order, .a = VIRTQ_ACQ_REL}}},
    {ROW("2.7.14-drv-d1", "buffers=2",
         "the driver takes the used index for one more, and loads an entry that is not covered"),
     .act = {{.op = VL_OP_LOAD,
              .phase = VL_OP_REPLY,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(USED_IDX),
              .deed = lab_see_add,
              .a = 1}}},
    {ROW("3.3.1-drv-1", "buffers=2", "behind avail idx, the descriptor becomes shorter"),
     .act = {BEHIND(AVAIL_IDX, 1, change_desc, HIGH_FLAG(F_WRITE) | 1, 0)}},
    {ROW("3.3.1-drv-2", "buffers=2", "behind avail idx, the available ring is freed"),
     .act = {BEHIND(AVAIL_IDX, 1, free_ring, 0, 0)}},
};

const struct lab_breach_table lab_breach_ring_driver = {.row = rows,
                                                        .n = sizeof(rows) / sizeof(rows[0])};
