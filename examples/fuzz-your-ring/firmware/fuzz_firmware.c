// firmware/fuzz_firmware.c -- depth 1: the firmware's driver half as a player, and its harness.
// The ring code is fwq.c, compiled with FW_IO_HEADER="fw_io_lab.h". Everything here is what
// firmware has around it: bring-up, buffers, the loop, the interrupt handler.
// SPDX-License-Identifier: BSD-2-Clause
#include "fwq.h"

#include "fuzz/vringlab_fuzz.h"
#include "tools/lab/lab_buffers.h"
#include "tools/plug/plug.h"
#if defined(WITH_TRACE)
#include "tools/plug/plug_record.h"
#endif

#include <string.h>

#define BUFFER_BYTES 65536u

enum phase { START, WORK, STOP };

struct firmware {
    struct virtq_port *port;
    struct lab_half_config config;
    enum phase phase;
    struct fwq q;
    struct virtq_dma desc;
    struct virtq_dma avail;
    struct virtq_dma used;
    struct lab_buffers buffers;
    struct lab_buffer slot[FWQ_MAX];
    uint64_t token[FWQ_MAX]; // of the request in this slot
    uint16_t in_flight;
    uint8_t data[BUFFER_BYTES];
};

static size_t state_bytes(const struct lab_half_config *config)
{
    (void)config;
    return sizeof(struct firmware);
}

static enum virtq_err create(void *state, const struct lab_half_config *config,
                             struct virtq_port *port)
{
    struct firmware *f = state;
    const struct lab_scenario *s = config->scenario;
    const uint32_t slot_bytes = s->bytes * s->chain;

    f->port = port;
    f->config = *config;
    f->buffers = (struct lab_buffers){
        .port = port, .slot_bytes = slot_bytes, .n_slots = s->queue_size, .slot = f->slot};
    plug_start(port);
    return s->queue_size <= FWQ_MAX && slot_bytes <= BUFFER_BYTES ? VIRTQ_OK : VIRTQ_ERR_INVALID;
}

static void destroy(void *state)
{
    (void)state;
    plug_end();
}

// ---- bring-up ---------------------------------------------------------------------------------

static bool alloc(struct firmware *f, uint32_t bytes, enum virtq_area area, struct virtq_dma *dma)
{
    return virtq_mem_alloc(f->port, bytes, 16, area, 0, dma) == VIRTQ_OK;
}

static bool start(struct firmware *f)
{
    const struct lab_link *link = f->config.link;
    const uint64_t features = link->offered(link->ctx) & VIRTQ_F_VERSION_1;
    const uint32_t size = link->queue_size_max(link->ctx);

    if (!alloc(f, virtq_desc_table_bytes(size), VIRTQ_AREA_DESC, &f->desc) ||
        !alloc(f, virtq_avail_bytes(size), VIRTQ_AREA_AVAIL, &f->avail) ||
        !alloc(f, virtq_used_bytes(size), VIRTQ_AREA_USED, &f->used) ||
        lab_buffers_open(&f->buffers) != VIRTQ_OK) {
        return false;
    }
    const struct plug_queue queue = {.size = size,
                                     .features = features,
                                     .desc = f->desc.bus_addr,
                                     .avail = f->avail.bus_addr,
                                     .used = f->used.bus_addr};
    if (!plug_queue_open(f->port, &queue)) {
        return false;
    }
    fwq_init(&f->q, f->desc.span.host, f->avail.span.host, f->used.span.host, (uint16_t)size);
    fwq_irq_off(&f->q);
    plug_settle();
    return link->start(link->ctx, features, size, queue.desc, queue.avail, queue.used);
}

// ---- work -------------------------------------------------------------------------------------

// Ask for one request, in a free slot. Returns false if there is none, or no room.
static bool submit(struct firmware *f, uint32_t slot)
{
    const struct lab_work *work = f->config.work;
    struct fwq_buf bufs[LAB_ELEMS_MAX];
    struct lab_request r;
    uint64_t at = 0;
    uint32_t bytes = 0;

    if (f->q.n_free < f->config.scenario->chain || !work->next(work->ctx, &r)) {
        return false;
    }
    for (uint32_t i = 0; i < r.n_elems; i++) {
        bytes += r.elem_bytes[i];
    }
    if (lab_buffer_map(&f->buffers, slot, bytes, true, &at) != VIRTQ_OK) {
        work->done(work->ctx, r.token, VIRTQ_ERR_NO_MEMORY, NULL, 0);
        return true;
    }
    for (uint32_t i = 0; i < r.n_elems; i++) {
        bufs[i] = (struct fwq_buf){.addr = at, .len = r.elem_bytes[i], .device_writes = true};
        at += r.elem_bytes[i];
    }
    f->token[slot] = r.token;
    f->in_flight++;
    return fwq_add(&f->q, bufs, (uint16_t)r.n_elems, slot);
}

static void submit_batch(struct firmware *f)
{
    const struct lab_work *work = f->config.work;
    const uint32_t batch = work->batch(work->ctx);
    uint32_t n = 0;

    for (uint32_t slot = 0; slot < f->buffers.n_slots && n < batch; slot++) {
        if (!f->slot[slot].taken) {
            if (!submit(f, slot)) {
                break;
            }
            n++;
        }
    }
    if (n > 0) {
        const struct virtq_doorbell bell = {.queue_index = 0};
        const bool notify = fwq_publish(&f->q);
        plug_settle();
        if (notify) {
            virtq_doorbell(f->port, &bell);
        }
    }
}

static void complete(struct firmware *f, uint32_t slot, uint32_t bytes)
{
    const struct lab_work *work = f->config.work;

    lab_buffer_unmap(&f->buffers, slot);
    lab_buffer_get(&f->buffers, slot, f->data, bytes);
    f->in_flight--;
    work->done(work->ctx, f->token[slot], VIRTQ_OK, f->data, bytes);
}

// Take what came back. Returns false if the device broke the queue.
static bool reap(struct firmware *f)
{
    const struct lab_work *work = f->config.work;
    uint32_t slot = 0;
    uint32_t len = 0;
    int got = fwq_get(&f->q, &slot, &len);

    for (; got == FWQ_OK; got = f->in_flight > 0 ? fwq_get(&f->q, &slot, &len) : FWQ_EMPTY) {
        plug_settle();
        complete(f, slot, len);
    }
    plug_settle();
    if (got == FWQ_BROKEN) {
        plug_peer_error(f->port, 0, VIRTQ_ERR_USED_ID_RANGE, 0);
        work->failed(work->ctx, VIRTQ_ERR_USED_ID_RANGE);
        return false;
    }
    return true;
}

static void wait_for_device(struct firmware *f)
{
    if (f->config.scenario->poll != 0) {
        virtq_relax(f->port);
        return;
    }
    const bool more = fwq_irq_on(&f->q);
    plug_settle();
    if (!more) {
        virtq_await_event(f->port);
    }
    fwq_irq_off(&f->q);
    plug_settle();
}

static void stop(struct firmware *f)
{
    const struct lab_link *link = f->config.link;

    link->reset(link->ctx);
    while (!link->reset_done(link->ctx)) {
        virtq_relax(f->port);
    }
    plug_queue_close(f->port, 0);
}

static bool step(void *state)
{
    struct firmware *f = state;

    switch (f->phase) {
    case START: f->phase = start(f) ? WORK : STOP; return true;
    case WORK:
        submit_batch(f);
        if (f->in_flight == 0) {
            f->phase = STOP;
        } else {
            wait_for_device(f);
            f->phase = reap(f) ? WORK : STOP;
        }
        return true;
    case STOP: stop(f); break;
    }
    return false;
}

static void on_interrupt(void *state, uint16_t vector)
{
    struct firmware *f = state;
    (void)vector;
    virtq_wake(f->port);
}

static const struct lab_player firmware = {.abi = LAB_PLAYER_ABI,
                                           .name = "firmware",
                                           .side = LAB_SIDE_DRIVER,
                                           .features = VIRTQ_F_VERSION_1,
                                           .state_bytes = state_bytes,
                                           .create = create,
                                           .step = step,
                                           .on_interrupt = on_interrupt,
                                           .destroy = destroy};

// ---- the harness ------------------------------------------------------------------------------

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct vringlab_fuzz harness = {
        .name = "fuzz_firmware",
        .player = &firmware,
        .scenario =
            "transport=direct device=entropy indirect=off event_idx=off resets=0 start_idx=0",
#if defined(WITH_TRACE)
        .record = vringlab_record,
#endif
    };
    (void)argc;
    (void)argv;
    return vringlab_fuzz_open(&harness);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return vringlab_fuzz_one(data, size);
}

#if defined(STANDALONE)
int main(int argc, char **argv)
{
    (void)LLVMFuzzerInitialize(&argc, &argv);
    return vringlab_fuzz_main(argc, argv);
}
#endif
