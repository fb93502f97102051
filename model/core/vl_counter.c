// model/core/vl_counter.c -- notifications as counters.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_counter.h"

#include "ring/virtq_bytes.h"

#define WORD_BYTES 2u
#define APART_BYTES 64u // a line each, as two event channels have

void vl_counter_reset(struct vl_machine *m)
{
    struct virtq_span both;
    const enum virtq_err err = vl_memory_alloc(&m->memory, 2 * APART_BYTES, APART_BYTES, 0, &both);
    VIRTQ_ASSERT(err == VIRTQ_OK); // memory is empty now, and larger than this

    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        m->counter[side] = virtq_subspan(both, side * APART_BYTES, WORD_BYTES);
        m->counter[side].area = VIRTQ_AREA_BUFFER; // of no queue
        m->counter[side].queue_index = 0;
    }
}

bool vl_counter_moved(const struct vl_machine *m, enum vl_side side)
{
    return virtq_get_le(m->counter[side].host, WORD_BYTES) != m->strand[side].seen;
}

static struct vl_weak_call call_of(const struct vl_machine *m, enum vl_side side, bool store,
                                   struct virtq_site *site)
{
    const uint8_t strong = store ? VIRTQ_RELEASE : VIRTQ_ACQUIRE;
    return (struct vl_weak_call){.span = &m->counter[side],
                                 .bytes = WORD_BYTES,
                                 .order = m->config.weak_mmio ? (uint8_t)VIRTQ_RELAXED : strong,
                                 .field = side == VL_SIDE_DRIVER ? VL_FIELD_INTERRUPT
                                                                 : VL_FIELD_DOORBELL,
                                 .site = site};
}

static struct vl_event event_of(const struct vl_machine *m, const struct vl_weak_call *c,
                                enum vl_event_kind kind, uint64_t value)
{
    return (struct vl_event){.addr = c->span->gpa,
                             .value = value,
                             .len = WORD_BYTES,
                             .kind = (uint8_t)kind,
                             .agent = m->cur->agent,
                             .order = c->order,
                             .field = c->field};
}

void vl_counter_notify(struct vl_machine *m, enum vl_side to, struct virtq_site *site)
{
    const struct vl_weak_call c = call_of(m, to, true, site);
    const uint16_t value = ++m->cur->sent;

    if (m->model != VL_MODEL_SC) {
        vl_weak_store(m, &c, value, 0);
        return;
    }
    (void)vl_choose(&m->choices, VL_LANE_STORE, m->cur->agent, vl_choice_key(0, c.field), 1);
    virtq_put_le(c.span->host, WORD_BYTES, value);
    vl_memory_mark(&m->memory, vl_memory_off(&m->memory, c.span, 0), WORD_BYTES, m->seq);
    vl_emit_hot(m, event_of(m, &c, VL_EV_STORE, value), site, NULL);
}

static uint16_t look(struct vl_machine *m, const struct vl_weak_call *c)
{
    uint64_t high = 0;

    if (m->model != VL_MODEL_SC) {
        return (uint16_t)vl_weak_load(m, c, &high);
    }
    (void)vl_choose(&m->choices, VL_LANE_READ, m->cur->agent, vl_choice_key(0, c->field), 1);
    struct vl_event ev = event_of(m, c, VL_EV_LOAD, virtq_get_le(c->span->host, WORD_BYTES));
    ev.reads_from = vl_memory_writer(&m->memory, vl_memory_off(&m->memory, c->span, 0), WORD_BYTES);
    vl_emit_hot(m, ev, c->site, NULL);
    return (uint16_t)ev.value;
}

void vl_counter_await(struct vl_machine *m, struct virtq_site *site)
{
    struct vl_strand *s = m->cur;
    const struct vl_weak_call c = call_of(m, s->side, false, site);
    uint16_t value = s->wake ? s->seen : look(m, &c);

    // bound: a wake comes, or the run ends; a look that sees an old number is a choice, and there
    // are finitely many deviations
    while (value == s->seen && !s->wake) {
        vl_emit_hot(m, (struct vl_event){.kind = VL_EV_SLEEP, .agent = s->agent}, site, NULL);
        s->asleep = true;
        vl_block(m);
        s->asleep = false;
        vl_emit_hot(m, (struct vl_event){.kind = VL_EV_WOKEN, .agent = s->agent}, site, NULL);
        if (!s->wake) {
            value = look(m, &c);
        }
    }
    s->wake = false;
    s->seen = value;
}

// What the context has done since its last RELAX event. Looked for in the log, so that no access
// pays for it.
//   *look  its first load of a ring word
// Returns the number of its accesses; 2 for more, and where the log does not reach back so far.
static uint32_t accesses(const struct vl_machine *m, const struct vl_event **look)
{
    const struct vl_log *log = m->log;
    uint32_t n = 0;
    uint64_t seq = m->seq;

    *look = NULL;
    for (; seq > 0 && m->seq - seq < VL_LOG_SHORT_EVENTS - 1 && n < 2; seq--) {
        const uint32_t slot = (uint32_t)(seq - 1) & (VL_LOG_EVENTS - 1) & ~log->short_bits;
        const struct vl_event *e = &log->events[slot];
        if (e->agent != m->cur->agent) {
            continue;
        }
        switch ((enum vl_event_kind)e->kind) {
        case VL_EV_RELAX: return n;
        case VL_EV_LOAD:
            n++;
            *look = e->order == VIRTQ_PLAIN ? NULL : e;
            break;
        case VL_EV_STORE:
        case VL_EV_READ:
        case VL_EV_WRITE: n++; break;
        case VL_EV_FENCE: n += e->order > VIRTQ_RELAXED; break;
        default: break;
        }
    }
    return seq == 0 ? n : 2;
}

void vl_counter_spin(struct vl_machine *m, struct vl_event ev, struct virtq_site *site)
{
    struct vl_strand *s = m->cur;
    const struct vl_event *look = NULL;
    const uint32_t n_accesses = accesses(m, &look);
    uint32_t n = 0;

    const bool spins = n_accesses == 1 && !s->registers && s->depth == 0;

    if (spins && look != NULL && look->len == WORD_BYTES) {
        // A guest-physical address: what the model adds on the bus is taken off there.
        const enum virtq_err err = vl_memory_resolve(&m->memory, look->addr + m->memory.bus_offset,
                                                     WORD_BYTES, &s->spin, 1, &n);
        VIRTQ_ASSERT(err == VIRTQ_OK); // it was loaded a moment ago
        s->await_old = (uint16_t)look->value;
    }
    const bool registers = s->registers;
    s->registers = false;
    vl_emit_hot(m, ev, site, NULL);
    if (n > 0) {
        s->awaiting = true;
        s->await_span = &s->spin;
        s->await_off = 0;
        vl_block(m);
        s->awaiting = false;
    } else if (n_accesses == 0 || (n_accesses == 1 && registers)) {
        vl_step_aside(m); // it waits for something else: a register
    }
}
