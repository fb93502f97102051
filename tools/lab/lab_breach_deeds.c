// tools/lab/lab_breach_deeds.c -- what an act of a breach does at its port call.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_breach.h"

#include <string.h>

#define UNUSED_ (void)run, (void)op, (void)a, (void)b

// ---- the value ------------------------------------------------------------------------------

void lab_set(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->value = a;
}

void lab_or(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->value |= a;
}

void lab_clear(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->value &= ~a;
}

void lab_xor(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->value ^= a;
}

static uint64_t in_width(const struct vl_port_op *op, uint64_t value)
{
    return op->bytes < 8 ? value & ((1ull << 8 * op->bytes) - 1) : value;
}

void lab_add(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->value = in_width(op, op->value + a);
}

void lab_set_high(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->aux = a;
}

void lab_xor_high(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->aux ^= a;
}

void lab_add_high(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->aux += a;
}

void lab_set_masked(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->value = (op->value & ~b) | (a & b);
}

void lab_drop(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->drop = true;
    op->seen = a;
}

void lab_answer(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->answered = true;
    op->value = a;
}

void lab_unheard(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->blind = true;
}

// ---- what the half is told ------------------------------------------------------------------

static void see(struct vl_port_op *op, uint64_t value, uint64_t high)
{
    op->blind = true;
    op->seen = value;
    op->seen_aux = high;
}

void lab_see(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    see(op, a, b);
}

void lab_see_or(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    see(op, op->value | a, op->aux);
}

void lab_see_clear(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    see(op, op->value & ~a, op->aux);
}

void lab_see_add(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    see(op, in_width(op, op->value + a), op->aux);
}

// ---- the access -----------------------------------------------------------------------------

void lab_width(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->bytes = (uint32_t)a;
    op->value = in_width(op, op->value);
}

void lab_move(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    if (op->span != NULL) {
        op->off += (uint32_t)a;
    } else {
        op->addr += a;
    }
}

void lab_shorter(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->bytes -= op->bytes > a ? (uint32_t)a : op->bytes;
}

void lab_order(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    op->order = (uint8_t)a;
}

void lab_bytes(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    memset(op->data, (int)(a & 0xFFu), op->bytes);
}

void lab_byte(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    if (a < op->bytes) {
        op->data[a] = (uint8_t)b;
    }
}

// ---- accesses of its own --------------------------------------------------------------------

void lab_breach_write(struct lab_breach_run *run, uint32_t where, unsigned bytes, uint32_t value)
{
    struct virtq_port *port = &run->machine->port[VL_SIDE_DRIVER];
    const uint64_t addr = lab_breach_address(run, where);

    if (addr == UINT64_MAX) {
        return;
    }
    if (where >> 16 < VL_REGION_COUNT) {
        const struct virtq_mmio io = {.bus_addr = addr, .bytes = bytes};
        vl_port_mmio_write(port, &io, 0, bytes, value, NULL);
    } else {
        vl_port_pci_write(port, LAB_PCI_BDF, (uint32_t)addr, bytes, value, NULL);
    }
}

uint32_t lab_breach_read(struct lab_breach_run *run, uint32_t where, unsigned bytes)
{
    struct virtq_port *port = &run->machine->port[VL_SIDE_DRIVER];
    const uint64_t addr = lab_breach_address(run, where);

    if (addr == UINT64_MAX) {
        return 0;
    }
    if (where >> 16 < VL_REGION_COUNT) {
        const struct virtq_mmio io = {.bus_addr = addr, .bytes = bytes};
        return vl_port_mmio_read(port, &io, 0, bytes, NULL);
    }
    return vl_port_pci_read(port, LAB_PCI_BDF, (uint32_t)addr, bytes, NULL);
}

void lab_breach_store(struct lab_breach_run *run, unsigned side, const struct virtq_span *span,
                      uint32_t off, unsigned bytes, uint64_t value, uint64_t high)
{
    struct virtq_port *port = &run->machine->port[side];

    if (bytes == VIRTQ_DESC_BYTES) {
        const struct virtq_desc desc = {.addr = value,
                                        .len = (uint32_t)high,
                                        .flags = (uint16_t)(high >> 32),
                                        .next = (uint16_t)(high >> 48)};
        vl_port_store_desc(port, span, off, desc, NULL);
    } else {
        vl_port_store(port, span, off, bytes, value, VIRTQ_RELEASE, VIRTQ_BARRIER_NONE, NULL);
    }
}

uint64_t lab_breach_load(struct lab_breach_run *run, unsigned side, const struct virtq_span *span,
                         uint32_t off, unsigned bytes)
{
    struct virtq_port *port = &run->machine->port[side];
    if (bytes == VIRTQ_DESC_BYTES) {
        return vl_port_load_desc(port, span, off, NULL).addr;
    }
    return vl_port_load(port, span, off, bytes, VIRTQ_ACQUIRE, VIRTQ_BARRIER_NONE, NULL);
}

// The device acts where its data path runs, or else in a trap of whoever runs.
static bool enter_device(struct lab_breach_run *run, uint8_t *saved)
{
    struct vl_machine *m = run->machine;
    const bool trap = m->cur->agent != VL_AGENT_DEVICE && m->cur->agent != VL_AGENT_TRAP;
    if (trap) {
        vl_trap_enter(m, VL_AGENT_TRAP, saved);
    }
    return trap;
}

void lab_breach_interrupt(struct lab_breach_run *run, uint16_t vector)
{
    uint8_t saved = 0;
    const bool trap = enter_device(run, &saved);
    vl_port_interrupt(&run->machine->port[VL_SIDE_DEVICE], vector, NULL);
    if (trap) {
        vl_trap_leave(run->machine, saved);
    }
}

void lab_breach_intx(struct lab_breach_run *run, bool level)
{
    uint8_t saved = 0;
    const bool trap = enter_device(run, &saved);
    vl_port_intx(&run->machine->port[VL_SIDE_DEVICE], level, NULL);
    if (trap) {
        vl_trap_leave(run->machine, saved);
    }
}

#define ALSO_WRITE_(name, n)                                                                       \
    void name(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)           \
    {                                                                                              \
        (void)op;                                                                                  \
        lab_breach_write(run, (uint32_t)a, n, (uint32_t)b);                                        \
    }
#define ALSO_READ_(name, n)                                                                        \
    void name(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)           \
    {                                                                                              \
        (void)op;                                                                                  \
        (void)b;                                                                                   \
        (void)lab_breach_read(run, (uint32_t)a, n);                                                \
    }

ALSO_WRITE_(lab_also_write8, 1)
ALSO_WRITE_(lab_also_write16, 2)
ALSO_WRITE_(lab_also_write32, 4)
ALSO_READ_(lab_also_read8, 1)
ALSO_READ_(lab_also_read16, 2)
ALSO_READ_(lab_also_read32, 4)

void lab_also_seen(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    (void)op;
    run->machine->interposer = &run->interposer;
    (void)lab_breach_read(run, (uint32_t)a, (unsigned)b);
    run->machine->interposer = NULL;
}

void lab_also_interrupt(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    lab_breach_interrupt(run, (uint16_t)a);
}

void lab_also_intx(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    lab_breach_intx(run, a != 0);
}

void lab_also_doorbell(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    const uint64_t addr = lab_breach_address(run, LAB_REG(NOTIFY, 0));
    struct virtq_doorbell bell = {.queue_index = (uint16_t)a};

    if (addr != UINT64_MAX) {
        bell.io = (struct virtq_mmio){.bus_addr = addr, .bytes = 2};
    }
    vl_port_doorbell(&run->machine->port[VL_SIDE_DRIVER], &bell, NULL);
}

void lab_again(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    UNUSED_;
    lab_breach_store(run, op->side, op->span, op->off, op->bytes, op->value, op->aux);
}

void lab_also_store16(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const unsigned field = (unsigned)a & 0xFFFFu;
    if (run->last[field] != NULL) {
        lab_breach_store(run, op->side, run->last[field], run->last_off[field], 2, b, 0);
    }
}

void lab_also_load16(struct lab_breach_run *run, struct vl_port_op *op, uint64_t a, uint64_t b)
{
    const unsigned field = (unsigned)a & 0xFFFFu;
    (void)b;
    if (run->last[field] != NULL) {
        (void)lab_breach_load(run, op->side, run->last[field], run->last_off[field], 2);
    }
}
