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

struct recorded_key {
    const char *line; // "key=value"
    void (*set)(struct vl_referee_config *config);
};

static void nothing(struct vl_referee_config *config)
{
    (void)config;
}

static void driver_lies(struct vl_referee_config *config)
{
    config->hostile_driver = true;
}

static void device_lies(struct vl_referee_config *config)
{
    config->hostile_device = true;
}

static void not_owed(struct vl_referee_config *config)
{
    config->completion_owed = false;
}

static void over_pci(struct vl_referee_config *config)
{
    config->pci = true;
}

static void by_orders(struct vl_referee_config *config)
{
    config->barriers = true;
}

static const struct recorded_key recorded_keys[] = {
    {"hostile=none", nothing},    {"hostile=driver", driver_lies}, {"hostile=device", device_lies},
    {"completion=owed", nothing}, {"completion=kept", not_owed},   {"transport=direct", nothing},
    {"transport=pci", over_pci},  {"barriers=effects", nothing},   {"barriers=orders", by_orders},
};

#define VIRTIO_ID "virtio_id="

static bool set_recorded(struct vl_referee_config *config, const char *line, char err[256])
{
    uint64_t id = 0;

    if (strncmp(line, VIRTIO_ID, strlen(VIRTIO_ID)) == 0 &&
        cmd_parse_u64(line + strlen(VIRTIO_ID), &id) && id <= UINT16_MAX) {
        config->virtio_id = (uint16_t)id;
        return true;
    }
    for (size_t i = 0; i < sizeof(recorded_keys) / sizeof(recorded_keys[0]); i++) {
        if (strcmp(line, recorded_keys[i].line) == 0) {
            recorded_keys[i].set(config);
            return true;
        }
    }
    (void)snprintf(err, 256,
                   "\"%.80s\" is none of what a recorded ring can say of itself: hostile, "
                   "completion, transport, barriers, virtio_id (docs/TRACE.md)",
                   line);
    return false;
}

static bool recorded_config(const struct vl_trace_info *info, struct vl_referee_config *config,
                            char err[256])
{
    *config = (struct vl_referee_config){.completion_owed = true};
    for (uint32_t i = 1; i < info->n_scenario; i++) { // bound: VL_TRACE_SCENARIO_MAX
        if (!set_recorded(config, info->scenario[i], err)) {
            return false;
        }
    }
    config->hostile_pci = config->hostile_device && config->pci;
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
        return recorded_config(info, &setup->config, err);
    }
    if (!cmd_trace_scenario(info, &s, err)) {
        return false;
    }
    setup->config = lab_referee_config(&s);
    setup->queue_size_max = s.queue_size;
    return true;
}
