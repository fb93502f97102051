// tools/lab/breach_config.c -- breaches of clauses: device configuration.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/breach_rows.h"

#define STATUS LAB_REG(COMMON, VL_COMMON_STATUS)
#define DRIVER_SET (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER)
#define FEATURES_SET (DRIVER_SET | VL_STATUS_FEATURES_OK)

#define GENERATION LAB_REG(COMMON, VL_COMMON_GENERATION)
#define CAPACITY LAB_REG(DEVICE, 0)
#define SEG_MAX LAB_REG(DEVICE, 12)
#define NUM_QUEUES LAB_REG(DEVICE, 34)
#define CONFIG_VECTOR 0 // as our driver maps the configuration change

#define BLK_DRIVER_ROW(clause, ...) DRIVER_ROW(clause, BLK2, __VA_ARGS__)
#define BLK_DEVICE_ROW(clause, ...) DEVICE_ROW(clause, BLK2, __VA_ARGS__)
#define BLK2 "transport=pci device=blk buffers=2"

// The driver reads the generation, four words and the generation again.
#define ANSWER(where_, nth_)                                                                       \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_REPLY, .where = (where_), .nth = (nth_)
#define SEEN(where_, nth_)                                                                         \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_DONE, .where = (where_), .nth = (nth_)
#define AFTER_STATUS(value_)                                                                       \
    .op = VL_OP_MMIO_WRITE, .phase = VL_OP_DONE, .where = STATUS, .mask = 0xFF, .match = (value_)

// Length of the device configuration as its capability says; the driver insists on its own.
#define LENGTH_IS(n_)                                                                              \
    {.op = VL_OP_CONFIG_READ,                                                                      \
     .phase = VL_OP_REPLY,                                                                         \
     .where = LAB_CAP(DEVICE, 12),                                                                 \
     .deed = lab_set,                                                                              \
     .a = (n_)},                                                                                   \
        {.op = VL_OP_CONFIG_READ,                                                                  \
         .phase = VL_OP_DONE,                                                                      \
         .where = LAB_CAP(DEVICE, 12),                                                             \
         .deed = lab_see,                                                                          \
         .a = 4},                                                                                  \
    {                                                                                              \
        .op = VL_OP_NOTE, .phase = VL_OP_BEFORE, .where = LAB_NOTE(PEER_ERROR), .deed = lab_drop   \
    }

// The driver reads the capacity again, between two reads of the generation that agree.
static void reads_capacity_again(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                                 uint64_t b)
{
    (void)op;
    (void)a;
    (void)b;
    (void)lab_breach_read(run, CAPACITY, 4);
    (void)lab_breach_read(run, CAPACITY + 4, 4);
    (void)lab_breach_read(run, GENERATION, 1);
}

static void drop_vector(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    (void)b;
    op->drop = op->addr == a;
}

static const struct lab_breach rows[] = {
    BLK_DRIVER_ROW("2.5.1-drv-1",
                   "the generation changes while the capacity is read, and it is kept",
                   {ANSWER(GENERATION, 1), .deed = lab_set, .a = 255},
                   {SEEN(GENERATION, 1), .deed = lab_see, .a = 0}),
    BLK_DRIVER_ROW(
        "2.5.1-drv-2",
        "the generation changes while fields are read, and only the capacity is read again",
        {ANSWER(GENERATION, 1), .deed = lab_set, .a = 255},
        {SEEN(GENERATION, 1), .deed = lab_see, .a = 0},
        {SEEN(GENERATION, 2), .deed = reads_capacity_again}),
    BLK_DRIVER_ROW("2.5.1-drv-3", "the second read of the generation is left out",
                   {.op = VL_OP_MMIO_READ,
                    .phase = VL_OP_BEFORE,
                    .where = GENERATION,
                    .nth = 2,
                    .deed = lab_drop,
                    .a = 0}),
    BLK_DRIVER_ROW("2.5.1-drv-4", "num_queues is read, and MQ is not offered",
                   {AFTER_STATUS(FEATURES_SET), .deed = lab_also_read16, .a = NUM_QUEUES}),
    BLK_DRIVER_ROW(
        "2.5.1-drv-5", "the structure is longer than known, and FAILED is set behind DRIVER",
        {.op = VL_OP_CONFIG_READ,
         .phase = VL_OP_REPLY,
         .where = LAB_CAP(DEVICE, 12),
         .deed = lab_set,
         .a = 256},
        {SEEN(LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE), 2), .deed = lab_see, .a = 0},
        {.op = VL_OP_NOTE, .phase = VL_OP_BEFORE, .where = LAB_NOTE(PEER_ERROR), .deed = lab_drop}),
    BLK_DRIVER_ROW("2.5.1-drv-6", "a structure that is long enough is refused", LENGTH_IS(24)),
    BLK_DEVICE_ROW("2.5.2-dev-1", "the capacity reads 0 in front of FEATURES_OK",
                   {AFTER_STATUS(DRIVER_SET), .deed = lab_also_read8, .a = GENERATION},
                   {AFTER_STATUS(DRIVER_SET), .deed = lab_also_seen, .a = CAPACITY, .b = 4},
                   {ANSWER(CAPACITY, 1), .deed = lab_set, .a = 0}),
    BLK_DEVICE_ROW("2.5.2-dev-2", "seg_max reads 0 in front of FEATURES_OK, and SEG_MAX is offered",
                   {.op = VL_OP_MMIO_WRITE,
                    .phase = VL_OP_BEFORE,
                    .where = STATUS,
                    .mask = 0xFF,
                    .match = FEATURES_SET,
                    .deed = lab_also_read8,
                    .a = GENERATION},
                   {.op = VL_OP_MMIO_WRITE,
                    .phase = VL_OP_BEFORE,
                    .where = STATUS,
                    .mask = 0xFF,
                    .match = FEATURES_SET,
                    .deed = lab_also_seen,
                    .a = SEG_MAX,
                    .b = 4},
                   {ANSWER(SEG_MAX, 1), .deed = lab_set, .a = 0}),
    {.id = "3.2.1-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=pci device=blk buffers=40 resize=1",
     .how = "the medium grows, and no interrupt tells of it",
     .act = {{.op = VL_OP_INTERRUPT,
              .phase = VL_OP_BEFORE,
              .count = UINT16_MAX,
              .deed = drop_vector,
              .a = CONFIG_VECTOR}}},
};

const struct lab_breach_table lab_breach_config = {.row = rows,
                                                   .n = sizeof(rows) / sizeof(rows[0])};
