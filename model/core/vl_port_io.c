// model/core/vl_port_io.c -- the port's model build: registers, notifications, notes.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_counter.h"
#include "model/core/vl_machine.h"

static struct vl_event event_of(const struct vl_machine *m, enum vl_event_kind kind)
{
    return (struct vl_event){.kind = (uint8_t)kind, .agent = m->cur->agent};
}

// ---- registers
// -----------------------------------------------------------------------------------

static void register_event(struct vl_machine *m, enum vl_event_kind kind, unsigned field,
                           uint64_t addr, unsigned bytes, uint32_t value, bool posted,
                           struct virtq_site *site)
{
    struct vl_event ev = event_of(m, kind);
    ev.addr = addr;
    ev.value = value;
    ev.aux = posted;
    ev.len = bytes;
    ev.field = (uint8_t)field;
    vl_emit_hot(m, ev, site, NULL);
}

// A hostile device may answer anything (is_write false), a hostile driver may write anything.
static uint32_t mischief_value(struct vl_machine *m, bool is_write, unsigned field, uint64_t addr,
                               unsigned bytes, uint32_t value)
{
    const bool hostile = is_write ? m->config.hostile_driver : m->config.hostile_device;
    if (m->mischief == NULL || !hostile) {
        return value;
    }
    const uint32_t v = vl_choose(&m->choices, VL_LANE_MISCHIEF_PCI, m->cur->agent,
                                 (unsigned)(addr & 63u), m->mischief->n_options);
    if (v != 0) {
        m->mischief->reply(m->mischief->ctx, field, addr, bytes, &value, v);
    }
    return value;
}

static uint32_t all_ones(unsigned bytes)
{
    return bytes >= 4 ? UINT32_MAX : (1u << (8 * bytes)) - 1;
}

uint32_t vl_port_pci_read(struct virtq_port *port, uint32_t function, uint32_t off, unsigned bytes,
                          struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    const uint64_t addr = (uint64_t)function << 16 | off;
    uint32_t value = all_ones(bytes);

    vl_leave_explored(m, "a config space access");
    vl_sched_point(m);
    if (m->bus.config_read != NULL) {
        uint8_t saved = 0;
        vl_flush_posted(m);
        vl_trap_enter(m, VL_AGENT_TRAP, &saved);
        value = m->bus.config_read(m->bus.ctx, function, off, bytes);
        vl_trap_leave(m, saved);
    }
    value = mischief_value(m, false, VL_FIELD_CONFIG, addr, bytes, value);
    register_event(m, VL_EV_CONFIG_READ, VL_FIELD_CONFIG, addr, bytes, value, false, site);
    return value;
}

void vl_port_pci_write(struct virtq_port *port, uint32_t function, uint32_t off, unsigned bytes,
                       uint32_t value, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    const uint64_t addr = (uint64_t)function << 16 | off;

    vl_leave_explored(m, "a config space access");
    vl_sched_point(m);
    value = mischief_value(m, true, VL_FIELD_CONFIG, addr, bytes, value);
    register_event(m, VL_EV_CONFIG_WRITE, VL_FIELD_CONFIG, addr, bytes, value, false, site);
    if (m->bus.config_write != NULL) {
        uint8_t saved = 0;
        vl_flush_posted(m);
        vl_trap_enter(m, VL_AGENT_TRAP, &saved);
        m->bus.config_write(m->bus.ctx, function, off, bytes, value);
        vl_trap_leave(m, saved);
    }
}

enum virtq_err vl_port_mmio_map(struct virtq_port *port, uint64_t bus_addr, uint32_t bytes,
                                struct virtq_mmio *io)
{
    (void)port;
    *io = (struct virtq_mmio){.bus_addr = bus_addr, .bytes = bytes};
    return VIRTQ_OK;
}

uint32_t vl_port_mmio_read(struct virtq_port *port, const struct virtq_mmio *io, uint32_t off,
                           unsigned bytes, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    const uint64_t addr = io->bus_addr + off;
    uint32_t value = all_ones(bytes);

    VIRTQ_ASSERT(off < io->bytes && bytes <= io->bytes - off);
    vl_leave_explored(m, "a register access");
    vl_sched_point(m);
    if (m->bus.mmio_read != NULL) {
        uint8_t saved = 0;
        vl_flush_posted(m); // a read pushes the writes before it
        vl_trap_enter(m, VL_AGENT_TRAP, &saved);
        value = m->bus.mmio_read(m->bus.ctx, addr, bytes);
        vl_trap_leave(m, saved);
    }
    value = mischief_value(m, false, VL_FIELD_REGISTER, addr, bytes, value);
    register_event(m, VL_EV_MMIO_READ, VL_FIELD_REGISTER, addr, bytes, value, false, site);
    return value;
}

// A write that may be posted arrives now or later, in order with the other posted ones.
static void write_register(struct vl_machine *m, unsigned field, unsigned queue, uint64_t addr,
                           unsigned bytes, uint32_t value, struct virtq_site *site)
{
    uint32_t delay = 0;
    value = mischief_value(m, true, field, addr, bytes, value);
    if (m->bus.mmio_posted != NULL && m->bus.mmio_posted(m->bus.ctx, addr)) {
        delay = vl_choose(&m->choices, VL_LANE_NOTIFY, m->cur->agent, vl_choice_key(queue, field),
                          VL_DELAY_OPTIONS);
    }
    register_event(m, VL_EV_MMIO_WRITE, field, addr, bytes, value, delay != 0, site);
    if (m->bus.mmio_write == NULL) {
        return;
    }
    const bool doorbell = field == VL_FIELD_DOORBELL;
    if (delay == 0) {
        uint8_t saved = 0;
        vl_flush_posted(m);
        const uint8_t carried = vl_weak_send(m, doorbell && !m->config.weak_mmio);
        doorbell ? vl_trap_enter_unordered(m, VL_AGENT_TRAP, &saved)
                 : vl_trap_enter(m, VL_AGENT_TRAP, &saved);
        vl_weak_arrive(m, carried, VL_AGENT_TRAP);
        m->bus.mmio_write(m->bus.ctx, addr, bytes, value);
        vl_trap_leave(m, saved);
        return;
    }
    struct vl_msg msg = {.due_step = m->step + delay,
                         .addr = addr,
                         .value = value,
                         .kind = VL_MSG_MMIO_WRITE,
                         .bytes = (uint8_t)bytes,
                         .carried = vl_weak_send(m, !doorbell || !m->config.weak_mmio)};
    for (uint32_t i = 0; i < m->n_msgs; i++) { // bound: VL_MSG_MAX
        if (m->msgs[i].kind == VL_MSG_MMIO_WRITE && m->msgs[i].due_step > msg.due_step) {
            msg.due_step = m->msgs[i].due_step; // posted writes do not pass each other
        }
    }
    vl_send(m, &msg);
}

void vl_port_mmio_write(struct virtq_port *port, const struct virtq_mmio *io, uint32_t off,
                        unsigned bytes, uint32_t value, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    VIRTQ_ASSERT(off < io->bytes && bytes <= io->bytes - off);
    vl_leave_explored(m, "a register access");
    vl_sched_point(m);
    write_register(m, VL_FIELD_REGISTER, 0, io->bus_addr + off, bytes, value, site);
}

// ---- notifications
// -------------------------------------------------------------------------------

void vl_port_doorbell(struct virtq_port *port, const struct virtq_doorbell *bell,
                      struct virtq_site *site)
{
    struct vl_machine *m = port->machine;

    if (m->explored != NULL) {
        m->explored->notify(m->explored->ctx, site);
        return;
    }
    vl_sched_point(m);
    struct vl_event ev = event_of(m, VL_EV_DOORBELL);
    ev.addr = bell->queue_index;
    ev.queue = (uint8_t)bell->queue_index;
    ev.field = VL_FIELD_DOORBELL;
    if (m->config.counters) {
        vl_emit_hot(m, ev, site, NULL);
        vl_counter_notify(m, VL_SIDE_DEVICE, site);
        return;
    }
    if (bell->io.bytes != 0) {
        vl_emit_hot(m, ev, site, NULL);
        write_register(m, VL_FIELD_DOORBELL, bell->queue_index, bell->io.bus_addr + bell->off, 2,
                       bell->queue_index, site);
        return;
    }
    const uint32_t delay =
        vl_choose(&m->choices, VL_LANE_NOTIFY, m->cur->agent,
                  vl_choice_key(bell->queue_index, VL_FIELD_DOORBELL), VL_DELAY_OPTIONS);
    ev.value = delay;
    vl_emit_hot(m, ev, site, NULL);
    const struct vl_msg msg = {.due_step = m->step + delay,
                               .addr = bell->queue_index,
                               .kind = VL_MSG_DOORBELL,
                               .carried = vl_weak_send(m, !m->config.weak_mmio)};
    vl_send(m, &msg); // even with no delay it is due at the next port call, the device's trap
}

void vl_port_interrupt(struct virtq_port *port, uint16_t vector, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    if (m->explored != NULL) {
        m->explored->notify(m->explored->ctx, site);
        return;
    }
    vl_sched_point(m);
    if (m->config.counters) {
        struct vl_event ev = event_of(m, VL_EV_INTERRUPT);
        ev.addr = vector;
        ev.field = VL_FIELD_INTERRUPT;
        vl_emit_hot(m, ev, site, NULL);
        vl_counter_notify(m, VL_SIDE_DRIVER, site);
        return;
    }
    if (m->bus.interrupt != NULL) {
        m->bus.interrupt(m->bus.ctx, vector);
    } else {
        vl_raise(m, vector, site);
    }
}

void vl_port_intx(struct virtq_port *port, bool level, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    vl_leave_explored(m, "the INTx line");
    vl_sched_point(m);
    if (m->bus.intx != NULL) {
        m->bus.intx(m->bus.ctx, level);
    } else {
        vl_intx(m, level, site);
    }
}

// ---- notes
// ---------------------------------------------------------------------------------------

// A note is not a port call: nothing happens at it, so nobody else may run there.
void vl_port_note(struct virtq_port *port, enum virtq_note note, uint16_t queue_index, uint64_t a,
                  uint64_t b, uint64_t c, uint32_t n, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    struct vl_event ev = event_of(m, VL_EV_NOTE);
    ev.addr = a;
    ev.value = b;
    ev.aux = c;
    ev.len = n;
    ev.barrier = (uint8_t)note;
    ev.queue = (uint8_t)queue_index;
    if (note == VIRTQ_NOTE_PEER_ERROR) {
        m->verdict.peer_faults++;
    }
    vl_emit_hot(m, ev, site, NULL);
}
