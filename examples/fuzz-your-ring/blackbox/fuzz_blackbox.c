// blackbox/fuzz_blackbox.c -- depth 3: a device that is seen at calls only, as a player.
// Each call into the box stands between plug_call_begin() and plug_call_end().
// SPDX-License-Identifier: BSD-2-Clause
#include "bb_device.h"

#include "fuzz/vringlab_fuzz.h"
#include "tools/plug/plug_call.h"
#include "tools/plug/plug_registers.h"
#if defined(WITH_TRACE)
#include "tools/plug/plug_record.h"
#endif

#define QUEUE_VECTOR 1u
#define OFFERED VIRTQ_F_VERSION_1

struct box {
    struct virtq_port *port;
    struct plug_registers regs;
    bool running;
    bool told;
    struct bb_device dev;
};

static size_t state_bytes(const struct lab_half_config *config)
{
    (void)config;
    return sizeof(struct box);
}

static void *translate(void *ctx, uint64_t addr, uint32_t bytes)
{
    return plug_host(ctx, addr, bytes);
}

static enum virtq_err create(void *state, const struct lab_half_config *config,
                             struct virtq_port *port)
{
    struct box *b = state;

    b->port = port;
    plug_registers_open(&b->regs, port, OFFERED, config->scenario->queue_size);
    b->dev.translate = translate;
    b->dev.ctx = port;
    plug_start(port);
    return plug_call_create(port) ? VIRTQ_OK : VIRTQ_ERR_NO_MEMORY;
}

static void destroy(void *state)
{
    (void)state;
    plug_end();
}

static void link(void *state, struct lab_link *out)
{
    struct box *b = state;
    plug_registers_link(&b->regs,
                        out); // registers are accessed in another thread than the device's
}

static void on_notify(void *state, uint16_t queue_index)
{
    struct box *b = state;
    (void)queue_index;
    virtq_wake(b->port);
}

// ---- the device's thread ------------------------------------------------------------------------

static void obey(struct box *b)
{
    const struct plug_queue *q = &b->regs.queue;

    switch (plug_registers_take(&b->regs)) {
    case PLUG_RESET:
        b->running = false;
        plug_queue_close(b->port, 0);
        plug_registers_was_reset(&b->regs);
        break;
    case PLUG_START:
        b->told = false;
        b->running = bb_attach(&b->dev, (uint16_t)q->size, q->desc, q->avail, q->used) &&
                     plug_queue_open(b->port, q);
        if (!b->running) {
            plug_peer_error(b->port, 0, VIRTQ_ERR_QUEUE_ADDR, 0);
        }
        break;
    case PLUG_NOTHING: break;
    }
}

// The box may have found out that the driver lies.
static void tell_broken(struct box *b)
{
    if (b->dev.broken && !b->told) {
        b->told = true;
        plug_call_refused(b->port, 0, VIRTQ_ERR_DESC_RANGE);
    }
}

static bool step(void *state)
{
    struct box *b = state;
    bool idle = true;

    obey(b);
    if (b->running) {
        plug_call_begin(b->port);
        const unsigned result = bb_process(&b->dev);
        plug_call_end(b->port);
        tell_broken(b);
        if ((result & BB_INTERRUPT) != 0) {
            virtq_interrupt(b->port, QUEUE_VECTOR);
        }
        plug_call_begin(b->port);
        idle = !bb_arm(&b->dev);
        plug_call_end(b->port);
        tell_broken(b);
    }
    if (idle) {
        virtq_await_event(b->port);
    }
    return true;
}

static const struct lab_player blackbox = {.abi = LAB_PLAYER_ABI,
                                           .name = "blackbox",
                                           .side = LAB_SIDE_DEVICE,
                                           .features = OFFERED,
                                           .state_bytes = state_bytes,
                                           .create = create,
                                           .step = step,
                                           .on_notify = on_notify,
                                           .link = link,
                                           .destroy = destroy};

// ---- the harness ------------------------------------------------------------------------------

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct vringlab_fuzz harness = {
        .name = "fuzz_blackbox",
        .player = &blackbox,
        .scenario = "transport=direct device=entropy start_idx=0 memory=sc hostile=none",
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
