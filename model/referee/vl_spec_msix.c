// model/referee/vl_spec_msix.c -- checkers: mapping events to MSI-X vectors.
// Spec: virtio 1.4 §4.1.5.1.2 (1.0: the same); PCI Local Bus 3.0 §6.8.2.
//
// A vector that the device does not give may be one that it cannot give just now: that is advice.
// It is broken where what else was granted shows that it could, or that there is no such vector.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <string.h>

#define CONTROL_ENABLE 0x8000u
#define CONTROL_SIZE 0x7FFu
#define ENTRY_BYTES 16u
#define ENTRY_ADDR 0u
#define ENTRY_ADDR_HIGH 4u
#define ENTRY_DATA 8u
#define ENTRY_CONTROL 12u
#define MESSAGE_ADDR 0xFEE00000u // where a processor of the PC takes messages, 1 MiB

bool vl_spec_vectors_on(const struct vl_referees *r)
{
    const struct vl_spec_msix *s = &r->spec.msix;
    return s->control_known ? (s->control & CONTROL_ENABLE) != 0 : vl_spec_msix_on(&r->spec.regs);
}

uint32_t vl_spec_vectors(const struct vl_referees *r)
{
    const struct vl_spec_msix *s = &r->spec.msix;
    return s->control_known ? (s->control & CONTROL_SIZE) + 1u
                            : vl_spec_msix_entries(&r->spec.regs);
}

static uint32_t event_of(const struct vl_spec_msix *s, const struct vl_spec_mapping *m)
{
    return (uint32_t)(m - s->map);
}

// "the configuration change" or "queue N", for a message.
static const char *event_name(uint32_t event)
{
    static const char *const names[VL_MAPPED_COUNT] = {
        "the configuration change",
        "queue 0",
        "queue 1",
        "queue 2",
        "queue 3",
        "queue 4",
        "queue 5",
        "queue 6",
        "queue 7",
    };
    return event < VL_MAPPED_COUNT ? names[event] : "?";
}

// The event is one that the driver knows the device to have.
static bool exists(const struct vl_referees *r, const struct vl_spec_mapping *m)
{
    const uint32_t event = event_of(&r->spec.msix, m);
    return event == VL_MAPPED_CONFIG ||
           (r->spec.regs.num_queues_read && event - VL_MAPPED_QUEUE < r->spec.regs.num_queues);
}

// ---- writing a vector -----------------------------------------------------------------------

static void vector_written(struct vl_referees *r, struct vl_spec_mapping *m,
                           const struct vl_reg_access *a)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint16_t value = (uint16_t)a->value;

    if (a->bytes == 2 && value != VL_NO_VECTOR && value >= vl_spec_vectors(r) &&
        r->spec.regs.msix_found && vl_spec_caps_sure(r)) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_2_2_drv_4,
                  "the driver maps %s to vector %u; the MSI-X table has %" PRIu32 " entries",
                  event_name(event_of(s, m)), value, vl_spec_vectors(r));
    }
    if (a->bytes != 2 || r->spec.regs.reset_asked || !exists(r, m)) {
        m->unsure = true; // what the device makes of that is open
        return;
    }
    if (value != VL_NO_VECTOR) {
        m->unmapped = false;
    } else if (vl_spec_mapped(m) != VL_NO_VECTOR) {
        m->unmapped = true;
        m->before = m->vector;
    }
    s->n_unread += !m->unread;
    m->written = m->unread = true;
    m->asked = value;
    m->seq = a->seq;
    m->n_strays = 0;
}

// ---- reading it back ------------------------------------------------------------------------

static void refused(struct vl_referees *r, const struct vl_spec_mapping *m)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint32_t event = event_of(s, m);
    const uint8_t mine = (uint8_t)(event + 1);
    const uint8_t granted = m->asked < VL_SPEC_VECTORS ? s->granted[m->asked] : 0;
    const uint8_t before = m->asked < VL_SPEC_VECTORS ? s->refused[m->asked] : 0;

    if (granted != 0 && granted != mine) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_4,
                  "vector %u, written for %s at #%" PRIu64
                  ", reads back as NO_VECTOR; the device does map %s to it",
                  m->asked, event_name(event), m->seq, event_name(granted - 1u));
    } else if (granted == 0 && before != 0 && before != mine) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_2,
                  "vector %u, written for %s at #%" PRIu64
                  ", reads back as NO_VECTOR, as it did for %s, and nothing was ever mapped to it; "
                  "the table says that it has %" PRIu32 " entries",
                  m->asked, event_name(event), m->seq, event_name(before - 1u), vl_spec_vectors(r));
    } else {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_8,
                  "vector %u, written for %s at #%" PRIu64
                  ", reads back as NO_VECTOR; the table has %" PRIu32 " entries",
                  m->asked, event_name(event), m->seq, vl_spec_vectors(r));
    }
    if (m->asked < VL_SPEC_VECTORS) {
        s->refused[m->asked] = mine;
    }
}

static bool size_read(struct vl_referees *r)
{
    const struct vl_cap_look *look = vl_cap_look_at(r, r->spec.regs.function);
    return r->spec.regs.msix_found && look != NULL &&
           vl_cap_was_read(look, r->spec.regs.msix_at + 2u, 2);
}

static void read_back(struct vl_referees *r, const struct vl_spec_mapping *m, uint16_t value)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const uint32_t event = event_of(s, m);

    if (m->asked == VL_NO_VECTOR) {
        if (value != VL_NO_VECTOR) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_5,
                      "the vector of %s reads %u; NO_VECTOR was written at #%" PRIu64,
                      event_name(event), value, m->seq);
        }
    } else if (!r->judge_driver && !size_read(r)) {
        return; // nobody knows what the table has room for
    } else if (m->asked >= vl_spec_vectors(r)) {
        if (value != VL_NO_VECTOR) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_9,
                      "the vector of %s reads %u; %u was written at #%" PRIu64
                      ", and cannot be mapped: the table has %" PRIu32 " entries",
                      event_name(event), value, m->asked, m->seq, vl_spec_vectors(r));
        }
    } else if (value == m->asked) {
        if (value < VL_SPEC_VECTORS && s->granted[value] == 0) {
            s->granted[value] = (uint8_t)(event + 1);
        }
    } else if (value == VL_NO_VECTOR) {
        refused(r, m);
    } else {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_6,
                  "the vector of %s reads %u; %u was written at #%" PRIu64, event_name(event),
                  value, m->asked, m->seq);
    }
}

static void vector_read(struct vl_referees *r, struct vl_spec_mapping *m,
                        const struct vl_reg_access *a)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const struct vl_spec_regs *regs = &r->spec.regs;
    const uint16_t value = (uint16_t)a->value;

    if (a->bytes != 2 || regs->reset_asked) {
        return;
    }
    if (m->unsure) {
        m->written = true; // whatever it was: it is what is read now
    } else if (!m->written && regs->was_reset && value != VL_NO_VECTOR && exists(r, m)) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_7,
                  "the vector of %s reads %u, and nobody has written it since the reset at "
                  "#%" PRIu64,
                  event_name(event_of(s, m)), value, regs->reset_seq);
    } else if (m->unread) {
        read_back(r, m, value);
    } else if (m->written && value != m->vector) {
        VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_5_1_2_1_dev_6,
                  "the vector of %s reads %u; it was read as %u, and not written since #%" PRIu64,
                  event_name(event_of(s, m)), value, m->vector, m->seq);
    }
    if (m->unread) {
        m->unread = false;
        s->n_unread--;
    }
    m->unsure = false;
    m->vector = value;
}

// A driver that goes on without reading back does not know whether it will be interrupted.
static void not_read_back(struct vl_referees *r, const char *then)
{
    const struct vl_spec_msix *s = &r->spec.msix;

    if (s->n_unread == 0 || !vl_spec_caps_sure(r)) {
        return;
    }
    for (uint32_t i = 0; i < VL_MAPPED_COUNT; i++) { // bound: VL_MAPPED_COUNT
        const struct vl_spec_mapping *m = &s->map[i];
        if (m->unread && m->asked != VL_NO_VECTOR) {
            VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_1_2_2_drv_5,
                      "the driver %s; vector %u, written for %s at #%" PRIu64 ", was not read back",
                      then, m->asked, event_name(i), m->seq);
        }
    }
}

// ---- accesses -------------------------------------------------------------------------------

static void forget(struct vl_referees *r)
{
    struct vl_spec_msix *s = &r->spec.msix;

    memset(s->map, 0, sizeof(s->map));
    s->n_unread = 0;
    s->suspect = false;
    s->queues_arrived = 0;
    vl_spec_isr_forget(r);
}

static void status_written(struct vl_referees *r, uint32_t value)
{
    if (value == 0) {
        forget(r);
    } else if ((value & VL_STATUS_FAILED) != 0) {
        vl_spec_caps_given_up(r, false);
    } else if ((value & VL_STATUS_DRIVER_OK) != 0 && !vl_spec_driver_ok(&r->spec.regs)) {
        not_read_back(r, "sets DRIVER_OK");
    }
}

static void common(struct vl_referees *r, const struct vl_reg_access *a)
{
    struct vl_spec_msix *s = &r->spec.msix;
    const struct vl_spec_regs *regs = &r->spec.regs;
    const uint32_t select = regs->queue_selected ? regs->queue_select : 0;
    struct vl_spec_mapping *m = NULL;

    if (a->off == VL_COMMON_STATUS && a->write) {
        status_written(r, a->value);
    }
    if (a->off == VL_COMMON_CONFIG_VECTOR) {
        m = &s->map[VL_MAPPED_CONFIG];
    } else if (a->off == VL_COMMON_QUEUE_VECTOR && select < VL_SPEC_QUEUES) {
        m = &s->map[VL_MAPPED_QUEUE + select];
    }
    if (m != NULL) {
        a->write ? vector_written(r, m, a) : vector_read(r, m, a);
    }
}

static uint64_t with_bit(uint64_t bits, uint64_t bit, bool set)
{
    return set ? bits | bit : bits & ~bit;
}

static void entry_written(struct vl_spec_msix *s, const struct vl_reg_access *a, uint64_t bit)
{
    const uint32_t off = a->bytes == 4 ? a->off % ENTRY_BYTES : ENTRY_BYTES;

    switch (off) {
    case ENTRY_ADDR:
        s->aimed = with_bit(s->aimed, bit, a->value >> 20 == MESSAGE_ADDR >> 20);
        break;
    case ENTRY_ADDR_HIGH: s->high = with_bit(s->high, bit, a->value != 0); break;
    case ENTRY_DATA: break;
    case ENTRY_CONTROL: s->unmasked = with_bit(s->unmasked, bit, (a->value & 1u) == 0); break;
    default: s->aimed &= ~bit; break; // what the function made of it is open
    }
}

// In the table, or near a vector register: an access may be wider than it is to be.
static bool touches_vectors(const struct vl_reg_access *a)
{
    return a->region != VL_REGION_COMMON || a->off / 4 == VL_COMMON_CONFIG_VECTOR / 4 ||
           a->off / 4 == VL_COMMON_QUEUE_VECTOR / 4 || a->bytes > 4;
}

void vl_spec_msix_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    const uint32_t entry = a->off / ENTRY_BYTES;

    r->spec.msix.changed_seq = a->write && touches_vectors(a) ? a->seq : r->spec.msix.changed_seq;
    if (a->region == VL_REGION_COMMON) {
        common(r, a);
    } else if (a->write && entry < VL_SPEC_VECTORS) {
        entry_written(&r->spec.msix, a, 1ull << entry);
    }
}

// ---- events ---------------------------------------------------------------------------------

static void note(struct vl_referees *r, const struct vl_event *ev)
{
    if (ev->agent != VL_AGENT_DRIVER && ev->agent != VL_AGENT_HANDLER) {
        return;
    }
    if (ev->barrier == VIRTQ_NOTE_PEER_ERROR) {
        vl_spec_caps_given_up(r, true);
    } else if (ev->barrier == VIRTQ_NOTE_CONTROL && ev->addr == VIRTQ_CONTROL_FAILED) {
        vl_spec_caps_given_up(r, false);
    }
}

void vl_spec_msix_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_NOTE: note(r, ev); break;
    case VL_EV_DRIVER_DONE:
        if (ev->agent == VL_AGENT_DRIVER) {
            vl_spec_caps_given_up(r, false);
        }
        break;
    case VL_EV_SLEEP:
        if (ev->agent == VL_AGENT_DRIVER && vl_spec_driver_ok(&r->spec.regs)) {
            not_read_back(r, "sleeps");
        }
        vl_spec_vectors_event(r, ev, seq);
        break;
    case VL_EV_INTERRUPT:
    case VL_EV_INTERRUPT_ARRIVES:
    case VL_EV_HANDLER_RETURNS:
    case VL_EV_QUIESCENT: vl_spec_vectors_event(r, ev, seq); break;
    default: break;
    }
}
