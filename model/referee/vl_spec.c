// model/referee/vl_spec.c -- the executable specification: hands accesses out, keeps the verdict.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_BAR0 0x10u
#define STATUS_RESERVED 0x30u // bits of status that mean nothing

// ---- verdicts -------------------------------------------------------------------------------

static bool judged(const struct vl_referees *r, enum vl_side side)
{
    return side == VL_SIDE_DRIVER ? r->judge_driver : r->judge_device;
}

bool vl_spec_broke(const struct vl_referees *r, enum vl_clause clause)
{
    return (r->spec.broke[clause / 64] >> (clause % 64) & 1u) != 0;
}

static void advise(struct vl_referees *r, enum vl_side side, enum vl_clause clause,
                   const char *detail)
{
    struct vl_verdict *v = r->host.verdict;
    uint64_t *word = &r->spec.advised[clause / 64];
    const uint64_t bit = 1ull << (clause % 64);

    if ((*word & bit) != 0 || v->n_advice == VL_ADVICE_MAX) {
        return;
    }
    *word |= bit;
    struct vl_advice *advice = &v->advice[v->n_advice++];
    advice->clause = (uint16_t)clause;
    advice->side = (uint8_t)side;
    advice->event = r->seq;
    (void)snprintf(advice->detail, sizeof(advice->detail), "%.*s", (int)sizeof(advice->detail) - 1,
                   detail);
}

void vl_clause_broken(struct vl_referees *r, enum vl_side side, enum vl_clause clause,
                      const char *kind, const char *detail, ...)
{
    const struct vl_clause_info *info = vl_clause_info(clause);
    char text[sizeof(r->host.verdict->detail)];
    char name[sizeof(r->host.verdict->kind)];
    va_list args;

    if (!judged(r, side)) {
        r->spec.broke[clause / 64] |= 1ull << (clause % 64);
        return;
    }
    if (r->host.verdict->outcome == VL_FINDING) {
        return; // the first finding of a run is its finding
    }
    va_start(args, detail);
    (void)vsnprintf(text, sizeof(text), detail, args);
    va_end(args);
    if (!vl_clause_strict(info)) {
        advise(r, side, clause, text);
        return;
    }
    (void)snprintf(name, sizeof(name), "spec:%s", info->id);
    r->host.verdict->clause = (uint16_t)clause;
    vl_referee_finding(r, kind != NULL ? kind : name, vl_side_name(side), "%s", text);
}

// ---- events ---------------------------------------------------------------------------------

void vl_spec_reset(struct vl_referees *r)
{
    struct vl_spec *s = &r->spec;

    memset(s->broke, 0, sizeof(s->broke));
    memset(s->advised, 0, sizeof(s->advised));
    vl_spec_blk_reset(&s->blk);
    memset(&s->entropy, 0, sizeof(s->entropy));
}

void vl_spec_clear(struct vl_referees *r)
{
    struct vl_spec *s = &r->spec;

    vl_spec_regs_reset(&s->regs);
    memset(&s->status, 0, sizeof(s->status));
    memset(&s->features, 0, sizeof(s->features));
    memset(&s->config, 0, sizeof(s->config));
    memset(&s->cap, 0, sizeof(s->cap));
    memset(&s->common, 0, sizeof(s->common));
    memset(&s->notify, 0, sizeof(s->notify));
    memset(&s->isr, 0, sizeof(s->isr));
    memset(&s->msix, 0, sizeof(s->msix));
}

// Which areas want an access to which register of the common configuration, beside those that want
// them all.
enum { OF_FEATURES = 1, OF_CONFIG = 2, OF_NOTIFY = 4, OF_MSIX = 8, OF_RINGS = 16, OF_BLK = 32 };
static const uint8_t wanted_by[VL_COMMON_BYTES] = {
    [VL_COMMON_DEVICE_FEATURE] = OF_FEATURES | OF_BLK,
    [VL_COMMON_DRIVER_FEATURE] = OF_FEATURES,
    [VL_COMMON_CONFIG_VECTOR] = OF_MSIX,
    [VL_COMMON_STATUS] = OF_FEATURES | OF_CONFIG | OF_MSIX | OF_BLK,
    [VL_COMMON_GENERATION] = OF_CONFIG,
    [VL_COMMON_QUEUE_SIZE] = OF_RINGS,
    [VL_COMMON_QUEUE_VECTOR] = OF_MSIX,
    [VL_COMMON_QUEUE_ENABLE] = OF_RINGS,
    [VL_COMMON_QUEUE_NOTIFY_OFF] = OF_NOTIFY,
};

static void common_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    const unsigned wanted = a->off < VL_COMMON_BYTES ? wanted_by[a->off] : 0;

    vl_spec_status_access(r, a);
    if ((wanted & OF_FEATURES) != 0) {
        vl_spec_features_access(r, a);
    }
    if ((wanted & OF_CONFIG) != 0) {
        vl_spec_config_access(r, a);
    }
    vl_spec_caps_used(r, &r->spec.notify);
    if ((wanted & OF_NOTIFY) != 0) {
        vl_spec_notify_access(r, a);
    }
    if ((wanted & OF_MSIX) != 0) {
        vl_spec_msix_access(r, a);
    }
    r->spec.msix.control_seq = 0; // whatever the table was like, the driver went on
    if ((wanted & OF_RINGS) != 0) {
        vl_driver_enables(r, a);
    }
    if ((wanted & OF_BLK) != 0 && r->config.virtio_id == VL_VIRTIO_BLK) {
        vl_spec_blk_access(r, a);
    }
}

void vl_spec_lose(struct vl_referees *r)
{
    r->spec.regs.lost = true;
    r->spec.status.busy = true;      // or it would have to leave queues alone
    r->spec.features.unclear = true; // which were told
}

bool vl_spec_judgeable(struct vl_referees *r, const struct vl_reg_access *a)
{
    const struct vl_spec_regs *s = &r->spec.regs;

    if (r->judge_driver) {
        return true;
    }
    if (s->length[VL_REGION_COMMON] < VL_COMMON_BYTES || s->length[VL_REGION_NOTIFY] == 0 ||
        s->length[VL_REGION_ISR] == 0) {
        vl_spec_lose(r); // the driver goes on, and has not read where structures end
    }
    if (a->write && a->region == VL_REGION_COMMON && a->off >= VL_COMMON_QUEUE_SIZE &&
        !s->queue_selected) {
        vl_spec_lose(r); // of which queue?
    }
    if (a->write && a->region == VL_REGION_COMMON && a->off == VL_COMMON_STATUS && a->value != 0 &&
        ((s->status & ~a->value) != 0 || (a->value & STATUS_RESERVED) != 0)) {
        vl_spec_lose(r); // the device may take it, a part of it, or nothing
    }
    if (a->write && a->region == VL_REGION_COMMON && s->reset_asked) {
        vl_spec_isr_anew(&r->spec.isr); // who does not wait for its end learns not when that is
    }
    return !s->lost && !vl_common_misuse(r, a);
}

void vl_spec_access(struct vl_referees *r, const struct vl_reg_access *a)
{
    if (a->off == VL_COMMON_QUEUE_SIZE) {
        vl_device_register(r, a);
    }
    if (a->region != VL_REGION_NOTIFY || vl_spec_common_waits(&r->spec.common)) {
        vl_spec_common_access(r, a);
    }
    switch ((enum vl_structure)a->region) {
    case VL_REGION_COMMON: common_access(r, a); break;
    case VL_REGION_NOTIFY:
        vl_spec_status_access(r, a);
        vl_spec_notify_access(r, a);
        break;
    case VL_REGION_ISR: vl_spec_isr_access(r, a); break;
    case VL_REGION_DEVICE:
        r->spec.isr.device_seq = a->seq;
        vl_spec_status_access(r, a);
        vl_spec_config_access(r, a);
        if (r->config.virtio_id == VL_VIRTIO_BLK) {
            vl_spec_blk_access(r, a);
        }
        break;
    case VL_REGION_TABLE: vl_spec_msix_access(r, a); break;
    default:
        if (a->ev->field == VL_FIELD_DOORBELL) {
            vl_spec_notify_access(r, a); // a notification that went astray
        }
        break;
    }
    vl_spec_regs_access(&r->spec.regs, a);
}

void vl_spec_mmio(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_reg_access a;

    if (!vl_spec_decode(r, ev, seq, &a)) {
        if (!r->judge_driver && !r->spec.regs.found && a.write) {
            vl_spec_lose(r); // it may have hit a register all the same
        }
        return; // before any function with virtio's structures was found
    }
    if (!vl_spec_judgeable(r, &a)) {
        return;
    }
    if (vl_spec_cap_wants(&r->spec.cap, &a)) {
        vl_spec_cap_access(r, &a);
    }
    vl_spec_access(r, &a);
}

// A driver that is not judged moves BARs under the registers that it uses, or byte by byte.
static bool moves_bars(const struct vl_referees *r, const struct vl_event *ev)
{
    const uint32_t off = (uint32_t)ev->addr & 0xFFFFu;

    return !r->judge_driver && ev->kind == VL_EV_CONFIG_WRITE && off >= CONFIG_BAR0 &&
           off < CONFIG_BAR0 + 4 * VL_PCI_BARS && (r->spec.cap.went_on || ev->len != 4);
}

void vl_spec_config_space(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const uint32_t function = (uint32_t)(ev->addr >> 16);

    if (moves_bars(r, ev)) {
        vl_spec_lose(r);
    }
    vl_spec_cap_config(r, ev, seq);
    if (ev->kind == VL_EV_CONFIG_READ) {
        vl_spec_caps_read(&r->spec.notify, function);
    } else {
        r->spec.msix.changed_seq = seq;
    }
    if (function == r->spec.regs.function) { // the one whose structures are used
        vl_spec_caps_config(r, ev, seq);
        vl_spec_isr_config(r, ev);
        vl_spec_regs_config(r, ev, seq);
    }
}

void vl_spec_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (r->spec.regs.lost) {
        return;
    }
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_ALLOC: vl_spec_common_event(r, ev, seq); break;
    case VL_EV_INTERRUPT:
        vl_spec_status_event(r, ev, seq);
        vl_spec_msix_event(r, ev, seq);
        break;
    case VL_EV_INTERRUPT_ARRIVES: vl_spec_msix_event(r, ev, seq); break;
    case VL_EV_INTX:
        vl_spec_status_event(r, ev, seq);
        vl_spec_isr_event(r, ev, seq);
        break;
    case VL_EV_HANDLER_RETURNS:
        vl_spec_isr_event(r, ev, seq);
        vl_spec_msix_event(r, ev, seq);
        break;
    case VL_EV_SLEEP:
        if (ev->agent == VL_AGENT_DEVICE) {
            vl_spec_status_event(r, ev, seq);
            vl_spec_config_event(r, ev, seq);
        }
        if (vl_spec_common_waits(&r->spec.common)) {
            vl_spec_common_event(r, ev, seq);
        }
        vl_spec_isr_event(r, ev, seq);
        vl_spec_msix_event(r, ev, seq);
        break;
    case VL_EV_QUIESCENT:
        vl_spec_cap_event(r, ev, seq);
        vl_spec_common_event(r, ev, seq);
        vl_spec_isr_event(r, ev, seq);
        vl_spec_msix_event(r, ev, seq);
        break;
    case VL_EV_NOTE:
    case VL_EV_DRIVER_DONE:
        vl_spec_status_event(r, ev, seq);
        vl_spec_config_event(r, ev, seq);
        vl_spec_cap_event(r, ev, seq);
        vl_spec_common_event(r, ev, seq);
        vl_spec_isr_event(r, ev, seq);
        vl_spec_msix_event(r, ev, seq);
        break;
    default: break;
    }
}

void vl_spec_published(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint64_t seq)
{
    switch (r->config.virtio_id) {
    case VL_VIRTIO_BLK: vl_spec_blk_published(r, q, head, seq); break;
    case VL_VIRTIO_ENTROPY: vl_spec_entropy_published(r, q, head, seq); break;
    default: break;
    }
}

void vl_spec_returned(struct vl_referees *r, struct vl_squeue *q, uint32_t head, uint32_t len,
                      uint64_t seq)
{
    switch (r->config.virtio_id) {
    case VL_VIRTIO_BLK: vl_spec_blk_returned(r, q, head, len, seq); break;
    case VL_VIRTIO_ENTROPY: vl_spec_entropy_returned(r, q, head, len, seq); break;
    default: break;
    }
}
