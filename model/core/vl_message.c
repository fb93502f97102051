// model/core/vl_message.c -- messages under way: notifications, interrupts, posted register writes,
// and a backend's answers.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_machine.h"

#include <string.h>

uint64_t vl_next_due(const struct vl_machine *m)
{
    uint64_t next = m->model != VL_MODEL_SC ? vl_weak_next_due(m) : UINT64_MAX;
    for (uint32_t i = 0; i < m->n_msgs; i++) { // bound: VL_MSG_MAX
        next = m->msgs[i].due_step < next ? m->msgs[i].due_step : next;
    }
    return next;
}

static void update_next_check(struct vl_machine *m)
{
    uint64_t due = vl_next_due(m);
    due = m->back_at < due ? m->back_at : due;
    m->next_check = due < m->config.budget_events ? due : m->config.budget_events;
    if (m->first != VL_SIDE_COUNT) {
        m->next_check = m->step + 1; // the one with priority may be able to run at any time
    }
}

void vl_irq_update(struct vl_machine *m)
{
    m->irq_ready = !m->irq_masked && (m->irq_pending != 0 || m->intx_level);
}

static void deliver(struct vl_machine *m, const struct vl_msg *msg)
{
    uint8_t saved = 0;
    struct vl_event ev = {.addr = msg->addr, .agent = VL_AGENT_PLATFORM};

    switch ((enum vl_msg_kind)msg->kind) {
    case VL_MSG_DOORBELL:
        ev.kind = VL_EV_DOORBELL_ARRIVES;
        ev.queue = (uint8_t)msg->addr;
        vl_emit_hot(m, ev, NULL, NULL);
        vl_trap_enter_unordered(m, VL_AGENT_TRAP, &saved);
        vl_weak_arrive(m, msg->carried, VL_AGENT_TRAP);
        m->strand[VL_SIDE_DEVICE].half.on_doorbell(m->strand[VL_SIDE_DEVICE].half.ctx,
                                                   (uint16_t)msg->addr);
        vl_trap_leave(m, saved);
        break;
    case VL_MSG_MMIO_WRITE:
        vl_trap_enter_unordered(m, VL_AGENT_TRAP, &saved);
        vl_weak_arrive(m, msg->carried, VL_AGENT_TRAP);
        m->bus.mmio_write(m->bus.ctx, msg->addr, msg->bytes, msg->value);
        vl_trap_leave(m, saved);
        break;
    case VL_MSG_INTERRUPT:
        ev.kind = VL_EV_INTERRUPT_ARRIVES;
        vl_emit_hot(m, ev, NULL, NULL);
        if (m->model != VL_MODEL_SC) {
            vl_weak_pending(m, msg->carried, msg->addr % VL_VECTORS,
                            (m->irq_pending >> (msg->addr % VL_VECTORS) & 1u) != 0);
        }
        m->irq_pending |= 1ull << (msg->addr % VL_VECTORS);
        vl_irq_update(m);
        break;
    case VL_MSG_BACKEND: m->strand[VL_SIDE_DEVICE].wake = true; break;
    }
}

// In order of time and then of sending. Those that a delivery itself sends come later.
void vl_deliver_due(struct vl_machine *m)
{
    if (m->model != VL_MODEL_SC) {
        vl_weak_drain_due(m);
    }
    for (uint32_t turn = 0; turn < VL_MSG_MAX; turn++) { // bound: VL_MSG_MAX
        uint32_t best = m->n_msgs;
        for (uint32_t i = 0; i < m->n_msgs; i++) {
            const bool trap =
                m->msgs[i].kind == VL_MSG_DOORBELL || m->msgs[i].kind == VL_MSG_MMIO_WRITE;
            if (m->msgs[i].due_step <= m->step && !(trap && m->trap_busy) &&
                (best == m->n_msgs || m->msgs[i].due_step < m->msgs[best].due_step)) {
                best = i;
            }
        }
        if (best == m->n_msgs) {
            break;
        }
        const struct vl_msg msg = m->msgs[best];
        m->n_msgs--;
        memmove(&m->msgs[best], &m->msgs[best + 1], (m->n_msgs - best) * sizeof(m->msgs[0]));
        update_next_check(m);
        deliver(m, &msg);
    }
    update_next_check(m);
    if (m->trap_busy && m->next_check <= m->step) {
        m->next_check = m->step + 1; // what waits for the trap's end is looked at again then
    }
}

void vl_flush_posted(struct vl_machine *m)
{
    for (uint32_t i = 0; i < m->n_msgs;) { // bound: VL_MSG_MAX, and what deliveries add
        const uint8_t kind = m->msgs[i].kind;
        if (kind == VL_MSG_MMIO_WRITE || kind == VL_MSG_DOORBELL) {
            const struct vl_msg msg = m->msgs[i];
            m->n_msgs--;
            memmove(&m->msgs[i], &m->msgs[i + 1], (m->n_msgs - i) * sizeof(m->msgs[0]));
            deliver(m, &msg);
            i = 0;
        } else {
            i++;
        }
    }
    update_next_check(m);
}

void vl_send(struct vl_machine *m, const struct vl_msg *msg)
{
    if (m->n_msgs == VL_MSG_MAX) {
        // The channel is full: the oldest arrives now. Nothing is ever lost here.
        const struct vl_msg oldest = m->msgs[0];
        m->n_msgs--;
        memmove(&m->msgs[0], &m->msgs[1], m->n_msgs * sizeof(m->msgs[0]));
        deliver(m, &oldest);
    }
    m->msgs[m->n_msgs++] = *msg;
    update_next_check(m);
}

bool vl_machine_in_flight(const struct vl_machine *m, enum vl_msg_kind kind)
{
    for (uint32_t i = 0; i < m->n_msgs; i++) { // bound: VL_MSG_MAX
        if (m->msgs[i].kind == kind) {
            return true;
        }
    }
    return false;
}

void vl_wake_later(struct vl_machine *m, uint32_t delay)
{
    const struct vl_msg msg = {.due_step = m->step + delay, .kind = VL_MSG_BACKEND};
    vl_send(m, &msg);
}

void vl_raise(struct vl_machine *m, uint16_t vector, struct virtq_site *site)
{
    const uint32_t delay = vl_choose(&m->choices, VL_LANE_NOTIFY, m->cur->agent,
                                     vl_choice_key(0, VL_FIELD_INTERRUPT), VL_DELAY_OPTIONS);
    const struct vl_event ev = {.addr = vector,
                                .value = delay,
                                .kind = VL_EV_INTERRUPT,
                                .agent = m->cur->agent,
                                .field = VL_FIELD_INTERRUPT};
    const struct vl_msg msg = {.due_step = m->step + delay,
                               .addr = vector,
                               .kind = VL_MSG_INTERRUPT,
                               .carried = vl_weak_send(m, !m->config.weak_mmio)};
    vl_emit_hot(m, ev, site, NULL);
    if (delay == 0) {
        deliver(m, &msg);
    } else {
        vl_send(m, &msg);
    }
}

void vl_intx(struct vl_machine *m, bool level, struct virtq_site *site)
{
    const struct vl_event ev = {
        .value = level, .kind = VL_EV_INTX, .agent = m->cur->agent, .field = VL_FIELD_INTERRUPT};
    vl_emit_hot(m, ev, site, NULL);
    m->intx_level = level;
    vl_irq_update(m);
}
