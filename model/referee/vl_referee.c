// model/referee/vl_referee.c -- opens and resets the referees, hands events out, keeps the marks.
// A step costs a switch on the event's kind, and for a ring access the search of its queue's areas.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ELEMS_MIN 4096u
#define ELEMS_MAX (1u << 18)

// ---- names ----------------------------------------------------------------------------------

#define VL_MARK_TEXT_(id, text) text,
#define VL_MARK_NAME_(id, text) #id,
static const char *const mark_text[] = {VL_MARKS(VL_MARK_TEXT_)};
static const char *const mark_name[] = {VL_MARKS(VL_MARK_NAME_)};

const char *vl_mark_text(unsigned mark)
{
    return mark < VL_MARK_COUNT ? mark_text[mark] : "?";
}

const char *vl_mark_name(unsigned mark)
{
    return mark < VL_MARK_COUNT ? mark_name[mark] : "?";
}

uint64_t vl_referees_marks(const struct vl_referees *r)
{
    return r->marks;
}

// ---- open, close, reset ---------------------------------------------------------------------

static bool queue_arrays_open(struct vl_squeue *q, uint32_t size)
{
    q->head = calloc(size, sizeof(*q->head));
    q->avail_slot = calloc(size, sizeof(*q->avail_slot));
    q->used_slot = calloc(size, sizeof(*q->used_slot));
    q->used_fresh = calloc(size, sizeof(*q->used_fresh));
    q->list = calloc(size, sizeof(*q->list));
    return q->head != NULL && q->avail_slot != NULL && q->used_slot != NULL &&
           q->used_fresh != NULL && q->list != NULL && vl_queue_open(&q->abstract, size);
}

struct vl_referees *vl_referees_open_for(const struct vl_referee_host *host,
                                         uint32_t queue_size_max, uint32_t mem_bytes)
{
    struct vl_referees *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    uint32_t elems = mem_bytes / VL_DESC_BYTES;
    elems = elems < ELEMS_MIN ? ELEMS_MIN : elems > ELEMS_MAX ? ELEMS_MAX : elems;
    r->host = *host;
    r->queue_size_max = queue_size_max;
    r->elems_max = elems + queue_size_max;
    r->elem = calloc(r->elems_max, sizeof(*r->elem));
    bool ok = r->elem != NULL && vl_image_open(&r->image, mem_bytes);
    for (uint32_t i = 0; i < VL_QUEUES; i++) {
        r->queue[i].index = (uint8_t)i;
        ok = queue_arrays_open(&r->queue[i], queue_size_max) && ok;
    }
    if (!ok) {
        vl_referees_close(r);
        return NULL;
    }
    const struct vl_referee_config config = {.completion_owed = true};
    vl_referees_reset(r, &config);
    return r;
}

static void end_run(void *ctx, const char *kind, const char *side, const char *detail)
{
    vl_finding(ctx, kind, side, "%s", detail);
}

struct vl_referees *vl_referees_open(struct vl_machine *m, uint32_t queue_size_max,
                                     uint32_t mem_bytes)
{
    const struct vl_referee_host host = {.ctx = m, .finding = end_run, .verdict = &m->verdict};
    struct vl_referees *r = vl_referees_open_for(&host, queue_size_max, mem_bytes);
    if (r != NULL) {
        r->machine = m;
    }
    return r;
}

void vl_referee_finding(struct vl_referees *r, const char *kind, const char *side,
                        const char *detail, ...)
{
    char text[sizeof(((struct vl_verdict *)NULL)->detail)];
    va_list args;

    va_start(args, detail);
    (void)vsnprintf(text, sizeof(text), detail, args);
    va_end(args);
    r->host.finding(r->host.ctx, kind, side, text);
}

void vl_promise_broken(struct vl_referees *r, const struct vl_squeue *q, enum vl_side side)
{
    const struct vl_queue *a = &q->abstract;

    vl_referee_finding(r, a->broken, vl_side_name(side),
                       "queue %u, without its ring: %" PRIu64 " breaks what a queue promises; "
                       "%" PRIu32 " buffers were offered, %" PRIu32 " taken, %" PRIu32
                       " given back, %" PRIu32 " collected, and %" PRIu32 " are in flight",
                       q->index, a->broken_value, a->n_offered, a->n_taken, a->n_given,
                       a->n_collected, a->n_in_flight);
}

void vl_referees_close(struct vl_referees *r)
{
    if (r == NULL) {
        return;
    }
    for (uint32_t i = 0; i < VL_QUEUES; i++) {
        struct vl_squeue *q = &r->queue[i];
        free(q->head);
        free(q->avail_slot);
        free(q->used_slot);
        free(q->used_fresh);
        free(q->list);
        vl_queue_close(&q->abstract);
    }
    vl_image_close(&r->image);
    free(r->elem);
    free(r);
}

// The queue's memory is the driver's alone again, and its areas are forgotten.
static void queue_down(struct vl_referees *r, struct vl_squeue *q)
{
    while (q->n_published > 0) { // bound: queue_size
        vl_driver_take_back(r, q, q->list[q->n_published - 1]);
    }
    vl_queue_withdraw(&q->abstract);
    q->state = VL_QUEUE_UNKNOWN;
    q->desc_bytes = q->avail_bytes = q->used_bytes = 0;
    q->walk_expect = VL_NOWHERE;
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        r->deciding[side] &= ~(1u << q->index);
    }
}

static void image_reset(struct vl_referees *r)
{
    struct vl_range regions[VL_IMAGE_RANGES];
    uint32_t n = 0;
    uint32_t off = 0;

    if (r->machine != NULL) {
        for (; n < VL_REGIONS; n++) {
            const struct vl_region *from = &r->machine->memory.region[n];
            regions[n] =
                (struct vl_range){.gpa = from->gpa, .bytes = from->bytes, .off = from->off};
        }
    }
    for (; n < r->host.n_regions; n++) { // bound: VL_REFEREE_REGIONS
        const struct vl_referee_region *from = &r->host.region[n];
        const uint32_t below = (uint32_t)(from->gpa % VL_DESC_BYTES);
        // An address and its place in the image are aligned alike; regions that touch stay
        // together.
        off = off % VL_DESC_BYTES == below ? off : (off | (VL_DESC_BYTES - 1)) + 1 + below;
        regions[n] = (struct vl_range){.gpa = from->gpa, .bytes = from->bytes, .off = off};
        off += from->bytes;
    }
    vl_image_reset(&r->image, regions, n);
}

void vl_referees_reset(struct vl_referees *r, const struct vl_referee_config *config)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) {
        queue_down(r, &r->queue[i]);
    }
    image_reset(r);
    vl_flight_reset(&r->flight);
    vl_pci_rules_reset(&r->pci);
    r->config = *config;
    r->judge_driver = !config->hostile_driver;
    r->judge_device = !config->hostile_device && !config->hostile_pci;
    r->honest = r->judge_driver && r->judge_device;
    r->device_was_reset = false;
    r->driver_done = false;
    r->any_live = false;
    r->accusation_due = false;
    r->marks = 0;
    r->completed_seq = 0;
    r->reset_at_seq = 0;
    r->n_elems = 0;
    r->acts = (struct vl_driver_acts){0};
    vl_spec_reset(r);
    r->free_elem = VL_NONE;
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        r->asleep[side] = false;
        r->deciding[side] = 0;
        r->work[side] = 0;
        r->work_max[side] = UINT32_MAX;
    }
}

// ---- notes ----------------------------------------------------------------------------------

static void queue_areas(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];
    const uint32_t size = ev->len;
    uint32_t off = 0;

    queue_down(r, q);
    if (size == 0 || size > r->queue_size_max || (size & (size - 1)) != 0) {
        return; // no queue that could be followed
    }
    q->desc = vl_image_gpa(&r->image, ev->addr);
    q->avail = vl_image_gpa(&r->image, ev->value);
    q->used = vl_image_gpa(&r->image, ev->aux);
    if (!vl_image_find(&r->image, q->desc, (uint64_t)size * VL_DESC_BYTES, &off) ||
        off % VL_DESC_BYTES != 0) {
        return;
    }
    q->size = size;
    q->mask = size - 1;
    q->desc_granule = off / VL_DESC_BYTES;
    q->desc_bytes = size * VL_DESC_BYTES;
    q->avail_bytes = VL_RING_SLOTS_OFF + size * VL_AVAIL_SLOT_BYTES + 2;
    q->used_bytes = VL_RING_SLOTS_OFF + size * VL_USED_SLOT_BYTES + 2;
    q->state = VL_QUEUE_READY;
}

static void queue_live(struct vl_referees *r, struct vl_squeue *q, uint64_t features,
                       uint16_t start_idx)
{
    const bool hostile = !r->honest;

    r->device_was_reset = false;
    if (q->state == VL_QUEUE_UNKNOWN) {
        return;
    }
    while (q->n_published > 0) { // bound: queue_size
        vl_driver_take_back(r, q, q->list[q->n_published - 1]);
    }
    vl_queue_withdraw(&q->abstract);
    q->event_idx = (features & VL_FEATURE_EVENT_IDX) != 0;
    q->indirect = (features & VL_FEATURE_INDIRECT) != 0;
    vl_squeue_start(q, start_idx);
    q->features = features;
    q->start_idx = start_idx;
    q->state = VL_QUEUE_LIVE;
    vl_notify_live(r, q);
    r->any_live = true;
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        r->work[side] = 0;
        r->work_max[side] = hostile ? 16 * q->size + 256 : UINT32_MAX;
    }
}

// A hostile driver may have told the device other areas than it noted: the device is judged by what
// it was told.
static void queue_served(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];
    const uint64_t features = q->features;
    const uint16_t start_idx = q->start_idx;

    if (r->config.hostile_driver && q->state == VL_QUEUE_LIVE) {
        queue_areas(r, ev);
        queue_live(r, q, features, start_idx);
    }
}

static void device_reset(struct vl_referees *r, uint64_t seq)
{
    for (uint32_t i = 0; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        const struct vl_squeue *q = &r->queue[i];
        if (q->state == VL_QUEUE_LIVE && (q->n_published > 0 || q->n_held > 0)) {
            vl_mark(r, VL_MARK_RESET_IN_FLIGHT);
        }
    }
    vl_flight_device_reset(&r->flight);
    r->device_was_reset = true;
    r->reset_at_seq = seq;
    r->deciding[VL_SIDE_DRIVER] = r->deciding[VL_SIDE_DEVICE] = 0;
}

static void control(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (ev->addr == VIRTQ_CONTROL_DEVICE_RESET) {
        device_reset(r, seq);
    } else if (ev->addr == VIRTQ_CONTROL_DRIVER_OK) {
        r->device_was_reset = false;
        vl_mark(r, VL_MARK_DRIVER_OK);
    } else if (ev->addr == VIRTQ_CONTROL_FAILED) {
        vl_mark(r, VL_MARK_PCI_FAILED);
    }
    if (r->config.pci) {
        vl_pci_rules_control(r, ev);
    }
}

static void note(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];

    if (ev->barrier == VIRTQ_NOTE_COMPLETE) {
        r->completed_seq = seq;
    }
    switch ((enum virtq_note)ev->barrier) {
    case VIRTQ_NOTE_QUEUE_AREAS:
        queue_areas(r, ev);
        vl_driver_areas(r, ev);
        break;
    case VIRTQ_NOTE_QUEUE_LIVE:
        queue_live(r, q, ev->addr, (uint16_t)ev->value);
        vl_driver_live(r, q);
        break;
    case VIRTQ_NOTE_QUEUE_SERVED: queue_served(r, ev); break;
    case VIRTQ_NOTE_QUEUE_DOWN:
        vl_driver_down(r, q);
        queue_down(r, q);
        break;
    case VIRTQ_NOTE_SUBMIT:
    case VIRTQ_NOTE_SEND:
    case VIRTQ_NOTE_COMPLETE:
    case VIRTQ_NOTE_RECEIVE:
    case VIRTQ_NOTE_DETACH:
        if (r->judge_driver) {
            if (ev->barrier == VIRTQ_NOTE_SUBMIT) {
                vl_driver_submits(r, ev);
            }
            vl_data_note(r, ev);
        }
        if (r->config.virtio_id == VL_VIRTIO_ENTROPY && ev->barrier == VIRTQ_NOTE_RECEIVE) {
            vl_spec_entropy_received(r, ev, seq);
        }
        break;
    case VIRTQ_NOTE_POP:
        if (r->judge_device) {
            vl_device_pop(r, ev);
        }
        break;
    case VIRTQ_NOTE_PEER_ERROR:
        if (ev->agent == VL_AGENT_TRAP && ev->addr == VIRTQ_ERR_DOORBELL) {
            vl_flight_answered(&r->flight);
        }
        vl_robust_peer_error(r, ev);
        break;
    case VIRTQ_NOTE_CONTROL: control(r, ev, seq); break;
    default: break;
    }
}

// ---- events ---------------------------------------------------------------------------------

static const uint8_t side_of[] = {
    [VL_AGENT_DRIVER] = VL_SIDE_DRIVER,  [VL_AGENT_HANDLER] = VL_SIDE_DRIVER,
    [VL_AGENT_DEVICE] = VL_SIDE_DEVICE,  [VL_AGENT_TRAP] = VL_SIDE_DEVICE,
    [VL_AGENT_PLATFORM] = VL_SIDE_OTHER, [VL_AGENT_ADVERSARY] = VL_SIDE_OTHER,
};

// A side's main context went on: if it was about to decide on a notification, it has decided.
static inline void goes_on(struct vl_referees *r, const struct vl_event *ev, unsigned side)
{
    if (r->deciding[side] != 0 && ev->agent == side) {
        vl_live_passed(r, (enum vl_side)side);
    }
}

_Static_assert((int)VL_AGENT_DRIVER == (int)VL_SIDE_DRIVER &&
                   (int)VL_AGENT_DEVICE == (int)VL_SIDE_DEVICE,
               "a side's main agent has the number of the side");

// True if this side is judged; counts the access and sees to a device that acts after its reset.
static inline bool admit(struct vl_referees *r, const struct vl_event *ev, unsigned side)
{
    goes_on(r, ev, side);
    if (!(side == VL_SIDE_DRIVER ? r->judge_driver : r->judge_device)) {
        return false;
    }
    if (side == VL_SIDE_DEVICE && (r->device_was_reset ||
                                   (r->config.pci && vl_spec_status_quiet(&r->spec.status)))) {
        vl_spec_status_touched(r, ev);
    }
    return true;
}

static void ring_access(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    const unsigned side = side_of[ev->agent];

    if (side == VL_SIDE_OTHER) {
        vl_mark(r, VL_MARK_ADVERSARY);
        return;
    }
    vl_flight_acts(&r->flight, ev);
    if (!admit(r, ev, side)) {
        return;
    }
    if (++r->work[side] > r->work_max[side]) {
        vl_robust_too_much(r, (enum vl_side)side);
    }
    if (side == VL_SIDE_DRIVER) {
        ev->kind == VL_EV_LOAD ? vl_driver_load(r, ev, seq) : vl_driver_store(r, ev, seq);
    } else {
        ev->kind == VL_EV_LOAD ? vl_device_load(r, ev, seq) : vl_device_store(r, ev, seq);
    }
}

static void payload_access(struct vl_referees *r, const struct vl_event *ev, uint64_t seq,
                           const uint8_t *payload)
{
    const unsigned side = side_of[ev->agent];

    if (side == VL_SIDE_OTHER || !admit(r, ev, side)) {
        return;
    }
    if (ev->addr >= VL_REGION2_GPA) {
        vl_mark(r, VL_MARK_HIGH_MEMORY);
    }
    side == VL_SIDE_DRIVER ? vl_own_driver_payload(r, ev) : vl_own_device_payload(r, ev);
    if (r->config.virtio_id == VL_VIRTIO_BLK) {
        vl_spec_blk_event(r, ev, seq, payload);
    }
}

static void waiting(struct vl_referees *r, const struct vl_event *ev)
{
    const unsigned side = side_of[ev->agent];

    if (side == VL_SIDE_OTHER) {
        return;
    }
    vl_flight_event(&r->flight, ev);
    goes_on(r, ev, side);
    if (ev->kind == VL_EV_FENCE) {
        if (r->config.barriers && side == VL_SIDE_DRIVER) {
            vl_driver_fence(r, ev);
        }
        return;
    }
    r->work[side] = 0;
    if (ev->kind == VL_EV_SLEEP) {
        if (side == VL_SIDE_DRIVER ? r->judge_driver : r->judge_device) {
            vl_robust_sleep(r, (enum vl_side)side);
        }
        vl_live_sleep(r, (enum vl_side)side);
    } else if (ev->kind == VL_EV_WOKEN) {
        r->asleep[side] = false;
        vl_mark(r, side == VL_SIDE_DRIVER ? VL_MARK_DRIVER_SLEPT : VL_MARK_DEVICE_SLEPT);
    }
}

static void interrupt_sent(struct vl_referees *r)
{
    uint32_t queues = r->deciding[VL_SIDE_DEVICE];

    for (uint32_t i = 0; i < VL_QUEUES && queues == 0; i++) { // bound: VL_QUEUES
        // A device that never looks at the suppression value still notifies.
        queues = r->queue[i].duty[VL_SIDE_DEVICE].state == VL_DUTY_PUBLISHED ? 1u << i : 0;
    }
    vl_live_notified(r, VL_SIDE_DEVICE, queues);
}

static void notification(struct vl_referees *r, const struct vl_event *ev)
{
    vl_flight_event(&r->flight, ev);
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_DOORBELL:
        vl_driver_doorbell(r, ev);
        if (ev->addr < VL_QUEUES) {
            vl_live_notified(r, VL_SIDE_DRIVER, 1u << ev->addr);
        }
        break;
    case VL_EV_INTERRUPT: interrupt_sent(r); break;
    case VL_EV_INTX:
        if (ev->value != 0) {
            interrupt_sent(r);
            vl_mark(r, VL_MARK_INTX);
        }
        return;
    case VL_EV_INTERRUPT_ARRIVES:
        if (r->config.pci && ev->value == 0) {
            vl_mark(r, VL_MARK_MSIX);
        }
        break;
    default: break;
    }
    if (ev->value != 0) {
        const bool arrives =
            ev->kind == VL_EV_DOORBELL_ARRIVES || ev->kind == VL_EV_INTERRUPT_ARRIVES;
        vl_mark(r, arrives ? VL_MARK_SPURIOUS : VL_MARK_DELAYED);
    }
}

static void registers(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    vl_flight_event(&r->flight, ev);
    if (ev->kind == VL_EV_MMIO_WRITE && ev->aux != 0) {
        vl_mark(r, VL_MARK_POSTED);
    }
    if (!r->config.pci) {
        return;
    }
    if (ev->kind == VL_EV_CONFIG_READ || ev->kind == VL_EV_CONFIG_WRITE) {
        vl_spec_config_space(r, ev, seq);
        vl_pci_rules_config(r, ev);
    } else {
        vl_spec_mmio(r, ev, seq);
        vl_pci_rules_mmio(r, ev);
    }
    if (r->accusation_due) {
        vl_robust_settle(r);
    }
}

// What the block device's checkers want beside payload.
static void blk_event(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
{
    if (r->config.virtio_id == VL_VIRTIO_BLK) {
        vl_spec_blk_event(r, ev, seq, NULL);
    }
}

// True for an event that checkers of registers want beside the accesses. Of the notes most are of
// buffers, and for the rings alone.
static inline bool spec_wants(const struct vl_event *ev)
{
    static const uint64_t kinds =
        1ull << VL_EV_INTERRUPT | 1ull << VL_EV_INTERRUPT_ARRIVES | 1ull << VL_EV_INTX |
        1ull << VL_EV_HANDLER_RETURNS | 1ull << VL_EV_SLEEP | 1ull << VL_EV_QUIESCENT |
        1ull << VL_EV_DRIVER_DONE | 1ull << VL_EV_NOTE | 1ull << VL_EV_ALLOC;
    static const uint64_t not_notes =
        1ull << VIRTQ_NOTE_SUBMIT | 1ull << VIRTQ_NOTE_SEND | 1ull << VIRTQ_NOTE_COMPLETE |
        1ull << VIRTQ_NOTE_RECEIVE | 1ull << VIRTQ_NOTE_DETACH | 1ull << VIRTQ_NOTE_POP;

    if ((kinds >> (ev->kind % 64u) & 1u) == 0) {
        return false;
    }
    return ev->kind != VL_EV_NOTE || (not_notes >> (ev->barrier % 64u) & 1u) == 0;
}
_Static_assert(VL_EV_COUNT <= 64 && VIRTQ_NOTE_COUNT <= 64, "kinds are bits of a word");

void vl_referees_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct vl_referees *r = ctx;

    r->seq = seq;
    if (ev->kind == VL_EV_LOAD || ev->kind == VL_EV_STORE) { // most events, by far
        if (ev->field < VL_FIELD_DOORBELL) { // a counter of notifications is no part of a ring
            ring_access(r, ev, seq);
        } else {
            vl_flight_event(&r->flight, ev);
        }
        return;
    }
    if (ev->kind == VL_EV_SHARED) {
        return; // a half's own
    }
    if (r->config.pci && spec_wants(ev)) {
        vl_spec_event(r, ev, seq);
        if (r->accusation_due && side_of[ev->agent] == VL_SIDE_DRIVER) {
            vl_robust_settle(r);
        }
    }
    switch ((enum vl_event_kind)ev->kind) {
    case VL_EV_READ:
    case VL_EV_WRITE: payload_access(r, ev, seq, payload); break;
    case VL_EV_FENCE:
    case VL_EV_AWAIT:
    case VL_EV_RELAX:
    case VL_EV_SLEEP:
    case VL_EV_WOKEN: waiting(r, ev); break;
    case VL_EV_WAKE:
    case VL_EV_MASK:
    case VL_EV_HANDLER_RETURNS:
        vl_flight_event(&r->flight, ev);
        blk_event(r, ev, seq);
        break;
    case VL_EV_ALLOC:
    case VL_EV_MAP: r->image.bus_offset = ev->value - ev->addr; break;
    case VL_EV_FREE:
    case VL_EV_UNMAP: vl_driver_withdraws(r, ev); break;
    case VL_EV_CONFIG_READ:
    case VL_EV_CONFIG_WRITE:
    case VL_EV_MMIO_READ:
    case VL_EV_MMIO_WRITE: registers(r, ev, seq); break;
    case VL_EV_DOORBELL:
    case VL_EV_DOORBELL_ARRIVES:
    case VL_EV_INTERRUPT:
    case VL_EV_INTERRUPT_ARRIVES:
    case VL_EV_INTX:
        notification(r, ev);
        blk_event(r, ev, seq);
        break;
    case VL_EV_QUIESCENT: vl_live_quiescent(r); break;
    case VL_EV_DRIVER_DONE:
        r->driver_done = r->driver_done || ev->agent == VL_AGENT_DRIVER;
        blk_event(r, ev, seq);
        break;
    case VL_EV_BACKEND:
        vl_data_backend(r, ev);
        blk_event(r, ev, seq);
        break;
    case VL_EV_NOTE:
        note(r, ev, seq);
        blk_event(r, ev, seq);
        break;
    default: break;
    }
}

void vl_referees_end(struct vl_referees *r, struct vl_verdict *verdict)
{
    vl_live_end(r, verdict);
}
