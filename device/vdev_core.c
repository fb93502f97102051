// device/vdev_core.c -- a virtio device without its transport: status, features, queues, requests.
// Spec: virtio 1.4 §2.1, §2.2, §2.4, §3.1 (device side).
// Touches the queues through device/vdev_queue.h only, and the two shared words through the port.
// SPDX-License-Identifier: BSD-2-Clause
#include "device/vdev_core.h"

#include "ring/virtq_bytes.h"

#include <string.h>

#define STATE_ALIGN 16u

// Bits that the driver sets, and never clears but by a reset [2.1.1].
#define DRIVER_BITS                                                                                \
    (VDEV_STATUS_ACKNOWLEDGE | VDEV_STATUS_DRIVER | VDEV_STATUS_DRIVER_OK |                        \
     VDEV_STATUS_FEATURES_OK | VDEV_STATUS_FAILED)

// ---- open -------------------------------------------------------------------------------------

static size_t aligned(size_t bytes)
{
    return (bytes + STATE_ALIGN - 1) & ~(size_t)(STATE_ALIGN - 1);
}

static size_t spans_bytes(const struct vdev_core_config *config)
{
    return aligned(vdev_queue_max_spans(config->queue_size_max) * sizeof(struct virtq_span));
}

size_t vdev_core_state_bytes(const struct vdev_type *type, const struct vdev_core_config *config)
{
    return aligned(sizeof(struct vdev_core)) +
           aligned(config->depth * sizeof(struct vdev_request)) +
           config->depth * (aligned(config->io_max_bytes) + spans_bytes(config)) +
           type->n_queues * aligned(vdev_queue_state_bytes(config->queue_size_max));
}

static bool config_valid(const struct vdev_type *type, const struct vdev_core_config *config)
{
    return virtq_queue_size_valid(config->queue_size_max) && config->depth >= 1 &&
           config->io_max_bytes >= 1 && config->batch >= 1 &&
           (config->features & VIRTQ_F_VERSION_1) != 0 && type->n_queues >= 1 &&
           type->n_queues <= VDEV_QUEUES_MAX && type->config_bytes <= VDEV_CONFIG_MAX_BYTES;
}

static void forget_requests(struct vdev_core *core)
{
    for (uint32_t i = 0; i < core->config.depth; i++) { // bound: depth
        core->request[i].taken = false;
        core->request[i].next_free = i + 1 < core->config.depth ? i + 1 : VDEV_NO_REQUEST;
    }
    core->free_request = 0;
    core->n_under_way = 0;
}

// Power-on values of all that the driver writes [2.4, 4.1.4.3].
static void clear_registers(struct vdev_core *core)
{
    core->driver_features = 0;
    core->beyond_features = false;
    for (uint32_t i = 0; i < core->type->n_queues; i++) { // bound: VDEV_QUEUES_MAX
        struct vdev_core_queue *queue = &core->queue[i];
        queue->size = core->config.queue_size_max;
        queue->desc = 0;
        queue->driver = 0;
        queue->device = 0;
        queue->enabled = false;
    }
}

// Hand the caller's memory out: requests with their data and spans, then queue states.
static void lay_out(struct vdev_core *core, uint8_t *at)
{
    const struct vdev_core_config *config = &core->config;

    core->request = (struct vdev_request *)(void *)at;
    memset(core->request, 0, config->depth * sizeof(struct vdev_request));
    at += aligned(config->depth * sizeof(struct vdev_request));
    for (uint32_t i = 0; i < config->depth; i++) { // bound: depth
        core->request[i].data = at;
        at += aligned(config->io_max_bytes);
        core->request[i].chain.spans = (struct virtq_span *)(void *)at;
        core->request[i].chain.max_spans = vdev_queue_max_spans(config->queue_size_max);
        at += spans_bytes(config);
    }
    for (uint32_t i = 0; i < core->type->n_queues; i++) { // bound: VDEV_QUEUES_MAX
        core->queue[i].state = at;
        at += aligned(vdev_queue_state_bytes(config->queue_size_max));
    }
}

enum virtq_err vdev_core_open(struct virtq_port *port, const struct vdev_type *type,
                              const struct vdev_core_config *config,
                              const struct vdev_backend *backend,
                              const struct vdev_transport *transport, void *state,
                              struct vdev_core **out)
{
    if (!config_valid(type, config)) {
        return VIRTQ_ERR_INVALID;
    }
    struct vdev_core *core = state;
    memset(core, 0, sizeof(*core));
    core->port = port;
    core->type = type;
    core->config = *config;
    core->backend = *backend;
    core->transport = *transport;
    lay_out(core, (uint8_t *)state + aligned(sizeof(*core)));
    forget_requests(core);
    clear_registers(core);
    const uint64_t of_type = type->offer != NULL ? type->offer(core) : type->features;
    core->offered = config->features | (of_type & type->features);
    if (type->config_init != NULL) {
        type->config_init(core, core->device_config);
    }
    for (uint32_t i = 0; i < VDEV_CONFIG_MAX_BYTES / 4; i++) { // nobody else can see them yet
        const uint32_t word = (uint32_t)virtq_get_le(core->device_config + 4 * i, 4);
        atomic_init(&core->config_word[0][i].word, word);
        atomic_init(&core->config_word[1][i].word, word);
    }
    *out = core;
    return VIRTQ_OK;
}

// ---- device configuration ---------------------------------------------------------------------

uint32_t vdev_core_config_read(struct vdev_core *core, uint32_t off, unsigned bytes)
{
    if (!core->config.config_changes) {
        return (uint32_t)virtq_get_le(core->device_config + off, bytes);
    }
    const uint32_t generation = virtq_shared_load(core->port, &core->config_generation);
    const uint32_t word =
        virtq_shared_load(core->port, &core->config_word[generation & 1u][off / 4]);
    const uint32_t shifted = word >> (8 * (off % 4));
    return bytes < 4 ? shifted & ((1u << (8 * bytes)) - 1) : shifted;
}

// The words that registers do not show are made ready, then one store shows them and counts. A
// driver that is slow enough to meet the change after this one finds a third generation.
void vdev_core_change_config(struct vdev_core *core, uint32_t off, unsigned bytes, uint64_t value)
{
    const uint32_t generation = virtq_shared_load(core->port, &core->config_generation) + 1;

    VIRTQ_ASSERT(core->config.config_changes && off + bytes <= core->type->config_bytes);
    virtq_put_le(core->device_config + off, bytes, value);
    for (uint32_t i = 0; i < VDEV_CONFIG_MAX_BYTES / 4; i++) {
        const uint32_t word = (uint32_t)virtq_get_le(core->device_config + 4 * i, 4);
        virtq_shared_store(core->port, &core->config_word[generation & 1u][i], word);
    }
    virtq_shared_store(core->port, &core->config_generation, generation);
    virtq_note(core->port, VIRTQ_NOTE_CONFIG_CHANGED, 0, off, value, generation, bytes);
    const uint32_t status = virtq_shared_load(core->port, &core->status);
    if ((status & VDEV_STATUS_DRIVER_OK) != 0) {
        core->transport.interrupt_config(core->transport.ctx);
    }
}

// ---- data path --------------------------------------------------------------------------------

// A queue cannot be served any more: tell the driver [2.1.2-dev-3, 2.1.2-dev-4], and rest until it
// resets the device.
static void go_out_of_service(struct vdev_core *core)
{
    core->broken = true;
    const uint32_t old = virtq_shared_or(core->port, &core->status, VDEV_STATUS_NEEDS_RESET);
    if ((old & VDEV_STATUS_DRIVER_OK) != 0) {
        core->transport.interrupt_config(core->transport.ctx);
    }
}

// Nothing of the queues may be touched once the driver reads status 0 [2.4.1-dev-3], and registers
// must have their reset values by then: so the store of 0 is last.
static void complete_reset(struct vdev_core *core)
{
    core->backend.cancel(core->backend.ctx);
    forget_requests(core);
    for (uint32_t i = 0; i < core->type->n_queues; i++) { // bound: VDEV_QUEUES_MAX
        core->queue[i].q = NULL;
        core->queue[i].n_pushed = 0;
    }
    core->running = false;
    core->broken = false;
    core->n_taken = 0;
    clear_registers(core);
    virtq_note(core->port, VIRTQ_NOTE_CONTROL, 0, VIRTQ_CONTROL_DEVICE_RESET, 0, 0, 0);
    virtq_shared_store(core->port, &core->status, 0);
}

static enum virtq_err open_queue(struct vdev_core *core, uint16_t queue_index)
{
    struct vdev_core_queue *queue = &core->queue[queue_index];
    VIRTQ_ASSERT(queue->q == NULL);
    if (queue->size > core->config.queue_size_max) { // the state memory is for no more
        virtq_note(core->port, VIRTQ_NOTE_PEER_ERROR, queue_index, VIRTQ_ERR_QUEUE_SETUP,
                   queue->size, 0, 0);
        return VIRTQ_ERR_QUEUE_SETUP;
    }
    const struct vdev_queue_config config = {
        .queue_size = queue->size,
        .queue_index = queue_index,
        .start_idx = core->config.start_idx,
        .features = core->driver_features,
        .desc = queue->desc,
        .driver = queue->driver,
        .device = queue->device,
    };
    return vdev_queue_open(core->port, &config, queue->state, &queue->q);
}

static void open_queues(struct vdev_core *core, uint32_t work)
{
    core->running = true;
    for (uint16_t i = 0; i < core->type->n_queues && !core->broken; i++) {
        if ((work & VDEV_WORK_QUEUE(i)) != 0 && open_queue(core, i) != VIRTQ_OK) {
            go_out_of_service(core);
        }
    }
}

static void publish(struct vdev_core *core, uint16_t queue_index)
{
    struct vdev_core_queue *queue = &core->queue[queue_index];

    queue->n_pushed = 0;
    (void)vdev_queue_publish(queue->q);
    const bool wanted = vdev_queue_interrupt_needed(queue->q);
    if (wanted) {
        core->transport.interrupt_queue(core->transport.ctx, queue_index);
    }
}

// All bytes of the reply are stored: return the buffer, and its slot with it.
static void push(struct vdev_core *core, struct vdev_request *request, uint32_t written)
{
    const uint16_t queue_index = request->queue_index;
    struct vdev_core_queue *queue = &core->queue[queue_index];

    vdev_queue_push(queue->q, request->chain.head, written);
    request->taken = false;
    request->next_free = core->free_request;
    core->free_request = (uint32_t)(request - core->request);
    core->n_under_way--;
    queue->n_pushed++;
    if (queue->n_pushed >= core->config.batch) {
        publish(core, queue_index);
    }
}

// A chain was popped into the first free slot. Returns false if its request broke the queue.
static bool begin(struct vdev_core *core, struct vdev_request *request, uint16_t queue_index)
{
    const uint32_t tag = core->free_request;
    uint32_t written = 0;

    core->free_request = request->next_free;
    core->n_under_way++;
    core->n_taken++;
    request->taken = true;
    request->queue_index = queue_index;
    request->offset = 0;
    request->data_bytes = 0;
    request->kind = 0;
    request->status = 0;
    request->durable = false;
    const bool submit = core->type->start(core, request, &written);
    if (vdev_queue_error(core->queue[queue_index].q) != VIRTQ_OK) {
        return false; // the slot stays taken until the reset
    }
    if (!submit) {
        push(core, request, written);
        return true;
    }
    VIRTQ_ASSERT(request->data_bytes <= core->config.io_max_bytes);
    core->backend.submit(core->backend.ctx, tag, request);
    return true;
}

// Take buffers while there are slots. Returns true if the queue may have more.
static bool take_buffers(struct vdev_core *core, uint16_t queue_index)
{
    struct vdev_queue *q = core->queue[queue_index].q;

    // bound: depth, also where requests end at once: a reset must not wait for the driver
    for (uint32_t n = 0; n < core->config.depth; n++) {
        if (core->free_request == VDEV_NO_REQUEST) {
            return true;
        }
        if (n > 0 && vdev_queue_seen(q) == 0) {
            return false; // the look that arming takes anyway is the one that ends this
        }
        struct vdev_request *request = &core->request[core->free_request];
        const enum virtq_err err = vdev_queue_pop(q, &request->chain);
        if (err == VIRTQ_ERR_EMPTY) {
            return false;
        }
        if (err != VIRTQ_OK || !begin(core, request, queue_index)) {
            go_out_of_service(core);
            return false;
        }
        if (core->n_taken >= 2) { // one alone is done before a notification would be saved
            vdev_queue_notify_disable(q);
        }
    }
    return true;
}

static void collect_answers(struct vdev_core *core)
{
    uint32_t tag = 0;

    while (core->n_under_way > 0 && core->backend.next(core->backend.ctx, &tag)) { // bound: depth
        VIRTQ_ASSERT(tag < core->config.depth && core->request[tag].taken);
        struct vdev_request *request = &core->request[tag];
        const uint32_t written = core->type->finish(core, request);
        push(core, request, written);
    }
}

// Ask for notifications. Returns true if there is a buffer already.
static bool arm_queues(struct vdev_core *core)
{
    bool more = false;

    for (uint16_t i = 0; i < core->type->n_queues && !core->broken; i++) {
        struct vdev_queue *q = core->queue[i].q;
        if (q == NULL) {
            continue;
        }
        const bool found = vdev_queue_notify_enable(q);
        if (vdev_queue_error(q) != VIRTQ_OK) {
            go_out_of_service(core);
        }
        more = more || found;
    }
    return more && !core->broken;
}

// Returns true if there may be more to do at once.
static bool serve_queues(struct vdev_core *core)
{
    bool more = false;

    for (uint16_t i = 0; i < core->type->n_queues && !core->broken; i++) {
        if (core->queue[i].q != NULL && take_buffers(core, i)) {
            more = true;
        }
    }
    if (!core->broken) {
        collect_answers(core);
    }
    for (uint16_t i = 0; i < core->type->n_queues && !core->broken; i++) {
        if (core->queue[i].n_pushed > 0) {
            publish(core, i);
        }
    }
    if (core->broken || core->free_request == VDEV_NO_REQUEST) {
        return false; // without a slot nothing can be taken: the backend's answer ends the sleep
    }
    return more || arm_queues(core);
}

bool vdev_core_step(struct vdev_core *core)
{
    // A bit that is set behind this comes with a wake, which ends the next sleep at once.
    const uint32_t work = virtq_shared_exchange(core->port, &core->work, 0);

    if ((work & VDEV_WORK_RESET) != 0) {
        complete_reset(core); // a START beside it is older: the registers were frozen since
        return false;
    }
    if ((work & VDEV_WORK_START) != 0) {
        open_queues(core, work);
    }
    if (!core->running || core->broken) {
        return false;
    }
    if (core->config.config_changes && core->type->attend != NULL) {
        core->type->attend(core);
    }
    const bool more = serve_queues(core);
    if (!more) {
        core->n_taken = 0;
    }
    return more;
}

_Noreturn void vdev_core_run(struct vdev_core *core)
{
    for (;;) { // bound: the life of the device
        const bool more = vdev_core_step(core);
        if (!more) {
            virtq_await_event(core->port);
        }
    }
}

// ---- trap context -----------------------------------------------------------------------------

void vdev_core_peer_error(struct vdev_core *core, enum virtq_err err, uint64_t value)
{
    virtq_note(core->port, VIRTQ_NOTE_PEER_ERROR, 0, err, value, 0, 0);
}

uint8_t vdev_core_status(struct vdev_core *core)
{
    // Acquire: who reads 0 after a reset sees the registers as the data path left them.
    const uint32_t status = virtq_shared_load(core->port, &core->status);

    if (status == 0) {
        core->reset_asked = false;
    }
    return (uint8_t)status;
}

bool vdev_core_resetting(struct vdev_core *core)
{
    if (!core->reset_asked) {
        return false;
    }
    return vdev_core_status(core) != 0;
}

// Enabled queues as work bits.
static uint32_t enabled_queues(const struct vdev_core *core)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < core->type->n_queues; i++) { // bound: VDEV_QUEUES_MAX
        bits |= core->queue[i].enabled ? VDEV_WORK_QUEUE(i) : 0;
    }
    return bits;
}

static void give_work(struct vdev_core *core, uint32_t work)
{
    (void)virtq_shared_or(core->port, &core->work, work);
    virtq_wake(core->port);
}

static void ask_reset(struct vdev_core *core, uint8_t old)
{
    if ((old & VDEV_STATUS_DRIVER_OK) != 0) {
        core->reset_asked = true;
        give_work(core, VDEV_WORK_RESET);
        return;
    }
    // The data path never heard of these registers: nothing to wait for.
    clear_registers(core);
    virtq_note(core->port, VIRTQ_NOTE_CONTROL, 0, VIRTQ_CONTROL_DEVICE_RESET, 0, 0, 0);
    virtq_shared_store(core->port, &core->status, 0);
}

// A set that lacks VERSION_1 is a legacy driver's, one outside the offer is nobody's [2.2.2-dev-3].
static bool features_acceptable(const struct vdev_core *core)
{
    return (core->driver_features & VIRTQ_F_VERSION_1) != 0 &&
           (core->driver_features & ~core->offered) == 0 && !core->beyond_features;
}

void vdev_core_set_status(struct vdev_core *core, uint8_t status)
{
    const bool resetting = vdev_core_resetting(core);
    if (resetting) {
        if (status != 0) {
            vdev_core_peer_error(core, VIRTQ_ERR_REGISTER, status);
        }
        return;
    }
    const uint8_t old = vdev_core_status(core);
    if (status == 0) {
        ask_reset(core, old);
        return;
    }
    const uint32_t known = DRIVER_BITS | VDEV_STATUS_NEEDS_RESET;
    if ((old & DRIVER_BITS & ~(uint32_t)status) != 0 || (status & ~known) != 0) {
        vdev_core_peer_error(core, VIRTQ_ERR_REGISTER, status); // [2.1.1-drv-2]
        return;
    }
    uint32_t set = status & DRIVER_BITS & ~(uint32_t)old; // NEEDS_RESET is not the driver's to set
    if ((set & VDEV_STATUS_FEATURES_OK) != 0 && !features_acceptable(core)) {
        set &= ~VDEV_STATUS_FEATURES_OK;
    }
    if ((set & VDEV_STATUS_DRIVER_OK) != 0 && ((old | set) & VDEV_STATUS_FEATURES_OK) == 0) {
        vdev_core_peer_error(core, VIRTQ_ERR_REGISTER, status);
        set &= ~VDEV_STATUS_DRIVER_OK;
    }
    (void)virtq_shared_or(core->port, &core->status, set);
    if ((set & VDEV_STATUS_DRIVER_OK) != 0) {
        give_work(core, VDEV_WORK_START | enabled_queues(core));
    }
}

static uint32_t feature_word(uint64_t features, uint32_t word)
{
    return word < 2 ? (uint32_t)(features >> (32 * word)) : 0;
}

uint32_t vdev_core_offered_word(const struct vdev_core *core, uint32_t word)
{
    return feature_word(core->offered, word);
}

uint32_t vdev_core_driver_word(const struct vdev_core *core, uint32_t word)
{
    return core->reset_asked ? 0 : feature_word(core->driver_features, word);
}

void vdev_core_set_driver_word(struct vdev_core *core, uint32_t word, uint32_t bits)
{
    const uint8_t status = vdev_core_status(core);

    if (core->reset_asked || (status & VDEV_STATUS_FEATURES_OK) != 0) {
        vdev_core_peer_error(core, VIRTQ_ERR_REGISTER, bits); // [3.1.1-drv-8]
        return;
    }
    if (word < 2) {
        const uint64_t mask = 0xFFFFFFFFull << (32 * word);
        core->driver_features = (core->driver_features & ~mask) | (uint64_t)bits << (32 * word);
    } else if (bits != 0) {
        core->beyond_features = true; // nothing is offered there [2.2.2-dev-3]
    }
}

bool vdev_core_queue_writable(struct vdev_core *core, uint16_t queue_index)
{
    const bool resetting = vdev_core_resetting(core);
    return !resetting && queue_index < core->type->n_queues && !core->queue[queue_index].enabled;
}

void vdev_core_queue_enable(struct vdev_core *core, uint16_t queue_index)
{
    const bool writable = vdev_core_queue_writable(core, queue_index);
    if (!writable) {
        vdev_core_peer_error(core, VIRTQ_ERR_REGISTER, queue_index);
        return;
    }
    core->queue[queue_index].enabled = true;
    const uint8_t status = vdev_core_status(core);
    if ((status & VDEV_STATUS_DRIVER_OK) != 0) {
        give_work(core, VDEV_WORK_START | VDEV_WORK_QUEUE(queue_index));
    }
}

void vdev_core_notify(struct vdev_core *core, uint16_t queue_index)
{
    const bool resetting = vdev_core_resetting(core);
    if (resetting) {
        return;
    }
    if (queue_index >= core->type->n_queues || !core->queue[queue_index].enabled) {
        vdev_core_peer_error(core, VIRTQ_ERR_DOORBELL, queue_index);
        return;
    }
    virtq_wake(core->port);
}

uint64_t vdev_core_features(struct vdev_core *core)
{
    const uint8_t status = vdev_core_status(core);
    return (status & VDEV_STATUS_FEATURES_OK) != 0 ? core->driver_features : 0;
}
