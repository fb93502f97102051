// tools/lab/breach_msix.c -- breaches of clauses: MSI-X vectors.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#define SCENARIO "transport=pci buffers=3"
#define VECTOR(reg) LAB_REG(COMMON, VL_COMMON_##reg)
#define CONFIG_ENTRY 0u // what the driver maps events to in the lab
#define QUEUE_ENTRY 1u
#define LAST_ENTRY_OF_3 2u
#define SIZE_MASK 0x7FFu
#define RUNNING                                                                                    \
    (VL_STATUS_ACKNOWLEDGE | VL_STATUS_DRIVER | VL_STATUS_FEATURES_OK | VL_STATUS_DRIVER_OK)

// ---- deeds ----------------------------------------------------------------------------------

// Vector a is written, and the device does not get it: it cannot map that one, or will not.
static void write_unheard(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    lab_set(run, op, a, b);
    lab_unheard(run, op, a, b);
}

// The device answers a; the driver takes it for b.
static void answer_other(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    op->value = a;
    lab_see(run, op, b, 0);
}

// The register at place a is written b once more, and read back.
static void map_again(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    lab_breach_write(run, (uint32_t)a, 2, (uint32_t)b);
    (void)lab_breach_read(run, (uint32_t)a, 2);
}

// The interrupt is signalled on entry a instead.
static void other_entry(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)run;
    (void)b;
    op->addr = a;
}

// INTx is pulsed by a function that has MSI-X enabled; past the bus, which would not let it.
static void pulse_line(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    (void)a;
    (void)b;
    vl_intx(run->machine, true, NULL);
    vl_intx(run->machine, false, NULL);
}

// ---- rows -----------------------------------------------------------------------------------

// Acts at the write of a vector and at its reading back.
#define AT_WRITE(reg, deed_, value)                                                                \
    {                                                                                              \
        .op = VL_OP_MMIO_WRITE, .phase = VL_OP_BEFORE, .where = VECTOR(reg), .deed = deed_,        \
        .a = value                                                                                 \
    }
#define AT_READ(reg, phase_, deed_, value, other)                                                  \
    {                                                                                              \
        .op = VL_OP_MMIO_READ, .phase = phase_, .where = VECTOR(reg), .deed = deed_, .a = value,   \
        .b = other                                                                                 \
    }
#define AT_SIZE(entries)                                                                           \
    {                                                                                              \
        .op = VL_OP_CONFIG_READ, .phase = VL_OP_REPLY, .count = UINT16_MAX,                        \
        .where = LAB_MSIX_CAP(2), .deed = lab_set_masked, .a = (entries)-1, .b = SIZE_MASK         \
    }
// The device, where it has just published used buffers, or just begins to look for available ones.
#define AT_DEVICE(op_, field, deed_, value)                                                        \
    {                                                                                              \
        .op = op_, .phase = VL_OP_DONE, .side = LAB_DEVICE, .where = LAB_FIELD(field),             \
        .deed = deed_, .a = value                                                                  \
    }

static const struct lab_breach rows[] = {
    // ---- the device
    {.id = "4.1.5.1.2-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "INTx is asserted for used buffers, with MSI-X enabled",
     .act = {AT_DEVICE(VL_OP_STORE, USED_IDX, pulse_line, 0)}},
    {.id = "4.1.5.1.2.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the MSI-X table has one entry",
     .act = {AT_SIZE(1)}},
    {.id = "4.1.5.1.2.1-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "of three entries in its table the device can map nothing to the third",
     .act = {AT_SIZE(3), AT_WRITE(CONFIG_VECTOR, write_unheard, LAST_ENTRY_OF_3),
             AT_READ(CONFIG_VECTOR, VL_OP_REPLY, answer_other, VL_NO_VECTOR, CONFIG_ENTRY),
             AT_WRITE(QUEUE_VECTOR, write_unheard, LAST_ENTRY_OF_3),
             AT_READ(QUEUE_VECTOR, VL_OP_REPLY, answer_other, VL_NO_VECTOR, QUEUE_ENTRY)}},
    {.id = "4.1.5.1.2.1-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "vector 0, to which the configuration change is mapped, is refused to the queue",
     .act = {AT_WRITE(QUEUE_VECTOR, write_unheard, CONFIG_ENTRY),
             AT_READ(QUEUE_VECTOR, VL_OP_REPLY, answer_other, VL_NO_VECTOR, QUEUE_ENTRY)}},
    {.id = "4.1.5.1.2.1-dev-5",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the driver takes the queue's vector back, and the device goes on signalling it",
     .act = {{.op = VL_OP_MMIO_WRITE,
              .phase = VL_OP_BEFORE,
              .where = VECTOR(QUEUE_ENABLE),
              .deed = map_again,
              .a = VECTOR(QUEUE_VECTOR),
              .b = VL_NO_VECTOR},
             AT_DEVICE(VL_OP_STORE, USED_IDX, lab_also_interrupt, QUEUE_ENTRY)}},
    {.id = "4.1.5.1.2.1-dev-6",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the queue's vector reads 0, whatever was written",
     .act = {AT_READ(QUEUE_VECTOR, VL_OP_REPLY, lab_set, 0, 0)}},
    {.id = "4.1.5.1.2.1-dev-7",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO " resets=1",
     .how = "the vector of configuration changes survives the reset; the driver finds it there",
     .act = {{.op = VL_OP_MMIO_WRITE,
              .phase = VL_OP_BEFORE,
              .nth = 2,
              .where = VECTOR(CONFIG_VECTOR),
              .deed = lab_drop},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .nth = 2,
              .where = VECTOR(CONFIG_VECTOR),
              .deed = lab_set,
              .a = CONFIG_ENTRY}}},
    {.id = "4.1.5.1.2.1-dev-8",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the queue's vector is refused for no reason; the driver tries again",
     .act = {AT_READ(QUEUE_VECTOR, VL_OP_REPLY, answer_other, VL_NO_VECTOR, QUEUE_ENTRY),
             AT_READ(QUEUE_VECTOR, VL_OP_DONE, map_again, VECTOR(QUEUE_VECTOR), QUEUE_ENTRY)}},
    {.id = "4.1.5.1.2.1-dev-9",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the driver maps the queue to an entry behind the table, and reads that back",
     .driver_lies = true,
     .act = {AT_WRITE(QUEUE_VECTOR, write_unheard, LAST_ENTRY_OF_3),
             AT_READ(QUEUE_VECTOR, VL_OP_REPLY, lab_set, LAST_ENTRY_OF_3, 0)}},
    {.id = "4.1.5.3-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "used buffers are signalled on the vector of configuration changes",
     .act = {{.op = VL_OP_INTERRUPT,
              .phase = VL_OP_BEFORE,
              .side = LAB_DEVICE,
              .deed = other_entry,
              .a = CONFIG_ENTRY}}},
    {.id = "4.1.5.3.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the driver maps the queue to no vector, and the device signals entry 1",
     .act = {AT_WRITE(QUEUE_VECTOR, lab_set, VL_NO_VECTOR),
             AT_READ(QUEUE_VECTOR, VL_OP_DONE, lab_see, QUEUE_ENTRY, 0),
             AT_DEVICE(VL_OP_STORE, USED_IDX, lab_also_interrupt, QUEUE_ENTRY)}},
    {.id = "4.1.5.4.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = SCENARIO,
     .how = "the driver maps the configuration change to no vector, and the device signals entry 0",
     .act = {AT_WRITE(CONFIG_VECTOR, lab_set, VL_NO_VECTOR),
             AT_READ(CONFIG_VECTOR, VL_OP_DONE, lab_see, CONFIG_ENTRY, 0),
             AT_DEVICE(VL_OP_LOAD, AVAIL_IDX, lab_also_interrupt, CONFIG_ENTRY)}},
    // ---- the driver
    {.id = "4.1.5.1.2.2-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = SCENARIO,
     .how = "the driver gives up over an MSI-X table of two entries",
     .patch = true},
    {.id = "4.1.5.1.2.2-drv-4",
     .side = LAB_SIDE_DRIVER,
     .scenario = SCENARIO,
     .how = "the queue is mapped to vector 2; the table has two entries",
     .act = {AT_WRITE(QUEUE_VECTOR, lab_set, LAST_ENTRY_OF_3)}},
    {.id = "4.1.5.1.2.2-drv-5",
     .side = LAB_SIDE_DRIVER,
     .scenario = SCENARIO,
     .how = "the queue's vector is not read back",
     .act = {AT_READ(QUEUE_VECTOR, VL_OP_BEFORE, lab_drop, QUEUE_ENTRY, 0)}},
    {.id = "4.1.5.4.2-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = SCENARIO,
     .how = "one vector stands for the queue and for configuration changes; the driver looks at "
            "the queue alone",
     .act = {AT_SIZE(1),
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_BEFORE,
              .nth = 3, // behind a reset and FEATURES_OK
              .where = LAB_REG(COMMON, VL_COMMON_STATUS),
              .deed = lab_drop,
              .a = RUNNING}}},
    {.id = "4.1.5.5-drv-d2",
     .side = LAB_SIDE_DRIVER,
     .scenario = SCENARIO,
     .how = "behind the queue's interrupt the driver does not look at used idx",
     .act = {{.op = VL_OP_LOAD,
              .phase = VL_OP_BEFORE,
              .nth = 2, // the first is the one before it sleeps
              .count = 2,
              .side = LAB_DRIVER,
              .where = LAB_FIELD(USED_IDX),
              .deed = lab_drop}}},
};

const struct lab_breach_table lab_breach_msix = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
