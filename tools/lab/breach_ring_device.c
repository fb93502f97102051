// tools/lab/breach_ring_device.c -- breaches of clauses: the device's side of a split ring, its
// descriptors, indirect tables and buffers, and what a used length means to the driver.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define NEXT_BIT (1ull << 32) // in the high half of a descriptor
#define WRITE_BIT (2ull << 32)
#define INDIRECT_BIT (4ull << 32)
#define FREE_SLOT 7u // of a queue of 8 that is never used up: the driver takes the first ones

// ---- payload --------------------------------------------------------------------------------

// Behind a copy of the device's: write b to the byte that it began with.
static void write_back(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const uint8_t byte = (uint8_t)b;
    (void)a;
    vl_port_copy_out(&run->machine->port[op->side], op->span, op->off, &byte, 1, NULL);
}

// Read a byte, a bytes from where the copy begins (b: from where it ends).
static void also_read(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    uint8_t byte = 0;
    const uint32_t off = op->off + (uint32_t)a + (b != 0 ? op->bytes : 0);
    vl_port_copy_in(&run->machine->port[op->side], &byte, op->span, off, 1, NULL);
}

// Copy zeroes over entry a of the used ring.
static void zero_used_slot(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                           uint64_t b)
{
    static const uint8_t zero[8] = {0};
    const struct virtq_span *used = run->last[VL_FIELD_USED_IDX];
    (void)b;
    if (used != NULL) {
        vl_port_copy_out(&run->machine->port[op->side], used, 4 + 8 * (uint32_t)a, zero, 8, NULL);
    }
}

// ---- rings ----------------------------------------------------------------------------------

// The descriptor that was just read loses its NEXT in memory.
static void clear_next(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    lab_breach_store(run, op->side, op->span, op->off, 16, op->value, op->aux & ~NEXT_BIT);
}

// Before a used entry: used idx, which is to be a.
static void idx_first(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    lab_breach_store(run, op->side, op->span, 2, 2, a, 0);
}

// ---- indirect tables ------------------------------------------------------------------------

// The device takes a table whose descriptor has WRITE for a buffer to write to.
static void see_table_as_buffer(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                                uint64_t b)
{
    (void)a;
    (void)b;
    if ((op->aux & (INDIRECT_BIT | WRITE_BIT)) == (INDIRECT_BIT | WRITE_BIT)) {
        lab_see(run, op, op->value, (op->aux & UINT32_MAX) | WRITE_BIT);
    }
}

static void mark_table_writable(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                                uint64_t b)
{
    (void)run;
    (void)a;
    (void)b;
    op->aux |= (op->aux & INDIRECT_BIT) != 0 ? WRITE_BIT : 0;
}

// The first entry of a table of two is remembered ...
static void keep_entry(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    if ((op->aux & NEXT_BIT) != 0) {
        run->word[0] = op->value;
        run->word[1] = op->aux;
    }
}

// ... and stands in the queue's own table instead, in front of a table with the other one.
static void split_table(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const uint64_t rest = 16 | INDIRECT_BIT;
    (void)a;
    (void)b;
    if ((op->aux & INDIRECT_BIT) == 0 || (op->aux & UINT32_MAX) != 32) {
        return;
    }
    lab_breach_store(run, op->side, op->span, FREE_SLOT * 16, 16, op->value + 16, rest);
    op->value = run->word[0];
    op->aux = (run->word[1] & ~(0xFFFFull << 48)) | (uint64_t)FREE_SLOT << 48;
}

// The device sees an empty last element where a table ends the chain.
static void see_no_tail(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    if ((op->aux & INDIRECT_BIT) != 0 && op->off == FREE_SLOT * 16) {
        lab_see(run, op, op->value, WRITE_BIT);
    }
}

// ---- the table ------------------------------------------------------------------------------

#define DEVICE_LOADS(field, phase_)                                                                \
    .op = VL_OP_LOAD, .phase = VL_OP_##phase_, .side = LAB_DEVICE, .where = LAB_FIELD(field)
#define DEVICE_STORES(field, phase_)                                                               \
    .op = VL_OP_STORE, .phase = VL_OP_##phase_, .side = LAB_DEVICE, .where = LAB_FIELD(field)
#define DRIVER_STORES(field, phase_)                                                               \
    .op = VL_OP_STORE, .phase = VL_OP_##phase_, .side = LAB_DRIVER, .where = LAB_FIELD(field)

static const struct lab_breach rows[] = {
    {.id = "2.7-both-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "device=blk transport=direct buffers=3",
     .how = "with its third request the driver copies eight bytes over the used ring",
     .act = {{.op = VL_OP_WRITE,
              .phase = VL_OP_DONE,
              .side = LAB_DRIVER,
              .nth = 3,
              .deed = zero_used_slot,
              .a = 6}}},
    {.id = "2.7-dev-d2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=pci buffers=2",
     .how = "queue_size reads 65535",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(COMMON, VL_COMMON_QUEUE_SIZE),
              .deed = lab_set,
              .a = 65535}}},
    {.id = "2.7.4.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "device=blk buffers=8 bytes=1024 chain=3 ops=mix",
     .how = "the device takes the data of a write from one descriptor",
     .patch = true},
    {.id = "2.7.5.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "device=blk transport=direct buffers=2",
     .how = "the device clears the first byte of a request header that it has read",
     .act = {{.op = VL_OP_READ, .phase = VL_OP_REPLY, .side = LAB_DEVICE, .deed = write_back}}},
    {.id = "2.7.5.1-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=2",
     .how = "the device reads a byte of a writable buffer before it fills it",
     .act = {{.op = VL_OP_WRITE, .phase = VL_OP_BEFORE, .side = LAB_DEVICE, .deed = also_read}}},
    {.id = "2.7.5.1-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = "device=blk transport=direct indirect=off buffers=2",
     .how = "the device clears NEXT in a descriptor that it has read",
     .act = {{DEVICE_LOADS(DESC, DONE), .deed = clear_next}}},
    {.id = "2.7.5.3.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct chain=2 buffers=2",
     .how = "the driver sets WRITE in a descriptor that leads to an indirect table, and the device "
            "takes the table for a buffer",
     .act = {{DRIVER_STORES(DESC, BEFORE), .count = UINT16_MAX, .deed = mark_table_writable},
             {DEVICE_LOADS(DESC, DONE), .count = UINT16_MAX, .deed = see_table_as_buffer}}},
    {.id = "2.7.5.3.2-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct chain=2 buffers=2",
     .how = "the driver lets an indirect table follow a direct element, and the device leaves the "
            "table out",
     .act = {{DRIVER_STORES(INDIRECT, BEFORE), .count = UINT16_MAX, .deed = keep_entry},
             {DRIVER_STORES(DESC, BEFORE), .count = UINT16_MAX, .deed = split_table},
             {DEVICE_LOADS(DESC, DONE), .count = UINT16_MAX, .deed = see_no_tail}}},
    {.id = "2.7.6-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=2",
     .how = "the device clears an available entry that it has taken",
     .act = {{DEVICE_LOADS(AVAIL_RING, DONE), .deed = lab_also_store16, .a = LAB_FIELD(AVAIL_RING),
              .b = 0}}},
    {.id = "2.7.8-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=2",
     .how = "a used entry names the descriptor behind the head",
     .act = {{DEVICE_STORES(USED_RING, BEFORE), .deed = lab_add, .a = 1}}},
    {.id = "2.7.8-dev-d2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "device=blk transport=direct buffers=2",
     .how = "a used length counts the 16 bytes of the request header, too",
     .act = {{DEVICE_STORES(USED_RING, BEFORE), .deed = lab_add, .a = 16ull << 32}}},
    {.id = "2.7.8-dev-d3",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "used idx goes from 2 to 1 instead of 3",
     .act = {{DEVICE_STORES(USED_IDX, BEFORE), .nth = 3, .deed = lab_set, .a = 1}}},
    {.id = "2.7.8-dev-d4",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=2",
     .how = "a used entry is stored one slot too far on",
     .act = {{DEVICE_STORES(USED_RING, BEFORE), .deed = lab_move, .a = 8}}},
    {.id = "2.7.8.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=2",
     .how = "used idx is stored before the used entry",
     .act = {{DEVICE_STORES(USED_RING, BEFORE), .deed = idx_first, .a = 1}}},
    {.id = "2.7.8.2-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=2",
     .how = "the device writes a byte less than the used length says",
     .act = {{.op = VL_OP_WRITE,
              .phase = VL_OP_BEFORE,
              .side = LAB_DEVICE,
              .deed = lab_shorter,
              .a = 1}}},
    {.id = "2.7.8.3-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=2",
     .how = "the device says that it wrote 8 bytes less, and the driver takes them all the same",
     .act = {{DEVICE_STORES(USED_RING, BEFORE), .deed = lab_add, .a = -(8ull << 32)},
             {.op = VL_OP_LOAD,
              .phase = VL_OP_DONE,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(USED_RING),
              .deed = lab_see_add,
              .a = 8ull << 32}}},
    {.id = "2.7.8.3-drv-2",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=direct buffers=2",
     .how = "the device says that it wrote 8 bytes less, and the driver reads one of them",
     .device_lies = true,
     .act =
         {{DEVICE_STORES(USED_RING, BEFORE), .deed = lab_add, .a = -(8ull << 32)},
          {.op = VL_OP_READ, .phase = VL_OP_REPLY, .side = LAB_DRIVER, .deed = also_read, .b = 1}}},
    {.id = "2.7.13.3-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=direct buffers=4",
     .how = "the device reads an available slot that avail idx does not cover yet",
     .act = {{DEVICE_LOADS(AVAIL_IDX, DONE), .nth = 2, .deed = lab_see_add, .a = 1}}},
};

const struct lab_breach_table lab_breach_ring_device = {.row = rows,
                                                        .n = sizeof(rows) / sizeof(rows[0])};
