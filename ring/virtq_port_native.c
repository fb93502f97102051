// ring/virtq_port_native.c -- the native port's slow calls: control path and doorbell.
// SPDX-License-Identifier: BSD-2-Clause
#include "ring/virtq_port.h"

enum virtq_err virtq_mem_alloc(struct virtq_port *port, uint32_t bytes, uint32_t align,
                               enum virtq_area area, uint16_t queue_index, struct virtq_dma *out)
{
    (void)area;
    (void)queue_index;
    return port->ops->mem_alloc(port->ctx, bytes, align, out);
}

void virtq_mem_free(struct virtq_port *port, struct virtq_dma *dma)
{
    port->ops->mem_free(port->ctx, dma);
}

enum virtq_err virtq_map(struct virtq_port *port, const struct virtq_span *buf, enum virtq_dir dir,
                         uint64_t *bus_addr)
{
    return port->ops->map(port->ctx, buf, dir, bus_addr);
}

void virtq_unmap(struct virtq_port *port, const struct virtq_span *buf, enum virtq_dir dir,
                 uint64_t bus_addr)
{
    port->ops->unmap(port->ctx, buf, dir, bus_addr);
}

enum virtq_err virtq_resolve(struct virtq_port *port, uint64_t bus_addr, uint32_t len,
                             enum virtq_area area, uint16_t queue_index, struct virtq_span *spans,
                             uint32_t max, uint32_t *n_spans)
{
    (void)area;
    (void)queue_index;
    return port->ops->resolve(port->ctx, bus_addr, len, spans, max, n_spans);
}

void virtq_doorbell(struct virtq_port *port, const struct virtq_doorbell *bell)
{
    if (bell->io.bytes != 0) {
        virtq_mmio_write(port, &bell->io, bell->off, 2, bell->queue_index);
    } else if (bell->config_off != 0) {
        virtq_pci_write(port, bell->function, bell->config_off, 2, bell->queue_index);
    } else {
        port->ops->doorbell(port->ctx, bell->queue_index);
    }
}
