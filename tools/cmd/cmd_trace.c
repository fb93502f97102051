// tools/cmd/cmd_trace.c -- what a trace says of the run that it holds.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_trace.h"

#include "tools/cmd/cmd.h"
#include "tools/lab/lab_world.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_SIZE_MAX 32768u // [2.7]

// The line that a recorded ring's trace begins with.
#define RECORDED "recorded="

bool cmd_trace_is_recorded(const struct vl_trace_info *info)
{
    return info->n_scenario > 0 && strncmp(info->scenario[0], RECORDED, strlen(RECORDED)) == 0;
}

bool cmd_trace_scenario(const struct vl_trace_info *info, struct lab_scenario *s, char err[256])
{
    lab_scenario_default(s);
    if (cmd_trace_is_recorded(info)) {
        (void)snprintf(err, 256,
                       "it was recorded, not run here (%.100s), and cannot be run again; `vringlab "
                       "check` judges it",
                       info->scenario[0]);
        return false;
    }
    for (uint32_t i = 0; i < info->n_scenario; i++) { // bound: VL_TRACE_SCENARIO_MAX
        char inner[256];
        if (!lab_scenario_set(s, info->scenario[i], inner)) {
            (void)snprintf(err, 256, "its scenario is not one of this build: %.200s", inner);
            return false;
        }
    }
    return true;
}

// ---- recorded rings -------------------------------------------------------------------------

// What a recorded ring can say of itself; each line may stand there, in any order.
struct recorded_line {
    const char *line; // "key=value"
    void (*set)(struct vl_judge_setup *setup);
};

static void as_it_is(struct vl_judge_setup *setup)
{
    (void)setup;
}

static void driver_lies(struct vl_judge_setup *setup)
{
    setup->config.hostile_driver = true;
}

static void device_lies(struct vl_judge_setup *setup)
{
    setup->config.hostile_device = true;
}

static void not_owed(struct vl_judge_setup *setup)
{
    setup->config.completion_owed = false;
}

static void over_pci(struct vl_judge_setup *setup)
{
    setup->config.pci = true;
}

static void by_orders(struct vl_judge_setup *setup)
{
    setup->config.barriers = true;
}

static void notes_are_there(struct vl_judge_setup *setup)
{
    setup->derive_notes = false;
}

static const struct recorded_line recorded_lines[] = {
    {"hostile=none", as_it_is},        {"hostile=driver", driver_lies},
    {"hostile=device", device_lies},   {"completion=owed", as_it_is},
    {"completion=kept", not_owed},     {"transport=direct", as_it_is},
    {"transport=pci", over_pci},       {"barriers=effects", as_it_is},
    {"barriers=orders", by_orders},    {"notes=derived", as_it_is},
    {"notes=caller", notes_are_there},
};

#define VIRTIO_ID "virtio_id="

static bool set_recorded(struct vl_judge_setup *setup, const char *line, char err[256])
{
    uint64_t id = 0;

    if (strncmp(line, VIRTIO_ID, strlen(VIRTIO_ID)) == 0 &&
        cmd_parse_u64(line + strlen(VIRTIO_ID), &id) && id <= UINT16_MAX) {
        setup->config.virtio_id = (uint16_t)id;
        return true;
    }
    for (size_t i = 0; i < sizeof(recorded_lines) / sizeof(recorded_lines[0]); i++) {
        if (strcmp(line, recorded_lines[i].line) == 0) {
            recorded_lines[i].set(setup);
            return true;
        }
    }
    (void)snprintf(err, 256,
                   "\"%.80s\" is none of what a recorded ring can say of itself: hostile, "
                   "completion, transport, barriers, notes, virtio_id (docs/TRACE.md)",
                   line);
    return false;
}

static bool recorded_setup(const struct vl_trace_info *info, struct vl_judge_setup *setup,
                           char err[256])
{
    setup->config = (struct vl_referee_config){.completion_owed = true};
    setup->derive_notes = true;
    for (uint32_t i = 1; i < info->n_scenario; i++) { // bound: VL_TRACE_SCENARIO_MAX
        if (!set_recorded(setup, info->scenario[i], err)) {
            return false;
        }
    }
    setup->config.hostile_pci = setup->config.hostile_device && setup->config.pci;
    return true;
}

// ---- judging --------------------------------------------------------------------------------

static bool take_regions(const struct vl_trace_info *info, struct vl_judge_setup *setup,
                         char err[256])
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < info->n_regions; i++) { // bound: VL_TRACE_REGIONS_MAX
        const uint64_t bytes = info->regions[i].bytes;
        if (bytes > VL_JUDGE_MEM_MAX_BYTES || (total += bytes) > VL_JUDGE_MEM_MAX_BYTES) {
            (void)snprintf(err, 256,
                           "has more than %u MiB of guest memory; record only the regions that "
                           "rings and buffers lie in",
                           VL_JUDGE_MEM_MAX_BYTES >> 20);
            return false;
        }
        setup->region[i] =
            (struct vl_referee_region){.gpa = info->regions[i].gpa, .bytes = (uint32_t)bytes};
    }
    setup->n_regions = info->n_regions;
    return true;
}

bool cmd_trace_judge_setup(const struct vl_trace_info *info, struct vl_judge_setup *setup,
                           char err[256])
{
    const enum vl_outcome outcome = info->verdict.outcome;
    struct lab_scenario s;

    *setup = (struct vl_judge_setup){.queue_size_max = QUEUE_SIZE_MAX, .ended = VL_CLEAN};
    if (outcome == VL_BUDGET || outcome == VL_CRASHED) {
        setup->ended = outcome;
    }
    if (!take_regions(info, setup, err)) {
        return false;
    }
    if (cmd_trace_is_recorded(info)) {
        return recorded_setup(info, setup, err);
    }
    if (!cmd_trace_scenario(info, &s, err)) {
        return false;
    }
    setup->config = lab_referee_config(&s);
    setup->queue_size_max = s.queue_size;
    return true;
}
