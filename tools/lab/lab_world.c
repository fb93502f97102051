// tools/lab/lab_world.c -- wiring: machine, players, workload, backend, bus, referees.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_world_internal.h"

#include "model/pci/vl_pci_machine.h"
#include "tools/lab/lab_fault.h"
#include "tools/lab/lab_mischief_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DEVIATIONS_DEFAULT 65536u
#define STATE_ALIGN 64u
_Static_assert((int)LAB_MEMORY_TSO == (int)VL_MODEL_TSO &&
                   (int)LAB_MEMORY_RC11 == (int)VL_MODEL_RC11,
               "a scenario's memory is a memory model");

// ---- memory -------------------------------------------------------------------------------------

static void *take(const struct lab *lab, size_t bytes)
{
    if (!lab->options.shared) {
        return calloc(1, bytes);
    }
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void give(const struct lab *lab, void *p, size_t bytes)
{
    if (!lab->options.shared) {
        free(p);
    } else if (p != NULL) {
        (void)munmap(p, bytes);
    }
}

// ---- contexts -----------------------------------------------------------------------------------

static void driver_main(void *ctx)
{
    struct lab *lab = ctx;
    bool more = lab->player[VL_SIDE_DRIVER]->step(lab->state[VL_SIDE_DRIVER]);
    if (lab->up != NULL) {
        lab->up(lab->up_ctx);
    }
    while (more) { // bound: the workload, or the machine's budget
        more = lab->player[VL_SIDE_DRIVER]->step(lab->state[VL_SIDE_DRIVER]);
    }
}

static void device_main(void *ctx)
{
    struct lab *lab = ctx;
    // bound: the machine ends the run
    while (lab->player[VL_SIDE_DEVICE]->step(lab->state[VL_SIDE_DEVICE])) {
    }
}

static void on_doorbell(void *ctx, uint16_t queue)
{
    struct lab *lab = ctx;
    lab->player[VL_SIDE_DEVICE]->on_notify(lab->state[VL_SIDE_DEVICE], queue);
}

static void on_interrupt(void *ctx, uint16_t vector)
{
    struct lab *lab = ctx;
    lab->player[VL_SIDE_DRIVER]->on_interrupt(lab->state[VL_SIDE_DRIVER], vector);
}

// A directly attached driver's register accesses are the device's trap context, too.
#define IN_TRAP(lab, statement)                                                                    \
    do {                                                                                           \
        uint8_t saved_ = 0;                                                                        \
        if ((lab)->machine->config.counters) {                                                     \
            vl_sched_point((lab)->machine); /* as a register access over PCI is */                 \
        }                                                                                          \
        vl_flush_posted((lab)->machine);                                                           \
        vl_trap_enter((lab)->machine, VL_AGENT_TRAP, &saved_);                                     \
        statement;                                                                                 \
        vl_trap_leave((lab)->machine, saved_);                                                     \
    } while (0)

static uint64_t link_offered(void *ctx)
{
    struct lab *lab = ctx;
    uint64_t v = 0;
    IN_TRAP(lab, v = lab->inner_link.offered(lab->inner_link.ctx));
    return v;
}

static uint32_t link_queue_size_max(void *ctx)
{
    struct lab *lab = ctx;
    uint32_t v = 0;
    IN_TRAP(lab, v = lab->inner_link.queue_size_max(lab->inner_link.ctx));
    return v;
}

static bool link_start(void *ctx, uint64_t features, uint32_t queue_size, uint64_t desc,
                       uint64_t driver, uint64_t device)
{
    struct lab *lab = ctx;
    bool ok = false;
    IN_TRAP(lab, ok = lab->inner_link.start(lab->inner_link.ctx, features, queue_size, desc, driver,
                                            device));
    return ok;
}

static void link_reset(void *ctx)
{
    struct lab *lab = ctx;
    IN_TRAP(lab, lab->inner_link.reset(lab->inner_link.ctx));
}

static bool link_reset_done(void *ctx)
{
    struct lab *lab = ctx;
    bool done = false;
    IN_TRAP(lab, done = lab->inner_link.reset_done(lab->inner_link.ctx));
    return done;
}

static uint64_t link_capacity(void *ctx)
{
    struct lab *lab = ctx;
    return lab->inner_link.capacity_sectors(lab->inner_link.ctx);
}

// ---- opening ------------------------------------------------------------------------------------

static bool fail(char err[LAB_ERR_BYTES], const char *what)
{
    (void)snprintf(err, LAB_ERR_BYTES, "%s", what);
    return false;
}

static void fill_half_configs(struct lab *lab)
{
    const struct lab_scenario *s = &lab->scenario;

    lab->link = (struct lab_link){.ctx = lab,
                                  .offered = link_offered,
                                  .queue_size_max = link_queue_size_max,
                                  .start = link_start,
                                  .reset = link_reset,
                                  .reset_done = link_reset_done,
                                  .capacity_sectors = link_capacity};
    lab->half[VL_SIDE_DRIVER] =
        (struct lab_half_config){.scenario = s, .work = &lab->workload.work, .link = &lab->link};
    lab->half[VL_SIDE_DEVICE] = (struct lab_half_config){.scenario = s,
                                                         .backend = &lab->disk.backend,
                                                         .msix_enabled = lab_pci_msix_enabled,
                                                         .bus = &lab->pci};
}

static bool configure_players(struct lab *lab, char err[LAB_ERR_BYTES])
{
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        lab->player[side] =
            lab_fault_player(&lab->scenario, (enum lab_side)side, lab->options.player_dir, err);
        if (lab->player[side] == NULL) {
            return false;
        }
        const size_t bytes = lab->player[side]->state_bytes(&lab->half[side]);
        lab->state_bytes[side] = (bytes + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
    }
    return true;
}

bool lab_configure(struct lab *lab, const struct lab_scenario *s, char err[LAB_ERR_BYTES])
{
    if (!lab_scenario_check(s, err)) {
        return false;
    }
    if (&lab->scenario != s) {
        lab->scenario = *s;
    }
    fill_half_configs(lab);
    if (!configure_players(lab, err)) {
        return false;
    }
    const uint32_t mem = lab_scenario_mem_bytes(s);
    if (mem == 0) {
        return fail(err,
                    "queue_size, chain and bytes together need more than 64 MiB of guest memory");
    }
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        if (lab->state_max[side] != 0 && lab->state_bytes[side] > lab->state_max[side]) {
            return fail(err, "the scenario needs larger players than this world has");
        }
    }
    if (lab->machine != NULL &&
        (mem > lab->mem_bytes || s->queue_size > lab->queue_size_max ||
         (s->bytes + 512) * s->chain + 512 > lab->workload.request_bytes_max)) {
        return fail(err, "the scenario needs more memory than this world has");
    }
    if (lab->machine != NULL && lab->machine->weak == NULL && s->memory != LAB_MEMORY_SC) {
        return fail(err, "the scenario needs a memory model that this world has no room for");
    }
    return true;
}

static bool open_parts(struct lab *lab, char err[LAB_ERR_BYTES])
{
    const uint32_t mem = lab_scenario_mem_bytes(&lab->scenario);
    lab->mem_bytes = lab->options.mem_bytes > mem ? lab->options.mem_bytes : mem;
    lab->queue_size_max = lab->scenario.queue_size > lab->options.queue_size_max
                              ? lab->scenario.queue_size
                              : lab->options.queue_size_max;
    struct vl_machine *machine = take(lab, sizeof(*machine));
    lab->log = lab->options.shared ? take(lab, sizeof(*lab->log)) : NULL; // else the machine's own
    lab->deviations = take(lab, lab->options.deviations_max * sizeof(*lab->deviations));
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        lab->state_max[side] = lab->state_bytes[side];
        lab->state[side] = aligned_alloc(STATE_ALIGN, lab->state_max[side]);
    }
    if (machine == NULL || (lab->options.shared && lab->log == NULL) || lab->deviations == NULL ||
        lab->state[0] == NULL || lab->state[1] == NULL ||
        vl_machine_open(machine, lab->mem_bytes, lab->options.deviations_max, lab->deviations,
                        lab->log) != VIRTQ_OK) {
        give(lab, machine, sizeof(*machine));
        return fail(err, "not enough memory for the machine");
    }
    lab->machine = machine;
    if ((lab->options.weak || lab->scenario.memory != LAB_MEMORY_SC) &&
        vl_machine_open_weak(machine) != VIRTQ_OK) {
        return fail(err, "not enough memory for the memory model");
    }
    if (!lab_workload_open(&lab->workload, &lab->scenario)) {
        return fail(err, "not enough memory for the workload");
    }
    if (lab->options.referees) {
        lab->referees = vl_referees_open(machine, lab->queue_size_max, lab->mem_bytes);
        if (lab->referees == NULL) {
            return fail(err, "not enough memory for the referees");
        }
    }
    return lab->options.replay || lab_disk_open(&lab->disk, &lab->scenario, NULL, err);
}

struct lab *lab_open(const struct lab_scenario *s, const struct lab_options *options,
                     char err[LAB_ERR_BYTES])
{
    struct lab *lab = calloc(1, sizeof(*lab));
    if (lab == NULL) {
        (void)fail(err, "not enough memory");
        return NULL;
    }
    lab->options = *options;
    lab->disk.fd = -1;
    if (lab->options.deviations_max == 0) {
        lab->options.deviations_max = DEVIATIONS_DEFAULT;
    }
    if (!lab_configure(lab, s, err) || !open_parts(lab, err)) {
        lab_close(lab);
        return NULL;
    }
    return lab;
}

void lab_close(struct lab *lab)
{
    lab_disk_close(&lab->disk);
    lab_workload_close(&lab->workload);
    if (lab->referees != NULL) {
        vl_referees_close(lab->referees);
    }
    if (lab->machine != NULL) {
        vl_machine_close(lab->machine);
        give(lab, lab->machine, sizeof(*lab->machine));
    }
    give(lab, lab->log, sizeof(*lab->log));
    give(lab, lab->deviations, lab->options.deviations_max * sizeof(*lab->deviations));
    free(lab->state[0]);
    free(lab->state[1]);
    free(lab);
}

bool lab_serve_outside(struct lab *lab, const struct lab_outside *outside, char err[LAB_ERR_BYTES])
{
    lab_disk_close(&lab->disk);
    if (outside == NULL) {
        return lab_disk_open(&lab->disk, &lab->scenario, NULL, err);
    }
    lab->outside = *outside;
    return lab_disk_open(&lab->disk, &lab->scenario, &lab->outside, err);
}

void lab_set_observer(struct lab *lab, const struct vl_observer *observer)
{
    lab->observer = observer != NULL ? *observer : (struct vl_observer){0};
}

void lab_set_acts(struct lab *lab, const struct lab_breach *acts)
{
    lab->acts = acts;
}

// ---- a run --------------------------------------------------------------------------------------

// Both the referees and a caller's observer see each event.
static void on_event(void *ctx, const struct vl_event *ev, uint64_t seq, const uint8_t *payload)
{
    struct lab *lab = ctx;
    lab->observer.on_event(lab->observer.ctx, ev, seq, payload);
    if (lab->referees != NULL) {
        vl_referees_event(lab->referees, ev, seq, payload);
    }
}

static void reset_machine(struct lab *lab)
{
    const struct lab_scenario *s = &lab->scenario;
    struct vl_machine *m = lab->machine;
    struct vl_run_config config = {.budget_events = s->budget,
                                   .hashing = lab->options.hashing,
                                   .model = (enum vl_model)s->memory,
                                   .weak_mmio = s->platform == LAB_PLATFORM_WEAK_MMIO,
                                   .races_see = s->races == LAB_RACES_SEE,
                                   .counters = s->notify == LAB_NOTIFY_COUNTER,
                                   .hostile_driver = s->hostile == LAB_HOSTILE_DRIVER,
                                   .hostile_device = s->hostile == LAB_HOSTILE_DEVICE};
    lab_fault_orders(s, config.barrier_order);
    lab_mischief_fault_force(s, config.forced);
    m->strand[VL_SIDE_DRIVER].half =
        (struct vl_half){.ctx = lab, .main = driver_main, .on_interrupt = on_interrupt};
    m->strand[VL_SIDE_DEVICE].half =
        (struct vl_half){.ctx = lab, .main = device_main, .on_doorbell = on_doorbell};
    vl_machine_reset(m, &config);
    m->memory.bus_offset = s->dma == LAB_DMA_IOMMU ? VL_IOMMU_OFFSET : 0;
    if (s->dma == LAB_DMA_BOUNCE) {
        vl_memory_bounce(&m->memory);
    }
    m->mischief = NULL;
    if (s->hostile != LAB_HOSTILE_NONE) {
        lab_mischief_init(&lab->mischief, m, s->queue_size);
        m->mischief = &lab->mischief.ops;
    }
    m->observer = (struct vl_observer){0};
    if (lab->observer.on_event != NULL) {
        m->observer = (struct vl_observer){.ctx = lab, .on_event = on_event};
    } else if (lab->referees != NULL) {
        m->observer = (struct vl_observer){.ctx = lab->referees, .on_event = vl_referees_event};
    }
}

static void start_choices(struct lab *lab, const struct lab_choices *choices)
{
    const struct lab_scenario *s = &lab->scenario;
    struct vl_choices *c = &lab->machine->choices;
    uint32_t hostile = 0;

    if (choices->source == VL_SOURCE_INPUT) {
        vl_choices_from_input(c, choices->list, choices->n);
        return;
    }
    if (choices->source == VL_SOURCE_GUIDE) {
        vl_choices_from_guide(c, &choices->guide);
        return;
    }
    if (s->hostile == LAB_HOSTILE_DRIVER) {
        hostile = 1u << VL_LANE_MISCHIEF_DRIVER | 1u << VL_LANE_MISCHIEF_PCI;
    } else if (s->hostile == LAB_HOSTILE_DEVICE) {
        hostile = 1u << VL_LANE_MISCHIEF_DEVICE | 1u << VL_LANE_MISCHIEF_PCI;
    }
    vl_choices_from_seed(c, choices->seed, choices->schedule, choices->depth, hostile);
}

// Both halves at power-on, and the bus between them. Nothing of this can fail for a scenario that
// lab_configure() took.
static void create_halves(struct lab *lab)
{
    struct vl_machine *m = lab->machine;

    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        memset(lab->state[side], 0, lab->state_bytes[side]);
    }
    const enum virtq_err device = lab->player[VL_SIDE_DEVICE]->create(
        lab->state[VL_SIDE_DEVICE], &lab->half[VL_SIDE_DEVICE], &m->port[VL_SIDE_DEVICE]);
    VIRTQ_ASSERT(device == VIRTQ_OK);
    m->bus = (struct vl_bus_ops){0};
    if (lab->scenario.transport == LAB_TRANSPORT_PCI) {
        lab_pci_plug(&lab->pci, m, lab->player[VL_SIDE_DEVICE], lab->state[VL_SIDE_DEVICE],
                     lab->scenario.caps == LAB_CAPS_DECOYS);
        lab->mischief.function = lab->pci.function;
    } else {
        lab->player[VL_SIDE_DEVICE]->link(lab->state[VL_SIDE_DEVICE], &lab->inner_link);
    }
    const enum virtq_err driver = lab->player[VL_SIDE_DRIVER]->create(
        lab->state[VL_SIDE_DRIVER], &lab->half[VL_SIDE_DRIVER], &m->port[VL_SIDE_DRIVER]);
    VIRTQ_ASSERT(driver == VIRTQ_OK);
}

// Everything at power-on, before anybody judges.
static void power_on(struct lab *lab, const struct lab_choices *choices)
{
    reset_machine(lab);
    start_choices(lab, choices);
    lab_disk_reset(&lab->disk, lab->machine, &lab->scenario);
    lab_workload_reset(&lab->workload, lab->machine, &lab->scenario);
}

static void first_step(void *ctx)
{
    struct lab *lab = ctx;
    (void)lab->player[VL_SIDE_DRIVER]->step(lab->state[VL_SIDE_DRIVER]);
    vl_machine_stop(lab->machine);
}

bool lab_set_up(struct lab *lab)
{
    const struct lab_choices benign = {.source = VL_SOURCE_INPUT};
    struct vl_machine *m = lab->machine;

    power_on(lab, &benign);
    m->observer = (struct vl_observer){0};
    m->strand[VL_SIDE_DRIVER].half.main = first_step;
    create_halves(lab);
    (void)vl_machine_run(m);
    return m->verdict.outcome == VL_CLEAN && !lab->workload.failed;
}

struct vl_referee_config lab_referee_config(const struct lab_scenario *s)
{
    const bool pci = s->transport == LAB_TRANSPORT_PCI;
    return (struct vl_referee_config){.hostile_driver = s->hostile == LAB_HOSTILE_DRIVER,
                                      .hostile_device = s->hostile == LAB_HOSTILE_DEVICE,
                                      .hostile_pci = s->hostile == LAB_HOSTILE_DEVICE && pci,
                                      .completion_owed = true,
                                      .pci = pci,
                                      .races_seen = s->races == LAB_RACES_SEE,
                                      .barriers = s->barriers == LAB_BARRIERS_ORDERS,
                                      .virtio_id = s->device == LAB_DEVICE_BLK ? VL_VIRTIO_BLK
                                                                               : VL_VIRTIO_ENTROPY};
}

const struct vl_verdict *lab_run(struct lab *lab, const struct lab_choices *choices)
{
    const struct lab_scenario *s = &lab->scenario;
    struct vl_machine *m = lab->machine;

    power_on(lab, choices);
    if (lab->referees != NULL) {
        struct vl_referee_config config = lab_referee_config(s);
        config.promises_first = lab->options.promises_first;
        vl_referees_reset(lab->referees, &config);
    }
    create_halves(lab);
    lab_breach_start(&lab->breach, lab->acts != NULL ? lab->acts : lab_breach_of(s), m,
                     s->transport == LAB_TRANSPORT_PCI ? &lab->pci : NULL);
    (void)vl_machine_run(m);
    if (lab->referees != NULL) {
        vl_referees_end(lab->referees, &m->verdict);
    }
    for (unsigned side = 0; side < VL_SIDE_COUNT; side++) {
        lab->player[side]->destroy(lab->state[side]);
    }
    return &m->verdict;
}

void lab_pci_text(struct lab *lab, const struct lab_choices *choices, char text[LAB_PCI_TEXT_BYTES])
{
    if (choices != NULL) {
        (void)lab_run(lab, choices);
    } else {
        reset_machine(lab);
        lab_disk_reset(&lab->disk, lab->machine, &lab->scenario);
        create_halves(lab);
    }
    (void)vl_pci_dump(lab->pci.function, text, LAB_PCI_TEXT_BYTES);
}

bool lab_commit_writes(struct lab *lab, char err[LAB_ERR_BYTES])
{
    if (lab->scenario.write == 0 || lab->machine->verdict.outcome != VL_CLEAN) {
        return true;
    }
    return lab_disk_commit(&lab->disk, lab->scenario.disk, err);
}

struct vl_machine *lab_machine(struct lab *lab)
{
    return lab->machine;
}

const struct vl_states *lab_states(const struct lab *lab)
{
    return lab->referees != NULL ? vl_referees_states(lab->referees) : NULL;
}

uint64_t lab_marks(const struct lab *lab)
{
    return lab->referees != NULL ? vl_referees_marks(lab->referees) : 0;
}

const char *lab_read_sha256(const struct lab *lab)
{
    return lab->workload.sha256;
}

void lab_disk_info(const struct lab *lab, struct lab_disk_info *info)
{
    *info = (struct lab_disk_info){.path = lab->scenario.disk, .bytes = lab->disk.bytes};
    (void)snprintf(info->sha256, sizeof(info->sha256), "%s", lab->disk.sha256);
}
