// tools/lab/breach_status.c -- breaches of clauses: device status, initialisation, reset.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/breach_rows.h"

#define STATUS LAB_REG(COMMON, VL_COMMON_STATUS)

// Values of status as our driver writes them, one after the other.
#define ACK VL_STATUS_ACKNOWLEDGE
#define DRV (ACK | VL_STATUS_DRIVER)
#define FOK (DRV | VL_STATUS_FEATURES_OK)
#define DOK (FOK | VL_STATUS_DRIVER_OK)

// In front of, or behind, the driver's write of a value of status.
#define BEFORE_STATUS(value_)                                                                      \
    .op = VL_OP_MMIO_WRITE, .phase = VL_OP_BEFORE, .where = STATUS, .mask = 0xFF, .match = (value_)
#define AFTER_STATUS(value_)                                                                       \
    .op = VL_OP_MMIO_WRITE, .phase = VL_OP_DONE, .where = STATUS, .mask = 0xFF, .match = (value_)

// The answer to a read of status, and what the driver makes of it. Benign reads are: the reset's
// end (0), FEATURES_OK (11), and the last reset's end (0).
#define STATUS_ANSWER(nth_)                                                                        \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_REPLY, .where = STATUS, .nth = (nth_)
#define STATUS_SEEN(nth_) .op = VL_OP_MMIO_READ, .phase = VL_OP_DONE, .where = STATUS, .nth = (nth_)

// The driver stores a descriptor that has a next one, beyond the table: the device gives up.
#define LEAVES_TABLE                                                                               \
    .op = VL_OP_STORE, .phase = VL_OP_BEFORE, .where = LAB_FIELD(DESC), .deed = lab_xor_high,      \
    .a = 1ull << 32 | 0xFF00ull << 48

// The driver has read that the last reset is complete.
#define LAST_RESET_DONE                                                                            \
    .op = VL_OP_MMIO_READ, .phase = VL_OP_DONE, .where = STATUS, .mask = 0xFF, .match = 0, .nth = 2

// ---- deeds of this table ------------------------------------------------------------------------

// The device stores used idx once more, as it stands, from the trap of the driver's access.
static void device_stores_used_idx(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                                   uint64_t b)
{
    const struct virtq_span *span = run->last[VL_FIELD_USED_IDX];
    uint8_t saved = 0;

    (void)op;
    (void)a;
    if (span != NULL) {
        vl_trap_enter(run->machine, VL_AGENT_TRAP, &saved);
        lab_breach_store(run, VL_SIDE_DEVICE, span, run->last_off[VL_FIELD_USED_IDX], 2, b, 0);
        vl_trap_leave(run->machine, saved);
    }
}

// ---- rows ---------------------------------------------------------------------------------------

#define PCI2 "transport=pci buffers=2"

static const struct lab_breach rows[] = {
    // status
    DEVICE_ROW("2.1-dev-d1", PCI2, "status reads 2 at power-on",
               {BEFORE_STATUS(0), .deed = lab_also_seen, .a = STATUS, .b = 1},
               {STATUS_ANSWER(1), .deed = lab_set, .a = 2}),
    DRIVER_ROW("2.1.1-drv-1", PCI2, "ACKNOWLEDGE and DRIVER are not written",
               {BEFORE_STATUS(ACK), .deed = lab_drop}, {BEFORE_STATUS(DRV), .deed = lab_drop}),
    DRIVER_ROW("2.1.1-drv-2", PCI2, "DRIVER_OK is written alone",
               {BEFORE_STATUS(DOK), .deed = lab_set, .a = VL_STATUS_DRIVER_OK}),
    DRIVER_ROW(
        "2.1.1-drv-3", PCI2, "behind DRIVER comes FAILED, and then ACKNOWLEDGE anew",
        {AFTER_STATUS(DRV), .deed = lab_also_write8, .a = STATUS, .b = DRV | VL_STATUS_FAILED},
        {AFTER_STATUS(DRV), .deed = lab_also_write8, .a = STATUS, .b = ACK}),
    DEVICE_ROW("2.1.2-dev-1", "transport=pci buffers=4 resets=1",
               "used idx is stored in front of the second DRIVER_OK",
               {BEFORE_STATUS(DOK), .nth = 2, .deed = device_stores_used_idx}),
    DEVICE_ROW("2.1.2-dev-2", PCI2, "the queue's interrupt is sent when the queue is enabled",
               {.op = VL_OP_MMIO_WRITE,
                .phase = VL_OP_DONE,
                .where = LAB_REG(COMMON, VL_COMMON_QUEUE_ENABLE),
                .deed = lab_also_interrupt,
                .a = 1}),
    {.id = "2.1.2-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI2,
     .how = "a chain that leaves the table takes the queue out of service; status hides it",
     .driver_lies = true,
     .act = {{LEAVES_TABLE},
             {STATUS_ANSWER(3), .count = 2, .deed = lab_clear, .a = VL_STATUS_NEEDS_RESET},
             {STATUS_SEEN(3), .deed = lab_also_seen, .a = STATUS, .b = 1}}},
    {.id = "2.1.2-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = PCI2,
     .how =
         "a chain that leaves the table takes the queue out of service; no interrupt tells of it",
     .driver_lies = true,
     .act = {{LEAVES_TABLE},
             {.op = VL_OP_INTERRUPT, .phase = VL_OP_BEFORE, .count = UINT16_MAX, .deed = lab_drop},
             {.op = VL_OP_SLEEP,
              .phase = VL_OP_BEFORE,
              .side = LAB_DEVICE,
              .count = UINT16_MAX,
              .deed = lab_also_read8,
              .a = STATUS}}},
    // initialisation
    DRIVER_ROW("3.1.1-drv-1", PCI2, "the first reset is left out",
               {BEFORE_STATUS(0), .deed = lab_drop}),
    DRIVER_ROW("3.1.1-drv-2", PCI2, "DRIVER is set without ACKNOWLEDGE",
               {BEFORE_STATUS(ACK), .deed = lab_drop},
               {BEFORE_STATUS(DRV), .deed = lab_set, .a = VL_STATUS_DRIVER}),
    DRIVER_ROW("3.1.1-drv-3", PCI2, "DRIVER is not set in front of the features",
               {BEFORE_STATUS(DRV), .deed = lab_drop}),
    DRIVER_ROW("3.1.1-drv-4", PCI2, "features are not read, and 0 is written",
               {.op = VL_OP_MMIO_READ,
                .phase = VL_OP_BEFORE,
                .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE),
                .deed = lab_drop,
                .a = 0},
               {.op = VL_OP_MMIO_READ,
                .phase = VL_OP_BEFORE,
                .where = LAB_REG(COMMON, VL_COMMON_DEVICE_FEATURE),
                .nth = 2,
                .deed = lab_drop,
                .a = 1},
               {.op = VL_OP_MMIO_WRITE,
                .phase = VL_OP_BEFORE,
                .where = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE),
                .count = UINT16_MAX,
                .deed = lab_set,
                .a = 0}),
    DRIVER_ROW("3.1.1-drv-6", "transport=pci device=blk buffers=2",
               "device configuration is written behind DRIVER",
               {AFTER_STATUS(DRV), .deed = lab_also_write32, .a = LAB_REG(DEVICE, 0), .b = 1}),
    DRIVER_ROW("3.1.1-drv-7", PCI2, "DRIVER_OK is set in place of FEATURES_OK",
               {BEFORE_STATUS(FOK), .deed = lab_set, .a = DRV | VL_STATUS_DRIVER_OK}),
    DRIVER_ROW("3.1.1-drv-8", PCI2, "behind FEATURES_OK a word of features is written again",
               {AFTER_STATUS(FOK), .deed = lab_also_write32,
                .a = LAB_REG(COMMON, VL_COMMON_DRIVER_FEATURE), .b = 1}),
    DRIVER_ROW("3.1.1-drv-9", PCI2, "FEATURES_OK is not read back",
               {.op = VL_OP_MMIO_READ,
                .phase = VL_OP_BEFORE,
                .where = STATUS,
                .nth = 2,
                .deed = lab_drop,
                .a = FOK}),
    DRIVER_ROW("3.1.1-drv-10", PCI2, "FEATURES_OK reads 0, and the driver goes on",
               {STATUS_ANSWER(2), .deed = lab_clear, .a = VL_STATUS_FEATURES_OK},
               {STATUS_SEEN(2), .deed = lab_see_or, .a = VL_STATUS_FEATURES_OK}),
    DRIVER_ROW("3.1.1-drv-11", PCI2, "the queue's address is set behind DRIVER",
               {AFTER_STATUS(DRV), .deed = lab_also_write16,
                .a = LAB_REG(COMMON, VL_COMMON_QUEUE_SELECT), .b = 0},
               {AFTER_STATUS(DRV), .deed = lab_also_write32,
                .a = LAB_REG(COMMON, VL_COMMON_QUEUE_DESC), .b = 0x10000}),
    DRIVER_ROW("3.1.1-drv-12", PCI2, "DRIVER_OK is set in front of queue_enable",
               {.op = VL_OP_MMIO_WRITE,
                .phase = VL_OP_BEFORE,
                .where = LAB_REG(COMMON, VL_COMMON_QUEUE_ENABLE),
                .deed = lab_also_write8,
                .a = STATUS,
                .b = DOK}),
    DRIVER_ROW("3.1.1-drv-13", PCI2, "FEATURES_OK and DRIVER_OK are set in one write",
               {BEFORE_STATUS(FOK), .deed = lab_set, .a = DOK}),
    {.id = "3.1.1-drv-14",
     .side = LAB_SIDE_DRIVER,
     .scenario = PCI2,
     .how = "FEATURES_OK reads 0, and the driver stops without FAILED",
     .device_lies = true,
     .act = {{STATUS_ANSWER(2), .deed = lab_clear, .a = VL_STATUS_FEATURES_OK},
             {BEFORE_STATUS(FOK | VL_STATUS_FAILED), .count = UINT16_MAX, .deed = lab_drop}}},
    DRIVER_ROW(
        "3.1.1-drv-15", PCI2, "FAILED is set in front of DRIVER_OK",
        {BEFORE_STATUS(DOK), .deed = lab_also_write8, .a = STATUS, .b = FOK | VL_STATUS_FAILED},
        {BEFORE_STATUS(DOK), .deed = lab_or, .a = VL_STATUS_FAILED}),
    DRIVER_ROW("3.1.1-drv-16", PCI2, "the queue is notified in front of DRIVER_OK",
               {BEFORE_STATUS(DOK), .deed = lab_also_doorbell, .a = 0}),
    // reset
    DRIVER_ROW("2.4-drv-d1", PCI2, "the queue is given up without a reset",
               {BEFORE_STATUS(0), .nth = 2, .deed = lab_drop},
               {.op = VL_OP_MMIO_READ,
                .phase = VL_OP_BEFORE,
                .where = STATUS,
                .nth = 3,
                .deed = lab_drop,
                .a = 0}),
    DEVICE_ROW("2.4.1-dev-1", PCI2, "DRIVER_OK stays readable behind the reset",
               {STATUS_ANSWER(3), .count = UINT16_MAX, .deed = lab_or, .a = VL_STATUS_DRIVER_OK}),
    DEVICE_ROW("2.4.1-dev-2", PCI2, "an interrupt is sent behind the reset",
               {LAST_RESET_DONE, .deed = lab_also_interrupt, .a = 1}),
    DEVICE_ROW("2.4.1-dev-3", PCI2, "used idx is stored behind the reset",
               {LAST_RESET_DONE, .deed = device_stores_used_idx, .b = 2}),
    DRIVER_ROW("2.4.2-drv-1", PCI2, "the driver does not wait for the end of the last reset",
               {.op = VL_OP_MMIO_READ,
                .phase = VL_OP_BEFORE,
                .where = STATUS,
                .nth = 3,
                .deed = lab_drop,
                .a = 0}),
};

const struct lab_breach_table lab_breach_status = {.row = rows,
                                                   .n = sizeof(rows) / sizeof(rows[0])};
