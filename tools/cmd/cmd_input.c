// tools/cmd/cmd_input.c -- loading an INPUT of any form: text, a fuzzer's bytes, or a trace.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_input.h"

#include "model/trace/vl_trace.h"
#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define MAGIC_BYTES 15u // of a SQLite file

bool cmd_input_is_trace(const char *path)
{
    char first[MAGIC_BYTES] = {0};
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    const size_t n = fread(first, 1, sizeof(first), f);
    (void)fclose(f);
    const size_t length = strlen(path);
    return (n == sizeof(first) && memcmp(first, "SQLite format 3", sizeof(first)) == 0) ||
           (length > 3 && strcmp(path + length - 3, ".db") == 0);
}

bool cmd_input_is_bytes(const char *path)
{
    static const char magic[] = "vringlab-input ";
    char first[sizeof(magic) - 1] = {0};
    const size_t length = strlen(path);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    (void)fread(first, 1, sizeof(first), f);
    (void)fclose(f);
    return memcmp(first, magic, sizeof(first)) != 0 && !cmd_input_is_trace(path) &&
           !(length > 4 && strcmp(path + length - 4, ".run") == 0);
}

bool cmd_input_decode(const char *path, enum lab_target target, const struct lab_scenario *base,
                      uint64_t locked, struct lab_input *in, char *err)
{
    if (!lab_input_load(path, target, in, err)) { // makes room, and says what is wrong
        return false;
    }
    in->n = 0;
    const size_t room = (size_t)in->max * LAB_INPUT_RECORD_BYTES;
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(room);
    const bool ok = f != NULL && data != NULL;
    if (ok) {
        lab_input_decode(target, base, locked, data, fread(data, 1, room, f), in);
    } else {
        lab_input_free(in);
        (void)snprintf(err, 256, "%.150s: cannot be read again", path);
    }
    free(data);
    if (f != NULL) {
        (void)fclose(f);
    }
    return ok;
}

static bool take_trace(const struct vl_trace_info *info, struct lab_input *in, char err[256])
{
    if (!cmd_trace_scenario(info, &in->scenario, err)) {
        return false;
    }
    in->max = info->n_choices + 1;
    in->list = calloc(in->max, sizeof(in->list[0]));
    if (in->list == NULL) {
        (void)snprintf(err, 256, "no memory left");
        return false;
    }
    if (info->n_choices > 0) {
        memcpy(in->list, info->choices, info->n_choices * sizeof(in->list[0]));
    }
    in->n = vl_deviations_canonical(in->list, info->n_choices);
    if (info->verdict.outcome == VL_FINDING || info->verdict.outcome == VL_CRASHED) {
        (void)snprintf(in->finding, sizeof(in->finding), "%s", info->verdict.kind);
    }
    return true;
}

static int load_trace(const char *name, const char *path, struct lab_input *in)
{
    struct vl_trace *trace = NULL;
    char err[VL_TRACE_ERR_BYTES];

    if (vl_trace_open(&trace, path, err) != VIRTQ_OK) {
        return cmd_fail(name, CMD_EXIT_ENV, "%s", err);
    }
    const bool ok = take_trace(vl_trace_info(trace), in, err);
    vl_trace_close(trace);
    if (!ok) {
        lab_input_free(in);
        return cmd_fail(name, CMD_EXIT_ENV, "%s: %s", path, err);
    }
    return CMD_EXIT_CLEAN;
}

int cmd_input_load(const char *name, const char *path, int n_words, char *const *words,
                   struct lab_input *in)
{
    char *keys[WORDS_MAX];
    int n_keys = 0;
    enum lab_target target = LAB_TARGET_NONE;
    char err[256];

    memset(in, 0, sizeof(*in));
    for (int i = 0; i < n_words; i++) {
        if (strncmp(words[i], "target=", 7) == 0) {
            target = lab_target_find(words[i] + 7);
            if (target == LAB_TARGET_NONE) {
                return cmd_fail(name, CMD_EXIT_USAGE,
                                "%s: targets are pair, device, driver and pci", words[i]);
            }
        } else if (n_keys == WORDS_MAX) {
            return cmd_fail(name, CMD_EXIT_USAGE, "more than %d words", WORDS_MAX);
        } else {
            keys[n_keys++] = words[i];
        }
    }
    if (cmd_input_is_trace(path)) {
        const int code = load_trace(name, path, in);
        if (code != CMD_EXIT_CLEAN) {
            return code;
        }
    } else if (!lab_input_load(path, target, in, err)) {
        return cmd_fail(name, CMD_EXIT_ENV, "%s", err);
    }
    if (target != LAB_TARGET_NONE) {
        in->target = target;
    }
    if (n_keys > 0 && !lab_scenario_parse(&in->scenario, n_keys, keys, err)) {
        lab_input_free(in);
        return cmd_fail(name, CMD_EXIT_USAGE, "%s", err);
    }
    return CMD_EXIT_CLEAN;
}
