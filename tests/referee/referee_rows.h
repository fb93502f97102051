// tests/referee/referee_rows.h -- a table of scripts with the findings that they must raise.
// SPDX-License-Identifier: BSD-2-Clause
#ifndef REFEREE_ROWS_H
#define REFEREE_ROWS_H

#include "tests/referee/referee_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct row {
    const char *kind;
    const char *side;
    void (*steps)(struct script *s, bool broken);
    struct vl_referee_config config;
};

#define HONEST                                                                                     \
    {                                                                                              \
        .completion_owed = true                                                                    \
    }
#define HOSTILE_DRIVER                                                                             \
    {                                                                                              \
        .completion_owed = true, .hostile_driver = true                                            \
    }
#define HOSTILE_DEVICE                                                                             \
    {                                                                                              \
        .completion_owed = true, .hostile_device = true                                            \
    }

static int set_up(void **state)
{
    *state = script_open();
    return 0;
}

static int tear_down(void **state)
{
    script_close(*state);
    return 0;
}

static inline void rows_broken(struct script *s, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct vl_verdict *v = script_run(s, &rows[i].config, rows[i].steps, true);
        if (v->outcome != VL_FINDING || strcmp(v->kind, rows[i].kind) != 0 ||
            strcmp(v->side, rows[i].side) != 0) {
            fail_msg("row %zu, %s/%s: got %s/%s: %s", i, rows[i].kind, rows[i].side, v->kind,
                     v->side, v->detail);
        }
        assert_true(v->detail[0] != '\0');
    }
}

static inline void rows_benign(struct script *s, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct vl_verdict *v = script_run(s, &rows[i].config, rows[i].steps, false);
        if (v->outcome != VL_CLEAN) {
            fail_msg("row %zu, %s: got %s/%s: %s", i, rows[i].kind, v->kind, v->side, v->detail);
        }
    }
}

static inline void rows_hostile(struct script *s, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct vl_referee_config config = rows[i].config;
        const bool driver = strcmp(rows[i].side, "driver") == 0;
        config.hostile_driver = driver;
        config.hostile_device = !driver;
        const struct vl_verdict *v = script_run(s, &config, rows[i].steps, true);
        if (v->outcome == VL_FINDING && strcmp(v->side, rows[i].side) == 0) {
            fail_msg("row %zu, %s: got %s/%s: %s", i, rows[i].kind, v->kind, v->side, v->detail);
        }
    }
}

#endif
