// tinyvmm/fuzz_tinyvmm.c -- depth 2: the hypervisor's device half as a player, and its harness.
// The ring code is vmm_queue.c, whose accesses the compiler reports. Everything here is what a
// hypervisor has around it: memory slots, registers, a thread for the device, interrupts. Compiled
// as any file; with HONEST_PEER the driver is honest and memory models are fuzzed.
// SPDX-License-Identifier: BSD-2-Clause
#include "vmm_queue.h"

#include "fuzz/vringlab_fuzz.h"
#include "tools/plug/plug.h"
#if defined(WITH_TRACE)
#include "tools/plug/plug_record.h"
#endif

#include <string.h>

#define START 1u
#define RESET 2u
#define QUEUE_VECTOR 1u
#define OFFERED (VIRTQ_F_VERSION_1 | VIRTQ_F_EVENT_IDX | VIRTQ_F_INDIRECT_DESC)

struct vmm {
    struct virtq_port *port;
    uint64_t offered;
    uint32_t queue_size_max;
    struct vmm_ram ram;
    struct virtq_shared command; // from register accesses to the device's thread
    struct virtq_shared in_reset;
    // What the registers say; stored before START, read after it was seen.
    uint64_t features;
    struct plug_queue regs;
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
    v->queue_size_max = s->queue_size;
    v->offered = OFFERED & ~(s->event_idx != 0 ? 0 : VIRTQ_F_EVENT_IDX) &
                 ~(s->indirect != 0 ? 0 : VIRTQ_F_INDIRECT_DESC);
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

// ---- registers: another thread than the device's ------------------------------------------------

static void give(struct vmm *v, uint32_t command)
{
    (void)virtq_shared_or(v->port, &v->command, command);
    virtq_wake(v->port);
}

static uint64_t reg_offered(void *ctx)
{
    return ((struct vmm *)ctx)->offered;
}

static uint32_t reg_queue_size_max(void *ctx)
{
    return ((struct vmm *)ctx)->queue_size_max;
}

static bool reg_start(void *ctx, uint64_t features, uint32_t queue_size, uint64_t desc,
                      uint64_t driver, uint64_t device)
{
    struct vmm *v = ctx;

    if ((features & VIRTQ_F_VERSION_1) == 0 || (features & ~v->offered) != 0 ||
        !virtq_queue_size_valid(queue_size) || queue_size > v->queue_size_max) {
        return false;
    }
    v->features = features;
    v->regs = (struct plug_queue){
        .size = queue_size, .features = features, .desc = desc, .avail = driver, .used = device};
    give(v, START);
    return true;
}

static void reg_reset(void *ctx)
{
    struct vmm *v = ctx;
    virtq_shared_store(v->port, &v->in_reset, 1);
    give(v, RESET);
}

static bool reg_reset_done(void *ctx)
{
    struct vmm *v = ctx;
    return virtq_shared_load(v->port, &v->in_reset) == 0;
}

static uint64_t reg_capacity(void *ctx)
{
    (void)ctx;
    return 0; // no block device
}

static void link(void *state, struct lab_link *out)
{
    *out = (struct lab_link){.ctx = state,
                             .offered = reg_offered,
                             .queue_size_max = reg_queue_size_max,
                             .start = reg_start,
                             .reset = reg_reset,
                             .reset_done = reg_reset_done,
                             .capacity_sectors = reg_capacity};
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

static void obey(struct vmm *v, uint32_t command)
{
    if ((command & RESET) != 0) {
        v->running = false;
        plug_queue_close(v->port, 0);
        virtq_shared_store(v->port, &v->in_reset, 0);
    } else if ((command & START) != 0) {
        memset(&v->q, 0, sizeof(v->q));
        v->q.event_idx = (v->features & VIRTQ_F_EVENT_IDX) != 0;
        v->q.indirect = (v->features & VIRTQ_F_INDIRECT_DESC) != 0;
        v->told = false;
        v->running = vmm_queue_start(&v->q, &v->ram, (uint16_t)v->regs.size, v->regs.desc,
                                     v->regs.avail, v->regs.used) &&
                     plug_queue_open(v->port, &v->regs);
        if (!v->running) {
            tell_broken(v);
        }
    }
}

static bool step(void *state)
{
    struct vmm *v = state;
    bool idle = true;

    obey(v, virtq_shared_exchange(v->port, &v->command, 0));
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
