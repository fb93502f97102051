// tools/lab/breach_entropy.c -- breaches of clauses: the entropy device.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define LEN(n) ((uint64_t)(n) << 32) // in a used element
#define DESC_WRITE (2ull << 32)      // in the high half of a descriptor

// The completion is of a bytes less than the driver says.
static void fewer(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    (void)b;
    op->bytes -= (uint32_t)a;
}

#define RETURNS(deed_, a_, b_)                                                                     \
    {                                                                                              \
        .op = VL_OP_STORE, .phase = VL_OP_BEFORE, .side = LAB_DEVICE,                              \
        .where = LAB_FIELD(USED_RING), .deed = deed_, .a = (a_), .b = (b_)                         \
    }

static const struct lab_breach rows[] = {
    {.id = "5.4.6-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "device=entropy buffers=4",
     .how = "the first used length is larger by 1 than the buffer",
     .act = {RETURNS(lab_add, LEN(1), 0)}},
    {.id = "5.4.6.2-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "device=entropy buffers=4",
     .how = "the first used length is 0",
     .act = {RETURNS(lab_set_masked, 0, LEN(UINT32_MAX))}},
    {.id = "5.4.6.1-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "device=entropy buffers=4",
     .how = "the first buffer is device-readable",
     .act = {{.op = VL_OP_STORE,
              .phase = VL_OP_BEFORE,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(DESC),
              .deed = lab_xor_high,
              .a = DESC_WRITE}}},
    {.id = "5.4.6.1-drv-2",
     .side = LAB_SIDE_DRIVER,
     .scenario = "device=entropy buffers=4",
     .how = "the device returns 8 bytes less than the buffer has, and the driver uses all of it",
     .act = {RETURNS(lab_add, (uint64_t)-LEN(8), 0),
             {.op = VL_OP_LOAD,
              .phase = VL_OP_REPLY,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(USED_RING),
              .deed = lab_see_add,
              .a = LEN(8)},
             {.op = VL_OP_NOTE,
              .phase = VL_OP_BEFORE,
              .where = LAB_NOTE(COMPLETE),
              .deed = fewer,
              .a = 8}}},
};

const struct lab_breach_table lab_breach_entropy = {.row = rows,
                                                    .n = sizeof(rows) / sizeof(rows[0])};
