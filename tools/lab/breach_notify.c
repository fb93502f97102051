// tools/lab/breach_notify.c -- breaches of clauses: available buffer notifications over PCI.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define SCENARIO "transport=pci buffers=2"
#define STRIDE 4u // bytes from one queue's address to the next in the lab

// The driver reads a field of the notification capability as something else.
#define CAP_SAYS(clause, text, off_, deed_, value)                                                 \
    {                                                                                              \
        .id = clause, .side = LAB_SIDE_DEVICE, .scenario = SCENARIO, .how = text, .act = {         \
            {.op = VL_OP_CONFIG_READ,                                                              \
             .phase = VL_OP_REPLY,                                                                 \
             .count = UINT16_MAX,                                                                  \
             .where = LAB_CAP(NOTIFY, off_),                                                       \
             .deed = deed_,                                                                        \
             .a = value}                                                                           \
        }                                                                                          \
    }

// The first notification is written in another way.
#define KICK_IS(clause, text, deed_, value)                                                        \
    {                                                                                              \
        .id = clause, .side = LAB_SIDE_DRIVER, .scenario = SCENARIO, .how = text, .act = {         \
            {.op = VL_OP_MMIO_WRITE,                                                               \
             .phase = VL_OP_BEFORE,                                                                \
             .where = LAB_REG(NOTIFY, 0),                                                          \
             .deed = deed_,                                                                        \
             .a = value}                                                                           \
        }                                                                                          \
    }

// The link becomes the offset of the capability at place a: what stood between is not in the list.
static void link_to(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    op->value = lab_breach_address(run, (uint32_t)a);
}

static const struct lab_breach rows[] = {
    {.id = "4.1.4.4.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the notification capability is left out of the list",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .count = UINT16_MAX,
              .where = LAB_CAP(COMMON, 1),
              .deed = link_to,
              .a = LAB_CAP(ISR, 0)}}},
    CAP_SAYS("4.1.4.4.1-dev-2", "the notification structure has an odd offset", 8, lab_or, 1),
    CAP_SAYS("4.1.4.4.1-dev-3", "notify_off_multiplier is 3", 16, lab_set, 3),
    CAP_SAYS("4.1.4.4.1-dev-4", "the notification structure has 1 byte", 12, lab_set, 1),
    {.id = "4.1.4.4.1-dev-5",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "queue_notify_off of the queue is 1, and the structure one byte too short for it",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .count = UINT16_MAX,
              .where = LAB_CAP(NOTIFY, 12),
              .deed = lab_set,
              .a = STRIDE + 1},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .count = UINT16_MAX,
              .where = LAB_REG(COMMON, VL_COMMON_QUEUE_NOTIFY_OFF),
              .deed = lab_set,
              .a = 1}}},
    {.id = "4.1.4.4-drv-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = SCENARIO,
     .how = "in a structure with room for two queues queue 0 is notified where queue 1 would be",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .count = UINT16_MAX,
              .where = LAB_CAP(NOTIFY, 12),
              .deed = lab_set,
              .a = 2 * STRIDE},
             {.op = VL_OP_MMIO_WRITE,
              .phase = VL_OP_BEFORE,
              .where = LAB_REG(NOTIFY, 0),
              .deed = lab_move,
              .a = STRIDE}}},
    KICK_IS("4.1.5.2.1-drv-1", "the first notification is written with 4 bytes", lab_width, 4),
    KICK_IS("4.1.5.2.1-drv-3", "the first notification carries 1, and there is only queue 0",
            lab_set, 1),
};

const struct lab_breach_table lab_breach_notify = {.row = rows,
                                                   .n = sizeof(rows) / sizeof(rows[0])};
