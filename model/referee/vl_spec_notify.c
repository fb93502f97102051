// model/referee/vl_spec_notify.c -- checkers: available buffer notifications over PCI.
// Spec: virtio 1.4 §2.9, §4.1.4.4, §4.1.5.2 (1.0: §4.1.4.4, §4.1.5.2).
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>

#define CAP_VENDOR 9u
#define KICK_BYTES 2u
#define F_NOTIFICATION_DATA (1ull << 38) // the driver writes 32 bits with more in them
#define F_NOTIF_CONFIG_DATA (1ull << 39) // the device says what the driver writes

// ---- where a queue is notified --------------------------------------------------------------

// Every notification capability has room for the queue's address [4.1.4.4.1-dev-5].
static void notify_off_read(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (s->reset_asked || (s->num_queues_read && s->queue_select >= s->num_queues)) {
        return; // there is no such queue, or there are none at all just now
    }
    for (uint32_t i = 0; i < s->n_caps; i++) { // bound: VL_SPEC_CAPS
        const struct vl_spec_cap *cap = &s->cap[i];
        const uint64_t end = (uint64_t)a->value * cap->multiplier + KICK_BYTES;
        if (cap->id == CAP_VENDOR && cap->type == VL_REGION_NOTIFY && cap->bar < VL_PCI_BARS &&
            cap->length >= KICK_BYTES && cap->length < end) {
            VL_BROKEN(r, VL_SIDE_DEVICE, 4_1_4_4_1_dev_5,
                      "queue_notify_off of queue %u reads %" PRIu32 ", which with the multiplier "
                      "%" PRIu32 " ends at byte %" PRIu64 "; the notification structure at 0x%x "
                      "has %" PRIu32 " bytes",
                      s->queue_select, a->value, cap->multiplier, end, cap->at, cap->length);
        }
    }
}

static bool owns(const struct vl_spec_regs *s, uint32_t queue, uint64_t off)
{
    const struct vl_spec_queue *q = &s->queue[queue];
    return q->notify_off_read && (uint64_t)q->notify_off * s->multiplier == off;
}

// The queue that an address belongs to, or VL_SPEC_QUEUES.
static uint32_t owner(const struct vl_spec_regs *s, uint64_t off)
{
    uint32_t i = 0;
    while (i < VL_SPEC_QUEUES && !owns(s, i, off)) { // bound: VL_SPEC_QUEUES
        i++;
    }
    return i;
}

// True if this is where a later notification capability has the queue's address: a driver that
// cannot use the first one takes another.
static bool elsewhere(const struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const struct vl_spec_queue *q = &s->queue[a->value];

    for (uint32_t f = 0; f < r->pci.n_seen; f++) { // bound: VL_PCI_FUNCTIONS
        for (uint32_t i = 0; i < s->n_caps; i++) { // bound: VL_SPEC_CAPS
            const struct vl_spec_cap *cap = &s->cap[i];
            uint64_t base = 0;
            uint64_t bytes = 0;
            if (r->pci.seen[f].function == s->function && cap->id == CAP_VENDOR &&
                cap->type == VL_REGION_NOTIFY && cap->bar < VL_PCI_BARS &&
                vl_pci_bar_range(&r->pci.seen[f], cap->bar, &base, &bytes) &&
                base + cap->offset + (uint64_t)q->notify_off * cap->multiplier == a->ev->addr) {
                return true;
            }
        }
    }
    return false;
}

// ---- notifications --------------------------------------------------------------------------

static bool to_be_notified(const struct vl_referees *r, uint32_t queue)
{
    const uint8_t state = queue < VL_QUEUES && r->queue[queue].state == VL_QUEUE_LIVE
                              ? r->queue[queue].duty[VL_SIDE_DRIVER].state
                              : VL_DUTY_NONE;
    return state == VL_DUTY_PUBLISHED || state == VL_DUTY_DECIDING;
}

// Address and value name different queues, or one of them names none. Where both name one, the one
// with fresh available buffers is meant.
static void mismatch(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const bool stray = a->region != VL_REGION_NOTIFY;
    const uint32_t at = stray ? VL_SPEC_QUEUES : owner(s, a->off);
    const bool named = a->value < s->num_queues || !s->num_queues_read;

    if (named && a->value >= VL_SPEC_QUEUES) {
        return; // more queues than are followed
    }
    if (named && (!s->queue[a->value].notify_off_read || elsewhere(r, a))) {
        return; // its address is known from before, or from another capability
    }
    const bool address_wrong =
        at == VL_SPEC_QUEUES || (named && to_be_notified(r, a->value) && !to_be_notified(r, at));
    if (address_wrong) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_4_4_drv_d1,
                  "the notification of queue %" PRIu32 " is written at 0x%" PRIx64
                  "; the notification structure is at 0x%" PRIx64 ", queue_notify_off %u, the "
                  "multiplier %" PRIu32,
                  a->value, a->ev->addr, s->base[VL_REGION_NOTIFY],
                  named ? s->queue[a->value].notify_off : 0, s->multiplier);
    } else {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_2_1_drv_3,
                  "the notification at byte %" PRIu32 ", the address of queue %" PRIu32
                  ", carries %" PRIu32,
                  a->off, at, a->value);
    }
}

static void notification(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;
    const uint64_t features = s->features_ok ? vl_spec_accepted(s) : 0;

    if ((features & F_NOTIFICATION_DATA) != 0 || s->base[VL_REGION_NOTIFY] == VL_NOWHERE ||
        !vl_spec_caps_sure(r)) {
        return;
    }
    if (a->bytes != KICK_BYTES) {
        VL_BROKEN(r, VL_SIDE_DRIVER, 4_1_5_2_1_drv_1,
                  "a notification is written with %u bytes, of value 0x%" PRIx32 "; without "
                  "VIRTIO_F_NOTIFICATION_DATA it has 2",
                  a->bytes, a->value);
        return;
    }
    const bool right = a->region == VL_REGION_NOTIFY && a->value < VL_SPEC_QUEUES &&
                       owns(s, a->value, a->off) &&
                       (a->value < s->num_queues || !s->num_queues_read);
    if (!right && (features & F_NOTIF_CONFIG_DATA) == 0) {
        mismatch(r, a);
    }
}

void vl_spec_notify_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->region == VL_REGION_COMMON) {
        if (a->off == VL_COMMON_QUEUE_NOTIFY_OFF && !a->write) {
            notify_off_read(r, a);
        }
    } else if (a->write) {
        notification(r, a);
    }
}
