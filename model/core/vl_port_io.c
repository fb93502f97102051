// model/core/vl_port_io.c -- the port's model build: registers, notifications, notes.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_counter.h"
#include "model/core/vl_machine.h"

static struct vl_event event_of(const struct vl_machine *m, enum vl_event_kind kind)
{
    return (struct vl_event){.kind = (uint8_t)kind, .agent = m->cur->agent};
}

// ---- registers ----------------------------------------------------------------------------------

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

static struct vl_port_op register_op(const struct virtq_port *port, enum vl_op_kind kind,
                                     unsigned field, uint64_t addr, unsigned bytes, uint32_t value)
{
    return (struct vl_port_op){.kind = (uint8_t)kind,
                               .side = (uint8_t)port->side,
                               .agent = port->machine->cur->agent,
                               .field = (uint8_t)field,
                               .bytes = bytes,
                               .addr = addr,
                               .value = value};
}

static uint32_t all_ones(unsigned bytes)
{
    return bytes >= 4 ? UINT32_MAX : (1u << (8 * bytes)) - 1;
}

// A hostile device may answer anything (is_write false), a hostile driver may write anything.
static uint32_t mischief_value(struct vl_machine *m, bool is_write, unsigned field, uint64_t addr,
                               unsigned bytes, uint32_t value)
{
    const bool hostile = is_write ? m->config.hostile_driver : m->config.hostile_device;
    if (m->mischief == NULL || !hostile || m->cur->agent == VL_AGENT_ADVERSARY) {
        return value;
    }
    const uint32_t v = vl_choose(&m->choices, VL_LANE_MISCHIEF_PCI, m->cur->agent,
                                 (unsigned)(addr & 63u), m->mischief->n_options);
    if (v != 0) {
        m->mischief->reply(m->mischief->ctx, field, addr, bytes, &value, v);
    }
    return m->mischief->gone && !is_write ? all_ones(bytes) : value;
}

// A hostile driver's register access is altered, dropped, or has others before it.
static void mischief_access(struct vl_machine *m, struct vl_port_op *op)
{
    if (m->mischief == NULL || !m->config.hostile_driver) {
        return;
    }
    if (op->field == VL_FIELD_REGISTER) {
        vl_choices_phase(&m->choices, VL_PHASE_NEGOTIATE);
    }
    const uint32_t v = vl_choose(&m->choices, VL_LANE_MISCHIEF_PCI, VL_AGENT_ADVERSARY,
                                 (unsigned)(op->addr & 63u), m->mischief->n_options);
    if (v != 0) {
        m->mischief->access(m->mischief->ctx, op, v);
    }
}

// What the other side answers, and its event.
static uint32_t read_register(struct vl_machine *m, struct vl_port_op *op, bool interposed,
                              struct virtq_site *site)
{
    const bool config = op->kind == VL_OP_CONFIG_READ;
    uint32_t value = op->answered ? (uint32_t)op->value : all_ones(op->bytes);

    if (!op->answered && (config ? m->bus.config_read != NULL : m->bus.mmio_read != NULL)) {
        uint8_t saved = 0;
        vl_flush_posted(m); // a read pushes the writes before it
        vl_trap_enter(m, VL_AGENT_TRAP, &saved);
        value = config ? m->bus.config_read(m->bus.ctx, (uint32_t)(op->addr >> 16),
                                            (uint32_t)op->addr & 0xFFFFu, op->bytes)
                       : m->bus.mmio_read(m->bus.ctx, op->addr, op->bytes);
        vl_trap_leave(m, saved);
    }
    value = mischief_value(m, false, op->field, op->addr, op->bytes, value);
    if (interposed) {
        op->value = value;
        vl_interpose(m, op, VL_OP_REPLY);
        value = (uint32_t)op->value;
    }
    register_event(m, config ? VL_EV_CONFIG_READ : VL_EV_MMIO_READ, op->field, op->addr, op->bytes,
                   value, false, site);
    if (interposed) {
        vl_interpose(m, op, VL_OP_DONE);
        value = op->blind ? (uint32_t)op->seen : value;
    }
    return value;
}

static uint32_t read_call(struct vl_machine *m, struct vl_port_op *op, struct virtq_site *site)
{
    mischief_access(m, op);
    if (op->drop) {
        return (uint32_t)op->seen;
    }
    if (m->interposer == NULL) {
        return read_register(m, op, false, site);
    }
    vl_interpose(m, op, VL_OP_BEFORE);
    return op->drop ? (uint32_t)op->seen : read_register(m, op, true, site);
}

uint32_t vl_port_pci_read(struct virtq_port *port, uint32_t function, uint32_t off, unsigned bytes,
                          struct virtq_site *site)
{
    struct vl_machine *m = port->machine;

    vl_leave_explored(m, "a config space access");
    vl_sched_point(m);
    struct vl_port_op op = register_op(port, VL_OP_CONFIG_READ, VL_FIELD_CONFIG,
                                       (uint64_t)function << 16 | off, bytes, 0);
    return read_call(m, &op, site);
}

static void write_config(struct vl_machine *m, const struct vl_port_op *op, struct virtq_site *site)
{
    const uint32_t value =
        mischief_value(m, true, op->field, op->addr, op->bytes, (uint32_t)op->value);
    register_event(m, VL_EV_CONFIG_WRITE, op->field, op->addr, op->bytes, value, false, site);
    if (m->bus.config_write != NULL && !op->blind) {
        uint8_t saved = 0;
        vl_flush_posted(m);
        vl_trap_enter(m, VL_AGENT_TRAP, &saved);
        m->bus.config_write(m->bus.ctx, (uint32_t)(op->addr >> 16), (uint32_t)op->addr & 0xFFFFu,
                            op->bytes, value);
        vl_trap_leave(m, saved);
    }
}

static void write_config_call(struct vl_machine *m, struct vl_port_op *op, struct virtq_site *site)
{
    mischief_access(m, op);
    if (m->interposer != NULL && !op->drop) {
        vl_interpose(m, op, VL_OP_BEFORE);
    }
    if (op->drop) {
        return;
    }
    write_config(m, op, site);
    if (m->interposer != NULL) {
        vl_interpose(m, op, VL_OP_DONE);
    }
}

void vl_port_pci_write(struct virtq_port *port, uint32_t function, uint32_t off, unsigned bytes,
                       uint32_t value, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    const uint64_t addr = (uint64_t)function << 16 | off;

    vl_leave_explored(m, "a config space access");
    vl_sched_point(m);
    struct vl_port_op op =
        register_op(port, VL_OP_CONFIG_WRITE, VL_FIELD_CONFIG, addr, bytes, value);
    write_config_call(m, &op, site);
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

    VIRTQ_ASSERT(off < io->bytes && bytes <= io->bytes - off);
    vl_leave_explored(m, "a register access");
    vl_sched_point(m);
    struct vl_port_op op =
        register_op(port, VL_OP_MMIO_READ, VL_FIELD_REGISTER, io->bus_addr + off, bytes, 0);
    return read_call(m, &op, site);
}

// A write that may be posted arrives now or later, in order with the other posted ones. blind: the
// device does not get it.
static void write_now(struct vl_machine *m, unsigned field, unsigned queue, uint64_t addr,
                      unsigned bytes, uint32_t value, bool blind, struct virtq_site *site)
{
    uint32_t delay = 0;
    value = mischief_value(m, true, field, addr, bytes, value);
    if (m->bus.mmio_posted != NULL && m->bus.mmio_posted(m->bus.ctx, addr)) {
        delay = vl_choose(&m->choices, VL_LANE_NOTIFY, m->cur->agent, vl_choice_key(queue, field),
                          VL_DELAY_OPTIONS);
    }
    register_event(m, VL_EV_MMIO_WRITE, field, addr, bytes, value, delay != 0, site);
    if (m->bus.mmio_write == NULL || blind) {
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

static void write_register(struct virtq_port *port, unsigned field, unsigned queue, uint64_t addr,
                           unsigned bytes, uint32_t value, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;

    if (m->interposer == NULL && m->mischief == NULL) {
        write_now(m, field, queue, addr, bytes, value, false, site);
        return;
    }
    struct vl_port_op op = register_op(port, VL_OP_MMIO_WRITE, field, addr, bytes, value);
    op.queue = (uint8_t)queue;
    mischief_access(m, &op);
    if (m->interposer != NULL && !op.drop) {
        vl_interpose(m, &op, VL_OP_BEFORE);
    }
    if (op.drop) {
        return;
    }
    write_now(m, field, queue, op.addr, op.bytes, (uint32_t)op.value, op.blind, site);
    if (m->interposer != NULL) {
        vl_interpose(m, &op, VL_OP_DONE);
    }
}

void vl_port_mmio_write(struct virtq_port *port, const struct virtq_mmio *io, uint32_t off,
                        unsigned bytes, uint32_t value, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    VIRTQ_ASSERT(off < io->bytes && bytes <= io->bytes - off);
    vl_leave_explored(m, "a register access");
    vl_sched_point(m);
    write_register(port, VL_FIELD_REGISTER, 0, io->bus_addr + off, bytes, value, site);
}

uint32_t vl_adversary_access(struct vl_machine *m, enum vl_op_kind kind, uint64_t addr,
                             unsigned bytes, uint32_t value)
{
    const bool config = kind == VL_OP_CONFIG_READ || kind == VL_OP_CONFIG_WRITE;
    const unsigned field = config ? VL_FIELD_CONFIG : VL_FIELD_REGISTER;
    const uint8_t agent = m->cur->agent;
    uint32_t answer = 0;

    m->cur->agent = VL_AGENT_ADVERSARY;
    struct vl_port_op op =
        register_op(&m->port[VL_SIDE_DRIVER], kind, field, addr, bytes, value & all_ones(bytes));
    switch (kind) {
    case VL_OP_CONFIG_READ:
    case VL_OP_MMIO_READ: answer = read_register(m, &op, false, NULL); break;
    case VL_OP_CONFIG_WRITE: write_config(m, &op, NULL); break;
    default: write_now(m, field, 0, addr, bytes, (uint32_t)op.value, false, NULL); break;
    }
    m->cur->agent = agent;
    return answer;
}

// ---- notifications ------------------------------------------------------------------------------

// Show a notification or an interrupt. Returns false if it is not to happen.
static bool interposed_signal(struct virtq_port *port, enum vl_op_kind kind, uint64_t *addr,
                              bool *level, struct vl_port_op *op)
{
    *op = (struct vl_port_op){.kind = (uint8_t)kind,
                              .side = (uint8_t)port->side,
                              .agent = port->machine->cur->agent,
                              .queue = (uint8_t)*addr,
                              .addr = *addr,
                              .value = *level};
    if (port->machine->interposer == NULL) {
        return true;
    }
    vl_interpose(port->machine, op, VL_OP_BEFORE);
    *addr = op->addr;
    *level = op->value != 0;
    return !op->drop;
}

static void interposed_done(struct vl_machine *m, struct vl_port_op *op)
{
    if (m->interposer != NULL) {
        vl_interpose(m, op, VL_OP_DONE);
    }
}

static void ring_bell(struct virtq_port *port, const struct virtq_doorbell *bell,
                      struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
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
        write_register(port, VL_FIELD_DOORBELL, bell->queue_index, bell->io.bus_addr + bell->off, 2,
                       bell->queue_index, site);
        return;
    }
    if (bell->config_off != 0) {
        struct vl_port_op op =
            register_op(port, VL_OP_CONFIG_WRITE, VL_FIELD_DOORBELL,
                        (uint64_t)bell->function << 16 | bell->config_off, 2, bell->queue_index);
        vl_emit_hot(m, ev, site, NULL);
        write_config_call(m, &op, site);
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

void vl_port_doorbell(struct virtq_port *port, const struct virtq_doorbell *bell,
                      struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    struct vl_port_op op;
    struct virtq_doorbell shown = *bell;
    uint64_t addr = bell->queue_index;
    bool level = false;

    if (m->explored != NULL) {
        m->explored->notify(m->explored->ctx, site);
        return;
    }
    vl_sched_point(m);
    if (interposed_signal(port, VL_OP_DOORBELL, &addr, &level, &op)) {
        shown.queue_index = (uint16_t)addr;
        ring_bell(port, &shown, site);
        interposed_done(m, &op);
    }
}

static void raise_vector(struct vl_machine *m, uint16_t vector, struct virtq_site *site)
{
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

void vl_port_interrupt(struct virtq_port *port, uint16_t vector, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    struct vl_port_op op;
    uint64_t addr = vector;
    bool level = false;

    if (m->explored != NULL) {
        m->explored->notify(m->explored->ctx, site);
        return;
    }
    vl_sched_point(m);
    if (interposed_signal(port, VL_OP_INTERRUPT, &addr, &level, &op)) {
        raise_vector(m, (uint16_t)addr, site);
        interposed_done(m, &op);
    }
}

void vl_port_intx(struct virtq_port *port, bool level, struct virtq_site *site)
{
    struct vl_machine *m = port->machine;
    struct vl_port_op op;
    uint64_t addr = 0;

    vl_leave_explored(m, "the INTx line");
    vl_sched_point(m);
    if (!interposed_signal(port, VL_OP_INTX, &addr, &level, &op)) {
        return;
    }
    if (m->bus.intx != NULL) {
        m->bus.intx(m->bus.ctx, level);
    } else {
        vl_intx(m, level, site);
    }
    interposed_done(m, &op);
}

// ---- notes --------------------------------------------------------------------------------------

static void come_to(struct vl_machine *m, uint64_t control)
{
    if (control == VIRTQ_CONTROL_FEATURES_READ_OK) {
        vl_choices_phase(&m->choices, VL_PHASE_SET_UP);
    } else if (control == VIRTQ_CONTROL_DRIVER_OK) {
        vl_choices_phase(&m->choices, VL_PHASE_RUN);
    }
}

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
    if (m->interposer != NULL) {
        struct vl_port_op op = {.kind = VL_OP_NOTE,
                                .side = (uint8_t)port->side,
                                .agent = ev.agent,
                                .queue = ev.queue,
                                .bytes = n,
                                .addr = note,
                                .value = a,
                                .aux = b,
                                .seen = c};
        vl_interpose(m, &op, VL_OP_BEFORE);
        if (op.drop) {
            return;
        }
        ev.addr = op.value;
        ev.value = op.aux;
        ev.aux = op.seen;
        ev.len = op.bytes;
    }
    if (note == VIRTQ_NOTE_PEER_ERROR) {
        m->verdict.peer_faults++;
    } else if (note == VIRTQ_NOTE_CONTROL && m->config.hostile_driver) {
        come_to(m, a);
    }
    vl_emit_hot(m, ev, site, NULL);
}
