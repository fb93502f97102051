// tools/plug/record/plug_record.c -- a trace of an input's run.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/plug/plug_record.h"

#include "model/trace/vl_record.h"
#include "tools/lab/lab_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINES_MAX 64u

struct child {
    struct lab *lab;
    struct lab_choices choices;
};

static int run_child(void *arg)
{
    struct child *c = arg;
    (void)lab_run(c->lab, &c->choices);
    return 0;
}

// The scenario as lines; they point into text.
static uint32_t scenario_lines(const struct lab_scenario *s, char text[LAB_TEXT_BYTES],
                               const char **lines)
{
    uint32_t n = 0;

    if (lab_scenario_print(s, '\n', true, text, LAB_TEXT_BYTES) == 0) {
        return 0;
    }
    for (char *p = text; *p != '\0' && n < LINES_MAX;) { // bound: the text
        lines[n++] = p;
        p += strcspn(p, "\n");
        if (*p != '\0') {
            *p++ = '\0';
        }
    }
    return n;
}

static bool record(struct lab *lab, const struct lab_input *input, const char *trace_path,
                   char err[256])
{
    char text[LAB_TEXT_BYTES];
    const char *lines[LINES_MAX];
    struct vl_record_result result;
    struct child child = {
        .lab = lab, .choices = {.source = VL_SOURCE_INPUT, .list = input->list, .n = input->n}};
    struct lab_disk_info disk;
    struct vl_trace_outside outside = {0};

    lab_disk_info(lab, &disk);
    (void)snprintf(outside.name, sizeof(outside.name), "%s", disk.path);
    (void)snprintf(outside.sha256, sizeof(outside.sha256), "%s", disk.sha256);
    outside.size = disk.bytes;
    const struct vl_record_job job = {.trace_path = trace_path,
                                      .tool = "libvringlab_trace",
                                      .scenario = lines,
                                      .n_scenario = scenario_lines(&input->scenario, text, lines),
                                      .outside = &outside,
                                      .n_outside = disk.path[0] != '\0' ? 1 : 0,
                                      .machine = lab_machine(lab),
                                      .child = run_child,
                                      .arg = &child};
    (void)fflush(stdout);
    if (vl_record_run(&job, &result, err) != VIRTQ_OK) {
        return false;
    }
    const struct vl_verdict *v = &result.verdict;
    (void)printf("verdict=%s kind=%s peer_faults=%u events=%" PRIu64 " hash=%016" PRIx64 "\n",
                 vl_outcome_name(v->outcome), v->kind, v->peer_faults, v->n_events, v->hash);
    (void)snprintf(err, 256, "%s, side %s: %.180s", v->kind, v->side, v->detail);
    return v->outcome == VL_CLEAN;
}

bool vringlab_record(const struct lab_input *input, const char *trace_path, char err[256])
{
    const struct lab_options options = {
        .shared = true, .hashing = true, .referees = true, .deviations_max = 1u << 16};
    struct lab *lab = lab_open(&input->scenario, &options, err);
    if (lab == NULL) {
        return false;
    }
    const bool clean = record(lab, input, trace_path, err);
    lab_close(lab);
    return clean;
}
