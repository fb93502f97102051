// tinyvmm/fuzz_tinyvmm.c -- depth 2: the hypervisor's device half as a player, and its harness.
// The ring code is vmm_queue.c, whose accesses the compiler reports. Everything here is what a
// hypervisor has around it: memory slots, registers, a thread for the device, interrupts. Compiled
// as any file; with HONEST_PEER the driver is honest and memory models are fuzzed.
// SPDX-License-Identifier: BSD-2-Clause
#include "vmm_queue.h"

#include "fuzz/vringlab_fuzz.h"
#include "tools/plug/plug_registers.h"
#if defined(WITH_TRACE)
#include "tools/plug/plug_record.h"
#endif

#include <string.h>

#define QUEUE_VECTOR 1u
#define OFFERED (VIRTQ_F_VERSION_1 | VIRTQ_F_EVENT_IDX | VIRTQ_F_INDIRECT_DESC)

struct vmm {
    struct virtq_port *port;
    struct vmm_ram ram;
    struct plug_registers regs;
    // The device's thread.
    bool running;
    bool told;
    struct vmm_queue q;
    uint32_t serial;
};

static size_t state_bytes(const struct lab_half_config *config)
{
    (void)config;
    return sizeof(struct vmm);
}

static enum virtq_err create(void *state, const struct lab_half_config *config,
                             struct virtq_port *port)
{
    const struct lab_scenario *s = config->scenario;
    struct plug_region regions[PLUG_REGIONS];
    struct vmm *v = state;

    v->port = port;
    plug_registers_open(&v->regs, port,
                        OFFERED & ~(s->event_idx != 0 ? 0 : VIRTQ_F_EVENT_IDX) &
                            ~(s->indirect != 0 ? 0 : VIRTQ_F_INDIRECT_DESC),
                        s->queue_size);
    plug_start(port);
    v->ram.n_slots = plug_regions(port, regions);
    for (uint32_t i = 0; i < v->ram.n_slots; i++) {
        v->ram.slot[i].gpa = regions[i].bus_addr;
        v->ram.slot[i].bytes = regions[i].bytes;
        v->ram.slot[i].hva = regions[i].host;
    }
    return VIRTQ_OK;
}

static void destroy(void *state)
{
    (void)state;
    plug_end();
}

static void link(void *state, struct lab_link *out)
{
    struct vmm *v = state;
    plug_registers_link(&v->regs,
                        out); // registers are accessed in another thread than the device's
}

static void on_notify(void *state, uint16_t queue_index)
{
    struct vmm *v = state;
    (void)queue_index;
    virtq_wake(v->port);
}

// ---- the device's thread ------------------------------------------------------------------------

static void tell_broken(struct vmm *v)
{
    if (!v->told) {
        v->told = true;
        plug_peer_error(v->port, 0, VIRTQ_ERR_DESC_RANGE, 0);
    }
}

static void start(struct vmm *v, const struct plug_queue *q)
{
    memset(&v->q, 0, sizeof(v->q));
    v->q.event_idx = (q->features & VIRTQ_F_EVENT_IDX) != 0;
    v->q.indirect = (q->features & VIRTQ_F_INDIRECT_DESC) != 0;
    v->told = false;
    v->running = vmm_queue_start(&v->q, &v->ram, (uint16_t)q->size, q->desc, q->avail, q->used) &&
                 plug_queue_open(v->port, q);
    if (!v->running) {
        tell_broken(v);
    }
}

static void obey(struct vmm *v)
{
    switch (plug_registers_take(&v->regs)) {
    case PLUG_RESET:
        v->running = false;
        plug_queue_close(v->port, 0);
        plug_registers_was_reset(&v->regs);
        break;
    case PLUG_START: start(v, &v->regs.queue); break;
    case PLUG_NOTHING: break;
    }
}

static bool step(void *state)
{
    struct vmm *v = state;
    bool idle = true;

    obey(v);
    if (v->running) {
        const unsigned served = vmm_rng_serve(&v->q, &v->serial);
        if (v->q.broken) {
            tell_broken(v);
        }
        const bool signal = served > 0 && vmm_queue_should_signal(&v->q);
        plug_settle();
        if (signal) {
            virtq_interrupt(v->port, QUEUE_VECTOR);
        }
        idle = !vmm_queue_enable_notify(&v->q);
        plug_settle();
        if (v->q.broken) {
            tell_broken(v);
        }
    }
    if (idle) {
        virtq_await_event(v->port);
    }
    return true;
}

static const struct lab_player tinyvmm = {.abi = LAB_PLAYER_ABI,
                                          .name = "tinyvmm",
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
#if defined(HONEST_PEER)
        .name = "fuzz_tinyvmm_pair",
#else
        .name = "fuzz_tinyvmm",
        .hostile_peer = true,
#endif
        .player = &tinyvmm,
        .scenario = "transport=direct device=entropy start_idx=0",
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
