// tools/lab/breach_common.c -- breaches of clauses: the common configuration structure.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define PCI "transport=pci buffers=2"
#define PCI_RESET "transport=pci buffers=4 resets=1"

// Places of the driver's start, in its order.
#define AT_STATUS .where = LAB_REG(COMMON, VL_COMMON_STATUS)
#define AT_SELECT .where = LAB_REG(COMMON, VL_COMMON_QUEUE_SELECT)
#define AT_SIZE .where = LAB_REG(COMMON, VL_COMMON_QUEUE_SIZE)
#define AT_ENABLE .where = LAB_REG(COMMON, VL_COMMON_QUEUE_ENABLE)
#define AT_DESC .where = LAB_REG(COMMON, VL_COMMON_QUEUE_DESC)
#define AT_GENERATION .where = LAB_REG(COMMON, VL_COMMON_GENERATION)
#define READ_BEFORE .op = VL_OP_MMIO_READ, .phase = VL_OP_BEFORE
#define READ_REPLY .op = VL_OP_MMIO_READ, .phase = VL_OP_REPLY
#define READ_DONE .op = VL_OP_MMIO_READ, .phase = VL_OP_DONE
#define WRITE_BEFORE .op = VL_OP_MMIO_WRITE, .phase = VL_OP_BEFORE
#define WRITE_DONE .op = VL_OP_MMIO_WRITE, .phase = VL_OP_DONE
#define IS_STATUS(bits) AT_STATUS, .mask = 0xFF, .match = (bits)

// Behind DRIVER the driver also writes a register that it may only read.
#define ALSO_WRITES(clause, what, deed_, reg)                                                      \
    {                                                                                              \
        .id = clause, .side = LAB_SIDE_DRIVER, .scenario = PCI,                                    \
        .how = "behind the status DRIVER, " what " is written", .act = {                           \
            {WRITE_DONE, IS_STATUS(VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER), .deed = deed_,       \
             .a = LAB_REG(COMMON, reg), .b = 1}                                                    \
        }                                                                                          \
    }

// A span of the device's or the driver's own at a bus address.
static bool span_at(struct lab_breach_run *run, uint64_t bus_addr, uint32_t bytes,
                    enum virtq_area area, struct virtq_span *span)
{
    uint32_t n = 0;
    const enum virtq_err err =
        vl_memory_resolve(&run->machine->memory, bus_addr, bytes, span, 1, &n);

    span->queue_index = 0;
    span->area = (uint16_t)area;
    return err == VIRTQ_OK && n == 1;
}

// A write of a queue address: what is written is remembered.
static void remember(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    run->word[0] = op->value;
}

// The device looks at the index of the available ring that it has been told of.
static void look_early(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    struct virtq_span span;
    uint8_t saved = 0;

    (void)op;
    (void)a;
    (void)b;
    if (span_at(run, run->word[0], 4, VIRTQ_AREA_AVAIL, &span)) {
        vl_trap_enter(run->machine, VL_AGENT_TRAP, &saved);
        (void)lab_breach_load(run, VL_SIDE_DEVICE, &span, 2, 2);
        vl_trap_leave(run->machine, saved);
    }
}

// The driver leaves index a in the used ring of a queue that it is about to note: op is that note.
static void leave_index(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    struct virtq_span span;

    (void)b;
    if (span_at(run, op->seen, 4, VIRTQ_AREA_USED, &span)) {
        lab_breach_store(run, VL_SIDE_DRIVER, &span, 2, 2, a, 0);
    }
}

// The answer is kept, and given to another read.
static void keeps(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    run->word[0] = op->value;
}

static void gives_kept(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    op->value = run->word[0];
}

static void turns(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    (void)a;
    (void)b;
    op->value = __builtin_bswap32((uint32_t)op->value);
}

static const struct lab_breach rows[] = {
    // ---- device ----
    {.id = "4.1.3-both-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=pci device=blk buffers=40 resize=1",
     .how = "the capacity is big-endian, and changes",
     .act = {{READ_REPLY, .where = LAB_REG(DEVICE, 0), .count = UINT16_MAX, .deed = turns}}},
    {.id = "4.1.3.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "the low half of queue_desc is not taken, and the driver reads it back",
     .act = {{WRITE_BEFORE, AT_DESC, .deed = lab_unheard},
             {WRITE_DONE, AT_DESC, .deed = lab_also_read32,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_DESC)}}},
    {.id = "4.1.4.3-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI_RESET,
     .how = "behind a reset queue_size reads half of what it was",
     .act = {{READ_REPLY, AT_SIZE, .nth = 2, .deed = lab_set, .a = 4}}},
    {.id = "4.1.4.3-dev-d2",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "the device loads avail idx as soon as it knows where the rings are",
     .act = {{WRITE_DONE, .where = LAB_REG(COMMON, VL_COMMON_QUEUE_DRIVER), .deed = remember},
             {WRITE_DONE, .where = LAB_REG(COMMON, VL_COMMON_QUEUE_DEVICE + 4),
              .deed = look_early}}},
    {.id = "4.1.4.3-dev-d5",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "the capability gives the structure 0x20 bytes",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_CAP(COMMON, 12),
              .deed = lab_set,
              .a = 0x20}}},
    {.id = "4.1.4.3.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "the capability puts the structure at offset 2",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_CAP(COMMON, 8),
              .deed = lab_set,
              .a = 2}}},
    {.id = "4.1.4.3.1-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "the capability list begins behind the common configuration's",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_CONFIG(0x34),
              .deed = lab_set,
              .a = 0x50}}},
    {.id = "4.1.4.3.1-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=pci device=blk indirect=off event_idx=off buffers=2",
     .how = "device_feature reads word 0 whatever is selected",
     .act = {{READ_REPLY, .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), .deed = keeps},
             {READ_REPLY, .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), .nth = 2,
              .deed = gives_kept}}},
    {.id = "4.1.4.3.1-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "word 0 of driver_feature is not taken, and the driver reads it back",
     .act = {{WRITE_BEFORE, .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE),
              .deed = lab_unheard},
             {WRITE_DONE, .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE),
              .deed = lab_also_read32, .a = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE)}}},
    {.id = "4.1.4.3.1-dev-6",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI " device=blk",
     .how = "seg_max changes between two reads, and the generation stays",
     .act = {{READ_REPLY, .where = LAB_REG(DEVICE, 12), .deed = lab_add, .a = 1},
             {READ_DONE, AT_GENERATION, .nth = 2, .deed = lab_also_read32,
              .a = LAB_REG(DEVICE, 12)},
             {READ_DONE, AT_GENERATION, .nth = 2, .deed = lab_also_read8,
              .a = LAB_REG(COMMON, VL_COMMON_GENERATION)}}},
    {.id = "4.1.4.3.1-dev-7",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI_RESET,
     .how = "status 0 resets nothing but what status reads",
     .act = {{WRITE_BEFORE, AT_STATUS, .nth = 6, .count = 4, .deed = lab_unheard},
             {READ_REPLY, AT_STATUS, .nth = 3, .count = 2, .deed = lab_set, .a = 0},
             {WRITE_DONE, IS_STATUS(VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER), .nth = 2,
              .deed = lab_also_write32, .a = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE_SELECT),
              .b = 0},
             {WRITE_DONE, IS_STATUS(VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER), .nth = 2,
              .deed = lab_also_read32, .a = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE)}}},
    {.id = "4.1.4.3.1-dev-8",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI_RESET,
     .how = "status reads 0 at once, long before the device is through with its reset",
     .act = {{READ_REPLY, AT_STATUS, .nth = 3, .deed = lab_set, .a = 0}}},
    {.id = "4.1.4.3.1-dev-9",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI_RESET,
     .how = "behind a reset queue_enable still reads 1",
     .act = {{READ_REPLY, AT_ENABLE, .nth = 2, .deed = lab_set, .a = 1}}},
    {.id = "4.1.4.3.1-dev-15",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "the driver looks at queue 1, which does not exist, and has a size",
     .act = {{READ_BEFORE, AT_SIZE, .deed = lab_also_write16,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_SELECT), .b = 1},
             {READ_REPLY, AT_SIZE, .deed = lab_set, .a = 8},
             {READ_DONE, AT_SIZE, .deed = lab_also_write16,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_SELECT), .b = 0}}},
    {.id = "4.1.4.3.1-dev-16",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI,
     .how = "queue_size reads 100",
     .act = {{READ_REPLY, AT_SIZE, .deed = lab_set, .a = 100}}},
    // ---- driver ----
    {.id = "4.1.3.1-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "device_status is read with 32 bits",
     .act = {{READ_BEFORE, AT_STATUS, .nth = 2, .deed = lab_width, .a = 4},
             {READ_BEFORE, AT_STATUS, .nth = 2, .deed = lab_answer, .a = 0x0B}}},
    {.id = "4.1.3.1-drv-2",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "queue_select is written with 8 bits",
     .act = {{WRITE_BEFORE, AT_SELECT, .deed = lab_width, .a = 1}}},
    {.id = "4.1.3.1-drv-3",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "queue_desc is written with 16 bits",
     .act = {{WRITE_BEFORE, AT_DESC, .deed = lab_width, .a = 2}}},
    {.id = "4.1.4.3-drv-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "queue_size is written twice the maximum",
     .act = {{READ_DONE, AT_SIZE, .deed = lab_also_write16,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_SIZE), .b = 16}}},
    {.id = "4.1.4.3-drv-d2",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "the addresses of queue 0 are written with queue 1 selected",
     .act = {{WRITE_DONE, AT_SELECT, .nth = 2, .deed = lab_also_write16,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_SELECT), .b = 1}}},
    {.id = "4.1.4.3-drv-d6",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "word 1 of driver_feature is not written",
     .act = {{WRITE_BEFORE, .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE), .nth = 2,
              .deed = lab_drop}}},
    ALSO_WRITES("4.1.4.3.2-drv-1", "device_feature", lab_also_write32, VL_COMMON_DEVICE_FEATURE),
    ALSO_WRITES("4.1.4.3.2-drv-2", "num_queues", lab_also_write16, VL_COMMON_NUM_QUEUES),
    ALSO_WRITES("4.1.4.3.2-drv-3", "config_generation", lab_also_write8, VL_COMMON_GENERATION),
    ALSO_WRITES("4.1.4.3.2-drv-4", "queue_notify_off", lab_also_write16,
                VL_COMMON_QUEUE_NOTIFY_OFF),
    {.id = "4.1.4.3.2-drv-7",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "queue_size is written 6",
     .act = {{READ_DONE, AT_SIZE, .deed = lab_also_write16,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_SIZE), .b = 6}}},
    {.id = "4.1.4.3.2-drv-8",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "the low half of queue_device is not written",
     .act = {{WRITE_BEFORE, .where = LAB_REG(COMMON, VL_COMMON_QUEUE_DEVICE), .deed = lab_drop}}},
    {.id = "4.1.4.3.2-drv-9",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "the driver does not wait for the reset",
     .act = {{READ_BEFORE, AT_STATUS, .deed = lab_drop, .a = 0}}},
    {.id = "4.1.4.3.2-drv-10",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "the queue is disabled by a write",
     .act = {{WRITE_DONE, AT_ENABLE, .deed = lab_also_write16,
              .a = LAB_REG(COMMON, VL_COMMON_QUEUE_ENABLE), .b = 0}}},
    {.id = "4.1.5.1.3-drv-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "queue 0 is not selected",
     .act = {{WRITE_BEFORE, AT_SELECT, .deed = lab_drop}}},
    {.id = "4.1.5.1.3-drv-d2",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "the queue reads as absent, and is set up all the same",
     .act = {{READ_REPLY, AT_SIZE, .deed = lab_set, .a = 0},
             {READ_DONE, AT_SIZE, .deed = lab_see, .a = 8}}},
    {.id = "4.1.5.1.3-drv-d3",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI,
     .how = "used idx is 1 in the memory of a new queue",
     .act = {{.op = VL_OP_NOTE,
              .phase = VL_OP_BEFORE,
              .where = LAB_NOTE(QUEUE_AREAS),
              .deed = leave_index,
              .a = 1}}},
};

const struct lab_breach_table lab_breach_common = {.row = rows,
                                                   .n = sizeof(rows) / sizeof(rows[0])};
