// ring/virtq_err.c -- texts of the error names, and the end of a failed assertion.
// SPDX-License-Identifier: BSD-2-Clause
#include "ring/virtq_err.h"

#include <stdio.h>
#include <stdlib.h>

#define VIRTQ_ERR_TEXT_(name, text) [VIRTQ_ERR_##name] = text,
static const char *const texts[VIRTQ_ERR_COUNT] = {[VIRTQ_OK] = "no error",
                                                   VIRTQ_CALLER_ERRORS(VIRTQ_ERR_TEXT_)
                                                       VIRTQ_DRIVER_FAULTS(VIRTQ_ERR_TEXT_)
                                                           VIRTQ_DEVICE_FAULTS(VIRTQ_ERR_TEXT_)};

#define VIRTQ_ERR_NAME_(name, text) [VIRTQ_ERR_##name] = #name,
static const char *const names[VIRTQ_ERR_COUNT] = {[VIRTQ_OK] = "OK",
                                                   VIRTQ_CALLER_ERRORS(VIRTQ_ERR_NAME_)
                                                       VIRTQ_DRIVER_FAULTS(VIRTQ_ERR_NAME_)
                                                           VIRTQ_DEVICE_FAULTS(VIRTQ_ERR_NAME_)};

const char *virtq_err_text(enum virtq_err err)
{
    return (unsigned)err < VIRTQ_ERR_COUNT ? texts[err] : "unknown error";
}

const char *virtq_err_name(enum virtq_err err)
{
    return (unsigned)err < VIRTQ_ERR_COUNT ? names[err] : "UNKNOWN";
}

bool virtq_err_is_peer(enum virtq_err err)
{
    return err >= VIRTQ_ERR_QUEUE_ADDR && err < VIRTQ_ERR_COUNT;
}

_Noreturn void virtq_assert_fail(const char *expr, const char *file, int line)
{
    (void)fprintf(stderr, "vringlab: assertion failed: %s (%s:%d)\n", expr, file, line);
    abort();
}
