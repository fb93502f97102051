// model/referee/vl_referee.c -- opens and resets the referees, takes in notes, keeps the marks.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/referee/vl_referee_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
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

const struct vl_states *vl_referees_states(const struct vl_referees *r)
{
    return &r->states;
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
    ok = vl_bringup_open(&r->bringup) && ok;
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
    vl_bringup_close(&r->bringup);
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
    r->placed &= ~(1u << q->index);
    r->live &= ~(1u << q->index);
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
    r->astray = false;
    r->driver_done = false;
    r->any_live = false;
    r->accusation_due = false;
    r->marks = 0;
    r->states = (struct vl_states){.bit = {0}};
    r->completed_seq = 0;
    r->reset_at_seq = 0;
    r->looks = false;
    memset(r->drained, 0, sizeof(r->drained));
    r->n_elems = 0;
    r->acts = (struct vl_driver_acts){0};
    vl_spec_reset(r);
    vl_bringup_reset(r);
    r->free_elem = VL_NONE;
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        r->asleep[side] = false;
        r->deciding[side] = 0;
        r->work[side] = 0;
        r->work_max[side] = UINT32_MAX;
    }
}

// ---- queues ---------------------------------------------------------------------------------

struct vl_squeue *vl_squeue_elsewhere(struct vl_referees *r, const struct vl_event *ev)
{
    for (uint32_t i = 1; i < VL_QUEUES; i++) { // bound: VL_QUEUES
        struct vl_squeue *q = &r->queue[(ev->queue + i) % VL_QUEUES];
        if ((r->placed >> q->index & 1u) != 0 && vl_squeue_holds(q, ev->addr)) {
            return q;
        }
    }
    return NULL;
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
    r->placed |= 1u << q->index;
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
    q->stood_down = r->astray;
    q->features = features;
    q->start_idx = start_idx;
    q->state = VL_QUEUE_LIVE;
    r->live |= 1u << q->index;
    vl_notify_live(r, q);
    r->any_live = true;
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        r->work[side] = 0;
        r->work_max[side] = hostile ? 16 * q->size + 256 : UINT32_MAX;
    }
}

// A hostile driver may have told the device other areas and features than it noted: the device is
// judged by what it was told.
static void queue_served(struct vl_referees *r, const struct vl_event *ev)
{
    struct vl_squeue *q = &r->queue[ev->queue % VL_QUEUES];
    uint64_t features = q->features;
    const uint16_t start_idx = q->start_idx;

    if (r->config.hostile_driver && q->state == VL_QUEUE_LIVE) {
        const bool known = vl_spec_features_told(r, &features);
        queue_areas(r, ev);
        queue_live(r, q, features, start_idx);
        q->stood_down = !known || r->astray;
    }
}

// A driver that is not judged may do so while the device uses the queue: that stays live, and what
// the device makes of its memory is not judged up to the device's reset.
static void queue_taken_down(struct vl_referees *r, struct vl_squeue *q)
{
    if (r->config.hostile_driver && q->state == VL_QUEUE_LIVE && !r->device_was_reset) {
        r->astray = true;
        q->stood_down = true;
    } else {
        queue_down(r, q);
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
    r->astray = false;
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
    } else if (ev->addr == VIRTQ_CONTROL_BEYOND && ev->agent == VL_AGENT_DEVICE) {
        r->queue[ev->queue % VL_QUEUES].broken[VL_SIDE_DEVICE] = true;
    }
    if (r->config.pci) {
        vl_pci_rules_control(r, ev);
    }
}

void vl_referee_note(struct vl_referees *r, const struct vl_event *ev, uint64_t seq)
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
        queue_taken_down(r, q);
        break;
    case VIRTQ_NOTE_SUBMIT:
    case VIRTQ_NOTE_SEND:
    case VIRTQ_NOTE_COMPLETE:
    case VIRTQ_NOTE_RECEIVE:
    case VIRTQ_NOTE_DETACH:
        if (r->judge_driver) {
            if (ev->barrier == VIRTQ_NOTE_SUBMIT) {
                vl_driver_submits(r, ev);
            } else if (ev->barrier == VIRTQ_NOTE_DETACH) {
                vl_driver_detaches(r, ev);
            }
            vl_data_note(r, ev);
        }
        if (r->config.virtio_id == VL_VIRTIO_ENTROPY && ev->barrier == VIRTQ_NOTE_RECEIVE) {
            vl_spec_entropy_received(r, ev, seq);
        }
        break;
    case VIRTQ_NOTE_POP:
        if (r->judge_device) {
            vl_robust_took(r, q, ev);
            vl_device_pop(r, ev);
        }
        break;
    case VIRTQ_NOTE_PEER_ERROR:
        if (ev->agent == VL_AGENT_TRAP && ev->addr == VIRTQ_ERR_DOORBELL) {
            vl_flight_answered(&r->flight);
        }
        vl_robust_peer_error(r, ev);
        break;
    case VIRTQ_NOTE_CONFIG_CHANGED:
        if (ev->agent == VL_AGENT_DEVICE) {
            vl_live_passed(r, VL_SIDE_DEVICE); // what it sends next is about this
        }
        break;
    case VIRTQ_NOTE_CONTROL: control(r, ev, seq); break;
    default: break;
    }
}

// ---- the end ----------------------------------------------------------------------------------

void vl_referees_end(struct vl_referees *r, struct vl_verdict *verdict)
{
    vl_live_end(r, verdict);
}
