// tools/cmd/cmd_outside.c -- a file's bytes as a trace holds them, in place of the file.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/cmd/cmd_outside.h"

#include "tools/cmd/cmd.h"
#include "tools/cmd/cmd_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

// One stretch of the file that the recorded run read.
struct stretch {
    uint64_t off;
    uint64_t digest;
    uint32_t bytes;
};

struct cmd_outside {
    struct lab_outside bytes;
    struct vl_trace *trace;
    bool trace_owned;
    struct stretch *stretches;
    uint32_t n_stretches;
    uint32_t last; // where the last one was found: files are mostly read in order
    // Of one stretch. Reads happen on a fiber's stack, which is too small for it.
    uint8_t payload[VL_BULK_MAX_BYTES];
};

static const struct stretch *find(struct cmd_outside *o, uint64_t off)
{
    for (uint32_t i = 0; i < o->n_stretches; i++) { // bound: n_stretches
        const uint32_t at = (o->last + i) % o->n_stretches;
        const struct stretch *s = &o->stretches[at];
        if (off >= s->off && off - s->off < s->bytes) {
            o->last = at;
            return s;
        }
    }
    return NULL;
}

static bool read_outside(void *ctx, uint64_t off, uint8_t *dst, uint32_t bytes)
{
    struct cmd_outside *o = ctx;

    while (bytes > 0) { // bound: bytes
        const struct stretch *s = find(o, off);
        uint32_t n = bytes < SECTOR ? bytes : SECTOR;
        if (s == NULL) {
            // Never read from the file in the recorded run: it was written before, or this run
            // differs, which its events will say. What stands here does not matter.
            memset(dst, 0, n);
        } else {
            uint32_t len = 0;
            const uint32_t at = (uint32_t)(off - s->off);
            if (!vl_trace_payload(o->trace, s->digest, o->payload, &len) || at >= len) {
                return false;
            }
            n = len - at < bytes ? len - at : bytes;
            memcpy(dst, o->payload + at, n);
        }
        off += n;
        dst += n;
        bytes -= n;
    }
    return true;
}

static bool collect(struct cmd_outside *o)
{
    struct vl_trace_event te;
    uint32_t room = 0;

    vl_trace_seek(o->trace, 0);
    while (vl_trace_next(o->trace, &te)) { // bound: the trace's events
        if (te.ev.kind != VL_EV_OUTSIDE) {
            continue;
        }
        if (o->n_stretches == room) {
            room = room == 0 ? 1024 : room * 2;
            struct stretch *more = realloc(o->stretches, room * sizeof(*more));
            if (more == NULL) {
                return false;
            }
            o->stretches = more;
        }
        o->stretches[o->n_stretches++] =
            (struct stretch){.off = te.ev.addr, .digest = te.ev.value, .bytes = te.ev.len};
    }
    vl_trace_seek(o->trace, 0);
    return !vl_trace_failed(o->trace);
}

bool cmd_outside_open(struct cmd_outside **out, const char *path, struct vl_trace *trace,
                      char err[LAB_ERR_BYTES])
{
    struct cmd_outside *o = calloc(1, sizeof(*o));

    *out = NULL;
    if (o == NULL) {
        (void)snprintf(err, LAB_ERR_BYTES, "not enough memory");
        return false;
    }
    o->trace = trace;
    o->trace_owned = trace == NULL;
    if (trace == NULL && vl_trace_open(&o->trace, path, err) != VIRTQ_OK) {
        cmd_outside_close(o);
        return false;
    }
    const struct vl_trace_info *info = vl_trace_info(o->trace);
    if (info->n_outside == 0) {
        cmd_outside_close(o);
        return true;
    }
    if (!collect(o)) {
        (void)snprintf(err, LAB_ERR_BYTES, "%.120s: cannot be read, or not enough memory", path);
        cmd_outside_close(o);
        return false;
    }
    o->bytes = (struct lab_outside){.ctx = o, .read = read_outside, .size = info->outside[0].size};
    *out = o;
    return true;
}

void cmd_outside_close(struct cmd_outside *o)
{
    if (o != NULL) {
        if (o->trace_owned) {
            vl_trace_close(o->trace);
        }
        free(o->stretches);
        free(o);
    }
}

int cmd_outside_load(const char *name, const char *path, int n_words, char *const *words,
                     struct lab_input *in, struct cmd_outside **outside)
{
    char err[LAB_ERR_BYTES];
    const int code = cmd_input_load(name, path, n_words, words, in);

    *outside = NULL;
    if (code != CMD_EXIT_CLEAN || !cmd_input_is_trace(path) ||
        cmd_outside_open(outside, path, NULL, err)) {
        return code;
    }
    lab_input_free(in);
    return cmd_fail(name, CMD_EXIT_ENV, "%s", err);
}

const struct lab_outside *cmd_outside_bytes(const struct cmd_outside *o)
{
    return o != NULL ? &o->bytes : NULL;
}
