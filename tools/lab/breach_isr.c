// tools/lab/breach_isr.c -- breaches of clauses: ISR status and the INTx line.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#include "model/pci/vl_pci.h"

#define INTX "transport=pci interrupt=intx buffers=3"
#define PCI_STATUS 0x06u
#define STATUS_INTERRUPT 8u

// The link becomes the offset of the capability at place a: what stood between is not in the list.
static void link_to(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)b;
    op->value = lab_breach_address(run, (uint32_t)a);
}

// A function whose Interrupt Status is always 0.
static void no_interrupt_status(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a,
                                uint64_t b)
{
    (void)op;
    (void)a;
    (void)b;
    run->pci->function->config[PCI_STATUS] &= (uint8_t)~STATUS_INTERRUPT;
}

static const struct lab_breach rows[] = {
    {.id = "4.1.4.5.1-dev-1",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=pci device=entropy buffers=2",
     .how = "the ISR capability is left out of the list",
     .act = {{.op = VL_OP_CONFIG_READ,
              .phase = VL_OP_REPLY,
              .count = UINT16_MAX,
              .where = LAB_CAP(NOTIFY, 1),
              .deed = link_to,
              .a = LAB_CAP(WINDOW, 0)}}},
    {.id = "4.1.4.5.1-dev-2",
     .side = LAB_SIDE_DEVICE,
     .scenario = "transport=pci interrupt=intx device=blk buffers=40 resize=1",
     .how = "the medium grows, and bit 1 of ISR never shows",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(ISR, 0),
              .count = UINT16_MAX,
              .deed = lab_clear,
              .a = VL_ISR_CONFIG}}},
    {.id = "4.1.4.5.1-dev-3",
     .side = LAB_SIDE_DEVICE,
     .scenario = INTX,
     .how = "INTx is asserted for used buffers, and ISR reads 0",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(ISR, 0),
              .deed = lab_set,
              .a = 0}}},
    {.id = "4.1.4.5.1-dev-4",
     .side = LAB_SIDE_DEVICE,
     .scenario = INTX,
     .how = "Interrupt Status is not set with INTx; the driver looks at it in its handler",
     .act = {{.op = VL_OP_INTX,
              .phase = VL_OP_DONE,
              .count = UINT16_MAX,
              .side = LAB_DEVICE,
              .mask = 1,
              .match = 1,
              .deed = no_interrupt_status},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_BEFORE,
              .where = LAB_REG(ISR, 0),
              .deed = lab_also_read16,
              .a = LAB_CONFIG(PCI_STATUS)}}},
    {.id = "4.1.4.5.1-dev-d1",
     .side = LAB_SIDE_DEVICE,
     .scenario = INTX,
     .how = "INTx falls by itself, and ISR was not read",
     .act = {{.op = VL_OP_INTX,
              .phase = VL_OP_DONE,
              .count = UINT16_MAX,
              .side = LAB_DEVICE,
              .mask = 1,
              .match = 1,
              .deed = lab_also_intx,
              .a = 0}}},
    {.id = "4.1.4.5.1-dev-5",
     .side = LAB_SIDE_DEVICE,
     .scenario = INTX,
     .how = "ISR reads 1 a second time, with nothing new",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_DONE,
              .where = LAB_REG(ISR, 0),
              .deed = lab_also_seen,
              .a = LAB_REG(ISR, 0),
              .b = 1},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(ISR, 0),
              .nth = 2,
              .deed = lab_set,
              .a = VL_ISR_QUEUE}}},
    {.id = "4.1.4.5.2-drv-1",
     .side = LAB_SIDE_DRIVER,
     .scenario = "transport=pci buffers=2",
     .how = "the handler of a queue's MSI-X vector reads ISR",
     .patch = true},
    {.id = "4.1.5.5-drv-d1",
     .side = LAB_SIDE_DRIVER,
     .scenario = INTX,
     .how = "ISR tells of a configuration change as well, and the driver drops that bit",
     .act = {{.op = VL_OP_MMIO_READ,
              .phase = VL_OP_REPLY,
              .where = LAB_REG(ISR, 0),
              .deed = lab_or,
              .a = VL_ISR_CONFIG},
             {.op = VL_OP_MMIO_READ,
              .phase = VL_OP_DONE,
              .where = LAB_REG(ISR, 0),
              .deed = lab_see_clear,
              .a = VL_ISR_CONFIG}}},
};

const struct lab_breach_table lab_breach_isr = {.row = rows, .n = sizeof(rows) / sizeof(rows[0])};
