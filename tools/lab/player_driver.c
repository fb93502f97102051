// tools/lab/player_driver.c -- our driver half as a player: brings the device up, works, resets.
// Compiled into the lab, and once more into each loadable player with a bug in the driver half.
// The loop is an interrupt-driven driver's: submit a batch, notify, take what came back, and only
// sleep after the queue said that nothing more is there.
// SPDX-License-Identifier: BSD-2-Clause
#include "driver/vdrv_blk_pci.h"
#include "driver/vdrv_entropy.h"
#include "driver/vdrv_pci.h"
#include "driver/vdrv_queue.h"
#include "model/core/vl_hash.h"
#include "tools/lab/lab_buffers.h"
#include "tools/lab/lab_player.h"

#include <string.h>

#define RESET_POLLS_MAX 5000u
#define WINDOW_BASE 0xE0000000u // where BARs are placed
#define WINDOW_BYTES 0x10000000u

enum phase { PHASE_START, PHASE_WORK, PHASE_STOP, PHASE_END };

struct driver {
    struct virtq_port *port;
    struct lab_half_config config;
    enum phase phase;
    enum virtq_err failed;
    bool over_pci;
    bool probed;
    struct vdrv_pci pci;
    struct virtq_shared config_changed; // set by the handler, taken by the main context
    uint64_t features;
    uint32_t queue_size;
    struct vdrv_queue *q;
    struct vdrv_entropy *entropy;
    struct vdrv_blk *blk;
    struct virtq_doorbell bell;
    struct lab_buffers buffers;
    uint8_t *data; // buffers.slot_bytes: private copy of one request's data
    void *queue_state;
    void *type_state;
    bool reset_due;
};

static uint32_t slots_of(const struct lab_scenario *s)
{
    return s->queue_size < 256 ? s->queue_size : 256;
}

static uint32_t slot_bytes_of(const struct lab_scenario *s)
{
    const uint32_t bytes = s->bytes * s->chain;
    return s->device == LAB_DEVICE_BLK ? (bytes + 511) / 512 * 512 : bytes;
}

static size_t round16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static size_t type_state_bytes(const struct lab_scenario *s)
{
    const size_t blk = vdrv_blk_state_bytes(slots_of(s), s->chain);
    const size_t entropy = vdrv_entropy_state_bytes();
    return blk > entropy ? blk : entropy;
}

static size_t driver_state_bytes(const struct lab_half_config *config)
{
    const struct lab_scenario *s = config->scenario;
    return round16(sizeof(struct driver)) + round16(slots_of(s) * sizeof(struct lab_buffer)) +
           round16(slot_bytes_of(s)) + round16(vdrv_queue_state_bytes(s->queue_size)) +
           round16(type_state_bytes(s));
}

static enum virtq_err driver_create(void *state, const struct lab_half_config *config,
                                    struct virtq_port *port)
{
    const struct lab_scenario *s = config->scenario;
    struct driver *d = state;
    uint8_t *at = (uint8_t *)state + round16(sizeof(*d));

    d->port = port;
    d->config = *config;
    d->buffers = (struct lab_buffers){.port = port,
                                      .slot_bytes = slot_bytes_of(s),
                                      .n_slots = slots_of(s),
                                      .slot = (struct lab_buffer *)(void *)at};
    at += round16(d->buffers.n_slots * sizeof(struct lab_buffer));
    d->data = at;
    at += round16(d->buffers.slot_bytes);
    d->queue_state = at;
    at += round16(vdrv_queue_state_bytes(s->queue_size));
    d->type_state = at;
    d->over_pci = s->transport == LAB_TRANSPORT_PCI;
    return VIRTQ_OK;
}

// ---- bringing the device up -----------------------------------------------------------------

static uint64_t wanted_features(const struct lab_scenario *s)
{
    return VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX |
           (s->device == LAB_DEVICE_BLK ? VDRV_BLK_FEATURES : 0);
}

static enum virtq_err open_queue(struct driver *d)
{
    const struct lab_scenario *s = d->config.scenario;
    const uint32_t most = s->device == LAB_DEVICE_BLK ? s->chain + 2 : s->chain;
    const struct vdrv_queue_config config = {
        .queue_size = d->queue_size,
        .queue_index = 0,
        .start_idx = (uint16_t)s->start_idx,
        .indirect_max = (uint16_t)(most < d->queue_size ? most : d->queue_size),
        .features = d->features};
    return vdrv_queue_open(d->port, &config, d->queue_state, &d->q);
}

static enum virtq_err open_type(struct driver *d, const struct vdrv_blk_info *info)
{
    const struct lab_scenario *s = d->config.scenario;
    if (s->device == LAB_DEVICE_ENTROPY) {
        d->entropy = vdrv_entropy_open(d->port, d->q, 0, d->type_state);
        return VIRTQ_OK;
    }
    const struct vdrv_blk_config config = {
        .queue_index = 0, .depth = d->buffers.n_slots, .max_elems = s->chain, .info = *info};
    d->config.work->config(d->config.work->ctx, info->capacity);
    return vdrv_blk_open(d->port, d->q, &config, d->type_state, &d->blk);
}

static enum virtq_err start_direct(struct driver *d)
{
    const struct lab_link *link = d->config.link;
    uint64_t desc = 0;
    uint64_t driver = 0;
    uint64_t device = 0;

    d->features = link->offered(link->ctx) & wanted_features(d->config.scenario);
    d->queue_size = link->queue_size_max(link->ctx);
    enum virtq_err err = open_queue(d);
    if (err != VIRTQ_OK) {
        return err;
    }
    vdrv_queue_areas(d->q, &desc, &driver, &device);
    d->bell = (struct virtq_doorbell){.queue_index = 0};
    const struct vdrv_blk_info info = {
        .capacity = link->capacity_sectors(link->ctx), .seg_max = UINT32_MAX, .flush = true};
    err = open_type(d, &info);
    if (err == VIRTQ_OK &&
        !link->start(link->ctx, d->features, d->queue_size, desc, driver, device)) {
        err = VIRTQ_ERR_FEATURES;
    }
    return err;
}

static enum virtq_err probe(struct driver *d)
{
    const struct lab_scenario *s = d->config.scenario;
    const bool blk = s->device == LAB_DEVICE_BLK;
    const struct vdrv_pci_config config = {.virtio_id = blk ? VDRV_BLK_ID : VDRV_ENTROPY_ID,
                                           .features = wanted_features(s),
                                           .device_config_min = blk ? 8 : 0,
                                           .device_config_bytes = blk ? VDRV_BLK_CONFIG_BYTES : 0,
                                           .window_base = WINDOW_BASE,
                                           .window_bytes = WINDOW_BYTES,
                                           .msix = s->interrupt == LAB_INTERRUPT_MSIX,
                                           .by_config = s->registers == LAB_REGISTERS_WINDOW,
                                           .vector_base = 0,
                                           .n_polls = RESET_POLLS_MAX};
    return vdrv_pci_probe(d->port, &config, &d->pci);
}

// Steps 7 and 8 of §3.1.1: device configuration, interrupts, the queue, DRIVER_OK.
static enum virtq_err set_up_queue(struct driver *d)
{
    struct vdrv_blk_info info = {0};
    struct vdrv_pci_queue queue;
    uint64_t desc = 0;
    uint64_t driver = 0;
    uint64_t device = 0;
    enum virtq_err err = VIRTQ_OK;

    if (d->config.scenario->device == LAB_DEVICE_BLK) {
        err = vdrv_blk_pci_info(&d->pci, &info);
    }
    if (err == VIRTQ_OK) {
        err = vdrv_pci_irq_setup(&d->pci, 1);
    }
    if (err == VIRTQ_OK) {
        err = vdrv_pci_queue_setup(&d->pci, 0, d->config.scenario->queue_size, &queue);
    }
    if (err != VIRTQ_OK) {
        return err;
    }
    d->queue_size = queue.queue_size;
    d->bell = queue.bell;
    err = open_queue(d);
    if (err != VIRTQ_OK) {
        return err;
    }
    vdrv_queue_areas(d->q, &desc, &driver, &device);
    err = open_type(d, &info);
    if (err == VIRTQ_OK) {
        err = vdrv_pci_queue_enable(&d->pci, 0, desc, driver, device);
    }
    return err;
}

static enum virtq_err start_pci(struct driver *d)
{
    enum virtq_err err = VIRTQ_OK;

    if (!d->probed) {
        err = probe(d);
        d->probed = err == VIRTQ_OK;
    }
    if (err == VIRTQ_OK) {
        err = vdrv_pci_begin(&d->pci);
    }
    if (err != VIRTQ_OK) {
        return err;
    }
    d->features = d->pci.features;
    err = set_up_queue(d);
    if (err != VIRTQ_OK) {
        vdrv_pci_fail(&d->pci);
        return err;
    }
    vdrv_pci_driver_ok(&d->pci);
    return VIRTQ_OK;
}

static bool give_up(struct driver *d, enum virtq_err err)
{
    d->failed = err;
    d->config.work->failed(d->config.work->ctx, err);
    d->phase = PHASE_STOP;
    return true;
}

static bool start(struct driver *d)
{
    d->q = NULL;
    d->blk = NULL;
    d->entropy = NULL;
    enum virtq_err err = d->over_pci ? start_pci(d) : start_direct(d);
    if (err == VIRTQ_OK) {
        err = lab_buffers_open(&d->buffers);
    }
    if (err != VIRTQ_OK) {
        return give_up(d, err);
    }
    d->phase = PHASE_WORK;
    return true;
}

// ---- requests -------------------------------------------------------------------------------

// Tokens on the queue carry the slot, so that a completion finds its buffer without a search.
static uint64_t token_of(uint64_t request_token, uint32_t slot)
{
    return request_token << 16 | slot;
}

static void data_elems(const struct lab_request *r, uint64_t at, bool writable,
                       struct vdrv_elem *elems)
{
    for (uint32_t i = 0; i < r->n_elems; i++) { // bound: LAB_ELEMS_MAX
        elems[i] = (struct vdrv_elem){
            .bus_addr = at, .len = r->elem_bytes[i], .device_writable = writable};
        at += r->elem_bytes[i];
    }
}

static uint32_t data_bytes(const struct lab_request *r)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < r->n_elems; i++) { // bound: LAB_ELEMS_MAX
        total += r->elem_bytes[i];
    }
    return total;
}

static enum virtq_err submit_one(struct driver *d, const struct lab_request *r, uint32_t slot)
{
    struct vdrv_elem elems[LAB_ELEMS_MAX];
    const bool writable = r->kind != LAB_REQ_WRITE;
    const uint64_t token = token_of(r->token, slot);
    const uint32_t bytes = data_bytes(r);
    uint64_t bus_addr = 0;
    enum virtq_err err = VIRTQ_ERR_INVALID;

    if (r->kind == LAB_REQ_WRITE) {
        lab_buffer_put(&d->buffers, slot, r->data, bytes);
        virtq_note(d->port, VIRTQ_NOTE_SEND, 0, token, vl_hash64(r->data, bytes), 0, bytes);
    }
    const enum virtq_err map_err = lab_buffer_map(&d->buffers, slot, bytes, writable, &bus_addr);
    if (map_err != VIRTQ_OK) {
        return map_err;
    }
    data_elems(r, bus_addr, writable, elems);
    switch (r->kind) {
    case LAB_REQ_FILL:
        err = vdrv_entropy_submit(d->entropy, elems, r->n_elems, r->indirect, token);
        break;
    case LAB_REQ_READ:
        err = vdrv_blk_read(d->blk, r->sector, elems, r->n_elems, r->indirect, token);
        break;
    case LAB_REQ_WRITE:
        err = vdrv_blk_write(d->blk, r->sector, elems, r->n_elems, r->indirect, token);
        break;
    case LAB_REQ_FLUSH: err = vdrv_blk_flush(d->blk, r->indirect, token); break;
    case LAB_REQ_GET_ID: err = vdrv_blk_get_id(d->blk, &elems[0], r->indirect, token); break;
    }
    if (err != VIRTQ_OK) {
        lab_buffer_unmap(&d->buffers, slot);
    } else if (r->kind == LAB_REQ_FLUSH) {
        virtq_note(d->port, VIRTQ_NOTE_SYNC, 0, token, 0, 0, 0);
    }
    return err;
}

// Descriptors that a request needs at most, so that it is asked for only when it will fit.
static uint32_t descs_needed(const struct driver *d)
{
    const struct lab_scenario *s = d->config.scenario;
    return s->device == LAB_DEVICE_BLK ? s->chain + 2 : s->chain;
}

// Submit up to a batch. Returns how many.
static uint32_t submit_batch(struct driver *d)
{
    const struct lab_work *work = d->config.work;
    const uint32_t batch = work->batch(work->ctx);
    uint32_t n = 0;

    for (uint32_t slot = 0; slot < d->buffers.n_slots && n < batch; slot++) { // bound: n_slots
        struct lab_request r;
        if (d->buffers.slot[slot].taken) {
            continue;
        }
        if (vdrv_queue_free(d->q) < descs_needed(d) || !work->next(work->ctx, &r)) {
            break;
        }
        const enum virtq_err err = submit_one(d, &r, slot);
        if (err != VIRTQ_OK) {
            work->done(work->ctx, r.token, err, NULL, 0); // the caller hears of it at once
            continue;
        }
        n++;
    }
    return n;
}

// ---- completions ----------------------------------------------------------------------------

static void complete(struct driver *d, uint64_t token, enum virtq_err result, uint32_t data_bytes)
{
    const uint32_t slot = (uint32_t)(token & 0xFFFFu);
    const struct lab_buffer *b = &d->buffers.slot[slot];
    const bool copy = result == VIRTQ_OK && b->from_device && b->bytes > 0;
    const uint32_t bytes = data_bytes < b->bytes ? data_bytes : b->bytes;

    lab_buffer_unmap(&d->buffers, slot);
    if (copy) {
        lab_buffer_get(&d->buffers, slot, d->data, bytes);
        virtq_note(d->port, VIRTQ_NOTE_RECEIVE, 0, token, vl_hash64(d->data, bytes), 0, bytes);
    }
    d->config.work->done(d->config.work->ctx, token >> 16, result, copy ? d->data : NULL,
                         copy ? bytes : 0);
}

// Take one completion. Returns VIRTQ_ERR_EMPTY, or a peer error.
static enum virtq_err reap_one(struct driver *d)
{
    if (d->entropy != NULL) {
        uint64_t token = 0;
        uint32_t bytes = 0;
        const enum virtq_err err = vdrv_entropy_reap(d->entropy, &token, &bytes);
        if (err == VIRTQ_OK) {
            complete(d, token, VIRTQ_OK, bytes);
        }
        return err;
    }
    struct vdrv_blk_reply reply;
    const enum virtq_err err = vdrv_blk_reap(d->blk, &reply);
    if (err == VIRTQ_OK) {
        complete(d, reply.token, reply.result, reply.used_len > 0 ? reply.used_len - 1 : 0);
    }
    return err;
}

static enum virtq_err reap_all(struct driver *d)
{
    enum virtq_err err = VIRTQ_OK;
    // bound: buffers in flight; the last one ends the loop without another look at the ring
    while (err == VIRTQ_OK && vdrv_queue_in_flight(d->q) > 0) {
        err = reap_one(d);
    }
    return err == VIRTQ_ERR_EMPTY ? VIRTQ_OK : err;
}

// ---- resetting ------------------------------------------------------------------------------

static enum virtq_err reset_device(struct driver *d)
{
    if (d->over_pci) {
        // A function that was never found has nothing of ours.
        return d->probed ? vdrv_pci_reset(&d->pci) : VIRTQ_OK;
    }
    const struct lab_link *link = d->config.link;
    link->reset(link->ctx);
    for (uint32_t i = 0; i < RESET_POLLS_MAX; i++) { // bound: RESET_POLLS_MAX
        if (link->reset_done(link->ctx)) {
            return VIRTQ_OK;
        }
        virtq_relax(d->port);
    }
    return VIRTQ_ERR_RESET_STUCK;
}

static enum virtq_err detach_one(struct driver *d, uint64_t *token)
{
    if (d->entropy != NULL) {
        return vdrv_entropy_detach_unused(d->entropy, token);
    }
    return d->blk != NULL ? vdrv_blk_detach_unused(d->blk, token) : VIRTQ_ERR_EMPTY;
}

// Stop the device and take back all that it held. What it did not return is the workload's again.
static bool stop(struct driver *d)
{
    uint64_t token = 0;

    if (reset_device(d) != VIRTQ_OK) {
        // The device does not let go: its memory stays lent for good.
        d->phase = PHASE_END;
        return false;
    }
    if (d->q != NULL) {
        while (detach_one(d, &token) == VIRTQ_OK) { // bound: queue_size
            lab_buffer_unmap(&d->buffers, (uint32_t)(token & 0xFFFFu));
            d->config.work->detached(d->config.work->ctx, token >> 16);
        }
        if (d->blk != NULL) {
            vdrv_blk_close(d->blk);
        }
        vdrv_queue_close(d->q);
        d->q = NULL;
    }
    return true;
}

// ---- the loop -------------------------------------------------------------------------------

// Nothing came back: wait for the device.
static void wait_for_device(struct driver *d)
{
    if (d->config.scenario->poll != 0) {
        virtq_relax(d->port);
        return;
    }
    const bool pending = vdrv_queue_irq_enable(d->q);
    // A configuration change whose wake was used up by a completion: nobody would tell again.
    const bool changed =
        d->over_pci && !pending && virtq_shared_load(d->port, &d->config_changed) != 0;
    if (!pending && !changed) {
        virtq_await_event(d->port);
    }
    vdrv_queue_irq_disable(d->q);
}

// A medium may have another size now [5.2.6.1-drv-1].
static enum virtq_err read_capacity(struct driver *d)
{
    static const struct vdrv_pci_field field = {0, 8};
    uint64_t capacity = 0;

    enum virtq_err err = vdrv_pci_config_read(&d->pci, &field, 1, &capacity);
    if (err == VIRTQ_OK) {
        d->config.work->config(d->config.work->ctx, capacity);
        err = vdrv_blk_resize(d->blk, capacity); // if it refuses, nothing is asked for any more
    }
    return err;
}

// The handler may have been told of a configuration change: look what it is.
static enum virtq_err check_device(struct driver *d)
{
    if (!d->over_pci || virtq_shared_exchange(d->port, &d->config_changed, 0) == 0) {
        return VIRTQ_OK;
    }
    const enum virtq_err err = vdrv_pci_check(&d->pci);
    return err == VIRTQ_OK && d->blk != NULL ? read_capacity(d) : err;
}

static void notify(struct driver *d)
{
    if (d->over_pci) {
        vdrv_pci_notify(&d->pci, &d->bell);
    } else {
        virtq_doorbell(d->port, &d->bell);
    }
}

static bool work(struct driver *d)
{
    const struct lab_work *w = d->config.work;
    enum virtq_err err = d->blk != NULL ? check_device(d) : VIRTQ_OK;
    if (err != VIRTQ_OK) {
        return give_up(d, err);
    }
    if (submit_batch(d) > 0) {
        (void)vdrv_queue_publish(d->q);
        if (vdrv_queue_kick_needed(d->q)) {
            notify(d);
        }
    }
    if (w->reset_now(w->ctx)) {
        d->phase = stop(d) ? PHASE_START : PHASE_END;
        return d->phase != PHASE_END;
    }
    if (vdrv_queue_in_flight(d->q) == 0) {
        d->phase = PHASE_STOP; // nothing was submitted either: the work is done
        return true;
    }
    wait_for_device(d);
    const uint32_t before = vdrv_queue_in_flight(d->q);
    err = reap_all(d);
    if (err == VIRTQ_OK && vdrv_queue_in_flight(d->q) == before) {
        err = check_device(d); // woken, and nothing came back: this may say why
    }
    return err == VIRTQ_OK || give_up(d, err);
}

static bool driver_step(void *state)
{
    struct driver *d = state;
    switch (d->phase) {
    case PHASE_START: return start(d);
    case PHASE_WORK: return work(d);
    case PHASE_STOP: (void)stop(d); break;
    case PHASE_END: break;
    }
    d->phase = PHASE_END;
    return false;
}

static void driver_on_interrupt(void *state, uint16_t vector)
{
    struct driver *d = state;
    if (vector == 0xFFFFu && d->over_pci && d->pci.isr.io.bytes == 0) {
        return; // the line is up while the function is looked for: its ISR is not known yet
    }
    if (d->over_pci) {
        const uint32_t causes = vector == 0xFFFFu ? vdrv_pci_isr_take(&d->pci)
                                                  : vdrv_pci_vector_causes(&d->pci, vector);
        if (causes == 0) {
            return; // not this device's
        }
        if ((causes & VDRV_PCI_CAUSE_CONFIG) != 0) {
            virtq_shared_store(d->port, &d->config_changed, 1);
        }
    }
    virtq_wake(d->port);
}

static void driver_destroy(void *state)
{
    (void)state; // nothing outside state is held
}

const struct lab_player *lab_player_entry(void)
{
    static const struct lab_player player = {
        .abi = LAB_PLAYER_ABI,
        .name = "vringlab",
        .side = LAB_SIDE_DRIVER,
        .features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX,
        .state_bytes = driver_state_bytes,
        .create = driver_create,
        .step = driver_step,
        .on_interrupt = driver_on_interrupt,
        .destroy = driver_destroy,
    };
    return &player;
}
