// model/pci/vl_pci_machine.c -- the PCI bus plugged into the simulated machine.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/pci/vl_pci_machine.h"

static void cpu_message(void *ctx, uint16_t data)
{
    vl_raise(ctx, data, NULL);
}

static void cpu_intx(void *ctx, bool level)
{
    vl_intx(ctx, level, NULL);
}

struct vl_pci_cpu vl_pci_machine_cpu(struct vl_machine *m)
{
    return (struct vl_pci_cpu){.ctx = m, .message = cpu_message, .intx = cpu_intx};
}

static uint32_t bus_config_read(void *ctx, uint32_t function, uint32_t off, unsigned bytes)
{
    const struct vl_pci_function *fn = ctx;
    return vl_pci_config_read(fn->pci, function, off, bytes);
}

static void bus_config_write(void *ctx, uint32_t function, uint32_t off, unsigned bytes,
                             uint32_t value)
{
    const struct vl_pci_function *fn = ctx;
    vl_pci_config_write(fn->pci, function, off, bytes, value);
}

static uint32_t bus_mmio_read(void *ctx, uint64_t bus_addr, unsigned bytes)
{
    const struct vl_pci_function *fn = ctx;
    return vl_pci_mmio_read(fn->pci, bus_addr, bytes);
}

static void bus_mmio_write(void *ctx, uint64_t bus_addr, unsigned bytes, uint32_t value)
{
    const struct vl_pci_function *fn = ctx;
    vl_pci_mmio_write(fn->pci, bus_addr, bytes, value);
}

static bool bus_mmio_posted(void *ctx, uint64_t bus_addr)
{
    const struct vl_pci_function *fn = ctx;
    return vl_pci_mmio_posted(fn->pci, bus_addr);
}

static void bus_interrupt(void *ctx, uint16_t vector)
{
    vl_pci_signal(ctx, vector);
}

static void bus_intx(void *ctx, bool level)
{
    vl_pci_set_intx(ctx, level);
}

static bool bus_dma_allowed(void *ctx)
{
    return vl_pci_bus_master(ctx);
}

struct vl_bus_ops vl_pci_machine_ops(struct vl_pci_function *device)
{
    return (struct vl_bus_ops){.config_read = bus_config_read,
                               .config_write = bus_config_write,
                               .mmio_read = bus_mmio_read,
                               .mmio_write = bus_mmio_write,
                               .mmio_posted = bus_mmio_posted,
                               .interrupt = bus_interrupt,
                               .intx = bus_intx,
                               .dma_allowed = bus_dma_allowed,
                               .ctx = device};
}
